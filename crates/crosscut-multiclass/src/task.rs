//! [`Multiclass`]: the feature map, the losses and the oracle of Crammer and Singer's multiclass
//! SVM.

use std::collections::HashMap;
use std::hint::black_box;

use crosscut::parallel::{each_mut, map_ranges};
use crosscut::{
    Example, Feature, FeatureMap, Objective, Place, Planes, Rescaling, Row, RowError, Sink,
    SparseVector, Task,
};
use crosscut_data::scaling::Scaling;
use crosscut_data::{CostMatrix, FeatureIds, Labels, Renumbering, WeightBlock};
use serde::{Deserialize, Serialize};
use sprs::CsMatViewI;

/// Largest number of weights of a task. More indicate a mistake in the data (or need another
/// representation).
const MOST_WEIGHTS: usize = 1 << 40;
/// Largest number of planes that the oracle returns at once. One more hardly reduces the number of
/// passes, and more planes must be kept.
const SEVERAL: usize = 3;
/// Largest number of features of a row in the hash by which duplicates are found.
const SAMPLED: usize = 16;

/// A class: its index in the order of the task's classes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Class(u32);

impl Class {
    /// A label that the model has never seen. It occurs only in data to be evaluated, and every
    /// prediction for it is an error.
    pub const UNKNOWN: Class = Class(u32::MAX);

    /// The class with an index; [`UNKNOWN`](Self::UNKNOWN) if the index exceeds 32 bits.
    pub fn new(index: usize) -> Self {
        Self(u32::try_from(index).unwrap_or(u32::MAX))
    }

    /// Its index.
    #[inline]
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// Δ(y, ŷ). With every loss, any prediction for an unknown label costs 1.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub enum Loss {
    /// 1 for every wrong class.
    #[default]
    ZeroOne,
    /// The squared difference of the labels, which are numbers: one for each class, in the order of
    /// the classes.
    Squared(Vec<f64>),
    /// Any cost for any pair of classes.
    Cost(CostMatrix),
    /// The same number for every wrong class, such as SVM^multiclass's 100.
    Constant(f64),
}

/// Why a multiclass task cannot be defined.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TaskError {
    /// There are fewer than two classes.
    #[error("at least two classes are needed, not {0}")]
    Classes(usize),
    /// More weights than any memory holds.
    #[error("{classes} classes times {features} features are more weights than 2^40")]
    Weights {
        /// Number of classes.
        classes: usize,
        /// Number of features.
        features: usize,
    },
    /// The bias is not finite, or 0.
    #[error("the bias must be a finite number other than 0, not {0}")]
    Bias(f64),
    /// The squared loss was asked for, and a label is not a finite number.
    #[error("the squared loss needs labels that are numbers, not '{0}'")]
    Label(String),
    /// The constant loss is not a finite number above 0.
    #[error("the loss must be a finite number above 0, not {0}")]
    Constant(f64),
    /// The loss was made for another number of classes.
    #[error("the loss is for {found} classes, not for {expected}")]
    LossSize {
        /// The task's classes.
        expected: usize,
        /// The loss's classes.
        found: usize,
    },
    /// The scaling was made for another number of features.
    #[error("the scaling is not for the {0} features of the task")]
    Scaling(usize),
}

/// Why a matrix cannot be turned into examples.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum MatrixError {
    /// The matrix is not stored by rows; its rows are the examples.
    #[error("the matrix must be stored by rows (CSR)")]
    Columns,
    /// The numbers of rows and classes differ.
    #[error("there are {rows} rows but {classes} classes")]
    Lengths {
        /// Rows of the matrix.
        rows: usize,
        /// Classes given.
        classes: usize,
    },
    /// A row is invalid, for example because a value is not finite in single precision.
    #[error("row {index}: {error}")]
    Row {
        /// Zero-based row.
        index: usize,
        /// The cause.
        error: RowError,
    },
}

