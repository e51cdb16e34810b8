//! A task for the tests of this crate: the sign of a sparse row, y ∈ {−1, 1}, Ψ(x, y) = y·x / 2, Δ
//! = [y ≠ ŷ].
//!
//! It has an option of each kind: `--lazy` declares its oracle inexact, `--positive` needs weights
//! of at least 0.5, `--above V` predicts 1 for scores of at least V, `--bare` writes no scores.

use std::io;

use crosscut::{
    C, Certificate, Model, OracleAudit, Place, Planes, Row, Settings, Solver, SparseVector,
    StopReason, Task,
};
use crosscut_data::svmlight::parse_line;
use crosscut_data::{FeatureIds, SeenIds};
use serde::{Deserialize, Serialize};

use crate::cutter::Cut;
use crate::error::Error;
use crate::format::{File, Format, Take};
use crate::item::Item;
use crate::options::{OptionSpec, Options};
use crate::source::Source;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sign {
    pub ids: FeatureIds,
    lazy: bool,
    positive: bool,
    #[serde(skip)]
    above: f64,
}

impl Task for Sign {
    type Input = SparseVector;
    type Output = i8;
    type Scratch = ();

    fn dim(&self) -> usize {
        self.ids.len()
    }

    fn loss(&self, _: &SparseVector, y: &i8, y_hat: &i8) -> f64 {
        f64::from(u8::from(y != y_hat))
    }

    fn predict(&self, w: &[f64], x: &SparseVector, (): &mut ()) -> i8 {
        if score(w, x) >= self.above { 1 } else { -1 }
    }

    fn separate<'a>(
        &'a self,
        w: &[f64],
        x: &'a SparseVector,
        y: &'a i8,
        (): &mut (),
        planes: &mut Planes<'a>,
    ) {
        let y = f64::from(*y);
        planes.add(|sink| match 1.0 - y * score(w, x) > 0.0 {
            true => {
                sink.add_row(x.row(), Place::block(0), y);
                1.0
            }
            false => 0.0,
        });
        if self.lazy {
            planes.may_miss(f64::INFINITY);
        }
    }

    fn row<'a>(&'a self, x: &'a SparseVector, name: u32) -> Option<Row<'a>> {
        (name == 0).then(|| x.row())
    }

    fn validate_input(&self, x: &SparseVector) -> Result<(), String> {
        match x.features().iter().any(|feature| feature.value > 1e30) {
            true => Err("expected values of at most 1e30".to_owned()),
            false => Ok(()),
        }
    }
}

fn score(w: &[f64], x: &SparseVector) -> f64 {
    x.features().iter().map(|feature| w[feature.index as usize] * f64::from(feature.value)).sum()
}

impl Sign {
    fn new(ids: FeatureIds) -> Self {
        Self { ids, lazy: false, positive: false, above: 0.0 }
    }
}

pub type Raw = (Option<i8>, f64, Vec<crosscut::Feature>);

fn parse(line: &str) -> Result<Option<Raw>, String> {
    let Some(line) = parse_line(line)? else { return Ok(None) };
    let y = match line.target {
        None => None,
        Some("1") => Some(1),
        Some("-1") => Some(-1),
        Some(other) => return Err(format!("expected the target 1 or -1, found `{other}`")),
    };
    Ok(Some((y, line.cost, line.features)))
}

/// The files of [`Sign`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Signs {
    #[serde(skip)]
    lazy: bool,
    #[serde(skip)]
    positive: bool,
    #[serde(skip)]
    bare: bool,
}

