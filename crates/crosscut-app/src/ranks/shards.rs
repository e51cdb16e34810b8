//! [`RankShards`]: training on the shards of all ranks.
//!
//! The root tells the other ranks what to do next, by an order that it broadcasts. They [`serve`]
//! until it [ends](end).
//!
//! | order | then |
//! |---|---|
//! | ask | all ranks answer the request; their vectors are [summed](sum), the rest is gathered |
//! | save | one rank sends the state of its shard to the root |
//! | restore | one rank gets the state of its shard, and tells whether it fits |
//! | end | nothing |

use std::cell::Cell;
use std::mem;

use crosscut::{Reply, Request, Shard, Shards, StateError};
use serde::{Deserialize, Serialize};

use super::values::{decode, encode};
use super::{Collective, gather_values, sum};
use crate::error::Error;

/// What all ranks do next. `R` is a request.
#[derive(Serialize, Deserialize)]
enum Order<R> {
    Ask(R),
    /// The state of the shard of this rank.
    Save(usize),
    Restore(usize),
    /// With a message, and whether the input was bad, if the root has failed.
    End(Option<(String, bool)>),
}

/// The shards of all ranks, as the root reaches them.
///
/// While the root uses it, the other ranks must [`serve`]. Whether training succeeds or not, the
/// root must [`end`].
pub struct RankShards<'r, 's> {
    ranks: &'r dyn Collective,
    /// That of the root.
    shard: &'r mut Shard<'s>,
    rounds: &'r Cell<u64>,
}

impl<'r, 's> RankShards<'r, 's> {
    /// `shard` is that of the root. `rounds` counts the requests, without those that only ask how
    /// many examples there are.
    pub fn new(ranks: &'r dyn Collective, shard: &'r mut Shard<'s>, rounds: &'r Cell<u64>) -> Self {
        Self { ranks, shard, rounds }
    }
}

impl std::fmt::Debug for RankShards<'_, '_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RankShards").field("ranks", &self.ranks).finish_non_exhaustive()
    }
}

impl Shards for RankShards<'_, '_> {
    type Error = Error;

    fn ask(&mut self, request: &Request<'_>) -> Result<Reply, Error> {
        if !matches!(request, Request::Describe) {
            self.rounds.set(self.rounds.get() + 1);
        }
        order(self.ranks, &Order::Ask(request))?;
        let reply = answer(self.ranks, self.shard, request)?;
        reply.ok_or_else(|| Error::Ranks("only the root may ask".to_owned()))
    }

    fn save(&self, shard: usize) -> Result<Vec<u8>, Error> {
        if shard == 0 {
            return encode(self.shard.save());
        }
        order(self.ranks, &Order::<()>::Save(shard))?;
        let mut all = self.ranks.gather(Vec::new());
        Ok(all.swap_remove(shard))
    }

    fn restore(&mut self, shard: usize, saved: &[u8]) -> Result<(), StateError> {
        if shard == 0 {
            return restore(self.shard, saved);
        }
        let lost = |error: Error| StateError::new(error.to_string());
        order(self.ranks, &Order::<()>::Restore(shard)).map_err(lost)?;
        let mut parts = vec![Vec::new(); self.ranks.size()];
        saved.clone_into(&mut parts[shard]);
        self.ranks.exchange(parts);
        let refusals = gather_values(self.ranks, None::<String>).map_err(lost)?;
        match refusals.into_iter().flatten().next() {
            None => Ok(()),
            Some(refusal) => Err(StateError::new(refusal)),
        }
    }
}

/// Serves the root with the shard of this rank until the root [ends](end). Called on all ranks but
/// the root.
///
/// # Errors
/// The error with which the root has ended, as [`Error::OnRank`]. [`Error::Ranks`] if a message
/// cannot be encoded or decoded; others may then wait for this rank: end the job with
/// [`Collective::abort`].
pub fn serve(ranks: &dyn Collective, shard: &mut Shard<'_>) -> Result<(), Error> {
    let mut bytes = Vec::new();
    loop {
        ranks.broadcast(&mut bytes);
        let order = decode::<Order<Request<'static>>>(&bytes, 0)?;
        // Requests are as long as the weights.
        bytes = Vec::new();
        match order {
            Order::Ask(request) => drop(answer(ranks, shard, &request)?),
            Order::Save(of) => {
                let is_own = of == ranks.rank();
                ranks.gather(if is_own { encode(shard.save())? } else { Vec::new() });
            }
            Order::Restore(of) => {
                let parts = ranks.exchange(vec![Vec::new(); ranks.size()]);
                let is_own = of == ranks.rank();
                let result = if is_own { restore(shard, &parts[0]) } else { Ok(()) };
                gather_values(ranks, result.err().map(|error| error.to_string()))?;
            }
            Order::End(None) => return Ok(()),
            Order::End(Some((message, is_bad_input))) => {
                return Err(Error::OnRank { rank: 0, message, is_bad_input });
            }
        }
    }
}

/// Ends the service of the other ranks. Called on the root, with the result of its work. If that is
/// an error, all ranks get it.
///
/// # Errors
/// The error of the root, as [`Error::OnRank`]; [`Error::Ranks`] if it cannot be told.
pub fn end<T>(ranks: &dyn Collective, result: Result<T, Error>) -> Result<T, Error> {
    let failure = result.as_ref().err().map(|error| (error.to_string(), error.is_bad_input()));
    order(ranks, &Order::<()>::End(failure.clone()))?;
    match failure {
        Some((message, is_bad_input)) => Err(Error::OnRank { rank: 0, message, is_bad_input }),
        None => result,
    }
}

/// Sends an order to the other ranks.
fn order(ranks: &dyn Collective, order: &Order<impl Serialize>) -> Result<(), Error> {
    if ranks.size() > 1 {
        ranks.broadcast(&mut encode(order)?);
    }
    Ok(())
}

/// Answers a request together with all ranks. The root gets the sum of the answers.
fn answer(
    ranks: &dyn Collective,
    shard: &mut Shard<'_>,
    request: &Request<'_>,
) -> Result<Option<Reply>, Error> {
    let mut reply = shard.answer(request);
    let mut vectors: Vec<Vec<f64>> = reply.vectors().into_iter().map(mem::take).collect();
    // On all ranks the same vectors are empty.
    vectors.iter_mut().filter(|vector| !vector.is_empty()).for_each(|vector| sum(ranks, vector));
    let mut replies = gather_values(ranks, reply)?.into_iter();
    let Some(mut all) = replies.next() else { return Ok(None) };
    replies.for_each(|reply| all.add(reply));
    for (place, vector) in all.vectors().into_iter().zip(vectors) {
        *place = vector;
    }
    Ok(Some(all))
}

fn restore(shard: &mut Shard<'_>, saved: &[u8]) -> Result<(), StateError> {
    let saved = decode(saved, 0).map_err(|error| StateError::new(error.to_string()))?;
    shard.restore(saved)
}
