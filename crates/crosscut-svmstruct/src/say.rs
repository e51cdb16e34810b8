//! [`Say`]: what the programs print on standard output, and the clock they print from.

use std::io::{self, Write};

/// Prints as much as the verbosity asks for.
#[derive(Debug)]
pub struct Say {
    verbosity: i64,
}

impl Say {
    /// `-v`.
    pub fn new(verbosity: i64) -> Self {
        Self { verbosity }
    }

    /// Whether things of this verbosity are told.
    pub fn tells(&self, verbosity: i64) -> bool {
        self.verbosity >= verbosity
    }

    /// Prints text at verbosity 1; what follows may stand on the same line.
    pub fn part(&self, text: &str) {
        if self.tells(1) {
            print(text);
        }
    }

    /// Prints a line at verbosity 1.
    pub fn line(&self, line: impl AsRef<str>) {
        self.part(&format!("{}\n", line.as_ref()));
    }

    /// Tells of words that have no effect, where the family passes over them in silence.
    pub fn surplus(&self, words: &[String]) {
        if self.tells(2) {
            words.iter().for_each(|word| self.line(format!("NOTE: `{word}` has no effect")));
        }
    }

    /// Prints a line whatever the verbosity.
    pub fn always(&self, line: impl AsRef<str>) {
        print(&format!("{}\n", line.as_ref()));
    }
}

/// A reader that has gone away (`| head`) is no reason to stop training.
fn print(text: &str) {
    let mut out = io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// Says something that is no part of what scripts read.
pub fn note(program: &str, message: &str) {
    let _ = writeln!(io::stderr(), "{program}: {message}");
}

/// Seconds of processor time that the program has used, on all its threads.
#[cfg(unix)]
pub fn cpu_seconds() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    time.tv_sec as f64 + 1e-9 * time.tv_nsec as f64
}

/// Seconds since the program first asked, where there is no portable clock of processor time.
#[cfg(not(unix))]
pub fn cpu_seconds() -> f64 {
    static FIRST: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
    FIRST.get_or_init(std::time::Instant::now).elapsed().as_secs_f64()
}
