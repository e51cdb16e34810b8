//! [`drive`]: the loop around every solver. It watches the clock, calls the observer, saves the
//! state, and applies the stopping rules.

use std::borrow::Cow;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::solve::bounds::{Bounds, Certified, Fault, OracleAudit, relative_gap};
use crate::solve::methods::{Method, Solver};
use crate::solve::passes::{PassError, Passes, Spent};
use crate::solve::progress::{Estimate, Flow, Moment, Progress};
use crate::solve::settings::Settings;
use crate::solve::solution::{Certificate, Solution, StopReason};
use crate::solve::state::{Keeper, State};

/// Trains with a method, and then its successors, until one of the stopping rules holds.
///
/// # Errors
/// Examples that could not be read.
pub(crate) fn drive<'m, O: Passes + ?Sized>(
    examples: &mut O,
    method: &mut Box<dyn Method<O> + 'm>,
    settings: &Settings,
    resumed: Option<RunState<'_>>,
    observer: &mut dyn FnMut(&Progress) -> Flow,
    mut keeper: Option<&mut Keeper<'_>>,
) -> Result<Solution, O::Error> {
    let mut run = Run::new(observer, *settings, examples, method.counts(examples));
    run.has_prior = !method.penalty().prior().is_empty();
    method.begin(resumed.is_some());
    if let Some(saved) = resumed {
        run.restore(saved);
    }
    run.whole_steps = keeper.is_some();
    let stop = loop {
        let last_pass = run.is_last_pass(method.counts(examples));
        if let Some(keeper) = &mut keeper {
            keeper(&State {
                examples: examples.len(),
                oracle_calls: examples.spent().calls,
                run: run.save(),
                method: method.save(examples),
                regulariser: method.penalty().fingerprint(),
                last_pass,
            });
        }
        let pass = match method.pass(examples, &mut run, last_pass) {
            Ok(pass) => pass,
            Err(PassError::Oracle(fault)) => break run.fail(fault),
            Err(PassError::Source(error)) => return Err(error),
        };
        if pass.certified
            && let Some(reason) = run.stop(method.counts(examples))
        {
            break reason;
        }
        let successor = if pass.at_its_end { method.successor() } else { None };
        if pass.at_its_end && successor.is_none() {
            break StopReason::Precision;
        }
        run.tell(Moment::Pass, method.counts(examples));
        if let Some(successor) = successor {
            *method = successor;
        } else if let Err(fault) = method.settle(examples, &mut run) {
            break run.fail(fault);
        }
    };
    Ok(run.finish(stop, method.solver(), method.counts(examples), method.weights()))
}

/// One training run: the clock, the observer, and the bounds found so far.
pub(crate) struct Run<'o> {
    observer: &'o mut dyn FnMut(&Progress) -> Flow,
    settings: Settings,
    /// C of the mean slack.
    c: f64,
    /// n, counted before equal examples are merged.
    examples: usize,
    /// Oracle calls per exact pass.
    calls: usize,
    is_relaxed: bool,
    has_prior: bool,
    began: Instant,
    told: Instant,
    oracle_calls_before: u64,
    oracle_seconds_before: f64,
    pub bounds: Bounds,
    /// For the observer alone.
    estimate: Option<Estimate>,
    interrupted: bool,
    /// Whether the clock and the observer may end training only between two passes, where the state
    /// has been saved.
    whole_steps: bool,
    /// Whether the pass under way is the last one.
    ending: bool,
}

/// The part of [`State`] that belongs to [`Run`].
#[derive(Serialize, Deserialize)]
pub(crate) struct RunState<'s> {
    pub oracle_calls_before: u64,
    pub best: Option<(f64, f64, Cow<'s, [f64]>)>,
    pub lowest: f64,
    pub dual: f64,
    pub last: (f64, f64),
    pub audit: OracleAudit,
}

/// Counters that a solver keeps and a run reports.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Counts {
    pub spent: Spent,
    pub planes: usize,
    pub support: usize,
    pub planes_found: u64,
    /// Bytes of the planes: current and peak.
    pub bytes: (usize, usize),
}

impl<'o> Run<'o> {
    pub fn new<O: Passes + ?Sized>(
        observer: &'o mut dyn FnMut(&Progress) -> Flow,
        settings: Settings,
        examples: &O,
        counts: Counts,
    ) -> Self {
        let now = Instant::now();
        Self {
            observer,
            settings,
            c: settings.c.mean(examples.examples()),
            examples: examples.examples(),
            calls: examples.len(),
            is_relaxed: examples.is_relaxed(),
            has_prior: false,
            began: now,
            told: now,
            oracle_calls_before: counts.spent.calls,
            oracle_seconds_before: counts.spent.seconds,
            bounds: Bounds::new(),
            estimate: None,
            interrupted: false,
            whole_steps: false,
            ending: false,
        }
    }

