//! The interval of a sequence of numbers that stands out: a structure to begin from.
//!
//! `task.rs` says what is learned, `format.rs` how files are read and written, and `main.rs` is the
//! program.

mod format;
mod task;

pub use format::Lines;
pub use task::Interval;
