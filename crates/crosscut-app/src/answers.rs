//! What the verbs answer: plain figures, and the same as JSON.

use crosscut::validation::Point;
use crosscut::{C, Certificate, OracleAudit, Settings, StopReason, relative_gap};
use serde_json::{Map, Value, json};

use crate::report::Report;

/// What [`learn`](crate::verbs::learn) did.
#[derive(Clone, Debug, PartialEq)]
pub struct Learned {
    /// The task.
    pub task: &'static str,
    /// How close to the optimum the model is.
    pub certificate: Certificate,
    /// The settings it was trained with.
    pub settings: Settings,
    /// Number of weights d.
    pub dim: usize,
    /// The task's own sizes.
    pub sizes: Vec<(&'static str, usize)>,
    /// [`Application::caveat`](crate::Application::caveat): why the certificate may look better than it is.
    pub caveat: Option<String>,
    /// The most bytes that planes took ([`Solution::plane_bytes`](crosscut::Solution::plane_bytes)).
    pub plane_bytes: usize,
    /// Wall seconds of training.
    pub seconds: f64,
    /// Wall seconds of these inside oracles.
    pub oracle_seconds: f64,
    /// What became of the checkpoints, if there were to be any.
    pub checkpoint: Option<Kept>,
}

/// What became of checkpoints.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Kept {
    /// Exact passes of the checkpoint in the file, if this run has written one.
    pub passes: Option<f64>,
    /// How many were written.
    pub written: usize,
    /// Wall seconds that writing took, failures included.
    pub seconds: f64,
    /// Why the last one could not be written, if it could not.
    pub failure: Option<String>,
}

impl Learned {
    /// See [`verdict`].
    pub fn verdict(&self) -> String {
        of_certificate(&self.certificate, self.caveat.is_none())
    }

    /// One JSON object.
    pub fn to_json(&self) -> Value {
        let mut object = trained(self.task, self.dim, &self.sizes, &self.settings, &self.certificate);
        object.extend(judged(&self.certificate, self.caveat.is_none()));
        object.insert("caveat".to_owned(), json!(self.caveat));
        object.insert("plane_bytes".to_owned(), json!(self.plane_bytes));
        object.insert("seconds".to_owned(), json!(self.seconds));
        object.insert("oracle_seconds".to_owned(), json!(self.oracle_seconds));
        Value::Object(object)
    }
}

/// What [`classify`](crate::verbs::classify) did.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Classified {
    /// Number of examples.
    pub examples: usize,
    /// How many of them have an output in the file.
    pub labelled: usize,
    /// Mean loss of the labelled ones, `None` if there are none.
    pub loss: Option<f64>,
}

impl Classified {
    /// One JSON object.
    pub fn to_json(&self) -> Value {
        json!({ "examples": self.examples, "labelled": self.labelled, "loss": self.loss })
    }
}

/// What [`validate`](crate::verbs::validate) found for one C.
#[derive(Clone, Debug, PartialEq)]
pub struct Validated {
    /// The constant, the risk on the held-out folds, what it took, and the worst certificate.
    pub point: Point,
    /// The task's measures on all held-out predictions taken together.
    pub report: Report,
}

impl Validated {
    /// One JSON object.
    pub fn to_json(&self) -> Value {
        let (convention, c) = match self.point.c {
            C::Mean(c) => ("c_mean", c),
            C::Sum(c) => ("c_sum", c),
        };
        json!({
            convention: c,
            "risk": self.point.risk,
            "standard_error": self.point.standard_error,
            "risks": self.point.risks,
            "passes": self.point.passes,
            "relative_gap": self.point.relative_gap,
            "measures": self.report.to_json(),
        })
    }
}

/// What [`inspect`](crate::verbs::inspect) found in a model.
#[derive(Clone, Debug, PartialEq)]
pub struct Inspected {
    /// The task.
    pub task: &'static str,
    /// Number of weights d.
    pub dim: usize,
    /// The task's own sizes.
    pub sizes: Vec<(&'static str, usize)>,
    /// [`Application::caveat`](crate::Application::caveat): why the certificate may look better than it is.
    pub caveat: Option<String>,
    /// [`Application::scale`](crate::Application::scale): how it scales features.
    pub scale: Option<&'static str>,
    /// The settings it was trained with.
    pub settings: Settings,
    /// How close to the optimum it is.
    pub certificate: Certificate,
    /// How many weights are not zero.
    pub nonzeros: usize,
    /// ‖w‖.
    pub norm: f64,
    /// The weights of largest absolute value by name, the heaviest first.
    pub heaviest: Vec<(String, f64)>,
}

impl Inspected {
    /// See [`verdict`].
    pub fn verdict(&self) -> String {
        of_certificate(&self.certificate, self.caveat.is_none())
    }

