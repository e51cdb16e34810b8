//! Exact, certifying and approximate passes, and the joint solve of the dual over all planes.

use rand::seq::SliceRandom;

use super::cache::Block;
use super::crew::{Crew, divided, part, parts};
use super::history::History;
use super::master::{self, Goal, Sizes};
use super::proximal::Proximal;
use super::store::Store;
use super::{BlockCoordinate, Buffers};
use crate::solve::bounds::{Answer, DualSum, Fault, SlackSum};
use crate::solve::drive::Run;
use crate::solve::methods::Method;
use crate::solve::oracles::Oracles;
use crate::solve::regulariser::Conjugate;
use crate::solve::vectors::squared_norm;

/// Result of a visit to a block.
#[derive(Clone, Copy, Debug, Default)]
struct Visit {
    /// The block gap before the step.
    gap: f64,
    /// Increase of D by the step.
    gain: f64,
}

/// What [`BlockCoordinate::refresh`] sums over a part of the blocks.
#[derive(Default)]
struct Part {
    sum: DualSum,
    support: usize,
    /// Number of multiplications that sum the planes.
    work: f64,
}

impl<'a> BlockCoordinate<'a> {
    /// Calls the oracles batch by batch and takes a step on each block in turn. Returns the sum of
    /// the block gaps before these steps, plus the [excess](Proximal::excess) under acceleration.
    ///
    /// # Errors
    /// An answer is not a plane. Other answers of its batch may then be missing from the caches.
    pub(super) fn exact_pass(
        &mut self,
        oracles: &mut Oracles<'a>,
        run: &mut Run<'_>,
    ) -> Result<f64, Fault> {
        let mut order: Vec<usize> = (0..self.store.blocks.len()).collect();
        order.shuffle(&mut self.random);
        let (mut seen, mut done) = (0.0, 0);
        // A batch is at most an eighth of the examples: if all oracles saw the same w, all planes
        // would be found at this one w.
        for batch in order.chunks(self.settings.block.batch.min(order.len().div_ceil(8))) {
            oracles.separate(&self.w, batch, &mut self.buffers.planes)?;
            // Under a memory limit, the next insertion may drop planes that are not in use yet.
            let ahead = !self.store.is_limited();
            if ahead {
                self.take_in(oracles, batch, 0)?;
            }
            for (slot, &index) in batch.iter().enumerate() {
                if slot % self.settings.block.tuning.touched == 0 {
                    self.store.touch(
                        &batch[slot..batch.len().min(slot + self.settings.block.tuning.touched)],
                    );
                }
                if !ahead {
                    self.take_in(oracles, &batch[slot..=slot], slot)?;
                }
                let rests = self.schedule.improves()
                    && self.store.history.rests(index, self.settings.block.tuning.resting);
                seen += match rests {
                    true => self.store.history.gap(index),
                    false => self.visit(oracles, index, 0.0, false)?.gap,
                };
            }
            done += batch.len();
            run.estimate(self.dual + seen * order.len() as f64 / done as f64, self.dual);
            run.tick(self.counts(oracles));
            if run.must_end() || self.store.overflows {
                break;
            }
        }
        if self.proximal.is_active() {
            self.update_dual();
        }
        Ok(seen + self.proximal.excess(&self.w))
    }

