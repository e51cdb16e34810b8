//! Tests of `check` and `export` with tasks that break a promise each.

use std::io;
use std::path::Path;

use crosscut::{Planes, Row, SparseVector, Task};
use crosscut_data::SeenIds;
use serde::{Deserialize, Serialize};

use super::*;
use crate::cutter::Cut;
use crate::fake::{Raw, Sign, Signs, model};
use crate::format::{File, Take};
use crate::item::Item;

/// What is wrong with a [`Faulty`] task or its [`Faults`].
const SOUND: u8 = 0;
const ORACLE: u8 = 1;
const READS_FEWER: u8 = 2;
const READS_OTHERS: u8 = 3;
const READS_OTHER_FEATURES: u8 = 4;
const FORGETS: u8 = 5;
const NAMES: u8 = 6;
const FORGETS_LINES: u8 = 7;

/// [`Sign`], whose oracle may have a fault.
#[derive(Serialize, Deserialize)]
struct Faulty<const FAULT: u8>(Sign);

impl<const FAULT: u8> Task for Faulty<FAULT> {
    type Input = SparseVector;
    type Output = i8;
    type Scratch = ();

    fn dim(&self) -> usize {
        self.0.dim()
    }

    fn loss(&self, x: &SparseVector, y: &i8, y_hat: &i8) -> f64 {
        self.0.loss(x, y, y_hat)
    }

    fn predict(&self, w: &[f64], x: &SparseVector, (): &mut ()) -> i8 {
        self.0.predict(w, x, &mut ())
    }

    fn separate<'a>(
        &'a self,
        w: &[f64],
        x: &'a SparseVector,
        y: &'a i8,
        (): &mut (),
        planes: &mut Planes<'a>,
    ) {
        match (FAULT, x.features().len()) {
            // It looks at rows of one feature only.
            (ORACLE, 2..) => planes.add(|_| 0.0),
            _ => self.0.separate(w, x, y, &mut (), planes),
        }
    }

    fn row<'a>(&'a self, x: &'a SparseVector, name: u32) -> Option<Row<'a>> {
        self.0.row(x, name)
    }
}

/// [`Signs`], with a fault.
#[derive(Serialize, Deserialize)]
struct Faults<const FAULT: u8> {
    signs: Signs,
    /// Whether the format is that of the training file, and reads with a model.
    #[serde(skip)]
    fresh: bool,
    #[serde(skip)]
    prepared: bool,
}

impl<const FAULT: u8> Format for Faults<FAULT> {
    type Task = Faulty<FAULT>;
    type Record = Raw;
    type Survey = SeenIds;
    const NAME: &'static str = "faulty";
    const ABOUT: &'static str = "Breaks a promise";

    fn new(options: &Options) -> Result<Self, Error> {
        Ok(Self { signs: Signs::new(options)?, fresh: true, prepared: false })
    }

    fn cut(&self) -> Option<Cut> {
        self.signs.cut()
    }

    fn records(&self, source: &mut Source<'_>, take: Take<'_, Self>) -> Result<(), Error> {
        let mut first = true;
        let is_piece = source.lines_before() > 0;
        self.signs.records(source, &mut |line, (y, weight, mut features)| {
            let is_first = std::mem::take(&mut first);
            match (FAULT, is_first, self.prepared) {
                (READS_FEWER, true, true) => return Ok(()),
                (READS_OTHER_FEATURES, _, true) => features.clear(),
                (FORGETS_LINES, true, true) if is_piece => features.clear(),
                _ => {}
            }
            let y = y.map(|y| if FAULT == READS_OTHERS && self.prepared { -y } else { y });
            take(line, (y, weight, features))
        })
    }

    fn survey(&self, ids: &mut SeenIds, record: &mut Raw) -> Result<(), String> {
        self.signs.survey(ids, record)
    }

    fn task(&mut self, ids: SeenIds, file: &mut File<'_>) -> Result<Faulty<FAULT>, Error> {
        self.signs.task(ids, file).map(Faulty)
    }

    fn item(&self, task: &Faulty<FAULT>, record: Raw) -> Result<Item<SparseVector, i8>, String> {
        self.signs.item(&task.0, record)
    }

