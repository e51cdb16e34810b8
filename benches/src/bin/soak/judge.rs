//! [`bounds`]: what the weights of a model are worth on its training examples, computed from the files alone.

use std::path::Path;

use crosscut::{C, Dot, SlackNorm};
use crosscut_app::model_file::Stored;
use crosscut_app::{Application, Options, Source};
use crosscut_multiclass::Multiclass;
use crosscut_ranking::Ranking;
use crosscut_sequence::Sequence;

/// P(w), claimed or computed, and the D that is claimed.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    pub primal: f64,
    pub dual: f64,
}

/// Reads a model and its training examples, and computes P(w) by an oracle call for each example and a plain sum. The D is the claimed one.
///
/// # Errors
/// Files that cannot be read; a P(w) that is not the claimed one.
pub fn bounds(model: &Path, data: &Path, group: Option<&Path>) -> Result<Bounds, String> {
    let stored = Stored::open(model).map_err(|error| error.to_string())?;
    match stored.task() {
        Multiclass::NAME => of::<Multiclass>(stored, data, group),
        Sequence::NAME => of::<Sequence>(stored, data, group),
        Ranking::NAME => of::<Ranking>(stored, data, group),
        other => Err(format!("a model of the task {other}")),
    }
}

fn of<A: Application>(stored: Stored, data: &Path, group: Option<&Path>) -> Result<Bounds, String> {
    let told = |error: crosscut_app::Error| error.to_string();
    let mut model = stored.load::<A>().map_err(told)?;
    let mut options = Options::default();
    if let Some(group) = group {
        options.set("group", group.to_string_lossy());
    }
    model.task.prepare(&options).map_err(told)?;
    let items = model.task.read(Source::open_quietly(data).map_err(told)?).map_err(told)?;
    let (task, w) = (&model.task, &model.w);
    let mut scratch = A::Scratch::default();
    let mut sum = 0.0;
    for item in &items {
        let y = item.y.as_ref().ok_or("an example without an output")?;
        let mut dot = Dot::new(w);
        let loss = task.separate(w, &item.x, y, &mut scratch, &mut dot);
        let slack = (loss - dot.sum).max(0.0);
        sum += item.weight * if model.settings.slack_norm == SlackNorm::Squared { slack * slack } else { slack };
    }
    let norm: f64 = w.iter().map(|weight| weight * weight).sum();
    let claimed = model.certificate;
    let primal = 0.5 * norm + C::Mean(claimed.c).sum(items.len()) * sum;
    match (primal - claimed.primal).abs() <= 1e-9 * primal.abs().max(1.0) {
        true => Ok(Bounds { primal, dual: claimed.dual }),
        false => Err(format!("the model claims P(w) = {}, its weights have {primal}", claimed.primal)),
    }
}
