//! [`ClassWeight`]: `--class-weight`, factors of the weights of examples by class.

use std::path::Path;

use crosscut_app::{Error, OptionSpec, Options, Source};
use crosscut_data::Labels;

/// `--class-weight`.
pub(crate) const OPTION: OptionSpec = OptionSpec {
    name: "class-weight",
    value: "balanced|FILE",
    help: "Multiplies the weight of each training example by that of its class, from lines \
           `label weight` of FILE. `balanced` makes all classes weigh the same: n / (k n_class). \
           validate measures with these weights, evaluate without. Default: 1.",
};

/// What `--class-weight` says, before the classes are known.
#[derive(Debug)]
pub(crate) enum ClassWeight {
    One,
    Balanced,
    /// A file: its name and text.
    Listed {
        name: String,
        text: String,
    },
}

impl ClassWeight {
    /// # Errors
    /// A file that cannot be read.
    pub fn of(options: &Options) -> Result<Self, Error> {
        Ok(match options.text(OPTION.name) {
            None => Self::One,
            Some("balanced") => Self::Balanced,
            Some(path) => {
                let source = Source::open_quietly(Path::new(path))?;
                Self::Listed { name: source.name().to_owned(), text: source.text()? }
            }
        })
    }

    /// The factor of each class; none if all are 1. `examples` are the labels of the examples in
    /// `file`, all of them among the classes, and weights.
    ///
    /// # Errors
    /// Bad lines of the file of weights; weights that overflow.
    pub fn weights<'e>(
        &self,
        classes: &Labels,
        examples: impl Iterator<Item = (&'e str, f64)>,
        file: &str,
    ) -> Result<Vec<f64>, Error> {
        match self {
            Self::One => Ok(Vec::new()),
            Self::Listed { name, text } => read(name, text, classes),
            Self::Balanced => {
                let mut sums = vec![0.0; classes.len()];
                for (label, weight) in examples {
                    if let Some(class) = classes.index(label) {
                        sums[class] += weight;
                    }
                }
                let mean = sums.iter().sum::<f64>() / classes.len() as f64;
                // The factor of a class without weight has no effect.
                let factor = |&sum: &f64| if sum > 0.0 { mean / sum } else { 1.0 };
                let factors: Vec<f64> = sums.iter().map(factor).collect();
                match factors.iter().all(|factor| factor.is_finite()) {
                    true => Ok(factors),
                    false => {
                        let message = "expected weights of examples that --class-weight balanced can \
                                       divide by, found weights too far apart";
                        Err(Error::file(file, message))
                    }
                }
            }
        }
    }
}

/// Reads lines `label weight`. The label may have spaces. Blank lines and lines that begin with `#`
/// are skipped.
fn read(file: &str, text: &str, classes: &Labels) -> Result<Vec<f64>, Error> {
    let (mut factors, mut seen) = (vec![1.0; classes.len()], vec![false; classes.len()]);
    for (line, number) in text.lines().zip(1_u64..) {
        let refuse = |message: String| Error::line(file, number, message);
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let Some((label, weight)) = line.rsplit_once(|letter: char| letter.is_whitespace()) else {
            return Err(refuse(format!("expected `label weight`, found `{line}`")));
        };
        let label = label.trim_end();
        let class = classes.index(label).ok_or_else(|| {
            refuse(format!("expected a label of the training examples, found `{label}`"))
        })?;
        let factor =
            weight.parse().ok().filter(|factor: &f64| factor.is_finite() && *factor >= 0.0);
        factors[class] = factor.ok_or_else(|| {
            refuse(format!("expected a weight, a finite number of at least 0, found `{weight}`"))
        })?;
        if std::mem::replace(&mut seen[class], true) {
            return Err(refuse(format!("expected each label once, found `{label}` again")));
        }
    }
    match seen.contains(&true) {
        true => Ok(factors),
        false => Err(Error::file(file, "expected lines `label weight`, found none")),
    }
}
