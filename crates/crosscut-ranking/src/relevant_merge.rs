//! Measures of two grades (relevant or not) that depend only on the ranks of the relevant
//! documents.
//!
//! Within the relevant documents the best scores come first, and likewise within the others. A
//! ranking is therefore a merge of two sorted lists. It is given by the number j of irrelevant
//! documents above the i-th relevant one, which is nondecreasing in i. With Ψ(x, y) = Σ over
//! relevant r and irrelevant q of ±(x_r − x_q) / (|R| |N|) (Yue, Finley, Radlinski, Joachims 2007,
//! section 4), score and measure are both sums over i of terms in (i, j). A dynamic programme over
//! i and j finds the best merge in O(|R| |N|).

use serde::{Deserialize, Serialize};

use crate::query::Scores;

/// A measure that is a sum over the relevant documents, each term a function of the rank.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Measure {
    /// Precision at the ranks of relevant documents, averaged over these documents.
    AveragePrecision,
    /// One over the rank of the first relevant document.
    ReciprocalRank,
    /// The fraction of relevant documents among the first k.
    Precision(usize),
}

/// Buffers of one thread.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    relevant: Vec<u32>,
    others: Vec<u32>,
    /// Prefix sums: Σ of the scores of the first j irrelevant documents.
    sums: Vec<f64>,
    /// (i, j): the best sum over the relevant documents from the i-th on, if at least j irrelevant
    /// ones are above the i-th.
    best: Vec<f64>,
    /// (i, j): the number of irrelevant documents above the i-th relevant one in that sum.
    choice: Vec<u32>,
    above: Vec<u32>,
}

impl Measure {
    /// Contribution to the measure of the relevant document number `i` (from 0) of `relevant` ones
    /// at a rank (from 1).
    fn share(self, i: usize, rank: usize, relevant: usize) -> f64 {
        match self {
            Self::AveragePrecision => (i + 1) as f64 / (rank * relevant) as f64,
            Self::ReciprocalRank => f64::from(i == 0) / rank as f64,
            Self::Precision(k) => f64::from(rank <= k) / k as f64,
        }
    }

    /// Loss of the relevant document number `i` due to the `above` irrelevant ones above it.
    fn loss(self, i: usize, above: usize, relevant: usize) -> f64 {
        self.share(i, i + 1, relevant) - self.share(i, i + 1 + above, relevant)
    }

    /// The measure of the best ranking minus the measure of the ranking by decreasing scores. Among
    /// documents with equal scores, the irrelevant ones come first.
    pub fn loss_of(self, y: &Scores, scores: &[f64]) -> f64 {
        let mut order: Vec<usize> = (0..y.len()).collect();
        let relevant = |document: usize| y.values()[document] > 0.0;
        order.sort_unstable_by(|&a, &b| {
            scores[b].total_cmp(&scores[a]).then(relevant(a).cmp(&relevant(b)))
        });
        let count = y.values().iter().filter(|&&grade| grade > 0.0).count();
        let (mut i, mut above, mut loss) = (0, 0, 0.0);
        for document in order {
            if relevant(document) {
                loss += self.loss(i, above, count);
                i += 1;
            } else {
                above += 1;
            }
        }
        loss
    }

    /// Finds the most violating ranking. Returns its loss, and sets `coefficients` to the factor of
    /// each document's row in δ.
    pub fn separate(
        self,
        y: &Scores,
        scores: &[f64],
        slack: bool,
        scratch: &mut Scratch,
        coefficients: &mut Vec<f64>,
    ) -> f64 {
        coefficients.clear();
        coefficients.resize(y.len(), 0.0);
        scratch.sort(y, scores);
        let (g, b) = (scratch.relevant.len(), scratch.others.len());
        if g == 0 || b == 0 {
            return 0.0;
        }
        if slack {
            self.best_slack(scores, scratch);
        } else {
            scratch.fill(scores, |i, above| self.loss(i, above, g));
            scratch.follow(0, 0);
        }
        let each = 2.0 / (g as f64 * b as f64);
        let mut loss = 0.0;
        for (i, (&document, &above)) in scratch.relevant.iter().zip(&scratch.above).enumerate() {
            loss += self.loss(i, above as usize, g);
            coefficients[document as usize] = each * f64::from(above);
        }
        let mut below = scratch.above.iter().filter(|&&above| above > 0).count();
        for (j, &document) in scratch.others.iter().enumerate() {
            // The number of relevant documents that have more than j irrelevant ones above them.
            while below > 0 && scratch.above[g - below] as usize <= j {
                below -= 1;
            }
            coefficients[document as usize] = -each * below as f64;
        }
        loss
    }

