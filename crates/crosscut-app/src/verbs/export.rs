//! [`export`]: writes a model as JSON text.

use std::path::Path;

use crate::error::Error;
use crate::format::Format;
use crate::model_file::ModelFile;
use crate::{export, output};

/// Writes a model as JSON text from which another program can predict ([`export`](crate::export)).
///
/// # Errors
/// Bad models; a file that cannot be written, or is the model.
pub fn export<F: Format>(model: ModelFile, file: &Path) -> Result<(), Error> {
    output::check(file, &[model.path()])?;
    let (format, model) = model.load::<F>()?;
    output::replace(file, |out| export::write(&format, &model, out))
}
