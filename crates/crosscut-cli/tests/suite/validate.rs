//! `validate`: grids, the choice of C, stratified folds, predictions of folds, and its table, for all
//! tasks.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, and so do its helpers")]

use crate::common;

use common::Home;
use crosscut::validation::stratified_folds;
use serde_json::{Value, json};

const TASKS: [&str; 3] = ["multiclass", "sequence", "ranking"];

/// Rows of three kinds with three features, after `prefix`.
fn lines(rows: usize, prefix: impl Fn(usize) -> String) -> String {
    let noise = |row: usize, column: usize| {
        (row * 7919 + column * 104_729 + 13) * 2_654_435_761 % 1_000_003 % 11
    };
    let line = |row: usize| {
        format!(
            "{} 1:{} 2:{} 3:{}\n",
            prefix(row),
            kind(row) as f64 + 0.2 * noise(row, 1) as f64,
            0.1 * noise(row, 2) as f64 - 0.3 * kind(row) as f64,
            0.2 * noise(row, 3) as f64
        )
    };
    (0..rows).map(line).collect()
}

fn kind(row: usize) -> usize {
    row * 7 % 5 % 3
}

/// How many lines an example has, here and in predictions.
fn height(task: &str) -> usize {
    if task == "multiclass" { 1 } else { 4 }
}

/// Sixty lines of examples.
fn write(home: &Home, task: &str) {
    let text = match task {
        "multiclass" => lines(60, |row| format!("c{}", kind(row))),
        _ => lines(60, |row| format!("{} qid:{}", kind(row), row / 4)),
    };
    home.write("train", text);
}

fn number(json: &Value, name: &str) -> f64 {
    json[name].as_f64().unwrap_or_else(|| panic!("{name} in {json}"))
}

fn sums(points: &Value) -> Vec<f64> {
    points.as_array().unwrap().iter().map(|point| number(point, "c_sum")).collect()
}

/// The numbers of the first column of a table.
fn first_column(table: &str) -> Vec<&str> {
    table.lines().skip(1).map(|line| line.split_whitespace().next().unwrap()).collect()
}

#[test]
fn predictions_are_those_of_the_models_that_were_not_trained_on_the_example() {
    for task in TASKS {
        let home = Home::new();
        write(&home, task);
        let (text, height) = (home.text("train"), height(task));
        let examples: Vec<String> = text
            .lines()
            .collect::<Vec<_>>()
            .chunks(height)
            .map(|lines| lines.join("\n") + "\n")
            .collect();
        let run = home.succeeds(&[
            "validate",
            task,
            "--folds",
            "3",
            "--seed",
            "5",
            "--c-sum",
            "0.5",
            "--predictions",
            "found",
            "train",
        ]);
        assert!(run.err.contains("predictions of the folds written to found"), "{run:?}");
        let strata: Vec<u64> = (0..examples.len())
            .map(|at| if task == "multiclass" { kind(at) as u64 } else { 0 })
            .collect();
        let groups: Vec<u64> = (0..examples.len() as u64).collect();
        let fold_of = stratified_folds(&groups, &strata, 3, 5).unwrap();
        let mut expected = vec![String::new(); examples.len()];
        for fold in 0..3 {
            let part = |held_out: bool| -> String {
                let both = examples.iter().zip(&fold_of);
                both.filter(|(_, of)| (**of == fold) == held_out).map(|(text, _)| &**text).collect()
            };
            home.write("kept", part(false));
            home.write("rest", part(true));
            home.succeeds(&["learn", task, "--seed", "5", "--c-sum", "0.5", "kept", "model"]);
            home.succeeds(&["classify", "rest", "model", "predictions"]);
            let text = home.text("predictions");
            let lines: Vec<&str> = text.lines().collect();
            let at = (0..examples.len()).filter(|&at| fold_of[at] == fold);
            for (at, lines) in at.zip(lines.chunks(height)) {
                expected[at] = lines.join("\n") + "\n";
            }
        }
        assert_eq!(home.text("found"), expected.concat(), "{task}");
    }
}

