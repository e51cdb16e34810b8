//! MQ2008 of LETOR 4.0: Ranking SVM and three other losses on its five folds, with the measures of
//! LETOR's evaluation script.
//!
//! Fold k trains on the parts k, k + 1 and k + 2 (counted around from 5 to 1), chooses C on the
//! next part by MAP, and tests on the one after it, as LETOR prescribes. NDCG@k is that of LETOR's
//! script: ranks 1 and 2 count alike, and queries without relevant documents, or with fewer than k
//! documents, have 0; so NDCG@10 is much below NDCG@5. The features are scaled by query in the
//! files.
//!
//! The data are not shipped (they are for research only), so you name a folder with `S1.txt` to
//! `S5.txt`, plain or with `.gz`. `datasets/README.md` says where they are found.
//!
//! ```text
//! cargo run --release -p crosscut-examples --example letor -- MQ2008
//! ```
//!
//! Expected, in about twenty seconds, most of them for the last loss: on average over the folds a
//! MAP of 0.47, an NDCG@10 of 0.23 and a mean NDCG of 0.48 to 0.49 with each of the first three
//! losses, and about 0.01 less in MAP and mean NDCG with NDCG@10. The standard error of MAP and
//! mean NDCG is 0.014 for the 784 queries, and the third digit hangs on which C the validation part
//! prefers.
//!
//! Beside them stand the baselines of LETOR 4.0 (T. Qin, T.-Y. Liu: Introducing LETOR 4.0 Datasets,
//! arXiv 1306.2597), of the same five test parts: RankSVM-Struct is the problem of `-l 1` solved by
//! SVM^rank `-e 0.001`, C chosen on the validation part by MAP as here. The figures are those of
//! LETOR's result files, of which github.com/francelabs/ListNetReproducibilityStudy has copies
//! (`MQ2008/Baselines`, and for ListNet `code/Libs comparison`); T.-Y. Liu, Learning to Rank for
//! Information Retrieval, 2011, table 11.10, prints three digits of some, the same but for NDCG@10
//! of AdaRank.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program")]

use std::error::Error;
use std::ops::ControlFlow;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use crosscut::{C, Settings, Solution, Trainer, predict_all};
use crosscut_app::{Format, Items, Options, Outcome, Report, Source, Training, define, read};
use crosscut_ranking::{Ranking, RankingFiles};

const PARTS: usize = 5;

/// What C of the sum of the slacks is chosen from. The sum of swapped pairs is some thirty times as
/// large as a loss between 0 and 1.
const FOR_PAIRS: [f64; 5] = [0.0001, 0.001, 0.01, 0.1, 1.0];
const FOR_FRACTIONS: [f64; 5] = [0.001, 0.01, 0.1, 1.0, 10.0];

/// Losses as `-l` and `--k` name them.
const LOSSES: [(&str, u32, Option<&str>, [f64; 5]); 4] = [
    ("swapped pairs (-l 1)", 1, None, FOR_PAIRS),
    ("fraction of swapped pairs (-l 2)", 2, None, FOR_FRACTIONS),
    ("average precision (-l 3)", 3, None, FOR_FRACTIONS),
    ("NDCG@10 (-l 4 --k 10)", 4, Some("10"), FOR_FRACTIONS),
];

/// How they are reported, and their headings.
const MEASURES: [(&str, &str); 6] = [
    ("map", "   MAP"),
    ("ndcg_letor@1", "NDCG@1"),
    ("ndcg_letor@3", "NDCG@3"),
    ("ndcg_letor@5", "NDCG@5"),
    ("ndcg_letor@10", "NDCG@10"),
    ("mean_ndcg_letor", "mean NDCG"),
];

/// What LETOR 4.0 reports for the same measures (see above).
const PUBLISHED: [(&str, [f64; 6]); 5] = [
    ("RankSVM-Struct", [0.46956, 0.36266, 0.42858, 0.46954, 0.22792, 0.4832]),
    ("ListNet", [0.4775, 0.3754, 0.4324, 0.4747, 0.2303, 0.4914]),
    ("AdaRank-MAP", [0.4764, 0.3754, 0.4370, 0.4794, 0.2288, 0.4915]),
    ("AdaRank-NDCG", [0.4824, 0.3826, 0.4420, 0.4821, 0.2307, 0.4950]),
    ("RankBoost", [0.4775, 0.3856, 0.4288, 0.4666, 0.2255, 0.4850]),
];

const USAGE: &str = "\
usage: letor FOLDER

