//! What a task may do beyond the required four methods, and what `Passes` may be made of: none of
//! it changes a result.

use crate::worlds;

use std::convert::Infallible;
use std::ops::ControlFlow;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use ciborium::{from_reader, into_writer};
use crosscut::{
    Ask, Estimate, Example, FaultKind, Feature, FeatureMap, Flow, Oracles, PassError, Passes,
    Place, PlaneSum, Planes, Progress, Row, Settings, Sink, Solution, Solver, SparseVector, Spent,
    State, StopReason, StreamTrainer, Task, Trainer, UnderWay, Weights, solve, solve_observed,
    testing,
};
use worlds::spans;

const SOLVERS: [Solver; 2] = [Solver::Block, Solver::OneSlack];

fn go_on(_: &Progress) -> Flow {
    ControlFlow::Continue(())
}

// ── Rows that are built when they are asked for ──────────────────────────────────────────────────

const FEATURES: usize = 20;

/// Each item of x chooses another one (its head): the row of a pair is the product of both items'
/// features.
struct Pairs {
    features: usize,
}

/// Items, and the rows of their pairs, which are n² and built when they are first asked for.
struct Items {
    items: Vec<Vec<f32>>,
    rows: Vec<OnceLock<SparseVector>>,
}

impl Items {
    fn new(items: Vec<Vec<f32>>) -> Self {
        let rows = (0..items.len() * items.len()).map(|_| OnceLock::new()).collect();
        Self { items, rows }
    }

    fn row(&self, name: u32) -> Option<Row<'_>> {
        let n = self.items.len();
        let row = self.rows.get(name as usize)?.get_or_init(|| {
            let (a, b) = (&self.items[name as usize / n], &self.items[name as usize % n]);
            let products = a.iter().flat_map(|a| b.iter().map(move |b| a * b));
            let features = products.enumerate().filter(|(_, value)| *value != 0.0);
            let features = features.map(|(index, value)| Feature { index: index as u32, value });
            SparseVector::new(features.collect()).expect("finite")
        });
        Some(row.row().named(name))
    }

    fn built(&self) -> usize {
        self.rows.iter().filter(|row| row.get().is_some()).count()
    }
}

impl Pairs {
    /// The best head of each item: scores are computed without building rows.
    fn best(&self, w: &[f64], x: &Items, gain: impl Fn(usize, usize) -> f64) -> Vec<usize> {
        let score = |a: &[f32], b: &[f32]| -> f64 {
            let product =
                |(i, j): (usize, usize)| f64::from(a[i] * b[j]) * w[i * self.features + j];
            (0..self.features)
                .flat_map(|i| (0..self.features).map(move |j| (i, j)))
                .map(product)
                .sum()
        };
        let n = x.items.len();
        let value =
            |item: usize, head: usize| score(&x.items[head], &x.items[item]) + gain(item, head);
        let head = |item| (0..n).reduce(|a, b| if value(item, b) > value(item, a) { b } else { a });
        (0..n).map(|item| head(item).expect("there is an item")).collect()
    }
}

impl Task for Pairs {
    type Input = Items;
    type Output = Vec<usize>;
    type Scratch = ();

    fn dim(&self) -> usize {
        self.features * self.features
    }

    fn loss(&self, _: &Items, y: &Vec<usize>, y_hat: &Vec<usize>) -> f64 {
        y.iter().zip(y_hat).filter(|(y, y_hat)| y != y_hat).count() as f64
    }

    fn predict(&self, w: &[f64], x: &Items, (): &mut ()) -> Vec<usize> {
        self.best(w, x, |_, _| 0.0)
    }

