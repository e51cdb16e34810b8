//! [`SparseVector`], [`SparseRows`] and [`Row`]: sparse feature vectors.

use serde::{Deserialize, Serialize};

use super::sink::{Place, dot_row};

/// One non-zero entry of a sparse row: a zero-based index and a value.
///
/// Index and value are adjacent, so that a sweep over a row reads one stream of memory. Values are
/// single precision (as in SVM^struct); weights and sums are double.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Feature {
    /// Zero-based position in the row.
    pub index: u32,
    /// Finite value.
    pub value: f32,
}

impl Feature {
    /// Its value, known to be 1 if `ONES`.
    #[inline]
    pub(crate) fn value_or_one<const ONES: bool>(&self) -> f64 {
        if ONES { 1.0 } else { f64::from(self.value) }
    }
}

/// Why a list of features is not a sparse row.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
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
/// The constructors check this, so oracles and solvers need not.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Feature>", into = "Vec<Feature>")]
pub struct SparseVector(Box<[Feature]>);

impl SparseVector {
    /// Takes features with strictly increasing indices and finite values.
    ///
    /// # Errors
    /// [`RowError`] names the first feature out of order or not finite.
    pub fn new(features: Vec<Feature>) -> Result<Self, RowError> {
        check(&features)?;
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

    /// Takes a row of an [`sprs`] matrix (`CsMatView::outer_view`). Values are rounded to single
    /// precision.
    ///
    /// # Errors
    /// [`RowError::NotFinite`] for values that are not finite in single precision.
    pub fn from_sprs(row: sprs::CsVecViewI<'_, f64, u32>) -> Result<Self, RowError> {
        let entries = row.indices().iter().zip(row.data());
        Self::new(entries.map(|(&index, &value)| Feature { index, value: value as f32 }).collect())
    }

    /// The row, borrowed, with the name 0. If an example has several rows, each needs a different
    /// [name](Row::named); [`SparseRows`] assigns them.
    pub fn row(&self) -> Row<'_> {
        Row { features: &self.0, name: 0, ones: false }
    }

    /// The stored entries in order of index.
    pub fn features(&self) -> &[Feature] {
        &self.0
    }

    /// One more than the largest index, 0 for an empty row.
    pub fn width(&self) -> usize {
        self.0.last().map_or(0, |feature| feature.index as usize + 1)
    }

    /// Gives each feature the index `number(index)`. Entries are sorted by the new indices.
    ///
    /// # Panics
    /// If two features get the same index.
    pub fn renumber(&mut self, number: impl Fn(u32) -> u32) {
        renumber(&mut self.0, number);
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

/// Several sparse rows, such as the tokens of a sequence, stored contiguously. The name of a row is
/// its position.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SparseRows {
    features: Vec<Feature>,
    /// End of each row in `features`.
    ends: Vec<u32>,
    /// Whether some value is not 1.
    varied: bool,
}

impl SparseRows {
    /// Appends a row of strictly increasing indices and finite values.
    ///
    /// # Errors
    /// As for [`SparseVector::new`]; then nothing is appended.
    ///
    /// # Panics
    /// If all rows together have 2³² entries or more.
    pub fn push(&mut self, row: &[Feature]) -> Result<(), RowError> {
        check(row)?;
        self.push_checked(row);
        Ok(())
    }

    fn push_checked(&mut self, row: &[Feature]) {
        self.varied |= row.iter().any(|feature| feature.value != 1.0);
        self.features.extend_from_slice(row);
        self.ends.push(
            u32::try_from(self.features.len()).expect("rows have fewer than 2^32 entries in all"),
        );
    }

    /// The row at `index < len()`; `index` is also its name.
    #[inline]
    pub fn row(&self, index: usize) -> Row<'_> {
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        let features = &self.features[start as usize..self.ends[index] as usize];
        Row { features, name: index as u32, ones: !self.varied }
    }

