//! The verbs of the program, written once for all tasks, and [`Entry`]: one task's row in the table of a program.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;
use std::path::Path;

use crosscut::validation::{FoldError, Round, cross_validate, folds};
use crosscut::{
    C, Example, Model, Settings, Solution, SolveError, Solver, State, StreamError, StreamTrainer, Trainer, predict_all,
};
use rayon::prelude::*;

use crate::answers::{Classified, Inspected, Kept, Learned, Validated};
use crate::application::{Application, OptionSpec, Options, Outcome};
use crate::checkpoint::{self, Checkpoints, Data, Keeper, Origin, Resumed, Training};
use crate::error::Error;
use crate::model_file::Stored;
use crate::monitor::{Monitor, Start};
use crate::report::Report;
use crate::source::{Source, display_name};
use crate::stream::Pieces;
use crate::{model_file, output};

/// A task as a program sees it: constants, and the verbs with the task filled in.
#[derive(Clone, Copy)]
pub struct Entry {
    /// [`Application::NAME`].
    pub name: &'static str,
    /// [`Application::ABOUT`].
    pub about: &'static str,
    /// [`Application::OPTIONS`].
    pub options: &'static [OptionSpec],
    /// [`Application::READING`].
    pub reading: &'static [OptionSpec],
    /// [`Application::WRITING`].
    pub writing: &'static [OptionSpec],
    /// [`learn`].
    pub learn: fn(&Learn<'_>, &mut dyn Monitor) -> Result<Learned, Error>,
    /// [`classify`].
    pub classify: fn(&Classify<'_>, Stored, &mut dyn Monitor) -> Result<Classified, Error>,
    /// [`evaluate`].
    pub evaluate: fn(&Path, Stored, &Options, &mut dyn Monitor) -> Result<Report, Error>,
    /// [`validate`].
    pub validate: fn(&Validate<'_>, &mut dyn Monitor) -> Result<Vec<Validated>, Error>,
    /// [`inspect`].
    pub inspect: fn(Stored, usize) -> Result<Inspected, Error>,
}

impl Entry {
    /// The row of the task `A`.
    pub const fn of<A: Application>() -> Self {
        Self {
            name: A::NAME,
            about: A::ABOUT,
            options: A::OPTIONS,
            reading: A::READING,
            writing: A::WRITING,
            learn: learn::<A>,
            classify: classify::<A>,
            evaluate: evaluate::<A>,
            validate: validate::<A>,
            inspect: inspect::<A>,
        }
    }

    /// The row of `table` that a model belongs to.
    ///
    /// # Errors
    /// A model of a task that is not in the table.
    pub fn of_model<'t>(table: &'t [Self], model: &Stored) -> Result<&'t Self, Error> {
        let task = model.task();
        table.iter().find(|entry| entry.name == task).ok_or_else(|| {
            let known: Vec<&str> = table.iter().map(|entry| entry.name).collect();
            let message = format!("expected a model of one of the tasks {}, found `{task}`", known.join(", "));
            Error::file(display_name(model.path()), message)
        })
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry").field("name", &self.name).finish_non_exhaustive()
    }
}

/// What [`learn`] is asked to do.
#[derive(Clone, Copy, Debug)]
pub struct Learn<'a> {
    /// The file of training examples.
    pub examples: &'a Path,
    /// Where the model goes.
    pub model: &'a Path,
    /// The options of the task.
    pub options: &'a Options,
    /// How to train.
    pub settings: &'a Settings,
    /// Where to keep the state of training meanwhile.
    pub checkpoints: Option<Checkpoints<'a>>,
    /// The checkpoint to go on from.
    pub resume: Option<&'a Path>,
    /// Whether the file is read again for each pass, piece by piece, and no example kept.
    pub stream: bool,
}

