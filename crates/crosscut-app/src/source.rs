//! [`Source`]: text from a file, an archive or standard input, in UTF-8 or another
//! [encoding](crate::encoding), read as a stream and parsed in parallel.

use std::borrow::Cow;
use std::io::{self, Cursor, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::mpsc;
use std::{fmt, mem, str, thread};

use crosscut::parallel::map_ranges;
use crosscut_data::text::trim_name;

use crate::cutter::{LONGEST_LINE, too_long};
use crate::encoding::{Decoded, Encoding};
use crate::error::Error;
use crate::monitor::Monitor;
use crate::none_known::NoneKnown;
use crate::options::Options;
use crate::shared::Shared;
use crate::unpack::{open, read_bytes, unpack, unreadable};

/// Bytes read at a time: small enough for a few blocks to stay in the cache, large enough to keep a
/// thread busy.
const BLOCK: usize = 256 << 10;

/// Text that can be read once.
pub struct Source<'m> {
    name: String,
    /// The file, unless this is standard input or no file.
    path: Option<PathBuf>,
    reader: Box<dyn Read + Send + 'm>,
    monitor: Option<&'m mut dyn Monitor>,
    digest: Arc<Digest>,
    /// If this is a piece of a file: the number of lines before it.
    before: Option<u64>,
    /// If it is one of several pieces that are read once, in order: what they have in common.
    shared: Option<Arc<Shared>>,
    has_comments: bool,
    /// Why text is refused that is not in UTF-8.
    not_text: String,
}

/// Length and CRC-32 of the text read so far. They tell two texts apart.
#[derive(Debug, Default)]
pub(crate) struct Digest {
    length: AtomicU64,
    sum: AtomicU32,
}

impl Digest {
    pub fn get(&self) -> (u64, u32) {
        (self.length.load(Ordering::Acquire), self.sum.load(Ordering::Acquire))
    }
}

/// A reader that keeps the digest of the bytes read.
struct Digested<R> {
    reader: R,
    length: u64,
    sum: crc32fast::Hasher,
    digest: Arc<Digest>,
}

impl<R: Read> Read for Digested<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(buffer)?;
        self.length += read as u64;
        self.sum.update(&buffer[..read]);
        self.digest.length.store(self.length, Ordering::Release);
        self.digest.sum.store(self.sum.clone().finalize(), Ordering::Release);
        Ok(read)
    }
}

impl<'m> Source<'m> {
    /// Opens a file; `-` is standard input. Data compressed with gzip, bzip2 or xz (or zstd, with
    /// the feature `zst`) are recognised by content, not by name, and decompressed.
    ///
    /// # Errors
    /// A file that cannot be read, a directory, an archive of a kind that is not compiled in.
    pub fn open(path: &Path, monitor: &'m mut dyn Monitor) -> Result<Self, Error> {
        let (name, reader) = open(path)?;
        let digest = Arc::new(Digest::default());
        let reader = Digested {
            reader,
            length: 0,
            sum: crc32fast::Hasher::new(),
            digest: Arc::clone(&digest),
        };
        let reader = Box::new(reader);
        Ok(Self { monitor: Some(monitor), digest, ..Self::new(name, reader) }.at(path))
    }

    /// As [`open`](Self::open), without a monitor.
    ///
    /// # Errors
    /// Those of [`open`](Self::open).
    pub fn open_quietly(path: &Path) -> Result<Self, Error> {
        let (name, reader) = open(path)?;
        Ok(Self::new(name, reader).at(path))
    }

    /// Reads a small file beside the examples: in UTF-8, else in the encoding of the examples.
    ///
    /// # Errors
    /// Those of [`open`](Self::open), and a bad option `--encoding`.
    pub fn open_beside(path: &Path, options: &Options) -> Result<Self, Error> {
        let bytes = read_bytes(path)?;
        let is_utf8 = str::from_utf8(&bytes).is_ok() && !bytes.contains(&0);
        let encoding = if is_utf8 { Encoding::default() } else { Encoding::of(options)? };
        Ok(Self::from_text(display_name(path), bytes).decode(encoding))
    }

    /// Reads what `reader` gives, in pieces of any size, as a file is read.
    ///
    /// # Errors
    /// Those of [`open`](Self::open).
    pub fn from_reader(
        name: impl Into<String>,
        reader: impl Read + Send + 'm,
    ) -> Result<Self, Error> {
        let name = name.into();
        let reader = unpack(&name, reader)?;
        Ok(Self::new(name, reader))
    }

