//! A structure by parts: match the items of one side with those of another.
//!
//! x has a row of features for each pair of items, y names the partner of each item on the left,
//! Ψ(x, y) is the sum of the rows of its pairs, and Δ(y, ŷ) is the fraction of wrong pairs (word
//! alignment: Taskar, Lacoste-Julien, Klein 2005). Score and loss are sums over pairs, so prediction
//! and separation oracle are both an assignment problem (Kuhn's Hungarian method, in O(n³)).
//!
//! The lines between the two rules below are all it takes. In return there are training with a
//! certificate, predictions, evaluation, cross-validation, model files, progress and help:
//!
//! ```text
//! cargo run --release -p crosscut-examples --example matching -- learn matching -c 4 examples/data/matching.txt matching.model
//! cargo run --release -p crosscut-examples --example matching -- evaluate examples/data/matching.txt matching.model
//! ```
//!
//! The format: `partners: row; row; …`, with the partner of each item on the left, counted from 0,
//! and a row of numbers for each pair, those of the first item first. Before the colon stands the
//! number of items alone if partners are unknown.

use std::io;
use std::process::ExitCode;

use crosscut::{Parts, Place, Row, Sink, SparseRows, SparseVector, Sum};
use crosscut_app::{Cut, Entry, Error, File, Format, Item, Options, Source, Take};
use crosscut_data::text::numbers;
use serde::{Deserialize, Serialize};

// ── The structure ────────────────────────────────────────────────────────────────────────────────

#[derive(Serialize, Deserialize)]
struct Matching {
    features: usize,
}

/// A row of features for each pair: that of left a and right b is row a · n + b, which is also the
/// number of the part.
struct Pairs {
    n: usize,
    rows: SparseRows,
}

impl Parts for Matching {
    type Input = Pairs;
    type Output = Vec<usize>; // the partner of each item on the left
    type Scratch = ();

    fn dim(&self) -> usize {
        self.features
    }

    fn count(&self, x: &Pairs) -> usize {
        x.n * x.n
    }

    fn write<'a>(&'a self, x: &'a Pairs, pair: usize, scale: f64, sink: &mut dyn Sink<'a>) {
        sink.add_row(x.rows.row(pair), Place::block(0), scale);
    }

    fn visit(&self, x: &Pairs, y: &Vec<usize>, pair: &mut dyn FnMut(usize)) {
        y.iter().enumerate().for_each(|(left, right)| pair(left * x.n + right));
    }

    fn cost(&self, x: &Pairs, y: &Vec<usize>, pair: usize) -> f64 {
        if y[pair / x.n] == pair % x.n { 0.0 } else { 1.0 / x.n as f64 }
    }

    fn best(&self, x: &Pairs, scores: &[f64], (): &mut ()) -> Vec<usize> {
        assignment(x.n, scores)
    }

    fn row<'a>(&'a self, x: &'a Pairs, name: u32) -> Option<Row<'a>> {
        x.rows.get(name)
    }

    fn validate(&self, x: &Pairs, y: &Vec<usize>) -> Result<(), String> {
        let mut sorted = y.clone();
        sorted.sort_unstable();
        let expected = format!("each of the {} partners once", x.n);
        if sorted.into_iter().eq(0..x.n) { Ok(()) } else { Err(format!("expected {expected}")) }
    }
}

/// The assignment with the largest sum of scores: shortest augmenting paths with potentials.
fn assignment(n: usize, scores: &[f64]) -> Vec<usize> {
    // Pairs of score −∞ cost more than all others can save.
    let finite = scores.iter().filter(|score| score.is_finite());
    let dear = 1.0 + 2.0 * finite.map(|score| score.abs()).sum::<f64>();
    let cost = |left: usize, right: usize| (-scores[left * n + right]).min(dear);
    let (mut left_price, mut right_price) = (vec![0.0; n], vec![0.0; n + 1]);
    let mut left_of: Vec<Option<usize>> = vec![None; n + 1]; // column n is where a path begins
    for first in 0..n {
        let (mut at, mut reached) = (n, vec![false; n + 1]);
        let (mut least, mut before) = (vec![f64::INFINITY; n], vec![n; n]);
        left_of[n] = Some(first);
        while let Some(left) = left_of[at] {
            reached[at] = true;
            for right in (0..n).filter(|&right| !reached[right]) {
                let reduced = cost(left, right) - left_price[left] - right_price[right];
                if reduced < least[right] {
                    (least[right], before[right]) = (reduced, at);
                }
            }
            let open = (0..n).filter(|&right| !reached[right]);
            let next = open.min_by(|&a, &b| least[a].total_cmp(&least[b])).expect("one is free");
            let step = least[next];
            for right in 0..=n {
                match left_of[right] {
                    Some(left) if reached[right] => {
                        left_price[left] += step;
                        right_price[right] -= step;
                    }
                    _ if right < n => least[right] -= step,
                    _ => {}
                }
            }
            at = next;
        }
        while at != n {
            left_of[at] = left_of[before[at]];
            at = before[at];
        }
    }
    let mut partners = vec![0; n];
    left_of[..n].iter().enumerate().for_each(|(right, left)| partners[left.unwrap_or(0)] = right);
    partners
}

// ── Its files ────────────────────────────────────────────────────────────────────────────────────

