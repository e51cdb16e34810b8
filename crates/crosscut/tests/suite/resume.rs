//! Training that is kept between two passes and resumed later ends with the same bits as training
//! that nobody stopped, and no state, however damaged, makes it panic.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, and so do its helpers")]

use crate::worlds;

use std::ops::ControlFlow;

use ciborium::Value;
use crosscut::{
    BlockSettings, C, Certificate, Example, Moment, Planes, Progress, Rescaling, Settings,
    SlackNorm, Solution, Solver, State, StateError, StopReason, Task, Trainer, primal, testing,
};
use crosscut_testkit::cases;
use proptest::prelude::*;
use worlds::{chain, ranking, spans};

const CHAIN: chain::Chain = chain::Chain { tags: 3, features: 4, rescaling: Rescaling::Margin };
const RANKING: ranking::Ranking = ranking::Ranking { features: 5 };

type Examples<T> = [Example<<T as Task>::Input, <T as Task>::Output>];

/// What a run ends with, to the bit.
fn bits(solution: &Solution) -> (Vec<u64>, Certificate) {
    (solution.w.iter().map(|weight| weight.to_bits()).collect(), solution.certificate)
}

fn write(state: &State<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    ciborium::into_writer(state, &mut bytes).unwrap();
    bytes
}

fn restored<'a, T: Task>(
    task: &'a T,
    examples: &'a Examples<T>,
    settings: &Settings,
    bytes: &[u8],
) -> Result<Trainer<'a>, StateError> {
    let mut trainer = Trainer::new(task, examples, settings).unwrap();
    trainer.restore(ciborium::from_reader(bytes).unwrap())?;
    Ok(trainer)
}

/// Trains to the end, and keeps every state on the way.
fn keep_all(trainer: &mut Trainer<'_>) -> (Solution, Vec<Vec<u8>>) {
    let mut states = Vec::new();
    let solution = trainer
        .solve_keeping(&mut |_| ControlFlow::Continue(()), &mut |state| states.push(write(state)));
    (solution, states)
}

fn settings() -> Vec<(&'static str, Settings)> {
    let all =
        |c, solver| Settings::new().c(c).solver(solver).relative_gap(1e-7).passes(24).threads(1);
    let block = |block| all(C::Sum(1.0), Solver::Block).block(block);
    let standard = BlockSettings::default();
    let mut settings = vec![
        ("one-slack", all(C::Sum(1.0), Solver::OneSlack)),
        ("block", block(standard)),
        ("block that accelerates", all(C::Sum(300.0), Solver::Block)),
        ("block that solves for all planes", all(C::Sum(1e6), Solver::Block)),
        ("block to the end of precision", block(standard).relative_gap(0.0).passes(100)),
        ("few planes", block(standard.planes(3).idle(1).batch(7))),
        ("exact passes only", block(standard.approximate_passes(0))),
        ("memory for one sum of planes", block(standard).max_memory(6_000)),
        ("memory that runs out", block(standard).max_memory(18_000)),
        ("little memory", block(standard).max_memory(36_000)),
    ];
    let squared = |&(name, one): &(_, Settings)| (name, one.slack_norm(SlackNorm::Squared));
    settings.extend(settings.iter().map(squared).collect::<Vec<_>>());
    settings
}

/// From every state of a run, on another number of threads, the same states and the same end
/// follow.
fn check<T: Task>(world: &str, task: &T, examples: &Examples<T>) {
    testing::check(task, examples);
    for (name, settings) in settings() {
        let at = format!("{world}, {name}, {:?}", settings.slack_norm);
        let (solution, states) = keep_all(&mut Trainer::new(task, examples, &settings).unwrap());
        let unkept = Trainer::new(task, examples, &settings)
            .unwrap()
            .solve(&mut |_| ControlFlow::Continue(()));
        assert_eq!(bits(&solution), bits(&unkept), "{at}: keeping must change nothing");
        assert!(states.len() > 3, "{at}: {} states", states.len());
        // The field `on` is true: in CBOR, a text of two bytes and a simple value.
        let solves_all = states
            .iter()
            .any(|state| state.windows(4).any(|bytes| bytes == [0x62, b'o', b'n', 0xf5]));
        assert!(solves_all || name != "block that solves for all planes", "{at}");
        for (k, state) in states.iter().enumerate() {
            let settings = settings.threads(1 + k % 3);
            let mut trainer = restored(task, examples, &settings, state).unwrap();
            let (again, following) = keep_all(&mut trainer);
            assert_eq!(bits(&again), bits(&solution), "{at}, from pass {k}");
            // The first of them is the one that was read: what is read is what was written.
            assert!(following == states[k..], "{at}, from pass {k}: the states that follow differ");
        }
    }
}

#[test]
fn spans_resume_to_the_same_bits() {
    check("spans", &spans::TASK, &spans::examples(30));
}

