//! [`inspect`]: describes a model.

use crosscut::Model;

use crate::answers::{Inspected, PriorWeights};
use crate::application::Application;
use crate::error::Error;
use crate::model_file::ModelFile;

/// Describes a model and names its `top` weights of largest absolute value, and the `top` weights
/// that have moved furthest from the prior.
///
/// # Errors
/// Bad models.
pub fn inspect<A: Application>(model: ModelFile, top: usize) -> Result<Inspected, Error> {
    let Model { task, w, settings, certificate, regulariser } = model.load::<A>()?;
    let (order, nonzeros) = heaviest(&w, top);
    let norm = |w: &[f64]| w.iter().map(|weight| weight * weight).sum::<f64>().sqrt();
    let prior = regulariser.prior();
    let prior = (!prior.is_empty()).then(|| {
        let moves: Vec<f64> = w.iter().zip(prior).map(|(w, prior)| w - prior).collect();
        let moved = heaviest(&moves, top).0.into_iter();
        PriorWeights {
            nonzeros: prior.iter().filter(|weight| **weight != 0.0).count(),
            distance: norm(&moves),
            moved: moved.map(|index| (task.weight_name(index), prior[index], w[index])).collect(),
        }
    });
    Ok(Inspected {
        task: A::NAME,
        objective: task.objective(),
        dim: w.len(),
        sizes: task.sizes(),
        scale: task.scale(),
        settings,
        certificate,
        nonzeros,
        norm: norm(&w),
        heaviest: order.into_iter().map(|index| (task.weight_name(index), w[index])).collect(),
        prior,
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
