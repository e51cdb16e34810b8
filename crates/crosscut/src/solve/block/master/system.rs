//! [`System`]: (I + E Eᵀ) x = g, for few weights or few columns of E.

use nalgebra::{DMatrix, DVector};

use super::cholesky::{Factor, WIDTH, add_lower};
use crate::solve::oracles::WorkerPool;

/// Largest order of a matrix that is factorised.
pub(super) const MOST_ORDER: usize = 2500;
/// Number of multiplications in dense matrix products that take as long as one scattered
/// multiplication.
pub(super) const DENSE: f64 = 6.0;

/// The columns of E in sparse form, in parts that are written in parallel.
#[derive(Debug, Default)]
pub(super) struct Columns {
    parts: Vec<ColumnsPart>,
    /// For each part, the number of columns in it and before it.
    ends: Vec<usize>,
}

/// Some columns: the indices `names`, and values.
#[derive(Debug, Default)]
pub(super) struct ColumnsPart {
    ends: Vec<usize>,
    names: Vec<u32>,
    values: Vec<f64>,
}

/// Sizes of a system, to estimate the work and memory of its factorisation.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Shape {
    pub dim: usize,
    pub rank: usize,
    /// Number of values in all columns.
    pub values: f64,
    /// Sum over the columns of their squared numbers of values.
    pub squares: f64,
}

impl ColumnsPart {
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

    fn get(&self, column: usize) -> (&[u32], &[f64]) {
        let start = column.checked_sub(1).map_or(0, |before| self.ends[before]);
        let range = start..self.ends[column];
        (&self.names[range.clone()], &self.values[range])
    }
}

impl Columns {
    /// The columns of all parts, part after part.
    pub fn of(parts: Vec<ColumnsPart>) -> Self {
        let mut count = 0;
        let mut end = |part: &ColumnsPart| {
            count += part.ends.len();
            count
        };
        Self { ends: parts.iter().map(&mut end).collect(), parts }
    }

    /// The parts, whose memory can be used again.
    pub fn into_parts(self) -> Vec<ColumnsPart> {
        self.parts
    }

    pub fn len(&self) -> usize {
        self.ends.last().copied().unwrap_or(0)
    }

    /// Multiplies the entries of each row by its scale.
    pub fn scale_rows(&mut self, scale: &[f64]) {
        for ColumnsPart { names, values, .. } in &mut self.parts {
            let entries = values.iter_mut().zip(names);
            entries.for_each(|(value, name)| *value *= scale[*name as usize]);
        }
    }

    fn get(&self, column: usize) -> (&[u32], &[f64]) {
        let part = self.ends.partition_point(|end| *end <= column);
        let start = part.checked_sub(1).map_or(0, |before| self.ends[before]);
        self.parts[part].get(column - start)
    }

    fn iter(&self) -> impl Iterator<Item = (&[u32], &[f64])> {
        self.parts.iter().flat_map(|part| (0..part.ends.len()).map(|column| part.get(column)))
    }

    /// Number of values in all columns.
    fn values(&self) -> usize {
        self.parts.iter().map(|part| part.names.len()).sum()
    }

    pub fn shape(&self, dim: usize) -> Shape {
        let squares = self.iter().map(|(names, _)| (names.len() as f64).powi(2)).sum();
        Shape { dim, rank: self.len(), values: self.values() as f64, squares }
    }

