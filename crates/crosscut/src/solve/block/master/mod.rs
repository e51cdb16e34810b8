//! [`Master`]: the dual over all cached planes, solved for all examples together by a second-order
//! method.
//!
//! Block steps change the dual variables of one example with all others fixed. If features differ
//! widely in size, or C is large, thousands of such passes move w hardly at all, although the
//! planes are good. The dual over the planes (the restricted master problem) can be solved as a
//! whole, and then neither scales nor C matter.
//!
//! The first way is a proximal point method on α, an augmented Lagrangian method for the primal
//! (Rockafellar 1976; for SVMs: Li, Sun, Toh 2018). Its k-th subproblem is smooth in w,
//!
//! ```text
//! minimise over w   ½‖w‖² + Σᵢ max over a of  ⟨a, v(w)⟩ − φ*(Σa) − ‖a − αᵏ‖² / 2σᵢ,     vₚ(w) = Δₚ − ⟨w, δₚ⟩
//! ```
//!
//! where a ≥ 0 are the dual variables of example i and φ* is the conjugate of the slack cost. The
//! maximum is a projection; the gradient is w − Σ a δ; and a generalised Hessian is the identity
//! plus outer products of the planes with a > 0. Semismooth Newton steps with a line search
//! minimise it, and the a of the end is αᵏ⁺¹ ([`newton`]). Where they are too many, an [`interior`]
//! point method takes over, whose steps are dearer and few.
//!
//! It is switched on by counting work, not time, so that results repeat: when approximate passes
//! have cost a fraction of what a solve would, without halving the gap. From then on it takes their
//! place.

mod interior;
mod newton;
mod problem;
mod system;

use serde::{Deserialize, Serialize};

use super::cache::{Block, Workspace};
use problem::Problem;
use system::Shape;

/// Approximate passes may cost this fraction of a solve before it is tried.
const RENT: f64 = 0.1;
/// If the gap has not halved in so many exact passes, the fraction is this one.
const STALE: u32 = 10;
const STALE_RENT: f64 = 0.01;
/// With more weights than systems are solved for directly, both are so many times as large.
const WIDE: f64 = 10.0;
/// Newton steps that a solve is expected to take, and those whose work it may take at most.
const STEPS: f64 = 20.0;
const MOST_STEPS: f64 = 150.0;
/// Steps that the interior point method is expected to take.
const INTERIOR_STEPS: f64 = 12.0;
/// The interior point method solves to this fraction of the gap asked for: what follows it loses
/// some.
const INTERIOR: f64 = 0.7;

/// After so many solves that gave up, and so many times that Newton's steps were too many, waits
/// grow no longer.
const MOST_FAILURES: u32 = 5;
const MOST_MISSES: u32 = 6;

/// What is kept between solves.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Master {
    on: bool,
    /// The length of proximal steps.
    tau: f64,
    /// Where the last solve ended, which is not Σαδ. Empty before the first.
    w: Vec<f64>,
    /// Multiplications in approximate passes since the gap has last halved, exact passes since
    /// then, and that gap.
    debt: f64,
    stale: u32,
    halved: f64,
    /// Solves in a row that gave up, and exact passes to wait before the next.
    failures: u32,
    waits: u32,
    /// Solves to come that begin with the interior point method, and how often Newton's steps were
    /// too many.
    interior_first: u32,
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

/// To what gap a solve goes: the larger of `floor` and the smaller of `seen` and `of_dual` · D.
#[derive(Clone, Copy, Debug)]
pub(super) struct Goal {
    pub floor: f64,
    pub seen: f64,
    pub of_dual: f64,
}

/// Sizes of the problem, for the estimate of what a solve costs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sizes {
    pub dim: usize,
    pub planes: usize,
    /// Planes whose dual variables can move by themselves.
    pub rank: usize,
    /// Multiplications for the values of all planes.
    pub sweep: f64,
}

