//! [`Sequence`]: the feature map, the losses and the oracles of a max-margin Markov chain.

use std::ops::Range;

use crosscut::parallel::each_mut;
use crosscut::{
    Example, Feature, FeatureMap, Objective, Place, Planes, Recombiner, Rescaling, Row, Sink,
    SparseRows, Task,
};
use crosscut_data::scaling::Scaling;
use crosscut_data::{FeatureIds, Labels, Renumbering, WeightBlock, Words};
use serde::{Deserialize, Serialize};

use crate::chunks::Notation;
use crate::constraint::{Penalties, Scheme};
use crate::lattice::{Chain, Scratch};
use crate::loss::Loss;
use crate::tags::{Tag, Tags, Tokens};

/// Largest number of weights of a task. More indicate a mistake in the data (or need another
/// representation).
const MOST_WEIGHTS: usize = 1 << 40;
/// Binary logarithm of the largest number of entries in the table of a sequence (8 GiB).
const MOST_BITS: usize = 30;
/// Largest number of entries in the tables of the oracle that counts errors.
const MOST_CELLS: usize = 1 << 27;

/// The features of the training file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Features {
    /// Feature ids (numbers).
    Ids(FeatureIds),
    /// Feature names.
    Names(Words),
}

impl Features {
    /// The number of features.
    pub fn len(&self) -> usize {
        match self {
            Self::Ids(ids) => ids.len(),
            Self::Names(names) => names.len(),
        }
    }

    /// Whether there are no features.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Largest number of tags for a task with a scheme: its table has an entry for each pair of tags.
const MOST_CONSTRAINED: usize = 1 << 12;

/// Why a sequence task cannot be defined.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TaskError {
    /// The number of tags is below 2 or above [`Tag::MOST`].
    #[error("between 2 and {most} tags are needed, not {0}", most = Tag::MOST)]
    Tags(usize),
    /// More features of pairs of tags than features.
    #[error("{pairs} of {features} features cannot be features of pairs of tags")]
    Pairs {
        /// Number of features of pairs.
        pairs: usize,
        /// Number of all features.
        features: usize,
    },
    /// More weights than any memory holds.
    #[error("{tags} tags and {features} features with these orders make more weights than 2^40")]
    Weights {
        /// Number of tags.
        tags: usize,
        /// Number of features.
        features: usize,
    },
    /// Unsupported orders.
    #[error(
        "transitions have an order of 0 to 3, and emissions of 0 or 1 and at most that of transitions, not {transitions} and {emissions}"
    )]
    Orders {
        /// The order of transitions.
        transitions: usize,
        /// The order of emissions.
        emissions: usize,
    },
    /// The costs were made for another number of tags.
    #[error("the costs are for {found} tags, not for {expected}")]
    Costs {
        /// The task's tags.
        expected: usize,
        /// The costs' tags.
        found: usize,
    },
    /// The task has a scheme and too many tags.
    #[error("tags are constrained if there are at most {most} of them, not {0}", most = MOST_CONSTRAINED)]
    Constrained(usize),
    /// The scaling was made for another number of features.
    #[error("the scaling is not for the {0} features of the task")]
    Scaling(usize),
    /// Slack rescaling counts costs in units, and the costs have no common unit.
    #[error(
        "slack rescaling needs costs that are multiples of a common unit, at most 1000 of them each"
    )]
    Unit,
}

/// Tagging the tokens of a sequence: a max-margin Markov chain (see the [crate page](crate)).
///
/// ```
/// use crosscut::Task;
/// use crosscut_sequence::{Sequence, Tags, Tokens};
///
/// let task = Sequence::numbered(3, 10)?.with_orders(2, 1)?;
/// assert_eq!(task.dim(), 10 * 3 + 10 * 9 + 9 + 27);
/// assert_eq!(task.loss(&Tokens::default(), &Tags::from(vec![0, 1, 2]), &Tags::from(vec![0, 2, 1])), 2.0);
/// # Ok::<(), crosscut_sequence::TaskError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Definition", into = "Definition")]
pub struct Sequence {
    pub(crate) definition: Definition,
    /// Derived from the scheme.
    penalties: Option<Penalties>,
    /// Derived from the loss.
    unit: f64,
}

