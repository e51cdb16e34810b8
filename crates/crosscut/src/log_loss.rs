//! [`Marginals`]: probabilities of the parts of a structure, and [`LogLoss`], the task that learns
//! them.

use serde::{Deserialize, Serialize};

use crate::data::{Row, Sink};
use crate::parts::{self, Parts};
use crate::task::{FeatureMap, Objective, Planes, Task};

/// A structure by [parts](Parts) whose outputs can be summed over.
///
/// Scores of parts define a distribution over the outputs of x:
///
/// ```text
/// P(y) = exp(score(y)) / Z,   score(y) = Σ over the parts of y,   Z = Σ over all outputs of exp(score)
/// ```
///
/// The recursion that finds the [best](Parts::best) output computes ln Z if every maximum becomes a
/// log-sum-exp, and draws outputs if every maximum becomes a random choice.
/// [`testing::check_marginals`](crate::testing::check_marginals) compares all three with all
/// outputs of a small input.
pub trait Marginals: Parts {
    /// Sets `marginals[part]` to the probability that y has this part, for every part of x, and
    /// returns ln Z. `scores` and `marginals` have one number for each part of x; scores are
    /// finite, and may be as large as ±1e9: subtract the largest before taking exponentials.
    fn marginals(
        &self,
        x: &Self::Input,
        scores: &[f64],
        scratch: &mut Self::Scratch,
        marginals: &mut [f64],
    ) -> f64;

    /// Draws an output from P(y). Each call of `uniform` returns another random number, uniform in
    /// \[0, 1).
    fn sample(
        &self,
        x: &Self::Input,
        scores: &[f64],
        scratch: &mut Self::Scratch,
        uniform: &mut dyn FnMut() -> f64,
    ) -> Self::Output;
}

/// The task of a structure by parts that learns probabilities: a conditional random field, trained
/// with the [log-loss](Objective::Log) −ln P(y | x).
///
/// The log-loss is the maximum over all distributions q over outputs of H(q) − ⟨w, δ⟩ with the
/// entropy H(q) and δ = Ψ(x, y) − E Ψ(x, ȳ), reached at q = P. So its tangent at w is the plane
/// (H(P), Ψ(x, y) − E Ψ), and D, a sum of such planes, is the dual value of maximum entropy
/// (Collins et al. 2008). Costs of parts do not enter training: [`Task::loss`], the sum of costs,
/// measures predictions only, and law 2 of the contract does not hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LogLoss<P>(pub P);

/// Buffers of one thread.
#[derive(Debug, Default)]
pub struct LogLossScratch<S> {
    inner: S,
    scores: Vec<f64>,
    marginals: Vec<f64>,
}

impl<P: Marginals> LogLoss<P> {
    /// Returns ln Z and the probability of each part of x.
    pub fn marginals(
        &self,
        w: &[f64],
        x: &P::Input,
        scratch: &mut LogLossScratch<P::Scratch>,
    ) -> (f64, Vec<f64>) {
        (infer(&self.0, w, x, scratch), scratch.marginals.clone())
    }

    /// ln P(y | x).
    pub fn log_probability(
        &self,
        w: &[f64],
        x: &P::Input,
        y: &P::Output,
        scratch: &mut LogLossScratch<P::Scratch>,
    ) -> f64 {
        log_probability(&self.0, w, x, y, scratch)
    }

    /// Draws an output from P(y | x).
    pub fn sample(
        &self,
        w: &[f64],
        x: &P::Input,
        scratch: &mut LogLossScratch<P::Scratch>,
        uniform: &mut dyn FnMut() -> f64,
    ) -> P::Output {
        self.0.score(w, x, &mut scratch.scores);
        self.0.sample(x, &scratch.scores, &mut scratch.inner, uniform)
    }
}

