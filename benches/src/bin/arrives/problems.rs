//! The problems of the suite.

use std::fmt::Write;

use crosscut::Objective;
use crosscut::SlackNorm::{self, Linear, Squared};
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;

use crate::data::Origin::{self, File, Grouped, Images, Made, Table, Times};

/// What is predicted.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// Classes, with a bias of 1.
    Multiclass,
    /// Classes, without a bias.
    Plain,
    /// Orders, with this number of a loss.
    Ranking(u32),
    /// Tags, by the number of wrong ones.
    Tags,
    /// Tags of lines of words, with the template for names.
    Words,
}

/// A problem.
#[derive(Clone, Copy, Debug)]
pub struct Problem {
    pub name: &'static str,
    pub kind: Kind,
    pub origin: Origin,
    /// What training minimises.
    pub objective: Objective,
    /// One example in so many is trained on.
    pub every: usize,
    pub slack_norm: SlackNorm,
}

const fn problem(name: &'static str, kind: Kind, origin: Origin) -> Problem {
    Problem { name, kind, origin, objective: Objective::Hinge, every: 1, slack_norm: Linear }
}

const fn part(name: &'static str, kind: Kind, origin: Origin) -> Problem {
    Problem { every: 16, ..problem(name, kind, origin) }
}

const fn squared(name: &'static str, kind: Kind, origin: Origin) -> Problem {
    Problem { slack_norm: Squared, ..problem(name, kind, origin) }
}

const fn log(problem: Problem) -> Problem {
    Problem { objective: Objective::Log, ..problem }
}

const WINE: &str = "wine_data.csv";
const IRIS: &str = "iris.csv";
const CANCER: &str = "breast_cancer.csv";
const DIGITS: &str = "digits.train.svm";
const MSLR: &str = "mslr.norm.train.dat";
const FASHION: (&str, &str) = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte");

use Kind::{Multiclass, Plain, Ranking, Tags, Words};

