//! [`Chain`]: dynamic programmes over the tags of a sequence.
//!
//! The *state* at token t is the last m tags up to t, m = max(order of transitions, 1), read as a
//! number in base k, the last tag last. The first tokens have fewer tags before them, and so fewer
//! states. Let a be the tag that leaves the state, b the tags that stay, and y the new tag.
//! Viterbi's recursion is
//!
//! ```text
//! V(t, (b, y)) = max over a of [ V(t−1, (a, b)) + inside(t, a, b, y) ] + outside(t, b, y)
//! ```
//!
//! `inside` is the transition of the highest order, read in place from the weights. `outside` is
//! everything that does not depend on a: emissions and transitions of lower orders. V is kept for
//! every token. Paths are traced back by computing the maxima again for the states on the path, so
//! the recursion stores no back pointers.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use crosscut::SparseRows;

use crate::constraint::Penalties;
use crate::marginals::Sums;
use crate::recombine::Recombination;

pub(crate) const NEVER: f64 = f64::NEG_INFINITY;

/// The weights of a chain, split by kind, and the tokens to score.
pub(crate) struct Chain<'w> {
    /// Number of tags.
    pub k: usize,
    /// The rows of x, one a token.
    pub rows: &'w SparseRows,
    /// k weights for each feature.
    pub emissions: &'w [f64],
    /// Rows of features for pairs of tags, one a token, and k² weights for each feature, indexed by
    /// the previous tag and the tag.
    pub pairs: Option<(&'w SparseRows, &'w [f64])>,
    /// k² weights of order 1, k³ of order 2, …
    pub transitions: Vec<&'w [f64]>,
    /// Penalties (0 or −∞) of the constraints.
    pub penalties: Option<&'w Penalties>,
    /// States kept for each token, 0 for all.
    pub beam: usize,
}

/// Tables of the dynamic programmes, for one thread.
#[derive(Debug, Default)]
pub struct Scratch {
    /// n × k: score of each tag at each token by itself.
    pub(crate) nodes: Vec<f64>,
    /// n × layers × states: V.
    best: Vec<f64>,
    pub(crate) token: Token,
    pub(crate) recombination: Recombination,
    pub(crate) sums: Sums,
}

/// Tables for one token, indexed by its state and the state before.
#[derive(Debug, Default)]
pub(crate) struct Token {
    /// k²: `inside`, if it is a sum of several terms.
    pub inside: Vec<f64>,
    /// One entry a state: `outside`.
    pub outside: Vec<f64>,
    /// One entry a state: the maxima, before `outside` is added.
    arriving: Vec<f64>,
}

