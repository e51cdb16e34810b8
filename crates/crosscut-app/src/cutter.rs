//! [`Cutter`]: text as it arrives, cut between examples.

use std::io::{self, Read};

use crosscut_data::svmlight::Qid;

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

/// Most bytes read at a time, if an example is needed as soon as it is complete.
const ARRIVING: usize = 64 << 10;
/// Longest line accepted, in bytes. A file with a longer one is not a text file.
pub(crate) const LONGEST_LINE: usize = 1 << 30;

/// Cuts a text into pieces of whole examples, and the lines between them.
pub(crate) struct Cutter {
    pub reader: Box<dyn Read + Send>,
    pub cut: Cut,
    /// Bytes of a piece; a single longer example makes a longer piece. `None`: a piece is an example,
    /// and returned before more of the text is there.
    pub size: Option<usize>,
    /// Bytes read.
    rest: Vec<u8>,
    /// How many of them have been returned.
    returned: usize,
    ended: bool,
    arrived: Arrived,
}

/// What is known of the bytes that have arrived and make no example yet; places are in `rest`.
#[derive(Default)]
struct Arrived {
    /// The beginning of the first line that has not been looked at.
    line: usize,
    /// No line ends between `line` and here.
    searched: usize,
    /// The qid of the lines before it; `None` if they have none.
    qid: Option<Qid>,
}

impl Cutter {
    pub fn new(reader: Box<dyn Read + Send>, cut: Cut, size: Option<usize>) -> Self {
        let (rest, returned, ended) = (Vec::new(), 0, false);
        Self { reader, cut, size, rest, returned, ended, arrived: Arrived::default() }
    }

    /// The bytes of the next piece, `None` after the last one. A piece may hold no example.
    ///
    /// # Errors
    /// Those of the reader; a line of more than 1 GiB.
    pub fn take(&mut self) -> io::Result<Option<Vec<u8>>> {
        match self.size {
            Some(size) => self.take_about(size),
            None => self.take_example(),
        }
    }

