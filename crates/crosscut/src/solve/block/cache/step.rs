//! Operations on a block: values of its planes, steps on their dual variables, and sums over
//! planes.

use super::placed_rows::PlacedRow;
use super::terms::{ENTRY, Terms, combine, combine_at, split};
use super::{Block, Workspace};
use crate::data::Feature;
use crate::solve::qp::{self, Curvature};
use crate::solve::vectors::dot;
use crate::task::Part;

/// The planes of a fan ([`Block`]).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fan<'b> {
    pub features: &'b [Feature],
    pub classes: usize,
    pub truth: usize,
    /// The class of each plane.
    pub others: &'b [usize],
}

impl Block<'_> {
    /// Looks at the block: computes the values of its planes at w, and returns the block gap over
    /// them.
    pub fn look(&mut self, w: &[f64], clock: u32, workspace: &mut Workspace) -> f64 {
        if self.planes.is_empty() || self.cost.bound == 0.0 {
            return 0.0;
        }
        self.scores(w, workspace);
        let (mut in_use, mut best, mut highest) = (0.0, 0, f64::NEG_INFINITY);
        for (p, (score, plane)) in workspace.gradient.iter_mut().zip(&self.planes).enumerate() {
            let value = plane.offset - *score;
            *score = value;
            in_use += plane.alpha * value;
            (best, highest) = if value > highest { (p, value) } else { (best, highest) };
        }
        self.planes[best].used = clock;
        self.cost.of(highest) + self.conjugate() - in_use
    }

    /// After a [look](Self::look), reduces the violation of the small dual over the planes to the
    /// fraction `accuracy`, and updates w. Returns the increase of D.
    ///
    /// `damping` multiplies the curvature and the change of w. It is below 1 under acceleration
    /// (see [`proximal`](crate::solve::block::proximal)). The step is `longer` times as long as the
    /// one to the optimum, as far as the bounds allow.
    pub fn step(
        &mut self,
        w: &mut [f64],
        accuracy: f64,
        (damping, longer): (f64, f64),
        workspace: &mut Workspace,
    ) -> f64 {
        let Workspace { gradient, alpha, change, dots, before, .. } = workspace;
        alpha.clear();
        alpha.extend(self.alphas());
        if self.cost.ridge > 0.0 {
            let slack = self.cost.ridge * alpha.iter().sum::<f64>();
            gradient.iter_mut().for_each(|value| *value -= slack);
        }
        if longer > 1.0 {
            before.clear();
            before.extend_from_slice(gradient);
        }
        let curvature = Curvature { gram: &self.gram, damping, ridge: self.cost.ridge };
        let mut gain = qp::solve(curvature, gradient, alpha, self.cost.bound, |violation| {
            accuracy * violation
        });
        if longer > 1.0 {
            change.clear();
            change.extend(self.alphas());
            gain += qp::go_on(change, alpha, (before, gradient), self.cost.bound, longer);
        }
        change.clear();
        change.extend(self.planes.iter_mut().zip(&*alpha).map(|(plane, &alpha)| {
            let change = damping * (alpha - plane.alpha);
            plane.alpha = alpha;
            change
        }));
        self.add_combination(change, w, dots);
        gain
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
            let rows = (plane.entries as usize).saturating_sub(start);
            start = range.end;
            match (&self.terms.keys[range.clone()], &self.terms.scales[range]) {
                // The usual plane: the truth and one other output.
                (&[a, b], &[s, t]) if b < ENTRY => s * dots[a as usize] + t * dots[b as usize],
                terms => self.dense(p).map_or_else(
                    || combine_at(rows, terms, dots, |index| v[index]),
                    |values| dot(values, v),
                ),
            }
        }));
        gradient
    }

    /// ⟨v, δ⟩ of a plane, given ⟨v, placed row⟩ of all placed rows.
    fn score(&self, plane: usize, v: &[f64], dots: &[f64]) -> f64 {
        match self.dense(plane) {
            Some(values) => dot(values, v),
            None => combine(self.terms(plane), dots, |index| v[index]),
        }
    }

    /// The largest value Δ − ⟨w, δ⟩ of the planes, −∞ if there are none.
    pub fn highest(&self, w: &[f64], dots: &mut Vec<f64>) -> f64 {
        self.placed.dots(w, dots);
        let planes = self.planes.iter().enumerate();
        planes
            .map(|(p, plane)| plane.offset - self.score(p, w, dots))
            .fold(f64::NEG_INFINITY, f64::max)
    }

    /// target += Σ cₚ δₚ.
    fn add_combination(&self, coefficients: &[f64], target: &mut [f64], sums: &mut Vec<f64>) {
        self.sum_terms(coefficients, 0, target, sums);
        self.placed.add_to(target, sums);
    }

    /// Replaces `sums` by the coefficient of each placed row in Σ cₚ δₚ. Adds the rest of this sum,
    /// single weights and dense planes, to `window`, the weights from `start` on.
    fn sum_terms(
        &self,
        coefficients: &[f64],
        start: usize,
        window: &mut [f64],
        sums: &mut Vec<f64>,
    ) {
        sums.clear();
        if self.is_fan() {
            sums.push(coefficients.iter().sum());
            sums.extend(coefficients.iter().map(|coefficient| -coefficient));
            return;
        }
        sums.resize(self.placed.len(), 0.0);
        let mut next = 0;
        for (p, (&coefficient, plane)) in coefficients.iter().zip(&self.planes).enumerate() {
            let begin = std::mem::replace(&mut next, plane.end as usize);
            if coefficient == 0.0 {
                continue;
            }
            match self.dense(p) {
                None => {
                    let (at, Terms { keys, scales }) = (plane.entries as usize, &self.terms);
                    for (&key, scale) in keys[begin..at].iter().zip(&scales[begin..at]) {
                        sums[key as usize] += coefficient * scale;
                    }
                    for (&key, scale) in keys[at..next].iter().zip(&scales[at..next]) {
                        let index = (key & !ENTRY) as usize;
                        if let Some(sum) = window.get_mut(index.wrapping_sub(start)) {
                            *sum += coefficient * scale;
                        }
                    }
                }
                Some(values) => window
                    .iter_mut()
                    .zip(&values[start..])
                    .for_each(|(sum, value)| *sum += coefficient * value),
            }
        }
    }

    /// target += Σ cₚ δₚ.
    pub fn add_weighted(
        &self,
        coefficients: &[f64],
        target: &mut [f64],
        workspace: &mut Workspace,
    ) {
        if coefficients.iter().any(|coefficient| *coefficient != 0.0) {
            self.add_combination(coefficients, target, &mut workspace.dots);
        }
    }

    /// target += Σ cₚ δₚ. `list` appends the coefficients.
    pub fn add_coefficients(
        &self,
        list: impl FnOnce(&mut Vec<f64>),
        target: &mut [f64],
        workspace: &mut Workspace,
    ) {
        let Workspace { alpha, dots, .. } = workspace;
        alpha.clear();
        list(alpha);
        if alpha.iter().any(|coefficient| *coefficient != 0.0) {
            self.add_combination(alpha, target, dots);
        }
    }

    /// The same for the weights from `start` on that fit into `window`, with the same bits.
    pub fn add_within(
        &self,
        list: impl FnOnce(&mut Vec<f64>),
        start: usize,
        window: &mut [f64],
        workspace: &mut Workspace,
    ) {
        let Workspace { alpha, dots, .. } = workspace;
        alpha.clear();
        list(alpha);
        if alpha.iter().any(|coefficient| *coefficient != 0.0) {
            self.sum_terms(alpha, start, window, dots);
            self.placed.add_within(start, window, dots);
        }
    }

    /// Appends the dual variables.
    pub fn list_alphas(&self, alphas: &mut Vec<f64>) {
        alphas.extend(self.alphas());
    }

    /// Appends the indices of up to `count` weights that its planes have.
    pub fn sample_indices(&self, count: usize, indices: &mut Vec<usize>) {
        self.placed.sample_indices(count, indices);
    }

    /// The row of a fan, the classes of its truth and of its planes, and the number of classes: the
    /// entry of δₚ for feature f is the row's at f · classes + class of the truth, and its negative
    /// at f · classes + class of the plane. `None` if the block is no fan.
    pub fn fan(&self) -> Option<Fan<'_>> {
        let group = self.placed.groups().first().filter(|_| self.is_fan())?;
        let (truth, others) = self.placed.offsets().split_first()?;
        Some(Fan { features: group.row().features(), classes: group.stride, truth: *truth, others })
    }

    /// Appends the indices at which Σ cₚ δₚ may differ from 0, some of them twice. This sum must be
    /// the last one that was [added](Self::add_weighted) with this workspace.
    pub fn list_changed(
        &self,
        coefficients: &[f64],
        dim: usize,
        indices: &mut Vec<usize>,
        workspace: &Workspace,
    ) {
        let planes = || (0..self.planes.len()).filter(|&p| coefficients[p] != 0.0);
        if planes().any(|p| self.dense(p).is_some()) {
            indices.extend(0..dim);
            return;
        }
        for (PlacedRow { row, place }, _) in
            self.placed.iter().zip(&workspace.dots).filter(|(_, sum)| **sum != 0.0)
        {
            indices.extend(
                row.features()
                    .iter()
                    .map(|feature| place.offset + place.stride * feature.index as usize),
            );
        }
        planes().for_each(|p| indices.extend(split(self.terms(p)).1.map(|(index, _)| index)));
    }

    /// Appends the indices that the last [step](Self::step) with this workspace may have changed,
    /// some of them twice.
    pub fn list_touched(&self, dim: usize, indices: &mut Vec<usize>, workspace: &Workspace) {
        self.list_changed(&workspace.change, dim, indices, workspace);
    }

    /// Replaces `parts` by the placed rows of the planes, with their scores, after a
    /// [look](Self::look).
    pub fn list_parts(&self, workspace: &Workspace, parts: &mut Vec<Part>) {
        let placed = self.placed.iter().zip(&workspace.dots);
        parts.clear();
        parts.extend(placed.map(|(PlacedRow { row, place }, &score)| Part {
            name: row.name(),
            place,
            score,
        }));
    }

    /// After a [look](Self::look), the slack at which a new plane would raise the block gap by
    /// `gap`. `None` if the block has no planes or its slack costs nothing.
    pub fn slack_beyond(&self, gap: f64, workspace: &Workspace) -> Option<f64> {
        let highest = workspace.gradient.iter().copied().fold(0.0, f64::max);
        match self.planes.is_empty() || self.cost.bound == 0.0 {
            true => None,
            false if self.cost.ridge > 0.0 => {
                Some((highest * highest + 2.0 * self.cost.ridge * gap).sqrt())
            }
            false => Some(highest + gap / self.cost.bound),
        }
    }

    /// Reads a few numbers from each list that a visit reads. If several blocks are touched before
    /// the first is visited, their cache misses overlap. Without this, visits wait for each miss in
    /// turn.
    pub fn touch(&self) -> f64 {
        let planes = self
            .planes
            .first()
            .zip(self.planes.last())
            .map_or(0.0, |(first, last)| first.offset + last.offset);
        let Terms { keys, scales } = &self.terms;
        let keys = keys.first().zip(keys.last()).map_or(0, |(first, last)| first ^ last);
        let scales = scales.first().zip(scales.last()).map_or(0.0, |(first, last)| first + last);
        self.placed.touch() + planes + f64::from(keys) + scales + self.gram.touch()
    }

    /// Approximate number of multiplications that compute the values of all planes.
    pub fn work(&self) -> f64 {
        let dense: usize = self.dense.iter().flatten().map(|values| values.len()).sum();
        (self.placed.features() + dense + self.count_terms()) as f64
    }
}
