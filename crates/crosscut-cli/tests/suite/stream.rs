//! Training from a file that is read in pieces: the task, the examples and the optimum are those of
//! training in memory; the result does not depend on threads; what changes on the way is refused
//! with its line.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, and so do its helpers")]

use crate::common;

use std::fmt::{Debug, Write as _};
use std::fs;
use std::ops::ControlFlow;

use common::Home;
use crosscut::{C, Settings, Solver, Stream, StreamTrainer, Task, Trainer, testing};
use crosscut_app::reading::Passes;
use crosscut_app::{Format, Options, OutputOf, Pieces, Source, Training, define, survey};
use crosscut_multiclass::MulticlassFiles;
use crosscut_ranking::RankingFiles;
use crosscut_sequence::SequenceFiles;

/// Whole numbers from −5 to 5 that look random.
fn noise(row: usize, column: usize) -> i64 {
    ((row * 7919 + column * 104_729 + 13) * 2_654_435_761 % 1_000_003 % 11) as i64 - 5
}

fn lines(count: usize, line: impl Fn(usize) -> String) -> String {
    (0..count).fold(String::new(), |mut text, row| {
        let _ = writeln!(text, "{}", line(row));
        text
    })
}

fn features(row: usize) -> String {
    (0..4).map(|column| format!(" {}:{}", 3 * column + 1, noise(row, column))).collect()
}

fn multiclass() -> String {
    "# a comment\n\n".to_owned()
        + &lines(90, |row| format!("c{} cost:{}{} # {row}", row % 4, 1 + row % 2, features(row)))
}

fn queries() -> String {
    lines(90, |row| format!("{} qid:{}{}", noise(row, 7).rem_euclid(3), row / 7 + 3, features(row)))
}

fn hmm() -> String {
    lines(90, |row| format!("t{} qid:{}{}", noise(row, 7).rem_euclid(3), row / 4, features(row)))
}

fn crfsuite() -> String {
    lines(90, |row| match row % 5 {
        4 if row % 2 == 0 => "\n@weight:2".to_owned(),
        4 => "  ".to_owned(),
        _ => format!(
            "t{}\ta={}\tb={}:0.5",
            noise(row, 7).rem_euclid(3),
            noise(row, 1),
            noise(row, 2)
        ),
    })
}

fn columns() -> String {
    lines(90, |row| match row % 6 {
        5 => String::new(),
        _ => format!("word{} P{} {}", noise(row, 1), noise(row, 2), ["O", "B-X", "B-Y"][row % 3]),
    })
}

fn options(set: &[(&str, &str)]) -> Options {
    let mut options = Options::default();
    set.iter().for_each(|(name, value)| options.set(name, *value));
    options
}

/// The same task and the same examples with pieces of any size, and the same optimum.
fn check<F: Format<Task: PartialEq + Debug>>(text: &str, options: &Options)
where
    OutputOf<F>: PartialEq,
{
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("train");
    fs::write(&path, text).unwrap();
    let source = Source::open_quietly(&path).unwrap();
    let Training { task, examples, .. } = define::<F>(options, source).unwrap();
    let settings = Settings::new().c(C::Sum(0.1)).solver(Solver::OneSlack).passes(2000).threads(1);
    let whole = Trainer::new(&task, &examples, &settings)
        .unwrap()
        .solve(&mut |_| ControlFlow::Continue(()));
    for size in [1, 100, 1000, 1 << 20] {
        let at = format!("{} {options:?}, pieces of {size}", F::NAME);
        let mut pieces = Pieces::with_size(&path, size).unwrap();
        let (format, surveyed) = survey::<F>(options, &mut pieces).unwrap();
        assert_eq!(surveyed, task, "{at}");
        let mut passes = Passes { format: &format, pieces };
        passes.rewind().unwrap();
        let (mut found, mut count) = (Vec::new(), 0);
        while let Some(piece) = passes.next(&task).unwrap() {
            found.extend(piece);
            count += 1;
        }
        assert_eq!(found.len(), examples.len(), "{at}");
        for (seed, (a, b)) in (0..).zip(found.iter().zip(&examples)) {
            let w = testing::random_weights(task.dim(), 1.0, seed);
            assert!(a.y == b.y && a.weight == b.weight, "{at}, example {seed}");
            assert!(
                testing::plane_of(&task, &w, a) == testing::plane_of(&task, &w, b),
                "{at}, example {seed}"
            );
        }
        assert!(count > 1 || size > text.len() / 2, "{at}");

        let run = |threads| {
            let mut pieces = Pieces::with_size(&path, size).unwrap();
            let (format, task) = survey::<F>(options, &mut pieces).unwrap();
            let passes = Passes { format: &format, pieces };
            let mut trainer =
                StreamTrainer::new(&task, passes, &settings.threads(threads)).unwrap();
            assert_eq!(trainer.examples(), examples.len());
            trainer.solve(&mut |_| ControlFlow::Continue(())).unwrap()
        };
        let (one, two) = (run(1), run(2));
        assert_eq!((&one.w, one.certificate), (&two.w, two.certificate), "{at}");
        assert!(one.certificate.converged(), "{at}: {:?}", one.certificate);
        testing::check_solution(&task, &examples, &settings, &one);
        let (a, b) = (one.certificate, whole.certificate);
        assert!(a.dual <= b.primal && b.dual <= a.primal, "{at}: {a:?} {b:?}");
    }
}

