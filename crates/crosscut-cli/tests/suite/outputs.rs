//! Names of files that are written: links, descriptors, and files that are used twice.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, and so do its helpers")]

use crate::common;

use common::Home;

/// Every pair of a file that is written and another that is read or written.
#[test]
fn no_file_is_used_twice() {
    let home = Home::with_model();
    home.write("costs", "1 -1 2\n");
    home.write("ranked", "1 qid:1 1:1\n0 qid:1 2:1\n");
    home.write("groups", "2\n");
    home.write("template", "U0:%x[0,0]\n");
    home.write("tagged", "a A\nb B\n");
    let learn = ["learn", "multiclass", "--cost", "costs", "--checkpoint", "kept"];
    home.succeeds(&[&learn[..], &["--passes", "1", "train.svm", "model"]].concat());
    home.succeeds(&["learn", "ranking", "ranked", "ranker"]);
    let read = "expected another file than one that is read";
    let twice = "cannot both use one file";
    for (arguments, expected) in [
        (&["learn", "multiclass", "train.svm", "./train.svm"][..], read),
        (&["learn", "multiclass", "--cost", "costs", "train.svm", "costs"], read),
        (&["learn", "multiclass", "--cost", "costs", "--log", "costs", "train.svm", "new"], read),
        (
            &[
                "learn",
                "multiclass",
                "--cost",
                "costs",
                "--checkpoint",
                "costs",
                "train.svm",
                "new",
            ],
            read,
        ),
        (&["learn", "multiclass", "--log", "train.svm", "train.svm", "new"], read),
        (&["learn", "multiclass", "--checkpoint", "train.svm", "train.svm", "new"], read),
        (
            &["learn", "multiclass", "--resume", "kept", "--cost", "costs", "train.svm", "kept"],
            twice,
        ),
        (&["learn", "multiclass", "--resume", "kept", "--log", "kept", "train.svm", "new"], twice),
        (&["learn", "multiclass", "--log", "new", "train.svm", "new"], twice),
        (&["learn", "multiclass", "--checkpoint", "new", "train.svm", "new"], twice),
        (&["learn", "multiclass", "--checkpoint", "c", "--log", "./c", "train.svm", "new"], twice),
        (&["learn", "ranking", "--group", "groups", "ranked", "groups"], read),
        (&["learn", "sequence", "--template", "template", "tagged", "template"], read),
        (&["validate", "multiclass", "--cost", "costs", "--log", "costs", "train.svm"], read),
        (&["validate", "multiclass", "--log", "train.svm", "train.svm"], read),
        (&["classify", "test.svm", "good", "good"], read),
        (&["classify", "test.svm", "good", "test.svm"], read),
        (&["learn", "sequence", "--template", "-", "-", "new"], "cannot all use standard input"),
        (&["learn", "multiclass", "--cost", "-", "-", "new"], "cannot all use standard input"),
        (&["classify", "--group", "-", "-", "ranker", "new"], "cannot all use standard input"),
        (&["evaluate", "--group", "-", "-", "ranker"], "cannot all use standard input"),
    ] {
        home.refuses(arguments, &[expected]);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_descriptor_is_written_to_after_what_is_there() {
    use std::process::Command;
    let home = Home::with_model();
    let program = assert_cmd::cargo::cargo_bin!("crosscut").display().to_string();
    for name in ["/dev/stdout", "/proc/self/fd/1", "/dev/fd/1", "link"] {
        let script = format!(
            "ln -sf /dev/stdout link; {{ echo first; '{program}' classify -v 0 test.svm good {name}; \
             '{program}' classify -v 0 test.svm good {name}; echo last; }} > both"
        );
        let shell = Command::new("sh").arg("-c").arg(&script).current_dir(home.path("")).status();
        assert!(shell.unwrap().success(), "{name}");
        let text = home.text("both");
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!((lines.len(), lines[0], lines[43]), (44, "first", "last"), "{name}: {text}");
        assert_eq!(lines[1..22], lines[22..43], "{name}");
    }
    let script = format!(
        "'{program}' learn multiclass --log /dev/stderr train.svm new 2> both; '{program}' learn multiclass \
         --log log train.svm new 2> err"
    );
    assert!(
        Command::new("sh")
            .arg("-c")
            .arg(&script)
            .current_dir(home.path(""))
            .status()
            .unwrap()
            .success()
    );
    let (logged, told): (Vec<_>, Vec<_>) =
        home.text("both").lines().map(str::to_owned).partition(|line| line.starts_with('{'));
    assert_eq!(
        (logged.len(), told.len()),
        (home.log("log").len(), home.text("err").lines().count())
    );
}

#[cfg(unix)]
#[test]
fn links_stay_links() {
    let home = Home::new();
    std::fs::create_dir(home.path("store")).unwrap();
    std::os::unix::fs::symlink("store/model.bin", home.path("model")).unwrap();
    home.succeeds(&["learn", "multiclass", "-v", "0", "train.svm", "model"]);
    assert!(std::fs::symlink_metadata(home.path("model")).unwrap().is_symlink());
    home.succeeds(&["inspect", "store/model.bin"]);
    home.refuses(&["learn", "multiclass", "train.svm", "models/"], &["models/", "a directory"]);
    let long = "x".repeat(300);
    home.refuses(&["learn", "multiclass", "train.svm", &long], &["cannot be written"]);
}
