//! Probabilities: `--objective`, `--probabilities`, and [`Forecasts`], the measures of models that
//! were trained with the log-loss.

use crosscut::{Objective, Rescaling, Settings, SlackNorm};

use crate::error::Error;
use crate::options::{OptionSpec, Options};
use crate::report::{Report, Table};

/// `--objective`, for tasks that can also be trained with the log-loss.
pub const OBJECTIVE: OptionSpec = OptionSpec {
    name: "objective",
    value: "hinge|log",
    help: "What to minimise. hinge: the largest violation of the margin. log: −ln P(y | x), for \
           models that give probabilities; losses and costs (-l, --cost, -o) are then refused. \
           Default: hinge.",
};

/// `--probabilities`, for tasks with [`OBJECTIVE`].
pub const PROBABILITIES: OptionSpec = OptionSpec {
    name: "probabilities",
    value: "",
    help: "Writes probabilities instead of scores. The model must be trained with --objective \
           log. Default: scores.",
};

impl Options {
    /// The value of `--objective`, the hinge loss by default.
    ///
    /// # Errors
    /// Any other word than `hinge` or `log`.
    pub fn objective(&self) -> Result<Objective, Error> {
        let name = self.text(OBJECTIVE.name).unwrap_or(Objective::Hinge.name());
        Objective::named(name).ok_or_else(|| Error::option("--objective", "hinge or log", name))
    }

    /// Whether `--probabilities` was given. The verb `classify` refuses it for models without.
    pub fn wants_probabilities(&self) -> bool {
        self.is_set(PROBABILITIES.name)
    }

    /// Refuses an objective that the task `name` does not have, and beside the log-loss the options
    /// that mean nothing to it.
    pub(crate) fn check_objective(&self, name: &str, known: &[Objective]) -> Result<(), Error> {
        let objective = self.objective()?;
        if !known.contains(&objective) {
            let expected = format!("hinge for the task {name}");
            return Err(Error::option("--objective", expected, objective.name()));
        }
        let refuse = |option: &str, found: &str| {
            Err(Error::option(option, "no value beside --objective log, which has no costs", found))
        };
        match (objective, self.loss, self.text("cost")) {
            (Objective::Hinge, ..) => Ok(()),
            _ if self.rescaling != Rescaling::Margin => refuse("-o", "1"),
            (_, Some(loss), _) => refuse("-l", &loss.to_string()),
            (_, _, Some(file)) => refuse("--cost", file),
            _ => Ok(()),
        }
    }
}

/// Refuses `--probabilities` for a model that has none.
pub(crate) fn check_model(options: &Options, objective: Objective) -> Result<(), Error> {
    match objective {
        Objective::Hinge if options.wants_probabilities() => Err(Error::option(
            "--probabilities",
            "a model trained with --objective log",
            "hinge: its scores are no probabilities",
        )),
        _ => Ok(()),
    }
}

/// Refuses squared slacks for the log-loss: a squared −ln P is no likelihood.
pub(crate) fn check_settings(options: &Options, settings: &Settings) -> Result<(), Error> {
    match (options.objective()?, settings.slack_norm) {
        (Objective::Log, SlackNorm::Squared) => {
            Err(Error::option("-p", "1 beside --objective log", 2))
        }
        _ => Ok(()),
    }
}

/// Number of bins of the reliability table.
const BINS: usize = 10;

/// Probabilities that a model gave, beside what was true.
///
/// | measure | |
/// |---|---|
/// | `log_likelihood` | Σ weight · ln P(y \| x) over the examples |
/// | `log_loss` | its negative mean, the log-loss of an example |
/// | `impossible` | examples with a label that the model does not know; they are left out of the two above |
/// | `brier_score` | mean of Σ over labels of (p − 1 if it is the true one, else p)² (Brier 1950) |
/// | `calibration_error` | mean over bins of \|accuracy − confidence\|, weighted by their counts (Naeini, Cooper, Hauskrecht 2015) |
///
/// The confidence of a prediction is its probability. The table `reliability` has a row for each of
/// ten bins of confidence: the weight of its predictions, their mean confidence, and the fraction
/// that is right. A model is calibrated if the last two agree.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Forecasts {
    /// Σ weight and Σ weight · ln P of outputs, and the weight of those without a probability.
    outputs: f64,
    log_likelihood: f64,
    impossible: f64,
    /// Σ weight and Σ weight · Brier score of forecasts.
    forecasts: f64,
    brier: f64,
    bins: [Bin; BINS],
}

/// Predictions with about the same confidence.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Bin {
    weight: f64,
    /// Σ weight · confidence.
    confidence: f64,
    /// The weight of those that are right.
    right: f64,
}

impl Forecasts {
    /// Adds an output with ln P(y | x); −∞ if the model does not know one of its labels.
    pub fn add_output(&mut self, log_probability: f64, weight: f64) {
        if log_probability == f64::NEG_INFINITY {
            self.impossible += weight;
        } else {
            self.outputs += weight;
            self.log_likelihood += weight * log_probability;
        }
    }

    /// Adds a forecast of one label among all labels of the model; `truth` is the true one, `None`
    /// if the model does not know it.
    pub fn add_label(&mut self, probabilities: &[f64], truth: Option<usize>, weight: f64) {
        let (mut best, mut confidence, mut brier) = (0, f64::NEG_INFINITY, 0.0);
        for (label, &probability) in probabilities.iter().enumerate() {
            if probability > confidence {
                (best, confidence) = (label, probability);
            }
            let is_true = f64::from(u8::from(truth == Some(label)));
            brier += (probability - is_true) * (probability - is_true);
        }
        brier += f64::from(u8::from(truth.is_none()));
        self.add(confidence, truth == Some(best), brier, weight);
    }

