//! Training on [shards](Shard) of the examples, which may be on several machines.
//!
//! A root asks all shards the same [`Request`] and gets the sum of their [replies](Reply). Rounds
//! cost messages of d numbers, so the method makes few of them. The 1-slack method needs a sum of
//! planes for each pass. The block method works as follows.
//!
//! **A round.** All shards start from common weights. Each makes an exact pass and approximate passes
//! over its own examples as if the others stood still, but with σ′ times the curvature (CoCoA+: Ma
//! et al. 2015). The sum of the changes is then a good step, if σ′ is at least ‖Σ change‖² /
//! Σ ‖change‖²: 1 if the changes are orthogonal, the number of shards K if they are equal. The
//! rounds before tell how large that ratio is. No value of σ′ can break a bound.
//!
//! **Momentum.** D is concave, so rounds are the steps of an accelerated proximal gradient method
//! (Tseng 2008, algorithm 1; Beck and Teboulle 2009) on the dual variables of all examples. There are
//! two feasible points: x, the best one, and z, which moves far ahead. With 0 < θ ≤ 1,
//!
//! ```text
//! y  = (1 − θ) x + θ z        shards start from the weights at y
//! z′ = z + changes            with curvature θ σ′: steps become longer as θ falls
//! x′ = x + s (z′ − x)         s ∈ [0, 1] maximises D, which is a parabola on this way
//! θ′ = θ (√(θ² + 4) − θ) / 2
//! ```
//!
//! All three are feasible, since they are convex combinations, and D at x never falls. If s is 0, z
//! begins again at x, with θ = 1. Shards keep both dual variables of each plane. The root keeps
//! u = Σ αδ at both points, and chooses s without another message: shards follow in the next round.
//!
//! **Certificates.** In a certifying round all oracles are called at one w, and shards sum up u and D
//! at x anew. Both bounds hold as on one machine. Sums are in the order of shards, so that the same
//! number of shards gives the same bits.

mod message;
mod rounds;
mod shard;
mod trainer;

use std::borrow::Cow;
use std::fmt::Display;

use rayon::prelude::*;
use serde::ser::{Error as _, SerializeSeq};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::solve::passes::{Ask, PassError, Passes, PlaneSum, Spent, UnderWay, Weights};
use crate::solve::state::StateError;
pub use message::{Description, Reply, Request, Round, RoundSum, Tally};
pub(crate) use rounds::RoundsState;
pub use shard::{SavedShard, Shard};
pub use trainer::ShardTrainer;

/// All [shards](Shard) of a training set, as a [`ShardTrainer`] reaches them.
///
/// `Vec<Shard>` has them in this process. To reach shards elsewhere, send them each request, let them
/// [answer](Shard::answer), and [add](Reply::add) the replies in the order of shards. Training panics
/// if a reply belongs to another request.
pub trait Shards {
    /// Why shards cannot be reached.
    type Error: Display;

    /// Asks every shard, and returns the sum of the replies in the order of shards.
    ///
    /// # Errors
    /// Shards that cannot be reached.
    fn ask(&mut self, request: &Request<'_>) -> Result<Reply, Self::Error>;

    /// The state of a shard ([`Shard::save`]), in bytes. Called only if the state of the training run
    /// is serialised.
    ///
    /// # Errors
    /// Shards that cannot be reached, or whose state cannot be encoded.
    fn save(&self, shard: usize) -> Result<Vec<u8>, Self::Error>;

    /// Restores the state of a shard ([`Shard::restore`]).
    ///
    /// # Errors
    /// A state that does not fit; shards that cannot be reached.
    fn restore(&mut self, shard: usize, saved: &[u8]) -> Result<(), StateError>;
}

/// All shards of a training set in one process, each asked by its own thread of the current rayon
/// pool. It saves no states.
impl Shards for Vec<Shard<'_>> {
    type Error = StateError;

    fn ask(&mut self, request: &Request<'_>) -> Result<Reply, StateError> {
        let replies: Vec<Reply> = self.par_iter_mut().map(|shard| shard.answer(request)).collect();
        let sum = replies.into_iter().reduce(|mut sum, next| {
            sum.add(next);
            sum
        });
        sum.ok_or_else(|| StateError("there are no shards".to_owned()))
    }

    fn save(&self, _: usize) -> Result<Vec<u8>, StateError> {
        Err(StateError("shards in a list are saved one by one".to_owned()))
    }

    fn restore(&mut self, _: usize, _: &[u8]) -> Result<(), StateError> {
        Err(StateError("shards in a list are restored one by one".to_owned()))
    }
}

