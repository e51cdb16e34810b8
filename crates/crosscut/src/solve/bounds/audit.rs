//! [`OracleAudit`]: errors of the oracle that training detected.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Errors of the separation oracle that training detected.
///
/// A certifying pass compares each answer with the planes known for the example, at the same w. No
/// known plane may have a larger slack (law 3 of the [`Task`](crate::Task) contract), and no answer
/// may be below 0, the slack of y. Differences below 1e-9 of the numbers compared are ignored. The
/// 1-slack solver, which keeps one sum over all examples, compares sums. An oracle with an audit
/// that is not clean is inexact; an oracle with a clean audit may still be inexact.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OracleAudit {
    /// Number of answers worse than a known plane, by more than rounding explains.
    pub worse: u64,
    /// Position of the example with the first such answer; `None` if there was none, or if only
    /// sums over all examples were compared.
    pub first_worse: Option<usize>,
    /// The answer that was not a plane and ended training.
    pub fault: Option<Fault>,
}

impl OracleAudit {
    /// Whether no answer was found wrong.
    pub fn is_clean(&self) -> bool {
        self.worse == 0 && self.fault.is_none()
    }

    pub(super) fn count(&mut self, example: Option<usize>) {
        self.worse += 1;
        self.first_worse = self.first_worse.or(example);
    }

    pub(super) fn absorb(&mut self, later: Self) {
        self.worse += later.worse;
        self.first_worse = self.first_worse.or(later.first_worse);
        self.fault = self.fault.or(later.fault);
    }
}

/// An answer of an oracle that is not a plane.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, thiserror::Error,
)]
#[error("example {example}: {kind}")]
pub struct Fault {
    /// Zero-based position among the examples.
    pub example: usize,
    /// The error in the answer.
    pub kind: FaultKind,
}

/// The error in an answer of an oracle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum FaultKind {
    /// The loss is NaN or infinite. An oracle that fails for its own reasons returns NaN.
    LossNotFinite,
    /// The loss is below 0.
    LossNegative,
    /// A value of δ is NaN or infinite.
    DeltaNotFinite,
    /// An index of δ is not below [`Task::dim`](crate::Task::dim).
    IndexBeyondDim,
    /// A row was written with a stride of 0.
    ZeroStride,
    /// Two different rows of the example have the same [name](crate::Row::name).
    RowName,
    /// [`Task::separate`](crate::Task::separate) added no plane.
    NoPlane,
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::LossNotFinite => {
                "the separation oracle returned a loss that is not a finite number"
            }
            Self::LossNegative => "the separation oracle returned a loss below 0",
            Self::DeltaNotFinite => {
                "the separation oracle wrote a value that is not a finite number"
            }
            Self::IndexBeyondDim => "the separation oracle wrote at an index beyond the weights",
            Self::ZeroStride => "the separation oracle wrote a row with a stride of 0",
            Self::RowName => "the separation oracle wrote two different rows with one name",
            Self::NoPlane => "the separation oracle added no plane",
        })
    }
}
