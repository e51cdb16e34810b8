use std::ops::Range;

use crosscut::{FeatureSink, Structure};

/// Finds the interval of a sequence of numbers that stands out, perhaps an empty one.
pub struct Interval;

impl Structure for Interval {
    type Input = Vec<f64>;
    type Output = Range<usize>;

    fn dim(&self) -> usize {
        2
    }

    /// The sum of the numbers inside, and how many they are.
    fn psi(&self, x: &Vec<f64>, y: &Range<usize>, sink: &mut FeatureSink<'_>) {
        sink.add(0, x[y.clone()].iter().sum());
        sink.add(1, y.len() as f64);
    }

    /// The number of positions that are in one interval and not in the other.
    fn loss(&self, y: &Range<usize>, y_hat: &Range<usize>) -> f64 {
        let common = y.end.min(y_hat.end).saturating_sub(y.start.max(y_hat.start));
        (y.len() + y_hat.len() - 2 * common) as f64
    }

    /// The interval with the largest sum of gains, in one sweep (Kadane's algorithm).
    fn best(&self, w: &[f64], x: &Vec<f64>, y: Option<&Range<usize>>) -> Range<usize> {
        let loss = |t| y.map_or(0.0, |y| if y.contains(&t) { -1.0 } else { 1.0 });
        let (mut best, mut best_sum, mut start, mut sum) = (0..0, 0.0, 0, 0.0);
        for (t, value) in x.iter().enumerate() {
            if sum <= 0.0 {
                (start, sum) = (t, 0.0);
            }
            sum += w[0] * value + w[1] + loss(t);
            if sum > best_sum {
                (best, best_sum) = (start..t + 1, sum);
            }
        }
        best
    }

    fn validate(&self, x: &Vec<f64>, y: &Range<usize>) -> Result<(), String> {
        match y.start <= y.end && y.end <= x.len() {
            true => Ok(()),
            false => Err(format!("the interval {y:?} does not lie within {} positions", x.len())),
        }
    }
}
