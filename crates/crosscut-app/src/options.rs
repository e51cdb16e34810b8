//! [`Options`] and [`OptionSpec`]: what is asked of a format, as data. Programs make them of flags.

use std::collections::BTreeMap;
use std::path::Path;

use crosscut::Rescaling;

use crate::error::Error;

/// A long option of a task, as data: help and parsing follow from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OptionSpec {
    /// The name without its dashes: `bias` for `--bias`.
    pub name: &'static str,
    /// Placeholder of the value in help: `V`, `FILE`, or `WORD|FILE` for a file or one word that is no
    /// file. Empty for a switch, which has no value.
    pub value: &'static str,
    /// One sentence of help, with the default.
    pub help: &'static str,
}

impl OptionSpec {
    /// Whether a given value is a file that is read.
    pub fn is_file(&self, given: &str) -> bool {
        match self.value.strip_suffix("FILE") {
            Some(words) => words.strip_suffix('|') != Some(given),
            None => false,
        }
    }
}

/// The options given to a task: `-o`, `-l`, and its own.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Options {
    /// `-o`: margin or slack rescaling.
    pub rescaling: Rescaling,
    /// `-l`: the number of the task's loss; `None` for its default.
    pub loss: Option<u32>,
    values: BTreeMap<String, String>,
}

impl Options {
    /// Options common to all tasks, without any of the task's own.
    pub fn new(rescaling: Rescaling, loss: Option<u32>) -> Self {
        Self { rescaling, loss, values: BTreeMap::new() }
    }

    /// Adds the value of a task's own option.
    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        self.values.insert(name.to_owned(), value.into());
    }

    /// Names and values of the task's own options that were given.
    pub(crate) fn given(&self) -> impl Iterator<Item = (&str, &str)> {
        self.values.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The value of an option as it was typed.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    /// Names (`--cost`) and values of those of the options `specs` that are files.
    pub fn files(&self, specs: &[OptionSpec]) -> Vec<(String, &Path)> {
        let file = |spec: &OptionSpec| {
            let given = self.text(spec.name).filter(|given| spec.is_file(given))?;
            Some((format!("--{}", spec.name), Path::new(given)))
        };
        specs.iter().filter_map(file).collect()
    }

    /// Whether a switch was given.
    pub fn is_set(&self, name: &str) -> bool {
        self.values.contains_key(name)
    }

    /// The value of an option as a whole number.
    ///
    /// # Errors
    /// [`Error::Option`] if it is not a whole number.
    pub fn count(&self, name: &str) -> Result<Option<usize>, Error> {
        let count = |text: &str| {
            text.parse().map_err(|_| Error::option(format!("--{name}"), "a whole number", text))
        };
        self.text(name).map(count).transpose()
    }

    /// The value of an option as a finite number.
    ///
    /// # Errors
    /// [`Error::Option`] if it is not a finite number.
    pub fn number(&self, name: &str) -> Result<Option<f64>, Error> {
        let Some(text) = self.text(name) else { return Ok(None) };
        match text.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(Some(number)),
            _ => Err(Error::option(format!("--{name}"), "a number", text)),
        }
    }
}