#[test]
fn chains_resume_to_the_same_bits() {
    check("chains", &CHAIN, &chain::examples(30, 3, 4));
}

#[test]
fn rankings_resume_to_the_same_bits() {
    check("rankings", &RANKING, &ranking::examples(30, 5));
}

/// Wherever a run is ended, by the observer or by the number of passes, its last state is one of
/// the run that nobody ended.
#[test]
fn what_ends_training_leaves_no_trace_in_the_last_state() {
    let examples = chain::examples(30, 3, 4);
    for (name, settings) in settings() {
        let (_, states) = keep_all(&mut Trainer::new(&CHAIN, &examples, &settings).unwrap());
        for end in 1..states.len() {
            let limited = settings.passes(end);
            let (solution, limited_states) =
                keep_all(&mut Trainer::new(&CHAIN, &examples, &limited).unwrap());
            assert!(limited_states[..] == states[..end], "{name}, {end} passes");
            assert_eq!(solution.certificate.passes, end as f64, "{name}");

            let mut last = None;
            let observer = &mut |progress: &Progress| match progress.moment {
                Moment::Pass if progress.passes >= end as f64 => ControlFlow::Break(()),
                _ => ControlFlow::Continue(()),
            };
            let mut trainer = Trainer::new(&CHAIN, &examples, &settings).unwrap();
            let solution = trainer.solve_keeping(observer, &mut |state| {
                last = state.is_last_pass().then(|| (state.passes(), write(state)));
            });
            let (passes, last) = last.unwrap();
            assert_eq!(passes, end as f64, "{name}");
            assert!(last == states[end], "{name}, interrupted after pass {end}");
            let certificate = solution.certificate;
            if !certificate.converged() && end + 1 < 24 {
                assert_eq!(certificate.stop, StopReason::Interrupted, "{name}");
            }
            let primal = primal(&CHAIN, &examples, &settings, &solution.w).unwrap();
            assert!(
                (primal - certificate.primal).abs() <= 1e-9 * primal.max(1.0),
                "{name}: {certificate:?}"
            );
        }
    }
}

#[test]
fn states_of_other_problems_are_refused() {
    let examples = chain::examples(30, 3, 4);
    let all = settings();
    let state = |settings: &Settings| {
        keep_all(&mut Trainer::new(&CHAIN, &examples, settings).unwrap()).1.pop().unwrap()
    };
    let (block, one_slack) = (all[1].1, all[0].1);
    let wider = chain::Chain { tags: 3, features: 5, rescaling: Rescaling::Margin };
    let refusals = [
        restored(&CHAIN, &examples[1..], &block, &state(&block)).err(),
        restored(&wider, &examples, &block, &state(&block)).err(),
        restored(&CHAIN, &examples, &one_slack, &state(&block)).err(),
        restored(&CHAIN, &examples, &block, &state(&one_slack)).err(),
        restored(&CHAIN, &examples, &block.c(C::Sum(2.0)), &state(&block)).err(),
        restored(&CHAIN, &examples, &one_slack.c(C::Sum(2.0)), &state(&one_slack)).err(),
        restored(&CHAIN, &examples, &block.slack_norm(SlackNorm::Squared), &state(&block)).err(),
    ];
    let expected = [
        "it has 30 examples, not 29",
        "the best weights: expected 24 numbers, found 21",
        "it is of another solver",
        "it is of another solver",
        "example 0: what a slack costs: expected 2, found 1",
        "what a slack costs: expected 2, found 1",
        "example 0: what a slack costs: expected inf, found 1",
    ];
    assert_eq!(refusals.map(|refusal| refusal.unwrap().to_string()), expected);
}

/// A task whose oracle writes rows that it does not show.
struct Hiding(chain::Chain);

impl Task for Hiding {
    type Input = <chain::Chain as Task>::Input;
    type Output = <chain::Chain as Task>::Output;
    type Scratch = <chain::Chain as Task>::Scratch;

    fn dim(&self) -> usize {
        self.0.dim()
    }

    fn loss(
        &self,
        x: &<chain::Chain as Task>::Input,
        y: &Self::Output,
        y_hat: &Self::Output,
    ) -> f64 {
        self.0.loss(x, y, y_hat)
    }

    fn predict(&self, w: &[f64], x: &Self::Input, scratch: &mut Self::Scratch) -> Self::Output {
        self.0.predict(w, x, scratch)
    }

    fn separate<'a>(
        &'a self,
        w: &[f64],
        x: &'a Self::Input,
        y: &'a Self::Output,
        scratch: &mut Self::Scratch,
        planes: &mut Planes<'a>,
    ) {
        self.0.separate(w, x, y, scratch, planes);
    }
}

