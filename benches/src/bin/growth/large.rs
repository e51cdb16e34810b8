//! Time and memory of `crosscut learn` on files of more and more examples: noisy copies of data of
//! today, so that only their number grows. C is that of the mean of slacks, and means the same for
//! all sizes.
//!
//! | column | what it is |
//! |---|---|
//! | `examples` | rows, queries or sequences |
//! | `reading` | seconds until training begins, and CPU nanoseconds for each byte of the file |
//! | `training` | seconds of training, and CPU nanoseconds for each example and exact pass, until the end of the program |
//! | `read`, `held` | the most memory in MB until training begins, and from then on |
//! | `/ example` | bytes of `held` for each example, without those that 1 % of the data once take |
//! | `read / held` | how much more memory reading takes than training |

use std::error::Error;
use std::ffi::OsString;
use std::fs;
use std::path::Path;

use crate::Large;
use crate::child::{Phase, Used, train};
use crate::made::{Base, Lines};

/// Data, and how to train on them.
struct Spec {
    name: &'static str,
    lines: Lines,
    /// Among the data of this repository: the file, and the sizes of queries beside it.
    ours: Option<(&'static str, Option<&'static str>)>,
    /// Among the files of the race.
    theirs: Option<&'static str>,
    arguments: &'static [&'static str],
    times: &'static [f64],
}

const SPECS: [Spec; 6] = [
    Spec {
        name: "letter",
        lines: Lines::Features,
        ours: Some(("letter.train.svm.gz", None)),
        theirs: Some("letter.train.svm"),
        arguments: &["multiclass", "--bias", "1", "-c", "1000"],
        times: &[1.0, 10.0, 100.0, 667.0],
    },
    Spec {
        name: "fashion",
        lines: Lines::Features,
        ours: None,
        theirs: Some("fashion.train.svm"),
        arguments: &["multiclass", "--bias", "1", "-c", "600"],
        times: &[0.1, 1.0, 10.0, 17.0],
    },
    Spec {
        name: "ocr",
        lines: Lines::Features,
        ours: None,
        theirs: Some("ocr.train.hmm"),
        arguments: &["sequence", "-c", "1000"],
        times: &[1.0, 10.0, 100.0],
    },
    Spec {
        name: "chunking",
        lines: Lines::Attributes,
        ours: None,
        theirs: Some("chunk.train.crf"),
        arguments: &["sequence", "-c", "1000"],
        times: &[1.0, 10.0, 40.0],
    },
    Spec {
        name: "names",
        lines: Lines::Columns,
        ours: Some(("wnut17.train.conll.gz", None)),
        theirs: None,
        arguments: &["sequence", "--template", "ner", "-c", "1000"],
        times: &[1.0, 10.0, 100.0],
    },
    Spec {
        name: "ranking",
        lines: Lines::Features,
        ours: Some(("lambdarank.train.svm.gz", Some("lambdarank.train.group"))),
        theirs: Some("mq.train.dat"),
        arguments: &["ranking", "-l", "2", "-c", "100"],
        times: &[1.0, 10.0, 100.0],
    },
];

/// Prints a table for each of the data.
///
/// # Errors
/// Unknown names; files that cannot be read or written; a program that fails.
pub fn run(arguments: &Large) -> Result<(), Box<dyn Error>> {
    for name in &arguments.only {
        if SPECS.iter().all(|spec| spec.name != name) {
            let names = SPECS.map(|spec| spec.name).join(", ");
            return Err(format!("--only: expected some of {names}, found {name}").into());
        }
    }
    let beside = || Ok::<_, std::io::Error>(std::env::current_exe()?.with_file_name("crosscut"));
    let crosscut = arguments.crosscut.clone().map_or_else(beside, Ok)?;
    if !crosscut.is_file() {
        let what = "cargo build --release -p crosscut-cli, or --crosscut FILE";
        return Err(format!("{}: no such program ({what})", crosscut.display()).into());
    }
    fs::create_dir_all(&arguments.folder)?;
    let is_wanted = |spec: &&Spec| {
        arguments.only.is_empty() || arguments.only.iter().any(|name| name == spec.name)
    };
    println!(
        "threads {}, {} exact passes, the best of {}",
        arguments.threads, arguments.passes, arguments.rounds
    );
    for spec in SPECS.iter().filter(is_wanted) {
        match spec.base(arguments.data.as_deref())? {
            Some(base) => table(spec, &base, &crosscut, arguments)?,
            None => println!("\n{}: only with --data", spec.name),
        }
    }
    Ok(())
}

