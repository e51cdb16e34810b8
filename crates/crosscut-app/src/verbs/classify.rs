//! [`classify`]: predicts the outputs of a file of examples.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crosscut::Task;
use crosscut::parallel::map_ranges;

use crate::answers::Classified;
use crate::encoding::Encoding;
use crate::error::Error;
use crate::format::Format;
use crate::item::Item;
use crate::model_file::ModelFile;
use crate::monitor::Monitor;
use crate::once::{Once, Piece};
use crate::options::Options;
use crate::output;
use crate::probability;
use crate::reading::Items;
use crate::source::Source;

use super::read;

/// The arguments of [`classify`].
#[derive(Clone, Copy, Debug)]
pub struct Classify<'a> {
    /// The file of examples.
    pub examples: &'a Path,
    /// The file to write the predictions to.
    pub predictions: &'a Path,
    /// Whether each example is read, predicted and written as soon as it is complete, so that a
    /// program can ask and get answers through pipes.
    pub flush: bool,
    /// The options for reading and writing ([`Format::READING`], [`Format::WRITING`]).
    pub options: &'a Options,
}

/// Predicts the output of each example, labelled or not, and writes the predictions in order.
///
/// The file is read in pieces if the task says [where to cut it](Format::cut); the predictions
/// do not depend on the pieces.
///
/// # Errors
/// Bad models, options, files and lines; predictions that cannot be written, or would replace a
/// file that is read. A regular file of predictions is then left as it was. With `flush`, and in
/// pipes, the predictions of earlier examples have been written.
pub fn classify<F: Format>(
    request: &Classify<'_>,
    model: ModelFile,
    monitor: &mut dyn Monitor,
) -> Result<Classified, Error> {
    /// Bytes of a piece for each thread.
    const PIECE: usize = 256 << 10;
    /// Threads beyond these share the bytes of fewer.
    const MOST: usize = 16;
    classify_by::<F>(request, model, monitor, PIECE * rayon::current_num_threads().min(MOST))
}

/// [`classify`] with pieces of about `size` bytes.
pub(super) fn classify_by<F: Format>(
    request: &Classify<'_>,
    model: ModelFile,
    monitor: &mut dyn Monitor,
    size: usize,
) -> Result<Classified, Error> {
    let &Classify { examples, predictions, flush, options } = request;
    let encoding = Encoding::of(options)?;
    let mut inputs = vec![examples, model.path()];
    let (side, beside) = (options.files(F::READING), F::beside(options, examples));
    inputs.extend(side.iter().map(|(_, file)| *file));
    inputs.extend(beside.iter().map(PathBuf::as_path));
    output::check(predictions, &inputs)?;
    let (mut format, mut task, w) = model.load_to_predict::<F>()?;
    probability::check_model(options, task.objective())?;
    format.prepare(&mut task, options)?;
    // Where the examples end may be said in a file beside them.
    let is_alone = beside.is_empty() || flush;
    let mut reading = match (format.cut().filter(|_| is_alone), flush) {
        (Some(cut), _) => {
            let once = Once::open(examples, encoding, cut, (!flush).then_some(size))?;
            Reading::Pieces(Box::new(Pieces::new(once)))
        }
        (None, false) => Reading::Whole(Some(examples), encoding),
        (None, true) => {
            let expected = "files that can be read example by example";
            return Err(Error::option("--flush", expected, format_args!("those of {}", F::NAME)));
        }
    };
    let mut tally = Tally::default();
    let mut failure = None;
    let mut predict_all = |out: &mut dyn Write| {
        while let Some(items) = reading.next(&format, &task, monitor).transpose() {
            let items = items.map_err(|error| {
                failure = Some(error);
                io::Error::other("the examples cannot be read")
            })?;
            let mut predict = || predict(&format, &task, &w, &items, &mut tally, out);
            match &mut reading {
                Reading::Pieces(pieces) if !flush => pieces.meanwhile(&format, &task, predict)?,
                _ => predict()?,
            }
            if flush {
                out.flush()?;
            }
        }
        Ok(())
    };
    let written = match flush {
        false => output::replace(predictions, predict_all),
        true => output::serve(predictions, &mut predict_all),
    };
    match failure {
        Some(error) => Err(error),
        None => written.map(|()| tally.into_answer()),
    }
}

/// A file of examples.
enum Reading<'a, F: Format> {
    Pieces(Box<Pieces<F>>),
    /// All of it at once; `None` afterwards.
    Whole(Option<&'a Path>, Encoding),
}

