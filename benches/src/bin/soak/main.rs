//! Training that is broken off again and again: random tasks, settings, signals and resumes, for an
//! hour.
//!
//! ```text
//! cargo run --release -p crosscut-benches --bin soak -- --minutes 60
//! cargo run --release -p crosscut-benches --bin soak -- --seed 7 --trials 1
//! ```
//!
//! A trial draws a problem and settings from its seed (the seed of the first trial, the next number
//! for each further one), and asks:
//!
//! * Does the model that a run without checkpoints writes have the P(w) that it claims, by an
//!   oracle call for each example? Is D ≤ P, for its own P and for that of another solver's model
//!   of the same problem, and the other way round?
//! * Does training that was killed, interrupted or terminated at random moments (SIGKILL, SIGINT,
//!   SIGTERM) and resumed, each time on another number of threads, end with the same bytes?
//! * Are models and checkpoints refused with exit code 2 when a bit is flipped or the end is
//!   missing, and whole checkpoints when data or settings are others?
//! * Does every run end in time, and none in a panic?
//!
//! A failure keeps the folder of the trial and prints the command that draws the same problem. The
//! moments of signals are fractions of a time that is measured, so that a failure may take several
//! tries to come back. The program that runs is `crosscut` as this one was linked with it.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program")]

#[cfg(unix)]
mod child;
#[cfg(unix)]
mod judge;
#[cfg(unix)]
mod problem;
#[cfg(unix)]
mod trial;

use std::process::ExitCode;

#[cfg(unix)]
fn main() -> ExitCode {
    soak::main()
}

#[cfg(not(unix))]
fn main() -> ExitCode {
    eprintln!("soak: this system has no signals to send");
    ExitCode::FAILURE
}

#[cfg(unix)]
mod soak {
    use std::fmt;
    use std::path::PathBuf;
    use std::process::ExitCode;
    use std::time::Instant;

    use clap::Parser;
    use crosscut_cli::Program;

    use crate::child::PROGRAM;
    use crate::trial::Trial;

    /// So many show what is wrong, and their folders do not fill the disk.
    const MOST_FAILURES: u64 = 20;

    /// Breaks off training with signals, resumes it, and compares.
    #[derive(Parser)]
    #[command(name = "soak", version)]
    pub struct Arguments {
        /// No trial begins after this many minutes.
        #[arg(long, value_name = "M", default_value_t = 60.0)]
        minutes: f64,
        /// No more trials than this.
        #[arg(long, value_name = "N", default_value_t = u64::MAX, hide_default_value = true)]
        trials: u64,
        /// The seed of the first trial.
        #[arg(long, value_name = "N", default_value_t = 0)]
        seed: u64,
        /// A child that takes longer than this many seconds hangs.
        #[arg(long, value_name = "S", default_value_t = 300.0)]
        pub limit: f64,
        /// Where the folders of failed trials are kept.
        #[arg(long, value_name = "DIR", default_value = "target/soak")]
        pub keep: PathBuf,
        /// Small problems only, and none of the data sets: for a quick look.
        #[arg(long)]
        pub small: bool,
    }

    /// What was done, and how often.
    #[derive(Clone, Copy, Debug, Default)]
    pub struct Tally {
        pub trials: u64,
        pub runs: u64,
        pub killed: u64,
        pub interrupted: u64,
        pub terminated: u64,
        pub resumed: u64,
        pub refused: u64,
        pub bounds: u64,
        pub failures: u64,
    }

    impl fmt::Display for Tally {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            let Self {
                trials,
                runs,
                killed,
                interrupted,
                terminated,
                resumed,
                refused,
                bounds,
                failures,
            } = self;
            write!(
                f,
                "{trials} trials, {runs} runs of the program, {killed} SIGKILL, {interrupted} SIGINT, {terminated} SIGTERM, \
                 {resumed} resumes, {refused} damaged or foreign files refused, {bounds} bounds checked, {failures} failures"
            )
        }
    }

    pub fn main() -> ExitCode {
        let mut arguments = std::env::args_os().skip(1).peekable();
        if arguments.peek().is_some_and(|first| first == PROGRAM) {
            let tasks =
                [crosscut_multiclass::ENTRY, crosscut_sequence::ENTRY, crosscut_ranking::ENTRY];
            return Program { name: "crosscut", tasks: &tasks, others: &[], about_others: "" }
                .run(arguments);
        }
        let arguments = Arguments::parse();
        let began = Instant::now();
        let minutes = || began.elapsed().as_secs_f64() / 60.0;
        let mut tally = Tally::default();
        while tally.trials < arguments.trials
            && (tally.trials == 0 || minutes() < arguments.minutes)
        {
            let seed = arguments.seed.wrapping_add(tally.trials);
            tally.trials += 1;
            if let Err(error) = Trial::run(seed, &arguments, &mut tally) {
                tally.failures += 1;
                let small = if arguments.small { " --small" } else { "" };
                println!("seed {seed}: {error}");
                println!(
                    "  cargo run --release -p crosscut-benches --bin soak -- --seed {seed} --trials 1{small}"
                );
                if tally.failures == MOST_FAILURES {
                    println!("no more trials after {MOST_FAILURES} failures");
                    break;
                }
            }
            if tally.trials.is_multiple_of(25) {
                println!("so far: {tally}, {:.1} minutes", minutes());
            }
        }
        println!("soak: {tally}, {:.1} minutes", minutes());
        if tally.failures == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}
