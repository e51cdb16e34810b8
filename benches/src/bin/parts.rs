//! A chain written as a `Structure`, by parts, and as the task `crosscut-sequence`, on the same
//! problem.
//!
//! ```text
//! cargo run --release -p crosscut-benches --bin parts -- FILE.hmm [C [GAP]]
//! ```
//!
//! The file has tokens of SVM^hmm; C multiplies the mean slack (default 1000) and training stops at
//! the relative gap (default 1e-2). One thread. Prints passes, bounds and seconds of
//! all three.

use std::path::Path;

use crosscut::{
    C, Example, FeatureSink, Parts, Place, Row, Settings, Sink, Solution, SparseRows, Structure,
    Structured, Sum, Task, solve,
};
use crosscut_app::{Options, Source, Training, define};
use crosscut_sequence::SequenceFiles;

/// A chain of order 1: part t · k + b is tag b at token t, and part n · k + ((t − 1) · k + a) · k +
/// b is tag a before tag b at token t.
struct Chain {
    tags: usize,
    features: usize,
}

impl Parts for Chain {
    type Input = SparseRows;
    type Output = Vec<usize>;
    type Scratch = Vec<f64>;

    fn dim(&self) -> usize {
        (self.features + self.tags) * self.tags
    }

    fn count(&self, x: &SparseRows) -> usize {
        x.len() * self.tags + x.len().saturating_sub(1) * self.tags * self.tags
    }

    fn write<'a>(&'a self, x: &'a SparseRows, part: usize, scale: f64, sink: &mut dyn Sink<'a>) {
        let k = self.tags;
        match part.checked_sub(x.len() * k) {
            None => sink.add_row(x.row(part / k), Place::class(part % k, k), scale),
            Some(pair) => sink.add(self.features * k + pair % (k * k), scale),
        }
    }

    fn visit(&self, x: &SparseRows, y: &Vec<usize>, part: &mut dyn FnMut(usize)) {
        let (n, k) = (x.len(), self.tags);
        y.iter().enumerate().for_each(|(t, tag)| part(t * k + tag));
        y.windows(2)
            .enumerate()
            .for_each(|(t, pair)| part(n * k + (t * k + pair[0]) * k + pair[1]));
    }

    fn cost(&self, x: &SparseRows, y: &Vec<usize>, part: usize) -> f64 {
        let is_wrong = part < x.len() * self.tags && y[part / self.tags] != part % self.tags;
        f64::from(u8::from(is_wrong))
    }

    fn best(&self, x: &SparseRows, scores: &[f64], table: &mut Vec<f64>) -> Vec<usize> {
        let (n, k) = (x.len(), self.tags);
        let (nodes, pairs) = scores.split_at(n * k);
        table.clear();
        table.extend_from_slice(&nodes[..k.min(n * k)]);
        for t in 1..n {
            table.resize((t + 1) * k, f64::NEG_INFINITY);
            let (before, here) = table.split_at_mut(t * k);
            let pairs = &pairs[(t - 1) * k * k..t * k * k];
            for (before, pairs) in before[(t - 1) * k..].iter().zip(pairs.chunks_exact(k)) {
                here.iter_mut().zip(pairs).for_each(|(here, pair)| *here = here.max(before + pair));
            }
            here.iter_mut().zip(&nodes[t * k..]).for_each(|(here, node)| *here += node);
        }
        let first_largest = |values: &mut dyn Iterator<Item = f64>| {
            let better = |a: (usize, f64), b: (usize, f64)| if b.1 > a.1 { b } else { a };
            values.enumerate().reduce(better).map_or(0, |(at, _)| at)
        };
        let mut tags = vec![0; n];
        for t in (0..n).rev() {
            let here = &table[t * k..(t + 1) * k];
            tags[t] = match tags.get(t + 1) {
                Some(&next) => {
                    let pair = |a: usize| here[a] + pairs[(t * k + a) * k + next];
                    first_largest(&mut (0..k).map(pair))
                }
                None => first_largest(&mut here.iter().copied()),
            };
        }
        tags
    }

    fn score(&self, w: &[f64], x: &SparseRows, scores: &mut Vec<f64>) {
        let (n, k) = (x.len(), self.tags);
        scores.resize(n * k, 0.0);
        x.iter().zip(scores.chunks_exact_mut(k)).for_each(|(row, scores)| row.sweep(w, scores));
        (1..n).for_each(|_| scores.extend_from_slice(&w[self.features * k..]));
    }

    fn add_costs(&self, _: &SparseRows, y: &Vec<usize>, scores: &mut [f64]) {
        for (tag, scores) in y.iter().zip(scores.chunks_exact_mut(self.tags)) {
            scores.iter_mut().for_each(|score| *score += 1.0);
            scores[*tag] -= 1.0;
        }
    }

    fn row<'a>(&'a self, x: &'a SparseRows, name: u32) -> Option<Row<'a>> {
        x.get(name)
    }
}

