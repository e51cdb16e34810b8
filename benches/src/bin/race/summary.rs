//! What the tables of all tasks come to: who is faster by how much, and where Crosscut is behind.

use crate::record::{Raced, Record};
use crate::results::{ABOVE, AS_GOOD, MEMORY, PROGRAM, USER_RATIO, WALL, WALL_RATIO};
use crate::table::{Grid, times};

/// Measures of which less is better; of all others, more is.
const LESS: [&str; 3] = ["error", "token error", "swapped"];

/// A row of a task, and Crosscut's first row.
struct Pair<'r> {
    raced: &'r Raced,
    theirs: &'r [String],
    ours: &'r [String],
}

impl<'r> Pair<'r> {
    /// All peers of all tasks.
    fn all(record: &'r Record) -> impl Iterator<Item = Self> {
        record.tasks.iter().flat_map(|raced| {
            let rows = raced.table.rows().iter();
            let ours = rows.clone().find(|row| is_ours(row));
            rows.filter(|row| !is_ours(row))
                .filter_map(move |theirs| Some(Self { raced, theirs, ours: ours? }))
        })
    }

    fn theirs(&self, column: &str) -> Option<&'r str> {
        self.raced.table.cell(self.theirs, column)
    }

    fn ours(&self, column: &str) -> Option<&'r str> {
        self.raced.table.cell(self.ours, column)
    }

    fn peer(&self) -> &'r str {
        self.theirs(PROGRAM).unwrap_or_default()
    }

    /// Whether the peer minimises what Crosscut minimises.
    fn is_same_problem(&self) -> bool {
        self.theirs(ABOVE).is_some()
    }

    /// The first measure on the test examples: its name, theirs, ours.
    fn measure(&self) -> Option<(&'r str, &'r str, &'r str)> {
        let columns = self.raced.table.columns();
        let after = columns.iter().position(|column| column == AS_GOOD)? + 1;
        let name = columns.get(after).filter(|name| *name != USER_RATIO)?;
        Some((name, self.theirs(name)?, self.ours(name)?))
    }
}

fn is_ours(row: &[String]) -> bool {
    row.first().is_some_and(|program| program.starts_with("Crosscut"))
}

fn number(cell: Option<&str>) -> Option<f64> {
    cell?.parse().ok()
}

/// Peers that solve the same problem: their time, and that of Crosscut to weights as good.
pub fn same_problem(record: &Record) -> Grid {
    let mut grid = Grid::new([
        "data",
        "program",
        ABOVE,
        "its wall s",
        "Crosscut as good after s",
        "times as long",
    ]);
    for pair in Pair::all(record).filter(Pair::is_same_problem) {
        let (theirs, ours) = (pair.theirs(WALL), pair.theirs(AS_GOOD));
        let ratio = number(theirs).zip(number(ours)).map(|(theirs, ours)| times(theirs / ours));
        let cells = [
            Some(pair.raced.title()),
            Some(pair.peer()),
            pair.theirs(ABOVE),
            theirs,
            Some(ours.unwrap_or("not in these runs")),
        ];
        let mut cells: Vec<String> = cells.map(|cell| cell.unwrap_or_default().to_owned()).to_vec();
        cells.extend(ratio);
        grid.row(cells);
    }
    grid
}

/// Peers that learn something else from the same examples: time and test measure of both.
pub fn other_problems(record: &Record) -> Grid {
    let mut grid = Grid::new([
        "data",
        "program",
        "measure",
        "its",
        "Crosscut's",
        "its wall s",
        "Crosscut's wall s",
        "times as long",
    ]);
    for pair in Pair::all(record).filter(|pair| !pair.is_same_problem()) {
        let Some((measure, theirs, ours)) = pair.measure() else { continue };
        let cells = [
            Some(pair.raced.title()),
            Some(pair.peer()),
            Some(measure),
            Some(theirs),
            Some(ours),
            pair.theirs(WALL),
            pair.ours(WALL),
            pair.theirs(WALL_RATIO),
        ];
        grid.row(cells.map(|cell| cell.unwrap_or_default().to_owned()).to_vec());
    }
    grid
}

