//! [`open`]: the bytes of a file or of standard input, out of whatever archive they are in.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::mem;
use std::path::Path;

use bzip2::bufread::BzDecoder;
use flate2::bufread::GzDecoder;
use lzma_rust2::{LzmaReader, XzReader};

use crate::error::Error;
use crate::source::display_name;

/// All bytes of a file, decompressed.
pub(crate) fn read_bytes(path: &Path) -> Result<Vec<u8>, Error> {
    let (name, mut reader) = open(path)?;
    let mut bytes = Vec::new();
    reader.read_to_end(&mut bytes).map_err(|source| unreadable(&name, source))?;
    Ok(bytes)
}

/// Opens a file, and returns its name in messages; `-` is standard input. Archives are known by their
/// first bytes.
///
/// # Errors
/// A file that cannot be read, a directory, an archive of a kind that is not read.
pub(crate) fn open(path: &Path) -> Result<(String, Box<dyn Read + Send>), Error> {
    let (name, packed) = open_packed(path)?;
    let reader = unpack(&name, packed)?;
    Ok((name, reader))
}

/// Whether a file that begins with these bytes, 10 or all of them, is an archive.
pub(crate) fn is_packed(head: &[u8]) -> bool {
    Kind::of(head) != Kind::Plain
}

/// Opens a file of which nothing is read yet, packed or not.
///
/// # Errors
/// A file that cannot be opened, a directory.
pub(crate) fn open_packed(path: &Path) -> Result<(String, Box<dyn Read + Send>), Error> {
    let name = display_name(path);
    let io_error = |source| Error::Io { file: name.clone(), source };
    if path == Path::new("-") {
        return Ok((name, Box::new(io::stdin())));
    }
    let file = File::open(path).map_err(io_error)?;
    if file.metadata().map_err(io_error)?.is_dir() {
        return Err(Error::file(name, "expected a file, found a directory"));
    }
    Ok((name, Box::new(file)))
}

/// The bytes that `raw` holds, decompressed if it is an archive; `name` is for messages.
///
/// # Errors
/// A beginning that cannot be read, an archive of a kind that is not read.
pub(crate) fn unpack<'r>(
    name: &str,
    raw: impl Read + Send + 'r,
) -> Result<Box<dyn Read + Send + 'r>, Error> {
    let mut raw = Patient(raw);
    let head = read_head(&mut raw);
    let head = head.map_err(|source| Error::Io { file: name.to_owned(), source })?;
    let kind = Kind::of(&head);
    let packed = Cursor::new(head).chain(BufReader::with_capacity(64 << 10, raw));
    match kind {
        Kind::Plain => Ok(Box::new(packed)),
        Kind::Gzip => Ok(Box::new(Members::<_, GzDecoder<_>>::Next(packed))),
        Kind::Bzip2 => Ok(Box::new(Members::<_, BzDecoder<_>>::Next(packed))),
        Kind::Xz => Ok(Box::new(Members::<_, XzReader<_>>::Next(packed))),
        Kind::Lzma => Ok(Box::new(Members::<_, LzmaReader<_>>::Next(packed))),
        Kind::Zstd => unpack_zstd(packed).map_err(|message| Error::file(name, message)),
        Kind::Zip => {
            let message = "this is a zip archive, which Crosscut does not read: unpack it with unzip, or pack it with gzip";
            Err(Error::file(name, message))
        }
    }
}

/// The first bytes of a file, ten or fewer: no more than needed to see that they are not those of
/// an archive, since a pipe may have no more for now.
fn read_head(reader: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    while head.len() < 10 && Kind::may_become_archive(&head) {
        if reader.by_ref().take(1).read_to_end(&mut head)? == 0 {
            break;
        }
    }
    Ok(head)
}

/// What packed a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Plain,
    Gzip,
    Bzip2,
    Xz,
    Lzma,
    Zstd,
    Zip,
}

impl Kind {
    /// Whether a file that begins so may be an archive that is not recognised yet.
    fn may_become_archive(head: &[u8]) -> bool {
        const HEADS: [&[u8]; 6] =
            [b"BZh", b"\x1f\x8b", b"\xfd7zX", b"\x5d\0\0", b"\x28\xb5\x2f\xfd", b"PK\x03\x04"];
        HEADS.iter().any(|known| known.len() > head.len() && known.starts_with(head))
            || head == b"BZh"
            || Self::of(head) == Self::Bzip2
    }

    /// By the first 10 bytes, or all bytes of a shorter file.
    fn of(head: &[u8]) -> Self {
        match head {
            [0x1f, 0x8b, ..] => Self::Gzip,
            // Text may begin with these letters, but hardly goes on with the mark of a block, or of
            // the end.
            [b'B', b'Z', b'h', b'1'..=b'9', mark @ ..]
                if b"1AY&SY".starts_with(mark) || b"\x17rE8P\x90".starts_with(mark) =>
            {
                Self::Bzip2
            }
            [0xfd, b'7', b'z', b'X', ..] => Self::Xz,
            [0x5d, 0, 0, ..] => Self::Lzma,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Self::Zstd,
            [b'P', b'K', 3, 4, ..] => Self::Zip,
            _ => Self::Plain,
        }
    }
}

