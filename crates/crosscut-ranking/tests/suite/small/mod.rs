//! Small problems for every loss, and what losses and feature maps mean, said once more: over all
//! pairs and all permutations.

#![allow(dead_code, reason = "each file of tests uses a part")]

use crosscut::testing::permutations;
use crosscut::{Example, Feature, Rescaling};
use crosscut_data::FeatureIds;
use crosscut_ranking::{Loss, Query, Ranking, Scores};
use proptest::prelude::*;

pub type Examples = Vec<Example<Query, Scores>>;

/// The losses of pairs; the first two know grades.
pub const PAIRS: [Loss; 3] = [Loss::SwappedPairs, Loss::SwappedFraction, Loss::RankOfRelevant];

/// The losses of whole rankings, with where they may enter the margin.
pub const RANKINGS: [(Loss, Rescaling); 14] = [
    (Loss::AveragePrecision, Rescaling::Margin),
    (Loss::ReciprocalRank, Rescaling::Margin),
    (Loss::ReciprocalRank, Rescaling::Slack),
    (Loss::Precision(1), Rescaling::Margin),
    (Loss::Precision(1), Rescaling::Slack),
    (Loss::Precision(2), Rescaling::Margin),
    (Loss::Precision(2), Rescaling::Slack),
    (Loss::Precision(3), Rescaling::Margin),
    (Loss::Precision(3), Rescaling::Slack),
    (Loss::Ndcg(0), Rescaling::Margin),
    (Loss::Ndcg(2), Rescaling::Margin),
    (Loss::Dcg(0), Rescaling::Margin),
    (Loss::Dcg(1), Rescaling::Margin),
    (Loss::Dcg(3), Rescaling::Margin),
];

/// Every loss with every rescaling there is.
pub fn choices() -> Vec<(Loss, Rescaling)> {
    PAIRS.into_iter().map(|loss| (loss, Rescaling::Margin)).chain(RANKINGS).collect()
}

/// A query with the numbers of its documents spelt out, for statements that are to be naive.
#[derive(Clone, Debug)]
pub struct Plain {
    pub rows: Vec<Vec<f32>>,
    pub y: Scores,
}

impl Plain {
    pub fn example(&self) -> Example<Query, Scores> {
        Example::new(dense(&self.rows), self.y.clone())
    }

    pub fn scores(&self, w: &[f64]) -> Vec<f64> {
        self.rows
            .iter()
            .map(|row| row.iter().zip(w).map(|(&value, weight)| f64::from(value) * weight).sum())
            .collect()
    }

    /// Σ coefficient · row.
    fn sum(&self, coefficients: impl IntoIterator<Item = f64>) -> Vec<f64> {
        let mut sum = vec![0.0; self.rows[0].len()];
        for (row, coefficient) in self.rows.iter().zip(coefficients) {
            row.iter()
                .zip(&mut sum)
                .for_each(|(&value, sum)| *sum += coefficient * f64::from(value));
        }
        sum
    }
}

/// Documents with every feature written, zeros too.
pub fn dense(rows: &[Vec<f32>]) -> Query {
    let all = |row: &Vec<f32>| {
        row.iter().zip(0..).map(|(&value, index)| Feature { index, value }).collect()
    };
    Query::new(&rows.iter().map(all).collect::<Vec<_>>(), rows.first().map_or(0, Vec::len)).unwrap()
}

/// The same documents among features of which no other is used.
pub fn sparse(rows: &[Vec<f32>]) -> Query {
    let stored = |row: &Vec<f32>| {
        let features = row.iter().zip(0..).map(|(&value, index)| Feature { index, value });
        features.filter(|feature| feature.value != 0.0).collect()
    };
    Query::new(&rows.iter().map(stored).collect::<Vec<_>>(), 1000).unwrap()
}

