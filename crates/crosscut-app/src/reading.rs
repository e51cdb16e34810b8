//! What follows from a [`Format`]: [`define`], [`survey`] and [`read`].

use std::fmt;
use std::io::Cursor;
use std::{iter, mem};

use crosscut::{Example, Stream};
use rayon::prelude::*;

use crate::error::Error;
use crate::format::{ExampleOf, File, Format, ItemOf};
use crate::item::Item;
use crate::none_known::NoneKnown;
use crate::once::Once;
use crate::options::Options;
use crate::source::Source;
use crate::stream::Pieces;

/// Lines whose records are turned into examples at a time, by all threads. A record may have many of
/// them, and be larger than its example.
const LINES: u64 = 4096;
/// Why a training example is refused that has no output.
const NO_OUTPUT: &str = "expected an output to learn from, found none";

/// The training examples of a format's task.
pub type Examples<F> = Vec<ExampleOf<F>>;
/// The examples of a format's task, labelled or not.
pub type Items<F> = Vec<ItemOf<F>>;

/// A training file that has been read.
pub struct Training<F: Format> {
    /// What is known of such files.
    pub format: F,
    /// The task that the examples need.
    pub task: F::Task,
    /// The examples.
    pub examples: Examples<F>,
}

impl<F: Format> fmt::Debug for Training<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let examples = self.examples.len();
        f.debug_struct("Training").field("examples", &examples).finish_non_exhaustive()
    }
}

/// Reads training examples and defines the task that they need (sizes, vocabularies, loss).
///
/// # Errors
/// Bad options, and bad lines by file and number. Training examples without an output are refused.
pub fn define<F: Format>(options: &Options, mut source: Source<'_>) -> Result<Training<F>, Error> {
    let mut format = F::new(options)?;
    format.begin(&mut source)?;
    let name = source.name().to_owned();
    let (mut survey, mut records) = (F::Survey::default(), Parts::default());
    take_in(&format, &mut source, &mut survey, &mut |line, record| {
        records.push((line, record));
    })?;
    let mut note = |message: &str| source.note(message);
    let mut file = File::new(&name, &mut note);
    let task = format.task(survey, &mut file)?;
    let mut examples = Parts::default();
    let mut records = records.into_iter().peekable();
    while let Some(&(first, _)) = records.peek() {
        let is_near = |(line, _): &(u64, F::Record)| line.saturating_sub(first) < LINES;
        let batch = iter::from_fn(|| records.next_if(is_near)).collect();
        add_examples(&format, &task, batch, &name, &mut examples)?;
    }
    drop(records);
    let examples = examples.into_vec();
    format.notes(&task, &examples).iter().for_each(|note| file.note(note));
    Ok(Training { format, task, examples })
}

/// Adds the training examples that some records are.
fn add_examples<F: Format>(
    format: &F,
    task: &F::Task,
    batch: Batch<F>,
    file: &str,
    examples: &mut Parts<ExampleOf<F>>,
) -> Result<(), Error> {
    for item in items(format, task, batch, file) {
        let (line, Item { x, y, weight }) = item?;
        let refuse = || Error::line(file, line, NO_OUTPUT);
        examples.push(Example { x, y: y.ok_or_else(refuse)?, weight });
    }
    Ok(())
}

/// A list that grows without being moved, and whose memory is freed part by part as it is taken.
struct Parts<T>(Vec<Vec<T>>);

impl<T> Default for Parts<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Parts<T> {
    /// Values in a part.
    const SIZE: usize = 4096;

    fn push(&mut self, value: T) {
        match self.0.last_mut() {
            Some(last) if last.len() < Self::SIZE => last.push(value),
            _ => self.0.push(vec![value]),
        }
    }

    fn into_iter(self) -> impl Iterator<Item = T> {
        self.0.into_iter().flatten()
    }

    /// All values in a list without spare capacity.
    fn into_vec(self) -> Vec<T> {
        let mut all = Vec::with_capacity(self.0.iter().map(Vec::len).sum());
        self.0.into_iter().for_each(|part| all.extend(part));
        all
    }
}

/// Records with the lines at which they begin.
type Batch<F> = Vec<(u64, <F as Format>::Record)>;

/// Passes the records of a text to `finish`, those of about [`LINES`] lines at a time.
fn in_batches<F: Format>(
    format: &F,
    source: &mut Source<'_>,
    finish: &mut dyn FnMut(Batch<F>) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut batch = Vec::new();
    let result = format.records(source, &mut |line, record| {
        batch.push((line, record));
        let lines = line.saturating_sub(batch[0].0);
        if lines < LINES { Ok(()) } else { finish(mem::take(&mut batch)) }
    });
    // A bad record comes before the bad line that ended reading.
    finish(batch)?;
    result
}

