//! [`Block`]: the planes one example has shown so far, their dual variables, and the small dual over them.

mod placed_rows;
mod scatter;
mod state;

use serde::{Deserialize, Serialize};

use crate::data::{add_row, dot_row, dot_row_sized};
use crate::solve::bounds::{DualSum, FaultKind, Known, Sizes, SlackCost, confine, off};
use crate::solve::qp::{self, Curvature, Gram};
use crate::solve::solution::DualVariable;
use crate::solve::vectors::dot;
use crate::task::{Part, RawPlane, RowTerm};
use placed_rows::{PlacedRow, PlacedRows};
use scatter::Scatter;
pub(crate) use state::{Blocks, SavedBlock};

/// A plane of at most so many terms meets the others placed row by placed row; a longer one is written out first.
const FEW_TERMS: usize = 8;
/// Terms with keys below this are placed rows; the rest of the key of another is the index of a weight by itself.
const ENTRY: u32 = 1 << 31;
/// The placed rows of the planes of a fan, which has no more planes than that.
static FAN: [[u32; 2]; 256] = {
    let mut keys = [[0; 2]; 256];
    let mut plane = 0;
    while plane < keys.len() {
        keys[plane][1] = plane as u32 + 1;
        plane += 1;
    }
    keys
};

/// The plane cache of one example with its part of the dual.
///
/// Planes of one example are made of few distinct rows (the truth is in all of them), so rows are kept once, as placed rows,
/// and planes as combinations of placed rows. There are as many blocks as examples, and visits spend much of their time on waiting for memory:
/// lists are exactly as long as what is in them.
///
/// Most planes of a multiclass block are a row at the place of the truth less the same row at that of another class. As long as all are like that
/// (a *fan*: the truth is the first placed row, and the other placed row of plane p is p + 1), neither their terms nor their Gram matrix is stored.
#[derive(Debug)]
pub(crate) struct Block<'a> {
    /// What the slack costs, for C · weight / n.
    cost: SlackCost,
    /// Block gap when last looked at: what the best known plane would add to the slack bound beyond the planes in use.
    pub gap: f64,
    placed: PlacedRows<'a>,
    planes: Box<[Plane]>,
    /// All of δ of the planes for which that is shorter than their terms; they have none then. Empty if there are no such planes.
    dense: Box<[Option<Box<[f64]>>]>,
    /// The terms of all planes, one plane after the other; nothing of a fan.
    terms: Terms,
    gram: Gram,
    /// An upper bound on the norms of the rows that its planes are or were made of, and on the sizes
    /// of dense planes as they were written.
    longest: f64,
    /// The most that a plane as it was written was larger than the sum of its terms, in which equal rows
    /// and weights have been added up.
    cancelled: f64,
    /// The most terms that a plane was written in.
    written: u32,
    /// How often two planes were merged into one.
    merges: u32,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Plane {
    offset: f64,
    alpha: f64,
    /// Where its terms end.
    end: u32,
    /// The last exact pass in which the plane was in use or the best.
    used: u32,
}

/// Numbers times placed rows and single weights: keys, for each plane in increasing order, and what they are multiplied by.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Terms {
    keys: Box<[u32]>,
    scales: Box<[f64]>,
}

/// Buffers for block steps; one serves all blocks.
#[derive(Debug, Default)]
pub(crate) struct Workspace {
    dots: Vec<f64>,
    gradient: Vec<f64>,
    alpha: Vec<f64>,
    /// How a step changes w: Σ change · δ over the planes.
    change: Vec<f64>,
    /// The terms of a new plane: keys and scales.
    terms: Vec<(u32, f64)>,
    /// A new plane written out.
    delta: Scatter,
}

impl<'a> Block<'a> {
    /// A block without planes. If the slack costs nothing it takes no steps.
    pub fn new(cost: SlackCost) -> Self {
        Self {
            cost,
            gap: f64::INFINITY,
            placed: PlacedRows::default(),
            planes: Box::default(),
            dense: Box::default(),
            terms: Terms::default(),
            gram: Gram::default(),
            longest: 0.0,
            cancelled: 0.0,
            written: 0,
            merges: 0,
        }
    }

    pub fn cost(&self) -> SlackCost {
        self.cost
    }

    pub fn planes(&self) -> usize {
        self.planes.len()
    }

    /// The memory that what it holds takes.
    pub fn bytes(&self) -> usize {
        let Self { placed, planes, dense, terms, gram, .. } = self;
        let numbers: usize = dense.iter().flatten().map(|values| size_of_val(&**values)).sum();
        let terms = size_of_val(&*terms.keys) + size_of_val(&*terms.scales);
        size_of::<Self>()
            + placed.bytes()
            + size_of_val(&**planes)
            + size_of_val(&**dense)
            + numbers
            + terms
            + gram.bytes()
    }

    /// Keeps planes in use only, and of these at most so many.
    pub fn shed(&mut self, most_planes: usize) {
        if self.alphas().any(|alpha| alpha == 0.0) {
            let keep: Vec<bool> = self.alphas().map(|alpha| alpha > 0.0).collect();
            self.retain(&keep);
        }
        while self.planes.len() > most_planes {
            self.make_room();
        }
    }

