//! Where the data of a task are, and how they come into files that every program reads.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use crosscut::Feature;
use crosscut_app::Source;
use crosscut_data::svmlight::parse_line;
use flate2::read::MultiGzDecoder;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;

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

/// Unpacks the files of a task into `folder`, from the first of `data` that has them. What is there
/// already stays. `Ok(Err(name))` is a file that is nowhere.
///
/// # Errors
/// Files that cannot be read or written.
pub fn prepare(
    files: Files,
    data: &[PathBuf],
    folder: &Path,
) -> Result<Result<Prepared, &'static str>, RaceError> {
    let names: &[&'static str] = match &files {
        Files::Ready(train, test) | Files::Unit(train, test) | Files::Copies(train, test, _) => {
            &[train, test]
        }
        Files::Rare(_) => &[],
        Files::Attributes(names) => names,
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
    let made =
        |name: &str, make: &dyn Fn(&Path) -> Result<(), RaceError>| -> Result<PathBuf, RaceError> {
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
        Files::Unit(..) => {
            let unit = |at: usize| {
                made(&format!("{}.unit", found[at].0), &|out| unit(&found[0].1, &found[at].1, out))
            };
            Prepared { train: unit(0)?, test: unit(1)?, named: None }
        }
        Files::Copies(_, _, count) => {
            let train =
                made(&format!("{}.{count}", found[0].0), &|out| copies(&found[0].1, count, out))?;
            Prepared { train, test: plain(1)?, named: None }
        }
        Files::Rare(counts) => {
            let draw = |part: &str, seed| {
                made(&format!("rare.{}.{}.{part}.svm", counts[0], counts[1]), &|out| {
                    rare(counts, seed, out)
                })
            };
            Prepared { train: draw("train", 0)?, test: draw("test", 1)?, named: None }
        }
        Files::Tagged(_) => {
            Prepared { train: plain(0)?, test: plain(1)?, named: Some((plain(2)?, plain(3)?)) }
        }
        Files::Attributes(_) => {
            let (train, test) = (plain(0)?, plain(1)?);
            Prepared { named: Some((train.clone(), test.clone())), train, test }
        }
        Files::Grouped(_) => {
            let grouped = |at: usize| {
                made(&format!("{}.qid", found[at].0), &|out| {
                    with_qids(&found[at].1, &found[at + 2].1, out)
                })
            };
            Prepared { train: grouped(0)?, test: grouped(1)?, named: None }
        }
        Files::Images(_) => {
            let images = |name: &str, at: usize| {
                made(name, &|out| idx::to_svm_light(&found[at].1, &found[at + 1].1, out))
            };
            Prepared {
                train: images("fashion.train.svm", 0)?,
                test: images("fashion.test.svm", 2)?,
                named: None,
            }
        }
    };
    Ok(Ok(prepared))
}

