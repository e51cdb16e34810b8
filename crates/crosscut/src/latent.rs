//! Outputs with hidden parts: [`solve`] alternates between imputing them and training.
//!
//! The output of an example is (y, h), where y is observed and h is not: the position of an object
//! in an image, the alignment behind a translation. The objective takes the best hidden part on
//! both sides,
//!
//! ```text
//! F(w) = ½‖w‖² + (C/n) Σᵢ weightᵢ · [ max over (ȳ, h̄) of  Δ(yᵢ, ȳ) + ⟨w, Ψ(xᵢ, ȳ, h̄)⟩  −  max over h of ⟨w, Ψ(xᵢ, yᵢ, h)⟩ ]
//! ```
//!
//! which is a difference of convex functions and has local minima. With the hidden parts fixed, it
//! becomes a convex upper bound on F, equal to F at every w for which these hidden parts are the
//! best ones. A round solves this convex training problem and then imputes the hidden parts again
//! (the concave–convex procedure: Yuille and Rangarajan 2003; Yu and Joachims 2009). From round to
//! round, F therefore increases by at most the duality gap of the round.
//!
//! A [`Latent`] task has two obligations beyond those of [`Task`]: [`impute`](Latent::impute) finds
//! the best hidden part, and Δ(y, ȳ) does not depend on the hidden part of y. If its oracle reports
//! an infinite bound on what it [may have missed](crate::Planes::may_miss), F(w) has no finite
//! bound and all rounds are made.
//!
//! Examples with an unchanged hidden part keep their planes and dual variables for the next round,
//! if the solver keeps planes of single examples and the task can return its rows by name
//! ([`Task::row`]).

use std::time::Instant;

use rayon::ThreadPool;
use serde::{Deserialize, Serialize};

use crate::parallel::map_ranges;
use crate::solve::bounds::{Fault, primal};
use crate::solve::error::SolveError;
use crate::solve::methods::Carried;
use crate::solve::progress::{Flow, Progress};
use crate::solve::settings::{Settings, SettingsError};
use crate::solve::solution::{Certificate, StopReason};
use crate::solve::state::{State, StateError, require, require_finite};
use crate::solve::trainer::Trainer;
use crate::task::{Example, Task};

/// A task whose outputs have a hidden part, which is never observed. [`solve`] alternates between
/// imputing it and solving the remaining convex problem (CCCP; Yu and Joachims 2009).
///
/// `==` compares hidden parts too: the planes of an example are kept from round to round as long as
/// its output is equal to the one before.
pub trait Latent: Task<Output: PartialEq> {
    /// y with its hidden part replaced by the one that scores best under w: argmax over h of ⟨w,
    /// Ψ(x, (y, h))⟩.
    fn impute(
        &self,
        w: &[f64],
        x: &Self::Input,
        y: &Self::Output,
        scratch: &mut Self::Scratch,
    ) -> Self::Output;
}

impl<T: Latent + ?Sized> Latent for &T {
    fn impute(
        &self,
        w: &[f64],
        x: &T::Input,
        y: &T::Output,
        scratch: &mut T::Scratch,
    ) -> T::Output {
        T::impute(self, w, x, y, scratch)
    }
}

/// Stopping rules for the rounds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rounds {
    /// Stop after this many rounds, at least 1. Default 50.
    pub limit: usize,
    /// Stop when a round lowers F by at most this fraction of F. Default 1e-3. A tolerance below
    /// [`Settings::relative_gap`] is finer than the rounds can resolve.
    pub tolerance: f64,
}

impl Default for Rounds {
    fn default() -> Self {
        Self { limit: 50, tolerance: 1e-3 }
    }
}

/// Why the rounds ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RoundsStop {
    /// The last round lowered F by no more than the tolerance.
    Tolerance,
    /// The allowed number of rounds was made.
    Rounds,
    /// The allowed time was used.
    Seconds,
    /// The observer asked to stop.
    Interrupted,
    /// The separation oracle failed in a round after the first; the result is from the earlier
    /// rounds.
    Oracle(Fault),
}

/// One round: a convex training problem, then imputation.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Round {
    /// F at the weights of this round.
    pub objective: f64,
    /// Certificate of the convex problem of this round. Its primal value is at least
    /// `objective`, up to rounding.
    pub certificate: Certificate,
}

