//! [`Rounds`]: the block method on shards, as the root runs it.

use std::borrow::Cow;
use std::fmt::Display;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::message::{Round, RoundSum, Tally};
use super::{SavedShards, Whole};
use crate::solve::block::{Schedule, SuffixAverage};
use crate::solve::bounds::{DualSum, Fault};
use crate::solve::drive::{Counts, Run};
use crate::solve::methods::{Method, MethodState, Pass, Solver};
use crate::solve::one_slack::OneSlack;
use crate::solve::passes::{PassError, Passes};
use crate::solve::regulariser::Penalty;
use crate::solve::settings::{C, Settings};
use crate::solve::solution::DualVariable;
use crate::solve::state::{MOST_PASSES, StateError, require, require_finite, start_of};
use crate::solve::vectors::squared_norm;

/// Number of rounds whose changes decide the next σ′.
const RECENT: usize = 3;
/// σ′ is this multiple of the largest ratio of recent rounds.
const MARGIN: f64 = 1.1;
/// Lower bound on σ′. Changes that cancel each other have a ratio below 1.
const LEAST: f64 = 0.5;

/// The block method on shards. See [`shards`](crate::solve::shards).
pub(crate) struct Rounds {
    settings: Settings,
    examples: usize,
    shards: usize,
    penalty: Arc<Penalty>,
    /// u = Σ αδ at x and at z.
    x: Vec<f64>,
    z: Vec<f64>,
    /// The weights of the last round, and a buffer for u at y.
    w: Vec<f64>,
    y: Vec<f64>,
    /// The weights at which the next round calls the oracles, if they are given.
    start: Option<Vec<f64>>,
    /// D at x.
    dual: f64,
    theta: f64,
    /// What shards have not been told: the share of the way to z that x has gone, and whether z
    /// begins again at x.
    share: f64,
    restarts: bool,
    /// ‖Σ change‖² / Σ ‖change‖² of recent rounds; −∞ before there were as many.
    ratios: [f64; RECENT],
    suffix: SuffixAverage,
    schedule: Schedule,
    /// u and D of the last certifying round.
    certified: (Vec<f64>, DualSum),
}

impl Rounds {
    /// For a training set of n `examples` in `shards`, with `dim` weights.
    pub fn new(
        (examples, shards): (usize, usize),
        dim: usize,
        settings: Settings,
        penalty: Arc<Penalty>,
    ) -> Self {
        let zero = vec![0.0; dim];
        Self {
            settings,
            examples,
            shards,
            w: penalty.start(dim),
            y: zero.clone(),
            start: None,
            dual: -penalty.conjugate(&zero).value,
            penalty,
            theta: 1.0,
            share: 0.0,
            restarts: false,
            ratios: [f64::NEG_INFINITY; RECENT],
            suffix: SuffixAverage::default(),
            schedule: Schedule::default(),
            certified: (zero.clone(), DualSum::default()),
            z: zero.clone(),
            x: zero,
        }
    }

    /// σ′ for the next round.
    fn sharing(&self) -> f64 {
        let (most, largest) = (self.shards as f64, self.ratios.into_iter().fold(0.0, f64::max));
        // Nothing is known before the first round.
        if self.ratios[RECENT - 1] < 0.0 { most } else { (MARGIN * largest).clamp(LEAST, most) }
    }

    /// Writes u and the weights at y.
    fn write_start(&mut self) {
        let theta = self.theta;
        for ((y, x), z) in self.y.iter_mut().zip(&self.x).zip(&self.z) {
            *y = x + theta * (z - x);
        }
        self.penalty.write_weights(&self.y, &mut self.w);
    }

    /// Records a certificate at w. Returns whether the method is at its end.
    fn certify(
        &mut self,
        run: &mut Run<'_>,
        (w, averaged): (&[f64], bool),
        sum: &RoundSum,
    ) -> bool {
        let mut dual = sum.dual;
        dual.count(self.shards);
        let conjugate = self.penalty.conjugate(&sum.at_x);
        run.bounds.raise(&dual, &conjugate);
        self.x.copy_from_slice(&sum.at_x);
        self.dual = dual.value(&conjugate);
        self.certified.0.copy_from_slice(&sum.at_x);
        self.certified.1 = dual;
        let gap = run.bounds.certify(w, &self.penalty, &sum.slacks, self.examples) - self.dual;
        self.suffix.judge(averaged, gap, self.schedule.seen);
        self.schedule.seen = gap;
        let tuning = &self.settings.block.tuning;
        let (stuck, rises) = self.schedule.judge(run.bounds.have_improved(), self.dual, tuning);
        stuck && !rises
    }

