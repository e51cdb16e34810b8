//! Tests of checkpoints: which files are refused, and what resumed training gives.

use std::fs;
use std::path::PathBuf;

use crosscut::{BlockSettings, C, Settings, SlackNorm, Solver};
use crosscut_testkit::cases;
use proptest::prelude::*;

use super::*;
use crate::fake::{Other, Signs};
use crate::format::Format;
use crate::options::Options;
use crate::verbs::{self, Learn};
use crate::{Learned, Monitor, container};

const SIGN: Identity = Identity::of::<Signs>();

struct Home(tempfile::TempDir);

fn settings() -> Settings {
    Settings::new().relative_gap(1e-6).passes(5).threads(1)
}

impl Home {
    /// A folder with eleven examples (`train`), and a checkpoint after four passes over them
    /// (`checkpoint`).
    fn new() -> Self {
        let home = Self(tempfile::tempdir().unwrap());
        let line = |i: usize| {
            format!("{} 1:{} 2:{} 3:1\n", [1, -1][i % 2], i * 7 % 11, (i * 5 % 13) as f64 - 6.0)
        };
        fs::write(home.path("train"), (0..11).map(line).collect::<String>()).unwrap();
        home.learn::<Signs>(&settings(), &Options::default(), false).unwrap();
        home
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn learn<F: Format>(
        &self,
        settings: &Settings,
        options: &Options,
        resume: bool,
    ) -> Result<Learned, Error> {
        self.learn_with::<F>(settings, options, resume, &mut ())
    }

    fn learn_with<F: Format>(
        &self,
        settings: &Settings,
        options: &Options,
        resume: bool,
        monitor: &mut dyn Monitor,
    ) -> Result<Learned, Error> {
        let (examples, model, file) =
            (self.path("train"), self.path("model"), self.path("checkpoint"));
        let request = Learn {
            examples: &examples,
            model: &model,
            options,
            settings,
            checkpoints: (!resume).then_some(Checkpoints { file: &file, every: Every::Passes(1) }),
            resume: resume.then_some(&file),
            prior: None,
            init: None,
            stream: false,
            ranks: None,
        };
        verbs::learn::<F>(&request, monitor)
    }

    /// The message with which resuming is refused.
    fn refusal(&self, settings: &Settings, options: &Options) -> String {
        let error = self.learn::<Signs>(settings, options, true).unwrap_err();
        assert!(error.is_bad_input(), "{error}");
        error.to_string().replace(&format!("{}: ", self.path("checkpoint").display()), "")
    }
}

#[test]
fn threads_and_limits_may_differ_and_the_model_is_that_of_a_run_that_never_stopped() {
    let home = Home::new();
    for settings in [
        settings().passes(None),
        settings().passes(9).threads(3),
        settings().passes(5).seconds(1e9),
    ] {
        let learned = home.learn::<Signs>(&settings, &Options::default(), true).unwrap();
        let resumed = fs::read(home.path("model")).unwrap();
        fs::rename(home.path("checkpoint"), home.path("kept")).unwrap();
        let whole = home.learn::<Signs>(&settings, &Options::default(), false).unwrap();
        fs::rename(home.path("kept"), home.path("checkpoint")).unwrap();
        assert!(fs::read(home.path("model")).unwrap() == resumed, "{settings:?}");
        assert_eq!(learned.certificate, whole.certificate);
    }
}

#[test]
fn other_options_are_refused_by_name() {
    let home = Home::new();
    let block = BlockSettings::default();
    let with = |block| settings().block(block);
    let table = [
        (settings().c(C::Sum(2.0)), "--c-sum 1", "--c-sum 2"),
        (settings().c(C::Mean(10.0)), "--c-sum 1", "-c 10"),
        (settings().slack_norm(SlackNorm::Squared), "-p 1", "-p 2"),
        (settings().solver(Solver::OneSlack), "--solver auto", "--solver one-slack"),
        (settings().relative_gap(0.01), "--gap 0.000001", "--gap 0.01"),
        (settings().epsilon(0.1), "no -e", "-e 0.1"),
        (settings().seed(1), "--seed 0", "--seed 1"),
        (with(block.batch(3)), "--batch 32", "--batch 3"),
        (with(block.approximate_passes(3)), "--approximate-passes 30", "--approximate-passes 3"),
        (with(block.planes(3)), "--planes 512", "--planes 3"),
        (with(block.acceleration(false)), "no --no-acceleration", "--no-acceleration"),
        (settings().c(C::Sum(2.0)).seed(1), "--seed 0 --c-sum 1", "--seed 1 --c-sum 2"),
    ];
    for (settings, made, run) in table {
        let expected = format!("the checkpoint was made with {made}, this run has {run}");
        assert_eq!(home.refusal(&settings, &Options::default()), expected);
    }
    let mut options = Options::default();
    options.set("lazy", "");
    assert_eq!(
        home.refusal(&settings(), &options),
        "the checkpoint was made with no --lazy, this run has --lazy"
    );
    assert_eq!(
        home.refusal(&settings().passes(4), &Options::default()),
        "--passes expects more than the 4 exact passes that the checkpoint has made, not `4`"
    );
}

#[test]
fn other_data_and_tasks_are_refused_by_name() {
    let home = Home::new();
    let text = fs::read_to_string(home.path("train")).unwrap();
    let table = [
        (text.clone() + "1 1:1\n", "bytes, and had "),
        (text.replacen("1 1:", "1  1:", 1), "bytes, and had "),
        (text.replacen("1:7", "1:8", 1), "is as long as it was, but is not the same"),
    ];
    for (changed, expected) in table {
        assert_ne!(changed, text);
        fs::write(home.path("train"), changed).unwrap();
        let message = home.refusal(&settings(), &Options::default());
        assert!(
            message.starts_with("the data differ: the text of ") && message.contains(expected),
            "{message}"
        );
    }
    fs::write(home.path("train"), text).unwrap();
    home.learn::<Signs>(&settings(), &Options::default(), true).unwrap();
    let error =
        home.learn::<Other>(&settings(), &Options::default(), true).unwrap_err().to_string();
    assert!(
        error.ends_with("expected a checkpoint of the task `other`, found one of the task `sign`"),
        "{error}"
    );

    let data = |text, task, shape| Data { text, examples: 3, weights: 4, task, shape };
    let same = data((9, 1), 1, 1);
    assert_eq!(same.differs_from(&same.clone(), "f"), None);
    for (other, expected) in [
        (Data { examples: 2, ..same.clone() }, "the data differ: f holds 2 examples, and held 3"),
        (Data { weights: 5, ..same.clone() }, "the data differ: the task has 5 weights, and had 4"),
        (
            data((9, 1), 2, 1),
            "the data differ: the task is not the same: files that its options name have changed",
        ),
    ] {
        assert_eq!(same.differs_from(&other, "f").unwrap(), expected);
    }
}

#[test]
fn models_and_other_files_are_no_checkpoints() {
    let home = Home::new();
    for (name, expected) in [
        ("model", "expected a Crosscut checkpoint, found a model"),
        ("train", "expected a Crosscut checkpoint, found something else"),
    ] {
        fs::copy(home.path(name), home.path("checkpoint")).unwrap();
        assert_eq!(home.refusal(&settings(), &Options::default()), expected);
    }
    fs::remove_file(home.path("checkpoint")).unwrap();
    assert!(home.refusal(&settings(), &Options::default()).starts_with("cannot be read: "));
}

/// Flips every bit of the file, truncates it at every length, and appends bytes.
#[test]
fn every_flipped_bit_and_every_missing_end_is_refused() {
    let home = Home::new();
    let good = fs::read(home.path("checkpoint")).unwrap();
    assert!(read(SIGN, &good).is_ok());
    let mut refused = 0;
    for at in 0..good.len() {
        for bit in 0..8 {
            let mut flipped = good.clone();
            flipped[at] ^= 1 << bit;
            assert!(read(SIGN, &flipped).is_err(), "bit {bit} of byte {at}");
            refused += 1;
        }
        assert!(read(SIGN, &good[..at]).is_err(), "{at} bytes of {}", good.len());
        assert!(read(SIGN, &[&good[..], &good[..=at]].concat()).is_err(), "{at} bytes too many");
        refused += 2;
    }
    println!("{refused} damaged checkpoints of {} bytes refused", good.len());
    // The same with `learn`, which reports bad input.
    for at in (0..good.len()).step_by(97) {
        fs::write(home.path("checkpoint"), &good[..at]).unwrap();
        home.refusal(&settings(), &Options::default());
    }
}

#[test]
fn absurd_sizes_are_refused_without_being_allocated() {
    let home = Home::new();
    let good = fs::read(home.path("checkpoint")).unwrap();
    let payload = Container::read(&good, &KIND, &[]).unwrap().payload.to_vec();
    let origin = 4 + u32::from_le_bytes([payload[0], payload[1], payload[2], payload[3]]) as usize;
    let refused = |payload: &[u8]| {
        let message = read(SIGN, &container::forge::<Signs>(&KIND, payload)).unwrap_err();
        assert!(message.contains("damaged"), "{message}");
    };
    assert!(read(SIGN, &container::forge::<Signs>(&KIND, &payload)).is_ok());
    for claimed in [payload.len() as u32, 1 << 30, u32::MAX] {
        refused(&[&claimed.to_le_bytes(), &payload[4..]].concat());
    }
    // Wherever the state may hold a length, a claim of up to 2^64 − 1.
    let mut claims = 0;
    for at in origin..payload.len() - 8 {
        for claimed in [1_u64 << 30, 1 << 37, 1 << 60, u64::MAX] {
            let mut absurd = payload.clone();
            absurd[at..at + 8].copy_from_slice(&claimed.to_le_bytes());
            // The bytes may be a number that is allowed. The point is that nothing of that size is
            // allocated.
            claims += usize::from(read(SIGN, &container::forge::<Signs>(&KIND, &absurd)).is_err());
        }
    }
    assert!(claims > 100, "{claims}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(300), failure_persistence: None, ..ProptestConfig::default() })]

    /// With a matching checksum, changed bytes are either refused as bad input or train to an end.
    #[test]
    fn forged_checkpoints_never_panic(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4)) {
        thread_local!(static HOME: (Home, Vec<u8>) = {
            let home = Home::new();
            let good = fs::read(home.path("checkpoint")).unwrap();
            (home, good)
        });
        HOME.with(|(home, good)| {
            let mut payload = Container::read(good, &KIND, &[]).unwrap().payload.to_vec();
            for (at, byte) in &changes {
                let at = at.index(payload.len());
                payload[at] = *byte;
            }
            fs::write(home.path("checkpoint"), container::forge::<Signs>(&KIND, &payload)).unwrap();
            if let Err(error) = home.learn::<Signs>(&settings(), &Options::default(), true) {
                assert!(error.is_bad_input(), "{error}");
            }
        });
    }
}
