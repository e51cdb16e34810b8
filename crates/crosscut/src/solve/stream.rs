//! Training on examples that do not fit into memory: they are read again for each pass.
//!
//! The 1-slack method needs nothing of an example but its plane at the w of the pass, and sums
//! these at once. So examples may come in pieces, and what stays in memory is one piece, w, and the
//! planes of the working set, which are sums over all examples.

use crate::solve::bounds::Fault;
use crate::solve::drive::{self, drive};
use crate::solve::error::SolveError;
use crate::solve::methods::{Method, Solver};
use crate::solve::one_slack::OneSlack;
use crate::solve::oracles::{Oracles, WorkerPool, check_example};
use crate::solve::passes::{Ask, PassError, Passes, PlaneSum, Spent};
use crate::solve::progress::{Flow, Progress};
use crate::solve::settings::{Settings, SettingsError};
use crate::solve::solution::Solution;
use crate::solve::state::{Keeper, State, StateError};
use crate::solve::trainer::{check_c, check_memory, check_weights};
use crate::task::{Example, Task};

/// Examples in pieces, which can be had again and again.
///
/// After each [`rewind`](Self::rewind) the same examples must come in the same pieces and order;
/// who reads files says so if they do not.
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

/// Training with the 1-slack method on [passes](Passes) of any kind: on a stream, or on several
/// machines. The result does not depend on the number of threads; it differs from that of
/// [`Trainer`](crate::Trainer) in the rounding of sums, which are taken piece by piece.
pub struct StreamTrainer<'a, E> {
    settings: Settings,
    passes: Box<dyn Passes<Error = E> + 'a>,
    method: Box<dyn Method<dyn Passes<Error = E> + 'a> + 'a>,
    /// Where the next run goes on, if it is one that was kept.
    resumed: Option<drive::RunState<'static>>,
}

impl<'a, E: 'a> StreamTrainer<'a, E> {
    /// Reads the stream once to count and check the examples.
    ///
    /// # Errors
    /// Settings out of range or for another solver; no examples, or one that cannot be handled;
    /// what the stream says.
    pub fn new<T: Task>(
        task: &'a T,
        mut stream: impl Stream<T, Error = E> + 'a,
        settings: &Settings,
    ) -> Result<Self, StreamError<E>> {
        settings.check().map_err(SolveError::from)?;
        check_solver(settings).map_err(SolveError::from)?;
        check_weights(task.dim())?;
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
        let [sum, largest] = weights;
        let workers = Some(WorkerPool::new(settings.threads)?);
        let pieces = Pieces { task, stream, workers, examples, spent: Spent::default() };
        Ok(Self::on(pieces, [largest, sum - largest], settings)?)
    }

    /// Trains on passes over examples whose weights add up to the sum of `weights`; the largest of
    /// these is that of an example.
    ///
    /// # Errors
    /// Settings out of range or for another solver; no examples.
    pub fn on(
        passes: impl Passes<Error = E> + 'a,
        weights: [f64; 2],
        settings: &Settings,
    ) -> Result<Self, SolveError> {
        settings.check()?;
        check_solver(settings)?;
        check_weights(passes.dim())?;
        check_memory(settings, passes.dim())?;
        if passes.is_empty() {
            return Err(SolveError::NoExamples);
        }
        check_c(passes.examples(), weights.into_iter(), settings.c)?;
        let method = Box::new(OneSlack::new(passes.examples(), passes.dim(), *settings));
        Ok(Self { settings: *settings, passes: Box::new(passes), method, resumed: None })
    }

    /// n.
    pub fn examples(&self) -> usize {
        self.passes.examples()
    }

    /// Trains until one of the stopping rules holds; as [`Trainer::solve`](crate::Trainer::solve).
    ///
    /// # Errors
    /// Why examples could not be had.
    pub fn solve(&mut self, observer: &mut dyn FnMut(&Progress) -> Flow) -> Result<Solution, E> {
        self.drive(observer, None)
    }

    /// The same, and `keeper` is shown the state before each pass; as
    /// [`Trainer::solve_keeping`](crate::Trainer::solve_keeping).
    ///
    /// # Errors
    /// Why examples could not be had.
    pub fn solve_keeping(
        &mut self,
        observer: &mut dyn FnMut(&Progress) -> Flow,
        keeper: &mut dyn FnMut(&State<'_>),
    ) -> Result<Solution, E> {
        self.drive(observer, Some(keeper))
    }

    fn drive(
        &mut self,
        observer: &mut dyn FnMut(&Progress) -> Flow,
        keeper: Option<&mut Keeper<'_>>,
    ) -> Result<Solution, E> {
        let resumed = self.resumed.take();
        drive(&mut *self.passes, &mut self.method, &self.settings, resumed, observer, keeper)
    }

    /// Goes on where a run on the same examples was kept; as
    /// [`Trainer::restore`](crate::Trainer::restore).
    ///
    /// # Errors
    /// A state that does not fit.
    pub fn restore(&mut self, state: State<'_>) -> Result<(), StateError> {
        state.check(self.passes.len(), self.passes.dim())?;
        self.method.restore(&*self.passes, state.method)?;
        self.passes.go_on_from(state.oracle_calls);
        self.resumed = Some(state.run.into_owned());
        Ok(())
    }
}

/// The stream with the oracles.
struct Pieces<'a, T: Task, S> {
    task: &'a T,
    stream: S,
    /// There is one between passes.
    workers: Option<WorkerPool>,
    examples: usize,
    spent: Spent,
}

impl<T: Task, S: Stream<T>> Passes for Pieces<'_, T, S> {
    type Error = S::Error;

    fn len(&self) -> usize {
        self.examples
    }

    fn dim(&self) -> usize {
        self.task.dim()
    }

    fn is_relaxed(&self) -> bool {
        self.task.is_relaxed()
    }

    fn spent(&self) -> Spent {
        self.spent
    }

    fn go_on_from(&mut self, calls: u64) {
        self.spent.calls = calls;
    }

    fn sum(
        &mut self,
        ask: Ask<'_>,
        tick: &mut dyn FnMut(Spent),
    ) -> Result<PlaneSum, PassError<S::Error>> {
        let mut total = PlaneSum::new(ask.w.len());
        let mut first = 0;
        self.stream.rewind().map_err(PassError::Source)?;
        while let Some(piece) = self.stream.next(self.task).map_err(PassError::Source)? {
            if piece.is_empty() {
                continue;
            }
            let Spent { calls, seconds } = self.spent;
            let workers = self.workers.take().expect("it is given back after each piece");
            let mut oracles = Oracles::of(self.task, piece.iter().collect(), first, workers);
            let mut tick = |more: Spent| {
                tick(Spent { calls: calls + more.calls, seconds: seconds + more.seconds })
            };
            let sum: Result<PlaneSum, Fault> =
                oracles.sum(ask, &mut tick).map_err(PassError::into_fault);
            let more = oracles.spent();
            self.spent = Spent { calls: calls + more.calls, seconds: seconds + more.seconds };
            self.workers = Some(oracles.into_workers());
            total.add(&sum?);
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
