//! Oracles that break their contract: what training says of them, and that the laws find them.

use std::ops::ControlFlow;

use crosscut::testing::{Violation, laws, random_weights};
use crosscut::{
    BlockSettings, C, Example, Fault, FaultKind, Feature, FeatureMap, Place, Planes, Row, Settings,
    Sink, SlackNorm, Solution, Solver, SparseRows, SparseVector, StopReason, Task, Trainer, latent,
    primal, slacks, solve, validation,
};

const SOLVERS: [Solver; 2] = [Solver::Block, Solver::OneSlack];

/// What the oracle of a [`Choice`] does wrong.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Wrong {
    Nothing,
    LossNan,
    LossInfinite,
    LossNegative,
    DeltaNan,
    DeltaInfinite,
    BeyondDim,
    RowBeyondDim,
    /// Calls all rows by one name.
    OneName,
    /// Looks for the best-scoring output, without the loss.
    Forgetful,
    /// Looks at one other output only, and never at y.
    Lazy,
}

/// Chooses among rows; the oracle is wrong for one example in `every`.
struct Choice {
    wrong: Wrong,
    every: usize,
}

struct Candidates {
    rows: SparseRows,
    number: usize,
}

const DIM: usize = 6;

impl FeatureMap for Choice {
    fn psi<'a>(&'a self, x: &'a Candidates, y: &usize, sink: &mut dyn Sink<'a>) {
        sink.add_row(x.rows.row(*y), Place::block(0), 1.0);
    }
}

impl Task for Choice {
    type Input = Candidates;
    type Output = usize;
    type Scratch = ();

    fn dim(&self) -> usize {
        DIM
    }

    fn loss(&self, _: &Candidates, y: &usize, y_hat: &usize) -> f64 {
        f64::from(y != y_hat)
    }

    fn predict(&self, w: &[f64], x: &Candidates, (): &mut ()) -> usize {
        best(x.rows.len(), |y| self.score(w, x, &y))
    }

    fn separate<'a>(
        &'a self,
        w: &[f64],
        x: &'a Candidates,
        y: &'a usize,
        (): &mut (),
        planes: &mut Planes<'a>,
    ) {
        let wrong = if x.number.is_multiple_of(self.every) { self.wrong } else { Wrong::Nothing };
        let y_bar = match wrong {
            Wrong::Forgetful => self.predict(w, x, &mut ()),
            Wrong::Lazy => (y + 1) % 2,
            _ => best(x.rows.len(), |y_bar| self.loss(x, y, &y_bar) + self.score(w, x, &y_bar)),
        };
        planes.add(|sink| {
            match wrong {
                Wrong::DeltaNan => sink.add(0, f64::NAN),
                Wrong::DeltaInfinite => sink.add_row(x.rows.row(0), Place::block(0), f64::INFINITY),
                Wrong::BeyondDim => sink.add(DIM, 1.0),
                Wrong::RowBeyondDim => sink.add_row(x.rows.row(0), Place::block(1), 1.0),
                _ => {}
            }
            if wrong == Wrong::OneName {
                sink.add_row(x.rows.row(*y).named(0), Place::block(0), 1.0);
                sink.add_row(x.rows.row(y_bar).named(0), Place::block(0), -1.0);
                return self.loss(x, y, &y_bar);
            }
            let loss = self.plane(x, y, &y_bar, sink);
            match wrong {
                Wrong::LossNan => f64::NAN,
                Wrong::LossInfinite => f64::INFINITY,
                Wrong::LossNegative => -1.0,
                _ => loss,
            }
        });
    }
}

impl crosscut::Latent for Choice {
    fn impute(&self, _: &[f64], _: &Candidates, y: &usize, (): &mut ()) -> usize {
        *y
    }
}

fn best(n: usize, value: impl Fn(usize) -> f64) -> usize {
    (0..n).reduce(|a, b| if value(b) > value(a) { b } else { a }).expect("there are candidates")
}

