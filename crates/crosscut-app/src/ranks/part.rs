//! [`Part`]: what a rank reads of the training examples.
//!
//! If the path contains [`RANK`], each rank has a file of its own. Otherwise all ranks read one
//! file. The part of rank r of K begins at the first place between examples that [`cut_after`]
//! finds from byte ⌊length · r / K⌋ on, and ends where the part of rank r + 1 begins. These places
//! depend on the file alone, so that ranks need not tell each other.
//!
//! Lines of a part are counted from rank · [`LINES`], so that the line of an error tells the rank.
//! [`Part::locate`] finds their numbers in the file. Lines before a part are counted only then.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crosscut_data::svmlight::Qid;

use super::Collective;
use crate::cutter::{Cut, LONGEST_LINE, Place, is_blank, qid, too_long};
use crate::encoding::Encoding;
use crate::error::Error;
use crate::monitor::Monitor;
use crate::source::{Source, count_lines, display_name};
use crate::unpack;

/// Stands for the number of the rank in the path of a file that each rank has.
const RANK: &str = "{rank}";
/// No part has more lines.
const LINES: u64 = 1 << 40;
/// What to do about a file that cannot be divided.
const WAY_OUT: &str = "give each rank a file, by a path with {rank}";

/// What a rank reads of the training examples. It is opened several times.
pub(super) struct Part {
    /// The path as it was given.
    given: PathBuf,
    /// The file that this rank opens.
    path: PathBuf,
    /// Its name in messages.
    name: String,
    encoding: Encoding,
    rank: usize,
    size: usize,
    /// The part that all ranks read of one file; `None` if each rank has a file.
    shared: Option<Shared>,
}

/// A part of a file that all ranks read.
struct Shared {
    /// Bytes of the file.
    length: u64,
    cut: Cut,
    range: Range<u64>,
}

/// The first line of each run of lines with the same qid.
pub(super) type Qids = Arc<Mutex<Vec<(Qid, u64)>>>;

impl Part {
    /// Looks at the file, and reads nothing yet.
    ///
    /// # Errors
    /// A file that cannot be read, or not again; one that cannot be divided, if ranks have no files
    /// of their own: an archive, a text in another encoding than UTF-8.
    pub fn open(path: &Path, encoding: Encoding, ranks: &dyn Collective) -> Result<Self, Error> {
        let (rank, size) = (ranks.rank(), ranks.size());
        let (given, path) = (path.to_owned(), path_of(path, rank));
        let name = display_name(&path);
        let io_error = |source| Error::Io { file: name.clone(), source };
        let found = match path.metadata() {
            _ if path == Path::new("-") => Some("standard input"),
            Ok(found) if found.is_dir() => Some("a directory"),
            Ok(found) if !found.is_file() => Some("none"),
            Ok(_) => None,
            Err(error) => return Err(io_error(error)),
        };
        if let Some(found) = found {
            let message =
                format!("expected a file that can be read again, found {found}: {WAY_OUT}");
            return Err(Error::file(name, message));
        }
        let shared = if own_path(&given, rank).is_none() {
            let mut head = Vec::new();
            let file = File::open(&path).map_err(io_error)?;
            let length = file.metadata().map_err(io_error)?.len();
            file.take(10).read_to_end(&mut head).map_err(io_error)?;
            let is_utf16 = head.starts_with(b"\xff\xfe") || head.starts_with(b"\xfe\xff");
            let refuse = |found: &str| {
                let message = format!("ranks cannot divide {found} among them: {WAY_OUT}");
                Err(Error::file(name.as_str(), message))
            };
            if unpack::is_packed(&head) {
                return refuse("compressed data");
            }
            if encoding != Encoding::default() {
                return refuse(&format!("text in {}", encoding.name()));
            }
            if is_utf16 {
                return refuse("text in UTF-16");
            }
            Some(Shared { length, cut: Cut::default(), range: 0..length })
        } else {
            None
        };
        Ok(Self { given, path, name, encoding, rank, size, shared })
    }

