//! What every solver does around its iterations: watching the clock, telling the observer, keeping the best weights.

use std::borrow::Cow;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::plane::off;
use crate::progress::{Certificate, Flow, Moment, Progress, Solution, StopReason, relative_gap};
use crate::settings::{Settings, Solver};

/// One call of a solver: the clock, the observer, and the bounds found.
pub(crate) struct Run<'o> {
    observer: &'o mut dyn FnMut(&Progress) -> Flow,
    settings: Settings,
    /// The one that runs; it may change.
    pub solver: Solver,
    /// C of the mean slack.
    c: f64,
    examples: usize,
    began: Instant,
    told: Instant,
    oracle_calls_before: u64,
    oracle_seconds_before: f64,
    /// The lowest certified primal value and its weights.
    best: Option<(f64, Vec<f64>)>,
    /// The highest dual value.
    pub dual: f64,
    /// P and D when last asked whether they improve.
    last: (f64, f64),
    interrupted: bool,
    /// Training may end only between steps, where its state has been kept.
    whole_steps: bool,
    /// The pass under way is the last one.
    ending: bool,
}

/// A run between two steps, as data.
#[derive(Serialize, Deserialize)]
pub(crate) struct Saved<'s> {
    pub oracle_calls_before: u64,
    pub best: Option<(f64, Cow<'s, [f64]>)>,
    pub dual: f64,
    pub last: (f64, f64),
}

/// Counters that a solver keeps and a run reports.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Counts {
    pub oracle_calls: u64,
    pub oracle_seconds: f64,
    pub planes: usize,
    pub support: usize,
    pub planes_found: u64,
    /// Bytes of the planes, and the most there were.
    pub bytes: (usize, usize),
}

impl<'o> Run<'o> {
    pub fn new(
        observer: &'o mut dyn FnMut(&Progress) -> Flow,
        settings: Settings,
        solver: Solver,
        examples: usize,
        counts: Counts,
    ) -> Self {
        let now = Instant::now();
        Self {
            observer,
            settings,
            solver,
            c: settings.c.mean(examples),
            examples,
            began: now,
            told: now,
            oracle_calls_before: counts.oracle_calls,
            oracle_seconds_before: counts.oracle_seconds,
            best: None,
            // At α = 0.
            dual: 0.0,
            last: (f64::INFINITY, f64::NEG_INFINITY),
            interrupted: false,
            whole_steps: false,
            ending: false,
        }
    }

    /// The clock and the observer end training between two steps only, after [`is_last_pass`](Self::is_last_pass) has said so.
    pub fn keep_steps_whole(&mut self) {
        self.whole_steps = true;
    }

