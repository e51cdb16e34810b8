//! An interior point method. It takes about ten steps whatever the planes are, and is used if the
//! Newton method needs too many.
//!
//! It solves the primal problem over the planes, with a slack sₚ for each plane,
//!
//! ```text
//! minimise ½‖w‖² + Σᵢ cost(ξᵢ)   subject to   sₚ = ξᵢ − vₚ(w) ≥ 0,   ξᵢ ≥ 0,
//! ```
//!
//! by Mehrotra's predictor-corrector method (Mehrotra 1992; Nocedal and Wright 2006, section 16.6).
//! The dual variables of s are α. The dual variable of ξᵢ belongs to the plane (0, 0). Eliminating
//! ds and dα, and then dξᵢ, leaves a system for dw. Its matrix is I plus, for each block, the
//! covariance matrix of its planes with weights θ = α/s. The covariance matrix is written as outer
//! products, the terms of Welford's recurrence.
//!
//! A lower bound of a weight is one more constraint, bⱼ = wⱼ − lⱼ ≥ 0, with the dual variable βⱼ.
//! Eliminating dβ adds θⱼ = βⱼ/bⱼ to the diagonal of the matrix. Rows and columns are then scaled by
//! 1/√(1 + θⱼ), which turns the diagonal into I again.

use super::problem::{Outer, Problem, Weighted};
use super::system::System;
use crate::solve::block::cache::Block;
use crate::solve::block::crew::Crew;
use crate::solve::vectors::squared_norm;

/// Weights start at least this fraction of their mean size above their bounds.
const START: f64 = 1e-2;
/// Limit on steps.
const MOST_STEPS: usize = 60;
/// Fraction of the distance to the boundary that a step takes.
const SAFETY: f64 = 0.995;
/// The method ends after a step shorter than this.
const SHORT: f64 = 1e-6;
/// Setting small dual variables to 0 may lower D by this fraction of the requested gap.
const LOST: f64 = 0.2;
/// If the last step left more than this fraction of the mean product μ, the next step is a
/// centering step.
const SLOW: f64 = 0.9;
/// A centering step aims at this fraction of μ for each product.
const CENTERED: f64 = 0.5;
/// Limit on refinements of the solution of a system.
const REFINEMENTS: usize = 3;
/// Refinement ends if half the squared residual is at most this fraction of the requested gap.
const RESIDUAL: f64 = 1e-3;
/// Refinement goes on only while the squared residual falls below this fraction of its last value.
const REFINED: f64 = 1e-2;
/// A plane that adds less than this to the identity is left out.
const NEGLIGIBLE: f64 = 1e-13;

/// An iterate. α is [`Problem::a`].
struct Point {
    /// For each block, the dual variable of the plane (0, 0).
    none: Vec<f64>,
    /// For each block, its slack ξᵢ.
    xi: Vec<f64>,
    /// For each plane, its slack sₚ.
    s: Vec<f64>,
    /// For each weight with a bound: its index, bⱼ and βⱼ.
    bounds: Vec<(usize, f64, f64)>,
}

impl Point {
    /// For each weight, the scale 1/√(1 + θ) of its row; empty if no weight has a bound.
    fn scales(&self, dim: usize) -> Vec<f64> {
        if self.bounds.is_empty() {
            return Vec::new();
        }
        let mut scales = vec![1.0; dim];
        self.bounds.iter().for_each(|&(at, b, beta)| scales[at] = (b / (b + beta)).sqrt());
        scales
    }
}

/// Changes of a [`Point`], of α and of w.
struct Direction {
    none: Vec<f64>,
    xi: Vec<f64>,
    s: Vec<f64>,
    alpha: Vec<f64>,
    w: Vec<f64>,
    /// Changes of βⱼ, in the order of [`Point::bounds`].
    beta: Vec<f64>,
    /// Step length, at most 1, that keeps all variables positive.
    step: f64,
}

