//! Block-coordinate dual ascent with cached planes and approximate passes.
//!
//! The dual of the n-slack problem has one block of variables αᵢ for each example, with one
//! variable for each plane that the oracle has shown:
//!
//! ```text
//! maximise D(α) = Σᵢ Σₚ αᵢₚ Δᵢₚ − ½ ‖w‖²,   w = Σᵢ Σₚ αᵢₚ δᵢₚ,   αᵢₚ ≥ 0,   Σₚ αᵢₚ ≤ C · weightᵢ / n
//! ```
//!
//! With another [`Regulariser`](crate::Regulariser), D loses r*(u) in place of ½‖u‖², with u = Σ αδ,
//! and w = ∇r*(u). With prior weights alone, w = w₀ + u. With lower bounds, u is kept beside w, and
//! each step moves u and then the weights that it has touched. The steps use the Gram matrix of the
//! planes as if there were no bounds. A weight moves at most as far as u, so this overestimates the
//! curvature and each step still raises D. Acceleration assumes w = w₀ + u, so it is off under
//! bounds.
//!
//! If slacks are squared, Σₚ αᵢₚ has no bound. Instead D has the term −½ · n/(2 · C · weightᵢ) ·
//! (Σₚ αᵢₚ)² for each example.
//!
//! An *exact pass* calls n oracles, in batches. Each answer joins the plane cache of its example. A
//! block step then improves the small dual of this example with all other blocks fixed.
//! *Approximate passes* repeat block steps over cached planes alone (Shah, Kolmogorov, Lampert
//! 2015; Chang and Yih 2013). They end when the gap over cached planes is a fraction of the gap met
//! in the exact pass, or of the gap at which training stops. If the task can combine parts of
//! cached outputs ([`Recombine`](crate::Recombine)), approximate passes also add planes of such
//! outputs.
//!
//! A *certifying pass* is an exact pass that calls all oracles at one w. The slacks give P(w), and
//! P(w) − D is the gap. A pass certifies if the gap met in earlier passes suggests that training
//! can stop, and at least once every few passes. If approximate passes make slow progress, and few
//! weights or few planes are in use, the dual over all cached planes is solved jointly in their
//! place ([`master`]).

mod cache;
mod crew;
mod history;
mod master;
mod passes;
mod proximal;
mod rounds;
mod schedule;
mod state;
mod store;
mod suffix_average;
pub(crate) mod tuning;

use std::sync::Arc;

use rand::SeedableRng;
use rand_pcg::Pcg64;

use crate::solve::bounds::{Fault, SlackCost};
use crate::solve::drive::{Counts, Run};
use crate::solve::methods::{Carried, Method, MethodState, Pass, Solver};
use crate::solve::one_slack::OneSlack;
use crate::solve::oracles::Oracles;
use crate::solve::pages::Pages;
use crate::solve::passes::{PassError, Passes};
use crate::solve::regulariser::Penalty;
use crate::solve::settings::{C, Settings};
use crate::solve::solution::DualVariable;
use crate::solve::state::StateError;
use crate::task::{Part, Planes};
use cache::Workspace;
pub(crate) use cache::{Block, CarriedBlock};
use crew::Crew;
use history::History;
use master::Master;
use proximal::Proximal;
pub(crate) use rounds::{Round, ShardState};
pub(crate) use schedule::Schedule;
pub(crate) use state::BlockCoordinateState;
use store::Store;
pub(crate) use suffix_average::SuffixAverage;

/// The solver with its state: planes, dual variables, weights.
pub(crate) struct BlockCoordinate<'a> {
    settings: Settings,
    /// Number of examples n.
    examples: usize,
    store: Store<'a>,
    penalty: Arc<Penalty>,
    w: Pages,
    /// The weights at which the next pass calls the oracles, if they are given.
    start: Option<Vec<f64>>,
    /// u = Σ αδ under lower bounds. With prior weights alone, a buffer. Empty if u = w.
    u: Vec<f64>,
    /// D at (α, w). Each step adds its gain.
    dual: f64,
    proximal: Proximal,
    master: Master,
    suffix: SuffixAverage,
    schedule: Schedule,
    /// In a shard: the dual variables of each block at x, and the factor on the curvature and on the
    /// change of w. Empty, and 1, otherwise.
    at_x: Vec<Vec<f64>>,
    sharing: f64,
    /// Whether steps of this approximate pass are longer than to the optimum of the small dual.
    relaxes: bool,
    random: Pcg64,
    crew: Crew,
    buffers: Buffers<'a>,
}

