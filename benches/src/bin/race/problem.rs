//! [`Problem`]: the one problem that all programs of a task are given.

use std::fs;
use std::path::Path;
use std::process::Command;

use crosscut::{C, Rescaling, Settings, Solution, Task};
use crosscut_app::{Format, Options};
use crosscut_multiclass::MulticlassFiles;
use crosscut_ranking::RankingFiles;
use crosscut_sequence::SequenceFiles;

use crate::error::RaceError;
use crate::files::Prepared;
use crate::judge::Judge;
use crate::measures::{self, Measures, TagNames};
use crate::programs::said;
use crate::weights::{self, Crfsuite, Liblinear, SvmStruct};

/// What is predicted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// Classes, with this bias.
    Multiclass(Option<f32>),
    /// Tags.
    Sequence,
    /// Tags with the log-loss: a conditional random field.
    Crf,
    /// Orders, with this number of a loss (`-l`).
    Ranking(u32),
}

impl Kind {
    /// The options of the task, as arguments of `crosscut learn`.
    pub fn arguments(self) -> Vec<String> {
        match self {
            Self::Multiclass(None) => Vec::new(),
            Self::Multiclass(Some(bias)) => vec!["--bias".to_owned(), bias.to_string()],
            Self::Sequence => vec!["-l".to_owned(), "1".to_owned()],
            Self::Crf => vec!["--objective".to_owned(), "log".to_owned()],
            Self::Ranking(loss) => vec!["-l".to_owned(), loss.to_string()],
        }
    }

    /// The name of the task.
    pub fn name(self) -> &'static str {
        match self {
            Self::Multiclass(_) => MulticlassFiles::NAME,
            Self::Sequence | Self::Crf => SequenceFiles::NAME,
            Self::Ranking(_) => RankingFiles::NAME,
        }
    }

    fn options(self) -> Options {
        match self {
            Self::Multiclass(bias) => {
                let mut options = Options::new(Rescaling::Margin, None);
                if let Some(bias) = bias {
                    options.set("bias", bias.to_string());
                }
                options
            }
            Self::Sequence => Options::new(Rescaling::Margin, Some(1)),
            Self::Crf => {
                let mut options = Options::new(Rescaling::Margin, None);
                options.set("objective", "log");
                options
            }
            Self::Ranking(loss) => Options::new(Rescaling::Margin, Some(loss)),
        }
    }
}

/// A problem of any task.
pub enum Problem {
    /// Classes.
    Multiclass(Box<Judge<MulticlassFiles>>),
    /// Tags, and what they are called in the files of CRFsuite, if there are any.
    Sequence(Box<Judge<SequenceFiles>>, TagNames),
    /// Orders.
    Ranking(Box<Judge<RankingFiles>>),
}