    fn separate<'a>(
        &'a self,
        w: &[f64],
        x: &'a Items,
        y: &'a Vec<usize>,
        (): &mut (),
        planes: &mut Planes<'a>,
    ) {
        let y_bar = self.best(w, x, |item, head| f64::from(u8::from(y[item] != head)));
        planes.add(|sink| {
            for (item, (&truth, &other)) in
                y.iter().zip(&y_bar).enumerate().filter(|(_, (a, b))| a != b)
            {
                for (head, sign) in [(truth, 1.0), (other, -1.0)] {
                    let row =
                        x.row((head * y.len() + item) as u32).expect("there are so many pairs");
                    sink.add_row(row, Place::block(0), sign);
                }
            }
            self.loss(x, y, &y_bar)
        });
    }

    fn row<'a>(&'a self, x: &'a Items, name: u32) -> Option<Row<'a>> {
        x.row(name)
    }
}

fn pairs(n: usize) -> Vec<Example<Items, Vec<usize>>> {
    let (task, noise) = (Pairs { features: FEATURES }, testing::random_weights(n * 12 * 3, 1.0, 5));
    let teacher = testing::random_weights(task.dim(), 1.0, 6);
    let example = |i: usize| {
        // Three of the features each.
        let item = |at: usize| {
            let mut item = vec![0.0; FEATURES];
            let values = &noise[(12 * i + at) * 3..][..3];
            values
                .iter()
                .enumerate()
                .for_each(|(k, &value)| item[(at + 7 * k + i) % FEATURES] = value as f32);
            item
        };
        let x = Items::new((0..12).map(item).collect());
        let y = task.best(&teacher, &x, |item, head| f64::from(u8::from(head == item * i % 12)));
        Example::new(x, y)
    };
    (0..n).map(example).collect()
}

#[test]
fn few_rows_are_built_and_training_goes_on_with_others() {
    let task = Pairs { features: FEATURES };
    testing::check(&task, &pairs(4));
    for solver in SOLVERS {
        let settings = Settings::new().solver(solver).relative_gap(1e-4).threads(2);
        let examples = pairs(30);
        let mut states = Vec::new();
        let whole = Trainer::new(&task, &examples, &settings).unwrap().solve_keeping(
            &mut go_on,
            &mut |state| {
                let mut bytes = Vec::new();
                into_writer(state, &mut bytes).unwrap();
                states.push(bytes);
            },
        );
        assert!(whole.certificate.converged());
        let built: usize = examples.iter().map(|example| example.x.built()).sum();
        assert!(built > 0 && 2 * built < 30 * 144, "{built} of {}", 30 * 144);

        // Examples of which no row has been built yet: those of planes are asked for by their
        // names.
        let fresh = pairs(30);
        let mut trainer = Trainer::new(&task, &fresh, &settings).unwrap();
        let state: State<'_> = from_reader(&*states[states.len() / 2]).unwrap();
        trainer.restore(state).unwrap();
        let restored: usize = fresh.iter().map(|example| example.x.built()).sum();
        assert_eq!(restored > 0, solver == Solver::Block);
        let resumed = trainer.solve(&mut go_on);
        assert_eq!((resumed.w, resumed.certificate), (whole.w, whole.certificate));
    }
}

// ── Chunks ───────────────────────────────────────────────────────────────────────────────────────

/// Spans whose oracle takes so many examples a call, and counts calls and examples.
struct Chunked {
    chunk: usize,
    calls: AtomicUsize,
    examples: AtomicUsize,
}

impl Task for Chunked {
    type Input = crosscut::SparseRows;
    type Output = std::ops::Range<usize>;
    type Scratch = ();

    fn dim(&self) -> usize {
        spans::TASK.dim()
    }

    fn loss(&self, x: &Self::Input, y: &Self::Output, y_hat: &Self::Output) -> f64 {
        spans::TASK.loss(x, y, y_hat)
    }

    fn predict(&self, w: &[f64], x: &Self::Input, (): &mut ()) -> Self::Output {
        spans::TASK.predict(w, x, &mut ())
    }

