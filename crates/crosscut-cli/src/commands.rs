//! The verbs: from parsed flags to printed results.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::ArgMatches;
use crosscut::{C, StopReason, relative_gap};
use crosscut_app::answers::{Learned, Validated, Validation, exact, figure};
use crosscut_app::model_file::ModelFile;
use crosscut_app::output::{self, check_distinct, display_name};
use crosscut_app::verbs::{Check, Classify, Inspect, Learn, Validate};
use crosscut_app::{Checkpoints, Entry, Error, Monitor, Options};

use crate::log::Log;
use crate::ranks::{self, Ranks};
use crate::screen::{Screen, convention, duration, size};
use crate::{Program, describe, flags, manual};

/// An error message and the exit code of the program.
pub struct Failure {
    pub message: String,
    pub code: i32,
    /// Whether other ranks may be waiting for this one. If not, they fail in the same way, or they
    /// have done their part.
    pub others_wait: bool,
}

impl Failure {
    /// A command line that is wrong on every rank.
    pub fn usage(message: impl Into<String>) -> Self {
        Self { message: message.into(), code: 2, others_wait: false }
    }

    /// Something to say at the end of the work.
    fn at_end(message: impl Into<String>, code: i32) -> Self {
        Self { message: message.into(), code, others_wait: false }
    }

    /// A failure of the machine.
    fn of_machine(message: String) -> Self {
        Self { message, code: 1, others_wait: true }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let code = if error.is_bad_input() { 2 } else { 1 };
        // After `ranks::agree`, all ranks have the same error.
        let others_wait = !matches!(error, Error::OnRank { .. });
        Self { message: error.to_string(), code, others_wait }
    }
}

impl From<clap::Error> for Failure {
    fn from(error: clap::Error) -> Self {
        Self::usage(error.to_string())
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::of_machine(format!("standard output cannot be written: {error}"))
    }
}

/// Runs the subcommand that was given.
///
/// `arguments` holds all words of the command line; they are repeated in the hint on how to resume.
/// `ranks` is `None` on one machine.
pub fn dispatch(
    program: &Program<'_>,
    matches: &ArgMatches,
    arguments: &[OsString],
    ranks: Option<&Ranks<'_>>,
) -> Result<(), Failure> {
    let tasks = program.tasks;
    match matches.subcommand() {
        Some(("learn", matches)) => {
            let (entry, matches) = task(tasks, matches)?;
            if let Some(text) = flags::template(entry, matches) {
                return print(text);
            }
            learn(entry, &flags::parse(matches)?, matches, arguments, ranks)
        }
        Some(("validate", matches)) => {
            let (entry, matches) = task(tasks, matches)?;
            validate(entry, &flags::parse(matches)?, matches)
        }
        Some(("classify", matches)) => classify(tasks, &flags::parse(matches)?, matches),
        Some(("evaluate", matches)) => evaluate(tasks, &flags::parse(matches)?, matches),
        Some(("inspect", matches)) => inspect(tasks, &flags::parse(matches)?),
        Some(("export", matches)) => export(tasks, &flags::parse(matches)?),
        Some(("check", matches)) => {
            let (entry, matches) = task(tasks, matches)?;
            check(entry, &flags::parse(matches)?, matches)
        }
        Some(("completions", matches)) => {
            let flags::Completions { shell } = flags::parse(matches)?;
            print(&manual::completions(program, shell))
        }
        Some(("man", matches)) => match flags::parse(matches)? {
            flags::ManPages { folder: None } => print_bytes(&manual::first_page(program)?),
            flags::ManPages { folder: Some(folder) } => {
                let pages = manual::write_pages(program, &folder)?;
                print(&format!("{pages} pages written to {}\n", folder.display()))
            }
        },
        Some(("tasks", _)) => {
            let width = tasks.iter().map(|entry| entry.name.len()).max().unwrap_or(0);
            let lines =
                tasks.iter().map(|entry| format!("{:width$}  {}\n", entry.name, entry.about));
            print(&lines.collect::<String>())
        }
        Some((name, matches)) => {
            let other = program.others.iter().find(|other| other.name == name);
            let other = other.ok_or_else(|| no_verb(name))?;
            let (arguments, options) = flags::given(other, matches);
            print(&(other.run)(&arguments, &options)?)
        }
        None => Err(no_verb("nothing")),
    }
}

