//! The files of [`Sequence`]: options, the three kinds of files, predictions.

mod columns;
mod crfsuite;
mod hmm;
mod sequences;
mod template;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io;
use std::mem;
use std::ops::Range;
use std::path::Path;

use crosscut::{Example, Objective, Rescaling};
use crosscut_app::export::{Fields, List};
use crosscut_app::scaling::{self, Apart, Columns as Statistics, Method};
use crosscut_app::vocabulary::{FeatureIds, Labels, NO_FEATURES, NoneKnown, SeenIds, Words};
use crosscut_app::{
    Application, CostMatrix, Cut, Error, Examples, Forecasts, Items, OptionSpec, Options, Outcome,
    Pieces, Report, Role, Shortest, Source, svmlight,
};
use serde::{Deserialize, Serialize};

use crate::constraint::Scheme;
use crate::lattice::Scratch;
use crate::loss::Loss;
use crate::measures;
use crate::tags::{Tags, Tokens};
use crate::task::{Features, Sequence};

use columns::Columns;
use sequences::{Names, Purpose, Sequences};
use template::Template;

/// How tokens are written in files.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) enum Format {
    /// With their features: as in SVM^hmm where these are numbers, as in CRFsuite where they are
    /// names.
    #[default]
    Features,
    /// In columns, from which features are made.
    Columns(Columns),
}

/// What is written for a sequence beside its best tags.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Output {
    /// So many taggings, each with its score; 0 for the best one without.
    pub n_best: usize,
    /// The margin of each token.
    pub max_marginals: bool,
    /// The probability of each tag, and of each of the N best taggings instead of its score.
    pub probabilities: bool,
}

const BEAM: OptionSpec = OptionSpec {
    name: "b",
    value: "N",
    help: "Keeps only the N best states at each token; with a beam there is no upper bound on the optimum, since nothing \
           is known of what it misses. Default: 0 in training (all of them, exact), later what it was in training.",
};

