//! The structure: x is a sequence of numbers, y an interval of positions, perhaps an empty one.

use std::ops::Range;

use crosscut::{FeatureSink, Layout, Structure};
use serde::{Deserialize, Serialize};

/// What the structure needs to know beside an example: sizes, for instance. This one needs nothing.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Interval;

/// The indices of the weights.
const NUMBER: usize = 0;
const POSITION: usize = 1;

impl Interval {
    /// The weights by name. Blocks may have sizes: `layout.block("emission", [tags, features])`.
    pub fn layout(&self) -> Layout {
        let mut layout = Layout::new();
        layout.block("number", []);
        layout.block("position", []);
        layout
    }
}

impl Structure for Interval {
    type Input = Vec<f64>;
    type Output = Range<usize>;

    fn dim(&self) -> usize {
        self.layout().dim()
    }

    /// Ψ(x, y): the sum of the numbers inside, and how many they are.
    fn psi(&self, x: &Vec<f64>, y: &Range<usize>, sink: &mut FeatureSink<'_>) {
        sink.add(NUMBER, x[y.clone()].iter().sum());
        sink.add(POSITION, y.len() as f64);
    }

    /// Δ(y, ŷ): the number of positions that are in one interval and not in the other.
    fn loss(&self, y: &Range<usize>, y_hat: &Range<usize>) -> f64 {
        let common = y.end.min(y_hat.end).saturating_sub(y.start.max(y_hat.start));
        (y.len() + y_hat.len() - 2 * common) as f64
    }

    /// The interval with the largest sum of gains, in one sweep (Kadane's algorithm). With `y`, the
    /// gains include the loss: taking in a position costs 1 outside y, and saves 1 inside.
    fn best(&self, w: &[f64], x: &Vec<f64>, y: Option<&Range<usize>>) -> Range<usize> {
        let loss = |t| y.map_or(0.0, |y| if y.contains(&t) { -1.0 } else { 1.0 });
        let (mut best, mut best_sum, mut start, mut sum) = (0..0, 0.0, 0, 0.0);
        for (t, number) in x.iter().enumerate() {
            if sum <= 0.0 {
                (start, sum) = (t, 0.0);
            }
            sum += w[NUMBER] * number + w[POSITION] + loss(t);
            if sum > best_sum {
                (best, best_sum) = (start..t + 1, sum);
            }
        }
        best
    }

    fn validate(&self, x: &Vec<f64>, y: &Range<usize>) -> Result<(), String> {
        match y.start <= y.end && y.end <= x.len() {
            true => Ok(()),
            false => Err(format!("expected an interval of {} positions, found {y:?}", x.len())),
        }
    }
}
