//! [`classify`]: predicts the outputs of a file of examples.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crosscut::Model;
use crosscut::parallel::map_ranges;

use crate::answers::Classified;
use crate::application::{Application, Item, Options};
use crate::encoding::Encoding;
use crate::error::Error;
use crate::model_file::ModelFile;
use crate::monitor::Monitor;
use crate::output;
use crate::probability;
use crate::source::Source;

use super::read;

/// The arguments of [`classify`].
#[derive(Clone, Copy, Debug)]
pub struct Classify<'a> {
    /// The file of examples.
    pub examples: &'a Path,
    /// The file to write the predictions to.
    pub predictions: &'a Path,
    /// The options for reading and writing ([`Application::READING`], [`Application::WRITING`]).
    pub options: &'a Options,
}

/// Predicts the output of each example, labelled or not, and writes the predictions in order.
///
/// # Errors
/// Bad models, options, files and lines; predictions that cannot be written, or would replace a
/// file that is read.
pub fn classify<A: Application>(
    request: &Classify<'_>,
    model: ModelFile,
    monitor: &mut dyn Monitor,
) -> Result<Classified, Error> {
    /// Examples predicted between two writes.
    const CHUNK: usize = 4096;
    /// Examples predicted by one thread at a time.
    const PIECE: usize = 64;
    let &Classify { examples, predictions, options } = request;
    let encoding = Encoding::of(options)?;
    let mut inputs = vec![examples, model.path()];
    let (side, beside) = (options.files(A::READING), A::beside(options, examples));
    inputs.extend(side.iter().map(|(_, file)| *file));
    inputs.extend(beside.iter().map(PathBuf::as_path));
    output::check(predictions, &inputs)?;
    let Model { mut task, w, .. } = model.load::<A>()?;
    probability::check_model(options, task.objective())?;
    task.prepare(options)?;
    let items = read(&task, Source::open(examples, monitor)?.decode(encoding).may_be_empty())?;
    let mut tally = Tally::default();
    output::replace(predictions, |out| {
        for chunk in items.chunks(CHUNK) {
            let pieces = map_ranges(chunk.len(), PIECE, |range| {
                let (mut scratch, mut piece) = (A::Scratch::default(), Piece::default());
                for Item { x, y, weight } in &chunk[range] {
                    let y_hat = task.predict(&w, x, &mut scratch);
                    task.write(&w, x, &y_hat, &mut piece.text)?;
                    piece.losses.extend(y.as_ref().map(|y| (*weight, task.loss(x, y, &y_hat))));
                }
                Ok(piece)
            });
            tally.write(pieces, out)?;
        }
        Ok(())
    })?;
    Ok(tally.into_answer(items.len()))
}

/// The predictions of some examples as text, and (weight, loss) of the labelled ones.
#[derive(Default)]
struct Piece {
    text: Vec<u8>,
    losses: Vec<(f64, f64)>,
}

/// Sums over all labelled examples.
#[derive(Default)]
struct Tally {
    labelled: usize,
    weight: f64,
    loss: f64,
}

impl Tally {
    /// Writes the predictions and adds up the losses.
    fn write(&mut self, pieces: Vec<io::Result<Piece>>, out: &mut dyn Write) -> io::Result<()> {
        for piece in pieces {
            let Piece { text, losses } = piece?;
            out.write_all(&text)?;
            self.labelled += losses.len();
            for (weight, loss) in losses {
                self.weight += weight;
                self.loss += weight * loss;
            }
        }
        Ok(())
    }

    fn into_answer(self, examples: usize) -> Classified {
        let Self { labelled, weight, loss } = self;
        Classified { examples, labelled, loss: (weight > 0.0).then(|| loss / weight) }
    }
}