    /// Moves z by the change of the round, and x to the best point on the way to z.
    fn advance(&mut self, sum: &RoundSum) {
        let [value, mut slope, mut bend] = sum.line;
        let (along, across) = (slope, bend);
        self.penalty.write_weights(&self.x, &mut self.y);
        let at_x = &self.y;
        for (((z, change), x), w) in self.z.iter_mut().zip(&sum.change).zip(&self.x).zip(at_x) {
            *z += change;
            slope -= w * (*z - x);
            bend += (*z - x) * (*z - x);
        }
        // Not a number if changes overflow: then z begins again too.
        let share = if bend == 0.0 { 1.0 } else { (slope / bend).clamp(0.0, 1.0).max(0.0) };
        self.share = share;
        for (x, z) in self.x.iter_mut().zip(&self.z) {
            *x = if share == 1.0 { *z } else { *x + share * (z - *x) };
        }
        self.dual =
            value + share * (along - 0.5 * share * across) - self.penalty.conjugate(&self.x).value;
        self.restarts = share == 0.0;
        if self.restarts {
            self.z.copy_from_slice(&self.x);
            self.theta = 1.0;
        } else {
            let theta = self.theta;
            self.theta = 0.5 * theta * ((theta * theta + 4.0).sqrt() - theta);
        }
        let ratio = squared_norm(&sum.change) / sum.squares;
        if ratio.is_finite() {
            self.ratios.rotate_left(1);
            self.ratios[RECENT - 1] = ratio;
        }
    }
}

