//! Multiclass classification for [`crosscut`]: one class of k for each input (Crammer and Singer
//! 2001).
//!
//! | | |
//! |---|---|
//! | x | a sparse row of m features ([`SparseVector`](crosscut::SparseVector)); a bias, if wanted, is one more feature of constant value |
//! | y | a [`Class`], 0 to k − 1; labels of files are any tokens |
//! | Ψ(x, y) | x in the weights of class y, 0 in those of all others: d = k · m |
//! | Δ(y, ŷ) | zero/one, squared difference of numeric labels, or any matrix of costs ([`Loss`]) |
//! | ⟨w, Ψ(x, y)⟩ | the score of class y, its weights times x |
//!
//! **The layout.** The weight of feature f and class c is w\[f · k + c\]: the k weights of a
//! feature lie side by side, so all classes of a row are scored in one sweep over its features,
//! each of them a contiguous piece of w.
//!
//! **The oracle** scores every class and takes the first of the best: O(k · non-zeros of x), and
//! exact, for margin and for slack rescaling. A plane is two rows, x at the true class and −x at ȳ
//! (both times Δ for slack rescaling); nothing is written where ȳ = y. Predictions take the first
//! of the best classes as well.
//!
//! # Example
//! ```
//! use crosscut::{Example, Model, Settings, SparseVector, solve};
//! use crosscut_multiclass::{Class, Multiclass};
//!
//! let task = Multiclass::numbered(3, 2)?.with_bias(Some(1.0))?;
//! let points = [([2.0, 0.1], 0), ([1.8, -0.2], 0), ([0.0, 1.9], 1), ([0.3, 2.2], 1), ([-1.0, -1.1], 2), ([-2.0, -1.5], 2)];
//! let mut examples = Vec::new();
//! for (point, class) in points {
//!     let features = SparseVector::from_dense(&point)?;
//!     examples.push(Example::new(task.input(features.into())?, Class::new(class)));
//! }
//!
//! let x = task.input(SparseVector::from_dense(&[-1.5, -1.0])?.into())?;
//! let settings = Settings::default();
//! let solution = solve(&task, &examples, &settings, &mut |_| std::ops::ControlFlow::Continue(()))?;
//! assert!(solution.certificate.relative_gap() <= settings.relative_gap);
//!
//! let model = Model::new(task, solution.w, settings, solution.certificate);
//! assert_eq!(model.predict(&x), Class::new(2));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//! Rows of an [`sprs`] matrix become examples with [`Multiclass::examples`].
//!
//! # Files
//! Examples are svm-light lines, `label id:value …`, where a label is any token; `cost:` is the
//! weight of an example. In files to be classified the label may be `?` or missing. Predictions are
//! lines `label score …` with the scores of all classes in the model's order: by number where all
//! labels are numbers, else by text.
//!
//! **Scaling.** `--scale standard|global` scales each feature by its values in all training
//! examples ([`crosscut_app::scaling`] has the formulas); the model keeps it and scales what it
//! reads, the bias excepted. A shift of a feature is taken up by the bias; without `--bias` it
//! changes the problem, and constant features, which become 0, are no bias either. Without
//! `--scale`, `learn` names features whose sizes lie far apart. From Rust,
//! [`Multiclass::with_scaling`] scales what [`Multiclass::input`] takes.
//!
//! # Evaluation
//! Everything but the counts (`examples`, `correct`, `incorrect`, `unknown_labels`) is weighted by
//! the weights of the examples.
//! * A ratio whose denominator is zero is 0; so a class that is never predicted has precision 0.
//! * Macro averages are over the classes that have examples; macro F1 is the mean of their F1.
//! * Micro precision is over all predictions, micro recall over the examples of known classes. Both
//!   equal the accuracy unless there are labels that the model does not know.
//! * Such labels are errors of loss 1. They lower the precision of the class predicted, and are not
//!   a class themselves.
//! * The rows of the confusion matrix are true classes, its columns predictions. Above 1000 classes
//!   it is left out.

mod format;
mod measures;
mod task;

pub use crosscut_app::CostMatrix;
pub use task::{Class, Loss, MatrixError, Multiclass, TaskError};