    /// Text in memory, with a name for messages. Bytes are accepted, since the text is checked like
    /// a file.
    pub fn from_text(name: impl Into<String>, text: impl Into<Vec<u8>>) -> Self {
        Self::new(name.into(), Box::new(Cursor::new(text.into())))
    }

    fn new(name: String, reader: Box<dyn Read + Send + 'm>) -> Self {
        let (digest, not_text) = (Arc::default(), NOT_UTF8.to_owned());
        Self {
            name,
            path: None,
            reader,
            monitor: None,
            digest,
            before: None,
            shared: None,
            has_comments: false,
            not_text,
        }
    }

    fn at(self, path: &Path) -> Self {
        Self { path: (path != Path::new("-")).then(|| path.to_owned()), ..self }
    }

    /// The same text, which is in this encoding. Nothing may have been read yet.
    pub fn decode(self, encoding: Encoding) -> Self {
        let reader = Box::new(Decoded::new(self.reader, encoding));
        Self { reader, not_text: encoding.refusal(), ..self }
    }

    /// The same text, which may also hold nothing to parse.
    pub fn may_be_empty(self) -> Self {
        Self { before: self.before.or(Some(0)), ..self }
    }

    /// The same text, in which what follows a `#` may be in any encoding.
    pub fn with_comments(&mut self) -> &mut Self {
        self.has_comments = true;
        self
    }

    /// The digest of this text: complete once the text has been read, and kept only if the source
    /// was [opened](Self::open).
    pub(crate) fn digest(&self) -> Arc<Digest> {
        Arc::clone(&self.digest)
    }

    /// A piece of the decoded text of a file that follows `before` lines. It may hold nothing to
    /// parse.
    pub(crate) fn from_piece(
        name: String,
        bytes: Vec<u8>,
        before: u64,
        encoding: Encoding,
    ) -> Self {
        let not_text = encoding.refusal();
        Self { before: Some(before), not_text, ..Self::new(name, Box::new(Cursor::new(bytes))) }
    }

    /// The same piece, one of those that have this in common.
    pub(crate) fn sharing(self, shared: Arc<Shared>) -> Self {
        Self { shared: Some(shared), ..self }
    }