    /// One JSON object.
    pub fn to_json(&self) -> Value {
        let mut object = trained(self.task, self.dim, &self.sizes, &self.settings, &self.certificate);
        object.extend(judged(&self.certificate, self.caveat.is_none()));
        object.insert("caveat".to_owned(), json!(self.caveat));
        object.insert("scale".to_owned(), json!(self.scale));
        object.insert("nonzeros".to_owned(), json!(self.nonzeros));
        object.insert("norm".to_owned(), json!(self.norm));
        let heaviest: Vec<Value> =
            self.heaviest.iter().map(|(name, weight)| json!({ "name": name, "weight": weight })).collect();
        object.insert("heaviest".to_owned(), Value::Array(heaviest));
        Value::Object(object)
    }
}

/// What models and training runs have in common.
fn trained(
    task: &str,
    dim: usize,
    sizes: &[(&'static str, usize)],
    settings: &Settings,
    certificate: &Certificate,
) -> Map<String, Value> {
    let sizes: Map<String, Value> = sizes.iter().map(|(name, size)| ((*name).to_owned(), json!(size))).collect();
    let n = certificate.examples;
    let entries = [
        ("task", json!(task)),
        ("examples", json!(n)),
        ("dim", json!(dim)),
        ("sizes", Value::Object(sizes)),
        ("solver", json!(certificate.solver)),
        ("c_mean", json!(certificate.c)),
        ("c_sum", json!(C::Mean(certificate.c).sum(n))),
        ("primal", json!(certificate.primal)),
        ("dual", json!(certificate.dual)),
        ("gap", json!(certificate.gap())),
        ("relative_gap", json!(certificate.relative_gap())),
        ("passes", json!(certificate.passes)),
        ("oracle_calls", json!(certificate.oracle_calls)),
        ("planes", json!(certificate.planes)),
        ("stop", json!(certificate.stop)),
        ("settings", json!(settings)),
    ];
    entries.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// How training ended and what its certificate says, in one line: the words that every program uses.
///
/// `exact` is whether the task claims that its oracle finds the maximum. The dual value is a lower
/// bound on the optimum whatever the oracle does. The primal value is an upper bound only if the oracle
/// is exact; otherwise P(w) is *at least* what is said, and training converges *as far as the oracle
/// sees*. Answers that were found worse than planes known before are counted.
pub fn verdict(stop: StopReason, (primal, dual): (f64, f64), oracle: &OracleAudit, exact: bool) -> String {
    let exact = exact && oracle.worse == 0;
    let (far, least) = match exact {
        true => ("", ""),
        false if matches!(stop, StopReason::Gap | StopReason::Epsilon) => (" as far as the oracle sees", "at least "),
        false => ("", "at least "),
    };
    let mut text = match primal.is_finite() {
        true => format!(
            "{stop}{far}: primal {least}{}, dual {}, gap {least}{} (relative {:.2e})",
            figure(primal),
            figure(dual),
            figure(primal - dual),
            relative_gap(primal, dual)
        ),
        false => format!("{stop}: primal unknown, dual {}", figure(dual)),
    };
    if let Some(fault) = oracle.fault {
        text += &format!("; {fault}");
    }
    if oracle.worse > 0 {
        let first = oracle.first_worse.map_or(String::new(), |example| format!(", the first for example {example}"));
        let answers = if oracle.worse == 1 { "answer" } else { "answers" };
        text += &format!("; {} {answers} of the oracle worse than a plane known before{first}", oracle.worse);
    }
    text
}

fn of_certificate(certificate: &Certificate, exact: bool) -> String {
    verdict(certificate.stop, (certificate.primal, certificate.dual), &certificate.oracle, exact)
}

/// The same for programs: whether it converged, the words, and what was noticed about the oracle.
fn judged(certificate: &Certificate, exact: bool) -> Vec<(String, Value)> {
    let entries = [
        ("converged", json!(certificate.converged() && exact)),
        ("verdict", json!(of_certificate(certificate, exact))),
        ("oracle", json!(certificate.oracle)),
    ];
    entries.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Seven significant digits, without trailing zeros.
pub fn figure(value: f64) -> String {
    if value != 0.0 && !(1e-4..1e9).contains(&value.abs()) {
        return format!("{value:.6e}");
    }
    let digits = (6 - value.abs().max(1e-4).log10().floor() as i32).max(0) as usize;
    let text = format!("{value:.digits$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}
