//! `export`: the text alone predicts what `classify` predicts, here in Rust and by the reader in
//! `examples/predict_exported.py`.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, and so do its helpers")]
#![allow(clippy::print_stderr, reason = "a test says what it skips")]

use crate::common;

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::Read;
use std::path::Path;
use std::process::Command;

use common::Home;
use flate2::read::MultiGzDecoder;
use serde_json::Value;

type Row = HashMap<String, f64>;

fn data(name: &str) -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../datasets").join(name);
    let bytes = std::fs::read(file).unwrap();
    let mut text = String::new();
    match name.ends_with(".gz") {
        true => MultiGzDecoder::new(&*bytes).read_to_string(&mut text).unwrap(),
        false => (&*bytes).read_to_string(&mut text).unwrap(),
    };
    text
}

/// Sentences of WNUT 17 with attributes as in CRFsuite, some of them with values.
fn attributes(name: &str, count: usize) -> String {
    let escape = |text: &str| text.replace('\\', "\\\\").replace(':', "\\:");
    let mut lines = String::new();
    for sentence in data(name).split("\n\n").filter(|sentence| !sentence.is_empty()).take(count) {
        let tokens: Vec<(&str, &str)> =
            sentence.lines().map(|line| line.split_once('\t').unwrap()).collect();
        let word = |at: usize| tokens.get(at).map_or("_", |token| token.0);
        for (at, (this, tag)) in tokens.iter().enumerate() {
            let capital = this.starts_with(char::is_uppercase);
            let (before, after) = (word(at.wrapping_sub(1)), word(at + 1));
            let [this, before, after] = [this, before, after].map(escape);
            let _ = write!(lines, "{tag}\tw={this}\tb={before}\ta={after}\tw={this}:0.5");
            let _ = writeln!(lines, "\tcapital:{}\tone:1", if capital { 0.7 } else { 0.1 });
        }
        lines.push('\n');
    }
    lines
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is no number"))
}

fn single(value: f64) -> f64 {
    f64::from(value as f32)
}

/// A row as the model scales it.
fn scaled(model: &Value, row: Row) -> Row {
    let Some(features) = model["scaling"]["features"].as_object() else {
        return row.into_iter().map(|(name, value)| (name, single(value))).collect();
    };
    let change = |(name, by): (&String, &Value)| {
        let (x, width) = (row.get(name).copied().unwrap_or(0.0), number(&by["width"]));
        let origin = number(&by["origin"]);
        (name.clone(), if width == 0.0 { 0.0 } else { single((x - origin) / width) })
    };
    features.iter().map(change).collect()
}

fn score(weights: &Value, row: &Row) -> f64 {
    row.iter().filter_map(|(name, value)| Some(weights.get(name)?.as_f64()? * value)).sum()
}

fn svm_light(line: &str) -> Row {
    let words = line.split('#').next().unwrap_or_default().split_ascii_whitespace();
    let pairs = words.filter_map(|word| word.split_once(':')).filter(|(id, _)| *id != "qid");
    pairs.map(|(id, value)| (id.to_owned(), value.parse().unwrap())).collect()
}

fn crfsuite(line: &str) -> Row {
    let mut row = Row::new();
    for field in line.split('\t').skip(1) {
        let hidden = field.replace("\\\\", "\u{1}").replace("\\:", "\u{2}");
        let (name, value) = hidden.split_once(':').unwrap_or((&hidden, "1"));
        let name = name.replace('\u{1}', "\\").replace('\u{2}', ":");
        *row.entry(name).or_default() += value.parse::<f64>().unwrap();
    }
    row
}

fn labels(model: &Value) -> Vec<&str> {
    model["labels"].as_array().unwrap().iter().map(|label| label.as_str().unwrap()).collect()
}

