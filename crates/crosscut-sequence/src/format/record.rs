//! [`Record`]: a sequence as it stands in a file; [`Numbers`], by which its names become numbers.

use crosscut::{Feature, SparseRows};
use crosscut_data::text::name;

use super::columns::Columns;
use super::sentence::Sentence;

/// A sequence of a file.
#[derive(Debug)]
pub struct Record {
    pub(super) weight: f64,
    pub(super) body: Body,
}

#[derive(Debug)]
pub(super) enum Body {
    /// Tokens that stand in the file with their features.
    Tokens(Vec<Token>),
    /// Tokens in columns, from which features are made.
    Sentence(Sentence),
    /// What is kept of either once it has been surveyed.
    Surveyed(Surveyed),
}

/// A token with its features.
#[derive(Debug)]
pub(super) struct Token {
    pub line: u64,
    /// As [`tag`] returns it; `None` for a token without one.
    pub tag: Option<Box<str>>,
    pub features: Given,
    /// What rounding took from their values, where it took something: by id, or by the position of
    /// the name.
    pub rest: Vec<Feature>,
}

/// The features of a token.
#[derive(Debug)]
pub(super) enum Given {
    /// By ids, which increase.
    Ids(Vec<Feature>),
    /// By names.
    Names(Attributes),
}

/// Names of features with their values.
#[derive(Debug, Default)]
pub(super) struct Attributes {
    /// All names, one after the other.
    text: String,
    /// Where each name ends, and its value.
    ends: Vec<(u32, f32)>,
    /// The number of each name, or [`UNKNOWN`](Self::UNKNOWN); empty if none was looked up.
    numbers: Vec<u32>,
}

/// A sequence whose names are numbers, and are gone.
#[derive(Debug, Default)]
pub(super) struct Surveyed {
    /// With ids as in the file, or the numbers that names have among all of the file.
    pub rows: SparseRows,
    /// What rounding took from the values of the rows; no rows if it is not kept.
    pub rests: SparseRows,
    /// The numbers of the tags among all of the file.
    pub tags: Vec<u32>,
}

/// Gives the features and tags of a sequence their numbers, and takes the tokens.
pub(super) trait Numbers {
    /// The number of a feature with an id, if it has one. Numbers increase with ids.
    fn id(&self, id: u32) -> Option<u32>;

    /// The number of a feature with a name, if it has one.
    ///
    /// # Errors
    /// A name too many.
    fn name(&mut self, name: &str) -> Result<Option<u32>, String>;

    /// Takes the tag of the next token, which is in this line.
    ///
    /// # Errors
    /// A tag too many.
    fn tag(&mut self, line: u64, tag: &str) -> Result<(), String>;

    /// Takes the features of the next token, by number, and what rounding took from their values.
    ///
    /// # Errors
    /// Those of [`SparseRows::push`].
    fn row(&mut self, row: &[Feature], rest: &[Feature]) -> Result<(), String>;
}

/// A tag as it was written, trimmed; `None` if nothing is left.
///
/// # Errors
/// A tag that cannot be seen.
pub(super) fn tag(text: &str) -> Result<Option<&str>, String> {
    Ok(Some(name(text)?).filter(|tag| !tag.is_empty()))
}

impl Record {
    /// A sequence without tokens.
    pub fn new(weight: f64) -> Self {
        Self { weight, body: Body::Tokens(Vec::new()) }
    }

    /// The line of its first token.
    pub fn line(&self) -> u64 {
        match &self.body {
            Body::Tokens(tokens) => tokens.first().map_or(0, |token| token.line),
            Body::Sentence(sentence) => sentence.line(),
            Body::Surveyed(_) => 0,
        }
    }

    /// How many tokens there are.
    pub fn len(&self) -> usize {
        match &self.body {
            Body::Tokens(tokens) => tokens.len(),
            Body::Sentence(sentence) => sentence.len(),
            Body::Surveyed(surveyed) => surveyed.rows.len(),
        }
    }

