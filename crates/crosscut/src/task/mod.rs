//! [`Task`]: the trait that a user implements, and its optional extensions.

mod borrowed;
mod example;
mod feature_map;
mod objective;
mod planes;
mod raw_plane;
mod recombine;

pub use example::Example;
pub use feature_map::{FeatureMap, Rescaling};
pub use objective::Objective;
pub use planes::Planes;
pub(crate) use raw_plane::{RawPlane, RowTerm, UNIT_ROW};
pub use recombine::{Part, Recombine, Recombiner};

use crate::data::Row;

/// Default of [`Task::chunk`]: maximum number of examples in an oracle call.
pub(crate) const CHUNK: usize = 8;

/// A structured prediction task: outputs, loss and inference.
///
/// A task is a definition: it holds sizes, cost tables and label names, never examples or weights.
/// Buffers live in [`Scratch`](Self::Scratch), one for each thread.
///
/// # Contract
/// Let slack(w) = Δ − ⟨w, δ⟩ be the value of the first plane that [`separate`](Self::separate) adds
/// at w. For all w:
/// 1. Δ(y, y) = 0 and Δ ≥ 0;
/// 2. slack(w) ≥ Δ(y, predict(w)), if the prediction scores at least as high as y;
/// 3. slack(w) ≥ Δ′ − ⟨w, δ′⟩ for every plane (Δ′, δ′) that `separate` adds for this example at
///    this or any other w′.
///
/// If the [objective](Self::objective) is the log-loss, planes have another offset in the place of
/// Δ ([`LogLoss`](crate::LogLoss)), and law 2 says that slack(w) ≥ ln 2 if Δ(y, predict(w)) > 0.
///
/// For an inexact oracle, such as a beam search, slack(w) includes the bound on what it [may have
/// missed](Planes::may_miss).
///
/// [`testing::check`](crate::testing::check) tests these laws at random, trained and adversarial
/// weights. An oracle that breaks law 3 without reporting it still trains. The reported primal
/// value is then a lower bound on the true one, and the gap covers only the outputs that the oracle
/// can reach. Training counts answers that are worse than a plane found earlier
/// ([`OracleAudit`](crate::OracleAudit)).
///
/// [`validate`](Self::validate) refuses examples that the oracle cannot handle, before the first
/// iteration. An oracle that fails later returns NaN as its loss. Training then ends, names the
/// example and keeps the best weights certified before
/// ([`StopReason::Fault`](crate::StopReason::Fault)).
pub trait Task: Sync {
    /// The input x, in the form that the oracle reads.
    type Input: Sync;
    /// The output y; it may have a hidden part (see [`Latent`](crate::Latent)).
    type Output: Send + Sync;
    /// Buffers of one thread; `()` if none are needed.
    type Scratch: Default + Send;

    /// d, the length of w. Every index written to a sink is less than d.
    fn dim(&self) -> usize;

    /// Loss Δ(y, ŷ) ≥ 0, zero if ŷ = y. It may depend on x: a parsing loss can skip punctuation, an
    /// alignment loss can divide by lengths.
    fn loss(&self, x: &Self::Input, y: &Self::Output, y_hat: &Self::Output) -> f64;

    /// ŷ = argmax over y of ⟨w, Ψ(x, y)⟩. Ties must be broken deterministically.
    fn predict(&self, w: &[f64], x: &Self::Input, scratch: &mut Self::Scratch) -> Self::Output;