    /// What the reader of the piece before this one has [left](Self::leave); the default at the
    /// beginning of a file, and if all of the file is read at once.
    ///
    /// A file must be read in the same way however it is cut
    /// ([`Application::cut`](crate::Application::cut)). A reader that compares lines with earlier
    /// ones (columns with those of the first line, numbers of queries with those of all before)
    /// takes what it knows of them at the beginning, and leaves it at the end.
    pub fn inherit<T: Default + 'static>(&self) -> T {
        self.shared.as_ref().and_then(|shared| shared.inherit()).unwrap_or_default()
    }

    /// Leaves something for the reader of the next piece.
    pub fn leave<T: Send + 'static>(&self, state: T) {
        if let Some(shared) = &self.shared {
            shared.leave(Box::new(state));
        }
    }

    /// Number of lines of the file before this text.
    pub fn lines_before(&self) -> u64 {
        self.before.unwrap_or(0)
    }

    /// The file that was [opened](Self::open); `None` for standard input, text in memory, and pieces.
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// The name used in messages.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Parses every line that is not blank and keeps what `parse` returns, in order. `parse`
    /// returns `None` for a line to skip (a comment).
    ///
    /// Lines come without their line break (`\n` or `\r\n`) and without a byte order mark. One of
    /// invisible characters alone is blank. The current rayon pool parses blocks of lines while the next blocks are read. Only a
    /// few blocks of text are in memory at any time.
    ///
    /// # Errors
    /// The first line, by number, that `parse` refuses, that is not in the encoding of the text, or that contains a NUL
    /// character or a carriage return; a file in which `parse` finds nothing at all; a file that cannot be read to its
    /// end.
    pub fn parse_lines<T: Send>(
        mut self,
        parse: impl Fn(&str) -> Result<Option<T>, String> + Sync,
    ) -> Result<Vec<T>, Error> {
        let mut items = Vec::new();
        self.scan_nonblank_lines(parse, |_, item| {
            items.push(item);
            Ok(())
        })?;
        Ok(items)
    }

    /// As [`parse_lines`](Self::parse_lines), for examples of several lines: passes each value that
    /// `parse` returns to `take`, in order and one at a time, with its line number (from 1). Blank
    /// lines are parsed too. Nothing is kept, and the whole text is consumed.
    ///
    /// # Errors
    /// Those of [`parse_lines`](Self::parse_lines), and the first error of `take`. If there are
    /// several, the one of the first line.
    pub fn scan_lines<T: Send>(
        &mut self,
        parse: impl Fn(&str) -> Result<Option<T>, String> + Sync,
        mut take: impl FnMut(u64, T) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let odd = Odd { may_be_in_comments: self.has_comments, refusal: self.not_text.clone() };
        self.scan_blocks(&mut |name, batch, before| {
            let parsed = map_ranges(batch.len(), 1, |range| {
                let parse = |block| parse_block(block, &odd, &parse);
                let blocks = batch[range].iter();
                blocks.map(|block| block.as_ref().ok().map(|b| parse(b))).collect::<Vec<_>>()
            });
            let mut seen = Seen { lines: before, ..Seen::default() };
            for (parsed, block) in parsed.into_iter().flatten().zip(batch) {
                let Some(parsed) = parsed else {
                    return block.map(|_| seen).map_err(|source| unreadable(name, source));
                };
                seen.found_any |= !parsed.items.is_empty();
                for (line, item) in parsed.items {
                    take(seen.lines + line, item)?;
                }
                seen.lines += parsed.lines;
                seen.bytes += parsed.bytes;
                if let Some(message) = parsed.error {
                    return Err(Error::line(name, seen.lines, message));
                }
            }
            Ok(seen)
        })
    }

    /// As [`scan_lines`](Self::scan_lines), without blank lines: for examples that are lines of their
    /// own.
    ///
    /// # Errors
    /// Those of [`scan_lines`](Self::scan_lines).
    pub fn scan_nonblank_lines<T: Send>(
        &mut self,
        parse: impl Fn(&str) -> Result<Option<T>, String> + Sync,
        take: impl FnMut(u64, T) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let parse = |line: &str| if line.trim_ascii().is_empty() { Ok(None) } else { parse(line) };
        self.scan_lines(parse, take)
    }

    /// Reads all blocks of lines; reading goes on while earlier blocks are parsed. `parse` gets the
    /// name of the file and the number of lines before its blocks.
    fn scan_blocks(&mut self, parse: &mut ParseBlocks<'_>) -> Result<(), Error> {
        let Self { name, reader, monitor, before, .. } = self;
        let mut reader = mem::replace(reader, Box::new(io::empty()));
        if self.shared.is_some() {
            // A piece, which is in memory.
            let mut bytes = Vec::new();
            reader.read_to_end(&mut bytes).map_err(|source| unreadable(name, source))?;
            let blocks = divide(bytes, rayon::current_num_threads());
            return parse(name, blocks.into_iter().map(Ok).collect(), before.unwrap_or(0))
                .map(drop);
        }
        let at_once = 2 * rayon::current_num_threads();
        let mut all = Seen { lines: before.unwrap_or(0), ..Seen::default() };
        thread::scope(|scope| {
            let (sender, blocks) = mpsc::sync_channel(at_once);
            scope.spawn(move || send_blocks(reader, &sender));
            while let Ok(first) = blocks.recv() {
                // Takes all blocks that are ready: few if reading is slow, many if parsing is.
                let mut batch = vec![first];
                batch.extend(blocks.try_iter().take(at_once - 1));
                let seen = parse(name, batch, all.lines)?;
                all.lines = seen.lines;
                all.bytes += seen.bytes;
                all.found_any |= seen.found_any;
                if let Some(monitor) = monitor {
                    monitor.reading(name, all.bytes);
                }
            }
            if !all.found_any && before.is_none() {
                let found =
                    if all.bytes == 0 { "an empty file" } else { "only blank lines and comments" };
                return Err(Error::file(
                    &*name,
                    format!("expected at least one example, found {found}"),
                ));
            }
            Ok(())
        })
    }

    /// Sends the monitor a note about the text: something to know that is not an error.
    pub fn note(&mut self, message: &str) {
        match (&mut self.monitor, &self.shared) {
            (Some(monitor), _) => monitor.note(message),
            (None, Some(shared)) => shared.note(message),
            (None, None) => {}
        }
    }

    /// Sends the monitor a note if no feature is known; of a piece of a file, when all of the file
    /// has been read.
    pub(crate) fn note_known(&mut self, known: NoneKnown) {
        match self.shared.as_deref() {
            Some(shared) => shared.known.add(known),
            None => known.message(&self.name).iter().for_each(|message| self.note(message)),
        }
    }

    /// The first `bytes` bytes of the text or fewer, to recognise the kind of file. They will be
    /// read again.
    ///
    /// # Errors
    /// A file whose beginning cannot be read.
    pub fn peek(&mut self, bytes: usize) -> Result<String, Error> {
        let mut head = Vec::new();
        let read = self.reader.by_ref().take(bytes as u64).read_to_end(&mut head);
        read.map_err(|source| unreadable(&self.name, source))?;
        let text = String::from_utf8_lossy(&head).trim_start_matches('\u{feff}').to_owned();
        let rest = mem::replace(&mut self.reader, Box::new(io::empty()));
        self.reader = Box::new(Cursor::new(head).chain(rest));
        Ok(text)
    }

    /// The whole text of a small file, without a byte order mark.
    ///
    /// # Errors
    /// A file that cannot be read to its end or is not in its encoding.
    pub fn text(mut self) -> Result<String, Error> {
        self.take_text()
    }

    /// As [`text`](Self::text); the text will be read again.
    pub(crate) fn peek_text(&mut self) -> Result<String, Error> {
        let text = self.take_text()?;
        self.reader = Box::new(Cursor::new(text.clone().into_bytes()));
        Ok(text)
    }

    /// As [`text`](Self::text); nothing is left to read then.
    pub(crate) fn take_text(&mut self) -> Result<String, Error> {
        let Self { name, reader, monitor, .. } = self;
        let mut text = Vec::new();
        reader.read_to_end(&mut text).map_err(|source| unreadable(name, source))?;
        if let Some(monitor) = monitor {
            monitor.reading(name, text.len() as u64);
        }
        match String::from_utf8(text) {
            Ok(text) => Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text)),
            Err(error) => {
                let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
                let line = count_lines(good) + 1;
                Err(Error::line(&*self.name, line, self.not_text.as_str()))
            }
        }
    }

    /// Whether a text without examples is an error.
    pub(crate) fn needs_examples(&self) -> bool {
        self.before.is_none()
    }
}

