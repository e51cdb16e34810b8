//! Checks for tasks: [`check`] tries the three laws of the [`Task`] contract on any examples;
//! [`check_oracle`] and [`check_prediction`] compare with brute force over all outputs of a tiny
//! input. And a check for what comes out of training: [`check_solution`] evaluates P anew, and
//! tries to find weights whose P is below the dual value.
//!
//! The first is the first test of every task, the others are the second:
//!
//! ```
//! # use crosscut::{Example, FeatureMap, Place, Planes, Rescaling, Sink, SparseRows, SparseVector, Task};
//! use crosscut::testing::{check, check_oracle, check_prediction, random_weights};
//! # struct Choice;
//! # impl Choice {
//! #     fn best(&self, gains: impl Iterator<Item = f64>) -> usize {
//! #         gains.enumerate().fold((0, f64::NEG_INFINITY), |best, (at, gain)| if gain > best.1 { (at, gain) } else { best }).0
//! #     }
//! # }
//! # impl Task for Choice {
//! #     type Input = SparseRows;
//! #     type Output = usize;
//! #     type Scratch = ();
//! #     fn dim(&self) -> usize { 2 }
//! #     fn loss(&self, _: &SparseRows, y: &usize, y_hat: &usize) -> f64 { f64::from(y != y_hat) }
//! #     fn predict(&self, w: &[f64], x: &SparseRows, _: &mut ()) -> usize {
//! #         self.best((0..x.len()).map(|y| self.score(w, x, &y)))
//! #     }
//! #     fn separate<'a>(&'a self, w: &[f64], x: &'a SparseRows, y: &'a usize, _: &mut (), planes: &mut Planes<'a>) {
//! #         let y_bar = self.best((0..x.len()).map(|y_bar| self.loss(x, y, &y_bar) + self.score(w, x, &y_bar)));
//! #         planes.add(|sink| self.plane(x, y, &y_bar, sink));
//! #     }
//! # }
//! # impl FeatureMap for Choice {
//! #     fn psi<'a>(&'a self, x: &'a SparseRows, y: &usize, sink: &mut dyn Sink<'a>) {
//! #         sink.add_row(x.row(*y), Place::block(0), 1.0);
//! #     }
//! # }
//! # let row = |values: &[f32]| SparseVector::from_dense(values).expect("finite");
//! # let task = Choice;
//! # let examples = [Example::new([row(&[1.0, 0.0]), row(&[0.0, 1.0]), row(&[1.0, 1.0])].into_iter().collect(), 2)];
//! check(&task, &examples);
//!
//! let example = &examples[0]; // chooses one of three candidates
//! for seed in 0..20 {
//!     let w = random_weights(task.dim(), 2.0, seed);
//!     check_oracle(&task, &w, example, 0..3, Rescaling::Margin);
//!     check_prediction(&task, &w, &example.x, 0..3);
//! }
//! ```

mod recombination;
mod solution;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::ops::{ControlFlow, Range};

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;

pub use solution::check_solution;

use crate::data::{Dense, Sink};
use crate::solve::bounds::{Fault, FaultKind, OracleAudit};
use crate::solve::methods::Solver;
use crate::solve::settings::{C, Settings};
use crate::solve::trainer::solve;
use crate::task::{Example, FeatureMap, Rescaling, Task};
use crate::task::{Planes, RawPlane, RowTerm};

/// Relative tolerance of every comparison here: a slack is as good as another if it is at least
/// that less `TOLERANCE` times the sizes Δ + Σ|wⱼδⱼ| of what is compared (in law 2 and in
/// comparisons with brute force at least 1).
///
/// It forgives the rounding of sums in double precision and nothing else.
pub const TOLERANCE: f64 = 1e-9;

/// Panics unless the task obeys its contract on these examples: [`laws`] says what is tried.
///
/// # Panics
/// With the law, the index of the example and the numbers, at the line of the caller.
#[track_caller]
pub fn check<T: Task>(task: &T, examples: &[Example<T::Input, T::Output>]) {
    if let Err(violation) = laws(task, examples) {
        panic!("{violation}");
    }
}

