//! The model file. Only this module knows its layout, and only this module uses `bincode`.
//!
//! | bytes | |
//! |---|---|
//! | 8 | the magic `CROSSCUT` |
//! | 4 | version of this layout |
//! | 4 + length | the task's name |
//! | 4 | [`Application::SCHEMA`] |
//! | 8 | length of the payload |
//! | | the payload: task, w, settings, certificate as `bincode` (legacy configuration) writes them |
//! | 4 | CRC-32 of all bytes before |
//!
//! Numbers are little-endian. Equal models give equal bytes. `bincode` has no schema evolution: whoever changes
//! [`Settings`] or [`Certificate`] raises [`VERSION`] and keeps a reader for the older layout.

use std::fmt;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use bincode::Decode;
use bincode::config::{Configuration, Fixint, Limit, LittleEndian};
use bincode::de::read::{Reader, SliceReader};
use bincode::de::{Decoder, DecoderImpl};
use bincode::error::DecodeError;
use bincode::serde::Compat;
use crosscut::{Certificate, Model, Settings};
use serde::de::DeserializeOwned;

use crate::application::Application;
use crate::error::Error;
use crate::output;
use crate::source::{display_name, read_bytes};

/// The newest layout, the one that is written.
pub const VERSION: u32 = 2;

const MAGIC: [u8; 8] = *b"CROSSCUT";
/// No payload is longer than this (256 GiB).
const LIMIT: usize = 1 << 38;
const CONFIG: Configuration<LittleEndian, Fixint, Limit<LIMIT>> = bincode::config::legacy().with_limit::<LIMIT>();

/// Writes a model as a whole or not at all.
///
/// # Errors
/// [`Error::Write`].
pub fn save<A: Application>(model: &Model<A>, path: &Path) -> Result<(), Error> {
    output::replace(path, |out| write(model, out))
}

/// The bytes of a model file, checked. What they mean is known once the task's name has led to its type.
pub struct Stored {
    path: PathBuf,
    task: String,
    bytes: Vec<u8>,
}

impl Stored {
    /// Reads a file; `-` is standard input.
    ///
    /// # Errors
    /// What is not a model, is damaged, or was written by a newer program.
    pub fn open(path: &Path) -> Result<Self, Error> {
        Self::from_bytes(path, read_bytes(path)?)
    }

    /// Takes the bytes of a file that have been read already; `path` is for messages.
    ///
    /// # Errors
    /// Those of [`open`](Self::open) that are about the bytes.
    pub fn from_bytes(path: &Path, bytes: Vec<u8>) -> Result<Self, Error> {
        match Container::read(&bytes) {
            Ok(container) => Ok(Self { path: path.to_owned(), task: container.task.to_owned(), bytes }),
            Err(message) => Err(Error::file(display_name(path), message)),
        }
    }

    /// The file it was read from.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The name of the task it belongs to.
    pub fn task(&self) -> &str {
        &self.task
    }

    /// The model of the task `A`.
    ///
    /// # Errors
    /// Another task's model; a payload that does not fit together.
    pub fn load<A: Application>(self) -> Result<Model<A>, Error> {
        read(&self.bytes).map_err(|message| Error::file(display_name(&self.path), message))
    }
}

impl fmt::Debug for Stored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stored").field("path", &self.path).field("task", &self.task).finish_non_exhaustive()
    }
}

/// Writes the bytes of a model file.
///
/// # Errors
/// Those of `out`.
pub fn write<A: Application>(model: &Model<A>, out: &mut dyn Write) -> io::Result<()> {
    let payload = (&model.task, &model.w, &model.settings, &model.certificate);
    let mut length = Counter(0);
    bincode::serde::encode_into_std_write(payload, &mut length, CONFIG).map_err(io::Error::other)?;

    let mut out = BufWriter::with_capacity(64 << 10, Summed { out, crc: crc32fast::Hasher::new() });
    out.write_all(&MAGIC)?;
    out.write_all(&VERSION.to_le_bytes())?;
    out.write_all(&(A::NAME.len() as u32).to_le_bytes())?;
    out.write_all(A::NAME.as_bytes())?;
    out.write_all(&A::SCHEMA.to_le_bytes())?;
    out.write_all(&length.0.to_le_bytes())?;
    bincode::serde::encode_into_std_write(payload, &mut out, CONFIG).map_err(|error| match error {
        bincode::error::EncodeError::Io { inner, .. } => inner,
        other => io::Error::other(other),
    })?;
    let Summed { out, crc } = out.into_inner().map_err(io::IntoInnerError::into_error)?;
    out.write_all(&crc.finalize().to_le_bytes())
}

