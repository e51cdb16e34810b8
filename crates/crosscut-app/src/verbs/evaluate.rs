//! [`evaluate`]: the measures of a model.

use std::path::Path;

use crosscut::{Model, predict_all};

use crate::encoding::Encoding;
use crate::error::Error;
use crate::format::Format;
use crate::item::Outcome;
use crate::model_file::ModelFile;
use crate::monitor::Monitor;
use crate::options::Options;
use crate::report::Report;
use crate::source::{Source, display_name};

use super::{forecasts, read};

/// Computes the task's measures of a model on the labelled examples of a file.
///
/// # Errors
/// Bad models, options, files and lines; a file without any output.
pub fn evaluate<F: Format>(
    examples: &Path,
    model: ModelFile,
    options: &Options,
    monitor: &mut dyn Monitor,
) -> Result<Report, Error> {
    let encoding = Encoding::of(options)?;
    let (mut format, Model { mut task, w, .. }) = model.load::<F>()?;
    format.prepare(&mut task, options)?;
    let items = read(&format, &task, Source::open(examples, monitor)?.decode(encoding), 0)?;
    let labelled: Vec<_> =
        items.iter().filter_map(|item| Some((&item.x, item.y.as_ref()?, item.weight))).collect();
    if labelled.is_empty() {
        return Err(Error::file(
            display_name(examples),
            "expected labelled examples, found none with an output",
        ));
    }
    if labelled.len() < items.len() {
        let without = items.len() - labelled.len();
        monitor.note(&format!(
            "{without} of {} examples have no output and are left out",
            items.len()
        ));
    }
    let inputs: Vec<_> = labelled.iter().map(|(x, ..)| *x).collect();
    let predictions = predict_all(&task, &w, &inputs);
    let outcomes: Vec<_> = (labelled.iter().zip(&predictions))
        .map(|(&(x, y, weight), y_hat)| Outcome { x, y, y_hat, weight })
        .collect();
    let report = format.evaluate(&task, &outcomes);
    report.notes().iter().for_each(|note| monitor.note(note));
    Ok(forecasts(&format, &task, &w, &outcomes).report(report))
}
