//! [`SuffixAverage`]: the average of the last weights, and whether to certify it or the weights
//! themselves.
//!
//! Weights move to and fro around the optimum while planes are still being found, and each swing
//! costs primal value. An average over the ends of passes that forgets the early ones (polynomial
//! decay: Shamir and Zhang 2013) lies lower where passes creep; where they converge fast it lags
//! behind. Which of the two is the case is found by trying: a certificate says what either is
//! worth.

use serde::{Deserialize, Serialize};

/// The k-th average moves towards the weights by (1 + DECAY) / (k + DECAY): later passes count as
/// kᴰᴱᶜᴬʸ.
const DECAY: f64 = 8.0;
/// Ends of passes before the average is looked at.
const FIRST: u32 = 4;
/// Certificates after which the choice not taken is tried again.
const RETRY: u32 = 8;
/// What a certificate is expected to show of the gap met in passing, before there was one.
const USUAL: f64 = 0.5;

/// The average with what certificates have shown. Its two choices are the weights and the average.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct SuffixAverage {
    /// In single precision: it is one more copy of the weights, and what is certified are these
    /// very numbers.
    average: Vec<f32>,
    count: u32,
    choices: [Choice; 2],
    certificates: u32,
    /// The next choice is the last one.
    repeats: bool,
}

#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Choice {
    /// The gap certified as a fraction of the one met in passing before.
    share: Option<f64>,
    /// The number of the certificate that showed it.
    at: u32,
}

impl SuffixAverage {
    /// Takes in the weights at the end of a pass.
    pub fn follow(&mut self, w: &[f64]) {
        self.count += 1;
        if self.average.is_empty() {
            self.average = w.iter().map(|&weight| single(weight)).collect();
        }
        let rate = (1.0 + DECAY) / (f64::from(self.count) + DECAY);
        for (average, weight) in self.average.iter_mut().zip(w) {
            let before = f64::from(*average);
            *average = single(before + rate * (weight - before));
        }
    }

    /// Whether it could have come about for so many weights.
    pub fn is_sound(&self, dim: usize) -> bool {
        let Self { average, count, choices, certificates, .. } = self;
        let length = if *count > 0 { dim } else { 0 };
        average.len() == length
            && average.iter().all(|weight| weight.is_finite())
            && choices.iter().all(|choice| {
                choice.share.is_none_or(|share| !share.is_nan()) && choice.at <= *certificates
            })
    }

    /// How often it was asked and told, at most.
    pub fn age(&self) -> u32 {
        self.count.max(self.certificates)
    }

    /// Scales the average, as the weights are.
    pub fn rescale(&mut self, factor: f64) {
        self.average.iter_mut().for_each(|weight| *weight = single(f64::from(*weight) * factor));
    }

    /// Makes the next choice the last one again: a run goes on where another has ended.
    pub fn repeat(&mut self) {
        self.repeats = true;
    }

    /// Turns the weights into the average, if that is the one to certify.
    pub fn write_if_better(&self, w: &mut [f64]) -> bool {
        let chosen = self.prefers_average();
        if chosen {
            w.iter_mut()
                .zip(&self.average)
                .for_each(|(weight, average)| *weight = f64::from(*average));
        }
        chosen
    }

    fn prefers_average(&self) -> bool {
        let [weights, average] = self.choices;
        let is_old = |choice: Choice| self.certificates + 1 >= choice.at + RETRY;
        match (weights.share, average.share) {
            _ if self.count < FIRST => false,
            _ if self.repeats => average.at > weights.at,
            (None, _) => false,
            (_, None) => true,
            _ if is_old(weights) || is_old(average) => average.at < weights.at,
            (Some(weights), Some(average)) => average < weights,
        }
    }

    /// Takes in what a certificate showed, of the average or of the weights, beside the gap met in
    /// passing before it, infinite if there was no such pass.
    pub fn judge(&mut self, averaged: bool, gap: f64, seen: f64) {
        self.certificates += 1;
        self.repeats = false;
        let at = usize::from(averaged);
        // Where nothing was met there is nothing to compare with, and the other choice is next.
        let share = match seen {
            f64::INFINITY => USUAL,
            _ if seen > 0.0 => gap / seen,
            _ => f64::INFINITY,
        };
        self.choices[at] = Choice { share: Some(share), at: self.certificates };
    }

    /// What a certificate is expected to show where this gap was met in passing.
    pub fn forecast(&self, seen: f64) -> f64 {
        let shares = self.choices.iter().filter_map(|choice| choice.share);
        seen * shares.fold(USUAL, f64::min).max(0.2 * USUAL)
    }
}

/// In single precision. What is beyond its range stays finite: an average need not be right to be
/// certified, or to be kept.
fn single(number: f64) -> f32 {
    number.clamp(f64::from(f32::MIN), f64::from(f32::MAX)) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_weights_count_more() {
        let mut suffix = SuffixAverage::default();
        (0..100).for_each(|pass| suffix.follow(&[f64::from(pass)]));
        // Σ k · kᵈ / Σ kᵈ is close to (d + 1) / (d + 2) of the last.
        assert!((suffix.average[0] - 89.0).abs() < 1.5, "{}", suffix.average[0]);
    }

    #[test]
    fn weights_beyond_single_precision_leave_it_sound() {
        let mut suffix = SuffixAverage::default();
        [1e300, -1e300, 1e-300].iter().for_each(|&weight| suffix.follow(&[weight, 1.0]));
        suffix.rescale(1e10);
        assert!(suffix.is_sound(2), "{:?}", suffix.average);
    }

    #[test]
    fn the_better_choice_is_taken_and_the_other_tried_again() {
        let mut suffix = SuffixAverage::default();
        assert!(!suffix.prefers_average());
        (0..5).for_each(|_| suffix.follow(&[1.0]));
        assert!(!suffix.prefers_average(), "the weights come first");
        suffix.judge(false, 1.0, 2.0);
        let mut w = [3.0];
        assert!(suffix.write_if_better(&mut w) && w == [1.0], "then the average");
        suffix.judge(true, 0.4, 2.0);
        assert!((suffix.forecast(10.0) - 2.0).abs() < 1e-12);
        let mut averages = 0;
        for _ in 0..16 {
            let averaged = suffix.prefers_average();
            averages += usize::from(averaged);
            suffix.judge(averaged, if averaged { 0.4 } else { 1.0 }, 2.0);
        }
        assert!((12..16).contains(&averages), "{averages}");
    }
}