/// Where a peer is faster, closer to the optimum, smaller, or has a better first test measure.
pub fn behind(record: &Record) -> Grid {
    let mut grid = Grid::new(["data", "what", "program", "its", "Crosscut's"]);
    for pair in Pair::all(record) {
        let wall = pair.theirs(WALL);
        let reached = if pair.is_same_problem() { pair.theirs(AS_GOOD) } else { pair.ours(WALL) };
        let cases = [
            (WALL, wall, reached, true),
            (ABOVE, pair.theirs(ABOVE).filter(|_| reached.is_none()), pair.ours(ABOVE), true),
            (MEMORY, pair.theirs(MEMORY), pair.ours(MEMORY), true),
        ];
        let measure = pair
            .measure()
            .map(|(name, theirs, ours)| (name, Some(theirs), Some(ours), LESS.contains(&name)));
        for (what, theirs, ours, less) in cases.into_iter().chain(measure) {
            compare(&mut grid, pair.raced, what, pair.peer(), theirs, ours, less);
        }
    }
    for raced in &record.tasks {
        let Some(used) = &raced.predictions else { continue };
        let Some(ours) = used.rows().iter().find(|row| is_ours(row)) else { continue };
        for row in used.rows().iter().filter(|row| !is_ours(row)) {
            for column in [WALL, MEMORY] {
                let what = format!("{column} of prediction");
                let (theirs, ours) = (used.cell(row, column), used.cell(ours, column));
                compare(
                    &mut grid,
                    raced,
                    &what,
                    used.cell(row, PROGRAM).unwrap_or_default(),
                    theirs,
                    ours,
                    true,
                );
            }
        }
    }
    grid
}

/// Adds a row if their figure is better.
fn compare(
    grid: &mut Grid,
    raced: &Raced,
    what: &str,
    peer: &str,
    theirs: Option<&str>,
    ours: Option<&str>,
    less: bool,
) {
    let (Some(its), Some(own)) = (number(theirs), number(ours)) else { return };
    if if less { its < own } else { its > own } {
        let cells =
            [raced.title(), what, peer, theirs.unwrap_or_default(), ours.unwrap_or_default()];
        grid.row(cells.map(str::to_owned).to_vec());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::Setting;

    fn record(rows: &[[&str; 7]]) -> Record {
        let mut table = Grid::new([PROGRAM, WALL, MEMORY, ABOVE, AS_GOOD, "error", USER_RATIO]);
        for row in rows {
            table.row(row.map(str::to_owned).to_vec());
        }
        let raced = Raced {
            name: "news".to_owned(),
            about: "letters: many".to_owned(),
            bound: "1".to_owned(),
            setting: None,
            table,
            notes: Vec::new(),
            predictions: None,
            plot: None,
        };
        let setting = Setting::look(String::new(), Vec::new());
        Record { setting, tasks: vec![raced], parts: Vec::new() }
    }

    #[test]
    fn what_is_behind_is_said_and_nothing_else() {
        let ours = ["Crosscut --gap 1e-3", "2.0", "20", "1e-4", "", "0.2", "1.0"];
        // A peer's row, and what is said of it.
        let table: [(_, &[&str]); 7] = [
            (["P", "4.0", "30", "1e-3", "1.0", "0.3", ""], &[]),
            (["P", "0.5", "30", "1e-3", "1.0", "0.2", ""], &[WALL]),
            (["P", "9.0", "30", "1e-9", "", "0.2", ""], &[ABOVE]),
            (["P", "9.0", "10", "1e-3", "1.0", "0.2", ""], &[MEMORY]),
            (["P", "9.0", "30", "", "", "0.1", ""], &["error"]),
            (["P", "1.0", "10", "", "", "0.3", ""], &[WALL, MEMORY]),
            (["P", "", "", "", "", "", ""], &[]),
        ];
        for (peer, expected) in table {
            let found = behind(&record(&[ours, peer]));
            let found: Vec<&str> = found.rows().iter().map(|row| row[1].as_str()).collect();
            assert_eq!(found, expected, "{peer:?}");
        }
    }

    #[test]
    fn ratios_are_theirs_to_ours() {
        let ours = ["Crosscut --gap 1e-3", "2.0", "20", "1e-4", "", "0.2", "1.0"];
        let peer = ["P", "4.0", "30", "1e-3", "1.0", "0.3", ""];
        let grid = same_problem(&record(&[ours, peer]));
        assert_eq!(grid.rows(), [["letters", "P", "1e-3", "4.0", "1.0", "4.0"].map(str::to_owned)]);
        assert!(other_problems(&record(&[ours, peer])).is_empty());
    }
}
