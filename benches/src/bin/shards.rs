//! How many rounds training on shards takes, beside the passes of one process.
//!
//! ```text
//! cargo run --release -p crosscut-benches --bin shards
//! cargo run --release -p crosscut-benches --bin shards -- --data FOLDER --shards 2,8,32 --orders
//! ```
//!
//! Without `--data`, the problems are the digits of `datasets/`, the same sorted by class, and
//! made-up ones. With it, those files of the race (`--bin race`) that the folder has:
//! `news.train.svm`, `fashion.train.svm`, `ocr.train.hmm`, `chunk.train.hmm`,
//! `mslr.norm.train.dat`.
//!
//! All shards are in this process, so that no time of a network is in the figures. A row is a run
//! of one process (the block method), of the block method on K shards, or of the 1-slack method on
//! the most shards; its passes do not depend on their number, but for rounding.
//!
//! | column | what it is |
//! |---|---|
//! | `0.1`, `0.01`, … | exact passes (of shards: rounds) until the certified relative gap is so small |
//! | `wall s` | seconds of the run on one thread, which asks one shard after the other |
//! | `oracle s` | of these, seconds in oracles, of the shard with the most |
//! | `longest s` | CPU seconds of the longest shard of each round, summed: of K machines without network |
//! | `µs / example` | CPU seconds of all shards for each example and round |
//! | `sent kB` | kilobytes that a rank sends in each round, as `crosscut_app::ranks::sum` packs them |
//! | `2 threads` | wall seconds on so many threads (`--threads`), each with its share of the shards |
//! | `as fast` | wall seconds of one process on one thread, divided by these |
//!
//! In a round, the root sends d weights to each rank, 8 bytes each, or less if most are 0. A rank
//! sends its changes, d numbers, to the ranks that add them, which are (K − 1)/K of 8 · d bytes, and
//! its part of the sums to the root, 1/K. A certifying round does so with two vectors.
//!
//! The run on more threads must find the same bits. For the optimum P* of one problem,
//! D ≤ P* ≤ P(w) holds in every run, so that D of shards ≤ P(w) of one process and the reverse.
//! Both are checked; the exit code is 1 if they do not hold.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program")]

use std::cell::Cell;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread;
use std::time::Instant;

use clap::Parser;
use crosscut::{
    C, Example, Progress, Regulariser, Reply, Request, Rescaling, Settings, Shard, ShardTrainer,
    Shards, Solution, Solver, StateError, Task, Trainer,
};
use crosscut_app::{Format, Options, Source, Training, define};
use crosscut_benches::{chain, multiclass, ranking};
use crosscut_multiclass::MulticlassFiles;
use crosscut_ranking::{Loss, RankingFiles};
use crosscut_sequence::SequenceFiles;

type Failure = Box<dyn std::error::Error>;

#[derive(Debug, Parser)]
struct Flags {
    /// A folder with files of the race.
    #[arg(long)]
    data: Option<PathBuf>,
    /// Numbers of shards.
    #[arg(long, value_delimiter = ',', default_value = "1,2,8")]
    shards: Vec<usize>,
    /// The certified relative gap at which training stops.
    #[arg(long, default_value_t = 1e-3)]
    gap: f64,
    /// The most passes or rounds of a run.
    #[arg(long, default_value_t = 1000)]
    passes: usize,
    /// The number of threads to compare with one; 1 for no comparison.
    #[arg(long, default_value_t = 2)]
    threads: usize,
    /// Only problems whose name contains this.
    #[arg(long, default_value = "")]
    only: String,
    /// Deals examples out to shards in turn, not in ranges of the file.
    #[arg(long)]
    dealt: bool,
    /// Both: ranges of the file, and dealt out.
    #[arg(long, conflicts_with = "dealt")]
    orders: bool,
}

/// A file of the race.
struct File(&'static str, &'static str, Kind, C);

enum Kind {
    /// Whether there is a bias.
    Multiclass(bool),
    Sequence,
    Ranking,
}

const RACE: &[File] = &[
    File("news", "news.train.svm", Kind::Multiclass(false), C::Sum(1.0)),
    File("fashion", "fashion.train.svm", Kind::Multiclass(true), C::Sum(0.01)),
    File("ocr", "ocr.train.hmm", Kind::Sequence, C::Mean(1000.0)),
    File("chunking", "chunk.train.hmm", Kind::Sequence, C::Mean(1000.0)),
    File("mslr", "mslr.norm.train.dat", Kind::Ranking, C::Mean(43.0)),
];

fn main() -> ExitCode {
    let bench = Bench { flags: Flags::parse() };
    match bench.run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("shards: {error}");
            ExitCode::FAILURE
        }
    }
}