/// Label and scores of a line.
fn classify(model: &Value, line: &str) -> String {
    let row = scaled(model, svm_light(line));
    let bias = model["bias"].as_f64().unwrap_or(0.0);
    let scores: Vec<(f64, &str)> = labels(model)
        .into_iter()
        .map(|label| {
            let alone = model["bias_weights"][label].as_f64().unwrap_or(0.0);
            (score(&model["weights"][label], &row) + bias * alone, label)
        })
        .collect();
    let best = scores.iter().rev().max_by(|a, b| a.0.total_cmp(&b.0)).unwrap();
    scores.iter().fold(best.1.to_owned(), |text, (score, _)| format!("{text} {score}"))
}

/// The best of all taggings with transitions of any order, by brute force over the last tags.
fn tag(model: &Value, rows: &[Row]) -> Vec<String> {
    let labels = labels(model);
    let order = number(&model["orders"]["transitions"]) as usize;
    let mut grams: HashMap<Vec<&str>, f64> = HashMap::new();
    for list in model["transitions"].as_array().into_iter().flatten() {
        let (weight, tags) = list.as_array().unwrap().split_last().unwrap();
        grams.insert(tags.iter().map(|tag| tag.as_str().unwrap()).collect(), number(weight));
    }
    let mut pairs: HashMap<(&str, &str, &str), f64> = HashMap::new();
    for list in model["pair_weights"].as_array().into_iter().flatten() {
        let text = |at: usize| list[at].as_str().unwrap();
        pairs.insert((text(0), text(1), text(2)), number(&list[3]));
    }
    let forbidden: Vec<(Option<&str>, Option<&str>)> = model["forbidden"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|pair| (pair[0].as_str(), pair[1].as_str()))
        .collect();
    // The best path for each tuple of last tags.
    let mut paths: Vec<(f64, Vec<&str>)> = vec![(0.0, Vec::new())];
    for row in rows {
        let mut longer: HashMap<Vec<&str>, (f64, Vec<&str>)> = HashMap::new();
        for (before, path) in &paths {
            for &label in &labels {
                let last = path.last().copied();
                if forbidden.contains(&(last, Some(label))) {
                    continue;
                }
                let mut path = path.clone();
                path.push(label);
                let mut sum = before + score(&model["weights"][label], row);
                for length in 2..=path.len().min(order + 1) {
                    sum += grams.get(&path[path.len() - length..]).unwrap_or(&0.0);
                }
                if let Some(last) = last {
                    let pair = |(name, value): (&String, &f64)| {
                        value * pairs.get(&(last, label, name.as_str())).unwrap_or(&0.0)
                    };
                    sum += row.iter().map(pair).sum::<f64>();
                }
                let state = path[path.len().saturating_sub(order.max(1))..].to_vec();
                match longer.get(&state) {
                    Some((best, _)) if *best >= sum => {}
                    _ => drop(longer.insert(state, (sum, path))),
                }
            }
        }
        paths = longer.into_values().collect();
    }
    paths.retain(|(_, path)| !forbidden.contains(&(path.last().copied(), None)));
    let best = paths.into_iter().max_by(|a, b| a.0.total_cmp(&b.0)).unwrap();
    best.1.into_iter().map(str::to_owned).collect()
}

/// Fails unless two texts have the same words; numbers may differ by rounding.
fn compare(name: &str, found: &str, expected: &str) {
    assert_eq!(found.lines().count(), expected.lines().count(), "{name}");
    for (found, expected) in found.lines().zip(expected.lines()) {
        let words = found.split(' ').zip(expected.split(' '));
        let same = |(a, b): (&str, &str)| {
            let number = |text: &str| text.parse::<f64>().ok();
            a == b
                || number(a)
                    .zip(number(b))
                    .is_some_and(|(a, b)| (a - b).abs() <= 1e-9 * b.abs().max(1.0))
        };
        assert!(words.into_iter().all(same), "{name}: found {found}, expected {expected}");
    }
}