/// The task that a subcommand names, with its arguments.
fn task<'t, 'm>(
    tasks: &'t [Entry],
    matches: &'m ArgMatches,
) -> Result<(&'t Entry, &'m ArgMatches), Failure> {
    let (name, matches) = matches.subcommand().ok_or_else(|| no_task(tasks))?;
    let entry = tasks.iter().find(|entry| entry.name == name).ok_or_else(|| no_task(tasks))?;
    Ok((entry, matches))
}

fn no_verb(found: &str) -> Failure {
    Failure::usage(format!("expected a verb, found {found}"))
}

fn no_task(tasks: &[Entry]) -> Failure {
    let names: Vec<&str> = tasks.iter().map(|entry| entry.name).collect();
    Failure::usage(format!("expected a task: {}", names.join(", ")))
}

fn learn(
    entry: &Entry,
    flags: &flags::Learn,
    matches: &ArgMatches,
    arguments: &[OsString],
    ranks: Option<&Ranks<'_>>,
) -> Result<(), Failure> {
    let usage = |message: &str| Failure::usage(message);
    let settings = flags.training.settings(flags.c.c(), &flags.advanced);
    let options = flags.training.options(entry, matches);
    let claims = [("MODEL", Some(&*flags.model)), ("--log", flags.log.as_deref())];
    one_each("standard output", &claims, flags.talk.json.then_some("--json"))?;
    let (checkpoints, resume) =
        (flags.checkpoints.plan().map_err(usage)?, flags.checkpoints.resume.as_deref());
    let side = options.files(entry.options);
    let (log, prior) = (flags.log.as_deref(), flags.prior.prior.as_deref());
    let init = flags.init.as_deref();
    let mut inputs = vec![
        ("EXAMPLES", Some(&*flags.examples)),
        ("--prior", prior),
        ("--init", init),
        ("--resume", resume),
    ];
    inputs.extend(side.iter().map(|(name, file)| (name.as_str(), Some(*file))));
    one_each("standard input", &inputs, None)?;
    ranks.map_or(Ok(()), |_| ranks::check(flags, &inputs))?;
    let threads = flags.training.threads.threads;
    use_threads(ranks.map_or(threads, |ranks| ranks.threads(threads)))?;
    // The root alone writes files and speaks, but for errors.
    let is_root = ranks.is_none_or(Ranks::is_root);
    let checkpoint = checkpoints.map(|Checkpoints { file, .. }| ("--checkpoint", file));
    let mut outputs = vec![("MODEL", &*flags.model)];
    outputs.extend(log.map(|log| ("--log", log)));
    outputs.extend(checkpoint);
    check_distinct(&outputs)?;
    let mut inputs: Vec<&Path> = inputs.into_iter().filter_map(|(_, file)| file).collect();
    let beside = (entry.beside)(&options, &flags.examples);
    inputs.extend(beside.iter().map(PathBuf::as_path));
    let log = log.filter(|_| is_root).map(|log| Log::create(log, &inputs)).transpose()?;
    let mut screen = Screen::new(if is_root { flags.talk.verbosity } else { 0 }, log);
    screen.aim(&settings);
    if !is_root {
        // The root ends training, so the others go on after the first signal.
        screen.listen();
    }
    if flags.talk.verbosity >= 3 {
        screen.line(format!("settings {}", serde_json::json!(settings)));
    }
    let request = Learn {
        examples: &flags.examples,
        model: &flags.model,
        options: &options,
        settings: &settings,
        checkpoints,
        resume,
        prior,
        init,
        stream: flags.stream,
        ranks: ranks.map(|ranks| ranks.collective),
    };
    let learned = (entry.learn)(&request, &mut screen)?;
    if !is_root {
        return Ok(());
    }
    screen.line(summary(&learned));
    if let Some(advice) = advice(&learned, entry, &options) {
        screen.line(advice);
    }
    screen.line(format!("model written to {}", display_name(&flags.model)));
    let kept = learned.checkpoint.clone().unwrap_or_default();
    if let (Some(Checkpoints { file, .. }), Some(passes)) = (checkpoints, kept.passes) {
        screen.line(format!(
            "checkpoint of pass {} in {} ({} written, {})",
            figure(passes),
            file.display(),
            kept.written,
            duration(kept.seconds)
        ));
    }
    screen.finish();
    if flags.talk.json {
        print_json(&learned.to_json())?;
    }
    screen.log.take().map_or(Ok(()), Log::finish)?;
    let failure = kept.failure.map(|failure| format!("the last checkpoint is missing: {failure}"));
    match (screen.interrupted(), failure) {
        (Some(code), failure) => {
            let mut message = match learned.certificate.stop {
                StopReason::Interrupted => "interrupted".to_owned(),
                _ => "interrupted when training had ended".to_owned(),
            };
            message.extend(failure.map(|failure| format!("; {failure}")));
            message += &match (checkpoints, kept.passes) {
                (Some(Checkpoints { file, .. }), Some(passes)) => {
                    format!(
                        "; go on from pass {} with: {}",
                        figure(passes),
                        resuming(arguments, file, ranks)
                    )
                }
                (Some(_), None) => String::new(),
                (None, _) => "; with --checkpoint FILE it could go on".to_owned(),
            };
            Err(Failure::at_end(message, i32::from(code)))
        }
        (None, Some(message)) => Err(Failure::at_end(message, 1)),
        (None, None) => match learned.certificate.oracle.fault {
            Some(fault) => {
                Err(Failure::at_end(format!("{fault}; the model is what was learnt before"), 1))
            }
            None => Ok(()),
        },
    }
}

