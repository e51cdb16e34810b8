//! [`solve`] and [`Trainer`]: from a task and examples to weights with a certificate.

use crate::block_coordinate::BlockCoordinate;
use crate::one_slack::OneSlack;
use crate::oracles::Oracles;
use crate::progress::{DualVariable, Flow, Progress, Solution, SolveError, VECTORS};
use crate::settings::{C, Settings, SettingsError, Solver};
use crate::state::{Keeper, SavedSolver, State, StateError, require};
use crate::task::{Example, Task};

/// Trains on examples until one of the stopping rules of `settings` holds.
///
/// # Errors
/// [`SolveError`] before the first iteration: settings out of range, no examples, an example that cannot be handled.
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
pub struct Trainer<'a, T: Task> {
    settings: Settings,
    solver: Running<'a, T>,
}

enum Running<'a, T: Task> {
    Block(Box<BlockCoordinate<'a, T>>),
    OneSlack(Box<OneSlack<Oracles<'a, T>>>),
}

impl<'a, T: Task> Running<'a, T> {
    /// The solver that the settings ask for, at its beginning.
    fn new(oracles: Oracles<'a, T>, settings: &Settings) -> Self {
        match Self::new_kind(settings, oracles.given()) {
            Solver::OneSlack => Self::OneSlack(Box::new(OneSlack::new(oracles, *settings))),
            _ => Self::Block(Box::new(BlockCoordinate::new(oracles, *settings))),
        }
    }

    /// Which one that is for n examples.
    fn new_kind(settings: &Settings, n: usize) -> Solver {
        match settings.solver.resolve(n) {
            kind if BlockCoordinate::<T>::fits(settings, n) => kind,
            _ => Solver::OneSlack,
        }
    }

    fn oracles(&self) -> &Oracles<'a, T> {
        match self {
            Self::Block(solver) => solver.oracles(),
            Self::OneSlack(solver) => solver.oracles(),
        }
    }

    fn oracles_mut(&mut self) -> &mut Oracles<'a, T> {
        match self {
            Self::Block(solver) => solver.oracles_mut(),
            Self::OneSlack(solver) => solver.oracles_mut(),
        }
    }
}

impl<'a, T: Task> Trainer<'a, T> {
    /// Checks settings and examples.
    ///
    /// # Errors
    /// See [`SolveError`].
    pub fn new(
        task: &'a T,
        examples: impl IntoIterator<Item = &'a Example<T::Input, T::Output>>,
        settings: &Settings,
    ) -> Result<Self, SolveError>
    where
        T::Input: 'a,
        T::Output: 'a,
    {
        settings.check()?;
        let oracles = Oracles::new(task, examples.into_iter().collect(), settings.threads)?;
        check_c(oracles.given(), oracles.weights(), settings.c)?;
        check_weights(oracles.dim())?;
        check_memory(settings, oracles.dim())?;
        Ok(Self { settings: *settings, solver: Running::new(oracles, settings) })
    }

    /// Changes the regularisation constant; planes are kept and dual variables scaled with it (warm start).
    ///
    /// Training starts afresh if the constant changes by more than a factor of 1e50, or if the last run went on with another
    /// solver than the one of the settings, since that has kept no planes of single examples.
    ///
    /// # Errors
    /// A constant that is not finite and positive, or out of range.
    pub fn set_c(&mut self, c: C) -> Result<(), SolveError> {
        Settings { c, ..Settings::default() }.check()?;
        let oracles = self.solver.oracles();
        let n = oracles.given();
        check_c(n, oracles.weights(), c)?;
        let factor = c.sum(n) / self.settings.c.sum(n);
        self.settings.c = c;
        let kind = Running::<T>::new_kind(&self.settings, n);
        match &mut self.solver {
            Running::Block(solver) if is_moderate(factor) => solver.set_c(c),
            Running::OneSlack(solver) if is_moderate(factor) && kind == Solver::OneSlack => solver.set_c(c),
            solver => {
                let oracles = solver.oracles_mut().take();
                self.solver = Running::new(oracles, &self.settings);
            }
        }
        Ok(())
    }

    /// Trains until one of the stopping rules holds. `observer` is called a few times a second, after each exact pass,
    /// and at the end; it may ask to stop, which takes one more exact pass to certify the weights reached.
    pub fn solve(&mut self, observer: &mut dyn FnMut(&Progress) -> Flow) -> Solution {
        self.solve_with(observer, None)
    }

