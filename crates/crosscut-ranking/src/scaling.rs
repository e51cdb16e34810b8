//! [`Scaling`]: how features of documents are scaled, and what they are within queries.

use std::mem;

use crosscut::{Feature, SparseRows};
use crosscut_app::scaling::{Affine, Range};
use serde::{Deserialize, Serialize};

/// How the values of features are changed before they are used.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Scaling {
    /// By the range within each query, whose documents are compared with no others.
    Query,
    /// By all documents of the training file, or not at all. A shift changes no ranking and no δ.
    Documents(crosscut_app::Scaling),
}

impl Default for Scaling {
    /// Not at all.
    fn default() -> Self {
        Self::Documents(crosscut_app::Scaling::default())
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

    /// Calls `take` for each feature that some document of a query has.
    pub fn of(&mut self, query: &SparseRows, mut take: impl FnMut(u32, Range)) {
        for feature in query.iter().flat_map(|row| row.features()) {
            let (range, count) = &mut self.seen[feature.index as usize];
            if *count == 0 {
                self.touched.push(feature.index);
            }
            range.add(feature.value);
            *count += 1;
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

    /// Looks at the documents of a query.
    pub fn fit(&mut self, query: &SparseRows) {
        self.ranges.of(query, |index, range| self.affines[index as usize] = range.affine());
    }

    /// Appends a document of this query, scaled. A feature that it lacks stays 0, which is in the
    /// range of the query.
    pub fn apply(&self, row: &[Feature], to: &mut Vec<Feature>) {
        let scaled = |feature: &Feature| Feature {
            value: self.affines[feature.index as usize].apply(feature.value),
            ..*feature
        };
        to.extend(row.iter().map(scaled).filter(|feature| feature.value != 0.0));
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
        ranges.of(query, |index, range| {
            let widest = &mut widest[index as usize];
            *widest = widest.max(range.width());
        });
    }
    widest
}
