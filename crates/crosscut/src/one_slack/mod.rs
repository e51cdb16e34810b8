//! The 1-slack cutting plane method (Joachims, Finley, Yu 2009, algorithms 3 and 4).
//!
//! Every iteration calls all oracles at w and sums their planes into one, g = Σᵢ C·weightᵢ/n · (Δᵢ, δᵢ). The dual over the
//! planes so far, max over α ≥ 0, Σα ≤ 1 of Σ αₖ Δₖ − ½ ‖Σ αₖ δₖ‖², is solved again from where it stood; its Gram
//! matrix grows by one row an iteration. Since each iteration sees all examples at one w, each one certifies.
//! Squared slacks are convex in w too: their planes are the tangents Σᵢ C·weightᵢ/n · (2ξᵢ·Δᵢ − ξᵢ², 2ξᵢ·δᵢ).

mod state;

use std::convert::Infallible;

use serde::{Deserialize, Serialize};

use crate::bounds::{DualSum, Fault, Known, Sizes, confine, off};
use crate::oracles::{Oracles, PlaneSum};
use crate::plane::{dot, inner_entries, squared_norm};
use crate::progress::{DualVariable, Flow, Moment, Progress, Solution, StopReason};
use crate::qp::{self, Curvature, Gram};
use crate::run::{self, Counts, Run};
use crate::settings::{C, Settings, SlackNorm, Solver};
use crate::state::Keeper;
use crate::task::Task;
pub(crate) use state::Saved;

/// A plane out of use for this many iterations leaves the working set.
const IDLE: u32 = 50;

/// Where the planes come from: all oracles at one w, and one sum. Examples may be in memory, or read for each pass.
pub(crate) trait Passes {
    /// Why a pass may fail.
    type Error;

    /// Oracle calls of a pass.
    fn len(&self) -> usize;

    /// n.
    fn given(&self) -> usize {
        self.len()
    }

    /// d.
    fn dim(&self) -> usize;

    /// Oracle calls made, and seconds spent calling.
    fn spent(&self) -> (u64, f64);

    /// So many oracle calls were made before.
    fn go_on_from(&mut self, calls: u64);

    /// See [`Oracles::sum_planes`]; `tick` is told what [`spent`](Self::spent) is by then.
    ///
    /// # Errors
    /// Why the pass failed.
    fn sum_planes(
        &mut self,
        w: &[f64],
        each: f64,
        norm: SlackNorm,
        tick: &mut dyn FnMut(u64, f64),
    ) -> Result<PlaneSum, PassError<Self::Error>>;
}

/// Why a pass failed.
pub(crate) enum PassError<E> {
    /// An oracle answered with something that is no plane.
    Oracle(Fault),
    /// The examples could not be had.
    Source(E),
}

impl<T: Task> Passes for Oracles<'_, T> {
    type Error = Infallible;

    fn len(&self) -> usize {
        Oracles::len(self)
    }

    fn given(&self) -> usize {
        Oracles::given(self)
    }

    fn dim(&self) -> usize {
        Oracles::dim(self)
    }

    fn spent(&self) -> (u64, f64) {
        (self.calls, self.seconds)
    }

    fn go_on_from(&mut self, calls: u64) {
        self.calls = calls;
    }

    fn sum_planes(
        &mut self,
        w: &[f64],
        each: f64,
        norm: SlackNorm,
        tick: &mut dyn FnMut(u64, f64),
    ) -> Result<PlaneSum, PassError<Infallible>> {
        Oracles::sum_planes(self, w, each, norm, tick).map_err(PassError::Oracle)
    }
}

/// The solver with its state: working set, dual variables, weights.
pub(crate) struct OneSlack<O> {
    oracles: O,
    settings: Settings,
    working_set: Vec<Plane>,
    alpha: Vec<f64>,
    gram: Gram,
    w: Vec<f64>,
    /// D at (α, w), and as it was summed.
    dual: f64,
    sum: DualSum,
    planes_found: u64,
    /// The most bytes that the working set took.
    most_bytes: usize,
    /// Where the next run goes on, if it is one that was kept.
    resumed: Option<(u32, run::Saved<'static>)>,
}

/// A summed plane of the working set.
#[derive(Clone, Serialize, Deserialize)]
struct Plane {
    offset: f64,
    delta: Delta,
    /// The sizes of what was summed for it, and bounds on the rounding errors of these sums.
    sizes: Sizes,
    errors: Sizes,
    /// Iterations since its dual variable was positive.
    idle: u32,
}

#[derive(Clone, Serialize, Deserialize)]
enum Delta {
    Sparse(Box<[(usize, f64)]>),
    Dense(Box<[f64]>),
}

impl<O: Passes> OneSlack<O> {
    pub fn new(oracles: O, settings: Settings) -> Self {
        Self {
            working_set: Vec::new(),
            alpha: Vec::new(),
            gram: Gram::default(),
            w: vec![0.0; oracles.dim()],
            dual: 0.0,
            sum: DualSum::default(),
            planes_found: 0,
            most_bytes: 0,
            resumed: None,
            oracles,
            settings,
        }
    }

