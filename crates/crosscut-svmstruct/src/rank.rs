//! SVM^rank and Propensity SVM^rank: swapped pairs of the documents of a query.

use std::io;
use std::marker::PhantomData;

use crosscut::{Example, Rescaling, SlackNorm};
use crosscut_app::{Error, Source};
use crosscut_data::FeatureIds;
use crosscut_ranking::{Loss, Query, Ranking, Scores};

use crate::data::{self, Line};
use crate::flags::{Classify, Learn};
use crate::model::{Layout, Model};
use crate::program::{Program, Report, Test, Training, unfit};

/// The program for grades.
pub type SvmRank = Ranks<Grades>;

/// The program for clicks.
pub type SvmPropRank = Ranks<Clicks>;

/// Both programs: they differ in what they learn from.
pub struct Ranks<K>(PhantomData<K>);

/// What is learned from.
pub trait Kind {
    /// The name of the program.
    const NAME: &'static str;
    /// What help says about `-l`.
    const HELP: &'static str;

    /// Reads training examples.
    ///
    /// # Errors
    /// Flags that do not fit together, and bad lines.
    fn training(flags: &Learn, source: &mut Source<'_>) -> Result<Training<Ranking>, Error>;

    /// What is told beside swapped pairs.
    fn tell(truths: &[Truth], predictions: &[Scores]) -> Option<String> {
        let _ = (truths, predictions);
        None
    }
}

/// Documents with grades.
pub struct Grades;

/// Clicked documents with costs, among others.
pub struct Clicks;

/// What the test file says about a query, with what there is to count.
pub struct Truth {
    y: Scores,
    /// Pairs of different grades.
    pairs: f64,
}

impl<K: Kind> Program for Ranks<K> {
    type Task = Ranking;
    type Truth = Truth;

    const NAME: &'static str = K::NAME;
    const LEARNING: &'static [&'static str] = &[];
    const CLASSIFYING: &'static [&'static str] = &[];
    const HELP: &'static str = K::HELP;
    const EPSILON: f64 = 0.001;
    const ALGORITHM: u32 = 3;
    const LAYOUT: Layout = Layout {
        version: "SVM-light Version V6.20",
        before: &[],
        after: &[],
        documents: true,
        mark: "",
    };
    const DIMENSION: &'static str = "Size of Phi";

    fn training(flags: &Learn, source: &mut Source<'_>) -> Result<Training<Ranking>, Error> {
        K::training(flags, source)
    }

    fn dimension(_: &Ranking, features: u32) -> u64 {
        u64::from(features)
    }

    fn store(task: &Ranking, w: &[f64], _: u32) -> Model {
        let id = |index: usize| u64::from(task.features().id(index));
        let weights = w.iter().enumerate().map(|(index, &weight)| (id(index), weight)).collect();
        Model { header: Vec::new(), threshold: 0.0, weights }
    }

    fn load(model: &Model, _: &Classify) -> Result<(Ranking, Vec<f64>), Error> {
        let known = || {
            model.weights.iter().filter_map(|&(id, weight)| Some((u32::try_from(id).ok()?, weight)))
        };
        let task = Ranking::new(FeatureIds::Listed(known().map(|(id, _)| id).collect()));
        Ok((task, known().map(|(_, weight)| weight).collect()))
    }

    fn test(task: &Ranking, source: &mut Source<'_>) -> Result<Test<Self>, Error> {
        let file = source.name().to_owned();
        let groups = data::read(source)?.groups(&file)?;
        let (mut inputs, mut truths) = (Vec::new(), Vec::new());
        for group in groups {
            let y = Scores::new(group.iter().map(|line| line.target).collect());
            let pairs = pairs(&y);
            let y = y.with_costs(group.iter().map(|line| line.cost).collect());
            inputs.push(input(group, task.features())?);
            truths.push(Truth { y, pairs });
        }
        Ok(Test { inputs, truths, read: "done.".to_owned() })
    }

    fn write(
        _: &Ranking,
        _: &[f64],
        threshold: f64,
        _: &Query,
        y_hat: &Scores,
        out: &mut dyn io::Write,
    ) -> io::Result<()> {
        y_hat.values().iter().try_for_each(|score| writeln!(out, "{:.8}", score - threshold))
    }

    fn report(_: &Ranking, test: &Test<Self>, predictions: &[Scores]) -> Report {
        let mut report = report(&test.truths, predictions);
        report.tail.extend(K::tell(&test.truths, predictions));
        report
    }
}

