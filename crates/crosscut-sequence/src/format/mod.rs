//! The files of [`Sequence`]: options, the kinds of files, predictions.

mod choices;
mod columns;
mod conllu;
mod crfsuite;
mod hmm;
mod sequences;
mod template;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io;
use std::mem;
use std::ops::Range;

use crosscut::{Example, Objective, Rescaling};
use crosscut_app::export::{Fields, List};
use crosscut_app::svmlight::{self, NO_FEATURES};
use crosscut_app::{
    Application, Cut, Error, Examples, Forecasts, Items, OptionSpec, Options, Outcome, Pieces,
    Report, Role, Shortest, Source, read_costs, scaling,
};
use crosscut_data::scaling::{Apart, Columns as Statistics, Method, constants, far_apart, largest};
use crosscut_data::{FeatureIds, Labels, NoneKnown, SeenIds, Words};
use serde::{Deserialize, Serialize};

use crate::chunks::Notation;
use crate::lattice::Scratch;
use crate::loss::Loss;
use crate::measures;
use crate::tags::{Tags, Tokens};
use crate::task::{Features, Sequence};

use choices::{Choices, FAR, Layout, LossOption, positive};
use columns::{Columns, Request};
use sequences::{Names, Purpose, Sequences, pairs_last};

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
    const TEMPLATES: &'static [(&'static str, &'static str)] = &template::SHIPPED;
    const OBJECTIVES: &'static [Objective] = &[Objective::Hinge, Objective::Log];
    const OPTIONS: &'static [OptionSpec] = &[
        OptionSpec {
            name: "t",
            value: "ORDER",
            help: "Looks at so many tags before, 0 to 3. Default: 1; with --template 1 if it has a line B without macros, else 0.",
        },
        OptionSpec {
            name: "e",
            value: "ORDER",
            help: "With 1, all features also have weights for pairs of tags side by side. Default: 0: only those of lines \
                   B01:%x[…] of a template.",
        },
        BEAM,
        OptionSpec {
            name: "format",
            value: "NAME",
            help: "What the examples are: hmm (`TAG qid:N id:value …`), crfsuite (`TAG<TAB>attribute[:weight]…`), \
                   columns or conllu (CoNLL-U, also Plus; both need --template), or auto: with --template conllu if the \
                   file begins like it, else columns; without, what the first line looks like. Default: auto.",
        },
        OptionSpec {
            name: "template",
            value: "FILE",
            help: "Makes features of columns as this file says, in the notation of CRF++; or one of those built in: \
                   chunking, pos, ner (see --print-template).",
        },
        OptionSpec {
            name: "tag-column",
            value: "N",
            help: "The column that is the tag, numbered from 1, or from -1 backwards; of CoNLL-U also by name. Default: \
                   the last one; UPOS of CoNLL-U.",
        },
        OptionSpec {
            name: "min-count",
            value: "N",
            help: "Drops features that fewer than N tokens of the training examples have. Default: 1.",
        },
        OptionSpec {
            name: "constrain",
            value: "SCHEME",
            help: "Never lets tags follow each other in ways that the scheme forbids: bio (IOB2), or bioes, also \
                   called bilou, bmes, bmewo by other letters; tags as B-NP, B_NP, NP-B, NP_B or B; for at most 4096 \
                   tags. Default: any tag may follow any other.",
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
        let layout = layout.settle(&source.peek(FAR)?, &file)?;
        if !matches!(layout, Layout::Auto | Layout::Hmm) {
            refuse_ids(options)?;
        }

        let (mut has_pairs, mut pairs) = (false, 0);
        let scales = method != Method::None;
        let mut sequences = Sequences::new(&file, Purpose::Learn(scheme), scales);
        let mut words = Words::default();
        let mut names = Names::Learn(&mut words);
        let format = match layout {
            Layout::Auto | Layout::Hmm => {
                hmm::read(&mut source, svmlight::ids(options), &mut sequences)?;
                None
            }
            Layout::Crfsuite => {
                crfsuite::read(&mut source, None, &mut names, &mut sequences)?;
                Some(Format::Features)
            }
            Layout::Columns(request, _) => {
                has_pairs = request.template.has_pairs();
                let columns = columns::learn(&mut source, &request, &mut names, &mut sequences)?;
                columns.map(Format::Columns)
            }
        };
        let tags = sequences.tags()?;
        if guessed && format.is_some() {
            check_guess(&file, words.len(), tags.len())?;
        }
        let features = if format.is_none() {
            Features::Ids(sequences.collect_ids(min_count))
        } else {
            sequences.keep_frequent(&mut words, min_count);
            if has_pairs {
                pairs = sequences.put_pairs_last(&mut words);
            }
            Features::Names(words)
        };

        let mut task = build(options, choices, tags, (features, pairs), format, &file)?;
        let (count, name) =
            (task.features().len(), |index| template::shorten(&task.feature_name(index)));
        let notes = if method == Method::None {
            let sizes = largest(count, sequences.rows());
            let coarse = match task.features() {
                Features::Ids(ids) => sequences.coarse(|id| ids.index(id), name),
                Features::Names(_) => None,
            };
            [coarse, far_apart(&sizes, Apart::ROWS, name)]
        } else {
            let mut statistics = Statistics::new(count);
            sequences.add_to(&mut statistics);
            let note = constants(&statistics, name);
            task = task.scaled_by(&statistics, method, &file)?;
            sequences.scale(task.scaling());
            [note, None]
        };
        notes.iter().flatten().for_each(|note| source.note(&format!("{file}: {note}")));

        let examples = sequences.finish(&task).into_iter();
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
        let layout = layout.settle(&pieces.peek(FAR)?, &file)?;
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
                    hmm::read(&mut piece, svmlight::ids(options), &mut sequences)?
                }
                (Layout::Crfsuite, _) => {
                    crfsuite::read(&mut piece, None, &mut names, &mut sequences)?
                }
                (Layout::Columns(..), Some(columns)) => {
                    let columns: &Columns = columns;
                    columns.read(&mut piece, &mut names, &mut sequences)?;
                }
                (Layout::Columns(request, _), None) => {
                    columns = columns::learn(&mut piece, request, &mut names, &mut sequences)?;
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
        let tags = sequences.tags()?;
        if guessed && !ids {
            check_guess(&file, words.len(), tags.len())?;
        }
        let is_frequent = |index: u32| {
            min_count <= 1 || counts.get(&index).is_some_and(|&count| count >= min_count)
        };
        let mut pairs = 0;
        let features = if !ids {
            words.retain(is_frequent);
            if let Layout::Columns(Request { template, .. }, _) = &layout
                && template.has_pairs()
            {
                pairs = pairs_last(&mut words).0;
            }
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
        let task = build(options, choices, tags, (features, pairs), format, &file)?;
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
        self.definition.ids = self.definition.ids.or(svmlight::ids(options));
        if let Format::Columns(columns) = &self.definition.format
            && let Some((conllu, tag)) = columns.conllu()
            && conllu.misc(tag).is_none()
            && (max_marginals || probabilities)
        {
            let option = if probabilities { "--probabilities" } else { "--max-marginals" };
            let expected = "a model of files with a column MISC, which is not the tag";
            return Err(Error::option(option, expected, conllu.name(tag)));
        }
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
        Ok(sequences.finish(self))
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
        let pairs = ("pair_features", self.pair_features());
        [("tags", k), ("features", self.features().len()), pairs, ("transitions", transitions)]
            .into_iter()
            .filter(|size| size.0 != pairs.0 || size.1 > 0)
            .collect()
    }

    /// `tag B-NP, feature w=the`, or `tags B-NP I-NP, feature w=the` for features of pairs of tags, or
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
        let (k, singles, first) = (self.tags().len(), self.singles(), self.first_paired());
        let paired = self.features().len() - first;
        // The tags that are the last digits of a number in base k.
        let tags = |number: usize, count: usize| {
            (0..count).rev().map(|place| number / k.pow(place as u32) % k).collect()
        };
        if index < k * singles {
            return Role { labels: tags(index, 1), feature: Some(index / k) };
        }
        let mut rest = index - k * singles;
        if rest < k * k * paired {
            return Role { labels: tags(rest, 2), feature: Some(first + rest / (k * k)) };
        }
        rest -= k * k * paired;
        for order in 1..=self.orders().0 {
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
        let notation = Notation::closest(self.tags());
        let forbidden = self.scheme().map(|scheme| {
            let after = move |before| {
                let pairs = ends().map(move |after| (before, after));
                pairs.filter(move |&(before, after)| !scheme.allows(notation, before, after))
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
                source.note_known(known);
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
        if let (Format::Columns(columns), Some(text)) = (&self.definition.format, x.text())
            && let Some((conllu, column)) = columns.conllu()
        {
            let tags = (0..tags.len()).map(|token| self.name(tags, token));
            let name = if self.output.probabilities { "Probability" } else { "MaxMargin" };
            return conllu.write(text, column, tags, (name, numbers), out);
        }
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

/// The task for what is in a file: `pairs` of the features, the last ones, are of pairs of tags.
fn build(
    options: &Options,
    choices: Choices,
    tags: Labels,
    (features, pairs): (Features, usize),
    format: Option<Format>,
    file: &str,
) -> Result<Sequence, Error> {
    let Choices { transitions, emissions, beam, scheme, loss, .. } = choices;
    let refuse = |reason: &dyn ToString| Error::file(file, reason.to_string());
    if features.is_empty() {
        return Err(Error::file(file, NO_FEATURES));
    }
    let mut task = Sequence::new(tags, features)
        .and_then(|task| task.with_pair_features(pairs))
        .and_then(|task| task.with_orders(transitions, emissions))
        .and_then(|task| task.with_scheme(scheme))
        .map_err(|error| refuse(&error))?
        .with_beam(beam)
        .with_objective(options.objective()?);
    task.definition.format = format.unwrap_or_default();
    task.definition.ids = svmlight::ids(options);
    let loss = match loss {
        LossOption::Plain(loss) => loss,
        LossOption::Costs(file) => Loss::Costs(read_costs(file, task.tags())?),
        LossOption::MeanCosts(file) => Loss::MeanCosts(read_costs(file, task.tags())?),
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
