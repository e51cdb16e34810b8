//! Files as people bring them: other systems' line ends and invisible characters, numbers written in
//! several ways, files for other programs, and nothing to learn from.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, and so do its helpers")]

use crate::common;

use common::{Home, gzip};

/// Learns, and returns the first line that is told after any notes.
fn learned(home: &Home, arguments: &[&str]) -> String {
    let run = home.succeeds(&[&["learn"], arguments, &["model"]].concat());
    run.err.lines().find(|line| line.contains(" examples, ")).unwrap().to_owned()
}

#[test]
fn equal_numbers_are_one_label() {
    let home = Home::new();
    home.write("train", "+1 1:1\n1 1:2\n1.0 1:1\n-1 2:1\n-01 2:2\n");
    home.write("test", "1 1:1\n01 1:1\n-1.0 2:1\n");
    assert!(learned(&home, &["multiclass", "train"]).contains("5 examples, 2 classes"));
    assert_eq!(home.json(&["evaluate", "test", "model"])["error"], 0.0);
    home.succeeds(&["classify", "test", "model", "out"]);
    let labels: Vec<String> =
        home.text("out").lines().map(|line| line.split(' ').next().unwrap().to_owned()).collect();
    assert_eq!(labels, ["1", "1", "-1"]);
    // Costs name labels in any of these ways.
    home.write("costs", "1.0 -1 5\n");
    learned(&home, &["multiclass", "--cost", "costs", "train"]);
}

#[test]
fn invisible_characters_are_no_labels() {
    let home = Home::new();
    for text in [
        "1 1:1\n\u{feff}1 1:2\n2 2:1\n",
        "1 1:1\n2 2:1\n\u{1a}",
        "1 1:1\r\r\n2 2:1\r\r\n",
        "1\u{a0} 1:1\n1 1:1\n2\u{200b} 2:1\n\u{a0}\n",
    ] {
        home.write("train", text);
        assert!(learned(&home, &["multiclass", "train"]).contains(" 2 classes"), "{text:?}");
    }
    let tagged = "A\tx\nB\ty\nC\tz\n{}\nA\tx\nB\tz\n";
    for blank in ["", "\r", "\u{a0}", "\u{feff}", " \u{200b}"] {
        home.write("train", tagged.replace("{}", blank));
        let told = learned(&home, &["sequence", "train"]);
        assert!(told.contains("2 examples, 3 tags"), "{blank:?}: {told}");
    }
    home.write("template", "U0:%x[0,0]\n");
    home.write("columns", "x\tA \ny\tB\n\nx\tA\ny\tB\u{a0}\n");
    let told = learned(&home, &["sequence", "--template", "template", "columns"]);
    assert!(told.contains("2 examples, 2 tags"), "{told}");
    // What cannot be seen in the middle of a name is named by its line.
    home.write("train", "1 1:1\na\u{1b}b 2:1\n");
    home.refuses(&["learn", "multiclass", "train", "m"], &["train:2: ", "U+001B"]);
    home.write("train", "1 1:1\r2 2:1\r");
    home.refuses(&["learn", "multiclass", "train", "m"], &["train:1: ", "carriage return"]);
}

#[test]
fn nothing_to_learn_from_is_told() {
    let home = Home::new();
    home.write("table.csv", "1,0.5,2\n2,1.5,3\n");
    home.refuses(&["learn", "multiclass", "table.csv", "m"], &["table.csv: ", "--label COLUMN"]);
    home.write("words", "A\t\nB\t\n");
    home.refuses(
        &["learn", "sequence", "--format", "crfsuite", "words", "m"],
        &["words: expected features"],
    );
    home.write("plain", "1 qid:1\n0 qid:1\n");
    home.refuses(&["learn", "ranking", "plain", "m"], &["plain: expected features"]);
    let real: String = (0..20).map(|i| format!("{}.5 1:{i}.5\n", i * i)).collect();
    home.write("real", real);
    home.refuses(&["learn", "multiclass", "real", "m"], &["real numbers as in regression"]);

    let told = |arguments: &[&str]| home.succeeds(arguments).err;
    home.write("own", "a 1:1\nb 2:1\nc 3:1\n");
    assert!(told(&["learn", "multiclass", "own", "m"]).contains("a label of its own"));
    home.write("qids", "1 qid:1 1:1\n2 qid:1 2:1\n1 1:2\n");
    assert!(told(&["learn", "multiclass", "qids", "m"]).contains("qid: of lines are passed over"));
    home.write("ties", "1 qid:1 1:1\n1 qid:1 2:1\n0 qid:2 1:2\n");
    assert!(told(&["learn", "ranking", "ties", "m"]).contains("there is nothing to learn"));
}

#[test]
fn features_that_the_model_does_not_know_are_told() {
    let home = Home::with_model();
    home.write("ranked", "1 qid:1 1:1\n0 qid:1 2:1\n");
    home.write("hmm", "A qid:1 1:1\nB qid:1 2:1\n");
    home.succeeds(&["learn", "ranking", "ranked", "ranker"]);
    home.succeeds(&["learn", "sequence", "hmm", "tagger"]);
    home.write("new.svm", "1 901:1\n1 902:1\n");
    home.write("new.ranked", "1 qid:1 901:1\n0 qid:1 902:1\n");
    home.write("new.hmm", "A qid:1 901:1\nB qid:1 902:1\n");
    for (examples, model) in [("new.svm", "good"), ("new.ranked", "ranker"), ("new.hmm", "tagger")]
    {
        for arguments in [&["classify", examples, model, "out"][..], &["evaluate", examples, model]]
        {
            let told = home.succeeds(arguments).err;
            assert!(told.contains("the model knows none of the features"), "{arguments:?}: {told}");
        }
    }
    assert!(!home.succeeds(&["classify", "test.svm", "good", "out"]).err.contains("knows none"));
}

