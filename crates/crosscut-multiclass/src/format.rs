//! [`MulticlassFiles`]: svm-light lines and tables, cost matrices, predictions.

use std::borrow::Cow;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::{iter, mem};

use crosscut::{Example, Feature, Objective, Rescaling, SparseVector};
use crosscut_app::export::Fields;
use crosscut_app::scaling;
use crosscut_app::svmlight::{self, NO_FEATURES};
use crosscut_app::table::{self, Table, Wanted};
use crosscut_app::{
    Cut, Entry, Error, File, Forecasts, Format, Item, OptionSpec, Options, Outcome, Report, Role,
    Shortest, Source, Take, read_costs,
};
use crosscut_data::scaling::{
    Apart, Coarse, ColumnsById, Method, constants, far_apart, largest, largest_of_dense,
};
use crosscut_data::svmlight::{Ids, Line};
use crosscut_data::{Labels, Renumbering, SeenIds, Words};
use serde::{Deserialize, Serialize};

use crate::class_weights::{self, ClassWeight};
use crate::labels::check_labels;
use crate::measures;
use crate::task::{Class, Loss, Multiclass};

/// The row of this task in the table of a program. All of the task's program is compiled here, once,
/// and not again in each program.
pub static ENTRY: Entry = Entry::of::<MulticlassFiles>();

/// The files of [`Multiclass`] (see the [crate page](crate#files)).
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct MulticlassFiles {
    /// How ids are written.
    ids: Ids,
    /// The columns of the training file if it was a table, whose features are those of the task.
    table: Option<Box<Table>>,
    /// What is wanted of training; none for a model.
    #[serde(skip)]
    learning: Option<Box<Learning>>,
    #[serde(skip)]
    writes_probabilities: bool,
}

/// What options say of training, and what is known afterwards that is no part of a model.
#[derive(Debug)]
struct Learning {
    wanted: Option<Wanted>,
    bias: Option<f32>,
    loss: LossOption,
    method: Method,
    rescaling: Rescaling,
    objective: Objective,
    class_weight: ClassWeight,
    /// Factors of the weights of examples, by class; empty if all are 1.
    class_weights: Vec<f64>,
    /// The class of each label, by its number in the survey.
    classes: Vec<Class>,
    coarse: Coarse,
}

/// Why the format of a model defines no task.
const NOT_LEARNING: &str = "expected a format made of options, found that of a model";

/// What is known of the training examples.
#[derive(Default, Serialize, Deserialize)]
pub struct Survey {
    /// The labels.
    labels: Words,
    /// For each label, how many examples have it, and the sum of their weights.
    counts: Vec<(usize, f64)>,
    ids: SeenIds,
    statistics: ColumnsById,
    coarse: Coarse,
}

/// A line or a row.
pub struct Record {
    label: Label,
    /// With ids as in the file.
    features: Vec<Feature>,
    /// What rounding took from their values.
    rest: Box<[Feature]>,
    weight: f64,
}

/// The label of a record.
enum Label {
    None,
    /// As it stands in the file.
    Name(Box<str>),
    /// Its number in the survey.
    Surveyed(u32),
}

