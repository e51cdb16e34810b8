//! Every solver meets the optimum: two golden ones, and those of a general QP solver on small
//! random problems, one with a slack for each pair and one with a constraint for each permutation.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, and so do its helpers")]

use crate::small;

use crosscut::primal;
use crosscut::{
    C, Certificate, Example, Feature, Rescaling, Settings, Solution, Solver, solve, testing,
};
use crosscut_data::FeatureIds;
use crosscut_data::svmlight::parse_line;
use crosscut_ranking::{Loss, Query, Ranking, Scores};
use crosscut_testkit::{Qp, cases};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use small::{Examples, PAIRS, Plain, RANKINGS, Rankings, pairs, problems};

/// The solvers with what they are asked here.
fn solvers(c: C, relative_gap: f64) -> [Settings; 2] {
    [Solver::Block, Solver::OneSlack].map(|solver| {
        Settings::new().solver(solver).c(c).relative_gap(relative_gap).passes(100_000)
    })
}

fn run(task: &Ranking, examples: &Examples, settings: Settings) -> Solution {
    let solution = solve(task, examples, &settings).unwrap();
    testing::check_solution(task, examples, &settings, &solution);
    solution
}

/// The queries of a file whose ids of features are 1 to `width`.
fn read(text: &str, width: u32) -> (Ranking, Examples) {
    let features = FeatureIds::Contiguous(width);
    let lines: Vec<_> = text.lines().filter_map(|line| parse_line(line).unwrap()).collect();
    let example = |lines: &[crosscut_data::svmlight::Line<'_>]| {
        let rows: Vec<Vec<Feature>> =
            lines.iter().map(|line| features.map(line.features.clone())).collect();
        let y =
            Scores::new(lines.iter().map(|line| line.target.unwrap().parse().unwrap()).collect());
        let costs = lines.iter().map(|line| line.cost).collect();
        Example::new(Query::new(&rows, width as usize).unwrap(), y.with_costs(costs))
    };
    let examples = lines.chunk_by(|a, b| a.qid == b.qid).map(example).collect();
    (Ranking::new(features), examples)
}

fn with(task: &Ranking, loss: Loss) -> Ranking {
    task.clone().with_loss(loss, Rescaling::Margin).unwrap()
}

/// The optimum of the golden ranking file at C = 30 of the mean slack lies between these: the dual
/// and primal values of SVM^rank V1.00 at `-e 0.0001`.
const SVM_RANK: [f64; 2] = [81.9413, 81.9666];

#[test]
fn every_solver_meets_the_optimum_of_svm_rank() {
    let (task, examples) = read(include_str!("../data/ranking.train.dat"), 5);
    assert_eq!(
        (examples.len(), examples.iter().map(|example| example.x.len()).sum::<usize>()),
        (30, 240)
    );
    let mut optima = Vec::new();
    for c in [C::Mean(30.0), C::Sum(1.0)] {
        for settings in solvers(c, 1e-7) {
            let solution = run(&task, &examples, settings);
            let (certificate, name) = (solution.certificate, settings.solver.name());
            assert!(certificate.relative_gap() <= 1e-7, "{name}: {certificate:?}");
            let [low, high] = SVM_RANK;
            assert!(
                low <= certificate.dual && certificate.primal <= high,
                "{name}: {certificate:?}"
            );
            let primal = primal(&task, &examples, &settings, &solution.w).unwrap();
            assert!(
                (certificate.primal - primal).abs() <= 1e-9 * primal,
                "{name}: {primal}, {certificate:?}"
            );
            optima.push(certificate.primal);
        }
    }
    assert!(optima.iter().all(|optimum| (optimum - optima[0]).abs() <= 1e-5), "{optima:?}");
}

/// The optimum on which Propensity SVM-rank V1.00 and a QP agree, at C = 1 of the mean slack,
/// rounded; and its weights.
const PROPENSITY: (f64, [f64; 3]) = (1.98441, [0.53281, 0.94160, -0.59948]);
const ROUNDING: f64 = 5e-6;

#[test]
fn clicks_with_costs_are_those_of_propensity_svm_rank() {
    let (task, examples) = read(include_str!("../data/proprank.train.dat"), 3);
    assert_eq!(examples.len(), 3);
    let (optimum, weights) = PROPENSITY;
    // With one click a query, the two are the same.
    for loss in [Loss::SwappedPairs, Loss::RankOfRelevant] {
        for settings in solvers(C::Mean(1.0), 1e-10) {
            let Solution { w, certificate, .. } = run(&with(&task, loss), &examples, settings);
            let name = format!("{loss:?}, {}", settings.solver.name());
            assert!(
                (certificate.primal - optimum).abs() <= ROUNDING + 1e-9,
                "{name}: {certificate:?}"
            );
            assert!(
                (certificate.dual - optimum).abs() <= ROUNDING + 1e-9,
                "{name}: {certificate:?}"
            );
            let close = |(found, expected): (&f64, &f64)| (found - expected).abs() <= 1e-5 + 2e-5;
            assert!(w.iter().zip(&weights).all(close), "{name}: {w:?}");
        }
    }
}