impl Application for Sequence {
    const NAME: &'static str = "sequence";
    const ABOUT: &'static str =
        "Tagging of sequences (max-margin or CRF) of SVM^hmm, CRFsuite or CoNLL files";
    const RESCALINGS: &'static [Rescaling] = &[Rescaling::Margin, Rescaling::Slack];
    const LOSSES: &'static [u32] = &[0, 1, 2];
    const SCHEMA: u32 = 4;
    const OBJECTIVES: &'static [Objective] = &[Objective::Hinge, Objective::Log];
    const OPTIONS: &'static [OptionSpec] = &[
        OptionSpec {
            name: "t",
            value: "ORDER",
            help: "Looks at so many tags before, 0 to 3. Default: 1; with --template 1 if it has a line B, else 0.",
        },
        OptionSpec {
            name: "e",
            value: "ORDER",
            help: "With 1, features also have weights for pairs of tags side by side. Default: 0.",
        },
        BEAM,
        OptionSpec {
            name: "format",
            value: "NAME",
            help: "What the examples are: hmm (`TAG qid:N id:value …`), crfsuite (`TAG<TAB>attribute[:weight]…`), \
                   columns (needs --template), or auto: columns with --template, else what the first line looks like. \
                   Default: auto.",
        },
        OptionSpec {
            name: "template",
            value: "FILE",
            help: "Makes features of columns as this file says, in the notation of CRF++; or one of those built in: \
                   chunking, pos, ner. The last column is the tag.",
        },
        OptionSpec {
            name: "min-count",
            value: "N",
            help: "Drops features that fewer than N tokens of the training examples have. Default: 1.",
        },
        OptionSpec {
            name: "constrain",
            value: "SCHEME",
            help: "Never lets tags follow each other in ways that the scheme bio (IOB2) or bioes forbids; for at most \
                   4096 tags. Default: any tag may follow any other.",
        },
        OptionSpec {
            name: "cost",
            value: "FILE",
            help: "Takes the loss from lines `true-tag predicted-tag cost`, summed over tokens (-l 1) or divided by their \
                   number (-l 2); pairs not listed cost 1, right predictions 0. Default: -l 1 (number of wrong tags), \
                   -l 2 (divided by the number of tokens) or -l 0 (zero/one for a sequence).",
        },
        scaling::OPTION,
        svmlight::ZERO_BASED,
        svmlight::SORT_IDS,
    ];
    const READING: &'static [OptionSpec] = &[BEAM, svmlight::SORT_IDS];
    const WRITING: &'static [OptionSpec] = &[
        OptionSpec {
            name: "n-best",
            value: "N",
            help: "Writes the N best outputs of each example, each after a line `# RANK SCORE` and before a blank line. \
                   Default: the best one alone.",
        },
        OptionSpec {
            name: "max-marginals",
            value: "",
            help: "Writes after each tag by how much its best output beats the best one with another tag there.",
        },
    ];

    fn define(options: &Options, mut source: Source<'_>) -> Result<(Self, Examples<Self>), Error> {
        let mut choices = Choices::of(options)?;
        let layout = mem::replace(&mut choices.layout, Layout::Auto);
        let (scheme, min_count, method) = (choices.scheme, choices.min_count, choices.scale);
        let file = source.name().to_owned();
        let guessed = matches!(layout, Layout::Auto);
        let layout = if guessed { guess(&source.peek(FAR)?, &file)? } else { layout };
        if !matches!(layout, Layout::Auto | Layout::Hmm) {
            refuse_ids(options)?;
        }

        let scales = method != Method::None;
        let mut sequences = Sequences::new(&file, Purpose::Learn(scheme), scales);
        let mut words = Words::default();
        let mut names = Names::Learn(&mut words);
        let format = match layout {
            Layout::Auto | Layout::Hmm => {
                hmm::read(&mut source, svmlight::Ids::of(options), &mut sequences)?;
                None
            }
            Layout::Crfsuite => {
                crfsuite::read(&mut source, None, &mut names, &mut sequences)?;
                Some(Format::Features)
            }
            Layout::Columns { template, file } => {
                let columns =
                    columns::learn(&mut source, template, &file, &mut names, &mut sequences)?;
                columns.map(Format::Columns)
            }
        };
        let tags = sequences.tags();
        if guessed && format.is_some() {
            check_guess(&file, words.len(), tags.len())?;
        }
        let features = if format.is_none() {
            Features::Ids(sequences.collect_ids(min_count))
        } else {
            sequences.keep_frequent(&mut words, min_count);
            Features::Names(words)
        };

        let mut task = build(options, choices, tags, features, format, &file)?;
        let (count, name) =
            (task.features().len(), |index| template::shorten(&task.feature_name(index)));
        let note = if method == Method::None {
            let sizes = scaling::largest(count, sequences.rows());
            let coarse = match task.features() {
                Features::Ids(ids) => sequences.coarse(|id| ids.index(id)),
                Features::Names(_) => None,
            };
            coarse.or_else(|| scaling::far_apart(&sizes, Apart::ROWS, name))
        } else {
            let mut statistics = Statistics::new(count);
            sequences.add_to(&mut statistics);
            let note = scaling::constants(&statistics, name);
            task = task.scaled_by(&statistics, method, &file)?;
            sequences.scale(task.scaling());
            note
        };
        note.iter().for_each(|note| source.note(&format!("{file}: {note}")));

        let examples = sequences.finish(task.tags()).into_iter();
        let examples = examples.map(|item| Example {
            x: item.x,
            y: item.y.unwrap_or_default(),
            weight: item.weight,
        });
        let examples = examples.collect();
        Ok((task, examples))
    }

    fn survey(options: &Options, pieces: &mut Pieces) -> Result<Self, Error> {
        let mut choices = Choices::of(options)?;
        let layout = mem::replace(&mut choices.layout, Layout::Auto);
        let (scheme, min_count, method) = (choices.scheme, choices.min_count, choices.scale);
        let file = pieces.name().to_owned();
        let guessed = matches!(layout, Layout::Auto);
        let layout = if guessed { guess(&pieces.peek(FAR)?, &file)? } else { layout };
        let ids = matches!(layout, Layout::Auto | Layout::Hmm);
        if !ids {
            refuse_ids(options)?;
        }
        pieces.cut_at(if ids { Cut::Qids } else { Cut::Blank });

        let mut sequences = Sequences::new(&file, Purpose::Learn(scheme), false);
        let mut words = Words::default();
        let mut seen = SeenIds::default();
        // How many tokens have a feature, by its id or the number of its name; where that matters.
        let mut counts: BTreeMap<u32, usize> = BTreeMap::new();
        let mut columns = None;
        while let Some(mut piece) = pieces.next_piece()? {
            let mut names = Names::Learn(&mut words);
            match (&layout, &columns) {
                (Layout::Auto | Layout::Hmm, _) => {
                    hmm::read(&mut piece, svmlight::Ids::of(options), &mut sequences)?
                }
                (Layout::Crfsuite, _) => {
                    crfsuite::read(&mut piece, None, &mut names, &mut sequences)?
                }
                (Layout::Columns { .. }, Some(columns)) => {
                    let columns: &Columns = columns;
                    columns.read(&mut piece, &mut names, &mut sequences)?;
                }
                (Layout::Columns { template, file }, None) => {
                    columns = columns::learn(
                        &mut piece,
                        template.clone(),
                        file,
                        &mut names,
                        &mut sequences,
                    )?;
                }
            }
            for rows in sequences.take_rows() {
                for row in rows.iter().map(|row| row.features()) {
                    if ids {
                        seen.add(row);
                    }
                    if min_count > 1 {
                        row.iter()
                            .for_each(|feature| *counts.entry(feature.index).or_default() += 1);
                    }
                }
            }
        }
        let tags = sequences.tags();
        if guessed && !ids {
            check_guess(&file, words.len(), tags.len())?;
        }
        let is_frequent = |index: u32| {
            min_count <= 1 || counts.get(&index).is_some_and(|&count| count >= min_count)
        };
        let features = if !ids {
            words.retain(is_frequent);
            Features::Names(words)
        } else if min_count <= 1 {
            Features::Ids(seen.finish())
        } else {
            Features::Ids(FeatureIds::Listed(
                counts.keys().copied().filter(|&id| is_frequent(id)).collect(),
            ))
        };
        let format = match columns {
            Some(columns) => Some(Format::Columns(columns)),
            None => (!ids).then_some(Format::Features),
        };
        let task = build(options, choices, tags, features, format, &file)?;
        if method == Method::None {
            return Ok(task);
        }
        // Statistics need the number of features, so this is another reading.
        let mut statistics = Statistics::new(task.features().len());
        pieces.begin_again()?;
        while let Some(piece) = pieces.next_piece()? {
            let mut sequences = Sequences::new(&file, Purpose::Predict(&task), true);
            task.read_into(&mut sequences, piece)?;
            sequences.add_to(&mut statistics);
        }
        task.scaled_by(&statistics, method, &file)
    }

    fn prepare(&mut self, options: &Options) -> Result<(), Error> {
        let n_best = positive(options, "n-best")?;
        let max_marginals = options.is_set("max-marginals");
        if let (Some(n_best), true) = (n_best, max_marginals) {
            return Err(Error::option(
                "--n-best",
                "nothing where --max-marginals is given",
                n_best,
            ));
        }
        let probabilities = options.wants_probabilities();
        if max_marginals && probabilities {
            return Err(Error::option(
                "--max-marginals",
                "nothing where --probabilities is given",
                "it",
            ));
        }
        if matches!(self.features(), Features::Names(_)) {
            refuse_ids(options)?;
        }
        self.definition.ids = self.definition.ids.with(options);
        self.output = Output { n_best: n_best.unwrap_or(0), max_marginals, probabilities };
        if let Some(beam) = options.count("b")? {
            self.definition.beam = beam;
        }
        Ok(())
    }

    fn cut(&self) -> Option<Cut> {
        Some(match (&self.definition.format, self.features()) {
            (Format::Features, Features::Ids(_)) => Cut::Qids,
            _ => Cut::Blank,
        })
    }

    /// Drops names of features, not ids: a list of ids is slower to search than the range that ids
    /// usually are.
    fn reduce(&mut self, nonzero: &[u32]) -> Option<Vec<Range<usize>>> {
        self.drop_unused_names(nonzero)
    }

    fn read(&self, source: Source<'_>) -> Result<Items<Self>, Error> {
        let file = source.name().to_owned();
        let scales = !self.scaling().is_none();
        let mut sequences = Sequences::new(&file, Purpose::Predict(self), scales);
        self.read_into(&mut sequences, source)?;
        if scales {
            sequences.scale(self.scaling());
        }
        Ok(sequences.finish(self.tags()))
    }

    /// A tag a line; after the line of the file, where that was in columns. See the [crate
    /// page](crate#files).
    fn write(
        &self,
        w: &[f64],
        x: &Tokens,
        y_hat: &Tags,
        out: &mut dyn io::Write,
    ) -> io::Result<()> {
        let Output { n_best, max_marginals, probabilities } = self.output;
        let mut scratch = Scratch::default();
        if probabilities {
            self.expect(w, x, &mut scratch);
        }
        let of_tags = |tags: &Tags, scratch: &Scratch| match probabilities {
            true => self.marginals_after(tags, scratch),
            false => Vec::new(),
        };
        if n_best > 0 {
            for (rank, (score, tags)) in self.n_best(w, x, n_best, &mut scratch).iter().enumerate()
            {
                let probability = || self.log_probability_after(w, x, tags, &scratch).exp();
                let number = if probabilities { probability() } else { *score };
                writeln!(out, "# {rank} {}", Shortest(number))?;
                self.write_tokens(x, tags, &of_tags(tags, &scratch), out)?;
                writeln!(out)?;
            }
            return Ok(());
        }
        let numbers = match max_marginals {
            true => self.max_marginals(w, x, &mut scratch),
            false => of_tags(y_hat, &scratch),
        };
        self.write_tokens(x, y_hat, &numbers, out)?;
        match self.features() {
            Features::Ids(_) => Ok(()),
            Features::Names(_) => writeln!(out),
        }
    }

    /// The probabilities of taggings, and of the tags of all tokens.
    fn forecast(
        &self,
        w: &[f64],
        &Outcome { x, y, weight, .. }: &Outcome<'_, Tokens, Tags>,
        scratch: &mut Scratch,
        forecasts: &mut Forecasts,
    ) {
        self.expect(w, x, scratch);
        forecasts.add_output(self.log_probability_after(w, x, y, scratch), weight);
        let k = self.tags().len();
        for (tag, probabilities) in y.as_slice().iter().zip(scratch.marginals().chunks_exact(k)) {
            let truth = (tag.index() < k).then_some(tag.index());
            forecasts.add_label(probabilities, truth, weight);
        }
    }

    /// See the [crate page](crate#evaluation).
    fn evaluate(&self, outcomes: &[Outcome<'_, Tokens, Tags>]) -> Report {
        measures::report(self, outcomes)
    }

    fn scale(&self) -> Option<&'static str> {
        (!self.scaling().is_none()).then(|| self.scaling().method().name())
    }

    fn differs_from(&self, prior: &Self) -> Option<String> {
        // Of other features only the weights of transitions would be left.
        let shares = match (self.features(), prior.features()) {
            (Features::Ids(ours), Features::Ids(theirs)) => {
                (0..theirs.len()).any(|at| ours.index(theirs.id(at)).is_some())
            }
            (Features::Names(ours), Features::Names(theirs)) => {
                (0..theirs.len() as u32).any(|at| ours.index(theirs.name(at)).is_some())
            }
            _ => false,
        };
        self.tags().differ_from(prior.tags(), "tags").or_else(|| {
            let message = "expected a model with features of the examples, found none of its features among theirs";
            (!shares).then(|| message.to_owned())
        })
    }

    fn sizes(&self) -> Vec<(&'static str, usize)> {
        let (k, (order, _)) = (self.tags().len(), self.orders());
        let transitions = (1..=order).map(|order| k.pow(order as u32 + 1)).sum();
        vec![("tags", k), ("features", self.features().len()), ("transitions", transitions)]
    }

    /// `tag B-NP, feature w=the`, or `tags B-NP I-NP, feature w=the` for emissions of order 1, or
    /// `tags B-NP I-NP` for transitions.
    fn weight_name(&self, index: usize) -> String {
        let Role { labels, feature } = self.role(index);
        let tags: Vec<&str> = labels.iter().map(|&tag| self.tags().name(tag)).collect();
        let word = if tags.len() == 1 { "tag" } else { "tags" };
        let feature =
            feature.map_or(String::new(), |at| format!(", feature {}", self.feature_name(at)));
        format!("{word} {}{feature}", tags.join(" "))
    }

    fn labels(&self) -> Vec<&str> {
        self.tags().iter().collect()
    }

    fn role(&self, index: usize) -> Role {
        let (k, features) = (self.tags().len(), self.features().len());
        // The tags that are the last digits of a number in base k.
        let tags = |number: usize, count: usize| {
            (0..count).rev().map(|place| number / k.pow(place as u32) % k).collect()
        };
        if index < k * features {
            return Role { labels: tags(index, 1), feature: Some(index / k) };
        }
        let (transitions, emissions) = self.orders();
        let mut rest = index - k * features;
        if emissions > 0 {
            if rest < k * k * features {
                return Role { labels: tags(rest, 2), feature: Some(rest / (k * k)) };
            }
            rest -= k * k * features;
        }
        for order in 1..=transitions {
            let grams = k.pow(order as u32 + 1);
            if rest < grams {
                return Role { labels: tags(rest, order + 1), feature: None };
            }
            rest -= grams;
        }
        Role::default()
    }

    fn feature_name(&self, feature: usize) -> Cow<'_, str> {
        match self.features() {
            Features::Ids(ids) => ids.id(feature).to_string().into(),
            Features::Names(names) => names.name(feature as u32).into(),
        }
    }

    /// The orders and the beam, how features are made, the pairs of tags that are forbidden, and the
    /// scaling.
    fn export(&self, out: &mut Fields<'_>) -> io::Result<()> {
        let (transitions, emissions) = self.orders();
        out.field(
            "orders",
            &BTreeMap::from([("transitions", transitions), ("emissions", emissions)]),
        )?;
        out.field("beam", &self.definition.beam)?;
        let (format, columns) = match (&self.definition.format, self.features()) {
            (Format::Features, Features::Ids(_)) => ("hmm", None),
            (Format::Features, Features::Names(_)) => ("crfsuite", None),
            (Format::Columns(columns), _) => ("columns", Some(columns)),
        };
        out.field("tokens", format)?;
        out.field("columns", &columns)?;
        let ends = || self.tags().iter().map(Some).chain([None]);
        let forbidden = self.scheme().map(|scheme| {
            let after = move |before| {
                let pairs = ends().map(move |after| (before, after));
                pairs.filter(move |&(before, after)| !scheme.allows(before, after))
            };
            List(move || ends().flat_map(after))
        });
        out.field("forbidden", &forbidden)?;
        out.field("scaling", &self.scaling().exported(&|feature| self.feature_name(feature)))
    }
}

