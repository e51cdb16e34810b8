//! [`RawPlane`]: a cutting plane as the oracle wrote it.

use crate::data::{Feature, Place, Row, Sink, add_row, dot_row_sized};
use crate::solve::bounds::{FaultKind, off};

/// Name of the one-feature row that stands for a single weight.
pub(crate) const UNIT_ROW: u32 = u32::MAX;

/// A data row at a place among the weights, times `scale`.
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
        Self {
            row: Row::from_checked(&UNIT, UNIT_ROW, true),
            place: Place { offset: index, stride: 1 },
            scale: 1.0,
        }
    }
}

/// A plane ξ ≥ offset − ⟨w, δ⟩ as it was written: references to rows, and single entries.
///
/// A buffer that is reused for many oracle calls.
#[derive(Debug, Default)]
pub(crate) struct RawPlane<'a> {
    /// Δ, for hinge losses.
    pub offset: f64,
    /// offset − ⟨w, δ⟩ at the w of the oracle call, rounded up; set by
    /// [`evaluate`](Self::evaluate).
    pub value: f64,
    /// Sum of the absolute values of the terms of `value`: offset + Σ|wⱼδⱼ|.
    pub magnitude: f64,
    pub rows: Vec<RowTerm<'a>>,
    pub entries: Vec<(usize, f64)>,
}

impl<'a> RawPlane<'a> {
    pub fn clear(&mut self) {
        self.rows.clear();
        self.entries.clear();
    }

    /// Why it is not a valid plane for weights of dimension `dim`, if it is not.
    pub fn fault(&self, dim: usize) -> Option<FaultKind> {
        let finite = self.rows.iter().all(|term| term.scale.is_finite())
            && self.entries.iter().all(|(_, value)| value.is_finite());
        let last = |term: &RowTerm<'_>| {
            let feature = term.row.features().last()?;
            Some(
                term.place
                    .stride
                    .saturating_mul(feature.index as usize)
                    .saturating_add(term.place.offset),
            )
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

    /// Computes `value` and `magnitude` at w.
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

    /// Σ ‖term‖: an upper bound on ‖δ‖, and the scale of its rounding error.
    pub fn size(&self) -> f64 {
        let rows: f64 =
            self.rows.iter().map(|term| term.scale.abs() * term.row.squared_norm().sqrt()).sum();
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

    /// Writes δ into another sink.
    pub fn write(&self, sink: &mut dyn Sink<'a>) {
        self.rows.iter().for_each(|term| sink.add_row(term.row, term.place, term.scale));
        self.entries.iter().for_each(|&(index, value)| sink.add(index, value));
    }

    /// Number of stored values of δ: single entries, and all entries of its rows.
    pub fn len(&self) -> usize {
        self.rows.iter().map(|term| term.row.features().len()).sum::<usize>() + self.entries.len()
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
