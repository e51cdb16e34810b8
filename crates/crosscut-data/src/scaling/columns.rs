//! [`Columns`]: statistics of each feature, accumulated row by row.

use std::collections::HashMap;

use crosscut::Feature;
use serde::{Deserialize, Serialize};

use super::{Affine, Method, Scaling, doubles};

/// `standard` centres a feature if at least this fraction of the rows have it.
const CENTRED: f64 = 0.5;

/// The least and the largest value of a feature.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Range {
    low: f64,
    high: f64,
}

impl Range {
    /// The range of no values.
    pub const EMPTY: Self = Self { low: f64::INFINITY, high: f64::NEG_INFINITY };

    /// Adds a finite value.
    pub fn add(&mut self, value: f64) {
        self.low = self.low.min(value);
        self.high = self.high.max(value);
    }

    /// Adds the values of another range.
    pub fn merge(&mut self, other: Self) {
        self.low = self.low.min(other.low);
        self.high = self.high.max(other.high);
    }

    /// The difference between the largest and the least value; 0 without values.
    pub fn width(self) -> f64 {
        (self.high - self.low).max(0.0)
    }

    /// Whether the values span at most `part` of the size of the largest.
    pub(super) fn is_within(self, part: f64) -> bool {
        self.width() <= part * self.low.abs().max(self.high.abs())
    }

    /// The map to a range of width 1: to [0, 1] if no value is below 0.
    ///
    /// 0 stays 0 if it lies in the range; otherwise the value nearest to 0 becomes 0.
    pub fn affine(self) -> Affine {
        let width = self.width();
        if width == 0.0 {
            return Affine::ZERO;
        }
        let origin = if self.low > 0.0 { self.low } else { self.high.min(0.0) };
        Affine { origin, width }
    }
}

/// Statistics of the values of each feature. The last bits depend on the order of the rows.
#[derive(Clone, Debug)]
pub struct Columns {
    columns: Vec<Column>,
    rows: u64,
}

/// Statistics of the nonzero values of one feature.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Column {
    range: Range,
    count: u64,
    mean: f64,
    /// Sum of the squared differences from the mean.
    squares: f64,
}

impl Columns {
    /// Statistics of no rows, for features with indices below `features`.
    pub fn new(features: usize) -> Self {
        Self { columns: vec![Column::EMPTY; features], rows: 0 }
    }

    /// Adds a row with finite values, from which rounding has taken `rest` (see [`doubles`]).
    /// Features beyond the columns are ignored.
    pub fn add(&mut self, row: &[Feature], rest: &[Feature]) {
        self.rows += 1;
        for (index, value) in doubles(row, rest).filter(|(_, value)| *value != 0.0) {
            if let Some(column) = self.columns.get_mut(index as usize) {
                column.add(value);
            }
        }
    }

    /// The scaling computed from the rows so far.
    pub fn scaling(&self, method: Method) -> Scaling {
        let affine = |column: &Column| match method {
            Method::None => Affine::ZERO,
            Method::Standard => column.standard(self.rows),
            Method::Global => column.range(self.rows).affine(),
        };
        match method {
            Method::None => Scaling::default(),
            _ => Scaling::new(method, self.columns.iter().map(affine).collect()),
        }
    }

    /// The features that have the same value, other than 0, in all rows so far.
    pub fn constants(&self) -> impl Iterator<Item = usize> {
        let is_constant =
            |column: &Column| column.count > 0 && column.range(self.rows).width() == 0.0;
        self.columns
            .iter()
            .enumerate()
            .filter(move |(_, column)| is_constant(column))
            .map(|(index, _)| index)
    }
}

/// [`Columns`] by id, for rows of a file whose features have no indices yet.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct ColumnsById {
    /// The column of each small id, and of the others; `u32::MAX` stands for none.
    small: Vec<u32>,
    large: HashMap<u32, u32>,
    columns: Vec<Column>,
    rows: u64,
}

impl ColumnsById {
    /// Ids below this are found without a hash.
    const SMALL: u32 = 1 << 20;

    /// Adds a row with finite values, from which rounding has taken `rest` (see [`doubles`]).
    pub fn add(&mut self, row: &[Feature], rest: &[Feature]) {
        self.rows += 1;
        for (id, value) in doubles(row, rest).filter(|(_, value)| *value != 0.0) {
            let at = self.column(id);
            self.columns[at].add(value);
        }
    }

    /// Adds the statistics of `later` rows, whose ids are renamed by `id`.
    ///
    /// Counts and ranges are those of all rows. Means and deviations may differ from these in the last
    /// bits, since sums are grouped in another way.
    pub fn merge(&mut self, later: &Self, id: impl Fn(u32) -> u32) {
        self.rows += later.rows;
        for (old, column) in later.by_id() {
            let at = self.column(id(old));
            self.columns[at].merge(column);
        }
    }

    /// All ids with their columns.
    fn by_id(&self) -> impl Iterator<Item = (u32, Column)> {
        let small = (0..).zip(self.small.iter().copied()).filter(|(_, at)| *at != u32::MAX);
        let large = self.large.iter().map(|(&id, &at)| (id, at));
        small.chain(large).map(|(id, at)| (id, self.columns[at as usize]))
    }

    /// The column of an id, which is new if the id is.
    fn column(&mut self, id: u32) -> usize {
        let next = self.columns.len() as u32;
        let at = if id < Self::SMALL {
            let id = id as usize;
            if id >= self.small.len() {
                self.small.resize(id + 1, u32::MAX);
            }
            let at = &mut self.small[id];
            if *at == u32::MAX {
                *at = next;
            }
            *at
        } else {
            *self.large.entry(id).or_insert(next)
        };
        if at == next {
            self.columns.push(Column::EMPTY);
        }
        at as usize
    }

