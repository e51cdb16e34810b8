//! [`Query`] and [`Scores`]: inputs and outputs of ranking.

use std::borrow::Cow;

use crosscut::{Feature, Row, RowError, SparseRows, SparseVector};

/// x: the documents of a query, each a row of features.
#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    documents: Documents,
    names: Option<Box<Names>>,
}

/// The names of a query and its documents, for rank lists.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Names {
    /// That of the query.
    pub query: String,
    /// Those of its documents, in order.
    pub documents: Vec<Box<str>>,
}

#[derive(Clone, Debug, PartialEq)]
enum Documents {
    /// Row-major, `width` > 0 numbers a row.
    Dense {
        values: Box<[f32]>,
        width: usize,
    },
    Sparse(SparseRows),
}

/// Rows are stored densely if at least this fraction of their values is nonzero.
const DENSE: f64 = 0.4;

impl Query {
    /// Documents with zero-based features below `width`, stored densely if that takes less memory.
    ///
    /// # Errors
    /// Features out of order or not finite.
    pub fn new(documents: &[Vec<Feature>], width: usize) -> Result<Self, RowError> {
        let mut rows = SparseRows::default();
        documents.iter().try_for_each(|row| rows.push(row))?;
        Ok(Self::from_rows(rows, width))
    }

    /// As [`new`](Self::new), for concatenated rows.
    pub(crate) fn from_rows(mut rows: SparseRows, width: usize) -> Self {
        let stored: usize = rows.iter().map(|row| row.features().len()).sum();
        if width == 0
            || rows.width() > width
            || (stored as f64) < DENSE * width as f64 * rows.len() as f64
        {
            rows.shrink_to_fit();
            return Self { documents: Documents::Sparse(rows), names: None };
        }
        let mut values = vec![0.0; width * rows.len()];
        for (row, to) in rows.iter().zip(values.chunks_exact_mut(width)) {
            row.features().iter().for_each(|feature| to[feature.index as usize] = feature.value);
        }
        Self {
            documents: Documents::Dense { values: values.into_boxed_slice(), width },
            names: None,
        }
    }

    /// Sets the names for rank lists.
    pub fn with_names(self, names: Option<Names>) -> Self {
        Self { names: names.map(Box::new), ..self }
    }

    /// The names for rank lists, if there are any.
    pub fn names(&self) -> Option<&Names> {
        self.names.as_deref()
    }

    /// The number of documents.
    pub fn len(&self) -> usize {
        match &self.documents {
            Documents::Dense { values, width } => values.len() / width,
            Documents::Sparse(rows) => rows.len(),
        }
    }

    /// Whether there are no documents.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// An upper bound on the indices of features, exclusive.
    pub fn width(&self) -> usize {
        match &self.documents {
            Documents::Dense { width, .. } => *width,
            Documents::Sparse(rows) => rows.width(),
        }
    }

    /// The nonzero features of each document.
    pub fn rows(&self) -> Cow<'_, SparseRows> {
        match &self.documents {
            Documents::Sparse(rows) => Cow::Borrowed(rows),
            Documents::Dense { values, width } => Cow::Owned(
                (values.chunks_exact((*width).max(1)))
                    .map(|row| SparseVector::from_dense(row).expect("values are finite"))
                    .collect(),
            ),
        }
    }

    /// As [`rows`](Self::rows), without a copy of rows that are sparse.
    pub(crate) fn into_rows(self) -> SparseRows {
        match self.documents {
            Documents::Sparse(rows) => rows,
            Documents::Dense { .. } => self.rows().into_owned(),
        }
    }

    /// Replaces `scores` by ⟨w, row⟩ of each document.
    pub fn score(&self, w: &[f64], scores: &mut Vec<f64>) {
        scores.clear();
        match &self.documents {
            Documents::Dense { values, width } => {
                scores.extend(values.chunks_exact((*width).max(1)).map(|row| dot(row, w)));
            }
            // Starts at 0, since an empty `sum` is −0.
            Documents::Sparse(rows) => scores.extend(rows.iter().map(|row| {
                let terms = row
                    .features()
                    .iter()
                    .map(|feature| f64::from(feature.value) * w[feature.index as usize]);
                terms.fold(0.0, |sum, term| sum + term)
            })),
        }
    }

    /// The row of a document if rows are stored sparsely. Its name is the position of the document.
    pub(crate) fn sparse_row(&self, document: usize) -> Option<Row<'_>> {
        match &self.documents {
            Documents::Dense { .. } => None,
            Documents::Sparse(rows) => rows.get(u32::try_from(document).ok()?),
        }
    }

    /// target += Σ coefficient · row, if rows are stored densely.
    pub(crate) fn add_dense(&self, coefficients: &[f64], target: &mut [f64]) {
        if let Documents::Dense { values, width } = &self.documents {
            for (row, &coefficient) in values.chunks_exact((*width).max(1)).zip(coefficients) {
                if coefficient != 0.0 {
                    target
                        .iter_mut()
                        .zip(row)
                        .for_each(|(sum, &value)| *sum += coefficient * f64::from(value));
                }
            }
        }
    }
}