    /// Adds a token. To learn from them, all must have tags; else all or none.
    ///
    /// # Errors
    /// A token that has a tag, or has none, where it must not.
    pub(super) fn push(&mut self, token: Token, learns: bool) -> Result<(), String> {
        let Body::Tokens(tokens) = &mut self.body else { return Ok(()) };
        let is_first_tagged = tokens.first().map(|first| first.tag.is_some());
        match (&token.tag, is_first_tagged) {
            (None, _) if learns => Err("expected a tag to learn from, found none".to_owned()),
            (None, Some(true)) => {
                Err("expected a tag, as at the first token of the sequence, found none".to_owned())
            }
            (Some(tag), Some(false)) => Err(format!(
                "expected no tag, as at the first token of the sequence, found `{tag}`"
            )),
            _ => {
                tokens.push(token);
                Ok(())
            }
        }
    }

    /// Makes the features of a sentence, and looks up names.
    ///
    /// A sentence with an error stays as it is, so that [`number`](Self::number) finds the error.
    pub(super) fn anticipate(
        &mut self,
        columns: Option<&Columns>,
        number: impl Fn(&str) -> Option<u32>,
    ) {
        if let (Body::Sentence(sentence), Some(columns)) = (&self.body, columns) {
            let (tokens, names) = (Vec::with_capacity(sentence.len()), Attributes::default());
            let mut expanded = Expanded { number, tokens, tag: None, names };
            if columns.number(sentence, &mut expanded).is_ok() {
                self.body = Body::Tokens(expanded.tokens);
            }
        } else if let Body::Tokens(tokens) = &mut self.body {
            for token in tokens {
                if let Given::Names(names) = &mut token.features {
                    names.look_up(&number);
                }
            }
        }
    }

    /// Passes on the tokens with their numbers; none if it has been surveyed. `columns` are those of
    /// its file.
    ///
    /// # Errors
    /// Those of `numbers`; values of the same feature whose sum overflows; names that are too long.
    pub(super) fn number(
        &self,
        columns: Option<&Columns>,
        numbers: &mut impl Numbers,
    ) -> Result<(), String> {
        match (&self.body, columns) {
            (Body::Tokens(tokens), _) => {
                let (mut row, mut rest) = (Vec::new(), Vec::new());
                for (at, token) in tokens.iter().enumerate() {
                    if let Some(tag) = &token.tag {
                        numbers.tag(token.line, tag)?;
                    }
                    token.number(&mut row, &mut rest, numbers).map_err(|error| error.at(at))?;
                    numbers.row(&row, &rest)?;
                }
                Ok(())
            }
            (Body::Sentence(sentence), Some(columns)) => columns.number(sentence, numbers),
            _ => Ok(()),
        }
    }
}

impl Token {
    /// Writes its features by number.
    fn number(
        &self,
        row: &mut Vec<Feature>,
        rest: &mut Vec<Feature>,
        numbers: &mut impl Numbers,
    ) -> Result<(), Refused> {
        let with_number = |feature: &Feature, number| Feature { index: number, ..*feature };
        row.clear();
        rest.clear();
        match &self.features {
            Given::Ids(features) => {
                for (from, to) in [(features, row), (&self.rest, rest)] {
                    let known = from.iter();
                    to.extend(known.filter_map(|f| Some(with_number(f, numbers.id(f.index)?))));
                }
                Ok(())
            }
            Given::Names(names) => {
                let mut rests = self.rest.iter().peekable();
                for (at, (name, value)) in (0..).zip(names.iter()) {
                    let taken = rests.next_if(|rest| rest.index == at);
                    let index = match names.number(at as usize) {
                        None => numbers.name(name)?,
                        known => known,
                    };
                    let Some(index) = index else { continue };
                    row.push(Feature { index, value });
                    rest.extend(taken.map(|taken| with_number(taken, index)));
                }
                add_equal(rest);
                put_in_order(row)
            }
        }
    }
}

