//! [`Records`]: the text of a table, split into records and fields as in RFC 4180.
//!
//! A field that begins with a quote ends with the next single one; it may hold separators, line
//! breaks, and `""` for a quote. A quote elsewhere is a letter like others. Spaces around a value
//! are no part of it. Blank lines are passed over.

use std::borrow::Cow;
use std::collections::HashSet;

use super::shown;
use crate::error::Error;
use crate::source::{self, Source, trim_name};

/// A table in memory.
pub(super) struct Records {
    pub file: String,
    pub separator: char,
    /// The names of the columns, distinct but for empty ones.
    pub header: Vec<String>,
    text: String,
    /// Position and line of each record after the header.
    starts: Vec<(usize, u64)>,
}

impl Records {
    /// Reads a table; `None` if there is no header, since the text is blank.
    ///
    /// # Errors
    /// Text that is not UTF-8, quotes without an end, names of columns that are the same or cannot be
    /// seen, records with another number of fields than the header, by line.
    pub fn read(source: &mut Source<'_>) -> Result<Option<Self>, Error> {
        let (file, text) = (source.name().to_owned(), source.take_text()?);
        let (mut at, mut line) = (0, 1_u64);
        let mut table = Self { file, separator: ',', header: Vec::new(), text, starts: Vec::new() };
        if let Some(bad) = table.text.find('\0') {
            let line = 1 + line_breaks(&table.text[..bad]);
            return Err(Error::line(table.file, line, "expected text, found a NUL character"));
        }
        while at < table.text.len() {
            let rest = &table.text[at..];
            let first = &rest[..rest.find('\n').map_or(rest.len(), |end| end + 1)];
            let is_row = first.contains(table.separator) && !table.header.is_empty();
            if !is_row && trim_name(first).is_empty() {
                (at, line) = (at + first.len(), line + 1);
                continue;
            }
            if table.header.is_empty() {
                table.separator = separator(rest);
            }
            let mut fields = Vec::new();
            let split = split(rest, table.separator, &mut fields);
            let length = split.map_err(|(before, message)| {
                let line = line + line_breaks(&rest[..before]);
                Error::line(table.file.as_str(), line, message)
            })?;
            let lines = line_breaks(&rest[..length]).max(1);
            if table.header.is_empty() {
                let header: Vec<String> = fields.into_iter().map(Cow::into_owned).collect();
                check_header(&header)
                    .map_err(|message| Error::line(table.file.as_str(), line, message))?;
                table.header = header;
            } else if fields.len() == table.header.len() {
                table.starts.push((at, line));
            } else {
                let message = wrong_count(table.header.len(), fields.len());
                return Err(Error::line(table.file, line, message));
            }
            (at, line) = (at + length, line + lines);
        }
        Ok(Some(table).filter(|table| !table.header.is_empty()))
    }

    /// The number of records after the header.
    pub fn len(&self) -> usize {
        self.starts.len()
    }

    /// Replaces `fields` by those of a record, and returns its line.
    pub fn fields<'t>(&'t self, record: usize, fields: &mut Vec<Cow<'t, str>>) -> u64 {
        let (start, line) = self.starts[record];
        fields.clear();
        split(&self.text[start..], self.separator, fields)
            .expect("the record was split when the table was read");
        line
    }

    /// The column with a name, or else with a number from 1.
    pub fn column(&self, wanted: &str) -> Option<usize> {
        let by_name = self.header.iter().position(|name| name == wanted && !name.is_empty());
        by_name.or_else(|| {
            let number: usize = wanted.parse().ok()?;
            (1..=self.header.len()).contains(&number).then(|| number - 1)
        })
    }
}

/// What is between commas, as in a line of a table.
pub(super) fn list(text: &str) -> Result<Vec<String>, String> {
    let mut fields = Vec::new();
    let length = split(text, ',', &mut fields).map_err(|(_, message)| message)?;
    if length < text.len() {
        return Err("expected one line, found more".to_owned());
    }
    Ok(fields.into_iter().map(Cow::into_owned).collect())
}

