//! `learn` on ranks that are threads: the optimum of one machine, the same bits for the same number
//! of ranks, checkpoints, and errors that all ranks have.

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use crosscut::{Certificate, Flow, Progress, Settings, Solver, StopReason};
use crosscut_app::model_file::ModelFile;
use crosscut_app::ranks::{Collective, Threads};
use crosscut_app::verbs::Learn;
use crosscut_app::{Checkpoints, Entry, Every, Learned, Monitor, Options, Start};
use crosscut_multiclass as multiclass;
use crosscut_ranking as ranking;
use crosscut_sequence as sequence;

const SOLVERS: [Solver; 2] = [Solver::Block, Solver::OneSlack];
const TASKS: [Entry; 3] = [multiclass::ENTRY, sequence::ENTRY, ranking::ENTRY];

/// Numbers below `below` that look random.
fn noise(seed: usize, below: usize) -> usize {
    (seed * 7919 + 13).wrapping_mul(2_654_435_761) % 1_000_003 % below
}

/// A folder with a training file for each task, by its name.
struct Home(tempfile::TempDir);

impl Home {
    fn new() -> Self {
        let home = Self(tempfile::tempdir().unwrap());
        let (mut svm, mut tags, mut queries) = (String::new(), String::new(), String::new());
        for row in 0..480 {
            let kind = noise(row, 3);
            let (a, b) =
                (kind as f64 + 0.1 * noise(row, 20) as f64, 0.1 * noise(row + 7, 30) as f64);
            let features = format!("1:{a:.1} 2:{b:.1} {}:1\n", 4 + noise(row + 3, 30));
            svm += &format!("c{kind} {features}");
            tags += &format!("t{kind} qid:{} {features}", row / 4);
            queries += &format!("{kind} qid:{} {features}", row / 4);
        }
        home.write("multiclass", &svm);
        home.write("sequence", &tags);
        home.write("ranking", &queries);
        home
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    fn model(&self) -> Vec<u8> {
        fs::read(self.path("model")).unwrap()
    }
}

/// A run of `learn` on the file of its task.
struct Run<'a> {
    home: &'a Home,
    entry: Entry,
    examples: PathBuf,
    options: Options,
    settings: Settings,
    checkpoint: bool,
    resume: bool,
    init: Option<PathBuf>,
    prior: Option<PathBuf>,
    /// The observer of the root stops training after so many passes.
    stop_after: f64,
}

impl<'a> Run<'a> {
    fn new(home: &'a Home, entry: Entry, solver: Solver) -> Self {
        Self {
            home,
            entry,
            examples: home.path(entry.name),
            options: Options::default(),
            settings: Settings::new().relative_gap(1e-4).solver(solver).threads(1),
            checkpoint: false,
            resume: false,
            init: None,
            prior: None,
            stop_after: f64::INFINITY,
        }
    }

    fn learn(&self, ranks: Option<&dyn Collective>, ears: &mut Ears) -> Result<Learned, String> {
        let (model, file) = (self.home.path("model"), self.home.path("checkpoint"));
        let checkpoints = Checkpoints { file: &file, every: Every::Passes(1) };
        let request = Learn {
            examples: &self.examples,
            model: &model,
            options: &self.options,
            settings: &self.settings,
            checkpoints: self.checkpoint.then_some(checkpoints),
            resume: self.resume.then_some(Path::new(&file)),
            prior: self.prior.as_deref(),
            init: self.init.as_deref(),
            stream: false,
            ranks,
        };
        (self.entry.learn)(&request, ears).map_err(|error| {
            let is_known_to_all = ranks.is_none_or(|ranks| ranks.size() == 1)
                || error.to_string().starts_with("rank ");
            assert!(is_known_to_all, "{error}");
            assert!(error.is_bad_input(), "{error}");
            error.to_string().replace(&format!("{}", self.home.path("").display()), "")
        })
    }

