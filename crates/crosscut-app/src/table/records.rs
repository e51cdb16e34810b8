//! [`Records`]: the values of a table, which the crate `csv` splits as RFC 4180 says.
//!
//! The quoted part of a field that begins with a quote ends at the next single one; it may hold
//! separators, line breaks, and `""` for a quote. Letters after it, up to the separator, are part of
//! the value. A quote elsewhere, even after a space, is a letter like others. Spaces around a value
//! are no part of it. Blank lines are passed over.

use std::collections::HashSet;
use std::io::Read;

use crosscut::parallel::map_ranges;
use crosscut_data::text::{self, trim_name};
use csv::{ReaderBuilder, StringRecord, Terminator};

use super::shown;
use crate::error::Error;
use crate::source::{LONE_RETURN, Source, count_lines};

/// A table in memory.
pub(super) struct Records {
    pub file: String,
    pub separator: char,
    /// The names of the columns, distinct but for empty ones.
    pub header: Vec<String>,
    /// The records after the header.
    body: Body,
}

/// Records of the same number of values.
#[derive(Default)]
struct Body {
    /// The line of each.
    lines: Vec<u64>,
    /// Their values, one after the other, and the end of each in this text.
    values: String,
    ends: Vec<usize>,
}

/// A refused record: its line, and why.
type Refused = (u64, String);

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
        /// Bytes that one of several threads splits at a time.
        const PIECE: usize = 256 << 10;
        let piece = if rayon::current_num_threads() > 1 { PIECE } else { text.len() };
        Self::of_pieces(file, text, piece)
    }

    /// As [`of`](Self::of), with pieces of about `size` bytes. They do not matter for the result.
    fn of_pieces(file: &str, text: &str, size: usize) -> Result<Option<Self>, Error> {
        let refuse = |(line, message): Refused| Error::line(file, line, message);
        if let Some(bad) = text.find('\0') {
            let line = 1 + count_lines(&text.as_bytes()[..bad]);
            return Err(refuse((line, "expected text, found a NUL character".to_owned())));
        }
        let separator = separator(text);
        // A record with quotes may go on over any number of lines.
        let pieces = if text.contains('"') { vec![(0, text)] } else { pieces(text, size) };
        let mut pieces = pieces.into_iter();
        let (mut header, mut bodies) = (Vec::new(), Vec::new());
        while header.is_empty()
            && let Some(piece) = pieces.next()
        {
            let body = Body::of(piece, separator, |line, record| match header.len() {
                0 => {
                    header = record.iter().map(|value| trim_name(value).to_owned()).collect();
                    check_header(&header).map_err(|message| (line, message)).map(|()| None)
                }
                width => Ok(Some(width)),
            });
            bodies.push(body.map_err(refuse)?);
        }
        let (pieces, width) = (pieces.as_slice(), header.len());
        let more = map_ranges(pieces.len(), 1, |range| {
            let body = |piece: &(u64, &str)| Body::of(*piece, separator, |_, _| Ok(Some(width)));
            pieces[range].iter().map(body).collect::<Vec<_>>()
        });
        for body in more.into_iter().flatten() {
            bodies.push(body.map_err(refuse)?);
        }
        let body = Body::concat(bodies);
        let table = Self { file: file.to_owned(), separator: separator.into(), header, body };
        Ok(Some(table).filter(|table| !table.header.is_empty()))
    }

    /// The number of records after the header.
    pub fn len(&self) -> usize {
        self.body.lines.len()
    }

    /// The line on which a record begins.
    pub fn line(&self, record: usize) -> u64 {
        self.body.lines[record]
    }

    /// The value of a record in a column, trimmed.
    pub fn value(&self, record: usize, column: usize) -> &str {
        let at = record * self.header.len() + column;
        let Body { values, ends, .. } = &self.body;
        &values[at.checked_sub(1).map_or(0, |before| ends[before])..ends[at]]
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

impl Body {
    /// The records of a piece of text that follows a number of lines. `width` gets each record with
    /// its line, and returns how many values it must have, or `None` for the header.
    ///
    /// # Errors
    /// The first record that is refused.
    fn of(
        (before, text): (u64, &str),
        separator: u8,
        mut width: impl FnMut(u64, &StringRecord) -> Result<Option<usize>, Refused>,
    ) -> Result<Self, Refused> {
        let mut body = Self::default();
        for (line, record) in records(text, separator) {
            let line = before + line;
            let record = record.map_err(|message| (line, message))?;
            let Some(width) = width(line, &record)? else { continue };
            if record.len() != width {
                return Err((line, wrong_count(width, &record)));
            }
            for value in record.iter().map(trim_name) {
                body.values.push_str(value);
                body.ends.push(body.values.len());
            }
            body.lines.push(line);
        }
        Ok(body)
    }

    /// The records of several pieces. Each is dropped once it is copied.
    fn concat(mut bodies: Vec<Self>) -> Self {
        if bodies.len() == 1 {
            return bodies.swap_remove(0);
        }
        let sum = |size: fn(&Self) -> usize| bodies.iter().map(size).sum();
        let mut all = Self {
            lines: Vec::with_capacity(sum(|body| body.lines.len())),
            values: String::with_capacity(sum(|body| body.values.len())),
            ends: Vec::with_capacity(sum(|body| body.ends.len())),
        };
        for body in bodies {
            let start = all.values.len();
            all.lines.extend(body.lines);
            all.values.push_str(&body.values);
            all.ends.extend(body.ends.into_iter().map(|end| start + end));
        }
        all
    }
}

/// Pieces of whole lines, each with the number of lines before it.
fn pieces(text: &str, size: usize) -> Vec<(u64, &str)> {
    let (mut pieces, mut rest, mut lines) = (Vec::new(), text, 0);
    while !rest.is_empty() {
        let cut = rest.as_bytes().iter().skip(size).position(|&byte| byte == b'\n');
        let (piece, after) = rest.split_at(cut.map_or(rest.len(), |at| size + at + 1));
        pieces.push((lines, piece));
        lines += count_lines(piece.as_bytes());
        rest = after;
    }
    pieces
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
    fn pieces_do_not_matter() {
        for text in [
            "a,b\n1,2\n\n3,é\r\n\n 4 ,5",
            "\n \n\r\na;b\n1;2\n\n\n3;4\n\n",
            "a,b\n1,2\n1,2,3\n4\n",
            "a,b\n1,2\n3\r4,5\n6\n",
            "a,a\n1,2\n",
            "a,b\n1,\"2\n3\"\n4,5\n",
            "",
            "\n\n",
            "a,b",
        ] {
            let of = |size: usize| {
                let table = Records::of_pieces("t", text, size);
                table.map(|table| table.map(|table| (table.header.clone(), all(&table))))
            };
            let whole = of(1000).map_err(|error| error.to_string());
            for size in 0..text.len() {
                assert_eq!(of(size).map_err(|error| error.to_string()), whole, "{text:?}, {size}");
            }
        }
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
