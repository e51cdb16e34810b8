//! [`Parts`]: structures whose score and loss are sums over numbered parts, and [`Sum`], their task.
//!
//! A tree is its arcs, an alignment its matches and gaps, a matching its pairs, a cut its edges. If
//! Ψ(x, y) = Σ ψ(x, part) and the loss is a sum over parts too, then prediction and separation are
//! the same search, for the parts with the largest sum of scores. That search is all that a
//! structure has to bring.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::data::{Dot, Place, Row, Sink};
use crate::task::{Example, FeatureMap, Part, Planes, Recombine, Recombiner, Task};

/// A structure whose outputs are sets of parts.
///
/// The parts of an input x are numbered from 0 to [`count`](Self::count)(x) − 1: every part that
/// any output of x may have. [`Sum`] makes a [`Task`] of it:
///
/// ```text
/// Ψ(x, y) = Σ over the parts p of y of ψ(x, p)
/// Δ(y, ŷ) = Σ over the parts p of ŷ of cost(x, y, p)  −  the same sum over the parts of y
/// ```
///
/// [`testing::check_parts`](crate::testing::check_parts) compares [`best`](Self::best) with all
/// outputs of a small input.
pub trait Parts: Sync {
    /// x.
    type Input: Sync;
    /// y.
    type Output: Send + Sync;
    /// Buffers of one thread; `()` if none are needed.
    type Scratch: Default + Send;

    /// d, the length of w.
    fn dim(&self) -> usize;

    /// The number of parts of x.
    fn count(&self, x: &Self::Input) -> usize;

    /// Writes ψ(x, part) times `scale`.
    fn write<'a>(&'a self, x: &'a Self::Input, part: usize, scale: f64, sink: &mut dyn Sink<'a>);

    /// Shows the parts of y, each once, in any order.
    fn visit(&self, x: &Self::Input, y: &Self::Output, part: &mut dyn FnMut(usize));

    /// What a part of ŷ adds to the loss Δ(y, ŷ). It may be negative for parts of y: the sum over
    /// the parts of y is subtracted, so that Δ(y, y) = 0. Δ must be at least 0.
    fn cost(&self, x: &Self::Input, y: &Self::Output, part: usize) -> f64;

    /// The output with the largest sum of scores over its parts; `scores` has one number for each
    /// part of x. Ties are broken the same way each time. Parts with a score of −∞ are not used if
    /// there is an output without them.
    fn best(&self, x: &Self::Input, scores: &[f64], scratch: &mut Self::Scratch) -> Self::Output;

    /// An upper bound on how far the largest sum of scores may lie above that of `y`, which
    /// [`best`](Self::best) has just found for these scores. 0, the default, says that `best` is
    /// exact; ∞ that nothing is known. See [`Planes::may_miss`].
    fn missed(
        &self,
        x: &Self::Input,
        scores: &[f64],
        y: &Self::Output,
        scratch: &mut Self::Scratch,
    ) -> f64 {
        let _ = (x, scores, y, scratch);
        0.0
    }

    /// Sets `scores` to ⟨w, ψ(x, part)⟩ of each part. The default writes one part after the other;
    /// override it if scores of several parts come from one sweep over a row.
    fn score(&self, w: &[f64], x: &Self::Input, scores: &mut Vec<f64>) {
        scores.clear();
        scores.extend((0..self.count(x)).map(|part| {
            let mut dot = Dot::new(w);
            self.write(x, part, 1.0, &mut dot);
            dot.sum
        }));
    }

    /// Adds the [cost](Self::cost) of each part to its score. Override it if most costs are 0.
    fn add_costs(&self, x: &Self::Input, y: &Self::Output, scores: &mut [f64]) {
        for (part, score) in scores.iter_mut().enumerate() {
            *score += self.cost(x, y, part);
        }
    }

    /// The part that writes a row with this name at this place, if no other part does. With it,
    /// planes are [recombined](Recombine): outputs are put together from parts that were seen.
    fn part_at(&self, x: &Self::Input, name: u32, place: Place) -> Option<usize> {
        let _ = (x, name, place);
        None
    }

    /// Whether [`part_at`](Self::part_at) knows any part. Recombination is worth it if most of an
    /// oracle call goes into scores: it scores few parts, and then searches among all.
    fn recombines(&self) -> bool {
        false
    }

    /// Parts that write no rows, which recombination may always use.
    fn free(&self, x: &Self::Input) -> Range<usize> {
        let _ = x;
        0..0
    }

    /// As [`Task::row`].
    fn row<'a>(&'a self, x: &'a Self::Input, name: u32) -> Option<Row<'a>> {
        let _ = (x, name);
        None
    }

    /// As [`Task::validate_input`].
    ///
    /// # Errors
    /// What was expected, in a sentence.
    fn validate_input(&self, x: &Self::Input) -> Result<(), String> {
        let _ = x;
        Ok(())
    }

    /// As [`Task::validate`].
    ///
    /// # Errors
    /// What was expected, in a sentence.
    fn validate(&self, x: &Self::Input, y: &Self::Output) -> Result<(), String> {
        let _ = (x, y);
        Ok(())
    }
}

