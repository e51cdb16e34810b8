//! [`Passes`]: calls all oracles at one w and sums their planes.

use serde::{Deserialize, Serialize};

use crate::solve::bounds::{Answer, Fault, Known, Sizes, SlackCost, SlackSum, off};
use crate::solve::settings::SlackNorm;
use crate::task::RawPlane;

/// Calls of all separation oracles at one w, and the sum of their planes: the only access to
/// examples that the 1-slack method needs.
///
/// Examples may be in memory ([`Oracles`](crate::Oracles)), read again for each pass
/// ([`Stream`](crate::Stream)), or on other machines. If there are several machines, each sums the
/// planes of its own examples, and the sums are [added](PlaneSum::add) in a fixed order, so the
/// result is the same to the bit each time. [`StreamTrainer`](crate::StreamTrainer) trains on any
/// `Passes`.
pub trait Passes {
    /// Why examples could not be read.
    type Error;

    /// Oracle calls per pass. Equal examples that are merged count once.
    fn len(&self) -> usize;

    /// Whether there are no examples.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The number of examples, n, before equal ones are merged.
    fn examples(&self) -> usize;

    /// The sum of the example weights, and the largest one.
    fn weights(&self) -> Weights;

    /// d, the length of w.
    fn dim(&self) -> usize;

    /// See [`Task::is_relaxed`](crate::Task::is_relaxed).
    fn is_relaxed(&self) -> bool {
        false
    }

    /// The oracle calls made so far, and their wall time.
    fn spent(&self) -> Spent;

    /// Sets the number of oracle calls when a saved run is restored.
    fn go_on_from(&mut self, calls: u64);

    /// Calls every oracle at one w, and sums the planes. Several times a second, `tick` receives
    /// the state of the pass, for displays.
    ///
    /// # Errors
    /// An answer that is not a plane, or examples that could not be read.
    fn sum(
        &mut self,
        ask: Ask<'_>,
        tick: &mut dyn FnMut(UnderWay),
    ) -> Result<PlaneSum, PassError<Self::Error>>;
}

/// The example weights of a training set.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Weights {
    /// Their sum.
    pub sum: f64,
    /// The largest one, 0 without examples.
    pub largest: f64,
    /// The smallest one above 0, infinite if there is none.
    pub smallest: f64,
}

impl Default for Weights {
    fn default() -> Self {
        Self { sum: 0.0, largest: 0.0, smallest: f64::INFINITY }
    }
}

impl Weights {
    /// Adds the weight of one more example.
    pub fn add(&mut self, weight: f64) {
        let smallest = if weight > 0.0 { self.smallest.min(weight) } else { self.smallest };
        *self = Self { sum: self.sum + weight, largest: self.largest.max(weight), smallest };
    }

    /// The weights of both training sets together.
    pub fn plus(self, other: Self) -> Self {
        Self {
            sum: self.sum + other.sum,
            largest: self.largest.max(other.largest),
            smallest: self.smallest.min(other.smallest),
        }
    }
}

/// The weights at which planes are asked for, and the cost of slacks.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'w> {
    /// The weights.
    pub w: &'w [f64],
    /// Cost of the slack of an example of weight 1: C of the sum of slacks.
    pub each: f64,
    /// How slacks enter the objective.
    pub norm: SlackNorm,
}

/// Oracle calls, and their wall time.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Spent {
    /// Oracle calls.
    pub calls: u64,
    /// Wall seconds.
    pub seconds: f64,
}

/// The state of a pass under way.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct UnderWay {
    /// As [`Passes::spent`].
    pub spent: Spent,
    /// The cost of the slacks of the examples called so far in this pass.
    pub cost: f64,
}

/// Why a pass failed.
#[derive(Clone, Debug, PartialEq)]
pub enum PassError<E> {
    /// An oracle returned an answer that is not a plane.
    Oracle(Fault),
    /// The examples could not be read.
    Source(E),
}

impl<E> From<Fault> for PassError<E> {
    fn from(fault: Fault) -> Self {
        Self::Oracle(fault)
    }
}

impl PassError<std::convert::Infallible> {
    /// The fault of the oracle: no other error is possible.
    pub(crate) fn into_fault(self) -> Fault {
        match self {
            Self::Oracle(fault) => fault,
            Self::Source(never) => match never {},
        }
    }
}

/// The tangent plane of Σ costᵢ ξᵢ (or Σ costᵢ ξᵢ²), a function of the weights, at one w.
///
/// It can be sent between machines with serde, and sums over different examples can be
/// [added](Self::add).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PlaneSum {
    /// Σ costᵢ Δᵢ over examples with positive slack; Σ costᵢ (2ξᵢ Δᵢ − ξᵢ²) if slacks are squared.
    pub(crate) offset: f64,
    /// Σ costᵢ δᵢ over the same examples; Σ costᵢ 2ξᵢ δᵢ if slacks are squared.
    pub(crate) delta: Vec<f64>,
    /// The cost of the slacks of all examples.
    pub(crate) slacks: SlackSum,
    /// The sizes against which the rounding errors of `offset` and `delta` are measured.
    pub(crate) sizes: Sizes,
    /// Upper bound on the number of additions to any coordinate of `delta`.
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
    ///
    /// # Panics
    /// If the dimensions differ.
    pub fn add(&mut self, other: &Self) {
        assert_eq!(self.dim(), other.dim(), "sums of planes have one number for each weight");
        self.offset += other.offset;
        self.slacks.absorb(&other.slacks);
        self.sizes = self.sizes.plus(other.sizes);
        self.additions += other.additions + 1;
        self.delta.iter_mut().zip(&other.delta).for_each(|(sum, value)| *sum += value);
    }

    /// Adds the plane of an example if its slack has a positive cost. The value of the plane must
    /// have been evaluated.
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
            // The tangent of the cost at the slack. For squared slacks it is 2ξΔ − ξ² and 2ξδ,
            // times c.
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