/// Examples from number `first` on: five rows each, of which the right one is shifted.
fn examples(first: usize, n: usize, shift: f64) -> Vec<Example<Candidates, usize>> {
    let noise = random_weights(n * 5 * DIM, 1.0, 7);
    let value = |i: usize, row: usize, at: usize| {
        (noise[(i * 5 + row) * DIM + at] + if row == i % 5 { shift } else { 0.0 }) as f32
    };
    let row = |i: usize, row: usize| (0..DIM).map(|at| value(i, row, at)).collect::<Vec<_>>();
    let rows = |i: usize| {
        (0..5).map(|at| SparseVector::from_dense(&row(i, at)).expect("finite")).collect()
    };
    (0..n).map(|i| Example::new(Candidates { rows: rows(i), number: first + i }, i % 5)).collect()
}

fn train(task: &Choice, examples: &[Example<Candidates, usize>], settings: &Settings) -> Solution {
    solve(task, examples, settings).expect("sound settings")
}

const FAULTS: [(Wrong, FaultKind); 7] = [
    (Wrong::LossNan, FaultKind::LossNotFinite),
    (Wrong::LossInfinite, FaultKind::LossNotFinite),
    (Wrong::LossNegative, FaultKind::LossNegative),
    (Wrong::DeltaNan, FaultKind::DeltaNotFinite),
    (Wrong::DeltaInfinite, FaultKind::DeltaNotFinite),
    (Wrong::BeyondDim, FaultKind::IndexBeyondDim),
    (Wrong::RowBeyondDim, FaultKind::IndexBeyondDim),
];

#[test]
fn an_answer_that_is_no_plane_ends_training_and_names_the_example() {
    // The only bad answers are those for example 23, on any number of threads.
    let examples = examples(17, 40, 0.4);
    for (wrong, kind) in FAULTS {
        for (solver, threads) in SOLVERS.into_iter().flat_map(|solver| [(solver, 1), (solver, 3)]) {
            let task = Choice { wrong, every: 40 };
            let settings = Settings::new().solver(solver).threads(threads).passes(50);
            let Solution { certificate, w, .. } = train(&task, &examples, &settings);
            let at = format!("{wrong:?}, {solver:?}: {certificate:?}");
            assert_eq!(certificate.stop, StopReason::Fault, "{at}");
            assert_eq!(certificate.oracle.fault, Some(Fault { example: 23, kind }), "{at}");
            assert!(!certificate.converged() && certificate.primal == f64::INFINITY, "{at}");
            assert!(
                certificate.passes <= 1.0
                    && w.len() == DIM
                    && w.iter().all(|weight| weight.is_finite()),
                "{at}"
            );
        }
        let task = Choice { wrong, every: 40 };
        let fault = Fault { example: 23, kind };
        assert_eq!(primal(&task, &examples, &Settings::default(), &[0.0; DIM]), Err(fault));
        assert_eq!(slacks(&task, &examples, &[0.0; DIM]), Err(fault));
        assert!(fault.to_string().starts_with("example 23: the separation oracle "), "{fault}");
    }
}

/// Answers well at first, and with NaN once it was called often enough.
struct Tires {
    choice: Choice,
    calls: std::sync::atomic::AtomicUsize,
    after: usize,
}

impl Task for Tires {
    type Input = Candidates;
    type Output = usize;
    type Scratch = ();

    fn dim(&self) -> usize {
        DIM
    }

    fn loss(&self, x: &Candidates, y: &usize, y_hat: &usize) -> f64 {
        self.choice.loss(x, y, y_hat)
    }

    fn predict(&self, w: &[f64], x: &Candidates, (): &mut ()) -> usize {
        self.choice.predict(w, x, &mut ())
    }

    fn separate<'a>(
        &'a self,
        w: &[f64],
        x: &'a Candidates,
        y: &'a usize,
        (): &mut (),
        planes: &mut Planes<'a>,
    ) {
        let calls = self.calls.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        match calls < self.after {
            true => self.choice.separate(w, x, y, &mut (), planes),
            false => planes.add(|_| f64::NAN),
        }
    }
}