/// The serialised form of a [`Sequence`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Definition {
    tags: Labels,
    features: Features,
    /// How many of the features, the last ones, have weights for pairs of tags alone.
    pairs: usize,
    transitions: usize,
    emissions: usize,
    loss: Loss,
    rescaling: Rescaling,
    scheme: Option<Scheme>,
    objective: Objective,
    pub(crate) beam: usize,
    scaling: Scaling,
}

impl TryFrom<Definition> for Sequence {
    type Error = TaskError;

    fn try_from(definition: Definition) -> Result<Self, TaskError> {
        let Definition {
            tags,
            features,
            pairs,
            transitions,
            emissions,
            loss,
            rescaling,
            scheme,
            scaling,
            ..
        } = &definition;
        let k = tags.len();
        if !(2..=Tag::MOST).contains(&k) {
            return Err(TaskError::Tags(k));
        }
        if *transitions > 3 || *emissions > 1.min(*transitions) {
            return Err(TaskError::Orders { transitions: *transitions, emissions: *emissions });
        }
        let Some(singles) = features.len().checked_sub(*pairs) else {
            return Err(TaskError::Pairs { pairs: *pairs, features: features.len() });
        };
        let weights = || {
            let paired = if *emissions > 0 { features.len() } else { *pairs };
            let pairs = k.checked_mul(k)?.checked_mul(paired)?;
            let grams = k.checked_pow(*transitions as u32 + 1)?.checked_mul(2)?;
            k.checked_mul(singles)?.checked_add(pairs)?.checked_add(grams)
        };
        if weights().is_none_or(|weights| weights > MOST_WEIGHTS) {
            return Err(TaskError::Weights { tags: k, features: features.len() });
        }
        if let Some(costs) = loss.costs()
            && costs.classes() != k
        {
            return Err(TaskError::Costs { expected: k, found: costs.classes() });
        }
        if scheme.is_some() && k > MOST_CONSTRAINED {
            return Err(TaskError::Constrained(k));
        }
        if !scaling.fits(features.len()) {
            return Err(TaskError::Scaling(features.len()));
        }
        let unit = match (rescaling, loss.unit()) {
            (Rescaling::Slack, None) => return Err(TaskError::Unit),
            (_, unit) => unit.unwrap_or(1.0),
        };
        let penalties = scheme.map(|scheme| Penalties::new(scheme, tags));
        Ok(Self { definition, penalties, unit })
    }
}

impl From<Sequence> for Definition {
    fn from(task: Sequence) -> Self {
        task.definition
    }
}

impl Sequence {
    /// A task with the tags and features of a file: transitions of order 1, emissions of order 0,
    /// the number of wrong tags as loss, margin rescaling, no constraints, exact inference.
    ///
    /// # Errors
    /// Fewer than two tags, or more than [`Tag::MOST`]; more than 2^40 weights.
    pub fn new(tags: Labels, features: Features) -> Result<Self, TaskError> {
        Self::try_from(Definition {
            tags,
            features,
            pairs: 0,
            transitions: 1,
            emissions: 0,
            loss: Loss::Count,
            rescaling: Rescaling::Margin,
            scheme: None,
            objective: Objective::Hinge,
            beam: 0,
            scaling: Scaling::default(),
        })
    }

    /// A task for data that do not come from a file: tags named `0`, `1`, … by position, features
    /// with the ids 1, 2, … of svm-light files.
    ///
    /// # Errors
    /// Those of [`new`](Self::new).
    pub fn numbered(tags: usize, features: usize) -> Result<Self, TaskError> {
        let ids = u32::try_from(features).map_err(|_| TaskError::Weights { tags, features })?;
        let names: Vec<String> = (0..tags.min(Tag::MOST + 1)).map(|tag| tag.to_string()).collect();
        Self::new(Labels::from(names), Features::Ids(FeatureIds::Contiguous(ids)))
    }

    /// Sets the orders: the number of previous tags that transitions depend on (0 to 3) and that
    /// emissions depend on (0 or 1).
    ///
    /// # Errors
    /// Unsupported orders, or too many weights.
    pub fn with_orders(self, transitions: usize, emissions: usize) -> Result<Self, TaskError> {
        Self::try_from(Definition { transitions, emissions, ..self.definition })
    }