/// A longer w, if its primal value over the planes is lower ([`Problem::stretch`]).
pub(super) fn stretched(blocks: &[Block<'_>], w: Vec<f64>, workspace: &mut Workspace) -> Vec<f64> {
    let mut problem = Problem::new(blocks, w, Goal { floor: 0.0, seen: 0.0, of_dual: 0.0 });
    problem.stretch(blocks, workspace);
    problem.w
}

impl Sizes {
    /// The system of so many planes.
    fn shape(self, rank: usize) -> Shape {
        let length = (2.0 * self.sweep / self.planes.max(1) as f64).min(self.dim as f64);
        let values = length * rank as f64;
        Shape { dim: self.dim, rank, values, squares: values * length }
    }

    /// Multiplications for a step of Newton's, and for one of the interior point method.
    fn steps(self) -> (f64, f64) {
        let vectors = 10.0 * self.dim as f64;
        // More planes than now may be in use at the end of a solve.
        let rank = self.rank.max((self.planes / 2).min(system::MOST_ORDER));
        let newton = self.shape(rank).work() + 2.0 * self.sweep + vectors;
        (newton, self.shape(self.planes).work() + 6.0 * self.sweep + vectors)
    }

    /// Whether a solve is possible at all, and the numbers that it keeps.
    pub fn is_possible(self) -> bool {
        self.shape(self.rank).is_possible()
    }

    pub fn numbers(self) -> usize {
        self.shape(self.planes).numbers().saturating_add(8 * (self.dim + self.planes))
    }
}

impl Master {
    /// Whether it takes the place of approximate passes and of the averages of weights.
    pub fn is_on(&self) -> bool {
        self.on && self.waits == 0
    }

    /// Whether it could have come about for so many weights.
    pub fn is_sound(&self, dim: usize) -> bool {
        let Self { w, tau, debt, halved, failures, misses, .. } = self;
        *failures <= MOST_FAILURES
            && *misses <= MOST_MISSES
            && (w.is_empty() || w.len() == dim)
            && w.iter().all(|weight| weight.is_finite())
            && [tau, debt].iter().all(|number| number.is_finite() && **number >= 0.0)
            && !halved.is_nan()
    }

    /// Begins again for another C. Whether it is on depends on the data more than on C, and stays.
    pub fn restart(&mut self) {
        *self = Self { on: self.on, ..Self::default() };
    }

    /// Counts multiplications of approximate passes.
    pub fn owe(&mut self, work: f64) {
        if !self.on {
            self.debt += work;
        }
    }

    /// The weights to certify: where the last solve ended.
    pub fn weights(&self) -> Option<&[f64]> {
        (self.is_on() && !self.w.is_empty()).then_some(&*self.w)
    }

    /// After approximate passes, of which the exact one before has met the gap `seen`: whether a
    /// solve is due now.
    pub fn is_due(&mut self, seen: f64, sizes: Sizes) -> bool {
        if self.on {
            self.waits = self.waits.saturating_sub(1);
            return self.waits == 0;
        }
        if seen <= 0.5 * self.halved {
            (self.halved, self.debt, self.stale) = (seen, 0.0, 0);
        }
        self.stale = self.stale.saturating_add(1);
        let work = STEPS * sizes.steps().0;
        let rent = if self.stale > STALE { STALE_RENT } else { RENT };
        let rent = if sizes.dim > system::MOST_ORDER { WIDE * rent } else { rent };
        self.on = self.debt >= rent * work;
        self.on
    }

    /// Solves the dual over the planes of all blocks, from where they stand, and sets their dual
    /// variables.
    pub fn solve(
        &mut self,
        blocks: &mut [Block<'_>],
        w: &[f64],
        (goal, sizes): (Goal, Sizes),
        stop: &dyn Fn() -> bool,
        workspace: &mut Workspace,
    ) {
        let start = if self.w.is_empty() { w.to_vec() } else { std::mem::take(&mut self.w) };
        let mut problem = Problem::new(blocks, start, goal);
        self.tau = (0.1 * self.tau).max(1e-3);
        let (step, interior_step) = sizes.steps();
        let interior_work = INTERIOR_STEPS * interior_step;
        let most = interior_work.min(MOST_STEPS * step).max(1e6);
        let interior_first = self.interior_first > 0 && interior_work.is_finite();
        let mut solved =
            !interior_first && problem.newton(blocks, &mut self.tau, most, stop, workspace);
        if solved {
            self.misses = 0;
        } else if interior_work.is_finite() && !stop() {
            // Where Newton's steps are too many once, the next solves begin without them, and more
            // of them where that happens again.
            if !interior_first {
                self.misses = (self.misses + 1).min(MOST_MISSES);
                self.interior_first = 1 << self.misses;
            }
            self.interior_first -= 1;
            problem.interior(blocks, INTERIOR * problem.tolerance(), stop, workspace);
            problem.purify(blocks, workspace);
            solved = problem.is_solved();
        }
        // For as long again as before, block steps are tried instead.
        self.failures = if solved { 0 } else { (self.failures + 1).min(MOST_FAILURES) };
        self.waits = if solved { 0 } else { 1 << self.failures };
        for (i, block) in blocks.iter_mut().enumerate() {
            block.set_alphas(&problem.best[problem.range(i)]);
        }
        if problem.counts_rounding(blocks) {
            problem.stretch(blocks, workspace);
        }
        self.w = problem.w;
    }
}