    /// Adds a prediction with its probability. Its Brier score has two labels, right and wrong.
    pub fn add_prediction(&mut self, probability: f64, is_right: bool, weight: f64) {
        let miss = probability - f64::from(u8::from(is_right));
        self.add(probability, is_right, 2.0 * miss * miss, weight);
    }

    fn add(&mut self, confidence: f64, is_right: bool, brier: f64, weight: f64) {
        self.forecasts += weight;
        self.brier += weight * brier;
        // A confidence of 1 belongs to the last bin; casts saturate.
        let bin = &mut self.bins[((confidence * BINS as f64) as usize).min(BINS - 1)];
        bin.weight += weight;
        bin.confidence += weight * confidence;
        bin.right += if is_right { weight } else { 0.0 };
    }

    /// Adds the forecasts of other examples.
    pub fn absorb(&mut self, other: &Self) {
        self.outputs += other.outputs;
        self.log_likelihood += other.log_likelihood;
        self.impossible += other.impossible;
        self.forecasts += other.forecasts;
        self.brier += other.brier;
        for (bin, other) in self.bins.iter_mut().zip(&other.bins) {
            bin.weight += other.weight;
            bin.confidence += other.confidence;
            bin.right += other.right;
        }
    }

    /// The weight of the outputs that have a probability, and their mean log-loss.
    pub(crate) fn log_loss(&self) -> (f64, f64) {
        let mean = if self.outputs > 0.0 { -self.log_likelihood / self.outputs } else { 0.0 };
        (self.outputs, mean)
    }

    /// Adds the measures and the table to a report; nothing if there are no forecasts.
    pub fn report(&self, mut report: Report) -> Report {
        let ratio = |sum: f64, weight: f64| if weight > 0.0 { sum / weight } else { 0.0 };
        if self.outputs + self.impossible > 0.0 {
            report = report
                .measure("log_likelihood", self.log_likelihood)
                .measure("log_loss", -ratio(self.log_likelihood, self.outputs) + 0.0);
        }
        if self.impossible > 0.0 {
            report = report.count("impossible", self.impossible);
        }
        if self.forecasts == 0.0 {
            return report;
        }
        let miss = |bin: &Bin| (bin.right - bin.confidence).abs();
        let error = ratio(self.bins.iter().map(miss).sum(), self.forecasts);
        let row = |(at, bin): (usize, &Bin)| {
            let (low, high) = (at as f64 / BINS as f64, (at + 1) as f64 / BINS as f64);
            let numbers =
                vec![ratio(bin.confidence, bin.weight), ratio(bin.right, bin.weight), bin.weight];
            (bin.weight > 0.0).then(|| (format!("{low:.1}–{high:.1}"), numbers))
        };
        report
            .measure("brier_score", ratio(self.brier, self.forecasts))
            .measure("calibration_error", error)
            .table(Table {
                name: "reliability".to_owned(),
                columns: ["confidence", "right", "predictions"].map(str::to_owned).to_vec(),
                counts_from: 2,
                rows: self.bins.iter().enumerate().filter_map(row).collect(),
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn measures_are_those_of_the_definitions() {
        let mut all = Forecasts::default();
        let examples = [
            (vec![0.7, 0.2, 0.1], Some(0), 1.0),
            (vec![0.72, 0.08, 0.2], Some(2), 2.0),
            (vec![0.25, 0.25, 0.5], Some(2), 1.0),
            (vec![0.0, 1.0, 0.0], None, 1.0),
        ];
        for (probabilities, truth, weight) in &examples {
            let mut one = Forecasts::default();
            one.add_label(probabilities, *truth, *weight);
            let log = truth.map_or(f64::NEG_INFINITY, |truth| probabilities[truth].ln());
            one.add_output(log, *weight);
            all.absorb(&one);
        }
        let report = all.report(Report::new());
        let close = |name: &str, expected: f64| {
            let found = report.get(name).unwrap_or(f64::NAN);
            assert!((found - expected).abs() < 1e-12, "{name}: {found}, not {expected}");
        };
        let log = 0.7_f64.ln() + 2.0 * 0.2_f64.ln() + 0.5_f64.ln();
        close("log_likelihood", log);
        close("log_loss", -log / 4.0);
        close("impossible", 1.0);
        let brier = [0.09 + 0.04 + 0.01, 0.5184 + 0.0064 + 0.64, 0.0625 * 2.0 + 0.25, 2.0];
        close("brier_score", (brier[0] + 2.0 * brier[1] + brier[2] + brier[3]) / 5.0);
        // Bins 0.7–0.8: three of weight with confidences 0.7 and 0.72, one right; 0.5–0.6: one,
        // right; 0.9–1.0: one, wrong.
        close("calibration_error", ((1.0_f64 - (0.7 + 1.44)).abs() + 0.5 + 1.0) / 5.0);
        let rows: Vec<&str> =
            report.tables()[0].rows.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(rows, ["0.5–0.6", "0.7–0.8", "0.9–1.0"]);
    }

    #[test]
    fn a_prediction_alone_has_two_labels() {
        let (mut one, mut two) = (Forecasts::default(), Forecasts::default());
        one.add_prediction(0.8, false, 3.0);
        two.add_label(&[0.8, 0.2], Some(1), 3.0);
        assert_eq!(one.report(Report::new()), two.report(Report::new()));
        assert_eq!(Forecasts::default().report(Report::new()), Report::new());
    }
}
