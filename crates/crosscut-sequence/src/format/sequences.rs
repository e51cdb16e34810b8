//! [`Sequences`]: tokens of files, put together; [`Names`]: the numbers of named features.

use std::collections::BTreeMap;
use std::mem;

use crosscut::{Feature, SparseRows};
use crosscut_app::{Error, Item, Items};
use crosscut_data::scaling::{Coarse, Columns, Scaling};
use crosscut_data::text::name;
use crosscut_data::{FeatureIds, Labels, Words};

use super::template::Template;
use crate::chunks::Notation;
use crate::constraint::Scheme;
use crate::tags::{Tag, Tags};
use crate::task::Sequence;

/// Names of features while a file is read.
pub(super) enum Names<'n> {
    /// Names never seen before are added.
    Learn(&'n mut Words),
    /// Names never seen before are ignored.
    Known(&'n Words),
}

impl Names<'_> {
    /// The index of a feature, if it has one.
    ///
    /// # Errors
    /// A name too many.
    pub fn index(&mut self, name: &str) -> Result<Option<u32>, String> {
        match self {
            Self::Learn(words) => words.insert(name).map(Some),
            Self::Known(words) => Ok(words.index(name)),
        }
    }
}

/// The sequences of a file, while it is read and after.
pub(super) struct Sequences<'f> {
    file: &'f str,
    purpose: Purpose<'f>,
    /// All tags of the file.
    tags: Words,
    done: Vec<Raw>,
    /// The sequence that is being read.
    open: Option<Raw>,
    /// The line of its last token.
    line: u64,
    /// If a scheme says which tags may follow each other: those that do, and the line of the first
    /// time. `None` is the beginning or the end of a sequence.
    follows: BTreeMap<(Option<u32>, Option<u32>), u64>,
    /// Whether to keep what rounding took from values, for scaling.
    precise: bool,
    /// Where values are kept as they are: whether they lose much by rounding.
    coarse: Coarse,
}

/// What sequences are read for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Purpose<'t> {
    /// All tokens must have tags, and tags must follow each other as the scheme says.
    Learn(Option<Scheme>),
    /// Some sequences may have no tags, and none may be longer than a table is made for.
    Predict(&'t Sequence),
}

/// A sequence with tags, and possibly features, as numbers that will change.
#[derive(Default)]
struct Raw {
    rows: SparseRows,
    /// What rounding took from the values of the rows; no rows if it is not kept.
    rests: SparseRows,
    /// Empty if the tokens have no tags.
    tags: Vec<u32>,
    text: String,
    weight: f64,
}

impl<'f> Sequences<'f> {
    /// None yet. `file` is for messages.
    pub fn new(file: &'f str, purpose: Purpose<'f>, precise: bool) -> Self {
        Self {
            file,
            purpose,
            tags: Words::default(),
            done: Vec::new(),
            open: None,
            line: 0,
            precise,
            coarse: Coarse::default(),
            follows: BTreeMap::new(),
        }
    }

    /// Begins a sequence.
    pub fn begin(&mut self, weight: f64) {
        self.open = Some(Raw { weight, ..Raw::default() });
    }

    /// Whether a sequence has begun and not ended.
    pub fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// Adds a token to the sequence that has begun. `features` are sorted, and values of the same
    /// one added up.
    ///
    /// # Errors
    /// A token without a tag where others have one or all must; a tag that may not stand there;
    /// sums that overflow.
    pub fn push(
        &mut self,
        line: u64,
        tag: Option<&str>,
        features: &mut Vec<Feature>,
    ) -> Result<(), Error> {
        self.push_with(line, tag, features, &mut Vec::new())
    }

    /// [`push`](Self::push) for values from which rounding has taken `rest`.
    ///
    /// # Errors
    /// Those of `push`.
    pub fn push_with(
        &mut self,
        line: u64,
        tag: Option<&str>,
        features: &mut Vec<Feature>,
        rest: &mut Vec<Feature>,
    ) -> Result<(), Error> {
        let refuse = |message: String| Error::line(self.file, line, message);
        let open = self.open.get_or_insert_default();
        let tag = tag.map(name).transpose().map_err(refuse)?.filter(|tag| !tag.is_empty());
        if let Some(tag) = tag {
            if open.tags.len() < open.rows.len() {
                return Err(refuse(format!(
                    "expected no tag, as at the first token of the sequence, found `{tag}`"
                )));
            }
            let tag = self.tags.insert(tag).map_err(refuse)?;
            if let Purpose::Learn(Some(_)) = self.purpose {
                self.follows.entry((open.tags.last().copied(), Some(tag))).or_insert(line);
            }
            open.tags.push(tag);
        } else if matches!(self.purpose, Purpose::Learn(_)) {
            return Err(refuse("expected a tag to learn from, found none".to_owned()));
        } else if !open.tags.is_empty() {
            return Err(refuse(
                "expected a tag, as at the first token of the sequence, found none".to_owned(),
            ));
        }
        add_equal(features);
        add_equal(rest);
        if self.precise {
            open.rests.push(rest).map_err(|error| refuse(error.to_string()))?;
        } else {
            self.coarse.see(features, rest);
        }
        features.retain(|feature| feature.value != 0.0);
        open.rows.push(features).map_err(|_| {
            refuse("expected weights of an attribute that add up to a number finite in single precision".to_owned())
        })?;
        self.line = line;
        match self.purpose {
            Purpose::Predict(task) if open.rows.len() > task.most_tokens() => {
                Err(refuse(task.too_long()))
            }
            _ => Ok(()),
        }
    }

