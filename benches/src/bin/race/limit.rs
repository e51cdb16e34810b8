//! `--limit`: what an exact pass must touch and compute, what this machine needs for as much, and
//! what a pass takes.

use std::hint::black_box;
use std::thread;
use std::time::Instant;

use crosscut::Task;
use serde_json::{Value, json};

use crate::child::{self, End};
use crate::contest::Rules;
use crate::error::RaceError;
use crate::files::Prepared;
use crate::problem::Problem;
use crate::programs::{Found, Program};
use crate::runner::{Job, Runner, told};
use crate::statistics::median;
use crate::table::{Grid, times};
use crate::tasks::Spec;

/// Exact passes, and nothing else.
pub const PASSES: &str = "--gap 0 --passes 12 --approximate-passes 0 --no-acceleration";

/// What an exact pass must do at least.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Work {
    /// Bytes of examples and weights, each touched once: 8 for a feature (id and value), 8 for a
    /// weight.
    pub bytes: f64,
    /// Multiply-adds of the scores, and for tags an addition and a comparison for each pair of tags
    /// of each token.
    pub multiply_adds: f64,
}

impl Problem {
    /// What an exact pass must do at least. Sorting and the steps of the solver are not counted.
    pub fn work(&self) -> Work {
        let work = |nonzeros: usize, dim: usize, multiply_adds: usize| Work {
            bytes: 8.0 * (nonzeros + dim) as f64,
            multiply_adds: multiply_adds as f64,
        };
        match self {
            Self::Multiclass(judge) => {
                let nonzeros: usize =
                    judge.train.iter().map(|example| example.x.features().len()).sum();
                work(nonzeros, judge.task.dim(), nonzeros * judge.task.classes().len())
            }
            Self::Sequence(judge, _) => {
                let k = judge.task.tags().len();
                let rows = || judge.train.iter().flat_map(|example| example.x.rows().iter());
                let nonzeros: usize = rows().map(|row| row.features().len()).sum();
                let after_another = rows().count() - judge.train.len();
                work(nonzeros, judge.task.dim(), nonzeros * k + after_another * k * k)
            }
            Self::Ranking(judge) => {
                // Scores, and the sum of rows that is the plane. Dense rows have 4 bytes a number,
                // which is half of 8.
                let width = judge.task.dim();
                let numbers: usize =
                    judge.train.iter().map(|example| example.x.len() * width).sum();
                work(numbers / 2, width, 2 * numbers)
            }
        }
    }
}

/// What this machine can do in a plain loop.
#[derive(Clone, Copy, Debug)]
pub struct Machine {
    /// Bytes a second, read from memory.
    pub bandwidth: f64,
    /// Multiply-adds of 64-bit numbers a second, on what is in the nearest cache.
    pub rate: f64,
}

impl Machine {
    /// Measures it, all of these cores together; the best of five.
    pub fn measure(cores: usize) -> Self {
        // Far more than any cache.
        let large = vec![1.0_f64; 32 << 20];
        let small = vec![1.0_f64; 1 << 10];
        let repeats = 1 << 14;
        let time = |each: &(dyn Fn() -> f64 + Sync)| {
            let began = Instant::now();
            thread::scope(|scope| {
                (1..cores).for_each(|_| drop(scope.spawn(|| black_box(each()))));
                black_box(each());
            });
            began.elapsed().as_secs_f64() / cores as f64
        };
        let best = |each: &(dyn Fn() -> f64 + Sync)| {
            (0..5).map(|_| time(each)).fold(f64::INFINITY, f64::min)
        };
        let read = best(&|| sum(black_box(&large)));
        let multiply =
            best(&|| (0..repeats).map(|_| inner(black_box(&small), black_box(&small))).sum());
        Self {
            bandwidth: 8.0 * large.len() as f64 / read,
            rate: (repeats * small.len()) as f64 / multiply,
        }
    }
}

/// A sum in as many independent parts as processors keep in flight.
fn sum(values: &[f64]) -> f64 {
    let mut parts = [0.0; 16];
    for block in values.as_chunks::<16>().0 {
        for (part, value) in parts.iter_mut().zip(block) {
            *part += value;
        }
    }
    parts.iter().sum()
}

