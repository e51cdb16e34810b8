//! The two bounds of a certificate. D is raised and P(w) is certified in this module and nowhere
//! else, for every solver.
//!
//! Three things could break D ≤ P* ≤ P(w), and each is dealt with here:
//!
//! * **Rounding.** A sum of `terms` numbers is off by at most [`off`]`(terms)` times the sum of
//!   their sizes. P(w) is raised and D is lowered by such bounds.
//! * **Infeasible dual variables.** D bounds P* only if Σα is at most its bound. [`confine`] makes
//!   that true in exact arithmetic.
//! * **Oracles.** What an oracle may have missed, as it says itself, is counted as slack. An answer
//!   that is no plane is a [`Fault`] and ends the run. An answer with a smaller slack than a plane
//!   that is already known breaks law 3 of the [`Task`](crate::Task) contract and is counted in an
//!   [`OracleAudit`].

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::parallel::map_ranges;
use crate::solve::settings::{Settings, SlackNorm};
use crate::solve::vectors::squared_norm;
use crate::task::Planes;
use crate::task::{Example, Task};

/// If D exceeds P(w) by more than this fraction of P(w), the oracle has missed a maximum.
///
/// Both bounds allow for the rounding of their own sums, but not for that of the scores which an
/// oracle compares. An answer is worse than a known plane if it is so by more than this fraction of
/// the size of the numbers in that. The same tolerance as in
/// [`testing`](crate::testing::TOLERANCE).
const PROOF: f64 = 1e-9;

/// Relative rounding error of a sequential sum of `terms` numbers, measured against Σ|term|, with
/// a little more for the products that the terms are.
pub(crate) fn off(terms: usize) -> f64 {
    (8.0 + 0.5 * terms as f64) * f64::EPSILON
}

/// What the slack of one example adds to P, as a function of the slack, and its conjugate.
///
/// Linear slacks cost c · ξ, and the dual variables of the example add up to at most c. Squared
/// slacks cost c · ξ²; there is no bound, but D loses (Σα)² / 4c.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct SlackCost {
    /// The bound on Σα: c, or infinite for squared slacks.
    pub bound: f64,
    /// The curvature of the conjugate: 0, or 1/2c for squared slacks.
    pub ridge: f64,
}

impl SlackCost {
    /// For c = C/n · weight. If c = 0 the slack costs nothing under either norm.
    pub fn new(c: f64, norm: SlackNorm) -> Self {
        match norm {
            SlackNorm::Squared if c > 0.0 => Self { bound: f64::INFINITY, ridge: 0.5 / c },
            _ => Self { bound: c, ridge: 0.0 },
        }
    }

    /// The cost of a slack. Negative slacks cost nothing, since y itself has slack 0. One that is
    /// not a number costs infinitely much: it certifies nothing.
    pub fn of(self, slack: f64) -> f64 {
        match slack {
            _ if slack <= 0.0 || self.bound == 0.0 => 0.0,
            _ if slack.is_nan() => f64::INFINITY,
            _ if self.ridge > 0.0 => slack * (0.5 * slack / self.ridge),
            _ => self.bound * slack,
        }
    }

    /// The derivative of the cost at a slack of at least 0.
    pub fn slope(self, slack: f64) -> f64 {
        if self.ridge > 0.0 { slack / self.ridge } else { self.bound }
    }

    /// What D loses for Σα = `sum`: the conjugate of the cost.
    pub fn conjugate(self, sum: f64) -> f64 {
        0.5 * self.ridge * sum * sum
    }
}

/// Lowers dual variables until their sum is at most `bound` in exact arithmetic; returns whether
/// any was changed. `alpha` must be finite and at least 0.
///
/// Steps keep the sum at its bound up to rounding only. The excess is some units in the last place
/// and is taken from the largest dual variable.
pub(crate) fn confine(alpha: &mut [f64], bound: f64) -> bool {
    let mut changed = false;
    loop {
        let excess = excess(alpha, bound);
        if excess <= 0.0 {
            return changed;
        }
        changed = true;
        let largest = alpha.iter_mut().reduce(|a, b| if *b > *a { b } else { a });
        let Some(largest) = largest.filter(|largest| **largest > 2.0 * excess) else {
            // Not rounding: after a change of C, say.
            let factor = bound / (bound + excess);
            alpha.iter_mut().for_each(|alpha| *alpha = (*alpha * factor).next_down().max(0.0));
            continue;
        };
        *largest = (*largest - excess).next_down();
    }
}

