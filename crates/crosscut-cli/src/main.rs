//! The program `crosscut`.

use std::process::ExitCode;

use crosscut_app::Entry;
use crosscut_multiclass::Multiclass;
use crosscut_ranking::Ranking;
use crosscut_sequence::Sequence;

/// Every task of the program: one line each.
const TASKS: &[Entry] = &[Entry::of::<Multiclass>(), Entry::of::<Sequence>(), Entry::of::<Ranking>()];

fn main() -> ExitCode {
    crosscut_cli::run("crosscut", TASKS)
}