#[test]
fn rows_without_a_name_are_an_error_where_the_state_is_written() {
    let examples = chain::examples(30, 3, 4);
    let task = Hiding(CHAIN);
    let mut errors = Vec::new();
    Trainer::new(&task, &examples, &settings()[2].1).unwrap().solve_keeping(
        &mut |_| ControlFlow::Continue(()),
        &mut |state| {
            errors.extend(ciborium::into_writer(state, Vec::new()).err());
        },
    );
    assert!(
        errors[0].to_string().contains("rows that `Task::row` does not give back"),
        "{}",
        errors[0]
    );
}

/// Changes the part of a value at this place in the order of writing; returns how many places it
/// has, if that is too far.
fn change(value: &mut Value, at: usize, how: usize) -> Result<(), usize> {
    let mut passed = 0;
    let mut inner: Vec<&mut Value> = match value {
        Value::Array(items) => items.iter_mut().collect(),
        Value::Map(items) => items.iter_mut().map(|(_, item)| item).collect(),
        _ => Vec::new(),
    };
    for item in &mut inner {
        match change(item, at - passed, how) {
            Ok(()) => return Ok(()),
            Err(places) => passed += places,
        }
    }
    if passed < at {
        return Err(passed + 1);
    }
    let integers = [0_u64, 1, 7, 1 << 31, u64::from(u32::MAX), 1 << 40, u64::MAX];
    let floats = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1.0, 1e308, -1e308, 0.0];
    match value {
        Value::Array(items) => match how {
            0 => items.clear(),
            1 => drop(items.pop()),
            2 => items.extend(items.last().cloned()),
            3 => items.reverse(),
            4 => items.extend(vec![Value::Float(0.5); 100]),
            5 => items.extend(items.clone()),
            _ if items.is_empty() => {}
            _ => items.rotate_left(1),
        },
        Value::Integer(integer) => *integer = integers[how].into(),
        Value::Float(float) => *float = floats[how],
        Value::Bool(bool) => *bool = !*bool,
        Value::Null => *value = Value::Float(1.0),
        other => *other = Value::Null,
    }
    Ok(())
}

/// Every number of a state is replaced by others, and every list changed: what is not refused
/// trains without a panic.
#[test]
fn no_damaged_state_makes_training_panic() {
    let examples = chain::examples(5, 3, 4);
    let (mut changed, mut refused) = (0, 0);
    for (name, settings) in settings() {
        let settings = settings.passes(6);
        let (_, states) = keep_all(&mut Trainer::new(&CHAIN, &examples, &settings).unwrap());
        let good: Value = ciborium::from_reader(&states.last().unwrap()[..]).unwrap();
        for at in 0.. {
            let mut past_the_end = false;
            for how in 0..7 {
                let mut bad = good.clone();
                past_the_end = change(&mut bad, at, how).is_err();
                if past_the_end {
                    break;
                }
                changed += 1;
                let mut trainer = Trainer::new(&CHAIN, &examples, &settings).unwrap();
                let restored = bad
                    .deserialized::<State<'static>>()
                    .map(|state| trainer.restore(state).is_ok());
                if let Ok(true) = restored {
                    let mut told = 0;
                    let solution = trainer.solve(&mut |_| {
                        told += 1;
                        if told < 20 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
                    });
                    assert!(solution.w.len() <= CHAIN.dim(), "{name}");
                } else {
                    refused += 1;
                }
            }
            if past_the_end {
                break;
            }
        }
    }
    println!("{changed} damaged states, {refused} refused");
    assert!(changed > 10_000 && refused > changed / 2, "{refused} of {changed} refused");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(40), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_problems_resume_to_the_same_bits(
        n in 2..20_usize,
        tags in 2..4_usize,
        seed in any::<u64>(),
        c in prop_oneof![Just(0.01), Just(1.0), Just(100.0)],
        solver in prop_oneof![Just(Solver::Block), Just(Solver::OneSlack)],
        planes in 2..6_usize,
        batch in 1..9_usize,
        squared in any::<bool>(),
        at in any::<prop::sample::Index>(),
    ) {
        let slack_norm = if squared { SlackNorm::Squared } else { SlackNorm::Linear };
        let block = BlockSettings::new().planes(planes).batch(batch);
        let settings = Settings::new().c(C::Sum(c)).solver(solver).slack_norm(slack_norm).seed(seed).block(block).relative_gap(1e-9).passes(30).threads(1);
        let task = chain::Chain { tags, features: 4, rescaling: Rescaling::Margin };
        let examples = chain::examples(n, tags, 4);
        let (solution, states) = keep_all(&mut Trainer::new(&task, &examples, &settings).unwrap());
        let k = at.index(states.len());
        let (again, following) = keep_all(&mut restored(&task, &examples, &settings, &states[k]).unwrap());
        prop_assert_eq!(bits(&again), bits(&solution));
        prop_assert!(following == states[k..]);
    }
}
