//! Input and output of Crosscut, generic over tasks: text files, model files, and the verbs of the
//! program.
//!
//! A task becomes a program by a [`Format`], the type of its files. [`Entry::of`] turns it into a row
//! of the table that `crosscut-cli` (or your own binary) dispatches on. This crate parses no flags,
//! listens to no signals, and prints nothing.
//!
//! In the book, `docs/file-formats.md` describes the files, `docs/checkpoints.md` checkpoints, and
//! `docs/export.md` exported models.

pub mod answers;
mod by_objective;
pub mod checkpoint;
mod container;
mod costs;
mod cutter;
pub mod encoding;
pub mod error;
pub mod export;
#[cfg(test)]
mod fake;
#[cfg(test)]
mod faults;
pub mod format;
mod item;
pub mod model_file;
pub mod monitor;
mod none_known;
mod once;
pub mod options;
pub mod output;

mod prior;
pub mod probability;
pub mod ranks;
pub mod reading;
pub mod report;
pub mod scaling;
mod shared;
pub mod source;
pub mod stream;
pub mod svmlight;
pub mod table;
mod unpack;
pub mod verbs;

pub use answers::{Checked, Classified, Inspected, Kept, Learned, Validated, Validation};
pub use by_objective::ByObjective;
pub use checkpoint::{Checkpoints, Every};
pub use costs::read_costs;
pub use encoding::Encoding;
pub use error::Error;
pub use format::{ExampleOf, File, Format, InputOf, ItemOf, OutcomeOf, OutputOf, Take};
pub use item::{Item, Outcome, Role, mean_loss};
pub use monitor::{Monitor, Start};
pub use options::{OptionSpec, Options};

pub use probability::Forecasts;
pub use reading::{Examples, Items, Training, define, read, read_in_pieces, survey};
pub use report::{Report, Shortest, Table};
pub use source::Source;
pub use stream::{Cut, Pieces};
pub use verbs::{Entry, check_options};
