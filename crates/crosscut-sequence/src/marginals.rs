//! Sums over all taggings: ln Z, the probabilities of tags and of transitions, and the plane of the
//! log-loss.
//!
//! The recursion is that of [`Chain::forward`] with sums in the place of maxima. It works with
//! exponentials, each divided by the largest of its table, and normalises the sums at each token. So
//! a transition costs a multiplication, and an exponential is taken once for each tag of a token.
//! If scores differ so much that exponentials would vanish, a slower recursion works with
//! logarithms.

use crosscut::{Place, Planes, Row};

use crate::lattice::{Chain, NEVER, Scratch};
use crate::tags::{Tags, Tokens};
use crate::task::Sequence;

/// Largest range of the scores at one step for which exponentials are used. Under a scheme, a state
/// may be reached by a detour of one step, so a sum over states is at least exp(−2 · range).
const MOST_RANGE: f64 = 300.0;
/// Smaller probabilities are left out of a plane: far below rounding, and products with such
/// numbers would be slow.
const NEGLIGIBLE: f64 = 1e-100;

/// Buffers for sums over taggings.
#[derive(Debug, Default)]
pub(crate) struct Sums {
    /// exp(inside − shift) for each state and the tag after it.
    steps: Vec<f64>,
    shift: f64,
    /// Range of the finite scores `inside`.
    range: f64,
    /// One entry a token and state: `outside` less its largest at the token.
    scores: Vec<f64>,
    /// The exponentials of `scores`.
    weights: Vec<f64>,
    /// One entry a token and state: the sum over all taggings up to there, normalised.
    forward: Vec<f64>,
    /// The normalisers of the tokens.
    norms: Vec<f64>,
    /// One entry a state: the sum over all that may follow, normalised.
    backward: Vec<f64>,
    /// One entry a state: the sum over all that may follow, times its weight.
    through: Vec<f64>,
    /// One entry a state and tag after it: its probability at one token.
    edges: Vec<f64>,
    pub expected: Expected,
}

/// Probabilities and expected counts.
#[derive(Debug, Default)]
pub(crate) struct Expected {
    /// ln Z.
    pub log_z: f64,
    /// The entropy of the taggings.
    pub entropy: f64,
    /// Bound on the rounding error of the entropy.
    pub error: f64,
    /// n × k: probability of each tag at each token.
    pub tags: Vec<f64>,
    /// n × k²: probability of each pair of tags, the last one at this token. Empty if no emissions
    /// depend on pairs.
    pub pairs: Vec<f64>,
    /// For each order from 1: expected number of each gram.
    pub grams: Vec<Vec<f64>>,
}

/// What the recursions need to know about `inside` at a token.
impl Sums {
    /// Sets `steps` to the exponentials of a table.
    fn take_steps(&mut self, table: Option<&[f64]>, entries: usize) {
        self.steps.clear();
        (self.shift, self.range) = (0.0, 0.0);
        let Some(table) = table else { return self.steps.resize(entries, 1.0) };
        let finite = || table.iter().copied().filter(|score| *score > NEVER);
        let (low, high) = finite().fold((f64::INFINITY, NEVER), |(low, high), score| {
            (f64::min(low, score), f64::max(high, score))
        });
        if high > NEVER {
            (self.shift, self.range) = (high, high - low);
        }
        self.steps.extend(table.iter().map(|score| (score - self.shift).exp()));
    }
}

