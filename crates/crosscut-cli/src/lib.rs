//! The command line of Crosscut for any table of tasks.
//!
//! The program `crosscut` is `run("crosscut", TASKS)`; your own program does the same with your
//! table:
//!
//! ```no_run
//! use std::process::ExitCode;
//! use crosscut_app::Entry;
//! use crosscut_multiclass::Multiclass;
//!
//! fn main() -> ExitCode {
//!     crosscut_cli::run("mine", &[Entry::of::<Multiclass>()])
//! }
//! ```
//!
//! Only this crate knows flags, exit codes and terminals. Figures and progress go to standard
//! error. Standard output carries the result: a report, a JSON object, or a file named `-`.

mod commands;
mod flags;
mod log;
mod screen;

use std::ffi::OsString;
use std::process::ExitCode;

use crosscut_app::Entry;

/// Runs the program `name` with the arguments of the process.
///
/// Exit codes: 0, also if training stopped before reaching its gap (the output says so); 2 for bad
/// arguments, files and data; 1 for failures of the program or the machine; 130 and 143 after
/// SIGINT and SIGTERM, which end training between two passes with the best model so far.
pub fn run(name: &'static str, tasks: &[Entry]) -> ExitCode {
    run_with(name, tasks, "", std::env::args_os())
}

/// As [`run`], with explicit arguments; the first one is the name by which the program was called.
/// Help ends with `others`, the description of what else the program does.
pub fn run_with(
    name: &'static str,
    tasks: &[Entry],
    others: &'static str,
    arguments: impl IntoIterator<Item = OsString>,
) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let matches =
        match flags::program(name, tasks).after_help(others).try_get_matches_from(&arguments) {
            Ok(matches) => matches,
            Err(error) => {
                // clap reports help and version as errors with exit code 0. If printing fails,
                // there is no other place to report it.
                let _ = error.print();
                return exit_code(error.exit_code());
            }
        };
    match commands::dispatch(tasks, &matches, &arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            screen::complain(name, &failure.message);
            exit_code(failure.code)
        }
    }
}

fn exit_code(code: i32) -> ExitCode {
    ExitCode::from(u8::try_from(code).unwrap_or(1))
}