/// Multiclass classification: one weight for each pair of feature and class (see the [crate
/// page](crate)).
///
/// ```
/// use crosscut::{SparseVector, Task};
/// use crosscut_multiclass::{Class, Multiclass};
///
/// let task = Multiclass::numbered(3, 10)?.with_bias(Some(1.0))?;
/// assert_eq!(task.dim(), (10 + 1) * 3);
/// assert_eq!(task.loss(&SparseVector::default(), &Class::new(0), &Class::new(2)), 1.0);
/// # Ok::<(), crosscut_multiclass::TaskError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Definition")]
pub struct Multiclass {
    classes: Labels,
    features: FeatureIds,
    bias: Option<f32>,
    loss: Loss,
    rescaling: Rescaling,
    scaling: Scaling,
    objective: Objective,
}

/// The serialised form of a [`Multiclass`], not checked yet.
#[derive(Deserialize)]
struct Definition {
    classes: Labels,
    features: FeatureIds,
    bias: Option<f32>,
    loss: Loss,
    rescaling: Rescaling,
    scaling: Scaling,
    objective: Objective,
}

impl TryFrom<Definition> for Multiclass {
    type Error = TaskError;

    fn try_from(stored: Definition) -> Result<Self, TaskError> {
        let Definition { classes, features, bias, loss, rescaling, scaling, objective } = stored;
        let task = Self::new(classes, features)?
            .with_bias(bias)?
            .with_loss(loss)?
            .with_scaling(scaling)?;
        Ok(task.with_rescaling(rescaling).with_objective(objective))
    }
}

impl Multiclass {
    /// A task with the labels and feature ids of a file; zero/one loss, margin rescaling, no bias.
    ///
    /// # Errors
    /// Fewer than two classes, or more than 2^40 weights.
    pub fn new(classes: Labels, features: FeatureIds) -> Result<Self, TaskError> {
        let (k, rows) = (classes.len(), features.len());
        if k < 2 {
            return Err(TaskError::Classes(k));
        }
        // With one more row, so that a bias still fits.
        match k.checked_mul(rows + 1) {
            Some(weights) if weights <= MOST_WEIGHTS => {}
            _ => return Err(TaskError::Weights { classes: k, features: rows }),
        }
        Ok(Self {
            classes,
            features,
            bias: None,
            loss: Loss::ZeroOne,
            rescaling: Rescaling::Margin,
            scaling: Scaling::default(),
            objective: Objective::Hinge,
        })
    }

    /// A task for data that do not come from a file: classes named `0`, `1`, … by position,
    /// features with the ids 1, 2, … of svm-light files.
    ///
    /// # Errors
    /// Those of [`new`](Self::new).
    pub fn numbered(classes: usize, features: usize) -> Result<Self, TaskError> {
        let ids = u32::try_from(features).map_err(|_| TaskError::Weights { classes, features })?;
        let names: Vec<String> = (0..classes).map(|class| class.to_string()).collect();
        Self::new(Labels::from(names), FeatureIds::Contiguous(ids))
    }

    /// Appends one feature of this value to every row made by [`input`](Self::input). Its weights
    /// are regularised like all others.
    ///
    /// # Errors
    /// A value that is 0 or not finite.
    pub fn with_bias(self, value: Option<f32>) -> Result<Self, TaskError> {
        match value {
            Some(value) if value == 0.0 || !value.is_finite() => {
                Err(TaskError::Bias(f64::from(value)))
            }
            bias => Ok(Self { bias, ..self }),
        }
    }

