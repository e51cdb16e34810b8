//! The layout of binary files around their payload: a magic number, versions, the task's name, a
//! checksum. Only this module uses `bincode`.
//!
//! | bytes | |
//! |---|---|
//! | 8 | the magic of the kind of file |
//! | 4 | version of this layout and of the payload |
//! | 4 + length | the task's name |
//! | 4 | [`Format::SCHEMA`] |
//! | 8 | length of the payload |
//! | | the payload |
//! | 4 | CRC-32 of all bytes before |
//!
//! Numbers are little-endian.

use std::io::{self, BufWriter, Read, Write};
use std::vec;

use bincode::Decode;
use bincode::config::{Configuration, Fixint, Limit, LittleEndian};
use bincode::de::read::{Reader, SliceReader};
use bincode::de::{Decoder, DecoderImpl};
use bincode::error::DecodeError;
use bincode::serde::Compat;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::format::Format;

/// No payload is longer than this (256 GiB).
const LIMIT: usize = 1 << 38;
const CONFIG: Configuration<LittleEndian, Fixint, Limit<LIMIT>> =
    bincode::config::legacy().with_limit::<LIMIT>();

/// A kind of file.
pub(crate) struct Kind {
    /// The word for it in messages.
    pub name: &'static str,
    pub magic: [u8; 8],
    /// The newest version. Files are written in this version.
    pub version: u32,
}

/// The task that a file belongs to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Identity {
    task: &'static str,
    schema: u32,
}

impl Identity {
    pub const fn of<F: Format>() -> Self {
        Self { task: F::NAME, schema: F::SCHEMA }
    }
}

/// What stands before the payload of a file.
pub(crate) struct Header<'b> {
    pub task: &'b str,
    pub schema: u32,
    /// Its own length in bytes.
    length: usize,
    /// The word for the file in messages.
    pub name: &'static str,
}

/// The parts of a file whose checksum is right.
pub(crate) struct Container<'b> {
    pub header: Header<'b>,
    pub payload: &'b [u8],
}

/// The bytes of a file in blocks, so that memory can be given back while they are decoded.
#[derive(Debug, Default)]
pub(crate) struct Blocks(Vec<Vec<u8>>);

