//! [`Master`]: the dual over all cached planes, solved for all examples together by a second-order method.
//!
//! Block steps change the dual variables of one example with all others fixed. If features differ widely in size, or C
//! is large, thousands of such passes move w hardly at all, although the planes are good. With few weights the dual
//! over the planes (the restricted master problem) can be solved as a whole, and then neither scales nor C matter.
//!
//! It is a proximal point method on α, an augmented Lagrangian method for the primal (Rockafellar 1976; for SVMs: Li, Sun,
//! Toh 2018). Its k-th subproblem is smooth in w,
//!
//! ```text
//! minimise over w   ½‖w‖² + Σᵢ max over a of  ⟨a, v(w)⟩ − φ*(Σa) − ‖a − αᵏ‖² / 2σᵢ,     vₚ(w) = Δₚ − ⟨w, δₚ⟩
//! ```
//!
//! where a ≥ 0 are the dual variables of example i and φ* is the conjugate of the slack cost. The maximum is a projection
//! ([`project`]); the gradient is w − Σ a δ; and a generalised Hessian is the identity plus outer products of the planes
//! with a > 0. Semismooth Newton steps with a line search minimise it, and the a of the end is αᵏ⁺¹.
//!
//! It is switched on by counting work, not time, so that results repeat: when approximate passes have cost a fraction of
//! what a solve would, without halving the gap. From then on it takes their place.

use nalgebra::{Cholesky, DMatrix, DVector};
use serde::{Deserialize, Serialize};

use super::block::{Block, Workspace};
use crate::bounds::SlackCost;
use crate::plane::{dot, squared_norm};

/// The most weights for which it is tried: a Newton step factorises a matrix of that order.
const LARGEST: usize = 1500;
/// Approximate passes may cost this fraction of a solve before it is tried. 0.03 to 0.25 were tried on raw tables and rankings:
/// passes fall with it, and well-scaled problems are slower below 0.1.
const RENT: f64 = 0.1;
/// If the gap has not halved in so many exact passes, the fraction is this one.
const STALE: u32 = 10;
const STALE_RENT: f64 = 0.01;
/// Newton steps that a solve is expected to take.
const STEPS: f64 = 20.0;
/// Newton steps after which a solve gives up, and those in one subproblem.
const MOST_STEPS: usize = 400;
const MOST_INNER: usize = 30;
/// Subproblems in one solve.
const MOST_OUTER: usize = 200;
/// Subproblems in a row without a step after which nothing more is to be gained.
const IDLE: u32 = 12;
/// A subproblem is solved when ½‖w − Σaδ‖² is this fraction of the proximal term.
const INNER: f64 = 0.1;
/// Upper bound on σᵢ, in units of dual variable per loss.
const LARGEST_SIGMA: f64 = 1e7;
/// At the start of a solve the smoothing is about this times the gap.
const SMOOTHING: f64 = 10.0;

/// What is kept between solves.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Master {
    on: bool,
    /// The length of proximal steps.
    tau: f64,
    /// Where the last solve ended, which is not Σαδ. Empty before the first.
    w: Vec<f64>,
    /// Multiplications in approximate passes since the gap has last halved, exact passes since then, and that gap.
    debt: f64,
    stale: u32,
    halved: f64,
    /// Solves in a row that gave up, and exact passes to wait before the next.
    failures: u32,
    waits: u32,
}

impl Default for Master {
    fn default() -> Self {
        Self { on: false, tau: 1.0, w: Vec::new(), debt: 0.0, stale: 0, halved: f64::INFINITY, failures: 0, waits: 0 }
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
    pub support: usize,
    /// Multiplications for the values of all planes.
    pub sweep: f64,
}

impl Master {
    /// Whether it is worth trying with so many weights.
    pub fn is_for(dim: usize) -> bool {
        dim <= LARGEST
    }

    /// Whether it takes the place of approximate passes and of the averages of weights.
    pub fn is_on(&self) -> bool {
        self.on && self.waits == 0
    }

