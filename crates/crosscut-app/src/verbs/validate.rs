//! [`validate`]: cross-validation on a file of examples.

use std::collections::{BTreeMap, HashMap};
use std::mem;
use std::path::{Path, PathBuf};

use crosscut::validation::{FoldError, Point, best, beyond, one_standard_error, stratified_folds};
use crosscut::{C, Example, Settings, SolveError};

use super::held_out::{Folds, Found, Watch};
use super::{Shape, check_options};
use crate::answers::{Validation, exact};
use crate::encoding::Encoding;
use crate::error::Error;
use crate::format::Format;
use crate::monitor::Monitor;
use crate::options::{OptionSpec, Options};
use crate::prior::{self, Prior};
use crate::reading;
use crate::source::Source;
use crate::{output, probability};

/// The arguments of [`validate`].
#[derive(Clone, Copy, Debug)]
pub struct Validate<'a> {
    /// The file of examples.
    pub examples: &'a Path,
    /// Number of folds.
    pub folds: usize,
    /// The values of C to try.
    pub cs: &'a [C],
    /// Whether to try two more if the best is the smallest or the largest of at least three.
    pub extend: bool,
    /// Which C to choose.
    pub choice: Choice,
    /// The file for the predictions of the chosen C, if they are wanted.
    pub predictions: Option<&'a Path>,
    /// The model whose weights are the prior weights, if there is one.
    pub prior: Option<&'a Path>,
    /// The options of the task.
    pub options: &'a Options,
    /// How to train. Its C is ignored; its seed also decides the folds.
    pub settings: &'a Settings,
}

/// Which C to choose.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Choice {
    /// The one with the lowest log-loss if the models give probabilities, else with the lowest
    /// risk.
    #[default]
    Best,
    /// The smallest one that is within a standard error of the best; see
    /// [`one_standard_error`].
    OneStandardError,
}

/// Cross-validation: for every C, each fold is predicted by a model trained on the others.
///
/// Folds keep [strata](Format::stratum) in proportion, such as classes, and
/// [groups](Format::group) whole. The results are in the order of the constants, each once. If
/// the best is at the edge of the grid, [two more](beyond) are tried; their first runs start from
/// the weights at the largest C before them. If the monitor stops the run, only the constants
/// completed before are returned.
///
/// The predictions are those of the chosen C, one for each example in the order of the file, by the
/// model that was not trained on it, in the format of [`classify`](super::classify()). They are not
/// written if the run is stopped.
///
/// # Errors
/// Bad options, settings, files and lines; a prior that does not fit, as in
/// [`learn`](super::learn()); more folds than groups of examples; predictions that cannot be
/// written, or a fold without an example of positive weight, which is not predicted.
pub fn validate<F: Format>(
    request: &Validate<'_>,
    monitor: &mut dyn Monitor,
) -> Result<Validation, Error> {
    check_options::<F>(request.options)?;
    request.check(F::OPTIONS, &F::beside(request.options, request.examples))?;
    let encoding = Encoding::of(request.options)?;
    let cs = request.constants()?;
    let prior = Prior::<F>::open(request.prior)?;
    let source = Source::open(request.examples, monitor)?.decode(encoding);
    let mut training = reading::define::<F>(request.options, source)?;
    let (format, task) = (&training.format, &training.task);
    let mut regulariser =
        prior::regulariser(prior.as_ref(), format, task, &mut |message| monitor.note(message))?;
    // No weights leave this function.
    if let Some(new) = format.renumber(task, &mut training.examples) {
        regulariser = new.regulariser(&regulariser);
    }
    let examples = &training.examples;
    let groups = groups(examples.iter().map(|example| format.group(&example.x)).collect());
    let strata: Vec<Option<u64>> =
        examples.iter().map(|example| format.stratum(&example.y)).collect();
    let fold_of = request.fold_of(&groups, &strata)?;
    if let Some(note) = rare(&strata, request.folds) {
        monitor.note(&note);
    }
    let weights: Vec<f64> = examples.iter().map(|example: &Example<_, _>| example.weight).collect();
    request.check_weights(&fold_of, &weights)?;
    let shape = Shape::of(format, task);
    let folds = Folds {
        training: &training,
        fold_of: &fold_of,
        regulariser: &regulariser,
        settings: request.settings,
        writes: request.predictions.is_some(),
        extends: request.extend && cs.len() > 2,
    };
    let mut watch = Watch {
        shape: &shape,
        settings: request.settings,
        fold_of: &fold_of,
        current: None,
        stopped: false,
        monitor,
    };
    let run: &Run<'_> = &|cs, starts, ends, watch| folds.run(cs, starts, ends, watch);
    request.search(&cs, examples.len(), run, &mut watch).map_err(|error| match error {
        Error::Solve(error) => shape.blame(request.examples, error),
        other => other,
    })
}

