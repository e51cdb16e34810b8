//! Discounted cumulative gain of any grades (Järvelin and Kekäläinen 2002), with the feature map of
//! Le and Smola (2007) and Chapelle, Le and Smola (2007): Ψ(x, π) = Σ D(rank) · x, D(r) = 1 /
//! log₂(1 + r) up to rank k and 0 beyond.
//!
//! The loss-augmented score of a ranking is Σ D(rank) · (score − gain / normaliser) up to a
//! constant, so sorting by the bracket finds the best. Where the truth leaves documents in any
//! order, Ψ(x, y) is the mean over these orders.

use crate::query::Scores;

/// Which gain, how far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Discount {
    /// Ranks that count, 0 for all.
    pub k: usize,
    /// Whether the gain of the best ranking counts as 1.
    pub normalised: bool,
}

/// No grade may be higher: sums of gains must stay finite.
pub(crate) const HIGHEST: f64 = 900.0;

/// 2^grade − 1.
pub(crate) fn gain(grade: f64) -> f64 {
    grade.exp2() - 1.0
}

impl Discount {
    /// D(rank), ranks from 1.
    fn at(self, rank: usize) -> f64 {
        if self.k > 0 && rank > self.k { 0.0 } else { 1.0 / (1.0 + rank as f64).log2() }
    }

    /// Σ D(rank) · gain for documents in this order.
    fn sum(self, y: &Scores, order: impl Iterator<Item = usize>) -> f64 {
        order.zip(1..).map(|(document, rank)| self.at(rank) * gain(y.values()[document])).sum()
    }

    /// The gain of the best ranking, and what gains are divided by.
    fn ideal(self, y: &Scores) -> (f64, f64) {
        let mut order: Vec<usize> = (0..y.len()).collect();
        order.sort_unstable_by(|&a, &b| y.values()[b].total_cmp(&y.values()[a]));
        let ideal = self.sum(y, order.into_iter());
        (ideal, if self.normalised && ideal > 0.0 { ideal } else { 1.0 })
    }

    /// The gain of the best ranking minus that of a ranking by falling scores. Of documents with
    /// equal scores, those of lower grades come first.
    pub fn loss_of(self, y: &Scores, scores: &[f64]) -> f64 {
        let mut order: Vec<usize> = (0..y.len()).collect();
        order.sort_unstable_by(|&a, &b| {
            scores[b].total_cmp(&scores[a]).then(y.values()[a].total_cmp(&y.values()[b]))
        });
        let (ideal, normaliser) = self.ideal(y);
        ((ideal - self.sum(y, order.into_iter())) / normaliser).max(0.0)
    }

    /// The most violating ranking: returns its loss, and writes what each document's row is
    /// multiplied by in δ.
    pub fn separate(
        self,
        y: &Scores,
        scores: &[f64],
        order: &mut Vec<usize>,
        coefficients: &mut Vec<f64>,
    ) -> f64 {
        let m = y.len();
        coefficients.clear();
        coefficients.resize(m, 0.0);
        // All rankings are right, and their mean would only draw the scores together.
        if y.grades() <= 1 {
            return 0.0;
        }
        let (ideal, normaliser) = self.ideal(y);
        let value = |document: usize| scores[document] - gain(y.values()[document]) / normaliser;
        order.clear();
        order.extend(0..m);
        order.sort_unstable_by(|&a, &b| value(b).total_cmp(&value(a)).then(a.cmp(&b)));
        for (&document, rank) in order.iter().zip(1..) {
            coefficients[document] = -self.at(rank);
        }
        let loss = ((ideal - self.sum(y, order.iter().copied())) / normaliser).max(0.0);
        // Ψ(x, y): each document has the mean discount of the ranks of its grade.
        order.sort_unstable_by(|&a, &b| y.levels()[b].cmp(&y.levels()[a]));
        let mut start = 0;
        for group in order.chunk_by(|&a, &b| y.levels()[a] == y.levels()[b]) {
            let mean = (start + 1..=start + group.len()).map(|rank| self.at(rank)).sum::<f64>()
                / group.len() as f64;
            group.iter().for_each(|&document| coefficients[document] += mean);
            start += group.len();
        }
        loss
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn separate(discount: Discount, y: &Scores, scores: &[f64]) -> (f64, Vec<f64>) {
        let (mut order, mut coefficients) = (vec![7; 9], vec![f64::NAN; 9]);
        let loss = discount.separate(y, scores, &mut order, &mut coefficients);
        (loss, coefficients)
    }

    #[test]
    fn gains_and_discounts_are_those_of_the_papers() {
        assert_eq!([0.0, 1.0, 2.0, 3.0, 4.0].map(gain), [0.0, 1.0, 3.0, 7.0, 15.0]);
        let all = Discount { k: 0, normalised: false };
        assert_eq!([1, 3, 7].map(|rank| all.at(rank)), [1.0, 0.5, 1.0 / 3.0]);
        assert_eq!([1, 3, 4].map(|rank| Discount { k: 3, ..all }.at(rank)), [1.0, 0.5, 0.0]);
    }

    /// Gains pull documents of low grades up, as far as scores do not hold them down.
    #[test]
    fn the_most_violating_ranking_sorts_scores_less_gains() {
        let y = Scores::new(vec![2.0, 0.0, 1.0]);
        let (first, second, third) = (1.0, 1.0 / 3_f64.log2(), 0.5);
        let discount = Discount { k: 0, normalised: false };
        // The gains are 3, 0 and 1.
        let ideal = 3.0 * first + second;
        let cases = [
            (
                [0.0, 0.0, 0.0],
                ideal - (second + 3.0 * third),
                vec![first - third, third - first, 0.0],
            ),
            (
                [2.5, 0.0, 0.0],
                ideal - (3.0 * second + third),
                vec![first - second, third - first, second - third],
            ),
            ([4.5, 0.0, 1.5], 0.0, vec![0.0; 3]),
        ];
        for (scores, loss, coefficients) in cases {
            let found = separate(discount, &y, &scores);
            assert!((found.0 - loss).abs() <= 1e-15, "{scores:?}: {found:?}");
            assert_eq!(found.1, coefficients, "{scores:?}");
        }
    }

    #[test]
    fn the_truth_gives_documents_of_one_grade_the_mean_of_their_discounts() {
        let y = Scores::new(vec![1.0, 0.0, 1.0]);
        let (loss, coefficients) =
            separate(Discount { k: 0, normalised: true }, &y, &[9.0, 0.0, 8.0]);
        let mean = (1.0 + 1.0 / 3_f64.log2()) / 2.0;
        assert_eq!((loss, coefficients), (0.0, vec![mean - 1.0, 0.0, mean - 1.0 / 3_f64.log2()]));
    }
}
