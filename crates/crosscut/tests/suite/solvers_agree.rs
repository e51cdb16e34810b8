//! Every solver and every variant on three tiny worlds: they agree on the optimum, their
//! certificates are true, and their results repeat to the bit.

use crate::worlds;

use std::ops::ControlFlow;

use crosscut::{
    BlockSettings, C, Example, Flow, Moment, Planes, Progress, Rescaling, Settings, SlackNorm,
    Solution, SolveError, Solver, StopReason, Task, Trainer, primal, solve, solve_observed,
    testing,
};
use worlds::{chain, ranking, spans};

const CHAIN: chain::Chain = chain::Chain { tags: 3, features: 4, rescaling: Rescaling::Margin };
const CHAIN_SLACK: chain::Chain =
    chain::Chain { tags: 3, features: 4, rescaling: Rescaling::Slack };
const RANKING: ranking::Ranking = ranking::Ranking { features: 5 };

fn go(_: &Progress) -> Flow {
    ControlFlow::Continue(())
}

/// Tight enough to tell a wrong optimum from a right one; the passes are a bound against running
/// forever.
fn precise(c: C, solver: Solver) -> Settings {
    Settings::new().c(c).solver(solver).relative_gap(1e-6).passes(20_000).threads(1)
}

fn train<T: Task>(
    task: &T,
    examples: &[Example<T::Input, T::Output>],
    settings: &Settings,
) -> Solution {
    solve(task, examples, settings).expect("settings and examples are right")
}

/// The variants that must reach 1e-6, by name.
fn variants(c: C) -> Vec<(&'static str, Settings)> {
    let standard = BlockSettings::default();
    let block = |name, block| (name, precise(c, Solver::Block).block(block));
    vec![
        ("auto", precise(c, Solver::Auto)),
        ("one-slack", precise(c, Solver::OneSlack)),
        block("block", standard),
        block("batch 1", standard.batch(1)),
        block("batch 7", standard.batch(7)),
        block("exact passes only", standard.approximate_passes(0)),
        block("no acceleration", standard.acceleration(false)),
        block("few planes", standard.planes(4).idle(2)),
    ]
}

/// The variants that converge slowly by nature: their certificates must be true all the same.
fn slow_variants(c: C) -> Vec<(&'static str, Settings)> {
    let plain = BlockSettings::new().acceleration(false).approximate_passes(0).batch(1);
    let block = |name, block| {
        (name, precise(c, Solver::Block).relative_gap(1e-2).passes(5_000).block(block))
    };
    vec![
        block("plain block-coordinate ascent", plain),
        block("two planes", BlockSettings::new().planes(2)),
    ]
}

/// dual ≤ P* ≤ primal for every solution, so no dual exceeds any primal; and each primal is P(w),
/// computed anew.
fn check_agreement<T: Task>(
    world: &str,
    task: &T,
    examples: &[Example<T::Input, T::Output>],
    c: C,
) {
    testing::check(task, examples);
    check_agreement_of(SlackNorm::Linear, world, task, examples, c);
    check_agreement_of(SlackNorm::Squared, world, task, examples, c);
}

fn check_agreement_of<T: Task>(
    slack_norm: SlackNorm,
    world: &str,
    task: &T,
    examples: &[Example<T::Input, T::Output>],
    c: C,
) {
    let mut found = Vec::new();
    for (name, settings) in variants(c).into_iter().chain(slow_variants(c)) {
        let mut settings = settings.slack_norm(slack_norm);
        if slack_norm == SlackNorm::Squared && settings.block.planes < 5 {
            // Squared slacks use more planes than so few can stand for.
            settings.relative_gap = settings.relative_gap.max(1e-4);
        }
        let solution = train(task, examples, &settings);
        let certificate = solution.certificate;
        let at = format!("{world}, {slack_norm:?}, {c:?}, {name}: {certificate:?}");
        assert_eq!(solution.w.len(), task.dim(), "{at}");
        assert_eq!(certificate.stop, StopReason::Gap, "{at}");
        assert!(certificate.relative_gap() <= settings.relative_gap, "{at}");
        assert_true_certificate(&at, task, examples, &settings, &solution);
        found.push((name, certificate));
    }
    for (name, a) in &found {
        for (other, b) in &found {
            let rounding = 1e-9 * b.primal.max(1.0);
            assert!(
                a.dual <= b.primal + rounding,
                "{world}, {c:?}: dual of {name} {a:?} and primal of {other} {b:?}"
            );
        }
    }
}

