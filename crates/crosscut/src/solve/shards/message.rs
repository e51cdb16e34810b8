//! [`Request`] and [`Reply`]: what the root asks of every shard, and what shards answer.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::solve::bounds::{DualSum, SlackSum};
use crate::solve::passes::{PlaneSum, Weights};
use crate::solve::settings::SlackNorm;

/// What the root asks of every shard. It can be sent with serde.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Request<'r> {
    /// How many examples there are.
    Describe,
    /// Sums the planes of all examples at one w: see [`Passes::sum`](crate::Passes::sum).
    Sum {
        /// The weights.
        #[serde(with = "numbers")]
        w: Cow<'r, [f64]>,
        /// Cost of the slack of an example of weight 1.
        each: f64,
        /// How slacks enter the objective.
        norm: SlackNorm,
    },
    /// Passes over the examples of each shard.
    Round(Round<'r>),
}

/// A round of the block method.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Round<'r> {
    /// The share of the way from x to z of the last round that x goes.
    pub(crate) share: f64,
    /// Whether z begins at x.
    pub(crate) restarts: bool,
    /// The weights at y, from which steps start; under lower bounds u at y.
    #[serde(with = "numbers")]
    pub(crate) weights: Cow<'r, [f64]>,
    /// Factor on the curvature, and on the change of w by steps: θ σ′.
    pub(crate) damping: f64,
    /// The gap at which training stops, for each example.
    pub(crate) target: f64,
    /// Whether all oracles are called at one w, without steps between.
    pub(crate) certifies: bool,
    /// This w, if it is not that of `weights`; otherwise empty.
    #[serde(with = "numbers")]
    pub(crate) at: Cow<'r, [f64]>,
}

/// The answer of a shard, or the sum of the answers of several, in the order of shards. It can be
/// sent with serde.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Reply {
    /// To [`Request::Describe`].
    Description(Description),
    /// To [`Request::Sum`].
    Sum(Box<PlaneSum>, Tally),
    /// To [`Request::Round`].
    Round(Box<RoundSum>),
}

/// The examples of a shard, or of several.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Description {
    /// Oracle calls per pass.
    pub(crate) len: usize,
    /// Examples, before equal ones are merged.
    pub(crate) examples: usize,
    pub(crate) weights: Weights,
    /// The number of weights, d.
    pub(crate) dim: usize,
    pub(crate) is_relaxed: bool,
    /// Number of the shards.
    pub(crate) shards: usize,
}

/// Counters of a shard, or of several.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Tally {
    pub(crate) calls: u64,
    /// Wall seconds in oracles, of the shard with the most.
    pub(crate) seconds: f64,
    pub(crate) planes: usize,
    pub(crate) support: usize,
    pub(crate) found: u64,
    /// Bytes of the planes: current and peak.
    pub(crate) bytes: (usize, usize),
    /// Whether the planes of a shard exceed its memory.
    pub(crate) overflows: bool,
}

/// The result of a round: one shard's, or a sum.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct RoundSum {
    /// u at x, at the start of the round, if it certifies; otherwise empty.
    pub(crate) at_x: Vec<f64>,
    /// The part of D at x without r*(u), if the round certifies.
    pub(crate) dual: DualSum,
    /// The slacks, if the round certifies. A fault of an oracle is here in any round.
    pub(crate) slacks: SlackSum,
    /// Sum of the block gaps met in an exact pass.
    pub(crate) seen: f64,
    /// Change of u at z.
    pub(crate) change: Vec<f64>,
    /// Σ ‖change‖² over the shards.
    pub(crate) squares: f64,
    /// The part of D without r*(u) on the way from x to z: its value at x, its derivative there, and
    /// the negative of its second derivative.
    pub(crate) line: [f64; 3],
    pub(crate) tally: Tally,
}

impl Reply {
    /// Adds the answer of the next shard.
    ///
    /// # Panics
    /// If it answers another request, or has another number of weights.
    pub fn add(&mut self, next: Self) {
        match (self, next) {
            (Self::Description(sum), Self::Description(next)) => sum.add(next),
            (Self::Sum(sum, tally), Self::Sum(next, more)) => {
                sum.add(&next);
                tally.add(more);
            }
            (Self::Round(sum), Self::Round(next)) => sum.add(*next),
            _ => panic!("all shards answer the same request"),
        }
    }

