//! Fault injection: makes every step of every writer fail in turn, and checks that nothing is lost.

use std::cell::Cell;
use std::io;

use crate::output::Step;

/// How a step fails.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    /// There is no space.
    Full,
    /// The device fails.
    Device,
    /// A write takes half of its bytes, and the next write finds no space. Other steps find no
    /// space at once.
    Short,
}

/// Which steps fail, and how.
#[derive(Clone, Copy, Debug)]
struct Plan {
    /// The number of the first failing step.
    first: usize,
    /// Whether all later steps fail too.
    all: bool,
    fault: Fault,
}

thread_local! {
    static PLAN: Cell<Option<Plan>> = const { Cell::new(None) };
    static STEPS: Cell<usize> = const { Cell::new(0) };
    static HALVED: Cell<bool> = const { Cell::new(false) };
}

/// Called by `output.rs` before each step.
pub(crate) fn attempt(step: Step, bytes: usize) -> io::Result<usize> {
    let number = STEPS.replace(STEPS.get() + 1);
    let Some(plan) = PLAN.get() else { return Ok(bytes) };
    let fails = if plan.all { number >= plan.first } else { number == plan.first };
    let full = || io::Error::from(io::ErrorKind::StorageFull);
    if HALVED.take() && step == Step::Write {
        return Err(full());
    }
    match (fails, plan.fault) {
        (false, _) => Ok(bytes),
        (true, Fault::Short) if step == Step::Write && bytes > 1 => {
            HALVED.set(true);
            Ok(bytes / 2)
        }
        (true, Fault::Device) => Err(io::Error::from_raw_os_error(5)),
        (true, _) => Err(full()),
    }
}

/// Runs `work` under a plan; returns its result and the number of steps.
fn with<R>(plan: Option<Plan>, work: impl FnOnce() -> R) -> (R, usize) {
    PLAN.set(plan);
    STEPS.set(0);
    HALVED.set(false);
    let result = work();
    PLAN.set(None);
    (result, STEPS.get())
}

mod tests {
    use std::collections::BTreeMap;
    use std::fs;
    use std::path::{Path, PathBuf};

    use crosscut::Settings;

    use super::*;
    use crate::checkpoint::{Checkpoints, Every};
    use crate::error::Error;
    use crate::fake::Signs;
    use crate::model_file::ModelFile;
    use crate::options::Options;
    use crate::verbs::{Classify, Learn, classify, learn};
    use crate::{Learned, output};

    type Work<'w> = &'w dyn Fn() -> Result<(), Error>;

    struct Home(tempfile::TempDir);

    impl Home {
        fn new() -> Self {
            let home = Self(tempfile::tempdir().unwrap());
            let line = |i: usize| {
                format!(
                    "{} 1:{} 2:{} 3:1\n",
                    [1, -1][i % 2],
                    i * 7 % 11,
                    (i * 5 % 13) as f64 - 6.5 * (i % 2) as f64
                )
            };
            fs::write(home.path("train"), (0..40).map(line).collect::<String>()).unwrap();
            home
        }

        fn path(&self, name: &str) -> PathBuf {
            self.0.path().join(name)
        }

        fn files(&self) -> BTreeMap<String, Vec<u8>> {
            let entries = fs::read_dir(self.0.path()).unwrap().map(Result::unwrap);
            entries
                .map(|entry| {
                    (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap())
                })
                .collect()
        }

        fn learn(&self, checkpoint: bool, resume: bool) -> Result<Learned, Error> {
            let (examples, model, file, options) = (
                self.path("train"),
                self.path("model"),
                self.path("checkpoint"),
                Options::default(),
            );
            let settings = Settings::new().relative_gap(1e-6).passes(5).threads(1);
            let request = Learn {
                examples: &examples,
                model: &model,
                options: &options,
                settings: &settings,
                checkpoints: checkpoint
                    .then_some(Checkpoints { file: &file, every: Every::Passes(1) }),
                resume: resume.then_some(&file),
                prior: None,
                init: None,
                stream: false,
                ranks: None,
            };
            learn::<Signs>(&request, &mut ())
        }

        fn classify(&self) -> Result<(), Error> {
            let (examples, predictions, options) =
                (self.path("train"), self.path("predictions"), Options::default());
            let request = Classify {
                examples: &examples,
                predictions: &predictions,
                flush: false,
                options: &options,
            };
            classify::<Signs>(&request, ModelFile::open(&self.path("model")).unwrap(), &mut ())
                .map(drop)
        }
    }

    /// Every plan for work of `steps` steps.
    fn plans(steps: usize) -> impl Iterator<Item = Plan> {
        let faults = [Fault::Full, Fault::Device, Fault::Short];
        let first = move |fault| {
            (0..steps).flat_map(move |first| [true, false].map(|all| Plan { first, all, fault }))
        };
        faults.into_iter().flat_map(first)
    }

