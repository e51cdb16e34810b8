//! [`inspect`]: describes a model.

use crosscut::Model;

use crate::answers::Inspected;
use crate::application::Application;
use crate::error::Error;
use crate::model_file::ModelFile;

/// Describes a model and names its `top` weights of largest absolute value.
///
/// # Errors
/// Bad models.
pub fn inspect<A: Application>(model: ModelFile, top: usize) -> Result<Inspected, Error> {
    let Model { task, w, settings, certificate } = model.load::<A>()?;
    let (order, nonzeros) = heaviest(&w, top);
    Ok(Inspected {
        task: A::NAME,
        objective: task.objective(),
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

/// The indices of the `top` weights of largest absolute value, largest first, and the number of
/// nonzero weights.
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
