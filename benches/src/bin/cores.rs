//! What threads bring to the program, beside training: every verb and kind of file with one thread
//! and with all of them, on the same bytes.
//!
//! ```text
//! cargo build --release -p crosscut-cli
//! cargo run --release -p crosscut-benches --bin cores
//! cargo run --release -p crosscut-benches --bin cores -- --data FOLDER
//! ```
//!
//! Without `--data`, the files are those of `datasets/`, repeated, so that most steps take about a
//! second on one thread. With it, `news.train.svm`, `fashion.train.svm`, `chunk.train.hmm`,
//! `chunk.train.crf` and `mslr.norm.train.dat` of the folder, which the race (`--bin race`) makes;
//! those that are missing are made as without it.
//!
//! Runs with one thread and with all take turns; a figure is the least of `--rounds`. The cores
//! must be free: what else runs on the machine is in the figures.
//!
//! | column | what it is |
//! |---|---|
//! | `wall s` | from start to end of the program; *reading*: without the training |
//! | `faster` | their ratio |
//! | `CPU s` | of all threads of the program and of the system for it |
//! | `output` | whether models, predictions and reports of both have the same bytes |

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program")]

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::thread::available_parallelism;
use std::time::Instant;

use clap::Parser;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;

type Failure = Box<dyn std::error::Error>;

#[derive(Debug, Parser)]
struct Flags {
    /// A folder with files of the race.
    #[arg(long)]
    data: Option<PathBuf>,
    /// The number of threads to compare with one. Default: all cores.
    #[arg(long, default_value_t = available_parallelism().map_or(2, usize::from))]
    threads: usize,
    /// Runs of each step, of which the fastest counts.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Only steps whose name contains this.
    #[arg(long, default_value = "")]
    only: String,
    /// The program. Default: `crosscut` beside this one.
    #[arg(long)]
    program: Option<PathBuf>,
}

/// A step: its name, a file, how its model is trained (nothing: the step trains), the arguments
/// before the files, and whether predictions are written.
struct Step(&'static str, &'static str, &'static str, &'static str);

const STEPS: &[Step] = &[
    Step("reading, svm-light", "a.svm", "", "learn multiclass --passes 1 --c-sum 1e-9"),
    Step("reading, svm-light, gzip", "a.svm.gz", "", "learn multiclass --passes 1 --c-sum 1e-9"),
    Step("reading, many features", "b.svm", "", "learn multiclass --passes 1 --c-sum 1e-9"),
    Step("reading, hmm", "a.hmm", "", "learn sequence --passes 1 --c-sum 1e-9"),
    Step("reading, crfsuite", "a.crf", "", "learn sequence --passes 1 --c-sum 1e-9"),
    Step(
        "reading, columns",
        "a.conll",
        "",
        "learn sequence --template ner --passes 1 --c-sum 1e-9",
    ),
    Step("reading, csv", "a.csv", "", "learn multiclass --label label --passes 1 --c-sum 1e-9"),
    Step("reading, ranking", "a.rank", "", "learn ranking --passes 1 --c-sum 1e-9"),
    Step("classify, multiclass", "a.svm", MULTICLASS, "classify"),
    Step("classify, many features", "b.svm", MULTICLASS, "classify"),
    Step("classify, hmm", "a.hmm", SEQUENCE, "classify"),
    Step("classify, crfsuite", "a.crf", SEQUENCE, "classify"),
    Step("classify, ranking", "a.rank", RANKING, "classify"),
    Step("classify --n-best 5", "a.hmm", SEQUENCE, "classify --n-best 5"),
    Step("classify --max-marginals", "a.hmm", SEQUENCE, "classify --max-marginals"),
    Step("classify --probabilities", "a.hmm", SEQUENCE_LOG, "classify --probabilities"),
    Step("evaluate, multiclass", "a.svm", MULTICLASS, "evaluate"),
    Step("evaluate, hmm", "a.hmm", SEQUENCE, "evaluate"),
    Step("evaluate, ranking", "a.rank", RANKING, "evaluate"),
    Step("evaluate, probabilities", "a.hmm", SEQUENCE_LOG, "evaluate"),
    Step(
        "validate, multiclass",
        "c.svm",
        "",
        "validate multiclass --folds 4 --gap 0.01 --c-sum 0.001,0.01",
    ),
    Step("validate, sequence", "c.hmm", "", "validate sequence --folds 4 --c-sum 0.001,0.01"),
    Step("validate, ranking", "c.rank", "", "validate ranking --folds 4 --c-sum 0.001,0.01"),
    Step("learn --stream", "a.svm", "", "learn multiclass --stream --passes 3 --c-sum 0.001"),
];

const MULTICLASS: &str = "learn multiclass --passes 2 --c-sum 0.001";
const SEQUENCE: &str = "learn sequence --passes 2 --c-sum 0.001";
const SEQUENCE_LOG: &str = "learn sequence --objective log --passes 2 --c-sum 0.001";
const RANKING: &str = "learn ranking --passes 2 --c-sum 0.001";

