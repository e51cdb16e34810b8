//! [`Labels`], [`FeatureIds`] and [`Words`]: map labels, feature ids and feature names of the
//! training file to dense indices.

use std::collections::HashSet;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicBool, Ordering};
use std::{cmp, fmt};

use crosscut::Feature;
use hashbrown::HashTable;
use serde::{Deserialize, Deserializer, Serialize};

use crate::source::Source;
use crate::table::Table;

/// Label names in a fixed order: numerical if all of them are numbers, lexicographic otherwise.
///
/// Equal numbers are one label, whose name is the shortest of them: `1`, `+1`, `1.0`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<String>", into = "Vec<String>")]
pub struct Labels {
    names: Vec<String>,
    /// Positions in `names`, sorted by name.
    by_text: Vec<u32>,
    /// The keys of those that are numbers, in increasing order, with their positions.
    by_number: Vec<(u64, u32)>,
}

impl Labels {
    /// The distinct names among `names`.
    pub fn collect<'n>(names: impl IntoIterator<Item = &'n str>) -> Self {
        let mut distinct: Vec<&str> =
            names.into_iter().collect::<HashSet<_>>().into_iter().collect();
        distinct.sort_by_key(|&name| (name.len(), name));
        let mut numbers = HashSet::new();
        distinct.retain(|name| key(name).is_none_or(|key| numbers.insert(key)));
        let mut names: Vec<String> = distinct.into_iter().map(str::to_owned).collect();
        if names.iter().all(|name| number(name).is_some()) {
            names.sort_by(|a, b| by_number(a, b));
        } else {
            names.sort();
        }
        Self::from(names)
    }

    /// Describes how the labels of a model differ from these, those of the examples; `None` if they
    /// are the same. `what` is the word for several of them.
    pub fn differ_from(&self, model: &Self, what: &str) -> Option<String> {
        let missing = |from: &Self, of: &Self| {
            of.iter().find(|name| from.index(name).is_none()).map(str::to_owned)
        };
        let found = match (missing(model, self), missing(self, model)) {
            (Some(name), _) => format!("no `{name}` in the model"),
            (None, Some(name)) => format!("`{name}`, which the examples do not have"),
            (None, None) => return None,
        };
        Some(format!("expected a model with the {what} of the examples, found {found}"))
    }

    /// The position of a name, or of another one for the same number; `None` if it is unknown.
    pub fn index(&self, name: &str) -> Option<usize> {
        let of = |&index: &u32| self.names[index as usize].as_str();
        let found = match self.by_text.binary_search_by(|index| of(index).cmp(name)) {
            Ok(at) => self.by_text[at],
            Err(_) => {
                let key = key(name)?;
                let at = self.by_number.binary_search_by_key(&key, |(number, _)| *number).ok()?;
                self.by_number[at].1
            }
        };
        Some(found as usize)
    }

    /// The name at `index < len()`.
    pub fn name(&self, index: usize) -> &str {
        &self.names[index]
    }

    /// Number of labels.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether there are no labels.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// The names in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }
}

impl From<Vec<String>> for Labels {
    /// Takes names in the order given.
    fn from(names: Vec<String>) -> Self {
        let mut by_text: Vec<u32> = (0..names.len() as u32).collect();
        by_text.sort_by(|&a, &b| names[a as usize].cmp(&names[b as usize]));
        let keys = names.iter().zip(0..).filter_map(|(name, at)| Some((key(name)?, at)));
        let mut by_number: Vec<(u64, u32)> = keys.collect();
        by_number.sort_unstable();
        Self { names, by_text, by_number }
    }
}

impl From<Labels> for Vec<String> {
    fn from(labels: Labels) -> Self {
        labels.names
    }
}

fn number(name: &str) -> Option<f64> {
    name.parse().ok().filter(|number: &f64| number.is_finite())
}

