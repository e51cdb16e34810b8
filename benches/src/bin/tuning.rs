//! What each constant of the block solver does: halved and doubled, one at a time.
//!
//! ```text
//! cargo run --release -p crosscut-benches --bin tuning [CONSTANT…]
//! ```
//!
//! The problems come with the sources: digits, letters, names in text from the web (a tenth of the
//! sentences), and LambdaRank's queries, each to a relative gap of 1e-3 at two values of C, one
//! thread. A line holds the constant, its value, and for half and twice that value the ratios of
//! exact passes and of seconds to those of the default, over all problems (geometric means; above 1
//! is worse), and the number of problems whose gap did not close within 500 passes.

#![allow(clippy::print_stdout, reason = "a program")]

use std::error::Error;
use std::path::Path;

use crosscut::{C, Example, Settings, Task, Tuning, solve};
use crosscut_app::{Format, InputOf, Options, OutputOf, Source, Training, define};
use crosscut_multiclass::MulticlassFiles;
use crosscut_ranking::RankingFiles;
use crosscut_sequence::SequenceFiles;

/// Trains on a problem.
type Problem = Box<dyn Fn(&Settings) -> Trained>;

/// A training run.
struct Trained {
    /// Exact passes.
    passes: f64,
    seconds: f64,
    /// Whether the gap did not close within 500 passes.
    failed: bool,
}

/// Changes a constant by a factor; returns its new value.
type Change = fn(&mut Tuning, f64) -> f64;

macro_rules! fractions {
    ($($name:ident),+) => { [$((stringify!($name), (|t, f| { t.$name *= f; t.$name }) as Change)),+] };
}

macro_rules! counts {
    ($($name:ident),+) => {
        [$((stringify!($name), (|t, f| {
            t.$name = (t.$name as f64 * f).round().max(1.0) as _;
            t.$name as f64
        }) as Change)),+]
    };
}

fn constants() -> Vec<(&'static str, Change)> {
    let fractions = fractions![
        settled,
        left,
        early,
        early_growth,
        at_rest,
        longer,
        worthwhile,
        fruitful,
        loose,
        overshoot,
        far,
        within,
        worth,
        creeping,
        accelerated,
        fine,
        rough,
        near,
        huge
    ];
    let counts = counts![
        screened,
        longest_rest,
        resting,
        tidying,
        fruitless,
        long_round,
        recombining,
        patience,
        look_again,
        uncertified,
        first_uncertified,
        stuck,
        touched,
        slice
    ];
    fractions.into_iter().chain(counts).collect()
}

fn problem<F: Format>(
    file: &str,
    options: &Options,
    part: usize,
    c: f64,
) -> Result<Problem, Box<dyn Error>>
where
    InputOf<F>: 'static,
    OutputOf<F>: 'static,
{
    let source = Source::open_quietly(Path::new(file))?;
    let Training { task, examples, .. } = define::<F>(options, source)?;
    let examples: Vec<Example<InputOf<F>, OutputOf<F>>> =
        examples.into_iter().step_by(part).collect();
    Ok(Box::new(move |settings| train(&task, &examples, &settings.c(C::Sum(c)))))
}

fn train<T: Task>(
    task: &T,
    examples: &[Example<T::Input, T::Output>],
    settings: &Settings,
) -> Trained {
    let solution = solve(task, examples, settings);
    let solution = solution.expect("the data that come with the sources are good");
    Trained {
        passes: solution.certificate.passes,
        seconds: solution.seconds,
        failed: !solution.certificate.converged(),
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    let plain = Options::default();
    let (mut bias, mut columns, mut groups) = (plain.clone(), plain.clone(), plain.clone());
    bias.set("bias", "1");
    columns.set("template", "ner");
    groups.set("group", "datasets/lambdarank.train.group");
    let mut problems = Vec::new();
    for c in [1.0, 0.01] {
        problems.push(problem::<MulticlassFiles>("datasets/digits.train.svm", &bias, 1, 0.1 * c)?);
        problems.push(problem::<MulticlassFiles>("datasets/letter.train.svm.gz", &bias, 4, c)?);
        problems.push(problem::<SequenceFiles>("datasets/wnut17.train.conll.gz", &columns, 10, c)?);
        problems.push(problem::<RankingFiles>(
            "datasets/lambdarank.train.svm.gz",
            &groups,
            1,
            0.1 * c,
        )?);
    }
    let run = |tuning: Tuning| -> Vec<Trained> {
        let mut settings = Settings::new().threads(1).passes(500);
        settings.block.tuning = tuning;
        // The faster of two runs.
        let faster = |problem: &Problem| {
            let (a, b) = (problem(&settings), problem(&settings));
            if a.seconds < b.seconds { a } else { b }
        };
        problems.iter().map(faster).collect()
    };
    println!("constant           value   passes /2   x2   seconds /2   x2   failed /2 x2");
    for (name, change) in constants() {
        if !wanted.is_empty() && !wanted.iter().any(|wanted| wanted == name) {
            continue;
        }
        let usual = run(Tuning::default());
        let mut value = Tuning::default();
        let ratios = [0.5, 2.0].map(|factor| {
            let mut tuning = Tuning::default();
            change(&mut tuning, factor);
            let found = run(tuning);
            let failed = found.iter().filter(|run| run.failed).count();
            let mean = |of: fn(&Trained) -> f64| {
                let logs = found.iter().zip(&usual).map(|(a, b)| (of(a) / of(b)).ln());
                (logs.sum::<f64>() / usual.len() as f64).exp()
            };
            (mean(|run| run.passes), mean(|run| run.seconds), failed)
        });
        let [(p, s, f), (q, t, g)] = ratios;
        println!(
            "{name:17} {:>6}   {p:9.2} {q:4.2}   {s:10.2} {t:4.2}   {f:9} {g:2}",
            change(&mut value, 1.0)
        );
    }
    Ok(())
}
