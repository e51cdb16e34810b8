//! Training on shards: the optimum of one process, true bounds, the same bits for the same number
//! of shards, and states from which it goes on.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, and so do its helpers")]

use crate::worlds;

use std::ops::ControlFlow;

use crosscut::{
    C, Certificate, Example, FaultKind, Flow, Planes, Progress, Regulariser, Reply, Request,
    Rescaling, Settings, Shard, ShardTrainer, Shards, SlackNorm, Solution, SolveError, Solver,
    State, StateError, StopReason, StreamError, Task, Trainer, primal_with, testing,
};
use crosscut_testkit::cases;
use proptest::prelude::*;
use worlds::{chain, ranking, spans};

const CHAIN: chain::Chain = chain::Chain { tags: 3, features: 4, rescaling: Rescaling::Margin };
const RANKING: ranking::Ranking = ranking::Ranking { features: 5 };

type Examples<T> = [Example<<T as Task>::Input, <T as Task>::Output>];

fn go(_: &Progress) -> Flow {
    ControlFlow::Continue(())
}

fn encoded(value: &impl serde::Serialize) -> Vec<u8> {
    let mut bytes = Vec::new();
    ciborium::into_writer(value, &mut bytes).unwrap();
    bytes
}

/// Shards that see requests and answer as bytes. Long vectors are summed apart from the rest.
struct Remote<'a>(Vec<Shard<'a>>);

impl Shards for Remote<'_> {
    type Error = String;

    fn ask(&mut self, request: &Request<'_>) -> Result<Reply, String> {
        let request = encoded(request);
        let mut replies = self.0.iter_mut().map(|shard| {
            let request: Request<'static> = ciborium::from_reader(&request[..]).unwrap();
            let mut reply = shard.answer(&request.into_owned());
            let vectors: Vec<Vec<f64>> = reply.vectors().into_iter().map(std::mem::take).collect();
            let reply: Reply = ciborium::from_reader(&encoded(&reply)[..]).unwrap();
            (reply, vectors)
        });
        let (mut sum, mut vectors) = replies.next().ok_or("no shards")?;
        for (reply, more) in replies {
            sum.add(reply);
            for (sum, vector) in vectors.iter_mut().zip(more) {
                sum.iter_mut().zip(vector).for_each(|(sum, number)| *sum += number);
            }
        }
        sum.vectors().into_iter().zip(vectors).for_each(|(empty, vector)| *empty = vector);
        Ok(sum)
    }

    fn save(&self, shard: usize) -> Result<Vec<u8>, String> {
        Ok(encoded(&self.0[shard].save()))
    }

    fn restore(&mut self, shard: usize, saved: &[u8]) -> Result<(), StateError> {
        let saved =
            ciborium::from_reader(saved).map_err(|error| StateError::new(error.to_string()));
        self.0[shard].restore(saved?)
    }
}

/// The examples in `k` shards; the later ones have more of them.
fn shards<'a, T: Task>(
    task: &'a T,
    examples: &'a Examples<T>,
    k: usize,
    settings: &Settings,
    regulariser: &Regulariser,
) -> Vec<Shard<'a>> {
    let n = examples.len();
    let end = |i: usize| (n * i * (i + 3)).div_ceil(k * (k + 3));
    let shard = |i: usize| {
        let range = end(i)..end(i + 1);
        let at = (range.start, n);
        Shard::new(task, &examples[range], at, settings, regulariser).unwrap()
    };
    (0..k).map(shard).collect()
}

fn trainer<'a, T: Task>(
    task: &'a T,
    examples: &'a Examples<T>,
    k: usize,
    settings: &Settings,
    regulariser: &Regulariser,
) -> ShardTrainer<'a, String> {
    let shards = Remote(shards(task, examples, k, settings, regulariser));
    ShardTrainer::on(shards, settings).unwrap().with_regulariser(regulariser).unwrap()
}

