//! [`Base`]: data of today, and files of many noisy copies of them.

use std::error::Error;
use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::path::Path;

use flate2::read::GzDecoder;
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;

/// How lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lines {
    /// svm-light: label, perhaps `qid:`, features `id:value`.
    Features,
    /// CRFsuite: tag and attributes, separated by tabs; a blank line ends a sequence.
    Attributes,
    /// CoNLL: a token and its tag; a blank line ends a sequence.
    Columns,
}

/// Of so many features, attributes or tokens, one is left out of a copy.
const LEFT_OUT: u32 = 20;

/// A file in memory, to be copied.
pub struct Base {
    lines: Lines,
    text: String,
    /// One more than the largest number of a query.
    queries: u64,
}

impl Base {
    /// Reads a file, perhaps packed by gzip. Of a file of features with the sizes of queries beside
    /// it, lines get the numbers of queries.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn read(path: &Path, lines: Lines, sizes: Option<&Path>) -> Result<Self, Box<dyn Error>> {
        let at = |error: io::Error| format!("{}: {error}", path.display());
        let mut file = File::open(path).map_err(at)?;
        let mut text = String::new();
        if path.extension().is_some_and(|end| end == "gz") {
            GzDecoder::new(file).read_to_string(&mut text).map_err(at)?;
        } else {
            file.read_to_string(&mut text).map_err(at)?;
        }
        if let Some(sizes) = sizes {
            text = with_queries(&text, &std::fs::read_to_string(sizes)?)?;
        }
        let numbers = text
            .lines()
            .filter_map(|line| line.split(' ').nth(1)?.strip_prefix("qid:")?.parse::<u64>().ok());
        let queries = numbers.max().map_or(0, |most| most + 1);
        Ok(Self { lines, text, queries })
    }

    /// Writes a file with `times` as many lines, and returns its bytes. Copies of a line differ:
    /// features, attributes and tokens are left out by chance, and values other than 1 are
    /// multiplied by a number from 0.9 to 1.1. Each copy of a query is a query of its own. The same
    /// seed gives the same file.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn write(&self, path: &Path, times: f64, seed: u64) -> io::Result<u64> {
        let mut out = BufWriter::with_capacity(1 << 20, File::create(path)?);
        let mut random = Pcg64::seed_from_u64(seed);
        let wanted = (times * self.text.lines().count() as f64) as usize;
        let (mut lines, mut line) = (0, Vec::new());
        for copy in 0.. {
            for text in self.text.lines() {
                // The last sequence is not cut.
                if lines >= wanted && (self.lines == Lines::Features || text.is_empty()) {
                    out.into_inner()?.sync_all()?;
                    return path.metadata().map(|file| file.len());
                }
                line.clear();
                self.copy(text, copy, &mut random, &mut line);
                out.write_all(&line)?;
                lines += 1;
            }
            if self.lines != Lines::Features {
                out.write_all(b"\n")?;
            }
        }
        Ok(0)
    }

    fn copy(&self, text: &str, copy: u64, random: &mut Pcg64, line: &mut Vec<u8>) {
        let mut is_kept = || random.random_range(0..LEFT_OUT) != 0;
        match self.lines {
            Lines::Columns if text.is_empty() || is_kept() => line.extend(text.as_bytes()),
            Lines::Columns => return,
            Lines::Attributes => {
                let mut fields = text.split('\t');
                line.extend(fields.next().unwrap_or_default().as_bytes());
                for field in fields.filter(|_| is_kept()) {
                    line.push(b'\t');
                    line.extend(field.as_bytes());
                }
            }
            Lines::Features => {
                let mut fields = text.split_ascii_whitespace();
                line.extend(fields.next().unwrap_or_default().as_bytes());
                for field in fields {
                    let (id, value) = field.split_once(':').unwrap_or((field, ""));
                    if id == "qid" {
                        let query = value.parse().unwrap_or(0) + copy * self.queries;
                        line.extend(format!(" qid:{query}").as_bytes());
                    } else if random.random_range(0..LEFT_OUT) != 0 {
                        line.push(b' ');
                        line.extend(id.as_bytes());
                        line.push(b':');
                        noisy(value, random, line);
                    }
                }
            }
        }
        line.push(b'\n');
    }
}

/// Appends a value, or one near it.
fn noisy(value: &str, random: &mut Pcg64, line: &mut Vec<u8>) {
    match value.parse::<f64>() {
        Ok(number) if number != 1.0 => {
            let near = number * (0.9 + 0.2 * random.random::<f64>());
            write!(line, "{near:.4}").expect("a list of bytes takes all");
        }
        _ => line.extend(value.as_bytes()),
    }
}

/// The lines with the numbers of their queries, whose sizes are the lines of `sizes`.
fn with_queries(text: &str, sizes: &str) -> Result<String, Box<dyn Error>> {
    let (mut lines, mut all) = (text.lines(), String::with_capacity(text.len() + text.len() / 16));
    for (query, size) in sizes.lines().enumerate() {
        for line in lines.by_ref().take(size.trim().parse()?) {
            let (grade, features) = line.split_once(' ').unwrap_or((line, ""));
            all += &format!("{grade} qid:{query} {features}\n");
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(lines: Lines, text: &str, queries: u64, times: f64, seed: u64) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("made");
        let base = Base { lines, text: text.to_owned(), queries };
        let size = base.write(&path, times, seed).unwrap();
        let text = std::fs::read_to_string(path).unwrap();
        assert_eq!(size, text.len() as u64);
        text
    }

    #[test]
    fn copies_are_reproducible_and_differ() {
        let text = "a 1:0.5 2:1 3:4\nb 2:2 4:0.25 5:1\n";
        let made = |seed| made(Lines::Features, text, 0, 50.0, seed);
        let first = made(1);
        assert_eq!(first, made(1));
        assert_ne!(first, made(2));
        let mut lines: Vec<&str> = first.lines().collect();
        assert_eq!(lines.len(), 100);
        assert!(lines.iter().step_by(2).all(|line| line.starts_with('a')));
        lines.sort_unstable();
        lines.dedup();
        assert!(lines.len() > 90);
    }

    #[test]
    fn each_copy_of_a_query_has_its_own_number() {
        let text = with_queries("1 1:1\n0 2:1\n1 1:2\n", "2\n1\n").unwrap();
        assert_eq!(text, "1 qid:0 1:1\n0 qid:0 2:1\n1 qid:1 1:2\n");
        let made = made(Lines::Features, &text, 2, 3.0, 1);
        let numbers: Vec<&str> = made.lines().map(|line| line.split(' ').nth(1).unwrap()).collect();
        let expected = "qid:0 qid:0 qid:1 qid:2 qid:2 qid:3 qid:4 qid:4 qid:5";
        assert_eq!(numbers.join(" "), expected);
    }

    #[test]
    fn sequences_stay_apart_and_whole() {
        for (lines, text) in [
            (Lines::Attributes, "T\ta\tb\tc\nU\td\te\n\nT\ta\n\n"),
            (Lines::Columns, "a T\nb U\nc T\n\nd T\n\n"),
        ] {
            let made = made(lines, text, 0, 40.0, 3);
            let sequences = made.split("\n\n").filter(|text| !text.trim().is_empty()).count();
            assert!((70..=82).contains(&sequences), "{sequences} sequences in {made}");
            assert!(made.ends_with('\n'));
        }
    }
}
