//! [`RowProducts`]: inner products of the rows of a block, each computed once.

use super::placed_rows::Group;
use crate::solve::qp::triangle;

/// Inner products ⟨xᵢ, xⱼ⟩ of the rows of groups i and j. Each is computed when it is first needed.
#[derive(Clone, Debug, Default)]
pub(super) struct RowProducts {
    /// The lower triangle, row by row, NaN where it was not computed. Rows of finite single
    /// precision numbers have no product of NaN.
    values: Vec<f64>,
    groups: usize,
}

impl RowProducts {
    /// Makes room for the products of so many groups. The first groups keep theirs.
    pub fn grow(&mut self, groups: usize) {
        if groups > self.groups {
            self.values.reserve_exact(triangle(groups) - self.values.len());
            self.values.resize(triangle(groups), f64::NAN);
            self.groups = groups;
        }
    }

    /// Number of groups for whose products there is room.
    pub fn groups(&self) -> usize {
        self.groups
    }

    pub fn bytes(&self) -> usize {
        size_of_val(self.values.as_slice())
    }

    /// ⟨xᵢ, xⱼ⟩ of two of `groups`, for which there must be room.
    #[inline]
    pub fn get(&mut self, groups: &[Group<'_>], i: usize, j: usize) -> f64 {
        let product = &mut self.values[triangle(i.max(j)) + i.min(j)];
        if product.is_nan() {
            let (a, b) = (groups[i].row(), groups[j].row());
            *product = if i == j { a.squared_norm() } else { a.dot(b) };
        }
        *product
    }

    /// Keeps the products of the groups at `kept`, which increase.
    pub fn retain(&mut self, kept: &[usize]) {
        let kept = &kept[..kept.partition_point(|&group| group < self.groups)];
        let pairs =
            kept.iter().enumerate().flat_map(|(at, &i)| kept[..=at].iter().map(move |&j| (i, j)));
        let mut values = Vec::with_capacity(triangle(kept.len()));
        values.extend(pairs.map(|(i, j)| self.values[triangle(i) + j]));
        *self = Self { values, groups: kept.len() };
    }
}
