//! [`SequenceFiles`]: options, the kinds of files, predictions.

mod columns;
mod conllu;
mod crfsuite;
mod hmm;
mod kind;
mod known;
mod measures;
mod output;
mod record;
mod sentence;
mod survey;
mod template;
mod weights;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io;
use std::mem;
use std::ops::Range;
use std::path::Path;

use crosscut::{Objective, Rescaling};
use crosscut_app::export::{Fields, List};
use crosscut_app::format::ExampleOf;
use crosscut_app::svmlight::{self, NO_FEATURES};
use crosscut_app::{
    Cut, Entry, Error, File, Forecasts, Format, Item, OptionSpec, Options, OutcomeOf, Report, Role,
    Source, Take, scaling,
};
use crosscut_data::scaling::{Apart, Coarse, Method, constants, far_apart, largest};
use crosscut_data::{Labels, Renumbering};
use serde::{Deserialize, Serialize};

use crate::chunks::Notation;
use crate::lattice::Scratch;
use crate::tags::{Tag, Tags, Tokens};
use crate::task::{Features, Sequence};

use kind::{Choices, FAR, Kind, Layout, positive, refuse_ids};
use known::Known;
use output::Output;
use record::{Body, Record};
use survey::{Found, Survey, Surveyor};

/// The row of this task in the table of a program. All of the task's program is compiled here, once,
/// and not again in each program.
pub static ENTRY: Entry = Entry::of::<SequenceFiles>();

/// The files of [`Sequence`]: see the [crate page](crate#files).
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct SequenceFiles {
    kind: Kind,
    /// What training is to be like.
    #[serde(skip)]
    choices: Choices,
    #[serde(skip)]
    learned: Learned,
    #[serde(skip)]
    output: Output,
}

/// What is known of the numbers in surveyed records.
#[derive(Debug, Default)]
struct Learned {
    /// The tag that each number stands for.
    tags: Vec<Tag>,
    /// The feature that each number of a name stands for, if it is not that number.
    features: Option<Vec<Option<u32>>>,
    /// Whether values lose much by rounding.
    coarse: Coarse,
    /// Whether the training examples are read again, without a survey.
    again: bool,
}

const BEAM: OptionSpec = OptionSpec {
    name: "b",
    value: "N",
    help: "Beam search: keeps the N best states at each token. The upper bound on the optimum is \
           then unknown. Default: 0 (exact search); in classify and evaluate, as in training.",
};

