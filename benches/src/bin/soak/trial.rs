//! [`Trial`]: one problem, and all that must hold of it.

use std::fs;
use std::path::{Path, PathBuf};

use nix::sys::signal::Signal;
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;

use crate::child::{Child, End};
use crate::judge::{self, Bounds};
use crate::problem::{Problem, happens, one_of};
use crate::soak::{Arguments, Tally};

/// A problem in a folder of its own.
pub struct Trial<'t> {
    random: Pcg64,
    child: Child,
    problem: Problem,
    tally: &'t mut Tally,
}

const MODEL: &str = "whole.model";
const RESUMED: &str = "resumed.model";
const CHECKPOINT: &str = "checkpoint";

impl<'t> Trial<'t> {
    /// Draws a problem and puts it to the test. The folder is kept if something does not hold.
    ///
    /// # Errors
    /// What does not hold.
    pub fn run(seed: u64, arguments: &Arguments, tally: &'t mut Tally) -> Result<(), String> {
        let folder =
            tempfile::Builder::new().prefix("soak").tempdir().map_err(|error| error.to_string())?;
        let outcome = Self::put_to_the_test(seed, arguments, folder.path(), tally);
        outcome.map_err(|error| {
            let kept = arguments.keep.join(seed.to_string());
            let moved = fs::create_dir_all(&kept).and_then(|()| {
                for entry in fs::read_dir(folder.path())? {
                    let entry = entry?;
                    fs::copy(entry.path(), kept.join(entry.file_name()))?;
                }
                fs::write(kept.join("failure"), &error)
            });
            match moved {
                Ok(()) => format!("{error}\n  the files: {}", kept.display()),
                Err(lost) => format!("{error}\n  the files could not be kept: {lost}"),
            }
        })
    }

    fn put_to_the_test(
        seed: u64,
        arguments: &Arguments,
        folder: &Path,
        tally: &'t mut Tally,
    ) -> Result<(), String> {
        let mut random = Pcg64::seed_from_u64(seed);
        let child = Child { folder: folder.to_owned(), limit: arguments.limit };
        let help = child.ends_with(0, &["learn", "multiclass", "--help"].map(str::to_owned))?.out;
        let problem = Problem::draw(&mut random, folder, &help, arguments.small)
            .map_err(|error| error.to_string())?;
        let mut trial = Self { random, child, problem, tally };
        let seconds = trial.without_checkpoints()?;
        trial.bounds()?;
        trial.damaged(MODEL, &["inspect", "{}"].map(str::to_owned))?;
        if help.contains("--checkpoint") {
            trial.broken_off(seconds)?;
        }
        Ok(())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.child.folder.join(name)
    }

    fn read(&self, name: &str) -> Result<Vec<u8>, String> {
        fs::read(self.path(name)).map_err(|error| format!("{name}: {error}"))
    }

    /// Runs the program, which must end with `code`.
    fn ends_with(&mut self, code: i32, arguments: &[String]) -> Result<String, String> {
        self.tally.runs += 1;
        self.child.ends_with(code, arguments).map(|ended| ended.out)
    }

    /// `learn` with other flags for the solver, a number of threads, and where the model goes.
    fn learn(&mut self, solver: &[String], more: &[&str], model: &str) -> Vec<String> {
        let Problem { task, data, problem, optional, .. } = &self.problem;
        let threads = self.random.random_range(1..=4).to_string();
        let mut line = vec!["learn".to_owned(), (*task).to_owned()];
        line.extend([problem, solver, optional].into_iter().flatten().cloned());
        line.extend(["--threads", &threads].iter().chain(more).map(|&word| word.to_owned()));
        line.extend([data.display().to_string(), model.to_owned()]);
        line
    }