/// The same as a [`Structure`], with the recursion of [`Chain`].
impl Structure for Chain {
    type Input = SparseRows;
    type Output = Vec<usize>;

    fn dim(&self) -> usize {
        Parts::dim(self)
    }

    fn psi(&self, x: &SparseRows, y: &Vec<usize>, sink: &mut FeatureSink<'_>) {
        x.iter()
            .zip(y)
            .for_each(|(row, &tag)| sink.add_row(row, Place::class(tag, self.tags), 1.0));
        let transition = |pair: &[usize]| self.features * self.tags + pair[0] * self.tags + pair[1];
        y.windows(2).for_each(|pair| sink.add(transition(pair), 1.0));
    }

    fn loss(&self, y: &Vec<usize>, y_hat: &Vec<usize>) -> f64 {
        y.iter().zip(y_hat).filter(|(tag, tag_hat)| tag != tag_hat).count() as f64
    }

    fn best(&self, w: &[f64], x: &SparseRows, y: Option<&Vec<usize>>) -> Vec<usize> {
        let mut scores = Vec::new();
        Parts::score(self, w, x, &mut scores);
        if let Some(y) = y {
            self.add_costs(x, y, &mut scores);
        }
        Parts::best(self, x, &scores, &mut Vec::new())
    }
}

fn train<T: Task>(
    task: &T,
    examples: &[Example<T::Input, T::Output>],
    settings: &Settings,
) -> Solution {
    solve(task, examples, settings).expect("the settings are good")
}

#[allow(clippy::print_stdout, reason = "it is a program")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let file = arguments.first().ok_or("usage: parts FILE.hmm [C [GAP]]")?;
    let number =
        |at: usize, default: f64| arguments.get(at).map_or(Ok(default), |text| text.parse());
    let (c, relative_gap) = (C::Mean(number(1, 1000.0)?), number(2, 1e-2)?);
    let source = Source::open_quietly(Path::new(file))?;
    let Training { task, examples, .. } = define::<SequenceFiles>(&Options::default(), source)?;
    let settings = Settings::new().c(c).relative_gap(relative_gap).threads(1);
    let by_parts = Sum(Chain { tags: task.tags().len(), features: task.features().len() });
    let chains: Vec<_> = examples
        .iter()
        .map(|Example { x, y, .. }| {
            let tags = y.as_slice().iter().map(|tag| tag.index()).collect();
            Example::new(x.rows().clone(), tags)
        })
        .collect();
    for _ in 0..3 {
        let found = [
            ("crosscut-sequence", train(&task, &examples, &settings)),
            ("by parts", train(&by_parts, &chains, &settings)),
            ("structure", train(&Structured(&by_parts.0), &chains, &settings)),
        ];
        for (name, Solution { certificate, seconds, oracle_seconds, .. }) in found {
            println!(
                "{name:17} {} passes, {:.6} ≥ P* ≥ {:.6}, {seconds:.2} s ({oracle_seconds:.2} s in oracles)",
                certificate.passes, certificate.primal, certificate.dual
            );
        }
    }
    Ok(())
}
