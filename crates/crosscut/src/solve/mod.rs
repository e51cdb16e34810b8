//! Training: the solvers, the loop that drives them, and the results they report.

pub(crate) mod block;
pub(crate) mod bounds;
mod drive;
pub(crate) mod error;
pub(crate) mod methods;
mod one_slack;
pub(crate) mod oracles;
mod pages;
pub(crate) mod passes;
pub(crate) mod progress;
mod qp;
pub(crate) mod regulariser;
pub(crate) mod settings;
pub(crate) mod shards;
pub(crate) mod solution;
pub(crate) mod state;
pub(crate) mod stream;
pub(crate) mod trainer;
pub(crate) mod vectors;
