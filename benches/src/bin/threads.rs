//! What more threads bring: training with 1, 2, 4, … threads on the same problems.
//!
//! ```text
//! cargo run --release -p crosscut-benches --bin threads [MOST [ROUNDS]]
//! ```
//!
//! MOST is the largest number of threads (the number of cores if not given), and each run is
//! repeated in ROUNDS rounds (2 if not given), of which the fastest counts.
//!
//! | problem | what is expensive |
//! |---|---|
//! | trees | the oracle: Eisner's algorithm on sentences of 60 to 120 tokens |
//! | slow classes | the oracle: a multiclass oracle behind a loop of 300,000 steps |
//! | classes | the joint solve of the dual: 17 dense features of different scales, 26 classes |
//! | chains | block steps, which one thread takes; oracles and insertion of planes |
//!
//! Each line has the wall seconds, how many times as fast that is as one thread, the user seconds of
//! all threads, the part of the time in which oracles run, the exact passes, and whether w has the
//! same bits as with one thread. A line `oracles` is one call of each oracle at the weights found,
//! and the sum of their planes.
//!
//! The last table is a calculation: from the measured seconds of each oracle call of `trees`, at
//! most how many times as fast the calls of a pass are on N threads, if batches have 32, 16 or all
//! examples. The calls of a batch go in their order to the thread that is free first.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program")]

use std::hint::black_box;
use std::process::ExitCode;
use std::time::Instant;

use crosscut::{
    Ask, C, Example, Feature, Oracles, Passes, Planes, Settings, SlackNorm, Solution, Solver,
    SparseVector, Task, solve,
};
use crosscut_benches::{chain, multiclass, trees};
use crosscut_multiclass::{Class, Multiclass};

/// A multiclass task whose oracle first runs an idle loop.
struct Slow {
    task: Multiclass,
    steps: u64,
}

impl Task for Slow {
    type Input = SparseVector;
    type Output = Class;
    type Scratch = <Multiclass as Task>::Scratch;

    fn dim(&self) -> usize {
        self.task.dim()
    }

    fn loss(&self, x: &SparseVector, y: &Class, y_hat: &Class) -> f64 {
        self.task.loss(x, y, y_hat)
    }

    fn predict(&self, w: &[f64], x: &SparseVector, scratch: &mut Self::Scratch) -> Class {
        self.task.predict(w, x, scratch)
    }

    fn separate<'a>(
        &'a self,
        w: &[f64],
        x: &'a SparseVector,
        y: &'a Class,
        scratch: &mut Self::Scratch,
        planes: &mut Planes<'a>,
    ) {
        black_box((0..self.steps).fold(1_u64, |a, b| black_box(a.wrapping_mul(31) ^ b)));
        self.task.separate(w, x, y, scratch, planes);
    }
}

