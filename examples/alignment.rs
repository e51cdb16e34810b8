//! The structure of the tutorial's second chapter as a program: aligns two sequences of numbers.
//!
//! ```text
//! cargo run --release -p crosscut-examples --example alignment -- learn alignment examples/data/alignment.txt alignment.model
//! cargo run --release -p crosscut-examples --example alignment -- validate alignment --c-sum 0.01,0.1,1 examples/data/alignment.txt
//! cargo run --release -p crosscut-examples --example alignment -- classify examples/data/alignment.txt alignment.model -
//! ```
//!
//! It also sums over all alignments, so it learns probabilities with `learn alignment --objective
//! log`; `classify --probabilities` then writes the probability of each alignment before it.
//!
//! The format: `pairs | numbers | numbers`, a line an example, with pairs `i j` of positions from 0,
//! one after the other, or `?` where they are unknown. The data are made up, by the formula in
//! `tests::line`.

use std::io;
use std::process::ExitCode;

use crosscut::{Marginals, Sum};
use crosscut_app::{ByObjective, Cut, Entry, Error, File, Format, Item, Options, Source, Take};
use crosscut_data::text::numbers;
use serde::{Deserialize, Serialize};

include!("../crates/crosscut/tests/suite/worlds/alignment.rs");

impl Marginals for Alignment {
    fn marginals(
        &self,
        [a, b]: &[Vec<f64>; 2],
        scores: &[f64],
        (): &mut (),
        marginals: &mut [f64],
    ) -> f64 {
        let [n, m] = [a.len(), b.len()];
        let before = log_sums([n, m], |i, j| scores[i * m + j]);
        let after = log_sums([n, m], |i, j| scores[(n - 1 - i) * m + (m - 1 - j)]);
        let log_z = before[n][m];
        for (pair, marginal) in marginals.iter_mut().enumerate() {
            let [i, j] = [pair / m, pair % m];
            let with_pair = before[i][j] + scores[pair] + after[n - 1 - i][m - 1 - j];
            *marginal = (with_pair - log_z).exp();
        }
        log_z
    }

    fn sample(
        &self,
        [a, b]: &[Vec<f64>; 2],
        scores: &[f64],
        (): &mut (),
        uniform: &mut dyn FnMut() -> f64,
    ) -> Pairs {
        let score = |i: usize, j: usize| scores[i * b.len() + j];
        let sums = log_sums([a.len(), b.len()], score);
        let (mut j, mut y) = (b.len(), Vec::new());
        for i in (0..a.len()).rev() {
            let total = sums[i + 1][j];
            // Position i is free, or belongs to one of those before j.
            let mut left = uniform() - (sums[i][j] - total).exp();
            if left >= 0.0
                && let Some(k) = (0..j).find(|&k| {
                    left -= (sums[i][k] + score(i, k) - total).exp();
                    left < 0.0
                })
            {
                y.insert(0, [i, k]);
                j = k;
            }
        }
        y
    }
}

/// At \[i\]\[j\], ln Σ exp(score) over all alignments of the first i and j numbers: number i − 1 is free,
/// or belongs to one of the first j.
fn log_sums([n, m]: [usize; 2], score: impl Fn(usize, usize) -> f64) -> Vec<Vec<f64>> {
    let log_add = |a: f64, b: f64| a.max(b) + (a.min(b) - a.max(b)).exp().ln_1p();
    let mut sums = vec![vec![0.0; m + 1]; n + 1];
    for i in 0..n {
        let mut paired = f64::NEG_INFINITY;
        for j in 0..m {
            paired = log_add(paired, sums[i][j] + score(i, j));
            sums[i + 1][j + 1] = log_add(sums[i][j + 1], paired);
        }
    }
    sums
}

#[derive(Serialize, Deserialize)]
struct Lines;

impl Format for Lines {
    type Task = Sum<Alignment>;
    type Record = Line;
    type Survey = ();
    const NAME: &'static str = "alignment";
    const ABOUT: &'static str = "The numbers of two sequences that belong together";

    fn new(_: &Options) -> Result<Self, Error> {
        Ok(Self)
    }

    fn cut(&self) -> Option<Cut> {
        Some(Cut::Lines)
    }

    fn records(&self, source: &mut Source<'_>, take: Take<'_, Self>) -> Result<(), Error> {
        source.scan_nonblank_lines(parse, take)
    }

    fn task(&mut self, (): (), _: &mut File<'_>) -> Result<Sum<Alignment>, Error> {
        Ok(Sum(Alignment))
    }

    fn item(&self, _: &Sum<Alignment>, record: Line) -> Result<Line, String> {
        Ok(record)
    }

    fn write(
        &self,
        _: &Sum<Alignment>,
        _: &[f64],
        _: &[Vec<f64>; 2],
        y: &Pairs,
        out: &mut dyn io::Write,
    ) -> io::Result<()> {
        let words: Vec<String> = y.iter().flatten().map(usize::to_string).collect();
        writeln!(out, "{}", words.join(" "))
    }
}

type Pairs = Vec<[usize; 2]>;

type Line = Item<[Vec<f64>; 2], Pairs>;

fn parse(line: &str) -> Result<Option<Line>, String> {
    let [y, a, b] = *line.split('|').collect::<Vec<_>>() else {
        return Err("expected `pairs | numbers | numbers`".to_owned());
    };
    let x = [numbers(a)?, numbers(b)?];
    if y.trim() == "?" {
        return Ok(Some(Item::new(x, None)));
    }
    let pairs = numbers::<usize>(y)?;
    let (pairs, rest) = pairs.as_chunks::<2>();
    let inside = pairs.iter().all(|[i, j]| *i < x[0].len() && *j < x[1].len());
    let increasing = pairs.is_sorted_by(|[i, j], [k, l]| i < k && j < l);
    match rest.is_empty() && inside && increasing {
        true => Ok(Some(Item::new(x, Some(pairs.to_vec())))),
        false => Err("expected increasing pairs of positions before the first bar".to_owned()),
    }
}