    /// The same with a first plane, which is in use alone: a sum of planes of all examples.
    pub fn from_sum(oracles: O, settings: Settings, sum: &DualSum, u: Vec<f64>) -> Self {
        let mut solver = Self::new(oracles, settings);
        let (offset, sizes, errors) = sum.as_plane();
        solver.add(offset, Delta::new(u), sizes, errors);
        solver.alpha = vec![1.0];
        solver.refresh();
        solver
    }

    pub fn oracles(&self) -> &O {
        &self.oracles
    }

    pub fn oracles_mut(&mut self) -> &mut O {
        &mut self.oracles
    }

    /// Changes C: all planes scale with it, and so does w.
    pub fn set_c(&mut self, c: C) {
        let n = self.oracles.given();
        let factor = c.sum(n) / self.settings.c.sum(n);
        self.settings.c = c;
        for plane in &mut self.working_set {
            plane.offset *= factor;
            plane.delta.scale(factor);
            plane.sizes = plane.sizes.scaled(factor);
            plane.errors = plane.errors.scaled(factor).plus(plane.sizes.scaled(off(0)));
        }
        self.gram.scale(factor * factor);
        self.refresh();
    }

    pub fn solve(
        &mut self,
        observer: &mut dyn FnMut(&Progress) -> Flow,
        keeper: Option<&mut Keeper<'_>>,
    ) -> Result<Solution, O::Error> {
        let sizes = (self.oracles.given(), self.oracles.len());
        let run = Run::new(observer, self.settings, Solver::OneSlack, sizes, self.counts());
        self.go_on(run, keeper)
    }

    /// Trains in a run that has begun.
    pub fn go_on(&mut self, mut run: Run<'_>, mut keeper: Option<&mut Keeper<'_>>) -> Result<Solution, O::Error> {
        run.solver = Solver::OneSlack;
        let mut stuck = 0;
        if let Some((kept, saved)) = self.resumed.take() {
            stuck = kept;
            run.restore(saved);
        }
        if keeper.is_some() {
            run.keep_steps_whole();
        }
        loop {
            let last_pass = run.is_last_pass(self.counts());
            if let Some(keeper) = &mut keeper {
                keeper(&self.state(stuck, &run, last_pass));
            }
            let before = self.counts();
            let (each, norm) = (self.settings.c.sum(self.oracles.given()), self.settings.slack_norm);
            let mut tick = |oracle_calls, oracle_seconds| run.tick(Counts { oracle_calls, oracle_seconds, ..before });
            let mut sum = match self.oracles.sum_planes(&self.w, each, norm, &mut tick) {
                Ok(sum) => sum,
                Err(PassError::Source(error)) => return Err(error),
                Err(PassError::Oracle(fault)) => {
                    let reason = run.fail(fault);
                    return Ok(run.finish(reason, self.counts(), &self.w));
                }
            };
            sum.slacks.compare(self.known());
            let primal = run.bounds.certify(&self.w, &sum.slacks, self.oracles.len());
            run.bounds.raise(&self.sum, squared_norm(&self.w), self.w.len());
            let stop = run.stop(self.counts());
            stuck = if run.bounds.have_improved() { 0 } else { stuck + 1 };
            if let Some(reason) = stop.or((stuck >= IDLE).then_some(StopReason::Precision)) {
                return Ok(run.finish(reason, self.counts(), &self.w));
            }
            let errors = sum.errors();
            self.add(sum.offset, Delta::new(sum.delta), sum.sizes, errors);
            self.maximise(0.01 * (primal - self.dual).max(0.0));
            self.forget();
            run.tell(Moment::Pass, self.counts());
        }
    }

    /// Adds a plane to the working set.
    fn add(&mut self, offset: f64, delta: Delta, sizes: Sizes, errors: Sizes) {
        let limit = self.settings.max_memory.unwrap_or(usize::MAX);
        // A row of the Gram matrix, and the plane itself.
        let more = |order: usize| size_of::<f64>() * (order + 2) + size_of::<Plane>();
        while self.working_set.len() > 1 && self.bytes() + delta.bytes() + more(self.working_set.len()) > limit {
            self.make_room();
        }
        self.push(Plane { offset, delta, sizes, errors, idle: 0 }, 0.0);
        self.planes_found += 1;
        self.most_bytes = self.most_bytes.max(self.bytes());
    }

