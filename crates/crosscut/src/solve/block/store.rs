//! [`Store`]: the plane caches of all examples, within the memory that is allowed.

use super::cache::{Block, Workspace};
use crate::solve::bounds::{FaultKind, SlackCost};
use crate::solve::settings::Settings;
use crate::task::RawPlane;

/// The blocks, and what is counted of them.
pub(super) struct Store<'a> {
    pub blocks: Vec<Block<'a>>,
    /// Planes in all blocks.
    pub planes: usize,
    /// Those with a positive dual variable when last counted.
    pub support: usize,
    /// Planes that ever came into a block.
    pub found: u64,
    /// Bytes of all blocks, and the most there were.
    pub bytes: (usize, usize),
    /// The most planes in a block: fewer than asked for where memory is bounded.
    pub most_planes: usize,
    /// Whether two planes a block are too many for the memory.
    pub overflows: bool,
    /// Bytes that are allowed.
    limit: Option<usize>,
}

impl<'a> Store<'a> {
    /// Blocks without planes, whose slacks cost so much.
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

    /// Puts planes into the cache of an example, unless there is no room for any. `pass` is the
    /// number of the exact pass.
    ///
    /// # Errors
    /// Two different rows have one name.
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
        // The most violating one last: where there is room for few, it stays.
        let new = block.insert(planes, dim, self.most_planes, pass, workspace);
        self.planes += block.planes();
        if let Some(limit) = self.limit {
            self.bytes.0 += block.bytes();
            self.fit(index, limit);
        }
        self.found += new? as u64;
        Ok(())
    }

    /// Makes the blocks fit into the memory that is allowed: planes not in use go, then each block
    /// keeps half as many, and where two are too many the new ones of this block go too, and the
    /// method is at its end.
    fn fit(&mut self, index: usize, limit: usize) {
        if self.bytes.0 > limit {
            // With room for some passes, so that this does not happen all the time.
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

    /// Lets planes go that have not been in use since the exact pass `since`.
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

    /// Fetches the memory of blocks that are about to be visited.
    pub fn touch(&self, group: &[usize]) {
        std::hint::black_box(group.iter().map(|&index| self.blocks[index].touch()).sum::<f64>());
    }
}
