//! Learning to rank as users of the program meet it: losses, scaling, rank lists, options, and what
//! is refused.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, and so do its helpers")]

use crate::common;

use std::ops::Range;

use common::{Home, gzip};
use serde_json::Value;

/// Documents of a query: a grade that the first feature tells, with noise in the second, and a
/// third that is large.
fn documents(query: usize) -> Vec<(usize, String)> {
    let document = |i: usize| {
        let grade = (i * i + query) % 3;
        let noise = (i * 7 + query * 5) % 11;
        let features = format!(
            "1:{} 2:0.{noise:02} 3:{}",
            grade as f64 + 0.02 * noise as f64,
            1000 + (i * query) % 7 * 100
        );
        (grade, features)
    };
    (0..5 + query % 4).map(document).collect()
}

const TRAIN: Range<usize> = 0..20;
const TEST: Range<usize> = 20..28;

/// A line for each document.
fn lines(queries: Range<usize>, line: impl Fn(usize, usize, usize, &str) -> String) -> String {
    let query = |query: usize| {
        let lines = documents(query).into_iter().enumerate();
        lines
            .map(|(i, (grade, features))| line(query, i, grade, &features) + "\n")
            .collect::<String>()
    };
    queries.map(query).collect()
}

/// A folder with examples: with qids in no order, the same without but with sizes, and without
/// grades.
fn home() -> Home {
    let home = Home::new();
    let with_qid = |query: usize, i: usize, grade: usize, features: &str| {
        format!("{grade} qid:{} {features} # q{query}d{i} x", 100 - query as i64 * 7)
    };
    for (name, queries) in [("train", TRAIN), ("test", TEST)] {
        home.write(name, lines(queries.clone(), with_qid));
        home.write(
            &format!("{name}.plain"),
            lines(queries.clone(), |_, _, grade, features| format!("{grade} {features}")),
        );
        let sizes: String = queries.map(|query| format!("{}\n", documents(query).len())).collect();
        home.write(&format!("{name}.sizes"), sizes);
    }
    home.write("ungraded", lines(TEST, |query, _, _, features| format!("qid:{query} {features}")));
    home
}

fn learn<'a>(home: &Home, options: &[&'a str], examples: &'a str, model: &'a str) -> Value {
    home.json(&[&["learn", "ranking", "--scale", "query"], options, &[examples, model]].concat())
}

fn number(object: &Value, key: &str) -> f64 {
    object[key].as_f64().unwrap_or_else(|| panic!("{key} in {object}"))
}

/// How many documents there are in the test file.
fn count() -> usize {
    TEST.map(|query| documents(query).len()).sum()
}

#[test]
fn every_loss_goes_from_examples_to_measures() {
    let home = home();
    for loss in ["1", "2", "3", "4", "5", "6", "7", "8"] {
        // No query has ten documents.
        let options: &[&str] = if loss == "7" { &["-l", loss, "--k", "2"] } else { &["-l", loss] };
        let learned = learn(&home, &[options, &["-c", "1000"]].concat(), "train", "model");
        assert_eq!(
            (&learned["task"], number(&learned, "examples")),
            (&"ranking".into(), 20.0),
            "{loss}"
        );
        assert!(
            number(&learned, "relative_gap") <= 1e-3 && learned["converged"] == true,
            "{loss}: {learned}"
        );
        assert_eq!(learned["sizes"], serde_json::json!({ "features": 3 }), "{loss}");

        let run = home.succeeds(&["classify", "test", "model", "scores"]);
        assert!(
            run.err.starts_with("8 predictions written to scores; mean loss "),
            "{loss}: {run:?}"
        );
        let text = home.text("scores");
        let scores: Vec<f64> = text.lines().map(|line| line.parse().unwrap()).collect();
        assert_eq!(scores.len(), count(), "{loss}");
        // Grades have no part in predictions.
        home.succeeds(&["classify", "ungraded", "model", "again"]);
        assert_eq!(home.text("again"), text, "{loss}");
        home.refuses(
            &["evaluate", "ungraded", "model"],
            &["expected labelled examples, found none"],
        );

        let report = home.json(&["evaluate", "test", "model"]);
        assert!(
            number(&report, "ndcg@10") > 0.8 && number(&report, "loss").is_finite(),
            "{loss}: {report}"
        );
        // The first feature tells the grades apart: the losses of all pairs find that.
        if ["1", "2"].contains(&loss) {
            assert_eq!(
                ["loss", "swapped_pairs"].map(|key| number(&report, key)),
                [0.0; 2],
                "{report}"
            );
        }
        let inspected = home.succeeds(&["inspect", "model"]).out;
        assert!(
            inspected.contains("task      ranking, 3 features\n")
                && inspected.contains("  feature 1\n"),
            "{inspected}"
        );
        let cross =
            ["validate", "ranking", "--scale", "query", "--folds", "4", "-c", "1,100", "train"];
        let validated = home.json(&[&cross, options].concat());
        assert_eq!(validated["points"].as_array().unwrap().len(), 2, "{loss}: {validated}");
    }
    for options in [&["-l", "6"][..], &["-l", "7", "--k", "2"]] {
        learn(&home, &[options, &["-o", "1"]].concat(), "train", "model");
        home.json(&["evaluate", "test", "model"]);
    }
}