/// The same for equal numbers. `None` for other names, and for integers so large that different ones
/// could be one number in double precision.
fn key(name: &str) -> Option<u64> {
    const LARGEST: f64 = (1_u64 << 53) as f64;
    // −0 and 0 are equal.
    number(name).filter(|number| number.abs() < LARGEST).map(|number| (number + 0.0).to_bits())
}

fn by_number(a: &str, b: &str) -> cmp::Ordering {
    number(a).partial_cmp(&number(b)).unwrap_or(cmp::Ordering::Equal).then_with(|| a.cmp(b))
}

/// The feature ids of the training file and the dense index of each.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum FeatureIds {
    /// Ids 1 to n are indices 0 to n − 1.
    Contiguous(u32),
    /// Ids in increasing order (hashed features); the index of an id is its position.
    Listed(#[serde(deserialize_with = "increasing")] Vec<u32>),
    /// Ids 0 to n − 1 are indices 0 to n − 1.
    FromZero(u32),
    /// Ids 1 to n are the features of a table, which have names.
    Table(Box<Table>),
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
            Self::Table(table) => table.features(),
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
            Self::Table(table) => (1..=table.features() as u32).contains(&id).then(|| id - 1),
        }
    }

    /// The id at `index < len()`.
    pub fn id(&self, index: usize) -> u32 {
        match self {
            Self::Contiguous(_) | Self::Table(_) => index as u32 + 1,
            Self::Listed(ids) => ids[index],
            Self::FromZero(_) => index as u32,
        }
    }

    /// The name of the feature at `index < len()`: its id, or its name in a table.
    pub fn name(&self, index: usize) -> String {
        match self {
            Self::Table(table) => table.feature_name(index),
            _ => self.id(index).to_string(),
        }
    }

    /// The table, if the training file was one.
    pub fn table(&self) -> Option<&Table> {
        match self {
            Self::Table(table) => Some(table),
            _ => None,
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

/// Names of features in the order in which they were first seen.
///
/// All names are in one text, so that a name takes the bytes it has and about ten more.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(try_from = "StoredWords")]
pub struct Words {
    /// All names, one after the other.
    text: String,
    /// The end of each name in `text`.
    ends: Vec<u32>,
    /// The index of each name, found by the hash of the name.
    #[serde(skip)]
    table: HashTable<u32>,
    #[serde(skip)]
    hasher: RandomState,
}

/// The serialised form of [`Words`].
#[derive(Deserialize)]
struct StoredWords {
    text: String,
    ends: Vec<u32>,
}

impl Words {
    /// Largest number of names, since an index has 32 bits.
    const MOST: usize = if cfg!(test) { 100 } else { u32::MAX as usize };

    /// The index of a name; a new name gets a new index.
    ///
    /// # Errors
    /// A new name if there are 2³² − 1 already, or if all names together have 4 GiB.
    pub fn insert(&mut self, name: &str) -> Result<u32, String> {
        let hash = self.hasher.hash_one(name);
        if let Some(index) = self.find(hash, name) {
            return Ok(index);
        }
        let index = self.len();
        if index >= Self::MOST {
            return Err(format!("expected at most {} different names, found one more", Self::MOST));
        }
        let end = u32::try_from(self.text.len() + name.len())
            .map_err(|_| "expected different names of at most 4 GiB in all, found more")?;
        self.text.push_str(name);
        self.ends.push(end);
        self.enter(hash, index as u32);
        Ok(index as u32)
    }

    /// Enters the index of a name that is in `text` into the table.
    fn enter(&mut self, hash: u64, index: u32) {
        let Self { text, ends, table, hasher } = self;
        table.insert_unique(hash, index, |&index| hasher.hash_one(slice(text, ends, index)));
    }

    fn find(&self, hash: u64, name: &str) -> Option<u32> {
        self.table.find(hash, |&index| self.name(index) == name).copied()
    }

    /// The index of a name, `None` if it is unknown.
    pub fn index(&self, name: &str) -> Option<u32> {
        self.find(self.hasher.hash_one(name), name)
    }

    /// The name at `index < len()`.
    pub fn name(&self, index: u32) -> &str {
        slice(&self.text, &self.ends, index)
    }

    /// Keeps the names whose indices `keep` accepts, in their order.
    pub fn retain(&mut self, mut keep: impl FnMut(u32) -> bool) {
        let kept = (0..self.len() as u32).filter(|&index| keep(index));
        let (mut text, mut ends) = (String::new(), Vec::new());
        for index in kept {
            text.push_str(self.name(index));
            ends.push(text.len() as u32);
        }
        (self.text, self.ends) = (text, ends);
        self.fill().expect("some of the names, which differ");
    }

    /// Enters all names into a new table.
    ///
    /// # Errors
    /// Two equal names.
    fn fill(&mut self) -> Result<(), String> {
        self.table = HashTable::with_capacity(self.len());
        for index in 0..self.len() as u32 {
            let name = self.name(index);
            let hash = self.hasher.hash_one(name);
            if self.find(hash, name).is_some() {
                return Err(format!("different names were expected, found `{name}` twice"));
            }
            self.enter(hash, index);
        }
        Ok(())
    }

    /// Number of names.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are no names.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }
}

/// The name at `index`.
fn slice<'t>(text: &'t str, ends: &[u32], index: u32) -> &'t str {
    let start = index.checked_sub(1).map_or(0, |before| ends[before as usize]);
    &text[start as usize..ends[index as usize] as usize]
}

