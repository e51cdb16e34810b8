//! 3 · Your first structure.
//!
//! The structure of this page: x is a sequence of numbers with some features at each position, and
//! y is the span of positions that stands out, perhaps empty. Think of a gene in a strand, a word
//! in a sound, a fault in a log.
//!
//! # The task
//!
//! A task says what x and y are, the loss, the prediction, and the separation oracle. Two decisions
//! make this one:
//!
//! * Ψ(x, y) is the sum of the rows of features inside the span. A score is then a sum over
//!   positions, and the span of highest score is the run with the largest sum, found in one sweep.
//! * Δ(y, ŷ) counts the positions on which the spans differ. It is also a sum over positions, so
//!   the oracle is the same sweep with other gains: a position outside y adds 1 to the loss if ȳ
//!   includes it, and a position of y adds 1 if ȳ leaves it out.
//!
//! ```
#![doc = include_str!("../../tests/worlds/span.rs")]
//! ```
//!
//! Four things deserve a second look.
//!
//! **Signs.** [`separate`](crate::Task::separate) maximises Δ + ⟨w, Ψ(x, ȳ)⟩: the loss is *added*.
//! The plane that it [adds](crate::Planes::add) has δ = Ψ(x, y) − Ψ(x, ȳ), the truth *minus* the
//! rival, and Δ(y, ȳ) alone, not the maximum. [`FeatureMap::plane`](crate::FeatureMap::plane)
//! writes δ and returns Δ for every task that can name its ȳ. A task that cannot (in ranking, ȳ is
//! a choice for each of many pairs) implements [`Task`](crate::Task) alone and writes δ itself.
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
//! # Test it first
//!
//! A wrong oracle does not crash. It trains a worse model.
//! [`testing::check`](crate::testing::check) tests the three laws of the contract on any examples.
//! Brute force on small examples compares with the true maximum:
//!
//! ```
//! # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/worlds/span.rs"));
//! # fn main() {
//! use crosscut::{Example, Rescaling, SparseVector, testing};
//!
//! let task = Spans { features: 2 };
//! let row = |value: f32| SparseVector::from_dense(&[value, 1.0]).expect("finite"); // the 1 is a bias
//! let examples = [
//!     Example::new([0.1, 0.9, 0.7, -0.3].map(row).into_iter().collect(), 1..3),
//!     Example::new([-0.5, 0.2, 0.0].map(row).into_iter().collect(), 0..0),
//! ];
//! testing::check(&task, &examples);
//!
//! for (seed, example) in (0..).zip(&examples) {
//!     let len = example.x.len();
//!     let spans = || (0..=len).flat_map(move |start| (start..=len).map(move |end| start..end));
//!     let w = testing::random_weights(task.dim(), 3.0, seed);
//!     testing::check_oracle(&task, &w, example, spans(), Rescaling::Margin);
//!     testing::check_prediction(&task, &w, &example.x, spans());
//! }
//! # }
//! ```
//!
//! For example, the laws find an oracle that forgets the loss:
//!
//! ```
//! # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/worlds/span.rs"));
//! # struct Forgetful(Spans);
//! # impl Task for Forgetful {
//! #     type Input = SparseRows;
//! #     type Output = Range<usize>;
//! #     type Scratch = ();
//! #     fn dim(&self) -> usize { self.0.dim() }
//! #     fn loss(&self, x: &SparseRows, y: &Range<usize>, y_hat: &Range<usize>) -> f64 { self.0.loss(x, y, y_hat) }
//! #     fn predict(&self, w: &[f64], x: &SparseRows, (): &mut ()) -> Range<usize> { self.0.predict(w, x, &mut ()) }
//! #     fn separate<'a>(&'a self, w: &[f64], x: &'a SparseRows, y: &'a Range<usize>, (): &mut (), planes: &mut Planes<'a>) {
//! #         let y_bar = self.predict(w, x, &mut ());
//! #         planes.add(|sink| self.0.plane(x, y, &y_bar, sink));
//! #     }
//! # }
//! # fn main() {
//! # let row = |value: f32| crosscut::SparseVector::from_dense(&[value, 1.0]).expect("finite");
//! # let examples = [crosscut::Example::new([0.1, 0.9, 0.7, -0.3].map(row).into_iter().collect(), 1..3)];
//! # let forgetful = Forgetful(Spans { features: 2 }); // its `separate` takes ȳ from `predict`
//! use crosscut::testing::{Violation, laws};
//!
//! let violation = laws(&forgetful, &examples).expect_err("the oracle is wrong");
//! assert!(matches!(violation, Violation::Beaten { example: 0, .. })); // law 3
//! # }
//! ```
//!
//! # Train it
//!
//! ```
//! # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/worlds/span.rs"));
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use crosscut::{C, Example, Model, Settings, SparseVector, solve, testing};
//!
//! // Noise between −1 and 1, raised by 1.2 inside the span.
//! let task = Spans { features: 2 };
//! let noise = testing::random_weights(400, 1.0, 0);
//! let example = |i: usize| {
//!     let y = i % 4..i % 4 + 3;
//!     let value = |t: usize| noise[10 * i + t] + if y.contains(&t) { 1.2 } else { 0.0 };
//!     let rows = (0..10).map(|t| SparseVector::from_dense(&[value(t) as f32, 1.0]));
//!     Ok::<_, crosscut::RowError>(Example::new(rows.collect::<Result<_, _>>()?, y.clone()))
//! };
//! let examples = (0..40).map(example).collect::<Result<Vec<_>, _>>()?;
//! let (training, held_out) = examples.split_at(30);
//!
//! let settings = Settings { c: C::Sum(1.0), ..Settings::default() };
//! let solution = solve(&task, training, &settings)?;
//!
//! // What was found, and how far from the optimum it can be at most.
//! let certificate = solution.certificate;
//! assert!(certificate.converged());
//! assert!(certificate.relative_gap() <= 1e-3);
//!
//! // High values speak for a position (w₀ > 0), but only from a threshold on (w₁ < 0).
//! assert!(solution.w[0] > 0.0 && solution.w[1] < 0.0);
//!
//! // The model keeps task, weights, settings and certificate together.
//! let model = Model::new(task, solution.w, settings, certificate);
//! let y_hat = model.predict(&held_out[0].x);
//! assert!(!y_hat.is_empty());
//! assert!(model.risk(held_out) < 2.0); // wrong positions of 10; always saying "empty" has risk 3
//! # Ok(())
//! # }
//! ```
//!
//! Next: [reading the gap](super::reading_the_gap).