#[test]
fn sizes_of_queries_are_as_good_as_qids() {
    let home = home();
    for scale in ["none", "query", "standard", "global"] {
        let passes = ["learn", "ranking", "-v", "0", "--passes", "5", "--scale", scale];
        home.succeeds(&[&passes[..], &["train", "model"]].concat());
        home.succeeds(&[&passes[..], &["--group", "train.sizes", "train.plain", "again"]].concat());
        assert!(home.read("model") == home.read("again"), "{scale}");
        let predict = |options: &[&str]| {
            home.succeeds(&[&["classify"], options, &["model", "-"]].concat()).out
        };
        assert_eq!(
            predict(&["test"]),
            predict(&["--group", "test.sizes", "test.plain"]),
            "{scale}"
        );
        let measure = |options: &[&str]| home.json(&[&["evaluate"], options, &["model"]].concat());
        assert_eq!(
            measure(&["test"]),
            measure(&["--group", "test.sizes", "test.plain"]),
            "{scale}"
        );
    }
    let (sizes, plain) = (home.read("train.sizes"), home.read("train.plain"));
    home.write("sizes.gz", gzip(&sizes));
    let arguments = [
        "learn", "ranking", "--passes", "5", "--scale", "global", "--group", "sizes.gz", "-",
        "again",
    ];
    home.run_with(&arguments, &gzip(&plain));
    assert!(home.read("model") == home.read("again"));
    home.json(&[
        "validate",
        "ranking",
        "--group",
        "train.sizes",
        "--folds",
        "3",
        "--passes",
        "3",
        "-c",
        "1",
        "train.plain",
    ]);

    let run = home.succeeds(&["learn", "ranking", "--passes", "1", "train.plain", "model"]);
    let documents: usize = TRAIN.map(|query| documents(query).len()).sum();
    let note =
        format!("train.plain: no line has a qid, so its {documents} documents are one query\n");
    assert!(run.err.starts_with(&note), "{run:?}");
}

#[test]
fn rank_lists_are_in_order_of_the_scores() {
    let home = home();
    learn(&home, &[], "train", "model");
    let scores = home.succeeds(&["classify", "test", "model", "-"]).out;
    let mut scores = scores.lines().map(|line| line.parse::<f64>().unwrap());
    let run =
        home.succeeds(&["classify", "--ranks", "--run-tag", "mine", "test", "model", "-"]).out;
    let run: Vec<Vec<&str>> = run.lines().map(|line| line.split(' ').collect()).collect();
    let mut rest = run.as_slice();
    for query in TEST {
        let m = documents(query).len();
        let (list, after) = rest.split_at(m);
        rest = after;
        let mut expected: Vec<(usize, f64)> = (0..m).map(|i| (i, scores.next().unwrap())).collect();
        expected.sort_by(|a, b| b.1.total_cmp(&a.1));
        for (at, (fields, (i, score))) in list.iter().zip(expected).enumerate() {
            let line =
                format!("{} Q0 q{query}d{i} {} {score} mine", 100 - query as i64 * 7, at + 1);
            assert_eq!(fields.join(" "), line);
        }
    }
    assert!(rest.is_empty() && run.len() == count());
    home.succeeds(&["classify", "--ranks", "--group", "test.sizes", "test.plain", "model", "run"]);
    assert!(
        home.text("run").lines().all(|line| line.ends_with(" crosscut") && line.contains(" Q0 d"))
    );
}

