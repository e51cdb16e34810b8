//! [`Solution`]: the result of training, with its [`Certificate`].

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::solve::bounds::{OracleAudit, relative_gap};
use crate::solve::methods::Solver;

/// The result of training: weights with a certificate.
///
/// `dual` ≤ P* ≤ `primal`, where P* is the optimum of the training problem and `primal` is P(`w`)
/// rounded up. The upper bound needs an exact oracle: see [`Certificate`].
#[derive(Clone, Debug, PartialEq)]
pub struct Solution {
    /// The weights, of length `task.dim()`: those of the lowest certified P(w). If training ended
    /// before the first certificate, which only a [fault](StopReason::Fault) makes possible, they
    /// are the latest ones and `primal` is infinite.
    pub w: Vec<f64>,
    /// How they were found and how good they are.
    pub certificate: Certificate,
    /// The most bytes that the planes took, as counted after each exact pass; where they are
    /// bounded, after each new plane.
    pub plane_bytes: usize,
    /// Wall seconds of training.
    pub seconds: f64,
    /// Wall seconds of these inside oracles.
    pub oracle_seconds: f64,
}

/// A plane that a solver holds, with its dual variable.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DualVariable {
    /// The example whose plane it is; `None` for a sum over all examples, as the 1-slack method has
    /// it.
    pub example: Option<usize>,
    /// α, at least 0. Those of one example add up to at most C · weight / n (to anything where
    /// slacks are squared), those of sums to at most 1.
    pub alpha: f64,
    /// Δ; for sums C/n · Σ Δᵢ, or what a tangent of the sum of squares has there.
    pub offset: f64,
    /// ‖δ‖²; for sums that of C/n · Σ δᵢ, or of the tangent.
    pub squared_norm: f64,
}

/// How close to the optimum a training run came and what it took. Holds no clock times, so it is
/// the same for two equal runs.
///
/// D ≤ P* holds whatever the oracle does, as long as each of its answers is a plane of the problem:
/// rounding and the feasibility of α are accounted for. P* ≤ P(w) also needs the oracle to find the
/// maximum at w, or to say by how much it may have missed it: `primal` counts that,
/// [`shown`](Self::shown) does not. What training can notice about that is in
/// [`oracle`](Self::oracle).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Certificate {
    /// The solver that ran (never `Auto`).
    pub solver: Solver,
    /// C of the mean slack.
    pub c: f64,
    /// Number of examples n.
    pub examples: usize,
    /// P(w), rounded up. Infinite if training ended before the first certificate, or if nothing is
    /// known of what the oracle missed.
    pub primal: f64,
    /// P(w) by the planes that the oracle has shown, without what it [may have
    /// missed](crate::Planes::may_miss): equal to `primal` if the oracle is exact.
    pub shown: f64,
    /// D, a lower bound on the optimum, rounded down.
    pub dual: f64,
    /// Exact passes made.
    pub passes: f64,
    /// Oracle calls made.
    pub oracle_calls: u64,
    /// Planes cached at the end.
    pub planes: usize,
    /// Why training stopped.
    pub stop: StopReason,
    /// Whether the planes are those of a [relaxation](crate::Task::is_relaxed). P(w) is an upper
    /// bound on that of the problem itself then; D is a lower bound on the optimum of the relaxed
    /// problem only.
    pub relaxed: bool,
    /// What training has noticed about the separation oracle.
    pub oracle: OracleAudit,
}

impl Certificate {
    /// Whether the gap asked for was reached, and no answer of the oracle was found wrong.
    pub fn converged(&self) -> bool {
        matches!(self.stop, StopReason::Gap | StopReason::Epsilon) && self.oracle.is_clean()
    }

    /// P − D.
    pub fn gap(&self) -> f64 {
        self.primal - self.dual
    }

    /// (P − D) / P, and 0 if both are 0.
    pub fn relative_gap(&self) -> f64 {
        relative_gap(self.primal, self.dual)
    }
}

/// Why training stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StopReason {
    /// The relative duality gap is at most the one asked for.
    Gap,
    /// P − D ≤ C · ε.
    Epsilon,
    /// What is left of the gap is what the separation oracle [may have
    /// missed](crate::Planes::may_miss): by the planes that it shows, the gap asked for is reached.
    Oracle,
    /// The allowed number of exact passes was made.
    Passes,
    /// The allowed time was used.
    Seconds,
    /// The observer asked to stop.
    Interrupted,
    /// No step of any solver raises D by more than its rounding error, or P(w) overflows: the gap
    /// cannot be closed further in double precision.
    Precision,
    /// P(w) < D, by more than rounding: the separation oracle has missed a maximum, so P(w) is no
    /// upper bound.
    Inexact,
    /// The separation oracle answered with something that is no plane, such as a loss of NaN.
    /// [`OracleAudit::fault`] names the example.
    Fault,
}

impl StopReason {
    /// The word used in logs.
    pub fn name(self) -> &'static str {
        match self {
            StopReason::Gap => "gap",
            StopReason::Epsilon => "epsilon",
            StopReason::Oracle => "oracle",
            StopReason::Passes => "passes",
            StopReason::Seconds => "seconds",
            StopReason::Interrupted => "interrupted",
            StopReason::Precision => "precision",
            StopReason::Inexact => "inexact",
            StopReason::Fault => "fault",
        }
    }
}

/// A clause that tells a person how training ended.
impl fmt::Display for StopReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            StopReason::Gap | StopReason::Epsilon => "converged",
            StopReason::Oracle => "solved as far as the oracle can tell",
            StopReason::Passes => "stopped after the passes allowed, not converged",
            StopReason::Seconds => "stopped after the time allowed, not converged",
            StopReason::Interrupted => "interrupted, not converged",
            StopReason::Precision => "stopped at the limits of double precision",
            StopReason::Inexact => "not converged, since the oracle missed a maximum",
            StopReason::Fault => "not converged, since the oracle failed",
        })
    }
}
