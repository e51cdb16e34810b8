//! The measures of an evaluation.

use crosscut::SparseVector;
use crosscut_app::{Outcome, Report, Table, mean_loss};

use crate::task::{Class, Multiclass};

/// Largest number of classes for which the confusion matrix is reported.
const MOST_CONFUSED: usize = 1000;

/// Error, mean loss, precision, recall, F1 and the confusion matrix, by the conventions on the
/// [crate page](crate#evaluation).
pub(crate) fn report(task: &Multiclass, outcomes: &[Outcome<'_, SparseVector, Class>]) -> Report {
    let k = task.classes().len();
    let name = |class: usize| task.classes().name(class).to_owned();
    let tally = Tally::of(k, outcomes);

    let total: f64 = tally.predicted.iter().sum();
    let correct: f64 = tally.correct.iter().sum();
    let per_class: Vec<Scores> = (0..k)
        .map(|class| {
            Scores::new(tally.correct[class], tally.predicted[class], tally.support[class])
        })
        .collect();
    // Labels that the model does not know are one more class, which it never predicts.
    let present: Vec<&Scores> = (0..k)
        .filter(|&class| tally.support[class] + tally.predicted[class] > 0.0)
        .map(|class| &per_class[class])
        .collect();
    let classes = present.len() + usize::from(tally.unknown > 0);
    let macro_mean = |measure: fn(&Scores) -> f64| {
        ratio(present.iter().copied().map(measure).sum(), classes as f64)
    };

    let mut report = Report::new()
        .measure("error", ratio(total - correct, total))
        .measure("accuracy", ratio(correct, total))
        .measure("loss", mean_loss(task, outcomes))
        .measure("macro_precision", macro_mean(|scores| scores.precision))
        .measure("macro_recall", macro_mean(|scores| scores.recall))
        .measure("macro_f1", macro_mean(|scores| scores.f1))
        .measure("micro_precision", ratio(correct, total))
        .measure("micro_recall", ratio(correct, total))
        .measure("micro_f1", ratio(correct, total))
        .count("examples", outcomes.len() as f64)
        .count("correct", tally.right as f64)
        .count("incorrect", (outcomes.len() - tally.right) as f64);
    if tally.unknown > 0 {
        report = report.count("unknown_labels", tally.unknown as f64);
    }

    let rows = per_class.iter().enumerate();
    report = report.table(Table {
        name: "per_class".to_owned(),
        columns: ["precision", "recall", "f1", "support"].map(str::to_owned).to_vec(),
        counts_from: 3,
        rows: rows
            .map(|(class, scores)| {
                (
                    name(class),
                    vec![scores.precision, scores.recall, scores.f1, tally.support[class]],
                )
            })
            .collect(),
    });
    if k <= MOST_CONFUSED {
        let mut rows: Vec<(String, Vec<f64>)> =
            (0..k).map(|truth| (name(truth), vec![0.0; k])).collect();
        if tally.unknown > 0 {
            rows.push(("(unknown)".to_owned(), vec![0.0; k]));
        }
        for outcome in outcomes {
            rows[outcome.y.index().min(k)].1[outcome.y_hat.index()] += outcome.weight;
        }
        let columns = (0..k).map(name).collect();
        report =
            report.table(Table { name: "confusion".to_owned(), columns, counts_from: 0, rows });
    }
    report
}

/// Sums over the outcomes, by class.
struct Tally {
    /// Weight of the right predictions of a class.
    correct: Vec<f64>,
    /// Weight of the predictions of a class.
    predicted: Vec<f64>,
    /// Weight of the examples of a class.
    support: Vec<f64>,
    /// Number of right predictions.
    right: usize,
    /// Number of examples whose label the model does not know.
    unknown: usize,
}

impl Tally {
    fn of(classes: usize, outcomes: &[Outcome<'_, SparseVector, Class>]) -> Self {
        let zeros = || vec![0.0; classes];
        let mut tally =
            Self { correct: zeros(), predicted: zeros(), support: zeros(), right: 0, unknown: 0 };
        for &Outcome { y, y_hat, weight, .. } in outcomes {
            tally.predicted[y_hat.index()] += weight;
            match tally.support.get_mut(y.index()) {
                Some(support) => *support += weight,
                None => tally.unknown += 1,
            }
            if y == y_hat {
                tally.correct[y.index()] += weight;
                tally.right += 1;
            }
        }
        tally
    }
}

struct Scores {
    precision: f64,
    recall: f64,
    f1: f64,
}

impl Scores {
    /// From the weight of the right predictions, of all predictions and of all examples.
    fn new(correct: f64, predicted: f64, support: f64) -> Self {
        Self {
            precision: ratio(correct, predicted),
            recall: ratio(correct, support),
            f1: ratio(2.0 * correct, predicted + support),
        }
    }
}

fn ratio(numerator: f64, denominator: f64) -> f64 {
    if denominator > 0.0 { numerator / denominator } else { 0.0 }
}
