//! CoNLL-2000 chunking: from columns of words and parts of speech to noun phrases, verb phrases and
//! nine other kinds.
//!
//! Features are made by the template `chunking`, which comes with the crate (19 lines over a window
//! of two tokens to both sides), with weights for pairs of tags. C is the one of a grid with the
//! best F1 in 3-fold cross-validation on the training sentences. The test sentences are looked at
//! once, at the end.
//!
//! The data are not shipped (the text is that of the Wall Street Journal), so you name the files:
//! `train.txt` and `test.txt` of the shared task, plain or compressed with gzip, in columns word,
//! part of speech, chunk. `datasets/README.md` says where they are found.
//!
//! ```text
//! cargo run --release -p crosscut-examples --example chunking -- train.txt test.txt
//! ```
//!
//! Expected, in about three minutes, most of them for choosing C: an F1 of 93.8 % and a token
//! accuracy of 96.1 % with C(sum) = 0.1, as good as a CRF with the same templates and a little
//! below the best that was learned from these sentences alone; the standard error of each is about
//! 0.2 %.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program")]

use std::error::Error;
use std::io::{IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use crosscut::validation::folds_of;
use crosscut::{C, Flow, Settings, Trainer, predict_all, solve};
use crosscut_app::{Format, Options, Outcome, Report, Source, Training, define, read};
use crosscut_sequence::{SequenceFiles, Tags};

/// What C of the sum of the slacks is chosen from.
const CS: [f64; 3] = [0.03, 0.1, 0.3];
const FOLDS: usize = 3;

/// Published F1 of all kinds of chunks on the test sentences, in percent.
const PUBLISHED: [(&str, &str, &str); 5] = [
    (
        "77.07",
        "the chunk tag that is most frequent for a part of speech (baseline of the task)",
        "1",
    ),
    ("93.48", "SVMs with a quadratic kernel, one for each pair of tags (best of the task)", "1"),
    ("93.74", "CRF with the same templates, features that occur three times (CRF++)", "2"),
    ("94.01", "vote of five ways to write chunks as tags", "3"),
    ("95.15", "semi-supervised, with a thousand million words of other text", "4"),
];

const SOURCES: &str = "\
[1] E. F. Tjong Kim Sang, S. Buchholz: Introduction to the CoNLL-2000 Shared Task: Chunking. CoNLL 2000
[2] L. Bottou: README of crfsgd, part of his programs for stochastic gradient descent, version 2 (leon.bottou.org/projects/sgd)
[3] H. Shen, A. Sarkar: Voting Between Multiple Data Representations for Text Chunking. Canadian AI 2005
[4] J. Suzuki, H. Isozaki: Semi-Supervised Sequential Labeling and Segmentation Using Giga-Word Scale Unlabeled Data. ACL 2008";

const USAGE: &str = "\
usage: chunking TRAIN TEST

TRAIN and TEST are train.txt and test.txt of CoNLL-2000, plain or .gz: `word part-of-speech chunk`,
a token a line, an empty line after each sentence. They are not shipped with Crosscut;
datasets/README.md says where they are found.";

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let [train, test] = &arguments[..] else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    match run(train.as_ref(), test.as_ref()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("chunking: {error}");
            ExitCode::from(2)
        }
    }
}

