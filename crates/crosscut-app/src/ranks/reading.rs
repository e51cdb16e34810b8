//! [`define`]: the task of all training examples, and those of this rank.

use std::collections::HashSet;
use std::fmt;
use std::mem;
use std::path::Path;
use std::sync::PoisonError;

use crosscut_data::svmlight::Qid;
use serde::{Deserialize, Serialize};

use super::part::Part;
use super::{Collective, broadcast_value, exchange_values, gather_values};
use crate::container;
use crate::cutter::Cut;
use crate::encoding::Encoding;
use crate::error::Error;
use crate::format::{File, Format};
use crate::monitor::Monitor;
use crate::options::Options;
use crate::reading::{Examples, Training, read_examples, take_in};
use crate::source::Source;

/// The training examples of a rank.
pub struct Shard<F: Format> {
    /// What is known of the files, the same on all ranks.
    pub format: F,
    /// The task that all examples need, the same on all ranks.
    pub task: F::Task,
    /// The examples of this rank.
    pub examples: Examples<F>,
    /// The number of examples of the ranks before this one.
    pub first: usize,
    /// The number of examples of all ranks.
    pub total: usize,
    /// Length in bytes and CRC-32 of the (decompressed) text of all ranks, one after the other.
    /// They do not depend on the number of ranks that read parts of one file.
    pub digest: (u64, u32),
}

impl<F: Format> fmt::Debug for Shard<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shard = f.debug_struct("Shard");
        shard.field("examples", &self.examples.len());
        shard.field("first", &self.first).field("total", &self.total).finish_non_exhaustive()
    }
}

/// What a rank has read.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Read {
    examples: usize,
    length: u64,
    sum: u32,
}

/// Reads the training examples of this rank, and defines the task that the examples of all ranks
/// need. All ranks must call it, with the same arguments but `monitor`. Only notes to the monitor
/// of the root are about all examples.
///
/// If `path` contains `{rank}`, each rank reads the file whose path has its number (from 0) there.
/// Otherwise all ranks must have the same file at `path`, of which each reads a part; it must be
/// text in UTF-8 that is not compressed, and of a format that says [where to cut it](Format::cut).
/// A single rank reads what [`crate::define`] reads.
///
/// The examples of all ranks, one after the other, and the task are those that [`crate::define`]
/// makes of the whole file. Floating sums are made in the order of ranks, and may differ in their
/// last bits: means and deviations of `--scale standard`, sums of weights of the examples of a
/// class.
///
/// # Errors
/// Those of [`crate::survey`] and [`crate::define`]; a file that cannot be divided; a qid that
/// returns, also on another rank; a rank without examples; ranks that have different files. The
/// error may be on one rank only, while others wait for it: end the job with [`Collective::abort`].
pub fn define<F: Format>(
    ranks: &dyn Collective,
    options: &Options,
    path: &Path,
    encoding: Encoding,
    monitor: &mut dyn Monitor,
) -> Result<Shard<F>, Error> {
    if ranks.size() == 1 {
        return define_alone(options, &super::part::path_of(path, 0), encoding, monitor);
    }
    let mut part = Part::open(path, encoding, ranks)?;
    let format = begin::<F>(ranks, options, &mut part)?;
    define_part(ranks, format, &part, monitor).map_err(|error| part.locate(error))
}

fn define_alone<F: Format>(
    options: &Options,
    path: &Path,
    encoding: Encoding,
    monitor: &mut dyn Monitor,
) -> Result<Shard<F>, Error> {
    let source = Source::open(path, monitor)?.decode(encoding);
    let digest = source.digest();
    let Training { format, task, examples } = crate::define::<F>(options, source)?;
    let total = examples.len();
    Ok(Shard { format, task, examples, first: 0, total, digest: digest.get() })
}

/// The format of the file, and where its part of it is.
fn begin<F: Format>(
    ranks: &dyn Collective,
    options: &Options,
    part: &mut Part,
) -> Result<F, Error> {
    let mut format = F::new(options)?;
    format.stream(part.path())?;
    // A format that cannot merge says so before anything is read.
    let merged = format.merge(&mut F::Survey::default(), F::Survey::default());
    merged.map_err(|message| Error::file(part.name(), message))?;
    format.begin(&mut part.beginning()?)?;
    check_files(ranks, part, &format)?;
    part.cut_at(format.cut())?;
    Ok(format)
}

/// Lines in errors are those that [`Part::locate`] expects.
fn define_part<F: Format>(
    ranks: &dyn Collective,
    mut format: F,
    part: &Part,
    monitor: &mut dyn Monitor,
) -> Result<Shard<F>, Error> {
    let name = part.name().to_owned();
    let mut survey = F::Survey::default();
    let found = survey_part(ranks, part, &format, &mut survey, monitor)?;
    let all = share(ranks, found.clone())?;
    check_examples(ranks, &name, &all)?;
    let task = merge(ranks, &name, &mut format, survey, monitor)?;

    let mut quiet = ();
    let mut source = part.source(&mut quiet)?;
    let digest = source.digest();
    let examples = read_examples(&format, &task, &mut source)?;
    if digest.get() != (found.length, found.sum) {
        let message = "expected what was read here before: the file has changed since then";
        return Err(Error::file(name, message));
    }
    let count = |reads: &[Read]| reads.iter().map(|read| read.examples).sum();
    let (first, total) = (count(&all[..ranks.rank()]), count(&all));
    Ok(Shard { format, task, examples, first, total, digest: joined(&all) })
}

