//! [`State`]: a training run between two passes, as data.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::solve::drive;
use crate::solve::methods::MethodState;

/// Counters beyond this are not those of a run: there is room for all that can follow.
pub(crate) const MOST_PASSES: u32 = u32::MAX / 2;

/// A training run between two passes: weights, planes, dual variables, averages, counters, random
/// generator, best weights so far, which is everything that decides what follows, to the bit.
///
/// [`Trainer::solve_keeping`](crate::Trainer::solve_keeping) shows it, borrowed from the solver, to
/// be serialised in whatever format; [`Trainer::restore`](crate::Trainer::restore) takes what was
/// deserialised. Rows of the data stand in it by their [names](crate::Row::name), so it is small
/// beside the data and means nothing without them. Its layout may change with every version of this
/// crate.
#[derive(Serialize, Deserialize)]
pub struct State<'s> {
    pub(crate) examples: usize,
    pub(crate) oracle_calls: u64,
    pub(crate) run: drive::RunState<'s>,
    pub(crate) method: MethodState<'s>,
    #[serde(skip)]
    pub(crate) last_pass: bool,
}

/// Who is shown the state before each pass.
pub(crate) type Keeper<'k> = dyn FnMut(&State<'_>) + 'k;

impl State<'_> {
    /// Exact passes made so far in this run.
    pub fn passes(&self) -> f64 {
        self.oracle_calls.saturating_sub(self.run.oracle_calls_before) as f64
            / self.examples.max(1) as f64
    }

    /// Whether it can be that of a run with so many examples and weights, as far as that does not
    /// depend on the solver.
    pub(crate) fn check(&self, examples: usize, dim: usize) -> Result<(), StateError> {
        require(
            self.examples == examples,
            format!("it has {} examples, not {examples}", self.examples),
        )?;
        self.run.check(dim, self.oracle_calls)
    }

    /// Whether training ends after one more pass, which certifies the weights: the observer said
    /// so, time is up, or no other pass is allowed.
    pub fn is_last_pass(&self) -> bool {
        self.last_pass
    }
}

impl fmt::Debug for State<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State").field("passes", &self.passes()).finish_non_exhaustive()
    }
}

/// Why a [`State`] cannot be that of a run with this task, these examples and these settings.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{0}")]
pub struct StateError(pub(crate) String);

impl StateError {
    pub(crate) fn of_another_solver() -> Self {
        Self("it is of another solver".to_owned())
    }
}

/// Refuses a state unless something holds.
pub(crate) fn require(holds: bool, otherwise: impl Into<String>) -> Result<(), StateError> {
    if holds { Ok(()) } else { Err(StateError(otherwise.into())) }
}

/// Refuses lists of the wrong length, and numbers that are not finite.
pub(crate) fn require_finite(what: &str, numbers: &[f64], length: usize) -> Result<(), StateError> {
    require(
        numbers.len() == length,
        format!("{what}: expected {length} numbers, found {}", numbers.len()),
    )?;
    require(
        numbers.iter().all(|number| number.is_finite()),
        format!("{what}: not all are finite numbers"),
    )
}

/// Refuses a number that is not, but for rounding, the one that the settings lead to.
pub(crate) fn require_close(what: &str, found: f64, expected: f64) -> Result<(), StateError> {
    let close = found == expected
        || (expected.is_finite() && (found - expected).abs() <= 1e-9 * expected.abs());
    require(close, format!("{what}: expected {expected}, found {found}"))
}

impl drive::RunState<'_> {
    /// The same with memory of its own.
    pub(crate) fn into_owned(self) -> drive::RunState<'static> {
        let best = self.best.map(|(primal, shown, w)| (primal, shown, Cow::Owned(w.into_owned())));
        drive::RunState { best, ..self }
    }

    pub(crate) fn check(&self, dim: usize, oracle_calls: u64) -> Result<(), StateError> {
        let Self { oracle_calls_before, best, lowest, dual, last, audit } = self;
        require(
            *oracle_calls_before <= oracle_calls && oracle_calls <= u64::MAX / 2,
            "the calls of oracles are miscounted",
        )?;
        require(
            *dual < f64::INFINITY && !last.0.is_nan() && !last.1.is_nan() && *lowest >= 0.0,
            "a bound is not a number",
        )?;
        let Some((primal, shown, w)) = best else { return Ok(()) };
        require_finite("the best weights", w, dim)?;
        // An oracle that misses maxima may leave them the other way round.
        let ordered = *primal >= dual - 1e-6 * dual.abs() || !audit.is_clean();
        require(
            shown.is_finite() && shown <= primal,
            "the primal value is below what planes show",
        )?;
        require(ordered, "the primal value is below the dual value")
    }
}
