//! [`open`]: the bytes of a file or of standard input, out of whatever archive they are in.

use std::fs::File;
use std::io::{self, BufRead, Cursor, Read};
use std::path::Path;

use flate2::bufread::GzDecoder;

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
    for (head, kind, program) in [
        (&b"BZh"[..], "a bzip2", "bunzip2"),
        (b"\xfd7zX", "an xz", "unxz"),
        (b"PK\x03\x04", "a zip", "unzip"),
    ] {
        if magic.starts_with(head) {
            let message = format!(
                "this is {kind} archive, which Crosscut does not read: unpack it with {program}, or pack it with gzip"
            );
            return Err(Error::file(name, message));
        }
    }
    let whole = Cursor::new(magic).chain(raw);
    let reader: Box<dyn Read + Send> = if gzip {
        Box::new(Members::new(io::BufReader::with_capacity(64 << 10, whole)))
    } else if zstd {
        unpack_zstd(whole).map_err(|message| Error::file(&name, message))?
    } else {
        Box::new(whole)
    };
    Ok((name, reader))
}

/// The members of a gzip file, one after the other. Zeros after them are padding (tapes and
/// downloads leave it).
struct Members<R>(Option<GzDecoder<R>>);

impl<R: BufRead> Members<R> {
    fn new(packed: R) -> Self {
        Self(Some(GzDecoder::new(packed)))
    }
}

impl<R: BufRead> Read for Members<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(member) = &mut self.0 {
            let read = member.read(buffer)?;
            if read > 0 || buffer.is_empty() {
                return Ok(read);
            }
            let Some(mut packed) = self.0.take().map(GzDecoder::into_inner) else { break };
            let first = loop {
                let bytes = packed.fill_buf()?;
                let zeros = bytes.iter().take_while(|&&byte| byte == 0).count();
                match bytes.get(zeros) {
                    Some(&byte) => break Some((byte, zeros)),
                    None if bytes.is_empty() => break None,
                    None => packed.consume(zeros),
                }
            };
            match first {
                None => break,
                Some((0x1f, 0)) => self.0 = Some(GzDecoder::new(packed)),
                Some(_) => {
                    let message = "other bytes follow the compressed data";
                    return Err(io::Error::new(io::ErrorKind::InvalidData, message));
                }
            }
        }
        Ok(0)
    }
}

#[cfg(feature = "zst")]
fn unpack_zstd(reader: impl Read + Send + 'static) -> Result<Box<dyn Read + Send>, String> {
    let decoder = zstd::Decoder::new(reader).map_err(|error| error.to_string())?;
    Ok(Box::new(decoder))
}

#[cfg(not(feature = "zst"))]
fn unpack_zstd(_: impl Read + Send + 'static) -> Result<Box<dyn Read + Send>, String> {
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
        _ => Error::Io { file: name.to_owned(), source },
    }
}