/// min over w and ξ ≥ 0 of ½‖w‖² + C Σ cost · ξ, a ξ ≥ 1 − ⟨w, upper − lower⟩ for each pair.
fn optimum_of_pairs(loss: Loss, queries: &[Plain], c_sum: f64) -> f64 {
    let d = queries[0].rows[0].len();
    let pairs: Vec<(Vec<f64>, f64)> = queries
        .iter()
        .flat_map(|Plain { rows, y }| {
            let difference = |upper: usize, lower: usize| -> Vec<f64> {
                rows[upper]
                    .iter()
                    .zip(&rows[lower])
                    .map(|(&a, &b)| f64::from(a) - f64::from(b))
                    .collect()
            };
            pairs(loss, y)
                .into_iter()
                .map(move |(upper, lower, cost)| (difference(upper, lower), cost))
        })
        .collect();
    if pairs.is_empty() {
        return 0.0;
    }
    let n = d + pairs.len();
    let unit = |at: usize, value: f64| {
        (0..n).map(|other| if other == at { value } else { 0.0 }).collect::<Vec<f64>>()
    };
    let hessian: Vec<Vec<f64>> = (0..n).map(|at| unit(at, f64::from(at < d))).collect();
    let linear: Vec<f64> =
        std::iter::repeat_n(0.0, d).chain(pairs.iter().map(|(_, cost)| c_sum * cost)).collect();
    let margin = |(at, (difference, _)): (usize, &(Vec<f64>, f64))| {
        let mut row = unit(d + at, -1.0);
        row.iter_mut().zip(difference).for_each(|(to, value)| *to = -value);
        row
    };
    let margins = pairs.iter().enumerate().map(margin);
    let rows: Vec<Vec<f64>> = margins.chain((d..n).map(|at| unit(at, -1.0))).collect();
    let right: Vec<f64> = std::iter::repeat_n(-1.0, pairs.len())
        .chain(std::iter::repeat_n(0.0, pairs.len()))
        .collect();
    Qp { hessian, linear, rows, right }.minimum(1e-8)
}

/// min over w and ξ of ½‖w‖² + C Σ ξ, a ξ ≥ Δ − ⟨w, δ⟩ for each permutation of each query.
fn optimum_of_rankings(task: &Ranking, queries: &[Plain], c_sum: f64) -> f64 {
    let (d, n) = (queries[0].rows[0].len(), queries[0].rows[0].len() + queries.len());
    let hessian: Vec<Vec<f64>> =
        (0..n).map(|at| (0..n).map(|other| f64::from(at == other && at < d)).collect()).collect();
    let linear: Vec<f64> = (0..n).map(|at| if at < d { 0.0 } else { c_sum }).collect();
    let (mut rows, mut right) = (Vec::new(), Vec::new());
    for (at, query) in queries.iter().enumerate() {
        for (loss, delta) in Rankings::new(task.loss_function(), query).planes(task.rescaling()) {
            let slacks = (0..queries.len()).map(|other| -f64::from(at == other));
            rows.push(delta.iter().map(|value| -value).chain(slacks).collect());
            right.push(-loss);
        }
    }
    Qp { hessian, linear, rows, right }.minimum(1e-8)
}

fn encloses(certificate: Certificate, optimum: f64) -> bool {
    let tolerance = 1e-6 * optimum.max(1.0);
    certificate.relative_gap() <= 1e-6
        && certificate.dual <= optimum + tolerance
        && certificate.primal >= optimum - tolerance
}

/// Problems of these losses, with a constant of the summed slack.
fn small_problems(
    choices: Vec<(Loss, Rescaling)>,
    most: usize,
) -> impl Strategy<Value = ((Ranking, Vec<Plain>), f64)> {
    let problem =
        prop::sample::select(choices).prop_flat_map(move |choice| problems(choice, most, false));
    (problem, prop::sample::select(vec![0.02, 0.3, 3.0]))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(160), max_shrink_iters: 200, rng_seed: RngSeed::Fixed(2006), ..ProptestConfig::default() })]

    #[test]
    fn a_slack_for_each_pair_has_the_same_optimum(
        ((task, queries), c_sum) in small_problems(PAIRS.map(|loss| (loss, Rescaling::Margin)).to_vec(), 9),
    ) {
        let loss = task.loss_function();
        let optimum = optimum_of_pairs(loss, &queries, c_sum);
        let examples = queries.iter().map(Plain::example).collect();
        for settings in solvers(C::Sum(c_sum), 1e-6) {
            let (certificate, name) = (run(&task, &examples, settings).certificate, settings.solver.name());
            prop_assert!(encloses(certificate, optimum), "{:?}, {}: {}, {:?}", loss, name, optimum, certificate);
        }
    }

    #[test]
    fn a_constraint_for_each_permutation_has_the_same_optimum(
        ((task, queries), c_sum) in small_problems(RANKINGS.to_vec(), 4),
    ) {
        let loss = task.loss_function();
        let optimum = optimum_of_rankings(&task, &queries, c_sum);
        let examples = queries.iter().map(Plain::example).collect();
        for settings in solvers(C::Sum(c_sum), 1e-6) {
            let (certificate, name) = (run(&task, &examples, settings).certificate, settings.solver.name());
            prop_assert!(encloses(certificate, optimum), "{:?}, {}: {}, {:?}", loss, name, optimum, certificate);
        }
    }
}
