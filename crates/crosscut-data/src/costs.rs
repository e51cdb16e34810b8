//! [`CostMatrix`]: the cost of each mistake.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use crate::labels::Labels;
use crate::text::TextError;

/// Largest number of classes for which lines of costs are read: the matrix is dense.
const MOST_CLASSES: usize = 10_000;

/// Why costs are refused.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CostError {
    /// A cost is negative or not finite.
    #[error("a cost must be a finite number of at least 0, not {0}")]
    Cost(f64),
    /// A right prediction has a cost other than 0.
    #[error("the cost of a right prediction must be 0, not {0}")]
    Diagonal(f64),
    /// The number of costs is not the square of the number of classes.
    #[error("there are {costs} costs for {classes} classes")]
    Size {
        /// Number of classes.
        classes: usize,
        /// Number of costs.
        costs: usize,
    },
}

/// The cost of every prediction for every true class. Costs are finite and at least 0; right
/// predictions cost 0.
///
/// ```
/// use crosscut_data::CostMatrix;
///
/// let mut costs = CostMatrix::zero_one(3);
/// costs.set(0, 2, 5.0)?; // to take class 0 for class 2 is five times as bad as any other mistake
/// assert_eq!(costs.row(0), [0.0, 1.0, 5.0]);
/// # Ok::<(), crosscut_data::CostError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "UncheckedCosts")]
pub struct CostMatrix {
    classes: usize,
    /// Row-major: costs[truth · classes + prediction].
    costs: Vec<f64>,
}

/// The serialised form of a [`CostMatrix`], not checked yet.
#[derive(Deserialize)]
struct UncheckedCosts {
    classes: usize,
    costs: Vec<f64>,
}

impl TryFrom<UncheckedCosts> for CostMatrix {
    type Error = CostError;

    fn try_from(UncheckedCosts { classes, costs }: UncheckedCosts) -> Result<Self, CostError> {
        if classes.checked_mul(classes) != Some(costs.len()) {
            return Err(CostError::Size { classes, costs: costs.len() });
        }
        for (at, &cost) in costs.iter().enumerate() {
            check(at / classes, at % classes, cost)?;
        }
        Ok(Self { classes, costs })
    }
}

/// Refuses a cost that is not allowed for this pair of classes.
fn check(truth: usize, prediction: usize, cost: f64) -> Result<(), CostError> {
    if !(cost.is_finite() && cost >= 0.0) {
        return Err(CostError::Cost(cost));
    }
    if truth == prediction && cost != 0.0 {
        return Err(CostError::Diagonal(cost));
    }
    Ok(())
}

impl CostMatrix {
    /// The matrix in which every mistake costs 1.
    pub fn zero_one(classes: usize) -> Self {
        let mut costs = vec![1.0; classes * classes];
        for class in 0..classes {
            costs[class * classes + class] = 0.0;
        }
        Self { classes, costs }
    }

    /// Sets the cost of predicting class `prediction` if class `truth` is true.
    ///
    /// # Errors
    /// A cost that is negative or not finite; a cost other than 0 for a right prediction.
    ///
    /// # Panics
    /// If a class is not in the matrix.
    pub fn set(&mut self, truth: usize, prediction: usize, cost: f64) -> Result<(), CostError> {
        check(truth, prediction, cost)?;
        assert!(prediction < self.classes, "class {prediction} of {}", self.classes);
        self.costs[truth * self.classes + prediction] = cost;
        Ok(())
    }