    /// The separation oracle: finds the ȳ that maximises Δ(y, ȳ) + ⟨w, Ψ(x, ȳ)⟩ and
    /// [adds](Planes::add) its plane to `planes`, which is empty on entry. The closure passed to
    /// `add` writes δ = Ψ(x, y) − Ψ(x, ȳ) and returns Δ(y, ȳ), as [`FeatureMap::plane`] does.
    ///
    /// For slack rescaling, maximise Δ(y, ȳ) · (1 − ⟨w, δ⟩) instead and write Δ·δ
    /// ([`FeatureMap::rescaled_plane`]).
    ///
    /// Add the plane of the maximum first. Planes of other outputs may follow, if they cost almost
    /// nothing and violate the margin too; a solver with a plane cache then needs fewer calls.
    fn separate<'a>(
        &'a self,
        w: &[f64],
        x: &'a Self::Input,
        y: &'a Self::Output,
        scratch: &mut Self::Scratch,
        planes: &mut Planes<'a>,
    );

    /// The separation oracle for several examples at one w. For each j, adds the planes of
    /// `examples[j]` to `planes[j]`, which is empty on entry. The default calls
    /// [`separate`](Self::separate) for one example after the other.
    ///
    /// Optional. Worth implementing if each call has a high fixed cost, such as a call into another
    /// language, another process or an accelerator. A call has at most [`chunk`](Self::chunk)
    /// examples.
    fn separate_chunk<'a>(
        &'a self,
        w: &[f64],
        examples: &[&'a Example<Self::Input, Self::Output>],
        scratch: &mut Self::Scratch,
        planes: &mut [Planes<'a>],
    ) {
        for (example, planes) in examples.iter().zip(planes) {
            self.separate(w, &example.x, &example.y, scratch, planes);
        }
    }

    /// Maximum number of examples (at least 1) in a call of
    /// [`separate_chunk`](Self::separate_chunk). The default is small, so that the rows of a chunk
    /// stay in the processor's cache. The result of training does not depend on it.
    ///
    /// A value above the default (8) marks calls as expensive: a batch is then split into as few
    /// calls as keep all threads busy. The block solver has
    /// [`BlockSettings::batch`](crate::BlockSettings::batch) examples at one w, and more only in
    /// certifying passes.
    fn chunk(&self) -> usize {
        CHUNK
    }

    /// What the planes bound: the hinge loss, the default, or the log-loss. Constant for a task.
    /// The laws and reports ask; the solvers ask only to estimate the work of a step.
    fn objective(&self) -> Objective {
        Objective::Hinge
    }

    /// Whether the planes come from a relaxation of the outputs, such as one that allows fractional
    /// outputs. Constant for a task.
    ///
    /// If so, training solves and certifies the relaxed problem. P(w) is then an upper bound on
    /// P(w) of the original problem. D is a lower bound on the optimum of the relaxed problem, not
    /// of the original one ([`Certificate::relaxed`](crate::Certificate::relaxed)).
    fn is_relaxed(&self) -> bool {
        false
    }

    /// The row of x that the oracle writes with this [name](Row::name). It may be built on demand.
    ///
    /// Optional. A training [`State`](crate::State) stores names instead of rows. Without this
    /// function, a task whose oracle writes rows can be trained, but training cannot be saved and
    /// resumed.
    fn row<'a>(&'a self, x: &'a Self::Input, name: u32) -> Option<Row<'a>> {
        let _ = (x, name);
        None
    }

    /// The task's [`Recombine`] implementation, if it has one. Called once, before training.
    fn recombine(&self) -> Option<Recombiner<'_, Self::Input, Self::Output, Self::Scratch>> {
        None
    }

    /// For each example, the position of the first example with the same x and y. Weights may
    /// differ.
    ///
    /// Optional. Training merges equal examples into one with the sum of their weights: the problem
    /// stays the same, and a pass needs fewer oracle calls.
    fn first_of_equals(
        &self,
        examples: &[&Example<Self::Input, Self::Output>],
    ) -> Option<Vec<usize>> {
        let _ = examples;
        None
    }

    /// Refuses an input that the task cannot predict, such as one with features beyond its weights.
    /// Programs call it before they predict, and the solvers before they train.
    ///
    /// # Errors
    /// A sentence that says what was expected.
    fn validate_input(&self, x: &Self::Input) -> Result<(), String> {
        let _ = x;
        Ok(())
    }

    /// Refuses an example that the oracle cannot handle, beyond what
    /// [`validate_input`](Self::validate_input) refuses.
    ///
    /// # Errors
    /// A sentence that says what was expected; the solver adds the example's index.
    fn validate(&self, x: &Self::Input, y: &Self::Output) -> Result<(), String> {
        let _ = (x, y);
        Ok(())
    }
}
