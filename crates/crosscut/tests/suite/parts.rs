//! Structures by parts: chains beside the chain of `worlds`, projective trees and matchings beside
//! all outputs, each with every solver.

use crate::worlds;

use std::collections::BTreeSet;
use std::ops::Range;

use crosscut::testing::{self, check, check_oracle, check_parts, check_prediction};
use crosscut::{
    Ask, C, Dense, Example, FaultKind, FeatureMap, LogLoss, Marginals, Oracles, Parts, PassError,
    Passes, Place, Rescaling, Row, Scaled, Settings, Sink, SlackNorm, Solution, Solver, SparseRows,
    SparseVector, Sum, Task, solve,
};
use worlds::chain;

const SOLVERS: [Solver; 2] = [Solver::Block, Solver::OneSlack];

fn train<T: Task>(
    task: &T,
    examples: &[Example<T::Input, T::Output>],
    settings: Settings,
) -> Solution {
    solve(task, examples, &settings).expect("sound settings")
}

/// A chain: a part for each position and tag, then one for each pair of neighbours and of tags.
pub struct Chain {
    pub tags: usize,
    pub features: usize,
}

impl Chain {
    fn pair(&self, x: &SparseRows, t: usize, first: usize, second: usize) -> usize {
        x.len() * self.tags + ((t - 1) * self.tags + first) * self.tags + second
    }
}

impl Parts for Chain {
    type Input = SparseRows;
    type Output = Vec<usize>;
    type Scratch = ();

    fn dim(&self) -> usize {
        (self.features + self.tags) * self.tags
    }

    fn count(&self, x: &SparseRows) -> usize {
        x.len() * self.tags + x.len().saturating_sub(1) * self.tags * self.tags
    }

    fn write<'a>(&'a self, x: &'a SparseRows, part: usize, scale: f64, sink: &mut dyn Sink<'a>) {
        match part.checked_sub(x.len() * self.tags) {
            None => {
                let place = Place::class(part % self.tags, self.tags);
                sink.add_row(x.row(part / self.tags), place, scale);
            }
            Some(pair) => {
                sink.add(self.features * self.tags + pair % (self.tags * self.tags), scale);
            }
        }
    }

    fn visit(&self, x: &SparseRows, y: &Vec<usize>, part: &mut dyn FnMut(usize)) {
        y.iter().enumerate().for_each(|(t, tag)| part(t * self.tags + tag));
        (1..y.len()).for_each(|t| part(self.pair(x, t, y[t - 1], y[t])));
    }

    fn cost(&self, x: &SparseRows, y: &Vec<usize>, part: usize) -> f64 {
        let is_wrong = part < x.len() * self.tags && y[part / self.tags] != part % self.tags;
        f64::from(u8::from(is_wrong))
    }

    fn best(&self, x: &SparseRows, scores: &[f64], (): &mut ()) -> Vec<usize> {
        let k = self.tags;
        let mut best: Vec<f64> = scores[..k.min(scores.len())].to_vec();
        let mut from = Vec::new();
        for t in 1..x.len() {
            let reach = |tag: usize| {
                let value = |first: usize| best[first] + scores[self.pair(x, t, first, tag)];
                let first =
                    (0..k).reduce(|a, b| if value(b) > value(a) { b } else { a }).unwrap_or(0);
                (value(first) + scores[t * k + tag], first)
            };
            let (next, first): (Vec<f64>, Vec<usize>) = (0..k).map(reach).unzip();
            (best, from) = (next, [from, first].concat());
        }
        let mut tags = vec![0; x.len()];
        let mut tag = (0..k).reduce(|a, b| if best[b] > best[a] { b } else { a }).unwrap_or(0);
        for t in (0..x.len()).rev() {
            tags[t] = tag;
            tag = if t > 0 { from[(t - 1) * k + tag] } else { 0 };
        }
        tags
    }

    fn part_at(&self, _: &SparseRows, name: u32, place: Place) -> Option<usize> {
        Some(name as usize * self.tags + place.class_of(self.tags)?)
    }

    fn recombines(&self) -> bool {
        true
    }

    fn free(&self, x: &SparseRows) -> Range<usize> {
        x.len() * self.tags..self.count(x)
    }

    fn row<'a>(&'a self, x: &'a SparseRows, name: u32) -> Option<Row<'a>> {
        x.get(name)
    }
}

