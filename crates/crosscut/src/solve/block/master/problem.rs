//! [`Problem`]: the planes of all blocks with their dual variables, shared by both methods of
//! [`super`].

use std::borrow::Cow;
use std::iter;
use std::ops::Range;

use super::Goal;
use super::system::Columns;
use crate::solve::block::cache::{Block, Workspace};
use crate::solve::bounds::SlackCost;
use crate::solve::regulariser::Penalty;
use crate::solve::vectors::{dot, squared_norm};

/// Upper bound on σᵢ, in units of dual variable per offset.
pub(super) const LARGEST_SIGMA: f64 = 1e7;
/// Up to this many weights, a column of a system is scanned for nonzeros. With more weights, the
/// indices of its nonzeros are listed.
const LOOKED_THROUGH: usize = 4096;

/// Largest and first relative lengthening that [`Problem::stretch`] tries.
const LONGEST: f64 = 0.5;
/// Lower bound on the relative lengthenings that are tried.
const SHORTEST: f64 = 1e-15;
/// Ratio of successive relative lengthenings.
const FINER: f64 = 0.85;

/// The planes of all blocks, one after the other.
pub(super) struct Problem {
    pub start: Vec<usize>,
    pub costs: Vec<SlackCost>,
    pub offsets: Vec<f64>,
    /// αᵏ.
    pub alpha: Vec<f64>,
    /// σᵢ.
    pub sigma: Vec<f64>,
    /// σᵢ at τ = 1.
    pub unit: Vec<f64>,
    /// Upper bound on σᵢ.
    pub most: Vec<f64>,
    /// The mean over blocks of the largest offset.
    pub scale: f64,
    /// v at the current w.
    pub value: Vec<f64>,
    /// Change of v along a direction.
    pub change: Vec<f64>,
    /// Dual variables a of the current iterate.
    pub a: Vec<f64>,
    /// The α with the highest dual value.
    pub best: Vec<f64>,
    /// Dual value of `best`.
    pub dual: f64,
    /// The prior weights w₀, or empty. All weights below are relative to them.
    prior: Vec<f64>,
    /// Lower bounds of v = w − w₀, −∞ for a weight that has none. Empty if no weight has one.
    pub lower: Vec<f64>,
    /// The w with the lowest primal value over the planes.
    pub w: Vec<f64>,
    /// Primal value of `w` over the planes.
    pub primal: f64,
    pub goal: Goal,
    /// Number of multiplications so far.
    pub work: f64,
    /// Number of multiplications that compute the values of all planes.
    pub sweep: f64,
    z: Vec<f64>,
    /// Memory for the columns of the next system.
    pub columns: Columns,
    buffers: Buffers,
}

/// Buffers for building columns of systems.
#[derive(Debug, Default)]
struct Buffers {
    /// δ of a plane. As long as w, and 0 between calls.
    delta: Vec<f64>,
    /// Mean of planes. As long as w, and 0 between calls.
    mean: Vec<f64>,
    column: Vec<f64>,
    /// Indices at which `delta` and `mean` may differ from 0.
    indices: Vec<usize>,
    coefficients: Vec<f64>,
}

