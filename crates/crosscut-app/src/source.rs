//! [`Source`]: text from a file, an archive or standard input, read as a stream and parsed in parallel.

use std::fs::File;
use std::io::{self, Cursor, Read};
use std::path::Path;
use std::sync::mpsc;
use std::{fmt, str, thread};

use flate2::bufread::MultiGzDecoder;
use rayon::prelude::*;

use crate::error::Error;
use crate::monitor::Monitor;

/// Bytes read at a time: small enough for a few to stay in the cache, large enough to keep a thread busy.
const BLOCK: usize = 256 << 10;
/// No line may be longer: what claims to be one is no text file.
const LONGEST_LINE: usize = 1 << 30;

/// Something to read text from, once.
pub struct Source<'m> {
    name: String,
    reader: Box<dyn Read + Send + 'm>,
    monitor: Option<&'m mut dyn Monitor>,
}

impl<'m> Source<'m> {
    /// Opens a file; `-` is standard input. What is compressed with gzip (or zstd, with the feature `zst`) is
    /// decompressed, whatever its name.
    ///
    /// # Errors
    /// A file that cannot be read, a directory, an archive of a kind that is not compiled in.
    pub fn open(path: &Path, monitor: &'m mut dyn Monitor) -> Result<Self, Error> {
        let (name, reader) = open(path)?;
        Ok(Self { name, reader, monitor: Some(monitor) })
    }

    /// Text that is in memory already, under a name for messages.
    pub fn from_text(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self { name: name.into(), reader: Box::new(Cursor::new(text.into())), monitor: None }
    }

    /// The name used in messages.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Parses every line and keeps what `parse` finds, in order; `None` passes over a line (blank, a comment).
    ///
    /// Lines come without their line break (`\n` or `\r\n`), the first also without a byte order mark. Blocks of
    /// lines are parsed on all threads of the current rayon pool while the next ones are read, so that no more
    /// than a few blocks of text are in memory at any time.
    ///
    /// # Errors
    /// The first line that `parse` refuses, that is not UTF-8 or that contains a NUL character, with its number; a file
    /// in which `parse` finds nothing at all; a file that cannot be read to its end.
    pub fn parse_lines<T: Send>(
        self,
        parse: impl Fn(&str) -> Result<Option<T>, String> + Sync,
    ) -> Result<Vec<T>, Error> {
        let Self { name, reader, mut monitor } = self;
        let at_once = 2 * rayon::current_num_threads();
        let mut items = Vec::new();
        let (mut lines, mut bytes) = (0, 0);
        thread::scope(|scope| {
            let (sender, blocks) = mpsc::sync_channel(at_once);
            scope.spawn(move || send_blocks(reader, &sender));
            while let Ok(first) = blocks.recv() {
                // Whatever else is ready: few blocks if reading is slow, many if parsing is.
                let mut batch = vec![first];
                batch.extend(blocks.try_iter().take(at_once - 1));
                let parsed: Vec<Result<Parsed<T>, io::Error>> =
                    batch.into_par_iter().map(|block| Ok(parse_block(&block?, &parse))).collect();
                for block in parsed {
                    let block = block.map_err(|source| unreadable(&name, source))?;
                    if let Some(message) = block.error {
                        return Err(Error::line(&name, lines + block.lines, message));
                    }
                    lines += block.lines;
                    bytes += block.bytes;
                    items.extend(block.items);
                }
                if let Some(monitor) = &mut monitor {
                    monitor.reading(&name, bytes);
                }
            }
            if items.is_empty() {
                let found = if bytes == 0 { "an empty file" } else { "only blank lines and comments" };
                return Err(Error::file(&name, format!("expected at least one example, found {found}")));
            }
            Ok(items)
        })
    }

    /// The whole text of a small file, without a byte order mark.
    ///
    /// # Errors
    /// A file that cannot be read to its end or is not UTF-8.
    pub fn text(self) -> Result<String, Error> {
        let Self { name, mut reader, .. } = self;
        let mut text = Vec::new();
        reader.read_to_end(&mut text).map_err(|source| unreadable(&name, source))?;
        match String::from_utf8(text) {
            Ok(text) => Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text)),
            Err(error) => {
                let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
                Err(Error::line(name, count_lines(good) + 1, NOT_UTF8))
            }
        }
    }
}

impl fmt::Debug for Source<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source").field("name", &self.name).finish_non_exhaustive()
    }
}

const NOT_UTF8: &str = "expected text in UTF-8, found other bytes";

/// All bytes of a file, decompressed.
pub(crate) fn read_bytes(path: &Path) -> Result<Vec<u8>, Error> {
    let (name, mut reader) = open(path)?;
    let mut bytes = Vec::new();
    reader.read_to_end(&mut bytes).map_err(|source| unreadable(&name, source))?;
    Ok(bytes)
}

