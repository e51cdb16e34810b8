//! All integration tests of this crate, in one binary: each binary would be linked by itself.

mod contract;
mod equals;
mod files;
mod optimum;
mod pieces;
mod scaling;