fn read<A: Application>(bytes: &[u8]) -> Result<Model<A>, String> {
    let container = Container::read(bytes)?;
    if container.task != A::NAME {
        return Err(format!("expected a model of the task `{}`, found one of the task `{}`", A::NAME, container.task));
    }
    if container.schema != A::SCHEMA {
        return Err(format!(
            "expected version {} of the models of `{}`, found version {}",
            A::SCHEMA,
            A::NAME,
            container.schema
        ));
    }
    type Payload<A> = (A, Vec<f64>, Settings, Certificate);
    let (task, w, settings, certificate): Payload<A> = decode(container.payload)?;
    if w.len() != task.dim() {
        return Err(format!("the model is damaged: {} weights for {} dimensions", w.len(), task.dim()));
    }
    if let Some(at) = w.iter().position(|weight| !weight.is_finite()) {
        return Err(format!("the model is damaged: weight {at} is not a finite number"));
    }
    Ok(Model { task, w, settings, certificate })
}

/// What a payload describes, which must be all of it.
///
/// A text is allocated by the length that it claims, before it is read. `bincode` has a limit for what is claimed, but as a constant; so
/// whatever the payload is shorter than that is claimed first, and nothing in it can claim more than its length.
fn decode<T: DeserializeOwned>(payload: &[u8]) -> Result<T, String> {
    let damaged = |error: DecodeError| format!("the model is damaged: {error}");
    let mut decoder = DecoderImpl::new(SliceReader::new(payload), CONFIG, ());
    let rest = LIMIT.checked_sub(payload.len()).ok_or_else(|| damaged(DecodeError::LimitExceeded))?;
    decoder.claim_bytes_read(rest).map_err(damaged)?;
    let Compat(value) = Decode::decode(&mut decoder).map_err(damaged)?;
    match decoder.reader().peek_read(1) {
        None => Ok(value),
        Some(_) => Err("the model is damaged: its payload is longer than what it describes".to_owned()),
    }
}

/// What stands around the payload, checked.
struct Container<'b> {
    task: &'b str,
    schema: u32,
    payload: &'b [u8],
}

impl<'b> Container<'b> {
    fn read(bytes: &'b [u8]) -> Result<Self, String> {
        let Some(mut rest) = bytes.strip_prefix(&MAGIC) else {
            return Err("expected a Crosscut model, found something else".to_owned());
        };
        match take_u32(&mut rest)? {
            VERSION => {}
            version if version > VERSION => {
                return Err(format!(
                    "the model was written by a newer program (layout {version}, this one reads up to {VERSION})"
                ));
            }
            1 => return Err("the model is of layout 1, from before release 0.1.0: train it again".to_owned()),
            version => return Err(format!("the model is damaged: there is no layout {version}")),
        }
        let length = take_u32(&mut rest)?;
        let task = take(&mut rest, u64::from(length))?;
        let schema = take_u32(&mut rest)?;
        let length = u64::from_le_bytes(take_array(&mut rest)?);
        let payload = take(&mut rest, length)?;
        let sum = take_u32(&mut rest)?;
        if !rest.is_empty() {
            return Err(format!("the model is damaged: {} bytes follow its end", rest.len()));
        }
        if crc32fast::hash(&bytes[..bytes.len() - 4]) != sum {
            return Err("the model is damaged: its checksum does not match".to_owned());
        }
        let task = str::from_utf8(task).map_err(|_| "the model is damaged: its task has no name".to_owned())?;
        Ok(Self { task, schema, payload })
    }
}

fn take<'b>(rest: &mut &'b [u8], length: u64) -> Result<&'b [u8], String> {
    let split = usize::try_from(length).ok().and_then(|length| rest.split_at_checked(length));
    let (head, tail) = split.ok_or_else(|| "the model is truncated or damaged: its end is missing".to_owned())?;
    *rest = tail;
    Ok(head)
}

fn take_array<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], String> {
    let mut array = [0; N];
    array.copy_from_slice(take(rest, N as u64)?);
    Ok(array)
}

fn take_u32(rest: &mut &[u8]) -> Result<u32, String> {
    Ok(u32::from_le_bytes(take_array(rest)?))
}

/// Counts what is written.
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

