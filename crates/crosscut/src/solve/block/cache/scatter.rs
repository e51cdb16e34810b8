//! [`Scatter`]: a sparse vector with access to single entries.

/// Up to this many weights, a vector is stored densely (256 KiB). Beyond, its entries are stored in
/// a hash table, which stays in the processor's cache and is much smaller than w.
const MOST_WRITTEN: usize = 1 << 15;
/// Index of an empty cell.
const NONE: usize = usize::MAX;

/// A vector that is 0 between uses.
#[derive(Debug, Default)]
pub(super) struct Scatter {
    /// All entries of a dense vector. Empty if the hash table is used.
    all: Vec<f64>,
    /// Hash table: cells with an index and an entry. Empty cells have the index [`NONE`].
    cells: Vec<(usize, f64)>,
    /// The hash table uses the first 2^bits cells.
    bits: u32,
    /// Positions in `all` or `cells` that were written since the last [`clear`](Self::clear).
    touched: Vec<usize>,
}

impl Scatter {
    /// Starts a vector of `dim` entries, at most `length` of which are added to.
    pub fn begin(&mut self, dim: usize, length: usize) {
        if dim <= MOST_WRITTEN {
            self.all.resize(dim, 0.0);
            return;
        }
        // At most a quarter of the cells is used.
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

    /// All entries, if the vector is stored densely.
    pub fn all(&self) -> Option<&[f64]> {
        (!self.all.is_empty()).then_some(&self.all)
    }

    /// The entry at `index`, from the hash table.
    #[inline]
    pub fn get(&self, index: usize) -> f64 {
        self.cells[self.find(index)].1
    }

    /// Position of the cell with this index, or of the empty cell at which it would be inserted.
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

    /// Sets the vector to 0.
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
            // The second case uses the hash table, with indices 20 apart as for 20 classes.
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
