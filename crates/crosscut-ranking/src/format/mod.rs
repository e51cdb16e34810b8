//! The files of [`Ranking`]: options, svm-light lines, rank lists.

mod queries;
mod sizes;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use crosscut::{Example, Rescaling};
use crosscut_app::export::Fields;
use crosscut_app::svmlight::{self, NO_FEATURES};
use crosscut_app::table::{self, Table, Wanted};
use crosscut_app::{
    Application, Cut, Error, Examples, Item, Items, OptionSpec, Options, Outcome, Pieces, Report,
    Shortest, Source,
};
use crosscut_data::scaling::{Apart, Coarse, Columns, Method, far_apart};
use crosscut_data::{FeatureIds, NoneKnown, SeenIds};

use crate::measures;
use crate::query::{Query, Scores};
use crate::scaling::{QueryScaler, Scaling, widest};
use crate::task::{Loss, Ranking, TaskError};

use queries::{Raw, Reader};
use sizes::{Sizes, Weights};

/// What came with the model to read and write with. No part of a model.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Beside {
    /// The sizes of queries.
    sizes: Option<Sizes>,
    /// What was given.
    options: Options,
    /// Rank lists under this name, not scores.
    run_tag: Option<String>,
}

/// What `--scale` says.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Scale {
    Query,
    Documents(Method),
}

impl Scale {
    fn is_some(self) -> bool {
        self != Self::Documents(Method::None)
    }
}

/// How features that vary very differently are told of.
const APART: Apart = Apart {
    verbs: ["varies", "vary"],
    than: "much within a query as a quarter of the features",
    remedy: "--scale query (or standard, global)",
    ..Apart::ROWS
};

const GROUP: OptionSpec = OptionSpec {
    name: "group",
    value: "FILE",
    help: "Takes the number of documents of each query from the lines of FILE (as LightGBM and XGBoost do), for examples \
           without qid. Default: a query is what has one qid; without any qid the file EXAMPLES.query or EXAMPLES.group \
           has the numbers, or all documents are one query.",
};

const NO_GROUP: OptionSpec = OptionSpec {
    name: "no-group",
    value: "",
    help: "Does not look for EXAMPLES.query and EXAMPLES.group.",
};