    /// Calls all oracles at one w, which gives P(w); returns P(w) − D. w is the given start of the
    /// run, or the solution of the last master solve, if there is one. Otherwise w is the average of
    /// recent weights if this is expected to show a smaller gap, and the current weights if not.
    ///
    /// Each slack is the larger of the oracle's answer and the value of the best cached plane. An
    /// oracle that keeps its contract is never below its cached planes.
    ///
    /// # Errors
    /// An answer is not a plane. Nothing is certified then.
    pub(super) fn certifying_pass(
        &mut self,
        oracles: &mut Oracles<'a>,
        run: &mut Run<'_>,
    ) -> Result<f64, Fault> {
        let (sum, conjugate) = self.refresh();
        run.bounds.raise(&sum, &conjugate);
        let start = self.start.take();
        let solved = start.is_some() || self.master.weights().is_some();
        let averaged = !solved && self.suffix.write_if_better(&mut self.w, self.penalty.prior());
        if averaged {
            // The average is rounded.
            self.penalty.clip(&mut self.w);
        }
        if let Some(weights) = start.as_deref().or(self.master.weights()) {
            self.w.copy_from_slice(weights);
        }
        // A master solve stretches its w itself.
        let stretched =
            !solved && self.primal_at_prior() > self.settings.block.tuning.huge * self.dual;
        if stretched {
            let w = self.w.to_vec();
            let w = master::stretched(&self.store.blocks, w, &self.penalty, &self.crew);
            self.w.copy_from_slice(&w);
        }
        let dual = self.dual;
        let half = if run.is_uncertified() { self.penalty.half_square(&self.w) } else { 0.0 };
        let slacks = self.call_all(oracles, run, &mut |run, cost, share| {
            run.estimate(half + cost / share, dual);
        })?;
        let primal = run.bounds.certify(&self.w, &self.penalty, &slacks, self.store.blocks.len());
        if let Some(start) = start
            && self.settings.block.acceleration
            && !self.penalty.is_bounded()
        {
            self.proximal.start_at(start);
        }
        if solved || averaged || stretched {
            self.refresh();
        }
        if !solved {
            self.suffix.judge(averaged, primal - dual, self.schedule.seen);
        }
        Ok(primal - dual)
    }

    /// Calls all oracles at w, and adds up the slacks. `tell` hears the cost so far, and of which
    /// share of the examples it is.
    ///
    /// # Errors
    /// An answer is not a plane.
    pub(super) fn call_all(
        &mut self,
        oracles: &mut Oracles<'a>,
        run: &mut Run<'_>,
        tell: &mut dyn FnMut(&mut Run<'_>, f64, f64),
    ) -> Result<SlackSum, Fault> {
        let order: Vec<usize> = (0..self.store.blocks.len()).collect();
        let mut slacks = SlackSum::default();
        let length = squared_norm(&self.w).sqrt();
        let mut done = 0;
        for slice in order.chunks(self.buffers.planes.len()) {
            oracles.compare(
                &self.w,
                slice,
                &mut self.buffers.planes,
                (&self.store.blocks, length),
            )?;
            for (slot, &index) in slice.iter().enumerate() {
                let planes = &self.buffers.planes[slot];
                let value = planes.highest().map_or(f64::NAN, |plane| plane.value);
                let answer = Answer { value, missed: planes.missed() };
                slacks.add(
                    self.store.blocks[index].cost(),
                    oracles.position(index),
                    answer,
                    planes.known,
                );
            }
            self.take_in(oracles, slice, 0)?;
            done += slice.len();
            tell(run, slacks.cost, done as f64 / order.len() as f64);
            run.tick(self.counts(oracles));
        }
        Ok(slacks)
    }

    /// P(w₀) over the cached planes.
    fn primal_at_prior(&mut self) -> f64 {
        let (prior, dots) = (self.penalty.prior(), &mut self.buffers.dots);
        let mut highest = |block: &Block<'_>| match prior.is_empty() {
            true => block.largest_offset(),
            false => block.highest(prior, dots),
        };
        self.store.blocks.iter().map(|block| block.cost().of(highest(block))).sum()
    }