    /// Whether it could have come about for so many weights.
    pub fn is_sound(&self, dim: usize) -> bool {
        let Self { w, tau, debt, halved, .. } = self;
        (w.is_empty() || w.len() == dim)
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

    /// After approximate passes, of which the exact one before has met the gap `seen`: whether a solve is due now.
    pub fn is_due(&mut self, seen: f64, sizes: Sizes) -> bool {
        if self.on {
            self.waits = self.waits.saturating_sub(1);
            return self.waits == 0;
        }
        if seen <= 0.5 * self.halved {
            (self.halved, self.debt, self.stale) = (seen, 0.0, 0);
        }
        self.stale = self.stale.saturating_add(1);
        let Sizes { dim, planes, support, sweep } = sizes;
        let d = dim as f64;
        let length = (2.0 * sweep / planes.max(1) as f64).min(d);
        let work = STEPS * (3.0 * sweep + d * d * d / 3.0 + 0.5 * support as f64 * length * length);
        let rent = if self.stale > STALE { STALE_RENT } else { RENT };
        self.on = self.debt >= rent * work;
        self.on
    }

    /// Solves the dual over the planes of all blocks, from where they stand, and sets their dual variables.
    pub fn solve(
        &mut self,
        blocks: &mut [Block<'_>],
        w: &[f64],
        goal: Goal,
        stop: &dyn Fn() -> bool,
        workspace: &mut Workspace,
    ) {
        let mut problem = Problem::new(blocks);
        let start = if self.w.is_empty() { w.to_vec() } else { std::mem::take(&mut self.w) };
        self.tau = (0.1 * self.tau).max(1e-3);
        let (end, solved) = problem.solve(blocks, start, goal, &mut self.tau, stop, workspace);
        self.w = end;
        // For as long again as before, block steps are tried instead.
        self.failures = if solved { 0 } else { (self.failures + 1).min(5) };
        self.waits = if solved { 0 } else { 1 << self.failures };
        for (i, block) in blocks.iter_mut().enumerate() {
            block.set_alphas(&problem.best[problem.range(i)]);
        }
    }
}

/// The planes of all blocks, one after the other.
struct Problem {
    start: Vec<usize>,
    costs: Vec<SlackCost>,
    loss: Vec<f64>,
    /// αᵏ.
    alpha: Vec<f64>,
    /// σᵢ, and what it is at τ = 1.
    sigma: Vec<f64>,
    unit: Vec<f64>,
    /// The most that σᵢ may be.
    most: Vec<f64>,
    /// The mean over blocks of the largest loss.
    scale: f64,
    /// v, its change along the direction, and a.
    value: Vec<f64>,
    change: Vec<f64>,
    a: Vec<f64>,
    /// The α with the highest dual value, and that.
    best: Vec<f64>,
    dual: f64,
    z: Vec<f64>,
}

impl Problem {
    fn new(blocks: &[Block<'_>]) -> Self {
        let mut start = vec![0];
        let (mut loss, mut alpha) = (Vec::new(), Vec::new());
        for block in blocks {
            block.losses_and_alphas().for_each(|(one, other)| {
                loss.push(one);
                alpha.push(other);
            });
            start.push(loss.len());
        }
        let (m, n) = (loss.len(), blocks.len());
        let costs: Vec<SlackCost> = blocks.iter().map(Block::cost).collect();
        let largest = |i: usize| loss[start[i]..start[i + 1]].iter().copied().fold(0.0, f64::max);
        let scale = (0..n).map(largest).sum::<f64>() / n as f64;
        let scale = if scale > 0.0 { scale } else { 1.0 };
        // What Σα may come to, by the loss.
        let most: Vec<f64> = costs.iter().map(|cost| cost.slope(scale) / scale).collect();
        let unit = |(block, most): (&Block<'_>, &f64)| match block.planes() {
            0 => 0.0,
            _ => most.min(10.0 / block.longest_squared().max(f64::MIN_POSITIVE)),
        };
        Self {
            unit: blocks.iter().zip(&most).map(unit).collect(),
            most: most.iter().map(|most| LARGEST_SIGMA * most).collect(),
            scale,
            start,
            costs,
            loss,
            best: alpha.clone(),
            alpha,
            sigma: vec![0.0; n],
            value: vec![0.0; m],
            change: vec![0.0; m],
            a: vec![0.0; m],
            dual: f64::NEG_INFINITY,
            z: Vec::new(),
        }
    }

    fn range(&self, i: usize) -> std::ops::Range<usize> {
        self.start[i]..self.start[i + 1]
    }

    /// v at w.
    fn evaluate(&mut self, blocks: &[Block<'_>], w: &[f64], workspace: &mut Workspace) {
        for (i, block) in blocks.iter().enumerate() {
            let range = self.range(i);
            let scores = block.scores(w, workspace);
            let values = self.value[range.clone()].iter_mut().zip(&self.loss[range]);
            values.zip(scores).for_each(|((value, loss), score)| *value = loss - score);
        }
    }

    /// a at v + t · change; returns ⟨a, change⟩.
    fn respond(&mut self, t: f64) -> f64 {
        let mut slope = 0.0;
        for i in 0..self.costs.len() {
            let range = self.range(i);
            if range.is_empty() || self.sigma[i] == 0.0 {
                continue;
            }
            self.z.clear();
            let moved = |p: usize| self.alpha[p] + self.sigma[i] * (self.value[p] + t * self.change[p]);
            self.z.extend(range.clone().map(moved));
            project(&self.z, self.costs[i], self.sigma[i], &mut self.a[range.clone()]);
            slope += dot(&self.a[range.clone()], &self.change[range]);
        }
        slope
    }

    /// What the primal value of the planes at v has beyond the dual one at a, apart from ½‖w − Σaδ‖².
    fn complementarity(&self, a: &[f64]) -> f64 {
        let of = |i: usize| {
            let range = self.range(i);
            let highest = self.value[range.clone()].iter().copied().fold(0.0, f64::max);
            let sum: f64 = a[range.clone()].iter().sum();
            self.costs[i].of(highest) + self.costs[i].conjugate(sum) - dot(&a[range.clone()], &self.value[range])
        };
        (0..self.costs.len()).map(of).sum()
    }

    /// Replaces u by Σ a δ, and returns the dual value of a.
    fn dual_of(&self, a: &[f64], blocks: &[Block<'_>], u: &mut [f64], workspace: &mut Workspace) -> f64 {
        u.fill(0.0);
        let mut conjugates = 0.0;
        for (i, block) in blocks.iter().enumerate() {
            let a = &a[self.range(i)];
            block.add_weighted(a, u, workspace);
            conjugates += self.costs[i].conjugate(a.iter().sum());
        }
        dot(a, &self.loss) - conjugates - 0.5 * squared_norm(u)
    }

    /// Σ ‖a − αᵏ‖² / 2σ.
    fn proximal_term(&self) -> f64 {
        let of = |i: usize| {
            let squares = self.range(i).map(|p| (self.a[p] - self.alpha[p]).powi(2));
            0.5 * squares.sum::<f64>() / self.sigma[i]
        };
        (0..self.costs.len()).filter(|&i| self.sigma[i] > 0.0).map(of).sum()
    }

    /// Solves from w; returns the w of the lowest primal value over the planes, and whether the goal was reached.
    fn solve(
        &mut self,
        blocks: &[Block<'_>],
        mut w: Vec<f64>,
        goal: Goal,
        tau: &mut f64,
        stop: &dyn Fn() -> bool,
        workspace: &mut Workspace,
    ) -> (Vec<f64>, bool) {
        let d = w.len();
        let mut u = vec![0.0; d];
        self.dual = self.dual_of(&self.alpha, blocks, &mut u, workspace);
        if self.dual < 0.0 {
            // Worse than none at all.
            self.alpha.fill(0.0);
            self.best.fill(0.0);
            u.fill(0.0);
            self.dual = 0.0;
        }
        self.a.copy_from_slice(&self.alpha);
        self.evaluate(blocks, &w, workspace);
        let mut gap = self.complementarity(&self.alpha) + half_distance(&w, &u);
        let at_zero: f64 = self.costs.iter().enumerate().map(|(i, cost)| cost.of(self.largest_loss(i))).sum();
        if gap + self.dual > at_zero {
            w.fill(0.0);
            gap = at_zero - self.dual;
        }
        let mut lowest = (gap + self.dual, w.clone());
        // At first the smoothing is about as large as the gap.
        let reach: f64 = self.most.iter().map(|most| most / LARGEST_SIGMA).sum::<f64>() * self.scale;
        let units: f64 = self.unit.iter().sum();
        *tau = tau.min(SMOOTHING * reach * reach / (gap * units).max(f64::MIN_POSITIVE)).max(1e-9);
        let (mut steps, mut work, mut idle) = (0, 0.0, 0);
        let most_work = 12.0 * (self.loss.len() as f64 + d as f64 / 3.0) * (d * d) as f64 + 1e6;
        let enough = |dual: f64| goal.floor.max(goal.seen.min(goal.of_dual * dual));
        for outer in 0..MOST_OUTER {
            for (sigma, (unit, most)) in self.sigma.iter_mut().zip(self.unit.iter().zip(&self.most)) {
                *sigma = (*tau * unit).min(*most);
            }
            let mut inner = 0;
            let solved = loop {
                self.evaluate(blocks, &w, workspace);
                self.change.fill(0.0);
                self.respond(0.0);
                let dual = self.dual_of(&self.a, blocks, &mut u, workspace);
                let excess = half_distance(&w, &u);
                if dual > self.dual {
                    self.dual = dual;
                    self.best.copy_from_slice(&self.a);
                }
                gap = excess + self.complementarity(&self.a);
                if gap + dual < lowest.0 {
                    lowest.0 = gap + dual;
                    lowest.1.copy_from_slice(&w);
                }
                let tolerance = enough(self.dual);
                let near = gap <= tolerance || (outer > 0 && lowest.0 - self.dual <= tolerance);
                let floor = 1e-15 * dual.abs();
                if near
                    || excess <= (INNER * self.proximal_term()).max(floor)
                    || inner >= MOST_INNER
                    || steps >= MOST_STEPS
                {
                    break true;
                }
                (inner, steps) = (inner + 1, steps + 1);
                let gradient: Vec<f64> = w.iter().zip(&u).map(|(w, u)| w - u).collect();
                let Some(direction) = self.direction(blocks, &gradient, &mut work, workspace) else { break false };
                for (i, block) in blocks.iter().enumerate() {
                    let range = self.range(i);
                    let scores = block.scores(&direction, workspace);
                    self.change[range].iter_mut().zip(scores).for_each(|(change, score)| *change = -score);
                }
                let length = self.line_search(&w, &direction, -dot(&gradient, &direction).abs());
                w.iter_mut().zip(&direction).for_each(|(w, change)| *w += length * change);
            };
            if inner < MOST_INNER {
                self.alpha.copy_from_slice(&self.a);
            }
            let reached = lowest.0 - self.dual <= enough(self.dual);
            idle = if inner == 0 { idle + 1 } else { 0 };
            if reached || idle >= IDLE || !solved || steps >= MOST_STEPS || work > most_work || stop() {
                return (lowest.1, reached || idle >= IDLE);
            }
            if inner <= 6 {
                *tau *= 10.0;
            } else if inner >= MOST_INNER {
                *tau /= 30.0;
                w.copy_from_slice(&lowest.1);
            } else if inner >= 15 {
                *tau *= 0.5;
            }
            *tau = tau.clamp(1e-12, 1e20);
        }
        (lowest.1, false)
    }

    fn largest_loss(&self, i: usize) -> f64 {
        self.loss[self.range(i)].iter().copied().fold(0.0, f64::max)
    }

    /// How far to go along a direction, along which the derivative is piecewise linear, rises, and begins at `first` < 0.
    fn line_search(&mut self, w: &[f64], direction: &[f64], first: f64) -> f64 {
        let (square, cross) = (squared_norm(direction), dot(w, direction));
        let (mut low, mut at_low, mut high, mut at_high) = (0.0, first, f64::INFINITY, f64::INFINITY);
        let mut t = 1.0;
        for _ in 0..40 {
            let slope = cross + t * square + self.respond(t);
            if slope.abs() <= 0.3 * first.abs() {
                break;
            }
            if slope < 0.0 {
                (low, at_low) = (t, slope);
            } else {
                (high, at_high) = (t, slope);
            }
            t = match high.is_finite() {
                true => {
                    let secant = low + (high - low) * (-at_low / (at_high - at_low));
                    secant.clamp(low + 0.1 * (high - low), high - 0.1 * (high - low))
                }
                false => 2.0 * t,
            };
        }
        t
    }

    /// −H⁻¹ · gradient, for a generalised Hessian H at a; `None` if it cannot be factorised. Adds its multiplications to `work`.
    ///
    /// Block i adds σ δδᵀ for each plane with a > 0 if Σa is free. If it is at its bound the mean of these planes drops out, and
    /// with squared slacks it counts 1 / (1 + σρk) for k planes.
    fn direction(
        &self,
        blocks: &[Block<'_>],
        gradient: &[f64],
        work: &mut f64,
        workspace: &mut Workspace,
    ) -> Option<Vec<f64>> {
        let d = gradient.len();
        let mut matrix = DMatrix::<f64>::identity(d, d);
        let mut column = vec![0.0; d];
        let (mut names, mut values): (Vec<usize>, Vec<f64>) = (Vec::new(), Vec::new());
        let mut coefficients = Vec::new();
        let mut dense = Vec::new();
        for (i, block) in blocks.iter().enumerate() {
            let range = self.range(i);
            let active: Vec<usize> = (0..range.len()).filter(|&p| self.a[range.start + p] > 0.0).collect();
            let (k, root) = (active.len(), self.sigma[i].sqrt());
            if k == 0 || root == 0.0 {
                continue;
            }
            let cost = self.costs[i];
            let sum: f64 = self.a[range.clone()].iter().sum();
            let capped = sum >= cost.bound * (1.0 - 1e-12);
            let whole =
                if cost.ridge > 0.0 { root / (1.0 + self.sigma[i] * cost.ridge * k as f64).sqrt() } else { 0.0 };
            let free = !capped && cost.ridge == 0.0;
            for j in 0..k {
                coefficients.clear();
                coefficients.resize(range.len(), 0.0);
                if free {
                    coefficients[active[j]] = root;
                } else if j > 0 {
                    // Helmert's: (δ₁ + … + δⱼ − j δⱼ₊₁) / √(j (j + 1)).
                    let factor = root / ((j * (j + 1)) as f64).sqrt();
                    active[..j].iter().for_each(|&p| coefficients[p] = factor);
                    coefficients[active[j]] = -(j as f64) * factor;
                } else if whole > 0.0 {
                    active.iter().for_each(|&p| coefficients[p] = whole / (k as f64).sqrt());
                } else {
                    continue;
                }
                block.add_weighted(&coefficients, &mut column, workspace);
                names.clear();
                values.clear();
                for (index, value) in column.iter_mut().enumerate().filter(|(_, value)| **value != 0.0) {
                    names.push(index);
                    values.push(std::mem::take(value));
                }
                *work += 0.5 * (names.len() * names.len()) as f64;
                if 2 * names.len() > d {
                    let mut full = vec![0.0; d];
                    names.iter().zip(&values).for_each(|(&name, &value)| full[name] = value);
                    dense.extend(full);
                    if dense.len() >= 256 * d {
                        add_outer_products(&mut matrix, &mut dense);
                    }
                    continue;
                }
                let entries = matrix.as_mut_slice();
                for (at, (&name, &factor)) in names.iter().zip(&values).enumerate() {
                    let column = &mut entries[name * d..(name + 1) * d];
                    let rows = names[at..].iter().zip(&values[at..]);
                    rows.for_each(|(&row, &value)| column[row] += factor * value);
                }
            }
        }
        add_outer_products(&mut matrix, &mut dense);
        *work += (d * d * d) as f64 / 3.0;
        // Scaled to a unit diagonal.
        let scales: Vec<f64> = (0..d).map(|i| 1.0 / matrix[(i, i)].sqrt()).collect();
        for j in 0..d {
            for i in j..d {
                matrix[(i, j)] *= scales[i] * scales[j];
            }
        }
        let right = DVector::from_fn(d, |i, _| -gradient[i] * scales[i]);
        [0.0, 1e-14, 1e-12, 1e-10].into_iter().find_map(|ridge| {
            let mut matrix = matrix.clone();
            (0..d).for_each(|i| matrix[(i, i)] += ridge);
            let solution = Cholesky::new(matrix)?.solve(&right);
            let direction: Vec<f64> = solution.iter().zip(&scales).map(|(x, scale)| x * scale).collect();
            direction.iter().all(|x| x.is_finite()).then_some(direction)
        })
    }
}

/// Adds the outer products of vectors that lie end to end, and empties them.
fn add_outer_products(matrix: &mut DMatrix<f64>, vectors: &mut Vec<f64>) {
    if !vectors.is_empty() {
        let d = matrix.nrows();
        let vectors = DMatrix::from_column_slice(d, vectors.len() / d, vectors);
        matrix.gemm(1.0, &vectors, &vectors.transpose(), 1.0);
    }
    vectors.clear();
}

/// ½‖w − u‖².
fn half_distance(w: &[f64], u: &[f64]) -> f64 {
    0.5 * w.iter().zip(u).map(|(w, u)| (w - u) * (w - u)).sum::<f64>()
}

/// The a ≥ 0 that maximises ⟨a, z⟩ − ½‖a‖² − σ φ*(Σa): z less what they must come down by, at least 0. For a bound on Σa this is
/// a projection (Michelot 1986); for squared slacks they come down by σρ Σa.
fn project(z: &[f64], cost: SlackCost, sigma: f64, a: &mut [f64]) {
    let bend = sigma * cost.ridge;
    let sum: f64 = z.iter().map(|z| z.max(0.0)).sum();
    if bend == 0.0 && sum <= cost.bound {
        a.iter_mut().zip(z).for_each(|(a, &z)| *a = z.max(0.0));
        return;
    }
    // Relative to the highest, so that huge z lose no digits.
    let highest = z.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let lower_bound = if bend > 0.0 { -highest } else { f64::NEG_INFINITY };
    let mut threshold = lower_bound;
    loop {
        let above = z.iter().map(|z| z - highest).filter(|z| *z > threshold);
        let (sum, number) = above.fold((0.0, 0.0), |(sum, number), z| (sum + z, number + 1.0));
        let next = match bend > 0.0 {
            // threshold + highest = bend · Σ (z − threshold − highest).
            true => (bend * (sum + number * highest)) / (1.0 + bend * number) - highest,
            false => (sum - cost.bound) / number,
        };
        if next <= threshold || !next.is_finite() {
            break;
        }
        threshold = next;
    }
    a.iter_mut().zip(z).for_each(|(a, &z)| *a = (z - highest - threshold).max(0.0));
    if bend == 0.0 {
        let sum: f64 = a.iter().sum();
        let scale = if sum > 0.0 { cost.bound / sum } else { 0.0 };
        a.iter_mut().for_each(|a| *a *= scale);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::settings::SlackNorm;

    proptest! {
        /// No feasible a is better: the objective is concave, so small moves along and between coordinates decide.
        #[test]
        fn a_projection_is_a_maximum(
            z in prop::collection::vec(prop_oneof![Just(0.0), -3.0..3.0, 1e6..2e6_f64], 1..6),
            c in 1e-3..10.0_f64, sigma in 1e-2..10.0_f64, squared in any::<bool>(),
        ) {
            let cost = SlackCost::new(c, if squared { SlackNorm::Squared } else { SlackNorm::Linear });
            let mut a = vec![0.0; z.len()];
            project(&z, cost, sigma, &mut a);
            let value = |a: &[f64]| {
                let sum: f64 = a.iter().sum();
                let squares: f64 = a.iter().map(|a| a * a).sum();
                dot(a, &z) - 0.5 * squares - sigma * cost.conjugate(sum)
            };
            let sum: f64 = a.iter().sum();
            prop_assert!(a.iter().all(|a| *a >= 0.0) && sum <= cost.bound * (1.0 + 1e-12), "{:?}", a);
            let size = 1.0 + z.iter().map(|z| z.abs()).fold(0.0, f64::max) * (1.0 + sum);
            for (p, q) in (0..z.len()).flat_map(|p| (0..=z.len()).map(move |q| (p, q))) {
                for step in [1e-4, -1e-4] {
                    let mut other = a.clone();
                    other[p] += step;
                    if q < z.len() {
                        other[q] -= step;
                    }
                    let feasible = other.iter().all(|a| *a >= 0.0) && other.iter().sum::<f64>() <= cost.bound;
                    prop_assert!(!feasible || value(&other) <= value(&a) + 1e-12 * size, "{:?} {:?}", a, other);
                }
            }
        }
    }
}
