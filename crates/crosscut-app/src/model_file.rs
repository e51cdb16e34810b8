//! The model file. Only this module knows its payload: task, w (if that is shorter, only what is not
//! zero), settings, certificate, prior weights that are not zero, and lower bounds, in the layout of
//! `container.rs`.
//!
//! Equal models give equal bytes. `bincode` has no schema evolution: a change of [`Settings`] or
//! [`Certificate`] must raise [`VERSION`] and keep a reader for the older layout.

use std::borrow::Cow;
use std::fmt;
use std::io::{self, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::slice;

use crosscut::{Certificate, Model, Regulariser, Settings, Task};
use serde::{Deserialize, Serialize};

use crate::checkpoint;
use crate::container::{self, Blocks, Identity, Kind};
use crate::error::Error;
use crate::format::Format;
use crate::output;
use crate::source::display_name;
use crate::unpack;

/// The newest version of the layout. Models are written in this version.
pub const VERSION: u32 = 8;

pub(crate) const KIND: Kind = Kind { name: "model", magic: *b"CROSSCUT", version: VERSION };

/// Writes a model as a whole or not at all.
///
/// # Errors
/// [`Error::Write`].
pub fn save<F: Format>(format: &F, model: &Model<F::Task>, path: &Path) -> Result<(), Error> {
    output::replace(path, |out| write(format, model, out))
}

/// The bytes of a model file, checked. They are decoded by [`load`](Self::load), once the task's
/// name has selected the type of the task.
pub struct ModelFile {
    path: PathBuf,
    task: String,
    blocks: Blocks,
}

impl ModelFile {
    /// Reads a file; `-` is standard input.
    ///
    /// # Errors
    /// A file that is no model, is damaged, or was written by a newer program.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let (name, reader) = unpack::open(path)?;
        let blocks = Blocks::read(reader).map_err(|source| unpack::unreadable(&name, source))?;
        Self::of(path, blocks)
    }

    /// Takes the bytes of a file that has been read; `path` is for messages.
    ///
    /// # Errors
    /// Those of [`open`](Self::open) that concern the bytes.
    pub fn from_bytes(path: &Path, bytes: Vec<u8>) -> Result<Self, Error> {
        Self::of(path, Blocks::from(bytes))
    }

    fn of(path: &Path, blocks: Blocks) -> Result<Self, Error> {
        let header = blocks.header(&KIND, &[&checkpoint::KIND]);
        let header = header.map_err(|message| Error::file(display_name(path), message))?;
        Ok(Self { path: path.to_owned(), task: header.task.to_owned(), blocks })
    }

    /// The file it was read from; `-` for standard input.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The name of the task it belongs to.
    pub fn task(&self) -> &str {
        &self.task
    }

    /// Length and checksum of the file, in words.
    pub(crate) fn digest(&self) -> String {
        format!("({} bytes, checksum {:08x})", self.blocks.len(), self.blocks.sum())
    }

    /// Decodes the model as one with the format `F`.
    ///
    /// # Errors
    /// Another task's model; an inconsistent payload.
    pub fn load<F: Format>(self) -> Result<(F, Model<F::Task>), Error> {
        read(self.blocks).map_err(|message| Error::file(display_name(&self.path), message))
    }

    /// The format, the task and the weights of a model, to predict with: smaller if the task can be
    /// [reduced](Format::reduce).
    ///
    /// # Errors
    /// Those of [`load`](Self::load).
    pub fn load_to_predict<F: Format>(self) -> Result<(F, F::Task, Vec<f64>), Error> {
        read_reduced(self.blocks).map_err(|message| Error::file(display_name(&self.path), message))
    }
}

impl fmt::Debug for ModelFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ModelFile")
            .field("path", &self.path)
            .field("task", &self.task)
            .finish_non_exhaustive()
    }
}

/// Writes the bytes of a model file.
///
/// # Errors
/// Those of `out`.
pub fn write<F: Format>(format: &F, model: &Model<F::Task>, out: &mut dyn Write) -> io::Result<()> {
    let Model { task, w, settings, certificate, regulariser } = model;
    let prior = regulariser.prior().iter().enumerate();
    let prior: Vec<(usize, f64)> =
        prior.map(|(at, &weight)| (at, weight)).filter(|(_, weight)| *weight != 0.0).collect();
    let w = Stored::of(w);
    let payload = &((format, task), w, settings, certificate, prior, regulariser.lower_bounds());
    container::write(&KIND, Identity::of::<F>(), out, &|out| container::encode(payload, out))
}

