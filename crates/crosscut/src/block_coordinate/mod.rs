//! Block-coordinate dual ascent with cached planes and approximate passes.
//!
//! The dual of the n-slack problem has one block of variables αᵢ for each example, over the planes its oracle has shown:
//!
//! ```text
//! maximise D(α) = Σᵢ Σₚ αᵢₚ Δᵢₚ − ½ ‖w‖²,   w = Σᵢ Σₚ αᵢₚ δᵢₚ,   αᵢₚ ≥ 0,   Σₚ αᵢₚ ≤ C · weightᵢ / n
//! ```
//!
//! Where slacks are squared, Σₚ αᵢₚ is not bounded but charged: D has −½ · n/(2 · C · weightᵢ) · (Σₚ αᵢₚ)² for each example.
//!
//! An *exact pass* calls n oracles, in batches; each answer joins the plane cache of its example, whose small dual is
//! then improved with all other blocks fixed. *Approximate passes* repeat these block steps over cached planes alone
//! (Shah, Kolmogorov, Lampert 2015; Chang and Yih 2013) until the gap they can see is a fraction of the one the
//! exact pass saw, or of the one at which training stops. Where the task can put outputs together from parts of those
//! seen ([`Task::recombine`]), they take in planes of these. A *certifying pass* is an exact pass whose oracles are all
//! called at one w: their slacks give P(w), and with D the gap. It is made when the gap seen in passing suggests that it
//! will end training, and now and then. If approximate passes creep, and weights or planes in use are few, the dual over all
//! planes is solved together in their place ([`master`]).

mod block;
mod master;
mod proximal;
mod state;
mod suffix_average;

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_pcg::Pcg64;
use serde::{Deserialize, Serialize};

use crate::bounds::{Answer, DualSum, Fault, SlackCost, SlackSum};
use crate::one_slack::OneSlack;
use crate::oracles::Oracles;
use crate::plane::{Planes, squared_norm};
use crate::progress::{DualVariable, Flow, Moment, Progress, Solution};
use crate::run::{self, Counts, Run};
use crate::settings::{C, Settings, Solver};
use crate::state::Keeper;
use crate::task::Task;
pub(crate) use block::Block;
use block::Workspace;
use master::{Goal, Master, Sizes};
use proximal::Proximal;
pub(crate) use state::Saved;
use suffix_average::SuffixAverage;

