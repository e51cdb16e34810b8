//! [`inspect`]: describes a model.

use crosscut::{Model, Task};

use crate::answers::{ClassWeights, Inspected, Named, PriorWeights};
use crate::error::Error;
use crate::format::Format;
use crate::item::Role;
use crate::model_file::ModelFile;
use crate::source::display_name;

/// The arguments of [`inspect`].
#[derive(Clone, Copy, Debug)]
pub struct Inspect<'a> {
    /// How many weights to name in each list.
    pub top: usize,
    /// The label whose weights to name; those of all labels if `None`.
    pub class: Option<&'a str>,
}

/// Describes a model, and names its `top` weights of largest absolute value: of features, of
/// transitions, of each label, and those that have moved furthest from the prior.
///
/// # Errors
/// Bad models; a label that the model does not have.
pub fn inspect<F: Format>(
    model: ModelFile,
    &Inspect { top, class }: &Inspect<'_>,
) -> Result<Inspected, Error> {
    let file = display_name(model.path());
    let (format, model) = model.load::<F>()?;
    let Model { task, w, settings, certificate, regulariser } = model;
    let labels = format.labels(&task);
    let chosen = class.map(|class| position(&labels, class, F::NAME, &file)).transpose()?;
    let lists = Lists::new(&w, &|index| format.role(&task, index), labels.len());
    let named = |order: &[usize]| {
        let named =
            |&index: &usize| Named { name: format.weight_name(&task, index), weight: w[index] };
        heaviest(order, &w, top).iter().map(named).collect::<Vec<Named>>()
    };
    let classes = (0..labels.len()).filter(|&label| chosen.is_none_or(|chosen| chosen == label));
    let norm = |w: &[f64]| w.iter().map(|weight| weight * weight).sum::<f64>().sqrt();
    let prior = regulariser.prior();
    let prior = (!prior.is_empty()).then(|| {
        let moves: Vec<f64> = w.iter().zip(prior).map(|(w, prior)| w - prior).collect();
        let moved: Vec<usize> = (0..moves.len()).filter(|&index| moves[index] != 0.0).collect();
        let moved = heaviest(&moved, &moves, top).into_iter();
        PriorWeights {
            nonzeros: prior.iter().filter(|weight| **weight != 0.0).count(),
            distance: norm(&moves),
            moved: moved
                .map(|index| (format.weight_name(&task, index), prior[index], w[index]))
                .collect(),
        }
    });
    Ok(Inspected {
        task: F::NAME,
        objective: task.objective(),
        dim: w.len(),
        sizes: format.sizes(&task),
        scale: format.scale(&task),
        settings,
        certificate,
        nonzeros: lists.features.len() + lists.transitions.len(),
        norm: norm(&w),
        heaviest: named(&lists.features),
        transitions: named(&lists.transitions),
        classes: classes
            .map(|label| ClassWeights {
                label: labels[label].to_owned(),
                positive: named(&lists.classes[label][0]),
                negative: named(&lists.classes[label][1]),
            })
            .collect(),
        labels: labels.iter().map(|&label| label.to_owned()).collect(),
        prior,
    })
}

/// The position of a label in the model.
fn position(labels: &[&str], class: &str, task: &str, file: &str) -> Result<usize, Error> {
    /// Labels named in the message.
    const SHOWN: usize = 20;
    if let Some(at) = labels.iter().position(|&label| label == class) {
        return Ok(at);
    }
    let expected = match labels {
        [] => format!("no --class for a model of {task}, which has no labels"),
        _ if labels.len() <= SHOWN => format!("one of the labels {}", labels.join(", ")),
        _ => format!("one of the {} labels of the model {file}", labels.len()),
    };
    Err(Error::option("--class", expected, class))
}

/// Indices of the weights that are not 0, in increasing order.
struct Lists {
    features: Vec<usize>,
    transitions: Vec<usize>,
    /// For each label, the weights above and below 0 of which it is a part.
    classes: Vec<[Vec<usize>; 2]>,
}

impl Lists {
    fn new(w: &[f64], role: &dyn Fn(usize) -> Role, labels: usize) -> Self {
        let classes = (0..labels).map(|_| Default::default()).collect();
        let mut lists = Self { features: Vec::new(), transitions: Vec::new(), classes };
        for index in (0..w.len()).filter(|&index| w[index] != 0.0) {
            let role = role(index);
            for (at, label) in role.labels.iter().enumerate() {
                if !role.labels[..at].contains(label) {
                    lists.classes[*label][usize::from(w[index] < 0.0)].push(index);
                }
            }
            if role.is_transition() { &mut lists.transitions } else { &mut lists.features }
                .push(index);
        }
        lists
    }
}

/// The `top` of these indices whose weights have the largest absolute values, largest first.
fn heaviest(indices: &[usize], w: &[f64], top: usize) -> Vec<usize> {
    let mut order = indices.to_vec();
    let heavier = |&a: &usize, &b: &usize| w[b].abs().total_cmp(&w[a].abs()).then(a.cmp(&b));
    if top < order.len() {
        order.select_nth_unstable_by(top, heavier);
        order.truncate(top);
    }
    order.sort_unstable_by(heavier);
    order
}