/// The name of a file in messages.
pub(crate) fn display_name(path: &Path) -> String {
    if path == Path::new("-") { "standard input".to_owned() } else { path.display().to_string() }
}

fn open(path: &Path) -> Result<(String, Box<dyn Read + Send>), Error> {
    let name = display_name(path);
    let io_error = |source| Error::Io { file: name.clone(), source };
    let mut raw: Box<dyn Read + Send> = if path == Path::new("-") {
        Box::new(io::stdin())
    } else {
        let file = File::open(path).map_err(io_error)?;
        if file.metadata().map_err(io_error)?.is_dir() {
            return Err(Error::file(name, "expected a file, found a directory"));
        }
        Box::new(file)
    };
    let mut magic = Vec::new();
    raw.by_ref().take(4).read_to_end(&mut magic).map_err(io_error)?;
    let (gzip, zstd) = (magic.starts_with(&[0x1f, 0x8b]), magic == [0x28, 0xb5, 0x2f, 0xfd]);
    let whole = Cursor::new(magic).chain(raw);
    let reader: Box<dyn Read + Send> = if gzip {
        Box::new(MultiGzDecoder::new(io::BufReader::with_capacity(64 << 10, whole)))
    } else if zstd {
        unpack_zstd(whole).map_err(|message| Error::file(&name, message))?
    } else {
        Box::new(whole)
    };
    Ok((name, reader))
}

#[cfg(feature = "zst")]
fn unpack_zstd(reader: impl Read + Send + 'static) -> Result<Box<dyn Read + Send>, String> {
    let decoder = zstd::Decoder::new(reader).map_err(|error| error.to_string())?;
    Ok(Box::new(decoder))
}

#[cfg(not(feature = "zst"))]
fn unpack_zstd(_: impl Read + Send + 'static) -> Result<Box<dyn Read + Send>, String> {
    Err("this is a zstd archive, which only a program built with the feature `zst` reads".to_owned())
}

/// Sorts damage to an archive from trouble with the disk.
fn unreadable(name: &str, source: io::Error) -> Error {
    match source.kind() {
        io::ErrorKind::UnexpectedEof => Error::file(name, "the compressed data end too early: the file is truncated"),
        io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => {
            Error::file(name, format!("the file is damaged: {source}"))
        }
        _ => Error::Io { file: name.to_owned(), source },
    }
}

/// Cuts what is read into blocks that end with a line break (the last one need not) and sends them on, until the end,
/// the first error, or nobody listening.
fn send_blocks(mut reader: impl Read, sender: &mpsc::SyncSender<io::Result<Vec<u8>>>) {
    let mut rest = Vec::new();
    let mut first = true;
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
        if std::mem::take(&mut first) && block.starts_with("\u{feff}".as_bytes()) {
            block.drain(..3);
        }
        let done = read < wanted;
        let end = if done {
            block.len()
        } else {
            match block.iter().rposition(|&byte| byte == b'\n') {
                Some(at) => at + 1,
                None if block.len() > LONGEST_LINE => {
                    let error = io::Error::new(io::ErrorKind::InvalidData, "a line is longer than 1 GiB");
                    return drop(sender.send(Err(error)));
                }
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

/// What a block held. With an error, `lines` is the number of the bad line within the block.
struct Parsed<T> {
    items: Vec<T>,
    lines: u64,
    bytes: u64,
    error: Option<String>,
}

fn parse_block<T>(block: &[u8], parse: &impl Fn(&str) -> Result<Option<T>, String>) -> Parsed<T> {
    let mut parsed = Parsed { items: Vec::new(), lines: 0, bytes: block.len() as u64, error: None };
    // Lines before the first bad byte are parsed first: one of them may be bad as well.
    let (text, not_utf8) = match str::from_utf8(block) {
        Ok(text) => (text, false),
        Err(error) => {
            let good = str::from_utf8(&block[..error.valid_up_to()]).unwrap_or_default();
            (&good[..good.rfind('\n').map_or(0, |at| at + 1)], true)
        }
    };
    for line in text.split_terminator('\n') {
        parsed.lines += 1;
        let line = line.strip_suffix('\r').unwrap_or(line);
        let item = if line.as_bytes().contains(&0) {
            Err("expected text, found a NUL character".to_owned())
        } else {
            parse(line)
        };
        match item {
            Ok(item) => parsed.items.extend(item),
            Err(message) => {
                parsed.error = Some(message);
                return parsed;
            }
        }
    }
    if not_utf8 {
        parsed.lines += 1;
        parsed.error = Some(NOT_UTF8.to_owned());
    }
    parsed
}

fn count_lines(bytes: &[u8]) -> u64 {
    bytes.iter().filter(|&&byte| byte == b'\n').count() as u64
}
