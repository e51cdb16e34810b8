//! The files: a line `l r: numbers` for the interval of positions l, l + 1, …, r − 1, counted from 0,
//! and `: numbers` if it is unknown. Predictions are lines `l r`.

use std::io;
use std::ops::Range;

use crosscut::Structured;
use crosscut_app::{Cut, Error, File, Format, Item, Options, Source, Take};
use crosscut_data::text::numbers;
use serde::{Deserialize, Serialize};

use super::task::Interval;

/// What a line says.
type Line = Item<Vec<f64>, Range<usize>>;

/// The format, which is kept in model files. Labels and other names of the data would be fields.
#[derive(Debug, Serialize, Deserialize)]
pub struct Lines;

impl Format for Lines {
    type Task = Structured<Interval>;
    type Record = Line;
    type Survey = ();
    const NAME: &'static str = "my-structure";
    const ABOUT: &'static str = "The interval of a sequence of numbers that stands out";

    fn new(_: &Options) -> Result<Self, Error> {
        Ok(Self)
    }

    fn cut(&self) -> Option<Cut> {
        Some(Cut::Lines)
    }

    fn records(&self, source: &mut Source<'_>, take: Take<'_, Self>) -> Result<(), Error> {
        source.scan_nonblank_lines(parse, take)
    }

    fn task(&mut self, (): (), _: &mut File<'_>) -> Result<Structured<Interval>, Error> {
        Ok(Structured(Interval))
    }

    fn item(&self, _: &Structured<Interval>, line: Line) -> Result<Line, String> {
        Ok(line)
    }

    fn write(
        &self,
        _: &Structured<Interval>,
        _: &[f64],
        _: &Vec<f64>,
        y_hat: &Range<usize>,
        out: &mut dyn io::Write,
    ) -> io::Result<()> {
        writeln!(out, "{} {}", y_hat.start, y_hat.end)
    }

    fn weight_name(&self, task: &Structured<Interval>, index: usize) -> String {
        let layout = task.0.layout();
        layout.name(index).map_or(index.to_string(), |(block, _)| block.to_owned())
    }
}

/// Reads one line. What it refuses is reported with file and line.
fn parse(line: &str) -> Result<Option<Line>, String> {
    let (y, x) = line.split_once(':').ok_or("expected `l r: numbers`")?;
    let (y, x) = (numbers::<usize>(y)?, numbers::<f64>(x)?);
    match y[..] {
        [] => Ok(Some(Item::new(x, None))),
        [l, r] if l <= r && r <= x.len() => Ok(Some(Item::new(x, Some(l..r)))),
        _ => Err("expected two positions of the sequence, `l r`, before the colon".to_owned()),
    }
}
