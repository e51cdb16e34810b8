//! [`learn`]: trains a model on a file of examples.

use std::cell::RefCell;
use std::path::{Path, PathBuf};

use crosscut::{
    Model, Settings, Solution, SolveError, Solver, State, StreamError, StreamTrainer, Trainer,
};

use super::learn_on_ranks::learn_on_ranks;
use super::{Shape, check_options};
use crate::answers::{Kept, Learned};
use crate::checkpoint::{self, Checkpoints, Data, Keeper, Origin, Resumed, Trains};
use crate::container::Identity;
use crate::encoding::Encoding;
use crate::error::Error;
use crate::format::Format;
use crate::monitor::Monitor;
use crate::options::{OptionSpec, Options};
use crate::prior::{self, Prior};
use crate::ranks::{Collective, path_of};
use crate::reading::{self, Passes, Training};
use crate::source::{Source, display_name};
use crate::stream::Pieces;
use crate::{model_file, output, probability};

/// The arguments of [`learn`].
#[derive(Clone, Copy, Debug)]
pub struct Learn<'a> {
    /// The file of training examples.
    pub examples: &'a Path,
    /// The file to write the model to.
    pub model: &'a Path,
    /// The options of the task.
    pub options: &'a Options,
    /// How to train.
    pub settings: &'a Settings,
    /// The file for checkpoints and how often to write them, if any are wanted.
    pub checkpoints: Option<Checkpoints<'a>>,
    /// The checkpoint to resume from.
    pub resume: Option<&'a Path>,
    /// The model whose weights are the prior weights, if there is one.
    pub prior: Option<&'a Path>,
    /// The model whose weights training starts from, if there is one.
    pub init: Option<&'a Path>,
    /// Whether to read the file again for each pass, piece by piece, without keeping examples in
    /// memory.
    pub stream: bool,
    /// The ranks that train together, each on a part of the examples; [`learn`] is called on each of
    /// them with the same arguments. Only the root writes files.
    pub ranks: Option<&'a dyn Collective>,
}

impl Learn<'_> {
    /// Checks the settings, and refuses to write over a file that is read; `specs` are the options of
    /// the task, `beside` the files that it reads beside the examples.
    pub(super) fn check(&self, specs: &[OptionSpec], beside: &[PathBuf]) -> Result<(), Error> {
        if self.init.is_some() && self.resume.is_some() {
            let expected = "no --resume, which goes on from the weights of the checkpoint";
            return Err(Error::option("--init", expected, "both"));
        }
        self.settings.check().map_err(SolveError::from)?;
        probability::check_settings(self.options, self.settings)?;
        let side = self.options.files(specs);
        let mut inputs: Vec<&Path> = side.iter().map(|(_, file)| *file).collect();
        inputs.push(self.examples);
        inputs.extend(beside.iter().map(PathBuf::as_path));
        inputs.extend(self.prior);
        inputs.extend(self.init);
        if let Some(Checkpoints { file, .. }) = self.checkpoints {
            // A run that resumes goes on keeping its checkpoint.
            checkpoint::check(file, &inputs, self.model)?;
        }
        inputs.extend(self.resume);
        output::check(self.model, &inputs)
    }
}

