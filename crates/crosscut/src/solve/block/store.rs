//! [`Store`]: the plane caches of all examples, kept within the memory limit.

use std::time::Instant;

use super::cache::{Block, Workspace};
use super::crew::Crew;
use super::history::History;
use crate::solve::bounds::{FaultKind, SlackCost};
use crate::solve::oracles::WORTH_WAKING;
use crate::solve::settings::Settings;
use crate::task::{Planes, RawPlane};

/// The blocks of all examples, with counters.
pub(super) struct Store<'a> {
    pub blocks: Vec<Block<'a>>,
    pub history: History,
    /// Number of planes in all blocks.
    pub planes: usize,
    /// Number of planes with a positive dual variable at the last count.
    pub support: usize,
    /// Number of planes ever inserted.
    pub found: u64,
    /// Memory of all blocks in bytes: now, and at its peak.
    pub bytes: (usize, usize),
    /// Largest number of planes in a block. Below the setting if the memory limit requires it.
    pub most_planes: usize,
    /// Whether even two planes per block exceed the memory limit.
    pub overflows: bool,
    /// Memory limit in bytes.
    limit: Option<usize>,
    /// Seconds per example of the last batch that was inserted by one thread. It only decides how
    /// many threads insert.
    each: f64,
}

/// An example of a batch: its position in the batch, its block, and the number of new planes.
struct Insertion<'b, 'a> {
    slot: usize,
    block: &'b mut Block<'a>,
    new: Result<usize, FaultKind>,
}

impl<'a> Store<'a> {
    /// Empty blocks, one for each slack cost.
    pub fn new(costs: impl Iterator<Item = SlackCost>, settings: &Settings) -> Self {
        let blocks: Vec<_> = costs.map(Block::new).collect();
        let mut store = Self {
            history: History::new(blocks.len()),
            blocks,
            planes: 0,
            support: 0,
            found: 0,
            bytes: (0, 0),
            most_planes: settings.block.planes,
            overflows: false,
            limit: settings.max_memory,
            each: 0.0,
        };
        store.count();
        store.bytes.1 = store.bytes.0;
        store
    }

