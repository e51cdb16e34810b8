//! [`Learn`] and [`Classify`]: the flags of the family, as they are typed.
//!
//! Flags come first, each a word that begins with `-` and one value after it; the first other word
//! is the file of examples.

use std::ffi::OsString;
use std::path::PathBuf;
use std::str::FromStr;

use crosscut::{Rescaling, SlackNorm};
use crosscut_app::Error;

/// What was typed for a learning program.
#[derive(Clone, Debug)]
pub struct Learn {
    /// `-v`: 0 says nothing, 1 what the family says, 2 more.
    pub verbosity: i64,
    /// `-c`.
    pub c: f64,
    /// `-p`.
    pub slack_norm: SlackNorm,
    /// `-o`.
    pub rescaling: Rescaling,
    /// `-l`, the program's default if `None`.
    pub loss: Option<u32>,
    /// `-w`, 0 to 4, the program's default if `None`.
    pub algorithm: Option<u32>,
    /// `-e`, in the units of the loss, the program's default if `None`.
    pub epsilon: Option<f64>,
    /// `-a`.
    pub alphas: Option<PathBuf>,
    /// `--t`, `--e`, `--b`, …: names and values.
    pub own: Vec<(String, String)>,
    /// Flags that mean nothing here, as they were typed.
    pub idle: Vec<String>,
    /// The file of examples.
    pub examples: PathBuf,
    /// The file of the model.
    pub model: PathBuf,
    /// What else was typed, to no effect.
    pub surplus: Vec<String>,
}

/// What was typed for a classifying program.
#[derive(Clone, Debug)]
pub struct Classify {
    /// `-v`.
    pub verbosity: i64,
    /// `--b`, …: names and values.
    pub own: Vec<(String, String)>,
    /// The file of examples.
    pub examples: PathBuf,
    /// The file of the model.
    pub model: PathBuf,
    /// The file of predictions.
    pub predictions: PathBuf,
    /// What else was typed, to no effect.
    pub surplus: Vec<String>,
}

/// What the words on a command line came to.
#[derive(Debug)]
pub enum Parsed<T> {
    /// Something to do.
    Run(T),
    /// A wish for help.
    Help,
}

/// Flags of the inner optimiser of the family, which is another one here: the flag, what it must
/// be, and whether a value is that.
type Idle = (&'static str, &'static str, fn(&str) -> bool);
const IDLE: [Idle; 13] = [
    ("-y", "a whole number", |text| text.parse::<i64>().is_ok()),
    ("-k", "a whole number of at least 0", |text| text.parse::<u64>().is_ok()),
    ("-f", "a whole number of at least 1", |text| {
        text.parse::<u64>().is_ok_and(|value| value >= 1)
    }),
    ("-b", "a number above 0 and at most 100", |text| {
        text.parse::<f64>().is_ok_and(|value| value > 0.0 && value <= 100.0)
    }),
    ("-n", "a whole number of at least 0", |text| text.parse::<u64>().is_ok()),
    ("-q", "a whole number of at least 2", |text| {
        text.parse::<u64>().is_ok_and(|value| value >= 2)
    }),
    ("-m", "a number", |text| text.parse::<f64>().is_ok()),
    ("-h", "a whole number", |text| text.parse::<i64>().is_ok()),
    ("-#", "a whole number", |text| text.parse::<i64>().is_ok()),
    ("-d", "a number", |text| text.parse::<f64>().is_ok()),
    ("-g", "a number", |text| text.parse::<f64>().is_ok()),
    ("-s", "a number", |text| text.parse::<f64>().is_ok()),
    ("-r", "a number", |text| text.parse::<f64>().is_ok()),
];

