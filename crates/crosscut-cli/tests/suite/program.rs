//! The program as its users meet it: what it reads, writes, prints and promises.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, and so do its helpers")]

use crate::common;

use common::{Home, gzip};
use serde_json::Value;

const SOLVERS: [&str; 3] = ["auto", "block", "one-slack"];

fn number(object: &Value, key: &str) -> f64 {
    object[key].as_f64().unwrap_or_else(|| panic!("{key} in {object}"))
}

fn keys(object: &Value) -> Vec<&str> {
    object.as_object().unwrap().keys().map(String::as_str).collect()
}

fn sorted(mut names: Vec<&str>) -> Vec<&str> {
    names.sort_unstable();
    names
}

fn assert_close(a: f64, b: f64, tolerance: f64) {
    assert!((a - b).abs() <= tolerance * b.abs().max(1.0), "{a} is not {b}");
}

#[test]
fn from_examples_to_a_model_and_its_measures() {
    let home = Home::new();
    let learned = home.succeeds(&["learn", "multiclass", "train.svm", "model"]);
    assert_eq!(learned.out, "");
    let lines: Vec<&str> = learned.err.lines().collect();
    assert_eq!(lines[0], "multiclass: 60 examples, 3 classes, 3 features; C = 60 (--c-sum 1)");
    assert!(
        lines[1].starts_with("converged: primal ") && lines[1].contains(" (relative "),
        "{lines:?}"
    );
    assert!(lines[2].starts_with("block, ") && lines[2].contains(" exact passes, "), "{lines:?}");
    assert_eq!(lines[3..], ["model written to model"]);

    let classified = home.succeeds(&["classify", "test.svm", "model", "predictions"]);
    assert_eq!(classified.out, "");
    let expected = "21 predictions written to predictions; mean loss ";
    assert!(
        classified.err.starts_with(expected)
            && classified.err.ends_with(" on the 20 with a label\n"),
        "{classified:?}"
    );

    let evaluated = home.succeeds(&["evaluate", "test.svm", "model"]);
    assert!(
        evaluated.out.starts_with("error ") && evaluated.out.contains("\nconfusion "),
        "{evaluated:?}"
    );
    assert_eq!(evaluated.err, "1 of 21 examples have no output and are left out\n");
    let wrong = |home: &Home| {
        let (text, predictions) = (home.text("test.svm"), home.text("predictions"));
        let pairs = text.lines().zip(predictions.lines()).map(|(line, prediction)| {
            (
                line.split(' ').next().unwrap().to_owned(),
                prediction.split(' ').next().unwrap().to_owned(),
            )
        });
        pairs.filter(|(y, y_hat)| y != "?" && y != y_hat).count() as f64
    };
    let report = home.json(&["evaluate", "test.svm", "model"]);
    assert_eq!(number(&report, "incorrect"), wrong(&home));
    assert_close(number(&report, "error"), wrong(&home) / 20.0, 1e-12);

    let inspected = home.succeeds(&["inspect", "--top", "2", "model"]).out;
    assert!(inspected.starts_with("task      multiclass, 3 classes, 3 features\n"), "{inspected}");
    assert!(
        inspected.contains("training  60 examples, objective hinge, C = 60 (--c-sum 1), block, "),
        "{inspected}"
    );
    assert_eq!(inspected.lines().filter(|line| line.starts_with("  ")).count(), 2, "{inspected}");
    assert!(inspected.contains("  class "), "{inspected}");

    let validated = home.succeeds(&[
        "validate",
        "multiclass",
        "--folds",
        "3",
        "--c-sum",
        "0.001,1",
        "train.svm",
    ]);
    let rows: Vec<&str> = validated.out.lines().collect();
    assert!(rows.len() == 3 && rows[0].trim_start().starts_with("--c-sum "), "{validated:?}");
    assert_eq!(rows.iter().filter(|row| row.contains("  best")).count(), 1, "{validated:?}");
}