#[test]
fn what_was_certified_before_a_fault_is_kept() {
    let examples = examples(0, 40, 0.4);
    for (solver, after) in [(Solver::OneSlack, 130), (Solver::Block, 40 * 9 + 10)] {
        let choice = Choice { wrong: Wrong::Nothing, every: 1 };
        let task = Tires { choice, calls: 0.into(), after };
        let settings = Settings::new().solver(solver).threads(1).relative_gap(1e-9);
        let solution = solve(&task, &examples, &settings).expect("sound");
        let certificate = solution.certificate;
        assert_eq!(certificate.stop, StopReason::Fault, "{solver:?}: {certificate:?}");
        let right =
            primal(&task.choice, &examples, &settings, &solution.w).expect("a sound oracle");
        assert!(
            (certificate.primal - right).abs() <= 1e-12 * right,
            "{solver:?}: {right}, {certificate:?}"
        );
        assert!(
            certificate.dual > 0.0 && certificate.dual <= certificate.primal,
            "{solver:?}: {certificate:?}"
        );
    }
}

#[test]
fn faults_end_cross_validation_and_latent_training_with_the_example() {
    let mut examples = examples(17, 40, 0.4);
    let task = Choice { wrong: Wrong::LossNan, every: 40 };
    let folds: Vec<usize> = (0..40).map(|at| at / 20).collect();
    let settings = Settings::default();
    let found =
        validation::search(&task, &examples, &folds, &[C::Sum(1.0)], &settings, &mut |_, _| {
            ControlFlow::Continue(())
        });
    let fault = Fault { example: 23, kind: FaultKind::LossNotFinite };
    assert_eq!(found.unwrap_err(), fault.into());
    let rounds = latent::Rounds::default();
    let found = latent::solve(&task, &mut examples, &settings, &rounds, &mut |_, _| {
        ControlFlow::Continue(())
    });
    assert_eq!(found.unwrap_err(), fault.into());
}

#[test]
fn an_oracle_that_misses_the_maximum_never_converges() {
    let examples = examples(0, 200, 0.6);
    for (wrong, every) in
        [(Wrong::Forgetful, 1), (Wrong::Forgetful, 10), (Wrong::Lazy, 1), (Wrong::Lazy, 10)]
    {
        for solver in SOLVERS {
            for slack_norm in [SlackNorm::Linear, SlackNorm::Squared] {
                let settings = Settings::new().solver(solver).slack_norm(slack_norm).passes(200);
                let certificate = train(&Choice { wrong, every }, &examples, &settings).certificate;
                let at =
                    format!("{wrong:?} in {every}, {solver:?}, {slack_norm:?}: {certificate:?}");
                // Of sums over all examples only the whole is known: few wrong answers are not seen
                // there.
                if solver == Solver::OneSlack && every > 1 {
                    continue;
                }
                let noticed =
                    certificate.oracle.worse > 0 || certificate.stop == StopReason::Inexact;
                assert!(!certificate.converged() && noticed, "{at}");
                if let Some(first) = certificate.oracle.first_worse {
                    assert!(first.is_multiple_of(every), "{at}");
                }
                assert!(
                    solver == Solver::OneSlack || certificate.oracle.first_worse.is_some(),
                    "{at}"
                );
                assert!(
                    certificate.stop == StopReason::Inexact
                        || certificate.dual <= certificate.primal,
                    "{at}"
                );
            }
        }
    }
}

#[test]
fn an_exact_oracle_is_never_blamed() {
    let examples = examples(0, 60, 0.4);
    for solver in SOLVERS {
        for slack_norm in [SlackNorm::Linear, SlackNorm::Squared] {
            for c in [1e-6, 1.0, 1e3] {
                let block = BlockSettings::new().planes(3);
                let limits = Settings::new().passes(60).relative_gap(0.0);
                let settings =
                    limits.solver(solver).slack_norm(slack_norm).c(C::Sum(c)).block(block);
                let certificate =
                    train(&Choice { wrong: Wrong::Nothing, every: 1 }, &examples, &settings)
                        .certificate;
                assert!(
                    certificate.oracle.is_clean(),
                    "{solver:?}, {slack_norm:?}, {c}: {certificate:?}"
                );
                assert!(
                    certificate.gap() >= 0.0,
                    "{solver:?}, {slack_norm:?}, {c}: {certificate:?}"
                );
            }
        }
    }
}

/// Marks each node of a ring; Ψ has the features of each node at its mark, and the number of
/// neighbours that agree. The oracle improves one node after the other from where the features
/// alone lead it: that finds the maximum where neighbours matter little.
struct Ring;

type Marks = Vec<usize>;

