//! [`Columns`]: what the values of each feature are, over rows that come one after the other.

use crosscut::Feature;

use super::{Affine, Method, Scaling};

/// The least fraction of the rows that have a feature which `standard` centres.
const CENTRED: f64 = 0.5;

/// The least and the largest value of a feature.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range {
    low: f32,
    high: f32,
}

impl Range {
    /// Of no values.
    pub const EMPTY: Self = Self { low: f32::INFINITY, high: f32::NEG_INFINITY };

    /// Takes in a finite value.
    pub fn add(&mut self, value: f32) {
        self.low = self.low.min(value);
        self.high = self.high.max(value);
    }

    /// The difference between the largest and the least value; 0 without values.
    pub fn width(self) -> f64 {
        (f64::from(self.high) - f64::from(self.low)).max(0.0)
    }

    /// Brings the range to a width of 1: [0, 1] if no value is below 0.
    ///
    /// 0 stays 0 if it lies in the range; otherwise the value nearest to 0 becomes 0.
    pub fn affine(self) -> Affine {
        let width = self.width();
        if width == 0.0 {
            return Affine::ZERO;
        }
        let origin = if self.low > 0.0 { self.low } else { self.high.min(0.0) };
        Affine { origin: f64::from(origin), width }
    }
}

/// Statistics of the values of each feature. The order of the rows decides the last bits.
#[derive(Clone, Debug)]
pub struct Columns {
    columns: Vec<Column>,
    rows: u64,
}

/// Statistics of the values of one feature that are not 0.
#[derive(Clone, Copy, Debug)]
struct Column {
    range: Range,
    count: u64,
    mean: f64,
    /// Sum of the squared differences from the mean.
    squares: f64,
}

impl Columns {
    /// Of features with indices below `features`, without rows.
    pub fn new(features: usize) -> Self {
        Self {
            columns: vec![
                Column { range: Range::EMPTY, count: 0, mean: 0.0, squares: 0.0 };
                features
            ],
            rows: 0,
        }
    }

    /// Takes in a row with finite values. Those of features beyond the columns are left out.
    pub fn add(&mut self, row: &[Feature]) {
        self.rows += 1;
        for feature in row.iter().filter(|feature| feature.value != 0.0) {
            if let Some(column) = self.columns.get_mut(feature.index as usize) {
                column.add(feature.value);
            }
        }
    }

    /// The scaling by the rows so far.
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

    /// The features that have one value only in all rows so far, other than 0.
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
    fn add(&mut self, value: f32) {
        self.range.add(value);
        self.count += 1;
        let value = f64::from(value);
        let difference = value - self.mean;
        self.mean += difference / self.count as f64;
        self.squares += difference * (value - self.mean);
    }

    /// The range, with 0 if some of the rows lack the feature.
    fn range(&self, rows: u64) -> Range {
        let mut range = self.range;
        if self.count < rows {
            range.add(0.0);
        }
        range
    }

    /// Mean and standard deviation, where rows that lack the feature have the value 0.
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
