//! [`Block`]: the planes one example has shown so far, their dual variables, and the small dual
//! over them.

mod forget;
mod insert;
mod placed_rows;
mod rounding;
mod scatter;
mod state;
mod step;
mod terms;

use serde::{Deserialize, Serialize};

use crate::solve::bounds::SlackCost;
use crate::solve::qp::Gram;
use crate::solve::solution::DualVariable;
use placed_rows::PlacedRows;
use scatter::Scatter;
pub(crate) use state::{Blocks, CarriedBlock};
use terms::{Terms, has_entries};

/// The placed rows of the planes of a fan, which has no more planes than that.
static FAN: [[u32; 2]; 256] = {
    let mut keys = [[0; 2]; 256];
    let mut plane = 0;
    while plane < keys.len() {
        keys[plane][1] = plane as u32 + 1;
        plane += 1;
    }
    keys
};

/// The plane cache of one example with its part of the dual.
///
/// Planes of one example are made of few distinct rows (the truth is in all of them), so rows are
/// kept once, as placed rows, and planes as combinations of placed rows. There are as many blocks
/// as examples, and visits spend much of their time on waiting for memory: lists are exactly as
/// long as what is in them.
///
/// Most planes of a multiclass block are a row at the place of the truth less the same row at that
/// of another class. As long as all are like that (a *fan*: the truth is the first placed row, and
/// the other placed row of plane p is p + 1), neither their terms nor their Gram matrix is stored.
#[derive(Debug)]
pub(crate) struct Block<'a> {
    /// What the slack costs, for C · weight / n.
    cost: SlackCost,
    /// Block gap when last looked at: what the best known plane would add to the slack bound beyond
    /// the planes in use.
    pub gap: f64,
    placed: PlacedRows<'a>,
    planes: Box<[CachedPlane]>,
    /// All of δ of the planes for which that is shorter than their terms; they have none then.
    /// Empty if there are no such planes.
    dense: Box<[Option<Box<[f64]>>]>,
    /// The terms of all planes, one plane after the other; nothing of a fan.
    terms: Terms,
    gram: Gram,
    /// An upper bound on the norms of the rows that its planes are or were made of, and on the
    /// sizes of dense planes as they were written.
    longest: f64,
    /// The most that a plane as it was written was larger than the sum of its terms, in which equal
    /// rows and weights have been added up.
    cancelled: f64,
    /// The most terms that a plane was written in.
    written: u32,
    /// How often two planes were merged into one.
    merges: u32,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct CachedPlane {
    offset: f64,
    alpha: f64,
    /// Where its terms end.
    end: u32,
    /// The last exact pass in which the plane was in use or the best.
    used: u32,
}

/// Buffers for block steps; one serves all blocks.
#[derive(Debug, Default)]
pub(crate) struct Workspace {
    dots: Vec<f64>,
    gradient: Vec<f64>,
    alpha: Vec<f64>,
    /// How a step changes w: Σ change · δ over the planes.
    change: Vec<f64>,
    /// The terms of a new plane: keys and scales.
    terms: Vec<(u32, f64)>,
    /// A new plane written out.
    delta: Scatter,
}

impl<'a> Block<'a> {
    /// A block without planes. If the slack costs nothing it takes no steps.
    pub fn new(cost: SlackCost) -> Self {
        Self {
            cost,
            gap: f64::INFINITY,
            placed: PlacedRows::default(),
            planes: Box::default(),
            dense: Box::default(),
            terms: Terms::default(),
            gram: Gram::default(),
            longest: 0.0,
            cancelled: 0.0,
            written: 0,
            merges: 0,
        }
    }

    pub fn cost(&self) -> SlackCost {
        self.cost
    }

    pub fn planes(&self) -> usize {
        self.planes.len()
    }

    /// The memory that what it holds takes.
    pub fn bytes(&self) -> usize {
        let Self { placed, planes, dense, terms, gram, .. } = self;
        let numbers: usize = dense.iter().flatten().map(|values| size_of_val(&**values)).sum();
        let terms = size_of_val(&*terms.keys) + size_of_val(&*terms.scales);
        size_of::<Self>()
            + placed.bytes()
            + size_of_val(&**planes)
            + size_of_val(&**dense)
            + numbers
            + terms
            + gram.bytes()
    }

    /// Loss and dual variable of each plane.
    pub fn offsets_and_alphas(&self) -> impl Iterator<Item = (f64, f64)> {
        self.planes.iter().map(|plane| (plane.offset, plane.alpha))
    }

