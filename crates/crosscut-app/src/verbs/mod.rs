//! The verbs of the program, written once for all tasks, and [`Entry`], the row of one task in the
//! table of a program.
//!
//! Generic code is compiled anew for each task of a program, so little is generic: reading,
//! predicting, measuring. Everything else gets what it needs to know about a task as values.

mod check;
mod classify;
mod evaluate;
mod export;
mod held_out;
mod inspect;
mod learn;
mod learn_on_ranks;
#[cfg(test)]
mod promises;
#[cfg(test)]
mod tests;
mod validate;

use std::fmt;
use std::path::{Path, PathBuf};

use crosscut::parallel::map_ranges;
use crosscut::validation::Round;
use crosscut::{Objective, Rescaling, Settings, SolveError, Task};

use crate::answers::{Checked, Classified, Inspected, Learned, Validation};
use crate::error::Error;
use crate::format::{Format, OutcomeOf};
use crate::model_file::ModelFile;
use crate::monitor::{Monitor, Start};
use crate::options::{OptionSpec, Options};
use crate::probability::Forecasts;
use crate::reading::{self, Items};
use crate::report::Report;
use crate::source::{Source, display_name};
pub use check::{Check, check};
pub use classify::{Classify, classify};
pub use evaluate::evaluate;
pub use export::export;
pub use inspect::{Inspect, inspect};
pub use learn::{Learn, learn};
pub use validate::{Choice, Validate, validate};

/// Reads examples to predict, which follow `before` others, and refuses inputs that the task cannot
/// predict.
fn read<F: Format>(
    format: &F,
    task: &F::Task,
    source: Source<'_>,
    before: usize,
) -> Result<Items<F>, Error> {
    let file = source.name().to_owned();
    let items = reading::read(format, task, source)?;
    for (item, index) in items.iter().zip(before..) {
        task.validate_input(&item.x).map_err(|message| {
            Error::Solve(SolveError::Example { index, message }).in_file(&file)
        })?;
    }
    Ok(items)
}

/// Refuses a rescaling, a loss or an objective that the format `F` does not accept, and costs
/// beside the log-loss.
///
/// # Errors
/// [`Error::Option`], which lists the accepted values.
pub fn check_options<F: Format>(options: &Options) -> Result<(), Error> {
    let number = |rescaling: &Rescaling| match rescaling {
        Rescaling::Slack => 1,
        Rescaling::Margin => 2,
    };
    if !F::RESCALINGS.contains(&options.rescaling) {
        let known: Vec<u32> = F::RESCALINGS.iter().map(number).collect();
        return Err(Error::option("-o", one_of(F::NAME, &known), number(&options.rescaling)));
    }
    match options.loss {
        Some(loss) if !F::LOSSES.contains(&loss) => {
            Err(Error::option("-l", one_of(F::NAME, F::LOSSES), loss))
        }
        _ => options.check_objective(F::NAME, F::OBJECTIVES),
    }
}

fn one_of(task: &str, known: &[u32]) -> String {
    let known: Vec<String> = known.iter().map(u32::to_string).collect();
    format!("{} for the task {task}", known.join(" or "))
}