    /// Makes the last `pairs` features ones of pairs of tags: each has k² weights, for the tag of the
    /// token and the one before, and none for the tag alone, whatever the order of emissions. The
    /// inputs of such a task have [rows for pairs](Tokens::pair_rows); [`tokens`](Self::tokens) makes
    /// them.
    ///
    /// # Errors
    /// More than there are features; too many weights.
    pub fn with_pair_features(self, pairs: usize) -> Result<Self, TaskError> {
        Self::try_from(Definition { pairs, ..self.definition })
    }

    /// Sets the loss.
    ///
    /// # Errors
    /// Costs for another number of tags; costs without a common unit if slacks are rescaled.
    pub fn with_loss(self, loss: Loss) -> Result<Self, TaskError> {
        Self::try_from(Definition { loss, ..self.definition })
    }

    /// Sets margin or slack rescaling.
    ///
    /// # Errors
    /// Slack rescaling for costs without a common unit.
    pub fn with_rescaling(self, rescaling: Rescaling) -> Result<Self, TaskError> {
        Self::try_from(Definition { rescaling, ..self.definition })
    }

    /// Forbids tags to follow each other in ways that make no sense for chunks.
    ///
    /// If no tagging of a sequence is allowed (one token, and no tag may be a chunk by itself or
    /// outside one), the prediction is not allowed either.
    ///
    /// # Errors
    /// More than 4096 tags.
    pub fn with_scheme(self, scheme: Option<Scheme>) -> Result<Self, TaskError> {
        Self::try_from(Definition { scheme, ..self.definition })
    }

    /// Sets what training minimises. With the log-loss (a conditional random field), loss and
    /// rescaling play no part in training, and sums over taggings ignore the beam.
    pub fn with_objective(mut self, objective: Objective) -> Self {
        self.definition.objective = objective;
        self
    }

    /// Scales the features of tokens read from files. Other tokens must be scaled before, by
    /// [`Scaling::apply_all`].
    ///
    /// # Errors
    /// A scaling for another number of features.
    pub fn with_scaling(self, scaling: Scaling) -> Result<Self, TaskError> {
        Self::try_from(Definition { scaling, ..self.definition })
    }

    /// Keeps only the `beam` best states of each token, 0 for all.
    ///
    /// Inference is then no longer exact: predictions may miss the best tags, and the primal value
    /// that a solver reports covers only the outputs it could reach.
    pub fn with_beam(mut self, beam: usize) -> Self {
        self.definition.beam = beam;
        self
    }

    /// The names of the tags, in order.
    pub fn tags(&self) -> &Labels {
        &self.definition.tags
    }

    /// The features, in the order of the weights.
    pub fn features(&self) -> &Features {
        &self.definition.features
    }

    /// The orders of transitions and of emissions.
    pub fn orders(&self) -> (usize, usize) {
        (self.definition.transitions, self.definition.emissions)
    }

    /// How many features, the last ones, are features of pairs of tags alone.
    pub fn pair_features(&self) -> usize {
        self.definition.pairs
    }

    /// An input from rows that have all features of their tokens, those of pairs of tags included.
    pub fn tokens(&self, rows: SparseRows) -> Tokens {
        if self.definition.pairs == 0 {
            return Tokens::new(rows);
        }
        let (mut single, mut paired) = (SparseRows::default(), SparseRows::default());
        let (end, first) = (self.singles() as u32, self.first_paired() as u32);
        let mut shifted = Vec::new();
        for (t, features) in rows.iter().map(Row::features).enumerate() {
            let at = features.partition_point(|feature| feature.index < end);
            shifted.clear();
            // No tag stands before the first token.
            if t > 0 {
                let in_pairs = features.iter().filter(|feature| feature.index >= first);
                shifted.extend(in_pairs.map(|f| Feature { index: f.index - first, ..*f }));
            }
            for (to, row) in [(&mut single, &features[..at]), (&mut paired, &shifted)] {
                to.push(row).expect("a part of a row is a row");
            }
        }
        single.shrink_to_fit();
        paired.shrink_to_fit();
        Tokens::new(single).with_pair_rows(paired)
    }