    /// What the root learns and hears.
    fn try_on(&self, size: usize) -> Result<(Learned, Ears), String> {
        let mut all = Threads::run(size, |ranks| {
            let mut ears = Ears { stop_after: self.stop_after, ..Ears::default() };
            self.learn(Some(ranks), &mut ears).map(|learned| (learned, ears))
        });
        let root = all.remove(0);
        for other in all {
            match (&root, other) {
                (Ok((root, _)), Ok((other, ears))) => {
                    assert_eq!((other.certificate, other.dim), (root.certificate, root.dim));
                    assert_eq!((ears.notes, ears.starts), (Vec::new(), Vec::new()));
                }
                (Err(root), Err(other)) => assert_eq!(*root, other),
                (root, other) => panic!("{root:?}, {other:?}"),
            }
        }
        root
    }

    fn on(&self, size: usize) -> (Certificate, Ears) {
        let (learned, ears) = self.try_on(size).unwrap();
        (learned.certificate, ears)
    }
}

/// Hears everything, and stops training.
#[derive(Debug, Default)]
struct Ears {
    starts: Vec<Start>,
    notes: Vec<String>,
    stop_after: f64,
}

impl Monitor for Ears {
    fn start(&mut self, start: &Start) {
        self.starts.push(start.clone());
    }

