//! Oracles that miss maxima and say by how much, and planes of a relaxation: what their
//! certificates are worth.
//!
//! The two problems have optima that were found by two general solvers with all outputs as
//! constraints.

use std::collections::BTreeSet;

use crosscut::{
    C, Example, FeatureMap, Planes, Settings, Sink, Solution, Solver, StopReason, Task, primal,
    solve, testing,
};

const SOLVERS: [Solver; 2] = [Solver::Block, Solver::OneSlack];

fn train<T: Task>(
    task: &T,
    examples: &[Example<T::Input, T::Output>],
    c: f64,
    solver: Solver,
) -> Solution {
    let settings = Settings::new().c(C::Mean(c)).solver(solver).relative_gap(1e-6).passes(2000);
    solve(task, examples, &settings).expect("sound settings")
}

/// How ȳ is searched for.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Search {
    /// Among all outputs.
    Whole,
    /// In part; nothing is said about it.
    Part,
    /// In part; an upper bound on what may be missed is said.
    Bounded,
    /// Among more outputs than there are.
    Relaxed,
}

// ── Graphs: two triangles with a common node, two labels a node ──────────────────────────────────

const NODES: usize = 5;
const EDGES: [[usize; 2]; 6] = [[0, 1], [1, 2], [0, 2], [2, 3], [3, 4], [2, 4]];
const GRAPHS: [([[f64; 2]; NODES], [u8; NODES]); 6] = [
    ([[0.57, 0.77], [-0.38, 2.73], [-0.32, 1.24], [3.67, 0.87], [-0.81, 0.91]], [0, 1, 1, 0, 1]),
    ([[-1.54, -1.47], [1.64, 1.12], [-0.71, -0.52], [1.24, -0.08], [3.45, 1.2]], [1, 0, 1, 0, 0]),
    ([[2.41, -3.25], [-1.46, 2.34], [3.05, -3.45], [0.4, 0.52], [-0.97, 3.75]], [0, 1, 0, 0, 1]),
    ([[-1.28, 3.39], [-2.34, 0.25], [0.69, 0.36], [0.92, -0.8], [-1.57, -0.01]], [1, 1, 0, 1, 0]),
    ([[-2.06, -0.54], [0.23, 0.85], [-3.65, 3.08], [2.91, -2.08], [-1.57, -0.08]], [0, 0, 1, 0, 1]),
    ([[-0.49, 0.48], [1.98, -1.12], [-0.29, 0.77], [3.94, 0.81], [-0.89, -0.67]], [1, 0, 0, 1, 1]),
];
const GRAPH_C: f64 = 20.0;
const GRAPH_OPTIMUM: f64 = 10.22032094;

/// Ψ: the features of a node in the block of its label, then the pairs of labels of edges. Δ: the
/// fraction of wrong nodes.
///
/// An output is the probability of label 1 for each node, and of both labels 1 for each edge: whole
/// numbers are labels, others are points of the local polytope, whose corners are multiples of ½.
struct Graph(Search);

type Labels = ([f64; NODES], [f64; EDGES.len()]);

fn whole(labels: [u8; NODES]) -> Labels {
    let labels = labels.map(f64::from);
    (labels, EDGES.map(|[a, b]| labels[a] * labels[b]))
}

/// All ways to give each of the nodes one of these values.
fn assignments(values: &[f64]) -> impl Iterator<Item = [f64; NODES]> + '_ {
    testing::sequences(values.len(), NODES).map(|at| std::array::from_fn(|node| values[at[node]]))
}

impl Graph {
    /// The best value of score + loss with these probabilities of nodes, and the probabilities of
    /// edges that have it.
    fn best_edges(&self, w: &[f64], nodes: [f64; NODES]) -> Labels {
        let edge = |[a, b]: [usize; 2]| {
            // Linear in the probability that both labels are 1, which lies between two bounds.
            let (least, most) = ((nodes[a] + nodes[b] - 1.0).max(0.0), nodes[a].min(nodes[b]));
            if w[4] - w[5] - w[6] + w[7] > 0.0 { most } else { least }
        };
        (nodes, EDGES.map(edge))
    }

    fn best(
        &self,
        value: impl Fn(&Labels) -> f64,
        outputs: impl Iterator<Item = Labels>,
    ) -> Labels {
        outputs.reduce(|a, b| if value(&b) > value(&a) { b } else { a }).expect("there are labels")
    }
}

