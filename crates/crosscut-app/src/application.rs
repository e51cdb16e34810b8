//! [`Application`]: the functions that turn a task into a program.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use crosscut::{Example, Objective, Rescaling, Task};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::Error;
use crate::export::Fields;
use crate::probability::Forecasts;
use crate::report::Report;
use crate::source::Source;
use crate::stream::{Cut, Pieces};

/// A task with a file format: enough for learn, classify, evaluate, validate, inspect, model files
/// and help.
///
/// The serialised task goes into the model file. It must hold what prediction needs (vocabularies,
/// sizes) and nothing of the examples.
pub trait Application: Task + Serialize + DeserializeOwned + 'static {
    /// The word after `crosscut learn`; also stored in model files.
    const NAME: &'static str;
    /// One line of help.
    const ABOUT: &'static str;
    /// Version of the serialised form of the task; raise it if the form changes.
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
    /// `--objective` and `--probabilities`: [`define`](Self::define) reads [`Options::objective`],
    /// [`prepare`](Self::prepare) reads [`Options::wants_probabilities`].
    const OBJECTIVES: &'static [Objective] = &[Objective::Hinge];

    /// Reads training examples and defines the task they need (sizes, vocabularies, loss).
    ///
    /// # Errors
    /// Bad options, and bad lines by file and number. Training examples without an output are
    /// refused.
    fn define(options: &Options, source: Source<'_>) -> Result<(Self, Examples<Self>), Error>;

    /// `--stream`: defines the same task as [`define`](Self::define), from a file read in pieces,
    /// none of which is kept. [`read`](Self::read) must then turn each piece into the same examples
    /// as `define`.
    ///
    /// # Errors
    /// Those of `define`, and options that need all examples at once. The default refuses
    /// `--stream`.
    fn survey(options: &Options, pieces: &mut Pieces) -> Result<Self, Error> {
        let _ = (options, pieces);
        Err(Error::option("--stream", "a task whose files can be read in pieces", Self::NAME))
    }

    /// The files that the task reads because they stand beside the file of examples, in any verb.
    /// No output may replace them.
    fn beside(options: &Options, examples: &Path) -> Vec<PathBuf> {
        let _ = (options, examples);
        Vec::new()
    }

    /// Sets the options of [`READING`](Self::READING) and [`WRITING`](Self::WRITING), before
    /// anything is read or predicted with a model.
    ///
    /// # Errors
    /// Bad options.
    fn prepare(&mut self, options: &Options) -> Result<(), Error> {
        let _ = options;
        Ok(())
    }

    /// Reads examples for an existing task. Outputs may be missing.
    ///
    /// # Errors
    /// Bad lines by file and number.
    fn read(&self, source: Source<'_>) -> Result<Items<Self>, Error>;

    /// Writes the prediction for one input in the task's own format, with the final line break.
    ///
    /// # Errors
    /// Only those of `out`.
    fn write(
        &self,
        w: &[f64],
        x: &Self::Input,
        y_hat: &Self::Output,
        out: &mut dyn io::Write,
    ) -> io::Result<()>;

    /// The task's measures on pairs of output and prediction.
    fn evaluate(&self, outcomes: &[Outcome<'_, Self::Input, Self::Output>]) -> Report {
        Report::new().measure("loss", mean_loss(self, outcomes))
    }

    /// Adds what a model trained with the log-loss says of an example, for `evaluate` and
    /// `validate`. The default adds nothing.
    fn forecast(
        &self,
        w: &[f64],
        outcome: &Outcome<'_, Self::Input, Self::Output>,
        scratch: &mut Self::Scratch,
        forecasts: &mut Forecasts,
    ) {
        let _ = (w, outcome, scratch, forecasts);
    }

    /// How features are scaled, as a value of `--scale`; `None` if they are not.
    fn scale(&self) -> Option<&'static str> {
        None
    }

    /// Why weights of a model of the task `prior` mean something else here, although they have the
    /// same names: other outputs, a bias of another value. `None` if they mean the same. Such a
    /// model is refused as `--prior`. The [scaling](Self::scale) is compared by the caller.
    fn differs_from(&self, prior: &Self) -> Option<String> {
        let _ = prior;
        None
    }

    /// Lower bounds (j, lⱼ) of weights that the task needs: its training keeps wⱼ ≥ lⱼ. Minimum cuts,
    /// for example, need nonnegative weights of edges. The default has none.
    fn lower_bounds(&self) -> Vec<(usize, f64)> {
        Vec::new()
    }

    /// Where a file of examples to predict may be cut into pieces. [`read`](Self::read) must then
    /// turn the pieces, one after the other, into the same examples as the whole file
    /// ([`Source::inherit`]). `classify` keeps only a piece in memory, and with `--flush` a piece is
    /// an example.
    ///
    /// The default returns `None`: the file is read as a whole, and `--flush` is refused.
    fn cut(&self) -> Option<Cut> {
        None
    }

    /// Makes the task of a model smaller before it is predicted from (`classify`), by dropping what
    /// predictions do not depend on: features whose weights are all zero. `nonzero` are the indices
    /// of the other weights, in increasing order. Returns the ranges of the weights that remain, in
    /// increasing order: they are the weights of the smaller task, and predictions keep all bits.
    ///
    /// The default returns `None`: the task stays as it is.
    fn reduce(&mut self, nonzero: &[u32]) -> Option<Vec<Range<usize>>> {
        let _ = nonzero;
        None
    }

    /// Names and sizes to show before training and in `inspect`, such as ("classes", 26).
    fn sizes(&self) -> Vec<(&'static str, usize)> {
        Vec::new()
    }

    /// A readable name for the weight at `index`, such as `class sci.space, feature 12`. Unique among
    /// the weights, and independent of the number of other features, so that `--prior` can match
    /// the weights of two tasks.
    fn weight_name(&self, index: usize) -> String {
        index.to_string()
    }

    /// The labels of outputs (classes, tags), in the order in which predictions give their scores. The
    /// default has none.
    fn labels(&self) -> Vec<&str> {
        Vec::new()
    }

    /// What the weight at `index` is for: `inspect` groups weights by it, and `export` writes them by
    /// it. By default each weight has a feature of its own, named as the weight.
    fn role(&self, index: usize) -> Role {
        Role { labels: Vec::new(), feature: Some(index) }
    }

    /// The name of a feature of a [`Role`], as in the files of the task. Unique among the features.
    fn feature_name(&self, feature: usize) -> Cow<'_, str> {
        self.weight_name(feature).into()
    }

    /// Writes what another program must know to predict from an exported model, beside labels and
    /// weights: how features are made and scaled, for example. The default writes nothing.
    ///
    /// # Errors
    /// Only those of `out`.
    fn export(&self, out: &mut Fields<'_>) -> io::Result<()> {
        let _ = out;
        Ok(())
    }

    /// The stratum of an output, such as its class. Folds of a cross-validation keep the proportions
    /// of strata as far as [groups](Self::group) permit. The default has none.
    fn stratum(&self, y: &Self::Output) -> Option<u64> {
        let _ = y;
        None
    }

    /// The group of an example (a query, a document, a speaker). Cross-validation keeps a group in
    /// one fold.
    fn group(&self, x: &Self::Input) -> Option<u64> {
        let _ = x;
        None
    }
}

