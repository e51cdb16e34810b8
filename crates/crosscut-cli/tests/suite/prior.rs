//! `--prior` through every verb: weights are matched by name, models that do not fit are refused,
//! and checkpoints, streams and validation know the prior.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, and so do its helpers")]

use crate::common;

use common::Home;
use serde_json::Value;

const TASKS: [&str; 3] = ["multiclass", "sequence", "ranking"];

/// Sixty rows with the features 1, 2 and one of `rare`, after `prefix`.
fn lines(rare: [usize; 3], seed: usize, prefix: impl Fn(usize) -> String) -> String {
    let noise = |row: usize, column: usize| {
        ((row + seed) * 7919 + column * 104_729 + 13) * 2_654_435_761 % 1_000_003 % 11
    };
    let line = |row: usize| {
        let (kind, at) = (kind(row) as f64, rare[row % 3]);
        format!(
            "{} 1:{} 2:{} {at}:{}\n",
            prefix(row),
            kind + 0.2 * noise(row, 1) as f64,
            0.1 * noise(row, 2) as f64 - 0.3 * kind,
            0.2 * noise(row, 3) as f64
        )
    };
    (0..60).map(line).collect()
}

fn kind(row: usize) -> usize {
    row * 7 % 5 % 3
}

/// Examples of a task, with these features beside 1 and 2.
fn write(home: &Home, task: &str, name: &str, rare: [usize; 3], seed: usize) {
    let text = match task {
        "multiclass" => lines(rare, seed, |row| format!("c{}", kind(row))),
        _ => lines(rare, seed, |row| format!("{} qid:{}", kind(row), row / 4)),
    };
    home.write(name, text);
}

fn number(json: &Value, name: &str) -> f64 {
    json[name].as_f64().unwrap_or_else(|| panic!("{name} in {json}"))
}

/// The weights of a model by name, without those that are 0.
fn weights(home: &Home, model: &str) -> Vec<(String, f64)> {
    let inspected = home.json(&["inspect", "--top", "1000", model]);
    let one =
        |weight: &Value| (weight["name"].as_str().unwrap().to_owned(), number(weight, "weight"));
    let lists = ["heaviest", "transitions"].map(|list| inspected[list].as_array().unwrap());
    lists.into_iter().flatten().map(one).collect()
}

fn weight(of: &[(String, f64)], name: &str) -> f64 {
    of.iter().find(|(found, _)| found == name).map_or(0.0, |(_, weight)| *weight)
}

