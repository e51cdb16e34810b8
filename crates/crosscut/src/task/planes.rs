//! [`Planes`]: where an oracle puts its answers.

use super::raw_plane::RawPlane;
use crate::data::Sink;
use crate::solve::bounds::{FaultKind, Known};

/// The planes that an oracle shows of an example at one w, a most violating one first
/// ([`Task::separate`](crate::Task::separate)).
#[derive(Debug, Default)]
pub struct Planes<'a> {
    buffers: Vec<RawPlane<'a>>,
    len: usize,
    /// Whether only the first one is taken.
    only_first: bool,
    /// How far the maximum may lie above the first one.
    missed: f64,
    /// What the planes that were known before show at the same w.
    pub(crate) known: Known,
    /// Inner products with the rows of these.
    pub(crate) dots: Vec<f64>,
}

impl<'a> Planes<'a> {
    /// For a solver that wants the first plane of a call and no others: these are not even written.
    pub(crate) fn only_first() -> Self {
        Self { only_first: true, ..Self::default() }
    }

    /// Adds a plane ξ ≥ offset − ⟨w, δ⟩: `write` writes δ and returns the offset, finite and at
    /// least 0. That is Δ for hinge losses.
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

    /// Says how far the maximum over all outputs may lie above the first plane: an upper bound,
    /// infinite if nothing is known.
    ///
    /// An exact oracle says nothing, which means 0. One that searches in part (a beam, a greedy
    /// search, dual decomposition that has not closed) says this, and the certificate stays true:
    /// P(w) counts the bound as slack ([`Certificate::shown`](crate::Certificate::shown) is without
    /// it).
    pub fn may_miss(&mut self, at_most: f64) {
        // What is no number is no bound.
        self.missed = if at_most.is_nan() { f64::INFINITY } else { at_most.max(0.0) };
    }

    /// How far the maximum may lie above the first plane.
    pub fn missed(&self) -> f64 {
        self.missed
    }

    /// Forgets all planes, so that the same memory takes those of the next call.
    pub fn clear(&mut self) {
        (self.len, self.missed) = (0, 0.0);
    }

    /// The number of planes.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Writes the δ of a plane into a sink and returns its offset; 0 is the first that was added.
    ///
    /// # Panics
    /// If there are not so many.
    pub fn write(&self, plane: usize, sink: &mut dyn Sink<'a>) -> f64 {
        let plane = &self.as_slice()[plane];
        plane.write(sink);
        plane.offset
    }

    pub(crate) fn as_slice(&self) -> &[RawPlane<'a>] {
        &self.buffers[..self.len]
    }

    /// What makes one of them no plane for weights of dimension `dim`, if anything does.
    pub(crate) fn fault(&self, dim: usize) -> Option<FaultKind> {
        match self.len {
            0 => Some(FaultKind::NoPlane),
            _ => self.as_slice().iter().find_map(|plane| plane.fault(dim)),
        }
    }

    /// The plane with the largest value at w; one that is not a number counts as larger than all.
    pub(crate) fn highest(&self) -> Option<&RawPlane<'a>> {
        self.as_slice()
            .iter()
            .reduce(|a, b| if a.value >= b.value || a.value.is_nan() { a } else { b })
    }

    pub(crate) fn as_mut_slice(&mut self) -> &mut [RawPlane<'a>] {
        &mut self.buffers[..self.len]
    }
}