impl Ring {
    fn climb(&self, w: &[f64], x: &[[f64; 2]], loss: impl Fn(usize, usize) -> f64) -> Marks {
        let n = x.len();
        let own = |v: usize, mark: usize| {
            loss(v, mark) + x[v][0] * w[2 * mark] + x[v][1] * w[2 * mark + 1]
        };
        let mut marks: Marks = (0..n).map(|v| best(3, |mark| own(v, mark))).collect();
        for _ in 0..100 {
            let before = marks.clone();
            for v in 0..n {
                let sides = [marks[(v + 1) % n], marks[(v + n - 1) % n]];
                let agreeing =
                    |mark: usize| sides.iter().filter(|side| **side == mark).count() as f64;
                marks[v] = best(3, |mark| own(v, mark) + w[6] * agreeing(mark));
            }
            if marks == before {
                break;
            }
        }
        marks
    }
}

impl FeatureMap for Ring {
    fn psi<'a>(&'a self, x: &'a Vec<[f64; 2]>, y: &Marks, sink: &mut dyn Sink<'a>) {
        for (v, &mark) in y.iter().enumerate() {
            sink.add(2 * mark, x[v][0]);
            sink.add(2 * mark + 1, x[v][1]);
            sink.add(6, f64::from(mark == y[(v + 1) % y.len()]));
        }
    }
}

impl Task for Ring {
    type Input = Vec<[f64; 2]>;
    type Output = Marks;
    type Scratch = ();

    fn dim(&self) -> usize {
        7
    }

    fn loss(&self, _: &Vec<[f64; 2]>, y: &Marks, y_hat: &Marks) -> f64 {
        y.iter().zip(y_hat).filter(|(a, b)| a != b).count() as f64
    }

    fn predict(&self, w: &[f64], x: &Vec<[f64; 2]>, (): &mut ()) -> Marks {
        self.climb(w, x, |_, _| 0.0)
    }

    fn separate<'a>(
        &'a self,
        w: &[f64],
        x: &'a Vec<[f64; 2]>,
        y: &'a Marks,
        (): &mut (),
        planes: &mut Planes<'a>,
    ) {
        let y_bar = self.climb(w, x, |v, mark| f64::from(y[v] != mark));
        planes.add(|sink| self.plane(x, y, &y_bar, sink));
    }
}

/// Rings whose marks lie in long runs; features are large and say little.
fn rings(n: usize) -> Vec<Example<Vec<[f64; 2]>, Marks>> {
    let noise = random_weights(n * 24, 30.0, 5);
    let mark = |i: usize, v: usize| (v + i) / 4 % 3;
    let features = |i: usize, v: usize| {
        let at = 24 * i + 2 * v;
        [noise[at] + 4.0 * mark(i, v) as f64, noise[at + 1]]
    };
    let x = |i: usize| (0..12).map(|v| features(i, v)).collect();
    (0..n).map(|i| Example::new(x(i), (0..12).map(|v| mark(i, v)).collect())).collect()
}

#[test]
fn the_laws_find_a_local_search_that_random_weights_do_not_show() {
    let examples = rings(4);
    assert!(matches!(
        laws(&Ring, &examples),
        Err(Violation::Beaten { .. } | Violation::Prediction { .. })
    ));
    let examples = rings(60);
    for solver in SOLVERS {
        let settings = Settings::new().solver(solver).passes(300);
        let solution = solve(&Ring, &examples, &settings).expect("sound settings");
        assert!(!solution.certificate.converged(), "{solver:?}: {:?}", solution.certificate);
    }
}

