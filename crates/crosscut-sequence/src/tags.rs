//! [`Tag`], [`Tags`], [`Tokens`]: what goes in and what comes out.

use crosscut::{Feature, RowError, SparseRows};

/// A tag: its position in the order of the task's tags.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag(u16);

impl Tag {
    /// A tag that the model has never seen. It only occurs in data to be evaluated, where every
    /// prediction is an error.
    pub const UNKNOWN: Tag = Tag(u16::MAX);
    /// The most tags a task may have.
    pub const MOST: usize = u16::MAX as usize;

    /// The tag at a position; [`UNKNOWN`](Self::UNKNOWN) from [`MOST`](Self::MOST) on.
    pub fn new(index: usize) -> Self {
        Self(u16::try_from(index).unwrap_or(u16::MAX))
    }

    /// Its position.
    #[inline]
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// y: one tag for each token.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tags {
    tags: Vec<Tag>,
    /// What the unknown tags are called, by token.
    strangers: Vec<(u32, Box<str>)>,
}

impl Tags {
    /// Tags, token by token.
    pub fn new(tags: Vec<Tag>) -> Self {
        Self { tags, strangers: Vec::new() }
    }

    /// Appends a tag that the model has never seen.
    pub fn push_unknown(&mut self, name: &str) {
        self.strangers.push((self.tags.len() as u32, name.into()));
        self.tags.push(Tag::UNKNOWN);
    }

    /// Appends a tag.
    pub fn push(&mut self, tag: Tag) {
        self.tags.push(tag);
    }

    /// The tags in the order of the tokens.
    pub fn as_slice(&self) -> &[Tag] {
        &self.tags
    }

    /// What the unknown tag of a token is called in its file.
    pub fn stranger(&self, token: usize) -> Option<&str> {
        let at = self.strangers.binary_search_by_key(&token, |(token, _)| *token as usize).ok()?;
        Some(&self.strangers[at].1)
    }

    /// How many tokens there are.
    pub fn len(&self) -> usize {
        self.tags.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.tags.is_empty()
    }
}

impl From<Vec<usize>> for Tags {
    /// Positions in the order of the task's tags.
    fn from(indices: Vec<usize>) -> Self {
        Self::new(indices.into_iter().map(Tag::new).collect())
    }
}

/// x: one sparse row of features for each token, and possibly another one for pairs of tags.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tokens {
    rows: SparseRows,
    /// The features of each token for its tag and the one before, if they are not those of `rows`.
    pair_rows: Option<SparseRows>,
    /// The lines of the file, where predictions are to be written beside them.
    text: Option<Box<str>>,
}

impl Tokens {
    /// Tokens with zero-based features.
    pub fn new(rows: SparseRows) -> Self {
        Self { rows, pair_rows: None, text: None }
    }

    /// Tokens from lists of features.
    ///
    /// # Errors
    /// Features out of order or not finite.
    pub fn from_features(tokens: &[Vec<Feature>]) -> Result<Self, RowError> {
        let mut rows = SparseRows::default();
        tokens.iter().try_for_each(|token| rows.push(token))?;
        Ok(Self::new(rows))
    }

    /// Sets the features for pairs of tags, one row a token, for a task with [features of
    /// pairs](crate::Sequence::with_pair_features).
    pub fn with_pair_rows(self, rows: SparseRows) -> Self {
        Self { pair_rows: Some(rows), ..self }
    }

    /// Keeps the lines these tokens were read from, separated by line breaks: one a token, except
    /// that those of CoNLL-U have more.
    pub fn with_text(self, text: impl Into<Box<str>>) -> Self {
        Self { text: Some(text.into()), ..self }
    }

    /// The rows, one a token.
    pub fn rows(&self) -> &SparseRows {
        &self.rows
    }

    /// The rows for pairs of tags, if they are not the same.
    pub fn pair_rows(&self) -> Option<&SparseRows> {
        self.pair_rows.as_ref()
    }

    /// Gives each feature of the tokens a new number. Rows for pairs of tags begin with the feature
    /// `first`.
    pub(crate) fn renumber(&mut self, first: u32, number: impl Fn(u32) -> u32) {
        self.rows.renumber(&number);
        if let Some(rows) = &mut self.pair_rows {
            rows.renumber(|at| at.checked_add(first).map_or(at, |old| number(old) - first));
        }
    }

    /// The lines these tokens were read from.
    pub fn text(&self) -> Option<&str> {
        self.text.as_deref()
    }

    /// How many tokens there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}