impl Format for Signs {
    type Task = Sign;
    type Record = Raw;
    type Survey = SeenIds;
    const NAME: &'static str = "sign";
    const ABOUT: &'static str = "The sign of a row";
    const OPTIONS: &'static [OptionSpec] = &[
        OptionSpec { name: "lazy", value: "", help: "Sleeps. Default: works." },
        OptionSpec { name: "positive", value: "", help: "Large weights. Default: any." },
    ];
    const READING: &'static [OptionSpec] =
        &[OptionSpec { name: "above", value: "V", help: "Least score. Default: 0." }];
    const WRITING: &'static [OptionSpec] =
        &[OptionSpec { name: "bare", value: "", help: "No scores. Default: scores." }];

    fn new(options: &Options) -> Result<Self, Error> {
        Ok(Self { lazy: options.is_set("lazy"), positive: options.is_set("positive"), bare: false })
    }

    fn cut(&self) -> Option<Cut> {
        Some(Cut::Lines)
    }

    fn records(&self, source: &mut Source<'_>, take: Take<'_, Self>) -> Result<(), Error> {
        source.scan_lines(parse, take)
    }

    fn survey(&self, ids: &mut SeenIds, (y, _, features): &mut Raw) -> Result<(), String> {
        ids.add(features);
        y.map(drop).ok_or_else(|| "expected a target, found none".to_owned())
    }

    fn merge(&self, ids: &mut SeenIds, later: SeenIds) -> Result<(), String> {
        ids.merge(later);
        Ok(())
    }

    fn task(&mut self, ids: SeenIds, _: &mut File<'_>) -> Result<Sign, Error> {
        let &mut Self { lazy, positive, .. } = self;
        Ok(Sign { lazy, positive, ..Sign::new(ids.finish()) })
    }

    fn item(
        &self,
        task: &Sign,
        (y, weight, features): Raw,
    ) -> Result<Item<SparseVector, i8>, String> {
        let x = SparseVector::new(task.ids.map(features)).map_err(|error| error.to_string())?;
        Ok(Item { x, y, weight })
    }

    fn write(
        &self,
        _: &Sign,
        w: &[f64],
        x: &SparseVector,
        y_hat: &i8,
        out: &mut dyn io::Write,
    ) -> io::Result<()> {
        if self.bare { writeln!(out, "{y_hat}") } else { writeln!(out, "{y_hat} {}", score(w, x)) }
    }

    fn prepare(&mut self, task: &mut Sign, options: &Options) -> Result<(), Error> {
        task.above = options.number("above")?.unwrap_or(0.0);
        self.bare = options.is_set("bare");
        Ok(())
    }

    fn sizes(&self, task: &Sign) -> Vec<(&'static str, usize)> {
        vec![("features", task.ids.len())]
    }

    fn lower_bounds(&self, task: &Sign) -> Vec<(usize, f64)> {
        (0..task.dim()).filter(|_| task.positive).map(|index| (index, 0.5)).collect()
    }

    fn weight_name(&self, task: &Sign, index: usize) -> String {
        format!("feature {}", task.ids.id(index))
    }
}

/// A model of [`Sign`] with these weights, as if it had been trained.
pub fn model(w: Vec<f64>) -> Model<Sign> {
    let certificate = Certificate {
        solver: Solver::Block,
        c: 4.0,
        examples: 4,
        primal: 1.5,
        shown: 1.5,
        dual: 1.25,
        passes: 3.0,
        oracle_calls: 12,
        planes: 5,
        stop: StopReason::Gap,
        relaxed: false,
        prior: false,
        oracle: OracleAudit::default(),
    };
    let settings = Settings::new().c(C::Mean(4.0));
    Model::new(Sign::new(FeatureIds::Contiguous(w.len() as u32)), w, settings, certificate)
}

/// The same files under another name.
#[derive(Debug, Serialize, Deserialize)]
pub struct Other(Signs);

impl Format for Other {
    type Task = Sign;
    type Record = Raw;
    type Survey = SeenIds;
    const NAME: &'static str = "other";
    const ABOUT: &'static str = "Another task";

    fn new(options: &Options) -> Result<Self, Error> {
        Signs::new(options).map(Self)
    }

    fn cut(&self) -> Option<Cut> {
        self.0.cut()
    }

    fn records(&self, source: &mut Source<'_>, take: Take<'_, Self>) -> Result<(), Error> {
        self.0.records(source, take)
    }

    fn survey(&self, ids: &mut SeenIds, record: &mut Raw) -> Result<(), String> {
        self.0.survey(ids, record)
    }

    fn task(&mut self, ids: SeenIds, file: &mut File<'_>) -> Result<Sign, Error> {
        self.0.task(ids, file)
    }

    fn item(&self, task: &Sign, record: Raw) -> Result<Item<SparseVector, i8>, String> {
        self.0.item(task, record)
    }

    fn write(
        &self,
        task: &Sign,
        w: &[f64],
        x: &SparseVector,
        y_hat: &i8,
        out: &mut dyn io::Write,
    ) -> io::Result<()> {
        self.0.write(task, w, x, y_hat, out)
    }
}
