//! [`Shard`]: some of the examples of a problem, with their planes.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::message::{Description, Reply, Request, Round, RoundSum, Tally};
use crate::solve::block::{self, BlockCoordinate};
use crate::solve::bounds::Fault;
use crate::solve::drive::Run;
use crate::solve::error::SolveError;
use crate::solve::methods::Method;
use crate::solve::oracles::Oracles;
use crate::solve::passes::{Ask, Passes, PlaneSum};
use crate::solve::progress::Flow;
use crate::solve::regulariser::{Penalty, Regulariser};
use crate::solve::settings::{C, Settings};
use crate::solve::state::StateError;
use crate::solve::vectors::squared_norm;
use crate::task::{Example, Task};

/// Some of the examples of a training set, with their oracles, planes and dual variables. It
/// [answers](Self::answer) the requests of a [`ShardTrainer`](crate::ShardTrainer), which may be in
/// another process.
///
/// All shards of a training set must have the same task, settings and regulariser, and each example
/// must be in exactly one of them.
pub struct Shard<'a> {
    oracles: Oracles<'a>,
    settings: Settings,
    penalty: Arc<Penalty>,
    /// `None` before the first round.
    blocks: Option<BlockCoordinate<'a>>,
}

impl<'a> Shard<'a> {
    /// A shard of a training set with `all` examples. `first` is the position of its first example
    /// there.
    ///
    /// # Errors
    /// Settings out of range; no examples, or an invalid one; a regulariser that does not fit the
    /// task; threads that could not be started.
    pub fn new<T: Task>(
        task: &'a T,
        examples: impl IntoIterator<Item = &'a Example<T::Input, T::Output>>,
        (first, all): (usize, usize),
        settings: &Settings,
        regulariser: &Regulariser,
    ) -> Result<Self, SolveError>
    where
        T::Input: 'a,
        T::Output: 'a,
    {
        settings.check()?;
        let oracles =
            Oracles::new(task, examples, settings.threads).map_err(|error| match error {
                SolveError::Example { index, message } => {
                    SolveError::Example { index: first + index, message }
                }
                other => other,
            })?;
        let penalty = Arc::new(Penalty::new(regulariser, oracles.dim())?);
        let settings = Settings {
            c: C::Sum(settings.c.sum(all)),
            // Each shard visits its examples in an order of its own.
            seed: settings.seed.wrapping_add(first as u64),
            ..*settings
        };
        Ok(Self { oracles: oracles.starting_at(first), settings, penalty, blocks: None })
    }

    /// Answers a request.
    pub fn answer(&mut self, request: &Request<'_>) -> Reply {
        match request {
            Request::Describe => Reply::Description(Description {
                len: self.oracles.len(),
                examples: self.oracles.examples(),
                weights: self.oracles.weights(),
                dim: self.oracles.dim(),
                is_relaxed: self.oracles.is_relaxed(),
                shards: 1,
            }),
            &Request::Sum { ref w, each, norm } => {
                let sum = self.oracles.sum(Ask { w, each, norm }, &mut |_| {});
                let sum = sum.unwrap_or_else(|error| {
                    let mut none = PlaneSum::new(w.len());
                    none.slacks.audit.fault = Some(error.into_fault());
                    none
                });
                Reply::Sum(Box::new(sum), self.tally())
            }
            Request::Round(round) => {
                let mut sum = self.round(round).unwrap_or_else(|fault| {
                    let mut none = RoundSum::default();
                    none.slacks.audit.fault = Some(fault);
                    none
                });
                // Vectors are summed before anybody sees the fault.
                let dim = self.oracles.dim();
                sum.at_x.resize(if round.certifies { dim } else { 0 }, 0.0);
                sum.change.resize(dim, 0.0);
                sum.tally = self.tally();
                Reply::Round(Box::new(sum))
            }
        }
    }

    fn tally(&self) -> Tally {
        let spent = self.oracles.spent();
        let tally = Tally { calls: spent.calls, seconds: spent.seconds, ..Tally::default() };
        let Some(blocks) = &self.blocks else { return tally };
        let counts = blocks.counts(&self.oracles);
        Tally {
            planes: counts.planes,
            support: counts.support,
            found: counts.planes_found,
            bytes: counts.bytes,
            overflows: self.settings.max_memory.is_some_and(|limit| counts.bytes.0 > limit),
            ..tally
        }
    }

    fn round(&mut self, asked: &Round<'_>) -> Result<RoundSum, Fault> {
        let blocks = blocks(&mut self.blocks, &self.oracles, &self.settings, &self.penalty);
        let oracles = &mut self.oracles;
        let round = block::Round {
            share: asked.share,
            restarts: asked.restarts,
            weights: &asked.weights,
            damping: asked.damping,
            certifies: asked.certifies,
            at: Some(&*asked.at).filter(|at| !at.is_empty()),
            target: asked.target * oracles.examples() as f64,
        };
        // The root watches the clock and follows progress, between rounds.
        let mut observer = |_: &_| Flow::Continue(());
        let settings = self.settings.passes(None).seconds(None);
        let counts = blocks.counts(oracles);
        let mut run = Run::new(&mut observer, settings, oracles, counts);
        let outcome = blocks.round(oracles, &mut run, &round)?;
        let (at_x, dual) = outcome.dual.unwrap_or_default();
        Ok(RoundSum {
            at_x,
            dual,
            slacks: outcome.slacks,
            seen: outcome.seen,
            squares: squared_norm(&outcome.change),
            change: outcome.change,
            line: outcome.line,
            tally: Tally::default(),
        })
    }

    /// The state between two requests, for a checkpoint.
    pub fn save(&self) -> SavedShard<'_> {
        let blocks = self.blocks.as_ref().map(|blocks| blocks.save_shard(&self.oracles));
        SavedShard { calls: self.oracles.spent().calls, blocks: blocks.map(Box::new) }
    }

    /// Restores a saved state of a shard with the same examples and settings.
    ///
    /// # Errors
    /// A state that does not fit. After an error the shard must not be used.
    pub fn restore(&mut self, saved: SavedShard<'_>) -> Result<(), StateError> {
        self.oracles.go_on_from(saved.calls);
        let Some(state) = saved.blocks else { return Ok(()) };
        let blocks = blocks(&mut self.blocks, &self.oracles, &self.settings, &self.penalty);
        blocks.restore_shard(&self.oracles, *state)
    }
}

/// The block method of a shard.
fn blocks<'b, 'a>(
    blocks: &'b mut Option<BlockCoordinate<'a>>,
    oracles: &Oracles<'a>,
    settings: &Settings,
    penalty: &Arc<Penalty>,
) -> &'b mut BlockCoordinate<'a> {
    blocks.get_or_insert_with(|| BlockCoordinate::of_shard(oracles, *settings, Arc::clone(penalty)))
}

impl fmt::Debug for Shard<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shard").field("examples", &self.oracles.examples()).finish_non_exhaustive()
    }
}

/// The state of a [`Shard`], which can be sent or written with serde. Like a
/// [`State`](crate::State), it is useless without the examples.
#[derive(Serialize, Deserialize)]
pub struct SavedShard<'s> {
    calls: u64,
    blocks: Option<Box<block::ShardState<'s>>>,
}

impl fmt::Debug for SavedShard<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SavedShard").field("calls", &self.calls).finish_non_exhaustive()
    }
}
