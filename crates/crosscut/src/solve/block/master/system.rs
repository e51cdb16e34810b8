//! [`System`]: (I + E Eᵀ) x = g, for few weights or few columns of E.

use nalgebra::{DMatrix, DVector};

/// Largest order of a matrix that is factorised.
pub(super) const MOST_ORDER: usize = 2500;
/// Number of multiplications in dense matrix products that take as long as one scattered
/// multiplication.
const DENSE: f64 = 6.0;
/// Number of columns in a block of a dense product and of the factorisation.
const WIDTH: usize = 64;

/// The columns of E in sparse form: the indices `names`, and values.
#[derive(Debug, Default)]
pub(super) struct Columns {
    ends: Vec<usize>,
    names: Vec<u32>,
    values: Vec<f64>,
}

/// Sizes of a system, to estimate the work and memory of its factorisation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    pub dim: usize,
    pub rank: usize,
    /// Number of values in all columns.
    pub values: f64,
    /// Sum over the columns of their squared numbers of values.
    pub squares: f64,
}

impl Columns {
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Removes all columns. The memory stays: millions of numbers are written in each step of a
    /// solve.
    pub fn clear(&mut self) {
        self.ends.clear();
        self.names.clear();
        self.values.clear();
    }

    /// Appends a column with these entries at increasing indices. Zeros are left out if they are at
    /// least half of the entries.
    pub fn push(&mut self, indices: impl Iterator<Item = usize>, entries: &[f64]) {
        let zeros = entries.iter().filter(|entry| **entry == 0.0).count();
        let kept = |entry: f64| entry != 0.0 || 2 * zeros < entries.len();
        self.names.extend(
            indices.zip(entries).filter(|(_, entry)| kept(**entry)).map(|(index, _)| index as u32),
        );
        self.values.extend(entries.iter().filter(|entry| kept(**entry)));
        self.ends.push(self.names.len());
    }

    /// Multiplies the entries of each row by its scale.
    pub fn scale_rows(&mut self, scale: &[f64]) {
        let entries = self.values.iter_mut().zip(&self.names);
        entries.for_each(|(value, &name)| *value *= scale[name as usize]);
    }

    fn get(&self, column: usize) -> (&[u32], &[f64]) {
        let start = column.checked_sub(1).map_or(0, |before| self.ends[before]);
        let range = start..self.ends[column];
        (&self.names[range.clone()], &self.values[range])
    }

    fn iter(&self) -> impl Iterator<Item = (&[u32], &[f64])> {
        (0..self.len()).map(|column| self.get(column))
    }

    pub fn shape(&self, dim: usize) -> Shape {
        let squares = self.iter().map(|(names, _)| (names.len() as f64).powi(2)).sum();
        Shape { dim, rank: self.len(), values: self.names.len() as f64, squares }
    }

    /// Some columns as a dense matrix.
    fn dense(&self, dim: usize, columns: &[usize]) -> DMatrix<f64> {
        let mut matrix = DMatrix::zeros(dim, columns.len());
        for (&column, target) in columns.iter().zip(matrix.as_mut_slice().chunks_exact_mut(dim)) {
            let (names, values) = self.get(column);
            names.iter().zip(values).for_each(|(&name, &value)| target[name as usize] = value);
        }
        matrix
    }

    /// Eᵀ g.
    fn products(&self, g: &[f64]) -> DVector<f64> {
        let products = self.iter().map(|(names, values)| dot_sparse(names, values, g));
        DVector::from_iterator(self.len(), products)
    }
}

impl Shape {
    /// Whether I + E Eᵀ (order: weights) is factorised, and not I + Eᵀ E (order: columns).
    fn by_weights(self) -> bool {
        self.work_by_weights() <= self.work_by_columns()
    }

    fn work_by_weights(self) -> f64 {
        let d = self.dim as f64;
        d * d * d / (3.0 * DENSE) + 0.5 * self.squares.min(self.rank as f64 * d * d / DENSE)
    }

    fn work_by_columns(self) -> f64 {
        let r = self.rank as f64;
        r * r * r / (3.0 * DENSE) + 0.5 * r * self.values.min(r * self.dim as f64 / DENSE)
    }

    /// Whether the matrix is small enough to be factorised.
    pub fn is_possible(self) -> bool {
        self.dim.min(self.rank) <= MOST_ORDER && u32::try_from(self.dim).is_ok()
    }

    /// Work of a factorisation, in scattered multiplications. Infinite if the matrix is too large.
    pub fn work(self) -> f64 {
        match self.dim.min(self.rank) <= MOST_ORDER {
            true => self.work_by_weights().min(self.work_by_columns()),
            false => f64::INFINITY,
        }
    }

