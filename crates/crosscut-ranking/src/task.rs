//! [`Ranking`]: the losses and the oracles.

use crosscut::{Feature, Place, Planes, Rescaling, Row, RowError, Scaled, Sink, SparseRows, Task};
use crosscut_data::FeatureIds;
use serde::{Deserialize, Serialize};

use crate::discount::{Discount, HIGHEST};
use crate::inversions::{self, Pairs};
use crate::query::{Query, Scores};
use crate::relevant_merge::{self, Measure};
use crate::scaling::Scaling;

/// Largest number of entries in the table over relevant and irrelevant documents.
const MOST_CELLS: usize = 1 << 25;

/// Δ(y, ŷ). If a measure distinguishes only relevant and irrelevant documents, grades above 0 are
/// relevant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Loss {
    /// The number of swapped pairs: pairs in which the document of the higher grade does not score
    /// more than the other one. Each pair is multiplied by the cost of its better document.
    #[default]
    SwappedPairs,
    /// The number of swapped pairs divided by the number of pairs of the query, both weighted by
    /// cost.
    SwappedFraction,
    /// For each relevant document, times its cost, the number of others that do not score less: the
    /// sum of ranks from 0, with ties at their worst. For clicks with costs of 1 / propensity
    /// (Joachims, Swaminathan, Schnabel 2017). Relevant documents count against each other, as if
    /// each click had its own query. So if a query has several, the loss of the truth is not 0 but
    /// the least possible.
    RankOfRelevant,
    /// 1 − average precision.
    AveragePrecision,
    /// 1 − the normalised discounted cumulative gain of the first k documents (all if k is 0).
    /// Gains are 2^grade − 1.
    Ndcg(usize),
    /// The discounted cumulative gain missing from the first k documents (all if k is 0).
    Dcg(usize),
    /// 1 − one over the rank of the first relevant document.
    ReciprocalRank,
    /// The precision at k of the best ranking minus the precision at k of this one: relevant
    /// documents missing from the first k, divided by k.
    Precision(usize),
}

/// Why a ranking task cannot be defined.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TaskError {
    /// Slack rescaling is exact for these losses only.
    #[error("slack rescaling is for the losses reciprocal rank and precision at k")]
    Slack,
    /// The root is offered only for losses that count pairs.
    #[error(
        "the root of the loss is for swapped pairs, their fraction and ranks of relevant documents"
    )]
    Root,
    /// Precision at 0 is undefined.
    #[error("precision at k needs a k of at least 1")]
    K,
    /// The scaling was made for another number of features.
    #[error("the scaling is not for the {0} features of the task")]
    Scaling(usize),
}

/// Ranking the documents of a query by a linear score (see the [crate page](crate)).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Definition")]
pub struct Ranking {
    features: FeatureIds,
    loss: Loss,
    /// Δ is the square root of the loss.
    root: bool,
    rescaling: Rescaling,
    scaling: Scaling,
}

/// The serialised form of a [`Ranking`], not checked yet.
#[derive(Deserialize)]
struct Definition {
    features: FeatureIds,
    loss: Loss,
    root: bool,
    rescaling: Rescaling,
    scaling: Scaling,
}

impl TryFrom<Definition> for Ranking {
    type Error = TaskError;

    fn try_from(stored: Definition) -> Result<Self, TaskError> {
        let Definition { features, loss, root, rescaling, scaling } = stored;
        let task = Self::new(features).with_scaling(scaling)?.with_loss(loss, rescaling)?;
        if root { task.with_root() } else { Ok(task) }
    }
}

/// Buffers of one thread.
#[derive(Debug, Default)]
pub struct Scratch {
    scores: Vec<f64>,
    coefficients: Vec<f64>,
    sum: Vec<f64>,
    inversions: inversions::Scratch,
    root: inversions::RootScratch,
    merge: relevant_merge::Scratch,
    order: Vec<usize>,
}