    /// Takes block steps over cached planes until their gap is a fraction of the gap met in the
    /// exact pass, or of the gap at which training stops.
    ///
    /// Makes at least one pass after a certifying pass, which takes no steps. Training stops at the
    /// gap `target`.
    ///
    /// # Errors
    /// A recombined plane is not a plane.
    pub(super) fn approximate_passes(
        &mut self,
        oracles: &Oracles<'a>,
        run: &mut Run<'_>,
        target: f64,
    ) -> Result<(), Fault> {
        let (at_least_one, blocks) = (self.schedule.has_certified(), self.store.blocks.len());
        let early = (self.settings.block.tuning.early
            * self.settings.block.tuning.early_growth.powi(self.schedule.pass.min(20) as i32))
            as usize;
        let most = self.settings.block.approximate_passes.max(usize::from(at_least_one)).min(early);
        let enough = (self.settings.block.tuning.settled * self.schedule.seen)
            .max(self.settings.block.tuning.left * target);
        let each = enough / blocks as f64;
        let mut active = Vec::with_capacity(blocks);
        let screens = self.schedule.improves();
        let is_due = |history: &History, index| !screens || history.is_due(index);
        self.store.history.begin_round();
        let mut sweep = 0.0;
        for (index, block) in self.store.blocks.iter().enumerate() {
            sweep += block.work() / blocks as f64;
            // Skips blocks that were at rest in the exact pass. A certifying pass visits no blocks,
            // so none is skipped after it.
            if block.planes() > 0
                && is_due(&self.store.history, index)
                && (at_least_one
                    || self.store.history.gap(index) > self.settings.block.tuning.at_rest * each)
            {
                active.push(index);
            }
        }
        let pays =
            self.settings.block.tuning.accelerated * self.w.len() as f64 <= sweep * blocks as f64;
        let accelerate = self.settings.block.acceleration && pays && !self.penalty.is_bounded();
        let (mut lowest, mut before) = (f64::INFINITY, f64::INFINITY);
        let mut recent = [f64::INFINITY; 2];
        let mut visits = most * blocks;
        let mut recombines = oracles.recombines();
        self.relaxes = screens
            && self.at_x.is_empty()
            && self.schedule.length >= self.settings.block.tuning.long_round;
        self.schedule.length = 0;
        for pass in 1_usize.. {
            let Some(left) = visits.checked_sub(active.len()) else { break };
            visits = left;
            self.schedule.length = pass;
            // A visit computes the values of all planes of a block, and usually takes a step at a
            // similar cost.
            self.master.owe(2.0 * sweep * active.len() as f64);
            active.shuffle(&mut self.random);
            let (mut gap, mut gain) = (0.0, 0.0);
            let recombining = recombines
                && (pass % self.settings.block.tuning.recombining == 1 || self.master.is_on());
            let found = self.store.found;
            for (count, group) in active.chunks(self.settings.block.tuning.touched).enumerate() {
                self.store.touch(group);
                for &index in group {
                    let visit = self.visit(oracles, index, each, recombining)?;
                    gap += visit.gap;
                    gain += visit.gain;
                }
                if count % (self.settings.block.tuning.slice / self.settings.block.tuning.touched)
                    == 0
                {
                    run.tick(self.counts(oracles));
                }
            }
            if recombining {
                recombines = (self.store.found - found) as f64
                    >= self.settings.block.tuning.fruitful * active.len() as f64;
            }
            let total = gap + self.proximal.excess(&self.w);
            if self.proximal.is_active() {
                self.update_dual();
            }
            // If the master solves the dual afterwards, further passes only serve to find
            // recombined planes.
            if self.master.is_on() && !(recombines && recombining) {
                break;
            }
            if total <= enough || gain <= 1e-15 * self.dual.abs() || run.must_end() {
                break;
            }
            let rises = gain > self.settings.block.tuning.worth * target;
            let is_between = total > self.settings.block.tuning.far * self.dual
                && total < self.settings.block.tuning.within * self.dual;
            if accelerate
                && rises
                && is_between
                && total > self.settings.block.tuning.creeping * recent[1]
            {
                self.proximal.start(gain / gap, &mut self.w);
            }
            recent = [total, recent[0]];
            lowest = lowest.min(total);
            if pass.is_multiple_of(self.settings.block.tuning.patience) {
                if lowest >= 0.9 * before {
                    self.proximal.weaken(&mut self.w);
                }
                before = lowest;
            }
            self.proximal.advance(&mut self.w);
            // Acceleration moves the weights far, so blocks at rest are visited again every few
            // passes.
            let blocks = &self.store.blocks;
            if self.proximal.is_active()
                && pass.is_multiple_of(self.settings.block.tuning.look_again)
            {
                active.clear();
                self.store.history.begin_round();
                let history = &self.store.history;
                active.extend(
                    (0..blocks.len())
                        .filter(|&index| is_due(history, index) && blocks[index].planes() > 0),
                );
            } else {
                active.retain(|&index| self.store.history.gap(index) > each);
                if self.settings.block.idle <= 1
                    && self.at_x.is_empty()
                    && pass.is_multiple_of(self.settings.block.tuning.tidying)
                {
                    let since = self.schedule.clock().saturating_sub(2);
                    active.iter().for_each(|&index| self.store.forget_in(index, since));
                    self.schedule.tick();
                }
            }
        }
        Ok(())
    }

