//! [`Pieces`]: a file larger than memory, read once per pass in pieces of whole examples.

use std::collections::HashSet;
use std::io::Read;
use std::path::{Path, PathBuf};

use crosscut::{Example, Stream};

use crate::application::{Application, Examples};
use crate::encoding::{Decoded, Encoding};
use crate::error::Error;
use crate::source::Source;
use crate::svmlight::Qid;
use crate::unpack;

/// Size of a piece in bytes; a single longer example makes a longer piece. It affects the result,
/// since it decides how sums are grouped.
const PIECE: usize = 4 << 20;

/// The places at which a file may be cut into pieces.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Cut {
    /// After each line.
    #[default]
    Lines,
    /// Between lines with different `qid:NAME`.
    Qids,
    /// After a line that is empty or has only spaces.
    Blank,
}

/// A file read in pieces. The first reading is the survey: it records length and checksum of each
/// piece, and every later reading must find the same.
pub struct Pieces {
    path: PathBuf,
    name: String,
    encoding: Encoding,
    cut: Cut,
    size: usize,
    reader: Box<dyn Read + Send>,
    /// Bytes read and not yet returned.
    rest: Vec<u8>,
    ended: bool,
    /// Number of lines returned.
    lines: u64,
    /// The number of the next piece.
    next: usize,
    /// Length and checksum of each piece, recorded in the survey.
    known: Vec<(usize, u32)>,
    surveyed: bool,
    /// The qids seen in the survey.
    qids: HashSet<Qid>,
    last_qid: Option<Qid>,
}

impl Pieces {
    /// Opens a file for its survey.
    ///
    /// # Errors
    /// Standard input, and files that cannot be read.
    pub fn open(path: &Path) -> Result<Self, Error> {
        Self::with_size(path, PIECE)
    }

    /// As [`open`](Self::open), with pieces of about `size` bytes; the size of the pieces affects
    /// the result.
    ///
    /// # Errors
    /// Those of [`open`](Self::open).
    pub fn with_size(path: &Path, size: usize) -> Result<Self, Error> {
        if path == Path::new("-") {
            return Err(Error::option("--stream", "a file that can be read again", "-"));
        }
        if path.metadata().is_ok_and(|found| !found.is_file() && !found.is_dir()) {
            let found = path.display();
            return Err(Error::option("--stream", "a file that can be read again", found));
        }
        let (name, reader) = unpack::open(path)?;
        Ok(Self {
            path: path.to_owned(),
            name,
            encoding: Encoding::default(),
            cut: Cut::default(),
            size,
            reader,
            rest: Vec::new(),
            ended: false,
            lines: 0,
            next: 0,
            known: Vec::new(),
            surveyed: false,
            qids: HashSet::new(),
            last_qid: None,
        })
    }

    /// A digest of the text read in the survey: its length in bytes, and a checksum of the
    /// checksums of its pieces.
    pub(crate) fn digest(&self) -> (u64, u32) {
        let mut sum = crc32fast::Hasher::new();
        self.known.iter().for_each(|(_, piece)| sum.update(&piece.to_le_bytes()));
        (self.known.iter().map(|(length, _)| *length as u64).sum(), sum.finalize())
    }

    /// Whether a line of the survey has a qid; for [`Cut::Qids`].
    pub fn has_qids(&self) -> bool {
        self.last_qid.is_some()
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The name used in messages.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The same file, which is in this encoding. Nothing may have been read yet.
    pub fn decode(self, encoding: Encoding) -> Self {
        let reader = Box::new(Decoded::new(self.reader, encoding));
        Self { reader, encoding, ..self }
    }

    /// The beginning of the file, to recognise its kind: the first `bytes` bytes of its text or
    /// fewer.
    ///
    /// # Errors
    /// A file whose beginning cannot be read.
    pub fn peek(&self, bytes: usize) -> Result<String, Error> {
        Source::open_quietly(&self.path)?.decode(self.encoding).peek(bytes)
    }

    /// Sets where the file may be cut; must be called before anything is read.
    pub fn cut_at(&mut self, cut: Cut) {
        self.cut = cut;
    }

    /// The next piece, with the line numbers of the file; `None` after the last one. A piece may
    /// hold no example.
    ///
    /// # Errors
    /// A file that cannot be read further; a qid that returns; after the survey, a file that has
    /// changed.
    pub fn next_piece(&mut self) -> Result<Option<Source<'static>>, Error> {
        let Some(bytes) = self.take()? else {
            if self.surveyed && self.next < self.known.len() {
                return Err(self.has_changed());
            }
            return Ok(None);
        };
        let found = (bytes.len(), crc32fast::hash(&bytes));
        if !self.surveyed {
            if self.cut == Cut::Qids {
                self.check_qids(&bytes)?;
            }
            self.known.push(found);
        } else if self.known.get(self.next) != Some(&found) {
            return Err(self.has_changed());
        }
        let before = self.lines;
        self.next += 1;
        self.lines += bytes.iter().filter(|&&byte| byte == b'\n').count() as u64;
        Ok(Some(Source::from_piece(self.name.clone(), bytes, before, self.encoding)))
    }

