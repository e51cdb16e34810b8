//! [`Record`]: the figures of races, kept as JSON beside the page that shows them.
//!
//! Cells are texts, as they were rounded when they were measured. The page can so be written again
//! without a race, and no figure changes.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::RaceError;
use crate::page::Setting;
use crate::table::Grid;
use crate::tasks::Spec;

/// All that a page shows.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Record {
    /// When and where the tasks and parts without a setting of their own were measured.
    pub setting: Setting,
    /// The tasks that were raced.
    pub tasks: Vec<Raced>,
    /// The other measurements.
    pub parts: Vec<Part>,
}

/// A task that was raced, or could not be.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Raced {
    /// Its name on the command line.
    pub name: String,
    /// One line about it.
    pub about: String,
    /// The lower bound on the optimum that P(w) is compared with.
    pub bound: String,
    /// When and where, if it was measured apart from the rest.
    pub setting: Option<Setting>,
    /// What each program used and reached; see [`Contest::table`](crate::contest::Contest::table).
    pub table: Grid,
    /// What the table cannot say.
    pub notes: Vec<String>,
    /// What prediction used, if that was compared.
    pub predictions: Option<Grid>,
    /// The plot, as the page links to it.
    pub plot: Option<String>,
}

/// Another measurement: the limit of a pass, growth, threads.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Part {
    /// Its heading.
    pub heading: String,
    /// What is said before the table.
    pub words: String,
    /// The table.
    pub table: Grid,
}

impl Raced {
    /// A task whose `file` is missing.
    pub fn missing(spec: &Spec, file: &str) -> Self {
        Self {
            name: spec.name.to_owned(),
            about: spec.about.to_owned(),
            bound: String::new(),
            setting: None,
            table: Grid::default(),
            notes: vec![format!("Not raced here: `{file}` is missing.")],
            predictions: None,
            plot: None,
        }
    }

    /// What the data are called: `about` before its colon.
    pub fn title(&self) -> &str {
        self.about.split(':').next().unwrap_or_default()
    }
}

impl Record {
    /// Where the figures of a page are kept: beside it, as `.json`.
    pub fn beside(page: &Path) -> PathBuf {
        page.with_extension("json")
    }

    /// Reads a file.
    ///
    /// # Errors
    /// A file that cannot be read or is not a record.
    pub fn read(path: &Path) -> Result<Self, RaceError> {
        let text = fs::read_to_string(path).map_err(RaceError::at(path))?;
        serde_json::from_str(&text)
            .map_err(|error| RaceError::Data(format!("{}: {error}", path.display())))
    }

    /// The text of a file.
    pub fn to_json(&self) -> String {
        // Cells are texts and keys are texts: nothing here that JSON cannot say.
        let text = serde_json::to_string_pretty(self).expect("a record is plain data");
        text + "\n"
    }

    /// Replaces tasks by those of `new`, which get its setting; tasks that are not known follow the
    /// others.
    pub fn renew(&mut self, new: Self) {
        for raced in new.tasks {
            let raced = Raced { setting: Some(new.setting.clone()), ..raced };
            match self.tasks.iter_mut().find(|known| known.name == raced.name) {
                Some(known) => *known = raced,
                None => self.tasks.push(raced),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raced(name: &str, bound: &str) -> Raced {
        Raced {
            name: name.to_owned(),
            about: format!("{name}: examples"),
            bound: bound.to_owned(),
            setting: None,
            table: Grid::new(["program"]),
            notes: Vec::new(),
            predictions: None,
            plot: None,
        }
    }

    #[test]
    fn tasks_are_renewed_and_the_others_stay() {
        let record = |command: &str, tasks| Record {
            setting: Setting::look(command.to_owned(), Vec::new()),
            tasks,
            parts: Vec::new(),
        };
        let mut old = record("--all", vec![raced("news", "1"), raced("letter", "2")]);
        old.renew(record("news crf", vec![raced("news", "3"), raced("crf", "4")]));
        let bounds: Vec<_> =
            old.tasks.iter().map(|task| (task.name.as_str(), task.bound.as_str())).collect();
        assert_eq!(bounds, [("news", "3"), ("letter", "2"), ("crf", "4")]);
        assert!(old.tasks[0].setting.is_some() && old.tasks[1].setting.is_none());
        let again: Record = serde_json::from_str(&old.to_json()).unwrap();
        assert_eq!(again.to_json(), old.to_json());
    }

    /// The shipped page is what its figures give.
    #[test]
    fn the_page_is_current() {
        let page = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("docs/race.md");
        let record = Record::read(&Record::beside(&page)).unwrap();
        assert!(fs::read_to_string(&page).unwrap() == crate::page::page(&record), "race --render");
        assert_eq!(fs::read_to_string(Record::beside(&page)).unwrap(), record.to_json());
    }
}
