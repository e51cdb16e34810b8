//! All integration tests of this crate, in one binary. They start programs with mpirun, so they
//! need the feature `mpi`.

#![cfg(feature = "mpi")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, and so do its helpers")]

mod collectives;
mod common;
mod faults;
mod learn;
mod program;
