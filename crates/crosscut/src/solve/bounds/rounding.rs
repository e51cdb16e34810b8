//! [`off`] and [`Sizes`]: how far sums of rounded numbers can be off.

use serde::{Deserialize, Serialize};

/// Relative rounding error of a sequential sum of `terms` numbers, measured against Σ|term|, with
/// a little more for the products that the terms are.
pub(crate) fn off(terms: usize) -> f64 {
    (8.0 + 0.5 * terms as f64) * f64::EPSILON
}

/// Sizes of sums, which rounding errors are fractions of; or rounding errors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Sizes {
    /// Of a sum of losses: Σ|term|.
    pub offset: f64,
    /// Of a vector that is a sum: an upper bound on the sum of the norms of its terms.
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
