//! Every solver meets the optimum: a golden one, those that SVM^hmm finds, and those of a general
//! QP solver on small random problems.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, and so do its helpers")]

use crate::small;

use crosscut::testing::brute_force_planes;
use crosscut::{
    C, Example, Objective, Planes, Settings, Solution, Solver, Task, primal, solve, testing,
};
use crosscut_app::{Options, Source, Training};
use crosscut_sequence::{Scratch, Sequence, SequenceFiles, Tags, Tokens};
use crosscut_testkit::{Block, cases, dual_optimum};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use small::{Examples, choices, problems, taggings};

/// The solvers with what they are asked here.
fn solvers(c: C, relative_gap: f64) -> [Settings; 2] {
    [Solver::Block, Solver::OneSlack].map(|solver| {
        Settings::new().solver(solver).c(c).relative_gap(relative_gap).passes(100_000)
    })
}

fn run(task: &Sequence, examples: &Examples, settings: Settings) -> Solution {
    let solution = solve(task, examples, &settings).unwrap();
    testing::check_solution(task, examples, &settings, &solution);
    solution
}

fn read(name: &str, text: &str) -> (Sequence, Examples) {
    let source = Source::from_text(name, text);
    let training = crosscut_app::define::<SequenceFiles>(&Options::default(), source).unwrap();
    let Training { task, examples, .. } = training;
    (task, examples)
}

/// The optimum on which two independent programs agree, at C = 60 of the mean slack.
const GOLDEN: f64 = 52.05853;
/// Its last digit is rounded.
const ROUNDING: f64 = 5e-6;

#[test]
fn every_solver_meets_the_golden_optimum() {
    let (task, examples) = read("sequence.train.hmm", include_str!("../data/sequence.train.hmm"));
    assert_eq!(
        (examples.len(), examples.iter().map(|example| example.x.len()).sum::<usize>()),
        (60, 381)
    );
    let relative_gap = 1e-7;
    for settings in solvers(C::Mean(60.0), relative_gap) {
        let solution = run(&task, &examples, settings);
        let (certificate, name) = (solution.certificate, settings.solver.name());
        assert!(certificate.relative_gap() <= relative_gap, "{name}: {certificate:?}");
        assert!(certificate.dual <= GOLDEN + ROUNDING, "{name}: {certificate:?}");
        assert!(certificate.primal >= GOLDEN - ROUNDING, "{name}: {certificate:?}");
        let primal = primal(&task, &examples, &settings, &solution.w).unwrap();
        assert!(
            (certificate.primal - primal).abs() <= 1e-9 * primal,
            "{name}: {primal}, {certificate:?}"
        );
    }
}

/// Optima of conditional random fields that CRFsuite finds: file, C(sum), minimum. It adds c2‖w‖²
/// to Σ −ln P, so its minimum times C is ours at C(sum) = 1 / (2 c2): `crfsuite learn -a lbfgs
/// -p c2=0.5 -p feature.possible_transitions=1 -p feature.possible_states=1 -p epsilon=1e-12
/// -p delta=1e-14`, and c2 = 0.05 for the second.
const CRFSUITE: [(&str, &str, f64, f64); 2] = [
    ("sequence.train.hmm", include_str!("../data/sequence.train.hmm"), 1.0, 66.001089),
    ("tiny.hmm", include_str!("../data/tiny.hmm"), 10.0, 44.23064),
];

#[test]
fn every_solver_meets_the_optimum_of_the_random_field() {
    for (name, text, c, optimum) in CRFSUITE {
        let (task, examples) = read(name, text);
        let task = task.with_objective(Objective::Log);
        for settings in solvers(C::Sum(c), 1e-7) {
            let solution = run(&task, &examples, settings);
            let certificate = solution.certificate;
            assert!(certificate.converged(), "{name}: {certificate:?}");
            assert!(
                (certificate.primal - optimum).abs() <= 1e-6 * optimum,
                "{name}: {certificate:?}"
            );
        }
    }
}

/// Bounds of the optimum at C = 100 of the mean slack, for orders of transitions and emissions: the
/// dual and primal values that SVM^hmm V3.10 prints with `-c 100 -e 0.001 -l 1`.
const SVM_HMM: [((usize, usize), f64, f64); 6] = [
    ((1, 0), 207.51914, 207.54840),
    ((1, 1), 203.58045, 203.59651),
    ((2, 0), 24.84272, 24.89990),
    ((2, 1), 16.83358, 16.86734),
    ((3, 0), 8.76485, 8.87999),
    ((3, 1), 6.63609, 6.63993),
];