fn assert_true_certificate<T: Task>(
    at: &str,
    task: &T,
    examples: &[Example<T::Input, T::Output>],
    settings: &Settings,
    solution: &Solution,
) {
    let primal = testing::check_solution(task, examples, settings, solution);
    let certificate = solution.certificate;
    assert!(
        (primal - certificate.primal).abs() <= 1e-9 * primal.max(1.0),
        "{at}: P(w) is {primal}"
    );
    assert!(certificate.oracle_calls as f64 >= examples.len() as f64, "{at}");
}

#[test]
fn worlds_obey_brute_force() {
    for (seed, example) in (0..).zip(spans::examples(20)) {
        let outputs = || spans::outputs(example.x.len());
        let w = testing::random_weights(3, 2.0, seed);
        testing::check_oracle(&spans::TASK, &w, &example, outputs(), Rescaling::Margin);
        testing::check_prediction(&spans::TASK, &w, &example.x, outputs());
    }
    for (seed, example) in (0..).zip(chain::examples(20, 3, 4)) {
        let outputs = || testing::sequences(3, example.x.len());
        let w = testing::random_weights(CHAIN.dim(), 1.0, seed);
        testing::check_oracle(&CHAIN, &w, &example, outputs(), Rescaling::Margin);
        testing::check_oracle(&CHAIN_SLACK, &w, &example, outputs(), Rescaling::Slack);
        testing::check_prediction(&CHAIN, &w, &example.x, outputs());
    }
}

#[test]
fn solvers_agree_on_spans() {
    for c in [C::Sum(0.01), C::Sum(1.0), C::Mean(500.0)] {
        check_agreement("spans", &spans::TASK, &spans::examples(50), c);
    }
}

#[test]
fn solvers_agree_on_chains() {
    for c in [C::Sum(0.1), C::Sum(2.0)] {
        check_agreement("chains", &CHAIN, &chain::examples(25, 3, 4), c);
        check_agreement("chains, slack rescaling", &CHAIN_SLACK, &chain::examples(25, 3, 4), c);
    }
}

#[test]
fn solvers_agree_on_rankings() {
    for c in [C::Sum(0.1), C::Mean(100.0)] {
        check_agreement("rankings", &RANKING, &ranking::examples(20, 5), c);
    }
}

#[test]
fn solvers_agree_on_one_example_and_on_weights() {
    check_agreement("one chain", &CHAIN, &chain::examples(4, 3, 4)[3..], C::Sum(1.0));
    let weigh = |(i, example): (usize, Example<_, _>)| example.with_weight([0.0, 0.5, 3.0][i % 3]);
    let examples: Vec<_> = spans::examples(30).into_iter().enumerate().map(weigh).collect();
    check_agreement("weighted spans", &spans::TASK, &examples, C::Sum(0.3));
}

#[test]
fn threads_do_not_change_a_bit() {
    let examples = chain::examples(150, 3, 4);
    for (name, settings) in variants(C::Sum(0.5)).into_iter().chain(slow_variants(C::Sum(0.5))) {
        let run = |threads| {
            let Solution { w, certificate, .. } =
                train(&CHAIN, &examples, &settings.threads(threads).relative_gap(1e-3));
            (w.into_iter().map(f64::to_bits).collect::<Vec<_>>(), certificate)
        };
        let one = run(1);
        assert_eq!(one, run(2), "{name}");
        assert_eq!(one, run(3), "{name}");
        assert_eq!(one, run(1), "{name}: a second run");
        // Inside a pool its threads do the work, as many as asked for or all of them; another
        // number gets threads of its own.
        let pool =
            rayon::ThreadPoolBuilder::new().num_threads(2).build().expect("two threads can be had");
        for threads in [2, 0, 3] {
            assert_eq!(
                one,
                pool.install(|| run(threads)),
                "{name}: {threads} threads in a pool of two"
            );
        }
    }
}

#[test]
fn the_seed_matters_only_on_the_way() {
    let examples = spans::examples(40);
    let run =
        |seed| train(&spans::TASK, &examples, &precise(C::Sum(0.7), Solver::Block).seed(seed));
    let (a, b) = (run(1), run(2));
    assert_ne!(a.w, b.w);
    assert!((a.certificate.primal - b.certificate.primal).abs() <= 1e-6 * a.certificate.primal);
}