/// An upper bound on Σα − `bound`; 0 only if Σα ≤ `bound` in exact arithmetic.
fn excess(alpha: &[f64], bound: f64) -> f64 {
    // The sum in two numbers (two-sum: Knuth 1997, 4.2.2, theorem B). The first rounding error is
    // kept exactly, and those of adding such errors are bounded.
    let (mut high, mut low, mut terms) = (0.0_f64, 0.0_f64, 0_u32);
    for &term in alpha.iter().filter(|term| **term > 0.0) {
        let sum = high + term;
        let back = sum - high;
        low += (high - (sum - back)) + (term - back);
        high = sum;
        terms += 1;
    }
    if terms < 2 || high - bound < -f64::EPSILON * f64::from(terms) * bound {
        return (high - bound).max(0.0);
    }
    let error =
        if terms > 2 { f64::from(terms).powi(2) * f64::EPSILON * f64::EPSILON * high } else { 0.0 };
    (high - bound) + low + error
}

/// A dual value D = Σα·offset − ½‖u‖² − conjugates, with u = Σα·δ, while its terms come in.
///
/// What is summed are parts: those of one example, or the planes of a working set.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct DualSum {
    /// Σα·offset less the conjugates.
    value: f64,
    /// Sizes of what is summed for the value and for u.
    sizes: Sizes,
    /// Bounds on the rounding inside of the parts.
    inside: Sizes,
    /// Additions that a coordinate of u has seen, at most.
    additions: usize,
}

/// Sizes of sums, which rounding errors are fractions of; or rounding errors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Sizes {
    /// Of a sum of losses: Σ|term|.
    pub offset: f64,
    /// Of a vector that is a sum: an upper bound on the sum of the norms of its terms.
    pub delta: f64,
}

impl Sizes {
    pub fn scaled(self, factor: f64) -> Self {
        Self { offset: factor * self.offset, delta: factor * self.delta }
    }

    pub fn plus(self, other: Self) -> Self {
        Self { offset: self.offset + other.offset, delta: self.delta + other.delta }
    }
}

impl DualSum {
    /// Adds a part: its share of Σα·offset less the conjugate, the sizes of what was summed for it,
    /// bounds on the rounding inside of that, and how many rows and numbers it has added to u.
    pub fn add(&mut self, value: f64, sizes: Sizes, inside: Sizes, additions: usize) {
        self.value += value;
        self.sizes = self.sizes.plus(sizes);
        self.inside = self.inside.plus(inside);
        self.additions += additions;
    }

    /// What was summed, as one plane (Σα·offset, u): its offset, the sizes of what was summed, and
    /// bounds on the rounding errors.
    pub fn as_plane(&self) -> (f64, Sizes, Sizes) {
        (self.value, self.sizes, self.sizes.scaled(off(self.additions)).plus(self.inside))
    }

    /// D as it was summed.
    pub fn value(&self, u_squared: f64) -> f64 {
        self.value - 0.5 * u_squared
    }

    /// D less all that rounding may have added to it; `u_squared` is ‖u‖², a sum over `dim`
    /// weights.
    fn lower(&self, u_squared: f64, dim: usize) -> f64 {
        let (_, _, errors) = self.as_plane();
        // ‖u‖ may be longer by this, and its square is summed in eight parts.
        let shift = errors.delta;
        let squares = off(dim / 8) * u_squared + shift * (2.0 * u_squared.sqrt() + shift);
        self.value(u_squared) - errors.offset - 0.5 * squares
    }
}

/// What planes that were found before show of a slack, or of a sum of slacks, at the same w.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Known {
    /// A lower bound: the value of the best plane, rounded down, or 0, that of y itself.
    value: f64,
    /// The size of the numbers that it was computed from.
    size: f64,
}

impl Known {
    /// From the value of a plane, the size of the numbers in it, and their relative rounding error.
    pub fn new(value: f64, size: f64, rounding: f64) -> Self {
        Self { value: (value - rounding * size).max(0.0), size }
    }

    /// Whether an answer is worse by more than the rounding of scores may explain: those that an
    /// oracle compares can be larger than the ones it writes, in which equal parts have cancelled.
    fn beats(self, answer: f64) -> bool {
        self.value > answer + PROOF * self.size
    }
}