/// Approximate passes end when the gap over cached planes is this fraction of the gap of the exact pass, …
const SETTLED: f64 = 0.1;
/// … or this fraction of the gap at which training stops.
const LEFT: f64 = 0.3;
/// After the first exact passes there are fewer approximate ones, as many as EARLY · EARLY_GROWTH^pass at most: what the first planes are
/// fitted to does not last.
const EARLY: f64 = 4.0;
const EARLY_GROWTH: f64 = 1.5;
/// Blocks with a gap of at most this fraction of that at which no step is taken are at rest: the first approximate pass leaves them out.
const AT_REST: f64 = 0.1;
/// The first of so many approximate passes recombines planes, …
const RECOMBINING: usize = 3;
/// … where the new plane raises the gap of its block by so many times that at which no step is taken; …
const WORTHWHILE: f64 = 3.0;
/// … and where fewer than this fraction of the blocks got one, no other does before the next exact pass.
const FRUITFUL: f64 = 0.1;
/// The dual over all planes is solved to this fraction of the gap that was met, or of the dual value, …
const LOOSE: f64 = 0.3;
/// … and no finer than this fraction of the gap at which training stops.
const OVERSHOOT: f64 = 0.1;
/// Acceleration starts only while the gap over cached planes is between these fractions of the dual value: before that, plain steps raise
/// it from 0 sooner; after it, w is near enough.
const FAR: f64 = 0.01;
const WITHIN: f64 = 3.0;
/// Acceleration starts only where a pass still raises D by this fraction of the gap at which training stops. With a huge C, slacks cost much
/// that no longer show in D.
const WORTH: f64 = 1e-4;
/// Acceleration starts only where two passes have left this fraction of the gap over cached planes.
const CREEPING: f64 = 0.6;
/// … and where the values of all planes take so many multiplications a weight: each pass moves all weights then.
const ACCELERATED: f64 = 8.0;
/// Approximate passes within which acceleration must lower the gap over cached planes.
const PATIENCE: usize = 100;
/// Accelerated passes after which all blocks are visited, and not only those that were off when last seen.
const LOOK_AGAIN: usize = 3;
/// To what fraction of its violation the small dual of a block is solved in exact passes, where a plane may soon be merged.
const FINE: f64 = 0.01;
/// The same in approximate passes.
const ROUGH: f64 = 0.1;
/// Where a certificate is expected to show so many times the gap at which training stops, every pass certifies: near the optimum w
/// hardly moves within a pass, and oracles that all see one w, or an average, show planes as good as any.
const NEAR: f64 = 8.0;
/// The longest run of exact passes without a certificate, and the longest before the first one: a pass that certifies takes no steps, and a
/// short training can do without.
const UNCERTIFIED: u32 = 4;
const FIRST_UNCERTIFIED: u32 = 8;
/// Certificates in a row that improve neither bound before training ends for want of precision.
const STUCK: u32 = 10;
/// Blocks whose memory is fetched together.
const TOUCHED: usize = 8;
/// If P(0) is more than so many times D, a certificate is for a longer w, with smaller slacks.
const HUGE: f64 = 100.0;
/// Oracles called between two ticks of a certifying pass, at least.
const SLICE: usize = 512;

/// The solver with its state: planes, dual variables, weights.
pub(crate) struct BlockCoordinate<'a, T: Task> {
    oracles: Oracles<'a, T>,
    settings: Settings,
    blocks: Vec<Block<'a>>,
    w: Vec<f64>,
    /// D at (α, w), kept up to date by the gains of the steps.
    dual: f64,
    proximal: Proximal,
    master: Master,
    suffix: SuffixAverage,
    planes: Vec<Planes<'a>>,
    /// One put together from parts.
    recombined: Planes<'a>,
    workspace: Workspace,
    random: Pcg64,
    /// Certifying passes made in all.
    certificates: u32,
    /// Planes in all blocks.
    cached: usize,
    /// Bytes of all blocks, and the most there were.
    bytes: (usize, usize),
    /// The most planes in a block: fewer than asked for where memory is bounded.
    most_planes: usize,
    /// Whether two planes a block are too many for the memory.
    overflows: bool,
    /// Those with a positive dual variable when last counted.
    support: usize,
    /// Planes that ever came into a block.
    planes_found: u64,
    /// Exact passes made in all.
    pass: u32,
    /// Where the next run goes on, if it is one that was kept.
    resumed: Option<(Course, run::Saved<'static>)>,
}

/// What the passes of a run tell each other.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Course {
    /// The gap that a certificate is expected to show.
    forecast: f64,
    /// Exact passes since the last certificate.
    uncertified: u32,
    /// Certificates in a row that improved nothing.
    stuck: u32,
    /// D at the last certificate.
    last: f64,
    /// The gap that the last pass has met.
    seen: f64,
}

/// What a visit of a block did.
#[derive(Clone, Copy, Debug, Default)]
struct Visit {
    /// The block gap before the step.
    gap: f64,
    /// What the step added to the dual value.
    gain: f64,
}