/// What a weight is for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Role {
    /// Positions among [`Application::labels`], below their number: the label that the weight scores, after those that
    /// stand before it in the output. Empty if labels have no weights of their own.
    pub labels: Vec<usize>,
    /// The feature that the weight multiplies; `None` for a bias (one label) or a transition (more).
    pub feature: Option<usize>,
}

impl Role {
    /// Whether it scores labels side by side, whatever the features.
    pub fn is_transition(&self) -> bool {
        self.feature.is_none() && self.labels.len() > 1
    }
}

/// The training examples of a task.
pub type Examples<T> = Vec<Example<<T as Task>::Input, <T as Task>::Output>>;

/// The examples of a task, labelled or not.
pub type Items<T> = Vec<Item<<T as Task>::Input, <T as Task>::Output>>;

/// An example whose output may be unknown.
#[derive(Clone, Debug, PartialEq)]
pub struct Item<X, Y> {
    /// The input.
    pub x: X,
    /// The output, if the file names one.
    pub y: Option<Y>,
    /// Weight in measures and in training, 1 unless the file gives another.
    pub weight: f64,
}

/// An output and its prediction.
#[derive(Clone, Copy, Debug)]
pub struct Outcome<'a, X, Y> {
    /// The input.
    pub x: &'a X,
    /// The output in the file.
    pub y: &'a Y,
    /// The prediction.
    pub y_hat: &'a Y,
    /// Weight in measures.
    pub weight: f64,
}