#[test]
fn weights_are_those_of_the_prior_by_name_if_c_is_tiny() {
    for task in TASKS {
        let home = Home::new();
        // Of three rare features, one stays, two leave, two are new.
        write(&home, task, "old", [3, 4, 5], 0);
        write(&home, task, "new", [4, 60_000, 70_000], 100);
        home.succeeds(&["learn", task, "-v", "0", "old", "a"]);
        let tiny = ["learn", task, "--c-sum", "1e-9", "--prior", "a", "new", "b"];
        let run = home.succeeds(&tiny);
        assert!(run.err.contains("the examples have no place for the others"), "{run:?}");
        assert!(run.err.contains("; with prior weights\n"), "{run:?}");
        let (a, b) = (weights(&home, "a"), weights(&home, "b"));
        let in_new =
            |name: &str| !["feature 3", "feature 5"].iter().any(|gone| name.ends_with(gone));
        let mut kept = 0;
        for (name, old) in a.iter().filter(|(name, _)| in_new(name)) {
            assert!((weight(&b, name) - old).abs() <= 1e-6, "{name}: {old} and {b:?}");
            kept += 1;
        }
        assert!(kept >= 3, "{a:?}");
        for (name, new) in &b {
            assert!(in_new(name) && (weight(&a, name) - new).abs() <= 1e-6, "{name}: {new}");
        }

        // With data of its own, it moves; `inspect` says how far.
        let learned = home.json(&["learn", task, "-v", "0", "--prior", "a", "new", "b"]);
        assert_eq!(learned["prior"], true);
        assert!(number(&learned, "dual") <= number(&learned, "primal"));
        let inspected = home.json(&["inspect", "--top", "2", "b"]);
        assert!(inspected["verdict"].as_str().unwrap().ends_with("; with prior weights"));
        let prior = &inspected["prior_weights"];
        assert_eq!(number(prior, "nonzeros"), kept as f64);
        let moved = prior["moved"].as_array().unwrap();
        assert_eq!(moved.len(), 2);
        let by = |weight: &Value| (number(weight, "weight") - number(weight, "prior")).abs();
        assert!(by(&moved[0]) >= by(&moved[1]) && by(&moved[0]) <= number(prior, "distance"));
        for one in moved {
            let name = one["name"].as_str().unwrap();
            assert_eq!(number(one, "prior"), weight(&a, name), "{name}");
        }
        let text = home.succeeds(&["inspect", "--top", "2", "b"]).out;
        assert!(
            text.contains("\nprior     ") && text.contains("\nmoved furthest from the prior\n")
        );
        let (_, list) = text.split_once("moved furthest from the prior\n").unwrap();
        assert_eq!(list.lines().count(), 2, "{text}");
        let plain = home.succeeds(&["inspect", "a"]).out;
        assert!(!plain.contains("prior"), "{plain}");
        assert!(home.json(&["inspect", "a"])["prior_weights"].is_null());

        // A model of the same data is better than none: around it P is smaller.
        let cold = home.json(&["learn", task, "-v", "0", "new", "cold"]);
        let warm = home.json(&["learn", task, "-v", "0", "--prior", "cold", "new", "warm"]);
        assert_eq!(cold["prior"], false);
        assert!(number(&warm, "primal") < number(&cold, "dual"));
        home.succeeds(&["classify", "new", "b", "predictions"]);
        home.succeeds(&["evaluate", "new", "b"]);
    }
}

#[test]
fn both_solvers_and_streams_have_one_optimum() {
    for task in TASKS {
        let home = Home::new();
        write(&home, task, "old", [3, 4, 5], 0);
        write(&home, task, "new", [3, 4, 5], 100);
        home.succeeds(&["learn", task, "-v", "0", "old", "a"]);
        let learn = ["learn", task, "-v", "0", "--gap", "1e-6", "--prior", "a"];
        let run = |more: &[&str]| home.json(&[&learn[..], more, &["new", "b"]].concat());
        let runs = [
            run(&["--solver", "block"]),
            run(&["--solver", "one-slack"]),
            run(&["--stream"]),
            run(&["-p", "1", "--threads", "1"]),
        ];
        for one in &runs {
            assert!(number(one, "relative_gap") <= 1e-6, "{one}");
            for other in &runs {
                assert!(number(one, "dual") <= number(other, "primal"), "{one} {other}");
            }
        }
        let validate = ["validate", task, "--folds", "3", "--c-sum", "1e-9,1", "new"];
        let with = home.json(&[&validate[..], &["--prior", "a"]].concat());
        let without = home.json(&validate);
        // The prior alone already predicts; weights near 0 do not.
        let risk = |json: &Value| number(&json["points"][0], "risk");
        assert!(risk(&with) < risk(&without), "{with} {without}");
    }
}

