//! [`Crew`]: loops over blocks on all threads, whose results have the same bits on any number of
//! threads.

use std::sync::{Arc, Mutex};

use super::cache::{Block, Workspace};
use crate::solve::oracles::{LANE_BYTES, WorkerPool};

/// Maximum number of parts into which blocks are divided. The parts are the same for any number of
/// threads, so sums over parts in order have the same bits.
const PARTS: usize = 64;
/// Maximum number of partial sums of planes.
const MOST_LANES: usize = 32;
/// A partial sum pays only with at least this many multiplications for each weight.
const LANE_WORK: f64 = 4.0;
/// Maximum number of features that are looked at to divide the weights evenly.
const SAMPLE: usize = 4096;

/// The threads of a run, with a workspace for each.
pub(super) struct Crew {
    pub workers: Arc<WorkerPool>,
    workspaces: Vec<Mutex<Workspace>>,
}

/// One thread.
impl Default for Crew {
    fn default() -> Self {
        Self::new(Arc::default())
    }
}

impl Crew {
    pub fn new(workers: Arc<WorkerPool>) -> Self {
        let workspaces = (0..workers.threads()).map(|_| Mutex::default()).collect();
        Self { workers, workspaces }
    }

    /// Runs `work` with the workspace of the current thread.
    pub fn with<R>(&self, work: impl FnOnce(&mut Workspace) -> R) -> R {
        match self.workspaces[WorkerPool::current() % self.workspaces.len()].try_lock() {
            Ok(mut workspace) => work(&mut workspace),
            Err(_) => work(&mut Workspace::default()),
        }
    }

    /// Calls `call` for each item with a workspace, in parallel if `work`, in multiplications, is
    /// worth it.
    pub fn for_each<T: Send>(
        &self,
        work: f64,
        items: &mut [T],
        call: impl Fn(&mut T, &mut Workspace) + Sync + Send,
    ) {
        self.workers.for_each(work, items, |item| self.with(|workspace| call(item, workspace)));
    }