/// Tries the contract of [`Task`] at about twenty w for all examples, and at some more for each:
///
/// * zero, random w of scales at which the loss dominates, balances and vanishes beside the score,
///   and random ones with many ties;
/// * trained w: by passive-aggressive updates, and by the block solver for values of C over six
///   decades;
/// * huge ones: a trained w times 1e3 and 1e6;
/// * for each example, w between trained ones at which two answers tie, where an approximate oracle
///   errs most easily.
///
/// For every example:
///
/// * [`validate`](Task::validate) accepts it;
/// * every index written is below [`dim`](Task::dim), every value finite, every loss finite and at
///   least 0;
/// * law 1: Δ(y, y) = 0, and Δ(y, ŷ) ≥ 0 for every prediction;
/// * law 2: slack(w) ≥ Δ(y, predict(w));
/// * law 3: slack(w) ≥ Δ′ − ⟨w, δ′⟩ for all planes (Δ′, δ′) found at this and any other w′: the
///   first one is the highest;
/// * what an oracle says that it [may have missed](crate::Planes::may_miss) is added to slack(w) in
///   laws 2 and 3;
/// * law 3 again, during training: no answer is worse than a plane in the cache ([`OracleAudit`]);
/// * what a task that can [`recombine`](Task::recombine) makes of parts of all these planes has no
///   other rows, a slack above what was asked for, and none above slack(w);
/// * every row written is the one that [`row`](Task::row) gives back for its name, if it gives any
///   back, and no other row has the name;
/// * the oracle and the prediction give the same answer with a fresh and with a used scratch.
///
/// It costs about 120 oracle calls and 40 predictions an example. Use some of your own examples
/// too: what an oracle gets wrong often shows on real data only. The laws are necessary and not
/// sufficient: an oracle that always returns (0, 0) and a prediction that always returns y would
/// pass. Compare with brute force too ([`check_oracle`]).
///
/// # Errors
/// The first violation found.
pub fn laws<T: Task>(task: &T, examples: &[Example<T::Input, T::Output>]) -> Result<(), Violation> {
    if examples.is_empty() {
        return Err(Violation::NoExamples);
    }
    for (example, Example { x, y, .. }) in examples.iter().enumerate() {
        task.validate(x, y).map_err(|message| Violation::Refused { example, message })?;
        let loss = task.loss(x, y, y);
        if !(0.0..=TOLERANCE).contains(&loss) {
            return Err(Violation::Truth { example, loss });
        }
    }
    let Probes { all, trained, audit } = probes(task, examples)?;
    let mut scratch = T::Scratch::default();
    for (index, example) in examples.iter().enumerate() {
        let mut answers: Vec<Answer<'_>> = Vec::new();
        for probe in &all {
            let shown = answer(task, probe, example, index, &mut scratch)?;
            answers.push(Answer { probe: Cow::Borrowed(probe), shown });
        }
        let ends = || trained.clone().map(|at| &answers[at]);
        let between =
            ends().zip(ends().skip(1)).map(|(a, b)| ties(task, a, b, example, index, TIES));
        let between = between.collect::<Result<Vec<_>, _>>()?;
        answers.extend(between.into_iter().flatten());

        let mut rivals: Vec<(&str, &Written)> = Vec::new();
        for Answer { probe, shown } in &answers {
            for rival in &shown.planes {
                if !rivals.iter().any(|(_, other)| *other == rival) {
                    rivals.push((&probe.name, rival));
                }
            }
        }
        for answer in &answers {
            let (probe, plane) = (&answer.probe, answer.plane());
            let slack = answer.slack();
            let slacks =
                || rivals.iter().map(|(found_at, rival)| (found_at, rival, rival.slack(&probe.w)));
            // The size of the numbers that the oracle compares at this w.
            let size = slacks().map(|(_, _, slack)| slack.magnitude).fold(0.0, f64::max);
            for (found_at, rival, better) in slacks() {
                if slack.is_below(better, size) {
                    return Err(Violation::Beaten {
                        example: index,
                        at: probe.name.clone(),
                        slack: slack.value,
                        loss: plane.loss,
                        found_at: (*found_at).to_owned(),
                        better: better.value,
                        better_loss: rival.loss,
                    });
                }
            }
        }
        let slacks = answers.iter().map(|answer| (&*answer.probe, answer.slack()));
        recombination::check(task, slacks, example, index)?;
    }
    match audit.worse {
        0 => Ok(()),
        worse => Err(Violation::Worse { worse, example: audit.first_worse }),
    }
}

