//! [`Master`]: solves the dual over all cached planes jointly for all examples, by a second-order
//! method.
//!
//! A block step changes the dual variables of one example with all others fixed. If feature scales
//! differ widely or C is large, thousands of passes hardly move w, although the planes are good. A
//! joint solve of the dual over the planes (the restricted master problem) is insensitive to scales
//! and to C.
//!
//! The first method is a proximal point method on α, which is an augmented Lagrangian method for
//! the primal (Rockafellar 1976; for SVMs: Li, Sun, Toh 2018). Its k-th subproblem is smooth in w,
//!
//! ```text
//! minimise over w   ½‖w‖² + Σᵢ max over a of  ⟨a, v(w)⟩ − φ*(Σa) − ‖a − αᵏ‖² / 2σᵢ,     vₚ(w) = Δₚ − ⟨w, δₚ⟩
//! ```
//!
//! where a ≥ 0 are the dual variables of example i and φ* is the conjugate of the slack cost. The
//! inner maximum is a projection. The gradient is w − Σ a δ. A generalised Hessian is the identity
//! plus outer products of the planes with a > 0. Semismooth Newton steps with a line search
//! minimise the subproblem, and its final a is αᵏ⁺¹ ([`newton`]). If too many Newton steps are
//! needed, an [`interior`] point method takes over, with fewer and more expensive steps.
//!
//! Around prior weights w₀, both methods solve for v = w − w₀, with the offsets Δₚ − ⟨w₀, δₚ⟩. Only
//! the interior point method can handle lower bounds of weights, so it takes the place of both.
//!
//! The master is switched on when approximate passes have cost a fraction of the work of a solve
//! without halving the gap. It counts work, not time, so that results are reproducible. From then
//! on solves replace approximate passes.

mod cholesky;
mod columns;
mod fans;
mod interior;
mod newton;
mod problem;
mod system;

use serde::{Deserialize, Serialize};

use super::cache::Block;
use super::crew::Crew;
use crate::solve::regulariser::Penalty;
use problem::Problem;
use system::Shape;

/// Approximate passes may cost this fraction of the work of a solve before the master is switched
/// on.
const RENT: f64 = 0.1;
/// Number of exact passes without a halved gap after which `STALE_RENT` replaces `RENT`.
const STALE: u32 = 10;
/// The fraction of the work of a solve, in place of `RENT`, if the gap is slow to halve.
const STALE_RENT: f64 = 0.01;
/// Factor on `RENT` and `STALE_RENT` if there are more weights than [`system::MOST_ORDER`].
const WIDE: f64 = 10.0;
/// Expected number of Newton steps of a solve.
const STEPS: f64 = 20.0;
/// Limit on the work of the Newton method, in Newton steps.
const MOST_STEPS: f64 = 150.0;
/// Expected number of steps of the interior point method.
const INTERIOR_STEPS: f64 = 12.0;
/// The interior point method aims at this fraction of the requested gap, because setting small dual
/// variables to 0 afterwards loses some of D.
const INTERIOR: f64 = 0.7;

/// Cap on the count of failed solves: the wait after a failure grows no further.
const MOST_FAILURES: u32 = 5;
/// Cap on the count of Newton failures: the number of solves without Newton steps grows no further.
const MOST_MISSES: u32 = 6;

/// State kept between solves.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Master {
    on: bool,
    /// Factor τ on the lengths σᵢ of proximal steps.
    tau: f64,
    /// w at the end of the last solve, which differs from Σαδ. Empty before the first solve.
    w: Vec<f64>,
    /// Number of multiplications in approximate passes since the gap last halved.
    debt: f64,
    /// Number of exact passes since the gap last halved.
    stale: u32,
    /// The gap when it last halved.
    halved: f64,
    /// Number of consecutive solves that failed.
    failures: u32,
    /// Number of exact passes to wait before the next solve.
    waits: u32,
    /// Number of coming solves that begin with the interior point method.
    interior_first: u32,
    /// Number of failures of the Newton method since its last success.
    misses: u32,
}

impl Default for Master {
    fn default() -> Self {
        Self {
            on: false,
            tau: 1.0,
            w: Vec::new(),
            debt: 0.0,
            stale: 0,
            halved: f64::INFINITY,
            failures: 0,
            waits: 0,
            interior_first: 0,
            misses: 0,
        }
    }
}

/// Target gap of a solve: the larger of `floor` and the smaller of `seen` and `of_dual` · D.
#[derive(Clone, Copy, Debug)]
pub(super) struct Goal {
    pub floor: f64,
    pub seen: f64,
    pub of_dual: f64,
}

/// Sizes of the problem, to estimate the work of a solve.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sizes {
    pub dim: usize,
    pub planes: usize,
    /// Number of dual variables that can move independently.
    pub rank: usize,
    /// Number of multiplications that compute the values of all planes.
    pub sweep: f64,
    /// Whether weights have lower bounds.
    pub bounded: bool,
    /// If planes are tangents of a smooth loss, the number of values of all planes: each plane has
    /// all rows of its example, and in a solve nearly all planes come into use.
    pub values_of_tangents: Option<f64>,
}

