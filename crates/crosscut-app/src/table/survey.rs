//! [`survey`]: the columns of a training table, from the values of all its rows.

use std::collections::{BTreeSet, HashSet};

use crosscut::parallel::map_ranges;
use crosscut_data::{Words, text};

use super::options::Found;
use super::records::Records;
use super::{Column, Kind, Table, Unchecked, is_missing, number, shown};
use crate::error::Error;
use crate::source::Source;

/// A column that has at least as many categories, and one for every second row, is told of.
const MANY: usize = 50;

/// What a column has.
#[derive(Clone, Default)]
struct Seen {
    missing: u64,
    numbers: u64,
    sum: f64,
    others: u64,
    /// The first value that is no number, and its line.
    first_other: Option<(String, u64)>,
}

/// Decides what each column is, and sends notes on columns that are likely to be something else.
///
/// # Errors
/// Values of categories with characters that cannot be seen; features of the same name; no features.
pub(super) fn survey(
    records: &Records,
    found: &Found,
    source: &mut Source<'_>,
) -> Result<Table, Error> {
    let name = |at: usize| records.header[at].clone();
    let mut roles: HashSet<usize> = HashSet::from([found.label]);
    roles.extend(found.group.iter().chain(&found.weight).chain(&found.ignore));
    let is_free = |at: &usize| !roles.contains(at) && !records.header[*at].is_empty();
    let used: Vec<usize> = (0..records.header.len()).filter(is_free).collect();
    let mut ignored: Vec<String> = found.ignore.iter().map(|&at| name(at)).collect();
    let mut note = |message: String| source.note(&format!("{}: {message}", records.file));

    if is_likely_a_row(&records.header) {
        note(format!(
            "the names of columns in the first line are numbers ({}, …): a table needs a header line, and \
             this one is not learned from",
            shown(&records.header[0])
        ));
    }
    let nameless = (0..records.header.len())
        .filter(|at| records.header[*at].is_empty() && !roles.contains(at));
    if let Some(at) = nameless.clone().next() {
        let (columns, are) =
            if nameless.count() > 1 { ("columns", "are") } else { ("column", "is") };
        note(format!("{columns} without a name (column {}) {are} left out", at + 1));
    }

    let seen = count(records, &used);
    let mut columns: Vec<(usize, Column)> = Vec::new();
    for (&at, seen) in used.iter().zip(&seen) {
        let Seen { missing, numbers, sum, others, first_other } = seen;
        let shown = shown(&records.header[at]);
        if numbers + others == 0 {
            note(format!("column `{shown}` has no value in any row, and is left out"));
            ignored.push(name(at));
            continue;
        }
        let by_option = found.categories.contains(&at);
        let kind = match others {
            0 if !by_option => Kind::Number(sum / *numbers as f64),
            _ => Kind::Categories(Words::default()),
        };
        if let (Some((value, line)), false) = (first_other, by_option)
            && numbers >= others
        {
            note(format!(
                "column `{shown}` is one of categories, since {others} of its {} values {} no number \
                 (`{}` on line {line}); a missing value is an empty field, ? or NA",
                numbers + others,
                if *others == 1 { "is" } else { "are" },
                super::shown(value),
            ));
        }
        columns.push((at, Column { name: name(at), kind, lacks: *missing > 0 }));
    }
    collect_categories(records, &mut columns)?;
    for (_, column) in &columns {
        if let Kind::Categories(words) = &column.kind
            && words.len() >= MANY
            && 2 * words.len() > records.len()
        {
            note(format!(
                "column `{}` has {} different values in {} rows, too many to learn from: --ignore leaves it \
                 out",
                shown(&column.name),
                words.len(),
                records.len()
            ));
        }
    }

    let unchecked = Unchecked {
        label: name(found.label),
        group: found.group.map(name),
        weight: found.weight.map(name),
        ignored,
        columns: columns.into_iter().map(|(_, column)| column).collect(),
    };
    let refuse = |message: String| Error::file(records.file.as_str(), message);
    let table = Table::try_from(unchecked).map_err(refuse)?;
    if table.features() == 0 {
        return Err(refuse(
            "expected a column of features beside that of labels, found none".to_owned(),
        ));
    }
    table.feature_ids().map_err(refuse)?;
    Ok(table)
}

/// Whether a header is likely to be a row of values: most names are numbers, and not those of the
/// columns in order.
fn is_likely_a_row(header: &[String]) -> bool {
    let numbers: Vec<f64> = header.iter().filter_map(|name| number(name, ',')).collect();
    let are_positions = numbers.windows(2).all(|pair| pair[1] == pair[0] + 1.0);
    2 * numbers.len() > header.len() && !are_positions
}

/// Counts the values of some columns.
fn count(records: &Records, used: &[usize]) -> Vec<Seen> {
    // Each thread has neighbouring columns, and reads all rows.
    let columns = used.len().div_ceil(rayon::current_num_threads()).max(1);
    let parts: Vec<&[usize]> = used.chunks(columns).collect();
    let seen = map_ranges(parts.len(), 1, |range| {
        parts[range].iter().flat_map(|part| count_columns(records, part)).collect::<Vec<_>>()
    });
    seen.into_iter().flatten().collect()
}

fn count_columns(records: &Records, used: &[usize]) -> Vec<Seen> {
    let mut all = vec![Seen::default(); used.len()];
    for record in 0..records.len() {
        for (seen, &at) in all.iter_mut().zip(used) {
            let value = records.value(record, at);
            match number(value, records.separator) {
                _ if is_missing(value) => seen.missing += 1,
                Some(number) => {
                    seen.numbers += 1;
                    // Others are refused with their line when they are read.
                    seen.sum += if (number as f32).is_finite() { number } else { 0.0 };
                }
                None => {
                    seen.others += 1;
                    let first = || (value.to_owned(), records.line(record));
                    seen.first_other.get_or_insert_with(first);
                }
            }
        }
    }
    all
}

/// Fills columns of categories with their values, in the order of the text, or of the numbers if all
/// of them are.
fn collect_categories(records: &Records, columns: &mut [(usize, Column)]) -> Result<(), Error> {
    let mut open: Vec<(usize, &mut Words, BTreeSet<String>)> = columns
        .iter_mut()
        .filter_map(|(at, column)| match &mut column.kind {
            Kind::Categories(words) => Some((*at, words, BTreeSet::new())),
            Kind::Number(_) => None,
        })
        .collect();
    for record in 0..records.len() {
        for (at, _, values) in &mut open {
            let value = records.value(record, *at);
            if !is_missing(value) && !values.contains(value) {
                text::name(value).map_err(|message| {
                    Error::line(records.file.as_str(), records.line(record), message)
                })?;
                values.insert(value.to_owned());
            }
        }
    }
    let refuse = |message| Error::file(records.file.as_str(), message);
    for (_, words, values) in open {
        values.iter().try_for_each(|value| words.insert(value).map(|_| ())).map_err(refuse)?;
    }
    Ok(())
}