/// The answer of an oracle at one w.
struct Answer<'p> {
    probe: Cow<'p, Probe>,
    shown: Shown,
}

impl Answer<'_> {
    fn plane(&self) -> &Written {
        &self.shown.planes[0]
    }

    /// The slack, with what may be missed.
    fn slack(&self) -> Measured {
        self.shown.slack(&self.probe.w)
    }
}

/// The planes of one oracle call, the answer first.
#[derive(PartialEq)]
struct Shown {
    planes: Vec<Written>,
    missed: f64,
}

impl Shown {
    fn slack(&self, w: &[f64]) -> Measured {
        let slack = self.planes[0].slack(w);
        Measured { value: slack.value + self.missed, ..slack }
    }
}

/// One oracle call and one prediction, with what the laws say about them alone.
fn answer<T: Task>(
    task: &T,
    probe: &Probe,
    example: &Example<T::Input, T::Output>,
    index: usize,
    scratch: &mut T::Scratch,
) -> Result<Shown, Violation> {
    let shown = separate(task, &probe.w, example, index, scratch)?;
    if shown != separate(task, &probe.w, example, index, &mut T::Scratch::default())? {
        return Err(Violation::Unsteady {
            example: index,
            at: probe.name.clone(),
            what: "separate",
        });
    }
    let slack = shown.slack(&probe.w);
    let loss = task.loss(&example.x, &example.y, &task.predict(&probe.w, &example.x, scratch));
    if !(loss.is_finite() && loss >= 0.0) {
        return Err(Violation::Loss { example: index, at: probe.name.clone(), loss });
    }
    let again = task.loss(
        &example.x,
        &example.y,
        &task.predict(&probe.w, &example.x, &mut T::Scratch::default()),
    );
    if loss.to_bits() != again.to_bits() {
        return Err(Violation::Unsteady {
            example: index,
            at: probe.name.clone(),
            what: "predict",
        });
    }
    if slack.is_below(Measured::exactly(loss), 1.0) {
        return Err(Violation::Prediction {
            example: index,
            at: probe.name.clone(),
            slack: slack.value,
            loss,
        });
    }
    Ok(shown)
}

/// The answers at w between two others at which those tie: along a segment the slack is the maximum
/// of linear functions, so the oracle must find one there that is at least as high. At most
/// `budget` of them.
fn ties<T: Task>(
    task: &T,
    a: &Answer<'_>,
    b: &Answer<'_>,
    example: &Example<T::Input, T::Output>,
    index: usize,
    budget: usize,
) -> Result<Vec<Answer<'static>>, Violation> {
    let lead = |answer: &Answer<'_>, other: &Answer<'_>| {
        let w = &answer.probe.w;
        answer.plane().slack(w).value - other.plane().slack(w).value
    };
    let share = lead(a, b) / (lead(a, b) + lead(b, a));
    if budget == 0 || a.plane() == b.plane() || !(share > 0.0 && share < 1.0) {
        return Ok(Vec::new());
    }
    let ends = a.probe.w.iter().zip(&b.probe.w);
    let w = ends.map(|(a, b)| a + share * (b - a)).collect();
    let name = format!("a tie between ({}) and ({})", a.probe.name, b.probe.name);
    let probe = Probe { name, w };
    let shown = answer(task, &probe, example, index, &mut T::Scratch::default())?;
    let between = Answer { probe: Cow::Owned(probe), shown };
    let mut all = ties(task, a, &between, example, index, budget / 2)?;
    all.extend(ties(task, &between, b, example, index, budget / 2)?);
    all.push(between);
    Ok(all)
}

