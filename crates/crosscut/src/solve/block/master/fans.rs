//! [`Fans`]: the matrix of a system if all blocks are fans, such as those of multiclass examples.
//!
//! All planes of a fan are δₚ = x ⊗ (e_truth − eₚ). The covariance matrix of planes with the
//! weights θₚ, and of the zero plane with the weight s, is then x xᵀ ⊗ M. With T = s + Σ θₚ, M is
//! the Laplacian of a graph of classes: the edge between the classes of two planes has the weight
//! θₚ θ_q / T, and the edge between the truth and the class of a plane has s θₚ / T. So no plane is
//! written out, and no number is lost to cancellation.

use std::ops::Range;

use nalgebra::DMatrix;

use super::system::{Shape, evenly};
use crate::data::Feature;
use crate::solve::block::cache::Block;
use crate::solve::oracles::WorkerPool;

/// Time of a multiplication of these sums, which are contiguous, in scattered multiplications.
const DENSE: f64 = 0.5;

/// Σ x xᵀ ⊗ M over fans, before it is added up.
#[derive(Clone, Debug, Default)]
pub(super) struct Fans {
    /// For each fan: its block, the end of its classes, and the sum T of all weights.
    fans: Vec<(u32, u32, f64)>,
    /// Classes of the truth and of planes, with their weights.
    classes: Vec<(u32, f64)>,
    /// The shape that the system would have with columns.
    columns: Shape,
    /// Number of multiplications of the sum.
    work: f64,
}

