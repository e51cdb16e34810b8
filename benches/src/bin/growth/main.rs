//! What grows with the data, and how: `ranking`, the time of learning to rank with documents and
//! queries; `large`, the time and the memory of the program on 1, 10, 100 times as many examples.
//!
//! ```text
//! cargo run --release -p crosscut-benches --bin growth -- ranking
//! cargo build --release -p crosscut-cli
//! cargo run --release -p crosscut-benches --bin growth -- large
//! cargo run --release -p crosscut-benches --bin growth -- large --data FOLDER --only fashion
//! ```

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program")]

#[cfg(target_os = "linux")]
mod child;
#[cfg(target_os = "linux")]
mod large;
#[cfg(target_os = "linux")]
mod made;
mod ranking;

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Measures what grows with the data.
#[derive(Parser)]
#[command(name = "growth", version)]
struct Arguments {
    #[command(subcommand)]
    what: Option<What>,
}

#[derive(Subcommand)]
enum What {
    /// The time of learning to rank, with the documents of a query and with queries (the default).
    Ranking,
    /// Time and memory of `crosscut learn` for each example, on larger and larger files (Linux).
    Large(Large),
}

/// What `large` trains on, and how.
#[derive(clap::Args)]
struct Large {
    /// The folder of the files of `--bin race`, for more data than those of this repository.
    #[arg(long, value_name = "FOLDER")]
    data: Option<PathBuf>,
    /// Only these data.
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    only: Vec<String>,
    /// How many times the data [default: depends on the data].
    #[arg(long, value_name = "N", value_delimiter = ',')]
    times: Vec<f64>,
    /// Exact passes of each training.
    #[arg(long, value_name = "N", default_value_t = 3)]
    passes: u32,
    /// Threads of the program.
    #[arg(long, value_name = "N", default_value_t = 1)]
    threads: u32,
    /// How often each size is trained on; the quickest counts, for reading and for training.
    #[arg(long, value_name = "N", default_value_t = 1)]
    rounds: u32,
    /// The program [default: `crosscut` beside this one].
    #[arg(long, value_name = "FILE")]
    crosscut: Option<PathBuf>,
    /// Where files are made. Each is removed when it has been trained on.
    #[arg(long, value_name = "FOLDER", default_value = "target/growth")]
    folder: PathBuf,
}

fn main() -> ExitCode {
    let done = match Arguments::parse().what {
        None | Some(What::Ranking) => ranking::run().map_err(Box::from),
        Some(What::Large(arguments)) => large(&arguments),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("growth: {error}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(target_os = "linux")]
fn large(arguments: &Large) -> Result<(), Box<dyn Error>> {
    large::run(arguments)
}

#[cfg(not(target_os = "linux"))]
fn large(_: &Large) -> Result<(), Box<dyn Error>> {
    Err("large reads /proc, which only Linux has".into())
}