    /// Sets the loss.
    ///
    /// # Errors
    /// A loss for another number of classes, labels that are not finite, or a constant that is not
    /// above 0.
    pub fn with_loss(self, loss: Loss) -> Result<Self, TaskError> {
        let expected = self.classes.len();
        let found = match &loss {
            Loss::Constant(value) if !(*value > 0.0 && value.is_finite()) => {
                return Err(TaskError::Constant(*value));
            }
            Loss::ZeroOne | Loss::Constant(_) => expected,
            Loss::Squared(values) => match values.iter().find(|value| !value.is_finite()) {
                Some(value) => return Err(TaskError::Label(value.to_string())),
                None => values.len(),
            },
            Loss::Cost(costs) => costs.classes(),
        };
        if found == expected {
            Ok(Self { loss, ..self })
        } else {
            Err(TaskError::LossSize { expected, found })
        }
    }

    /// Sets the loss to the squared difference of the labels.
    ///
    /// # Errors
    /// The first label that is not a finite number.
    pub fn with_squared_loss(self) -> Result<Self, TaskError> {
        let value = |class: usize| {
            let label = self.classes.name(class);
            let number = label.parse::<f64>().ok().filter(|number| number.is_finite());
            number.ok_or_else(|| TaskError::Label(label.to_owned()))
        };
        let values = (0..self.classes.len()).map(value).collect::<Result<_, _>>()?;
        self.with_loss(Loss::Squared(values))
    }

    /// Sets margin or slack rescaling.
    pub fn with_rescaling(self, rescaling: Rescaling) -> Self {
        Self { rescaling, ..self }
    }

    /// Sets what training minimises. With the log-loss (softmax regression, multinomial logistic
    /// regression), loss and rescaling play no part in training.
    pub fn with_objective(self, objective: Objective) -> Self {
        Self { objective, ..self }
    }

    /// Scales the features of every row made by [`input`](Self::input), but not the bias.
    ///
    /// # Errors
    /// A scaling for another number of features.
    pub fn with_scaling(self, scaling: Scaling) -> Result<Self, TaskError> {
        match scaling.fits(self.features.len()) {
            true => Ok(Self { scaling, ..self }),
            false => Err(TaskError::Scaling(self.features.len())),
        }
    }

    /// The labels, in the order of the classes.
    pub fn classes(&self) -> &Labels {
        &self.classes
    }

    /// The class of a label; [`Class::UNKNOWN`] if the label was not seen in training.
    pub fn class(&self, label: &str) -> Class {
        self.classes().index(label).map_or(Class::UNKNOWN, Class::new)
    }

    /// The feature ids of the file, in the order of the weights.
    pub fn features(&self) -> &FeatureIds {
        &self.features
    }

    /// The value of the bias feature.
    pub fn bias(&self) -> Option<f32> {
        self.bias
    }

    /// The loss Δ.
    pub fn loss_function(&self) -> &Loss {
        &self.loss
    }

    /// Margin or slack rescaling.
    pub fn rescaling(&self) -> Rescaling {
        self.rescaling
    }

    /// How features are scaled.
    pub fn scaling(&self) -> &Scaling {
        &self.scaling
    }

    /// The input for zero-based features as in a file: drops zeros and features that the task does
    /// not have, scales the others, and appends the bias.
    ///
    /// Every input should be made by this function: prediction panics on features beyond those of
    /// the task, and training refuses them.
    ///
    /// # Errors
    /// Features out of order or not finite.
    pub fn input(&self, features: Vec<Feature>) -> Result<SparseVector, RowError> {
        self.input_of(features, &[])
    }

    /// [`input`](Self::input) for values from which rounding to single precision has taken `rest`
    /// ([`crosscut_data::scaling::doubles`]); only scaling makes use of it.
    ///
    /// # Errors
    /// Those of `input`.
    pub fn input_of(
        &self,
        mut features: Vec<Feature>,
        rest: &[Feature],
    ) -> Result<SparseVector, RowError> {
        let rows = self.features.len();
        features.retain(|feature| (feature.index as usize) < rows && feature.value != 0.0);
        if !self.scaling.is_none() {
            // Scaling needs features in order and finite values.
            let row = SparseVector::new(features)?;
            features = Vec::with_capacity(row.features().len() + usize::from(self.bias.is_some()));
            self.scaling.apply(row.features(), rest, &mut features);
        }
        if let Some(value) = self.bias {
            features.reserve_exact(1);
            features.push(Feature { index: rows as u32, value });
        }
        SparseVector::new(features)
    }

