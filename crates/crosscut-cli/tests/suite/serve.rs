//! `classify --flush`: another program asks through a pipe, and has each answer before it asks again.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, and so do its helpers")]

use crate::common;

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use common::Home;

/// Longest time to wait for an answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// `classify --flush` with pipes.
struct Server {
    child: Child,
    asks: Option<ChildStdin>,
    /// The lines of its answers.
    answers: Receiver<String>,
}

impl Server {
    fn start(home: &Home, arguments: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_crosscut"))
            .current_dir(home.path("."))
            .args(["classify", "--flush", "-v", "0"])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (sender, answers) = mpsc::channel();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        thread::spawn(move || lines.map_while(Result::ok).try_for_each(|line| sender.send(line)));
        Self { asks: child.stdin.take(), child, answers }
    }

    fn ask(&mut self, text: &str) {
        let asks = self.asks.as_mut().unwrap();
        asks.write_all(text.as_bytes()).unwrap();
        asks.flush().unwrap();
    }

    /// The next lines of its answers.
    fn answer(&self, lines: usize) -> Vec<String> {
        (0..lines).map(|_| self.answers.recv_timeout(PATIENCE).unwrap()).collect()
    }

    fn is_silent(&self) -> bool {
        self.answers.recv_timeout(Duration::from_millis(200)).is_err()
    }

    /// Waits until it ends; its exit code, what it had not answered before, and standard error.
    fn end(mut self) -> (Option<i32>, Vec<String>, String) {
        drop(self.asks.take());
        let begin = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(begin.elapsed() < PATIENCE);
            thread::sleep(Duration::from_millis(5));
        };
        let mut errors = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
        (status.code(), self.answers.iter().collect(), errors)
    }
}

/// A folder with a model for each kind of file: `points`, `ids`, `names`, `columns`, `queries`.
fn home() -> Home {
    let home = Home::new();
    home.write("ids.hmm", "N qid:1 1:1 3:0.5\nV qid:1 2:1\nN qid:2 1:1\n");
    home.write("names.crf", "N\tw=a\tlong:0.5\nV\tw=b\n\nN\tw=a\n");
    home.write("columns.conll", "the DT B\ndog NN I\n\ncats NNS B\n");
    home.write("queries.svm", "2 qid:1 1:1\n1 qid:1 2:1\n2 qid:2 1:2\n0 qid:2 2:1\n");
    home.write("word", "U0:%x[0,0]\n");
    for arguments in [
        &["multiclass", "train.svm", "points"][..],
        &["sequence", "ids.hmm", "ids"],
        &["sequence", "names.crf", "names"],
        &["sequence", "--template", "word", "columns.conll", "columns"],
        &["ranking", "queries.svm", "queries"],
    ] {
        home.succeeds(&[&["learn"], &arguments[..1], &["-v", "0"], &arguments[1..]].concat());
    }
    home
}

#[test]
fn each_example_is_answered_before_the_next_is_asked() {
    let home = home();
    // Pieces of text, and the number of lines with which each is answered.
    let talks: [(&str, &[(&str, usize)]); 6] = [
        ("points", &[("1 1:1\n", 1), ("\n# x\n", 0), ("? 3:", 0), ("1\n2:1\n", 2), ("3:1", 0)]),
        (
            "ids",
            &[
                ("? qid:1 1:1\n? qid:1 2:1\n", 0),
                ("? qid:2 1:1\n", 2),
                ("\n", 1),
                ("N qid:4 1:1\n", 0),
            ],
        ),
        (
            "names",
            &[("?\tw=a\n?\tw=b\n", 0), ("\n", 3), ("\n", 0), ("N\tw=b\n\n", 2), ("V\tx\n", 0)],
        ),
        ("columns", &[("the DT\ndog NN\n\n", 3), ("cats NNS\n \n", 2), ("a b", 0)]),
        (
            "queries",
            &[
                ("2 qid:1 1:1\n1 qid:1 2:1\n", 0),
                ("1 qid:2 1:1\n", 2),
                ("\n", 1),
                ("qid:3 2:1\n", 0),
            ],
        ),
        ("queries", &[("2 1:1\n1 2:1\n", 0), ("\n", 2), ("1 1:1\n\n", 1), ("2:1\n", 0)]),
    ];
    for (model, talk) in talks {
        let mut server = Server::start(&home, &["-", model, "-"]);
        let mut answers = Vec::new();
        for &(text, lines) in talk {
            server.ask(text);
            answers.extend(server.answer(lines));
        }
        assert!(server.is_silent(), "{model}");
        let (code, rest, errors) = server.end();
        assert_eq!((code, errors.as_str()), (Some(0), ""), "{model}");
        assert!(!rest.is_empty(), "the last example of {model} ends with the text");
        answers.extend(rest);
        // The same answers without pipes, one query a file where the file has no qid.
        let text: String = talk.iter().map(|(text, _)| *text).collect();
        let one_by_one = text.starts_with("2 1:1");
        let files =
            if one_by_one { text.split("\n\n").map(str::to_owned).collect() } else { vec![text] };
        let mut expected = String::new();
        for text in files {
            home.write("asked", text);
            home.succeeds(&["classify", "-v", "0", "asked", model, "answered"]);
            expected += &home.text("answered");
        }
        assert_eq!(answers, expected.lines().collect::<Vec<_>>(), "{model}");
    }
}

