//! [`RawPlane`]: a cutting plane as the oracle wrote it.

use crate::bounds::{FaultKind, Known, off};
use crate::sink::{Place, Sink, add_row, dot_row_sized};
use crate::sparse::{Feature, Row};

/// A row of the data at a place among the weights, times a number.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RowTerm<'a> {
    pub row: Row<'a>,
    pub place: Place,
    pub scale: f64,
}

impl RowTerm<'_> {
    /// The weight at `index`, as a row of one feature.
    pub fn single(index: usize) -> Self {
        static UNIT: [Feature; 1] = [Feature { index: 0, value: 1.0 }];
        Self { row: Row::from_checked(&UNIT), place: Place { offset: index, stride: 1 }, scale: 1.0 }
    }
}

/// A plane ξ ≥ offset − ⟨w, δ⟩ in the pieces in which it was written: references to rows, and single entries.
///
/// It is a buffer: the same one takes the answers of many oracle calls.
#[derive(Debug, Default)]
pub(crate) struct RawPlane<'a> {
    /// Δ, for hinge losses.
    pub offset: f64,
    /// offset − ⟨w, δ⟩ at the w of the oracle call, rounded up; only if it was asked for.
    pub value: f64,
    /// The size of the numbers that the value was computed from, offset + Σ|wⱼδⱼ|.
    pub magnitude: f64,
    pub rows: Vec<RowTerm<'a>>,
    pub entries: Vec<(usize, f64)>,
}

impl<'a> RawPlane<'a> {
    pub fn clear(&mut self) {
        self.rows.clear();
        self.entries.clear();
    }

    /// What makes it no plane for weights of dimension `dim`, if anything does.
    pub fn fault(&self, dim: usize) -> Option<FaultKind> {
        let finite = self.rows.iter().all(|term| term.scale.is_finite())
            && self.entries.iter().all(|(_, value)| value.is_finite());
        let last = |term: &RowTerm<'_>| {
            let feature = term.row.features().last()?;
            Some(term.place.stride.saturating_mul(feature.index as usize).saturating_add(term.place.offset))
        };
        let inside = self.rows.iter().filter_map(last).all(|index| index < dim)
            && self.entries.iter().all(|&(index, _)| index < dim);
        match self.offset {
            _ if !self.offset.is_finite() => Some(FaultKind::LossNotFinite),
            _ if self.offset < 0.0 => Some(FaultKind::LossNegative),
            _ if !finite => Some(FaultKind::DeltaNotFinite),
            _ if !inside => Some(FaultKind::IndexBeyondDim),
            _ if self.rows.iter().any(|term| term.place.stride == 0) => Some(FaultKind::ZeroStride),
            _ => None,
        }
    }

    /// Sets the value at w.
    pub fn evaluate(&mut self, w: &[f64]) {
        let (mut sum, mut size) = (0.0, self.offset);
        for term in &self.rows {
            let (row, row_size) = dot_row_sized(w, term.row, term.place);
            sum += term.scale * row;
            size += term.scale.abs() * row_size;
        }
        for &(index, value) in &self.entries {
            sum += w[index] * value;
            size += (w[index] * value).abs();
        }
        // Rows are summed in four parts.
        let longest = self.rows.iter().map(|term| term.row.features().len() / 4).max().unwrap_or(0);
        let terms = longest + self.rows.len() + self.entries.len();
        self.value = self.offset - sum + off(terms) * size;
        self.magnitude = size;
    }

    /// An upper bound on ‖δ‖, and the size that the rounding of δ is measured against: Σ ‖term‖.
    pub fn size(&self) -> f64 {
        let rows: f64 = self.rows.iter().map(|term| term.scale.abs() * term.row.squared_norm().sqrt()).sum();
        rows + self.entries.iter().map(|(_, value)| value.abs()).sum::<f64>()
    }

    /// target += factor · δ.
    pub fn add_to(&self, target: &mut [f64], factor: f64) {
        for term in &self.rows {
            add_row(target, term.row, term.place, factor * term.scale);
        }
        for &(index, value) in &self.entries {
            target[index] += factor * value;
        }
    }

    /// Writes it into another sink.
    pub fn write(&self, sink: &mut dyn Sink<'a>) {
        self.rows.iter().for_each(|term| sink.add_row(term.row, term.place, term.scale));
        self.entries.iter().for_each(|&(index, value)| sink.add(index, value));
    }

    /// How many numbers δ is written with.
    pub fn len(&self) -> usize {
        self.rows.iter().map(|term| term.row.features().len()).sum::<usize>() + self.entries.len()
    }
}

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

    /// Adds a plane ξ ≥ offset − ⟨w, δ⟩: `write` writes δ and returns the offset, finite and at least 0. That is Δ for
    /// hinge losses.
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

    /// Adds a plane if `write` returns its offset.
    pub(crate) fn add_if(&mut self, write: impl FnOnce(&mut dyn Sink<'a>) -> Option<f64>) {
        let len = self.len;
        let mut written = false;
        self.add(|sink| {
            let offset = write(sink);
            written = offset.is_some();
            offset.unwrap_or(0.0)
        });
        if !written {
            self.len = len;
        }
    }

    /// Says how far the maximum over all outputs may lie above the first plane: an upper bound, infinite if nothing is known.
    ///
    /// An exact oracle says nothing, which means 0. One that searches in part (a beam, a greedy search, dual decomposition that
    /// has not closed) says this, and the certificate stays true: P(w) counts the bound as slack
    /// ([`Certificate::shown`](crate::Certificate::shown) is without it).
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
        self.as_slice().iter().reduce(|a, b| if a.value >= b.value || a.value.is_nan() { a } else { b })
    }

    pub(crate) fn as_mut_slice(&mut self) -> &mut [RawPlane<'a>] {
        &mut self.buffers[..self.len]
    }
}

impl<'a> Sink<'a> for RawPlane<'a> {
    fn add(&mut self, index: usize, value: f64) {
        self.entries.push((index, value));
    }

    fn add_row(&mut self, row: Row<'a>, place: Place, scale: f64) {
        self.rows.push(RowTerm { row, place, scale });
    }
}

/// ⟨a, b⟩ for entries with increasing indices.
pub(crate) fn inner_entries(a: &[(usize, f64)], b: &[(usize, f64)]) -> f64 {
    let (mut i, mut j, mut sum) = (0, 0, 0.0);
    while i < a.len() && j < b.len() {
        match a[i].0.cmp(&b[j].0) {
            std::cmp::Ordering::Less => i += 1,
            std::cmp::Ordering::Greater => j += 1,
            std::cmp::Ordering::Equal => {
                sum += a[i].1 * b[j].1;
                (i, j) = (i + 1, j + 1);
            }
        }
    }
    sum
}

/// ⟨a, b⟩ of dense vectors, in eight partial sums so that additions need not wait for each other.
#[inline]
pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    let (a, a_rest) = a.as_chunks::<8>();
    let (b, b_rest) = b.as_chunks::<8>();
    let mut sums = [0.0; 8];
    for (a, b) in a.iter().zip(b) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += a * b;
        }
    }
    let rest: f64 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    // Neighbours are added last, so that pairs of sums stay pairs until then.
    ((sums[0] + sums[4]) + (sums[2] + sums[6])) + ((sums[1] + sums[5]) + (sums[3] + sums[7])) + rest
}

/// ‖w‖².
pub(crate) fn squared_norm(w: &[f64]) -> f64 {
    dot(w, w)
}
