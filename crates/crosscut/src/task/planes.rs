//! [`Planes`]: the answer of one oracle call.

use super::raw_plane::RawPlane;
use crate::data::Sink;
use crate::solve::bounds::{FaultKind, Known};

/// The cutting planes that the oracle finds for one example at one w, one with the largest slack
/// first ([`Task::separate`](crate::Task::separate)).
#[derive(Debug, Default)]
pub struct Planes<'a> {
    buffers: Vec<RawPlane<'a>>,
    len: usize,
    /// Whether to keep only the first plane.
    only_first: bool,
    /// Upper bound on how far the maximum over all outputs lies above the first plane.
    missed: f64,
    /// Lower bound on the slack at the same w, from planes found earlier.
    pub(crate) known: Known,
    /// Buffer for inner products of w with the rows of those planes.
    pub(crate) dots: Vec<f64>,
}

impl<'a> Planes<'a> {
    /// A buffer that keeps only the first plane of a call. The `write` of the others is not called.
    pub(crate) fn only_first() -> Self {
        Self { only_first: true, ..Self::default() }
    }

    /// Adds a plane ξ ≥ offset − ⟨w, δ⟩. `write` writes δ and returns the offset (Δ for hinge
    /// losses), which must be finite and at least 0.
    pub fn add(&mut self, write: impl FnOnce(&mut dyn Sink<'a>) -> f64) {
        if self.only_first && self.len > 0 {
            return;
        }
        if self.len == self.buffers.len() {
            self.buffers.push(RawPlane::default());
        }
        let plane = &mut self.buffers[self.len];
        plane.clear();
        plane.offset = write(plane);
        self.len += 1;
    }

    /// Reports an upper bound on how far the maximum over all outputs lies above the first plane;
    /// infinite if no bound is known.
    ///
    /// An exact oracle does not call this: the default is 0. An inexact one (a beam, a greedy
    /// search, dual decomposition that has not closed) does, and the certificate stays true: P(w)
    /// counts the bound as slack, [`Certificate::shown`](crate::Certificate::shown) does not.
    pub fn may_miss(&mut self, at_most: f64) {
        // NaN is not a bound.
        self.missed = if at_most.is_nan() { f64::INFINITY } else { at_most.max(0.0) };
    }

    /// The bound reported with [`may_miss`](Self::may_miss), 0 by default.
    pub fn missed(&self) -> f64 {
        self.missed
    }

    /// Removes all planes, and keeps their memory for the next call.
    pub fn clear(&mut self) {
        (self.len, self.missed) = (0, 0.0);
    }

    /// The number of planes.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are no planes.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Writes δ of a plane into `sink` and returns its offset. Planes are numbered from 0 in the
    /// order in which they were added.
    ///
    /// # Panics
    /// If `plane` is not less than [`len`](Self::len).
    pub fn write(&self, plane: usize, sink: &mut dyn Sink<'a>) -> f64 {
        let plane = &self.as_slice()[plane];
        plane.write(sink);
        plane.offset
    }

    pub(crate) fn as_slice(&self) -> &[RawPlane<'a>] {
        &self.buffers[..self.len]
    }

    /// Why the answer is invalid for weights of dimension `dim`, if it is.
    pub(crate) fn fault(&self, dim: usize) -> Option<FaultKind> {
        match self.len {
            0 => Some(FaultKind::NoPlane),
            _ => self.as_slice().iter().find_map(|plane| plane.fault(dim)),
        }
    }

    /// The plane with the largest value at w; NaN counts as the largest.
    pub(crate) fn highest(&self) -> Option<&RawPlane<'a>> {
        self.as_slice()
            .iter()
            .reduce(|a, b| if a.value >= b.value || a.value.is_nan() { a } else { b })
    }

    pub(crate) fn as_mut_slice(&mut self) -> &mut [RawPlane<'a>] {
        &mut self.buffers[..self.len]
    }
}
