//! Programs that take the place of SVM^multiclass, SVM^hmm, SVM^rank and Propensity SVM^rank: the
//! same flags, files and printed lines, so that scripts written for those run with the solvers of
//! [`crosscut`].
//!
//! `docs/coming-from-svmstruct.md` says what is the same, what is better, and what is refused. In
//! short:
//!
//! * `crosscut link DIR` puts the eight names into a folder; `crosscut svm_rank_learn …` is the
//!   same without links.
//! * The problem is theirs, in their units: a wrong class costs 100, `-c` multiplies the mean
//!   slack, `-e` is in units of the loss (for swapped pairs times the mean number of pairs of a
//!   query).
//! * Training ends when P − D ≤ C · ε, whatever `-w` is. What is printed as primal value, dual
//!   value and gap is certified, except with the beam of `--b`, where a note says so.
//! * Models are their text models, read and written.
//!
//! Errors go to standard error, and end with exit code 2 (1 for failures of the machine). SIGINT
//! and SIGTERM end training with the best model so far, which is written, and exit code 130 or 143;
//! a second signal ends the program at once. No program ever waits for a key.
//!
//! The eight programs are two functions, `learn` and `classify`, for each `Program`.

mod classify;
mod data;
mod flags;
mod hmm;
mod learn;
mod model;
mod multiclass;
mod program;
mod rank;
mod say;

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;
use std::{env, fs, io};

use crosscut_app::Error;

use flags::{Classify, Learn, Parsed};
use hmm::SvmHmm;
use multiclass::SvmMulticlass;
use program::Program;
use rank::{SvmPropRank, SvmRank};

/// A program: its name, and what runs it with the words after the name. It ends with another code
/// than 0 if a signal has ended training.
type Run = fn(&[OsString], Listen) -> Result<ExitCode, Error>;

/// Begins to listen for signals, where the program can, and returns what tells the exit code of the
/// first one. It is called when training begins.
pub type Listen = fn() -> Option<Box<dyn Fn() -> Option<u8>>>;

const PROGRAMS: [(&str, Run); 8] = [
    ("svm_multiclass_learn", learn::<SvmMulticlass>),
    ("svm_multiclass_classify", classify::<SvmMulticlass>),
    ("svm_hmm_learn", learn::<SvmHmm>),
    ("svm_hmm_classify", classify::<SvmHmm>),
    ("svm_rank_learn", learn::<SvmRank>),
    ("svm_rank_classify", classify::<SvmRank>),
    ("svm_proprank_learn", learn::<SvmPropRank>),
    ("svm_proprank_classify", classify::<SvmPropRank>),
];

/// The names of the programs.
pub fn names() -> impl Iterator<Item = &'static str> {
    PROGRAMS.iter().map(|(name, _)| *name)
}

/// Runs a program if the words of a command line call one: by the name of the program that was
/// started, or by the word after it.
pub fn run(arguments: &[OsString], listen: Listen) -> Option<ExitCode> {
    let (name, result) = call(arguments, listen)?;
    Some(match result {
        Ok(code) => code,
        Err(error) => {
            say::note(name, &error.to_string());
            ExitCode::from(if error.is_bad_input() { 2 } else { 1 })
        }
    })
}

/// The same, but what goes wrong is handed back, with the name of the program, and nothing is said
/// about it.
pub fn call(
    arguments: &[OsString],
    listen: Listen,
) -> Option<(&'static str, Result<ExitCode, Error>)> {
    let called = arguments.first().map(|name| Path::new(name).file_stem().unwrap_or_default());
    let by_name = |name: &std::ffi::OsStr| PROGRAMS.iter().find(|(program, _)| name == *program);
    if let Some((name, run)) = called.and_then(by_name) {
        return Some((*name, run(&arguments[1..], listen)));
    }
    let word = arguments.get(1)?;
    by_name(word).map(|(name, run)| (*name, run(&arguments[2..], listen)))
}