/// The command line that resumes from a checkpoint: this one with `--resume`.
fn resuming(arguments: &[OsString], file: &Path, ranks: Option<&Ranks<'_>>) -> String {
    let mut words: Vec<String> = Vec::new();
    let mut given = arguments.iter().map(|word| word.to_string_lossy());
    while let Some(word) = given.next() {
        match &*word {
            // The checkpoint holds the weights that --init has given.
            "--resume" | "--init" => drop(given.next()),
            word if word.starts_with("--resume=") || word.starts_with("--init=") => {}
            word => words.push(quoted(word)),
        }
    }
    // Inserts it after the program, the verb and the task.
    let at = words.len().min(3);
    words.splice(at..at, ["--resume".to_owned(), quoted(&file.to_string_lossy())]);
    let launcher = ranks.map(|ranks| format!("mpirun -n {} ", ranks.collective.size()));
    launcher.unwrap_or_default() + &words.join(" ")
}

/// A word quoted for a shell.
fn quoted(word: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_./=,:@%+".contains(letter);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// Summary of a training run in two lines.
fn summary(learned: &Learned) -> String {
    let Learned { certificate, plane_bytes, seconds, oracle_seconds, .. } = learned;
    format!(
        "{}\n{}, {} exact passes, {} oracle calls, {} planes (at most {}), {} ({} in oracles)",
        learned.verdict(),
        certificate.solver.name(),
        figure(certificate.passes),
        certificate.oracle_calls,
        certificate.planes,
        size(*plane_bytes),
        duration(*seconds),
        duration(*oracle_seconds)
    )
}

/// If training ended far from its gap: the likely cause and a remedy.
fn advice(learned: &Learned, entry: &Entry, options: &Options) -> Option<String> {
    /// A larger relative gap is far.
    const FAR: f64 = 0.01;
    /// With fewer exact passes, a large gap is normal.
    const MANY: f64 = 30.0;
    let Learned { certificate, settings, dim, .. } = learned;
    // The gap estimated from planes: further steps cannot close the part that the oracle may have
    // missed.
    let gap = relative_gap(certificate.shown, certificate.dual);
    if gap <= FAR.max(10.0 * settings.relative_gap) || certificate.passes < MANY {
        return None;
    }
    let why = match certificate.stop {
        StopReason::Precision => {
            "rounding hides what is left of it: features, or C, are too large for double precision"
        }
        StopReason::Passes | StopReason::Seconds if !settings.block.acceleration => {
            "steps alone are slow"
        }
        StopReason::Passes | StopReason::Seconds => {
            "features of very different sizes, and large C, need more passes"
        }
        _ => return None,
    };
    let scales = entry.options.iter().any(|option| option.name == "scale");
    let scaled = options.text("scale").is_some_and(|scale| scale != "none");
    let mut help = Vec::new();
    if scales && !scaled {
        help.push("--scale standard".to_owned());
    }
    let (flag, c) = convention(settings.c);
    help.push(format!("a smaller C ({flag} {})", figure(c / 100.0)));
    match certificate.stop {
        StopReason::Precision => {}
        _ if !settings.block.acceleration => help.push("no --no-acceleration".to_owned()),
        StopReason::Seconds => help.push("more --seconds".to_owned()),
        _ => help.push("more --passes".to_owned()),
    }
    let weights = if *dim > 2500 {
        format!(", most of all with as many weights as {dim}")
    } else {
        String::new()
    };
    Some(format!("the gap is wide: {why}{weights}; what helps: {}", help.join(", or ")))
}

/// Opens a model and finds its task and the options given for it.
fn open<'t>(
    tasks: &'t [Entry],
    model: &Path,
    reading: flags::Reading,
    matches: &ArgMatches,
) -> Result<(ModelFile, &'t Entry, Options), Failure> {
    let model = ModelFile::open(model)?;
    let entry = Entry::of_model(tasks, &model)?;
    let options = flags::beside_model(tasks, entry, reading, matches).map_err(|name| {
        Failure::usage(format!("--{name} is not an option of the task {}", entry.name))
    })?;
    Ok((model, entry, options))
}

