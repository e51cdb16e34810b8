//! [`solve`] and [`Trainer`]: from a task and examples to weights with a certificate.

use std::sync::Arc;

use crate::solve::drive::{self, drive};
use crate::solve::error::{SolveError, VECTORS};
use crate::solve::methods::{Carried, Method, MethodState, Solver};
use crate::solve::oracles::Oracles;
use crate::solve::passes::{Passes, Weights};
use crate::solve::progress::{Flow, Progress};
use crate::solve::regulariser::{Penalty, Regulariser};
use crate::solve::settings::{C, Settings, SettingsError, SlackNorm};
use crate::solve::solution::DualVariable;
use crate::solve::solution::Solution;
use crate::solve::state::{Keeper, State, StateError};
use crate::task::{Example, Task};

/// Trains on examples until one of the stopping rules of `settings` holds.
///
/// # Errors
/// [`SolveError`] before the first iteration: settings out of range, no examples, an example that
/// cannot be handled.
pub fn solve<'a, T: Task>(
    task: &'a T,
    examples: impl IntoIterator<Item = &'a Example<T::Input, T::Output>>,
    settings: &Settings,
) -> Result<Solution, SolveError>
where
    T::Input: 'a,
    T::Output: 'a,
{
    solve_observed(task, examples, settings, &mut |_| Flow::Continue(()))
}

/// [`solve`] with an observer, which is called as in [`Trainer::solve`]: it sees the progress, and
/// may end training early.
///
/// # Errors
/// As [`solve`].
pub fn solve_observed<'a, T: Task>(
    task: &'a T,
    examples: impl IntoIterator<Item = &'a Example<T::Input, T::Output>>,
    settings: &Settings,
    observer: &mut dyn FnMut(&Progress) -> Flow,
) -> Result<Solution, SolveError>
where
    T::Input: 'a,
    T::Output: 'a,
{
    Ok(Trainer::new(task, examples, settings)?.solve(observer))
}

/// A training run that can be continued with another C, from the planes and dual variables found so
/// far.
pub struct Trainer<'a> {
    settings: Settings,
    oracles: Oracles<'a>,
    method: Box<dyn Method<Oracles<'a>> + 'a>,
    /// The restored state from which the next run goes on.
    resumed: Option<drive::RunState<'static>>,
}

impl<'a> Trainer<'a> {
    /// Checks settings and examples.
    ///
    /// # Errors
    /// See [`SolveError`].
    pub fn new<T: Task>(
        task: &'a T,
        examples: impl IntoIterator<Item = &'a Example<T::Input, T::Output>>,
        settings: &Settings,
    ) -> Result<Self, SolveError>
    where
        T::Input: 'a,
        T::Output: 'a,
    {
        settings.check()?;
        Self::with_oracles(Oracles::new(task, examples, settings.threads)?, settings)
    }

    fn with_oracles(oracles: Oracles<'a>, settings: &Settings) -> Result<Self, SolveError> {
        check_c(oracles.examples(), oracles.weights(), settings)?;
        check_weights(oracles.dim())?;
        check_memory(settings, oracles.dim())?;
        let entry = Solver::entry(settings, oracles.examples());
        let method = (entry.new)(&oracles, settings, Arc::default());
        Ok(Self { settings: *settings, oracles, method, resumed: None })
    }

    /// Replaces the regulariser ½‖w‖² by another one: prior weights, lower bounds. Training starts
    /// from zero, so planes found before are dropped.
    ///
    /// With lower bounds, the block solver does not accelerate its steps; it still solves the dual of
    /// all planes jointly if that is due ([`BlockSettings::acceleration`]).
    ///
    /// # Errors
    /// A regulariser that does not fit the task: see [`Regulariser::check`].
    ///
    /// [`BlockSettings::acceleration`]: crate::BlockSettings::acceleration
    pub fn with_regulariser(self, regulariser: &Regulariser) -> Result<Self, SolveError> {
        let Self { settings, oracles, method, .. } = self;
        let penalty = Arc::new(Penalty::new(regulariser, oracles.dim())?);
        // It may have as much memory as all examples; the next one needs as much.
        drop(method);
        let entry = Solver::entry(&settings, oracles.examples());
        let method = (entry.new)(&oracles, &settings, penalty);
        Ok(Self { settings, oracles, method, resumed: None })
    }