/// The weights of a model trained with either objective are a prior for both.
#[test]
fn objectives_may_differ_between_a_prior_and_its_run() {
    for task in ["multiclass", "sequence"] {
        let home = Home::new();
        write(&home, task, "old", [3, 4, 5], 0);
        write(&home, task, "new", [3, 4, 6], 100);
        for of_prior in ["hinge", "log"] {
            home.succeeds(&["learn", task, "-v", "0", "--objective", of_prior, "old", "a"]);
            for objective in ["hinge", "log"] {
                let learn = ["learn", task, "-v", "0", "--objective", objective, "--prior", "a"];
                let run = |more: &[&str]| {
                    home.json(&[&learn[..], &["--gap", "1e-5"], more, &["new", "b"]].concat())
                };
                let runs = [
                    run(&["--solver", "block"]),
                    run(&["--solver", "one-slack"]),
                    run(&["--stream"]),
                ];
                for one in &runs {
                    assert!(number(one, "relative_gap") <= 1e-5, "{one}");
                    assert_eq!(one["objective"], objective);
                    for other in &runs {
                        assert!(number(one, "dual") <= number(other, "primal"), "{one} {other}");
                    }
                }
                // A tiny C keeps the weights of the prior.
                run(&["--c-sum", "1e-9"]);
                let (a, b) = (weights(&home, "a"), weights(&home, "b"));
                let kept = b.iter().filter(|(name, _)| !name.ends_with("feature 6"));
                for (name, new) in kept {
                    assert!((weight(&a, name) - new).abs() <= 1e-6, "{name}: {new} and {a:?}");
                }
                let probabilities =
                    home.run(&["classify", "--probabilities", "new", "b", "predictions"]);
                assert_eq!(probabilities.code == 0, objective == "log", "{probabilities:?}");
            }
        }
    }
}

/// A prior that is the optimum of the same problem in which C is 0 for all but its own examples:
/// without slack, nothing moves it.
#[test]
fn a_prior_without_slack_is_the_optimum_after_one_certificate() {
    let home = Home::new();
    home.write("examples", "a 1:1\na 1:2\nb 2:1\nb 2:2\n");
    home.succeeds(&["learn", "multiclass", "-v", "0", "--c-sum", "1e3", "examples", "a"]);
    home.write("easier", "a 1:3\nb 2:3\n");
    for solver in ["block", "one-slack"] {
        let learn = ["learn", "multiclass", "-v", "0", "--solver", solver, "--prior", "a"];
        let found = home.json(&[&learn[..], &["easier", "b"]].concat());
        assert_eq!((number(&found, "primal"), number(&found, "dual")), (0.0, 0.0), "{found}");
        assert_eq!(found["stop"], "gap");
        assert!(number(&found, "passes") <= 2.0, "{found}");
        assert_eq!(weights(&home, "a"), weights(&home, "b"));
        assert_eq!(number(&home.json(&["inspect", "b"])["prior_weights"], "distance"), 0.0);
    }
}

