//! 3 · A structure by parts.
//!
//! Most structures are sets of parts: a tree is its arcs, a matching its pairs, a cut its edges.
//! If the features and the loss of an output are sums over its parts, then one search answers both
//! questions that training asks, the prediction and the separation oracle: the search for the
//! parts with the largest sum of scores. [`Parts`](crate::Parts) asks for that search and no more.
//!
//! The structure of this page: x is two sequences of numbers, and y is the pairs of positions that
//! belong together, increasing on both sides. Think of two recordings of one song, or of a sentence
//! and its summary.
//!
//! ```
#![doc = include_str!("../../tests/suite/worlds/alignment.rs")]
//! ```
//!
//! What a structure says, in the order of its methods:
//!
//! * **Parts have numbers**, from 0 to [`count`](crate::Parts::count) − 1, and only these numbers
//!   go to and fro. Here each pair of positions is a part.
//! * **[`write`](crate::Parts::write)** gives the features of one part, times a factor: here the
//!   distance of the two numbers, and a 1 that weighs pairs against gaps. Rows of the data go
//!   through [`add_row`](crate::Sink::add_row).
//! * **[`visit`](crate::Parts::visit)** lists the parts of an output. So Ψ(x, y) is known.
//! * **[`cost`](crate::Parts::cost)** says what a part adds to the loss if an output has it. Pairs
//!   of y save 1, all others cost 1; the sum over y itself is subtracted. So Δ(y, ŷ) is the number
//!   of pairs that one of the two has and the other has not.
//! * **[`best`](crate::Parts::best)** is the search, for any scores: here the table of an alignment
//!   (Needleman and Wunsch 1970), without penalties for gaps.
//!
//! [`Sum`](crate::Sum) makes a [`Task`](crate::Task) of it.
//!
//! # Test it first
//!
//! A search that misses the maximum trains, to a worse model.
//! [`check_parts`](crate::testing::check_parts) compares it with all outputs of a small input:
//!
//! ```
//! # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/suite/worlds/alignment.rs"));
//! # fn main() {
//! use crosscut::{Example, Sum, testing};
//!
//! // All sets of increasing pairs of two and three positions.
//! let pairs = [[0, 0], [0, 1], [0, 2], [1, 0], [1, 1], [1, 2]];
//! let mut outputs = vec![vec![]];
//! outputs.extend(pairs.map(|pair| vec![pair]));
//! outputs.extend([vec![[0, 0], [1, 1]], vec![[0, 0], [1, 2]], vec![[0, 1], [1, 2]]]);
//!
//! let example = Example::new([vec![0.5, 2.0], vec![0.4, 1.0, 2.2]], vec![[0, 0], [1, 2]]);
//! testing::check_parts(&Alignment, &example, &outputs);
//! testing::check(&Sum(Alignment), &[example]); // the laws of every task
//! # }
//! ```
//!
//! # Train it
//!
//! ```
//! # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/suite/worlds/alignment.rs"));
//! # fn main() -> Result<(), crosscut::SolveError> {
//! use crosscut::{Example, Settings, Sum, Task, risk, solve, testing};
//!
//! // The second sequence is the first one with noise, without each third number.
//! let noise = testing::random_weights(40 * 16, 1.0, 0);
//! let example = |i: usize| {
//!     let a: Vec<f64> = (0..8).map(|t| 4.0 * noise[16 * i + t]).collect();
//!     let kept: Vec<usize> = (0..8).filter(|t| (t + i) % 3 > 0).collect();
//!     let b = kept.iter().map(|&t| a[t] + 0.3 * noise[16 * i + 8 + t]).collect();
//!     let y = kept.iter().enumerate().map(|(j, &t)| [t, j]).collect();
//!     Example::new([a, b], y)
//! };
//! let examples: Vec<_> = (0..40).map(example).collect();
//! let (training, held_out) = examples.split_at(30);
//!
//! let (task, settings) = (Sum(Alignment), Settings::default());
//! let solution = solve(&task, training, &settings)?;
//! assert!(solution.certificate.converged());
//!
//! // Distance speaks against a pair (w₀ < 0), and near pairs are better than gaps (w₁ > 0).
//! assert!(solution.w[0] < 0.0 && solution.w[1] > 0.0);
//! assert!(risk(&task, &solution.w, held_out) < 1.5); // wrong and missing pairs, of some 5
//! # Ok(())
//! # }
//! ```
//!
//! With a file format it is a program that learns, classifies and validates:
//! `examples/alignment.rs` in the repository. There the structure also implements
//! [`Marginals`](crate::Marginals), sums over all alignments, so that the same program learns their
//! probabilities ([`LogLoss`](crate::LogLoss)).
//!
//! A search that is not exact says by how much it may have [missed](crate::Parts::missed) the
//! maximum, and the certificate stays true. If a structure is not a sum over parts, or its oracle
//! is cleverer than one search over all of them, implement [`Task`](crate::Task) itself: [a
//! task](super::a_task).
