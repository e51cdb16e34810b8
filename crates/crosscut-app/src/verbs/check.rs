//! [`check`]: tests the contracts of a task on a file of examples.

use std::collections::HashSet;
use std::path::Path;

use crosscut::testing::{laws, verify_solution};
use crosscut::{C, Model, Settings, Trainer, solve};

use super::{Shape, read};
use crate::answers::Checked;
use crate::application::{Application, Examples, Item, Items, Options};
use crate::encoding::Encoding;
use crate::error::Error;
use crate::model_file::{self, ModelFile};
use crate::monitor::Monitor;
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
/// * the contract of [`Application`]: [`read`](Application::read) returns the examples of
///   [`define`](Application::define), with outputs that have no loss against each other and inputs
///   whose predictions have the same loss; a model that is written and read back predicts the same
///   text; weights have different names, and their [roles](Application::role) name labels that exist.
///
/// The first promise that is broken is in [`Checked::broken`].
///
/// # Errors
/// Bad options, files and lines, as in training; more weights than the laws can be tested with.
pub fn check<A: Application>(
    request: &Check<'_>,
    monitor: &mut dyn Monitor,
) -> Result<Checked, Error> {
    let &Check { examples: file, options, sample } = request;
    options.check::<A>()?;
    let encoding = Encoding::of(options)?;
    let (mut task, examples) = A::define(options, Source::open(file, monitor)?.decode(encoding))?;
    let shape = Shape::of(&task);
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
    if !task.lower_bounds().is_empty() {
        return refuse(format!(
            "expected a task without lower bounds of weights, found {}: the laws are tested at weights of both signs",
            A::NAME
        ));
    }
    // Standard input cannot be read again.
    let items = if file == Path::new("-") {
        None
    } else {
        task.prepare(options)?;
        Some(read(&task, Source::open_quietly(file)?.decode(encoding), 0)?)
    };
    let count = examples.len();
    let positions = spread(count, sample);
    let kept = examples.into_iter().enumerate().filter(|(at, _)| positions.contains(at));
    let examples: Examples<A> = kept.map(|(_, example)| example).collect();
    let mut checked = Checked {
        task: A::NAME,
        examples: count,
        dim: shape.dim,
        sizes: shape.sizes,
        checked: examples.len(),
        holds: Vec::new(),
        broken: None,
    };
    monitor.note(&format!("testing {} on {} of {count} examples", A::NAME, checked.checked));
    let sample = Sample { task, examples, positions, count, items };
    checked.broken = sample.promises(&mut |promise| checked.holds.push(promise)).err();
    Ok(checked)
}

/// At most `most` of the positions below `count`, the first among them, evenly spread.
fn spread(count: usize, most: usize) -> Vec<usize> {
    let most = most.min(count);
    (0..most).map(|at| (at as u128 * count as u128 / most as u128) as usize).collect()
}

/// Examples to check a task on.
struct Sample<A: Application> {
    task: A,
    examples: Examples<A>,
    /// Their positions in the file.
    positions: Vec<usize>,
    /// Number of examples in the file.
    count: usize,
    /// All examples of the file, read with the task.
    items: Option<Items<A>>,
}

impl<A: Application> Sample<A> {
    /// Hands each promise that is kept to `hold`. The error is the first one that is broken.
    fn promises(self, hold: &mut dyn FnMut(String)) -> Result<(), String> {
        let Self { task, examples, positions, count, items } = self;
        laws(&task, &examples)
            .map_err(|violation| violation.renumbered(|at| positions[at]).to_string())?;
        hold(
            "laws 1, 2 and 3, at weights that are random, trained, huge, or make answers tie"
                .to_owned(),
        );

        let settings =
            Settings { c: C::Sum(1.0), passes: Some(PASSES), threads: 1, ..Settings::default() };
        let solution = solve(&task, &examples, &settings).map_err(|error| error.to_string())?;
        verify_solution(&task, &examples, &settings, &solution)?;
        hold(format!("the bounds P and D of training with up to {PASSES} passes"));

        let model = Model::new(task, solution.w, settings, solution.certificate);
        let text = |model: &Model<A>, x: &A::Input| {
            let (mut text, mut scratch) = (Vec::new(), A::Scratch::default());
            let y_hat = model.task.predict(&model.w, x, &mut scratch);
            // A vector takes whatever is written.
            let _ = model.task.write(&model.w, x, &y_hat, &mut text);
            text
        };
        if let Some(items) = items {
            if items.len() != count {
                return Err(format!(
                    "`define` returns {count} examples of the file, but `read` {}",
                    items.len()
                ));
            }
            for (example, &at) in examples.iter().zip(&positions) {
                let Item { x, y, .. } = &items[at];
                let loss =
                    y.as_ref().map_or(f64::NAN, |y| model.task.loss(&example.x, &example.y, y));
                if loss != 0.0 {
                    return Err(format!(
                        "example {at}: the loss of the output that `read` returns, against the one of `define`, is {loss}; it \
                         must be 0"
                    ));
                }
                let loss = |x: &A::Input| {
                    let y_hat = model.task.predict(&model.w, x, &mut A::Scratch::default());
                    model.task.loss(&example.x, &example.y, &y_hat)
                };
                let (ours, theirs) = (loss(&example.x), loss(x));
                if ours.to_bits() != theirs.to_bits() {
                    return Err(format!(
                        "example {at}: the prediction for what `define` returns has the loss {ours}, the one for what `read` \
                         returns {theirs}"
                    ));
                }
            }
            hold("`read` returns the examples of `define`".to_owned());
        }

        let mut bytes = Vec::new();
        let written = model_file::write(&model, &mut bytes).map_err(|error| error.to_string());
        let again = written.and_then(|()| {
            let file = ModelFile::from_bytes(Path::new("the model"), bytes);
            file.and_then(ModelFile::load::<A>).map_err(|error| error.to_string())
        })?;
        for (example, &at) in examples.iter().zip(&positions) {
            if text(&model, &example.x) != text(&again, &example.x) {
                return Err(format!(
                    "example {at}: a model that is written and read back predicts something else"
                ));
            }
        }
        hold("a model that is written and read back predicts the same".to_owned());

        let (mut names, labels) = (HashSet::new(), model.task.labels().len());
        for at in 0..model.w.len() {
            if let Some(label) = model.task.role(at).labels.into_iter().find(|&at| at >= labels) {
                return Err(format!(
                    "`role` of weight {at} names the label {label}, but `labels` returns {labels}"
                ));
            }
            if !names.insert(model.task.weight_name(at)) {
                let name = model.task.weight_name(at);
                return Err(format!("two weights have the name `{name}`"));
            }
        }
        hold("weights have different names, and labels that the task has".to_owned());
        Ok(())
    }
}