    /// Some columns as a dense matrix.
    pub fn dense(&self, dim: usize, columns: &[usize]) -> DMatrix<f64> {
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

    /// Work of the factorisation of a matrix of this order.
    pub fn work_of_order(self, order: usize) -> f64 {
        (order as f64).powi(3) / (3.0 * DENSE)
    }

    fn work_of_outer_products(self) -> f64 {
        0.5 * self.squares.min(self.rank as f64 * (self.dim as f64).powi(2) / DENSE)
    }

    fn work_of_inner_products(self) -> f64 {
        let r = self.rank as f64;
        0.5 * r * self.values.min(r * self.dim as f64 / DENSE)
    }

    fn work_by_weights(self) -> f64 {
        self.work_of_order(self.dim) + self.work_of_outer_products()
    }

    fn work_by_columns(self) -> f64 {
        self.work_of_order(self.rank) + self.work_of_inner_products()
    }

    /// Whether a matrix of the order of the weights can be factorised.
    pub fn is_small(self) -> bool {
        self.dim <= MOST_ORDER && u32::try_from(self.dim).is_ok()
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
    pub fn new(columns: &'c Columns, dim: usize, workers: &WorkerPool) -> Option<Self> {
        let shape = columns.shape(dim);
        if !shape.is_possible() {
            return None;
        }
        let by_weights = match (dim <= MOST_ORDER, columns.len() <= MOST_ORDER) {
            (true, true) => shape.by_weights(),
            (small, _) => small,
        };
        if by_weights {
            return Self::of_weights(outer_products(columns, shape, workers), workers);
        }
        let factor = Factor::new(inner_products(columns, shape, workers), workers)?;
        Some(Self::Columns(factor, columns))
    }

    /// The system with this lower triangle of I + E Eᵀ. `None` if it is not positive definite in
    /// double precision.
    pub fn of_weights(matrix: DMatrix<f64>, workers: &WorkerPool) -> Option<Self> {
        Factor::new(matrix, workers).map(Self::Weights)
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

/// The lower triangle of I + E Eᵀ. The columns of the matrix are divided among the threads, and the
/// columns of E are added in order.
fn outer_products(columns: &Columns, shape: Shape, workers: &WorkerPool) -> DMatrix<f64> {
    let dim = shape.dim;
    let mut matrix = DMatrix::identity(dim, dim);
    let is_dense = |names: &[u32]| DENSE.sqrt() * names.len() as f64 > dim as f64;
    let work = shape.work_of_outer_products();
    let ends = divide_columns(columns, shape, is_dense, workers);
    let (mut rest, mut start, mut panels) = (matrix.as_mut_slice(), 0, Vec::new());
    for end in ends {
        let (panel, after) = rest.split_at_mut((end - start) * dim);
        panels.push((start, panel));
        (rest, start) = (after, end);
    }
    workers.for_each(work, &mut panels, |(start, panel)| {
        let end = *start + panel.len() / dim;
        for (names, values) in columns.iter().filter(|(names, _)| !is_dense(names)) {
            let first = names.partition_point(|name| (*name as usize) < *start);
            for (at, (&name, &factor)) in names.iter().zip(values).enumerate().skip(first) {
                if name as usize >= end {
                    break;
                }
                let column = &mut panel[(name as usize - *start) * dim..][..dim];
                let rows = names[at..].iter().zip(&values[at..]);
                rows.for_each(|(&row, &value)| column[row as usize] += factor * value);
            }
        }
    });
    let dense: Vec<usize> = (0..columns.len()).filter(|&at| is_dense(columns.get(at).0)).collect();
    for some in dense.chunks(4 * WIDTH) {
        add_lower(&mut matrix, 0, 1.0, &columns.dense(dim, some), workers);
    }
    matrix
}

/// Ends of ranges of columns of the matrix, one for each thread, with about the same work.
fn divide_columns(
    columns: &Columns,
    shape: Shape,
    is_dense: impl Fn(&[u32]) -> bool,
    workers: &WorkerPool,
) -> Vec<usize> {
    let (dim, threads) = (shape.dim, workers.threads());
    if !workers.are_worth_waking(shape.work_of_outer_products()) {
        return vec![dim];
    }
    let mut work = vec![0; dim];
    for (names, _) in columns.iter().filter(|(names, _)| !is_dense(names)) {
        for (at, &name) in names.iter().enumerate() {
            work[name as usize] += names.len() - at;
        }
    }
    evenly(work.into_iter(), threads)
}

/// Ends of `count` ranges of numbers with about the same sums.
pub(super) fn evenly(
    work: impl ExactSizeIterator<Item = usize> + Clone,
    count: usize,
) -> Vec<usize> {
    let (length, total, mut sum) = (work.len(), work.clone().sum::<usize>(), 0);
    let mut ends = Vec::with_capacity(count);
    for (at, work) in work.enumerate() {
        sum += work;
        while ends.len() + 1 < count && sum * count >= total * (ends.len() + 1) {
            ends.push(at + 1);
        }
    }
    ends.resize(count, length);
    ends
}

/// The lower triangle of I + Eᵀ E.
fn inner_products(columns: &Columns, shape: Shape, workers: &WorkerPool) -> DMatrix<f64> {
    let (r, dim) = (columns.len(), shape.dim);
    let mut matrix = DMatrix::identity(r, r);
    if DENSE * shape.values > dim as f64 * r as f64 {
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
            add_lower(&mut matrix, 0, 1.0, &rows, workers);
        }
        return matrix;
    }
    let work = shape.work_of_inner_products();
    // A thread writes out one column after the other.
    let threads = if workers.are_worth_waking(work) { workers.threads() } else { 1 };
    let mut shares: Vec<Vec<(usize, &mut [f64])>> = (0..threads).map(|_| Vec::new()).collect();
    for (j, column) in matrix.as_mut_slice().chunks_mut(r.max(1)).enumerate() {
        shares[j % threads].push((j, column));
    }
    workers.for_each(work, &mut shares, |share| {
        let mut scratch = vec![0.0; dim];
        for (j, target) in share {
            let (names, values) = columns.get(*j);
            names.iter().zip(values).for_each(|(&name, &value)| scratch[name as usize] = value);
            for (i, target) in target.iter_mut().enumerate().skip(*j) {
                let (names, values) = columns.get(i);
                *target += dot_sparse(names, values, &scratch);
            }
            names.iter().for_each(|&name| scratch[name as usize] = 0.0);
        }
    });
    matrix
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
                let mut parts: Vec<ColumnsPart> = (0..3).map(|_| ColumnsPart::default()).collect();
                let part = |at: usize| 3 * at / rank;
                e.column_iter().enumerate().for_each(|(at, column)| parts[part(at)].push(0..dim, column.as_slice()));
                Columns::of(parts)
            };
            let workers = WorkerPool::default();
            for is_dense in [false, true] {
                let columns = columns();
                // Few or many values: the sparse and the dense products.
                let shape = Shape { values: if is_dense { f64::INFINITY } else { 0.0 }, ..columns.shape(dim) };
                let weights = System::Weights(Factor::new(outer_products(&columns, shape, &workers), &workers).unwrap());
                let by_columns = Factor::new(inner_products(&columns, shape, &workers), &workers).unwrap();
                for system in [weights, System::Columns(by_columns, &columns)] {
                    let x = system.solve(g.as_slice()).unwrap();
                    let off = (DVector::from_vec(x) - &expected).norm();
                    prop_assert!(off <= 1e-12 * (1.0 + matrix.norm()) * g.norm(), "{}", off);
                }
            }
        }
    }
}
