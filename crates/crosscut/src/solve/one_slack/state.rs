//! The saved state of the 1-slack method.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::plane::{Delta, SummedPlane};
use super::{IDLE, OneSlack};
use crate::solve::methods::Solver;
use crate::solve::qp::Gram;
use crate::solve::state::{StateError, require, require_close, require_finite, start_of};

/// The saved state of [`OneSlack`].
#[derive(Serialize, Deserialize)]
pub(crate) struct OneSlackState<'s> {
    /// The solver chosen by the settings; it may have handed over to this one.
    begun_by: Solver,
    /// Cost of the slack of an example of weight 1.
    each: f64,
    working_set: Cow<'s, [SummedPlane]>,
    alpha: Cow<'s, [f64]>,
    /// The weights at which the next pass calls the oracles; empty if they are its own.
    start: Cow<'s, [f64]>,
    gram: Cow<'s, Gram>,
    planes_found: u64,
    most_bytes: usize,
    stuck: u32,
}

impl OneSlack {
    pub(super) fn saved(&self) -> OneSlackState<'_> {
        OneSlackState {
            begun_by: self.settings.solver.resolve(self.examples),
            each: self.settings.c.sum(self.examples),
            working_set: self.working_set.as_slice().into(),
            alpha: self.alpha.as_slice().into(),
            start: self.start.as_deref().unwrap_or_default().into(),
            gram: Cow::Borrowed(&self.gram),
            planes_found: self.planes_found,
            most_bytes: self.most_bytes,
            stuck: self.stuck,
        }
    }

    /// Restores a saved state; after an error nothing has changed.
    pub(super) fn take(&mut self, saved: OneSlackState<'_>) -> Result<(), StateError> {
        let (dim, m) = (self.w.len(), saved.working_set.len());
        require_close("what a slack costs", saved.each, self.settings.c.sum(self.examples))?;
        require_finite("the dual variables", &saved.alpha, m)?;
        let start = start_of(saved.start, dim, &self.penalty)?;
        require(saved.alpha.iter().all(|alpha| *alpha >= 0.0), "a dual variable is negative")?;
        require(saved.alpha.iter().sum::<f64>() <= 1.0 + 1e-9, "the dual variables are too large")?;
        require(saved.gram.order() == m, "the planes are miscounted")?;
        require(
            saved.working_set.iter().all(|plane| plane.is_sound(dim)),
            "a plane does not fit the weights",
        )?;
        require(
            saved.planes_found <= u64::MAX / 2 && saved.stuck <= IDLE,
            "a counter is beyond all bounds",
        )?;

        self.working_set = saved.working_set.into_owned();
        self.alpha = saved.alpha.into_owned();
        self.gram = saved.gram.into_owned();
        self.planes_found = saved.planes_found;
        self.most_bytes = saved.most_bytes;
        // The weights and D follow from the rest, to the bit.
        self.refresh();
        self.start = start;
        self.stuck = saved.stuck;
        Ok(())
    }
}

impl OneSlackState<'_> {
    /// The solver with which the run began.
    pub fn begun_by(&self) -> Solver {
        self.begun_by
    }
}

impl SummedPlane {
    fn is_sound(&self, dim: usize) -> bool {
        let fits = match &self.delta {
            Delta::Dense(values) => {
                values.len() == dim && values.iter().all(|value| value.is_finite())
            }
            Delta::Sparse(entries) => {
                entries.is_sorted_by(|a, b| a.0 < b.0)
                    && entries.iter().all(|&(index, value)| index < dim && value.is_finite())
            }
        };
        let sizes = [self.sizes, self.errors];
        let sizes_are_finite =
            sizes.iter().all(|sizes| sizes.offset.is_finite() && sizes.delta.is_finite());
        fits && sizes_are_finite && self.offset.is_finite() && self.idle <= IDLE
    }
}