/// Writes a file around the payload that `write` writes. Calls `write` twice, first to count bytes,
/// since the length comes before the payload; both calls must write the same.
pub(crate) fn write(
    kind: &Kind,
    of: Identity,
    out: &mut dyn Write,
    write: &dyn Fn(&mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    let mut length = Counter(0);
    write(&mut length)?;
    let mut out = BufWriter::with_capacity(64 << 10, Summed { out, crc: crc32fast::Hasher::new() });
    out.write_all(&kind.magic)?;
    out.write_all(&kind.version.to_le_bytes())?;
    out.write_all(&(of.task.len() as u32).to_le_bytes())?;
    out.write_all(of.task.as_bytes())?;
    out.write_all(&of.schema.to_le_bytes())?;
    out.write_all(&length.0.to_le_bytes())?;
    write(&mut out)?;
    let Summed { out, crc } = out.into_inner().map_err(io::IntoInnerError::into_error)?;
    out.write_all(&crc.finalize().to_le_bytes())
}

/// Writes a value as `bincode` (legacy configuration) does. Equal values give equal bytes.
pub(crate) fn encode(value: impl Serialize, mut out: &mut dyn Write) -> io::Result<()> {
    use bincode::error::EncodeError;
    let written = bincode::serde::encode_into_std_write(value, &mut out, CONFIG);
    written.map(drop).map_err(|error| match error {
        EncodeError::Io { inner, .. } => inner,
        EncodeError::OtherString(message) => io::Error::other(message),
        other => io::Error::other(other),
    })
}

/// The CRC-32 of the bytes that [`encode`] writes.
pub(crate) fn checksum(value: impl Serialize) -> io::Result<u32> {
    let mut sum = Summed { out: &mut io::sink(), crc: crc32fast::Hasher::new() };
    encode(value, &mut sum)?;
    Ok(sum.crc.finalize())
}

impl<'b> Header<'b> {
    /// Parses the beginning of a file of `total` bytes, which holds at least the header. If the
    /// file is one of the kinds `others`, the error names that kind.
    fn read(bytes: &'b [u8], total: usize, kind: &Kind, others: &[&Kind]) -> Result<Self, String> {
        let name = kind.name;
        let Some(mut rest) = bytes.strip_prefix(&kind.magic) else {
            let other = others.iter().find(|other| bytes.starts_with(&other.magic));
            // The first line of their models names program and version.
            let of_svmstruct = bytes.starts_with(b"SVM-");
            let found = match other {
                Some(other) => format!("a {}", other.name),
                None if of_svmstruct => "a text model of SVM^struct or SVM^light, which svm_rank_classify, svm_hmm_classify \
                                         and svm_multiclass_classify read"
                    .to_owned(),
                None => "something else".to_owned(),
            };
            return Err(format!("expected a Crosscut {name}, found {found}"));
        };
        match take_u32(&mut rest, name)? {
            version if version == kind.version => {}
            version if version > kind.version => {
                return Err(format!(
                    "the {name} was written by a newer program (layout {version}, this one reads up to {})",
                    kind.version
                ));
            }
            0 => return Err(format!("the {name} is damaged: there is no layout 0")),
            version => {
                return Err(format!(
                    "the {name} is of layout {version}, from before release 0.1.0: train it again"
                ));
            }
        }
        let length = take_u32(&mut rest, name)?;
        let task = take(&mut rest, u64::from(length), name)?;
        let schema = take_u32(&mut rest, name)?;
        let payload = u64::from_le_bytes(take_array(&mut rest, name)?);
        let length = bytes.len() - rest.len();
        let after = (total - length) as u64;
        let Some(beyond) = payload.checked_add(SUM as u64).and_then(|used| after.checked_sub(used))
        else {
            return Err(truncated(name));
        };
        if beyond > 0 {
            return Err(format!("the {name} is damaged: {beyond} bytes follow its end"));
        }
        let task = str::from_utf8(task)
            .map_err(|_| format!("the {name} is damaged: its task has no name"))?;
        Ok(Self { task, schema, length, name })
    }

    /// Refuses a file of another task or of another version of it.
    pub fn check(&self, of: Identity) -> Result<(), String> {
        let Self { task, schema, name, .. } = *self;
        if task != of.task {
            return Err(format!(
                "expected a {name} of the task `{}`, found one of the task `{task}`",
                of.task
            ));
        }
        if schema != of.schema {
            return Err(format!(
                "expected version {} of the {name}s of `{task}`, found version {schema}",
                of.schema
            ));
        }
        Ok(())
    }
}

impl<'b> Container<'b> {
    /// Parses a file of a kind. If it is one of `others`, the error names that kind.
    pub fn read(bytes: &'b [u8], kind: &Kind, others: &[&Kind]) -> Result<Self, String> {
        let header = Header::read(bytes, bytes.len(), kind, others)?;
        check_sum(&[bytes], kind.name)?;
        let payload = &bytes[header.length..bytes.len() - SUM];
        Ok(Self { header, payload })
    }

    /// Decodes the rest of a payload, all of which must be used.
    pub fn decode<T: DeserializeOwned>(&self, payload: &[u8]) -> Result<T, String> {
        decode_all(payload, self.header.name)
    }
}

impl Blocks {
    /// Length of all blocks but the last one, in bytes. A header is shorter. Allocators give larger
    /// blocks a mapping of their own, but then more and more of what is smaller no longer gets one.
    const LENGTH: usize = if cfg!(test) { 200 } else { 256 << 10 };

    /// Reads to the end.
    ///
    /// # Errors
    /// Those of `reader`.
    pub fn read(mut reader: impl Read) -> io::Result<Self> {
        let mut blocks = Vec::new();
        loop {
            let mut block = Vec::with_capacity(Self::LENGTH);
            let read = reader.by_ref().take(Self::LENGTH as u64).read_to_end(&mut block)?;
            blocks.push(block);
            if read < Self::LENGTH {
                return Ok(Self(blocks));
            }
        }
    }

    /// Number of bytes.
    pub fn len(&self) -> usize {
        self.0.iter().map(Vec::len).sum()
    }

    /// The last four bytes, which are the checksum of a file.
    pub fn sum(&self) -> u32 {
        let last = self.0.iter().rev().flat_map(|block| block.iter().rev());
        last.take(SUM).fold(0, |sum, &byte| sum << 8 | u32::from(byte))
    }

    /// The header of a file of a kind, whose checksum is right. See [`Container::read`].
    pub fn header(&self, kind: &Kind, others: &[&Kind]) -> Result<Header<'_>, String> {
        let header = Header::read(self.first(), self.len(), kind, others)?;
        check_sum(&self.0, kind.name)?;
        Ok(header)
    }

    /// Decodes the payload of a file of the task `of`, all of which must be used. The checksum is not
    /// looked at again. Memory of blocks is given back once they have been read.
    pub fn decode<T: DeserializeOwned>(self, kind: &Kind, of: Identity) -> Result<T, String> {
        let header = Header::read(self.first(), self.len(), kind, &[])?;
        header.check(of)?;
        let (at, left) = (header.length, self.len() - header.length - SUM);
        let mut blocks = self.0.into_iter();
        let block = blocks.next().unwrap_or_default();
        let mut reader = BlockReader { blocks, block, at, left };
        let value = decode(&mut reader, left, kind.name)?;
        check_used(reader.left, kind.name).map(|()| value)
    }

    fn first(&self) -> &[u8] {
        self.0.first().map_or(&[], Vec::as_slice)
    }
}

