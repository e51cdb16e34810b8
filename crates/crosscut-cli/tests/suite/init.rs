//! `learn --init`: training that starts from a model reaches the same optimum, resumes, and refuses
//! models that do not fit.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, and so do its helpers")]

use crate::common;

use common::Home;
use serde_json::Value;

const TASKS: [&str; 3] = ["multiclass", "sequence", "ranking"];

/// Rows of three kinds, after `prefix`; some of the features come with `seed`.
fn lines(rows: usize, seed: usize, prefix: impl Fn(usize) -> String) -> String {
    let noise = |row: usize, column: usize| {
        ((row + seed) * 7919 + column * 104_729 + 13) * 2_654_435_761 % 1_000_003 % 11
    };
    let line = |row: usize| {
        format!(
            "{} 1:{} 2:{} {}:1\n",
            prefix(row),
            kind(row) as f64 + 0.2 * noise(row, 1) as f64,
            0.1 * noise(row, 2) as f64 - 0.3 * kind(row) as f64,
            3 + seed + noise(row, 3) % 5
        )
    };
    (0..rows).map(line).collect()
}

fn kind(row: usize) -> usize {
    row * 7 % 5 % 3
}

fn write(home: &Home, task: &str, name: &str, rows: usize, seed: usize) {
    let text = match task {
        "multiclass" => lines(rows, seed, |row| format!("c{}", kind(row))),
        _ => lines(rows, seed, |row| format!("{} qid:{}", kind(row), row / 4)),
    };
    home.write(name, text);
}

fn number(json: &Value, name: &str) -> f64 {
    json[name].as_f64().unwrap_or_else(|| panic!("{name} in {json}"))
}

#[test]
fn the_optimum_is_that_of_training_from_zero() {
    for task in TASKS {
        let home = Home::new();
        write(&home, task, "old", 200, 2);
        // Other examples, some features new and some gone.
        write(&home, task, "new", 240, 0);
        home.succeeds(&["learn", task, "-v", "0", "--gap", "1e-5", "old", "a"]);
        let learn = ["learn", task, "-v", "0", "--gap", "1e-5", "--c-sum"];
        for (c, examples) in [("2", "old"), ("0.3", "old"), ("1", "new")] {
            for how in [
                &["--solver", "block"][..],
                &["--solver", "one-slack"],
                &["--stream"],
                &["-p", "2"],
                &["--no-acceleration"],
                &["--prior", "a"],
            ] {
                let run = |more: &[&str]| {
                    let cold = [&learn[..], &[c], how, more, &[examples, "b"]].concat();
                    home.json(&cold)
                };
                let (cold, warm) = (run(&[]), run(&["--init", "a"]));
                for one in [&cold, &warm] {
                    assert!(number(one, "relative_gap") <= 1e-5, "{task} {how:?}: {one}");
                }
                assert!(
                    number(&cold, "dual") <= number(&warm, "primal")
                        && number(&warm, "dual") <= number(&cold, "primal"),
                    "{task} {how:?}: {cold} {warm}"
                );
                assert_eq!(warm["prior"], cold["prior"]);
                // The model has no trace of its start.
                assert_eq!(home.json(&["inspect", "b"])["prior"], warm["prior"]);
            }
        }
        let note = home.succeeds(&["learn", task, "--init", "a", "new", "b"]).err;
        assert!(
            note.contains("weights are weights to start from; the examples have no place"),
            "{note}"
        );
        // One pass is made at the model's weights.
        home.succeeds(&["learn", task, "--passes", "1", "--init", "a", "old", "same"]);
        let weights =
            |model: &str| home.json(&["inspect", "--top", "1000", model])["heaviest"].clone();
        assert_eq!(weights("same"), weights("a"));
    }
}

#[test]
fn it_is_kept_and_resumed_without_the_model() {
    for task in TASKS {
        let home = Home::new();
        write(&home, task, "old", 60, 0);
        home.succeeds(&["learn", task, "-v", "0", "--c-sum", "0.01", "old", "a"]);
        for how in [&[][..], &["--solver", "one-slack"], &["--stream"]] {
            let learn = [&["learn", task, "--gap", "1e-6"], how].concat();
            home.succeeds(&[&learn[..], &["--init", "a", "old", "whole"]].concat());
            for passes in ["1", "3"] {
                let limit = ["--passes", passes, "--checkpoint", "state"];
                home.succeeds(&[&learn[..], &limit, &["--init", "a", "old", "part"]].concat());
                home.succeeds(&[&learn[..], &["--resume", "state", "old", "rest"]].concat());
                assert!(home.read("rest") == home.read("whole"), "{task} {how:?} {passes}");
            }
        }
        let both = ["learn", task, "--init", "a", "--resume", "state", "old", "x"];
        home.refuses(&both, &["--init expects no --resume"]);
    }
}

#[test]
fn models_that_do_not_fit_are_refused() {
    let home = Home::new();
    for task in TASKS {
        write(&home, task, task, 60, 0);
        home.succeeds(&["learn", task, "-v", "0", task, &format!("{task}.model")]);
    }
    home.succeeds(&["learn", "multiclass", "--scale", "standard", "multiclass", "scaled"]);
    home.write("others", home.text("multiclass").replace("c1", "c7"));
    home.write("foreign", "c0 90:1\nc1 91:1\nc2 92:1\n".repeat(2));
    for (task, arguments, expected) in [
        ("ranking", &["multiclass.model", "ranking"][..], "found one of the task `multiclass`"),
        ("multiclass", &["multiclass", "multiclass"], "multiclass"),
        ("multiclass", &["no", "multiclass"], "no"),
        ("multiclass", &["multiclass.model", "others"], "multiclass.model: "),
        ("multiclass", &["multiclass.model", "foreign"], "found none of its"),
        ("multiclass", &["scaled", "multiclass"], "expected a model trained with no --scale"),
        (
            "multiclass",
            &["multiclass.model", "--scale", "standard", "multiclass"],
            "with --scale standard",
        ),
        ("multiclass", &["-", "-"], "cannot all use standard input"),
    ] {
        let learn = [&["learn", task, "--init"], arguments, &["x"]].concat();
        home.refuses(&learn, &[expected]);
    }
    let over =
        ["learn", "multiclass", "--init", "multiclass.model", "multiclass", "multiclass.model"];
    home.refuses(&over, &["another file than one that is read"]);
    let log = ["--log", "multiclass.model", "multiclass", "x"];
    home.refuses(
        &[&["learn", "multiclass", "--init", "multiclass.model"], &log[..]].concat(),
        &["read"],
    );
}