/// All of them: tables as they come, made ones of each kind of trouble, and a sixteenth of each
/// task of the race; then those with classes and tags with the log-loss.
pub const PROBLEMS: &[Problem] = &[
    problem("wine", Multiclass, Table(WINE, 1.0)),
    problem("wine / 1000", Multiclass, Table(WINE, 1e-3)),
    problem("wine · 1000", Multiclass, Table(WINE, 1e3)),
    problem("wine, no bias", Plain, Table(WINE, 1.0)),
    squared("wine, squared", Multiclass, Table(WINE, 1.0)),
    problem("iris", Multiclass, Table(IRIS, 1.0)),
    problem("iris / 1000", Multiclass, Table(IRIS, 1e-3)),
    problem("iris · 1000", Multiclass, Table(IRIS, 1e3)),
    problem("cancer", Multiclass, Table(CANCER, 1.0)),
    problem("cancer / 1000", Multiclass, Table(CANCER, 1e-3)),
    problem("cancer · 1000", Multiclass, Table(CANCER, 1e3)),
    problem("digits", Multiclass, File(DIGITS)),
    problem("digits / 1000", Multiclass, Times(DIGITS, 1e-3)),
    problem("digits · 1000", Multiclass, Times(DIGITS, 1e3)),
    squared("digits, squared", Multiclass, File(DIGITS)),
    problem("satimage", Multiclass, File("satimage.train.svm")),
    problem("dna", Multiclass, File("dna.train.svm")),
    problem("letter", Multiclass, File("letter.train.svm")),
    problem("sizes", Multiclass, Made(sizes)),
    problem("sizes, no bias", Plain, Made(sizes)),
    problem("powers of ten", Multiclass, Made(powers)),
    problem("offsets", Multiclass, Made(offsets)),
    problem("copied columns", Multiclass, Made(copies)),
    problem("an outlier", Multiclass, Made(outlier)),
    problem("two against 3500", Multiclass, Made(rare)),
    problem("counts", Plain, Made(counts)),
    problem("genes", Multiclass, Made(genes)),
    problem("contradictions", Plain, Made(contradictions)),
    problem("contradicting orders", Ranking(1), Made(contradicting_orders)),
    problem("contradicting tags", Tags, Made(contradicting_tags)),
    problem("one large feature", Ranking(1), Made(one_large_feature)),
    problem("readings", Tags, Made(readings)),
    problem("mq2008", Ranking(1), File("mq.train.dat")),
    problem("mslr", Ranking(1), File(MSLR)),
    squared("mslr, squared", Ranking(1), File(MSLR)),
    problem("mslr raw", Ranking(1), File("msn1.fold1.train.5k.txt")),
    problem("lambdarank", Ranking(2), Grouped("lambdarank.train.svm", "lambdarank.train.group")),
    part("names / 16", Words, File("wnut17.dev.conll")),
    part("news / 16", Plain, File("news.train.svm")),
    part("news counts / 16", Plain, File("20newsgroups-counts.train.svm")),
    part("letter / 16", Multiclass, File("letter.train.svm")),
    part("digits / 16", Multiclass, File(DIGITS)),
    part("fashion / 16", Multiclass, Images(FASHION.0, FASHION.1, 1.0 / 255.0)),
    part("fashion raw / 16", Multiclass, Images(FASHION.0, FASHION.1, 1.0)),
    part("ocr / 16", Tags, File("ocr.train.hmm")),
    part("chunking / 16", Tags, File("chunk.train.hmm")),
    part("mq2008 / 16", Ranking(1), File("mq.train.dat")),
    part("mslr / 16", Ranking(1), File(MSLR)),
    part("lambdarank / 16", Ranking(2), Grouped("lambdarank.train.svm", "lambdarank.train.group")),
    log(problem("log wine", Multiclass, Table(WINE, 1.0))),
    log(problem("log wine / 1000", Multiclass, Table(WINE, 1e-3))),
    log(problem("log wine · 1000", Multiclass, Table(WINE, 1e3))),
    log(problem("log wine, no bias", Plain, Table(WINE, 1.0))),
    log(problem("log iris", Multiclass, Table(IRIS, 1.0))),
    log(problem("log iris / 1000", Multiclass, Table(IRIS, 1e-3))),
    log(problem("log iris · 1000", Multiclass, Table(IRIS, 1e3))),
    log(problem("log cancer", Multiclass, Table(CANCER, 1.0))),
    log(problem("log cancer · 1000", Multiclass, Table(CANCER, 1e3))),
    log(problem("log digits", Multiclass, File(DIGITS))),
    log(problem("log dna", Multiclass, File("dna.train.svm"))),
    log(problem("log sizes", Multiclass, Made(sizes))),
    log(problem("log powers of ten", Multiclass, Made(powers))),
    log(problem("log offsets", Multiclass, Made(offsets))),
    log(problem("log copied columns", Multiclass, Made(copies))),
    log(problem("log an outlier", Multiclass, Made(outlier))),
    log(problem("log two against 3500", Multiclass, Made(rare))),
    log(problem("log counts", Plain, Made(counts))),
    log(problem("log genes", Multiclass, Made(genes))),
    log(problem("log contradictions", Plain, Made(contradictions))),
    log(problem("log contradicting tags", Tags, Made(contradicting_tags))),
    log(problem("log readings", Tags, Made(readings))),
    log(part("log names / 16", Words, File("wnut17.dev.conll"))),
    log(part("log news / 16", Plain, File("news.train.svm"))),
    log(part("log news counts / 16", Plain, File("20newsgroups-counts.train.svm"))),
    log(part("log letter / 16", Multiclass, File("letter.train.svm"))),
    log(part("log fashion / 16", Multiclass, Images(FASHION.0, FASHION.1, 1.0 / 255.0))),
    log(part("log fashion raw / 16", Multiclass, Images(FASHION.0, FASHION.1, 1.0))),
    log(part("log ocr / 16", Tags, File("ocr.train.hmm"))),
    log(part("log chunking / 16", Tags, File("chunk.train.hmm"))),
];

/// A number of the standard normal distribution, nearly.
fn normal(random: &mut Pcg64) -> f64 {
    (0..12).map(|_| random.random::<f64>()).sum::<f64>() - 6.0
}

/// A table of `n` rows: features of these means and spreads, and classes by hidden weights on the
/// features at spread 1, with noise.
fn rows(n: usize, classes: usize, columns: &[(f64, f64)], seed: u64) -> String {
    let random = &mut Pcg64::seed_from_u64(seed);
    let hidden: Vec<f64> = (0..classes * columns.len()).map(|_| normal(random)).collect();
    let mut text = String::new();
    for _ in 0..n {
        let x: Vec<f64> = columns.iter().map(|_| normal(random)).collect();
        let scores = hidden.chunks_exact(columns.len()).map(|weights| {
            let score: f64 = weights.iter().zip(&x).map(|(weight, x)| weight * x).sum();
            score + 0.5 * normal(random)
        });
        let (class, _) = scores.enumerate().fold((0, f64::NEG_INFINITY), |best, (class, score)| {
            if score > best.1 { (class, score) } else { best }
        });
        let _ = write!(text, "{}", class + 1);
        for (at, (x, (mean, spread))) in x.iter().zip(columns).enumerate() {
            let _ = write!(text, " {}:{:.6}", at + 1, mean + spread * x);
        }
        text.push('\n');
    }
    text
}

/// A table of people, say: ages, incomes, rates.
fn sizes() -> String {
    rows(
        180,
        3,
        &[(15.0, 3.0), (1100.0, 200.0), (20.0, 5.0), (90.0, 10.0), (1.0, 0.1), (5.0, 1.0)],
        1,
    )
}

fn powers() -> String {
    let columns: Vec<(f64, f64)> = (-3..7).map(|power| (0.0, 10f64.powi(power))).collect();
    rows(300, 4, &columns, 2)
}