impl Learn {
    /// Reads the words after the name of the program. `own` are the program's options with two
    /// dashes; others are refused, or passed over if `lenient`.
    ///
    /// # Errors
    /// [`Error::Option`] for flags that are unknown, lack their value or have one they cannot have.
    pub fn parse(words: &[OsString], own: &[&str], lenient: bool) -> Result<Parsed<Self>, Error> {
        // A bare call is how others find out whether the program is there.
        if words.is_empty() {
            return Ok(Parsed::Help);
        }
        let mut learn = Self {
            verbosity: 1,
            c: 0.0,
            slack_norm: SlackNorm::Linear,
            rescaling: Rescaling::Margin,
            loss: None,
            algorithm: None,
            epsilon: None,
            alphas: None,
            own: Vec::new(),
            idle: Vec::new(),
            examples: PathBuf::new(),
            model: PathBuf::from("svm_struct_model"),
            surplus: Vec::new(),
        };
        let mut c = None;
        let mut words = words.iter();
        let mut files = loop {
            let Some((flag, value)) = next_flag(&mut words)? else { break words.as_slice().iter() };
            let Some(value) = value else { return Ok(Parsed::Help) };
            let value = value.to_owned();
            let text = || {
                value.to_str().ok_or_else(|| Error::option(&flag, "plain text", value.display()))
            };
            match flag.as_str() {
                "-v" => learn.verbosity = number(&flag, text()?, "a whole number", |_| true)?,
                "-c" => {
                    c = Some(number(&flag, text()?, "a number above 0", |c: &f64| {
                        c.is_finite() && *c > 0.0
                    })?)
                }
                "-p" => {
                    learn.slack_norm = match text()? {
                        "1" => SlackNorm::Linear,
                        "2" => SlackNorm::Squared,
                        other => {
                            return Err(Error::option(
                                flag,
                                "1 (slacks) or 2 (squared slacks)",
                                other,
                            ));
                        }
                    }
                }
                "-o" => {
                    learn.rescaling = match text()? {
                        "1" => Rescaling::Slack,
                        "2" => Rescaling::Margin,
                        other => {
                            return Err(Error::option(
                                flag,
                                "1 (slack rescaling) or 2 (margin rescaling)",
                                other,
                            ));
                        }
                    }
                }
                "-l" => {
                    learn.loss = Some(number(&flag, text()?, "the number of a loss", |_| true)?)
                }
                "-w" => {
                    let expected = "0 or 1 (n-slack) or 2, 3 or 4 (1-slack)";
                    learn.algorithm = Some(number(&flag, text()?, expected, |w: &u32| *w <= 4)?);
                }
                "-e" => {
                    let positive = |epsilon: &f64| epsilon.is_finite() && *epsilon > 0.0;
                    learn.epsilon = Some(number(&flag, text()?, "a number above 0", positive)?);
                }
                "-t" => {
                    let expected = "0: kernels are not offered. Put the features of the kernel (its products, or random \
                                    features) into the file, or use the program of SVM^struct";
                    let kernel: u32 =
                        number(&flag, text()?, expected, |kernel: &u32| *kernel == 0)?;
                    learn.idle.push(format!("-t {kernel}"));
                }
                "-a" => learn.alphas = Some(PathBuf::from(value)),
                "-u" => learn.idle.push(format!("{flag} {}", text()?)),
                _ => match IDLE.iter().find(|(name, ..)| *name == flag) {
                    Some((_, expected, holds)) => {
                        let text = text()?;
                        if !holds(text) {
                            return Err(Error::option(flag, *expected, text));
                        }
                        learn.idle.push(format!("{flag} {text}"));
                    }
                    None => match flag.strip_prefix("--") {
                        Some(name) if own.contains(&name) => {
                            learn.own.push((name.to_owned(), text()?.to_owned()))
                        }
                        Some(_) if lenient => learn.surplus.push(format!("{flag} {}", text()?)),
                        _ => return Err(unknown(&flag)),
                    },
                },
            }
        };
        learn.examples = files.next().ok_or_else(|| missing("a file of training examples"))?.into();
        if let Some(model) = files.next() {
            learn.model = model.into();
        }
        learn.surplus.extend(files.map(|word| word.display().to_string()));
        learn.c =
            c.ok_or_else(|| missing("-c C, the trade-off between margin and training error"))?;
        Ok(Parsed::Run(learn))
    }

    /// A program's own option as a whole number.
    ///
    /// # Errors
    /// [`Error::Option`] where it is none, or not one of those allowed.
    pub fn own_count(
        &self,
        name: &str,
        expected: &str,
        most: usize,
    ) -> Result<Option<usize>, Error> {
        own_count(&self.own, name, expected, most)
    }
}