impl<F: Format> Reading<'_, F> {
    /// The next examples; `None` at the end.
    fn next(
        &mut self,
        format: &F,
        task: &F::Task,
        monitor: &mut dyn Monitor,
    ) -> Result<Option<Items<F>>, Error> {
        match self {
            Self::Whole(path, encoding) => {
                let Some(path) = path.take() else { return Ok(None) };
                let source = Source::open(path, monitor)?.decode(*encoding);
                read(format, task, source.may_be_empty(), 0).map(Some)
            }
            Self::Pieces(pieces) => {
                let items = pieces.next(format, task)?;
                match items {
                    Some(_) => pieces.once.tell(monitor),
                    None => pieces.once.tell_at_end(monitor),
                }
                Ok(items)
            }
        }
    }
}

/// A file in pieces.
struct Pieces<F: Format> {
    once: Once,
    /// A piece that is to be read next.
    piece: Option<Result<Option<Piece>, Error>>,
    /// What comes before `piece` and has not been returned.
    items: Option<Result<Items<F>, Error>>,
    /// Examples read.
    count: usize,
}

impl<F: Format> Pieces<F> {
    fn new(once: Once) -> Self {
        Self { once, piece: None, items: None, count: 0 }
    }

    /// The examples of the next piece; `None` at the end.
    fn next(&mut self, format: &F, task: &F::Task) -> Result<Option<Items<F>>, Error> {
        let items = match self.items.take() {
            Some(items) => items?,
            None => {
                let piece = self.piece.take().unwrap_or_else(|| self.once.next_piece())?;
                let Some(piece) = piece else { return Ok(None) };
                read(format, task, piece.source(), self.count)?
            }
        };
        self.count += items.len();
        Ok(Some(items))
    }

    /// Does `work`; meanwhile, threads read the next examples, and the piece after them.
    fn meanwhile<R>(&mut self, format: &F, task: &F::Task, work: impl FnOnce() -> R) -> R {
        let Self { once, piece: next, items, count } = self;
        let piece = match next.take() {
            Some(Ok(Some(piece))) => Some(piece),
            None => None,
            // The end, or an error.
            last => {
                *next = last;
                return work();
            }
        };
        rayon::in_place_scope(|scope| {
            scope.spawn(move |scope| {
                match piece.map_or_else(|| once.next_piece(), |piece| Ok(Some(piece))) {
                    Ok(Some(piece)) => {
                        scope.spawn(|_| *next = Some(once.next_piece()));
                        *items = Some(read(format, task, piece.source(), *count));
                    }
                    last => *next = Some(last),
                }
            });
            work()
        })
    }
}

/// Writes the predictions of some examples and adds up their losses.
fn predict<F: Format>(
    format: &F,
    task: &F::Task,
    w: &[f64],
    items: &Items<F>,
    tally: &mut Tally,
    out: &mut dyn Write,
) -> io::Result<()> {
    /// Examples predicted between two writes.
    const CHUNK: usize = 4096;
    /// Examples predicted by one thread at a time.
    const PART: usize = 64;
    for chunk in items.chunks(CHUNK) {
        let parts = map_ranges(chunk.len(), PART, |range| {
            let (mut scratch, mut part) = (<F::Task as Task>::Scratch::default(), Part::default());
            for Item { x, y, weight } in &chunk[range] {
                let y_hat = task.predict(w, x, &mut scratch);
                format.write(task, w, x, &y_hat, &mut part.text)?;
                part.losses.extend(y.as_ref().map(|y| (*weight, task.loss(x, y, &y_hat))));
            }
            Ok(part)
        });
        tally.write(parts, out)?;
    }
    tally.examples += items.len();
    Ok(())
}

/// The predictions of some examples as text, and (weight, loss) of the labelled ones.
#[derive(Default)]
struct Part {
    text: Vec<u8>,
    losses: Vec<(f64, f64)>,
}

/// Number of examples, and sums over the labelled ones.
#[derive(Default)]
struct Tally {
    examples: usize,
    labelled: usize,
    weight: f64,
    loss: f64,
}

impl Tally {
    /// Writes the predictions and adds up the losses.
    fn write(&mut self, parts: Vec<io::Result<Part>>, out: &mut dyn Write) -> io::Result<()> {
        for part in parts {
            let Part { text, losses } = part?;
            out.write_all(&text)?;
            self.labelled += losses.len();
            for (weight, loss) in losses {
                self.weight += weight;
                self.loss += weight * loss;
            }
        }
        Ok(())
    }

    fn into_answer(self) -> Classified {
        let Self { examples, labelled, weight, loss } = self;
        Classified { examples, labelled, loss: (weight > 0.0).then(|| loss / weight) }
    }
}
