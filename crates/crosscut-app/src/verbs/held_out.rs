//! [`Folds`]: trains on all folds but one, for every fold and C, and keeps what the models say of the
//! fold held out.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::{io, mem};

use crosscut::parallel::map_ranges;
use crosscut::validation::{Point, Round, cross_validate_with, pooled};
use crosscut::{C, Example, Flow, Progress, Regulariser, Settings, SolveError, predict_all};

use super::{Shape, forecasts};
use crate::answers::Validated;
use crate::format::{Format, OutputOf};
use crate::item::Outcome;
use crate::monitor::Monitor;
use crate::probability::Forecasts;
use crate::reading::Training;

/// The examples of a cross-validation and their folds.
pub(super) struct Folds<'f, F: Format> {
    pub training: &'f Training<F>,
    pub fold_of: &'f [usize],
    pub regulariser: &'f Regulariser,
    pub settings: &'f Settings,
    /// Whether to keep predictions as text.
    pub writes: bool,
    /// Whether the grid may be extended, from the weights at its largest C.
    pub extends: bool,
}

/// What was found for one C.
pub(super) struct Found {
    pub validated: Validated,
    /// The prediction for each example, as `classify` writes it, or the error of writing it; empty
    /// unless they are kept.
    pub texts: Vec<io::Result<Vec<u8>>>,
}

/// The held-out predictions of one C.
struct Held<Y> {
    predictions: Vec<Option<Y>>,
    texts: Vec<io::Result<Vec<u8>>>,
    /// What the model of each fold says of the probabilities of outputs.
    forecasts: BTreeMap<usize, Forecasts>,
}

impl<F: Format> Folds<'_, F> {
    /// Makes all runs for these values of C, each once, from the weights `starts`. The result has a
    /// C that was completed on every fold, in order, and is all of them unless the watch was
    /// stopped. `ends` gets the weights at the largest C of each fold, if the grid may be extended.
    ///
    /// # Errors
    /// See [`cross_validate_with`].
    pub fn run(
        &self,
        cs: &[C],
        starts: &[Vec<f64>],
        ends: &mut Vec<Vec<f64>>,
        watch: &mut Watch<'_>,
    ) -> Result<Vec<Found>, SolveError> {
        let n = self.training.examples.len();
        let none = || Held {
            predictions: self.training.examples.iter().map(|_| None).collect(),
            texts: Vec::new(),
            forecasts: BTreeMap::new(),
        };
        let held: Vec<Mutex<Held<OutputOf<F>>>> = cs.iter().map(|_| Mutex::new(none())).collect();
        let ends = Mutex::new(ends);
        let largest = cs.iter().map(|c| c.mean(n)).fold(0.0, f64::max);
        let points = cross_validate_with(
            self.regulariser,
            starts,
            &self.training.task,
            &self.training.examples,
            self.fold_of,
            cs,
            self.settings,
            &mut |round, progress| watch.see(round, progress),
            &|round, solution, held_out| {
                let Some(at) = cs.iter().position(|&c| c == round.c) else { return };
                self.take_in(&held[at], round.fold, &solution.w, held_out);
                if self.extends && round.c.mean(n) == largest {
                    let mut ends = ends.lock().unwrap_or_else(PoisonError::into_inner);
                    let folds = ends.len().max(round.fold + 1);
                    ends.resize(folds, Vec::new());
                    ends[round.fold].clone_from(&solution.w);
                }
            },
        )?;
        let found = points.into_iter().filter_map(|point| {
            let at = cs.iter().position(|&c| c == point.c)?;
            let mut held = held[at].lock().unwrap_or_else(PoisonError::into_inner);
            let texts = mem::take(&mut held.texts);
            Some(Found { validated: self.validated(point, &held), texts })
        });
        Ok(found.collect())
    }

    /// Predicts the examples `held_out` with the weights w, which a fold was trained without.
    fn take_in(&self, held: &Mutex<Held<OutputOf<F>>>, fold: usize, w: &[f64], held_out: &[usize]) {
        let Training { format, task, .. } = self.training;
        let inputs: Vec<_> =
            held_out.iter().map(|&example| &self.training.examples[example].x).collect();
        let found = predict_all(&self.training.task, w, &inputs);
        let outcomes: Vec<_> = (held_out.iter().zip(&found))
            .map(|(&example, y_hat)| {
                let Example { x, y, weight } = &self.training.examples[example];
                Outcome { x, y, y_hat, weight: *weight }
            })
            .collect();
        let forecasts = forecasts(format, task, w, &outcomes);
        /// Examples written by one thread at a time.
        const PIECE: usize = 64;
        let texts = self.writes.then(|| {
            map_ranges(held_out.len(), PIECE, |range| {
                let text = |at: usize| {
                    let mut text = Vec::new();
                    format.write(task, w, inputs[at], &found[at], &mut text).map(|()| text)
                };
                range.map(text).collect::<Vec<_>>()
            })
        });
        let mut held = held.lock().unwrap_or_else(PoisonError::into_inner);
        held.forecasts.insert(fold, forecasts);
        if let Some(texts) = texts {
            held.texts.resize_with(self.training.examples.len(), || Ok(Vec::new()));
            for (&example, text) in held_out.iter().zip(texts.into_iter().flatten()) {
                held.texts[example] = text;
            }
        }
        for (&example, y_hat) in held_out.iter().zip(found) {
            held.predictions[example] = Some(y_hat);
        }
    }

    /// The measures of the held-out predictions.
    fn validated(&self, point: Point, held: &Held<OutputOf<F>>) -> Validated {
        let outcomes: Vec<_> = (self.training.examples.iter().zip(&held.predictions))
            .filter_map(|(Example { x, y, weight }, y_hat)| {
                Some(Outcome { x, y, y_hat: y_hat.as_ref()?, weight: *weight })
            })
            .collect();
        let mut all = Forecasts::default();
        held.forecasts.values().for_each(|fold| all.absorb(fold));
        let report = all.report(self.training.format.evaluate(&self.training.task, &outcomes));
        let folds: Vec<(f64, f64)> = held.forecasts.values().map(Forecasts::log_loss).collect();
        let log_loss = report.get("log_loss").map(|log_loss| (log_loss, pooled(&folds).1));
        Validated { point, log_loss, report }
    }
}

/// Passes progress on to the monitor, and announces each round when it begins.
pub(super) struct Watch<'w> {
    pub shape: &'w Shape,
    pub settings: &'w Settings,
    pub fold_of: &'w [usize],
    pub current: Option<Round>,
    /// The monitor has asked to stop.
    pub stopped: bool,
    pub monitor: &'w mut dyn Monitor,
}

impl Watch<'_> {
    fn see(&mut self, round: &Round, progress: &Progress) -> Flow {
        if self.current.replace(*round) != Some(*round) {
            let kept = self.fold_of.iter().filter(|&&fold| fold != round.fold).count();
            self.monitor.start(&self.shape.start(kept, self.settings, Some(*round)));
        }
        let flow = self.monitor.progress(progress);
        self.stopped |= flow.is_break();
        flow
    }
}