    /// Slack rescaling: finds the best ranking for each value of the loss, of which there are few,
    /// and takes the best of these.
    fn best_slack(self, scores: &[f64], scratch: &mut Scratch) {
        let (g, b) = (scratch.relevant.len(), scratch.others.len());
        let mut best = (0.0, vec![0; g]);
        match self {
            Self::ReciprocalRank | Self::AveragePrecision => {
                scratch.fill(scores, |_, _| 0.0);
                for above in 0..=b {
                    let score = scratch.pair_score(scores, 0, above) + scratch.best_from(1, above);
                    let value = self.loss(0, above, g) * (1.0 + score);
                    if value > best.0 {
                        scratch.follow(1, above);
                        scratch.above[0] = above as u32;
                        best = (value, scratch.above.clone());
                    }
                }
            }
            Self::Precision(k) => {
                // Exactly `first` of the relevant documents are among the first k.
                for first in 0..=g.min(k) {
                    let allowed = |i: usize, above: usize| {
                        if (i + 1 + above <= k) == (i < first) { 0.0 } else { f64::NEG_INFINITY }
                    };
                    scratch.fill(scores, allowed);
                    let score = scratch.best_from(0, 0);
                    if score > f64::NEG_INFINITY {
                        scratch.follow(0, 0);
                        let losses = scratch
                            .above
                            .iter()
                            .enumerate()
                            .map(|(i, &above)| self.loss(i, above as usize, g));
                        let value = losses.sum::<f64>() * (1.0 + score);
                        if value > best.0 {
                            best = (value, scratch.above.clone());
                        }
                    }
                }
            }
        }
        scratch.above = best.1;
    }
}

impl Scratch {
    fn sort(&mut self, y: &Scores, scores: &[f64]) {
        let Self { relevant, others, sums, .. } = self;
        let falling =
            |a: &u32, b: &u32| scores[*b as usize].total_cmp(&scores[*a as usize]).then(a.cmp(b));
        relevant.clear();
        relevant
            .extend((0..y.len() as u32).filter(|&document| y.values()[document as usize] > 0.0));
        relevant.sort_unstable_by(falling);
        others.clear();
        others.extend((0..y.len() as u32).filter(|&document| y.values()[document as usize] <= 0.0));
        others.sort_unstable_by(falling);
        sums.clear();
        sums.push(0.0);
        let mut sum = 0.0;
        sums.extend(others.iter().map(|&document| {
            sum += scores[document as usize];
            sum
        }));
    }

    /// The share in ⟨w, Ψ(ȳ) − Ψ(y)⟩ of the relevant document number `i` with `above` irrelevant
    /// ones above it.
    fn pair_score(&self, scores: &[f64], i: usize, above: usize) -> f64 {
        let each = 2.0 / (self.relevant.len() as f64 * self.others.len() as f64);
        each * (self.sums[above] - above as f64 * scores[self.relevant[i] as usize])
    }

    /// The dynamic programme, from the last relevant document to the first; `bonus` is added to the
    /// score of each.
    fn fill(&mut self, scores: &[f64], bonus: impl Fn(usize, usize) -> f64) {
        let (g, width) = (self.relevant.len(), self.others.len() + 1);
        self.best.clear();
        self.best.resize((g + 1) * width, 0.0);
        self.choice.clear();
        self.choice.resize(g * width, 0);
        for i in (0..g).rev() {
            let mut best = (f64::NEG_INFINITY, width - 1);
            for above in (0..width).rev() {
                let value = self.pair_score(scores, i, above)
                    + bonus(i, above)
                    + self.best[(i + 1) * width + above];
                if value >= best.0 {
                    best = (value, above);
                }
                self.best[i * width + above] = best.0;
                self.choice[i * width + above] = best.1 as u32;
            }
        }
    }

    fn best_from(&self, i: usize, above: usize) -> f64 {
        self.best[i * (self.others.len() + 1) + above]
    }

