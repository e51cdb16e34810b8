//! [`Error`]: every failure of files, options and solver, as a sentence that a user can act on.

use std::fmt::Display;
use std::io;

use crosscut::SolveError;

/// What went wrong, where, and what was expected instead.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A line of a text file is malformed.
    #[error("{file}:{line}: {message}")]
    Line {
        /// The file, as the user named it.
        file: String,
        /// Line number, the first line being 1.
        line: u64,
        /// What was expected and what was found.
        message: String,
    },
    /// A file as a whole is unusable: empty, a directory, truncated, another task's model.
    #[error("{file}: {message}")]
    File {
        /// The file, as the user named it.
        file: String,
        /// What was expected and what was found.
        message: String,
    },
    /// A file cannot be read.
    #[error("{file}: cannot be read: {source}")]
    Io {
        /// The file, as the user named it.
        file: String,
        /// The cause.
        source: io::Error,
    },
    /// A file cannot be written.
    #[error("{file}: cannot be written: {source}")]
    Write {
        /// The file, as the user named it.
        file: String,
        /// The cause.
        source: io::Error,
    },
    /// An option has a value that it does not accept.
    #[error("{option} expects {expected}, not `{found}`")]
    Option {
        /// The option as it is typed: `--bias`.
        option: String,
        /// What it accepts.
        expected: String,
        /// What was given.
        found: String,
    },
    /// Ranks that train together do not understand each other.
    #[error("{0}")]
    Ranks(String),
    /// A rank has failed, and all ranks know it: see [`agree`](crate::ranks::agree).
    #[error("rank {rank}: {message}")]
    OnRank {
        /// The number of the rank.
        rank: usize,
        /// Its error.
        message: String,
        /// [`Error::is_bad_input`] of its error.
        is_bad_input: bool,
    },
    /// Training could not begin.
    #[error(transparent)]
    Solve(#[from] SolveError),
}

impl Error {
    /// A bad line of a text file.
    pub fn line(file: impl Into<String>, line: u64, message: impl Into<String>) -> Self {
        Self::Line { file: file.into(), line, message: shorten(message.into()) }
    }

    /// A file that is bad as a whole.
    pub fn file(file: impl Into<String>, message: impl Into<String>) -> Self {
        Self::File { file: file.into(), message: shorten(message.into()) }
    }

    /// An option with a value that it does not accept.
    pub fn option(
        option: impl Into<String>,
        expected: impl Into<String>,
        found: impl Display,
    ) -> Self {
        Self::Option {
            option: option.into(),
            expected: expected.into(),
            found: shorten(found.to_string()),
        }
    }

    /// Whether the user can fix the error by changing input: files, their contents, options. The
    /// other errors are failures of the program or the machine: a full disk, no threads.
    pub fn is_bad_input(&self) -> bool {
        match self {
            Self::OnRank { is_bad_input, .. } => *is_bad_input,
            Self::Write { .. } | Self::Ranks(_) | Self::Solve(SolveError::Threads(_)) => false,
            _ => true,
        }
    }

    /// Adds the file to an error that concerns examples only.
    pub fn in_file(self, file: &str) -> Self {
        match self {
            Self::Solve(SolveError::NoExamples) => {
                Self::file(file, "expected at least one example, found none")
            }
            Self::Solve(SolveError::Example { index, message }) => {
                Self::file(file, format!("example {index} (counted from 0): {message}"))
            }
            Self::Solve(error @ SolveError::Memory { .. }) => Self::file(file, error.to_string()),
            other => other,
        }
    }
}

/// Truncates a message, since the text quoted in it may be as long as a file.
fn shorten(mut message: String) -> String {
    const MOST: usize = 500;
    if let Some((end, _)) = message.char_indices().nth(MOST) {
        message.truncate(end);
        message.push('…');
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_found_is_quoted_in_part_where_it_is_long() {
        let long = "ä".repeat(1_000_000);
        for error in [
            Error::line("f", 1, &*long),
            Error::file("f", &*long),
            Error::option("-x", "a number", &long),
        ] {
            let message = error.to_string();
            assert!(message.chars().count() < 600 && message.contains("ää…"), "{}", message.len());
        }
        assert_eq!(
            Error::line("f", 1, "ä".repeat(500)).to_string(),
            format!("f:1: {}", "ä".repeat(500))
        );
    }

    #[test]
    fn messages_say_where_and_what_was_expected() {
        assert_eq!(Error::line("a.svm", 3, "expected x").to_string(), "a.svm:3: expected x");
        assert_eq!(
            Error::option("--bias", "a number", "x").to_string(),
            "--bias expects a number, not `x`"
        );
        let example =
            Error::Solve(SolveError::Example { index: 4, message: "no pairs".to_owned() });
        assert_eq!(
            example.in_file("a.svm").to_string(),
            "a.svm: example 4 (counted from 0): no pairs"
        );
    }

    #[test]
    fn only_failures_of_the_machine_are_not_bad_input() {
        let denied = || io::Error::from(io::ErrorKind::PermissionDenied);
        assert!(Error::line("a", 1, "b").is_bad_input());
        assert!(Error::Io { file: "a".to_owned(), source: denied() }.is_bad_input());
        assert!(Error::Solve(SolveError::NoExamples).is_bad_input());
        assert!(!Error::Ranks("damaged".to_owned()).is_bad_input());
        assert!(!Error::Write { file: "a".to_owned(), source: denied() }.is_bad_input());
        assert!(!Error::Solve(SolveError::Threads("none left".to_owned())).is_bad_input());
    }
}
