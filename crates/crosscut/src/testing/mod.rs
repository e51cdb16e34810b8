//! Checks for tasks and for training results:
//!
//! * [`check`] tests the three laws of the [`Task`] contract on any examples;
//! * [`check_oracle`] and [`check_prediction`] compare with brute force over all outputs of a tiny
//!   input;
//! * [`check_solution`] recomputes P(w) of a training result, and searches for weights whose P is
//!   below the dual value.
//!
//! Test every task with `check` first, then by brute force:
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

mod brute_force;
mod marginals;
mod parts;
mod probes;
mod recombination;
mod solution;
#[cfg(test)]
mod tests;
mod violation;

use std::borrow::Cow;
use std::collections::HashMap;

pub use brute_force::{
    brute_force_planes, brute_force_slack, check_oracle, check_prediction, permutations, plane_of,
    random_weights, sequences, slack_of,
};
pub use marginals::check_marginals;
pub use parts::check_parts;
pub use solution::{check_solution, verify_solution};
pub use violation::Violation;

use crate::data::{Row, Sink};
use crate::solve::bounds::{Fault, FaultKind};
use crate::task::{Example, Objective, Planes, RawPlane, RowTerm, Task};
use probes::{Probe, Probes, probes};

/// Relative tolerance of every comparison here. A slack counts as lower than another if it is so by
/// more than `TOLERANCE` times the size of the compared numbers: Δ + Σ|wⱼδⱼ|, at least 1 in law 2;
/// the larger absolute value, at least 1, in comparisons with brute force.
///
/// It allows for the rounding of sums in double precision and for nothing else.
pub const TOLERANCE: f64 = 1e-9;

/// Panics unless the task obeys its contract on these examples; [`laws`] lists the checks.
///
/// # Panics
/// With the law, the index of the example and the numbers, at the line of the caller.
#[track_caller]
pub fn check<T: Task>(task: &T, examples: &[Example<T::Input, T::Output>]) {
    if let Err(violation) = laws(task, examples) {
        panic!("{violation}");
    }
}

/// Tests the contract of [`Task`] at about twenty w shared by all examples, and at a few more for
/// each example:
///
/// * zero; random w at scales for which the loss is much larger than the score, comparable, and
///   negligible; random w with many ties;
/// * trained w: by passive-aggressive updates, and by the block solver for values of C over six
///   decades;
/// * huge w: a trained w times 1e3 and 1e6;
/// * for each example, w between trained ones at which two answers tie: an approximate oracle is
///   most likely to err there.
///
/// For every example:
///
/// * [`validate`](Task::validate) accepts it;
/// * every index written is below [`dim`](Task::dim), every value finite, every loss finite and at
///   least 0;
/// * law 1: Δ(y, y) = 0, and Δ(y, ŷ) ≥ 0 for every prediction;
/// * law 2: slack(w) ≥ Δ(y, predict(w)); if the [objective](crate::Objective) is the log-loss,
///   slack(w) ≥ ln 2 if Δ(y, predict(w)) > 0, since then P(y | x) ≤ ½;
/// * law 3: slack(w) ≥ Δ′ − ⟨w, δ′⟩ for all planes (Δ′, δ′) found at this and any other w′, so the
///   first plane is the highest;
/// * in laws 2 and 3, slack(w) includes the bound on what the oracle [may have
///   missed](crate::Planes::may_miss);
/// * law 3 again, during training: no answer is worse than a plane in the cache
///   ([`OracleAudit`](crate::OracleAudit));
/// * a plane [recombined](Task::recombine) from parts of all these planes has no other rows, and a
///   slack above `least` and at most slack(w);
/// * two different rows have two names, and if [`row`](Task::row) returns any row, it returns every
///   row written, by its name;
/// * the oracle and the prediction give the same answer with a fresh and with a used scratch.
///
/// It costs about 120 oracle calls and 40 predictions per example. Include some real examples: an
/// oracle often errs on real data only. The laws are necessary and not sufficient: an oracle that
/// always returns (0, 0) and a prediction that always returns y would pass. Compare with brute
/// force too ([`check_oracle`]).
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
            // The largest magnitude that the oracle compares at this w.
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

    /// The slack, plus the bound on what the oracle may have missed.
    fn slack(&self) -> Measured {
        self.shown.slack(&self.probe.w)
    }
}

/// The planes of one oracle call, the maximum first, and the bound on what it may have missed.
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

/// Makes one oracle call and one prediction, and checks the laws that concern these alone.
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
    let least = match task.objective() {
        Objective::Hinge => loss,
        Objective::Log if loss > 0.0 => std::f64::consts::LN_2,
        Objective::Log => 0.0,
    };
    if slack.is_below(Measured::exactly(least), 1.0) {
        return Err(Violation::Prediction {
            example: index,
            at: probe.name.clone(),
            slack: slack.value,
            loss: least,
        });
    }
    Ok(shown)
}

/// Answers at w between the probes of `a` and `b` at which the planes of both tie. Along a segment,
/// the slack is the maximum of linear functions, so the oracle must find a plane there that is at
/// least as high. Returns fewer than 2 · `budget` answers.
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

/// Budget of [`ties`] between two neighbouring probes.
const TIES: usize = 4;

/// A plane with its entries summed by index, in strictly increasing order.
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

/// A sum, and the sum of the absolute values of its terms.
#[derive(Clone, Copy)]
struct Measured {
    value: f64,
    magnitude: f64,
}

impl Measured {
    fn exactly(value: f64) -> Self {
        Self { value, magnitude: value.abs() }
    }

    /// Whether it is below `other` by more than [`TOLERANCE`] times the largest of `size` and both
    /// magnitudes.
    fn is_below(self, other: Self, size: f64) -> bool {
        let tolerance = TOLERANCE * size.max(self.magnitude).max(other.magnitude);
        self.value < other.value - tolerance
    }
}

/// A sink that collects all entries.
struct Entries(Vec<(usize, f64)>);

impl<'a> Sink<'a> for Entries {
    fn add(&mut self, index: usize, value: f64) {
        self.0.push((index, value));
    }
}

/// Calls the oracle and checks every number of its planes.
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
    let mut named: HashMap<u32, Row<'_>> = HashMap::new();
    for RowTerm { row, .. } in planes.as_slice().iter().flat_map(|plane| &plane.rows) {
        if !named.entry(row.name()).or_insert(*row).has_entries_of(*row) {
            return Err(Violation::Fault(Fault { example: index, kind: FaultKind::RowName }));
        }
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

/// Checks the entries of a plane and sums them by index.
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