/// Multiplying features by s and dividing C by s² is the same problem, of which the weights are
/// divided by s. Powers of two leave all digits as they are.
#[test]
fn the_scale_of_features_changes_no_pass_and_no_digit() {
    for (solver, slack_norm) in SOLVERS
        .into_iter()
        .flat_map(|solver| [(solver, SlackNorm::Linear), (solver, SlackNorm::Squared)])
    {
        let settings =
            Settings::new().solver(solver).slack_norm(slack_norm).relative_gap(1e-6).passes(400);
        let task = Choice { wrong: Wrong::Nothing, every: 1 };
        let plain = examples(0, 40, 0.4);
        let expected = train(&task, &plain, &settings);
        for power in [-30, -7, 12, 30] {
            let s = 2_f64.powi(power);
            let scaled: Vec<_> = plain
                .iter()
                .map(|Example { x, y, .. }| {
                    let scale = |row: Row<'_>| {
                        let values: Vec<f32> =
                            (0..DIM).map(|at| (s * row.get(at)) as f32).collect();
                        SparseVector::from_dense(&values).expect("finite")
                    };
                    Example::new(
                        Candidates { rows: x.rows.iter().map(scale).collect(), number: x.number },
                        *y,
                    )
                })
                .collect();
            let solution = train(&task, &scaled, &settings.c(C::Sum(1.0 / (s * s))));
            let (a, b) = (solution.certificate, expected.certificate);
            let at = format!("{solver:?}, {slack_norm:?}, 2^{power}: {a:?} {b:?}");
            assert_eq!((a.passes, a.planes, a.stop), (b.passes, b.planes, b.stop), "{at}");
            assert_eq!((a.primal * s * s, a.dual * s * s), (b.primal, b.dual), "{at}");
            let weights: Vec<f64> = solution.w.iter().map(|weight| weight * s).collect();
            assert_eq!(weights, expected.w, "{at}");
        }
        // P* far below 1 is solved as well as any other.
        let certificate = train(&task, &plain, &settings.c(C::Sum(1e-8))).certificate;
        assert!(certificate.converged() && certificate.primal < 1e-6, "{certificate:?}");
        assert!(certificate.gap() <= 1e-6 * certificate.primal, "{certificate:?}");
    }
}

/// A raw table: columns of different sizes, as measurements come.
fn raw(seed: u64) -> Vec<Example<Candidates, usize>> {
    let sizes = [1.0, 4.0, 10.0, 100.0];
    let noise = random_weights(12 * 4, 1.0, seed);
    let row = |i: usize, class: usize| {
        let shift = |at: usize| 0.25 * ((i % 3) * (at % 3)) as f64;
        let value = |at: usize| (sizes[at] * (2.0 + noise[i * 4 + at] + shift(at))) as f32;
        let features =
            (0..4).map(|at| Feature { index: (class * 4 + at) as u32, value: value(at) });
        SparseVector::new(features.collect()).expect("in order")
    };
    let x = |i: usize| Candidates { rows: (0..3).map(|class| row(i, class)).collect(), number: i };
    (0..12).map(|i| Example::new(x(i), i % 3)).collect()
}

/// Classes of rows of so many features.
struct Classes(usize);

impl FeatureMap for Classes {
    fn psi<'a>(&'a self, x: &'a Candidates, y: &usize, sink: &mut dyn Sink<'a>) {
        sink.add_row(x.rows.row(*y), Place::block(0), 1.0);
    }
}

impl Task for Classes {
    type Input = Candidates;
    type Output = usize;
    type Scratch = ();

    fn dim(&self) -> usize {
        3 * self.0
    }

    fn loss(&self, _: &Candidates, y: &usize, y_hat: &usize) -> f64 {
        f64::from(y != y_hat)
    }

    fn predict(&self, w: &[f64], x: &Candidates, (): &mut ()) -> usize {
        best(3, |y| self.score(w, x, &y))
    }

    fn separate<'a>(
        &'a self,
        w: &[f64],
        x: &'a Candidates,
        y: &'a usize,
        (): &mut (),
        planes: &mut Planes<'a>,
    ) {
        let y_bar = best(3, |y_bar| self.loss(x, y, &y_bar) + self.score(w, x, &y_bar));
        planes.add(|sink| self.plane(x, y, &y_bar, sink));
    }
}

/// Block steps alone come to their end at relative gaps of 1e-8 to 3e-7 here, which is not the end
/// of arithmetic. That is near 1e-8: if D is known to 1e-16, then w to its root.
#[test]
fn the_limits_of_precision_are_not_claimed_where_another_method_goes_on() {
    for (seed, c) in (0..6).flat_map(|seed| [(seed, 0.01), (seed, 1.0)]) {
        let examples = raw(seed);
        for solver in SOLVERS {
            let settings = Settings::new().solver(solver).c(C::Sum(c)).relative_gap(1e-8);
            let settings = settings.passes(3000);
            let certificate = solve(&Classes(4), &examples, &settings);
            let certificate = certificate.expect("sound settings").certificate;
            // Methods with a block for each example may creep, and then say no more than that.
            let creeps = solver != Solver::OneSlack && certificate.stop == StopReason::Passes;
            assert!(
                certificate.converged() || creeps,
                "seed {seed}, {c}, {solver:?}: {certificate:?}"
            );
        }
    }
}

