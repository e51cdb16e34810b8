//! SVM^multiclass: classes 1 to k, a loss of 100 for a mistake, no bias.

use std::io;

use crosscut::{Example, SlackNorm, SparseVector};
use crosscut_app::{Error, Source};
use crosscut_data::{CostMatrix, FeatureIds, Labels, Renumbering};
use crosscut_multiclass::{Class, Loss, Multiclass};

use crate::data::{self, Line};
use crate::flags::{Classify, Learn};
use crate::model::{Layout, Model};
use crate::program::{Program, Report, Test, Training, size, unfit, zeros};

/// The most classes, and the most that a table of costs is made for.
const MOST_CLASSES: usize = 1 << 20;
const MOST_FOR_COSTS: usize = 1 << 12;
/// The most weights of a model that is read.
const MOST_WEIGHTS: usize = 1 << 31;
/// What a mistake costs.
const MISTAKE: f64 = 100.0;

/// The program.
pub struct SvmMulticlass;

impl Program for SvmMulticlass {
    type Task = Multiclass;
    /// The label as a number; 0 for none.
    type Truth = i64;

    const NAME: &'static str = "svm_multiclass";
    const LENIENT: bool = true;
    const LEARNING: &'static [&'static str] = &[];
    const CLASSIFYING: &'static [&'static str] = &[];
    const HELP: &'static str = "  -l 0|1        loss. 0: 100 for a wrong class (default), 1: squared difference of labels\n  \
                                -o 1|2        1: slack rescaling, 2: margin rescaling (default)\n";
    const EPSILON: f64 = 0.1;
    const ALGORITHM: u32 = 4;
    const LAYOUT: Layout = Layout {
        version: "SVM-multiclass Version V2.20",
        before: &["number of classes", "number of base features", "loss function"],
        after: &[],
        documents: true,
        mark: "qid:0 ",
    };
    const DIMENSION: &'static str = "Size of Phi";

    fn training(flags: &Learn, source: &mut Source<'_>) -> Result<Training<Multiclass>, Error> {
        let loss = match flags.loss {
            None | Some(0) => 0,
            Some(1) => 1,
            Some(other) => {
                return Err(Error::option(
                    "-l",
                    "0 (100 for a mistake) or 1 (squared difference)",
                    other,
                ));
            }
        };
        let file = source.name().to_owned();
        let lines = data::read(source)?;
        let labels = lines.lines.iter().map(|line| match label(line) {
            label @ 1.. if label <= MOST_CLASSES as i64 => Ok(label as usize),
            label => {
                let message = format!("expected a class from 1 to {MOST_CLASSES}, found {label}");
                Err(Error::line(file.as_str(), line.number, message))
            }
        });
        let labels = labels.collect::<Result<Vec<usize>, Error>>()?;
        let k = labels.iter().copied().max().unwrap_or(0);
        let ids = FeatureIds::collect(lines.lines.iter().map(|line| &*line.features));
        let task = define(k, ids).map_err(|reason| Error::file(&*file, reason))?;
        // Squared slacks bound the loss where the margin is its root.
        let squared = flags.slack_norm == SlackNorm::Squared;
        let task = match (loss, squared) {
            (0, _) => {
                task.with_loss(Loss::Constant(if squared { MISTAKE.sqrt() } else { MISTAKE }))
            }
            (_, false) => task.with_squared_loss(),
            (_, true) => task.with_loss(Loss::Cost(
                differences(k).map_err(|reason| Error::file(&*file, reason))?,
            )),
        };
        let task = task
            .map_err(|error| Error::file(&*file, error.to_string()))?
            .with_rescaling(flags.rescaling);
        let farthest = |label: usize| (label - 1).max(k - label) as f64;
        let largest_loss = match loss {
            0 => MISTAKE,
            _ => {
                labels.iter().map(|&label| farthest(label).powi(2)).sum::<f64>()
                    / labels.len() as f64
            }
        };
        let head =
            vec![format!("Training set properties: {} features, {k} classes", lines.features)];
        let examples: Vec<_> = (lines.lines.into_iter().zip(labels))
            .map(|(line, label)| {
                Ok(Example::new(input(&task, line, &file)?, Class::new(label - 1)))
            })
            .collect::<Result<_, Error>>()?;
        let read = format!(" ({} examples) done", examples.len());
        Ok(Training {
            task,
            examples,
            read,
            head,
            features: lines.features,
            largest_loss,
            epsilon_factor: None,
        })
    }

    fn renumber(
        task: &Multiclass,
        examples: &mut [Example<SparseVector, Class>],
    ) -> Option<Renumbering> {
        task.renumber(examples)
    }

    fn dimension(task: &Multiclass, features: u32) -> u64 {
        task.classes().len() as u64 * u64::from(features)
    }

    /// Class y has the ids (y − 1) · features + feature.
    fn store(task: &Multiclass, w: &[f64], features: u32) -> Model {
        let (k, known) = (task.classes().len(), task.features());
        let id = |class: usize, index: usize| {
            class as u64 * u64::from(features) + u64::from(known.id(index))
        };
        let all = (0..k).flat_map(|class| (0..known.len()).map(move |index| (class, index)));
        let weights = all.map(|(class, index)| (id(class, index), w[index * k + class]));
        let loss = i64::from(!matches!(task.loss_function(), Loss::Constant(_)));
        let header = vec![k as i64, i64::from(features), loss];
        Model {
            header,
            threshold: 0.0,
            weights: weights.filter(|(_, weight)| *weight != 0.0).collect(),
        }
    }

    fn load(model: &Model, _: &Classify) -> Result<(Multiclass, Vec<f64>), Error> {
        let k = size("a number of classes", model.header[0], MOST_CLASSES)?;
        let features = size("a number of features", model.header[1], u32::MAX as usize)?;
        // Only features with weights: a model may claim any number of them.
        let place = |id: u64| {
            let at = id - 1;
            let (class, feature) = (at / features.max(1) as u64, at % features.max(1) as u64);
            (class < k as u64).then_some((class as usize, feature as u32 + 1))
        };
        let mut ids: Vec<u32> =
            model.weights.iter().filter_map(|&(id, _)| Some(place(id)?.1)).collect();
        ids.sort_unstable();
        ids.dedup();
        if k.saturating_mul(ids.len()) > MOST_WEIGHTS {
            return Err(unfit(format!(
                "expected at most {MOST_WEIGHTS} weights, found {k} times {}",
                ids.len()
            )));
        }
        // Before there are names for so many classes.
        let mut w = zeros(k * ids.len(), model.weights.len())?;
        let task = define(k, FeatureIds::Listed(ids)).map_err(unfit)?;
        let task = match model.header[2] {
            0 => task.with_loss(Loss::Constant(MISTAKE)),
            1 => task.with_squared_loss(),
            other => return Err(unfit(format!("expected the loss 0 or 1, found {other}"))),
        };
        let task = task.map_err(|error| unfit(error.to_string()))?;
        for &(id, weight) in &model.weights {
            if let Some((class, feature)) = place(id)
                && let Some(index) = task.features().index(feature)
            {
                w[index as usize * k + class] = weight;
            }
        }
        Ok((task, w))
    }

    fn test(task: &Multiclass, source: &mut Source<'_>) -> Result<Test<Self>, Error> {
        let file = source.name().to_owned();
        let lines = data::read(source)?.lines;
        let truths: Vec<i64> = lines.iter().map(|line| label(line).max(0)).collect();
        let inputs = lines
            .into_iter()
            .map(|line| input(task, line, &file))
            .collect::<Result<Vec<_>, Error>>()?;
        let read = format!(" ({} examples) done.", inputs.len());
        Ok(Test { inputs, truths, read })
    }

    fn write(
        task: &Multiclass,
        w: &[f64],
        threshold: f64,
        x: &SparseVector,
        y_hat: &Class,
        out: &mut dyn io::Write,
    ) -> io::Result<()> {
        write!(out, "{}", y_hat.index() + 1)?;
        task.scores(w, x).iter().try_for_each(|score| write!(out, " {:.6}", score - threshold))?;
        writeln!(out)
    }

    fn report(task: &Multiclass, test: &Test<Self>, predictions: &[Class]) -> Report {
        if test.truths.contains(&0) {
            return Report::default();
        }
        let pairs = || {
            test.truths
                .iter()
                .zip(predictions)
                .map(|(&truth, y_hat)| (truth, y_hat.index() as i64 + 1))
        };
        let loss = |(truth, predicted): (i64, i64)| match task.loss_function() {
            Loss::Constant(mistake) => {
                if truth == predicted {
                    0.0
                } else {
                    *mistake
                }
            }
            _ => ((truth - predicted) as f64).powi(2),
        };
        let wrong = pairs().filter(|(truth, predicted)| truth != predicted).count();
        let mean = pairs().map(loss).sum::<f64>() / predictions.len().max(1) as f64;
        Report { figures: Some((mean, wrong)), tail: Vec::new() }
    }
}

/// The label of a line as the family reads it: without what follows the decimal point.
fn label(line: &Line) -> i64 {
    line.target as i64
}

fn define(k: usize, features: FeatureIds) -> Result<Multiclass, String> {
    let names: Vec<String> = (1..=k).map(|class| class.to_string()).collect();
    Multiclass::new(Labels::from(names), features).map_err(|error| error.to_string())
}

/// |y − ŷ|, the root of the squared difference.
fn differences(k: usize) -> Result<CostMatrix, String> {
    if k > MOST_FOR_COSTS {
        return Err(format!("expected at most {MOST_FOR_COSTS} classes for -l 1 -p 2, found {k}"));
    }
    let mut costs = CostMatrix::zero_one(k);
    for (y, y_hat) in
        (0..k).flat_map(|y| (0..k).map(move |y_hat| (y, y_hat))).filter(|(y, y_hat)| y != y_hat)
    {
        costs.set(y, y_hat, y.abs_diff(y_hat) as f64).map_err(|error| error.to_string())?;
    }
    Ok(costs)
}

fn input(task: &Multiclass, line: Line, file: &str) -> Result<SparseVector, Error> {
    task.input(task.features().map(line.features))
        .map_err(|error| Error::line(file, line.number, error.to_string()))
}