    fn prepare(&mut self, task: &mut Faulty<FAULT>, options: &Options) -> Result<(), Error> {
        self.prepared = true;
        self.signs.prepare(&mut task.0, options)
    }

    fn write(
        &self,
        task: &Faulty<FAULT>,
        w: &[f64],
        x: &SparseVector,
        y_hat: &i8,
        out: &mut dyn io::Write,
    ) -> io::Result<()> {
        if FAULT == FORGETS && self.fresh {
            out.write_all(b"fresh ")?;
        }
        self.signs.write(&task.0, w, x, y_hat, out)
    }

    fn weight_name(&self, task: &Faulty<FAULT>, index: usize) -> String {
        if FAULT == NAMES { "feature".to_owned() } else { self.signs.weight_name(&task.0, index) }
    }
}

/// Checks on this many examples of a file: row number 6 is the first of two features.
fn broken<const FAULT: u8>(sample: usize) -> (usize, Option<String>) {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("train");
    let label = |i: usize| if i.is_multiple_of(2) { 1 } else { -1 };
    let line = |i: usize| match i {
        0..=5 => format!("{} {}:{}\n", label(i), i % 3 + 1, i + 1),
        _ => format!("{} 1:{i} 3:0.5\n", label(i)),
    };
    std::fs::write(&file, (0..12).map(line).collect::<String>()).unwrap();
    let request = Check { examples: &file, options: &Options::default(), sample };
    let checked = check::<Faults<FAULT>>(&request, &mut ()).unwrap();
    assert_eq!((checked.examples, checked.checked, checked.dim), (12, sample.min(12), 3));
    (checked.holds.len(), checked.broken)
}

#[test]
fn check_names_the_first_promise_that_is_broken() {
    assert_eq!(broken::<SOUND>(100), (6, None));
    let table = [
        (broken::<ORACLE>(100), 0, "example 6: "),
        // With every second example, the first faulty one is still number 6 of the file.
        (broken::<ORACLE>(6), 0, "example 6: "),
        (
            broken::<READS_FEWER>(3),
            2,
            "training on the file has 12 examples, but reading it with the model has 11",
        ),
        (broken::<READS_OTHERS>(3), 2, "example 0: read with the model, its output has the loss"),
        (
            broken::<READS_OTHER_FEATURES>(100),
            2,
            "read with the model, its prediction has the loss",
        ),
        (broken::<FORGETS_LINES>(100), 3, "read in pieces, its prediction has the loss"),
        (broken::<FORGETS>(3), 4, "example 0: a model that is written and read back predicts"),
        (broken::<NAMES>(3), 5, "two weights have the name `feature`"),
    ];
    for ((held, broken), expected_held, expected) in table {
        let broken = broken.unwrap_or_default();
        assert!(held == expected_held && broken.contains(expected), "{held}, {broken}: {expected}");
    }
}

#[test]
fn a_task_that_says_nothing_of_its_weights_is_exported_by_their_names() {
    let mut text = Vec::new();
    crate::export::write(&Signs::default(), &model(vec![0.1, 0.0, -2.5e-300, 1e22]), &mut text)
        .unwrap();
    let text = String::from_utf8(text).unwrap();
    assert_eq!(
        text,
        "{\n\"format\": \"crosscut-export\",\n\"version\": 1,\n\"task\": \"sign\",\n\"objective\": \"hinge\",\n\
         \"labels\": [],\n\
         \"weights\": {\"feature 1\":0.1,\"feature 3\":-2.5e-300,\"feature 4\":1e+22}\n}\n"
    );
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(json["weights"]["feature 3"], -2.5e-300);
}

#[test]
fn a_task_with_lower_bounds_and_a_missing_file_are_refused() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("train");
    std::fs::write(&file, "1 1:1\n-1 1:-1\n").unwrap();
    let mut options = Options::default();
    options.set("positive", "");
    let check = |examples: &Path, options: &Options| {
        check::<Signs>(&Check { examples, options, sample: 5 }, &mut ()).unwrap_err().to_string()
    };
    assert!(check(&file, &options).contains("expected a task without lower bounds of weights"));
    assert!(check(&home.path().join("none"), &Options::default()).contains("none"));
}
