//! The two bounds of a certificate. For every solver, D is raised and P(w) is certified only in
//! this module.
//!
//! Three things could break D ≤ P* ≤ P(w). This module handles each of them:
//!
//! * **Rounding.** A sum of `terms` numbers is off by at most [`off`]`(terms)` times the sum of
//!   their sizes. P(w) is raised and D is lowered by such bounds.
//! * **Infeasible dual variables.** D is a lower bound on P* only if Σα is at most its bound.
//!   [`confine`] ensures this in exact arithmetic.
//! * **Oracles.** The amount that an oracle reports it may have missed is counted as slack. An
//!   answer that is not a plane is a [`Fault`] and ends the run. An answer with a smaller slack
//!   than a plane already known breaks law 3 of the [`Task`](crate::Task) contract and is counted
//!   in an [`OracleAudit`].

mod audit;
mod dual;
mod primal;
mod rounding;
mod slack;
#[cfg(test)]
mod tests;

pub use audit::{Fault, FaultKind, OracleAudit};
pub(crate) use dual::{DualSum, confine};
pub use primal::{primal, primal_with, slacks};
pub(crate) use rounding::{Sizes, off};
pub(crate) use slack::{Answer, Known, SlackCost, SlackSum};

use crate::solve::regulariser::{Conjugate, Penalty};

/// Relative tolerance for detecting errors of the oracle; the same as
/// [`testing::TOLERANCE`](crate::testing::TOLERANCE).
///
/// If D exceeds P(w) by more than this fraction of P(w), the oracle has missed a maximum. An answer
/// counts as worse than a known plane if the difference exceeds this fraction of the size of the
/// numbers in the plane. Both P(w) and D allow for the rounding of their own sums, but not for the
/// rounding of the scores that an oracle compares.
const PROOF: f64 = 1e-9;

/// Weights with their primal value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Certified {
    /// Upper bound on P(w), including the amount that oracles report they may have missed.
    pub primal: f64,
    /// P(w) over the planes that oracles returned.
    pub shown: f64,
    pub w: Vec<f64>,
}

/// The bounds of a run, and the errors of the oracle it detected.
#[derive(Clone, Debug)]
pub(crate) struct Bounds {
    /// The weights with the lowest primal value. If all primal values are infinite, the weights
    /// with the lowest `shown`.
    pub best: Option<Certified>,
    /// The lowest `shown` of any weights.
    pub lowest: f64,
    /// The highest dual value.
    pub dual: f64,
    pub audit: OracleAudit,
    /// `lowest` and `dual` at the last call of [`have_improved`](Self::have_improved).
    pub last: (f64, f64),
}

impl Bounds {
    /// D = 0, at most the dual value of α = 0; no bound on P.
    pub fn new() -> Self {
        let last = (f64::INFINITY, f64::NEG_INFINITY);
        Self { best: None, lowest: f64::INFINITY, dual: 0.0, audit: OracleAudit::default(), last }
    }

    /// Records P(w) = ½‖w − w₀‖² + the cost of the slacks of all `examples`. Oracles must have been
    /// called at exactly this w, which must satisfy the bounds of `penalty`. Returns the sum without rounding up and without the amount that
    /// oracles may have missed.
    ///
    /// A value that overflows certifies nothing. If there is no certificate yet, the best weights
    /// become those of the prior with an infinite primal value.
    pub fn certify(
        &mut self,
        w: &[f64],
        penalty: &Penalty,
        slacks: &SlackSum,
        examples: usize,
    ) -> f64 {
        let summed = penalty.half_square(w) + slacks.cost;
        self.audit.absorb(slacks.audit);
        let shown = rounded_up(summed, examples, w.len());
        if !shown.is_finite() {
            let none = || Certified {
                primal: f64::INFINITY,
                shown: f64::INFINITY,
                w: penalty.start(w.len()),
            };
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

    /// Raises D to the dual value of dual variables that [`confine`] has made feasible, if that is
    /// higher.
    pub fn raise(&mut self, dual: &DualSum, conjugate: &Conjugate) {
        let lower = dual.lower(conjugate);
        if lower.is_finite() {
            self.dual = self.dual.max(lower);
        }
    }

    /// The lowest certified primal value; infinite if there is no certificate.
    pub fn primal(&self) -> f64 {
        self.best.as_ref().map_or(f64::INFINITY, |best| best.primal)
    }

    /// The primal value of the same weights over the planes that oracles returned.
    pub fn shown(&self) -> f64 {
        self.best.as_ref().map_or(f64::INFINITY, |best| best.shown)
    }

    /// D, but at most P. If D exceeds P only by rounding, the lower of the two values is a lower
    /// bound too.
    pub fn dual(&self) -> f64 {
        if self.contradict() { self.dual } else { self.dual.min(self.primal()) }
    }

    /// Whether P(w) < D by more than rounding. If so, P(w) is too small: the oracle has missed a
    /// maximum.
    pub fn contradict(&self) -> bool {
        let primal = self.primal();
        primal.is_finite() && self.dual - primal > PROOF * primal.abs()
    }

    /// Whether either bound has moved by more than rounding since the last call.
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

/// Adds a bound on the rounding error of P(w): a sum over the examples, and a sum of d squares in
/// eight parts.
fn rounded_up(primal: f64, examples: usize, dim: usize) -> f64 {
    primal * (1.0 + off(examples + dim / 8))
}