/// [`Folds::run`] for any task.
type Run<'r> = dyn Fn(&[C], &[Vec<f64>], &mut Vec<Vec<f64>>, &mut Watch<'_>) -> Result<Vec<Found>, SolveError>
    + 'r;

impl Validate<'_> {
    /// Checks the settings, and refuses to write over a file that is read; `specs` are the options
    /// of the task.
    fn check(&self, specs: &[OptionSpec], beside: &[PathBuf]) -> Result<(), Error> {
        probability::check_settings(self.options, self.settings)?;
        let Some(predictions) = self.predictions else { return Ok(()) };
        let side = self.options.files(specs);
        let mut inputs: Vec<&Path> = side.iter().map(|(_, file)| *file).collect();
        inputs.push(self.examples);
        inputs.extend(beside.iter().map(PathBuf::as_path));
        inputs.extend(self.prior);
        output::check(predictions, &inputs)
    }

    /// The values of C, each checked and without repetitions.
    fn constants(&self) -> Result<Vec<C>, Error> {
        let mut cs: Vec<C> = Vec::new();
        for &c in self.cs {
            self.settings.c(c).check().map_err(SolveError::from)?;
            if !cs.contains(&c) {
                cs.push(c);
            }
        }
        Ok(cs)
    }

    /// The fold of each example.
    fn fold_of(&self, groups: &[u64], strata: &[Option<u64>]) -> Result<Vec<usize>, Error> {
        let strata: Vec<u64> = strata.iter().map(|stratum| stratum.unwrap_or(u64::MAX)).collect();
        stratified_folds(groups, &strata, self.folds, self.settings.seed).map_err(|error| {
            match error {
                FoldError::TooFew { folds } => Error::option("--folds", "at least 2", folds),
                FoldError::TooMany { folds, groups } => {
                    let expected =
                        format!("at most the number of examples (or of their groups), {groups}");
                    Error::option("--folds", expected, folds)
                }
                other => Error::option("--folds", other.to_string(), self.folds),
            }
        })
    }

    /// Refuses predictions if a fold would have none, since no example in it has weight.
    fn check_weights(&self, fold_of: &[usize], weights: &[f64]) -> Result<(), Error> {
        let mut has_weight = vec![false; self.folds];
        for (&fold, &weight) in fold_of.iter().zip(weights) {
            has_weight[fold] |= weight > 0.0;
        }
        let missing = has_weight.iter().position(|has_weight| !has_weight);
        match (self.predictions, missing) {
            (Some(_), Some(fold)) => Err(Error::option(
                "--predictions",
                "an example with a weight above 0 in each fold",
                format!("none in fold {}", fold + 1),
            )),
            _ => Ok(()),
        }
    }

    /// Tries the values of C, extends the grid, chooses, and writes the predictions.
    fn search(
        &self,
        cs: &[C],
        n: usize,
        run: &Run<'_>,
        watch: &mut Watch<'_>,
    ) -> Result<Validation, Error> {
        let mut ends = Vec::new();
        let mut found = run(cs, &[], &mut ends, watch)?;
        let mut extended = Vec::new();
        let at_edge = |found: &[Found]| {
            let tried: Vec<C> = found.iter().map(|one| one.validated.point.c).collect();
            let best = best(&judged(found), n)?;
            let side = if tried.iter().all(|c| c.mean(n) <= best.mean(n)) {
                Edge::Largest
            } else {
                Edge::Smallest
            };
            let more = beyond(&tried, best, n);
            (tried.len() > 2 && !more.is_empty()).then_some((best, side, more))
        };
        if self.extend
            && !watch.stopped
            && let Some((best, side, more)) = at_edge(&found)
        {
            let list: Vec<String> = more.iter().map(|&c| value(c)).collect();
            watch.monitor.note(&format!(
                "the best C, {}, is the {} of the grid: trying {} too",
                value(best),
                side.name(),
                list.join(" and ")
            ));
            // Small values of C take few passes from zero.
            let starts = if side == Edge::Largest { mem::take(&mut ends) } else { Vec::new() };
            match run(&more, &starts, &mut Vec::new(), watch) {
                Ok(new) => {
                    extended = new.iter().map(|one| one.validated.point.c).collect();
                    let at = if side == Edge::Largest { found.len() } else { 0 };
                    // Beyond the smallest C the order of the table goes on downwards.
                    let new: Vec<Found> = match side {
                        Edge::Largest => new,
                        Edge::Smallest => new.into_iter().rev().collect(),
                    };
                    found.splice(at..at, new);
                }
                Err(SolveError::Settings(error)) => {
                    watch.monitor.note(&format!("the grid is not extended: {error}"));
                }
                Err(error) => return Err(error.into()),
            }
        }
        if let Some((_, side, _)) = at_edge(&found) {
            watch.monitor.note(side.advice());
        }
        let judged = judged(&found);
        let index = |c: Option<C>| found.iter().position(|one| Some(one.validated.point.c) == c);
        let (best, near) = (index(best(&judged, n)), index(one_standard_error(&judged, n)));
        let chosen = if self.choice == Choice::Best { best } else { near };
        let has_written = match (self.predictions, chosen) {
            (Some(file), Some(chosen)) if !watch.stopped => {
                let texts = mem::take(&mut found[chosen].texts);
                output::replace(file, |out| {
                    texts.into_iter().try_for_each(|text| out.write_all(&text?))
                })?;
                true
            }
            _ => false,
        };
        Ok(Validation {
            points: found.into_iter().map(|one| one.validated).collect(),
            extended,
            best,
            one_standard_error: near,
            chosen,
            has_written,
        })
    }
}