impl Application for Ranking {
    const NAME: &'static str = "ranking";
    const ABOUT: &'static str = "Learning to rank (SVM^rank and structured measures) of svm-light lines with qid, or tables";
    const RESCALINGS: &'static [Rescaling] = &[Rescaling::Margin, Rescaling::Slack];
    const LOSSES: &'static [u32] = &[1, 2, 3, 4, 5, 6, 7, 8];
    const SCHEMA: u32 = 4;
    const OPTIONS: &'static [OptionSpec] = &[
        OptionSpec {
            name: "k",
            value: "N",
            help: "Looks at the first N documents in NDCG (-l 4), DCG (-l 5) and precision (-l 7). Default: all, with -l 7 \
                   10. The other losses: -l 1 (swapped pairs, the default), -l 2 (their fraction of a query's pairs), -l 3 \
                   (1 - average precision), -l 6 (1 - reciprocal rank), -l 8 (ranks of relevant documents).",
        },
        OptionSpec {
            name: "scale",
            value: "none|query|standard|global",
            help: "Scales each feature. query: by its range within each query, to [0, 1] if nothing is negative. global: by \
                   its range over all training examples. standard: subtracts the mean of all training examples and \
                   divides by the standard deviation; a feature that over half of them lack is only divided, so that \
                   sparse rows stay sparse. What is read with the model is scaled likewise. Default: none.",
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
            help: "Multiplies the slacks of queries by the numbers on the lines of FILE. Default: 1 for each query.",
        },
        svmlight::ZERO_BASED,
        svmlight::SORT_IDS,
    ];
    const READING: &'static [OptionSpec] = &[GROUP, NO_GROUP, svmlight::SORT_IDS];
    const WRITING: &'static [OptionSpec] = &[
        OptionSpec {
            name: "ranks",
            value: "",
            help: "Writes rank lists as TREC runs, `qid Q0 document rank score tag`, the document being the first word \
                   after # on its line (or the one after `docid =`), else d and the number of the line. Default: scores \
                   in the order of the examples.",
        },
        OptionSpec {
            name: "run-tag",
            value: "NAME",
            help: "The last column of --ranks. Default: crosscut.",
        },
    ];

    fn define(options: &Options, mut source: Source<'_>) -> Result<(Self, Examples<Self>), Error> {
        let (mut task, scale) = build(options)?;
        let loss = task.loss_function();
        let group = options.text("group");
        let sizes = group.map(|file| Sizes::read(Path::new(file))).transpose()?;
        let weights = options.text("query-weights");
        let weights = weights.map(|file| Weights::read(Path::new(file))).transpose()?;
        let beside = source.path().and_then(|examples| sizes::beside(options, examples));
        let reader = Reader {
            learning: true,
            loss,
            ids: task.ids,
            sizes: sizes.as_ref(),
            beside: beside.as_deref(),
            named: false,
            precise: scale.is_some(),
        };
        let rows = match Wanted::of(options)? {
            Some(table) => Some(table.read(&mut source)?),
            None => {
                table::refuse(&mut source, table::TO_LEARN)?;
                None
            }
        };
        let mut coarse = Coarse::default();
        let mut raws = reader.read_noting(&mut source, rows.as_ref(), &mut coarse)?;
        if let Some(weights) = &weights {
            weights.check(raws.len(), source.name())?;
        }
        let table = rows.map(|rows| Box::new(rows.into_table()));
        let ids = match &table {
            Some(table) => {
                table.feature_ids().map_err(|message| Error::file(source.name(), message))?
            }
            None => FeatureIds::collect(
                raws.iter().flat_map(|raw| raw.rows.iter()).map(|row| row.features()),
            ),
        };
        if ids.is_empty() {
            return Err(Error::file(source.name(), NO_FEATURES));
        }
        let mut buffer = Vec::new();
        raws.iter_mut().for_each(|raw| raw.number(&mut buffer, |id| ids.index(id)));
        let is_tied = |raw: &Raw| raw.grades.windows(2).all(|pair| pair[0] == pair[1]);
        if raws.iter().all(is_tied) {
            let file = source.name().to_owned();
            source.note(&format!(
                "{file}: no query has two documents of different relevance, so that there is nothing to learn"
            ));
        }

        let rows = raws.iter().map(|raw| &raw.rows);
        task.scaling = match scale {
            Scale::Query => Scaling::Query,
            Scale::Documents(Method::None) => {
                let documents = rows.clone().flat_map(|rows| rows.iter()).map(|row| row.features());
                let name = |index: usize| ids.name(index);
                let coarse = coarse.note(documents, |id| ids.index(id), name);
                let apart = far_apart(&widest(ids.len(), rows), APART, name);
                [coarse, apart]
                    .iter()
                    .flatten()
                    .for_each(|note| source.note(&format!("{}: {note}", source.name().to_owned())));
                Scaling::default()
            }
            Scale::Documents(method) => {
                let mut columns = Columns::new(ids.len());
                raws.iter().for_each(|raw| raw.add_to(&mut columns));
                Scaling::Documents(columns.scaling(method))
            }
        };
        task.features = ids;
        task.table = table;

        let mut examples: Vec<_> = (task.finish(raws).into_iter())
            .map(|Item { x, y, weight }| Example { x, y: y.unwrap_or_default(), weight })
            .collect();
        for (example, weight) in
            examples.iter_mut().zip(weights.into_iter().flat_map(|weights| weights.weights))
        {
            example.weight = weight;
        }
        Ok((task, examples))
    }

    fn survey(options: &Options, pieces: &mut Pieces) -> Result<Self, Error> {
        let (mut task, scale) = build(options)?;
        for name in ["group", "query-weights", table::LABEL.name] {
            if let Some(given) = options.text(name) {
                let expected = "nothing where --stream is given";
                return Err(Error::option(format!("--{name}"), expected, given));
            }
        }
        Wanted::of(options)?;
        let reader = Reader {
            learning: true,
            loss: task.loss_function(),
            ids: task.ids,
            sizes: None,
            beside: None,
            named: false,
            precise: scale.is_some(),
        };
        let mut ids = SeenIds::default();
        pieces.cut_at(Cut::Qids);
        while let Some(mut piece) = pieces.next_piece()? {
            reader
                .read(&mut piece, None)?
                .iter()
                .flat_map(|raw| raw.rows.iter())
                .for_each(|row| ids.add(row.features()));
        }
        if !pieces.has_qids()
            && let Some(file) = sizes::beside(options, pieces.path())
        {
            let message = format!(
                "expected qid at each line, since --stream does not read {}, found none (--no-group makes all documents \
                 one query)",
                file.display()
            );
            return Err(Error::file(pieces.name(), message));
        }
        task.features = ids.finish();
        task.scaling = match scale {
            Scale::Query => Scaling::Query,
            Scale::Documents(Method::None) => Scaling::default(),
            Scale::Documents(method) => {
                // Statistics need the number of features, so this is another reading.
                let mut columns = Columns::new(task.features.len());
                let mut buffer = Vec::new();
                pieces.begin_again()?;
                while let Some(mut piece) = pieces.next_piece()? {
                    for mut raw in reader.read(&mut piece, None)? {
                        raw.number(&mut buffer, |id| task.features.index(id));
                        raw.add_to(&mut columns);
                    }
                }
                Scaling::Documents(columns.scaling(method))
            }
        };
        Ok(task)
    }

    fn beside(options: &Options, examples: &Path) -> Vec<PathBuf> {
        sizes::beside(options, examples).into_iter().collect()
    }

    fn prepare(&mut self, options: &Options) -> Result<(), Error> {
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
        let group = options.text("group");
        let sizes = group.map(|file| Sizes::read(Path::new(file))).transpose()?;
        self.ids = self.ids.or(svmlight::ids(options));
        self.beside = Beside { sizes, options: options.clone(), run_tag };
        Ok(())
    }

    /// Not with `--group`, whose sizes are those of the whole file, and not a table, which has a header.
    fn cut(&self) -> Option<Cut> {
        let is_whole = self.beside.sizes.is_some() || self.table.is_some();
        (!is_whole).then_some(Cut::Qids)
    }

    fn read(&self, mut source: Source<'_>) -> Result<Items<Self>, Error> {
        let Beside { sizes, options, run_tag } = &self.beside;
        let loss = self.loss_function();
        let beside = source.path().and_then(|examples| sizes::beside(options, examples));
        let reader = Reader {
            learning: false,
            loss,
            ids: self.ids,
            sizes: sizes.as_ref(),
            beside: beside.as_deref(),
            named: run_tag.is_some(),
            precise: self.scaling.name().is_some(),
        };
        let rows = match &self.table {
            Some(table) => match table.rows(&mut source)? {
                Some(rows) => Some(rows),
                None => return Ok(Vec::new()),
            },
            None => {
                table::refuse(&mut source, table::NOT_LEARNED)?;
                None
            }
        };
        let mut raws = reader.read(&mut source, rows.as_ref())?;
        let mut buffer = Vec::new();
        let known = NoneKnown::default();
        for raw in &mut raws {
            let features = |raw: &Raw| raw.rows.iter().map(|row| row.features().len()).sum();
            let given = features(raw);
            raw.number(&mut buffer, |id| self.features().index(id));
            known.see(given, features(raw));
        }
        match rows {
            Some(rows) => rows.note(&mut source),
            None => source.note_known(known),
        }
        Ok(self.finish(raws))
    }

    /// The score of each document on a line, or the rank list. See the [crate page](crate#files).
    fn write(
        &self,
        _: &[f64],
        x: &Query,
        y_hat: &Scores,
        out: &mut dyn io::Write,
    ) -> io::Result<()> {
        let scores = y_hat.values();
        let Some(tag) = &self.beside.run_tag else {
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
    fn evaluate(&self, outcomes: &[Outcome<'_, Query, Scores>]) -> Report {
        measures::report(self, outcomes)
    }

    fn scale(&self) -> Option<&'static str> {
        self.scaling.name()
    }

    fn sizes(&self) -> Vec<(&'static str, usize)> {
        vec![("features", self.features().len())]
    }

    /// `feature ID`.
    fn weight_name(&self, index: usize) -> String {
        format!("feature {}", self.feature_name(index))
    }

    fn feature_name(&self, feature: usize) -> Cow<'_, str> {
        self.features().name(feature).into()
    }

    /// The columns of a table, and the scaling. That of queries has no numbers: they are those of the query at hand.
    fn export(&self, out: &mut Fields<'_>) -> io::Result<()> {
        out.field("table", &self.table.as_deref().map(Table::exported))?;
        match &self.scaling {
            Scaling::Query => out.field("scaling", &BTreeMap::from([("method", "query")])),
            Scaling::Documents(scaling) => {
                out.field("scaling", &scaling.exported(&|feature| self.feature_name(feature)))
            }
        }
    }
}