impl Sequence {
    /// Reads a file with a model into `sequences`; features become indices and are not scaled.
    fn read_into(
        &self,
        sequences: &mut Sequences<'_>,
        mut source: Source<'_>,
    ) -> Result<(), Error> {
        match (&self.definition.format, self.features()) {
            (Format::Features, Features::Ids(ids)) => {
                hmm::read(&mut source, self.definition.ids, sequences)?;
                let any = |sequences: &Sequences<'_>| sequences.rows().map(<[_]>::len).sum();
                let given = any(sequences);
                sequences.number(ids);
                let known = NoneKnown::default();
                known.see(given, any(sequences));
                known.note(&mut source);
            }
            (Format::Features, Features::Names(words)) => {
                let no_tag = Some("?").filter(|tag| self.tags().index(tag).is_none());
                crfsuite::read(&mut source, no_tag, &mut Names::Known(words), sequences)?;
            }
            (Format::Columns(columns), Features::Names(words)) => {
                columns.read(&mut source, &mut Names::Known(words), sequences)?;
            }
            (Format::Columns(_), Features::Ids(_)) => {
                return Err(Error::file(
                    source.name(),
                    "the model has no names for the features that its template makes",
                ));
            }
        }
        Ok(())
    }

    /// The task that scales by these statistics of its features.
    fn scaled_by(self, statistics: &Statistics, method: Method, file: &str) -> Result<Self, Error> {
        self.with_scaling(statistics.scaling(method))
            .map_err(|error| Error::file(file, error.to_string()))
    }

