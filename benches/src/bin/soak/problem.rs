//! [`Problem`]: data and settings, drawn from a seed.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::{fs, io};

use rand::RngExt;
use rand_pcg::Pcg64;

/// What is to be learned, and how.
#[derive(Clone, Debug)]
pub struct Problem {
    pub task: &'static str,
    pub data: PathBuf,
    /// The sizes of queries, where they stand in a file of their own.
    pub group: Option<PathBuf>,
    /// Whether the data was made here, and is in the folder of the trial.
    pub made: bool,
    /// Flags of the problem itself: another solver with the same flags has the same optimum.
    pub problem: Vec<String>,
    /// Flags of the solver.
    pub solver: Vec<String>,
    /// Flags that may be refused for this problem, with a message that names them.
    pub optional: Vec<String>,
}

/// A random whole number between two, small ones as often as large ones.
fn size(random: &mut Pcg64, least: usize, most: usize) -> usize {
    let (low, high) = ((least as f64).ln(), ((most + 1) as f64).ln());
    ((low + random.random::<f64>() * (high - low)).exp() as usize).clamp(least, most)
}

pub fn one_of<T: Copy>(random: &mut Pcg64, choices: &[T]) -> T {
    choices[random.random_range(0..choices.len())]
}

pub fn happens(random: &mut Pcg64, chance: f64) -> bool {
    random.random::<f64>() < chance
}

fn words(text: &str) -> impl Iterator<Item = String> {
    text.split_whitespace().map(str::to_owned)
}

impl Problem {
    /// Draws a problem; `help` is that of `crosscut learn TASK`, which says what the program can
    /// do. A small one takes a fraction of a second.
    ///
    /// # Errors
    /// Data that cannot be written.
    pub fn draw(random: &mut Pcg64, folder: &Path, help: &str, small: bool) -> io::Result<Self> {
        let (mut problem, passes) = if !small && happens(random, 0.15) {
            shipped(random)
        } else {
            made(random, folder, small)?
        };
        let c = 10f64.powf(random.random_range(-4.0..1.0));
        problem.problem.extend(words(&format!("--c-sum {c:.3e}")));
        if happens(random, 0.25) && !problem.problem.iter().any(|word| word == "log") {
            problem.problem.extend(words("-p 2"));
        }
        let solver = one_of(random, &["auto", "block", "block", "block", "one-slack"]);
        let gap = 10f64.powf(random.random_range(-7.0..-1.0));
        let passes = random.random_range(3..=passes);
        let seed: u32 = random.random();
        let mut flags =
            format!("--solver {solver} --gap {gap:.1e} --passes {passes} --seed {seed}");
        if happens(random, 0.5) {
            let (batch, approximate) = (size(random, 1, 200), one_of(random, &[0, 1, 5, 50]));
            let planes = size(random, 2, 200);
            let _ = write!(flags, " --batch {batch} --planes {planes}");
            let _ = write!(flags, " --approximate-passes {approximate}");
            flags.push_str(if happens(random, 0.3) { " --no-acceleration" } else { "" });
        }
        problem.solver.extend(words(&flags));
        if help.contains("--max-memory") && happens(random, 0.25) {
            // 32 bytes a weight are the least.
            let (least, most) = if problem.made { (250, 20_000) } else { (100_000, 500_000) };
            problem
                .optional
                .extend(words(&format!("--max-memory {}KB", size(random, least, most))));
        }
        let can_stream = matches!(solver, "auto" | "one-slack") && problem.group.is_none();
        if help.contains("--stream") && can_stream && happens(random, 0.3) {
            problem.optional.extend(words("--stream"));
        }
        Ok(problem)
    }
}

/// Data that comes with the sources, and the most passes for it.
fn shipped(random: &mut Pcg64) -> (Problem, usize) {
    let at =
        |name: &str| Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("datasets").join(name);
    let loss = random.random_range(1..=5);
    let (task, data, flags, passes) = match random.random_range(0..4) {
        0 => ("multiclass", "digits.train.svm", "--bias 1".to_owned(), 40),
        1 => ("multiclass", "letter.train.svm.gz", "--bias 1".to_owned(), 6),
        2 => ("sequence", "wnut17.train.conll.gz", "--template ner --constrain bio".to_owned(), 4),
        _ => ("ranking", "lambdarank.train.svm.gz", format!("-l {loss}"), 15),
    };
    let group = (task == "ranking").then(|| at("lambdarank.train.group"));
    let mut problem: Vec<String> = words(&flags).collect();
    if let Some(group) = &group {
        problem.extend(["--group".to_owned(), group.display().to_string()]);
    }
    let data = at(data);
    (
        Problem {
            task,
            data,
            group,
            made: false,
            problem,
            solver: Vec::new(),
            optional: Vec::new(),
        },
        passes,
    )
}

