//! The tutorial: three pages to read in order. All code on them is compiled and run as tests.
//!
//! 1. [The problem](the_problem): structured outputs, Ψ, Δ, slack, primal and dual, both
//!    rescalings, C.
//! 2. [Your first structure](your_first_structure): a task in two short impls, checked, trained and
//!    inspected.
//! 3. [Reading the gap](reading_the_gap): what a certificate says, how small a gap is small enough,
//!    what to do when it does not close.

pub mod reading_the_gap;
pub mod the_problem;
pub mod your_first_structure;
