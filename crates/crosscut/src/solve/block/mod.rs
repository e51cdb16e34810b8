//! Block-coordinate dual ascent with cached planes and approximate passes.
//!
//! The dual of the n-slack problem has one block of variables αᵢ for each example, over the planes
//! its oracle has shown:
//!
//! ```text
//! maximise D(α) = Σᵢ Σₚ αᵢₚ Δᵢₚ − ½ ‖w‖²,   w = Σᵢ Σₚ αᵢₚ δᵢₚ,   αᵢₚ ≥ 0,   Σₚ αᵢₚ ≤ C · weightᵢ / n
//! ```
//!
//! Where slacks are squared, Σₚ αᵢₚ is not bounded, but costs: D has −½ · n/(2 · C · weightᵢ) · (Σₚ
//! αᵢₚ)² for each example.
//!
//! An *exact pass* calls n oracles, in batches; each answer joins the plane cache of its example,
//! whose small dual is then improved with all other blocks fixed. *Approximate passes* repeat these
//! block steps over cached planes alone (Shah, Kolmogorov, Lampert 2015; Chang and Yih 2013) until
//! the gap they can see is a fraction of the one the exact pass saw, or of the one at which
//! training stops. Where the task can put outputs together from parts of those seen
//! ([`Recombine`](crate::Recombine)), they take in planes of these. A *certifying pass* is an exact
//! pass whose oracles are all called at one w: their slacks give P(w), and with D the gap. It is
//! made when the gap seen in passing suggests that it will end training, and now and then. If
//! approximate passes creep, and weights or planes in use are few, the dual over all planes is
//! solved together in their place ([`master`]).

mod cache;
mod master;
mod proximal;
mod schedule;
mod state;
mod store;
mod suffix_average;
mod tuning;

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_pcg::Pcg64;

use crate::solve::bounds::{Answer, DualSum, Fault, SlackCost, SlackSum};
use crate::solve::drive::{Counts, Run};
use crate::solve::methods::{Carried, Method, MethodState, Pass, Solver};
use crate::solve::one_slack::OneSlack;
use crate::solve::oracles::Oracles;
use crate::solve::passes::{PassError, Passes};
use crate::solve::settings::{C, Settings};
use crate::solve::solution::DualVariable;
use crate::solve::state::StateError;
use crate::solve::vectors::squared_norm;
use crate::task::{Part, Planes};
use cache::Workspace;
pub(crate) use cache::{Block, CarriedBlock};
use master::{Goal, Master, Sizes};
use proximal::Proximal;
use schedule::Schedule;
pub(crate) use state::BlockCoordinateState;
use store::Store;
use suffix_average::SuffixAverage;
use tuning::TUNING;

/// The solver with its state: planes, dual variables, weights.
pub(crate) struct BlockCoordinate<'a> {
    settings: Settings,
    /// n.
    examples: usize,
    store: Store<'a>,
    w: Vec<f64>,
    /// D at (α, w), kept up to date by the gains of the steps.
    dual: f64,
    proximal: Proximal,
    master: Master,
    suffix: SuffixAverage,
    schedule: Schedule,
    random: Pcg64,
    buffers: Buffers<'a>,
}

/// Memory that is used again and again.
struct Buffers<'a> {
    /// Answers of a batch.
    planes: Vec<Planes<'a>>,
    /// One put together from parts.
    recombined: Planes<'a>,
    /// These parts.
    parts: Vec<Part>,
    workspace: Workspace,
}

/// What a visit of a block did.
#[derive(Clone, Copy, Debug, Default)]
struct Visit {
    /// The block gap before the step.
    gap: f64,
    /// What the step added to the dual value.
    gain: f64,
}