    fn take_about(&mut self, size: usize) -> io::Result<Option<Vec<u8>>> {
        let mut wanted = size;
        loop {
            let missing = wanted.saturating_sub(self.rest.len());
            if !self.ended && missing > 0 {
                self.rest.reserve_exact(missing);
                let read = self.reader.by_ref().take(missing as u64).read_to_end(&mut self.rest)?;
                self.ended = read < missing;
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
            check_line(&self.rest)?;
            wanted = 2 * self.rest.len().max(1);
        }
    }

    fn take_example(&mut self) -> io::Result<Option<Vec<u8>>> {
        loop {
            if let Some(end) = self.first_cut() {
                let bytes = self.rest[self.returned..end].to_vec();
                self.returned = end;
                return Ok(Some(bytes));
            }
            self.rest.drain(..self.returned);
            self.arrived.line -= self.returned;
            self.arrived.searched -= self.returned;
            self.returned = 0;
            if self.ended {
                self.arrived = Arrived::default();
                let bytes = std::mem::take(&mut self.rest);
                return Ok(Some(bytes).filter(|bytes| !bytes.is_empty()));
            }
            check_line(&self.rest[self.arrived.line..])?;
            let known = self.rest.len();
            self.rest.resize(known + ARRIVING, 0);
            let read = read_some(&mut self.reader, &mut self.rest[known..]);
            self.rest.truncate(known + *read.as_ref().unwrap_or(&0));
            self.ended = read? == 0;
            if self.ended && self.rest.last().is_some_and(|&byte| byte != b'\n') {
                self.rest.push(b'\n');
            }
        }
    }

    /// The first position after those returned at which an example is complete. A query or a
    /// sequence with `qid:NAME` is complete when a line with another qid, or a blank one, has arrived.
    fn first_cut(&mut self) -> Option<usize> {
        let Arrived { line, searched, qid: before } = &mut self.arrived;
        while let Some(length) = self.rest[*searched..].iter().position(|&byte| byte == b'\n') {
            let (start, end) = (*line, *searched + length + 1);
            let text = &self.rest[start..end];
            let cut = match self.cut {
                Cut::Lines => Some(end),
                Cut::Blank => is_blank(text).then_some(end),
                Cut::Qids if is_blank(text) => Some(end),
                Cut::Qids => match (Place::of(text), &before) {
                    (Place::Qid(qid), Some(other)) if qid != *other => Some(start),
                    (Place::Qid(qid), _) => {
                        *before = Some(qid);
                        None
                    }
                    (Place::Unknown, _) => {
                        *before = None;
                        None
                    }
                    (Place::Nowhere, _) => None,
                },
            };
            *line = cut.unwrap_or(end);
            *searched = *line;
            if cut.is_some() {
                *before = None;
                return cut;
            }
        }
        *searched = self.rest.len();
        None
    }

    /// The last position in `rest` at which the text may be cut. What follows the last line break is
    /// ignored, since that line is incomplete.
    fn last_cut(&self) -> Option<usize> {
        let mut end = self.rest.iter().rposition(|&byte| byte == b'\n')? + 1;
        if self.cut == Cut::Lines {
            return Some(end);
        }
        // The first qid in the lines after `end`; `None` if a line without a qid is before it.
        let mut after = None;
        // Whether a line after `end` belongs to an example. Comments after the last example of a text
        // are not cut from it.
        let mut goes_on = false;
        while end > 0 {
            let start =
                self.rest[..end - 1].iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
            let line = &self.rest[start..end];
            match self.cut {
                Cut::Lines => {}
                Cut::Blank if is_blank(line) && goes_on => return Some(end),
                Cut::Blank => goes_on |= !is_blank(line) && line[0] != b'#',
                Cut::Qids => match (Place::of(line), &after) {
                    (Place::Qid(qid), Some(other)) if qid != *other => return Some(end),
                    (Place::Qid(qid), _) => after = Some(qid),
                    (Place::Unknown, _) => after = None,
                    (Place::Nowhere, _) => {}
                },
            }
            end = start;
        }
        None
    }
}

/// Reads what is there, and waits only if that is nothing; 0 at the end of the text.
fn read_some(reader: &mut dyn Read, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match reader.read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            read => return read,
        }
    }
}

/// Refuses a line that does not end.
fn check_line(bytes: &[u8]) -> io::Result<()> {
    if bytes.len() > LONGEST_LINE && !bytes.contains(&b'\n') {
        return Err(too_long());
    }
    Ok(())
}

pub(crate) fn too_long() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "a line is longer than 1 GiB")
}

/// Whether a line ends an example of [`Cut::Blank`].
pub(crate) fn is_blank(line: &[u8]) -> bool {
    line.iter().all(|byte| matches!(byte, b' ' | b'\r' | b'\n'))
}

/// What a line says of the query or sequence it belongs to.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Place {
    /// Nothing: it is blank, or a comment.
    Nowhere,
    Qid(Qid),
    /// It has no qid that can be read.
    Unknown,
}

impl Place {
    pub fn of(line: &[u8]) -> Self {
        match qid(line) {
            Some(qid) => Self::Qid(qid),
            None if matches!(line.trim_ascii().first(), None | Some(b'#')) => Self::Nowhere,
            None => Self::Unknown,
        }
    }
}

