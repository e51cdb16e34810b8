//! Structural SVMs: max-margin training of models that predict a whole structured object (a class,
//! a tag sequence, a span, a ranking, a tree, an alignment), with a certificate of how close to the
//! optimum the result is.
//!
//! # The problem
//!
//! Given examples (xᵢ, yᵢ), i = 1, …, n, a joint feature map Ψ and a loss Δ,
//!
//! ```text
//! minimise over w    P(w) = ½‖w‖² + C · (1/n) Σᵢ ξᵢ
//!
//! ξᵢ = max over ȳ of  Δ(yᵢ, ȳ) − ⟨w, Ψ(xᵢ, yᵢ) − Ψ(xᵢ, ȳ)⟩              (margin rescaling)
//! ξᵢ = max over ȳ of  Δ(yᵢ, ȳ) · (1 − ⟨w, Ψ(xᵢ, yᵢ) − Ψ(xᵢ, ȳ)⟩)        (slack rescaling)
//! ```
//!
//! and predict ŷ = argmax over y of ⟨w, Ψ(x, y)⟩. An example of weight v counts as v · ξᵢ. With
//! [`SlackNorm::Squared`], ξᵢ² replaces ξᵢ in P(w). With a [`Regulariser`], ½‖w − w₀‖² replaces
//! ½‖w‖² for prior weights w₀, and weights may have lower bounds.
//!
//! A task may have the log-loss as its slack instead, ξᵢ = −ln P(yᵢ | xᵢ) ([`Objective::Log`]):
//! then the same solvers train conditional random fields and softmax regression, with the same
//! certificate, and the model gives probabilities ([`LogLoss`]).
//!
//! **C multiplies the mean slack**, as in SVM^struct. Tools that multiply the sum (LIBLINEAR,
//! SVM^light; CRFsuite with c2 = 1/(2·C(sum))) have C(sum) = C/n, and the papers on Frank–Wolfe
//! methods have λ = 1/C. [`C`] names both conventions: `C::Mean(n as f64 * c)` is `C::Sum(c)`, and
//! `C::Sum(1.0)` is the default.
//!
//! Every solver keeps a lower bound D on the optimum P* and stops when the relative duality gap (P
//! − D) / P is at most [`Settings::relative_gap`], or when P − D ≤ C·ε ([`Settings::epsilon`]).
//! Whatever ended training, the [`Certificate`] gives D ≤ P* ≤ P(w). The lower bound holds in exact
//! arithmetic, the upper bound if the oracle finds the maximum.
//!
//! # The words
//!
//! | term | symbol | in code | called elsewhere |
//! |---|---|---|---|
//! | input, output | x, y | [`Task::Input`], [`Task::Output`] | pattern, label |
//! | prediction | ŷ | `y_hat`, [`Task::predict`] | classify |
//! | joint feature map | Ψ(x, y) | [`FeatureMap::psi`] | joint_feature, φ |
//! | dimension | d | [`Task::dim`] | sizePsi |
//! | score | ⟨w, Ψ(x, y)⟩ | [`FeatureMap::score`] | discriminant |
//! | loss | Δ(y, ŷ) | [`Task::loss`] | delta |
//! | separation oracle | argmax Δ + ⟨w, Ψ⟩ | [`Task::separate`] | loss-augmented inference, max-oracle |
//! | most violating output | ȳ | `y_bar` | y* |
//! | feature difference | δ = Ψ(x, y) − Ψ(x, ȳ) | `delta` | |
//! | cutting plane | ξ ≥ Δ − ⟨w, δ⟩ | [`Planes::add`] | constraint |
//! | row, name | | [`Row`], [`Row::name`] | features of one part of x |
//! | slack | ξ | `slack` | hinge |
//! | prior weights | w₀ | [`Regulariser`] | prior mean, biased regularisation |
//! | objective | | [`Objective`] | hinge loss or log-loss |
//! | marginal | P(part) | [`Marginals`] | probability of a part |
//! | plane cache, working set | W | `planes` | recent planes of one example, constraint set |
//! | dual variables | α | `alpha` | |
//! | primal and dual value, duality gap | P, D, P − D | [`Certificate`] | objective |
//! | block, pass | | [`BlockSettings`], `passes` | one example; n oracle calls |
//! | risk | | [`risk`] | mean loss on data |
//! | task | | [`Task`] | definition: outputs, loss, inference, sizes |
//! | structure | | [`Structure`], [`Parts`] | a task in its shortest form |
//! | model | | [`Model`] | task + w + how it was trained |
//!
//! # An example
//!
//! The structure: choose one of several candidates, each described by two features.
//!
//! ```
//! use crosscut::{Example, FeatureSink, Settings, Structure, Structured, Task, solve, testing};
//!
//! struct Choice;
//!
//! impl Structure for Choice {
//!     type Input = Vec<[f64; 2]>; // the candidates
//!     type Output = usize; // which of them
//!
//!     fn dim(&self) -> usize {
//!         2
//!     }
//!
//!     fn psi(&self, x: &Vec<[f64; 2]>, y: &usize, sink: &mut FeatureSink<'_>) {
//!         (0..).zip(x[*y]).for_each(|(index, value)| sink.add(index, value));
//!     }
//!
//!     fn loss(&self, y: &usize, y_hat: &usize) -> f64 {
//!         if y == y_hat { 0.0 } else { 1.0 }
//!     }
//!
//!     // The candidate with the largest score; with y, with the largest score + loss.
//!     fn best(&self, w: &[f64], x: &Vec<[f64; 2]>, y: Option<&usize>) -> usize {
//!         let value = |y_hat| self.score(w, x, &y_hat) + y.map_or(0.0, |y| self.loss(y, &y_hat));
//!         (0..x.len()).max_by(|&a, &b| value(a).total_cmp(&value(b))).expect("there are candidates")
//!     }
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let examples = [
//!     Example::new(vec![[1.0, 0.0], [0.0, 2.0], [1.0, 1.0]], 0),
//!     Example::new(vec![[0.0, 1.0], [3.0, 0.5], [2.0, 0.0]], 1),
//! ];
//! let task = Structured(Choice);
//! testing::check(&task, &examples); // the laws that every task keeps
//!
//! let solution = solve(&task, &examples, &Settings::default())?;
//! assert!(solution.certificate.relative_gap() <= 1e-3); // D ≤ P* ≤ P(w), this close
//! assert_eq!(task.predict(&solution.w, &examples[1].x, &mut ()), 1);
//! # Ok(())
//! # }
//! ```
//!
//! # Where to go next
//!
//! * The [tutorial]: [the problem](tutorial::the_problem), [your first
//!   structure](tutorial::your_first_structure), [a structure by
//!   parts](tutorial::a_structure_by_parts), [a task](tutorial::a_task), [reading the
//!   gap](tutorial::reading_the_gap).
//! * [`Structure`] is the trait to begin with, and [`Parts`] the one for sums over parts. Both make
//!   a [`Task`], the trait of the solvers, with the contract. [`testing`] checks the contract.
//!   [`Layout`] numbers and names weights. [`primal`] evaluates P at any w.
//! * [`solve()`] trains once, [`solve_observed`] with an observer of the progress. [`Trainer`]
//!   trains repeatedly, with other values of C.
//!   [`StreamTrainer`] trains on examples that do not fit into memory, [`ShardTrainer`] on parts of
//!   them, which may be on several machines. [`validation`] chooses C.
//!   [`latent::solve`] trains with hidden parts. [`Trainer::solve_keeping`] passes out the
//!   [`State`] from which a run can be resumed.
//! * The sibling crates: `crosscut-multiclass`, `crosscut-sequence` and `crosscut-ranking` are
//!   ready-made tasks; `crosscut-app` adds files, vocabularies and verbs to a task; `crosscut-cli`
//!   is the program `crosscut`.
//! * The book in the folder `docs` of the repository is for users of the program. It also has
//!   measured figures, and the papers behind the solvers (`docs/how-it-works.md`).
//!
//! # What it does not do
//!
//! It reads and writes no files and prints nothing: progress goes to the observer that the caller
//! passes in, and results are values. It never builds, compares or stores an output: it sees an
//! example only through its planes. The result depends on the data, the settings and the seed, not
//! on the number of threads.

mod data;
mod either_loss;
pub mod latent;
mod layout;
mod log_loss;
mod model;
pub mod parallel;
mod parts;
mod solve;
mod structure;
mod task;
pub mod testing;
pub mod tutorial;
pub mod validation;

pub use data::{Dense, Dot, Feature, Place, Row, RowError, Scaled, Sink, SparseRows, SparseVector};
pub use either_loss::{EitherLoss, EitherScratch};
pub use latent::Latent;
pub use layout::{Layout, WeightBlock};
pub use log_loss::{LogLoss, LogLossScratch, Marginals};
pub use model::{Model, predict_all, risk};
pub use parts::{Parts, Sum, SumScratch};
#[doc(hidden)]
pub use solve::block::tuning::Tuning;
pub use solve::bounds::{Fault, FaultKind, OracleAudit, primal, primal_with, relative_gap, slacks};
pub use solve::error::SolveError;
pub use solve::methods::Solver;
pub use solve::oracles::Oracles;
pub use solve::passes::{Ask, PassError, Passes, PlaneSum, Spent, UnderWay, Weights};
pub use solve::progress::{Estimate, Flow, Moment, Progress};
pub use solve::regulariser::{Regulariser, RegulariserError};
pub use solve::settings::{BlockSettings, C, Settings, SettingsError, SlackNorm};
pub use solve::shards::{
    Description, Reply, Request, Round, RoundSum, SavedShard, Shard, ShardTrainer, Shards, Tally,
};
pub use solve::solution::{Certificate, DualVariable, Solution, StopReason};
pub use solve::state::{State, StateError};
pub use solve::stream::{Piece, Stream, StreamError, StreamTrainer};
pub use solve::trainer::{Trainer, solve, solve_observed};
pub use structure::{FeatureSink, Structure, Structured};
pub use task::{
    Example, FeatureMap, Objective, Part, Planes, Recombine, Recombiner, Rescaling, Task,
};