fn main() -> ExitCode {
    crosscut_cli::run("alignment", &[Entry::of::<ByObjective<Lines>>()])
}

#[cfg(test)]
mod tests {

    use crosscut::{Example, LogLoss, Settings, risk, solve, testing};
    use crosscut_app::{Examples, Forecasts, Outcome, Report, Training, define};

    use super::*;

    const DATA: &str = include_str!("data/alignment.txt");

    fn read(text: &str) -> Result<Examples<Lines>, Error> {
        Ok(define::<Lines>(&Options::default(), Source::from_text("data", text))?.examples)
    }

    /// Line `i` of the data: numbers, and those of them that are kept, with noise.
    fn line(i: usize) -> String {
        let noise = testing::random_weights(20, 1.0, i as u64);
        let a: Vec<f64> = (0..10).map(|t| (400.0 * noise[t]).round() / 100.0).collect();
        let kept: Vec<usize> = (0..10).filter(|t| !(t + i).is_multiple_of(3)).collect();
        let noisy = |&t: &usize| ((a[t] + 0.3 * noise[10 + t]) * 100.0).round() / 100.0;
        let words =
            |numbers: Vec<f64>| numbers.iter().map(f64::to_string).collect::<Vec<_>>().join(" ");
        let pairs: Vec<String> = kept.iter().zip(0..).map(|(t, j)| format!("{t} {j}")).collect();
        let b = kept.iter().map(noisy).collect();
        format!("{} | {} | {}\n", pairs.join(" "), words(a), words(b))
    }

    #[test]
    fn the_data_are_those_of_the_formula() {
        assert_eq!(DATA, (0..60).map(line).collect::<String>());
    }

    #[test]
    fn most_pairs_of_new_sequences_are_right() {
        let (task, examples) = (Sum(Alignment), read(DATA).expect("good data"));
        testing::check(&task, &examples[..4]);
        let (training, held_out) = examples.split_at(40);
        let solution = solve(&task, training, &Settings::default()).expect("good");
        assert!(solution.certificate.converged());
        let wrong = risk(&task, &solution.w, held_out);
        assert!(wrong < 2.0, "{wrong} of about 7 pairs");
    }

    /// All increasing pairs of n and m positions.
    fn alignments(n: usize, m: usize) -> Vec<Pairs> {
        let mut all = vec![Vec::new()];
        for [i, j] in (0..n * m).map(|pair| [pair / m, pair % m]) {
            let fits = |y: &&Pairs| y.last().is_none_or(|[k, l]| *k < i && *l < j);
            let with: Vec<Pairs> =
                all.iter().filter(fits).map(|y| [y.as_slice(), &[[i, j]]].concat()).collect();
            all.extend(with);
        }
        all
    }

    #[test]
    fn probabilities_are_sums_over_all_alignments() {
        for (n, m) in [(0, 2), (1, 1), (2, 3), (3, 3), (4, 2)] {
            let noise = testing::random_weights(n + m, 2.0, 7);
            let x = [noise[..n].to_vec(), noise[n..].to_vec()];
            let y = (0..n.min(m)).map(|i| [i, i]).collect();
            testing::check_marginals(&LogLoss(Alignment), &Example::new(x, y), &alignments(n, m));
        }
    }

    #[test]
    fn a_model_of_probabilities_gives_them() {
        let mut options = Options::default();
        options.set("objective", "log");
        let training = define::<ByObjective<Lines>>(&options, Source::from_text("data", DATA));
        let Training { mut format, mut task, examples } = training.expect("good data");
        testing::check(&task, &examples[..4]);
        let (training, held_out) = examples.split_at(40);
        let w = solve(&task, training, &Settings::default()).expect("good").w;
        assert!(risk(&task, &w, held_out) < 2.0);
        options.set("probabilities", "");
        format.prepare(&mut task, &options).expect("known options");
        let (mut text, mut forecasts) = (Vec::new(), Forecasts::default());
        let mut scratch = Default::default();
        let Example { x, y, weight } = &held_out[0];
        let y_hat = crosscut::Task::predict(&task, &w, x, &mut scratch);
        format.write(&task, &w, x, &y_hat, &mut text).expect("room");
        let outcome = Outcome { x, y, y_hat: &y_hat, weight: *weight };
        format.forecast(&task, &w, &outcome, &mut scratch, &mut forecasts);
        let text = String::from_utf8(text).expect("text");
        let written: f64 = text.lines().next().expect("a line")[2..].parse().expect("a number");
        let mut inner = Default::default();
        let expected = LogLoss(Alignment).log_probability(&w, x, &y_hat, &mut inner).exp();
        assert!(written == expected && expected > 0.0 && expected <= 1.0, "{text}");
        let truth = LogLoss(Alignment).log_probability(&w, x, y, &mut inner);
        assert_eq!(forecasts.report(Report::new()).get("log_likelihood"), Some(truth));
    }

    #[test]
    fn bad_lines_are_refused() {
        for bad in
            ["0 0 | 1", "0 | 1 | 1", "0 1 | 1 | 1", "0 0 0 1 | 1 | 1 2", "x | 1 | 1", "0 0 | 1 | x"]
        {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
