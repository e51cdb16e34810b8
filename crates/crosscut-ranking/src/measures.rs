//! The measures of rankings: [`Ranked`] for one query, [`report`] for an evaluation.

use std::cmp::Reverse;

use crosscut::Task;
use crosscut_app::{Outcome, Report, Table};

use crate::inversions::{self, Pairs};
use crate::query::{Query, Scores};
use crate::task::Ranking;

/// The ranks at which measures of the top of a ranking are reported.
const CUTS: [usize; 4] = [1, 3, 5, 10];

/// The largest grade of the scale, as expected reciprocal rank takes it where the data have none
/// above.
const TOP_GRADE: f64 = 4.0;

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

/// A name, and what a query has of it.
type Measure = (String, Box<dyn Fn(&Ranked) -> f64>);

/// The measures whose means over queries are reported, in their order.
fn measures(top_grade: f64) -> Vec<Measure> {
    fn named(name: &str, measure: impl Fn(&Ranked) -> f64 + 'static) -> Measure {
        (name.to_owned(), Box::new(measure))
    }
    let precision = |k| named(&format!("p@{k}"), move |ranked| ranked.precision(k));
    let ndcg = |name: &str, convention, k| named(name, move |ranked| ranked.ndcg(convention, k));
    let mut all = vec![
        named("map", Ranked::average_precision),
        ndcg("ndcg@10", Convention::Exponential, 10),
        named("mrr", Ranked::reciprocal_rank),
        precision(10),
        named("err", move |ranked| ranked.expected_reciprocal_rank(top_grade)),
        named("swapped_fraction", Ranked::swapped_fraction),
        named("zero_one_error", |ranked| f64::from(ranked.swapped_pairs() > 0.0)),
        named("kendall_tau", Ranked::kendall_tau),
    ];
    all.extend(CUTS.into_iter().filter(|&k| k != 10).map(precision));
    let conventions = [
        ("ndcg", Convention::Exponential),
        ("ndcg_linear", Convention::Linear),
        ("ndcg_letor", Convention::Letor),
    ];
    for (name, convention) in conventions {
        let cuts = CUTS.into_iter().filter(|&k| k != 10 || convention != Convention::Exponential);
        all.extend(cuts.map(|k| ndcg(&format!("{name}@{k}"), convention, k)));
        all.push(ndcg(name, convention, 0));
    }
    all.push(named("mean_ndcg_letor", Ranked::mean_ndcg));
    all
}

