//! The 1-slack cutting plane method (Joachims, Finley, Yu 2009, algorithms 3 and 4).
//!
//! Every iteration calls all oracles at w and sums their planes into one, g = Σᵢ C·weightᵢ/n · (Δᵢ,
//! δᵢ). It then solves the dual over the planes so far, max over α ≥ 0, Σα ≤ 1 of Σ αₖ Δₖ − ½ ‖Σ αₖ
//! δₖ‖², starting from the previous solution. The Gram matrix grows by one row per iteration. Each
//! iteration calls all oracles at one w, so it also certifies w.
//!
//! Squared slacks are convex in w too. Their planes are the tangents Σᵢ C·weightᵢ/n · (2ξᵢ·Δᵢ −
//! ξᵢ², 2ξᵢ·δᵢ).
//!
//! With another [`Regulariser`](crate::Regulariser), D loses r*(u) in place of ½‖u‖², with
//! u = Σ αₖ δₖ. Around prior weights w₀, the small dual stays quadratic, with the offsets
//! Δₖ − ⟨w₀, δₖ⟩. With lower bounds it is piecewise quadratic, and [`bounded`] solves it.

mod bounded;
mod plane;
mod state;

use std::sync::Arc;

use crate::solve::bounds::{DualSum, Fault, Known, Sizes, confine, off};
use crate::solve::drive::{Counts, Run};
use crate::solve::methods::{Method, MethodState, Pass, Solver};
use crate::solve::passes::{Ask, PassError, Passes, PlaneSum, UnderWay};
use crate::solve::qp::{self, Curvature, Gram};
use crate::solve::regulariser::{Conjugate, Penalty};
use crate::solve::settings::{C, Settings};
use crate::solve::solution::DualVariable;
use crate::solve::state::StateError;
use crate::solve::vectors::squared_norm;
use plane::{Delta, SummedPlane};
pub(crate) use state::OneSlackState;

/// Iterations after which an unused plane leaves the working set. Also the number of iterations in
/// a row without an improved bound after which the method ends.
const IDLE: u32 = 50;

/// The solver with its state: working set, dual variables, weights.
pub(crate) struct OneSlack {
    settings: Settings,
    /// The number of examples, n.
    examples: usize,
    working_set: Vec<SummedPlane>,
    alpha: Vec<f64>,
    gram: Gram,
    penalty: Arc<Penalty>,
    w: Vec<f64>,
    /// The weights at which the next pass calls the oracles, if they are given.
    start: Option<Vec<f64>>,
    /// u = Σ αδ. Empty if u = w.
    u: Vec<f64>,
    /// D at (α, w).
    dual: f64,
    /// r*(u).
    conjugate: Conjugate,
    /// The sum that D came from, with its rounding errors.
    sum: DualSum,
    /// The plane of the last pass, not yet in the working set, and P(w) − D at that pass.
    next: Option<(PlaneSum, f64)>,
    /// Iterations in a row without an improved bound.
    stuck: u32,
    planes_found: u64,
    /// Peak memory of the working set, in bytes.
    most_bytes: usize,
}

impl<P: Passes + ?Sized> Method<P> for OneSlack {
    fn solver(&self) -> Solver {
        Solver::OneSlack
    }

    fn begin(&mut self, resumed: bool) {
        self.next = None;
        if !resumed {
            self.stuck = 0;
        }
    }

    fn pass(
        &mut self,
        passes: &mut P,
        run: &mut Run<'_>,
        _: bool,
    ) -> Result<Pass, PassError<P::Error>> {
        let before = self.counts(passes);
        let start = self.start.take();
        if let Some(start) = &start {
            self.w.copy_from_slice(start);
        }
        let (calls, dual) = (passes.len() as f64, self.dual);
        let half = if run.is_uncertified() { self.penalty.half_square(&self.w) } else { 0.0 };
        let mut tick = |UnderWay { spent, cost }: UnderWay| {
            let done = spent.calls.saturating_sub(before.spent.calls).max(1) as f64;
            run.estimate(half + cost * calls / done, dual);
            run.tick(Counts { spent, ..before });
        };
        let ask = Ask {
            w: &self.w,
            each: self.settings.c.sum(self.examples),
            norm: self.settings.slack_norm,
        };
        let sum = passes.sum(ask, &mut tick)?;
        assert_eq!(sum.dim(), self.w.len(), "a sum of planes has one number for each weight");
        self.take_in(sum, passes.len(), run);
        if start.is_some() {
            self.refresh();
        }
        Ok(Pass { certified: true, at_its_end: self.stuck >= IDLE })
    }