impl Marginals for Chain {
    fn marginals(&self, x: &SparseRows, scores: &[f64], (): &mut (), marginals: &mut [f64]) -> f64 {
        let (n, k) = (x.len(), self.tags);
        let before = self.log_sums(x, scores);
        let Some(last) = n.checked_sub(1) else { return 0.0 };
        let log_z = log_sum(&before[last * k..]);
        // After the tags of token t: the log-sum of all that may follow.
        let mut after = vec![0.0; k];
        for t in (0..n).rev() {
            for tag in 0..k {
                marginals[t * k + tag] = (before[t * k + tag] + after[tag] - log_z).exp();
            }
            if t == 0 {
                break;
            }
            let through: Vec<f64> = (0..k).map(|tag| scores[t * k + tag] + after[tag]).collect();
            after = (0..k)
                .map(|first| {
                    let on = |tag: usize| scores[self.pair(x, t, first, tag)] + through[tag];
                    (0..k).for_each(|tag| {
                        marginals[self.pair(x, t, first, tag)] =
                            (before[(t - 1) * k + first] + on(tag) - log_z).exp();
                    });
                    log_sum(&(0..k).map(on).collect::<Vec<_>>())
                })
                .collect();
        }
        log_z
    }

    fn sample(
        &self,
        x: &SparseRows,
        scores: &[f64],
        (): &mut (),
        uniform: &mut dyn FnMut() -> f64,
    ) -> Vec<usize> {
        let k = self.tags;
        let before = self.log_sums(x, scores);
        let mut tags = vec![0; x.len()];
        for t in (0..x.len()).rev() {
            let weight = |tag: usize| {
                let next =
                    tags.get(t + 1).map_or(0.0, |&next| scores[self.pair(x, t + 1, tag, next)]);
                before[t * k + tag] + next
            };
            let weights: Vec<f64> = (0..k).map(weight).collect();
            let (log_z, mut left) = (log_sum(&weights), uniform());
            tags[t] = weights
                .iter()
                .position(|weight| {
                    left -= (weight - log_z).exp();
                    left < 0.0
                })
                .unwrap_or(k - 1);
        }
        tags
    }
}

impl Chain {
    /// For each token and tag, ln Σ exp(score) of the tags up to there.
    fn log_sums(&self, x: &SparseRows, scores: &[f64]) -> Vec<f64> {
        let k = self.tags;
        let mut sums = scores[..k.min(scores.len())].to_vec();
        for t in 1..x.len() {
            let reach = |tag: usize| {
                let paths =
                    |first: usize| sums[(t - 1) * k + first] + scores[self.pair(x, t, first, tag)];
                log_sum(&(0..k).map(paths).collect::<Vec<_>>()) + scores[t * k + tag]
            };
            let next: Vec<f64> = (0..k).map(reach).collect();
            sums.extend(next);
        }
        sums
    }
}

fn log_sum(terms: &[f64]) -> f64 {
    let top = terms.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    top + terms.iter().map(|term| (term - top).exp()).sum::<f64>().ln()
}

#[test]
fn a_chain_has_probabilities() {
    let task = LogLoss(Chain { tags: 3, features: 4 });
    let examples = chain::examples(40, 3, 4);
    check(&task, &examples[..8]);
    for example in &examples[..6] {
        let outputs: Vec<_> = testing::sequences(3, example.x.len()).collect();
        testing::check_marginals(&task, example, &outputs);
    }
    let c = C::Sum(0.5);
    // The gradient of P at the weights found, by sums over all outputs, is as small as the gap says:
    // P − P* is at least ½ ‖∇P‖² / (1 + C · the largest curvature) and at most ½ ‖∇P‖².
    let certificates = SOLVERS.map(|solver| {
        let settings = Settings::new().solver(solver).c(c).relative_gap(1e-8);
        let solution = train(&task, &examples, settings);
        let mut gradient = solution.w.clone();
        let mut primal = 0.5 * solution.w.iter().map(|weight| weight * weight).sum::<f64>();
        for Example { x, y, .. } in &examples {
            let outputs: Vec<_> = testing::sequences(3, x.len()).collect();
            let scores: Vec<f64> = outputs.iter().map(|y| task.score(&solution.w, x, y)).collect();
            let log_z = log_sum(&scores);
            primal += 0.5 * (log_z - task.score(&solution.w, x, y));
            let mut sink = Dense(&mut gradient);
            task.psi(x, y, &mut Scaled::new(&mut sink, -0.5));
            for (output, score) in outputs.iter().zip(scores) {
                task.psi(x, output, &mut Scaled::new(&mut sink, 0.5 * (score - log_z).exp()));
            }
        }
        let certificate = solution.certificate;
        let close = (certificate.primal - primal).abs() <= 1e-9 * primal;
        assert!(certificate.converged() && close, "{primal} {certificate:?}");
        let bound = 0.5 * gradient.iter().map(|slope| slope * slope).sum::<f64>();
        assert!(certificate.dual >= primal - 2e-8 * primal && bound <= 1e-4 * primal, "{bound}");
        certificate
    });
    let [a, b] = certificates;
    assert!(a.dual <= b.primal && b.dual <= a.primal, "{a:?} {b:?}");
}