/// An edge of the grid.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Edge {
    Smallest,
    Largest,
}

impl Edge {
    fn name(self) -> &'static str {
        match self {
            Edge::Smallest => "smallest",
            Edge::Largest => "largest",
        }
    }

    /// What to say if the best C is still there.
    fn advice(self) -> &'static str {
        match self {
            Edge::Smallest => {
                "the best C is the smallest that was tried; a smaller one may be as good"
            }
            Edge::Largest => "the best C is the largest that was tried; a larger one may be better",
        }
    }
}

/// The points to choose from: with probabilities, the log-loss takes the place of the risk.
fn judged(found: &[Found]) -> Vec<Point> {
    let point = |one: &Found| {
        let point = one.validated.point.clone();
        match one.validated.log_loss {
            Some((risk, standard_error)) => Point { risk, standard_error, ..point },
            None => point,
        }
    };
    found.iter().map(point).collect()
}

/// The number of a C, in its convention.
fn value(c: C) -> String {
    let (C::Mean(c) | C::Sum(c)) = c;
    exact(c)
}

/// A sentence if a stratum has fewer examples than there are folds.
fn rare(strata: &[Option<u64>], folds: usize) -> Option<String> {
    let mut sizes: BTreeMap<u64, usize> = BTreeMap::new();
    for stratum in strata.iter().flatten() {
        *sizes.entry(*stratum).or_default() += 1;
    }
    let rare = sizes.values().filter(|&&size| size < folds).count();
    let least = sizes.values().min()?;
    (rare > 0).then(|| {
        format!(
            "{rare} of {} classes have fewer examples than there are folds (the rarest has {least}): \
             they are not in every fold",
            sizes.len()
        )
    })
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
