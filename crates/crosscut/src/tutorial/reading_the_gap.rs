//! 5 · Reading the gap.
//!
//! Every [`Solution`](crate::Solution) comes with a [`Certificate`](crate::Certificate):
//!
//! | field | what it says |
//! |---|---|
//! | `primal` | P(w) of the returned weights, from one oracle call per example at this w, rounded up |
//! | `dual` | D, a lower bound on the optimum P*, rounded down |
//! | `gap()` | P − D: P(w) exceeds P* by at most this |
//! | `relative_gap()` | (P − D) / P; 0 if both are 0 |
//! | `oracle_calls` | how often an oracle was called |
//! | `passes` | `oracle_calls` divided by n |
//! | `planes` | cutting planes kept at the end |
//! | `stop` | which rule ended training |
//! | `oracle` | what training has noticed about the oracle |
//! | `converged()` | the gap asked for was reached, and no answer of the oracle was found wrong |
//!
//! The bounds hold for every solver and every reason to stop:
//!
//! * D ≤ P* holds for any oracle whose answers are planes of the problem. Rounding is accounted
//!   for: the inequality holds in exact arithmetic.
//! * P* ≤ P(w) holds if the oracle finds the maximum. An oracle that misses it makes `primal` too
//!   small. [`testing::check`](crate::testing::check) looks for this before training. During
//!   training, each answer of a certifying pass is compared with planes found earlier for the same
//!   example. `oracle.worse` counts the answers that were worse than such a plane, and
//!   `oracle.first_worse` names the first example. (The 1-slack method compares sums over all
//!   examples.)
//!
//! Two errors cannot be detected. An oracle may never return some output at all. And the scores
//! that an oracle compares have rounding errors of their own, which the solver does not know: if C
//! · n · 1e-16 times the scores is not small compared with P, the last digits of P mean nothing.
//!
//! ```
//! # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/suite/worlds/span.rs"));
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # use crosscut::{C, Example, Progress, Settings, SparseVector, StopReason, solve, solve_observed, testing};
//! # use std::ops::ControlFlow;
//! # let task = Spans { features: 2 };
//! # let noise = testing::random_weights(400, 1.0, 0);
//! # let example = |i: usize| {
//! #     let y = i % 4..i % 4 + 3;
//! #     let value = |t: usize| noise[10 * i + t] + if y.contains(&t) { 1.2 } else { 0.0 };
//! #     Example::new((0..10).map(|t| SparseVector::from_dense(&[value(t) as f32, 1.0]).expect("finite")).collect(), y.clone())
//! # };
//! # let examples: Vec<_> = (0..40).map(example).collect();
//! let settings = Settings::new().c(C::Sum(1.0)).relative_gap(1e-4);
//! let mut story: Vec<Progress> = Vec::new();
//! let solution = solve_observed(&task, &examples, &settings, &mut |progress| {
//!     story.push(*progress); // called after each exact pass, and a few times a second
//!     ControlFlow::Continue(()) // or Break(()): stop soon, with a certificate
//! })?;
//!
//! // The bounds close in on the optimum from both sides.
//! assert!(story.windows(2).all(|pair| pair[1].primal <= pair[0].primal && pair[1].dual >= pair[0].dual));
//!
//! let certificate = solution.certificate;
//! assert_eq!(certificate.stop, StopReason::Gap);
//! assert_eq!(certificate.passes, certificate.oracle_calls as f64 / 40.0);
//!
//! // P can be evaluated again, without any solver.
//! let primal = crosscut::primal(&task, &examples, &settings, &solution.w)?;
//! assert!((primal - certificate.primal).abs() < 1e-9 * primal);
//!
//! // A rough solution is a rough bound, and it contains the fine one.
//! let rough = settings.passes(2).relative_gap(0.0);
//! let rough = solve(&task, &examples, &rough)?.certificate;
//! assert_eq!(rough.stop, StopReason::Passes);
//! assert!(rough.dual <= certificate.primal && certificate.dual <= rough.primal);
//! # Ok(())
//! # }
//! ```
//!
//! # Why it stopped
//!
//! | [`StopReason`](crate::StopReason) | rule | then |
//! |---|---|---|
//! | `Gap` | relative gap ≤ `relative_gap` | as precise as asked for |
//! | `Epsilon` | P − D ≤ C · `epsilon` | as precise as asked for |
//! | `Passes`, `Seconds` | the limit was reached | read the gap: it may still be small enough |
//! | `Interrupted` | the observer answered `Break` | read the gap |
//! | `Precision` | no step of any solver raises D by more than rounding | the gap is as small as double precision allows |
//! | `Oracle` | by the planes found, the relative gap is ≤ `relative_gap` | the rest of the gap is what the oracle [may have missed](crate::Planes::may_miss) |
//! | `Inexact` | P(w) < D, by more than rounding | the oracle missed a maximum, so P(w) is not an upper bound |
//! | `Fault` | an answer of the oracle was not a valid plane, such as a loss of NaN | `oracle.fault` names the example; the weights are the best certified before |
//!
//! [`converged`](crate::Certificate::converged) is true of the first two, if no answer of the
//! oracle was found wrong.
//!
//! # How small is small enough?
//!
//! The default relative gap of 1e-3 means that P(w) is within 0.1 % of the best possible. This does
//! not depend on units: rescaled data, with C to match, take the same passes. Held-out examples
//! seldom show a difference from the optimum itself. Choose 1e-2 while you compare features or
//! values of C, and 1e-6 or less only to compare solvers.
//!
//! `epsilon` measures the gap in units of the loss: P − D ≤ C·ε means that the mean slack, with its
//! share of ½‖w‖², is within ε of the best. It corresponds to `-e` of SVM^struct, with one
//! difference. SVM^struct stops when no plane *in the order of visit* is violated by more than ε,
//! which does not bound P if planes have changed meanwhile. Crosscut stops when the bounds are that
//! close. If the loss is a percentage, ε = 0.1 is precise; if it is a 0/1 loss, ε = 0.1 is not.
//!
//! ```
//! # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/suite/worlds/span.rs"));
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # use crosscut::{C, Example, Settings, Solver, SparseVector, StopReason, Trainer, solve, testing};
//! # use std::ops::ControlFlow;
//! # let task = Spans { features: 2 };
//! # let noise = testing::random_weights(400, 1.0, 0);
//! # let example = |i: usize| {
//! #     let y = i % 4..i % 4 + 3;
//! #     let value = |t: usize| noise[10 * i + t] + if y.contains(&t) { 1.2 } else { 0.0 };
//! #     Example::new((0..10).map(|t| SparseVector::from_dense(&[value(t) as f32, 1.0]).expect("finite")).collect(), y.clone())
//! # };
//! # let examples: Vec<_> = (0..40).map(example).collect();
//! let settings = Settings::new().c(C::Mean(40.0)).relative_gap(0.0).epsilon(0.05);
//! let certificate = solve(&task, &examples, &settings)?.certificate;
//! assert_eq!(certificate.stop, StopReason::Epsilon);
//! assert!(certificate.gap() <= 40.0 * 0.05);
//!
//! // Two solvers, one optimum: neither lower bound exceeds the other's upper bound.
//! let one_slack = settings.solver(Solver::OneSlack);
//! let other = solve(&task, &examples, &one_slack)?.certificate;
//! assert!(other.dual <= certificate.primal && certificate.dual <= other.primal);
//!
//! // One problem for several C: every solution starts from the one before.
//! let mut trainer = Trainer::new(&task, &examples, &settings)?;
//! for c in [0.01, 0.1, 1.0] {
//!     trainer.set_c(C::Sum(c))?;
//!     let solution = trainer.solve(&mut |_| ControlFlow::Continue(()));
//!     assert!(solution.certificate.converged());
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # Which C?
//!
//! A small gap means that the training problem is solved, not that it is the right problem. That
//! depends on C, and only held-out examples can tell. Try powers of 10 with
//! [`validation::search`](crate::validation::search), then a finer grid around the best. Two signs
//! help. If P(w) is close to its value at w = 0, C is too small to learn anything. If the slacks
//! vanish on the training examples and the risk on held-out examples does not, C may be too large.
//!
//! # Which solver?
//!
//! [`Solver::Auto`](crate::Solver::Auto) chooses. Both solvers solve the same problem and certify
//! it in the same way:
//!
//! * `Block` steps on one example at a time and reuses cached planes between oracle calls. It needs
//!   the fewest exact passes from two examples on, which matters most if the oracle is expensive.
//!   Its memory grows with the number of planes.
//! * `OneSlack` sums the planes of all examples into one for each exact pass. Use it for a single
//!   example, or if more planes do not fit into memory. The number of passes does not depend on n,
//!   but grows with C.
//!
//! # When the gap does not close
//!
//! 1. **Is the oracle exact?** Run [`testing::check`](crate::testing::check) on some examples. An
//!    oracle that misses the maximum, or writes a δ that does not belong to the loss it returns,
//!    can leave any gap and even a negative one.
//! 2. **Do the features have similar sizes?** Up to about 2,500 weights, or planes in use, this
//!    matters little. Beyond that, training converges slowly if some features are in the thousands
//!    and others in the thousandths: scale rows to unit length or columns to a common range.
//! 3. **Is C very large?** With more weights than that, the number of passes grows with C. Start
//!    with a smaller C and increase it with [`Trainer::set_c`](crate::Trainer::set_c), as above.
//! 4. **Is time the limit?** A gap of 1 % is often as good on held-out examples; the certificate
//!    says how much precision you gave up.
//!
//! Back to [the crate page](crate).
