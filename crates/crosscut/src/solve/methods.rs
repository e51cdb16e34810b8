//! [`Method`]: what a solver is, and [`METHODS`]: which ones there are.
//!
//! A solver is a room of its own and, here, a variant of [`Solver`], a row in [`METHODS`] and a
//! variant of [`MethodState`].

use serde::{Deserialize, Serialize};

use crate::solve::block::{self, Block, BlockCoordinate};
use crate::solve::bounds::Fault;
use crate::solve::drive::{Counts, Run};
use crate::solve::one_slack::{self, OneSlack};
use crate::solve::oracles::Oracles;
use crate::solve::passes::{PassError, Passes};
use crate::solve::settings::{C, Settings};
use crate::solve::solution::DualVariable;
use crate::solve::state::StateError;

/// Which solver to run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Solver {
    /// Picks by the number of examples: see [`Solver::resolve`].
    #[default]
    Auto,
    /// Block-coordinate dual ascent with cached planes and approximate passes.
    Block,
    /// 1-slack cutting plane (Joachims, Finley, Yu 2009, algorithm 3).
    OneSlack,
}

/// A solver as the settings name it.
pub(crate) struct Entry {
    pub solver: Solver,
    /// The word used in logs and on command lines.
    pub name: &'static str,
    /// Whether there is hope for it in the memory that is allowed, for so many examples.
    pub fits: fn(&Settings, usize) -> bool,
    /// Begins.
    pub new: for<'a> fn(&Oracles<'a>, &Settings) -> Box<dyn Method<Oracles<'a>> + 'a>,
}

/// All solvers. Where the memory does not suffice for the one that is asked for, it is the last
/// one.
pub(crate) const METHODS: [Entry; 2] = [
    Entry {
        solver: Solver::Block,
        name: "block",
        fits: |settings, examples| {
            settings.max_memory.is_none_or(|bytes| bytes / examples >= 2 * size_of::<Block<'_>>())
        },
        new: |oracles, settings| Box::new(BlockCoordinate::new(oracles, *settings)),
    },
    Entry {
        solver: Solver::OneSlack,
        name: "one-slack",
        fits: |_, _| true,
        new: |oracles, settings| {
            Box::new(OneSlack::new(oracles.examples(), oracles.dim(), *settings))
        },
    },
];

impl Solver {
    /// `auto`, and each solver.
    pub fn all() -> impl Iterator<Item = Solver> {
        [Solver::Auto].into_iter().chain(METHODS.iter().map(|entry| entry.solver))
    }

    /// The word used in logs and on command lines.
    pub fn name(self) -> &'static str {
        METHODS.iter().find(|entry| entry.solver == self).map_or("auto", |entry| entry.name)
    }

    /// What `Auto` means for this many examples: the 1-slack cutting plane method for one (both
    /// methods see the same planes then, and one quadratic programme beats block steps),
    /// block-coordinate ascent from two on. `cargo run --release -p crosscut-benches --bin auto`
    /// prints the table behind the rule.
    pub fn resolve(self, examples: usize) -> Self {
        match self {
            Solver::Auto if examples < 2 => Solver::OneSlack,
            Solver::Auto => Solver::Block,
            chosen => chosen,
        }
    }

    /// The solver to begin with.
    pub(crate) fn entry(settings: &Settings, examples: usize) -> &'static Entry {
        let wanted = settings.solver.resolve(examples);
        let [others @ .., last] = &METHODS;
        others
            .iter()
            .find(|entry| entry.solver == wanted && (entry.fits)(settings, examples))
            .unwrap_or(last)
    }
}

/// A solver with its state, for examples `O` that it is shown at each pass.
/// [`drive`](super::drive::drive) is the loop around it.
pub(crate) trait Method<O: Passes + ?Sized> {
    fn solver(&self) -> Solver;

    /// A run begins: afresh, with what was found before, or where one was kept.
    fn begin(&mut self, resumed: bool);

    /// Makes a pass; the last one must certify.
    ///
    /// # Errors
    /// An answer that is no plane, or examples that could not be had.
    fn pass(
        &mut self,
        examples: &mut O,
        run: &mut Run<'_>,
        last: bool,
    ) -> Result<Pass, PassError<O::Error>>;

    /// What is done between that pass and the next one.
    ///
    /// # Errors
    /// A plane that is none.
    fn settle(&mut self, examples: &mut O, run: &mut Run<'_>) -> Result<(), Fault>;

    /// What goes on in its place, from w and D as they are, once it is [at its
    /// end](Pass::at_its_end).
    fn successor(&mut self) -> Option<Box<dyn Method<O>>>;

    /// Counters, beside what the examples have counted.
    fn counts(&self, examples: &O) -> Counts;

    /// The latest weights.
    fn weights(&self) -> &[f64];

    /// Changes C, from which all it holds goes on.
    fn set_c(&mut self, examples: &O, c: C);

    /// The planes it holds, in the order of the examples.
    fn dual_variables(&self) -> Vec<DualVariable>;

    /// Everything that decides what follows.
    fn save<'s>(&'s self, examples: &'s O) -> MethodState<'s>;

    /// The planes of single examples, if it has them and they can be named.
    fn carry(&self, examples: &O) -> Option<Carried> {
        let _ = examples;
        None
    }

    /// Begins with planes that another has [carried](Self::carry), of those examples for which
    /// `same` holds by their position.
    fn adopt(&mut self, examples: &O, carried: Carried, same: &[bool]) {
        let _ = (examples, carried, same);
    }

    /// Takes the place of what is here; not to be used after an error.
    ///
    /// # Errors
    /// What was saved is of another solver, or does not fit.
    fn restore(&mut self, examples: &O, saved: MethodState<'_>) -> Result<(), StateError>;
}

/// What a pass did.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Pass {
    /// It called all oracles at one w, and took in P there.
    pub certified: bool,
    /// No other pass of this method helps, or there is no memory for it.
    pub at_its_end: bool,
}

/// What a method needs to go on.
#[derive(Serialize, Deserialize)]
pub(crate) enum MethodState<'s> {
    Block(Box<block::BlockCoordinateState<'s>>),
    OneSlack(Box<one_slack::OneSlackState<'s>>),
}

/// Planes of single examples by the names of their rows, so that they outlive the examples.
pub(crate) struct Carried(pub Vec<block::CarriedBlock>);
