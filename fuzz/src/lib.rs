//! Fuzz targets: what every reader of Crosscut does with hostile input, and what it must not do.
//!
//! A [`Target`] takes any bytes and panics where a promise is broken: a reader must not panic, not
//! take memory out of proportion to its input, blame file and line for what is wrong, and read the
//! same from what was written back. The targets are plain functions, so `cargo test` runs them on
//! the files in `seeds/`, and `fuzz/run` lets libFuzzer look for others. `fuzz/README.md` says how.
//!
//! A new target is a function, a row of [`TARGETS`], and a folder of small files `seeds/NAME/`.

mod case;
mod checkpoints;
mod examples;
mod models;
mod programs;
mod training;

pub use models::{made, mend};

/// Something that takes hostile bytes.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name; its seeds are in `seeds/NAME/`.
    pub name: &'static str,
    /// Takes one input; panics where a promise is broken.
    pub run: fn(&[u8]),
}

/// All targets.
pub const TARGETS: &[Target] = &[
    Target { name: "archive", run: examples::archive },
    Target { name: "pipe", run: examples::pipe },
    Target { name: "svmlight", run: examples::svmlight },
    Target { name: "multiclass", run: examples::multiclass },
    Target { name: "ranking", run: examples::ranking },
    Target { name: "hmm", run: examples::hmm },
    Target { name: "crfsuite", run: examples::crfsuite },
    Target { name: "columns", run: examples::columns },
    Target { name: "conllu", run: examples::conllu },
    Target { name: "table", run: examples::table },
    Target { name: "side-files", run: examples::side_files },
    Target { name: "training", run: training::training },
    Target { name: "model", run: models::model },
    Target { name: "checkpoint", run: checkpoints::checkpoint },
    Target { name: "svmstruct-model", run: programs::model },
    Target { name: "svmstruct-learn", run: programs::learn },
];

/// Bytes of memory that one input of a few KiB may take, beside what the program has already.
pub const MEMORY: usize = 256 << 20;