#[test]
fn pieces_make_the_same_task_examples_and_optimum() {
    check::<MulticlassFiles>(&multiclass(), &options(&[]));
    check::<MulticlassFiles>(&multiclass(), &options(&[("bias", "1")]));
    check::<MulticlassFiles>(&multiclass(), &options(&[("bias", "1"), ("scale", "standard")]));
    check::<MulticlassFiles>(&multiclass(), &options(&[("scale", "global")]));
    check::<RankingFiles>(&queries(), &options(&[]));
    check::<RankingFiles>(&queries(), &options(&[("scale", "query")]));
    check::<RankingFiles>(&queries(), &options(&[("scale", "global")]));
    check::<RankingFiles>(&queries(), &options(&[("scale", "standard")]));
    check::<SequenceFiles>(&hmm(), &options(&[]));
    check::<SequenceFiles>(&hmm(), &options(&[("scale", "standard")]));
    check::<SequenceFiles>(&hmm(), &options(&[("scale", "global"), ("min-count", "60")]));
    check::<SequenceFiles>(&hmm(), &options(&[("min-count", "60")]));
    check::<SequenceFiles>(&crfsuite(), &options(&[]));
    check::<SequenceFiles>(&crfsuite(), &options(&[("min-count", "5"), ("format", "crfsuite")]));
    check::<SequenceFiles>(&crfsuite(), &options(&[("scale", "standard")]));
    check::<SequenceFiles>(&columns(), &options(&[("template", "pos")]));
    check::<SequenceFiles>(&columns(), &options(&[("template", "pos"), ("scale", "global")]));
    check::<SequenceFiles>(
        &columns(),
        &options(&[("template", "ner"), ("constrain", "bio"), ("min-count", "3")]),
    );
}

#[test]
fn a_file_that_changes_between_passes_ends_training_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("train");
    let text = multiclass();
    let half = text.len() / 2;
    for changed in
        [text[..half].to_owned(), text.replace("c1 cost:2", "c2 cost:2"), text.clone() + "c1 1:1\n"]
    {
        fs::write(&path, &text).unwrap();
        let mut pieces = Pieces::with_size(&path, 500).unwrap();
        let surveyed = survey::<MulticlassFiles>(&Options::default(), &mut pieces);
        let (format, task) = surveyed.unwrap();
        let passes = Passes { format: &format, pieces };
        let mut trainer = StreamTrainer::new(&task, passes, &Settings::default()).unwrap();
        let error = trainer.solve(&mut |progress| {
            if progress.passes >= 2.0 {
                fs::write(&path, &changed).unwrap();
            }
            ControlFlow::Continue(())
        });
        let error = error.unwrap_err().to_string();
        assert!(
            error.contains("train:")
                && error.ends_with("the file has changed since training began"),
            "{error}"
        );
    }
}

