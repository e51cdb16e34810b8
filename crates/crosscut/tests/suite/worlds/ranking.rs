use crosscut::{Example, Place, Planes, Row, SparseRows, SparseVector, Task, testing};

/// Orders the items of a query by score. The loss is the fraction of the pairs ordered by the truth
/// that the prediction does not order so. Any set of these pairs may be swapped, so ȳ is one of
/// 2^pairs choices: the oracle counts swaps, writes δ from the counts and never names ȳ. There is
/// no joint feature map.
pub struct Ranking {
    pub features: usize,
}

impl Ranking {
    fn scores(&self, w: &[f64], x: &SparseRows) -> Vec<f64> {
        x.iter().map(|row| row.score(w, Place::block(0))).collect()
    }
}

/// Pairs (better, worse) of the truth.
fn pairs(y: &[f64]) -> impl Iterator<Item = (usize, usize)> {
    (0..y.len()).flat_map(move |i| (0..y.len()).filter(move |&j| y[i] > y[j]).map(move |j| (i, j)))
}

impl Task for Ranking {
    type Input = SparseRows;
    type Output = Vec<f64>; // relevance, or score
    type Scratch = Vec<i32>;

    fn dim(&self) -> usize {
        self.features
    }

    fn loss(&self, _: &SparseRows, y: &Vec<f64>, y_hat: &Vec<f64>) -> f64 {
        let swapped = pairs(y).filter(|&(i, j)| y_hat[i] <= y_hat[j]).count();
        swapped as f64 / pairs(y).count().max(1) as f64
    }

    fn predict(&self, w: &[f64], x: &SparseRows, _: &mut Vec<i32>) -> Vec<f64> {
        self.scores(w, x)
    }

    fn separate<'a>(
        &'a self,
        w: &[f64],
        x: &'a SparseRows,
        y: &'a Vec<f64>,
        counts: &mut Vec<i32>,
        planes: &mut Planes<'a>,
    ) {
        let scores = self.scores(w, x);
        counts.clear();
        counts.resize(x.len(), 0);
        let (mut swapped, mut all) = (0, 0);
        for (i, j) in pairs(y) {
            all += 1;
            if scores[i] - scores[j] < 1.0 {
                swapped += 1;
                counts[i] += 1;
                counts[j] -= 1;
            }
        }
        let share = 1.0 / f64::from(all.max(1));
        planes.add(|sink| {
            for (row, &count) in x.iter().zip(&*counts) {
                sink.add_row(row, Place::block(0), f64::from(count) * share);
            }
            f64::from(swapped) * share
        });
    }

    fn row<'a>(&'a self, x: &'a SparseRows, name: u32) -> Option<Row<'a>> {
        x.get(name)
    }
}

/// Queries of 2 to 7 items with relevances 0, 1, 2 that the features tell with some noise.
pub fn examples(n: usize, features: usize) -> Vec<Example<SparseRows, Vec<f64>>> {
    let noise = testing::random_weights(n * 7 * features, 1.0, 3);
    let example = |i: usize| {
        let items = 2 + i % 6;
        let relevance = |j: usize| ((i + 2 * j) % 3) as f64;
        let row = |j: usize| {
            let value = |f: usize| {
                (noise[(i * 7 + j) * features + f] + 0.5 * relevance(j) / (1.0 + f as f64)) as f32
            };
            SparseVector::from_dense(&(0..features).map(value).collect::<Vec<_>>()).expect("finite")
        };
        Example::new((0..items).map(row).collect(), (0..items).map(relevance).collect())
    };
    (0..n).map(example).collect()
}