/// All shards, and what is known of them.
pub(crate) struct Whole<'a, E> {
    shards: Box<dyn Shards<Error = E> + 'a>,
    about: Description,
    tally: Tally,
    /// Oracle calls of a saved run that the shards have not counted.
    before: u64,
}

/// A shard has answered another request.
const ANSWERS: &str = "shards answer what they are asked";

impl<'a, E: Display> Whole<'a, E> {
    fn new(mut shards: impl Shards<Error = E> + 'a) -> Result<Self, E> {
        let reply = shards.ask(&Request::Describe)?;
        let Reply::Description(about) = reply else { panic!("{ANSWERS}") };
        Ok(Self { shards: Box::new(shards), about, tally: Tally::default(), before: 0 })
    }

    /// Number of shards.
    pub fn shards(&self) -> usize {
        self.about.shards
    }

    pub fn tally(&self) -> Tally {
        self.tally
    }

    /// Sets the counters to those of a saved run, which the shards have restored.
    fn recall(&mut self, tally: Tally) {
        self.tally = tally;
    }

    /// Makes a round.
    pub fn round(&mut self, round: Round<'_>) -> Result<RoundSum, PassError<E>> {
        let reply = self.shards.ask(&Request::Round(round)).map_err(PassError::Source)?;
        let Reply::Round(sum) = reply else { panic!("{ANSWERS}") };
        self.tally = sum.tally;
        match sum.slacks.audit.fault {
            Some(fault) => Err(PassError::Oracle(fault)),
            None => Ok(*sum),
        }
    }

    /// The states of all shards.
    pub fn saved(&self) -> SavedShards<'_>
    where
        E: 'a,
    {
        let save = move |shard| self.shards.save(shard).map_err(|error| error.to_string());
        SavedShards::Live { shards: self.about.shards, save: Box::new(save) }
    }

    /// Restores the states of all shards.
    fn restore(&mut self, saved: SavedShards<'_>) -> Result<(), StateError> {
        let SavedShards::Read(all) = saved else {
            return Err(StateError("it was never written".to_owned()));
        };
        let (found, expected) = (all.len(), self.about.shards);
        if found != expected {
            let plural = |n| if n == 1 { "shard" } else { "shards" };
            return Err(StateError(format!(
                "it has {found} {}, and this run has {expected} {}: the number must be the same",
                plural(found),
                plural(expected)
            )));
        }
        let mut all = all.into_iter().enumerate();
        all.try_for_each(|(shard, saved)| self.shards.restore(shard, &saved))
    }
}

impl<E: Display> Passes for Whole<'_, E> {
    type Error = E;

    fn len(&self) -> usize {
        self.about.len
    }

    fn examples(&self) -> usize {
        self.about.examples
    }

    fn weights(&self) -> Weights {
        self.about.weights
    }

    fn dim(&self) -> usize {
        self.about.dim
    }

    fn is_relaxed(&self) -> bool {
        self.about.is_relaxed
    }

    fn spent(&self) -> Spent {
        let Tally { calls, seconds, .. } = self.tally;
        Spent { calls: self.before + calls, seconds }
    }

    fn go_on_from(&mut self, calls: u64) {
        self.before = calls - self.tally.calls.min(calls);
    }

    fn sum(
        &mut self,
        Ask { w, each, norm }: Ask<'_>,
        tick: &mut dyn FnMut(UnderWay),
    ) -> Result<PlaneSum, PassError<E>> {
        let request = Request::Sum { w: Cow::Borrowed(w), each, norm };
        let reply = self.shards.ask(&request).map_err(PassError::Source)?;
        let Reply::Sum(sum, tally) = reply else { panic!("{ANSWERS}") };
        self.tally = tally;
        if let Some(fault) = sum.slacks.audit.fault {
            return Err(PassError::Oracle(fault));
        }
        tick(UnderWay { spent: self.spent(), cost: sum.slacks.cost });
        Ok(*sum)
    }
}

/// The states of all shards. Only while they are serialised, shards are asked for them, one after
/// the other.
pub(crate) enum SavedShards<'s> {
    Live { shards: usize, save: Box<SaveShard<'s>> },
    Read(Vec<Vec<u8>>),
}

/// The state of a shard, or why there is none.
type SaveShard<'s> = dyn Fn(usize) -> Result<Vec<u8>, String> + 's;

impl Serialize for SavedShards<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self::Live { shards, save } = self else {
            return Err(S::Error::custom("it was read, not trained"));
        };
        let mut sequence = serializer.serialize_seq(Some(*shards))?;
        for shard in 0..*shards {
            sequence.serialize_element(&save(shard).map_err(S::Error::custom)?)?;
        }
        sequence.end()
    }
}

impl<'de> Deserialize<'de> for SavedShards<'_> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::Read(Vec::deserialize(deserializer)?))
    }
}
