//! [`Task`]: what a user implements; [`FeatureMap`]: what tasks that can name their ȳ add; [`Latent`]: hidden parts.

use serde::{Deserialize, Serialize};

use crate::plane::Planes;
use crate::sink::{Dot, Place, Scaled, Sink};
use crate::sparse::Row;

/// One input with its output, and how much it counts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Example<X, Y> {
    /// The input x.
    pub x: X,
    /// The output y.
    pub y: Y,
    /// Multiplies this example's slack: the objective is ½‖w‖² + (C/n) Σ weightᵢ · ξᵢ with n the number of
    /// examples. 1 by default; a cost, an inverse propensity, or how often the example was seen. Finite, at least 0.
    pub weight: f64,
}

impl<X, Y> Example<X, Y> {
    /// An example of weight 1.
    pub fn new(x: X, y: Y) -> Self {
        Self { x, y, weight: 1.0 }
    }

    /// The same example with another weight.
    pub fn with_weight(self, weight: f64) -> Self {
        Self { weight, ..self }
    }
}

/// A structured prediction task: what the outputs are, the loss, and inference.
///
/// A task is a definition. It holds sizes, cost tables and label names, never examples or weights; running state
/// lives in [`Scratch`](Self::Scratch), of which each thread has its own.
///
/// # Contract
/// For all w, and with slack(w) = Δ − ⟨w, δ⟩ of the first plane that [`separate`](Self::separate) adds at w:
/// 1. Δ(y, y) = 0 and Δ ≥ 0;
/// 2. slack(w) ≥ Δ(y, predict(w)) (for a prediction that scores at least what y scores);
/// 3. slack(w) ≥ Δ′ − ⟨w, δ′⟩ for every plane (Δ′, δ′) that `separate` adds for this example at this or any other w′.
///
/// An oracle that searches in part (a beam, say) adds to its slack(w) what it [may have missed](Planes::may_miss).
///
/// [`testing::check`](crate::testing::check) tries these three at random, trained and adversarial weights. An oracle
/// that breaks the third and says nothing still trains. The primal value reported is then a lower bound on the true
/// one, and the gap certifies nothing beyond the outputs that the oracle can reach. Training counts the answers that
/// it finds to be worse than planes known before ([`OracleAudit`](crate::OracleAudit)).
///
/// What an oracle cannot handle is refused by [`validate`](Self::validate) before the first iteration. One that fails all
/// the same returns NaN as its loss: training ends, names the example and keeps what was certified before
/// ([`StopReason::Fault`](crate::StopReason::Fault)).
pub trait Task: Sync {
    /// x, as the oracle wants to read it.
    type Input: Sync;
    /// y; it may carry a hidden part (see [`Latent`]).
    type Output: Send + Sync;
    /// Buffers of one thread; `()` if none are needed.
    type Scratch: Default + Send;

    /// d, the length of w. Every index written to a sink is below it.
    fn dim(&self) -> usize;

    /// Δ(y, ŷ) ≥ 0, zero if ŷ = y. It is told x: a parser leaves out punctuation, an alignment is divided by lengths.
    fn loss(&self, x: &Self::Input, y: &Self::Output, y_hat: &Self::Output) -> f64;

    /// ŷ = argmax over y of ⟨w, Ψ(x, y)⟩. Ties are broken the same way each time.
    fn predict(&self, w: &[f64], x: &Self::Input, scratch: &mut Self::Scratch) -> Self::Output;