impl<'a, T: Task> BlockCoordinate<'a, T> {
    pub fn new(oracles: Oracles<'a, T>, settings: Settings) -> Self {
        let each = settings.c.sum(oracles.given());
        let cost = |weight| SlackCost::new(each * weight, settings.slack_norm);
        let blocks: Vec<_> = oracles.weights().map(|weight| Block::new(cost(weight))).collect();
        let dim = oracles.dim();
        let bytes = blocks.iter().map(Block::bytes).sum();
        let bytes = (bytes, bytes);
        let buffers = settings.block.batch.max(SLICE).min(oracles.len());
        Self {
            blocks,
            w: vec![0.0; dim],
            dual: 0.0,
            proximal: Proximal::default(),
            master: Master::default(),
            suffix: SuffixAverage::default(),
            planes: (0..buffers).map(|_| Planes::default()).collect(),
            recombined: Planes::default(),
            workspace: Workspace::default(),
            random: Pcg64::seed_from_u64(settings.seed),
            certificates: 0,
            cached: 0,
            bytes,
            most_planes: settings.block.planes,
            overflows: false,
            support: 0,
            planes_found: 0,
            pass: 0,
            resumed: None,
            oracles,
            settings,
        }
    }

    /// Whether there is hope for two planes of each example in the memory that is allowed.
    pub fn fits(settings: &Settings, examples: usize) -> bool {
        settings.max_memory.is_none_or(|bytes| bytes / examples >= 2 * size_of::<Block<'_>>())
    }

    pub fn oracles(&self) -> &Oracles<'a, T> {
        &self.oracles
    }