impl fmt::Debug for Source<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source").field("name", &self.name).finish_non_exhaustive()
    }
}

const NOT_UTF8: &str = "expected text in UTF-8, found other bytes";
pub(crate) const LONE_RETURN: &str =
    "expected line breaks \\n or \\r\\n, found a carriage return (\\r) alone";

/// The name of a file in messages.
pub(crate) fn display_name(path: &Path) -> String {
    if path == Path::new("-") { "standard input".to_owned() } else { path.display().to_string() }
}

/// Cuts the text into blocks that end with a line break (the last one need not) and sends them,
/// until the end of the text, the first error, or the receiver hangs up.
fn send_blocks(mut reader: impl Read, sender: &mpsc::SyncSender<io::Result<Vec<u8>>>) {
    let mut rest = Vec::new();
    loop {
        // A line longer than a block makes the block grow until it is complete.
        let known = rest.len();
        let wanted = BLOCK.max(known);
        let mut block = rest;
        block.reserve_exact(wanted);
        let read = match reader.by_ref().take(wanted as u64).read_to_end(&mut block) {
            Ok(read) => read,
            Err(error) => return drop(sender.send(Err(error))),
        };
        let done = read < wanted;
        let end = if done {
            block.len()
        } else {
            match block.iter().rposition(|&byte| byte == b'\n') {
                Some(at) => at + 1,
                None if block.len() > LONGEST_LINE => return drop(sender.send(Err(too_long()))),
                None => 0,
            }
        };
        if end == 0 && !done {
            rest = block;
            continue;
        }
        rest = block[end..].to_vec();
        block.truncate(end);
        if !block.is_empty() && sender.send(Ok(block)).is_err() || done {
            return;
        }
    }
}

/// Divides lines into about `count` blocks of whole lines.
fn divide(mut bytes: Vec<u8>, count: usize) -> Vec<Vec<u8>> {
    let length = bytes.len().div_ceil(count.max(1));
    let mut blocks = Vec::new();
    while bytes.len() > length {
        let end = bytes[length..].iter().position(|&byte| byte == b'\n');
        let Some(end) = end else { break };
        let rest = bytes.split_off(length + end + 1);
        blocks.push(mem::replace(&mut bytes, rest));
    }
    blocks.push(bytes);
    blocks
}

/// Blocks of lines as read.
type Blocks = Vec<io::Result<Vec<u8>>>;
/// Parses blocks of the named file, given the number of lines before them.
type ParseBlocks<'p> = dyn FnMut(&str, Blocks, u64) -> Result<Seen, Error> + 'p;