/// Checks that all ranks have the same file, or files of the same kind.
fn check_files<F: Format>(ranks: &dyn Collective, part: &Part, format: &F) -> Result<(), Error> {
    let ours = (part.length(), checksum(format)?);
    let theirs = broadcast_value(ranks, (ranks.rank() == 0).then_some(ours))?;
    let refuse = |message| Err(Error::file(part.name(), message));
    match (ours, theirs) {
        ((Some(ours), _), (Some(theirs), _)) if ours != theirs => refuse(format!(
            "expected the file of rank 0, which has {theirs} bytes, found one of {ours} bytes"
        )),
        (ours, theirs) if ours != theirs => {
            refuse("expected a file of the same kind as that of rank 0, found another".to_owned())
        }
        _ => Ok(()),
    }
}

/// Surveys the part of this rank.
fn survey_part<F: Format>(
    ranks: &dyn Collective,
    part: &Part,
    format: &F,
    survey: &mut F::Survey,
    monitor: &mut dyn Monitor,
) -> Result<Read, Error> {
    let (mut source, qids) = match (part.source(monitor)?, format.cut()) {
        (source, Some(Cut::Qids)) => {
            let (source, qids) = part.watch(source);
            (source, Some(qids))
        }
        (source, _) => (source, None),
    };
    let (digest, mut examples) = (source.digest(), 0);
    take_in(format, &mut source, survey, &mut |_, _| examples += 1)?;
    if let Some(qids) = qids {
        let found = mem::take(&mut *qids.lock().unwrap_or_else(PoisonError::into_inner));
        check_qids(ranks, part.name(), &found)?;
    }
    let (length, sum) = digest.get();
    Ok(Read { examples, length, sum })
}

/// Refuses a qid that returns after another qid, on any rank. Each rank looks at its share of the
/// qids of all.
fn check_qids(ranks: &dyn Collective, name: &str, found: &[(Qid, u64)]) -> Result<(), Error> {
    let mut parts: Vec<Vec<(String, u64)>> = vec![Vec::new(); ranks.size()];
    for (qid, line) in found {
        let qid = qid.to_string();
        let to = crc32fast::hash(qid.as_bytes()) as usize % ranks.size();
        parts[to].push((qid, *line));
    }
    let mut seen = HashSet::new();
    for (qid, line) in exchange_values(ranks, &parts)?.into_iter().flatten() {
        if let Some(qid) = seen.replace(qid) {
            let message =
                format!("expected the lines of qid:{qid} one after the other, but it returns");
            return Err(Error::line(name, line, message));
        }
    }
    Ok(())
}

/// What all ranks have, on each rank.
fn share(ranks: &dyn Collective, read: Read) -> Result<Vec<Read>, Error> {
    let all = gather_values(ranks, read)?;
    broadcast_value(ranks, (ranks.rank() == 0).then_some(all))
}

/// Refuses a rank without examples.
fn check_examples(ranks: &dyn Collective, name: &str, all: &[Read]) -> Result<(), Error> {
    let (rank, size) = (ranks.rank(), ranks.size());
    let found = if all.iter().all(|read| read.length == 0) {
        "an empty file"
    } else {
        "only blank lines and comments"
    };
    if all.iter().all(|read| read.examples == 0) {
        let message = format!("expected at least one example, found {found}");
        return Err(Error::file(name, message));
    }
    if all[rank].examples == 0 {
        let message = format!(
            "rank {rank} (of {size}, counted from 0) has no examples: there are too many ranks, or \
             examples too large, to divide them evenly"
        );
        return Err(Error::file(name, message));
    }
    Ok(())
}

/// The task for what the ranks have found.
fn merge<F: Format>(
    ranks: &dyn Collective,
    name: &str,
    format: &mut F,
    survey: F::Survey,
    monitor: &mut dyn Monitor,
) -> Result<F::Task, Error> {
    let mut surveys = gather_values(ranks, survey)?.into_iter();
    let mut bytes = Vec::new();
    let Some(mut survey) = surveys.next() else {
        // The root has found that there is a task.
        ranks.broadcast(&mut bytes);
        let survey = container::decode_all(&bytes, "survey of rank 0").map_err(Error::Ranks)?;
        drop(bytes);
        let task = format.task(survey, &mut File::new(name, &mut |_| {}))?;
        let (ours, root) = (checksum((&*format, &task))?, broadcast_value::<u32>(ranks, None)?);
        if ours != root {
            let message = "expected the task of rank 0, found another one: all ranks must have the \
                           same files that options name";
            return Err(Error::file(name, message));
        }
        return Ok(task);
    };
    for later in surveys {
        let merged = format.merge(&mut survey, later);
        merged.map_err(|message| Error::file(name, message))?;
    }
    let encoded = container::encode(&survey, &mut bytes);
    encoded.map_err(|error| Error::Ranks(format!("the survey cannot be encoded: {error}")))?;
    let task = format.task(survey, &mut File::new(name, &mut |note| monitor.note(note)))?;
    ranks.broadcast(&mut bytes);
    broadcast_value(ranks, Some(checksum((&*format, &task))?))?;
    Ok(task)
}

/// Length and CRC-32 of the texts of all ranks, one after the other.
fn joined(all: &[Read]) -> (u64, u32) {
    let mut joined = crc32fast::Hasher::new();
    for read in all {
        joined.combine(&crc32fast::Hasher::new_with_initial_len(read.sum, read.length));
    }
    (all.iter().map(|read| read.length).sum(), joined.finalize())
}

fn checksum(value: impl Serialize) -> Result<u32, Error> {
    let sum = container::checksum(value);
    sum.map_err(|error| Error::Ranks(format!("a value cannot be encoded: {error}")))
}
