//! [`Known`]: a sequence as a task knows it.

use crosscut::{Feature, SparseRows};

use super::Learned;
use super::record::{Body, Given, Numbers, Record, Surveyed};
use crate::tags::{Tag, Tags, Tokens};
use crate::task::{Features, Sequence};

/// A sequence as a task knows it: other features are gone, and values are scaled.
pub(super) struct Known<'t> {
    task: &'t Sequence,
    rows: SparseRows,
    tags: Tags,
    scaled: Vec<Feature>,
}

impl<'t> Known<'t> {
    pub fn new(task: &'t Sequence) -> Self {
        Self { task, rows: SparseRows::default(), tags: Tags::default(), scaled: Vec::new() }
    }

    /// Takes a sequence that was surveyed.
    ///
    /// # Errors
    /// Those of [`SparseRows::push`].
    pub fn take(&mut self, surveyed: Surveyed, learned: &Learned) -> Result<(), String> {
        let Surveyed { rows, rests, tags } = surveyed;
        let known = |tag: u32| learned.tags.get(tag as usize).copied().unwrap_or(Tag::UNKNOWN);
        self.tags = Tags::new(tags.into_iter().map(known).collect());
        let has_names = matches!(self.task.features(), Features::Names(_));
        if has_names && learned.features.is_none() {
            self.rows = self.task.scaling().apply_all(rows, &rests);
            return Ok(());
        }
        let renumber = |from: &[Feature], to: &mut Vec<Feature>| {
            let number = |feature: &Feature| {
                let index = learned.feature(self.task, feature.index)?;
                Some(Feature { index, ..*feature })
            };
            to.clear();
            to.extend(from.iter().filter_map(number));
            if has_names {
                to.sort_unstable_by_key(|feature| feature.index);
            }
        };
        let (mut row, mut rest) = (Vec::new(), Vec::new());
        for (at, given) in rows.iter().enumerate() {
            renumber(given.features(), &mut row);
            if !rests.is_empty() {
                renumber(rests.row(at).features(), &mut rest);
            }
            self.row(&row, &rest)?;
        }
        Ok(())
    }

    /// The input, and the output if there is one.
    pub fn finish(self) -> (Tokens, Option<Tags>) {
        let Self { task, mut rows, tags, .. } = self;
        rows.shrink_to_fit();
        (task.tokens(rows), Some(tags).filter(|tags| !tags.is_empty()))
    }
}

impl Numbers for Known<'_> {
    fn id(&self, id: u32) -> Option<u32> {
        match self.task.features() {
            Features::Ids(ids) => ids.index(id),
            Features::Names(_) => None,
        }
    }

    fn name(&mut self, name: &str) -> Result<Option<u32>, String> {
        Ok(match self.task.features() {
            Features::Ids(_) => None,
            Features::Names(names) => names.index(name),
        })
    }

    fn tag(&mut self, _: u64, tag: &str) -> Result<(), String> {
        match self.task.tags().index(tag) {
            Some(known) => self.tags.push(Tag::new(known)),
            None => self.tags.push_unknown(tag),
        }
        Ok(())
    }

    fn row(&mut self, row: &[Feature], rest: &[Feature]) -> Result<(), String> {
        let scaling = self.task.scaling();
        let row = if scaling.is_none() {
            row
        } else {
            self.scaled.clear();
            scaling.apply(row, rest, &mut self.scaled);
            &self.scaled
        };
        self.rows.push(row).map_err(|error| error.to_string())
    }
}

/// The number of features of a record, and of those that a task knows. Features that templates make
/// are not counted: lines without macros make some that every model knows.
pub(super) fn count(task: &Sequence, record: &Record) -> (usize, usize) {
    let Body::Tokens(tokens) = &record.body else { return (0, 0) };
    let (mut all, mut known) = (0, 0);
    for token in tokens {
        match (&token.features, task.features()) {
            (Given::Ids(features), Features::Ids(ids)) => {
                all += features.len();
                known += features.iter().filter(|f| ids.index(f.index).is_some()).count();
            }
            (Given::Names(names), Features::Names(words)) => {
                all += names.len();
                known += names.iter().filter(|(name, _)| words.index(name).is_some()).count();
            }
            _ => {}
        }
    }
    (all, known)
}
