//! The contract of the task: the three laws, brute force over pairs and permutations, and what
//! exactly is written.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, and so do its helpers")]

use crate::small;

use crosscut::testing::{check, laws, plane_of, random_weights, slack_of};
use crosscut::{Example, Rescaling, Settings, Solver, Task, solve};
use crosscut_data::FeatureIds;
use crosscut_ranking::{Loss, Query, Ranking, Scores, Scratch, TaskError};
use crosscut_testkit::cases;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{RngSeed, TestRunner};
use small::{
    Examples, PAIRS, Plain, RANKINGS, Rankings, choices, dense, pairs, plane_of_pairs, problems,
    sparse,
};

/// Weights at which losses matter or not, and whole ones.
fn weights(task: &Ranking, number: u64, whole: bool) -> Vec<f64> {
    let scale = [0.0, 0.3, 3.0, 30.0][(number % 4) as usize];
    let mut w = random_weights(task.dim(), if whole { 2.4 } else { scale }, number);
    if whole {
        w.iter_mut().for_each(|weight| *weight = weight.round());
    }
    w
}

fn is_close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-9 * a.abs().max(b.abs()).max(1.0)
}

fn same_plane(a: &(f64, Vec<f64>), b: &(f64, Vec<f64>)) -> bool {
    is_close(a.0, b.0)
        && a.1.len() == b.1.len()
        && a.1.iter().zip(&b.1).all(|(a, b)| is_close(*a, *b))
}

fn slack(plane: &(f64, Vec<f64>), w: &[f64]) -> f64 {
    plane.0 - w.iter().zip(&plane.1).map(|(weight, value)| weight * value).sum::<f64>()
}

/// Whether all documents that a loss wants on top fit there: two clicked documents cannot both be
/// above each other.
fn can_be_right(loss: Loss, query: &Plain) -> bool {
    loss != Loss::RankOfRelevant
        || query.y.values().iter().filter(|&&grade| grade > 0.0).count() < 2
}

/// The query without documents that are alike: between those, a δ is nothing but rounding, and the
/// laws are tried at weights that make the largest δ count.
fn apart(query: &Plain) -> Plain {
    let mut query = query.clone();
    query.rows.iter_mut().zip(1..).for_each(|(row, at)| row[0] += 0.01 * (at * at) as f32);
    query
}

fn examples(plain: &[Plain]) -> Examples {
    plain.iter().map(Plain::example).collect()
}

fn any_problem(most: usize, coarse: bool) -> impl Strategy<Value = (Ranking, Vec<Plain>)> {
    prop::sample::select(choices()).prop_flat_map(move |choice| problems(choice, most, coarse))
}

fn pair_problem(most: usize, coarse: bool) -> impl Strategy<Value = (Ranking, Vec<Plain>)> {
    prop::sample::select(PAIRS.to_vec())
        .prop_flat_map(move |loss| problems((loss, Rescaling::Margin), most, coarse))
}

fn ranking_problem(most: usize, coarse: bool) -> impl Strategy<Value = (Ranking, Vec<Plain>)> {
    prop::sample::select(RANKINGS.to_vec())
        .prop_flat_map(move |choice| problems(choice, most, coarse))
}

#[test]
fn the_laws_hold_for_every_choice() {
    let mut runner = TestRunner::deterministic();
    for choice in choices() {
        for most in [1, 2, 3, 5, 8, 8, 12, 40] {
            let (task, queries) =
                problems(choice, most, most % 2 == 0).new_tree(&mut runner).unwrap().current();
            let queries: Vec<Plain> =
                queries.iter().filter(|query| can_be_right(choice.0, query)).map(apart).collect();
            if !queries.is_empty() {
                check(&task, &examples(&queries));
            }
        }
    }
}