impl<'a> Method<Oracles<'a>> for BlockCoordinate<'a> {
    fn solver(&self) -> Solver {
        Solver::Block
    }

    fn begin(&mut self, resumed: bool) {
        if !resumed {
            self.schedule.begin();
            self.suffix.repeat();
        }
    }

    fn pass(
        &mut self,
        oracles: &mut Oracles<'a>,
        run: &mut Run<'_>,
        last: bool,
    ) -> Result<Pass, PassError<std::convert::Infallible>> {
        let certifies =
            last || self.schedule.certifies(run.target(self.dual)) || self.master.is_on();
        self.schedule.count(certifies);
        if !certifies {
            self.schedule.seen = self.exact_pass(oracles, run)?;
            return Ok(Pass { certified: false, at_its_end: self.store.overflows });
        }
        self.schedule.seen = self.certifying_pass(oracles, run)?;
        let (mut stuck, rises) = self.schedule.judge(run.bounds.have_improved(), self.dual);
        if stuck && self.proximal.is_active() {
            self.proximal.weaken(&mut self.w);
            self.schedule.wait();
            stuck = false;
        }
        // Acceleration may have left D below its best. Only if D no longer rises are block steps at
        // their end, and not yet arithmetic.
        Ok(Pass { certified: true, at_its_end: (stuck && !rises) || self.store.overflows })
    }

    fn settle(&mut self, oracles: &mut Oracles<'a>, run: &mut Run<'_>) -> Result<(), Fault> {
        self.approximate_passes(oracles, run)?;
        self.solve_master(run);
        // Acceleration may leave D below its best before the next certificate. What steps added up
        // is no bound: rounding is in it.
        if self.proximal.is_active() && self.dual > run.bounds.dual {
            let (sum, u_squared) = self.refresh();
            run.bounds.raise(&sum, u_squared, self.w.len());
        }
        self.proximal.judge(self.dual, &mut self.w);
        self.store.forget(self.schedule.pass.saturating_sub(self.settings.block.idle));
        self.suffix.follow(&self.w);
        self.schedule.expect(self.suffix.forecast(self.schedule.seen));
        Ok(())
    }

    /// The 1-slack method, whose first plane is the sum of all planes times their dual variables: w
    /// and D stay what they are.
    fn successor(&mut self) -> Option<Box<dyn Method<Oracles<'a>>>> {
        self.proximal = Proximal::default();
        let (sum, _) = self.refresh();
        self.store.blocks = Vec::new();
        let w = std::mem::take(&mut self.w);
        Some(Box::new(OneSlack::from_sum(self.examples, self.settings, &sum, w)))
    }

    fn counts(&self, oracles: &Oracles<'a>) -> Counts {
        let Store { planes, support, found: planes_found, bytes, .. } = self.store;
        Counts { spent: oracles.spent(), planes, support, planes_found, bytes }
    }

    fn weights(&self) -> &[f64] {
        &self.w
    }

    /// The dual variables are scaled with C, and w with them.
    fn set_c(&mut self, oracles: &Oracles<'a>, c: C) {
        let factor = c.sum(self.examples) / self.settings.c.sum(self.examples);
        self.settings.c = c;
        if factor == 1.0 {
            return;
        }
        let costs = costs(oracles, &self.settings);
        self.store
            .blocks
            .iter_mut()
            .zip(costs)
            .for_each(|(block, cost)| block.rescale(cost, factor));
        self.proximal = Proximal::default();
        self.master.restart();
        self.suffix.rescale(factor);
        self.refresh();
    }

    fn dual_variables(&self) -> Vec<DualVariable> {
        self.store
            .blocks
            .iter()
            .enumerate()
            .flat_map(|(example, block)| block.dual_variables(example))
            .collect()
    }

    fn save<'s>(&'s self, oracles: &'s Oracles<'a>) -> MethodState<'s> {
        MethodState::Block(Box::new(self.saved(oracles)))
    }

    fn carry(&self, oracles: &Oracles<'a>) -> Option<Carried> {
        let row = |index| move |name| oracles.row(index, name);
        let block = |(index, block): (usize, &Block<'a>)| {
            CarriedBlock::carried(block, oracles.position(index), row(index))
        };
        Some(Carried(self.store.blocks.iter().enumerate().map(block).collect::<Option<_>>()?))
    }

    fn adopt(&mut self, oracles: &Oracles<'a>, Carried(saved): Carried, same: &[bool]) {
        let (dim, most_planes) = (self.w.len(), self.store.most_planes);
        let mut saved = saved.into_iter().peekable();
        for (index, block) in self.store.blocks.iter_mut().enumerate() {
            let position = oracles.position(index);
            while saved.next_if(|saved| saved.position < position).is_some() {}
            let Some(saved) = saved.next_if(|saved| saved.position == position && same[position])
            else {
                continue;
            };
            let row = |name| oracles.row(index, name);
            // What does not fit is found again.
            if let Ok(found) = saved.restore(block, row, dim, most_planes) {
                *block = found;
            }
        }
        self.store.count();
        if self.store.bytes.0 > self.settings.max_memory.unwrap_or(usize::MAX) {
            *self = Self::new(oracles, self.settings);
        }
        // The planes are those of a pass before the first.
        self.schedule.pass = self.schedule.pass.max(1);
        self.refresh();
    }

    fn restore(&mut self, oracles: &Oracles<'a>, saved: MethodState<'_>) -> Result<(), StateError> {
        match saved {
            MethodState::Block(saved) => self.take(oracles, *saved),
            MethodState::OneSlack(_) => Err(StateError::of_another_solver()),
        }
    }
}

