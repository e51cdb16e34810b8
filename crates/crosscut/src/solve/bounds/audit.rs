//! [`OracleAudit`]: what training has noticed about the oracle.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What training has noticed about the separation oracle.
///
/// In a pass that certifies, each answer is compared with the planes that are known for the example
/// at the same w: none may have a larger slack (law 3 of the [`Task`](crate::Task) contract), and
/// none may lie below 0, the slack of y. Differences below 1e-9 of the numbers compared are
/// forgiven. The solver that keeps one sum over all examples compares sums. An oracle that passes
/// may still be inexact; one that does not is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OracleAudit {
    /// Answers that were worse than a known plane, by more than rounding explains.
    pub worse: u64,
    /// The example of the first such answer, by its position; `None` if there was none, or if only
    /// sums over all examples were compared.
    pub first_worse: Option<usize>,
    /// The answer that was no plane and ended training.
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
    /// What is wrong with it.
    pub kind: FaultKind,
}

/// What is wrong with an answer of an oracle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum FaultKind {
    /// The loss is NaN or infinite. An oracle that fails for reasons of its own returns NaN.
    LossNotFinite,
    /// The loss is below 0.
    LossNegative,
    /// δ has a value that is NaN or infinite.
    DeltaNotFinite,
    /// δ has an index that is not below [`Task::dim`](crate::Task::dim).
    IndexBeyondDim,
    /// A row is written with a stride of 0.
    ZeroStride,
    /// Two different rows of the example have one [name](crate::Row::name).
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