    /// The costs in lines `true-label predicted-label cost`. Pairs not listed cost 1, right
    /// predictions 0. Blank lines and lines that begin with `#` are skipped, and so is anything after
    /// the cost from a `#` on. Labels with spaces need tabs between the three.
    ///
    /// # Errors
    /// Labels that are not among `classes`, pairs listed twice and bad costs, by line; text without
    /// costs; more than 10,000 classes.
    pub fn parse(text: &str, classes: &Labels) -> Result<Self, TextError> {
        if classes.len() > MOST_CLASSES {
            let message =
                format!("costs are for at most {MOST_CLASSES} classes, not {}", classes.len());
            return Err(TextError { line: None, message });
        }
        let mut costs = Self::zero_one(classes.len());
        let mut seen = HashSet::new();
        for (line, number) in text.lines().zip(1_u64..) {
            let refuse = |message| TextError { line: Some(number), message };
            let by_tabs = line.split('\t').map(str::trim).filter(|token| !token.is_empty());
            let tokens: Vec<&str> = match by_tabs.clone().count() {
                0..=2 => line.split_ascii_whitespace().collect(),
                _ => by_tabs.collect(),
            };
            let mut tokens = tokens.into_iter();
            let (truth, prediction, cost) = match tokens.next() {
                None => continue,
                Some(token) if token.starts_with('#') => continue,
                Some(truth) => (truth, tokens.next(), tokens.next()),
            };
            let (Some(prediction), Some(cost)) = (prediction, cost) else {
                return Err(refuse(
                    "expected `true-label predicted-label cost`, found less".to_owned(),
                ));
            };
            if let Some(more) = tokens.next().filter(|token| !token.starts_with('#')) {
                return Err(refuse(format!("expected nothing after the cost, found `{more}`")));
            }
            let class = |label: &str| {
                let class = classes.index(label);
                class.ok_or_else(|| {
                    refuse(format!("expected a label of the training examples, found `{label}`"))
                })
            };
            let (truth, prediction) = (class(truth)?, class(prediction)?);
            let cost: f64 = cost
                .parse()
                .map_err(|_| refuse(format!("expected a number for the cost, found `{cost}`")))?;
            costs.set(truth, prediction, cost).map_err(|error| refuse(error.to_string()))?;
            if !seen.insert((truth, prediction)) {
                return Err(refuse(
                    "expected each pair of labels once, found one again".to_owned(),
                ));
            }
        }
        if seen.is_empty() {
            let message = "expected lines `true-label predicted-label cost`, found none".to_owned();
            return Err(TextError { line: None, message });
        }
        Ok(costs)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_name_pairs_of_labels() {
        let classes = Labels::collect(["a", "b", "c d"]);
        let text = "# costs\na b 2\n\n b  a\t0.5 # half\nc d\ta\t3\n";
        let costs = CostMatrix::parse(text, &classes).unwrap();
        assert_eq!(
            [0, 1, 2].map(|class| costs.row(class)),
            [[0.0, 2.0, 1.0], [0.5, 0.0, 1.0], [3.0, 1.0, 0.0]]
        );
    }

    #[test]
    fn other_lines_are_refused_by_their_number() {
        let classes = Labels::collect(["a", "b"]);
        for (text, line, expected) in [
            ("", None, "expected lines `true-label predicted-label cost`, found none"),
            ("# a b 1\n", None, "found none"),
            ("a b", Some(1), "found less"),
            ("\na b 1 2", Some(2), "expected nothing after the cost, found `2`"),
            ("a c 1", Some(1), "expected a label of the training examples, found `c`"),
            ("a b x", Some(1), "expected a number for the cost, found `x`"),
            ("a b -1", Some(1), "a cost must be a finite number of at least 0, not -1"),
            ("a a 1", Some(1), "the cost of a right prediction must be 0, not 1"),
            ("a b 1\nb a 1\na b 1", Some(3), "expected each pair of labels once"),
        ] {
            let error = CostMatrix::parse(text, &classes).unwrap_err();
            assert_eq!(error.line, line, "{text}");
            assert!(error.message.contains(expected), "{text}: {error}");
        }
        let many: Vec<String> = (0..=MOST_CLASSES).map(|class| class.to_string()).collect();
        let error = CostMatrix::parse("0 1 1", &Labels::from(many)).unwrap_err();
        assert_eq!(error.to_string(), "costs are for at most 10000 classes, not 10001");
    }
}