impl Chain<'_> {
    /// Computes what is the same for all tokens and sequences at these weights. Must be called
    /// before [`expect`](Self::expect), once for each w.
    pub fn begin_sums(&self, scratch: &mut Scratch) {
        if self.pairs.is_some() && self.memory() == 1 {
            return;
        }
        let (entries, sums) = (self.most_states() * self.k, &mut scratch.sums);
        if self.memory() == 1 && self.penalties.is_some() {
            let mut inside = std::mem::take(&mut sums.edges);
            self.sum_inside(1, &mut inside);
            sums.take_steps(Some(&inside), entries);
            sums.edges = inside;
        } else {
            sums.take_steps(self.transitions.last().copied(), entries);
        }
    }

    /// Computes the probabilities of tags and transitions.
    pub fn expect(&self, scratch: &mut Scratch) {
        self.score_nodes(&mut scratch.nodes, |_, _| {});
        scratch.token.inside.clear();
        let expected = &mut scratch.sums.expected;
        let (n, k) = (self.tokens(), self.k);
        expected.tags.clear();
        expected.tags.resize(n * k, 0.0);
        expected.pairs.clear();
        expected.pairs.resize(if self.pairs.is_some() { n * k * k } else { 0 }, 0.0);
        expected.grams.resize_with(self.transitions.len(), Vec::new);
        for (grams, order) in expected.grams.iter_mut().zip(2..) {
            grams.clear();
            grams.resize(k.pow(order), 0.0);
        }
        (expected.log_z, expected.entropy, expected.error) = (0.0, 0.0, 0.0);
        if n > 0 && !self.expect_by_products(scratch) {
            self.expect_by_logarithms(scratch);
        }
    }

    /// Returns `false` if exponentials might vanish.
    fn expect_by_products(&self, scratch: &mut Scratch) -> bool {
        let Scratch { nodes, token, sums, .. } = scratch;
        let (n, k, most) = (self.tokens(), self.k, self.most_states());
        let each = most / k;
        let varies = self.pairs.is_some() && self.memory() == 1;
        sums.scores.resize(n * most, NEVER);
        sums.weights.resize(n * most, 0.0);
        sums.forward.resize(n * most, 0.0);
        sums.norms.clear();
        if varies {
            // No step leads to the first token.
            sums.range = 0.0;
        }
        let (mut log_z, mut size, mut lost) = (0.0, 0.0, 0.0);
        // Forward.
        for t in 0..n {
            self.prepare(t, nodes, token);
            if varies && t > 0 {
                sums.take_steps(Some(&token.inside), most * k);
            }
            let states = self.states(t);
            let (low, high) = token.outside.iter().fold((f64::INFINITY, NEVER), |range, &score| {
                let low = if score > NEVER { score.min(range.0) } else { range.0 };
                (low, score.max(range.1))
            });
            let range = high - low + sums.range;
            if range.is_nan() || range > MOST_RANGE {
                return false;
            }
            let scores = &mut sums.scores[t * most..][..states];
            let weights = &mut sums.weights[t * most..][..states];
            for ((score, weight), outside) in
                scores.iter_mut().zip(&mut *weights).zip(&token.outside)
            {
                *score = outside - high;
                *weight = score.exp();
            }
            let (before, here) = sums.forward.split_at_mut(t * most);
            let here = &mut here[..states];
            if t == 0 {
                here.copy_from_slice(weights);
            } else {
                let before = &before[(t - 1) * most..][..self.states(t - 1)];
                if t < self.memory() {
                    for (to, from) in here.chunks_exact_mut(k).zip(before) {
                        to.fill(*from);
                    }
                } else {
                    here.fill(0.0);
                    log_z += sums.shift;
                    for (at, from) in before.iter().enumerate() {
                        let to = &mut here[at % each * k..][..k];
                        let steps = &sums.steps[at * k..][..k];
                        to.iter_mut().zip(steps).for_each(|(to, step)| *to += from * step);
                    }
                }
                here.iter_mut().zip(&*weights).for_each(|(here, weight)| *here *= weight);
            }
            let norm: f64 = here.iter().sum();
            if !(norm > 0.0 && norm.is_finite()) {
                return false;
            }
            here.iter_mut().for_each(|here| *here /= norm);
            sums.norms.push(norm);
            log_z += high + norm.ln();
            size += norm.ln().abs();
            lost += norm.ln();
        }
        // Backward. `lost` becomes the entropy: ln Z minus the mean score, both less what has been
        // subtracted from all scores.
        sums.backward.clear();
        sums.backward.resize(most, 1.0);
        let steps_entropy = |steps: &[f64], edges: &[f64]| -> f64 {
            let term =
                |(step, edge): (&f64, &f64)| if *edge > 0.0 { edge * step.ln() } else { 0.0 };
            steps.iter().zip(edges).map(term).sum()
        };
        for t in (0..n).rev() {
            let states = self.states(t);
            let forward = &sums.forward[t * most..][..states];
            let mut mean = 0.0;
            for (state, ((forward, backward), score)) in
                forward.iter().zip(&sums.backward).zip(&sums.scores[t * most..]).enumerate()
            {
                let probability = forward * backward;
                if probability > 0.0 {
                    mean += probability * score;
                    sums.expected.add_state(state, probability, t, k, self.memory());
                }
            }
            lost -= mean;
            size += mean.abs();
            if t == 0 {
                break;
            }
            if varies {
                self.prepare(t, nodes, token);
                sums.take_steps(Some(&token.inside), most * k);
            }
            let weights = &sums.weights[t * most..][..states];
            // The sum over all that follows a state, times its weight.
            let through = &mut sums.through;
            through.clear();
            through.extend(
                (sums.backward.iter().zip(weights))
                    .map(|(backward, weight)| backward * weight / sums.norms[t]),
            );
            if t < self.memory() {
                let sum = |to: &[f64]| to.iter().sum::<f64>();
                sums.backward.clear();
                sums.backward.extend(through.chunks_exact(k).map(sum));
                continue;
            }
            let before = &sums.forward[(t - 1) * most..][..self.states(t - 1)];
            sums.backward.clear();
            sums.backward.resize(before.len(), 0.0);
            sums.edges.clear();
            sums.edges.resize(most * k, 0.0);
            for (at, (from, backward)) in before.iter().zip(&mut sums.backward).enumerate() {
                let through = &through[at % each * k..][..k];
                let steps = &sums.steps[at * k..][..k];
                let edges = &mut sums.edges[at * k..][..k];
                let mut sum = 0.0;
                for ((edge, step), through) in edges.iter_mut().zip(steps).zip(through) {
                    let product = step * through;
                    sum += product;
                    *edge = from * product;
                }
                *backward = sum;
            }
            sums.expected.add_edges(&sums.edges, t, k, self.memory());
            if varies {
                let mean = steps_entropy(&sums.steps, &sums.edges);
                lost -= mean;
                size += mean.abs();
            }
        }
        if !varies && let Some(grams) = sums.expected.grams.last() {
            let mean = steps_entropy(&sums.steps, grams);
            lost -= mean;
            size += mean.abs();
        }
        // The sums that are close to 1 are as exact as 1.
        sums.expected.finish(log_z, lost, 4.0 * f64::EPSILON * (n + 8) as f64 * (1.0 + size));
        true
    }

    /// The same with logarithms.
    fn expect_by_logarithms(&self, scratch: &mut Scratch) {
        let Scratch { nodes, token, sums, .. } = scratch;
        let (n, k, most) = (self.tokens(), self.k, self.most_states());
        token.inside.clear();
        // ln of the sums up to each state.
        sums.forward.clear();
        sums.forward.resize(n * most, NEVER);
        let mut terms = Vec::new();
        for t in 0..n {
            self.prepare(t, nodes, token);
            for state in 0..self.states(t) {
                terms.clear();
                match t {
                    0 => terms.push(0.0),
                    _ => terms.extend(
                        self.before(token, t, state)
                            .map(|(from, inside)| sums.forward[(t - 1) * most + from] + inside),
                    ),
                }
                sums.forward[t * most + state] = log_sum(&terms) + token.outside[state];
            }
        }
        let log_z = log_sum(&sums.forward[(n - 1) * most..][..self.states(n - 1)]);
        if log_z == NEVER || log_z.is_nan() {
            // No tagging is allowed, or scores are not finite.
            sums.expected.finish(log_z, 0.0, 0.0);
            return;
        }
        // The state at the last token, then each state given the next: whatever the rounding of the
        // scores, these are a distribution over taggings and its entropy, and so a valid plane.
        let mut here = sums.forward[(n - 1) * most..].to_vec();
        let (mut entropy, mut size) = (normalise(&mut here), log_z.abs());
        for t in (0..n).rev() {
            self.prepare(t, nodes, token);
            let likely = here.iter().enumerate().filter(|(_, probability)| **probability > 0.0);
            for (state, &probability) in likely.clone() {
                size += (probability * token.outside[state]).abs();
                sums.expected.add_state(state, probability, t, k, self.memory());
            }
            if t == 0 {
                break;
            }
            sums.edges.clear();
            sums.edges.resize(most * k, 0.0);
            let mut before = vec![0.0; most];
            for (state, &probability) in likely {
                terms.clear();
                terms.extend(
                    self.before(token, t, state)
                        .map(|(from, inside)| sums.forward[(t - 1) * most + from] + inside),
                );
                entropy += probability * normalise(&mut terms);
                for ((from, inside), share) in self.before(token, t, state).zip(&terms) {
                    let probability = probability * share;
                    if probability > 0.0 {
                        size += (probability * inside).abs();
                        sums.edges[from * k + state % k] = probability;
                        before[from] += probability;
                    }
                }
            }
            if t >= self.memory() {
                sums.expected.add_edges(&sums.edges, t, k, self.memory());
            }
            here = before;
        }
        // Logarithms of probabilities are as exact as sums of scores, so the mean of their errors,
        // which the plane is below the log-loss, is at most this.
        sums.expected.finish(log_z, entropy, 4.0 * f64::EPSILON * (n + 8) as f64 * (1.0 + size));
    }
}

