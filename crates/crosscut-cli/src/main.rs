//! The program `crosscut`.

use std::ffi::OsString;
use std::process::ExitCode;

use crosscut_cli::{NEW, Other, Program};
use {
    crosscut_multiclass as multiclass, crosscut_ranking as ranking, crosscut_sequence as sequence,
};

const LINK: Other = Other {
    name: "link",
    about: "Make links with the names of SVM^struct's programs",
    arguments: &[("DIR", "The folder for the links; it is created if needed")],
    options: &[],
    run: |arguments, _| {
        arguments.iter().try_for_each(|folder| crosscut_svmstruct::link(folder))?;
        Ok(String::new())
    },
};

const OTHERS: &str = "\
In place of SVM^struct: `crosscut svm_rank_learn …` takes the flags and files of that program, and
prints its lines; so do svm_multiclass, svm_hmm and svm_proprank, each with _learn and _classify.
`crosscut svm_rank_learn -?` lists the flags, and `crosscut link DIR` makes links of these names.";

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    // Called by the names of SVM^struct's programs, it is one of them.
    if let Some(code) = crosscut_svmstruct::run(&arguments, crosscut_cli::listen) {
        return code;
    }
    // Every task of the program, and the commands beside them.
    let tasks = [multiclass::ENTRY, sequence::ENTRY, ranking::ENTRY];
    let others = [NEW, LINK];
    Program { name: "crosscut", tasks: &tasks, others: &others, about_others: OTHERS }
        .run(arguments)
}
