//! [`Block`]: the cached planes of one example, their dual variables, and the small dual over them.

mod forget;
mod insert;
mod placed_rows;
mod rounding;
mod row_products;
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

/// Keys of the two placed rows of each plane of a fan. A fan has at most 256 planes.
static FAN: [[u32; 2]; 256] = {
    let mut keys = [[0; 2]; 256];
    let mut plane = 0;
    while plane < keys.len() {
        keys[plane][1] = plane as u32 + 1;
        plane += 1;
    }
    keys
};

/// The plane cache of one example, with the dual variables of its planes.
///
/// The planes of one example share a few distinct rows (the truth is in all of them). So each row
/// is stored once, as a placed row, and planes are linear combinations of placed rows. There is one
/// block for each example, and memory latency dominates the time of a visit. So lists have no spare
/// capacity.
///
/// Most planes of a multiclass block are a row at the place of the truth minus the same row at the
/// place of another class. A block that has only such planes is a *fan*: the truth is the first
/// placed row, and the other placed row of plane p is p + 1. A fan stores neither terms nor a Gram
/// matrix.
#[derive(Debug)]
pub(crate) struct Block<'a> {
    /// Slack cost for the coefficient C · weight / n.
    cost: SlackCost,
    placed: PlacedRows<'a>,
    planes: Box<[CachedPlane]>,
    /// δ as a dense vector, for planes whose terms would be at least as long. These planes have no
    /// terms. Empty if no plane is dense.
    dense: Box<[Option<Box<[f64]>>]>,
    /// Terms of all planes, plane after plane. Empty for a fan.
    terms: Terms,
    gram: Gram,
    /// Upper bound on the norms of the rows in current and former planes, and on the sizes of dense
    /// planes as the oracle wrote them.
    longest: f64,
    /// Largest loss of size of a plane when equal rows and weights were summed: size as the oracle
    /// wrote the plane, minus size of the summed terms.
    cancelled: f64,
    /// Largest number of terms of a plane as the oracle wrote it.
    written: u32,
    /// Number of merges of two planes into one.
    merges: u32,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct CachedPlane {
    offset: f64,
    alpha: f64,
    /// End of the terms of this plane in the terms of the block.
    end: u32,
    /// Where single weights begin in the terms of this plane.
    #[serde(skip)]
    entries: u32,
    /// The last time at which the plane was in use or the best, by the clock of the schedule.
    used: u32,
}

/// Buffers for block steps; one serves all blocks.
#[derive(Debug, Default)]
pub(crate) struct Workspace {
    dots: Vec<f64>,
    gradient: Vec<f64>,
    alpha: Vec<f64>,
    /// The gradient before a step.
    before: Vec<f64>,
    /// Changes of the dual variables in a step, damped: w changes by Σ change · δ over the planes.
    change: Vec<f64>,
    /// The terms of a new plane: keys and scales.
    terms: Vec<(u32, f64)>,
    /// δ of a new plane, written out.
    delta: Scatter,
}

impl<'a> Block<'a> {
    /// A block without planes. If the slack costs nothing it takes no steps.
    pub fn new(cost: SlackCost) -> Self {
        Self {
            cost,
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

    /// Memory of the block in bytes, lists included.
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

    /// Offset and dual variable of each plane.
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

    /// Number of dual variables that can move independently: the number of planes in use, minus one
    /// if Σα is at its bound.
    pub fn rank(&self) -> usize {
        let at_bound = self.alphas().sum::<f64>() >= self.cost.bound * (1.0 - 1e-12);
        self.support().saturating_sub(usize::from(at_bound))
    }

    /// Upper bound on the number of values of all planes, apart from dense ones, which is exact if
    /// each plane has all placed rows.
    pub fn most_values(&self) -> f64 {
        (self.planes.len() * self.placed.features()) as f64
    }

    /// The dual variables of the planes.
    fn alphas(&self) -> impl Iterator<Item = f64> {
        self.planes.iter().map(|plane| plane.alpha)
    }

    /// Number of planes with a positive dual variable.
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

    /// Contribution of this block to D apart from ½‖u‖²: Σ αₚ Δₚ minus the conjugate of the slack
    /// cost.
    pub fn offset(&self) -> f64 {
        let offset: f64 = self.planes.iter().map(|plane| plane.alpha * plane.offset).sum();
        offset - self.conjugate()
    }

    /// Conjugate of the slack cost at Σα, which D subtracts.
    fn conjugate(&self) -> f64 {
        if self.cost.ridge == 0.0 { 0.0 } else { self.cost.conjugate(self.alphas().sum()) }
    }

    /// Replaces the slack cost, and multiplies the dual variables by `factor`.
    pub fn rescale(&mut self, cost: SlackCost, factor: f64) {
        self.cost = cost;
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

    /// Whether some term of a plane is a single weight.
    fn has_entries(&self) -> bool {
        (0..self.planes.len()).any(|p| has_entries(self.terms(p).0))
    }

    fn is_fan(&self) -> bool {
        self.gram.is_fan()
    }

    /// Turns a fan into a general block: stores the terms and the Gram matrix.
    fn unfold(&mut self) {
        if !self.is_fan() {
            return;
        }
        let terms = || (0..self.planes.len()).map(|p| self.terms(p));
        let keys = terms().flat_map(|(keys, _)| keys).copied().collect();
        let scales = terms().flat_map(|(_, scales)| scales).copied().collect();
        self.terms = Terms { keys, scales };
        self.gram.unfold();
        self.planes
            .iter_mut()
            .zip(1..)
            .for_each(|(plane, count)| (plane.end, plane.entries) = (2 * count, 2 * count));
    }

    /// Number of terms of all planes.
    fn count_terms(&self) -> usize {
        if self.is_fan() { 2 * self.planes.len() } else { self.terms.keys.len() }
    }
}

/// Appends to a list without spare capacity.
fn append<T>(list: &mut Box<[T]>, more: impl IntoIterator<Item = T, IntoIter: ExactSizeIterator>) {
    let (mut longer, more) = (std::mem::take(list).into_vec(), more.into_iter());
    longer.reserve_exact(more.len());
    longer.extend(more);
    *list = longer.into();
}
