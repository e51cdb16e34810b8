//! [`RaceError`]: what ends a race. A peer that is missing or fails does not: it is listed as such.

use std::io;
use std::path::Path;

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub enum RaceError {
    /// Crosscut's own files and settings.
    #[error(transparent)]
    App(#[from] crosscut_app::Error),
    /// Training inside this program.
    #[error(transparent)]
    Solve(#[from] crosscut::SolveError),
    /// A file or a program that cannot be used.
    #[error("{what}: {source}")]
    Io {
        /// The file or the program.
        what: String,
        /// Why.
        source: io::Error,
    },
    /// What a file or a program says makes no sense.
    #[error("{0}")]
    Data(String),
}

impl RaceError {
    /// Blames a path.
    pub fn at(path: &Path) -> impl Fn(io::Error) -> Self + '_ {
        |source| Self::Io { what: path.display().to_string(), source }
    }
}
