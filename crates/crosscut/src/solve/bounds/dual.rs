//! [`DualSum`] and [`confine`]: a dual value that is a true lower bound.

use serde::{Deserialize, Serialize};

use super::rounding::{Sizes, off};
use crate::solve::regulariser::Conjugate;

/// Accumulates a dual value D = Σα·offset − r*(u) − conjugates, with u = Σα·δ.
///
/// The terms come in parts: one for each example, or one for each plane of a working set.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct DualSum {
    /// Σα·offset − conjugates.
    value: f64,
    /// Sizes of the terms summed for `value` and for u.
    sizes: Sizes,
    /// Bounds on the rounding errors inside the parts.
    inside: Sizes,
    /// Upper bound on the number of additions to any coordinate of u.
    additions: usize,
}

impl DualSum {
    /// Adds a part. `value` is its share of Σα·offset − conjugates, `sizes` are the sizes of the
    /// terms summed for it, `inside` bounds the rounding errors inside these terms, and `additions`
    /// is the number of rows and entries it added to u.
    pub fn add(&mut self, value: f64, sizes: Sizes, inside: Sizes, additions: usize) {
        self.value += value;
        self.sizes = self.sizes.plus(sizes);
        self.inside = self.inside.plus(inside);
        self.additions += additions;
    }

    /// Adds a sum of other parts.
    pub fn join(&mut self, other: &Self) {
        self.add(other.value, other.sizes, other.inside, other.additions);
    }

    /// Counts further additions, of partial sums.
    pub fn count(&mut self, additions: usize) {
        self.additions += additions;
    }

    /// The sum as one plane (Σα·offset, u): its offset, the sizes of its terms, and bounds on the
    /// rounding errors.
    pub fn as_plane(&self) -> (f64, Sizes, Sizes) {
        (self.value, self.sizes, self.sizes.scaled(off(self.additions)).plus(self.inside))
    }

    /// D as summed, not rounded down.
    pub fn value(&self, conjugate: &Conjugate) -> f64 {
        self.value - conjugate.value
    }

    /// D minus an upper bound on its rounding error. `conjugate` is r*(u) at the rounded u.
    pub(super) fn lower(&self, conjugate: &Conjugate) -> f64 {
        let (_, _, errors) = self.as_plane();
        // `shift` bounds the error of u. The gradient of r* is w, and its slope changes by no more
        // than u.
        let shift = errors.delta;
        let square = conjugate.rounding + shift * (conjugate.slope + 0.5 * shift);
        self.value(conjugate) - errors.offset - square
    }
}

/// Lowers dual variables until their sum is at most `bound` in exact arithmetic. Returns whether
/// any of them changed. `alpha` must be finite and at least 0.
///
/// Steps keep the sum at its bound only up to rounding. The excess is usually a few units in the
/// last place, and the largest dual variable is lowered by it.
pub(crate) fn confine(alpha: &mut [f64], bound: f64) -> bool {
    let mut changed = false;
    loop {
        let excess = excess(alpha, bound);
        if excess <= 0.0 {
            return changed;
        }
        changed = true;
        let largest = alpha.iter_mut().reduce(|a, b| if *b > *a { b } else { a });
        let Some(largest) = largest.filter(|largest| **largest > 2.0 * excess) else {
            // The excess is not a rounding error, for example after a change of C.
            let factor = bound / (bound + excess);
            alpha.iter_mut().for_each(|alpha| *alpha = (*alpha * factor).next_down().max(0.0));
            continue;
        };
        *largest = (*largest - excess).next_down();
    }
}

/// An upper bound on Σα − `bound`. If it is at most 0, Σα ≤ `bound` in exact arithmetic.
fn excess(alpha: &[f64], bound: f64) -> f64 {
    // The sum as two numbers, `high` + `low` (two-sum: Knuth 1997, 4.2.2, theorem B). `low`
    // collects the exact rounding errors of `high`; `error` bounds the rounding of `low` itself.
    let (mut high, mut low, mut terms) = (0.0_f64, 0.0_f64, 0_u32);
    for &term in alpha.iter().filter(|term| **term > 0.0) {
        let sum = high + term;
        let back = sum - high;
        low += (high - (sum - back)) + (term - back);
        high = sum;
        terms += 1;
    }
    if terms < 2 || high - bound < -f64::EPSILON * f64::from(terms) * bound {
        return (high - bound).max(0.0);
    }
    let error =
        if terms > 2 { f64::from(terms).powi(2) * f64::EPSILON * f64::EPSILON * high } else { 0.0 };
    (high - bound) + low + error
}