    /// Whether text is kept, beside which predictions may be written.
    pub fn keeps_text(&self) -> bool {
        matches!(self.purpose, Purpose::Predict(_))
    }

    /// Keeps text with the sequence that has begun, or else with the last one. Returns whether there
    /// is one, if text is kept at all.
    pub fn keep_text(&mut self, text: &str) -> bool {
        if !self.keeps_text() {
            return true;
        }
        let raw = self.open.as_mut().or(self.done.last_mut());
        raw.map(|raw| raw.text.push_str(text)).is_some()
    }

    /// Ends the sequence, if one has begun.
    pub fn end(&mut self) {
        let Some(mut raw) = self.open.take() else { return };
        if let (Purpose::Learn(Some(_)), Some(&tag)) = (self.purpose, raw.tags.last()) {
            self.follows.entry((Some(tag), None)).or_insert(self.line);
        }
        raw.rows.shrink_to_fit();
        raw.rests.shrink_to_fit();
        raw.tags.shrink_to_fit();
        raw.text.shrink_to_fit();
        self.done.push(raw);
    }

    /// Takes out the rows of the sequences that are done; their tags stay known.
    pub fn take_rows(&mut self) -> impl Iterator<Item = SparseRows> {
        mem::take(&mut self.done).into_iter().map(|raw| raw.rows)
    }

    /// The rows of the sequences that are done, token by token.
    pub fn rows(&self) -> impl Iterator<Item = &[Feature]> {
        self.done.iter().flat_map(|raw| raw.rows.iter()).map(|row| row.features())
    }

    /// Adds the tokens of the sequences that are done, whose features are indices.
    pub fn add_to(&self, statistics: &mut Columns) {
        for raw in &self.done {
            for (at, row) in raw.rows.iter().enumerate() {
                statistics.add(row.features(), raw.rests.row(at).features());
            }
        }
    }

    /// Scales the features of the sequences that are done, which are indices.
    pub fn scale(&mut self, scaling: &Scaling) {
        for raw in &mut self.done {
            let rests = mem::take(&mut raw.rests);
            raw.rows = scaling.apply_all(mem::take(&mut raw.rows), &rests);
        }
    }

    /// A note on features that lose much by rounding, if there are any. `index` gives the index of
    /// an id, and `name` the name of an index.
    pub fn coarse(
        &mut self,
        index: impl Fn(u32) -> Option<u32>,
        name: impl Fn(usize) -> String,
    ) -> Option<String> {
        mem::take(&mut self.coarse).note(self.rows(), index, name)
    }

    /// An error at a line of the file.
    pub fn refuse(&self, line: u64, message: String) -> Error {
        Error::line(self.file, line, message)
    }

    /// The tags of the file.
    ///
    /// # Errors
    /// The first tag that may not stand where it does; a scheme for tags that mark no chunks.
    pub fn tags(&self) -> Result<Labels, Error> {
        let tags = Labels::collect((0..self.tags.len() as u32).map(|tag| self.tags.name(tag)));
        let Purpose::Learn(Some(scheme)) = self.purpose else { return Ok(tags) };
        let notation = Notation::closest(&tags);
        let name = |tag: Option<u32>| tag.map(|tag| self.tags.name(tag));
        let breaches = self
            .follows
            .iter()
            .filter(|((before, after), _)| !scheme.allows(notation, name(*before), name(*after)));
        // A sequence may begin and end in one line.
        if let Some((&(before, after), &line)) =
            breaches.min_by_key(|((_, after), line)| (**line, after.is_none()))
        {
            let (tag, place) = match (name(before), name(after)) {
                (Some(before), Some(tag)) => (tag, format!("after {before}")),
                (_, Some(tag)) => (tag, "at the beginning of a sequence".to_owned()),
                (tag, None) => (tag.unwrap_or_default(), "at the end of a sequence".to_owned()),
            };
            return Err(self.refuse(line, breach(scheme, tag, &place)));
        }
        if tags.iter().any(|tag| notation.marks(tag)) {
            return Ok(tags);
        }
        let found = tags.iter().next().unwrap_or("none");
        let message =
            format!("expected tags that mark chunks, as B-NP, beside --constrain, found {found}");
        Err(Error::file(self.file, message))
    }

