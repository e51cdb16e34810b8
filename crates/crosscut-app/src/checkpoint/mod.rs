//! Checkpoints: the state of training, written to a file from time to time, from which training can
//! resume.
//!
//! | | the payload in the layout of `container.rs` |
//! |---|---|
//! | 4 + length | the `Origin` (`origin.rs`), as JSON |
//! | | the [`State`], as `bincode` writes it |
//!
//! Only the version of the program that wrote a checkpoint can read it. Models, in contrast, remain
//! readable after a release.

mod origin;

use std::io::{self, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use crosscut::{
    Flow, Progress, Settings, ShardTrainer, Solution, State, StateError, StreamTrainer, Trainer,
};

use crate::answers::Kept;
use crate::container::{self, Container, Identity, Kind, take, take_u32};
use crate::error::Error;
use crate::source::display_name;
use crate::unpack::read_bytes;
use crate::{model_file, output};
pub(crate) use origin::{Data, Origin};

pub(crate) const KIND: Kind = Kind { name: "checkpoint", magic: *b"CROSSCKP", version: 8 };

/// Checkpoints written by the clock take at most 1 / `SHARE` of the time.
const SHARE: u32 = 20;

/// The file for checkpoints, and how often to write them.
#[derive(Clone, Copy, Debug)]
pub struct Checkpoints<'a> {
    /// The file; each checkpoint replaces the one before.
    pub file: &'a Path,
    /// How often to write. One more is written before the last pass if training is about to end
    /// without having reached its gap.
    pub every: Every,
}

/// How often to write a checkpoint.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Every {
    /// After this number of seconds, or later if writing would take more than a twentieth of the
    /// time.
    Seconds(f64),
    /// After this number of exact passes, however long writing takes.
    Passes(usize),
}

/// Checks early whether the checkpoints of a run could be written without replacing its other
/// files.
///
/// # Errors
/// Those of [`output::check`]; standard output; the file of the model.
pub(crate) fn check(file: &Path, inputs: &[&Path], model: &Path) -> Result<(), Error> {
    if file == Path::new("-") {
        return Err(Error::option("--checkpoint", "a file", "-"));
    }
    output::check_distinct(&[("MODEL", model), ("--checkpoint", file)])?;
    output::check(file, inputs)
}

/// Writes checkpoints when they are due. A checkpoint that cannot be written is reported and does
/// not end training.
pub(crate) struct Keeper<'a> {
    plan: Checkpoints<'a>,
    task: Identity,
    origin: &'a Origin,
    /// Exact passes at the last attempt, the time it ended, and its duration.
    passes: f64,
    ended: Instant,
    took: Duration,
    kept: Kept,
}

impl<'a> Keeper<'a> {
    /// Begins after `passes` exact passes: those of the checkpoint that training resumes from, or
    /// 0.
    pub fn new(plan: Checkpoints<'a>, task: Identity, origin: &'a Origin, passes: f64) -> Self {
        Self {
            plan,
            task,
            origin,
            passes,
            ended: Instant::now(),
            took: Duration::ZERO,
            kept: Kept::default(),
        }
    }

    /// Called between two passes: writes the state if a checkpoint is due. The first of consecutive
    /// failures goes to `note`.
    pub fn see(&mut self, state: &State<'_>, note: &mut dyn FnMut(&str)) {
        let since = self.ended.elapsed();
        let due = match self.plan.every {
            Every::Seconds(seconds) => since.as_secs_f64() >= seconds && since >= SHARE * self.took,
            Every::Passes(passes) => state.passes() >= self.passes + passes as f64,
        };
        if !due && !state.is_last_pass() {
            return;
        }
        let began = Instant::now();
        let file = self.plan.file;
        let result = output::replace(file, |out| write(self.task, self.origin, state, out));
        (self.passes, self.ended, self.took) = (state.passes(), Instant::now(), began.elapsed());
        self.kept.seconds += self.took.as_secs_f64();
        match result {
            Ok(()) => {
                self.kept.passes = Some(state.passes());
                self.kept.written += 1;
                self.kept.failure = None;
            }
            Err(error) => {
                if self.kept.failure.is_none() {
                    note(&format!("{error}; training goes on without this checkpoint"));
                }
                self.kept.failure = Some(error.to_string());
            }
        }
    }

    /// The summary of the checkpoints.
    pub fn result(self) -> Kept {
        self.kept
    }
}

/// A checkpoint to resume from.
pub(crate) struct Resumed<'a> {
    path: &'a Path,
    origin: Origin,
    state: State<'static>,
}

