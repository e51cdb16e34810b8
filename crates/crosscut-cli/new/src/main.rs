//! The program: learn, classify, evaluate, validate, inspect and so on, for the structure.

use std::process::ExitCode;

use crosscut_app::Entry;
use my_structure::Lines;

fn main() -> ExitCode {
    crosscut_cli::run("my-structure", &[Entry::of::<Lines>()])
}
