//! [`Method`]: the interface of a solver, and [`METHODS`]: the list of all solvers.
//!
//! To add a solver, write a module, and add a variant to [`Solver`], a row to [`METHODS`] and a
//! variant to [`MethodState`].

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::solve::block::{self, Block, BlockCoordinate};
use crate::solve::bounds::Fault;
use crate::solve::drive::{Counts, Run};
use crate::solve::one_slack::{self, OneSlack};
use crate::solve::oracles::Oracles;
use crate::solve::passes::{PassError, Passes};
use crate::solve::regulariser::Penalty;
use crate::solve::settings::{C, Settings};
use crate::solve::shards;
use crate::solve::solution::DualVariable;
use crate::solve::state::StateError;

/// The solver to run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Solver {
    /// Chosen by the number of examples: see [`Solver::resolve`].
    #[default]
    Auto,
    /// Block-coordinate dual ascent with cached planes and approximate passes.
    Block,
    /// 1-slack cutting plane (Joachims, Finley, Yu 2009, algorithm 3).
    OneSlack,
}

/// A row in the table of solvers.
pub(crate) struct Entry {
    pub solver: Solver,
    /// The word used in logs and on command lines.
    pub name: &'static str,
    /// Whether the solver may fit into [`Settings::max_memory`] with this number of examples.
    pub fits: fn(&Settings, usize) -> bool,
    /// Creates the solver.
    pub new: New,
}

/// Creates a solver for examples, settings and a regulariser.
type New = for<'a> fn(&Oracles<'a>, &Settings, Arc<Penalty>) -> Box<dyn Method<Oracles<'a>> + 'a>;

/// All solvers. The last one is used if the requested one does not fit into memory.
pub(crate) const METHODS: [Entry; 2] = [
    Entry {
        solver: Solver::Block,
        name: "block",
        fits: |settings, examples| {
            settings.max_memory.is_none_or(|bytes| bytes / examples >= 2 * size_of::<Block<'_>>())
        },
        new: |oracles, settings, penalty| {
            Box::new(BlockCoordinate::new(oracles, *settings, penalty))
        },
    },
    Entry {
        solver: Solver::OneSlack,
        name: "one-slack",
        fits: |_, _| true,
        new: |oracles, settings, penalty| {
            Box::new(OneSlack::new(oracles.examples(), oracles.dim(), *settings, penalty))
        },
    },
];

impl Solver {
    /// `Auto`, and each solver.
    pub fn all() -> impl Iterator<Item = Solver> {
        [Solver::Auto].into_iter().chain(METHODS.iter().map(|entry| entry.solver))
    }

    /// The word used in logs and on command lines.
    pub fn name(self) -> &'static str {
        METHODS.iter().find(|entry| entry.solver == self).map_or("auto", |entry| entry.name)
    }

    /// The solver that `Auto` stands for. With one example it is the 1-slack cutting plane method:
    /// both methods then see the same planes, and one quadratic programme is faster than block
    /// steps. With two or more it is block-coordinate ascent.
    /// `cargo run --release -p crosscut-benches --bin auto` prints the table behind the rule.
    pub fn resolve(self, examples: usize) -> Self {
        match self {
            Solver::Auto if examples < 2 => Solver::OneSlack,
            Solver::Auto => Solver::Block,
            chosen => chosen,
        }
    }

    /// The solver to begin with: the requested one, or the last one of [`METHODS`] if that does not
    /// fit into memory.
    pub(crate) fn entry(settings: &Settings, examples: usize) -> &'static Entry {
        let wanted = settings.solver.resolve(examples);
        let [others @ .., last] = &METHODS;
        others
            .iter()
            .find(|entry| entry.solver == wanted && (entry.fits)(settings, examples))
            .unwrap_or(last)
    }
}

/// A solver with its state. It receives the examples `O` at each pass.
/// [`drive`](super::drive::drive) is the loop around it.
pub(crate) trait Method<O: Passes + ?Sized> {
    fn solver(&self) -> Solver;

    /// Begins a run: a new one, one with the planes found before, or a `resumed` one.
    fn begin(&mut self, resumed: bool);

    /// Makes an exact pass. If it is the `last`, it must certify.
    ///
    /// # Errors
    /// An answer that is not a plane, or examples that could not be read.
    fn pass(
        &mut self,
        examples: &mut O,
        run: &mut Run<'_>,
        last: bool,
    ) -> Result<Pass, PassError<O::Error>>;

    /// Does the work between two exact passes.
    ///
    /// # Errors
    /// A recombined answer that is not a plane.
    fn settle(&mut self, examples: &mut O, run: &mut Run<'_>) -> Result<(), Fault>;

    /// The solver that takes over from the current w and D once this one is [at its
    /// end](Pass::at_its_end).
    fn successor(&mut self) -> Option<Box<dyn Method<O>>>;

    /// The solver's counters, together with those of `examples`.
    fn counts(&self, examples: &O) -> Counts;

    /// The latest weights.
    fn weights(&self) -> &[f64];

    /// Makes the next pass call the oracles at `w` in place of its own weights, and certify `w`.
    fn start_at(&mut self, w: Vec<f64>);

    /// The regulariser of the problem.
    fn penalty(&self) -> &Arc<Penalty>;

    /// Changes C; planes and dual variables are kept and rescaled.
    fn set_c(&mut self, examples: &O, c: C);

    /// The planes and their dual variables, in the order of the examples.
    fn dual_variables(&self) -> Vec<DualVariable>;

    /// The state that determines the rest of the run.
    fn save<'s>(&'s self, examples: &'s O) -> MethodState<'s>;

    /// The planes of single examples, if the solver keeps such planes and all their rows have
    /// names.
    fn carry(&self, examples: &O) -> Option<Carried> {
        let _ = examples;
        None
    }

    /// Adopts the planes that another solver has [carried](Self::carry), for the examples with
    /// `same[position]`.
    fn adopt(&mut self, examples: &O, carried: Carried, same: &[bool]) {
        let _ = (examples, carried, same);
    }

    /// Restores a saved state. After an error the solver must not be used.
    ///
    /// # Errors
    /// The state belongs to another solver, or does not fit.
    fn restore(&mut self, examples: &O, saved: MethodState<'_>) -> Result<(), StateError>;
}

/// The outcome of a pass.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Pass {
    /// The pass called all oracles at one w, and P(w) was added to the bounds.
    pub certified: bool,
    /// No further pass of this method helps, or its planes do not fit into memory.
    pub at_its_end: bool,
}

/// The saved state of a solver.
#[derive(Serialize, Deserialize)]
pub(crate) enum MethodState<'s> {
    Block(Box<block::BlockCoordinateState<'s>>),
    OneSlack(Box<one_slack::OneSlackState<'s>>),
    /// The block method on shards.
    Rounds(Box<shards::RoundsState<'s>>),
}

/// Planes of single examples. Rows are given by name, so the planes outlive the examples.
pub(crate) struct Carried(pub Vec<block::CarriedBlock>);
