//! The options of a task that reads tables, and tables that are given without them.

use crosscut_data::svmlight::parse_line;

use super::records::{self, Records};
use super::{Table, listed, survey};
use crate::error::Error;
use crate::options::{OptionSpec, Options};
use crate::source::Source;
use crate::svmlight;

/// `--label`.
pub const LABEL: OptionSpec = OptionSpec {
    name: "label",
    value: "COLUMN",
    help: "EXAMPLES is a table (CSV or TSV) with a header line, and COLUMN has the labels. \
           Columns are given by name, or by number from 1. A column of numbers is a feature; any \
           other column has a feature for each value. A missing value (empty, ?, NA, N/A, NaN, \
           null) is a feature of its own; a missing number also counts as the mean. Default: \
           svm-light lines.",
};
/// `--group-column`.
pub const GROUP: OptionSpec = OptionSpec {
    name: "group-column",
    value: "COLUMN",
    help: "The column of a table that names the query. Default: all rows are one query.",
};
/// `--weight-column`.
pub const WEIGHT: OptionSpec = OptionSpec {
    name: "weight-column",
    value: "COLUMN",
    help: "The column of a table that has the weights of rows. Default: all weights are 1.",
};
/// `--ignore`.
pub const IGNORE: OptionSpec = OptionSpec {
    name: "ignore",
    value: "COLUMNS",
    help: "Columns of a table to leave out, separated by commas. Default: none.",
};
/// `--categories`.
pub const CATEGORIES: OptionSpec = OptionSpec {
    name: "categories",
    value: "COLUMNS",
    help: "Columns of numbers to treat as categories, separated by commas. Default: none.",
};

/// What to do with a table given to learn from, for [`refuse`].
pub const TO_LEARN: &str = "give --label COLUMN, the one that is to be predicted";
/// What to do with a table given to a model of svm-light lines, for [`refuse`].
pub const NOT_LEARNED: &str = "the model was not trained on a table (learn --label COLUMN)";

/// What the options say of a table to learn from.
#[derive(Clone, Debug, PartialEq)]
pub struct Wanted {
    label: String,
    group: Option<String>,
    weight: Option<String>,
    ignore: Vec<String>,
    categories: Vec<String>,
}

/// The columns of [`Wanted`], by position.
pub(super) struct Found {
    pub label: usize,
    pub group: Option<usize>,
    pub weight: Option<usize>,
    pub ignore: Vec<usize>,
    pub categories: Vec<usize>,
}

impl Wanted {
    /// `None` if the examples are no table.
    ///
    /// # Errors
    /// Options of tables without `--label`.
    pub fn of(options: &Options) -> Result<Option<Self>, Error> {
        let given = |spec: OptionSpec| options.text(spec.name);
        let Some(label) = given(LABEL) else {
            return match [GROUP, WEIGHT, IGNORE, CATEGORIES]
                .iter()
                .find_map(|spec| Some((spec, given(*spec)?)))
            {
                None => Ok(None),
                Some((spec, value)) => {
                    let option = format!("--{}", spec.name);
                    Err(Error::option(option, "--label COLUMN beside it, for a table", value))
                }
            };
        };
        for OptionSpec { name, .. } in [svmlight::ZERO_BASED, svmlight::SORT_IDS] {
            if options.is_set(name) {
                let expected = "svm-light lines, whose features have ids";
                return Err(Error::option(format!("--{name}"), expected, "--label"));
            }
        }
        let list = |spec: OptionSpec| {
            let text = given(spec).unwrap_or_default();
            let refuse = |message| {
                let expected = format!("columns between commas ({message})");
                Error::option(format!("--{}", spec.name), expected, text)
            };
            if text.is_empty() { Ok(Vec::new()) } else { records::list(text).map_err(refuse) }
        };
        Ok(Some(Self {
            label: label.to_owned(),
            group: given(GROUP).map(str::to_owned),
            weight: given(WEIGHT).map(str::to_owned),
            ignore: list(IGNORE)?,
            categories: list(CATEGORIES)?,
        }))
    }

    /// The column of the labels, as it was given.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// Decides what the columns of a table to learn from are. The text can then be read again, as the
    /// [rows](Table::rows) of the table.
    ///
    /// # Errors
    /// Those of the text, by line; columns that are not in the table; a table without rows or without
    /// features.
    pub fn begin(&self, source: &mut Source<'_>) -> Result<Table, Error> {
        let text = source.peek_text()?;
        let records = Records::of(source.name(), &text)?.filter(|records| records.len() > 0);
        let Some(records) = records else {
            let message = "expected a header line and at least one row, found none";
            return Err(Error::file(source.name(), message));
        };
        let found = self.find(&records)?;
        survey::survey(&records, &found, source)
    }

    /// Finds the columns, each of which has one use.
    fn find(&self, records: &Records) -> Result<Found, Error> {
        let mut used = Vec::new();
        let mut find = |spec: OptionSpec, wanted: &String| {
            let option = format!("--{}", spec.name);
            let Some(at) = records.column(wanted) else {
                let names = listed(records.header.iter());
                let expected = format!("a column of the table ({names}), or its number");
                return Err(Error::option(option, expected, wanted));
            };
            if used.contains(&at) {
                return Err(Error::option(option, "a column without another use", wanted));
            }
            used.push(at);
            Ok(at)
        };
        Ok(Found {
            label: find(LABEL, &self.label)?,
            group: self.group.iter().map(|wanted| find(GROUP, wanted)).next().transpose()?,
            weight: self.weight.iter().map(|wanted| find(WEIGHT, wanted)).next().transpose()?,
            ignore: self
                .ignore
                .iter()
                .map(|wanted| find(IGNORE, wanted))
                .collect::<Result<_, _>>()?,
            categories: (self.categories.iter().map(|wanted| find(CATEGORIES, wanted)))
                .collect::<Result<_, _>>()?,
        })
    }
}

/// Refuses a table where svm-light lines are expected: a text whose first line has values between
/// commas, semicolons or tabs, and no features. `remedy` says what to do. A piece that does not begin
/// a file is passed.
///
/// # Errors
/// A table, with the names of its columns; a file whose beginning cannot be read.
pub fn refuse(source: &mut Source<'_>, remedy: &str) -> Result<(), Error> {
    /// Bytes that hold the first line of nearly every file.
    const HEAD: usize = 64 << 10;
    if source.lines_before() > 0 {
        return Ok(());
    }
    let head = source.peek(HEAD)?;
    let Some(line) = head.lines().find(|line| !line.trim().is_empty()) else { return Ok(()) };
    if parse_line(line).is_ok_and(|line| line.is_none_or(|line| line.last_id > 0)) {
        return Ok(());
    }
    let Ok(Some(Records { header, .. })) = Records::of(source.name(), line) else { return Ok(()) };
    // A label may contain a comma, and a line may lack features.
    let is_named = is_named_table(source.name());
    let is_table = header.len() > 2 && !line.contains(':') && !header.contains(&String::new());
    if !is_named && !is_table {
        return Ok(());
    }
    let columns = listed(header.iter());
    let message =
        format!("expected svm-light lines, found a table with the columns {columns}: {remedy}");
    Err(Error::file(source.name(), message))
}

/// Whether a file is named `.csv` or `.tsv`, packed or not.
fn is_named_table(file: &str) -> bool {
    let name = file.to_ascii_lowercase();
    let packed = [".gz", ".zst", ".bz2", ".xz"].iter().find_map(|end| name.strip_suffix(end));
    let name = packed.unwrap_or(&name);
    name.ends_with(".csv") || name.ends_with(".tsv")
}