    /// The columns of the ids that have an index below `features`.
    pub fn numbered(&self, features: usize, index: impl Fn(u32) -> Option<u32>) -> Columns {
        let mut all = Columns { columns: vec![Column::EMPTY; features], rows: self.rows };
        for (id, found) in self.by_id() {
            if let Some(column) = index(id).and_then(|at| all.columns.get_mut(at as usize)) {
                *column = found;
            }
        }
        all
    }
}

impl Column {
    const EMPTY: Self = Self { range: Range::EMPTY, count: 0, mean: 0.0, squares: 0.0 };

    /// Welford's update: the squares cannot become negative, and are 0 for equal values.
    fn add(&mut self, value: f64) {
        self.range.add(value);
        self.count += 1;
        let difference = value - self.mean;
        self.mean += difference / self.count as f64;
        self.squares += difference * (value - self.mean);
    }

    /// Adds the statistics of other rows: exactly those of either if the other has none.
    fn merge(&mut self, other: Self) {
        if self.count == 0 || other.count == 0 {
            *self = if self.count == 0 { other } else { *self };
            return;
        }
        let (ours, theirs) = (self.count as f64, other.count as f64);
        let (difference, part) = (other.mean - self.mean, theirs / (ours + theirs));
        self.range.merge(other.range);
        self.count += other.count;
        self.mean += difference * part;
        self.squares += other.squares + difference * difference * ours * part;
    }

    /// The range, including 0 if some of the rows lack the feature.
    fn range(&self, rows: u64) -> Range {
        let mut range = self.range;
        if self.count < rows {
            range.add(0.0);
        }
        range
    }

    /// The map by mean and standard deviation; a row that lacks the feature counts as 0.
    fn standard(&self, rows: u64) -> Affine {
        if self.range(rows).width() == 0.0 {
            return Affine::ZERO;
        }
        let having = self.count as f64 / rows as f64;
        let variance =
            having * (self.squares / self.count as f64 + self.mean * self.mean * (1.0 - having));
        let origin = if having >= CENTRED { self.mean * having } else { 0.0 };
        Affine { origin, width: variance.sqrt() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statistics_of_parts_are_merged_to_those_of_all_rows() {
        let value = |i: u32, at: u32| ((i * 7919 + at * 104_729) % 1009) as f32 / 7.0 - 40.0;
        // Feature 3 is constant, feature 4 only in the first rows, feature 1 << 21 in the last ones.
        let row = |i: u32| -> Vec<Feature> {
            let ids = [0, 1, 2, 3, 4, 1 << 21];
            let is_there = |at: &u32| match at {
                3 => true,
                4 => i < 20,
                5 => i >= 80,
                at => !(i + at).is_multiple_of(3),
            };
            let value = |at: u32| if at == 3 { 0.1 } else { value(i, at) };
            let feature = |at: u32| Feature { index: ids[at as usize], value: value(at) };
            (0..6).filter(is_there).map(feature).collect()
        };
        let index = |id: u32| Some(if id == 1 << 21 { 5 } else { id });
        let statistics = |rows: std::ops::Range<u32>| {
            let mut columns = ColumnsById::default();
            rows.for_each(|i| columns.add(&row(i), &[]));
            columns
        };
        let whole = statistics(0..100).numbered(6, index);
        for (first, second) in [(50, 70), (0, 1), (20, 80), (100, 100)] {
            let mut merged = statistics(0..first);
            merged.merge(&statistics(first..second), |id| id);
            merged.merge(&statistics(second..100), |id| id);
            let merged = merged.numbered(6, index);
            assert_eq!(merged.scaling(Method::Global), whole.scaling(Method::Global));
            assert_eq!(merged.constants().collect::<Vec<_>>(), [3]);
            let (merged, whole) =
                (merged.scaling(Method::Standard), whole.scaling(Method::Standard));
            for (merged, whole) in merged.features.iter().zip(&whole.features) {
                for (a, b) in [(merged.origin, whole.origin), (merged.width, whole.width)] {
                    assert!((a - b).abs() <= 1e-13 * b.abs(), "{a} {b}");
                }
            }
        }
    }

    #[test]
    fn statistics_by_id_are_those_by_index() {
        let ids = [7, 1 << 20, 9, u32::MAX];
        let row = |i: u32| -> Vec<Feature> {
            let value = |at: u32| ((i * 7 + at * 3) % 11) as f32 - 5.0;
            (0..4)
                .filter(|at| !(i + at).is_multiple_of(3))
                .map(|at| Feature { index: at, value: value(at) })
                .collect()
        };
        let (mut columns, mut by_id) = (Columns::new(4), ColumnsById::default());
        for row in (0..50).map(row) {
            columns.add(&row, &[]);
            let named: Vec<Feature> =
                row.iter().map(|f| Feature { index: ids[f.index as usize], ..*f }).collect();
            by_id.add(&named, &[]);
        }
        let index = |id| ids.iter().position(|&known| known == id).map(|at| at as u32);
        let numbered = by_id.numbered(4, index);
        assert_eq!(numbered.scaling(Method::Standard), columns.scaling(Method::Standard));
        assert_eq!(numbered.scaling(Method::Global), columns.scaling(Method::Global));
        let without = by_id.numbered(2, |id| (id == 9).then_some(0));
        assert!(without.scaling(Method::Global) != columns.scaling(Method::Global));
    }
}