impl Problem {
    /// Continues from α and w until the gap is at most `tolerance` or the method stalls. Leaves α
    /// feasible.
    pub fn interior(
        &mut self,
        blocks: &[Block<'_>],
        tolerance: f64,
        stop: &dyn Fn() -> bool,
        crew: &Crew,
    ) {
        let mut w = self.w.clone();
        let mut u = vec![0.0; w.len()];
        self.evaluate(blocks, &w, crew);
        let in_play: Vec<usize> = (0..blocks.len())
            .filter(|&i| !self.range(i).is_empty() && self.costs[i].bound > 0.0)
            .collect();
        let bounds = self.leave_bounds(&mut w, &mut u, blocks, crew);
        let mut point = self.center(&in_play, crew);
        let mut count = in_play.iter().map(|&i| self.range(i).len() + 1).sum::<usize>() as f64;
        // β starts with the products of the other constraints.
        let mu = self.products(&in_play, &point, None) / count;
        point.bounds = bounds.into_iter().map(|(at, b)| (at, b, mu / b)).collect();
        count += point.bounds.len() as f64;
        let mut before = f64::INFINITY;
        for _ in 0..MOST_STEPS {
            let (_, gap) = self.look(blocks, &w, &mut u, crew);
            let mu = self.products(&in_play, &point, None) / count;
            if gap <= tolerance || !gap.is_finite() || mu < 1e-300 || stop() {
                break;
            }
            let mut outer = self.covariances(blocks, &in_play, &point, crew);
            let scales = point.scales(w.len());
            self.work += outer.shape(w.len()).work() + 7.0 * self.sweep;
            let Some(system) = self.system(&mut outer, blocks, &scales, crew) else { break };
            let mut residual: Vec<f64> = u.iter().zip(&w).map(|(u, w)| u - w).collect();
            point.bounds.iter().for_each(|&(at, _, beta)| residual[at] += beta);
            let system = (&system, &*scales);
            let direction = |problem: &mut Self, target: f64, affine: Option<&Direction>| {
                problem.direction(blocks, &in_play, &point, system, &residual, target, affine, crew)
            };
            let Some(affine) = direction(self, 0.0, None) else { break };
            let target =
                (self.products(&in_play, &point, Some(&affine)) / count / mu).powi(3).min(1.0) * mu;
            // The second-order correction can make the method cycle (Cartis 2009). A centering step
            // without correction breaks the cycle.
            let (target, affine) =
                if mu > SLOW * before { (CENTERED * mu, None) } else { (target, Some(&affine)) };
            before = mu;
            let Some(direction) = direction(self, target, affine) else { break };
            self.reuse(outer);
            let step = direction.step;
            w.iter_mut().zip(&direction.w).for_each(|(w, change)| *w += step * change);
            self.evaluate(blocks, &w, crew);
            for ((at, b, beta), change) in point.bounds.iter_mut().zip(&direction.beta) {
                *b += step * direction.w[*at];
                *beta += step * change;
                let exact = w[*at] - self.lower[*at];
                if exact > 0.5 * *b && exact < 2.0 * *b {
                    *b = exact;
                }
            }
            for &i in &in_play {
                point.xi[i] += step * direction.xi[i];
                point.none[i] += step * direction.none[i];
                let (range, mut sum) = (self.range(i), point.none[i]);
                for p in range.clone() {
                    self.a[p] += step * direction.alpha[p];
                    sum += self.a[p];
                    point.s[p] += step * direction.s[p];
                    // Replaces s by its definition if the two differ little, which removes rounding
                    // errors.
                    let exact = point.xi[i] - self.value[p];
                    if exact > 0.5 * point.s[p] && exact < 2.0 * point.s[p] {
                        point.s[p] = exact;
                    }
                }
                // The sum equals its bound except for rounding.
                if sum > self.costs[i].bound {
                    let factor = self.costs[i].bound / sum;
                    point.none[i] *= factor;
                    self.a[range].iter_mut().for_each(|alpha| *alpha *= factor);
                }
            }
            if step < SHORT {
                break;
            }
        }
    }

    /// Sets small dual variables of [`best`](Self::best) to 0, which an interior point method
    /// leaves just above it, if D loses little. Their sum goes to the largest dual variable of
    /// their block.
    pub fn purify(&mut self, blocks: &[Block<'_>], crew: &Crew) {
        let mut u = vec![0.0; self.w.len()];
        let enough = self.dual - LOST * self.tolerance();
        for small in [1e-2, 1e-3, 1e-4, 1e-6, 1e-8] {
            self.a.copy_from_slice(&self.best);
            for i in 0..blocks.len() {
                let range = self.range(i);
                let a = &mut self.a[range];
                let (mut largest, mut sum) = (0, 0.0);
                (0..a.len()).for_each(|p| largest = if a[p] > a[largest] { p } else { largest });
                let least = a.get(largest).map_or(0.0, |largest| small * largest);
                for alpha in a.iter_mut().filter(|alpha| **alpha < least) {
                    sum += std::mem::take(alpha);
                }
                if let Some(alpha) = a.get_mut(largest) {
                    *alpha += sum;
                }
            }
            let dual = self.dual_of(&self.a, blocks, &mut u, crew);
            if dual >= enough {
                self.best.copy_from_slice(&self.a);
                self.dual = dual;
                return;
            }
        }
    }

    /// A starting point away from all boundaries, with α in [`a`](Self::a).
    fn center(&mut self, in_play: &[usize], crew: &Crew) -> Point {
        let (n, m) = (self.costs.len(), self.offsets.len());
        let mut point =
            Point { none: vec![0.0; n], xi: vec![0.0; n], s: vec![0.0; m], bounds: Vec::new() };
        let most: f64 = in_play.iter().map(|&i| self.costs[i].slope(self.scale)).sum();
        let room = (self.slacks(crew) / most).max(1e-3 * self.scale).max(1e-300);
        self.a.fill(0.0);
        for &i in in_play {
            let range = self.range(i);
            let highest = self.value[range.clone()].iter().copied().fold(0.0, f64::max);
            point.xi[i] = highest + room;
            let total = self.costs[i].slope(point.xi[i]);
            let even = total / (range.len() + 1) as f64;
            for p in range.clone() {
                self.a[p] = 0.5 * self.alpha[p].min(total) + 0.5 * even;
                point.s[p] = point.xi[i] - self.value[p];
            }
            let sum: f64 = self.a[range].iter().sum();
            point.none[i] = (total - sum).max(0.1 * even);
        }
        point
    }

    /// Moves w away from its bounds, and returns for each bounded weight its index and bⱼ. First
    /// looks at α and w as they are, which the steps need not improve.
    fn leave_bounds(
        &mut self,
        w: &mut [f64],
        u: &mut [f64],
        blocks: &[Block<'_>],
        crew: &Crew,
    ) -> Vec<(usize, f64)> {
        if self.lower.is_empty() {
            return Vec::new();
        }
        self.a.copy_from_slice(&self.alpha);
        self.look(blocks, w, u, crew);
        let size = (START * START * squared_norm(w)).max(self.tolerance());
        let room = (size / w.len() as f64).sqrt().max(1e-100);
        let mut bounds = Vec::new();
        for (at, &lower) in self.lower.iter().enumerate().filter(|(_, lower)| lower.is_finite()) {
            let b = (w[at] - lower).max(room);
            w[at] = lower + b;
            bounds.push((at, b));
        }
        self.evaluate(blocks, w, crew);
        bounds
    }

    /// Sum of the products α s, none · ξ and β b, after a step along `direction` if there is one.
    fn products(&self, in_play: &[usize], point: &Point, direction: Option<&Direction>) -> f64 {
        let of = |i: usize| {
            let (mut sum, mut zero) = (0.0, point.none[i] * point.xi[i]);
            if let Some(Direction { none, xi, step, .. }) = direction {
                zero = (point.none[i] + step * none[i]) * (point.xi[i] + step * xi[i]);
            }
            for p in self.range(i) {
                sum += match direction {
                    None => self.a[p] * point.s[p],
                    Some(Direction { alpha, s, step, .. }) => {
                        (self.a[p] + step * alpha[p]) * (point.s[p] + step * s[p])
                    }
                };
            }
            sum + zero
        };
        let bound = |(at, &(index, b, beta)): (usize, &(usize, f64, f64))| match direction {
            None => b * beta,
            Some(Direction { w, beta: change, step, .. }) => {
                (b + step * w[index]) * (beta + step * change[at])
            }
        };
        in_play.iter().map(|&i| of(i)).sum::<f64>()
            + point.bounds.iter().enumerate().map(bound).sum::<f64>()
    }

    /// Coefficient of dξᵢ apart from the planes: none / ξ plus the curvature of the slack cost.
    fn stiffness(&self, i: usize, point: &Point) -> f64 {
        let ridge = self.costs[i].ridge;
        point.none[i] / point.xi[i] + if ridge > 0.0 { 1.0 / ridge } else { 0.0 }
    }

    /// The matrix of the system for dw.
    fn covariances(
        &mut self,
        blocks: &[Block<'_>],
        in_play: &[usize],
        point: &Point,
        crew: &Crew,
    ) -> Outer {
        let mut is_in_play = vec![false; blocks.len()];
        in_play.iter().for_each(|&i| is_in_play[i] = true);
        let list = |this: &Self, i: usize, weighted: &mut Weighted| {
            if is_in_play[i] {
                let theta = |p: usize| this.a[p] / point.s[p];
                weighted.planes.extend(this.range(i).map(theta).enumerate());
                weighted.planes.sort_by(|p, q| q.1.total_cmp(&p.1));
                weighted.stiffness = this.stiffness(i, point);
            }
        };
        self.outer(blocks, list, NEGLIGIBLE, crew)
    }

    /// A direction towards products equal to `target`, with the second-order terms of `affine`.
    #[allow(clippy::too_many_arguments, reason = "one step of a method, in the scope of its loop")]
    fn direction(
        &mut self,
        blocks: &[Block<'_>],
        in_play: &[usize],
        point: &Point,
        (system, scales): (&System<'_>, &[f64]),
        residual: &[f64],
        target: f64,
        affine: Option<&Direction>,
        crew: &Crew,
    ) -> Option<Direction> {
        let (n, m) = (self.costs.len(), self.offsets.len());
        let zeros = |length| vec![0.0; length];
        let (mut t, mut t_none, mut sums, mut totals) = (zeros(m), zeros(n), zeros(n), zeros(n));
        let mut weights = zeros(m);
        for &i in in_play {
            let range = self.range(i);
            let correction = affine.map_or(0.0, |affine| affine.none[i] * affine.xi[i]);
            t_none[i] = (target - point.none[i] * point.xi[i] - correction) / point.xi[i];
            let (mut sum, mut total, mut alphas) =
                (t_none[i], self.stiffness(i, point), point.none[i]);
            for p in range.clone() {
                let correction = affine.map_or(0.0, |affine| affine.alpha[p] * affine.s[p]);
                t[p] = (target - self.a[p] * point.s[p] - correction) / point.s[p];
                total += self.a[p] / point.s[p];
                sum += t[p];
                alphas += self.a[p];
            }
            // The slope of the slack cost must equal the sum of the dual variables.
            let left = self.costs[i].slope(point.xi[i]) - alphas;
            (sums[i], totals[i]) = (sum - left, total);
            range.for_each(|p| weights[p] = t[p] - self.a[p] / point.s[p] / total * sums[i]);
        }
        let mut t_beta: Vec<f64> = (point.bounds.iter().enumerate())
            .map(|(at, &(index, b, beta))| {
                let correction = affine.map_or(0.0, |affine| affine.beta[at] * affine.w[index]);
                (target - b * beta - correction) / b
            })
            .collect();
        let mut right = residual.to_vec();
        point.bounds.iter().zip(&t_beta).for_each(|(bound, t)| right[bound.0] += t);
        // Planes that are not in play have the weight 0.
        self.add_planes(blocks, &weights, &mut right, crew);
        let d = right.len();
        let mut direction = Direction {
            none: zeros(n),
            xi: zeros(n),
            s: zeros(m),
            alpha: zeros(m),
            w: zeros(d),
            beta: zeros(t_beta.len()),
            step: 1.0,
        };
        let mut last = f64::INFINITY;
        for round in 0.. {
            right.iter_mut().zip(scales).for_each(|(right, scale)| *right *= scale);
            let mut w = system.solve(&right)?;
            w.iter_mut().zip(scales).for_each(|(w, scale)| *w *= scale);
            self.move_along(blocks, &w, crew);
            direction.w.iter_mut().zip(&w).for_each(|(sum, w)| *sum += w);
            for (at, &(index, b, beta)) in point.bounds.iter().enumerate() {
                direction.beta[at] += t_beta[at] - beta / b * w[index];
            }
            for &i in in_play {
                let range = self.range(i);
                let sum: f64 = range.clone().map(|p| self.a[p] / point.s[p] * self.change[p]).sum();
                let xi = (sums[i] + sum) / totals[i];
                direction.xi[i] += xi;
                direction.none[i] += t_none[i] - point.none[i] / point.xi[i] * xi;
                for p in range {
                    let s = xi - self.change[p];
                    direction.s[p] += s;
                    direction.alpha[p] += t[p] - self.a[p] / point.s[p] * s;
                }
            }
            if target == 0.0 || round == REFINEMENTS {
                break;
            }
            // Refinement: the residual between w and Σ α δ, left by rounding, is the right side of
            // a further solve.
            right
                .iter_mut()
                .zip(residual)
                .zip(&direction.w)
                .for_each(|((right, rest), w)| *right = rest - w);
            for (bound, change) in point.bounds.iter().zip(&direction.beta) {
                right[bound.0] += change;
            }
            self.add_planes(blocks, &direction.alpha, &mut right, crew);
            let off = squared_norm(&right);
            if 0.5 * off <= RESIDUAL * self.tolerance() || off > REFINED * last {
                break;
            }
            last = off;
            [&mut t, &mut t_none, &mut sums, &mut t_beta]
                .into_iter()
                .for_each(|part| part.fill(0.0));
        }
        let mut step = 1.0_f64;
        let mut limit = |value: f64, change: f64| {
            if change < 0.0 {
                step = step.min(-SAFETY * value / change);
            }
        };
        for &i in in_play {
            limit(point.xi[i], direction.xi[i]);
            limit(point.none[i], direction.none[i]);
            for p in self.range(i) {
                limit(point.s[p], direction.s[p]);
                limit(self.a[p], direction.alpha[p]);
            }
        }
        for (&(index, b, beta), &change) in point.bounds.iter().zip(&direction.beta) {
            limit(b, direction.w[index]);
            limit(beta, change);
        }
        direction.step = step;
        direction.w.iter().all(|w| w.is_finite()).then_some(direction)
    }
}

#[cfg(test)]
mod tests {
    use crosscut_testkit::cases;
    use proptest::prelude::*;

    use super::*;
    use crate::solve::block::cache::Workspace;
    use crate::solve::block::master::Goal;
    use crate::solve::bounds::SlackCost;
    use crate::solve::settings::SlackNorm;
    use crate::task::RawPlane;

    proptest! {
        #![proptest_config(ProptestConfig { cases: cases(2000), ..ProptestConfig::default() })]
        /// Both methods find the same optimum from w = 0 and α = 0, for all feature scales and all
        /// C, and α stays feasible.
        #[test]
        fn both_methods_find_the_optimum(
            planes in prop::collection::vec(prop::collection::vec((0.1..2.0_f64, prop::array::uniform4(-1.0..1.0_f64)), 1..5), 2..8),
            powers in prop::array::uniform4(-2..3_i32), c in -2..4_i32, squared in any::<bool>(),
        ) {
            let norm = if squared { SlackNorm::Squared } else { SlackNorm::Linear };
            let cost = SlackCost::new(10f64.powi(c), norm);
            let (crew, mut workspace) = (Crew::default(), Workspace::default());
            let blocks: Vec<Block<'_>> = planes.iter().map(|planes| {
                let raw: Vec<RawPlane<'_>> = planes.iter().map(|(offset, delta)| {
                    let entries = delta.iter().zip(powers).map(|(x, power)| x * 10f64.powi(power)).enumerate().collect();
                    RawPlane { offset: *offset, entries, ..RawPlane::default() }
                }).collect();
                let mut block = Block::new(cost);
                block.insert(&raw, 4, 100, 1, &mut workspace).unwrap();
                block
            }).collect();
            let goal = Goal { floor: 1e-300, seen: f64::INFINITY, of_dual: 1e-8 };
            let never = || false;
            let mut newton = Problem::new(&blocks, vec![0.0; 4], goal);
            newton.newton(&blocks, &mut 1.0, 1e12, &never, &crew);
            prop_assert!(newton.is_solved(), "{} {}", newton.primal, newton.dual);
            let mut interior = Problem::new(&blocks, vec![0.0; 4], goal);
            // Below 1e-6, rounding of α/s matters if columns differ by 1e4. Training requests a
            // tenth of its own gap.
            interior.interior(&blocks, 0.5e-6 * newton.dual, &never, &crew);
            prop_assert!(interior.primal - interior.dual <= 1e-6 * newton.dual, "{} {}", interior.primal, interior.dual);
            prop_assert!((interior.dual - newton.dual).abs() <= 1e-6 * newton.dual);
            interior.purify(&blocks, &crew);
            prop_assert!(interior.dual >= newton.dual * (1.0 - 2e-6));
            for i in 0..blocks.len() {
                let a = &interior.best[interior.range(i)];
                prop_assert!(a.iter().all(|a| *a >= 0.0) && a.iter().sum::<f64>() <= cost.bound * (1.0 + 1e-12));
            }
        }
    }
}
