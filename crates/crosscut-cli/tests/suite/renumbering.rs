//! Training renumbers features by their frequency, and nothing shows it: a file whose ids are in
//! that order gives the same weights, to the bit, and models, checkpoints, priors and exports have
//! the order of ids.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, and so do its helpers")]

use crate::common;

use std::collections::BTreeMap;

use common::Home;
use serde_json::Value;

const TASKS: [&str; 2] = ["multiclass", "sequence"];
/// Classes and tags: with the features there are, more weights than a cache of 512 KiB holds.
const CLASSES: usize = 25;
const LINES: usize = 600;

/// Lines of sparse features as (id, value): few ids are frequent, and most of them are large.
fn rows() -> Vec<Vec<(usize, f64)>> {
    let mut state = 1_u64;
    let mut draw = |below: usize| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    let row = |_| {
        let mut row = BTreeMap::new();
        for _ in 0..25 {
            let below = [40, 600, 9000][draw(3)];
            // A permutation of the numbers below 10 007.
            let id = 1 + (draw(below) * 7919 + 13) % 10_007;
            row.insert(id, (draw(9) + 1) as f64 / 4.0);
        }
        row.into_iter().collect()
    };
    (0..LINES).map(row).collect()
}

/// The id of each id in the order that training puts them in: by the number of binary digits of
/// their counts.
fn order(rows: &[Vec<(usize, f64)>]) -> BTreeMap<usize, usize> {
    let mut counts: BTreeMap<usize, u32> = BTreeMap::new();
    rows.iter().flatten().for_each(|(id, _)| *counts.entry(*id).or_default() += 1);
    let mut ids: Vec<usize> = counts.keys().copied().collect();
    ids.sort_by_key(|id| (counts[id].leading_zeros(), *id));
    ids.into_iter().zip(1..).collect()
}

/// `spread` with these rows and ids that leave gaps, and `sorted` with ids in the order of training.
fn write(home: &Home, task: &str, rows: &[Vec<(usize, f64)>], order: &BTreeMap<usize, usize>) {
    let text = |id: &dyn Fn(usize) -> usize| -> String {
        let line = |(at, row): (usize, &Vec<(usize, f64)>)| {
            let mut row: Vec<(usize, f64)> = row.iter().map(|(old, v)| (id(*old), *v)).collect();
            row.sort_by_key(|(id, _)| *id);
            let label = (row.len() + at * 31) % CLASSES + 1;
            let name =
                if task == "multiclass" { String::new() } else { format!(" qid:{}", at / 6) };
            let row: String = row.iter().map(|(id, v)| format!(" {id}:{v}")).collect();
            format!("{label}{name}{row}\n")
        };
        rows.iter().enumerate().map(line).collect()
    };
    home.write("spread", text(&|id| 5 * id));
    home.write("sorted", text(&|id| order[&id]));
}

fn home(task: &str) -> (Home, BTreeMap<usize, usize>) {
    let (home, rows) = (Home::new(), rows());
    let order = order(&rows);
    assert!(order.len() * CLASSES > 1 << 16);
    write(&home, task, &rows, &order);
    (home, order)
}

/// The weights of a model as bits by name, with the ids of `sorted` if it is one of `spread`.
fn weights(
    home: &Home,
    model: &str,
    order: Option<&BTreeMap<usize, usize>>,
) -> BTreeMap<String, u64> {
    let inspected = home.json(&["inspect", "--top", "10000000", model]);
    let one = |weight: &Value| {
        let name = weight["name"].as_str().unwrap();
        let name = match (order, name.rsplit_once("feature ")) {
            (Some(order), Some((before, id))) => {
                let id = order[&(id.parse::<usize>().unwrap() / 5)];
                format!("{before}feature {id}")
            }
            _ => name.to_owned(),
        };
        (name, weight["weight"].as_f64().unwrap().to_bits())
    };
    let lists = ["heaviest", "transitions"].map(|list| inspected[list].as_array().unwrap());
    lists.into_iter().flatten().map(one).collect()
}

/// The options of short runs.
const RUNS: [(&str, &[&str]); 9] = [
    ("multiclass", &["--passes", "3"]),
    ("multiclass", &["--solver", "one-slack", "--c-sum", "0.1", "--gap", "0.3"]),
    ("multiclass", &["--bias", "1", "--objective", "log", "--passes", "2"]),
    ("multiclass", &["--scale", "standard", "--passes", "3"]),
    ("sequence", &["--passes", "3"]),
    ("sequence", &["--t", "2", "--e", "1", "--passes", "3"]),
    ("sequence", &["--solver", "one-slack", "-l", "0", "--c-sum", "0.1", "--gap", "0.3"]),
    ("sequence", &["--objective", "log", "--passes", "2"]),
    ("sequence", &["--scale", "global", "--passes", "3"]),
];

