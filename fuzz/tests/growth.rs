//! Memory of reading training files, which grows with what is kept of them and with nothing else.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, and so do its helpers")]
#![allow(clippy::print_stdout, reason = "what is measured")]

use std::alloc::System;
use std::fmt::Write as _;
use std::io::Write as _;

use cap::Cap;
use crosscut_app::{Format, Options, Source, Training, define};
use crosscut_multiclass::MulticlassFiles;
use crosscut_ranking::RankingFiles;
use crosscut_sequence::SequenceFiles;
use flate2::{Compression, write::GzEncoder};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;

#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, usize::MAX);

/// Blocks of text under way, what is parsed of them, ids and names, on one thread.
const UNDER_WAY: usize = 4 << 20;

struct Case {
    name: &'static str,
    /// An example, as it stands in a file.
    write: fn(usize, &mut Pcg64, &mut String),
    options: &'static [(&'static str, &'static str)],
    /// Of the smaller of two files; the other one has ten times as many.
    examples: usize,
    /// Bytes that are held when a source has been read: per example.
    held: fn(&Options, Source<'_>) -> (usize, usize),
}

/// Features `id:value` of `width`, of which one in `every` is there.
fn features(width: usize, every: usize, random: &mut Pcg64, text: &mut String) {
    for id in 1..=width {
        if random.random_range(0..every) == 0 {
            let _ = write!(text, " {id}:{}", random.random_range(1..1000));
        }
    }
}

fn row(_: usize, random: &mut Pcg64, text: &mut String) {
    let _ = write!(text, "{}", random.random_range(0..26));
    features(16, 1, random, text);
    text.push('\n');
}

fn hmm(number: usize, random: &mut Pcg64, text: &mut String) {
    for _ in 0..random.random_range(1..16) {
        let _ = write!(text, "{} qid:{number}", random.random_range(0..9));
        features(100, 10, random, text);
        text.push('\n');
    }
}

fn crfsuite(_: usize, random: &mut Pcg64, text: &mut String) {
    for _ in 0..random.random_range(1..16) {
        let _ = write!(text, "T{}", random.random_range(0..9));
        for place in 0..8 {
            let _ = write!(text, "\tw[{place}]=word{}", random.random_range(0..1000));
        }
        text.push('\n');
    }
    text.push('\n');
}

fn columns(_: usize, random: &mut Pcg64, text: &mut String) {
    for _ in 0..random.random_range(1..16) {
        let word = random.random_range(0..40);
        let (pos, tag) = (word % 7, random.random_range(0..9));
        let _ = writeln!(text, "word{word} P{pos} T{tag}");
    }
    text.push('\n');
}

fn documents(every: usize, number: usize, random: &mut Pcg64, text: &mut String) {
    for _ in 0..random.random_range(5..25) {
        let _ = write!(text, "{} qid:{number}", random.random_range(0..5));
        features(46, every, random, text);
        text.push('\n');
    }
}

fn dense_query(number: usize, random: &mut Pcg64, text: &mut String) {
    documents(1, number, random, text);
}

fn sparse_query(number: usize, random: &mut Pcg64, text: &mut String) {
    documents(4, number, random, text);
}

/// Reads a source; examples, and bytes that are held then.
fn held<F: Format>(options: &Options, source: Source<'_>) -> (usize, usize) {
    let before = ALLOCATOR.allocated();
    let Training { examples, .. } = define::<F>(options, source).unwrap();
    (examples.len(), ALLOCATOR.allocated() - before)
}

const CASES: [Case; 6] = [
    Case {
        name: "svm-light",
        write: row,
        options: &[("bias", "1")],
        examples: 18_000,
        held: held::<MulticlassFiles>,
    },
    Case { name: "hmm", write: hmm, options: &[], examples: 3_500, held: held::<SequenceFiles> },
    Case {
        name: "crfsuite",
        write: crfsuite,
        options: &[],
        examples: 4_000,
        held: held::<SequenceFiles>,
    },
    Case {
        name: "columns",
        write: columns,
        options: &[("template", "chunking")],
        examples: 2_000,
        held: held::<SequenceFiles>,
    },
    Case {
        name: "dense ranking",
        write: dense_query,
        options: &[],
        examples: 1_000,
        held: held::<RankingFiles>,
    },
    Case {
        name: "sparse ranking",
        write: sparse_query,
        options: &[],
        examples: 2_000,
        held: held::<RankingFiles>,
    },
];

/// The one test here: the limit is that of the whole process. Where more memory is asked for, the
/// program is aborted; the last line that was printed says what was read.
#[test]
fn reading_takes_little_more_than_the_examples() {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    for Case { name, write, options: given, examples, held } in CASES {
        let mut options = Options::default();
        given.iter().for_each(|(name, value)| options.set(name, *value));
        let text = |examples: usize| {
            let (mut text, mut random) = (String::new(), Pcg64::seed_from_u64(1));
            (0..examples).for_each(|number| write(number, &mut random, &mut text));
            text.into_bytes()
        };
        let read = |text: &[u8]| {
            pool.install(|| held(&options, Source::from_reader("text", text).unwrap()))
        };
        let (few, many) = (text(examples), text(10 * examples));
        let each = |text: &[u8]| {
            let (examples, bytes) = read(text);
            (bytes, bytes as f64 / examples as f64)
        };
        let ((_, of_few), (bytes, of_many)) = (each(&few), each(&many));
        println!(
            "{name}: {of_few:.0} and {of_many:.0} bytes an example, {:.1} MB",
            bytes as f64 / 1e6
        );
        assert!((of_few / of_many - 1.0).abs() <= 0.2, "{name}");
        assert!(bytes >= 25_000_000, "{name}: {bytes} bytes are too few to tell");
        let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
        packed.write_all(&many).unwrap();
        let packed = packed.finish().unwrap();
        for (kind, text) in [("plain", &many), ("gz", &packed)] {
            println!("{name}, {kind}: with 1.3 times as much");
            let limit = ALLOCATOR.allocated() + bytes / 10 * 13 + UNDER_WAY;
            ALLOCATOR.set_limit(limit).unwrap();
            assert_eq!(read(text).0, 10 * examples);
            ALLOCATOR.set_limit(usize::MAX).unwrap();
        }
    }
}
