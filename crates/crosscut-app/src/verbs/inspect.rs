//! [`inspect`]: what is in a model.

use crosscut::Model;

use crate::answers::Inspected;
use crate::application::Application;
use crate::error::Error;
use crate::model_file::ModelFile;

/// Looks into a model; `top` is how many of the heaviest weights to name.
///
/// # Errors
/// Bad models.
pub fn inspect<A: Application>(model: ModelFile, top: usize) -> Result<Inspected, Error> {
    let Model { task, w, settings, certificate } = model.load::<A>()?;
    let (order, nonzeros) = heaviest(&w, top);
    Ok(Inspected {
        task: A::NAME,
        dim: w.len(),
        sizes: task.sizes(),
        scale: task.scale(),
        settings,
        certificate,
        nonzeros,
        norm: w.iter().map(|weight| weight * weight).sum::<f64>().sqrt(),
        heaviest: order.into_iter().map(|index| (task.weight_name(index), w[index])).collect(),
    })
}

/// The positions of the heaviest weights, these first, and how many are not 0.
fn heaviest(w: &[f64], top: usize) -> (Vec<usize>, usize) {
    let mut order: Vec<usize> = (0..w.len()).filter(|&index| w[index] != 0.0).collect();
    let nonzeros = order.len();
    let heavier = |&a: &usize, &b: &usize| w[b].abs().total_cmp(&w[a].abs()).then(a.cmp(&b));
    if top < order.len() {
        order.select_nth_unstable_by(top, heavier);
        order.truncate(top);
    }
    order.sort_unstable_by(heavier);
    (order, nonzeros)
}