#[test]
fn archives_and_files_of_other_programs_are_known() {
    let home = Home::with_model();
    home.write("padded.gz", [gzip(home.text("train.svm").as_bytes()), vec![0; 1000]].concat());
    learned(&home, &["multiclass", "padded.gz"]);
    home.write("packed", b"PK\x03\x04");
    home.refuses(&["learn", "multiclass", "packed", "m"], &["packed: this is a zip archive"]);
    home.write("ranked", "1 qid:1 1:1\n0 qid:1 2:1\n");
    home.succeeds(&["svm_rank_learn", "-c", "1", "ranked", "text"]);
    home.refuses(&["classify", "ranked", "text", "out"], &["a text model of SVM^struct"]);
    home.refuses(&["inspect", "ranked"], &["expected a Crosscut model, found something else"]);
    // Latin-1 in comments.
    home.write("latin", b"1 1:1 # caf\xe9\n# \xe9\n2 2:1\n");
    learned(&home, &["multiclass", "latin"]);
    home.write("latin", b"1 qid:1 1:1 # caf\xe9\n0 qid:1 2:1\n");
    learned(&home, &["ranking", "latin"]);
    learned(&home, &["sequence", "latin"]);
    home.succeeds(&["svm_rank_learn", "-c", "1", "latin", "text"]);
    home.write("latin", b"caf\xe9 1:1\n2 2:1\n");
    home.refuses(&["learn", "multiclass", "latin", "m"], &["latin:1: expected text in UTF-8"]);
}

#[test]
fn no_examples_have_no_predictions() {
    let home = Home::with_model();
    home.write("ranked", "1 qid:1 1:1\n0 qid:1 2:1\n");
    home.write("hmm", "A qid:1 1:1\nB qid:1 2:1\n");
    home.write("crf", "A\tx\nB\ty\n");
    home.write("columns", "x A\ny B\n");
    home.write("template", "U0:%x[0,0]\n");
    home.succeeds(&["learn", "ranking", "ranked", "ranker"]);
    home.succeeds(&["learn", "sequence", "hmm", "tagger"]);
    home.succeeds(&["learn", "sequence", "crf", "tagger2"]);
    home.succeeds(&["learn", "sequence", "--template", "template", "columns", "tagger3"]);
    for model in ["good", "ranker", "tagger", "tagger2", "tagger3"] {
        for text in ["", "\n\n"] {
            home.write("empty", text);
            home.succeeds(&["classify", "empty", model, "out"]);
            assert_eq!(home.text("out"), "", "{model}");
            home.refuses(&["evaluate", "empty", model], &["empty: expected at least one example"]);
        }
    }
}

#[test]
fn small_scores_can_be_told_apart() {
    let home = Home::new();
    let line = |i: usize| format!("{} qid:{} 1:{}e-6 2:{}e-7\n", i % 3, i / 5, i % 7, i % 4);
    home.write("ranked", (0..40).map(line).collect::<String>());
    home.succeeds(&["learn", "ranking", "--c-sum", "1e-3", "ranked", "model"]);
    home.succeeds(&["classify", "ranked", "model", "scores"]);
    let mut scores: Vec<f64> =
        home.text("scores").lines().map(|line| line.parse().unwrap()).collect();
    scores.sort_by(f64::total_cmp);
    scores.dedup();
    assert!(scores.len() >= 20, "{scores:?}");
    let inspected = home.succeeds(&["inspect", "model"]).out;
    assert!(!inspected.contains("0.000000 "), "{inspected}");
}

#[cfg(unix)]
#[test]
fn a_pipe_cannot_be_read_twice() {
    let home = Home::new();
    assert!(
        std::process::Command::new("mkfifo").arg(home.path("pipe")).status().unwrap().success()
    );
    let expected = "--stream expects a file that can be read again";
    let run = home.run(&["learn", "multiclass", "--stream", "pipe", "model"]);
    assert!(run.code == 2 && run.err.contains(expected), "{run:?}");
}

#[test]
fn classes_of_wapiti_are_named() {
    let home = Home::new();
    home.write("columns", "x A\ny B\n");
    for class in ["a", "A", "l", "L", "u", "U", "p", "P"] {
        home.write("template", format!("U0:%t[0,0,\"^\\{class}+$\"]\n"));
        let learn = ["learn", "sequence", "--template", "template", "columns", "m"];
        home.refuses(&learn, &["template:1: ", &format!("Wapiti's \\{class} is written [[:")]);
    }
    home.write("template", "U0:%t[0,0,\"^\\p{L}\\pL?[[:alpha:]]?\\u{78}?$\"]\nU1:%x[0,0]\n");
    home.succeeds(&["learn", "sequence", "--template", "template", "columns", "m"]);
    // An empty weight is 1.
    home.write("crf", "A\tw=x:\nB\tw=y:1\n");
    home.succeeds(&["learn", "sequence", "crf", "m"]);
    home.write("columns", "x\tA\ny z B\n");
    home.write("template", "U0:%x[0,0]\n");
    home.refuses(
        &["learn", "sequence", "--template", "template", "columns", "m"],
        &["columns:2: ", "TAB"],
    );
}