/// What the slack of each example costs.
fn costs(oracles: &Oracles<'_>, settings: &Settings) -> impl Iterator<Item = SlackCost> {
    let (each, norm) = (settings.c.sum(oracles.examples()), settings.slack_norm);
    oracles.weights().iter().map(move |weight| SlackCost::new(each * weight, norm))
}

impl<'a> BlockCoordinate<'a> {
    pub fn new(oracles: &Oracles<'a>, settings: Settings) -> Self {
        let batch = settings.block.batch.max(TUNING.slice).min(oracles.len());
        let buffers = Buffers {
            planes: (0..batch).map(|_| Planes::default()).collect(),
            recombined: Planes::default(),
            parts: Vec::new(),
            workspace: Workspace::default(),
        };
        Self {
            examples: oracles.examples(),
            store: Store::new(costs(oracles, &settings), &settings),
            w: vec![0.0; oracles.dim()],
            dual: 0.0,
            proximal: Proximal::default(),
            master: Master::default(),
            suffix: SuffixAverage::default(),
            schedule: Schedule::default(),
            random: Pcg64::seed_from_u64(settings.seed),
            buffers,
            settings,
        }
    }

    /// Calls the oracles batch by batch and steps on each block in turn; returns the sum of the
    /// block gaps met.
    ///
    /// # Errors
    /// An answer that is no plane; some that came with it are not taken in.
    fn exact_pass(&mut self, oracles: &mut Oracles<'a>, run: &mut Run<'_>) -> Result<f64, Fault> {
        let mut order: Vec<usize> = (0..self.store.blocks.len()).collect();
        order.shuffle(&mut self.random);
        let mut seen = 0.0;
        // With few examples a batch must not be the whole pass: oracles that all see one w show
        // planes for one w.
        for batch in order.chunks(self.settings.block.batch.min(order.len().div_ceil(8))) {
            oracles.separate(&self.w, batch, &mut self.buffers.planes)?;
            for (slot, &index) in batch.iter().enumerate() {
                if slot % TUNING.touched == 0 {
                    self.store.touch(&batch[slot..batch.len().min(slot + TUNING.touched)]);
                }
                self.take_in(oracles, slot, index)?;
                seen += self.visit(oracles, index, 0.0, false)?.gap;
            }
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

    /// Calls all oracles at one w, which gives P(w); returns P(w) − D. It is where the master was
    /// solved last, or else the average of the last ones where that promises more.
    ///
    /// Each slack is the larger of the answer of the oracle and of the best plane in the cache: an
    /// oracle that keeps its contract is never worse.
    ///
    /// # Errors
    /// An answer that is no plane; nothing is certified then.
    fn certifying_pass(
        &mut self,
        oracles: &mut Oracles<'a>,
        run: &mut Run<'_>,
    ) -> Result<f64, Fault> {
        let (sum, u_squared) = self.refresh();
        run.bounds.raise(&sum, u_squared, self.w.len());
        let solved = self.master.weights().is_some();
        let averaged = !solved && self.suffix.write_if_better(&mut self.w);
        if let Some(weights) = self.master.weights() {
            self.w.copy_from_slice(weights);
        }
        // A solve has done so already.
        let stretched = !solved && self.primal_at_zero() > TUNING.huge * self.dual;
        if stretched {
            let w = std::mem::take(&mut self.w);
            self.w = master::stretched(&self.store.blocks, w, &mut self.buffers.workspace);
        }
        let order: Vec<usize> = (0..self.store.blocks.len()).collect();
        let (dual, mut slacks) = (self.dual, SlackSum::default());
        let length = squared_norm(&self.w).sqrt();
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
                self.take_in(oracles, slot, index)?;
            }
            run.tick(self.counts(oracles));
        }
        let primal = run.bounds.certify(&self.w, &slacks, self.store.blocks.len());
        if solved || averaged || stretched {
            self.refresh();
        }
        if !solved {
            self.suffix.judge(averaged, primal - dual, self.schedule.seen);
        }
        Ok(primal - dual)
    }

