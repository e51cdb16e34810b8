//! [`Sentence`]: the lines of a sequence in columns; how they are read.

use std::mem;

use crosscut_app::{Error, Source};

use super::columns::{Columns, split};
use super::record::{Body, Record, tag};

/// The lines of a sequence in columns.
#[derive(Debug, Default)]
pub(super) struct Sentence {
    /// All lines since the last sentence, and those after it at the end of a file.
    pub text: String,
    /// The number of the line of each token, and where its text begins and ends.
    words: Vec<(u64, u32, u32)>,
    /// Whether lines have the column of the tag.
    pub has_tag_column: bool,
    /// Whether all tokens have tags.
    pub is_tagged: bool,
}

impl Sentence {
    /// The line of its first token.
    pub fn line(&self) -> u64 {
        self.words.first().map_or(0, |word| word.0)
    }

    /// How many tokens there are.
    pub fn len(&self) -> usize {
        self.words.len()
    }

    /// The lines of the tokens, with their numbers.
    pub fn words(&self) -> impl Iterator<Item = (u64, &str)> {
        let text = |&(number, start, end)| (number, &self.text[start as usize..end as usize]);
        self.words.iter().map(text)
    }
}

/// What is known of the lines of a file before a piece of it.
#[derive(Default)]
struct Before {
    /// The number of columns of the first line, and whether it has a TAB.
    first: Option<(usize, bool)>,
    /// Comments after the last sentence.
    text: String,
}

/// Reads the sentences of a file, to learn from them or to predict.
///
/// # Errors
/// Bad lines.
pub(super) fn read(
    source: &mut Source<'_>,
    columns: &Columns,
    learns: bool,
    take: &mut dyn FnMut(u64, Record) -> Result<(), Error>,
) -> Result<(), Error> {
    let file = source.name().to_owned();
    let Before { first, text } = source.inherit();
    let open = Sentence { text, ..Sentence::default() };
    let mut reader = Reader { columns, learns, first, last: 0, open, done: None, take };
    let parse = |line: &str| Ok((!line.trim_ascii().is_empty()).then(|| Box::<str>::from(line)));
    source.scan_lines(parse, |number, line| {
        // What was passed over in between was blank.
        if number != reader.last + 1 {
            reader.end_sentence()?;
        }
        reader.add(number, &line).map_err(|message| Error::line(file.as_str(), number, message))
    })?;
    reader.end_sentence()?;
    let Reader { first, open, done, take, .. } = reader;
    let mut text = open.text.trim_end_matches('\n').to_owned();
    if let Some(mut sentence) = done {
        // What follows the last sentence.
        if !text.is_empty() {
            sentence.text.extend(["\n\n", &mem::take(&mut text)]);
        }
        pass(sentence, take)?;
    }
    source.leave(Before { first, text });
    Ok(())
}

/// A file that is being read.
struct Reader<'r> {
    columns: &'r Columns,
    learns: bool,
    /// The number of columns of the first line, and whether it has a TAB.
    first: Option<(usize, bool)>,
    /// The number of the last line.
    last: u64,
    /// The sentence so far.
    open: Sentence,
    /// The sentence before it, which text may follow.
    done: Option<Sentence>,
    take: &'r mut dyn FnMut(u64, Record) -> Result<(), Error>,
}

impl Reader<'_> {
    /// Adds a line to a sentence.
    fn add(&mut self, number: u64, line: &str) -> Result<(), String> {
        let has_tag_column = self.has_tag_column(line)?;
        let is_word = match self.columns.conllu() {
            Some((conllu, _)) => conllu.check(line, self.open.len() + 1)?,
            None => self.check_plain(line).map(|()| true)?,
        };
        self.last = number;
        let text = &mut self.open.text;
        if !text.is_empty() {
            text.push('\n');
        }
        let start = text.len();
        text.push_str(line);
        if !is_word {
            return Ok(());
        }
        let end = u32::try_from(text.len())
            .map_err(|_| "expected a sentence of at most 4 GiB, found a longer one")?;
        self.open.words.push((number, start as u32, end));
        if self.open.len() == 1 {
            (self.open.has_tag_column, self.open.is_tagged) = (has_tag_column, has_tag_column);
        }
        if self.open.is_tagged {
            self.open.is_tagged = self.has_tag(line)?;
        }
        Ok(())
    }

    /// Whether lines have the column of the tag: all or none.
    fn has_tag_column(&mut self, line: &str) -> Result<bool, String> {
        let expected = self.columns.width();
        let (found, _) = *self.first.get_or_insert_with(|| match self.columns.conllu() {
            Some(_) => (expected, true),
            None if self.learns => (expected, line.contains('\t')),
            None => (split(line).count(), line.contains('\t')),
        });
        match expected.checked_sub(found) {
            Some(0) => Ok(true),
            Some(1) => Ok(false),
            _ => Err(format!(
                "expected {expected} columns as in training, or {} without the tag, found {found}",
                expected - 1
            )),
        }
    }

    /// Refuses another number of columns than that of the first line.
    fn check_plain(&self, line: &str) -> Result<(), String> {
        let (width, has_tab) = self.first.unwrap_or_default();
        let found = split(line).count();
        if found == width {
            return Ok(());
        }
        let tabs = match (has_tab, line.contains('\t')) {
            (true, false) => "; the first line has a TAB, and so columns between TABs",
            (false, true) => "; this line has a TAB, and so columns between TABs",
            _ => "",
        };
        Err(format!("expected {width} columns as in the first line, found {found}{tabs}"))
    }

    /// Whether a word with the column of the tag has a tag. In CoNLL-U it may have none, if it is not
    /// to be learned from.
    fn has_tag(&self, line: &str) -> Result<bool, String> {
        let column = self.columns.tag();
        let conllu = self.columns.conllu().map(|(conllu, _)| conllu);
        let cell = split(line).nth(column).unwrap_or_default();
        let found = match conllu.is_some_and(|conllu| conllu.is_unknown(column, cell)) {
            true if self.learns => "`_`, which is none",
            true => return Ok(false),
            false if tag(cell)?.is_none() => "nothing",
            false => return Ok(true),
        };
        let name = match conllu {
            Some(conllu) => format!("column {}", conllu.name(column)),
            None if column + 1 == self.columns.width() => "last column".to_owned(),
            None => format!("column {}", column + 1),
        };
        Err(format!("expected a tag in the {name}, found {found}"))
    }

    /// Ends the sentence, if there is a word in it.
    fn end_sentence(&mut self) -> Result<(), Error> {
        if self.open.words.is_empty() {
            // Comments by themselves stand before the next sentence, after a blank line.
            let text = &mut self.open.text;
            text.extend((!text.is_empty()).then_some('\n'));
            return Ok(());
        }
        match self.done.replace(mem::take(&mut self.open)) {
            Some(sentence) => pass(sentence, self.take),
            None => Ok(()),
        }
    }
}

/// Passes on a sentence as a record.
fn pass(
    mut sentence: Sentence,
    take: &mut dyn FnMut(u64, Record) -> Result<(), Error>,
) -> Result<(), Error> {
    sentence.text.shrink_to_fit();
    sentence.words.shrink_to_fit();
    take(sentence.line(), Record { weight: 1.0, body: Body::Sentence(sentence) })
}
