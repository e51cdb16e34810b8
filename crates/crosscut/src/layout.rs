//! [`Layout`]: the weights of a task as named blocks.

use std::ops::Range;

use crate::data::Place;

/// The weights as named blocks, one after the other: how many there are, where each is, and what it
/// is called.
///
/// ```
/// use crosscut::{Layout, Place};
///
/// let (tags, features) = (3, 10);
/// let mut layout = Layout::new();
/// let emission = layout.block("emission", [tags, features]);
/// let transition = layout.block("transition", [tags, tags]);
///
/// assert_eq!(layout.dim(), 3 * 10 + 3 * 3);
/// assert_eq!(emission.row(2), Place::block(20)); // for rows of `features` features
/// assert_eq!(transition.at([1, 0]), 30 + 3); // for single weights
/// assert_eq!(layout.name(33), Some(("transition", vec![1, 0])));
/// ```
///
/// A task keeps its sizes and builds the layout from them: blocks are plain numbers, and sizes are
/// all that a model file needs.
///
/// Sizes that overflow saturate: [`dim`](Self::dim) is then `usize::MAX`, and training refuses it,
/// since there is no memory for so many weights.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Layout {
    /// Name, first weight and sizes of each block.
    blocks: Vec<(String, usize, Vec<usize>)>,
    dim: usize,
}

impl Layout {
    /// No weights.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends a block of `sizes[0] · sizes[1] · …` weights; the last coordinate changes fastest.
    pub fn block<const N: usize>(
        &mut self,
        name: impl Into<String>,
        sizes: [usize; N],
    ) -> WeightBlock<N> {
        let block = WeightBlock { first: self.dim, sizes };
        self.dim = self.dim.saturating_add(block.len());
        self.blocks.push((name.into(), block.first, sizes.to_vec()));
        block
    }

    /// d, the number of weights in all blocks.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// The name of the block that has a weight, and the coordinates of the weight in it; `None` if
    /// there is no such weight.
    pub fn name(&self, index: usize) -> Option<(&str, Vec<usize>)> {
        if index >= self.dim {
            return None;
        }
        // The last block that begins at or before the weight has it: an empty block begins where the
        // next one does.
        let after = self.blocks.partition_point(|(_, first, _)| *first <= index);
        let (name, first, sizes) = &self.blocks[after.checked_sub(1)?];
        let mut rest = index - first;
        let mut coordinates = vec![0; sizes.len()];
        for (coordinate, size) in coordinates.iter_mut().zip(sizes).rev() {
            // An empty block at the end of saturated sizes.
            *coordinate = rest.checked_rem(*size)?;
            rest /= size;
        }
        Some((name, coordinates))
    }
}

/// A block of a [`Layout`]: weights with N coordinates, the last of which changes fastest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WeightBlock<const N: usize> {
    first: usize,
    sizes: [usize; N],
}

impl<const N: usize> WeightBlock<N> {
    /// The index of a weight.
    ///
    /// # Panics
    /// If a coordinate is not less than its size.
    #[inline]
    pub fn at(&self, coordinates: [usize; N]) -> usize {
        let mut index = 0_usize;
        for (coordinate, size) in coordinates.into_iter().zip(self.sizes) {
            assert!(coordinate < size, "coordinate {coordinate} of a block of size {size}");
            index = index.saturating_mul(size).saturating_add(coordinate);
        }
        self.first.saturating_add(index)
    }

    /// The number of weights.
    pub fn len(&self) -> usize {
        // 0 · ∞ is 0: a block of no weights stays empty.
        if self.is_empty() {
            0
        } else {
            self.sizes.iter().fold(1, |n, &size| n.saturating_mul(size))
        }
    }

    /// Whether there are no weights.
    pub fn is_empty(&self) -> bool {
        self.sizes.contains(&0)
    }

    /// The indices of all weights.
    pub fn range(&self) -> Range<usize> {
        self.first..self.first.saturating_add(self.len())
    }
}

impl WeightBlock<1> {
    /// The place of a row with a weight for each feature.
    #[inline]
    pub fn row(&self) -> Place {
        Place::block(self.first)
    }
}

