//! [`Source`]: text from a file, an archive or standard input, in UTF-8 or another
//! [encoding](crate::encoding), read as a stream and parsed in parallel.

mod blocks;

use std::io::{self, Cursor, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::mpsc;
use std::{fmt, mem, str, thread};

use crosscut::parallel::map_ranges;

use crate::encoding::{Decoded, Encoding};
use crate::error::Error;
use crate::monitor::Monitor;
use crate::none_known::NoneKnown;
use crate::options::Options;
use crate::shared::Shared;
use crate::unpack::{open, read_bytes, unpack, unreadable};

pub(crate) use blocks::count_lines;
use blocks::{Blocks, Odd, ParseBlocks, Parsed, Seen, divide, parse_block, send_blocks};

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
        Ok(Self::digested(name, reader, monitor).at(path))
    }

    /// The text of which a rank reads a part. Its lines are counted on from `before`, and it may hold
    /// nothing to parse.
    pub(crate) fn from_part(
        name: String,
        reader: Box<dyn Read + Send>,
        before: u64,
        monitor: &'m mut dyn Monitor,
    ) -> Self {
        Self { before: Some(before), ..Self::digested(name, reader, monitor) }
    }

    fn digested(name: String, reader: Box<dyn Read + Send>, monitor: &'m mut dyn Monitor) -> Self {
        let (digest, sum) = (Arc::<Digest>::default(), crc32fast::Hasher::new());
        let reader = Digested { reader, length: 0, sum, digest: Arc::clone(&digest) };
        Self { monitor: Some(monitor), digest, ..Self::new(name, Box::new(reader)) }
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

    /// The same text, read by the reader that `through` puts around its own.
    pub(crate) fn read_through(
        self,
        through: impl FnOnce(Box<dyn Read + Send + 'm>) -> Box<dyn Read + Send + 'm>,
    ) -> Self {
        Self { reader: through(self.reader), ..self }
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
    /// ([`Format::cut`](crate::Format::cut)). A reader that compares lines with earlier
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
        let parse = |blocks: Blocks| -> Batch<T> {
            let parsed = map_ranges(blocks.len(), 1, |range| {
                let parse = |block| parse_block(block, &odd, &parse);
                let blocks = blocks[range].iter();
                blocks.map(|block| block.as_ref().ok().map(|b| parse(b))).collect::<Vec<_>>()
            });
            let errors = blocks.into_iter().map(Result::err);
            parsed.into_iter().flatten().zip(errors).collect()
        };
        // What has been parsed and not been taken.
        let mut parsed = Batch::new();
        self.scan_blocks(&mut |name, blocks, before| {
            // Each batch is parsed while the one before it is taken.
            let mut next = Batch::new();
            let batch = mem::take(&mut parsed);
            let seen = rayon::in_place_scope(|scope| {
                scope.spawn(|_| next = parse(blocks));
                take_batch(name, batch, before, &mut take)
            });
            parsed = next;
            seen
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
    /// name of the file, blocks, and the number of lines before the blocks that it got last; at the
    /// end, no blocks. It returns what is known of the blocks that it got last.
    fn scan_blocks(&mut self, parse: &mut ParseBlocks<'_>) -> Result<(), Error> {
        let Self { name, reader, monitor, before, .. } = self;
        let mut reader = mem::replace(reader, Box::new(io::empty()));
        if self.shared.is_some() {
            // A piece, which is in memory.
            let mut bytes = Vec::new();
            reader.read_to_end(&mut bytes).map_err(|source| unreadable(name, source))?;
            // Two for each thread, to balance the load.
            let count = match rayon::current_num_threads() {
                1 => 1,
                threads => 2 * threads,
            };
            let blocks = divide(bytes, count);
            let before = before.unwrap_or(0);
            parse(name, blocks.into_iter().map(Ok).collect(), before)?;
            return parse(name, Blocks::new(), before).map(drop);
        }
        let at_once = 2 * rayon::current_num_threads();
        let mut all = Seen { lines: before.unwrap_or(0), ..Seen::default() };
        thread::scope(|scope| {
            let (sender, blocks) = mpsc::sync_channel(at_once);
            scope.spawn(move || send_blocks(reader, &sender));
            let mut has_ended = false;
            while !has_ended {
                // Takes all blocks that are ready: few if reading is slow, many if parsing is.
                let first = blocks.recv().ok();
                has_ended = first.is_none();
                let batch = first.into_iter().chain(blocks.try_iter()).take(at_once).collect();
                let seen = parse(name, batch, all.lines)?;
                all.lines = seen.lines;
                all.bytes += seen.bytes;
                all.found_any |= seen.found_any;
                if let Some(monitor) = monitor.as_mut().filter(|_| seen.bytes > 0) {
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

/// Parsed blocks; in place of one that could not be read, the error.
type Batch<T> = Vec<(Option<Parsed<T>>, Option<io::Error>)>;

/// Passes what was parsed to `take`; `before` is the number of lines before it.
fn take_batch<T>(
    name: &str,
    batch: Batch<T>,
    before: u64,
    take: &mut impl FnMut(u64, T) -> Result<(), Error>,
) -> Result<Seen, Error> {
    let mut seen = Seen { lines: before, ..Seen::default() };
    for (parsed, error) in batch {
        if let Some(source) = error {
            return Err(unreadable(name, source));
        }
        let Some(parsed) = parsed else { continue };
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
}

const NOT_UTF8: &str = "expected text in UTF-8, found other bytes";
pub(crate) const LONE_RETURN: &str =
    "expected line breaks \\n or \\r\\n, found a carriage return (\\r) alone";

/// The name of a file in messages.
pub(crate) fn display_name(path: &Path) -> String {
    if path == Path::new("-") { "standard input".to_owned() } else { path.display().to_string() }
}

#[cfg(test)]
mod tests;
