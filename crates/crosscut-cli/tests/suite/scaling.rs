//! `--scale` through every verb: help, learn, classify, evaluate, validate, inspect, streams and
//! checkpoints.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, and so do its helpers")]

use crate::common;

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

/// Two columns of whole numbers, the first of them far from zero: single precision has steps of 128
/// there.
#[test]
fn values_far_from_zero_are_scaled_before_they_are_rounded() {
    let file = |far: u64| {
        let line = |row: u64| {
            let (grade, noise) = (row * 7 % 5, row * 13 % 11);
            // The streams of SVM^hmm and ranking files are cut at qids; classes take no notice.
            format!("{grade} qid:{} 1:{} 2:{noise}\n", row / 10, far + 5 * grade + noise)
        };
        (0..60).map(line).collect::<String>()
    };
    for task in TASKS {
        let home = Home::new();
        home.write("far", file(1_600_000_000));
        home.write("near", file(100));
        let note = "feature 1 has values so close to each other";
        let plain = home.succeeds(&["learn", task, "--passes", "3", "far", "model"]);
        assert!(plain.err.contains(note), "{task}: {}", plain.err);
        let plain = home.succeeds(&["learn", task, "--passes", "3", "near", "model"]);
        assert!(!plain.err.contains(note), "{task}: {}", plain.err);

        let scales = ["standard", "global", "query"];
        let scales = if task == "ranking" { &scales[..] } else { &scales[..2] };
        for scale in scales {
            let learn = ["learn", task, "-v", "0", "--scale", scale, "--gap", "1e-7"];
            for extra in [&[][..], &["--stream"]] {
                for name in ["far", "near"] {
                    let files = [name, &*format!("{name}.model")];
                    home.succeeds(&[&learn[..], extra, &files].concat());
                }
                let close =
                    |far: f64, near: f64, by| (far - near).abs() <= by * near.abs().max(1.0);
                let numbers = |name: &str| -> Vec<f64> {
                    let model = format!("{name}.model");
                    let form: &[&str] =
                        if task == "sequence" { &["--max-marginals"] } else { &["--threads", "1"] };
                    home.succeeds(&[&["classify"], form, &[name, &model, "scores"]].concat());
                    let text = home.text("scores");
                    // Tags and classes may differ where scores are equal but for rounding.
                    let words = text.lines().flat_map(|line| {
                        line.split_whitespace().skip(usize::from(task != "ranking"))
                    });
                    words.map(|word| word.parse().unwrap()).collect()
                };
                let (far, near) = (numbers("far"), numbers("near"));
                // The objective is strongly convex: ½‖w − w*‖² is at most the gap.
                assert!(far.iter().zip(&near).all(|(&far, &near)| close(far, near, 0.01)));
                assert!(far.len() >= 60 && far.iter().any(|far| far.abs() > 0.01));
                let primal =
                    |name| home.json(&["inspect", &format!("{name}.model")])["primal"].as_f64();
                let (far, near) = (primal("far").unwrap(), primal("near").unwrap());
                // The scaled values differ in the last of their 24 bits.
                assert!(close(far, near, 1e-6), "{task} {scale}: {far} {near}");
            }
        }
    }
}
