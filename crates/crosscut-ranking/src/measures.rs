//! [`Ranked`]: the measures of the ranking of one query.

use std::cmp::Reverse;

use crate::inversions::{self, Pairs};
use crate::query::Scores;

/// A ranking of the documents of one query, by which all its measures can be computed.
///
/// * **Ties.** Documents are ranked by falling score. Those of equal scores keep the order of the
///   file, as in LETOR's evaluation scripts (trec_eval orders them by name). Counts of pairs do not
///   depend on the order: a pair with equal scores counts as swapped, as in the losses, and as
///   neither right nor wrong in Kendall's τ.
/// * **Relevant** documents are those of a grade above 0 (MSLR's script asks for 2). Grades below 0
///   have no gain.
/// * **A query without relevant documents** has 0 in every measure of the order of relevant
///   documents, as in LETOR's scripts and trec_eval (LightGBM takes 1 for its NDCG). One without
///   pairs, all documents being of one grade, has a τ of 0 and no swapped pairs.
/// * **Costs** of documents are not looked at.
///
/// # Example
/// ```
/// use crosscut_ranking::{Convention, Ranked, Scores};
///
/// let grades = Scores::new(vec![0.0, 2.0, 1.0]);
/// let scores = Scores::new(vec![0.3, 0.2, 0.1]);
/// let ranked = Ranked::new(&grades, &scores);
/// assert_eq!(ranked.reciprocal_rank(), 1.0 / 2.0);
/// assert_eq!(ranked.average_precision(), (1.0 / 2.0 + 2.0 / 3.0) / 2.0);
/// assert_eq!(ranked.swapped_pairs(), 2.0);
/// assert!(ranked.ndcg(Convention::Exponential, 10) < 1.0);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Ranked {
    /// Rank by rank, at least 0.
    grades: Vec<f64>,
    /// The same in the best order.
    ideal: Vec<f64>,
    relevant: usize,
    pairs: f64,
    /// Pairs whose better document scores less.
    discordant: f64,
    /// Pairs with equal scores.
    tied: f64,
}

/// What a document of a grade is worth at a rank r, counted from 1, in the normalised discounted
/// cumulative gain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Convention {
    /// (2^grade − 1) / log₂(1 + r), as LightGBM and XGBoost report it and as the loss of this
    /// crate.
    Exponential,
    /// grade / log₂(1 + r), as trec_eval.
    Linear,
    /// (2^grade − 1) / max(1, log₂ r), as the evaluation scripts of LETOR and MSLR, and behind the
    /// figures published with these data: ranks 1 and 2 count alike, and a query of fewer than k
    /// documents has 0.
    Letor,
}

impl Convention {
    /// The gain of a grade, over a number that depends on the best grade alone. So it cannot
    /// overflow.
    fn gain(self, grade: f64, best: f64) -> f64 {
        match self {
            Self::Exponential | Self::Letor => (grade - best).exp2() - (-best).exp2(),
            Self::Linear => grade / best,
        }
    }

    /// What the gain at a rank, from 1, is divided by.
    fn discount(self, rank: usize) -> f64 {
        match self {
            Self::Exponential | Self::Linear => (1.0 + rank as f64).log2(),
            Self::Letor => (rank as f64).log2().max(1.0),
        }
    }
}

