//! Where the data of the suite come from, as text in the format of their task.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crosscut_app::Source;
use crosscut_benches::idx::Idx;

/// Where text comes from.
#[derive(Clone, Copy, Debug)]
pub enum Origin {
    /// A file as it is.
    File(&'static str),
    /// Svm-light lines, with all values times this.
    Times(&'static str, f64),
    /// A table of scikit-learn: a line with the sizes, then comma-separated values with the class
    /// last. Values are times this.
    Table(&'static str, f64),
    /// Images and labels as MNIST has them: pixels from 0 to 255 times this.
    Images(&'static str, &'static str, f64),
    /// Documents without qid, and how many each query has.
    Grouped(&'static str, &'static str),
    /// Made up here.
    Made(fn() -> String),
}

impl Origin {
    /// The text; `Ok(Err(name))` is a file that is nowhere.
    ///
    /// # Errors
    /// Files that cannot be read, or are not what they should be.
    pub fn text(self, data: &[PathBuf]) -> io::Result<Result<String, &'static str>> {
        macro_rules! find {
            ($name:expr) => {
                match data.iter().find_map(|folder| find($name, folder)) {
                    Some(path) => path,
                    None => return Ok(Err($name)),
                }
            };
        }
        Ok(Ok(match self {
            Self::File(name) => read(&find!(name))?,
            Self::Times(name, factor) => times(&read(&find!(name))?, factor)?,
            Self::Table(name, factor) => times(&table(&read(&find!(name))?), factor)?,
            Self::Images(images, labels, factor) => {
                times(&pixels(&find!(images), &find!(labels))?, factor)?
            }
            Self::Grouped(lines, sizes) => grouped(&read(&find!(lines))?, &read(&find!(sizes))?)?,
            Self::Made(make) => make(),
        }))
    }
}

/// The file of this name, packed or not, in a folder or below it.
fn find(name: &str, folder: &Path) -> Option<PathBuf> {
    let here = [folder.join(name), folder.join(format!("{name}.gz"))];
    if let Some(path) = here.into_iter().find(|path| path.is_file()) {
        return Some(path);
    }
    let mut folders: Vec<PathBuf> = fs::read_dir(folder)
        .ok()?
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.is_dir())
        .collect();
    folders.sort();
    folders.iter().find_map(|folder| find(name, folder))
}

fn read(path: &Path) -> io::Result<String> {
    Source::open_quietly(path).and_then(Source::text).map_err(io::Error::other)
}

/// Lines of svm-light with all values times a factor.
fn times(text: &str, factor: f64) -> io::Result<String> {
    if factor == 1.0 {
        return Ok(text.to_owned());
    }
    let word = |word: &str| match word.split_once(':') {
        Some((id, value)) if id != "qid" => {
            let value: f64 = value
                .parse()
                .map_err(|_| io::Error::other(format!("expected a number, found {value}")))?;
            Ok(format!("{id}:{}", value * factor))
        }
        _ => Ok(word.to_owned()),
    };
    let line = |line: &str| {
        line.split_whitespace()
            .map(word)
            .collect::<io::Result<Vec<_>>>()
            .map(|words| words.join(" "))
    };
    text.lines().map(line).collect::<io::Result<Vec<_>>>().map(|lines| lines.join("\n"))
}

fn table(text: &str) -> String {
    let line = |line: &str| {
        let (values, class) = line.trim().rsplit_once(',').unwrap_or(("", line));
        let values =
            values.split(',').enumerate().map(|(at, value)| format!(" {}:{value}", at + 1));
        format!("{class}{}\n", values.collect::<String>())
    };
    text.lines().skip(1).map(line).collect()
}

fn pixels(images: &Path, labels: &Path) -> io::Result<String> {
    let (images, labels) = (Idx::<3>::open(images)?, Idx::<1>::open(labels)?);
    let size = (images.sizes[1] * images.sizes[2]).max(1);
    let line = |(image, label): (&[u8], &u8)| {
        let pixels = image.iter().enumerate().filter(|(_, pixel)| **pixel != 0);
        format!(
            "{label}{}\n",
            pixels.map(|(at, pixel)| format!(" {}:{pixel}", at + 1)).collect::<String>()
        )
    };
    Ok(images.bytes.chunks_exact(size).zip(&labels.bytes).map(line).collect())
}

fn grouped(lines: &str, sizes: &str) -> io::Result<String> {
    let sizes: Vec<usize> = crosscut_data::text::numbers(sizes).map_err(io::Error::other)?;
    let queries =
        sizes.iter().enumerate().flat_map(|(query, &size)| std::iter::repeat_n(query + 1, size));
    let line = |(line, query): (&str, usize)| {
        let (label, features) = line.trim().split_once(' ').unwrap_or((line.trim(), ""));
        format!("{label} qid:{query} {features}\n")
    };
    Ok(lines.lines().zip(queries).map(line).collect())
}