/// The losses, grouped by oracle.
enum Oracle {
    Swaps(Pairs),
    Merge(Measure),
    Discount(Discount),
}

impl Loss {
    fn oracle(self) -> Oracle {
        match self {
            Self::SwappedPairs | Self::SwappedFraction => Oracle::Swaps(Pairs::Graded),
            Self::RankOfRelevant => Oracle::Swaps(Pairs::RelevantAboveAll),
            Self::AveragePrecision => Oracle::Merge(Measure::AveragePrecision),
            Self::ReciprocalRank => Oracle::Merge(Measure::ReciprocalRank),
            Self::Precision(k) => Oracle::Merge(Measure::Precision(k)),
            Self::Ndcg(k) => Oracle::Discount(Discount { k, normalised: true }),
            Self::Dcg(k) => Oracle::Discount(Discount { k, normalised: false }),
        }
    }
}

impl Ranking {
    /// A task with the feature ids of a file. Its loss is the number of swapped pairs, with margin
    /// rescaling.
    pub fn new(features: FeatureIds) -> Self {
        Self {
            features,
            loss: Loss::SwappedPairs,
            root: false,
            rescaling: Rescaling::Margin,
            scaling: Scaling::default(),
        }
    }

    /// Sets the loss, and margin or slack rescaling.
    ///
    /// # Errors
    /// A combination without an exact oracle, or precision at 0.
    pub fn with_loss(self, loss: Loss, rescaling: Rescaling) -> Result<Self, TaskError> {
        if rescaling == Rescaling::Slack
            && !matches!(loss, Loss::ReciprocalRank | Loss::Precision(_))
        {
            return Err(TaskError::Slack);
        }
        if loss == Loss::Precision(0) {
            return Err(TaskError::K);
        }
        Ok(Self { loss, root: false, rescaling, ..self })
    }

    /// Replaces a loss that counts pairs by its square root. With squared slacks, margin rescaling
    /// by the root gives a bound on the loss itself (Tsochantaridis et al. 2005, section 2.2.2).
    /// All pairs of a query must then have the same cost.
    ///
    /// # Errors
    /// A loss that does not count pairs.
    pub fn with_root(self) -> Result<Self, TaskError> {
        match self.loss.oracle() {
            Oracle::Swaps(_) => Ok(Self { root: true, ..self }),
            _ => Err(TaskError::Root),
        }
    }

    /// Sets how [`input`](Self::input) scales features.
    ///
    /// # Errors
    /// A scaling of another number of features.
    pub fn with_scaling(self, scaling: Scaling) -> Result<Self, TaskError> {
        match scaling.fits(self.features.len()) {
            true => Ok(Self { scaling, ..self }),
            false => Err(TaskError::Scaling(self.features.len())),
        }
    }

    /// The query of documents whose features have ids as in the training data, in increasing order.
    /// Features with other ids are dropped; the others are scaled.
    ///
    /// # Errors
    /// Ids out of order; values that are not finite.
    pub fn input(&self, documents: &[Vec<Feature>]) -> Result<Query, RowError> {
        let mut rows = SparseRows::default();
        documents.iter().try_for_each(|row| rows.push(row))?;
        Ok(self.input_of(&rows, &SparseRows::default()))
    }

    /// As [`input`](Self::input). Rounding has taken `rests` from the values: a row for each
    /// document, or none at all.
    pub(crate) fn input_of(&self, documents: &SparseRows, rests: &SparseRows) -> Query {
        let mut buffer = Vec::new();
        let mut number = |rows: &SparseRows| {
            let mut numbered = SparseRows::default();
            for row in rows.iter() {
                let known = row.features().iter().filter_map(|feature| {
                    Some(Feature { index: self.features.index(feature.index)?, ..*feature })
                });
                buffer.clear();
                buffer.extend(known);
                numbered.push(&buffer).expect("order and finite values are kept");
            }
            numbered
        };
        let (rows, rests) = (number(documents), number(rests));
        Query::from_rows(self.scaling.apply(rows, &rests), self.features.len())
    }