#[test]
fn a_chain_by_parts_is_the_chain() {
    let (parts, world) = (
        Sum(Chain { tags: 3, features: 4 }),
        chain::Chain { tags: 3, features: 4, rescaling: Rescaling::Margin },
    );
    let examples = chain::examples(60, 3, 4);
    check(&parts, &examples[..12]);
    for example in &examples[..12] {
        let outputs: Vec<_> = testing::sequences(3, example.x.len()).collect();
        check_parts(&parts.0, example, &outputs);
        for seed in 0..4 {
            let w = testing::random_weights(parts.dim(), 2.0, seed);
            check_oracle(&parts, &w, example, outputs.iter().cloned(), Rescaling::Margin);
            check_prediction(&parts, &w, &example.x, outputs.iter().cloned());
        }
    }
    for solver in SOLVERS {
        let settings = Settings::new().solver(solver).relative_gap(1e-6);
        let (a, b) = (train(&parts, &examples, settings), train(&world, &examples, settings));
        let (a, b) = (a.certificate, b.certificate);
        assert!(a.converged() && a.dual <= b.primal && b.dual <= a.primal, "{a:?} {b:?}");
    }
}

/// Projective dependency trees: token 0 is the root, parts are arcs from a head to a modifier, at
/// head · n + modifier; Eisner's algorithm (1996).
struct Trees {
    features: usize,
}

impl Parts for Trees {
    type Input = SparseRows; // a row of features for each token
    type Output = Vec<usize>; // the head of each token
    type Scratch = Vec<f64>;

    fn dim(&self) -> usize {
        2 * self.features + 12
    }

    fn count(&self, x: &SparseRows) -> usize {
        x.len() * x.len()
    }

    fn write<'a>(&'a self, x: &'a SparseRows, arc: usize, scale: f64, sink: &mut dyn Sink<'a>) {
        let (head, modifier) = (arc / x.len(), arc % x.len());
        sink.add_row(x.row(head), Place::block(0), scale);
        sink.add_row(x.row(modifier), Place::block(self.features), scale);
        let distance = head.abs_diff(modifier).min(6) - usize::from(head != modifier);
        sink.add(2 * self.features + 2 * distance + usize::from(head < modifier), scale);
    }

    fn visit(&self, x: &SparseRows, y: &Vec<usize>, arc: &mut dyn FnMut(usize)) {
        (1..y.len()).for_each(|modifier| arc(y[modifier] * x.len() + modifier));
    }

    fn cost(&self, x: &SparseRows, y: &Vec<usize>, arc: usize) -> f64 {
        f64::from(u8::from(y[arc % x.len()] != arc / x.len()))
    }

    fn best(&self, x: &SparseRows, scores: &[f64], table: &mut Vec<f64>) -> Vec<usize> {
        // Spans from s to t: complete to the left and right, then those whose ends are an arc.
        let n = x.len();
        let at = |kind: usize, s: usize, t: usize| (kind * n + s) * n + t;
        table.clear();
        table.resize(4 * n * n, 0.0);
        let mut from = vec![0; 4 * n * n];
        for width in 1..n {
            for s in 0..n - width {
                let t = s + width;
                let best = |splits: Range<usize>, a: usize, b: usize, gap: usize| {
                    let value = |r: usize| table[at(a, s, r)] + table[at(b, r + gap, t)];
                    let split = splits.reduce(|r, q| if value(q) > value(r) { q } else { r });
                    let split = split.expect("a span has two tokens");
                    (value(split), split)
                };
                let (joined, split) = best(s..t, 1, 0, 1);
                let left = if s == 0 { f64::NEG_INFINITY } else { scores[t * n + s] };
                table[at(2, s, t)] = joined + left;
                table[at(3, s, t)] = joined + scores[s * n + t];
                (from[at(2, s, t)], from[at(3, s, t)]) = (split, split);
                for (kind, splits, a, b) in [(0, s..t, 0, 2), (1, s + 1..t + 1, 3, 1)] {
                    let value = |r: usize| table[at(a, s, r)] + table[at(b, r, t)];
                    let split = splits.reduce(|r, q| if value(q) > value(r) { q } else { r });
                    let split = split.expect("a span has two tokens");
                    (from[at(kind, s, t)], table[at(kind, s, t)]) = (split, value(split));
                }
            }
        }
        let (mut heads, mut open) = (vec![0; n], vec![(1, 0, n - 1)]);
        while let Some((kind, s, t)) = open.pop() {
            let r = from[at(kind, s, t)];
            match kind {
                _ if s == t => {}
                0 => open.extend([(0, s, r), (2, r, t)]),
                1 => open.extend([(3, s, r), (1, r, t)]),
                kind => {
                    open.extend([(1, s, r), (0, r + 1, t)]);
                    let (head, modifier) = if kind == 2 { (t, s) } else { (s, t) };
                    heads[modifier] = head;
                }
            }
        }
        heads
    }

    fn row<'a>(&'a self, x: &'a SparseRows, name: u32) -> Option<Row<'a>> {
        x.get(name)
    }
}