impl Task for Graph {
    type Input = [[f64; 2]; NODES];
    type Output = Labels;
    type Scratch = ();

    fn dim(&self) -> usize {
        8
    }

    fn loss(&self, _: &Self::Input, y: &Labels, y_hat: &Labels) -> f64 {
        y.0.iter().zip(&y_hat.0).map(|(y, y_hat)| (y - y_hat).abs()).sum::<f64>() / NODES as f64
    }

    fn predict(&self, w: &[f64], x: &Self::Input, (): &mut ()) -> Labels {
        self.best(
            |y| self.score(w, x, y),
            assignments(&[0.0, 1.0]).map(|nodes| self.best_edges(w, nodes)),
        )
    }

    fn separate<'a>(
        &'a self,
        w: &[f64],
        x: &'a Self::Input,
        y: &'a Labels,
        (): &mut (),
        planes: &mut Planes<'a>,
    ) {
        let value = |y_bar: &Labels| self.loss(x, y, y_bar) + self.score(w, x, y_bar);
        let whole = || assignments(&[0.0, 1.0]).map(|nodes| self.best_edges(w, nodes));
        let relaxed = || {
            self.best(value, assignments(&[0.0, 0.5, 1.0]).map(|nodes| self.best_edges(w, nodes)))
        };
        let y_bar = match self.0 {
            Search::Whole => self.best(value, whole()),
            Search::Relaxed => relaxed(),
            // Only where the first node is right.
            Search::Part | Search::Bounded => {
                self.best(value, whole().filter(|y_bar| y_bar.0[0] == y.0[0]))
            }
        };
        planes.add(|sink| self.plane(x, y, &y_bar, sink));
        if self.0 == Search::Bounded {
            planes.may_miss(value(&relaxed()) - value(&y_bar));
        }
    }

    fn is_relaxed(&self) -> bool {
        self.0 == Search::Relaxed
    }
}

impl FeatureMap for Graph {
    fn psi<'a>(&'a self, x: &'a Self::Input, (nodes, edges): &Labels, sink: &mut dyn Sink<'a>) {
        for (features, one) in x.iter().zip(nodes) {
            for (at, value) in features.iter().enumerate() {
                sink.add(at, (1.0 - one) * value);
                sink.add(2 + at, one * value);
            }
        }
        for ([a, b], &both) in EDGES.iter().zip(edges) {
            let (first, second) = (nodes[*a] - both, nodes[*b] - both);
            let pairs = [1.0 - both - first - second, second, first, both];
            pairs.into_iter().enumerate().for_each(|(pair, p)| sink.add(4 + pair, p));
        }
    }
}

fn graphs() -> Vec<Example<[[f64; 2]; NODES], Labels>> {
    GRAPHS.iter().map(|&(nodes, labels)| Example::new(nodes, whole(labels))).collect()
}

// ── Diversity: three documents of a query that cover its subtopics (Yue and Joachims 2008) ───────

type Document = (&'static str, &'static [usize]);
const QUERIES: [(&[Document], [usize; 3]); 3] = [
    (
        &[
            ("bulls nba basketball championship", &[0]),
            ("bulls nba basketball dunk", &[0]),
            ("nba basketball shoes nike", &[0, 3]),
            ("bulls championship finals", &[0]),
            ("berkeley professor machine learning", &[1]),
            ("professor statistics learning lda", &[1]),
            ("actor creed movie", &[2]),
            ("nike shoes sneaker buy", &[3]),
        ],
        [2, 4, 6],
    ),
    (
        &[
            ("car luxury engine dealer", &[0]),
            ("car engine price dealer", &[0]),
            ("car luxury price", &[0]),
            ("cat animal rainforest predator", &[1]),
            ("animal predator zoo", &[1]),
            ("mac os apple release", &[2]),
            ("car cat animal", &[0, 1]),
        ],
        [0, 5, 6],
    ),
    (
        &[
            ("programming language code", &[0]),
            ("programming code download", &[0]),
            ("language code tutorial", &[0]),
            ("snake animal reptile", &[1]),
            ("snake reptile pet", &[1]),
            ("comedy movie film", &[2]),
        ],
        [0, 3, 5],
    ),
];
const DIVERSITY_C: f64 = 3.0;
const DIVERSITY_OPTIMUM: f64 = 0.590141196;

