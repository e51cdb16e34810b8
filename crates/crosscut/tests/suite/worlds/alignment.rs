use crosscut::{Parts, Sink};

/// Aligns two sequences of numbers: the output is the pairs of positions that belong together.
#[derive(serde::Serialize, serde::Deserialize)]
pub struct Alignment;

impl Parts for Alignment {
    type Input = [Vec<f64>; 2];
    type Output = Vec<[usize; 2]>; // increasing on both sides
    type Scratch = ();

    fn dim(&self) -> usize {
        2
    }

    fn count(&self, [a, b]: &Self::Input) -> usize {
        a.len() * b.len() // part i · |b| + j is the pair (i, j)
    }

    fn write<'a>(&'a self, [a, b]: &'a Self::Input, pair: usize, by: f64, sink: &mut dyn Sink<'a>) {
        sink.add(0, by * (a[pair / b.len()] - b[pair % b.len()]).abs());
        sink.add(1, by);
    }

    fn visit(&self, [_, b]: &Self::Input, y: &Vec<[usize; 2]>, pair: &mut dyn FnMut(usize)) {
        y.iter().for_each(|[i, j]| pair(i * b.len() + j));
    }

    fn cost(&self, [_, b]: &Self::Input, y: &Vec<[usize; 2]>, pair: usize) -> f64 {
        if y.contains(&[pair / b.len(), pair % b.len()]) { -1.0 } else { 1.0 }
    }

    fn best(&self, [a, b]: &Self::Input, scores: &[f64], (): &mut ()) -> Vec<[usize; 2]> {
        let mut best = vec![vec![0.0; b.len() + 1]; a.len() + 1]; // of the first i and j numbers
        for (pair, score) in scores.iter().enumerate() {
            let [i, j] = [pair / b.len(), pair % b.len()];
            best[i + 1][j + 1] = (best[i][j] + score).max(best[i][j + 1]).max(best[i + 1][j]);
        }
        let (mut i, mut j, mut y) = (a.len(), b.len(), Vec::new());
        for (pair, score) in scores.iter().enumerate().rev() {
            let [k, l] = [pair / b.len(), pair % b.len()];
            if k < i && l < j && best[k][l] + score == best[i][j] {
                (i, j) = (k, l);
                y.insert(0, [k, l]);
            }
        }
        y
    }
}