/// The answer of an oracle for one example.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answer {
    /// The value of its best plane, rounded up.
    pub value: f64,
    /// How far the maximum may lie above that, as the oracle says.
    pub missed: f64,
}

/// Adds up what the slacks of all examples cost, and notices answers that are too small.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct SlackSum {
    /// Σ cost of the slack that planes show.
    pub cost: f64,
    /// How much more it may be, by what oracles say they may have missed.
    pub missed: f64,
    pub audit: OracleAudit,
}

impl SlackSum {
    /// Adds the slack of an example: the answer of its oracle, or what is `known` if that is
    /// larger.
    pub fn add(
        &mut self,
        cost: SlackCost,
        example: usize,
        Answer { value, missed }: Answer,
        known: Known,
    ) {
        let most = value + missed;
        if known.beats(most) {
            self.audit.count(Some(example));
        }
        let slack = if value < known.value { known.value } else { value };
        let shown = cost.of(slack);
        self.cost += shown;
        if most > slack && shown.is_finite() {
            self.missed += cost.of(most) - shown;
        }
    }

    /// Raises the whole sum to what is `known` for it, if that is larger.
    pub fn compare(&mut self, known: Known) {
        if known.beats(self.cost + self.missed) {
            self.audit.count(None);
        }
        self.cost = self.cost.max(known.value);
    }

    /// Adds the sum over later examples.
    pub fn absorb(&mut self, later: &Self) {
        self.cost += later.cost;
        self.missed += later.missed;
        self.audit.absorb(later.audit);
    }
}

/// What training has noticed about the separation oracle.
///
/// In a pass that certifies, each answer is compared with the planes that are known for the example
/// at the same w: none may have a larger slack (law 3 of the [`Task`](crate::Task) contract), and
/// none may lie below 0, the slack of y. Differences below 1e-9 of the numbers compared are
/// forgiven. The solver that keeps one sum over all examples compares sums. An oracle that passes
/// may still be inexact; one that does not is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OracleAudit {
    /// Answers that were worse than a known plane, by more than rounding explains.
    pub worse: u64,
    /// The example of the first such answer, by its position; `None` if there was none, or if only
    /// sums over all examples were compared.
    pub first_worse: Option<usize>,
    /// The answer that was no plane and ended training.
    pub fault: Option<Fault>,
}

impl OracleAudit {
    /// Whether no answer was found wrong.
    pub fn is_clean(&self) -> bool {
        self.worse == 0 && self.fault.is_none()
    }

    fn count(&mut self, example: Option<usize>) {
        self.worse += 1;
        self.first_worse = self.first_worse.or(example);
    }

    fn absorb(&mut self, later: Self) {
        self.worse += later.worse;
        self.first_worse = self.first_worse.or(later.first_worse);
        self.fault = self.fault.or(later.fault);
    }
}

/// An answer of an oracle that is not a plane.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, thiserror::Error,
)]
#[error("example {example}: {kind}")]
pub struct Fault {
    /// Zero-based position among the examples.
    pub example: usize,
    /// What is wrong with it.
    pub kind: FaultKind,
}

/// What is wrong with an answer of an oracle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum FaultKind {
    /// The loss is NaN or infinite. An oracle that fails for reasons of its own returns NaN.
    LossNotFinite,
    /// The loss is below 0.
    LossNegative,
    /// δ has a value that is NaN or infinite.
    DeltaNotFinite,
    /// δ has an index that is not below [`Task::dim`](crate::Task::dim).
    IndexBeyondDim,
    /// A row is written with a stride of 0.
    ZeroStride,
    /// Two different rows of the example have one [name](crate::Row::name).
    RowName,
    /// [`Task::separate`](crate::Task::separate) added no plane.
    NoPlane,
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::LossNotFinite => {
                "the separation oracle returned a loss that is not a finite number"
            }
            Self::LossNegative => "the separation oracle returned a loss below 0",
            Self::DeltaNotFinite => {
                "the separation oracle wrote a value that is not a finite number"
            }
            Self::IndexBeyondDim => "the separation oracle wrote at an index beyond the weights",
            Self::ZeroStride => "the separation oracle wrote a row with a stride of 0",
            Self::RowName => "the separation oracle wrote two different rows with one name",
            Self::NoPlane => "the separation oracle added no plane",
        })
    }
}