struct Bench {
    flags: Flags,
}

impl Bench {
    /// Whether all checks held.
    fn run(&self) -> Result<bool, Failure> {
        let Flags { shards, threads, .. } = &self.flags;
        if *threads == 0 || shards.is_empty() || shards.contains(&0) {
            return Err("expected numbers above 0 of shards and of threads".into());
        }
        let mut all_hold = true;
        if let Some(folder) = &self.flags.data {
            for file in RACE {
                all_hold &= self.open(file, &folder.join(file.1))?;
            }
            return Ok(all_hold);
        }
        let datasets = Path::new(env!("CARGO_MANIFEST_DIR")).join("../datasets");
        let (mut options, mut silent) = (Options::default(), ());
        options.set("bias", "1");
        let source = Source::open(&datasets.join("digits.train.svm"), &mut silent)?;
        let mut digits = define::<MulticlassFiles>(&options, source)?;
        all_hold &= self.measure("digits", &digits.task, &digits.examples, C::Sum(0.001))?;
        digits.examples.sort_by_key(|example| example.y);
        all_hold &=
            self.measure("digits, sorted", &digits.task, &digits.examples, C::Sum(0.001))?;
        let made = multiclass(6000, 20, 3000, 30, 1);
        all_hold &= self.measure("classes", &made.task, &made.examples, C::Sum(1.0))?;
        let (task, examples) = chain(1000, 8, 10, 1000, 5, 2);
        all_hold &= self.measure("chains", &task, &examples, C::Sum(0.1))?;
        let made = ranking(400, 20, Loss::SwappedPairs, 3);
        all_hold &= self.measure("queries", &made.task, &made.examples, C::Sum(0.1))?;
        Ok(all_hold)
    }

    fn open(&self, file: &File, path: &Path) -> Result<bool, Failure> {
        match file.2 {
            _ if !file.0.contains(&self.flags.only) => Ok(true),
            _ if !path.is_file() => {
                println!("{}: {} is not there", file.0, file.1);
                Ok(true)
            }
            Kind::Multiclass(bias) => {
                let mut options = Options::default();
                if bias {
                    options.set("bias", "1");
                }
                self.read::<MulticlassFiles>(file, path, &options)
            }
            Kind::Sequence => {
                self.read::<SequenceFiles>(file, path, &Options::new(Rescaling::Margin, Some(1)))
            }
            Kind::Ranking => {
                self.read::<RankingFiles>(file, path, &Options::new(Rescaling::Margin, Some(1)))
            }
        }
    }

    fn read<F: Format>(
        &self,
        &File(name, _, _, c): &File,
        path: &Path,
        options: &Options,
    ) -> Result<bool, Failure> {
        let mut silent = ();
        let Training { task, examples, .. } =
            define::<F>(options, Source::open(path, &mut silent)?)?;
        self.measure(name, &task, &examples, c)
    }

    /// Prints a table for one problem. Returns whether the checks hold.
    fn measure<T: Task>(
        &self,
        name: &str,
        task: &T,
        examples: &[Example<T::Input, T::Output>],
        c: C,
    ) -> Result<bool, Failure> {
        let Flags { gap, passes, threads, dealt, orders, .. } = self.flags;
        if !name.contains(&self.flags.only) {
            return Ok(true);
        }
        let settings = Settings::new().c(c).relative_gap(gap).threads(1).passes(passes);
        let problem = Problem { task, examples, settings };
        println!("\n{name}: {} examples, {} weights\n", examples.len(), task.dim());
        println!(
            "| run | shards | 0.1 | 0.01 | {gap} | gap | wall s | oracle s | longest s | \
             µs / example | sent kB | {threads} threads | as fast |"
        );
        println!("|---|{}", "---:|".repeat(12));

        let one = problem.alone(gap)?;
        print_row("one process", 1, &one, None);
        let mut holds = true;
        for dealt in [false, true] {
            if !orders && dealt != self.flags.dealt {
                continue;
            }
            for &shards in self.flags.shards.iter().filter(|shards| **shards <= examples.len()) {
                let deal = Deal { shards, dealt };
                let run = problem.on_shards(Solver::Block, &deal, 1, gap)?;
                holds &= bounds_hold(&run, &one);
                if threads == 1 {
                    print_row(deal.name(), shards, &run, None);
                    continue;
                }
                let again = problem.on_shards(Solver::Block, &deal, threads, gap)?;
                print_row(deal.name(), shards, &run, Some((again.wall, one.wall)));
                holds &= bits_are_same(&run, &again);
            }
        }
        let most = self.flags.shards.iter().copied().max().unwrap_or(1).min(examples.len());
        let run = problem.on_shards(Solver::OneSlack, &Deal { shards: most, dealt }, 1, gap)?;
        print_row("1-slack", most, &run, None);
        holds &= bounds_hold(&run, &one);
        Ok(holds)
    }
}