    /// Makes examples from the rows of a sparse matrix (columns are features, in single precision)
    /// and the class of each row.
    ///
    /// Columns beyond the task's features are dropped. The solver refuses examples whose class is
    /// not one of the task's.
    ///
    /// # Errors
    /// [`MatrixError`] describes the mismatch.
    pub fn examples(
        &self,
        matrix: CsMatViewI<'_, f64, u32>,
        classes: &[usize],
    ) -> Result<Vec<Example<SparseVector, Class>>, MatrixError> {
        if !matrix.is_csr() {
            return Err(MatrixError::Columns);
        }
        if matrix.rows() != classes.len() {
            return Err(MatrixError::Lengths { rows: matrix.rows(), classes: classes.len() });
        }
        let example =
            |(index, (row, &class)): (usize, (sprs::CsVecViewI<'_, f64, u32>, &usize))| {
                let features = row.indices().iter().zip(row.data());
                let features = features
                    .map(|(&index, &value)| Feature { index, value: value as f32 })
                    .collect();
                let x = self.input(features).map_err(|error| MatrixError::Row { index, error })?;
                Ok(Example::new(x, Class::new(class)))
            };
        matrix.outer_iterator().zip(classes).enumerate().map(example).collect()
    }

    /// Renumbers the features of training examples if training is faster then, the bias included (see
    /// [`Renumbering`]). The weights of training are then those of the new numbers, until
    /// [`Renumbering::restore`]; the regulariser must be too.
    pub fn renumber(&self, examples: &mut [Example<SparseVector, Class>]) -> Option<Renumbering> {
        let k = self.classes.len();
        let features = 0..self.dim() / k;
        let block = WeightBlock { start: 0, features: features.clone(), size: k };
        let rows = examples.iter().map(|example| (0, example.x.features()));
        let new = Renumbering::of(rows, &[features], vec![block])?;
        each_mut(examples, |example| example.x.renumber(|old| new.number(old)));
        Some(new)
    }

    /// The score ⟨w, Ψ(x, c)⟩ of every class c, in the order of the classes.
    pub fn scores(&self, w: &[f64], x: &SparseVector) -> Vec<f64> {
        let mut scores = Vec::new();
        self.score_all(w, x, &mut scores);
        scores
    }

    /// Replaces `scores` by the score of every class.
    fn score_all(&self, w: &[f64], x: &SparseVector, scores: &mut Vec<f64>) {
        scores.clear();
        scores.resize(self.classes.len(), 0.0);
        x.row().sweep(w, scores);
    }

    /// Whether the task has this class.
    fn knows(&self, class: Class) -> bool {
        class.index() < self.classes.len()
    }

    pub(crate) fn place(&self, class: Class) -> Place {
        Place::class(class.index(), self.classes.len())
    }

    /// Δ(y, ȳ) of two classes of the task.
    fn cost(&self, truth: usize, class: usize) -> f64 {
        match &self.loss {
            _ if class == truth => 0.0,
            Loss::ZeroOne => 1.0,
            Loss::Squared(values) => squared(values, truth, class),
            Loss::Cost(costs) => costs.row(truth)[class],
            Loss::Constant(value) => *value,
        }
    }

    /// The N most violating classes with their violations, largest first, ties in the order of the
    /// classes. If there are fewer than N classes, the rest is padded with −∞.
    fn most_violating<const N: usize>(&self, truth: usize, scores: &[f64]) -> [(f64, usize); N] {
        match &self.loss {
            Loss::ZeroOne => {
                self.most_violating_by(truth, scores, |class| f64::from(class != truth))
            }
            Loss::Squared(values) => {
                self.most_violating_by(truth, scores, |class| squared(values, truth, class))
            }
            Loss::Cost(costs) => {
                let row = costs.row(truth);
                self.most_violating_by(truth, scores, |class| row[class])
            }
            Loss::Constant(value) => {
                self.most_violating_by(
                    truth,
                    scores,
                    |class| if class == truth { 0.0 } else { *value },
                )
            }
        }
    }

    /// [`most_violating`](Self::most_violating) for a loss given as Δ(y, ·).
    fn most_violating_by<const N: usize>(
        &self,
        truth: usize,
        scores: &[f64],
        loss: impl Fn(usize) -> f64,
    ) -> [(f64, usize); N] {
        let mut worst = [(f64::NEG_INFINITY, truth); N];
        for (class, &score) in scores.iter().enumerate() {
            let violation = match self.rescaling {
                Rescaling::Margin => loss(class) + score,
                Rescaling::Slack => loss(class) * (1.0 - scores[truth] + score),
            };
            if violation > worst[N - 1].0 {
                worst[N - 1] = (violation, class);
                let mut at = N - 1;
                while at > 0 && worst[at].0 > worst[at - 1].0 {
                    worst.swap(at, at - 1);
                    at -= 1;
                }
            }
        }
        worst
    }

    /// Writes δ, or Δ·δ for slack rescaling, and returns Δ.
    fn write_plane<'a>(
        &self,
        x: &'a SparseVector,
        truth: usize,
        y_bar: usize,
        sink: &mut dyn Sink<'a>,
    ) -> f64 {
        let loss = self.cost(truth, y_bar);
        if y_bar != truth {
            let scale = match self.rescaling {
                Rescaling::Margin => 1.0,
                Rescaling::Slack => loss,
            };
            sink.add_row(x.row(), self.place(Class::new(truth)), scale);
            sink.add_row(x.row(), self.place(Class::new(y_bar)), -scale);
        }
        loss
    }
}

