//! The two bounds of a certificate. D is raised and P(w) is certified in this module and nowhere
//! else, for every solver.
//!
//! Three things could break D ≤ P* ≤ P(w), and each is dealt with here:
//!
//! * **Rounding.** A sum of `terms` numbers is off by at most [`off`]`(terms)` times the sum of
//!   their sizes. P(w) is raised and D is lowered by such bounds.
//! * **Infeasible dual variables.** D bounds P* only if Σα is at most its bound. [`confine`] makes
//!   that true in exact arithmetic.
//! * **Oracles.** What an oracle may have missed, as it says itself, is counted as slack. An answer
//!   that is no plane is a [`Fault`] and ends the run. An answer with a smaller slack than a plane
//!   that is already known breaks law 3 of the [`Task`](crate::Task) contract and is counted in an
//!   [`OracleAudit`].

mod audit;
mod dual;
mod primal;
mod rounding;
mod slack;
#[cfg(test)]
mod tests;

pub use audit::{Fault, FaultKind, OracleAudit};
pub(crate) use dual::{DualSum, confine};
pub use primal::{primal, slacks};
pub(crate) use rounding::{Sizes, off};
pub(crate) use slack::{Answer, Known, SlackCost, SlackSum};

use crate::solve::vectors::squared_norm;

/// If D exceeds P(w) by more than this fraction of P(w), the oracle has missed a maximum.
///
/// Both bounds allow for the rounding of their own sums, but not for that of the scores which an
/// oracle compares. An answer is worse than a known plane if it is so by more than this fraction of
/// the size of the numbers in that. The same tolerance as in
/// [`testing`](crate::testing::TOLERANCE).
const PROOF: f64 = 1e-9;

/// Weights with bounds on their primal value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Certified {
    /// P(w) at most, by what oracles say they may have missed too.
    pub primal: f64,
    /// P(w) by the planes that oracles have shown.
    pub shown: f64,
    pub w: Vec<f64>,
}

/// The bounds of a run, and what it has noticed about the oracle.
#[derive(Clone, Debug)]
pub(crate) struct Bounds {
    /// Those with the lowest primal value; of several without a bound, those with the lowest one
    /// shown.
    pub best: Option<Certified>,
    /// The lowest primal value that planes have shown, at any weights.
    pub lowest: f64,
    /// The highest dual value.
    pub dual: f64,
    pub audit: OracleAudit,
    /// The lowest P shown, and D, when last asked whether they improve.
    pub last: (f64, f64),
}

impl Bounds {
    /// D = 0, which α = 0 shows; nothing is known of P.
    pub fn new() -> Self {
        let last = (f64::INFINITY, f64::NEG_INFINITY);
        Self { best: None, lowest: f64::INFINITY, dual: 0.0, audit: OracleAudit::default(), last }
    }

    /// Takes in P(w) = ½‖w‖² + the cost of the slacks of all `examples`, which oracles have
    /// answered at this very w. Returns it as it was summed, by what oracles have shown.
    ///
    /// A value that overflows certifies nothing; if there is no other, the weights are 0.
    pub fn certify(&mut self, w: &[f64], slacks: &SlackSum, examples: usize) -> f64 {
        let summed = 0.5 * squared_norm(w) + slacks.cost;
        self.audit.absorb(slacks.audit);
        let shown = rounded_up(summed, examples, w.len());
        if !shown.is_finite() {
            let none =
                || Certified { primal: f64::INFINITY, shown: f64::INFINITY, w: vec![0.0; w.len()] };
            self.best.get_or_insert_with(none);
            return summed;
        }
        self.lowest = self.lowest.min(shown);
        let primal = rounded_up(summed + slacks.missed, examples, w.len());
        match &mut self.best {
            Some(best) if (best.primal, best.shown) <= (primal, shown) => {}
            Some(best) => {
                (best.primal, best.shown) = (primal, shown);
                best.w.copy_from_slice(w);
            }
            None => self.best = Some(Certified { primal, shown, w: w.to_vec() }),
        }
        summed
    }

    /// Takes in the dual value of dual variables that [`confine`] has made feasible.
    pub fn raise(&mut self, dual: &DualSum, u_squared: f64, dim: usize) {
        let lower = dual.lower(u_squared, dim);
        if lower.is_finite() {
            self.dual = self.dual.max(lower);
        }
    }

    /// The lowest certified primal value, infinite without one.
    pub fn primal(&self) -> f64 {
        self.best.as_ref().map_or(f64::INFINITY, |best| best.primal)
    }

    /// The primal value of the same weights by the planes that oracles have shown.
    pub fn shown(&self) -> f64 {
        self.best.as_ref().map_or(f64::INFINITY, |best| best.shown)
    }

    /// D, and at most P: where rounding has put it above, the lower of two bounds is one too.
    pub fn dual(&self) -> f64 {
        if self.contradict() { self.dual } else { self.dual.min(self.primal()) }
    }

    /// Whether P(w) < D, beyond rounding. Then P(w) is too small: the oracle has missed a maximum.
    pub fn contradict(&self) -> bool {
        let primal = self.primal();
        primal.is_finite() && self.dual - primal > PROOF * primal.abs()
    }

    /// Whether either bound has moved by more than rounding since this was last asked.
    pub fn have_improved(&mut self) -> bool {
        let now = (self.lowest, self.dual);
        let (primal, dual) = std::mem::replace(&mut self.last, now);
        let moved = |by: f64, size: f64| by.is_nan() || by > 1e-15 * size.abs();
        moved(primal - now.0, now.0) || moved(now.1 - dual, now.1)
    }
}

/// (P − D) / P: 0 if both are 0, and infinite before P is certified.
pub fn relative_gap(primal: f64, dual: f64) -> f64 {
    match primal {
        _ if !primal.is_finite() => f64::INFINITY,
        _ if primal == dual => 0.0,
        _ => (primal - dual) / primal,
    }
}

/// P(w) is a sum over the examples and one of d squares in eight parts; this is above both.
fn rounded_up(primal: f64, examples: usize, dim: usize) -> f64 {
    primal * (1.0 + off(examples + dim / 8))
}
