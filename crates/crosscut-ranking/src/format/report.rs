//! [`report`]: the measures of an evaluation.

use crosscut::Task;
use crosscut_app::{Outcome, Report, Table};

use crate::measures::{Convention, Ranked};
use crate::query::{Query, Scores};
use crate::task::Ranking;

/// The ranks at which measures of the top of a ranking are reported.
const CUTS: [usize; 4] = [1, 3, 5, 10];

/// The largest grade of the scale, as expected reciprocal rank takes it where the data have none
/// above.
const TOP_GRADE: f64 = 4.0;

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

#[cfg(test)]
mod tests {
    use crosscut_data::FeatureIds;
    use proptest::prelude::*;

    use super::*;
    use crate::measures::tests::{assert_close, queries};

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
        let second = 1.0 / 3.0_f64.log2();
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
    }
}
