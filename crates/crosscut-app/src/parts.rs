//! [`PartsApplication`]: what a structure by parts adds to become a program. [`ByObjective`] also
//! gives it the log-loss.

use std::io;

use crosscut::{
    Example, FeatureMap, LogLoss, LogLossScratch, Marginals, Objective, Part, Parts, Planes,
    Recombine, Recombiner, Row, Sink, Sum, SumScratch, Task,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::application::{Application, Item, OptionSpec, Options, Outcome};
use crate::error::Error;
use crate::probability::Forecasts;
use crate::source::Source;

/// A structure by [parts](Parts) with a file format. [`Sum`] of it is an [`Application`]: the row
/// of a program's table is `Entry::of::<Sum<P>>()`.
pub trait PartsApplication: Parts + Serialize + DeserializeOwned + 'static {
    /// As [`Application::NAME`].
    const NAME: &'static str;
    /// As [`Application::ABOUT`].
    const ABOUT: &'static str;
    /// As [`Application::SCHEMA`].
    const SCHEMA: u32 = 1;
    /// As [`Application::OPTIONS`].
    const OPTIONS: &'static [OptionSpec] = &[];

    /// As [`Application::define`].
    ///
    /// # Errors
    /// Bad options, and bad lines by file and number.
    fn define(options: &Options, source: Source<'_>) -> Result<(Self, PartsExamples<Self>), Error>;

    /// As [`Application::read`].
    ///
    /// # Errors
    /// Bad lines by file and number.
    fn read(&self, source: Source<'_>) -> Result<PartsItems<Self>, Error>;

    /// As [`Application::write`].
    ///
    /// # Errors
    /// Only those of `out`.
    fn write(&self, x: &Self::Input, y: &Self::Output, out: &mut dyn io::Write) -> io::Result<()>;

    /// As [`Application::differs_from`].
    fn differs_from(&self, prior: &Self) -> Option<String> {
        let _ = prior;
        None
    }

    /// As [`Application::lower_bounds`].
    fn lower_bounds(&self) -> Vec<(usize, f64)> {
        Vec::new()
    }

    /// As [`Application::weight_name`].
    fn weight_name(&self, index: usize) -> String {
        index.to_string()
    }
}

/// The training examples of a structure by parts.
pub type PartsExamples<P> = Vec<Example<<P as Parts>::Input, <P as Parts>::Output>>;

/// The examples of a structure by parts, labelled or not.
pub type PartsItems<P> = Vec<Item<<P as Parts>::Input, <P as Parts>::Output>>;

impl<P: PartsApplication> Application for Sum<P> {
    const NAME: &'static str = P::NAME;
    const ABOUT: &'static str = P::ABOUT;
    const SCHEMA: u32 = P::SCHEMA;
    const OPTIONS: &'static [OptionSpec] = P::OPTIONS;

    fn define(options: &Options, source: Source<'_>) -> Result<(Self, PartsExamples<P>), Error> {
        let (parts, examples) = P::define(options, source)?;
        Ok((Sum(parts), examples))
    }

    fn read(&self, source: Source<'_>) -> Result<PartsItems<P>, Error> {
        self.0.read(source)
    }

    fn write(
        &self,
        _: &[f64],
        x: &P::Input,
        y_hat: &P::Output,
        out: &mut dyn io::Write,
    ) -> io::Result<()> {
        PartsApplication::write(&self.0, x, y_hat, out)
    }

    fn differs_from(&self, prior: &Self) -> Option<String> {
        self.0.differs_from(&prior.0)
    }

    fn lower_bounds(&self) -> Vec<(usize, f64)> {
        self.0.lower_bounds()
    }

    fn weight_name(&self, index: usize) -> String {
        self.0.weight_name(index)
    }
}

/// The task of a structure by parts that is trained with the hinge loss or, given
/// `--objective log`, with the log-loss. The row of a program's table is
/// `Entry::of::<ByObjective<P>>()`.
///
/// With `--probabilities`, each prediction comes after a line `# P` with its probability.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ByObjective<P> {
    task: Trained<P>,
    #[serde(skip)]
    writes_probabilities: bool,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
enum Trained<P> {
    Hinge(Sum<P>),
    Log(LogLoss<P>),
}

/// Buffers of one thread.
#[derive(Debug, Default)]
pub struct ByObjectiveScratch<S> {
    hinge: SumScratch<S>,
    log: LogLossScratch<S>,
}

impl<P> ByObjective<P> {
    /// A task that is trained with this objective.
    pub fn new(parts: P, objective: Objective) -> Self {
        let task = match objective {
            Objective::Hinge => Trained::Hinge(Sum(parts)),
            Objective::Log => Trained::Log(LogLoss(parts)),
        };
        Self { task, writes_probabilities: false }
    }

    /// The structure.
    pub fn parts(&self) -> &P {
        match &self.task {
            Trained::Hinge(Sum(parts)) | Trained::Log(LogLoss(parts)) => parts,
        }
    }
}

impl<P: Marginals> Task for ByObjective<P> {
    type Input = P::Input;
    type Output = P::Output;
    type Scratch = ByObjectiveScratch<P::Scratch>;

    fn dim(&self) -> usize {
        self.parts().dim()
    }

    fn loss(&self, x: &P::Input, y: &P::Output, y_hat: &P::Output) -> f64 {
        match &self.task {
            Trained::Hinge(task) => task.loss(x, y, y_hat),
            Trained::Log(task) => task.loss(x, y, y_hat),
        }
    }

    fn predict(&self, w: &[f64], x: &P::Input, scratch: &mut Self::Scratch) -> P::Output {
        match &self.task {
            Trained::Hinge(task) => task.predict(w, x, &mut scratch.hinge),
            Trained::Log(task) => task.predict(w, x, &mut scratch.log),
        }
    }

    fn separate<'a>(
        &'a self,
        w: &[f64],
        x: &'a P::Input,
        y: &'a P::Output,
        scratch: &mut Self::Scratch,
        planes: &mut Planes<'a>,
    ) {
        match &self.task {
            Trained::Hinge(task) => task.separate(w, x, y, &mut scratch.hinge, planes),
            Trained::Log(task) => task.separate(w, x, y, &mut scratch.log, planes),
        }
    }

    fn objective(&self) -> Objective {
        match &self.task {
            Trained::Hinge(_) => Objective::Hinge,
            Trained::Log(_) => Objective::Log,
        }
    }

    fn row<'a>(&'a self, x: &'a P::Input, name: u32) -> Option<Row<'a>> {
        self.parts().row(x, name)
    }

    fn recombine(&self) -> Option<Recombiner<'_, P::Input, P::Output, Self::Scratch>> {
        match &self.task {
            Trained::Hinge(task) if task.recombine().is_some() => Some(self),
            _ => None,
        }
    }

    fn validate_input(&self, x: &P::Input) -> Result<(), String> {
        self.parts().validate_input(x)
    }

    fn validate(&self, x: &P::Input, y: &P::Output) -> Result<(), String> {
        match &self.task {
            Trained::Hinge(task) => task.validate(x, y),
            Trained::Log(task) => task.validate(x, y),
        }
    }
}

