//! [`Collective`]: processes that train together, and the messages between them.
//!
//! Ranks are numbered from 0. Rank 0 is the root. The crate `crosscut-mpi` has ranks that are
//! processes of MPI; [`Threads`] has ranks that are threads, for tests; [`Local`] is one rank.
//!
//! All ranks call the same methods in the same order, with lengths of their own.
//!
//! ```
//! use crosscut_app::ranks::{Collective, Threads, sum};
//!
//! let sums = Threads::run(3, |ranks| {
//!     let mut vector = [1.0, ranks.rank() as f64];
//!     sum(ranks, &mut vector);
//!     vector
//! });
//! // Only the root has the sum.
//! assert_eq!(sums[0], [3.0, 3.0]);
//! ```

mod counted;
mod part;
mod reading;
mod shards;
mod sum;
#[cfg(test)]
mod tests;
mod threads;
mod values;

use std::fmt;

pub use counted::Counted;
pub(crate) use part::path_of;
pub use reading::{Shard, define};
pub use shards::{RankShards, end, serve};
pub use sum::sum;
pub use threads::Threads;
pub use values::{agree, broadcast_value, exchange_values, gather_values};

/// Processes (ranks) that train together. All ranks must call the same methods in the same order,
/// each on the thread that began with the first call.
pub trait Collective {
    /// The number of this rank; 0 is the root.
    fn rank(&self) -> usize;

    /// The number of ranks, at least 1.
    fn size(&self) -> usize;

    /// Replaces `bytes` on every rank by those of the root.
    fn broadcast(&self, bytes: &mut Vec<u8>);

    /// Sends `bytes` to the root. Returns those of all ranks on the root, in the order of ranks,
    /// and nothing on the other ranks.
    fn gather(&self, bytes: Vec<u8>) -> Vec<Vec<u8>>;

    /// Sends `parts[r]` to rank r. Returns what each rank has sent to this one, in the order of
    /// ranks.
    ///
    /// # Panics
    /// If the number of parts is not [`size`](Self::size).
    fn exchange(&self, parts: Vec<Vec<u8>>) -> Vec<Vec<u8>>;

    /// Ends the whole job with an exit code, since other ranks may be waiting for this one.
    fn abort(&self, code: i32) -> !;
}

impl fmt::Debug for dyn Collective + '_ {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rank {} of {}", self.rank(), self.size())
    }
}

/// One rank: this process alone.
#[derive(Clone, Copy, Debug, Default)]
pub struct Local;

impl Collective for Local {
    fn rank(&self) -> usize {
        0
    }

    fn size(&self) -> usize {
        1
    }

    fn broadcast(&self, _: &mut Vec<u8>) {}

    fn gather(&self, bytes: Vec<u8>) -> Vec<Vec<u8>> {
        vec![bytes]
    }

    fn exchange(&self, parts: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
        check_parts(self, &parts);
        parts
    }

    fn abort(&self, code: i32) -> ! {
        std::process::exit(code)
    }
}

/// Asserts that there is a part for each rank.
fn check_parts(ranks: &dyn Collective, parts: &[Vec<u8>]) {
    assert_eq!(parts.len(), ranks.size(), "an exchange has one part for each rank");
}
