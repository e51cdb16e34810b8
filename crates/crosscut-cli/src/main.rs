//! The program `crosscut`.

use std::process::ExitCode;

use crosscut_app::Entry;
use crosscut_multiclass::Multiclass;

/// Every task of the program: one line each.
const TASKS: &[Entry] = &[Entry::of::<Multiclass>()];

fn main() -> ExitCode {
    crosscut_cli::run("crosscut", TASKS)
}