/// How a task breaks its contract; `example` is the zero-based index among the examples, `at` names
/// the w.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[allow(missing_docs)] // the messages name every field
pub enum Violation {
    /// Nothing was checked.
    #[error("there are no examples to check the task on")]
    NoExamples,
    /// The task's own [`validate`](Task::validate) refuses an example.
    #[error("example {example} is refused by `validate`: {message}")]
    Refused { example: usize, message: String },
    /// An index beyond the weights.
    #[error("example {example}: `separate` writes at index {index}, but `dim` is {dim}")]
    Index { example: usize, index: usize, dim: usize },
    /// A value that is no number.
    #[error("example {example}: `separate` writes {value} at index {index}; values must be finite")]
    NotFinite { example: usize, index: usize, value: f64 },
    /// The loss that the oracle returns.
    #[error(
        "example {example}: `separate` returns the loss {loss}; it must be finite and at least 0"
    )]
    PlaneLoss { example: usize, loss: f64 },
    /// Law 1 at the truth.
    #[error("law 1, example {example}: the loss of y against itself is {loss}; Δ(y, y) must be 0")]
    Truth { example: usize, loss: f64 },
    /// Law 1 elsewhere.
    #[error(
        "law 1, example {example}: Δ(y, ŷ) = {loss} for the prediction at {at}; it must be finite and at least 0"
    )]
    Loss { example: usize, at: String, loss: f64 },
    /// Law 2.
    #[error(
        "law 2, example {example}: at {at} the slack is {slack}, less than the loss Δ(y, ŷ) = {loss} of the prediction; \
         `separate` does not find the maximum or `predict` does not find the best-scoring output"
    )]
    Prediction { example: usize, at: String, slack: f64, loss: f64 },
    /// Law 3.
    #[error(
        "law 3, example {example}: at {at} `separate` finds slack {slack} (loss {loss}), but the plane it found at \
         {found_at} (loss {better_loss}) has slack {better} there; `separate` does not find the maximum, \
         or the loss it returns and the δ it writes belong to different outputs"
    )]
    Beaten {
        example: usize,
        at: String,
        slack: f64,
        loss: f64,
        found_at: String,
        better: f64,
        better_loss: f64,
    },
    /// A row that is not given back.
    #[error(
        "example {example}: `separate` writes another row with the name {name} than the one that `row` gives back"
    )]
    Hidden { example: usize, name: u32 },
    /// What is put together from parts.
    #[error("example {example}: at {at} `recombine` {what}")]
    Recombined { example: usize, at: String, what: String },
    /// Law 3, during training.
    #[error(
        "law 3, {}: during training `separate` found a smaller slack than that of a plane it had found for the same \
         example before, {worse} times; it does not find the maximum",
        example.map_or("some example".to_owned(), |example| format!("example {example}"))
    )]
    Worse { worse: u64, example: Option<usize> },
    /// An answer that is no plane, during training.
    #[error("{0}")]
    Fault(Fault),
    /// Two answers to one question.
    #[error(
        "example {example}: two calls of `{what}` at {at}, one with a used and one with a fresh scratch, answer \
         differently; an answer may depend on nothing but w and the example"
    )]
    Unsteady { example: usize, at: String, what: &'static str },
}

/// Panics unless the oracle's slack at `w` is the maximum over all `outputs` (every output of x, y
/// among them), to a relative [`TOLERANCE`].
///
/// # Panics
/// With both numbers.
#[track_caller]
pub fn check_oracle<T: FeatureMap>(
    task: &T,
    w: &[f64],
    example: &Example<T::Input, T::Output>,
    outputs: impl IntoIterator<Item = T::Output>,
    rescaling: Rescaling,
) {
    let found = slack_of(task, w, example);
    let (best, at) = best_of(outputs, |y_bar| rescaled_slack(task, w, example, y_bar, rescaling));
    assert!(
        is_close(found, best),
        "the oracle finds slack {found}, but the maximum over all outputs is {best} (output number {at}; {rescaling:?} rescaling)"
    );
}

/// Panics unless the score of the prediction at `w` is the maximum over all `outputs`, to a
/// relative [`TOLERANCE`].
///
/// # Panics
/// With both numbers.
#[track_caller]
pub fn check_prediction<T: FeatureMap>(
    task: &T,
    w: &[f64],
    x: &T::Input,
    outputs: impl IntoIterator<Item = T::Output>,
) {
    let found = task.score(w, x, &task.predict(w, x, &mut T::Scratch::default()));
    let (best, at) = best_of(outputs, |y| task.score(w, x, y));
    assert!(
        is_close(found, best),
        "the prediction scores {found}, but the best score over all outputs is {best} (output number {at})"
    );
}

