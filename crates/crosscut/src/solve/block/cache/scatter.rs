//! [`Scatter`]: a sparse vector written out, so that single entries can be read.

/// Up to so many weights all of them are written out (256 KiB); of more, those that are not 0 go
/// into a hash table, which stays in the cache and takes no second copy of the weights.
const MOST_WRITTEN: usize = 1 << 15;
const NONE: usize = usize::MAX;

/// A vector that is 0 between its uses.
#[derive(Debug, Default)]
pub(super) struct Scatter {
    /// All entries, empty where there are too many.
    all: Vec<f64>,
    /// Entries with their indices; [`NONE`] where there is none.
    cells: Vec<(usize, f64)>,
    /// Of how many bits the place of a cell is.
    bits: u32,
    /// What was touched: entries or cells.
    touched: Vec<usize>,
}

impl Scatter {
    /// Starts to write a vector of d entries, at most `length` of them touched.
    pub fn begin(&mut self, dim: usize, length: usize) {
        if dim <= MOST_WRITTEN {
            self.all.resize(dim, 0.0);
            return;
        }
        // At most a quarter of the cells is taken.
        self.bits = (4 * length.max(16)).next_power_of_two().ilog2();
        if self.cells.len() < 1 << self.bits {
            self.cells.resize(1 << self.bits, (NONE, 0.0));
        }
    }

    #[inline]
    pub fn add(&mut self, index: usize, value: f64) {
        if let Some(entry) = self.all.get_mut(index) {
            *entry += value;
            self.touched.push(index);
            return;
        }
        let at = self.find(index);
        let (key, sum) = &mut self.cells[at];
        *sum += value;
        if *key == NONE {
            *key = index;
            self.touched.push(at);
        }
    }

    /// All entries, if they are written out.
    pub fn all(&self) -> Option<&[f64]> {
        (!self.all.is_empty()).then_some(&self.all)
    }

    /// An entry that is in the table.
    #[inline]
    pub fn get(&self, index: usize) -> f64 {
        self.cells[self.find(index)].1
    }

    /// The cell of an entry: where it is, or where there would be room for it.
    #[inline]
    fn find(&self, index: usize) -> usize {
        // Fibonacci hashing: the upper bits of a product with 2^64 / golden ratio.
        let mut at = ((index as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (u64::BITS - self.bits))
            as usize;
        while self.cells[at].0 != index && self.cells[at].0 != NONE {
            at = (at + 1) & ((1 << self.bits) - 1);
        }
        at
    }

    /// Makes it 0 again.
    pub fn clear(&mut self) {
        match self.all.is_empty() {
            false => self.touched.iter().for_each(|&at| self.all[at] = 0.0),
            true => self.touched.iter().for_each(|&at| self.cells[at] = (NONE, 0.0)),
        }
        self.touched.clear();
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_was_added_is_read_and_cleared(vectors in prop::collection::vec(prop::collection::vec((0..3000_usize, -2.0..2.0_f64), 0..300), 1..4)) {
            // The second is beyond what is written out: indices lie as far from each other as those
            // of 20 classes.
            for (dim, stride) in [(3000, 1), (1 << 40, 20)] {
                let mut scatter = Scatter::default();
                for vector in &vectors {
                    scatter.begin(dim, vector.len());
                    let mut expected = BTreeMap::new();
                    for &(index, value) in vector {
                        scatter.add(stride * index, value);
                        *expected.entry(stride * index).or_insert(0.0) += value;
                    }
                    prop_assert_eq!(scatter.all().is_some(), dim == 3000);
                    for index in (0..3000).map(|index| stride * index) {
                        let found = scatter.all().map_or_else(|| scatter.get(index), |all| all[index]);
                        prop_assert_eq!(found, expected.get(&index).copied().unwrap_or(0.0));
                    }
                    scatter.clear();
                }
            }
        }
    }
}