fn bits(solution: &Solution) -> (Vec<u64>, Certificate) {
    (solution.w.iter().map(|weight| weight.to_bits()).collect(), solution.certificate)
}

/// Every number of shards, both methods and both norms reach the optimum of one process, and P(w)
/// and D are true on the way: no D is above any P.
fn check<T: Task>(world: &str, task: &T, examples: &Examples<T>, regularisers: &[Regulariser]) {
    testing::check(task, examples);
    for (regulariser, norm) in regularisers
        .iter()
        .flat_map(|one| [SlackNorm::Linear, SlackNorm::Squared].map(|n| (one, n)))
    {
        // 1-slack alone needs thousands of passes for more.
        for (solver, gap) in [(Solver::Block, 1e-6), (Solver::OneSlack, 1e-4)] {
            let settings = Settings::new()
                .c(C::Mean(30.0))
                .slack_norm(norm)
                .solver(solver)
                .relative_gap(gap)
                .passes(20_000)
                .threads(1);
            let alone =
                Trainer::new(task, examples, &settings.relative_gap(1e-7).solver(Solver::Block))
                    .unwrap()
                    .with_regulariser(regulariser)
                    .unwrap()
                    .solve(&mut go)
                    .certificate;
            assert!(alone.converged(), "{world}");
            for k in [1, 2, 3, 7] {
                let at = format!("{world}, {k} shards, {solver:?}, {norm:?}, {regulariser:?}");
                let mut highest = f64::NEG_INFINITY;
                let solution = trainer(task, examples, k, &settings, regulariser)
                    .solve(&mut |progress| {
                        assert!(progress.dual >= highest, "{at}: D falls");
                        assert!(
                            progress.dual <= alone.primal && progress.primal >= alone.dual,
                            "{at}"
                        );
                        highest = progress.dual;
                        go(progress)
                    })
                    .unwrap();
                let found = solution.certificate;
                assert!(found.converged(), "{at}: {found:?}");
                assert_eq!((found.solver, found.examples), (solver, examples.len()), "{at}");
                assert!(found.dual <= alone.primal && alone.dual <= found.primal, "{at}");
                let primal =
                    primal_with(task, examples, &settings, regulariser, &solution.w).unwrap();
                assert!((primal - found.primal).abs() <= 1e-12 * primal, "{at}");
            }
        }
    }
}

#[test]
fn shards_of_spans_reach_the_optimum() {
    let d = spans::TASK.dim();
    let prior = testing::random_weights(d, 1.0, 3);
    let bounds = Regulariser::around(prior.clone()).with_nonnegative(0..d / 2);
    check(
        "spans",
        &spans::TASK,
        &spans::examples(40),
        &[Regulariser::default(), Regulariser::around(prior), bounds],
    );
}

#[test]
fn shards_of_chains_reach_the_optimum() {
    check("chains", &CHAIN, &chain::examples(40, 3, 4), &[Regulariser::default()]);
}

#[test]
fn shards_of_rankings_reach_the_optimum() {
    check("rankings", &RANKING, &ranking::examples(40, 5), &[Regulariser::default()]);
}

fn variants() -> Vec<(&'static str, Settings)> {
    let base = Settings::new().c(C::Sum(1.0)).relative_gap(1e-6).passes(60).threads(1);
    let block = base.solver(Solver::Block);
    vec![
        ("block", block),
        ("squared", block.slack_norm(SlackNorm::Squared)),
        ("one-slack", base.solver(Solver::OneSlack)),
        ("memory that runs out", block.max_memory(20_000)),
        ("to the end of precision", block.c(C::Sum(0.01)).relative_gap(0.0).passes(300)),
    ]
}

/// Trains to the end, and keeps every state on the way.
fn keep_all(trainer: &mut ShardTrainer<'_, String>) -> (Solution, Vec<Vec<u8>>) {
    let mut states = Vec::new();
    let solution = trainer.solve_keeping(&mut go, &mut |state| states.push(encoded(state)));
    (solution.unwrap(), states)
}

