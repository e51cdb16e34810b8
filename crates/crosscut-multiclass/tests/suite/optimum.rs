//! Every solver meets the optimum: a golden one, and those of a general QP solver on small random
//! problems.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, and so do its helpers")]

use crosscut::testing::brute_force_planes;
use crosscut::{
    BlockSettings, C, Example, Objective, Rescaling, Settings, SlackNorm, Solution, Solver,
    SparseVector, predict_all, primal, risk, solve, testing,
};
use crosscut_app::{Options, Source, Training, define, read};
use crosscut_multiclass::{Class, Multiclass, MulticlassFiles};
use crosscut_testkit::{Block, cases, dual_optimum};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

type Examples = Vec<Example<SparseVector, Class>>;

/// Ways to solve, and how small a relative gap is asked of each: where planes are merged, steps
/// converge sublinearly.
fn solvers() -> Vec<(&'static str, Settings, f64)> {
    let settings = |solver, block| Settings::new().solver(solver).block(block).passes(100_000);
    let block = BlockSettings::default();
    let plain = block.batch(1).approximate_passes(0);
    vec![
        ("block", settings(Solver::Block, block), 1e-7),
        ("one-slack", settings(Solver::OneSlack, block), 1e-7),
        ("exact steps, batch 1, no approximate passes", settings(Solver::Block, plain), 1e-7),
        ("two planes", settings(Solver::Block, block.planes(2)), 1e-3),
    ]
}

fn run(task: &Multiclass, examples: &Examples, settings: Settings) -> Solution {
    let solution = solve(task, examples, &settings).unwrap();
    testing::check_solution(task, examples, &settings, &solution);
    solution
}

fn golden() -> (Multiclass, Examples, Examples) {
    let mut options = Options::default();
    options.set("bias", "1");
    let train =
        Source::from_text("multiclass.train.svm", include_str!("../data/multiclass.train.svm"));
    let training = define::<MulticlassFiles>(&options, train).unwrap();
    let Training { format, task, examples: train } = training;
    let test =
        Source::from_text("multiclass.test.svm", include_str!("../data/multiclass.test.svm"));
    let test = read(&format, &task, test).unwrap();
    let test = test.into_iter().map(|item| Example::new(item.x, item.y.unwrap())).collect();
    (task, train, test)
}

/// The optimum on which five independent programs agree, at C = 120 of the mean slack.
const GOLDEN: f64 = 9.512843;
/// Its last digit is rounded.
const ROUNDING: f64 = 5e-7;

#[test]
fn every_solver_meets_the_golden_optimum() {
    let (task, train, _) = golden();
    assert_eq!(C::Sum(1.0).mean(train.len()), 120.0);
    for (name, settings, relative_gap) in solvers() {
        let solution = run(&task, &train, settings.c(C::Sum(1.0)).relative_gap(relative_gap));
        let certificate = solution.certificate;
        assert!(certificate.converged(), "{name}: {certificate:?}");
        assert!(certificate.relative_gap() <= relative_gap, "{name}: {certificate:?}");
        assert!(certificate.dual <= GOLDEN + ROUNDING, "{name}: {certificate:?}");
        assert!(certificate.primal >= GOLDEN - ROUNDING, "{name}: {certificate:?}");
        assert!(
            (certificate.primal - GOLDEN).abs() <= relative_gap.max(1e-6) * GOLDEN,
            "{name}: {certificate:?}"
        );
        let primal = primal(&task, &train, &settings, &solution.w).unwrap();
        assert!(
            (certificate.primal - primal).abs() <= 1e-9 * primal,
            "{name}: {primal}, {certificate:?}"
        );
    }
}

/// Optima of softmax regression without bias at C(sum) that scikit-learn finds:
/// `LogisticRegression(C=C, fit_intercept=False, tol=1e-12, solver="newton-cg")`; L-BFGS of SciPy
/// finds the same ten digits.
const SCIKIT_LEARN: [(&str, &str, f64, f64); 3] = [
    ("digits", include_str!("../../../../datasets/digits.train.svm"), 0.1, 5.85051484),
    ("digits", include_str!("../../../../datasets/digits.train.svm"), 0.001, 0.60027403),
    ("golden", include_str!("../data/multiclass.train.svm"), 1.0, 19.78655971),
];