    /// The cost of all pairs of a query if they have the same; `None` if costs differ.
    fn common_cost(&self, y: &Scores) -> Option<f64> {
        let counts = |document: usize| match self.loss {
            Loss::RankOfRelevant => y.values()[document] > 0.0,
            _ => y.levels()[document] > 0,
        };
        let mut costs =
            (0..y.len()).filter(|&document| counts(document)).map(|document| y.cost(document));
        let first = costs.next().unwrap_or(1.0);
        costs.all(|cost| cost == first).then_some(first)
    }

    /// The feature ids of the file, in the order of the weights.
    pub fn features(&self) -> &FeatureIds {
        &self.features
    }

    /// The loss Δ.
    pub fn loss_function(&self) -> Loss {
        self.loss
    }

    /// How features are scaled.
    pub fn scaling(&self) -> &Scaling {
        &self.scaling
    }

    /// Margin or slack rescaling.
    pub fn rescaling(&self) -> Rescaling {
        self.rescaling
    }

    /// Δ(y, ŷ) of two rankings of the same documents; it does not depend on features.
    pub fn delta(&self, y: &Scores, y_hat: &Scores) -> f64 {
        match self.loss.oracle() {
            Oracle::Swaps(pairs) => {
                // Levels are integers, so a margin of 0.5 counts pairs of equal scores as swapped.
                let levels: Vec<f64> =
                    y_hat.levels().iter().map(|&level| f64::from(level)).collect();
                let swapped = inversions::count(
                    pairs,
                    y,
                    &levels,
                    0.5,
                    &mut inversions::Scratch::default(),
                    &mut Vec::new(),
                );
                let loss = swapped / self.normaliser(y);
                if self.root { loss.sqrt() } else { loss }
            }
            Oracle::Merge(measure) => measure.loss_of(y, y_hat.values()),
            Oracle::Discount(discount) => discount.loss_of(y, y_hat.values()),
        }
    }

    /// The divisor of the loss of a query.
    fn normaliser(&self, y: &Scores) -> f64 {
        match self.loss {
            Loss::SwappedFraction => {
                let weight = inversions::weight(Pairs::Graded, y);
                if weight > 0.0 { weight } else { 1.0 }
            }
            _ => 1.0,
        }
    }
}

impl Task for Ranking {
    type Input = Query;
    type Output = Scores;
    type Scratch = Scratch;

    fn dim(&self) -> usize {
        self.features.len()
    }

    fn loss(&self, _: &Query, y: &Scores, y_hat: &Scores) -> f64 {
        self.delta(y, y_hat)
    }

    fn predict(&self, w: &[f64], x: &Query, scratch: &mut Scratch) -> Scores {
        x.score(w, &mut scratch.scores);
        Scores::new(scratch.scores.clone())
    }

