//! What came out of a [`Contest`]: tables, notes, JSON.

use serde_json::{Value, json};

use crate::child::Usage;
use crate::contest::{Contest, Curve, Row};
use crate::programs::Program;
use crate::record::Raced;
use crate::statistics::{median, ratio};
use crate::table::{Grid, megabytes, objective, relative, seconds, times};
use crate::tasks::{Target, What};

/// The columns of [`Contest::table`] and [`Contest::predictions`] that the page looks at.
pub const PROGRAM: &str = "program";
/// Wall seconds.
pub const WALL: &str = "wall s";
/// Peak memory.
pub const MEMORY: &str = "memory MB";
/// Upper bound on (P(w) − P\*) / P\*.
pub const ABOVE: &str = "above P* by at most";
/// When Crosscut had weights as good as those of the row.
pub const AS_GOOD: &str = "Crosscut as good after s";
/// User seconds beside those of the first row.
pub const USER_RATIO: &str = "user ×";
/// Wall seconds beside those of the first row.
pub const WALL_RATIO: &str = "wall ×";

impl Contest {
    /// (P(w) − D) / max(|D|, 1) with the tightest bound D: at least what really is missing to the
    /// optimum.
    pub fn off(&self, primal: f64) -> f64 {
        ((primal - self.bound) / self.bound.abs()).max(0.0)
    }

    /// Wall seconds of the whole process after which Crosscut had a w as good as this: the median
    /// of the rounds, or when the run for the bound had it; `None` if none ever had.
    fn as_good(&self, primal: f64) -> Option<f64> {
        let reached = |curve: &Curve| {
            curve.iter().find(|&&(_, value)| value <= primal).map(|&(seconds, _)| seconds)
        };
        let rounds = self.rows.iter().map(|row| row.curves.len()).max().unwrap_or(0);
        let first = |round| {
            let curves = self.rows.iter().filter_map(|row| row.curves.get(round));
            curves.filter_map(reached).min_by(f64::total_cmp)
        };
        median((0..rounds).filter_map(first)).or_else(|| reached(&self.reference))
    }

    /// The row of a program and a setting.
    fn row(&self, program: Program, setting: &str) -> Option<&Row> {
        self.rows.iter().find(|row| row.program == program && row.setting == setting)
    }

    /// What everybody used, and how good the models are. Ratios are to the first row.
    pub fn table(&self) -> Grid {
        let names: Vec<&str> =
            self.rows.iter().flat_map(|row| row.measures.iter().map(|(name, _)| *name)).collect();
        let mut measures: Vec<&str> = Vec::new();
        for name in names {
            if !measures.contains(&name) {
                measures.push(name);
            }
        }
        let fixed =
            [PROGRAM, "user s", WALL, MEMORY, "passes", "training s", "P(w)", ABOVE, AS_GOOD];
        let mut grid = Grid::new(
            fixed.into_iter().chain(measures.iter().copied()).chain([USER_RATIO, WALL_RATIO]),
        );
        for row in &self.rows {
            let show =
                |value: Option<f64>, how: fn(f64) -> String| value.map(how).unwrap_or_default();
            let compare = |what: fn(&Usage) -> Option<f64>| match self.rows.first() {
                Some(first) => show(ratio(&row.each(what), &first.each(what)), times),
                None => String::new(),
            };
            let mut cells = vec![
                format!("{} {}", row.program, row.setting),
                show(row.median(user), seconds),
                show(row.median(wall), seconds),
                show(row.median(peak), megabytes),
                show(row.told.passes, |passes| format!("{passes:.0}")),
                show(row.told.training, seconds),
                show(row.primal, objective),
                show(row.primal.map(|primal| self.off(primal)), relative),
                show(
                    row.primal
                        .filter(|_| row.program != Program::Crosscut)
                        .and_then(|primal| self.as_good(primal)),
                    seconds,
                ),
            ];
            let measure = |name: &&str| row.measures.iter().find(|(known, _)| known == name);
            cells.extend(measures.iter().map(|name| {
                measure(name).map_or(String::new(), |(_, value)| format!("{value:.4}"))
            }));
            cells.extend([compare(user), compare(wall)]);
            grid.row(cells);
        }
        grid
    }