impl Ranked {
    /// Ranks the documents of grades `y` by the scores `y_hat`, in O(m log m) time for m documents.
    ///
    /// # Panics
    /// If there is not a score for each grade.
    pub fn new(y: &Scores, y_hat: &Scores) -> Self {
        assert_eq!(y.len(), y_hat.len(), "a score for each grade");
        let plain;
        let y = if y.costs().is_some() {
            plain = Scores::new(y.values().to_vec());
            &plain
        } else {
            y
        };
        let mut order: Vec<usize> = (0..y.len()).collect();
        order.sort_by_key(|&document| Reverse(y_hat.levels()[document]));
        let grades: Vec<f64> =
            order.iter().map(|&document| y.values()[document].max(0.0)).collect();
        let mut ideal = grades.clone();
        ideal.sort_unstable_by(|a, b| b.total_cmp(a));

        // Levels are whole numbers: within half of one are those of equal scores.
        let levels: Vec<f64> = y_hat.levels().iter().map(|&level| f64::from(level)).collect();
        let (mut scratch, mut coefficients) = (inversions::Scratch::default(), Vec::new());
        let mut count = |margin| {
            inversions::count(Pairs::Graded, y, &levels, margin, &mut scratch, &mut coefficients)
        };
        let discordant = count(0.0);
        let tied = count(0.5) - discordant;
        let relevant = grades.iter().filter(|&&grade| grade > 0.0).count();
        Self {
            grades,
            ideal,
            relevant,
            pairs: inversions::weight(Pairs::Graded, y),
            discordant,
            tied,
        }
    }

    /// How many documents there are.
    pub fn documents(&self) -> usize {
        self.grades.len()
    }

    /// How many of them are relevant.
    pub fn relevant(&self) -> usize {
        self.relevant
    }

    /// Precision at the rank of each relevant document, averaged over these. Its mean over queries
    /// is MAP.
    pub fn average_precision(&self) -> f64 {
        let ranks =
            (1..).zip(&self.grades).filter(|(_, grade)| **grade > 0.0).map(|(rank, _)| rank);
        ratio(
            ranks
                .zip(1..)
                .map(|(rank, found): (u32, u32)| f64::from(found) / f64::from(rank))
                .sum(),
            self.relevant,
        )
    }

    /// One over the rank of the first relevant document. Its mean over queries is MRR.
    pub fn reciprocal_rank(&self) -> f64 {
        self.grades
            .iter()
            .position(|&grade| grade > 0.0)
            .map_or(0.0, |above| 1.0 / (above + 1) as f64)
    }

    /// Relevant documents among the first k, over k: also where there are fewer than k documents.
    pub fn precision(&self, k: usize) -> f64 {
        ratio(self.grades.iter().take(k).filter(|&&grade| grade > 0.0).count() as f64, k)
    }

    /// The discounted cumulative gain of the first k documents, of all if 0, over that of the best
    /// ranking.
    pub fn ndcg(&self, convention: Convention, k: usize) -> f64 {
        if convention == Convention::Letor && k > self.documents() {
            return 0.0;
        }
        let k = if k > 0 { k } else { self.documents() };
        let (found, best) = self.cumulative_gains(convention).take(k).last().unwrap_or_default();
        if best > 0.0 { found / best } else { 0.0 }
    }

    /// The mean of [`Convention::Letor`]'s NDCG over k = 1, …, m for m documents: what LETOR's
    /// scripts call MeanNDCG.
    pub fn mean_ndcg(&self) -> f64 {
        let gains = self.cumulative_gains(Convention::Letor).filter(|(_, best)| *best > 0.0);
        ratio(gains.fold(0.0, |sum, (found, best)| sum + found / best), self.documents())
    }

    /// For k = 1, 2, …: the gain of the first k documents and that of the best ranking, over the
    /// same number.
    fn cumulative_gains(&self, convention: Convention) -> impl Iterator<Item = (f64, f64)> {
        let top = self.ideal.first().copied().unwrap_or(0.0);
        // Without relevant documents no gain is defined, and none asked for.
        let ranks = if top > 0.0 { self.documents() } else { 0 };
        (1..=ranks).zip(self.grades.iter().zip(&self.ideal)).scan(
            (0.0, 0.0),
            move |sums, (rank, (&grade, &ideal))| {
                sums.0 += convention.gain(grade, top) / convention.discount(rank);
                sums.1 += convention.gain(ideal, top) / convention.discount(rank);
                Some(*sums)
            },
        )
    }