/// `learn`, `export` and `classify`: the exported model and the predictions.
fn exported(home: &Home, learn: &[&str], train: &str, test: &str) -> (Value, String) {
    home.write("train", train);
    home.write("test", test);
    home.succeeds(&[&["learn"], learn, &["-v", "0", "train", "model"]].concat());
    assert_eq!(home.succeeds(&["export", "model", "model.json"]).out, "");
    home.succeeds(&["classify", "-v", "0", "test", "model", "predictions"]);
    (serde_json::from_str(&home.text("model.json")).unwrap(), home.text("predictions"))
}

/// The same predictions by the reader in Python, where there is one.
fn predict_in_python(home: &Home, name: &str, predictions: &str) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/predict_exported.py");
    let run = Command::new("python3")
        .arg(script)
        .args(["model.json", "test"])
        .env("PYTHONUTF8", "1")
        .current_dir(home.path("."))
        .output();
    let Ok(run) = run else {
        eprintln!("SKIPPED: there is no python3 to run examples/predict_exported.py for {name}");
        return;
    };
    assert!(run.status.success(), "{name}: {}", String::from_utf8_lossy(&run.stderr));
    compare(name, &String::from_utf8(run.stdout).unwrap(), predictions);
}

fn first_lines(text: &str, count: usize) -> String {
    text.lines().take(count).fold(String::new(), |all, line| all + line + "\n")
}

#[test]
fn classes_are_predicted_from_the_text() {
    let (train, test) = (data("digits.train.svm"), data("digits.test.svm"));
    let (train, test) = (first_lines(&train, 300), first_lines(&test, 100) + "? 3:1 64:2 99:5\n");
    for options in [
        &[][..],
        &["--bias", "0.1"],
        &["--bias", "1", "--scale", "standard"],
        &["--scale", "global", "--objective", "log"],
    ] {
        let home = Home::new();
        let learn = [&["multiclass"], options].concat();
        let (model, predictions) = exported(&home, &learn, &train, &test);
        let found: String = test.lines().map(|line| classify(&model, line) + "\n").collect();
        compare(&format!("{options:?}"), &found, &predictions);
        predict_in_python(&home, &format!("digits {options:?}"), &predictions);
    }
}

#[test]
fn tags_are_predicted_from_the_text() {
    let (train, test) =
        (attributes("wnut17.train.conll.gz", 60), attributes("wnut17.dev.conll.gz", 12));
    for (options, python) in [
        (&[][..], true),
        (&["--constrain", "bio", "--c-sum", "0.1"], true),
        (&["--scale", "standard", "--passes", "5"], true),
        (&["--objective", "log", "--passes", "5"], true),
        (&["--t", "0"], false),
        (&["--t", "2", "--e", "1", "--passes", "3"], false),
    ] {
        let home = Home::new();
        let learn = [&["sequence"], options].concat();
        let (model, predictions) = exported(&home, &learn, &train, &test);
        let mut found = String::new();
        for sentence in test.split("\n\n").filter(|sentence| !sentence.is_empty()) {
            let rows: Vec<Row> =
                sentence.lines().map(|line| scaled(&model, crfsuite(line))).collect();
            let _ = writeln!(found, "{}\n", tag(&model, &rows).join("\n"));
        }
        compare(&format!("{options:?}"), &found, &predictions);
        if python {
            predict_in_python(&home, &format!("wnut17 {options:?}"), &predictions);
        }
    }
}

#[test]
fn tags_of_numbered_features_are_predicted_in_python() {
    let line =
        |at: usize| format!("T{} qid:{} {}:1 9:0.5\n", at * at % 5 % 3, at / 6, at * at % 5 + 1);
    let text: String = (0..120).map(line).collect();
    let home = Home::new();
    let (model, predictions) = exported(&home, &["sequence"], &text, &text);
    assert_eq!(model["tokens"], "hmm");
    predict_in_python(&home, "hmm", &predictions);
}

