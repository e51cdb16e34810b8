//! [`check`]: tests the contracts of a task on a file of examples.

use std::collections::HashSet;
use std::path::Path;

use crosscut::testing::{laws, verify_solution};
use crosscut::{C, Example, Model, Settings, Task, Trainer, solve};

use super::{Shape, check_options, read};
use crate::answers::Checked;
use crate::encoding::Encoding;
use crate::error::Error;
use crate::format::{Format, InputOf};
use crate::item::Item;
use crate::model_file::{self, ModelFile};
use crate::monitor::Monitor;
use crate::once::Once;
use crate::options::Options;
use crate::reading::{self, Examples, Items, Training};
use crate::source::{Source, display_name};

/// The laws are tested at about sixty w at once; more weights would take gigabytes.
const MOST_WEIGHTS: usize = 4_000_000;
/// Exact passes of the training run whose result is verified.
const PASSES: usize = 10;

/// The arguments of [`check`].
#[derive(Clone, Copy, Debug)]
pub struct Check<'a> {
    /// The file of training examples.
    pub examples: &'a Path,
    /// The options of the task.
    pub options: &'a Options,
    /// How many examples to check the laws on: they are spread evenly over the file.
    pub sample: usize,
}

/// Reads a file as [`learn`](super::learn) does, and tests on a sample of its examples:
///
/// * the laws of [`Task`](crosscut::Task) ([`laws`]);
/// * the certificate of a short training run ([`verify_solution`]);
/// * the contract of [`Format`]: reading with the model, as a whole and in pieces, returns the examples
///   of training, with outputs that have no loss against each other and inputs whose predictions have
///   the same loss; a model that is written and read back predicts the same text; weights have
///   different names, and their [roles](Format::role) name labels that exist.
///
/// The first promise that is broken is in [`Checked::broken`].
///
/// # Errors
/// Bad options, files and lines, as in training; more weights than the laws can be tested with.
pub fn check<F: Format>(request: &Check<'_>, monitor: &mut dyn Monitor) -> Result<Checked, Error> {
    let &Check { examples: file, options, sample } = request;
    check_options::<F>(options)?;
    let encoding = Encoding::of(options)?;
    let source = Source::open(file, monitor)?.decode(encoding);
    let Training { mut format, mut task, examples } = reading::define::<F>(options, source)?;
    let shape = Shape::of(&format, &task);
    // Refuses what training would refuse.
    Trainer::new(&task, &examples, &Settings::default())
        .map(drop)
        .map_err(|error| shape.blame(file, error))?;
    let refuse = |message: String| Err(Error::file(display_name(file), message));
    if shape.dim > MOST_WEIGHTS {
        return refuse(format!(
            "expected at most {MOST_WEIGHTS} weights, since the laws are tested at sixty w at once, found {}: check a part of \
             the file",
            shape.dim
        ));
    }
    if !format.lower_bounds(&task).is_empty() {
        return refuse(format!(
            "expected a task without lower bounds of weights, found {}: the laws are tested at weights of both signs",
            F::NAME
        ));
    }
    let mut again = Vec::new();
    // Standard input cannot be read again.
    if file != Path::new("-") {
        format.prepare(&mut task, options)?;
        let source = Source::open_quietly(file)?.decode(encoding);
        let promise = "reading with the model returns the examples of training";
        again.push((read(&format, &task, source, 0)?, "read with the model", promise));
        if let Some(cut) = format.cut().filter(|_| F::beside(options, file).is_empty()) {
            let mut pieces = Once::open(file, encoding, cut, None)?;
            let mut items = Items::<F>::new();
            while let Some(piece) = pieces.next_piece()? {
                items.append(&mut read(&format, &task, piece.source(), items.len())?);
            }
            let promise = "reading in pieces of one example returns the same examples";
            again.push((items, "read in pieces", promise));
        }
    }
    let count = examples.len();
    let positions = spread(count, sample);
    let kept = examples.into_iter().enumerate().filter(|(at, _)| positions.contains(at));
    let examples: Examples<F> = kept.map(|(_, example)| example).collect();
    let mut checked = Checked {
        task: F::NAME,
        examples: count,
        dim: shape.dim,
        sizes: shape.sizes,
        checked: examples.len(),
        holds: Vec::new(),
        broken: None,
    };
    monitor.note(&format!("testing {} on {} of {count} examples", F::NAME, checked.checked));
    let sample = Sample { format, task, examples, positions, count, again };
    checked.broken = sample.promises(&mut |promise| checked.holds.push(promise)).err();
    Ok(checked)
}

/// At most `most` of the positions below `count`, the first among them, evenly spread.
fn spread(count: usize, most: usize) -> Vec<usize> {
    let most = most.min(count);
    (0..most).map(|at| (at as u128 * count as u128 / most as u128) as usize).collect()
}