impl Ranking {
    /// Queries whose features are numbered, scaled and stored.
    fn finish(&self, raws: Vec<Raw>) -> Items<Self> {
        let width = self.features().len();
        let mut by_query = None;
        let item = |mut raw: Raw| {
            match &self.scaling {
                Scaling::Documents(scaling) => raw.rows = scaling.apply_all(raw.rows, &raw.rests),
                Scaling::Query => {
                    let scaler = by_query.get_or_insert_with(|| QueryScaler::new(width));
                    raw.rows = scaler.apply(&raw.rows, &raw.rests);
                }
            }
            let Raw { rows, grades, costs, names, .. } = raw;
            let y = (!grades.is_empty()).then(|| {
                let y = Scores::new(grades);
                if costs.is_empty() { y } else { y.with_costs(costs) }
            });
            Item::new(Query::from_rows(rows, width).with_names(names), y)
        };
        raws.into_iter().map(item).collect()
    }
}

/// The task without features, and how these are to be scaled.
fn build(options: &Options) -> Result<(Ranking, Scale), Error> {
    let scale = options.text("scale").unwrap_or("none");
    let scale = match (scale, Method::named(scale)) {
        ("query", _) => Scale::Query,
        (_, Some(method)) => Scale::Documents(method),
        (_, None) => {
            return Err(Error::option("--scale", "none, query, standard or global", scale));
        }
    };
    let task = Ranking::new(FeatureIds::Contiguous(0)).with_loss(loss(options)?, options.rescaling);
    let mut task = task.map_err(|error| {
        let expected = match error {
            TaskError::Slack => {
                format!("2 with -l {} ({error}: -l 6 and 7)", options.loss.unwrap_or(1))
            }
            other => other.to_string(),
        };
        Error::option("-o", expected, 1)
    })?;
    task.ids = svmlight::ids(options);
    Ok((task, scale))
}

/// Δ as `-l` and `--k` name it.
fn loss(options: &Options) -> Result<Loss, Error> {
    let k = options.count("k")?;
    if k == Some(0) {
        return Err(Error::option("--k", "a whole number of at least 1", 0));
    }
    let loss = match options.loss {
        None | Some(1) => Loss::SwappedPairs,
        Some(2) => Loss::SwappedFraction,
        Some(3) => Loss::AveragePrecision,
        Some(4) => Loss::Ndcg(k.unwrap_or(0)),
        Some(5) => Loss::Dcg(k.unwrap_or(0)),
        Some(6) => Loss::ReciprocalRank,
        Some(7) => Loss::Precision(k.unwrap_or(10)),
        Some(8) => Loss::RankOfRelevant,
        Some(other) => return Err(Error::option("-l", "1 to 8 for the task ranking", other)),
    };
    match k {
        Some(k) if !matches!(loss, Loss::Ndcg(_) | Loss::Dcg(_) | Loss::Precision(_)) => {
            Err(Error::option("--k", "-l 4 (NDCG), 5 (DCG) or 7 (precision) beside it", k))
        }
        _ => Ok(loss),
    }
}
