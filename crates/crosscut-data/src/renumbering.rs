//! [`Renumbering`]: numbers of features by which training is faster.

use std::ops::Range;

use crosscut::{Feature, Regulariser};

/// Weights up to this number (512 KiB) stay in the cache of a core in any order.
const FEW_WEIGHTS: usize = 1 << 16;
/// Rows that have at least 1 / `DENSE` of all features are swept nearly from end to end in any order.
const DENSE: usize = 4;

/// New numbers for the features of training examples: frequent features first.
///
/// The weights of a feature are neighbours, and an oracle reads those of all features of a row. If
/// the features that most rows have are neighbours too, their weights stay in the cache of a core.
/// Features are ordered by the number of binary digits of their count, and otherwise stay in order:
/// features that occur together are often neighbours in a file.
///
/// Training on renumbered examples gives weights of the new numbers; [`restore`](Self::restore) puts
/// them back in the order of the task. Everything else of a task (names, scaling, prediction from a
/// model) is in that order and knows nothing of the new numbers.
///
/// ```
/// use crosscut::Feature;
/// use crosscut_data::{Renumbering, WeightBlock};
///
/// // 40 000 features with two weights each; the last one is in all rows.
/// let row = |features: [u32; 2]| features.map(|index| Feature { index, value: 1.0 });
/// let rows = [row([7, 39_999]), row([9, 39_999])];
/// let block = WeightBlock { start: 0, features: 0..40_000, size: 2 };
/// let new = Renumbering::of(rows.iter().map(|row| (0, &row[..])), &[0..40_000], vec![block]);
/// let new = new.expect("many weights, sparse rows, features of different frequency");
/// assert_eq!([39_999, 7, 9, 0].map(|old| new.number(old)), [0, 1, 2, 3]);
///
/// let mut w = vec![0.0; 80_000];
/// w[new.weight(2 * 9 + 1)] = 5.0;
/// assert_eq!(new.restore(w)[2 * 9 + 1], 5.0);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Renumbering {
    /// The new number of each feature.
    numbers: Vec<u32>,
    blocks: Vec<WeightBlock>,
}

/// Weights that belong to consecutive features: `size` for each of them, from `start` on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WeightBlock {
    /// Index of the first weight of the first feature.
    pub start: usize,
    /// The features.
    pub features: Range<usize>,
    /// The number of weights of a feature.
    pub size: usize,
}

impl Renumbering {
    /// The new numbers of the features of `rows`, or `None` if training would not gain: the weights
    /// are few, the rows dense, or frequent features come first already.
    ///
    /// A row comes with the number of its feature 0. `kinds` are consecutive ranges that cover all
    /// features; a feature stays in its range. `blocks` are the weights, in order; each must have whole
    /// ranges.
    pub fn of<'r>(
        rows: impl IntoIterator<Item = (usize, &'r [Feature])>,
        kinds: &[Range<usize>],
        blocks: Vec<WeightBlock>,
    ) -> Option<Self> {
        let weights: usize = blocks.iter().map(|block| block.features.len() * block.size).sum();
        let features = kinds.last().map_or(0, |kind| kind.end);
        if weights <= FEW_WEIGHTS {
            return None;
        }
        let mut counts = vec![0_u32; features];
        let (mut entries, mut most) = (0, 0);
        for (first, row) in rows {
            (entries, most) = (entries + row.len(), most + features);
            for feature in row {
                if let Some(count) = counts.get_mut(first + feature.index as usize) {
                    *count = count.saturating_add(1);
                }
            }
        }
        if entries >= most / DENSE {
            return None;
        }
        for kind in kinds {
            number(&mut counts[kind.clone()], kind.start as u32);
        }
        let numbers = counts;
        let is_new = numbers.iter().zip(0..).any(|(&number, old)| number != old);
        is_new.then_some(Self { numbers, blocks })
    }