    /// Inserts planes into the cache of an example. Does nothing once the store overflows.
    /// `clock` is the time by the schedule.
    ///
    /// # Errors
    /// Two different rows have the same name.
    pub fn insert(
        &mut self,
        index: usize,
        planes: &[RawPlane<'a>],
        dim: usize,
        clock: u32,
        workspace: &mut Workspace,
    ) -> Result<(), FaultKind> {
        if self.overflows {
            return Ok(());
        }
        let block = &mut self.blocks[index];
        self.planes -= block.planes();
        if self.limit.is_some() {
            self.bytes.0 -= block.bytes();
        }
        // The block inserts the first plane, a most violating one, last. So this plane stays if
        // there is room for few.
        let new = block.insert(planes, dim, self.most_planes, clock, workspace);
        self.planes += block.planes();
        if let Some(limit) = self.limit {
            self.bytes.0 += block.bytes();
            self.fit(index, limit);
        }
        let new = new?;
        self.found += new as u64;
        if new > 0 {
            self.history.has_new_plane(index);
        }
        Ok(())
    }

    /// Inserts the planes of a batch of different examples, `planes[j]` into the cache of example
    /// `batch[j]`. Without a memory limit, all threads insert, since blocks are independent.
    ///
    /// # Errors
    /// Two different rows of an example have the same name: the first such position in the batch.
    /// The planes of the others are inserted.
    pub fn insert_batch(
        &mut self,
        batch: &[usize],
        planes: &[Planes<'a>],
        (dim, clock): (usize, u32),
        crew: &Crew,
    ) -> Result<(), (usize, FaultKind)> {
        let worth = batch.len() as f64 * self.each >= WORTH_WAKING;
        if self.limit.is_none() && crew.workers.threads() > 1 && worth {
            return self.insert_on_all_threads(batch, planes, (dim, clock), crew);
        }
        let (began, mut first) = (Instant::now(), Ok(()));
        for (slot, (&index, planes)) in batch.iter().zip(planes).enumerate() {
            let new =
                crew.with(|workspace| self.insert(index, planes.as_slice(), dim, clock, workspace));
            first = first.and(new.map_err(|kind| (slot, kind)));
        }
        self.each = began.elapsed().as_secs_f64() / batch.len().max(1) as f64;
        first
    }

    fn insert_on_all_threads(
        &mut self,
        batch: &[usize],
        planes: &[Planes<'a>],
        (dim, clock): (usize, u32),
        crew: &Crew,
    ) -> Result<(), (usize, FaultKind)> {
        let mut order: Vec<usize> = (0..batch.len()).collect();
        order.sort_unstable_by_key(|&slot| batch[slot]);
        let (mut rest, mut start) = (&mut *self.blocks, 0);
        let mut insertions = Vec::with_capacity(batch.len());
        for slot in order {
            let (block, after) = rest[batch[slot] - start..]
                .split_first_mut()
                .expect("a batch has each example once");
            insertions.push(Insertion { slot, block, new: Ok(0) });
            (rest, start) = (after, batch[slot] + 1);
        }
        self.planes -= insertions.iter().map(|one| one.block.planes()).sum::<usize>();
        let most_planes = self.most_planes;
        let share = batch.len().div_ceil(8 * crew.workers.threads());
        let mut shares: Vec<_> = insertions.chunks_mut(share.max(1)).collect();
        crew.for_each(f64::INFINITY, &mut shares, |share, workspace| {
            for Insertion { slot, block, new } in share.iter_mut() {
                *new = block.insert(planes[*slot].as_slice(), dim, most_planes, clock, workspace);
            }
        });
        self.planes += insertions.iter().map(|one| one.block.planes()).sum::<usize>();
        let mut first = Ok(());
        insertions.sort_unstable_by_key(|one| one.slot);
        for Insertion { slot, new, .. } in insertions {
            let count = *new.as_ref().unwrap_or(&0);
            self.found += count as u64;
            if count > 0 {
                self.history.has_new_plane(batch[slot]);
            }
            first = first.and(new.map(|_| ()).map_err(|kind| (slot, kind)));
        }
        first
    }

    /// Makes the blocks fit into the memory limit. All blocks but `index` drop planes not in use.
    /// As long as this is not enough, the number of planes per block is halved. If two planes per
    /// block are still too many, block `index` is cut to two planes too, and the store overflows,
    /// which ends the method.
    fn fit(&mut self, index: usize, limit: usize) {
        if self.bytes.0 > limit {
            // Leaves a quarter of the limit free, so that the next passes seldom need to do this
            // again.
            let enough = limit / 4 * 3;
            loop {
                for (other, block) in self.blocks.iter_mut().enumerate() {
                    if other != index {
                        block.shed(self.most_planes);
                    }
                }
                self.count();
                if self.bytes.0 <= enough {
                    break;
                }
                if self.most_planes <= 2 {
                    self.blocks[index].shed(2);
                    self.count();
                    self.overflows = true;
                    break;
                }
                self.most_planes = (self.most_planes / 2).max(2);
            }
        }
        self.bytes.1 = self.bytes.1.max(self.bytes.0);
    }

    /// Whether there is a memory limit.
    pub fn is_limited(&self) -> bool {
        self.limit.is_some()
    }

    /// Counts planes and bytes.
    pub fn count(&mut self) {
        self.planes = self.blocks.iter().map(Block::planes).sum();
        self.bytes.0 = self.blocks.iter().map(Block::bytes).sum();
    }

    /// Drops planes that have not been in use since the exact pass `since`.
    pub fn forget(&mut self, since: u32) {
        let mut before = 0;
        self.support = 0;
        for block in &mut self.blocks {
            self.support += block.support();
            before += block.bytes();
            block.forget(since);
        }
        self.bytes.1 = self.bytes.1.max(before);
        self.count();
    }

    /// Drops planes of a block that have not been in use since `since`.
    pub fn forget_in(&mut self, index: usize, since: u32) {
        let block = &mut self.blocks[index];
        self.planes -= block.planes();
        if self.limit.is_some() {
            self.bytes.0 -= block.bytes();
        }
        block.forget(since);
        self.planes += block.planes();
        if self.limit.is_some() {
            self.bytes.0 += block.bytes();
        }
    }

    /// Prefetches the memory of blocks that are about to be visited.
    pub fn touch(&self, group: &[usize]) {
        std::hint::black_box(group.iter().map(|&index| self.blocks[index].touch()).sum::<f64>());
    }
}
