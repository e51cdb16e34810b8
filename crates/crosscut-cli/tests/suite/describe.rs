//! What the program says of models, of files and of itself: inspect, check, completions, man, link,
//! and the lines of a training run.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, and so do its helpers")]

use crate::common;

use std::fs;

use common::Home;
use serde_json::{Value, json};

#[test]
fn inspect_lists_labels_in_the_order_of_scores() {
    let home = Home::with_model();
    let text = home.succeeds(&["inspect", "good"]).out;
    assert!(text.contains("\nlabels    -1, 1, sci.space\n"), "{text}");
    let json = home.json(&["inspect", "good"]);
    assert_eq!(json["labels"], json!(["-1", "1", "sci.space"]));
    let scores = home.succeeds(&["classify", "-v", "0", "test.svm", "good", "-"]).out;
    for line in scores.lines() {
        let (label, scores) = line.split_once(' ').unwrap();
        let scores: Vec<f64> = scores.split(' ').map(|score| score.parse().unwrap()).collect();
        let best = (0..3).max_by(|&a, &b| scores[a].total_cmp(&scores[b])).unwrap();
        assert_eq!(json["labels"][best], label, "{line}");
    }
    // Above a hundred labels, the text says how many there are.
    let many: String =
        (0..120).map(|at| format!("c{at} {}:1\nc{at} {}:2\n", at + 1, at + 1)).collect();
    home.write("many", many);
    home.succeeds(&["learn", "multiclass", "-v", "0", "--passes", "2", "many", "model"]);
    let text = home.succeeds(&["inspect", "model"]).out;
    assert!(text.contains(", … (120 in all; --json lists them)\n"), "{text}");
    assert_eq!(home.json(&["inspect", "model"])["labels"].as_array().unwrap().len(), 120);
}

fn names(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|weight| weight["name"].as_str().unwrap()).collect()
}

#[test]
fn inspect_shows_the_weights_of_a_class_for_and_against_it() {
    let home = Home::with_model();
    let all = home.json(&["inspect", "--top", "99", "good"]);
    let classes = all["classes"].as_array().unwrap();
    assert_eq!(classes.len(), 3);
    let mut count = 0;
    for class in classes {
        let label = class["label"].as_str().unwrap();
        for (list, sign) in [("for", 1.0), ("against", -1.0)] {
            let list = class[list].as_array().unwrap();
            let sizes: Vec<f64> =
                list.iter().map(|weight| sign * weight["weight"].as_f64().unwrap()).collect();
            assert!(sizes.is_sorted_by(|a, b| a >= b) && sizes.iter().all(|size| *size > 0.0));
            count += sizes.len();
        }
        let own = |name: &&str| name.starts_with(&format!("class {label}, feature "));
        assert!(names(&class["for"]).iter().chain(&names(&class["against"])).all(own));
        let one = home.json(&["inspect", "--top", "99", "--class", label, "good"]);
        assert_eq!(one["classes"], json!([class]));
        let text = home.succeeds(&["inspect", "--class", label, "good"]).out;
        assert!(text.contains(&format!("\nheaviest weights for {label}\n  +")), "{text}");
        assert!(!text.contains("\nheaviest weights\n"), "{text}");
    }
    assert_eq!(count, all["heaviest"].as_array().unwrap().len());
    home.refuses(
        &["inspect", "--class", "space", "good"],
        &["--class expects one of the labels -1, 1, sci.space, not `space`"],
    );
    home.write("ranks", "2 qid:1 1:1\n1 qid:1 2:1\n");
    home.succeeds(&["learn", "ranking", "-v", "0", "ranks", "model"]);
    home.refuses(&["inspect", "--class", "1", "model"], &["--class expects no --class"]);
    assert!(!home.succeeds(&["inspect", "model"]).out.contains("labels"));
    let json = home.json(&["inspect", "model"]);
    assert_eq!(
        (&json["labels"], &json["classes"], &json["transitions"]),
        (&json!([]), &json!([]), &json!([]))
    );
}