/// The cost of the pairs that scores put the wrong way round.
fn task_loss(loss: Loss, query: &Plain, w: &[f64]) -> f64 {
    let scores = query.scores(w);
    let swapped = |&(upper, lower, _): &(usize, usize, f64)| scores[upper] <= scores[lower];
    pairs(loss, &query.y).iter().filter(|pair| swapped(pair)).map(|(.., cost)| cost).sum()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(256), rng_seed: RngSeed::Fixed(2006), ..ProptestConfig::default() })]

    #[test]
    fn the_laws_hold((task, queries) in any_problem(8, false)) {
        for query in queries.iter().filter(|query| can_be_right(task.loss_function(), query)) {
            prop_assert_eq!(laws(&task, &[apart(query).example()]), Ok(()));
        }
    }

    /// ξ = Σ cost · max(0, 1 − (s of the upper − s of the lower)), pair by pair; pairs that just
    /// keep the margin are right.
    #[test]
    fn swapped_pairs_are_those_that_a_naive_count_finds((task, queries) in pair_problem(12, true), seed: u64, whole: bool) {
        let (w, loss) = (weights(&task, seed, whole), task.loss_function());
        for query in &queries {
            let (scores, pairs, example) = (query.scores(&w), pairs(loss, &query.y), query.example());
            let hinge = |&(upper, lower, cost): &(usize, usize, f64)| cost * (1.0 - (scores[upper] - scores[lower])).max(0.0);
            let expected: f64 = pairs.iter().map(hinge).sum();
            let found = slack_of(&task, &w, &example);
            prop_assert!(is_close(found, expected), "{:?}: slack {} for {}", loss, found, expected);
            let swapped = pairs.into_iter().filter(|&(upper, lower, _)| scores[upper] - scores[lower] < 1.0);
            let (found, expected) = (plane_of(&task, &w, &example), plane_of_pairs(query, swapped));
            prop_assert!(same_plane(&found, &expected), "{:?}: {:?} for {:?}", loss, found, expected);
        }
    }

    /// ȳ is any set of pairs, one that no ranking has swapped among them.
    #[test]
    fn any_set_of_pairs_may_be_swapped((task, queries) in pair_problem(4, false), seed: u64, whole: bool) {
        let (w, loss) = (weights(&task, seed, whole), task.loss_function());
        for query in &queries {
            let pairs = pairs(loss, &query.y);
            let subset = |set: u32| (0..pairs.len()).filter(move |at| set >> at & 1 == 1).map(|at| pairs[at]);
            let best = (0..1_u32 << pairs.len()).map(|set| slack(&plane_of_pairs(query, subset(set)), &w)).fold(f64::MIN, f64::max);
            let found = slack_of(&task, &w, &query.example());
            prop_assert!(is_close(found, best), "{:?}: slack {} for {}", loss, found, best);
        }
    }

    /// The root of the loss: of all sets of pairs, whose costs are one.
    #[test]
    fn the_root_of_the_loss_is_separated_exactly(
        (task, queries) in pair_problem(4, false), seed: u64, whole: bool, cost in prop::sample::select(vec![0.3, 1.0, 2.5, 0.0]),
    ) {
        let (w, loss) = (weights(&task, seed, whole), task.loss_function());
        let root = task.with_root().unwrap();
        for query in &queries {
            let y = Scores::new(query.y.values().to_vec()).with_costs(vec![cost; query.y.len()]);
            let query = Plain { y, ..query.clone() };
            let pairs = pairs(loss, &query.y);
            let subset = |set: u32| (0..pairs.len()).filter(move |at| set >> at & 1 == 1).map(|at| pairs[at]);
            let plane = |set: u32| {
                let (loss, delta) = plane_of_pairs(&query, subset(set));
                (loss.sqrt(), delta)
            };
            let best = (0..1_u32 << pairs.len()).map(|set| slack(&plane(set), &w)).fold(f64::MIN, f64::max);
            let example = query.example();
            prop_assert_eq!(root.validate(&example.x, &example.y), Ok(()));
            let found = slack_of(&root, &w, &example);
            prop_assert!(is_close(found, best), "{:?}, cost {}: slack {} for {}", loss, cost, found, best);
            // What is written is a plane: it does not lie above the slack at other weights.
            let (written, elsewhere) = (plane_of(&root, &w, &example), weights(&root, seed.wrapping_add(1), false));
            let highest = (0..1_u32 << pairs.len()).map(|set| slack(&plane(set), &elsewhere)).fold(f64::MIN, f64::max);
            let there = slack(&written, &elsewhere);
            prop_assert!(there <= highest || is_close(there, highest), "{:?}: {} above {}", loss, there, highest);
            let y_hat = root.predict(&w, &example.x, &mut Scratch::default());
            let swapped = task_loss(loss, &query, &w);
            prop_assert!(is_close(root.delta(&query.y, &y_hat), swapped.sqrt()));
        }
    }

    #[test]
    fn swapped_pairs_of_scores_are_those_that_a_naive_count_finds(
        (task, queries) in pair_problem(12, true), seed: u64, whole: bool,
    ) {
        let (w, loss) = (weights(&task, seed, whole), task.loss_function());
        for query in &queries {
            let (scores, example) = (query.scores(&w), query.example());
            let swapped = |&(upper, lower, _): &(usize, usize, f64)| scores[upper] <= scores[lower];
            let expected: f64 = pairs(loss, &query.y).iter().filter(|pair| swapped(pair)).map(|(.., cost)| cost).sum();
            let y_hat = task.predict(&w, &example.x, &mut Scratch::default());
            let found = task.delta(&query.y, &y_hat);
            prop_assert!(is_close(found, expected), "{:?}: {} for {}", loss, found, expected);
            // The second law, where the first does not hold.
            let slack = slack_of(&task, &w, &example);
            prop_assert!(slack >= found || is_close(slack, found), "{:?}: slack {} below the loss {}", loss, slack, found);
        }
    }

    #[test]
    fn the_oracle_writes_the_best_of_all_permutations((task, queries) in ranking_problem(6, false), seed: u64, whole: bool) {
        let (w, loss) = (weights(&task, seed, whole), task.loss_function());
        for query in &queries {
            let planes = Rankings::new(loss, query).planes(task.rescaling());
            let best = planes.iter().map(|plane| slack(plane, &w)).fold(f64::MIN, f64::max);
            let found = plane_of(&task, &w, &query.example());
            prop_assert!(is_close(slack(&found, &w), best), "{:?} {:?}: slack {} for {}", loss, task.rescaling(), slack(&found, &w), best);
            prop_assert!(planes.iter().any(|plane| same_plane(plane, &found)), "{:?}: the plane is that of no ranking: {:?}", loss, found);
        }
    }

    #[test]
    fn a_loss_takes_the_worst_order_of_equal_scores((task, queries) in ranking_problem(6, true), seed: u64, whole: bool) {
        let (w, loss) = (weights(&task, seed, whole), task.loss_function());
        for query in &queries {
            let y_hat = task.predict(&w, &query.example().x, &mut Scratch::default());
            let (found, expected) = (task.delta(&query.y, &y_hat), Rankings::new(loss, query).worst_by(&query.scores(&w)));
            prop_assert!(is_close(found, expected), "{:?}: {} for {}", loss, found, expected);
        }
    }

    #[test]
    fn dense_and_sparse_documents_have_the_same_scores_and_planes((task, queries) in any_problem(8, false), seed: u64, whole: bool) {
        let w = weights(&task, seed, whole);
        for Plain { rows, y } in &queries {
            let (dense, sparse) = (dense(rows), sparse(rows));
            prop_assert_ne!(&dense, &sparse);
            prop_assert_eq!((dense.len(), task.validate(&dense, y)), (sparse.len(), task.validate(&sparse, y)));
            let predict = |x: &Query| task.predict(&w, x, &mut Scratch::default());
            let (left, right) = (predict(&dense), predict(&sparse));
            prop_assert!(left.values().iter().zip(right.values()).all(|(a, b)| is_close(*a, *b)));
            let plane = |x: Query| plane_of(&task, &w, &Example::new(x, y.clone()));
            let (dense, sparse) = (plane(dense), plane(sparse));
            // Rounding may break ties in another way: then both are best.
            let same = if whole { is_close(slack(&dense, &w), slack(&sparse, &w)) } else { same_plane(&dense, &sparse) };
            prop_assert!(same, "{:?}: {:?} and {:?}", task.loss_function(), dense, sparse);
        }
    }
}

