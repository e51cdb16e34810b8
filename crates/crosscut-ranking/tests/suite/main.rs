//! All integration tests of this crate, in one binary: each binary would be linked by itself.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, and so do its helpers")]

mod contract;
mod files;
mod optimum;
mod pieces;
mod scaling;
mod small;
