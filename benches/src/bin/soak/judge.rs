//! [`bounds`]: what the weights of a model are worth on its training examples, computed from the
//! files alone.

use std::path::Path;

use crosscut::{C, Example, primal};
use crosscut_app::model_file::ModelFile;
use crosscut_app::{Format, Item, ItemOf, Options, Source, read};
use crosscut_multiclass::MulticlassFiles;
use crosscut_ranking::RankingFiles;
use crosscut_sequence::SequenceFiles;

/// P(w), claimed or computed, and the D that is claimed.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    pub primal: f64,
    pub dual: f64,
}

/// Reads a model and its training examples, and computes P(w) by an oracle call for each example.
/// The D is the claimed one.
///
/// # Errors
/// Files that cannot be read; a P(w) that is not the claimed one.
pub fn bounds(model: &Path, data: &Path, group: Option<&Path>) -> Result<Bounds, String> {
    let stored = ModelFile::open(model).map_err(|error| error.to_string())?;
    match stored.task() {
        MulticlassFiles::NAME => of::<MulticlassFiles>(stored, data, group),
        SequenceFiles::NAME => of::<SequenceFiles>(stored, data, group),
        RankingFiles::NAME => of::<RankingFiles>(stored, data, group),
        other => Err(format!("a model of the task {other}")),
    }
}

fn of<F: Format>(stored: ModelFile, data: &Path, group: Option<&Path>) -> Result<Bounds, String> {
    let told = |error: crosscut_app::Error| error.to_string();
    let (mut format, mut model) = stored.load::<F>().map_err(told)?;
    let mut options = Options::default();
    if let Some(group) = group {
        options.set("group", group.to_string_lossy());
    }
    format.prepare(&mut model.task, &options).map_err(told)?;
    let source = Source::open_quietly(data).map_err(told)?;
    let items = read(&format, &model.task, source).map_err(told)?;
    let example = |Item { x, y, weight }: ItemOf<F>| {
        let y = y.ok_or("an example without an output")?;
        Ok(Example { x, y, weight })
    };
    let examples: Vec<_> = items.into_iter().map(example).collect::<Result<_, &str>>()?;
    let claimed = model.certificate;
    let settings = model.settings.c(C::Mean(claimed.c));
    let primal =
        primal(&model.task, &examples, &settings, &model.w).map_err(|fault| fault.to_string())?;
    match (primal - claimed.primal).abs() <= 1e-9 * primal.abs() {
        true => Ok(Bounds { primal, dual: claimed.dual }),
        false => {
            Err(format!("the model claims P(w) = {}, its weights have {primal}", claimed.primal))
        }
    }
}