/// A task of so many features.
fn task(width: u32, loss: Loss) -> Ranking {
    Ranking::new(FeatureIds::Contiguous(width)).with_loss(loss, Rescaling::Margin).unwrap()
}

#[test]
fn losses_are_what_they_say() {
    let y = || Scores::new(vec![2.0, 1.0, 0.0, 0.0]);
    let costs = || y().with_costs(vec![0.5, 3.0, 7.0, 9.0]);
    let clicks = || Scores::new(vec![1.0, 0.0, 1.0]).with_costs(vec![4.0, 9.0, 0.25]);
    let (right, worst, tied) = (vec![4.0, 3.0, 1.0, 2.0], vec![1.0, 2.0, 3.0, 4.0], vec![0.0; 4]);
    let second = 1.0 / 3_f64.log2();
    let cases = [
        (Loss::SwappedPairs, y(), right.clone(), 0.0),
        (Loss::SwappedPairs, y(), worst.clone(), 5.0),
        (Loss::SwappedPairs, y(), tied.clone(), 5.0),
        (Loss::SwappedPairs, y(), vec![2.0, 3.0, 3.0, 1.0], 3.0),
        (Loss::SwappedPairs, costs(), vec![2.0, 3.0, 3.0, 1.0], 0.5 + 0.5 + 3.0),
        (Loss::SwappedFraction, y(), vec![2.0, 3.0, 3.0, 1.0], 0.6),
        (Loss::SwappedFraction, costs(), tied.clone(), 1.0),
        (Loss::SwappedFraction, costs(), vec![2.0, 3.0, 3.0, 1.0], 4.0 / 7.5),
        (Loss::RankOfRelevant, clicks(), vec![1.0, 3.0, 2.0], 4.0 * 2.0 + 0.25),
        (Loss::RankOfRelevant, clicks(), vec![3.0, 1.0, 2.0], 0.25),
        (Loss::RankOfRelevant, clicks(), vec![1.0, 1.0, 1.0], 8.0 + 0.5),
        (Loss::AveragePrecision, y(), right.clone(), 0.0),
        (Loss::AveragePrecision, y(), worst.clone(), 1.0 - (1.0 / 3.0 + 2.0 / 4.0) / 2.0),
        (Loss::AveragePrecision, y(), tied.clone(), 1.0 - (1.0 / 3.0 + 2.0 / 4.0) / 2.0),
        (Loss::ReciprocalRank, y(), vec![1.0, 3.0, 4.0, 2.0], 0.5),
        (Loss::ReciprocalRank, y(), tied.clone(), 1.0 - 1.0 / 3.0),
        (Loss::Precision(1), y(), vec![1.0, 3.0, 4.0, 2.0], 1.0),
        (Loss::Precision(2), y(), vec![1.0, 3.0, 4.0, 2.0], 0.5),
        // The best there is: two of the first three.
        (Loss::Precision(3), y(), vec![3.0, 1.0, 4.0, 2.0], 1.0 / 3.0),
        (Loss::Precision(9), y(), worst.clone(), 0.0),
        (Loss::Dcg(1), y(), vec![3.0, 4.0, 1.0, 1.0], 3.0 - 1.0),
        (Loss::Dcg(0), y(), vec![3.0, 4.0, 1.0, 1.0], 2.0 - 2.0 * second),
        (Loss::Ndcg(0), y(), vec![3.0, 4.0, 1.0, 1.0], (2.0 - 2.0 * second) / (3.0 + second)),
        (Loss::Ndcg(2), y(), tied.clone(), 1.0),
    ];
    for (loss, y, y_hat, expected) in cases {
        let found = task(1, loss).delta(&y, &Scores::new(y_hat.clone()));
        assert!((found - expected).abs() <= 1e-12, "{loss:?} of {y_hat:?}: {found} for {expected}");
    }
}