    /// The file that this rank reads.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The name of that file in messages.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The number of bytes of the file that all ranks read; `None` if each rank has a file.
    pub fn length(&self) -> Option<u64> {
        self.shared.as_ref().map(|shared| shared.length)
    }

    /// The beginning of the file, to recognise its kind.
    ///
    /// # Errors
    /// A file that cannot be opened again.
    pub fn beginning(&self) -> Result<Source<'static>, Error> {
        Ok(Source::open_quietly(&self.path)?.decode(self.encoding))
    }

    /// Sets where a file that all ranks read is cut; `None` if its format must read it as a whole.
    ///
    /// # Errors
    /// A file that cannot be cut, or not be read.
    pub fn cut_at(&mut self, cut: Option<Cut>) -> Result<(), Error> {
        let Some(shared) = &mut self.shared else { return Ok(()) };
        let Some(cut) = cut else {
            let message =
                format!("files of this task are read as a whole, and not in parts: {WAY_OUT}");
            return Err(Error::file(self.name.as_str(), message));
        };
        shared.cut = cut;
        let (start, end) = (self.start(self.rank)?, self.start(self.rank + 1)?);
        self.shared.iter_mut().for_each(|shared| shared.range = start..end);
        Ok(())
    }

    /// The text of the part.
    ///
    /// # Errors
    /// A file that cannot be opened again.
    pub fn source<'m>(&self, monitor: &'m mut dyn Monitor) -> Result<Source<'m>, Error> {
        let reader = match &self.shared {
            None => unpack::open(&self.path)?.1,
            Some(Shared { range, .. }) => {
                let part = File::open(&self.path).and_then(|mut file| {
                    file.seek(SeekFrom::Start(range.start))?;
                    Ok(file.take(range.end - range.start))
                });
                Box::new(part.map_err(|error| self.unreadable(error))?)
            }
        };
        let before = self.rank as u64 * LINES;
        let source = Source::from_part(self.name.clone(), reader, before, monitor);
        Ok(source.decode(self.encoding))
    }

    /// The same text, of which the qids are noted while it is read.
    pub fn watch<'m>(&self, source: Source<'m>) -> (Source<'m>, Qids) {
        let (found, line) = (Qids::default(), self.rank as u64 * LINES + 1);
        let noted = Arc::clone(&found);
        let source = source.read_through(|reader| {
            Box::new(Watched { reader, text: Vec::new(), line, found: noted })
        });
        (source, found)
    }

    /// The same error, with the file and the number that its line has there.
    pub fn locate(&self, error: Error) -> Error {
        let Error::Line { file, line, message } = error else { return error };
        if file != self.name {
            return Error::Line { file, line, message };
        }
        let (rank, line) = ((line / LINES) as usize, line % LINES);
        if self.shared.is_none() {
            let file = own_path(&self.given, rank).map_or(file, |path| display_name(&path));
            return Error::Line { file, line, message };
        }
        match self.lines_before(rank) {
            Ok(before) => Error::Line { file, line: before + line, message },
            Err(error) => error,
        }
    }

    /// The byte at which the part of a rank starts in the file of all.
    fn start(&self, rank: usize) -> Result<u64, Error> {
        let Some(Shared { length, cut, .. }) = self.shared else { return Ok(0) };
        let at = u128::from(length) * rank as u128 / self.size as u128;
        let start = File::open(&self.path)
            .and_then(|file| cut_after(file, length, u64::try_from(at).unwrap_or(length), cut));
        start.map_err(|error| self.unreadable(error))
    }

    /// The number of lines before the part of a rank.
    fn lines_before(&self, rank: usize) -> Result<u64, Error> {
        let before = self.start(rank)?;
        let count = || -> io::Result<u64> {
            let mut reader = BufReader::new(File::open(&self.path)?.take(before));
            let mut lines = 0;
            loop {
                let block = reader.fill_buf()?;
                if block.is_empty() {
                    return Ok(lines);
                }
                lines += count_lines(block);
                let read = block.len();
                reader.consume(read);
            }
        };
        count().map_err(|error| self.unreadable(error))
    }

    fn unreadable(&self, error: io::Error) -> Error {
        unpack::unreadable(&self.name, error)
    }
}