impl Format for MulticlassFiles {
    type Task = Multiclass;
    type Record = Record;
    type Survey = Survey;
    const NAME: &'static str = "multiclass";
    const ABOUT: &'static str =
        "Multiclass classification, as an SVM (Crammer and Singer) or softmax regression";
    const RESCALINGS: &'static [Rescaling] = &[Rescaling::Margin, Rescaling::Slack];
    const LOSSES: &'static [u32] = &[0, 1];
    const SCHEMA: u32 = 6;
    const OBJECTIVES: &'static [Objective] = &[Objective::Hinge, Objective::Log];
    const OPTIONS: &'static [OptionSpec] = &[
        OptionSpec {
            name: "bias",
            value: "V",
            help: "Adds a feature of value V to every example: an intercept for each class, \
                   which is regularised like other weights. V must not be 0. Default: none.",
        },
        OptionSpec {
            name: "cost",
            value: "FILE",
            help: "Reads the cost of each mistake from lines `true-label predicted-label cost`. \
                   Pairs that are not listed cost 1. Default: -l 0 (each mistake costs 1), or -l \
                   1 (squared difference of labels that are numbers).",
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

    fn new(options: &Options) -> Result<Self, Error> {
        let learning = Learning {
            bias: bias(options)?,
            loss: LossOption::of(options)?,
            method: scaling::method(options)?,
            class_weight: ClassWeight::of(options)?,
            wanted: Wanted::of(options)?,
            rescaling: options.rescaling,
            objective: options.objective()?,
            class_weights: Vec::new(),
            classes: Vec::new(),
            coarse: Coarse::default(),
        };
        let (ids, learning) = (svmlight::ids(options), Some(Box::new(learning)));
        Ok(Self { ids, learning, ..Self::default() })
    }

    fn stream(&mut self, _: &Path) -> Result<(), Error> {
        match self.learning.as_ref().and_then(|learning| learning.wanted.as_ref()) {
            Some(table) => {
                let expected =
                    "neither --stream nor several ranks, since a table is read as a whole";
                Err(Error::option("--label", expected, table.label()))
            }
            None => Ok(()),
        }
    }

    fn begin(&mut self, source: &mut Source<'_>) -> Result<(), Error> {
        if let Some(wanted) = self.learning.as_ref().and_then(|learning| learning.wanted.as_ref()) {
            self.table = Some(Box::new(wanted.begin(source)?));
        }
        Ok(())
    }

    fn cut(&self) -> Option<Cut> {
        self.table.is_none().then_some(Cut::Lines)
    }

    fn records(&self, source: &mut Source<'_>, take: Take<'_, Self>) -> Result<(), Error> {
        // A file of many short rows must not take more memory than it needs.
        let exact = self.learning.as_ref().map(|learning| usize::from(learning.bias.is_some()));
        if let Some(table) = &self.table {
            if let Some(rows) = table.rows(source)? {
                rows.scan(|row| Ok(Some(Record::new(row.line, exact))), take)?;
                rows.note(source);
            }
            return Ok(());
        }
        let learning = self.learning.is_some();
        table::refuse(source, if learning { table::TO_LEARN } else { table::NOT_LEARNED })?;
        let has_qid = AtomicBool::new(false);
        let parse = |line: &str| {
            let Some(line) = self.ids.parse_line(line)? else { return Ok(None) };
            if line.qid.is_some() {
                has_qid.store(true, Ordering::Relaxed);
            }
            Ok(Some(Record::new(line, exact)))
        };
        source.with_comments().scan_lines(parse, take)?;
        if learning && has_qid.into_inner() {
            let file = source.name().to_owned();
            source.note(&format!("{file}: the names qid: of lines are passed over; `learn ranking` and `learn sequence` use them"));
        }
        Ok(())
    }

    fn survey(&self, survey: &mut Survey, record: &mut Record) -> Result<(), String> {
        let Label::Name(label) = &record.label else {
            return Err(self.table.as_ref().map_or_else(
                || "expected a label before the features, found none".to_owned(),
                |table| table.no_label(),
            ));
        };
        let learning = self.learning.as_ref().ok_or(NOT_LEARNING)?;
        let is_number = || label.parse::<f64>().is_ok_and(f64::is_finite);
        if matches!(learning.loss, LossOption::Squared) && !is_number() {
            return Err(format!("expected a label that is a number (for -l 1), found `{label}`"));
        }
        let number = survey.labels.insert(label)?;
        match survey.counts.get_mut(number as usize) {
            Some((count, sum)) => (*count, *sum) = (*count + 1, *sum + record.weight),
            None => survey.counts.push((1, record.weight)),
        }
        record.label = Label::Surveyed(number);
        survey.ids.add(&record.features);
        if learning.method == Method::None {
            survey.coarse.see(&record.features, &mem::take(&mut record.rest));
        } else {
            survey.statistics.add(&record.features, &record.rest);
        }
        Ok(())
    }

    fn merge(&self, survey: &mut Survey, later: Survey) -> Result<(), String> {
        let numbers = survey.labels.merge(&later.labels)?;
        survey.counts.resize(survey.labels.len(), (0, 0.0));
        for (number, (count, sum)) in numbers.into_iter().zip(later.counts) {
            let all = &mut survey.counts[number as usize];
            *all = (all.0 + count, all.1 + sum);
        }
        survey.ids.merge(later.ids);
        survey.statistics.merge(&later.statistics, |id| id);
        survey.coarse.merge(later.coarse);
        Ok(())
    }

    fn task(&mut self, survey: Survey, file: &mut File<'_>) -> Result<Multiclass, Error> {
        let learning = self.learning.as_mut().ok_or_else(|| file.refuse(NOT_LEARNING))?;
        let features = match &self.table {
            Some(table) => table.feature_ids().map_err(|error| file.refuse(error))?,
            None => survey.ids.finish(),
        };
        if features.is_empty() {
            return Err(file.refuse(NO_FEATURES));
        }
        let labels = (0..survey.labels.len() as u32).map(|number| survey.labels.name(number));
        let classes = Labels::collect(labels.clone());
        let examples = survey.counts.iter().map(|(count, _)| count).sum();
        check_labels(&classes, examples, file.name())?;
        let mut task = Multiclass::new(classes, features)
            .and_then(|task| task.with_bias(learning.bias))
            .map_err(|error| file.refuse(error))?
            .with_rescaling(learning.rescaling)
            .with_objective(learning.objective);
        task = match &learning.loss {
            LossOption::ZeroOne => task,
            LossOption::Squared => task.with_squared_loss().map_err(|error| file.refuse(error))?,
            LossOption::Cost { name, text } => {
                let source = Source::from_text(name.as_str(), text.as_str());
                let costs = read_costs(source, task.classes())?;
                task.with_loss(Loss::Cost(costs)).map_err(|error| file.refuse(error))?
            }
        };
        if task.classes().len() == examples && examples > 2 {
            file.note("each example has a label of its own, so that nothing can be learned of any");
        }
        if learning.method != Method::None {
            let features = task.features();
            let columns = survey.statistics.numbered(features.len(), |id| features.index(id));
            if let (None, Some(note)) =
                (learning.bias, constants(&columns, |index| features.name(index)))
            {
                file.note(&format!("{note}; --bias adds a constant"));
            }
            let scaling = columns.scaling(learning.method);
            task = task.with_scaling(scaling).map_err(|error| file.refuse(error))?;
        }
        learning.classes = labels.clone().map(|label| task.class(label)).collect();
        let sums = survey.counts.iter().map(|(_, sum)| *sum);
        let mut labels: Vec<(&str, f64)> = labels.zip(sums).collect();
        labels.sort_by_key(|(label, _)| *label);
        let labels = labels.into_iter();
        learning.class_weights =
            learning.class_weight.weights(task.classes(), labels, file.name())?;
        learning.coarse = survey.coarse;
        Ok(task)
    }

    fn notes(&self, task: &Multiclass, examples: &[Example<SparseVector, Class>]) -> Vec<String> {
        let Some(learning) = self.learning.as_ref().filter(|it| it.method == Method::None) else {
            return Vec::new();
        };
        let (features, count) = (task.features(), task.features().len());
        let rows = || examples.iter().map(|example| without_bias(&example.x, count));
        let name = |index: usize| features.name(index);
        let coarse = learning.coarse.note(rows(), |id| features.index(id), name);
        let sizes = largest(count, examples, |example| iter::once(without_bias(&example.x, count)));
        let apart = far_apart(&sizes, Apart::ROWS, name).or_else(|| {
            let sizes = largest_of_dense(sizes, rows());
            far_apart(&sizes, Apart::TABLE, name)
        });
        coarse.into_iter().chain(apart).collect()
    }

    fn item(&self, task: &Multiclass, record: Record) -> Result<Item<SparseVector, Class>, String> {
        let Record { label, features, rest, weight } = record;
        let x = task.input_of(task.features().map(features), &task.features().map(rest.into_vec()));
        let x = x.map_err(|error| error.to_string())?;
        let learning = self.learning.as_deref();
        let y = match label {
            Label::None => None,
            Label::Name(label) => Some(task.class(&label)),
            Label::Surveyed(number) => {
                learning.and_then(|learning| learning.classes.get(number as usize).copied())
            }
        };
        let factors = learning.map_or(&[][..], |learning| &learning.class_weights);
        let factor = y.and_then(|y| factors.get(y.index()));
        Ok(Item { x, y, weight: factor.map_or(weight, |factor| weight * factor) })
    }

    fn renumber(
        &self,
        task: &Multiclass,
        examples: &mut [Example<SparseVector, Class>],
    ) -> Option<Renumbering> {
        task.renumber(examples)
    }

    fn known(&self, task: &Multiclass, record: &Record) -> (usize, usize) {
        // A table has the features that it needs.
        if self.table.is_some() {
            return (0, 0);
        }
        let known = |feature: &&Feature| task.features().index(feature.index).is_some();
        (record.features.len(), record.features.iter().filter(known).count())
    }

    fn prepare(&mut self, _: &mut Multiclass, options: &Options) -> Result<(), Error> {
        self.writes_probabilities = options.wants_probabilities();
        self.ids = self.ids.or(svmlight::ids(options));
        Ok(())
    }

    fn check(&self, task: &Multiclass) -> Result<(), String> {
        match &self.table {
            Some(table) if table.feature_ids().as_ref() != Ok(task.features()) => {
                Err("the columns of the table are not the features of the task".to_owned())
            }
            _ => Ok(()),
        }
    }

    /// `label score …`: the predicted label, then the score or the probability of each class in the
    /// model's order.
    fn write(
        &self,
        task: &Multiclass,
        w: &[f64],
        x: &SparseVector,
        y_hat: &Class,
        out: &mut dyn io::Write,
    ) -> io::Result<()> {
        write!(out, "{}", task.classes().name(y_hat.index()))?;
        let probabilities = self.writes_probabilities.then(|| task.probabilities(w, x));
        for score in probabilities.unwrap_or_else(|| task.scores(w, x)) {
            write!(out, " {}", Shortest(score))?;
        }
        writeln!(out)
    }

    fn forecast(
        &self,
        task: &Multiclass,
        w: &[f64],
        &Outcome { x, y, weight, .. }: &Outcome<'_, SparseVector, Class>,
        _: &mut Vec<f64>,
        forecasts: &mut Forecasts,
    ) {
        let mut probabilities = task.log_probabilities(w, x);
        let truth = (*y != Class::UNKNOWN).then_some(y.index());
        let log = truth.map_or(f64::NEG_INFINITY, |truth| probabilities[truth]);
        forecasts.add_output(log, weight);
        probabilities.iter_mut().for_each(|log| *log = log.exp());
        forecasts.add_label(&probabilities, truth, weight);
    }

    /// See the [crate page](crate#evaluation).
    fn evaluate(&self, task: &Multiclass, outcomes: &[Outcome<'_, SparseVector, Class>]) -> Report {
        measures::report(task, outcomes)
    }

    fn scale(&self, task: &Multiclass) -> Option<&'static str> {
        (!task.scaling().is_none()).then(|| task.scaling().method().name())
    }

    fn differs_from(&self, task: &Multiclass, prior: &Multiclass) -> Option<String> {
        let bias = |task: &Multiclass| match task.bias() {
            Some(bias) => format!("--bias {bias}"),
            None => "no --bias".to_owned(),
        };
        let (ours, theirs) = (bias(task), bias(prior));
        let biases = || format!("expected a model trained with {ours}, found {theirs}");
        let classes = task.classes().differ_from(prior.classes(), "classes");
        classes.or_else(|| (ours != theirs).then(biases))
    }

    fn stratum(&self, y: &Class) -> Option<u64> {
        Some(y.index() as u64)
    }

    fn sizes(&self, task: &Multiclass) -> Vec<(&'static str, usize)> {
        vec![("classes", task.classes().len()), ("features", task.features().len())]
    }

    /// `class NAME, feature ID` or `class NAME, bias`.
    fn weight_name(&self, task: &Multiclass, index: usize) -> String {
        let class = task.classes().name(index % task.classes().len());
        match self.role(task, index).feature {
            Some(feature) => format!("class {class}, feature {}", self.feature_name(task, feature)),
            None => format!("class {class}, bias"),
        }
    }

    fn labels<'t>(&self, task: &'t Multiclass) -> Vec<&'t str> {
        task.classes().iter().collect()
    }

    fn role(&self, task: &Multiclass, index: usize) -> Role {
        let (feature, class) = (index / task.classes().len(), index % task.classes().len());
        Role {
            labels: vec![class],
            feature: Some(feature).filter(|&feature| feature < task.features().len()),
        }
    }

    fn feature_name<'t>(&'t self, task: &'t Multiclass, feature: usize) -> Cow<'t, str> {
        task.features().name(feature).into()
    }

    /// The value of the bias, the columns of a table, and the scaling.
    fn export(&self, task: &Multiclass, out: &mut Fields<'_>) -> io::Result<()> {
        out.field("table", &self.table.as_deref().map(Table::exported))?;
        out.field("bias", &task.bias().map(f64::from))?;
        out.field("scaling", &task.scaling().exported(&|feature| self.feature_name(task, feature)))
    }
}

