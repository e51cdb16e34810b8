//! [`RankingFiles`]: svm-light lines and tables, sizes and weights of queries, rank lists.

mod choices;
mod queries;
mod report;
mod sizes;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io;
use std::mem;
use std::path::{Path, PathBuf};

use crosscut::{Example, Rescaling, SparseRows};
use crosscut_app::export::Fields;
use crosscut_app::svmlight::{self, NO_FEATURES};
use crosscut_app::table::{self, Table, Wanted};
use crosscut_app::{
    Cut, Entry, Error, File, Format, Item, OptionSpec, Options, Outcome, Report, Shortest, Source,
    Take,
};
use crosscut_data::scaling::{Apart, Coarse, ColumnsById, Method, far_apart};
use crosscut_data::svmlight::Ids;
use crosscut_data::{FeatureIds, SeenIds};
use serde::{Deserialize, Serialize};

use crate::query::{Query, Scores};
use crate::scaling::{Ranges, Scaling};
use crate::task::{Loss, Ranking};

use choices::{GROUP, NO_GROUP, Scale, loss, sizes, task};
use queries::Record;
use sizes::{Sizes, Weights};

/// The row of this task in the table of a program. All of the task's program is compiled here, once,
/// and not again in each program.
pub static ENTRY: Entry = Entry::of::<RankingFiles>();

/// The files of [`Ranking`] (see the [crate page](crate#files)).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RankingFiles {
    /// That of the task: it decides which grades and costs may be read.
    loss: Loss,
    /// That of the task.
    scale: Scale,
    /// How ids are written.
    ids: Ids,
    /// The columns of the training file if it was a table, whose features are those of the task.
    table: Option<Box<Table>>,
    #[serde(skip)]
    run: Run,
}

/// What the options say of one run, and what is known in it. No part of a model.
#[derive(Clone, Debug, Default, PartialEq)]
struct Run {
    options: Options,
    /// The sizes of queries, for a file without `qid:`.
    sizes: Option<Sizes>,
    /// Rank lists under this name, not scores.
    run_tag: Option<String>,
    /// Whether training examples are being read, which must have grades.
    learns: bool,
    wanted: Option<Wanted>,
    weights: Option<Weights>,
    /// The file of sizes beside a file of examples that is read in pieces.
    unread: Option<PathBuf>,
    /// What was seen in training.
    coarse: Coarse,
}

/// What is known of the training queries.
#[derive(Default, Serialize, Deserialize)]
pub struct Survey {
    queries: usize,
    ids: SeenIds,
    statistics: ColumnsById,
    coarse: Coarse,
    /// Whether a query has documents of different grades.
    has_order: bool,
    has_qids: bool,
}

/// How features that vary very differently are told of.
const APART: Apart = Apart {
    verbs: ["varies", "vary"],
    than: "much within a query as a quarter of the features",
    remedy: "--scale query (or standard, global)",
    ..Apart::ROWS
};

