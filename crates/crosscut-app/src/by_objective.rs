//! [`ByObjective`]: gives the format of a structure by parts the log-loss too.

use std::borrow::Cow;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use crosscut::{EitherLoss, EitherScratch, Example, Marginals, Objective, Rescaling, Sum, Task};
use crosscut_data::Renumbering;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::cutter::Cut;
use crate::error::Error;
use crate::export::Fields;
use crate::format::{File, Format, Take};
use crate::item::{Item, Outcome, Role};
use crate::options::{OptionSpec, Options};
use crate::probability::Forecasts;
use crate::report::Report;
use crate::source::Source;

/// The format `F` of a structure by parts ([`Sum`]), whose task is trained with the hinge loss or,
/// given `--objective log`, with the log-loss. The row of a program's table is
/// `Entry::of::<ByObjective<F>>()`.
///
/// With `--probabilities`, each prediction comes after a line `# P` with its probability.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct ByObjective<F> {
    format: F,
    /// What options say of training, and of writing.
    #[serde(skip)]
    objective: Objective,
    #[serde(skip)]
    writes_probabilities: bool,
}

impl<F, P> Format for ByObjective<F>
where
    F: Format<Task = Sum<P>>,
    P: Marginals<Input: Send> + Serialize + DeserializeOwned + 'static,
{
    type Task = EitherLoss<P>;
    type Record = F::Record;
    type Survey = F::Survey;
    const NAME: &'static str = F::NAME;
    const ABOUT: &'static str = F::ABOUT;
    const SCHEMA: u32 = F::SCHEMA;
    const OPTIONS: &'static [OptionSpec] = F::OPTIONS;
    const READING: &'static [OptionSpec] = F::READING;
    const WRITING: &'static [OptionSpec] = F::WRITING;
    const TEMPLATES: &'static [(&'static str, &'static str)] = F::TEMPLATES;
    const RESCALINGS: &'static [Rescaling] = F::RESCALINGS;
    const LOSSES: &'static [u32] = F::LOSSES;
    const OBJECTIVES: &'static [Objective] = &[Objective::Hinge, Objective::Log];

    fn new(options: &Options) -> Result<Self, Error> {
        let objective = options.objective()?;
        Ok(Self { format: F::new(options)?, objective, writes_probabilities: false })
    }

    fn begin(&mut self, source: &mut Source<'_>) -> Result<(), Error> {
        self.format.begin(source)
    }

    fn cut(&self) -> Option<Cut> {
        self.format.cut()
    }

    fn stream(&mut self, examples: &Path) -> Result<(), Error> {
        self.format.stream(examples)
    }

    fn records(&self, source: &mut Source<'_>, take: Take<'_, Self>) -> Result<(), Error> {
        self.format.records(source, take)
    }

    fn survey(&self, survey: &mut F::Survey, record: &mut F::Record) -> Result<(), String> {
        self.format.survey(survey, record)
    }

    fn merge(&self, survey: &mut F::Survey, later: F::Survey) -> Result<(), String> {
        self.format.merge(survey, later)
    }

    fn task(&mut self, survey: F::Survey, file: &mut File<'_>) -> Result<EitherLoss<P>, Error> {
        Ok(EitherLoss { sum: self.format.task(survey, file)?, objective: self.objective })
    }

    fn notes(
        &self,
        task: &EitherLoss<P>,
        examples: &[Example<P::Input, P::Output>],
    ) -> Vec<String> {
        self.format.notes(&task.sum, examples)
    }

    fn item(
        &self,
        task: &EitherLoss<P>,
        record: F::Record,
    ) -> Result<Item<P::Input, P::Output>, String> {
        self.format.item(&task.sum, record)
    }

    fn renumber(
        &self,
        task: &EitherLoss<P>,
        examples: &mut [Example<P::Input, P::Output>],
    ) -> Option<Renumbering> {
        self.format.renumber(&task.sum, examples)
    }

    fn known(&self, task: &EitherLoss<P>, record: &F::Record) -> (usize, usize) {
        self.format.known(&task.sum, record)
    }

    fn beside(options: &Options, examples: &Path) -> Vec<PathBuf> {
        F::beside(options, examples)
    }

    fn prepare(&mut self, task: &mut EitherLoss<P>, options: &Options) -> Result<(), Error> {
        self.writes_probabilities = options.wants_probabilities();
        self.format.prepare(&mut task.sum, options)
    }

    fn check(&self, task: &EitherLoss<P>) -> Result<(), String> {
        self.format.check(&task.sum)
    }

    fn write(
        &self,
        task: &EitherLoss<P>,
        w: &[f64],
        x: &P::Input,
        y_hat: &P::Output,
        out: &mut dyn io::Write,
    ) -> io::Result<()> {
        let mut scratch = EitherScratch::default();
        if self.writes_probabilities
            && let Some(log) = task.log_probability(w, x, y_hat, &mut scratch)
        {
            writeln!(out, "# {}", log.exp())?;
        }
        self.format.write(&task.sum, w, x, y_hat, out)
    }

    fn evaluate(
        &self,
        task: &EitherLoss<P>,
        outcomes: &[Outcome<'_, P::Input, P::Output>],
    ) -> Report {
        self.format.evaluate(&task.sum, outcomes)
    }

    fn forecast(
        &self,
        task: &EitherLoss<P>,
        w: &[f64],
        &Outcome { x, y, y_hat, weight }: &Outcome<'_, P::Input, P::Output>,
        scratch: &mut EitherScratch<P::Scratch>,
        forecasts: &mut Forecasts,
    ) {
        if let Some(truth) = task.log_probability(w, x, y, scratch)
            && let Some(predicted) = task.log_probability(w, x, y_hat, scratch)
        {
            forecasts.add_output(truth, weight);
            forecasts.add_prediction(predicted.exp(), task.loss(x, y, y_hat) == 0.0, weight);
        }
    }

    fn scale(&self, task: &EitherLoss<P>) -> Option<&'static str> {
        self.format.scale(&task.sum)
    }

    fn differs_from(&self, task: &EitherLoss<P>, prior: &EitherLoss<P>) -> Option<String> {
        self.format.differs_from(&task.sum, &prior.sum)
    }

    fn lower_bounds(&self, task: &EitherLoss<P>) -> Vec<(usize, f64)> {
        self.format.lower_bounds(&task.sum)
    }

    fn reduce(&self, task: &mut EitherLoss<P>, nonzero: &[u32]) -> Option<Vec<Range<usize>>> {
        self.format.reduce(&mut task.sum, nonzero)
    }

    fn sizes(&self, task: &EitherLoss<P>) -> Vec<(&'static str, usize)> {
        self.format.sizes(&task.sum)
    }

    fn weight_name(&self, task: &EitherLoss<P>, index: usize) -> String {
        self.format.weight_name(&task.sum, index)
    }

    fn labels<'t>(&self, task: &'t EitherLoss<P>) -> Vec<&'t str> {
        self.format.labels(&task.sum)
    }

    fn role(&self, task: &EitherLoss<P>, index: usize) -> Role {
        self.format.role(&task.sum, index)
    }

    fn feature_name<'t>(&'t self, task: &'t EitherLoss<P>, feature: usize) -> Cow<'t, str> {
        self.format.feature_name(&task.sum, feature)
    }

    fn export(&self, task: &EitherLoss<P>, out: &mut Fields<'_>) -> io::Result<()> {
        self.format.export(&task.sum, out)
    }

    fn stratum(&self, y: &P::Output) -> Option<u64> {
        self.format.stratum(y)
    }

    fn group(&self, x: &P::Input) -> Option<u64> {
        self.format.group(x)
    }
}