    /// Number of `f64` values that a factorisation stores.
    pub fn numbers(self) -> usize {
        let order = self.dim.min(self.rank);
        order.saturating_mul(order).saturating_mul(2).saturating_add((2.0 * self.values) as usize)
    }
}

/// I + E Eᵀ, factorised.
#[derive(Debug)]
pub(super) enum System<'c> {
    /// The factor of I + E Eᵀ itself.
    Weights(Factor),
    /// The factor of I + Eᵀ E, and the columns of E (Woodbury's formula).
    Columns(Factor, &'c Columns),
}

impl<'c> System<'c> {
    /// `None` if the matrix is too large, or is not positive definite in double precision.
    pub fn new(columns: &'c Columns, dim: usize) -> Option<Self> {
        let shape = columns.shape(dim);
        if !shape.is_possible() {
            return None;
        }
        let by_weights = match (dim <= MOST_ORDER, columns.len() <= MOST_ORDER) {
            (true, true) => shape.by_weights(),
            (small, _) => small,
        };
        if by_weights {
            return Factor::new(outer_products(columns, dim)).map(Self::Weights);
        }
        let factor = Factor::new(inner_products(
            columns,
            dim,
            DENSE * shape.values > dim as f64 * shape.rank as f64,
        ))?;
        Some(Self::Columns(factor, columns))
    }

    /// Solves for x. `None` if x is not finite.
    pub fn solve(&self, g: &[f64]) -> Option<Vec<f64>> {
        let x = match self {
            Self::Weights(factor) => {
                factor.solve(DVector::from_column_slice(g)).as_slice().to_vec()
            }
            Self::Columns(factor, columns) => {
                let z = factor.solve(columns.products(g));
                let mut x = g.to_vec();
                for ((names, values), z) in columns.iter().zip(z.iter()) {
                    names
                        .iter()
                        .zip(values)
                        .for_each(|(&name, value)| x[name as usize] -= value * z);
                }
                x
            }
        };
        x.iter().all(|x| x.is_finite()).then_some(x)
    }
}

fn dot_sparse(names: &[u32], values: &[f64], dense: &[f64]) -> f64 {
    names.iter().zip(values).map(|(&name, value)| value * dense[name as usize]).sum()
}

/// The lower triangle of I + E Eᵀ.
fn outer_products(columns: &Columns, dim: usize) -> DMatrix<f64> {
    let mut matrix = DMatrix::identity(dim, dim);
    let mut dense = Vec::new();
    for (column, (names, values)) in columns.iter().enumerate() {
        if DENSE.sqrt() * names.len() as f64 > dim as f64 {
            dense.push(column);
            continue;
        }
        let entries = matrix.as_mut_slice();
        for (at, (&name, &factor)) in names.iter().zip(values).enumerate() {
            let column = &mut entries[name as usize * dim..(name as usize + 1) * dim];
            let rows = names[at..].iter().zip(&values[at..]);
            rows.for_each(|(&row, &value)| column[row as usize] += factor * value);
        }
    }
    for some in dense.chunks(4 * WIDTH) {
        add_lower(&mut matrix, 0, 1.0, &columns.dense(dim, some));
    }
    matrix
}

/// The lower triangle of I + Eᵀ E.
fn inner_products(columns: &Columns, dim: usize, is_dense: bool) -> DMatrix<f64> {
    let r = columns.len();
    let mut matrix = DMatrix::identity(r, r);
    if is_dense {
        let mut read = vec![0; r];
        for start in (0..dim).step_by(4 * WIDTH) {
            let mut rows = DMatrix::zeros(r, (4 * WIDTH).min(dim - start));
            for (column, read) in read.iter_mut().enumerate() {
                let (names, values) = columns.get(column);
                let end = start + rows.ncols();
                while let Some(&name) = names.get(*read).filter(|name| (**name as usize) < end) {
                    rows[(column, name as usize - start)] = values[*read];
                    *read += 1;
                }
            }
            add_lower(&mut matrix, 0, 1.0, &rows);
        }
        return matrix;
    }
    let mut scratch = vec![0.0; dim];
    for (j, (names, values)) in columns.iter().enumerate() {
        names.iter().zip(values).for_each(|(&name, &value)| scratch[name as usize] = value);
        for i in j..r {
            let (names, values) = columns.get(i);
            matrix[(i, j)] += dot_sparse(names, values, &scratch);
        }
        names.iter().for_each(|&name| scratch[name as usize] = 0.0);
    }
    matrix
}