impl Chain<'_> {
    pub(crate) fn tokens(&self) -> usize {
        self.rows.len()
    }

    /// m.
    pub(crate) fn memory(&self) -> usize {
        self.transitions.len().max(1)
    }

    /// Number of states at every token but the first ones.
    pub(crate) fn most_states(&self) -> usize {
        self.k.pow(self.memory() as u32)
    }

    /// Number of states at a token.
    pub(crate) fn states(&self, t: usize) -> usize {
        self.k.pow(self.memory().min(t + 1) as u32)
    }

    /// Computes the score of every tag at each token; `augment` may add to the k scores of a token.
    pub(crate) fn score_nodes(&self, nodes: &mut Vec<f64>, augment: impl Fn(usize, &mut [f64])) {
        nodes.clear();
        nodes.resize(self.tokens() * self.k, 0.0);
        for (t, scores) in nodes.chunks_exact_mut(self.k).enumerate() {
            self.rows.row(t).sweep(self.emissions, scores);
            if let Some(Penalties { start, end, .. }) = self.penalties {
                if t == 0 {
                    add(scores, start);
                }
                if t + 1 == self.tokens() {
                    add(scores, end);
                }
            }
            augment(t, scores);
        }
    }

    /// Computes `inside` and `outside` of token t.
    pub(crate) fn prepare(&self, t: usize, nodes: &[f64], token: &mut Token) {
        let (k, m) = (self.k, self.memory());
        let node = &nodes[t * k..][..k];
        if m == 1 {
            token.outside.clear();
            token.outside.extend_from_slice(node);
            if t > 0 && (self.pairs.is_some() || t == 1) {
                self.sum_inside(t, &mut token.inside);
            }
            return;
        }
        let pairs = if t > 0 { self.pair_sums(t, &mut token.inside) } else { false };
        token.outside.resize(self.states(t), 0.0);
        for (history, scores) in token.outside.chunks_exact_mut(k).enumerate() {
            scores.copy_from_slice(node);
            for (weights, order) in self.transitions.iter().zip(1..=t.min(m - 1)) {
                add(scores, &weights[history % k.pow(order as u32) * k..]);
            }
            if pairs {
                add(scores, &token.inside[history % k * k..]);
            }
        }
    }

    /// Computes `inside` for m = 1 if it is a sum, and not simply a slice of the weights.
    pub(crate) fn sum_inside(&self, t: usize, inside: &mut Vec<f64>) {
        let sums = self.pair_sums(t, inside);
        match self.transitions.first() {
            Some(weights) if sums => add(inside, weights),
            _ => {}
        }
    }

    /// Computes the k² scores of pairs of tags: emissions at pairs plus penalties. Returns `false`
    /// if there are neither.
    fn pair_sums(&self, t: usize, sums: &mut Vec<f64>) -> bool {
        sums.clear();
        if self.pairs.is_none() && self.penalties.is_none() {
            return false;
        }
        sums.resize(self.k * self.k, 0.0);
        if let Some((rows, weights)) = self.pairs {
            rows.row(t).sweep(weights, sums);
        }
        if let Some(penalties) = self.penalties {
            add(sums, &penalties.pairs);
        }
        true
    }

    /// The scores `inside`, k for each previous state; `None` if they are 0.
    fn table<'t>(&'t self, token: &'t Token) -> Option<&'t [f64]> {
        match self.transitions.last() {
            _ if self.memory() == 1 && !token.inside.is_empty() => Some(&token.inside),
            weights => weights.copied(),
        }
    }

    /// The k scores `inside` of the states that follow `state`; `None` if they are 0.
    fn inside<'t>(&'t self, token: &'t Token, state: usize) -> Option<&'t [f64]> {
        Some(&self.table(token)?[state * self.k..][..self.k])
    }

    /// The states before `state` at token t > 0, each with its score `inside`.
    pub(crate) fn before<'t>(
        &'t self,
        token: &'t Token,
        t: usize,
        state: usize,
    ) -> impl Iterator<Item = (usize, f64)> + 't {
        let (stay, y) = (state / self.k, state % self.k);
        let grows = t < self.memory();
        let each = self.most_states() / self.k;
        (0..if grows { 1 } else { self.k }).map(move |a| {
            if grows {
                return (stay, 0.0);
            }
            let before = a * each + stay;
            (before, self.inside(token, before).map_or(0.0, |scores| scores[y]))
        })
    }

    /// For each state at token t > 0: the maximum over the previous states, without `outside`.
    fn arrive(&self, t: usize, before: &[f64], token: &mut Token) {
        let k = self.k;
        let mut arriving = std::mem::take(&mut token.arriving);
        arriving.clear();
        if t < self.memory() {
            arriving.extend(before.iter().flat_map(|&score| std::iter::repeat_n(score, k)));
        } else if self.memory() == 1 && self.inside(token, 0).is_none() {
            arriving.resize(k, before.iter().copied().fold(NEVER, f64::max));
        } else if self.memory() == 1
            && let Some(table) = self.table(token)
        {
            arriving.resize(k, NEVER);
            raise_all(&mut arriving, before, table);
        } else {
            arriving.resize(before.len(), NEVER);
            for (a, from) in before.chunks_exact(before.len() / k).enumerate() {
                let first = a * from.len();
                for (stay, (&score, to)) in
                    from.iter().zip(arriving.chunks_exact_mut(k)).enumerate()
                {
                    if score > NEVER
                        && let Some(inside) = self.inside(token, first + stay)
                    {
                        raise(to, score, inside);
                    }
                }
            }
        }
        token.arriving = arriving;
    }

    /// Sets all states but the `beam` best to −∞; ties with the last of these are kept.
    fn prune(&self, beam: usize, states: &mut [f64], buffer: &mut Vec<f64>) {
        if beam == 0 || beam >= states.len() {
            return;
        }
        buffer.clear();
        buffer.extend_from_slice(states);
        let (_, least, _) = buffer.select_nth_unstable_by(beam - 1, |a, b| b.total_cmp(a));
        states.iter_mut().filter(|score| **score < *least).for_each(|score| *score = NEVER);
    }

    /// Viterbi's recursion; `augment` may add to the scores of the tags of a token.
    pub fn forward(&self, scratch: &mut Scratch, augment: impl Fn(usize, &mut [f64])) {
        self.score_nodes(&mut scratch.nodes, augment);
        self.recur(self.beam, scratch);
        if self.is_lost(&scratch.best) {
            self.recur(0, scratch);
        }
    }

    /// Whether the beam has kept only states from which no tag may follow.
    fn is_lost(&self, best: &[f64]) -> bool {
        let layers = best.len() / (self.tokens() * self.most_states()).max(1);
        let last = best.len() - layers * self.most_states().min(best.len());
        self.beam > 0 && best[last..].iter().all(|&score| score == NEVER)
    }

    fn recur(&self, beam: usize, scratch: &mut Scratch) {
        let Scratch { nodes, best, token, .. } = scratch;
        let most = self.most_states();
        best.clear();
        best.resize(self.tokens() * most, NEVER);
        token.inside.clear();
        for t in 0..self.tokens() {
            self.prepare(t, nodes, token);
            let (before, here) = best.split_at_mut(t * most);
            let here = &mut here[..self.states(t)];
            match t {
                0 => here.copy_from_slice(&token.outside),
                _ => {
                    self.arrive(t, &before[(t - 1) * most..][..self.states(t - 1)], token);
                    let sums = token.arriving.iter().zip(&token.outside);
                    here.iter_mut()
                        .zip(sums)
                        .for_each(|(here, (arriving, outside))| *here = arriving + outside);
                }
            }
            self.prune(beam, here, &mut token.arriving);
        }
    }

    /// The tags of the best path, after [`forward`](Self::forward); the first among equals.
    pub fn best(&self, scratch: &mut Scratch) -> Vec<usize> {
        let Scratch { nodes, best, token, .. } = scratch;
        let (n, most) = (self.tokens(), self.most_states());
        let mut tags = vec![0; n];
        let Some(last) = n.checked_sub(1) else { return tags };
        let mut state =
            first_largest(best[last * most..][..self.states(last)].iter().copied().enumerate());
        for t in (0..n).rev() {
            tags[t] = state % self.k;
            if t > 0 {
                self.prepare_inside(t, nodes, token);
                let scores = &best[(t - 1) * most..][..most];
                state = first_largest(
                    self.before(token, t, state)
                        .map(|(before, inside)| (before, scores[before] + inside)),
                );
            }
        }
        tags
    }

    /// The part of [`prepare`](Self::prepare) that tracing back needs.
    fn prepare_inside(&self, t: usize, nodes: &[f64], token: &mut Token) {
        if self.memory() == 1 && self.pairs.is_some() {
            self.prepare(t, nodes, token);
        }
    }

    /// The `count` best paths with their scores, best first, after [`forward`](Self::forward).
    ///
    /// A* search from the end: it extends the suffix whose best completion is best. V gives the
    /// score of that completion exactly, so hardly more suffixes are visited than those of the
    /// answers.
    pub fn n_best(&self, scratch: &mut Scratch, count: usize) -> Vec<(f64, Vec<usize>)> {
        let Scratch { nodes, best, token, .. } = scratch;
        let (n, most) = (self.tokens(), self.most_states());
        let mut paths = Vec::new();
        let Some(last) = n.checked_sub(1) else { return vec![(0.0, Vec::new()); count.min(1)] };
        // All suffixes created so far: the state, and the index of the suffix that it extends.
        let mut suffixes: Vec<(usize, usize)> = Vec::new();
        let mut open = BinaryHeap::new();
        for (state, &score) in best[last * most..][..self.states(last)].iter().enumerate() {
            if score > NEVER {
                suffixes.push((state, usize::MAX));
                open.push(Open { total: score, t: last, suffix: suffixes.len() - 1, score: 0.0 });
            }
        }
        while paths.len() < count
            && let Some(Open { total, t, suffix, score }) = open.pop()
        {
            let state = suffixes[suffix].0;
            if t == 0 {
                let mut tags = Vec::with_capacity(n);
                let mut at = suffix;
                while let Some(&(state, next)) = suffixes.get(at) {
                    tags.push(state % self.k);
                    at = next;
                }
                paths.push((total, tags));
                continue;
            }
            self.prepare(t, nodes, token);
            let score = score + token.outside[state];
            let scores = &best[(t - 1) * most..][..most];
            for (before, inside) in self.before(token, t, state) {
                let total = scores[before] + inside + score;
                if total > NEVER {
                    suffixes.push((before, suffix));
                    open.push(Open {
                        total,
                        t: t - 1,
                        suffix: suffixes.len() - 1,
                        score: score + inside,
                    });
                }
            }
        }
        paths
    }

    /// For each token, the best score of all paths minus the best score of the paths with another
    /// tag there, after [`forward`](Self::forward).
    pub fn max_marginals(&self, scratch: &mut Scratch) -> Vec<f64> {
        let Scratch { nodes, best, token, .. } = scratch;
        let (n, k, most) = (self.tokens(), self.k, self.most_states());
        let mut max_marginals = vec![0.0; n];
        // For each state, the best score of the tags after it.
        let mut after = vec![0.0; most];
        for t in (0..n).rev() {
            let here = &best[t * most..][..self.states(t)];
            let mut through = vec![NEVER; k];
            for (state, (score, after)) in here.iter().zip(&after).enumerate() {
                through[state % k] = f64::max(through[state % k], score + after);
            }
            let tag = first_largest(through.iter().copied().enumerate());
            let others = through.iter().enumerate().filter(|(other, _)| *other != tag);
            // If no tagging at all is allowed, none is better than another.
            let best = if through[tag] > NEVER { through[tag] } else { 0.0 };
            max_marginals[t] = best - others.map(|(_, &score)| score).fold(NEVER, f64::max);
            if t == 0 {
                break;
            }
            self.prepare(t, nodes, token);
            let mut before = vec![NEVER; most];
            for (state, (outside, after)) in token.outside.iter().zip(&after).enumerate() {
                for (from, inside) in self.before(token, t, state) {
                    before[from] = f64::max(before[from], inside + outside + after);
                }
            }
            after = before;
        }
        max_marginals
    }

    /// Viterbi's recursion with one table for each number of errors. The last table is for
    /// `most_errors` and more. `errors` returns the number of errors of a tag at a token.
    pub fn forward_counting(
        &self,
        scratch: &mut Scratch,
        most_errors: usize,
        errors: impl Fn(usize, usize) -> usize,
    ) {
        self.score_nodes(&mut scratch.nodes, |_, _| {});
        self.recur_counting(self.beam, scratch, most_errors, &errors);
        if self.is_lost(&scratch.best) {
            self.recur_counting(0, scratch, most_errors, &errors);
        }
    }

    fn recur_counting(
        &self,
        beam: usize,
        scratch: &mut Scratch,
        most_errors: usize,
        errors: impl Fn(usize, usize) -> usize,
    ) {
        let Scratch { nodes, best, token, .. } = scratch;
        let (most, layers) = (self.most_states(), most_errors + 1);
        best.clear();
        best.resize(self.tokens() * layers * most, NEVER);
        token.inside.clear();
        let mut buffer = Vec::new();
        for t in 0..self.tokens() {
            self.prepare(t, nodes, token);
            let costs: Vec<usize> = (0..self.k).map(|tag| errors(t, tag)).collect();
            let (before, here) = best.split_at_mut(t * layers * most);
            let states = self.states(t);
            for layer in 0..if t == 0 { 1 } else { layers } {
                if t == 0 {
                    token.arriving.clear();
                    token.arriving.resize(states, 0.0);
                } else {
                    let before = &before[((t - 1) * layers + layer) * most..][..self.states(t - 1)];
                    if before.iter().all(|&score| score == NEVER) {
                        continue;
                    }
                    self.arrive(t, before, token);
                }
                for (state, (arriving, outside)) in
                    token.arriving.iter().zip(&token.outside).enumerate()
                {
                    let to = (layer + costs[state % self.k]).min(most_errors) * most + state;
                    here[to] = f64::max(here[to], arriving + outside);
                }
            }
            for here in here.chunks_exact_mut(most).take(layers) {
                self.prune(beam, &mut here[..states], &mut buffer);
            }
        }
    }

    /// The tags of the path with the largest `value` of its number of errors and its score, after
    /// [`forward_counting`](Self::forward_counting) with the same arguments.
    pub fn best_counting(
        &self,
        scratch: &mut Scratch,
        most_errors: usize,
        value: impl Fn(usize, f64) -> f64,
        errors: impl Fn(usize, usize) -> usize,
    ) -> Vec<usize> {
        let Scratch { nodes, best, token, .. } = scratch;
        let (n, most, layers) = (self.tokens(), self.most_states(), most_errors + 1);
        let mut tags = vec![0; n];
        let Some(last) = n.checked_sub(1) else { return tags };
        let table = |t: usize, layer: usize| &best[(t * layers + layer) * most..][..most];
        let ends = (0..layers).flat_map(|layer| {
            let scores = table(last, layer)[..self.states(last)].iter().enumerate();
            let value = &value;
            scores
                .filter(|(_, score)| **score > NEVER)
                .map(move |(state, &score)| ((layer, state), value(layer, score)))
        });
        let (mut layer, mut state) = first_largest(ends);
        for t in (0..n).rev() {
            tags[t] = state % self.k;
            if t > 0 {
                self.prepare_inside(t, nodes, token);
                let cost = errors(t, tags[t]);
                let from = |before: usize| (before + cost).min(most_errors) == layer;
                let froms = (0..=layer).rev().filter(|&before| from(before)).flat_map(|layer| {
                    let scores = table(t - 1, layer);
                    self.before(token, t, state)
                        .map(move |(before, inside)| ((layer, before), scores[before] + inside))
                });
                (layer, state) = first_largest(froms);
            }
        }
        tags
    }
}

