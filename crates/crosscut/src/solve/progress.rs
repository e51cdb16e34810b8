//! [`Progress`]: what a solver tells while it runs.

use std::ops::ControlFlow;

use crate::solve::bounds::{OracleAudit, relative_gap};
use crate::solve::solution::StopReason;

/// At which moment the observer is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// Somewhere inside a pass, a few times a second: for live displays and for stopping promptly.
    Within,
    /// An exact pass was completed.
    Pass,
    /// Training has stopped; the figures are those of the [`Solution`](crate::Solution).
    End(StopReason),
}

/// The state of training. Everything but the two clock readings is reproducible.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Progress {
    /// At which moment.
    pub moment: Moment,
    /// Exact passes (n oracle calls each) completed, fractions for a pass under way.
    pub passes: f64,
    /// Oracle calls made.
    pub oracle_calls: u64,
    /// Lowest certified primal value P(w) so far: an upper bound on the optimum. Infinite before
    /// the first certificate.
    pub primal: f64,
    /// As [`Certificate::shown`](crate::Certificate::shown).
    pub shown: f64,
    /// Highest dual value D so far: a lower bound on the optimum.
    pub dual: f64,
    /// Cached planes, or planes in the working set.
    pub planes: usize,
    /// Planes of these with a positive dual variable, as counted after the last exact pass.
    pub support: usize,
    /// Planes that have ever entered the caches or the working set.
    pub planes_found: u64,
    /// Bytes that the planes take, as last counted: what
    /// [`Settings::max_memory`](crate::Settings::max_memory) bounds.
    pub plane_bytes: usize,
    /// As [`Certificate::relaxed`](crate::Certificate::relaxed).
    pub relaxed: bool,
    /// What training has noticed about the separation oracle.
    pub oracle: OracleAudit,
    /// Wall seconds since training began.
    pub seconds: f64,
    /// Wall seconds of these inside oracles.
    pub oracle_seconds: f64,
}

impl Progress {
    /// P − D: how far P(w) can be from the optimum at most.
    pub fn gap(&self) -> f64 {
        self.primal - self.dual
    }

    /// (P − D) / P, and 0 if both are 0.
    pub fn relative_gap(&self) -> f64 {
        relative_gap(self.primal, self.dual)
    }
}

/// What an observer answers: go on, or stop soon with what there is.
pub type Flow = ControlFlow<()>;
