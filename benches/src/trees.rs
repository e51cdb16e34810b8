//! Dependency trees: an expensive oracle, O(tokens³).

use crosscut::{Dot, Example, Parts, Place, Row, Sink, SparseRows, Sum};
use rand::RngExt;

use crate::{row, stream};

/// Projective trees over the tokens of a sentence; token 0 is the root. Part h · n + m is the arc
/// from the head h to the token m. Ψ counts features of heads, features of their dependents, and
/// directions with lengths. The loss is the number of wrong heads. The search is Eisner's
/// algorithm (1996).
#[derive(Clone, Copy, Debug)]
pub struct Trees {
    features: usize,
}

/// Arcs of length 1, 2, …, and of this length or more have weights of their own.
const LONGEST: usize = 8;

/// The scores of the best trees over each span of tokens, and where the span is split.
#[derive(Clone, Debug, Default)]
pub struct Spans {
    /// Number of tokens.
    n: usize,
    scores: [Vec<f64>; 4],
    splits: [Vec<usize>; 4],
}

/// Kinds of spans. Of an open span, the two ends are linked by an arc. A closed span is a head at
/// one end with dependents on one side. On the left, the head is the last token.
const OPEN_LEFT: usize = 0;
const OPEN_RIGHT: usize = 1;
const LEFT: usize = 2;
const RIGHT: usize = 3;

impl Spans {
    fn begin(&mut self, n: usize) {
        self.n = n;
        for (scores, splits) in self.scores.iter_mut().zip(&mut self.splits) {
            scores.clear();
            scores.resize(n * n, 0.0);
            splits.clear();
            splits.resize(n * n, 0);
        }
    }

    /// The best span of kind `first` from s to a split, and of kind `second` from there to t. The
    /// second begins `gap` tokens after the split.
    fn split(
        &self,
        (first, second): (usize, usize),
        (s, t): (usize, usize),
        (splits, gap): (std::ops::Range<usize>, usize),
    ) -> (f64, usize) {
        let firsts = &self.scores[first][s * self.n..];
        let seconds = &self.scores[second];
        let mut best = (f64::NEG_INFINITY, splits.start);
        for r in splits {
            let score = firsts[r] + seconds[(r + gap) * self.n + t];
            best = if score > best.0 { (score, r) } else { best };
        }
        best
    }

    fn set(&mut self, kind: usize, (s, t): (usize, usize), (score, split): (f64, usize)) {
        self.scores[kind][s * self.n + t] = score;
        self.splits[kind][s * self.n + t] = split;
    }

    /// The heads of the best tree.
    fn heads(&self) -> Vec<usize> {
        let mut heads = vec![0; self.n];
        let mut left = vec![(RIGHT, 0, self.n.saturating_sub(1))];
        while let Some((kind, s, t)) = left.pop() {
            if s >= t {
                continue;
            }
            let r = self.splits[kind][s * self.n + t];
            left.extend(match kind {
                LEFT => [(LEFT, s, r), (OPEN_LEFT, r, t)],
                RIGHT => [(OPEN_RIGHT, s, r), (RIGHT, r, t)],
                _ => [(RIGHT, s, r), (LEFT, r + 1, t)],
            });
            match kind {
                OPEN_LEFT => heads[s] = t,
                OPEN_RIGHT => heads[t] = s,
                _ => {}
            }
        }
        heads
    }
}

impl Parts for Trees {
    type Input = SparseRows;
    type Output = Vec<usize>;
    type Scratch = Spans;

    fn dim(&self) -> usize {
        2 * self.features + 2 * LONGEST
    }

    fn count(&self, x: &SparseRows) -> usize {
        x.len() * x.len()
    }

