//! [`SolveError`]: why there is no result of training.

use crate::solve::bounds::Fault;
use crate::solve::regulariser::RegulariserError;
use crate::solve::settings::SettingsError;
use crate::solve::state::StateError;

/// Number of vectors of length d that a solver keeps: w, the best w so far, and averages or
/// extrapolations.
pub(crate) const VECTORS: usize = 4;

/// Why there is no result of training.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SolveError {
    /// A setting out of range.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// A regulariser that does not fit the task.
    #[error(transparent)]
    Regulariser(#[from] RegulariserError),
    /// No examples.
    #[error("there are no training examples")]
    NoExamples,
    /// An example that the task or the solver cannot handle.
    #[error("example {index}: {message}")]
    Example {
        /// Zero-based position among the examples.
        index: usize,
        /// What was expected.
        message: String,
    },
    /// There is not enough memory for the weights and the vectors that a solver keeps beside them.
    #[error(
        "expected weights for which there is memory, found {weights} of them: {bytes} bytes, and training needs about {VECTORS} times as much"
    )]
    Memory {
        /// The number of weights, d.
        weights: usize,
        /// 8 · d.
        bytes: usize,
    },
    /// An oracle failed during training with hidden parts. Without hidden parts, training ends with
    /// [`StopReason::Fault`](crate::StopReason::Fault) instead.
    #[error(transparent)]
    Oracle(#[from] Fault),
    /// A saved state from which training with hidden parts cannot go on.
    #[error("training cannot go on: {0}")]
    State(#[from] StateError),
    /// The thread pool could not be started.
    #[error("the threads could not be started: {0}")]
    Threads(String),
}
