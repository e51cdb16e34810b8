//! Tables: CSV and TSV files with a header line, for tasks whose examples are rows of numbers.
//!
//! `--label COLUMN` says that the training file is a table. Values stand between tabs, semicolons or
//! commas, the one that splits the header into most fields. Fields may be quoted as in RFC 4180; a
//! quote that does not begin a field is a letter, and letters after a quoted part belong to the value.
//! A [`Table`] remembers the columns, so that later files are read by the names of columns, in any
//! order.
//!
//! | column | features |
//! |---|---|
//! | of numbers: each value that is not missing is one | `NAME`; if the training file lacks values, also `NAME is missing`, which is 1 there |
//! | any other, or named by `--categories` | `NAME=VALUE`, which is 1, for each value of the training file, and `NAME=(missing)` if it lacks some |
//! | without a name (row names of pandas and R), without any value, or named by `--ignore` | none |
//!
//! **Missing values** are empty fields, `?`, `NA`, `N/A`, `#N/A`, `<NA>`, `NaN`, `null` and
//! `(missing)`, in upper or lower case. A missing number is the mean of its column in the training
//! file, so that scaling by mean and deviation makes it 0. The mean is that of the whole file, also in
//! a cross-validation. A missing label is refused in training, and no label elsewhere.
//!
//! **Later files** need every column of features. Other columns are passed over with a note. A value
//! of a category that the training file did not have is no feature, and a note counts such values. A
//! value that is no number, in a column of numbers, is an error.
//!
//! In files separated by semicolons a number may have a decimal comma.

mod options;
mod records;
mod rows;
mod survey;

use crosscut_data::{FeatureIds, Words};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub use options::{
    CATEGORIES, GROUP, IGNORE, LABEL, NOT_LEARNED, TO_LEARN, WEIGHT, Wanted, refuse,
};
pub use rows::{Row, Rows};

/// The columns of a training table.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Unchecked", into = "Unchecked")]
pub struct Table {
    label: String,
    group: Option<String>,
    weight: Option<String>,
    /// Those without features, by name.
    ignored: Vec<String>,
    columns: Vec<Column>,
    /// Derived: the first feature of each column, and the number of all features.
    firsts: Vec<u32>,
}

/// A column that makes features.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Column {
    name: String,
    kind: Kind,
    /// Whether a value was missing in training. This is the last feature of the column.
    lacks: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Kind {
    /// One feature; with the mean of the column.
    Number(f64),
    /// A feature for each value.
    Categories(Words),
}

/// The serialised form of a [`Table`], not checked yet.
#[derive(Serialize, Deserialize)]
struct Unchecked {
    label: String,
    group: Option<String>,
    weight: Option<String>,
    ignored: Vec<String>,
    columns: Vec<Column>,
}

impl TryFrom<Unchecked> for Table {
    type Error = String;

    fn try_from(stored: Unchecked) -> Result<Self, String> {
        let Unchecked { label, group, weight, ignored, columns } = stored;
        let is_sound = |column: &Column| match column.kind {
            Kind::Number(mean) => (mean as f32).is_finite(),
            Kind::Categories(_) => true,
        };
        if let Some(column) = columns.iter().find(|column| !is_sound(column)) {
            return Err(format!("expected a finite mean of column `{}`", shown(&column.name)));
        }
        let mut firsts = vec![0];
        let mut count = 0;
        for column in &columns {
            count += column.features();
            firsts.push(u32::try_from(count).map_err(|_| "expected fewer than 2^32 features")?);
        }
        Ok(Self { label, group, weight, ignored, columns, firsts })
    }
}

impl From<Table> for Unchecked {
    fn from(table: Table) -> Self {
        let Table { label, group, weight, ignored, columns, .. } = table;
        Self { label, group, weight, ignored, columns }
    }
}