/// Appends the fields of the record at the beginning of `text`, trimmed, and returns the length of the
/// record with its line break. The error has the position of the field in it.
fn split<'t>(
    text: &'t str,
    separator: char,
    fields: &mut Vec<Cow<'t, str>>,
) -> Result<usize, (usize, String)> {
    let mut at = 0;
    loop {
        let (value, length) = field(&text[at..], separator).map_err(|message| (at, message))?;
        fields.push(value);
        at += length;
        match text[at..].chars().next() {
            Some(end) if end == separator => at += end.len_utf8(),
            Some(_) => return Ok(at + 1),
            None => return Ok(at),
        }
    }
}

/// The field at the beginning of `text`, trimmed, and its length up to the separator, the line break
/// or the end.
fn field(text: &str, separator: char) -> Result<(Cow<'_, str>, usize), String> {
    let end_of = |text: &str| text.find([separator, '\n']).unwrap_or(text.len());
    let Some(quoted) = text.trim_start_matches(' ').strip_prefix('"') else {
        let length = end_of(text);
        let value = trim_name(&text[..length]);
        if value.contains('\r') {
            return Err(source::LONE_RETURN.to_owned());
        }
        return Ok((Cow::Borrowed(value), length));
    };
    let (mut end, mut has_quotes) = (0, false);
    loop {
        let Some(next) = quoted[end..].find('"') else {
            return Err("expected a quote at the end of the field that begins here with one, \
                        found none"
                .to_owned());
        };
        end += next;
        if !quoted[end + 1..].starts_with('"') {
            break;
        }
        (end, has_quotes) = (end + 2, true);
    }
    let inside = trim_name(&quoted[..end]);
    let after = &quoted[end + 1..];
    let (rest, _) = after.split_at(end_of(after));
    if !trim_name(rest).is_empty() {
        return Err(format!(
            "expected `{}` or the end of the line after the quoted field that begins here, found `{}`",
            separator.escape_default(),
            shown(rest.trim())
        ));
    }
    let value = match has_quotes {
        true => Cow::Owned(inside.replace("\"\"", "\"")),
        false => Cow::Borrowed(inside),
    };
    Ok((value, text.len() - after.len() + rest.len()))
}

/// The separator of a table: the one of tab, semicolon and comma that its header has most often
/// outside quotes.
fn separator(text: &str) -> char {
    let mut counts = [('\t', 0), (';', 0), (',', 0)];
    let mut is_quoted = false;
    for letter in text.chars() {
        match letter {
            '"' => is_quoted = !is_quoted,
            '\n' if !is_quoted => break,
            _ if is_quoted => {}
            _ => counts
                .iter_mut()
                .filter(|(separator, _)| *separator == letter)
                .for_each(|(_, count)| *count += 1),
        }
    }
    // The first among equals.
    let best = counts.into_iter().rev().max_by_key(|&(_, count)| count);
    best.filter(|&(_, count)| count > 0).map_or(',', |(separator, _)| separator)
}

/// Refuses names of columns that are the same, or that cannot be seen.
fn check_header(header: &[String]) -> Result<(), String> {
    let mut seen = HashSet::new();
    for (name, number) in header.iter().zip(1..) {
        source::name(name)?;
        if !name.is_empty() && !seen.insert(name) {
            let first = header.iter().position(|other| other == name).map_or(0, |at| at + 1);
            return Err(format!(
                "expected columns of different names, found `{}` as columns {first} and {number}",
                shown(name)
            ));
        }
    }
    match seen.is_empty() {
        true => Err("expected the names of columns, found none".to_owned()),
        false => Ok(()),
    }
}

fn wrong_count(expected: usize, found: usize) -> String {
    let hint = match found == expected + 1 {
        true => " (row names need a name in the header, which may be empty)",
        false => "",
    };
    let fields = if expected == 1 { "field" } else { "fields" };
    format!("expected {expected} {fields} as in the header, found {found}{hint}")
}