/// The members of an archive, one after the other. Zeros after them are padding (tapes and
/// downloads leave it).
enum Members<R, D> {
    /// The next member begins here.
    Next(R),
    Open(D),
    Ended,
    /// There was an error, so what follows is unknown.
    Broken,
}

/// Compressed bytes, the first of them in memory.
type Packed<R> = io::Chain<Cursor<Vec<u8>>, R>;

/// A decoder of one member.
trait Decoder<R>: Read + Sized {
    /// The first byte of a member.
    const FIRST: u8;

    /// Begins with the first byte of a member.
    fn begin(packed: R) -> io::Result<Self>;

    /// What follows the member.
    fn end(self) -> R;
}

/// Memory that a member of an xz archive may take to unpack, in KiB: twice the dictionary of
/// `xz -9`, and the tables.
const MOST_KIB: u32 = 130 << 10;

impl<R: BufRead> Decoder<R> for GzDecoder<R> {
    const FIRST: u8 = 0x1f;

    fn begin(packed: R) -> io::Result<Self> {
        Ok(Self::new(packed))
    }

    fn end(self) -> R {
        self.into_inner()
    }
}

impl<R: BufRead> Decoder<R> for BzDecoder<R> {
    const FIRST: u8 = b'B';

    fn begin(packed: R) -> io::Result<Self> {
        Ok(Self::new(packed))
    }

    fn end(self) -> R {
        self.into_inner()
    }
}

impl<R: BufRead> Decoder<R> for XzReader<R> {
    const FIRST: u8 = 0xfd;

    fn begin(packed: R) -> io::Result<Self> {
        Ok(Self::new_mem_limit(packed, false, MOST_KIB))
    }

    fn end(self) -> R {
        self.into_inner()
    }
}

impl<R: BufRead> Decoder<Packed<R>> for LzmaReader<Packed<R>> {
    const FIRST: u8 = 0x5d;

    fn begin(packed: Packed<R>) -> io::Result<Self> {
        Self::new_mem_limit(packed, MOST_KIB, None)
    }

    fn end(self) -> Packed<R> {
        // This decoder reads ahead.
        let (packed, mut ahead) = self.into_parts();
        let (mut head, rest) = packed.into_inner();
        head.read_to_end(&mut ahead).expect("memory can be read");
        Cursor::new(ahead).chain(rest)
    }
}

impl<R: BufRead, D: Decoder<R>> Read for Members<R, D> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            *self = match mem::replace(self, Self::Broken) {
                Self::Next(packed) => Self::Open(D::begin(packed)?),
                Self::Open(mut member) => {
                    let read = member.read(buffer)?;
                    if read > 0 || buffer.is_empty() {
                        *self = Self::Open(member);
                        return Ok(read);
                    }
                    next(member.end(), D::FIRST)?.map_or(Self::Ended, Self::Next)
                }
                Self::Ended => {
                    *self = Self::Ended;
                    return Ok(0);
                }
                Self::Broken => {
                    return Err(invalid("the data before this could not be unpacked"));
                }
            };
        }
    }
}

/// Passes over padding; `None` at the end of the file.
///
/// # Errors
/// Other bytes than those of another member.
fn next<R: BufRead>(mut packed: R, mark: u8) -> io::Result<Option<R>> {
    loop {
        let bytes = packed.fill_buf()?;
        let zeros = bytes.iter().take_while(|&&byte| byte == 0).count();
        let (first, ended) = (bytes.get(zeros).copied(), bytes.is_empty());
        packed.consume(zeros);
        match first {
            None if ended => return Ok(None),
            None => {}
            Some(first) if first == mark => return Ok(Some(packed)),
            Some(_) => return Err(invalid("other bytes follow the compressed data")),
        }
    }
}

fn invalid(message: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message)
}

/// A reader that goes on after signals: decoders need not expect them.
struct Patient<R>(R);

impl<R: Read> Read for Patient<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.0.read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => return read,
            }
        }
    }
}

#[cfg(feature = "zst")]
fn unpack_zstd<'r>(reader: impl BufRead + Send + 'r) -> Result<Box<dyn Read + Send + 'r>, String> {
    let decoder = zstd::Decoder::with_buffer(reader).map_err(|error| error.to_string())?;
    Ok(Box::new(decoder))
}

#[cfg(not(feature = "zst"))]
fn unpack_zstd<'r>(_: impl BufRead + Send + 'r) -> Result<Box<dyn Read + Send + 'r>, String> {
    Err("this is a zstd archive, which only a program built with the feature `zst` reads"
        .to_owned())
}

/// Distinguishes a damaged archive from an I/O error.
pub(crate) fn unreadable(name: &str, source: io::Error) -> Error {
    match source.kind() {
        io::ErrorKind::UnexpectedEof => {
            Error::file(name, "the compressed data end too early: the file is truncated")
        }
        io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => {
            Error::file(name, format!("the file is damaged: {source}"))
        }
        io::ErrorKind::Unsupported => {
            Error::file(name, format!("this kind of xz archive is not read: {source}"))
        }
        // Only decoders count memory.
        io::ErrorKind::OutOfMemory => {
            let message =
                "expected a dictionary of at most 128 MiB in an xz archive, found a larger one";
            Error::file(name, message)
        }
        _ => Error::Io { file: name.to_owned(), source },
    }
}