impl Table {
    /// What `export` writes of the columns: an object with `label`, `group` and `columns`. Each of
    /// these has a `name`, and either the `mean` of numbers or the list of `categories`; `lacks` says
    /// whether a missing value has a feature.
    pub fn exported(&self) -> Value {
        let column = |column: &Column| {
            let Column { name, kind, lacks } = column;
            match kind {
                Kind::Number(mean) => json!({ "name": name, "mean": mean, "lacks": lacks }),
                Kind::Categories(words) => {
                    let words: Vec<&str> =
                        (0..words.len() as u32).map(|at| words.name(at)).collect();
                    json!({ "name": name, "categories": words, "lacks": lacks })
                }
            }
        };
        let columns: Vec<Value> = self.columns.iter().map(column).collect();
        json!({ "label": self.label, "group": self.group, "columns": columns })
    }

    /// Why a row to learn from is refused that lacks a label.
    pub fn no_label(&self) -> String {
        let column = shown(&self.label);
        format!("expected a label in column `{column}`, found a missing value")
    }

    /// The number of features.
    pub fn features(&self) -> usize {
        self.firsts.last().map_or(0, |&count| count as usize)
    }

    /// The features by their names.
    ///
    /// # Errors
    /// Two features of the same name; names of 4 GiB in all.
    pub fn feature_ids(&self) -> Result<FeatureIds, String> {
        let mut names = Words::default();
        for index in 0..self.features() {
            let name = self.feature_name(index);
            if (names.insert(&name)? as usize) < index {
                return Err(format!(
                    "expected features of different names, found two of the name `{}`: rename a column",
                    shown(&name)
                ));
            }
        }
        Ok(FeatureIds::Named(names))
    }

    /// The name of the feature at `index < features()`: `age`, `age is missing`, `colour=red`,
    /// `colour=(missing)`.
    pub fn feature_name(&self, index: usize) -> String {
        let at = self.firsts.partition_point(|&first| first as usize <= index) - 1;
        let (column, feature) = (&self.columns[at], index - self.firsts[at] as usize);
        let name = &column.name;
        match &column.kind {
            Kind::Number(_) if feature == 0 => name.clone(),
            Kind::Number(_) => format!("{name} is missing"),
            Kind::Categories(words) if feature < words.len() => {
                format!("{name}={}", words.name(feature as u32))
            }
            Kind::Categories(_) => format!("{name}=(missing)"),
        }
    }
}

impl Column {
    fn features(&self) -> usize {
        let values = match &self.kind {
            Kind::Number(_) => 1,
            Kind::Categories(words) => words.len(),
        };
        values + usize::from(self.lacks)
    }
}

/// Whether a (trimmed) value is missing.
fn is_missing(value: &str) -> bool {
    const WORDS: [&str; 8] = ["?", "NA", "N/A", "#N/A", "<NA>", "NaN", "null", "(missing)"];
    value.is_empty()
        || value.len() < 10 && WORDS.iter().any(|word| value.eq_ignore_ascii_case(word))
}

/// A number, which need not be finite; with a decimal comma if these are separated by semicolons.
fn number(value: &str, separator: char) -> Option<f64> {
    let number = value.parse();
    let comma = || value.contains(',') && !value.contains('.') && separator == ';';
    number
        .or_else(|error| if comma() { value.replacen(',', ".", 1).parse() } else { Err(error) })
        .ok()
}

/// The beginning of a text, for messages.
fn shown(text: &str) -> String {
    const SHOWN: usize = 40;
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// Some names, for messages.
fn listed<'n>(names: impl Iterator<Item = &'n String>) -> String {
    const LISTED: usize = 10;
    let names: Vec<&String> = names.filter(|name| !name.is_empty()).collect();
    let more = names.len().saturating_sub(LISTED);
    let names: Vec<String> = names.into_iter().take(LISTED).map(|name| shown(name)).collect();
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    names.join(", ") + &more
}

#[cfg(test)]
mod tests;
