//! [`Contest`]: the rounds of one task, and what came out.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::child::{self, End, Usage};
use crate::error::RaceError;
use crate::files::Prepared;
use crate::measures::Measures;
use crate::problem::Problem;
use crate::programs::{Found, Job, Program, Runner, Told, told};
use crate::statistics::{median, ratio};
use crate::table::{Grid, megabytes, objective, relative, seconds, times};
use crate::tasks::{Spec, Target, What};

/// How to race.
#[derive(Clone, Copy, Debug)]
pub struct Rules<'a> {
    /// How many rounds.
    pub rounds: usize,
    /// Seconds after which a program is ended.
    pub at_most: f64,
    /// Seconds for the run of Crosscut that finds the bound which all are compared with.
    pub reference: f64,
    /// Threads of programs that can be told.
    pub cores: usize,
    /// The script for Python.
    pub script: &'a Path,
    /// A folder for models.
    pub folder: &'a Path,
}

/// A program with a setting, and what it did.
#[derive(Clone, Debug)]
pub struct Row {
    /// Which program.
    pub program: Program,
    /// How it was set.
    pub setting: String,
    /// What it used in each round; nothing where it failed.
    pub rounds: Vec<Option<Usage>>,
    /// What it said, in the first round.
    pub told: Told,
    /// P(w) of its weights.
    pub primal: Option<f64>,
    /// The test measures of its model.
    pub measures: Measures,
    /// Why there is no more.
    pub note: Option<String>,
    /// Seconds since the start of the process and the primal value then, pass by pass.
    pub curve: Vec<(f64, f64)>,
}

/// A task that was raced.
#[derive(Clone, Debug)]
pub struct Contest {
    /// The task.
    pub spec: Spec,
    /// A row for each program and setting.
    pub rows: Vec<Row>,
    /// The tightest lower bound on P\* that any run of Crosscut certified.
    pub bound: f64,
    /// Peers that could not run.
    pub missing: Vec<Program>,
}

impl Contest {
    /// Races.
    ///
    /// # Errors
    /// What keeps the race itself from running; a program that fails has a note in its row.
    pub fn run(
        spec: &Spec,
        files: &Prepared,
        problem: &Problem,
        found: &[Found],
        rules: &Rules<'_>,
        say: &mut dyn FnMut(&str),
    ) -> Result<Self, RaceError> {
        let examples = problem.examples();
        let job = Job { kind: spec.kind, c: spec.c, examples, files, folder: rules.folder, cores: rules.cores };
        let mut missing: Vec<Program> = Vec::new();
        let mut runners = Vec::new();
        for &(program, setting) in spec.runners {
            match found.iter().find(|found| found.program == program) {
                Some(found) => runners.push(Runner::new(found, setting, &job, rules.script)?),
                None if missing.contains(&program) => {}
                None => missing.push(program),
            }
        }
        let mut contest = Self { spec: *spec, rows: Vec::new(), bound: f64::NEG_INFINITY, missing };
        if let Some(crosscut) = found.iter().find(|found| found.program == Program::Crosscut) {
            say(&format!("{}: a bound to compare with, {} s", spec.name, rules.reference));
            let setting = format!("--gap 1e-8 --seconds {}", rules.reference);
            let runner = Runner::new(crosscut, &setting, &job, rules.script)?;
            let run = child::run(&runner.path, &runner.arguments, f64::INFINITY, rules.folder)?;
            contest.take_bound(&told(Program::Crosscut, &run.output, examples));
        }
        for runner in &runners {
            contest.rows.push(Row {
                program: runner.found.program,
                setting: runner.setting.clone(),
                rounds: Vec::new(),
                told: Told::default(),
                primal: None,
                measures: Vec::new(),
                note: None,
                curve: Vec::new(),
            });
        }
        for round in 1..=rules.rounds {
            for (at, runner) in runners.iter().enumerate() {
                say(&format!("{}: round {round} of {}, {}", spec.name, rules.rounds, runner.label()));
                contest.step(at, runner, files, problem, rules)?;
            }
        }
        Ok(contest)
    }

    /// One program in one round.
    fn step(
        &mut self,
        at: usize,
        runner: &Runner,
        files: &Prepared,
        problem: &Problem,
        rules: &Rules<'_>,
    ) -> Result<(), RaceError> {
        if self.rows[at].note.is_some() {
            self.rows[at].rounds.push(None);
            return Ok(());
        }
        let _ = fs::remove_file(&runner.model);
        let run = child::run(&runner.path, &runner.arguments, rules.at_most, rules.folder)?;
        let row = &mut self.rows[at];
        match run.end {
            End::Good => {}
            End::Bad(why) => {
                row.note = Some(format!("failed: {why}"));
                row.rounds.push(None);
                return Ok(());
            }
            End::TooLong(limit) => {
                row.note = Some(format!("ended after {limit} s"));
                row.rounds.push(Some(run.usage));
                return Ok(());
            }
        }
        row.rounds.push(Some(run.usage));
        if row.rounds.len() > 1 {
            return Ok(());
        }
        row.told = told(row.program, &run.output, problem.examples());
        match runner.left() {
            Some(left) => match problem.weights(left) {
                Ok(w) => {
                    row.primal = Some(problem.primal(&w));
                    row.measures = problem.measures(&w);
                }
                Err(error) => row.note = Some(format!("its model cannot be used: {error}")),
            },
            None => {
                let predictions = runner.predictions(self.spec.kind, files, rules.script);
                let text = predictions.ok_or_else(|| "no predictions".to_owned());
                match text.and_then(|text| problem.measures_of(&text)) {
                    Ok(measures) => row.measures = measures,
                    Err(why) => row.note = Some(format!("its predictions cannot be used: {why}")),
                }
            }
        }
        if row.program == Program::Crosscut {
            let log = fs::read_to_string(&runner.log).map_err(RaceError::at(&runner.log))?;
            // What is not training came before it, but for the writing of the model.
            let before = run.usage.wall - row.told.training.unwrap_or(run.usage.wall);
            row.curve = curve(&log, before);
            let told = row.told.clone();
            self.take_bound(&told);
        }
        Ok(())
    }