FOLDER has the parts of MQ2008, S1.txt to S5.txt, plain or with .gz. They are not shipped with Crosscut;
datasets/README.md says where they are found.";

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let [folder] = &arguments[..] else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    match run(folder.as_ref()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("letor: {error}");
            ExitCode::from(2)
        }
    }
}

fn run(folder: &Path) -> Result<(), Box<dyn Error>> {
    let mut parts = Vec::new();
    for part in 1..=PARTS {
        let plain = folder.join(format!("S{part}.txt"));
        let file = if plain.exists() { plain } else { folder.join(format!("S{part}.txt.gz")) };
        let mut text = Source::open_quietly(&file)?.text()?;
        if !text.ends_with('\n') {
            text.push('\n');
        }
        parts.push(text);
    }
    let headings = MEASURES.map(|(_, heading)| heading).join("  ");

    // So close to the optimum that the measures hardly depend on the way there.
    let settings = Settings::new().relative_gap(1e-4);
    let mut averages = Vec::new();
    for (name, loss, k, cs) in LOSSES {
        let began = Instant::now();
        println!("{name}\nfold  C(sum)  {headings}    primal      dual  relative gap");
        let mut sums = [0.0; MEASURES.len()];
        for fold in 0..PARTS {
            let part = |ahead: usize| &parts[(fold + ahead) % PARTS];
            let mut options = Options::default();
            options.loss = Some(loss);
            k.into_iter().for_each(|k| options.set("k", k));
            let text = [part(0).as_str(), part(1), part(2)].concat();
            let Training { format: files, task, examples: training } =
                define::<RankingFiles>(&options, Source::from_text("three parts", text))?;
            let validation = Source::from_text("validation part", part(3).as_str());
            let validation = read(&files, &task, validation)?;
            let test = read(&files, &task, Source::from_text("test part", part(4).as_str()))?;

            // Upwards, each training run from where the one before stood.
            let mut trainer = Trainer::new(&task, &training, &settings)?;
            let mut best: Option<(f64, f64, Solution)> = None;
            for c in cs {
                trainer.set_c(C::Sum(c))?;
                let solution = trainer.solve(&mut |_| ControlFlow::Continue(()));
                let map = measure(&evaluate(&files, &task, &solution.w, &validation), "map")?;
                if best.as_ref().is_none_or(|(highest, ..)| map > *highest) {
                    best = Some((map, c, solution));
                }
            }
            let (_, c, solution) = best.ok_or("no C to choose from")?;

            let report = evaluate(&files, &task, &solution.w, &test);
            let mut values = [0.0; MEASURES.len()];
            for ((value, sum), (name, _)) in values.iter_mut().zip(&mut sums).zip(MEASURES) {
                *value = measure(&report, name)?;
                *sum += *value;
            }
            let certificate = &solution.certificate;
            println!(
                "{:4}  {c:6}  {}  {:8.2}  {:8.2}  {:12.1e}",
                fold + 1,
                row(&values),
                certificate.primal,
                certificate.dual,
                certificate.relative_gap(),
            );
        }
        println!("{:.1} s\n", began.elapsed().as_secs_f64());
        averages.push((name, sums.map(|sum| sum / PARTS as f64)));
    }

    println!("average of the folds\n{headings}");
    for (name, values) in averages {
        println!("{}  Crosscut: {name}", row(&values));
    }
    for (name, values) in PUBLISHED {
        println!("{}  LETOR 4.0 baseline: {name}", row(&values));
    }
    Ok(())
}

fn evaluate(
    files: &RankingFiles,
    task: &Ranking,
    w: &[f64],
    items: &Items<RankingFiles>,
) -> Report {
    let inputs: Vec<_> = items.iter().map(|item| &item.x).collect();
    let predictions = predict_all(task, w, &inputs);
    let outcomes: Vec<_> = (items.iter().zip(&predictions))
        .filter_map(|(item, y_hat)| {
            Some(Outcome { x: &item.x, y: item.y.as_ref()?, y_hat, weight: 1.0 })
        })
        .collect();
    files.evaluate(task, &outcomes)
}

fn measure(report: &Report, name: &str) -> Result<f64, String> {
    report.get(name).ok_or_else(|| format!("no measure {name}"))
}

/// Values below their headings.
fn row(values: &[f64]) -> String {
    let cells = values
        .iter()
        .zip(MEASURES)
        .map(|(value, (_, heading))| format!("{value:width$.4}", width = heading.len()));
    cells.collect::<Vec<_>>().join("  ")
}