fn learn<P: Program>(words: &[OsString], listen: Listen) -> Result<ExitCode, Error> {
    match Learn::parse(words, P::LEARNING, P::LENIENT)? {
        Parsed::Run(flags) => learn::learn::<P>(&flags, listen),
        Parsed::Help => {
            help::<P>(&format!(
                "usage: {0}_learn [flags] EXAMPLES [MODEL]\n\n  \
                 -c C          minimises 0.5 |w|^2 + C * mean slack; required\n  \
                 -e EPS        stops when primal - dual <= C * EPS, in units of the loss ({1})\n\
                 {2}  \
                 -p 1|2        1: slacks (default), 2: squared slacks\n  \
                 -w 0|1|2|3|4  prints the lines of the n-slack (0, 1) or 1-slack (2, 3, 4) \
                 algorithms ({3});\n                the result is the same\n  \
                 -a FILE       writes the dual variables\n  \
                 -v 0|1|2      prints nothing, the usual lines, or more (1)\n  \
                 -t 0          linear kernel; others are refused\n  \
                 -y -k -f -b -n -q -m -h -# -d -g -s -r -u\n                are accepted and have \
                 no effect\n\n\
                 EXAMPLES may be packed with gzip. MODEL is svm_struct_model by default.\n\n\
                 Example: {0}_learn -c 20 train.dat my.model",
                P::NAME,
                P::EPSILON,
                P::HELP,
                P::ALGORITHM
            ));
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn classify<P: Program>(words: &[OsString], _: Listen) -> Result<ExitCode, Error> {
    match Classify::parse(words, P::CLASSIFYING)? {
        Parsed::Run(flags) => classify::classify::<P>(&flags)?,
        Parsed::Help => {
            let beam = if P::CLASSIFYING.is_empty() {
                ""
            } else {
                "  --b N     keeps N states at each token, 0 for all (0)\n"
            };
            help::<P>(&format!(
                "usage: {0}_classify [flags] EXAMPLES MODEL [PREDICTIONS]\n\n  \
                 -v 0|1|2  prints little, the usual lines, or more (1)\n{beam}\n\
                 EXAMPLES may be packed with gzip. PREDICTIONS is svm_predictions by default.\n\n\
                 Example: {0}_classify test.dat my.model my.predictions",
                P::NAME
            ));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn help<P: Program>(text: &str) {
    say::Say::new(1).always(format!(
        "{text}\n\nCrosscut with the flags and files of {}. `crosscut --help` lists its own commands.",
        P::NAME
    ));
}

/// Makes links to the program that runs in a folder, one for each name, and prints them.
///
/// # Errors
/// A file of one of the names that is not such a link; a folder that cannot be written.
pub fn link(folder: &Path) -> Result<(), Error> {
    let target = env::current_exe()
        .and_then(fs::canonicalize)
        .map_err(|source| unwritable(folder, source))?;
    let name = |name: &str| folder.join(name).with_extension(env::consts::EXE_EXTENSION);
    // All or none: what is there already stays, unless it is a link to this program, or to nothing.
    for path in names().map(name) {
        let known = fs::canonicalize(&path).is_ok_and(|known| known == target);
        let dangling = fs::metadata(&path).is_err();
        if !known && path.symlink_metadata().is_ok_and(|found| !found.is_symlink() || !dangling) {
            return Err(Error::file(
                path.display().to_string(),
                "expected no such file, or a link of this command",
            ));
        }
    }
    fs::create_dir_all(folder).map_err(|source| unwritable(folder, source))?;
    for path in names().map(name) {
        if path.symlink_metadata().is_ok() {
            fs::remove_file(&path).map_err(|source| unwritable(&path, source))?;
        }
        make_link(&target, &path).map_err(|source| unwritable(&path, source))?;
        say::Say::new(1).always(format!("{} -> {}", path.display(), target.display()));
    }
    Ok(())
}

fn unwritable(path: &Path, source: io::Error) -> Error {
    Error::Write { file: path.display().to_string(), source }
}

#[cfg(unix)]
fn make_link(target: &Path, path: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(target, path)
}

/// Symbolic links need rights that not everybody has.
#[cfg(not(unix))]
fn make_link(target: &Path, path: &Path) -> io::Result<()> {
    fs::hard_link(target, path).or_else(|_| fs::copy(target, path).map(drop))
}