impl Task for Multiclass {
    type Input = SparseVector;
    type Output = Class;
    /// The scores of all classes.
    type Scratch = Vec<f64>;

    fn dim(&self) -> usize {
        (self.features.len() + usize::from(self.bias.is_some())) * self.classes.len()
    }

    fn loss(&self, _: &SparseVector, y: &Class, y_hat: &Class) -> f64 {
        if y == y_hat {
            return 0.0;
        }
        if !(self.knows(*y) && self.knows(*y_hat)) {
            return 1.0;
        }
        match &self.loss {
            Loss::ZeroOne => 1.0,
            Loss::Squared(values) => squared(values, y.index(), y_hat.index()),
            Loss::Cost(costs) => costs.row(y.index())[y_hat.index()],
            Loss::Constant(value) => *value,
        }
    }

    fn predict(&self, w: &[f64], x: &SparseVector, scratch: &mut Vec<f64>) -> Class {
        self.score_all(w, x, scratch);
        Class::new(first_largest(scratch.iter().copied()))
    }

    /// Also returns planes of the next most violating classes, if they violate the margin: one
    /// sweep scores all classes, so they cost nothing.
    fn separate<'a>(
        &'a self,
        w: &[f64],
        x: &'a SparseVector,
        y: &'a Class,
        scratch: &mut Vec<f64>,
        planes: &mut Planes<'a>,
    ) {
        self.score_all(w, x, scratch);
        if self.objective == Objective::Log {
            return self.add_tangent(x, *y, scratch, planes);
        }
        let truth = y.index();
        let worst: [(f64, usize); SEVERAL] = self.most_violating(truth, scratch);
        let none = match self.rescaling {
            Rescaling::Margin => scratch[truth],
            Rescaling::Slack => 0.0,
        };
        for (at, &(violation, y_bar)) in worst.iter().enumerate() {
            if at == 0 || violation > none {
                planes.add(|sink| self.write_plane(x, truth, y_bar, sink));
            }
        }
    }

    /// Reads the beginnings of all rows first, so that their cache misses overlap. With more examples
    /// than the cache holds, each call would otherwise wait for its own.
    fn separate_chunk<'a>(
        &'a self,
        w: &[f64],
        examples: &[&'a Example<SparseVector, Class>],
        scratch: &mut Vec<f64>,
        planes: &mut [Planes<'a>],
    ) {
        black_box(examples.iter().map(|example| beginning(&example.x)).sum::<f32>());
        for (example, planes) in examples.iter().zip(planes) {
            self.separate(w, &example.x, &example.y, scratch, planes);
        }
    }

    fn objective(&self) -> Objective {
        self.objective
    }

    fn row<'a>(&'a self, x: &'a SparseVector, name: u32) -> Option<Row<'a>> {
        (name == 0).then(|| x.row())
    }

    /// Finds equal examples by a hash; misses few.
    fn first_of_equals(&self, examples: &[&Example<SparseVector, Class>]) -> Option<Vec<usize>> {
        /// Examples whose samples one thread hashes at a time.
        const AT_ONCE: usize = 1024;
        let samples = map_ranges(examples.len(), AT_ONCE, |range| {
            examples[range].iter().map(|example| sample(example)).collect::<Vec<u64>>()
        });
        let mut seen = HashMap::with_capacity(examples.len());
        let first = |(index, (example, sample)): (usize, (&&Example<SparseVector, Class>, u64))| {
            let first = *seen.entry(sample).or_insert(index);
            let Example { x, y, .. } = examples[first];
            // If different examples have the same hash, only those equal to the first one are
            // found.
            if *y == example.y && *x == example.x { first } else { index }
        };
        let samples = samples.into_iter().flatten();
        Some(examples.iter().zip(samples).enumerate().map(first).collect())
    }

    fn validate_input(&self, x: &SparseVector) -> Result<(), String> {
        let rows = self.dim() / self.classes.len();
        if x.width() > rows {
            return Err(format!("expected features below {rows}, not feature {}", x.width() - 1));
        }
        Ok(())
    }

    fn validate(&self, x: &SparseVector, y: &Class) -> Result<(), String> {
        if *y == Class::UNKNOWN {
            return Err("expected a known class, not an unknown label".to_owned());
        }
        if !self.knows(*y) {
            return Err(format!(
                "expected one of {} classes, not class {}",
                self.classes.len(),
                y.index()
            ));
        }
        self.validate_input(x)
    }
}

