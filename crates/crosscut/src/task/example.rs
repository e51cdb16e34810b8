//! [`Example`]: an input with its output.

use serde::{Deserialize, Serialize};

/// A training example: an input, its output and a weight.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Example<X, Y> {
    /// The input x.
    pub x: X,
    /// The output y.
    pub y: Y,
    /// Weight of this example's slack: the objective is ½‖w‖² + (C/n) Σ weightᵢ · ξᵢ with n the
    /// number of examples. Finite, at least 0, 1 by default. Use it for a cost, an inverse
    /// propensity or a count.
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
