//! [`Scheme`]: which tags may follow each other where tags mark chunks.

use crosscut_data::Labels;
use serde::{Deserialize, Serialize};

use crate::chunks::Notation;

/// Which letters tags have, and in which order. [`Notation`] says how tags are written, and which
/// other letters mean the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Scheme {
    /// `B` begins every chunk and `I` continues it; everything else is outside (IOB2). `E` and `S`
    /// may not occur.
    Bio,
    /// `B` begins a chunk of two or more tokens, `I` continues it, `E` ends it; `S` is a chunk of
    /// one; everything else is outside.
    Bioes,
}

impl Scheme {
    /// Whether a tag may stand after another; `None` is the beginning or the end of a sequence.
    pub fn allows(self, notation: Notation, before: Option<&str>, after: Option<&str>) -> bool {
        let (from, kind) = before.map_or(('O', ""), |tag| notation.split(tag));
        let (to, next) = after.map_or(('O', ""), |tag| notation.split(tag));
        match self {
            Self::Bio => match (from, to) {
                (_, 'E' | 'S') | ('E' | 'S', _) => false,
                ('B' | 'I', 'I') => kind == next,
                (_, to) => to != 'I',
            },
            Self::Bioes => match (from, to) {
                ('B' | 'I', 'I' | 'E') => kind == next,
                ('B' | 'I', _) => false,
                (_, to) => !matches!(to, 'I' | 'E'),
            },
        }
    }
}

/// What a scheme forbids, as numbers to add to scores: 0, or −∞.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Penalties {
    /// How the tags are read.
    pub notation: Notation,
    /// k numbers: beginning with a tag.
    pub start: Vec<f64>,
    /// k · k numbers: a tag (row) before another.
    pub pairs: Vec<f64>,
    /// k numbers: ending with a tag.
    pub end: Vec<f64>,
}

impl Penalties {
    pub fn new(scheme: Scheme, tags: &Labels) -> Self {
        let notation = Notation::closest(tags);
        let penalty = |before, after| {
            if scheme.allows(notation, before, after) { 0.0 } else { f64::NEG_INFINITY }
        };
        Self {
            notation,
            start: tags.iter().map(|tag| penalty(None, Some(tag))).collect(),
            pairs: tags
                .iter()
                .flat_map(|a| tags.iter().map(move |b| penalty(Some(a), Some(b))))
                .collect(),
            end: tags.iter().map(|tag| penalty(Some(tag), None)).collect(),
        }
    }
}