    /// Loss and dual variable of each plane.
    pub fn offsets_and_alphas(&self) -> impl Iterator<Item = (f64, f64)> {
        self.planes.iter().map(|plane| (plane.offset, plane.alpha))
    }

    /// Replaces the dual variables.
    pub fn set_alphas(&mut self, alphas: &[f64]) {
        self.planes.iter_mut().zip(alphas).for_each(|(plane, &alpha)| plane.alpha = alpha);
    }

    /// The largest offset of its planes.
    pub fn largest_offset(&self) -> f64 {
        self.planes.iter().map(|plane| plane.offset).fold(0.0, f64::max)
    }

    /// The largest ‖δ‖².
    pub fn longest_squared(&self) -> f64 {
        (0..self.planes.len()).map(|p| self.gram.get(p, p)).fold(0.0, f64::max)
    }

    /// About how many multiplications the values of all planes take.
    pub fn work(&self) -> f64 {
        let dense: usize = self.dense.iter().flatten().map(|values| values.len()).sum();
        (self.placed.features() + dense + self.count_terms()) as f64
    }

    /// target += Σ cₚ δₚ.
    pub fn add_weighted(&self, coefficients: &[f64], target: &mut [f64], workspace: &mut Workspace) {
        if coefficients.iter().any(|coefficient| *coefficient != 0.0) {
            self.add_combination(coefficients, target, &mut workspace.dots);
        }
    }

    /// Appends the indices where Σ cₚ δₚ, when it was [added](Self::add_weighted) last with this workspace, may not be 0; some of them twice.
    pub fn list_changed(&self, coefficients: &[f64], dim: usize, indices: &mut Vec<usize>, workspace: &Workspace) {
        let planes = || (0..self.planes.len()).filter(|&p| coefficients[p] != 0.0);
        if planes().any(|p| self.dense(p).is_some()) {
            indices.extend(0..dim);
            return;
        }
        for (PlacedRow { row, place }, _) in self.placed.iter().zip(&workspace.dots).filter(|(_, sum)| **sum != 0.0) {
            indices.extend(row.features().iter().map(|feature| place.offset + place.stride * feature.index as usize));
        }
        planes().for_each(|p| indices.extend(split(self.terms(p)).1.map(|(index, _)| index)));
    }

    /// The planes whose dual variables can move by themselves: those in use, less one where Σα is at its bound.
    pub fn rank(&self) -> usize {
        let at_bound = self.alphas().sum::<f64>() >= self.cost.bound * (1.0 - 1e-12);
        self.support().saturating_sub(usize::from(at_bound))
    }

    /// The dual variables of the planes.
    fn alphas(&self) -> impl Iterator<Item = f64> {
        self.planes.iter().map(|plane| plane.alpha)
    }

    /// The planes with a positive dual variable.
    pub fn support(&self) -> usize {
        self.alphas().filter(|alpha| *alpha > 0.0).count()
    }

    /// The planes with their dual variables.
    pub fn dual_variables(&self, example: usize) -> impl Iterator<Item = DualVariable> {
        (self.planes.iter().enumerate()).map(move |(p, plane)| DualVariable {
            example: Some(example),
            alpha: plane.alpha,
            offset: plane.offset,
            squared_norm: self.gram.get(p, p),
        })
    }

    /// Σ αₚ Δₚ less the conjugate of the slack cost: what D has of this block beside ½‖u‖².
    pub fn offset(&self) -> f64 {
        let offset: f64 = self.planes.iter().map(|plane| plane.alpha * plane.offset).sum();
        offset - self.conjugate()
    }

    /// What D loses for Σα.
    fn conjugate(&self) -> f64 {
        if self.cost.ridge == 0.0 { 0.0 } else { self.cost.conjugate(self.alphas().sum()) }
    }

    /// Adds what D has of this block, with the sizes that rounding is measured against.
    pub fn add_to_dual(&self, sum: &mut DualSum) {
        let (conjugate, mut offset, mut delta) = (self.conjugate(), 0.0, 0.0);
        for (p, plane) in self.planes.iter().enumerate().filter(|(_, plane)| plane.alpha > 0.0) {
            offset += plane.alpha * plane.offset;
            delta += plane.alpha * self.size(p);
        }
        let sizes = Sizes { offset: offset + conjugate, delta };
        let additions = self.placed.len() + self.entries() + self.planes.len();
        sum.add(offset - conjugate, sizes, sizes.scaled(self.off()), additions);
    }

    /// An upper bound on the sum of the norms of the terms that a plane was written in.
    fn size(&self, plane: usize) -> f64 {
        if self.dense(plane).is_some() {
            return self.longest;
        }
        let terms = self.terms(plane);
        self.cancelled + self.size_of(terms)
    }

    /// The same for the terms that are left.
    fn size_of(&self, terms: (&[u32], &[f64])) -> f64 {
        let (rows, entries) = split(terms);
        let rows: f64 = rows.map(|(_, scale)| scale.abs()).sum();
        self.longest * rows + entries.map(|(_, scale)| scale.abs()).sum::<f64>()
    }

    /// Relative rounding error of planes, and of sums over them.
    fn off(&self) -> f64 {
        // A merge rounds its two factors, their sum and each product.
        off(self.planes.len() + self.written as usize + 8 * self.merges as usize)
    }