fn read(bytes: &[u8]) -> State<'static> {
    ciborium::from_reader(bytes).unwrap()
}

#[test]
fn the_same_number_of_shards_gives_the_same_bits_on_any_threads_and_from_any_state() {
    let (examples, none) = (chain::examples(60, 3, 4), Regulariser::default());
    for (name, settings) in variants() {
        for k in [1, 3] {
            let at = format!("{name}, {k} shards");
            let train = |threads| trainer(&CHAIN, &examples, k, &settings.threads(threads), &none);
            let (solution, states) = keep_all(&mut train(1));
            assert!(states.len() > 3, "{at}: {} states", states.len());
            let unkept = train(2).solve(&mut go).unwrap();
            assert_eq!(bits(&unkept), bits(&solution), "{at}");
            // In the same process, no matter how they are asked.
            let list = shards(&CHAIN, &examples, k, &settings, &none);
            let listed = ShardTrainer::on(list, &settings).unwrap().solve(&mut go).unwrap();
            assert_eq!(bits(&listed), bits(&solution), "{at}");
            for (pass, state) in states.iter().enumerate().step_by(1 + states.len() / 9) {
                let mut again = train(1 + pass % 3);
                again.restore(read(state)).unwrap();
                let (ended, following) = keep_all(&mut again);
                assert_eq!(bits(&ended), bits(&solution), "{at}, from pass {pass}");
                assert!(following == states[pass..], "{at}, from pass {pass}");
            }
        }
    }
}

#[test]
fn states_of_other_runs_are_refused() {
    let (examples, none) = (chain::examples(60, 3, 4), Regulariser::default());
    let settings = Settings::new().c(C::Sum(1.0)).solver(Solver::Block).passes(9).threads(1);
    let (_, states) = keep_all(&mut trainer(&CHAIN, &examples, 3, &settings, &none));
    let state = states.last().unwrap();
    let refused = |k, settings: &Settings| {
        let mut trainer = trainer(&CHAIN, &examples, k, settings, &none);
        trainer.restore(read(state)).unwrap_err().to_string()
    };
    assert_eq!(
        refused(2, &settings),
        "it has 3 shards, and this run has 2 shards: the number must be the same"
    );
    assert_eq!(refused(3, &settings.solver(Solver::OneSlack)), "it is of another solver");
    let mut alone = Trainer::new(&CHAIN, &examples, &settings).unwrap();
    assert_eq!(alone.restore(read(state)).unwrap_err().to_string(), "it is of another solver");
    let mut states = Vec::new();
    alone = Trainer::new(&CHAIN, &examples, &settings).unwrap();
    alone.solve_keeping(&mut go, &mut |state| states.push(encoded(state)));
    let error = trainer(&CHAIN, &examples, 3, &settings, &none).restore(read(&states[2]));
    assert_eq!(error.unwrap_err().to_string(), "it is of another solver");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(60), failure_persistence: None, ..ProptestConfig::default() })]

    /// A damaged state is refused, or can only make training useless: no panic.
    #[test]
    fn damaged_states_do_no_harm(
        pass in 0_usize..8,
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let (examples, none) = (chain::examples(20, 3, 4), Regulariser::default());
        let settings =
            Settings::new().c(C::Sum(1.0)).solver(Solver::Block).relative_gap(1e-9).passes(9).threads(1);
        let (_, states) = keep_all(&mut trainer(&CHAIN, &examples, 2, &settings, &none));
        let mut state = states[pass].clone();
        for (at, byte) in damage {
            *at.get_mut(&mut state) = byte;
        }
        let Ok(state) = ciborium::from_reader::<State<'static>, _>(&state[..]) else { return Ok(()) };
        let mut trainer = trainer(&CHAIN, &examples, 2, &settings, &none);
        if trainer.restore(state).is_ok()
            && let Ok(solution) = trainer.solve(&mut go)
        {
            prop_assert!(solution.w.iter().all(|weight| weight.is_finite()));
        }
    }
}