/// A positive and a negative zero are one score.
#[test]
fn signs_of_zeros_break_no_ties() {
    for (loss, _) in choices() {
        for grades in [vec![1.0, 0.0], vec![0.0, 1.0]] {
            let (task, y) = (task(1, loss), Scores::new(grades));
            let expected = task.delta(&y, &Scores::new(vec![0.0, 0.0]));
            for zeros in [vec![0.0, -0.0], vec![-0.0, 0.0]] {
                assert_eq!(
                    task.delta(&y, &Scores::new(zeros.clone())),
                    expected,
                    "{loss:?} of {zeros:?}"
                );
            }
        }
    }
}

#[test]
fn nothing_is_written_where_the_truth_wins() {
    let rows = [vec![9.0], vec![6.0], vec![3.0], vec![0.0]];
    for (loss, rescaling) in choices() {
        // One clicked document, where the loss is of clicks; no two of one grade, where Ψ(x, y)
        // would be a mean.
        let grades = if loss == Loss::RankOfRelevant {
            vec![1.0, 0.0, 0.0, 0.0]
        } else {
            vec![3.0, 2.0, 1.0, 0.0]
        };
        let y = Scores::new(grades);
        let y = if PAIRS.contains(&loss) { y.with_costs(vec![0.1, 0.2, 0.3, 0.7]) } else { y };
        let task = task(1, loss).with_loss(loss, rescaling).unwrap();
        for x in [dense(&rows), sparse(&rows)] {
            let found = plane_of(&task, &[10.0], &Example::new(x, y.clone()));
            assert_eq!(found, (0.0, vec![0.0]), "{loss:?} {rescaling:?}");
        }
    }
}