/// Reads examples, trains, and writes the model.
///
/// With a prior, training minimises ½‖w − w₀‖² + slacks, for the weights w₀ of another model of the
/// task. Weights are matched by name; a weight without a namesake in that model has the prior 0.
///
/// With a model to start from, the first pass is made at its weights, matched in the same way. The
/// objective and its optimum stay.
///
/// Checks settings and the file of the model before reading anything. If the monitor stops
/// training, the model is still written, with the certificate it has reached. With checkpoints,
/// training stops between two passes, and a checkpoint is written there.
///
/// A resumed run ends with the same model, bit for bit, as a run that was never stopped. `threads`,
/// `passes` and `seconds` may differ from those of the run that wrote the checkpoint.
///
/// On several ranks the model is that of the same number of ranks with the same parts of the
/// examples, whatever their threads. It has the optimum and the certificate of one machine. One rank
/// is as no ranks. `max_memory` is that of each rank.
///
/// # Errors
/// Bad options, settings, files and lines; a checkpoint of other data or settings; a prior of another
/// task, with other outputs or another scaling, or without a weight of this task; a model that
/// cannot be written. A checkpoint that cannot be written is not an error: [`Learned::checkpoint`]
/// says so. On ranks, others may still wait for a rank that has failed unless the error is
/// [`Error::OnRank`], which all ranks have: end the job with [`Collective::abort`].
pub fn learn<F: Format>(request: &Learn<'_>, monitor: &mut dyn Monitor) -> Result<Learned, Error> {
    match request.ranks {
        Some(ranks) if ranks.size() > 1 => learn_on_ranks::<F>(ranks, request, monitor),
        // One rank is one machine.
        Some(_) => {
            let examples = path_of(request.examples, 0);
            learn_alone::<F>(&Learn { examples: &examples, ..*request }, monitor)
        }
        None => learn_alone::<F>(request, monitor),
    }
}

/// [`learn`] on one machine.
fn learn_alone<F: Format>(
    request: &Learn<'_>,
    monitor: &mut dyn Monitor,
) -> Result<Learned, Error> {
    check_options::<F>(request.options)?;
    let encoding = Encoding::of(request.options)?;
    let mut origin = Origin::new(F::OPTIONS, request.settings, request.options, request.stream);
    request.check(F::OPTIONS, &F::beside(request.options, request.examples))?;
    let prior = Prior::<F>::open(request.prior)?;
    if let Some(prior) = &prior {
        origin.set_prior(&prior.origin);
    }
    let init = Prior::<F>::open(request.init)?;
    let mut run = Session::begin(request, Identity::of::<F>(), origin)?;
    let (format, task, shape, solution, regulariser) = if request.stream {
        let mut pieces = Pieces::open(request.examples)?.decode(encoding);
        let (format, task) = reading::survey::<F>(request.options, &mut pieces)?;
        let (shape, digest) = (Shape::of(&format, &task), pieces.digest());
        let regulariser = prior::regulariser(prior.as_ref(), &format, &task, &mut |message| {
            monitor.note(message)
        })?;
        let passes = Passes { format: &format, pieces };
        let trainer = StreamTrainer::new(&task, passes, request.settings);
        let trainer = trainer
            .and_then(|trainer| Ok(trainer.with_regulariser(&regulariser)?))
            .map_err(|error| match error {
                StreamError::Solve(error) => shape.blame(request.examples, error),
                StreamError::Source(error) => error,
            });
        let mut trainer = trainer?;
        let start =
            prior::start(init.as_ref(), &format, &task, &mut |message| monitor.note(message))?;
        if !start.is_empty() {
            trainer.start_at(&start).map_err(|error| shape.blame(request.examples, error))?;
        }
        run.origin.data = Data::of_stream(&format, &task, trainer.examples(), digest);
        let settings = request.settings.solver(Solver::OneSlack);
        monitor.start(&shape.start(trainer.examples(), &settings, None));
        let solution = run.train(&mut trainer, &shape, monitor)?;
        drop(trainer);
        (format, task, shape, solution, regulariser)
    } else {
        let source = Source::open(request.examples, monitor)?.decode(encoding);
        let digest = source.digest();
        let Training { format, task, mut examples } =
            reading::define::<F>(request.options, source)?;
        let shape = Shape::of(&format, &task);
        let regulariser = prior::regulariser(prior.as_ref(), &format, &task, &mut |message| {
            monitor.note(message)
        })?;
        let new = format.renumber(&task, &mut examples);
        let of_new = new.as_ref().map(|new| new.regulariser(&regulariser));
        let trainer = Trainer::new(&task, &examples, request.settings)
            .and_then(|trainer| trainer.with_regulariser(of_new.as_ref().unwrap_or(&regulariser)));
        let mut trainer = trainer.map_err(|error| shape.blame(request.examples, error))?;
        let mut start =
            prior::start(init.as_ref(), &format, &task, &mut |message| monitor.note(message))?;
        if !start.is_empty() {
            if let Some(new) = &new {
                start = new.renumbered(&start);
            }
            trainer.start_at(&start).map_err(|error| shape.blame(request.examples, error))?;
        }
        if run.is_kept() {
            run.origin.data = Data::new(&format, &task, &examples, digest.get());
        }
        monitor.start(&shape.start(examples.len(), request.settings, None));
        if trainer.different() < examples.len() {
            let different = trainer.different();
            monitor.note(&format!(
                "{different} examples are different; equal ones are trained as one, with the sum of their weights"
            ));
        }
        let mut solution = run.train(&mut trainer, &shape, monitor)?;
        drop(trainer);
        if let Some(new) = new {
            solution.w = new.restore(solution.w);
        }
        (format, task, shape, solution, regulariser)
    };
    let (w, learned) = run.finish(shape, solution);
    let model = Model::new(task, w, learned.settings, learned.certificate);
    model_file::save(&format, &model.with_regulariser(regulariser), request.model)?;
    Ok(learned)
}

