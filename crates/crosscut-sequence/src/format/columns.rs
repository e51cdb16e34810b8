//! Files of columns: a token a line, a blank line between sentences, the tag in one of the columns.
//!
//! In plain files, as in CoNLL's older shared tasks, columns are separated by a TAB in lines that
//! have one, else by white space, and every line is a token. [`conllu`](super::conllu) has the lines
//! of CoNLL-U. What the features are, a [`Template`] says.

use std::mem;

use crosscut::Feature;
use crosscut_app::{Error, Source};
use serde::{Deserialize, Serialize};

use super::conllu::{self, Conllu};
use super::sequences::{Names, Sequences};
use super::template::{Template, TemplateError};

/// What a model must know to read files of columns.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "UncheckedColumns", into = "UncheckedColumns")]
pub(crate) struct Columns {
    kept: UncheckedColumns,
    /// The template with the columns that it reads in files.
    template: Template,
    /// `None` for plain columns.
    conllu: Option<Conllu>,
}

/// What a model file holds of [`Columns`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct UncheckedColumns {
    template: String,
    /// The column of the file for each column of the template; empty if they are the same.
    reads: Vec<usize>,
    /// The names of the columns of CoNLL-U; empty for plain columns.
    names: Vec<String>,
    /// How many columns there are, the tag included.
    width: usize,
    /// The column of the tag.
    tag: usize,
}

impl PartialEq for Columns {
    /// Everything follows from what is kept.
    fn eq(&self, other: &Self) -> bool {
        self.kept == other.kept
    }
}

impl From<Columns> for UncheckedColumns {
    fn from(columns: Columns) -> Self {
        columns.kept
    }
}

impl TryFrom<UncheckedColumns> for Columns {
    type Error = TemplateError;

    fn try_from(kept: UncheckedColumns) -> Result<Self, TemplateError> {
        let UncheckedColumns { template, reads, names, width, tag } = &kept;
        let (width, tag) = (*width, *tag);
        let fits = names.is_empty() || names.len() == width;
        if tag >= width || !fits || reads.iter().any(|&column| column >= width) {
            let message = "expected columns that a file can have".to_owned();
            return Err(TemplateError { line: 0, message });
        }
        let mut template = Template::parse(template)?;
        let conllu = (!names.is_empty()).then(|| Conllu::new(names.clone()));
        if !reads.is_empty() {
            let missing = template.columns().find(|(_, column)| *column >= reads.len());
            if let Some((line, _)) = missing {
                let message = "expected a column UPOS or XPOS in the file, found none".to_owned();
                return Err(TemplateError { line, message });
            }
            template = template.with_columns(|column| reads[column]);
        }
        let odd = template.columns().find(|(_, column)| *column == tag || *column >= width);
        if let Some((line, column)) = odd {
            let expected = if tag + 1 == width {
                format!("a column below {tag}, since column {tag} is the tag")
            } else if column != tag {
                format!("a column below {width}")
            } else {
                let name = conllu.as_ref().map(|conllu| format!(" ({})", conllu.name(tag)));
                format!("another column, since column {tag}{} is the tag", name.unwrap_or_default())
            };
            let message = format!("expected {expected}, found {column}");
            return Err(TemplateError { line, message });
        }
        Ok(Self { template, conllu, kept })
    }
}

/// What the options say about files of columns.
pub(super) struct Request {
    pub template: Template,
    /// The template's name in messages.
    pub file: String,
    /// Whether the template comes with the program: its columns are the word and its part of speech.
    pub is_built_in: bool,
    /// The tag, by name or number.
    pub tag: Option<String>,
    /// The names of the columns of CoNLL-U; empty for plain columns.
    pub names: Vec<String>,
}

impl Request {
    /// The columns of a file with so many.
    fn columns(&self, width: usize) -> Result<Columns, Error> {
        let tag = self.tag_column(width)?;
        let reads = if self.is_built_in && !self.names.is_empty() {
            let position = |name: &str| self.names.iter().position(|known| known == name);
            let Some(form) = position("FORM") else {
                let message =
                    format!("expected a column FORM, found {}", conllu::list(&self.names));
                return Err(Error::file(&self.file, message));
            };
            [Some(form), position("UPOS").or_else(|| position("XPOS"))]
                .into_iter()
                .flatten()
                .collect()
        } else {
            Vec::new()
        };
        let (template, names) = (self.template.text().to_owned(), self.names.clone());
        let kept = UncheckedColumns { template, reads, names, width, tag };
        kept.try_into()
            .map_err(|error: TemplateError| Error::line(&self.file, error.line, error.message))
    }