    /// Renumbers the features of training examples if training is faster then (see [`Renumbering`]);
    /// features of pairs of tags stay behind the others. The weights of training are then those of the
    /// new numbers, until [`Renumbering::restore`]; the regulariser must be too.
    pub fn renumber(&self, examples: &mut [Example<Tokens, Tags>]) -> Option<Renumbering> {
        let (k, singles, first) = (self.k(), self.singles(), self.first_paired());
        let all = self.definition.features.len();
        let blocks = vec![
            WeightBlock { start: 0, features: 0..singles, size: k },
            WeightBlock { start: self.pairs_at(), features: first..all, size: k * k },
        ];
        let rows = examples.iter().flat_map(|Example { x, .. }| {
            let paired = x.pair_rows().into_iter().flat_map(SparseRows::iter);
            let paired = paired.map(move |row| (first, row.features()));
            x.rows().iter().map(|row| (0, row.features())).chain(paired)
        });
        let new = Renumbering::of(rows, &[0..singles, singles..all], blocks)?;
        each_mut(examples, |example| example.x.renumber(first as u32, |old| new.number(old)));
        Some(new)
    }

    /// The loss Δ.
    pub fn loss_function(&self) -> &Loss {
        &self.definition.loss
    }

    /// Margin or slack rescaling.
    pub fn rescaling(&self) -> Rescaling {
        self.definition.rescaling
    }

    /// How features are scaled.
    pub fn scaling(&self) -> &Scaling {
        &self.definition.scaling
    }

    /// The scheme that restricts which tags may follow each other.
    pub fn scheme(&self) -> Option<Scheme> {
        self.definition.scheme
    }

    /// Drops the names of features whose weights are all zero. `nonzero` are the other weights, in
    /// increasing order. Returns the ranges of the weights that remain, in increasing order.
    /// Predictions keep all bits.
    ///
    /// Returns `None`, and drops nothing, if features are ids, or scaled.
    pub fn drop_unused_names(&mut self, nonzero: &[u32]) -> Option<Vec<Range<usize>>> {
        let (k, dim) = (self.k(), self.dim());
        let (singles, first) = (self.singles(), self.first_paired());
        let (at_pairs, transitions) = (self.pairs_at(), self.transitions_at(1));
        let Definition { features: Features::Names(names), scaling, pairs, .. } =
            &mut self.definition
        else {
            return None;
        };
        if !scaling.is_none() {
            return None;
        }
        let mut is_used = vec![false; names.len()];
        for at in nonzero.iter().map(|&at| at as usize).take_while(|&at| at < transitions) {
            let feature = if at < at_pairs { at / k } else { first + (at - at_pairs) / (k * k) };
            is_used[feature] = true;
        }
        // The weights of used features, those of features side by side in one range.
        let mut kept: Vec<Range<usize>> = Vec::new();
        for (begin, features, size) in [(0, 0..singles, k), (at_pairs, first..is_used.len(), k * k)]
        {
            let mut end = begin;
            for run in is_used[features].chunk_by(|a, b| a == b) {
                let start = end;
                end += size * run.len();
                kept.extend(run[0].then_some(start..end));
            }
        }
        kept.push(transitions..dim);
        *pairs = is_used[singles..].iter().filter(|is_used| **is_used).count();
        names.retain(|index| is_used[index as usize]);
        Some(kept)
    }

    /// The name of the tag of a token, even if the model does not know the tag.
    pub fn name<'a>(&'a self, tags: &'a Tags, token: usize) -> &'a str {
        match tags.as_slice()[token] {
            Tag::UNKNOWN => tags.stranger(token).unwrap_or("?"),
            tag => self.definition.tags.name(tag.index()),
        }
    }

    /// The `count` best taggings with their scores, best first; fewer if fewer exist.
    pub fn n_best(
        &self,
        w: &[f64],
        x: &Tokens,
        count: usize,
        scratch: &mut Scratch,
    ) -> Vec<(f64, Tags)> {
        let chain = self.chain(w, x);
        chain.forward(scratch, |_, _| {});
        let paths = chain.n_best(scratch, count);
        paths.into_iter().map(|(score, path)| (score, Tags::from(path))).collect()
    }

    /// Max-marginals: for each token, the best score of all taggings minus the best score of the
    /// taggings with another tag at this token. They measure the confidence in the predicted tag.
    /// Infinite if no other tag is possible.
    pub fn max_marginals(&self, w: &[f64], x: &Tokens, scratch: &mut Scratch) -> Vec<f64> {
        let chain = self.chain(w, x);
        chain.forward(scratch, |_, _| {});
        chain.max_marginals(scratch)
    }