    /// Solves the dual over all cached planes jointly, if a solve is due.
    pub(super) fn solve_master(&mut self, oracles: &Oracles<'a>, run: &Run<'_>) {
        // `sweep` counts the multiplications that compute the values of all planes.
        let (mut full, mut rank, mut sweep) = (false, 0, 0.0);
        let mut most_values = 0.0;
        for block in &self.store.blocks {
            full |= block.planes() >= self.store.most_planes;
            rank += block.rank();
            sweep += block.work();
            most_values += block.most_values();
        }
        // A full block merges planes, so its planes would differ from one solve to the next.
        if !self.settings.block.acceleration || full {
            return;
        }
        let sizes = Sizes {
            dim: self.w.len(),
            planes: self.store.planes,
            rank,
            sweep,
            bounded: self.penalty.is_bounded(),
            values_of_tangents: oracles.is_smooth().then_some(most_values),
        };
        let memory = sizes.numbers().saturating_mul(size_of::<f64>());
        let fits = self
            .settings
            .max_memory
            .is_none_or(|limit| self.store.bytes.0.saturating_add(memory) <= limit);
        let seen = self.schedule.seen;
        if !fits || !sizes.is_possible() || !self.master.is_due(seen, sizes) {
            return;
        }
        self.proximal = Proximal::default();
        self.refresh();
        let goal = Goal {
            floor: self.settings.block.tuning.overshoot * run.target(self.dual),
            seen: self.settings.block.tuning.loose * seen,
            of_dual: self.settings.block.tuning.loose,
        };
        let (blocks, start) = (&mut self.store.blocks, (&*self.w, &*self.penalty));
        self.master.solve(blocks, start, (goal, sizes), &|| run.must_end(), &self.crew);
        self.refresh();
    }

    /// Recomputes D from the dual variables and w.
    fn update_dual(&mut self) {
        let offset: f64 = self.store.blocks.iter().map(Block::offset).sum();
        self.dual = offset - self.proximal.conjugate_of_sum(&self.w, self.penalty.prior());
    }

    /// Visits a block: computes its gap, and takes a step if the gap is above `enough`. If
    /// `recombining`, the visit first inserts the best plane that parts of the cached planes make.
    ///
    /// # Errors
    /// A recombined plane is not a plane.
    fn visit(
        &mut self,
        oracles: &Oracles<'a>,
        index: usize,
        enough: f64,
        recombining: bool,
    ) -> Result<Visit, Fault> {
        let clock = self.schedule.clock();
        let mut gap = self.store.blocks[index].look(&self.w, clock, &mut self.buffers.workspace);
        if recombining
            && self.recombine(oracles, index, self.settings.block.tuning.worthwhile * enough)?
        {
            gap = self.store.blocks[index].look(&self.w, clock, &mut self.buffers.workspace);
        }
        self.store.history.record(index, gap, gap > enough, &self.settings.block.tuning);
        if gap <= enough {
            return Ok(Visit { gap, gain: 0.0 });
        }
        let accuracy = if enough > 0.0 {
            self.settings.block.tuning.rough
        } else {
            self.settings.block.tuning.fine
        };
        let damping = self.sharing * self.proximal.damping();
        let longer = match self.relaxes && enough > 0.0 && !self.proximal.is_active() {
            true => self.settings.block.tuning.longer,
            false => 1.0,
        };
        let Buffers { workspace, touched, .. } = &mut self.buffers;
        let (block, bounded) = (&mut self.store.blocks[index], self.penalty.is_bounded());
        let moved: &mut [f64] = if bounded { &mut self.u } else { &mut self.w };
        let gain = block.step(moved, accuracy, (damping, longer), workspace);
        if bounded {
            touched.clear();
            block.list_touched(self.w.len(), touched, workspace);
            for &at in &*touched {
                self.w[at] = self.penalty.weight(at, self.u[at]);
            }
        }
        self.dual += gain.max(0.0);
        Ok(Visit { gap, gain })
    }

