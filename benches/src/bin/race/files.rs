//! Where the data of a task are, and how they come into files that every program reads.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use crosscut_app::Source;
use flate2::read::MultiGzDecoder;

use crate::error::RaceError;
use crate::idx;
use crate::tasks::Files;

/// The files of a task, unpacked.
#[derive(Clone, Debug)]
pub struct Prepared {
    /// Training examples.
    pub train: PathBuf,
    /// Test examples.
    pub test: PathBuf,
    /// Training and test examples for CRFsuite.
    pub named: Option<(PathBuf, PathBuf)>,
}

/// Unpacks the files of a task into `folder`, from the first of `data` that has them. What is there already stays.
/// `Ok(Err(name))` is a file that is nowhere.
///
/// # Errors
/// Files that cannot be read or written.
pub fn prepare(files: Files, data: &[PathBuf], folder: &Path) -> Result<Result<Prepared, &'static str>, RaceError> {
    let names: &[&'static str] = match &files {
        Files::Ready(train, test) => &[train, test],
        Files::Tagged(names) | Files::Grouped(names) | Files::Images(names) => names,
    };
    let mut found = Vec::new();
    for &name in names {
        match find(name, data) {
            Some(path) => found.push((name, path)),
            None => return Ok(Err(name)),
        }
    }
    let plain = |at: usize| unpack(&found[at].1, &folder.join(found[at].0));
    let made = |name: &str, make: &dyn Fn(&Path) -> Result<(), RaceError>| -> Result<PathBuf, RaceError> {
        let path = folder.join(name);
        if !path.exists() {
            let part = folder.join("part");
            make(&part)?;
            fs::rename(&part, &path).map_err(RaceError::at(&path))?;
        }
        Ok(path)
    };
    let prepared = match files {
        Files::Ready(..) => Prepared { train: plain(0)?, test: plain(1)?, named: None },
        Files::Tagged(_) => Prepared { train: plain(0)?, test: plain(1)?, named: Some((plain(2)?, plain(3)?)) },
        Files::Grouped(_) => {
            let grouped = |at: usize| {
                made(&format!("{}.qid", found[at].0), &|out| with_qids(&found[at].1, &found[at + 2].1, out))
            };
            Prepared { train: grouped(0)?, test: grouped(1)?, named: None }
        }
        Files::Images(_) => {
            let images =
                |name: &str, at: usize| made(name, &|out| idx::to_svm_light(&found[at].1, &found[at + 1].1, out));
            Prepared { train: images("fashion.train.svm", 0)?, test: images("fashion.test.svm", 2)?, named: None }
        }
    };
    Ok(Ok(prepared))
}

/// The file of this name, packed or not, in the first folder that has it.
fn find(name: &str, data: &[PathBuf]) -> Option<PathBuf> {
    let paths = data.iter().flat_map(|folder| [folder.join(name), folder.join(format!("{name}.gz"))]);
    paths.into_iter().find(|path| path.is_file())
}

/// The path of the unpacked file: itself, or `plain`, which is made.
fn unpack(path: &Path, plain: &Path) -> Result<PathBuf, RaceError> {
    if path.extension().is_none_or(|extension| extension != "gz") {
        return Ok(path.to_owned());
    }
    if !plain.exists() {
        let part = plain.with_extension("part");
        let mut reader = MultiGzDecoder::new(File::open(path).map_err(RaceError::at(path))?);
        let mut writer = File::create(&part).map_err(RaceError::at(&part))?;
        io::copy(&mut reader, &mut writer).map_err(RaceError::at(path))?;
        fs::rename(&part, plain).map_err(RaceError::at(plain))?;
    }
    Ok(plain.to_owned())
}

/// Lines with `qid:N` after the label, from lines without and the sizes of their queries.
fn with_qids(path: &Path, sizes: &Path, out: &Path) -> Result<(), RaceError> {
    let sizes: Vec<usize> = crosscut_app::numbers(&Source::open_quietly(sizes)?.text()?).map_err(RaceError::Data)?;
    let text = Source::open_quietly(path)?.text()?;
    let queries = sizes.iter().enumerate().flat_map(|(query, &size)| std::iter::repeat_n(query + 1, size));
    let mut writer = BufWriter::new(File::create(out).map_err(RaceError::at(out))?);
    let write = || -> io::Result<()> {
        for (line, query) in text.lines().zip(queries) {
            let (label, features) = line.trim().split_once(' ').unwrap_or((line.trim(), ""));
            writeln!(writer, "{}", format!("{label} qid:{query} {features}").trim_end())?;
        }
        writer.flush()
    };
    write().map_err(RaceError::at(out))
}

/// A copy of svm-light lines with one more feature, `bias`, after the last one of all lines: how programs without a bias get one.
///
/// # Errors
/// Files that cannot be read or written.
pub fn with_bias(path: &Path, bias: f32, out: &Path) -> Result<(), RaceError> {
    let text = fs::read_to_string(path).map_err(RaceError::at(path))?;
    let id = |line: &str| line.split_whitespace().last().and_then(|word| word.split(':').next()?.parse::<u64>().ok());
    let last = text.lines().filter_map(id).max().unwrap_or(0);
    let lines: String = text.lines().map(|line| format!("{} {}:{bias}\n", line.trim_end(), last + 1)).collect();
    fs::write(out, lines).map_err(RaceError::at(out))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn qids_and_biases_are_added() {
        let home = tempfile::tempdir().unwrap();
        let [lines, sizes, out] = ["lines", "sizes", "out"].map(|name| home.path().join(name));
        fs::write(&lines, "1 1:2 7:1\n0 2:1\n2\n").unwrap();
        fs::write(&sizes, "1\n2\n").unwrap();
        with_qids(&lines, &sizes, &out).unwrap();
        assert_eq!(fs::read_to_string(&out).unwrap(), "1 qid:1 1:2 7:1\n0 qid:2 2:1\n2 qid:2\n");
        fs::write(&lines, "1 1:2 7:1\n0 2:1\n").unwrap();
        with_bias(&lines, 1.0, &out).unwrap();
        assert_eq!(fs::read_to_string(&out).unwrap(), "1 1:2 7:1 8:1\n0 2:1 8:1\n");
    }
}