    /// A line for each token, with one of the `numbers`, if there are any.
    fn write_tokens(
        &self,
        x: &Tokens,
        tags: &Tags,
        numbers: &[f64],
        out: &mut dyn io::Write,
    ) -> io::Result<()> {
        let columns = matches!(self.definition.format, Format::Columns(_));
        let mut lines = x.text().filter(|_| columns).into_iter().flat_map(|text| text.split('\n'));
        for token in 0..tags.len() {
            let mut separator = '\t';
            if let Some(line) = lines.next() {
                separator = columns::separator(line);
                write!(out, "{line}{separator}")?;
            }
            write!(out, "{}", self.name(tags, token))?;
            if let Some(number) = numbers.get(token) {
                write!(out, "{separator}{}", Shortest(*number))?;
            }
            writeln!(out)?;
        }
        Ok(())
    }
}

/// The task for what is in a file.
fn build(
    options: &Options,
    choices: Choices,
    tags: Labels,
    features: Features,
    format: Option<Format>,
    file: &str,
) -> Result<Sequence, Error> {
    let Choices { transitions, emissions, beam, scheme, loss, .. } = choices;
    let refuse = |reason: &dyn ToString| Error::file(file, reason.to_string());
    if features.is_empty() {
        return Err(Error::file(file, NO_FEATURES));
    }
    let mut task = Sequence::new(tags, features)
        .and_then(|task| task.with_orders(transitions, emissions))
        .and_then(|task| task.with_scheme(scheme))
        .map_err(|error| refuse(&error))?
        .with_beam(beam)
        .with_objective(options.objective()?);
    task.definition.format = format.unwrap_or_default();
    task.definition.ids = svmlight::Ids::of(options);
    let loss = match loss {
        LossOption::Plain(loss) => loss,
        LossOption::Costs(file) => Loss::Costs(CostMatrix::read(file, task.tags())?),
        LossOption::MeanCosts(file) => Loss::MeanCosts(CostMatrix::read(file, task.tags())?),
    };
    let task = task.with_loss(loss).and_then(|task| task.with_rescaling(options.rescaling));
    task.map_err(|error| refuse(&error))
}