/// The file of this name, packed or not, in the first folder that has it.
fn find(name: &str, data: &[PathBuf]) -> Option<PathBuf> {
    let paths =
        data.iter().flat_map(|folder| [folder.join(name), folder.join(format!("{name}.gz"))]);
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

/// Lines of an svm-light file: labels, and features by id.
fn lines(path: &Path) -> Result<Vec<(String, Vec<Feature>)>, RaceError> {
    let parse = |line: &str| {
        Ok(parse_line(line)?.map(|line| (line.target.unwrap_or("?").to_owned(), line.features)))
    };
    Ok(Source::open_quietly(path)?.parse_lines(parse)?)
}

/// Writes svm-light lines; features whose value is 0 are left out.
fn write_lines<'l>(
    lines: impl IntoIterator<Item = (&'l str, Vec<Feature>)>,
    out: &Path,
) -> Result<(), RaceError> {
    let mut writer = BufWriter::new(File::create(out).map_err(RaceError::at(out))?);
    let write = || -> io::Result<()> {
        for (label, features) in lines {
            write!(writer, "{label}")?;
            for Feature { index, value } in features.iter().filter(|feature| feature.value != 0.0) {
                write!(writer, " {index}:{value}")?;
            }
            writeln!(writer)?;
        }
        writer.flush()
    };
    write().map_err(RaceError::at(out))
}

/// A file with its features moved and scaled so that those of `train` lie in [0, 1].
fn unit(train: &Path, path: &Path, out: &Path) -> Result<(), RaceError> {
    let known = lines(train)?;
    let ids = known.iter().flat_map(|(_, features)| features).map(|feature| feature.index as usize);
    let width = ids.max().unwrap_or(0) + 1;
    let dense = |features: &[Feature]| {
        let mut values = vec![0.0; width];
        let inside = features.iter().filter(|feature| (feature.index as usize) < width);
        inside.for_each(|feature| values[feature.index as usize] = feature.value);
        values
    };
    let (mut least, mut most) = (vec![f32::INFINITY; width], vec![f32::NEG_INFINITY; width]);
    for (_, features) in &known {
        for ((value, least), most) in dense(features).iter().zip(&mut least).zip(&mut most) {
            (*least, *most) = (least.min(*value), most.max(*value));
        }
    }
    let scaled = |features: &[Feature]| {
        let values =
            dense(features).into_iter().enumerate().filter(|(at, _)| most[*at] > least[*at]);
        values
            .map(|(at, value)| Feature {
                index: at as u32,
                value: (value - least[at]) / (most[at] - least[at]),
            })
            .collect()
    };
    let all = lines(path)?;
    write_lines(all.iter().map(|(label, features)| (label.as_str(), scaled(features))), out)
}

/// A file so many times over.
fn copies(path: &Path, count: usize, out: &Path) -> Result<(), RaceError> {
    let text = Source::open_quietly(path)?.text()?;
    fs::write(out, text.repeat(count)).map_err(RaceError::at(out))
}

/// Two classes of so many examples with ten features: uniform in [0, 1], and in [0.5, 1] if the
/// class is the second, in random order.
fn rare(counts: [usize; 2], seed: u64, out: &Path) -> Result<(), RaceError> {
    let mut random = Pcg64::seed_from_u64(seed);
    let mut labels: Vec<usize> = (0..2).flat_map(|class| vec![class; counts[class]]).collect();
    labels.shuffle(&mut random);
    let line = |class: usize| {
        let least = [0.0, 0.5][class];
        let mut value = || least + (1.0 - least) * random.random::<f32>();
        (["1", "2"][class], (1..=10).map(|index| Feature { index, value: value() }).collect())
    };
    write_lines(labels.into_iter().map(line), out)
}

/// Lines with `qid:N` after the label, from lines without and the sizes of their queries.
fn with_qids(path: &Path, sizes: &Path, out: &Path) -> Result<(), RaceError> {
    let sizes: Vec<usize> = crosscut_data::text::numbers(&Source::open_quietly(sizes)?.text()?)
        .map_err(RaceError::Data)?;
    let text = Source::open_quietly(path)?.text()?;
    let queries =
        sizes.iter().enumerate().flat_map(|(query, &size)| std::iter::repeat_n(query + 1, size));
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

/// A copy of svm-light lines with one more feature, `bias`, after the last one of all lines: how
/// programs without a bias get one.
///
/// # Errors
/// Files that cannot be read or written.
pub fn with_bias(path: &Path, bias: f32, out: &Path) -> Result<(), RaceError> {
    let text = fs::read_to_string(path).map_err(RaceError::at(path))?;
    let id = |line: &str| {
        line.split_whitespace().last().and_then(|word| word.split(':').next()?.parse::<u64>().ok())
    };
    let last = text.lines().filter_map(id).max().unwrap_or(0);
    let lines: String =
        text.lines().map(|line| format!("{} {}:{bias}\n", line.trim_end(), last + 1)).collect();
    fs::write(out, lines).map_err(RaceError::at(out))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_scaled_repeated_and_drawn() {
        let home = tempfile::tempdir().unwrap();
        let [train, test, out] = ["train", "test", "out"].map(|name| home.path().join(name));
        let read = || fs::read_to_string(&out).unwrap();
        fs::write(&train, "a 1:2 3:5\nb 1:4 2:-1\n").unwrap();
        fs::write(&test, "b 1:5 3:2.5 9:1\n").unwrap();
        unit(&train, &train, &out).unwrap();
        assert_eq!(read(), "a 2:1 3:1\nb 1:1\n");
        unit(&train, &test, &out).unwrap();
        assert_eq!(read(), "b 1:1.5 2:1 3:0.5\n");
        copies(&test, 2, &out).unwrap();
        assert_eq!(read(), "b 1:5 3:2.5 9:1\n".repeat(2));
        rare([20, 2], 0, &out).unwrap();
        let labels: Vec<String> =
            lines(&out).unwrap().into_iter().map(|(label, _)| label).collect();
        let count = |class: &str| labels.iter().filter(|label| *label == class).count();
        assert_eq!((count("1"), count("2")), (20, 2));
    }

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