    /// The same, and `keeper` is shown the state before each pass: what it keeps can be [restored](Self::restore) later.
    ///
    /// Training ends between two passes only, so that what was kept last lies on the way of a run that nobody stops: what the observer says
    /// and [`Settings::seconds`] count after the pass under way, and the pass that certifies the weights follows then.
    pub fn solve_keeping(
        &mut self,
        observer: &mut dyn FnMut(&Progress) -> Flow,
        keeper: &mut dyn FnMut(&State<'_>),
    ) -> Solution {
        self.solve_with(observer, Some(keeper))
    }

    fn solve_with(
        &mut self,
        observer: &mut dyn FnMut(&Progress) -> Flow,
        mut keeper: Option<&mut Keeper<'_>>,
    ) -> Solution {
        match &mut self.solver {
            Running::OneSlack(solver) => solver.solve(observer, keeper).unwrap_or_else(|never| match never {}),
            Running::Block(solver) => match solver.solve(observer, keeper.as_deref_mut()) {
                Ok(solution) => solution,
                // The memory does not suffice for planes of single examples.
                Err(run) => {
                    let mut solver = Box::new(solver.hand_over());
                    let solution = solver.go_on(*run, keeper).unwrap_or_else(|never| match never {});
                    self.solver = Running::OneSlack(solver);
                    solution
                }
            },
        }
    }

    /// Goes on where a run was kept, with the next call of [`solve`](Self::solve): to the same bits as if it had never ended.
    ///
    /// That takes the same task, examples and settings, which the caller sees to. `threads` and `seconds` may differ, and `passes`
    /// too where it is larger than [`State::passes`]: they decide nothing before the last pass. The stopping gaps may not: they decide
    /// which passes certify.
    ///
    /// # Errors
    /// A state that does not fit: sizes, indices and numbers are checked, so that a damaged or hostile one can do no other harm than to waste
    /// the training. The trainer is not to be used after an error.
    pub fn restore(&mut self, state: State<'_>) -> Result<(), StateError> {
        let oracles = self.solver.oracles();
        state.check(oracles.len(), oracles.dim())?;
        let State { oracle_calls, run, solver, .. } = state;
        // The one may have turned into the other.
        if let (Running::Block(solver), SavedSolver::OneSlack(saved)) = (&mut self.solver, &solver)
            && saved.was_begun_by(Solver::Block)
        {
            self.solver = Running::OneSlack(Box::new(solver.hand_over()));
        }
        match (&mut self.solver, solver) {
            (Running::Block(solver), SavedSolver::Block(saved)) => solver.restore(*saved, oracle_calls, run),
            (Running::OneSlack(solver), SavedSolver::OneSlack(saved)) => solver.restore(*saved, oracle_calls, run),
            _ => require(false, "it is of another solver"),
        }
    }

    /// The planes it holds, example by example, with their dual variables: where these are positive, the support vectors. The weights
    /// that they add up to are those of the highest dual value, or later ones; not always those of a [`Solution`].
    pub fn dual_variables(&self) -> Vec<DualVariable> {
        let variables = match &self.solver {
            Running::Block(solver) => solver.dual_variables(),
            Running::OneSlack(solver) => solver.dual_variables(),
        };
        self.solver.oracles().divide(variables)
    }

    /// How many examples are different, as far as [`Task::first_of_equals`] says: equal ones are trained as one.
    pub fn different(&self) -> usize {
        self.solver.oracles().len()
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

/// Solvers make vectors of d numbers and cannot fail: whether there is memory for them is asked before. A file of a few bytes may ask
/// for any number of weights, with many classes or transitions of a high order.
pub(crate) fn check_weights(dim: usize) -> Result<(), SolveError> {
    let numbers = dim.saturating_mul(VECTORS);
    let bytes = dim.saturating_mul(size_of::<f64>());
    Vec::<f64>::new().try_reserve_exact(numbers).map_err(|_| SolveError::Memory { weights: dim, bytes })
}

/// C times the weights, and products of such numbers, must stay within double precision.
pub(crate) fn check_c(n: usize, weights: impl Iterator<Item = f64>, c: C) -> Result<(), SettingsError> {
    let (sum, largest) = weights.fold((0.0, 0.0_f64), |(sum, largest), weight| (sum + weight, largest.max(weight)));
    let most = c.mean(n).max(c.sum(n) * sum);
    let least = if largest > 0.0 { c.sum(n) * largest.min(1.0) } else { c.sum(n) };
    let (expected, found) = match () {
        () if most >= 1e150 => ("below 1e150 when multiplied by the weights of the examples", most),
        () if least < 1e-305 => ("at least 1e-305 when multiplied by the largest weight of an example", least),
        () => return Ok(()),
    };
    Err(SettingsError { name: "C", expected, found: format!("{found:e}") })
}

/// Whether planes and dual variables can be multiplied by a factor, and their products by its square, with all their digits.
fn is_moderate(factor: f64) -> bool {
    (1e-50..=1e50).contains(&factor)
}