/// An inner product, likewise.
fn inner(a: &[f64], b: &[f64]) -> f64 {
    let mut parts = [0.0; 16];
    for (a, b) in a.as_chunks::<16>().0.iter().zip(b.as_chunks::<16>().0) {
        for ((part, a), b) in parts.iter_mut().zip(a).zip(b) {
            *part += a * b;
        }
    }
    parts.iter().sum()
}

/// Seconds of an exact pass.
#[derive(Clone, Copy, Debug)]
pub struct Pass {
    /// Inside oracles.
    pub oracles: f64,
    /// The whole pass, with the steps of the solver.
    pub whole: f64,
}

/// What an exact pass takes on so many threads, the median of the rounds; and the model of the
/// last.
///
/// # Errors
/// A run that fails.
pub fn measure(
    spec: &Spec,
    files: &Prepared,
    problem: &Problem,
    crosscut: &Found,
    rules: &Rules<'_>,
    threads: usize,
) -> Result<(Pass, Vec<u8>), RaceError> {
    let examples = problem.examples();
    let job =
        Job { kind: spec.kind, c: spec.c, examples, files, folder: rules.folder, cores: threads };
    let runner = Runner::new(crosscut, PASSES, &job, rules.script)?;
    let (mut oracles, mut whole) = (Vec::new(), Vec::new());
    for _ in 0..rules.rounds {
        let run = child::run(&runner.path, &runner.arguments, rules.at_most, rules.folder)?;
        if run.end != End::Good {
            return Err(RaceError::Data(format!("{}: {:?}", runner.label(), run.end)));
        }
        let told = told(Program::Crosscut, &run.output, examples);
        let passes = told.passes.filter(|&passes| passes > 0.0).unwrap_or(f64::NAN);
        oracles.extend(told.oracles.map(|seconds| seconds / passes));
        whole.extend(told.training.map(|seconds| seconds / passes));
    }
    let model = std::fs::read(&runner.model).map_err(RaceError::at(&runner.model))?;
    let middle = |values: Vec<f64>| median(values).unwrap_or(f64::NAN);
    Ok((Pass { oracles: middle(oracles), whole: middle(whole) }, model))
}

/// The columns of the table.
pub fn grid() -> Grid {
    Grid::new([
        "task",
        "MB",
        "million multiply-adds",
        "ms for the bytes",
        "ms for the multiply-adds",
        "ms in oracles",
        "× limit",
        "ms of a pass",
        "× limit",
    ])
}

/// A row of the table, also for JSON. The limit is the longer of the two times.
pub fn row(name: &str, work: Work, machine: Machine, pass: Pass, grid: &mut Grid) -> Value {
    let (bytes, multiply) = (work.bytes / machine.bandwidth, work.multiply_adds / machine.rate);
    let limit = bytes.max(multiply);
    let ms = |seconds: f64| format!("{:.2}", 1e3 * seconds);
    grid.row(vec![
        name.to_owned(),
        format!("{:.1}", work.bytes / 1e6),
        format!("{:.1}", work.multiply_adds / 1e6),
        ms(bytes),
        ms(multiply),
        ms(pass.oracles),
        times(pass.oracles / limit),
        ms(pass.whole),
        times(pass.whole / limit),
    ]);
    json!({
        "task": name,
        "bytes": work.bytes,
        "multiply_adds": work.multiply_adds,
        "bandwidth": machine.bandwidth,
        "rate": machine.rate,
        "oracle_seconds": pass.oracles,
        "pass_seconds": pass.whole,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plain_loops_compute() {
        let values: Vec<f64> = (0..32).map(f64::from).collect();
        assert_eq!((sum(&values), inner(&values, &values)), (496.0, 10416.0));
    }

    #[test]
    fn the_limit_is_the_longer_time() {
        let work = Work { bytes: 1e6, multiply_adds: 1e6 };
        let machine = Machine { bandwidth: 1e9, rate: 0.5e9 };
        let mut grid = grid();
        row("t", work, machine, Pass { oracles: 4e-3, whole: 6e-3 }, &mut grid);
        let cells: Vec<String> =
            grid.text().lines().last().unwrap().split_whitespace().map(str::to_owned).collect();
        assert_eq!(cells, ["t", "1.0", "1.0", "1.00", "2.00", "4.00", "2.0", "6.00", "3.0"]);
    }
}
