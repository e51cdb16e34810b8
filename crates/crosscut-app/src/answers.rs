//! The results of the verbs, as values and as JSON.

use crosscut::validation::Point;
use crosscut::{
    C, Certificate, Estimate, Objective, OracleAudit, Progress, Settings, StopReason, relative_gap,
};
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::report::Report;

/// Result of [`learn`](crate::verbs::learn).
#[derive(Clone, Debug, PartialEq)]
pub struct Learned {
    /// The task.
    pub task: &'static str,
    /// What training minimised for an example.
    pub objective: Objective,
    /// How close to the optimum the model is.
    pub certificate: Certificate,
    /// The settings of the training run.
    pub settings: Settings,
    /// Number of weights d.
    pub dim: usize,
    /// Sizes by name ([`Format::sizes`](crate::Format::sizes)).
    pub sizes: Vec<(&'static str, usize)>,
    /// Peak memory of planes in bytes ([`Solution::plane_bytes`](crosscut::Solution::plane_bytes)).
    pub plane_bytes: usize,
    /// Wall time of training in seconds.
    pub seconds: f64,
    /// Wall time in oracles, in seconds; part of `seconds`.
    pub oracle_seconds: f64,
    /// The checkpoints written; `None` if none were asked for.
    pub checkpoint: Option<Kept>,
}

/// Summary of the checkpoints of a run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Kept {
    /// Exact passes made when the checkpoint in the file was written; `None` if this run has
    /// written none.
    pub passes: Option<f64>,
    /// Number of checkpoints written.
    pub written: usize,
    /// Wall time of writing in seconds, failed attempts included.
    pub seconds: f64,
    /// Error of the last attempt, if it failed.
    pub failure: Option<String>,
}

impl Learned {
    /// See [`verdict`].
    pub fn verdict(&self) -> String {
        of_certificate(&self.certificate)
    }

    /// One JSON object.
    pub fn to_json(&self) -> Value {
        let mut object = trained(
            (self.task, self.objective),
            self.dim,
            &self.sizes,
            &self.settings,
            &self.certificate,
        );
        object.extend(judged(&self.certificate));
        object.insert("plane_bytes".to_owned(), json!(self.plane_bytes));
        object.insert("seconds".to_owned(), json!(self.seconds));
        object.insert("oracle_seconds".to_owned(), json!(self.oracle_seconds));
        Value::Object(object)
    }
}

/// Result of [`classify`](crate::verbs::classify).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Classified {
    /// Number of examples.
    pub examples: usize,
    /// Number of examples that have an output in the file.
    pub labelled: usize,
    /// Mean loss of the labelled examples, `None` if there are none.
    pub loss: Option<f64>,
}

impl Classified {
    /// One JSON object.
    pub fn to_json(&self) -> Value {
        json!({ "examples": self.examples, "labelled": self.labelled, "loss": self.loss })
    }
}

/// Result of [`validate`](crate::verbs::validate).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Validation {
    /// What was found for each C: those given in their order, and those by which the grid was
    /// extended at its end or its beginning.
    pub points: Vec<Validated>,
    /// The values of C by which the grid was extended.
    pub extended: Vec<C>,
    /// The index of the C with the lowest log-loss if the models give probabilities, else with the
    /// lowest risk; among equals, the smallest. `None` if no C was completed.
    pub best: Option<usize>,
    /// The index of the smallest C whose log-loss, or risk, is within one standard error of the
    /// best one.
    pub one_standard_error: Option<usize>,
    /// The index of the one of these two that was asked for.
    pub chosen: Option<usize>,
    /// Whether the predictions of the chosen C were written.
    pub has_written: bool,
}

/// Result of [`validate`](crate::verbs::validate) for one C.
#[derive(Clone, Debug, PartialEq)]
pub struct Validated {
    /// C, the risk on the held-out folds, the passes made, and the largest relative gap.
    pub point: Point,
    /// The log-loss of the held-out examples and its standard error, if the models give
    /// probabilities.
    pub log_loss: Option<(f64, f64)>,
    /// The task's measures on the held-out predictions of all folds.
    pub report: Report,
}

