//! The log-loss: probabilities of classes, and its plane.

use crosscut::{Planes, SparseVector};

use crate::task::{Class, Multiclass, first_largest};

/// Classes with a smaller probability are left out of a plane: far below rounding, and products
/// with such numbers would be slow.
const NEGLIGIBLE: f64 = 1e-100;

/// Replaces scores by the logarithms of probabilities, ln p_c = s_c − ln Σ exp(s).
///
/// If a score is so large that it is infinite, the first of the largest classes has all of the
/// probability.
fn log_softmax(scores: &mut [f64]) {
    let best = first_largest(scores.iter().copied());
    let top = scores.get(best).copied().unwrap_or(0.0);
    let sum: f64 = scores.iter().map(|score| (score - top).exp()).sum();
    if sum.is_finite() {
        let log_sum = sum.ln();
        scores.iter_mut().for_each(|score| *score = *score - top - log_sum);
    } else {
        scores.fill(f64::NEG_INFINITY);
        scores[best] = 0.0;
    }
}

/// Replaces scores by probabilities, and returns the entropy −Σ p ln p.
fn softmax(scores: &mut [f64]) -> f64 {
    log_softmax(scores);
    let mut entropy = 0.0;
    for score in scores {
        let log = *score;
        *score = log.exp();
        if *score > 0.0 {
            entropy -= *score * log;
        }
    }
    entropy
}

impl Multiclass {
    /// P(c | x) of every class c, in the order of the classes. They are probabilities if the model
    /// was trained with the log-loss.
    pub fn probabilities(&self, w: &[f64], x: &SparseVector) -> Vec<f64> {
        let mut scores = self.scores(w, x);
        softmax(&mut scores);
        scores
    }

    /// ln P(c | x) of every class c.
    pub(crate) fn log_probabilities(&self, w: &[f64], x: &SparseVector) -> Vec<f64> {
        let mut scores = self.scores(w, x);
        log_softmax(&mut scores);
        scores
    }

    /// Adds the tangent plane of −ln P(y | x), given the scores of all classes: the entropy, and x
    /// at class y minus x at each class times its probability.
    pub(crate) fn add_tangent<'a>(
        &'a self,
        x: &'a SparseVector,
        y: Class,
        scores: &mut [f64],
        planes: &mut Planes<'a>,
    ) {
        let entropy = softmax(scores);
        let others = |(class, probability): (usize, &f64)| {
            (class != y.index() && *probability > NEGLIGIBLE).then_some((class, *probability))
        };
        planes.add(|sink| {
            let others = || scores.iter().enumerate().filter_map(others);
            // Not 1 − P(y | x): the sum has no cancellation, and all scales add up to 0.
            let wrong: f64 = others().map(|(_, probability)| probability).sum();
            if wrong > 0.0 {
                sink.add_row(x.row(), self.place(y), wrong);
            }
            for (class, probability) in others() {
                sink.add_row(x.row(), self.place(Class::new(class)), -probability);
            }
            entropy
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_of_any_scores_add_up_to_1() {
        let table: [(&[f64], &[f64], f64); 5] = [
            (&[0.0, 0.0], &[0.5, 0.5], std::f64::consts::LN_2),
            (&[1e9, 1e9 - 1e3, 0.0], &[1.0, 0.0, 0.0], 0.0),
            (&[f64::INFINITY, 0.0, f64::INFINITY], &[1.0, 0.0, 0.0], 0.0),
            (&[f64::NAN, 1.0], &[0.0, 1.0], 0.0),
            (&[-1e308, 1e308], &[0.0, 1.0], 0.0),
        ];
        for (scores, probabilities, entropy) in table {
            let mut found = scores.to_vec();
            let of_found = softmax(&mut found);
            assert_eq!((&*found, of_found), (probabilities, entropy), "{scores:?}");
        }
    }
}