    /// Replaces the dual variables.
    pub fn set_alphas(&mut self, alphas: &[f64]) {
        self.planes.iter_mut().zip(alphas).for_each(|(plane, &alpha)| plane.alpha = alpha);
    }

    /// The largest offset of its planes.
    pub fn largest_offset(&self) -> f64 {
        self.planes.iter().map(|plane| plane.offset).fold(0.0, f64::max)
    }

    /// The largest ‖δ‖².
    pub fn longest_squared(&self) -> f64 {
        (0..self.planes.len()).map(|p| self.gram.get(p, p)).fold(0.0, f64::max)
    }

    /// The planes whose dual variables can move by themselves: those in use, less one where Σα is
    /// at its bound.
    pub fn rank(&self) -> usize {
        let at_bound = self.alphas().sum::<f64>() >= self.cost.bound * (1.0 - 1e-12);
        self.support().saturating_sub(usize::from(at_bound))
    }

    /// The dual variables of the planes.
    fn alphas(&self) -> impl Iterator<Item = f64> {
        self.planes.iter().map(|plane| plane.alpha)
    }

    /// The planes with a positive dual variable.
    pub fn support(&self) -> usize {
        self.alphas().filter(|alpha| *alpha > 0.0).count()
    }

    /// The planes with their dual variables.
    pub fn dual_variables(&self, example: usize) -> impl Iterator<Item = DualVariable> {
        (self.planes.iter().enumerate()).map(move |(p, plane)| DualVariable {
            example: Some(example),
            alpha: plane.alpha,
            offset: plane.offset,
            squared_norm: self.gram.get(p, p),
        })
    }

    /// Σ αₚ Δₚ less the conjugate of the slack cost: what D has of this block beside ½‖u‖².
    pub fn offset(&self) -> f64 {
        let offset: f64 = self.planes.iter().map(|plane| plane.alpha * plane.offset).sum();
        offset - self.conjugate()
    }

    /// What D loses for Σα.
    fn conjugate(&self) -> f64 {
        if self.cost.ridge == 0.0 { 0.0 } else { self.cost.conjugate(self.alphas().sum()) }
    }

    /// Changes what the slack costs, and multiplies the dual variables by `factor`.
    pub fn rescale(&mut self, cost: SlackCost, factor: f64) {
        self.cost = cost;
        self.gap = f64::INFINITY;
        self.planes.iter_mut().for_each(|plane| plane.alpha *= factor);
    }

    /// The terms of a plane: keys and scales.
    fn terms(&self, plane: usize) -> (&[u32], &[f64]) {
        if self.is_fan() {
            return (&FAN[plane], &[1.0, -1.0]);
        }
        let start = plane.checked_sub(1).map_or(0, |before| self.planes[before].end as usize);
        let range = start..self.planes[plane].end as usize;
        (&self.terms.keys[range.clone()], &self.terms.scales[range])
    }

    /// δ of a plane, if it is dense.
    fn dense(&self, plane: usize) -> Option<&[f64]> {
        self.dense.get(plane)?.as_deref()
    }

    /// Whether terms of planes are weights by themselves.
    fn has_entries(&self) -> bool {
        (0..self.planes.len()).any(|p| has_entries(self.terms(p).0))
    }

    fn is_fan(&self) -> bool {
        self.gram.is_fan()
    }

    /// Stores what is not stored of a fan.
    fn unfold(&mut self) {
        if !self.is_fan() {
            return;
        }
        let terms = || (0..self.planes.len()).map(|p| self.terms(p));
        let keys = terms().flat_map(|(keys, _)| keys).copied().collect();
        let scales = terms().flat_map(|(_, scales)| scales).copied().collect();
        self.terms = Terms { keys, scales };
        self.gram.unfold();
        self.planes.iter_mut().zip(1..).for_each(|(plane, count)| plane.end = 2 * count);
    }

    /// How many terms the planes have.
    fn count_terms(&self) -> usize {
        if self.is_fan() { 2 * self.planes.len() } else { self.terms.keys.len() }
    }
}

/// Makes a list longer, and no longer than it must be.
fn append<T>(list: &mut Box<[T]>, more: impl IntoIterator<Item = T, IntoIter: ExactSizeIterator>) {
    let (mut longer, more) = (std::mem::take(list).into_vec(), more.into_iter());
    longer.reserve_exact(more.len());
    longer.extend(more);
    *list = longer.into();
}