impl Validation {
    /// One JSON object.
    pub fn to_json(&self) -> Value {
        let points: Vec<Value> = self.points.iter().map(Validated::to_json).collect();
        let point = |at: Option<usize>| at.and_then(|at| points.get(at)).cloned();
        json!({
            "best": point(self.best),
            "one_standard_error": point(self.one_standard_error),
            "chosen": point(self.chosen),
            "extended": self.extended.iter().map(|&c| convention(c).1).collect::<Vec<_>>(),
            "points": &points,
        })
    }
}

/// The JSON key of C, and its value.
fn convention(c: C) -> (&'static str, f64) {
    match c {
        C::Mean(c) => ("c_mean", c),
        C::Sum(c) => ("c_sum", c),
    }
}

impl Validated {
    /// One JSON object.
    pub fn to_json(&self) -> Value {
        let (convention, c) = convention(self.point.c);
        json!({
            convention: c,
            "risk": self.point.risk,
            "standard_error": self.point.standard_error,
            "log_loss_standard_error": self.log_loss.map(|(_, error)| error),
            "risks": self.point.risks,
            "passes": self.point.passes,
            "relative_gap": self.point.relative_gap,
            "measures": self.report.to_json(),
        })
    }
}

/// Result of [`inspect`](crate::verbs::inspect).
#[derive(Clone, Debug, PartialEq)]
pub struct Inspected {
    /// The task.
    pub task: &'static str,
    /// What training minimised for an example.
    pub objective: Objective,
    /// Number of weights d.
    pub dim: usize,
    /// Sizes by name ([`Format::sizes`](crate::Format::sizes)).
    pub sizes: Vec<(&'static str, usize)>,
    /// How features are scaled ([`Format::scale`](crate::Format::scale)).
    pub scale: Option<&'static str>,
    /// The settings of the training run.
    pub settings: Settings,
    /// How close to the optimum the model is.
    pub certificate: Certificate,
    /// Number of weights that are not zero.
    pub nonzeros: usize,
    /// ‖w‖.
    pub norm: f64,
    /// The labels, in the order of the scores in predictions
    /// ([`Format::labels`](crate::Format::labels)).
    pub labels: Vec<String>,
    /// The weights of largest absolute value, largest first, without transitions.
    pub heaviest: Vec<Named>,
    /// The transitions of largest absolute value, largest first.
    pub transitions: Vec<Named>,
    /// The heaviest weights of each label, or of the one asked for.
    pub classes: Vec<ClassWeights>,
    /// The prior weights, if it was trained with any.
    pub prior: Option<PriorWeights>,
}

/// A weight and its [name](crate::Format::weight_name).
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Named {
    /// The name.
    pub name: String,
    /// The value.
    pub weight: f64,
}

/// The heaviest weights of one label: of its features, and of the transitions that contain it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ClassWeights {
    /// The label.
    pub label: String,
    /// Those above 0, largest first.
    #[serde(rename = "for")]
    pub positive: Vec<Named>,
    /// Those below 0, smallest first.
    #[serde(rename = "against")]
    pub negative: Vec<Named>,
}

/// The prior weights w₀ of a model, and how far training has moved from them.
#[derive(Clone, Debug, PartialEq)]
pub struct PriorWeights {
    /// Number of prior weights that are not zero.
    pub nonzeros: usize,
    /// ‖w − w₀‖.
    pub distance: f64,
    /// Names, prior weights and weights that have moved furthest, furthest first.
    pub moved: Vec<(String, f64, f64)>,
}

impl Inspected {
    /// See [`verdict`].
    pub fn verdict(&self) -> String {
        of_certificate(&self.certificate)
    }

    /// One JSON object. `docs/export.md` lists its fields.
    pub fn to_json(&self) -> Value {
        let mut object = trained(
            (self.task, self.objective),
            self.dim,
            &self.sizes,
            &self.settings,
            &self.certificate,
        );
        object.extend(judged(&self.certificate));
        object.insert("scale".to_owned(), json!(self.scale));
        object.insert("nonzeros".to_owned(), json!(self.nonzeros));
        object.insert("norm".to_owned(), json!(self.norm));
        object.insert("labels".to_owned(), json!(self.labels));
        object.insert("heaviest".to_owned(), json!(self.heaviest));
        object.insert("transitions".to_owned(), json!(self.transitions));
        object.insert("classes".to_owned(), json!(self.classes));
        let moved = |(name, prior, weight): &(String, f64, f64)| json!({ "name": name, "prior": prior, "weight": weight });
        let prior_weights = self.prior.as_ref().map(|prior| {
            json!({
                "nonzeros": prior.nonzeros,
                "distance": prior.distance,
                "moved": prior.moved.iter().map(moved).collect::<Vec<_>>(),
            })
        });
        object.insert("prior_weights".to_owned(), json!(prior_weights));
        Value::Object(object)
    }
}