/// Progress of reading.
#[derive(Clone, Copy, Default)]
struct Seen {
    /// Including the lines before the text.
    lines: u64,
    bytes: u64,
    /// Whether `parse` has found anything.
    found_any: bool,
}

/// A parsed block. If there is an error, `lines` is the number of the bad line within the block.
struct Parsed<T> {
    /// Each with its line number within the block, from 1.
    items: Vec<(u64, T)>,
    lines: u64,
    bytes: u64,
    error: Option<String>,
}

/// What becomes of bytes that are not UTF-8.
struct Odd {
    may_be_in_comments: bool,
    /// Why they are refused elsewhere.
    refusal: String,
}

fn parse_block<T>(
    block: &[u8],
    odd: &Odd,
    parse: &impl Fn(&str) -> Result<Option<T>, String>,
) -> Parsed<T> {
    let mut parsed = Parsed { items: Vec::new(), lines: 0, bytes: block.len() as u64, error: None };
    let mut rest = block;
    while !rest.is_empty() && parsed.error.is_none() {
        // All of it, or the lines before the first that is not UTF-8.
        let valid = match str::from_utf8(rest) {
            Ok(_) => rest.len(),
            Err(error) => rest[..error.valid_up_to()]
                .iter()
                .rposition(|&byte| byte == b'\n')
                .map_or(0, |at| at + 1),
        };
        let (good, bad) = rest.split_at(valid);
        for line in str::from_utf8(good).unwrap_or_default().split_terminator('\n') {
            parsed.add(clean(line).and_then(parse));
            if parsed.error.is_some() {
                return parsed;
            }
        }
        let end = bad.iter().position(|&byte| byte == b'\n').map_or(bad.len(), |at| at + 1);
        let (line, after) = bad.split_at(end);
        if !line.is_empty() {
            let line = lossy(line.trim_ascii_end(), odd);
            parsed.add(line.and_then(|line| parse(clean(&line)?)));
        }
        rest = after;
    }
    parsed
}

impl<T> Parsed<T> {
    /// Adds the result of the next line.
    fn add(&mut self, item: Result<Option<T>, String>) {
        self.lines += 1;
        match item {
            Ok(item) => self.items.extend(item.map(|item| (self.lines, item))),
            Err(message) => self.error = Some(message),
        }
    }
}

/// A line that is not UTF-8, which may be so in a comment alone.
fn lossy<'l>(line: &'l [u8], odd: &Odd) -> Result<Cow<'l, str>, String> {
    let comment = line.iter().position(|&byte| byte == b'#').filter(|_| odd.may_be_in_comments);
    match comment {
        Some(at) if str::from_utf8(&line[..at]).is_ok() => Ok(String::from_utf8_lossy(line)),
        _ => Err(odd.refusal.clone()),
    }
}

/// A line without what is no part of its text.
fn clean(line: &str) -> Result<&str, String> {
    let odd = |odd, byte: u8| odd | ((byte.wrapping_sub(b' ') >= 0x60) & (byte != b'\t'));
    if !line.bytes().fold(false, odd) {
        return Ok(line);
    }
    let line = line.trim_end_matches('\r').trim_start_matches('\u{feff}');
    if line.contains('\0') {
        return Err("expected text, found a NUL character".to_owned());
    }
    if line.contains('\r') {
        return Err(LONE_RETURN.to_owned());
    }
    let is_blank =
        line.contains(|letter| !matches!(letter, ' ' | '\t')) && trim_name(line).is_empty();
    Ok(if is_blank { "" } else { line })
}

