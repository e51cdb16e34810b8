//! [`Scaling`]: features brought to comparable ranges.

use std::mem;

use crosscut::{Feature, SparseRows};
use serde::{Deserialize, Serialize};

/// How the values of features are changed before they are used.
///
/// A scaled feature has a range of width 1 that begins or ends with 0 or contains it: [0, 1] if no value is below zero. Zero
/// stays zero where it lies in the range of the values, so that sparse rows stay sparse; otherwise the value nearest to
/// zero becomes zero. Adding a constant to a feature in all documents of a query changes no ranking and no δ, so this is as good as
/// [0, 1] always. A feature with one value only becomes 0.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) enum Scaling {
    /// Not at all.
    #[default]
    None,
    /// By the range within each query.
    Query,
    /// By the range of each feature in training, for whatever comes later as well, without clipping.
    Global(Vec<Range>),
}

/// The least and the largest value of a feature.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Range {
    low: f32,
    high: f32,
}

impl Scaling {
    /// Whether the ranges, if there are any, are those of so many features and make sense.
    pub fn fits(&self, features: usize) -> bool {
        match self {
            Self::None | Self::Query => true,
            Self::Global(ranges) => {
                let sound = |range: &Range| range.low.is_finite() && range.high.is_finite() && range.low <= range.high;
                ranges.len() == features && ranges.iter().all(sound)
            }
        }
    }
}

impl Range {
    const EMPTY: Self = Self { low: f32::INFINITY, high: f32::NEG_INFINITY };

    fn add(&mut self, value: f32) {
        self.low = self.low.min(value);
        self.high = self.high.max(value);
    }

    /// 0 where there is no value.
    pub fn width(self) -> f64 {
        (f64::from(self.high) - f64::from(self.low)).max(0.0)
    }

    /// What becomes 0.
    fn origin(self) -> f32 {
        if self.low > 0.0 {
            self.low
        } else if self.high < 0.0 {
            self.high
        } else {
            0.0
        }
    }

    fn scale(self, value: f32) -> f32 {
        if self.width() == 0.0 {
            return 0.0;
        }
        let scaled = (f64::from(value) - f64::from(self.origin())) / self.width();
        // A value far outside the range of training must stay finite.
        scaled.clamp(f64::from(f32::MIN), f64::from(f32::MAX)) as f32
    }
}

/// The ranges of features over the documents seen since they were last taken. Where a document lacks a feature, that is
/// a value of 0.
pub(crate) struct Ranges {
    /// For each feature; how many documents have it.
    seen: Vec<(Range, u64)>,
    /// The features that some document has.
    touched: Vec<u32>,
    documents: u64,
}

impl Ranges {
    /// Of features with indices below `features`.
    pub fn new(features: usize) -> Self {
        Self { seen: vec![(Range::EMPTY, 0); features], touched: Vec::new(), documents: 0 }
    }

    pub fn add(&mut self, rows: &SparseRows) {
        self.documents += rows.len() as u64;
        for feature in rows.iter().flat_map(|row| row.features()) {
            let (range, count) = &mut self.seen[feature.index as usize];
            if *count == 0 {
                self.touched.push(feature.index);
            }
            range.add(feature.value);
            *count += 1;
        }
    }

    /// Calls `take` for each feature that some document has, and forgets it.
    pub fn drain(&mut self, mut take: impl FnMut(u32, Range)) {
        let documents = mem::take(&mut self.documents);
        for index in self.touched.drain(..) {
            let (mut range, count) = mem::replace(&mut self.seen[index as usize], (Range::EMPTY, 0));
            if count < documents {
                range.add(0.0);
            }
            take(index, range);
        }
    }

    /// The ranges of all features.
    pub fn finish(mut self) -> Vec<Range> {
        let mut ranges = vec![Range { low: 0.0, high: 0.0 }; self.seen.len()];
        self.drain(|index, range| ranges[index as usize] = range);
        ranges
    }
}

/// Ranges as they are applied to rows.
pub(crate) struct Scaler {
    ranges: Vec<Range>,
    /// Features that a document has even if its row does not list them, in order.
    shifted: Vec<u32>,
}

impl Scaler {
    /// All features become 0.
    pub fn new(features: usize) -> Self {
        Self::of(vec![Range { low: 0.0, high: 0.0 }; features])
    }

    /// Scales by the ranges of all features.
    pub fn of(ranges: Vec<Range>) -> Self {
        let shifted = |(index, range): (u32, &Range)| (range.scale(0.0) != 0.0).then_some(index);
        let shifted = (0..).zip(&ranges).filter_map(shifted).collect();
        Self { ranges, shifted }
    }

    /// Scales by the ranges of these very rows.
    pub fn fit(&mut self, rows: &SparseRows, buffer: &mut Ranges) {
        buffer.add(rows);
        // What is not in these rows is not asked for, and what all have not is not shifted.
        buffer.drain(|index, range| self.ranges[index as usize] = range);
    }

    /// Appends a row, scaled.
    pub fn scale(&self, row: &[Feature], to: &mut Vec<Feature>) {
        let mut push = |index: u32, value: f32| {
            let value = self.ranges[index as usize].scale(value);
            if value != 0.0 {
                to.push(Feature { index, value });
            }
        };
        let mut missing = self.shifted.iter().copied().peekable();
        for feature in row {
            while let Some(index) = missing.next_if(|&index| index < feature.index) {
                push(index, 0.0);
            }
            missing.next_if_eq(&feature.index);
            push(feature.index, feature.value);
        }
        missing.for_each(|index| push(index, 0.0));
    }
}

/// A note on features whose values vary much more within queries than those of others, by ids; `widths` has the widest
/// range of each feature.
pub(crate) fn advice(widths: &[f64], id: impl Fn(usize) -> u32) -> Option<String> {
    /// How many times as much they vary as a quarter of the features do.
    const SPREAD: f64 = 1e4;
    /// So many are named.
    const NAMED: usize = 8;
    let mut varying: Vec<f64> = widths.iter().copied().filter(|&width| width > 0.0).collect();
    if varying.is_empty() {
        return None;
    }
    let quarter = (varying.len() - 1) / 4;
    let (_, &mut quarter, _) = varying.select_nth_unstable_by(quarter, f64::total_cmp);
    let wide: Vec<usize> = (0..widths.len()).filter(|&index| widths[index] > SPREAD * quarter).collect();
    if wide.is_empty() {
        return None;
    }
    let named: Vec<String> = wide.iter().take(NAMED).map(|&index| id(index).to_string()).collect();
    let more = if wide.len() > NAMED { format!(" and {} more", wide.len() - NAMED) } else { String::new() };
    let features = if wide.len() == 1 { "feature" } else { "features" };
    let verb = if wide.len() == 1 { "varies" } else { "vary" };
    Some(format!(
        "{features} {}{more} {verb} over 10000 times as much within a query as a quarter of the features: training may \
         not converge; give --scale query (or global)",
        named.join(", ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_fit_if_they_are_finite_and_one_for_each_feature() {
        let fits = |low: f32, high: f32| Scaling::Global(vec![Range { low, high }]).fits(1);
        assert!(fits(-1.0, 1.0) && fits(0.0, 0.0) && fits(f32::MIN, f32::MAX));
        assert!(!fits(1.0, -1.0) && !fits(f32::NAN, 1.0) && !fits(0.0, f32::NAN) && !fits(0.0, f32::INFINITY));
        assert!(!Scaling::Global(Vec::new()).fits(1) && Scaling::Query.fits(1) && Scaling::None.fits(1));
    }
}
