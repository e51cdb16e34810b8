//! [`Program`]: what one program of the family is beside what all of them do.

use std::io;

use crosscut::{Example, Task};
use crosscut_app::{Error, Source};
use crosscut_data::Renumbering;

use crate::flags::{Classify, Learn};
use crate::model::{Layout, Model};

/// A program of the family: a task, its files, and what it tells.
pub trait Program {
    /// What it learns.
    type Task: Task;
    /// What the test file says about an example.
    type Truth: Sync;

    /// The name without `_learn` and `_classify`.
    const NAME: &'static str;
    /// Whether the learning program passes over options with two dashes that it does not know.
    const LENIENT: bool = false;
    /// Options with two dashes of the learning program.
    const LEARNING: &'static [&'static str];
    /// Those of the classifying program.
    const CLASSIFYING: &'static [&'static str];
    /// What help says about `-l` and the options with two dashes.
    const HELP: &'static str;
    /// ε, in units of the loss, where none is given.
    const EPSILON: f64;
    /// `-w` where none is given.
    const ALGORITHM: u32;
    /// The models.
    const LAYOUT: Layout;
    /// What the dimension of the weights is called at `-v 2`.
    const DIMENSION: &'static str;

    /// Reads training examples.
    ///
    /// # Errors
    /// Flags that do not fit together, and bad lines.
    fn training(flags: &Learn, source: &mut Source<'_>) -> Result<Training<Self::Task>, Error>;

    /// Renumbers the features of training examples if training is faster then.
    fn renumber(task: &Self::Task, examples: &mut [ExampleOf<Self::Task>]) -> Option<Renumbering> {
        let _ = (task, examples);
        None
    }

    /// How many weights there are as the family counts them; `features` is the largest id of a
    /// feature.
    fn dimension(task: &Self::Task, features: u32) -> u64;

    /// The weights as a text model.
    fn store(task: &Self::Task, w: &[f64], features: u32) -> Model;

    /// The task and the weights of a text model.
    ///
    /// # Errors
    /// What does not fit together, as a message.
    fn load(model: &Model, flags: &Classify) -> Result<(Self::Task, Vec<f64>), Error>;

    /// Reads examples to be classified.
    ///
    /// # Errors
    /// Bad lines.
    fn test(task: &Self::Task, source: &mut Source<'_>) -> Result<Test<Self>, Error>;

    /// Writes a prediction; scores are lowered by the threshold.
    ///
    /// # Errors
    /// Those of `out`.
    fn write(
        task: &Self::Task,
        w: &[f64],
        threshold: f64,
        x: &<Self::Task as Task>::Input,
        y_hat: &<Self::Task as Task>::Output,
        out: &mut dyn io::Write,
    ) -> io::Result<()>;

    /// How good predictions are.
    fn report(
        task: &Self::Task,
        test: &Test<Self>,
        predictions: &[<Self::Task as Task>::Output],
    ) -> Report;
}

/// A training example of a task.
pub type ExampleOf<T> = Example<<T as Task>::Input, <T as Task>::Output>;

/// Training examples, and what is told about them.
pub struct Training<T: Task> {
    /// The task.
    pub task: T,
    /// The examples.
    pub examples: Vec<ExampleOf<T>>,
    /// What follows `Reading training examples...`.
    pub read: String,
    /// The lines after that.
    pub head: Vec<String>,
    /// The largest id of a feature.
    pub features: u32,
    /// The largest loss of an example, on average: what slacks, or with the root of the loss their
    /// squares, are without weights.
    pub largest_loss: f64,
    /// What ε is multiplied by, if by anything; this is told.
    pub epsilon_factor: Option<f64>,
}

/// Examples to be classified.
pub struct Test<P: Program + ?Sized> {
    /// The inputs.
    pub inputs: Vec<<P::Task as Task>::Input>,
    /// What the file says about each.
    pub truths: Vec<P::Truth>,
    /// What follows `Reading test examples...`.
    pub read: String,
}

/// How good predictions are.
#[derive(Debug, Default)]
pub struct Report {
    /// The mean loss and how many examples are wrong; `None` where some have no label.
    pub figures: Option<(f64, usize)>,
    /// More lines, told whatever the verbosity.
    pub tail: Vec<String>,
}

/// Numbers that a model claims as sizes.
///
/// # Errors
/// Beyond the limit, or below 0.
pub fn size(name: &str, value: i64, most: usize) -> Result<usize, Error> {
    match usize::try_from(value) {
        Ok(value) if value <= most => Ok(value),
        _ => Err(unfit(format!("expected {name} of at most {most}, found {value}"))),
    }
}

/// So many zeros, for a model that lists so many weights; the others are zero. It may claim any
/// number of classes in a few bytes.
///
/// # Errors
/// Too many beside those that are listed; no memory.
pub fn zeros(count: usize, listed: usize) -> Result<Vec<f64>, Error> {
    /// So many are never too many.
    const FEW: usize = 1 << 24;
    /// Weights for each one that is listed.
    const EACH: usize = 1 << 12;
    let most = listed.saturating_mul(EACH).max(FEW);
    if count > most {
        return Err(unfit(format!(
            "expected at most {most} weights where {listed} are listed, found sizes that make {count}"
        )));
    }
    let mut zeros = Vec::new();
    zeros.try_reserve_exact(count).map_err(|_| {
        unfit(format!("expected fewer weights than {count}, for which there is no memory"))
    })?;
    zeros.resize(count, 0.0);
    Ok(zeros)
}

/// A model that does not fit together.
pub fn unfit(message: impl Into<String>) -> Error {
    Error::file("the model", message)
}