/// The brackets are narrow and far apart: other weights for the same orders would miss some of
/// them.
#[test]
fn the_feature_map_is_that_of_svm_hmm() {
    let (task, examples) = read("tiny.hmm", include_str!("../data/tiny.hmm"));
    for ((transitions, emissions), low, high) in SVM_HMM {
        let task = task.clone().with_orders(transitions, emissions).unwrap();
        for settings in solvers(C::Mean(100.0), 1e-5) {
            let name = format!("orders {transitions} and {emissions}, {}", settings.solver.name());
            let certificate = run(&task, &examples, settings).certificate;
            assert!(certificate.relative_gap() <= 1e-5, "{name}: {certificate:?}");
            assert!(certificate.dual <= high + 1e-5, "{name}: {certificate:?}, not below {high}");
            assert!(certificate.primal >= low - 1e-5, "{name}: {certificate:?}, not above {low}");
        }
    }
}

/// max over α ≥ 0 with Σ α ≤ C for each example of Σ αΔ − ½‖Σ αδ‖², over the planes of all
/// taggings.
fn optimum(task: &Sequence, examples: &Examples, c_sum: f64) -> f64 {
    let block = |example: &Example<Tokens, Tags>| {
        let wrong = taggings(task, example.x.len()).into_iter().filter(|y_bar| *y_bar != example.y);
        Block { limit: c_sum, planes: brute_force_planes(task, example, wrong, task.rescaling()) }
    };
    dual_optimum(&examples.iter().map(block).collect::<Vec<_>>(), false)
}

fn small_problems() -> impl Strategy<Value = (Sequence, Examples, f64)> {
    let c_sum = prop::sample::select(vec![0.02, 0.3, 3.0]);
    let problem = prop::sample::select(choices()).prop_flat_map(|choice| problems(choice, 30));
    (problem, c_sum).prop_map(|((task, examples), c_sum)| (task, examples, c_sum))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(192), max_shrink_iters: 200, rng_seed: RngSeed::Fixed(2007), ..ProptestConfig::default() })]

    #[test]
    fn every_solver_encloses_the_optimum_of_a_qp_solver((task, examples, c_sum) in small_problems()) {
        let optimum = optimum(&task, &examples, c_sum);
        let tolerance = 1e-6 * optimum.max(1.0);
        for settings in solvers(C::Sum(c_sum), 1e-6) {
            let (certificate, name) = (run(&task, &examples, settings).certificate, settings.solver.name());
            prop_assert!(certificate.relative_gap() <= 1e-6, "{}: {:?}", name, certificate);
            prop_assert!(certificate.dual <= optimum + tolerance, "{}: {}, {:?}", name, optimum, certificate);
            prop_assert!(certificate.primal >= optimum - tolerance, "{}: {}, {:?}", name, optimum, certificate);
        }
    }
}

/// The task without [`Task::recombine`].
struct Plain(Sequence);

impl Task for Plain {
    type Input = Tokens;
    type Output = Tags;
    type Scratch = Scratch;

    fn dim(&self) -> usize {
        self.0.dim()
    }

    fn loss(&self, x: &Tokens, y: &Tags, y_hat: &Tags) -> f64 {
        self.0.loss(x, y, y_hat)
    }

    fn predict(&self, w: &[f64], x: &Tokens, scratch: &mut Scratch) -> Tags {
        self.0.predict(w, x, scratch)
    }

    fn separate<'a>(
        &'a self,
        w: &[f64],
        x: &'a Tokens,
        y: &'a Tags,
        scratch: &mut Scratch,
        planes: &mut Planes<'a>,
    ) {
        self.0.separate(w, x, y, scratch, planes);
    }
}

/// Tags follow from few of many features, and neighbours help: what the best planes have in common
/// is soon seen, but not all in one plane.
#[test]
fn recombined_planes_save_exact_passes() {
    let (tokens, tags, words) = (20, 5, 300);
    let mut random =
        testing::random_weights(100 * tokens * 3, 0.5, 11).into_iter().map(|value| value + 0.5);
    let mut text = String::new();
    for sequence in 1..=100 {
        let mut before = 0;
        for _ in 0..tokens {
            let [word, noise, other] = [(); 3].map(|()| random.next().unwrap());
            let word = (word * f64::from(words)) as usize;
            let tag = if noise < 0.15 {
                (other * f64::from(tags)) as usize
            } else {
                (word + before) % tags as usize
            };
            text += &format!(
                "{} qid:{sequence} {}:1 {}:1\n",
                tag + 1,
                word + 1,
                words as usize + 1 + word % 17
            );
            before = tag;
        }
    }
    let (task, examples) = read("words", &text);
    let settings = Settings::new().c(C::Mean(100.0));
    let with = run(&task, &examples, settings).certificate;
    let plain = Plain(task);
    let without = solve(&plain, &examples, &settings).unwrap().certificate;
    assert!(with.dual <= without.primal && without.dual <= with.primal, "{with:?} {without:?}");
    assert!(2.0 * with.passes <= without.passes, "{} and {} passes", with.passes, without.passes);
}
