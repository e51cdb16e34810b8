//! [`Rows`]: the rows of a table as svm-light lines.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};

use crosscut::Feature;
use crosscut::parallel::map_ranges;
use crosscut_data::scaling::round;
use crosscut_data::svmlight::Line;
use crosscut_data::text;

use super::records::Records;
use super::{Column, Kind, Table, is_missing, listed, number, shown};
use crate::error::Error;
use crate::source::Source;

/// Rows parsed by one thread at a time.
const PIECE: usize = 256;
/// Rows parsed before any of them is taken.
const BATCH: usize = 16 << 10;

/// The rows of a table, with the columns of the table that was learned from.
pub struct Rows<'t> {
    table: &'t Table,
    records: Records,
    places: Places,
    /// For each column, values that make no feature, since training had none such.
    unknown: Vec<AtomicU64>,
}

/// A row.
#[derive(Clone, Debug, PartialEq)]
pub struct Row<'t> {
    /// Label, weight (as the cost) and features with ids from 1, in the order of the table.
    pub line: Line<'t>,
    /// The value of `--group-column`.
    pub group: Option<&'t str>,
}

/// The positions of the columns in a file.
struct Places {
    label: Option<usize>,
    group: Option<usize>,
    weight: Option<usize>,
    columns: Vec<usize>,
}

impl<'t> Rows<'t> {
    /// The rows of a file that has the columns of `table`.
    ///
    /// # Errors
    /// A column of features, or of the group, that the file lacks.
    pub(super) fn new(table: &'t Table, records: Records) -> Result<Self, Error> {
        let header = records.header.iter().map(String::as_str).zip(0..);
        let header: HashMap<&str, usize> = header.collect();
        let place = |name: &String| header.get(name.as_str()).copied();
        let need = |name: &String| {
            place(name).ok_or_else(|| {
                let message = format!(
                    "expected the columns of the training table, found no `{}` among {}",
                    shown(name),
                    listed(records.header.iter())
                );
                Error::file(records.file.as_str(), message)
            })
        };
        let places = Places {
            label: place(&table.label),
            group: table.group.as_ref().map(need).transpose()?,
            weight: table.weight.as_ref().and_then(place),
            columns: table
                .columns
                .iter()
                .map(|column| need(&column.name))
                .collect::<Result<_, _>>()?,
        };
        let unknown = table.columns.iter().map(|_| AtomicU64::new(0)).collect();
        Ok(Self { table, records, places, unknown })
    }

    /// Parses every row, and passes what `parse` returns to `take`, in order and one at a time, with
    /// its line number.
    ///
    /// # Errors
    /// The first row, by its first line, that is bad or that `parse` or `take` refuses.
    pub fn scan<T: Send>(
        &self,
        parse: impl Fn(Row<'_>) -> Result<Option<T>, String> + Sync,
        mut take: impl FnMut(u64, T) -> Result<(), Error>,
    ) -> Result<(), Error> {
        for start in (0..self.records.len()).step_by(BATCH) {
            let batch = BATCH.min(self.records.len() - start);
            let pieces = map_ranges(batch, PIECE, |range| {
                let records = range.map(|record| start + record);
                let parsed =
                    |record| (self.records.line(record), self.row(record).and_then(&parse));
                records.map(parsed).collect::<Vec<_>>()
            });
            for (line, row) in pieces.into_iter().flatten() {
                let refuse = |message| Error::line(self.records.file.as_str(), line, message);
                if let Some(item) = row.map_err(refuse)? {
                    take(line, item)?;
                }
            }
        }
        Ok(())
    }

    fn row(&self, record: usize) -> Result<Row<'_>, String> {
        let value = |at: usize| self.records.value(record, at);
        let given = |at: usize| Some(value(at)).filter(|value| !is_missing(value));
        let label = self.places.label.and_then(given).map(text::name).transpose()?;
        let group = match self.places.group {
            None => None,
            Some(at) => Some(text::name(given(at).ok_or_else(|| {
                let column = self.table.group.as_deref().map(shown).unwrap_or_default();
                format!("expected the name of a query in column `{column}`, found a missing value")
            })?)?),
        };
        let cost = self.places.weight.map_or(Ok(1.0), |at| self.weight(value(at)))?;
        let (mut features, mut rest) = (Vec::new(), Vec::new());
        let all = self.table.columns.iter().zip(&self.table.firsts).zip(&self.places.columns);
        for (((column, first), &place), unknown) in all.zip(&self.unknown) {
            let is_known = self.add(column, *first, value(place), [&mut features, &mut rest])?;
            unknown.fetch_add(u64::from(!is_known), Ordering::Relaxed);
        }
        let last_id = self.table.features() as u32;
        Ok(Row {
            line: Line { target: label, qid: None, cost, features, rest, last_id, comment: None },
            group,
        })
    }

