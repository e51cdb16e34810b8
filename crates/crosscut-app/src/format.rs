//! [`Format`]: the files of a task. With it a task becomes a program.

use std::borrow::Cow;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use crosscut::{Example, Objective, Rescaling, Task};
use crosscut_data::Renumbering;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::cutter::Cut;
use crate::error::Error;
use crate::export::Fields;
use crate::item::{Item, Outcome, Role, mean_loss};
use crate::options::{OptionSpec, Options};
use crate::probability::Forecasts;
use crate::report::Report;
use crate::source::Source;

/// The files of a task, apart from the task: options, reading, writing, measures, names. It is enough
/// for learn, classify, evaluate, validate, inspect, export, model files and help.
///
/// Examples are read in three steps, and everything that reads follows from them: training on a file
/// in memory ([`define`](crate::define)), training on a file that is read again for each pass
/// ([`survey`](crate::survey)), training on a file of which each rank reads a part
/// ([`ranks::define`](crate::ranks::define)), and reading with a model ([`read`](crate::read)).
///
/// 1. [`records`](Self::records) reads examples as they stand in the file.
/// 2. [`survey`](Self::survey) takes in each record of a training file: labels, ids, words, ranges.
///    [`task`](Self::task) makes the task of what was found. A model brings its own. If ranks read
///    parts of a file, [`merge`](Self::merge) joins what they have found.
/// 3. [`item`](Self::item) turns a record into an example of the task.
///
/// The serialised format goes into the model file, with the task. Together they must hold what
/// prediction needs (vocabularies, sizes) and nothing of the examples. What an option says of one run
/// alone, such as how to write, is left out (`#[serde(skip)]`) and set by [`prepare`](Self::prepare).
///
/// A format whose examples are lines of their own:
///
/// ```
/// use std::io;
///
/// use crosscut::{Planes, Task};
/// use crosscut_app::{Cut, Error, File, Format, Item, Options, Source, Take, define};
/// use crosscut_data::text::numbers;
/// use serde::{Deserialize, Serialize};
///
/// # #[derive(Serialize, Deserialize)]
/// # struct Sign;
/// # impl Task for Sign {
/// #     type Input = f64;
/// #     type Output = i8;
/// #     type Scratch = ();
/// #     fn dim(&self) -> usize { 1 }
/// #     fn loss(&self, _: &f64, y: &i8, y_hat: &i8) -> f64 { f64::from(y != y_hat) }
/// #     fn predict(&self, w: &[f64], x: &f64, (): &mut ()) -> i8 { if w[0] * x >= 0.0 { 1 } else { -1 } }
/// #     fn separate<'a>(&'a self, w: &[f64], x: &'a f64, y: &'a i8, (): &mut (), planes: &mut Planes<'a>) {
/// #         let (y, score) = (f64::from(*y), w[0] * x);
/// #         planes.add(|sink| if y * score < 1.0 { sink.add(0, y * x); 1.0 } else { 0.0 });
/// #     }
/// # }
/// /// Lines `x y`, of which y, 1 or −1, may be missing.
/// #[derive(Serialize, Deserialize)]
/// struct Lines;
///
/// impl Format for Lines {
///     type Task = Sign; // x is a number, y its sign
///     type Record = Item<f64, i8>;
///     type Survey = ();
///     const NAME: &'static str = "sign";
///     const ABOUT: &'static str = "The sign of a number";
///
///     fn new(_: &Options) -> Result<Self, Error> {
///         Ok(Self)
///     }
///
///     fn cut(&self) -> Option<Cut> {
///         Some(Cut::Lines)
///     }
///
///     fn records(&self, source: &mut Source<'_>, take: Take<'_, Self>) -> Result<(), Error> {
///         let parse = |line: &str| match numbers::<f64>(line)?[..] {
///             [x] => Ok(Some(Item::new(x, None))),
///             [x, y] if y.abs() == 1.0 => Ok(Some(Item::new(x, Some(y as i8)))),
///             _ => Err("expected `x y` with y = 1 or -1".to_owned()),
///         };
///         source.scan_nonblank_lines(parse, take)
///     }
///
///     fn task(&mut self, (): (), _: &mut File<'_>) -> Result<Sign, Error> {
///         Ok(Sign)
///     }
///
///     fn item(&self, _: &Sign, record: Item<f64, i8>) -> Result<Item<f64, i8>, String> {
///         Ok(record)
///     }
///
///     fn write(&self, _: &Sign, _: &[f64], _: &f64, y: &i8, out: &mut dyn io::Write) -> io::Result<()> {
///         writeln!(out, "{y}")
///     }
/// }
///
/// let source = Source::from_text("a file", "0.5 1\n-2 -1\n");
/// let training = define::<Lines>(&Options::default(), source)?;
/// assert_eq!(training.examples[1].x, -2.0);
/// # Ok::<(), Error>(())
/// ```
pub trait Format: Serialize + DeserializeOwned + Sync + 'static {
    /// What is learned from these files.
    type Task: Task<Input: Send> + Serialize + DeserializeOwned + 'static;
    /// An example as it stands in a file, before anything is known of the others. A format without a
    /// survey has [`Item`]s.
    type Record: Send;
    /// What must be known of all training records before there is a task: labels, ids, words,
    /// ranges. `()` if nothing must be. It is serialised only between processes of one program.
    type Survey: Default + Sync + Serialize + DeserializeOwned;

    /// The word after `crosscut learn`; also stored in model files.
    const NAME: &'static str;
    /// One line of help.
    const ABOUT: &'static str;
    /// Version of the serialised form of format and task; raise it if the form changes.
    const SCHEMA: u32 = 1;
    /// The task's own long options. `-o` and `-l` are in [`Options`] for every task.
    const OPTIONS: &'static [OptionSpec] = &[];
    /// Long options for classify and evaluate: how to read and predict with a model of this task.
    /// The tasks of a program share these options by name, so a name must mean the same in all of
    /// them. Help shows the sentence of the first task.
    const READING: &'static [OptionSpec] = &[];
    /// As [`READING`](Self::READING), for classify only: what to write.
    const WRITING: &'static [OptionSpec] = &[];
    /// Templates that come with the task: names and texts. `learn TASK --print-template NAME` prints
    /// one.
    const TEMPLATES: &'static [(&'static str, &'static str)] = &[];
    /// The values of `-o` that the task accepts; others are refused before anything is read.
    const RESCALINGS: &'static [Rescaling] = &[Rescaling::Margin];
    /// The values of `-l` that the task accepts; others are refused before anything is read.
    const LOSSES: &'static [u32] = &[0];
    /// The objectives that the task can be trained with. One that has the log-loss too gets
    /// `--objective` and `--probabilities`: [`task`](Self::task) reads [`Options::objective`],
    /// [`prepare`](Self::prepare) reads [`Options::wants_probabilities`].
    const OBJECTIVES: &'static [Objective] = &[Objective::Hinge];

    /// The format of training files, as the options say.
    ///
    /// # Errors
    /// Bad options, and bad files that they name.
    fn new(options: &Options) -> Result<Self, Error>;

    /// Looks at the beginning of a training file ([`Source::peek`]), where options leave open what
    /// kind of file it is, and keeps what it is.
    ///
    /// # Errors
    /// A file of no kind that is known.
    fn begin(&mut self, source: &mut Source<'_>) -> Result<(), Error> {
        let _ = source;
        Ok(())
    }

    /// Where a file may be cut into pieces of whole examples. The records of the pieces, one after
    /// the other, must be those of the whole file (see [`Source::inherit`]). `classify` keeps only a
    /// piece in memory, with `--flush` a piece is an example, and `learn --stream` trains on pieces.
    ///
    /// `None`: a file must be read as a whole, and those options are refused.
    fn cut(&self) -> Option<Cut>;

    /// Called first if a training file is to be read in pieces, again for each pass, or in parts, one
    /// for each rank. `examples` is the file that this process reads.
    ///
    /// # Errors
    /// Options that need all examples at once.
    fn stream(&mut self, examples: &Path) -> Result<(), Error> {
        let _ = examples;
        Ok(())
    }

    /// Reads records, and passes each with the number of its first line to `take`, in order. An error
    /// of `take` must be passed on.
    ///
    /// # Errors
    /// Bad lines by file and number.
    fn records(&self, source: &mut Source<'_>, take: Take<'_, Self>) -> Result<(), Error>;

    /// Takes in a record of a training file. It may change the record, for example numbers in place
    /// of names. Training records without an output are refused later, if not here.
    ///
    /// # Errors
    /// Why nothing can be learned from the record.
    fn survey(&self, survey: &mut Self::Survey, record: &mut Self::Record) -> Result<(), String> {
        let _ = (survey, record);
        Ok(())
    }

    /// Prepares a record for [`survey`](Self::survey), knowing what the survey has found before it or
    /// less. Called on any thread, for several records at the same time, so that expensive work, such
    /// as looking up names, need not be done in `survey`, one record after the other; not called if
    /// there is one thread. What the survey finds must not depend on it. The default does nothing.
    fn anticipate(&self, survey: &Self::Survey, record: &mut Self::Record) {
        let _ = (survey, record);
    }

    /// Adds what has been found in `later` records, as if they had been surveyed after those of
    /// `survey`: the task must be that of the whole file. Each rank surveys its part of a file, and
    /// the parts are merged in their order.
    ///
    /// The default is right for a survey of nothing, as `()` is, and refuses any other.
    ///
    /// # Errors
    /// Why there can be no survey of all these records.
    fn merge(&self, survey: &mut Self::Survey, later: Self::Survey) -> Result<(), String> {
        let _ = (survey, later);
        if size_of::<Self::Survey>() == 0 {
            return Ok(());
        }
        Err(format!("the files of the task {} cannot be read in parts", Self::NAME))
    }

    /// The task for what the survey has found in a training file.
    ///
    /// # Errors
    /// Files from which nothing can be learned; bad files that options name.
    fn task(&mut self, survey: Self::Survey, file: &mut File<'_>) -> Result<Self::Task, Error>;

    /// What is worth knowing of training examples that are all in memory, a sentence each.
    fn notes(&self, task: &Self::Task, examples: &[ExampleOf<Self>]) -> Vec<String> {
        let _ = (task, examples);
        Vec::new()
    }

    /// The example that a record is, for a task. Its output may be missing.
    ///
    /// # Errors
    /// Records that the task has no place for.
    fn item(&self, task: &Self::Task, record: Self::Record) -> Result<ItemOf<Self>, String>;

    /// Renumbers the features of training examples if training is faster then (see [`Renumbering`]). The
    /// task keeps its order of features: weights of training are put back into it before anything else
    /// sees them. The default leaves the examples as they are.
    fn renumber(&self, task: &Self::Task, examples: &mut [ExampleOf<Self>]) -> Option<Renumbering> {
        let _ = (task, examples);
        None
    }

    /// The number of features of a record, and of those of them that the task knows. If it knows none
    /// of a whole file, the user is told.
    fn known(&self, task: &Self::Task, record: &Self::Record) -> (usize, usize) {
        let _ = (task, record);
        (0, 0)
    }

    /// The files that are read because they stand beside the file of examples, in any verb. No output
    /// may replace them.
    fn beside(options: &Options, examples: &Path) -> Vec<PathBuf> {
        let _ = (options, examples);
        Vec::new()
    }

    /// Sets the options of [`READING`](Self::READING) and [`WRITING`](Self::WRITING), before
    /// anything is read or predicted with a model.
    ///
    /// # Errors
    /// Bad options.
    fn prepare(&mut self, task: &mut Self::Task, options: &Options) -> Result<(), Error> {
        let _ = (task, options);
        Ok(())
    }

    /// Refuses a format and a task that are not of the same file; called for each model read.
    ///
    /// # Errors
    /// What does not fit.
    fn check(&self, task: &Self::Task) -> Result<(), String> {
        let _ = task;
        Ok(())
    }

    /// Writes the prediction for one input, with the final line break.
    ///
    /// # Errors
    /// Only those of `out`.
    fn write(
        &self,
        task: &Self::Task,
        w: &[f64],
        x: &InputOf<Self>,
        y_hat: &OutputOf<Self>,
        out: &mut dyn io::Write,
    ) -> io::Result<()>;

    /// The measures of pairs of output and prediction.
    fn evaluate(&self, task: &Self::Task, outcomes: &[OutcomeOf<'_, Self>]) -> Report {
        Report::new().measure("loss", mean_loss(task, outcomes))
    }

    /// Adds what a model trained with the log-loss says of an example, for `evaluate` and
    /// `validate`. The default adds nothing.
    fn forecast(
        &self,
        task: &Self::Task,
        w: &[f64],
        outcome: &OutcomeOf<'_, Self>,
        scratch: &mut <Self::Task as Task>::Scratch,
        forecasts: &mut Forecasts,
    ) {
        let _ = (task, w, outcome, scratch, forecasts);
    }

    /// How features are scaled, as a value of `--scale`; `None` if they are not.
    fn scale(&self, task: &Self::Task) -> Option<&'static str> {
        let _ = task;
        None
    }

    /// Why weights of the task `prior` mean something else for `task`, although they have the same
    /// names: other outputs, a bias of another value. `None` if they mean the same. Such a model is
    /// refused as `--prior`. The [scaling](Self::scale) is compared by the caller.
    fn differs_from(&self, task: &Self::Task, prior: &Self::Task) -> Option<String> {
        let _ = (task, prior);
        None
    }

    /// Lower bounds (j, lⱼ) of weights that the task needs: its training keeps wⱼ ≥ lⱼ. Minimum cuts,
    /// for example, need nonnegative weights of edges. The default has none.
    fn lower_bounds(&self, task: &Self::Task) -> Vec<(usize, f64)> {
        let _ = task;
        Vec::new()
    }

    /// Makes the task of a model smaller before it is predicted from (`classify`), by dropping what
    /// predictions do not depend on: features whose weights are all zero. `nonzero` are the indices
    /// of the other weights, in increasing order. Returns the ranges of the weights that remain, in
    /// increasing order: they are the weights of the smaller task, and predictions keep all bits.
    ///
    /// The default returns `None`: the task stays as it is.
    fn reduce(&self, task: &mut Self::Task, nonzero: &[u32]) -> Option<Vec<Range<usize>>> {
        let _ = (task, nonzero);
        None
    }

    /// Names and sizes to show before training and in `inspect`, such as ("classes", 26).
    fn sizes(&self, task: &Self::Task) -> Vec<(&'static str, usize)> {
        let _ = task;
        Vec::new()
    }

    /// A readable name for the weight at `index`, such as `class sci.space, feature 12`. Unique among
    /// the weights, and independent of the number of other features, so that `--prior` can match
    /// the weights of two tasks.
    fn weight_name(&self, task: &Self::Task, index: usize) -> String {
        let _ = task;
        index.to_string()
    }

    /// The labels of outputs (classes, tags), in the order in which predictions give their scores. The
    /// default has none.
    fn labels<'t>(&self, task: &'t Self::Task) -> Vec<&'t str> {
        let _ = task;
        Vec::new()
    }

    /// What the weight at `index` is for: `inspect` groups weights by it, and `export` writes them by
    /// it. By default each weight has a feature of its own, named as the weight.
    fn role(&self, task: &Self::Task, index: usize) -> Role {
        let _ = task;
        Role { labels: Vec::new(), feature: Some(index) }
    }

    /// The name of a feature of a [`Role`], as in the files of the task. Unique among the features.
    fn feature_name<'t>(&'t self, task: &'t Self::Task, feature: usize) -> Cow<'t, str> {
        self.weight_name(task, feature).into()
    }

    /// Writes what another program must know to predict from an exported model, beside labels and
    /// weights: how features are made and scaled, for example. The default writes nothing.
    ///
    /// # Errors
    /// Only those of `out`.
    fn export(&self, task: &Self::Task, out: &mut Fields<'_>) -> io::Result<()> {
        let _ = (task, out);
        Ok(())
    }

    /// The stratum of an output, such as its class. Folds of a cross-validation keep the proportions
    /// of strata as far as [groups](Self::group) permit. The default has none.
    fn stratum(&self, y: &OutputOf<Self>) -> Option<u64> {
        let _ = y;
        None
    }

    /// The group of an example (a query, a document, a speaker). Cross-validation keeps a group in
    /// one fold.
    fn group(&self, x: &InputOf<Self>) -> Option<u64> {
        let _ = x;
        None
    }
}

