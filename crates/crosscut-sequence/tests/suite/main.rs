//! All integration tests of this crate, in one binary: each binary would be linked by itself.

mod both;
mod columns;
mod contract;
mod files;
mod optimum;
mod pieces;
mod scaling;
mod small;