impl FeatureMap for Multiclass {
    /// Writes nothing if the task does not know the class.
    fn psi<'a>(&'a self, x: &'a SparseVector, y: &Class, sink: &mut dyn Sink<'a>) {
        if self.knows(*y) {
            sink.add_row(x.row(), self.place(*y), 1.0);
        }
    }
}

/// Reads a number from each of the first cache lines of a row.
fn beginning(x: &SparseVector) -> f32 {
    x.features().iter().step_by(8).take(4).map(|feature| feature.value).sum()
}

/// A hash of the class and a sample of the features. Equal examples have the same hash.
fn sample(example: &Example<SparseVector, Class>) -> u64 {
    let features = example.x.features();
    let some = features.iter().step_by(features.len().div_ceil(SAMPLED).max(1));
    let numbers =
        some.map(|feature| u64::from(feature.index) << 32 | u64::from(feature.value.to_bits()));
    let mix =
        |hash: u64, number: u64| (hash.rotate_left(5) ^ number).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    numbers.fold(mix(features.len() as u64, example.y.index() as u64), mix)
}

fn squared(values: &[f64], y: usize, y_hat: usize) -> f64 {
    let difference = values[y] - values[y_hat];
    difference * difference
}

/// The index of the largest number, the first among equals.
pub(crate) fn first_largest(numbers: impl Iterator<Item = f64>) -> usize {
    let mut best = (0, f64::NEG_INFINITY);
    for (at, number) in numbers.enumerate() {
        if number > best.1 {
            best = (at, number);
        }
    }
    best.0
}