impl From<Vec<u8>> for Blocks {
    fn from(bytes: Vec<u8>) -> Self {
        Self(vec![bytes])
    }
}

/// Bytes of blocks, each of which is freed once it has been read.
struct BlockReader {
    blocks: vec::IntoIter<Vec<u8>>,
    block: Vec<u8>,
    /// Number of bytes read of `block`.
    at: usize,
    /// Number of bytes not read yet.
    left: usize,
}

impl Reader for BlockReader {
    #[inline]
    fn read(&mut self, mut bytes: &mut [u8]) -> Result<(), DecodeError> {
        let missing = bytes.len().saturating_sub(self.left);
        if missing > 0 {
            return Err(DecodeError::UnexpectedEnd { additional: missing });
        }
        self.left -= bytes.len();
        while !bytes.is_empty() {
            if self.at == self.block.len() {
                self.block = self.blocks.next().unwrap_or_default();
                self.at = 0;
            }
            let length = bytes.len().min(self.block.len() - self.at);
            let (head, rest) = bytes.split_at_mut(length);
            head.copy_from_slice(&self.block[self.at..][..length]);
            self.at += length;
            bytes = rest;
        }
        Ok(())
    }
}

/// Decodes a value from what [`encode`] has written, all of which must be used. `name` is the word
/// for the bytes in messages.
pub(crate) fn decode_all<T: DeserializeOwned>(bytes: &[u8], name: &str) -> Result<T, String> {
    let mut reader = SliceReader::new(bytes);
    let value = decode(&mut reader, bytes.len(), name)?;
    check_used(usize::from(reader.peek_read(1).is_some()), name).map(|()| value)
}

/// Decodes a value from a payload of `length` bytes.
///
/// `bincode` allocates a text by its claimed length before reading it. Its limit on claimed bytes is
/// a constant, so this function first claims the limit less the length of the payload. After that
/// nothing in the payload can claim more bytes than the payload has.
fn decode<T: DeserializeOwned>(
    reader: impl Reader,
    length: usize,
    name: &str,
) -> Result<T, String> {
    let damaged = |error: DecodeError| format!("the {name} is damaged: {error}");
    let mut decoder = DecoderImpl::new(reader, CONFIG, ());
    let rest = LIMIT.checked_sub(length).ok_or_else(|| damaged(DecodeError::LimitExceeded))?;
    decoder.claim_bytes_read(rest).map_err(damaged)?;
    let Compat(value) = Decode::decode(&mut decoder).map_err(damaged)?;
    Ok(value)
}

/// Refuses a payload of which `left` bytes are left once all of it should have been used.
fn check_used(left: usize, name: &str) -> Result<(), String> {
    match left {
        0 => Ok(()),
        _ => Err(format!("the {name} is damaged: its payload is longer than what it describes")),
    }
}

/// Length of a checksum.
const SUM: usize = size_of::<u32>();

/// Checks the checksum at the end of a file.
fn check_sum(blocks: &[impl AsRef<[u8]>], name: &str) -> Result<(), String> {
    /// The CRC-32 of any text that is followed by its CRC-32.
    const RESIDUE: u32 = 0x2144_df1c;
    let mut sum = crc32fast::Hasher::new();
    blocks.iter().for_each(|block| sum.update(block.as_ref()));
    match sum.finalize() {
        RESIDUE => Ok(()),
        _ => Err(format!("the {name} is damaged: its checksum does not match")),
    }
}

fn truncated(name: &str) -> String {
    format!("the {name} is truncated or damaged: its end is missing")
}

/// Takes the next `length` bytes.
pub(crate) fn take<'b>(rest: &mut &'b [u8], length: u64, name: &str) -> Result<&'b [u8], String> {
    let split = usize::try_from(length).ok().and_then(|length| rest.split_at_checked(length));
    let (head, tail) = split.ok_or_else(|| truncated(name))?;
    *rest = tail;
    Ok(head)
}

pub(crate) fn take_u32(rest: &mut &[u8], name: &str) -> Result<u32, String> {
    Ok(u32::from_le_bytes(take_array(rest, name)?))
}

fn take_array<const N: usize>(rest: &mut &[u8], name: &str) -> Result<[u8; N], String> {
    let mut array = [0; N];
    array.copy_from_slice(take(rest, N as u64, name)?);
    Ok(array)
}

/// A writer that counts bytes.
struct Counter(u64);

impl Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A writer that keeps the checksum of the bytes written.
struct Summed<'o> {
    out: &'o mut dyn Write,
    crc: crc32fast::Hasher,
}

impl Write for Summed<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.crc.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// A file with this payload and a checksum that fits, for tests.
#[cfg(test)]
pub(crate) fn forge<F: Format>(kind: &Kind, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    write(kind, Identity::of::<F>(), &mut bytes, &|out| out.write_all(payload))
        .expect("memory is there");
    bytes
}
