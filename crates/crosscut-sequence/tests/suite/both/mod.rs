//! [`Both`]: a task and its files, as one value.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, and so do its helpers")]
#![allow(dead_code, reason = "each file of tests has its own use of this")]

use std::ops::Deref;
use std::path::Path;

use crosscut::{Example, Model};
use crosscut_app::model_file::{self, ModelFile};
use crosscut_app::{
    Error, Format, Item, Options, Outcome, Pieces, Report, Source, Training, read_in_pieces,
};
use crosscut_sequence::{Sequence, SequenceFiles, Tags, Tokens};

pub type Examples = Vec<Example<Tokens, Tags>>;
pub type Items = Vec<Item<Tokens, Tags>>;

/// A task and its files.
pub struct Both {
    pub files: SequenceFiles,
    pub task: Sequence,
}

pub fn define(options: &Options, source: Source<'_>) -> Result<(Both, Examples), Error> {
    let Training { format, task, examples } =
        crosscut_app::define::<SequenceFiles>(options, source)?;
    Ok((Both { files: format, task }, examples))
}

pub fn survey(options: &Options, pieces: &mut Pieces) -> Result<Both, Error> {
    let (files, task) = crosscut_app::survey(options, pieces)?;
    Ok(Both { files, task })
}

/// Sends the model through a file.
pub fn through_a_file(files: SequenceFiles, model: Model<Sequence>) -> (Both, Vec<f64>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model");
    model_file::save(&files, &model, &path).unwrap();
    let (again, loaded) = load(&path).unwrap();
    let both = Both { files, task: model.task };
    let again = Both { files: again, task: loaded.task };
    assert!(again == both && loaded.w == model.w);
    (again, loaded.w)
}

fn load(path: &Path) -> Result<(SequenceFiles, Model<Sequence>), Error> {
    ModelFile::open(path)?.load::<SequenceFiles>()
}

impl Both {
    pub fn read(&self, source: Source<'_>) -> Result<Items, Error> {
        crosscut_app::read(&self.files, &self.task, source)
    }

    pub fn read_in_pieces(&self, text: &str, size: Option<usize>) -> Result<Items, Error> {
        read_in_pieces(&self.files, &self.task, "test", text.as_bytes(), size)
    }

    pub fn prepare(&mut self, options: &Options) -> Result<(), Error> {
        self.files.prepare(&mut self.task, options)
    }

    pub fn write(&self, w: &[f64], x: &Tokens, y_hat: &Tags, out: &mut Vec<u8>) {
        self.files.write(&self.task, w, x, y_hat, out).unwrap();
    }

    pub fn evaluate(&self, outcomes: &[Outcome<'_, Tokens, Tags>]) -> Report {
        self.files.evaluate(&self.task, outcomes)
    }

    pub fn scale(&self) -> Option<&'static str> {
        self.files.scale(&self.task)
    }

    pub fn sizes(&self) -> Vec<(&'static str, usize)> {
        self.files.sizes(&self.task)
    }

    pub fn weight_name(&self, index: usize) -> String {
        self.files.weight_name(&self.task, index)
    }
}

/// What a model file holds of the files.
fn stored(files: &SequenceFiles) -> String {
    serde_json::to_string(files).unwrap()
}

impl Clone for Both {
    fn clone(&self) -> Self {
        let files = serde_json::from_str(&stored(&self.files)).unwrap();
        Self { files, task: self.task.clone() }
    }
}

impl PartialEq for Both {
    fn eq(&self, other: &Self) -> bool {
        self.task == other.task && stored(&self.files) == stored(&other.files)
    }
}

impl std::fmt::Debug for Both {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Both").field(&self.files).field(&self.task).finish()
    }
}

impl Deref for Both {
    type Target = Sequence;

    fn deref(&self) -> &Sequence {
        &self.task
    }
}