/// Means of the measures of queries ([`Ranked`] has the conventions), weighted by the weights of
/// the queries; then sums and counts, which are not weighted; and for JSON what each query has
/// (`per_query`, named by their positions from 1).
///
/// * `map`, `mrr`, `p@k`, `err`, `kendall_tau`, `swapped_fraction`, the mean `loss`.
/// * `ndcg@k` and, of all documents, `ndcg`: [`Convention::Exponential`]; `ndcg_linear@k`:
///   [`Convention::Linear`]; `ndcg_letor@k` and `mean_ndcg_letor`: [`Convention::Letor`].
/// * `zero_one_error`: the fraction of queries with a swapped pair.
/// * `err` takes 4 as the largest grade of the scale, or the largest of the data if that is more,
///   so that it does not depend on what a small test set happens to hold.
/// * Queries without relevant documents, and those without pairs, are in the means with 0. Their
///   numbers are reported (`queries_without_relevant`, `queries_without_pairs`): with n queries of
///   weight 1, the mean over the k others is the reported one times n / k.
pub(crate) fn report(task: &Ranking, outcomes: &[Outcome<'_, Query, Scores>]) -> Report {
    let grades = outcomes.iter().flat_map(|outcome| outcome.y.values());
    let measures = measures(grades.copied().fold(TOP_GRADE, f64::max));
    let queries: Vec<Ranked> =
        outcomes.iter().map(|outcome| Ranked::new(outcome.y, outcome.y_hat)).collect();
    let rows: Vec<Vec<f64>> = (queries.iter().zip(outcomes))
        .map(|(query, outcome)| {
            let loss = task.loss(outcome.x, outcome.y, outcome.y_hat);
            let counts = [
                query.documents() as f64,
                query.relevant() as f64,
                query.pairs(),
                query.swapped_pairs(),
            ];
            let means = measures.iter().map(|(_, measure)| measure(query));
            means.chain([loss]).chain(counts).chain([outcome.weight]).collect()
        })
        .collect();
    let names = measures.into_iter().map(|(name, _)| name).chain(["loss".to_owned()]);
    let counted = ["documents", "relevant", "pairs", "swapped_pairs", "weight"].map(str::to_owned);

    let weight: f64 = outcomes.iter().map(|outcome| outcome.weight).sum();
    let mean = |column: usize| {
        let sum: f64 =
            rows.iter().zip(outcomes).map(|(row, outcome)| outcome.weight * row[column]).sum();
        if weight > 0.0 { sum / weight } else { 0.0 }
    };
    let sum = |each: fn(&Ranked) -> f64| queries.iter().fold(0.0, |sum, query| sum + each(query));
    let columns: Vec<String> = names.collect();
    let report = columns
        .iter()
        .enumerate()
        .fold(Report::new(), |report, (at, name)| report.measure(name, mean(at)));
    report
        .count("queries", queries.len() as f64)
        .count("documents", sum(|query| query.documents() as f64))
        .count("pairs", sum(Ranked::pairs))
        .count("swapped_pairs", sum(Ranked::swapped_pairs))
        .count("queries_without_relevant", sum(|query| f64::from(query.relevant() == 0)))
        .count("queries_without_pairs", sum(|query| f64::from(query.pairs() == 0.0)))
        .detail(Table {
            name: "per_query".to_owned(),
            counts_from: columns.len(),
            columns: columns.into_iter().chain(counted).collect(),
            rows: (1..)
                .zip(rows)
                .map(|(position, row): (usize, _)| (position.to_string(), row))
                .collect(),
        })
}

fn ratio(sum: f64, count: usize) -> f64 {
    if count > 0 { sum / count as f64 } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use crosscut_data::FeatureIds;
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
    fn assert_close(found: f64, expected: f64, what: &str) {
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

    fn no_documents() -> Query {
        Query::new(&[], 0).unwrap()
    }

    /// Four queries: one in the best order, one with a swap, one without relevant documents, one
    /// with nothing else.
    fn evaluation(weights: [f64; 4]) -> Report {
        let task = Ranking::new(FeatureIds::Contiguous(1));
        let pairs: [(&[f64], &[f64]); 4] = [
            (&[2.0, 0.0, 0.0], &[0.9, 0.5, 0.1]),
            (&[0.0, 1.0], &[0.3, 0.2]),
            (&[0.0, 0.0], &[0.1, 0.2]),
            (&[1.0], &[0.0]),
        ];
        let pairs = pairs
            .map(|(grades, scores)| (Scores::new(grades.to_vec()), Scores::new(scores.to_vec())));
        let x = no_documents();
        let outcomes = pairs.iter().zip(weights).map(|((y, y_hat), weight)| Outcome {
            x: &x,
            y,
            y_hat,
            weight,
        });
        report(&task, &outcomes.collect::<Vec<_>>())
    }

    #[test]
    fn means_over_queries() {
        let report = evaluation([1.0, 1.0, 1.0, 1.0]);
        let first: Vec<&str> =
            report.measures().iter().map(|(name, _)| name.as_str()).take(6).collect();
        assert_eq!(first, ["map", "ndcg@10", "mrr", "p@10", "err", "swapped_fraction"]);
        let second = 1.0 / log2(3.0);
        let cases = [
            ("map", (1.0 + 0.5 + 0.0 + 1.0) / 4.0),
            ("mrr", (1.0 + 0.5 + 0.0 + 1.0) / 4.0),
            ("ndcg@10", (1.0 + second + 0.0 + 1.0) / 4.0),
            ("ndcg@1", (1.0 + 0.0 + 0.0 + 1.0) / 4.0),
            ("ndcg_linear@3", (1.0 + second + 0.0 + 1.0) / 4.0),
            ("ndcg_letor", (1.0 + 1.0 + 0.0 + 1.0) / 4.0),
            // One query has three documents.
            ("ndcg_letor@3", 1.0 / 4.0),
            // At rank 1 the second query has 0, at rank 2 all.
            ("mean_ndcg_letor", (1.0 + 0.5 + 0.0 + 1.0) / 4.0),
            ("p@1", (1.0 + 0.0 + 0.0 + 1.0) / 4.0),
            ("p@3", (1.0 + 1.0 + 0.0 + 1.0) / 12.0),
            // (2^2 - 1) / 2^4, then half of 1/16, nothing, 1/16.
            ("err", (3.0 / 16.0 + 1.0 / 32.0 + 0.0 + 1.0 / 16.0) / 4.0),
            ("swapped_fraction", 1.0 / 4.0),
            ("zero_one_error", 1.0 / 4.0),
            ("kendall_tau", (1.0 - 1.0) / 4.0),
            ("loss", 1.0 / 4.0),
            ("queries", 4.0),
            ("documents", 8.0),
            ("pairs", 3.0),
            ("swapped_pairs", 1.0),
            ("queries_without_relevant", 1.0),
            ("queries_without_pairs", 2.0),
        ];
        for (name, expected) in cases {
            assert_close(report.get(name).unwrap(), expected, name);
        }
        for name in ["ndcg", "ndcg_linear"] {
            assert_eq!(
                report.get(name),
                report.get(&format!("{name}@5")),
                "no query has more than five documents"
            );
        }
    }

    #[test]
    fn weights_count_in_means_only() {
        let report = evaluation([2.0, 1.0, 0.0, 0.5]);
        for (name, expected) in [
            ("map", (2.0 + 0.5 + 0.5) / 3.5),
            ("zero_one_error", 1.0 / 3.5),
            ("loss", 1.0 / 3.5),
            ("kendall_tau", (2.0 - 1.0) / 3.5),
            ("queries", 4.0),
            ("swapped_pairs", 1.0),
            ("pairs", 3.0),
            ("queries_without_relevant", 1.0),
        ] {
            assert_close(report.get(name).unwrap(), expected, name);
        }
    }

    #[test]
    fn each_query_is_in_the_json() {
        let report = evaluation([2.0, 1.0, 0.0, 0.5]);
        assert!(report.tables().is_empty());
        assert!(!report.to_string().contains("per_query"));
        assert!(report.to_json()["per_query"].is_object());
        let [table] = report.details() else { panic!("one table") };
        assert!(table.rows.iter().all(|(_, values)| values.len() == table.columns.len()));
        let names: Vec<&str> = table.rows.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["1", "2", "3", "4"]);
        let column = |name: &str| -> Vec<f64> {
            let at = table.columns.iter().position(|column| column == name).unwrap();
            table.rows.iter().map(|(_, values)| values[at]).collect()
        };
        for (name, expected) in [
            ("map", [1.0, 0.5, 0.0, 1.0]),
            ("mrr", [1.0, 0.5, 0.0, 1.0]),
            ("ndcg@1", [1.0, 0.0, 0.0, 1.0]),
            ("kendall_tau", [1.0, -1.0, 0.0, 0.0]),
            ("loss", [0.0, 1.0, 0.0, 0.0]),
            ("documents", [3.0, 2.0, 2.0, 1.0]),
            ("relevant", [1.0, 1.0, 0.0, 1.0]),
            ("pairs", [2.0, 1.0, 0.0, 0.0]),
            ("swapped_pairs", [0.0, 1.0, 0.0, 0.0]),
            ("weight", [2.0, 1.0, 0.0, 0.5]),
        ] {
            assert_eq!(column(name), expected, "{name}");
        }
        // Every measure but sums and counts is the weighted mean of its column.
        for (name, value) in report.measures().iter().take_while(|(name, _)| name != "queries") {
            let sum: f64 = column(name)
                .iter()
                .zip(column("weight"))
                .map(|(value, weight)| value * weight)
                .sum();
            assert_close(*value, sum / 3.5, name);
        }
    }

    #[test]
    fn nothing_to_measure_is_zero() {
        let task = Ranking::new(FeatureIds::Contiguous(1));
        let y = Scores::new(vec![0.0; 3]);
        let outcomes = [Outcome { x: &no_documents(), y: &y, y_hat: &y, weight: 1.0 }];
        for outcomes in [&[][..], &outcomes] {
            let report = report(&task, outcomes);
            for (name, value) in report.measures() {
                let counted =
                    ["queries", "documents", "queries_without_relevant", "queries_without_pairs"];
                let expected = if name == "documents" { 3.0 } else { 1.0 };
                let expected = if counted.contains(&name.as_str()) { expected } else { 0.0 };
                // Bits: a zero without a sign.
                assert_eq!(
                    value.to_bits(),
                    (outcomes.len() as f64 * expected).to_bits(),
                    "{name}: {value}"
                );
            }
        }
    }

    #[test]
    fn the_scale_ends_at_four_or_above() {
        let task = Ranking::new(FeatureIds::Contiguous(1));
        for (grade, expected) in [(1.0, 1.0 / 16.0), (4.0, 15.0 / 16.0), (5.0, 31.0 / 32.0)] {
            let y = Scores::new(vec![grade]);
            let report =
                report(&task, &[Outcome { x: &no_documents(), y: &y, y_hat: &y, weight: 1.0 }]);
            assert_close(report.get("err").unwrap(), expected, &grade.to_string());
        }
    }

    /// Every mean by name, all of which are the better the larger.
    fn goodness(y: &Scores, y_hat: &Scores) -> Vec<(String, f64)> {
        let query = Ranked::new(y, y_hat);
        let signed = |(name, measure): Measure| {
            let value = measure(&query);
            let value = if ["swapped_fraction", "zero_one_error"].contains(&name.as_str()) {
                1.0 - value
            } else {
                value
            };
            (name, value)
        };
        measures(TOP_GRADE).into_iter().map(signed).collect()
    }

    /// Grades of a scale with few values or many, below 0 at times, and scores with ties.
    fn queries() -> impl Strategy<Value = (Vec<f64>, Vec<f64>)> {
        let grade = prop_oneof![4 => (0..5_i32).prop_map(f64::from), 1 => -1.0..5.0_f64];
        let score = prop_oneof![(-4..4_i32).prop_map(f64::from), -10.0..10.0_f64];
        proptest::collection::vec((grade, score), 1..25).prop_map(|both| both.into_iter().unzip())
    }

    proptest! {
        #[test]
        fn between_the_worst_and_the_best((grades, scores) in queries()) {
            let y = Scores::new(grades.clone());
            let found = goodness(&y, &Scores::new(scores));
            let best = goodness(&y, &y);
            for ((name, value), (_, best)) in found.iter().zip(&best) {
                let least = if name == "kendall_tau" { -1.0 } else { 0.0 };
                prop_assert!((least..=best + 1e-12).contains(value), "{} of {}: {}", name, best, value);
            }
            let relevant = grades.iter().any(|&grade| grade > 0.0);
            let pairs = grades.iter().any(|&grade| grade != grades[0]);
            for (name, best) in best {
                // The rest has no best value of 1: precision and LETOR's NDCG beyond the documents,
                // ERR.
                if ["map", "mrr"].contains(&name.as_str()) || name.contains("ndcg") && !name.contains("letor@") {
                    prop_assert!((best - f64::from(relevant)).abs() < 1e-12, "{}: {}", name, best);
                } else if name == "kendall_tau" {
                    prop_assert_eq!(best, f64::from(pairs));
                } else if ["swapped_fraction", "zero_one_error"].contains(&name.as_str()) {
                    prop_assert_eq!(best, 1.0, "{}", name);
                }
            }
        }

        #[test]
        fn only_the_order_of_scores_matters((grades, scores) in queries()) {
            let y = Scores::new(grades);
            let other = scores.iter().map(|score| (score / 8.0).exp() - 100.0).collect();
            prop_assert_eq!(goodness(&y, &Scores::new(scores)), goodness(&y, &Scores::new(other)));
        }

        #[test]
        fn a_better_document_moved_up_never_harms((grades, scores) in queries()) {
            // Scores without ties: a swap of two then moves no other document.
            let y = Scores::new(grades.clone());
            let mut order: Vec<usize> = (0..scores.len()).collect();
            order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
            let mut scores = vec![0.0; order.len()];
            order.iter().rev().zip(1..).for_each(|(&document, score)| scores[document] = f64::from(score));
            let before = goodness(&y, &Scores::new(scores.clone()));
            for pair in order.windows(2).filter(|pair| grades[pair[0]] < grades[pair[1]]) {
                let mut swapped = scores.clone();
                swapped.swap(pair[0], pair[1]);
                for ((name, before), (_, after)) in before.iter().zip(goodness(&y, &Scores::new(swapped))) {
                    prop_assert!(after >= before - 1e-12, "{}: {} after {}", name, after, before);
                }
            }
        }

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
