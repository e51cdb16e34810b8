//! [`solve`] and [`Trainer`]: from a task and examples to weights with a certificate.

use crate::block_coordinate::BlockCoordinate;
use crate::one_slack::OneSlack;
use crate::oracles::Oracles;
use crate::progress::{DualVariable, Flow, Progress, Solution, SolveError};
use crate::settings::{C, Settings, SettingsError, Solver};
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
    state: State<'a, T>,
}

enum State<'a, T: Task> {
    Block(Box<BlockCoordinate<'a, T>>),
    OneSlack(Box<OneSlack<Oracles<'a, T>>>),
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
        check_overflow(oracles.len(), oracles.weights().sum(), settings.c)?;
        check_memory(settings, oracles.dim())?;
        let state = match settings.solver.resolve(oracles.len()) {
            Solver::OneSlack => State::OneSlack(Box::new(OneSlack::new(oracles, *settings))),
            kind if BlockCoordinate::<T>::fits(settings, oracles.len()) => {
                State::Block(Box::new(BlockCoordinate::new(oracles, *settings, kind)))
            }
            _ => State::OneSlack(Box::new(OneSlack::new(oracles, *settings))),
        };
        Ok(Self { state })
    }

    /// Changes the regularisation constant; planes are kept and dual variables scaled with it (warm start).
    ///
    /// # Errors
    /// A constant that is not finite and positive.
    pub fn set_c(&mut self, c: C) -> Result<(), SolveError> {
        Settings { c, ..Settings::default() }.check()?;
        match &mut self.state {
            State::Block(solver) => {
                check_overflow(solver.oracles().len(), solver.oracles().weights().sum(), c)?;
                solver.set_c(c);
            }
            State::OneSlack(solver) => {
                check_overflow(solver.oracles().len(), solver.oracles().weights().sum(), c)?;
                solver.set_c(c);
            }
        }
        Ok(())
    }

    /// Trains until one of the stopping rules holds. `observer` is called a few times a second, after each exact pass,
    /// and at the end; it may ask to stop, which takes one more exact pass to certify the weights reached.
    pub fn solve(&mut self, observer: &mut dyn FnMut(&Progress) -> Flow) -> Solution {
        match &mut self.state {
            State::OneSlack(solver) => solver.solve(observer).unwrap_or_else(|never| match never {}),
            State::Block(solver) => match solver.solve(observer) {
                Ok(solution) => solution,
                // The memory does not suffice for planes of single examples.
                Err(run) => {
                    let mut solver = Box::new(solver.hand_over());
                    let solution = solver.go_on(*run).unwrap_or_else(|never| match never {});
                    self.state = State::OneSlack(solver);
                    solution
                }
            },
        }
    }

    /// The planes it holds, example by example, with their dual variables: where these are positive, the support vectors. The weights
    /// that they add up to are those of the highest dual value, or later ones; not always those of a [`Solution`].
    pub fn dual_variables(&self) -> Vec<DualVariable> {
        match &self.state {
            State::Block(solver) => solver.dual_variables(),
            State::OneSlack(solver) => solver.dual_variables(),
        }
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

/// C times the weights must stay within double precision.
pub(crate) fn check_overflow(n: usize, weight: f64, c: C) -> Result<(), SettingsError> {
    let most = c.mean(n).max(c.sum(n) * weight);
    if most < 1e150 {
        return Ok(());
    }
    let expected = "below 1e150 when multiplied by the weights of the examples";
    Err(SettingsError { name: "C", expected, found: format!("{most:e}") })
}