    /// Single weights among the terms of all planes, if there are any.
    fn entries(&self) -> usize {
        if self.has_entries() { self.terms.keys.len() } else { 0 }
    }

    /// Makes the dual variables feasible in exact arithmetic.
    pub fn confine(&mut self, workspace: &mut Workspace) {
        // Most sums are well below their bound.
        if self.alphas().sum::<f64>() < self.cost.bound * (1.0 - 1e-12) {
            return;
        }
        let Workspace { alpha, .. } = workspace;
        alpha.clear();
        alpha.extend(self.alphas());
        if confine(alpha, self.cost.bound) {
            self.planes.iter_mut().zip(&*alpha).for_each(|(plane, &alpha)| plane.alpha = alpha);
        }
    }

    /// Changes what the slack costs, and multiplies the dual variables by `factor`.
    pub fn rescale(&mut self, cost: SlackCost, factor: f64) {
        self.cost = cost;
        self.gap = f64::INFINITY;
        self.planes.iter_mut().for_each(|plane| plane.alpha *= factor);
    }

    /// The largest value Δ − ⟨w, δ⟩ of its planes, −∞ without any.
    pub fn highest(&self, w: &[f64], dots: &mut Vec<f64>) -> f64 {
        self.placed.dots(w, dots);
        let planes = self.planes.iter().enumerate();
        planes.map(|(p, plane)| plane.offset - self.score(p, w, dots)).fold(f64::NEG_INFINITY, f64::max)
    }

    /// ⟨v, δ⟩ of a plane, given ⟨v, placed row⟩ of all placed rows.
    fn score(&self, plane: usize, v: &[f64], dots: &[f64]) -> f64 {
        match self.dense(plane) {
            Some(values) => dot(values, v),
            None => combine(self.terms(plane), dots, |index| v[index]),
        }
    }

    /// The rounding error of a value Δ − ⟨w, δ⟩, at most: by the sizes of all that is summed for it, and the largest of all planes.
    pub fn rounding(&self, w: &[f64]) -> f64 {
        let sizes: Vec<(f64, usize)> = (self.placed.iter())
            .map(|PlacedRow { row, place }| (dot_row_sized(w, row, place).1, row.features().len() / 4))
            .collect();
        let of = |p: usize| {
            let plane = &self.planes[p];
            if let Some(values) = self.dense(p) {
                let size: f64 = values.iter().zip(w).map(|(value, w)| (value * w).abs()).sum();
                return off(values.len() / 8) * (plane.offset + size);
            }
            let (rows, entries) = split(self.terms(p));
            let (mut size, mut longest) = (plane.offset, 0);
            for (placed, scale) in rows {
                size += scale.abs() * sizes[placed].0;
                longest = longest.max(sizes[placed].1);
            }
            size += entries.map(|(index, scale)| (scale * w[index]).abs()).sum::<f64>();
            off(longest + self.terms(p).0.len()) * size
        };
        (0..self.planes.len()).map(of).fold(0.0, f64::max)
    }

    /// What the [highest](Self::highest) value says of the slack, given ‖w‖.
    pub fn known(&self, highest: f64, length_of_w: f64) -> Known {
        let size = |p: usize| self.planes[p].offset + length_of_w * self.size(p);
        let largest = (0..self.planes.len()).map(size).fold(0.0, f64::max);
        let longest_row = self.placed.iter().map(|placed| placed.row.features().len()).max().unwrap_or(0);
        let dense = self.dense.iter().flatten().map(|values| values.len() / 8).max().unwrap_or(0);
        Known::new(highest, largest, self.off() + off(longest_row + dense + self.count_terms()))
    }

    /// w += Σ αₚ δₚ.
    pub fn add_to(&self, w: &mut [f64], workspace: &mut Workspace) {
        let Workspace { alpha, dots, .. } = workspace;
        alpha.clear();
        alpha.extend(self.alphas());
        self.add_combination(alpha, w, dots);
    }

    /// Reads a bit of everything that a visit reads. The memory of several blocks is fetched at once if they are all touched before the
    /// first is visited; visits by themselves wait for one piece after the other.
    pub fn touch(&self) -> f64 {
        let planes =
            self.planes.first().zip(self.planes.last()).map_or(0.0, |(first, last)| first.offset + last.offset);
        let Terms { keys, scales } = &self.terms;
        let keys = keys.first().zip(keys.last()).map_or(0, |(first, last)| first ^ last);
        let scales = scales.first().zip(scales.last()).map_or(0.0, |(first, last)| first + last);
        self.placed.touch() + planes + f64::from(keys) + scales + self.gram.touch()
    }

