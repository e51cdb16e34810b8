//! The program `crosscut`.

use std::ffi::OsString;
use std::process::ExitCode;

use crosscut_app::Entry;
use crosscut_cli::{Other, Program};
use crosscut_multiclass::MulticlassFiles;
use crosscut_ranking::RankingFiles;
use crosscut_sequence::SequenceFiles;

/// Every task of the program: one line each.
const TASKS: &[Entry] =
    &[Entry::of::<MulticlassFiles>(), Entry::of::<SequenceFiles>(), Entry::of::<RankingFiles>()];

/// What the program is beside its tasks: the programs of `crosscut_svmstruct`.
const PROGRAM: Program<'_> = Program {
    name: "crosscut",
    tasks: TASKS,
    others: &[Other {
        name: "link",
        about: "Make links with the names of SVM^struct's programs",
        arguments: &[("DIR", "The folder for the links; it is made if there is none")],
        run: |arguments| arguments.iter().try_for_each(|folder| crosscut_svmstruct::link(folder)),
    }],
    about_others: OTHERS,
};

const OTHERS: &str = "\
Called as svm_multiclass_learn, svm_multiclass_classify, svm_hmm_learn, svm_hmm_classify, svm_rank_learn, svm_rank_classify,
svm_proprank_learn or svm_proprank_classify, it takes their flags and files and prints their lines. `crosscut link DIR` makes links of
these names in DIR; `crosscut svm_rank_learn -?` and so on say more.";

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    match crosscut_svmstruct::run(&arguments, crosscut_cli::listen) {
        Some(code) => code,
        None => PROGRAM.run(arguments),
    }
}
