//! Whether the default solver arrives, whatever the data look like.
//!
//! ```text
//! cargo run --release -p crosscut-benches --bin arrives -- [--data FOLDER]… [--seconds 60] [--only WORD]… [--c C]… [--nonnegative]
//! ```
//!
//! Each problem, with the hinge loss or the log-loss, is trained to a relative gap of 1e-3 at each
//! C(sum), on one thread, by `auto` for SECONDS at most, and then by the other solvers for as many
//! seconds and as many exact passes as `auto` took. Data are looked for in `datasets/`, then in each
//! FOLDER and below: those of the race, scikit-learn's `datasets/data`, satimage, dna, MSLR. What is
//! nowhere is left out, and said so.
//!
//! A cell holds exact passes and seconds of training. `!` marks one that did not arrive, with its
//! gap; `<` one where another solver took less than half the passes, and how many. What is left at
//! the end is a list of these.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program")]

mod data;
mod problems;

use std::error::Error;
use std::io::Write;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use crosscut::{
    BlockSettings, C, Example, Objective, Regulariser, Rescaling, Settings, Solution, SolveError,
    Solver, Task, Trainer,
};
use crosscut_app::{Format, Options, Source, Training, define};
use crosscut_multiclass::MulticlassFiles;
use crosscut_ranking::RankingFiles;
use crosscut_sequence::SequenceFiles;

use problems::{Kind, PROBLEMS, Problem};

const CS: [f64; 6] = [1e-4, 1e-2, 1.0, 1e2, 1e4, 1e6];

/// Trains many problems at many C, and says which did not arrive.
#[derive(Debug, Parser)]
struct Flags {
    /// Folders with data, searched with what is below them, after `datasets`.
    #[arg(long, value_name = "FOLDER")]
    data: Vec<PathBuf>,
    /// The most seconds for a solver on a problem at a C.
    #[arg(long, value_name = "S", default_value_t = 60.0)]
    seconds: f64,
    /// Only problems whose name contains one of these.
    #[arg(long, value_name = "WORD")]
    only: Vec<String>,
    /// The values of C(sum).
    #[arg(long, value_name = "C", default_values_t = CS)]
    c: Vec<f64>,
    /// All weights are at least 0.
    #[arg(long)]
    nonnegative: bool,
    /// Do not run the other solvers.
    #[arg(long)]
    alone: bool,
}

fn main() -> ExitCode {
    match run(&Flags::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("arrives: {error}");
            ExitCode::FAILURE
        }
    }
}

/// What came of a problem at a C.
struct Cell {
    auto: Solution,
    /// The other solver that took the fewest passes, if one arrived.
    other: Option<(&'static str, f64)>,
}

impl Cell {
    fn arrived(&self) -> bool {
        self.auto.certificate.converged()
    }

    /// The other solver, if it takes less than half the passes, or arrives alone.
    fn beaten(&self) -> Option<(&'static str, f64)> {
        self.other
            .filter(|(_, passes)| !self.arrived() || 2.0 * passes < self.auto.certificate.passes)
    }