    /// The run to compare with; what it took.
    fn without_checkpoints(&mut self) -> Result<f64, String> {
        let solver = self.problem.solver.clone();
        let line = self.learn(&solver, &[], MODEL);
        let mut ended = self.child.run(&line, None)?;
        self.tally.runs += 1;
        let named = |flag: &String| flag.starts_with("--") && ended.err.contains(flag.as_str());
        if ended.end == End::Code(2) && self.problem.optional.iter().any(named) {
            self.problem.optional.clear();
            let line = self.learn(&solver, &[], MODEL);
            ended = self.child.ends_with(0, &line)?;
            self.tally.runs += 1;
        }
        match ended.end == End::Code(0) {
            true => Ok(ended.seconds),
            false => Err(ended.unlike(&line, "exit code 0")),
        }
    }

    /// P(w) is what the model says, and no run has a D above any P.
    fn bounds(&mut self) -> Result<(), String> {
        let other = one_of(&mut self.random, &["block", "one-slack"]);
        let passes = self.random.random_range(2..=6).to_string();
        let solver = ["--solver", other, "--passes", &passes, "--seed", "1"].map(str::to_owned);
        let optional = std::mem::take(&mut self.problem.optional);
        let line = self.learn(&solver, &[], "other.model");
        self.problem.optional = optional;
        self.ends_with(0, &line)?;
        let Problem { data, group, .. } = &self.problem;
        let [ours, theirs] = [MODEL, "other.model"]
            .map(|model| judge::bounds(&self.path(model), data, group.as_deref()));
        let (ours, theirs) = (ours?, theirs?);
        for (Bounds { dual, .. }, Bounds { primal, .. }) in
            [(ours, ours), (ours, theirs), (theirs, ours)]
        {
            if dual > primal + 1e-9 * primal.abs() {
                return Err(format!(
                    "D = {dual} is above P(w) = {primal}; {ours:?} and of another solver {theirs:?}"
                ));
            }
            self.tally.bounds += 1;
        }
        let mut line = ["classify", "-v", "0"].map(str::to_owned).to_vec();
        if let Some(group) = group {
            line.extend(["--group".to_owned(), group.display().to_string()]);
        }
        line.extend([data.display().to_string(), MODEL.to_owned(), "predictions".to_owned()]);
        self.ends_with(0, &line)?;
        match self.read("predictions")?.is_empty() {
            true => Err("classify has written nothing".to_owned()),
            false => Ok(()),
        }
    }

    /// Copies of a file with a flipped bit or without an end are refused by a command, in which
    /// `{}` stands for the copy.
    fn damaged(&mut self, name: &str, command: &[String]) -> Result<(), String> {
        let whole = self.read(name)?;
        let line: Vec<String> = command.iter().map(|word| word.replace("{}", "damaged")).collect();
        for _ in 0..2 {
            let mut bytes = whole.clone();
            let at = self.random.random_range(0..bytes.len());
            let truncated = happens(&mut self.random, 0.5);
            if truncated {
                bytes.truncate(at);
            } else {
                bytes[at] ^= 1 << self.random.random_range(0..8);
            }
            fs::write(self.path("damaged"), bytes).map_err(|error| error.to_string())?;
            let how = if truncated { "cut off at" } else { "with a bit flipped at" };
            self.ends_with(2, &line)
                .map_err(|error| format!("{name} {how} {at} of {}: {error}", whole.len()))?;
            self.tally.refused += 1;
        }
        Ok(())
    }