    pub fn save(&self) -> Saved<'_> {
        let best = self.best.as_ref().map(|(primal, w)| (*primal, w.into()));
        Saved { oracle_calls_before: self.oracle_calls_before, best, dual: self.dual, last: self.last }
    }

    /// Goes on where another run was saved.
    pub fn restore(&mut self, saved: Saved<'_>) {
        self.oracle_calls_before = saved.oracle_calls_before;
        self.best = saved.best.map(|(primal, w)| (primal, w.into_owned()));
        self.dual = saved.dual;
        self.last = saved.last;
    }

    /// Takes in a primal value P(w) computed from oracle answers at this very w, and adds what rounding may have taken from its sums.
    ///
    /// One that overflows certifies nothing, and ends the run if there is no other; its weights are 0 then.
    pub fn certify(&mut self, primal: f64, w: &[f64]) {
        // The slacks are summed one after the other, the squares of w in eight parts.
        let primal = primal * (1.0 + off(self.examples + w.len() / 8));
        if !primal.is_finite() {
            self.best.get_or_insert_with(|| (f64::INFINITY, vec![0.0; w.len()]));
            return;
        }
        match &mut self.best {
            Some((best, _)) if *best <= primal => {}
            Some((best, kept)) => {
                *best = primal;
                kept.copy_from_slice(w);
            }
            None => self.best = Some((primal, w.to_vec())),
        }
    }

    /// Takes in a dual value, and by how much it may be too large.
    pub fn raise(&mut self, dual: f64, rounding: f64) {
        let dual = dual - rounding;
        if dual.is_finite() {
            self.dual = self.dual.max(dual);
        }
    }

    /// The lowest certified primal value, infinite without one.
    pub fn primal(&self) -> f64 {
        self.best.as_ref().map_or(f64::INFINITY, |(primal, _)| *primal)
    }

    /// Whether either bound has moved by more than rounding since this was last asked.
    pub fn has_improved(&mut self) -> bool {
        let now = (self.primal(), self.dual);
        let (primal, dual) = std::mem::replace(&mut self.last, now);
        let rounding = 1e-15 * self.dual.abs().max(1.0);
        !(primal - now.0 <= rounding && now.1 - dual <= rounding)
    }

    /// P − D at which training stops, if D is about so much.
    pub fn target(&self, dual: f64) -> f64 {
        let relative = self.settings.relative_gap * dual.abs().max(1.0);
        self.settings.epsilon.map_or(relative, |epsilon| relative.max(self.c * epsilon))
    }

    /// Exact passes made so far.
    pub fn passes(&self, counts: Counts) -> f64 {
        (counts.oracle_calls - self.oracle_calls_before) as f64 / self.examples as f64
    }

    /// Whether time is up, the observer said so, or no pass is left after the next one: the next pass must certify.
    pub fn is_last_pass(&mut self, counts: Counts) -> bool {
        self.ending = self.is_told_to_end()
            || self.settings.passes.is_some_and(|passes| self.passes(counts) + 1.0 >= passes as f64);
        self.ending
    }

    /// Whether time is up or the observer said so, and training may end here.
    pub fn must_end(&self) -> bool {
        (self.ending || !self.whole_steps) && self.is_told_to_end()
    }

    fn is_told_to_end(&self) -> bool {
        self.interrupted || self.settings.seconds.is_some_and(|seconds| self.began.elapsed().as_secs_f64() >= seconds)
    }

    /// Which stopping rule holds for the certificate so far.
    pub fn stop(&self, counts: Counts) -> Option<StopReason> {
        let primal = self.primal();
        if !primal.is_finite() {
            return self.best.is_some().then_some(StopReason::Precision);
        }
        let rules = [
            (
                relative_gap(primal, self.dual) <= self.settings.relative_gap && self.settings.relative_gap > 0.0,
                StopReason::Gap,
            ),
            (self.settings.epsilon.is_some_and(|epsilon| primal - self.dual <= self.c * epsilon), StopReason::Epsilon),
            (self.interrupted && self.must_end(), StopReason::Interrupted),
            (self.must_end(), StopReason::Seconds),
            (self.settings.passes.is_some_and(|passes| self.passes(counts) >= passes as f64), StopReason::Passes),
        ];
        rules.into_iter().find(|(holds, _)| *holds).map(|(_, reason)| reason)
    }

    /// Tells the observer, at most ten times a second.
    pub fn tick(&mut self, counts: Counts) {
        if self.told.elapsed() >= Duration::from_millis(100) {
            self.tell(Moment::Within, counts);
        }
    }

    /// Tells the observer now.
    pub fn tell(&mut self, moment: Moment, counts: Counts) {
        self.told = Instant::now();
        let progress = Progress {
            moment,
            passes: self.passes(counts),
            oracle_calls: counts.oracle_calls - self.oracle_calls_before,
            primal: self.primal(),
            dual: self.dual,
            planes: counts.planes,
            support: counts.support,
            planes_found: counts.planes_found,
            plane_bytes: counts.bytes.0,
            seconds: self.began.elapsed().as_secs_f64(),
            oracle_seconds: counts.oracle_seconds - self.oracle_seconds_before,
        };
        self.interrupted |= (self.observer)(&progress).is_break();
    }

    /// Ends the run with the best certified weights.
    pub fn finish(mut self, stop: StopReason, counts: Counts) -> Solution {
        self.tell(Moment::End(stop), counts);
        let certificate = Certificate {
            solver: self.solver,
            c: self.c,
            examples: self.examples,
            primal: self.primal(),
            dual: self.dual,
            passes: self.passes(counts),
            oracle_calls: counts.oracle_calls - self.oracle_calls_before,
            planes: counts.planes,
            stop,
        };
        Solution {
            w: self.best.map(|(_, w)| w).unwrap_or_default(),
            certificate,
            plane_bytes: counts.bytes.1,
            seconds: self.began.elapsed().as_secs_f64(),
            oracle_seconds: counts.oracle_seconds - self.oracle_seconds_before,
        }
    }
}
