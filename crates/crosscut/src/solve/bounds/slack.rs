//! [`SlackCost`] and [`SlackSum`]: what slacks cost, and what they add up to.

use serde::{Deserialize, Serialize};

use super::PROOF;
use super::audit::OracleAudit;
use crate::solve::settings::SlackNorm;

/// What the slack of one example adds to P, as a function of the slack, and its conjugate.
///
/// Linear slacks cost c · ξ, and the dual variables of the example add up to at most c. Squared
/// slacks cost c · ξ²; there is no bound, but D loses (Σα)² / 4c.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct SlackCost {
    /// The bound on Σα: c, or infinite for squared slacks.
    pub bound: f64,
    /// The curvature of the conjugate: 0, or 1/2c for squared slacks.
    pub ridge: f64,
}

impl SlackCost {
    /// For c = C/n · weight. If c = 0 the slack costs nothing under either norm.
    pub fn new(c: f64, norm: SlackNorm) -> Self {
        match norm {
            SlackNorm::Squared if c > 0.0 => Self { bound: f64::INFINITY, ridge: 0.5 / c },
            _ => Self { bound: c, ridge: 0.0 },
        }
    }

    /// The cost of a slack. Negative slacks cost nothing, since y itself has slack 0. One that is
    /// not a number costs infinitely much: it certifies nothing.
    pub fn of(self, slack: f64) -> f64 {
        match slack {
            _ if slack <= 0.0 || self.bound == 0.0 => 0.0,
            _ if slack.is_nan() => f64::INFINITY,
            _ if self.ridge > 0.0 => slack * (0.5 * slack / self.ridge),
            _ => self.bound * slack,
        }
    }

    /// The derivative of the cost at a slack of at least 0.
    pub fn slope(self, slack: f64) -> f64 {
        if self.ridge > 0.0 { slack / self.ridge } else { self.bound }
    }

    /// What D loses for Σα = `sum`: the conjugate of the cost.
    pub fn conjugate(self, sum: f64) -> f64 {
        0.5 * self.ridge * sum * sum
    }
}

/// What planes that were found before show of a slack, or of a sum of slacks, at the same w.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Known {
    /// A lower bound: the value of the best plane, rounded down, or 0, that of y itself.
    value: f64,
    /// The size of the numbers that it was computed from.
    size: f64,
}

impl Known {
    /// From the value of a plane, the size of the numbers in it, and their relative rounding error.
    pub fn new(value: f64, size: f64, rounding: f64) -> Self {
        Self { value: (value - rounding * size).max(0.0), size }
    }

    /// Whether an answer is worse by more than the rounding of scores may explain: those that an
    /// oracle compares can be larger than the ones it writes, in which equal parts have cancelled.
    fn beats(self, answer: f64) -> bool {
        self.value > answer + PROOF * self.size
    }
}

/// The answer of an oracle for one example.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answer {
    /// The value of its best plane, rounded up.
    pub value: f64,
    /// How far the maximum may lie above that, as the oracle says.
    pub missed: f64,
}

/// Adds up what the slacks of all examples cost, and notices answers that are too small.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct SlackSum {
    /// Σ cost of the slack that planes show.
    pub cost: f64,
    /// How much more it may be, by what oracles say they may have missed.
    pub missed: f64,
    pub audit: OracleAudit,
}

impl SlackSum {
    /// Adds the slack of an example: the answer of its oracle, or what is `known` if that is
    /// larger.
    pub fn add(
        &mut self,
        cost: SlackCost,
        example: usize,
        Answer { value, missed }: Answer,
        known: Known,
    ) {
        let most = value + missed;
        if known.beats(most) {
            self.audit.count(Some(example));
        }
        let slack = if value < known.value { known.value } else { value };
        let shown = cost.of(slack);
        self.cost += shown;
        if most > slack && shown.is_finite() {
            self.missed += cost.of(most) - shown;
        }
    }

    /// Raises the whole sum to what is `known` for it, if that is larger.
    pub fn compare(&mut self, known: Known) {
        if known.beats(self.cost + self.missed) {
            self.audit.count(None);
        }
        self.cost = self.cost.max(known.value);
    }

    /// Adds the sum over later examples.
    pub fn absorb(&mut self, later: &Self) {
        self.cost += later.cost;
        self.missed += later.missed;
        self.audit.absorb(later.audit);
    }
}
