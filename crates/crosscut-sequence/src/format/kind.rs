//! [`Kind`]: the kind of a file; [`Choices`]: the options of training.

use std::path::Path;

use crosscut::{Objective, Rescaling};
use crosscut_app::{Error, OptionSpec, Options, Source, read_costs, scaling, svmlight};
use crosscut_data::Labels;
use crosscut_data::scaling::Method;
use crosscut_data::svmlight::Ids;
use serde::{Deserialize, Serialize};

use super::columns::{Columns, Request};
use super::conllu;
use super::template::{self, Template};
use crate::constraint::Scheme;
use crate::loss::Loss;

/// Bytes of a file by which its kind is known: comments before the first example are not longer.
pub(super) const FAR: usize = 1 << 20;

/// How tokens are written in files.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Kind {
    /// With numbered features, as in SVM^hmm.
    Hmm(Ids),
    /// With named features, as in CRFsuite.
    Crfsuite {
        /// Whether `?` is no tag, but stands for one that is not known.
        asks: bool,
    },
    /// In columns, from which features are made.
    Columns(Box<Columns>),
}

impl Default for Kind {
    fn default() -> Self {
        Self::Hmm(Ids::default())
    }
}

impl Kind {
    /// Whether features have ids, and not names.
    pub fn has_ids(&self) -> bool {
        matches!(self, Self::Hmm(_))
    }

    /// The columns of its files, if they have columns.
    pub fn columns(&self) -> Option<&Columns> {
        match self {
            Self::Columns(columns) => Some(columns),
            Self::Hmm(_) | Self::Crfsuite { .. } => None,
        }
    }
}

/// What the options of training say.
#[derive(Debug, Default)]
pub(super) struct Choices {
    /// Whether a file is read to learn from.
    pub learns: bool,
    /// What kind of file they say it is.
    pub layout: Layout,
    pub ids: Ids,
    pub transitions: usize,
    pub emissions: usize,
    pub beam: usize,
    pub min_count: usize,
    pub scheme: Option<Scheme>,
    pub scale: Method,
    pub loss: LossOption,
    pub rescaling: Rescaling,
    pub objective: Objective,
}

/// A kind of file, as options say.
#[derive(Debug, Default)]
pub(super) enum Layout {
    #[default]
    Auto,
    Hmm,
    Crfsuite,
    Columns(Box<Request>, Style),
}

/// A kind of columns.
#[derive(Clone, Copy, Debug)]
pub(super) enum Style {
    Auto,
    Plain,
    Conllu,
}

/// The loss asked for. The tags it is about are not known yet.
#[derive(Debug)]
pub(super) enum LossOption {
    Plain(Loss),
    Costs { file: String, text: String, is_mean: bool },
}

impl Default for LossOption {
    fn default() -> Self {
        Self::Plain(Loss::default())
    }
}

impl Choices {
    /// # Errors
    /// Bad options, and bad files that they name.
    pub fn of(options: &Options) -> Result<Self, Error> {
        let layout = Layout::of(options)?;
        let default = match &layout {
            Layout::Columns(request, _) => usize::from(request.template.has_transitions()),
            _ => 1,
        };
        let transitions = options.count("t")?.unwrap_or(default);
        if transitions > 3 {
            return Err(Error::option("--t", "0, 1, 2 or 3", transitions));
        }
        let emissions = options.count("e")?.unwrap_or(0);
        if emissions > transitions.min(1) {
            return Err(Error::option(
                "--e",
                "0, or 1 where the order of transitions (--t) is at least 1",
                emissions,
            ));
        }
        let scheme = match options.text("constrain") {
            None => None,
            Some("bio") => Some(Scheme::Bio),
            Some("bioes" | "bilou" | "bmes" | "bmewo") => Some(Scheme::Bioes),
            Some(other) => {
                let expected = "bio, bioes, bilou, bmes or bmewo";
                return Err(Error::option("--constrain", expected, other));
            }
        };
        let beam = options.count("b")?.unwrap_or(0);
        let objective = options.objective()?;
        if beam > 0 && objective == Objective::Log {
            let expected = "0 beside --objective log, which sums over all taggings";
            return Err(Error::option("--b", expected, beam));
        }
        Ok(Self {
            learns: true,
            layout,
            ids: svmlight::ids(options),
            transitions,
            emissions,
            beam,
            min_count: positive(options, "min-count")?.unwrap_or(1),
            scheme,
            scale: scaling::method(options)?,
            loss: LossOption::of(options)?,
            rescaling: options.rescaling,
            objective,
        })
    }
}