    /// The row with this name, or `None` if there is none; serves to implement
    /// [`Task::row`](crate::Task::row).
    pub fn get(&self, name: u32) -> Option<Row<'_>> {
        ((name as usize) < self.len()).then(|| self.row(name as usize))
    }

    /// The rows in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Row<'_>> {
        (0..self.len()).map(|index| self.row(index))
    }

    /// The number of rows.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// One more than the largest index of all rows, 0 if there is none.
    pub fn width(&self) -> usize {
        self.iter()
            .filter_map(|row| row.features.last())
            .map(|last| last.index as usize + 1)
            .max()
            .unwrap_or(0)
    }

    /// Gives each feature the index `number(index)`. The entries of each row are sorted by the new
    /// indices.
    ///
    /// # Panics
    /// If two features of a row get the same index.
    pub fn renumber(&mut self, number: impl Fn(u32) -> u32) {
        let mut start = 0;
        for &end in &self.ends {
            renumber(&mut self.features[start..end as usize], &number);
            start = end as usize;
        }
    }

    /// Frees unused memory.
    pub fn shrink_to_fit(&mut self) {
        self.features.shrink_to_fit();
        self.ends.shrink_to_fit();
    }
}

fn renumber(features: &mut [Feature], number: impl Fn(u32) -> u32) {
    features.iter_mut().for_each(|feature| feature.index = number(feature.index));
    features.sort_unstable_by_key(|feature| feature.index);
    let is_row = features.is_sorted_by(|a, b| a.index < b.index);
    assert!(is_row, "two features of a row got the same index");
}

fn check(features: &[Feature]) -> Result<(), RowError> {
    for (at, feature) in features.iter().enumerate() {
        if !feature.value.is_finite() {
            return Err(RowError::NotFinite { index: feature.index });
        }
        if at > 0 && features[at - 1].index >= feature.index {
            return Err(RowError::Unsorted {
                previous: features[at - 1].index,
                next: feature.index,
            });
        }
    }
    Ok(())
}

impl FromIterator<SparseVector> for SparseRows {
    /// # Panics
    /// If all rows together have 2³² entries or more.
    fn from_iter<I: IntoIterator<Item = SparseVector>>(rows: I) -> Self {
        let mut all = Self::default();
        rows.into_iter().for_each(|row| all.push_checked(&row.0));
        all
    }
}

/// A borrowed sparse row with its name. Cheap to copy: plane caches store such references.
///
/// The name is a number that is unique among the rows of an example. Solvers and saved
/// [states](crate::State) identify rows by name, so a row must have the same name each time it is
/// written. If a solver keeps planes in which one name stands for two different rows, training ends
/// with a [fault](crate::FaultKind::RowName).
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    features: &'a [Feature],
    name: u32,
    /// Whether all values are known to be 1: then there is nothing to multiply with.
    ones: bool,
}

impl<'a> Row<'a> {
    /// A row known to have increasing indices and finite values, all of them 1 if `ones`.
    pub(crate) fn from_checked(features: &'a [Feature], name: u32, ones: bool) -> Self {
        Self { features, name, ones }
    }

    /// Whether all values are known to be 1.
    #[inline]
    pub(crate) fn is_ones(self) -> bool {
        self.ones
    }