fn main() -> ExitCode {
    match run(&Flags::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("cores: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(flags: &Flags) -> Result<(), Failure> {
    let program = match &flags.program {
        Some(program) => program.clone(),
        None => std::env::current_exe()?.with_file_name("crosscut"),
    };
    let home = tempfile::tempdir()?;
    write_files(home.path(), flags.data.as_deref())?;
    let n = flags.threads;
    println!("| step | wall s, 1 | wall s, {n} | faster | CPU s, 1 | CPU s, {n} | output |");
    println!("| --- | ---: | ---: | ---: | ---: | ---: | --- |");
    let bench = Bench { program, home: home.path() };
    for step in STEPS.iter().filter(|step| step.0.contains(&flags.only)) {
        let Step(name, file, training, verb) = step;
        if !training.is_empty() {
            bench.run(&format!("{training} {file} model -v 0"), n)?;
        }
        let [mut one, mut all] = [None, None];
        let mut outputs: Vec<Vec<u8>> = Vec::new();
        for _ in 0..flags.rounds.max(1) {
            for (best, threads) in [(&mut one, 1), (&mut all, n)] {
                let (usage, output) = bench.measure(verb, file, threads)?;
                if best.is_none_or(|best: Usage| usage.wall < best.wall) {
                    *best = Some(usage);
                }
                outputs.push(output);
            }
        }
        let (Some(one), Some(all)) = (one, all) else { continue };
        let same = outputs.iter().all(|output| *output == outputs[0]);
        println!(
            "| {name} | {:.2} | {:.2} | {:.2} | {:.2} | {:.2} | {} |",
            one.wall,
            all.wall,
            one.wall / all.wall,
            one.cpu,
            all.cpu,
            if same { "the same bytes" } else { "DIFFERENT" }
        );
    }
    Ok(())
}

/// Seconds of a run.
#[derive(Clone, Copy)]
struct Usage {
    wall: f64,
    cpu: f64,
}

struct Bench<'b> {
    program: PathBuf,
    home: &'b Path,
}

impl Bench<'_> {
    /// Runs a step, and returns what it used and all that it wrote.
    fn measure(&self, verb: &str, file: &str, threads: usize) -> Result<(Usage, Vec<u8>), Failure> {
        let (tail, written) = match verb.split(' ').next() {
            Some("learn") => ("learned --json", Some("learned")),
            Some("classify") => ("model predictions", Some("predictions")),
            Some("validate") => ("--predictions predictions --no-extend", Some("predictions")),
            _ => ("model", None),
        };
        let (mut usage, mut output) = self.run(&format!("{verb} {file} {tail} -v 0"), threads)?;
        if verb.starts_with("learn") {
            let learned: serde_json::Value = serde_json::from_slice(&output)?;
            if !verb.contains("--stream") {
                usage.wall -= learned["seconds"].as_f64().unwrap_or(0.0);
            }
            output.clear();
        }
        if let Some(written) = written {
            output.append(&mut fs::read(self.home.join(written))?);
        }
        Ok((usage, output))
    }

    /// Runs the program, and returns what it used and printed.
    fn run(&self, words: &str, threads: usize) -> Result<(Usage, Vec<u8>), Failure> {
        let (before, began) = (children(), Instant::now());
        let output = Command::new(&self.program)
            .current_dir(self.home)
            .args(words.split_whitespace())
            .args(["--threads", &threads.to_string()])
            .stdin(Stdio::null())
            .output()
            .map_err(|error| format!("{}: {error}", self.program.display()))?;
        let usage = Usage { wall: began.elapsed().as_secs_f64(), cpu: children() - before };
        if !output.status.success() {
            return Err(format!("{words}: {}", String::from_utf8_lossy(&output.stderr)).into());
        }
        Ok((usage, output.stdout))
    }
}

/// CPU seconds of all children that have ended, and of the system for them.
#[cfg(unix)]
fn children() -> f64 {
    use nix::sys::resource::{UsageWho, getrusage};
    use nix::sys::time::TimeValLike;
    let used = getrusage(UsageWho::RUSAGE_CHILDREN).map(|usage| {
        (usage.user_time().num_microseconds() + usage.system_time().num_microseconds()) as f64
    });
    used.map_or(f64::NAN, |microseconds| 1e-6 * microseconds)
}

#[cfg(not(unix))]
fn children() -> f64 {
    f64::NAN
}