/// The inputs of a format's task.
pub type InputOf<F> = <<F as Format>::Task as Task>::Input;
/// The outputs of a format's task.
pub type OutputOf<F> = <<F as Format>::Task as Task>::Output;
/// A training example of a format's task.
pub type ExampleOf<F> = Example<InputOf<F>, OutputOf<F>>;
/// An example of a format's task, labelled or not.
pub type ItemOf<F> = Item<InputOf<F>, OutputOf<F>>;
/// An output of a format's task, and its prediction.
pub type OutcomeOf<'a, F> = Outcome<'a, InputOf<F>, OutputOf<F>>;
/// Takes a record and the number of its first line.
pub type Take<'t, F> = &'t mut dyn FnMut(u64, <F as Format>::Record) -> Result<(), Error>;

/// A training file that has been read: its name, and who hears of it.
pub struct File<'f> {
    name: &'f str,
    note: &'f mut dyn FnMut(&str),
}

impl<'f> File<'f> {
    pub(crate) fn new(name: &'f str, note: &'f mut dyn FnMut(&str)) -> Self {
        Self { name, note }
    }

    /// The name used in messages.
    pub fn name(&self) -> &str {
        self.name
    }

    /// Tells the user something that is not an error; the name of the file is put before it.
    pub fn note(&mut self, message: &str) {
        (self.note)(&format!("{}: {message}", self.name));
    }

    /// The error that the file as a whole is refused for.
    pub fn refuse(&self, why: impl ToString) -> Error {
        Error::file(self.name, why.to_string())
    }
}

impl std::fmt::Debug for File<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("File").field("name", &self.name).finish_non_exhaustive()
    }
}
