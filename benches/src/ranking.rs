//! Ranking problems.

use crosscut::{Example, Feature, Rescaling};
use crosscut_data::FeatureIds;
use crosscut_ranking::{Loss, Query, Ranking, Scores};
use rand::RngExt;

use crate::stream;

const FEATURES: u32 = 10;
const GRADES: usize = 5;

/// A task with its examples.
#[derive(Clone, Debug)]
pub struct RankingProblem {
    /// The task.
    pub task: Ranking,
    /// The examples.
    pub examples: Vec<Example<Query, Scores>>,
}

/// Queries of `documents` documents each, with 10 features and 5 grades: the fifth of the query
/// into which a hidden linear score with noise puts them.
pub fn ranking(queries: usize, documents: usize, loss: Loss, seed: u64) -> RankingProblem {
    let task = Ranking::new(FeatureIds::Contiguous(FEATURES))
        .with_loss(loss, Rescaling::Margin)
        .expect("every loss can be had with margin rescaling");
    let mut random = stream(seed);
    let hidden: Vec<f64> = (0..FEATURES).map(|_| random.random::<f64>() - 0.5).collect();
    let examples = (0..queries)
        .map(|_| {
            let rows: Vec<Vec<Feature>> = (0..documents)
                .map(|_| {
                    (0..FEATURES)
                        .map(|index| Feature { index, value: random.random::<f32>() })
                        .collect()
                })
                .collect();
            let scores: Vec<f64> = rows
                .iter()
                .map(|row| {
                    let score: f64 = row
                        .iter()
                        .zip(&hidden)
                        .map(|(feature, w)| f64::from(feature.value) * w)
                        .sum();
                    score + 0.2 * (random.random::<f64>() - 0.5)
                })
                .collect();
            let mut order: Vec<usize> = (0..documents).collect();
            order.sort_by(|&a, &b| scores[a].total_cmp(&scores[b]));
            let mut grades = vec![0.0; documents];
            for (rank, &document) in order.iter().enumerate() {
                grades[document] = (rank * GRADES / documents) as f64;
            }
            let query = Query::new(&rows, FEATURES as usize)
                .expect("indices increase and values are finite");
            Example::new(query, Scores::new(grades))
        })
        .collect();
    RankingProblem { task, examples }
}