#[test]
fn inspect_shows_transitions_apart() {
    let home = Home::new();
    let text = "B\tw=a\nI\tw=b\nO\tw=c\n\nO\tw=c\nB\tw=a\nI\tw=d\n\n";
    home.write("tags", text.repeat(3));
    home.succeeds(&["learn", "sequence", "-v", "0", "tags", "model"]);
    let json = home.json(&["inspect", "--top", "50", "model"]);
    assert!(
        names(&json["heaviest"])
            .iter()
            .all(|name| name.starts_with("tag ") && name.contains(", feature w="))
    );
    let transitions = names(&json["transitions"]);
    assert!(transitions.contains(&"tags B I"), "{transitions:?}");
    assert!(transitions.iter().all(|name| name.starts_with("tags ") && !name.contains("feature")));
    // Those of a tag are in its lists, once.
    let of_b = &json["classes"][0];
    assert_eq!(of_b["label"], "B");
    let listed = [names(&of_b["for"]), names(&of_b["against"])].concat();
    for name in &transitions {
        let has = name.split(' ').skip(1).any(|tag| tag == "B");
        assert_eq!(
            listed.iter().filter(|other| *other == name).count(),
            usize::from(has),
            "{name}"
        );
    }
    let text = home.succeeds(&["inspect", "--top", "2", "model"]).out;
    let (features, transitions) = text.split_once("heaviest transitions\n").unwrap();
    assert_eq!(features.matches(", feature ").count(), 2, "{text}");
    assert_eq!(transitions.lines().count(), 2, "{text}");
}

#[test]
fn check_finds_the_tasks_of_the_program_sound() {
    let home = Home::new();
    home.write("tags", "B\tw=a\nI\tw=b\nO\tw=c\n\nO\tw=c\nB\tw=a\nI\tw=d\n\n".repeat(3));
    home.write("ranks", "2 qid:1 1:1 3:2\n1 qid:1 2:1\n3 qid:2 1:1\n1 qid:2 3:1\n1 qid:2 2:4\n");
    let table: [(&[&str], &str, &str); 9] = [
        (
            &["multiclass"],
            "train.svm",
            "multiclass: 60 examples, 3 classes, 3 features, 9 weights; checked on 20 of the examples\n",
        ),
        (
            &["multiclass", "--objective", "log", "--bias", "1", "--scale", "standard"],
            "train.svm",
            "12 weights",
        ),
        (
            &["multiclass", "-o", "1", "--sample", "1000"],
            "train.svm",
            "checked on 60 of the examples",
        ),
        (
            &["sequence"],
            "tags",
            "sequence: 6 examples, 3 tags, 4 features, 9 transitions, 21 weights",
        ),
        (&["sequence", "-l", "0", "--t", "2", "--e", "1"], "tags", "checked on 6 of the examples"),
        (&["sequence", "--objective", "log"], "tags", ""),
        (&["sequence", "--b", "1", "--constrain", "bio"], "tags", ""),
        (&["ranking"], "ranks", "ranking: 2 examples, 3 features, 3 weights"),
        (&["ranking", "-l", "3", "--scale", "query"], "ranks", ""),
    ];
    for (options, file, expected) in table {
        let run = home.succeeds(&[&["check"], options, &[file]].concat());
        assert!(run.out.contains(expected), "{options:?}: {run:?}");
        assert_eq!(run.out.matches("\nholds     ").count(), 6, "{options:?}: {run:?}");
        let json = home.json(&[&["check"], options, &[file]].concat());
        assert_eq!((&json["broken"], json["holds"].as_array().unwrap().len()), (&Value::Null, 6));
    }
    // Standard input is not read twice.
    let run = home.run_with(&["check", "multiclass", "-"], &home.read("train.svm"));
    assert_eq!((run.code, run.out.matches("\nholds     ").count()), (0, 4), "{run:?}");
}

#[test]
fn check_refuses_what_training_would_refuse() {
    let home = Home::new();
    home.write("bad", "1 1:1\n2 0:1\n");
    home.write("one", "1 1:1\n1 2:1\n");
    home.write("empty", "");
    let wide: String = (0..2100).map(|at| format!("c{at} {}:1\n", at % 2000 + 1)).collect();
    home.write("wide", wide);
    let table: [(&[&str], &str); 7] = [
        (&["check", "multiclass", "bad"], "bad:2: "),
        (&["check", "multiclass", "one"], "at least two classes"),
        (&["check", "multiclass", "empty"], "empty"),
        (&["check", "multiclass", "missing"], "missing"),
        (
            &["check", "multiclass", "--sample", "0", "train.svm"],
            "expected a whole number of at least 1",
        ),
        (&["check", "multiclass", "-l", "7", "train.svm"], "-l expects"),
        (&["check", "multiclass", "-v", "0", "wide"], "wide: expected at most 4000000 weights"),
    ];
    for (arguments, expected) in table {
        home.refuses(arguments, &[expected]);
    }
}