    /// Starts reading from the beginning. The first reading was the survey.
    ///
    /// # Errors
    /// A file that cannot be opened again.
    pub fn begin_again(&mut self) -> Result<(), Error> {
        self.reader = Box::new(Decoded::new(unpack::open(&self.path)?.1, self.encoding));
        self.rest.clear();
        (self.ended, self.lines, self.next, self.surveyed) = (false, 0, 0, true);
        self.qids = HashSet::new();
        Ok(())
    }

    fn has_changed(&self) -> Error {
        let message =
            "expected what was read here before: the file has changed since training began";
        Error::line(self.name.as_str(), self.lines + 1, message)
    }

    /// The bytes of the next piece: whole examples and the lines between them.
    fn take(&mut self) -> Result<Option<Vec<u8>>, Error> {
        let mut wanted = self.size;
        loop {
            let missing = wanted.saturating_sub(self.rest.len()) as u64;
            if !self.ended && missing > 0 {
                let read = self.reader.by_ref().take(missing).read_to_end(&mut self.rest);
                let read = read.map_err(|error| unpack::unreadable(&self.name, error))?;
                self.ended = (read as u64) < missing;
            }
            if self.ended && self.rest.len() <= wanted {
                let bytes = std::mem::take(&mut self.rest);
                return Ok(Some(bytes).filter(|bytes| !bytes.is_empty()));
            }
            if let Some(at) = self.last_cut() {
                let rest = self.rest.split_off(at);
                return Ok(Some(std::mem::replace(&mut self.rest, rest)));
            }
            if self.ended {
                return Ok(Some(std::mem::take(&mut self.rest)));
            }
            wanted = 2 * self.rest.len().max(1);
        }
    }

    /// The last position in `rest` at which the file may be cut. The text after the last line break
    /// is ignored, since the line is incomplete.
    fn last_cut(&self) -> Option<usize> {
        let mut end = self.rest.iter().rposition(|&byte| byte == b'\n')? + 1;
        if self.cut == Cut::Lines {
            return Some(end);
        }
        // The first qid in the lines after `end`.
        let mut after = None;
        while end > 0 {
            let start =
                self.rest[..end - 1].iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
            let line = &self.rest[start..end];
            match self.cut {
                Cut::Lines => {}
                Cut::Blank if is_blank(line) => return Some(end),
                Cut::Blank => {}
                Cut::Qids => match (qid(line), &after) {
                    (Some(qid), Some(other)) if qid != *other => return Some(end),
                    (Some(qid), _) => after = Some(qid),
                    (None, _) => {}
                },
            }
            end = start;
        }
        None
    }

    /// Refuses a qid that returns after another qid.
    fn check_qids(&mut self, bytes: &[u8]) -> Result<(), Error> {
        for (line, number) in bytes.split(|&byte| byte == b'\n').zip(self.lines + 1..) {
            let Some(qid) = qid(line).filter(|qid| self.last_qid.as_ref() != Some(qid)) else {
                continue;
            };
            if !self.qids.insert(qid.clone()) {
                let message =
                    format!("expected the lines of qid:{qid} one after the other, but it returns");
                return Err(Error::line(self.name.as_str(), number, message));
            }
            self.last_qid = Some(qid);
        }
        Ok(())
    }
}

impl std::fmt::Debug for Pieces {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pieces")
            .field("name", &self.name)
            .field("cut", &self.cut)
            .finish_non_exhaustive()
    }
}

impl<A: Application> Stream<A> for Pieces {
    type Error = Error;

    fn rewind(&mut self) -> Result<(), Error> {
        self.begin_again()
    }

    fn next(&mut self, task: &A) -> Result<Option<Examples<A>>, Error> {
        let Some(source) = self.next_piece()? else { return Ok(None) };
        let items = task.read(source)?;
        let changed = || self.has_changed();
        // In the survey every example had an output.
        let example = |item: crate::application::Item<A::Input, A::Output>| {
            Ok(Example { x: item.x, y: item.y.ok_or_else(changed)?, weight: item.weight })
        };
        items.into_iter().map(example).collect::<Result<_, Error>>().map(Some)
    }
}

fn is_blank(line: &[u8]) -> bool {
    line.iter().all(|byte| matches!(byte, b' ' | b'\r' | b'\n'))
}