    fn separate<'a>(
        &'a self,
        _: &[f64],
        _: &'a Self::Input,
        _: &'a Self::Output,
        (): &mut (),
        _: &mut Planes<'a>,
    ) {
        panic!("examples come in chunks");
    }

    fn separate_chunk<'a>(
        &'a self,
        w: &[f64],
        examples: &[&'a Example<Self::Input, Self::Output>],
        (): &mut (),
        planes: &mut [Planes<'a>],
    ) {
        assert!(
            examples.len() == planes.len() && (1..=self.chunk.max(1)).contains(&examples.len())
        );
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.examples.fetch_add(examples.len(), Ordering::Relaxed);
        for (Example { x, y, .. }, planes) in examples.iter().zip(planes) {
            assert!(planes.is_empty());
            spans::TASK.separate(w, x, y, &mut (), planes);
        }
    }

    fn chunk(&self) -> usize {
        self.chunk
    }
}

#[test]
fn chunks_of_any_size_on_any_threads_give_the_same_bits() {
    let examples = spans::examples(200);
    for solver in SOLVERS {
        let settings = Settings::new().solver(solver).relative_gap(1e-5);
        let plain = solve(&spans::TASK, &examples, &settings).unwrap();
        for (chunk, threads) in [(0, 1), (1, 3), (7, 1), (7, 2), (1000, 1), (1000, 3)] {
            let task = Chunked { chunk, calls: AtomicUsize::new(0), examples: AtomicUsize::new(0) };
            let settings = settings.threads(threads);
            let Solution { w, certificate, .. } = solve(&task, &examples, &settings).unwrap();
            assert_eq!(
                (w, certificate),
                (plain.w.clone(), plain.certificate),
                "{solver:?}, {chunk}, {threads}"
            );
            let (calls, seen) = (task.calls.into_inner(), task.examples.into_inner());
            assert_eq!(seen as u64, certificate.oracle_calls);
            // 1-slack sums examples in 64 lanes, each by itself.
            let fewer = chunk <= 1
                || if solver == Solver::Block { 4 * calls < seen } else { 2 * calls < 3 * seen };
            assert!(
                calls * chunk.max(1) >= seen && fewer,
                "{solver:?}, {chunk}, {threads}: {calls} calls for {seen}"
            );
        }
    }
}

// ── What the observer sees ───────────────────────────────────────────────────────────────────────

#[test]
fn there_is_an_estimate_of_the_bounds_until_there_is_a_certificate() {
    let examples = spans::examples(200);
    for solver in SOLVERS {
        let settings = Settings::new().solver(solver).relative_gap(1e-4);
        let mut seen = Vec::new();
        let mut watch = |progress: &Progress| {
            seen.push(*progress);
            ControlFlow::Continue(())
        };
        solve_observed(&spans::TASK, &examples, &settings, &mut watch).unwrap();
        let mut estimates = 0;
        for progress in &seen {
            assert_eq!(progress.estimate.is_some(), !progress.shown.is_finite(), "{progress:?}");
            if let Some(Estimate { primal, dual }) = progress.estimate {
                assert!(dual <= primal && primal.is_finite() && dual >= 0.0, "{progress:?}");
                estimates += 1;
            }
        }
        // Each pass of the 1-slack method certifies.
        assert_eq!(estimates > 0, solver == Solver::Block, "{solver:?}");
    }
}

// ── Several machines ─────────────────────────────────────────────────────────────────────────────

/// Examples on several machines; each sends its sum.
struct Machines<'a>(Vec<Oracles<'a>>);

impl Passes for Machines<'_> {
    type Error = Infallible;

    fn len(&self) -> usize {
        self.0.iter().map(Passes::len).sum()
    }

    fn examples(&self) -> usize {
        self.0.iter().map(Passes::examples).sum()
    }

    fn weights(&self) -> Weights {
        self.0.iter().map(Passes::weights).fold(Weights::default(), Weights::plus)
    }

    fn dim(&self) -> usize {
        self.0[0].dim()
    }

    fn spent(&self) -> Spent {
        let spent = self.0.iter().map(Passes::spent);
        spent.fold(Spent::default(), |a, b| Spent {
            calls: a.calls + b.calls,
            seconds: a.seconds.max(b.seconds),
        })
    }

    fn go_on_from(&mut self, calls: u64) {
        self.0[0].go_on_from(calls);
    }

    fn sum(
        &mut self,
        ask: Ask<'_>,
        tick: &mut dyn FnMut(UnderWay),
    ) -> Result<PlaneSum, PassError<Infallible>> {
        let mut total = PlaneSum::new(ask.w.len());
        for machine in &mut self.0 {
            let mut message = Vec::new();
            into_writer(&machine.sum(ask, tick)?, &mut message).expect("memory is there");
            total.add(&from_reader::<PlaneSum, _>(&*message).expect("it was written so"));
        }
        Ok(total)
    }
}