#[test]
fn the_program_streams_every_task() {
    let home = Home::new();
    for (task, text, more) in [
        ("multiclass", multiclass(), &[][..]),
        ("ranking", queries(), &[]),
        ("sequence", hmm(), &[]),
        ("sequence", columns(), &["--template", "chunking"]),
    ] {
        home.write("train", text.as_bytes());
        let learn = |flags: &[&str], model: &str| {
            let args = [
                &["learn", task, "--json", "-v", "0", "--gap", "1e-4"],
                flags,
                more,
                &["train", model],
            ]
            .concat();
            let run = home.succeeds(&args);
            serde_json::from_str::<serde_json::Value>(&run.out).unwrap()
        };
        let (memory, stream) =
            (learn(&[], "memory"), learn(&["--stream", "--threads", "1"], "stream"));
        assert_eq!(
            (&stream["sizes"], &stream["examples"]),
            (&memory["sizes"], &memory["examples"])
        );
        assert_eq!((&stream["stop"], &stream["solver"]), (&"gap".into(), &"one-slack".into()));
        let number = |value: &serde_json::Value, name: &str| value[name].as_f64().unwrap();
        assert!(number(&stream, "dual") <= number(&memory, "primal"));
        assert!(number(&memory, "dual") <= number(&stream, "primal"));
        learn(&["--stream", "--threads", "2"], "again");
        assert_eq!(fs::read(home.path("stream")).unwrap(), fs::read(home.path("again")).unwrap());
    }
}

#[test]
fn a_stream_that_is_broken_off_goes_on_to_the_same_model() {
    let home = Home::new();
    home.write("train", queries().as_bytes());
    let learn = |more: &[&str]| {
        home.run(&[&["learn", "ranking", "--gap", "1e-6", "-v", "0"], more].concat())
    };
    let kept = [
        "--stream",
        "--checkpoint",
        "state",
        "--every",
        "1",
        "--passes",
        "5",
        "--threads",
        "1",
        "train",
        "part",
    ];
    assert_eq!(learn(&["--stream", "train", "whole"]).code, 0);
    assert_eq!(learn(&kept).code, 0);
    let went_on = learn(&["--stream", "--resume", "state", "--threads", "2", "train", "rest"]);
    assert_eq!(went_on.code, 0, "{}", went_on.err);
    assert!(home.read("rest") == home.read("whole"), "the models differ");

    assert_eq!(learn(&kept).code, 0);
    home.refuses(
        &["learn", "ranking", "--gap", "1e-6", "-v", "0", "--resume", "state", "train", "rest"],
        &["made with --stream, this run has no --stream"],
    );
    home.write("train", queries().replacen(":1", ":2", 1));
    home.refuses(
        &[
            "learn", "ranking", "--gap", "1e-6", "-v", "0", "--stream", "--resume", "state",
            "train", "rest",
        ],
        &["the data differ"],
    );
}

#[test]
fn what_cannot_be_streamed_is_refused() {
    let home = Home::new();
    home.write("train", multiclass().as_bytes());
    home.write("queries", queries().as_bytes());
    home.write("sizes", b"90\n");
    home.write("bad", (multiclass() + "c1 1:x\n").as_bytes());
    home.write("returns", (queries() + "1 qid:3 1:1\n").as_bytes());
    home.write("empty", b"");
    home.write("one", b"a 1:1\n");
    let table: [(&[&str], &str); 8] = [
        (
            &["multiclass", "--stream", "-", "model"],
            "--stream expects a file that can be read again, not `-`",
        ),
        (
            &["multiclass", "--stream", "--solver", "block", "train", "model"],
            "the solver of a stream must be auto or one-slack",
        ),
        (
            &["ranking", "--stream", "--group", "sizes", "queries", "model"],
            "--group expects neither --stream nor several ranks",
        ),
        (
            &["ranking", "--stream", "--query-weights", "sizes", "queries", "model"],
            "--query-weights expects neither --stream nor",
        ),
        (
            &["multiclass", "--stream", "bad", "model"],
            "bad:93: expected a number after the colon, found `1:x`",
        ),
        (&["ranking", "--stream", "returns", "model"], "returns:91: expected the"),
        (&["multiclass", "--stream", "empty", "model"], "empty: "),
        (
            &["multiclass", "--stream", "one", "model"],
            "one: at least two classes are needed, not 1",
        ),
    ];
    for (args, expected) in table {
        home.refuses(&[&["learn"], args].concat(), &[expected]);
    }
    home.refuses(
        &["learn", "multiclass", "--max-memory", "1KB", "train", "model"],
        &["the memory for planes must be room"],
    );
    home.refuses(
        &["learn", "multiclass", "--max-memory", "much", "train", "model"],
        &["expected a size such as 500MB"],
    );
}