    /// Replaces `target` by Σᵢ Σₚ cᵢₚ δᵢₚ. `coefficients` appends the cᵢₚ of block i to its second
    /// argument, and `work` is the number of multiplications. Returns by how much more than the
    /// number of terms the number of additions to a coordinate may be.
    ///
    /// If there are few weights, partial sums over fixed ranges of blocks are added in order. If
    /// there are many, each thread adds to its own range of weights, block after block, so that no
    /// memory is needed.
    pub fn sum_planes(
        &self,
        blocks: &[Block<'_>],
        target: &mut [f64],
        work: f64,
        coefficients: impl Fn(usize, &mut Vec<f64>) + Sync + Send,
    ) -> usize {
        let dim = target.len().max(1);
        let lanes = (LANE_BYTES / size_of::<f64>() / dim)
            .min((work / (LANE_WORK * dim as f64)) as usize)
            .min(MOST_LANES)
            .min(blocks.len());
        if lanes > 1 {
            let mut sums: Vec<(usize, Vec<f64>)> = (0..lanes).map(|at| (at, Vec::new())).collect();
            self.for_each(work, &mut sums, |(lane, sum), workspace| {
                sum.resize(dim, 0.0);
                let range = part(blocks.len(), lanes, *lane);
                for (i, block) in range.clone().zip(&blocks[range]) {
                    block.add_coefficients(|list| coefficients(i, list), sum, workspace);
                }
            });
            target.fill(0.0);
            for (_, sum) in &sums {
                target.iter_mut().zip(sum).for_each(|(target, sum)| *target += sum);
            }
            return lanes;
        }
        if !self.workers.are_worth_waking(work) {
            target.fill(0.0);
            self.with(|workspace| {
                for (i, block) in blocks.iter().enumerate() {
                    block.add_coefficients(|list| coefficients(i, list), target, workspace);
                }
            });
            return 0;
        }
        let mut rest = target;
        let mut windows = Vec::new();
        let mut start = 0;
        for end in self.divide(blocks, dim) {
            let (window, after) = rest.split_at_mut(end - start);
            windows.push((start, window));
            (rest, start) = (after, end);
        }
        self.for_each(work, &mut windows, |(start, window), workspace| {
            window.fill(0.0);
            for (i, block) in blocks.iter().enumerate() {
                block.add_within(|list| coefficients(i, list), *start, window, workspace);
            }
        });
        0
    }

    /// Ends of ranges of weights, one for each thread, with about the same number of features of
    /// the blocks in each. The ranges do not change results.
    fn divide(&self, blocks: &[Block<'_>], dim: usize) -> Vec<usize> {
        let mut sample = Vec::with_capacity(2 * SAMPLE);
        for block in blocks.iter().step_by((blocks.len() / (SAMPLE / 16)).max(1)) {
            block.sample_indices(16, &mut sample);
        }
        sample.sort_unstable();
        let threads = self.workers.threads();
        let quantile = |thread: usize| match sample.get(sample.len() * thread / threads) {
            Some(&index) if thread < threads => index.min(dim),
            _ => dim,
        };
        (1..=threads).map(quantile).collect()
    }
}

/// Number of parts of `n` blocks.
pub(super) fn parts(n: usize) -> usize {
    n.clamp(1, PARTS)
}

/// The range of a part.
pub(super) fn part(n: usize, parts: usize, at: usize) -> std::ops::Range<usize> {
    n * at / parts..n * (at + 1) / parts
}

/// Divides a list at `ends`, which increase.
pub(super) fn divided<T>(
    mut list: &mut [T],
    ends: impl IntoIterator<Item = usize>,
) -> Vec<&mut [T]> {
    let mut start = 0;
    let piece = |end: usize| {
        let (piece, rest) = std::mem::take(&mut list).split_at_mut(end - start);
        (list, start) = (rest, end);
        piece
    };
    ends.into_iter().map(piece).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Place, Sink, SparseRows, SparseVector};
    use crate::solve::bounds::SlackCost;
    use crate::solve::settings::SlackNorm;
    use crate::task::RawPlane;
    use crate::testing::random_weights;

    /// Rows of a few features each, at indices below 500.
    fn rows(n: usize) -> Vec<SparseRows> {
        let feature = |i: usize, k: usize| crate::Feature {
            index: (100 * k + (i * 37 + k * 11) % 100) as u32,
            value: ((i + k) % 7) as f32 - 2.5,
        };
        let row = |i: usize| SparseVector::new((0..5).map(|k| feature(i, k)).collect()).unwrap();
        (0..n).map(|i| [row(2 * i), row(2 * i + 1)].into_iter().collect()).collect()
    }

    /// A block of one of these kinds: a fan; rows at places of several strides with single weights.
    fn block(i: usize, rows: &SparseRows, dim: usize) -> Block<'_> {
        let mut planes = Vec::new();
        for p in 1..4 + i % 5 {
            let mut plane = RawPlane { offset: p as f64, ..RawPlane::default() };
            plane.add_row(rows.row(0), Place::class(0, 11), 1.0);
            plane.add_row(rows.row(0), Place::class(p, 11), -1.0);
            if !i.is_multiple_of(3) {
                plane.add_row(rows.row(1), Place::block(dim / 2), 0.1 * p as f64);
                plane.add((i * 97 + p) % dim, 0.7);
            }
            planes.push(plane);
        }
        let mut block = Block::new(SlackCost::new(1.0, SlackNorm::Linear));
        block.insert(&planes, dim, 100, 1, &mut Workspace::default()).unwrap();
        block
    }

    #[test]
    fn sums_of_planes_have_the_same_bits_on_any_number_of_threads() {
        let rows = rows(300);
        // Partial sums; ranges of weights.
        for (dim, work) in [(5600, 1e9), (5600, 2e5), (70_000, 2.5e5)] {
            let blocks: Vec<Block<'_>> =
                rows.iter().enumerate().map(|(i, rows)| block(i, rows, dim)).collect();
            let alpha = random_weights(blocks.len() * 10, 1.0, 2);
            let of = |i: usize, p: usize| {
                if (i + p).is_multiple_of(4) { 0.0 } else { alpha[10 * i + p] }
            };
            let list = |i: usize, list: &mut Vec<f64>| {
                list.extend((0..blocks[i].planes()).map(|p| of(i, p)));
            };
            let mut expected = vec![0.0; dim];
            for (i, block) in blocks.iter().enumerate() {
                block.add_coefficients(
                    |all| list(i, all),
                    &mut expected,
                    &mut Workspace::default(),
                );
            }
            let sums = [1, 2, 3, 5].map(|threads| {
                let crew = Crew::new(Arc::new(WorkerPool::new(threads).unwrap()));
                let mut sum = vec![f64::NAN; dim];
                crew.sum_planes(&blocks, &mut sum, work, list);
                sum
            });
            let close = |(a, b): (&f64, &f64)| (a - b).abs() <= 1e-12 * (1.0 + b.abs());
            assert!(sums[0].iter().zip(&expected).all(close), "{dim} {work}");
            assert!(sums.iter().all(|sum| *sum == sums[0]), "{dim} {work}");
        }
    }
}
