//! The soak in small: a few trials hold, and the command says what it did.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::process::Command;

#[test]
fn a_few_trials_hold() {
    let keep = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_soak"))
        .args(["--small", "--trials", "4", "--seed", "1", "--keep"])
        .arg(keep.path())
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let last = said.lines().last().unwrap_or_default();
    assert!(output.status.success(), "{said}");
    assert!(last.starts_with("soak: 4 trials, ") && last.contains(" 0 failures, "), "{said}");
    for nothing in [" 0 runs", " 0 resumes", " 0 damaged", " 0 bounds"] {
        assert!(!last.contains(nothing), "{said}");
    }
}