/// How examples come to shards.
struct Deal {
    shards: usize,
    /// In turn; otherwise ranges of the file.
    dealt: bool,
}

impl Deal {
    fn name(&self) -> &'static str {
        if self.dealt { "block, dealt out" } else { "block" }
    }

    /// The examples of each shard, of `n`.
    fn parts(&self, n: usize) -> Vec<Vec<usize>> {
        let &Self { shards: k, dealt } = self;
        let part = |i| {
            if dealt { (i..n).step_by(k).collect() } else { (n * i / k..n * (i + 1) / k).collect() }
        };
        (0..k).map(part).collect()
    }
}

struct Problem<'p, T: Task> {
    task: &'p T,
    examples: &'p [Example<T::Input, T::Output>],
    settings: Settings,
}

/// A run, and what it took.
struct Run {
    solution: Solution,
    /// Passes or rounds until the certified gap was so small; NaN if it never was.
    until: [(f64, f64); 3],
    wall: f64,
    /// Sums over the rounds.
    meter: Meter,
    examples: usize,
}

#[derive(Clone, Copy, Debug, Default)]
struct Meter {
    /// CPU seconds of the longest shard of each round.
    longest: f64,
    /// CPU seconds of all shards.
    seconds: f64,
    /// Bytes that a rank sends, on average over the ranks.
    sent: f64,
}

impl<T: Task> Problem<'_, T> {
    /// Trains in one process, without shards.
    fn alone(&self, gap: f64) -> Result<Run, Failure> {
        let settings = self.settings.solver(Solver::Block);
        let mut trainer = Trainer::new(self.task, self.examples, &settings)?;
        let (began, used) = (Instant::now(), cpu_seconds());
        let mut until = marks(gap);
        let solution = trainer.solve(&mut |progress| note(progress, &mut until));
        let (wall, seconds) = (began.elapsed().as_secs_f64(), cpu_seconds() - used);
        let meter = Meter { longest: seconds, seconds, sent: 0.0 };
        Ok(Run { solution, until, wall, meter, examples: self.examples.len() })
    }

    fn on_shards(
        &self,
        solver: Solver,
        deal: &Deal,
        threads: usize,
        gap: f64,
    ) -> Result<Run, Failure> {
        let (settings, none) = (self.settings.solver(solver), Regulariser::default());
        let n = self.examples.len();
        let mut first = 0;
        let mut shards = Vec::with_capacity(deal.shards);
        for part in deal.parts(n) {
            let examples = part.iter().map(|&example| &self.examples[example]);
            shards.push(Shard::new(self.task, examples, (first, n), &settings, &none)?);
            first += part.len();
        }
        let meter = Cell::new(Meter::default());
        let mut trainer = ShardTrainer::on(Metered { shards, threads, meter: &meter }, &settings)?;
        let began = Instant::now();
        let mut until = marks(gap);
        let solution = trainer.solve(&mut |progress| note(progress, &mut until))?;
        let wall = began.elapsed().as_secs_f64();
        drop(trainer);
        Ok(Run { solution, until, wall, meter: meter.get(), examples: n })
    }
}

fn marks(gap: f64) -> [(f64, f64); 3] {
    [0.1, 0.01, gap].map(|gap| (gap, f64::NAN))
}

/// Notes the passes at which a gap is reached.
fn note(progress: &Progress, until: &mut [(f64, f64); 3]) -> ControlFlow<()> {
    for (gap, passes) in until {
        if passes.is_nan() && progress.relative_gap() <= *gap {
            *passes = progress.passes;
        }
    }
    ControlFlow::Continue(())
}

/// Shards in this process, with a meter.
struct Metered<'a, 'm> {
    shards: Vec<Shard<'a>>,
    threads: usize,
    meter: &'m Cell<Meter>,
}

impl Shards for Metered<'_, '_> {
    type Error = StateError;