fn offsets() -> String {
    rows(400, 2, &[(1e4, 1.0); 8], 3)
}

fn copies() -> String {
    let text = rows(300, 3, &[(0.0, 1.0); 6], 4);
    let line = |line: &str| {
        let again = line.split_whitespace().skip(1).enumerate().map(|(at, word)| {
            let value = word
                .split_once(':')
                .and_then(|(_, value)| value.parse::<f64>().ok())
                .unwrap_or(0.0);
            format!(" {}:{:.3}", at + 7, 1000.0 * value)
        });
        format!("{line}{}\n", again.collect::<String>())
    };
    text.lines().map(line).collect()
}

fn outlier() -> String {
    format!("{}1 1:1e6 2:-1e6 3:1e6 4:1 5:-1e6\n", rows(200, 2, &[(0.0, 1.0); 5], 5))
}

fn rare() -> String {
    let text = rows(3500, 2, &[(5.0, 2.0); 10], 6);
    let line = |(at, line): (usize, &str)| {
        let features = line.split_once(' ').map_or("", |(_, features)| features);
        format!("{} {features}\n", if at < 2 { "2" } else { "1" })
    };
    text.lines().enumerate().map(line).collect()
}

/// Texts as counts of words, some of which are in every text.
fn counts() -> String {
    let random = &mut Pcg64::seed_from_u64(7);
    let mut text = String::new();
    for _ in 0..500 {
        let class = random.random_range(0..4_usize);
        let mut counts = [0_u32; 800];
        for _ in 0..random.random_range(30..600) {
            // The k-th word is as frequent as 1/k; one word in five is of the class.
            let word = (800f64.powf(random.random::<f64>()) - 1.0) as usize;
            let word = if random.random_range(0..5) == 0 { 4 * (word / 4) + class } else { word };
            counts[word.min(799)] += 1;
        }
        let _ = write!(text, "{}", class + 1);
        for (at, count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
            let _ = write!(text, " {}:{count}", at + 1);
        }
        text.push('\n');
    }
    text
}

/// Few rows of many positive features, from small to very large, as gene expression has them.
fn genes() -> String {
    let random = &mut Pcg64::seed_from_u64(8);
    let columns: Vec<(f64, f64)> = (0..2000)
        .map(|_| {
            let mean = 10f64.powf(1.0 + 3.0 * random.random::<f64>());
            (mean, 0.3 * mean)
        })
        .collect();
    rows(120, 4, &columns, 8)
}

fn contradictions() -> String {
    "1 1:1\n2 1:1\n3 1:1\n1 1:-1\n".to_owned()
}

fn contradicting_orders() -> String {
    (1..=4)
        .map(|qid| {
            format!("2 qid:{qid} 1:1\n1 qid:{qid} 1:{}\n", if qid == 4 { -1 } else { 1 + qid })
        })
        .collect()
}

fn contradicting_tags() -> String {
    (1..=4)
        .map(|qid| format!("{} qid:{qid} 1:1\n{} qid:{qid} 1:1\n", 1 + qid % 3, 1 + qid % 2))
        .collect()
}

/// Queries of 10 documents, with 5 features of which one is about 800.
fn one_large_feature() -> String {
    let random = &mut Pcg64::seed_from_u64(9);
    let mut text = String::new();
    for qid in 1..=60 {
        for _ in 0..10 {
            let x: Vec<f64> = [0.0, 0.0, 0.0, 0.0, 800.0]
                .map(|mean| mean + normal(random) * (1.0 + 0.1 * mean))
                .to_vec();
            let grade =
                (1.5 + 0.7 * x[0] - 0.5 * x[1] + 0.005 * (x[4] - 800.0) + 0.5 * normal(random))
                    .clamp(0.0, 3.0);
            let _ = write!(text, "{} qid:{qid}", grade.round());
            x.iter().enumerate().for_each(|(at, x)| {
                let _ = write!(text, " {}:{x:.4}", at + 1);
            });
            text.push('\n');
        }
    }
    text
}

/// Sequences of readings of instruments in their own units, with 4 states that stay for a while.
fn readings() -> String {
    let random = &mut Pcg64::seed_from_u64(10);
    let units = [0.01, 1.0, 25.0, 1013.0];
    let mut text = String::new();
    for qid in 1..=40 {
        let mut state = 1_usize;
        for _ in 0..random.random_range(5..25) {
            if random.random_range(0..3) == 0 {
                state = *[1, 2, 3, 4].choose(random).unwrap_or(&1);
            }
            let _ = write!(text, "{state} qid:{qid}");
            for (at, unit) in units.iter().enumerate() {
                let level =
                    1.0 + 0.2 * f64::from(u8::from(at + 1 == state)) + 0.15 * normal(random);
                let _ = write!(text, " {}:{:.6}", at + 1, unit * level);
            }
            text.push('\n');
        }
    }
    text
}