impl Kind for Grades {
    const NAME: &'static str = "svm_rank";
    const HELP: &'static str = "  -l 1|2        loss. 1: number of swapped pairs (default), 2: their fraction in each query\n";

    fn training(flags: &Learn, source: &mut Source<'_>) -> Result<Training<Ranking>, Error> {
        let loss = match flags.loss {
            None | Some(1) => Loss::SwappedPairs,
            Some(2) => Loss::SwappedFraction,
            Some(other) => {
                return Err(Error::option(
                    "-l",
                    "1 (swapped pairs) or 2 (fraction of swapped pairs)",
                    other,
                ));
            }
        };
        refuse_others(flags)?;
        let (sizes, queries) = queries(source)?;
        let examples = queries.into_iter().map(|query| {
            let y = Scores::new(query.iter().map(|line| line.target).collect());
            Ok(Example::new(input(query, &sizes.ids)?, y))
        });
        let examples = examples.collect::<Result<Vec<_>, Error>>()?;
        let pairs: Vec<f64> = examples.iter().map(|example| pairs(&example.y)).collect();
        let (comparable, counts) = (pairs.iter().sum(), loss == Loss::SwappedPairs);
        let largest = pairs.iter().map(|&pairs| if counts { pairs } else { pairs.min(1.0) }).sum();
        let root = flags.slack_norm == SlackNorm::Squared;
        training(loss, examples, &sizes, counts.then_some(comparable), largest, root)
    }
}

impl Kind for Clicks {
    const NAME: &'static str = "svm_proprank";
    const HELP: &'static str = "  -l 1|2        loss: ranks of clicked documents times their cost; with 2, -e is not\n                \
                                multiplied by the number of pairs of a query\n";

    fn training(flags: &Learn, source: &mut Source<'_>) -> Result<Training<Ranking>, Error> {
        let adjusted = match flags.loss {
            None | Some(1) => true,
            Some(2) => false,
            Some(other) => {
                return Err(Error::option("-l", "1 or 2 (ranks of clicked documents)", other));
            }
        };
        refuse_others(flags)?;
        let file = source.name().to_owned();
        let (sizes, queries) = queries(source)?;
        let (mut comparable, mut largest) = (0, 0.0);
        let root = flags.slack_norm == SlackNorm::Squared;
        let examples = queries.into_iter().map(|query| {
            let clicks = query.iter().filter(|line| line.target > 0.0);
            let count = clicks.clone().count();
            if count == 0 {
                let message = format!(
                    "expected a clicked document (a number above 0) among those of qid:{}",
                    query[0].qid
                );
                return Err(Error::line(file.as_str(), query[0].number, message));
            }
            comparable += count * (query.len() - 1);
            largest += clicks.map(|line| line.cost).sum::<f64>() * (query.len() - 1) as f64;
            let y = Scores::new(query.iter().map(|line| line.target).collect());
            let y = y.with_costs(query.iter().map(|line| line.cost).collect());
            Ok(Example::new(input(query, &sizes.ids)?, y))
        });
        let examples = examples.collect::<Result<Vec<_>, Error>>()?;
        training(
            Loss::RankOfRelevant,
            examples,
            &sizes,
            adjusted.then_some(comparable as f64),
            largest,
            root,
        )
    }

    fn tell(truths: &[Truth], predictions: &[Scores]) -> Option<String> {
        let (mut ranks, mut costs) = (0.0, 0.0);
        for (Truth { y, .. }, y_hat) in truths.iter().zip(predictions) {
            let scores = y_hat.values();
            for (clicked, _) in y.values().iter().enumerate().filter(|(_, grade)| **grade > 0.0) {
                let above = scores
                    .iter()
                    .filter(|score| **score >= scores[clicked])
                    .count()
                    .saturating_sub(1);
                ranks += y.cost(clicked) * above as f64;
                costs += y.cost(clicked);
            }
        }
        let rank = if costs > 0.0 { ranks / costs } else { 0.0 };
        Some(format!(
            "Avg Rank of Positive Examples: {rank:6.2} (via SNIPS Estimator [Swaminathan & Joachims, 2015d])"
        ))
    }
}