    /// The entries in order of index.
    #[inline]
    pub fn features(self) -> &'a [Feature] {
        self.features
    }

    /// Its name among the rows of its example.
    #[inline]
    pub fn name(self) -> u32 {
        self.name
    }

    /// The same row with another name, below 2³² − 1.
    #[inline]
    pub fn named(self, name: u32) -> Self {
        Self { name, ..self }
    }

    /// ⟨w, x⟩ of the row at a place.
    #[inline]
    pub fn score(self, w: &[f64], place: Place) -> f64 {
        dot_row(w, self, place)
    }

    /// Scores all classes: writes ⟨w, x⟩ at [`Place::class(c, k)`](crate::Place::class) to
    /// `scores[c]` for each of the k = `scores.len()` classes c. The k weights of a feature are
    /// contiguous, so this is one sweep over the row.
    ///
    /// Classes are processed in groups whose sums stay in registers. This is two to three times as
    /// fast as a loop over slices for few classes, and a quarter faster for many. Each class adds
    /// its features in order, so grouping does not change a bit.
    pub fn sweep(self, w: &[f64], scores: &mut [f64]) {
        match self.ones {
            true => self.sweep_by::<true>(w, scores),
            false => self.sweep_by::<false>(w, scores),
        }
    }

    fn sweep_by<const ONES: bool>(self, w: &[f64], scores: &mut [f64]) {
        let classes = scores.len();
        let mut first = 0;
        while first < classes {
            first += match classes - first {
                26.. => sweep_group::<26, ONES>(w, self, first, scores),
                24.. => sweep_group::<24, ONES>(w, self, first, scores),
                22.. => sweep_group::<22, ONES>(w, self, first, scores),
                20.. => sweep_group::<20, ONES>(w, self, first, scores),
                18.. => sweep_group::<18, ONES>(w, self, first, scores),
                16.. => sweep_group::<16, ONES>(w, self, first, scores),
                14.. => sweep_group::<14, ONES>(w, self, first, scores),
                12.. => sweep_group::<12, ONES>(w, self, first, scores),
                11 => sweep_group::<11, ONES>(w, self, first, scores),
                10 => sweep_group::<10, ONES>(w, self, first, scores),
                9 => sweep_group::<9, ONES>(w, self, first, scores),
                8 => sweep_group::<8, ONES>(w, self, first, scores),
                7 => sweep_group::<7, ONES>(w, self, first, scores),
                6 => sweep_group::<6, ONES>(w, self, first, scores),
                5 => sweep_group::<5, ONES>(w, self, first, scores),
                4 => sweep_group::<4, ONES>(w, self, first, scores),
                3 => sweep_group::<3, ONES>(w, self, first, scores),
                2 => sweep_group::<2, ONES>(w, self, first, scores),
                _ => sweep_group::<1, ONES>(w, self, first, scores),
            };
        }
    }

    /// ‖x‖².
    pub fn squared_norm(self) -> f64 {
        let square = |feature: &Feature| f64::from(feature.value) * f64::from(feature.value);
        let (eights, rest) = self.features.as_chunks::<8>();
        // Eight partial sums, so that additions need not wait for each other.
        let mut sums = [0.0; 8];
        for eight in eights {
            sums.iter_mut().zip(eight).for_each(|(sum, feature)| *sum += square(feature));
        }
        sums.iter().sum::<f64>() + rest.iter().map(square).sum::<f64>()
    }

    /// ⟨x, other⟩.
    pub fn dot(self, other: Row<'_>) -> f64 {
        let (mut a, mut b) = (self.features.iter(), other.features.iter());
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

    /// The value at `index`, 0 if none is stored.
    pub fn get(self, index: usize) -> f64 {
        match self.features.binary_search_by_key(&index, |feature| feature.index as usize) {
            Ok(at) => f64::from(self.features[at].value),
            Err(_) => 0.0,
        }
    }

    /// Whether the entries are the same. Fast if both rows borrow the same memory.
    #[inline]
    pub(crate) fn has_entries_of(self, other: Row<'_>) -> bool {
        std::ptr::eq(self.features, other.features) || self.features == other.features
    }
}