    /// What predicting the test examples used, if that was compared. Ratios are to the first row.
    pub fn predictions(&self) -> Grid {
        let mut grid = Grid::new([PROGRAM, "user s", WALL, MEMORY, USER_RATIO, "memory ×"]);
        let asked = self.rows.iter().filter(|row| !row.predicting.is_empty());
        for row in asked.clone() {
            let show = |what, how: fn(f64) -> String| {
                median(each(&row.predicting, what).into_iter().flatten()).map(how)
            };
            let compare = |what| {
                let first = asked.clone().next()?;
                ratio(&each(&row.predicting, what), &each(&first.predicting, what)).map(times)
            };
            let cells = [
                Some(format!("{} {}", row.program, row.setting)),
                show(user, seconds),
                show(wall, seconds),
                show(peak, megabytes),
                compare(user),
                compare(peak),
            ];
            grid.row(cells.map(Option::unwrap_or_default).into());
        }
        grid
    }

    /// What the page keeps; it adds the plot.
    pub fn raced(&self) -> Raced {
        let predictions = self.predictions();
        Raced {
            name: self.spec.name.to_owned(),
            about: self.spec.about.to_owned(),
            bound: objective(self.bound),
            setting: None,
            table: self.table(),
            notes: self.notes().lines().map(str::to_owned).collect(),
            predictions: (!predictions.is_empty()).then_some(predictions),
            plot: None,
        }
    }

    /// What a table cannot say: who failed, and who is missing.
    pub fn notes(&self) -> String {
        let notes = self.rows.iter().filter_map(|row| {
            let note = row.note.as_ref()?;
            Some(format!("{} {}: {note}.\n", row.program, row.setting))
        });
        let missing = self.missing.iter().map(|program| format!("{program} is missing.\n"));
        notes.chain(missing).collect()
    }

    /// The targets, and what was reached.
    pub fn targets(&self) -> Grid {
        let mut grid = Grid::new(["", "of", "wanted at most", "reached", "wall ×", ""]);
        for &Target { what, ours, theirs: (program, setting), at_most } in self.spec.targets {
            let (Some(ours), Some(theirs)) =
                (self.row(Program::Crosscut, ours), self.row(program, setting))
            else {
                continue;
            };
            let (name, value): (_, fn(&Usage) -> Option<f64>) = match what {
                What::User => ("user seconds", user),
                What::Memory => ("peak memory", peak),
            };
            let compare =
                |value: fn(&Usage) -> Option<f64>| ratio(&ours.each(value), &theirs.each(value));
            let Some(reached) = compare(value) else { continue };
            let wall = compare(wall).filter(|_| what == What::User);
            // A program that was ended would have taken longer: the ratio is at most this one.
            let bound = if theirs.note.is_some() { "≤ " } else { "" };
            grid.row(vec![
                format!("Crosscut {} / {program} {setting}", ours.setting),
                name.to_owned(),
                times(at_most),
                format!("{bound}{}", times(reached)),
                wall.map(times).unwrap_or_default(),
                if reached <= at_most { "reached" } else { "missed" }.to_owned(),
            ]);
        }
        grid
    }

    /// Everything, with each round.
    pub fn to_json(&self) -> Value {
        let rows = self.rows.iter().map(|row| {
            json!({
                "program": row.program.name(),
                "setting": row.setting,
                "rounds": row.rounds,
                "predicting": row.predicting,
                "passes": row.told.passes,
                "training_seconds": row.told.training,
                "oracle_seconds": row.told.oracles,
                "dual": row.told.dual,
                "primal": row.primal,
                "off_by_at_most": row.primal.map(|primal| self.off(primal)),
                "measures": row.measures.iter().map(|&(name, value)| (name.to_owned(), json!(value))).collect::<serde_json::Map<_, _>>(),
                "curves": row.curves,
                "note": row.note,
            })
        });
        json!({
            "task": self.spec.name,
            "about": self.spec.about,
            "bound": self.bound,
            "reference": self.reference,
            "rows": rows.collect::<Vec<_>>(),
            "missing": self.missing.iter().map(|program| program.name()).collect::<Vec<_>>(),
        })
    }
}

impl Row {
    fn each(&self, what: fn(&Usage) -> Option<f64>) -> Vec<Option<f64>> {
        each(&self.rounds, what)
    }

    /// The median of the rounds.
    pub fn median(&self, what: fn(&Usage) -> Option<f64>) -> Option<f64> {
        median(self.each(what).into_iter().flatten())
    }
}

fn each(rounds: &[Option<Usage>], what: fn(&Usage) -> Option<f64>) -> Vec<Option<f64>> {
    rounds.iter().map(|usage| usage.as_ref().and_then(what)).collect()
}

/// User seconds.
pub fn user(usage: &Usage) -> Option<f64> {
    usage.user
}

/// Wall seconds.
pub fn wall(usage: &Usage) -> Option<f64> {
    Some(usage.wall)
}

/// Peak memory in bytes.
pub fn peak(usage: &Usage) -> Option<f64> {
    usage.peak.map(|bytes| bytes as f64)
}