/// Reads examples, trains, and writes the model.
///
/// Settings and the place of the model are checked before anything is read. If the monitor stops training, the model
/// is written all the same: it is as good as its certificate says. With checkpoints, training stops between two passes, where one is written.
///
/// A run that goes on from a checkpoint ends with the same model, to the bit, as one that was never stopped. `threads`, `passes` and `seconds` may
/// differ from those of the run that wrote it.
///
/// # Errors
/// Bad options, settings, files and lines; a checkpoint of other data or settings; a model that cannot be written. A checkpoint that cannot be
/// written is not an error: [`Learned::checkpoint`] says so.
pub fn learn<A: Application>(request: &Learn<'_>, monitor: &mut dyn Monitor) -> Result<Learned, Error> {
    let settings = request.settings;
    settings.check().map_err(SolveError::from)?;
    let examples_name = display_name(request.examples);
    output::check(request.model, &[request.examples])?;
    if let Some(Checkpoints { file, .. }) = request.checkpoints {
        checkpoint::check(file, request.examples, request.model)?;
    }
    let mut origin = Origin::new::<A>(settings, request.options, request.stream);
    let resumed = request.resume.map(|path| Resumed::open::<A>(path, &origin, settings)).transpose()?;
    let is_kept = request.checkpoints.is_some() || resumed.is_some();

    let (task, (solution, kept)) = if request.stream {
        let mut pieces = Pieces::open(request.examples)?;
        let task = A::survey(request.options, &mut pieces)?;
        let digest = pieces.digest();
        let mut trainer = StreamTrainer::new(&task, pieces, settings).map_err(|error| match error {
            StreamError::Solve(error) => blame(&task, request.examples, error),
            StreamError::Source(error) => error,
        })?;
        origin.data = Data::of_stream(&task, trainer.examples(), digest);
        let settings = Settings { solver: Solver::OneSlack, ..*settings };
        monitor.start(&start(&task, trainer.examples(), &settings, None));
        let trained = train::<A>(&mut trainer, resumed, request, &origin, monitor)?;
        drop(trainer);
        (task, trained)
    } else {
        let source = Source::open(request.examples, monitor)?;
        let digest = source.digest();
        let (task, examples) = A::define(request.options, source)?;
        let trainer = Trainer::new(&task, &examples, settings);
        let mut trainer = trainer.map_err(|error| blame(&task, request.examples, error))?;
        if is_kept {
            origin.data = Data::new(&task, &examples, digest.get());
        }
        monitor.start(&start(&task, examples.len(), settings, None));
        if trainer.different() < examples.len() {
            let different = trainer.different();
            monitor.note(&format!(
                "{different} examples are different; equal ones are trained as one, with the sum of their weights"
            ));
        }
        let trained = train::<A>(&mut trainer, resumed, request, &origin, monitor)?;
        drop(trainer);
        (task, trained)
    };
    if let Some(fault) = solution.certificate.oracle.fault
        && !solution.certificate.shown.is_finite()
    {
        return Err(blame(&task, request.examples, fault.into()));
    }
    if !solution.certificate.shown.is_finite() {
        let why = "the objective overflows double precision: scale the features, or choose a smaller C";
        return Err(Error::file(examples_name, why));
    }
    let model = Model::new(task, solution.w, *settings, solution.certificate);
    model_file::save(&model, request.model)?;
    Ok(Learned {
        task: A::NAME,
        certificate: model.certificate,
        settings: model.settings,
        dim: model.w.len(),
        sizes: model.task.sizes(),
        plane_bytes: solution.plane_bytes,
        seconds: solution.seconds,
        oracle_seconds: solution.oracle_seconds,
        checkpoint: kept,
    })
}