#[test]
fn models_that_do_not_fit_are_refused() {
    let home = Home::new();
    for task in TASKS {
        write(&home, task, task, [3, 4, 5], 0);
        home.succeeds(&["learn", task, "-v", "0", task, &format!("{task}.model")]);
    }
    let lines = |name: &str, prefix: &str, more: &str| {
        home.write(name, format!("{prefix} 1:1 2:0.5\n{more} 2:1\n{prefix} 1:2\n"));
    };
    let refuses = |more: &[&str], expected: &[&str]| {
        home.refuses(&[&["learn"], more, &["out"]].concat(), expected);
    };
    let of = |task: &str| format!("{task}.model");
    let (classes, tags, ranks) = (of("multiclass"), of("sequence"), of("ranking"));
    refuses(
        &["sequence", "--prior", &classes, "sequence"],
        &["expected a model of the task `sequence`, found one of the task `multiclass`"],
    );
    refuses(&["multiclass", "--prior", "multiclass", "multiclass"], &["expected a Crosscut model"]);
    refuses(&["multiclass", "--prior", "missing", "multiclass"], &["missing: cannot be read"]);
    // Other outputs.
    lines("few", "c0", "c1");
    refuses(
        &["multiclass", "--prior", &classes, "few"],
        &[
            "expected a model with the classes of the examples, found `c2`, which the examples do not",
        ],
    );
    lines("other", "c0", "c9");
    refuses(
        &["multiclass", "--prior", &classes, "other"],
        &["expected a model with the classes of the examples, found no `c9` in the model"],
    );
    lines("tagged", "0 qid:1", "5 qid:1");
    refuses(
        &["sequence", "--prior", &tags, "tagged"],
        &["expected a model with the tags of the examples, found no `5` in the model"],
    );
    // Other meanings of weights.
    refuses(
        &["multiclass", "--bias", "2", "--prior", &classes, "multiclass"],
        &["expected a model trained with --bias 2, found no --bias"],
    );
    for (task, model) in [("multiclass", &classes), ("sequence", &tags), ("ranking", &ranks)] {
        refuses(
            &[task, "--scale", "standard", "--prior", model, task],
            &["expected a model trained with --scale standard, found no --scale"],
        );
        let scaled = ["learn", task, "--scale", "standard"];
        home.succeeds(&[&scaled[..], &[task, "scaled"]].concat());
        let run = home.succeeds(&[&scaled[..], &["--prior", "scaled", task, "out"]].concat());
        assert!(run.err.contains("scaled by their own statistics"), "{run:?}");
    }
    // No feature in common.
    home.write("apart", "2 qid:1 8:1\n1 qid:1 9:1\n");
    refuses(
        &["ranking", "--prior", &ranks, "apart"],
        &["expected a model with features of the examples, found none of its", "`feature 1`"],
    );
    // Transitions alone are no model to start from.
    home.write("ids", "0 qid:1 1:1\n1 qid:1 2:1\n");
    home.write("names", "0\tx\n1\ty\n");
    home.write("others", "0\tv\n1\tw\n");
    home.succeeds(&["learn", "sequence", "names", "named"]);
    for examples in ["ids", "others"] {
        let expected = "expected a model with features of the examples, found none of its features";
        refuses(&["sequence", "--prior", "named", examples], &[expected]);
    }
    // Files that would be overwritten, and standard input for two.
    home.refuses(
        &["learn", "ranking", "--prior", &ranks, "ranking", &ranks],
        &["expected another file than one that is read"],
    );
    refuses(
        &["ranking", "--prior", &ranks, "--checkpoint", &ranks, "ranking"],
        &["expected another file than one that is read"],
    );
    refuses(
        &["ranking", "--prior", &ranks, "--log", &ranks, "ranking"],
        &["expected another file than one that is read"],
    );
    refuses(&["ranking", "--prior", "-", "-"], &["EXAMPLES and --prior cannot all use"]);
    home.refuses(
        &["validate", "ranking", "--prior", &classes, "ranking"],
        &["expected a model of the task `ranking`"],
    );
    // A model from standard input.
    let input = home.read(&ranks);
    let run = home.run_with(&["learn", "ranking", "--prior", "-", "ranking", "out"], &input);
    assert_eq!(run.code, 0, "{run:?}");
}

#[test]
fn a_checkpoint_knows_its_prior() {
    for task in TASKS {
        let home = Home::new();
        write(&home, task, "old", [3, 4, 5], 0);
        write(&home, task, "new", [4, 6, 7], 100);
        home.succeeds(&["learn", task, "-v", "0", "old", "a"]);
        home.succeeds(&["learn", task, "-v", "0", "--c-sum", "0.01", "old", "other"]);
        for stream in [&[][..], &["--stream"]] {
            let learn = [&["learn", task, "-v", "0", "--gap", "1e-6"], stream].concat();
            let around = [&learn[..], &["--prior", "a"]].concat();
            home.succeeds(&[&around[..], &["new", "whole"]].concat());
            home.succeeds(
                &[&around[..], &["--passes", "2", "--checkpoint", "state", "new", "part"]].concat(),
            );
            for (prior, found) in
                [(&["--prior", "other"][..], "this run has --prior FILE"), (&[], "no --prior")]
            {
                let refused = [&learn[..], prior, &["--resume", "state", "new", "rest"]].concat();
                home.refuses(&refused, &["made with --prior FILE (", found]);
            }
            home.succeeds(&[&around[..], &["--resume", "state", "new", "rest"]].concat());
            assert!(home.read("rest") == home.read("whole"), "{task}: the models differ");
        }
    }
}

#[test]
fn help_says_what_a_prior_is() {
    let home = Home::new();
    for (verb, task) in ["learn", "validate"].into_iter().flat_map(|v| TASKS.map(|t| (v, t))) {
        let help = home.succeeds(&[verb, task, "--help"]).out;
        assert!(help.contains("--prior <MODEL>"), "{help}");
    }
}
