//! [`Counted`]: how many bytes a rank sends.

use std::cell::Cell;

use super::Collective;

/// Ranks whose messages are counted.
pub struct Counted<'c> {
    ranks: &'c dyn Collective,
    sent: Cell<u64>,
}

impl<'c> Counted<'c> {
    /// Counts from 0.
    pub fn new(ranks: &'c dyn Collective) -> Self {
        Self { ranks, sent: Cell::new(0) }
    }

    /// Bytes that this rank has sent to other ranks. A broadcast counts once for each of them, as
    /// if the root had sent it to each. Lengths and headers of messages do not count.
    pub fn sent(&self) -> u64 {
        self.sent.get()
    }

    fn add(&self, bytes: usize) {
        self.sent.set(self.sent.get() + bytes as u64);
    }
}

impl Collective for Counted<'_> {
    fn rank(&self) -> usize {
        self.ranks.rank()
    }

    fn size(&self) -> usize {
        self.ranks.size()
    }

    fn broadcast(&self, bytes: &mut Vec<u8>) {
        if self.rank() == 0 {
            self.add(bytes.len() * (self.size() - 1));
        }
        self.ranks.broadcast(bytes);
    }

    fn gather(&self, bytes: Vec<u8>) -> Vec<Vec<u8>> {
        if self.rank() > 0 {
            self.add(bytes.len());
        }
        self.ranks.gather(bytes)
    }

    fn exchange(&self, parts: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
        let all: usize = parts.iter().map(Vec::len).sum();
        self.add(all - parts.get(self.rank()).map_or(0, Vec::len));
        self.ranks.exchange(parts)
    }

    fn abort(&self, code: i32) -> ! {
        self.ranks.abort(code)
    }
}