#[test]
fn ids_in_the_order_of_training_give_the_same_weights_bit_for_bit() {
    for (task, options) in RUNS {
        let (home, order) = home(task);
        let learn = |more: &[&str]| {
            home.succeeds(&[&["learn", task, "-v", "0"], options, more].concat());
        };
        learn(&["sorted", "b"]);
        let expected = weights(&home, "b", None);
        assert!(expected.len() > 1000);
        for threads in ["1", "2", "3"] {
            learn(&["--threads", threads, "spread", threads]);
            assert!(home.read(threads) == home.read("1"), "{task} {options:?} {threads}");
        }
        assert!(weights(&home, "1", Some(&order)) == expected, "{task} {options:?}");

        // Models are in the order of ids, and predict alike.
        home.succeeds(&["export", "1", "text"]);
        let exported: Value = serde_json::from_slice(&home.read("text")).unwrap();
        let of_labels = exported["weights"].as_object().unwrap();
        assert!(!of_labels.is_empty());
        let text = home.text("text");
        for label in of_labels.keys() {
            let list =
                text.split_once(&format!("\"{label}\": {{")).unwrap().1.split('}').next().unwrap();
            let id = |entry: &str| entry.split('"').nth(1).unwrap().parse::<usize>().unwrap();
            assert!(list.is_empty() || list.split(',').map(id).is_sorted(), "{label}: {list}");
        }
        home.succeeds(&["classify", "spread", "1", "of spread"]);
        home.succeeds(&["classify", "sorted", "b", "of sorted"]);
        let labels = |file: &str| -> Vec<String> {
            let text = home.text(file);
            text.lines().map(|line| line.split(' ').next().unwrap().to_owned()).collect()
        };
        assert_eq!(labels("of spread"), labels("of sorted"), "{task} {options:?}");
    }
}

#[test]
fn runs_that_resume_or_start_from_models_give_the_same_weights() {
    for task in TASKS {
        let (home, order) = home(task);
        let learn = |options: &[&str]| {
            home.succeeds(&[&["learn", task, "-v", "0"], options].concat());
        };
        learn(&["--passes", "4", "spread", "whole"]);
        learn(&["--passes", "2", "--checkpoint", "kept", "--every", "1", "spread", "part"]);
        learn(&["--passes", "4", "--resume", "kept", "spread", "resumed"]);
        assert!(home.read("resumed") == home.read("whole"), "{task}");

        learn(&["--passes", "4", "sorted", "sorted whole"]);
        for option in ["--prior", "--init"] {
            learn(&["--passes", "2", "-c", "9", option, "whole", "spread", "a"]);
            learn(&["--passes", "2", "-c", "9", option, "sorted whole", "sorted", "b"]);
            let [a, b] = [("a", Some(&order)), ("b", None)];
            assert!(weights(&home, a.0, a.1) == weights(&home, b.0, b.1), "{task} {option}");
        }
        // Next to no weight on the examples leaves those of the prior.
        learn(&["--c-sum", "1e-12", "--prior", "whole", "spread", "a"]);
        let [prior, a] = ["whole", "a"].map(|model| weights(&home, model, None));
        for (name, weight) in prior {
            let (weight, found) = (f64::from_bits(weight), f64::from_bits(a[&name]));
            assert!((weight - found).abs() <= 1e-9, "{task} {name}: {weight}, {found}");
        }
    }
}

#[test]
fn validation_says_the_same_of_both_files() {
    for task in TASKS {
        let (home, _) = home(task);
        let validate = |file: &str| {
            let options = ["--folds", "3", "--passes", "3", "-c", "1,10", "--predictions", "p"];
            let mut found = home.json(&[&["validate", task], &options[..], &[file]].concat());
            let text: Vec<String> = home
                .text("p")
                .lines()
                .map(|line| line.split(' ').next().unwrap().to_owned())
                .collect();
            found.as_object_mut().unwrap().remove("seconds");
            (found, text)
        };
        let (spread, sorted) = (validate("spread"), validate("sorted"));
        assert_eq!(spread, sorted, "{task}");
    }
}

#[test]
fn drop_in_programs_give_the_same_weights() {
    for (task, program) in [("multiclass", "svm_multiclass"), ("sequence", "svm_hmm")] {
        let (home, _) = home(task);
        let learned = |file: &str| {
            home.succeeds(&[&format!("{program}_learn"), "-c", "10", "-e", "5", file, "m"]);
            home.succeeds(&[&format!("{program}_classify"), file, "m", "p"]);
            let (model, predictions) = (home.text("m"), home.text("p"));
            let words = model.lines().last().unwrap().split(' ');
            let mut weights: Vec<String> =
                words.filter_map(|word| Some(word.split_once(':')?.1.to_owned())).collect();
            weights.sort();
            let label = |line: &str| line.split(' ').next().unwrap().to_owned();
            (weights, predictions.lines().map(label).collect::<Vec<_>>())
        };
        let (spread, sorted) = (learned("spread"), learned("sorted"));
        assert!(spread.0.len() > 1000 && spread.1.len() == LINES, "{program}");
        assert!(spread == sorted, "{program}");
    }
}