/// The result of training with hidden parts.
///
/// The certificates hold for the convex problem of each round. They give no lower bound on F: the
/// result may be only a local minimum.
#[derive(Clone, Debug, PartialEq)]
pub struct LatentSolution {
    /// The weights of the best round.
    pub w: Vec<f64>,
    /// F(w), the lowest of all rounds.
    pub objective: f64,
    /// Certificate of the best round, whose convex problem `w` solves.
    pub certificate: Certificate,
    /// All rounds in order.
    pub rounds: Vec<Round>,
    /// Why the rounds ended.
    pub stop: RoundsStop,
    /// Wall seconds in total.
    pub seconds: f64,
    /// Of these, wall seconds inside oracles while convex problems were solved.
    pub oracle_seconds: f64,
}

/// The completed rounds, as data. Together with the [`State`] of the current round, they determine
/// the rest of the run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RoundsState {
    rounds: Vec<Round>,
    /// Index of the best round, and its weights.
    best: Option<(usize, Vec<f64>)>,
    /// The weights that the current hidden parts were imputed with; `None` in the first round.
    imputed_by: Option<Vec<f64>>,
}

impl RoundsState {
    /// The rounds made so far.
    pub fn rounds(&self) -> &[Round] {
        &self.rounds
    }

    fn check(&self, dim: usize) -> Result<(), StateError> {
        let Self { rounds, best, imputed_by } = self;
        let fits = best.is_none() == rounds.is_empty() && imputed_by.is_some() == best.is_some();
        require(
            fits && best.as_ref().is_none_or(|(at, _)| *at < rounds.len()),
            "the rounds are miscounted",
        )?;
        let weights = best.iter().map(|(_, w)| w).chain(imputed_by);
        weights.into_iter().try_for_each(|w| require_finite("the weights of a round", w, dim))
    }
}

/// Trains with hidden parts.
///
/// The first round uses the hidden parts in `examples`; a good initial guess is worth more than
/// many rounds. On return, `examples` has the hidden parts that score best under the returned
/// weights.
///
/// `settings` applies to each round, except that `seconds` limits all rounds together. `observer`
/// is called as in [`Trainer::solve`] and also receives the completed rounds. When it asks
/// to stop, the current round ends with its current weights, is evaluated, and is the last. The
/// result does not depend on the number of threads.
///
/// # Errors
/// See [`SolveError`]. This includes an imputed output that the task refuses, and an oracle that
/// fails in the first round.
pub fn solve<T: Latent>(
    task: &T,
    examples: &mut [Example<T::Input, T::Output>],
    settings: &Settings,
    rounds: &Rounds,
    observer: &mut dyn FnMut(&[Round], &Progress) -> Flow,
) -> Result<LatentSolution, SolveError> {
    Driver::new(task, examples, settings, rounds)?.solve(None, observer, None)
}

/// Callback that receives the state before each pass.
pub type RoundsKeeper<'k> = dyn FnMut(&RoundsState, &State<'_>) + 'k;

/// [`solve`] with saved states: `keeper` receives the state before each pass of each round. To
/// resume, pass a saved state as `from`, with the same task, settings, rounds and examples. The
/// result then has the same bits as without the interruption. The hidden parts in `examples` must
/// be those of the first call if the state is one of the first round; later states say by which
/// weights they were imputed, and they may be any then.
///
/// # Errors
/// As [`solve`], and a state that does not fit.
pub fn solve_keeping<T: Latent>(
    task: &T,
    examples: &mut [Example<T::Input, T::Output>],
    (settings, rounds): (&Settings, &Rounds),
    from: Option<(RoundsState, State<'_>)>,
    observer: &mut dyn FnMut(&[Round], &Progress) -> Flow,
    keeper: &mut RoundsKeeper<'_>,
) -> Result<LatentSolution, SolveError> {
    Driver::new(task, examples, settings, rounds)?.solve(from, observer, Some(keeper))
}

/// Alternates between a [`Trainer`] and imputation.
struct Driver<'d, T: Latent> {
    task: &'d T,
    examples: &'d mut [Example<T::Input, T::Output>],
    settings: &'d Settings,
    limits: &'d Rounds,
    began: Instant,
    pool: ThreadPool,
    state: RoundsState,
    oracle_seconds: f64,
}