impl Spec {
    fn base(&self, data: Option<&Path>) -> Result<Option<Base>, Box<dyn Error>> {
        let (path, sizes) = match (data, self.theirs, self.ours) {
            (Some(folder), Some(file), _) => (folder.join(file), None),
            (_, _, Some((file, sizes))) => {
                let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../datasets");
                (folder.join(file), sizes.map(|sizes| folder.join(sizes)))
            }
            _ => return Ok(None),
        };
        Base::read(&path, self.lines, sizes.as_deref()).map(Some)
    }
}

fn table(spec: &Spec, base: &Base, crosscut: &Path, how: &Large) -> Result<(), Box<dyn Error>> {
    println!("\n{}: learn {}", spec.name, spec.arguments.join(" "));
    println!(
        "| times | examples | MB | reading s | ns / byte | training s | ns / example, pass | read MB | held MB | bytes / example | read / held |"
    );
    println!("|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|");
    let times = if how.times.is_empty() { spec.times } else { how.times.as_slice() };
    let (_, least) = measure(spec, base, crosscut, how, times[0] / 100.0)?;
    for &times in times {
        let (bytes, used) = measure(spec, base, crosscut, how, times)?;
        let Used { examples, reading, training, passes } = used;
        let calls = examples * passes;
        let more = training.peak - least.training.peak;
        println!(
            "| {times} | {examples:.0} | {:.0} | {:.2} | {:.1} | {:.2} | {:.0} | {:.0} | {:.0} | {:.0} | {:.2} |",
            bytes as f64 / 1e6,
            reading.seconds,
            1e9 * reading.cpu / bytes as f64,
            training.seconds,
            1e9 * training.cpu / calls,
            reading.peak / 1e6,
            training.peak / 1e6,
            more / (examples - least.examples),
            reading.peak / training.peak,
        );
    }
    Ok(())
}

/// Makes a file of `times` the data, trains on it, and removes it.
fn measure(
    spec: &Spec,
    base: &Base,
    crosscut: &Path,
    how: &Large,
    times: f64,
) -> Result<(u64, Used), Box<dyn Error>> {
    let made = how.folder.join(format!("{}.train", spec.name));
    let model = how.folder.join(format!("{}.model", spec.name));
    let bytes = base.write(&made, times, 1)?;
    let mut arguments: Vec<OsString> = spec.arguments.iter().map(OsString::from).collect();
    let limits = ["--passes", &how.passes.to_string(), "--threads", &how.threads.to_string()];
    arguments.extend(limits.map(OsString::from));
    arguments.extend([&made, &model].map(OsString::from));
    let mut best: Option<Used> = None;
    for _ in 0..how.rounds.max(1) {
        let used = train(crosscut, &arguments)?;
        best = Some(best.map_or(used, |best| Used {
            reading: quicker(best.reading, used.reading),
            training: quicker(best.training, used.training),
            ..used
        }));
    }
    fs::remove_file(&made)?;
    fs::remove_file(&model)?;
    best.map(|best| (bytes, best)).ok_or_else(|| "no rounds".into())
}

/// The less time and the more memory of two runs.
fn quicker(a: Phase, b: Phase) -> Phase {
    Phase { seconds: a.seconds.min(b.seconds), cpu: a.cpu.min(b.cpu), peak: a.peak.max(b.peak) }
}
