//! [`DualSum`] and [`confine`]: a dual value that is a lower bound.

use super::rounding::{Sizes, off};

/// A dual value D = Σα·offset − ½‖u‖² − conjugates, with u = Σα·δ, while its terms come in.
///
/// What is summed are parts: those of one example, or the planes of a working set.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct DualSum {
    /// Σα·offset less the conjugates.
    value: f64,
    /// Sizes of what is summed for the value and for u.
    sizes: Sizes,
    /// Bounds on the rounding inside of the parts.
    inside: Sizes,
    /// Additions that a coordinate of u has seen, at most.
    additions: usize,
}

impl DualSum {
    /// Adds a part: its share of Σα·offset less the conjugate, the sizes of what was summed for it,
    /// bounds on the rounding inside of that, and how many rows and numbers it has added to u.
    pub fn add(&mut self, value: f64, sizes: Sizes, inside: Sizes, additions: usize) {
        self.value += value;
        self.sizes = self.sizes.plus(sizes);
        self.inside = self.inside.plus(inside);
        self.additions += additions;
    }

    /// What was summed, as one plane (Σα·offset, u): its offset, the sizes of what was summed, and
    /// bounds on the rounding errors.
    pub fn as_plane(&self) -> (f64, Sizes, Sizes) {
        (self.value, self.sizes, self.sizes.scaled(off(self.additions)).plus(self.inside))
    }

    /// D as it was summed.
    pub fn value(&self, u_squared: f64) -> f64 {
        self.value - 0.5 * u_squared
    }

    /// D less all that rounding may have added to it; `u_squared` is ‖u‖², a sum over `dim`
    /// weights.
    pub(super) fn lower(&self, u_squared: f64, dim: usize) -> f64 {
        let (_, _, errors) = self.as_plane();
        // ‖u‖ may be longer by this, and its square is summed in eight parts.
        let shift = errors.delta;
        let squares = off(dim / 8) * u_squared + shift * (2.0 * u_squared.sqrt() + shift);
        self.value(u_squared) - errors.offset - 0.5 * squares
    }
}

/// Lowers dual variables until their sum is at most `bound` in exact arithmetic; returns whether
/// any was changed. `alpha` must be finite and at least 0.
///
/// Steps keep the sum at its bound up to rounding only. The excess is some units in the last place
/// and is taken from the largest dual variable.
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
            // Not rounding: after a change of C, say.
            let factor = bound / (bound + excess);
            alpha.iter_mut().for_each(|alpha| *alpha = (*alpha * factor).next_down().max(0.0));
            continue;
        };
        *largest = (*largest - excess).next_down();
    }
}

/// An upper bound on Σα − `bound`; 0 only if Σα ≤ `bound` in exact arithmetic.
fn excess(alpha: &[f64], bound: f64) -> f64 {
    // The sum in two numbers (two-sum: Knuth 1997, 4.2.2, theorem B). The first rounding error is
    // kept exactly, and those of adding such errors are bounded.
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
