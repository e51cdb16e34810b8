//! `--scale` through every verb: help, learn, classify, evaluate, validate, inspect, streams and
//! checkpoints.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, and so do its helpers")]

mod common;

use common::Home;

/// Two features of very different sizes; every example lacks one of the others.
fn lines(prefix: impl Fn(usize) -> String) -> String {
    let noise = |row: usize, column: usize| {
        (row * 7919 + column * 104_729 + 13) * 2_654_435_761 % 1_000_003 % 11
    };
    let line = |row: usize| {
        let rare = 3 + row % 3;
        format!(
            "{} 1:{} 2:{} {rare}:{}\n",
            prefix(row),
            1000 + noise(row, 1),
            1e-4 * noise(row, 2) as f64,
            noise(row, 3)
        )
    };
    (0..60).map(line).collect()
}

const TASKS: [&str; 3] = ["multiclass", "sequence", "ranking"];

/// A file of the task in the folder.
fn write(home: &Home, task: &str) {
    let kind = |row: usize| row * 7 % 5 % 3;
    home.write(
        "train",
        match task {
            "multiclass" => lines(|row| format!("c{}", kind(row))),
            _ => lines(|row| format!("{} qid:{}", kind(row), row / 4)),
        },
    );
}

#[test]
fn a_scaled_model_is_used_by_every_verb() {
    for task in TASKS {
        let home = Home::new();
        write(&home, task);
        for scale in ["standard", "global"] {
            let learn = ["learn", task, "-v", "0", "--scale", scale];
            home.succeeds(&[&learn[..], &["train", "model"]].concat());
            let inspected = home.succeeds(&["inspect", "model"]).out;
            assert!(
                inspected.contains(&format!("\nfeatures  scaled (--scale {scale})\n")),
                "{inspected}"
            );
            let json = home.json(&["inspect", "model"]);
            assert_eq!(json["scale"], scale);

            home.succeeds(&["classify", "train", "model", "predictions"]);
            home.succeeds(&["evaluate", "train", "model"]);
            home.succeeds(&[
                "validate", task, "--scale", scale, "--folds", "3", "-c", "1", "train",
            ]);
            home.refuses(&["evaluate", "--scale", scale, "train", "model"], &["'--scale'"]);

            let memory = home.json(&[&learn[..], &["train", "model"]].concat());
            let stream = home.json(&[&learn[..], &["--stream", "train", "streamed"]].concat());
            let number = |json: &serde_json::Value, name: &str| json[name].as_f64().unwrap();
            assert!(number(&stream, "dual") <= number(&memory, "primal"));
            assert!(number(&memory, "dual") <= number(&stream, "primal"));
            assert_eq!(home.json(&["inspect", "streamed"])["scale"], scale);
        }
        home.succeeds(&["learn", task, "-v", "0", "train", "model"]);
        assert!(!home.succeeds(&["inspect", "model"]).out.contains("scale"));
        assert!(home.json(&["inspect", "model"])["scale"].is_null());
    }
}

#[test]
fn a_checkpoint_knows_its_scaling() {
    for task in TASKS {
        let home = Home::new();
        write(&home, task);
        let learn = ["learn", task, "-v", "0", "--gap", "1e-6"];
        let scaled = [&learn[..], &["--scale", "standard"]].concat();
        home.succeeds(&[&scaled[..], &["train", "whole"]].concat());
        home.succeeds(
            &[&scaled[..], &["--passes", "2", "--checkpoint", "state", "train", "part"]].concat(),
        );
        for (other, found) in
            [(&["--scale", "global"][..], "this run has --scale global"), (&[], "no --scale")]
        {
            let refused = [&learn[..], other, &["--resume", "state", "train", "rest"]].concat();
            home.refuses(&refused, &["made with --scale standard", found]);
        }
        home.succeeds(&[&scaled[..], &["--resume", "state", "train", "rest"]].concat());
        assert!(home.read("rest") == home.read("whole"), "{task}: the models differ");
    }
}

#[test]
fn words_are_the_same_for_every_task() {
    let home = Home::new();
    for task in TASKS {
        let help = home.succeeds(&["learn", task, "--help"]).out;
        let words = if task == "ranking" {
            "<none|query|standard|global>"
        } else {
            "<none|standard|global>"
        };
        assert!(help.contains(&format!("--scale {words}")), "{help}");
        write(&home, task);
        home.refuses(
            &["learn", task, "--scale", "x", "train", "model"],
            &["--scale expects none, ", "not `x`"],
        );
    }
}

#[test]
fn features_far_apart_are_named() {
    let home = Home::new();
    for task in TASKS {
        write(&home, task);
        home.write("train", home.text("train").replace(" 3:", " 3:1000000"));
        let err = home.succeeds(&["learn", task, "--passes", "2", "train", "model"]).err;
        let apart = "10000 times as";
        assert!(
            err.starts_with("train: feature")
                && err.contains(apart)
                && err.contains("give --scale "),
            "{err}"
        );
        let err = home
            .succeeds(&["learn", task, "--passes", "2", "--scale", "standard", "train", "model"])
            .err;
        assert!(!err.contains(apart), "{err}");
    }
}