/// Computes the scores and the marginals of all parts; returns ln Z.
fn infer<P: Marginals>(
    parts: &P,
    w: &[f64],
    x: &P::Input,
    LogLossScratch { inner, scores, marginals }: &mut LogLossScratch<P::Scratch>,
) -> f64 {
    parts.score(w, x, scores);
    marginals.clear();
    marginals.resize(scores.len(), 0.0);
    let log_z = parts.marginals(x, scores, inner, marginals);
    // With scores of 1e8 a marginal may be rounded to 1 + 1e-8, and a plane of such a number would
    // be above the log-loss elsewhere.
    marginals.iter_mut().for_each(|marginal| *marginal = marginal.clamp(0.0, 1.0));
    log_z
}

/// ln P(y | x) ([`LogLoss::log_probability`]).
pub(crate) fn log_probability<P: Marginals>(
    parts: &P,
    w: &[f64],
    x: &P::Input,
    y: &P::Output,
    scratch: &mut LogLossScratch<P::Scratch>,
) -> f64 {
    let log_z = infer(parts, w, x, scratch);
    let mut score = 0.0;
    parts.visit(x, y, &mut |part| score += scratch.scores[part]);
    (score - log_z).min(0.0)
}

/// Shows the plane of −ln P(y | x) at w.
pub(crate) fn separate<'a, P: Marginals>(
    parts: &'a P,
    w: &[f64],
    x: &'a P::Input,
    y: &'a P::Output,
    scratch: &mut LogLossScratch<P::Scratch>,
    planes: &mut Planes<'a>,
) {
    let log_z = infer(parts, w, x, scratch);
    let LogLossScratch { scores, marginals, .. } = scratch;
    // A probability is as exact as the scores: its relative error is at most about `noise`, and
    // that of the entropy ln Z − E score at most `error`.
    let (mut mean, mut size) = (0.0, log_z.abs());
    for (score, marginal) in scores.iter().zip(&*marginals) {
        mean += score * marginal;
        size += (score * marginal).abs();
    }
    let noise = 8.0 * f64::EPSILON * (1.0 + size);
    let error = noise * (1.0 + size);
    planes.add(|sink| {
        marginals.iter_mut().for_each(|marginal| *marginal = -*marginal);
        parts.visit(x, y, &mut |part| marginals[part] += 1.0);
        for (part, &scale) in marginals.iter().enumerate() {
            if scale.abs() > noise {
                parts.write(x, part, scale, sink);
            }
        }
        match log_z - mean {
            // An overflow is not a plane, and ends training with a fault.
            entropy if !entropy.is_finite() => f64::NAN,
            entropy => (entropy - error).max(0.0),
        }
    });
    planes.may_miss(2.0 * error);
}

impl<P: Marginals> Task for LogLoss<P> {
    type Input = P::Input;
    type Output = P::Output;
    type Scratch = LogLossScratch<P::Scratch>;

    fn dim(&self) -> usize {
        self.0.dim()
    }

    fn loss(&self, x: &P::Input, y: &P::Output, y_hat: &P::Output) -> f64 {
        parts::loss(&self.0, x, y, y_hat)
    }

    fn predict(&self, w: &[f64], x: &P::Input, scratch: &mut Self::Scratch) -> P::Output {
        self.0.score(w, x, &mut scratch.scores);
        self.0.best(x, &scratch.scores, &mut scratch.inner)
    }

    fn separate<'a>(
        &'a self,
        w: &[f64],
        x: &'a P::Input,
        y: &'a P::Output,
        scratch: &mut Self::Scratch,
        planes: &mut Planes<'a>,
    ) {
        separate(&self.0, w, x, y, scratch, planes);
    }

    fn objective(&self) -> Objective {
        Objective::Log
    }

    fn row<'a>(&'a self, x: &'a P::Input, name: u32) -> Option<Row<'a>> {
        self.0.row(x, name)
    }

    fn validate_input(&self, x: &P::Input) -> Result<(), String> {
        self.0.validate_input(x)
    }

    fn validate(&self, x: &P::Input, y: &P::Output) -> Result<(), String> {
        parts::validate(&self.0, x, y)
    }
}

impl<P: Marginals> FeatureMap for LogLoss<P> {
    fn psi<'a>(&'a self, x: &'a P::Input, y: &P::Output, sink: &mut dyn Sink<'a>) {
        self.0.visit(x, y, &mut |part| self.0.write(x, part, 1.0, sink));
    }
}
