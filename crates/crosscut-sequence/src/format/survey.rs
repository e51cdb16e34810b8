//! [`Survey`]: what is in a training file; [`Surveyor`], which takes in a sequence.

use std::collections::{BTreeMap, HashMap};

use crosscut::Feature;
use crosscut_app::{Error, File};
use crosscut_data::scaling::{Coarse, ColumnsById, Method};
use crosscut_data::{FeatureIds, Labels, SeenIds, Words};
use serde::{Deserialize, Serialize};

use super::kind::Choices;
use super::record::{Numbers, Surveyed};
use super::template::Template;
use crate::chunks::Notation;
use crate::constraint::Scheme;
use crate::task::Features;

/// What is in a training file.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Survey {
    /// Its tags.
    pub(super) tags: Words,
    /// Names of features.
    words: Words,
    /// Ids of features.
    seen: SeenIds,
    /// How many tokens have a feature, where some are dropped.
    counts: Counts,
    /// If a scheme says which tags may follow each other: those that do, and the line of the first
    /// time. `None` is the beginning or the end of a sequence.
    follows: BTreeMap<(Option<u32>, Option<u32>), u64>,
    /// The values of features, where they are scaled.
    pub(super) statistics: ColumnsById,
    /// Where values are kept as they are: whether they lose much by rounding.
    pub(super) coarse: Coarse,
}

/// The features of a training file.
pub(super) struct Found {
    pub features: Features,
    /// How many of them, the last ones, are of pairs of tags.
    pub pairs: usize,
    /// The number that each name has among them, if it is not the one it had in the survey.
    pub numbers: Option<Vec<Option<u32>>>,
}

impl Survey {
    /// The tags.
    ///
    /// # Errors
    /// The first one that may not stand where it does; a scheme for tags that mark no chunks.
    pub fn labels(&self, scheme: Option<Scheme>, file: &File<'_>) -> Result<Labels, Error> {
        let tags = Labels::collect((0..self.tags.len() as u32).map(|tag| self.tags.name(tag)));
        let Some(scheme) = scheme else { return Ok(tags) };
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
            return Err(Error::line(file.name(), line, breach(scheme, tag, &place)));
        }
        if tags.iter().any(|tag| notation.marks(tag)) {
            return Ok(tags);
        }
        let found = tags.iter().next().unwrap_or("none");
        Err(file.refuse(format!(
            "expected tags that mark chunks, as B-NP, beside --constrain, found {found}"
        )))
    }

    /// Adds what is in a later part of the file. Features have ids, or else names.
    ///
    /// # Errors
    /// A tag or a name too many.
    pub fn merge(&mut self, later: Self, has_ids: bool) -> Result<(), String> {
        let tags = self.tags.merge(&later.tags)?;
        let words = self.words.merge(&later.words)?;
        let number = |number: u32| if has_ids { number } else { words[number as usize] };
        self.seen.merge(later.seen);
        later.counts.iter().for_each(|(feature, times)| self.counts.add(number(feature), times));
        for ((before, after), line) in later.follows {
            let pair = [before, after].map(|tag| tag.map(|tag| tags[tag as usize]));
            self.follows.entry(pair.into()).or_insert(line);
        }
        self.statistics.merge(&later.statistics, number);
        self.coarse.merge(later.coarse);
        Ok(())
    }

    /// The number of a name, if it has one yet.
    pub fn number(&self, name: &str) -> Option<u32> {
        self.words.index(name)
    }

    /// The number of different names.
    pub fn names(&self) -> usize {
        self.words.len()
    }

    /// The features that at least so many tokens have: those with ids, or those with names.
    pub(super) fn features(&mut self, has_ids: bool, min_count: usize) -> Found {
        let drops = min_count > 1;
        let is_kept = |number: u32| self.counts.get(number) >= min_count;
        if has_ids {
            let mut ids = std::mem::take(&mut self.seen).finish();
            if drops {
                let all = (0..ids.len()).map(|index| ids.id(index));
                ids = FeatureIds::Listed(all.filter(|&id| is_kept(id)).collect());
            }
            return Found { features: Features::Ids(ids), pairs: 0, numbers: None };
        }
        let mut words = std::mem::take(&mut self.words);
        let mut numbers = None;
        if drops {
            let mut next = 0..;
            let number = |word| if is_kept(word) { next.next() } else { None };
            numbers = Some((0..words.len() as u32).map(number).collect());
            words.retain(is_kept);
        }
        Found { features: Features::Names(words), pairs: 0, numbers }
    }
}

