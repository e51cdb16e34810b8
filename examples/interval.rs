//! A structure of your own: find the interval that stands out in a sequence of numbers.
//!
//! x is a sequence of numbers, y an interval of positions, perhaps empty, Ψ(x, y) = (Σₜ xₜ over y,
//! length of y), and Δ(y, ŷ) counts the positions that are in one interval and not in the other. A
//! score is then a sum over positions, and so are loss and score together: prediction and
//! separation oracle are one sweep (Kadane's algorithm).
//!
//! What is between the first rule below and the last is all it takes, in 90 lines: the structure, its
//! files, and `main`. In return there are training with a certificate, predictions, evaluation,
//! cross-validation, model files, progress and help:
//!
//! ```text
//! cargo run --release -p crosscut-examples --example interval -- learn interval examples/data/interval.train.txt /tmp/interval.model
//! cargo run --release -p crosscut-examples --example interval -- evaluate examples/data/interval.test.txt /tmp/interval.model
//! cargo run --release -p crosscut-examples --example interval -- classify examples/data/interval.test.txt /tmp/interval.model -
//! cargo run --release -p crosscut-examples --example interval -- inspect /tmp/interval.model
//! ```
//!
//! The format: `l r: numbers` for the interval of positions l, l + 1, …, r − 1, counted from 0, as
//! in `2 5: 0.1 -0.3 0.9 1.2 0.7 0.2`; `: numbers` where it is unknown. Predictions are lines
//! `l r`.
//!
//! The data are made up: noise between −1 and 1, raised by 1.2 inside the interval, by the formula
//! in `tests::line`.

use std::io;
use std::ops::Range;
use std::process::ExitCode;

use crosscut::{FeatureSink, Structure, Structured};
use crosscut_app::{Cut, Entry, Error, File, Format, Item, Options, Source, Take};
use crosscut_data::text::numbers;
use serde::{Deserialize, Serialize};

// ── The task ─────────────────────────────────────────────────────────────────────────────────────

#[derive(Serialize, Deserialize)]
struct Interval;
type Span = Range<usize>;

impl Structure for Interval {
    type Input = Vec<f64>;
    type Output = Span;

    fn dim(&self) -> usize {
        2
    }

    fn psi(&self, x: &Vec<f64>, y: &Span, sink: &mut FeatureSink<'_>) {
        sink.add(0, x[y.clone()].iter().sum());
        sink.add(1, y.len() as f64);
    }

    fn loss(&self, y: &Span, y_hat: &Span) -> f64 {
        let reach = y.start.min(y_hat.start)..y.end.max(y_hat.end);
        reach.filter(|t| y.contains(t) != y_hat.contains(t)).count() as f64
    }

    /// The interval with the largest sum of gains, empty if none is positive (Kadane's algorithm).
    /// In training, taking in a position costs 1 outside y and saves 1 inside.
    fn best(&self, w: &[f64], x: &Vec<f64>, y: Option<&Span>) -> Span {
        let loss = |t| y.map_or(0.0, |y| if y.contains(&t) { -1.0 } else { 1.0 });
        let (mut best, mut best_sum, mut start, mut sum) = (0..0, 0.0, 0, 0.0);
        for (t, value) in x.iter().enumerate() {
            let gain = w[0] * value + w[1] + loss(t);
            (start, sum) = if sum > 0.0 { (start, sum + gain) } else { (t, gain) };
            if sum > best_sum {
                (best, best_sum) = (start..t + 1, sum);
            }
        }
        best
    }
}

// ── Its files ────────────────────────────────────────────────────────────────────────────────────

#[derive(Serialize, Deserialize)]
struct Lines;

impl Format for Lines {
    type Task = Structured<Interval>;
    type Record = Item<Vec<f64>, Span>;
    type Survey = ();
    const NAME: &'static str = "interval";
    const ABOUT: &'static str = "The interval that stands out in a sequence of numbers";

    fn new(_: &Options) -> Result<Self, Error> {
        Ok(Self)
    }

    fn cut(&self) -> Option<Cut> {
        Some(Cut::Lines)
    }

    fn records(&self, source: &mut Source<'_>, take: Take<'_, Self>) -> Result<(), Error> {
        source.scan_nonblank_lines(parse, take)
    }

    fn task(&mut self, (): (), _: &mut File<'_>) -> Result<Structured<Interval>, Error> {
        Ok(Structured(Interval))
    }

    fn item(&self, _: &Structured<Interval>, record: Self::Record) -> Result<Self::Record, String> {
        Ok(record)
    }

