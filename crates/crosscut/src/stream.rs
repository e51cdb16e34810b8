//! Training on examples that do not fit into memory: they are read again for each pass.
//!
//! The 1-slack method needs nothing of an example but its plane at the w of the pass, and sums these at once. So examples may come
//! in pieces, and what stays in memory is one piece, w, and the planes of the working set, which are sums over all examples.

use crate::one_slack::{OneSlack, PassError, Passes};
use crate::oracles::{Oracles, PlaneSum, WorkerPool, check_example};
use crate::progress::{Flow, Progress, Solution, SolveError};
use crate::settings::{Settings, SettingsError, SlackNorm, Solver};
use crate::state::{SavedSolver, State, StateError, require};
use crate::task::{Example, Task};
use crate::trainer::{check_c, check_memory, check_weights};

/// Examples in pieces, which can be had again and again.
///
/// After each [`rewind`](Self::rewind) the same examples must come in the same pieces and order; who reads files says so if they do not.
pub trait Stream<T: Task> {
    /// Why examples cannot be had.
    type Error;

    /// Begins from the first piece.
    ///
    /// # Errors
    /// A source that cannot be read again.
    fn rewind(&mut self) -> Result<(), Self::Error>;

    /// The next piece, `None` after the last one.
    ///
    /// # Errors
    /// A source that cannot be read on, or that has changed.
    fn next(&mut self, task: &T) -> Result<Option<Piece<T>>, Self::Error>;
}

/// Consecutive examples.
pub type Piece<T> = Vec<Example<<T as Task>::Input, <T as Task>::Output>>;

/// Why training on a stream did not begin.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum StreamError<E> {
    /// Settings or examples that cannot be trained on.
    #[error(transparent)]
    Solve(#[from] SolveError),
    /// The stream failed.
    #[error("{0}")]
    Source(E),
}

/// Training with the 1-slack method on a stream. The result does not depend on the number of threads; it differs from that of
/// [`Trainer`](crate::Trainer) in the rounding of sums, which are taken piece by piece.
pub struct StreamTrainer<'a, T: Task, S> {
    solver: OneSlack<Pieces<'a, T, S>>,
}

/// The stream with the oracles.
struct Pieces<'a, T: Task, S> {
    task: &'a T,
    stream: S,
    /// There is one between passes.
    workers: Option<WorkerPool<T>>,
    examples: usize,
    spent: (u64, f64),
}

impl<'a, T: Task, S: Stream<T>> StreamTrainer<'a, T, S> {
    /// Reads the stream once to count and check the examples.
    ///
    /// # Errors
    /// Settings out of range or for another solver; no examples, or one that cannot be handled; what the stream says.
    pub fn new(task: &'a T, mut stream: S, settings: &Settings) -> Result<Self, StreamError<S::Error>> {
        settings.check().map_err(SolveError::from)?;
        check_solver(settings).map_err(SolveError::from)?;
        check_weights(task.dim())?;
        check_memory(settings, task.dim()).map_err(SolveError::from)?;
        // The sum of the weights, and the largest.
        let (mut examples, mut weights) = (0, [0.0, 0.0_f64]);
        stream.rewind().map_err(StreamError::Source)?;
        while let Some(piece) = stream.next(task).map_err(StreamError::Source)? {
            for example in &piece {
                check_example(task, examples, example)?;
                examples += 1;
                weights = [weights[0] + example.weight, weights[1].max(example.weight)];
            }
        }
        if examples == 0 {
            return Err(SolveError::NoExamples.into());
        }
        let [sum, largest] = weights;
        check_c(examples, [largest, sum - largest].into_iter(), settings.c).map_err(SolveError::from)?;
        let workers = Some(WorkerPool::new(settings.threads)?);
        let pieces = Pieces { task, stream, workers, examples, spent: (0, 0.0) };
        Ok(Self { solver: OneSlack::new(pieces, *settings) })
    }

    /// n.
    pub fn examples(&self) -> usize {
        self.solver.oracles().examples
    }

    /// Trains until one of the stopping rules holds; as [`Trainer::solve`](crate::Trainer::solve).
    ///
    /// # Errors
    /// What the stream says.
    pub fn solve(&mut self, observer: &mut dyn FnMut(&Progress) -> Flow) -> Result<Solution, S::Error> {
        self.solver.solve(observer, None)
    }

    /// The same, and `keeper` is shown the state before each pass; as [`Trainer::solve_keeping`](crate::Trainer::solve_keeping).
    ///
    /// # Errors
    /// What the stream says.
    pub fn solve_keeping(
        &mut self,
        observer: &mut dyn FnMut(&Progress) -> Flow,
        keeper: &mut dyn FnMut(&State<'_>),
    ) -> Result<Solution, S::Error> {
        self.solver.solve(observer, Some(keeper))
    }

    /// Goes on where a run on the same stream was kept; as [`Trainer::restore`](crate::Trainer::restore).
    ///
    /// # Errors
    /// A state that does not fit.
    pub fn restore(&mut self, state: State<'_>) -> Result<(), StateError> {
        state.check(self.examples(), self.solver.oracles().task.dim())?;
        match state.solver {
            SavedSolver::OneSlack(saved) => self.solver.restore(*saved, state.oracle_calls, state.run),
            SavedSolver::Block(_) => require(false, "it is of another solver"),
        }
    }
}

impl<T: Task, S: Stream<T>> Passes for Pieces<'_, T, S> {
    type Error = S::Error;

    fn len(&self) -> usize {
        self.examples
    }

    fn dim(&self) -> usize {
        self.task.dim()
    }

    fn spent(&self) -> (u64, f64) {
        self.spent
    }

    fn go_on_from(&mut self, calls: u64) {
        self.spent.0 = calls;
    }

    fn sum_planes(
        &mut self,
        w: &[f64],
        each: f64,
        norm: SlackNorm,
        tick: &mut dyn FnMut(u64, f64),
    ) -> Result<PlaneSum, PassError<S::Error>> {
        let mut total = PlaneSum::new(w.len());
        let mut first = 0;
        self.stream.rewind().map_err(PassError::Source)?;
        while let Some(piece) = self.stream.next(self.task).map_err(PassError::Source)? {
            if piece.is_empty() {
                continue;
            }
            let (calls, seconds) = self.spent;
            let workers = self.workers.take().expect("it is given back after each piece");
            let mut oracles = Oracles::of(self.task, piece.iter().collect(), first, workers);
            let sum = oracles.sum_planes(w, each, norm, &mut |more, longer| tick(calls + more, seconds + longer));
            self.spent = (calls + oracles.calls, seconds + oracles.seconds);
            self.workers = Some(oracles.into_workers());
            total.add(&sum.map_err(PassError::Oracle)?);
            first += piece.len();
        }
        Ok(total)
    }
}

/// Only one solver needs no planes of single examples.
fn check_solver(settings: &Settings) -> Result<(), SettingsError> {
    match settings.solver {
        Solver::Auto | Solver::OneSlack => Ok(()),
        other => Err(SettingsError {
            name: "the solver of a stream",
            expected: "auto or one-slack, which keep no planes of single examples",
            found: other.name().to_owned(),
        }),
    }
}
