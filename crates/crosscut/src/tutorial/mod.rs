//! The tutorial: five pages to read in order. All code on them is compiled and run as tests.
//!
//! 1. [The problem](the_problem): structured outputs, Ψ, Δ, slack, primal and dual, both
//!    rescalings, C.
//! 2. [Your first structure](your_first_structure): Ψ, Δ and one search, checked, trained and
//!    inspected.
//! 3. [A structure by parts](a_structure_by_parts): if score and loss are sums over parts. One
//!    search over scores, checked, trained, and a program.
//! 4. [A task](a_task): the trait under both, with rows by reference, buffers and several planes.
//! 5. [Reading the gap](reading_the_gap): what a certificate says, how small a gap is small enough,
//!    what to do when it does not close.

pub mod a_structure_by_parts;
pub mod a_task;
pub mod reading_the_gap;
pub mod the_problem;
pub mod your_first_structure;
