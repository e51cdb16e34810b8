//! 4 · A task.
//!
//! [`Structured`](crate::Structured) and [`Sum`](crate::Sum) are short ways to a
//! [`Task`](crate::Task). Write the task itself if a structure outgrows them:
//!
//! * planes keep rows of the data *by reference*, which saves most of the memory and much of the
//!   time if positions have many features;
//! * a search keeps its tables from call to call;
//! * one search may give several planes, planes may be recombined, the loss may depend on x, slack
//!   may be rescaled, and ȳ need not even be named (in ranking, it is a choice for each of many
//!   pairs).
//!
//! The task of this page is the interval of [your first structure](super::your_first_structure),
//! now with a row of features at each position.
//!
//! # The task
//!
//! A score is again a sum over positions, and so is the loss. Prediction and separation are two
//! methods here:
//!
//! ```
#![doc = include_str!("../../tests/suite/worlds/span.rs")]
//! ```
//!
//! Four things deserve a second look.
//!
//! **Signs.** [`separate`](crate::Task::separate) maximises Δ + ⟨w, Ψ(x, ȳ)⟩: the loss is *added*.
//! The plane that it [adds](crate::Planes::add) has δ = Ψ(x, y) − Ψ(x, ȳ), the truth *minus* the
//! rival, and Δ(y, ȳ) alone, not the maximum. [`FeatureMap::plane`](crate::FeatureMap::plane)
//! writes δ and returns Δ for every task that can name its ȳ. A task that cannot implements
//! [`Task`](crate::Task) alone and writes δ itself.
//!
//! **The lifetime `'a`.** It says that the example lives as long as the sink may keep references to
//! it. A row written with [`add_row`](crate::Sink::add_row) can therefore be kept as a *reference*,
//! so that a cached plane of this task costs a few words for each position and not a copy of its
//! features. A number that the oracle computes on the fly goes through [`add`](crate::Sink::add).
//! If the compiler says that `x` does not live long enough, an `'a` is missing in a signature.
//!
//! **`Scratch`.** It is `()` here. An oracle that fills tables (Viterbi, matching) keeps them
//! there: each thread has its own scratch and reuses it.
//!
//! **Names of rows.** The solver identifies a row by its name, which is unique in the example:
//! [`SparseRows`](crate::SparseRows) uses positions as names. [`row`](crate::Task::row) returns the
//! row with a name. It is optional, but without it training cannot be saved and resumed.
//!
//! [`validate`](crate::Task::validate) refuses examples that the oracle cannot handle, before
//! training.
//!
//! # Test it, train it
//!
//! As before: the laws and brute force first, then training. A borrowed task is a task too, so
//! functions that take tasks by value take `&task`.
//!
//! ```
//! # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/suite/worlds/span.rs"));
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use crosscut::{Example, Model, Rescaling, Settings, SparseVector, solve, testing};
//!
//! // Noise between −1 and 1, raised by 1.2 inside the span. The 1 is a bias.
//! let task = Spans { features: 2 };
//! let noise = testing::random_weights(400, 1.0, 0);
//! let example = |i: usize| {
//!     let y = i % 4..i % 4 + 3;
//!     let value = |t: usize| noise[10 * i + t] + if y.contains(&t) { 1.2 } else { 0.0 };
//!     let rows = (0..10).map(|t| SparseVector::from_dense(&[value(t) as f32, 1.0]));
//!     Ok::<_, crosscut::RowError>(Example::new(rows.collect::<Result<_, _>>()?, y.clone()))
//! };
//! let examples = (0..40).map(example).collect::<Result<Vec<_>, _>>()?;
//!
//! testing::check(&task, &examples);
//! let spans = || (0..=10).flat_map(|start| (start..=10).map(move |end| start..end));
//! let w = testing::random_weights(task.dim(), 3.0, 0);
//! testing::check_oracle(&task, &w, &examples[0], spans(), Rescaling::Margin);
//! testing::check_prediction(&task, &w, &examples[0].x, spans());
//!
//! let (training, held_out) = examples.split_at(30);
//! let settings = Settings::new();
//! let solution = solve(&task, training, &settings)?;
//! assert!(solution.certificate.converged());
//!
//! let model = Model::new(&task, solution.w, settings, solution.certificate);
//! assert!(model.risk(held_out) < 2.0); // wrong positions of 10; always saying "empty" has risk 3
//! # Ok(())
//! # }
//! ```
//!
//! Next: [reading the gap](super::reading_the_gap).