/// Lengthens w if that lowers its primal value over the planes ([`Problem::stretch`]).
pub(super) fn stretched(
    blocks: &[Block<'_>],
    w: Vec<f64>,
    penalty: &Penalty,
    crew: &Crew,
) -> Vec<f64> {
    let goal = Goal { floor: 0.0, seen: 0.0, of_dual: 0.0 };
    let mut problem = Problem::around(blocks, w, penalty, goal, crew);
    problem.stretch(blocks, crew);
    let mut w = problem.into_weights();
    penalty.clip(&mut w);
    w
}

impl Sizes {
    /// Shape of the linear system with `rank` planes.
    fn shape(self, rank: usize) -> Shape {
        let values = (2.0 * self.sweep).max(self.values_of_tangents.unwrap_or(0.0));
        let length = (values / self.planes.max(1) as f64).min(self.dim as f64);
        let values = length * rank as f64;
        Shape { dim: self.dim, rank, values, squares: values * length }
    }

    /// Numbers of multiplications of a Newton step and of an interior point step.
    fn steps(self) -> (f64, f64) {
        let vectors = 10.0 * self.dim as f64;
        // At the end of a solve, more planes may be in use than now.
        let rank = match self.values_of_tangents {
            Some(_) => self.planes,
            None => self.rank.max((self.planes / 2).min(system::MOST_ORDER)),
        };
        let newton = self.shape(rank).work() + 2.0 * self.sweep + vectors;
        (newton, self.shape(self.planes).work() + 6.0 * self.sweep + vectors)
    }

    /// Whether the linear system is small enough for a solve.
    pub fn is_possible(self) -> bool {
        self.shape(if self.bounded { self.planes } else { self.rank }).is_possible()
    }

    /// Expected number of multiplications of a solve.
    fn work(self) -> f64 {
        let (newton, interior) = self.steps();
        if self.bounded { INTERIOR_STEPS * interior } else { STEPS * newton }
    }

    /// Number of `f64` values that a solve stores.
    pub fn numbers(self) -> usize {
        self.shape(self.planes).numbers().saturating_add(8 * (self.dim + self.planes))
    }
}

impl Master {
    /// Whether solves replace approximate passes and averages of weights.
    pub fn is_on(&self) -> bool {
        self.on && self.waits == 0
    }

    /// Whether a run with `dim` weights can have produced this state.
    pub fn is_sound(&self, dim: usize) -> bool {
        let Self { w, tau, debt, halved, failures, misses, .. } = self;
        *failures <= MOST_FAILURES
            && *misses <= MOST_MISSES
            && (w.is_empty() || w.len() == dim)
            && w.iter().all(|weight| weight.is_finite())
            && [tau, debt].iter().all(|number| number.is_finite() && **number >= 0.0)
            && !halved.is_nan()
    }

    /// Resets the state for another C. `on` stays, because it depends on the data more than on C.
    pub fn restart(&mut self) {
        *self = Self { on: self.on, ..Self::default() };
    }

    /// Counts multiplications of approximate passes.
    pub fn owe(&mut self, work: f64) {
        if !self.on {
            self.debt += work;
        }
    }

    /// The weights to certify, if there are any: w at the end of the last solve.
    pub fn weights(&self) -> Option<&[f64]> {
        (self.is_on() && !self.w.is_empty()).then_some(&*self.w)
    }

    /// Whether a solve is due, after the approximate passes. `seen` is the gap met in the exact
    /// pass before them.
    pub fn is_due(&mut self, seen: f64, sizes: Sizes) -> bool {
        if self.on {
            self.waits = self.waits.saturating_sub(1);
            return self.waits == 0;
        }
        if seen <= 0.5 * self.halved {
            (self.halved, self.debt, self.stale) = (seen, 0.0, 0);
        }
        self.stale = self.stale.saturating_add(1);
        // A smooth loss takes many tangents, each of which improves little.
        let is_stale = self.stale > STALE && sizes.values_of_tangents.is_none();
        let rent = if is_stale { STALE_RENT } else { RENT };
        let rent = if sizes.dim > system::MOST_ORDER { WIDE * rent } else { rent };
        self.on = self.debt >= rent * sizes.work();
        self.on
    }

    /// Solves the dual over the planes of all blocks, starting from their dual variables, and
    /// updates these.
    pub fn solve(
        &mut self,
        blocks: &mut [Block<'_>],
        (w, penalty): (&[f64], &Penalty),
        (goal, sizes): (Goal, Sizes),
        stop: &dyn Fn() -> bool,
        crew: &Crew,
    ) {
        let start = if self.w.is_empty() { w.to_vec() } else { std::mem::take(&mut self.w) };
        let mut problem = Problem::around(blocks, start, penalty, goal, crew);
        self.tau = (0.1 * self.tau).max(1e-3);
        let (step, interior_step) = sizes.steps();
        let interior_work = INTERIOR_STEPS * interior_step;
        let most = interior_work.min(MOST_STEPS * step).max(1e6);
        let interior_first =
            sizes.bounded || (self.interior_first > 0 && interior_work.is_finite());
        let mut solved = !interior_first && problem.newton(blocks, &mut self.tau, most, stop, crew);
        if solved {
            self.misses = 0;
        } else if interior_work.is_finite() && !stop() {
            // After a Newton failure the next solves begin with the interior point method. If the
            // Newton method fails again, twice as many do.
            if !interior_first {
                self.misses = (self.misses + 1).min(MOST_MISSES);
                self.interior_first = 1 << self.misses;
            }
            self.interior_first = self.interior_first.saturating_sub(1);
            problem.interior(blocks, INTERIOR * problem.tolerance(), stop, crew);
            problem.purify(blocks, crew);
            solved = problem.is_solved();
        }
        // After a failed solve, block steps are tried instead. The wait doubles with each failure.
        self.failures = if solved { 0 } else { (self.failures + 1).min(MOST_FAILURES) };
        self.waits = if solved { 0 } else { 1 << self.failures };
        for (i, block) in blocks.iter_mut().enumerate() {
            block.set_alphas(&problem.best[problem.range(i)]);
        }
        if problem.counts_rounding(blocks) {
            problem.stretch(blocks, crew);
        }
        self.w = problem.into_weights();
        penalty.clip(&mut self.w);
    }
}
