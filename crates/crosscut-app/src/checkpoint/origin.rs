//! [`Origin`]: the conditions under which a checkpoint was made, and how those of another run
//! differ.

use std::collections::BTreeMap;
use std::fs;

use crosscut::{Example, Rescaling, Settings, Task};
use serde::{Deserialize, Serialize};

use crate::container;
use crate::format::{Format, InputOf, OutputOf};
use crate::options::{OptionSpec, Options};

/// Everything that must be equal for resumed training to give the same bits.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Origin {
    /// The version of the program: another one may compute other bits.
    program: String,
    /// Options by name, as typed. An option that was not given is missing.
    options: BTreeMap<String, String>,
    /// Set once the examples are read.
    pub data: Data,
}

/// A fingerprint of the training data.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Data {
    /// Length and CRC-32 of the decompressed text of the examples.
    pub(super) text: (u64, u32),
    pub(super) examples: usize,
    pub(super) weights: usize,
    /// Checksum of the task: vocabularies, costs, templates.
    pub(super) task: u32,
    /// Checksum of the weight and the number of rows of each example.
    pub(super) shape: u32,
}

impl Origin {
    /// The origin of a run with these options, of a task with the options `specs`. The data are not
    /// known yet.
    pub fn new(specs: &[OptionSpec], settings: &Settings, options: &Options, stream: bool) -> Self {
        let mut all = of_settings(settings);
        let rescaling = match options.rescaling {
            Rescaling::Slack => 1,
            Rescaling::Margin => 2,
        };
        all.insert("-o".to_owned(), format!("-o {rescaling}"));
        if stream {
            all.insert("--stream".to_owned(), "--stream".to_owned());
        }
        all.extend(options.loss.map(|loss| ("-l".to_owned(), format!("-l {loss}"))));
        for (name, value) in options.given() {
            // A file option stands for the contents of the file.
            let is_file = specs.iter().any(|spec| spec.name == name && spec.is_file(value));
            let contents = if is_file { fs::read(value).ok() } else { None };
            let value = contents.map_or(value.to_owned(), |bytes| {
                format!("FILE ({} bytes, checksum {:08x})", bytes.len(), crc32fast::hash(&bytes))
            });
            all.insert(format!("--{name}"), format!("--{name} {value}").trim_end().to_owned());
        }
        Self { program: env!("CARGO_PKG_VERSION").to_owned(), options: all, data: Data::default() }
    }

    /// Records the file of the prior weights, by its length and checksum.
    pub fn set_prior(&mut self, digest: &str) {
        self.options.insert("--prior".to_owned(), format!("--prior FILE {digest}"));
    }

    /// Records the number of ranks, if there are several.
    pub fn set_ranks(&mut self, ranks: usize) {
        self.options.insert("ranks".to_owned(), format!("{ranks} ranks"));
    }

    /// Describes how the options of `run` differ; `None` if they do not.
    pub fn differs_from(&self, run: &Self) -> Option<String> {
        if self.program != run.program {
            let (ours, theirs) = (&self.program, &run.program);
            return Some(format!(
                "the checkpoint was made by version {ours} of the program, and this is version {theirs}"
            ));
        }
        let mut names: Vec<&String> = self.options.keys().chain(run.options.keys()).collect();
        names.sort();
        names.dedup();
        names.retain(|name| self.options.get(*name) != run.options.get(*name));
        if names.is_empty() {
            return None;
        }
        let list = |options: &BTreeMap<String, String>| {
            let words = names
                .iter()
                .map(|name| options.get(*name).cloned().unwrap_or_else(|| format!("no {name}")));
            words.collect::<Vec<_>>().join(" ")
        };
        Some(format!(
            "the checkpoint was made with {}, this run has {}",
            list(&self.options),
            list(&run.options)
        ))
    }
}

/// Every setting that affects a bit of the result, under the name of its option.
fn of_settings(settings: &Settings) -> BTreeMap<String, String> {
    let option = |(setting, value): (&'static str, String)| {
        let option = match setting {
            "c_mean" => "-c".to_owned(),
            "slack_norm" => "-p".to_owned(),
            "relative_gap" => "--gap".to_owned(),
            "epsilon" => "-e".to_owned(),
            "idle" => "idle passes".to_owned(), // no option sets it
            other => format!("--{}", other.replace('_', "-")),
        };
        let text = format!("{option} {value}").trim_end().to_owned();
        // C has two options, of which one is given.
        (if setting.starts_with("c_") { "C".to_owned() } else { option }, text)
    };
    settings.deciding().into_iter().map(option).collect()
}

impl Data {
    /// The data of examples read from a text of this length and CRC-32.
    pub fn new<F: Format>(
        format: &F,
        task: &F::Task,
        examples: &[Example<InputOf<F>, OutputOf<F>>],
        text: (u64, u32),
    ) -> Self {
        let mut shape = crc32fast::Hasher::new();
        for Example { x, weight, .. } in examples {
            let rows = (0..).take_while(|&name| task.row(x, name).is_some()).count() as u64;
            shape.update(&weight.to_le_bytes());
            shape.update(&rows.to_le_bytes());
        }
        // A task that cannot be serialised has no model either.
        let task_sum = container::checksum((format, task)).unwrap_or_default();
        Self {
            text,
            examples: examples.len(),
            weights: task.dim(),
            task: task_sum,
            shape: shape.finalize(),
        }
    }

    /// The data of all ranks, in their order. Each has made its own of its examples and the digest of
    /// all texts.
    ///
    /// # Panics
    /// Without ranks.
    pub fn of_ranks(all: &[Self]) -> Self {
        let mut shape = crc32fast::Hasher::new();
        all.iter().for_each(|data| shape.update(&data.shape.to_le_bytes()));
        let examples = all.iter().map(|data| data.examples).sum();
        Self { examples, shape: shape.finalize(), ..all[0].clone() }
    }

    /// The data of examples read in pieces, with the digest of their text. Weights and rows need no
    /// checksum: they follow from the text and from the files that options name.
    pub fn of_stream<F: Format>(
        format: &F,
        task: &F::Task,
        examples: usize,
        text: (u64, u32),
    ) -> Self {
        let task_sum = container::checksum((format, task)).unwrap_or_default();
        Self { text, examples, weights: task.dim(), task: task_sum, shape: 0 }
    }

    /// Describes how the data of a run, read from the file `name`, differ; `None` if they do not.
    pub fn differs_from(&self, run: &Self, name: &str) -> Option<String> {
        let found = if self.text.0 != run.text.0 {
            format!("the text of {name} has {} bytes, and had {}", run.text.0, self.text.0)
        } else if self.text != run.text {
            format!("the text of {name} is as long as it was, but is not the same")
        } else if self.examples != run.examples {
            format!("{name} holds {} examples, and held {}", run.examples, self.examples)
        } else if self.weights != run.weights {
            format!("the task has {} weights, and had {}", run.weights, self.weights)
        } else if self.task != run.task {
            "the task is not the same: files that its options name have changed".to_owned()
        } else if self.shape != run.shape {
            "the weights or parts of the examples are not the same: files that options name have changed".to_owned()
        } else {
            return None;
        };
        Some(format!("the data differ: {found}"))
    }
}
