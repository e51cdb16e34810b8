//! Files of columns, as in CoNLL's shared tasks: a token a line, its tag in the last column, a
//! blank line between sentences.
//!
//! Columns are separated by a TAB in lines that have one, else by white space. What the features
//! are, a [`Template`] says.

use crosscut::Feature;
use crosscut_app::{Error, Source};
use serde::{Deserialize, Serialize};

use super::sequences::{Names, Sequences};
use super::template::{Template, TemplateError};

/// What a model must know to read files of columns.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "UncheckedColumns", into = "UncheckedColumns")]
pub(crate) struct Columns {
    template: Template,
    /// How many columns there are before the tag.
    count: usize,
}

/// What a model file holds of [`Columns`].
#[derive(Serialize, Deserialize)]
struct UncheckedColumns {
    template: String,
    count: usize,
}

impl From<Columns> for UncheckedColumns {
    fn from(Columns { template, count }: Columns) -> Self {
        Self { template: template.text().to_owned(), count }
    }
}

impl TryFrom<UncheckedColumns> for Columns {
    type Error = TemplateError;

    fn try_from(
        UncheckedColumns { template, count }: UncheckedColumns,
    ) -> Result<Self, TemplateError> {
        let template = Template::parse(&template)?;
        template.check_columns(count)?;
        Ok(Self { template, count })
    }
}

/// The columns of a line.
fn split(line: &str) -> impl Iterator<Item = &str> {
    let (by_tab, by_space) = if line.contains('\t') {
        (Some(line.split('\t')), None)
    } else {
        (None, Some(line.split_ascii_whitespace()))
    };
    by_tab.into_iter().flatten().chain(by_space.into_iter().flatten())
}

/// What separates a further column from a line.
pub(super) fn separator(line: &str) -> char {
    if line.contains('\t') { '\t' } else { ' ' }
}

fn parse_line(line: &str) -> Result<Option<Box<str>>, String> {
    Ok(Some(line).filter(|line| !line.trim_ascii().is_empty()).map(Box::from))
}

/// Reads a file to learn from, or the first piece of one; `None` if there is nothing in it.
/// `template_file` is the template's name in messages.
///
/// # Errors
/// Bad lines; a template that asks for other columns.
pub(super) fn learn(
    source: &mut Source<'_>,
    template: Template,
    template_file: &str,
    names: &mut Names<'_>,
    sequences: &mut Sequences<'_>,
) -> Result<Option<Columns>, Error> {
    let check = |number: u64, width: usize, sequences: &Sequences<'_>| {
        if width < 2 {
            let message =
                format!("expected at least 2 columns, the last one being the tag, found {width}");
            return Err(sequences.refuse(number, message));
        }
        template
            .check_columns(width - 1)
            .map_err(|error| Error::line(template_file, error.line, error.message))?;
        Ok(true)
    };
    let width = read(source, &template, check, names, sequences)?;
    Ok((width > 0).then(|| Columns { template, count: width - 1 }))
}

impl Columns {
    /// Reads a file with a model, with or without a column of tags.
    ///
    /// # Errors
    /// Bad lines.
    pub(super) fn read(
        &self,
        source: &mut Source<'_>,
        names: &mut Names<'_>,
        sequences: &mut Sequences<'_>,
    ) -> Result<(), Error> {
        let check = |number: u64, width: usize, sequences: &Sequences<'_>| match width
            .checked_sub(self.count)
        {
            Some(1) => Ok(true),
            Some(0) => Ok(false),
            _ => {
                let message = format!(
                    "expected {} columns as in training, or {} without the tag, found {width}",
                    self.count.saturating_add(1),
                    self.count
                );
                Err(sequences.refuse(number, message))
            }
        };
        read(source, &self.template, check, names, sequences).map(drop)
    }
}

/// Reads a file and returns its number of columns. `check` sees those of the first line, and says
/// whether one is the tag.
fn read(
    source: &mut Source<'_>,
    template: &Template,
    check: impl Fn(u64, usize, &Sequences<'_>) -> Result<bool, Error>,
    names: &mut Names<'_>,
    sequences: &mut Sequences<'_>,
) -> Result<usize, Error> {
    let First { width, has_tab, tagged } = source.inherit();
    let mut reader = Reader {
        template,
        names,
        sequences,
        width,
        first_has_tab: has_tab,
        tagged,
        lines: Vec::new(),
        first: 0,
    };
    source.scan_lines(parse_line, |number, line| {
        let found = split(&line).count();
        if reader.width == 0 {
            reader.tagged = check(number, found, reader.sequences)?;
            reader.width = found;
            reader.first_has_tab = line.contains('\t');
        }
        if found != reader.width {
            let tabs = match (reader.first_has_tab, line.contains('\t')) {
                (true, false) => "; the first line has a TAB, and so columns between TABs",
                (false, true) => "; this line has a TAB, and so columns between TABs",
                _ => "",
            };
            let message = format!(
                "expected {} columns as in the first line, found {found}{tabs}",
                reader.width
            );
            return Err(reader.sequences.refuse(number, message));
        }
        // What was passed over in between was blank.
        if number != reader.first + reader.lines.len() as u64 {
            reader.finish_sentence()?;
            reader.first = number;
        }
        reader.lines.push(line);
        Ok(())
    })?;
    reader.finish_sentence()?;
    let Reader { width, first_has_tab: has_tab, tagged, .. } = reader;
    source.leave(First { width, has_tab, tagged });
    Ok(width)
}

/// What is known of the first line of a file.
#[derive(Default)]
struct First {
    /// The number of columns; 0 before any line.
    width: usize,
    has_tab: bool,
    /// Whether the last column is the tag.
    tagged: bool,
}

/// A file that is being read.
struct Reader<'r, 'n, 's> {
    template: &'r Template,
    names: &'r mut Names<'n>,
    sequences: &'r mut Sequences<'s>,
    width: usize,
    /// Whether the first line has a TAB.
    first_has_tab: bool,
    /// Whether the last column is the tag.
    tagged: bool,
    /// The lines of a sentence so far.
    lines: Vec<Box<str>>,
    /// The number of its first line.
    first: u64,
}

impl Reader<'_, '_, '_> {
    /// Makes a sequence of the lines, which go.
    fn finish_sentence(&mut self) -> Result<(), Error> {
        let Self { template, names, sequences, lines, .. } = self;
        let (width, tagged, first) = (self.width, self.tagged, self.first);
        let cells: Vec<&str> = lines.iter().flat_map(|line| split(line)).collect();
        let mut name = String::new();
        let mut features = Vec::new();
        if !lines.is_empty() {
            sequences.begin(1.0);
        }
        for (token, number) in (0..lines.len()).zip(first..) {
            features.clear();
            let expanded = template.expand(&cells, width, token, &mut name, |name| {
                features.extend(names.index(name)?.map(|index| Feature { index, value: 1.0 }));
                Ok(())
            });
            expanded.map_err(|message| sequences.refuse(number, message))?;
            let tag = tagged.then(|| cells[token * width + width - 1]);
            if tag == Some("") {
                return Err(sequences.refuse(
                    number,
                    "expected a tag in the last column, found nothing".to_owned(),
                ));
            }
            sequences.push(number, tag, &mut features)?;
            sequences.keep_text(&lines[token]);
        }
        sequences.end()?;
        self.lines.clear();
        Ok(())
    }
}
