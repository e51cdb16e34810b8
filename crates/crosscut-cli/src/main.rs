//! The program `crosscut`.

use std::ffi::OsString;
use std::process::ExitCode;

use crosscut_app::Entry;
use crosscut_multiclass::Multiclass;
use crosscut_ranking::Ranking;
use crosscut_sequence::Sequence;

/// Every task of the program: one line each.
const TASKS: &[Entry] =
    &[Entry::of::<Multiclass>(), Entry::of::<Sequence>(), Entry::of::<Ranking>()];

/// Text at the end of help: the programs of `crosscut_svmstruct`.
const OTHERS: &str = "\
Called as svm_multiclass_learn, svm_multiclass_classify, svm_hmm_learn, svm_hmm_classify, svm_rank_learn, svm_rank_classify,
svm_proprank_learn or svm_proprank_classify, it takes their flags and files and prints their lines. `crosscut link DIR` makes links of
these names in DIR; `crosscut svm_rank_learn -?` and so on say more.";

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    match crosscut_svmstruct::run(&arguments) {
        Some(code) => code,
        None => crosscut_cli::run_with("crosscut", TASKS, OTHERS, arguments),
    }
}