    fn settle(&mut self, _: &mut P, _: &mut Run<'_>) -> Result<(), Fault> {
        if let Some((sum, gap)) = self.next.take() {
            let errors = sum.errors();
            self.add(sum.offset, Delta::new(sum.delta), sum.sizes, errors);
            self.maximise(0.01 * gap.max(0.0));
            self.forget();
        }
        Ok(())
    }

    fn successor(&mut self) -> Option<Box<dyn Method<P>>> {
        None
    }

    fn counts(&self, passes: &P) -> Counts {
        let support = self.alpha.iter().filter(|alpha| **alpha > 0.0).count();
        let (planes, bytes) = (self.working_set.len(), (self.bytes(), self.most_bytes));
        Counts { spent: passes.spent(), planes, support, planes_found: self.planes_found, bytes }
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

    /// Planes and u are proportional to C.
    fn set_c(&mut self, _: &P, c: C) {
        let factor = c.sum(self.examples) / self.settings.c.sum(self.examples);
        self.settings.c = c;
        self.rescale(factor);
    }

    fn dual_variables(&self) -> Vec<DualVariable> {
        let planes = self.working_set.iter().zip(&self.alpha).enumerate();
        let plane = |(k, (plane, &alpha)): (usize, (&SummedPlane, &f64))| DualVariable {
            example: None,
            alpha,
            offset: plane.offset,
            squared_norm: self.gram.get(k, k),
        };
        planes.map(plane).collect()
    }

    fn save<'s>(&'s self, _: &'s P) -> MethodState<'s> {
        MethodState::OneSlack(Box::new(self.saved()))
    }

    fn restore(&mut self, _: &P, saved: MethodState<'_>) -> Result<(), StateError> {
        match saved {
            MethodState::OneSlack(saved) => self.take(*saved),
            _ => Err(StateError::of_another_solver()),
        }
    }
}

impl OneSlack {
    /// For n `examples` and `dim` weights.
    pub fn new(examples: usize, dim: usize, settings: Settings, penalty: Arc<Penalty>) -> Self {
        let mut solver = Self {
            settings,
            examples,
            working_set: Vec::new(),
            alpha: Vec::new(),
            gram: Gram::default(),
            w: penalty.start(dim),
            start: None,
            u: if penalty.is_plain() { Vec::new() } else { vec![0.0; dim] },
            penalty,
            dual: 0.0,
            conjugate: Conjugate::default(),
            sum: DualSum::default(),
            next: None,
            stuck: 0,
            planes_found: 0,
            most_bytes: 0,
        };
        // Without planes, D is above 0 if the prior violates a bound.
        solver.refresh();
        solver
    }

    /// A solver whose first plane, with dual variable 1, is a sum of planes of all examples.
    pub fn from_sum(
        examples: usize,
        settings: Settings,
        penalty: Arc<Penalty>,
        sum: &DualSum,
        u: Vec<f64>,
    ) -> Self {
        let mut solver = Self::new(examples, u.len(), settings, penalty);
        let (offset, sizes, errors) = sum.as_plane();
        solver.add(offset, Delta::new(u), sizes, errors);
        solver.alpha = vec![1.0];
        solver.refresh();
        solver
    }

    fn rescale(&mut self, factor: f64) {
        for plane in &mut self.working_set {
            plane.scale(factor);
        }
        self.gram.scale(factor * factor);
        self.refresh();
    }

    /// Takes in the sum of a pass with `calls` oracle calls at w: records P(w) and D in the bounds,
    /// and keeps the plane for the working set.
    fn take_in(&mut self, mut sum: PlaneSum, calls: usize, run: &mut Run<'_>) {
        sum.slacks.compare(self.known());
        let primal = run.bounds.certify(&self.w, &self.penalty, &sum.slacks, calls);
        run.bounds.raise(&self.sum, &self.conjugate);
        self.stuck = if run.bounds.have_improved() { 0 } else { self.stuck + 1 };
        self.next = Some((sum, primal - self.dual));
    }

    /// Adds a plane to the working set.
    fn add(&mut self, offset: f64, delta: Delta, sizes: Sizes, errors: Sizes) {
        let limit = self.settings.max_memory.unwrap_or(usize::MAX);
        // Bytes of a row of the Gram matrix, a dual variable, and the plane without its δ.
        let more = |order: usize| size_of::<f64>() * (order + 2) + size_of::<SummedPlane>();
        while self.working_set.len() > 1
            && self.bytes() + delta.bytes() + more(self.working_set.len()) > limit
        {
            self.make_room();
        }
        self.push(SummedPlane { offset, delta, sizes, errors, idle: 0 }, 0.0);
        self.planes_found += 1;
        self.most_bytes = self.most_bytes.max(self.bytes());
    }