    fn progress(&mut self, progress: &Progress) -> Flow {
        if progress.passes >= self.stop_after {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }

    fn note(&mut self, message: &str) {
        self.notes.push(message.to_owned());
    }
}

#[test]
fn any_number_of_ranks_reaches_the_optimum_of_one_machine() {
    let home = Home::new();
    for entry in TASKS {
        for solver in SOLVERS {
            let run = Run::new(&home, entry, solver);
            let mut alone = Ears { stop_after: f64::INFINITY, ..Ears::default() };
            let alone = run.learn(None, &mut alone).unwrap().certificate;
            let bytes = home.model();
            for size in [1, 2, 4] {
                let (certificate, ears) = run.on(size);
                let told = (entry.name, solver, size, &certificate);
                assert_eq!(certificate.stop, StopReason::Gap, "{told:?}");
                assert!(certificate.relative_gap() <= 1e-4, "{told:?}");
                assert!(certificate.dual <= alone.primal * (1.0 + 1e-12), "{told:?} {alone:?}");
                assert!(alone.dual <= certificate.primal * (1.0 + 1e-12), "{told:?} {alone:?}");
                let start = &ears.starts[0];
                assert_eq!((ears.starts.len(), start.solver), (1, solver), "{told:?}");
                // The model is one that other verbs read, and knows what it was trained on.
                let stored = ModelFile::open(&home.path("model")).unwrap();
                assert_eq!(stored.task(), entry.name);
                if size == 1 {
                    assert!(home.model() == bytes, "{told:?}");
                    continue;
                }
                let count = start.examples / size;
                let (first, last) = (&ears.notes[0], ears.notes.last().unwrap());
                let expected = format!("{size} ranks, ");
                assert!(first.starts_with(&expected), "{count}: {first}");
                assert!(last.contains("rounds of messages; in each, the root sends "), "{last}");
            }
        }
    }
}

#[test]
fn the_same_number_of_ranks_gives_the_same_model_with_any_threads() {
    let home = Home::new();
    for entry in TASKS {
        for solver in SOLVERS {
            for size in [2, 4] {
                let mut run = Run::new(&home, entry, solver);
                run.settings = run.settings.passes(12);
                let (certificate, _) = run.on(size);
                let bytes = home.model();
                for threads in [1, 3] {
                    run.settings = run.settings.threads(threads);
                    assert_eq!(run.on(size).0, certificate);
                    assert!(home.model() == bytes, "{} {solver:?} {size} {threads}", entry.name);
                }
            }
        }
    }
}

#[test]
fn each_rank_may_have_a_file_of_its_own() {
    let home = Home::new();
    let text = fs::read_to_string(home.path("multiclass")).unwrap();
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let mut run = Run::new(&home, multiclass::ENTRY, Solver::Block);
    let (whole, _) = run.on(3);
    // Parts of one file are cut where bytes say; these are cut elsewhere.
    for (rank, lines) in [&lines[..100], &lines[100..350], &lines[350..]].iter().enumerate() {
        home.write(&format!("own.{rank}"), &lines.concat());
    }
    run.examples = home.path("own.{rank}");
    let (own, ears) = run.on(3);
    assert_eq!(ears.notes[0], "3 ranks, 100 to 250 examples each");
    assert!(own.dual <= whole.primal && whole.dual <= own.primal, "{own:?} {whole:?}");
    // One rank is as none.
    home.write("own.0", &text);
    run.on(1);
    let bytes = home.model();
    run.examples = home.path("multiclass");
    run.learn(None, &mut Ears { stop_after: f64::INFINITY, ..Ears::default() }).unwrap();
    assert!(home.model() == bytes);
}

#[test]
fn prior_weights_and_weights_to_start_from_are_known_on_all_ranks() {
    let home = Home::new();
    let mut run = Run::new(&home, multiclass::ENTRY, Solver::Block);
    run.on(2);
    fs::rename(home.path("model"), home.path("first")).unwrap();
    run.prior = Some(home.path("first"));
    let mut quiet = Ears { stop_after: f64::INFINITY, ..Ears::default() };
    let alone = run.learn(None, &mut quiet).unwrap().certificate;
    for solver in SOLVERS {
        run.settings = run.settings.solver(solver);
        let (certificate, _) = run.on(3);
        assert_eq!(certificate.stop, StopReason::Gap);
        assert!(certificate.dual <= alone.primal && alone.dual <= certificate.primal);
        run.init = run.prior.take();
        let (started, _) = run.on(3);
        assert_eq!(started.stop, StopReason::Gap);
        run.prior = run.init.take();
    }
}

#[test]
fn a_resumed_run_ends_with_the_model_of_one_that_never_stopped() {
    let home = Home::new();
    for entry in TASKS {
        for solver in SOLVERS {
            let mut run = Run::new(&home, entry, solver);
            run.on(3);
            let whole = home.model();
            // The observer ends the run early, and so does a limit of passes.
            run.checkpoint = true;
            for limit in [false, true] {
                run.stop_after = if limit { f64::INFINITY } else { 4.0 };
                run.settings = run.settings.passes(limit.then_some(5));
                let (certificate, _) = run.on(3);
                let expected = if limit { StopReason::Passes } else { StopReason::Interrupted };
                assert_eq!(certificate.stop, expected, "{} {solver:?}", entry.name);
                assert!(home.model() != whole);
                let mut resumed = Run::new(&home, entry, solver);
                resumed.resume = true;
                resumed.settings = resumed.settings.threads(2);
                let (certificate, ears) = resumed.on(3);
                assert_eq!(certificate.stop, StopReason::Gap);
                assert!(home.model() == whole, "{} {solver:?} {limit}", entry.name);
                let tells = |note: &String| note.starts_with("going on from pass ");
                assert!(ears.notes.iter().any(tells), "{ears:?}");
            }
        }
    }
}

#[test]
fn a_checkpoint_of_another_number_of_ranks_is_refused() {
    let home = Home::new();
    let mut run = Run::new(&home, multiclass::ENTRY, Solver::Block);
    run.settings = run.settings.passes(3);
    run.checkpoint = true;
    let words = |size| match size {
        1 => "no ranks".to_owned(),
        size => format!("{size} ranks"),
    };
    for made in [1, 2, 3] {
        (run.checkpoint, run.resume) = (true, false);
        run.on(made);
        (run.checkpoint, run.resume) = (false, true);
        for size in [1, 2, 3] {
            run.settings = run.settings.passes(5);
            let result = run.try_on(size);
            run.settings = run.settings.passes(3);
            if size == made {
                result.unwrap();
                continue;
            }
            let message = format!(
                "checkpoint: the checkpoint was made with {}, this run has {}",
                words(made),
                words(size)
            );
            assert!(result.unwrap_err().ends_with(&message));
        }
    }
    // Other data on one of the ranks.
    let text = fs::read_to_string(home.path("multiclass")).unwrap();
    home.write("multiclass", &(text + "c1 1:1\n"));
    run.settings = run.settings.passes(5);
    let error = run.try_on(3).unwrap_err();
    assert!(error.starts_with("rank 0: checkpoint: the data differ: the text of "), "{error}");
}

#[test]
fn a_damaged_state_of_another_rank_is_refused_on_all() {
    let home = Home::new();
    let mut run = Run::new(&home, multiclass::ENTRY, Solver::Block);
    run.settings = run.settings.passes(3);
    run.checkpoint = true;
    run.on(2);
    let good = fs::read(home.path("checkpoint")).unwrap();
    run.settings = run.settings.passes(5);
    (run.checkpoint, run.resume) = (false, true);
    let mut refused = 0;
    // The states of ranks are at the end.
    for at in (1..40).map(|step| good.len() - 4 - step * 97) {
        let mut bad = good.clone();
        bad[at] ^= 0x40;
        let end = bad.len() - 4;
        let sum = crc32fast::hash(&bad[..end]);
        bad[end..].copy_from_slice(&sum.to_le_bytes());
        fs::write(home.path("checkpoint"), bad).unwrap();
        // Some bits are numbers that may be anything.
        if let Err(error) = run.try_on(2) {
            assert!(
                error.starts_with("rank 0: checkpoint: the checkpoint is damaged: "),
                "{error}"
            );
            refused += 1;
        }
    }
    assert!(refused > 0);
}

#[test]
fn an_error_on_one_rank_is_that_of_all() {
    let home = Home::new();
    let svm = fs::read_to_string(home.path("multiclass")).unwrap();
    let refusal = |run: &Run<'_>, size| {
        let error = run.try_on(size).unwrap_err();
        assert!(!home.path("model").exists());
        error
    };
    let run = Run::new(&home, multiclass::ENTRY, Solver::Auto);
    // The first of several ranks that fail.
    home.write("multiclass", &svm.replace("c1 1:", "c1 x:"));
    assert!(refusal(&run, 4).starts_with("rank 0: multiclass:"));
    let (start, end) = svm.split_at(svm.len() * 5 / 8);
    let line = start.lines().count() + usize::from(start.ends_with('\n'));
    home.write("multiclass", &format!("{start}{}", end.replacen("\nc", "\n1 x\nc", 1)));
    let error = refusal(&run, 4);
    assert!(error.starts_with(&format!("rank 2: multiclass:{}: ", line + 1)), "{error}");
    home.write("multiclass", &svm);