impl<'a> Resumed<'a> {
    /// Reads a checkpoint that was made with the options of `run`.
    ///
    /// # Errors
    /// A file that is no checkpoint or is damaged; one made with other options; `--passes` of at
    /// most the passes already made.
    pub fn open(
        path: &'a Path,
        task: Identity,
        run: &Origin,
        settings: &Settings,
    ) -> Result<Self, Error> {
        let refuse = |message| Error::file(display_name(path), message);
        let bytes = read_bytes(path)?;
        let (origin, state) = read(task, &bytes).map_err(refuse)?;
        if let Some(message) = origin.differs_from(run) {
            return Err(refuse(message));
        }
        let made = state.passes();
        match settings.passes {
            // An earlier end would have made another pass the last one, which certifies.
            Some(passes) if passes as f64 <= made => {
                let expected =
                    format!("more than the {made} exact passes that the checkpoint has made");
                Err(Error::option("--passes", expected, passes))
            }
            _ => Ok(Self { path, origin, state }),
        }
    }

    /// Exact passes made.
    pub fn passes(&self) -> f64 {
        self.state.passes()
    }

    /// Sets a trainer to the state of the checkpoint. `data` describes the data of this run, read
    /// from the file `name`.
    ///
    /// # Errors
    /// Other data; a state that does not fit them.
    pub fn restore(self, trainer: &mut dyn Trains, data: &Data, name: &str) -> Result<(), Error> {
        let refuse = |message| Error::file(display_name(self.path), message);
        if let Some(message) = self.origin.data.differs_from(data, name) {
            return Err(refuse(message));
        }
        trainer
            .restore(self.state)
            .map_err(|error| refuse(format!("the checkpoint is damaged: {error}")))
    }
}

/// Training that checkpoints can restore, on examples in memory, in pieces or on ranks.
pub(crate) trait Trains {
    /// See [`Trainer::restore`].
    fn restore(&mut self, state: State<'_>) -> Result<(), StateError>;

    /// See [`Trainer::solve`] and [`Trainer::solve_keeping`].
    fn solve(
        &mut self,
        observer: &mut dyn FnMut(&Progress) -> Flow,
        keeper: Option<&mut dyn FnMut(&State<'_>)>,
    ) -> Result<Solution, Error>;
}

impl Trains for Trainer<'_> {
    fn restore(&mut self, state: State<'_>) -> Result<(), StateError> {
        Trainer::restore(self, state)
    }

    fn solve(
        &mut self,
        observer: &mut dyn FnMut(&Progress) -> Flow,
        keeper: Option<&mut dyn FnMut(&State<'_>)>,
    ) -> Result<Solution, Error> {
        Ok(match keeper {
            None => Trainer::solve(self, observer),
            Some(keeper) => self.solve_keeping(observer, keeper),
        })
    }
}

impl Trains for StreamTrainer<'_, Error> {
    fn restore(&mut self, state: State<'_>) -> Result<(), StateError> {
        StreamTrainer::restore(self, state)
    }

    fn solve(
        &mut self,
        observer: &mut dyn FnMut(&Progress) -> Flow,
        keeper: Option<&mut dyn FnMut(&State<'_>)>,
    ) -> Result<Solution, Error> {
        match keeper {
            None => StreamTrainer::solve(self, observer),
            Some(keeper) => self.solve_keeping(observer, keeper),
        }
    }
}

impl Trains for ShardTrainer<'_, Error> {
    fn restore(&mut self, state: State<'_>) -> Result<(), StateError> {
        ShardTrainer::restore(self, state)
    }

    fn solve(
        &mut self,
        observer: &mut dyn FnMut(&Progress) -> Flow,
        keeper: Option<&mut dyn FnMut(&State<'_>)>,
    ) -> Result<Solution, Error> {
        match keeper {
            None => ShardTrainer::solve(self, observer),
            Some(keeper) => self.solve_keeping(observer, keeper),
        }
    }
}

fn read(task: Identity, bytes: &[u8]) -> Result<(Origin, State<'static>), String> {
    let container = Container::read(bytes, &KIND, &[&model_file::KIND])?;
    container.header.check(task)?;
    let mut rest = container.payload;
    let length = take_u32(&mut rest, KIND.name)?;
    let origin = take(&mut rest, u64::from(length), KIND.name)?;
    let origin = serde_json::from_slice(origin);
    let origin = origin
        .map_err(|error| format!("the checkpoint is damaged: what it was made from: {error}"))?;
    Ok((origin, container.decode(rest)?))
}

fn write(
    task: Identity,
    origin: &Origin,
    state: &State<'_>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let origin = serde_json::to_vec(origin)?;
    container::write(&KIND, task, out, &|out| {
        out.write_all(&(origin.len() as u32).to_le_bytes())?;
        out.write_all(&origin)?;
        container::encode(state, out)
    })
}

#[cfg(test)]
mod tests;