/// What is told about the lines of a file, and the features that they have.
struct Sizes {
    ids: FeatureIds,
    features: u32,
    documents: usize,
    rankings: usize,
}

/// What the two programs do not offer.
fn refuse_others(flags: &Learn) -> Result<(), Error> {
    if flags.rescaling == Rescaling::Slack {
        let expected = "2: each pair of documents has a slack and a loss of its own, for which the rescalings are the same. \
                        Measures of whole rankings with slack rescaling are losses of `crosscut learn ranking` (-l 6 and 7)";
        return Err(Error::option("-o", expected, 1));
    }
    Ok(())
}

fn queries(source: &mut Source<'_>) -> Result<(Sizes, Vec<Vec<Line>>), Error> {
    let file = source.name().to_owned();
    let lines = data::read(source)?;
    let (features, documents) = (lines.features, lines.lines.len());
    let ids = FeatureIds::collect(lines.lines.iter().map(|line| &*line.features));
    let queries = lines.groups(&file)?;
    Ok((Sizes { ids, features, documents, rankings: queries.len() }, queries))
}

fn input(query: Vec<Line>, ids: &FeatureIds) -> Result<Query, Error> {
    let rows: Vec<_> = query.into_iter().map(|line| ids.map(line.features)).collect();
    Query::new(&rows, ids.len()).map_err(|error| unfit(error.to_string()))
}

/// The pairs of different grades.
fn pairs(y: &Scores) -> f64 {
    // Of equal scores all are swapped.
    Ranking::new(FeatureIds::Contiguous(0)).delta(y, &Scores::new(vec![0.0; y.len()]))
}

/// ε is multiplied by the `comparable` pairs of a query, and the largest loss is `largest`, both on
/// average.
fn training(
    loss: Loss,
    examples: Vec<Example<Query, Scores>>,
    sizes: &Sizes,
    comparable: Option<f64>,
    largest: f64,
    root: bool,
) -> Result<Training<Ranking>, Error> {
    let task = Ranking::new(sizes.ids.clone()).with_loss(loss, Rescaling::Margin);
    // Squared slacks bound the loss where the margin is its root.
    let task = task.and_then(|task| if root { task.with_root() } else { Ok(task) });
    let task = task.map_err(|error| unfit(error.to_string()))?;
    let n = examples.len() as f64;
    let Sizes { features, documents, rankings, .. } = sizes;
    let head = vec![format!(
        "Training set properties: {features} features, {rankings} rankings, {documents} examples"
    )];
    let epsilon_factor =
        comparable.filter(|comparable| *comparable > 0.0).map(|comparable| comparable / n);
    Ok(Training {
        task,
        examples,
        read: "done".to_owned(),
        head,
        features: *features,
        largest_loss: largest / n,
        epsilon_factor,
    })
}

/// Pairs with equal scores count as swapped.
fn report(truths: &[Truth], predictions: &[Scores]) -> Report {
    let task = Ranking::new(FeatureIds::Contiguous(0));
    let swapped = |(truth, y_hat): (&Truth, &Scores)| {
        let swapped = task.delta(&Scores::new(truth.y.values().to_vec()), y_hat);
        (swapped, if truth.pairs > 0.0 { swapped / truth.pairs } else { 0.0 })
    };
    let swapped: Vec<(f64, f64)> = truths.iter().zip(predictions).map(swapped).collect();
    let mean =
        swapped.iter().map(|(_, fraction)| fraction).sum::<f64>() / swapped.len().max(1) as f64;
    let total: f64 = swapped.iter().map(|(count, _)| count).sum();
    let wrong = swapped.iter().filter(|(count, _)| *count > 0.0).count();
    let tail = vec![
        "NOTE: The loss reported above is the fraction of swapped pairs averaged over".to_owned(),
        "      all rankings. The zero/one-error is fraction of perfectly correct".to_owned(),
        "      rankings!".to_owned(),
        format!("Total Num Swappedpairs  : {total:6.0}"),
        format!("Avg Swappedpairs Percent: {:6.2}", 100.0 * mean),
    ];
    Report { figures: Some((mean, wrong)), tail }
}
