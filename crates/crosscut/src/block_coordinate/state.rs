//! The state of block-coordinate ascent as data.

use std::borrow::Cow;

use rand_pcg::Pcg64;
use serde::{Deserialize, Serialize};

use super::block::Blocks;
use super::{BlockCoordinate, Course, Master, Proximal, SuffixAverage};
use crate::run::{self, Run};
use crate::state::{MOST_PASSES, SavedSolver, State, StateError, require, require_finite};
use crate::task::Task;

/// What [`BlockCoordinate`] needs to go on.
#[derive(Serialize, Deserialize)]
pub(crate) struct Saved<'s> {
    blocks: Blocks<'s>,
    w: Cow<'s, [f64]>,
    dual: f64,
    proximal: Cow<'s, Proximal>,
    master: Cow<'s, Master>,
    suffix: Cow<'s, SuffixAverage>,
    random: Pcg64,
    certificates: u32,
    most_planes: usize,
    most_bytes: usize,
    support: usize,
    planes_found: u64,
    pass: u32,
    course: Course,
}

impl<T: Task> BlockCoordinate<'_, T> {
    pub(super) fn state<'s>(&'s self, course: Course, run: &'s Run<'_>, last_pass: bool) -> State<'s> {
        let saved = Saved {
            blocks: Blocks::borrowed(&self.blocks, move |index| self.oracles.rows(index)),
            w: self.w.as_slice().into(),
            dual: self.dual,
            proximal: Cow::Borrowed(&self.proximal),
            master: Cow::Borrowed(&self.master),
            suffix: Cow::Borrowed(&self.suffix),
            random: self.random.clone(),
            certificates: self.certificates,
            most_planes: self.most_planes,
            most_bytes: self.bytes.1,
            support: self.support,
            planes_found: self.planes_found,
            pass: self.pass,
            course,
        };
        State {
            examples: self.blocks.len(),
            oracle_calls: self.oracles.calls,
            run: run.save(),
            solver: SavedSolver::Block(Box::new(saved)),
            last_pass,
        }
    }

    /// Takes the place of what is here; after an error that is a mixture.
    pub fn restore(&mut self, saved: Saved<'_>, oracle_calls: u64, run: run::Saved<'_>) -> Result<(), StateError> {
        let dim = self.w.len();
        require_finite("the weights", &saved.w, dim)?;
        require(saved.dual.is_finite(), "the dual value is not a finite number")?;
        require(saved.master.is_sound(dim), "the weights of the last solve do not fit")?;
        require(saved.proximal.is_sound(dim) && saved.suffix.is_sound(dim), "the averages do not fit the weights")?;
        let Course { forecast, uncertified, stuck, last, seen } = saved.course;
        require(![forecast, last, seen].iter().any(|number| number.is_nan()), "a gap is not a number")?;
        let counters = [saved.certificates, saved.pass, uncertified, stuck, saved.suffix.age()];
        require(counters.iter().all(|count| *count <= MOST_PASSES), "a counter is beyond all bounds")?;
        require(saved.planes_found <= u64::MAX / 2, "a counter is beyond all bounds")?;

        let most_planes = self.settings.block.planes;
        require((2..=most_planes.max(2)).contains(&saved.most_planes), "the most planes of an example are miscounted")?;
        let rows = |index| self.oracles.rows(index);
        self.blocks = saved.blocks.restore(&self.blocks, rows, dim, most_planes, saved.pass)?;
        self.count();
        self.bytes.1 = saved.most_bytes;
        self.most_planes = saved.most_planes;
        self.w = saved.w.into_owned();
        self.dual = saved.dual;
        self.proximal = saved.proximal.into_owned();
        self.master = saved.master.into_owned();
        self.suffix = saved.suffix.into_owned();
        self.random = saved.random;
        self.certificates = saved.certificates;
        self.support = saved.support;
        self.planes_found = saved.planes_found;
        self.pass = saved.pass;
        self.oracles.calls = oracle_calls;
        self.resumed = Some((saved.course, run.into_owned()));
        Ok(())
    }
}