fn run(train: &Path, test: &Path) -> Result<(), Box<dyn Error>> {
    let mut options = Options::default();
    options.set("template", "chunking");
    let Training { format, task, examples: training } =
        define::<SequenceFiles>(&options, Source::open(train, &mut ())?)?;
    let items = read(&format, &task, Source::open(test, &mut ())?)?;
    let sizes = format
        .sizes(&task)
        .into_iter()
        .map(|(name, size)| format!("{size} {name}"))
        .collect::<Vec<_>>()
        .join(", ");
    println!("{} training sentences, {} test sentences; {sizes}\n", training.len(), items.len());

    // Each fold goes through the grid upwards, training from where it stood. F1 is known well
    // enough long before the weights are. Features that only held-out sentences have keep the
    // weight 0.
    let began = Instant::now();
    let rough = Settings::new().relative_gap(1e-2);
    let fold_of = folds_of(training.len(), FOLDS, rough.seed)?;
    let mut predictions: [Vec<Tags>; CS.len()] = CS.map(|_| vec![Tags::default(); training.len()]);
    for fold in 0..FOLDS {
        let rest = training
            .iter()
            .zip(&fold_of)
            .filter(|(_, of)| **of != fold)
            .map(|(example, _)| example);
        let held: Vec<usize> =
            (0..training.len()).filter(|&example| fold_of[example] == fold).collect();
        let inputs: Vec<_> = held.iter().map(|&example| &training[example].x).collect();
        let mut trainer = Trainer::new(&task, rest, &rough)?;
        for (c, predictions) in CS.iter().zip(&mut predictions) {
            trainer.set_c(C::Sum(*c))?;
            let solution = trainer.solve(&mut |_| working(fold + 1, *c));
            for (&example, y_hat) in held.iter().zip(predict_all(&task, &solution.w, &inputs)) {
                predictions[example] = y_hat;
            }
        }
    }
    println!("C(sum)  cross-validated F1  token accuracy");
    let mut best = (f64::NEG_INFINITY, CS[0]);
    for (c, predictions) in CS.iter().zip(&predictions) {
        let outcomes: Vec<_> = (training.iter().zip(predictions))
            .map(|(example, y_hat)| Outcome { x: &example.x, y: &example.y, y_hat, weight: 1.0 })
            .collect();
        let report = format.evaluate(&task, &outcomes);
        let f1 = measure(&report, "chunk_f1")?;
        println!("{c:6}  {f1:18.2}  {:14.2}", measure(&report, "token_accuracy")?);
        best = if f1 > best.0 { (f1, *c) } else { best };
    }
    let (_, c) = best;
    let choosing = began.elapsed().as_secs_f64();

    let settings = Settings::new().c(C::Sum(c));
    let solution = solve(&task, &training, &settings)?;
    let certificate = &solution.certificate;
    println!(
        "\nC(sum) = {c}: primal {:.2}, dual {:.2}, relative gap {:.1e}, {} exact passes",
        certificate.primal,
        certificate.dual,
        certificate.relative_gap(),
        certificate.passes,
    );
    println!("{choosing:.0} s for choosing C, {:.0} s for training\n", solution.seconds);

    let inputs: Vec<_> = items.iter().map(|item| &item.x).collect();
    let predictions = predict_all(&task, &solution.w, &inputs);
    let outcomes: Vec<_> = (items.iter().zip(&predictions))
        .filter_map(|(item, y_hat)| {
            Some(Outcome { x: &item.x, y: item.y.as_ref()?, y_hat, weight: 1.0 })
        })
        .collect();
    let report = format.evaluate(&task, &outcomes);
    if let Some(table) = report.tables().iter().find(|table| table.name == "per_chunk") {
        print!("{}", Report::new().table(table.clone()));
    }
    println!("\ntoken accuracy  {:.2} %", measure(&report, "token_accuracy")?);
    println!("precision       {:.2} %", measure(&report, "chunk_precision")?);
    println!("recall          {:.2} %", measure(&report, "chunk_recall")?);
    println!("\nF1 of chunks, %");
    println!("{:9.2}  Crosscut: max-margin chain", measure(&report, "chunk_f1")?);
    for (f1, model, source) in PUBLISHED {
        println!("{f1:>9}  {model} [{source}]");
    }
    println!("\n{SOURCES}");
    Ok(())
}

/// A measure of the report in percent.
fn measure(report: &Report, name: &str) -> Result<f64, String> {
    report
        .get(name)
        .map(|value| 100.0 * value)
        .ok_or_else(|| format!("the tags do not mark chunks: no {name}"))
}

/// Says on a terminal that something is going on.
fn working(fold: usize, c: f64) -> Flow {
    let mut out = std::io::stderr();
    if out.is_terminal() {
        // A terminal that is gone is no reason to stop.
        let _ = write!(out, "\rfold {fold} of {FOLDS}, C(sum) = {c} \r");
    }
    Flow::Continue(())
}