type Entries = Vec<(usize, f64)>;
type Payload<F> =
    ((F, <F as Format>::Task), Stored<'static>, Settings, Certificate, Entries, Entries);

fn decode<F: Format>(blocks: Blocks) -> Result<Payload<F>, String> {
    let payload: Payload<F> = blocks.decode(&KIND, Identity::of::<F>())?;
    let (format, task) = &payload.0;
    format.check(task).map_err(|message| format!("the model is damaged: {message}"))?;
    payload.1.check(task.dim())?;
    Ok(payload)
}

fn read<F: Format>(blocks: Blocks) -> Result<(F, Model<F::Task>), String> {
    let ((format, task), w, settings, certificate, prior, bounds) = decode::<F>(blocks)?;
    let w = w.restore();
    let regulariser = regulariser(&prior, bounds, w.len())?;
    Ok((format, Model { task, w, settings, certificate, regulariser }))
}

fn read_reduced<F: Format>(blocks: Blocks) -> Result<(F, F::Task, Vec<f64>), String> {
    let ((format, mut task), w, ..) = decode::<F>(blocks)?;
    let w = match &w {
        Stored::Few { at, values, .. } => match format.reduce(&mut task, at) {
            Some(kept) => few(at, values, &kept),
            None => w.restore(),
        },
        Stored::All(_) => w.restore(),
    };
    assert_eq!(w.len(), task.dim(), "a reduced task has the weights of the ranges");
    Ok((format, task, w))
}

/// The regulariser with these prior weights, the others being 0, and lower bounds.
fn regulariser(
    entries: &[(usize, f64)],
    bounds: Vec<(usize, f64)>,
    dim: usize,
) -> Result<Regulariser, String> {
    let damaged = |what: &dyn fmt::Display| format!("the model is damaged: {what}");
    let mut prior = if entries.is_empty() { Vec::new() } else { vec![0.0; dim] };
    for &(index, weight) in entries {
        *prior.get_mut(index).ok_or_else(|| damaged(&"a prior weight too many"))? = weight;
    }
    let regulariser = Regulariser::around(prior).with_lower_bounds(bounds);
    regulariser.check(dim).map_err(|error| damaged(&error))?;
    Ok(regulariser)
}

/// The weights of a model in its file.
#[derive(Serialize, Deserialize)]
enum Stored<'w> {
    All(#[serde(with = "numbers")] Cow<'w, [f64]>),
    /// Those that are not zero.
    Few {
        dim: usize,
        /// Their indices, in increasing order.
        #[serde(with = "numbers")]
        at: Cow<'w, [u32]>,
        #[serde(with = "numbers")]
        values: Cow<'w, [f64]>,
    },
}

/// Lists of numbers as their bytes, the lowest first, some thousand numbers at a time: millions of
/// weights are not read one by one, and their bytes are not in memory beside them.
mod numbers {
    use std::borrow::Cow;
    use std::fmt;
    use std::marker::PhantomData;

    use serde::de::{Error, SeqAccess, Visitor};
    use serde::ser::SerializeSeq;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    /// A number with as many bytes as it has in memory.
    pub trait Number: Copy + 'static {
        fn bytes(self) -> impl AsRef<[u8]>;
        fn of(bytes: &[u8]) -> Option<Self>;
    }

    impl Number for f64 {
        fn bytes(self) -> impl AsRef<[u8]> {
            self.to_le_bytes()
        }

        fn of(bytes: &[u8]) -> Option<Self> {
            bytes.try_into().ok().map(Self::from_le_bytes)
        }
    }

    impl Number for u32 {
        fn bytes(self) -> impl AsRef<[u8]> {
            self.to_le_bytes()
        }

        fn of(bytes: &[u8]) -> Option<Self> {
            bytes.try_into().ok().map(Self::from_le_bytes)
        }
    }

    /// Numbers in a piece.
    pub const PIECE: usize = 8192;

    pub fn serialize<N: Number, S: Serializer>(
        list: &[N],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let pieces = list.chunks(PIECE);
        let mut all = serializer.serialize_seq(Some(pieces.len()))?;
        for piece in pieces {
            all.serialize_element(&Piece(Cow::Borrowed(piece)))?;
        }
        all.end()
    }

    pub fn deserialize<'de, 'w, N: Number, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Cow<'w, [N]>, D::Error> {
        deserializer.deserialize_seq(List(PhantomData)).map(Cow::Owned)
    }

    struct List<N>(PhantomData<N>);

    impl<'de, N: Number> Visitor<'de> for List<N> {
        type Value = Vec<N>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list of numbers in pieces")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut pieces: A) -> Result<Vec<N>, A::Error> {
            let mut all = Vec::new();
            while let Some(Piece(piece)) = pieces.next_element()? {
                all.extend_from_slice(&piece);
            }
            Ok(all)
        }
    }

    /// A piece of a list.
    struct Piece<'p, N: Number>(Cow<'p, [N]>);

    impl<N: Number> Serialize for Piece<'_, N> {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            let mut bytes = Vec::with_capacity(size_of_val(&*self.0));
            self.0.iter().for_each(|number| bytes.extend_from_slice(number.bytes().as_ref()));
            serializer.serialize_bytes(&bytes)
        }
    }

    impl<'de, N: Number> Deserialize<'de> for Piece<'_, N> {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            deserializer.deserialize_byte_buf(Self(Cow::Borrowed(&[])))
        }
    }

    impl<'p, N: Number> Visitor<'_> for Piece<'p, N> {
        type Value = Piece<'p, N>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("the bytes of numbers")
        }

        fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Self, E> {
            let numbers = bytes.chunks_exact(size_of::<N>());
            match numbers.remainder() {
                [] => Ok(Self(numbers.filter_map(N::of).collect())),
                _ => Err(E::invalid_length(bytes.len(), &self)),
            }
        }
    }
}

