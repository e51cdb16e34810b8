//! [`Problem`]: the planes of all blocks with their dual variables, shared by both methods of
//! [`super`].

use std::borrow::Cow;
use std::iter;
use std::ops::Range;

use super::Goal;
use super::columns::Buffers;
use super::fans::{Fans, classes_of_fans};
use super::system::{Columns, ColumnsPart, MOST_ORDER, Shape, System};
use crate::solve::block::cache::Block;
use crate::solve::block::crew::{Crew, divided, part, parts};
use crate::solve::bounds::SlackCost;
use crate::solve::regulariser::Penalty;
use crate::solve::vectors::{dot, squared_norm};

/// Upper bound on σᵢ, in units of dual variable per offset.
pub(super) const LARGEST_SIGMA: f64 = 1e7;
/// Limit on the memory in which all threads together write out planes, in bytes.
const WRITTEN_BYTES: usize = 16 << 20;
/// Number of operations on a plane, in multiplications, in a loop over dual variables.
const PER_PLANE: f64 = 8.0;
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
    /// Number of weights of each feature, if all blocks are fans.
    classes: Option<usize>,
    /// Memory for the columns of the next system.
    columns: Vec<ColumnsPart>,
}

/// The matrix I + E Eᵀ of a system.
#[derive(Debug)]
pub(super) enum Outer {
    Columns(Columns),
    Fans(Fans),
}

/// Planes of a block with their weights θₚ, and the weight of the zero plane.
#[derive(Debug, Default)]
pub(super) struct Weighted {
    pub planes: Vec<(usize, f64)>,
    /// 0 if the sum of the dual variables is fixed; infinite if it is free.
    pub stiffness: f64,
}

impl Outer {
    /// The shape of the system. If no plane was written out, the shape that columns would have.
    pub fn shape(&self, dim: usize) -> Shape {
        match self {
            Self::Columns(columns) => columns.shape(dim),
            Self::Fans(fans) => fans.shape(dim),
        }
    }
}

