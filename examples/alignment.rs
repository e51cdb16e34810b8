//! The structure of the tutorial's second chapter as a program: aligns two sequences of numbers.
//!
//! ```text
//! cargo run --release -p crosscut-examples --example alignment -- learn alignment examples/data/alignment.txt alignment.model
//! cargo run --release -p crosscut-examples --example alignment -- validate alignment --c-sum 0.01,0.1,1 examples/data/alignment.txt
//! cargo run --release -p crosscut-examples --example alignment -- classify examples/data/alignment.txt alignment.model -
//! ```
//!
//! The format: `pairs | numbers | numbers`, a line an example, with pairs `i j` of positions from 0,
//! one after the other, or `?` where they are unknown. The data are made up, by the formula in
//! `tests::line`.

use std::io;
use std::process::ExitCode;

use crosscut::Sum;
use crosscut_app::parts::{PartsApplication, PartsExamples, PartsItems};
use crosscut_app::{Entry, Error, Item, Options, Source, numbers};

include!("../crates/crosscut/tests/worlds/alignment.rs");

impl PartsApplication for Alignment {
    const NAME: &'static str = "alignment";
    const ABOUT: &'static str = "The numbers of two sequences that belong together";

    fn define(_: &Options, source: Source<'_>) -> Result<(Self, PartsExamples<Self>), Error> {
        Ok((Self, source.parse_examples(parse)?))
    }

    fn read(&self, source: Source<'_>) -> Result<PartsItems<Self>, Error> {
        source.parse_lines(parse)
    }

    fn write(&self, _: &[Vec<f64>; 2], y: &Pairs, out: &mut dyn io::Write) -> io::Result<()> {
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
    crosscut_cli::run("alignment", &[Entry::of::<Sum<Alignment>>()])
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use crosscut::{Settings, risk, solve, testing};

    use super::*;

    const DATA: &str = include_str!("data/alignment.txt");

    fn read(text: &str) -> Result<PartsExamples<Alignment>, Error> {
        Ok(Alignment::define(&Options::default(), Source::from_text("data", text))?.1)
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
        let mut observer = |_: &_| ControlFlow::Continue(());
        let solution = solve(&task, training, &Settings::default(), &mut observer).expect("good");
        assert!(solution.certificate.converged());
        let wrong = risk(&task, &solution.w, held_out);
        assert!(wrong < 2.0, "{wrong} of about 7 pairs");
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