#[test]
fn equal_runs_write_equal_models_on_any_number_of_threads() {
    let home = home();
    home.write("weights", "2\n".repeat(TRAIN.len()));
    let ways: [&[&str]; 10] = [
        &["-l", "1"],
        &["-l", "2"],
        &["-l", "3"],
        &["-l", "4", "--k", "3"],
        &["-l", "5"],
        &["-l", "6", "-o", "1"],
        &["-l", "7"],
        &["-l", "8", "--solver", "one-slack"],
        &["--query-weights", "weights"],
        &["--scale", "global"],
    ];
    for way in ways {
        let files = ["1", "2", "1"].map(|threads| {
            let arguments = [
                &["learn", "ranking", "-v", "0", "--threads", threads][..],
                way,
                &["train", "model"],
            ];
            home.succeeds(&[&arguments.concat()[..], &["--passes", "10"]].concat());
            home.succeeds(&["classify", "--threads", threads, "test", "model", "scores"]);
            (home.read("model"), home.read("scores"))
        });
        assert!(files[0] == files[1] && files[0] == files[2], "{way:?}");
    }
}

#[test]
fn costs_weigh_clicks() {
    let home = Home::new();
    // Two clicks that contradict each other: the dearer one wins.
    let text = |cost: &str| {
        format!("1 qid:1 cost:{cost} 1:1\n0 qid:1 2:1\n1 qid:2 cost:2 2:1\n0 qid:2 1:1\n")
    };
    for (cost, first) in [("1", false), ("4", true)] {
        home.write("clicks", text(cost));
        home.succeeds(&["learn", "ranking", "-l", "8", "clicks", "model"]);
        home.write("one", "? qid:1 1:1\n? qid:1 2:1\n");
        let scores = home.succeeds(&["classify", "one", "model", "-"]).out;
        let scores: Vec<f64> = scores.lines().map(|line| line.parse().unwrap()).collect();
        assert_eq!(scores[0] > scores[1], first, "{scores:?}");
    }
    home.refuses(
        &["learn", "ranking", "-l", "3", "clicks", "model"],
        &["clicks:1: expected no cost where the loss does not count pairs (-l 1, 2 and 8 do), found cost:4"],
    );
}

#[test]
fn badly_scaled_features_are_named() {
    let home = home();
    let wide = home.text("train").replace(" 3:", " 3:1000000");
    home.write("wide", wide);
    let run = home.succeeds(&["learn", "ranking", "--passes", "2", "wide", "model"]);
    let note = "wide: feature 3 varies over 10000 times as much within a query as a quarter of the features: training may \
                be slow, and C means something else for each of them; give --scale query (or standard, global)\n";
    assert!(run.err.contains(note), "{run:?}");
    // The values are around 10⁷, where single precision has steps of 1.
    let coarse = "wide: feature 3 has values so close to each other that single precision";
    assert!(run.err.contains(coarse), "{run:?}");
    let run = home.succeeds(&["learn", "ranking", "--scale", "query", "wide", "model"]);
    assert!(!run.err.contains("--scale") && run.err.contains("converged: "), "{run:?}");
}