impl Problem {
    /// Starts at the dual variables of the blocks and at w.
    #[cfg(test)]
    pub fn new(blocks: &[Block<'_>], w: Vec<f64>, goal: Goal) -> Self {
        Self::around(blocks, w, &Penalty::default(), goal, &Crew::default())
    }

    /// Starts at the dual variables of the blocks and at w, with this regulariser.
    pub fn around(
        blocks: &[Block<'_>],
        mut w: Vec<f64>,
        penalty: &Penalty,
        goal: Goal,
        crew: &Crew,
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
                crew.with(|workspace| {
                    let scores = block.scores(prior, workspace).iter();
                    offsets[last..].iter_mut().zip(scores).for_each(|(one, score)| *one -= score);
                });
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
            classes: classes_of_fans(blocks),
            columns: Vec::new(),
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

    /// The number of parts into which blocks are divided.
    fn parts(&self) -> usize {
        parts(self.costs.len())
    }

    /// The blocks of a part.
    fn blocks_of(&self, at: usize) -> Range<usize> {
        part(self.costs.len(), self.parts(), at)
    }

    /// The ends of the planes of each part.
    fn ends(&self) -> impl Iterator<Item = usize> {
        (0..self.parts()).map(|at| self.start[self.blocks_of(at).end])
    }

    /// Work of a loop over the dual variables.
    fn light(&self) -> f64 {
        PER_PLANE * self.offsets.len() as f64
    }

    /// Writes `value(p, ⟨w, δₚ⟩)` to `target[p]` for all planes p.
    fn scores(
        &self,
        blocks: &[Block<'_>],
        w: &[f64],
        target: &mut [f64],
        value: impl Fn(usize, f64) -> f64 + Sync + Send,
        crew: &Crew,
    ) {
        let mut parts: Vec<_> = divided(target, self.ends()).into_iter().enumerate().collect();
        crew.for_each(self.sweep, &mut parts, |(at, target), workspace| {
            let range = self.blocks_of(*at);
            let mut targets = self.start[range.start]..;
            let mut target = target.iter_mut();
            for block in &blocks[range] {
                let scores = block.scores(w, workspace).iter();
                for (score, (p, target)) in scores.zip(targets.by_ref().zip(target.by_ref())) {
                    *target = value(p, *score);
                }
            }
        });
    }

    /// Computes v at w.
    pub fn evaluate(&mut self, blocks: &[Block<'_>], w: &[f64], crew: &Crew) {
        let mut values = std::mem::take(&mut self.value);
        self.scores(blocks, w, &mut values, |p, score| self.offsets[p] - score, crew);
        self.value = values;
    }

    /// Computes the change of v along a direction of w.
    pub fn move_along(&mut self, blocks: &[Block<'_>], direction: &[f64], crew: &Crew) {
        let mut changes = std::mem::take(&mut self.change);
        self.scores(blocks, direction, &mut changes, |_, score| -score, crew);
        self.change = changes;
    }

    /// Computes a at v + t · change. Returns ⟨a, change⟩.
    pub fn respond(&mut self, t: f64, crew: &Crew) -> f64 {
        let mut a = std::mem::take(&mut self.a);
        let parts = divided(&mut a, self.ends()).into_iter().enumerate();
        let mut parts: Vec<(usize, &mut [f64], f64)> = parts.map(|(at, a)| (at, a, 0.0)).collect();
        crew.workers.for_each(2.0 * self.light(), &mut parts, |(at, a, slope)| {
            let mut z = Vec::new();
            let blocks = self.blocks_of(*at);
            let first = self.start[blocks.start];
            for i in blocks {
                let range = self.range(i);
                if range.is_empty() || self.sigma[i] == 0.0 {
                    continue;
                }
                z.clear();
                let moved =
                    |p: usize| self.alpha[p] + self.sigma[i] * (self.value[p] + t * self.change[p]);
                z.extend(range.clone().map(moved));
                let a = &mut a[range.start - first..range.end - first];
                project(&z, self.costs[i], self.sigma[i], a);
                *slope += dot(a, &self.change[range]);
            }
        });
        let slope = parts.iter().map(|(_, _, slope)| slope).sum();
        self.a = a;
        slope
    }

    /// Σ term(i) over the blocks. `work` is the number of multiplications.
    fn sum(&self, work: f64, term: impl Fn(usize) -> f64 + Sync + Send, crew: &Crew) -> f64 {
        let mut sums: Vec<(usize, f64)> = (0..self.parts()).map(|at| (at, 0.0)).collect();
        crew.workers.for_each(work, &mut sums, |(at, sum)| {
            *sum = self.blocks_of(*at).map(&term).sum();
        });
        sums.into_iter().map(|(_, sum)| sum).sum()
    }

    /// Total cost of the slacks over the planes at v.
    pub fn slacks(&self, crew: &Crew) -> f64 {
        let highest = |i: usize| self.value[self.range(i)].iter().copied().fold(0.0, f64::max);
        self.sum(self.light(), |i| self.costs[i].of(highest(i)), crew)
    }

    /// Returns the dual value of a, and writes Σ a δ to u.
    pub fn dual_of(&self, a: &[f64], blocks: &[Block<'_>], u: &mut [f64], crew: &Crew) -> f64 {
        let list = |i: usize, list: &mut Vec<f64>| list.extend_from_slice(&a[self.range(i)]);
        crew.sum_planes(blocks, u, self.sweep, list);
        let conjugate = |i: usize| self.costs[i].conjugate(a[self.range(i)].iter().sum());
        let conjugates = self.sum(self.light(), conjugate, crew);
        dot(a, &self.offsets) - conjugates - self.conjugate(u)
    }

    /// target += Σ cₚ δₚ.
    pub fn add_planes(
        &self,
        blocks: &[Block<'_>],
        coefficients: &[f64],
        target: &mut [f64],
        crew: &Crew,
    ) {
        let mut sum = vec![0.0; target.len()];
        let list =
            |i: usize, list: &mut Vec<f64>| list.extend_from_slice(&coefficients[self.range(i)]);
        crew.sum_planes(blocks, &mut sum, self.sweep, list);
        target.iter_mut().zip(sum).for_each(|(target, sum)| *target += sum);
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
        crew: &Crew,
    ) -> (f64, f64) {
        let dual = self.dual_of(&self.a, blocks, u, crew);
        if dual > self.dual {
            self.dual = dual;
            self.best.copy_from_slice(&self.a);
        }
        let primal = 0.5 * squared_norm(w) + self.slacks(crew);
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
    pub fn stretch(&mut self, blocks: &[Block<'_>], crew: &Crew) {
        let (length, v) = (squared_norm(&self.w), std::mem::take(&mut self.w));
        self.evaluate(blocks, &v, crew);
        // The value of a plane is linear in the length of w. If it is positive neither at the
        // shortest nor at the longest w, it is never positive.
        let there = self.weights(&v);
        let has_prior = !self.prior.is_empty();
        if has_prior {
            self.move_along(blocks, &there, crew);
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

    /// The matrix I + Σᵢ Mᵢ of a system. Mᵢ = Σ θₚ (δₚ − δ̄)(δₚ − δ̄)ᵀ + stiffness · δ̄ δ̄ᵀ over planes
    /// of block i, which `list` appends with their weights θₚ. Here δ̄ is the mean of these planes
    /// with weights θₚ and of the zero plane with weight `stiffness`. Planes that add less than
    /// `negligible` to the identity are left out.
    pub fn outer(
        &mut self,
        blocks: &[Block<'_>],
        list: impl Fn(&Self, usize, &mut Weighted) + Sync + Send,
        negligible: f64,
        crew: &Crew,
    ) -> Outer {
        if self.classes.is_some() && self.w.len() <= MOST_ORDER {
            let this = &*self;
            let mut parts: Vec<(usize, Fans)> =
                (0..self.parts()).map(|at| (at, Fans::default())).collect();
            crew.workers.for_each(2.0 * self.light(), &mut parts, |(at, fans)| {
                let mut weighted = Weighted::default();
                for i in this.blocks_of(*at) {
                    weighted.planes.clear();
                    list(this, i, &mut weighted);
                    fans.push(i, &blocks[i], &weighted.planes, weighted.stiffness, negligible);
                }
            });
            let mut fans = Fans::default();
            parts.iter().for_each(|(_, part)| fans.join(part));
            if fans.pays(self.w.len()) {
                return Outer::Fans(fans);
            }
        }
        let d = self.w.len();
        let writes = crew.workers.threads() * 2 * d * size_of::<f64>() <= WRITTEN_BYTES;
        // The number of parts does not change the columns.
        let count = if writes { self.parts() } else { 1 };
        let mut memory = std::mem::take(&mut self.columns);
        memory.resize_with(count, ColumnsPart::default);
        let mut parts: Vec<(Range<usize>, ColumnsPart)> = memory
            .into_iter()
            .enumerate()
            .map(|(at, columns)| (part(blocks.len(), count, at), columns))
            .collect();
        let this = &*self;
        crew.for_each(2.0 * self.sweep, &mut parts, |(range, columns), workspace| {
            columns.clear();
            let (mut weighted, mut buffers) = (Weighted::default(), Buffers::default());
            for i in range.clone() {
                weighted.planes.clear();
                list(this, i, &mut weighted);
                buffers.push_covariance(columns, d, &blocks[i], &weighted, negligible, workspace);
            }
        });
        Outer::Columns(Columns::of(parts.into_iter().map(|(_, columns)| columns).collect()))
    }

    /// Takes the memory of the columns of a system.
    pub fn reuse(&mut self, outer: Outer) {
        if let Outer::Columns(columns) = outer {
            self.columns = columns.into_parts();
        }
    }

    /// The system of a matrix whose rows and columns are multiplied by `scales`, unless these are
    /// empty. `None` as for [`System::new`].
    pub fn system<'o>(
        &self,
        outer: &'o mut Outer,
        blocks: &[Block<'_>],
        scales: &[f64],
        crew: &Crew,
    ) -> Option<System<'o>> {
        let (dim, workers) = (self.w.len(), &*crew.workers);
        match outer {
            Outer::Columns(columns) => {
                if !scales.is_empty() {
                    columns.scale_rows(scales);
                }
                System::new(columns, dim, workers)
            }
            Outer::Fans(fans) => {
                let classes = self.classes?;
                System::of_weights(fans.matrix(blocks, (classes, dim), scales, workers), workers)
            }
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