/// Trains from the beginning or from a checkpoint, and keeps checkpoints if asked to.
fn train<A: Application>(
    trainer: &mut dyn Training,
    resumed: Option<Resumed<'_>>,
    request: &Learn<'_>,
    origin: &Origin,
    monitor: &mut dyn Monitor,
) -> Result<(Solution, Option<Kept>), Error> {
    let mut passes = 0.0;
    if let Some(resumed) = resumed {
        passes = resumed.passes();
        resumed.restore(trainer, &origin.data, &display_name(request.examples))?;
        monitor.note(&format!("going on from pass {passes}"));
    }
    let Some(plan) = request.checkpoints else {
        return Ok((trainer.solve(&mut |progress| monitor.progress(progress), None)?, None));
    };
    let mut keeper = Keeper::new(plan, origin, passes);
    // The observer and the keeper take turns.
    let monitor = RefCell::new(monitor);
    let mut see = |state: &State<'_>| keeper.see::<A>(state, |message| monitor.borrow_mut().note(message));
    let solution = trainer.solve(&mut |progress| monitor.borrow_mut().progress(progress), Some(&mut see))?;
    Ok((solution, Some(keeper.result())))
}

fn start<A: Application>(task: &A, n: usize, settings: &Settings, round: Option<Round>) -> Start {
    let c = round.map_or(settings.c, |round| round.c);
    Start {
        task: A::NAME,
        round,
        examples: n,
        dim: task.dim(),
        sizes: task.sizes(),
        c_mean: c.mean(n),
        c_sum: c.sum(n),
        solver: settings.solver.resolve(n),
    }
}

/// What a solver refuses, as an error about the file of examples.
fn blame<A: Application>(task: &A, examples: &Path, error: SolveError) -> Error {
    let file = display_name(examples);
    match error {
        SolveError::Memory { .. } => {
            let sizes: Vec<String> = task.sizes().iter().map(|(name, size)| format!("{size} {name}")).collect();
            Error::file(file, format!("{error} ({})", sizes.join(", ")))
        }
        other => Error::Solve(other).in_file(&file),
    }
}

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

/// Predicts the output of each example, labelled or not, and writes the predictions, one after the other.
///
/// # Errors
/// Bad models, options, files and lines; predictions that cannot be written, or would replace what is read.
pub fn classify<A: Application>(
    request: &Classify<'_>,
    model: Stored,
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
    let (mut labelled, mut weight, mut loss) = (0, 0.0, 0.0);
    output::replace(predictions, |out| {
        for chunk in items.chunks(CHUNK) {
            let pieces: Vec<_> = (chunk.par_chunks(PIECE))
                .map_init(A::Scratch::default, |scratch, piece| {
                    let mut text = Vec::new();
                    let mut losses = Vec::new();
                    for item in piece {
                        let y_hat = task.predict(&w, &item.x, scratch);
                        task.write(&w, &item.x, &y_hat, &mut text)?;
                        losses.extend(item.y.as_ref().map(|y| (item.weight, task.loss(&item.x, y, &y_hat))));
                    }
                    std::io::Result::Ok((text, losses))
                })
                .collect();
            for piece in pieces {
                let (text, losses) = piece?;
                out.write_all(&text)?;
                labelled += losses.len();
                for (item_weight, item_loss) in losses {
                    weight += item_weight;
                    loss += item_weight * item_loss;
                }
            }
        }
        Ok(())
    })?;
    Ok(Classified { examples: items.len(), labelled, loss: (weight > 0.0).then(|| loss / weight) })
}

/// The task's measures of a model on the labelled examples of a file.
///
/// # Errors
/// Bad models, options, files and lines; a file without a single output.
pub fn evaluate<A: Application>(
    examples: &Path,
    model: Stored,
    options: &Options,
    monitor: &mut dyn Monitor,
) -> Result<Report, Error> {
    let Model { mut task, w, .. } = model.load::<A>()?;
    task.prepare(options)?;
    let items = task.read(Source::open(examples, monitor)?)?;
    let labelled: Vec<_> = items.iter().filter_map(|item| Some((&item.x, item.y.as_ref()?, item.weight))).collect();
    if labelled.is_empty() {
        return Err(Error::file(display_name(examples), "expected labelled examples, found none with an output"));
    }
    if labelled.len() < items.len() {
        let without = items.len() - labelled.len();
        monitor.note(&format!("{without} of {} examples have no output and are left out", items.len()));
    }
    let inputs: Vec<_> = labelled.iter().map(|(x, ..)| *x).collect();
    let predictions = predict_all(&task, &w, &inputs);
    let outcomes: Vec<_> =
        (labelled.iter().zip(&predictions)).map(|(&(x, y, weight), y_hat)| Outcome { x, y, y_hat, weight }).collect();
    Ok(task.evaluate(&outcomes))
}

