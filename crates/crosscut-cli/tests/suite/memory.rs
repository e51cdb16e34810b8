//! What `--stream` and `--max-memory` do to the memory of the program, measured from outside.
//! `cargo test -p crosscut-cli --test suite memory:: -- --ignored --nocapture` prints the figures.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, and so do its helpers")]
#![allow(clippy::print_stdout, reason = "counts and figures are what these tests are for")]

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use serde_json::Value;

/// Runs the program; what it prints with `--json`, and the most memory it had, in MB.
fn run(folder: &Path, args: &[&str]) -> (Value, f64) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_crosscut"))
        .current_dir(folder)
        .args(args)
        .args(["--json", "-v", "0", "--threads", "1"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut most = 0.0_f64;
    while child.try_wait().unwrap().is_none() {
        let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let peak = status
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:")?.split_whitespace().next()?.parse().ok());
        most = most.max(peak.unwrap_or(0.0) * 1024.0 / 1e6);
        sleep(Duration::from_millis(10));
    }
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{args:?}");
    (serde_json::from_slice(&output.stdout).unwrap(), most)
}

fn tell(what: &str, (learned, most): &(Value, f64)) {
    let number = |name: &str| learned[name].as_f64().unwrap();
    println!(
        "{what}: peak {most:.0} MB, planes {:.2} MB at most, {} by {}, {:.0} passes, {:.1} s, relative gap {:.1e}",
        number("plane_bytes") / 1e6,
        learned["stop"],
        learned["solver"],
        number("passes"),
        number("seconds"),
        number("relative_gap"),
    );
}

/// 300 MB of examples in four classes.
#[test]
#[ignore = "minutes, and a file of 300 MB"]
fn a_file_of_300_mb_is_trained_on_in_a_fraction_of_its_size() {
    const SIZE: u64 = 300_000_000;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("large.svm");
    let mut file = BufWriter::new(File::create(&path).unwrap());
    let (mut size, mut state, mut lines) = (0, 1_u64, 0);
    while size < SIZE {
        let class = lines % 4;
        let mut line = class.to_string();
        for feature in 0..40 {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let value = (state >> 40) % 10_000 + if feature % 4 == class { 3000 } else { 0 };
            let _ = write!(line, " {}:{:.4}", feature + 1, value as f64 / 1e4);
        }
        line.push('\n');
        file.write_all(line.as_bytes()).unwrap();
        size += line.len() as u64;
        lines += 1;
    }
    file.into_inner().unwrap();
    println!("{lines} examples, {:.0} MB", size as f64 / 1e6);
    let common =
        ["--solver", "one-slack", "--c-sum", "0.00001", "--passes", "5", "large.svm", "model"];
    let memory = run(folder.path(), &[&["learn", "multiclass"], &common[..]].concat());
    tell("in memory", &memory);
    let stream = run(folder.path(), &[&["learn", "multiclass", "--stream"], &common[..]].concat());
    tell("--stream", &stream);
    let (a, b) = (memory.0["primal"].as_f64().unwrap(), stream.0["primal"].as_f64().unwrap());
    assert!((a - b).abs() <= 1e-6 * a, "{a} {b}");
    assert!(stream.1 < 60.0, "{} MB", stream.1);
}

#[test]
#[ignore = "minutes"]
fn bounded_planes_bound_the_memory() {
    let folder = tempfile::tempdir().unwrap();
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../datasets/letter.train.svm.gz");
    let common = ["--c-sum", "0.001", data.to_str().unwrap(), "model"];
    let free = run(folder.path(), &[&["learn", "multiclass"], &common[..]].concat());
    tell("no bound", &free);
    for (bound, bytes) in [("10MB", 10e6), ("6MB", 6e6), ("1MB", 1e6), ("100KB", 1e5)] {
        let bounded = run(
            folder.path(),
            &[&["learn", "multiclass", "--max-memory", bound], &common[..]].concat(),
        );
        tell(bound, &bounded);
        assert!(bounded.0["plane_bytes"].as_f64().unwrap() <= bytes);
        assert_eq!(bounded.0["stop"], "gap");
    }
}

/// 60 MB of examples, of which `classify` keeps some pieces.
#[test]
fn a_file_is_classified_in_a_fraction_of_its_size() {
    const SIZE: usize = 60_000_000;
    let folder = tempfile::tempdir().unwrap();
    let line = |class: usize| {
        let mut line = class.to_string();
        for id in 1..30 {
            let _ = write!(line, " {id}:0.{}", (id * 7919 + class * 31) % 9973);
        }
        line + "\n"
    };
    let lines: String = (0..100).map(|at| line(at % 4)).collect();
    fs::write(folder.path().join("small.svm"), &lines).unwrap();
    run(folder.path(), &["learn", "multiclass", "small.svm", "model"]);
    let mut file = BufWriter::new(File::create(folder.path().join("large.svm")).unwrap());
    (0..SIZE / lines.len()).for_each(|_| file.write_all(lines.as_bytes()).unwrap());
    file.into_inner().unwrap();
    let (answer, most) = run(folder.path(), &["classify", "large.svm", "model", "predictions"]);
    println!("classify: peak {most:.0} MB for {} examples", answer["examples"]);
    assert_eq!(answer["examples"], SIZE / lines.len() * 100);
    assert!(most < 30.0, "{most} MB");
}