    /// Puts planes into the cache, the last one first, unless they are there; returns how many were not. `pass` is the number of the
    /// exact pass.
    ///
    /// # Errors
    /// Two different rows have one name.
    pub fn insert(
        &mut self,
        planes: &[RawPlane<'a>],
        dim: usize,
        most_planes: usize,
        pass: u32,
        workspace: &mut Workspace,
    ) -> Result<usize, FaultKind> {
        let mut new = 0;
        for count in (1..=planes.len()).rev() {
            new += usize::from(self.insert_last(&planes[..count], dim, most_planes, pass, workspace)?);
        }
        Ok(new)
    }

    /// The same for the last of some planes; the others are about to follow.
    fn insert_last(
        &mut self,
        planes: &[RawPlane<'a>],
        dim: usize,
        most_planes: usize,
        pass: u32,
        workspace: &mut Workspace,
    ) -> Result<bool, FaultKind> {
        let Some(raw) = planes.last() else { return Ok(false) };
        // The plane (0, 0) is always there.
        if raw.offset == 0.0 && raw.rows.is_empty() && raw.entries.is_empty() {
            return Ok(false);
        }
        match self.join_fan(raw, most_planes, pass) {
            Some(new) => return Ok(new),
            None => self.unfold(),
        }
        let mut dense = None;
        workspace.terms.clear();
        if raw.len() >= dim {
            let mut values = vec![0.0; dim];
            raw.add_to(&mut values, 1.0);
            dense = Some(values.into_boxed_slice());
        } else {
            self.intern(planes, dim, &mut workspace.terms)?;
        }
        let is_it = |&p: &usize| {
            self.planes[p].offset == raw.offset && {
                let (keys, scales) = self.terms(p);
                keys.len() == workspace.terms.len()
                    && keys.iter().zip(scales).zip(&workspace.terms).all(|((n, s), term)| (*n, *s) == *term)
                    && self.dense(p) == dense.as_deref()
            }
        };
        if let Some(known) = (0..self.planes.len()).find(is_it) {
            self.planes[known].used = pass;
            return Ok(false);
        }
        if self.planes.len() >= most_planes {
            self.make_room();
            // Placed rows have been renamed.
            if dense.is_none() {
                self.intern(planes, dim, &mut workspace.terms)?;
            }
        }
        let (p, is_dense) = (self.planes.len(), dense.is_some());
        self.push(Plane { offset: raw.offset, alpha: 0.0, end: 0, used: pass }, dense, &workspace.terms);
        let products = self.inner_products(p, dim, workspace);
        self.gram.push(products);
        let written = raw.rows.len() + raw.entries.len();
        self.written = self.written.max(written.min(u32::MAX as usize) as u32);
        if is_dense {
            self.longest = self.longest.max(raw.size());
        } else if workspace.terms.len() < written {
            let rows: f64 = raw.rows.iter().map(|term| term.scale.abs()).sum();
            let size = self.longest * rows + raw.entries.iter().map(|(_, value)| value.abs()).sum::<f64>();
            self.cancelled = self.cancelled.max(size - self.size_of(self.terms(p)));
        }
        Ok(true)
    }

    /// Replaces `parts` by what the planes are made of, with scores, after a [look](Self::look).
    pub fn list_parts(&self, workspace: &Workspace, parts: &mut Vec<Part>) {
        let placed = self.placed.iter().zip(&workspace.dots);
        parts.clear();
        parts.extend(placed.map(|(PlacedRow { row, place }, &score)| Part { name: row.name(), place, score }));
    }

    /// The slack of a plane that would raise the gap by so much, after a [look](Self::look); `None` where planes make no difference.
    pub fn slack_beyond(&self, gap: f64, workspace: &Workspace) -> Option<f64> {
        let highest = workspace.gradient.iter().copied().fold(0.0, f64::max);
        match self.planes.is_empty() || self.cost.bound == 0.0 {
            true => None,
            false if self.cost.ridge > 0.0 => Some((highest * highest + 2.0 * self.cost.ridge * gap).sqrt()),
            false => Some(highest + gap / self.cost.bound),
        }
    }

    /// Looks at the block: computes the values of its planes at w and the gap over them, which it returns.
    pub fn look(&mut self, w: &[f64], pass: u32, workspace: &mut Workspace) -> f64 {
        self.gap = 0.0;
        if !self.planes.is_empty() && self.cost.bound > 0.0 {
            self.scores(w, workspace);
            let (mut in_use, mut best, mut highest) = (0.0, 0, f64::NEG_INFINITY);
            for (p, (score, plane)) in workspace.gradient.iter_mut().zip(&self.planes).enumerate() {
                let value = plane.offset - *score;
                *score = value;
                in_use += plane.alpha * value;
                (best, highest) = if value > highest { (p, value) } else { (best, highest) };
            }
            self.planes[best].used = pass;
            self.gap = self.cost.of(highest) + self.conjugate() - in_use;
        }
        self.gap
    }

    /// After a [look](Self::look), solves the small dual over the planes to this fraction of its violation, and updates w; returns what
    /// that added to the dual value.
    ///
    /// With `damping` below 1 the curvature is multiplied by it, and so is the change of w (see [`super::proximal`]).
    pub fn step(&mut self, w: &mut [f64], accuracy: f64, damping: f64, workspace: &mut Workspace) -> f64 {
        let Workspace { gradient, alpha, change, dots, .. } = workspace;
        alpha.clear();
        alpha.extend(self.alphas());
        if self.cost.ridge > 0.0 {
            let slack = self.cost.ridge * alpha.iter().sum::<f64>();
            gradient.iter_mut().for_each(|value| *value -= slack);
        }
        let curvature = Curvature { gram: &self.gram, damping, ridge: self.cost.ridge };
        let gain = qp::solve(curvature, gradient, alpha, self.cost.bound, |violation| accuracy * violation);
        change.clear();
        change.extend(self.planes.iter_mut().zip(&*alpha).map(|(plane, &alpha)| {
            let change = damping * (alpha - plane.alpha);
            plane.alpha = alpha;
            change
        }));
        self.add_combination(change, w, dots);
        gain
    }

    /// Forgets planes that have not been in use since the exact pass `since`.
    pub fn forget(&mut self, since: u32) {
        for plane in &mut self.planes {
            if plane.alpha > 0.0 {
                plane.used = plane.used.max(since);
            }
        }
        if self.planes.iter().any(|plane| plane.used < since) {
            let keep: Vec<bool> = self.planes.iter().map(|plane| plane.used >= since).collect();
            self.retain(&keep);
        }
    }

    /// ⟨v, δ⟩ of each plane.
    pub fn scores<'w>(&self, v: &[f64], workspace: &'w mut Workspace) -> &'w [f64] {
        let Workspace { dots, gradient, .. } = workspace;
        self.placed.dots(v, dots);
        gradient.clear();
        if self.is_fan() {
            gradient.extend(dots[1..].iter().map(|other| dots[0] - other));
            return gradient;
        }
        let mut start = 0;
        gradient.extend(self.planes.iter().enumerate().map(|(p, plane)| {
            let range = start..plane.end as usize;
            start = range.end;
            match (&self.terms.keys[range.clone()], &self.terms.scales[range]) {
                // Truth and another output.
                (&[a, b], &[s, t]) if b < ENTRY => s * dots[a as usize] + t * dots[b as usize],
                terms => self.dense(p).map_or_else(|| combine(terms, dots, |index| v[index]), |values| dot(values, v)),
            }
        }));
        gradient
    }

