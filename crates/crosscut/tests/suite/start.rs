//! Training that starts from given weights solves the same problem, in fewer passes if they are near
//! the optimum, and resumes from each of its states.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, and so do its helpers")]

use crate::worlds;

use std::ops::ControlFlow;

use crosscut::{
    C, Certificate, Example, Regulariser, Rescaling, Settings, SlackNorm, Solution, Solver, Task,
    Trainer, primal, testing,
};
use worlds::{chain, ranking, spans};

const CHAIN: chain::Chain = chain::Chain { tags: 3, features: 4, rescaling: Rescaling::Margin };
const RANKING: ranking::Ranking = ranking::Ranking { features: 5 };

type Examples<T> = [Example<<T as Task>::Input, <T as Task>::Output>];

fn settings() -> Vec<Settings> {
    let mut all = Vec::new();
    for solver in [Solver::Block, Solver::OneSlack] {
        for slack_norm in [SlackNorm::Linear, SlackNorm::Squared] {
            for c in [0.01, 1.0, 100.0] {
                let (c, relative_gap) = (C::Sum(c), 1e-5);
                all.push(
                    Settings::new()
                        .c(c)
                        .relative_gap(relative_gap)
                        .solver(solver)
                        .slack_norm(slack_norm),
                );
            }
        }
    }
    all
}

fn trained<T: Task>(
    task: &T,
    examples: &Examples<T>,
    settings: &Settings,
    regulariser: &Regulariser,
    start: Option<&[f64]>,
) -> Solution {
    let trainer = Trainer::new(task, examples, settings).unwrap();
    let mut trainer = trainer.with_regulariser(regulariser).unwrap();
    if let Some(start) = start {
        trainer.start_at(start).unwrap();
    }
    trainer.solve(&mut |_| ControlFlow::Continue(()))
}

/// Whether two runs can have the same optimum, and both are near it.
fn agree(a: &Certificate, b: &Certificate) -> bool {
    a.converged() && b.converged() && a.dual <= b.primal && b.dual <= a.primal
}

fn check<T: Task>(world: &str, task: &T, examples: &Examples<T>) {
    let (mut warm_passes, mut cold_passes) = (0.0, 0.0);
    let prior = Regulariser::around(testing::random_weights(task.dim(), 0.3, 5));
    let bounded = prior.clone().with_nonnegative([0, 1]);
    for regulariser in [Regulariser::default(), prior, bounded] {
        for settings in settings() {
            let at = format!("{world}, {settings:?}, {regulariser:?}");
            let cold = trained(task, examples, &settings, &regulariser, None);
            let double = settings.c(C::Sum(2.0 * settings.c.sum(1)));
            let cold_double = trained(task, examples, &double, &regulariser, None).certificate;
            let warm = trained(task, examples, &double, &regulariser, Some(&cold.w)).certificate;
            assert!(agree(&warm, &cold_double), "{at}: {warm:?} {cold_double:?}");
            warm_passes += warm.passes;
            cold_passes += cold_double.passes;
            // Weights that have nothing to do with the problem, small and huge ones.
            for (size, seed) in [(1.0, 3), (1e6, 4), (1e100, 5)] {
                let start = testing::random_weights(task.dim(), size, seed);
                let found = trained(task, examples, &settings, &regulariser, Some(&start));
                assert!(agree(&found.certificate, &cold.certificate), "{at}: {found:?}");
            }
        }
    }
    assert!(warm_passes < cold_passes, "{world}: {warm_passes} and {cold_passes} passes");
}

#[test]
fn the_optimum_is_the_same_and_nearer() {
    check("spans", &spans::TASK, &spans::examples(30));
    check("chains", &CHAIN, &chain::examples(30, 3, 4));
    check("rankings", &RANKING, &ranking::examples(30, 5));
}

#[test]
fn the_first_pass_is_made_at_the_start() {
    let examples = chain::examples(30, 3, 4);
    for settings in settings() {
        let settings = settings.passes(1);
        let start = testing::random_weights(CHAIN.dim(), 0.2, 3);
        let plain = Regulariser::default();
        let found = trained(&CHAIN, &examples, &settings, &plain, Some(&start));
        assert_eq!(found.w, start);
        let expected = primal(&CHAIN, &examples, &settings, &start).unwrap();
        let found = found.certificate.primal;
        assert!((found - expected).abs() <= 1e-9 * expected, "{found} {expected}");
        // Below a bound it is made at the bound.
        let bounded = Regulariser::default().with_nonnegative(0..CHAIN.dim());
        let found = trained(&CHAIN, &examples, &settings, &bounded, Some(&start));
        assert!(found.w.iter().zip(&start).all(|(w, start)| *w == start.max(0.0)));
    }
}

#[test]
fn states_resume_to_the_same_bits() {
    let examples = chain::examples(30, 3, 4);
    let start = testing::random_weights(CHAIN.dim(), 0.2, 3);
    for settings in settings() {
        let settings = settings.passes(12);
        let new = || Trainer::new(&CHAIN, &examples, &settings).unwrap();
        let mut states = Vec::new();
        let go = &mut |_: &crosscut::Progress| ControlFlow::Continue(());
        let mut trainer = new();
        trainer.start_at(&start).unwrap();
        let whole = trainer.solve_keeping(go, &mut |state| {
            let mut bytes = Vec::new();
            ciborium::into_writer(state, &mut bytes).unwrap();
            states.push(bytes);
        });
        for (pass, state) in states.iter().enumerate() {
            let mut trainer = new();
            trainer.restore(ciborium::from_reader(&state[..]).unwrap()).unwrap();
            let rest = trainer.solve(go);
            assert_eq!(
                (rest.w, rest.certificate),
                (whole.w.clone(), whole.certificate),
                "{settings:?}, from pass {pass}"
            );
        }
    }
}

#[test]
fn weights_that_do_not_fit_are_refused() {
    let examples = chain::examples(5, 3, 4);
    let mut trainer = Trainer::new(&CHAIN, &examples, &Settings::default()).unwrap();
    let dim = CHAIN.dim();
    let mut odd = vec![0.0; dim];
    for (number, found) in [(f64::NAN, "NaN"), (f64::INFINITY, "inf"), (-2e150, "-2e150")] {
        odd[1] = number;
        let error = trainer.start_at(&odd).unwrap_err().to_string();
        let ends = format!("not {number} (weight 1)");
        assert!(
            error.starts_with("a weight to start from must be a number between -1e150")
                && error.ends_with(&ends),
            "{found}: {error}"
        );
    }
    let error = trainer.start_at(&[1.0]).unwrap_err().to_string();
    let expected =
        format!("the start must be {dim} weights, one for each weight of the task, not 1");
    assert_eq!(error, expected);
}
