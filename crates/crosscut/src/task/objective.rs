//! [`Objective`]: what training minimises for an example.

use serde::{Deserialize, Serialize};

/// What the slack ξ of an example measures.
///
/// Both are convex functions of w with planes ξ ≥ offset − ⟨w, δ⟩, so the solvers and the
/// certificate are the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Objective {
    /// The structured hinge loss: ξ = max over ȳ of Δ(y, ȳ) − ⟨w, Ψ(x, y) − Ψ(x, ȳ)⟩.
    #[default]
    Hinge,
    /// The log-loss: ξ = −ln P(y | x) = ln Σ over ȳ of exp⟨w, Ψ(x, ȳ) − Ψ(x, y)⟩. Training then
    /// fits a conditional random field (Lafferty, McCallum, Pereira 2001), or softmax regression if
    /// outputs are classes, with the regulariser ½‖w‖².
    Log,
}

impl Objective {
    /// The word used on command lines and in model files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Hinge => "hinge",
            Self::Log => "log",
        }
    }

    /// The objective with this name.
    pub fn named(name: &str) -> Option<Self> {
        [Self::Hinge, Self::Log].into_iter().find(|objective| objective.name() == name)
    }
}
