//! The number of threads changes no output: every verb, every kind of file, and what `validate`
//! tells on the way.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, and so do its helpers")]

use std::fmt::Write;

use serde_json::Value;

use crate::common::{Home, gzip};

const THREADS: [&str; 3] = ["1", "2", "3"];

/// Numbers below `below` that look random.
fn noise(seed: usize, below: usize) -> usize {
    (seed * 7919 + 13).wrapping_mul(2_654_435_761) % 1_000_003 % below
}

/// Files of a few hundred kilobytes, so that they make several blocks and pieces.
fn write(home: &Home) {
    let (mut svm, mut hmm, mut crf, mut columns, mut queries) =
        (String::new(), String::new(), String::new(), String::new(), String::new());
    let mut csv = "label,a,b,kind\n".to_owned();
    for row in 0..9000 {
        let kind = row * 7 % 5 % 3;
        let (a, b) = (kind as f64 + 0.1 * noise(row, 20) as f64, 0.1 * noise(row + 7, 30) as f64);
        let far = 4 + noise(row + 3, 300);
        let features = format!("1:{a:.1} 2:{b:.1} {far}:1");
        writeln!(svm, "c{kind} {features}").unwrap();
        writeln!(hmm, "t{kind} qid:{} {features}", row / 9).unwrap();
        writeln!(queries, "{kind} qid:{} {features}", row / 9).unwrap();
        writeln!(csv, "c{kind},{a:.1},{b:.1},k{}", noise(row, 4)).unwrap();
        writeln!(crf, "t{kind}\tword={far}\tsize:{a:.1}\tw{}", noise(row, 500)).unwrap();
        writeln!(columns, "w{} P{} t{kind}", noise(row, 500) / 2, (kind + noise(row, 2)) % 3)
            .unwrap();
        if row % 9 == 8 {
            crf.push('\n');
            columns.push('\n');
        }
    }
    home.write("svm.gz", gzip(svm.as_bytes()));
    for (name, text) in [
        ("svm", svm),
        ("hmm", hmm),
        ("crf", crf),
        ("columns", columns),
        ("queries", queries),
        ("csv", csv),
    ] {
        home.write(name, text);
    }
}

/// What a line of training options, a file, and options of `classify` leave, without times.
fn outcome(
    home: &Home,
    threads: &str,
    (learn, file, classify): (&str, &str, &str),
) -> Vec<Vec<u8>> {
    let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let run = |verb: &[&str], options: &str, rest: &[&str]| {
        let (verb, options) = (verb.iter().map(|&word| word.to_owned()), words(options));
        let rest = rest.iter().map(|&word| word.to_owned());
        let threads = ["-v", "0", "--threads", threads].map(str::to_owned);
        let all: Vec<String> = verb.chain(options).chain(threads).chain(rest).collect();
        home.succeeds(&all.iter().map(String::as_str).collect::<Vec<_>>())
    };
    run(&["learn"], learn, &[file, "model"]);
    let evaluated = run(&["evaluate"], "", &[file, "model"]);
    let piped = run(&["classify"], classify, &[file, "model", "-"]);
    run(&["classify"], classify, &[file, "model", "predictions"]);
    let predictions = home.read("predictions");
    assert!(piped.out.as_bytes() == predictions, "{learn}");
    vec![home.read("model"), evaluated.out.into_bytes(), predictions]
}

#[test]
fn every_verb_writes_the_same_bytes() {
    let home = Home::new();
    write(&home);
    for case in [
        ("multiclass --c-sum 0.01 --passes 3", "svm", ""),
        ("multiclass --c-sum 0.01 --passes 3 --scale standard", "svm.gz", ""),
        ("multiclass --objective log --c-sum 0.01 --passes 3", "svm", "--probabilities"),
        ("multiclass --label label --c-sum 0.01 --passes 3", "csv", ""),
        ("multiclass --stream --c-sum 0.01 --passes 3", "svm", ""),
        ("sequence --c-sum 0.01 --passes 2", "hmm", "--n-best 3"),
        ("sequence --c-sum 0.01 --passes 2 --min-count 3", "crf", "--max-marginals"),
        ("sequence --objective log --c-sum 0.01 --passes 2", "crf", "--probabilities"),
        ("sequence --c-sum 0.01 --passes 2 --template chunking", "columns", ""),
        ("sequence --stream --c-sum 0.01 --passes 2 --template pos", "columns", ""),
        ("ranking --c-sum 0.01 --passes 2", "queries", ""),
        ("ranking --stream --c-sum 0.01 --passes 2 --scale query", "queries", "--ranks"),
    ] {
        let [expected, others @ ..] = THREADS.map(|threads| outcome(&home, threads, case));
        for (other, threads) in others.iter().zip(&THREADS[1..]) {
            for (at, name) in ["model", "evaluation", "predictions"].iter().enumerate() {
                assert!(other[at] == expected[at], "{case:?}, {threads} threads: {name}");
            }
        }
    }
}

