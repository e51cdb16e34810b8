//! [`Prior`]: a model whose weights are the prior weights of a training run (`--prior`), or the
//! weights that it starts from (`--init`).
//!
//! Weights are matched by [their names](Format::weight_name), since the two tasks number
//! features by their own files. A weight without a namesake in the model counts as 0.

use std::collections::HashMap;
use std::path::Path;

use crosscut::{Model, Regulariser, Task};

use crate::error::Error;
use crate::format::Format;
use crate::model_file::ModelFile;
use crate::source::display_name;

/// A model whose weights serve another training run.
pub(crate) struct Prior<F: Format> {
    /// The name of its file, for messages.
    file: String,
    /// A checksum of the file, for checkpoints.
    pub origin: String,
    format: F,
    task: F::Task,
    w: Vec<f64>,
}

impl<F: Format> Prior<F> {
    /// Reads the model, if one is given.
    ///
    /// # Errors
    /// A file that is no model, or one of another task.
    pub fn open(path: Option<&Path>) -> Result<Option<Self>, Error> {
        let Some(path) = path else { return Ok(None) };
        let model = ModelFile::open(path)?;
        let (file, origin) = (display_name(path), model.digest());
        let (format, Model { task, w, .. }) = model.load::<F>()?;
        Ok(Some(Self { file, origin, format, task, w }))
    }

    /// The weights of the model in the order of `task`; empty if all are 0. If weights of the model
    /// are left out, `note` gets a sentence, which calls the others `role`.
    ///
    /// # Errors
    /// A model whose weights mean something else: other outputs, another scaling of features;
    /// weights without unique names; a model of which no weight has a place in `task`.
    pub fn weights(
        &self,
        format: &F,
        task: &F::Task,
        role: &str,
        note: &mut dyn FnMut(&str),
    ) -> Result<Vec<f64>, Error> {
        let refuse = |message: String| Err(Error::file(self.file.as_str(), message));
        if let Some(message) = format.differs_from(task, &self.task) {
            return refuse(message);
        }
        let scaled = |format: &F, task: &F::Task| {
            format.scale(task).map_or("no --scale".to_owned(), |scale| format!("--scale {scale}"))
        };
        if format.scale(task) != self.format.scale(&self.task) {
            let (ours, theirs) = (scaled(format, task), scaled(&self.format, &self.task));
            return refuse(format!("expected a model trained with {ours}, found {theirs}"));
        }
        if format.scale(task).is_some() {
            note(&format!(
                "{}: its weights are those of features scaled by its own examples; the examples here \
                 are scaled by their own statistics",
                self.file
            ));
        }
        let mut named: HashMap<String, (f64, bool)> = HashMap::new();
        for (index, &weight) in self.w.iter().enumerate().filter(|(_, weight)| **weight != 0.0) {
            let name = self.format.weight_name(&self.task, index);
            if named.contains_key(&name) {
                return refuse(format!("two weights of the model have the name `{name}`"));
            }
            named.insert(name, (weight, false));
        }
        if named.is_empty() {
            return Ok(Vec::new());
        }
        let (mut weights, mut found) = (vec![0.0; task.dim()], 0);
        for (index, place) in weights.iter_mut().enumerate() {
            let name = format.weight_name(task, index);
            let Some((weight, is_taken)) = named.get_mut(&name) else { continue };
            if std::mem::replace(is_taken, true) {
                return refuse(format!("two weights of the examples have the name `{name}`"));
            }
            *place = *weight;
            found += 1;
        }
        let all = named.len();
        if found == 0 {
            let example = named.into_keys().min().unwrap_or_default();
            return refuse(format!(
                "expected a model with features of the examples, found none of its {all} weights \
                 among theirs (such as `{example}`)"
            ));
        }
        if found < all {
            note(&format!(
                "{}: {found} of its {all} weights are {role}; the examples have no place \
                 for the others",
                self.file
            ));
        }
        Ok(weights)
    }
}

/// The regulariser of a training run on `task`: around the weights of the model `prior`, if there
/// is one, with the lower bounds that the task needs.
///
/// # Errors
/// Those of [`Prior::weights`].
pub(crate) fn regulariser<F: Format>(
    prior: Option<&Prior<F>>,
    format: &F,
    task: &F::Task,
    note: &mut dyn FnMut(&str),
) -> Result<Regulariser, Error> {
    let around =
        prior.map(|prior| prior.weights(format, task, "prior weights", note)).transpose()?;
    Ok(Regulariser::around(around.unwrap_or_default()).with_lower_bounds(format.lower_bounds(task)))
}

/// The weights of the model `init` that training starts from, in the order of `task`; empty without
/// one.
///
/// # Errors
/// Those of [`Prior::weights`].
pub(crate) fn start<F: Format>(
    init: Option<&Prior<F>>,
    format: &F,
    task: &F::Task,
    note: &mut dyn FnMut(&str),
) -> Result<Vec<f64>, Error> {
    let weights = init.map(|init| init.weights(format, task, "weights to start from", note));
    Ok(weights.transpose()?.unwrap_or_default())
}