/// Refuses standard input for examples and for a file beside them.
fn read_once(entry: &Entry, options: &Options, examples: &Path) -> Result<(), Failure> {
    let side = options.files(entry.reading);
    let mut inputs = vec![("EXAMPLES", Some(examples))];
    inputs.extend(side.iter().map(|(name, file)| (name.as_str(), Some(*file))));
    one_each("standard input", &inputs, None)
}

fn classify(tasks: &[Entry], flags: &flags::Classify, matches: &ArgMatches) -> Result<(), Failure> {
    use_threads(flags.threads.threads)?;
    one_each(
        "standard input",
        &[("EXAMPLES", Some(&*flags.examples)), ("MODEL", Some(&*flags.model))],
        None,
    )?;
    let json = flags.talk.json.then_some("--json");
    one_each("standard output", &[("PREDICTIONS", Some(&*flags.predictions))], json)?;
    let mut screen = Screen::new(flags.talk.verbosity, None);
    let (model, entry, options) = open(tasks, &flags.model, flags::classifying, matches)?;
    read_once(entry, &options, &flags.examples)?;
    let request = Classify {
        examples: &flags.examples,
        predictions: &flags.predictions,
        flush: flags.flush,
        options: &options,
    };
    let classified = (entry.classify)(&request, model, &mut screen)?;
    let loss = classified.loss.map_or(String::new(), |loss| {
        format!("; mean loss {} on the {} with a label", figure(loss), classified.labelled)
    });
    screen.line(format!(
        "{} predictions written to {}{loss}",
        classified.examples,
        display_name(&flags.predictions)
    ));
    screen.finish();
    if flags.talk.json { print_json(&classified.to_json()) } else { Ok(()) }
}

fn evaluate(tasks: &[Entry], flags: &flags::Evaluate, matches: &ArgMatches) -> Result<(), Failure> {
    use_threads(flags.threads.threads)?;
    one_each(
        "standard input",
        &[("EXAMPLES", Some(&*flags.examples)), ("MODEL", Some(&*flags.model))],
        None,
    )?;
    let mut screen = Screen::new(flags.talk.verbosity, None);
    let (model, entry, options) = open(tasks, &flags.model, flags::evaluating, matches)?;
    read_once(entry, &options, &flags.examples)?;
    let report = (entry.evaluate)(&flags.examples, model, &options, &mut screen)?;
    screen.finish();
    if flags.talk.json { print_json(&report.to_json()) } else { print(&report.to_string()) }
}