    /// Appends the features of a value, and what rounding takes from them; whether the column knows
    /// the value.
    fn add(
        &self,
        column: &Column,
        first: u32,
        value: &str,
        to: [&mut Vec<Feature>; 2],
    ) -> Result<bool, String> {
        let [features, rest] = to;
        let mut push = |feature: usize, value: f64| {
            let (index, (value, taken)) = (first + feature as u32 + 1, round(value));
            if value != 0.0 {
                features.push(Feature { index, value });
                rest.extend((taken != 0.0).then_some(Feature { index, value: taken }));
            }
        };
        let last = column.features() - 1;
        match (&column.kind, is_missing(value)) {
            (Kind::Number(mean), true) => push(0, *mean),
            (Kind::Number(_), false) => push(0, self.number(column, value)?),
            (Kind::Categories(words), false) => match words.index(value) {
                Some(feature) => push(feature as usize, 1.0),
                None => return Ok(false),
            },
            (Kind::Categories(_), true) => {}
        }
        if is_missing(value) && column.lacks {
            push(last, 1.0);
        }
        Ok(!is_missing(value) || column.lacks)
    }

    fn number(&self, column: &Column, value: &str) -> Result<f64, String> {
        match number(value, self.records.separator) {
            Some(number) if (number as f32).is_finite() => Ok(number),
            found => Err(format!(
                "expected a number{} in column `{}`, found `{}`",
                if found.is_some() { " that is finite in single precision" } else { "" },
                shown(&column.name),
                shown(value)
            )),
        }
    }

    fn weight(&self, value: &str) -> Result<f64, String> {
        let weight = number(value, self.records.separator);
        weight.filter(|weight| weight.is_finite() && *weight >= 0.0).ok_or_else(|| {
            format!(
                "expected a weight, a finite number of at least 0, in column `{}`, found `{}`",
                self.table.weight.as_deref().map(shown).unwrap_or_default(),
                shown(value)
            )
        })
    }

    /// Sends notes on columns and values that the model does not know, when all rows have been read.
    pub fn note(&self, source: &mut Source<'_>) {
        let Table { label, group, weight, ignored, columns, .. } = self.table;
        let known = columns.iter().map(|column| &column.name).chain([label]).chain(group);
        let known: HashSet<&String> = known.chain(weight).chain(ignored).collect();
        let extra = |name: &&String| !name.is_empty() && !known.contains(*name);
        let extra: Vec<&String> = self.records.header.iter().filter(extra).collect();
        let file = &self.records.file;
        if !extra.is_empty() {
            let names = listed(extra.iter().copied());
            source.note(&format!(
                "{file}: columns that the model does not know are passed over: {names}"
            ));
        }
        let counts = columns.iter().zip(&self.unknown);
        let unknown: Vec<String> = counts
            .map(|(column, count)| (column, count.load(Ordering::Relaxed)))
            .filter(|(_, count)| *count > 0)
            .map(|(column, count)| match column.kind {
                Kind::Number(_) => format!("{} ({count} missing, taken as its mean)", column.name),
                Kind::Categories(_) => format!("{} ({count}, no features)", column.name),
            })
            .collect();
        if !unknown.is_empty() {
            let columns = listed(unknown.iter());
            source.note(&format!("{file}: values that training did not see, by column: {columns}"));
        }
    }
}

impl std::fmt::Debug for Rows<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rows").field("table", self.table).finish_non_exhaustive()
    }
}

impl Table {
    /// The rows of a file to be read with a model; `None` if it is empty, and may be.
    ///
    /// # Errors
    /// A bad text, by line; a column that the file lacks; a file without rows, unless it [may be
    /// empty](Source::may_be_empty).
    pub fn rows(&self, source: &mut Source<'_>) -> Result<Option<Rows<'_>>, Error> {
        let records = Records::read(source)?;
        let rows = records.map(|records| Rows::new(self, records));
        let rows = rows.transpose()?;
        if rows.as_ref().is_none_or(|rows| rows.records.len() == 0) && source.needs_examples() {
            let message = "expected at least one example, found a table without rows";
            return Err(Error::file(source.name(), message));
        }
        Ok(rows)
    }
}
