//! [`Violation`]: how a task breaks its contract.

use crate::solve::bounds::Fault;

/// How a task breaks its contract; `example` is the zero-based index among the examples, `at` names
/// the w.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[allow(missing_docs)] // the messages name every field
#[non_exhaustive]
pub enum Violation {
    /// Nothing was checked.
    #[error("there are no examples to check the task on")]
    NoExamples,
    /// The task's own [`validate`](crate::Task::validate) refuses an example.
    #[error("example {example} is refused by `validate`: {message}")]
    Refused { example: usize, message: String },
    /// An index beyond the weights.
    #[error("example {example}: `separate` writes at index {index}, but `dim` is {dim}")]
    Index { example: usize, index: usize, dim: usize },
    /// A value that is not finite.
    #[error("example {example}: `separate` writes {value} at index {index}; values must be finite")]
    NotFinite { example: usize, index: usize, value: f64 },
    /// An invalid loss from the oracle.
    #[error(
        "example {example}: `separate` returns the loss {loss}; it must be finite and at least 0"
    )]
    PlaneLoss { example: usize, loss: f64 },
    /// Law 1 at the truth.
    #[error("law 1, example {example}: the loss of y against itself is {loss}; Δ(y, y) must be 0")]
    Truth { example: usize, loss: f64 },
    /// Law 1 elsewhere.
    #[error(
        "law 1, example {example}: Δ(y, ŷ) = {loss} for the prediction at {at}; it must be finite and at least 0"
    )]
    Loss { example: usize, at: String, loss: f64 },
    /// Law 2.
    #[error(
        "law 2, example {example}: at {at} the slack is {slack}, less than the loss Δ(y, ŷ) = {loss} of the prediction; \
         `separate` does not find the maximum or `predict` does not find the best-scoring output"
    )]
    Prediction { example: usize, at: String, slack: f64, loss: f64 },
    /// Law 3.
    #[error(
        "law 3, example {example}: at {at} `separate` finds slack {slack} (loss {loss}), but the plane it found at \
         {found_at} (loss {better_loss}) has slack {better} there; `separate` does not find the maximum, \
         or the loss it returns and the δ it writes belong to different outputs"
    )]
    Beaten {
        example: usize,
        at: String,
        slack: f64,
        loss: f64,
        found_at: String,
        better: f64,
        better_loss: f64,
    },
    /// A row that differs from the one that [`row`](crate::Task::row) returns.
    #[error(
        "example {example}: `separate` writes another row with the name {name} than the one that `row` gives back"
    )]
    Hidden { example: usize, name: u32 },
    /// An invalid recombined plane.
    #[error("example {example}: at {at} `recombine` {what}")]
    Recombined { example: usize, at: String, what: String },
    /// Law 3, during training.
    #[error(
        "law 3, {}: during training `separate` found a smaller slack than that of a plane it had found for the same \
         example before, {worse} times; it does not find the maximum",
        example.map_or("some example".to_owned(), |example| format!("example {example}"))
    )]
    Worse { worse: u64, example: Option<usize> },
    /// An oracle answer that is not a valid plane.
    #[error("{0}")]
    Fault(Fault),
    /// Different answers to the same call.
    #[error(
        "example {example}: two calls of `{what}` at {at}, one with a used and one with a fresh scratch, answer \
         differently; an answer may depend on nothing but w and the example"
    )]
    Unsteady { example: usize, at: String, what: &'static str },
}

impl Violation {
    /// The same for an example that has another number in the data: `number` gives it for an index
    /// among the examples that were checked.
    pub fn renumbered(mut self, number: impl Fn(usize) -> usize) -> Self {
        match &mut self {
            Self::NoExamples | Self::Worse { example: None, .. } => {}
            Self::Refused { example, .. }
            | Self::Index { example, .. }
            | Self::NotFinite { example, .. }
            | Self::PlaneLoss { example, .. }
            | Self::Truth { example, .. }
            | Self::Loss { example, .. }
            | Self::Prediction { example, .. }
            | Self::Beaten { example, .. }
            | Self::Hidden { example, .. }
            | Self::Recombined { example, .. }
            | Self::Worse { example: Some(example), .. }
            | Self::Fault(Fault { example, .. })
            | Self::Unsteady { example, .. } => *example = number(*example),
        }
        self
    }
}