/// All projective trees of n tokens.
fn trees(n: usize) -> Vec<Vec<usize>> {
    let above = |heads: &[usize], mut at: usize| {
        let mut path = vec![at];
        while at != 0 && path.len() <= n {
            at = heads[at];
            path.push(at);
        }
        path
    };
    let is_tree = |heads: &Vec<usize>| (1..n).all(|m| above(heads, m).contains(&0));
    let is_projective = |heads: &Vec<usize>| {
        let inside = |m: usize| m.min(heads[m]) + 1..m.max(heads[m]);
        (1..n).all(|m| inside(m).all(|k| above(heads, k).contains(&heads[m])))
    };
    let rooted = testing::sequences(n, n).filter(|heads| heads[0] == 0);
    let distinct: BTreeSet<Vec<usize>> = rooted
        .filter(is_tree)
        .filter(is_projective)
        .filter(|y| (1..n).all(|m| y[m] != m))
        .collect();
    distinct.into_iter().collect()
}

#[test]
fn projective_trees_are_the_best_of_all() {
    // The number of projective trees with a root: C(3n, n) / (2n + 1) for n tokens below it.
    assert_eq!([2, 3, 4, 5].map(|n| trees(n).len()), [1, 3, 12, 55]);
    let task = Sum(Trees { features: 5 });
    let mut noise = testing::random_weights(20_000, 1.0, 3).into_iter();
    let teacher = testing::random_weights(task.dim(), 1.0, 99);
    let mut make = |n: usize| {
        let mut row = || {
            let row: Vec<f32> = (0..5).map(|_| noise.next().unwrap() as f32).collect();
            SparseVector::from_dense(&row).unwrap()
        };
        let x: SparseRows = (0..n).map(|_| row()).collect();
        let y = task.predict(&teacher, &x, &mut Default::default());
        Example::new(x, y)
    };
    let small: Vec<_> = (0..6).map(|i| make(3 + i % 3)).collect();
    check(&task, &small);
    for (seed, example) in (0..).zip(&small) {
        let outputs = trees(example.x.len());
        check_parts(&task.0, example, &outputs);
        let w = testing::random_weights(task.dim(), 2.0, seed);
        check_oracle(&task, &w, example, outputs.iter().cloned(), Rescaling::Margin);
        check_prediction(&task, &w, &example.x, outputs);
    }
    let examples: Vec<_> = (0..40).map(|i| make(4 + i % 12)).collect();
    let found = SOLVERS
        .map(|solver| train(&task, &examples, Settings::new().solver(solver).relative_gap(1e-4)));
    let [a, b] = found.map(|solution| solution.certificate);
    assert!(a.converged() && a.dual <= b.primal && b.dual <= a.primal, "{a:?} {b:?}");
}

/// A chain whose search is greedy, and says by how much it may be off.
struct Greedy(Chain);

impl Parts for Greedy {
    type Input = SparseRows;
    type Output = Vec<usize>;
    type Scratch = ();

    fn dim(&self) -> usize {
        self.0.dim()
    }

    fn count(&self, x: &SparseRows) -> usize {
        self.0.count(x)
    }

