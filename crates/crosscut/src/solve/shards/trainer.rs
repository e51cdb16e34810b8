//! [`ShardTrainer`]: from shards to weights with a certificate.

use std::fmt;
use std::fmt::Display;
use std::sync::Arc;

use super::rounds::Rounds;
use super::{Shards, Whole};
use crate::solve::drive::{self, drive};
use crate::solve::error::SolveError;
use crate::solve::methods::{Method, MethodState, Solver};
use crate::solve::one_slack::OneSlack;
use crate::solve::passes::Passes;
use crate::solve::progress::{Flow, Progress};
use crate::solve::regulariser::{Penalty, Regulariser};
use crate::solve::settings::Settings;
use crate::solve::solution::Solution;
use crate::solve::state::{Keeper, State, StateError};
use crate::solve::stream::StreamError;
use crate::solve::trainer::{check_c, check_memory, check_weights};

/// With fewer examples for each shard, [`Solver::Auto`] is the 1-slack method.
const LEAST_EACH: usize = 100;

/// Training on [shards](Shards) of the examples, in this process or elsewhere.
///
/// The result depends on the number of shards and on which examples each of them has, but not on the
/// number of threads. The optimum and the certificate are those of all examples on one machine.
///
/// ```
/// use crosscut::{Example, Planes, Regulariser, Settings, Shard, ShardTrainer, Task};
///
/// # struct Sign;
/// # impl Task for Sign {
/// #     type Input = f64;
/// #     type Output = f64;
/// #     type Scratch = ();
/// #     fn dim(&self) -> usize { 1 }
/// #     fn loss(&self, _: &f64, y: &f64, y_hat: &f64) -> f64 { f64::from(y != y_hat) }
/// #     fn predict(&self, w: &[f64], x: &f64, (): &mut ()) -> f64 { (w[0] * x).signum() }
/// #     fn separate<'a>(&'a self, w: &[f64], x: &'a f64, y: &'a f64, (): &mut (), planes: &mut Planes<'a>) {
/// #         let score = w[0] * x;
/// #         planes.add(|sink| if y * score < 0.5 { sink.add(0, 2.0 * y * x); 1.0 } else { 0.0 });
/// #     }
/// # }
/// // `Sign` is a task: w · x has the sign y.
/// let examples: Vec<_> = (1..9).map(|x| Example::new(f64::from(x), 1.0)).collect();
/// let (settings, none) = (Settings::new(), Regulariser::default());
/// let (a, b) = examples.split_at(4);
/// let shards = vec![
///     Shard::new(&Sign, a, (0, 8), &settings, &none)?,
///     Shard::new(&Sign, b, (4, 8), &settings, &none)?,
/// ];
/// let mut trainer = ShardTrainer::on(shards, &settings)?;
/// let solution = trainer.solve(&mut |_| std::ops::ControlFlow::Continue(()))?;
/// assert!(solution.certificate.converged());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct ShardTrainer<'a, E> {
    settings: Settings,
    whole: Whole<'a, E>,
    method: Box<dyn Method<Whole<'a, E>> + 'a>,
    /// The restored state from which the next run goes on.
    resumed: Option<drive::RunState<'static>>,
}

