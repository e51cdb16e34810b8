//! [`validate`]: cross-validation on a file of examples.

use std::collections::HashMap;
use std::path::Path;

use crosscut::validation::{FoldError, Round, cross_validate_with, folds};
use crosscut::{C, Example, Flow, Progress, Settings, SolveError, predict_all};

use super::{Shape, forecasts};
use crate::answers::Validated;
use crate::application::{Application, Options, Outcome};
use crate::encoding::Encoding;
use crate::error::Error;
use crate::monitor::Monitor;
use crate::prior::{self, Prior};
use crate::probability::{self, Forecasts};
use crate::source::Source;

/// The arguments of [`validate`].
#[derive(Clone, Copy, Debug)]
pub struct Validate<'a> {
    /// The file of examples.
    pub examples: &'a Path,
    /// Number of folds.
    pub folds: usize,
    /// The values of C to try.
    pub cs: &'a [C],
    /// The model whose weights are the prior weights, if there is one.
    pub prior: Option<&'a Path>,
    /// The options of the task.
    pub options: &'a Options,
    /// How to train. Its C is ignored; its seed also decides the folds.
    pub settings: &'a Settings,
}

/// Cross-validation: for every C, each fold is predicted by a model trained on the others.
///
/// The results are in the order of the constants, each once. If the monitor stops the run, only the
/// constants completed before are returned.
///
/// # Errors
/// Bad options, settings, files and lines; a prior that does not fit, as in [`learn`](super::learn);
/// more folds than groups of examples.
pub fn validate<A: Application>(
    request: &Validate<'_>,
    monitor: &mut dyn Monitor,
) -> Result<Vec<Validated>, Error> {
    request.options.check::<A>()?;
    let encoding = Encoding::of(request.options)?;
    probability::check_settings(request.options, request.settings)?;
    let (settings, cs) = (request.settings, request.constants()?);
    let prior = Prior::<A>::open(request.prior)?;
    let source = Source::open(request.examples, monitor)?.decode(encoding);
    let (task, examples) = A::define(request.options, source)?;
    let regulariser =
        prior::regulariser(prior.as_ref(), &task, &mut |message| monitor.note(message))?;
    let groups = groups(examples.iter().map(|example| task.group(&example.x)).collect());
    let fold_of = request.fold_of(&groups)?;
    let shape = Shape::of(&task);

    let mut predictions: Vec<Vec<Option<A::Output>>> = Vec::new();
    predictions.resize_with(cs.len(), || examples.iter().map(|_| None).collect());
    let mut forecast = vec![Forecasts::default(); cs.len()];
    let mut watch = Watch { shape: &shape, settings, fold_of: &fold_of, current: None, monitor };
    let points = cross_validate_with(
        &regulariser,
        &task,
        &examples,
        &fold_of,
        &cs,
        settings,
        &mut |round, progress| watch.see(round, progress),
        &mut |round, solution, held_out| {
            let Some(at) = cs.iter().position(|&c| c == round.c) else { return };
            let inputs: Vec<_> = held_out.iter().map(|&example| &examples[example].x).collect();
            let found = predict_all(&task, &solution.w, &inputs);
            let outcomes: Vec<_> = (held_out.iter().zip(&found))
                .map(|(&example, y_hat)| {
                    let Example { x, y, weight } = &examples[example];
                    Outcome { x, y, y_hat, weight: *weight }
                })
                .collect();
            forecast[at].absorb(&forecasts(&task, &solution.w, &outcomes));
            for (&example, y_hat) in held_out.iter().zip(found) {
                predictions[at][example] = Some(y_hat);
            }
        },
    )
    .map_err(|error| shape.blame(request.examples, error))?;

    let validated = points.into_iter().map(|point| {
        let at = cs.iter().position(|&c| c == point.c);
        let predictions = at.map_or(&[][..], |at| &predictions[at]);
        let outcomes: Vec<_> = (examples.iter().zip(predictions))
            .filter_map(|(example, y_hat)| {
                Some(Outcome {
                    x: &example.x,
                    y: &example.y,
                    y_hat: y_hat.as_ref()?,
                    weight: example.weight,
                })
            })
            .collect();
        let report = task.evaluate(&outcomes);
        let report = at.map_or(report.clone(), |at| forecast[at].report(report));
        Validated { point, report }
    });
    Ok(validated.collect())
}

impl Validate<'_> {
    /// The values of C, each checked and without repetitions.
    fn constants(&self) -> Result<Vec<C>, Error> {
        let mut cs: Vec<C> = Vec::new();
        for &c in self.cs {
            Settings { c, ..*self.settings }.check().map_err(SolveError::from)?;
            if !cs.contains(&c) {
                cs.push(c);
            }
        }
        Ok(cs)
    }

    /// The fold of each example.
    fn fold_of(&self, groups: &[u64]) -> Result<Vec<usize>, Error> {
        folds(groups, self.folds, self.settings.seed).map_err(|error| match error {
            FoldError::TooFew { folds } => Error::option("--folds", "at least 2", folds),
            FoldError::TooMany { folds, groups } => {
                let expected =
                    format!("at most the number of examples (or of their groups), {groups}");
                Error::option("--folds", expected, folds)
            }
        })
    }
}

/// Passes progress on to the monitor, and announces each round when it begins.
struct Watch<'w> {
    shape: &'w Shape,
    settings: &'w Settings,
    fold_of: &'w [usize],
    current: Option<Round>,
    monitor: &'w mut dyn Monitor,
}

impl Watch<'_> {
    fn see(&mut self, round: &Round, progress: &Progress) -> Flow {
        if self.current.replace(*round) != Some(*round) {
            let kept = self.fold_of.iter().filter(|&&fold| fold != round.fold).count();
            self.monitor.start(&self.shape.start(kept, self.settings, Some(*round)));
        }
        self.monitor.progress(progress)
    }
}

/// A group number for each example. An example without a group forms a group of its own.
fn groups(given: Vec<Option<u64>>) -> Vec<u64> {
    let mut numbers = HashMap::new();
    let mut count = 0;
    let mut fresh = || {
        count += 1;
        count
    };
    let number = |group: Option<u64>| match group {
        Some(group) => *numbers.entry(group).or_insert_with(&mut fresh),
        None => fresh(),
    };
    given.into_iter().map(number).collect()
}
