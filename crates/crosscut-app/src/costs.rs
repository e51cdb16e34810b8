//! [`read_costs`]: files of costs.

use crosscut_data::{CostMatrix, Labels};

use crate::error::Error;
use crate::source::Source;

/// Reads the costs of mistakes, in the lines that [`CostMatrix::parse`] describes.
///
/// # Errors
/// A text that cannot be read; those of [`CostMatrix::parse`].
pub fn read_costs(source: Source<'_>, classes: &Labels) -> Result<CostMatrix, Error> {
    let file = source.name().to_owned();
    CostMatrix::parse(&source.text()?, classes).map_err(|error| match error.line {
        Some(line) => Error::line(file.as_str(), line, error.message),
        None => Error::file(file.as_str(), error.message),
    })
}