fn main() -> ExitCode {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let argument = |at: usize, default: usize| match std::env::args().nth(at) {
        None => Some(default),
        Some(text) => text.parse().ok().filter(|number| *number > 0),
    };
    let (Some(most), Some(rounds)) = (argument(1, cores), argument(2, 2)) else {
        eprintln!("threads: expected a number of threads, and a number of rounds");
        return ExitCode::from(2);
    };
    match run(most, rounds) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("threads: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(most: usize, rounds: usize) -> Result<(), Box<dyn std::error::Error>> {
    let mut threads: Vec<usize> =
        std::iter::successors(Some(1), |n| Some(2 * n)).take_while(|n| *n < most).collect();
    threads.push(most);
    println!("{cores} cores", cores = std::thread::available_parallelism().map_or(1, usize::from));
    println!(
        "{:14}{:>8}{:>8}{:>7}{:>8}{:>9}{:>7}  bits",
        "problem", "threads", "wall", "times", "user", "oracles", "passes"
    );
    let settings = Settings::new().solver(Solver::Block).c(C::Sum(1.0)).relative_gap(1e-2);

    let (task, examples) = trees(160, 60, 400, 5, 1);
    let w = compare("trees", &task, &examples, settings, (&threads, rounds))?;
    let seconds = call_seconds(&task, &examples, &w);

    let problem = multiclass(600, 10, 300, 20, 2);
    let slow = Slow { task: problem.task, steps: 300_000 };
    compare("slow classes", &slow, &problem.examples, settings, (&threads, rounds))?;

    let problem = multiclass(6000, 26, 17, 17, 3);
    let scaled: Vec<_> = problem.examples.iter().map(rescaled).collect();
    let joint = settings.relative_gap(1e-3);
    compare("classes", &problem.task, &scaled, joint, (&threads, rounds))?;

    let (task, examples) = chain(400, 8, 15, 5000, 8, 4);
    compare("chains", &task, &examples, settings.c(C::Sum(10.0)), (&threads, rounds))?;

    println!("\n{:14}{:>8}{:>8}{:>8}{:>8}", "trees", "threads", "32", "16", "all");
    for threads in [2, 4, 8, 16] {
        let times = |batch: usize| {
            let longest = |batch: &[f64]| makespan(batch, threads);
            seconds.iter().sum::<f64>() / seconds.chunks(batch).map(longest).sum::<f64>()
        };
        let [a, b, c] = [32, 16, seconds.len()].map(times);
        println!("{:14}{threads:>8}{a:>8.2}{b:>8.2}{c:>8.2}", "at most");
    }
    Ok(())
}

/// The same example with its features in units from 1 to 1/1000.
fn rescaled(example: &Example<SparseVector, Class>) -> Example<SparseVector, Class> {
    let feature = |one: &Feature| Feature {
        value: one.value * 30.0 * 0.1_f32.powi((one.index % 4) as i32),
        ..*one
    };
    let features = example.x.row().features().iter().map(feature).collect();
    Example::new(SparseVector::new(features).expect("scales are finite"), example.y)
}

/// Trains with each number of threads and prints a line for each. Returns w.
fn compare<T: Task>(
    name: &str,
    task: &T,
    examples: &[Example<T::Input, T::Output>],
    settings: Settings,
    (threads, rounds): (&[usize], usize),
) -> Result<Vec<f64>, Box<dyn std::error::Error>> {
    let mut found: Vec<Option<(f64, f64, Solution)>> = threads.iter().map(|_| None).collect();
    // Rounds in turn, so that other work on the machine meets all numbers of threads.
    for _ in 0..rounds {
        for (&threads, found) in threads.iter().zip(&mut found) {
            let settings = settings.threads(threads);
            let (began, user) = (Instant::now(), user_seconds());
            let solution = solve(task, examples, &settings)?;
            let (wall, user) = (began.elapsed().as_secs_f64(), user_seconds() - user);
            if found.as_ref().is_none_or(|(best, ..)| wall < *best) {
                *found = Some((wall, user, solution));
            }
        }
    }
    let found: Vec<_> = found.into_iter().flatten().collect();
    let Some((one, _, first)) = found.first() else { return Ok(Vec::new()) };
    for (&threads, (wall, user, solution)) in threads.iter().zip(&found) {
        let same = solution.w == first.w && solution.certificate == first.certificate;
        println!(
            "{name:14}{threads:>8}{wall:>8.2}{:>7.2}{user:>8.2}{:>8.0}%{:>7}  {}",
            one / wall,
            100.0 * solution.oracle_seconds / solution.seconds,
            solution.certificate.passes,
            if same { "the same" } else { "OTHERS" }
        );
    }
    let mut one: Option<(f64, String)> = None;
    for &threads in threads {
        let mut oracles = Oracles::new(task, examples, threads)?;
        let ask = || Ask { w: &first.w, each: 1.0, norm: SlackNorm::Linear };
        let (mut wall, mut sum) = (f64::INFINITY, None);
        for _ in 0..rounds.max(2) {
            let began = Instant::now();
            let found = oracles.sum(ask(), &mut |_| {}).map_err(|_| "an oracle has failed")?;
            wall = wall.min(began.elapsed().as_secs_f64());
            sum = Some(found);
        }
        // Equal numbers are written alike.
        let sum = format!("{sum:?}");
        let (first, all) = &*one.get_or_insert((wall, sum.clone()));
        let same = if sum == *all { "the same" } else { "OTHERS" };
        println!(
            "{:14}{threads:>8}{wall:>8.3}{:>7.2}{:>15}  {same}",
            "  oracles",
            first / wall,
            ""
        );
    }
    Ok(first.w.clone())
}

/// Seconds of each oracle call at w, the shorter of two.
fn call_seconds<T: Task>(
    task: &T,
    examples: &[Example<T::Input, T::Output>],
    w: &[f64],
) -> Vec<f64> {
    let mut scratch = T::Scratch::default();
    let mut seconds = Vec::with_capacity(examples.len());
    for example in examples {
        let mut shortest = f64::INFINITY;
        for _ in 0..2 {
            let mut planes = Planes::default();
            let began = Instant::now();
            task.separate(w, &example.x, &example.y, &mut scratch, &mut planes);
            shortest = shortest.min(began.elapsed().as_secs_f64());
        }
        seconds.push(shortest);
    }
    seconds
}

/// Seconds until all calls are done, each by the thread that is free first.
fn makespan(calls: &[f64], threads: usize) -> f64 {
    let mut free = vec![0.0_f64; threads];
    for call in calls {
        if let Some(first) = free.iter_mut().reduce(|a, b| if *b < *a { b } else { a }) {
            *first += call;
        }
    }
    free.into_iter().fold(0.0, f64::max)
}

/// User seconds of this process so far; 0 where they cannot be read.
fn user_seconds() -> f64 {
    #[cfg(unix)]
    {
        use nix::sys::resource::{UsageWho, getrusage};
        use nix::sys::time::TimeValLike;
        getrusage(UsageWho::RUSAGE_SELF)
            .map_or(0.0, |used| used.user_time().num_microseconds() as f64 * 1e-6)
    }
    #[cfg(not(unix))]
    {
        0.0
    }
}