    pub fn oracles_mut(&mut self) -> &mut Oracles<'a, T> {
        &mut self.oracles
    }

    /// Changes C; the dual variables are scaled with it, and w with them.
    pub fn set_c(&mut self, c: C) {
        let n = self.oracles.given();
        let factor = c.sum(n) / self.settings.c.sum(n);
        if factor == 1.0 {
            self.settings.c = c;
            return;
        }
        for (block, weight) in self.blocks.iter_mut().zip(self.oracles.weights()) {
            block.rescale(SlackCost::new(c.sum(n) * weight, self.settings.slack_norm), factor);
        }
        self.settings.c = c;
        self.proximal = Proximal::default();
        self.master.restart();
        self.suffix.rescale(factor);
        self.refresh();
    }

    /// Trains. The run is handed back for [`hand_over`](Self::hand_over) if the memory does not suffice,
    /// or if no step of this method helps any more.
    pub fn solve<'o>(
        &mut self,
        observer: &'o mut dyn FnMut(&Progress) -> Flow,
        mut keeper: Option<&mut Keeper<'_>>,
    ) -> Result<Solution, Box<Run<'o>>> {
        let mut run =
            Run::new(observer, self.settings, Solver::Block, (self.oracles.given(), self.oracles.len()), self.counts());
        // Where training goes on, it may be done already.
        let forecast = if self.pass > 0 { 0.0 } else { f64::INFINITY };
        let mut course = Course { forecast, uncertified: 0, stuck: 0, last: f64::NEG_INFINITY, seen: f64::INFINITY };
        match self.resumed.take() {
            Some((kept, saved)) => {
                course = kept;
                run.restore(saved);
            }
            None => self.suffix.repeat(),
        }
        if keeper.is_some() {
            run.keep_steps_whole();
        }
        loop {
            let last_pass = run.is_last_pass(self.counts());
            if let Some(keeper) = &mut keeper {
                keeper(&self.state(course, &run, last_pass));
            }
            let certifying = last_pass
                || course.uncertified >= if self.certificates == 0 { FIRST_UNCERTIFIED } else { UNCERTIFIED }
                || course.forecast <= NEAR * run.target(self.dual)
                || self.master.is_on();
            course.seen = if certifying {
                course.uncertified = 0;
                let seen = match self.certifying_pass(course.seen, &mut run) {
                    Ok(seen) => seen,
                    Err(fault) => return Ok(self.fail(run, fault)),
                };
                course.stuck = if run.bounds.have_improved() { 0 } else { course.stuck + 1 };
                if course.stuck >= STUCK && self.proximal.is_active() {
                    self.proximal.weaken(&mut self.w);
                    course.stuck = 0;
                }
                // Acceleration may have left D below its best: only if it no longer rises is it at its end.
                let rises = self.dual - course.last > 1e-15 * self.dual.abs();
                course.last = self.dual;
                if let Some(reason) = run.stop(self.counts()) {
                    return Ok(run.finish(reason, self.counts(), &self.w));
                }
                // This is the end of block steps, and not yet that of arithmetic.
                if course.stuck >= STUCK && !rises {
                    run.tell(Moment::Pass, self.counts());
                    return Err(Box::new(run));
                }
                seen
            } else {
                course.uncertified += 1;
                match self.exact_pass(&mut run) {
                    Ok(seen) => seen,
                    Err(fault) => return Ok(self.fail(run, fault)),
                }
            };
            run.tell(Moment::Pass, self.counts());
            if self.overflows {
                return Err(Box::new(run));
            }
            if let Err(fault) = self.approximate_passes(certifying, course.seen, &mut run) {
                return Ok(self.fail(run, fault));
            }
            self.solve_master(course.seen, &run);
            // Acceleration may leave D below its best before the next certificate. What steps added up is no bound: rounding is in it.
            if self.proximal.is_active() && self.dual > run.bounds.dual {
                let (sum, u_squared) = self.refresh();
                run.bounds.raise(&sum, u_squared, self.w.len());
            }
            self.proximal.judge(self.dual, &mut self.w);
            self.forget();
            self.suffix.follow(&self.w);
            course.forecast = self.suffix.forecast(course.seen);
        }
    }

    /// Ends a run because of an answer that is no plane.
    fn fail(&self, mut run: Run<'_>, fault: Fault) -> Solution {
        let reason = run.fail(fault);
        run.finish(reason, self.counts(), &self.w)
    }

    /// Turns into the 1-slack method, whose first plane is the sum of all planes times their dual variables: w and D stay what they are.
    pub fn hand_over(&mut self) -> OneSlack<Oracles<'a, T>> {
        self.proximal = Proximal::default();
        let (sum, _) = self.refresh();
        self.blocks = Vec::new();
        OneSlack::from_sum(self.oracles.take(), self.settings, &sum, std::mem::take(&mut self.w))
    }

    /// Calls the oracles batch by batch and steps on each block in turn; returns the sum of the block gaps met.
    ///
    /// # Errors
    /// An answer that is no plane; some that came with it are not taken in.
    fn exact_pass(&mut self, run: &mut Run<'_>) -> Result<f64, Fault> {
        self.pass += 1;
        let mut order: Vec<usize> = (0..self.blocks.len()).collect();
        order.shuffle(&mut self.random);
        let mut seen = 0.0;
        // With few examples a batch must not be the whole pass: oracles that all see one w show planes for one w.
        for batch in order.chunks(self.settings.block.batch.min(order.len().div_ceil(8))) {
            self.oracles.separate(&self.w, batch, &mut self.planes)?;
            for (slot, &index) in batch.iter().enumerate() {
                if slot % TOUCHED == 0 {
                    self.touch(&batch[slot..batch.len().min(slot + TOUCHED)]);
                }
                self.take_in(slot, index);
                seen += self.visit(index, 0.0, false)?.gap;
            }
            run.tick(self.counts());
            if run.must_end() || self.overflows {
                break;
            }
        }
        if self.proximal.is_active() {
            self.update_dual();
        }
        Ok(seen + self.proximal.excess(&self.w))
    }

    /// Calls all oracles at one w, which gives P(w); returns P(w) − D. It is where the master was
    /// solved last, or else the average of the last ones where that promises more. `seen` is the gap that the pass before has met.
    ///
    /// Each slack is the larger of the answer of the oracle and of the best plane in the cache: an
    /// oracle that keeps its contract is never worse.
    ///
    /// # Errors
    /// An answer that is no plane; nothing is certified then.
    fn certifying_pass(&mut self, seen: f64, run: &mut Run<'_>) -> Result<f64, Fault> {
        self.pass += 1;
        let (sum, u_squared) = self.refresh();
        run.bounds.raise(&sum, u_squared, self.w.len());
        self.certificates += 1;
        let solved = self.master.weights().is_some();
        let averaged = !solved && self.suffix.write_if_better(&mut self.w);
        if let Some(weights) = self.master.weights() {
            self.w.copy_from_slice(weights);
        }
        // A solve has done so already.
        let stretched = !solved && self.primal_at_zero() > HUGE * self.dual;
        if stretched {
            self.w = master::stretched(&self.blocks, std::mem::take(&mut self.w), &mut self.workspace);
        }
        let order: Vec<usize> = (0..self.blocks.len()).collect();
        let (dual, mut slacks) = (self.dual, SlackSum::default());
        let length = squared_norm(&self.w).sqrt();
        for slice in order.chunks(self.planes.len()) {
            self.oracles.compare(&self.w, slice, &mut self.planes, (&self.blocks, length))?;
            for (slot, &index) in slice.iter().enumerate() {
                let planes = &self.planes[slot];
                let value = planes.highest().map_or(f64::NAN, |plane| plane.value);
                let answer = Answer { value, missed: planes.missed() };
                slacks.add(self.blocks[index].cost(), self.oracles.name(index), answer, planes.known);
                self.take_in(slot, index);
            }
            run.tick(self.counts());
        }
        let primal = run.bounds.certify(&self.w, &slacks, self.blocks.len());
        if solved || averaged || stretched {
            self.refresh();
        }
        if !solved {
            self.suffix.judge(averaged, primal - dual, seen);
        }
        Ok(primal - dual)
    }

    /// P(0) over the planes in the caches.
    fn primal_at_zero(&self) -> f64 {
        self.blocks.iter().map(|block| block.cost().of(block.largest_offset())).sum()
    }

    /// Steps over cached planes until their gap is a fraction of `seen`, or of the gap at which training stops.
    ///
    /// At least one pass if the exact pass took no steps itself.
    ///
    /// # Errors
    /// A recombined plane that is none.
    fn approximate_passes(&mut self, at_least_one: bool, seen: f64, run: &mut Run<'_>) -> Result<(), Fault> {
        let early = (EARLY * EARLY_GROWTH.powi(self.pass.min(20) as i32)) as usize;
        let most = self.settings.block.approximate_passes.max(usize::from(at_least_one)).min(early);
        let enough = (SETTLED * seen).max(LEFT * run.target(self.dual));
        let each = enough / self.blocks.len() as f64;
        let mut active = Vec::with_capacity(self.blocks.len());
        let mut sweep = 0.0;
        for (index, block) in self.blocks.iter().enumerate() {
            sweep += block.work() / self.blocks.len() as f64;
            // Blocks that were at rest in the exact pass stay so; a certifying pass has looked at none.
            if block.planes() > 0 && (at_least_one || block.gap > AT_REST * each) {
                active.push(index);
            }
        }
        let pays = ACCELERATED * self.w.len() as f64 <= sweep * self.blocks.len() as f64;
        let accelerate = self.settings.block.acceleration && pays;
        let (mut lowest, mut before) = (f64::INFINITY, f64::INFINITY);
        let mut recent = [f64::INFINITY; 2];
        let mut visits = most * self.blocks.len();
        let mut recombines = true;
        for pass in 1_usize.. {
            let Some(left) = visits.checked_sub(active.len()) else { break };
            visits = left;
            // A visit computes the values of its planes, and mostly takes a step.
            self.master.owe(2.0 * sweep * active.len() as f64);
            active.shuffle(&mut self.random);
            let (mut gap, mut gain) = (0.0, 0.0);
            let recombining = recombines && (pass % RECOMBINING == 1 || self.master.is_on());
            let found = self.planes_found;
            for (count, group) in active.chunks(TOUCHED).enumerate() {
                self.touch(group);
                for &index in group {
                    let visit = self.visit(index, each, recombining)?;
                    gap += visit.gap;
                    gain += visit.gain;
                }
                if count % (SLICE / TOUCHED) == 0 {
                    run.tick(self.counts());
                }
            }
            if recombining {
                recombines = (self.planes_found - found) as f64 >= FRUITFUL * active.len() as f64;
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
            let rises = gain > WORTH * run.target(self.dual);
            let is_between = total > FAR * self.dual && total < WITHIN * self.dual;
            if accelerate && rises && is_between && total > CREEPING * recent[1] {
                self.proximal.start(gain / gap, &mut self.w);
            }
            recent = [total, recent[0]];
            lowest = lowest.min(total);
            if pass.is_multiple_of(PATIENCE) {
                if lowest >= 0.9 * before {
                    self.proximal.weaken(&mut self.w);
                }
                before = lowest;
            }
            self.proximal.advance(&mut self.w);
            // Acceleration moves the weights far: now and then it looks at all blocks again.
            if self.proximal.is_active() && pass.is_multiple_of(LOOK_AGAIN) {
                active.clear();
                active.extend((0..self.blocks.len()).filter(|&index| self.blocks[index].planes() > 0));
            } else {
                active.retain(|&index| self.blocks[index].gap > each);
            }
        }
        Ok(())
    }

    /// Solves the dual over all planes together, if that is due.
    fn solve_master(&mut self, seen: f64, run: &Run<'_>) {
        // Multiplications for the values of all planes.
        let (mut full, mut rank, mut sweep) = (false, 0, 0.0);
        for block in &self.blocks {
            full |= block.planes() >= self.most_planes;
            rank += block.rank();
            sweep += block.work();
        }
        // Planes that are merged between solves are others each time.
        if !self.settings.block.acceleration || full {
            return;
        }
        let sizes = Sizes { dim: self.w.len(), planes: self.cached, rank, sweep };
        let memory = sizes.numbers().saturating_mul(size_of::<f64>());
        let fits = self.settings.max_memory.is_none_or(|limit| self.bytes.0.saturating_add(memory) <= limit);
        if !fits || !sizes.is_possible() || !self.master.is_due(seen, sizes) {
            return;
        }
        self.proximal = Proximal::default();
        self.refresh();
        let goal = Goal { floor: OVERSHOOT * run.target(self.dual), seen: LOOSE * seen, of_dual: LOOSE };
        self.master.solve(&mut self.blocks, &self.w, (goal, sizes), &|| run.must_end(), &mut self.workspace);
        self.refresh();
    }

    /// Fetches the memory of blocks that are about to be visited.
    fn touch(&self, group: &[usize]) {
        std::hint::black_box(group.iter().map(|&index| self.blocks[index].touch()).sum::<f64>());
    }

    /// Recomputes D from the dual variables and w.
    fn update_dual(&mut self) {
        let offset: f64 = self.blocks.iter().map(Block::offset).sum();
        self.dual = offset - 0.5 * self.proximal.squared_norm_of_sum(&self.w);
    }

    /// Visits a block: looks at it and takes a step where the gap is above `enough`. Recombining, it first takes in the best plane that the
    /// parts of its planes make.
    ///
    /// # Errors
    /// A recombined plane that is none.
    fn visit(&mut self, index: usize, enough: f64, recombining: bool) -> Result<Visit, Fault> {
        let mut gap = self.blocks[index].look(&self.w, self.pass, &mut self.workspace);
        if recombining && self.recombine(index, WORTHWHILE * enough)? {
            gap = self.blocks[index].look(&self.w, self.pass, &mut self.workspace);
        }
        if gap <= enough {
            return Ok(Visit { gap, gain: 0.0 });
        }
        let accuracy = if enough > 0.0 { ROUGH } else { FINE };
        let damping = self.proximal.damping();
        let gain = self.blocks[index].step(&mut self.w, accuracy, damping, &mut self.workspace);
        self.dual += gain.max(0.0);
        Ok(Visit { gap, gain })
    }

    /// After a look at a block, takes in the best plane that parts of its planes make, if it raises the block gap by so much; returns whether it does.
    fn recombine(&mut self, index: usize, gap: f64) -> Result<bool, Fault> {
        let block = &self.blocks[index];
        let Some(least) = block.slack_beyond(gap, &self.workspace) else { return Ok(false) };
        if block.planes() >= self.most_planes {
            return Ok(false);
        }
        self.oracles.recombine(&self.w, index, &mut block.parts(&self.workspace), least, &mut self.recombined)?;
        let recombined = std::mem::take(&mut self.recombined);
        let found = !recombined.as_slice().is_empty();
        if found {
            self.insert(&recombined, index);
        }
        self.recombined = recombined;
        Ok(found)
    }

    /// Makes the dual variables feasible, and recomputes w and D from them, so that rounding errors of
    /// the updates cannot add up; returns D as it was summed, and ‖u‖² for u = Σ αδ.
    fn refresh(&mut self) -> (DualSum, f64) {
        self.w.fill(0.0);
        let mut sum = DualSum::default();
        self.support = 0;
        for block in &mut self.blocks {
            self.support += block.support();
            block.confine(&mut self.workspace);
            block.add_to(&mut self.w, &mut self.workspace);
            block.add_to_dual(&mut sum);
        }
        let u_squared = squared_norm(&self.w);
        self.dual = sum.value(u_squared);
        self.proximal.weights_from_sum(&mut self.w);
        (sum, u_squared)
    }

    /// Puts the planes of a slot into the cache of an example.
    fn take_in(&mut self, slot: usize, index: usize) {
        let planes = std::mem::take(&mut self.planes[slot]);
        self.insert(&planes, index);
        self.planes[slot] = planes;
    }

    fn insert(&mut self, planes: &Planes<'a>, index: usize) {
        if self.overflows {
            return;
        }
        let block = &mut self.blocks[index];
        self.cached -= block.planes();
        let bounded = self.settings.max_memory.is_some();
        if bounded {
            self.bytes.0 -= block.bytes();
        }
        let most = self.most_planes;
        // The most violating one last: where there is room for few, it stays.
        let new = block.insert(planes.as_slice(), self.w.len(), most, self.pass, &mut self.workspace);
        self.planes_found += new as u64;
        self.cached += block.planes();
        if bounded {
            self.bytes.0 += block.bytes();
            self.fit(index);
        }
    }

    /// Makes the blocks fit into the memory that is allowed: planes not in use go, then each block keeps half as many, and where two are
    /// too many the new ones of this block go too, and the solver is at its end.
    fn fit(&mut self, index: usize) {
        let limit = self.settings.max_memory.unwrap_or(usize::MAX);
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
    fn count(&mut self) {
        self.cached = self.blocks.iter().map(Block::planes).sum();
        self.bytes.0 = self.blocks.iter().map(Block::bytes).sum();
    }

    /// Lets planes go that were out of use for long.
    fn forget(&mut self) {
        let since = self.pass.saturating_sub(self.settings.block.idle);
        let (mut before, mut bytes, mut planes) = (0, 0, 0);
        self.support = 0;
        for block in &mut self.blocks {
            self.support += block.support();
            before += block.bytes();
            block.forget(since);
            bytes += block.bytes();
            planes += block.planes();
        }
        self.bytes = (bytes, self.bytes.1.max(before));
        self.cached = planes;
    }

    pub fn dual_variables(&self) -> Vec<DualVariable> {
        self.blocks.iter().enumerate().flat_map(|(example, block)| block.dual_variables(example)).collect()
    }

    fn counts(&self) -> Counts {
        let Oracles { calls: oracle_calls, seconds: oracle_seconds, .. } = self.oracles;
        let Self { cached: planes, support, planes_found, bytes, .. } = *self;
        Counts { oracle_calls, oracle_seconds, planes, support, planes_found, bytes }
    }
}
