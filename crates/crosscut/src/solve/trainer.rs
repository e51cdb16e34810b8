//! [`solve`] and [`Trainer`]: from a task and examples to weights with a certificate.

use crate::solve::drive::{self, drive};
use crate::solve::error::{SolveError, VECTORS};
use crate::solve::methods::{Carried, Method, MethodState, Solver};
use crate::solve::oracles::Oracles;
use crate::solve::passes::Passes;
use crate::solve::progress::{Flow, Progress};
use crate::solve::settings::{C, Settings, SettingsError};
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
    observer: &mut dyn FnMut(&Progress) -> Flow,
) -> Result<Solution, SolveError>
where
    T::Input: 'a,
    T::Output: 'a,
{
    Ok(Trainer::new(task, examples, settings)?.solve(observer))
}

/// Training that can be continued: with another C, from the planes and dual variables found so far.
pub struct Trainer<'a> {
    settings: Settings,
    oracles: Oracles<'a>,
    method: Box<dyn Method<Oracles<'a>> + 'a>,
    /// Where the next run goes on, if it is one that was kept.
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
        check_c(oracles.examples(), oracles.weights().iter().copied(), settings.c)?;
        check_weights(oracles.dim())?;
        check_memory(settings, oracles.dim())?;
        let method = (Solver::entry(settings, oracles.examples()).new)(&oracles, settings);
        Ok(Self { settings: *settings, oracles, method, resumed: None })
    }

    /// Changes the regularisation constant; planes are kept and dual variables scaled with it (warm
    /// start).
    ///
    /// Training starts afresh if the constant changes by more than a factor of 1e50, or if the last
    /// run went on with another solver than the one of the settings, since that has kept no planes
    /// of single examples.
    ///
    /// # Errors
    /// A constant that is not finite and positive, or out of range.
    pub fn set_c(&mut self, c: C) -> Result<(), SolveError> {
        Settings { c, ..Settings::default() }.check()?;
        let n = self.oracles.examples();
        check_c(n, self.oracles.weights().iter().copied(), c)?;
        let factor = c.sum(n) / self.settings.c.sum(n);
        self.settings.c = c;
        let wanted = Solver::entry(&self.settings, n);
        if is_moderate(factor) && self.method.solver() == wanted.solver {
            self.method.set_c(&self.oracles, c);
        } else {
            self.method = (wanted.new)(&self.oracles, &self.settings);
        }
        Ok(())
    }

    /// Trains until one of the stopping rules holds. `observer` is called a few times a second,
    /// after each exact pass, and at the end; it may ask to stop, which takes one more exact pass
    /// to certify the weights reached.
    pub fn solve(&mut self, observer: &mut dyn FnMut(&Progress) -> Flow) -> Solution {
        self.drive(observer, None)
    }

    /// The same, and `keeper` is shown the state before each pass: what it keeps can be
    /// [restored](Self::restore) later.
    ///
    /// Training ends between two passes only, so that what was kept last lies on the way of a run
    /// that nobody stops: what the observer says and [`Settings::seconds`] count after the pass
    /// under way, and the pass that certifies the weights follows then.
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

    /// Goes on where a run was kept, with the next call of [`solve`](Self::solve): to the same bits
    /// as if it had never ended.
    ///
    /// That takes the same task, examples and settings, which the caller sees to. `threads` and
    /// `seconds` may differ, and `passes` too where it is larger than [`State::passes`]: they
    /// decide nothing before the last pass. The stopping gaps may not: they decide which passes
    /// certify.
    ///
    /// # Errors
    /// A state that does not fit: sizes, indices and numbers are checked, so that a damaged or
    /// hostile one can do no other harm than to waste the training. The trainer is not to be used
    /// after an error.
    pub fn restore(&mut self, state: State<'_>) -> Result<(), StateError> {
        state.check(self.oracles.len(), self.oracles.dim())?;
        let State { oracle_calls, run, method: saved, .. } = state;
        // One solver may have turned into another.
        if let MethodState::OneSlack(one_slack) = &saved
            && one_slack.begun_by() == self.method.solver()
            && self.method.solver() != Solver::OneSlack
        {
            let settings = Settings { solver: Solver::OneSlack, ..self.settings };
            self.method = (Solver::entry(&settings, self.oracles.examples()).new)(
                &self.oracles,
                &self.settings,
            );
        }
        self.method.restore(&self.oracles, saved)?;
        self.oracles.go_on_from(oracle_calls);
        self.resumed = Some(run.into_owned());
        Ok(())
    }

    /// What it has found, for another trainer whose examples are mostly the same.
    pub(crate) fn carry(&self) -> Option<Carried> {
        self.method.carry(&self.oracles)
    }

    /// Begins with what another trainer has found, for the examples for which `same` holds.
    pub(crate) fn adopt(&mut self, carried: Carried, same: &[bool]) {
        self.method.adopt(&self.oracles, carried, same);
    }

    /// The planes it holds, example by example, with their dual variables: where these are
    /// positive, the support vectors. The weights that they add up to are those of the highest dual
    /// value, or later ones; not always those of a [`Solution`].
    pub fn dual_variables(&self) -> Vec<DualVariable> {
        self.oracles.divide(self.method.dual_variables())
    }

    /// How many examples are different, as far as [`Task::first_of_equals`] says: equal ones are
    /// trained as one.
    pub fn different(&self) -> usize {
        self.oracles.len()
    }
}

/// Planes that are bounded must be a few at least.
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

/// Solvers make vectors of d numbers and cannot fail: whether there is memory for them is asked
/// before. A file of a few bytes may ask for any number of weights, with many classes or
/// transitions of a high order.
pub(crate) fn check_weights(dim: usize) -> Result<(), SolveError> {
    let numbers = dim.saturating_mul(VECTORS);
    let bytes = dim.saturating_mul(size_of::<f64>());
    Vec::<f64>::new()
        .try_reserve_exact(numbers)
        .map_err(|_| SolveError::Memory { weights: dim, bytes })
}

/// C times the weights, and products of such numbers, must stay within double precision.
pub(crate) fn check_c(
    n: usize,
    weights: impl Iterator<Item = f64>,
    c: C,
) -> Result<(), SettingsError> {
    let (sum, largest) =
        weights.fold((0.0, 0.0_f64), |(sum, largest), weight| (sum + weight, largest.max(weight)));
    let most = c.mean(n).max(c.sum(n) * sum);
    let least = if largest > 0.0 { c.sum(n) * largest.min(1.0) } else { c.sum(n) };
    let (expected, found) = match () {
        () if most >= 1e150 => ("below 1e150 when multiplied by the weights of the examples", most),
        () if least < 1e-305 => {
            ("at least 1e-305 when multiplied by the largest weight of an example", least)
        }
        () => return Ok(()),
    };
    Err(SettingsError { name: "C", expected, found: format!("{found:e}") })
}

/// Whether planes and dual variables can be multiplied by a factor, and their products by its
/// square, with all their digits.
fn is_moderate(factor: f64) -> bool {
    (1e-50..=1e50).contains(&factor)
}