#[test]
fn predictions_are_a_label_and_a_score_for_each_class() {
    let home = Home::with_model();
    home.succeeds(&["classify", "test.svm", "good", "predictions"]);
    // The classes of the model in its order: not all labels are numbers.
    let classes = ["-1", "1", "sci.space"];
    let predictions = home.text("predictions");
    assert_eq!(predictions.lines().count(), 21);
    for line in predictions.lines() {
        let (label, scores) = line.split_once(' ').unwrap();
        let scores: Vec<f64> = scores.split(' ').map(|score| score.parse().unwrap()).collect();
        assert_eq!(scores.len(), 3);
        let best = (0..3).max_by(|&a, &b| scores[a].total_cmp(&scores[b])).unwrap();
        assert_eq!(label, classes[best], "{line}");
    }
    // Labels have no part in it, and features never seen in training neither.
    let unlabelled: String = (home.text("test.svm").lines())
        .map(|line| {
            line.split_once(' ').unwrap().1.split(" #").next().unwrap().to_owned() + " 900:1\n"
        })
        .collect();
    home.write("unlabelled", unlabelled);
    home.succeeds(&["classify", "unlabelled", "good", "again"]);
    assert_eq!(home.text("again"), predictions);
}

#[test]
fn labels_that_are_numbers_are_ordered_as_numbers() {
    let home = Home::new();
    home.write("numbers", "10 1:1\n9 2:1\n-1 3:1\n10 1:2\n");
    home.succeeds(&["learn", "multiclass", "numbers", "model"]);
    let report = home.json(&["evaluate", "numbers", "model"]);
    assert_eq!(report["confusion"]["columns"], serde_json::json!(["-1", "9", "10"]));
}

#[test]
fn a_dash_is_standard_input_or_output() {
    let home = Home::with_model();
    home.succeeds(&["classify", "test.svm", "good", "predictions"]);
    let (train, test, model) = (home.read("train.svm"), home.read("test.svm"), home.read("good"));

    home.run_with(&["learn", "multiclass", "-", "model"], &train);
    assert!(home.read("model") == model);
    let run = home.run_with(&["classify", "-", "good", "-"], &test);
    assert_eq!(run.out, home.text("predictions"));
    assert!(run.err.starts_with("21 predictions written to standard output; "), "{run:?}");
    let run = home.run_with(&["classify", "test.svm", "-", "-"], &model);
    assert_eq!(run.out, home.text("predictions"));
    let report = home.succeeds(&["evaluate", "test.svm", "good"]).out;
    assert_eq!(home.run_with(&["evaluate", "-", "good"], &gzip(&test)).out, report);
    assert_eq!(home.run_with(&["evaluate", "test.svm", "-"], &model).out, report);
    assert_eq!(
        home.run_with(&["inspect", "-"], &model).out,
        home.succeeds(&["inspect", "good"]).out
    );
    assert!(home.run_with(&["validate", "multiclass", "-"], &train).out.contains("  best"));
    let log = home.succeeds(&["learn", "multiclass", "--log", "-", "train.svm", "model"]).out;
    assert!(
        log.lines().all(|line| serde_json::from_str::<Value>(line).is_ok())
            && log.contains("\"stop\"")
    );

    // Standard input is named where a file would be. A model is not text, so it is written to a
    // file through a pipe.
    let run = home.run_with(&["learn", "multiclass", "-", "model"], b"1 1:1\n2 0:1\n");
    assert_eq!(
        (run.code, run.err.starts_with("crosscut: standard input:2: expected ")),
        (2, true),
        "{run:?}"
    );
    assert!(!home.path("-").exists());
}

#[test]
fn archives_are_read_and_written() {
    let home = Home::with_model();
    home.succeeds(&["classify", "test.svm", "good", "predictions"]);
    home.write("train.svm.gz", gzip(&home.read("train.svm")));
    home.write("test.svm.gz", gzip(&home.read("test.svm")));
    home.succeeds(&["learn", "multiclass", "train.svm.gz", "model.gz"]);
    home.succeeds(&["learn", "multiclass", "train.svm.gz", "model"]);
    assert!(home.read("model") == home.read("good"));
    assert!(home.read("model.gz").starts_with(&[0x1f, 0x8b]));
    home.succeeds(&["classify", "test.svm.gz", "model.gz", "predictions.gz"]);
    let mut unpacked = String::new();
    let packed = home.read("predictions.gz");
    std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(&packed[..]), &mut unpacked)
        .unwrap();
    assert_eq!(unpacked, home.text("predictions"));
}