/// Buffers reused by all passes.
struct Buffers<'a> {
    /// Oracle answers of one batch.
    planes: Vec<Planes<'a>>,
    /// The plane of a recombined output.
    recombined: Planes<'a>,
    /// The parts of the planes of one block, as input to recombination.
    parts: Vec<Part>,
    /// The weights that a step has touched, under lower bounds.
    touched: Vec<usize>,
    /// Inner products of rows with the prior weights.
    dots: Vec<f64>,
    workspace: Workspace,
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
        let certifies = last
            || self.start.is_some()
            || self.schedule.certifies(run.target(self.dual), &self.settings.block.tuning)
            || self.master.is_on();
        self.schedule.count(certifies);
        if !certifies {
            self.schedule.seen = self.exact_pass(oracles, run)?;
            return Ok(Pass { certified: false, at_its_end: self.store.overflows });
        }
        self.schedule.seen = self.certifying_pass(oracles, run)?;
        let (mut stuck, rises) =
            self.schedule.judge(run.bounds.have_improved(), self.dual, &self.settings.block.tuning);
        if stuck && self.proximal.is_active() {
            self.proximal.weaken(&mut self.w);
            self.schedule.wait();
            stuck = false;
        }
        // Acceleration may have left D below its best value. As long as D rises, a certificate that
        // improves no bound is no sign of exhausted precision.
        Ok(Pass { certified: true, at_its_end: (stuck && !rises) || self.store.overflows })
    }

    fn settle(&mut self, oracles: &mut Oracles<'a>, run: &mut Run<'_>) -> Result<(), Fault> {
        let target = run.target(self.dual);
        self.approximate_passes(oracles, run, target)?;
        self.solve_master(oracles, run);
        // Acceleration may lower D before the next certificate, so the bound is raised now.
        // `self.dual` is no bound: it is a sum of gains and contains their rounding errors.
        if self.proximal.is_active() && self.dual > run.bounds.dual {
            let (sum, conjugate) = self.refresh();
            run.bounds.raise(&sum, &conjugate);
        }
        self.proximal.judge(self.dual, &mut self.w);
        self.store.forget(self.schedule.clock_before(self.settings.block.idle));
        self.suffix.follow(&self.w, self.penalty.prior());
        self.schedule.expect(self.suffix.forecast(self.schedule.seen));
        Ok(())
    }

    /// The 1-slack method. Its first plane is the sum of all planes times their dual variables, so
    /// w and D do not change.
    fn successor(&mut self) -> Option<Box<dyn Method<Oracles<'a>>>> {
        self.proximal = Proximal::default();
        let (sum, _) = self.refresh();
        self.store.blocks = Vec::new();
        let u = match self.penalty.is_plain() {
            true => self.w.to_vec(),
            false => std::mem::take(&mut self.u),
        };
        let penalty = Arc::clone(&self.penalty);
        Some(Box::new(OneSlack::from_sum(self.examples, self.settings, penalty, &sum, u)))
    }

    fn counts(&self, oracles: &Oracles<'a>) -> Counts {
        let Store { planes, support, found: planes_found, bytes, .. } = self.store;
        Counts { spent: oracles.spent(), planes, support, planes_found, bytes }
    }

    fn weights(&self) -> &[f64] {
        &self.w
    }

    fn start_at(&mut self, w: Vec<f64>) {
        self.start = Some(w);
    }

    fn penalty(&self) -> &Arc<Penalty> {
        &self.penalty
    }

    /// Scales the dual variables and u with C.
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
        self.store.history.reset();
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
            // A block that does not fit is skipped; its oracle finds the planes again.
            if let Ok(found) = saved.restore(block, row, dim, most_planes) {
                *block = found;
            }
        }
        self.store.count();
        if self.store.bytes.0 > self.settings.max_memory.unwrap_or(usize::MAX) {
            *self = Self::new(oracles, self.settings, Arc::clone(&self.penalty));
        }
        // Adopted planes count as found in a pass before the first.
        self.schedule.pass = self.schedule.pass.max(1);
        self.refresh();
    }

    fn restore(&mut self, oracles: &Oracles<'a>, saved: MethodState<'_>) -> Result<(), StateError> {
        match saved {
            MethodState::Block(saved) => self.take(oracles, *saved),
            _ => Err(StateError::of_another_solver()),
        }
    }
}

/// The slack cost of each example.
fn costs(oracles: &Oracles<'_>, settings: &Settings) -> impl Iterator<Item = SlackCost> {
    let (each, norm) = (settings.c.sum(oracles.examples()), settings.slack_norm);
    oracles.each_weight().iter().map(move |weight| SlackCost::new(each * weight, norm))
}

impl<'a> BlockCoordinate<'a> {
    pub fn new(oracles: &Oracles<'a>, settings: Settings, penalty: Arc<Penalty>) -> Self {
        let batch = settings.block.batch.max(settings.block.tuning.slice).min(oracles.len());
        let buffers = Buffers {
            planes: (0..batch).map(|_| Planes::default()).collect(),
            recombined: Planes::default(),
            parts: Vec::new(),
            touched: Vec::new(),
            dots: Vec::new(),
            workspace: Workspace::default(),
        };
        let u = if penalty.is_plain() { Vec::new() } else { vec![0.0; oracles.dim()] };
        Self {
            examples: oracles.examples(),
            store: Store::new(costs(oracles, &settings), &settings),
            w: Pages::of(penalty.start(oracles.dim())),
            start: None,
            dual: -penalty.conjugate(&u).value,
            penalty,
            u,
            proximal: Proximal::default(),
            master: Master::default(),
            suffix: SuffixAverage::default(),
            schedule: Schedule::default(),
            at_x: Vec::new(),
            sharing: 1.0,
            relaxes: false,
            random: Pcg64::seed_from_u64(settings.seed),
            crew: Crew::new(Arc::clone(oracles.workers())),
            buffers,
            settings,
        }
    }
}