    /// Index of the weight of a feature for the last of `tags`. Two tags select the weight for the
    /// last tag after the one before it. The feature must have such a weight: one of pairs of tags
    /// has only weights for two tags, and the others have these only with emissions of order 1.
    pub fn emission_weight(&self, feature: usize, tags: &[Tag]) -> usize {
        let k = self.k();
        match tags {
            [before, tag] => {
                let feature = feature - self.first_paired();
                self.pairs_at() + feature * k * k + before.index() * k + tag.index()
            }
            [.., tag] => feature * k + tag.index(),
            [] => feature * k,
        }
    }

    /// Index of the weight of a transition. Its order (at least 1) is one less than the number of
    /// `tags`; the last tag comes last.
    pub fn transition_weight(&self, tags: &[Tag]) -> usize {
        self.transition(tags)
    }

    /// Number of tags k.
    pub(crate) fn k(&self) -> usize {
        self.definition.tags.len()
    }

    /// Number of features that have weights for single tags.
    pub(crate) fn singles(&self) -> usize {
        self.definition.features.len() - self.definition.pairs
    }

    /// The first feature that has weights for pairs of tags, and so has all that follow.
    pub(crate) fn first_paired(&self) -> usize {
        if self.definition.emissions > 0 { 0 } else { self.singles() }
    }

    /// Index of the first emission weight at pairs of tags.
    fn pairs_at(&self) -> usize {
        self.k() * self.singles()
    }