    /// The ids that at least so many tokens have. From now on features are indices of these ids.
    pub fn collect_ids(&mut self, min_count: usize) -> FeatureIds {
        let ids = FeatureIds::collect(self.rows());
        self.number(&ids);
        match self.drop_rare(ids.len(), min_count) {
            None => ids,
            Some(kept) => FeatureIds::Listed(
                (0..ids.len()).filter(|&id| kept[id].is_some()).map(|id| ids.id(id)).collect(),
            ),
        }
    }

    /// From now on features are indices of these ids, and all others gone.
    pub fn number(&mut self, ids: &FeatureIds) {
        self.renumber(|id| ids.index(id));
    }

    /// Drops the names that fewer tokens have.
    pub fn keep_frequent(&mut self, names: &mut Words, min_count: usize) {
        if let Some(kept) = self.drop_rare(names.len(), min_count) {
            names.retain(|index| kept[index as usize].is_some());
        }
    }

    /// Drops features that fewer tokens have, and returns the new index of each old one; `None` if
    /// all of them stay.
    fn drop_rare(&mut self, features: usize, min_count: usize) -> Option<Vec<Option<u32>>> {
        if min_count <= 1 {
            return None;
        }
        let mut counts = vec![0_usize; features];
        for feature in self.rows().flatten() {
            counts[feature.index as usize] += 1;
        }
        let mut next = 0..;
        let kept: Vec<Option<u32>> = counts
            .into_iter()
            .map(|count| if count >= min_count { next.next() } else { None })
            .collect();
        self.renumber(|index| kept[index as usize]);
        Some(kept)
    }

    /// Gives features new numbers, or drops them.
    fn renumber(&mut self, number: impl Fn(u32) -> Option<u32>) {
        let mut features: Vec<Feature> = Vec::new();
        for rows in self.done.iter_mut().flat_map(|raw| [&mut raw.rows, &mut raw.rests]) {
            for row in mem::take(rows).iter() {
                let renumbered =
                    |feature: &Feature| Some(Feature { index: number(feature.index)?, ..*feature });
                features.clear();
                features.extend(row.features().iter().filter_map(renumbered));
                features.sort_unstable_by_key(|feature| feature.index);
                rows.push(&features).expect("different features have different new numbers");
            }
            rows.shrink_to_fit();
        }
    }

    /// Puts the features of pairs of tags behind all others, and returns how many there are.
    pub fn put_pairs_last(&mut self, names: &mut Words) -> usize {
        let (pairs, numbers) = pairs_last(names);
        if pairs > 0 {
            self.renumber(|index| Some(numbers[index as usize]));
        }
        pairs
    }

    /// The sequences, with tags as positions among those of a task.
    pub fn finish(self, task: &Sequence) -> Items<Sequence> {
        let Self { tags: names, done, .. } = self;
        let known: Vec<Option<Tag>> = (0..names.len() as u32)
            .map(|tag| task.tags().index(names.name(tag)).map(Tag::new))
            .collect();
        let item = |Raw { rows, tags, text, weight, .. }| {
            let mut y = Tags::default();
            for &tag in &tags {
                match known[tag as usize] {
                    Some(tag) => y.push(tag),
                    None => y.push_unknown(names.name(tag)),
                }
            }
            let x = task.tokens(rows);
            let x = if text.is_empty() { x } else { x.with_text(text) };
            Item { x, y: (!tags.is_empty()).then_some(y), weight }
        };
        done.into_iter().map(item).collect()
    }
}

/// Puts the names of features of pairs of tags behind all others. Returns their number, and the new
/// number of each name.
pub(super) fn pairs_last(names: &mut Words) -> (usize, Vec<u32>) {
    let (pairs, singles): (Vec<u32>, Vec<u32>) =
        (0..names.len() as u32).partition(|&index| Template::is_of_pairs(names.name(index)));
    let (mut moved, mut numbers) = (Words::default(), vec![0; names.len()]);
    for &index in singles.iter().chain(&pairs) {
        numbers[index as usize] =
            moved.insert(names.name(index)).expect("no more names than before");
    }
    *names = moved;
    (pairs.len(), numbers)
}

/// Sorts features, and adds up the values of the same one.
fn add_equal(features: &mut Vec<Feature>) {
    features.sort_unstable_by_key(|feature| feature.index);
    features.dedup_by(|next, kept| {
        let same = next.index == kept.index;
        kept.value += if same { next.value } else { 0.0 };
        same
    });
}

fn breach(scheme: Scheme, tag: &str, place: &str) -> String {
    let name = match scheme {
        Scheme::Bio => "bio",
        Scheme::Bioes => "bioes",
    };
    format!(
        "--constrain {name} allows no tag {tag} {place}: mend the tags, or leave the option out"
    )
}
