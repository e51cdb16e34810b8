//! [`FeatureIds`]: feature ids of the training file as dense numbers; [`SeenIds`], which collects them.

use crosscut::Feature;
use serde::{Deserialize, Deserializer, Serialize};

use crate::words::Words;

/// The feature ids of the training file and the dense index of each.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum FeatureIds {
    /// Ids 1 to n are indices 0 to n − 1.
    Contiguous(u32),
    /// Ids in increasing order (hashed features); the index of an id is its position.
    Listed(#[serde(deserialize_with = "increasing")] Vec<u32>),
    /// Ids 0 to n − 1 are indices 0 to n − 1.
    FromZero(u32),
    /// Ids 1 to n are indices 0 to n − 1, and each has a name, as the features of a table have.
    Named(Words),
}

impl FeatureIds {
    /// The ids used in `rows`. They are listed if the largest one exceeds four times their number.
    pub fn collect<'r>(rows: impl IntoIterator<Item = &'r [Feature]>) -> Self {
        let mut seen = SeenIds::default();
        rows.into_iter().for_each(|row| seen.add(row));
        seen.finish()
    }

    /// Number of indices.
    pub fn len(&self) -> usize {
        match self {
            Self::Contiguous(n) | Self::FromZero(n) => *n as usize,
            Self::Listed(ids) => ids.len(),
            Self::Named(names) => names.len(),
        }
    }

    /// Whether no feature was seen.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The index of an id, `None` if it is unknown.
    pub fn index(&self, id: u32) -> Option<u32> {
        match self {
            Self::Contiguous(n) => (1..=*n).contains(&id).then(|| id - 1),
            Self::Listed(ids) => ids.binary_search(&id).ok().map(|at| at as u32),
            Self::FromZero(n) => (id < *n).then_some(id),
            Self::Named(names) => (1..=names.len() as u32).contains(&id).then(|| id - 1),
        }
    }

    /// The id at `index < len()`.
    pub fn id(&self, index: usize) -> u32 {
        match self {
            Self::Contiguous(_) | Self::Named(_) => index as u32 + 1,
            Self::Listed(ids) => ids[index],
            Self::FromZero(_) => index as u32,
        }
    }

    /// The name of the feature at `index < len()`: its id if it has no other.
    pub fn name(&self, index: usize) -> String {
        match self {
            Self::Named(names) => names.name(index as u32).to_owned(),
            _ => self.id(index).to_string(),
        }
    }

    /// Turns ids into indices and drops features never seen in training. A strictly increasing
    /// order is preserved.
    pub fn map(&self, mut features: Vec<Feature>) -> Vec<Feature> {
        features.retain_mut(|feature| match self.index(feature.index) {
            Some(index) => {
                feature.index = index;
                true
            }
            None => false,
        });
        features
    }
}
/// A set of ids: a bitmap for small ids, a list for the others, from which duplicates are removed
/// from time to time.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct SeenIds {
    bits: Vec<u64>,
    large: Vec<u32>,
    distinct_large: usize,
}

impl SeenIds {
    /// Ids below this are in the bitmap, which has at most 2 MiB.
    const SMALL: u32 = 1 << 24;

    /// Adds the ids of a row.
    pub fn add(&mut self, row: &[Feature]) {
        row.iter().for_each(|feature| self.insert(feature.index));
    }

    /// Adds the ids of another set.
    pub fn merge(&mut self, other: Self) {
        if self.bits.len() < other.bits.len() {
            self.bits.resize(other.bits.len(), 0);
        }
        self.bits.iter_mut().zip(other.bits).for_each(|(bits, others)| *bits |= others);
        other.large.into_iter().for_each(|id| self.insert(id));
    }

    fn insert(&mut self, id: u32) {
        if id < Self::SMALL {
            let word = (id / 64) as usize;
            if word >= self.bits.len() {
                self.bits.resize(word + 1, 0);
            }
            self.bits[word] |= 1 << (id % 64);
        } else {
            self.large.push(id);
            if self.large.len() > 2 * self.distinct_large + (64 << 10) {
                self.tidy();
            }
        }
    }

    fn tidy(&mut self) {
        self.large.sort_unstable();
        self.large.dedup();
        self.distinct_large = self.large.len();
    }

    /// The ids, in the form that [`FeatureIds::collect`] chooses.
    pub fn finish(mut self) -> FeatureIds {
        self.tidy();
        let small = (self.bits.iter().zip(0_u32..)).flat_map(|(&bits, word)| {
            (0..64).filter(move |bit| bits >> bit & 1 == 1).map(move |bit| 64 * word + bit)
        });
        let count = self.bits.iter().map(|bits| bits.count_ones() as usize).sum::<usize>()
            + self.large.len();
        let largest = self.large.last().copied().or_else(|| small.clone().last()).unwrap_or(0);
        let has_zero = self.bits.first().is_some_and(|bits| bits & 1 == 1);
        if largest as usize > 4 * count || has_zero && largest == u32::MAX {
            let mut ids = Vec::with_capacity(count);
            ids.extend(small);
            ids.append(&mut self.large);
            FeatureIds::Listed(ids)
        } else if has_zero {
            FeatureIds::FromZero(largest + 1)
        } else {
            FeatureIds::Contiguous(largest)
        }
    }
}

