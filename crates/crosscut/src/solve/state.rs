//! [`State`]: a training run between two passes, as data.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::solve::drive;
use crate::solve::methods::MethodState;
use crate::solve::regulariser::{Fingerprint, Penalty};

/// Largest counter accepted in a saved state. It leaves room for all later passes.
pub(crate) const MOST_PASSES: u32 = u32::MAX / 2;

/// A training run between two passes: weights, planes, dual variables, averages, counters, random
/// generator and the best weights so far. It determines the rest of the run to the bit.
///
/// [`Trainer::solve_keeping`](crate::Trainer::solve_keeping) passes a state that borrows from the
/// solver and can be serialised in any format; [`Trainer::restore`](crate::Trainer::restore) takes
/// a deserialised one. The state refers to rows of the data by their [names](crate::Row::name), so
/// it is small compared with the data and useless without them. Its layout may change with every
/// version of this crate.
#[derive(Serialize, Deserialize)]
pub struct State<'s> {
    pub(crate) examples: usize,
    pub(crate) oracle_calls: u64,
    pub(crate) run: drive::RunState<'s>,
    pub(crate) method: MethodState<'s>,
    pub(crate) regulariser: Fingerprint,
    #[serde(skip)]
    pub(crate) last_pass: bool,
}

/// The callback that receives the state before each pass.
pub(crate) type Keeper<'k> = dyn FnMut(&State<'_>) + 'k;

impl State<'_> {
    /// Exact passes made so far in this run.
    pub fn passes(&self) -> f64 {
        self.oracle_calls.saturating_sub(self.run.oracle_calls_before) as f64
            / self.examples.max(1) as f64
    }

    /// Checks everything that does not depend on the solver, for a run with this number of examples
    /// and weights and this regulariser.
    pub(crate) fn check(
        &self,
        examples: usize,
        dim: usize,
        penalty: &Penalty,
    ) -> Result<(), StateError> {
        require(
            self.examples == examples,
            format!("it has {} examples, not {examples}", self.examples),
        )?;
        self.regulariser.check(penalty.fingerprint())?;
        self.run.check(dim, self.oracle_calls)
    }

    /// Whether the next pass is the last one and certifies the weights: the observer asked to stop,
    /// time is up, or no other pass is allowed.
    pub fn is_last_pass(&self) -> bool {
        self.last_pass
    }
}

impl fmt::Debug for State<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State").field("passes", &self.passes()).finish_non_exhaustive()
    }
}

/// Why a [`State`] does not fit this task, these examples and these settings.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{0}")]
pub struct StateError(pub(crate) String);

impl StateError {
    /// For [`Shards::restore`](crate::Shards::restore).
    pub fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }

    pub(crate) fn of_another_solver() -> Self {
        Self("it is of another solver".to_owned())
    }
}

/// An error with the message `otherwise` unless `holds`.
pub(crate) fn require(holds: bool, otherwise: impl Into<String>) -> Result<(), StateError> {
    if holds { Ok(()) } else { Err(StateError(otherwise.into())) }
}

/// Requires a list of the given length whose numbers are all finite.
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

/// The weights to start from that were saved, raised to their bounds; `None` if `saved` is empty.
pub(crate) fn start_of(
    saved: Cow<'_, [f64]>,
    dim: usize,
    penalty: &Penalty,
) -> Result<Option<Vec<f64>>, StateError> {
    if saved.is_empty() {
        return Ok(None);
    }
    require_finite("the weights to start from", &saved, dim)?;
    let mut start = saved.into_owned();
    penalty.clip(&mut start);
    Ok(Some(start))
}

/// Requires a number that equals the one that follows from the settings, except for rounding.
pub(crate) fn require_close(what: &str, found: f64, expected: f64) -> Result<(), StateError> {
    let close = found == expected
        || (expected.is_finite() && (found - expected).abs() <= 1e-9 * expected.abs());
    require(close, format!("{what}: expected {expected}, found {found}"))
}

impl drive::RunState<'_> {
    /// A copy that owns its memory.
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
        // If the oracle misses maxima, the primal value may be below the dual value.
        let ordered = *primal >= dual - 1e-6 * dual.abs() || !audit.is_clean();
        require(
            shown.is_finite() && shown <= primal,
            "the primal value is below what planes show",
        )?;
        require(ordered, "the primal value is below the dual value")
    }
}
