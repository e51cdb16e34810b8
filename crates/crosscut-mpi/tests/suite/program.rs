//! The program `crosscut-mpi`, as its users start it.

use std::process::Command;

use crate::common::Home;

const RANKS: [usize; 3] = [1, 2, 4];

#[test]
fn the_root_alone_prints() {
    for ranks in RANKS {
        for (arguments, expected) in [
            (&["--help"][..], "learn"),
            (&["--version"], "crosscut-mpi "),
            (&["learn", "multiclass", "--help"], "{rank}"),
            (&["tasks"], "multiclass"),
            (&["learn", "sequence", "--print-template", "chunking"], "U"),
        ] {
            let Some(run) = Home::new().run(ranks, arguments) else { return };
            assert_eq!((run.code, &*run.err), (0, ""), "{arguments:?}: {run:?}");
            let first = run.out.lines().next().unwrap();
            assert!(run.out.contains(expected), "{arguments:?}: {run:?}");
            assert_eq!(run.out.matches(first).count(), 1, "{arguments:?}: {run:?}");
        }
    }
}

#[test]
fn wrong_arguments_are_refused_once() {
    for ranks in RANKS {
        for (arguments, expected) in [
            (&["learn", "multiclass", "--no", "train.svm", "m"][..], "argument '--no' found"),
            (&["learn", "multiclass", "--stream", "train.svm", "m"], "works on one machine"),
            (&["learn", "multiclass", "-", "m"], "cannot be standard input"),
            (&["evaluate", "train.svm", "m"], "use `crosscut evaluate`"),
            (&["validate", "multiclass", "train.svm"], "use `crosscut validate`"),
        ] {
            let home = Home::new();
            let Some(run) = home.run(ranks, arguments) else { return };
            assert_eq!((run.code, &*run.out), (2, ""), "{arguments:?}: {run:?}");
            assert_eq!(run.err.matches(expected).count(), 1, "{arguments:?}: {run:?}");
            assert!(!run.err.contains("MPI_ABORT"), "{arguments:?}: {run:?}");
            assert!(!home.path("m").exists());
        }
    }
}

#[test]
fn an_error_is_told_once_and_ends_all() {
    for ranks in RANKS {
        let home = Home::new();
        let arguments = ["learn", "multiclass", "no-such-file.svm", "m"];
        let Some(run) = home.run(ranks, &arguments) else { return };
        assert_eq!((run.code, &*run.out), (2, ""), "{run:?}");
        let complaints = run.complaints("crosscut-mpi");
        assert_eq!(complaints.len(), 1, "{run:?}");
        let told = "crosscut-mpi: rank 0: no-such-file.svm: cannot be read: ";
        assert!(complaints[0].starts_with(told), "{run:?}");
        assert!(!home.path("m").exists());
    }
}

#[test]
fn without_mpirun_it_is_one_rank() {
    // Open MPI needs its programs all the same.
    let Some(_) = Home::new().run(1, &["tasks"]) else { return };
    let program = env!("CARGO_BIN_EXE_crosscut-mpi");
    let output = Command::new(program).arg("tasks").output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.starts_with("multiclass "), "{output:?}");
    let output = Command::new(program).args(["learn", "multiclass"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
}
