//! A folder with small data, and programs started with mpirun in it.

#![allow(clippy::print_stdout, reason = "what was skipped is told")]

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use assert_cmd::Command;

/// Far longer than any run takes: only ranks that wait for each other for ever take so long.
const LIMIT: Duration = Duration::from_secs(60);

/// What a job left.
#[derive(Debug)]
pub struct Run {
    pub code: i32,
    pub out: String,
    pub err: String,
    pub took: Duration,
}

impl Run {
    /// The lines of a program on standard error. Launchers and libraries add others.
    pub fn complaints(&self, program: &str) -> Vec<&str> {
        let prefix = format!("{program}: ");
        self.err.lines().filter(|line| line.starts_with(&prefix)).collect()
    }
}

/// A folder of a test; programs run in it.
pub struct Home(tempfile::TempDir);

impl Home {
    /// `train.svm`: three classes of 20 points each. `tags` and `queries`: 120 sequences and
    /// queries of four lines each.
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
        fs::write(home.path("train.svm"), (0..60).map(line).collect::<String>()).unwrap();
        let line = |i: usize| {
            let kind = i * i % 7 % 3;
            let (a, b) = (kind as f64 + 0.1 * (i * 7 % 23) as f64, 0.1 * (i * 5 % 31) as f64);
            format!("{kind} qid:{} 1:{a:.1} 2:{b:.1} {}:1\n", i / 4, 3 + i * 11 % 29)
        };
        for name in ["tags", "queries"] {
            fs::write(home.path(name), (0..480).map(line).collect::<String>()).unwrap();
        }
        home
    }

    /// `digits.svm`: 1442 small pictures of digits.
    pub fn with_digits() -> Self {
        let home = Self::new();
        let digits = concat!(env!("CARGO_MANIFEST_DIR"), "/../../datasets/digits.train.svm");
        fs::copy(digits, home.path("digits.svm")).unwrap();
        home
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Runs `crosscut-mpi` on a number of ranks. `None` if there is no mpirun.
    pub fn run(&self, ranks: usize, arguments: &[&str]) -> Option<Run> {
        self.mpirun(ranks, Path::new(env!("CARGO_BIN_EXE_crosscut-mpi")), arguments)
    }

    /// Runs the example `check_mpi` on a number of ranks. `None` if there is no mpirun.
    pub fn check(&self, ranks: usize, arguments: &[&str]) -> Option<Run> {
        // Beside the folder of the tests.
        let test = std::env::current_exe().unwrap();
        let folder = test.parent().and_then(Path::parent).unwrap().join("examples");
        self.mpirun(ranks, &folder.join("check_mpi"), arguments)
    }

    /// Starts `crosscut-mpi` on a number of ranks, of which nobody reads what they print. `None` if
    /// there is no mpirun.
    pub fn start(&self, ranks: usize, arguments: &[&str]) -> Option<Child> {
        let mut job = self.job(ranks, Path::new(env!("CARGO_BIN_EXE_crosscut-mpi")), arguments);
        match job.stdout(Stdio::null()).stderr(Stdio::null()).spawn() {
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            job => Some(job.unwrap()),
        }
    }

    fn job(&self, ranks: usize, program: &Path, arguments: &[&str]) -> std::process::Command {
        let mut job = launcher();
        job.current_dir(self.0.path()).args(["-n", &ranks.to_string()]);
        job.arg(program).args(arguments);
        job
    }

    fn mpirun(&self, ranks: usize, program: &Path, arguments: &[&str]) -> Option<Run> {
        assert!(program.is_file(), "{} is not built", program.display());
        let start = Instant::now();
        let job = self.job(ranks, program, arguments);
        let output = Command::from_std(job).timeout(LIMIT).output();
        let output = match output {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                println!("SKIPPED: there is no mpirun");
                return None;
            }
            output => output.unwrap(),
        };
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        let Some(code) = output.status.code() else {
            panic!("{ranks} ranks, {arguments:?} did not end: {output:?}");
        };
        let (out, err) = (text(output.stdout), text(output.stderr));
        Some(Run { code, out, err, took: start.elapsed() })
    }
}

/// mpirun, with more ranks than cores, as any user.
fn launcher() -> std::process::Command {
    let mut launcher = std::process::Command::new("mpirun");
    launcher
        .env("OMPI_ALLOW_RUN_AS_ROOT", "1")
        .env("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1")
        .env("OMPI_MCA_rmaps_base_oversubscribe", "1")
        .env("PRTE_MCA_rmaps_default_mapping_policy", ":oversubscribe")
        .env("RUST_BACKTRACE", "0");
    launcher
}