/// The task of a structure by [parts](Parts), with margin rescaling.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sum<P>(pub P);

/// Buffers of one thread.
#[derive(Debug, Default)]
pub struct SumScratch<S> {
    inner: S,
    scores: Vec<f64>,
    /// The parts of y and of ȳ, in increasing order.
    truth: Vec<usize>,
    rival: Vec<usize>,
}

impl<P: Parts> Sum<P> {
    /// Replaces `parts` by those of y, in increasing order.
    fn list(&self, x: &P::Input, y: &P::Output, parts: &mut Vec<usize>) {
        parts.clear();
        self.0.visit(x, y, &mut |part| parts.push(part));
        parts.sort_unstable();
    }

    /// Writes δ of ȳ and returns Δ: parts that both have are left out.
    fn write_plane<'a>(
        &'a self,
        x: &'a P::Input,
        y: &P::Output,
        y_bar: &P::Output,
        (truth, rival): (&mut Vec<usize>, &mut Vec<usize>),
        sink: &mut dyn Sink<'a>,
    ) -> f64 {
        self.list(x, y, truth);
        self.list(x, y_bar, rival);
        let only = |mine: &[usize], theirs: &[usize]| -> Vec<usize> {
            mine.iter().copied().filter(|part| theirs.binary_search(part).is_err()).collect()
        };
        let (lacking, wrong) = (only(truth, rival), only(rival, truth));
        lacking.iter().for_each(|&part| self.0.write(x, part, 1.0, sink));
        wrong.iter().for_each(|&part| self.0.write(x, part, -1.0, sink));
        let costs = |parts: &[usize]| parts.iter().map(|&part| self.0.cost(x, y, part)).collect();
        difference(costs(&wrong), costs(&lacking))
    }
}

impl<P: Parts> Task for Sum<P> {
    type Input = P::Input;
    type Output = P::Output;
    type Scratch = SumScratch<P::Scratch>;

    fn dim(&self) -> usize {
        self.0.dim()
    }

    fn loss(&self, x: &P::Input, y: &P::Output, y_hat: &P::Output) -> f64 {
        loss(&self.0, x, y, y_hat)
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
        SumScratch { inner, scores, truth, rival }: &mut Self::Scratch,
        planes: &mut Planes<'a>,
    ) {
        self.0.score(w, x, scores);
        self.0.add_costs(x, y, scores);
        let y_bar = self.0.best(x, scores, inner);
        planes.add(|sink| self.write_plane(x, y, &y_bar, (truth, rival), sink));
        planes.may_miss(self.0.missed(x, scores, &y_bar, inner));
    }

    fn row<'a>(&'a self, x: &'a P::Input, name: u32) -> Option<Row<'a>> {
        self.0.row(x, name)
    }