/// The file that a rank opens.
pub(crate) fn path_of(path: &Path, rank: usize) -> PathBuf {
    own_path(path, rank).unwrap_or_else(|| path.to_owned())
}

/// The file of a rank, if each rank has one.
fn own_path(path: &Path, rank: usize) -> Option<PathBuf> {
    let path = path.to_str().filter(|path| path.contains(RANK))?;
    Some(path.replace(RANK, &rank.to_string()).into())
}

/// The first place between two examples that is found from byte `at` on, reading from the next
/// line; 0 for byte 0, and the end of the file of this length if there is none.
///
/// A later byte has no earlier place. What stands before the next line is not looked at, so that
/// the place depends on nothing else.
fn cut_after(file: impl Read + Seek, length: u64, at: u64, cut: Cut) -> io::Result<u64> {
    if at == 0 || at >= length {
        return Ok(at.min(length));
    }
    let mut file = file;
    file.seek(SeekFrom::Start(at - 1))?;
    let mut reader = BufReader::new(file.take(length - (at - 1)));
    let mut end = at - 1 + reader.skip_until(b'\n')? as u64;
    if cut == Cut::Lines {
        return Ok(end);
    }
    // The qid of the lines so far, and the end of the last one that has it.
    let mut before: Option<(Qid, u64)> = None;
    let mut line = Vec::new();
    loop {
        line.clear();
        reader.by_ref().take(LONGEST_LINE as u64 + 1).read_until(b'\n', &mut line)?;
        if line.is_empty() {
            return Ok(length);
        }
        if line.len() > LONGEST_LINE {
            return Err(too_long());
        }
        end += line.len() as u64;
        match cut {
            Cut::Blank if is_blank(&line) => return Ok(end),
            Cut::Lines | Cut::Blank => {}
            Cut::Qids => match (Place::of(&line), &before) {
                (Place::Qid(qid), Some((other, place))) if qid != *other => return Ok(*place),
                (Place::Qid(qid), _) => before = Some((qid, end)),
                (Place::Unknown, _) => before = None,
                (Place::Nowhere, _) => {}
            },
        }
    }
}

/// A reader that notes the qids of the lines it reads.
struct Watched<R> {
    reader: R,
    /// The beginning of a line that has not been read to its end.
    text: Vec<u8>,
    /// The number of that line.
    line: u64,
    found: Qids,
}