impl Layout {
    fn of(options: &Options) -> Result<Self, Error> {
        let template = options.text("template");
        let name = options.text("format").unwrap_or("auto");
        let tag = options.text("tag-column");
        if let (Some(tag), None) = (tag, template) {
            return Err(Error::option("--tag-column", "nothing without --template", tag));
        }
        let columns =
            |template, style| Ok(Self::Columns(Box::new(request(template, tag, options)?), style));
        match (name, template) {
            ("auto", Some(template)) => columns(template, Style::Auto),
            ("columns", Some(template)) => columns(template, Style::Plain),
            ("conllu", Some(template)) => columns(template, Style::Conllu),
            ("auto", None) => Ok(Self::Auto),
            ("hmm", None) => Ok(Self::Hmm),
            ("crfsuite", None) => Ok(Self::Crfsuite),
            ("columns" | "conllu", None) => {
                let names = template::SHIPPED.map(|(name, _)| name).join(", ");
                Err(Error::option(
                    "--format",
                    format!("--template with a file, or one of {names}, beside {name}"),
                    name,
                ))
            }
            ("hmm" | "crfsuite", Some(_)) => {
                Err(Error::option("--format", "columns or conllu where --template is given", name))
            }
            (other, _) => {
                let expected = "auto, hmm, crfsuite, columns or conllu";
                Err(Error::option("--format", expected, other))
            }
        }
    }

    /// The kind of the file that begins with `head`, [`FAR`] bytes or fewer, whose ids, if it has
    /// any, are so.
    ///
    /// # Errors
    /// A beginning that looks like no kind, or does not fit the template; options about ids for
    /// files of names.
    pub fn settle(&mut self, ids: Ids, head: &str, file: &str) -> Result<Kind, Error> {
        let kind = match self {
            Self::Auto => guess(ids, head, file)?,
            Self::Hmm => Kind::Hmm(ids),
            Self::Crfsuite => Kind::Crfsuite { asks: false },
            Self::Columns(request, style) => {
                let found = match style {
                    Style::Plain => None,
                    Style::Auto => recognise(head, file)?,
                    Style::Conllu => recognise(head, file)?.or_else(|| Some(conllu::standard())),
                };
                request.names = found.unwrap_or_default();
                // A file that is blank is refused by whoever reads it.
                request
                    .columns(head, file)?
                    .map_or(Kind::Hmm(ids), |columns| Kind::Columns(Box::new(columns)))
            }
        };
        if !kind.has_ids() {
            refuse_ids(ids)?;
        }
        Ok(kind)
    }
}

/// Refuses options about ids for files of names.
///
/// # Errors
/// The first one that is set.
pub(super) fn refuse_ids(ids: Ids) -> Result<(), Error> {
    let options = [(svmlight::ZERO_BASED, ids.zero_based), (svmlight::SORT_IDS, ids.any_order)];
    let found = "attributes or columns";
    match options.into_iter().find(|(_, is_set)| *is_set) {
        None => Ok(()),
        Some((OptionSpec { name, .. }, _)) => {
            Err(Error::option(format!("--{name}"), "features that have ids (hmm)", found))
        }
    }
}

/// The names of the columns if this is the beginning of a file of CoNLL-U.
fn recognise(head: &str, file: &str) -> Result<Option<Vec<String>>, Error> {
    conllu::recognise(head).map_err(|(line, message)| Error::line(file, line, message))
}