/// Ψ: the sum of φ(v) over the words of the chosen documents, φ = (1, is it in an 8th of the
/// documents?, a 4th?, a third?, half?, in what part of them). Δ: the weights of subtopics that no
/// chosen document has; the weight of one is in how many documents it is.
struct Diversity(Search);

impl Diversity {
    /// φ of each word.
    fn words(x: &[Document]) -> Vec<(&'static str, [f64; 6])> {
        let all: BTreeSet<&str> = x.iter().flat_map(|(words, _)| words.split(' ')).collect();
        let phi = |word: &'static str| {
            let has =
                x.iter().filter(|(words, _)| words.split(' ').any(|other| other == word)).count();
            let part = has as f64 / x.len() as f64;
            let at_least = |least: f64| f64::from(u8::from(part >= least));
            (
                word,
                [
                    1.0,
                    at_least(1.0 / 8.0),
                    at_least(0.25),
                    at_least(1.0 / 3.0),
                    at_least(0.5),
                    part,
                ],
            )
        };
        all.into_iter().map(phi).collect()
    }

    /// What subtopics that no document of `y` has weigh.
    fn missed(x: &[Document], y: &[usize]) -> f64 {
        let count = |subtopic: usize| {
            x.iter().filter(|(_, subtopics)| subtopics.contains(&subtopic)).count()
        };
        let all: BTreeSet<usize> =
            x.iter().flat_map(|(_, subtopics)| *subtopics).copied().collect();
        let lacks = |subtopic: &&usize| !y.iter().any(|&at| x[at].1.contains(subtopic));
        let lost: usize = all.iter().filter(lacks).map(|&subtopic| count(subtopic)).sum();
        lost as f64 / all.iter().map(|&subtopic| count(subtopic)).sum::<usize>() as f64
    }

    fn sets(x: &[Document]) -> impl Iterator<Item = Vec<usize>> {
        let n = x.len();
        (0..n)
            .flat_map(move |a| (a + 1..n).flat_map(move |b| (b + 1..n).map(move |c| vec![a, b, c])))
    }

    /// The documents that raise the value most, one after the other.
    fn greedy(x: &[Document], value: impl Fn(&[usize]) -> f64) -> Vec<usize> {
        let mut chosen = Vec::new();
        for _ in 0..3 {
            let with = |at: usize| [&chosen[..], &[at]].concat();
            let free = (0..x.len()).filter(|at| !chosen.contains(at));
            let best = free.reduce(|a, b| if value(&with(b)) > value(&with(a)) { b } else { a });
            chosen.extend(best);
        }
        chosen.sort_unstable();
        chosen
    }

    /// No three documents are worth more than all subtopics missed and, each by itself, the words
    /// that are worth something.
    fn upper_bound(&self, w: &[f64], x: &[Document], y: &[usize]) -> f64 {
        let words = Self::words(x);
        let worth = |word: &str| {
            let (_, phi) =
                words.iter().find(|(other, _)| *other == word).expect("all words are there");
            phi.iter().zip(w).map(|(phi, w)| phi * w).sum::<f64>().max(0.0)
        };
        let mut single: Vec<f64> =
            x.iter().map(|(words, _)| words.split(' ').map(worth).sum()).collect();
        single.sort_by(|a, b| b.total_cmp(a));
        1.0 - Self::missed(x, y) + single[..3].iter().sum::<f64>()
    }
}

impl Task for Diversity {
    type Input = &'static [Document];
    type Output = Vec<usize>;
    type Scratch = ();

    fn dim(&self) -> usize {
        6
    }

    fn loss(&self, x: &Self::Input, y: &Vec<usize>, y_hat: &Vec<usize>) -> f64 {
        Self::missed(x, y_hat) - Self::missed(x, y)
    }

    fn predict(&self, w: &[f64], x: &Self::Input, (): &mut ()) -> Vec<usize> {
        Self::greedy(x, |y| self.score(w, x, &y.to_vec()))
    }

    fn separate<'a>(
        &'a self,
        w: &[f64],
        x: &'a Self::Input,
        y: &'a Vec<usize>,
        (): &mut (),
        planes: &mut Planes<'a>,
    ) {
        let value = |y_bar: &[usize]| {
            Self::missed(x, y_bar) - Self::missed(x, y) + self.score(w, x, &y_bar.to_vec())
        };
        let y_bar = match self.0 {
            Search::Whole => {
                let best = |a: Vec<usize>, b: Vec<usize>| if value(&b) > value(&a) { b } else { a };
                Self::sets(x).reduce(best).expect("there are three")
            }
            _ => Self::greedy(x, value),
        };
        planes.add(|sink| self.plane(x, y, &y_bar, sink));
        if self.0 == Search::Bounded {
            planes.may_miss(self.upper_bound(w, x, y) - value(&y_bar));
        }
    }
}

