//! Training that is killed, interrupted or out of disk: nothing is lost, and what goes on ends with
//! the same model, byte for byte.
//!
//! The suite kills a few times;
//! `CROSSCUT_KILLS=300 cargo test --release -p crosscut-cli --test suite kill -- --nocapture` as
//! often as that says.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, and so do its helpers")]
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "what was counted or skipped is told"
)]

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crosscut_testkit::cases;

const PROGRAM: &str = env!("CARGO_BIN_EXE_crosscut");

/// Trainings of every task and solver on shipped data.
const TRAININGS: [(&str, &str); 5] = [
    ("multiclass --bias 1 --threads 2", "digits.train.svm"),
    (
        "multiclass --bias 1 --c-sum 0.001 --solver one-slack --threads 1 --passes 60",
        "digits.train.svm",
    ),
    ("multiclass --bias 1 --c-sum 0.001 --solver block --gap 0.0001", "digits.train.svm"),
    ("ranking -l 2 --c-sum 1 --threads 2", "lambdarank.train.svm.gz"),
    ("sequence --template ner --c-sum 0.1 --passes 4", "wnut17.dev.conll.gz"),
];

struct Home(tempfile::TempDir);

impl Home {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// The program, about to learn.
    fn learn(&self, flags: &str, data: &str, more: &[&str]) -> Command {
        let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../datasets").join(data);
        let mut command = Command::new(PROGRAM);
        command.current_dir(self.0.path()).arg("learn").args(flags.split(' ')).args(more);
        if flags.starts_with("ranking") {
            command.arg("--group").arg(data.with_file_name("lambdarank.train.group"));
        }
        command
            .arg(data)
            .arg("model")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        command
    }

    fn remove(&self, name: &str) {
        let _ = fs::remove_file(self.path(name));
    }

    /// Files that writing has left half-done; they go.
    fn litter(&self) -> usize {
        let names = fs::read_dir(self.0.path()).unwrap().map(|entry| entry.unwrap().path());
        let litter =
            names.filter(|path| path.file_name().unwrap().to_string_lossy().starts_with('.'));
        litter.map(|path| fs::remove_file(path).unwrap()).count()
    }
}

fn succeed(command: &mut Command) -> String {
    let Output { status, stderr, .. } = command.output().unwrap();
    let err = String::from_utf8(stderr).unwrap();
    assert!(status.success(), "{command:?}: {status}: {err}");
    err
}

/// The signals that ask training to end, with their exit codes; without those that this test ignores,
/// and so its children (under `nohup`, in the background of a script).
fn signals() -> Vec<(&'static str, i32)> {
    let ignored = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = ignored.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    let all = [("INT", 2), ("TERM", 15), ("HUP", 1), ("USR1", 10), ("XCPU", 24)];
    // Their numbers elsewhere are others.
    let known = if cfg!(target_os = "linux") { &all[..] } else { &all[..3] };
    let (skipped, sent): (Vec<_>, Vec<_>) =
        known.iter().partition(|(_, number)| ignored >> (number - 1) & 1 == 1);
    if !skipped.is_empty() {
        eprintln!("SKIPPED: signals that are ignored here: {skipped:?}");
    }
    sent.into_iter().map(|(name, number)| (name, 128 + number)).collect()
}

/// Ignored when the program begins, they stay ignored.
#[cfg(target_os = "linux")]
#[test]
fn ignored_signals_stay_ignored() {
    let home = Home::new();
    let learn = home.learn(LONG.0, LONG.1, &["--seconds", "2"]);
    let words: Vec<String> =
        learn.get_args().map(|word| format!("'{}'", word.to_str().unwrap())).collect();
    let script = format!("trap '' INT HUP; exec '{PROGRAM}' {}", words.join(" "));
    let mut command = Command::new("sh");
    command.current_dir(home.0.path()).args(["-c", &script]);
    let child = start(command.stderr(Stdio::piped()), "pass ");
    signal(&child, "INT");
    signal(&child, "HUP");
    let (code, _, err) = wait(child);
    assert_eq!(code, Some(0), "{err}");
    assert!(home.path("model").exists());
}