    /// The features of all tokens for pairs of tags; `None` if there are none.
    fn pair_rows<'x>(&self, x: &'x Tokens) -> Option<&'x SparseRows> {
        match self.definition {
            Definition { pairs: 0, emissions: 0, .. } => None,
            Definition { pairs: 0, .. } => Some(x.rows()),
            _ => x.pair_rows().filter(|rows| rows.len() == x.len()),
        }
    }

    /// The features of token t > 0 for pairs of tags.
    pub(crate) fn pair_row<'x>(&self, x: &'x Tokens, t: usize) -> Option<Row<'x>> {
        let row = self.pair_rows(x)?.row(t);
        // Names are unique: these rows follow the others.
        Some(if self.definition.pairs > 0 { row.named((x.len() + t) as u32) } else { row })
    }

    /// Index of the first transition weight of an order, from 1; d for the order after the last.
    pub(crate) fn transitions_at(&self, order: usize) -> usize {
        let k = self.k();
        let paired = self.definition.features.len() - self.first_paired();
        self.pairs_at()
            + k * k * paired
            + (1..order).map(|order| k.pow(order as u32 + 1)).sum::<usize>()
    }

    pub(crate) fn chain<'w>(&'w self, w: &'w [f64], x: &'w Tokens) -> Chain<'w> {
        let Definition { transitions, beam, .. } = self.definition;
        let order = |order: usize| &w[self.transitions_at(order)..self.transitions_at(order + 1)];
        Chain {
            k: self.k(),
            rows: x.rows(),
            emissions: &w[..self.pairs_at()],
            pairs: self
                .pair_rows(x)
                .map(|rows| (rows, &w[self.pairs_at()..self.transitions_at(1)])),
            transitions: (1..=transitions).map(order).collect(),
            penalties: self.penalties.as_ref(),
            beam,
        }
    }

    /// Whether the score of a tagging, tokens aside, is a sum over pairs of neighbouring tags, and
    /// the loss a sum over tokens.
    fn chains_pairs(&self) -> bool {
        let Definition { transitions, emissions, pairs, beam, .. } = self.definition;
        let hinge = self.definition.objective == Objective::Hinge;
        let no_pairs = emissions == 0 && pairs == 0;
        transitions <= 1 && no_pairs && beam == 0 && !self.counts_errors() && hinge
    }

    /// Score of two neighbouring tags, without their tokens. `None` stands for a tag before the
    /// first or after the last.
    pub(crate) fn pair_scores<'w>(
        &'w self,
        w: &'w [f64],
    ) -> impl Fn(Option<usize>, Option<usize>) -> f64 + 'w {
        let (k, weights) = (self.k(), &w[self.transitions_at(1)..]);
        let has_weights = self.definition.transitions > 0;
        move |before: Option<usize>, after: Option<usize>| {
            let penalty = self.penalties.as_ref().map_or(0.0, |penalties| match (before, after) {
                (Some(a), Some(b)) => penalties.pairs[a * k + b],
                (None, Some(b)) => penalties.start[b],
                (Some(a), None) => penalties.end[a],
                (None, None) => 0.0,
            });
            match (before, after) {
                (Some(a), Some(b)) if has_weights => weights[a * k + b] + penalty,
                _ => penalty,
            }
        }
    }

    /// Index of the weight of a transition. The order is one less than the number of tags; the last
    /// tag comes last.
    fn transition(&self, gram: &[Tag]) -> usize {
        let k = self.k();
        self.transitions_at(gram.len() - 1)
            + gram.iter().fold(0, |index, tag| index * k + tag.index())
    }

    /// Writes ±Ψ at token t, given the tags up to there.
    fn write_token<'a>(
        &'a self,
        x: &'a Tokens,
        tags: &[Tag],
        t: usize,
        scale: f64,
        sink: &mut dyn Sink<'a>,
    ) {
        let k = self.k();
        let row = x.rows().row(t);
        sink.add_row(row, Place::class(tags[t].index(), k), scale);
        self.write_pair(x, tags, t, scale, sink);
        for order in 1..=self.definition.transitions.min(t) {
            sink.add(self.transition(&tags[t - order..=t]), scale);
        }
    }

    fn write_pair<'a>(
        &'a self,
        x: &'a Tokens,
        tags: &[Tag],
        t: usize,
        scale: f64,
        sink: &mut dyn Sink<'a>,
    ) {
        let k = self.k();
        if t > 0
            && let Some(row) = self.pair_row(x, t)
        {
            let pair = tags[t - 1].index() * k + tags[t].index();
            sink.add_row(row, self.pair_place(pair), scale);
        }
    }

    /// The place of a row at a pair of tags, as a number in base k.
    pub(crate) fn pair_place(&self, pair: usize) -> Place {
        Place { offset: self.pairs_at() + pair, stride: self.k() * self.k() }
    }

    /// Whether the task has all these tags.
    pub(crate) fn knows(&self, y: &Tags) -> bool {
        y.as_slice().iter().all(|tag| tag.index() < self.k())
    }

    /// Number of states of the chain at a token (except the first ones).
    fn states(&self) -> usize {
        self.k().saturating_pow(self.definition.transitions.max(1) as u32)
    }

    /// Length of the longest sequence that is accepted.
    pub(crate) fn most_tokens(&self) -> usize {
        (1_usize << self.most_bits()) / self.states().max(1)
    }

    /// Binary logarithm of the largest number of entries in the table of a sequence. Sums over
    /// taggings need three more tables.
    fn most_bits(&self) -> usize {
        if self.definition.objective == Objective::Log { MOST_BITS - 2 } else { MOST_BITS }
    }

    /// The error for a longer sequence.
    pub(crate) fn too_long(&self) -> String {
        format!(
            "expected a sequence of at most {} tokens, since its table has {} numbers for each of them, and 2^{} in all: divide \
             the sequence, or train with a lower order (--t)",
            self.most_tokens(),
            self.states(),
            self.most_bits()
        )
    }

    /// Cost of predicting `y_hat` for the tag `y`, in the units of the oracle that counts errors.
    fn units(&self, y: Tag, y_hat: usize) -> usize {
        match self.definition.loss.costs() {
            Some(costs) => (costs.row(y.index())[y_hat] / self.unit).round() as usize,
            None => usize::from(y.index() != y_hat),
        }
    }

    /// Largest number of errors, in units, that the oracle must distinguish.
    fn most_units(&self, y: &Tags) -> usize {
        match self.definition.loss {
            Loss::ZeroOne => 1,
            _ => y
                .as_slice()
                .iter()
                .map(|&y| (0..self.k()).map(|tag| self.units(y, tag)).max().unwrap_or(0))
                .sum(),
        }
    }

    /// Whether the oracle must count errors: it must unless margins are rescaled by a loss that is
    /// a sum over tokens.
    fn counts_errors(&self) -> bool {
        self.definition.rescaling == Rescaling::Slack
            || matches!(self.definition.loss, Loss::ZeroOne | Loss::RootCount)
    }

    /// The tags of the most violated constraint.
    fn most_violating(&self, w: &[f64], x: &Tokens, y: &Tags, scratch: &mut Scratch) -> Tags {
        let chain = self.chain(w, x);
        let truth = y.as_slice();
        let scale = self.definition.loss.scale(y.len());
        if !self.counts_errors() {
            chain.forward(scratch, |t, scores| match self.definition.loss.costs() {
                Some(costs) => {
                    scores
                        .iter_mut()
                        .zip(costs.row(truth[t].index()))
                        .for_each(|(score, cost)| *score += scale * cost);
                }
                // Equivalent to adding `scale` to all other tags.
                None => scores[truth[t].index()] -= scale,
            });
            return chain.best(scratch).into();
        }
        let most = self.most_units(y);
        chain.forward_counting(scratch, most, |t, tag| self.units(truth[t], tag));
        let slack = self.definition.rescaling == Rescaling::Slack;
        let truth_score = if slack { self.score(w, x, y) } else { 0.0 };
        let value = |units: usize, score: f64| {
            let loss = self.definition.loss.of_sum(scale * self.unit * units as f64);
            if slack { loss * (1.0 + score - truth_score) } else { loss + score }
        };
        chain.best_counting(scratch, most, value, |t, tag| self.units(truth[t], tag)).into()
    }
}