/// The name in `qid:NAME` near the beginning of a line.
fn qid(line: &[u8]) -> Option<Qid> {
    let words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    let word = words
        .take(4)
        .take_while(|word| word[0] != b'#')
        .find_map(|word| word.strip_prefix(b"qid:"))?;
    let word = word.split(|&byte| byte == b'#').next()?;
    Qid::parse(std::str::from_utf8(word).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(text: &str, cut: Cut, size: usize) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f");
        std::fs::write(&path, text).unwrap();
        let mut pieces = Pieces::with_size(&path, size).unwrap();
        pieces.cut_at(cut);
        let mut all = Vec::new();
        while let Some(piece) = pieces.take().unwrap() {
            all.push(String::from_utf8(piece).unwrap());
        }
        all
    }

    #[test]
    fn pieces_hold_whole_examples_and_join_to_the_file() {
        let lines = "a 1\nb\n\nc 333333333333333333\nd";
        let qids = "1 qid:1 1:1\n# x\n2 qid:01#y\n1 qid:2 cost:1\n\n1 qid:x3\n2 qid:x3#\n1 qid:4.5";
        let blank = "@weight:2\nA\tx\nB\ty\n\n\nA\tz\n  \r\nB\tx\nB\tx\nB\tx";
        let many: String = (9..30).map(|qid| format!("1 qid:{qid}\n2 qid:{qid} 1:1\n")).collect();
        let (lines, qids, blank) = (lines.repeat(9), many + qids, format!("{blank}\n\n").repeat(9));
        for size in 1..80 {
            for (text, cut) in [(&lines, Cut::Lines), (&qids, Cut::Qids), (&blank, Cut::Blank)] {
                let pieces = pieces(text, cut, size);
                assert_eq!(&pieces.concat(), text, "{size}");
                for pair in pieces.windows(2) {
                    let (end, begin) = (pair[0].as_bytes(), pair[1].as_bytes());
                    assert!(end.ends_with(b"\n"), "{size} {cut:?}: {pair:?}");
                    let last =
                        end.split_inclusive(|&byte| byte == b'\n').filter_map(qid).next_back();
                    let first = begin.split_inclusive(|&byte| byte == b'\n').find_map(qid);
                    assert!(
                        cut != Cut::Qids || last.is_some() && last != first,
                        "{size}: {pair:?}"
                    );
                    let last = end.split_inclusive(|&byte| byte == b'\n').next_back().unwrap();
                    assert!(cut != Cut::Blank || is_blank(last), "{size}: {pair:?}");
                }
                assert!(pieces.len() > 1, "{size} {cut:?}: {pieces:?}");
            }
        }
    }

    #[test]
    fn what_changes_after_the_survey_is_refused_with_its_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f");
        let text = "1 1:1\n2 1:2\n1 1:3\n2 1:4\n";
        for (changed, line) in [
            ("1 1:1\n2 1:9\n1 1:3\n2 1:4\n", 2),
            ("1 1:1\n2 1:2\n1 1:3\n", 4),
            ("1 1:1\n2 1:2\n1 1", 3),
            ("", 1),
            ("1 1:1\n2 1:2\n1 1:3\n2 1:4\n2 1:5\n", 5),
        ] {
            std::fs::write(&path, text).unwrap();
            let mut pieces = Pieces::with_size(&path, 6).unwrap();
            let read_all = |pieces: &mut Pieces| -> Result<usize, Error> {
                let mut count = 0;
                while pieces.next_piece()?.is_some() {
                    count += 1;
                }
                Ok(count)
            };
            assert_eq!(read_all(&mut pieces).unwrap(), 4);
            pieces.begin_again().unwrap();
            assert_eq!(read_all(&mut pieces).unwrap(), 4);
            std::fs::write(&path, changed).unwrap();
            pieces.begin_again().unwrap();
            let error = read_all(&mut pieces).unwrap_err().to_string();
            assert!(
                error.ends_with(&format!(
                    "f:{line}: expected what was read here before: the file has changed since training began"
                )),
                "{error}"
            );
        }
        std::fs::remove_file(&path).unwrap();
        let mut pieces =
            Pieces::with_size(folder.path().join("g").as_path(), 6).unwrap_err().to_string();
        pieces.truncate(pieces.find("cannot be read").unwrap_or(0));
        assert!(pieces.ends_with("g: "));
        assert!(
            Pieces::open(Path::new("-"))
                .unwrap_err()
                .to_string()
                .starts_with("--stream expects a file")
        );
    }

    #[test]
    fn a_qid_must_not_return_in_a_later_piece() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f");
        std::fs::write(&path, "1 qid:1\n1 qid:2\n2 qid:2\n1 qid:1\n").unwrap();
        let mut pieces = Pieces::with_size(&path, 17).unwrap();
        pieces.cut_at(Cut::Qids);
        let error = loop {
            match pieces.next_piece() {
                Ok(piece) => assert!(piece.is_some()),
                Err(error) => break error.to_string(),
            }
        };
        assert!(
            error.ends_with("f:4: expected the lines of qid:1 one after the other, but it returns"),
            "{error}"
        );
    }
}
