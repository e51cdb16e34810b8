//! Rounds of a shard: steps on some of the blocks of a problem, while other shards make steps on
//! the others. See [`shards`](crate::solve::shards) for the method.

use std::borrow::Cow;
use std::sync::Arc;

use rand_pcg::Pcg64;
use serde::{Deserialize, Serialize};

use super::cache::{Block, Blocks};
use super::{BlockCoordinate, History, Schedule};
use crate::solve::bounds::{DualSum, Fault, SlackSum};
use crate::solve::drive::Run;
use crate::solve::oracles::Oracles;
use crate::solve::passes::Passes;
use crate::solve::regulariser::Penalty;
use crate::solve::settings::Settings;
use crate::solve::state::{MOST_PASSES, StateError, require};

/// A round, as the root asks for it.
#[derive(Clone, Copy)]
pub(crate) struct Round<'r> {
    /// The share of the way from x to z of the last round that x goes.
    pub share: f64,
    /// Whether z begins at x.
    pub restarts: bool,
    /// The weights at y, from which steps start; under lower bounds u at y.
    pub weights: &'r [f64],
    /// Factor on the curvature, and on the change of w by steps.
    pub damping: f64,
    /// Whether all oracles are called at one w, without steps between.
    pub certifies: bool,
    /// This w, if it is not that of `weights`.
    pub at: Option<&'r [f64]>,
    /// The gap of these blocks at which training stops.
    pub target: f64,
}

/// The result of a round.
#[derive(Default)]
pub(crate) struct Outcome {
    /// u at x, at the start of the round, with the part of D without r*(u); if the round certifies.
    pub dual: Option<(Vec<f64>, DualSum)>,
    /// The slacks, if the round certifies.
    pub slacks: SlackSum,
    /// Sum of the block gaps met in the exact pass, or after it if it certifies.
    pub seen: f64,
    /// Change of u at z by the steps.
    pub change: Vec<f64>,
    /// The part of D without r*(u) on the way from x to z: its value at x, its derivative there, and
    /// the negative of its second derivative.
    pub line: [f64; 3],
}

/// Dual variables of all blocks at the start of a round. Planes keep their places within a round, and
/// new ones follow them.
struct Start {
    alphas: Vec<f64>,
    /// End of the dual variables of each block.
    ends: Vec<usize>,
}

impl Start {
    fn of(blocks: &[Block<'_>]) -> Self {
        let (mut alphas, mut ends) = (Vec::new(), Vec::with_capacity(blocks.len()));
        for block in blocks {
            block.list_alphas(&mut alphas);
            ends.push(alphas.len());
        }
        Self { alphas, ends }
    }

    /// The dual variables of a block. Those of new planes are missing; they were 0.
    fn block(&self, index: usize) -> &[f64] {
        let begin = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.alphas[begin..self.ends[index]]
    }
}

impl<'a> BlockCoordinate<'a> {
    /// For a shard, whose blocks are never cut to a number of planes.
    pub fn of_shard(oracles: &Oracles<'a>, settings: Settings, penalty: Arc<Penalty>) -> Self {
        let block = settings.block.acceleration(false).planes(usize::MAX);
        let settings = Settings { block, max_memory: None, ..settings };
        let at_x = vec![Vec::new(); oracles.len()];
        Self { at_x, ..Self::new(oracles, settings, penalty) }
    }

    /// Makes a round. Steps move the dual variables at z, which are those of the blocks.
    ///
    /// # Errors
    /// An answer is not a plane.
    pub fn round(
        &mut self,
        oracles: &mut Oracles<'a>,
        run: &mut Run<'_>,
        round: &Round<'_>,
    ) -> Result<Outcome, Fault> {
        for (block, at_x) in self.store.blocks.iter_mut().zip(&mut self.at_x) {
            block.move_towards(at_x, round.share);
            if round.restarts {
                block.set_alphas(at_x);
            }
        }
        let start = Start::of(&self.store.blocks);
        let mut outcome = Outcome::default();
        if round.certifies {
            outcome.dual = Some(self.dual_at_x());
            for (index, block) in self.store.blocks.iter_mut().enumerate() {
                block.set_alphas(start.block(index));
            }
        }
        self.sharing = round.damping;
        // Gains are those of the shard's own problem, and do not add up to D.
        self.dual = 0.0;
        self.schedule.count(round.certifies);
        if round.certifies {
            match round.at {
                Some(at) => self.w.copy_from_slice(at),
                None => self.set_weights(round.weights),
            }
            outcome.slacks = self.call_all(oracles, run, &mut |_, _, _| {})?;
            self.set_weights(round.weights);
            self.schedule.seen = self.gap_of_blocks();
        } else {
            self.set_weights(round.weights);
            self.schedule.seen = self.exact_pass(oracles, run)?;
        }
        self.approximate_passes(oracles, run, round.target)?;
        outcome.seen = self.schedule.seen;
        outcome.change = self.change_since(&start);
        let since = self.schedule.clock_before(self.settings.block.idle);
        for (block, at_x) in self.store.blocks.iter_mut().zip(&mut self.at_x) {
            at_x.resize(block.planes(), 0.0);
            let line = block.line_from(at_x);
            outcome.line.iter_mut().zip(line).for_each(|(sum, term)| *sum += term);
            block.forget_unless_in(since, at_x);
        }
        self.store.count();
        self.store.bytes.0 += self.store.planes * size_of::<f64>();
        self.store.bytes.1 = self.store.bytes.1.max(self.store.bytes.0);
        Ok(outcome)
    }