#[test]
fn documents_are_scored_from_the_text() {
    let train = first_lines(&data("lambdarank.train.svm.gz"), 400);
    let groups = |size: usize| format!("{size}\n").repeat(400 / size);
    for scale in ["none", "standard", "global", "query"] {
        let home = Home::new();
        home.write("groups", groups(20));
        home.write("train", &train);
        let learn = ["learn", "ranking", "-v", "0", "--group", "groups", "--passes", "20"];
        home.succeeds(&[&learn[..], &["--scale", scale, "train", "model"]].concat());
        home.succeeds(&["export", "model", "model.json"]);
        let model: Value = serde_json::from_str(&home.text("model.json")).unwrap();
        assert_eq!(model["labels"], serde_json::json!([]));
        if scale == "query" {
            assert_eq!(model["scaling"], serde_json::json!({ "method": "query" }));
            continue;
        }
        home.write("test", &train);
        home.succeeds(&["classify", "-v", "0", "--group", "groups", "test", "model", "p"]);
        let scores =
            train.lines().map(|line| score(&model["weights"], &scaled(&model, svm_light(line))));
        let found: String = scores.map(|score| format!("{score}\n")).collect();
        compare(scale, &found, &home.text("p"));
        predict_in_python(&home, &format!("lambdarank {scale}"), &home.text("p"));
    }
}

#[test]
fn the_text_is_the_same_each_time_and_names_are_those_of_files() {
    let home = Home::new();
    // Names that JSON and terminals escape.
    let train = "B \"x\"\ta\\:b\tsay \"it\":2\n\u{e9}\\\\\tü\t\u{1}c\n\n".repeat(3);
    let (model, _) = exported(&home, &["sequence", "--format", "crfsuite"], &train, &train);
    assert_eq!(labels(&model), ["B \"x\"", "\u{e9}\\"]);
    let names: Vec<&str> =
        model["weights"]["B \"x\""].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(names, ["\u{1}c", "a:b", "say \"it\"", "ü"]);
    let (a, b) =
        (home.succeeds(&["export", "model", "-"]), home.succeeds(&["export", "model", "again.gz"]));
    assert_eq!((a.out.as_str(), b.out.as_str()), (&*home.text("model.json"), ""));
    let mut unpacked = String::new();
    MultiGzDecoder::new(&*home.read("again.gz")).read_to_string(&mut unpacked).unwrap();
    assert_eq!(unpacked, a.out);
    // Standard input is a model too.
    assert_eq!(home.run_with(&["export", "-", "-"], &home.read("model")).out, a.out);

    // A template is written as it is in the model.
    home.write("columns", "a x\nb y\n\na y\n");
    home.write("template", "U01:%x[0,0]\nB\n");
    home.succeeds(&["learn", "sequence", "-v", "0", "--template", "template", "columns", "c"]);
    let model: Value = serde_json::from_str(&home.succeeds(&["export", "c", "-"]).out).unwrap();
    let columns = serde_json::json!({
        "template": "U01:%x[0,0]\nB\n", "reads": [], "names": [], "width": 2, "tag": 1
    });
    assert_eq!(model["columns"], columns);
}

#[test]
fn the_reader_in_the_documentation_is_the_one_that_runs() {
    let (page, script) = (
        include_str!("../../../../docs/export.md"),
        include_str!("../../../../examples/predict_exported.py"),
    );
    assert!(page.contains(script.trim_end()), "docs/export.md has another reader");
}

#[test]
fn what_cannot_be_exported_is_refused() {
    let home = Home::with_model();
    home.write("bad", "no model");
    let table: [(&[&str], &str); 6] = [
        (&["export", "good", "good"], "good: expected another file than one that is read"),
        (&["export", "bad", "out"], "bad: "),
        (&["export", "missing", "out"], "missing"),
        (&["export", "good"], "required arguments were not provided"),
        (&["export", "good", "no/such/out"], "the directory no/such does not exist"),
        (&["export", "--json", "good", "out"], "unexpected argument '--json'"),
    ];
    for (arguments, expected) in table {
        home.refuses(arguments, &[expected]);
    }
}