impl TryFrom<StoredWords> for Words {
    type Error = String;

    fn try_from(StoredWords { text, ends }: StoredWords) -> Result<Self, String> {
        let fits = ends.is_sorted()
            && ends.iter().all(|&end| text.is_char_boundary(end as usize))
            && ends.last().copied().unwrap_or(0) as usize == text.len()
            && ends.len() <= Self::MOST;
        if !fits {
            return Err("names that divide their text were expected".to_owned());
        }
        let mut words = Self { text, ends, ..Self::default() };
        words.fill().map(|()| words)
    }
}

impl PartialEq for Words {
    fn eq(&self, other: &Self) -> bool {
        self.ends == other.ends && self.text == other.text
    }
}

impl Eq for Words {}

impl fmt::Debug for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = (0..self.len() as u32).map(|index| self.name(index));
        f.debug_list().entries(names).finish()
    }
}

/// Why a training file whose lines have no features is refused.
pub const NO_FEATURES: &str = "expected features in at least one line, as id:value or as names, found none (a table of values \
     between commas or tabs is read by multiclass and ranking, with --label COLUMN)";

/// Whether files to predict have features, but none that the model knows.
#[derive(Debug, Default)]
pub struct NoneKnown {
    any: AtomicBool,
    known: AtomicBool,
}

impl NoneKnown {
    /// Whether a feature is known.
    pub(crate) fn is_any(&self) -> bool {
        self.known.load(Ordering::Relaxed)
    }

    /// A line with this many features, of which the model knows so many.
    pub fn see(&self, features: usize, known: usize) {
        if features > 0 {
            self.any.store(true, Ordering::Relaxed);
        }
        if known > 0 {
            self.known.store(true, Ordering::Relaxed);
        }
    }

    /// Sends the monitor a note if no feature is known; of a piece of a file, when all of the file
    /// has been read.
    pub fn note(self, source: &mut Source<'_>) {
        if let Some(all) = source.known() {
            let [any, known] = [self.any, self.known].map(AtomicBool::into_inner);
            return all.see(usize::from(any), usize::from(known));
        }
        let message = self.message(source.name());
        message.iter().for_each(|message| source.note(message));
    }

    /// The note, if no feature is known.
    pub(crate) fn message(&self, file: &str) -> Option<String> {
        (self.any.load(Ordering::Relaxed) && !self.known.load(Ordering::Relaxed)).then(|| {
            format!(
                "{file}: the model knows none of the features, so that all scores are those of an empty line: are ids and names \
                 those of training?"
            )
        })
    }
}

