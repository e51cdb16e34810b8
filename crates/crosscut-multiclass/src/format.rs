//! The files of [`Multiclass`]: svm-light lines, cost matrices, predictions.

use std::borrow::Cow;
use std::collections::HashMap;
use std::io;
use std::mem;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use crosscut::{Example, Feature, Objective, Rescaling, SparseVector};
use crosscut_app::export::Fields;
use crosscut_app::scaling;
use crosscut_app::svmlight::{self, NO_FEATURES};
use crosscut_app::table::{self, Table, Wanted};
use crosscut_app::{
    Application, Cut, Error, Examples, Forecasts, Item, Items, OptionSpec, Options, Outcome,
    Pieces, Report, Role, Shortest, Source, read_costs,
};
use crosscut_data::scaling::{
    Apart, Coarse, Columns, Method, constants, far_apart, largest, largest_of_dense,
};
use crosscut_data::svmlight::{Ids, Line};
use crosscut_data::{FeatureIds, Labels, NoneKnown, SeenIds};

use crate::class_weights::{self, ClassWeight};
use crate::labels::check_labels;
use crate::measures;
use crate::task::{Class, Loss, Multiclass};

impl Application for Multiclass {
    const NAME: &'static str = "multiclass";
    const ABOUT: &'static str =
        "Multiclass classification (Crammer and Singer, or softmax) of svm-light lines or tables";
    const RESCALINGS: &'static [Rescaling] = &[Rescaling::Margin, Rescaling::Slack];
    const LOSSES: &'static [u32] = &[0, 1];
    const SCHEMA: u32 = 5;
    const OBJECTIVES: &'static [Objective] = &[Objective::Hinge, Objective::Log];
    const OPTIONS: &'static [OptionSpec] = &[
        OptionSpec {
            name: "bias",
            value: "V",
            help: "Adds a feature of value V, not 0, to every example; its weights are regularised. Default: none.",
        },
        OptionSpec {
            name: "cost",
            value: "FILE",
            help: "Takes the loss from lines `true-label predicted-label cost`; pairs not listed cost 1, right \
                   predictions 0. Default: -l 0 (zero/one loss) or -l 1 (squared difference of labels that are numbers).",
        },
        class_weights::OPTION,
        scaling::OPTION,
        svmlight::ZERO_BASED,
        svmlight::SORT_IDS,
        table::LABEL,
        table::WEIGHT,
        table::IGNORE,
        table::CATEGORIES,
    ];
    const READING: &'static [OptionSpec] = &[svmlight::SORT_IDS];

    fn define(options: &Options, mut source: Source<'_>) -> Result<(Self, Examples<Self>), Error> {
        let (bias, loss) = (bias(options)?, LossOption::of(options)?);
        let method = scaling::method(options)?;
        let class_weight = ClassWeight::of(options)?;
        let numeric = matches!(loss, LossOption::Squared);
        let file = source.name().to_owned();
        let (mut parsed, mut coarse) = (Vec::new(), Coarse::default());
        let parse = |line: Line<'_>| Labelled::new(line, numeric, bias.is_some()).map(Some);
        let take = |_, mut example: Labelled| {
            if method == Method::None {
                coarse.see(&example.features, &mem::take(&mut example.rest));
            }
            parsed.push(example);
            Ok(())
        };
        let (features, table) = match Wanted::of(options)? {
            Some(table) => {
                let rows = table.read(&mut source)?;
                rows.scan(|row| parse(row.line), take)?;
                let table = rows.into_table();
                let features = table.feature_ids();
                let features = features.map_err(|message| Error::file(file.as_str(), message))?;
                (features, Some(Box::new(table)))
            }
            None => {
                scan_lines(&mut source, svmlight::ids(options), parse, take)?;
                let rows = parsed.iter().map(|example| &*example.features);
                (FeatureIds::collect(rows), None)
            }
        };
        let classes = Labels::collect(parsed.iter().map(|example| &*example.label));
        let mut task = build(options, bias, loss, classes, features, parsed.len(), &file)?;
        task.table = table;
        if task.classes().len() == parsed.len() && parsed.len() > 2 {
            source.note(&format!(
                "{file}: each example has a label of its own, so that nothing can be learned of any"
            ));
        }
        parsed.iter_mut().for_each(|example| {
            example.features = task.features().map(mem::take(&mut example.features));
            example.rest = task.features().map(mem::take(&mut example.rest));
        });

        let refuse = |reason: &dyn ToString| Error::file(file.as_str(), reason.to_string());
        let count = task.features().len();
        let rows = parsed.iter().map(|example| &*example.features);
        let name = |index: usize| task.features().name(index);
        if method == Method::None {
            let sizes = largest(count, rows.clone());
            let coarse = coarse.note(rows.clone(), |id| task.features().index(id), name);
            let apart = far_apart(&sizes, Apart::ROWS, name)
                .or_else(|| far_apart(&largest_of_dense(count, rows), Apart::TABLE, name));
            [coarse, apart]
                .iter()
                .flatten()
                .for_each(|note| source.note(&format!("{file}: {note}")));
        } else {
            let mut columns = Columns::new(count);
            parsed.iter().for_each(|example| columns.add(&example.features, &example.rest));
            if bias.is_none() {
                let note = constants(&columns, name);
                note.iter().for_each(|note| {
                    source.note(&format!("{file}: {note}; --bias adds a constant"))
                });
            }
            task = task.with_scaling(columns.scaling(method)).map_err(|error| refuse(&error))?;
        }

        let labels = parsed.iter().map(|example| (&*example.label, example.weight));
        task.class_weights = class_weight.weights(task.classes(), labels, &file)?;
        let examples = parsed.into_iter().map(|Labelled { label, features, rest, weight }| {
            let x = task.input_of(features, &rest).map_err(|error| refuse(&error))?;
            let y = task.class(&label);
            Ok(Example { x, y, weight: task.weight(y, weight) })
        });
        let examples = examples.collect::<Result<_, Error>>()?;
        Ok((task, examples))
    }

    fn survey(options: &Options, pieces: &mut Pieces) -> Result<Self, Error> {
        let (bias, loss) = (bias(options)?, LossOption::of(options)?);
        let method = scaling::method(options)?;
        let numeric = matches!(loss, LossOption::Squared);
        let (class_weight, ids) = (ClassWeight::of(options)?, svmlight::ids(options));
        if let Some(label) = options.text(table::LABEL.name) {
            let expected = "no --stream beside it, since a table is read as a whole";
            return Err(Error::option("--label", expected, label));
        }
        Wanted::of(options)?;
        // The number of examples and the sum of their weights.
        let mut labels: HashMap<Box<str>, (usize, f64)> = HashMap::new();
        let mut seen = SeenIds::default();
        while let Some(mut piece) = pieces.next_piece()? {
            let parse = |line: &str| {
                ids.parse_line(line)?
                    .map(|line| Labelled::new(line, numeric, bias.is_some()))
                    .transpose()
            };
            let take = |_, Labelled { label, features, weight, .. }: Labelled| {
                seen.add(&features);
                let (count, sum) = labels.entry(label).or_default();
                (*count, *sum) = (*count + 1, *sum + weight);
                Ok(())
            };
            piece.with_comments().scan_lines(parse, take)?;
        }
        let classes = Labels::collect(labels.keys().map(|label| &**label));
        let examples = labels.values().map(|(count, _)| count).sum();
        let features = seen.finish();
        let mut task = build(options, bias, loss, classes, features, examples, pieces.name())?;
        let mut labels: Vec<(&str, f64)> =
            labels.iter().map(|(label, (_, sum))| (&**label, *sum)).collect();
        // Sums do not depend on the order of a map.
        labels.sort_by_key(|(label, _)| *label);
        task.class_weights =
            class_weight.weights(task.classes(), labels.into_iter(), pieces.name())?;
        if method == Method::None {
            return Ok(task);
        }
        // Statistics need the number of features, so the file is read again.
        let mut columns = Columns::new(task.features().len());
        pieces.begin_again()?;
        while let Some(mut piece) = pieces.next_piece()? {
            let parse = |line: &str| {
                let line = ids.parse_line(line)?;
                Ok(line.map(|line| [line.features, line.rest].map(|row| task.features().map(row))))
            };
            piece.with_comments().scan_lines(parse, |_, [row, rest]| {
                columns.add(&row, &rest);
                Ok(())
            })?;
        }
        task.with_scaling(columns.scaling(method))
            .map_err(|error| Error::file(pieces.name(), error.to_string()))
    }

    fn cut(&self) -> Option<Cut> {
        self.table.is_none().then_some(Cut::Lines)
    }

    fn read(&self, mut source: Source<'_>) -> Result<Items<Self>, Error> {
        let mut items = Vec::new();
        let known = NoneKnown::default();
        let item = |line: Line<'_>| {
            let given = line.features.len();
            let features = self.features().map(line.features);
            known.see(given, features.len());
            let x = self.input_of(features, &self.features().map(line.rest));
            let x = x.map_err(|error| error.to_string())?;
            let y = line.target.map(|label| self.class(label));
            let weight = y.map_or(line.cost, |y| self.weight(y, line.cost));
            Ok(Some(Item { x, y, weight }))
        };
        let take = |_, item| {
            items.push(item);
            Ok(())
        };
        if let Some(table) = &self.table {
            if let Some(rows) = table.rows(&mut source)? {
                rows.scan(|row| item(row.line), take)?;
                rows.note(&mut source);
            }
            return Ok(items);
        }
        table::refuse(&mut source, table::NOT_LEARNED)?;
        let parse = |line: &str| self.ids.parse_line(line)?.map_or(Ok(None), item);
        source.with_comments().scan_lines(parse, take)?;
        source.note_known(known);
        Ok(items)
    }

    /// `label score …`: the predicted label, then the score or the probability of each class in the
    /// model's order.
    fn write(
        &self,
        w: &[f64],
        x: &SparseVector,
        y_hat: &Class,
        out: &mut dyn io::Write,
    ) -> io::Result<()> {
        write!(out, "{}", self.classes().name(y_hat.index()))?;
        let probabilities = self.writes_probabilities.then(|| self.probabilities(w, x));
        for score in probabilities.unwrap_or_else(|| self.scores(w, x)) {
            write!(out, " {}", Shortest(score))?;
        }
        writeln!(out)
    }

    fn prepare(&mut self, options: &Options) -> Result<(), Error> {
        self.writes_probabilities = options.wants_probabilities();
        self.ids = self.ids.or(svmlight::ids(options));
        Ok(())
    }

    fn forecast(
        &self,
        w: &[f64],
        &Outcome { x, y, weight, .. }: &Outcome<'_, SparseVector, Class>,
        _: &mut Vec<f64>,
        forecasts: &mut Forecasts,
    ) {
        let mut probabilities = self.log_probabilities(w, x);
        let truth = (*y != Class::UNKNOWN).then_some(y.index());
        let log = truth.map_or(f64::NEG_INFINITY, |truth| probabilities[truth]);
        forecasts.add_output(log, weight);
        probabilities.iter_mut().for_each(|log| *log = log.exp());
        forecasts.add_label(&probabilities, truth, weight);
    }

    /// See the [crate page](crate#evaluation).
    fn evaluate(&self, outcomes: &[Outcome<'_, SparseVector, Class>]) -> Report {
        measures::report(self, outcomes)
    }

    fn scale(&self) -> Option<&'static str> {
        (!self.scaling().is_none()).then(|| self.scaling().method().name())
    }

    fn differs_from(&self, prior: &Self) -> Option<String> {
        let bias = |task: &Self| match task.bias() {
            Some(bias) => format!("--bias {bias}"),
            None => "no --bias".to_owned(),
        };
        let (ours, theirs) = (bias(self), bias(prior));
        let biases = || format!("expected a model trained with {ours}, found {theirs}");
        let classes = self.classes().differ_from(prior.classes(), "classes");
        classes.or_else(|| (ours != theirs).then(biases))
    }

    fn stratum(&self, y: &Class) -> Option<u64> {
        Some(y.index() as u64)
    }

    fn sizes(&self) -> Vec<(&'static str, usize)> {
        vec![("classes", self.classes().len()), ("features", self.features().len())]
    }

    /// `class NAME, feature ID` or `class NAME, bias`.
    fn weight_name(&self, index: usize) -> String {
        let class = self.classes().name(index % self.classes().len());
        match self.role(index).feature {
            Some(feature) => format!("class {class}, feature {}", self.feature_name(feature)),
            None => format!("class {class}, bias"),
        }
    }

    fn labels(&self) -> Vec<&str> {
        self.classes().iter().collect()
    }

    fn role(&self, index: usize) -> Role {
        let (feature, class) = (index / self.classes().len(), index % self.classes().len());
        Role {
            labels: vec![class],
            feature: Some(feature).filter(|&feature| feature < self.features().len()),
        }
    }

    fn feature_name(&self, feature: usize) -> Cow<'_, str> {
        self.features().name(feature).into()
    }

    /// The value of the bias, the columns of a table, and the scaling.
    fn export(&self, out: &mut Fields<'_>) -> io::Result<()> {
        out.field("table", &self.table.as_deref().map(Table::exported))?;
        out.field("bias", &self.bias().map(f64::from))?;
        out.field("scaling", &self.scaling().exported(&|feature| self.feature_name(feature)))
    }
}