impl Problem {
    /// Starts at the dual variables of the blocks and at w.
    #[cfg(test)]
    pub fn new(blocks: &[Block<'_>], w: Vec<f64>, goal: Goal) -> Self {
        Self::around(blocks, w, &Penalty::default(), goal, &mut Workspace::default())
    }

    /// Starts at the dual variables of the blocks and at w, with this regulariser.
    pub fn around(
        blocks: &[Block<'_>],
        mut w: Vec<f64>,
        penalty: &Penalty,
        goal: Goal,
        workspace: &mut Workspace,
    ) -> Self {
        let prior = penalty.prior();
        let mut lower = penalty.lower().to_vec();
        lower.iter_mut().zip(prior).for_each(|(lower, prior)| *lower -= prior);
        let mut start = vec![0];
        let (mut offsets, mut alpha) = (Vec::new(), Vec::new());
        for block in blocks {
            block.offsets_and_alphas().for_each(|(one, other)| {
                offsets.push(one);
                alpha.push(other);
            });
            if !prior.is_empty() {
                let last = *start.last().unwrap_or(&0);
                let scores = block.scores(prior, workspace);
                offsets[last..].iter_mut().zip(scores).for_each(|(offset, score)| *offset -= score);
            }
            start.push(offsets.len());
        }
        w.iter_mut().zip(prior).for_each(|(w, prior)| *w -= prior);
        let (m, n) = (offsets.len(), blocks.len());
        let costs: Vec<SlackCost> = blocks.iter().map(Block::cost).collect();
        let largest =
            |i: usize| offsets[start[i]..start[i + 1]].iter().copied().fold(0.0, f64::max);
        let scale = (0..n).map(largest).sum::<f64>() / n as f64;
        let scale = if scale > 0.0 { scale } else { 1.0 };
        // Σα at a slack of `scale`, for each unit of offset.
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
            offsets,
            best: alpha.clone(),
            alpha,
            sigma: vec![0.0; n],
            value: vec![0.0; m],
            change: vec![0.0; m],
            a: vec![0.0; m],
            dual: f64::NEG_INFINITY,
            prior: prior.to_vec(),
            lower,
            w,
            primal: f64::INFINITY,
            goal,
            work: 0.0,
            sweep: blocks.iter().map(Block::work).sum(),
            z: Vec::new(),
            columns: Columns::default(),
            buffers: Buffers::default(),
        }
    }

    /// The weights with the lowest primal value over the planes.
    pub fn into_weights(self) -> Vec<f64> {
        let mut w = self.w;
        w.iter_mut().zip(&self.prior).for_each(|(w, prior)| *w += prior);
        w
    }

    /// The weights that v = w − w₀ stands for.
    fn weights<'w>(&self, v: &'w [f64]) -> Cow<'w, [f64]> {
        match self.prior.is_empty() {
            true => v.into(),
            false => v.iter().zip(&self.prior).map(|(v, prior)| v + prior).collect(),
        }
    }

    pub fn range(&self, i: usize) -> Range<usize> {
        self.start[i]..self.start[i + 1]
    }

    /// Computes v at w.
    pub fn evaluate(&mut self, blocks: &[Block<'_>], w: &[f64], workspace: &mut Workspace) {
        for (i, block) in blocks.iter().enumerate() {
            let range = self.range(i);
            let scores = block.scores(w, workspace);
            let values = self.value[range.clone()].iter_mut().zip(&self.offsets[range]);
            values.zip(scores).for_each(|((value, offset), score)| *value = offset - score);
        }
    }

    /// Computes the change of v along a direction of w.
    pub fn move_along(
        &mut self,
        blocks: &[Block<'_>],
        direction: &[f64],
        workspace: &mut Workspace,
    ) {
        for (i, block) in blocks.iter().enumerate() {
            let range = self.range(i);
            let scores = block.scores(direction, workspace);
            self.change[range].iter_mut().zip(scores).for_each(|(change, score)| *change = -score);
        }
    }

    /// Computes a at v + t · change. Returns ⟨a, change⟩.
    pub fn respond(&mut self, t: f64) -> f64 {
        let mut slope = 0.0;
        for i in 0..self.costs.len() {
            let range = self.range(i);
            if range.is_empty() || self.sigma[i] == 0.0 {
                continue;
            }
            self.z.clear();
            let moved =
                |p: usize| self.alpha[p] + self.sigma[i] * (self.value[p] + t * self.change[p]);
            self.z.extend(range.clone().map(moved));
            project(&self.z, self.costs[i], self.sigma[i], &mut self.a[range.clone()]);
            slope += dot(&self.a[range.clone()], &self.change[range]);
        }
        slope
    }

    /// Total cost of the slacks over the planes at v.
    pub fn slacks(&self) -> f64 {
        let highest = |i: usize| self.value[self.range(i)].iter().copied().fold(0.0, f64::max);
        self.costs.iter().enumerate().map(|(i, cost)| cost.of(highest(i))).sum()
    }

    /// Returns the dual value of a, and writes Σ a δ to u.
    pub fn dual_of(
        &self,
        a: &[f64],
        blocks: &[Block<'_>],
        u: &mut [f64],
        workspace: &mut Workspace,
    ) -> f64 {
        u.fill(0.0);
        let mut conjugates = 0.0;
        for (i, block) in blocks.iter().enumerate() {
            let a = &a[self.range(i)];
            block.add_weighted(a, u, workspace);
            conjugates += self.costs[i].conjugate(a.iter().sum());
        }
        dot(a, &self.offsets) - conjugates - self.conjugate(u)
    }

    /// The conjugate of the regulariser of v at u.
    fn conjugate(&self, u: &[f64]) -> f64 {
        if self.lower.is_empty() {
            return 0.5 * squared_norm(u);
        }
        let term = |(&u, &lower): (&f64, &f64)| match u < lower {
            true => lower * (u - 0.5 * lower),
            false => 0.5 * u * u,
        };
        u.iter().zip(&self.lower).map(term).sum()
    }

    /// Keeps w, whose plane values are v, if its primal value is the lowest so far, and a if its
    /// dual value is the highest so far. Writes Σ a δ to `u`. Returns ½‖w − u‖² and the gap between
    /// w and a.
    pub fn look(
        &mut self,
        blocks: &[Block<'_>],
        w: &[f64],
        u: &mut [f64],
        workspace: &mut Workspace,
    ) -> (f64, f64) {
        let dual = self.dual_of(&self.a, blocks, u, workspace);
        if dual > self.dual {
            self.dual = dual;
            self.best.copy_from_slice(&self.a);
        }
        let primal = 0.5 * squared_norm(w) + self.slacks();
        if primal < self.primal {
            self.primal = primal;
            self.w.copy_from_slice(w);
        }
        (half_distance(w, u), primal - dual)
    }

    /// Whether the rounding error that a certificate adds to slacks matters against the gap at
    /// which a solve ends.
    pub fn counts_rounding(&self, blocks: &[Block<'_>]) -> bool {
        let length = squared_norm(&self.weights(&self.w));
        let size = |block: &Block<'_>| {
            block.cost().slope(self.scale) * (block.longest_squared() * length).sqrt()
        };
        f64::EPSILON * blocks.iter().map(size).sum::<f64>() >= 1e-3 * self.tolerance()
    }

    /// Lengthens w if that lowers its primal value over the planes, rounding included.
    ///
    /// If C is large, small slacks dominate P(w): a solve leaves slacks of the size of rounding
    /// errors, and approximate passes leave larger ones. A longer w has larger margins, so its
    /// slacks are smaller. Around prior weights too it is w that is lengthened: a longer w − w₀ may
    /// have smaller margins.
    pub fn stretch(&mut self, blocks: &[Block<'_>], workspace: &mut Workspace) {
        let (length, v) = (squared_norm(&self.w), std::mem::take(&mut self.w));
        self.evaluate(blocks, &v, workspace);
        // The value of a plane is linear in the length of w. If it is positive neither at the
        // shortest nor at the longest w, it is never positive.
        let there = self.weights(&v);
        let has_prior = !self.prior.is_empty();
        if has_prior {
            self.move_along(blocks, &there, workspace);
        }
        let slope = |p: usize| match has_prior {
            true => self.change[p],
            false => self.value[p] - self.offsets[p],
        };
        let (mut lines, mut ends) = (Vec::new(), Vec::new());
        for (i, block) in blocks.iter().enumerate().filter(|(_, block)| block.planes() > 0) {
            let rounding = block.rounding(&there);
            let line = |p: usize| (self.value[p] + rounding, slope(p));
            lines.extend(
                self.range(i)
                    .map(line)
                    .filter(|(value, slope)| value.max(value + LONGEST * slope) > 0.0),
            );
            if ends.last().map_or(0, |(_, end)| *end) < lines.len() {
                ends.push((self.costs[i], lines.len()));
            }
        }
        let (across, whole) = (dot(&v, &there), squared_norm(&there));
        let primal = |beyond: f64| {
            let (mut slacks, mut start) = (0.0, 0);
            for &(cost, end) in &ends {
                let values = lines[start..end].iter().map(|(value, slope)| value + beyond * slope);
                slacks += cost.of(values.fold(0.0, f64::max));
                start = end;
            }
            slacks
                + match has_prior {
                    true => 0.5 * length + beyond * (across + 0.5 * beyond * whole),
                    false => 0.5 * length * (1.0 + beyond).powi(2),
                }
        };
        let mut best = (primal(0.0), 0.0);
        let tried = iter::successors(Some(LONGEST), |beyond| Some(FINER * beyond));
        for beyond in tried.take_while(|beyond| *beyond > SHORTEST) {
            let primal = primal(beyond);
            if primal < best.0 {
                best = (primal, beyond);
            }
        }
        let beyond = best.1;
        self.w = match has_prior {
            true => v.iter().zip(&*there).map(|(v, w)| v + beyond * w).collect(),
            false => v.iter().map(|v| v * (1.0 + beyond)).collect(),
        };
    }

    /// The gap at which a solve ends.
    pub fn tolerance(&self) -> f64 {
        self.goal.floor.max(self.goal.seen.min(self.goal.of_dual * self.dual))
    }

    pub fn is_solved(&self) -> bool {
        self.primal - self.dual <= self.tolerance()
    }

    /// The primal value over the planes at w = 0.
    pub fn at_zero(&self) -> f64 {
        self.costs.iter().enumerate().map(|(i, cost)| cost.of(self.largest_offset(i))).sum()
    }

    /// Σ ‖a − αᵏ‖² / 2σ.
    pub fn proximal_term(&self) -> f64 {
        let of = |i: usize| {
            let squares = self.range(i).map(|p| (self.a[p] - self.alpha[p]).powi(2));
            0.5 * squares.sum::<f64>() / self.sigma[i]
        };
        (0..self.costs.len()).filter(|&i| self.sigma[i] > 0.0).map(of).sum()
    }

    /// Appends columns e with Σ e eᵀ = Σ θₚ (δₚ − δ̄)(δₚ − δ̄)ᵀ + stiffness · δ̄ δ̄ᵀ over planes of a
    /// block. Here δ̄ is the mean of these planes with weights θₚ and of the zero plane with weight
    /// `stiffness`. The columns are the terms of Welford's recurrence (1962). Columns whose squared
    /// norms are below `negligible` are left out.
    pub fn push_covariance(
        &mut self,
        columns: &mut Columns,
        block: &Block<'_>,
        weights: impl Iterator<Item = (usize, f64)>,
        (stiffness, negligible): (f64, f64),
        workspace: &mut Workspace,
    ) {
        let (d, planes) = (self.w.len(), block.planes());
        let Buffers { delta, mean, column, indices, coefficients } = &mut self.buffers;
        delta.resize(d, 0.0);
        mean.resize(d, 0.0);
        indices.clear();
        let longest = block.longest_squared();
        let mut before = stiffness;
        for (plane, theta) in weights {
            coefficients.clear();
            coefficients.resize(planes, 0.0);
            coefficients[plane] = 1.0;
            block.add_weighted(coefficients, delta, workspace);
            if d > LOOKED_THROUGH {
                block.list_changed(coefficients, d, indices, workspace);
                indices.sort_unstable();
                indices.dedup();
            }
            let factor =
                if before.is_finite() { theta * (before / (before + theta)) } else { theta };
            let (factor, rate) = (factor.sqrt(), theta / (before + theta));
            let wanted = factor * factor * longest >= negligible && factor > 0.0;
            let differ = |delta: &mut f64, mean: &mut f64| {
                let difference = *delta - *mean;
                *mean += rate * difference;
                *delta = 0.0;
                factor * difference
            };
            if d > LOOKED_THROUGH {
                column.clear();
                column.extend(
                    indices.iter().map(|&index| differ(&mut delta[index], &mut mean[index])),
                );
            } else {
                column.resize(d, 0.0);
                let entries = delta.iter_mut().zip(&mut *mean).zip(&mut *column);
                entries.for_each(|((delta, mean), entry)| *entry = differ(delta, mean));
            }
            if wanted && d > LOOKED_THROUGH {
                columns.push(indices.iter().copied(), column);
            } else if wanted {
                columns.push(0..d, column);
            }
            before += theta;
        }
        if d > LOOKED_THROUGH {
            indices.iter().for_each(|&index| mean[index] = 0.0);
        } else {
            mean.fill(0.0);
        }
    }

    pub fn largest_offset(&self, i: usize) -> f64 {
        self.offsets[self.range(i)].iter().copied().fold(0.0, f64::max)
    }
}

/// ½‖w − u‖².
pub(super) fn half_distance(w: &[f64], u: &[f64]) -> f64 {
    0.5 * w.iter().zip(u).map(|(w, u)| (w - u) * (w - u)).sum::<f64>()
}

/// Computes the a ≥ 0 that maximises ⟨a, z⟩ − ½‖a‖² − σ φ*(Σa): a = max(z − threshold, 0). For a
/// bound on Σa this is a projection (Michelot 1986). For squared slacks the threshold is σρ Σa.
fn project(z: &[f64], cost: SlackCost, sigma: f64, a: &mut [f64]) {
    let bend = sigma * cost.ridge;
    let sum: f64 = z.iter().map(|z| z.max(0.0)).sum();
    if bend == 0.0 && sum <= cost.bound {
        a.iter_mut().zip(z).for_each(|(a, &z)| *a = z.max(0.0));
        return;
    }
    // The threshold is relative to the highest z, so that huge z lose no digits.
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
    use crate::solve::settings::SlackNorm;

    proptest! {
        /// No feasible a is better. The objective is concave, so small moves along coordinates and
        /// between pairs of them decide.
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