    fn separate<'a>(
        &'a self,
        w: &[f64],
        x: &'a Query,
        y: &'a Scores,
        scratch: &mut Scratch,
        planes: &mut Planes<'a>,
    ) {
        let Scratch { scores, coefficients, sum, inversions: buffers, root, merge, order } =
            scratch;
        x.score(w, scores);
        let slack = self.rescaling == Rescaling::Slack;
        let (loss, scale) = match self.loss.oracle() {
            Oracle::Swaps(pairs) if self.root => {
                // The contribution of one pair to the loss under the root.
                let unit = self.common_cost(y).unwrap_or(1.0) / self.normaliser(y);
                if unit > 0.0 {
                    (inversions::count_root(pairs, y, scores, unit, root, coefficients).sqrt(), 1.0)
                } else {
                    coefficients.clear();
                    (0.0, 1.0)
                }
            }
            Oracle::Swaps(pairs) => {
                let each = 1.0 / self.normaliser(y);
                let loss = inversions::count(pairs, y, scores, 1.0, buffers, coefficients);
                (each * loss, each)
            }
            Oracle::Merge(measure) => {
                let loss = measure.separate(y, scores, slack, merge, coefficients);
                (loss, if slack { loss } else { 1.0 })
            }
            Oracle::Discount(discount) => (discount.separate(y, scores, order, coefficients), 1.0),
        };
        planes.add(|sink| {
            let sink = &mut Scaled::new(sink, scale);
            match x.sparse_row(0) {
                Some(_) => {
                    for (document, &coefficient) in
                        coefficients.iter().enumerate().filter(|(_, c)| **c != 0.0)
                    {
                        if let Some(row) = x.sparse_row(document) {
                            sink.add_row(row, Place::block(0), coefficient);
                        }
                    }
                }
                None => {
                    sum.clear();
                    sum.resize(x.width(), 0.0);
                    x.add_dense(coefficients, sum);
                    sum.iter().enumerate().for_each(|(index, &value)| sink.add(index, value));
                }
            }
            loss
        });
    }

    fn row<'a>(&'a self, x: &'a Query, name: u32) -> Option<Row<'a>> {
        x.sparse_row(name as usize)
    }

    fn validate_input(&self, x: &Query) -> Result<(), String> {
        if x.width() > self.dim() {
            return Err(format!(
                "expected features below {}, not feature {}",
                self.dim(),
                x.width() - 1
            ));
        }
        Ok(())
    }

    fn validate(&self, x: &Query, y: &Scores) -> Result<(), String> {
        self.validate_input(x)?;
        if x.len() != y.len() {
            return Err(format!(
                "expected a grade for each of {} documents, not {}",
                x.len(),
                y.len()
            ));
        }
        if x.is_empty() {
            return Err("expected at least one document".to_owned());
        }
        if let Some(grade) = y.values().iter().find(|grade| !grade.is_finite()) {
            return Err(format!("expected grades that are finite numbers, not {grade}"));
        }
        if let Some(costs) = y.costs().filter(|costs| costs.len() != y.len()) {
            return Err(format!(
                "expected a cost for each of {} documents, not {}",
                y.len(),
                costs.len()
            ));
        }
        if self.root && self.common_cost(y).is_none() {
            return Err(
                "expected one cost for all pairs of a query, whose root is the loss".to_owned()
            );
        }
        if let Some(cost) = y
            .costs()
            .and_then(|costs| costs.iter().find(|&&cost| !(cost.is_finite() && cost >= 0.0)))
        {
            return Err(format!("expected costs that are finite and at least 0, not {cost}"));
        }
        let counts_pairs = matches!(self.loss.oracle(), Oracle::Swaps(_));
        if !counts_pairs && y.costs().is_some_and(|costs| costs.iter().any(|&cost| cost != 1.0)) {
            return Err("expected costs of documents only where the loss counts pairs".to_owned());
        }
        match self.loss.oracle() {
            Oracle::Discount(_) => {
                match y.values().iter().find(|grade| !(0.0..=HIGHEST).contains(*grade)) {
                    Some(grade) => Err(format!(
                        "expected grades from 0 to {HIGHEST} for a gain of 2^grade − 1, not {grade}"
                    )),
                    None => Ok(()),
                }
            }
            Oracle::Merge(_) => {
                let relevant = y.values().iter().filter(|&&grade| grade > 0.0).count();
                let cells = (relevant + 1).saturating_mul(y.len() - relevant + 1);
                if cells > MOST_CELLS {
                    return Err(format!(
                        "the oracle needs a table of {cells} numbers, more than 2^25: take another loss"
                    ));
                }
                Ok(())
            }
            Oracle::Swaps(pairs) => {
                let weight = inversions::weight(pairs, y);
                if weight != 0.0 && !(1e-200..=1e200).contains(&weight) {
                    return Err(format!(
                        "expected costs whose sum over pairs is between 1e-200 and 1e200, not {weight}"
                    ));
                }
                Ok(())
            }
        }
    }
}