/// Writes the scores of the N classes from `first` on; returns N.
#[inline]
fn sweep_group<const N: usize, const ONES: bool>(
    w: &[f64],
    row: Row<'_>,
    first: usize,
    scores: &mut [f64],
) -> usize {
    let classes = scores.len();
    let mut sums = [0.0; N];
    for feature in row.features() {
        let at = feature.index as usize * classes + first;
        let value = feature.value_or_one::<ONES>();
        for (sum, weight) in sums.iter_mut().zip(&w[at..at + N]) {
            *sum += value * weight;
        }
    }
    scores[first..first + N].copy_from_slice(&sums);
    N
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Rows of features below 30, possibly empty.
    fn row() -> impl Strategy<Value = Vec<Feature>> {
        prop::collection::btree_map(0..30_u32, -10.0..10.0_f32, 0..20).prop_map(|row| {
            row.into_iter().map(|(index, value)| Feature { index, value }).collect()
        })
    }

    proptest! {
        #[test]
        fn a_sweep_scores_every_class_by_its_features_in_order(row in row(), w in prop::collection::vec(-1e3..1e3_f64, 30 * 40)) {
            let row = SparseVector::new(row).unwrap();
            for k in 1..=40 {
                let mut scores = vec![f64::NAN; k];
                row.row().sweep(&w[..30 * k], &mut scores);
                for (class, &score) in scores.iter().enumerate() {
                    let term = |feature: &Feature| f64::from(feature.value) * w[feature.index as usize * k + class];
                    let expected = row.features().iter().fold(0.0, |sum, feature| sum + term(feature));
                    prop_assert_eq!(score.to_bits(), expected.to_bits(), "class {} of {}", class, k);
                    let dot = dot_row(&w, row.row(), Place::class(class, k));
                    prop_assert!((score - dot).abs() <= 1e-8, "{} is not {}", score, dot);
                }
            }
        }

        #[test]
        fn rows_end_to_end_are_the_rows_that_were_pushed(rows in prop::collection::vec(row(), 0..8)) {
            let mut all = SparseRows::default();
            for row in &rows {
                all.push(row).unwrap();
            }
            all.shrink_to_fit();
            prop_assert_eq!((all.len(), all.is_empty()), (rows.len(), rows.is_empty()));
            for (at, row) in rows.iter().enumerate() {
                prop_assert_eq!(all.row(at).features(), row.as_slice());
                prop_assert_eq!(all.row(at).name() as usize, at);
                prop_assert_eq!(all.get(at as u32).map(Row::features), Some(row.as_slice()));
            }
            prop_assert!(all.get(rows.len() as u32).is_none());
            let collected: SparseRows = rows.iter().map(|row| SparseVector::new(row.clone()).unwrap()).collect();
            prop_assert_eq!(&collected, &all);
            prop_assert!(all.iter().map(Row::features).eq(rows.iter().map(Vec::as_slice)));
            let width = rows.iter().flatten().map(|feature| feature.index as usize + 1).max();
            prop_assert_eq!(all.width(), width.unwrap_or(0));
        }
    }

    #[test]
    fn renumbered_rows_are_the_rows_of_renumbered_features() {
        let feature = |index, value| Feature { index, value };
        let given = [
            vec![feature(0, 1.0), feature(2, 2.0), feature(7, 3.0)],
            vec![],
            vec![feature(7, 4.0)],
        ];
        let expected = [
            vec![feature(2, 3.0), feature(7, 2.0), feature(9, 1.0)],
            vec![],
            vec![feature(2, 4.0)],
        ];
        let number = |index| 9 - index;
        let (mut rows, mut all) = (SparseRows::default(), SparseRows::default());
        for (given, expected) in given.iter().zip(&expected) {
            rows.push(given).unwrap();
            all.push(expected).unwrap();
            let mut row = SparseVector::new(given.clone()).unwrap();
            row.renumber(number);
            assert_eq!(row, SparseVector::new(expected.clone()).unwrap());
        }
        rows.renumber(number);
        assert_eq!(rows, all);
    }

    #[test]
    #[should_panic(expected = "the same index")]
    fn a_row_with_one_index_twice_is_none() {
        SparseVector::from_dense(&[1.0, 2.0]).unwrap().renumber(|_| 3);
    }

    #[test]
    fn rows_of_ones_have_the_bits_of_other_rows() {
        let feature = |index| Feature { index, value: 1.0 };
        let (mut ones, mut mixed) = (SparseRows::default(), SparseRows::default());
        for row in [[0, 2, 3, 5, 8, 9], [1, 2, 4, 6, 7, 9]] {
            ones.push(&row.map(feature)).unwrap();
            mixed.push(&row.map(feature)).unwrap();
        }
        mixed.push(&[Feature { index: 4, value: 2.0 }]).unwrap();
        let w: Vec<f64> = (0..10 * 7).map(|at| 1.0 / (3.0 + at as f64)).collect();
        for at in 0..2 {
            let (a, b) = (ones.row(at), mixed.row(at));
            assert!(a.is_ones() && !b.is_ones() && !mixed.row(2).is_ones());
            let scores = [a, b].map(|row| {
                let mut scores = [f64::NAN; 7];
                row.sweep(&w, &mut scores);
                (scores, (0..7).map(|c| row.score(&w, Place::class(c, 7))).collect::<Vec<_>>())
            });
            assert_eq!(scores[0], scores[1]);
        }
    }

    #[test]
    fn no_classes_are_swept_without_touching_w() {
        let row = SparseVector::new(vec![Feature { index: 7, value: 1.0 }]).unwrap();
        row.row().sweep(&[], &mut []);
    }

    #[test]
    fn bad_rows_are_refused_and_leave_no_trace() {
        let feature = |index, value| Feature { index, value };
        let table = [
            (vec![feature(1, f32::NAN)], RowError::NotFinite { index: 1 }),
            (vec![feature(0, 1.0), feature(3, f32::INFINITY)], RowError::NotFinite { index: 3 }),
            (vec![feature(2, 1.0), feature(2, 1.0)], RowError::Unsorted { previous: 2, next: 2 }),
            (vec![feature(5, 1.0), feature(4, 1.0)], RowError::Unsorted { previous: 5, next: 4 }),
        ];
        let mut rows = SparseRows::default();
        rows.push(&[feature(1, 2.0)]).unwrap();
        let before = rows.clone();
        for (row, expected) in table {
            assert_eq!(rows.push(&row), Err(expected));
            assert_eq!(SparseVector::new(row), Err(expected));
            assert_eq!(rows, before);
        }
    }
}