/// Adds factor · F Fᵀ to the lower triangle of the submatrix from row and column `from` on. F has
/// as many rows as the submatrix.
fn add_lower(matrix: &mut DMatrix<f64>, from: usize, factor: f64, f: &DMatrix<f64>) {
    let n = matrix.nrows();
    let transposed = f.transpose();
    for start in (from..n).step_by(WIDTH) {
        let width = WIDTH.min(n - start);
        let mut target = matrix.view_mut((start, start), (n - start, width));
        target.gemm(
            factor,
            &f.rows(start - from, n - start),
            &transposed.columns(start - from, width),
            1.0,
        );
    }
}

/// Cholesky factor L of a symmetric matrix that was scaled to a unit diagonal.
#[derive(Debug)]
pub(super) struct Factor {
    lower: DMatrix<f64>,
    scales: DVector<f64>,
}

impl Factor {
    /// Factorises the matrix with this lower triangle. If rounding makes a pivot not positive, adds
    /// a small number to the diagonal.
    fn new(mut matrix: DMatrix<f64>) -> Option<Self> {
        let n = matrix.nrows();
        let scales = DVector::from_fn(n, |i, _| 1.0 / matrix[(i, i)].sqrt());
        for j in 0..n {
            for i in j..n {
                matrix[(i, j)] *= scales[i] * scales[j];
            }
        }
        [0.0, 1e-15, 1e-13, 1e-11, 1e-9].into_iter().find_map(|ridge| {
            let mut lower = matrix.clone();
            (0..n).for_each(|i| lower[(i, i)] += ridge);
            factorise(&mut lower).then(|| Self { lower, scales: scales.clone() })
        })
    }

    fn solve(&self, mut right: DVector<f64>) -> DVector<f64> {
        right.component_mul_assign(&self.scales);
        // L has a positive diagonal, so there is a solution.
        self.lower.solve_lower_triangular_unchecked_mut(&mut right);
        self.lower.tr_solve_lower_triangular_unchecked_mut(&mut right);
        right.component_mul_assign(&self.scales);
        right
    }
}

/// Cholesky factorisation of a lower triangle in place, [`WIDTH`] columns at a time, so that most
/// of the work is in matrix products (Golub and Van Loan 2013, section 4.2.6). Returns `false` if a
/// pivot is not positive.
fn factorise(matrix: &mut DMatrix<f64>) -> bool {
    let n = matrix.nrows();
    for start in (0..n).step_by(WIDTH) {
        let width = WIDTH.min(n - start);
        for j in start..start + width {
            for k in start..j {
                let factor = matrix[(j, k)];
                let (before, mut column) = matrix.columns_range_pair_mut(k, j);
                column.rows_mut(j, n - j).axpy(-factor, &before.rows(j, n - j), 1.0);
            }
            let pivot = matrix[(j, j)];
            if pivot <= 0.0 || !pivot.is_finite() {
                return false;
            }
            matrix.view_mut((j, j), (n - j, 1)).scale_mut(1.0 / pivot.sqrt());
        }
        let next = start + width;
        let panel = matrix.view((next, start), (n - next, width)).clone_owned();
        add_lower(matrix, next, -1.0, &panel);
    }
    true
}

#[cfg(test)]
mod tests {
    use nalgebra::DMatrix;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]
        /// Both factorisations give the solution of a general LU solver.
        #[test]
        fn systems_are_solved(dim in 1..150_usize, rank in 0..150_usize, seed in any::<u64>(), part in 0.05..1.0_f64) {
            let mut state = seed;
            let mut random = move || {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (state >> 11) as f64 / (1_u64 << 53) as f64
            };
            let e = DMatrix::from_fn(dim, rank, |_, _| if random() < part { random() - 0.5 } else { 0.0 });
            let g = DVector::from_fn(dim, |_, _| random() - 0.5);
            let matrix = DMatrix::identity(dim, dim) + &e * e.transpose();
            let expected = matrix.clone().lu().solve(&g).unwrap();
            let columns = || {
                let mut columns = Columns::default();
                e.column_iter().for_each(|column| columns.push(0..dim, column.as_slice()));
                columns
            };
            for is_dense in [false, true] {
                let weights = System::Weights(Factor::new(outer_products(&columns(), dim)).unwrap());
                let by_columns = Factor::new(inner_products(&columns(), dim, is_dense)).unwrap();
                let columns = columns();
                for system in [weights, System::Columns(by_columns, &columns)] {
                    let x = system.solve(g.as_slice()).unwrap();
                    let off = (DVector::from_vec(x) - &expected).norm();
                    prop_assert!(off <= 1e-12 * (1.0 + matrix.norm()) * g.norm(), "{}", off);
                }
            }
        }
    }
}