/// A training run of any task, from the examples to the weights. Not generic over the task.
pub(super) struct Session<'a> {
    request: &'a Learn<'a>,
    task: Identity,
    pub origin: Origin,
    resumed: Option<Resumed<'a>>,
    kept: Option<Kept>,
}

impl<'a> Session<'a> {
    /// Opens the checkpoint to resume from.
    pub(super) fn begin(
        request: &'a Learn<'a>,
        task: Identity,
        origin: Origin,
    ) -> Result<Self, Error> {
        let resumed = request
            .resume
            .map(|path| Resumed::open(path, task, &origin, request.settings))
            .transpose()?;
        Ok(Self { request, task, origin, resumed, kept: None })
    }

    /// Whether checkpoints are read or written.
    pub(super) fn is_kept(&self) -> bool {
        self.request.checkpoints.is_some() || self.resumed.is_some()
    }

    /// Trains from the beginning or from a checkpoint, and keeps checkpoints if asked to.
    pub(super) fn train(
        &mut self,
        trainer: &mut dyn Trains,
        shape: &Shape,
        monitor: &mut dyn Monitor,
    ) -> Result<Solution, Error> {
        let (file, mut passes) = (display_name(self.request.examples), 0.0);
        if let Some(resumed) = self.resumed.take() {
            passes = resumed.passes();
            resumed.restore(trainer, &self.origin.data, &file)?;
            monitor.note(&format!("going on from pass {passes}"));
        }
        let solution = match self.request.checkpoints {
            None => trainer.solve(&mut |progress| monitor.progress(progress), None)?,
            Some(plan) => {
                let mut keeper = Keeper::new(plan, self.task, &self.origin, passes);
                // The observer and the keeper share the monitor and take turns.
                let monitor = RefCell::new(monitor);
                let mut see = |state: &State<'_>| {
                    keeper.see(state, &mut |message| monitor.borrow_mut().note(message))
                };
                let solution = trainer.solve(
                    &mut |progress| monitor.borrow_mut().progress(progress),
                    Some(&mut see),
                )?;
                self.kept = Some(keeper.result());
                solution
            }
        };
        let certificate = &solution.certificate;
        match certificate.oracle.fault {
            _ if certificate.shown.is_finite() => Ok(solution),
            Some(fault) => Err(shape.blame(self.request.examples, fault.into())),
            None => {
                let why = "the objective overflows double precision: scale the features, or choose a smaller C";
                Err(Error::file(file, why))
            }
        }
    }

    /// Splits a solution into the weights and the summary.
    pub(super) fn finish(self, shape: Shape, solution: Solution) -> (Vec<f64>, Learned) {
        let learned = Learned {
            task: shape.task,
            objective: shape.objective,
            certificate: solution.certificate,
            settings: self.request.settings.threads(0),
            dim: solution.w.len(),
            sizes: shape.sizes,
            plane_bytes: solution.plane_bytes,
            seconds: solution.seconds,
            oracle_seconds: solution.oracle_seconds,
            checkpoint: self.kept,
        };
        (solution.w, learned)
    }
}