/// Tasks of a choice with one to three queries of one to `most` documents: up to 3 features,
/// documents that are alike, grades with ties or one grade only or none above 0, and costs where
/// the loss takes them.
///
/// Values of features are multiples of 1/4 if `coarse`, so that scores by whole weights have no
/// rounding.
pub fn problems(
    (loss, rescaling): (Loss, Rescaling),
    most: usize,
    coarse: bool,
) -> impl Strategy<Value = (Ranking, Vec<Plain>)> {
    let value = move || {
        let fine = (-2.0_f32..2.0)
            .prop_map(move |value| if coarse { (4.0 * value).round() / 4.0 } else { value });
        prop_oneof![Just(0.0_f32), Just(1.0), Just(-0.5), fine]
    };
    let grade = || prop::sample::select(vec![0.0, 0.0, 0.5, 1.0, 1.0, 2.0, 3.0, 4.0]);
    let cost = || prop::sample::select(vec![0.0, 0.3, 0.1, 1.0, 2.5]);
    (1_usize..4).prop_flat_map(move |width| {
        let document =
            (prop::collection::vec(value(), width), grade(), cost(), any::<prop::sample::Index>());
        let query = (prop::collection::vec(document, 1..=most), 0..8, any::<bool>(), grade());
        prop::collection::vec(query, 1..4).prop_map(move |drawn| {
            let plain = |(documents, kind, with_costs, same): (Vec<Document>, i32, bool, f64)| {
                let rows: Vec<Vec<f32>> =
                    documents.iter().map(|document| document.0.clone()).collect();
                // Some documents are copies of others.
                let copy = |(at, document): (usize, &Document)| {
                    if at % 3 == 2 { document.3.get(&rows).clone() } else { document.0.clone() }
                };
                let grades = match kind {
                    0 => vec![same; documents.len()],
                    1 => vec![0.0; documents.len()],
                    _ => documents.iter().map(|document| document.1).collect(),
                };
                let y = Scores::new(grades);
                let costs = documents.iter().map(|document| document.2).collect();
                let y = if with_costs && PAIRS.contains(&loss) { y.with_costs(costs) } else { y };
                Plain { rows: documents.iter().enumerate().map(copy).collect(), y }
            };
            let task = Ranking::new(FeatureIds::Contiguous(width as u32))
                .with_loss(loss, rescaling)
                .unwrap();
            (task, drawn.into_iter().map(plain).collect())
        })
    })
}

type Document = (Vec<f32>, f64, f64, prop::sample::Index);

/// Upper and lower document of each pair that a loss counts, and what it counts for.
pub fn pairs(loss: Loss, y: &Scores) -> Vec<(usize, usize, f64)> {
    let all = (0..y.len()).flat_map(|upper| (0..y.len()).map(move |lower| (upper, lower)));
    let grade = |document: usize| y.values()[document];
    let counts = |&(upper, lower): &(usize, usize)| match loss {
        Loss::RankOfRelevant => upper != lower && grade(upper) > 0.0,
        _ => grade(upper) > grade(lower),
    };
    let mut pairs: Vec<_> =
        all.filter(counts).map(|(upper, lower)| (upper, lower, y.cost(upper))).collect();
    let total: f64 = pairs.iter().map(|(.., cost)| cost).sum();
    if loss == Loss::SwappedFraction && total > 0.0 {
        pairs.iter_mut().for_each(|(.., cost)| *cost /= total);
    }
    pairs
}

/// The plane of the pairs that are in ȳ the wrong way round.
pub fn plane_of_pairs(
    query: &Plain,
    swapped: impl IntoIterator<Item = (usize, usize, f64)>,
) -> (f64, Vec<f64>) {
    let (mut loss, mut coefficients) = (0.0, vec![0.0; query.y.len()]);
    for (upper, lower, cost) in swapped {
        loss += cost;
        coefficients[upper] += cost;
        coefficients[lower] -= cost;
    }
    (loss, query.sum(coefficients))
}

/// What is good about documents in this order; of the normalised gain, before it is divided by the
/// best.
fn measure(loss: Loss, y: &Scores, order: &[usize]) -> f64 {
    let grade = |rank: usize| y.values()[order[rank - 1]];
    let relevant = |rank: &usize| grade(*rank) > 0.0;
    let among = |k: usize| (1..=k.min(order.len())).filter(relevant).count() as f64;
    let gain = |k: usize| -> f64 {
        let last = if k == 0 { order.len() } else { k.min(order.len()) };
        (1..=last).map(|rank| (2_f64.powf(grade(rank)) - 1.0) * discount(rank, k)).sum()
    };
    match loss {
        Loss::AveragePrecision => {
            let precisions: f64 =
                (1..=order.len()).filter(relevant).map(|rank| among(rank) / rank as f64).sum();
            precisions / among(order.len()).max(1.0)
        }
        Loss::ReciprocalRank => {
            (1..=order.len()).find(relevant).map_or(0.0, |rank| 1.0 / rank as f64)
        }
        Loss::Precision(k) => among(k) / k as f64,
        Loss::Dcg(k) | Loss::Ndcg(k) => gain(k),
        _ => unreachable!("{loss:?} is a loss of pairs"),
    }
}

