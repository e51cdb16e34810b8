//! The program `crosscut`.

use std::ffi::OsString;
use std::process::ExitCode;

use crosscut_app::Entry;
use crosscut_cli::{NEW, Other, Program};
use crosscut_multiclass::MulticlassFiles;
use crosscut_ranking::RankingFiles;
use crosscut_sequence::SequenceFiles;

/// Every task of the program: one line each.
const TASKS: &[Entry] =
    &[Entry::of::<MulticlassFiles>(), Entry::of::<SequenceFiles>(), Entry::of::<RankingFiles>()];

/// What the program is beside its tasks: packages for other tasks, and the programs of
/// `crosscut_svmstruct`.
const PROGRAM: Program<'_> =
    Program { name: "crosscut", tasks: TASKS, others: &[NEW, LINK], about_others: OTHERS };

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
    match crosscut_svmstruct::run(&arguments, crosscut_cli::listen) {
        Some(code) => code,
        None => PROGRAM.run(arguments),
    }
}
