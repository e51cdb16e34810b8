//! [`Scaling`]: how features of documents are scaled, and what they are within queries.

use std::mem;

use crosscut::{Feature, SparseRows};
use crosscut_data::scaling::{Affine, Range, doubles};
use serde::{Deserialize, Serialize};

/// How the values of features are changed before they are used.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Scaling {
    /// By the range within each query, whose documents are compared with no others.
    Query,
    /// By all documents of the training file, or not at all. A shift changes no ranking and no δ.
    Documents(crosscut_data::scaling::Scaling),
}

impl Default for Scaling {
    /// Not at all.
    fn default() -> Self {
        Self::Documents(crosscut_data::scaling::Scaling::default())
    }
}

impl Scaling {
    /// The word of `--scale`; `None` if features are not scaled.
    pub fn name(&self) -> Option<&'static str> {
        match self {
            Self::Query => Some("query"),
            Self::Documents(scaling) => (!scaling.is_none()).then(|| scaling.method().name()),
        }
    }

    /// Whether it is for this number of features.
    pub fn fits(&self, features: usize) -> bool {
        match self {
            Self::Query => true,
            Self::Documents(scaling) => scaling.fits(features),
        }
    }
}

/// The ranges of features over the documents of one query after the other. A document that lacks a
/// feature has the value 0.
pub(crate) struct Ranges {
    /// For each feature; how many documents have it.
    seen: Vec<(Range, usize)>,
    /// The features that some document has.
    touched: Vec<u32>,
}

impl Ranges {
    /// Of features with indices below `features`.
    pub fn new(features: usize) -> Self {
        Self { seen: vec![(Range::EMPTY, 0); features], touched: Vec::new() }
    }

    /// Calls `take` for each feature that some document of a query has. Rounding has taken `rests`
    /// from the values, which has a row for each document, or none at all.
    pub fn of(&mut self, query: &SparseRows, rests: &SparseRows, mut take: impl FnMut(u32, Range)) {
        for (at, row) in query.iter().enumerate() {
            for (index, value) in doubles(row.features(), row_or_none(rests, at)) {
                let (range, count) = &mut self.seen[index as usize];
                if *count == 0 {
                    self.touched.push(index);
                }
                range.add(value);
                *count += 1;
            }
        }
        for index in self.touched.drain(..) {
            let (mut range, count) =
                mem::replace(&mut self.seen[index as usize], (Range::EMPTY, 0));
            if count < query.len() {
                range.add(0.0);
            }
            take(index, range);
        }
    }
}

/// A row, which is empty where there are no rows at all.
pub(crate) fn row_or_none(rows: &SparseRows, at: usize) -> &[Feature] {
    if rows.is_empty() { &[] } else { rows.row(at).features() }
}

/// Scales queries by their own ranges.
pub(crate) struct QueryScaler {
    ranges: Ranges,
    /// Those of the features of the last query, whatever it was for others.
    affines: Vec<Affine>,
}

impl QueryScaler {
    /// For features with indices below `features`.
    pub fn new(features: usize) -> Self {
        Self { ranges: Ranges::new(features), affines: vec![Affine::ZERO; features] }
    }

    /// The documents of a query, scaled. A feature that one of them lacks stays 0, which is in the
    /// range of the query. `rests` as for [`Ranges::of`].
    pub fn apply(&mut self, query: &SparseRows, rests: &SparseRows) -> SparseRows {
        let Self { ranges, affines } = self;
        ranges.of(query, rests, |index, range| affines[index as usize] = range.affine());
        let (mut scaled, mut buffer) = (SparseRows::default(), Vec::new());
        for (at, row) in query.iter().enumerate() {
            buffer.clear();
            let row = doubles(row.features(), row_or_none(rests, at));
            let row = row.map(|(index, value)| Feature {
                index,
                value: affines[index as usize].apply(value),
            });
            buffer.extend(row.filter(|feature| feature.value != 0.0));
            scaled.push(&buffer).expect("order and finite values are kept");
        }
        scaled.shrink_to_fit();
        scaled
    }
}

/// The widest range of each feature within a query.
pub(crate) fn widest<'r>(
    features: usize,
    queries: impl Iterator<Item = &'r SparseRows>,
) -> Vec<f64> {
    let mut ranges = Ranges::new(features);
    let mut widest = vec![0.0_f64; features];
    for query in queries {
        ranges.of(query, &SparseRows::default(), |index, range| {
            let widest = &mut widest[index as usize];
            *widest = widest.max(range.width());
        });
    }
    widest
}
