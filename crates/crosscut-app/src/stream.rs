//! [`Pieces`]: a file larger than memory, read once per pass in pieces of whole examples.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver};
use std::{io, thread};

use crosscut_data::svmlight::Qid;

pub use crate::cutter::Cut;
use crate::cutter::{Cutter, qid};
use crate::encoding::{Decoded, Encoding};
use crate::error::Error;
use crate::source::{Source, count_lines};
use crate::unpack;

/// Size of a piece in bytes; a single longer example makes a longer piece. It affects the result,
/// since it decides how sums are grouped.
const PIECE: usize = 4 << 20;

/// A file read in pieces. The first reading is the survey: it records length and checksum of each
/// piece, and every later reading must find the same.
pub struct Pieces {
    path: PathBuf,
    /// The name used in messages.
    name: String,
    encoding: Encoding,
    /// `None` once it is on the thread that reads ahead.
    cutter: Option<Cutter>,
    /// Where the file is cut, and about the bytes of a piece.
    cut: Cut,
    size: usize,
    /// Pieces that the thread has read.
    ahead: Option<Receiver<io::Result<Option<Vec<u8>>>>>,
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
            cutter: Some(Cutter::new(reader, Cut::default(), Some(size))),
            cut: Cut::default(),
            size,
            ahead: None,
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
        let decode = |Cutter { reader, cut, size, .. }| {
            Cutter::new(Box::new(Decoded::new(reader, encoding)), cut, size)
        };
        Self { cutter: self.cutter.map(decode), encoding, ..self }
    }

    /// The beginning of the file, to recognise its kind.
    ///
    /// # Errors
    /// A file that cannot be opened again.
    pub(crate) fn beginning(&self) -> Result<Source<'static>, Error> {
        Ok(Source::open_quietly(&self.path)?.decode(self.encoding))
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
        let taken = self.take().map_err(|error| unpack::unreadable(&self.name, error))?;
        let Some(bytes) = taken else {
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
        self.lines += count_lines(&bytes);
        Ok(Some(Source::from_piece(self.name.clone(), bytes, before, self.encoding)))
    }

    /// Starts reading from the beginning. The first reading was the survey.
    ///
    /// # Errors
    /// A file that cannot be opened again.
    pub fn begin_again(&mut self) -> Result<(), Error> {
        let reader = Box::new(Decoded::new(unpack::open(&self.path)?.1, self.encoding));
        self.cutter = Some(Cutter::new(reader, self.cut, Some(self.size)));
        self.ahead = None;
        (self.lines, self.next, self.surveyed) = (0, 0, true);
        self.qids = HashSet::new();
        Ok(())
    }

    /// The bytes of the next piece, read by a thread while the piece before it was in use.
    fn take(&mut self) -> io::Result<Option<Vec<u8>>> {
        if let Some(mut cutter) = self.cutter.take() {
            cutter.cut = self.cut;
            // The thread waits with a piece until it is asked for, and ends with the receiver.
            let (sender, receiver) = mpsc::sync_channel(0);
            thread::spawn(move || {
                loop {
                    let taken = cutter.take();
                    let is_last = !matches!(taken, Ok(Some(_)));
                    if sender.send(taken).is_err() || is_last {
                        return;
                    }
                }
            });
            self.ahead = Some(receiver);
        }
        // After the last piece there is no sender.
        self.ahead.as_ref().and_then(|ahead| ahead.recv().ok()).unwrap_or(Ok(None))
    }

    fn has_changed(&self) -> Error {
        let message =
            "expected what was read here before: the file has changed since training began";
        Error::line(self.name.as_str(), self.lines + 1, message)
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

#[cfg(test)]
mod tests {
    use super::*;

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
