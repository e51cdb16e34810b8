//! [`Task`]: what a user implements, and the abilities that a task may have beside it.

mod example;
mod feature_map;
mod planes;
mod raw_plane;
mod recombine;

pub use example::Example;
pub use feature_map::{FeatureMap, Rescaling};
pub use planes::Planes;
pub(crate) use raw_plane::{RawPlane, RowTerm, UNIT_ROW};
pub use recombine::{Part, Recombine, Recombiner};

use crate::data::Row;

/// Examples of one call of an oracle, unless its task says otherwise.
pub(crate) const CHUNK: usize = 8;

/// A structured prediction task: what the outputs are, the loss, and inference.
///
/// A task is a definition. It holds sizes, cost tables and label names, never examples or weights;
/// running state lives in [`Scratch`](Self::Scratch), of which each thread has its own.
///
/// # Contract
/// For all w, and with slack(w) = Δ − ⟨w, δ⟩ of the first plane that [`separate`](Self::separate)
/// adds at w:
/// 1. Δ(y, y) = 0 and Δ ≥ 0;
/// 2. slack(w) ≥ Δ(y, predict(w)) (for a prediction that scores at least what y scores);
/// 3. slack(w) ≥ Δ′ − ⟨w, δ′⟩ for every plane (Δ′, δ′) that `separate` adds for this example at
///    this or any other w′.
///
/// An oracle that searches in part (a beam, say) adds to its slack(w) what it [may have
/// missed](Planes::may_miss).
///
/// [`testing::check`](crate::testing::check) tries these three at random, trained and adversarial
/// weights. An oracle that breaks the third and says nothing still trains. The primal value
/// reported is then a lower bound on the true one, and the gap certifies nothing beyond the outputs
/// that the oracle can reach. Training counts the answers that it finds to be worse than planes
/// known before ([`OracleAudit`](crate::OracleAudit)).
///
/// What an oracle cannot handle is refused by [`validate`](Self::validate) before the first
/// iteration. One that fails all the same returns NaN as its loss: training ends, names the example
/// and keeps what was certified before ([`StopReason::Fault`](crate::StopReason::Fault)).
pub trait Task: Sync {
    /// x, as the oracle wants to read it.
    type Input: Sync;
    /// y; it may carry a hidden part (see [`Latent`](crate::Latent)).
    type Output: Send + Sync;
    /// Buffers of one thread; `()` if none are needed.
    type Scratch: Default + Send;

    /// d, the length of w. Every index written to a sink is below it.
    fn dim(&self) -> usize;

    /// Δ(y, ŷ) ≥ 0, zero if ŷ = y. It is told x: a parser leaves out punctuation, an alignment is
    /// divided by lengths.
    fn loss(&self, x: &Self::Input, y: &Self::Output, y_hat: &Self::Output) -> f64;

    /// ŷ = argmax over y of ⟨w, Ψ(x, y)⟩. Ties are broken the same way each time.
    fn predict(&self, w: &[f64], x: &Self::Input, scratch: &mut Self::Scratch) -> Self::Output;

    /// The separation oracle: finds the ȳ that maximises Δ(y, ȳ) + ⟨w, Ψ(x, ȳ)⟩, and
    /// [adds](Planes::add) its plane to `planes`, which are empty: δ = Ψ(x, y) − Ψ(x, ȳ) is
    /// written, Δ(y, ȳ) returned. [`FeatureMap::plane`] does both.
    ///
    /// For slack rescaling it maximises Δ(y, ȳ) · (1 − ⟨w, δ⟩) instead and writes Δ·δ
    /// ([`FeatureMap::rescaled_plane`]).
    ///
    /// The plane of the maximum comes first. Planes of other outputs may follow if they come nearly
    /// for free and violate the margin too: a solver that keeps planes then needs fewer calls.
    fn separate<'a>(
        &'a self,
        w: &[f64],
        x: &'a Self::Input,
        y: &'a Self::Output,
        scratch: &mut Self::Scratch,
        planes: &mut Planes<'a>,
    );

    /// Answers for several examples at one w: `planes[j]`, which are empty, are to take the planes
    /// of `examples[j]`, as [`separate`](Self::separate) adds them. By default it does that for one
    /// after the other.
    ///
    /// For oracles to which each call is dear: in another language or process, on an accelerator. w
    /// is the same for all examples of a call, and there are at most [`chunk`](Self::chunk) of
    /// them.
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

    /// How many examples [`separate_chunk`](Self::separate_chunk) is to be called for at most, at
    /// least 1. The default is few enough for their rows to stay in the processor's cache. The
    /// result of training does not depend on it.
    ///
    /// A task that asks for more finds calls dear: there are as few of them as all threads can
    /// share. The block solver asks for [`BlockSettings::batch`](crate::BlockSettings::batch)
    /// examples at one w, and only passes that certify for more.
    fn chunk(&self) -> usize {
        CHUNK
    }

    /// Whether the planes are those of a relaxation, and so of more outputs than there are:
    /// fractional ones, say. A task says so once.
    ///
    /// Training solves the relaxed problem then, and certifies that: P(w) is an upper bound on the
    /// P(w) of the problem itself, and D is a lower bound on the optimum of the relaxed problem,
    /// not of the problem itself ([`Certificate::relaxed`](crate::Certificate::relaxed)).
    fn is_relaxed(&self) -> bool {
        false
    }

    /// The row of x with a [name](Row::name): the one that the oracle writes with that name, which
    /// may be built only now.
    ///
    /// A [`State`](crate::State) of training has names in the place of rows. A task whose oracle
    /// writes no rows needs none of this; one that gives no rows back trains, but its training
    /// cannot be kept and resumed.
    fn row<'a>(&'a self, x: &'a Self::Input, name: u32) -> Option<Row<'a>> {
        let _ = (x, name);
        None
    }

    /// The ability to put planes together from parts of others, if the task has it. It is asked for
    /// once, before training.
    fn recombine(&self) -> Option<Recombiner<'_, Self::Input, Self::Output, Self::Scratch>> {
        None
    }

    /// Which examples are equal: for each, the position of the first one with the same x and y. The
    /// weights may differ.
    ///
    /// Optional. Training sees equal examples as one, with the sum of their weights: the problem is
    /// the same, and a pass takes fewer oracle calls.
    fn first_of_equals(
        &self,
        examples: &[&Example<Self::Input, Self::Output>],
    ) -> Option<Vec<usize>> {
        let _ = examples;
        None
    }

    /// Refuses an example that the oracle cannot handle, in a sentence that says what was expected.
    ///
    /// # Errors
    /// The sentence; the solver adds the example's index.
    fn validate(&self, x: &Self::Input, y: &Self::Output) -> Result<(), String> {
        let _ = (x, y);
        Ok(())
    }
}