fn validate(entry: &Entry, flags: &flags::Validate, matches: &ArgMatches) -> Result<(), Failure> {
    let cs = flags.cs.cs();
    let settings =
        flags.training.settings(cs.first().copied().unwrap_or(C::Sum(1.0)), &flags.advanced);
    let options = flags.training.options(entry, matches);
    use_threads(flags.training.threads.threads)?;
    let (log, refit) = (flags.log.as_deref(), flags.refit.as_deref());
    let predictions = flags.predictions.as_deref();
    let outputs = [("--log", log), ("--refit", refit), ("--predictions", predictions)];
    one_each("standard output", &outputs, Some("the table"))?;
    if refit.is_some() && flags.examples == Path::new("-") {
        let message = "--refit reads EXAMPLES once more, which standard input cannot be".to_owned();
        return Err(Failure::usage(message));
    }
    let side = options.files(entry.options);
    let prior = flags.prior.prior.as_deref();
    let mut inputs = vec![("EXAMPLES", Some(&*flags.examples)), ("--prior", prior)];
    inputs.extend(side.iter().map(|(name, file)| (name.as_str(), Some(*file))));
    one_each("standard input", &inputs, None)?;
    let mut inputs: Vec<&Path> = inputs.into_iter().filter_map(|(_, file)| file).collect();
    let beside = (entry.beside)(&options, &flags.examples);
    inputs.extend(beside.iter().map(PathBuf::as_path));
    let outputs: Vec<(&str, &Path)> =
        outputs.into_iter().filter_map(|(name, file)| Some((name, file?))).collect();
    check_distinct(&outputs)?;
    refit.map_or(Ok(()), |model| output::check(model, &inputs))?;
    predictions.map_or(Ok(()), |file| output::check(file, &inputs))?;
    let log = log.map(|log| Log::create(log, &inputs)).transpose()?;
    let mut screen = Screen::new(flags.talk.verbosity, log);
    screen.aim(&settings);
    let request = Validate {
        examples: &flags.examples,
        folds: flags.folds,
        cs: &cs,
        extend: flags.extends(),
        choice: flags.choose,
        predictions,
        prior,
        options: &options,
        settings: &settings,
    };
    let validated = (entry.validate)(&request, &mut screen)?;
    if let Some(worst) = validated.points.iter().map(|one| one.point.relative_gap).reduce(f64::max)
        && worst > settings.relative_gap
        && settings.relative_gap > 0.0
    {
        screen
            .note(&format!("some runs did not converge: the largest relative gap is {worst:.2e}"));
    }
    if let (Some(file), true) = (predictions, validated.has_written) {
        screen.line(format!("predictions of the folds written to {}", display_name(file)));
    }
    let mut refitted = None;
    let chosen = validated.chosen.map(|chosen| validated.points[chosen].point.c);
    if let (Some(model), Some(c), None) = (refit, chosen, screen.interrupted()) {
        let settings = settings.c(c);
        let request = Learn {
            examples: &flags.examples,
            model,
            options: &options,
            settings: &settings,
            prior,
            init: None,
            checkpoints: None,
            resume: None,
            stream: false,
            ranks: None,
        };
        let learned = (entry.learn)(&request, &mut screen)?;
        screen.line(summary(&learned));
        screen.line(format!("model written to {}", display_name(model)));
        refitted = Some(learned.to_json());
    }
    screen.finish();
    screen.log.take().map_or(Ok(()), Log::finish)?;
    let interrupted = screen.interrupted();
    if flags.talk.json {
        let mut answer = validated.to_json();
        answer["task"] = entry.name.into();
        answer["folds"] = flags.folds.into();
        if let Some(refitted) = refitted {
            answer["refit"] = refitted;
        }
        print_json(&answer)?;
    } else {
        print(&table(&validated))?;
    }
    match interrupted {
        Some(code) => Err(Failure::at_end("interrupted", i32::from(code))),
        None => Ok(()),
    }
}

/// The widest line of a table.
const COLUMNS: usize = 100;

/// One row for each C: risk, its standard error, the log-loss of models with probabilities, passes,
/// worst gap, and as many of the first measures of the task as fit.
fn table(validated: &Validation) -> String {
    let Some(first) = validated.points.first() else { return String::new() };
    let column = |head: &str, cell: &dyn Fn(&Validated) -> String| -> Vec<String> {
        [head.to_owned()].into_iter().chain(validated.points.iter().map(cell)).collect()
    };
    let measure = |name: &str| {
        column(name, &|one| {
            one.report.get(name).map_or("-".to_owned(), |value| format!("{value:.4}"))
        })
    };
    let width =
        |column: &[String]| column.iter().map(|cell| cell.chars().count()).max().unwrap_or(0);
    let name = convention(first.point.c).0;
    let before = [
        column(name, &|one| exact(convention(one.point.c).1)),
        column("risk", &|one| format!("{:.5}", one.point.risk)),
        column("std.err", &|one| format!("{:.5}", one.point.standard_error)),
    ];
    let mut after: Vec<_> = first.log_loss.iter().map(|_| measure("log_loss")).collect();
    after.push(column("passes", &|one| format!("{:.0}", one.point.passes)));
    after.push(column("worst gap", &|one| format!("{:.1e}", one.point.relative_gap)));
    let mut marks = vec![String::new()];
    marks.extend((0..validated.points.len()).map(|at| {
        let marks = [(validated.best, "best"), (validated.one_standard_error, "1-se")];
        let held: Vec<&str> =
            marks.iter().filter(|(index, _)| *index == Some(at)).map(|(_, mark)| *mark).collect();
        held.join(" ")
    }));
    // Two spaces before each column but the first, and before the marks.
    let taken = |columns: &[Vec<String>]| columns.iter().map(|one| width(one) + 2).sum::<usize>();
    let mut left = COLUMNS.saturating_sub(taken(&before) + taken(&after) + width(&marks));
    let mut columns = before.to_vec();
    for (name, _) in first.report.measures().iter().filter(|(name, _)| name != "log_loss") {
        let column = measure(name);
        let Some(rest) = left.checked_sub(width(&column) + 2) else { break };
        left = rest;
        columns.push(column);
    }
    columns.extend(after);
    let mut text = String::new();
    for (row, mark) in marks.iter().enumerate() {
        let cells: Vec<String> = columns
            .iter()
            .map(|column| format!("{:>width$}", column[row], width = width(column)))
            .collect();
        let _ = writeln!(text, "{}", format!("{}  {mark}", cells.join("  ")).trim_end());
    }
    text
}