    fn take_bound(&mut self, told: &Told) {
        self.bound = self.bound.max(told.dual.unwrap_or(f64::NEG_INFINITY));
    }

    /// (P(w) − D) / max(|D|, 1) with the tightest bound D: at least what really is missing to the optimum.
    pub fn off(&self, primal: f64) -> f64 {
        ((primal - self.bound) / self.bound.abs().max(1.0)).max(0.0)
    }

    /// Wall seconds of the whole process after which Crosscut, in the round that wrote a log, had a w as good as this; `None` if it
    /// never had.
    fn as_good(&self, primal: f64) -> Option<f64> {
        let reached = |row: &Row| row.curve.iter().find(|&&(_, value)| value <= primal).map(|&(seconds, _)| seconds);
        self.rows.iter().filter_map(reached).min_by(f64::total_cmp)
    }

    /// The row of a program and a setting.
    fn row(&self, program: Program, setting: &str) -> Option<&Row> {
        self.rows.iter().find(|row| row.program == program && row.setting == setting)
    }

    /// What everybody used, and how good the models are. Ratios are to the first row.
    pub fn table(&self) -> Grid {
        let names: Vec<&str> = self.rows.iter().flat_map(|row| row.measures.iter().map(|(name, _)| *name)).collect();
        let mut measures: Vec<&str> = Vec::new();
        for name in names {
            if !measures.contains(&name) {
                measures.push(name);
            }
        }
        let fixed =
            ["", "user s", "wall s", "peak MB", "passes", "training s", "P(w)", "off by at most", "Crosscut so far in"];
        let mut grid = Grid::new(fixed.into_iter().chain(measures.iter().copied()).chain(["user ×", "wall ×"]));
        for row in &self.rows {
            let show = |value: Option<f64>, how: fn(f64) -> String| value.map(how).unwrap_or_default();
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
                    row.primal.filter(|_| row.program != Program::Crosscut).and_then(|primal| self.as_good(primal)),
                    seconds,
                ),
            ];
            let measure = |name: &&str| row.measures.iter().find(|(known, _)| known == name);
            cells.extend(
                measures.iter().map(|name| measure(name).map_or(String::new(), |(_, value)| format!("{value:.4}"))),
            );
            cells.extend([compare(user), compare(wall)]);
            grid.row(cells);
        }
        grid
    }

    /// The task, and the bound on its optimum.
    pub fn heading(&self) -> String {
        format!("{}; P\\* ≥ {}", self.spec.about, objective(self.bound))
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
            let (Some(ours), Some(theirs)) = (self.row(Program::Crosscut, ours), self.row(program, setting)) else {
                continue;
            };
            let (name, value): (_, fn(&Usage) -> Option<f64>) = match what {
                What::User => ("user seconds", user),
                What::Memory => ("peak memory", peak),
            };
            let compare = |value: fn(&Usage) -> Option<f64>| ratio(&ours.each(value), &theirs.each(value));
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
                "passes": row.told.passes,
                "training_seconds": row.told.training,
                "oracle_seconds": row.told.oracles,
                "dual": row.told.dual,
                "primal": row.primal,
                "off_by_at_most": row.primal.map(|primal| self.off(primal)),
                "measures": row.measures.iter().map(|&(name, value)| (name.to_owned(), json!(value))).collect::<serde_json::Map<_, _>>(),
                "curve": row.curve,
                "note": row.note,
            })
        });
        json!({
            "task": self.spec.name,
            "about": self.spec.about,
            "bound": self.bound,
            "rows": rows.collect::<Vec<_>>(),
            "missing": self.missing.iter().map(|program| program.name()).collect::<Vec<_>>(),
        })
    }
}

impl Row {
    fn each(&self, what: fn(&Usage) -> Option<f64>) -> Vec<Option<f64>> {
        self.rounds.iter().map(|usage| usage.as_ref().and_then(what)).collect()
    }

    /// The median of the rounds.
    pub fn median(&self, what: fn(&Usage) -> Option<f64>) -> Option<f64> {
        median(self.each(what).into_iter().flatten())
    }
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

/// Seconds and primal values of a log of Crosscut's, after so many seconds before training.
fn curve(log: &str, before: f64) -> Vec<(f64, f64)> {
    let point = |line: &str| {
        let line: Value = serde_json::from_str(line).ok()?;
        Some((before + line["seconds"].as_f64()?, line["primal"].as_f64()?))
    };
    log.lines().filter_map(point).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_is_a_curve_once_there_are_certificates() {
        let log = "{\"seconds\":0.5,\"primal\":null}\n{\"seconds\":1.0,\"primal\":3.5}\nbroken\n";
        assert_eq!(curve(log, 0.25), [(1.25, 3.5)]);
    }
}