    /// Inserts the best plane that parts of the cached planes of a block make, if it raises the
    /// block gap by at least `gap`. Returns whether it does. Requires a [look](Block::look) at the
    /// block.
    fn recombine(&mut self, oracles: &Oracles<'a>, index: usize, gap: f64) -> Result<bool, Fault> {
        let Buffers { recombined, parts, workspace, .. } = &mut self.buffers;
        let block = &self.store.blocks[index];
        let Some(least) = block.slack_beyond(gap, workspace) else { return Ok(false) };
        if block.planes() >= self.store.most_planes {
            return Ok(false);
        }
        if !self.store.history.searches(index, &self.settings.block.tuning) {
            return Ok(false);
        }
        block.list_parts(workspace, parts);
        oracles.recombine(&self.w, index, parts, least, recombined)?;
        let planes = recombined.as_slice();
        self.store.history.record_search(index, !planes.is_empty());
        let inserted =
            self.store.insert(index, planes, self.w.len(), self.schedule.clock(), workspace);
        inserted.map_err(|kind| Fault { example: oracles.position(index), kind })?;
        Ok(!planes.is_empty())
    }

    /// Makes the dual variables feasible, and recomputes w and D from them, so that rounding errors
    /// of updates do not accumulate. Returns the sum of D, and r*(u) for u = Σ αδ.
    pub(super) fn refresh(&mut self) -> (DualSum, Conjugate) {
        let plain = self.penalty.is_plain();
        let u: &mut [f64] = if plain { &mut self.w } else { &mut self.u };
        let sum = Self::sum_up(&mut self.store, &self.crew, u);
        let conjugate = self.penalty.conjugate(u);
        self.dual = sum.value(&conjugate);
        if !plain {
            self.penalty.write_weights(&self.u, &mut self.w);
        }
        self.proximal.weights_from_sum(&mut self.w);
        (sum, conjugate)
    }

    /// Makes the dual variables feasible, and replaces `u` by Σ αδ. Returns the sum of D.
    pub(super) fn sum_up(store: &mut Store<'a>, crew: &Crew, u: &mut [f64]) -> DualSum {
        let blocks = &mut store.blocks;
        let (n, count) = (blocks.len(), parts(blocks.len()));
        let ends = (0..count).map(|at| part(n, count, at).end);
        let mut results: Vec<(&mut [Block<'a>], Part)> =
            divided(blocks, ends).into_iter().map(|blocks| (blocks, Part::default())).collect();
        // A few numbers are read for each plane.
        let work = 16.0 * store.planes as f64;
        crew.for_each(work, &mut results, |(blocks, part), workspace| {
            for block in blocks.iter_mut() {
                part.support += block.support();
                block.confine(workspace);
                block.add_to_dual(&mut part.sum);
                part.work += block.work();
            }
        });
        let mut total = Part::default();
        for (_, part) in results {
            total.support += part.support;
            total.sum.join(&part.sum);
            total.work += part.work;
        }
        store.support = total.support;
        let (blocks, mut sum) = (&store.blocks, total.sum);
        let list = |i: usize, alphas: &mut Vec<f64>| blocks[i].list_alphas(alphas);
        sum.count(count + crew.sum_planes(blocks, u, total.work, list));
        sum
    }

    /// Inserts the planes from a slot on into the caches of the examples of `batch`.
    ///
    /// # Errors
    /// Two different rows have the same name.
    fn take_in(
        &mut self,
        oracles: &Oracles<'a>,
        batch: &[usize],
        slot: usize,
    ) -> Result<(), Fault> {
        let (planes, at) = (&self.buffers.planes[slot..], (self.w.len(), self.schedule.clock()));
        let inserted = self.store.insert_batch(batch, planes, at, &self.crew);
        inserted.map_err(|(slot, kind)| Fault { example: oracles.position(batch[slot]), kind })
    }
}