    fn write<'a>(&'a self, x: &'a SparseRows, part: usize, scale: f64, sink: &mut dyn Sink<'a>) {
        self.0.write(x, part, scale, sink);
    }

    fn visit(&self, x: &SparseRows, y: &Vec<usize>, part: &mut dyn FnMut(usize)) {
        self.0.visit(x, y, part);
    }

    fn cost(&self, x: &SparseRows, y: &Vec<usize>, part: usize) -> f64 {
        self.0.cost(x, y, part)
    }

    fn best(&self, x: &SparseRows, scores: &[f64], (): &mut ()) -> Vec<usize> {
        let k = self.0.tags;
        let mut tags: Vec<usize> = Vec::new();
        for t in 0..x.len() {
            let value = |tag: usize| {
                let pair = tags.last().map_or(0.0, |&last| scores[self.0.pair(x, t, last, tag)]);
                scores[t * k + tag] + pair
            };
            tags.extend((0..k).reduce(|a, b| if value(b) > value(a) { b } else { a }));
        }
        tags
    }

    /// No sequence has more than the best part of each position and of each pair of neighbours.
    fn missed(&self, x: &SparseRows, scores: &[f64], y: &Vec<usize>, (): &mut ()) -> f64 {
        let (nodes, pairs) = scores.split_at(x.len() * self.0.tags);
        let most = |scores: &[f64], each: usize| -> f64 {
            scores.chunks(each).map(|part| part.iter().copied().fold(f64::MIN, f64::max)).sum()
        };
        let bound = most(nodes, self.0.tags) + most(pairs, self.0.tags * self.0.tags);
        let mut sum = 0.0;
        self.0.visit(x, y, &mut |part| sum += scores[part]);
        if bound.is_finite() { bound - sum } else { f64::INFINITY }
    }
}

#[test]
fn a_greedy_search_with_a_bound_brackets_the_optimum() {
    let examples = chain::examples(40, 3, 4);
    let settings = Settings::new().c(C::Sum(0.1)).relative_gap(1e-6);
    let exact = train(&Sum(Chain { tags: 3, features: 4 }), &examples, settings).certificate;
    let greedy = Sum(Greedy(Chain { tags: 3, features: 4 }));
    for solver in SOLVERS {
        let found = train(&greedy, &examples, settings.solver(solver).passes(200));
        let found = found.certificate;
        assert!(found.dual <= exact.primal && exact.dual <= found.primal, "{found:?} {exact:?}");
        assert!(found.primal.is_finite() && found.shown <= found.primal, "{found:?}");
    }
    for example in &examples[..8] {
        let outputs: Vec<_> = testing::sequences(3, example.x.len()).collect();
        check_parts(&greedy.0, example, &outputs);
    }
}

/// A chain whose costs are not what they should be.
struct Costs(Chain, f64);

impl Parts for Costs {
    type Input = SparseRows;
    type Output = Vec<usize>;
    type Scratch = ();

    fn dim(&self) -> usize {
        self.0.dim()
    }

    fn count(&self, x: &SparseRows) -> usize {
        self.0.count(x)
    }

    fn write<'a>(&'a self, x: &'a SparseRows, part: usize, scale: f64, sink: &mut dyn Sink<'a>) {
        self.0.write(x, part, scale, sink);
    }

    fn visit(&self, x: &SparseRows, y: &Vec<usize>, part: &mut dyn FnMut(usize)) {
        self.0.visit(x, y, part);
    }

    fn cost(&self, x: &SparseRows, y: &Vec<usize>, part: usize) -> f64 {
        self.1 * self.0.cost(x, y, part)
    }

    fn best(&self, x: &SparseRows, scores: &[f64], scratch: &mut ()) -> Vec<usize> {
        self.0.best(x, scores, scratch)
    }
}

#[test]
fn costs_that_are_no_numbers_end_training_with_a_fault() {
    let examples = chain::examples(20, 3, 4);
    let task = Sum(Costs(Chain { tags: 3, features: 4 }, f64::NAN));
    let kind = FaultKind::LossNotFinite;
    for solver in SOLVERS {
        let certificate = train(&task, &examples, Settings::new().solver(solver)).certificate;
        let fault = certificate.oracle.fault.map(|fault| fault.kind);
        assert_eq!(fault, Some(kind), "{certificate:?}");
    }
    // One of several machines names examples by their positions among all.
    let ask = Ask { w: &vec![0.0; task.dim()], each: 1.0, norm: SlackNorm::Linear };
    let failed = |first: usize| {
        let oracles = Oracles::new(&task, &examples, 1).unwrap();
        match oracles.starting_at(first).sum(ask, &mut |_| {}).unwrap_err() {
            PassError::Oracle(fault) => fault.example,
            PassError::Source(never) => match never {},
        }
    };
    assert_eq!(failed(40), 40 + failed(0));
}
