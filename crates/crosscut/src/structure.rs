//! [`Structure`]: the shortest way to a task of your own, and [`Structured`], its task.

use serde::{Deserialize, Serialize};

use crate::data::{Dot, Sink};
use crate::task::{FeatureMap, Planes, Task};

/// The receiver of Ψ(x, y) in [`Structure::psi`]: a [`Sink`] that keeps no references to rows.
pub type FeatureSink<'s> = dyn for<'a> Sink<'a> + 's;

/// A structure in four methods: d, Ψ, Δ and one search. [`Structured`] makes a [`Task`] of it, with
/// margin rescaling:
///
/// ```text
/// predict     ŷ = best(w, x, None)
/// separate    ȳ = best(w, x, Some(y)),  the plane (Δ(y, ȳ), Ψ(x, y) − Ψ(x, ȳ))
/// ```
///
/// The certificate is that of any task: D ≤ P* always holds, P* ≤ P(w) if [`best`](Self::best) finds
/// the maximum. [`testing::check`](crate::testing::check) and
/// [`testing::check_oracle`](crate::testing::check_oracle) tell a search that does not, and training
/// counts answers that are worse than earlier ones ([`OracleAudit`](crate::OracleAudit)). [The
/// tutorial](crate::tutorial::your_first_structure) writes, tests and trains one.
///
/// # When to go on to another trait
///
/// * Score and loss are sums over parts, and the search needs only the scores of the parts:
///   [`Parts`](crate::Parts), which also recombines planes and can learn probabilities.
/// * [`Task`], if time or memory matters, or the structure has more to say:
///   [buffers](Task::Scratch) that a search reuses from call to call; rows of the data that planes
///   keep [by reference](Sink::add_row) instead of a copy of their features; several planes from one
///   search; [recombination](Task::recombine); a bound on what a search [may have
///   missed](Planes::may_miss); slack rescaling; a loss that depends on x.
///
/// Copies cost most if Ψ has many features for each part of an output. `cargo run --release -p
/// crosscut-benches --bin parts -- FILE.hmm` trains a tagger written in all three ways.
pub trait Structure: Sync {
    /// The input x.
    type Input: Sync;
    /// The output y.
    type Output: Send + Sync;

    /// d, the length of w.
    fn dim(&self) -> usize;

    /// Writes the joint feature map Ψ(x, y) into `sink`: [`add`](Sink::add) a value at an index
    /// below [`dim`](Self::dim), or a whole row with [`add_row`](Sink::add_row). Values at the same
    /// index add up.
    fn psi(&self, x: &Self::Input, y: &Self::Output, sink: &mut FeatureSink<'_>);

    /// Loss Δ(y, ŷ) ≥ 0, zero if ŷ = y.
    fn loss(&self, y: &Self::Output, y_hat: &Self::Output) -> f64;

    /// The search. Without an output it predicts: argmax over ŷ of ⟨w, Ψ(x, ŷ)⟩. With the right
    /// output y it is the separation oracle, also called loss-augmented inference: argmax over ȳ of
    /// Δ(y, ȳ) + ⟨w, Ψ(x, ȳ)⟩. Ties must be broken deterministically.
    fn best(&self, w: &[f64], x: &Self::Input, y: Option<&Self::Output>) -> Self::Output;

    /// ⟨w, Ψ(x, y)⟩, from [`psi`](Self::psi).
    fn score(&self, w: &[f64], x: &Self::Input, y: &Self::Output) -> f64 {
        let mut dot = Dot::new(w);
        self.psi(x, y, &mut dot);
        dot.sum
    }

    /// Refuses an input that cannot be predicted, such as one with features beyond the weights. As
    /// [`Task::validate_input`].
    ///
    /// # Errors
    /// A sentence that says what was expected.
    fn validate_input(&self, x: &Self::Input) -> Result<(), String> {
        let _ = x;
        Ok(())
    }

    /// Refuses an example that the search cannot handle, such as an output that does not fit its
    /// input. As [`Task::validate`].
    ///
    /// # Errors
    /// A sentence that says what was expected.
    fn validate(&self, x: &Self::Input, y: &Self::Output) -> Result<(), String> {
        let _ = (x, y);
        Ok(())
    }
}

impl<S: Structure + ?Sized> Structure for &S {
    type Input = S::Input;
    type Output = S::Output;

    fn dim(&self) -> usize {
        S::dim(self)
    }

    fn psi(&self, x: &S::Input, y: &S::Output, sink: &mut FeatureSink<'_>) {
        S::psi(self, x, y, sink);
    }

    fn loss(&self, y: &S::Output, y_hat: &S::Output) -> f64 {
        S::loss(self, y, y_hat)
    }

    fn best(&self, w: &[f64], x: &S::Input, y: Option<&S::Output>) -> S::Output {
        S::best(self, w, x, y)
    }

    fn score(&self, w: &[f64], x: &S::Input, y: &S::Output) -> f64 {
        S::score(self, w, x, y)
    }

    fn validate_input(&self, x: &S::Input) -> Result<(), String> {
        S::validate_input(self, x)
    }

    fn validate(&self, x: &S::Input, y: &S::Output) -> Result<(), String> {
        S::validate(self, x, y)
    }
}

/// The task of a [`Structure`], which may be borrowed: `solve(&Structured(&tagger), …)`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Structured<S>(pub S);

impl<S: Structure> Task for Structured<S> {
    type Input = S::Input;
    type Output = S::Output;
    type Scratch = ();

    fn dim(&self) -> usize {
        self.0.dim()
    }

    fn loss(&self, _: &S::Input, y: &S::Output, y_hat: &S::Output) -> f64 {
        self.0.loss(y, y_hat)
    }

    fn predict(&self, w: &[f64], x: &S::Input, (): &mut ()) -> S::Output {
        self.0.best(w, x, None)
    }

    fn separate<'a>(
        &'a self,
        w: &[f64],
        x: &'a S::Input,
        y: &'a S::Output,
        (): &mut (),
        planes: &mut Planes<'a>,
    ) {
        let y_bar = self.0.best(w, x, Some(y));
        planes.add(|sink| self.plane(x, y, &y_bar, sink));
    }

    fn validate_input(&self, x: &S::Input) -> Result<(), String> {
        self.0.validate_input(x)
    }

    fn validate(&self, x: &S::Input, y: &S::Output) -> Result<(), String> {
        self.0.validate(x, y)
    }
}

impl<S: Structure> FeatureMap for Structured<S> {
    fn psi<'a>(&'a self, x: &'a S::Input, y: &S::Output, sink: &mut dyn Sink<'a>) {
        self.0.psi(x, y, &mut Copies(sink));
    }

    fn score(&self, w: &[f64], x: &S::Input, y: &S::Output) -> f64 {
        self.0.score(w, x, y)
    }
}

/// Forwards rows feature by feature, so that the receiver keeps no references to them. Training can
/// then be saved without [`Task::row`].
struct Copies<'s, 'a>(&'s mut dyn Sink<'a>);

impl Sink<'_> for Copies<'_, '_> {
    fn add(&mut self, index: usize, value: f64) {
        self.0.add(index, value);
    }
}