    /// P(0) over the planes in the caches.
    fn primal_at_zero(&self) -> f64 {
        self.store.blocks.iter().map(|block| block.cost().of(block.largest_offset())).sum()
    }

    /// Steps over cached planes until their gap is a fraction of the one that the exact pass has
    /// met, or of the one at which training stops.
    ///
    /// At least one pass if the exact pass took no steps itself.
    ///
    /// # Errors
    /// A recombined plane that is none.
    fn approximate_passes(
        &mut self,
        oracles: &Oracles<'a>,
        run: &mut Run<'_>,
    ) -> Result<(), Fault> {
        let (at_least_one, blocks) = (self.schedule.has_certified(), self.store.blocks.len());
        let early =
            (TUNING.early * TUNING.early_growth.powi(self.schedule.pass.min(20) as i32)) as usize;
        let most = self.settings.block.approximate_passes.max(usize::from(at_least_one)).min(early);
        let enough = (TUNING.settled * self.schedule.seen).max(TUNING.left * run.target(self.dual));
        let each = enough / blocks as f64;
        let mut active = Vec::with_capacity(blocks);
        let mut sweep = 0.0;
        for (index, block) in self.store.blocks.iter().enumerate() {
            sweep += block.work() / blocks as f64;
            // Blocks that were at rest in the exact pass stay so; a certifying pass has looked at
            // none.
            if block.planes() > 0 && (at_least_one || block.gap > TUNING.at_rest * each) {
                active.push(index);
            }
        }
        let pays = TUNING.accelerated * self.w.len() as f64 <= sweep * blocks as f64;
        let accelerate = self.settings.block.acceleration && pays;
        let (mut lowest, mut before) = (f64::INFINITY, f64::INFINITY);
        let mut recent = [f64::INFINITY; 2];
        let mut visits = most * blocks;
        let mut recombines = oracles.recombines();
        for pass in 1_usize.. {
            let Some(left) = visits.checked_sub(active.len()) else { break };
            visits = left;
            // A visit computes the values of its planes, and mostly takes a step.
            self.master.owe(2.0 * sweep * active.len() as f64);
            active.shuffle(&mut self.random);
            let (mut gap, mut gain) = (0.0, 0.0);
            let recombining = recombines && (pass % TUNING.recombining == 1 || self.master.is_on());
            let found = self.store.found;
            for (count, group) in active.chunks(TUNING.touched).enumerate() {
                self.store.touch(group);
                for &index in group {
                    let visit = self.visit(oracles, index, each, recombining)?;
                    gap += visit.gap;
                    gain += visit.gain;
                }
                if count % (TUNING.slice / TUNING.touched) == 0 {
                    run.tick(self.counts(oracles));
                }
            }
            if recombining {
                recombines =
                    (self.store.found - found) as f64 >= TUNING.fruitful * active.len() as f64;
            }
            let total = gap + self.proximal.excess(&self.w);
            if self.proximal.is_active() {
                self.update_dual();
            }
            // Where the dual over all planes is solved afterwards, only the new planes count.
            if self.master.is_on() && !(recombines && recombining) {
                break;
            }
            if total <= enough || gain <= 1e-15 * self.dual.abs() || run.must_end() {
                break;
            }
            let rises = gain > TUNING.worth * run.target(self.dual);
            let is_between = total > TUNING.far * self.dual && total < TUNING.within * self.dual;
            if accelerate && rises && is_between && total > TUNING.creeping * recent[1] {
                self.proximal.start(gain / gap, &mut self.w);
            }
            recent = [total, recent[0]];
            lowest = lowest.min(total);
            if pass.is_multiple_of(TUNING.patience) {
                if lowest >= 0.9 * before {
                    self.proximal.weaken(&mut self.w);
                }
                before = lowest;
            }
            self.proximal.advance(&mut self.w);
            // Acceleration moves the weights far: now and then it looks at all blocks again.
            let blocks = &self.store.blocks;
            if self.proximal.is_active() && pass.is_multiple_of(TUNING.look_again) {
                active.clear();
                active.extend((0..blocks.len()).filter(|&index| blocks[index].planes() > 0));
            } else {
                active.retain(|&index| blocks[index].gap > each);
            }
        }
        Ok(())
    }