/// The number of classes, if all blocks with planes are fans of as many classes.
pub(super) fn classes_of_fans(blocks: &[Block<'_>]) -> Option<usize> {
    let mut classes = None;
    for block in blocks.iter().filter(|block| block.planes() > 0) {
        let fan = block.fan()?;
        let is_class = |&class: &usize| class < fan.classes;
        if *classes.get_or_insert(fan.classes) != fan.classes
            || !is_class(&fan.truth)
            || !fan.others.iter().all(is_class)
        {
            return None;
        }
    }
    classes
}

impl Fans {
    /// Adds the covariance matrix of planes of block `index`, with weights θₚ and the weight
    /// `stiffness` of the zero plane, which may be infinite. Planes whose weight times their squared
    /// norm is below `negligible` are left out.
    pub fn push(
        &mut self,
        index: usize,
        block: &Block<'_>,
        weights: &[(usize, f64)],
        stiffness: f64,
        negligible: f64,
    ) {
        let Some(fan) = block.fan() else { return };
        let (start, squared_norm) = (self.classes.len(), block.longest_squared());
        let counts = |theta: f64| theta > 0.0 && theta * squared_norm >= negligible;
        let planes = weights.iter().filter(|(_, theta)| counts(*theta));
        self.classes.extend(planes.map(|&(plane, theta)| (fan.others[plane] as u32, theta)));
        let planes = self.classes.len() - start;
        if counts(stiffness) {
            self.classes.push((fan.truth as u32, stiffness));
        }
        let count = self.classes.len() - start;
        if count < 2 {
            self.classes.truncate(start);
            return;
        }
        let total = self.classes[start..].iter().map(|(_, weight)| weight).sum();
        self.fans.push((index as u32, self.classes.len() as u32, total));
        let (length, m) = (fan.features.len() as f64, planes as f64);
        // Without a mean to subtract, each column has two classes, and M has a row of edges.
        // Otherwise the columns of Welford's recurrence have 2, 3, … classes.
        let (rank, entries) = match stiffness.is_finite() {
            false => (planes, 2.0 * m + 1.0),
            true => (planes - usize::from(count == planes), 0.5 * (m + 1.0) * (m + 2.0)),
        };
        self.work += entries * 0.5 * length * (length + 1.0);
        self.columns.rank += rank;
        for column in 0..rank {
            let classes = if stiffness.is_finite() { column + 2 } else { 2 };
            self.columns.values += classes as f64 * length;
            self.columns.squares += (classes as f64 * length).powi(2);
        }
    }

    /// Appends the fans of later blocks.
    pub fn join(&mut self, later: &Self) {
        let start = self.classes.len() as u32;
        self.classes.extend_from_slice(&later.classes);
        self.fans.extend(later.fans.iter().map(|&(block, end, total)| (block, start + end, total)));
        self.work += later.work;
        self.columns.rank += later.columns.rank;
        self.columns.values += later.columns.values;
        self.columns.squares += later.columns.squares;
    }

    /// The shape that the system of `dim` weights would have with columns.
    pub fn shape(&self, dim: usize) -> Shape {
        Shape { dim, ..self.columns }
    }

    /// Whether a matrix of the order of the weights costs less than columns.
    pub fn pays(&self, dim: usize) -> bool {
        let shape = self.shape(dim);
        shape.is_small() && shape.work_of_order(dim) + self.work * DENSE <= shape.work()
    }

    /// The lower triangle of I + S (Σ x xᵀ ⊗ M) S with the diagonal matrix S of `scales`, I if they
    /// are empty.
    ///
    /// The features are divided among the threads. Each thread adds the products of its features
    /// with later ones, block after block, so the bits do not depend on the number of threads.
    pub fn matrix(
        &self,
        blocks: &[Block<'_>],
        (classes, dim): (usize, usize),
        scales: &[f64],
        workers: &WorkerPool,
    ) -> DMatrix<f64> {
        let features = dim.div_ceil(classes);
        let mut matrix = DMatrix::identity(dim, dim);
        let (mut rest, mut start, mut panels) = (matrix.as_mut_slice(), 0, Vec::new());
        for end in self.divide(blocks, features, workers) {
            // The last feature may have fewer weights than there are classes.
            let columns = (classes * end).min(dim) - (classes * start).min(dim);
            let (columns, after) = rest.split_at_mut(columns * dim);
            panels.push((Panel::new(start..end, features, classes), columns));
            (rest, start) = (after, end);
        }
        workers.for_each(self.work * DENSE, &mut panels, |(panel, columns)| {
            self.add_to(panel, blocks);
            panel.write(columns, (classes, dim), scales);
        });
        matrix
    }

    /// Ends of ranges of features with about the same work, one for each thread.
    fn divide(&self, blocks: &[Block<'_>], features: usize, workers: &WorkerPool) -> Vec<usize> {
        if !workers.are_worth_waking(self.work * DENSE) {
            return vec![features];
        }
        let mut work = vec![0; features];
        for (block, classes, _) in self.iter() {
            let Some(fan) = blocks[block].fan() else { continue };
            for (at, feature) in fan.features.iter().enumerate() {
                work[feature.index as usize] += classes.len() * (fan.features.len() - at);
            }
        }
        evenly(work.into_iter(), workers.threads())
    }

    /// The fans: block, classes with their weights, sum of the weights.
    fn iter(&self) -> impl Iterator<Item = (usize, &[(u32, f64)], f64)> {
        let mut start = 0;
        self.fans.iter().map(move |&(block, end, total)| {
            let classes = &self.classes[start..end as usize];
            start = end as usize;
            (block as usize, classes, total)
        })
    }

    fn add_to(&self, panel: &mut Panel, blocks: &[Block<'_>]) {
        let (mut laplacian, mut products) = (Vec::new(), Vec::new());
        for (block, classes, total) in self.iter() {
            let Some(fan) = blocks[block].fan() else { continue };
            list_laplacian(classes, total, &mut laplacian);
            panel.list_products(fan.features, &mut products);
            let is_whole = products.len() == panel.length;
            for &(pair, entry) in &laplacian {
                let values = &mut panel.values[pair * panel.length..][..panel.length];
                if is_whole {
                    let products = products.iter().map(|(_, product)| product);
                    values.iter_mut().zip(products).for_each(|(sum, of)| *sum += entry * of);
                } else {
                    products.iter().for_each(|&(at, product)| values[at] += entry * product);
                }
            }
        }
    }
}

/// The sums of a range of features.
struct Panel {
    rows: Range<usize>,
    features: usize,
    /// Number of pairs (g, f) of features with g in `rows` and f ≥ g.
    length: usize,
    /// For each pair of classes, the sums for all pairs of features.
    values: Vec<f64>,
}

impl Panel {
    fn new(rows: Range<usize>, features: usize, classes: usize) -> Self {
        let length = rows.clone().map(|g| features - g).sum();
        let values = vec![0.0; classes * (classes + 1) / 2 * length];
        Self { rows, features, length, values }
    }

    /// Adds the sums to the columns of the matrix that belong to `rows`.
    fn write(&self, columns: &mut [f64], (classes, dim): (usize, usize), scales: &[f64]) {
        let scale = |at: usize| scales.get(at).copied().unwrap_or(1.0);
        let first = classes * self.rows.start;
        let mut add = |row: usize, column: usize, value: f64| {
            columns[(column - first) * dim + row] += scale(row) * scale(column) * value;
        };
        for (pair, (a, b)) in pairs(classes).enumerate() {
            let values = &self.values[pair * self.length..][..self.length];
            let places = self.rows.clone().flat_map(|g| (g..self.features).map(move |f| (g, f)));
            for ((g, f), &value) in places.zip(values).filter(|(_, value)| **value != 0.0) {
                add(classes * f + a, classes * g + b, value);
                if a != b && f != g {
                    add(classes * f + b, classes * g + a, value);
                }
            }
        }
    }

    /// Replaces `products` by the products of two features, with their positions.
    fn list_products(&self, features: &[Feature], products: &mut Vec<(usize, f64)>) {
        products.clear();
        let first = features.partition_point(|one| (one.index as usize) < self.rows.start);
        let mut before = (self.rows.start, 0);
        for (at, one) in features.iter().enumerate().skip(first) {
            let g = one.index as usize;
            if g >= self.rows.end {
                break;
            }
            // The position of the pair (g, g).
            let start = before.1 + (before.0..g).map(|g| self.features - g).sum::<usize>();
            before = (g, start);
            products.extend(features[at..].iter().map(|other| {
                let product = f64::from(one.value) * f64::from(other.value);
                (start + other.index as usize - g, product)
            }));
        }
    }
}

/// The pairs (a, b) of classes with b ≤ a, in the order of their numbers.
fn pairs(classes: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..classes).flat_map(|a| (0..=a).map(move |b| (a, b)))
}

/// Replaces `laplacian` by the entries of M, with the numbers of their pairs of classes.
fn list_laplacian(classes: &[(u32, f64)], total: f64, laplacian: &mut Vec<(usize, f64)>) {
    let number = |a: u32, b: u32| {
        let (a, b) = (a.max(b) as usize, a.min(b) as usize);
        a * (a + 1) / 2 + b
    };
    laplacian.clear();
    laplacian.extend(classes.iter().map(|&(class, _)| (number(class, class), 0.0)));
    for (i, &(a, weight)) in classes.iter().enumerate() {
        for (j, &(b, other)) in classes[..i].iter().enumerate() {
            let edge = match total.is_finite() {
                true => (weight / total) * other,
                // The infinite weight of the zero plane comes last.
                false if weight.is_finite() => 0.0,
                false => other,
            };
            laplacian[i].1 += edge;
            laplacian[j].1 += edge;
            if edge != 0.0 {
                laplacian.push((number(a, b), -edge));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::data::{Place, Sink, SparseVector};
    use crate::solve::block::cache::Workspace;
    use crate::solve::block::master::columns::Buffers;
    use crate::solve::block::master::problem::Weighted;
    use crate::solve::block::master::system::{Columns, ColumnsPart};
    use crate::solve::bounds::SlackCost;
    use crate::solve::settings::SlackNorm;
    use crate::task::RawPlane;

    proptest! {
        /// The matrix is that of the columns of the same planes, written out, with the same bits on
        /// any number of threads.
        #[test]
        fn the_matrix_is_a_sum_of_outer_products(
            rows in prop::collection::vec(prop::collection::vec(prop_oneof![Just(0.0_f32), -2.0..2.0_f32], 6), 1..8),
            classes in 2..7_usize, truths in prop::collection::vec(0..100_usize, 8),
            weights in prop::collection::vec(prop_oneof![Just(0.0), 1e-6..1.0_f64, 1e6..1e9_f64], 60),
            stiffness in prop_oneof![Just(0.0), Just(f64::INFINITY), 1e-3..1e3_f64],
            scaled in any::<bool>(), beyond in 0..9_usize,
        ) {
            // Weights beyond those of the features.
            let dim = 6 * classes + beyond;
            let rows: Vec<SparseVector> = rows.iter().map(|row| SparseVector::from_dense(row).unwrap()).collect();
            let mut workspace = Workspace::default();
            let blocks: Vec<Block<'_>> = rows.iter().zip(&truths).map(|(row, truth)| {
                let truth = truth % classes;
                let planes: Vec<RawPlane<'_>> = (0..classes).filter(|&class| class != truth).map(|class| {
                    let mut plane = RawPlane { offset: 1.0, ..RawPlane::default() };
                    plane.add_row(row.row(), Place::class(truth, classes), 1.0);
                    plane.add_row(row.row(), Place::class(class, classes), -1.0);
                    plane
                }).collect();
                let mut block = Block::new(SlackCost::new(1.0, SlackNorm::Linear));
                block.insert(&planes, dim, 100, 1, &mut workspace).unwrap();
                block
            }).collect();
            prop_assert_eq!(classes_of_fans(&blocks), Some(classes));
            let (mut fans, mut columns, mut buffers) = (Fans::default(), ColumnsPart::default(), Buffers::default());
            for (i, block) in blocks.iter().enumerate() {
                let mut planes: Vec<(usize, f64)> =
                    (0..block.planes()).map(|p| (p, weights[(7 * i + p) % 60])).collect();
                planes.sort_by(|p, q| q.1.total_cmp(&p.1));
                fans.push(i, block, &planes, stiffness, 0.0);
                planes.retain(|(_, weight)| *weight > 0.0);
                let weighted = Weighted { planes, stiffness };
                buffers.push_covariance(&mut columns, dim, block, &weighted, 0.0, &mut workspace);
            }
            let scales: Vec<f64> = (0..dim).map(|at| 1.0 / (1 + at) as f64).collect();
            let scales = if scaled { &*scales } else { &[] };
            let mut columns = Columns::of(vec![columns]);
            if scaled {
                columns.scale_rows(scales);
            }
            let e = columns.dense(dim, &(0..columns.len()).collect::<Vec<_>>());
            let expected = DMatrix::identity(dim, dim) + &e * e.transpose();
            let found = [1, 2, 3, 7].map(|threads| {
                let workers = WorkerPool::new(threads).unwrap();
                let much = Fans { work: 1e9, ..fans.clone() };
                much.matrix(&blocks, (classes, dim), scales, &workers)
            });
            for matrix in &found {
                prop_assert!(matrix == &found[0]);
                for (row, column) in (0..dim).flat_map(|row| (0..=row).map(move |column| (row, column))) {
                    let (a, b) = (matrix[(row, column)], expected[(row, column)]);
                    let size = (expected[(row, row)] * expected[(column, column)]).sqrt();
                    prop_assert!((a - b).abs() <= 1e-8 * size, "{} {}: {} {}", row, column, a, b);
                }
            }
        }
    }
}