/// Neither the sizes of columns nor C decide how many passes a raw table takes: the dual over the
/// planes is solved as a whole.
#[test]
fn a_raw_table_takes_few_passes_whatever_c_is() {
    for slack_norm in [SlackNorm::Linear, SlackNorm::Squared] {
        for c in [1e-4, 1e-2, 1.0, 1e2, 1e4, 1e6] {
            let settings = Settings::new().c(C::Sum(c)).slack_norm(slack_norm).passes(40);
            for seed in 0..6 {
                let solution = solve(&Classes(4), &raw(seed), &settings);
                let certificate = solution.expect("sound settings").certificate;
                assert!(
                    certificate.converged(),
                    "{slack_norm:?}, {c}, seed {seed}: {certificate:?}"
                );
            }
        }
    }
}

/// Words of texts by how often they occur, in more weights than a solve for all planes at once is
/// worth.
fn counts(seed: u64) -> Vec<Example<Candidates, usize>> {
    let numbers = random_weights(90 * 40, 1.0, seed);
    let row = |i: usize, class: usize| {
        // The k-th word is as frequent as 1/k; one in four is of the class of the text.
        let word = |at: usize| {
            let word = 999f64.powf(numbers[i * 40 + at].abs().min(1.0)) as u32;
            if at.is_multiple_of(4) { word / 3 * 3 + i as u32 % 3 } else { word }
        };
        let mut words: Vec<u32> = (0..40).map(|at| class as u32 * 1002 + word(at)).collect();
        words.sort_unstable();
        let counted = words.chunk_by(|a, b| a == b);
        SparseVector::new(
            counted.map(|same| Feature { index: same[0], value: same.len() as f32 }).collect(),
        )
        .expect("in order")
    };
    let x = |i: usize| Candidates { rows: (0..3).map(|class| row(i, class)).collect(), number: i };
    (0..90).map(|i| Example::new(x(i), i % 3)).collect()
}

/// The optimum has no slack here if C is large: P(w) comes near it only if what is left of slacks
/// is paid with a longer w.
#[test]
fn many_weights_take_few_passes_whatever_c_is() {
    for c in [1.0, 1e2, 1e4, 1e6, 1e8] {
        let settings = Settings::new().c(C::Sum(c)).passes(40);
        for seed in 0..4 {
            let solution = solve(&Classes(1002), &counts(seed), &settings);
            let certificate = solution.expect("sound settings").certificate;
            assert!(certificate.converged(), "{c}, seed {seed}: {certificate:?}");
        }
    }
}

/// Looks at one output beside y, and says what it may have missed.
struct Partial {
    says: Says,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Says {
    /// Exactly what it has missed.
    Exactly,
    /// A bound that is twice that and a little more.
    Roughly,
    Unknown,
}

impl Partial {
    const EXACT: Choice = Choice { wrong: Wrong::Nothing, every: 1 };

    fn slack(&self, w: &[f64], x: &Candidates, y: &usize, y_bar: usize) -> f64 {
        self.loss(x, y, &y_bar) + Self::EXACT.score(w, x, &y_bar) - Self::EXACT.score(w, x, y)
    }
}

impl Task for Partial {
    type Input = Candidates;
    type Output = usize;
    type Scratch = ();

    fn dim(&self) -> usize {
        DIM
    }

    fn loss(&self, x: &Candidates, y: &usize, y_hat: &usize) -> f64 {
        Self::EXACT.loss(x, y, y_hat)
    }

    fn predict(&self, w: &[f64], x: &Candidates, (): &mut ()) -> usize {
        Self::EXACT.predict(w, x, &mut ())
    }