pub(crate) fn count_lines(bytes: &[u8]) -> u64 {
    bytes.iter().filter(|&&byte| byte == b'\n').count() as u64
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use bzip2::write::BzEncoder;
    use flate2::write::GzEncoder;
    use lzma_rust2::{LzmaOptions, LzmaWriter, XzOptions, XzWriter};
    use proptest::prelude::*;

    use super::*;

    fn keep(line: &str) -> Result<Option<String>, String> {
        match line {
            "" => Ok(None),
            "bad" => Err("expected good".to_owned()),
            line => Ok(Some(line.to_owned())),
        }
    }

    fn lines(bytes: &[u8]) -> Result<Vec<String>, String> {
        let source = Source::new("f".to_owned(), Box::new(bytes));
        source.parse_lines(keep).map_err(|error| error.to_string())
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut packer = GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packer.write_all(bytes).unwrap();
        packer.finish().unwrap()
    }

    fn bzip2(bytes: &[u8]) -> Vec<u8> {
        let mut packer = BzEncoder::new(Vec::new(), bzip2::Compression::fast());
        packer.write_all(bytes).unwrap();
        packer.finish().unwrap()
    }

    fn xz(bytes: &[u8]) -> Vec<u8> {
        let mut packer = XzWriter::new(Vec::new(), XzOptions::with_preset(1)).unwrap();
        packer.write_all(bytes).unwrap();
        packer.finish().unwrap()
    }

    fn lzma(bytes: &[u8]) -> Vec<u8> {
        let options = LzmaOptions::with_preset(1);
        let mut packer = LzmaWriter::new_use_header(Vec::new(), &options, None).unwrap();
        packer.write_all(bytes).unwrap();
        packer.finish().unwrap()
    }

    type Packer = fn(&[u8]) -> Vec<u8>;
    const PACKERS: [Packer; 4] = [gzip, bzip2, xz, lzma];

    fn open_bytes(bytes: &[u8]) -> Result<Vec<String>, String> {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("f");
        std::fs::write(&path, bytes).unwrap();
        let source = Source::open(&path, &mut ()).and_then(|source| source.parse_lines(keep));
        source.map_err(|error| error.to_string().replace(&path.display().to_string(), "f"))
    }

    #[test]
    fn line_breaks_and_the_byte_order_mark_are_no_part_of_a_line() {
        for text in ["a\nb\n", "a\nb", "a\r\nb\r\n", "a\r\nb", "\u{feff}a\nb\n", "\n\na\n\nb\n\n"] {
            assert_eq!(lines(text.as_bytes()).unwrap(), ["a", "b"], "{text:?}");
        }
    }

    #[test]
    fn invisible_characters_are_no_lines_and_no_part_of_names() {
        for text in [
            "a\r\r\nb\r\r\n",
            "a\n\u{feff}b\n",
            "a\nb\n\u{1a}",
            "a\n\u{a0}\nb",
            "a\n\u{200b} \t\nb",
        ] {
            assert_eq!(lines(text.as_bytes()).unwrap(), ["a", "b"], "{text:?}");
        }
        assert_eq!(lines(b"a b\t\n").unwrap(), ["a b\t"]);
    }

    #[test]
    fn comments_may_be_in_another_encoding() {
        let read = |text: &[u8]| {
            let mut source = Source::from_text("f", text);
            source.with_comments();
            source.parse_lines(keep).map_err(|error| error.to_string())
        };
        assert_eq!(read(b"a\nb # caf\xe9\r\nc\n").unwrap(), ["a", "b # caf\u{fffd}", "c"]);
        let error = "f:2: expected text in UTF-8, found other bytes";
        assert_eq!(read(b"a\n\xe9 # c\nb\n").unwrap_err(), error);
        assert_eq!(lines(b"a\nb # caf\xe9\n").unwrap_err(), error);
        assert_eq!(read(b"# \xe9\nbad\n\xe9\n").unwrap_err(), "f:2: expected good");
    }

    #[test]
    fn the_first_bad_line_is_named_by_its_number() {
        let many = "a\n".repeat(300_000);
        let table: [(Vec<u8>, &str); 9] = [
            (b"a\n\nbad\nbad\n".to_vec(), "f:3: expected good"),
            (b"a\r\nbad".to_vec(), "f:2: expected good"),
            (b"a\nb\xff\nbad\n".to_vec(), "f:2: expected text in UTF-8, found other bytes"),
            (b"bad\nb\xff\n".to_vec(), "f:1: expected good"),
            (b"a\nb\0\n".to_vec(), "f:2: expected text, found a NUL character"),
            (
                b"a\rb\r".to_vec(),
                "f:1: expected line breaks \\n or \\r\\n, found a carriage return (\\r) alone",
            ),
            (
                b"\n\n".to_vec(),
                "f: expected at least one example, found only blank lines and comments",
            ),
            (b"".to_vec(), "f: expected at least one example, found an empty file"),
            (
                [many.as_bytes(), b"bad\n", many.as_bytes(), b"b\xff\n"].concat(),
                "f:300001: expected good",
            ),
        ];
        for (bytes, expected) in table {
            assert_eq!(lines(&bytes).unwrap_err(), expected);
        }
    }

    #[test]
    fn lines_are_handed_over_with_their_numbers() {
        let scan = |text: &str| {
            let mut taken = Vec::new();
            let take = |number, line: String| match line.as_str() {
                "refused" => Err(Error::line("f", number, "refused")),
                _ => {
                    taken.push((number, line));
                    Ok(())
                }
            };
            let result = Source::from_text("f", text)
                .scan_lines(keep, take)
                .map_err(|error| error.to_string());
            (taken, result)
        };
        let taken = |lines: &[(u64, &str)]| {
            lines.iter().map(|&(n, line)| (n, line.to_owned())).collect::<Vec<_>>()
        };
        assert_eq!(scan("a\n\r\n\nb\nc"), (taken(&[(1, "a"), (4, "b"), (5, "c")]), Ok(())));
        assert_eq!(scan("a\nrefused\nbad\n"), (taken(&[(1, "a")]), Err("f:2: refused".to_owned())));
        assert_eq!(
            scan("a\nbad\nrefused\n"),
            (taken(&[(1, "a")]), Err("f:2: expected good".to_owned()))
        );
        let (lines, result) = scan(&("a\n".repeat(300_000) + "\nrefused"));
        assert_eq!((lines.len(), result), (300_000, Err("f:300002: refused".to_owned())));
    }

    #[test]
    fn what_was_peeked_at_is_read_again() {
        for (bytes, expected) in [(0, ""), (1, "\u{fffd}"), (4, "\u{fffd}"), (100, "äb\nc\n")] {
            let mut source = Source::from_text("f", "\u{feff}äb\nc\n");
            assert_eq!(source.peek(bytes).unwrap(), expected);
            assert_eq!(source.parse_lines(keep).unwrap(), ["äb", "c"]);
        }
    }

    #[test]
    fn lines_of_any_length_arrive_whole() {
        let long = "x".repeat(10_000_000);
        let text = format!("a\n{long}\nb\n{long}");
        assert!(lines(text.as_bytes()).unwrap() == ["a", &long, "b", &long]);
    }

    #[test]
    fn archives_are_known_by_their_content_and_joined_ones_are_read_to_the_end() {
        for pack in PACKERS {
            let two = [pack(b"a\nb"), pack(b""), pack(b"c\nd\n")].concat();
            assert_eq!(open_bytes(&two).unwrap(), ["a", "bc", "d"]);
            // Zeros pad archives on tapes; other bytes are a mistake.
            let padded = [two.clone(), vec![0; 100_000]].concat();
            assert_eq!(open_bytes(&padded).unwrap(), ["a", "bc", "d"]);
            let spoilt = open_bytes(&[two, b"\0e\n".to_vec()].concat()).unwrap_err();
            assert_eq!(spoilt, "f: the file is damaged: other bytes follow the compressed data");
        }
        assert!(open_bytes(b"PK\x03\x04").unwrap_err().contains("this is a zip archive"));
        for text in ["a", "BZh1 x", "BZh91AX&SY", "]", "PK", "BZ"] {
            assert_eq!(open_bytes(text.as_bytes()).unwrap(), [text]);
        }
    }

    #[test]
    fn an_archive_that_would_fill_the_memory_is_refused() {
        let mut packed = xz(b"a\n");
        // The size of the dictionary in the header of the block: 2 GiB; then the header's checksum.
        assert_eq!(packed[12..16], [2, 0, 0x21, 1]);
        packed[16] = 38;
        let sum = crc32fast::hash(&packed[12..20]).to_le_bytes();
        packed[20..24].copy_from_slice(&sum);
        let expected =
            "f: expected a dictionary of at most 128 MiB in an xz archive, found a larger one";
        assert_eq!(open_bytes(&packed).unwrap_err(), expected);
        let mut packed = lzma(b"a\n");
        packed[1..5].copy_from_slice(&(1_u32 << 31).to_le_bytes());
        assert_eq!(open_bytes(&packed).unwrap_err(), expected);
    }

    #[test]
    fn a_damaged_archive_is_an_error_wherever_it_is_cut() {
        let text: String =
            (0..50_000).map(|number| format!("{}\n", number * 7919 % 100_003)).collect();
        for (pack, kind) in PACKERS.into_iter().zip(0..) {
            let whole = pack(text.as_bytes());
            for cut in [4, 9, 12, whole.len() / 2, whole.len() - 9, whole.len() - 1] {
                let message = open_bytes(&whole[..cut]).unwrap_err();
                assert_eq!(
                    message, "f: the compressed data end too early: the file is truncated",
                    "archive {kind} cut at {cut}"
                );
            }
            let mut flipped = whole.clone();
            flipped[whole.len() / 2] ^= 0x10;
            // The oldest kind has no checksum.
            assert!(kind == 3 || open_bytes(&flipped).unwrap_err().starts_with("f: "), "{kind}");
        }
    }

    #[cfg(feature = "zst")]
    #[test]
    fn zstd_archives_are_read() {
        assert_eq!(open_bytes(&zstd::encode_all(&b"a\nb\n"[..], 0).unwrap()).unwrap(), ["a", "b"]);
    }

    #[cfg(not(feature = "zst"))]
    #[test]
    fn zstd_archives_are_refused_by_the_name_of_the_feature() {
        assert!(
            open_bytes(&[0x28, 0xb5, 0x2f, 0xfd, 0, 0]).unwrap_err().contains("the feature `zst`")
        );
    }

    #[test]
    fn directories_and_missing_files_are_refused_by_name() {
        let home = tempfile::tempdir().unwrap();
        let error = Source::open(home.path(), &mut ()).unwrap_err();
        assert!(
            error.to_string().ends_with("expected a file, found a directory")
                && error.is_bad_input()
        );
        let missing = home.path().join("missing");
        let error = Source::open(&missing, &mut ()).unwrap_err();
        assert!(error.to_string().contains("missing: cannot be read") && error.is_bad_input());
    }

    #[test]
    fn small_files_are_read_as_a_whole() {
        assert_eq!(Source::from_text("f", "\u{feff}a\nb").text().unwrap(), "a\nb");
        let reader = Box::new(&b"a\nb\xff"[..]);
        let source = Source::new("f".to_owned(), reader);
        assert_eq!(
            source.text().unwrap_err().to_string(),
            "f:2: expected text in UTF-8, found other bytes"
        );
    }

    #[test]
    fn the_monitor_hears_how_much_was_read_and_what_was_noted() {
        struct Bytes(u64, Vec<String>);
        impl Monitor for Bytes {
            fn note(&mut self, message: &str) {
                self.1.push(message.to_owned());
            }

            fn reading(&mut self, _: &str, bytes: u64) {
                assert!(bytes > self.0);
                self.0 = bytes;
            }
        }
        let text = "abcd\n".repeat(1_000_000);
        let mut monitor = Bytes(0, Vec::new());
        let reader = Box::new(text.as_bytes());
        let mut source =
            Source { monitor: Some(&mut monitor), ..Source::new("f".to_owned(), reader) };
        source.scan_lines(keep, |_, _| Ok(())).unwrap();
        source.note("odd");
        drop(source);
        assert_eq!((monitor.0, monitor.1), (5_000_000, vec!["odd".to_owned()]));
    }

    #[test]
    fn lines_are_divided_into_blocks_of_whole_lines() {
        for text in ["", "a", "a\n", "a\nbb\n\nccc\nd", "aaaaaaaaaaaaaaaaaaaa\nb\n", "\n\n\n\n"] {
            for count in 0..9 {
                let blocks = divide(text.as_bytes().to_vec(), count);
                assert_eq!(blocks.concat(), text.as_bytes());
                assert!(blocks.len() <= count.max(1) + 1, "{text:?} {count}");
                assert!(blocks.iter().rev().skip(1).all(|block| block.ends_with(b"\n")));
            }
        }
    }

    /// A reader that returns a few bytes at a time, as pipes do.
    struct Trickle<'b>(&'b [u8], usize);

    impl Read for Trickle<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let length = self.1.min(self.0.len()).min(buffer.len());
            let (head, tail) = self.0.split_at(length);
            buffer[..length].copy_from_slice(head);
            self.0 = tail;
            Ok(length)
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn blocks_end_with_a_line_and_join_to_the_whole(
            lengths in prop::collection::vec(prop_oneof![0..100_usize, 0..700_000_usize], 0..12),
            step in 1000..100_000_usize,
        ) {
            let text = lengths.iter().map(|&length| "x".repeat(length)).collect::<Vec<_>>().join("\n");
            let (sender, blocks) = mpsc::sync_channel(1 << 20);
            send_blocks(Trickle(text.as_bytes(), step), &sender);
            drop(sender);
            let blocks: Vec<Vec<u8>> = blocks.iter().map(Result::unwrap).collect();
            prop_assert!(blocks.iter().rev().skip(1).all(|block| block.ends_with(b"\n")));
            prop_assert!(blocks.concat() == text.as_bytes());
        }
    }
}