    fn recombine(&self) -> Option<Recombiner<'_, P::Input, P::Output, Self::Scratch>> {
        self.0.recombines().then_some(self as _)
    }

    fn validate_input(&self, x: &P::Input) -> Result<(), String> {
        self.0.validate_input(x)
    }

    fn validate(&self, x: &P::Input, y: &P::Output) -> Result<(), String> {
        validate(&self.0, x, y)
    }
}

impl<P: Parts> FeatureMap for Sum<P> {
    fn psi<'a>(&'a self, x: &'a P::Input, y: &P::Output, sink: &mut dyn Sink<'a>) {
        self.0.visit(x, y, &mut |part| self.0.write(x, part, 1.0, sink));
    }

    fn plane<'a>(
        &'a self,
        x: &'a P::Input,
        y: &P::Output,
        y_bar: &P::Output,
        sink: &mut dyn Sink<'a>,
    ) -> f64 {
        self.write_plane(x, y, y_bar, (&mut Vec::new(), &mut Vec::new()), sink)
    }
}

impl<P: Parts> Recombine for Sum<P> {
    /// Parts that are not seen have a score of −∞; y's own parts count as seen.
    fn recombined<'a>(
        &'a self,
        w: &[f64],
        Example { x, y, .. }: &'a Example<P::Input, P::Output>,
        seen: &[Part],
        least: f64,
        SumScratch { inner, scores, truth, rival }: &mut Self::Scratch,
        sink: &mut dyn Sink<'a>,
    ) -> Option<f64> {
        let count = self.0.count(x);
        scores.clear();
        scores.resize(count, f64::NEG_INFINITY);
        let mut score = |part: usize| {
            if part < count && scores[part] == f64::NEG_INFINITY {
                let mut dot = Dot::new(w);
                self.0.write(x, part, 1.0, &mut dot);
                scores[part] = dot.sum + self.0.cost(x, y, part);
            }
        };
        self.0.visit(x, y, &mut score);
        self.0.free(x).for_each(&mut score);
        let parts = seen.iter().filter_map(|part| self.0.part_at(x, part.name, part.place));
        parts.for_each(&mut score);
        let y_bar = self.0.best(x, scores, inner);
        let sum = |output: &P::Output| {
            let mut sum = 0.0;
            self.0.visit(x, output, &mut |part| sum += scores[part]);
            sum
        };
        // An output of parts that were not seen has −∞; y's own sum is finite.
        if sum(&y_bar) - sum(y) <= least {
            return None;
        }
        Some(self.write_plane(x, y, &y_bar, (truth, rival), sink))
    }
}

/// Δ(y, ŷ): the costs of ŷ less those of y.
pub(crate) fn loss<P: Parts>(parts: &P, x: &P::Input, y: &P::Output, y_hat: &P::Output) -> f64 {
    let costs = |output: &P::Output| {
        let mut costs = Vec::new();
        parts.visit(x, output, &mut |part| costs.push(parts.cost(x, y, part)));
        costs
    };
    difference(costs(y_hat), costs(y))
}

/// Refuses what the structure refuses, and parts beyond the last one.
pub(crate) fn validate<P: Parts>(parts: &P, x: &P::Input, y: &P::Output) -> Result<(), String> {
    let (count, mut beyond) = (parts.count(x), None);
    parts.validate(x, y)?;
    parts.visit(x, y, &mut |part| beyond = beyond.or((part >= count).then_some(part)));
    match beyond {
        Some(part) => Err(format!("expected parts below {count}, not part {part}")),
        None => Ok(()),
    }
}

/// Σ y_hat − Σ y. A difference that is below 0 by no more than rounding is 0; one of NaN stays NaN,
/// for which training ends with a fault.
fn difference(y_hat: Vec<f64>, y: Vec<f64>) -> f64 {
    let size: f64 = y_hat.iter().chain(&y).map(|cost| cost.abs()).sum();
    let loss = y_hat.iter().sum::<f64>() - y.iter().sum::<f64>();
    if loss < 0.0 && loss >= -1e-12 * size { 0.0 } else { loss }
}
