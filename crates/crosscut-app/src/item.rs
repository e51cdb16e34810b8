//! Examples as files have them ([`Item`]), outputs beside their predictions ([`Outcome`]), and what
//! weights are for ([`Role`]).

use crosscut::Task;

/// An example whose output may be unknown.
#[derive(Clone, Debug, PartialEq)]
pub struct Item<X, Y> {
    /// The input.
    pub x: X,
    /// The output, if the file names one.
    pub y: Option<Y>,
    /// Weight in measures and in training, 1 unless the file gives another.
    pub weight: f64,
}

/// An output and its prediction.
#[derive(Clone, Copy, Debug)]
pub struct Outcome<'a, X, Y> {
    /// The input.
    pub x: &'a X,
    /// The output in the file.
    pub y: &'a Y,
    /// The prediction.
    pub y_hat: &'a Y,
    /// Weight in measures.
    pub weight: f64,
}

/// Mean loss Σ weightᵢ Δ(yᵢ, ŷᵢ) / Σ weightᵢ, 0 without outcomes.
pub fn mean_loss<A: Task>(task: &A, outcomes: &[Outcome<'_, A::Input, A::Output>]) -> f64 {
    let weight: f64 = outcomes.iter().map(|outcome| outcome.weight).sum();
    let loss: f64 = outcomes
        .iter()
        .map(|outcome| outcome.weight * task.loss(outcome.x, outcome.y, outcome.y_hat))
        .sum();
    if weight > 0.0 { loss / weight } else { 0.0 }
}

impl<X, Y> Item<X, Y> {
    /// An example of weight 1.
    pub fn new(x: X, y: Option<Y>) -> Self {
        Self { x, y, weight: 1.0 }
    }
}

/// What a weight is for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Role {
    /// Positions among [`Format::labels`](crate::Format::labels), below their number: the label that the weight scores, after those that
    /// stand before it in the output. Empty if labels have no weights of their own.
    pub labels: Vec<usize>,
    /// The feature that the weight multiplies; `None` for a bias (one label) or a transition (more).
    pub feature: Option<usize>,
}

impl Role {
    /// Whether it scores labels side by side, whatever the features.
    pub fn is_transition(&self) -> bool {
        self.feature.is_none() && self.labels.len() > 1
    }
}