    fn separate<'a>(
        &'a self,
        w: &[f64],
        x: &'a Candidates,
        y: &'a usize,
        (): &mut (),
        planes: &mut Planes<'a>,
    ) {
        let slack = |y_bar: usize| self.slack(w, x, y, y_bar);
        let y_bar = [*y, (y + 1) % 5][usize::from(slack((y + 1) % 5) > 0.0)];
        planes.add(|sink| FeatureMap::plane(&Partial::EXACT, x, y, &y_bar, sink));
        let missed = slack(best(5, slack)) - slack(y_bar);
        planes.may_miss(match self.says {
            Says::Exactly => missed,
            Says::Roughly => 2.0 * missed + 0.01,
            Says::Unknown => f64::INFINITY,
        });
    }
}

/// P(w) is above P* whatever the oracle passes over, as long as it says so; D is below it anyhow.
#[test]
fn an_oracle_that_says_what_it_may_have_missed_has_true_certificates() {
    let examples = examples(0, 40, 0.4);
    for slack_norm in [SlackNorm::Linear, SlackNorm::Squared] {
        for (solver, c) in SOLVERS.into_iter().flat_map(|solver| [(solver, 0.01), (solver, 1.0)]) {
            let settings =
                Settings::new().solver(solver).slack_norm(slack_norm).c(C::Sum(c)).passes(3000);
            let optimum = train(&Partial::EXACT, &examples, &settings).certificate;
            for says in [Says::Exactly, Says::Roughly, Says::Unknown] {
                let at = format!("{says:?}, {solver:?}, {slack_norm:?}, C = {c}");
                crosscut::testing::check(&Partial { says }, &examples[..5]);
                let solution = solve(&Partial { says }, &examples, &settings);
                let Solution { w, certificate, .. } = solution.expect("sound settings");
                let at = format!("{at}: {certificate:?}, optimum {optimum:?}");
                assert!(
                    certificate.dual <= optimum.primal && optimum.dual <= certificate.primal,
                    "{at}"
                );
                assert!(
                    certificate.oracle.is_clean() && certificate.shown <= certificate.primal,
                    "{at}"
                );
                let exact = primal(&Partial::EXACT, &examples, &settings, &w).expect("planes");
                assert!(exact <= certificate.primal * (1.0 + 1e-12), "P(w) = {exact}, {at}");
                let said = primal(&Partial { says }, &examples, &settings, &w).expect("planes");
                match says {
                    // Scores of sums are rounded otherwise than sums of scores.
                    Says::Exactly => {
                        assert!((said - exact).abs() <= 1e-12 * exact, "{said} {exact}")
                    }
                    Says::Roughly => assert!(said > exact),
                    Says::Unknown => {
                        assert_eq!((said, certificate.primal), (f64::INFINITY, f64::INFINITY))
                    }
                }
                // What is left is what the oracle passes over: by the planes that it shows, all is
                // done.
                assert_eq!(certificate.stop, StopReason::Oracle, "{at}");
                assert!(!certificate.converged(), "{at}");
                // Without a bound on P, the weights are those at which planes show the least.
                let solved = certificate.shown - certificate.dual <= 1e-3 * certificate.shown;
                assert!(says != Says::Unknown || solved, "{at}");
                crosscut::testing::check_solution(
                    &Partial { says },
                    &examples,
                    &settings,
                    &Solution { w, certificate, plane_bytes: 0, seconds: 0.0, oracle_seconds: 0.0 },
                );
            }
        }
    }
}

#[test]
fn folds_that_hold_nothing_out_are_passed_over() {
    let mut examples = examples(0, 40, 0.4);
    let task = Choice { wrong: Wrong::Nothing, every: 1 };
    let run = |examples: &[Example<Candidates, usize>], folds: &[usize]| {
        let go = &mut |_: &validation::Round, _: &crosscut::Progress| ControlFlow::Continue(());
        validation::cross_validate(
            &task,
            examples,
            folds,
            &[C::Sum(1.0)],
            &Settings::default(),
            go,
            &|_, _, _| {},
        )
    };
    let expected = run(&examples, &(0..40).map(|at| at % 3).collect::<Vec<_>>()).expect("sound");
    // Folds 1 and 4 are never used.
    let found =
        run(&examples, &(0..40).map(|at| [0, 2, 3][at % 3]).collect::<Vec<_>>()).expect("sound");
    assert_eq!((found.len(), found[0].risks.len()), (1, 3));
    assert_eq!(
        (&found[0].risks, found[0].standard_error),
        (&expected[0].risks, expected[0].standard_error)
    );
    // Nor is one whose examples all have weight 0.
    let folds: Vec<usize> = (0..40).map(|at| at % 4).collect();
    (0..40).filter(|at| at % 4 == 2).for_each(|at| examples[at].weight = 0.0);
    assert_eq!(run(&examples, &folds).expect("sound")[0].risks.len(), 3);
    examples.iter_mut().for_each(|example| example.weight = 0.0);
    assert!(run(&examples, &folds).is_err());
}