    /// Expected reciprocal rank (Chapelle, Metzler, Zhang, Grinspan 2009) of all documents: of the
    /// rank at which a reader stops who is satisfied by a document with probability (2^grade − 1) /
    /// 2^top_grade. Grades above `top_grade` count as this.
    pub fn expected_reciprocal_rank(&self, top_grade: f64) -> f64 {
        let (mut sum, mut reads_on) = (0.0, 1.0);
        for (rank, grade) in (1_u32..).zip(&self.grades) {
            let satisfied = (grade.min(top_grade) - top_grade).exp2() - (-top_grade).exp2();
            sum += reads_on * satisfied / f64::from(rank);
            reads_on *= 1.0 - satisfied;
        }
        sum
    }

    /// How many pairs of documents the truth orders: those of different grades.
    pub fn pairs(&self) -> f64 {
        self.pairs
    }

    /// How many of these are swapped: the document of the higher grade does not score more.
    pub fn swapped_pairs(&self) -> f64 {
        self.discordant + self.tied
    }

    /// Swapped pairs over pairs, 0 if there are none.
    pub fn swapped_fraction(&self) -> f64 {
        if self.pairs > 0.0 { self.swapped_pairs() / self.pairs } else { 0.0 }
    }

    /// Kendall's τ over the pairs that the truth orders: (concordant − discordant) / pairs. Pairs
    /// of equal scores are neither. It is the usual τ where grades and scores have no ties, and
    /// Somers' D of the scores given the grades always.
    pub fn kendall_tau(&self) -> f64 {
        let concordant = self.pairs - self.discordant - self.tied;
        if self.pairs > 0.0 { (concordant - self.discordant) / self.pairs } else { 0.0 }
    }
}

