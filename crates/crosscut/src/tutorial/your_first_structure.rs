//! 2 · Your first structure.
//!
//! The structure of this page: x is a sequence of numbers, and y is the interval of positions that
//! stands out, perhaps an empty one. Think of a gene in a strand, a word in a sound, a fault in a
//! log.
//!
//! # The structure
//!
//! [`Structure`](crate::Structure) asks for the length of w, Ψ, Δ and one search. Two decisions make
//! this one:
//!
//! * Ψ(x, y) has the sum of the numbers inside the interval, and how many they are. A score is then
//!   a sum over positions, and the interval of highest score is the run with the largest sum, found
//!   in one sweep.
//! * Δ(y, ŷ) counts the positions on which the intervals differ. It is also a sum over positions, so
//!   the search for the largest Δ + score is the same sweep with other gains: a position outside y
//!   adds 1 to the loss if it is taken in, and a position of y then saves 1.
//!
//! ```
#![doc = include_str!("../../tests/suite/worlds/interval.rs")]
//! ```
//!
//! [`best`](crate::Structure::best) is the only method with an algorithm. Without `y` it predicts.
//! With `y`, in training, it adds Δ(y, ȳ) to each score: it looks for the output that scores high
//! *and* is wrong. The library turns the answer into a cutting plane, (Δ(y, ȳ), Ψ(x, y) − Ψ(x, ȳ)).
//!
//! [`validate`](crate::Structure::validate) is optional: it refuses examples that the search or Ψ
//! cannot handle, before training.
//!
//! # Test it first
//!
//! A wrong search does not crash. It trains a worse model. [`Structured`](crate::Structured) makes a
//! [`Task`](crate::Task) of a structure, and [`testing::check`](crate::testing::check) tests the
//! three laws of every task on any examples. Brute force on small examples compares with the true
//! maximum:
//!
//! ```
//! # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/suite/worlds/interval.rs"));
//! # fn main() {
//! use crosscut::{Example, Rescaling, Structured, testing};
//!
//! let task = Structured(Interval);
//! let examples =
//!     [Example::new(vec![0.1, 0.9, 0.7, -0.3], 1..3), Example::new(vec![-0.5, 0.2, 0.0], 0..0)];
//! testing::check(&task, &examples);
//!
//! for (seed, example) in (0..).zip(&examples) {
//!     let len = example.x.len();
//!     let outputs = || (0..=len).flat_map(move |start| (start..=len).map(move |end| start..end));
//!     let w = testing::random_weights(2, 3.0, seed);
//!     testing::check_oracle(&task, &w, example, outputs(), Rescaling::Margin);
//!     testing::check_prediction(&task, &w, &example.x, outputs());
//! }
//! # }
//! ```
//!
//! For example, the laws find a search that forgets the loss:
//!
//! ```
//! # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/suite/worlds/interval.rs"));
//! # struct Forgetful;
//! # impl Structure for Forgetful {
//! #     type Input = Vec<f64>;
//! #     type Output = Range<usize>;
//! #     fn dim(&self) -> usize { 2 }
//! #     fn psi(&self, x: &Vec<f64>, y: &Range<usize>, sink: &mut FeatureSink<'_>) { Interval.psi(x, y, sink) }
//! #     fn loss(&self, y: &Range<usize>, y_hat: &Range<usize>) -> f64 { Interval.loss(y, y_hat) }
//! #     fn best(&self, w: &[f64], x: &Vec<f64>, _: Option<&Range<usize>>) -> Range<usize> { Interval.best(w, x, None) }
//! # }
//! # fn main() {
//! # let examples = [crosscut::Example::new(vec![0.1, 0.9, 0.7, -0.3], 1..3)];
//! use crosscut::Structured;
//! use crosscut::testing::{Violation, laws};
//!
//! let forgetful = Structured(Forgetful); // its `best` ignores y
//! let violation = laws(&forgetful, &examples).expect_err("the search is wrong");
//! assert!(matches!(violation, Violation::Beaten { example: 0, .. })); // law 3
//! # }
//! ```
//!
//! # Train it
//!
//! ```
//! # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/suite/worlds/interval.rs"));
//! # fn main() -> Result<(), crosscut::SolveError> {
//! use crosscut::{C, Example, Model, Settings, Structured, solve, testing};
//!
//! // Noise between −1 and 1, raised by 1.2 inside the interval.
//! let noise = testing::random_weights(400, 1.0, 0);
//! let example = |i: usize| {
//!     let y = i % 4..i % 4 + 3;
//!     let value = |t: usize| noise[10 * i + t] + if y.contains(&t) { 1.2 } else { 0.0 };
//!     Example::new((0..10).map(value).collect::<Vec<f64>>(), y.clone())
//! };
//! let examples: Vec<_> = (0..40).map(example).collect();
//! let (training, held_out) = examples.split_at(30);
//!
//! let settings = Settings::new().c(C::Sum(1.0));
//! let solution = solve(&Structured(Interval), training, &settings)?;
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
//! let model = Model::new(Structured(Interval), solution.w, settings, certificate);
//! let y_hat = model.predict(&held_out[0].x);
//! assert!(!y_hat.is_empty());
//! assert!(model.risk(held_out) < 2.0); // wrong positions of 10; always saying "empty" has risk 3
//! # Ok(())
//! # }
//! ```
//!
//! # Many weights
//!
//! Structures with more than a few weights have blocks of them. [`Layout`](crate::Layout) numbers
//! the weights of named blocks, and knows the name of each. Here is a tagger of sequences, with a
//! weight for each tag and feature, and one for each pair of neighbouring tags:
//!
//! ```
#![doc = include_str!("../../tests/suite/worlds/tagger.rs")]
//! # fn main() {
//! # use crosscut::{Example, SparseVector, Structured, testing};
//! let tagger = Tagger { tags: 2, features: 3 };
//! let (layout, emission, transition) = tagger.layout();
//! assert_eq!(layout.dim(), 2 * 3 + 2 * 2);
//! assert_eq!(layout.name(7), Some(("transition", vec![0, 1])));
//! # assert_eq!(transition.at([0, 1]), 7);
//! # assert_eq!(emission.at([1, 2]), 5);
//! # let row = |values: [f32; 3]| SparseVector::from_dense(&values).expect("finite");
//! # let x = [row([1.0, 0.0, 0.0]), row([0.0, 1.0, 0.5])].into_iter().collect();
//! # testing::check(&Structured(&tagger), &[Example::new(x, vec![0, 1])]);
//! # }
//! ```
//!
//! Next: [a structure by parts](super::a_structure_by_parts), which asks for even less if score and
//! loss are sums over parts.