/// Refuses options about ids for files of names.
fn refuse_ids(options: &Options) -> Result<(), Error> {
    for OptionSpec { name, .. } in [svmlight::ZERO_BASED, svmlight::SORT_IDS] {
        if options.is_set(name) {
            let found = "attributes or columns";
            return Err(Error::option(format!("--{name}"), "features that have ids (hmm)", found));
        }
    }
    Ok(())
}

/// A file with fewer attributes than tags was taken for one of CRFsuite by mistake.
fn check_guess(file: &str, attributes: usize, tags: usize) -> Result<(), Error> {
    if attributes >= tags {
        return Ok(());
    }
    let message = format!(
        "expected more attributes than tags, found {attributes} and {tags}: if this is a file of columns, give --template; else \
         --format crfsuite"
    );
    Err(Error::file(file, message))
}

/// What the options say.
struct Choices {
    layout: Layout,
    transitions: usize,
    emissions: usize,
    beam: usize,
    min_count: usize,
    scheme: Option<Scheme>,
    scale: Method,
    loss: LossOption,
}

/// A kind of file.
enum Layout {
    Auto,
    Hmm,
    Crfsuite,
    Columns {
        template: Template,
        /// The template's name in messages.
        file: String,
    },
}

/// The loss asked for. The tags it is about are not known yet.
enum LossOption {
    Plain(Loss),
    Costs(Source<'static>),
    MeanCosts(Source<'static>),
}

impl Choices {
    fn of(options: &Options) -> Result<Self, Error> {
        let layout = Layout::of(options)?;
        let default = match &layout {
            Layout::Columns { template, .. } => usize::from(template.has_transitions()),
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
            Some("bioes") => Some(Scheme::Bioes),
            Some(other) => return Err(Error::option("--constrain", "bio or bioes", other)),
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
            scale: Method::of(options)?,
            loss: LossOption::of(options)?,
        })
    }
}

impl Layout {
    fn of(options: &Options) -> Result<Self, Error> {
        let template = options.text("template");
        let name = options.text("format").unwrap_or("auto");
        match (name, template) {
            ("auto" | "columns", Some(template)) => Self::columns(template, options),
            ("auto", None) => Ok(Self::Auto),
            ("hmm", None) => Ok(Self::Hmm),
            ("crfsuite", None) => Ok(Self::Crfsuite),
            ("columns", None) => {
                let names = template::SHIPPED.map(|(name, _)| name).join(", ");
                Err(Error::option(
                    "--format",
                    format!("--template with a file, or one of {names}, beside columns"),
                    name,
                ))
            }
            ("hmm" | "crfsuite", Some(_)) => {
                Err(Error::option("--format", "columns where --template is given", name))
            }
            (other, _) => Err(Error::option("--format", "auto, hmm, crfsuite or columns", other)),
        }
    }

    fn columns(template: &str, options: &Options) -> Result<Self, Error> {
        let shipped = template::SHIPPED.iter().find(|(name, _)| *name == template);
        let (file, text) = match shipped {
            Some((name, text)) => (format!("template {name}"), (*text).to_owned()),
            None => {
                let source = Source::open_beside(Path::new(template), options)?;
                (source.name().to_owned(), source.text()?)
            }
        };
        let template = Template::parse(&text)
            .map_err(|error| Error::line(&file, error.line, error.message))?;
        Ok(Self::Columns { template, file })
    }
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
fn positive(options: &Options, name: &str) -> Result<Option<usize>, Error> {
    match options.count(name)? {
        Some(0) => Err(Error::option(format!("--{name}"), "a whole number of at least 1", 0)),
        count => Ok(count),
    }
}

/// Bytes of a file by which its kind is known: comments before the first example are not longer.
const FAR: usize = 1 << 20;

/// The kind of a file, by its first line that is neither blank nor a comment; `head` is its
/// beginning.
fn guess(head: &str, file: &str) -> Result<Layout, Error> {
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