    /// The new number of a feature; a feature that the task does not have keeps its own.
    #[inline]
    pub fn number(&self, old: u32) -> u32 {
        self.numbers.get(old as usize).copied().unwrap_or(old)
    }

    /// The new index of a weight.
    pub fn weight(&self, old: usize) -> usize {
        let mut new = old;
        for block in &self.blocks {
            let Some(at) = old.checked_sub(block.start) else { continue };
            let feature = block.features.start + at / block.size;
            if block.features.contains(&feature) {
                new = block.of(self.numbers[feature] as usize).start + at % block.size;
            }
        }
        new
    }

    /// Weights in the order of the task, in the order of the new numbers.
    pub fn renumbered(&self, w: &[f64]) -> Vec<f64> {
        let mut new = w.to_vec();
        for block in &self.blocks {
            for feature in block.features.clone() {
                new[block.of(self.numbers[feature] as usize)]
                    .copy_from_slice(&w[block.of(feature)]);
            }
        }
        new
    }

    /// Weights in the order of the new numbers, in the order of the task.
    pub fn restore(&self, w: Vec<f64>) -> Vec<f64> {
        let mut old = Vec::with_capacity(w.len());
        for block in &self.blocks {
            old.extend_from_slice(&w[old.len()..block.start]);
            for feature in block.features.clone() {
                old.extend_from_slice(&w[block.of(self.numbers[feature] as usize)]);
            }
        }
        old.extend_from_slice(&w[old.len()..]);
        old
    }

    /// The regulariser in the order of the new numbers.
    pub fn regulariser(&self, regulariser: &Regulariser) -> Regulariser {
        let prior = match regulariser.prior() {
            [] => Vec::new(),
            prior => self.renumbered(prior),
        };
        let bounds = regulariser.lower_bounds().iter();
        let bounds = bounds.map(|&(index, bound)| (self.weight(index), bound));
        Regulariser::around(prior).with_lower_bounds(bounds)
    }
}

impl WeightBlock {
    /// The weights of a feature.
    fn of(&self, feature: usize) -> Range<usize> {
        let start = self.start + (feature - self.features.start) * self.size;
        start..start + self.size
    }
}

