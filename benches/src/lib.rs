//! Made-up problems for the benches, the same on every machine.
//!
//! | command | what it measures |
//! |---|---|
//! | `cargo bench -p crosscut-benches` | one oracle call, a block step, an exact pass, parsing; see the head of each file |
//! | `cargo bench -p crosscut-benches -- --test` | nothing, but that they run |
//! | `cargo run --release -p crosscut-benches --bin arrives` | whether the default solver arrives on raw, badly scaled and small data, at every C, and what the others take |
//! | `cargo run --release -p crosscut-benches --bin auto` | which solver is the fastest for which sizes: the table behind `Solver::Auto` |
//! | `cargo run --release -p crosscut-benches --bin parts -- FILE.hmm` | a chain as a `Structure` and by parts beside `crosscut-sequence` |
//! | `cargo run --release -p crosscut-benches --bin tuning` | what each constant of the block solver does to passes and time: the table behind `Tuning` |
//! | `cargo run --release -p crosscut-benches --bin threads` | what more threads bring to training, and that they change no bit |
//! | `cargo run --release -p crosscut-benches --bin cores` | what threads bring to every verb and kind of file: the table of `docs/scaling.md` |
//! | `cargo run --release -p crosscut-benches --bin shards` | how many rounds training on several machines takes, and bytes and seconds of a round |
//! | `cargo run --release -p crosscut-benches --bin growth -- ranking` | how the time of learning to rank grows with documents and with queries |
//! | `cargo run --release -p crosscut-benches --bin growth -- large` | time and memory for each example, with up to 10,000,000 of them |
//! | `cargo run --release -p crosscut-benches --bin soak -- --minutes 60` | nothing: it breaks off training with signals, resumes it, and compares |
//! | `cargo run --release -p crosscut-benches --bin certificate` | nothing: it draws the bounds of a run, `docs/svg/certificate.svg` |
//! | `cargo run -p crosscut-benches --bin dependencies` | nothing: it writes `docs/dependencies.md` |
//! | `cargo run --release -p crosscut-benches --bin race` | Crosscut beside its peers on the same files, in turn; how far passes are from what the machine can do |

mod chain;
pub mod idx;
#[cfg(test)]
mod links;
mod multiclass;
pub mod plot;
mod ranking;
mod trees;

pub use chain::{Chain, ChainExamples, Tables, chain};
pub use multiclass::{MulticlassProblem, multiclass};
pub use ranking::{RankingProblem, ranking};
pub use trees::{Spans, TreeExamples, Trees, trees};

use crosscut::{Feature, SparseVector};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;

/// The generator of a problem: one stream for each seed.
fn stream(seed: u64) -> Pcg64 {
    Pcg64::seed_from_u64(seed)
}

/// A random sign times a number between 1/2 and 1.
fn value(random: &mut Pcg64) -> f32 {
    let size = 0.5 + 0.5 * random.random::<f32>();
    if random.random::<bool>() { size } else { -size }
}

/// A row with `nonzeros` of `width` features (or all of them), of length 1.
fn row(random: &mut Pcg64, width: usize, nonzeros: usize) -> SparseVector {
    let mut indices: Vec<u32> = if nonzeros >= width {
        (0..width as u32).collect()
    } else {
        (0..nonzeros).map(|_| random.random_range(0..width as u32)).collect()
    };
    indices.sort_unstable();
    indices.dedup();
    let scale = 1.0 / (indices.len().max(1) as f32).sqrt();
    let features = indices.into_iter().map(|index| Feature { index, value: scale * value(random) });
    SparseVector::new(features.collect()).expect("indices increase and values are finite")
}