impl<'w> Stored<'w> {
    fn of(w: &'w [f64]) -> Self {
        // −0 is not left out, so that a model is read to the bit.
        let count = w.iter().filter(|weight| weight.to_bits() != 0).count();
        let list = |length: usize, size| 8 + 8 * length.div_ceil(numbers::PIECE) + length * size;
        let is_shorter = 8 + list(count, 4) + list(count, 8) < list(w.len(), 8);
        if !is_shorter || u32::try_from(w.len()).is_err() {
            return Self::All(w.into());
        }
        let few = w.iter().zip(0..).filter(|(weight, _)| weight.to_bits() != 0);
        let (values, at): (Vec<f64>, Vec<u32>) = few.map(|(weight, at)| (*weight, at)).unzip();
        Self::Few { dim: w.len(), at: at.into(), values: values.into() }
    }

    /// Refuses what cannot be the weights of a task with `dim` of them.
    fn check(&self, dim: usize) -> Result<(), String> {
        let damaged = |what: String| Err(format!("the model is damaged: {what}"));
        let (found, at, values) = match self {
            Self::All(w) => (w.len(), None, &**w),
            Self::Few { dim, at, values } => (*dim, Some(at), &**values),
        };
        if found != dim {
            return damaged(format!("{found} weights for {dim} dimensions"));
        }
        if let Some(at) = at
            && (at.len() != values.len()
                || !at.is_sorted_by(|a, b| a < b)
                || at.last().is_some_and(|&last| last as usize >= dim))
        {
            return damaged(format!("weights at odd places among {dim}"));
        }
        match values.iter().position(|weight| !weight.is_finite()) {
            Some(place) => {
                let at = at.map_or(place, |at| at[place] as usize);
                damaged(format!("weight {at} is not a finite number"))
            }
            None => Ok(()),
        }
    }

    /// The weights, which have been [checked](Self::check).
    fn restore(self) -> Vec<f64> {
        match self {
            Self::All(w) => w.into_owned(),
            Self::Few { dim, at, values } => few(&at, &values, slice::from_ref(&(0..dim))),
        }
    }
}