    fn write<'a>(&'a self, x: &'a SparseRows, part: usize, scale: f64, sink: &mut dyn Sink<'a>) {
        let (head, token) = (part / x.len(), part % x.len());
        sink.add_row(x.row(head), Place::block(0), scale);
        sink.add_row(x.row(token), Place::block(self.features), scale);
        let length = head.abs_diff(token).clamp(1, LONGEST);
        sink.add(2 * (self.features + length - 1) + usize::from(head < token), scale);
    }

    fn visit(&self, x: &SparseRows, y: &Vec<usize>, part: &mut dyn FnMut(usize)) {
        y.iter().enumerate().skip(1).for_each(|(token, head)| part(head * x.len() + token));
    }

    fn cost(&self, x: &SparseRows, y: &Vec<usize>, part: usize) -> f64 {
        let (head, token) = (part / x.len(), part % x.len());
        f64::from(u8::from(y[token] != head))
    }

    fn best(&self, x: &SparseRows, scores: &[f64], spans: &mut Spans) -> Vec<usize> {
        let n = x.len();
        spans.begin(n);
        for (s, t) in (1..n).flat_map(|width| (0..n - width).map(move |s| (s, s + width))) {
            let (score, r) = spans.split((RIGHT, LEFT), (s, t), (s..t, 1));
            // The root has no head.
            let arc = if s == 0 { f64::NEG_INFINITY } else { scores[t * n + s] };
            spans.set(OPEN_LEFT, (s, t), (score + arc, r));
            spans.set(OPEN_RIGHT, (s, t), (score + scores[s * n + t], r));
            let left = spans.split((LEFT, OPEN_LEFT), (s, t), (s..t, 0));
            spans.set(LEFT, (s, t), left);
            let right = spans.split((OPEN_RIGHT, RIGHT), (s, t), (s + 1..t + 1, 0));
            spans.set(RIGHT, (s, t), right);
        }
        spans.heads()
    }

    fn score(&self, w: &[f64], x: &SparseRows, scores: &mut Vec<f64>) {
        let at = |row: Row<'_>, place: Place| {
            let mut dot = Dot::new(w);
            dot.add_row(row, place, 1.0);
            dot.sum
        };
        let heads: Vec<f64> = x.iter().map(|row| at(row, Place::block(0))).collect();
        let tokens: Vec<f64> = x.iter().map(|row| at(row, Place::block(self.features))).collect();
        scores.clear();
        for (h, head) in heads.iter().enumerate() {
            scores.extend(tokens.iter().enumerate().map(|(m, token)| {
                let length = h.abs_diff(m).clamp(1, LONGEST);
                head + token + w[2 * (self.features + length - 1) + usize::from(h < m)]
            }));
        }
    }

    fn row<'a>(&'a self, x: &'a SparseRows, name: u32) -> Option<Row<'a>> {
        x.get(name)
    }
}

/// Sentences with their trees.
pub type TreeExamples = Vec<Example<SparseRows, Vec<usize>>>;

/// `n` sentences of `shortest` to 2 · `shortest` tokens. The trees are the best under hidden weights
/// with noise.
pub fn trees(
    n: usize,
    shortest: usize,
    features: usize,
    nonzeros: usize,
    seed: u64,
) -> (Sum<Trees>, TreeExamples) {
    let task = Trees { features };
    let mut random = stream(seed);
    let hidden: Vec<f64> = (0..task.dim()).map(|_| random.random::<f64>() - 0.5).collect();
    let (mut scores, mut spans) = (Vec::new(), Spans::default());
    let mut example = |_| {
        let length = random.random_range(shortest..=2 * shortest);
        let x: SparseRows = (0..length).map(|_| row(&mut random, features, nonzeros)).collect();
        task.score(&hidden, &x, &mut scores);
        scores.iter_mut().for_each(|score| *score += 0.5 * random.random::<f64>());
        let y = task.best(&x, &scores, &mut spans);
        Example::new(x, y)
    };
    let examples = (0..n).map(&mut example).collect();
    (Sum(task), examples)
}

#[cfg(test)]
mod tests {
    use crosscut::testing;

    use super::*;

    /// Whether all tokens hang on the root and no two arcs cross.
    fn is_projective_tree(heads: &[usize]) -> bool {
        let n = heads.len();
        let hangs = |token: usize| {
            (0..n).scan(token, |at, _| Some(std::mem::replace(at, heads[*at]))).any(|at| at == 0)
                || heads[token] == 0
        };
        let span = |m: usize| (m.min(heads[m]), m.max(heads[m]));
        let cross = |(a, b): (usize, usize), (c, d): (usize, usize)| a < c && c < b && b < d;
        (1..n).all(|m| heads[m] != m && hangs(m))
            && (1..n).all(|a| (1..n).all(|b| !cross(span(a), span(b))))
    }

    #[test]
    fn the_search_finds_the_best_of_all_trees() {
        let (task, examples) = trees(6, 3, 5, 3, 1);
        testing::check(&task, &examples);
        for example in examples.iter().filter(|example| example.x.len() < 6) {
            let n = example.x.len();
            let rooted = |mut heads: Vec<usize>| {
                heads[0] = 0;
                heads
            };
            let mut outputs: Vec<Vec<usize>> = testing::sequences(n, n).map(rooted).collect();
            outputs.sort_unstable();
            outputs.dedup();
            outputs.retain(|heads| is_projective_tree(heads));
            testing::check_parts(&task.0, example, &outputs);
        }
    }
}