#[test]
fn sums_of_several_machines_train_as_those_of_one() {
    let examples = spans::examples(90);
    let settings = Settings::new().solver(Solver::OneSlack).relative_gap(1e-6);
    let one = solve(&spans::TASK, &examples, &settings).unwrap();
    let train = |cuts: &[usize]| {
        let ends = cuts.iter().copied().chain([examples.len()]);
        let parts = [0].iter().chain(cuts).zip(ends).map(|(&start, end)| &examples[start..end]);
        let machines = parts.map(|part| Oracles::new(&spans::TASK, part, 1).unwrap()).collect();
        let mut trainer = StreamTrainer::on(Machines(machines), &settings).unwrap();
        trainer.solve(&mut go_on).unwrap()
    };
    for cuts in [&[45][..], &[10, 70], &[1, 2, 3]] {
        let Solution { w, certificate, .. } = train(cuts);
        assert!(certificate.converged(), "{certificate:?}");
        assert!(
            certificate.dual <= one.certificate.primal
                && one.certificate.dual <= certificate.primal
        );
        let again = train(cuts);
        assert_eq!((w, certificate), (again.w, again.certificate));
    }
}

// ── Where a row lies ─────────────────────────────────────────────────────────────────────────────

/// The class of a place is the one that the place was made of.
#[test]
fn places_of_classes_know_their_class() {
    for k in 1..5 {
        for class in 0..k {
            assert_eq!(Place::class(class, k).class_of(k), Some(class));
        }
        assert_eq!(Place { offset: k, stride: k }.class_of(k), None);
        assert_eq!(Place::class(0, k).class_of(k + 1), None);
    }
}

/// Rows at places score and write the same numbers, whatever the name.
#[test]
fn a_score_is_the_inner_product_of_what_is_written() {
    let task = spans::TASK;
    for (seed, Example { x, y, .. }) in (0..).zip(&spans::examples(10)) {
        let w = testing::random_weights(task.dim(), 1.0, seed);
        let sum: f64 = y.clone().map(|t| x.row(t).named(7).score(&w, Place::block(0))).sum();
        assert!((sum - task.score(&w, x, y)).abs() < 1e-12);
    }
}

struct Counting<'s, 'a>(&'s mut dyn Sink<'a>, usize);

impl<'a> Sink<'a> for Counting<'_, 'a> {
    fn add(&mut self, index: usize, value: f64) {
        self.1 += 1;
        self.0.add(index, value);
    }
}

/// A sink that knows nothing of rows gets their numbers one by one.
#[test]
fn rows_are_numbers_to_a_sink_that_knows_none() {
    let mut w = vec![0.0; 3];
    let mut dense = crosscut::Dense(&mut w);
    let mut counting = Counting(&mut dense, 0);
    let Example { x, .. } = &spans::examples(1)[0];
    counting.add_row(x.row(0), Place::block(0), 2.0);
    assert_eq!(counting.1, x.row(0).features().len());
    assert!(x.row(0).features().iter().all(|f| w[f.index as usize] == 2.0 * f64::from(f.value)));
}

// ── What strangers do ────────────────────────────────────────────────────────────────────────────

/// Chooses one of three rows, which it writes at strides of its own; Δ = 1.
struct Strides {
    names: [u32; 3],
    rows: [SparseVector; 3],
}

impl Task for Strides {
    type Input = ();
    type Output = usize;
    type Scratch = ();

    fn dim(&self) -> usize {
        4
    }

    fn loss(&self, (): &(), y: &usize, y_hat: &usize) -> f64 {
        f64::from(u8::from(y != y_hat))
    }

