//! [`Once`]: a file read once, in pieces of whole examples, from first to last.

use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use crate::cutter::{Cut, Cutter};
use crate::encoding::{Decoded, Encoding};
use crate::error::Error;
use crate::monitor::Monitor;
use crate::shared::Shared;
use crate::source::{Source, count_lines};
use crate::unpack;

/// A file, a pipe or standard input in pieces. What is read does not depend on their size.
pub(crate) struct Once {
    /// The name used in messages.
    name: String,
    /// The file as it was opened, before anything is read.
    packed: Option<Box<dyn Read + Send>>,
    encoding: Encoding,
    cutter: Cutter,
    /// Number of lines returned.
    lines: u64,
    /// Number of bytes returned.
    bytes: u64,
    shared: Arc<Shared>,
}

/// A piece of a file.
pub(crate) struct Piece {
    name: String,
    bytes: Vec<u8>,
    /// Number of lines before it.
    before: u64,
    encoding: Encoding,
    shared: Arc<Shared>,
}

impl Piece {
    /// Its text.
    pub fn source(self) -> Source<'static> {
        let Self { name, bytes, before, encoding, shared } = self;
        Source::from_piece(name, bytes, before, encoding).sharing(shared)
    }
}

impl Once {
    /// Opens a file, and reads nothing yet: whoever writes into a pipe may wait until the pipe of the
    /// answers is open too. `-` is standard input. `size` is that of a piece in bytes; `None`: each piece is
    /// an example, and returned as soon as it is complete.
    ///
    /// # Errors
    /// A file that cannot be opened, a directory.
    pub fn open(
        path: &Path,
        encoding: Encoding,
        cut: Cut,
        size: Option<usize>,
    ) -> Result<Self, Error> {
        let (name, packed) = unpack::open_packed(path)?;
        Ok(Self { encoding, ..Self::new(name, packed, cut, size) })
    }

    /// As [`open`](Self::open), for bytes that are at hand.
    pub fn new(name: String, packed: Box<dyn Read + Send>, cut: Cut, size: Option<usize>) -> Self {
        let cutter = Cutter::new(Box::new(io::empty()), cut, size);
        Self {
            name,
            packed: Some(packed),
            encoding: Encoding::default(),
            cutter,
            lines: 0,
            bytes: 0,
            shared: Arc::default(),
        }
    }

    /// The next piece, with the line numbers of the file; `None` after the last one. A piece may
    /// hold no example. Pieces must be read in their order; the next one may be taken before.
    ///
    /// # Errors
    /// A file that cannot be read further; at first, an archive of a kind that is not read.
    pub fn next_piece(&mut self) -> Result<Option<Piece>, Error> {
        if let Some(packed) = self.packed.take() {
            let text = Decoded::new(unpack::unpack(&self.name, packed)?, self.encoding);
            self.cutter.reader = Box::new(text);
        }
        let taken = self.cutter.take().map_err(|error| unpack::unreadable(&self.name, error))?;
        let Some(bytes) = taken else { return Ok(None) };
        let before = self.lines;
        self.lines += count_lines(&bytes);
        self.bytes += bytes.len() as u64;
        let (name, encoding, shared) = (self.name.clone(), self.encoding, Arc::clone(&self.shared));
        Ok(Some(Piece { name, bytes, before, encoding, shared }))
    }

    /// Tells the monitor what was noted and how much was read since the last call.
    pub fn tell(&self, monitor: &mut dyn Monitor) {
        self.shared.take_notes().iter().for_each(|note| monitor.note(note));
        // Whoever asks question by question does not wait for a file to be read.
        if self.cutter.size.is_some() {
            monitor.reading(&self.name, self.bytes);
        }
    }

    /// Tells the monitor what is known only at the end of the file.
    pub fn tell_at_end(&self, monitor: &mut dyn Monitor) {
        self.tell(monitor);
        self.shared.known.message(&self.name).iter().for_each(|note| monitor.note(note));
    }
}