impl Task for Sequence {
    type Input = Tokens;
    type Output = Tags;
    type Scratch = Scratch;

    fn dim(&self) -> usize {
        self.transitions_at(self.definition.transitions + 1)
    }

    fn loss(&self, _: &Tokens, y: &Tags, y_hat: &Tags) -> f64 {
        self.definition.loss.of(y, y_hat)
    }

    fn predict(&self, w: &[f64], x: &Tokens, scratch: &mut Scratch) -> Tags {
        let chain = self.chain(w, x);
        chain.forward(scratch, |_, _| {});
        chain.best(scratch).into()
    }

    fn separate<'a>(
        &'a self,
        w: &[f64],
        x: &'a Tokens,
        y: &'a Tags,
        scratch: &mut Scratch,
        planes: &mut Planes<'a>,
    ) {
        if self.definition.objective == Objective::Log {
            self.expect(w, x, scratch);
            return self.add_tangent(x, y, scratch, planes);
        }
        let y_bar = self.most_violating(w, x, y, scratch);
        planes.add(|sink| match self.definition.rescaling {
            Rescaling::Margin => self.plane(x, y, &y_bar, sink),
            Rescaling::Slack => self.rescaled_plane(x, y, &y_bar, sink),
        });
        if self.may_miss() {
            planes.may_miss(f64::INFINITY);
        }
    }

    /// Sums over taggings share the exponentials of the transitions.
    fn separate_chunk<'a>(
        &'a self,
        w: &[f64],
        examples: &[&'a Example<Tokens, Tags>],
        scratch: &mut Scratch,
        planes: &mut [Planes<'a>],
    ) {
        for (at, (Example { x, y, .. }, planes)) in examples.iter().zip(planes).enumerate() {
            if self.definition.objective == Objective::Hinge {
                self.separate(w, x, y, scratch, planes);
                continue;
            }
            let chain = self.chain(w, x);
            if at == 0 {
                chain.begin_sums(scratch);
            }
            chain.expect(scratch);
            self.add_tangent(x, y, scratch, planes);
        }
    }

    fn objective(&self) -> Objective {
        self.definition.objective
    }

    /// Only if the oracle is Viterbi's over pairs of tags: not with other orders or losses, nor
    /// with a beam or the log-loss.
    fn recombine(&self) -> Option<Recombiner<'_, Tokens, Tags, Scratch>> {
        self.chains_pairs().then_some(self as _)
    }

    fn row<'a>(&'a self, x: &'a Tokens, name: u32) -> Option<Row<'a>> {
        match (name as usize).checked_sub(x.len()) {
            Some(t) if self.definition.pairs > 0 && t < x.len() => self.pair_row(x, t),
            _ => x.rows().get(name),
        }
    }

    fn validate_input(&self, x: &Tokens) -> Result<(), String> {
        let check = |rows: &SparseRows, features: usize| match rows.width().checked_sub(1) {
            Some(last) if last >= features => {
                Err(format!("expected features below {features}, not feature {last}"))
            }
            _ => Ok(()),
        };
        check(x.rows(), self.singles())?;
        match self.pair_rows(x) {
            _ if self.definition.pairs == 0 => Ok(()),
            Some(rows) => check(rows, self.definition.features.len() - self.first_paired()),
            None => Err(format!("expected rows for pairs of tags for each of {} tokens", x.len())),
        }
    }

    fn validate(&self, x: &Tokens, y: &Tags) -> Result<(), String> {
        self.validate_input(x)?;
        if x.len() != y.len() {
            return Err(format!(
                "expected a tag for each of {} tokens, not {} tags",
                x.len(),
                y.len()
            ));
        }
        if !self.knows(y) {
            return Err(format!(
                "expected tags among the {} of the task, not an unknown one",
                self.k()
            ));
        }
        if let Some(scheme) = self.definition.scheme
            && let Some(token) = self.breach(scheme, y)
        {
            let tag = self.name(y, token);
            return Err(format!(
                "expected tags that --constrain allows, not {tag} at token {}",
                token + 1
            ));
        }
        if x.len() > self.most_tokens() {
            return Err(self.too_long());
        }
        if self.counts_errors() {
            let cells =
                x.len().saturating_mul(self.states()).saturating_mul(self.most_units(y) + 1);
            if cells > MOST_CELLS {
                return Err(format!(
                    "the oracle that counts errors needs tables of {cells} numbers for {} tokens, more than 2^27: \
                     divide the sequence, or use margin rescaling and a loss that is a sum over tokens",
                    x.len()
                ));
            }
        }
        Ok(())
    }
}