    fn save(&self) -> RunState<'_> {
        let Bounds { best, lowest, dual, last, audit } = &self.bounds;
        let best = best.as_ref().map(|best| (best.primal, best.shown, (&best.w).into()));
        let oracle_calls_before = self.oracle_calls_before;
        RunState {
            oracle_calls_before,
            best,
            lowest: *lowest,
            dual: *dual,
            last: *last,
            audit: *audit,
        }
    }

    /// Restores a saved run.
    fn restore(&mut self, saved: RunState<'_>) {
        let RunState { oracle_calls_before, best, lowest, dual, last, audit } = saved;
        self.oracle_calls_before = oracle_calls_before;
        let best = best.map(|(primal, shown, w)| Certified { primal, shown, w: w.into_owned() });
        self.bounds = Bounds { best, lowest, dual, last, audit };
    }

    /// Records an answer that is not a plane, which ends the run.
    fn fail(&mut self, fault: Fault) -> StopReason {
        self.bounds.audit.fault = Some(fault);
        StopReason::Fault
    }

    /// The gap P − D at which training would stop if D were `dual`.
    pub fn target(&self, dual: f64) -> f64 {
        let relative = self.settings.relative_gap * dual.max(0.0);
        self.settings.epsilon.map_or(relative, |epsilon| relative.max(self.c * epsilon))
    }

    /// Exact passes made so far.
    pub fn passes(&self, counts: Counts) -> f64 {
        (counts.spent.calls - self.oracle_calls_before) as f64 / self.calls as f64
    }

    /// Whether the next pass is the last one and must certify: time is up, the observer asked to
    /// stop, or only one pass is left.
    fn is_last_pass(&mut self, counts: Counts) -> bool {
        self.ending = self.is_told_to_end()
            || self
                .settings
                .passes
                .is_some_and(|passes| self.passes(counts) + 1.0 >= passes as f64);
        self.ending
    }

    /// Whether time is up or the observer asked to stop, and training may end here.
    pub fn must_end(&self) -> bool {
        (self.ending || !self.whole_steps) && self.is_told_to_end()
    }

    fn is_told_to_end(&self) -> bool {
        self.interrupted
            || self
                .settings
                .seconds
                .is_some_and(|seconds| self.began.elapsed().as_secs_f64() >= seconds)
    }

    /// The stopping rule that holds for the certificate so far.
    fn stop(&self, counts: Counts) -> Option<StopReason> {
        let (primal, dual) = (self.bounds.primal(), self.bounds.dual());
        if !self.bounds.lowest.is_finite() {
            return self.bounds.best.is_some().then_some(StopReason::Precision);
        }
        let Settings { relative_gap: wanted, epsilon, passes, .. } = self.settings;
        // If the requested gap is 0, only an objective of 0 is known to be optimal.
        let close =
            |primal| relative_gap(primal, dual) <= wanted && (wanted > 0.0 || primal == 0.0);
        let near = |primal| epsilon.is_some_and(|epsilon| primal - dual <= self.c * epsilon);
        let shown = self.bounds.lowest;
        let rules = [
            (self.bounds.contradict(), StopReason::Inexact),
            (close(primal), StopReason::Gap),
            (near(primal), StopReason::Epsilon),
            (close(shown) || near(shown), StopReason::Oracle),
            (self.interrupted && self.must_end(), StopReason::Interrupted),
            (self.must_end(), StopReason::Seconds),
            (passes.is_some_and(|passes| self.passes(counts) >= passes as f64), StopReason::Passes),
        ];
        rules.into_iter().find(|(holds, _)| *holds).map(|(_, reason)| reason)
    }

    /// Whether there is no certificate yet.
    pub fn is_uncertified(&self) -> bool {
        !self.bounds.shown().is_finite()
    }

    /// Sets what the observer sees before the first certificate. Numbers that are not finite are
    /// ignored.
    pub fn estimate(&mut self, primal: f64, dual: f64) {
        if primal.is_finite() && dual.is_finite() {
            self.estimate = Some(Estimate { primal: primal.max(dual), dual });
        }
    }

    /// Calls the observer, at most ten times a second.
    pub fn tick(&mut self, counts: Counts) {
        if self.told.elapsed() >= Duration::from_millis(100) {
            self.tell(Moment::Within, counts);
        }
    }

    /// Calls the observer now.
    fn tell(&mut self, moment: Moment, counts: Counts) {
        self.told = Instant::now();
        let progress = Progress {
            moment,
            passes: self.passes(counts),
            oracle_calls: counts.spent.calls - self.oracle_calls_before,
            primal: self.bounds.primal(),
            shown: self.bounds.shown(),
            dual: self.bounds.dual(),
            estimate: self.estimate.filter(|_| self.is_uncertified()),
            planes: counts.planes,
            support: counts.support,
            planes_found: counts.planes_found,
            plane_bytes: counts.bytes.0,
            relaxed: self.is_relaxed,
            prior: self.has_prior,
            oracle: self.bounds.audit,
            seconds: self.began.elapsed().as_secs_f64(),
            oracle_seconds: counts.spent.seconds - self.oracle_seconds_before,
        };
        self.interrupted |= (self.observer)(&progress).is_break();
    }

    /// Ends the run with the best certified weights, or with the `latest` if there is no
    /// certificate.
    fn finish(
        mut self,
        stop: StopReason,
        solver: Solver,
        counts: Counts,
        latest: &[f64],
    ) -> Solution {
        self.tell(Moment::End(stop), counts);
        let certificate = Certificate {
            solver,
            c: self.c,
            examples: self.examples,
            primal: self.bounds.primal(),
            shown: self.bounds.shown(),
            dual: self.bounds.dual(),
            passes: self.passes(counts),
            oracle_calls: counts.spent.calls - self.oracle_calls_before,
            planes: counts.planes,
            stop,
            relaxed: self.is_relaxed,
            prior: self.has_prior,
            oracle: self.bounds.audit,
        };
        Solution {
            w: self.bounds.best.map_or_else(|| latest.to_vec(), |best| best.w),
            certificate,
            plane_bytes: counts.bytes.1,
            seconds: self.began.elapsed().as_secs_f64(),
            oracle_seconds: counts.spent.seconds - self.oracle_seconds_before,
        }
    }
}