    /// The position of the tag.
    fn tag_column(&self, width: usize) -> Result<usize, Error> {
        let position =
            |name: &str| self.names.iter().position(|known| known.eq_ignore_ascii_case(name));
        let names = conllu::list(&self.names);
        let Some(text) = &self.tag else {
            return match position("UPOS") {
                _ if names.is_empty() => Ok(width - 1),
                Some(column) => Ok(column),
                None => Err(Error::option("--tag-column", format!("one of {names}"), "none")),
            };
        };
        let found = match text.parse::<i64>() {
            Ok(number) => {
                let at = if number < 0 { width as i64 + number } else { number - 1 };
                usize::try_from(at).ok().filter(|&at| number != 0 && at < width)
            }
            Err(_) => position(text),
        };
        let numbers = format!("a number from 1 to {width}, or from -{width} to -1");
        match found {
            Some(column) if self.names.get(column).is_some_and(|name| name == "ID") => {
                Err(Error::option("--tag-column", "another column than ID", text))
            }
            Some(column) => Ok(column),
            None if names.is_empty() => Err(Error::option("--tag-column", numbers, text)),
            None => Err(Error::option("--tag-column", format!("one of {names}, {numbers}"), text)),
        }
    }
}

/// Reads a file to learn from, or the first piece of one; `None` if there is nothing in it.
///
/// # Errors
/// Bad lines; a template that asks for other columns, or for the tag.
pub(super) fn learn(
    source: &mut Source<'_>,
    request: &Request,
    names: &mut Names<'_>,
    sequences: &mut Sequences<'_>,
) -> Result<Option<Columns>, Error> {
    let mut columns = None;
    let begin = |number: u64, width: usize, sequences: &Sequences<'_>| {
        if width < 2 {
            let tag = if request.tag.is_some() { "one of them" } else { "the last one" };
            let message =
                format!("expected at least 2 columns, {tag} being the tag, found {width}");
            return Err(sequences.refuse(number, message));
        }
        let found: &Columns = columns.insert(request.columns(width)?);
        Ok(found.form(true))
    };
    let conllu_width = Some(request.names.len()).filter(|&width| width > 0);
    read(source, conllu_width, begin, names, sequences)?;
    Ok(columns)
}

impl Columns {
    /// Reads a file with a model, with or without tags.
    ///
    /// # Errors
    /// Bad lines.
    pub(super) fn read(
        &self,
        source: &mut Source<'_>,
        names: &mut Names<'_>,
        sequences: &mut Sequences<'_>,
    ) -> Result<(), Error> {
        let expected = self.kept.width;
        let begin = |number: u64, width: usize, sequences: &Sequences<'_>| match expected
            .checked_sub(width)
        {
            Some(0) => Ok(self.form(true)),
            Some(1) => Ok(self.form(false)),
            _ => {
                let message = format!(
                    "expected {expected} columns as in training, or {} without the tag, found {width}",
                    expected - 1
                );
                Err(sequences.refuse(number, message))
            }
        };
        let conllu_width = self.conllu.as_ref().map(|_| expected);
        read(source, conllu_width, begin, names, sequences)
    }

    /// The lines of CoNLL-U, and the column of the tag; `None` for plain columns.
    pub(super) fn conllu(&self) -> Option<(&Conllu, usize)> {
        Some((self.conllu.as_ref()?, self.kept.tag))
    }

    /// How files look whose lines have the tag or lack it.
    fn form(&self, has_tag: bool) -> Form {
        let (template, conllu) = (self.template.clone(), self.conllu.clone());
        let UncheckedColumns { width, tag, .. } = self.kept;
        if has_tag {
            return Form { template, width, tag: Some(tag), conllu };
        }
        // Columns after the tag are one further left.
        let template = template.with_columns(|column| column - usize::from(column > tag));
        Form { template, width: width - 1, tag: None, conllu }
    }
}

/// How the files look that are read.
struct Form {
    /// With the columns of these files.
    template: Template,
    width: usize,
    /// The column of the tag, if there is one.
    tag: Option<usize>,
    conllu: Option<Conllu>,
}

/// The columns of a plain line.
fn split(line: &str) -> impl Iterator<Item = &str> {
    let (by_tab, by_space) = if line.contains('\t') {
        (Some(line.split('\t')), None)
    } else {
        (None, Some(line.split_ascii_whitespace()))
    };
    by_tab.into_iter().flatten().chain(by_space.into_iter().flatten())
}

/// What separates a further column from a plain line.
pub(super) fn separator(line: &str) -> char {
    if line.contains('\t') { '\t' } else { ' ' }
}

fn parse_line(line: &str) -> Result<Option<Box<str>>, String> {
    Ok(Some(line).filter(|line| !line.trim_ascii().is_empty()).map(Box::from))
}

