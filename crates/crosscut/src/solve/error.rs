//! [`SolveError`]: why there is no result of training.

use crate::solve::bounds::Fault;
use crate::solve::settings::SettingsError;
use crate::solve::state::StateError;

/// So many vectors as long as the weights a solver keeps: w, the best one so far, and what it
/// averages or extrapolates.
pub(crate) const VECTORS: usize = 4;

/// Why there is no result of training.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum SolveError {
    /// A setting out of range.
    #[error(transparent)]
    Settings(#[from] SettingsError),
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
    /// There is no memory for the weights and what a solver keeps beside them.
    #[error(
        "expected weights for which there is memory, found {weights} of them: {bytes} bytes, and training needs about {VECTORS} times as much"
    )]
    Memory {
        /// The number of weights, d.
        weights: usize,
        /// 8 · d.
        bytes: usize,
    },
    /// An oracle failed while hidden parts were trained; elsewhere training ends with
    /// [`StopReason::Fault`](crate::StopReason::Fault).
    #[error(transparent)]
    Oracle(#[from] Fault),
    /// A kept state with which training on hidden parts cannot go on.
    #[error("training cannot go on: {0}")]
    State(#[from] StateError),
    /// The pool of threads could not be started.
    #[error("the threads could not be started: {0}")]
    Threads(String),
}
