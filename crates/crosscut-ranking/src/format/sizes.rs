//! [`Sizes`] of queries and weights: small files with a number a line.

use std::path::{Path, PathBuf};

use crosscut_app::{Error, Options, Source};

/// The file with the sizes of queries that other systems read beside a file of examples, if it
/// exists: `FILE.query` (LightGBM) or `FILE.group` (XGBoost). A name that ends like an archive is
/// tried as it is, and without that ending.
pub(super) fn beside(options: &Options, examples: &Path) -> Option<PathBuf> {
    const ARCHIVES: [&str; 5] = ["gz", "bz2", "xz", "lzma", "zst"];
    if examples == Path::new("-") || options.is_set("group") || options.is_set("no-group") {
        return None;
    }
    let is_archive = examples.extension().is_some_and(|found| {
        ARCHIVES.iter().any(|extension| found.eq_ignore_ascii_case(extension))
    });
    let unpacked = is_archive.then(|| examples.with_extension(""));
    let names = ["query", "group"].into_iter().flat_map(|kind| {
        [Some(examples), unpacked.as_deref()].into_iter().flatten().map(move |examples| {
            let mut name = examples.as_os_str().to_owned();
            name.push(".");
            name.push(kind);
            PathBuf::from(name)
        })
    });
    names.into_iter().find(|name| name.is_file())
}

/// Adds to an error of a file that no option names why it is read.
pub(super) fn explain(error: Error) -> Error {
    const WHY: &str =
        " (it is read because it stands beside the examples; --no-group leaves it out)";
    match error {
        Error::Line { file, line, message } => Error::Line { file, line, message: message + WHY },
        Error::File { file, message } => Error::File { file, message: message + WHY },
        other => other,
    }
}

/// How many documents each query has, from a file.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Sizes {
    file: String,
    documents: Vec<usize>,
    /// Their lines.
    lines: Vec<u64>,
}

impl Sizes {
    /// Reads a whole number of at least 1 a line.
    ///
    /// # Errors
    /// Other lines; a file without any.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let (file, lines, documents) =
            numbers(path, "the size of a query, a whole number of at least 1", |text| {
                text.parse().ok().filter(|&size: &usize| size > 0)
            })?;
        Ok(Self { file, documents, lines })
    }

    /// Query by query.
    pub fn documents(&self) -> &[usize] {
        &self.documents
    }

    /// Checks that all sizes together are the number of documents of a file.
    ///
    /// # Errors
    /// Too few, or the line where there are too many.
    pub fn check(&self, documents: usize, file: &str) -> Result<(), Error> {
        let mut sum = 0_usize;
        for (size, &line) in self.documents.iter().zip(&self.lines) {
            sum = sum.saturating_add(*size);
            if sum > documents {
                let message = format!(
                    "expected sizes that add up to the {documents} documents of {file}, found {sum} by here"
                );
                return Err(Error::line(&*self.file, line, message));
            }
        }
        if sum < documents {
            let message = format!(
                "expected sizes that add up to the {documents} documents of {file}, found {sum}"
            );
            return Err(Error::file(&*self.file, message));
        }
        Ok(())
    }
}

/// The weight of each query, from a file.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Weights {
    file: String,
    pub weights: Vec<f64>,
}

impl Weights {
    /// Reads a finite number of at least 0 a line.
    ///
    /// # Errors
    /// Other lines; a file without any.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let (file, _, weights) =
            numbers(path, "the weight of a query, a finite number of at least 0", |text| {
                text.parse().ok().filter(|weight: &f64| weight.is_finite() && *weight >= 0.0)
            })?;
        Ok(Self { file, weights })
    }

    /// Checks that there is one for each query of a file.
    ///
    /// # Errors
    /// More or fewer.
    pub fn check(&self, queries: usize, file: &str) -> Result<(), Error> {
        let found = self.weights.len();
        if found == queries {
            return Ok(());
        }
        let message =
            format!("expected a weight for each query of {file}, {queries} in all, found {found}");
        Err(Error::file(&*self.file, message))
    }
}

/// The name of a file, the lines that are neither blank nor comments, and what they say.
fn numbers<T>(
    path: &Path,
    expected: &str,
    parse: impl Fn(&str) -> Option<T>,
) -> Result<(String, Vec<u64>, Vec<T>), Error> {
    let source = Source::open_quietly(path)?;
    let file = source.name().to_owned();
    let text = source.text()?;
    let (mut lines, mut values) = (Vec::new(), Vec::new());
    for (line, number) in text.lines().zip(1..) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let value = parse(line);
        let refuse =
            || Error::line(file.as_str(), number, format!("expected {expected}, found `{line}`"));
        values.push(value.ok_or_else(refuse)?);
        lines.push(number);
    }
    if values.is_empty() {
        return Err(Error::file(file, format!("expected {expected}, on each line, found none")));
    }
    Ok((file, lines, values))
}