/// The weights in some ranges: 0 but for `values` at increasing indices.
fn few(at: &[u32], values: &[f64], ranges: &[Range<usize>]) -> Vec<f64> {
    let mut w = vec![0.0; ranges.iter().map(Range::len).sum()];
    let mut entries = at.iter().map(|&at| at as usize).zip(values).peekable();
    let mut start = 0;
    for range in ranges {
        while let Some((at, &value)) = entries.next_if(|(at, _)| *at < range.end) {
            if at >= range.start {
                w[start + at - range.start] = value;
            }
        }
        start += range.len();
    }
    w
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::fake::{Other, Sign, Signs, model};

    fn bytes(model: &Model<Sign>) -> Vec<u8> {
        let mut bytes = Vec::new();
        write(&Signs::default(), model, &mut bytes).unwrap();
        bytes
    }

    /// Length of the file if all weights are stored.
    fn bytes_of_all(model: &Model<Sign>) -> usize {
        let stored = |w: Stored<'_>| encode(w).len();
        bytes(model).len() - stored(Stored::of(&model.w)) + stored(Stored::All((&*model.w).into()))
    }

    fn read<F: Format>(bytes: &[u8]) -> Result<Model<F::Task>, String> {
        let blocks = Blocks::read(bytes).unwrap();
        blocks.header(&KIND, &[&checkpoint::KIND])?;
        super::read::<F>(blocks).map(|(_, model)| model)
    }

    fn forge(payload: &[u8]) -> Vec<u8> {
        container::forge::<Signs>(&KIND, payload)
    }

    /// Decodes a value that is a whole payload.
    fn decode<T: serde::de::DeserializeOwned>(payload: &[u8]) -> Result<T, String> {
        Blocks::from(forge(payload)).decode(&KIND, Identity::of::<Signs>())
    }

    fn encode(value: impl Serialize) -> Vec<u8> {
        let mut bytes = Vec::new();
        container::encode(value, &mut bytes).unwrap();
        bytes
    }

    #[test]
    fn a_model_survives_the_file_and_equal_models_give_equal_bytes() {
        let home = tempfile::tempdir().unwrap();
        let plain = model(vec![0.25, -1e300, f64::MIN_POSITIVE, -0.0]);
        let prior = Regulariser::around(vec![0.0, 1.5, 0.0, -2.0]).with_nonnegative([1]);
        let prior = plain.clone().with_regulariser(prior);
        for (name, model) in [("prior", &prior), ("model", &plain), ("model.gz", &plain)] {
            let path = home.path().join(name);
            save(&Signs::default(), model, &path).unwrap();
            let stored = ModelFile::open(&path).unwrap();
            assert_eq!(stored.task(), Signs::NAME);
            assert_eq!(stored.load::<Signs>().unwrap().1, *model);
        }
        let model = plain;
        assert_eq!(std::fs::read(home.path().join("model")).unwrap(), bytes(&model));
    }

    #[test]
    fn long_lists_are_read_piece_by_piece() {
        for (length, zeros) in [(8191, 9), (8192, 2), (8193, 9), (30_000, 2), (30_000, 9)] {
            let weight = |at: usize| if at.is_multiple_of(zeros) { 0.0 } else { at as f64 };
            let model = model((0..length).map(weight).collect());
            assert_eq!(read::<Signs>(&bytes(&model)).unwrap(), model);
            assert!(bytes(&model).len() <= bytes_of_all(&model));
        }
    }

    #[test]
    fn another_tasks_model_is_refused_with_both_names() {
        let message = read::<Other>(&bytes(&model(vec![1.0]))).unwrap_err();
        assert_eq!(message, "expected a model of the task `other`, found one of the task `sign`");
    }

    #[test]
    fn what_is_not_a_model_is_refused() {
        let newer = [&KIND.magic[..], &(VERSION + 1).to_le_bytes()].concat();
        let older = [&KIND.magic[..], &(VERSION - 1).to_le_bytes()].concat();
        let old = format!("of layout {}, from before release 0.1.0: train it again", VERSION - 1);
        let new = format!(
            "written by a newer program (layout {}, this one reads up to {VERSION})",
            VERSION + 1
        );
        let table: [(&[u8], &str); 6] = [
            (b"", "expected a Crosscut model"),
            (b"1 1:1\n", "expected a Crosscut model"),
            (b"CROSSCU", "expected a Crosscut model"),
            (b"CROSSCUT", "truncated"),
            (&older, &old),
            (&newer, &new),
        ];
        for (bytes, expected) in table {
            let message = read::<Signs>(bytes).unwrap_err();
            assert!(message.contains(expected), "{message}");
        }
    }

    #[test]
    fn payloads_that_do_not_fit_are_refused_without_being_allocated() {
        let good = model(vec![1.0, 2.0]);
        let none: Vec<(usize, f64)> = Vec::new();
        let with = |w: Stored<'_>, prior: &[(usize, f64)], bounds: &[(usize, f64)]| {
            encode((
                &good.task,
                w,
                &good.settings,
                &good.certificate,
                prior.to_vec(),
                bounds.to_vec(),
            ))
        };
        let encode_model = |w: &[f64]| with(Stored::All(w.into()), &none, &none);
        for (prior, bounds, expected) in [
            (&[(2, 1.0)][..], &[][..], "a prior weight too many"),
            (&[(usize::MAX, 1.0)], &[], "a prior weight too many"),
            (&[(0, f64::NAN)], &[], "a prior weight must be"),
            (&[(0, 1.0)], &[(2, 0.0)], "a lower bound must be"),
        ] {
            let all = Stored::All(Cow::Borrowed(&[1.0, 2.0]));
            let message = read::<Signs>(&forge(&with(all, prior, bounds))).unwrap_err();
            assert!(message.contains("damaged") && message.contains(expected), "{message}");
        }
        let few = |dim, at: &[u32], values: &[f64]| {
            let few = Stored::Few { dim, at: at.into(), values: values.into() };
            read::<Signs>(&forge(&with(few, &none, &none)))
        };
        assert_eq!(few(2, &[1], &[2.0]).unwrap().w, [0.0, 2.0]);
        for (dim, at, values, expected) in [
            (2, &[2_u32][..], &[1.0][..], "odd places"),
            (2, &[1, 0], &[1.0, 1.0], "odd places"),
            (2, &[0, 0], &[1.0, 1.0], "odd places"),
            (2, &[0], &[1.0, 1.0], "odd places"),
            (2, &[1], &[f64::NAN], "weight 1 is not a finite"),
            (3, &[], &[], "3 weights for 2 dimensions"),
            (usize::MAX, &[], &[], "weights for 2 dimensions"),
        ] {
            let message = few(dim, at, values).unwrap_err();
            assert!(message.contains("damaged") && message.contains(expected), "{message}");
        }
        assert!(read::<Signs>(&forge(&encode_model(&[1.0, 2.0]))).is_ok());
        assert!(
            read::<Signs>(&forge(&encode_model(&[1.0])))
                .unwrap_err()
                .contains("1 weights for 2 dimensions")
        );
        assert!(
            read::<Signs>(&forge(&encode_model(&[1.0, f64::NAN])))
                .unwrap_err()
                .contains("weight 1 is not a finite")
        );
        let longer = [encode_model(&[1.0, 2.0]), vec![0]].concat();
        assert!(
            read::<Signs>(&forge(&longer)).unwrap_err().contains("longer than what it describes")
        );
        // The task has 4 weights, and w claims another number of them, up to 2^64 − 1.
        let task = encode(&model(vec![0.0; 4]).task);
        for claimed in [5, 1 << 30, 1 << 37, 1 << 60, u64::MAX] {
            let absurd = [&task[..], &[0; 4], &u64::to_le_bytes(claimed), &[0; 32]].concat();
            assert!(read::<Signs>(&forge(&absurd)).unwrap_err().contains("damaged"));
        }
    }

    #[test]
    fn texts_and_lists_that_claim_more_than_there_is_are_refused_without_being_allocated() {
        // Any of these claims would abort if it were allocated, and so would many small ones
        // together.
        for claimed in [9, 1 << 36, (1 << 38) - 9, 1 << 38, 1 << 60, u64::MAX] {
            let claim = |before: &[u8]| [before, &u64::to_le_bytes(claimed), b"12345678"].concat();
            assert!(decode::<String>(&claim(b"")).unwrap_err().contains("damaged"));
            assert!(decode::<Box<str>>(&claim(b"")).is_err());
            assert!(
                decode::<(u32, Vec<String>)>(&[&[0; 4][..], &claim(&1_u64.to_le_bytes())].concat())
                    .is_err()
            );
            assert!(decode::<Vec<f64>>(&claim(b"")).is_err());
        }
        assert_eq!(
            decode::<String>(&[&8_u64.to_le_bytes()[..], b"12345678"].concat()),
            Ok("12345678".to_owned())
        );
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            w in prop::collection::vec(-1e9..1e9_f64, 0..40),
            zeros in prop::collection::vec(any::<prop::sample::Index>(), 0..80),
        ) {
            let mut w = w;
            if !w.is_empty() {
                zeros.into_iter().for_each(|at| *at.get_mut(&mut w) = 0.0);
            }
            let model = model(w);
            prop_assert_eq!(read::<Signs>(&bytes(&model)).unwrap(), model.clone());
            prop_assert!(bytes(&model).len() <= bytes_of_all(&model));
        }

        #[test]
        fn any_flipped_bit_or_missing_end_is_refused(at in any::<prop::sample::Index>(), bit in 0..8_u32) {
            let good = bytes(&model(vec![1.0, -2.0, 3.0]));
            let at = at.index(good.len());
            let mut flipped = good.clone();
            flipped[at] ^= 1 << bit;
            prop_assert!(read::<Signs>(&flipped).is_err());
            prop_assert!(read::<Signs>(&good[..at]).is_err());
            prop_assert!(read::<Signs>(&[&good[..], &good[..at]].concat()).is_err() || at == 0);
        }
    }
}