#[test]
fn predictions_are_refused_where_they_cannot_go() {
    let home = Home::new();
    home.write("no-weight", "a 1:1\nb cost:0 2:1\na cost:0 1:2\nb cost:0 2:2\n");
    let validate = ["validate", "multiclass", "--folds", "2", "--predictions"];
    for (arguments, expected) in [
        (&["-", "train.svm"][..], "cannot all use standard output"),
        (&["train.svm", "train.svm"], "another file than one that is read"),
        (&["x", "--refit", "x", "train.svm"], "cannot both use one file"),
        (&["x", "--log", "./x", "train.svm"], "cannot both use one file"),
        (&["no/file", "train.svm"], "does not exist"),
        (
            &["x", "no-weight"],
            "--predictions expects an example with a weight above 0 in each fold",
        ),
        (&["x", "--cost", "x", "train.svm"], "another file than one that is read"),
    ] {
        home.refuses(&[&validate, arguments].concat(), &[expected]);
    }
    // Standard input is read once; compression is chosen by the name.
    let run = home.run_with(&[&validate[..], &["x.gz", "-"]].concat(), &home.read("train.svm"));
    assert_eq!(run.code, 0, "{run:?}");
    assert_eq!(&home.read("x.gz")[..2], [0x1f, 0x8b]);
}

#[test]
fn a_grid_is_extended_once_at_its_edge() {
    let home = Home::new();
    let grid = ["validate", "multiclass", "--folds", "3", "--c-sum", "1e-9..1e-7", "train.svm"];
    let run = home.succeeds(&grid);
    let note = |run: &common::Run, note: &str| run.err.lines().filter(|line| *line == note).count();
    // All models predict the same, so the smallest C is best.
    assert_eq!(
        note(&run, "the best C, 1e-9, is the smallest of the grid: trying 1e-10 and 1e-11 too"),
        1,
        "{run:?}"
    );
    let advice = "the best C is the smallest that was tried; a smaller one may be as good";
    assert_eq!(note(&run, advice), 1, "{run:?}");
    assert_eq!(first_column(&run.out), ["1e-11", "1e-10", "1e-9", "1e-8", "1e-7"]);
    let without = home.succeeds(&[&grid[..], &["--no-extend"]].concat());
    assert_eq!(first_column(&without.out), ["1e-9", "1e-8", "1e-7"]);
    assert!(note(&without, advice) == 1 && !without.err.contains("trying"), "{without:?}");

    // On the other side the best is found beyond the grid, in the order of the table.
    let up = ["validate", "multiclass", "--folds", "3", "--c-sum", "0.001,0.01,0.1", "train.svm"];
    let answer = home.json(&[&up[..], &["--log", "log", "--predictions", "predictions"]].concat());
    assert_eq!(sums(&answer["points"]), [0.001, 0.01, 0.1, 1.0, 10.0]);
    assert_eq!(answer["extended"], json!([1.0, 10.0]));
    assert_eq!(number(&answer["best"], "c_sum"), 10.0);
    assert_eq!(answer["chosen"], answer["best"]);
    let rounds: Vec<f64> = (home.log("log").iter())
        .filter(|line| !line["stop"].is_null())
        .map(|line| number(&line["round"], "c_mean"))
        .collect();
    assert_eq!(rounds.len(), 15);
    assert!((rounds[14] - 400.0).abs() < 1e-9, "{rounds:?}");
    let wrong = (home.text("train.svm").lines().zip(home.text("predictions").lines()))
        .filter(|(line, found)| line.split(' ').next() != found.split(' ').next())
        .count();
    assert_eq!(number(&answer["best"]["measures"], "incorrect"), wrong as f64);

    // Two values have no middle, one has no factor.
    for few in ["1e-9", "1e-9,1e-8", "1e-9,1e-9,1e-8"] {
        let run = home.succeeds(&["validate", "multiclass", "--c-sum", few, "train.svm"]);
        assert!(!run.err.contains("the best C"), "{run:?}");
    }
    // Beyond what C may be there is nothing, and that is no failure.
    let far = ["validate", "multiclass", "--folds", "2", "--passes", "2", "-c"];
    let run = home.succeeds(&[&far[..], &["1e-303,1e-302,1e-301", "train.svm"]].concat());
    assert!(run.err.contains("the grid is not extended: C must be at least 1e-305"), "{run:?}");
}

