//! [`classify`]: predictions for a file of examples.

use std::io::{self, Write};
use std::path::Path;

use crosscut::Model;
use crosscut::parallel::map_ranges;

use crate::answers::Classified;
use crate::application::{Application, Item, Options};
use crate::error::Error;
use crate::model_file::ModelFile;
use crate::monitor::Monitor;
use crate::output;
use crate::source::Source;

/// What [`classify`] is asked to do.
#[derive(Clone, Copy, Debug)]
pub struct Classify<'a> {
    /// The file of examples.
    pub examples: &'a Path,
    /// Where the predictions go.
    pub predictions: &'a Path,
    /// The options of the task beside its models.
    pub options: &'a Options,
}

/// Predicts the output of each example, labelled or not, and writes the predictions, one after the
/// other.
///
/// # Errors
/// Bad models, options, files and lines; predictions that cannot be written, or would replace what
/// is read.
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
    output::check(predictions, &[examples, model.path()])?;
    let Model { mut task, w, .. } = model.load::<A>()?;
    task.prepare(options)?;
    let items = task.read(Source::open(examples, monitor)?)?;
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

/// Predictions of some examples as they are to be written, and the losses of those that are
/// labelled with their weights.
#[derive(Default)]
struct Piece {
    text: Vec<u8>,
    losses: Vec<(f64, f64)>,
}

/// The sum of all losses.
#[derive(Default)]
struct Tally {
    labelled: usize,
    weight: f64,
    loss: f64,
}

impl Tally {
    /// Writes the predictions, and adds the losses.
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