/// A suffix of a path, waiting to be extended.
struct Open {
    /// The score of the best path with this suffix.
    total: f64,
    /// The first token of the suffix.
    t: usize,
    /// Index in the list of suffixes.
    suffix: usize,
    /// The score of the suffix, without `outside` of its first state, which V includes.
    score: f64,
}

impl Ord for Open {
    /// The best first. Among equals the longer suffix first, then the one created first.
    fn cmp(&self, other: &Self) -> Ordering {
        self.total
            .total_cmp(&other.total)
            .then(other.t.cmp(&self.t))
            .then(other.suffix.cmp(&self.suffix))
    }
}

impl PartialOrd for Open {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Open {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Open {}

/// The key of the largest number, the first among equals; the default key if all numbers are −∞.
fn first_largest<K: Copy + Default>(numbers: impl Iterator<Item = (K, f64)>) -> K {
    let mut best = (K::default(), NEVER);
    for (key, number) in numbers {
        if number > best.1 {
            best = (key, number);
        }
    }
    best.0
}

/// sums += terms, up to the shorter length.
fn add(sums: &mut [f64], terms: &[f64]) {
    sums.iter_mut().zip(terms).for_each(|(sum, term)| *sum += term);
}

/// best = max(score + row of terms) over all scores, each with its row. Entries of `best` are
/// computed in groups that stay in registers.
fn raise_all(best: &mut [f64], scores: &[f64], terms: &[f64]) {
    let mut first = 0;
    while first < best.len() {
        first += match best.len() - first {
            8.. => raise_group::<8>(best, first, scores, terms),
            4.. => raise_group::<4>(best, first, scores, terms),
            2.. => raise_group::<2>(best, first, scores, terms),
            _ => raise_group::<1>(best, first, scores, terms),
        };
    }
}

/// [`raise_all`] for N entries of `best`; returns N.
#[inline]
fn raise_group<const N: usize>(
    best: &mut [f64],
    first: usize,
    scores: &[f64],
    terms: &[f64],
) -> usize {
    let mut group = [NEVER; N];
    for (score, row) in scores.iter().zip(terms.chunks_exact(best.len())) {
        for (best, term) in group.iter_mut().zip(&row[first..first + N]) {
            let sum = score + term;
            *best = if sum > *best { sum } else { *best };
        }
    }
    best[first..first + N].copy_from_slice(&group);
    N
}

/// best = max(best, score + terms).
#[inline]
fn raise(best: &mut [f64], score: f64, terms: &[f64]) {
    for (best, term) in best.iter_mut().zip(terms) {
        let sum = score + term;
        // No branch, so that the loop is vectorised.
        *best = if sum > *best { sum } else { *best };
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_best_of_any_number_of_tags_are_those_taken_one_by_one(
            scores in prop::collection::vec(prop_oneof![Just(NEVER), -2.0..2.0_f64], 30),
            terms in prop::collection::vec(prop_oneof![Just(NEVER), -2.0..2.0_f64], 900),
        ) {
            for k in 1..=30 {
                let (mut all, mut one_by_one) = (vec![f64::NAN; k], vec![NEVER; k]);
                raise_all(&mut all, &scores[..k], &terms);
                for (score, row) in scores[..k].iter().zip(terms.chunks_exact(k)) {
                    raise(&mut one_by_one, *score, row);
                }
                prop_assert_eq!(all, one_by_one);
            }
        }
    }
}