/// The log without times.
fn log(home: &Home) -> Vec<Value> {
    let mut lines = home.log("log");
    for line in &mut lines {
        let line = line.as_object_mut().unwrap();
        assert!(line.remove("seconds").is_some() && line.remove("oracle_seconds").is_some());
    }
    lines
}

#[test]
fn folds_side_by_side_are_told_in_order() {
    let home = Home::new();
    write(&home);
    for (options, file) in [
        ("multiclass --folds 5 --c-sum 0.0001..0.01x10", "svm"),
        ("multiclass --folds 3 --c-sum 0.001,0.01 --objective log --label label", "csv"),
        ("sequence --folds 4 --c-sum 0.001,0.01 --max-memory 2MB", "crf"),
        ("ranking --folds 2 --c-sum 0.001,0.01 --solver one-slack", "queries"),
    ] {
        let run = |threads: &str| {
            let more = ["-v", "2", "--log", "log", "--predictions", "found", "--threads", threads];
            let words = ["validate"].into_iter().chain(options.split(' ')).chain(more);
            let run = home.succeeds(&words.chain([file]).collect::<Vec<_>>());
            // The headers of the runs, without the lines of the passes, which have times.
            let told: Vec<String> = run
                .err
                .lines()
                .filter(|line| line.contains("examples, "))
                .map(str::to_owned)
                .collect();
            (run.out, told, log(&home), home.read("found"))
        };
        let expected = run("1");
        assert!(!expected.0.is_empty() && !expected.1.is_empty(), "{options}: {expected:?}");
        for threads in ["2", "3", "7"] {
            let found = run(threads);
            assert!(found.0 == expected.0, "{options}, {threads}: {} {}", found.0, expected.0);
            assert!(found.1 == expected.1, "{options}, {threads}: {:?} {:?}", found.1, expected.1);
            assert!(found.2 == expected.2, "{options}, {threads}: the log");
            assert!(found.3 == expected.3, "{options}, {threads}: the predictions");
        }
    }
}

#[test]
fn seconds_end_each_of_the_folds() {
    let home = Home::new();
    write(&home);
    for threads in THREADS {
        let found = home.json(&[
            "validate",
            "multiclass",
            "--folds",
            "3",
            "--c-sum",
            "100",
            "--gap",
            "0",
            "--seconds",
            "0.2",
            "--threads",
            threads,
            "svm",
        ]);
        let point = &found["points"][0];
        assert_eq!(point["risks"].as_array().map(Vec::len), Some(3), "{threads}: {found}");
    }
}

/// A signal ends all folds under way, and none begins after it.
#[cfg(unix)]
#[test]
fn a_signal_ends_all_folds() {
    use std::io::{BufRead, BufReader, Read};
    use std::process::{Command, Stdio};

    let home = Home::new();
    write(&home);
    for threads in THREADS {
        let mut child = Command::new(env!("CARGO_BIN_EXE_crosscut"))
            .current_dir(home.path(""))
            .args(["validate", "sequence", "--folds", "4", "--c-sum", "1000", "--gap", "0"])
            .args(["-v", "2", "--threads", threads, "hmm"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut err = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        while !line.contains("pass ") {
            line.clear();
            assert!(err.read_line(&mut line).unwrap() > 0, "it has ended");
        }
        // TERM: a test run may ignore INT.
        Command::new("sh").args(["-c", &format!("kill -TERM {}", child.id())]).status().unwrap();
        let mut rest = String::new();
        err.read_to_string(&mut rest).unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(143), "{threads}: {rest}");
        assert_eq!(output.stdout, b"", "{threads}: no C was completed");
        assert!(rest.ends_with("crosscut: interrupted\n"), "{threads}: {rest}");
        assert!(!rest.contains("fold 2 of 4"), "{threads}: {rest}");
    }
}