/// What `--template` and `--tag-column` say.
fn request(template: &str, tag: Option<&str>, options: &Options) -> Result<Request, Error> {
    let shipped = template::SHIPPED.iter().find(|(name, _)| *name == template);
    let (file, text) = match shipped {
        Some((name, text)) => (format!("template {name}"), (*text).to_owned()),
        None => {
            let source = Source::open_beside(Path::new(template), options)?;
            (source.name().to_owned(), source.text()?)
        }
    };
    let template =
        Template::parse(&text).map_err(|error| Error::line(&file, error.line, error.message))?;
    let (is_built_in, tag) = (shipped.is_some(), tag.map(str::to_owned));
    Ok(Request { template, file, is_built_in, tag, names: Vec::new() })
}

impl LossOption {
    fn of(options: &Options) -> Result<Self, Error> {
        let Some(path) = options.text("cost") else {
            return match options.loss {
                None | Some(1) => Ok(Self::Plain(Loss::Count)),
                Some(2) => Ok(Self::Plain(Loss::Fraction)),
                Some(0) => Ok(Self::Plain(Loss::ZeroOne)),
                Some(other) => Err(Error::option("-l", "0, 1 or 2 for the task sequence", other)),
            };
        };
        let is_mean = match options.loss {
            None | Some(1) => false,
            Some(2) => true,
            Some(other) => {
                return Err(Error::option("-l", "1 or 2 where --cost is given", other));
            }
        };
        let source = Source::open_beside(Path::new(path), options)?;
        Ok(Self::Costs { file: source.name().to_owned(), text: source.text()?, is_mean })
    }

    /// The loss for these tags.
    ///
    /// # Errors
    /// Bad costs.
    pub fn of_tags(self, tags: &Labels) -> Result<Loss, Error> {
        match self {
            Self::Plain(loss) => Ok(loss),
            Self::Costs { file, text, is_mean } => {
                let costs = read_costs(Source::from_text(file, text), tags)?;
                Ok(if is_mean { Loss::MeanCosts(costs) } else { Loss::Costs(costs) })
            }
        }
    }
}

/// A whole number of at least 1.
pub(super) fn positive(options: &Options, name: &str) -> Result<Option<usize>, Error> {
    match options.count(name)? {
        Some(0) => Err(Error::option(format!("--{name}"), "a whole number of at least 1", 0)),
        count => Ok(count),
    }
}

/// The kind of a file without a template, by its first line that is neither blank nor a comment.
fn guess(ids: Ids, head: &str, file: &str) -> Result<Kind, Error> {
    if recognise(head, file)?.is_some() {
        let message = "expected --template beside a file of CoNLL-U, found none: pos, ner, chunking, or a file";
        return Err(Error::file(file, message));
    }
    let mut lines = (head.lines()).zip(1..).filter(|(line, _)| {
        let line = line.trim_ascii();
        !line.is_empty() && !line.starts_with('#')
    });
    // A file without such a line is refused by whoever reads it.
    let Some((line, number)) = lines.next() else { return Ok(Kind::Hmm(ids)) };
    let fields: Vec<&str> = line.split_ascii_whitespace().take(2).collect();
    let is_qid = |field: &str| field.starts_with("qid:");
    let untagged = fields.first().is_some_and(|first| is_qid(first));
    let tagged = fields.first().is_some_and(|first| !first.contains(':'));
    let second = fields.get(1).is_some_and(|second| is_qid(second));
    if untagged || second || tagged && line.split_ascii_whitespace().any(is_qid) {
        Ok(Kind::Hmm(ids))
    } else if line.starts_with("@weight:") || line.contains('\t') && !line.starts_with('@') {
        Ok(Kind::Crfsuite { asks: false })
    } else {
        Err(Error::line(
            file,
            number,
            "expected `TAG qid:N id:value …` (hmm) or `TAG<TAB>attribute…` (crfsuite), found neither: name the kind of file \
             with --format, or give the --template of a file of columns",
        ))
    }
}