/// The plane (Δ, δ) that the oracle finds at `w`, with δ as a dense vector.
///
/// # Panics
/// If it finds none.
pub fn plane_of<T: Task>(
    task: &T,
    w: &[f64],
    example: &Example<T::Input, T::Output>,
) -> (f64, Vec<f64>) {
    let (mut delta, mut planes) = (vec![0.0; task.dim()], Planes::default());
    task.separate(w, &example.x, &example.y, &mut T::Scratch::default(), &mut planes);
    let loss = planes.write(0, &mut Dense(&mut delta));
    (loss, delta)
}

/// The slack Δ − ⟨w, δ⟩ of the plane that the oracle finds at `w`.
pub fn slack_of<T: Task>(task: &T, w: &[f64], example: &Example<T::Input, T::Output>) -> f64 {
    let (loss, delta) = plane_of(task, w, example);
    loss - dot(w, &delta)
}

/// The slack by definition: the maximum over `outputs` of Δ − ⟨w, δ⟩ or of Δ · (1 − ⟨w, δ⟩).
///
/// # Panics
/// If there are no outputs.
#[track_caller]
pub fn brute_force_slack<T: FeatureMap>(
    task: &T,
    w: &[f64],
    example: &Example<T::Input, T::Output>,
    outputs: impl IntoIterator<Item = T::Output>,
    rescaling: Rescaling,
) -> f64 {
    best_of(outputs, |y_bar| rescaled_slack(task, w, example, y_bar, rescaling)).0
}

/// The planes (Δ, δ), or (Δ, Δ·δ) for slack rescaling, of all `outputs`: every constraint of one
/// example, for a reference solver.
pub fn brute_force_planes<T: FeatureMap>(
    task: &T,
    example: &Example<T::Input, T::Output>,
    outputs: impl IntoIterator<Item = T::Output>,
    rescaling: Rescaling,
) -> Vec<(f64, Vec<f64>)> {
    let plane = |y_bar: T::Output| {
        let mut delta = vec![0.0; task.dim()];
        let sink = &mut Dense(&mut delta);
        let loss = match rescaling {
            Rescaling::Margin => task.plane(&example.x, &example.y, &y_bar, sink),
            Rescaling::Slack => task.rescaled_plane(&example.x, &example.y, &y_bar, sink),
        };
        (loss, delta)
    };
    outputs.into_iter().map(plane).collect()
}

/// Weights drawn uniformly between −`scale` and `scale`; the same for the same seed.
pub fn random_weights(dim: usize, scale: f64, seed: u64) -> Vec<f64> {
    let mut rng = Pcg64::seed_from_u64(seed);
    (0..dim).map(|_| scale * (2.0 * rng.random::<f64>() - 1.0)).collect()
}

/// All k^len sequences of `len` tags below `k`, the last tag changing fastest.
pub fn sequences(k: usize, len: usize) -> impl Iterator<Item = Vec<usize>> {
    let first = (k > 0 || len == 0).then(|| vec![0; len]);
    std::iter::successors(first, move |tags| {
        let at = tags.iter().rposition(|&tag| tag + 1 < k)?;
        let mut next = tags.clone();
        next[at] += 1;
        next[at + 1..].fill(0);
        Some(next)
    })
}

/// All n! permutations of 0, …, n − 1 in lexicographic order.
pub fn permutations(n: usize) -> impl Iterator<Item = Vec<usize>> {
    std::iter::successors(Some((0..n).collect::<Vec<_>>()), |order| {
        let at = order.windows(2).rposition(|pair| pair[0] < pair[1])?;
        let mut next = order.clone();
        let larger = next.iter().rposition(|&item| item > next[at])?;
        next.swap(at, larger);
        next[at + 1..].reverse();
        Some(next)
    })
}

/// A w at which the laws are tried, with words for the message.
#[derive(Clone)]
struct Probe {
    name: String,
    w: Vec<f64>,
}

/// What [`laws`] tries for all examples.
struct Probes {
    all: Vec<Probe>,
    /// Those of them that are trained.
    trained: Range<usize>,
    /// What training has noticed.
    audit: OracleAudit,
}

/// Answers at ties between two neighbouring probes, at most about so many.
const TIES: usize = 4;