impl Classify {
    /// Reads the words after the name of the program. `own` are the program's options with two
    /// dashes.
    ///
    /// # Errors
    /// [`Error::Option`] for flags that are unknown, lack their value or have one they cannot have.
    pub fn parse(words: &[OsString], own: &[&str]) -> Result<Parsed<Self>, Error> {
        if words.is_empty() {
            return Ok(Parsed::Help);
        }
        let mut classify = Self {
            verbosity: 1,
            own: Vec::new(),
            examples: PathBuf::new(),
            model: PathBuf::new(),
            predictions: PathBuf::from("svm_predictions"),
            surplus: Vec::new(),
        };
        let mut words = words.iter();
        let mut files = loop {
            // Here -h asks for help.
            if words.as_slice().first().is_some_and(|word| word == "-h") {
                return Ok(Parsed::Help);
            }
            let Some((flag, value)) = next_flag(&mut words)? else { break words.as_slice().iter() };
            let Some(value) = value else { return Ok(Parsed::Help) };
            let text = value
                .to_str()
                .ok_or_else(|| Error::option(&flag, "plain text", value.display()))?;
            match (flag.as_str(), flag.strip_prefix("--")) {
                ("-v", _) => classify.verbosity = number(&flag, text, "a whole number", |_| true)?,
                ("-y", _) => drop(number::<i64>(&flag, text, "a whole number", |_| true)?),
                (_, Some(name)) if own.contains(&name) => {
                    classify.own.push((name.to_owned(), text.to_owned()))
                }
                _ => return Err(unknown(&flag)),
            }
        };
        classify.examples = files.next().ok_or_else(|| missing("a file of examples"))?.into();
        classify.model = files.next().ok_or_else(|| missing("the file of a model"))?.into();
        if let Some(predictions) = files.next() {
            classify.predictions = predictions.into();
        }
        classify.surplus = files.map(|word| word.display().to_string()).collect();
        Ok(Parsed::Run(classify))
    }

    /// A program's own option as a whole number.
    ///
    /// # Errors
    /// [`Error::Option`] where it is none, or not one of those allowed.
    pub fn own_count(
        &self,
        name: &str,
        expected: &str,
        most: usize,
    ) -> Result<Option<usize>, Error> {
        own_count(&self.own, name, expected, most)
    }
}

type Flag<'w> = (String, Option<&'w OsString>);

/// The next flag with its value, which is `None` for `-?`; nothing where the files begin.
fn next_flag<'w>(words: &mut std::slice::Iter<'w, OsString>) -> Result<Option<Flag<'w>>, Error> {
    let Some(flag) = words.as_slice().first().and_then(|word| word.to_str()) else {
        return Ok(None);
    };
    // `-` alone is standard input.
    if !flag.starts_with('-') || flag == "-" {
        return Ok(None);
    }
    words.next();
    if matches!(flag, "-?" | "--help") {
        return Ok(Some((flag.to_owned(), None)));
    }
    match words.next() {
        Some(value) => Ok(Some((flag.to_owned(), Some(value)))),
        None => Err(Error::option(flag, "a value after it", "")),
    }
}

fn own_count(
    own: &[(String, String)],
    name: &str,
    expected: &str,
    most: usize,
) -> Result<Option<usize>, Error> {
    let Some((_, text)) = own.iter().rev().find(|(own, _)| own == name) else { return Ok(None) };
    number(&format!("--{name}"), text, expected, |value: &usize| *value <= most).map(Some)
}

fn number<T: FromStr>(
    flag: &str,
    text: &str,
    expected: &str,
    holds: impl Fn(&T) -> bool,
) -> Result<T, Error> {
    match text.parse() {
        Ok(value) if holds(&value) => Ok(value),
        _ => Err(Error::option(flag, expected, text)),
    }
}

fn unknown(flag: &str) -> Error {
    Error::option("the command line", "a flag that the program knows (-? lists them)", flag)
}

fn missing(what: &str) -> Error {
    Error::option("the command line", what, "nothing")
}