fn signal(child: &Child, name: &str) {
    let sent =
        Command::new("sh").args(["-c", &format!("kill -{name} {}", child.id())]).status().unwrap();
    assert!(sent.success());
}

/// The rest of what a program says, and how it ends; panics if it takes too long.
fn wait(mut child: Child) -> (Option<i32>, Option<i32>, String) {
    let began = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if began.elapsed() > Duration::from_secs(60) {
            child.kill().unwrap();
            panic!("it does not end");
        }
        sleep(Duration::from_millis(5));
    }
    let status = child.wait().unwrap();
    let mut err = String::new();
    child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
    (status.code(), status.signal(), err)
}

/// Starts a program and waits until it is training.
fn start(command: &mut Command, sign: &str) -> Child {
    let mut child = command.spawn().unwrap();
    let mut err = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.starts_with(sign) {
        line.clear();
        assert!(err.read_line(&mut line).unwrap() > 0, "it ended before it trained");
    }
    // What was read ahead is lost; nothing else is said for a while.
    child.stderr = Some(err.into_inner());
    child
}

/// A number below `end`, from a generator whose state is `state`.
fn below(end: u64, state: &mut u64) -> u64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*state >> 33) % end.max(1)
}

#[test]
fn killed_training_goes_on_to_the_same_model() {
    let wanted = std::env::var("CROSSCUT_KILLS")
        .map_or_else(|_| (cases(10) as usize).max(TRAININGS.len()), |count| count.parse().unwrap());
    let mut state = 1;
    let (mut kills, mut resumed, mut finished, mut half_written) = (0, 0, 0, 0);
    for (at, (flags, data)) in TRAININGS.into_iter().enumerate() {
        let home = Home::new();
        succeed(&mut home.learn(flags, data, &[]));
        let reference = fs::read(home.path("model")).unwrap();
        home.remove("model");
        let began = Instant::now();
        succeed(&mut home.learn(flags, data, &["--checkpoint", "kept", "--every", "1"]));
        let whole = began.elapsed();
        assert!(
            fs::read(home.path("model")).unwrap() == reference,
            "{flags}: checkpoints must change nothing"
        );
        let mut begins = true;
        // The last one is brought to its end.
        while kills < wanted * (at + 1) / TRAININGS.len() || !begins {
            if begins {
                home.remove("kept");
                home.remove("model");
            }
            let may_kill = kills < wanted * (at + 1) / TRAININGS.len();
            let goes_on = home.path("kept").exists();
            let more: &[&str] = if goes_on {
                &["--resume", "kept", "--every", "1"]
            } else {
                &["--checkpoint", "kept", "--every", "1"]
            };
            let mut child = home.learn(flags, data, more).spawn().unwrap();
            resumed += usize::from(goes_on);
            let mut killed_now = false;
            if may_kill {
                sleep(Duration::from_micros(below(whole.as_micros() as u64, &mut state)));
                if child.try_wait().unwrap().is_none() {
                    child.kill().unwrap();
                    killed_now = true;
                }
            }
            let (code, signal, err) = wait(child);
            match (code, signal) {
                (Some(0), _) => killed_now = false,
                (_, Some(9)) if killed_now => kills += 1,
                other => panic!("{flags}, after {kills} kills: {other:?}: {err}"),
            }
            if home.path("model").exists() {
                assert!(
                    fs::read(home.path("model")).unwrap() == reference,
                    "{flags}, after {kills} kills"
                );
            }
            begins = !killed_now;
            if !killed_now {
                assert!(home.path("model").exists(), "{flags}");
                finished += 1;
            }
            half_written += home.litter();
        }
    }
    println!(
        "{kills} kills survived ({half_written} of them in the middle of a write), {resumed} runs resumed, {finished} brought to their end: \
         every model the same, byte for byte"
    );
    assert!(kills >= wanted && resumed > 0 && finished >= TRAININGS.len());
}