/// A chain whose oracle fails for the example with this input length, from some call on.
struct Failing(usize);

impl Task for Failing {
    type Input = usize;
    type Output = ();
    type Scratch = ();

    fn dim(&self) -> usize {
        2
    }

    fn loss(&self, _: &usize, (): &(), (): &()) -> f64 {
        0.0
    }

    fn predict(&self, _: &[f64], _: &usize, (): &mut ()) {}

    fn separate<'a>(
        &'a self,
        w: &[f64],
        x: &'a usize,
        (): &'a (),
        (): &mut (),
        planes: &mut Planes<'a>,
    ) {
        let fails = *x == self.0 && w[0] != 0.0;
        planes.add(|sink| {
            sink.add(x % 2, 1.0 + *x as f64);
            if fails { f64::NAN } else { 1.0 }
        });
    }
}

#[test]
fn a_fault_is_told_with_the_position_among_all_examples() {
    let examples: Vec<_> = (0..40).map(|x| Example::new(x, ())).collect();
    let none = Regulariser::default();
    for (solver, k) in [(Solver::Block, 3), (Solver::OneSlack, 3), (Solver::Block, 1)] {
        let settings = Settings::new().solver(solver).threads(1);
        let solution =
            trainer(&Failing(31), &examples, k, &settings, &none).solve(&mut go).unwrap();
        assert_eq!(solution.certificate.stop, StopReason::Fault);
        let fault = solution.certificate.oracle.fault.unwrap();
        assert_eq!((fault.example, fault.kind), (31, FaultKind::LossNotFinite), "{solver:?}");
    }
}

#[test]
fn what_cannot_be_trained_is_refused() {
    let (examples, none) = (chain::examples(20, 3, 4), Regulariser::default());
    let settings = Settings::new();
    let error = Shard::new(&CHAIN, &examples[..0], (0, 20), &settings, &none).unwrap_err();
    assert_eq!(error, SolveError::NoExamples);
    let mut heavy = chain::examples(20, 3, 4);
    heavy[3].weight = f64::NAN;
    let error = Shard::new(&CHAIN, &heavy, (7, 30), &settings, &none).unwrap_err();
    assert!(matches!(error, SolveError::Example { index: 10, .. }), "{error}");
    let error = ShardTrainer::on(Vec::<Shard<'_>>::new(), &settings).unwrap_err();
    assert!(matches!(error, StreamError::Source(_)));
    let bad = settings.c(C::Sum(-1.0));
    let error = Shard::new(&CHAIN, &examples, (0, 20), &bad, &none).unwrap_err();
    assert!(matches!(error, SolveError::Settings(_)));
}

/// Few examples for each shard: 1-slack.
#[test]
fn auto_depends_on_the_examples_of_a_shard() {
    let (examples, none) = (chain::examples(210, 3, 4), Regulariser::default());
    let settings = Settings::new().threads(1);
    for (k, expected) in [(1, Solver::Block), (2, Solver::Block), (3, Solver::OneSlack)] {
        assert_eq!(trainer(&CHAIN, &examples, k, &settings, &none).solver(), expected, "{k}");
    }
}

#[test]
fn training_starts_at_given_weights() {
    let (examples, none) = (chain::examples(60, 3, 4), Regulariser::default());
    let settings =
        Settings::new().c(C::Sum(1.0)).solver(Solver::Block).relative_gap(1e-4).threads(1);
    let found = trainer(&CHAIN, &examples, 2, &settings, &none).solve(&mut go).unwrap();
    let mut again = trainer(&CHAIN, &examples, 2, &settings, &none);
    again.start_at(&found.w).unwrap();
    let mut first = None;
    again
        .solve(&mut |progress| {
            first = first.or(Some(progress.primal).filter(|primal| primal.is_finite()));
            go(progress)
        })
        .unwrap();
    assert!((first.unwrap() - found.certificate.primal).abs() <= 1e-12 * found.certificate.primal);
}