impl Format for RankingFiles {
    type Task = Ranking;
    type Record = Record;
    type Survey = Survey;
    const NAME: &'static str = "ranking";
    const ABOUT: &'static str =
        "Learning to rank, by swapped pairs, average precision, NDCG and others";
    const RESCALINGS: &'static [Rescaling] = &[Rescaling::Margin, Rescaling::Slack];
    const LOSSES: &'static [u32] = &[1, 2, 3, 4, 5, 6, 7, 8];
    const SCHEMA: u32 = 5;
    const OPTIONS: &'static [OptionSpec] = &[
        OptionSpec {
            name: "k",
            value: "N",
            help: "Only the first N documents count in NDCG (-l 4), DCG (-l 5) and precision (-l \
                   7). Default: all, and 10 with -l 7. Other losses: -l 1 swapped pairs (the \
                   default), -l 2 fraction of swapped pairs, -l 3 1 − average precision, -l 6 1 \
                   − reciprocal rank, -l 8 ranks of relevant documents.",
        },
        OptionSpec {
            name: "scale",
            value: "none|query|standard|global",
            help: "Scales each feature. query: divides by its range within each query. global: \
                   divides by its range in all training examples. standard: subtracts the mean \
                   and divides by the standard deviation; features that are missing in more than half \
                   of the rows are only divided. The model scales what it reads later in the \
                   same way. Default: none.",
        },
        GROUP,
        NO_GROUP,
        table::LABEL,
        table::GROUP,
        table::WEIGHT,
        table::IGNORE,
        table::CATEGORIES,
        OptionSpec {
            name: "query-weights",
            value: "FILE",
            help: "Reads the weight of each query from the lines of FILE; it multiplies the \
                   slack of the query. Default: 1.",
        },
        svmlight::ZERO_BASED,
        svmlight::SORT_IDS,
    ];
    const READING: &'static [OptionSpec] = &[GROUP, NO_GROUP, svmlight::SORT_IDS];
    const WRITING: &'static [OptionSpec] = &[
        OptionSpec {
            name: "ranks",
            value: "",
            help: "Writes rankings as TREC runs: `qid Q0 document rank score tag`. The name of a \
                   document is the first word after # on its line, or the word after `docid =`, \
                   else d and the line number. Default: a score a line, in the order of the \
                   examples.",
        },
        OptionSpec {
            name: "run-tag",
            value: "NAME",
            help: "The last column of --ranks. Default: crosscut.",
        },
    ];

    fn new(options: &Options) -> Result<Self, Error> {
        let (scale, loss) = (Scale::named(options)?, loss(options)?);
        task(FeatureIds::Contiguous(0), loss, options)?;
        let weights = options.text("query-weights");
        let run = Run {
            options: options.clone(),
            sizes: sizes(options)?,
            weights: weights.map(|file| Weights::read(Path::new(file))).transpose()?,
            wanted: Wanted::of(options)?,
            ..Run::default()
        };
        Ok(Self { loss, scale, ids: svmlight::ids(options), table: None, run })
    }

    fn stream(&mut self, examples: &Path) -> Result<(), Error> {
        let options = &self.run.options;
        for name in ["group", "query-weights", table::LABEL.name] {
            if let Some(given) = options.text(name) {
                let expected = "neither --stream nor several ranks";
                return Err(Error::option(format!("--{name}"), expected, given));
            }
        }
        self.run.unread = sizes::beside(options, examples);
        Ok(())
    }

    fn begin(&mut self, source: &mut Source<'_>) -> Result<(), Error> {
        self.run.learns = true;
        if let Some(wanted) = &self.run.wanted {
            self.table = Some(Box::new(wanted.begin(source)?));
        }
        Ok(())
    }

    /// Not with `--group`, whose sizes are those of the whole file, and not a table, which has a
    /// header.
    fn cut(&self) -> Option<Cut> {
        let is_whole = self.run.sizes.is_some() || self.table.is_some();
        (!is_whole).then_some(Cut::Qids)
    }

    fn records(&self, source: &mut Source<'_>, take: Take<'_, Self>) -> Result<(), Error> {
        let Some(table) = &self.table else {
            let learns = self.run.learns;
            table::refuse(source, if learns { table::TO_LEARN } else { table::NOT_LEARNED })?;
            return self.queries(source, None, take);
        };
        if let Some(rows) = table.rows(source)? {
            self.queries(source, Some(&rows), take)?;
            rows.note(source);
        }
        Ok(())
    }

    fn survey(&self, survey: &mut Survey, record: &mut Record) -> Result<(), String> {
        let weights = self.run.weights.as_ref();
        // Too few of them are refused at the end.
        let weight = weights.and_then(|weights| weights.weights.get(survey.queries));
        record.weight = weight.copied().unwrap_or(1.0);
        survey.queries += 1;
        survey.has_order |= record.grades.windows(2).any(|pair| pair[0] != pair[1]);
        survey.has_qids |= record.has_qid;
        for (row, rest) in record.rows.iter().zip(record.rests.iter()) {
            let (row, rest) = (row.features(), rest.features());
            survey.ids.add(row);
            match self.scale {
                Scale::Query => {}
                Scale::Documents(Method::None) => survey.coarse.see(row, rest),
                Scale::Documents(_) => survey.statistics.add(row, rest),
            }
        }
        if !self.scale.is_some() {
            record.rests = SparseRows::default();
        }
        let rows = mem::take(&mut record.rows);
        let width = rows.width();
        record.surveyed = Some(Query::from_rows(rows, width));
        Ok(())
    }

    fn merge(&self, survey: &mut Survey, later: Survey) -> Result<(), String> {
        survey.queries += later.queries;
        survey.ids.merge(later.ids);
        survey.statistics.merge(&later.statistics, |id| id);
        survey.coarse.merge(later.coarse);
        survey.has_order |= later.has_order;
        survey.has_qids |= later.has_qids;
        Ok(())
    }

    fn task(&mut self, survey: Survey, file: &mut File<'_>) -> Result<Ranking, Error> {
        let run = &mut self.run;
        run.learns = false;
        if let Some(weights) = run.weights.take() {
            weights.check(survey.queries, file.name())?;
        }
        if let (Some(unread), false) = (run.unread.take(), survey.has_qids) {
            let unread = unread.display();
            return Err(file.refuse(format!(
                "expected qid at each line, since --stream and ranks do not read {unread}, found none (--no-group makes all \
                 documents one query)"
            )));
        }
        let features = match &self.table {
            Some(table) => table.feature_ids().map_err(|error| file.refuse(error))?,
            None => survey.ids.finish(),
        };
        if features.is_empty() {
            return Err(file.refuse(NO_FEATURES));
        }
        if !survey.has_order {
            file.note(
                "no query has two documents of different relevance, so that there is nothing to learn",
            );
        }
        run.coarse = survey.coarse;
        let scaling = match self.scale {
            Scale::Query => Scaling::Query,
            Scale::Documents(method) => {
                let number = |id| features.index(id);
                let statistics = survey.statistics.numbered(features.len(), number);
                Scaling::Documents(statistics.scaling(method))
            }
        };
        let task = task(features, self.loss, &run.options)?;
        task.with_scaling(scaling).map_err(|error| file.refuse(error))
    }

    fn notes(&self, task: &Ranking, examples: &[Example<Query, Scores>]) -> Vec<String> {
        if self.scale.is_some() {
            return Vec::new();
        }
        let features = task.features();
        let name = |index: usize| features.name(index);
        let rows = examples.iter().flat_map(|example| {
            let rows = example.x.rows();
            rows.iter().map(|row| row.features().to_vec()).collect::<Vec<_>>()
        });
        let coarse = self.run.coarse.note(rows, |id| features.index(id), name);
        let mut widest = vec![0.0_f64; features.len()];
        for example in examples {
            for (feature, range) in Ranges::of(&example.x.rows(), &SparseRows::default()).iter() {
                let widest = &mut widest[feature as usize];
                *widest = widest.max(range.width());
            }
        }
        coarse.into_iter().chain(far_apart(&widest, APART, name)).collect()
    }

    fn item(&self, task: &Ranking, record: Record) -> Result<Item<Query, Scores>, String> {
        let Record { rows, rests, surveyed, grades, costs, names, weight, .. } = record;
        let rows = surveyed.map_or(rows, Query::into_rows);
        let y = (!grades.is_empty()).then(|| {
            let y = Scores::new(grades);
            if costs.is_empty() { y } else { y.with_costs(costs) }
        });
        Ok(Item { x: task.input_of(&rows, &rests).with_names(names), y, weight })
    }

    fn known(&self, task: &Ranking, record: &Record) -> (usize, usize) {
        // A table has the features that it needs.
        if self.table.is_some() {
            return (0, 0);
        }
        let all = || record.rows.iter().flat_map(|row| row.features());
        let known = all().filter(|feature| task.features().index(feature.index).is_some());
        (all().count(), known.count())
    }

    fn beside(options: &Options, examples: &Path) -> Vec<PathBuf> {
        sizes::beside(options, examples).into_iter().collect()
    }

    fn prepare(&mut self, _: &mut Ranking, options: &Options) -> Result<(), Error> {
        let tag = options.text("run-tag");
        if let Some(tag) = tag
            && (tag.is_empty() || tag.contains(char::is_whitespace))
        {
            return Err(Error::option("--run-tag", "a name without white space", tag));
        }
        let run_tag = match (options.is_set("ranks"), tag) {
            (true, tag) => Some(tag.unwrap_or("crosscut").to_owned()),
            (false, None) => None,
            (false, Some(tag)) => return Err(Error::option("--run-tag", "--ranks beside it", tag)),
        };
        let (sizes, options) = (sizes(options)?, options.clone());
        self.ids = self.ids.or(svmlight::ids(&options));
        self.run = Run { options, sizes, run_tag, ..Run::default() };
        Ok(())
    }

    fn check(&self, task: &Ranking) -> Result<(), String> {
        let features = self.table.as_ref().map(|table| table.feature_ids());
        if features.is_some_and(|features| features.as_ref() != Ok(task.features())) {
            return Err("the columns of the table are not the features of the task".to_owned());
        }
        if self.loss != task.loss_function() || self.scale != Scale::of(task.scaling()) {
            return Err("the files are not of the loss and the scaling of the task".to_owned());
        }
        Ok(())
    }

    /// The score of each document on a line, or the rank list. See the [crate page](crate#files).
    fn write(
        &self,
        _: &Ranking,
        _: &[f64],
        x: &Query,
        y_hat: &Scores,
        out: &mut dyn io::Write,
    ) -> io::Result<()> {
        let scores = y_hat.values();
        let Some(tag) = &self.run.run_tag else {
            return scores.iter().try_for_each(|score| writeln!(out, "{}", Shortest(*score)));
        };
        let mut order: Vec<usize> = (0..scores.len()).collect();
        order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
        let names = x.names();
        let query = names.map_or("1", |names| &names.query);
        for (document, rank) in order.into_iter().zip(1..) {
            match names.and_then(|names| names.documents.get(document)) {
                Some(name) => write!(out, "{query} Q0 {name}")?,
                None => write!(out, "{query} Q0 d{}", document + 1)?,
            }
            writeln!(out, " {rank} {} {tag}", Shortest(scores[document]))?;
        }
        Ok(())
    }

    /// See the [crate page](crate#evaluation).
    fn evaluate(&self, task: &Ranking, outcomes: &[Outcome<'_, Query, Scores>]) -> Report {
        report::report(task, outcomes)
    }

    fn scale(&self, task: &Ranking) -> Option<&'static str> {
        task.scaling().name()
    }

    fn sizes(&self, task: &Ranking) -> Vec<(&'static str, usize)> {
        vec![("features", task.features().len())]
    }

    /// `feature ID`.
    fn weight_name(&self, task: &Ranking, index: usize) -> String {
        format!("feature {}", task.features().name(index))
    }

    fn feature_name<'t>(&'t self, task: &'t Ranking, feature: usize) -> Cow<'t, str> {
        task.features().name(feature).into()
    }

    /// The columns of a table, and the scaling. That of queries has no numbers: they are those of the
    /// query at hand.
    fn export(&self, task: &Ranking, out: &mut Fields<'_>) -> io::Result<()> {
        out.field("table", &self.table.as_deref().map(Table::exported))?;
        match task.scaling() {
            Scaling::Query => out.field("scaling", &BTreeMap::from([("method", "query")])),
            Scaling::Documents(scaling) => {
                out.field("scaling", &scaling.exported(&|feature| self.feature_name(task, feature)))
            }
        }
    }
}