impl<'d, T: Latent> Driver<'d, T> {
    fn new(
        task: &'d T,
        examples: &'d mut [Example<T::Input, T::Output>],
        settings: &'d Settings,
        limits: &'d Rounds,
    ) -> Result<Self, SolveError> {
        limits.check()?;
        settings.check()?;
        let began = Instant::now();
        let pool = rayon::ThreadPoolBuilder::new().num_threads(settings.threads).build();
        let pool = pool.map_err(|error| SolveError::Threads(error.to_string()))?;
        let state = RoundsState::default();
        Ok(Self { task, examples, settings, limits, began, pool, state, oracle_seconds: 0.0 })
    }

    fn solve(
        mut self,
        from: Option<(RoundsState, State<'_>)>,
        observer: &mut dyn FnMut(&[Round], &Progress) -> Flow,
        mut keeper: Option<&mut RoundsKeeper<'_>>,
    ) -> Result<LatentSolution, SolveError> {
        let mut kept = None;
        if let Some((rounds, state)) = from {
            rounds.check(self.task.dim())?;
            if let Some(w) = &rounds.imputed_by {
                impute(&self.pool, self.task, w, self.examples);
            }
            (self.state, kept) = (rounds, Some(state));
        }
        // Planes of the last round, and which examples kept their hidden part.
        let mut carried: Option<(Carried, Vec<bool>)> = None;
        let stop = loop {
            let spent = self.began.elapsed().as_secs_f64();
            let left =
                self.settings.seconds.map(|seconds| (seconds - spent).max(f64::MIN_POSITIVE));
            let mut trainer = Trainer::new(
                self.task,
                &*self.examples,
                &Settings { seconds: left, ..*self.settings },
            )?;
            if let Some(state) = kept.take() {
                trainer.restore(state)?;
            } else if let Some((carried, same)) = carried.take() {
                trainer.adopt(carried, &same);
            }
            let (state, mut interrupted) = (&self.state, false);
            let mut observer = |progress: &Progress| {
                let flow = observer(&state.rounds, progress);
                interrupted |= flow.is_break();
                flow
            };
            let solution = match &mut keeper {
                None => trainer.solve(&mut observer),
                Some(keeper) => {
                    trainer.solve_keeping(&mut observer, &mut |kept| keeper(state, kept))
                }
            };
            let found = trainer.carry();
            drop(trainer);
            self.oracle_seconds += solution.oracle_seconds;
            let objective = match solution.certificate.oracle.fault {
                Some(fault) => Err(fault),
                None => {
                    let same = impute(&self.pool, self.task, &solution.w, self.examples);
                    carried = found.map(|found| (found, same));
                    // F(w) is P(w) of the convex problem with the hidden parts that are best under
                    // w.
                    self.pool
                        .install(|| primal(self.task, &*self.examples, self.settings, &solution.w))
                }
            };
            let objective = match objective {
                Ok(objective) => objective,
                Err(fault) if self.state.rounds.is_empty() => return Err(fault.into()),
                Err(fault) => break RoundsStop::Oracle(fault),
            };
            let enough =
                self.take_in(Round { objective, certificate: solution.certificate }, solution.w);
            if interrupted {
                break RoundsStop::Interrupted;
            } else if solution.certificate.stop == StopReason::Seconds {
                break RoundsStop::Seconds;
            } else if enough {
                break RoundsStop::Tolerance;
            } else if self.state.rounds.len() >= self.limits.limit {
                break RoundsStop::Rounds;
            }
        };
        Ok(self.finish(stop))
    }

    /// Records a round; returns whether it lowers F by at most the tolerance.
    fn take_in(&mut self, round: Round, w: Vec<f64>) -> bool {
        let RoundsState { rounds, best, imputed_by } = &mut self.state;
        let before = best.as_ref().map(|(at, _)| rounds[*at].objective);
        rounds.push(round);
        if before.is_none_or(|before| round.objective < before) {
            *best = Some((rounds.len() - 1, w.clone()));
        }
        *imputed_by = Some(w);
        before.is_some_and(|before| {
            before - round.objective <= self.limits.tolerance * round.objective.abs()
        })
    }

    fn finish(self, stop: RoundsStop) -> LatentSolution {
        let RoundsState { rounds, best, .. } = self.state;
        let (at, w) = best.expect("at least one round was made");
        if at + 1 < rounds.len() || matches!(stop, RoundsStop::Oracle(_)) {
            impute(&self.pool, self.task, &w, self.examples);
        }
        let Round { objective, certificate } = rounds[at];
        let (seconds, oracle_seconds) = (self.began.elapsed().as_secs_f64(), self.oracle_seconds);
        LatentSolution { w, objective, certificate, rounds, stop, seconds, oracle_seconds }
    }
}

impl Rounds {
    fn check(&self) -> Result<(), SettingsError> {
        if self.limit == 0 {
            let expected = "at least 1";
            return Err(SettingsError {
                name: "the number of rounds",
                expected,
                found: self.limit.to_string(),
            });
        }
        if !(self.tolerance.is_finite() && self.tolerance >= 0.0) {
            let expected = "a finite number of at least 0";
            return Err(SettingsError {
                name: "the tolerance",
                expected,
                found: self.tolerance.to_string(),
            });
        }
        Ok(())
    }
}

/// Replaces the hidden parts by the ones that score best under w. Returns for each example whether
/// it stayed the same.
fn impute<T: Latent>(
    pool: &ThreadPool,
    task: &T,
    w: &[f64],
    examples: &mut [Example<T::Input, T::Output>],
) -> Vec<bool> {
    let given = &*examples;
    let complete = |range: std::ops::Range<usize>| {
        let mut scratch = T::Scratch::default();
        given[range]
            .iter()
            .map(|Example { x, y, .. }| task.impute(w, x, y, &mut scratch))
            .collect::<Vec<_>>()
    };
    let imputed: Vec<_> =
        pool.install(|| map_ranges(given.len(), 64, complete)).into_iter().flatten().collect();
    let replace = |(example, y): (&mut Example<_, T::Output>, T::Output)| {
        let same = example.y == y;
        example.y = y;
        same
    };
    examples.iter_mut().zip(imputed).map(replace).collect()
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use super::*;
    use crate::data::Sink;
    use crate::solve::methods::Solver;
    use crate::solve::settings::C;
    use crate::solve::vectors::squared_norm;
    use crate::task::Planes;
    use crate::task::{FeatureMap, Task};
    use crate::testing;

    /// Bags of items: y says whether a bag is positive, h is the index of its positive item. Ψ(x,
    /// y, h) = (x_h, 1) if y, else 0.
    struct Bags;

    type Bag = Vec<[f64; 2]>;
    type Answer = (bool, usize);

    impl Bags {
        fn item(&self, w: &[f64], x: &Bag) -> (usize, f64) {
            let scores = (0..x.len()).map(|item| (item, self.score(w, x, &(true, item))));
            scores
                .reduce(|best, next| if next.1 > best.1 { next } else { best })
                .expect("bags are not empty")
        }

        fn outputs(x: &Bag) -> Vec<Answer> {
            (0..x.len()).flat_map(|item| [(false, item), (true, item)]).collect()
        }
    }

    impl Task for Bags {
        type Input = Bag;
        type Output = Answer;
        type Scratch = ();

        fn dim(&self) -> usize {
            3
        }

        fn loss(&self, _: &Bag, y: &Answer, y_hat: &Answer) -> f64 {
            f64::from(y.0 != y_hat.0)
        }

        fn predict(&self, w: &[f64], x: &Bag, (): &mut ()) -> Answer {
            let (item, score) = self.item(w, x);
            (score > 0.0, item)
        }

        fn separate<'a>(
            &'a self,
            w: &[f64],
            x: &'a Bag,
            y: &'a Answer,
            (): &mut (),
            planes: &mut Planes<'a>,
        ) {
            let (item, score) = self.item(w, x);
            let gain = if y.0 { score - 1.0 } else { score + 1.0 };
            planes.add(|sink| self.plane(x, y, &(gain > 0.0, item), sink));
        }

        fn validate(&self, x: &Bag, _: &Answer) -> Result<(), String> {
            if x.is_empty() { Err("a bag must not be empty".into()) } else { Ok(()) }
        }
    }