#[test]
fn bad_options_and_files_are_refused() {
    let home = home();
    home.succeeds(&["learn", "ranking", "-v", "0", "--passes", "2", "train", "good"]);
    home.succeeds(&["learn", "multiclass", "-v", "0", "train.svm", "classes"]);
    home.write("returns", "1 qid:7 1:1\n0 qid:8 1:2\n0 qid:7 1:3\n");
    home.write("word", "a qid:7 1:1\n");
    home.write("mixed", "1 qid:7 1:1\n? qid:7 1:2\n");
    home.write("twice", "1 qid:7 1:1 # a\n1 qid:7 1:2 # a\n");
    home.write("few", "3\n");
    home.write("bad", "3\nx\n");
    // Options of learn and validate, and what the message says.
    let table: [(&[&str], &str); 12] = [
        (&["-l", "0", "train"], " for the task ranking, not `0`"),
        (
            &["--k", "3", "train"],
            "--k expects -l 4 (NDCG), 5 (DCG) or 7 (precision) beside it, not `3`",
        ),
        (&["--k", "0", "-l", "7", "train"], "--k expects a whole number of at least 1, not `0`"),
        (
            &["-o", "1", "train"],
            "-o expects 2 with -l 1 (slack rescaling is for the losses reciprocal rank and precision",
        ),
        (&["--scale", "x", "train"], "--scale expects none, query, standard or global, not `x`"),
        (
            &["--group", "few", "train.plain"],
            "few: expected sizes that add up to the 130 documents of train.plain, found 3",
        ),
        (
            &["--group", "bad", "train.plain"],
            "bad:2: expected the size of a query, a whole number of at least 1, found `x`",
        ),
        (
            &["--group", "train.sizes", "train"],
            "train:1: expected no qid where --group says what a query is",
        ),
        (
            &["--query-weights", "few", "train"],
            "few: expected a weight for each query of train, 20 in all, found 1",
        ),
        (
            &["returns"],
            "returns:3: expected the documents of qid:7 one after the other, but it returns",
        ),
        (&["word"], "word:1: expected a grade that is a finite number, found `a`"),
        (&["mixed"], "mixed:2: expected a grade to learn from, found none"),
    ];
    for (arguments, expected) in table {
        home.refuses(&[&["learn", "ranking"], arguments, &["model"]].concat(), &[expected]);
        home.refuses(&[&["validate", "ranking"], arguments].concat(), &[expected]);
    }
    let table: [(&[&str], &str); 7] = [
        (
            &["mixed", "good"],
            "mixed:2: expected a grade, as at the first document of the query, found none",
        ),
        (&["returns", "good"], "returns:3: expected the documents of qid:7 one after the other"),
        (&["--group", "few", "test.plain", "good"], "few: expected sizes that add up to the"),
        (&["--run-tag", "x", "test", "good"], "--run-tag"),
        (&["--ranks", "--run-tag", "x y", "test", "good"], "--run-tag"),
        (&["--ranks", "twice", "good"], "found `a` again"),
        (&["--ranks", "test.svm", "classes"], "--ranks is not an option of the task multiclass"),
    ];
    for (at, (arguments, expected)) in table.into_iter().enumerate() {
        home.refuses(&[&["classify"], arguments, &["scores"]].concat(), &[expected]);
        // Rank lists are no matter of evaluate.
        let expected = if at < 3 { expected } else { "unexpected argument" };
        home.refuses(&[&["evaluate"], arguments].concat(), &[expected]);
    }
    home.succeeds(&["classify", "twice", "good", "scores"]);
}

#[test]
fn models_of_rankings_are_checked_like_all_models() {
    let home = home();
    home.succeeds(&[
        "learn", "ranking", "-v", "0", "--passes", "5", "--scale", "global", "train", "good",
    ]);
    let good = home.read("good");
    for at in (0..good.len()).step_by(good.len() / 50 + 1) {
        let mut bad = good.clone();
        bad[at] ^= 1 << (at % 8);
        home.write("bad", &bad);
        home.refuses(&["inspect", "bad"], &["bad: "]);
        home.write("bad", &good[..at]);
        home.refuses(&["classify", "test", "bad", "scores"], &["bad: "]);
    }
}
