//! [`Contest`]: the rounds of one task, and what came out.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::child::{self, End, Usage};
use crate::error::RaceError;
use crate::files::Prepared;
use crate::measures::Measures;
use crate::problem::Problem;
use crate::programs::{Found, Program};
use crate::runner::{Job, Runner, Told, told};
use crate::tasks::Spec;

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
    /// Who takes part; those of them that are not found are missing.
    pub taking_part: &'a [Program],
    /// The script for Python.
    pub script: &'a Path,
    /// A folder for models.
    pub folder: &'a Path,
}

/// Seconds since the start of the process and the primal value then, pass by pass.
pub type Curve = Vec<(f64, f64)>;

/// A program with a setting, and what it did.
#[derive(Clone, Debug)]
pub struct Row {
    /// Which program.
    pub program: Program,
    /// How it was set.
    pub setting: String,
    /// What it used in each round; nothing where it failed.
    pub rounds: Vec<Option<Usage>>,
    /// What predicting the test examples used in each round, if that is compared.
    pub predicting: Vec<Option<Usage>>,
    /// What it said, in the first round.
    pub told: Told,
    /// P(w) of its weights.
    pub primal: Option<f64>,
    /// The test measures of its model.
    pub measures: Measures,
    /// Why there is no more.
    pub note: Option<String>,
    /// What Crosscut's log said in each round.
    pub curves: Vec<Curve>,
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
    /// The log of the run for the bound, which goes on where the others stop.
    pub reference: Curve,
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
        let job = Job {
            kind: spec.kind,
            c: spec.c,
            examples,
            files,
            folder: rules.folder,
            cores: rules.cores,
        };
        let mut missing: Vec<Program> = Vec::new();
        let mut runners = Vec::new();
        for &(program, setting) in spec.runners {
            match found.iter().find(|found| found.program == program) {
                Some(found) => runners.push(Runner::new(found, setting, &job, rules.script)?),
                None if missing.contains(&program) || !rules.taking_part.contains(&program) => {}
                None => missing.push(program),
            }
        }
        let mut contest = Self {
            spec: *spec,
            rows: Vec::new(),
            bound: f64::NEG_INFINITY,
            reference: Vec::new(),
            missing,
        };
        if let Some(crosscut) = found.iter().find(|found| found.program == Program::Crosscut) {
            say(&format!("{}: a bound to compare with, {} s", spec.name, rules.reference));
            let setting = format!("--gap 1e-8 --seconds {}", rules.reference);
            let runner = Runner::new(crosscut, &setting, &job, rules.script)?;
            let run = child::run(&runner.path, &runner.arguments, f64::INFINITY, rules.folder)?;
            let told = told(Program::Crosscut, &run.output, examples);
            contest.reference = curve(&runner, run.usage.wall, &told)?;
            contest.take_bound(&told);
        }
        for runner in &runners {
            contest.rows.push(Row {
                program: runner.found.program,
                setting: runner.setting.clone(),
                rounds: Vec::new(),
                predicting: Vec::new(),
                told: Told::default(),
                primal: None,
                measures: Vec::new(),
                note: None,
                curves: Vec::new(),
            });
        }
        for round in 1..=rules.rounds {
            for (at, runner) in runners.iter().enumerate() {
                say(&format!(
                    "{}: round {round} of {}, {}",
                    spec.name,
                    rules.rounds,
                    runner.label()
                ));
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
        if let Some(arguments) = runner.predicting(files, rules.cores) {
            let run = child::run(&runner.path, &arguments, rules.at_most, rules.folder)?;
            row.predicting.push((run.end == End::Good).then_some(run.usage));
        }
        let told = told(row.program, &run.output, problem.examples());
        if row.program == Program::Crosscut {
            row.curves.push(curve(runner, run.usage.wall, &told)?);
        }
        if row.rounds.len() > 1 {
            return Ok(());
        }
        row.told = told.clone();
        match runner.left() {
            Some(left) => match problem.weights(left) {
                Ok(w) => {
                    row.primal = Some(problem.primal(&w)?);
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
            self.take_bound(&told);
        }
        Ok(())
    }

    fn take_bound(&mut self, told: &Told) {
        self.bound = self.bound.max(told.dual.unwrap_or(f64::NEG_INFINITY));
    }
}

/// The log of a run of Crosscut that took so many seconds in all.
fn curve(runner: &Runner, wall: f64, told: &Told) -> Result<Curve, RaceError> {
    let log = fs::read_to_string(&runner.log).map_err(RaceError::at(&runner.log))?;
    // What is not training came before it, but for the writing of the model.
    Ok(points(&log, wall - told.training.unwrap_or(wall)))
}

/// Seconds and primal values of a log, after so many seconds before training.
fn points(log: &str, before: f64) -> Curve {
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
        assert_eq!(points(log, 0.25), [(1.25, 3.5)]);
    }
}