#[test]
fn json_is_one_object_with_every_figure() {
    let home = Home::new();
    let learned = home.json(&["learn", "multiclass", "train.svm", "model"]);
    let expected = [
        "c_mean",
        "c_sum",
        "converged",
        "dim",
        "dual",
        "examples",
        "gap",
        "objective",
        "oracle",
        "oracle_calls",
        "oracle_seconds",
        "passes",
        "plane_bytes",
        "planes",
        "primal",
        "prior",
        "relative_gap",
        "relaxed",
        "seconds",
        "settings",
        "shown",
        "sizes",
        "solver",
        "stop",
        "task",
        "verdict",
    ];
    assert_eq!(keys(&learned), expected);
    assert_eq!(
        learned["oracle"],
        serde_json::json!({ "worse": 0, "first_worse": null, "fault": null })
    );
    assert_eq!(learned["converged"], true);
    assert_eq!(learned["sizes"], serde_json::json!({ "classes": 3, "features": 3 }));
    assert_eq!((&learned["solver"], &learned["stop"]), (&"block".into(), &"gap".into()));
    assert_eq!(learned["shown"], learned["primal"]);
    assert_eq!(
        ["c_mean", "c_sum", "dim", "examples"].map(|key| number(&learned, key)),
        [60.0, 1.0, 9.0, 60.0]
    );
    assert_eq!(number(&learned, "gap"), number(&learned, "primal") - number(&learned, "dual"));
    assert!(number(&learned, "relative_gap") <= 1e-3);
    assert_eq!(number(&learned, "oracle_calls"), 60.0 * number(&learned, "passes"));

    let inspected = home.json(&["inspect", "model"]);
    for key in expected.into_iter().filter(|key| !key.contains("seconds") && *key != "plane_bytes")
    {
        assert_eq!(inspected[key], learned[key], "{key}");
    }
    assert_eq!(inspected["heaviest"].as_array().unwrap().len(), 9);

    let classified = home.json(&["classify", "test.svm", "model", "predictions"]);
    assert_eq!(keys(&classified), ["examples", "labelled", "loss"]);
    let report = home.json(&["evaluate", "test.svm", "model"]);
    for key in [
        "error",
        "accuracy",
        "loss",
        "macro_precision",
        "macro_recall",
        "macro_f1",
        "micro_precision",
    ] {
        assert!(report[key].is_number(), "{key}");
    }
    for key in ["micro_recall", "micro_f1", "per_class", "confusion"] {
        assert!(!report[key].is_null(), "{key}");
    }
    assert_eq!(report["loss"], classified["loss"]);

    let validated = home.json(&["validate", "multiclass", "-c", "6,60,6", "train.svm"]);
    assert_eq!(
        keys(&validated),
        ["best", "chosen", "extended", "folds", "one_standard_error", "points", "task"]
    );
    let points = validated["points"].as_array().unwrap();
    assert_eq!(points.iter().map(|point| number(point, "c_mean")).collect::<Vec<_>>(), [6.0, 60.0]);
    assert!(points.contains(&validated["best"]) && points[0]["measures"]["error"].is_number());
}