fn inspect(tasks: &[Entry], flags: &flags::Inspect) -> Result<(), Failure> {
    let model = ModelFile::open(&flags.model)?;
    let entry = Entry::of_model(tasks, &model)?;
    let request = Inspect { top: flags.top, class: flags.class.as_deref() };
    let inspected = (entry.inspect)(model, &request)?;
    if flags.json {
        print_json(&inspected.to_json())
    } else {
        print(&describe::model(&inspected, flags.class.is_some()))
    }
}

fn export(tasks: &[Entry], flags: &flags::Export) -> Result<(), Failure> {
    let model = ModelFile::open(&flags.model)?;
    let entry = Entry::of_model(tasks, &model)?;
    Ok((entry.export)(model, &flags.file)?)
}

fn check(entry: &Entry, flags: &flags::Check, matches: &ArgMatches) -> Result<(), Failure> {
    let options = flags.numbers.options(entry, matches);
    use_threads(flags.threads.threads)?;
    let side = options.files(entry.options);
    let mut inputs = vec![("EXAMPLES", Some(&*flags.examples))];
    inputs.extend(side.iter().map(|(name, file)| (name.as_str(), Some(*file))));
    one_each("standard input", &inputs, None)?;
    let mut screen = Screen::new(flags.talk.verbosity, None);
    let request = Check { examples: &flags.examples, options: &options, sample: flags.sample };
    let checked = (entry.check)(&request, &mut screen)?;
    screen.finish();
    if flags.talk.json {
        print_json(&checked.to_json())?;
    } else {
        print(&describe::checked(&checked))?;
    }
    match checked.broken {
        Some(message) => Err(Failure::at_end(message, 1)),
        None => Ok(()),
    }
}

/// Checks that a standard stream has one use only: refuses two of the `claims` that are `-`, or one
/// together with `other`.
fn one_each(
    stream: &str,
    claims: &[(&str, Option<&Path>)],
    other: Option<&str>,
) -> Result<(), Failure> {
    let claimed = claims.iter().filter(|(_, path)| path.is_some_and(|path| path == Path::new("-")));
    let uses: Vec<&str> = claimed.map(|(name, _)| *name).chain(other).collect();
    match uses.len() {
        0 | 1 => Ok(()),
        _ => Err(Failure::usage(format!("{} cannot all use {stream}", uses.join(" and ")))),
    }
}

/// Starts the threads on which parsing, prediction and training run. The calling thread is the
/// first.
fn use_threads(threads: usize) -> Result<(), Failure> {
    let pool =
        rayon::ThreadPoolBuilder::new().num_threads(threads).use_current_thread().build_global();
    pool.map_err(|error| Failure::of_machine(format!("the threads could not be started: {error}")))
}

fn print_json(value: &serde_json::Value) -> Result<(), Failure> {
    print(&format!("{value:#}\n"))
}

/// Prints on standard output. A closed pipe (`| head`) is no failure.
fn print(text: &str) -> Result<(), Failure> {
    print_bytes(text.as_bytes())
}

fn print_bytes(bytes: &[u8]) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => Ok(result?),
    }
}