impl<'a, E: Display + 'a> Method<Whole<'a, E>> for Rounds {
    fn solver(&self) -> Solver {
        Solver::Block
    }

    fn begin(&mut self, resumed: bool) {
        if !resumed {
            self.schedule.begin();
            self.suffix.repeat();
        }
    }

    fn pass(
        &mut self,
        whole: &mut Whole<'a, E>,
        run: &mut Run<'_>,
        last: bool,
    ) -> Result<Pass, PassError<E>> {
        let target = run.target(self.dual);
        let tuning = &self.settings.block.tuning;
        let certifies = last || self.start.is_some() || self.schedule.certifies(target, tuning);
        self.schedule.count(certifies);
        self.write_start();
        let (start, prior) = (self.start.take(), self.penalty.prior());
        let mut at = start.clone().unwrap_or_default();
        let mut averaged = false;
        if certifies && start.is_none() {
            at.resize(self.w.len(), 0.0);
            averaged = self.suffix.write_if_better(&mut at, prior);
            if averaged { self.penalty.clip(&mut at) } else { at.clear() }
        }
        let sum = whole.round(Round {
            share: self.share,
            restarts: self.restarts,
            weights: if self.penalty.is_bounded() { &self.y } else { &self.w }.into(),
            damping: self.sharing() * self.theta,
            target: target / self.examples as f64,
            certifies,
            at: Cow::Borrowed(&at),
        })?;
        let mut at_its_end = sum.tally.overflows;
        if certifies {
            let w = if at.is_empty() { self.w.clone() } else { at };
            at_its_end |= self.certify(run, (&w, averaged), &sum);
        } else {
            self.schedule.seen = sum.seen;
        }
        self.advance(&sum);
        run.estimate(self.dual + self.schedule.seen, self.dual);
        self.suffix.follow(&self.w, self.penalty.prior());
        self.schedule.expect(self.suffix.forecast(self.schedule.seen));
        Ok(Pass { certified: certifies, at_its_end })
    }

    fn settle(&mut self, _: &mut Whole<'a, E>, _: &mut Run<'_>) -> Result<(), Fault> {
        Ok(())
    }

    /// The 1-slack method. Its first plane is the sum of all planes at x of the last certificate.
    fn successor(&mut self) -> Option<Box<dyn Method<Whole<'a, E>>>> {
        let (u, sum) = std::mem::take(&mut self.certified);
        let penalty = Arc::clone(&self.penalty);
        Some(Box::new(OneSlack::from_sum(self.examples, self.settings, penalty, &sum, u)))
    }

    fn counts(&self, whole: &Whole<'a, E>) -> Counts {
        let Tally { planes, support, found: planes_found, bytes, .. } = whole.tally();
        Counts { spent: whole.spent(), planes, support, planes_found, bytes }
    }

    fn weights(&self) -> &[f64] {
        &self.w
    }

    fn start_at(&mut self, w: Vec<f64>) {
        self.start = Some(w);
    }

    fn penalty(&self) -> &Arc<Penalty> {
        &self.penalty
    }

    fn set_c(&mut self, _: &Whole<'a, E>, _: C) {
        unreachable!("a ShardTrainer keeps its C")
    }

    /// Planes are in the shards.
    fn dual_variables(&self) -> Vec<DualVariable> {
        Vec::new()
    }

    fn save<'s>(&'s self, whole: &'s Whole<'a, E>) -> MethodState<'s> {
        MethodState::Rounds(Box::new(RoundsState {
            x: self.x.as_slice().into(),
            z: self.z.as_slice().into(),
            start: self.start.as_deref().unwrap_or_default().into(),
            dual: self.dual,
            theta: self.theta,
            share: self.share,
            restarts: self.restarts,
            ratios: self.ratios,
            suffix: Cow::Borrowed(&self.suffix),
            schedule: self.schedule,
            certified: self.certified.1,
            u: self.certified.0.as_slice().into(),
            // Seconds would make each state another one.
            tally: Tally { seconds: 0.0, ..whole.tally() },
            shards: whole.saved(),
        }))
    }

    fn restore(&mut self, _: &Whole<'a, E>, saved: MethodState<'_>) -> Result<(), StateError> {
        let MethodState::Rounds(saved) = saved else {
            return Err(StateError::of_another_solver());
        };
        let dim = self.x.len();
        for vector in [&saved.x, &saved.z, &saved.u] {
            require_finite("the sums of planes", vector, dim)?;
        }
        let start = start_of(saved.start, dim, &self.penalty)?;
        require(saved.suffix.is_sound(dim), "the averages do not fit the weights")?;
        require(saved.suffix.age() <= MOST_PASSES, "a counter is beyond all bounds")?;
        saved.schedule.check()?;
        require(
            [saved.theta, saved.share].iter().all(|share| (0.0..=1.0).contains(share))
                && saved.dual.is_finite()
                && !saved.ratios.iter().any(|ratio| ratio.is_nan()),
            "its steps are not of this run",
        )?;
        self.x = saved.x.into_owned();
        self.z = saved.z.into_owned();
        self.start = start;
        self.dual = saved.dual;
        self.theta = saved.theta;
        self.share = saved.share;
        self.restarts = saved.restarts;
        self.ratios = saved.ratios;
        self.suffix = saved.suffix.into_owned();
        self.schedule = saved.schedule;
        self.certified = (saved.u.into_owned(), saved.certified);
        Ok(())
    }
}

/// The saved state of [`Rounds`] and of all shards.
#[derive(Serialize, Deserialize)]
pub(crate) struct RoundsState<'s> {
    x: Cow<'s, [f64]>,
    z: Cow<'s, [f64]>,
    /// The weights at which the next round calls the oracles; empty if they are its own.
    start: Cow<'s, [f64]>,
    dual: f64,
    theta: f64,
    share: f64,
    restarts: bool,
    ratios: [f64; RECENT],
    suffix: Cow<'s, SuffixAverage>,
    schedule: Schedule,
    certified: DualSum,
    u: Cow<'s, [f64]>,
    pub tally: Tally,
    shards: SavedShards<'s>,
}

impl<'s> RoundsState<'s> {
    /// Takes out the states of the shards.
    pub fn take_shards(&mut self) -> SavedShards<'s> {
        std::mem::replace(&mut self.shards, SavedShards::Read(Vec::new()))
    }
}
