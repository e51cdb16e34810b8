//! Multiclass classification for [`crosscut`]: one class of k for each input (Crammer and Singer
//! 2001).
//!
//! | | |
//! |---|---|
//! | x | a sparse row of m features ([`SparseVector`](crosscut::SparseVector)); an optional bias is one more feature of constant value |
//! | y | a [`Class`], 0 to k − 1; labels in files are any tokens |
//! | Ψ(x, y) | x in the weights of class y, 0 in the weights of all others: d = k · m |
//! | Δ(y, ŷ) | zero/one, squared difference of numeric labels, or any matrix of costs ([`Loss`]) |
//! | ⟨w, Ψ(x, y)⟩ | the score of class y, its weights times x |
//!
//! **Layout of w.** The weight of feature f and class c is w\[f · k + c\]. The k weights of a
//! feature are adjacent, so one sweep over the features of a row scores all classes, and each
//! feature is a contiguous slice of w.
//!
//! **The oracle** scores every class and takes the first of the best: O(k · non-zeros of x), exact
//! for margin and slack rescaling. A plane is two rows, x at the true class and −x at ȳ (both times
//! Δ for slack rescaling); it is empty if ȳ = y. Predictions also take the first of the best
//! classes.
//!
//! **The log-loss.** With [`Multiclass::with_objective`] (`--objective log`) training minimises −ln
//! P(y
//! | x), P(y | x) = exp⟨w, Ψ(x, y)⟩ / Σ over c of exp⟨w, Ψ(x, c)⟩: softmax regression. Its plane is the
//! entropy of P with x at y minus the mean of x at all classes. [`Multiclass::probabilities`]
//! returns P. scikit-learn's `LogisticRegression(C=c, fit_intercept=False)` solves the same problem
//! for C(sum) = c.
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
//! let solution = solve(&task, &examples, &settings)?;
//! assert!(solution.certificate.relative_gap() <= settings.relative_gap);
//!
//! let model = Model::new(task, solution.w, settings, solution.certificate);
//! assert_eq!(model.predict(&x), Class::new(2));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//! Rows of an [`sprs`] matrix become examples with [`Multiclass::examples`]. `using_a_model` is about
//! trained models in a Rust program: model files, predictions on all threads, formats of your own.
//!
//! The book in the folder `docs` of the repository has a guide (`docs/quick-start.md`), tables
//! (`docs/files.md`), class probabilities (`docs/probabilities.md`) and figures on real data
//! (`docs/figures.md`).
//!
//! # Files
//! `MulticlassFiles` reads and writes files, and makes the task a program. It is behind the feature
//! `files`, so that a Rust program without files does without what files need (see
//! [`crosscut_data`] for lines of svm-light, labels and ids alone).
//!
//! Examples are svm-light lines, `label id:value …`; a label is any token, and `cost:` is the
//! weight of an example. In files to be classified the label may be `?` or missing. Predictions are
//! lines `label score …` with the scores of all classes in the model's order: numerical if all
//! labels are numbers, else lexicographic. With `--probabilities`, they have the probabilities of
//! all classes instead.
//!
//! **Ids** count from 1 and increase. `--zero-based` permits the id 0; the model permits it
//! afterwards in what it reads, and names features by the ids of the file. `--sort-ids` permits any
//! order; a model learned with it needs it no more, and others can read with it. An id that a line
//! has twice is refused.
//!
//! **Tables.** With `--label COLUMN` the examples are the rows of a CSV or TSV file with a header
//! line ([`crosscut_app::table`] has the rules). Labels of tables may have spaces: the scores are
//! the last k words of a line of predictions.
//!
//! **Class weights.** `--class-weight balanced` multiplies the weight of a training example of
//! class c by W / (k W_c), where W is the sum of all weights and W_c that of class c: n / (k n_c)
//! without weights, as in scikit-learn. `--class-weight FILE` has lines `label weight`; other
//! classes have weight 1. `validate` weighs examples in its risk and measures as in training,
//! `evaluate` by their own weights.
//!
//! **Labels that are no classes** are refused: lists of labels, as in files for several labels an
//! example (`1,3,7`), and measurements.
//!
//! **Scaling.** `--scale standard|global` scales each feature by its values in all training
//! examples ([`crosscut_data::scaling`] has the formulas). The model keeps the scaling and applies
//! it to what it reads, except to the bias. The bias absorbs the shift of a feature. Without
//! `--bias` a shift changes the problem, and constant features, which become 0, can no longer act
//! as a bias. Without `--scale`, `learn` names features whose sizes are far apart. From Rust,
//! [`Multiclass::with_scaling`] scales the features passed to [`Multiclass::input`].
//!
//! **Folds.** In `validate` each fold has every class in proportion: the numbers of examples of a
//! class in two folds differ by at most one, whatever their weights.
//!
//! # Evaluation
//! All measures but the counts (`examples`, `correct`, `incorrect`, `unknown_labels`) are weighted
//! by the weights of the examples.
//! * A ratio whose denominator is zero is 0, so a class that is never predicted has precision 0.
//! * Macro averages are over the classes that have examples or are predicted, as scikit-learn's;
//!   macro F1 is the mean of their F1. All labels that the model does not know are one more class,
//!   whose precision, recall and F1 are 0.
//! * Micro averages, over all examples and predictions, equal the accuracy.
//! * Labels that the model does not know are errors of loss 1, and lower the precision of the
//!   predicted class.
//! * For models trained with the log-loss also [the measures of
//!   probabilities](crosscut_app::Forecasts).
//! * The rows of the confusion matrix are true classes, its columns predictions. It is omitted if
//!   there are more than 1000 classes.

#[cfg(feature = "files")]
mod class_weights;
#[cfg(feature = "files")]
mod format;
#[cfg(feature = "files")]
mod labels;
#[cfg(feature = "files")]
mod measures;
mod softmax;
mod task;
#[cfg(feature = "files")]
pub mod using_a_model;

#[cfg(feature = "files")]
pub use format::{ENTRY, MulticlassFiles};
pub use task::{Class, Loss, MatrixError, Multiclass, TaskError};
