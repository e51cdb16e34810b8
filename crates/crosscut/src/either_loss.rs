//! [`EitherLoss`]: a structure by parts that is trained with either objective.

use serde::{Deserialize, Serialize};

use crate::data::{Row, Sink};
use crate::log_loss::{self, LogLossScratch, Marginals};
use crate::parts::{Sum, SumScratch};
use crate::task::{Example, FeatureMap, Objective, Part, Planes, Recombine, Recombiner, Task};

/// A structure by parts that is trained with the hinge loss, as [`Sum`], or with the log-loss, as
/// [`LogLoss`](crate::LogLoss).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EitherLoss<P> {
    /// The structure, as it is trained with the hinge loss.
    pub sum: Sum<P>,
    /// What training minimises.
    pub objective: Objective,
}

/// Buffers of one thread for [`EitherLoss`].
#[derive(Debug, Default)]
pub struct EitherScratch<S> {
    hinge: SumScratch<S>,
    log: LogLossScratch<S>,
}

impl<P: Marginals> EitherLoss<P> {
    /// ln P(y | x); `None` if the objective is the hinge loss.
    pub fn log_probability(
        &self,
        w: &[f64],
        x: &P::Input,
        y: &P::Output,
        scratch: &mut EitherScratch<P::Scratch>,
    ) -> Option<f64> {
        let is_log = self.objective == Objective::Log;
        is_log.then(|| log_loss::log_probability(&self.sum.0, w, x, y, &mut scratch.log))
    }
}

impl<P: Marginals> Task for EitherLoss<P> {
    type Input = P::Input;
    type Output = P::Output;
    type Scratch = EitherScratch<P::Scratch>;

    fn dim(&self) -> usize {
        self.sum.dim()
    }

    fn loss(&self, x: &P::Input, y: &P::Output, y_hat: &P::Output) -> f64 {
        self.sum.loss(x, y, y_hat)
    }

    fn predict(&self, w: &[f64], x: &P::Input, scratch: &mut Self::Scratch) -> P::Output {
        self.sum.predict(w, x, &mut scratch.hinge)
    }

    fn separate<'a>(
        &'a self,
        w: &[f64],
        x: &'a P::Input,
        y: &'a P::Output,
        scratch: &mut Self::Scratch,
        planes: &mut Planes<'a>,
    ) {
        match self.objective {
            Objective::Hinge => self.sum.separate(w, x, y, &mut scratch.hinge, planes),
            Objective::Log => log_loss::separate(&self.sum.0, w, x, y, &mut scratch.log, planes),
        }
    }

    fn objective(&self) -> Objective {
        self.objective
    }

    fn row<'a>(&'a self, x: &'a P::Input, name: u32) -> Option<Row<'a>> {
        self.sum.row(x, name)
    }

    fn recombine(&self) -> Option<Recombiner<'_, P::Input, P::Output, Self::Scratch>> {
        match self.objective {
            Objective::Hinge if self.sum.recombine().is_some() => Some(self),
            _ => None,
        }
    }

    fn validate_input(&self, x: &P::Input) -> Result<(), String> {
        self.sum.validate_input(x)
    }

    fn validate(&self, x: &P::Input, y: &P::Output) -> Result<(), String> {
        self.sum.validate(x, y)
    }
}

impl<P: Marginals> FeatureMap for EitherLoss<P> {
    fn psi<'a>(&'a self, x: &'a P::Input, y: &P::Output, sink: &mut dyn Sink<'a>) {
        self.sum.psi(x, y, sink);
    }
}

impl<P: Marginals> Recombine for EitherLoss<P> {
    fn recombined<'a>(
        &'a self,
        w: &[f64],
        example: &'a Example<P::Input, P::Output>,
        seen: &[Part],
        least: f64,
        scratch: &mut Self::Scratch,
        sink: &mut dyn Sink<'a>,
    ) -> Option<f64> {
        self.sum.recombined(w, example, seen, least, &mut scratch.hinge, sink)
    }
}