    /// Breaks off training and resumes it until it ends; the model must be the one of the run that
    /// went through.
    fn broken_off(&mut self, seconds: f64) -> Result<(), String> {
        let solver = self.problem.solver.clone();
        let every = one_of(&mut self.random, &["1", "1", "3", "0.01s", "0.1s"]);
        let signals = self.random.random_range(1..=8);
        let mut sent = 0;
        loop {
            let resume: &[&str] =
                if self.path(CHECKPOINT).exists() { &["--resume", CHECKPOINT] } else { &[] };
            let more = [&["--checkpoint", CHECKPOINT, "--every", every], resume].concat();
            let line = self.learn(&solver, &more, RESUMED);
            let moment = 1.2 * seconds * self.random.random::<f64>();
            let kind =
                one_of(&mut self.random, &[Signal::SIGKILL, Signal::SIGINT, Signal::SIGTERM]);
            let before = self.path(RESUMED).exists().then(|| self.read(RESUMED)).transpose()?;
            let ended = self.child.run(&line, (sent < signals).then_some((kind, moment)))?;
            self.tally.runs += 1;
            self.tally.resumed += u64::from(!resume.is_empty());
            if ended.end == End::Code(0) {
                break;
            }
            sent += 1;
            let (counter, code) = match kind {
                Signal::SIGINT => (&mut self.tally.interrupted, Some(130)),
                Signal::SIGTERM => (&mut self.tally.terminated, Some(143)),
                _ => (&mut self.tally.killed, None),
            };
            *counter += 1;
            // Signals are heard once training begins, with a line that names the sizes: before that
            // there is nothing to keep.
            let deaf = ended.end == End::Signal(kind as i32)
                && (code.is_none() || !ended.err.contains(" examples, "));
            let heard = matches!(ended.end, End::Code(found) if Some(found) == code);
            if !(ended.signalled && (heard || deaf)) {
                return Err(ended.unlike(
                    &line,
                    &format!("exit code 0, or an end by {kind} after {moment:.3} s"),
                ));
            }
            if heard
                && !["go on from pass", "training had ended"]
                    .iter()
                    .any(|words| ended.err.contains(words))
            {
                return Err(ended.unlike(
                    &line,
                    "a line that says how to go on, or that there is nothing left to do",
                ));
            }
            if self.path(RESUMED).exists() && Some(self.read(RESUMED)?) != before {
                self.ends_with(0, &["inspect", RESUMED].map(str::to_owned))?;
            }
            if self.path(CHECKPOINT).exists() && happens(&mut self.random, 0.3) {
                self.foreign(&solver)?;
            }
        }
        self.same_bytes()?;
        if self.path(CHECKPOINT).exists() {
            let line = self.learn(&solver, &["--resume", CHECKPOINT], RESUMED);
            self.ends_with(0, &line)?;
            self.tally.resumed += 1;
            self.same_bytes()?;
        }
        Ok(())
    }

    fn same_bytes(&self) -> Result<(), String> {
        match self.read(RESUMED)? == self.read(MODEL)? {
            true => Ok(()),
            false => Err(format!(
                "{RESUMED}, of training that was resumed, is not {MODEL}, of training that went through"
            )),
        }
    }

    /// A checkpoint that is damaged, or of other settings or data, is refused, and leaves what is
    /// there.
    fn foreign(&mut self, solver: &[String]) -> Result<(), String> {
        let before = self.path(RESUMED).exists().then(|| self.read(RESUMED)).transpose()?;
        let line = self.learn(solver, &["--resume", "{}"], RESUMED);
        self.damaged(CHECKPOINT, &line)?;
        let settings = self.other_settings(solver);
        let line = self.learn(&settings, &["--resume", CHECKPOINT], RESUMED);
        self.ends_with(2, &line).map_err(|error| format!("other settings: {error}"))?;
        self.tally.refused += 1;
        if self.problem.made {
            let text = String::from_utf8_lossy(&self.read("data")?).into_owned();
            let first = text.lines().next().unwrap_or_default();
            fs::write(self.path("other.data"), format!("{text}{first}\n"))
                .map_err(|error| error.to_string())?;
            let mut line = self.learn(solver, &["--resume", CHECKPOINT], RESUMED);
            let at = line.len() - 2;
            line[at] = "other.data".to_owned();
            self.ends_with(2, &line).map_err(|error| format!("other data: {error}"))?;
            self.tally.refused += 1;
        }
        match self.path(RESUMED).exists().then(|| self.read(RESUMED)).transpose()? == before {
            true => Ok(()),
            false => Err(format!("a run that was refused has changed {RESUMED}")),
        }
    }

    /// The flags of the solver with another seed.
    fn other_settings(&self, solver: &[String]) -> Vec<String> {
        let at = solver.iter().position(|word| word == "--seed").map_or(usize::MAX, |at| at + 1);
        let other = |(index, word): (usize, &String)| {
            if index == at { format!("{word}1") } else { word.clone() }
        };
        solver.iter().enumerate().map(other).collect()
    }
}
