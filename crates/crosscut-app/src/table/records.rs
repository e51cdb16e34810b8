//! [`Records`]: the values of a table, which the crate `csv` splits as RFC 4180 says.
//!
//! The quoted part of a field that begins with a quote ends at the next single one; it may hold
//! separators, line breaks, and `""` for a quote. Letters after it, up to the separator, are part of
//! the value. A quote elsewhere, even after a space, is a letter like others. Spaces around a value
//! are no part of it. Blank lines are passed over.

use std::collections::HashSet;
use std::io::Read;

use crosscut_data::text::{self, trim_name};
use csv::{ReaderBuilder, StringRecord, Terminator};

use super::shown;
use crate::error::Error;
use crate::source::{LONE_RETURN, Source};

/// A table in memory.
pub(super) struct Records {
    pub file: String,
    pub separator: char,
    /// The names of the columns, distinct but for empty ones.
    pub header: Vec<String>,
    /// The line of each record after the header.
    lines: Vec<u64>,
    /// The values of these records, one after the other, and the end of each in this text, after a 0.
    values: String,
    ends: Vec<usize>,
}

impl Records {
    /// Reads a table; `None` if there is no header, since the text is blank.
    ///
    /// # Errors
    /// Text that is not UTF-8, quotes without an end, names of columns that are the same or cannot be
    /// seen, records with another number of fields than the header, by line.
    pub fn read(source: &mut Source<'_>) -> Result<Option<Self>, Error> {
        let text = source.take_text()?;
        Self::of(source.name(), &text)
    }

    /// As [`read`](Self::read), for the text of a file.
    pub fn of(file: &str, text: &str) -> Result<Option<Self>, Error> {
        let file = file.to_owned();
        if let Some(bad) = text.find('\0') {
            let line = 1 + text[..bad].bytes().filter(|&byte| byte == b'\n').count() as u64;
            return Err(Error::line(file, line, "expected text, found a NUL character"));
        }
        let separator = separator(text);
        let mut table = Self {
            file,
            separator: separator.into(),
            header: Vec::new(),
            lines: Vec::new(),
            values: String::new(),
            ends: vec![0],
        };
        for (line, record) in records(text, separator) {
            record
                .and_then(|record| table.add(line, &record))
                .map_err(|message| Error::line(table.file.as_str(), line, message))?;
        }
        Ok(Some(table).filter(|table| !table.header.is_empty()))
    }

    fn add(&mut self, line: u64, record: &StringRecord) -> Result<(), String> {
        let values = record.iter().map(trim_name);
        if self.header.is_empty() {
            self.header = values.map(str::to_owned).collect();
            return check_header(&self.header);
        }
        if record.len() != self.header.len() {
            return Err(wrong_count(self.header.len(), record));
        }
        for value in values {
            self.values.push_str(value);
            self.ends.push(self.values.len());
        }
        self.lines.push(line);
        Ok(())
    }

    /// The number of records after the header.
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// The line on which a record begins.
    pub fn line(&self, record: usize) -> u64 {
        self.lines[record]
    }