#[test]
fn a_weight_is_a_repetition() {
    let examples = chain::examples(12, 3, 4);
    let weighted: Vec<_> = examples
        .iter()
        .cloned()
        .enumerate()
        .map(|(i, e)| e.with_weight([1.0, 2.0, 0.0][i % 3]))
        .collect();
    let repeated: Vec<_> =
        examples.iter().enumerate().flat_map(|(i, e)| vec![e.clone(); [1, 2, 0][i % 3]]).collect();
    for solver in [Solver::Block, Solver::OneSlack] {
        let settings = precise(C::Sum(0.5), solver);
        let (a, b) = (train(&CHAIN, &weighted, &settings), train(&CHAIN, &repeated, &settings));
        let same = primal(&CHAIN, &repeated, &settings, &a.w).unwrap();
        assert!((same - a.certificate.primal).abs() <= 1e-9 * same, "{solver:?}");
        assert!(a.certificate.dual <= b.certificate.primal + 1e-9, "{solver:?}");
        assert!(b.certificate.dual <= a.certificate.primal + 1e-9, "{solver:?}");
    }
}

#[test]
fn both_conventions_of_c_are_one_problem() {
    let examples = spans::examples(20);
    let a = train(&spans::TASK, &examples, &precise(C::Sum(0.25), Solver::Block));
    let b = train(&spans::TASK, &examples, &precise(C::Mean(5.0), Solver::Block));
    assert_eq!((a.w, a.certificate), (b.w, b.certificate));
}

#[test]
fn every_stopping_rule_stops_with_a_true_gap() {
    let examples = chain::examples(40, 3, 4);
    let c = C::Sum(1.0);
    for solver in [Solver::Block, Solver::OneSlack] {
        let never = precise(c, solver).relative_gap(0.0);
        let run = |settings: Settings| {
            let solution = train(&CHAIN, &examples, &settings);
            let at = format!("{solver:?}: {:?}", solution.certificate);
            assert_true_certificate(&at, &CHAIN, &examples, &settings, &solution);
            solution.certificate
        };

        for passes in [1, 3] {
            let certificate = run(never.passes(passes));
            assert_eq!(certificate.stop, StopReason::Passes, "{solver:?}");
            assert!(
                certificate.passes <= passes as f64 + 1.0,
                "{solver:?}: {}",
                certificate.passes
            );
        }

        let certificate = run(never.seconds(1e-9).passes(None));
        assert_eq!(certificate.stop, StopReason::Seconds, "{solver:?}");
        assert!(certificate.passes <= 2.0, "{solver:?}");

        let epsilon = 0.1;
        let certificate = run(never.epsilon(epsilon));
        assert_eq!(certificate.stop, StopReason::Epsilon, "{solver:?}");
        assert!(certificate.gap() <= c.mean(40) * epsilon, "{solver:?}");

        let certificate = run(precise(c, solver));
        assert_eq!(certificate.stop, StopReason::Gap, "{solver:?}");

        // Asking for a gap of 0 ends by rounding error or by the passes; never with a false
        // certificate.
        let certificate = run(never.passes(150));
        assert!(
            matches!(certificate.stop, StopReason::Precision | StopReason::Passes),
            "{solver:?}: {certificate:?}"
        );
        assert!(certificate.relative_gap() <= 1e-6, "{solver:?}: {certificate:?}");
    }
}

