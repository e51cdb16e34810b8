//! [`Passes`]: all oracles at one w, and one sum of their planes.

use serde::{Deserialize, Serialize};

use crate::solve::bounds::{Answer, Fault, Known, Sizes, SlackCost, SlackSum, off};
use crate::solve::settings::SlackNorm;
use crate::task::RawPlane;

/// All separation oracles at one w, and the sum of their planes: what the 1-slack method needs of
/// the examples, wherever they are.
///
/// Examples may be in memory ([`Oracles`](crate::Oracles)), read again for each pass
/// ([`Stream`](crate::Stream)), or on other machines: then each of them sums its own, and the sums
/// are [added](PlaneSum::add) in a fixed order, so that the bits of the result are the same each
/// time. [`StreamTrainer`](crate::StreamTrainer) trains on them.
pub trait Passes {
    /// Why examples could not be had.
    type Error;

    /// Oracle calls of a pass: of equal examples there is one.
    fn len(&self) -> usize;

    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// n, the number of examples.
    fn examples(&self) -> usize {
        self.len()
    }

    /// d, the length of w.
    fn dim(&self) -> usize;

    /// As [`Task::is_relaxed`](crate::Task::is_relaxed).
    fn is_relaxed(&self) -> bool {
        false
    }

    /// The oracle calls made, and the time spent on them.
    fn spent(&self) -> Spent;

    /// Training goes on where it was kept, after so many oracle calls.
    fn go_on_from(&mut self, calls: u64);

    /// Calls every oracle at one w, and sums the planes. `tick` is told several times a second what
    /// is [spent](Self::spent) by then.
    ///
    /// # Errors
    /// An answer that is no plane, or examples that could not be had.
    fn sum(
        &mut self,
        ask: Ask<'_>,
        tick: &mut dyn FnMut(Spent),
    ) -> Result<PlaneSum, PassError<Self::Error>>;
}

/// At which weights planes are asked for, and what the slacks cost.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'w> {
    /// The weights.
    pub w: &'w [f64],
    /// What the slack of an example of weight 1 costs: C of the sum of slacks.
    pub each: f64,
    /// How slacks enter the objective.
    pub norm: SlackNorm,
}

/// Oracle calls, and the time they took.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Spent {
    /// Oracle calls.
    pub calls: u64,
    /// Wall seconds.
    pub seconds: f64,
}

/// Why a pass failed.
#[derive(Clone, Debug, PartialEq)]
pub enum PassError<E> {
    /// An oracle answered with something that is no plane.
    Oracle(Fault),
    /// The examples could not be had.
    Source(E),
}

impl<E> From<Fault> for PassError<E> {
    fn from(fault: Fault) -> Self {
        Self::Oracle(fault)
    }
}

impl PassError<std::convert::Infallible> {
    /// The answer of the oracle, which is all that can fail.
    pub(crate) fn into_fault(self) -> Fault {
        match self {
            Self::Oracle(fault) => fault,
            Self::Source(never) => match never {},
        }
    }
}

/// The plane that touches Σ costᵢ ξᵢ (or Σ costᵢ ξᵢ²), as a function of the weights, at one w.
///
/// It can be sent between machines by serde, and sums over different examples can be
/// [added](Self::add).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PlaneSum {
    /// Σ costᵢ Δᵢ over examples with positive slack; Σ costᵢ (2ξᵢ Δᵢ − ξᵢ²) if slacks are squared.
    pub(crate) offset: f64,
    /// Σ costᵢ δᵢ over the same examples; Σ costᵢ 2ξᵢ δᵢ if slacks are squared.
    pub(crate) delta: Vec<f64>,
    /// What the slacks of all examples cost.
    pub(crate) slacks: SlackSum,
    /// The sizes that the rounding of `offset` and `delta` is measured against.
    pub(crate) sizes: Sizes,
    /// Additions that a coordinate of `delta` has seen, at most.
    additions: usize,
}

impl PlaneSum {
    /// The sum over no examples, for d weights.
    pub fn new(dim: usize) -> Self {
        let (slacks, sizes) = (SlackSum::default(), Sizes::default());
        Self { offset: 0.0, delta: vec![0.0; dim], slacks, sizes, additions: 0 }
    }

    /// d.
    pub fn dim(&self) -> usize {
        self.delta.len()
    }

    /// Adds a sum over other examples, of the same dimension.
    pub fn add(&mut self, other: &Self) {
        self.offset += other.offset;
        self.slacks.absorb(&other.slacks);
        self.sizes = self.sizes.plus(other.sizes);
        self.additions += other.additions + 1;
        self.delta.iter_mut().zip(&other.delta).for_each(|(sum, value)| *sum += value);
    }

    /// Adds the plane of an example, whose value is known, if its slack costs anything.
    pub(crate) fn add_plane(
        &mut self,
        (plane, missed): (&RawPlane<'_>, f64),
        cost: SlackCost,
        example: usize,
    ) {
        let slack = plane.value;
        self.slacks.add(
            cost,
            example,
            Answer { value: slack, missed },
            Known::new(0.0, plane.magnitude, 0.0),
        );
        if slack > 0.0 && cost.bound > 0.0 {
            // The tangent of the cost at the slack: of squared slacks 2ξΔ − ξ² and 2ξδ.
            let slope = cost.slope(slack);
            let less = if cost.ridge > 0.0 { cost.of(slack) } else { 0.0 };
            self.offset += slope * plane.offset - less;
            self.sizes.offset += slope * plane.offset + less;
            self.sizes.delta += slope * plane.size();
            self.additions += 1 + plane.rows.len() + plane.entries.len();
            plane.add_to(&mut self.delta, slope);
        }
    }

    /// Bounds on the rounding errors of `offset` and `delta`.
    pub(crate) fn errors(&self) -> Sizes {
        self.sizes.scaled(off(self.additions))
    }
}