    impl FeatureMap for Bags {
        fn psi<'a>(&'a self, x: &'a Bag, y: &Answer, sink: &mut dyn Sink<'a>) {
            if y.0 {
                sink.add(0, x[y.1][0]);
                sink.add(1, x[y.1][1]);
                sink.add(2, 1.0);
            }
        }
    }

    impl Latent for Bags {
        fn impute(&self, w: &[f64], x: &Bag, y: &Answer, (): &mut ()) -> Answer {
            (y.0, self.item(w, x).0)
        }
    }

    /// Positive bags have one item near (1, 1); all others are scattered around (−0.3, 0). The
    /// initial h is right for half of the positive bags.
    fn examples() -> Vec<Example<Bag, Answer>> {
        let noise = testing::random_weights(40 * 8, 0.8, 11);
        let bag = |i: usize| {
            let mut bag: Bag =
                (0..4).map(|j| [noise[8 * i + 2 * j] - 0.3, noise[8 * i + 2 * j + 1]]).collect();
            if i.is_multiple_of(2) {
                bag[1 + i % 3] = [1.0 + 0.2 * noise[8 * i], 1.0];
            }
            bag
        };
        let guess = |i: usize| if i.is_multiple_of(4) { 1 + i % 3 } else { i / 2 % 4 };
        (0..40)
            .map(|i| Example::new(bag(i), (i % 2 == 0, guess(i))).with_weight(1.0 + (i % 3) as f64))
            .collect()
    }

    /// F computed by enumeration of all outputs.
    fn by_definition(examples: &[Example<Bag, Answer>], c: C, w: &[f64]) -> f64 {
        let slack = |Example { x, y, weight }: &Example<Bag, Answer>| {
            let outputs = Bags::outputs(x);
            let best = outputs
                .iter()
                .map(|y_bar| Bags.loss(x, y, y_bar) + Bags.score(w, x, y_bar))
                .fold(f64::MIN, f64::max);
            let mine =
                outputs.iter().filter(|y_hat| y_hat.0 == y.0).map(|y_hat| Bags.score(w, x, y_hat));
            weight * (best - mine.fold(f64::MIN, f64::max))
        };
        0.5 * squared_norm(w) + c.sum(examples.len()) * examples.iter().map(slack).sum::<f64>()
    }

    fn go(_: &[Round], _: &Progress) -> Flow {
        ControlFlow::Continue(())
    }

    #[test]
    fn the_task_obeys_its_contract() {
        testing::check(&Bags, &examples());
        for (seed, example) in (0..).zip(&examples()) {
            let w = testing::random_weights(3, 2.0, seed);
            let outputs = || Bags::outputs(&example.x);
            testing::check_oracle(&Bags, &w, example, outputs(), crate::Rescaling::Margin);
            testing::check_prediction(&Bags, &w, &example.x, outputs());
        }
    }

    #[test]
    fn the_objective_falls_and_is_the_one_defined() {
        let settings = Settings {
            c: C::Sum(1.0),
            relative_gap: 1e-5,
            passes: Some(100_000),
            ..Settings::default()
        };
        let mut examples = examples();
        let rounds = Rounds { tolerance: 1e-4, ..Rounds::default() };
        let solution = solve(&Bags, &mut examples, &settings, &rounds, &mut go).unwrap();
        assert_eq!(solution.stop, RoundsStop::Tolerance);
        assert!(solution.rounds.len() >= 2);
        for pair in solution.rounds.windows(2) {
            assert!(
                pair[1].objective <= pair[0].objective + pair[1].certificate.gap(),
                "{:?}",
                solution.rounds
            );
            assert!(pair[1].objective <= pair[1].certificate.primal + 1e-9);
        }
        assert!(solution.rounds.iter().all(|round| round.objective >= solution.objective));
        assert!(solution.objective < 0.9 * solution.rounds[0].objective, "{:?}", solution.rounds);

        let defined = by_definition(&examples, settings.c, &solution.w);
        assert!(
            (defined - solution.objective).abs() <= 1e-9 * defined,
            "{defined} {}",
            solution.objective
        );
        let primal = primal(&Bags, &examples, &settings, &solution.w).unwrap();
        assert!((primal - solution.objective).abs() <= 1e-9 * primal);
        for Example { x, y, .. } in &examples {
            assert_eq!(*y, Bags.impute(&solution.w, x, y, &mut ()));
        }
        // The planted items are found.
        let positive = examples.iter().enumerate().filter(|(i, _)| i % 2 == 0);
        let found = positive.filter(|(i, example)| example.y.1 == 1 + i % 3).count();
        assert!(found >= 18, "{found} of 20");
    }

    #[test]
    fn threads_do_not_change_a_bit() {
        let run = |threads| {
            let settings = Settings { c: C::Sum(0.5), threads, ..Settings::default() };
            let mut examples = examples();
            let solution =
                solve(&Bags, &mut examples, &settings, &Rounds::default(), &mut go).unwrap();
            (solution.w, solution.objective.to_bits(), solution.rounds, examples)
        };
        assert_eq!(run(1), run(2));
    }

    /// The state before each pass of all rounds, as bytes.
    type Kept = Vec<Vec<u8>>;

    fn keep_all(
        examples: &mut [Example<Bag, Answer>],
        settings: &Settings,
        rounds: &Rounds,
    ) -> (LatentSolution, Kept) {
        let mut kept = Vec::new();
        let mut keep = |rounds: &RoundsState, state: &State<'_>| {
            let mut bytes = Vec::new();
            ciborium::into_writer(&(rounds, state), &mut bytes).unwrap();
            kept.push(bytes);
        };
        let solution =
            solve_keeping(&Bags, examples, (settings, rounds), None, &mut go, &mut keep).unwrap();
        (solution, kept)
    }

    #[test]
    fn rounds_go_on_from_any_pass_to_the_same_bits() {
        for solver in [Solver::Block, Solver::OneSlack] {
            let settings =
                Settings { c: C::Sum(0.5), relative_gap: 1e-4, solver, ..Settings::default() };
            let rounds = Rounds { tolerance: 1e-4, ..Rounds::default() };
            let mut whole_examples = examples();
            let (whole, kept) = keep_all(&mut whole_examples, &settings, &rounds);
            assert!(
                whole.rounds.len() >= 3 && kept.len() > 2 * whole.rounds.len(),
                "{:?}",
                whole.rounds
            );
            let unkept = solve(&Bags, &mut examples(), &settings, &rounds, &mut go).unwrap();
            assert_eq!((&unkept.w, &unkept.rounds), (&whole.w, &whole.rounds));
            for bytes in kept.iter().step_by(3) {
                let from: (RoundsState, State<'_>) = ciborium::from_reader(&**bytes).unwrap();
                let mut again = examples();
                let keeper: &mut RoundsKeeper<'_> = &mut |_, _| {};
                let solution = solve_keeping(
                    &Bags,
                    &mut again,
                    (&settings, &rounds),
                    Some(from),
                    &mut go,
                    keeper,
                );
                let LatentSolution { w, objective, certificate, rounds, stop, .. } =
                    solution.unwrap();
                assert_eq!(
                    (&w, objective, certificate),
                    (&whole.w, whole.objective, whole.certificate)
                );
                assert_eq!(
                    (rounds, stop, &again),
                    (whole.rounds.clone(), whole.stop, &whole_examples)
                );
            }
        }
    }

    #[test]
    fn a_state_of_other_rounds_is_refused() {
        let (settings, rounds) =
            (Settings { c: C::Sum(0.5), ..Settings::default() }, Rounds::default());
        let (_, kept) = keep_all(&mut examples(), &settings, &rounds);
        let last: (RoundsState, State<'_>) =
            ciborium::from_reader(&**kept.last().unwrap()).unwrap();
        let bad = [
            RoundsState { best: None, ..last.0.clone() },
            RoundsState { imputed_by: Some(vec![f64::NAN; 3]), ..last.0.clone() },
            RoundsState { imputed_by: Some(vec![0.0; 4]), ..last.0.clone() },
            RoundsState { rounds: Vec::new(), ..last.0.clone() },
        ];
        for bad in bad {
            let state: (RoundsState, State<'_>) =
                ciborium::from_reader(&**kept.last().unwrap()).unwrap();
            let keeper: &mut RoundsKeeper<'_> = &mut |_, _| {};
            let from = Some((bad, state.1));
            let refused =
                solve_keeping(&Bags, &mut examples(), (&settings, &rounds), from, &mut go, keeper);
            assert!(matches!(refused, Err(SolveError::State(_))), "{refused:?}");
        }
    }

    /// Compares oracle calls with training from scratch on the same hidden parts.
    #[test]
    fn what_a_round_has_found_saves_calls_in_the_next() {
        let settings = Settings { c: C::Sum(0.5), relative_gap: 1e-4, ..Settings::default() };
        let rounds = |limit| Rounds { limit, tolerance: 0.0 };
        let all = solve(&Bags, &mut examples(), &settings, &rounds(6), &mut go).unwrap().rounds;
        let (mut warm, mut cold) = (0, 0);
        for (done, round) in all.iter().enumerate().skip(1) {
            let mut completed = examples();
            solve(&Bags, &mut completed, &settings, &rounds(done), &mut go).unwrap();
            let afresh = crate::solve(&Bags, &completed, &settings).unwrap();
            let (a, b) = (round.certificate, afresh.certificate);
            assert!(a.converged() && a.dual <= b.primal && b.dual <= a.primal, "{a:?} {b:?}");
            warm += a.oracle_calls;
            cold += b.oracle_calls;
        }
        assert!(4 * warm < 3 * cold, "{warm} and {cold}");
    }

    #[test]
    fn rounds_seconds_and_the_observer_end_it() {
        let settings = Settings { c: C::Sum(0.5), ..Settings::default() };
        let one = Rounds { limit: 1, tolerance: 0.0 };
        let solution = solve(&Bags, &mut examples(), &settings, &one, &mut go).unwrap();
        assert_eq!((solution.stop, solution.rounds.len()), (RoundsStop::Rounds, 1));
        let convex = crate::solve(&Bags, &examples(), &settings).unwrap();
        assert_eq!((solution.w, solution.certificate), (convex.w, convex.certificate));

        let hasty = Settings { seconds: Some(1e-9), relative_gap: 0.0, ..settings };
        let solution = solve(&Bags, &mut examples(), &hasty, &Rounds::default(), &mut go).unwrap();
        assert_eq!((solution.stop, solution.rounds.len()), (RoundsStop::Seconds, 1));
        assert!(solution.objective.is_finite());

        let precise = Settings { relative_gap: 1e-9, ..settings };
        let mut observer = |rounds: &[Round], _: &Progress| match rounds.len() {
            0 => ControlFlow::Continue(()),
            _ => ControlFlow::Break(()),
        };
        let solution =
            solve(&Bags, &mut examples(), &precise, &Rounds::default(), &mut observer).unwrap();
        assert_eq!((solution.stop, solution.rounds.len()), (RoundsStop::Interrupted, 2));
        let mut examples = examples();
        let defined =
            solve(&Bags, &mut examples, &precise, &Rounds::default(), &mut observer).unwrap();
        assert!(
            (by_definition(&examples, settings.c, &defined.w) - defined.objective).abs() < 1e-9
        );
    }

    #[test]
    fn senseless_limits_and_examples_are_refused() {
        let run = |examples: &mut [_], settings, rounds| {
            solve(&Bags, examples, &settings, &rounds, &mut go).unwrap_err()
        };
        let refused = |limit, tolerance| {
            run(&mut examples(), Settings::default(), Rounds { limit, tolerance }).to_string()
        };
        assert_eq!(refused(0, 0.1), "the number of rounds must be at least 1, not 0");
        assert_eq!(refused(1, -1.0), "the tolerance must be a finite number of at least 0, not -1");
        assert_eq!(
            refused(1, f64::NAN),
            "the tolerance must be a finite number of at least 0, not NaN"
        );
        let settings = Settings { c: C::Mean(0.0), ..Settings::default() };
        assert!(matches!(
            run(&mut examples(), settings, Rounds::default()),
            SolveError::Settings(_)
        ));
        assert_eq!(run(&mut [], Settings::default(), Rounds::default()), SolveError::NoExamples);
        let mut examples = examples();
        examples[3].x.clear();
        let error = run(&mut examples, Settings::default(), Rounds::default());
        assert_eq!(
            error,
            SolveError::Example { index: 3, message: "a bag must not be empty".into() }
        );
    }
}
