//! [`Factor`]: the Cholesky factorisation of a dense matrix, in blocks, on all threads.

use nalgebra::{DMatrix, DMatrixViewMut, DVector};

use super::system::DENSE;
use crate::solve::oracles::WorkerPool;

/// Number of columns in a block of a dense product and of the factorisation.
pub(super) const WIDTH: usize = 64;

/// Cholesky factor L of a symmetric matrix that was scaled to a unit diagonal.
#[derive(Debug)]
pub(super) struct Factor {
    lower: DMatrix<f64>,
    scales: DVector<f64>,
}

impl Factor {
    /// Factorises the matrix with this lower triangle. If rounding makes a pivot not positive, adds
    /// a small number to the diagonal.
    pub fn new(mut matrix: DMatrix<f64>, workers: &WorkerPool) -> Option<Self> {
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
            factorise(&mut lower, workers).then(|| Self { lower, scales: scales.clone() })
        })
    }

    pub fn solve(&self, mut right: DVector<f64>) -> DVector<f64> {
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
///
/// Below its square on the diagonal, a block of columns is divided into tiles of [`WIDTH`] rows,
/// which do not depend on each other.
fn factorise(matrix: &mut DMatrix<f64>, workers: &WorkerPool) -> bool {
    let n = matrix.nrows();
    for start in (0..n).step_by(WIDTH) {
        let width = WIDTH.min(n - start);
        let next = start + width;
        let mut square = matrix.view((start, start), (width, width)).clone_owned();
        if !factorise_square(&mut square) {
            return false;
        }
        matrix.view_mut((start, start), (width, width)).copy_from(&square);
        if next == n {
            return true;
        }
        let mut tiles: Vec<DMatrix<f64>> = (next..n)
            .step_by(WIDTH)
            .map(|row| matrix.view((row, start), (WIDTH.min(n - row), width)).clone_owned())
            .collect();
        let work = 0.5 * ((n - next) * width * width) as f64;
        workers.for_each(work / DENSE, &mut tiles, |tile| divide(tile, &square));
        let mut panel = DMatrix::zeros(n - next, width);
        for (tile, row) in tiles.iter().zip((0..).step_by(WIDTH)) {
            panel.rows_mut(row, tile.nrows()).copy_from(tile);
        }
        matrix.view_mut((next, start), (n - next, width)).copy_from(&panel);
        add_lower(matrix, next, -1.0, &panel, workers);
    }
    true
}

/// Cholesky factorisation of the lower triangle of a small matrix in place, column by column.
/// Returns `false` if a pivot is not positive.
fn factorise_square(matrix: &mut DMatrix<f64>) -> bool {
    let n = matrix.nrows();
    for j in 0..n {
        for k in 0..j {
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
    true
}

/// Replaces X by X L⁻ᵀ.
fn divide(x: &mut DMatrix<f64>, lower: &DMatrix<f64>) {
    for j in 0..lower.nrows() {
        for k in 0..j {
            let (before, mut column) = x.columns_range_pair_mut(k, j);
            column.axpy(-lower[(j, k)], &before, 1.0);
        }
        x.column_mut(j).scale_mut(1.0 / lower[(j, j)]);
    }
}

/// Adds factor · F Fᵀ to the lower triangle of the submatrix from row and column `from` on. F has
/// as many rows as the submatrix.
pub(super) fn add_lower(
    matrix: &mut DMatrix<f64>,
    from: usize,
    factor: f64,
    f: &DMatrix<f64>,
    workers: &WorkerPool,
) {
    let n = matrix.nrows();
    let transposed = f.transpose();
    let work = 0.5 * ((n - from) * (n - from) * f.ncols()) as f64;
    let columns = matrix.as_mut_slice()[from * n..].chunks_mut((WIDTH * n).max(1));
    let mut panels: Vec<_> = (from..n).step_by(WIDTH).zip(columns).collect();
    workers.for_each(work / DENSE, &mut panels, |(start, columns)| {
        let width = WIDTH.min(n - *start);
        let mut panel = DMatrixViewMut::from_slice(columns, n, width);
        let (rows, at) = (n - *start, *start - from);
        let rows_of_f = f.view((at, 0), (rows, f.ncols()));
        panel.rows_mut(*start, rows).gemm(factor, &rows_of_f, &transposed.columns(at, width), 1.0);
    });
}

#[cfg(test)]
mod tests {
    use nalgebra::{Cholesky, DMatrix};
    use proptest::prelude::*;

    use super::*;

    fn random(rows: usize, columns: usize, seed: u64) -> DMatrix<f64> {
        let mut state = seed;
        DMatrix::from_fn(rows, columns, |_, _| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 11) as f64 / (1_u64 << 53) as f64 - 0.5
        })
    }

    fn pools() -> Vec<WorkerPool> {
        [1, 2, 3].into_iter().map(|threads| WorkerPool::new(threads).unwrap()).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]
        /// The factor is that of nalgebra's factorisation, with the same bits on any number of
        /// threads.
        #[test]
        fn the_factor_is_that_of_another_factorisation(
            n in prop_oneof![Just(1_usize), Just(63), Just(64), Just(65), Just(128), 2..400_usize], seed in any::<u64>(),
        ) {
            let e = random(n, n + 5, seed);
            let matrix = DMatrix::identity(n, n) + &e * e.transpose();
            let expected = Cholesky::new(matrix.clone()).unwrap().l();
            let mut all = Vec::new();
            for workers in pools() {
                let mut found = matrix.clone();
                prop_assert!(factorise(&mut found, &workers));
                found.fill_upper_triangle(0.0, 1);
                let off = (&found - &expected).norm() / expected.norm();
                prop_assert!(off <= 1e-13, "{}", off);
                all.push(found);
            }
            prop_assert!(all.iter().all(|found| *found == all[0]));
        }

        /// A matrix that is not positive definite is refused, wherever it fails to be.
        #[test]
        fn other_matrices_are_refused(n in 1..300_usize, at in any::<prop::sample::Index>(), seed in any::<u64>()) {
            let e = random(n, n + 5, seed);
            let mut matrix = DMatrix::identity(n, n) + &e * e.transpose();
            let at = at.index(n);
            for bad in [-1.0, 0.0, f64::NAN, f64::INFINITY] {
                matrix[(at, at)] = bad;
                for workers in pools() {
                    prop_assert!(!factorise(&mut matrix.clone(), &workers), "{}", bad);
                }
            }
        }
    }

    #[test]
    fn a_matrix_without_rows_is_left_alone() {
        for workers in pools() {
            let mut empty = DMatrix::zeros(0, 0);
            add_lower(&mut empty, 0, 1.0, &DMatrix::zeros(0, 3), &workers);
            assert!(factorise(&mut empty, &workers));
        }
    }
}