    fn push(&mut self, new: SummedPlane, alpha: f64) {
        let planes = self.working_set.iter().chain([&new]);
        let row: Vec<f64> = planes.map(|plane| plane.delta.inner(&new.delta)).collect();
        self.gram.push(row);
        self.working_set.push(new);
        self.alpha.push(alpha);
    }

    /// Drops the plane unused for longest. If all planes are in use, merges the two with the
    /// smallest dual variables.
    fn make_room(&mut self) {
        let m = self.alpha.len();
        let out =
            (0..m).filter(|&k| self.alpha[k] == 0.0).max_by_key(|&k| self.working_set[k].idle);
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
            self.push(
                SummedPlane { offset, delta: Delta::new(delta), sizes, errors, idle: 0 },
                a + b,
            );
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

    /// Bytes of the working set.
    fn bytes(&self) -> usize {
        let planes: usize = self
            .working_set
            .iter()
            .map(|plane| size_of::<SummedPlane>() + plane.delta.bytes())
            .sum();
        planes + size_of_val(self.alpha.as_slice()) + self.gram.bytes()
    }

    /// The value b − ⟨w, g⟩ of each plane at w, computed from the Gram matrix if w = Σ αδ.
    fn values(&self) -> Vec<f64> {
        if !self.penalty.is_plain() {
            let value = |plane: &SummedPlane| plane.offset - plane.delta.dot(&self.w);
            return self.working_set.iter().map(value).collect();
        }
        let score = |k: usize| {
            (0..self.alpha.len()).map(|l| self.alpha[l] * self.gram.get(k, l)).sum::<f64>()
        };
        self.working_set.iter().enumerate().map(|(k, plane)| plane.offset - score(k)).collect()
    }

    /// A lower bound on the cost of all slacks at w, from the highest plane.
    fn known(&self) -> Known {
        let values = self.values();
        let best = (0..values.len()).max_by(|&k, &l| values[k].total_cmp(&values[l]));
        let Some(SummedPlane { offset, delta, sizes, errors, .. }) =
            best.map(|k| &self.working_set[k])
        else {
            return Known::default();
        };
        let length = squared_norm(&self.w).sqrt();
        let size = sizes.offset + length * sizes.delta;
        let errors = errors.offset + length * errors.delta + off(self.w.len()) * size;
        Known::new(offset - delta.dot(&self.w) - errors, size, 0.0)
    }

    /// Solves the dual over the working set from the current α, and updates w and D. The newest
    /// plane is the last one.
    ///
    /// A line search towards the newest plane (the Frank–Wolfe step) has a known gain. If the
    /// solution raises D by less than a tenth of it, the small dual has reached the limits of its
    /// arithmetic, and the better of the two results is taken. So D stops rising only if no step
    /// raises it.
    fn maximise(&mut self, tolerance: f64) {
        if self.penalty.is_bounded() {
            return self.maximise_bounded(tolerance);
        }
        let mut gradient = self.values();
        let (start, dual) = (self.alpha.clone(), self.dual);
        let newest = start.len() - 1;
        let slope = gradient[newest]
            - start.iter().zip(&gradient).map(|(alpha, value)| alpha * value).sum::<f64>();
        let u = if self.penalty.is_plain() { &self.w } else { &self.u };
        let bend = self.working_set[newest].delta.squared_distance(u);
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

    /// Drops planes that have been unused for more than [`IDLE`] iterations.
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
        let plain = self.penalty.is_plain();
        let u = if plain { &mut self.w } else { &mut self.u };
        u.fill(0.0);
        self.sum = DualSum::default();
        for (plane, &alpha) in self.working_set.iter().zip(&self.alpha) {
            if alpha > 0.0 {
                plane.delta.add_to(u, alpha);
                self.sum.add(
                    alpha * plane.offset,
                    plane.sizes.scaled(alpha),
                    plane.errors.scaled(alpha),
                    1,
                );
            }
        }
        self.conjugate = self.penalty.conjugate(u);
        self.dual = self.sum.value(&self.conjugate);
        if !plain {
            self.penalty.write_weights(&self.u, &mut self.w);
        }
    }
}