/// A training of seconds, so that a signal meets it in the middle.
const LONG: (&str, &str) = ("multiclass --bias 1 --gap 0.00001 -v 2", "letter.train.svm.gz");

#[test]
fn interrupted_training_says_how_to_go_on() {
    let home = Home::new();
    for (name, code) in signals() {
        let short = "multiclass --bias 1 -v 2 --gap 0.0001";
        succeed(&mut home.learn(short, "digits.train.svm", &[]));
        let reference = fs::read(home.path("model")).unwrap();
        home.remove("model");
        let child =
            start(&mut home.learn(short, "digits.train.svm", &["--checkpoint", "a file"]), "pass ");
        signal(&child, name);
        let (ended, _, err) = wait(child);
        assert_eq!(ended, Some(code), "{err}");
        let last = err.lines().last().unwrap();
        assert!(last.starts_with("crosscut: interrupted; go on from pass "), "{err}");
        assert!(home.path("model").exists() && home.litter() == 0);
        let inspected =
            Command::new(PROGRAM).arg("inspect").arg(home.path("model")).output().unwrap();
        assert!(
            String::from_utf8(inspected.stdout).unwrap().contains("interrupted, not converged")
        );
        let (_, command) = last.split_once(" with: ").unwrap();
        assert!(command.contains("--resume 'a file'"), "{command}");
        succeed(Command::new("sh").current_dir(home.0.path()).args(["-c", command]));
        assert!(fs::read(home.path("model")).unwrap() == reference, "{command}");
    }
}

#[test]
fn interrupted_training_without_a_checkpoint_leaves_its_best_model() {
    let home = Home::new();
    for (name, code) in signals() {
        home.remove("model");
        let child = start(&mut home.learn(LONG.0, LONG.1, &[]), "pass ");
        signal(&child, name);
        let (ended, _, err) = wait(child);
        assert_eq!(ended, Some(code), "{err}");
        assert!(
            err.ends_with("crosscut: interrupted; with --checkpoint FILE it could go on\n"),
            "{err}"
        );
        assert!(home.path("model").exists());
    }
}

#[test]
fn interrupted_validation_ends_with_what_is_done() {
    let home = Home::new();
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../datasets").join(LONG.1);
    let mut command = Command::new(PROGRAM);
    command
        .args(["validate", "multiclass", "--gap", "0.0000001", "--folds", "2", "-v", "2"])
        .arg(data);
    let child = start(
        command.current_dir(home.0.path()).stdout(Stdio::piped()).stderr(Stdio::piped()),
        "fold 1 of 2",
    );
    signal(&child, "TERM");
    let (code, _, err) = wait(child);
    assert_eq!(code, Some(143), "{err}");
    assert!(err.ends_with("crosscut: interrupted\n"), "{err}");
}

#[test]
fn a_second_signal_and_one_before_training_end_the_program_at_once() {
    let home = Home::new();
    let child = start(&mut home.learn(LONG.0, LONG.1, &["--checkpoint", "kept"]), "pass ");
    signal(&child, "TERM");
    signal(&child, "TERM");
    let (code, _, err) = wait(child);
    assert_eq!(code, Some(143), "{err}");

    // It waits for examples that never come.
    let mut command = Command::new(PROGRAM);
    command.current_dir(home.0.path()).args(["learn", "multiclass", "-", "model"]);
    let child = command.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    sleep(Duration::from_millis(200));
    signal(&child, "TERM");
    let (code, by, _) = wait(child);
    assert_eq!((code, by), (None, Some(15)));
}

