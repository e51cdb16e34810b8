//! [`Child`]: the program run in a folder, with a signal at some moment and for no longer than a
//! limit.

use std::fs::{self, File};
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// The first argument with which this program is the program `crosscut`.
pub const PROGRAM: &str = "crosscut";

/// Where programs run, and how long at most.
#[derive(Debug)]
pub struct Child {
    pub folder: PathBuf,
    /// Seconds.
    pub limit: f64,
}

/// What became of a run.
#[derive(Clone, Debug)]
pub struct Ended {
    pub end: End,
    /// Whether the signal was sent; what has ended before it cannot be sent one.
    pub signalled: bool,
    pub seconds: f64,
    pub out: String,
    pub err: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Code(i32),
    Signal(i32),
}

impl Child {
    /// Runs the program to its end; `signal` comes after so many seconds.
    ///
    /// # Errors
    /// A program that cannot be run, hangs, or panics.
    pub fn run(
        &self,
        arguments: &[String],
        signal: Option<(Signal, f64)>,
    ) -> Result<Ended, String> {
        let told = |error: io::Error| format!("{}: {error}", self.folder.display());
        let [out, err] = ["out", "err"].map(|name| self.folder.join(name));
        // This one still, when the file has been replaced by a newer one in the hour that a soak
        // takes.
        let running = PathBuf::from("/proc/self/exe");
        let itself =
            if running.exists() { running } else { std::env::current_exe().map_err(told)? };
        let began = Instant::now();
        let mut child = Command::new(itself)
            .arg(PROGRAM)
            .args(arguments)
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .stdout(File::create(&out).map_err(told)?)
            .stderr(File::create(&err).map_err(told)?)
            .spawn()
            .map_err(told)?;
        let mut due = signal;
        let status = loop {
            if let Some(status) = child.try_wait().map_err(told)? {
                break status;
            }
            let now = began.elapsed().as_secs_f64();
            if let Some((signal, moment)) = due
                && now >= moment
            {
                // It is not reaped yet, so its number is its own.
                kill(Pid::from_raw(child.id().cast_signed()), signal)
                    .map_err(|error| format!("kill: {error}"))?;
                due = None;
            }
            if now > self.limit {
                child.kill().map_err(told)?;
                child.wait().map_err(told)?;
                return Err(format!(
                    "hangs: crosscut {} has run for {now:.0} s",
                    arguments.join(" ")
                ));
            }
            sleep(Duration::from_millis(1));
        };
        let text = |path| {
            fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).map_err(told)
        };
        let end = match (status.code(), status.signal()) {
            (Some(code), _) => End::Code(code),
            (None, signal) => End::Signal(signal.unwrap_or(0)),
        };
        let signalled = signal.is_some() && due.is_none();
        let ended = Ended {
            end,
            signalled,
            seconds: began.elapsed().as_secs_f64(),
            out: text(out)?,
            err: text(err)?,
        };
        match ended.err.contains("panicked") || end == End::Code(101) {
            true => Err(ended.unlike(arguments, "an end without a panic")),
            false => Ok(ended),
        }
    }

    /// The same without a signal, with an exit code that is expected.
    ///
    /// # Errors
    /// Another exit code.
    pub fn ends_with(&self, code: i32, arguments: &[String]) -> Result<Ended, String> {
        let ended = self.run(arguments, None)?;
        match ended.end == End::Code(code) {
            true => Ok(ended),
            false => Err(ended.unlike(arguments, &format!("exit code {code}"))),
        }
    }
}

impl Ended {
    /// What to say where something else was expected.
    pub fn unlike(&self, arguments: &[String], expected: &str) -> String {
        let said = self.err.trim_end();
        let last = said.char_indices().rev().nth(600).map_or(0, |(at, _)| at);
        format!(
            "crosscut {}: expected {expected}, found {:?}: {}",
            arguments.join(" "),
            self.end,
            &said[last..]
        )
    }
}