/// Mean loss Σ weightᵢ Δ(yᵢ, ŷᵢ) / Σ weightᵢ, 0 without outcomes.
pub fn mean_loss<A: Task>(task: &A, outcomes: &[Outcome<'_, A::Input, A::Output>]) -> f64 {
    let weight: f64 = outcomes.iter().map(|outcome| outcome.weight).sum();
    let loss: f64 = outcomes
        .iter()
        .map(|outcome| outcome.weight * task.loss(outcome.x, outcome.y, outcome.y_hat))
        .sum();
    if weight > 0.0 { loss / weight } else { 0.0 }
}

/// A long option of a task, as data: help and parsing follow from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OptionSpec {
    /// The name without its dashes: `bias` for `--bias`.
    pub name: &'static str,
    /// Placeholder of the value in help: `V`, `FILE`, or `WORD|FILE` for a file or one word that is no
    /// file. Empty for a switch, which has no value.
    pub value: &'static str,
    /// One sentence of help, with the default.
    pub help: &'static str,
}

impl OptionSpec {
    /// Whether a given value is a file that is read.
    pub fn is_file(&self, given: &str) -> bool {
        match self.value.strip_suffix("FILE") {
            Some(words) => words.strip_suffix('|') != Some(given),
            None => false,
        }
    }
}

/// The options given to a task: `-o`, `-l`, and its own.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Options {
    /// `-o`: margin or slack rescaling.
    pub rescaling: Rescaling,
    /// `-l`: the number of the task's loss; `None` for its default.
    pub loss: Option<u32>,
    values: BTreeMap<String, String>,
}

impl<X, Y> Item<X, Y> {
    /// An example of weight 1.
    pub fn new(x: X, y: Option<Y>) -> Self {
        Self { x, y, weight: 1.0 }
    }
}

impl Options {
    /// Refuses a rescaling, a loss or an objective that the task `A` does not accept, and costs
    /// beside the log-loss.
    ///
    /// # Errors
    /// [`Error::Option`], which lists the accepted values.
    pub fn check<A: Application>(&self) -> Result<(), Error> {
        let number = |rescaling: &Rescaling| match rescaling {
            Rescaling::Slack => 1,
            Rescaling::Margin => 2,
        };
        if !A::RESCALINGS.contains(&self.rescaling) {
            let known: Vec<u32> = A::RESCALINGS.iter().map(number).collect();
            return Err(Error::option("-o", one_of(A::NAME, &known), number(&self.rescaling)));
        }
        match self.loss {
            Some(loss) if !A::LOSSES.contains(&loss) => {
                Err(Error::option("-l", one_of(A::NAME, A::LOSSES), loss))
            }
            _ => self.check_objective::<A>(),
        }
    }

    /// Options common to all tasks, without any of the task's own.
    pub fn new(rescaling: Rescaling, loss: Option<u32>) -> Self {
        Self { rescaling, loss, values: BTreeMap::new() }
    }

    /// Adds the value of a task's own option.
    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        self.values.insert(name.to_owned(), value.into());
    }

    /// Names and values of the task's own options that were given.
    pub(crate) fn given(&self) -> impl Iterator<Item = (&str, &str)> {
        self.values.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The value of an option as it was typed.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    /// Names (`--cost`) and values of those of the options `specs` that are files.
    pub fn files(&self, specs: &[OptionSpec]) -> Vec<(String, &Path)> {
        let file = |spec: &OptionSpec| {
            let given = self.text(spec.name).filter(|given| spec.is_file(given))?;
            Some((format!("--{}", spec.name), Path::new(given)))
        };
        specs.iter().filter_map(file).collect()
    }

    /// Whether a switch was given.
    pub fn is_set(&self, name: &str) -> bool {
        self.values.contains_key(name)
    }

    /// The value of an option as a whole number.
    ///
    /// # Errors
    /// [`Error::Option`] if it is not a whole number.
    pub fn count(&self, name: &str) -> Result<Option<usize>, Error> {
        let count = |text: &str| {
            text.parse().map_err(|_| Error::option(format!("--{name}"), "a whole number", text))
        };
        self.text(name).map(count).transpose()
    }

    /// The value of an option as a finite number.
    ///
    /// # Errors
    /// [`Error::Option`] if it is not a finite number.
    pub fn number(&self, name: &str) -> Result<Option<f64>, Error> {
        let Some(text) = self.text(name) else { return Ok(None) };
        match text.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(Some(number)),
            _ => Err(Error::option(format!("--{name}"), "a number", text)),
        }
    }
}

fn one_of(task: &str, known: &[u32]) -> String {
    let known: Vec<String> = known.iter().map(u32::to_string).collect();
    format!("{} for the task {task}", known.join(" or "))
}