    /// Makes the next run start from the weights `w`, such as those of a model of similar examples
    /// or of another C: its first pass calls all oracles at `w`. The objective, its optimum and the
    /// certificate are those of any run; only the number of passes differs.
    ///
    /// The block solver then takes its first steps around `w`, unless acceleration is off or weights
    /// have lower bounds. That saves passes, and time where oracles are expensive or weights few: the
    /// accelerated steps cost as much as cheap oracles. The 1-slack method has only one more plane.
    ///
    /// Weights below their lower bounds are raised to them. A regulariser must be set before.
    ///
    /// # Errors
    /// Another number of weights than the task has; a weight that is not finite or is above 1e150
    /// in absolute value.
    pub fn start_at(&mut self, w: &[f64]) -> Result<(), SolveError> {
        let start = self.method.penalty().starting_at(w, self.oracles.dim())?;
        self.method.start_at(start);
        Ok(())
    }

    /// Changes the regularisation constant. Planes are kept and dual variables scaled with it (warm
    /// start).
    ///
    /// Training starts from zero if the constant changes by more than a factor of 1e50, or if the
    /// last run ended with a solver other than the one in the settings, since that solver keeps no
    /// planes of single examples.
    ///
    /// # Errors
    /// A constant that is not finite and positive, or out of range.
    pub fn set_c(&mut self, c: C) -> Result<(), SolveError> {
        Settings { c, ..Settings::default() }.check()?;
        let n = self.oracles.examples();
        check_c(n, self.oracles.weights(), &Settings { c, ..self.settings })?;
        let factor = c.sum(n) / self.settings.c.sum(n);
        self.settings.c = c;
        let wanted = Solver::entry(&self.settings, n);
        if is_moderate(factor) && self.method.solver() == wanted.solver {
            self.method.set_c(&self.oracles, c);
        } else {
            let penalty = Arc::clone(self.method.penalty());
            self.method = (wanted.new)(&self.oracles, &self.settings, penalty);
        }
        Ok(())
    }

    /// Trains until one of the stopping rules holds. `observer` is called a few times a second,
    /// after each exact pass, and at the end. If it asks to stop, one more exact pass certifies the
    /// weights reached.
    pub fn solve(&mut self, observer: &mut dyn FnMut(&Progress) -> Flow) -> Solution {
        self.drive(observer, None)
    }