impl Attributes {
    /// Nothing yet, with room for so many bytes of names and so many names.
    pub fn with_capacity(bytes: usize, names: usize) -> Self {
        let (text, ends) = (String::with_capacity(bytes), Vec::with_capacity(names));
        Self { text, ends, numbers: Vec::new() }
    }

    /// Adds a name, if all together have less than 4 GiB, as those of a line have.
    pub fn push(&mut self, name: &str, value: f32) {
        self.text.push_str(name);
        self.ends.push((self.text.len() as u32, value));
    }

    /// The names and their values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, f32)> {
        let mut start = 0;
        self.ends.iter().map(move |&(end, value)| {
            let name = &self.text[start..end as usize];
            start = end as usize;
            (name, value)
        })
    }

    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// In place of the number of a name that is not known. No name has it.
    const UNKNOWN: u32 = u32::MAX;

    /// Keeps the numbers of names that `number` knows.
    fn look_up(&mut self, number: impl Fn(&str) -> Option<u32>) {
        let found = self.iter().map(|(name, _)| number(name).unwrap_or(Self::UNKNOWN));
        self.numbers = found.collect();
    }

    /// Adds a name that was looked up. Its text is kept only if it is not known.
    fn push_found(&mut self, name: &str, number: Option<u32>) {
        self.push(if number.is_none() { name } else { "" }, 1.0);
        self.numbers.push(number.unwrap_or(Self::UNKNOWN));
    }

    /// The number of a name, if it was looked up and known.
    fn number(&self, at: usize) -> Option<u32> {
        self.numbers.get(at).copied().filter(|&number| number != Self::UNKNOWN)
    }
}

/// The tokens of a sentence with the names of their features, looked up by `number`.
struct Expanded<N> {
    number: N,
    tokens: Vec<Token>,
    /// Of the next token.
    tag: Option<(u64, Box<str>)>,
    names: Attributes,
}

impl<N: Fn(&str) -> Option<u32>> Numbers for Expanded<N> {
    fn id(&self, _: u32) -> Option<u32> {
        None
    }

    fn name(&mut self, name: &str) -> Result<Option<u32>, String> {
        self.names.push_found(name, (self.number)(name));
        Ok(None)
    }

    fn tag(&mut self, line: u64, tag: &str) -> Result<(), String> {
        self.tag = Some((line, tag.into()));
        Ok(())
    }

    fn row(&mut self, _: &[Feature], _: &[Feature]) -> Result<(), String> {
        let (line, tag) = self.tag.take().map_or((0, None), |(line, tag)| (line, Some(tag)));
        let mut next = Attributes::with_capacity(0, self.names.len());
        next.numbers.reserve(self.names.len());
        let features = Given::Names(std::mem::replace(&mut self.names, next));
        self.tokens.push(Token { line, tag, features, rest: Vec::new() });
        Ok(())
    }
}

/// Why a token is refused.
pub(super) struct Refused(String);

impl Refused {
    /// The message for a token of a sequence, counted from 0.
    pub fn at(self, token: usize) -> String {
        format!("{} at token {}", self.0, token + 1)
    }
}

impl From<String> for Refused {
    fn from(message: String) -> Self {
        Self(message)
    }
}

/// Sorts features, adds up the values of the same one, and drops zeros.
///
/// # Errors
/// Sums that overflow.
pub(super) fn put_in_order(row: &mut Vec<Feature>) -> Result<(), Refused> {
    let given = row.len();
    add_equal(row);
    // Without sums, they are the values of the file.
    let is_sound = row.len() == given || row.iter().all(|feature| feature.value.is_finite());
    row.retain(|feature| feature.value != 0.0);
    if is_sound {
        return Ok(());
    }
    let message =
        "expected weights of an attribute that add up to a number finite in single precision";
    Err(Refused(message.to_owned()))
}

fn add_equal(features: &mut Vec<Feature>) {
    features.sort_unstable_by_key(|feature| feature.index);
    features.dedup_by(|next, kept| {
        let same = next.index == kept.index;
        kept.value += if same { next.value } else { 0.0 };
        same
    });
}