    fn ask(&mut self, request: &Request<'_>) -> Result<Reply, StateError> {
        let answer = |shard: &mut Shard<'_>| {
            let began = cpu_seconds();
            let reply = shard.answer(request);
            (reply, cpu_seconds() - began)
        };
        let each = self.shards.len().div_ceil(self.threads);
        let mut answers: Vec<(Reply, f64)> = Vec::with_capacity(self.shards.len());
        if self.threads == 1 {
            answers.extend(self.shards.iter_mut().map(answer));
        } else {
            thread::scope(|scope| {
                let part = |part| {
                    let answers = move || <[_]>::iter_mut(part).map(answer).collect::<Vec<_>>();
                    scope.spawn(answers)
                };
                let parts: Vec<_> = self.shards.chunks_mut(each).map(part).collect();
                for part in parts {
                    answers.extend(part.join().expect("a shard does not panic"));
                }
            });
        }
        let mut meter = self.meter.get();
        let shards = answers.len() as f64;
        meter.longest += answers.iter().map(|(_, seconds)| seconds).fold(0.0, |a, b| b.max(a));
        meter.seconds += answers.iter().map(|(_, seconds)| seconds).sum::<f64>();
        let packed: f64 = answers.iter_mut().map(|(reply, _)| packed(reply)).sum();
        let replies = answers.into_iter().map(|(reply, _)| reply);
        let sum = replies.reduce(|mut sum, next| {
            sum.add(next);
            sum
        });
        let mut sum = sum.expect("there are shards");
        if shards > 1.0 {
            meter.sent += (packed / shards * (shards - 1.0) + crate::packed(&mut sum)) / shards;
        }
        self.meter.set(meter);
        Ok(sum)
    }

    fn save(&self, shard: usize) -> Result<Vec<u8>, StateError> {
        self.shards.save(shard)
    }

    fn restore(&mut self, shard: usize, saved: &[u8]) -> Result<(), StateError> {
        self.shards.restore(shard, saved)
    }
}

/// CPU seconds of this thread so far, so that other programs are not in the figures; wall seconds
/// where the system does not tell.
fn cpu_seconds() -> f64 {
    #[cfg(target_os = "linux")]
    {
        use nix::sys::resource::{UsageWho, getrusage};
        use nix::sys::time::TimeValLike;
        getrusage(UsageWho::RUSAGE_THREAD).map_or(0.0, |used| {
            let all = used.user_time() + used.system_time();
            all.num_microseconds() as f64 * 1e-6
        })
    }
    #[cfg(not(target_os = "linux"))]
    {
        use std::time::{SystemTime, UNIX_EPOCH};
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |time| time.as_secs_f64())
    }
}

/// Bytes of the long vectors of a reply: 8 for each number, or 12 for each that is not 0.
fn packed(reply: &mut Reply) -> f64 {
    let bytes = |vector: &Vec<f64>| {
        let others = vector.iter().filter(|value| value.to_bits() != 0).count();
        (8 * vector.len()).min(12 * others) as f64
    };
    reply.vectors().into_iter().map(|vector| bytes(vector)).sum()
}

/// Prints a row; with the wall seconds on more threads, and of one process.
fn print_row(name: &str, shards: usize, run: &Run, threads: Option<(f64, f64)>) {
    let Run { solution, until, wall, meter, examples } = run;
    let rounds = solution.certificate.passes;
    let [a, b, c] = until.map(|(_, passes)| match passes {
        never if never.is_nan() => "–".to_owned(),
        passes => format!("{}", passes.ceil()),
    });
    let (threads, faster) = match threads {
        Some((seconds, one)) => (format!("{seconds:.2}"), format!("{:.2}", one / seconds)),
        None => (String::new(), String::new()),
    };
    println!(
        "| {name} | {shards} | {a} | {b} | {c} | {:.1e} | {wall:.2} | {:.2} | {:.2} | {:.1} | \
         {:.0} | {threads} | {faster} |",
        solution.certificate.relative_gap(),
        solution.oracle_seconds,
        meter.longest,
        1e6 * meter.seconds / rounds / *examples as f64,
        1e-3 * meter.sent / rounds,
    );
}

/// Whether a run on more threads has the same bits. Says so if not.
fn bits_are_same(run: &Run, again: &Run) -> bool {
    let (run, again) = (&run.solution, &again.solution);
    let same = run.w == again.w && run.certificate == again.certificate;
    if !same {
        println!("\nFAILED: other bits on more threads\n");
    }
    same
}

/// Whether D ≤ P* ≤ P(w) of a run fits that of one process. Says so if not.
fn bounds_hold(run: &Run, one: &Run) -> bool {
    let (run, one) = (&run.solution.certificate, &one.solution.certificate);
    let hold = run.dual <= one.primal && one.dual <= run.primal;
    if !hold {
        println!(
            "\nFAILED: bounds {:?} of shards, {:?} of one process\n",
            (run.dual, run.primal),
            (one.dual, one.primal)
        );
    }
    hold
}
