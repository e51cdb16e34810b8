//! [`Recombine`]: new planes from parts of cached planes.

use super::{Example, Task};
use crate::data::{Place, Sink};

/// Builds new planes from parts of planes that the oracle has found.
///
/// Optional. Worth implementing if outputs have many parts, each with few plausible values: a
/// search over these costs a small fraction of an oracle call. A task returns its implementation in
/// [`Task::recombine`].
pub trait Recombine: Task {
    /// Searches the outputs ȳ whose planes consist of rows in `seen` for one with the largest
    /// slack. If its slack Δ − ⟨w, δ⟩ is above `least`, writes δ into `sink` and returns Δ. The
    /// search may be approximate; a larger slack saves more oracle calls.
    ///
    /// `seen` lists the rows, with their places, of the cached planes of this example; entries of
    /// one row are adjacent. Parts that the oracle never writes must be skipped: a
    /// [restored](crate::Trainer::restore) state may have been altered.
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

/// A [`Recombine`] task with input type X, output type Y and scratch type S.
pub type Recombiner<'t, X, Y, S> = &'t dyn Recombine<Input = X, Output = Y, Scratch = S>;

/// A part of the planes of an example: a row at a place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Part {
    /// The [name](crate::Row::name) of the row.
    pub name: u32,
    /// Its place among the weights.
    pub place: Place,
    /// ⟨w, row at place⟩.
    pub score: f64,
}