/// Writes the files of all steps.
fn write_files(home: &Path, data: Option<&Path>) -> Result<(), Failure> {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../datasets");
    let digits = fs::read_to_string(shipped.join("digits.train.svm"))?;
    let letters = unpacked(&shipped.join("letter.train.svm.gz"))?;
    let tagged = unpacked(&shipped.join("wnut17.train.conll.gz"))?;
    let queries = unpacked(&shipped.join("lambdarank.train.svm.gz"))?;
    let sizes = fs::read_to_string(shipped.join("lambdarank.train.group"))?;
    let ranking = with_qid(&queries, &sizes)?;
    let write = |name: &str, given: &str, text: &dyn Fn() -> String| {
        let given = data.map(|data| data.join(given)).filter(|given| given.is_file());
        match given {
            Some(given) => fs::copy(given, home.join(name)).map(drop),
            None => fs::write(home.join(name), text()),
        }
    };
    write("a.svm", "fashion.train.svm", &|| digits.repeat(200))?;
    write("b.svm", "news.train.svm", &|| letters.repeat(20))?;
    write("a.hmm", "chunk.train.hmm", &|| sequences(&digits, 100))?;
    write("a.crf", "chunk.train.crf", &|| attributes(&tagged, 20))?;
    let text = fs::read_to_string(home.join("a.svm"))?;
    let mut packed = GzEncoder::new(File::create(home.join("a.svm.gz"))?, Compression::fast());
    packed.write_all(text.as_bytes())?;
    packed.finish()?;
    fs::write(home.join("a.conll"), format!("{}\n", tagged.trim_end_matches('\n')).repeat(4))?;
    fs::write(home.join("a.csv"), table(&letters))?;
    let given = data.map(|data| data.join("mslr.norm.train.dat")).filter(|file| file.is_file());
    let all = given.map_or(Ok(ranking.clone()), fs::read_to_string)?;
    fs::write(home.join("a.rank"), copies(&all, 10))?;
    fs::write(home.join("c.svm"), &letters)?;
    fs::write(home.join("c.hmm"), sequences(&digits, 2))?;
    fs::write(home.join("c.rank"), copies(&ranking, 2))?;
    Ok(())
}

fn unpacked(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    GzDecoder::new(File::open(path)?).read_to_string(&mut text)?;
    Ok(text)
}

/// Lines with the qid of their query, by the sizes of queries.
fn with_qid(lines: &str, sizes: &str) -> Result<String, Failure> {
    let (mut lines, mut text) = (lines.lines(), String::new());
    for (qid, size) in sizes.split_whitespace().enumerate() {
        for line in lines.by_ref().take(size.parse()?) {
            let (grade, features) = line.split_once(' ').unwrap_or((line, ""));
            writeln!(text, "{grade} qid:{qid} {features}")?;
        }
    }
    Ok(text)
}

/// Copies of queries, each with qids of its own.
fn copies(lines: &str, count: usize) -> String {
    let mut text = String::with_capacity(count * (lines.len() + lines.len() / 8));
    for copy in 0..count {
        for line in lines.lines() {
            let (grade, rest) = line.split_once(" qid:").unwrap_or((line, ""));
            let (qid, features) = rest.split_once(' ').unwrap_or((rest, ""));
            let _ = writeln!(text, "{grade} qid:{copy}000000{qid} {features}");
        }
    }
    text
}

/// Rows as sequences of twelve.
fn sequences(rows: &str, count: usize) -> String {
    let mut text = String::new();
    for (at, line) in (0..count).flat_map(|_| rows.lines()).enumerate() {
        let (label, features) = line.split_once(' ').unwrap_or((line, ""));
        let _ = writeln!(text, "{label} qid:{} {features}", at / 12);
    }
    text
}

/// Words and their tags with attributes: the word, its ends, and its neighbours.
fn attributes(columns: &str, count: usize) -> String {
    let mut text = String::new();
    for sentence in (0..count).flat_map(|_| columns.split("\n\n")) {
        let pairs: Vec<(&str, &str)> =
            sentence.lines().filter_map(|line| line.split_once('\t')).collect();
        let word = |at: Option<usize>| at.and_then(|at| pairs.get(at)).map_or("", |pair| pair.0);
        for (at, (this, tag)) in pairs.iter().enumerate() {
            let _ = write!(text, "{tag}");
            let (before, after) = (word(at.checked_sub(1)), word(Some(at + 1)));
            let letters: Vec<char> = this.chars().collect();
            let start: String = letters.iter().take(3).collect();
            let end: String = letters.iter().rev().take(3).collect();
            for (kind, value) in [
                ("w", (*this).to_owned()),
                ("l", this.to_lowercase()),
                ("s", start),
                ("e", end),
                ("b", before.to_owned()),
                ("a", after.to_owned()),
                ("bw", format!("{before}|{this}")),
                ("wa", format!("{this}|{after}")),
            ] {
                let value = value.replace('\\', "\\\\").replace(':', "\\:");
                let _ = write!(text, "\t{kind}={value}");
            }
            text.push('\n');
        }
        text.push('\n');
    }
    text
}

/// Rows of 16 features as a table, twenty times.
fn table(rows: &str) -> String {
    let mut text = "label".to_owned();
    (1..=16).for_each(|id| text.extend([",f".to_owned(), id.to_string()]));
    text.push('\n');
    for line in (0..20).flat_map(|_| rows.lines()) {
        let mut words = line.split_whitespace();
        text.push_str(words.next().unwrap_or_default());
        let features: Vec<(&str, &str)> = words.filter_map(|word| word.split_once(':')).collect();
        for id in 1..=16 {
            let value = features.iter().find(|(given, _)| given.parse() == Ok(id));
            text.extend([",", value.map_or("0", |(_, value)| value)]);
        }
        text.push('\n');
    }
    text
}