/// What a program left behind.
#[derive(Clone, Copy, Debug)]
pub enum Left<'a> {
    /// A model of Crosscut's.
    Own(&'a Path),
    /// A model of LIBLINEAR's.
    Liblinear(&'a Path),
    /// A model of one of the SVM^struct programs.
    SvmStruct(&'a Path),
    /// A program of CRFsuite, which writes a model as text, and its model.
    Crfsuite(&'a Path, &'a Path),
    /// Bare numbers.
    Raw(&'a Path),
}

impl Problem {
    /// Reads the files of a task.
    ///
    /// # Errors
    /// Bad files.
    pub fn open(kind: Kind, c: C, files: &Prepared) -> Result<Self, RaceError> {
        let (options, train, test) = (kind.options(), &files.train, &files.test);
        Ok(match kind {
            Kind::Multiclass(_) => {
                Self::Multiclass(Box::new(Judge::open(&options, c, train, test)?))
            }
            Kind::Ranking(_) => Self::Ranking(Box::new(Judge::open(&options, c, train, test)?)),
            Kind::Sequence | Kind::Crf => {
                let mut names = TagNames::new();
                if let Some((named_train, named_test)) = &files.named {
                    // Some tags are in the test examples only.
                    names.extend(measures::tag_names(test, named_test)?);
                    names.extend(measures::tag_names(train, named_train)?);
                }
                Self::Sequence(Box::new(Judge::open(&options, c, train, test)?), names)
            }
        })
    }

    /// Number of training examples.
    pub fn examples(&self) -> usize {
        match self {
            Self::Multiclass(judge) => judge.train.len(),
            Self::Sequence(judge, _) => judge.train.len(),
            Self::Ranking(judge) => judge.train.len(),
        }
    }

    /// The weights that a program left behind, where the task has them.
    ///
    /// # Errors
    /// Files that are not what they should be.
    pub fn weights(&self, left: Left<'_>) -> Result<Vec<f64>, RaceError> {
        let data = |path: &Path| {
            let blame = path.display().to_string();
            move |message: String| RaceError::Data(format!("{blame}: {message}"))
        };
        match (self, left) {
            (Self::Multiclass(judge), Left::Own(path)) => judge.own(path),
            (Self::Sequence(judge, _), Left::Own(path)) => judge.own(path),
            (Self::Ranking(judge), Left::Own(path)) => judge.own(path),
            (Self::Multiclass(judge), Left::Liblinear(path)) => {
                weights::open(path, Liblinear::parse)?.place(&judge.task).map_err(data(path))
            }
            (_, Left::SvmStruct(path)) => {
                let model = weights::open(path, SvmStruct::parse)?;
                let placed = match self {
                    Self::Multiclass(judge) => model.place_multiclass(&judge.task),
                    Self::Sequence(judge, _) => model.place_sequence(&judge.task),
                    Self::Ranking(judge) => model.place_ranking(&judge.task),
                };
                placed.map_err(data(path))
            }
            (Self::Sequence(judge, _), Left::Crfsuite(program, path)) => {
                let text = said(Command::new(program).arg("dump").arg(path))
                    .ok_or_else(|| data(path)("CRFsuite cannot read its model".to_owned()))?;
                Crfsuite::parse(&text)
                    .and_then(|model| model.place(&judge.task))
                    .map_err(data(path))
            }
            (_, Left::Raw(path)) => {
                let dim = match self {
                    Self::Multiclass(judge) => judge.task.dim(),
                    Self::Sequence(judge, _) => judge.task.dim(),
                    Self::Ranking(judge) => judge.task.dim(),
                };
                weights::raw(&fs::read(path).map_err(RaceError::at(path))?, dim).map_err(data(path))
            }
            (_, Left::Liblinear(path) | Left::Crfsuite(_, path)) => {
                Err(data(path)("the program has no models of this task".to_owned()))
            }
        }
    }

    /// P(w).
    ///
    /// # Errors
    /// An oracle that fails.
    pub fn primal(&self, w: &[f64]) -> Result<f64, RaceError> {
        match self {
            Self::Multiclass(judge) => judge.primal(w),
            Self::Sequence(judge, _) => judge.primal(w),
            Self::Ranking(judge) => judge.primal(w),
        }
    }

    /// Trains inside this program on one example in `every`, with the same C of the sum: how many
    /// examples that are, and what came out.
    ///
    /// # Errors
    /// Settings or examples that the solver refuses.
    pub fn train(&self, every: usize, settings: &Settings) -> Result<(usize, Solution), RaceError> {
        match self {
            Self::Multiclass(judge) => judge.train(every, settings),
            Self::Sequence(judge, _) => judge.train(every, settings),
            Self::Ranking(judge) => judge.train(every, settings),
        }
    }

    /// The measures of weights on the test examples.
    pub fn measures(&self, w: &[f64]) -> Measures {
        match self {
            Self::Multiclass(judge) => measures::of_classes(judge, &judge.predictions(w)),
            Self::Ranking(judge) => measures::of_orders(judge, &judge.predictions(w)),
            Self::Sequence(judge, names) => {
                let found: Vec<_> = judge
                    .predictions(w)
                    .iter()
                    .map(|tags| measures::named(&judge.task, names, tags))
                    .collect();
                measures::of_tags(&measures::truth(judge, names), &found)
            }
        }
    }

    /// The measures of predictions: a class, a tag or a score on each line, with blank lines
    /// between sequences.
    ///
    /// # Errors
    /// Predictions that are no numbers, or another number of them than test examples.
    pub fn measures_of(&self, predictions: &str) -> Result<Measures, String> {
        match self {
            Self::Multiclass(judge) => measures::read_classes(judge, predictions),
            Self::Ranking(judge) => measures::read_scores(judge, predictions),
            Self::Sequence(judge, names) => measures::read_tags(judge, names, predictions),
        }
    }
}
