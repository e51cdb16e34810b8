//! `learn` on ranks of MPI gives what it gives on ranks that are threads.

use std::fs;
use std::path::PathBuf;

use crosscut::{C, Settings};
use crosscut_app::ranks::Threads;
use crosscut_app::verbs::Learn;
use crosscut_app::{Entry, Options};
use crosscut_multiclass as multiclass;
use crosscut_ranking as ranking;
use crosscut_sequence as sequence;

use crate::common::Home;

const FILES: [(Entry, &str); 3] =
    [(multiclass::ENTRY, "digits.svm"), (sequence::ENTRY, "tags"), (ranking::ENTRY, "queries")];

/// The model that threads learn.
fn of_threads(home: &Home, entry: &Entry, file: &str, ranks: usize) -> Vec<u8> {
    let (examples, model) = (home.path(file), home.path("threads"));
    let settings = Settings::new().c(C::Sum(0.01)).relative_gap(1e-3).passes(30).threads(1);
    Threads::run(ranks, |ranks| {
        let request = Learn {
            examples: &examples,
            model: &model,
            options: &Options::default(),
            settings: &settings,
            checkpoints: None,
            resume: None,
            prior: None,
            init: None,
            stream: false,
            ranks: Some(ranks),
        };
        (entry.learn)(&request, &mut ()).unwrap();
    });
    fs::read(model).unwrap()
}

#[test]
fn models_are_those_of_threads() {
    let home = Home::with_digits();
    for (entry, file) in FILES {
        for ranks in [1, 2, 4] {
            let threads: &[&str] = if ranks == 2 { &["1", "2"] } else { &["1"] };
            let expected = of_threads(&home, &entry, file, ranks);
            for threads in threads {
                let words = ["learn", entry.name, "--threads", threads, "--c-sum", "0.01"];
                let words = [&words[..], &["--passes", "30", file, "model"]].concat();
                let Some(run) = home.run(ranks, &words) else { return };
                assert_eq!((run.code, &*run.out), (0, ""), "{run:?}");
                let told = run.err.contains("rounds of messages; in each, the root sends");
                assert_eq!(told, ranks > 1, "{run:?}");
                let model = fs::read(home.path("model")).unwrap();
                assert!(model == expected, "{ranks} {run:?}");
            }
        }
    }
}

#[test]
fn each_rank_may_have_a_file_and_json_and_log_come_from_the_root() {
    let home = Home::with_digits();
    let text = fs::read_to_string(home.path("digits.svm")).unwrap();
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    for (rank, lines) in [&lines[..400], &lines[400..800], &lines[800..]].iter().enumerate() {
        fs::write(home.path(&format!("own.{rank}")), lines.concat()).unwrap();
    }
    let words = ["learn", "multiclass", "--gap", "0.05", "--json", "--log", "log"];
    let words = [&words[..], &["own.{rank}", "model"]].concat();
    let Some(run) = home.run(3, &words) else { return };
    assert_eq!(run.code, 0, "{run:?}");
    assert!(run.err.contains("3 ranks, 400 to 642 examples each"), "{run:?}");
    assert!(run.out.starts_with('{'), "{run:?}");
    assert_eq!(run.out.matches("\"converged\": true").count(), 1, "{run:?}");
    assert!(!fs::read_to_string(home.path("log")).unwrap().is_empty());
    assert!(home.path("model").exists());
    // The third rank has no file.
    fs::remove_file(home.path("own.2")).unwrap();
    let missing = home.run(3, &words).unwrap();
    assert_eq!((missing.code, &*missing.out), (2, ""), "{missing:?}");
    let complaints = missing.complaints("crosscut-mpi");
    assert_eq!(complaints.len(), 1, "{missing:?}");
    assert!(complaints[0].contains("rank 2: own.2: cannot be read"), "{missing:?}");
}

#[test]
fn a_bad_line_is_told_once_with_its_number() {
    let home = Home::with_digits();
    let path: PathBuf = home.path("digits.svm");
    let text = fs::read_to_string(&path).unwrap();
    let mut lines: Vec<&str> = text.lines().collect();
    lines[900] = "1 3:x";
    fs::write(&path, lines.join("\n")).unwrap();
    let Some(run) = home.run(4, &["learn", "multiclass", "digits.svm", "model"]) else { return };
    assert_eq!((run.code, &*run.out), (2, ""), "{run:?}");
    let told =
        "crosscut-mpi: rank 2: digits.svm:901: expected a number after the colon, found `3:x`";
    assert_eq!(run.complaints("crosscut-mpi"), [told], "{run:?}");
    // All ranks have ended by themselves.
    assert!(!run.err.contains("MPI_ABORT"), "{run:?}");
    assert!(!home.path("model").exists());
}
