//! [`Sink`]: the receiver of feature vectors from feature maps and oracles, and its
//! implementations.

use crate::data::{Feature, Row};

/// Position of a row among the weights: feature `f` of the row belongs to weight
/// `offset + stride · f`.
///
/// Class-major blocks have stride 1; feature-major weights (index = feature · k + class) have
/// `offset = class` and `stride = k`, so that all k classes of a row are scored in one contiguous
/// sweep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Weight index of feature 0.
    pub offset: usize,
    /// Distance between the weights of neighbouring features, at least 1.
    pub stride: usize,
}

impl Place {
    /// A contiguous block of weights that begins at `offset`.
    pub fn block(offset: usize) -> Self {
        Self { offset, stride: 1 }
    }

    /// The weights of one class, in feature-major order for `classes` classes.
    pub fn class(class: usize, classes: usize) -> Self {
        Self { offset: class, stride: classes }
    }

    /// The class among `classes` with this place, if there is one: the inverse of
    /// [`class`](Self::class).
    pub fn class_of(self, classes: usize) -> Option<usize> {
        (self.stride == classes && self.offset < classes).then_some(self.offset)
    }
}

/// Receives a feature vector as a sum of parts, in any order. Values at the same index add up.
///
/// `'a` is the lifetime of the data. A sink may keep a row written with [`add_row`](Self::add_row)
/// as a reference, so plane caches stay small. A row is identified by its [name](Row::name), which
/// must be unique in the example. Values computed on the fly go through [`add`](Self::add).
pub trait Sink<'a> {
    /// Adds `value` at `index < dim`.
    fn add(&mut self, index: usize, value: f64);

    /// Adds `scale` times a row at a place, in one virtual call.
    fn add_row(&mut self, row: Row<'a>, place: Place, scale: f64) {
        for feature in row.features() {
            self.add(
                place.offset + place.stride * feature.index as usize,
                scale * f64::from(feature.value),
            );
        }
    }
}

/// A sink that adds to a dense vector.
#[derive(Debug)]
pub struct Dense<'s>(pub &'s mut [f64]);

impl<'a> Sink<'a> for Dense<'_> {
    fn add(&mut self, index: usize, value: f64) {
        self.0[index] += value;
    }

    fn add_row(&mut self, row: Row<'a>, place: Place, scale: f64) {
        add_row(self.0, row, place, scale);
    }
}

/// A sink that computes the inner product of w and the vector written, without storing the vector.
#[derive(Debug)]
pub struct Dot<'w> {
    w: &'w [f64],
    /// The inner product so far.
    pub sum: f64,
}

impl<'w> Dot<'w> {
    /// The inner product with `w`, zero at first.
    pub fn new(w: &'w [f64]) -> Self {
        Self { w, sum: 0.0 }
    }
}

impl<'a> Sink<'a> for Dot<'_> {
    fn add(&mut self, index: usize, value: f64) {
        self.sum += self.w[index] * value;
    }

    fn add_row(&mut self, row: Row<'a>, place: Place, scale: f64) {
        self.sum += scale * dot_row(self.w, row, place);
    }
}

/// A sink that multiplies by a factor and forwards to another sink.
///
/// With factor −1 it writes a difference; with factor Δ it turns a plane (Δ, δ) into the plane (Δ,
/// Δ·δ) of slack rescaling.
pub struct Scaled<'s, 'a> {
    sink: &'s mut dyn Sink<'a>,
    factor: f64,
}

impl<'s, 'a> Scaled<'s, 'a> {
    /// Forwards to `sink`, multiplied by `factor`.
    pub fn new(sink: &'s mut dyn Sink<'a>, factor: f64) -> Self {
        Self { sink, factor }
    }
}

impl<'a> Sink<'a> for Scaled<'_, 'a> {
    fn add(&mut self, index: usize, value: f64) {
        self.sink.add(index, self.factor * value);
    }

    fn add_row(&mut self, row: Row<'a>, place: Place, scale: f64) {
        self.sink.add_row(row, place, self.factor * scale);
    }
}

/// ⟨w, row at place⟩, in four partial sums so that additions need not wait for each other.
#[inline]
pub(crate) fn dot_row(w: &[f64], row: Row<'_>, place: Place) -> f64 {
    match row.is_ones() {
        true => dot_row_by::<true>(w, row, place),
        false => dot_row_by::<false>(w, row, place),
    }
}

#[inline]
fn dot_row_by<const ONES: bool>(w: &[f64], row: Row<'_>, place: Place) -> f64 {
    let term = |feature: &Feature| {
        w[place.offset + place.stride * feature.index as usize] * feature.value_or_one::<ONES>()
    };
    let (fours, rest) = row.features().as_chunks::<4>();
    let mut sums = [0.0; 4];
    for four in fours {
        for (sum, feature) in sums.iter_mut().zip(four) {
            *sum += term(feature);
        }
    }
    (sums[0] + sums[1]) + (sums[2] + sums[3]) + rest.iter().map(term).sum::<f64>()
}

/// [`dot_row`], and the sum of the absolute values of its terms.
#[inline]
pub(crate) fn dot_row_sized(w: &[f64], row: Row<'_>, place: Place) -> (f64, f64) {
    let term = |feature: &Feature| {
        w[place.offset + place.stride * feature.index as usize] * f64::from(feature.value)
    };
    let (fours, rest) = row.features().as_chunks::<4>();
    let (mut sums, mut sizes) = ([0.0; 4], [0.0; 4]);
    for four in fours {
        for ((sum, size), feature) in sums.iter_mut().zip(&mut sizes).zip(four) {
            let term = term(feature);
            *sum += term;
            *size += term.abs();
        }
    }
    let (mut sum, mut size) =
        ((sums[0] + sums[1]) + (sums[2] + sums[3]), sizes.iter().sum::<f64>());
    for term in rest.iter().map(term) {
        sum += term;
        size += term.abs();
    }
    (sum, size)
}

/// Adds `scale` times the row at its place to `w`.
#[inline]
pub(crate) fn add_row(w: &mut [f64], row: Row<'_>, place: Place, scale: f64) {
    for feature in row.features() {
        w[place.offset + place.stride * feature.index as usize] += scale * f64::from(feature.value);
    }
}
