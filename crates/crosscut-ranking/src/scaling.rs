//! [`Scaling`]: how features of documents are scaled, and their ranges within queries.

use crosscut::{Feature, SparseRows};
use crosscut_data::scaling::{Affine, Range, doubles};
use serde::{Deserialize, Serialize};

/// How the values of features are changed before they are used.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Scaling {
    /// By the range within each query, whose documents are compared with no others.
    Query,
    /// By all documents of training, or not at all. A shift changes no ranking and no δ.
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

    /// The documents of a query whose features have indices, scaled. Rounding has taken `rests` from
    /// the values: a row for each document, or none at all.
    pub(crate) fn apply(&self, query: SparseRows, rests: &SparseRows) -> SparseRows {
        match self {
            Self::Query => by_query(&query, rests),
            Self::Documents(scaling) => scaling.apply_all(query, rests),
        }
    }
}

/// Scales a query by its own ranges. A feature that a document lacks stays 0, which is in the range.
fn by_query(query: &SparseRows, rests: &SparseRows) -> SparseRows {
    let ranges = Ranges::of(query, rests);
    let affines: Vec<Affine> = ranges.iter().map(|(_, range)| range.affine()).collect();
    let (mut scaled, mut buffer) = (SparseRows::default(), Vec::new());
    for (at, row) in query.iter().enumerate() {
        let row = doubles(row.features(), row_or_none(rests, at));
        let row = row.map(|(index, value)| Feature {
            index,
            value: affines[ranges.position(index)].apply(value),
        });
        buffer.clear();
        buffer.extend(row.filter(|feature| feature.value != 0.0));
        scaled.push(&buffer).expect("order and finite values are kept");
    }
    scaled.shrink_to_fit();
    scaled
}

/// The range of each feature over the documents of a query. A document that lacks a feature has the
/// value 0.
pub(crate) struct Ranges {
    /// In increasing order, with all that some document has.
    features: Vec<u32>,
    /// In the same order.
    ranges: Vec<Range>,
}

impl Ranges {
    /// Those of a query. `rests` as for [`Scaling::apply`].
    pub fn of(query: &SparseRows, rests: &SparseRows) -> Self {
        let (width, stored) = (query.width(), query.iter().map(|row| row.features().len()).sum());
        let features = if width <= stored {
            (0..width as u32).collect()
        } else {
            let all = query.iter().flat_map(|row| row.features());
            let mut features: Vec<u32> = all.map(|feature| feature.index).collect();
            features.sort_unstable();
            features.dedup();
            features
        };
        let mut all = Self { ranges: vec![Range::EMPTY; features.len()], features };
        let mut counts = vec![0; all.features.len()];
        for (at, row) in query.iter().enumerate() {
            for (index, value) in doubles(row.features(), row_or_none(rests, at)) {
                let at = all.position(index);
                all.ranges[at].add(value);
                counts[at] += 1;
            }
        }
        let ranges = all.ranges.iter_mut().zip(counts);
        ranges.filter(|(_, count)| *count < query.len()).for_each(|(range, _)| range.add(0.0));
        all
    }

    /// The features in increasing order, each with its range.
    pub fn iter(&self) -> impl Iterator<Item = (u32, Range)> {
        self.features.iter().copied().zip(self.ranges.iter().copied())
    }

    /// The position of a feature that some document has. Most often it is the feature itself.
    fn position(&self, feature: u32) -> usize {
        match self.features.get(feature as usize) {
            Some(&found) if found == feature => feature as usize,
            _ => self.features.binary_search(&feature).expect("a feature of the query"),
        }
    }
}

/// A row, which is empty where there are no rows at all.
fn row_or_none(rows: &SparseRows, at: usize) -> &[Feature] {
    if rows.is_empty() { &[] } else { rows.row(at).features() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Whether few features or many are far apart.
        #[test]
        fn ranges_are_those_of_columns(
            documents in prop::collection::vec(prop::collection::btree_map(0..6_u32, -9..9_i8, 0..6), 0..6),
            spread in prop::sample::select(vec![1, 700_000_000]),
        ) {
            let mut query = SparseRows::default();
            for document in &documents {
                let row = document.iter().filter(|(_, value)| **value != 0);
                let row = row.map(|(at, &value)| Feature { index: at * spread, value: f32::from(value) });
                query.push(&row.collect::<Vec<_>>()).expect("a map is in order");
            }
            let found: Vec<(u32, Range)> = Ranges::of(&query, &SparseRows::default()).iter().collect();
            prop_assert!(found.is_sorted_by_key(|(feature, _)| *feature));
            for at in 0..6 {
                let mut range = Range::EMPTY;
                let value = |document: &std::collections::BTreeMap<u32, i8>| document.get(&at).copied().unwrap_or(0);
                documents.iter().for_each(|document| range.add(f64::from(value(document))));
                let is_there = documents.iter().any(|document| value(document) != 0);
                match found.iter().find(|(feature, _)| *feature == at * spread) {
                    Some((_, found)) => prop_assert_eq!(*found, range),
                    None => prop_assert!(!is_there),
                }
            }
        }
    }
}