    fn assert_names(error: &Error, path: &Path) {
        let start = format!("{}: cannot be written: ", path.display());
        assert!(error.to_string().starts_with(&start) && !error.is_bad_input(), "{error}");
    }

    /// After a fault, the folder holds either the files from before or those of a run without
    /// faults, and nothing else.
    #[test]
    fn a_file_is_the_old_one_or_the_new_one_whatever_fails() {
        let mut injected = 0;
        for name in ["file", "file.gz"] {
            for old in [false, true] {
                let home = Home::new();
                let path = home.path(name);
                let new: Vec<u8> = (0..60_000_u32)
                    .flat_map(|i| i.wrapping_mul(2_654_435_761).to_le_bytes())
                    .collect();
                let write = |bytes: &[u8]| {
                    output::replace(&path, |out| {
                        bytes.chunks(70_000).try_for_each(|chunk| out.write_all(chunk))
                    })
                };
                write(&new).unwrap();
                let whole = fs::read(&path).unwrap();
                fs::remove_file(&path).unwrap();
                let prepare = || match old {
                    true => write(b"old").unwrap(),
                    false => drop(fs::remove_file(&path)),
                };
                prepare();
                let before = home.files();
                let steps = with(None, || write(&new).unwrap()).1;
                assert!(steps >= 8, "{steps}");
                for plan in plans(steps) {
                    prepare();
                    let result = with(Some(plan), || write(&new)).0;
                    assert_names(&result.unwrap_err(), &path);
                    assert!(home.files() == before, "{plan:?} left {:?}", home.files().keys());
                    injected += 1;
                }
                write(&new).unwrap();
                assert!(fs::read(&path).unwrap() == whole);
            }
        }
        println!("{injected} faults injected into a writer");
    }

    #[test]
    fn predictions_and_models_are_old_or_new_whatever_fails() {
        let home = Home::new();
        home.learn(false, false).unwrap();
        home.classify().unwrap();
        let good = home.files();
        let work: [(&str, Work<'_>); 2] = [
            ("model", &|| home.learn(false, false).map(drop)),
            ("predictions", &|| home.classify()),
        ];
        let mut injected = 0;
        for (name, work) in work {
            let (result, steps) = with(None, work);
            result.unwrap();
            for plan in plans(steps) {
                for old in [true, false] {
                    fs::write(home.path(name), &good[name]).unwrap();
                    if !old {
                        fs::remove_file(home.path(name)).unwrap();
                    }
                    let before = home.files();
                    let result = with(Some(plan), work).0;
                    // Without an old file there is one step less: copying its permissions.
                    match result {
                        Err(error) => {
                            assert_names(&error, &home.path(name));
                            assert!(home.files() == before, "{plan:?}");
                        }
                        Ok(()) => assert!(
                            !old && plan.first == steps - 1 && home.files() == good,
                            "{plan:?}"
                        ),
                    }
                    injected += 1;
                }
            }
            work().unwrap();
        }
        assert!(home.files() == good);
        println!("{injected} faults injected into models and predictions");
    }

    /// A checkpoint that cannot be written does not end training. A model that cannot be written is
    /// an error. Training resumes from whatever checkpoint is there and gives the same model.
    #[test]
    fn training_survives_whatever_fails_and_resumes_to_the_same_model() {
        let home = Home::new();
        home.learn(false, false).unwrap();
        let model = fs::read(home.path("model")).unwrap();
        fs::remove_file(home.path("model")).unwrap();
        let (result, steps) = with(None, || home.learn(true, false));
        assert_eq!(result.unwrap().checkpoint.unwrap().failure, None);
        assert!(fs::read(home.path("model")).unwrap() == model, "keeping must change nothing");
        let (mut injected, mut failures, mut resumed) = (0, 0, 0);
        for plan in plans(steps) {
            let _ = fs::remove_file(home.path("checkpoint"));
            let _ = fs::remove_file(home.path("model"));
            match with(Some(plan), || home.learn(true, false)).0 {
                Err(error) => {
                    assert_names(&error, &home.path("model"));
                    assert!(!home.path("model").exists(), "{plan:?}");
                    failures += 1;
                }
                Ok(learned) => {
                    assert!(fs::read(home.path("model")).unwrap() == model, "{plan:?}");
                    let kept = learned.checkpoint.unwrap();
                    assert!(kept.failure.is_some() || kept.passes.is_some(), "{plan:?}: {kept:?}");
                }
            }
            if home.path("checkpoint").exists() {
                let _ = fs::remove_file(home.path("model"));
                home.learn(true, true).unwrap();
                assert!(fs::read(home.path("model")).unwrap() == model, "{plan:?}");
                resumed += 1;
            }
            let litter: Vec<String> =
                home.files().into_keys().filter(|name| name.starts_with('.')).collect();
            assert!(litter.is_empty(), "{plan:?} left {litter:?}");
            injected += 1;
        }
        println!(
            "{injected} faults injected into training: {failures} models not written, {resumed} runs resumed"
        );
        assert!(failures > 10 && resumed > 50);
    }
}