impl<R: Read> Read for Watched<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(buffer)?;
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        let mut see = |line: &[u8], number| {
            let qid = qid(line).filter(|qid| found.last().is_none_or(|(last, _)| last != qid));
            found.extend(qid.map(|qid| (qid, number)));
        };
        if read == 0 && !buffer.is_empty() {
            see(&std::mem::take(&mut self.text), self.line);
        }
        for part in buffer[..read].split_inclusive(|&byte| byte == b'\n') {
            let is_end = part.ends_with(b"\n");
            if is_end && self.text.is_empty() {
                see(part, self.line);
            } else {
                self.text.extend_from_slice(part);
                if is_end {
                    see(&std::mem::take(&mut self.text), self.line);
                }
            }
            self.line += u64::from(is_end);
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use proptest::prelude::*;

    use super::*;
    use crate::ranks::Threads;

    /// The parts of a text for a number of ranks.
    fn parts(text: &str, cut: Cut, ranks: u64) -> Vec<&str> {
        let length = text.len() as u64;
        let place = |rank| {
            let at = length * rank / ranks;
            cut_after(Cursor::new(text.as_bytes()), length, at, cut).unwrap() as usize
        };
        let places: Vec<usize> = (0..=ranks).map(place).collect();
        assert!(places.is_sorted() && places[0] == 0 && places[ranks as usize] == text.len());
        places.windows(2).map(|pair| &text[pair[0]..pair[1]]).collect()
    }

    /// Asserts that parts are cut between examples.
    fn check(parts: &[&str], cut: Cut) {
        let mut before = String::new();
        for part in parts {
            if !before.is_empty() && !part.is_empty() {
                assert!(before.ends_with('\n'), "{parts:?}");
                let last = before.split_inclusive('\n').next_back().unwrap();
                let is_between = match cut {
                    Cut::Lines => true,
                    Cut::Blank => is_blank(last.as_bytes()),
                    Cut::Qids => {
                        let place = |line: &&str| Place::of(line.as_bytes());
                        let is_some = |place: &Place| *place != Place::Nowhere;
                        let mut lines = before.split_inclusive('\n').rev();
                        let last = lines.find_map(|line| Some(place(&line)).filter(is_some));
                        let mut lines = part.split_inclusive('\n');
                        let first = lines.find_map(|line| Some(place(&line)).filter(is_some));
                        // Nothing but comments may follow.
                        let has_qid = |place: &Place| matches!(place, Place::Qid(_));
                        let both = last.as_ref().zip(first.as_ref());
                        both.is_some_and(|(a, b)| has_qid(a) && has_qid(b) && a != b)
                    }
                };
                assert!(is_between, "{cut:?}: {parts:?}");
            }
            before.push_str(part);
        }
    }

    const LINES: [&str; 14] = [
        "1 qid:1 1:1",
        "2 qid:1",
        "1 qid:2 3:1",
        "2 qid:2#x",
        "3 qid:x3",
        "# qid:7",
        "",
        "  ",
        "\r",
        "1 1:1",
        "c# 1:1 qid:4",
        "1 qid:5 1:1 2:1 3:1 4:1 5:1 6:1 7:1 8:1 9:1 10:1 11:1 12:1",
        "#",
        "1 qid:6\r",
    ];

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(crosscut_testkit::cases(2000)))]

        #[test]
        fn parts_are_cut_between_examples(
            lines in prop::collection::vec(0..LINES.len(), 0..30),
            ends in any::<bool>(),
            ranks in 1..12_u64,
        ) {
            let mut text = lines.iter().map(|&at| LINES[at]).collect::<Vec<_>>().join("\n");
            text.extend(ends.then_some('\n'));
            for cut in [Cut::Lines, Cut::Blank, Cut::Qids] {
                let parts = parts(&text, cut, ranks);
                prop_assert_eq!(parts.concat(), text.as_str());
                check(&parts, cut);
            }
        }
    }

    #[test]
    fn parts_are_as_equal_as_examples_permit() {
        let lines = "1 1:1\n".repeat(70);
        assert!(parts(&lines, Cut::Lines, 7).iter().all(|part| part.len() == 60));
        assert!(parts(&lines[..12], Cut::Lines, 7).concat().len() == 12);
        let queries: String =
            (0..70).map(|qid| format!("1 qid:{qid:02}\n2 qid:{qid:02}\n")).collect();
        let lengths = parts(&queries, Cut::Qids, 7).into_iter().map(str::len);
        assert!(lengths.clone().all(|length| (160..=200).contains(&length)), "{lengths:?}");
        let sentences = "A\nB\n\n".repeat(70);
        let lengths = parts(&sentences, Cut::Blank, 7).into_iter().map(str::len);
        assert!(lengths.clone().all(|length| (45..=55).contains(&length)), "{lengths:?}");
        // One example is larger than a part, or is all of the file.
        let large = format!("1 qid:1\n{}1 qid:3\n", "1 qid:2\n".repeat(50));
        let lengths: Vec<usize> = parts(&large, Cut::Qids, 4).into_iter().map(str::len).collect();
        assert_eq!(lengths, [408, 0, 0, 8]);
        let lengths: Vec<usize> = parts(&large, Cut::Blank, 4).into_iter().map(str::len).collect();
        assert_eq!(lengths, [416, 0, 0, 0]);
    }

    /// What each rank of some finds of the file at a path; the first error of any.
    fn each<R: Send>(
        ranks: usize,
        path: &Path,
        encoding: Encoding,
        read: impl Fn(&Part) -> R + Sync,
    ) -> Result<Vec<R>, String> {
        let open = |ranks: &dyn Collective| {
            let mut part = Part::open(path, encoding, ranks)?;
            part.cut_at(Some(Cut::Qids)).map(|()| read(&part))
        };
        let all = Threads::run(ranks, open);
        all.into_iter().map(|read| read.map_err(|error| error.to_string())).collect()
    }

    #[test]
    fn what_cannot_be_divided_is_refused_with_the_way_out() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, bytes: &[u8]| {
            let path = folder.path().join(name);
            std::fs::write(&path, bytes).unwrap();
            path
        };
        let gzip = write("gzip", b"\x1f\x8b\x08\0\0\0\0\0\0\x03");
        let utf16 = write("utf16", b"\xff\xfe1\0");
        let text = write("text", b"1 1:1\n");
        let latin1 = Encoding::named("latin-1").unwrap();
        let none = folder.path().join("none");
        for (path, encoding, expected) in [
            (gzip.as_path(), Encoding::default(), "ranks cannot divide compressed data"),
            (&utf16, Encoding::default(), "ranks cannot divide text in UTF-16"),
            (&text, latin1, "ranks cannot divide text in windows-1252"),
            (
                Path::new("-"),
                Encoding::default(),
                "expected a file that can be read again, found standard input",
            ),
            (&none, Encoding::default(), "none: cannot be read"),
            (folder.path(), Encoding::default(), "found a directory"),
        ] {
            let error = each(3, path, encoding, |_| ()).unwrap_err();
            assert!(error.contains(expected), "{error}");
            let has_way_out =
                !expected.contains("cannot be read") && !expected.contains("directory");
            assert!(!has_way_out || error.ends_with("by a path with {rank}"), "{error}");
        }
        // A file for each rank may be packed, and be in any encoding.
        for rank in ["0", "1", "2"] {
            std::fs::copy(&gzip, folder.path().join(format!("file.{rank}"))).unwrap();
        }
        let own = folder.path().join("file.{rank}");
        let names = each(3, &own, latin1, |part| part.name().to_owned()).unwrap();
        assert!((0..).zip(names).all(|(rank, name)| name.ends_with(&format!("file.{rank}"))));
    }

    #[test]
    fn lines_of_errors_are_those_of_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let text: String = (0..50).map(|qid| format!("1 qid:{qid}\n# {qid}\n")).collect();
        std::fs::write(&path, &text).unwrap();
        let places = each(4, &path, Encoding::default(), |part| {
            // Any rank finds the lines of any other.
            let place = |rank: u64| {
                let line = rank * super::LINES + 1;
                part.locate(Error::line(part.name(), line, "bad")).to_string()
            };
            (part.shared.as_ref().unwrap().range.start, (0..4).map(place).collect::<Vec<_>>())
        });
        let places = places.unwrap();
        for (rank, (start, _)) in places.iter().enumerate() {
            let line = text[..*start as usize].lines().count() + 1;
            for (_, found) in &places {
                assert_eq!(found[rank], format!("{}:{line}: bad", path.display()));
            }
        }
        let other = Error::line("costs", 7, "bad");
        let found = each(1, &path, Encoding::default(), |part| {
            part.locate(Error::line("costs", 7, "bad")).to_string()
        });
        assert_eq!(found, Ok(vec![other.to_string()]));
        // If each rank has a file, lines are those of these.
        std::fs::write(folder.path().join("own.0"), "1\n").unwrap();
        std::fs::write(folder.path().join("own.1"), "1\n").unwrap();
        let own = folder.path().join("own.{rank}");
        let found = each(2, &own, Encoding::default(), |part| {
            part.locate(Error::line(part.name(), super::LINES + 3, "bad")).to_string()
        });
        let expected = format!("{}:3: bad", folder.path().join("own.1").display());
        assert_eq!(found, Ok(vec![expected.clone(), expected]));
    }
}