/// Queries that can teach nothing: of one document, of one grade, without a relevant document, with
/// costs of 0.
#[test]
fn queries_without_pairs_have_no_loss() {
    let rows = [vec![1.0], vec![-2.0], vec![0.5]];
    let cases = [
        (1, vec![3.0], None),
        (3, vec![0.0; 3], None),
        (3, vec![2.0; 3], None),
        (3, vec![1.0, 2.0, 0.0], Some(vec![0.0; 3])),
    ];
    for (count, grades, costs) in cases {
        for (loss, rescaling) in choices() {
            let y = Scores::new(grades.clone());
            let y = match &costs {
                Some(_) if !PAIRS.contains(&loss) => continue,
                Some(costs) => y.with_costs(costs.clone()),
                None => y,
            };
            let (x, rows) = (dense(&rows[..count]), rows[..count].to_vec());
            let task = task(1, loss).with_loss(loss, rescaling).unwrap();
            task.validate(&x, &y).unwrap();
            if !can_be_right(loss, &Plain { rows, y: y.clone() }) && costs.is_none() {
                continue;
            }
            for w in [0.0, 3.0, -3.0] {
                let y_hat = task.predict(&[w], &x, &mut Scratch::default());
                assert_eq!(task.delta(&y, &y_hat), 0.0, "{loss:?} of {grades:?}");
                let (found, delta) = plane_of(&task, &[w], &Example::new(x.clone(), y.clone()));
                assert_eq!(found, 0.0, "{loss:?} of {grades:?}");
                let one_grade = grades.iter().all(|grade| *grade == grades[0]);
                if !matches!(loss, Loss::Ndcg(_) | Loss::Dcg(_)) || one_grade {
                    assert_eq!(delta, [0.0], "{loss:?} of {grades:?}");
                }
            }
        }
    }
}

#[test]
fn impossible_tasks_are_refused() {
    let slack = |loss| Ranking::new(FeatureIds::Contiguous(1)).with_loss(loss, Rescaling::Slack);
    for (loss, _) in choices() {
        let exact = matches!(loss, Loss::ReciprocalRank | Loss::Precision(_));
        assert_eq!(
            slack(loss).err(),
            if exact { None } else { Some(TaskError::Slack) },
            "{loss:?}"
        );
    }
    for rescaling in [Rescaling::Margin, Rescaling::Slack] {
        let found =
            Ranking::new(FeatureIds::Contiguous(1)).with_loss(Loss::Precision(0), rescaling);
        assert_eq!(found, Err(TaskError::K));
    }
    assert_eq!(
        TaskError::Slack.to_string(),
        "slack rescaling is for the losses reciprocal rank and precision at k"
    );
    let whole = Ranking::new(FeatureIds::Contiguous(1))
        .with_loss(Loss::Ndcg(0), Rescaling::Margin)
        .unwrap();
    assert_eq!(whole.with_root(), Err(TaskError::Root));
    assert_eq!(TaskError::K.to_string(), "precision at k needs a k of at least 1");
}