/// What [`validate`] is asked to do.
#[derive(Clone, Copy, Debug)]
pub struct Validate<'a> {
    /// The file of examples.
    pub examples: &'a Path,
    /// Into how many folds to divide them.
    pub folds: usize,
    /// The constants to try.
    pub cs: &'a [C],
    /// The options of the task.
    pub options: &'a Options,
    /// How to train; its C is not read, its seed also divides the examples.
    pub settings: &'a Settings,
}

/// Cross-validation: each fold in turn is predicted by a model trained on the others, for every C.
///
/// The answer has the order of the constants, each once, and holds those that were completed before the monitor
/// asked to stop.
///
/// # Errors
/// Bad options, settings, files and lines; more folds than groups of examples.
pub fn validate<A: Application>(request: &Validate<'_>, monitor: &mut dyn Monitor) -> Result<Vec<Validated>, Error> {
    request.options.check::<A>()?;
    let settings = request.settings;
    let mut cs: Vec<C> = Vec::new();
    for &c in request.cs {
        Settings { c, ..*settings }.check().map_err(SolveError::from)?;
        if !cs.contains(&c) {
            cs.push(c);
        }
    }
    let (task, examples) = A::define(request.options, Source::open(request.examples, monitor)?)?;
    let fold_of = folds(&groups(&task, &examples), request.folds, settings.seed).map_err(|error| match error {
        FoldError::TooFew { folds } => Error::option("--folds", "at least 2", folds),
        FoldError::TooMany { folds, groups } => {
            Error::option("--folds", format!("at most the number of examples (or of their groups), {groups}"), folds)
        }
    })?;

    let mut predictions: Vec<Vec<Option<A::Output>>> = Vec::new();
    predictions.resize_with(cs.len(), || examples.iter().map(|_| None).collect());
    let mut current = None;
    let points = cross_validate(
        &task,
        &examples,
        &fold_of,
        &cs,
        settings,
        &mut |round, progress| {
            if current.replace(*round) != Some(*round) {
                let kept = fold_of.iter().filter(|&&fold| fold != round.fold).count();
                monitor.start(&start(&task, kept, settings, Some(*round)));
            }
            monitor.progress(progress)
        },
        &mut |round, solution, held_out| {
            let Some(at) = cs.iter().position(|&c| c == round.c) else { return };
            let inputs: Vec<_> = held_out.iter().map(|&example| &examples[example].x).collect();
            for (&example, y_hat) in held_out.iter().zip(predict_all(&task, &solution.w, &inputs)) {
                predictions[at][example] = Some(y_hat);
            }
        },
    )
    .map_err(|error| blame(&task, request.examples, error))?;

    let validated = points.into_iter().map(|point| {
        let predictions = cs.iter().position(|&c| c == point.c).map_or(&[][..], |at| &predictions[at]);
        let outcomes: Vec<_> = (examples.iter().zip(predictions))
            .filter_map(|(example, y_hat)| {
                Some(Outcome { x: &example.x, y: &example.y, y_hat: y_hat.as_ref()?, weight: example.weight })
            })
            .collect();
        Validated { point, report: task.evaluate(&outcomes) }
    });
    Ok(validated.collect())
}

