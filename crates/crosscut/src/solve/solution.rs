//! [`Solution`]: the result of training, with its [`Certificate`].

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::solve::bounds::{OracleAudit, relative_gap};
use crate::solve::methods::Solver;

/// The result of training: weights with a certificate.
///
/// `dual` ≤ P* ≤ `primal`, with P* the optimum of the training problem and `primal` = P(`w`),
/// rounded up. The upper bound needs an exact oracle: see [`Certificate`].
#[derive(Clone, Debug, PartialEq)]
pub struct Solution {
    /// The weights with the lowest certified P(w), of length `task.dim()`. If a
    /// [fault](StopReason::Fault) ended training before the first certificate, they are the latest
    /// weights and `primal` is infinite.
    pub w: Vec<f64>,
    /// How the weights were found, and how close to the optimum they are.
    pub certificate: Certificate,
    /// Peak memory of the planes, in bytes. It is measured after each exact pass; if memory is
    /// limited, after each new plane.
    pub plane_bytes: usize,
    /// Wall seconds of training.
    pub seconds: f64,
    /// Wall seconds inside oracles, included in `seconds`.
    pub oracle_seconds: f64,
}

/// A plane of the solver, with its dual variable.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DualVariable {
    /// The example of the plane; `None` if the plane is a sum over all examples, as in the 1-slack
    /// method.
    pub example: Option<usize>,
    /// The dual variable α ≥ 0. The dual variables of one example add up to at most C · weight / n,
    /// or are unbounded if slacks are squared. The dual variables of sums add up to at most 1.
    pub alpha: f64,
    /// Δ. For sums, C/n · Σ Δᵢ, or the offset of the tangent if slacks are squared.
    pub offset: f64,
    /// ‖δ‖². For sums, the squared norm of C/n · Σ δᵢ, or of the tangent's δ if slacks are squared.
    pub squared_norm: f64,
}

/// How close to the optimum a training run came, and the work it took. A certificate holds no clock
/// times, so two equal runs have equal certificates.
///
/// D ≤ P* holds for any oracle whose answers are planes of the problem: rounding and the
/// feasibility of α are accounted for. P* ≤ P(w) also needs the oracle to find the maximum at w, or
/// to report how much it may have missed. `primal` includes the reported amount,
/// [`shown`](Self::shown) does not. Errors of the oracle that training could detect are in
/// [`oracle`](Self::oracle).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Certificate {
    /// The solver that ran (never `Auto`).
    pub solver: Solver,
    /// C of the mean slack.
    pub c: f64,
    /// Number of examples n.
    pub examples: usize,
    /// P(w), rounded up. Infinite if training ended before the first certificate, or if the oracle
    /// gave no bound on what it may have missed.
    pub primal: f64,
    /// P(w) over the planes that the oracle returned, without the amount it [may have
    /// missed](crate::Planes::may_miss). Equal to `primal` if the oracle is exact.
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
    /// Whether the planes belong to a [relaxation](crate::Task::is_relaxed) of the problem. If so,
    /// P(w) of the relaxation is an upper bound on P(w) of the problem itself, but D is a lower
    /// bound on the optimum of the relaxation only.
    pub relaxed: bool,
    /// Whether P and D are those of ½‖w − w₀‖² with [prior weights](crate::Regulariser).
    pub prior: bool,
    /// Errors of the separation oracle that training detected.
    pub oracle: OracleAudit,
}

impl Certificate {
    /// Whether the requested gap was reached and no answer of the oracle was found wrong.
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
#[non_exhaustive]
pub enum StopReason {
    /// The relative duality gap is at most the one requested.
    Gap,
    /// P − D ≤ C · ε.
    Epsilon,
    /// The rest of the gap is the amount that the separation oracle [may have
    /// missed](crate::Planes::may_miss): over the planes it returned, the requested gap is reached.
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
    /// P(w) < D by more than rounding: the separation oracle missed a maximum, so P(w) is not an
    /// upper bound.
    Inexact,
    /// The separation oracle returned an answer that is not a plane, such as a loss of NaN.
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

/// A clause for messages to the user.
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