#[test]
fn every_solver_meets_the_optimum_of_softmax_regression() {
    for (name, text, c, optimum) in SCIKIT_LEARN {
        let source = Source::from_text(name, text);
        let training = define::<MulticlassFiles>(&Options::default(), source).unwrap();
        let Training { task, examples, .. } = training;
        let task = task.with_objective(Objective::Log);
        // The 1-slack method takes hundreds of passes to a gap of 1e-7 on the digits.
        for (solver, relative_gap) in [(Solver::Block, 1e-8), (Solver::OneSlack, 1e-4)] {
            let settings = Settings::new().solver(solver).c(C::Sum(c)).relative_gap(relative_gap);
            let certificate = run(&task, &examples, settings).certificate;
            assert!(certificate.converged(), "{name}: {certificate:?}");
            let off = (certificate.primal - optimum).abs();
            assert!(off <= relative_gap.max(1e-6) * optimum, "{name}: {certificate:?}");
            assert!(certificate.dual <= optimum * (1.0 + 1e-9), "{name}: {certificate:?}");
        }
    }
}

#[test]
fn the_golden_model_generalises() {
    let (task, train, test) = golden();
    let solution = run(&task, &train, Settings::default());
    let inputs: Vec<&SparseVector> = test.iter().map(|example| &example.x).collect();
    let wrong = predict_all(&task, &solution.w, &inputs)
        .iter()
        .zip(&test)
        .filter(|(y_hat, test)| **y_hat != test.y)
        .count();
    assert!(wrong <= 2, "{wrong} of {} are wrong", test.len());
    assert_eq!(risk(&task, &solution.w, &test), wrong as f64 / test.len() as f64);
}

/// max over α ≥ 0 with Σ α ≤ Cᵢ for each example of Σ αΔ − ½‖Σ αδ‖², over the planes of all
/// classes. Where slacks are squared, less (Σ α)² / 4Cᵢ for each example instead of the bound.
fn optimum(task: &Multiclass, examples: &Examples, c_sum: f64, norm: SlackNorm) -> f64 {
    let block = |example: &Example<SparseVector, Class>| {
        let wrong = (0..task.classes().len()).map(Class::new).filter(|class| *class != example.y);
        let planes = brute_force_planes(task, example, wrong, task.rescaling());
        Block { limit: c_sum * example.weight, planes }
    };
    let blocks: Vec<Block> =
        examples.iter().filter(|example| example.weight > 0.0).map(block).collect();
    dual_optimum(&blocks, norm == SlackNorm::Squared)
}

fn small_problems() -> impl Strategy<Value = (Multiclass, Examples, f64)> {
    (2_usize..5, 1_usize..4, 2_usize..12).prop_flat_map(|(k, features, n)| {
        let weight = prop_oneof![2 => Just(1.0), 1 => Just(0.0), 2 => 0.1..3.0];
        let row = (prop::collection::vec(-2.0_f32..2.0, features), 0..k, weight);
        let c_sum = prop_oneof![Just(0.02), Just(0.3), Just(3.0)];
        (prop::collection::vec(row, n), c_sum, any::<bool>(), any::<bool>()).prop_map(
            move |(rows, c_sum, slack, squared)| {
                let task = Multiclass::numbered(k, features).unwrap().with_bias(Some(1.0)).unwrap();
                let task = if squared { task.with_squared_loss().unwrap() } else { task };
                let task =
                    task.with_rescaling(if slack { Rescaling::Slack } else { Rescaling::Margin });
                let example = |(values, class, weight): (Vec<f32>, usize, f64)| {
                    let x = task.input(SparseVector::from_dense(&values).unwrap().into()).unwrap();
                    Example::new(x, Class::new(class)).with_weight(weight)
                };
                let examples = rows.into_iter().map(example).collect();
                (task, examples, c_sum)
            },
        )
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(96), max_shrink_iters: 200, rng_seed: RngSeed::Fixed(2005), ..ProptestConfig::default() })]

    #[test]
    fn every_solver_encloses_the_optimum_of_a_qp_solver((task, examples, c_sum) in small_problems()) {
        for slack_norm in [SlackNorm::Linear, SlackNorm::Squared] {
            let optimum = optimum(&task, &examples, c_sum, slack_norm);
            for (name, settings, relative_gap) in solvers() {
                let relative_gap = relative_gap.max(1e-6);
                let settings = settings.c(C::Sum(c_sum)).relative_gap(relative_gap).slack_norm(slack_norm);
                let certificate = run(&task, &examples, settings).certificate;
                prop_assert!(certificate.relative_gap() <= relative_gap, "{}: {:?}", name, certificate);
                let tolerance = 1e-6 * optimum.max(1.0);
                prop_assert!(certificate.dual <= optimum + tolerance, "{}: {}, {:?}", name, optimum, certificate);
                prop_assert!(certificate.primal >= optimum - tolerance, "{}: {}, {:?}", name, optimum, certificate);
            }
        }
    }
}