#[test]
fn latent_training_counts_squared_slacks() {
    let task = Choice { wrong: Wrong::Nothing, every: 1 };
    for slack_norm in [SlackNorm::Linear, SlackNorm::Squared] {
        let mut examples = examples(0, 40, 0.2);
        let settings = Settings::new().slack_norm(slack_norm).c(C::Sum(3.0)).relative_gap(1e-6);
        let go = &mut |_: &[latent::Round], _: &crosscut::Progress| ControlFlow::Continue(());
        // Without hidden parts F is P.
        let solution =
            latent::solve(&task, &mut examples, &settings, &latent::Rounds::default(), go)
                .expect("sound");
        let difference = solution.objective - solution.certificate.primal;
        assert!(difference.abs() <= 1e-9 * solution.objective, "{slack_norm:?}: {solution:?}");
    }
}

/// A constant that changes by more than numbers can carry starts training afresh.
#[test]
fn constants_far_apart_leave_no_trace() {
    let (examples, task) = (examples(0, 30, 0.4), Choice { wrong: Wrong::Nothing, every: 1 });
    for (solver, slack_norm) in SOLVERS
        .into_iter()
        .flat_map(|solver| [(solver, SlackNorm::Linear), (solver, SlackNorm::Squared)])
    {
        let settings =
            Settings::new().solver(solver).slack_norm(slack_norm).relative_gap(1e-6).passes(300);
        let fresh = train(&task, &examples, &settings).certificate;
        for far in [1e-300, 1e-100, 1e140] {
            let mut trainer = Trainer::new(&task, &examples, &settings).expect("sound settings");
            for c in [far, 1.0] {
                trainer.set_c(C::Sum(c)).expect("in range");
                let certificate = trainer.solve(&mut |_| ControlFlow::Continue(())).certificate;
                let at = format!("{solver:?}, {slack_norm:?}, {far:e}, then {c}: {certificate:?}");
                assert!(certificate.oracle.is_clean() && certificate.gap() >= 0.0, "{at}");
                assert!(c != 1.0 || certificate.converged(), "{at}");
                assert!(
                    c != 1.0
                        || (certificate.dual <= fresh.primal && fresh.dual <= certificate.primal),
                    "{at}"
                );
            }
        }
    }
}

#[test]
fn what_a_fault_leaves_does_not_depend_on_threads() {
    let (examples, task) = (examples(17, 400, 0.4), Choice { wrong: Wrong::LossNan, every: 40 });
    for solver in SOLVERS {
        let settings = |threads| Settings::new().solver(solver).threads(threads);
        let expected = train(&task, &examples, &settings(1)).certificate;
        for threads in [2, 5] {
            assert_eq!(
                train(&task, &examples, &settings(threads)).certificate,
                expected,
                "{solver:?}"
            );
        }
    }
}

#[test]
fn a_slack_that_overflows_is_infinite() {
    let task = Choice { wrong: Wrong::Nothing, every: 1 };
    let row = |value: f32| {
        SparseVector::from_dense(&[value, -value, 0.0, 0.0, 0.0, 0.0]).expect("finite")
    };
    let examples = [Example::new(
        Candidates { rows: [row(1e30), row(-1e30)].into_iter().collect(), number: 1 },
        1,
    )];
    let w = [1e300, 1e300, 0.0, 0.0, 0.0, 0.0];
    assert_eq!(slacks(&task, &examples, &w).map(|slacks| slacks[0]), Ok(f64::INFINITY));
    assert_eq!(primal(&task, &examples, &Settings::default(), &w), Ok(f64::INFINITY));
}