/// A task in the table of a program: its constants, and the verbs instantiated for it.
#[derive(Clone, Copy)]
pub struct Entry {
    /// [`Format::NAME`].
    pub name: &'static str,
    /// [`Format::ABOUT`].
    pub about: &'static str,
    /// [`Format::OPTIONS`].
    pub options: &'static [OptionSpec],
    /// [`Format::READING`].
    pub reading: &'static [OptionSpec],
    /// [`Format::WRITING`].
    pub writing: &'static [OptionSpec],
    /// [`Format::TEMPLATES`].
    pub templates: &'static [(&'static str, &'static str)],
    /// [`Format::OBJECTIVES`].
    pub objectives: &'static [Objective],
    /// [`Format::beside`].
    pub beside: fn(&Options, &Path) -> Vec<PathBuf>,
    /// [`learn`].
    pub learn: fn(&Learn<'_>, &mut dyn Monitor) -> Result<Learned, Error>,
    /// [`classify`].
    pub classify: fn(&Classify<'_>, ModelFile, &mut dyn Monitor) -> Result<Classified, Error>,
    /// [`evaluate`].
    pub evaluate: fn(&Path, ModelFile, &Options, &mut dyn Monitor) -> Result<Report, Error>,
    /// [`validate`].
    pub validate: fn(&Validate<'_>, &mut dyn Monitor) -> Result<Validation, Error>,
    /// [`inspect`].
    pub inspect: fn(ModelFile, &Inspect<'_>) -> Result<Inspected, Error>,
    /// [`export`].
    pub export: fn(ModelFile, &Path) -> Result<(), Error>,
    /// [`check`].
    pub check: fn(&Check<'_>, &mut dyn Monitor) -> Result<Checked, Error>,
}

impl Entry {
    /// The row of the task with the format `F`.
    pub const fn of<F: Format>() -> Self {
        Self {
            name: F::NAME,
            about: F::ABOUT,
            options: F::OPTIONS,
            reading: F::READING,
            writing: F::WRITING,
            templates: F::TEMPLATES,
            objectives: F::OBJECTIVES,
            beside: F::beside,
            learn: learn::<F>,
            classify: classify::<F>,
            evaluate: evaluate::<F>,
            validate: validate::<F>,
            inspect: inspect::<F>,
            export: export::<F>,
            check: check::<F>,
        }
    }

    /// Whether the task can be trained with the log-loss.
    pub fn has_probabilities(&self) -> bool {
        self.objectives.contains(&Objective::Log)
    }

    /// The row of `table` that a model belongs to.
    ///
    /// # Errors
    /// A model of a task that is not in `table`.
    pub fn of_model<'t>(table: &'t [Self], model: &ModelFile) -> Result<&'t Self, Error> {
        let task = model.task();
        table.iter().find(|entry| entry.name == task).ok_or_else(|| {
            let known: Vec<&str> = table.iter().map(|entry| entry.name).collect();
            let message = format!(
                "expected a model of one of the tasks {}, found `{task}`",
                known.join(", ")
            );
            Error::file(display_name(model.path()), message)
        })
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry").field("name", &self.name).finish_non_exhaustive()
    }
}

/// The probabilities that the weights give to examples; none if they were trained with the hinge
/// loss.
///
/// Examples are added up in pieces of a fixed length, so the sums do not depend on the number of
/// threads.
fn forecasts<F: Format>(
    format: &F,
    task: &F::Task,
    w: &[f64],
    outcomes: &[OutcomeOf<'_, F>],
) -> Forecasts {
    /// Examples of one piece.
    const PIECE: usize = 64;
    let mut all = Forecasts::default();
    if task.objective() == Objective::Hinge {
        return all;
    }
    let pieces: Vec<_> = outcomes.chunks(PIECE).collect();
    let found = map_ranges(pieces.len(), 1, |range| {
        let (mut scratch, mut forecasts) =
            (<F::Task as Task>::Scratch::default(), Forecasts::default());
        for outcome in pieces[range].iter().copied().flatten() {
            format.forecast(task, w, outcome, &mut scratch, &mut forecasts);
        }
        forecasts
    });
    found.iter().for_each(|piece| all.absorb(piece));
    all
}

/// The facts about a task that are reported before training.
struct Shape {
    task: &'static str,
    objective: Objective,
    dim: usize,
    sizes: Vec<(&'static str, usize)>,
}

impl Shape {
    fn of<F: Format>(format: &F, task: &F::Task) -> Self {
        Self {
            task: F::NAME,
            objective: task.objective(),
            dim: task.dim(),
            sizes: format.sizes(task),
        }
    }

    /// The [`Start`] of training on n examples.
    fn start(&self, n: usize, settings: &Settings, round: Option<Round>) -> Start {
        let c = round.map_or(settings.c, |round| round.c);
        Start {
            task: self.task,
            objective: self.objective,
            round,
            examples: n,
            dim: self.dim,
            sizes: self.sizes.clone(),
            c_mean: c.mean(n),
            c_sum: c.sum(n),
            solver: settings.solver.resolve(n),
        }
    }

    /// Turns an error of a solver into one about the file of examples.
    fn blame(&self, examples: &Path, error: SolveError) -> Error {
        let file = display_name(examples);
        match error {
            SolveError::Memory { .. } => {
                let sizes: Vec<String> =
                    self.sizes.iter().map(|(name, size)| format!("{size} {name}")).collect();
                Error::file(file, format!("{error} ({})", sizes.join(", ")))
            }
            other => Error::Solve(other).in_file(&file),
        }
    }
}
