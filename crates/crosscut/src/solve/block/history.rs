//! [`History`]: what visits to each block have found, and which blocks are due for the next one.

use serde::{Deserialize, Serialize};

use super::tuning::Tuning;
use crate::solve::state::{MOST_PASSES, StateError, require};

/// The last visits to every block. They are stored side by side, so that choosing the blocks to
/// visit reads no block.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct History {
    blocks: Vec<Seen>,
    /// Number of rounds. A round is an approximate pass that may visit every block.
    round: u32,
}

/// The last visits to a block.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Seen {
    /// Block gap at the last visit, infinite before the first.
    gap: f64,
    /// The first round in which the block is due again.
    due: u32,
    /// Number of consecutive visits without a step.
    idle: u8,
    /// Number of consecutive searches for a recombined plane that found none.
    fruitless: u8,
    /// Number of visits to come that do not search for a recombined plane.
    wait: u8,
    /// Whether the block got a new plane after the last visit.
    fresh: bool,
}

/// Nothing is known of the block.
const UNSEEN: Seen =
    Seen { gap: f64::INFINITY, due: 0, idle: 0, fruitless: 0, wait: 0, fresh: true };

impl History {
    /// For blocks that were never visited.
    pub fn new(blocks: usize) -> Self {
        Self { blocks: vec![UNSEEN; blocks], round: 0 }
    }

    /// Forgets all visits.
    pub fn reset(&mut self) {
        self.blocks.fill(UNSEEN);
    }

    /// The block gap at the last visit.
    pub fn gap(&self, index: usize) -> f64 {
        self.blocks[index].gap
    }

    /// Starts a round.
    pub fn begin_round(&mut self) {
        self.round += 1;
    }

    /// Whether the block is due in this round.
    pub fn is_due(&self, index: usize) -> bool {
        self.blocks[index].due <= self.round
    }

    /// Whether the block took no step in its last `visits` visits, and has no new plane since then.
    pub fn rests(&self, index: usize, visits: u8) -> bool {
        self.blocks[index].idle >= visits && !self.blocks[index].fresh
    }

    /// Records a visit.
    pub fn record(&mut self, index: usize, gap: f64, stepped: bool, tuning: &Tuning) {
        let seen = &mut self.blocks[index];
        (seen.gap, seen.fresh) = (gap, false);
        seen.idle = if stepped { 0 } else { seen.idle.saturating_add(1) };
        // After `screened` idle visits, the block rests for one round, then for twice as many each
        // time.
        let rest = match seen.idle.checked_sub(tuning.screened) {
            Some(more) => (1 << more.min(10)).min(tuning.longest_rest),
            None => 0,
        };
        seen.due = self.round + 1 + rest;
    }

    /// Whether this visit should search for a recombined plane. Blocks in which such searches found
    /// nothing wait longer and longer.
    pub fn searches(&mut self, index: usize, tuning: &Tuning) -> bool {
        let seen = &mut self.blocks[index];
        let waits = seen.fruitless >= tuning.fruitless && seen.wait > 0;
        seen.wait -= u8::from(waits);
        !waits
    }

    /// Records a search for a recombined plane.
    pub fn record_search(&mut self, index: usize, found: bool) {
        let seen = &mut self.blocks[index];
        seen.fruitless = if found { 0 } else { seen.fruitless.saturating_add(1) };
        seen.wait = seen.fruitless;
    }

    /// The block has a new plane, and no recombination with it is known.
    pub fn has_new_plane(&mut self, index: usize) {
        let seen = &mut self.blocks[index];
        (seen.fruitless, seen.wait, seen.fresh) = (0, 0, true);
    }

    /// Refuses what no run can have written.
    pub fn check(&self, blocks: usize) -> Result<(), StateError> {
        require(self.blocks.len() == blocks, "its visits do not fit the examples")?;
        require(
            self.round <= MOST_PASSES && !self.blocks.iter().any(|seen| seen.gap.is_nan()),
            "its visits are not of this run",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A block with idle visits is due in the rounds 1, 2, 4, 7, 12, … and in each after a step.
    #[test]
    fn idle_blocks_rest_longer_and_longer_until_they_step() {
        let tuning = Tuning { screened: 2, longest_rest: 4, ..Tuning::default() };
        let mut history = History::new(2);
        let mut due = Vec::new();
        for round in 1..=20 {
            history.begin_round();
            assert!(history.is_due(1), "a block that was never visited is due");
            if history.is_due(0) {
                due.push(round);
                history.record(0, 0.5, round == 17, &tuning);
            }
        }
        assert_eq!(due, [1, 2, 4, 7, 12, 17, 18, 19]);
        assert_eq!((history.gap(0), history.gap(1)), (0.5, f64::INFINITY));
        assert!(history.rests(0, 2) && !history.rests(1, 0));
        history.has_new_plane(0);
        assert!(!history.rests(0, 2), "a new plane is visited");
    }

    #[test]
    fn searches_that_find_nothing_become_rare() {
        let tuning = Tuning { fruitless: 4, ..Tuning::default() };
        let mut history = History::new(1);
        let mut search = |visits: usize, found: bool| -> Vec<bool> {
            let visit = |_| {
                let searches = history.searches(0, &tuning);
                if searches {
                    history.record_search(0, found);
                }
                searches
            };
            (0..visits).map(visit).collect()
        };
        assert_eq!(search(4, false), [true; 4]);
        assert_eq!(search(5, false), [false, false, false, false, true]);
        assert_eq!(search(6, true), [false, false, false, false, false, true]);
        assert_eq!(search(2, true), [true; 2]);
    }
}