/// A set of ids: a bitmap for small ids, a list for the others, from which duplicates are removed
/// from time to time.
#[derive(Debug, Default)]
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

    #[test]
    fn labels_are_sorted_as_numbers_if_all_of_them_are() {
        let table: [(&[&str], &[&str]); 6] = [
            (&["10", "9", "-1", "9", "+1", "1", "1.0", "01", "-1e0"], &["-1", "1", "9", "10"]),
            (&["-0", "0.0", "a", "1e1000", "1e1001"], &["-0", "1e1000", "1e1001", "a"]),
            (&["9007199254740993", "9007199254740992"], &["9007199254740992", "9007199254740993"]),
            (&["10", "9", "a"], &["10", "9", "a"]),
            (&["10", "9", "nan"], &["10", "9", "nan"]),
            (&[], &[]),
        ];
        for (seen, expected) in table {
            let labels = Labels::collect(seen.iter().copied());
            assert_eq!(labels.iter().collect::<Vec<_>>(), expected);
            let found = seen.iter().all(|name| labels.index(name).is_some());
            assert!(found && labels.index("7").is_none(), "{seen:?}");
        }
        let labels = Labels::collect(["+1", "-1", "a"]);
        let index = |name| labels.index(name);
        assert_eq!(
            (index("1.0"), index("+1"), index("-01")),
            (index("1"), index("1"), index("-1"))
        );
        assert!(index("1").is_some() && index("A").is_none());
    }

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
    fn words_are_numbered_as_they_come_and_close_up_when_some_leave() {
        let mut words = Words::default();
        assert!(words.is_empty());
        assert_eq!(
            ["b", "a", "", "b", "c"].map(|name| words.insert(name).unwrap()),
            [0, 1, 2, 0, 3]
        );
        assert_eq!(
            (words.index("a"), words.index("x"), words.name(3), words.len()),
            (Some(1), None, "c", 4)
        );

        words.retain(|index| index % 2 == 1);
        assert_eq!(
            ["a", "c", "b", ""].map(|name| words.index(name)),
            [Some(0), Some(1), None, None]
        );
        assert_eq!(words.insert("b"), Ok(2));
        let text = serde_json::to_string(&words).unwrap();
        assert_eq!(text, r#"{"text":"acb","ends":[1,2,3]}"#);
        assert_eq!(serde_json::from_str::<Words>(&text).unwrap(), words);
        for damaged in [
            r#"{"text":"aca","ends":[1,2,3]}"#,
            r#"{"text":"acb","ends":[1,2]}"#,
            r#"{"text":"acb","ends":[2,1,3]}"#,
            r#"{"text":"acb","ends":[1,4]}"#,
            r#"{"text":"é","ends":[1,2]}"#,
            r#"{"text":"a","ends":[]}"#,
        ] {
            assert!(serde_json::from_str::<Words>(damaged).is_err(), "{damaged}");
        }
    }

    #[test]
    fn a_name_too_many_is_refused_and_those_before_it_stay() {
        let mut words = Words::default();
        for number in 0..Words::MOST {
            assert_eq!(words.insert(&number.to_string()), Ok(number as u32));
        }
        assert!(
            words
                .insert("one more")
                .unwrap_err()
                .starts_with("expected at most 100 different names")
        );
        assert_eq!((words.insert("7"), words.len()), (Ok(7), Words::MOST));
    }

    proptest! {
        #[test]
        fn labels_find_every_name_and_no_other(
            names in prop::collection::vec("[a-c0-3.+-]{0,3}", 0..20),
            other in "[a-c0-3.+-]{0,3}",
        ) {
            let labels = Labels::collect(names.iter().map(String::as_str));
            for index in 0..labels.len() {
                prop_assert_eq!(labels.index(labels.name(index)), Some(index));
            }
            let is_same = |name: &String| *name == other || key(name).is_some() && key(name) == key(&other);
            prop_assert_eq!(labels.index(&other).is_some(), names.iter().any(is_same));
            let again: Labels = serde_json::from_str(&serde_json::to_string(&labels).unwrap()).unwrap();
            prop_assert_eq!(again, labels);
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
