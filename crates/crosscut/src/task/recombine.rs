//! [`Recombine`]: planes put together from parts of planes that were seen before.

use super::{Example, Task};
use crate::data::{Place, Sink};

/// The ability to put a plane together from parts of planes that the oracle has shown.
///
/// It is worth having if outputs have many parts, and little of what each of them could be is ever
/// seen: the search among that costs a small part of an oracle call then. A task that has it says
/// so in [`Task::recombine`].
pub trait Recombine: Task {
    /// Among the outputs ȳ whose plane has no other rows than those `seen`, looks for one that
    /// violates the margin most. If its slack Δ − ⟨w, δ⟩ is above `least`, writes δ into `sink` and
    /// returns Δ. Any ȳ will do; a better one saves more oracle calls.
    ///
    /// `seen` are the rows at places that the planes kept for this example are made of, those of
    /// one row together. Parts that the oracle never writes are passed over: a state that training
    /// [goes on](crate::Trainer::restore) from may have been changed.
    fn recombined<'a>(
        &'a self,
        w: &[f64],
        example: &'a Example<Self::Input, Self::Output>,
        seen: &[Part],
        least: f64,
        scratch: &mut Self::Scratch,
        sink: &mut dyn Sink<'a>,
    ) -> Option<f64>;
}

/// A task that can [recombine](Recombine), with the types X of inputs, Y of outputs and S of
/// buffers.
pub type Recombiner<'t, X, Y, S> = &'t dyn Recombine<Input = X, Output = Y, Scratch = S>;

/// A part of the planes of an example: a row at a place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Part {
    /// The [name](crate::Row::name) of the row.
    pub name: u32,
    /// Where it lies among the weights.
    pub place: Place,
    /// ⟨w, row at place⟩.
    pub score: f64,
}
