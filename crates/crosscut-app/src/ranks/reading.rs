//! [`define`]: the task of all training examples, and those of this rank.

use std::collections::HashSet;
use std::fmt;
use std::mem;
use std::path::Path;
use std::sync::PoisonError;

use crosscut_data::svmlight::Qid;
use serde::{Deserialize, Serialize};

use super::part::{Part, Qids};
use super::{Collective, agree, broadcast_value, exchange_values, gather_values};
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
/// returns, also on another rank; a rank without examples; ranks that have different files. All
/// ranks have the error of one, as [`Error::OnRank`]. An [`Error::Ranks`] may be on one rank only,
/// while others wait for it: end the job with [`Collective::abort`].
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
    let opened = Part::open(path, encoding, ranks).and_then(|part| {
        let format = begin::<F>(options, &part)?;
        let sum = checksum(&format)?;
        Ok((part, format, sum))
    });
    let (mut part, format, sum) = agree(ranks, opened)?;
    agree(ranks, check_files(ranks, &part, sum)?)?;
    agree(ranks, part.cut_at(format.cut()))?;
    define_part(ranks, format, &part, monitor)
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

/// The format of the file.
fn begin<F: Format>(options: &Options, part: &Part) -> Result<F, Error> {
    let mut format = F::new(options)?;
    format.stream(part.path())?;
    // A format that cannot merge says so before anything is read.
    let merged = format.merge(&mut F::Survey::default(), F::Survey::default());
    merged.map_err(|message| Error::file(part.name(), message))?;
    format.begin(&mut part.beginning()?)?;
    Ok(format)
}

/// Ends work on a part that all ranks have done apart: [`agree`] with the lines of the file.
fn settle<T>(ranks: &dyn Collective, part: &Part, result: Result<T, Error>) -> Result<T, Error> {
    agree(ranks, result.map_err(|error| part.locate(error)))
}

fn define_part<F: Format>(
    ranks: &dyn Collective,
    mut format: F,
    part: &Part,
    monitor: &mut dyn Monitor,
) -> Result<Shard<F>, Error> {
    let name = part.name();
    let mut survey = F::Survey::default();
    let surveyed = survey_part(part, &format, &mut survey, monitor);
    let (found, qids) = settle(ranks, part, surveyed)?;
    settle(ranks, part, check_qids(ranks, name, &qids)?)?;
    let all = share(ranks, found.clone())?;
    agree(ranks, check_examples(ranks, name, &all))?;
    let task = merge(ranks, part, &mut format, survey, monitor)?;

    let read = read_part(part, &format, &task, &found);
    let examples = settle(ranks, part, read)?;
    let count = |reads: &[Read]| reads.iter().map(|read| read.examples).sum();
    let (first, total) = (count(&all[..ranks.rank()]), count(&all));
    Ok(Shard { format, task, examples, first, total, digest: joined(&all) })
}

/// Checks that all ranks have the same file, or files of the same kind; `sum` is the checksum of
/// the format. The inner result is that of this rank.
fn check_files(ranks: &dyn Collective, part: &Part, sum: u32) -> Result<Result<(), Error>, Error> {
    let ours = (part.length(), sum);
    let theirs = broadcast_value(ranks, (ranks.rank() == 0).then_some(ours))?;
    let refuse = |message| Err(Error::file(part.name(), message));
    Ok(match (ours, theirs) {
        ((Some(ours), _), (Some(theirs), _)) if ours != theirs => refuse(format!(
            "expected the file of rank 0, which has {theirs} bytes, found one of {ours} bytes"
        )),
        (ours, theirs) if ours != theirs => {
            refuse("expected a file of the same kind as that of rank 0, found another".to_owned())
        }
        _ => Ok(()),
    })
}

/// Surveys the part of this rank. Returns its qids too, with the lines where they begin, if it is
/// cut between them.
fn survey_part<F: Format>(
    part: &Part,
    format: &F,
    survey: &mut F::Survey,
    monitor: &mut dyn Monitor,
) -> Result<(Read, Vec<(Qid, u64)>), Error> {
    let (mut source, qids) = match (part.source(monitor)?, format.cut()) {
        (source, Some(Cut::Qids)) => part.watch(source),
        (source, _) => (source, Qids::default()),
    };
    let (digest, mut examples) = (source.digest(), 0);
    take_in(format, &mut source, survey, &mut |_, _| examples += 1)?;
    let qids = mem::take(&mut *qids.lock().unwrap_or_else(PoisonError::into_inner));
    let (length, sum) = digest.get();
    Ok((Read { examples, length, sum }, qids))
}

/// Reads the examples of the part, of which the survey has `found` this.
fn read_part<F: Format>(
    part: &Part,
    format: &F,
    task: &F::Task,
    found: &Read,
) -> Result<Examples<F>, Error> {
    let mut quiet = ();
    let mut source = part.source(&mut quiet)?;
    let digest = source.digest();
    let examples = read_examples(format, task, &mut source)?;
    if digest.get() != (found.length, found.sum) {
        let message = "expected what was read here before: the file has changed since then";
        return Err(Error::file(part.name(), message));
    }
    Ok(examples)
}

/// Refuses a qid that returns after another qid, on any rank. Each rank looks at its share of the
/// qids of all. The inner result is that of this rank.
fn check_qids(
    ranks: &dyn Collective,
    name: &str,
    found: &[(Qid, u64)],
) -> Result<Result<(), Error>, Error> {
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
            return Ok(Err(Error::line(name, line, message)));
        }
    }
    Ok(Ok(()))
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
    part: &Part,
    format: &mut F,
    survey: F::Survey,
    monitor: &mut dyn Monitor,
) -> Result<F::Task, Error> {
    let (name, is_root) = (part.name(), ranks.rank() == 0);
    let surveys = gather_values(ranks, survey)?;
    let merged = is_root.then(|| -> Result<_, Error> {
        let (mut merged, mut bytes) = (F::Survey::default(), Vec::new());
        for (rank, survey) in surveys.into_iter().enumerate() {
            if rank == 0 {
                merged = survey;
            } else {
                let result = format.merge(&mut merged, survey);
                result.map_err(|message| Error::file(name, message))?;
            }
        }
        let encoded = container::encode(&merged, &mut bytes);
        encoded.map_err(|error| Error::Ranks(format!("the survey cannot be encoded: {error}")))?;
        let task = format.task(merged, &mut File::new(name, &mut |note| monitor.note(note)))?;
        Ok((bytes, task))
    });
    // The root finds whether there is a task.
    let merged = settle(ranks, part, merged.transpose())?;
    let (mut bytes, task) = merged.map_or((Vec::new(), None), |(bytes, task)| (bytes, Some(task)));
    ranks.broadcast(&mut bytes);
    let own = || -> Result<(u32, F::Task), Error> {
        let task = match task {
            Some(task) => task,
            None => {
                let survey = container::decode_all(&bytes, "survey of rank 0");
                let survey = survey.map_err(Error::Ranks)?;
                format.task(survey, &mut File::new(name, &mut |_| {}))?
            }
        };
        Ok((checksum((&*format, &task))?, task))
    };
    let (ours, task) = settle(ranks, part, own())?;
    let root = broadcast_value(ranks, is_root.then_some(ours))?;
    if ours == root {
        return agree(ranks, Ok(task));
    }
    let message = "expected the task of rank 0, found another one: all ranks must have the same \
                   files that options name";
    agree(ranks, Err(Error::file(name, message)))
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