impl Multiclass {
    /// The class of a label; [`Class::UNKNOWN`] if the label was not seen in training.
    pub fn class(&self, label: &str) -> Class {
        self.classes().index(label).map_or(Class::UNKNOWN, Class::new)
    }
}

/// Reads svm-light lines to learn from.
fn scan_lines(
    source: &mut Source<'_>,
    ids: Ids,
    parse: impl Fn(Line<'_>) -> Result<Option<Labelled>, String> + Sync,
    take: impl FnMut(u64, Labelled) -> Result<(), Error>,
) -> Result<(), Error> {
    table::refuse(source, table::TO_LEARN)?;
    let has_qid = AtomicBool::new(false);
    let parse = |line: &str| {
        let Some(line) = ids.parse_line(line)? else { return Ok(None) };
        if line.qid.is_some() {
            has_qid.store(true, Ordering::Relaxed);
        }
        parse(line)
    };
    source.with_comments().scan_lines(parse, take)?;
    if has_qid.into_inner() {
        let file = source.name().to_owned();
        source.note(&format!("{file}: the names qid: of lines are passed over; `learn ranking` and `learn sequence` use them"));
    }
    Ok(())
}

/// The task for the classes and features of a file of so many examples.
fn build(
    options: &Options,
    bias: Option<f32>,
    loss: LossOption,
    classes: Labels,
    features: FeatureIds,
    examples: usize,
    file: &str,
) -> Result<Multiclass, Error> {
    let refuse = |reason: &dyn ToString| Error::file(file, reason.to_string());
    if features.is_empty() {
        return Err(Error::file(file, NO_FEATURES));
    }
    check_labels(&classes, examples, file)?;
    let mut task = Multiclass::new(classes, features)
        .and_then(|task| task.with_bias(bias))
        .map_err(|error| refuse(&error))?
        .with_rescaling(options.rescaling)
        .with_objective(options.objective()?);
    task.ids = svmlight::ids(options);
    match loss {
        LossOption::ZeroOne => Ok(task),
        LossOption::Squared => task.with_squared_loss(),
        LossOption::Cost(file) => {
            let costs = read_costs(file, task.classes())?;
            task.with_loss(Loss::Cost(costs))
        }
    }
    .map_err(|error| refuse(&error))
}

/// A line of a training file.
struct Labelled {
    label: Box<str>,
    /// With ids as in the file. The capacity is exact, with room for a bias: a file of many short
    /// rows must not take more memory than it needs.
    features: Vec<Feature>,
    /// What rounding took from their values.
    rest: Vec<Feature>,
    weight: f64,
}

impl Labelled {
    fn new(line: Line<'_>, numeric: bool, bias: bool) -> Result<Self, String> {
        let Some(label) = line.target else {
            return Err("expected a label before the features, found none".to_owned());
        };
        if numeric && !label.parse::<f64>().is_ok_and(f64::is_finite) {
            return Err(format!("expected a label that is a number (for -l 1), found `{label}`"));
        }
        let Line { mut features, mut rest, .. } = line;
        rest.shrink_to_fit();
        let size = features.len() + usize::from(bias);
        features.shrink_to(size);
        features.reserve_exact(size - features.len());
        Ok(Self { label: label.into(), features, rest, weight: line.cost })
    }
}

/// The loss asked for, before the labels it refers to are known.
enum LossOption {
    ZeroOne,
    Squared,
    Cost(Source<'static>),
}

impl LossOption {
    fn of(options: &Options) -> Result<Self, Error> {
        match (options.loss, options.text("cost")) {
            (None | Some(0), None) => Ok(Self::ZeroOne),
            (Some(1), None) => Ok(Self::Squared),
            (None, Some(path)) => Ok(Self::Cost(Source::open_beside(Path::new(path), options)?)),
            (Some(number), None) => Err(Error::option(
                "-l",
                "0 (zero/one) or 1 (squared difference of labels that are numbers)",
                number,
            )),
            (Some(number), Some(_)) => {
                Err(Error::option("-l", "nothing where --cost is the loss", number))
            }
        }
    }
}

fn bias(options: &Options) -> Result<Option<f32>, Error> {
    let Some(number) = options.number("bias")? else { return Ok(None) };
    let value = number as f32;
    if value == 0.0 || !value.is_finite() {
        return Err(Error::option("--bias", "a number other than 0, in single precision", number));
    }
    Ok(Some(value))
}