/// Replaces logarithms by probabilities, which add up to 1, and returns their entropy −Σ p ln p. Both
/// are exact to a relative error. If all logarithms are −∞, so are the probabilities 0.
fn normalise(logs: &mut [f64]) -> f64 {
    let mut best = 0;
    (0..logs.len()).for_each(|at| best = if logs[at] > logs[best] { at } else { best });
    let top = logs.get(best).copied().unwrap_or(NEVER);
    if top == NEVER {
        logs.fill(0.0);
        return 0.0;
    }
    let others = logs.iter().enumerate().filter(|&(at, _)| at != best);
    let others: f64 = others.map(|(_, log)| (log - top).exp()).sum();
    let mut entropy = 0.0;
    for log in logs {
        let probability = (*log - top).exp() / (1.0 + others);
        if probability > 0.0 {
            entropy -= probability * (*log - top - others.ln_1p());
        }
        *log = probability;
    }
    entropy
}

impl Expected {
    /// Adds the probability of a state at token t.
    fn add_state(&mut self, state: usize, probability: f64, t: usize, k: usize, memory: usize) {
        self.tags[t * k + state % k] += probability;
        if memory > 1 {
            for order in 1..memory.min(t + 1) {
                let grams = k.pow(order as u32 + 1);
                self.grams[order - 1][state % grams] += probability;
            }
            if t > 0 && !self.pairs.is_empty() {
                self.pairs[t * k * k + state % (k * k)] += probability;
            }
        }
    }