    let with = |change: &dyn Fn(&mut Run<'_>)| {
        let mut run = Run::new(&home, multiclass::ENTRY, Solver::Auto);
        change(&mut run);
        refusal(&run, 3)
    };
    for (error, expected) in [
        (with(&|run| run.settings = run.settings.relative_gap(-1.0)), "rank 0: the relative gap"),
        (with(&|run| run.options.loss = Some(77)), "rank 0: -l expects "),
        (with(&|run| run.init = Some(home.path("none"))), "rank 0: none: cannot be read"),
        (with(&|run| run.prior = Some(home.path("sequence"))), "rank 0: sequence: "),
        (with(&|run| run.resume = true), "rank 0: checkpoint: cannot be read"),
        (with(&|run| run.settings = run.settings.max_memory(Some(1))), "rank 0: "),
        (with(&|run| run.examples = home.path("none.{rank}")), "rank 0: none.0: cannot be read"),
    ] {
        assert!(error.starts_with(expected), "{error}");
    }
}

/// A model that cannot be written is known to all ranks, though the root alone writes it.
#[test]
fn a_model_that_cannot_be_written_ends_all() {
    let home = Home::new();
    let run = Run::new(&home, multiclass::ENTRY, Solver::Auto);
    fs::create_dir(home.path("model")).unwrap();
    let error = run.try_on(3).unwrap_err();
    assert!(error.starts_with("rank 0: model: "), "{error}");
}