/// Weights with bounds on their primal value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Certified {
    /// P(w) at most, by what oracles say they may have missed too.
    pub primal: f64,
    /// P(w) by the planes that oracles have shown.
    pub shown: f64,
    pub w: Vec<f64>,
}

/// The bounds of a run, and what it has noticed about the oracle.
#[derive(Clone, Debug)]
pub(crate) struct Bounds {
    /// Those with the lowest primal value; of several without a bound, those with the lowest one
    /// shown.
    pub best: Option<Certified>,
    /// The lowest primal value that planes have shown, at any weights.
    pub lowest: f64,
    /// The highest dual value.
    pub dual: f64,
    pub audit: OracleAudit,
    /// The lowest P shown, and D, when last asked whether they improve.
    pub last: (f64, f64),
}

impl Bounds {
    /// D = 0, which α = 0 shows; nothing is known of P.
    pub fn new() -> Self {
        let last = (f64::INFINITY, f64::NEG_INFINITY);
        Self { best: None, lowest: f64::INFINITY, dual: 0.0, audit: OracleAudit::default(), last }
    }

    /// Takes in P(w) = ½‖w‖² + the cost of the slacks of all `examples`, which oracles have
    /// answered at this very w. Returns it as it was summed, by what oracles have shown.
    ///
    /// A value that overflows certifies nothing; if there is no other, the weights are 0.
    pub fn certify(&mut self, w: &[f64], slacks: &SlackSum, examples: usize) -> f64 {
        let summed = 0.5 * squared_norm(w) + slacks.cost;
        self.audit.absorb(slacks.audit);
        let shown = rounded_up(summed, examples, w.len());
        if !shown.is_finite() {
            let none =
                || Certified { primal: f64::INFINITY, shown: f64::INFINITY, w: vec![0.0; w.len()] };
            self.best.get_or_insert_with(none);
            return summed;
        }
        self.lowest = self.lowest.min(shown);
        let primal = rounded_up(summed + slacks.missed, examples, w.len());
        match &mut self.best {
            Some(best) if (best.primal, best.shown) <= (primal, shown) => {}
            Some(best) => {
                (best.primal, best.shown) = (primal, shown);
                best.w.copy_from_slice(w);
            }
            None => self.best = Some(Certified { primal, shown, w: w.to_vec() }),
        }
        summed
    }

    /// Takes in the dual value of dual variables that [`confine`] has made feasible.
    pub fn raise(&mut self, dual: &DualSum, u_squared: f64, dim: usize) {
        let lower = dual.lower(u_squared, dim);
        if lower.is_finite() {
            self.dual = self.dual.max(lower);
        }
    }

    /// The lowest certified primal value, infinite without one.
    pub fn primal(&self) -> f64 {
        self.best.as_ref().map_or(f64::INFINITY, |best| best.primal)
    }

    /// The primal value of the same weights by the planes that oracles have shown.
    pub fn shown(&self) -> f64 {
        self.best.as_ref().map_or(f64::INFINITY, |best| best.shown)
    }

    /// D, and at most P: where rounding has put it above, the lower of two bounds is one too.
    pub fn dual(&self) -> f64 {
        if self.contradict() { self.dual } else { self.dual.min(self.primal()) }
    }

    /// Whether P(w) < D, beyond rounding. Then P(w) is too small: the oracle has missed a maximum.
    pub fn contradict(&self) -> bool {
        let primal = self.primal();
        primal.is_finite() && self.dual - primal > PROOF * primal.abs()
    }

    /// Whether either bound has moved by more than rounding since this was last asked.
    pub fn have_improved(&mut self) -> bool {
        let now = (self.lowest, self.dual);
        let (primal, dual) = std::mem::replace(&mut self.last, now);
        let moved = |by: f64, size: f64| by.is_nan() || by > 1e-15 * size.abs();
        moved(primal - now.0, now.0) || moved(now.1 - dual, now.1)
    }
}

/// (P − D) / P: 0 if both are 0, and infinite before P is certified.
pub fn relative_gap(primal: f64, dual: f64) -> f64 {
    match primal {
        _ if !primal.is_finite() => f64::INFINITY,
        _ if primal == dual => 0.0,
        _ => (primal - dual) / primal,
    }
}

/// P(w) is a sum over the examples and one of d squares in eight parts; this is above both.
fn rounded_up(primal: f64, examples: usize, dim: usize) -> f64 {
    primal * (1.0 + off(examples + dim / 8))
}