fn line_breaks(text: &str) -> u64 {
    text.bytes().filter(|&byte| byte == b'\n').count() as u64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Result<Option<Records>, String> {
        Records::read(&mut Source::from_text("t", text)).map_err(|error| error.to_string())
    }

    fn all(table: &Records) -> Vec<(u64, Vec<String>)> {
        let mut fields = Vec::new();
        let record = |at| {
            let line = table.fields(at, &mut fields);
            (line, fields.iter().map(|field| field.to_string()).collect())
        };
        (0..table.len()).map(record).collect()
    }

    #[test]
    fn quotes_separators_and_lines() {
        let text =
            "\u{feff}a, \"b, c\" ,\"d\"\"\"\r\n\r\n1,\"x\ny\n\",\"\"\"\"\r\n\n ,5\" disk,\"\"";
        let table = read(text).unwrap().unwrap();
        assert_eq!(table.header, ["a", "b, c", "d\""]);
        let expected = [(3, vec!["1", "x\ny", "\""]), (7, vec!["", "5\" disk", ""])];
        assert_eq!(
            all(&table),
            expected.map(|(line, fields)| (line, fields.iter().map(|f| f.to_string()).collect()))
        );
        for (text, separator, header) in [
            ("a\tb,c", '\t', &["a", "b,c"][..]),
            ("a;b,c;d", ';', &["a", "b,c", "d"]),
            ("\"a,b,c\";d", ';', &["a,b,c", "d"]),
            ("a;b,c,d", ',', &["a;b", "c", "d"]),
            ("a b", ',', &["a b"]),
        ] {
            let table = read(text).unwrap().unwrap();
            assert_eq!(
                (table.separator, &*table.header),
                (separator, &header.iter().map(|n| n.to_string()).collect::<Vec<_>>()[..])
            );
        }
        assert!(read("").unwrap().is_none() && read("\n \r\n").unwrap().is_none());
        // A line of tabs is a row without values.
        assert_eq!(all(&read("a\tb\n\t\n").unwrap().unwrap()).len(), 1);
    }

    #[test]
    fn bad_tables_are_refused_by_line() {
        for (text, expected) in [
            ("a,b\n1,2\n1,2,3\n", "t:3: expected 2 fields as in the header, found 3 (row names"),
            ("a,b,c\n1,\"\n\n\",3\n1\n", "t:5: expected 3 fields as in the header, found 1"),
            ("a,b\n1,2\n3,\"x\n4,5\n", "t:3: expected a quote at the end"),
            (
                "a,b\n\"1\n\"x,2\n",
                "t:2: expected `,` or the end of the line after the quoted field that begins here, found `x`",
            ),
            ("a\tb\n\"1\"x\t2\n", "t:2: expected `\\t` or the end"),
            ("a,b,a\n", "t:1: expected columns of different names, found `a` as columns 1 and 3"),
            ("a,b\r1,2\r", "t:1: expected line breaks"),
            ("a,b\n1,2\r1,2", "t:2: expected line breaks"),
            ("a,b\n1,2\n\0,3", "t:3: expected text, found a NUL"),
            (",,\n1,2,3\n", "t:1: expected the names of columns, found none"),
            ("a\u{1b}b,c\n", "t:1: expected a name that can be seen"),
        ] {
            let error = read(text).map(|_| ()).unwrap_err();
            assert!(error.starts_with(expected), "{text:?}: {error}");
        }
    }

    proptest! {
        /// Against an independent reader.
        #[test]
        fn records_are_those_of_the_crate_csv(
            rows in prop::collection::vec(prop::collection::vec("[ab\",\n1 ;]{0,4}", 3), 1..6),
            quoted in prop::collection::vec(any::<bool>(), 18),
        ) {
            let mut quoted = quoted.into_iter();
            let mut text = "x,y,z\n".to_owned();
            for row in &rows {
                let fields = row.iter().map(|value| {
                    let needs = value.contains(['"', ',', '\n']) || quoted.next() == Some(true);
                    let value = value.trim();
                    if needs { format!("\"{}\"", value.replace('"', "\"\"")) } else { value.to_owned() }
                });
                text += &(fields.collect::<Vec<_>>().join(",") + "\n");
            }
            let mut reader = csv::Reader::from_reader(text.as_bytes());
            let expected: Vec<Vec<String>> = reader
                .records()
                .map(|record| record.unwrap().iter().map(|field| field.trim().to_owned()).collect())
                .collect();
            let found: Vec<_> = all(&read(&text).unwrap().unwrap()).into_iter().map(|(_, fields)| fields).collect();
            prop_assert_eq!(found, expected);
        }

        #[test]
        fn nothing_panics(text in "[ab\",\n\r\t;1é]{0,30}|\\PC{0,30}") {
            if let Ok(Some(table)) = read(&text) {
                prop_assert!(all(&table).iter().all(|(_, fields)| fields.len() == table.header.len()));
            }
        }
    }
}
