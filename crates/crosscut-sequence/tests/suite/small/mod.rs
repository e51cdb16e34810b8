//! Small problems for every choice that a task offers, and what constraints mean, said once more.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, and so do its helpers")]

use crosscut::testing::sequences;
use crosscut::{Example, Feature, Rescaling};
use crosscut_data::CostMatrix;
use crosscut_data::{FeatureIds, Labels};
use crosscut_sequence::{Features, Loss, Scheme, Sequence, Tags, Tokens};
use proptest::prelude::*;

pub type Examples = Vec<Example<Tokens, Tags>>;

/// The orders of transitions and emissions.
pub const ORDERS: [(usize, usize); 7] = [(0, 0), (1, 0), (1, 1), (2, 0), (2, 1), (3, 0), (3, 1)];

/// The losses for k tags; the last one has costs without a common unit.
const LOSSES: [fn(usize) -> Loss; 8] = [
    |_| Loss::Count,
    |_| Loss::Fraction,
    |_| Loss::ZeroOne,
    |k| Loss::Costs(costs(k, |y, y_hat| [2.0, 1.0, 3.0][(y + 2 * y_hat) % 3])),
    |k| Loss::Costs(costs(k, |y, y_hat| [1.5, 0.0, 0.5, 2.5][(y + 2 * y_hat) % 4])),
    |k| Loss::MeanCosts(costs(k, |y, y_hat| [1.5, 0.0, 0.5, 2.5][(y + 2 * y_hat) % 4])),
    |_| Loss::RootCount,
    |k| Loss::Costs(costs(k, |y, y_hat| ((1 + y + 2 * y_hat) as f64).sqrt())),
];

pub fn costs(k: usize, cost: impl Fn(usize, usize) -> f64) -> CostMatrix {
    let mut costs = CostMatrix::zero_one(k);
    for (y, y_hat) in (0..k * k).map(|at| (at / k, at % k)).filter(|(y, y_hat)| y != y_hat) {
        costs.set(y, y_hat, cost(y, y_hat)).unwrap();
    }
    costs
}

/// The tags that problems with a scheme have.
fn tag_sets(scheme: Option<Scheme>) -> Vec<Vec<&'static str>> {
    match scheme {
        None => vec![vec!["x", "y"], vec!["O", "B-a", "I-a"]],
        Some(Scheme::Bio) => vec![vec!["O", "B-a", "I-a"], vec!["I-a", "B-a", "B-b", "I-b", "O"]],
        Some(Scheme::Bioes) => {
            vec![vec!["O", "B-a", "I-a", "E-a", "S-a"], vec!["E-a", "O", "B-b", "B-a", "E-b"]]
        }
    }
}

/// Orders, loss, rescaling and constraint.
pub type Choice = ((usize, usize), fn(usize) -> Loss, Rescaling, Option<Scheme>);

/// All there are.
pub fn choices() -> Vec<Choice> {
    let mut choices: Vec<Choice> = Vec::new();
    for orders in ORDERS {
        for scheme in [None, Some(Scheme::Bio), Some(Scheme::Bioes)] {
            choices.extend(LOSSES.map(|loss| (orders, loss, Rescaling::Margin, scheme)));
            choices
                .extend(LOSSES[..7].iter().map(|&loss| (orders, loss, Rescaling::Slack, scheme)));
        }
    }
    choices
}

/// Tasks of a choice with a few examples: up to 3 features, any number of them of pairs of tags, tokens with all, some or none of them,
/// sequences of 0 to 5 tokens that have at most so many taggings.
pub fn problems(
    choice: Choice,
    most_taggings: usize,
) -> impl Strategy<Value = (Sequence, Examples)> {
    let (orders, loss, rescaling, scheme) = choice;
    let features = (0_u32..4).prop_flat_map(|all| (Just(all), prop_oneof![Just(0), 0..=all]));
    let drawn = (prop::sample::select(tag_sets(scheme)), features);
    drawn.prop_flat_map(move |(tags, (features, pairs))| {
        let k = tags.len();
        let longest = (1..=5).rev().find(|&n| k.pow(n) <= most_taggings).unwrap() as usize;
        let value = prop_oneof![Just(0.0_f32), Just(1.0), Just(-0.5), -2.0_f32..2.0];
        let tokens =
            prop::collection::vec(prop::collection::vec(value, features as usize), 0..=longest);
        prop::collection::vec((tokens, any::<prop::sample::Index>()), 1..4).prop_map(move |drawn| {
            let names: Vec<String> = tags.iter().map(|&tag| tag.to_owned()).collect();
            let task =
                Sequence::new(Labels::from(names), Features::Ids(FeatureIds::Contiguous(features)))
                    .unwrap();
            let task = task.with_pair_features(pairs as usize).unwrap();
            let task = task.with_orders(orders.0, orders.1).unwrap().with_loss(loss(k)).unwrap();
            let task = task.with_rescaling(rescaling).unwrap().with_scheme(scheme).unwrap();
            let example = |(rows, truth): (Vec<Vec<f32>>, prop::sample::Index)| {
                let x = task.tokens(tokens_of(&rows).rows().clone());
                let y = truth.get(&taggings(&task, x.len())).clone();
                Example::new(x, y)
            };
            let examples = drawn.into_iter().map(example).collect();
            (task, examples)
        })
    })
}

/// Tokens from the values of all features.
pub fn tokens_of(rows: &[Vec<f32>]) -> Tokens {
    let sparse = |row: &Vec<f32>| {
        let features = row.iter().zip(0..).map(|(&value, index)| Feature { index, value });
        features.filter(|feature| feature.value != 0.0).collect()
    };
    Tokens::from_features(&rows.iter().map(sparse).collect::<Vec<_>>()).unwrap()
}

/// All taggings of so many tokens that the task's constraint allows.
pub fn taggings(task: &Sequence, tokens: usize) -> Vec<Tags> {
    let all = sequences(task.tags().len(), tokens);
    all.filter(|tags| is_allowed(task, tags)).map(Tags::from).collect()
}

/// Whether the tags can be read as chunks: `(O | B-x I-x*)*`, or with ends
/// `(O | S-x | B-x I-x* E-x)*`.
pub fn is_allowed(task: &Sequence, tags: &[usize]) -> bool {
    let names: Vec<&str> = tags.iter().map(|&tag| task.tags().name(tag)).collect();
    task.scheme().is_none_or(|scheme| is_read(scheme, &names))
}

fn is_read(scheme: Scheme, tags: &[&str]) -> bool {
    let [first, rest @ ..] = tags else { return true };
    match first.split_once('-') {
        None => is_read(scheme, rest),
        Some(("S", _)) => scheme == Scheme::Bioes && is_read(scheme, rest),
        Some(("B", kind)) => {
            let inside =
                rest.iter().take_while(|tag| tag.split_once('-') == Some(("I", kind))).count();
            match (scheme, &rest[inside..]) {
                (Scheme::Bio, rest) => is_read(scheme, rest),
                (Scheme::Bioes, [end, rest @ ..]) => {
                    end.split_once('-') == Some(("E", kind)) && is_read(scheme, rest)
                }
                (Scheme::Bioes, []) => false,
            }
        }
        Some(_) => false,
    }
}