    /// Solves the dual over all planes together, if that is due.
    fn solve_master(&mut self, run: &Run<'_>) {
        // Multiplications for the values of all planes.
        let (mut full, mut rank, mut sweep) = (false, 0, 0.0);
        for block in &self.store.blocks {
            full |= block.planes() >= self.store.most_planes;
            rank += block.rank();
            sweep += block.work();
        }
        // Planes that are merged between solves are others each time.
        if !self.settings.block.acceleration || full {
            return;
        }
        let sizes = Sizes { dim: self.w.len(), planes: self.store.planes, rank, sweep };
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
            floor: TUNING.overshoot * run.target(self.dual),
            seen: TUNING.loose * seen,
            of_dual: TUNING.loose,
        };
        let (blocks, workspace) = (&mut self.store.blocks, &mut self.buffers.workspace);
        self.master.solve(blocks, &self.w, (goal, sizes), &|| run.must_end(), workspace);
        self.refresh();
    }

    /// Recomputes D from the dual variables and w.
    fn update_dual(&mut self) {
        let offset: f64 = self.store.blocks.iter().map(Block::offset).sum();
        self.dual = offset - 0.5 * self.proximal.squared_norm_of_sum(&self.w);
    }

    /// Visits a block: looks at it and takes a step where the gap is above `enough`. Recombining,
    /// it first takes in the best plane that the parts of its planes make.
    ///
    /// # Errors
    /// A recombined plane that is none.
    fn visit(
        &mut self,
        oracles: &Oracles<'a>,
        index: usize,
        enough: f64,
        recombining: bool,
    ) -> Result<Visit, Fault> {
        let pass = self.schedule.pass;
        let mut gap = self.store.blocks[index].look(&self.w, pass, &mut self.buffers.workspace);
        if recombining && self.recombine(oracles, index, TUNING.worthwhile * enough)? {
            gap = self.store.blocks[index].look(&self.w, pass, &mut self.buffers.workspace);
        }
        if gap <= enough {
            return Ok(Visit { gap, gain: 0.0 });
        }
        let accuracy = if enough > 0.0 { TUNING.rough } else { TUNING.fine };
        let damping = self.proximal.damping();
        let gain = self.store.blocks[index].step(
            &mut self.w,
            accuracy,
            damping,
            &mut self.buffers.workspace,
        );
        self.dual += gain.max(0.0);
        Ok(Visit { gap, gain })
    }

    /// After a look at a block, takes in the best plane that parts of its planes make, if it raises
    /// the block gap by so much; returns whether it does.
    fn recombine(&mut self, oracles: &Oracles<'a>, index: usize, gap: f64) -> Result<bool, Fault> {
        let Buffers { recombined, parts, workspace, .. } = &mut self.buffers;
        let block = &self.store.blocks[index];
        let Some(least) = block.slack_beyond(gap, workspace) else { return Ok(false) };
        if block.planes() >= self.store.most_planes {
            return Ok(false);
        }
        block.list_parts(workspace, parts);
        oracles.recombine(&self.w, index, parts, least, recombined)?;
        let planes = recombined.as_slice();
        let inserted =
            self.store.insert(index, planes, self.w.len(), self.schedule.pass, workspace);
        inserted.map_err(|kind| Fault { example: oracles.position(index), kind })?;
        Ok(!planes.is_empty())
    }

    /// Makes the dual variables feasible, and recomputes w and D from them, so that rounding errors
    /// of the updates cannot add up; returns D as it was summed, and ‖u‖² for u = Σ αδ.
    fn refresh(&mut self) -> (DualSum, f64) {
        self.w.fill(0.0);
        let mut sum = DualSum::default();
        self.store.support = 0;
        let workspace = &mut self.buffers.workspace;
        for block in &mut self.store.blocks {
            self.store.support += block.support();
            block.confine(workspace);
            block.add_to(&mut self.w, workspace);
            block.add_to_dual(&mut sum);
        }
        let u_squared = squared_norm(&self.w);
        self.dual = sum.value(u_squared);
        self.proximal.weights_from_sum(&mut self.w);
        (sum, u_squared)
    }

    /// Puts the planes of a slot into the cache of an example.
    ///
    /// # Errors
    /// Two different rows have one name.
    fn take_in(&mut self, oracles: &Oracles<'a>, slot: usize, index: usize) -> Result<(), Fault> {
        let Buffers { planes, workspace, .. } = &mut self.buffers;
        let (planes, dim) = (planes[slot].as_slice(), self.w.len());
        let inserted = self.store.insert(index, planes, dim, self.schedule.pass, workspace);
        inserted.map_err(|kind| Fault { example: oracles.position(index), kind })
    }
}
