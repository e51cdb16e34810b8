//! Sequence labelling: an oracle that costs more, and very many planes for each example.

use crosscut::{Example, Place, Planes, SparseRows, Task};
use rand::RngExt;

use crate::{row, stream};

/// First-order chains with a row of features for each position: Ψ counts features with tags, and
/// pairs of neighbouring tags. Δ is the number of wrong tags. The oracle is Viterbi's algorithm,
/// O(length · tags²).
#[derive(Clone, Copy, Debug)]
pub struct Chain {
    tags: usize,
    features: usize,
}

/// The tables of one sweep.
#[derive(Clone, Debug, Default)]
pub struct Tables {
    /// Scores of the tags at the current and at the last position.
    now: Vec<f64>,
    last: Vec<f64>,
    /// The best tag before each tag at each position.
    before: Vec<u32>,
}

impl Chain {
    /// The weight of a tag after another.
    fn pair(&self, first: usize, second: usize) -> usize {
        self.features * self.tags + first * self.tags + second
    }

    /// The tags of highest score, plus 1 for each that differs from `y`.
    fn best(&self, w: &[f64], x: &SparseRows, y: Option<&[u32]>, tables: &mut Tables) -> Vec<u32> {
        let k = self.tags;
        let Tables { now, last, before } = tables;
        before.clear();
        before.resize(k * x.len(), 0);
        last.clear();
        last.resize(k, 0.0);
        for (t, row) in x.iter().enumerate() {
            now.clear();
            now.resize(k, 0.0);
            for feature in row.features() {
                let weights = &w[feature.index as usize * k..][..k];
                for (score, weight) in now.iter_mut().zip(weights) {
                    *score += weight * f64::from(feature.value);
                }
            }
            if let Some(y) = y {
                for (tag, score) in now.iter_mut().enumerate() {
                    *score += f64::from(u8::from(tag != y[t] as usize));
                }
            }
            if t > 0 {
                for tag in 0..k {
                    let (mut best, mut best_score) = (0, f64::NEG_INFINITY);
                    for (first, score) in last.iter().enumerate() {
                        let score = score + w[self.pair(first, tag)];
                        if score > best_score {
                            (best, best_score) = (first, score);
                        }
                    }
                    before[t * k + tag] = best as u32;
                    now[tag] += best_score;
                }
            }
            std::mem::swap(now, last);
        }
        let mut tag =
            (0..k).fold(0, |best, tag| if last[tag] > last[best] { tag } else { best }) as u32;
        let mut tags = vec![0; x.len()];
        for t in (0..x.len()).rev() {
            tags[t] = tag;
            tag = before[t * k + tag as usize];
        }
        tags
    }
}

impl Task for Chain {
    type Input = SparseRows;
    type Output = Vec<u32>;
    type Scratch = Tables;

    fn dim(&self) -> usize {
        self.features * self.tags + self.tags * self.tags
    }

    fn loss(&self, _: &SparseRows, y: &Vec<u32>, y_hat: &Vec<u32>) -> f64 {
        y.iter().zip(y_hat).filter(|(tag, found)| tag != found).count() as f64
    }

    fn predict(&self, w: &[f64], x: &SparseRows, scratch: &mut Tables) -> Vec<u32> {
        self.best(w, x, None, scratch)
    }

    fn separate<'a>(
        &'a self,
        w: &[f64],
        x: &'a SparseRows,
        y: &'a Vec<u32>,
        scratch: &mut Tables,
        planes: &mut Planes<'a>,
    ) {
        let y_bar = self.best(w, x, Some(y), scratch);
        planes.add(|sink| {
            for (t, row) in x.iter().enumerate() {
                if y[t] != y_bar[t] {
                    sink.add_row(row, Place::class(y[t] as usize, self.tags), 1.0);
                    sink.add_row(row, Place::class(y_bar[t] as usize, self.tags), -1.0);
                }
            }
            for t in 1..x.len() {
                let pairs =
                    [y, &y_bar].map(|tags| self.pair(tags[t - 1] as usize, tags[t] as usize));
                if pairs[0] != pairs[1] {
                    sink.add(pairs[0], 1.0);
                    sink.add(pairs[1], -1.0);
                }
            }
            self.loss(x, y, &y_bar)
        });
    }
}

/// Examples of a [`Chain`].
pub type ChainExamples = Vec<Example<SparseRows, Vec<u32>>>;

/// A problem of `n` chains. The tags are the best under hidden weights, one in ten replaced by
/// another.
pub fn chain(
    n: usize,
    tags: usize,
    length: usize,
    features: usize,
    nonzeros: usize,
    seed: u64,
) -> (Chain, ChainExamples) {
    let task = Chain { tags, features };
    let mut random = stream(seed);
    let hidden: Vec<f64> = (0..task.dim()).map(|_| random.random::<f64>() - 0.5).collect();
    let mut tables = Tables::default();
    let examples = (0..n)
        .map(|_| {
            let x: SparseRows = (0..length).map(|_| row(&mut random, features, nonzeros)).collect();
            let mut y = task.best(&hidden, &x, None, &mut tables);
            for tag in &mut y {
                if random.random_range(0..10) == 0 {
                    *tag = random.random_range(0..tags as u32);
                }
            }
            Example::new(x, y)
        })
        .collect();
    (task, examples)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oracle_keeps_its_contract() {
        let (task, examples) = chain(5, 3, 4, 6, 2, 0);
        crosscut::testing::check(&task, &examples);
    }
}
