//! Training on examples that do not fit into memory: they are read again for each pass.
//!
//! The 1-slack method needs only the plane of each example at the w of the pass, and adds it to a
//! sum at once. So examples can be read in pieces. Memory holds one piece, w, and the planes of the
//! working set, which are sums over all examples.

use std::sync::Arc;

use crate::solve::bounds::Fault;
use crate::solve::drive::{self, drive};
use crate::solve::error::SolveError;
use crate::solve::methods::{Method, Solver};
use crate::solve::one_slack::OneSlack;
use crate::solve::oracles::{Oracles, WorkerPool, check_example};
use crate::solve::passes::{Ask, PassError, Passes, PlaneSum, Spent, UnderWay, Weights};
use crate::solve::progress::{Flow, Progress};
use crate::solve::regulariser::{Penalty, Regulariser};
use crate::solve::settings::{Settings, SettingsError};
use crate::solve::solution::Solution;
use crate::solve::state::{Keeper, State, StateError};
use crate::solve::trainer::{check_c, check_memory, check_weights};
use crate::task::{Example, Task};

/// A training set read in pieces, once per exact pass.
///
/// After each [`rewind`](Self::rewind) the same examples must come in the same pieces and order. A
/// reader of files must return an error if they do not.
pub trait Stream<T: Task> {
    /// Why examples cannot be read.
    type Error;

    /// Goes back to the first piece.
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

/// Training with the 1-slack method on [passes](Passes) of any kind: over a stream, or on several
/// machines. The result does not depend on the number of threads. It differs from the result of
/// [`Trainer`](crate::Trainer) in rounding, since planes are summed piece by piece.
pub struct StreamTrainer<'a, E> {
    settings: Settings,
    passes: Box<dyn Passes<Error = E> + 'a>,
    method: Box<dyn Method<dyn Passes<Error = E> + 'a> + 'a>,
    /// The restored state from which the next run goes on.
    resumed: Option<drive::RunState<'static>>,
}

