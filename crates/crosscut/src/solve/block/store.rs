//! [`Store`]: the plane caches of all examples, kept within the memory limit.

use super::cache::{Block, Workspace};
use crate::solve::bounds::{FaultKind, SlackCost};
use crate::solve::settings::Settings;
use crate::task::RawPlane;

/// The blocks of all examples, with counters.
pub(super) struct Store<'a> {
    pub blocks: Vec<Block<'a>>,
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
}

impl<'a> Store<'a> {
    /// Empty blocks, one for each slack cost.
    pub fn new(costs: impl Iterator<Item = SlackCost>, settings: &Settings) -> Self {
        let mut store = Self {
            blocks: costs.map(Block::new).collect(),
            planes: 0,
            support: 0,
            found: 0,
            bytes: (0, 0),
            most_planes: settings.block.planes,
            overflows: false,
            limit: settings.max_memory,
        };
        store.count();
        store.bytes.1 = store.bytes.0;
        store
    }

    /// Inserts planes into the cache of an example. Does nothing once the store overflows. `pass`
    /// is the number of the exact pass.
    ///
    /// # Errors
    /// Two different rows have the same name.
    pub fn insert(
        &mut self,
        index: usize,
        planes: &[RawPlane<'a>],
        dim: usize,
        pass: u32,
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
        let new = block.insert(planes, dim, self.most_planes, pass, workspace);
        self.planes += block.planes();
        if let Some(limit) = self.limit {
            self.bytes.0 += block.bytes();
            self.fit(index, limit);
        }
        self.found += new? as u64;
        Ok(())
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