/// Examples to check a task on.
struct Sample<F: Format> {
    format: F,
    task: F::Task,
    examples: Examples<F>,
    /// Their positions in the file.
    positions: Vec<usize>,
    /// Number of examples in the file.
    count: usize,
    /// All examples of the file, read with the model: how they were read, and what is promised.
    again: Vec<(Items<F>, &'static str, &'static str)>,
}

impl<F: Format> Sample<F> {
    /// Hands each promise that is kept to `hold`. The error is the first one that is broken.
    fn promises(self, hold: &mut dyn FnMut(String)) -> Result<(), String> {
        let Self { format, task, examples, positions, count, again } = self;
        laws(&task, &examples)
            .map_err(|violation| violation.renumbered(|at| positions[at]).to_string())?;
        hold(
            "laws 1, 2 and 3, at weights that are random, trained, huge, or make answers tie"
                .to_owned(),
        );

        let settings = Settings::new().c(C::Sum(1.0)).passes(PASSES).threads(1);
        let solution = solve(&task, &examples, &settings).map_err(|error| error.to_string())?;
        verify_solution(&task, &examples, &settings, &solution)?;
        hold(format!("the bounds P and D of training with up to {PASSES} passes"));

        let model = Model::new(task, solution.w, settings, solution.certificate);
        let text = |format: &F, model: &Model<F::Task>, x: &InputOf<F>| {
            let (mut text, mut scratch) = (Vec::new(), <F::Task as Task>::Scratch::default());
            let y_hat = model.task.predict(&model.w, x, &mut scratch);
            // A vector takes whatever is written.
            let _ = format.write(&model.task, &model.w, x, &y_hat, &mut text);
            text
        };
        for (items, how, promise) in again {
            same_examples(&model, &examples, &positions, count, &items, how)?;
            hold(promise.to_owned());
        }

        let mut bytes = Vec::new();
        let written =
            model_file::write(&format, &model, &mut bytes).map_err(|error| error.to_string());
        let again = written.and_then(|()| {
            let file = ModelFile::from_bytes(Path::new("the model"), bytes);
            file.and_then(ModelFile::load::<F>).map_err(|error| error.to_string())
        })?;
        for (example, &at) in examples.iter().zip(&positions) {
            if text(&format, &model, &example.x) != text(&again.0, &again.1, &example.x) {
                return Err(format!(
                    "example {at}: a model that is written and read back predicts something else"
                ));
            }
        }
        hold("a model that is written and read back predicts the same".to_owned());

        let (mut names, labels) = (HashSet::new(), format.labels(&model.task).len());
        for at in 0..model.w.len() {
            if let Some(label) =
                format.role(&model.task, at).labels.into_iter().find(|&at| at >= labels)
            {
                return Err(format!(
                    "`role` of weight {at} names the label {label}, but `labels` returns {labels}"
                ));
            }
            if !names.insert(format.weight_name(&model.task, at)) {
                let name = format.weight_name(&model.task, at);
                return Err(format!("two weights have the name `{name}`"));
            }
        }
        hold("weights have different names, and labels that the task has".to_owned());
        Ok(())
    }
}

/// Refuses examples that are read `how` if they are not those of training: their outputs must have no
/// loss against each other, and their predictions the same.
fn same_examples<T: Task>(
    model: &Model<T>,
    examples: &[Example<T::Input, T::Output>],
    positions: &[usize],
    count: usize,
    items: &[Item<T::Input, T::Output>],
    how: &str,
) -> Result<(), String> {
    if items.len() != count {
        let how = how.replace("read ", "reading it ");
        let read = items.len();
        return Err(format!("training on the file has {count} examples, but {how} has {read}"));
    }
    let mut scratch = T::Scratch::default();
    for (example, &at) in examples.iter().zip(positions) {
        let Item { x, y, .. } = &items[at];
        let loss = y.as_ref().map_or(f64::NAN, |y| model.task.loss(&example.x, &example.y, y));
        if loss != 0.0 {
            return Err(format!(
                "example {at}: {how}, its output has the loss {loss} against that of training; it must be 0"
            ));
        }
        let mut loss = |x: &T::Input| {
            let y_hat = model.task.predict(&model.w, x, &mut scratch);
            model.task.loss(&example.x, &example.y, &y_hat)
        };
        let (ours, theirs) = (loss(&example.x), loss(x));
        if ours.to_bits() != theirs.to_bits() {
            return Err(format!(
                "example {at}: {how}, its prediction has the loss {theirs}, and as read in training {ours}"
            ));
        }
    }
    Ok(())
}