/// The name in `qid:NAME` in a line, outside the comment at its end.
pub(crate) fn qid(line: &[u8]) -> Option<Qid> {
    let mut words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    let first = words.next()?;
    // A target may contain the sign of a comment, but not begin with it.
    let first = Some(first).filter(|word| word[0] == b'#' || word.contains(&b':'));
    for word in first.into_iter().chain(words) {
        let end = word.iter().position(|&byte| byte == b'#');
        if let Some(name) = word[..end.unwrap_or(word.len())].strip_prefix(b"qid:") {
            return Qid::parse(std::str::from_utf8(name).ok()?).ok();
        }
        if end.is_some() {
            return None;
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(text: &str, cut: Cut, size: usize) -> Vec<String> {
        let reader = Box::new(io::Cursor::new(text.to_owned()));
        let mut pieces = Cutter::new(reader, cut, Some(size));
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
    fn the_qid_is_read_outside_comments() {
        for (line, expected) in [
            ("1 qid:3 1:1", Some(3)),
            ("qid:-3", Some(-3)),
            ("c# sid:1 cost:2 1:1 2:1 3:1 qid:4#qid:5", Some(4)),
            ("1 1:1#x qid:7", None),
            ("1 1:1 # qid:7", None),
            ("# qid:7", None),
            ("1#qid:7 1:1", None),
            ("1 qid:", None),
            ("", None),
        ] {
            assert_eq!(qid(line.as_bytes()), expected.map(Qid::Number), "{line}");
        }
    }

    /// A reader that returns one byte at a time.
    struct Trickle(&'static [u8]);

    impl Read for Trickle {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let Some((first, rest)) = self.0.split_first() else { return Ok(0) };
            buffer[0] = *first;
            self.0 = rest;
            Ok(1)
        }
    }

    #[test]
    fn an_example_is_returned_when_its_last_byte_has_arrived() {
        let cases: [(Cut, &'static str, &[&str]); 8] = [
            (Cut::Lines, "a 1\n\nb", &["a 1\n", "\n", "b\n"]),
            (Cut::Blank, "a\nb\n\n \r\nc\n\nd\n", &["a\nb\n\n", " \r\n", "c\n\n", "d\n"]),
            (Cut::Blank, "a\n", &["a\n"]),
            (
                Cut::Qids,
                "1 qid:1\n2 qid:1\n# x\n1 qid:2\n\n1 qid:3\n",
                &["1 qid:1\n2 qid:1\n# x\n", "1 qid:2\n\n", "1 qid:3\n"],
            ),
            (Cut::Qids, "1 1:1\n2 1:1\n", &["1 1:1\n2 1:1\n"]),
            (Cut::Qids, "1 qid:1\n1 qid:2\n1 qid:1", &["1 qid:1\n", "1 qid:2\n", "1 qid:1\n"]),
            (Cut::Qids, "1 qid:1\n1 1:1\n1 qid:2\n", &["1 qid:1\n1 1:1\n1 qid:2\n"]),
            (Cut::Lines, "", &[]),
        ];
        for (cut, text, expected) in cases {
            let whole: Box<dyn Read + Send> = Box::new(text.as_bytes());
            for reader in [whole, Box::new(Trickle(text.as_bytes()))] {
                let mut cutter = Cutter::new(reader, cut, None);
                for &piece in expected {
                    assert_eq!(cutter.take().unwrap().as_deref(), Some(piece.as_bytes()));
                }
                assert_eq!(cutter.take().unwrap(), None, "{text:?}");
                assert_eq!(cutter.take().unwrap(), None, "{text:?}");
            }
        }
        // Nothing is waited for after the end of an example: the next read panics.
        struct Once(Option<&'static [u8]>);
        impl Read for Once {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                let text = self.0.take().expect("all that was needed had been read");
                buffer[..text.len()].copy_from_slice(text);
                Ok(text.len())
            }
        }
        for (cut, text) in [(Cut::Lines, "a\nb\n"), (Cut::Qids, "1 qid:1\n\n2 qid:1\n\n")] {
            let mut cutter = Cutter::new(Box::new(Once(Some(text.as_bytes()))), cut, None);
            let pieces = [cutter.take().unwrap().unwrap(), cutter.take().unwrap().unwrap()];
            assert_eq!(pieces.concat(), text.as_bytes());
        }
    }
}
