//! The program `crosscut-mpi`.

use std::process::ExitCode;

use crosscut_cli::Program;
use {
    crosscut_multiclass as multiclass, crosscut_ranking as ranking, crosscut_sequence as sequence,
};

const OTHERS: &str = "\
The other verbs run on one machine, in the program `crosscut`: the model is one of its models.";

fn main() -> ExitCode {
    // Every task of the program.
    let tasks = [multiclass::ENTRY, sequence::ENTRY, ranking::ENTRY];
    let program =
        Program { name: "crosscut-mpi", tasks: &tasks, others: &[], about_others: OTHERS };
    crosscut_mpi::run(&program, "crosscut")
}