    /// Adds the probabilities of the states before token t ≥ memory, each with the tag at t.
    fn add_edges(&mut self, edges: &[f64], t: usize, k: usize, memory: usize) {
        if memory == 1 && !self.pairs.is_empty() {
            self.pairs[t * k * k..][..k * k].copy_from_slice(edges);
        }
        if let Some(grams) = self.grams.get_mut(memory - 1) {
            grams.iter_mut().zip(edges).for_each(|(sum, edge)| *sum += edge);
        }
    }

    fn finish(&mut self, log_z: f64, entropy: f64, error: f64) {
        (self.log_z, self.entropy, self.error) = (log_z, entropy, error);
    }
}

impl Scratch {
    /// The probabilities of all tags at each token, after [`Sequence::expect`].
    pub(crate) fn marginals(&self) -> &[f64] {
        &self.sums.expected.tags
    }
}

/// ln Σ exp(terms), −∞ if there are none.
fn log_sum(terms: &[f64]) -> f64 {
    let top = terms.iter().copied().fold(NEVER, f64::max);
    match top == NEVER {
        true => NEVER,
        false => top + terms.iter().map(|term| (term - top).exp()).sum::<f64>().ln(),
    }
}

impl Sequence {
    /// The probability of each tag at each token, k numbers a token. They are probabilities if the
    /// model was trained with the log-loss. All are 0 if the scheme allows no tagging.
    pub fn marginals(&self, w: &[f64], x: &Tokens, scratch: &mut Scratch) -> Vec<f64> {
        self.expect(w, x, scratch);
        scratch.marginals().to_vec()
    }

