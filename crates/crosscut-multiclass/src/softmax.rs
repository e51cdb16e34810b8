//! The log-loss: probabilities of classes, and its plane.

use crosscut::{Planes, SparseVector};

use crate::task::{Class, Multiclass, first_largest};

/// Classes with a smaller probability are left out of a plane: far below rounding, and products
/// with such numbers would be slow.
const NEGLIGIBLE: f64 = 1e-100;

/// Replaces scores by the logarithms of probabilities, ln p_c = s_c − ln Σ exp(s).
///
/// Small logarithms are exact to a relative error, since the best class is not part of the sum: the
/// entropy of an example far from the margin is small too, and must not be lost in rounding.
///
/// If a score is so large that it is infinite, the first of the largest classes has all of the
/// probability.
fn log_softmax(scores: &mut [f64]) {
    let best = first_largest(scores.iter().copied());
    let top = scores.get(best).copied().unwrap_or(0.0);
    let others = scores.iter().enumerate().filter(|&(class, _)| class != best);
    let ratios = others.map(|(_, score)| (score - top).exp());
    let sum: f64 = ratios.filter(|ratio| ratio.is_nan() || *ratio > NEGLIGIBLE).sum();
    if top.is_finite() && sum.is_finite() {
        let log_sum = sum.ln_1p();
        scores.iter_mut().for_each(|score| *score = *score - top - log_sum);
    } else {
        scores.fill(f64::NEG_INFINITY);
        scores[best] = 0.0;
    }
}

/// Replaces scores by probabilities, and returns the entropy −Σ p ln p. Negligible probabilities
/// become 0: what has no part in the plane may have none in the entropy either, which would
/// otherwise lie above the log-loss.
fn softmax(scores: &mut [f64]) -> f64 {
    log_softmax(scores);
    let mut entropy = 0.0;
    for score in scores {
        let log = *score;
        *score = log.exp();
        if *score > NEGLIGIBLE {
            entropy -= *score * log;
        } else {
            *score = 0.0;
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
    pub fn log_probabilities(&self, w: &[f64], x: &SparseVector) -> Vec<f64> {
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
            (class != y.index() && *probability > 0.0).then_some((class, *probability))
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
        // The classes left out raise the log-loss by at most their number times this.
        if scores.contains(&0.0) {
            planes.may_miss(scores.len() as f64 * NEGLIGIBLE);
        }
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

    #[test]
    fn the_entropy_of_a_sure_example_is_exact() {
        for margin in [1.0, 20.0, 40.0, 200.0_f64] {
            let mut scores = [3.0, 3.0 + margin];
            let entropy = softmax(&mut scores);
            // −p ln p − (1 − p) ln (1 − p) with p = 1 / (1 + exp(margin)).
            let p = 1.0 / (1.0 + margin.exp());
            let expected = p * (margin + (-margin).exp().ln_1p()) - (1.0 - p) * (-p).ln_1p();
            assert!((entropy - expected).abs() <= 1e-12 * expected, "{margin}: {entropy}");
        }
        let mut scores = [0.0, 235.0, -1e3];
        assert_eq!((softmax(&mut scores), scores), (0.0, [0.0, 1.0, 0.0]));
    }
}
