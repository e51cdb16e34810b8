//! Sparse rows: the shape in which most inputs carry their features.

use serde::{Deserialize, Serialize};

/// One non-zero entry of a sparse row: a zero-based index and a value.
///
/// Index and value sit side by side so that a sweep over a row reads one stream of memory.
/// Values are single precision (as in SVM^struct); weights and sums are double.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Feature {
    /// Zero-based position in the row.
    pub index: u32,
    /// Finite value.
    pub value: f32,
}

/// Why a list of features is not a sparse row.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum RowError {
    /// Indices must increase strictly.
    #[error("feature index {next} follows {previous}: indices must increase strictly")]
    Unsorted {
        /// The earlier index.
        previous: u32,
        /// The index that should have been larger.
        next: u32,
    },
    /// Values must be finite.
    #[error("the value of feature {index} is not a finite number")]
    NotFinite {
        /// The index whose value is NaN or infinite.
        index: u32,
    },
}

/// An owned sparse row: strictly increasing indices, finite values.
///
/// The invariant is established once, here, so that oracles and solvers need not check it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Feature>", into = "Vec<Feature>")]
pub struct SparseVector(Box<[Feature]>);

impl SparseVector {
    /// Takes features with strictly increasing indices and finite values.
    ///
    /// # Errors
    /// [`RowError`] names the first feature out of order or not finite.
    pub fn new(features: Vec<Feature>) -> Result<Self, RowError> {
        for (at, feature) in features.iter().enumerate() {
            if !feature.value.is_finite() {
                return Err(RowError::NotFinite { index: feature.index });
            }
            if at > 0 && features[at - 1].index >= feature.index {
                return Err(RowError::Unsorted { previous: features[at - 1].index, next: feature.index });
            }
        }
        Ok(Self(features.into_boxed_slice()))
    }

    /// Takes the non-zero entries of a dense row; position becomes index.
    ///
    /// # Errors
    /// [`RowError::NotFinite`] for NaN and infinities.
    pub fn from_dense(values: &[f32]) -> Result<Self, RowError> {
        let entries = values.iter().enumerate().filter(|(_, value)| **value != 0.0);
        Self::new(entries.map(|(index, &value)| Feature { index: index as u32, value }).collect())
    }

    /// Takes a row of an [`sprs`] matrix (`CsMatView::outer_view`). Values are rounded to single precision.
    ///
    /// # Errors
    /// [`RowError::NotFinite`] for values that are not finite in single precision.
    pub fn from_sprs(row: sprs::CsVecViewI<'_, f64, u32>) -> Result<Self, RowError> {
        let entries = row.indices().iter().zip(row.data());
        Self::new(entries.map(|(&index, &value)| Feature { index, value: value as f32 }).collect())
    }

    /// The row, borrowed.
    pub fn row(&self) -> Row<'_> {
        Row(&self.0)
    }

    /// The stored entries in order of index.
    pub fn features(&self) -> &[Feature] {
        &self.0
    }

    /// One more than the largest index, 0 for an empty row.
    pub fn width(&self) -> usize {
        self.0.last().map_or(0, |feature| feature.index as usize + 1)
    }
}

impl TryFrom<Vec<Feature>> for SparseVector {
    type Error = RowError;
    fn try_from(features: Vec<Feature>) -> Result<Self, RowError> {
        Self::new(features)
    }
}

impl From<SparseVector> for Vec<Feature> {
    fn from(row: SparseVector) -> Self {
        row.0.into_vec()
    }
}

/// A borrowed sparse row. Copying it copies a pointer, which is what plane caches keep.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a>(&'a [Feature]);

impl<'a> Row<'a> {
    /// The entries in order of index.
    #[inline]
    pub fn features(self) -> &'a [Feature] {
        self.0
    }

    /// ‖x‖².
    pub fn squared_norm(self) -> f64 {
        self.0.iter().map(|feature| f64::from(feature.value) * f64::from(feature.value)).sum()
    }

    /// ⟨x, other⟩.
    pub fn dot(self, other: Row<'_>) -> f64 {
        let (mut a, mut b) = (self.0.iter(), other.0.iter());
        let (mut left, mut right) = (a.next(), b.next());
        let mut sum = 0.0;
        while let (Some(l), Some(r)) = (left, right) {
            match l.index.cmp(&r.index) {
                std::cmp::Ordering::Less => left = a.next(),
                std::cmp::Ordering::Greater => right = b.next(),
                std::cmp::Ordering::Equal => {
                    sum += f64::from(l.value) * f64::from(r.value);
                    (left, right) = (a.next(), b.next());
                }
            }
        }
        sum
    }

    /// The value at `index`, 0 where nothing is stored.
    pub fn get(self, index: usize) -> f64 {
        match self.0.binary_search_by_key(&index, |feature| feature.index as usize) {
            Ok(at) => f64::from(self.0[at].value),
            Err(_) => 0.0,
        }
    }

    /// Whether both borrow the very same memory (not: have equal entries).
    #[inline]
    pub fn is_same_row(self, other: Row<'_>) -> bool {
        std::ptr::eq(self.0, other.0)
    }
}