impl Sequence {
    /// Whether the beam drops states.
    pub(crate) fn may_miss(&self) -> bool {
        let order = self.definition.transitions.max(1) as u32;
        self.definition.beam > 0 && self.definition.beam < self.k().saturating_pow(order)
    }

    /// The first token whose tag the scheme does not allow there.
    pub(crate) fn breach(&self, scheme: Scheme, y: &Tags) -> Option<usize> {
        let notation = self.penalties.as_ref().map_or_else(Notation::default, |p| p.notation);
        let name = |token: usize| (token < y.len()).then(|| self.name(y, token));
        (0..=y.len())
            .find(|&token| {
                let before = token.checked_sub(1).and_then(name);
                !y.is_empty() && !scheme.allows(notation, before, name(token))
            })
            .map(|token| token.min(y.len() - 1))
    }
}

impl FeatureMap for Sequence {
    /// Writes nothing if the task does not know a tag.
    fn psi<'a>(&'a self, x: &'a Tokens, y: &Tags, sink: &mut dyn Sink<'a>) {
        if self.knows(y) {
            (0..y.len()).for_each(|t| self.write_token(x, y.as_slice(), t, 1.0, sink));
        }
    }

    /// Writes only tokens at which the two differ, and transitions that include one.
    fn plane<'a>(&'a self, x: &'a Tokens, y: &Tags, y_bar: &Tags, sink: &mut dyn Sink<'a>) -> f64 {
        let (k, row) = (self.k(), |t| x.rows().row(t));
        let (tags, others) = (y.as_slice(), y_bar.as_slice());
        // The last token at which they differ so far, counted from 1; 0 if there is none.
        let mut last = 0;
        for t in 0..tags.len() {
            if tags[t] != others[t] {
                last = t + 1;
                sink.add_row(row(t), Place::class(tags[t].index(), k), 1.0);
                sink.add_row(row(t), Place::class(others[t].index(), k), -1.0);
            }
            let since = t + 1 - last;
            if last == 0 {
                continue;
            }
            if since <= 1 {
                self.write_pair(x, tags, t, 1.0, sink);
                self.write_pair(x, others, t, -1.0, sink);
            }
            for order in since.max(1)..=self.definition.transitions.min(t) {
                sink.add(self.transition(&tags[t - order..=t]), 1.0);
                sink.add(self.transition(&others[t - order..=t]), -1.0);
            }
        }
        self.loss(x, y, y_bar)
    }
}