#[test]
fn the_chosen_constant_is_that_of_the_models_written() {
    let home = Home::new();
    write(&home, "multiclass");
    let before = ["validate", "multiclass", "--folds", "3", "--c-sum", "1e-3..10"];
    let mut differ = false;
    for (seed, choose) in (0..6).flat_map(|seed| [(seed, "best"), (seed, "one-se")]) {
        let seed = seed.to_string();
        let more = ["--seed", &seed, "--choose", choose, "--refit", "model", "train"];
        let answer = home.json(&[&before[..], &more].concat());
        let (best, near) = (&answer["best"], &answer["one_standard_error"]);
        differ |= best != near;
        let expected = if choose == "best" { best } else { near };
        assert_eq!(&answer["chosen"], expected);
        let c = number(expected, "c_sum");
        assert_eq!(number(&answer["refit"], "c_sum").to_string(), c.to_string());
        // By the definition.
        let within = number(best, "risk") + number(best, "standard_error");
        let points = answer["points"].as_array().unwrap();
        let near_ones = points.iter().filter(|point| number(point, "risk") <= within);
        let smallest = near_ones.map(|point| number(point, "c_sum")).fold(f64::INFINITY, f64::min);
        assert_eq!(number(near, "c_sum"), smallest);
        let c = c.to_string();
        home.succeeds(&["learn", "multiclass", "--seed", &seed, "--c-sum", &c, "train", "same"]);
        assert!(home.read("model") == home.read("same"));
        let table = home.succeeds(&[&before[..], &more].concat()).out;
        let marked = |mark: &str| {
            let line = table.lines().find(|line| line.contains(mark)).unwrap();
            line.split_whitespace().next().unwrap().to_owned()
        };
        assert_eq!(marked("best"), number(best, "c_sum").to_string());
        assert_eq!(marked("1-se"), number(near, "c_sum").to_string());
    }
    assert!(differ, "one standard error never mattered");
    // With probabilities the log-loss decides, and its standard error.
    let log = ["--objective", "log", "train"];
    let answer = home.json(&[&before[..], &log].concat());
    let loss = |point: &Value| number(&point["measures"], "log_loss");
    let within = loss(&answer["best"]) + number(&answer["best"], "log_loss_standard_error");
    for point in answer["points"].as_array().unwrap() {
        assert!(loss(point) >= loss(&answer["best"]));
        let is_smaller = number(point, "c_sum") < number(&answer["one_standard_error"], "c_sum");
        assert!(!is_smaller || loss(point) > within, "{answer}");
    }
    assert!(loss(&answer["one_standard_error"]) <= within);
    home.refuses(&[&before[..], &["--choose", "worst", "train"]].concat(), &["'--choose <"]);
}

#[test]
fn grids_are_lists_and_factors() {
    let home = Home::new();
    let column = |flag: &str, grid: &str| {
        let validate = ["validate", "multiclass", "--folds", "2", "--passes", "2", "--no-extend"];
        let run = home.succeeds(&[&validate[..], &[flag, grid, "train.svm"]].concat());
        assert!(run.out.trim_start().starts_with(&format!("{flag} ")), "{run:?}");
        first_column(&run.out).iter().map(|text| (*text).to_owned()).collect::<Vec<_>>()
    };
    for (grid, expected) in [
        ("0.01..10", &["0.01", "0.1", "1", "10"][..]),
        ("0.01..1x10", &["0.01", "0.1", "1"]),
        ("0.1..1x3", &["0.1", "0.3", "0.9"]),
        ("1e-6..1e-5", &["1e-6", "1e-5"]),
        ("2,0.5..1x2,1", &["2", "0.5", "1"]),
        ("3..3", &["3"]),
    ] {
        for flag in ["-c", "--c-sum"] {
            assert_eq!(column(flag, grid), expected, "{flag} {grid}");
        }
    }
    for grid in [
        "1..0.1",
        "0..1",
        "-1..1",
        "1..",
        "..1",
        "..",
        "1..2x1",
        "1..2x0.5",
        "1..2x",
        "1..2xx2",
        "1..2..3",
        "1..infx2",
        "nan..1",
        "1e-300..1e300x1.5",
        "0.1x3",
        "",
    ] {
        for flag in ["-c", "--c-sum"] {
            let validate = ["validate", "multiclass", &format!("{flag}={grid}"), "train.svm"];
            home.refuses(&validate, &[&format!("'{flag} <")]);
        }
    }
}