    /// The separation oracle: finds the ȳ that maximises Δ(y, ȳ) + ⟨w, Ψ(x, ȳ)⟩, and [adds](Planes::add) its plane to
    /// `planes`, which are empty: δ = Ψ(x, y) − Ψ(x, ȳ) is written, Δ(y, ȳ) returned. [`FeatureMap::plane`] does both.
    ///
    /// For slack rescaling it maximises Δ(y, ȳ) · (1 − ⟨w, δ⟩) instead and writes Δ·δ ([`FeatureMap::rescaled_plane`]).
    ///
    /// The plane of the maximum comes first. Planes of other outputs may follow if they come nearly for free and violate the
    /// margin too: a solver that keeps planes then needs fewer calls.
    fn separate<'a>(
        &'a self,
        w: &[f64],
        x: &'a Self::Input,
        y: &'a Self::Output,
        scratch: &mut Self::Scratch,
        planes: &mut Planes<'a>,
    );

    /// A plane put together from parts of planes that the oracle has shown. It is worth writing where outputs have many parts, and little of
    /// what each of them could be is ever seen: the search among that costs a small part of an oracle call then.
    ///
    /// `parts` are the rows at places that the planes kept for this example are made of, those of one row together. Among the outputs ȳ whose
    /// plane has no other rows, it looks for one that violates the margin most. If its slack Δ − ⟨w, δ⟩ is above `least`, it writes δ into
    /// `sink` and returns Δ. Any ȳ will do, a better one saves more oracle calls. Parts that the oracle never writes are passed over: a state
    /// that training [goes on](crate::Trainer::restore) from may have been changed.
    ///
    /// By default there are none.
    fn recombine<'a>(
        &'a self,
        w: &[f64],
        (x, y): (&'a Self::Input, &'a Self::Output),
        parts: &mut dyn Iterator<Item = Part<'a>>,
        least: f64,
        scratch: &mut Self::Scratch,
        sink: &mut dyn Sink<'a>,
    ) -> Option<f64> {
        let _ = (w, x, y, parts, least, scratch, sink);
        None
    }

    /// Shows `visit` the rows that the oracle may write for this example with [`Sink::add_row`], each time in the same order.
    ///
    /// A [`State`](crate::State) of training names rows by their position among these. A task whose oracle writes no rows needs
    /// none; one whose oracle writes others trains, but its training cannot be kept and resumed.
    fn rows<'a>(&'a self, x: &'a Self::Input, y: &'a Self::Output, visit: &mut dyn FnMut(Row<'a>)) {
        let _ = (x, y, visit);
    }

    /// Which examples are equal: for each, the position of the first one with the same x and y. The weights may differ.
    ///
    /// Optional. Training sees equal examples as one, with the sum of their weights: the problem is the same, and a pass takes fewer oracle calls.
    fn first_of_equals(&self, examples: &[&Example<Self::Input, Self::Output>]) -> Option<Vec<usize>> {
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

/// A part of the planes of an example: a row at a place.
#[derive(Clone, Copy, Debug)]
pub struct Part<'a> {
    /// The row, one of those that the oracle has written.
    pub row: Row<'a>,
    /// Where it lies among the weights.
    pub place: Place,
    /// ⟨w, row at place⟩.
    pub score: f64,
}

/// The joint feature map, for tasks whose oracle can name its ȳ.
///
/// Not compulsory: in pairwise ranking, ȳ is one of 2^pairs choices and the oracle writes δ from counts.
pub trait FeatureMap: Task {
    /// Writes Ψ(x, y) into `sink`.
    fn psi<'a>(&'a self, x: &'a Self::Input, y: &Self::Output, sink: &mut dyn Sink<'a>);

    /// Writes δ = Ψ(x, y) − Ψ(x, ȳ) into `sink` and returns Δ(y, ȳ): the plane of margin rescaling.
    fn plane<'a>(&'a self, x: &'a Self::Input, y: &Self::Output, y_bar: &Self::Output, sink: &mut dyn Sink<'a>) -> f64 {
        self.psi(x, y, sink);
        self.psi(x, y_bar, &mut Scaled::new(sink, -1.0));
        self.loss(x, y, y_bar)
    }

    /// Writes Δ·δ into `sink` and returns Δ(y, ȳ): the plane of slack rescaling.
    fn rescaled_plane<'a>(
        &'a self,
        x: &'a Self::Input,
        y: &Self::Output,
        y_bar: &Self::Output,
        sink: &mut dyn Sink<'a>,
    ) -> f64 {
        let loss = self.loss(x, y, y_bar);
        self.plane(x, y, y_bar, &mut Scaled::new(sink, loss));
        loss
    }

    /// ⟨w, Ψ(x, y)⟩, without building Ψ.
    fn score(&self, w: &[f64], x: &Self::Input, y: &Self::Output) -> f64 {
        let mut dot = Dot::new(w);
        self.psi(x, y, &mut dot);
        dot.sum
    }
}

/// A task whose outputs have a part that is never observed: [`latent::solve`](crate::latent::solve) alternates
/// between imputing it and solving the convex problem that remains (Yu and Joachims 2009, CCCP).
pub trait Latent: Task {
    /// y with its hidden part replaced by the one that scores best under w: argmax over h of ⟨w, Ψ(x, (y, h))⟩.
    fn impute(&self, w: &[f64], x: &Self::Input, y: &Self::Output, scratch: &mut Self::Scratch) -> Self::Output;
}

/// Where the loss enters the margin: the two definitions of ξ on the [crate page](crate).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Rescaling {
    /// ξ ≥ Δ − ⟨w, δ⟩ (Taskar, Guestrin, Koller 2003).
    #[default]
    Margin,
    /// ξ ≥ Δ · (1 − ⟨w, δ⟩) (Tsochantaridis, Joachims, Hofmann, Altun 2005).
    Slack,
}