#[test]
fn the_observer_sees_bounds_that_only_improve_and_can_stop() {
    let examples = chain::examples(40, 3, 4);
    for solver in [Solver::Block, Solver::OneSlack] {
        let settings = precise(C::Sum(1.0), solver);
        let mut seen: Vec<Progress> = Vec::new();
        let mut record = |progress: &Progress| {
            seen.push(*progress);
            ControlFlow::Continue(())
        };
        let solution = solve_observed(&CHAIN, &examples, &settings, &mut record).expect("right");
        for pair in seen.windows(2) {
            assert!(
                pair[1].primal <= pair[0].primal && pair[1].dual >= pair[0].dual,
                "{solver:?} {pair:?}"
            );
            assert!(
                pair[1].passes >= pair[0].passes && pair[1].oracle_calls >= pair[0].oracle_calls,
                "{solver:?}"
            );
            assert!(pair[1].seconds >= pair[0].seconds, "{solver:?}");
        }
        assert!(
            seen.iter().filter(|progress| progress.moment == Moment::Pass).count() >= 2,
            "{solver:?}"
        );
        let (last, certificate) = (seen.last().expect("it is called"), solution.certificate);
        assert_eq!(last.moment, Moment::End(StopReason::Gap), "{solver:?}");
        assert_eq!((last.primal, last.dual), (certificate.primal, certificate.dual), "{solver:?}");
        assert_eq!(
            (last.passes, last.oracle_calls),
            (certificate.passes, certificate.oracle_calls),
            "{solver:?}"
        );
        assert_eq!(
            seen.iter().filter(|progress| matches!(progress.moment, Moment::End(_))).count(),
            1,
            "{solver:?}"
        );

        let mut calls = 0;
        let mut break_soon = |_: &Progress| {
            calls += 1;
            if calls >= 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let stopped = solve_observed(&CHAIN, &examples, &settings, &mut break_soon).expect("right");
        assert_eq!(stopped.certificate.stop, StopReason::Interrupted, "{solver:?}");
        assert!(stopped.certificate.passes < certificate.passes, "{solver:?}");
        assert_true_certificate("interrupted", &CHAIN, &examples, &settings, &stopped);
    }
}

#[test]
fn a_warm_start_finds_the_same_optimum() {
    let examples = chain::examples(40, 3, 4);
    for (solver, slack_norm) in [Solver::Block, Solver::OneSlack]
        .into_iter()
        .flat_map(|solver| [(solver, SlackNorm::Linear), (solver, SlackNorm::Squared)])
    {
        let precise = |c| precise(c, solver).slack_norm(slack_norm);
        for path in [[0.1, 1.0, 3.0], [3.0, 0.3, 1.0]] {
            let mut trainer = Trainer::new(&CHAIN, &examples, &precise(C::Sum(path[0])))
                .expect("settings are right");
            let mut cold_passes = 0.0;
            for c in path {
                trainer.set_c(C::Sum(c)).expect("c is positive");
                let warm = trainer.solve(&mut go);
                let cold = train(&CHAIN, &examples, &precise(C::Sum(c)));
                let at = format!(
                    "{solver:?}, C {c} of {path:?}: {:?} {:?}",
                    warm.certificate, cold.certificate
                );
                assert_eq!(warm.certificate.stop, StopReason::Gap, "{at}");
                assert_true_certificate(&at, &CHAIN, &examples, &precise(C::Sum(c)), &warm);
                let rounding = 1e-9 * cold.certificate.primal.max(1.0);
                assert!(warm.certificate.dual <= cold.certificate.primal + rounding, "{at}");
                assert!(cold.certificate.dual <= warm.certificate.primal + rounding, "{at}");
                cold_passes = cold.certificate.passes;
            }
            assert!(matches!(trainer.set_c(C::Sum(0.0)), Err(SolveError::Settings(_))));
            // Solving again what is solved takes little more than the passes that certify it: the
            // weights returned may be older ones.
            trainer.set_c(C::Sum(path[2])).expect("c is positive");
            let again = trainer.solve(&mut go).certificate;
            assert_eq!(again.stop, StopReason::Gap, "{solver:?}");
            assert!(
                again.passes <= (0.25 * cold_passes).max(5.0),
                "{solver:?}: {again:?}, {cold_passes} passes before"
            );
        }
    }
}

/// Writes nothing and loses nothing: every w has slack 0.
struct Idle;

impl Task for Idle {
    type Input = ();
    type Output = ();
    type Scratch = ();

    fn dim(&self) -> usize {
        2
    }

    fn loss(&self, _: &(), (): &(), (): &()) -> f64 {
        0.0
    }

    fn predict(&self, _: &[f64], (): &(), (): &mut ()) {}

    fn separate<'a>(
        &'a self,
        _: &[f64],
        (): &'a (),
        (): &'a (),
        (): &mut (),
        planes: &mut Planes<'a>,
    ) {
        planes.add(|_| 0.0);
    }
}

#[test]
fn a_problem_without_loss_is_solved_by_zero() {
    for solver in [Solver::Auto, Solver::Block, Solver::OneSlack] {
        let solution = train(
            &Idle,
            &[Example::new((), ()), Example::new((), ())],
            &precise(C::Sum(1.0), solver),
        );
        assert_eq!(solution.w, [0.0, 0.0], "{solver:?}");
        assert_eq!(
            (solution.certificate.primal, solution.certificate.stop),
            (0.0, StopReason::Gap),
            "{solver:?}"
        );
    }
}