    /// target += Σ cₚ δₚ.
    fn add_combination(&self, coefficients: &[f64], target: &mut [f64], sums: &mut Vec<f64>) {
        sums.clear();
        if self.is_fan() {
            sums.push(coefficients.iter().sum());
            sums.extend(coefficients.iter().map(|coefficient| -coefficient));
            self.placed.add_to(target, sums);
            return;
        }
        sums.resize(self.placed.len(), 0.0);
        for (p, &coefficient) in coefficients.iter().enumerate() {
            if coefficient == 0.0 {
                continue;
            }
            match self.dense(p) {
                None => {
                    let (rows, entries) = split(self.terms(p));
                    rows.for_each(|(placed, scale)| sums[placed] += coefficient * scale);
                    entries.for_each(|(index, scale)| target[index] += coefficient * scale);
                }
                Some(values) => target.iter_mut().zip(values).for_each(|(t, value)| *t += coefficient * value),
            }
        }
        self.placed.add_to(target, sums);
    }

    /// The terms of a plane: keys and scales.
    fn terms(&self, plane: usize) -> (&[u32], &[f64]) {
        if self.is_fan() {
            return (&FAN[plane], &[1.0, -1.0]);
        }
        let start = plane.checked_sub(1).map_or(0, |before| self.planes[before].end as usize);
        let range = start..self.planes[plane].end as usize;
        (&self.terms.keys[range.clone()], &self.terms.scales[range])
    }

    /// δ of a plane, if it is dense.
    fn dense(&self, plane: usize) -> Option<&[f64]> {
        self.dense.get(plane)?.as_deref()
    }

    /// Whether terms of planes are weights by themselves.
    fn has_entries(&self) -> bool {
        (0..self.planes.len()).any(|p| has_entries(self.terms(p).0))
    }

    /// Appends a plane with its terms.
    fn push(&mut self, plane: Plane, dense: Option<Box<[f64]>>, terms: &[(u32, f64)]) {
        if dense.is_some() || !self.dense.is_empty() {
            let none = self.planes.len() - self.dense.len();
            append(&mut self.dense, std::iter::repeat_n(None, none));
            append(&mut self.dense, [dense]);
        }
        append(&mut self.terms.keys, terms.iter().map(|term| term.0));
        append(&mut self.terms.scales, terms.iter().map(|term| term.1));
        append(&mut self.planes, [Plane { end: self.terms.keys.len() as u32, ..plane }]);
    }

    /// Takes in a plane that keeps the block a fan, unless it is there; returns whether it was not. `None` if it does not.
    fn join_fan(&mut self, raw: &RawPlane<'a>, most_planes: usize, pass: u32) -> Option<bool> {
        let &[truth, other] = raw.rows.as_slice() else { return None };
        let (place, elsewhere) = (truth.place, other.place);
        let same_row = truth.row.name() == other.row.name()
            && truth.row.has_entries_of(other.row)
            && place.stride == elsewhere.stride;
        let orthogonal = place.offset.max(elsewhere.offset) < place.stride && place.offset != elsewhere.offset;
        let plain = raw.entries.is_empty() && (truth.scale, other.scale) == (1.0, -1.0);
        if !(same_row && orthogonal && plain) {
            return None;
        }
        if self.planes.is_empty() {
            self.placed = PlacedRows::one(PlacedRow { row: truth.row, place });
            let squared_norm = truth.row.squared_norm();
            self.gram = Gram::fan(0, squared_norm);
            self.longest = self.longest.max(squared_norm.sqrt());
            self.written = self.written.max(2);
        } else if !(self.is_fan() && self.placed.get(0).is(&PlacedRow { row: truth.row, place })) {
            return None;
        }
        let others = &self.placed.offsets()[1..];
        if let Some(known) = others.iter().position(|&offset| offset == elsewhere.offset) {
            let plane = &mut self.planes[known];
            plane.used = pass;
            return (plane.offset == raw.offset).then_some(false);
        }
        if self.planes.len() >= most_planes.min(FAN.len()) {
            return None;
        }
        self.placed.append(elsewhere.offset);
        self.gram.grow_fan();
        append(&mut self.planes, [Plane { offset: raw.offset, alpha: 0.0, end: 0, used: pass }]);
        Some(true)
    }