    fn predict(&self, w: &[f64], (): &(), (): &mut ()) -> usize {
        let score = |y: usize| self.rows[y].row().score(w, Place { offset: y, stride: y + 1 });
        (0..3).reduce(|a, b| if score(b) > score(a) { b } else { a }).unwrap_or(0)
    }

    fn separate<'a>(
        &'a self,
        w: &[f64],
        (): &'a (),
        y: &'a usize,
        (): &mut (),
        planes: &mut Planes<'a>,
    ) {
        let place = |y: usize| Place { offset: y, stride: y + 1 };
        let value = |other: usize| {
            self.loss(&(), y, &other) + self.rows[other].row().score(w, place(other))
        };
        let y_bar = (0..3).reduce(|a, b| if value(b) > value(a) { b } else { a }).unwrap_or(0);
        planes.add(|sink| {
            for (row, sign) in [(*y, 1.0), (y_bar, -1.0)] {
                sink.add_row(self.rows[row].row().named(self.names[row]), place(row), sign);
            }
            self.loss(&(), y, &y_bar)
        });
    }
}

/// Rows that differ by twenty decades: a bound on rounding that knew one of them only would be wrong.
#[test]
fn one_name_for_rows_at_different_strides_is_a_fault() {
    let rows = [1.0, 1e20, -1e20].map(|value| SparseVector::from_dense(&[value]).unwrap());
    let examples = [Example::new((), 0), Example::new((), 1), Example::new((), 2)];
    let settings = Settings::new().passes(50);
    let same = Strides { names: [0; 3], rows: rows.clone() };
    let certificate = solve(&same, &examples, &settings).unwrap().certificate;
    let kind = certificate.oracle.fault.map(|fault| fault.kind);
    assert_eq!((certificate.stop, kind), (StopReason::Fault, Some(FaultKind::RowName)));
    let violation = testing::laws(&same, &examples).unwrap_err();
    assert!(violation.to_string().contains("two different rows with one name"), "{violation}");

    let own = Strides { names: [0, 1, 2], rows };
    for solver in SOLVERS {
        let found = solve(&own, &examples, &settings.solver(solver)).unwrap();
        let primal = crosscut::primal(&own, &examples, &settings, &found.w).unwrap();
        assert!(found.certificate.dual <= primal * (1.0 + 1e-12), "{:?}", found.certificate);
    }
}

/// Puts planes of its own in the place of those that it was to fill, and shows two of them.
struct Assigning;

impl Task for Assigning {
    type Input = crosscut::SparseRows;
    type Output = std::ops::Range<usize>;
    type Scratch = ();

    fn dim(&self) -> usize {
        spans::TASK.dim()
    }

    fn loss(&self, x: &Self::Input, y: &Self::Output, y_hat: &Self::Output) -> f64 {
        spans::TASK.loss(x, y, y_hat)
    }

    fn predict(&self, w: &[f64], x: &Self::Input, (): &mut ()) -> Self::Output {
        spans::TASK.predict(w, x, &mut ())
    }

    fn separate<'a>(
        &'a self,
        w: &[f64],
        x: &'a Self::Input,
        y: &'a Self::Output,
        (): &mut (),
        planes: &mut Planes<'a>,
    ) {
        let mut own = Planes::default();
        spans::TASK.separate(w, x, y, &mut (), &mut own);
        own.add(|sink| spans::TASK.plane(x, y, &(0..0), sink));
        *planes = own;
    }
}

#[test]
fn planes_that_were_replaced_are_those_of_one_example_all_the_same() {
    let examples = spans::examples(60);
    for solver in SOLVERS {
        let settings = Settings::new().solver(solver).relative_gap(1e-6);
        let plain = solve(&spans::TASK, &examples, &settings).unwrap().certificate;
        let found = solve(&Assigning, &examples, &settings).unwrap().certificate;
        assert!(found.converged(), "{found:?}");
        assert!(found.dual <= plain.primal && plain.dual <= found.primal, "{found:?} {plain:?}");
    }
}

#[test]
#[should_panic(expected = "one number for each weight")]
fn sums_of_another_dimension_are_refused() {
    PlaneSum::new(3).add(&PlaneSum::new(2));
}