    /// The value of a record in a column, trimmed.
    pub fn value(&self, record: usize, column: usize) -> &str {
        let at = record * self.header.len() + column;
        &self.values[self.ends[at]..self.ends[at + 1]]
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
    let mut records = records(text, b',');
    match (records.next(), records.next()) {
        (Some((_, record)), None) => {
            Ok(record?.iter().map(|value| trim_name(value).to_owned()).collect())
        }
        _ => Err("expected names on one line".to_owned()),
    }
}

/// The records of a text that are not blank, and the line on which each begins.
fn records(text: &str, separator: u8) -> impl Iterator<Item = (u64, Result<StringRecord, String>)> {
    /// Stands after the text as a record of its own, unless a quote is open there: the crate reports
    /// no quote without an end.
    const END: &[u8] = b"\n\0";
    let reader = ReaderBuilder::new()
        .delimiter(separator)
        .terminator(Terminator::Any(b'\n'))
        .has_headers(false)
        .flexible(true)
        .from_reader(text.as_bytes().chain(END));
    reader.into_records().filter_map(move |record| {
        let record = record.expect("text in memory is UTF-8, and records may have any length");
        // The crate's position is that before empty lines.
        let position = record.position().expect("a record that was read has a position");
        let before = text.get(position.byte() as usize..).unwrap_or_default();
        let rest = before.trim_start_matches('\n');
        let line = position.line() + (before.len() - rest.len()) as u64;
        let first = rest.split('\n').next().unwrap_or_default();
        let is_blank = record.len() == 1 && trim_name(first).is_empty();
        let record = if record.as_slice().as_bytes().ends_with(END) {
            Err("expected a quote at the end of each quoted field, found none in the record that begins here"
                .to_owned())
        } else if !first.contains('"') && first.trim_end_matches('\r').contains('\r') {
            Err(LONE_RETURN.to_owned())
        } else {
            Ok(record)
        };
        (!is_blank).then_some((line, record))
    })
}

/// The separator of a table: the one of tab, semicolon and comma that gives its header most fields.
fn separator(text: &str) -> u8 {
    let fields = |separator: u8| match records(text, separator).next() {
        Some((_, Ok(header))) => header.len(),
        // To be refused.
        Some((_, Err(_))) => usize::MAX,
        None => 0,
    };
    // The last among equals.
    let best = [b',', b';', b'\t'].into_iter().max_by_key(|&separator| fields(separator));
    best.filter(|&separator| fields(separator) > 1).unwrap_or(b',')
}

/// Refuses names of columns that are the same, or that cannot be seen.
fn check_header(header: &[String]) -> Result<(), String> {
    let mut seen = HashSet::new();
    for (name, number) in header.iter().zip(1..) {
        text::name(name)?;
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

fn wrong_count(expected: usize, record: &StringRecord) -> String {
    let found = record.len();
    let hint = if record.iter().any(|value| value.contains('\n')) {
        " (of several lines: is a quote missing?)"
    } else if found == expected + 1 {
        " (row names need a name in the header, which may be empty)"
    } else {
        ""
    };
    let fields = if expected == 1 { "field" } else { "fields" };
    format!("expected {expected} {fields} as in the header, found {found}{hint}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Result<Option<Records>, String> {
        Records::read(&mut Source::from_text("t", text)).map_err(|error| error.to_string())
    }

    fn all(table: &Records) -> Vec<(u64, Vec<String>)> {
        let columns = 0..table.header.len();
        let values =
            |at| columns.clone().map(|column| table.value(at, column).to_owned()).collect();
        (0..table.len()).map(|at| (table.line(at), values(at))).collect()
    }

    #[test]
    fn quotes_separators_and_lines() {
        // What stands below a header line of one or more columns, and the records found there.
        for (text, expected) in [
            (
                "1,\"x\ny\n\",\"\"\"\"\r\n\n ,5\" disk,\"\"",
                &[(2, &["1", "x\ny", "\""][..]), (6, &["", "5\" disk", ""])][..],
            ),
            ("\n\r\n \t\r\n\u{feff}1,2\n\n\n3,4\n\n", &[(5, &["1", "2"]), (8, &["3", "4"])]),
            (
                "\n\n\"a\r\n\r\n b\" ,2\r\r\n3,4\r\n",
                &[(4, &["a\r\n\r\n b", "2"]), (7, &["3", "4"])],
            ),
            ("\"a\rb\",1", &[(2, &["a\rb", "1"])]),
            // After the last quote of a field, and before the first.
            ("\"1\"2\"3\" ,\"\"x\n \"4\",5\n", &[(2, &["12\"3\"", "x"]), (3, &["\"4\"", "5"])]),
            ("\"1\n\"x,\"2\"\n", &[(2, &["1\nx", "2"])]),
            ("\"\"\n\"\n\"\n", &[(2, &[""]), (3, &[""])]),
            (",\n", &[(2, &["", ""])]),
            (" , \n\u{1a}", &[(2, &["", ""])]),
        ] {
            let header = &["a", "b,b", "c\""][..expected[0].1.len()];
            let names = header.iter().map(|name| format!("\"{}\"", name.replace('"', "\"\"")));
            let header_line = names.collect::<Vec<_>>().join(" ,");
            let table = read(&format!("\u{feff}{header_line}\r\n{text}")).unwrap().unwrap();
            assert_eq!(table.header, header);
            let expected = expected.iter().map(|(line, values)| {
                (*line, values.iter().map(|value| value.to_string()).collect())
            });
            assert_eq!(all(&table), expected.collect::<Vec<_>>(), "{text:?}");
        }
        for (text, separator, header) in [
            ("a\tb,c", '\t', &["a", "b,c"][..]),
            ("\n \na;b,c;d", ';', &["a", "b,c", "d"]),
            ("\"a,b,c\";d", ';', &["a,b,c", "d"]),
            ("a;b,c,d", ',', &["a;b", "c", "d"]),
            ("a b", ',', &["a b"]),
        ] {
            let table = read(text).unwrap().unwrap();
            assert_eq!(table.separator, separator);
            assert_eq!(table.header, header);
        }
        assert!(read("").unwrap().is_none() && read("\n \r\n").unwrap().is_none());
        // A line of tabs is a row without values.
        assert_eq!(all(&read("a\tb\n\t\n").unwrap().unwrap()).len(), 1);
    }

    #[test]
    fn bad_tables_are_refused_by_line() {
        let open = "expected a quote at the end of each quoted field, found none in the record that begins here";
        for (text, expected) in [
            ("a,b\n1,2\n1,2,3\n", "3: expected 2 fields as in the header, found 3 (row names"),
            ("a,b,c\n1,\"\n\n\",3\n1\n", "5: expected 3 fields as in the header, found 1"),
            ("a\n\n\n\n1\n\n\r\n1,2\n", "8: expected 1 field as in the header, found 2"),
            ("a,b\n1,2\n3,\"x\n4,5\n", &format!("3: {open}")),
            ("a,b\n1,2\n\n\n3,\"x\n4,5\n\n", &format!("5: {open}")),
            ("a,b\n1,2\n3,\"", &format!("3: {open}")),
            ("a,b\n1,2\n\"3,\"\"", &format!("3: {open}")),
            ("a\t\"b\n1\t2\n", &format!("1: {open}")),
            (
                "a,b\n1,\"x\n2,3\n4,\"y\",5\n",
                "2: expected 2 fields as in the header, found 3 (of several lines: is a quote missing?)",
            ),
            ("a,b,a\n", "1: expected columns of different names, found `a` as columns 1 and 3"),
            ("a,b\r1,2\r", "1: expected line breaks"),
            ("a,b\n1,2\r1,2", "2: expected line breaks"),
            ("a,b\n1,2\n\0,3", "3: expected text, found a NUL"),
            ("a,b\n1,2\n\n\0", "4: expected text, found a NUL"),
            (",,\n1,2,3\n", "1: expected the names of columns, found none"),
            ("\"a\tb\",c;d", "1: expected a name that can be seen"),
            ("a\u{1b}b,c\n", "1: expected a name that can be seen"),
        ] {
            let error = read(text).map(|_| ()).unwrap_err();
            assert!(error.starts_with(&format!("t:{expected}")), "{text:?}: {error}");
        }
        assert_eq!(list(" a,\"b, c\"").unwrap(), ["a", "b, c"]);
        for (text, expected) in [(" ", "expected names"), ("a\nb", "expected names"), ("\"a", open)]
        {
            assert!(list(text).unwrap_err().starts_with(expected), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn records_that_are_written_are_read_as_the_same(
            rows in prop::collection::vec((prop::collection::vec("[ab\",\n\r1 ;\té]{0,4}", 3), "([ \r]?\n){0,2}"), 1..6),
            always in any::<bool>(),
            separator in prop::sample::select(vec![',', ';', '\t']),
            crlf in any::<bool>(),
        ) {
            let quoting = if always { csv::QuoteStyle::Always } else { csv::QuoteStyle::Necessary };
            let ending = if crlf { Terminator::CRLF } else { Terminator::Any(b'\n') };
            let mut text = ["x", "y", "z\n"].join(&separator.to_string());
            let mut expected = Vec::new();
            for (row, blank) in rows {
                text += &blank;
                let line = 1 + text.matches('\n').count() as u64;
                let mut writer = csv::WriterBuilder::new();
                let mut writer = writer.delimiter(separator as u8).quote_style(quoting).terminator(ending).from_writer(Vec::new());
                writer.write_record(&row).unwrap();
                text += &String::from_utf8(writer.into_inner().unwrap()).unwrap();
                expected.push((line, row.iter().map(|value| trim_name(value).to_owned()).collect()));
            }
            let table = read(&text).unwrap().unwrap();
            prop_assert_eq!(table.separator, separator);
            prop_assert_eq!(all(&table), expected);
        }

        #[test]
        fn nothing_panics(text in "[ab\",\n\r\t;1é]{0,30}|\\PC{0,30}") {
            if let Ok(Some(table)) = read(&text) {
                prop_assert!(all(&table).iter().all(|(_, values)| values.len() == table.header.len()));
            }
            let _ = list(&text);
        }
    }
}
