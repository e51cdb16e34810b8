//! The tutorial: four pages to read in order. All code on them is compiled and run as tests.
//!
//! 1. [The problem](the_problem): structured outputs, Ψ, Δ, slack, primal and dual, both
//!    rescalings, C.
//! 2. [A structure by parts](a_structure_by_parts): the short way, if score and loss are sums over
//!    parts. One search, checked, trained, and a program.
//! 3. [Your first structure](your_first_structure): a task in two short impls, checked, trained and
//!    inspected.
//! 4. [Reading the gap](reading_the_gap): what a certificate says, how small a gap is small enough,
//!    what to do when it does not close.

pub mod a_structure_by_parts;
pub mod reading_the_gap;
pub mod the_problem;
pub mod your_first_structure;