impl<'a, E: Display + 'a> ShardTrainer<'a, E> {
    /// Trains on `shards`, which were made with the same settings.
    ///
    /// [`Solver::Auto`] is the block method if there are at least 100 examples for each shard, and
    /// 1-slack otherwise. [`Settings::max_memory`] is that of each shard. If the planes of one
    /// exceed it, the 1-slack method goes on.
    ///
    /// # Errors
    /// Settings out of range; shards that cannot be reached.
    pub fn on(
        shards: impl Shards<Error = E> + 'a,
        settings: &Settings,
    ) -> Result<Self, StreamError<E>> {
        settings.check().map_err(SolveError::from)?;
        let whole = Whole::new(shards).map_err(StreamError::Source)?;
        check_weights(whole.dim())?;
        check_memory(settings, whole.dim()).map_err(SolveError::from)?;
        check_c(whole.examples(), whole.weights(), settings).map_err(SolveError::from)?;
        let method = method(&whole, settings, Arc::default());
        Ok(Self { settings: *settings, whole, method, resumed: None })
    }

    /// Replaces the regulariser ½‖w‖² by another one, with which the shards were made too; see
    /// [`Trainer::with_regulariser`](crate::Trainer::with_regulariser).
    ///
    /// # Errors
    /// A regulariser that does not fit the task.
    pub fn with_regulariser(mut self, regulariser: &Regulariser) -> Result<Self, SolveError> {
        let penalty = Arc::new(Penalty::new(regulariser, self.whole.dim())?);
        self.method = method(&self.whole, &self.settings, penalty);
        self.resumed = None;
        Ok(self)
    }

    /// Makes the first round certify the weights `w`; see
    /// [`Trainer::start_at`](crate::Trainer::start_at). The steps begin at 0 all the same.
    ///
    /// # Errors
    /// Weights that do not fit the task.
    pub fn start_at(&mut self, w: &[f64]) -> Result<(), SolveError> {
        let start = self.method.penalty().starting_at(w, self.whole.dim())?;
        self.method.start_at(start);
        Ok(())
    }

    /// The number of examples, n.
    pub fn examples(&self) -> usize {
        self.whole.examples()
    }

    /// Number of different examples, if each shard trains equal ones as one.
    pub fn different(&self) -> usize {
        self.whole.len()
    }

    /// The solver with which training begins, never `Auto`.
    pub fn solver(&self) -> Solver {
        self.method.solver()
    }

    /// Trains until one of the stopping rules holds; see [`Trainer::solve`](crate::Trainer::solve).
    /// The observer is called between rounds.
    ///
    /// # Errors
    /// Shards that cannot be reached.
    pub fn solve(&mut self, observer: &mut dyn FnMut(&Progress) -> Flow) -> Result<Solution, E> {
        self.drive(observer, None)
    }

    /// Like [`solve`](Self::solve), and calls `keeper` with the state before each pass; see
    /// [`Trainer::solve_keeping`](crate::Trainer::solve_keeping). While it is serialised, each shard
    /// is asked for its part ([`Shards::save`]).
    ///
    /// # Errors
    /// Shards that cannot be reached.
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
        drive(&mut self.whole, &mut self.method, &self.settings, resumed, observer, keeper)
    }

    /// Restores a saved run on the same shards; see [`Trainer::restore`](crate::Trainer::restore).
    ///
    /// # Errors
    /// A state that does not fit, such as one of another number of shards; shards that cannot be
    /// reached.
    pub fn restore(&mut self, state: State<'_>) -> Result<(), StateError> {
        let penalty = Arc::clone(self.method.penalty());
        state.check(self.whole.len(), self.whole.dim(), &penalty)?;
        let State { oracle_calls, run, method: saved, .. } = state;
        let saved = match saved {
            MethodState::Rounds(mut saved) => {
                self.whole.restore(saved.take_shards())?;
                self.whole.recall(saved.tally);
                MethodState::Rounds(saved)
            }
            // The saved run may have switched to the 1-slack method.
            MethodState::OneSlack(saved) if saved.begun_by() == self.method.solver() => {
                let (n, dim) = (self.whole.examples(), self.whole.dim());
                self.method = Box::new(OneSlack::new(n, dim, self.settings, penalty));
                MethodState::OneSlack(saved)
            }
            other => other,
        };
        self.method.restore(&self.whole, saved)?;
        self.whole.go_on_from(oracle_calls);
        self.resumed = Some(run.into_owned());
        Ok(())
    }
}

/// The method that the settings ask for.
fn method<'a, E: Display + 'a>(
    whole: &Whole<'a, E>,
    settings: &Settings,
    penalty: Arc<Penalty>,
) -> Box<dyn Method<Whole<'a, E>> + 'a> {
    let (n, shards, dim) = (whole.examples(), whole.shards(), whole.dim());
    let is_block = match settings.solver {
        Solver::Auto => n >= LEAST_EACH * shards,
        solver => solver == Solver::Block,
    };
    if is_block {
        Box::new(Rounds::new((n, shards), dim, *settings, penalty))
    } else {
        Box::new(OneSlack::new(n, dim, *settings, penalty))
    }
}

impl<E> fmt::Debug for ShardTrainer<'_, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ShardTrainer").finish_non_exhaustive()
    }
}