impl Format for SequenceFiles {
    type Task = Sequence;
    type Record = Record;
    type Survey = Survey;
    const NAME: &'static str = "sequence";
    const ABOUT: &'static str = "Sequence tagging, as a max-margin Markov chain or a CRF";
    const RESCALINGS: &'static [Rescaling] = &[Rescaling::Margin, Rescaling::Slack];
    const LOSSES: &'static [u32] = &[0, 1, 2];
    const SCHEMA: u32 = 5;
    const TEMPLATES: &'static [(&'static str, &'static str)] = &template::SHIPPED;
    const OBJECTIVES: &'static [Objective] = &[Objective::Hinge, Objective::Log];
    const OPTIONS: &'static [OptionSpec] = &[
        OptionSpec {
            name: "t",
            value: "ORDER",
            help: "How many tags before the current one a tag depends on, 0 to 3. Default: 1; \
                   with --template, 1 if the template has a line B, else 0.",
        },
        OptionSpec {
            name: "e",
            value: "ORDER",
            help: "1: every feature also has a weight for each pair of neighbouring tags. 0: \
                   only features of template lines such as B01:%x[0,0] do. Default: 0.",
        },
        BEAM,
        OptionSpec {
            name: "format",
            value: "NAME",
            help: "The format of the examples: hmm (`TAG qid:N id:value …`), crfsuite \
                   (`TAG<TAB>attribute[:weight]…`), columns or conllu (both need --template). \
                   Default: auto, which looks at the first lines of the file.",
        },
        OptionSpec {
            name: "template",
            value: "FILE",
            help: "Makes features from columns, as FILE says in the notation of CRF++, or as a \
                   built-in template says: chunking, pos or ner (--print-template shows them).",
        },
        OptionSpec {
            name: "tag-column",
            value: "N",
            help: "The column that has the tags, counted from 1, or from the end with -1, -2, …; \
                   in CoNLL-U also by name. Default: the last column; UPOS in CoNLL-U.",
        },
        OptionSpec {
            name: "min-count",
            value: "N",
            help: "Drops features that fewer than N tokens of the training examples have. \
                   Default: 1.",
        },
        OptionSpec {
            name: "constrain",
            value: "SCHEME",
            help: "Forbids sequences of tags that break a chunk notation: bio (IOB2), bioes, \
                   bilou, bmes or bmewo. Tags look like B-NP, B_NP, NP-B, NP_B or B; there are \
                   at most 4096. Default: any tag may follow any tag.",
        },
        OptionSpec {
            name: "cost",
            value: "FILE",
            help: "Reads the cost of each mistake from lines `true-tag predicted-tag cost`. \
                   Pairs that are not listed cost 1. Costs are summed over tokens (-l 1), or \
                   also divided by the number of tokens (-l 2). Default: -l 1 (number of wrong \
                   tags), -l 2 (fraction of wrong tags), or -l 0 (1 for a sequence with any \
                   mistake).",
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
            help: "Writes the N best taggings of each sequence, each after a line `# RANK SCORE` \
                   and before a blank line. Default: only the best.",
        },
        OptionSpec {
            name: "max-marginals",
            value: "",
            help: "Writes after each tag by how much the best tagging beats the best one with \
                   another tag there. Default: tags alone.",
        },
    ];

    fn new(options: &Options) -> Result<Self, Error> {
        Ok(Self { choices: Choices::of(options)?, ..Self::default() })
    }

    fn begin(&mut self, source: &mut Source<'_>) -> Result<(), Error> {
        let head = source.peek(FAR)?;
        let Choices { layout, ids, .. } = &mut self.choices;
        self.kind = layout.settle(*ids, &head, source.name())?;
        Ok(())
    }

    fn stream(&mut self, _: &Path) -> Result<(), Error> {
        self.learned.again = true;
        Ok(())
    }

    fn cut(&self) -> Option<Cut> {
        Some(if self.kind.has_ids() { Cut::Qids } else { Cut::Blank })
    }

    fn records(&self, source: &mut Source<'_>, take: Take<'_, Self>) -> Result<(), Error> {
        let learns = self.choices.learns;
        match &self.kind {
            Kind::Hmm(ids) => hmm::read(source, *ids, learns, take),
            Kind::Crfsuite { asks } => crfsuite::read(source, asks.then_some("?"), learns, take),
            Kind::Columns(columns) => sentence::read(source, columns, learns, take),
        }
    }

    fn anticipate(&self, survey: &Survey, record: &mut Record) {
        record.anticipate(self.kind.columns(), |name| survey.number(name));
    }

    fn survey(&self, survey: &mut Survey, record: &mut Record) -> Result<(), String> {
        let mut surveyor = Surveyor::new(survey, &self.choices, self.kind.has_ids());
        record.number(self.kind.columns(), &mut surveyor)?;
        record.body = Body::Surveyed(surveyor.finish());
        Ok(())
    }

    fn merge(&self, survey: &mut Survey, later: Survey) -> Result<(), String> {
        survey.merge(later, self.kind.has_ids())
    }

    fn task(&mut self, mut survey: Survey, file: &mut File<'_>) -> Result<Sequence, Error> {
        let choices = mem::take(&mut self.choices);
        let has_ids = self.kind.has_ids();
        let tags = survey.labels(choices.scheme, file)?;
        if matches!(choices.layout, Layout::Auto) && !has_ids {
            check_guess(file, survey.names(), tags.len())?;
        }
        let mut found = survey.features(has_ids, choices.min_count);
        if self.kind.columns().is_some_and(columns::Columns::has_pairs) {
            found.put_pairs_last();
        }
        if let Kind::Crfsuite { asks } = &mut self.kind {
            *asks = tags.index("?").is_none();
        }
        let (method, names) = (choices.scale, mem::take(&mut survey.tags));
        let Found { features, pairs, numbers } = found;
        let mut task = build(choices, tags, (features, pairs), file)?;
        let known = |tag: u32| task.tags().index(names.name(tag)).map_or(Tag::UNKNOWN, Tag::new);
        self.learned.tags = (0..names.len() as u32).map(known).collect();
        self.learned.features = numbers;
        self.learned.coarse = survey.coarse;
        if method != Method::None {
            let index = |number| self.learned.feature(&task, number);
            let columns = survey.statistics.numbered(task.features().len(), index);
            if let Some(note) = constants(&columns, |index| short_name(&task, index)) {
                file.note(&note);
            }
            task =
                task.with_scaling(columns.scaling(method)).map_err(|error| file.refuse(error))?;
        }
        Ok(task)
    }

    fn notes(&self, task: &Sequence, examples: &[ExampleOf<Self>]) -> Vec<String> {
        if !task.scaling().is_none() {
            return Vec::new();
        }
        let name = |index| short_name(task, index);
        let rows = || examples.iter().flat_map(|example| example.x.rows().iter());
        let rows = || rows().map(|row| row.features());
        let coarse = match task.features() {
            Features::Ids(ids) => self.learned.coarse.note(rows(), |id| ids.index(id), name),
            Features::Names(_) => None,
        };
        let mut sizes = largest(task.features().len(), examples, |example| {
            example.x.rows().iter().map(|row| row.features())
        });
        let first = task.first_paired();
        let of_pairs = largest(sizes.len() - first, examples, |example| {
            let rows = example.x.pair_rows().into_iter();
            rows.flat_map(|rows| rows.iter()).map(|row| row.features())
        });
        for (size, of_pairs) in sizes[first..].iter_mut().zip(of_pairs) {
            *size = size.max(of_pairs);
        }
        [coarse, far_apart(&sizes, Apart::ROWS, name)].into_iter().flatten().collect()
    }

    fn item(&self, task: &Sequence, record: Record) -> Result<Item<Tokens, Tags>, String> {
        if record.len() > task.most_tokens() {
            return Err(task.too_long());
        }
        let mut known = Known::new(task);
        record.number(self.kind.columns(), &mut known)?;
        let Record { weight, body } = record;
        let text = match body {
            Body::Tokens(_) => String::new(),
            // Training writes no lines of the file.
            Body::Sentence(_) if self.learned.again => String::new(),
            Body::Sentence(sentence) => sentence.text,
            Body::Surveyed(surveyed) => {
                known.take(surveyed, &self.learned)?;
                String::new()
            }
        };
        let (x, y) = known.finish();
        let x = if text.is_empty() { x } else { x.with_text(text) };
        Ok(Item { x, y, weight })
    }

    fn renumber(&self, task: &Sequence, examples: &mut [ExampleOf<Self>]) -> Option<Renumbering> {
        task.renumber(examples)
    }

    fn known(&self, task: &Sequence, record: &Record) -> (usize, usize) {
        known::count(task, record)
    }

    fn prepare(&mut self, task: &mut Sequence, options: &Options) -> Result<(), Error> {
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
        match &mut self.kind {
            Kind::Hmm(ids) => *ids = ids.or(svmlight::ids(options)),
            Kind::Crfsuite { .. } | Kind::Columns(_) => refuse_ids(svmlight::ids(options))?,
        }
        if let Some(columns) = self.kind.columns()
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
            task.definition.beam = beam;
        }
        Ok(())
    }

    fn check(&self, task: &Sequence) -> Result<(), String> {
        let asks = matches!(self.kind, Kind::Crfsuite { asks: true });
        match (&self.kind, task.features()) {
            (Kind::Columns(_), Features::Ids(_)) => {
                Err("the model has no names for the features that its template makes".to_owned())
            }
            (Kind::Hmm(_), Features::Names(_)) | (Kind::Crfsuite { .. }, Features::Ids(_)) => {
                Err("the features of the model are not those of its files".to_owned())
            }
            _ if asks && task.tags().index("?").is_some() => {
                Err("the model has a tag `?`, which stands for none in its files".to_owned())
            }
            _ => Ok(()),
        }
    }

    /// A tag a line; after the line of the file, where that was in columns. See the [crate
    /// page](crate#files).
    fn write(
        &self,
        task: &Sequence,
        w: &[f64],
        x: &Tokens,
        y_hat: &Tags,
        out: &mut dyn io::Write,
    ) -> io::Result<()> {
        self.output.write(&self.kind, task, w, (x, y_hat), out)
    }

    /// The probabilities of taggings, and of the tags of all tokens.
    fn forecast(
        &self,
        task: &Sequence,
        w: &[f64],
        &OutcomeOf::<'_, Self> { x, y, weight, .. }: &OutcomeOf<'_, Self>,
        scratch: &mut Scratch,
        forecasts: &mut Forecasts,
    ) {
        task.expect(w, x, scratch);
        forecasts.add_output(task.log_probability_after(w, x, y, scratch), weight);
        let k = task.tags().len();
        for (tag, probabilities) in y.as_slice().iter().zip(scratch.marginals().chunks_exact(k)) {
            let truth = (tag.index() < k).then_some(tag.index());
            forecasts.add_label(probabilities, truth, weight);
        }
    }

    /// See the [crate page](crate#evaluation).
    fn evaluate(&self, task: &Sequence, outcomes: &[OutcomeOf<'_, Self>]) -> Report {
        measures::report(task, outcomes)
    }

    fn scale(&self, task: &Sequence) -> Option<&'static str> {
        (!task.scaling().is_none()).then(|| task.scaling().method().name())
    }

    fn differs_from(&self, task: &Sequence, prior: &Sequence) -> Option<String> {
        // Of other features only the weights of transitions would be left.
        let shares = match (task.features(), prior.features()) {
            (Features::Ids(ours), Features::Ids(theirs)) => {
                (0..theirs.len()).any(|at| ours.index(theirs.id(at)).is_some())
            }
            (Features::Names(ours), Features::Names(theirs)) => {
                (0..theirs.len() as u32).any(|at| ours.index(theirs.name(at)).is_some())
            }
            _ => false,
        };
        task.tags().differ_from(prior.tags(), "tags").or_else(|| {
            let message = "expected a model with features of the examples, found none of its features among theirs";
            (!shares).then(|| message.to_owned())
        })
    }

    /// Drops names of features, not ids: a list of ids is slower to search than the range that ids
    /// usually are.
    fn reduce(&self, task: &mut Sequence, nonzero: &[u32]) -> Option<Vec<Range<usize>>> {
        task.drop_unused_names(nonzero)
    }

    fn sizes(&self, task: &Sequence) -> Vec<(&'static str, usize)> {
        let (k, (order, _)) = (task.tags().len(), task.orders());
        let transitions = (1..=order).map(|order| k.pow(order as u32 + 1)).sum();
        let pairs = ("pair_features", task.pair_features());
        [("tags", k), ("features", task.features().len()), pairs, ("transitions", transitions)]
            .into_iter()
            .filter(|size| size.0 != pairs.0 || size.1 > 0)
            .collect()
    }

    fn weight_name(&self, task: &Sequence, index: usize) -> String {
        weights::name(task, index)
    }

    fn labels<'t>(&self, task: &'t Sequence) -> Vec<&'t str> {
        task.tags().iter().collect()
    }

    fn role(&self, task: &Sequence, index: usize) -> Role {
        weights::role(task, index)
    }

    fn feature_name<'t>(&'t self, task: &'t Sequence, feature: usize) -> Cow<'t, str> {
        weights::feature_name(task, feature)
    }

    /// The orders and the beam, how features are made, the pairs of tags that are forbidden, and the
    /// scaling.
    fn export(&self, task: &Sequence, out: &mut Fields<'_>) -> io::Result<()> {
        let (transitions, emissions) = task.orders();
        out.field(
            "orders",
            &BTreeMap::from([("transitions", transitions), ("emissions", emissions)]),
        )?;
        out.field("beam", &task.definition.beam)?;
        let format = match &self.kind {
            Kind::Hmm(_) => "hmm",
            Kind::Crfsuite { .. } => "crfsuite",
            Kind::Columns(_) => "columns",
        };
        out.field("tokens", format)?;
        out.field("columns", &self.kind.columns())?;
        let ends = || task.tags().iter().map(Some).chain([None]);
        let notation = Notation::closest(task.tags());
        let forbidden = task.scheme().map(|scheme| {
            let after = move |before| {
                let pairs = ends().map(move |after| (before, after));
                pairs.filter(move |&(before, after)| !scheme.allows(notation, before, after))
            };
            List(move || ends().flat_map(after))
        });
        out.field("forbidden", &forbidden)?;
        out.field(
            "scaling",
            &task.scaling().exported(&|feature| weights::feature_name(task, feature)),
        )
    }
}