    /// Like [`solve`](Self::solve), and calls `keeper` with the state before each pass. A saved
    /// state can be [restored](Self::restore) later.
    ///
    /// Training ends only between two passes, so the last state saved is one that an uninterrupted
    /// run would also reach. A request of the observer to stop, or the end of
    /// [`Settings::seconds`], takes effect after the pass under way; the pass that certifies the
    /// weights then follows.
    pub fn solve_keeping(
        &mut self,
        observer: &mut dyn FnMut(&Progress) -> Flow,
        keeper: &mut dyn FnMut(&State<'_>),
    ) -> Solution {
        self.drive(observer, Some(keeper))
    }

    fn drive(
        &mut self,
        observer: &mut dyn FnMut(&Progress) -> Flow,
        keeper: Option<&mut Keeper<'_>>,
    ) -> Solution {
        let resumed = self.resumed.take();
        let solution =
            drive(&mut self.oracles, &mut self.method, &self.settings, resumed, observer, keeper);
        solution.unwrap_or_else(|never| match never {})
    }

    /// Restores a saved run. The next call of [`solve`](Self::solve) continues it and gives the
    /// same bits as an uninterrupted run.
    ///
    /// The caller must provide the same task, examples, settings and regulariser. `threads` and `seconds` may
    /// differ, and so may `passes` if it is larger than [`State::passes`]: they affect nothing
    /// before the last pass. The stopping gaps must not differ: they decide which passes certify.
    ///
    /// # Errors
    /// A state that does not fit. Sizes, indices and numbers are checked, so a damaged or hostile
    /// state can only make training useless. After an error the trainer must not be used.
    pub fn restore(&mut self, state: State<'_>) -> Result<(), StateError> {
        state.check(self.oracles.len(), self.oracles.dim(), self.method.penalty())?;
        let State { oracle_calls, run, method: saved, .. } = state;
        // The saved run may have switched to the 1-slack method.
        if let MethodState::OneSlack(one_slack) = &saved
            && one_slack.begun_by() == self.method.solver()
            && self.method.solver() != Solver::OneSlack
        {
            let settings = Settings { solver: Solver::OneSlack, ..self.settings };
            self.method = (Solver::entry(&settings, self.oracles.examples()).new)(
                &self.oracles,
                &self.settings,
                Arc::clone(self.method.penalty()),
            );
        }
        self.method.restore(&self.oracles, saved)?;
        self.oracles.go_on_from(oracle_calls);
        self.resumed = Some(run.into_owned());
        Ok(())
    }

    /// The planes found, for another trainer that has mostly the same examples.
    pub(crate) fn carry(&self) -> Option<Carried> {
        self.method.carry(&self.oracles)
    }

    /// Adopts the planes that another trainer has found, for the examples with `same[position]`.
    pub(crate) fn adopt(&mut self, carried: Carried, same: &[bool]) {
        self.method.adopt(&self.oracles, carried, same);
    }

    /// The planes, in the order of the examples, with their dual variables. Planes with a positive
    /// dual variable are the support vectors. They add up to the weights with the highest dual
    /// value, or to later ones; these are not always the weights of a [`Solution`].
    pub fn dual_variables(&self) -> Vec<DualVariable> {
        self.oracles.divide(self.method.dual_variables())
    }

    /// The number of different examples according to [`Task::first_of_equals`]. Equal examples are
    /// trained as one.
    pub fn different(&self) -> usize {
        self.oracles.len()
    }
}

/// Checks that [`Settings::max_memory`] has room for four planes of `dim` weights.
pub(crate) fn check_memory(settings: &Settings, dim: usize) -> Result<(), SettingsError> {
    let least = Settings::least_memory(dim);
    match settings.max_memory {
        Some(bytes) if bytes < least => Err(SettingsError {
            name: "the memory for planes",
            expected: "room for four of them, with 8 bytes a weight each",
            found: format!("{bytes} bytes: {dim} weights need {least}"),
        }),
        _ => Ok(()),
    }
}

/// Checks that memory for [`VECTORS`] vectors of `dim` weights can be reserved, since solvers
/// allocate them and cannot return an error. A model file of a few bytes may ask for any number of
/// weights, through many classes or transitions of a high order.
pub(crate) fn check_weights(dim: usize) -> Result<(), SolveError> {
    let numbers = dim.saturating_mul(VECTORS);
    let bytes = dim.saturating_mul(size_of::<f64>());
    Vec::<f64>::new()
        .try_reserve_exact(numbers)
        .map_err(|_| SolveError::Memory { weights: dim, bytes })
}

/// Checks that C times the example weights, and products of such numbers, stay within the range of
/// double precision.
pub(crate) fn check_c(
    n: usize,
    Weights { sum, largest, smallest }: Weights,
    settings: &Settings,
) -> Result<(), SettingsError> {
    let (mean, each) = (settings.c.mean(n), settings.c.sum(n));
    let most = mean.max(each * sum);
    let least = if largest > 0.0 { each * largest.min(1.0) } else { each };
    // The conjugate of a squared slack divides by its cost.
    let squared = settings.slack_norm == SlackNorm::Squared && smallest.is_finite();
    let tiny = if squared { each * smallest } else { f64::INFINITY };
    let (expected, found) = match () {
        () if most >= 1e150 => ("below 1e150 when multiplied by the weights of the examples", most),
        () if least < 1e-305 => {
            ("at least 1e-305 when multiplied by the largest weight of an example", least)
        }
        () if tiny < 1e-305 => {
            let expected = "at least 1e-305 when multiplied by the weight of an example, since \
                            slacks are squared";
            (expected, tiny)
        }
        () => return Ok(()),
    };
    Err(SettingsError { name: "C", expected, found: format!("{found:e}") })
}

/// Whether planes and dual variables can be multiplied by `factor`, and their products by its
/// square, without overflow or lost digits.
fn is_moderate(factor: f64) -> bool {
    (1e-50..=1e50).contains(&factor)
}