/// The set of w described at [`laws`].
fn probes<T: Task>(
    task: &T,
    examples: &[Example<T::Input, T::Output>],
) -> Result<Probes, Violation> {
    let dim = task.dim();
    let mut scratch = T::Scratch::default();

    // Passive-aggressive updates lead to weights of the size that training finds, and give the
    // typical sizes of δ and Δ.
    let (mut w, mut length, mut loss, mut trained) = (vec![0.0; dim], 0.0_f64, 0.0_f64, Vec::new());
    for round in 0..2 {
        for (index, example) in examples.iter().enumerate() {
            let plane = &separate(task, &w, example, index, &mut scratch)?.planes[0];
            let square: f64 = plane.delta.iter().map(|(_, value)| value * value).sum();
            loss = loss.max(plane.loss);
            if square > 0.0 {
                length = length.max(square.sqrt());
                let step = plane.slack(&w).value / square;
                plane.delta.iter().for_each(|&(at, value)| w[at] += step * value);
            }
        }
        trained.push(Probe {
            name: format!("w after {} passes of training", round + 1),
            w: w.clone(),
        });
    }
    let unit = if length > 0.0 { 1.0 / length } else { 1.0 };

    let mut audit = OracleAudit::default();
    // At C = Δ / ‖δ‖² one example alone just reaches its margin.
    for factor in [1e-2, 1.0, 1e2, 1e4] {
        let c = factor * loss * unit * unit;
        if !(c.is_finite() && c > 0.0) {
            break;
        }
        let settings = Settings {
            c: C::Sum(c),
            solver: Solver::Block,
            passes: Some(8),
            threads: 1,
            ..Settings::default()
        };
        let Ok(solution) = solve(task, examples, &settings, &mut |_| ControlFlow::Continue(()))
        else {
            break;
        };
        let OracleAudit { worse, first_worse, fault } = solution.certificate.oracle;
        if let Some(fault) = fault {
            return Err(Violation::Fault(fault));
        }
        audit.worse += worse;
        audit.first_worse = audit.first_worse.or(first_worse);
        trained.push(Probe { name: format!("w trained with C::Sum({c:e})"), w: solution.w });
    }

    let mut all = Vec::new();
    for (number, factor) in [0.03, 0.3, 3.0, 30.0, 300.0].into_iter().enumerate() {
        let scale = factor * unit;
        for draw in 0..2 {
            let seed = 2 * number as u64 + draw;
            all.push(Probe {
                name: format!("random_weights({dim}, {scale:e}, {seed})"),
                w: random_weights(dim, scale, seed),
            });
        }
    }
    for (number, scale) in [unit, 1.0].into_iter().enumerate() {
        let seed = 100 + number as u64;
        let coarse =
            random_weights(dim, 1.5, seed).into_iter().map(|value| value.round() * scale).collect();
        all.push(Probe {
            name: format!("random weights of −{scale:e}, 0 and {scale:e} (seed {seed})"),
            w: coarse,
        });
    }
    for factor in [1e3, 1e6] {
        let Some(Probe { name, w }) = trained.last() else { break };
        all.push(Probe {
            name: format!("{factor:e} · ({name})"),
            w: w.iter().map(|weight| factor * weight).collect(),
        });
    }
    // A random w, zero and the trained ones are neighbours, between which ties are looked for.
    let first = all.len();
    all.push(Probe { name: "w = 0".into(), w: vec![0.0; dim] });
    all.extend(trained);
    let trained = first - 1..all.len();
    Ok(Probes { all, trained, audit })
}

/// A plane as it was written: indices increase, none is repeated.
#[derive(PartialEq)]
struct Written {
    loss: f64,
    delta: Vec<(usize, f64)>,
}

impl Written {
    fn slack(&self, w: &[f64]) -> Measured {
        let (mut sum, mut magnitude) = (0.0, self.loss);
        for &(index, value) in &self.delta {
            sum += w[index] * value;
            magnitude += (w[index] * value).abs();
        }
        Measured { value: self.loss - sum, magnitude }
    }
}

/// A number with the size of what was summed to get it.
#[derive(Clone, Copy)]
struct Measured {
    value: f64,
    magnitude: f64,
}