/// P(w) for the C and the slack norm of `settings`: one oracle call for each example at `w`, on the
/// current rayon pool. No solver takes part.
///
/// Rounded up, as the primal value of a [`Certificate`](crate::Certificate) is: by at most some
/// units in the last place for each number that is summed. What an oracle says that it [may have
/// missed](crate::Planes::may_miss) is counted as slack. The bits do not depend on the number of
/// threads.
///
/// # Errors
/// The first example whose oracle answers with something that is not a plane.
///
/// # Panics
/// If `w` is shorter than [`Task::dim`].
pub fn primal<'e, T: Task>(
    task: &T,
    examples: impl IntoIterator<Item = &'e Example<T::Input, T::Output>>,
    settings: &Settings,
    w: &[f64],
) -> Result<f64, Fault>
where
    T::Input: 'e,
    T::Output: 'e,
{
    let examples: Vec<_> = examples.into_iter().collect();
    let each = settings.c.sum(examples.len());
    let slacks = slacks(task, examples.iter().copied(), w)?;
    let cost = |(example, &slack): (&&Example<_, _>, &f64)| {
        SlackCost::new(each * example.weight, settings.slack_norm).of(slack)
    };
    let cost: f64 = examples.iter().zip(&slacks).map(cost).sum();
    Ok(rounded_up(0.5 * squared_norm(w) + cost, examples.len(), w.len()))
}