    fn show(&self) -> String {
        let certificate = &self.auto.certificate;
        let gap = if self.arrived() {
            String::new()
        } else {
            format!("!{:.0e}", certificate.relative_gap())
        };
        let beaten = self.beaten().map_or(String::new(), |(_, passes)| format!("<{passes:.0}"));
        format!("{gap}{beaten} {:.0} {:.2}s", certificate.passes, self.auto.seconds)
    }
}

/// Returns whether every cell arrived within twice the passes of the best.
fn run(flags: &Flags) -> Result<bool, Box<dyn Error>> {
    let mut data = vec![PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../datasets"))];
    data.extend(flags.data.iter().cloned());
    let head: String = flags.c.iter().map(|c| format!(" {:>18}", format!("C {c:.0e}"))).collect();
    println!("{:22} {:>6} {:>7}{head}", "problem", "n", "d");
    let (mut cells, mut absent, mut failures) = (0, Vec::new(), Vec::new());
    for problem in PROBLEMS {
        if !flags.only.is_empty()
            && !flags.only.iter().any(|word| problem.name.contains(word.as_str()))
        {
            continue;
        }
        let text = match problem.origin.text(&data)? {
            Ok(text) => text,
            Err(name) => {
                absent.push(format!("{} ({name})", problem.name));
                continue;
            }
        };
        print!("{:22}", problem.name);
        let mut each = |c: f64, cell: Cell| {
            cells += 1;
            let why = match (cell.arrived(), cell.beaten()) {
                (true, None) => return,
                (false, None) => {
                    format!(
                        "gap {:.1e} after {:.1} s",
                        cell.auto.certificate.relative_gap(),
                        cell.auto.seconds
                    )
                }
                (_, Some((name, passes))) => {
                    format!(
                        "{name} takes {passes:.0} passes of {:.0}",
                        cell.auto.certificate.passes
                    )
                }
            };
            failures.push(format!("{} at C = {c:e}: {why}", problem.name));
        };
        match problem.kind {
            Kind::Multiclass | Kind::Plain => {
                line::<MulticlassFiles>(problem, text, flags, &mut each)?
            }
            Kind::Ranking(_) => line::<RankingFiles>(problem, text, flags, &mut each)?,
            Kind::Tags | Kind::Words => line::<SequenceFiles>(problem, text, flags, &mut each)?,
        }
    }
    println!(
        "\n{} of {cells} cells arrive within twice the passes of the best solver",
        cells - failures.len()
    );
    failures.iter().for_each(|failure| println!("  {failure}"));
    if !absent.is_empty() {
        println!("left out, since their data are nowhere: {}", absent.join(", "));
    }
    Ok(failures.is_empty())
}

fn options(problem: &Problem) -> Options {
    let loss = match (problem.kind, problem.objective) {
        (_, Objective::Log) | (Kind::Multiclass | Kind::Plain, _) => None,
        (Kind::Ranking(loss), _) => Some(loss),
        (Kind::Tags | Kind::Words, _) => Some(1),
    };
    let mut options = Options::new(Rescaling::Margin, loss);
    if problem.objective == Objective::Log {
        options.set("objective", problem.objective.name());
    }
    match problem.kind {
        Kind::Multiclass => options.set("bias", "1"),
        Kind::Words => options.set("template", "ner"),
        _ => {}
    }
    options
}

/// A line of the table.
fn line<F: Format>(
    problem: &Problem,
    text: String,
    flags: &Flags,
    each: &mut dyn FnMut(f64, Cell),
) -> Result<(), Box<dyn Error>> {
    let source = Source::from_text(problem.name, text);
    let Training { task, examples, .. } = define::<F>(&options(problem), source)?;
    let examples: Vec<_> = examples.into_iter().step_by(problem.every).collect();
    print!(" {:6} {:7}", examples.len(), task.dim());
    for &c in &flags.c {
        let cell = cell(&task, &examples, problem, c, flags)?;
        print!(" {:>18}", cell.show());
        // What is not shown now is shown later.
        let _ = std::io::stdout().flush();
        each(c, cell);
    }
    println!();
    Ok(())
}

fn cell<T: Task>(
    task: &T,
    examples: &[Example<T::Input, T::Output>],
    problem: &Problem,
    c: f64,
    flags: &Flags,
) -> Result<Cell, Box<dyn Error>> {
    let settings = Settings::new()
        .c(C::Sum(c))
        .slack_norm(problem.slack_norm)
        .seconds(flags.seconds)
        .threads(1);
    let signs = if flags.nonnegative { 0..task.dim() } else { 0..0 };
    let regulariser = Regulariser::default().with_nonnegative(signs);
    let train = |settings: &Settings| {
        let mut trainer = Trainer::new(task, examples, settings)?.with_regulariser(&regulariser)?;
        Ok::<_, SolveError>(trainer.solve(&mut |_| ControlFlow::Continue(())))
    };
    let auto = train(&settings)?;
    let passes = auto.certificate.converged().then(|| auto.certificate.passes.ceil() as usize);
    let plain = BlockSettings::new().acceleration(false);
    let others = [
        ("one-slack", settings.solver(Solver::OneSlack).passes(passes)),
        ("block without acceleration", settings.solver(Solver::Block).block(plain).passes(passes)),
    ];
    let mut other: Option<(&str, f64)> = None;
    for (name, settings) in others.into_iter().filter(|_| !flags.alone) {
        let certificate = train(&settings)?.certificate;
        if certificate.converged() && other.is_none_or(|(_, passes)| certificate.passes < passes) {
            other = Some((name, certificate.passes));
        }
    }
    Ok(Cell { auto, other })
}
