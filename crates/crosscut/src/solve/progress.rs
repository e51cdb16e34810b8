//! [`Progress`]: the report to the observer during training.

use std::ops::ControlFlow;

use crate::solve::bounds::{OracleAudit, relative_gap};
use crate::solve::solution::StopReason;

/// When the observer is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// During a pass, a few times a second: for live displays and for stopping promptly.
    Within,
    /// An exact pass was completed.
    Pass,
    /// Training has stopped. The report has the figures of the [`Solution`](crate::Solution).
    End(StopReason),
}

/// P(w) and D as they seem to be, from the oracles called so far in the pass: their slacks, scaled to
/// all examples. Not bounds: a certificate may show a larger or a smaller gap.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// P(w).
    pub primal: f64,
    /// D of the dual variables at this moment.
    pub dual: f64,
}

/// The state of training. Everything but the two clock readings is reproducible.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Progress {
    /// When the observer is called.
    pub moment: Moment,
    /// Exact passes (n oracle calls each), with fractions for a pass under way.
    pub passes: f64,
    /// Oracle calls made.
    pub oracle_calls: u64,
    /// Lowest certified primal value P(w) so far: an upper bound on the optimum. Infinite before
    /// the first certificate.
    pub primal: f64,
    /// See [`Certificate::shown`](crate::Certificate::shown).
    pub shown: f64,
    /// Highest dual value D so far: a lower bound on the optimum.
    pub dual: f64,
    /// A guess at both bounds before the first certificate, `None` from then on.
    pub estimate: Option<Estimate>,
    /// Cached planes, or planes in the working set.
    pub planes: usize,
    /// Planes with a positive dual variable, as counted after the last exact pass.
    pub support: usize,
    /// Planes ever added to the caches or the working set.
    pub planes_found: u64,
    /// Bytes taken by the planes, as last counted.
    /// [`Settings::max_memory`](crate::Settings::max_memory) limits them.
    pub plane_bytes: usize,
    /// See [`Certificate::relaxed`](crate::Certificate::relaxed).
    pub relaxed: bool,
    /// See [`Certificate::prior`](crate::Certificate::prior).
    pub prior: bool,
    /// Errors of the separation oracle that training detected.
    pub oracle: OracleAudit,
    /// Wall seconds since training began.
    pub seconds: f64,
    /// Wall seconds inside oracles, included in `seconds`.
    pub oracle_seconds: f64,
}

impl Progress {
    /// P − D: an upper bound on the distance of P(w) from the optimum.
    pub fn gap(&self) -> f64 {
        self.primal - self.dual
    }

    /// (P − D) / P, and 0 if both are 0.
    pub fn relative_gap(&self) -> f64 {
        relative_gap(self.primal, self.dual)
    }
}

/// The observer's answer: `Continue` to go on, or `Break` to stop soon with the weights found so
/// far.
pub type Flow = ControlFlow<()>;
