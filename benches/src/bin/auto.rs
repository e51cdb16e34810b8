//! The table behind `Solver::Auto`: every solver on made-up problems of many sizes.
//!
//! ```text
//! cargo run --release -p crosscut-benches --bin auto [SECONDS]
//! ```
//!
//! Each solver gets SECONDS (5 if not given) for each problem, one thread, and a relative gap of
//! 1e-3 to reach. A cell holds seconds and exact passes; where time ran out, the gap it came to.
//! The best is marked by `*`: the fastest of those that came to the gap, or else the smallest gap.
//!
//! | problem | oracle | planes an example |
//! |---|---|---|
//! | multiclass | 5 classes, dim/5 features, at most 20 of them in a row: cheap | 4 |
//! | chain | 8 tags, 20 positions, (dim − 64)/8 features, at most 5 in a row: costly | 8²⁰ |

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program")]

use std::io::Write;
use std::process::ExitCode;

use crosscut::{C, Certificate, Example, Settings, SolveError, Solver, Task, solve};
use crosscut_benches::{chain, multiclass};

const SOLVERS: [Solver; 2] = [Solver::Block, Solver::OneSlack];
const EXAMPLES: [usize; 7] = [1, 4, 16, 64, 256, 1024, 4096];
const DIMS: [usize; 4] = [10, 100, 1000, 10_000];
const CS: [f64; 2] = [0.1, 10.0];

fn main() -> ExitCode {
    let seconds = match std::env::args().nth(1).map(|text| text.parse::<f64>()) {
        None => 5.0,
        Some(Ok(seconds)) if seconds.is_finite() && seconds > 0.0 => seconds,
        Some(_) => {
            eprintln!("auto: expected a number of seconds above 0");
            return ExitCode::from(2);
        }
    };
    match run(seconds) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("auto: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(seconds: f64) -> Result<(), SolveError> {
    println!(
        "{:10} {:>6} {:>7} {:>5}{}",
        "problem",
        "n",
        "dim",
        "C",
        SOLVERS.map(|one| format!("{:>22}", one.name())).concat()
    );
    for n in EXAMPLES {
        for dim in DIMS {
            for c in CS {
                let problem = multiclass(n, 5, dim / 5, 20, 1);
                line("multiclass", &problem.task, &problem.examples, c, seconds)?;
            }
        }
    }
    for n in EXAMPLES {
        for dim in DIMS {
            if dim <= 64 {
                continue;
            }
            for c in CS {
                let (task, examples) = chain(n, 8, 20, (dim - 64) / 8, 5, 1);
                line("chain", &task, &examples, c, seconds)?;
            }
        }
    }
    Ok(())
}

/// One line of the table.
fn line<T: Task>(
    name: &str,
    task: &T,
    examples: &[Example<T::Input, T::Output>],
    c: f64,
    seconds: f64,
) -> Result<(), SolveError> {
    print!("{name:10} {:6} {:7} {c:5}", examples.len(), task.dim());
    let mut runs = Vec::new();
    for solver in SOLVERS {
        let settings = Settings::new().solver(solver).c(C::Sum(c)).seconds(seconds).threads(1);
        let solution = solve(task, examples, &settings)?;
        runs.push((solution.certificate, solution.seconds));
    }
    // Fewer seconds for those that converged, smaller gaps for the rest.
    let rank = |(certificate, seconds): &(Certificate, f64)| -> (f64, f64) {
        match certificate.converged() {
            true => (0.0, *seconds),
            false => (1.0, certificate.relative_gap()),
        }
    };
    let best = (0..runs.len()).min_by(|&a, &b| {
        let (a, b) = (rank(&runs[a]), rank(&runs[b]));
        a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1))
    });
    for (at, (certificate, seconds)) in runs.iter().enumerate() {
        let mark = if best == Some(at) { '*' } else { ' ' };
        let figure = match certificate.converged() {
            true => format!("{seconds:.4} s"),
            false => format!("gap {:.1e}", certificate.relative_gap()),
        };
        print!(" {figure:>12} {:>6.0} p{mark}", certificate.passes);
    }
    println!();
    // What is not shown now is shown later.
    let _ = std::io::stdout().flush();
    Ok(())
}
