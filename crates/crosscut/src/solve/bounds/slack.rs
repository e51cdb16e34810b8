//! [`SlackCost`] and [`SlackSum`]: the cost of one slack, and the sum of all costs.

use serde::{Deserialize, Serialize};

use super::PROOF;
use super::audit::OracleAudit;
use crate::solve::settings::SlackNorm;

/// The contribution of one example's slack to P, as a function of the slack, and its conjugate.
///
/// Linear slacks cost c · ξ, and the dual variables of the example add up to at most c. Squared
/// slacks cost c · ξ²; Σα is not bounded, but D loses (Σα)² / 4c.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct SlackCost {
    /// The bound on Σα: c, or infinite for squared slacks.
    pub bound: f64,
    /// The curvature of the conjugate: 0, or 1/2c for squared slacks.
    pub ridge: f64,
}

impl SlackCost {
    /// For c = C/n · weight. If c = 0, the slack costs nothing under either norm.
    pub fn new(c: f64, norm: SlackNorm) -> Self {
        match norm {
            SlackNorm::Squared if c > 0.0 => Self { bound: f64::INFINITY, ridge: 0.5 / c },
            _ => Self { bound: c, ridge: 0.0 },
        }
    }

    /// The cost of a slack. Negative slacks cost nothing, since y itself has slack 0. A slack of
    /// NaN costs infinitely much, so it certifies nothing.
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

    /// The conjugate of the cost at Σα = `sum`, which D loses.
    pub fn conjugate(self, sum: f64) -> f64 {
        0.5 * self.ridge * sum * sum
    }
}

/// A lower bound on a slack, or on a sum of slacks, from planes found before at the same w.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Known {
    /// The bound: the value of the best plane, rounded down, or 0, the value of y itself.
    value: f64,
    /// The size of the numbers from which `value` was computed.
    size: f64,
}

impl Known {
    /// From the value of a plane, the size of the numbers in it, and their relative rounding error.
    pub fn new(value: f64, size: f64, rounding: f64) -> Self {
        Self { value: (value - rounding * size).max(0.0), size }
    }

    /// Whether an answer is worse by more than the rounding of scores can explain. The tolerance is
    /// larger than the rounding error of `value`: the scores that an oracle compares can be larger
    /// than the numbers it writes, in which equal parts have cancelled.
    fn beats(self, answer: f64) -> bool {
        self.value > answer + PROOF * self.size
    }
}

/// The answer of an oracle for one example.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answer {
    /// The value of its best plane, rounded up.
    pub value: f64,
    /// Upper bound on how far the maximum lies above `value`, as the oracle reports.
    pub missed: f64,
}

/// Sums the costs of the slacks of all examples, and detects answers that are too small.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct SlackSum {
    /// Σ cost of the slacks over the planes that oracles returned.
    pub cost: f64,
    /// Upper bound on the cost missing from `cost`, as oracles report.
    pub missed: f64,
    pub audit: OracleAudit,
}

impl SlackSum {
    /// Adds the slack of an example: the answer of its oracle, or the `known` slack if that is
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

    /// Raises the whole sum to the `known` sum, if that is larger.
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