impl Record {
    /// With exactly as much room as the features take, and so many more, if that is given.
    fn new(line: Line<'_>, room: Option<usize>) -> Self {
        let Line { target, mut features, rest, cost, .. } = line;
        if let Some(room) = room {
            let size = features.len() + room;
            features.shrink_to(size);
            features.reserve_exact(size - features.len());
        }
        let label = target.map_or(Label::None, |label| Label::Name(label.into()));
        Self { label, features, rest: rest.into(), weight: cost }
    }
}

/// The loss asked for, before the labels it refers to are known.
#[derive(Debug)]
enum LossOption {
    ZeroOne,
    Squared,
    /// A file of costs: its name and text.
    Cost {
        name: String,
        text: String,
    },
}

impl LossOption {
    fn of(options: &Options) -> Result<Self, Error> {
        match (options.loss, options.text("cost")) {
            (None | Some(0), None) => Ok(Self::ZeroOne),
            (Some(1), None) => Ok(Self::Squared),
            (None, Some(path)) => {
                let source = Source::open_beside(Path::new(path), options)?;
                Ok(Self::Cost { name: source.name().to_owned(), text: source.text()? })
            }
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
/// The features of a row without the bias, which has the index `bias` and is the last one.
fn without_bias(x: &SparseVector, bias: usize) -> &[Feature] {
    match x.features() {
        [row @ .., last] if last.index as usize == bias => row,
        row => row,
    }
}
