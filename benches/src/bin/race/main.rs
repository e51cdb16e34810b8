//! The race: Crosscut beside its peers on the same files, in turn, in one run.
//!
//! ```text
//! cargo run --release -p crosscut-benches --bin race -- [TASKS] --data FOLDER --bin FOLDER --python FILE
//! ```
//!
//! Without options it races on the data that are shipped, with the peers that are on PATH. `--help`
//! has the rest. The data of the other tasks are told in `datasets/README.md`; peers come from the
//! registries of the system and of Python. A peer, or a file, that is missing is listed as missing,
//! and the race goes on.
//!
//! | option | what it does |
//! |---|---|
//! | (none) | a table a task: user and wall seconds of the whole process, peak memory, P(w) of the weights, test measures |
//! | `--limit` | what an exact pass must touch and compute at least, and how far from that it is |
//! | `--growth` | seconds to a relative gap of 1e-3 against the number of examples |
//! | `--threads` | exact passes on 1, 2, … threads, and whether models are the same to the byte |
//! | `--all` | all four |
//!
//! `--page FILE` writes the page for readers, and its figures beside it as JSON. `--renew` replaces the
//! tasks that were raced in both, `--render` writes the page again from the figures. What Crosscut
//! wants to reach is compared on the terminal only.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program")]

mod child;
mod contest;
mod error;
mod files;
mod growth;
mod idx;
mod judge;
mod limit;
mod measures;
mod page;
mod problem;
mod programs;
mod record;
mod results;
mod runner;
mod statistics;
mod summary;
mod table;
mod tasks;
mod weights;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use serde_json::{Value, json};

use contest::{Contest, Rules};
use crosscut_benches::plot::{self, Series};
use error::RaceError;
use problem::Problem;
use programs::{Found, Places, Program};
use record::{Part, Raced, Record};
use table::Grid;
use tasks::{Spec, TASKS};

/// Crosscut beside its peers on the same files, in turn, in one run.
#[derive(Debug, Parser)]
struct Arguments {
    /// Tasks by name; all if none is named.
    #[arg(value_parser = TASKS.iter().map(|task| task.name).collect::<Vec<_>>())]
    tasks: Vec<String>,
    /// A folder with files of tasks; may be given several times. Those that are shipped are found
    /// anyway.
    #[arg(long, value_name = "FOLDER")]
    data: Vec<PathBuf>,
    /// A folder with peers, before those on PATH; may be given several times.
    #[arg(long, value_name = "FOLDER")]
    bin: Vec<PathBuf>,
    /// The Python that has dlib, scikit-learn, XGBoost, LightGBM.
    #[arg(long, value_name = "FILE", default_value = "python3")]
    python: PathBuf,
    /// Programs that do not take part, by name, separated by commas.
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_parser = Program::ALL.map(Program::name))]
    without: Vec<String>,
    /// How many rounds.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..))]
    rounds: u16,
    /// Ends a program after so many seconds.
    #[arg(long, value_name = "S", default_value_t = 900.0)]
    at_most: f64,
    /// Seconds for the run of Crosscut that finds the bound which all are compared with.
    #[arg(long, value_name = "S", default_value_t = 30.0)]
    reference: f64,
    /// Threads for programs that can be told, 0 for all cores.
    #[arg(long, value_name = "N", default_value_t = 0)]
    cores: usize,
    /// What an exact pass must do at least, and how far from that it is.
    #[arg(long)]
    limit: bool,
    /// How training grows with the number of examples.
    #[arg(long)]
    growth: bool,
    /// Exact passes on 1, 2, … threads.
    #[arg(long)]
    threads: bool,
    /// The race, and the three others.
    #[arg(long)]
    all: bool,
    /// Keeps unpacked files in FOLDER, and takes them from there.
    #[arg(long, value_name = "FOLDER")]
    folder: Option<PathBuf>,
    /// Writes all figures as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Writes a plot a task.
    #[arg(long, value_name = "FOLDER")]
    svg: Option<PathBuf>,
    /// Writes a page of Markdown, and its figures beside it as JSON.
    #[arg(long, value_name = "FILE")]
    page: Option<PathBuf>,
    /// Replaces the raced tasks in the page, which says when they were made. The rest of the page
    /// stays.
    #[arg(long, requires = "page", conflicts_with_all = ["limit", "growth", "threads", "all"])]
    renew: bool,
    /// Only writes the page again, from the figures beside it.
    #[arg(long, requires = "page", conflicts_with_all = ["limit", "growth", "threads", "all", "renew"])]
    render: bool,
}

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next().is_some_and(|first| first == child::HELPER) {
        return child::helper(arguments);
    }
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("race: {error}");
            ExitCode::from(2)
        }
    }
}