    /// ln P(y | x); −∞ if the task does not know a tag of y, or its scheme does not allow y.
    pub fn log_probability(&self, w: &[f64], x: &Tokens, y: &Tags, scratch: &mut Scratch) -> f64 {
        self.expect(w, x, scratch);
        self.log_probability_after(w, x, y, scratch)
    }

    /// The same after [`expect`](Self::expect).
    pub(crate) fn log_probability_after(
        &self,
        w: &[f64],
        x: &Tokens,
        y: &Tags,
        scratch: &Scratch,
    ) -> f64 {
        let is_allowed = self.scheme().is_none_or(|scheme| self.breach(scheme, y).is_none());
        if x.len() != y.len() || !self.knows(y) || !is_allowed {
            return NEVER;
        }
        (crosscut::FeatureMap::score(self, w, x, y) - scratch.sums.expected.log_z).min(0.0)
    }

    /// Computes the probabilities of tags and transitions.
    pub(crate) fn expect(&self, w: &[f64], x: &Tokens, scratch: &mut Scratch) {
        let chain = self.chain(w, x);
        chain.begin_sums(scratch);
        chain.expect(scratch);
    }

    /// Adds the tangent plane of −ln P(y | x), after [`expect`](Self::expect).
    pub(crate) fn add_tangent<'a>(
        &'a self,
        x: &'a Tokens,
        y: &Tags,
        scratch: &mut Scratch,
        planes: &mut Planes<'a>,
    ) {
        let Expected { entropy, error, tags, pairs, grams, log_z } = &mut scratch.sums.expected;
        let (k, truth) = (self.k(), y.as_slice());
        planes.add(|sink| {
            for (t, probabilities) in tags.chunks_exact(k).enumerate() {
                let mut write =
                    |row: Row<'a>, place: &dyn Fn(usize) -> Place, truth: usize, others: &[f64]| {
                        // Not 1 − P: the sum has no cancellation, and all scales add up to 0.
                        let is_written = |at: usize| at != truth && others[at] > NEGLIGIBLE;
                        let written = (0..others.len()).filter(|&at| is_written(at));
                        let wrong: f64 = written.map(|at| others[at]).sum();
                        for (at, &probability) in others.iter().enumerate() {
                            if is_written(at) {
                                sink.add_row(row, place(at), -probability);
                            } else if at == truth && wrong > 0.0 {
                                sink.add_row(row, place(at), wrong);
                            }
                        }
                    };
                let place = |tag| Place::class(tag, k);
                write(x.rows().row(t), &place, truth[t].index(), probabilities);
                if t > 0
                    && let Some(row) = self.pair_row(x, t)
                {
                    let pair = truth[t - 1].index() * k + truth[t].index();
                    let others = &pairs[t * k * k..][..k * k];
                    write(row, &|pair| self.pair_place(pair), pair, others);
                }
            }
            for (order, grams) in (1..).zip(grams) {
                for gram in truth.windows(order + 1) {
                    let at = gram.iter().fold(0, |index, tag| index * k + tag.index());
                    grams[at] -= 1.0;
                }
                let first = self.transitions_at(order);
                for (at, &count) in grams.iter().enumerate() {
                    if count.abs() > NEGLIGIBLE {
                        sink.add(first + at, -count);
                    }
                }
            }
            // Scores that overflow have no plane; training ends with a fault.
            if log_z.is_finite() { (*entropy - *error).max(0.0) } else { f64::NAN }
        });
        planes.may_miss(2.0 * *error);
    }
}
