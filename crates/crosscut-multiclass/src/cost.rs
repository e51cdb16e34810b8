//! [`CostMatrix`]: what each mistake costs.

use serde::{Deserialize, Serialize};

use crate::task::TaskError;

/// The cost of every prediction for every true class. Costs are finite and at least 0; right predictions cost 0.
///
/// ```
/// use crosscut_multiclass::CostMatrix;
///
/// let mut costs = CostMatrix::zero_one(3);
/// costs.set(0, 2, 5.0)?; // to take class 0 for class 2 is five times as bad as any other mistake
/// assert_eq!(costs.row(0), [0.0, 1.0, 5.0]);
/// # Ok::<(), crosscut_multiclass::TaskError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CostMatrix {
    classes: usize,
    /// Row by row: costs[truth · classes + prediction].
    costs: Vec<f64>,
}

impl CostMatrix {
    /// Every mistake costs 1.
    pub fn zero_one(classes: usize) -> Self {
        let mut costs = vec![1.0; classes * classes];
        for class in 0..classes {
            costs[class * classes + class] = 0.0;
        }
        Self { classes, costs }
    }

    /// Sets the cost of predicting one class where another is true.
    ///
    /// # Errors
    /// A cost that is negative or not finite; a cost other than 0 for a right prediction.
    ///
    /// # Panics
    /// On a class beyond the matrix.
    pub fn set(&mut self, truth: usize, prediction: usize, cost: f64) -> Result<(), TaskError> {
        if !(cost.is_finite() && cost >= 0.0) {
            return Err(TaskError::Cost(cost));
        }
        if truth == prediction && cost != 0.0 {
            return Err(TaskError::Diagonal(cost));
        }
        assert!(prediction < self.classes, "class {prediction} of {}", self.classes);
        self.costs[truth * self.classes + prediction] = cost;
        Ok(())
    }

    /// Number of classes.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// The cost of every prediction for one true class.
    pub fn row(&self, truth: usize) -> &[f64] {
        &self.costs[truth * self.classes..][..self.classes]
    }
}
