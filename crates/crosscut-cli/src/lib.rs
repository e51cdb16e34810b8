//! The command line of Crosscut for any table of tasks.
//!
//! The program `crosscut` is `run("crosscut", TASKS)`; your own program does the same with your
//! table:
//!
//! ```no_run
//! use std::process::ExitCode;
//! use crosscut_app::Entry;
//! use crosscut_multiclass::MulticlassFiles;
//!
//! fn main() -> ExitCode {
//!     crosscut_cli::run("mine", &[Entry::of::<MulticlassFiles>()])
//! }
//! ```
//!
//! The book in the folder `docs` of the repository is the guide for users of the program; it begins
//! with `docs/quick-start.md`.
//!
//! Only this crate knows flags, exit codes, signals and terminals. Figures and progress go to standard
//! error. Standard output carries the result: a report, a JSON object, or a file named `-`.
//!
//! # The lines of a training run
//! The live line of a terminal, the lines of passes (`-v 2`) and the result give the gap in the same
//! words: P(w) − D, and in parentheses the relative gap that `--gap` is compared with.
//!
//! ```text
//! pass 0.4, 2.10 s: gap ~290 (relative ~9.2e-1), primal ~315, dual ~25, 8123 planes
//! pass 12.0, 38 s, about 20 s left: gap 0.5 (relative 2.43e-3), primal 205.9, dual 205.4, 61023 planes
//! ```
//!
//! * `~` marks an estimate. Before the first certificate, the slacks of the examples visited so far
//!   in a pass are scaled to all examples ([`Estimate`](crosscut::Estimate)).
//! * A time left is told only if the logarithm of the certified gap has fallen at a steady speed in
//!   the second half of the time so far, and only if the goal is no further ahead than this trend
//!   goes back. `--passes` and `--seconds` bound it.
//!
//! # The log
//! `--log FILE` has a JSON object for each exact pass and one for the end.
//!
//! | field | |
//! |---|---|
//! | `pass`, `oracle_calls` | exact passes and oracle calls so far |
//! | `primal`, `dual` | the certified bounds: lowest P(w), highest D; `primal` is null before the first certificate, and if the oracle gives no bound on what it may have missed |
//! | `shown` | P(w) over the planes that the oracle returned |
//! | `gap`, `relative_gap` | P − D and (P − D) / P, null if `primal` is |
//! | `estimate` | before the first certificate `primal` and `dual` as they are estimated, then null |
//! | `relaxed`, `prior` | whether the bounds are those of a relaxation, of an objective with prior weights |
//! | `planes`, `plane_bytes` | planes in memory, and their size |
//! | `seconds`, `oracle_seconds` | wall time of training, and its part in oracles |
//! | `round` | in `validate`: the fold, and C |
//! | `stop`, `verdict`, `oracle` | at the end: the reason, the result in words, errors of the oracle |

mod commands;
mod describe;
mod flags;
mod forecast;
mod interrupt;
mod log;
mod manual;
mod new;
mod ranks;
mod screen;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use crosscut_app::{Entry, Error};

use commands::Failure;
use interrupt::Interrupt;

pub use new::NEW;
pub use ranks::Ranks;

/// A program: its name and what it can do.
#[derive(Clone, Copy, Debug)]
pub struct Program<'p> {
    /// The name, as users type it.
    pub name: &'static str,
    /// The tasks, each with all verbs.
    pub tasks: &'p [Entry],
    /// Commands beside the verbs.
    pub others: &'p [Other],
    /// The end of help: what else the program does.
    pub about_others: &'static str,
}

/// A command beside the verbs.
#[derive(Clone, Copy, Debug)]
pub struct Other {
    /// The word after the name of the program.
    pub name: &'static str,
    /// One line of help.
    pub about: &'static str,
    /// Name and help of each argument. All are paths, and needed.
    pub arguments: &'static [(&'static str, &'static str)],
    /// Name and help of each option, `--name PATH`, which may be missing.
    pub options: &'static [(&'static str, &'static str)],
    /// Runs it with its arguments and options.
    pub run: RunOther,
}

/// Runs a command with its arguments and options, and returns the text to print.
pub type RunOther = fn(&[PathBuf], &[Option<PathBuf>]) -> Result<String, Error>;

/// Runs the program `name` with the arguments of the process.
///
/// Exit codes: 0, also if training stopped before reaching its gap (the output says so); 2 for bad
/// arguments, files and data; 1 for failures of the program or the machine, and for a task that
/// breaks a promise under `check`; 130 and 143 after SIGINT and SIGTERM, which end training between
/// two passes with the best model so far.
pub fn run(name: &'static str, tasks: &[Entry]) -> ExitCode {
    Program { name, tasks, others: &[], about_others: "" }.run(std::env::args_os())
}

impl Program<'_> {
    /// Runs it; the first of the `arguments` is the name by which the program was called.
    pub fn run(&self, arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
        let arguments: Vec<OsString> = arguments.into_iter().collect();
        let matches = match flags::program(self).try_get_matches_from(&arguments) {
            Ok(matches) => matches,
            Err(error) => return self.refuse(&error),
        };
        match commands::dispatch(self, &matches, &arguments, None) {
            Ok(()) => ExitCode::SUCCESS,
            Err(failure) => self.fail(&failure),
        }
    }

    /// Runs it on ranks, each of which calls this with the same arguments. There are the commands
    /// `learn` and `tasks`; others are refused.
    ///
    /// The root alone prints, writes files and is ended by signals with exit code 130 or 143; the
    /// other ranks serve until training ends. If all ranks refuse the arguments, or know of an error
    /// by [`agree`](crosscut_app::ranks::agree), the root prints it, and all return its exit code. If
    /// this rank fails while others may wait for it, it prints its number and the error, and ends the
    /// whole job with the exit code that [`run`] would return.
    pub fn run_on(
        &self,
        arguments: impl IntoIterator<Item = OsString>,
        ranks: &Ranks<'_>,
    ) -> ExitCode {
        let arguments: Vec<OsString> = arguments.into_iter().collect();
        let matches = match ranks::command(self).try_get_matches_from(&arguments) {
            Ok(matches) => matches,
            Err(error) if ranks.is_root() => return self.refuse(&error),
            Err(error) => return exit_code(error.exit_code()),
        };
        match ranks::dispatch(self, &matches, &arguments, ranks) {
            Ok(()) => ExitCode::SUCCESS,
            Err(Failure { message, code, others_wait: true }) => {
                let rank = ranks.collective.rank();
                screen::complain(self.name, &format!("rank {rank}: {message}"));
                ranks.collective.abort(code)
            }
            Err(failure) if ranks.is_root() => self.fail(&failure),
            Err(failure) => exit_code(failure.code),
        }
    }

    /// Prints what clap says; help and version are errors with exit code 0.
    fn refuse(&self, error: &clap::Error) -> ExitCode {
        // If printing fails, there is no other place to report it.
        let _ = error.print();
        exit_code(error.exit_code())
    }

    fn fail(&self, failure: &Failure) -> ExitCode {
        screen::complain(self.name, &failure.message);
        exit_code(failure.code)
    }
}

/// Begins to listen for signals that ask training to end, and returns what tells the exit code of the
/// first one, 130 for SIGINT. The second one ends the program. `None` where the system refuses.
pub fn listen() -> Option<Box<dyn Fn() -> Option<u8>>> {
    let interrupt = Interrupt::listen().ok()?;
    Some(Box::new(move || interrupt.exit_code()))
}

fn exit_code(code: i32) -> ExitCode {
    ExitCode::from(u8::try_from(code).unwrap_or(1))
}
