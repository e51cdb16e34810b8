//! Shared by the tests of several crates: optima of a general QP solver, texts that are read in
//! pieces, and the number of cases. It depends on no crate of Crosscut, so that every one of them,
//! its unit tests included, can use it as a dev-dependency.

#![allow(clippy::missing_panics_doc, reason = "a test fails by panicking, and so do its helpers")]

mod pieces;
mod qp;

pub use pieces::pieces_are_the_whole;
pub use qp::{Block, Qp, dual_optimum};

/// How many cases a test tries that could try any number: `full` if the environment variable
/// `CROSSCUT_SLOW_TESTS` is set and not empty, as `.ci/run` does, otherwise an eighth of that, and
/// never fewer than one.
pub fn cases(full: u32) -> u32 {
    match std::env::var_os("CROSSCUT_SLOW_TESTS").is_some_and(|value| !value.is_empty()) {
        true => full,
        false => full.div_ceil(8),
    }
}