fn ratio(sum: f64, count: usize) -> f64 {
    if count > 0 { sum / count as f64 } else { 0.0 }
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;
    use Convention::{Exponential, Letor, Linear};

    const ALL: usize = 0;

    /// Documents of these grades, in this order.
    fn ranked(grades: &[f64]) -> Ranked {
        let scores = (0..grades.len()).rev().map(|score| score as f64).collect();
        Ranked::new(&Scores::new(grades.to_vec()), &Scores::new(scores))
    }

    fn log2(x: f64) -> f64 {
        x.log2()
    }

    #[track_caller]
    pub(crate) fn assert_close(found: f64, expected: f64, what: &str) {
        assert!((found - expected).abs() < 1e-14, "{what}: expected {expected}, found {found}");
    }

    #[test]
    fn measures_of_relevant_and_other_documents() {
        // Grades by rank, AP, RR, P@1, P@3, P@10.
        let cases: [(&[f64], [f64; 5]); 10] = [
            (&[1.0], [1.0, 1.0, 1.0, 1.0 / 3.0, 0.1]),
            (&[0.0], [0.0, 0.0, 0.0, 0.0, 0.0]),
            (&[-1.0, 0.0], [0.0, 0.0, 0.0, 0.0, 0.0]),
            (&[], [0.0, 0.0, 0.0, 0.0, 0.0]),
            (&[0.0, 1.0], [1.0 / 2.0, 1.0 / 2.0, 0.0, 1.0 / 3.0, 0.1]),
            // Precisions 1/1, 2/3 and 3/6 at the relevant documents.
            (
                &[1.0, 0.0, 1.0, 0.0, 0.0, 1.0],
                [(1.0 + 2.0 / 3.0 + 0.5) / 3.0, 1.0, 1.0, 2.0 / 3.0, 0.3],
            ),
            // 1/3 and 2/4.
            (&[0.0, 0.0, 1.0, 1.0], [(1.0 / 3.0 + 0.5) / 2.0, 1.0 / 3.0, 0.0, 1.0 / 3.0, 0.2]),
            (&[1.0, 1.0, 1.0, 1.0], [1.0, 1.0, 1.0, 1.0, 0.4]),
            // How relevant is no matter, and grades below 0 are not.
            (
                &[-1.0, 4.0, 0.5, -2.0],
                [(1.0 / 2.0 + 2.0 / 3.0) / 2.0, 1.0 / 2.0, 0.0, 2.0 / 3.0, 0.2],
            ),
            (&[0.0, 0.0, 0.0, 0.0, 3.0], [1.0 / 5.0, 1.0 / 5.0, 0.0, 0.0, 0.1]),
        ];
        for (grades, [ap, rr, first, three, ten]) in cases {
            let query = ranked(grades);
            let what = format!("{grades:?}");
            assert_close(query.average_precision(), ap, &what);
            assert_close(query.reciprocal_rank(), rr, &what);
            assert_close(query.precision(1), first, &what);
            assert_close(query.precision(3), three, &what);
            assert_close(query.precision(10), ten, &what);
            assert_eq!(query.precision(0), 0.0, "{what}");
            assert_eq!(query.documents(), grades.len(), "{what}");
            assert_eq!(
                query.relevant(),
                grades.iter().filter(|&&grade| grade > 0.0).count(),
                "{what}"
            );
        }
    }

    #[test]
    fn gains_by_convention() {
        let worked = [3.0, 2.0, 3.0, 0.0, 1.0, 2.0];
        // Grades over log2(1 + rank): 3 + 1.2619 + 1.5 + 0 + 0.3869 + 0.7124 = 6.8611, at best
        // 3 + 1.8928 + 1 + 0.8614 + 0.3869 + 0 = 7.1410.
        let linear = (3.0 + 2.0 / log2(3.0) + 3.0 / 2.0 + 1.0 / log2(6.0) + 2.0 / log2(7.0))
            / (3.0 + 3.0 / log2(3.0) + 2.0 / 2.0 + 2.0 / log2(5.0) + 1.0 / log2(6.0));
        assert!((linear - 0.9608).abs() < 5e-5);
        // Gains 7, 3, 7, 0, 1, 3; at best 7, 7, 3, 3, 1, 0.
        let exponential = (7.0 + 3.0 / log2(3.0) + 7.0 / 2.0 + 1.0 / log2(6.0) + 3.0 / log2(7.0))
            / (7.0 + 7.0 / log2(3.0) + 3.0 / 2.0 + 3.0 / log2(5.0) + 1.0 / log2(6.0));
        // The same gains over 1, 1, log2(3), log2(4), log2(5), log2(6).
        let letor = (7.0 + 3.0 + 7.0 / log2(3.0) + 1.0 / log2(5.0) + 3.0 / log2(6.0))
            / (7.0 + 7.0 + 3.0 / log2(3.0) + 3.0 / 2.0 + 1.0 / log2(5.0));
        let three = (7.0 + 3.0 / log2(3.0) + 7.0 / 2.0) / (7.0 + 7.0 / log2(3.0) + 3.0 / 2.0);
        let cases: [(&[f64], Convention, usize, f64); 24] = [
            (&worked, Linear, ALL, linear),
            (&worked, Linear, 10, linear),
            (&worked, Linear, 6, linear),
            (&worked, Exponential, ALL, exponential),
            (&worked, Exponential, 3, three),
            (&worked, Exponential, 1, 1.0),
            (&worked, Letor, 6, letor),
            (&worked, Letor, 2, 10.0 / 14.0),
            // Fewer documents than ranks: LETOR's scripts have no figure and count 0.
            (&worked, Letor, 7, 0.0),
            (&worked, Letor, ALL, letor),
            (&[0.0, 1.0], Exponential, 1, 0.0),
            (&[0.0, 1.0], Exponential, 2, 1.0 / log2(3.0)),
            (&[0.0, 1.0], Linear, 2, 1.0 / log2(3.0)),
            (&[0.0, 1.0], Letor, 2, 1.0),
            (&[0.0, 0.0], Exponential, 2, 0.0),
            (&[], Exponential, 10, 0.0),
            (&[5.0], Exponential, 10, 1.0),
            (&[2.0, 2.0, 2.0], Letor, 3, 1.0),
            // A grade below 0 has no gain.
            (&[-3.0, 1.0], Exponential, 2, 1.0 / log2(3.0)),
            (&[-3.0, 1.0], Linear, 2, 1.0 / log2(3.0)),
            // Grades between whole numbers: 2^0.5 - 1 above 2^1.5 - 1.
            (&[0.5, 1.5], Linear, 2, (0.5 + 1.5 / log2(3.0)) / (1.5 + 0.5 / log2(3.0))),
            // Gains too large for a number: the first is nothing beside the second.
            (&[1000.0, 5000.0], Exponential, 2, 1.0 / log2(3.0)),
            (&[0.0, 1e308, 1e308], Linear, 2, 1.0 / (1.0 + log2(3.0))),
            (&[1e308, 1e308, 1e308], Exponential, ALL, 1.0),
        ];
        for (grades, convention, k, expected) in cases {
            assert_close(
                ranked(grades).ndcg(convention, k),
                expected,
                &format!("{grades:?}, {convention:?}, {k}"),
            );
        }
    }

    #[test]
    fn mean_gain_over_cut_offs() {
        // Gains 0, 3, 1 by rank; at best 3, 1, 0. NDCG at 1: 0; at 2: 3 / 4; at 3: (3 + 1 / log2 3)
        // / 4.
        assert_close(
            ranked(&[0.0, 2.0, 1.0]).mean_ndcg(),
            (0.75 + (3.0 + 1.0 / log2(3.0)) / 4.0) / 3.0,
            "mixed",
        );
        for (grades, expected) in
            [(&[1.0, 0.0][..], 1.0), (&[3.0], 1.0), (&[0.0, 0.0], 0.0), (&[], 0.0)]
        {
            assert_eq!(ranked(grades).mean_ndcg(), expected, "{grades:?}");
        }
    }

    #[test]
    fn a_reader_stops_where_satisfied() {
        // Probabilities of satisfaction (2^grade - 1) / 2^top, then the sum over ranks.
        let cases: [(&[f64], f64, f64); 8] = [
            // 7/8, 3/8, 0: 7/8 + 1/2 · 1/8 · 3/8.
            (&[3.0, 2.0, 0.0], 3.0, 7.0 / 8.0 + 3.0 / 128.0),
            // 0, 3/8, 7/8: 1/2 · 3/8 + 1/3 · 5/8 · 7/8.
            (&[0.0, 2.0, 3.0], 3.0, 3.0 / 16.0 + 35.0 / 192.0),
            // 1/2 each: Σ 1/r · 1/2^r.
            (&[1.0, 1.0, 1.0], 1.0, 1.0 / 2.0 + 1.0 / 8.0 + 1.0 / 24.0),
            (&[1.0], 4.0, 1.0 / 16.0),
            (&[4.0], 4.0, 15.0 / 16.0),
            (&[7.0], 4.0, 15.0 / 16.0),
            (&[0.0, -2.0], 4.0, 0.0),
            (&[], 4.0, 0.0),
        ];
        for (grades, top, expected) in cases {
            assert_close(
                ranked(grades).expected_reciprocal_rank(top),
                expected,
                &format!("{grades:?} of {top}"),
            );
        }
    }

    #[test]
    fn pairs_that_the_truth_orders() {
        // Grades, scores, then pairs, discordant ones and those with equal scores.
        let cases: [(&[f64], &[f64], [f64; 3]); 9] = [
            // Joachims 2002, section 2: of ten pairs three are discordant, τ = 0.4.
            (&[5.0, 4.0, 3.0, 2.0, 1.0], &[3.0, 4.0, 5.0, 2.0, 1.0], [10.0, 3.0, 0.0]),
            (&[2.0, 1.0, 0.0], &[0.0, 1.0, 2.0], [3.0, 3.0, 0.0]),
            (&[2.0, 1.0, 0.0], &[7.0, 7.0, 7.0], [3.0, 0.0, 3.0]),
            (&[1.0, 1.0, 0.0], &[0.5, 0.1, 0.5], [2.0, 1.0, 1.0]),
            (&[1.0, 1.0], &[0.5, 0.1], [0.0, 0.0, 0.0]),
            (&[1.0], &[0.5], [0.0, 0.0, 0.0]),
            (&[], &[], [0.0, 0.0, 0.0]),
            // Any sign counts; a zero of either sign is zero.
            (&[-1.0, -2.0], &[0.0, -0.0], [1.0, 0.0, 1.0]),
            (&[-1.0, -2.0], &[f64::INFINITY, f64::NEG_INFINITY], [1.0, 0.0, 0.0]),
        ];
        for (grades, scores, [pairs, discordant, tied]) in cases {
            let y = Scores::new(grades.to_vec());
            // Costs are no matter.
            let priced =
                y.clone().with_costs((0..y.len()).map(|document| 2.0 + document as f64).collect());
            let query = Ranked::new(&y, &Scores::new(scores.to_vec()));
            assert_eq!(query, Ranked::new(&priced, &Scores::new(scores.to_vec())));
            assert_eq!(
                [query.pairs(), query.swapped_pairs()],
                [pairs, discordant + tied],
                "{grades:?} {scores:?}"
            );
            let over = |count: f64| if pairs > 0.0 { count / pairs } else { 0.0 };
            assert_eq!(query.swapped_fraction(), over(discordant + tied), "{grades:?} {scores:?}");
            assert_eq!(
                query.kendall_tau(),
                over(pairs - tied - 2.0 * discordant),
                "{grades:?} {scores:?}"
            );
        }
    }

    #[test]
    fn equal_scores_keep_the_order_of_the_file() {
        let cases: [(&[f64], &[f64], &[f64]); 4] = [
            (&[0.0, 1.0, 2.0], &[5.0, 5.0, 5.0], &[0.0, 1.0, 2.0]),
            (&[2.0, 1.0, 0.0], &[5.0, 5.0, 5.0], &[2.0, 1.0, 0.0]),
            (&[0.0, 1.0, 2.0, 3.0], &[1.0, 2.0, 1.0, 2.0], &[1.0, 3.0, 0.0, 2.0]),
            (&[0.0, 1.0], &[-0.0, 0.0], &[0.0, 1.0]),
        ];
        for (grades, scores, order) in cases {
            let query = Ranked::new(&Scores::new(grades.to_vec()), &Scores::new(scores.to_vec()));
            assert_eq!(query.grades, order, "{grades:?} {scores:?}");
        }
    }

    /// Grades of a scale with few values or many, below 0 at times, and scores with ties.
    pub(crate) fn queries() -> impl Strategy<Value = (Vec<f64>, Vec<f64>)> {
        let grade = prop_oneof![4 => (0..5_i32).prop_map(f64::from), 1 => -1.0..5.0_f64];
        let score = prop_oneof![(-4..4_i32).prop_map(f64::from), -10.0..10.0_f64];
        proptest::collection::vec((grade, score), 1..25).prop_map(|both| both.into_iter().unzip())
    }

    proptest! {
        #[test]
        fn pairs_are_counted_one_by_one((grades, scores) in queries()) {
            let (mut pairs, mut discordant, mut tied) = (0, 0, 0);
            for i in 0..grades.len() {
                for j in (0..grades.len()).filter(|&j| grades[i] > grades[j]) {
                    pairs += 1;
                    discordant += usize::from(scores[i] < scores[j]);
                    tied += usize::from(scores[i] == scores[j]);
                }
            }
            let query = Ranked::new(&Scores::new(grades), &Scores::new(scores));
            let found = [query.pairs, query.discordant, query.tied];
            prop_assert_eq!(found, [pairs, discordant, tied].map(|count| count as f64));
        }
    }
}