    fn push(&mut self, new: Plane, alpha: f64) {
        let planes = self.working_set.iter().chain([&new]);
        let row: Vec<f64> = planes.map(|plane| plane.delta.inner(&new.delta)).collect();
        self.gram.push(row);
        self.working_set.push(new);
        self.alpha.push(alpha);
    }

    /// Drops the plane out of use for longest; if all are in use, merges the two with the smallest dual variables.
    fn make_room(&mut self) {
        let m = self.alpha.len();
        let out = (0..m).filter(|&k| self.alpha[k] == 0.0).max_by_key(|&k| self.working_set[k].idle);
        let mut order: Vec<usize> = (0..m).collect();
        order.sort_by(|&k, &l| self.alpha[k].total_cmp(&self.alpha[l]));
        let Some(out) = out else {
            let (k, l) = (order[0].max(order[1]), order[0].min(order[1]));
            let (a, b) = (self.alpha[k], self.alpha[l]);
            let (s, t) = (a / (a + b), b / (a + b));
            let mut delta = vec![0.0; self.w.len()];
            let (mut offset, mut sizes, mut errors) = (0.0, Sizes::default(), Sizes::default());
            for (plane, factor) in [(&self.working_set[k], s), (&self.working_set[l], t)] {
                plane.delta.add_to(&mut delta, factor);
                offset += factor * plane.offset;
                sizes = sizes.plus(plane.sizes.scaled(factor));
                errors = errors.plus(plane.errors.scaled(factor));
            }
            errors = errors.plus(sizes.scaled(off(2)));
            self.remove(|at| at == k || at == l);
            self.push(Plane { offset, delta: Delta::new(delta), sizes, errors, idle: 0 }, a + b);
            return;
        };
        self.remove(|at| at == out);
    }

    /// Removes planes from the working set.
    fn remove(&mut self, out: impl Fn(usize) -> bool) {
        let keep: Vec<bool> = (0..self.alpha.len()).map(|at| !out(at)).collect();
        let mut kept = keep.iter();
        self.alpha.retain(|_| kept.next() == Some(&true));
        let mut kept = keep.iter();
        self.working_set.retain(|_| kept.next() == Some(&true));
        self.gram.retain(&keep);
    }

    /// The memory that the working set takes.
    fn bytes(&self) -> usize {
        let planes: usize = self.working_set.iter().map(|plane| size_of::<Plane>() + plane.delta.bytes()).sum();
        planes + size_of_val(self.alpha.as_slice()) + self.gram.bytes()
    }

    /// The value of each plane at w, b − ⟨w, g⟩, from inner products.
    fn values(&self) -> Vec<f64> {
        let score = |k: usize| (0..self.alpha.len()).map(|l| self.alpha[l] * self.gram.get(k, l)).sum::<f64>();
        self.working_set.iter().enumerate().map(|(k, plane)| plane.offset - score(k)).collect()
    }

    /// What the highest plane at w says of the cost of all slacks.
    fn known(&self) -> Known {
        let values = self.values();
        let best = (0..values.len()).max_by(|&k, &l| values[k].total_cmp(&values[l]));
        let Some(Plane { offset, delta, sizes, errors, .. }) = best.map(|k| &self.working_set[k]) else {
            return Known::default();
        };
        let length = squared_norm(&self.w).sqrt();
        let size = sizes.offset + length * sizes.delta;
        let errors = errors.offset + length * errors.delta + off(self.w.len()) * size;
        Known::new(offset - delta.dot(&self.w) - errors, size, 0.0)
    }

    /// Solves the dual over the working set from where it stands, and updates w and D. The newest plane
    /// is the last one.
    ///
    /// If the solution raises D less than a line search towards the newest plane should (the
    /// Frank–Wolfe step, whose gain is known), it is beyond the arithmetic of the small dual, and the
    /// better of the two is taken. So D stops rising only where no step raises it.
    fn maximise(&mut self, tolerance: f64) {
        let mut gradient = self.values();
        let (start, dual) = (self.alpha.clone(), self.dual);
        let newest = start.len() - 1;
        let slope = gradient[newest] - start.iter().zip(&gradient).map(|(alpha, value)| alpha * value).sum::<f64>();
        let bend = self.working_set[newest].delta.squared_distance(&self.w);
        let step = if bend > 0.0 { (slope / bend).clamp(0.0, 1.0) } else { 1.0 };
        let promised = step * (slope - 0.5 * step * bend);

        let curvature = Curvature { gram: &self.gram, damping: 1.0, ridge: 0.0 };
        qp::solve(curvature, &mut gradient, &mut self.alpha, 1.0, |_| tolerance);
        self.refresh();
        if promised > 0.0 && self.dual - dual < 0.1 * promised {
            let (solved, value) = (std::mem::replace(&mut self.alpha, start), self.dual);
            self.alpha.iter_mut().for_each(|alpha| *alpha *= 1.0 - step);
            self.alpha[newest] += step;
            self.refresh();
            if self.dual < value {
                self.alpha = solved;
                self.refresh();
            }
        }
    }

