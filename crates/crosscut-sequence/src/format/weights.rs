//! Names of weights, and what they are for.

use std::borrow::Cow;

use crosscut_app::Role;

use crate::task::{Features, Sequence};

/// `tag B-NP, feature w=the`, or `tags B-NP I-NP, feature w=the` for features of pairs of tags, or
/// `tags B-NP I-NP` for transitions.
pub(super) fn name(task: &Sequence, index: usize) -> String {
    let Role { labels, feature } = role(task, index);
    let tags: Vec<&str> = labels.iter().map(|&tag| task.tags().name(tag)).collect();
    let word = if tags.len() == 1 { "tag" } else { "tags" };
    let feature =
        feature.map_or(String::new(), |at| format!(", feature {}", feature_name(task, at)));
    format!("{word} {}{feature}", tags.join(" "))
}

/// What a weight is for.
pub(super) fn role(task: &Sequence, index: usize) -> Role {
    let (k, singles, first) = (task.tags().len(), task.singles(), task.first_paired());
    let paired = task.features().len() - first;
    // The tags that are the last digits of a number in base k.
    let tags = |number: usize, count: usize| {
        (0..count).rev().map(|place| number / k.pow(place as u32) % k).collect()
    };
    if index < k * singles {
        return Role { labels: tags(index, 1), feature: Some(index / k) };
    }
    let mut rest = index - k * singles;
    if rest < k * k * paired {
        return Role { labels: tags(rest, 2), feature: Some(first + rest / (k * k)) };
    }
    rest -= k * k * paired;
    for order in 1..=task.orders().0 {
        let grams = k.pow(order as u32 + 1);
        if rest < grams {
            return Role { labels: tags(rest, order + 1), feature: None };
        }
        rest -= grams;
    }
    Role::default()
}

/// The id or the name of a feature.
pub(super) fn feature_name(task: &Sequence, feature: usize) -> Cow<'_, str> {
    match task.features() {
        Features::Ids(ids) => ids.id(feature).to_string().into(),
        Features::Names(names) => names.name(feature as u32).into(),
    }
}
