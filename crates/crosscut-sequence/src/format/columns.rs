//! Files of columns: a token a line, a blank line between sentences, the tag in one of the columns.
//!
//! In plain files, as in CoNLL's older shared tasks, columns are separated by a TAB in lines that
//! have one, else by white space, and every line is a token. [`conllu`](super::conllu) has the lines
//! of CoNLL-U. What the features are, a [`Template`] says.

use crosscut::Feature;
use crosscut_app::Error;
use crosscut_data::text::trim_name;
use serde::{Deserialize, Serialize};

use super::conllu::{self, Conllu};
use super::record::{Numbers, Refused, put_in_order, tag};
use super::sentence::Sentence;
use super::template::{Template, TemplateError};

/// What a model must know to read files of columns.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "UncheckedColumns", into = "UncheckedColumns")]
pub(super) struct Columns {
    kept: UncheckedColumns,
    /// The template with the columns that it reads in files whose lines have the tag, and in files
    /// whose lines lack it.
    templates: [Template; 2],
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
        // Columns after the tag are one further left where it is missing.
        let without = template.clone().with_columns(|column| column - usize::from(column > tag));
        Ok(Self { templates: [template, without], conllu, kept })
    }
}

/// What the options say about files of columns.
#[derive(Debug)]
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
    /// The columns of a file that begins with `head`; `None` if that is blank.
    ///
    /// # Errors
    /// Too few columns; a template that asks for other ones, or for the tag.
    pub fn columns(&self, head: &str, file: &str) -> Result<Option<Columns>, Error> {
        if !self.names.is_empty() {
            return self.of_width(self.names.len()).map(Some);
        }
        let first = (1..).zip(head.lines()).find(|(_, line)| !trim_name(line).is_empty());
        let Some((number, line)) = first else { return Ok(None) };
        let width = split(line).count();
        if width < 2 {
            let tag = if self.tag.is_some() { "one of them" } else { "the last one" };
            let message =
                format!("expected at least 2 columns, {tag} being the tag, found {width}");
            return Err(Error::line(file, number, message));
        }
        self.of_width(width).map(Some)
    }

    /// The columns of a file with so many.
    fn of_width(&self, width: usize) -> Result<Columns, Error> {
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

impl Columns {
    /// The lines of CoNLL-U, and the column of the tag; `None` for plain columns.
    pub fn conllu(&self) -> Option<(&Conllu, usize)> {
        Some((self.conllu.as_ref()?, self.kept.tag))
    }

    /// Whether some features are of pairs of tags.
    pub fn has_pairs(&self) -> bool {
        let [template, _] = &self.templates;
        template.has_pairs()
    }

    /// How many columns there are, the tag included.
    pub fn width(&self) -> usize {
        self.kept.width
    }

    /// The column of the tag.
    pub fn tag(&self) -> usize {
        self.kept.tag
    }

    /// Passes on the tokens of a sentence with the numbers of their features and tags.
    ///
    /// # Errors
    /// Those of `numbers`; names that are too long.
    pub fn number(&self, sentence: &Sentence, numbers: &mut impl Numbers) -> Result<(), String> {
        let UncheckedColumns { width, tag: column, .. } = self.kept;
        let [with_tag, without] = &self.templates;
        let (template, width) = match sentence.has_tag_column {
            true => (with_tag, width),
            false => (without, width - 1),
        };
        let cells: Vec<&str> = sentence.words().flat_map(|(_, line)| split(line)).collect();
        let (mut name, mut row) = (String::new(), Vec::new());
        for (token, (line, _)) in sentence.words().enumerate() {
            if sentence.is_tagged
                && let Some(tag) = tag(cells[token * width + column])?
            {
                numbers.tag(line, tag)?;
            }
            row.clear();
            template
                .expand(&cells, width, token, &mut name, |name| {
                    row.extend(numbers.name(name)?.map(|index| Feature { index, value: 1.0 }));
                    Ok(())
                })
                .map_err(Refused::from)
                .and_then(|()| put_in_order(&mut row))
                .map_err(|error| error.at(token))?;
            numbers.row(&row, &[])?;
        }
        Ok(())
    }
}

/// The columns of a line.
pub(super) fn split(line: &str) -> impl Iterator<Item = &str> {
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
