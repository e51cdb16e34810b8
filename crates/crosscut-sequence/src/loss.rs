//! [`Loss`]: what wrong tags cost.

use crosscut_data::CostMatrix;
use serde::{Deserialize, Serialize};

use crate::tags::{Tag, Tags};

/// Δ(y, ŷ). A tag that the model does not know costs 1 with every prediction.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub enum Loss {
    /// The number of wrong tags.
    #[default]
    Count,
    /// The number of wrong tags divided by the length of the sequence.
    Fraction,
    /// 1 for every sequence that is not right as a whole.
    ZeroOne,
    /// The sum of the costs of wrong tags.
    Costs(CostMatrix),
    /// The sum of the costs of wrong tags divided by the length of the sequence.
    MeanCosts(CostMatrix),
    /// The square root of the number of wrong tags: with squared slacks, what margin rescaling
    /// bounds their number by (Tsochantaridis et al. 2005, section 2.2.2).
    RootCount,
}

/// Costs finer than this fraction of the largest one have no common unit.
const FINEST: u32 = 1000;

impl Loss {
    /// Δ(y, ŷ).
    pub fn of(&self, y: &Tags, y_hat: &Tags) -> f64 {
        let pairs = || y.as_slice().iter().zip(y_hat.as_slice());
        let count =
            || pairs().filter(|(y, y_hat)| y != y_hat || **y == Tag::UNKNOWN).count() as f64;
        let length = y.len().max(1) as f64;
        match self {
            Self::Count => count(),
            Self::Fraction => count() / length,
            Self::ZeroOne => f64::from(count() > 0.0),
            Self::RootCount => count().sqrt(),
            Self::Costs(costs) => pairs().map(|(y, y_hat)| cost(costs, *y, *y_hat)).sum(),
            Self::MeanCosts(costs) => {
                pairs().map(|(y, y_hat)| cost(costs, *y, *y_hat)).sum::<f64>() / length
            }
        }
    }

    /// The costs of tags, where they are not all 1.
    pub fn costs(&self) -> Option<&CostMatrix> {
        match self {
            Self::Costs(costs) | Self::MeanCosts(costs) => Some(costs),
            Self::Count | Self::Fraction | Self::ZeroOne | Self::RootCount => None,
        }
    }

    /// What the sum over the tokens of a sequence of this length is multiplied by.
    pub(crate) fn scale(&self, length: usize) -> f64 {
        match self {
            Self::Fraction | Self::MeanCosts(_) => 1.0 / length.max(1) as f64,
            Self::Count | Self::Costs(_) | Self::ZeroOne | Self::RootCount => 1.0,
        }
    }

    /// Δ of so many errors, in units, told from their sum over the tokens.
    pub(crate) fn of_sum(&self, sum: f64) -> f64 {
        if *self == Self::RootCount { sum.sqrt() } else { sum }
    }

    /// The largest number of which all costs are multiples, and so the loss apart from its scale;
    /// `None` if there is none of a sensible size.
    pub(crate) fn unit(&self) -> Option<f64> {
        let Some(costs) = self.costs() else { return Some(1.0) };
        let positive = || {
            (0..costs.classes()).flat_map(|tag| costs.row(tag)).copied().filter(|&cost| cost > 0.0)
        };
        let (least, most) =
            (positive().fold(f64::INFINITY, f64::min), positive().fold(0.0, f64::max));
        if most == 0.0 {
            return Some(1.0);
        }
        let fits = |unit: f64| {
            positive().all(|cost| ((cost / unit).round() * unit - cost).abs() <= 1e-9 * cost)
        };
        (1..=FINEST)
            .map(|parts| least / f64::from(parts))
            .take_while(|unit| most / unit <= f64::from(FINEST))
            .find(|&unit| fits(unit))
    }
}

fn cost(costs: &CostMatrix, y: Tag, y_hat: Tag) -> f64 {
    if y == Tag::UNKNOWN || y_hat == Tag::UNKNOWN {
        1.0
    } else {
        costs.row(y.index())[y_hat.index()]
    }
}