    /// Lets planes go that were out of use for long.
    fn forget(&mut self) {
        for (plane, &alpha) in self.working_set.iter_mut().zip(&self.alpha) {
            plane.idle = if alpha > 0.0 { 0 } else { plane.idle + 1 };
        }
        if self.working_set.iter().any(|plane| plane.idle > IDLE) {
            let idle: Vec<bool> = self.working_set.iter().map(|plane| plane.idle > IDLE).collect();
            self.remove(|at| idle[at]);
        }
    }

    /// Makes the dual variables feasible, and recomputes w and D from them.
    fn refresh(&mut self) {
        confine(&mut self.alpha, 1.0);
        self.w.fill(0.0);
        self.sum = DualSum::default();
        for (plane, &alpha) in self.working_set.iter().zip(&self.alpha) {
            if alpha > 0.0 {
                plane.delta.add_to(&mut self.w, alpha);
                self.sum.add(alpha * plane.offset, plane.sizes.scaled(alpha), plane.errors.scaled(alpha), 1);
            }
        }
        self.dual = self.sum.value(squared_norm(&self.w));
    }

    pub fn dual_variables(&self) -> Vec<DualVariable> {
        let planes = self.working_set.iter().zip(&self.alpha).enumerate();
        let plane = |(k, (plane, &alpha)): (usize, (&Plane, &f64))| DualVariable {
            example: None,
            alpha,
            offset: plane.offset,
            squared_norm: self.gram.get(k, k),
        };
        planes.map(plane).collect()
    }

    fn counts(&self) -> Counts {
        let support = self.alpha.iter().filter(|alpha| **alpha > 0.0).count();
        let planes = self.working_set.len();
        let (oracle_calls, oracle_seconds) = self.oracles.spent();
        let bytes = (self.bytes(), self.most_bytes);
        Counts { oracle_calls, oracle_seconds, planes, support, planes_found: self.planes_found, bytes }
    }
}

impl Delta {
    /// Takes a dense vector and keeps what is smaller: it or its non-zeros.
    fn new(values: Vec<f64>) -> Self {
        let nonzeros = values.iter().filter(|value| **value != 0.0).count();
        if nonzeros >= values.len() / 2 {
            return Self::Dense(values.into_boxed_slice());
        }
        let mut entries = Vec::with_capacity(nonzeros);
        entries.extend(values.into_iter().enumerate().filter(|(_, value)| *value != 0.0));
        Self::Sparse(entries.into_boxed_slice())
    }

    fn bytes(&self) -> usize {
        match self {
            Self::Sparse(entries) => size_of_val(&**entries),
            Self::Dense(values) => size_of_val(&**values),
        }
    }

    fn scale(&mut self, factor: f64) {
        match self {
            Self::Dense(values) => values.iter_mut().for_each(|value| *value *= factor),
            Self::Sparse(entries) => entries.iter_mut().for_each(|(_, value)| *value *= factor),
        }
    }

    fn add_to(&self, target: &mut [f64], factor: f64) {
        match self {
            Self::Dense(values) => target.iter_mut().zip(values).for_each(|(t, value)| *t += factor * value),
            Self::Sparse(entries) => entries.iter().for_each(|&(index, value)| target[index] += factor * value),
        }
    }

    /// ⟨δ, v⟩.
    fn dot(&self, v: &[f64]) -> f64 {
        match self {
            Self::Dense(values) => dot(values, v),
            Self::Sparse(entries) => entries.iter().map(|&(index, value)| value * v[index]).sum(),
        }
    }

    /// ‖δ − v‖².
    fn squared_distance(&self, v: &[f64]) -> f64 {
        let square = |difference: f64| difference * difference;
        match self {
            Self::Dense(values) => values.iter().zip(v).map(|(value, v)| square(value - v)).sum(),
            Self::Sparse(entries) => {
                let apart: f64 =
                    entries.iter().map(|&(index, value)| square(value - v[index]) - square(v[index])).sum();
                (squared_norm(v) + apart).max(0.0)
            }
        }
    }

    fn inner(&self, other: &Self) -> f64 {
        match (self, other) {
            (Self::Dense(a), Self::Dense(b)) => dot(a, b),
            (Self::Dense(dense), Self::Sparse(entries)) | (Self::Sparse(entries), Self::Dense(dense)) => {
                entries.iter().map(|&(index, value)| dense[index] * value).sum()
            }
            (Self::Sparse(a), Self::Sparse(b)) => inner_entries(a, b),
        }
    }
}
