//! Serialised state of block-coordinate ascent.

use std::borrow::Cow;

use rand_pcg::Pcg64;
use serde::{Deserialize, Serialize};

use super::cache::Blocks;
use super::{BlockCoordinate, History, Master, Proximal, Schedule, SuffixAverage};
use crate::solve::oracles::Oracles;
use crate::solve::state::{MOST_PASSES, StateError, require, require_finite, start_of};

/// Everything that [`BlockCoordinate`] needs to resume.
#[derive(Serialize, Deserialize)]
pub(crate) struct BlockCoordinateState<'s> {
    blocks: Blocks<'s>,
    w: Cow<'s, [f64]>,
    /// The weights at which the next pass calls the oracles; empty if they are its own.
    start: Cow<'s, [f64]>,
    /// Σ αδ under lower bounds; otherwise empty.
    u: Cow<'s, [f64]>,
    dual: f64,
    proximal: Cow<'s, Proximal>,
    master: Cow<'s, Master>,
    suffix: Cow<'s, SuffixAverage>,
    schedule: Schedule,
    history: Cow<'s, History>,
    random: Pcg64,
    most_planes: usize,
    most_bytes: usize,
    support: usize,
    planes_found: u64,
}

impl<'a> BlockCoordinate<'a> {
    pub(super) fn saved<'s>(&'s self, oracles: &'s Oracles<'a>) -> BlockCoordinateState<'s> {
        BlockCoordinateState {
            blocks: Blocks::borrowed(&self.store.blocks, |index, name| oracles.row(index, name)),
            w: (&*self.w).into(),
            start: self.start.as_deref().unwrap_or_default().into(),
            u: if self.penalty.is_bounded() { self.u.as_slice().into() } else { Cow::default() },
            dual: self.dual,
            proximal: Cow::Borrowed(&self.proximal),
            master: Cow::Borrowed(&self.master),
            suffix: Cow::Borrowed(&self.suffix),
            schedule: self.schedule,
            history: Cow::Borrowed(&self.store.history),
            random: self.random.clone(),
            most_planes: self.store.most_planes,
            most_bytes: self.store.bytes.1,
            support: self.store.support,
            planes_found: self.store.found,
        }
    }

    /// Restores a saved state. After an error only some fields are restored.
    pub(super) fn take(
        &mut self,
        oracles: &Oracles<'a>,
        saved: BlockCoordinateState<'_>,
    ) -> Result<(), StateError> {
        let dim = self.w.len();
        require_finite("the weights", &saved.w, dim)?;
        let start = start_of(saved.start, dim, &self.penalty)?;
        let bounded = if self.penalty.is_bounded() { dim } else { 0 };
        require_finite("the sum of planes", &saved.u, bounded)?;
        require(saved.dual.is_finite(), "the dual value is not a finite number")?;
        require(saved.master.is_sound(dim), "the weights of the last solve do not fit")?;
        require(
            saved.proximal.is_sound(dim) && saved.suffix.is_sound(dim),
            "the averages do not fit the weights",
        )?;
        saved.schedule.check()?;
        saved.history.check(self.store.blocks.len())?;
        require(saved.suffix.age() <= MOST_PASSES, "a counter is beyond all bounds")?;
        require(saved.planes_found <= u64::MAX / 2, "a counter is beyond all bounds")?;
        let most_planes = self.settings.block.planes;
        require(
            (2..=most_planes.max(2)).contains(&saved.most_planes),
            "the most planes of an example are miscounted",
        )?;

        let row = |index, name| oracles.row(index, name);
        let store = &mut self.store;
        store.blocks =
            saved.blocks.restore(&store.blocks, row, dim, most_planes, saved.schedule.clock())?;
        store.count();
        store.bytes.1 = saved.most_bytes;
        store.most_planes = saved.most_planes;
        store.support = saved.support;
        store.found = saved.planes_found;
        self.w.copy_from_slice(&saved.w);
        self.start = start;
        if self.penalty.is_bounded() {
            self.u = saved.u.into_owned();
            self.penalty.write_weights(&self.u, &mut self.w);
        }
        self.dual = saved.dual;
        self.proximal = saved.proximal.into_owned();
        self.master = saved.master.into_owned();
        self.suffix = saved.suffix.into_owned();
        self.schedule = saved.schedule;
        self.store.history = saved.history.into_owned();
        self.random = saved.random;
        Ok(())
    }
}
