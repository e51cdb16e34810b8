//! Bounds on the rounding errors in the numbers of a block.

use super::placed_rows::PlacedRow;
use super::terms::split;
use super::{Block, Workspace};
use crate::data::dot_row_sized;
use crate::solve::bounds::{DualSum, Known, Sizes, confine, off};

impl Block<'_> {
    /// Upper bound on the sum of the norms of the terms of a plane as the oracle wrote it.
    pub(super) fn size(&self, plane: usize) -> f64 {
        if self.dense(plane).is_some() {
            return self.longest;
        }
        let terms = self.terms(plane);
        self.cancelled + self.size_of(terms)
    }

    /// Upper bound on the sum of the norms of the given terms.
    pub(super) fn size_of(&self, terms: (&[u32], &[f64])) -> f64 {
        let (rows, entries) = split(terms);
        let rows: f64 = rows.map(|(_, scale)| scale.abs()).sum();
        self.longest * rows + entries.map(|(_, scale)| scale.abs()).sum::<f64>()
    }

    /// Relative rounding error of planes, and of sums over so many of them.
    fn off(&self, planes: usize) -> f64 {
        // A merge rounds its two factors, their sum and each product.
        off(planes + self.written as usize + 8 * self.merges as usize)
    }

    /// Lower bound on the slack from the [highest](Self::highest) value of the planes, given ‖w‖.
    pub fn known(&self, highest: f64, length_of_w: f64) -> Known {
        let size = |p: usize| self.planes[p].offset + length_of_w * self.size(p);
        let largest = (0..self.planes.len()).map(size).fold(0.0, f64::max);
        let longest_row =
            self.placed.iter().map(|placed| placed.row.features().len()).max().unwrap_or(0);
        let dense = self.dense.iter().flatten().map(|values| values.len() / 8).max().unwrap_or(0);
        let summed = self.off(self.planes.len());
        Known::new(highest, largest, summed + off(longest_row + dense + self.count_terms()))
    }

    /// Upper bound on the rounding error of Δ − ⟨w, δ⟩ over all planes, computed from the absolute
    /// values of all summands.
    pub fn rounding(&self, w: &[f64]) -> f64 {
        let sizes: Vec<(f64, usize)> = (self.placed.iter())
            .map(|PlacedRow { row, place }| {
                (dot_row_sized(w, row, place).1, row.features().len() / 4)
            })
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

    /// Adds the contribution of this block to D, with the sizes that its rounding errors are
    /// relative to.
    pub fn add_to_dual(&self, sum: &mut DualSum) {
        let (conjugate, mut offset, mut delta) = (self.conjugate(), 0.0, 0.0);
        // Planes that are not in use add zeros, which are not rounded.
        let (mut support, mut dense) = (0, 0);
        for (p, plane) in self.planes.iter().enumerate().filter(|(_, plane)| plane.alpha > 0.0) {
            support += 1;
            dense += usize::from(self.dense(p).is_some());
            offset += plane.alpha * plane.offset;
            delta += plane.alpha * self.size(p);
        }
        let sizes = Sizes { offset: offset + conjugate, delta };
        // The scales of a placed row are summed first, and it is added once.
        let additions = self.placed.len() + self.entries() + dense;
        sum.add(offset - conjugate, sizes, sizes.scaled(self.off(support)), additions);
    }

    /// Upper bound on the number of single weights among the terms of all planes: 0 if there are
    /// none, otherwise the number of terms.
    fn entries(&self) -> usize {
        if self.has_entries() { self.terms.keys.len() } else { 0 }
    }

    /// Makes the dual variables feasible in exact arithmetic.
    pub fn confine(&mut self, workspace: &mut Workspace) {
        // The usual case: the sum is well below its bound.
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
}
