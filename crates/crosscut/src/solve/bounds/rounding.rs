//! [`off`] and [`Sizes`]: bounds on the rounding errors of sums.

use serde::{Deserialize, Serialize};

/// Relative rounding error of a sequential sum of `terms` numbers, measured against Σ|term|. It
/// allows for the rounding of terms that are products.
pub(crate) fn off(terms: usize) -> f64 {
    (8.0 + 0.5 * terms as f64) * f64::EPSILON
}

/// Sizes of sums, against which rounding errors are measured; or rounding errors themselves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Sizes {
    /// For a sum of losses: Σ|term|.
    pub offset: f64,
    /// For a sum of vectors: an upper bound on the sum of the norms of its terms.
    pub delta: f64,
}

impl Sizes {
    pub fn scaled(self, factor: f64) -> Self {
        Self { offset: factor * self.offset, delta: factor * self.delta }
    }

    pub fn plus(self, other: Self) -> Self {
        Self { offset: self.offset + other.offset, delta: self.delta + other.delta }
    }
}