#[test]
fn impossible_examples_are_refused() {
    let x = dense(&[vec![1.0, 0.0], vec![0.0, 1.0]]);
    let wide = sparse(&[vec![0.0, 0.0, 1.0], vec![]]);
    let y = || Scores::new(vec![1.0, 0.0]);
    let costs = |costs: [f64; 2]| y().with_costs(costs.to_vec());
    let (pairs, ap, dcg) = (Loss::SwappedPairs, Loss::AveragePrecision, Loss::Ndcg(3));
    let no_costs = "expected costs of documents only where the loss counts pairs";
    let gain = "expected grades from 0 to 900 for a gain of 2^grade − 1, not";
    let cases = [
        (pairs, &x, y(), None),
        (pairs, &x, Scores::new(vec![-1.0, -2.5]), None),
        (pairs, &x, costs([0.0, 1e9]), None),
        (ap, &x, costs([1.0, 1.0]), None),
        (ap, &x, Scores::new(vec![-1.0, 1.0]), None),
        (dcg, &x, y(), None),
        (
            pairs,
            &x,
            Scores::new(vec![1.0]),
            Some("expected a grade for each of 2 documents, not 1"),
        ),
        (pairs, &dense(&[]), Scores::default(), Some("expected at least one document")),
        (pairs, &wide, y(), Some("expected features below 2, not feature 2")),
        (
            pairs,
            &x,
            Scores::new(vec![1.0, f64::INFINITY]),
            Some("expected grades that are finite numbers, not inf"),
        ),
        (
            pairs,
            &x,
            Scores::new(vec![f64::NAN, 1.0]),
            Some("expected grades that are finite numbers, not NaN"),
        ),
        (
            pairs,
            &x,
            costs([1.0, -1.0]),
            Some("expected costs that are finite and at least 0, not -1"),
        ),
        (
            pairs,
            &x,
            costs([f64::NAN, 1.0]),
            Some("expected costs that are finite and at least 0, not NaN"),
        ),
        (
            pairs,
            &x,
            y().with_costs(vec![1.0]),
            Some("expected a cost for each of 2 documents, not 1"),
        ),
        (ap, &x, costs([1.0, 2.0]), Some(no_costs)),
        (dcg, &x, costs([2.0, 1.0]), Some(no_costs)),
        (dcg, &x, Scores::new(vec![-1.0, 1.0]), Some(gain)),
        (dcg, &x, Scores::new(vec![1024.0, 1.0]), Some(gain)),
    ];
    let root = task(2, pairs).with_root().unwrap();
    let differ = Scores::new(vec![1.0, 2.0, 0.0]).with_costs(vec![1.0, 2.0, 9.0]);
    let three = dense(&[vec![1.0, 0.0], vec![0.0, 1.0], vec![1.0, 1.0]]);
    assert_eq!(
        root.validate(&three, &differ),
        Err("expected one cost for all pairs of a query, whose root is the loss".to_owned())
    );
    assert_eq!(root.validate(&x, &costs([1.0, 9.0])), Ok(()));
    for (loss, x, y, expected) in cases {
        let found = task(2, loss).validate(x, &y);
        match expected {
            None => assert_eq!(found, Ok(()), "{loss:?} of {y:?}"),
            Some(start) => assert!(
                found.clone().unwrap_err().starts_with(start),
                "{loss:?} of {y:?}: {found:?}"
            ),
        }
    }
}

