//! [`Schedule`]: which passes certify, and when they no longer help.

use serde::{Deserialize, Serialize};

use super::tuning::TUNING;
use crate::solve::state::{MOST_PASSES, StateError, require};

/// What the passes tell each other.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Schedule {
    /// Exact passes made in all runs.
    pub pass: u32,
    /// Certifying ones of these.
    certificates: u32,
    /// The gap that a certificate is expected to show.
    forecast: f64,
    /// Exact passes since the last certificate.
    uncertified: u32,
    /// Certificates in a row that improved nothing.
    stuck: u32,
    /// D at the last certificate.
    last: f64,
    /// The gap that the last pass has met.
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
            last: f64::NEG_INFINITY,
            seen: f64::INFINITY,
        }
    }
}

impl Schedule {
    /// A run begins, with what was found before.
    pub fn begin(&mut self) {
        let Self { pass, certificates, .. } = *self;
        // Where training goes on, it may be done already.
        let forecast = if pass > 0 { 0.0 } else { f64::INFINITY };
        *self = Self { pass, certificates, forecast, ..Self::default() };
    }

    /// Whether the next pass should certify, if training stops at the gap `target`.
    pub fn certifies(&self, target: f64) -> bool {
        let most =
            if self.certificates == 0 { TUNING.first_uncertified } else { TUNING.uncertified };
        self.uncertified >= most || self.forecast <= TUNING.near * target
    }

    /// An exact pass begins.
    pub fn count(&mut self, certifies: bool) {
        self.pass += 1;
        self.certificates += u32::from(certifies);
        self.uncertified = if certifies { 0 } else { self.uncertified + 1 };
    }

    /// Whether the last pass has certified.
    pub fn has_certified(&self) -> bool {
        self.uncertified == 0
    }

    /// Takes in whether a certificate has improved a bound, and D there. Returns whether the
    /// certificates are stuck, and whether D has risen since the one before.
    pub fn judge(&mut self, improved: bool, dual: f64) -> (bool, bool) {
        self.stuck = if improved { 0 } else { self.stuck + 1 };
        let rises = dual - self.last > 1e-15 * dual.abs();
        self.last = dual;
        (self.stuck >= TUNING.stuck, rises)
    }

    /// Gives the certificates time again.
    pub fn wait(&mut self) {
        self.stuck = 0;
    }

    /// What the next certificate is expected to show.
    pub fn expect(&mut self, gap: f64) {
        self.forecast = gap;
    }

    /// Refuses what cannot have come about.
    pub fn check(&self) -> Result<(), StateError> {
        let Self { pass, certificates, forecast, uncertified, stuck, last, seen } = *self;
        require(
            ![forecast, last, seen].iter().any(|number| number.is_nan()),
            "a gap is not a number",
        )?;
        let counters = [certificates, pass, uncertified, stuck];
        require(
            counters.iter().all(|count| *count <= MOST_PASSES),
            "a counter is beyond all bounds",
        )
    }
}
