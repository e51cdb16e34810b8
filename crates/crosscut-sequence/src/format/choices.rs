//! [`Choices`]: the options of training, and the kind of a file.

use std::path::Path;

use crosscut::Objective;
use crosscut_app::{Error, Options, Source, scaling};
use crosscut_data::scaling::Method;

use super::columns::Request;
use super::conllu;
use super::template::{self, Template};
use crate::constraint::Scheme;
use crate::loss::Loss;

/// Bytes of a file by which its kind is known: comments before the first example are not longer.
pub(super) const FAR: usize = 1 << 20;

/// What the options say.
pub(super) struct Choices {
    pub layout: Layout,
    pub transitions: usize,
    pub emissions: usize,
    pub beam: usize,
    pub min_count: usize,
    pub scheme: Option<Scheme>,
    pub scale: Method,
    pub loss: LossOption,
}

/// A kind of file.
pub(super) enum Layout {
    Auto,
    Hmm,
    Crfsuite,
    Columns(Request, Kind),
}

/// A kind of columns.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Auto,
    Plain,
    Conllu,
}

/// The loss asked for. The tags it is about are not known yet.
pub(super) enum LossOption {
    Plain(Loss),
    Costs(Source<'static>),
    MeanCosts(Source<'static>),
}

impl Choices {
    pub fn of(options: &Options) -> Result<Self, Error> {
        let layout = Layout::of(options)?;
        let default = match &layout {
            Layout::Columns(Request { template, .. }, _) => usize::from(template.has_transitions()),
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
        if beam > 0 && options.objective()? == Objective::Log {
            let expected = "0 beside --objective log, which sums over all taggings";
            return Err(Error::option("--b", expected, beam));
        }
        Ok(Self {
            layout,
            transitions,
            emissions,
            beam,
            min_count: positive(options, "min-count")?.unwrap_or(1),
            scheme,
            scale: scaling::method(options)?,
            loss: LossOption::of(options)?,
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
        let columns = |template, kind| Ok(Self::Columns(request(template, tag, options)?, kind));
        match (name, template) {
            ("auto", Some(template)) => columns(template, Kind::Auto),
            ("columns", Some(template)) => columns(template, Kind::Plain),
            ("conllu", Some(template)) => columns(template, Kind::Conllu),
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

    /// The kind of the file that begins with `head`, [`FAR`] bytes or fewer, if options leave it open.
    ///
    /// # Errors
    /// A beginning that looks like no kind.
    pub fn settle(self, head: &str, file: &str) -> Result<Self, Error> {
        let (mut request, kind) = match self {
            Self::Auto => return guess(head, file),
            Self::Columns(_, Kind::Plain) | Self::Hmm | Self::Crfsuite => return Ok(self),
            Self::Columns(request, kind) => (request, kind),
        };
        let found = recognise(head, file)?;
        request.names = match kind {
            Kind::Conllu => found.unwrap_or_else(conllu::standard),
            _ => found.unwrap_or_default(),
        };
        Ok(Self::Columns(request, kind))
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
        match options.loss {
            None | Some(1) => Ok(Self::Costs(Source::open_beside(Path::new(path), options)?)),
            Some(2) => Ok(Self::MeanCosts(Source::open_beside(Path::new(path), options)?)),
            Some(other) => Err(Error::option("-l", "1 or 2 where --cost is given", other)),
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
fn guess(head: &str, file: &str) -> Result<Layout, Error> {
    if recognise(head, file)?.is_some() {
        let message = "expected --template beside a file of CoNLL-U, found none: pos, ner, chunking, or a file";
        return Err(Error::file(file, message));
    }
    let mut lines = (head.lines()).zip(1..).filter(|(line, _)| {
        let line = line.trim_ascii();
        !line.is_empty() && !line.starts_with('#')
    });
    // A file without such a line is refused by whoever reads it.
    let Some((line, number)) = lines.next() else { return Ok(Layout::Hmm) };
    let fields: Vec<&str> = line.split_ascii_whitespace().take(2).collect();
    let is_qid = |field: &str| field.starts_with("qid:");
    let untagged = fields.first().is_some_and(|first| is_qid(first));
    let tagged = fields.first().is_some_and(|first| !first.contains(':'));
    let second = fields.get(1).is_some_and(|second| is_qid(second));
    if untagged || second || tagged && line.split_ascii_whitespace().any(is_qid) {
        Ok(Layout::Hmm)
    } else if line.starts_with("@weight:") || line.contains('\t') && !line.starts_with('@') {
        Ok(Layout::Crfsuite)
    } else {
        Err(Error::line(
            file,
            number,
            "expected `TAG qid:N id:value …` (hmm) or `TAG<TAB>attribute…` (crfsuite), found neither: name the kind of file \
             with --format, or give the --template of a file of columns",
        ))
    }
}