/// Features of documents and their grades, which the features explain in part.
fn large(documents: usize, grades: usize) -> Plain {
    const FEATURES: usize = 10;
    let numbers = random_weights(documents * FEATURES, 1.0, 5);
    let rows: Vec<Vec<f32>> = numbers
        .chunks(FEATURES)
        .map(|row| row.iter().map(|&value| value as f32).collect())
        .collect();
    let grade =
        |row: &Vec<f32>| ((row[0] + row[1] * row[2] + 3.0) / 6.0 * grades as f32).floor().into();
    let y = Scores::new(rows.iter().map(grade).collect());
    Plain { rows, y }
}

#[test]
fn two_thousand_documents_are_counted_as_one_by_one() {
    for grades in [5, 700] {
        let query = large(2000, grades);
        for loss in PAIRS {
            for (w, costs) in [
                (vec![0.0; 10], false),
                (random_weights(10, 1.0, 1), true),
                (random_weights(10, 9.0, 2), false),
            ] {
                let costs = (0..2000)
                    .map(|document| if costs { (document % 7) as f64 / 3.0 } else { 1.0 })
                    .collect();
                let query =
                    Plain { y: query.y.clone().with_costs(costs), rows: query.rows.clone() };
                let scores = query.scores(&w);
                let swapped =
                    |&(upper, lower, _): &(usize, usize, f64)| scores[upper] - scores[lower] < 1.0;
                let expected =
                    plane_of_pairs(&query, pairs(loss, &query.y).into_iter().filter(swapped));
                let found = plane_of(&task(10, loss), &w, &query.example());
                let close = |a: f64, b: f64| (a - b).abs() <= 1e-9 * expected.0.max(1.0);
                assert!(
                    close(found.0, expected.0),
                    "{loss:?}, {grades} grades: {} for {}",
                    found.0,
                    expected.0
                );
                let together = found.1.iter().zip(&expected.1);
                assert!(
                    together.into_iter().all(|(a, b)| close(*a, *b)),
                    "{loss:?}: {:?} for {:?}",
                    found.1,
                    expected.1
                );
            }
        }
    }
}

/// Neither time nor memory for pairs: there are up to 10^10 of them.
#[test]
fn a_query_may_have_100_000_documents() {
    const DOCUMENTS: usize = 100_000;
    for grades in [5, DOCUMENTS] {
        let query = large(DOCUMENTS, grades);
        let example = query.example();
        for loss in [
            Loss::SwappedPairs,
            Loss::SwappedFraction,
            Loss::RankOfRelevant,
            Loss::Ndcg(10),
            Loss::Ndcg(0),
        ] {
            if matches!(loss, Loss::Ndcg(_)) && grades > 1000 {
                continue; // no gain is that large
            }
            let task = task(10, loss);
            for solver in [Solver::Block, Solver::OneSlack] {
                let settings = Settings::new().passes(1).solver(solver);
                let solution = solve(&task, [&example], &settings).unwrap();
                let y_hat = task.predict(&solution.w, &example.x, &mut Scratch::default());
                assert_eq!(y_hat.len(), DOCUMENTS);
                assert!(task.loss(&example.x, &example.y, &y_hat).is_finite());
            }
        }
    }
}

/// The table of the oracle has a row for each relevant document and a column for each other one.
#[test]
fn tables_too_large_are_refused() {
    let x = dense(&vec![vec![1.0]; 40_000]);
    for (relevant, fits) in [(30, true), (20_000, false), (39_990, true)] {
        let y = Scores::new((0..40_000).map(|document| f64::from(document < relevant)).collect());
        for (loss, rescaling) in RANKINGS.into_iter().take(9) {
            let task = task(1, loss).with_loss(loss, rescaling).unwrap();
            let found = task.validate(&x, &y);
            assert_eq!(found.is_ok(), fits, "{loss:?}: {found:?}");
            if let Err(message) = found {
                let start = "the oracle needs a table of 400040001 numbers, more than 2^25";
                assert!(message.starts_with(start), "{message}");
            }
        }
    }
    let y = Scores::new((0..40_000).map(|document| f64::from(document % 1000 == 0)).collect());
    let example = Example::new(x, y);
    assert_eq!(slack_of(&task(1, Loss::ReciprocalRank), &[0.0], &example), 1.0 - 1.0 / 39_961.0);
}