/// A number for each group of examples; those without a group are groups of their own.
fn groups<A: Application>(task: &A, examples: &[Example<A::Input, A::Output>]) -> Vec<u64> {
    let mut numbers = HashMap::new();
    let mut count = 0;
    let mut fresh = || {
        count += 1;
        count
    };
    let group = |example: &Example<A::Input, A::Output>| match task.group(&example.x) {
        Some(group) => *numbers.entry(group).or_insert_with(&mut fresh),
        None => fresh(),
    };
    examples.iter().map(group).collect()
}

/// Looks into a model; `top` is how many of the heaviest weights to name.
///
/// # Errors
/// Bad models.
pub fn inspect<A: Application>(model: Stored, top: usize) -> Result<Inspected, Error> {
    let Model { task, w, settings, certificate } = model.load::<A>()?;
    let mut order: Vec<usize> = (0..w.len()).filter(|&index| w[index] != 0.0).collect();
    let nonzeros = order.len();
    let heavier = |&a: &usize, &b: &usize| w[b].abs().total_cmp(&w[a].abs()).then(a.cmp(&b));
    if top < order.len() {
        order.select_nth_unstable_by(top, heavier);
        order.truncate(top);
    }
    order.sort_unstable_by(heavier);
    Ok(Inspected {
        task: A::NAME,
        dim: w.len(),
        sizes: task.sizes(),
        scale: task.scale(),
        settings,
        certificate,
        nonzeros,
        norm: w.iter().map(|weight| weight * weight).sum::<f64>().sqrt(),
        heaviest: order.into_iter().map(|index| (task.weight_name(index), w[index])).collect(),
    })
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::ops::ControlFlow;
    use std::path::PathBuf;

    use crosscut::{Flow, Progress, StopReason};

    use super::*;
    use crate::fake::{Other, Sign, model};

    const TABLE: [Entry; 2] = [Entry::of::<Other>(), Entry::of::<Sign>()];

    /// A folder with labelled examples that a sign can separate, and two without a label.
    struct Home(tempfile::TempDir);

    impl Home {
        fn new() -> Self {
            let home = Self(tempfile::tempdir().unwrap());
            let line = |i: usize| match i % 3 {
                0 => format!("1 1:{} 2:0.5\n", i % 7 + 1),
                1 => format!("-1 1:{} 3:-1\n", -((i % 5) as i32) - 1),
                _ => "1 2:2 # only the second\n".to_owned(),
            };
            fs::write(home.path("train"), (0..60).map(line).collect::<String>()).unwrap();
            fs::write(home.path("test"), "1 1:1\n? 1:-1\n-1 1:2 9:1\n3:1\n").unwrap();
            home
        }

        fn path(&self, name: &str) -> PathBuf {
            self.0.path().join(name)
        }

        fn stored(&self, name: &str) -> Stored {
            Stored::open(&self.path(name)).unwrap()
        }

        fn learn(&self, settings: &Settings, monitor: &mut dyn Monitor) -> Result<Learned, Error> {
            let (examples, model, options) = (self.path("train"), self.path("model"), Options::default());
            let request = Learn {
                examples: &examples,
                model: &model,
                options: &options,
                settings,
                checkpoints: None,
                resume: None,
                stream: false,
            };
            learn::<Sign>(&request, monitor)
        }

        /// Predictions go to `out`.
        fn classify(&self, examples: &str, model: &str, options: &Options) -> Result<Classified, Error> {
            let (examples, predictions) = (self.path(examples), self.path("out"));
            let request = Classify { examples: &examples, predictions: &predictions, options };
            classify::<Sign>(&request, self.stored(model), &mut ())
        }
    }

    /// Notes what it hears; stops at the first chance if told so.
    #[derive(Default)]
    struct Ears {
        starts: Vec<Start>,
        notes: Vec<String>,
        stop: bool,
    }

    impl Monitor for Ears {
        fn start(&mut self, start: &Start) {
            self.starts.push(start.clone());
        }

        fn progress(&mut self, _: &Progress) -> Flow {
            if self.stop { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        }

        fn note(&mut self, message: &str) {
            self.notes.push(message.to_owned());
        }
    }

    #[test]
    fn what_is_learned_can_be_inspected_and_evaluated() {
        let home = Home::new();
        let mut ears = Ears::default();
        let learned = home.learn(&Settings { relative_gap: 1e-6, ..Settings::default() }, &mut ears).unwrap();
        assert_eq!(learned.certificate.stop, StopReason::Gap);
        assert!(learned.certificate.relative_gap() <= 1e-6);
        assert_eq!((learned.dim, &*learned.sizes), (3, &[("features", 3)][..]));
        let start = &ears.starts[0];
        assert_eq!((start.examples, start.dim, start.c_mean, start.c_sum), (60, 3, 60.0, 1.0));

        let inspected = inspect::<Sign>(home.stored("model"), 2).unwrap();
        assert_eq!((inspected.certificate, inspected.dim, inspected.nonzeros), (learned.certificate, 3, 3));
        assert!(inspected.heaviest.is_sorted_by(|a, b| a.1.abs() >= b.1.abs()) && inspected.heaviest.len() == 2);
        assert!(inspected.heaviest[0].0.starts_with("feature "));

        let none = Options::default();
        let report = evaluate::<Sign>(&home.path("train"), home.stored("model"), &none, &mut ears).unwrap();
        assert_eq!(report.get("loss"), Some(0.0));
        assert!(ears.notes.is_empty());
    }

    #[test]
    fn equal_runs_write_equal_models_on_any_number_of_threads() {
        let home = Home::new();
        let bytes = [1, 2, 1].map(|threads| {
            home.learn(&Settings { threads, ..Settings::default() }, &mut ()).unwrap();
            fs::read(home.path("model")).unwrap()
        });
        assert!(bytes[0] == bytes[1] && bytes[0] == bytes[2]);
    }

    #[test]
    fn training_that_is_stopped_leaves_a_model_that_says_so() {
        let home = Home::new();
        let mut ears = Ears { stop: true, ..Ears::default() };
        let learned = home.learn(&Settings { relative_gap: 0.0, ..Settings::default() }, &mut ears).unwrap();
        assert_eq!(learned.certificate.stop, StopReason::Interrupted);
        assert_eq!(inspect::<Sign>(home.stored("model"), 0).unwrap().certificate, learned.certificate);
    }

    #[test]
    fn bad_settings_and_targets_are_refused_before_examples_are_read() {
        let home = Home::new();
        fs::write(home.path("train"), "not an example").unwrap();
        let error = home.learn(&Settings { c: C::Sum(0.0), ..Settings::default() }, &mut ()).unwrap_err();
        assert_eq!(error.to_string(), "C must be a finite number above 0, not 0");
        fs::create_dir(home.path("model")).unwrap();
        let error = home.learn(&Settings::default(), &mut ()).unwrap_err();
        assert!(error.to_string().ends_with("model: expected a file, found a directory"), "{error}");
        fs::remove_dir(home.path("model")).unwrap();
        let error = home.learn(&Settings::default(), &mut ()).unwrap_err();
        assert!(error.to_string().contains("train:1: expected"), "{error}");
        assert!(error.is_bad_input() && !home.path("model").exists());
    }

    #[test]
    fn predictions_are_in_order_and_labels_are_not_needed() {
        let home = Home::new();
        model_file::save(&model(vec![1.0, 0.0, 0.5]), &home.path("model")).unwrap();
        let go = |name: &str| home.classify(name, "model", &Options::default());
        assert_eq!(go("test").unwrap(), Classified { examples: 4, labelled: 2, loss: Some(0.5) });
        assert_eq!(fs::read_to_string(home.path("out")).unwrap(), "1 1\n-1 -1\n1 2\n1 0.5\n");

        let many: String = (1..=10_000).map(|i| format!("? 1:{i}\n")).collect();
        fs::write(home.path("many"), many).unwrap();
        assert_eq!(go("many").unwrap(), Classified { examples: 10_000, labelled: 0, loss: None });
        let expected: String = (1..=10_000).map(|i| format!("1 {i}\n")).collect();
        assert!(fs::read_to_string(home.path("out")).unwrap() == expected);
    }

    #[test]
    fn options_of_reading_and_writing_reach_the_task_before_anything_is_read() {
        let home = Home::new();
        model_file::save(&model(vec![1.0, 0.0, 0.5]), &home.path("model")).unwrap();
        let mut options = Options::default();
        options.set("above", "1.5");
        let report = evaluate::<Sign>(&home.path("test"), home.stored("model"), &options, &mut ()).unwrap();
        assert_eq!(report.get("loss"), Some(1.0));
        options.set("bare", "");
        home.classify("test", "model", &options).unwrap();
        assert_eq!(fs::read_to_string(home.path("out")).unwrap(), "-1\n-1\n1\n-1\n");

        fs::write(home.path("test"), "not an example").unwrap();
        options.set("above", "x");
        let expected = "--above expects a number, not `x`";
        let error = home.classify("test", "model", &options).unwrap_err();
        assert_eq!(error.to_string(), expected);
        let error = evaluate::<Sign>(&home.path("test"), home.stored("model"), &options, &mut ()).unwrap_err();
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn an_oracle_that_may_have_missed_something_is_told_of_everywhere() {
        let home = Home::new();
        let (examples, model, mut options) = (home.path("train"), home.path("model"), Options::default());
        let settings = Settings::default();
        let go = |options: &Options| {
            let (settings, checkpoints, resume) = (&settings, None, None);
            let learn =
                Learn { examples: &examples, model: &model, options, settings, checkpoints, resume, stream: false };
            let learned = super::learn::<Sign>(&learn, &mut ()).unwrap();
            let inspected = inspect::<Sign>(home.stored("model"), 0).unwrap();
            assert_eq!((inspected.verdict(), inspected.certificate), (learned.verdict(), learned.certificate));
            let json = learned.to_json();
            assert_eq!(
                (&json["primal"], &json["converged"]),
                (&inspected.to_json()["primal"], &inspected.to_json()["converged"])
            );
            (learned.verdict(), json)
        };
        let (verdict, json) = go(&options);
        assert!(verdict.starts_with("converged: primal ") && json["primal"] == json["shown"], "{verdict}");
        options.set("lazy", "");
        let (verdict, json) = go(&options);
        assert!(verdict.starts_with("solved as far as the oracle can tell: primal at least "), "{verdict}");
        assert!(json["primal"].is_null() && json["shown"].is_number() && json["converged"] == false, "{json}");
    }

    #[test]
    fn measures_are_weighted_and_skip_what_has_no_label() {
        let home = Home::new();
        model_file::save(&model(vec![1.0]), &home.path("model")).unwrap();
        fs::write(home.path("test"), "1 1:1\n? 1:1\n-1 cost:3 1:1\n").unwrap();
        let mut ears = Ears::default();
        let none = Options::default();
        let report = evaluate::<Sign>(&home.path("test"), home.stored("model"), &none, &mut ears).unwrap();
        assert_eq!(report.get("loss"), Some(0.75));
        assert_eq!(ears.notes, ["1 of 3 examples have no output and are left out"]);
        fs::write(home.path("test"), "? 1:1\n").unwrap();
        let error = evaluate::<Sign>(&home.path("test"), home.stored("model"), &none, &mut ears).unwrap_err();
        assert!(error.to_string().ends_with("expected labelled examples, found none with an output"));
    }

    #[test]
    fn every_example_is_held_out_once_for_every_c() {
        let home = Home::new();
        let (examples, options, settings) = (home.path("train"), Options::default(), Settings::default());
        let cs = [C::Sum(1.0), C::Mean(0.01), C::Sum(1.0)];
        let request = Validate { examples: &examples, folds: 4, cs: &cs, options: &options, settings: &settings };
        let mut ears = Ears::default();
        let validated = validate::<Sign>(&request, &mut ears).unwrap();
        assert_eq!(validated.iter().map(|validated| validated.point.c).collect::<Vec<_>>(), &cs[..2]);
        for Validated { point, report } in &validated {
            assert_eq!(point.risks.len(), 4);
            assert!((report.get("loss").unwrap() - point.risk).abs() < 1e-12);
        }
        assert_eq!(validated[0].point.risk, 0.0);
        assert_eq!(ears.starts.len(), 8);
        assert!(ears.starts.iter().all(|start| start.examples == 45 && start.round.is_some()));

        for (folds, expected) in [(1, "--folds expects at least 2, not `1`"), (61, "groups), 60, not `61`")] {
            let error = validate::<Sign>(&Validate { folds, ..request }, &mut ()).unwrap_err();
            assert!(error.to_string().ends_with(expected) && error.is_bad_input(), "{error}");
        }
        let error = validate::<Sign>(&Validate { cs: &[C::Sum(-1.0)], ..request }, &mut ()).unwrap_err();
        assert!(error.to_string().starts_with("C must be"), "{error}");
    }

    #[test]
    fn a_model_finds_its_row_in_the_table() {
        let home = Home::new();
        model_file::save(&model(vec![1.0]), &home.path("model")).unwrap();
        assert_eq!(Entry::of_model(&TABLE, &home.stored("model")).unwrap().name, "sign");
        let error = Entry::of_model(&TABLE[..1], &home.stored("model")).unwrap_err();
        assert!(error.to_string().ends_with("expected a model of one of the tasks other, found `sign`"), "{error}");
        let error = Stored::open(&home.path("train")).unwrap_err();
        assert!(error.to_string().ends_with("expected a Crosscut model, found something else"), "{error}");
    }

    #[test]
    fn answers_name_the_figures_of_the_log() {
        let home = Home::new();
        let json = home.learn(&Settings::default(), &mut ()).unwrap().to_json();
        for name in ["task", "examples", "dim", "sizes", "c_mean", "c_sum", "oracle_calls", "primal", "dual"] {
            assert!(!json[name].is_null(), "{name}");
        }
        for name in ["gap", "relative_gap", "planes", "passes", "seconds", "oracle_seconds", "settings"] {
            assert!(!json[name].is_null(), "{name}");
        }
        assert_eq!(json["stop"], "gap");
        let json = inspect::<Sign>(home.stored("model"), 1).unwrap().to_json();
        assert!(json["heaviest"][0]["name"].is_string() && json["heaviest"][0]["weight"].is_number());
    }

    #[test]
    fn broken_files_are_bad_input_and_leave_nothing_behind() {
        let home = Home::new();
        model_file::save(&model(vec![1.0]), &home.path("good")).unwrap();
        let good = fs::read(home.path("good")).unwrap();
        let broken: [&[u8]; 9] = [
            b"",
            b"\n",
            b"1:1\n",
            b"1 1:nan\n",
            b"1 2:1 1:1",
            b"1 0:1\r\n",
            b"1 1:1e400\n",
            b"1 \xff:1",
            &[0x1f, 0x8b],
        ];
        for bytes in broken.into_iter().chain([&good[..], &good[..good.len() / 2]]) {
            fs::write(home.path("train"), bytes).unwrap();
            let learned = home.learn(&Settings::default(), &mut ()).unwrap_err();
            assert!(learned.is_bad_input() && !home.path("model").exists(), "{learned}");
            if bytes != good {
                let inspected = Stored::open(&home.path("train")).unwrap_err();
                assert!(inspected.is_bad_input(), "{inspected}");
            }
            // Without a label it may be a file to predict.
            if bytes != b"1:1\n" {
                let classified = home.classify("train", "good", &Options::default()).unwrap_err();
                assert!(classified.is_bad_input() && !home.path("out").exists(), "{classified}");
            }
        }
    }
}