#[test]
fn the_log_has_a_line_for_each_pass_and_says_why_it_stopped() {
    let home = Home::new();
    let expected = [
        "dual",
        "estimate",
        "gap",
        "oracle_calls",
        "oracle_seconds",
        "pass",
        "plane_bytes",
        "planes",
        "primal",
        "prior",
        "relative_gap",
        "relaxed",
        "seconds",
        "shown",
    ];
    let rules: [(&[&str], &str); 5] = [
        (&[], "gap"),
        (&["--gap", "1e-7"], "gap"),
        (&["-e", "0.01"], "epsilon"),
        (&["--gap", "0", "--passes", "3"], "passes"),
        (&["--gap", "1e-15", "--seconds", "1e-6"], "seconds"),
    ];
    for solver in SOLVERS {
        for (rule, stop) in rules {
            let command =
                ["learn", "multiclass", "--solver", solver, "--log", "log", "train.svm", "model"];
            let learned = home.json(&[&command, rule].concat());
            let log = home.log("log");
            let (last, others) = log.split_last().unwrap();
            for line in others {
                assert_eq!(keys(line), expected);
            }
            assert_eq!(
                keys(last),
                sorted([&expected[..], &["oracle", "stop", "verdict"]].concat())
            );
            assert_eq!(last["stop"], *stop, "{solver} {rule:?}");
            for key in [
                "primal",
                "shown",
                "dual",
                "gap",
                "relative_gap",
                "oracle_calls",
                "planes",
                "stop",
                "oracle",
                "verdict",
            ] {
                assert_eq!(last[key], learned[key], "{solver} {rule:?}: {key}");
            }
            for pair in log.windows(2) {
                let (before, after) = (&pair[0], &pair[1]);
                assert!(number(before, "dual") <= number(after, "dual"), "{solver}: {pair:?}");
                assert!(number(before, "pass") <= number(after, "pass"), "{solver}: {pair:?}");
                assert!(
                    number(before, "seconds") <= number(after, "seconds"),
                    "{solver}: {pair:?}"
                );
                // The primal value is unknown (null) until the first certificate.
                if let Some(primal) = before["primal"].as_f64() {
                    assert!(number(after, "primal") <= primal, "{solver}: {pair:?}");
                }
            }
            for line in &log {
                assert!(
                    line["primal"].is_null()
                        || number(line, "gap") >= -1e-12 * number(line, "primal"),
                    "{line}"
                );
            }
            match stop {
                "gap" => assert!(
                    number(last, "relative_gap") <= if rule.is_empty() { 1e-3 } else { 1e-7 }
                ),
                "epsilon" => assert!(number(last, "gap") <= 0.01 * number(&learned, "c_mean")),
                "passes" => assert_eq!(number(last, "pass"), 3.0),
                _ => {}
            }
        }
    }
    home.succeeds(&[
        "validate",
        "multiclass",
        "--folds",
        "2",
        "--c-sum",
        "1,0.1",
        "--log",
        "log",
        "train.svm",
    ]);
    let ends: Vec<Value> =
        home.log("log").into_iter().filter(|line| !line["stop"].is_null()).collect();
    assert_eq!(ends.len(), 4);
    assert_eq!(ends[0]["round"], serde_json::json!({ "fold": 0, "c_mean": 3.0 }));
}

#[test]
fn both_conventions_of_c_are_the_same_problem() {
    let home = Home::new();
    home.succeeds(&["learn", "multiclass", "-c", "30", "train.svm", "mean"]);
    let run = home.succeeds(&["learn", "multiclass", "--c-sum", "0.5", "train.svm", "sum"]);
    assert!(run.err.contains("C = 30 (--c-sum 0.5)"), "{run:?}");
    home.succeeds(&["classify", "test.svm", "mean", "from-mean"]);
    home.succeeds(&["classify", "test.svm", "sum", "from-sum"]);
    assert_eq!(home.text("from-mean"), home.text("from-sum"));
}

#[test]
fn copies_of_the_examples_are_said_to_be_and_change_nothing() {
    let home = Home::new();
    home.write("four.svm", home.text("train.svm").repeat(4));
    for c in [["-c", "30", "-c", "30"], ["--c-sum", "0.5", "--c-sum", "0.125"]] {
        home.succeeds(&["learn", "multiclass", c[0], c[1], "train.svm", "model"]);
        let run = home.succeeds(&["learn", "multiclass", c[2], c[3], "four.svm", "four"]);
        assert!(run.err.starts_with("multiclass: 240 examples, "), "{run:?}");
        assert!(
            run.err.contains(" examples are different; equal ones are trained as one, "),
            "{run:?}"
        );
        for (model, predictions) in [("model", "once"), ("four", "four-times")] {
            home.succeeds(&["classify", "test.svm", model, predictions]);
        }
        assert_eq!(home.text("once"), home.text("four-times"));
        home.succeeds(&[
            "learn",
            "multiclass",
            c[2],
            c[3],
            "--passes",
            "3",
            "--checkpoint",
            "kept",
            "four.svm",
            "part",
        ]);
        home.succeeds(&[
            "learn",
            "multiclass",
            c[2],
            c[3],
            "--resume",
            "kept",
            "four.svm",
            "resumed",
        ]);
        assert!(home.read("resumed") == home.read("four"));
    }
    home.succeeds(&["validate", "multiclass", "--folds", "3", "--c-sum", "0.125", "four.svm"]);
}