impl Arguments {
    /// What was typed, with words for folders and files.
    fn command(&self) -> String {
        let parts = [
            ("--limit", self.limit),
            ("--growth", self.growth),
            ("--threads", self.threads),
            ("--all", self.all),
            ("--renew", self.renew),
        ];
        let mut words = self.tasks.clone();
        words.extend(parts.iter().filter(|(_, given)| *given).map(|(name, _)| (*name).to_owned()));
        words.push(format!(
            "--rounds {} --reference {} --cores {}",
            self.rounds, self.reference, self.cores
        ));
        if !self.without.is_empty() {
            words.push(format!("--without {}", self.without.join(",")));
        }
        words.push("--data FOLDER --bin FOLDER --python FILE --svg FOLDER --page FILE".to_owned());
        words.join(" ")
    }
}

/// What the parts of the race have in common.
struct Race<'a> {
    arguments: &'a Arguments,
    rules: Rules<'a>,
    data: Vec<PathBuf>,
    found: Vec<Found>,
    /// Where unpacked files are.
    files: &'a Path,
    raced: Vec<Raced>,
    parts: Vec<Part>,
    json: serde_json::Map<String, Value>,
}

fn run(arguments: &Arguments) -> Result<(), RaceError> {
    if let Some(path) = arguments.page.as_ref().filter(|_| arguments.render) {
        return page::write(path, &page::page(&Record::read(&Record::beside(path))?));
    }
    let temporary = tempfile::tempdir().map_err(RaceError::at(Path::new("a temporary folder")))?;
    let files = arguments.folder.as_deref().unwrap_or(temporary.path());
    std::fs::create_dir_all(files).map_err(RaceError::at(files))?;
    let script = temporary.path().join("peers.py");
    std::fs::write(&script, include_str!("peers.py")).map_err(RaceError::at(&script))?;

    programs::build_crosscut();
    let places = Places {
        bin: arguments.bin.clone(),
        python: arguments.python.clone(),
        script: script.clone(),
    };
    let takes_part =
        |program: &Program| !arguments.without.iter().any(|name| name == program.name());
    let taking_part: Vec<Program> = Program::ALL.into_iter().filter(takes_part).collect();
    let found: Vec<Found> =
        taking_part.iter().filter_map(|&program| places.find(program)).collect();
    let version = |program| {
        found.iter().find(|found| found.program == program).map(|found| found.version.clone())
    };
    let versions: Vec<_> =
        taking_part.iter().map(|&program| (program.name().to_owned(), version(program))).collect();
    for (name, version) in &versions {
        println!("{name}: {}", version.as_deref().unwrap_or("missing"));
    }
    if version(Program::Crosscut).is_none() {
        return Err(RaceError::Data(
            "the program crosscut is not beside this one, and cannot be built".to_owned(),
        ));
    }
    let setting = page::Setting::look(arguments.command(), versions);

    let mut data = arguments.data.clone();
    data.push(Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("datasets"));
    let rules = Rules {
        rounds: usize::from(arguments.rounds),
        at_most: arguments.at_most,
        reference: arguments.reference,
        cores: arguments.cores,
        taking_part: &taking_part,
        script: &script,
        folder: temporary.path(),
    };
    let mut race = Race {
        arguments,
        rules,
        data,
        found,
        files,
        raced: Vec::new(),
        parts: Vec::new(),
        json: serde_json::Map::new(),
    };
    race.json.insert("setting".to_owned(), setting.to_json());
    race.run()?;
    if let Some(path) = &arguments.page {
        let (file, new) =
            (Record::beside(path), Record { setting, tasks: race.raced, parts: race.parts });
        let record = if arguments.renew {
            let mut record = Record::read(&file)?;
            record.renew(new);
            record
        } else {
            new
        };
        page::write(&file, &record.to_json())?;
        page::write(path, &page::page(&record))?;
    }
    if let Some(path) = &arguments.json {
        page::write(path, &format!("{:#}\n", Value::Object(race.json)))?;
    }
    Ok(())
}