#[derive(Serialize, Deserialize)]
struct Lines;

impl Format for Lines {
    type Task = Sum<Matching>;
    type Record = Item<Pairs, Vec<usize>>;
    /// The largest number of features of a pair.
    type Survey = usize;
    const NAME: &'static str = "matching";
    const ABOUT: &'static str = "Partners for the items of one side among those of another";

    fn new(_: &Options) -> Result<Self, Error> {
        Ok(Self)
    }

    fn cut(&self) -> Option<Cut> {
        Some(Cut::Lines)
    }

    fn records(&self, source: &mut Source<'_>, take: Take<'_, Self>) -> Result<(), Error> {
        source.scan_nonblank_lines(parse, take)
    }

    fn survey(&self, width: &mut usize, record: &mut Self::Record) -> Result<(), String> {
        *width = record.x.rows.width().max(*width);
        Ok(())
    }

    fn merge(&self, width: &mut usize, later: usize) -> Result<(), String> {
        *width = later.max(*width);
        Ok(())
    }

    fn task(&mut self, features: usize, _: &mut File<'_>) -> Result<Sum<Matching>, Error> {
        Ok(Sum(Matching { features }))
    }

    fn item(&self, task: &Sum<Matching>, record: Self::Record) -> Result<Self::Record, String> {
        match record.x.rows.width() > task.0.features {
            true => Err(format!("expected at most {} features a pair", task.0.features)),
            false => Ok(record),
        }
    }

    fn write(
        &self,
        _: &Sum<Matching>,
        _: &[f64],
        _: &Pairs,
        y: &Vec<usize>,
        out: &mut dyn io::Write,
    ) -> io::Result<()> {
        let words: Vec<String> = y.iter().map(usize::to_string).collect();
        writeln!(out, "{}", words.join(" "))
    }
}

fn parse(line: &str) -> Result<Option<Item<Pairs, Vec<usize>>>, String> {
    let (y, rows) = line.split_once(':').ok_or("expected `partners: row; row; …`")?;
    let row =
        |text: &str| SparseVector::from_dense(&numbers::<f32>(text)?).map_err(|e| e.to_string());
    let rows: SparseRows = rows.split(';').map(row).collect::<Result<_, String>>()?;
    let (y, n) = (numbers::<usize>(y)?, rows.len().isqrt());
    match y[..] {
        _ if n * n != rows.len() => Err(format!("expected n² rows, found {}", rows.len())),
        [given] if n > 1 && given == n => Ok(Some(Item::new(Pairs { n, rows }, None))),
        _ if y.len() == n && y.iter().all(|&right| right < n) => {
            Ok(Some(Item::new(Pairs { n, rows }, Some(y))))
        }
        _ => Err(format!("expected {n} partners below {n} before the colon")),
    }
}

fn main() -> ExitCode {
    crosscut_cli::run("matching", &[Entry::of::<Lines>()])
}

// ── Tests ────────────────────────────────────────────────────────────────────────────────────────

#[cfg(test)]
mod tests {

    use crosscut::testing::{self, check_oracle, check_parts, check_prediction};
    use crosscut::{C, Rescaling, Settings, Solver, Task, solve};

    use crosscut_app::{Training, define};

    use super::*;

    /// Three examples whose optimum, 0.091706158 for C = 4, was found by two general solvers.
    const DATA: &str = include_str!("data/matching.txt");

    fn read(text: &str) -> Result<Training<Lines>, Error> {
        define(&Options::default(), Source::from_text("data", text))
    }

    #[test]
    fn the_structure_keeps_its_contract_and_meets_the_optimum() {
        let Training { task, examples, .. } = read(DATA).expect("good data");
        let outputs: Vec<Vec<usize>> = testing::permutations(4).collect();
        examples.iter().for_each(|example| check_parts(&task.0, example, &outputs));
        testing::check(&task, &examples);
        for (seed, example) in (0..20).flat_map(|seed| examples.iter().map(move |e| (seed, e))) {
            let w = testing::random_weights(task.dim(), 2.0, seed);
            check_oracle(&task, &w, example, outputs.iter().cloned(), Rescaling::Margin);
            check_prediction(&task, &w, &example.x, outputs.iter().cloned());
        }
        for solver in [Solver::Block, Solver::OneSlack] {
            let settings = Settings::new().c(C::Mean(4.0)).solver(solver).relative_gap(1e-7);
            let found = solve(&task, &examples, &settings).expect("good data");
            let (primal, dual) = (found.certificate.primal, found.certificate.dual);
            // Rows are in single precision, which moves the optimum in its seventh digit.
            let (least, most) = (0.091706158 * (1.0 - 2e-7), 0.091706158 * (1.0 + 2e-7));
            assert!(dual <= most && (least..=most).contains(&primal), "{primal} {dual}");
        }
    }

    #[test]
    fn bad_lines_are_refused() {
        for bad in
            ["0", "0 1: 1; 2", "0: 1; 2", "1: 1", "0 2: 1; 1; 1; 1", "0 0: 1; 1; 1; 1", "0: x"]
        {
            let refused = match read(bad) {
                Err(_) => true,
                Ok(Training { task, examples, .. }) => {
                    examples.iter().any(|example| task.validate(&example.x, &example.y).is_err())
                }
            };
            assert!(refused, "{bad}");
        }
    }
}