#[test]
fn the_programs_of_svmstruct_leave_their_best_model_too() {
    let home = Home::new();
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../datasets").join(LONG.1);
    for (name, code) in signals() {
        home.remove("model");
        let mut command = Command::new(PROGRAM);
        command
            .current_dir(home.0.path())
            .args(["svm_multiclass_learn", "-c", "1000000", "-e", "0.0001"])
            .arg(&data)
            .arg("model");
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        assert!(out.any(|line| line.starts_with("Iter 1")));
        signal(&child, name);
        let rest: Vec<String> = out.collect();
        let (ended, _, err) = wait(child);
        assert_eq!(ended, Some(code), "{err}");
        assert!(err.ends_with("interrupted; the model is the best one so far\n"), "{err}");
        assert!(rest.last().unwrap().ends_with("Writing learned model...done"), "{rest:?}");
        let classified = Command::new(PROGRAM)
            .current_dir(home.0.path())
            .args(["svm_multiclass_classify"])
            .arg(data.with_file_name("letter.test.svm.gz"))
            .args(["model", "predictions"])
            .output()
            .unwrap();
        assert!(classified.status.success(), "{classified:?}");
    }
}

/// The checkpoint does not fit on the disk, by a limit of the system on the sizes of files; the
/// model does.
#[test]
fn a_full_disk_costs_the_checkpoint_and_not_the_model() {
    let home = Home::new();
    let (flags, data) = TRAININGS[0];
    succeed(&mut home.learn(flags, data, &[]));
    let reference = fs::read(home.path("model")).unwrap();
    for old in [false, true] {
        if old {
            succeed(&mut home.learn(flags, data, &["--checkpoint", "kept", "--passes", "3"]));
        }
        home.remove("model");
        let before = fs::read(home.path("kept")).ok();
        let learn = home.learn(flags, data, &["--checkpoint", "kept", "--every", "1"]);
        let words: Vec<String> =
            learn.get_args().map(|word| format!("'{}'", word.to_str().unwrap())).collect();
        let script = format!("trap '' XFSZ; ulimit -f 60; exec '{PROGRAM}' {}", words.join(" "));
        let output =
            Command::new("sh").current_dir(home.0.path()).args(["-c", &script]).output().unwrap();
        let err = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{err}");
        assert!(fs::read(home.path("model")).unwrap() == reference);
        assert!(fs::read(home.path("kept")).ok() == before, "the old checkpoint stays whole");
        assert_eq!(home.litter(), 0);
        assert_eq!(err.matches("; training goes on without this checkpoint\n").count(), 1, "{err}");
        assert!(
            err.lines()
                .last()
                .unwrap()
                .starts_with("crosscut: the last checkpoint is missing: kept: cannot be written: "),
            "{err}"
        );
    }
}

/// What cannot be meant is refused before anything is read.
#[test]
fn flags_that_do_not_fit_together_are_refused() {
    let home = Home::new();
    let (flags, data) = TRAININGS[0];
    for (more, expected) in [
        (&["--every", "5"][..], "--every needs --checkpoint FILE or --resume FILE"),
        (
            &["--checkpoint", "kept", "--every", "0"],
            "expected seconds as in 30s, or a number of exact passes as in 5",
        ),
        (&["--checkpoint", "kept", "--every", "0s"], "expected seconds as in 30s"),
        (&["--checkpoint", "kept", "--every", "5m"], "expected seconds as in 30s"),
        (&["--checkpoint", "-"], "--checkpoint expects a file, not `-`"),
        (&["--checkpoint", "model"], "model: MODEL and --checkpoint cannot both use one file"),
        (&["--checkpoint", "./model"], "./model: MODEL and --checkpoint cannot both use one file"),
        (
            &["--checkpoint", "kept", "--log", "kept"],
            "--log and --checkpoint cannot both use one file",
        ),
        (&["--checkpoint", "missing/kept"], "missing/kept: the directory missing does not exist"),
        (&["--resume", "missing"], "missing: cannot be read: "),
    ] {
        let output = home.learn(flags, data, more).output().unwrap();
        let err = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{more:?}: {err}");
        assert!(err.contains(expected), "{more:?}: {err}");
        assert_eq!(fs::read_dir(home.0.path()).unwrap().count(), 0, "{more:?}");
    }
}