/// Keeps the checksum of what is written.
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::fake::{Other, Sign, model};

    fn bytes(model: &Model<Sign>) -> Vec<u8> {
        let mut bytes = Vec::new();
        write(model, &mut bytes).unwrap();
        bytes
    }

    /// The same container around another payload, with a checksum that fits.
    fn forge(payload: &[u8]) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend(VERSION.to_le_bytes());
        bytes.extend((Sign::NAME.len() as u32).to_le_bytes());
        bytes.extend(Sign::NAME.as_bytes());
        bytes.extend(Sign::SCHEMA.to_le_bytes());
        bytes.extend((payload.len() as u64).to_le_bytes());
        bytes.extend(payload);
        bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
        bytes
    }

    #[test]
    fn a_model_survives_the_file_and_equal_models_give_equal_bytes() {
        let home = tempfile::tempdir().unwrap();
        let model = model(vec![0.25, -1e300, f64::MIN_POSITIVE, -0.0]);
        for name in ["model", "model.gz"] {
            let path = home.path().join(name);
            save(&model, &path).unwrap();
            let stored = Stored::open(&path).unwrap();
            assert_eq!(stored.task(), Sign::NAME);
            assert_eq!(stored.load::<Sign>().unwrap(), model);
        }
        assert_eq!(std::fs::read(home.path().join("model")).unwrap(), bytes(&model));
    }

    #[test]
    fn another_tasks_model_is_refused_with_both_names() {
        let message = read::<Other>(&bytes(&model(vec![1.0]))).unwrap_err();
        assert_eq!(message, "expected a model of the task `other`, found one of the task `sign`");
    }

    #[test]
    fn what_is_not_a_model_is_refused() {
        let newer = [&MAGIC[..], &(VERSION + 1).to_le_bytes()].concat();
        let older = [&MAGIC[..], &1_u32.to_le_bytes()].concat();
        let table: [(&[u8], &str); 6] = [
            (b"", "expected a Crosscut model"),
            (b"1 1:1\n", "expected a Crosscut model"),
            (b"CROSSCU", "expected a Crosscut model"),
            (b"CROSSCUT", "truncated"),
            (&older, "of layout 1, from before release 0.1.0: train it again"),
            (&newer, "written by a newer program (layout 3, this one reads up to 2)"),
        ];
        for (bytes, expected) in table {
            let message = read::<Sign>(bytes).unwrap_err();
            assert!(message.contains(expected), "{message}");
        }
    }

    #[test]
    fn payloads_that_do_not_fit_are_refused_without_being_allocated() {
        let good = model(vec![1.0, 2.0]);
        let encode = |w: &[f64]| {
            bincode::serde::encode_to_vec((&good.task, w, &good.settings, &good.certificate), CONFIG).unwrap()
        };
        assert!(read::<Sign>(&forge(&encode(&[1.0, 2.0]))).is_ok());
        assert!(read::<Sign>(&forge(&encode(&[1.0]))).unwrap_err().contains("1 weights for 2 dimensions"));
        assert!(read::<Sign>(&forge(&encode(&[1.0, f64::NAN]))).unwrap_err().contains("weight 1 is not a finite"));
        let longer = [encode(&[1.0, 2.0]), vec![0]].concat();
        assert!(read::<Sign>(&forge(&longer)).unwrap_err().contains("longer than what it describes"));
        // The task has 4 weights; then w claims 2^60 of them.
        let task = bincode::serde::encode_to_vec(&model(vec![0.0; 4]).task, CONFIG).unwrap();
        for claimed in [5, 1 << 30, 1 << 37, 1 << 60, u64::MAX] {
            let absurd = [&task[..], &u64::to_le_bytes(claimed), &[0; 32]].concat();
            assert!(read::<Sign>(&forge(&absurd)).unwrap_err().contains("damaged"));
        }
    }

    #[test]
    fn texts_and_lists_that_claim_more_than_there_is_are_refused_without_being_allocated() {
        // Any of these would abort if it were allocated, and so would many small ones that add up.
        for claimed in [9, 1 << 36, (1 << 38) - 9, 1 << 38, 1 << 60, u64::MAX] {
            let claim = |before: &[u8]| [before, &u64::to_le_bytes(claimed), b"12345678"].concat();
            assert!(decode::<String>(&claim(b"")).unwrap_err().contains("damaged"));
            assert!(decode::<Box<str>>(&claim(b"")).is_err());
            assert!(decode::<(u32, Vec<String>)>(&[&[0; 4][..], &claim(&1_u64.to_le_bytes())].concat()).is_err());
            assert!(decode::<Vec<f64>>(&claim(b"")).is_err());
        }
        assert_eq!(decode::<String>(&[&8_u64.to_le_bytes()[..], b"12345678"].concat()), Ok("12345678".to_owned()));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(w in prop::collection::vec(-1e9..1e9_f64, 0..40)) {
            let model = model(w);
            prop_assert_eq!(read::<Sign>(&bytes(&model)).unwrap(), model);
        }

        #[test]
        fn any_flipped_bit_or_missing_end_is_refused(at in any::<prop::sample::Index>(), bit in 0..8_u32) {
            let good = bytes(&model(vec![1.0, -2.0, 3.0]));
            let at = at.index(good.len());
            let mut flipped = good.clone();
            flipped[at] ^= 1 << bit;
            prop_assert!(read::<Sign>(&flipped).is_err());
            prop_assert!(read::<Sign>(&good[..at]).is_err());
            prop_assert!(read::<Sign>(&[&good[..], &good[..at]].concat()).is_err() || at == 0);
        }
    }
}
