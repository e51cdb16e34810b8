//! [`SuffixAverage`]: an average of recent weights, and the choice between certifying the average
//! and certifying the weights.
//!
//! While planes are still being found, the weights oscillate around the optimum, which raises P(w).
//! An average of the weights at the ends of passes that discounts early passes (polynomial decay:
//! Shamir and Zhang 2013) has a lower P if progress is slow. If progress is fast, the average lags
//! behind. Certificates of both show which one is better.

use serde::{Deserialize, Serialize};

/// Update k moves the average towards the weights by the fraction (1 + DECAY) / (k + DECAY), so
/// pass k has a weight of about kᴰᴱᶜᴬʸ.
const DECAY: f64 = 8.0;
/// Number of passes before the average can be chosen.
const FIRST: u32 = 4;
/// Number of certificates after which the other choice is tried again.
const RETRY: u32 = 8;
/// Expected ratio of the certified gap to the gap met in passing, before the first certificate.
const USUAL: f64 = 0.5;

/// The average, and the results of certificates for both choices: the weights, and the average.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct SuffixAverage {
    /// Relative to the prior weights, and in single precision to save memory. A certificate is computed at these rounded numbers.
    average: Vec<f32>,
    count: u32,
    choices: [Choice; 2],
    certificates: u32,
    /// Certify the same candidate again: this run continues a finished one.
    repeats: bool,
}

#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Choice {
    /// Certified gap divided by the gap met in the pass before.
    share: Option<f64>,
    /// Number of the certificate that gave `share`.
    at: u32,
}

impl SuffixAverage {
    /// Updates the average with the weights at the end of a pass.
    ///
    /// `prior` are the prior weights, or empty.
    pub fn follow(&mut self, w: &[f64], prior: &[f64]) {
        if prior.is_empty() {
            self.follow_all(w.iter().copied());
        } else {
            self.follow_all(w.iter().zip(prior).map(|(w, prior)| w - prior));
        }
    }

    fn follow_all(&mut self, w: impl Iterator<Item = f64> + Clone) {
        self.count += 1;
        if self.average.is_empty() {
            self.average = w.clone().map(single).collect();
        }
        let rate = (1.0 + DECAY) / (f64::from(self.count) + DECAY);
        for (average, weight) in self.average.iter_mut().zip(w) {
            let before = f64::from(*average);
            *average = single(before + rate * (weight - before));
        }
    }

    /// Whether a run with `dim` weights can have produced this state.
    pub fn is_sound(&self, dim: usize) -> bool {
        let Self { average, count, choices, certificates, .. } = self;
        let length = if *count > 0 { dim } else { 0 };
        average.len() == length
            && average.iter().all(|weight| weight.is_finite())
            && choices.iter().all(|choice| {
                choice.share.is_none_or(|share| !share.is_nan()) && choice.at <= *certificates
            })
    }

    /// The larger of the number of updates and the number of certificates.
    pub fn age(&self) -> u32 {
        self.count.max(self.certificates)
    }

    /// Multiplies the average by `factor`.
    pub fn rescale(&mut self, factor: f64) {
        self.average.iter_mut().for_each(|weight| *weight = single(f64::from(*weight) * factor));
    }

    /// Makes the next certificate use the same candidate as the last one: this run continues a
    /// finished one.
    pub fn repeat(&mut self) {
        self.repeats = true;
    }

    /// Replaces the weights by the average, if the average is to be certified. Returns whether it
    /// is.
    pub fn write_if_better(&self, w: &mut [f64], prior: &[f64]) -> bool {
        let chosen = self.prefers_average();
        if chosen {
            w.iter_mut()
                .zip(&self.average)
                .for_each(|(weight, average)| *weight = f64::from(*average));
            w.iter_mut().zip(prior).for_each(|(weight, prior)| *weight += prior);
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

    /// Records the certified `gap` of the average or of the weights. `seen` is the gap met in the
    /// pass before, infinite if there was none.
    pub fn judge(&mut self, averaged: bool, gap: f64, seen: f64) {
        self.certificates += 1;
        self.repeats = false;
        let at = usize::from(averaged);
        // If `seen` is 0 there is no ratio. An infinite share makes the other choice next.
        let share = match seen {
            f64::INFINITY => USUAL,
            _ if seen > 0.0 => gap / seen,
            _ => f64::INFINITY,
        };
        self.choices[at] = Choice { share: Some(share), at: self.certificates };
    }

    /// Forecast of the certified gap after a pass that met the gap `seen`.
    pub fn forecast(&self, seen: f64) -> f64 {
        let shares = self.choices.iter().filter_map(|choice| choice.share);
        seen * shares.fold(USUAL, f64::min).max(0.2 * USUAL)
    }
}

/// Rounds to single precision. Numbers beyond its range are clamped to finite ones: an average with
/// such errors can still be certified and saved.
fn single(number: f64) -> f32 {
    number.clamp(f64::from(f32::MIN), f64::from(f32::MAX)) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_weights_count_more() {
        let mut suffix = SuffixAverage::default();
        (0..100).for_each(|pass| suffix.follow(&[f64::from(pass)], &[]));
        // Σ k · kᵈ / Σ kᵈ is close to (d + 1) / (d + 2) times the last k.
        assert!((suffix.average[0] - 89.0).abs() < 1.5, "{}", suffix.average[0]);
    }

    #[test]
    fn weights_beyond_single_precision_leave_it_sound() {
        let mut suffix = SuffixAverage::default();
        [1e300, -1e300, 1e-300].iter().for_each(|&weight| suffix.follow(&[weight, 1.0], &[]));
        suffix.rescale(1e10);
        assert!(suffix.is_sound(2), "{:?}", suffix.average);
    }

    #[test]
    fn the_better_choice_is_taken_and_the_other_tried_again() {
        let mut suffix = SuffixAverage::default();
        assert!(!suffix.prefers_average());
        (0..5).for_each(|_| suffix.follow(&[1.0], &[]));
        assert!(!suffix.prefers_average(), "the weights come first");
        suffix.judge(false, 1.0, 2.0);
        let mut w = [3.0];
        assert!(suffix.write_if_better(&mut w, &[]) && w == [1.0], "then the average");
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