/// Result of [`check`](crate::verbs::check).
#[derive(Clone, Debug, PartialEq)]
pub struct Checked {
    /// The task.
    pub task: &'static str,
    /// Number of examples.
    pub examples: usize,
    /// Number of weights d.
    pub dim: usize,
    /// Sizes by name ([`Format::sizes`](crate::Format::sizes)).
    pub sizes: Vec<(&'static str, usize)>,
    /// Number of examples that the laws were checked on.
    pub checked: usize,
    /// What holds, a sentence each, up to the first law that is broken.
    pub holds: Vec<String>,
    /// How the first law is broken, if one is.
    pub broken: Option<String>,
}

impl Checked {
    /// One JSON object.
    pub fn to_json(&self) -> Value {
        json!({
            "task": self.task,
            "examples": self.examples,
            "dim": self.dim,
            "sizes": named_sizes(&self.sizes),
            "checked": self.checked,
            "holds": self.holds,
            "broken": self.broken,
        })
    }
}

fn named_sizes(sizes: &[(&'static str, usize)]) -> Map<String, Value> {
    sizes.iter().map(|(name, size)| ((*name).to_owned(), json!(size))).collect()
}

/// JSON fields common to models and training runs.
fn trained(
    (task, objective): (&str, Objective),
    dim: usize,
    sizes: &[(&'static str, usize)],
    settings: &Settings,
    certificate: &Certificate,
) -> Map<String, Value> {
    let n = certificate.examples;
    let entries = [
        ("task", json!(task)),
        ("objective", json!(objective)),
        ("examples", json!(n)),
        ("dim", json!(dim)),
        ("sizes", Value::Object(named_sizes(sizes))),
        ("solver", json!(certificate.solver)),
        ("c_mean", json!(certificate.c)),
        ("c_sum", json!(C::Mean(certificate.c).sum(n))),
        // JSON has no infinity: `primal` is null if there is no bound on the slack that the oracle
        // may have missed.
        ("primal", json!(certificate.primal)),
        ("shown", json!(certificate.shown)),
        ("dual", json!(certificate.dual)),
        ("gap", json!(certificate.gap())),
        ("relative_gap", json!(certificate.relative_gap())),
        ("passes", json!(certificate.passes)),
        ("oracle_calls", json!(certificate.oracle_calls)),
        ("planes", json!(certificate.planes)),
        ("stop", json!(certificate.stop)),
        ("relaxed", json!(certificate.relaxed)),
        ("prior", json!(certificate.prior)),
        ("settings", json!(settings)),
    ];
    entries.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// The two bounds of a certificate, and P(w) estimated from planes alone.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Upper bound on P(w), infinite if there is none.
    pub primal: f64,
    /// P(w) without the slack that the oracle may have missed.
    pub shown: f64,
    /// The dual value D.
    pub dual: f64,
    /// Whether they bound a relaxation of the problem.
    pub relaxed: bool,
    /// Whether the objective has prior weights.
    pub prior: bool,
}

impl From<&Certificate> for Bounds {
    fn from(&Certificate { primal, shown, dual, relaxed, prior, .. }: &Certificate) -> Self {
        Self { primal, shown, dual, relaxed, prior }
    }
}

impl From<&Progress> for Bounds {
    fn from(&Progress { primal, shown, dual, relaxed, prior, .. }: &Progress) -> Self {
        Self { primal, shown, dual, relaxed, prior }
    }
}

/// The bounds of a state of training in the words of every line that shows them.
#[derive(Clone, Debug, PartialEq)]
pub struct Figures {
    /// P(w).
    pub primal: String,
    /// D.
    pub dual: String,
    /// P(w) − D, and the relative gap in parentheses.
    pub gap: String,
}

impl Figures {
    /// *At least* stands before P(w) and the gap if the oracle gives no bound on what it may have
    /// missed, or was found to have missed something; `~` before an estimate, which takes the place
    /// of bounds that are not known yet. `None` if nothing is known of P(w).
    pub fn new(bounds: Bounds, oracle: &OracleAudit, estimate: Option<Estimate>) -> Option<Self> {
        let Bounds { primal, shown, dual, .. } = bounds;
        if let (false, Some(Estimate { primal, dual })) = (shown.is_finite(), estimate) {
            let relative = relative_gap(primal, dual);
            return Some(Self {
                primal: format!("~{}", rough(primal)),
                dual: format!("~{}", rough(dual)),
                gap: format!("~{} (relative ~{relative:.1e})", rough(primal - dual)),
            });
        }
        let (least, primal) = match primal.is_finite() {
            true => (if oracle.worse == 0 { "" } else { "at least " }, primal),
            // The optimum is at least D, and so is P(w).
            false => ("at least ", shown.max(dual)),
        };
        let (gap, relative) = (primal - dual, relative_gap(primal, dual));
        primal.is_finite().then(|| Self {
            primal: format!("{least}{}", figure(primal)),
            dual: figure(dual),
            gap: format!("{least}{} (relative {relative:.2e})", figure(gap)),
        })
    }
}

/// How training ended and what its certificate says, in one line. Every program uses these words.
///
/// The dual value is a lower bound on the optimum whatever the oracle does. P(w) is given as *at
/// least* a value if the oracle gives no bound on what it may have missed, or was found to have
/// missed something. The line counts oracle answers that were worse than planes already known, and
/// says if the bounds are those of a relaxed problem, or if the objective has prior weights.
pub fn verdict(stop: StopReason, bounds: Bounds, oracle: &OracleAudit) -> String {
    let Bounds { primal, shown, dual, relaxed, prior } = bounds;
    let missed = if primal.is_finite() { primal - shown } else { 0.0 };
    let far = match stop {
        StopReason::Gap | StopReason::Epsilon if oracle.worse > 0 => " as far as the oracle sees",
        _ => "",
    };
    let mut text = match Figures::new(bounds, oracle, None) {
        Some(Figures { primal, dual, gap }) => {
            format!("{stop}{far}: primal {primal}, dual {dual}, gap {gap}")
        }
        None => format!("{stop}: primal unknown, dual {}", figure(dual)),
    };
    if prior {
        text += "; with prior weights";
    }
    // Less is the rounding of an oracle, such as that of an entropy.
    if missed > 1e-3 * (primal - dual) {
        text += &format!("; of the gap, the oracle may have missed {}", figure(missed));
    }
    if relaxed {
        text += "; this is the relaxed problem: the primal value of the problem itself is at most that, its optimum may be below \
                 the dual value";
    }
    if let Some(fault) = oracle.fault {
        text += &format!("; {fault}");
    }
    if oracle.worse > 0 {
        let first = oracle
            .first_worse
            .map_or(String::new(), |example| format!(", the first for example {example}"));
        let answers = if oracle.worse == 1 { "answer" } else { "answers" };
        text += &format!(
            "; {} {answers} of the oracle worse than a plane known before{first}",
            oracle.worse
        );
    }
    text
}

fn of_certificate(certificate: &Certificate) -> String {
    verdict(certificate.stop, certificate.into(), &certificate.oracle)
}

/// The verdict as JSON fields: whether training converged, the words, and the audit of the oracle.
fn judged(certificate: &Certificate) -> Vec<(String, Value)> {
    let entries = [
        ("converged", json!(certificate.converged())),
        ("verdict", json!(of_certificate(certificate))),
        ("oracle", json!(certificate.oracle)),
    ];
    entries.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Two significant digits, for estimates.
fn rough(value: f64) -> String {
    figure(format!("{value:.1e}").parse().unwrap_or(value))
}

/// Seven significant digits, without trailing zeros.
pub fn figure(value: f64) -> String {
    if value != 0.0 && !(1e-4..1e9).contains(&value.abs()) {
        return format!("{value:.6e}");
    }
    let digits = (6 - value.abs().max(1e-4).log10().floor() as i32).max(0) as usize;
    let text = format!("{value:.digits$}");
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

/// The shortest text that reads back as the number, with an exponent if it is very small or large.
pub fn exact(number: f64) -> String {
    if (1e-4..1e7).contains(&number) { number.to_string() } else { format!("{number:e}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_claim_what_is_known_of_the_oracle() {
        let say_of = |relaxed, stop, primal, shown, dual, worse| {
            let oracle = OracleAudit { worse, ..OracleAudit::default() };
            let bounds = Bounds { primal, shown, dual, relaxed, prior: false };
            verdict(stop, bounds, &oracle)
        };
        let say =
            |stop, primal, shown, dual, worse| say_of(false, stop, primal, shown, dual, worse);
        let inf = f64::INFINITY;
        let cases = [
            (
                say(StopReason::Gap, 2.0, 2.0, 1.5, 0),
                "converged: primal 2, dual 1.5, gap 0.5 (relative 2.50e-1)",
            ),
            (
                say(StopReason::Oracle, 2.0, 1.75, 1.5, 0),
                "solved as far as the oracle can tell: primal 2, dual 1.5, gap 0.5 (relative 2.50e-1); of the gap, the oracle \
                 may have missed 0.25",
            ),
            (
                say(StopReason::Oracle, inf, 2.0, 1.5, 0),
                "solved as far as the oracle can tell: primal at least 2, dual 1.5, gap at least 0.5 (relative 2.50e-1)",
            ),
            // P(w) estimated from planes may lie below D; the optimum does not.
            (
                say(StopReason::Oracle, inf, 1.25, 1.5, 0),
                "solved as far as the oracle can tell: primal at least 1.5, dual 1.5, gap at least 0 (relative 0.00e0)",
            ),
            (
                say(StopReason::Gap, 2.0, 2.0, 1.5, 1),
                "converged as far as the oracle sees: primal at least 2, dual 1.5, gap at least 0.5 (relative 2.50e-1); 1 \
                 answer of the oracle worse than a plane known before",
            ),
            (
                say_of(true, StopReason::Gap, 2.0, 2.0, 1.5, 0),
                "converged: primal 2, dual 1.5, gap 0.5 (relative 2.50e-1); this is the relaxed problem: the primal value of the \
                 problem itself is at most that, its optimum may be below the dual value",
            ),
            (
                say(StopReason::Fault, inf, inf, 0.0, 0),
                "not converged, since the oracle failed: primal unknown, dual 0",
            ),
        ];
        for (found, expected) in cases {
            assert_eq!(found, expected);
        }
        let bounds = Bounds { primal: 2.0, shown: 2.0, dual: 1.5, relaxed: false, prior: true };
        assert_eq!(
            verdict(StopReason::Gap, bounds, &OracleAudit::default()),
            "converged: primal 2, dual 1.5, gap 0.5 (relative 2.50e-1); with prior weights"
        );
    }
    #[test]
    fn estimates_are_marked_and_give_way_to_bounds() {
        let bounds =
            |primal, shown| Bounds { primal, shown, dual: 1.5, relaxed: false, prior: false };
        let estimate = Some(Estimate { primal: 0.4267, dual: -0.0 });
        let gap = |bounds, estimate| {
            Figures::new(bounds, &OracleAudit::default(), estimate).map(|figures| figures.gap)
        };
        let inf = f64::INFINITY;
        assert_eq!(gap(bounds(inf, inf), None), None);
        assert_eq!(gap(bounds(inf, inf), estimate).unwrap(), "~0.43 (relative ~1.0e0)");
        assert_eq!(gap(bounds(inf, 2.0), estimate).unwrap(), "at least 0.5 (relative 2.50e-1)");
        assert_eq!(gap(bounds(2.0, 2.0), estimate).unwrap(), "0.5 (relative 2.50e-1)");
        let large = Some(Estimate { primal: 123_456.0, dual: 3456.0 });
        let figures = Figures::new(bounds(inf, inf), &OracleAudit::default(), large).unwrap();
        assert_eq!((&*figures.primal, &*figures.dual), ("~120000", "~3500"));
    }
}