#[test]
fn what_cannot_be_trained_on_is_refused_before_training() {
    let refuse = |examples: &[_], settings: &Settings| {
        solve_observed(&CHAIN, examples, settings, &mut |_| panic!("training has begun"))
            .expect_err("must be refused")
    };
    let good = Settings::default();
    assert_eq!(refuse(&[], &good), SolveError::NoExamples);
    for weight in [-1.0, f64::NAN, f64::INFINITY] {
        let mut examples = chain::examples(5, 3, 4);
        examples[3].weight = weight;
        assert!(
            matches!(refuse(&examples, &good), SolveError::Example { index: 3, .. }),
            "{weight}"
        );
    }
    let mut examples = chain::examples(5, 3, 4);
    examples[2].y.push(0);
    let error = refuse(&examples, &good).to_string();
    assert_eq!(error, "example 2: 4 tags for 3 positions");

    let examples = chain::examples(5, 3, 4);
    let block = BlockSettings::default();
    let wrong = [
        (good.c(C::Sum(0.0)), "C must be a finite number above 0, not 0"),
        (good.c(C::Mean(f64::NAN)), "C must be a finite number above 0, not NaN"),
        (good.relative_gap(-1.0), "the relative gap must be a finite number of at least 0, not -1"),
        (good.epsilon(0.0), "epsilon must be a finite number above 0, not 0"),
        (good.passes(0), "the number of passes must be at least 1, not 0"),
        (good.seconds(-2.0), "the number of seconds must be a finite number above 0, not -2"),
        (good.block(block.batch(0)), "the batch must be at least 1, not 0"),
        (good.block(block.planes(1)), "the number of planes must be at least 2, not 1"),
    ];
    for (settings, message) in wrong {
        assert_eq!(refuse(&examples, &settings).to_string(), message);
    }
}

/// Memory for planes from the least that is possible: training takes longer and ends with the same
/// certificate; what is counted stays within the bound at any time; the result does not depend on
/// threads.
fn check_bounded<T: Task>(world: &str, task: &T, examples: &[Example<T::Input, T::Output>], c: C) {
    let least = Settings::least_memory(task.dim());
    for (solver, slack_norm) in [Solver::Block, Solver::OneSlack]
        .map(|solver| [(solver, SlackNorm::Linear), (solver, SlackNorm::Squared)])
        .concat()
    {
        let free = precise(c, solver).slack_norm(slack_norm);
        let optimum = train(task, examples, &free);
        for bound in [least, 2 * least, 8 * least, 64 * least] {
            let at = format!("{world}, {slack_norm:?}, {c:?}, {solver:?}, {bound} bytes");
            let settings = free.max_memory(bound);
            let run = |threads| {
                let mut most = 0;
                let mut watch = |progress: &Progress| {
                    most = most.max(progress.plane_bytes);
                    ControlFlow::Continue(())
                };
                let solution =
                    solve_observed(task, examples, &settings.threads(threads), &mut watch)
                        .expect("right");
                assert!(
                    most <= solution.plane_bytes && solution.plane_bytes <= bound,
                    "{at}: {most}"
                );
                solution
            };
            let (one, two) = (run(1), run(2));
            assert_eq!((&one.w, one.certificate), (&two.w, two.certificate), "{at}");
            assert!(one.certificate.converged(), "{at}: {:?}", one.certificate);
            testing::check_solution(task, examples, &settings, &one);
            let (a, b) = (one.certificate, optimum.certificate);
            let rounding = 1e-9 * b.primal.max(1.0);
            assert!(
                a.dual <= b.primal + rounding && b.dual <= a.primal + rounding,
                "{at}: {a:?} {b:?}"
            );
        }
    }
    let settings = precise(c, Solver::Auto).max_memory(least - 1);
    let error = solve(task, examples, &settings).expect_err("must be refused").to_string();
    assert!(error.starts_with("the memory for planes must be room for four of them"), "{error}");
}

#[test]
fn planes_fit_into_the_memory_they_are_given() {
    check_bounded("spans", &spans::TASK, &spans::examples(50), C::Sum(1.0));
    check_bounded("chain", &CHAIN, &chain::examples(60, 3, 4), C::Sum(1.0));
    check_bounded("ranking", &RANKING, &ranking::examples(30, 5), C::Sum(1.0));
}

#[test]
fn little_memory_changes_the_solver_and_not_the_path_of_c() {
    let examples = chain::examples(60, 3, 4);
    let bound = Some(Settings::least_memory(CHAIN.dim()));
    let settings = precise(C::Sum(0.1), Solver::Block).max_memory(bound).relative_gap(1e-3);
    let mut trainer = Trainer::new(&CHAIN, &examples, &settings).expect("right");
    for c in [0.1, 1.0, 10.0].map(C::Sum) {
        trainer.set_c(c).expect("positive");
        let solution = trainer.solve(&mut go);
        assert_eq!(solution.certificate.solver, Solver::OneSlack);
        testing::check_solution(&CHAIN, &examples, &settings.c(c), &solution);
        assert!(solution.certificate.converged());
        assert!(Some(solution.plane_bytes) <= bound);
    }
}