/// Data that is made up, in a file in `folder`, and the most passes for it.
fn made(random: &mut Pcg64, folder: &Path, small: bool) -> io::Result<(Problem, usize)> {
    let shrink = if small { 40 } else { 1 };
    let (task, (text, flags)) = match random.random_range(0..3) {
        0 => ("multiclass", multiclass(random, shrink)),
        1 => ("sequence", sequence(random, shrink)),
        _ => ("ranking", ranking(random, shrink)),
    };
    let data = folder.join("data");
    fs::write(&data, text)?;
    let problem = words(&flags).collect();
    Ok((
        Problem {
            task,
            data,
            group: None,
            made: true,
            problem,
            solver: Vec::new(),
            optional: Vec::new(),
        },
        200,
    ))
}

/// Ids and values of a few features.
fn features(random: &mut Pcg64, width: usize, nonzeros: usize) -> Vec<(usize, f64)> {
    let mut ids: Vec<usize> = (0..nonzeros).map(|_| random.random_range(1..=width)).collect();
    ids.sort_unstable();
    ids.dedup();
    ids.into_iter().map(|id| (id, random.random_range(-1.0..1.0))).collect()
}

fn line(features: &[(usize, f64)]) -> String {
    features.iter().fold(String::new(), |line, (id, value)| line + &format!(" {id}:{value:.3}"))
}

/// The best of some choices under hidden weights; now and then any.
fn best(random: &mut Pcg64, choices: usize, features: &[(usize, f64)]) -> usize {
    let weight =
        |id: usize, choice: usize| ((id * 7919 + choice * 104_729) % 1009) as f64 / 1009.0 - 0.5;
    let score =
        |choice| -> f64 { features.iter().map(|&(id, value)| value * weight(id, choice)).sum() };
    let best = (0..choices).max_by(|&a, &b| score(a).total_cmp(&score(b))).unwrap_or(0);
    if happens(random, 0.15) { random.random_range(0..choices) } else { best }
}

fn multiclass(random: &mut Pcg64, shrink: usize) -> (String, String) {
    let (n, k, width) =
        (size(random, 2, 20_000 / shrink), size(random, 2, 20), size(random, 1, 300));
    let nonzeros = size(random, 1, 30);
    let mut text = String::new();
    for i in 0..n {
        let features = features(random, width, nonzeros);
        // Two classes there must be.
        let class = if i < 2 { i } else { best(random, k, &features) };
        let cost = if happens(random, 0.1) {
            format!(" cost:{:.2}", random.random_range(0.0..3.0))
        } else {
            String::new()
        };
        let _ = writeln!(text, "{class}{cost}{}", line(&features));
    }
    let mut flags = match happens(random, 0.3) {
        true => "--objective log".to_owned(),
        false => format!("-o {} -l {}", random.random_range(1..=2), random.random_range(0..=1)),
    };
    flags.push_str(one_of(random, &["", " --bias 1", " --bias 10"]));
    flags.push_str(one_of(random, &["", " --scale standard", " --scale global"]));
    (text, flags)
}

fn sequence(random: &mut Pcg64, shrink: usize) -> (String, String) {
    let (n, k, width) = (size(random, 2, 2000 / shrink), size(random, 2, 8), size(random, 2, 300));
    let mut text = String::new();
    for i in 0..n {
        let mut before = 0;
        for token in 0..size(random, 1, 20) {
            let mut features = features(random, width, 5);
            features.push((width + 1 + before, 1.0));
            // Two tags there must be.
            let tag = if i < 2 && token == 0 { i } else { best(random, k, &features) };
            features.pop();
            before = tag;
            let _ = writeln!(text, "{} qid:{} {}", tag + 1, i + 1, line(&features));
        }
    }
    let mut flags = match happens(random, 0.3) {
        true => "--objective log".to_owned(),
        false => format!("-o {} -l {}", random.random_range(1..=2), random.random_range(0..=2)),
    };
    let _ = write!(flags, " --t {}", random.random_range(0..=2));
    flags.push_str(one_of(random, &["", " --scale standard", " --scale global"]));
    (text, flags)
}

fn ranking(random: &mut Pcg64, shrink: usize) -> (String, String) {
    let (queries, width) = (size(random, 1, 1000 / shrink), size(random, 1, 30));
    let mut text = String::new();
    for query in 1..=queries {
        for document in 0..size(random, 2, 40) {
            let features = features(random, width, width);
            // An order there must be.
            let grade =
                if query == 1 && document < 2 { document } else { best(random, 4, &features) };
            let _ = writeln!(text, "{grade} qid:{query}{}", line(&features));
        }
    }
    let loss = random.random_range(1..=8);
    let rescaling = if matches!(loss, 6 | 7) { random.random_range(1..=2) } else { 2 };
    let scale = one_of(random, &["none", "query", "standard", "global"]);
    (text, format!("-l {loss} -o {rescaling} --scale {scale}"))
}
