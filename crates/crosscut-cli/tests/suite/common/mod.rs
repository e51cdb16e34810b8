//! A folder with small data, and the program run in it.

#![allow(dead_code, reason = "every test file uses its own part of it")]

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::PathBuf;

use flate2::write::GzEncoder;
use serde_json::Value;

/// A folder of a test; the program runs in it.
pub struct Home(tempfile::TempDir);

/// What a run of the program left.
#[derive(Debug)]
pub struct Run {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Home {
    /// `train.svm` and `test.svm`: three classes of 20 points each, most of them separable;
    /// `test.svm` has an unlabelled line. The labels are `-1`, `1` and `sci.space`.
    pub fn new() -> Self {
        let home = Self(tempfile::tempdir().unwrap());
        let line = |i: usize| {
            let (a, b) = (0.1 * (i * 7 % 11) as f64, 0.1 * (i * 5 % 13) as f64);
            match i % 3 {
                0 => format!("1 1:{:.2} 2:{b:.2}\n", 1.0 + a),
                1 => format!("-1 1:{:.2} 2:{:.2}\n", -a, 0.8 - b),
                _ => format!("sci.space 1:{a:.2} 3:{:.2} # point {i}\n", 0.5 + b),
            }
        };
        home.write("train.svm", (0..60).map(line).collect::<String>());
        home.write("test.svm", (60..80).map(line).collect::<String>() + "? 1:1\n");
        home
    }

    /// The same with a model of `train.svm`, `good`.
    pub fn with_model() -> Self {
        let home = Self::new();
        home.succeeds(&["learn", "multiclass", "-v", "0", "train.svm", "good"]);
        home
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        fs::write(self.path(name), bytes).unwrap();
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap()
    }

    pub fn text(&self, name: &str) -> String {
        String::from_utf8(self.read(name)).unwrap()
    }

    /// The lines of a log.
    pub fn log(&self, name: &str) -> Vec<Value> {
        self.text(name).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Every file in the folder with its contents.
    pub fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let entries = fs::read_dir(self.0.path()).unwrap().map(Result::unwrap);
        entries
            .filter(|entry| entry.path().is_file())
            .map(|entry| {
                (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap())
            })
            .collect()
    }

    /// Runs the program.
    pub fn run(&self, arguments: &[&str]) -> Run {
        self.run_with(arguments, b"")
    }

    /// Runs the program with something on standard input.
    pub fn run_with(&self, arguments: &[&str], input: &[u8]) -> Run {
        let output = assert_cmd::cargo::cargo_bin_cmd!("crosscut")
            .current_dir(self.0.path())
            .args(arguments)
            .write_stdin(input)
            .timeout(std::time::Duration::from_secs(20))
            .output()
            .unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        let code = output
            .status
            .code()
            .unwrap_or_else(|| panic!("{arguments:?} was killed or took too long: {output:?}"));
        let run = Run { code, out: text(output.stdout), err: text(output.stderr) };
        assert!(
            !run.err.contains("panicked") && (0..=2).contains(&run.code),
            "{arguments:?}: {run:?}"
        );
        run
    }

    /// Runs the program, which must succeed.
    pub fn succeeds(&self, arguments: &[&str]) -> Run {
        let run = self.run(arguments);
        assert_eq!(run.code, 0, "{arguments:?}: {run:?}");
        run
    }

    /// Runs the program with `--json`, which must succeed, and reads the object it prints.
    pub fn json(&self, arguments: &[&str]) -> Value {
        let run = self.succeeds(&[arguments, &["--json"]].concat());
        serde_json::from_str(&run.out)
            .unwrap_or_else(|error| panic!("{arguments:?}: {error}: {}", run.out))
    }

    /// Runs the program, which must refuse its arguments or files: exit code 2, one error that
    /// contains every part of `expected`, nothing on standard output, and all files as they were.
    pub fn refuses(&self, arguments: &[&str], expected: &[&str]) {
        let before = self.files();
        let run = self.run(arguments);
        assert_eq!((run.code, run.out.as_str()), (2, ""), "{arguments:?}: {run:?}");
        if !run.err.starts_with("error: ") {
            assert!(
                run.err.starts_with("crosscut: ") && run.err.lines().count() == 1,
                "{arguments:?}: {run:?}"
            );
        }
        for part in expected {
            assert!(run.err.contains(part), "{arguments:?}: expected `{part}` in {run:?}");
        }
        let after = self.files();
        assert!(before == after, "{arguments:?} left {:?}, not {:?}", after.keys(), before.keys());
    }
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packer.write_all(bytes).unwrap();
    packer.finish().unwrap()
}
