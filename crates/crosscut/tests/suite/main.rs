//! All integration tests of this crate, in one binary: each binary would be linked by itself.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, and so do its helpers")]

mod abilities;
mod bounded;
mod certificate;
mod oracles;
mod parts;
mod regulariser;
mod resume;
mod shards;
mod solvers_agree;
mod start;
mod structure;
mod threads;
mod worlds;
