//! [`Schedule`]: which passes certify, and when certificates no longer improve the bounds.

use serde::{Deserialize, Serialize};

use super::tuning::Tuning;
use crate::solve::state::{MOST_PASSES, StateError, require};

/// Units of time in which cached planes age, for each exact pass.
const TICKS: u32 = 16;

/// Counters and gaps shared between passes.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Schedule {
    /// Number of exact passes over all runs.
    pub pass: u32,
    /// Number of exact passes that certified.
    certificates: u32,
    /// Forecast of the gap that the next certificate shows.
    forecast: f64,
    /// Number of exact passes since the last certificate.
    uncertified: u32,
    /// Number of consecutive certificates that improved no bound.
    stuck: u32,
    /// Time since the last exact pass, in units of [`TICKS`] a pass.
    tick: u32,
    /// Number of approximate passes after the last exact pass.
    pub length: usize,
    /// D at the last certificate.
    last: f64,
    /// The gap met in the last exact pass.
    pub seen: f64,
}

impl Default for Schedule {
    fn default() -> Self {
        Self {
            pass: 0,
            certificates: 0,
            forecast: f64::INFINITY,
            uncertified: 0,
            stuck: 0,
            tick: 0,
            length: 0,
            last: f64::NEG_INFINITY,
            seen: f64::INFINITY,
        }
    }
}

impl Schedule {
    /// Starts a run. The counts of passes and certificates go on.
    pub fn begin(&mut self) {
        let Self { pass, certificates, .. } = *self;
        // If training continues, it may have reached its goal already: the first pass certifies.
        let forecast = if pass > 0 { 0.0 } else { f64::INFINITY };
        *self = Self { pass, certificates, forecast, ..Self::default() };
    }

    /// Whether the next pass should certify, if training stops at the gap `target`.
    pub fn certifies(&self, target: f64, tuning: &Tuning) -> bool {
        let Tuning { first_uncertified, uncertified, near, .. } = *tuning;
        let most = if self.certificates == 0 { first_uncertified } else { uncertified };
        self.uncertified >= most || self.forecast <= near * target
    }

    /// Counts an exact pass, before it starts.
    pub fn count(&mut self, certifies: bool) {
        self.pass += 1;
        self.tick = 0;
        self.certificates += u32::from(certifies);
        self.uncertified = if certifies { 0 } else { self.uncertified + 1 };
    }

    /// The time by which cached planes age.
    pub fn clock(&self) -> u32 {
        self.pass.saturating_mul(TICKS).saturating_add(self.tick)
    }

    /// The time at the start of the exact pass `passes` before the last one.
    pub fn clock_before(&self, passes: u32) -> u32 {
        self.pass.saturating_sub(passes).saturating_mul(TICKS)
    }

    /// Lets planes age within a round of approximate passes.
    pub fn tick(&mut self) {
        self.tick = (self.tick + 1).min(TICKS - 1);
    }

    /// Whether the last certificate improved a bound, or there is none.
    pub fn improves(&self) -> bool {
        self.stuck == 0
    }

    /// Whether the last pass certified.
    pub fn has_certified(&self) -> bool {
        self.uncertified == 0
    }

    /// Records a certificate: whether it improved a bound, and D. Returns whether certificates are
    /// stuck, and whether D has risen since the previous certificate.
    pub fn judge(&mut self, improved: bool, dual: f64, tuning: &Tuning) -> (bool, bool) {
        self.stuck = if improved { 0 } else { self.stuck + 1 };
        let rises = dual - self.last > 1e-15 * dual.abs();
        self.last = dual;
        (self.stuck >= tuning.stuck, rises)
    }

    /// Resets the count of certificates without improvement.
    pub fn wait(&mut self) {
        self.stuck = 0;
    }

    /// Sets the forecast of the gap that the next certificate shows.
    pub fn expect(&mut self, gap: f64) {
        self.forecast = gap;
    }

    /// Refuses a state that no run can have produced.
    pub fn check(&self) -> Result<(), StateError> {
        let Self { pass, certificates, forecast, uncertified, stuck, tick, length: _, last, seen } =
            *self;
        require(
            ![forecast, last, seen].iter().any(|number| number.is_nan()),
            "a gap is not a number",
        )?;
        let counters = [certificates, pass, uncertified, stuck];
        require(tick < TICKS, "its clock is wrong")?;
        require(
            counters.iter().all(|count| *count <= MOST_PASSES),
            "a counter is beyond all bounds",
        )
    }
}