impl WeightBlock<2> {
    /// The place of a row in a block of `[k, features]`: the weights at `[index, …]`, for `index`
    /// below k.
    ///
    /// # Panics
    /// If `index` is not less than k and there are features.
    #[inline]
    pub fn row(&self, index: usize) -> Place {
        let [_, features] = self.sizes;
        Place::block(if features == 0 { self.first } else { self.at([index, 0]) })
    }

    /// The place of a row in a block of `[features, k]`: the weights at `[…, index]`, for `index`
    /// below k. The weights of one feature are then adjacent, as [`Row::sweep`](crate::Row::sweep)
    /// wants them.
    ///
    /// # Panics
    /// If `index` is not less than k and there are features.
    #[inline]
    pub fn column(&self, index: usize) -> Place {
        let [features, k] = self.sizes;
        let offset = if features == 0 { self.first } else { self.at([0, index]) };
        Place { offset, stride: k.max(1) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::data::SparseVector;

    proptest! {
        /// Weights are numbered without gaps, in the order of blocks and coordinates, and the names
        /// are the inverse.
        #[test]
        fn every_weight_has_one_place_and_one_name(sizes in prop::collection::vec([0..4_usize, 0..4, 0..4], 0..5)) {
            let mut layout = Layout::new();
            let blocks: Vec<WeightBlock<3>> = (0..).zip(&sizes).map(|(i, &sizes)| layout.block(format!("b{i}"), sizes)).collect();
            let mut next = 0;
            for (i, (block, [a, b, c])) in blocks.iter().zip(&sizes).enumerate() {
                prop_assert_eq!(block.range(), next..next + a * b * c);
                for at in (0..*a).flat_map(|x| (0..*b).flat_map(move |y| (0..*c).map(move |z| [x, y, z]))) {
                    prop_assert_eq!(block.at(at), next);
                    let name = format!("b{i}");
                    prop_assert_eq!(layout.name(next), Some((name.as_str(), at.to_vec())));
                    next += 1;
                }
            }
            prop_assert_eq!(layout.dim(), next);
            prop_assert_eq!(layout.name(next), None);
            prop_assert_eq!(layout.name(usize::MAX), None);
        }
    }

    #[test]
    fn rows_and_columns_have_the_weights_of_their_coordinates() {
        let mut layout = Layout::new();
        layout.block("bias", []);
        let (line, rows) = (layout.block("line", [3]), layout.block("rows", [2, 3]));
        let columns = layout.block("columns", [3, 2]);
        let w: Vec<f64> = (0..layout.dim()).map(|index| index as f64).collect();
        for f in 0..3 {
            let mut values = [0.0; 3];
            values[f] = 1.0;
            let x = SparseVector::from_dense(&values).unwrap();
            assert_eq!(x.row().score(&w, line.row()), w[line.at([f])]);
            for k in 0..2 {
                assert_eq!(x.row().score(&w, rows.row(k)), w[rows.at([k, f])]);
                assert_eq!(x.row().score(&w, columns.column(k)), w[columns.at([f, k])]);
            }
        }
    }

    #[test]
    fn sizes_that_overflow_saturate() {
        let huge = usize::MAX / 2;
        let mut layout = Layout::new();
        let first = layout.block("first", [huge, huge]);
        let second = layout.block("second", [0, huge, huge, huge]);
        let third = layout.block("third", [2]);
        assert_eq!((first.len(), second.len(), third.len()), (usize::MAX, 0, 2));
        assert_eq!(layout.dim(), usize::MAX);
        assert_eq!(first.at([huge - 1, huge - 1]), usize::MAX);
        assert_eq!((third.at([1]), third.range()), (usize::MAX, usize::MAX..usize::MAX));
        assert_eq!(layout.name(5), Some(("first", vec![0, 5])));
        assert_eq!(layout.name(usize::MAX), None);
        // No features: nothing is at these places.
        assert_eq!(layout.block("none", [2, 0]).row(7).stride, 1);
        assert_eq!(layout.block("none", [0, 0]).column(7).stride, 1);
    }
}