/// Replaces counts by numbers from `first` on: more binary digits first, and otherwise in order.
fn number(counts: &mut [u32], first: u32) {
    let digits = |count: u32| (u32::BITS - count.leading_zeros()) as usize;
    let mut next = [0; u32::BITS as usize + 1];
    counts.iter().for_each(|&count| next[digits(count)] += 1);
    let mut start = first;
    for place in next.iter_mut().rev() {
        start += std::mem::replace(place, start);
    }
    for count in counts {
        let place = &mut next[digits(*count)];
        *count = *place;
        *place += 1;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn row(indices: &[u32]) -> Vec<Feature> {
        indices.iter().map(|&index| Feature { index, value: 1.0 }).collect()
    }

    fn one_block(features: usize, size: usize) -> Vec<WeightBlock> {
        vec![WeightBlock { start: 0, features: 0..features, size }]
    }

    fn of(rows: &[Vec<Feature>], features: usize, size: usize) -> Option<Renumbering> {
        let rows = rows.iter().map(|row| (0, row.as_slice()));
        let all = 0..features;
        Renumbering::of(rows, &[all], one_block(features, size))
    }

    #[test]
    fn counts_are_ordered_by_their_digits() {
        for (mut counts, first, numbers) in [
            (vec![], 0, vec![]),
            (vec![0, 3, 8, 2, 9, 1, 15], 0, vec![6, 3, 0, 4, 1, 5, 2]),
            (vec![1, 2], 7, vec![8, 7]),
            (vec![0, u32::MAX], 0, vec![1, 0]),
        ] {
            number(&mut counts, first);
            assert_eq!(counts, numbers);
        }
    }

    #[test]
    fn numbers_stay_if_nothing_is_gained() {
        const MANY: usize = FEW_WEIGHTS / 2;
        let last = MANY as u32;
        let sparse = [row(&[5, last]), row(&[6, last])];
        assert!(of(&sparse, MANY + 1, 2).is_some());
        // Few weights.
        assert!(of(&[row(&[5, last - 1]), row(&[last - 1])], MANY, 2).is_none());
        // Frequent features first; all features as frequent as each other; no rows.
        assert!(of(&[row(&[0, 1]), row(&[0, 2])], MANY + 1, 2).is_none());
        assert!(of(&[row(&[0, 1, 2, 3])], MANY + 1, 2).is_none());
        assert!(of(&[], MANY + 1, 2).is_none());
        // A dense row beside an empty one, and another feature.
        let dense = (0..last).collect::<Vec<_>>();
        assert!(of(&[row(&dense), row(&[]), row(&[last])], MANY + 1, 2).is_none());
        // Features that the task does not have, which it refuses later, stay where they are.
        let new = of(&[row(&[5, last, u32::MAX])], MANY + 1, 2).unwrap();
        assert_eq!(
            [5, last, last + 1, u32::MAX].map(|old| new.number(old)),
            [0, 1, last + 1, u32::MAX]
        );
    }

    proptest! {
        /// Features below 30 have two weights, the others four and three.
        #[test]
        fn weights_are_moved_with_their_features(
            rows in prop::collection::vec(prop::collection::btree_set(0..50_u32, 0..6), 1..20),
            bounds in prop::collection::vec((0..350_usize, -1.0..1.0), 0..5),
        ) {
            let mut counts = vec![0; 50];
            rows.iter().flatten().for_each(|&index| counts[index as usize] += 1);
            let given = counts.clone();
            number(&mut counts[..30], 0);
            number(&mut counts[30..], 30);
            let blocks = vec![
                WeightBlock { start: 4, features: 0..30, size: 2 },
                WeightBlock { start: 64, features: 30..50, size: 4 },
                WeightBlock { start: 150, features: 30..50, size: 3 },
            ];
            let new = Renumbering { numbers: counts, blocks };

            let mut order: Vec<u32> = (0..50).collect();
            order.sort_by_key(|&old| new.number(old));
            prop_assert!((0..50).map(|old| new.number(old)).collect::<std::collections::BTreeSet<_>>().len() == 50);
            for pair in order.windows(2) {
                let of = |old: u32| (old >= 30, given[old as usize].leading_zeros(), old);
                prop_assert!(of(pair[0]) < of(pair[1]));
            }

            let w: Vec<f64> = (0..350_u32).map(f64::from).collect();
            let moved = new.renumbered(&w);
            prop_assert_eq!(&new.restore(moved.clone()), &w);
            for old in 0..350 {
                prop_assert_eq!(moved[new.weight(old)], w[old]);
            }
            for feature in 0..50_usize {
                let number = new.number(feature as u32) as usize;
                let starts = |feature: usize| match feature {
                    0..30 => vec![(4 + 2 * feature, 2)],
                    _ => vec![(64 + 4 * (feature - 30), 4), (150 + 3 * (feature - 30), 3)],
                };
                for ((old, size), (at, _)) in starts(feature).into_iter().zip(starts(number)) {
                    prop_assert_eq!(&moved[at..at + size], &w[old..old + size]);
                }
            }
            // What belongs to no feature stays.
            for at in (0..4).chain(144..150).chain(210..350) {
                prop_assert_eq!(moved[at], w[at]);
            }

            let given = Regulariser::around(w).with_lower_bounds(bounds.clone());
            let regulariser = new.regulariser(&given);
            prop_assert_eq!(regulariser.prior(), &moved);
            for (&(at, bound), (index, found)) in regulariser.lower_bounds().iter().zip(bounds) {
                prop_assert_eq!((at, bound), (new.weight(index), found));
            }
            prop_assert!(new.regulariser(&Regulariser::default()) == Regulariser::default());
        }
    }
}