#[test]
fn equal_runs_write_equal_models_on_any_number_of_threads() {
    let home = Home::new();
    for solver in SOLVERS {
        let models = ["1", "2", "3", "1"].map(|threads| {
            home.succeeds(&[
                "learn",
                "multiclass",
                "--solver",
                solver,
                "--threads",
                threads,
                "train.svm",
                "model",
            ]);
            home.read("model")
        });
        assert!(models.iter().all(|model| *model == models[0]), "{solver}");
    }
    let orders = ["1", "2"].map(|seed| {
        home.succeeds(&[
            "learn",
            "multiclass",
            "--solver",
            "block",
            "--seed",
            seed,
            "train.svm",
            "model",
        ]);
        home.read("model")
    });
    assert!(orders[0] != orders[1]);
}

#[test]
fn every_solver_and_every_way_of_the_block_solver_finds_the_same_optimum() {
    let home = Home::new();
    let ways: [&[&str]; 5] = [
        &["--solver", "block"],
        &["--solver", "one-slack"],
        &["--no-acceleration"],
        &["--batch", "1", "--planes", "3"],
        &["--approximate-passes", "0"],
    ];
    home.write("costs", "1 -1 3 # dear\n-1 1 0.25\n");
    let problems: [&[&str]; 4] = [
        &[],
        &["-o", "1", "--cost", "costs"],
        &["--bias", "2", "--c-sum", "0.1"],
        &["--cost", "costs"],
    ];
    let mut optima = Vec::new();
    for problem in problems {
        let bounds: Vec<(f64, f64)> = (ways.iter())
            .map(|way| {
                let command = ["learn", "multiclass", "--gap", "1e-6", "train.svm", "model"];
                let learned = home.json(&[&command, problem, way].concat());
                assert_eq!(learned["stop"], "gap", "{problem:?} {way:?}: {learned}");
                (number(&learned, "dual"), number(&learned, "primal"))
            })
            .collect();
        let (dual, primal) = (
            bounds.iter().map(|b| b.0).fold(0.0, f64::max),
            bounds.iter().map(|b| b.1).fold(f64::MAX, f64::min),
        );
        assert!(dual <= primal * (1.0 + 1e-12), "{problem:?}: {bounds:?}");
        optima.push(primal);
    }
    // Each option changed the problem.
    assert!((0..4).all(|a| (0..a).all(|b| (optima[a] - optima[b]).abs() > 1e-3)), "{optima:?}");
}

#[test]
fn golden_data_has_its_golden_optimum() {
    let home = Home::new();
    let data = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../crosscut-multiclass/tests/data/multiclass.train.svm"
    );
    for solver in SOLVERS {
        let how = ["--gap", "1e-7", "--solver", solver];
        let learned = home.json(
            &[&["learn", "multiclass", "--bias", "1", "-c", "120"], &how[..], &[data, "model"]]
                .concat(),
        );
        assert_close(number(&learned, "primal"), 9.512_843, 1e-6);
    }
}

#[test]
fn digits_are_read_from_their_pixels() {
    let home = Home::new();
    let data =
        |name: &str| format!("{}/../../datasets/digits.{name}.svm", env!("CARGO_MANIFEST_DIR"));
    home.succeeds(&["learn", "multiclass", "--bias", "1", &data("train"), "model"]);
    let report = home.json(&["evaluate", &data("test"), "model"]);
    assert!(number(&report, "error") < 0.08, "{report}");
    assert_eq!(report["confusion"]["rows"].as_array().unwrap().len(), 10);
}