fn discount(rank: usize, k: usize) -> f64 {
    if k > 0 && rank > k { 0.0 } else { 2_f64.ln() / (1.0 + rank as f64).ln() }
}

/// What each document's row is multiplied by in Ψ(x, order).
fn psi(loss: Loss, y: &Scores, order: &[usize]) -> Vec<f64> {
    let mut psi = vec![0.0; order.len()];
    if let Loss::Dcg(k) | Loss::Ndcg(k) = loss {
        order.iter().zip(1..).for_each(|(&document, rank)| psi[document] = discount(rank, k));
        return psi;
    }
    let relevant = |document: usize| y.values()[document] > 0.0;
    let count = order.iter().filter(|&&document| relevant(document)).count();
    let each = 1.0 / (count * (order.len() - count)).max(1) as f64;
    for (at, &first) in order.iter().enumerate() {
        for &second in order[at + 1..].iter().filter(|&&second| relevant(first) != relevant(second))
        {
            // +(x_r − x_q) if the relevant one comes first, −(x_r − x_q) if not: either way the
            // first one's row is added.
            psi[first] += each;
            psi[second] -= each;
        }
    }
    psi
}

/// Every permutation of the documents with its loss and its feature difference.
pub struct Rankings(Vec<(Vec<usize>, f64, Vec<f64>)>);

impl Rankings {
    pub fn new(loss: Loss, query: &Plain) -> Self {
        let y = &query.y;
        let all: Vec<_> =
            permutations(y.len()).map(|order| (measure(loss, y, &order), order)).collect();
        let best = all.iter().map(|(measure, _)| *measure).fold(0.0, f64::max);
        let unit = if matches!(loss, Loss::Ndcg(_)) && best > 0.0 { best } else { 1.0 };
        // Ψ(x, y): the mean over all orders by falling grade.
        let falls = |order: &[usize]| {
            order.windows(2).all(|pair| y.values()[pair[0]] >= y.values()[pair[1]])
        };
        let right: Vec<_> = all
            .iter()
            .filter(|(_, order)| falls(order))
            .map(|(_, order)| psi(loss, y, order))
            .collect();
        let mean = |at: usize| right.iter().map(|psi| psi[at]).sum::<f64>() / right.len() as f64;
        let truth: Vec<f64> = (0..y.len()).map(mean).collect();
        // Where all orders are right there is nothing to learn, though the mean differs from most
        // of them.
        let taught = y.values().iter().any(|grade| *grade != y.values()[0]);
        let unlike = |(a, b): (&f64, f64)| if taught { a - b } else { 0.0 };
        let delta = |order: &[usize]| query.sum(truth.iter().zip(psi(loss, y, order)).map(unlike));
        let ranking = |(measure, order): (f64, Vec<usize>)| {
            let delta = delta(&order);
            (order, (best - measure) / unit, delta)
        };
        Self(all.into_iter().map(ranking).collect())
    }

    /// (Δ, δ), or (Δ, Δ·δ) for slack rescaling, of all permutations.
    pub fn planes(&self, rescaling: Rescaling) -> Vec<(f64, Vec<f64>)> {
        let scale = |loss: f64| if rescaling == Rescaling::Slack { loss } else { 1.0 };
        self.0
            .iter()
            .map(|(_, loss, delta)| {
                (*loss, delta.iter().map(|value| scale(*loss) * value).collect())
            })
            .collect()
    }

    /// The largest loss of a permutation by falling scores.
    pub fn worst_by(&self, scores: &[f64]) -> f64 {
        let falls =
            |order: &[usize]| order.windows(2).all(|pair| scores[pair[0]] >= scores[pair[1]]);
        self.0
            .iter()
            .filter(|(order, ..)| falls(order))
            .map(|(_, loss, _)| *loss)
            .fold(0.0, f64::max)
    }
}