/// Reads a file. `begin` gets the number and the columns of the first line, whose columns are
/// `conllu_width` if the file is one of CoNLL-U.
fn read(
    source: &mut Source<'_>,
    conllu_width: Option<usize>,
    mut begin: impl FnMut(u64, usize, &Sequences<'_>) -> Result<Form, Error>,
    names: &mut Names<'_>,
    sequences: &mut Sequences<'_>,
) -> Result<(), Error> {
    let Before { first, text } = source.inherit();
    let mut reader: Option<Reader> = None;
    source.scan_lines(parse_line, |number, line| {
        let reader = match &mut reader {
            Some(reader) => reader,
            none => {
                let first = first.unwrap_or_else(|| {
                    let width = conllu_width.unwrap_or_else(|| split(&line).count());
                    (width, line.contains('\t'))
                });
                let form = begin(number, first.0, sequences)?;
                none.insert(Reader::new(form, first, text.clone()))
            }
        };
        // What was passed over in between was blank.
        if number != reader.last + 1 {
            reader.end_sentence(names, sequences)?;
        }
        reader.add(number, line).map_err(|message| sequences.refuse(number, message))
    })?;
    let mut before = Before { first, text };
    if let Some(mut reader) = reader {
        reader.end_sentence(names, sequences)?;
        // What follows the last sentence.
        let text = reader.text.trim_end_matches('\n');
        let is_kept = text.is_empty() || sequences.keep_text(&format!("\n\n{text}"));
        let text = if is_kept { String::new() } else { text.to_owned() };
        before = Before { first: Some(reader.first), text };
    }
    source.leave(before);
    Ok(())
}

/// What is known of the lines of a file before a piece of it.
#[derive(Default)]
struct Before {
    /// The number of columns of the first line, and whether it has a TAB.
    first: Option<(usize, bool)>,
    /// Comments after the last sentence.
    text: String,
}

/// A file that is being read.
struct Reader {
    form: Form,
    /// The number of columns of the first line, and whether it has a TAB.
    first: (usize, bool),
    /// The number of the last line.
    last: u64,
    /// The words of a sentence so far, with the numbers of their lines.
    words: Vec<(u64, Box<str>)>,
    /// All lines since the last sentence.
    text: String,
}

impl Reader {
    fn new(form: Form, first: (usize, bool), text: String) -> Self {
        Self { form, first, last: 0, words: Vec::new(), text }
    }

    /// Adds a line to a sentence.
    fn add(&mut self, number: u64, line: Box<str>) -> Result<(), String> {
        let is_word = match &self.form.conllu {
            Some(conllu) => conllu.check(&line, self.words.len() + 1)?,
            None => self.check_plain(&line).map(|()| true)?,
        };
        self.last = number;
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        self.text.push_str(&line);
        if is_word {
            self.words.push((number, line));
        }
        Ok(())
    }

    /// Refuses another number of columns than that of the first line.
    fn check_plain(&self, line: &str) -> Result<(), String> {
        let (found, width) = (split(line).count(), self.form.width);
        if found == width {
            return Ok(());
        }
        let tabs = match (self.first.1, line.contains('\t')) {
            (true, false) => "; the first line has a TAB, and so columns between TABs",
            (false, true) => "; this line has a TAB, and so columns between TABs",
            _ => "",
        };
        Err(format!("expected {width} columns as in the first line, found {found}{tabs}"))
    }

    /// Makes a sequence of the words, if there are any.
    fn end_sentence(
        &mut self,
        names: &mut Names<'_>,
        sequences: &mut Sequences<'_>,
    ) -> Result<(), Error> {
        if self.words.is_empty() {
            // Comments by themselves stand before the next sentence, after a blank line.
            self.text.extend((!self.text.is_empty()).then_some('\n'));
            return Ok(());
        }
        let Form { template, width, conllu, .. } = &self.form;
        let words = self.words.iter();
        let cells: Vec<&str> = match conllu {
            Some(_) => words.flat_map(|(_, line)| line.split('\t')).collect(),
            None => words.flat_map(|(_, line)| split(line)).collect(),
        };
        let tagged = self.find_tag(&cells, sequences)?;
        let (mut name, mut features) = (String::new(), Vec::new());
        sequences.begin(1.0);
        for (token, &(number, _)) in self.words.iter().enumerate() {
            features.clear();
            let expanded = template.expand(&cells, *width, token, &mut name, |name| {
                features.extend(names.index(name)?.map(|index| Feature { index, value: 1.0 }));
                Ok(())
            });
            expanded.map_err(|message| sequences.refuse(number, message))?;
            sequences.push(number, tagged.map(|tag| cells[token * width + tag]), &mut features)?;
        }
        sequences.keep_text(&mem::take(&mut self.text));
        sequences.end();
        self.words.clear();
        Ok(())
    }

    /// The column of the tag if all words of the sentence have one. In CoNLL-U some may not have.
    fn find_tag(&self, cells: &[&str], sequences: &Sequences<'_>) -> Result<Option<usize>, Error> {
        let Form { width, tag: Some(tag), ref conllu, .. } = self.form else { return Ok(None) };
        let column = match conllu {
            Some(conllu) => format!("column {}", conllu.name(tag)),
            None if tag + 1 == width => "last column".to_owned(),
            None => format!("column {}", tag + 1),
        };
        for (row, &(number, _)) in cells.chunks_exact(width).zip(&self.words) {
            let is_unknown = conllu.as_ref().is_some_and(|conllu| conllu.is_unknown(tag, row[tag]));
            let found = match row[tag] {
                _ if is_unknown && sequences.keeps_text() => return Ok(None),
                _ if is_unknown => "`_`, which is none",
                "" => "nothing",
                _ => continue,
            };
            let message = format!("expected a tag in the {column}, found {found}");
            return Err(sequences.refuse(number, message));
        }
        Ok(Some(tag))
    }
}
