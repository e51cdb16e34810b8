//! [`Scatter`]: a sparse vector with access to single entries.

/// Up to this many weights, a vector is stored densely (256 KiB). Beyond, its entries are stored in
/// a hash table, which stays in the processor's cache and is much smaller than w.
const MOST_WRITTEN: usize = 1 << 15;
/// Index of an empty cell.
const NONE: usize = usize::MAX;

/// A vector that is 0 between uses.
///
/// It is divided into *lines* of `width` entries, which are stored contiguously: with weights in the
/// order of features, a line of k entries belongs to a feature, with an entry for each of k classes.
/// The width may be 1.
#[derive(Debug, Default)]
pub(super) struct Scatter {
    /// All entries of a dense vector. Empty if the hash table is used.
    all: Vec<f64>,
    /// Hash table: number and position of lines. Empty cells have the number [`NONE`].
    cells: Vec<(usize, usize)>,
    /// The entries of the lines in the hash table, in the order in which they were first written.
    lines: Vec<f64>,
    /// The hash table uses the first 2^bits cells.
    bits: u32,
    width: usize,
    /// Lines in `all` or cells that were written since the last [`clear`](Self::clear).
    touched: Vec<usize>,
}

impl Scatter {
    /// Whether a vector of `dim` entries is in a hash table.
    pub fn is_hashed(dim: usize) -> bool {
        dim > MOST_WRITTEN
    }

    /// Starts a vector of `dim` entries in lines of `width`. At most `length` lines are written.
    pub fn begin(&mut self, dim: usize, length: usize, width: usize) {
        self.width = width;
        if !Self::is_hashed(dim) {
            self.all.resize(dim.next_multiple_of(width), 0.0);
            return;
        }
        // At most a quarter of the cells is used.
        self.bits = (4 * length.max(16)).next_power_of_two().ilog2();
        if self.cells.len() < 1 << self.bits {
            self.cells.resize(1 << self.bits, (NONE, 0));
        }
    }

    #[inline]
    pub fn add(&mut self, index: usize, value: f64) {
        if self.width == 1 {
            self.line_mut(index)[0] += value;
        } else {
            let at = index % self.width;
            self.line_mut(index / self.width)[at] += value;
        }
    }

    /// A line, to add to its entries.
    #[inline]
    pub fn line_mut(&mut self, line: usize) -> &mut [f64] {
        let width = self.width;
        if !self.all.is_empty() {
            self.touched.push(line);
            return &mut self.all[line * width..][..width];
        }
        let at = self.find(line);
        if self.cells[at].0 == NONE {
            self.cells[at] = (line, self.lines.len());
            self.lines.resize(self.lines.len() + width, 0.0);
            self.touched.push(at);
        }
        let start = self.cells[at].1;
        &mut self.lines[start..start + width]
    }

    /// All entries, if the vector is stored densely.
    pub fn all(&self) -> Option<&[f64]> {
        (!self.all.is_empty()).then_some(&self.all)
    }

    /// The entry at `index`.
    #[inline]
    pub fn get(&self, index: usize) -> f64 {
        self.line(index / self.width).map_or(0.0, |line| line[index % self.width])
    }

    /// A line; `None` if it was not written.
    #[inline]
    pub fn line(&self, line: usize) -> Option<&[f64]> {
        if !self.all.is_empty() {
            return Some(&self.all[line * self.width..][..self.width]);
        }
        let (key, start) = self.cells[self.find(line)];
        (key != NONE).then(|| &self.lines[start..start + self.width])
    }

    /// Position of the cell with this line, or of the empty cell at which it would be inserted.
    #[inline]
    fn find(&self, line: usize) -> usize {
        // Fibonacci hashing: the upper bits of a product with 2^64 / golden ratio.
        let mut at =
            ((line as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (u64::BITS - self.bits)) as usize;
        while self.cells[at].0 != line && self.cells[at].0 != NONE {
            at = (at + 1) & ((1 << self.bits) - 1);
        }
        at
    }

    /// Sets the vector to 0.
    pub fn clear(&mut self) {
        match self.all.is_empty() {
            false => self
                .touched
                .iter()
                .for_each(|&line| self.all[line * self.width..][..self.width].fill(0.0)),
            true => self.touched.iter().for_each(|&at| self.cells[at] = (NONE, 0)),
        }
        self.lines.clear();
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
            // The hash table has indices 20 apart as for 20 classes.
            for (dim, stride, width) in [(3000, 1, 1), (3000, 1, 7), (1 << 40, 20, 1), (1 << 40, 20, 23), (1 << 40, 1, 64)] {
                let mut scatter = Scatter::default();
                for vector in &vectors {
                    scatter.begin(dim, vector.len(), width);
                    let mut expected = BTreeMap::new();
                    for &(index, value) in vector {
                        scatter.add(stride * index, value);
                        *expected.entry(stride * index).or_insert(0.0) += value;
                    }
                    prop_assert_eq!(scatter.all().is_some(), dim == 3000);
                    for index in (0..3000).map(|index| stride * index) {
                        prop_assert_eq!(scatter.get(index), expected.get(&index).copied().unwrap_or(0.0));
                        let line = scatter.line(index / width);
                        prop_assert_eq!(line.map_or(0.0, |line| line[index % width]), scatter.get(index));
                    }
                    scatter.clear();
                }
            }
        }
    }
}