impl<P: Marginals> FeatureMap for ByObjective<P> {
    fn psi<'a>(&'a self, x: &'a P::Input, y: &P::Output, sink: &mut dyn Sink<'a>) {
        let parts = self.parts();
        parts.visit(x, y, &mut |part| parts.write(x, part, 1.0, sink));
    }
}

impl<P: Marginals> Recombine for ByObjective<P> {
    fn recombined<'a>(
        &'a self,
        w: &[f64],
        example: &'a Example<P::Input, P::Output>,
        seen: &[Part],
        least: f64,
        scratch: &mut Self::Scratch,
        sink: &mut dyn Sink<'a>,
    ) -> Option<f64> {
        match &self.task {
            Trained::Hinge(task) => {
                task.recombined(w, example, seen, least, &mut scratch.hinge, sink)
            }
            Trained::Log(_) => None,
        }
    }
}

impl<P: PartsApplication + Marginals> Application for ByObjective<P> {
    const NAME: &'static str = P::NAME;
    const ABOUT: &'static str = P::ABOUT;
    const SCHEMA: u32 = P::SCHEMA;
    const OPTIONS: &'static [OptionSpec] = P::OPTIONS;
    const OBJECTIVES: &'static [Objective] = &[Objective::Hinge, Objective::Log];

    fn define(options: &Options, source: Source<'_>) -> Result<(Self, PartsExamples<P>), Error> {
        let objective = options.objective()?;
        let (parts, examples) = P::define(options, source)?;
        Ok((Self::new(parts, objective), examples))
    }

    fn prepare(&mut self, options: &Options) -> Result<(), Error> {
        self.writes_probabilities = options.wants_probabilities();
        Ok(())
    }

    fn read(&self, source: Source<'_>) -> Result<PartsItems<P>, Error> {
        self.parts().read(source)
    }

    fn write(
        &self,
        w: &[f64],
        x: &P::Input,
        y_hat: &P::Output,
        out: &mut dyn io::Write,
    ) -> io::Result<()> {
        if let (Trained::Log(task), true) = (&self.task, self.writes_probabilities) {
            let mut scratch = LogLossScratch::default();
            writeln!(out, "# {}", task.log_probability(w, x, y_hat, &mut scratch).exp())?;
        }
        PartsApplication::write(self.parts(), x, y_hat, out)
    }

    fn forecast(
        &self,
        w: &[f64],
        outcome: &Outcome<'_, P::Input, P::Output>,
        scratch: &mut Self::Scratch,
        forecasts: &mut Forecasts,
    ) {
        let &Outcome { x, y, y_hat, weight } = outcome;
        if let Trained::Log(task) = &self.task {
            forecasts.add_output(task.log_probability(w, x, y, &mut scratch.log), weight);
            let probability = task.log_probability(w, x, y_hat, &mut scratch.log).exp();
            forecasts.add_prediction(probability, task.loss(x, y, y_hat) == 0.0, weight);
        }
    }

    fn differs_from(&self, prior: &Self) -> Option<String> {
        self.parts().differs_from(prior.parts())
    }

    fn lower_bounds(&self) -> Vec<(usize, f64)> {
        self.parts().lower_bounds()
    }

    fn weight_name(&self, index: usize) -> String {
        self.parts().weight_name(index)
    }
}
