//! 1 · The problem.
//!
//! # Structured outputs
//!
//! A classifier picks one of a few labels. Many predictions are more complex: a tag for every word
//! of a sentence, a span of a sequence, an order of search results, a tree. The output y is then
//! one of very many objects (k^n tag sequences, n! orders), too many to list and too related to be
//! treated as unrelated labels: a sequence with one wrong tag is nearly right.
//!
//! A structural SVM needs two things to deal with them:
//!
//! * a **joint feature map** Ψ(x, y), a vector of length d that describes how well y fits x. The
//!   **score** of y is ⟨w, Ψ(x, y)⟩, and the **prediction** ŷ is the output of highest score;
//! * a **loss** Δ(y, ŷ) ≥ 0 that says how bad ŷ is if y is right. Δ(y, y) = 0.
//!
//! Training chooses the weights w from examples (xᵢ, yᵢ).
//!
//! # Slack
//!
//! The risk, the mean loss on data, is a step function of w: it cannot be minimised directly. The
//! **slack** of an example bounds its loss from above by a convex function. With the **feature
//! difference** δ(ȳ) = Ψ(x, y) − Ψ(x, ȳ), it is
//!
//! ```text
//! ξ = max over ȳ of  Δ(y, ȳ) − ⟨w, δ(ȳ)⟩             margin rescaling
//! ξ = max over ȳ of  Δ(y, ȳ) · (1 − ⟨w, δ(ȳ)⟩)       slack rescaling
//! ```
//!
//! In words: y should outscore every other output, by a margin of Δ (margin rescaling), or by a
//! margin of 1 with violations charged in proportion to Δ (slack rescaling). Both are at least Δ(y,
//! ŷ): the prediction scores no less than y, so ⟨w, δ(ŷ)⟩ ≤ 0. Both are at least 0, because ȳ may
//! be y. For outputs with Δ = 1 the two are the same.
//!
//! Margin rescaling is the usual choice. If the loss and Ψ are sums over the same parts, the
//! algorithm for the prediction also finds the maximum. Slack rescaling ignores outputs whose score
//! is already far below the score of y, however large their loss, but its maximum is harder to
//! find.
//!
//! The ȳ at which the maximum is attained is the **most violating output**, and the function that
//! finds it is the **separation oracle**. A solver needs nothing else from a task. The task below
//! has spans of a sequence as outputs ([a later page](super::a_task) implements it).
//! The slack by definition equals the slack that its oracle finds:
//!
//! ```
//! # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/suite/worlds/span.rs"));
//! # fn main() {
//! use crosscut::{Example, Rescaling, SparseVector, testing};
//!
//! let task = Spans { features: 2 };
//! let row = |value: f32| SparseVector::from_dense(&[value, 1.0]).expect("finite");
//! let example = Example::new([0.1, 0.9, 0.7, -0.3].map(row).into_iter().collect(), 1..3);
//! let outputs = [0..0, 0..1, 0..2, 0..3, 0..4, 1..2, 1..3, 1..4, 2..3, 2..4, 3..4];
//!
//! let w = [2.0, -0.6];
//! let slack = outputs
//!     .iter()
//!     .map(|y_bar| {
//!         let margin = task.score(&w, &example.x, &example.y) - task.score(&w, &example.x, y_bar);
//!         task.loss(&example.x, &example.y, y_bar) - margin
//!     })
//!     .fold(f64::NEG_INFINITY, f64::max);
//! assert!((slack - testing::slack_of(&task, &w, &example)).abs() < 1e-9);
//!
//! // The library has this brute force for tests.
//! testing::check_oracle(&task, &w, &example, outputs, Rescaling::Margin);
//! # }
//! ```
//!
//! # The primal
//!
//! ```text
//! minimise over w    P(w) = ½‖w‖² + C · (1/n) Σᵢ weightᵢ · ξᵢ
//! ```
//!
//! The constant C trades the size of w against the slacks. It multiplies the **mean** slack, which
//! is the convention of SVM^struct. Others multiply the sum (LIBLINEAR, SVM^light), and the papers
//! on Frank–Wolfe methods divide P by C and write λ = 1/C. [`C`](crate::C) makes you say which one
//! you mean; each example's `weight` is 1 unless you set it.
//!
//! ```
//! use crosscut::C;
//!
//! let n = 200; // examples
//! assert_eq!(C::Sum(0.5).mean(n), 100.0);
//! assert_eq!(C::Mean(100.0).sum(n), 0.5);
//! ```
//!
//! With `C::Sum`, doubling the data doubles the pull of the data against ½‖w‖²; with `C::Mean` it
//! does not.
//!
//! # The dual, and why training stops
//!
//! Each answer (Δ, δ) of an oracle is a **cutting plane**: a constraint ξ ≥ Δ − ⟨w, δ⟩ that the
//! slack of this example obeys at every w, not only where it was found. Solvers collect planes. A
//! **dual variable** α ≥ 0 for each plane, with Σ α ≤ C · weightᵢ / n for the planes of one
//! example, gives
//!
//! ```text
//! w = Σ α δ        D(α) = Σ α Δ − ½‖w‖²        D(α) ≤ P* ≤ P(w)
//! ```
//!
//! for *any* such α, with P* the optimum: a dual value is a lower bound, a primal value an upper
//! bound, and the **duality gap** P − D bounds how far w is from optimal. At the optimum the two
//! are equal. Solvers raise D step by step and stop when the gap is small; [the last
//! page](super::reading_the_gap) says how small.
//!
//! ```
//! # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/suite/worlds/span.rs"));
//! # fn main() {
//! # use crosscut::{C, Example, Settings, SparseVector, testing};
//! # let task = Spans { features: 2 };
//! # let row = |value: f32| SparseVector::from_dense(&[value, 1.0]).expect("finite");
//! # let example = Example::new([0.1, 0.9, 0.7, -0.3].map(row).into_iter().collect(), 1..3);
//! // One plane and one dual variable already bound the optimum from below …
//! let (loss, delta) = testing::plane_of(&task, &[0.0, 0.0], &example);
//! let alpha = 0.5; // at most C, for a single example
//! let w: Vec<f64> = delta.iter().map(|value| alpha * value).collect();
//! let dual = alpha * loss - 0.5 * w.iter().map(|weight| weight * weight).sum::<f64>();
//!
//! // … and P at any w bounds it from above.
//! let settings = Settings::new().c(C::Mean(1.0));
//! let primal = crosscut::primal(&task, &[example], &settings, &w).expect("the oracle answers with a plane");
//! assert!(dual > 0.0 && dual <= primal);
//! # }
//! ```
//!
//! Next: [your first structure](super::your_first_structure).