    #[rustfmt::skip]
    fn write(&self, _: &Structured<Interval>, _: &[f64], _: &Vec<f64>, y: &Span, out: &mut dyn io::Write) -> io::Result<()> {
        writeln!(out, "{} {}", y.start, y.end)
    }
}

/// Reads one line. An interval lies within its sequence, as the oracle needs it.
fn parse(line: &str) -> Result<Option<Item<Vec<f64>, Span>>, String> {
    let (y, x) = line.split_once(':').ok_or("expected `l r: numbers`")?;
    let (y, x) = (numbers::<usize>(y)?, numbers::<f64>(x)?);
    match y[..] {
        [] => Ok(Some(Item::new(x, None))),
        [l, r] if l <= r && r <= x.len() => Ok(Some(Item::new(x, Some(l..r)))),
        _ => Err("expected two positions of the sequence, `l r`, before the colon".to_owned()),
    }
}

fn main() -> ExitCode {
    crosscut_cli::run("interval", &[Entry::of::<Lines>()])
}

// ── Tests ────────────────────────────────────────────────────────────────────────────────────────

#[cfg(test)]
mod tests {

    use crosscut::{Rescaling, Settings, risk, solve, testing};
    use crosscut_app::{Examples, define};

    use super::*;

    const TRAIN: &str = include_str!("data/interval.train.txt");
    const TEST: &str = include_str!("data/interval.test.txt");

    /// Line `seed` of the data: 12 to 23 numbers, an interval of 3 to 8 of them.
    ///
    /// Random numbers are the upper bits of s ← 6364136223846793005 · s + 1442695040888963407
    /// modulo 2⁶⁴, s₀ = seed.
    fn line(seed: u64) -> String {
        let mut state = seed;
        let mut below = |limit: u64| {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            ((state >> 33) * limit) >> 31
        };
        below(1); // neighbouring seeds begin alike
        let length = 12 + below(12);
        let size = 3 + below(6);
        let start = below(length - size + 1);
        let value = |t| {
            let thousandths = below(2001) as i32 - 1000
                + if (start..start + size).contains(&t) { 1200 } else { 0 };
            format!("{:.3}", f64::from(thousandths) / 1000.0)
        };
        let words: Vec<String> = (0..length).map(value).collect();
        format!("{start} {}: {}\n", start + size, words.join(" "))
    }

    fn examples(text: &str) -> Examples<Lines> {
        let source = Source::from_text("data", text);
        define::<Lines>(&Options::default(), source).expect("the data are fine").examples
    }

    #[test]
    fn the_task_keeps_its_contract() {
        let examples = examples("1 3: 0.1 0.9 0.7 -0.3\n0 0: -0.5 0.2\n0 2: 1 1\n");
        testing::check(&Structured(Interval), &examples);
        for (seed, example) in (0..).zip(&examples) {
            let w = testing::random_weights(2, 3.0, seed);
            let len = example.x.len();
            let intervals =
                || (0..=len).flat_map(move |start| (start..=len).map(move |end| start..end));
            testing::check_oracle(
                &Structured(Interval),
                &w,
                example,
                intervals(),
                Rescaling::Margin,
            );
            testing::check_prediction(&Structured(Interval), &w, &example.x, intervals());
        }
    }

    #[test]
    fn the_data_are_those_of_the_formula() {
        assert_eq!(TRAIN, (0..60).map(line).collect::<String>());
        assert_eq!(TEST, (60..100).map(line).collect::<String>());
    }

    #[test]
    fn most_positions_of_new_sequences_are_right() {
        let examples = examples(TRAIN);
        let solution = solve(&Structured(Interval), &examples, &Settings::default());
        let solution = solution.expect("good data");
        assert!(solution.certificate.relative_gap() <= 1e-3);
        let found = risk(&Structured(Interval), &solution.w, &self::examples(TEST));
        let guessing = risk(&Structured(Interval), &[0.0, 0.0], &self::examples(TEST));
        assert!(found < 0.5 * guessing, "{found} of {guessing}");
    }

    #[test]
    fn bad_lines_are_refused() {
        let bad = "0 1: 0.1 x|0 1: nan|0.5|: 0.5|1 0: 1|0 2: 1|0: 1|0 1 1: 1|-1 0: 1";
        for bad in bad.split('|') {
            let source = Source::from_text("data", bad);
            assert!(define::<Lines>(&Options::default(), source).is_err(), "{bad}");
        }
    }
}