#[test]
fn a_bad_line_ends_the_program_after_the_answers_to_all_before_it() {
    let home = home();
    for (model, text, answers, expected) in [
        ("points", "1 1:1\n2:1\n1 1:x\n1 1:1\n", 2, "standard input:3: expected a number"),
        ("points", "1 1:1\n\u{fffd}\u{0}\n", 1, "standard input:2: expected text, found a NUL"),
        (
            "ids",
            "? qid:1 1:1\n? qid:2 1:1\n? qid:1 1:1\n",
            2,
            "standard input:3: expected the tokens of qid:1",
        ),
        ("names", "?\tw=a\n\n?\tw=a\n?\t:3\n\n", 2, "standard input:4: expected the name"),
        ("columns", "the DT\n\ndog NN B\n\n", 2, "standard input:3: expected 2 columns"),
        ("queries", "1 qid:1 1:1\n1 qid:2 1:1\n1 2:1\n", 1, "standard input:3: expected qid:N"),
    ] {
        // All at once, so that good and bad lines arrive together; then line by line.
        for chunks in [vec![text], text.split_inclusive('\n').collect()] {
            let mut server = Server::start(&home, &["-", model, "-"]);
            for chunk in chunks {
                // It may have ended already.
                let _ = server.asks.as_mut().unwrap().write_all(chunk.as_bytes());
                thread::sleep(Duration::from_millis(5));
            }
            let (code, found, errors) = server.end();
            assert_eq!((code, found.len()), (Some(2), answers), "{model}: {errors}");
            assert!(errors.contains(expected), "{model}: {errors}");
        }
    }
}

#[test]
fn it_ends_when_nobody_reads_the_answers() {
    let home = home();
    let mut child = Command::new(env!("CARGO_BIN_EXE_crosscut"))
        .current_dir(home.path("."))
        .args(["classify", "--flush", "-v", "0", "-", "points", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    child.stdin.as_mut().unwrap().write_all(b"1 1:1\n").unwrap();
    // Standard input stays open.
    let begin = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        assert!(begin.elapsed() < PATIENCE);
        thread::sleep(Duration::from_millis(5));
    };
    assert_eq!(status.code(), Some(0));
}

#[test]
fn files_are_written_in_place_and_archives_are_read() {
    let home = home();
    home.write("asked", "1 1:1\n2:1\n1 1:x\n");
    home.succeeds(&["classify", "-v", "0", "test.svm", "points", "expected"]);
    home.write("packed", common::gzip(&home.read("test.svm")));
    for examples in ["test.svm", "packed"] {
        home.write("answers", "of before\n");
        home.succeeds(&["classify", "--flush", "-v", "0", examples, "points", "answers"]);
        assert_eq!(home.text("answers"), home.text("expected"));
    }
    let run = home.run(&["classify", "--flush", "-v", "0", "asked", "points", "answers"]);
    assert_eq!((run.code, home.text("answers").lines().count()), (2, 2));
}

#[test]
fn what_cannot_be_served_is_refused() {
    let home = home();
    home.write("sizes", "2\n2\n");
    home.write("documents", "2 1:1\n1 2:1\n2 1:2\n0 2:1\n");
    let flush = ["classify", "--flush", "-v", "0"];
    let refuses = |rest: &[&str], expected: &[&str]| {
        home.refuses(&[&flush[..], rest].concat(), expected);
    };
    refuses(
        &["--group", "sizes", "documents", "queries", "out"],
        &["--flush expects files that can be read example by example"],
    );
    refuses(&["test.svm", "points", "out.gz"], &["out.gz: expected a name without .gz"]);
    refuses(&["test.svm", "points", "test.svm"], &["test.svm: expected another file"]);
    refuses(&["missing", "points", "out"], &["missing: cannot be read"]);
}

#[cfg(unix)]
#[test]
fn named_pipes_serve_too() {
    let home = home();
    for name in ["asks", "answers"] {
        assert!(Command::new("mkfifo").arg(home.path(name)).status().unwrap().success());
    }
    let mut server = Server::start(&home, &["asks", "names", "answers"]);
    let (paths, (sender, receiver)) = ((home.path("asks"), home.path("answers")), mpsc::channel());
    thread::spawn(move || {
        let mut asks = std::fs::OpenOptions::new().write(true).open(paths.0).unwrap();
        let mut answers = BufReader::new(std::fs::File::open(paths.1).unwrap()).lines();
        for _ in 0..3 {
            asks.write_all(b"?\tw=a\n\n").unwrap();
            let lines = [answers.next().unwrap().unwrap(), answers.next().unwrap().unwrap()];
            sender.send(lines).unwrap();
        }
    });
    for _ in 0..3 {
        assert_eq!(receiver.recv_timeout(PATIENCE).unwrap(), ["N", ""]);
    }
    server.asks = None;
    assert_eq!(server.end().0, Some(0));
}