fn increasing<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u32>, D::Error> {
    let ids = Vec::<u32>::deserialize(deserializer)?;
    if ids.is_sorted_by(|a, b| a < b) {
        Ok(ids)
    } else {
        Err(serde::de::Error::custom("feature ids that increase strictly were expected"))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn rows(ids: &[u32]) -> Vec<Feature> {
        ids.iter().map(|&index| Feature { index, value: 1.0 }).collect()
    }

    fn collect(ids: &[u32]) -> FeatureIds {
        FeatureIds::collect([rows(ids).as_slice()])
    }

    #[test]
    fn ids_are_listed_only_where_they_are_sparse() {
        assert_eq!(collect(&[]), FeatureIds::Contiguous(0));
        assert_eq!(collect(&[8, 1]), FeatureIds::Contiguous(8));
        assert_eq!(collect(&[0]), FeatureIds::FromZero(1));
        assert_eq!(collect(&[8, 0]), FeatureIds::FromZero(9));
        assert_eq!(collect(&[9, 0]), FeatureIds::Listed(vec![0, 9]));
        assert_eq!(collect(&[9, 1, 9]), FeatureIds::Listed(vec![1, 9]));
        assert_eq!(
            collect(&[u32::MAX, 5, 1 << 24]),
            FeatureIds::Listed(vec![5, 1 << 24, u32::MAX])
        );
    }

    #[test]
    fn a_list_out_of_order_is_not_read_from_a_model() {
        let read = |json: &str| serde_json::from_str::<FeatureIds>(json);
        assert_eq!(read(r#"{"Listed":[1,9]}"#).unwrap(), FeatureIds::Listed(vec![1, 9]));
        assert!(read(r#"{"Listed":[9,1]}"#).is_err());
        assert!(read(r#"{"Listed":[9,9]}"#).is_err());
    }

    #[test]
    fn names_are_numbered_from_one_in_their_order() {
        let mut names = Words::default();
        assert_eq!(["b", "a"].map(|name| names.insert(name).unwrap()), [0, 1]);
        let ids = FeatureIds::Named(names);
        assert_eq!([0, 1, 2, 3].map(|id| ids.index(id)), [None, Some(0), Some(1), None]);
        assert_eq!(
            (ids.len(), ids.id(1), ids.name(0), ids.name(1)),
            (2, 2, "b".into(), "a".into())
        );

        let text = serde_json::to_string(&ids).unwrap();
        assert_eq!(serde_json::from_str::<FeatureIds>(&text).unwrap(), ids);
        // The same name twice.
        let damaged = text.replace("ba", "bb");
        assert!(damaged != text && serde_json::from_str::<FeatureIds>(&damaged).is_err());
    }

    proptest! {
        #[test]
        fn sets_of_parts_are_merged_to_that_of_all(
            ids in prop::collection::vec(prop_oneof![0..200_u32, 1..=u32::MAX], 0..60),
            at in 0..60_usize,
        ) {
            let (first, later) = ids.split_at(at.min(ids.len()));
            let seen = |ids: &[u32]| {
                let mut seen = SeenIds::default();
                seen.add(&rows(ids));
                seen
            };
            let mut merged = seen(first);
            merged.merge(seen(later));
            prop_assert_eq!(merged.finish(), collect(&ids));
        }

        #[test]
        fn ids_become_dense_indices_and_back(
            small in prop::collection::btree_set(0..200_u32, 0..60),
            large in prop::collection::btree_set(1..=u32::MAX, 0..60),
            other in prop::collection::btree_set(0..300_u32, 0..60),
        ) {
            let seen: BTreeSet<u32> = small.union(&large).copied().collect();
            let ids = FeatureIds::collect([small, large].map(Vec::from_iter).iter().map(|ids| rows(ids)).collect::<Vec<_>>().iter().map(Vec::as_slice));
            let mapped = ids.map(rows(&Vec::from_iter(seen.iter().copied())));
            prop_assert_eq!(mapped.len(), seen.len());
            prop_assert!(mapped.is_sorted_by(|a, b| a.index < b.index));
            for (feature, id) in mapped.iter().zip(seen.iter()) {
                prop_assert!((feature.index as usize) < ids.len());
                prop_assert_eq!(ids.id(feature.index as usize), *id);
            }
            let unseen = ids.map(rows(&Vec::from_iter(other)));
            prop_assert!(unseen.is_sorted_by(|a, b| a.index < b.index));
            prop_assert!(unseen.iter().all(|feature| (feature.index as usize) < ids.len()));
        }
    }
}