    /// The long vectors of the answer: none, one or two. Their number depends on the request alone.
    /// A [sum](Self::add) of answers adds them entry by entry, so a library for messages may take
    /// them out, sum them by itself, and put the sum in again.
    pub fn vectors(&mut self) -> Vec<&mut Vec<f64>> {
        match self {
            Self::Sum(sum, _) => vec![&mut sum.delta],
            Self::Round(sum) => vec![&mut sum.at_x, &mut sum.change],
            Self::Description(_) => Vec::new(),
        }
    }
}

impl Description {
    fn add(&mut self, next: Self) {
        assert_eq!(self.dim, next.dim, "all shards have the same task");
        self.len += next.len;
        self.examples += next.examples;
        self.weights = self.weights.plus(next.weights);
        self.is_relaxed |= next.is_relaxed;
        self.shards += next.shards;
    }
}

impl Tally {
    pub(crate) fn add(&mut self, next: Self) {
        self.calls += next.calls;
        self.seconds = self.seconds.max(next.seconds);
        self.planes += next.planes;
        self.support += next.support;
        self.found += next.found;
        self.bytes.0 += next.bytes.0;
        self.bytes.1 += next.bytes.1;
        self.overflows |= next.overflows;
    }
}

impl RoundSum {
    fn add(&mut self, next: Self) {
        add_to(&mut self.at_x, &next.at_x);
        self.dual.join(&next.dual);
        self.slacks.absorb(&next.slacks);
        self.seen += next.seen;
        add_to(&mut self.change, &next.change);
        self.squares += next.squares;
        add_to(&mut self.line, &next.line);
        self.tally.add(next.tally);
    }
}

impl<'r> Request<'r> {
    /// The request without borrowed weights.
    pub fn into_owned(self) -> Request<'static> {
        let own = |weights: Cow<'r, [f64]>| Cow::Owned(weights.into_owned());
        match self {
            Self::Describe => Request::Describe,
            Self::Sum { w, each, norm } => Request::Sum { w: own(w), each, norm },
            Self::Round(round) => {
                Request::Round(Round { weights: own(round.weights), at: own(round.at), ..round })
            }
        }
    }
}

fn add_to(sum: &mut [f64], next: &[f64]) {
    assert_eq!(sum.len(), next.len(), "all shards have the same weights");
    sum.iter_mut().zip(next).for_each(|(sum, next)| *sum += next);
}

/// Numbers as they are, or as the places and values of those that are not 0, whichever is shorter.
mod numbers {
    use std::borrow::Cow;

    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Serialize, Deserialize)]
    enum Numbers<'n> {
        All(Cow<'n, [f64]>),
        Some { length: usize, places: Vec<u32>, values: Vec<f64> },
    }

    pub fn serialize<S: Serializer>(numbers: &[f64], serializer: S) -> Result<S::Ok, S::Error> {
        let is_there = |(_, number): &(usize, &f64)| number.to_bits() != 0;
        let there = || numbers.iter().enumerate().filter(is_there);
        // A value has 8 bytes, its place 4.
        if 12 * there().count() >= 8 * numbers.len() || numbers.len() > u32::MAX as usize {
            return Numbers::All(Cow::Borrowed(numbers)).serialize(serializer);
        }
        let places = there().map(|(place, _)| place as u32).collect();
        let values = there().map(|(_, value)| *value).collect();
        Numbers::Some { length: numbers.len(), places, values }.serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Cow<'static, [f64]>, D::Error> {
        match Numbers::deserialize(deserializer)? {
            Numbers::All(all) => Ok(Cow::Owned(all.into_owned())),
            Numbers::Some { length, places, values } => {
                let mut all = Vec::new();
                all.try_reserve_exact(length).map_err(D::Error::custom)?;
                all.resize(length, 0.0);
                for (place, value) in places.into_iter().zip(values) {
                    let number = all.get_mut(place as usize);
                    *number.ok_or_else(|| D::Error::custom("a place beyond the end"))? = value;
                }
                Ok(Cow::Owned(all))
            }
        }
    }
}