impl Found {
    /// Puts the features of pairs of tags behind all others.
    pub fn put_pairs_last(&mut self) {
        let Features::Names(words) = &mut self.features else { return };
        let (pairs, singles): (Vec<u32>, Vec<u32>) =
            (0..words.len() as u32).partition(|&index| Template::is_of_pairs(words.name(index)));
        let (mut moved, mut places) = (Words::default(), vec![0; words.len()]);
        for &index in singles.iter().chain(&pairs) {
            places[index as usize] =
                moved.insert(words.name(index)).expect("no more names than before");
        }
        *words = moved;
        self.pairs = pairs.len();
        let place = |number: u32| places[number as usize];
        self.numbers = Some(match self.numbers.take() {
            None => places.iter().copied().map(Some).collect(),
            Some(numbers) => numbers.into_iter().map(|number| number.map(place)).collect(),
        });
    }
}

/// Takes in a sequence.
pub(super) struct Surveyor<'s> {
    pub survey: &'s mut Survey,
    pub choices: &'s Choices,
    pub has_ids: bool,
    /// The last tag, and its line.
    last: Option<(u32, u64)>,
    surveyed: Surveyed,
}

impl<'s> Surveyor<'s> {
    pub fn new(survey: &'s mut Survey, choices: &'s Choices, has_ids: bool) -> Self {
        Self { survey, choices, has_ids, last: None, surveyed: Surveyed::default() }
    }

    /// What is kept of the sequence.
    pub fn finish(self) -> Surveyed {
        let Self { survey, choices, last, mut surveyed, .. } = self;
        if let (Some(_), Some((tag, line))) = (choices.scheme, last) {
            survey.follows.entry((Some(tag), None)).or_insert(line);
        }
        surveyed.rows.shrink_to_fit();
        surveyed.rests.shrink_to_fit();
        surveyed.tags.shrink_to_fit();
        surveyed
    }
}

impl Numbers for Surveyor<'_> {
    fn id(&self, id: u32) -> Option<u32> {
        Some(id)
    }

    fn name(&mut self, name: &str) -> Result<Option<u32>, String> {
        self.survey.words.insert(name).map(Some)
    }

    fn tag(&mut self, line: u64, tag: &str) -> Result<(), String> {
        let tag = self.survey.tags.insert(tag)?;
        if self.choices.scheme.is_some() {
            let before = self.last.map(|(tag, _)| tag);
            self.survey.follows.entry((before, Some(tag))).or_insert(line);
        }
        self.last = Some((tag, line));
        self.surveyed.tags.push(tag);
        Ok(())
    }

    fn row(&mut self, row: &[Feature], rest: &[Feature]) -> Result<(), String> {
        let Survey { seen, counts, statistics, coarse, .. } = &mut *self.survey;
        let scales = self.choices.scale != Method::None;
        if self.has_ids {
            seen.add(row);
        }
        if self.choices.min_count > 1 {
            row.iter().for_each(|feature| counts.add(feature.index, 1));
        }
        if scales {
            statistics.add(row, rest);
            self.surveyed.rests.push(rest).map_err(|error| error.to_string())?;
        } else if self.has_ids {
            coarse.see(row, rest);
        }
        self.surveyed.rows.push(row).map_err(|error| error.to_string())
    }
}

/// How often numbers occur.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Counts {
    /// Of numbers below [`SMALL`](Self::SMALL).
    small: Vec<usize>,
    large: HashMap<u32, usize>,
}

impl Counts {
    /// Numbers below this are counted without a hash.
    const SMALL: u32 = 1 << 20;

    fn add(&mut self, number: u32, times: usize) {
        if number >= Self::SMALL {
            *self.large.entry(number).or_default() += times;
            return;
        }
        let number = number as usize;
        if number >= self.small.len() {
            self.small.resize(number + 1, 0);
        }
        self.small[number] += times;
    }

    /// All numbers that occur, and how often.
    fn iter(&self) -> impl Iterator<Item = (u32, usize)> {
        let large = self.large.iter().map(|(&number, &times)| (number, times));
        (0..).zip(self.small.iter().copied()).filter(|(_, times)| *times > 0).chain(large)
    }

    fn get(&self, number: u32) -> usize {
        let small = self.small.get(number as usize);
        small.or_else(|| self.large.get(&number)).copied().unwrap_or(0)
    }
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