impl Measured {
    fn exactly(value: f64) -> Self {
        Self { value, magnitude: value.abs() }
    }

    /// Whether it is below another number by more than the rounding of numbers of this `size`, or
    /// of their own.
    fn is_below(self, other: Self, size: f64) -> bool {
        let tolerance = TOLERANCE * size.max(self.magnitude).max(other.magnitude);
        self.value < other.value - tolerance
    }
}

/// Collects what is written, wherever it goes.
struct Entries(Vec<(usize, f64)>);

impl<'a> Sink<'a> for Entries {
    fn add(&mut self, index: usize, value: f64) {
        self.0.push((index, value));
    }
}

/// The planes of one oracle call, of which every number is checked.
fn separate<T: Task>(
    task: &T,
    w: &[f64],
    example: &Example<T::Input, T::Output>,
    index: usize,
    scratch: &mut T::Scratch,
) -> Result<Shown, Violation> {
    let mut planes = Planes::default();
    task.separate(w, &example.x, &example.y, scratch, &mut planes);
    let given = |term: &RowTerm<'_>| task.row(&example.x, term.row.name());
    let mut rows = planes.as_slice().iter().flat_map(|plane| &plane.rows);
    let gives_rows = rows.clone().any(|term| given(term).is_some());
    let is_given = |term: &RowTerm<'_>| given(term).is_some_and(|row| row.has_entries_of(term.row));
    if let Some(term) = rows.find(|term| gives_rows && !is_given(term)) {
        return Err(Violation::Hidden { example: index, name: term.row.name() });
    }
    let plane = |plane: &RawPlane<'_>| {
        let mut entries = Entries(Vec::new());
        plane.write(&mut entries);
        written(task, index, plane.offset, entries.0)
    };
    if planes.is_empty() {
        return Err(Violation::Fault(Fault { example: index, kind: FaultKind::NoPlane }));
    }
    let written = planes.as_slice().iter().map(plane).collect::<Result<_, _>>()?;
    Ok(Shown { planes: written, missed: planes.missed() })
}

/// What was written, checked and summed by index.
fn written<T: Task>(
    task: &T,
    index: usize,
    loss: f64,
    mut entries: Vec<(usize, f64)>,
) -> Result<Written, Violation> {
    if !(loss.is_finite() && loss >= 0.0) {
        return Err(Violation::PlaneLoss { example: index, loss });
    }
    let dim = task.dim();
    for &(at, value) in &entries {
        if at >= dim {
            return Err(Violation::Index { example: index, index: at, dim });
        }
        if !value.is_finite() {
            return Err(Violation::NotFinite { example: index, index: at, value });
        }
    }
    entries.sort_by_key(|&(at, _)| at); // stable: equal calls give equal sums
    entries.dedup_by(|next, kept| {
        let same = next.0 == kept.0;
        if same {
            kept.1 += next.1;
        }
        same
    });
    Ok(Written { loss, delta: entries })
}

/// Δ − ⟨w, δ⟩ or Δ · (1 − ⟨w, δ⟩) of one ȳ, from scores.
fn rescaled_slack<T: FeatureMap>(
    task: &T,
    w: &[f64],
    example: &Example<T::Input, T::Output>,
    y_bar: &T::Output,
    rescaling: Rescaling,
) -> f64 {
    let loss = task.loss(&example.x, &example.y, y_bar);
    let margin = task.score(w, &example.x, &example.y) - task.score(w, &example.x, y_bar);
    match rescaling {
        Rescaling::Margin => loss - margin,
        Rescaling::Slack => loss * (1.0 - margin),
    }
}

/// The largest value and the number of the output that has it.
#[track_caller]
fn best_of<Y>(
    outputs: impl IntoIterator<Item = Y>,
    mut value: impl FnMut(&Y) -> f64,
) -> (f64, usize) {
    let values = outputs.into_iter().enumerate().map(|(at, output)| (value(&output), at));
    let best = values.reduce(|best, next| if next.0 > best.0 { next } else { best });
    best.expect("brute force needs at least one output")
}

fn is_close(a: f64, b: f64) -> bool {
    (a - b).abs() <= TOLERANCE * a.abs().max(b.abs()).max(1.0)
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
