//! [`Words`]: names of features as dense numbers.

use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::BuildHasher;

use hashbrown::HashTable;
use serde::{Deserialize, Serialize};

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

    /// Inserts all names of `later`, in their order. Returns the index that each has among these
    /// names.
    ///
    /// # Errors
    /// Those of [`insert`](Self::insert).
    pub fn merge(&mut self, later: &Self) -> Result<Vec<u32>, String> {
        (0..later.len() as u32).map(|index| self.insert(later.name(index))).collect()
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

#[cfg(test)]
mod tests {
    use super::*;

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
    fn names_of_parts_are_merged_in_the_order_of_all() {
        let names = ["b", "a", "", "b", "c", "a", "d", ""];
        let words = |names: &[&str]| {
            let mut words = Words::default();
            for name in names {
                words.insert(name).unwrap();
            }
            words
        };
        for at in 0..=names.len() {
            let (mut merged, later) = (words(&names[..at]), words(&names[at..]));
            let indices = merged.merge(&later).unwrap();
            assert_eq!(merged, words(&names));
            assert!((0..).zip(indices).all(|(old, new)| later.name(old) == merged.name(new)));
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
}