/// Dot product in four partial sums, so that the additions do not depend on each other.
fn dot(row: &[f32], w: &[f64]) -> f64 {
    let (fours, rest) = row.as_chunks::<4>();
    let (weights, last) = w[..row.len()].as_chunks::<4>();
    let mut sums = [0.0; 4];
    for (values, weights) in fours.iter().zip(weights) {
        for ((sum, &value), weight) in sums.iter_mut().zip(values).zip(weights) {
            *sum += f64::from(value) * weight;
        }
    }
    let tail: f64 = rest.iter().zip(last).map(|(&value, weight)| f64::from(value) * weight).sum();
    (sums[0] + sums[1]) + (sums[2] + sums[3]) + tail
}

/// y: a number for each document; a larger number ranks higher. The grades of the truth, or the
/// scores of a prediction.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scores {
    values: Vec<f64>,
    /// The rank of each document's number among the distinct numbers, from 0 for the smallest.
    levels: Vec<u32>,
    grades: usize,
    costs: Option<Box<[f64]>>,
}

impl Scores {
    /// Takes a number for each document; none may be NaN.
    pub fn new(mut values: Vec<f64>) -> Self {
        // −0 becomes 0, so that the two compare equal in every order.
        values.iter_mut().for_each(|value| *value += 0.0);
        let mut order: Vec<u32> = (0..values.len() as u32).collect();
        order.sort_unstable_by(|&a, &b| values[a as usize].total_cmp(&values[b as usize]));
        let mut levels = vec![0; values.len()];
        let mut grades = 0;
        for (at, &document) in order.iter().enumerate() {
            if at == 0 || values[order[at - 1] as usize] != values[document as usize] {
                grades += 1;
            }
            levels[document as usize] = grades - 1;
        }
        Self { values, levels, grades: grades as usize, costs: None }
    }

    /// Sets a cost for each document, finite and at least 0. It multiplies the pairs in which the
    /// document is the better one; an inverse propensity of a click, for example.
    /// Training refuses costs other than 1 with losses that do not count pairs.
    pub fn with_costs(self, costs: Vec<f64>) -> Self {
        Self { costs: Some(costs.into_boxed_slice()), ..self }
    }

    /// The cost of a document, 1 if none was given.
    pub fn cost(&self, document: usize) -> f64 {
        self.costs.as_ref().map_or(1.0, |costs| costs[document])
    }

    /// Sets all costs to 1.
    pub(crate) fn forget_costs(&mut self) {
        self.costs = None;
    }

    /// The costs of the documents, if any were given.
    pub fn costs(&self) -> Option<&[f64]> {
        self.costs.as_deref()
    }

    /// The numbers, document by document.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// The number of documents.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there are no documents.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The rank of each document's number among the distinct numbers, from 0 for the smallest.
    pub(crate) fn levels(&self) -> &[u32] {
        &self.levels
    }

    /// The number of distinct numbers.
    pub(crate) fn grades(&self) -> usize {
        self.grades
    }
}

impl From<Vec<f64>> for Scores {
    fn from(values: Vec<f64>) -> Self {
        Self::new(values)
    }
}
