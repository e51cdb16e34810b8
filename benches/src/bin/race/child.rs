//! [`run`]: a program from its start to its end, with what it used.
//!
//! The kernel tells what a child used only to its own parent, and of several children the largest
//! peak alone. So each program is started by a helper, this program again in another role
//! ([`helper`]), which has no other child.

use std::ffi::OsString;
use std::fs::File;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};
use std::{fs, thread};

use serde::{Deserialize, Serialize};

use crate::error::RaceError;

/// The first argument of the helper.
pub const HELPER: &str = "measure-child";

/// What a program used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Usage {
    /// Seconds from start to end.
    pub wall: f64,
    /// CPU seconds in the program, of all its threads; `None` where the system does not tell.
    pub user: Option<f64>,
    /// CPU seconds in the kernel.
    pub system: Option<f64>,
    /// The most memory at one time in bytes.
    pub peak: Option<u64>,
}

/// How a program ended.
#[derive(Clone, Debug, PartialEq)]
pub enum End {
    /// With exit code 0.
    Good,
    /// Otherwise; the last lines of what it said.
    Bad(String),
    /// It was ended after these seconds.
    TooLong(f64),
}

/// What became of a program.
#[derive(Clone, Debug)]
pub struct Run {
    /// What it used.
    pub usage: Usage,
    /// How it ended.
    pub end: End,
    /// All that it printed, on both outputs.
    pub output: String,
}

/// What the helper writes down.
#[derive(Debug, Serialize, Deserialize)]
struct Report {
    usage: Usage,
    code: Option<i32>,
    too_long: bool,
    failure: Option<String>,
}

/// Runs `program` with `arguments`, for at most so many seconds; `folder` is for what it prints.
///
/// # Errors
/// A helper that cannot be run. What the program itself does wrong is in the answer.
pub fn run(
    program: &Path,
    arguments: &[OsString],
    at_most: f64,
    folder: &Path,
) -> Result<Run, RaceError> {
    let (report, printed) = (folder.join("child.report"), folder.join("child.output"));
    let itself = std::env::current_exe()
        .map_err(|source| RaceError::Io { what: "this program".to_owned(), source })?;
    let out = File::create(&printed).map_err(RaceError::at(&printed))?;
    let err = out.try_clone().map_err(RaceError::at(&printed))?;
    let _ = fs::remove_file(&report);
    Command::new(&itself)
        .args([
            OsString::from(HELPER),
            report.clone().into(),
            at_most.to_string().into(),
            program.into(),
        ])
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(out)
        .stderr(err)
        .status()
        .map_err(RaceError::at(&itself))?;
    let output = fs::read(&printed).map_err(RaceError::at(&printed))?;
    let output = String::from_utf8_lossy(&output).into_owned();
    let text = fs::read(&report).map_err(RaceError::at(&report))?;
    let broken = |error| RaceError::Data(format!("{}: {error}", report.display()));
    let Report { usage, code, too_long, failure } =
        serde_json::from_slice(&text).map_err(broken)?;
    let end = match (failure, too_long, code) {
        (Some(failure), ..) => End::Bad(failure),
        (None, true, _) => End::TooLong(at_most),
        (None, false, Some(0)) => End::Good,
        (None, false, code) => {
            let code = code.map_or("a signal".to_owned(), |code| format!("exit code {code}"));
            End::Bad(format!("{code}: {}", last_words(&output)))
        }
    };
    Ok(Run { usage, end, output })
}

/// The last line that says something, not too long.
fn last_words(output: &str) -> String {
    let line = output
        .lines()
        .rev()
        .map(str::trim)
        .find(|line| !line.is_empty())
        .unwrap_or("it said nothing");
    line.chars().take(120).collect()
}

/// The other role: runs what the arguments after [`HELPER`] name, and writes its [`Report`].
pub fn helper(mut arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let (Some(report), Some(at_most), Some(program)) =
        (arguments.next(), arguments.next(), arguments.next())
    else {
        return ExitCode::from(2);
    };
    let at_most = at_most.to_str().and_then(|text| text.parse().ok()).unwrap_or(f64::INFINITY);
    let answer = measured(Command::new(&program).args(arguments), at_most);
    let answer = answer.unwrap_or_else(|error| Report {
        usage: Usage::default(),
        code: None,
        too_long: false,
        failure: Some(format!("{}: {error}", Path::new(&program).display())),
    });
    let written = serde_json::to_vec(&answer)
        .map_err(std::io::Error::other)
        .and_then(|text| fs::write(report, text));
    if written.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn measured(command: &mut Command, at_most: f64) -> std::io::Result<Report> {
    let began = Instant::now();
    let mut child = command.spawn()?;
    let id = child.id();
    let (done, waiting) = mpsc::channel::<()>();
    let watch = thread::spawn(move || {
        // A day at most: no clock can be set further than it reaches.
        let patience = Duration::from_secs_f64(at_most.clamp(0.0, 86_400.0));
        let late = waiting.recv_timeout(patience) == Err(mpsc::RecvTimeoutError::Timeout);
        if late {
            end(id);
        }
        late
    });
    let status = child.wait()?;
    let wall = began.elapsed().as_secs_f64();
    drop(done);
    let too_long = watch.join().unwrap_or(false);
    let usage = Usage { wall, ..of_children() };
    Ok(Report { usage, code: status.code(), too_long, failure: None })
}

#[cfg(unix)]
fn end(id: u32) {
    use nix::sys::signal::{Signal, kill};
    use nix::unistd::Pid;
    if let Ok(id) = i32::try_from(id) {
        // It may have ended by itself in the meantime.
        let _ = kill(Pid::from_raw(id), Signal::SIGKILL);
    }
}

#[cfg(unix)]
fn of_children() -> Usage {
    use nix::sys::resource::{UsageWho, getrusage};
    use nix::sys::time::TimeValLike;
    // Linux counts in KiB, macOS in bytes.
    const UNIT: u64 = if cfg!(target_os = "macos") { 1 } else { 1024 };
    let Ok(used) = getrusage(UsageWho::RUSAGE_CHILDREN) else { return Usage::default() };
    Usage {
        wall: 0.0,
        user: Some(used.user_time().num_microseconds() as f64 * 1e-6),
        system: Some(used.system_time().num_microseconds() as f64 * 1e-6),
        peak: u64::try_from(used.max_rss()).ok().map(|size| size * UNIT),
    }
}

#[cfg(not(unix))]
fn end(_: u32) {}

#[cfg(not(unix))]
fn of_children() -> Usage {
    Usage::default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, at_most: f64) -> Report {
        measured(Command::new("sh").args(["-c", script]), at_most).unwrap()
    }

    #[cfg(unix)]
    #[test]
    fn a_child_is_timed_and_its_end_is_told() {
        let report = shell("exit 3", 60.0);
        assert_eq!((report.code, report.too_long), (Some(3), false));
        assert!(
            report.usage.wall > 0.0 && report.usage.user.is_some() && report.usage.peak.is_some()
        );
    }

    #[cfg(unix)]
    #[test]
    fn a_child_that_takes_too_long_is_ended() {
        let report = shell("exec sleep 60", 0.05);
        assert!(report.too_long && report.code.is_none() && report.usage.wall < 30.0);
    }

    #[test]
    fn last_words_are_one_line() {
        assert_eq!(last_words("a\nb \n\n"), "b");
        assert_eq!(last_words(""), "it said nothing");
    }
}