impl<'a, E: 'a> StreamTrainer<'a, E> {
    /// Reads the stream once to count and check the examples.
    ///
    /// # Errors
    /// Settings out of range or for another solver; no examples, or an invalid one; an error of the
    /// stream.
    pub fn new<T: Task>(
        task: &'a T,
        mut stream: impl Stream<T, Error = E> + 'a,
        settings: &Settings,
    ) -> Result<Self, StreamError<E>> {
        settings.check().map_err(SolveError::from)?;
        check_solver(settings).map_err(SolveError::from)?;
        check_weights(task.dim())?;
        let (mut examples, mut weights) = (0, Weights::default());
        stream.rewind().map_err(StreamError::Source)?;
        while let Some(piece) = stream.next(task).map_err(StreamError::Source)? {
            for example in &piece {
                check_example(task, examples, example)?;
                examples += 1;
                weights.add(example.weight);
            }
        }
        let workers = Arc::new(WorkerPool::new(settings.threads)?);
        let pieces = Pieces { task, stream, workers, examples, weights, spent: Spent::default() };
        Ok(Self::on(pieces, settings)?)
    }

    /// Trains on `passes`.
    ///
    /// # Errors
    /// Settings out of range or for another solver; no examples.
    pub fn on(
        passes: impl Passes<Error = E> + 'a,
        settings: &Settings,
    ) -> Result<Self, SolveError> {
        settings.check()?;
        check_solver(settings)?;
        check_weights(passes.dim())?;
        check_memory(settings, passes.dim())?;
        if passes.is_empty() {
            return Err(SolveError::NoExamples);
        }
        check_c(passes.examples(), passes.weights(), settings)?;
        let (examples, dim) = (passes.examples(), passes.dim());
        let method = Box::new(OneSlack::new(examples, dim, *settings, Arc::default()));
        Ok(Self { settings: *settings, passes: Box::new(passes), method, resumed: None })
    }

    /// Replaces the regulariser ½‖w‖² by another one; see
    /// [`Trainer::with_regulariser`](crate::Trainer::with_regulariser).
    ///
    /// # Errors
    /// A regulariser that does not fit the task.
    pub fn with_regulariser(mut self, regulariser: &Regulariser) -> Result<Self, SolveError> {
        let (examples, dim) = (self.passes.examples(), self.passes.dim());
        let penalty = Arc::new(Penalty::new(regulariser, dim)?);
        self.method = Box::new(OneSlack::new(examples, dim, self.settings, penalty));
        self.resumed = None;
        Ok(self)
    }

    /// Makes the next run start from the weights `w`; see
    /// [`Trainer::start_at`](crate::Trainer::start_at).
    ///
    /// # Errors
    /// Weights that do not fit the task.
    pub fn start_at(&mut self, w: &[f64]) -> Result<(), SolveError> {
        let start = self.method.penalty().starting_at(w, self.passes.dim())?;
        self.method.start_at(start);
        Ok(())
    }

    /// The number of examples, n.
    pub fn examples(&self) -> usize {
        self.passes.examples()
    }

    /// Trains until one of the stopping rules holds; see [`Trainer::solve`](crate::Trainer::solve).
    ///
    /// # Errors
    /// Examples that could not be read.
    pub fn solve(&mut self, observer: &mut dyn FnMut(&Progress) -> Flow) -> Result<Solution, E> {
        self.drive(observer, None)
    }

    /// Like [`solve`](Self::solve), and calls `keeper` with the state before each pass; see
    /// [`Trainer::solve_keeping`](crate::Trainer::solve_keeping).
    ///
    /// # Errors
    /// Examples that could not be read.
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

    /// Restores a saved run on the same examples; see
    /// [`Trainer::restore`](crate::Trainer::restore).
    ///
    /// # Errors
    /// A state that does not fit.
    pub fn restore(&mut self, state: State<'_>) -> Result<(), StateError> {
        state.check(self.passes.len(), self.passes.dim(), self.method.penalty())?;
        self.method.restore(&*self.passes, state.method)?;
        self.passes.go_on_from(state.oracle_calls);
        self.resumed = Some(state.run.into_owned());
        Ok(())
    }
}

/// A stream and the task whose oracles it is passed to.
struct Pieces<'a, T: Task, S> {
    task: &'a T,
    stream: S,
    workers: Arc<WorkerPool>,
    examples: usize,
    weights: Weights,
    spent: Spent,
}

impl<T: Task, S: Stream<T>> Passes for Pieces<'_, T, S> {
    type Error = S::Error;

    fn len(&self) -> usize {
        self.examples
    }

    fn examples(&self) -> usize {
        self.examples
    }

    fn weights(&self) -> Weights {
        self.weights
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
        tick: &mut dyn FnMut(UnderWay),
    ) -> Result<PlaneSum, PassError<S::Error>> {
        let mut total = PlaneSum::new(ask.w.len());
        let mut first = 0;
        self.stream.rewind().map_err(PassError::Source)?;
        while let Some(piece) = self.stream.next(self.task).map_err(PassError::Source)? {
            if piece.is_empty() {
                continue;
            }
            let Spent { calls, seconds } = self.spent;
            let workers = Arc::clone(&self.workers);
            let mut oracles = Oracles::of(self.task, piece.iter().collect(), first, workers);
            let before = total.slacks.cost;
            let mut tick = |UnderWay { spent: more, cost }: UnderWay| {
                let spent = Spent { calls: calls + more.calls, seconds: seconds + more.seconds };
                tick(UnderWay { spent, cost: before + cost });
            };
            let sum: Result<PlaneSum, Fault> =
                oracles.sum(ask, &mut tick).map_err(PassError::into_fault);
            let more = oracles.spent();
            self.spent = Spent { calls: calls + more.calls, seconds: seconds + more.seconds };
            total.add(&sum?);
            first += piece.len();
        }
        Ok(total)
    }
}

/// Accepts only the solver that needs no planes of single examples.
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
