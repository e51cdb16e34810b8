//! [`Columns`]: statistics of each feature, accumulated row by row.

use crosscut::Feature;

use super::{Affine, Method, Scaling, doubles};

/// `standard` centres a feature if at least this fraction of the rows have it.
const CENTRED: f64 = 0.5;

/// The least and the largest value of a feature.
#[derive(Clone, Copy, Debug, PartialEq)]
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
#[derive(Clone, Copy, Debug)]
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
        Self {
            columns: vec![
                Column { range: Range::EMPTY, count: 0, mean: 0.0, squares: 0.0 };
                features
            ],
            rows: 0,
        }
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

impl Column {
    /// Welford's update: the squares cannot become negative, and are 0 for equal values.
    fn add(&mut self, value: f64) {
        self.range.add(value);
        self.count += 1;
        let difference = value - self.mean;
        self.mean += difference / self.count as f64;
        self.squares += difference * (value - self.mean);
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