/// The slack ξ ≥ 0 of each example at `w`, in order, by one oracle call each on the current rayon
/// pool. Rounded up.
///
/// # Errors
/// As [`primal`].
///
/// # Panics
/// As [`primal`].
pub fn slacks<'e, T: Task>(
    task: &T,
    examples: impl IntoIterator<Item = &'e Example<T::Input, T::Output>>,
    w: &[f64],
) -> Result<Vec<f64>, Fault>
where
    T::Input: 'e,
    T::Output: 'e,
{
    let examples: Vec<_> = examples.into_iter().collect();
    let slack = |scratch: &mut T::Scratch, index: usize| {
        let (example, mut planes) = (examples[index], Planes::default());
        task.separate(w, &example.x, &example.y, scratch, &mut planes);
        if let Some(kind) = planes.fault(w.len()) {
            return Err(Fault { example: index, kind });
        }
        planes.as_mut_slice().iter_mut().for_each(|plane| plane.evaluate(w));
        // One that overflows certifies nothing.
        let highest = planes.highest().map_or(f64::NAN, |plane| plane.value) + planes.missed();
        Ok(if highest.is_nan() { f64::INFINITY } else { highest.max(0.0) })
    };
    let slacks = map_ranges(examples.len(), 64, |range| {
        let mut scratch = T::Scratch::default();
        range.map(|index| slack(&mut scratch, index)).collect::<Result<Vec<f64>, Fault>>()
    });
    Ok(slacks.into_iter().collect::<Result<Vec<_>, _>>()?.concat())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Exact: each α is a multiple of 2⁻¹⁰⁷⁴ below 2, so sums of integers decide.
        #[test]
        fn confined_dual_variables_are_feasible_in_exact_arithmetic(
            shares in prop::collection::vec(0.0..1.0_f64, 1..12), bound in prop_oneof![Just(1.0), Just(0.1), 1e-9..1.0],
        ) {
            let sum: f64 = shares.iter().sum();
            let mut alpha: Vec<f64> = shares.iter().map(|share| share / sum * bound).collect();
            let before = alpha.clone();
            let changed = confine(&mut alpha, bound);
            // All numbers are multiples of 2⁻¹²⁰ times an integer below 2⁶⁴ if they are above 2⁻⁵⁶.
            prop_assume!(alpha.iter().all(|alpha| *alpha == 0.0 || *alpha > 1e-16));
            let exact = |value: f64| (value * 2_f64.powi(60)) as i128 * (1 << 60)
                + ((value * 2_f64.powi(60)).fract() * 2_f64.powi(60)) as i128;
            prop_assert!(alpha.iter().map(|&alpha| exact(alpha)).sum::<i128>() <= exact(bound));
            prop_assert_eq!(changed, alpha != before);
            for (after, before) in alpha.iter().zip(&before) {
                prop_assert!((after - before).abs() <= 16.0 * f64::EPSILON * bound);
            }
        }
    }

    #[test]
    fn far_too_large_dual_variables_are_scaled_down() {
        let mut alpha = [3.0, 1.0, 0.0];
        assert!(confine(&mut alpha, 1.0));
        assert!(
            alpha[0] + alpha[1] <= 1.0 && alpha[0] + alpha[1] > 1.0 - 1e-14 && alpha[2] == 0.0,
            "{alpha:?}"
        );
        assert!((alpha[0] / alpha[1] - 3.0).abs() < 1e-12, "{alpha:?}");
        assert!(confine(&mut alpha, 0.0) && alpha == [0.0; 3]);
        assert!(!confine(&mut [1e300, 1e300], f64::INFINITY));
    }

    #[test]
    fn a_slack_that_is_not_a_number_certifies_nothing() {
        for norm in [SlackNorm::Linear, SlackNorm::Squared] {
            let cost = SlackCost::new(2.0, norm);
            assert_eq!((cost.of(-1.0), cost.of(0.0), cost.of(f64::NAN)), (0.0, 0.0, f64::INFINITY));
        }
        let mut bounds = Bounds::new();
        let mut slacks = SlackSum::default();
        let answer = Answer { value: f64::NAN, missed: 0.0 };
        slacks.add(SlackCost::new(1.0, SlackNorm::Linear), 0, answer, Known::new(1.0, 1.0, 0.0));
        bounds.certify(&[1.0], &slacks, 1);
        assert_eq!(
            bounds.best,
            Some(Certified { primal: f64::INFINITY, shown: f64::INFINITY, w: vec![0.0] })
        );
    }

    #[test]
    fn what_an_oracle_may_have_missed_is_slack() {
        let none = Known::default();
        let (linear, squared) =
            (SlackCost::new(2.0, SlackNorm::Linear), SlackCost::new(2.0, SlackNorm::Squared));
        let sum = |cost, value, missed, known| {
            let mut slacks = SlackSum::default();
            slacks.add(cost, 0, Answer { value, missed }, known);
            (slacks.cost, slacks.missed, slacks.audit.worse)
        };
        assert_eq!(sum(linear, 3.0, 0.5, none), (6.0, 1.0, 0));
        assert_eq!(sum(squared, 3.0, 1.0, none), (18.0, 14.0, 0));
        assert_eq!(sum(linear, -1.0, 1.5, none), (0.0, 1.0, 0));
        assert_eq!(sum(linear, 3.0, f64::INFINITY, none), (6.0, f64::INFINITY, 0));
        // A plane that was known before is shown too; only one beyond the bound makes the oracle a
        // liar.
        assert_eq!(sum(linear, 3.0, 0.5, Known::new(3.25, 1.0, 0.0)), (6.5, 0.5, 0));
        assert_eq!(sum(linear, 3.0, 0.5, Known::new(4.0, 1.0, 0.0)), (8.0, 0.0, 1));
    }

    #[test]
    fn of_weights_without_a_bound_those_with_the_lowest_value_shown_are_kept() {
        let mut bounds = Bounds::new();
        for (w, cost, missed) in
            [(1.0, 5.0, f64::INFINITY), (2.0, 1.0, f64::INFINITY), (3.0, 3.0, f64::INFINITY)]
        {
            bounds.certify(&[w], &SlackSum { cost, missed, ..SlackSum::default() }, 1);
        }
        let best = bounds.best.as_ref().expect("certified");
        assert_eq!((best.primal, &*best.w), (f64::INFINITY, &[2.0][..]));
        // One with a bound is better than any without.
        bounds.certify(&[4.0], &SlackSum { cost: 9.0, missed: 1.0, ..SlackSum::default() }, 1);
        let best = bounds.best.as_ref().expect("certified");
        assert!(
            best.primal >= 18.0
                && best.primal < 18.0 + 1e-9
                && best.w == [4.0]
                && bounds.lowest < 3.1
        );
    }

    #[test]
    fn a_primal_value_below_the_dual_value_is_a_contradiction_only_beyond_rounding() {
        let mut bounds = Bounds::new();
        bounds.certify(&[0.0], &SlackSum { cost: 1.0, ..SlackSum::default() }, 1);
        bounds.dual = 1.0 + 1e-12;
        assert!(!bounds.contradict() && bounds.dual() == bounds.primal());
        bounds.dual = 1.0 + 1e-6;
        assert!(bounds.contradict() && bounds.dual() > bounds.primal());
    }
}