#[test]
fn the_weights_of_a_training_set_are_told() {
    let examples = spans::examples(4);
    let weighted = examples.into_iter().zip([2.0, 0.0, 0.5, 1.0]);
    let examples: Vec<_> = weighted.map(|(example, weight)| example.with_weight(weight)).collect();
    let weights = Oracles::new(&spans::TASK, &examples, 1).unwrap().weights();
    assert_eq!((weights.sum, weights.largest, weights.smallest), (3.5, 2.0, 0.5));
}

/// Equal examples are merged: C times the sum of their weights bounds dual variables.
struct Twins(crosscut::SparseRows);

impl Task for Twins {
    type Input = ();
    type Output = usize;
    type Scratch = ();

    fn dim(&self) -> usize {
        1
    }

    fn loss(&self, (): &(), y: &usize, y_hat: &usize) -> f64 {
        f64::from(u8::from(y != y_hat))
    }

    fn predict(&self, w: &[f64], (): &(), (): &mut ()) -> usize {
        usize::from(w[0] < 0.0)
    }

    fn separate<'a>(
        &'a self,
        w: &[f64],
        (): &'a (),
        y: &'a usize,
        (): &mut (),
        planes: &mut Planes<'a>,
    ) {
        let sign = if *y == 0 { 1.0 } else { -1.0 };
        let violates = 1.0 - sign * w[0] > 0.0;
        planes.add(|sink| {
            if violates {
                sink.add_row(self.0.row(0), Place::block(0), sign);
            }
            f64::from(u8::from(violates))
        });
    }

    fn first_of_equals(&self, examples: &[&Example<(), usize>]) -> Option<Vec<usize>> {
        let first = [0, 1].map(|y| examples.iter().position(|example| example.y == y).unwrap_or(0));
        Some(examples.iter().map(|example| first[example.y]).collect())
    }
}

/// 1e6 weights of 0.1 add up to 1e5 · (1 + 1.3e-11) one after the other, which is above C Σ weight.
#[test]
fn weights_of_equal_examples_are_summed_without_rounding() {
    let n = 1_000_000;
    let task = Twins(std::iter::once(SparseVector::from_dense(&[1.0]).unwrap()).collect());
    let examples: Vec<_> =
        (0..n).map(|i| Example::new((), usize::from(i < 10)).with_weight(0.1)).collect();
    // c (Σ weights): P(w) = w²/2 + c₀ max(0, 1 − w) + c₁ max(0, 1 + w), with c₀ < 1: w = c₀ − c₁.
    let c = 1e-6;
    let settings = Settings::new().c(crosscut::C::Sum(c)).relative_gap(0.0).passes(60);
    let (c0, c1) = (c * 0.1 * (f64::from(n) - 10.0), c * 0.1 * 10.0);
    let w = c0 - c1;
    let optimum = 0.5 * w * w + c0 * (1.0 - w) + c1 * (1.0 + w);
    for solver in SOLVERS {
        let found = solve(&task, &examples, &settings.solver(solver)).unwrap();
        let certificate = found.certificate;
        // The closed form above has some roundings itself.
        assert!(certificate.dual <= optimum * (1.0 + 1e-15), "{certificate:?} {optimum}");
        assert!(certificate.primal >= optimum * (1.0 - 1e-15), "{certificate:?} {optimum}");
        assert!(certificate.relative_gap() < 1e-9, "{certificate:?}");
    }
}

#[test]
fn squared_slacks_whose_cost_has_no_inverse_are_refused() {
    let task = Twins(std::iter::once(SparseVector::from_dense(&[1.0]).unwrap()).collect());
    let examples = [Example::new((), 0), Example::new((), 1).with_weight(1e-310)];
    let settings = Settings::new().slack_norm(crosscut::SlackNorm::Squared);
    let error = solve(&task, &examples, &settings).unwrap_err();
    assert!(error.to_string().contains("since slacks are squared"), "{error}");
    assert!(solve(&task, &examples, &Settings::default()).is_ok());
}
