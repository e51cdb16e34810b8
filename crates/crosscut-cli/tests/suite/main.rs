//! All integration tests of this crate, in one binary: each binary would be linked by itself.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, and so do its helpers")]

mod brought;
mod columns;
mod common;
mod crash;
mod describe;
mod export;
mod extremes;
mod hostile;
mod init;
mod memory;
mod new;
mod outputs;
mod parts;
mod prior;
mod probabilities;
mod program;
mod ranking;
mod ranks;
mod readers;
mod renumbering;
mod scaling;
mod sequence;
mod serve;
mod stream;
mod svmstruct;
mod tables;
mod threads;
mod validate;
