//! [`Model`]: a task, its weights, and how they were trained.

use serde::{Deserialize, Serialize};

use crate::parallel::map_ranges;
use crate::solve::regulariser::Regulariser;
use crate::solve::settings::Settings;
use crate::solve::solution::Certificate;
use crate::task::{Example, Task};

/// Maximum number of inputs that a thread predicts at a time.
const AT_ONCE: usize = 64;

/// A trained task: weights, settings, certificate and regulariser. It has no clock times, so equal runs give
/// equal models.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Model<T> {
    /// The task.
    pub task: T,
    /// The weights, of length `task.dim()`.
    pub w: Vec<f64>,
    /// The settings it was trained with (`threads` is set to 0: it does not influence the result).
    pub settings: Settings,
    /// How close to the optimum the weights are.
    pub certificate: Certificate,
    /// The regulariser of the objective: prior weights and lower bounds.
    pub regulariser: Regulariser,
}

impl<T: Task> Model<T> {
    /// A model from its parts, trained without a prior and without bounds.
    pub fn new(task: T, w: Vec<f64>, settings: Settings, certificate: Certificate) -> Self {
        let (settings, regulariser) = (Settings { threads: 0, ..settings }, Regulariser::default());
        Self { task, w, settings, certificate, regulariser }
    }

    /// The model with the regulariser it was trained with.
    #[must_use]
    pub fn with_regulariser(self, regulariser: Regulariser) -> Self {
        Self { regulariser, ..self }
    }

    /// ŷ for one input.
    pub fn predict(&self, x: &T::Input) -> T::Output {
        self.task.predict(&self.w, x, &mut T::Scratch::default())
    }

    /// ŷ for many inputs, on all threads of the current rayon pool, in order.
    pub fn predict_all(&self, inputs: &[&T::Input]) -> Vec<T::Output> {
        predict_all(&self.task, &self.w, inputs)
    }

    /// The risk: mean loss Σ weightᵢ Δ(yᵢ, ŷᵢ) / Σ weightᵢ on examples, 0 if there are none.
    pub fn risk(&self, examples: &[Example<T::Input, T::Output>]) -> f64 {
        risk(&self.task, &self.w, examples)
    }
}

/// ŷ for many inputs, on all threads of the current rayon pool, in order.
pub fn predict_all<T: Task>(task: &T, w: &[f64], inputs: &[&T::Input]) -> Vec<T::Output> {
    let predict = |range: std::ops::Range<usize>| {
        let mut scratch = T::Scratch::default();
        inputs[range].iter().map(|x| task.predict(w, x, &mut scratch)).collect::<Vec<_>>()
    };
    map_ranges(inputs.len(), AT_ONCE, predict).into_iter().flatten().collect()
}

/// The risk of weights: mean loss Σ weightᵢ Δ(yᵢ, ŷᵢ) / Σ weightᵢ on examples, 0 if there are none.
pub fn risk<'e, T: Task>(
    task: &T,
    w: &[f64],
    examples: impl IntoIterator<Item = &'e Example<T::Input, T::Output>>,
) -> f64
where
    T::Input: 'e,
    T::Output: 'e,
{
    let examples: Vec<_> = examples.into_iter().collect();
    let inputs: Vec<_> = examples.iter().map(|example| &example.x).collect();
    let predictions = predict_all(task, w, &inputs);
    let (mut loss, mut weight) = (0.0, 0.0);
    for (example, y_hat) in examples.iter().zip(&predictions) {
        loss += example.weight * task.loss(&example.x, &example.y, y_hat);
        weight += example.weight;
    }
    if weight > 0.0 { loss / weight } else { 0.0 }
}