impl Learned {
    /// The feature that the number in a surveyed record stands for.
    fn feature(&self, task: &Sequence, number: u32) -> Option<u32> {
        match (task.features(), &self.features) {
            (Features::Ids(ids), _) => ids.index(number),
            (Features::Names(_), None) => Some(number),
            (Features::Names(_), Some(features)) => *features.get(number as usize)?,
        }
    }
}

/// The task for what is in a file: `pairs` of the features, the last ones, are of pairs of tags.
fn build(
    choices: Choices,
    tags: Labels,
    (features, pairs): (Features, usize),
    file: &File<'_>,
) -> Result<Sequence, Error> {
    if features.is_empty() {
        return Err(file.refuse(NO_FEATURES));
    }
    let task = Sequence::new(tags, features)
        .and_then(|task| task.with_pair_features(pairs))
        .and_then(|task| task.with_orders(choices.transitions, choices.emissions))
        .and_then(|task| task.with_scheme(choices.scheme))
        .map_err(|error| file.refuse(error))?
        .with_beam(choices.beam)
        .with_objective(choices.objective);
    let loss = choices.loss.of_tags(task.tags())?;
    let task = task.with_loss(loss).and_then(|task| task.with_rescaling(choices.rescaling));
    task.map_err(|error| file.refuse(error))
}

/// The name of a feature for a note.
fn short_name(task: &Sequence, index: usize) -> String {
    template::shorten(&weights::feature_name(task, index))
}

/// A file with fewer attributes than tags was taken for one of CRFsuite by mistake.
fn check_guess(file: &File<'_>, attributes: usize, tags: usize) -> Result<(), Error> {
    if attributes >= tags {
        return Ok(());
    }
    Err(file.refuse(format!(
        "expected more attributes than tags, found {attributes} and {tags}: if this is a file of columns, give --template; else \
         --format crfsuite"
    )))
}
