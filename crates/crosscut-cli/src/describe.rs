//! Results of verbs as text.

use std::fmt::Write as _;

use crosscut::C;
use crosscut_app::answers::{Checked, ClassWeights, Inspected, Named, figure};

/// A model, a property a line. Only the weights `of_a_class` are named if they were asked for.
pub fn model(inspected: &Inspected, of_a_class: bool) -> String {
    let Inspected { certificate, scale, objective, .. } = inspected;
    let n = certificate.examples;
    let mut text = String::new();
    let sizes: String =
        inspected.sizes.iter().map(|(name, size)| format!(", {size} {name}")).collect();
    let _ = writeln!(text, "task      {}{sizes}", inspected.task);
    if !inspected.labels.is_empty() {
        let _ = writeln!(text, "labels    {}", labels(&inspected.labels));
    }
    let _ = writeln!(
        text,
        "weights   {}, {} not zero, norm {}",
        inspected.dim,
        inspected.nonzeros,
        figure(inspected.norm)
    );
    if let Some(scale) = scale {
        let _ = writeln!(text, "features  scaled (--scale {scale})");
    }
    let _ = writeln!(
        text,
        "training  {n} examples, objective {}, C = {} (--c-sum {}), {}, {} exact passes, seed {}",
        objective.name(),
        figure(certificate.c),
        figure(C::Mean(certificate.c).sum(n)),
        certificate.solver.name(),
        figure(certificate.passes),
        inspected.settings.seed
    );
    let _ = writeln!(text, "result    {}", inspected.verdict());
    if let Some(prior) = &inspected.prior {
        let _ = writeln!(
            text,
            "prior     {} weights not zero, moved by a distance of {}",
            prior.nonzeros,
            figure(prior.distance)
        );
    }
    if of_a_class {
        for ClassWeights { label, positive, negative } in &inspected.classes {
            list(&mut text, &format!("heaviest weights for {label}"), positive);
            list(&mut text, &format!("heaviest weights against {label}"), negative);
        }
        return text;
    }
    list(&mut text, "heaviest weights", &inspected.heaviest);
    list(&mut text, "heaviest transitions", &inspected.transitions);
    let moved = inspected.prior.iter().flat_map(|prior| &prior.moved);
    for (at, (name, prior, weight)) in moved.enumerate() {
        if at == 0 {
            let _ = writeln!(text, "moved furthest from the prior");
        }
        let (by, from) = (signed(weight - prior), signed(*prior));
        let _ = writeln!(text, "  {by}  {name} (from {from})");
    }
    text
}

/// A [`figure`] with its sign.
fn signed(value: f64) -> String {
    format!("{}{}", if value < 0.0 { "" } else { "+" }, figure(value))
}

/// The labels in order: all of them, unless there are very many.
fn labels(labels: &[String]) -> String {
    const SHOWN: usize = 100;
    let mut text = labels[..labels.len().min(SHOWN)].join(", ");
    if labels.len() > SHOWN {
        text += &format!(", … ({} in all; --json lists them)", labels.len());
    }
    text
}

/// Weights below a heading, if there are any.
fn list(text: &mut String, heading: &str, weights: &[Named]) {
    if !weights.is_empty() {
        let _ = writeln!(text, "{heading}");
        for Named { name, weight } in weights {
            let _ = writeln!(text, "  {}  {name}", signed(*weight));
        }
    }
}

/// What was checked, a line each.
pub fn checked(checked: &Checked) -> String {
    let mut text = String::new();
    let sizes: String =
        checked.sizes.iter().map(|(name, size)| format!(", {size} {name}")).collect();
    let _ = writeln!(
        text,
        "{}: {} examples{sizes}, {} weights; checked on {} of the examples",
        checked.task, checked.examples, checked.dim, checked.checked
    );
    for promise in &checked.holds {
        let _ = writeln!(text, "holds     {promise}");
    }
    text
}