#[test]
fn the_table_fits_a_hundred_columns() {
    for task in TASKS {
        let home = Home::new();
        write(&home, task);
        for objective in [&[][..], &["--objective", "log"]] {
            if task == "ranking" && !objective.is_empty() {
                continue;
            }
            // Long numbers of C, and a table that is extended.
            for grid in ["1e-9..1e-5x7.7", "0.123456789,1,12345678.9", "1"] {
                let validate = ["validate", task, "--folds", "3", "--passes", "5", "--c-sum", grid];
                let run = home.succeeds(&[&validate[..], objective, &["train"]].concat());
                let lines: Vec<&str> = run.out.lines().collect();
                assert!(lines.iter().all(|line| line.len() <= 100), "{}", run.out);
                // Numbers end below the ends of their heads.
                let ends = |line: &str| -> Vec<usize> {
                    let bytes = line.as_bytes();
                    let is_end = |&at: &usize| {
                        bytes[at] != b' ' && bytes.get(at + 1).is_none_or(|next| *next == b' ')
                    };
                    (0..bytes.len()).filter(is_end).collect()
                };
                // "worst gap" is one column.
                let heads = ends(&lines[0].replace("worst gap", "worst-gap"));
                for line in &lines[1..] {
                    assert_eq!(ends(line)[..heads.len()], heads[..], "{}", run.out);
                }
                assert!(lines[0].contains("risk  std.err") && heads.len() >= 7, "{}", run.out);
                assert_eq!(lines[0].contains("log_loss"), !objective.is_empty());
            }
        }
    }
}

#[test]
fn classes_keep_their_proportions_and_rare_ones_are_told() {
    let home = Home::new();
    // Sorted by class, as many files are; one class has three examples, one has one.
    let class = |row: usize| match row {
        0..40 => "a",
        40..56 => "b",
        56..59 => "rare",
        _ => "once",
    };
    let text: String = (0..60).map(|row| format!("{} 1:{} 2:1\n", class(row), row)).collect();
    home.write("sorted", text);
    let run = home.succeeds(&["validate", "multiclass", "--folds", "4", "--c-sum", "1", "sorted"]);
    let note = "2 of 4 classes have fewer examples than there are folds (the rarest has 1): they are \
                not in every fold\n";
    assert!(run.err.contains(note), "{run:?}");
    let run =
        home.succeeds(&["validate", "multiclass", "--folds", "4", "--c-sum", "1", "train.svm"]);
    assert!(!run.err.contains("classes have fewer"), "{run:?}");
    // Without a feature that tells classes apart all predictions are alike. Each fold holds 5 of the 20
    // examples of each class, so the risk is 2/3 in all of them.
    let text: String = (0..60).map(|row| format!("{} 1:1\n", row / 20)).collect();
    home.write("alike", text);
    let answer = home.json(&["validate", "multiclass", "--folds", "4", "--c-sum", "1", "alike"]);
    assert_eq!(answer["best"]["risks"], json!(vec![10.0 / 15.0; 4]));
    assert!(number(&answer["best"], "standard_error") < 1e-12);
    // Leaving one out.
    let run = home.succeeds(&[
        "validate",
        "multiclass",
        "--folds",
        "60",
        "--passes",
        "2",
        "--c-sum",
        "1",
        "train.svm",
    ]);
    assert!(run.out.lines().count() == 2, "{run:?}");
}

#[test]
fn the_best_constant_is_used_for_a_model_of_all_examples() {
    let home = Home::new();
    let before =
        ["validate", "multiclass", "--folds", "3", "--c-sum", "1e-4,1e-2,1", "--no-extend"];
    let answer = home.json(&[&before[..], &["--refit", "model", "train.svm"]].concat());
    let c = number(&answer["best"], "c_sum").to_string();
    assert_eq!(number(&answer["refit"], "c_sum").to_string(), c);
    // The table stays alone on standard output.
    let run = home.succeeds(&[&before[..], &["--refit", "model", "train.svm"]].concat());
    assert_eq!(run.out.lines().count(), 4, "{run:?}");
    assert!(run.err.contains("model written to model"), "{run:?}");
    for (arguments, expected) in [
        (&["--refit", "train.svm", "train.svm"][..], "another file than one that is read"),
        (&["--refit", "x", "--log", "x", "train.svm"], "cannot both use one file"),
        (&["--refit", "-", "train.svm"], "cannot all use standard output"),
        (&["--refit", "no/model", "train.svm"], "does not exist"),
        (&["--refit", "x", "-"], "which standard input cannot be"),
    ] {
        home.refuses(&[&["validate", "multiclass"], arguments].concat(), &[expected]);
    }
}