    /// Traces the choices for the relevant documents from number `i` on, if at least `above`
    /// irrelevant ones are above the first of them.
    fn follow(&mut self, i: usize, mut above: usize) {
        let width = self.others.len() + 1;
        self.above.clear();
        self.above.resize(self.relevant.len(), 0);
        for i in i..self.relevant.len() {
            above = self.choice[i * width + above] as usize;
            self.above[i] = above as u32;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEASURES: [Measure; 5] = [
        Measure::AveragePrecision,
        Measure::ReciprocalRank,
        Measure::Precision(1),
        Measure::Precision(4),
        Measure::Precision(30),
    ];

    /// All merges of `relevant` relevant documents and `others` other ones.
    fn merges(relevant: usize, others: usize) -> Vec<Vec<usize>> {
        (0..relevant).fold(vec![vec![]], |all, _| {
            let longer = |above: Vec<usize>| {
                (above.last().copied().unwrap_or(0)..=others)
                    .map(move |next| [&above[..], &[next]].concat())
            };
            all.into_iter().flat_map(longer).collect()
        })
    }

    /// More documents than permutations can enumerate; merges suffice, since the best come first
    /// among the relevant documents and among the others.
    #[test]
    fn the_best_merge_is_found() {
        let mut scratch = Scratch::default();
        for (g, b) in [(1, 9), (5, 5), (7, 3), (4, 8), (3, 1)] {
            let y = Scores::new((0..g + b).map(|document| f64::from(document < g)).collect());
            for scale in [0.0, 0.2, 1.0, 5.0, 40.0] {
                let scores: Vec<f64> = (0..g + b)
                    .map(|at| scale * f64::from((at * at * 37 + at * 11) % 29) / 29.0)
                    .collect();
                let falling = |documents: std::ops::Range<u32>| {
                    let mut scores =
                        scores[documents.start as usize..documents.end as usize].to_vec();
                    scores.sort_by(|a, b| b.total_cmp(a));
                    scores
                };
                let (relevant, others) = (falling(0..g), falling(g..g + b));
                for (measure, slack) in
                    MEASURES.into_iter().flat_map(|measure| [(measure, false), (measure, true)])
                {
                    if slack && measure == Measure::AveragePrecision {
                        continue;
                    }
                    let value = |above: &Vec<usize>| {
                        let lost =
                            |(i, &above): (usize, &usize)| measure.loss(i, above, g as usize);
                        let loss: f64 = above.iter().enumerate().map(lost).sum();
                        let pairs = relevant
                            .iter()
                            .zip(above)
                            .flat_map(|(r, &above)| others[..above].iter().map(move |q| q - r));
                        let score = 2.0 / f64::from(g * b) * pairs.sum::<f64>();
                        if slack { loss * (1.0 + score) } else { loss + score }
                    };
                    let best =
                        merges(g as usize, b as usize).iter().map(value).fold(f64::MIN, f64::max);
                    let mut coefficients = Vec::new();
                    let loss =
                        measure.separate(&y, &scores, slack, &mut scratch, &mut coefficients);
                    let score: f64 =
                        -coefficients.iter().zip(&scores).map(|(c, score)| c * score).sum::<f64>();
                    let found = if slack { loss * (1.0 + score) } else { loss + score };
                    assert!(
                        (found - best).abs() <= 1e-12 * best.max(1.0),
                        "{measure:?} {slack} {g} {b}: {found} for {best}"
                    );
                }
            }
        }
    }

    #[test]
    fn the_worst_ranking_loses_all_there_is() {
        let y = Scores::new(vec![0.0, 1.0, 3.0, 0.0, 0.0]);
        let cases = [
            (Measure::AveragePrecision, 1.0 - (1.0 / 4.0 + 2.0 / 5.0) / 2.0),
            (Measure::ReciprocalRank, 1.0 - 1.0 / 4.0),
            (Measure::Precision(1), 1.0),
            (Measure::Precision(4), 0.5 - 0.25),
            (Measure::Precision(30), 0.0),
        ];
        for (measure, expected) in cases {
            let found = measure.loss_of(&y, &[9.0, 1.0, 2.0, 8.0, 7.0]);
            assert!((found - expected).abs() <= 1e-15, "{measure:?}: {found} for {expected}");
            assert_eq!(measure.loss_of(&y, &[0.0, 1.0, 2.0, 0.5, 0.0]), 0.0, "{measure:?}");
        }
    }
}