impl Race<'_> {
    fn run(&mut self) -> Result<(), RaceError> {
        let Arguments { limit, growth, threads, all, .. } = *self.arguments;
        let alone = !(limit || growth || threads);
        let (mut limits, mut growths, mut speeds) =
            (limit::grid(), growth::grid(), growth::threads_grid());
        let mut parts: [(&str, Vec<Value>); 4] =
            ["tasks", "limit", "growth", "threads"].map(|name| (name, Vec::new()));
        let machine = (limit || all).then(|| limit::Machine::measure(1));
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        for spec in TASKS {
            let named = |name: &String| name == spec.name;
            if !self.arguments.tasks.is_empty() && !self.arguments.tasks.iter().any(named) {
                continue;
            }
            let files = match files::prepare(spec.files, &self.data, self.files)? {
                Ok(files) => files,
                Err(name) => {
                    println!("\n{}: {name} is missing", spec.name);
                    if !self.arguments.renew {
                        self.raced.push(Raced::missing(spec, name));
                    }
                    continue;
                }
            };
            let problem = Problem::open(spec.kind, spec.c, &files)?;
            if alone || all {
                parts[0].1.push(self.contest(spec, &files, &problem)?);
            }
            let Some(crosscut) = self.found.iter().find(|found| found.program == Program::Crosscut)
            else {
                continue;
            };
            let say = |part: &str| eprintln!("{}: {part}", spec.name);
            if let Some(machine) = machine {
                say("the limit");
                let (pass, _) = limit::measure(spec, &files, &problem, crosscut, &self.rules, 1)?;
                parts[1].1.push(limit::row(spec.name, problem.work(), machine, pass, &mut limits));
            }
            if (growth || all) && growth::TASKS.contains(&spec.name) {
                say("growth");
                parts[2].1.push(growth::rows(spec, &problem, &self.rules, &mut growths)?);
            }
            if threads || all {
                say("threads");
                let rules = &self.rules;
                let rows = growth::threads_rows(
                    spec,
                    &files,
                    &problem,
                    crosscut,
                    rules,
                    cores,
                    &mut speeds,
                )?;
                parts[3].1.push(rows);
            }
        }
        if let Some(limit::Machine { bandwidth, rate }) = machine {
            let (bandwidth, rate) = (bandwidth / 1e9, rate / 1e9);
            let words = format!(
                "On one core a plain loop reads {bandwidth:.1} GB/s from memory and makes {rate:.1} billion multiply-adds a second \
                 on numbers in the cache. An exact pass on one thread takes at least the longer of the two times."
            );
            self.part("The limit of an exact pass", &words, &limits);
        }
        let words = "Training on a part of the examples, reading not included. *Exponent* is the slope of the logarithm of \
                     seconds over that of examples: 1 is linear growth.";
        self.part("Growth: seconds to a relative gap of 1e-3", words, &growths);
        if !speeds.is_empty() {
            let (one, many) = (limit::Machine::measure(1), limit::Machine::measure(cores));
            let words = format!(
                "Plain loops on {cores} cores at once make {:.1} times the multiply-adds of one core and read {:.1} times the bytes. \
                 Only oracles run on several threads; the steps of the solver follow one another.",
                many.rate / one.rate,
                many.bandwidth / one.bandwidth
            );
            self.part("Threads: an exact pass", &words, &speeds);
        }
        for (name, values) in parts {
            self.json.insert(name.to_owned(), json!(values));
        }
        Ok(())
    }

    /// Prints a table and keeps it for the page.
    fn part(&mut self, heading: &str, words: &str, table: &Grid) {
        if !table.is_empty() {
            println!("\n{heading}\n{words}\n{}", table.text());
            self.parts.push(Part {
                heading: heading.to_owned(),
                words: words.to_owned(),
                table: table.clone(),
            });
        }
    }

    fn contest(
        &mut self,
        spec: &Spec,
        files: &files::Prepared,
        problem: &Problem,
    ) -> Result<Value, RaceError> {
        let contest = Contest::run(spec, files, problem, &self.found, &self.rules, &mut |what| {
            eprintln!("{what}")
        })?;
        let mut raced = contest.raced();
        println!("\n{}: {}\n{}", spec.name, spec.about, raced.table.text());
        raced.notes.iter().for_each(|note| println!("{note}"));
        let targets = contest.targets();
        if !targets.is_empty() {
            println!("{}", targets.text());
        }
        if let Some(predictions) = &raced.predictions {
            println!("{}", predictions.text());
        }
        if let Some(folder) = &self.arguments.svg {
            let plot = plot(&contest);
            let file = format!("{}.svg", spec.name);
            page::write(&folder.join(&file), &plot)?;
            if let Some(page) = &self.arguments.page {
                // As the page sees it: the folder of plots is the page's own, or below it.
                let below = page.parent().and_then(|parent| folder.strip_prefix(parent).ok());
                let link = below.map_or_else(|| PathBuf::from(&file), |below| below.join(&file));
                raced.plot = Some(link.display().to_string());
            }
        }
        self.raced.push(raced);
        Ok(contest.to_json())
    }
}

/// Distance from the optimum against seconds: Crosscut's longest run as a curve, each program at
/// its end.
fn plot(contest: &Contest) -> String {
    let curve = Series {
        name: "Crosscut, pass by pass".to_owned(),
        points: contest
            .reference
            .iter()
            .map(|&(seconds, primal)| (seconds, contest.off(primal)))
            .collect(),
    };
    let end = |row: &contest::Row| {
        let point = (row.median(results::wall)?, contest.off(row.primal?));
        Some(Series { name: format!("{} {}", row.program, row.setting), points: vec![point] })
    };
    let ends = contest.rows.iter().filter_map(end);
    let title = format!("{}: distance from the optimum against wall seconds", contest.spec.name);
    plot::svg(
        &title,
        "wall seconds of the whole process",
        "(P(w) − P*) / P*, at most",
        &std::iter::once(curve).chain(ends).collect::<Vec<_>>(),
    )
}