/// Surveys the records of a text, and passes them on.
pub(crate) fn take_in<F: Format>(
    format: &F,
    source: &mut Source<'_>,
    survey: &mut F::Survey,
    pass_on: &mut dyn FnMut(u64, F::Record),
) -> Result<(), Error> {
    let name = source.name().to_owned();
    in_batches(format, source, &mut |mut batch| {
        // One thread would do the same work later, with fewer steps.
        if rayon::current_num_threads() > 1 {
            let known = &*survey;
            let records = batch.par_iter_mut().with_min_len(8);
            records.for_each(|(_, record)| format.anticipate(known, record));
        }
        for (line, mut record) in batch {
            let surveyed = format.survey(survey, &mut record);
            surveyed.map_err(|message| Error::line(name.as_str(), line, message))?;
            pass_on(line, record);
        }
        Ok(())
    })
}

/// Defines the same task as [`define`] from a file in pieces, none of which is kept.
///
/// # Errors
/// Those of `define`, and options that need all examples at once.
pub fn survey<F: Format>(options: &Options, pieces: &mut Pieces) -> Result<(F, F::Task), Error> {
    let mut format = F::new(options)?;
    format.stream(pieces.path())?;
    format.begin(&mut pieces.beginning()?)?;
    let cut = format.cut().ok_or_else(|| {
        Error::option("--stream", "a task whose files can be read in pieces", F::NAME)
    })?;
    pieces.cut_at(cut);
    let name = pieces.name().to_owned();
    let mut survey = F::Survey::default();
    while let Some(mut piece) = pieces.next_piece()? {
        take_in(&format, &mut piece, &mut survey, &mut |_, _| {})?;
    }
    let task = format.task(survey, &mut File::new(&name, &mut |_| {}))?;
    Ok((format, task))
}

/// Reads examples with a model. Outputs may be missing.
///
/// # Errors
/// Bad lines by file and number.
pub fn read<F: Format>(
    format: &F,
    task: &F::Task,
    mut source: Source<'_>,
) -> Result<Items<F>, Error> {
    let name = source.name().to_owned();
    let (known, mut all) = (NoneKnown::default(), Items::<F>::new());
    in_batches(format, &mut source, &mut |batch| {
        for (_, record) in &batch {
            if known.is_any() {
                break;
            }
            let (features, known_ones) = format.known(task, record);
            known.see(features, known_ones);
        }
        for item in items(format, task, batch, &name) {
            all.push(item?.1);
        }
        Ok(())
    })?;
    source.note_known(known);
    Ok(all)
}

/// Reads training examples of a task that is known already, each with an output.
///
/// # Errors
/// Bad lines by file and number.
pub(crate) fn read_examples<F: Format>(
    format: &F,
    task: &F::Task,
    source: &mut Source<'_>,
) -> Result<Examples<F>, Error> {
    let (name, mut examples) = (source.name().to_owned(), Parts::default());
    in_batches(format, source, &mut |batch| {
        add_examples(format, task, batch, &name, &mut examples)
    })?;
    Ok(examples.into_vec())
}

/// The examples of some records, or why they are refused, in order, with their lines.
fn items<F: Format>(
    format: &F,
    task: &F::Task,
    records: Batch<F>,
    file: &str,
) -> Vec<Result<(u64, ItemOf<F>), Error>> {
    let item = |(line, record)| match format.item(task, record) {
        Ok(item) => Ok((line, item)),
        Err(message) => Err(Error::line(file, line, message)),
    };
    records.into_par_iter().with_min_len(8).map(item).collect()
}

/// [`Pieces`] as examples of a task, again for each pass.
pub struct Passes<'f, F> {
    /// What the files are.
    pub format: &'f F,
    /// A file that has been [surveyed](survey).
    pub pieces: Pieces,
}

impl<F: Format> Stream<F::Task> for Passes<'_, F> {
    type Error = Error;

    fn rewind(&mut self) -> Result<(), Error> {
        self.pieces.begin_again()
    }

    fn next(&mut self, task: &F::Task) -> Result<Option<Examples<F>>, Error> {
        let Some(source) = self.pieces.next_piece()? else { return Ok(None) };
        let example = |Item { x, y, weight }: ItemOf<F>| match y {
            Some(y) => Ok(Example { x, y, weight }),
            None => Err(Error::file(self.pieces.name(), NO_OUTPUT)),
        };
        let items = read(self.format, task, source)?.into_iter();
        items.map(example).collect::<Result<_, Error>>().map(Some)
    }
}

/// Reads examples to predict from a text in pieces, as `classify` does. `size` is that of a piece in
/// bytes; `None`: each piece is an example, as with `--flush`. The result must be that of [`read`] for
/// the whole text, if the format says [where to cut it](Format::cut); this function is for tests of
/// that.
///
/// # Errors
/// Those of [`read`].
pub fn read_in_pieces<F: Format>(
    format: &F,
    task: &F::Task,
    name: &str,
    text: &[u8],
    size: Option<usize>,
) -> Result<Items<F>, Error> {
    let Some(cut) = format.cut() else {
        return read(format, task, Source::from_text(name, text).may_be_empty());
    };
    let reader = Box::new(Cursor::new(text.to_vec()));
    let mut pieces = Once::new(name.to_owned(), reader, cut, size);
    let mut items = Items::<F>::new();
    while let Some(piece) = pieces.next_piece()? {
        items.append(&mut read(format, task, piece.source())?);
    }
    Ok(items)
}