    /// u at x, after x has been made feasible, and the part of D without r*(u). Leaves the blocks
    /// at x.
    fn dual_at_x(&mut self) -> (Vec<f64>, DualSum) {
        for (block, at_x) in self.store.blocks.iter_mut().zip(&self.at_x) {
            block.set_alphas(at_x);
        }
        let mut u = vec![0.0; self.w.len()];
        let sum = Self::sum_up(&mut self.store, &self.crew, &mut u);
        for (block, at_x) in self.store.blocks.iter().zip(&mut self.at_x) {
            at_x.clear();
            block.list_alphas(at_x);
        }
        (u, sum)
    }

    /// Sum of the block gaps.
    fn gap_of_blocks(&mut self) -> f64 {
        let (w, clock, workspace) = (&self.w, self.schedule.clock(), &mut self.buffers.workspace);
        self.store.blocks.iter_mut().map(|block| block.look(w, clock, workspace)).sum()
    }

    /// Sets the weights, or under lower bounds u, from which steps start.
    fn set_weights(&mut self, weights: &[f64]) {
        if self.penalty.is_bounded() {
            self.u.copy_from_slice(weights);
            self.penalty.write_weights(&self.u, &mut self.w);
        } else {
            self.w.copy_from_slice(weights);
        }
    }

    /// The change of Σ αδ since the start of the round.
    fn change_since(&self, start: &Start) -> Vec<f64> {
        let blocks = &self.store.blocks;
        let mut change = vec![0.0; self.w.len()];
        let work = blocks.iter().map(Block::work).sum();
        self.crew.sum_planes(blocks, &mut change, work, |index, list| {
            let before = start.block(index).iter().copied().chain(std::iter::repeat(0.0));
            let planes = blocks[index].offsets_and_alphas().zip(before);
            list.extend(planes.map(|((_, now), before)| now - before));
        });
        change
    }
}

impl Block<'_> {
    /// Moves the dual variables `at_x`, one for each plane, towards those of the block.
    fn move_towards(&self, at_x: &mut [f64], share: f64) {
        for (x, (_, z)) in at_x.iter_mut().zip(self.offsets_and_alphas()) {
            *x = if share == 1.0 { z } else { *x + share * (z - *x) };
        }
    }

    /// The block's part of D without r*(u) on the way from the dual variables `at_x` to its own: the
    /// value, the derivative, and the negative of the second derivative.
    fn line_from(&self, at_x: &[f64]) -> [f64; 3] {
        let (mut value, mut slope, mut sum, mut change) = (0.0, 0.0, 0.0, 0.0);
        for ((offset, z), x) in self.offsets_and_alphas().zip(at_x) {
            value += offset * x;
            slope += offset * (z - x);
            sum += x;
            change += z - x;
        }
        let cost = self.cost();
        let conjugate = if cost.ridge > 0.0 { cost.conjugate(sum) } else { 0.0 };
        let [slope, bend] = [slope - cost.ridge * sum * change, cost.ridge * change * change];
        [value - conjugate, slope, bend]
    }
}

/// The saved state of a shard that has made rounds.
#[derive(Serialize, Deserialize)]
pub(crate) struct ShardState<'s> {
    blocks: Blocks<'s>,
    at_x: Cow<'s, [Vec<f64>]>,
    schedule: Schedule,
    history: Cow<'s, History>,
    random: Pcg64,
    most_bytes: usize,
    support: usize,
    planes_found: u64,
}

impl<'a> BlockCoordinate<'a> {
    pub fn save_shard<'s>(&'s self, oracles: &'s Oracles<'a>) -> ShardState<'s> {
        ShardState {
            blocks: Blocks::borrowed(&self.store.blocks, |index, name| oracles.row(index, name)),
            at_x: self.at_x.as_slice().into(),
            schedule: self.schedule,
            history: Cow::Borrowed(&self.store.history),
            random: self.random.clone(),
            most_bytes: self.store.bytes.1,
            support: self.store.support,
            planes_found: self.store.found,
        }
    }

    /// Restores a saved state. After an error only some fields are restored.
    pub fn restore_shard(
        &mut self,
        oracles: &Oracles<'a>,
        saved: ShardState<'_>,
    ) -> Result<(), StateError> {
        saved.schedule.check()?;
        saved.history.check(self.store.blocks.len())?;
        require(saved.planes_found <= u64::MAX / 2, "a counter is beyond all bounds")?;
        require(saved.schedule.pass <= MOST_PASSES, "a counter is beyond all bounds")?;
        let (row, dim) = (|index, name| oracles.row(index, name), self.w.len());
        let store = &mut self.store;
        store.blocks =
            saved.blocks.restore(&store.blocks, row, dim, usize::MAX, saved.schedule.clock())?;
        let fits = |(block, at_x): (&Block<'_>, &Vec<f64>)| {
            at_x.len() == block.planes() && at_x.iter().all(|x| x.is_finite() && *x >= 0.0)
        };
        require(
            saved.at_x.len() == store.blocks.len()
                && store.blocks.iter().zip(&*saved.at_x).all(fits),
            "the dual variables do not fit the planes",
        )?;
        self.at_x = saved.at_x.into_owned();
        store.count();
        store.bytes.0 += store.planes * size_of::<f64>();
        store.bytes.1 = saved.most_bytes;
        store.support = saved.support;
        store.found = saved.planes_found;
        store.history = saved.history.into_owned();
        self.schedule = saved.schedule;
        self.random = saved.random;
        Ok(())
    }
}
