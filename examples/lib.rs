//! Runnable examples for Crosscut. Each file beside this one begins with what it shows, how to run
//! it and what comes out.
//!
//! | example | shows |
//! |---|---|
//! | `interval` | a structure of your own, from its definition to a command line, in 64 lines |
//! | `alignment` | the structure by parts of the tutorial, as a program |
//! | `matching` | a structure by parts with an assignment problem for its search |
//! | `letter` | choosing C by cross-validation and reproducing a published error rate, on data that come with the sources |
//! | `newsgroups` | text classification with 1.5 million weights, from files that you name |
//! | `wnut17` | names in text from the web, tagged with features of words and a loss that fits the measure; data that come with the sources |
//! | `chunking` | CoNLL-2000 chunking: a template, C by the F1 of cross-validation, from files that you name |
//! | `ocr` | handwritten words: chains beside letters alone, in ten folds, from a file that you name |
//! | `lambdarank` | learning to rank with four losses, beside boosted trees; data that come with the sources |
//! | `letor` | the five folds of MQ2008 with the measures of LETOR's scripts, from a folder that you name |
//!
//! ```text
//! cargo run --release -p crosscut-examples --example letter
//! ```

/// The Rust code of the README and of the book, as tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
#[cfg(doctest)]
#[doc = include_str!("../docs/rust.md")]
struct TrainingFromRust;
#[cfg(doctest)]
#[doc = include_str!("../docs/several-machines.md")]
struct SeveralMachines;
