//! `--scale` for tasks that scale features by all training rows ([`crosscut_data::scaling`]).

use crosscut_data::scaling::Method;

use crate::error::Error;
use crate::options::{OptionSpec, Options};

/// `--scale`.
pub const OPTION: OptionSpec = OptionSpec {
    name: "scale",
    value: "none|standard|global",
    help: "Scales each feature by its values in the training examples. standard: subtracts the \
           mean and divides by the standard deviation; features that are missing in more than half of \
           the rows are only divided. global: divides by the range. The model scales what it \
           reads later in the same way. Default: none.",
};

/// The value of `--scale`, `none` by default.
///
/// # Errors
/// [`Error::Option`] for any other word.
pub fn method(options: &Options) -> Result<Method, Error> {
    let name = options.text(OPTION.name).unwrap_or("none");
    Method::named(name).ok_or_else(|| Error::option("--scale", "none, standard or global", name))
}