#[test]
fn every_shell_can_complete_the_words() {
    let home = Home::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = home.succeeds(&["completions", shell]).out;
        for word in
            ["crosscut", "multiclass", "export", "link", "--constrain".trim_start_matches('-')]
        {
            assert!(script.contains(word), "{shell}: {word}");
        }
    }
    home.refuses(
        &["completions", "tcsh"],
        &["[possible values: bash, elvish, fish, powershell, zsh]"],
    );
    // Where there is a bash, the words it completes.
    let script = home.succeeds(&["completions", "bash"]).out;
    home.write("script", script);
    let words = "source ./script; COMP_WORDS=(crosscut learn m); COMP_CWORD=2; _crosscut crosscut m learn; echo ${COMPREPLY[*]}";
    match std::process::Command::new("bash")
        .args(["-c", words])
        .current_dir(home.path("."))
        .output()
    {
        Ok(run) if run.status.success() => {
            assert_eq!(String::from_utf8(run.stdout).unwrap(), "multiclass\n");
        }
        other => eprintln!("SKIPPED: no bash completes words here: {other:?}"),
    }
}

#[test]
fn there_is_a_page_for_each_verb_and_task() {
    let home = Home::new();
    assert!(home.succeeds(&["man"]).out.contains("crosscut\\-learn(1)"));
    let run = home.succeeds(&["man", "pages/man1"]);
    let pages: Vec<String> = fs::read_dir(home.path("pages/man1"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(run.out, format!("{} pages written to pages/man1\n", pages.len()));
    for name in [
        "crosscut",
        "crosscut-learn",
        "crosscut-learn-sequence",
        "crosscut-export",
        "crosscut-link",
    ] {
        assert!(pages.contains(&format!("{name}.1")), "{pages:?}");
    }
    let page = fs::read_to_string(home.path("pages/man1/crosscut-learn-sequence.1")).unwrap();
    for words in [".SH NAME\n", "constrain", "max\\-memory", "EXAMPLES"] {
        assert!(page.contains(words), "{words} in {page}");
    }
    // The same once more, over what is there.
    assert_eq!(home.succeeds(&["man", "pages/man1"]).out, run.out);
    home.write("file", "");
    assert_eq!(home.run(&["man", "file"]).code, 1);
}

#[test]
fn link_is_one_of_the_commands() {
    let home = Home::new();
    let help = home.succeeds(&["--help"]).out;
    assert!(
        help.contains("\n  link         Make links with the names of SVM^struct's programs\n"),
        "{help}"
    );
    assert!(home.succeeds(&["link", "--help"]).out.contains("<DIR>"));
    home.refuses(&["link"], &["required arguments were not provided:\n  <DIR>"]);
    home.refuses(&["link", "a", "b"], &["unexpected argument 'b'"]);
    home.refuses(&["link", "--all"], &["unexpected argument '--all'"]);
}

/// The lines of passes have the words of the result, estimates before the first certificate.
#[test]
fn lines_of_training_have_the_words_of_the_result() {
    let home = Home::new();
    for solver in ["block", "one-slack"] {
        let learn = ["learn", "multiclass", "-v", "2", "--solver", solver, "--gap", "1e-9"];
        let run = home.succeeds(&[&learn[..], &["--log", "log", "train.svm", "model"]].concat());
        let log = home.log("log");
        let passes: Vec<&str> = run.err.lines().filter(|line| line.starts_with("pass ")).collect();
        assert_eq!(passes.len() + 1, log.len(), "{run:?}");
        let mut certified = false;
        for (line, log) in passes.iter().zip(&log) {
            let (_, bounds) = line.split_once(": gap ").unwrap();
            let (gap, relative, primal, dual) = four(bounds);
            if log["estimate"].is_null() {
                certified = true;
                let close = |text: &str, name: &str| {
                    let (a, b) = (text.parse::<f64>().unwrap(), log[name].as_f64().unwrap());
                    assert!((a - b).abs() <= 1e-2 * b.abs(), "{name} of {line}: {log}");
                };
                close(gap, "gap");
                close(relative, "relative_gap");
                close(primal, "primal");
                close(dual, "dual");
            } else {
                assert!(!certified && log["primal"].is_null(), "{log}");
                assert!(
                    [gap, relative, primal, dual].iter().all(|text| text.starts_with('~')),
                    "{line}"
                );
            }
        }
        // The result: `primal P, dual D, gap G (relative R)`.
        let end = run.err.lines().find(|line| line.starts_with("converged: ")).unwrap();
        assert!(end.contains(", gap ") && end.contains(" (relative "), "{end}");
    }
}

/// The numbers of `G (relative R), primal P, dual D, N planes`.
fn four(text: &str) -> (&str, &str, &str, &str) {
    let (gap, rest) = text.split_once(" (relative ").unwrap();
    let (relative, rest) = rest.split_once("), primal ").unwrap();
    let (primal, rest) = rest.split_once(", dual ").unwrap();
    (gap, relative, primal, rest.split_once(", ").unwrap().0)
}
