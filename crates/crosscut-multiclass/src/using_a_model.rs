//! A trained model in a Rust program. What this page says of multiclass holds for every task.
//!
//! # Dependencies
//!
//! The crates are not on a registry yet, so name a checkout, or the repository with `git = "…"` in
//! place of `path`:
//!
//! ```toml
//! [dependencies]
//! crosscut = { path = "../crosscut/crates/crosscut" }
//! crosscut-multiclass = { path = "../crosscut/crates/crosscut-multiclass", features = ["files"] }
//! crosscut-app = { path = "../crosscut/crates/crosscut-app" }
//! ```
//!
//! A program without files of ours needs neither `crosscut-app` nor the feature `files`.
//!
//! # A model file
//!
//! [`ModelFile`](crosscut_app::model_file::ModelFile) reads what `crosscut learn` or
//! [`save`](crosscut_app::model_file::save) writes. It gives the format, which knows the files that
//! the model was trained on, and the [`Model`](crosscut::Model): task, weights, settings and
//! certificate.
//!
//! ```
//! use crosscut::{Model, Settings, SparseVector, solve};
//! use crosscut_app::model_file::{self, ModelFile};
//! use crosscut_app::{Options, Source, Training, define, read};
//! use crosscut_multiclass::MulticlassFiles;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("mail.model");
//! // As `crosscut learn multiclass train.svm mail.model` does.
//! let train = Source::from_text("train.svm", "ham 1:2 2:0.1\nspam 1:0.2 2:1.8\nham 1:1.7\n");
//! let Training { format, task, examples } = define::<MulticlassFiles>(&Options::default(), train)?;
//! let settings = Settings::new();
//! let solution = solve(&task, &examples, &settings)?;
//! let model = Model::new(task, solution.w, settings, solution.certificate);
//! model_file::save(&format, &model, &path)?;
//!
//! let (format, model) = ModelFile::open(&path)?.load::<MulticlassFiles>()?;
//! assert!(model.certificate.converged());
//!
//! // Predict lines of the same files …
//! let items = read(&format, &model.task, Source::from_text("new", "? 1:3\nspam 2:1\n"))?;
//! let y_hat = model.predict(&items[0].x);
//! assert_eq!(model.task.classes().name(y_hat.index()), "ham");
//!
//! // … or features that the program has already, by the numbers of the task.
//! let features: Vec<_> = SparseVector::from_dense(&[0.0, 2.5])?.into();
//! let x = model.task.input(features)?;
//! assert_eq!(model.predict(&x), model.task.class("spam"));
//! # Ok(())
//! # }
//! ```
//!
//! # Many inputs
//!
//! [`Model::predict_all`](crosscut::Model::predict_all) predicts on all threads of the current rayon
//! pool, in order; [`risk`](crosscut::Model::risk) measures the mean loss in the same way. A thread
//! of your own keeps a scratch and calls [`Task::predict`](crosscut::Task::predict): a model is
//! read-only, so threads share it by reference.
//!
//! # A format of your own
//!
//! A model is plain data for serde, without `crosscut-app`. The layout of the serialised types may
//! change with the version of the crates: model files refuse an older layout by name, your own
//! format has to.
//!
//! ```
//! use crosscut::{Example, Model, Settings, SparseVector, Task, solve};
//! use crosscut_multiclass::{Class, Multiclass};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let task = Multiclass::numbered(2, 2)?;
//! # let points = [([2.0, 0.1], 0), ([0.2, 1.8], 1), ([1.7, 0.0], 0)];
//! # let mut examples = Vec::new();
//! # for (point, class) in points {
//! #     let x = task.input(SparseVector::from_dense(&point)?.into())?;
//! #     examples.push(Example::new(x, Class::new(class)));
//! # }
//! # let settings = Settings::new();
//! # let solution = solve(&task, &examples, &settings)?;
//! # let model = Model::new(task, solution.w, settings, solution.certificate);
//! let text = serde_json::to_string(&model)?;
//! let read: Model<Multiclass> = serde_json::from_str(&text)?;
//! // Foreign files may have another number of weights; the library does not check what you read.
//! assert_eq!(read.w.len(), read.task.dim());
//!
//! let inputs: Vec<_> = examples.iter().map(|example| &example.x).collect();
//! assert_eq!(read.predict_all(&inputs), [Class::new(0), Class::new(1), Class::new(0)]);
//! # Ok(())
//! # }
//! ```