impl FeatureMap for Diversity {
    fn psi<'a>(&'a self, x: &'a Self::Input, y: &Vec<usize>, sink: &mut dyn Sink<'a>) {
        for (word, phi) in Self::words(x) {
            if y.iter().any(|&at| x[at].0.split(' ').any(|other| other == word)) {
                phi.into_iter().enumerate().for_each(|(at, value)| sink.add(at, value));
            }
        }
    }
}

fn queries() -> Vec<Example<&'static [Document], Vec<usize>>> {
    QUERIES.iter().map(|&(documents, y)| Example::new(documents, y.to_vec())).collect()
}

// ── What is claimed ──────────────────────────────────────────────────────────────────────────────

#[test]
fn exact_oracles_meet_the_optima() {
    for solver in SOLVERS {
        let found = [
            (train(&Graph(Search::Whole), &graphs(), GRAPH_C, solver).certificate, GRAPH_OPTIMUM),
            (
                train(&Diversity(Search::Whole), &queries(), DIVERSITY_C, solver).certificate,
                DIVERSITY_OPTIMUM,
            ),
        ];
        for (certificate, optimum) in found {
            assert!(certificate.converged() && !certificate.relaxed, "{solver:?}: {certificate:?}");
            assert!(
                (certificate.primal - optimum).abs() <= 2e-6 * optimum,
                "{solver:?}: {certificate:?}"
            );
        }
    }
}

#[test]
fn bounds_on_what_is_missed_bracket_the_optima() {
    testing::check(&Graph(Search::Bounded), &graphs());
    for solver in SOLVERS {
        let found = [
            (train(&Graph(Search::Bounded), &graphs(), GRAPH_C, solver).certificate, GRAPH_OPTIMUM),
            (
                train(&Diversity(Search::Bounded), &queries(), DIVERSITY_C, solver).certificate,
                DIVERSITY_OPTIMUM,
            ),
        ];
        for (certificate, optimum) in found {
            let at = format!("{solver:?}, {optimum}: {certificate:?}");
            assert!(
                certificate.dual <= optimum * (1.0 + 1e-8)
                    && certificate.primal >= optimum * (1.0 - 1e-8),
                "{at}"
            );
            assert!(certificate.primal.is_finite() && certificate.oracle.is_clean(), "{at}");
            assert!(matches!(certificate.stop, StopReason::Oracle | StopReason::Precision), "{at}");
            assert!(certificate.shown < certificate.primal && !certificate.converged(), "{at}");
        }
    }
}

/// What the bound is for: without it, P(w) is reported too low by a quarter and more.
#[test]
fn without_a_bound_the_primal_value_is_too_low() {
    for solver in SOLVERS {
        let Solution { w, certificate, .. } =
            train(&Diversity(Search::Part), &queries(), DIVERSITY_C, solver);
        let settings = Settings::new().c(C::Mean(DIVERSITY_C));
        let truth = primal(&Diversity(Search::Whole), &queries(), &settings, &w).expect("sound");
        assert!(certificate.primal < DIVERSITY_OPTIMUM - 0.01, "{solver:?}: {certificate:?}");
        assert!(truth > DIVERSITY_OPTIMUM, "{truth}");
    }
}

/// The optimum of the relaxed problem is 10.4619 (specified with the fixture); its w certifies an
/// upper bound, and its D no lower one.
#[test]
fn a_relaxation_bounds_from_above_only() {
    for solver in SOLVERS {
        let Solution { w, certificate, .. } =
            train(&Graph(Search::Relaxed), &graphs(), GRAPH_C, solver);
        assert!(certificate.converged() && certificate.relaxed, "{certificate:?}");
        assert!((certificate.primal - 10.4619).abs() < 1e-4, "{certificate:?}");
        assert!(certificate.dual > GRAPH_OPTIMUM, "{certificate:?}");
        let settings = Settings::new().c(C::Mean(GRAPH_C));
        let truth = primal(&Graph(Search::Whole), &graphs(), &settings, &w).expect("sound");
        assert!(GRAPH_OPTIMUM <= truth && truth <= certificate.primal * (1.0 + 1e-9), "{truth}");
    }
}