#[test]
fn verbosity_goes_from_nothing_to_every_pass() {
    let home = Home::new();
    let lines = |verbosity: &str| {
        let run = home.succeeds(&[
            "learn",
            "multiclass",
            "--passes",
            "5",
            "--gap",
            "0",
            "-v",
            verbosity,
            "train.svm",
            "model",
        ]);
        assert_eq!(run.out, "");
        run.err.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    assert!(lines("0").is_empty());
    assert_eq!(lines("1").len(), 4);
    let passes = |lines: &[String]| lines.iter().filter(|line| line.starts_with("pass ")).count();
    assert!(passes(&lines("2")) >= 4, "{:?}", lines("2"));
    let all = lines("3");
    assert!(passes(&all) >= 4 && all.iter().any(|line| line.starts_with("settings {")), "{all:?}");
    assert!(lines("1")[1].starts_with("stopped after the passes allowed, not converged: primal "));

    for quiet in [
        &["classify", "-v", "0", "test.svm", "model", "p"][..],
        &["evaluate", "-v", "0", "test.svm", "model"],
    ] {
        assert_eq!(home.succeeds(quiet).err, "");
    }
    assert_eq!(
        home.run(&["learn", "multiclass", "-v", "0", "missing", "model"]).err.lines().count(),
        1
    );
}

#[test]
fn a_wide_gap_comes_with_what_would_help() {
    let home = Home::new();
    // Rankings that nothing separates, with features of very different sizes, and steps alone.
    let rows: String = (0..400)
        .map(|i| format!("{} 1:{} 2:{}\n", i % 2, i * 37 % 101, i * 17 % 7 * 1_000_000))
        .collect();
    home.write("raw.svm", &rows);
    let command = [
        "learn",
        "multiclass",
        "--no-acceleration",
        "--passes",
        "40",
        "--bias",
        "1",
        "raw.svm",
        "m",
    ];
    let said = home.succeeds(&command).err;
    let advice = "the gap is wide: steps alone are slow; what helps: --scale standard, or a smaller C (--c-sum 0.01), or no \
                  --no-acceleration";
    assert!(said.lines().any(|line| line == advice), "{said}");
    let scaled = home.succeeds(&[&command[..], &["--scale", "standard"]].concat()).err;
    assert!(!scaled.contains("--scale standard, or"), "{scaled}");
    let said = home.succeeds(&["learn", "multiclass", "--bias", "1", "raw.svm", "m"]).err;
    assert!(said.contains("converged: ") && !said.contains("the gap is wide"), "{said}");
}

#[test]
fn help_names_every_flag() {
    let home = Home::new();
    let training = [
        "-c <",
        "--c-sum <",
        "-e <",
        "--gap <",
        "--solver <",
        "-o <1|2>",
        "-l <",
        "--passes <",
        "--seconds <",
        "--threads <",
        "--seed <",
        "-v <0..3>",
        "--log <",
        "--json",
        "--bias <",
        "--cost <",
        "auto, block, one-slack",
    ];
    let table: &[(&[&str], &str, &[&str])] = &[
        (
            &["learn", "multiclass"],
            "Multiclass classification",
            &[
                &training[..],
                &["<EXAMPLES>", "<MODEL>", "--checkpoint <", "--every <", "--resume <"],
            ]
            .concat(),
        ),
        (
            &["validate", "multiclass"],
            "Multiclass classification",
            &[&training[..], &["<EXAMPLES>", "--folds <"]].concat(),
        ),
        (
            &["classify"],
            "Predict with a model",
            &["<EXAMPLES>", "<MODEL>", "<PREDICTIONS>", "--threads <", "-v <", "--json"],
        ),
        (
            &["evaluate"],
            "Measure a model",
            &["<EXAMPLES>", "<MODEL>", "--threads <", "-v <", "--json"],
        ),
        (&["inspect"], "Show what a model is", &["<MODEL>", "--top <", "--json"]),
        (&["learn"], "Train a model", &["<TASK>", "multiclass"]),
        (&["validate"], "Choose C by cross-validation", &["<TASK>", "multiclass"]),
        (
            &[],
            "Structural SVMs",
            &["learn", "classify", "evaluate", "validate", "inspect", "tasks"],
        ),
    ];
    for (command, about, words) in table {
        let help = home.succeeds(&[*command, &["--help"]].concat());
        assert!(help.out.starts_with(about) && help.err.is_empty(), "{command:?}: {help:?}");
        let unwrapped = help.out.split_whitespace().collect::<Vec<_>>().join(" ");
        for word in *words {
            assert!(unwrapped.contains(word), "{command:?} does not name {word}:\n{}", help.out);
        }
        assert!(
            help.out.lines().count() < 110
                && help.out.lines().all(|line| line.chars().count() <= 100),
            "{}",
            help.out
        );
    }
    for task in ["multiclass", "sequence", "ranking"] {
        let help = home.succeeds(&["learn", task, "--help"]).out;
        let first = help
            .split("\n\n")
            .find(|block| block.starts_with("Options:"))
            .expect("a block of options");
        let options = first
            .lines()
            .filter(|line| line.trim_start().starts_with('-') && !line.contains("--help"))
            .count();
        assert!(
            options <= 10 && help.contains("\n\nAdvanced:\n"),
            "the first screen has {options} options:\n{help}"
        );
    }
    let tasks = home.succeeds(&["tasks"]).out;
    let names: Vec<&str> = tasks.lines().filter_map(|line| line.split("  ").next()).collect();
    assert_eq!(names, ["multiclass", "sequence", "ranking"]);
    assert!(home.succeeds(&["--version"]).out.starts_with("crosscut "));
    // Nothing given: help on standard error.
    for command in [&[][..], &["learn"], &["validate"]] {
        let run = home.run(command);
        assert!(
            run.code == 2 && run.out.is_empty() && run.err.contains("Usage: crosscut"),
            "{run:?}"
        );
    }
}

#[test]
fn help_is_narrow_and_has_an_example() {
    let home = Home::new();
    let tasks = ["multiclass", "sequence", "ranking"];
    let mut commands: Vec<Vec<&str>> = vec![vec!["tasks"], vec!["link"], vec!["help"], vec![]];
    for verb in ["learn", "validate", "check"] {
        commands.push(vec![verb]);
        commands.extend(tasks.map(|task| vec![verb, task]));
    }
    commands.extend(
        ["classify", "evaluate", "inspect", "export", "completions", "man"].map(|v| vec![v]),
    );
    let mut texts: Vec<(String, String)> = Vec::new();
    for command in commands {
        // `crosscut help` is help itself.
        let flag: &[&str] = if command == ["help"] { &[] } else { &["--help"] };
        let help = home.succeeds(&[&command[..], flag].concat()).out;
        let verb = command.first().copied().unwrap_or_default();
        let has_example = !matches!(verb, "" | "tasks" | "link" | "help");
        let example = format!("Example:\n  crosscut {} ", command.join(" "));
        let found = help.contains("Example:\n  crosscut ");
        assert_eq!(found, has_example, "{command:?}: {help}");
        assert!(command.len() < 2 || help.contains(&example), "{command:?}: {help}");
        texts.push((command.join(" "), help));
    }
    for program in ["svm_multiclass", "svm_hmm", "svm_rank", "svm_proprank"] {
        for part in ["learn", "classify"] {
            let name = format!("{program}_{part}");
            let help = home.succeeds(&[&name, "-?"]).out;
            assert!(help.contains(&format!("Example: {name} ")), "{help}");
            texts.push((name, help));
        }
    }
    for (command, help) in texts {
        for line in help.lines() {
            assert!(line.chars().count() <= 100, "{command}: {line}");
        }
    }
}

#[cfg(unix)]
#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let home = Home::with_model();
    home.write("many", home.text("train.svm").repeat(1000));
    let program = assert_cmd::cargo::cargo_bin!("crosscut").display().to_string();
    for command in
        ["classify many good -", "evaluate many good", "inspect good", "learn --help", "tasks"]
    {
        let script = format!("{program} {command} | head -c 1 > head; exit ${{PIPESTATUS[0]}}");
        let output = std::process::Command::new("bash")
            .args(["-c", &script])
            .current_dir(home.path(""))
            .output()
            .unwrap();
        let err = String::from_utf8(output.stderr).unwrap();
        assert!(
            output.status.success() && !err.contains("panicked") && !err.contains("crosscut:"),
            "{command}: {err}"
        );
    }
}