    fn is_fan(&self) -> bool {
        self.gram.is_fan()
    }

    /// Stores what is not stored of a fan.
    fn unfold(&mut self) {
        if !self.is_fan() {
            return;
        }
        let terms = || (0..self.planes.len()).map(|p| self.terms(p));
        let keys = terms().flat_map(|(keys, _)| keys).copied().collect();
        let scales = terms().flat_map(|(_, scales)| scales).copied().collect();
        self.terms = Terms { keys, scales };
        self.gram.unfold();
        self.planes.iter_mut().zip(1..).for_each(|(plane, count)| plane.end = 2 * count);
    }

    /// How many terms the planes have.
    fn count_terms(&self) -> usize {
        if self.is_fan() { 2 * self.planes.len() } else { self.terms.keys.len() }
    }

    /// Turns what the oracle wrote into terms, for the last of some planes. Its rows that were not seen before become placed rows, with those of the
    /// other planes; so do weights whose index is no key.
    ///
    /// # Errors
    /// Two different rows have one name.
    fn intern(&mut self, planes: &[RawPlane<'a>], dim: usize, terms: &mut Vec<(u32, f64)>) -> Result<(), FaultKind> {
        let Some((last, others)) = planes.split_last() else { return Ok(()) };
        let mut missing = self.find_keys(last, terms)?;
        if !missing.is_empty() {
            for plane in others.iter().filter(|plane| plane.len() < dim) {
                missing.extend(self.find_keys(plane, terms)?);
            }
            let rows = missing.chunk_by(|a, b| a.row.name() == b.row.name());
            let longest = rows.map(|same| same[0].row.squared_norm().sqrt()).fold(self.longest, f64::max);
            let renamed = self.placed.insert(&missing)?;
            self.longest = longest;
            let known = self.terms.keys.iter_mut().filter(|key| **key < ENTRY);
            known.for_each(|key| *key = renamed[*key as usize]);
            self.find_keys(last, terms)?;
        }
        Ok(())
    }

    /// Replaces `terms` by those of a plane; returns its rows that are no placed rows yet, which are left out.
    ///
    /// # Errors
    /// A row has the name of another one.
    fn find_keys(&self, raw: &RawPlane<'a>, terms: &mut Vec<(u32, f64)>) -> Result<Vec<PlacedRow<'a>>, FaultKind> {
        terms.clear();
        let mut missing = Vec::new();
        let mut finder = self.placed.finder(raw.rows.len() + raw.entries.len());
        for (placed, scale) in placed_rows_of(raw) {
            match self.placed.find(&mut finder, &placed) {
                Some(key) => terms.push((key, scale)),
                None => missing.push(placed),
            }
        }
        let near = raw.entries.iter().filter(|entry| !is_far(entry));
        finder.check()?;
        terms.extend(near.map(|&(index, scale)| (ENTRY | index as u32, scale)));
        sum_terms(terms);
        Ok(missing)
    }

    /// ⟨δ, δ′⟩ of the last plane with each plane, the last one itself.
    fn inner_products(&self, last: usize, dim: usize, workspace: &mut Workspace) -> Vec<f64> {
        let Workspace { dots, delta, .. } = workspace;
        let (rows, entries) = split(self.terms(last));
        let rows: Vec<(PlacedRow<'a>, f64)> = rows.map(|(placed, scale)| (self.placed.get(placed), scale)).collect();
        if let Some(values) = self.dense(last) {
            self.placed.dots(values, dots);
            return self.products(last, dots, |index| values[index]);
        }
        if rows.len() <= FEW_TERMS && !self.has_entries() {
            let dot =
                |placed: PlacedRow<'_>| rows.iter().map(|(other, scale)| scale * other.inner(&placed)).sum::<f64>();
            dots.clear();
            dots.extend(self.placed.iter().map(dot));
            // Placed rows meet placed rows, and nothing else is asked for.
            return self.products(last, dots, |_| 0.0);
        }
        let entries: Vec<(usize, f64)> = entries.collect();
        let length = rows.iter().map(|(placed, _)| placed.row.features().len()).sum::<usize>() + entries.len();
        delta.begin(dim, length);
        for (PlacedRow { row, place }, scale) in &rows {
            for feature in row.features() {
                delta.add(place.offset + place.stride * feature.index as usize, scale * f64::from(feature.value));
            }
        }
        entries.iter().for_each(|&(index, scale)| delta.add(index, scale));
        let products = match delta.all() {
            Some(values) => {
                self.placed.dots(values, dots);
                self.products(last, dots, |index| values[index])
            }
            None => {
                self.placed.dots_by(|index| delta.get(index), dots);
                self.products(last, dots, |index| delta.get(index))
            }
        };
        delta.clear();
        products
    }

    /// The same, given ⟨δ, placed row⟩ of all placed rows and δ itself.
    fn products(&self, last: usize, dots: &[f64], delta: impl Fn(usize) -> f64) -> Vec<f64> {
        let with = |p: usize| match (self.dense(p), self.dense(last)) {
            (None, _) => combine(self.terms(p), dots, &delta),
            (Some(theirs), Some(values)) => dot(values, theirs),
            (Some(theirs), None) => {
                let (rows, entries) = split(self.terms(last));
                let row = |(placed, scale): (usize, f64)| {
                    let PlacedRow { row, place } = self.placed.get(placed);
                    scale * dot_row(theirs, row, place)
                };
                rows.map(row).sum::<f64>() + entries.map(|(index, scale)| scale * theirs[index]).sum::<f64>()
            }
        };
        (0..=last).map(with).collect()
    }

    /// Drops the plane not in use for longest; if all are in use, merges the two with the smallest dual variables
    /// into their convex combination, which is a valid plane itself.
    fn make_room(&mut self) {
        self.unfold();
        let m = self.planes.len();
        let idle = (0..m).filter(|&p| self.planes[p].alpha == 0.0).min_by_key(|&p| self.planes[p].used);
        if let Some(idle) = idle {
            let keep: Vec<bool> = (0..m).map(|p| p != idle).collect();
            self.retain(&keep);
            return;
        }
        let mut order: Vec<usize> = (0..m).collect();
        order.sort_by(|&p, &q| self.planes[p].alpha.total_cmp(&self.planes[q].alpha));
        let (p, q) = (order[0], order[1]);
        let (first, second) = (self.planes[p], self.planes[q]);
        let alpha = first.alpha + second.alpha;
        let (s, t) = (first.alpha / alpha, second.alpha / alpha);
        let offset = s * first.offset + t * second.offset;
        let merged = Plane { offset, alpha, end: 0, used: first.used.max(second.used) };
        let dense = self.merge_dense(p, q, s, t);
        let term = |(&key, &scale): (&u32, &f64), factor: f64| (key, factor * scale);
        let terms = if dense.is_none() {
            let ((keys, scales), (more, others)) = (self.terms(p), self.terms(q));
            let first = keys.iter().zip(scales).map(|pair| term(pair, s));
            let mut terms: Vec<(u32, f64)> = first.chain(more.iter().zip(others).map(|pair| term(pair, t))).collect();
            sum_terms(&mut terms);
            terms
        } else {
            Vec::new()
        };
        let gram = &self.gram;
        let row: Vec<f64> = (0..m)
            .filter(|&r| r != p && r != q)
            .map(|r| s * gram.get(p, r) + t * gram.get(q, r))
            .chain([s * s * gram.get(p, p) + 2.0 * s * t * gram.get(p, q) + t * t * gram.get(q, q)])
            .collect();
        self.merges = self.merges.saturating_add(1);
        if dense.is_some() {
            let size = [p, q].map(|plane| self.size(plane)).into_iter().fold(0.0, f64::max);
            let written = self.terms(p).0.len() + self.terms(q).0.len();
            self.longest = self.longest.max(size);
            self.written = self.written.max(written.min(u32::MAX as usize) as u32);
        }
        // The merged plane first, so that its placed rows stay.
        self.push(merged, dense, &terms);
        self.gram.push(std::iter::repeat_n(0.0, m + 1));
        let keep: Vec<bool> = (0..=m).map(|r| r != p && r != q).collect();
        self.retain(&keep);
        self.gram.replace_last(row);
    }

    /// s · δₚ + t · δ_q where one of the two is dense.
    fn merge_dense(&self, p: usize, q: usize, s: f64, t: f64) -> Option<Box<[f64]>> {
        let mut values = vec![0.0; self.dense(p).or(self.dense(q))?.len()];
        for (plane, factor) in [(p, s), (q, t)] {
            let (rows, entries) = split(self.terms(plane));
            for (placed, scale) in rows {
                let PlacedRow { row, place } = self.placed.get(placed);
                add_row(&mut values, row, place, factor * scale);
            }
            entries.for_each(|(index, scale)| values[index] += factor * scale);
            if let Some(theirs) = self.dense(plane) {
                values.iter_mut().zip(theirs).for_each(|(value, theirs)| *value += factor * theirs);
            }
        }
        Some(values.into_boxed_slice())
    }

    /// Keeps the planes for which `keep` says so, and the placed rows they need.
    fn retain(&mut self, keep: &[bool]) {
        if self.is_fan() {
            let mut keeps = keep.iter();
            self.planes =
                std::mem::take(&mut self.planes).into_iter().filter(|_| keeps.next() == Some(&true)).collect();
            self.placed.retain(std::iter::once(&true).chain(keep));
            self.gram.retain(keep);
            return;
        }
        let kept = || (0..self.planes.len()).filter(|&p| keep[p]);
        let mut needed = vec![false; self.placed.len()];
        kept().for_each(|p| split(self.terms(p)).0.for_each(|(placed, _)| needed[placed] = true));
        let mut next = 0;
        let renamed: Vec<u32> = (needed.iter())
            .map(|needed| {
                next += u32::from(*needed);
                next.saturating_sub(1)
            })
            .collect();
        let (mut keys, mut scales) = (Vec::new(), Vec::new());
        let mut planes = Vec::with_capacity(kept().count());
        for p in kept() {
            let (theirs, factors) = self.terms(p);
            keys.extend(theirs.iter().map(|&key| if key < ENTRY { renamed[key as usize] } else { key }));
            scales.extend_from_slice(factors);
            planes.push(Plane { end: keys.len() as u32, ..self.planes[p] });
        }
        let mut keeps = keep.iter();
        self.dense = std::mem::take(&mut self.dense).into_iter().filter(|_| keeps.next() == Some(&true)).collect();
        self.planes = planes.into();
        self.terms = Terms { keys: keys.into(), scales: scales.into() };
        self.placed.retain(&needed);
        self.gram.retain(keep);
    }
}

/// Makes a list longer, and no longer than it must be.
fn append<T>(list: &mut Box<[T]>, more: impl IntoIterator<Item = T, IntoIter: ExactSizeIterator>) {
    let (mut longer, more) = (std::mem::take(list).into_vec(), more.into_iter());
    longer.reserve_exact(more.len());
    longer.extend(more);
    *list = longer.into();
}

/// Whether some of the keys of a plane are weights by themselves; they come last.
fn has_entries(keys: &[u32]) -> bool {
    keys.last().is_some_and(|&key| key >= ENTRY)
}

/// Whether the index of an entry is too large for a key.
fn is_far(entry: &(usize, f64)) -> bool {
    entry.0 >= ENTRY as usize
}

/// What of a plane is placed rows, with what they are multiplied by: its rows, and weights whose index is no key.
fn placed_rows_of<'a>(raw: &RawPlane<'a>) -> impl Iterator<Item = (PlacedRow<'a>, f64)> {
    let singles = raw.entries.iter().filter(|entry| is_far(entry));
    let singles = singles.map(|&(index, scale)| (RowTerm::single(index), scale));
    let rows = raw.rows.iter().map(|&term| (term, term.scale));
    rows.chain(singles).map(|(RowTerm { row, place, .. }, scale)| (PlacedRow { row, place }, scale))
}

/// Brings terms in order, sums those of one key, and drops zeros.
fn sum_terms(terms: &mut Vec<(u32, f64)>) {
    terms.sort_by_key(|&(key, _)| key);
    terms.dedup_by(|next, kept| {
        let same = next.0 == kept.0;
        if same {
            kept.1 += next.1;
        }
        same
    });
    terms.retain(|&(_, scale)| scale != 0.0);
}

/// Σ scale · dots[placed row] and Σ scale · v(index).
#[inline]
fn combine(terms: (&[u32], &[f64]), dots: &[f64], v: impl Fn(usize) -> f64) -> f64 {
    let at = keys_of_rows(terms.0);
    let ((rows, entries), (row_scales, entry_scales)) = (terms.0.split_at(at), terms.1.split_at(at));
    gather(rows, row_scales, |key| dots[key as usize]) + gather(entries, entry_scales, |key| v((key & !ENTRY) as usize))
}

/// Σ scale · value of a key, in four parts where there are many, so that additions need not wait for each other.
#[inline]
fn gather(keys: &[u32], scales: &[f64], value: impl Fn(u32) -> f64) -> f64 {
    let ((fours, keys), (scale_fours, scales)) = (keys.as_chunks::<4>(), scales.as_chunks::<4>());
    let rest: f64 = keys.iter().zip(scales).map(|(&key, scale)| scale * value(key)).sum();
    if fours.is_empty() {
        return rest;
    }
    let mut sums = [0.0; 4];
    for (keys, scales) in fours.iter().zip(scale_fours) {
        for ((sum, &key), scale) in sums.iter_mut().zip(keys).zip(scales) {
            *sum += scale * value(key);
        }
    }
    (sums[0] + sums[1]) + (sums[2] + sums[3]) + rest
}

/// How many of the keys of a plane are placed rows; they come first.
#[inline]
fn keys_of_rows(keys: &[u32]) -> usize {
    match has_entries(keys) {
        true => keys.partition_point(|&key| key < ENTRY),
        false => keys.len(),
    }
}

/// The placed rows among terms, and the weights by themselves.
#[inline]
fn split<'t>(
    (keys, scales): (&'t [u32], &'t [f64]),
) -> (impl Iterator<Item = (usize, f64)> + 't, impl Iterator<Item = (usize, f64)> + 't) {
    let at = keys_of_rows(keys);
    let ((rows, entries), (row_scales, entry_scales)) = (keys.split_at(at), scales.split_at(at));
    let rows = rows.iter().zip(row_scales).map(|(&placed, &scale)| (placed as usize, scale));
    (rows, entries.iter().zip(entry_scales).map(|(&entry, &scale)| ((entry & !ENTRY) as usize, scale)))
}
