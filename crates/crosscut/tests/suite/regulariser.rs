//! Prior weights and lower bounds: both solvers enclose the optimum of a general QP solver, the
//! closed forms hold, states resume to the same bits, and bounds survive numbers of all sizes.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, and so do its helpers")]

use std::ops::ControlFlow;

use crosscut::{
    BlockSettings, C, Certificate, Example, FeatureMap, Oracles, Place, Planes, Regulariser,
    Settings, Sink, SlackNorm, Solution, SolveError, Solver, SparseRows, SparseVector, State,
    StateError, StopReason, StreamTrainer, Task, Trainer, primal_with,
};
use crosscut_testkit::{Qp, cases};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

/// Choice among rows. The loss of each choice is given.
struct Choice {
    dim: usize,
}

struct Candidates {
    rows: SparseRows,
    losses: Vec<f64>,
}

type Examples = Vec<Example<Candidates, usize>>;

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
        self.dim
    }

    fn loss(&self, x: &Candidates, y: &usize, y_hat: &usize) -> f64 {
        if y == y_hat { 0.0 } else { x.losses[*y_hat] }
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
        let y_bar = best(x.rows.len(), |y_bar| self.loss(x, y, &y_bar) + self.score(w, x, &y_bar));
        planes.add(|sink| self.plane(x, y, &y_bar, sink));
    }

    fn row<'a>(&'a self, x: &'a Candidates, name: u32) -> Option<crosscut::Row<'a>> {
        ((name as usize) < x.rows.len()).then(|| x.rows.row(name as usize))
    }
}

fn best(candidates: usize, value: impl Fn(usize) -> f64) -> usize {
    (0..candidates).reduce(|a, b| if value(b) > value(a) { b } else { a }).unwrap()
}

/// The truth is the first row.
fn example(rows: &[Vec<f32>], losses: &[f64]) -> Example<Candidates, usize> {
    let rows = rows.iter().map(|row| SparseVector::from_dense(row).unwrap()).collect();
    Example::new(Candidates { rows, losses: losses.to_vec() }, 0)
}

fn solve(
    task: &Choice,
    examples: &Examples,
    settings: &Settings,
    regulariser: &Regulariser,
) -> Solution {
    let trainer = Trainer::new(task, examples, settings).unwrap();
    let mut trainer = trainer.with_regulariser(regulariser).unwrap();
    let solution = trainer.solve(&mut |_| ControlFlow::Continue(()));
    check(task, examples, settings, regulariser, &solution);
    solution
}

/// The reported P is that of w, w satisfies the bounds, and D is not above P.
fn check(
    task: &Choice,
    examples: &Examples,
    settings: &Settings,
    regulariser: &Regulariser,
    solution: &Solution,
) {
    let (certificate, w) = (solution.certificate, &solution.w);
    assert!(certificate.dual <= certificate.primal, "{certificate:?}");
    for &(index, bound) in regulariser.lower_bounds() {
        assert!(w[index] >= bound, "weight {index} is {} below {bound}", w[index]);
    }
    let primal = primal_with(task, examples, settings, regulariser, w).unwrap();
    let difference = (certificate.primal - primal).abs();
    assert!(difference <= 1e-9 * primal, "{primal} at w, {certificate:?}");
}

fn settings(solver: Solver, c: f64, slack_norm: SlackNorm) -> Settings {
    Settings::new()
        .c(C::Sum(c))
        .solver(solver)
        .slack_norm(slack_norm)
        .relative_gap(1e-7)
        .passes(20_000)
        .threads(1)
}

const SOLVERS: [Solver; 2] = [Solver::Block, Solver::OneSlack];
const NORMS: [SlackNorm; 2] = [SlackNorm::Linear, SlackNorm::Squared];

/// min over w and ξ ≥ 0 of ½‖w − w₀‖² + C Σ weight · ξ (or ξ²), with ξ ≥ Δ − ⟨w, δ⟩ for each plane
/// and w ≥ the bounds, as a general interior point solver finds it.
fn optimum(
    task: &Choice,
    examples: &Examples,
    c: f64,
    norm: SlackNorm,
    regulariser: &Regulariser,
) -> f64 {
    let (d, n) = (task.dim, task.dim + examples.len());
    let prior = |at: usize| regulariser.prior().get(at).copied().unwrap_or(0.0);
    let cost = |at: usize| c * examples[at - d].weight;
    let squared = norm == SlackNorm::Squared;
    let diagonal = |at: usize| match at < d {
        true => 1.0,
        false if squared => 2.0 * cost(at),
        false => 0.0,
    };
    let hessian: Vec<Vec<f64>> = (0..n)
        .map(|at| (0..n).map(|other| if at == other { diagonal(at) } else { 0.0 }).collect())
        .collect();
    let linear = |at: usize| match at < d {
        true => -prior(at),
        false if squared => 0.0,
        false => cost(at),
    };
    let linear: Vec<f64> = (0..n).map(linear).collect();
    let (mut rows, mut right) = (Vec::new(), Vec::new());
    for (at, Example { x, y, .. }) in examples.iter().enumerate() {
        let dense = |y: usize| {
            let mut values = vec![0.0; n];
            let row = x.rows.row(y);
            row.features().iter().for_each(|f| values[f.index as usize] = f64::from(f.value));
            values
        };
        for y_bar in 0..x.rows.len() {
            let mut row: Vec<f64> =
                dense(y_bar).iter().zip(dense(*y)).map(|(a, b)| a - b).collect();
            row[d + at] = -1.0;
            rows.push(row);
            right.push(-task.loss(x, y, &y_bar));
        }
    }
    for &(index, bound) in regulariser.lower_bounds() {
        let mut row = vec![0.0; n];
        row[index] = -1.0;
        rows.push(row);
        right.push(-bound);
    }
    let minimum = Qp { hessian, linear, rows, right }.minimum(1e-10);
    minimum + (0..d).map(|at| 0.5 * prior(at) * prior(at)).sum::<f64>()
}

fn examples_of(dim: usize) -> impl Strategy<Value = Examples> {
    // Few distinct values, so that planes repeat and cancel.
    let number = prop_oneof![Just(0.0_f32), Just(1.0), -2.0..2.0_f32];
    let row = prop::collection::vec(number, dim);
    let candidate = (row, prop_oneof![Just(1.0), 0.1..3.0_f64]);
    let candidates = prop::collection::vec(candidate, 2..5);
    let weighted = (candidates, prop_oneof![3 => Just(1.0), 1 => 0.1..3.0_f64]);
    prop::collection::vec(weighted, 1..9).prop_map(|examples| {
        let example = |(candidates, weight): (Vec<(Vec<f32>, f64)>, f64)| {
            let (rows, losses): (Vec<_>, Vec<_>) = candidates.into_iter().unzip();
            example(&rows, &losses).with_weight(weight)
        };
        examples.into_iter().map(example).collect()
    })
}

/// `CROSSCUT_PROBLEMS` if it is set.
fn env_cases(full: u32) -> u32 {
    std::env::var("CROSSCUT_PROBLEMS").ok().and_then(|n| n.parse().ok()).unwrap_or(cases(full))
}

fn regularisers(dim: usize) -> impl Strategy<Value = Regulariser> {
    let prior = prop_oneof![
        Just(Vec::new()),
        prop::collection::vec(-2.0..2.0_f64, dim),
        prop::collection::vec(-50.0..50.0_f64, dim),
    ];
    let bound =
        prop_oneof![2 => Just(None), 3 => Just(Some(0.0)), 2 => (-1.0..1.0_f64).prop_map(Some)];
    (prior, prop::collection::vec(bound, dim), any::<bool>()).prop_map(
        |(prior, bounds, bounded)| {
            let bounds =
                bounds.into_iter().enumerate().filter_map(|(at, bound)| Some((at, bound?)));
            let regulariser = Regulariser::around(prior);
            if bounded { regulariser.with_lower_bounds(bounds) } else { regulariser }
        },
    )
}

fn problems() -> impl Strategy<Value = (Choice, Examples, Regulariser, f64)> {
    (1_usize..6).prop_flat_map(|dim| {
        let c = prop_oneof![Just(0.05), Just(1.0), Just(30.0)];
        let task = Just(()).prop_map(move |()| Choice { dim });
        (task, examples_of(dim), regularisers(dim), c)
    })
}

impl std::fmt::Debug for Choice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Choice of {} features", self.dim)
    }
}

impl std::fmt::Debug for Candidates {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} {:?}", self.rows, self.losses)
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: env_cases(300), max_shrink_iters: 300, failure_persistence: None, rng_seed: RngSeed::Fixed(2026), ..ProptestConfig::default() })]

    #[test]
    fn both_solvers_enclose_the_optimum_of_a_qp_solver((task, examples, regulariser, c) in problems()) {
        for norm in NORMS {
            let optimum = optimum(&task, &examples, c, norm, &regulariser);
            for solver in SOLVERS {
                let settings = settings(solver, c, norm);
                let Solution { certificate, .. } = solve(&task, &examples, &settings, &regulariser);
                // If the optimum is 0, rounding is all that is left.
                let close = certificate.relative_gap() <= 1e-6 || certificate.gap() <= 1e-9;
                prop_assert!(close, "{:?} {:?}: {:?}", solver, norm, certificate);
                let prior: f64 = regulariser.prior().iter().map(|weight| weight * weight).sum();
                let tolerance = 1e-7 * (1.0 + optimum + prior);
                let (low, high) = (certificate.dual - tolerance, certificate.primal + tolerance);
                prop_assert!(low <= optimum && optimum <= high, "{:?} {:?}: {}, {:?}", solver, norm, optimum, certificate);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: env_cases(40), max_shrink_iters: 100, failure_persistence: None, rng_seed: RngSeed::Fixed(7), ..ProptestConfig::default() })]

    /// Features of sizes from 1e-3 to 1e4, and priors up to 1e6: the bounds of the two solvers must
    /// not exclude each other, whatever is left of the gap.
    #[test]
    fn rounding_breaks_no_certificate(
        (task, examples, regulariser, c) in problems(),
        powers in prop::collection::vec(-3..5_i32, 5),
        size in prop_oneof![Just(1.0), Just(1e3), Just(1e6)],
    ) {
        let scaled = |example: &Example<Candidates, usize>| {
            let row = |row: crosscut::Row<'_>| {
                let mut values = vec![0.0; task.dim];
                for feature in row.features() {
                    let at = feature.index as usize;
                    values[at] = feature.value * 10_f32.powi(powers[at]);
                }
                values
            };
            let rows: Vec<Vec<f32>> = example.x.rows.iter().map(row).collect();
            self::example(&rows, &example.x.losses).with_weight(example.weight)
        };
        let examples: Examples = examples.iter().map(scaled).collect();
        let prior = regulariser.prior().iter().map(|weight| size * weight).collect();
        let bounds = regulariser.lower_bounds().iter().map(|&(at, bound)| (at, size * bound));
        let regulariser = Regulariser::around(prior).with_lower_bounds(bounds);
        for norm in NORMS {
            let bounds = SOLVERS.map(|solver| {
                let settings = settings(solver, c, norm).passes(300).relative_gap(1e-9);
                let Solution { certificate, .. } = solve(&task, &examples, &settings, &regulariser);
                assert!(certificate.oracle.is_clean(), "{certificate:?}");
                assert!(certificate.dual >= 0.0, "{certificate:?}");
                certificate
            });
            prop_assert!(bounds[0].dual <= bounds[1].primal, "{:?}", bounds);
            prop_assert!(bounds[1].dual <= bounds[0].primal, "{:?}", bounds);
        }
    }
}

/// One example with one plane (Δ, δ): w = max(w₀ + αδ, l) for one α in [0, C].
#[test]
fn one_plane_has_a_closed_form() {
    let task = Choice { dim: 2 };
    // δ = (2, −1), Δ = 3.
    let examples = vec![example(&[vec![2.0, 0.0], vec![0.0, 1.0]], &[0.0, 3.0])];
    let cases = [
        // Without a prior: α = Δ / ‖δ‖² = 0.6, unless C is smaller.
        (Regulariser::default(), 10.0, [1.2, -0.6], 0.9),
        (Regulariser::default(), 0.1, [0.2, -0.1], 0.5 * 0.05 + 0.1 * 2.5),
        // The prior has a margin of 1: α = (3 − 1) / 5.
        (Regulariser::around(vec![1.0, 1.0]), 10.0, [1.8, 0.6], 0.4),
        // The prior has slack 0, so it is the optimum.
        (Regulariser::around(vec![2.0, 0.5]), 10.0, [2.0, 0.5], 0.0),
        // The second weight stays at 0: α = 3 / 4.
        (Regulariser::default().with_nonnegative([1]), 10.0, [1.5, 0.0], 1.125),
        // The first weight starts at its bound. It leaves it at α = 0.5, with a margin of
        // 1 + 0.5 = 1.5 there; each further unit of α adds 5.
        (
            Regulariser::around(vec![-0.5, 0.0]).with_lower_bounds([(0, 0.5)]),
            10.0,
            [1.1, -0.8],
            0.5 * (1.6 * 1.6 + 0.64),
        ),
        // A bound above the prior costs ½ (l − w₀)² even without slack.
        (Regulariser::around(vec![1.0, 0.0]).with_lower_bounds([(0, 2.0)]), 10.0, [2.0, 0.0], 0.5),
    ];
    for (regulariser, c, w, optimum) in cases {
        for solver in SOLVERS {
            let settings = settings(solver, c, SlackNorm::Linear);
            let solution = solve(&task, &examples, &settings, &regulariser);
            let close = solution.w.iter().zip(w).all(|(found, w)| (found - w).abs() <= 1e-3);
            assert!(close, "{regulariser:?} {c}: {:?}", solution.w);
            let Certificate { primal, dual, .. } = solution.certificate;
            let near = |value: f64| (value - optimum).abs() <= 1e-6 * optimum + 1e-12;
            assert!(near(primal) && near(dual), "{regulariser:?} {c}: {:?}", solution.certificate);
        }
    }
}

/// Forty examples of six features, some of which differ much in size.
fn larger(sizes: [f32; 6]) -> (Choice, Examples) {
    let mut state = 1_u64;
    let mut next = || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1 << 24) as f32 - 0.5
    };
    let mut row = |shift: f32| sizes.map(|size| size * (next() + shift)).to_vec();
    let examples = (0..40).map(|_| example(&[row(0.1), row(0.0), row(0.0)], &[0.0, 1.0, 2.0]));
    (Choice { dim: 6 }, examples.collect())
}

const EVEN: [f32; 6] = [1.0; 6];
const UNEVEN: [f32; 6] = [1.0, 30.0, 0.1, 1.0, 10.0, 1.0];

fn some_regularisers() -> [Regulariser; 3] {
    let prior = || Regulariser::around(vec![1.0, -2.0, 0.5, 0.0, 3.0, -0.25]);
    let bounded = |regulariser: Regulariser| {
        regulariser.with_nonnegative([0, 3, 5]).with_lower_bounds([(1, -0.5)])
    };
    [prior(), bounded(Regulariser::default()), bounded(prior())]
}

fn bits(solution: &Solution) -> (Vec<u64>, Certificate) {
    (solution.w.iter().map(|weight| weight.to_bits()).collect(), solution.certificate)
}

fn go(_: &crosscut::Progress) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

#[test]
fn the_trivial_regulariser_changes_no_bit() {
    for sizes in [EVEN, UNEVEN] {
        let (task, examples) = larger(sizes);
        for (solver, norm) in SOLVERS.iter().flat_map(|&solver| NORMS.map(|norm| (solver, norm))) {
            let settings = settings(solver, 100.0, norm);
            let mut plain = Trainer::new(&task, &examples, &settings).unwrap();
            let plain = bits(&plain.solve(&mut go));
            for trivial in [Regulariser::default(), Regulariser::around(vec![0.0; 6])] {
                assert_eq!(bits(&solve(&task, &examples, &settings, &trivial)), plain);
            }
        }
    }
}

/// Large C and features of different sizes.
#[test]
fn hard_problems_arrive_with_a_prior_and_bounds_and_both_solvers_agree() {
    for sizes in [EVEN, UNEVEN] {
        let (task, examples) = larger(sizes);
        for (c, norm) in [1.0, 1e3, 1e6].into_iter().flat_map(|c| NORMS.map(|norm| (c, norm))) {
            for regulariser in some_regularisers() {
                let found = SOLVERS.map(|solver| {
                    let settings = settings(solver, c, norm).passes(2000);
                    solve(&task, &examples, &settings, &regulariser).certificate
                });
                assert!(found[0].dual <= found[1].primal, "{found:?}");
                assert!(found[1].dual <= found[0].primal, "{found:?}");
                let arrived = found.iter().all(|found| found.relative_gap() <= 1e-6);
                assert!(arrived, "{c} {norm:?} {regulariser:?}: {found:?}");
            }
        }
    }
}

/// If a w without slack exists, the optimum no longer depends on a large C, but what rounding errors
/// of slacks cost does.
#[test]
fn a_large_c_arrives_if_the_examples_are_separable() {
    let (task, mut examples) = larger(EVEN);
    for (at, example) in examples.iter_mut().enumerate() {
        let mut best = vec![1.0 + 0.01 * at as f32; 6];
        best[at % 6] = 0.5;
        let mut rows = vec![best];
        rows.extend((1..3).map(|other| {
            let row = example.x.rows.iter().nth(other).unwrap();
            let mut values = vec![0.0; 6];
            row.features()
                .iter()
                .for_each(|feature| values[feature.index as usize] = feature.value);
            values
        }));
        *example = self::example(&rows, &[0.0, 1.0, 2.0]);
    }
    for regulariser in some_regularisers() {
        let found = [1e4, 1e6, 1e8].map(|c| {
            let settings = settings(Solver::Block, c, SlackNorm::Linear).relative_gap(1e-3);
            solve(&task, &examples, &settings, &regulariser).certificate
        });
        for certificate in found {
            assert_eq!(certificate.stop, StopReason::Gap, "{regulariser:?}: {certificate:?}");
            assert!(certificate.dual <= found[0].primal && found[0].dual <= certificate.primal);
        }
    }
}

fn write(state: &State<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    ciborium::into_writer(state, &mut bytes).unwrap();
    bytes
}

fn restored<'a>(
    task: &'a Choice,
    examples: &'a Examples,
    settings: &Settings,
    regulariser: &Regulariser,
    bytes: &[u8],
) -> Result<Trainer<'a>, StateError> {
    let trainer = Trainer::new(task, examples, settings).unwrap();
    let mut trainer = trainer.with_regulariser(regulariser).unwrap();
    trainer.restore(ciborium::from_reader(bytes).unwrap())?;
    Ok(trainer)
}

#[test]
fn every_state_resumes_to_the_same_bits_and_no_other_regulariser_takes_it() {
    for sizes in [EVEN, UNEVEN] {
        let (task, examples) = larger(sizes);
        let little = BlockSettings::new().planes(3).idle(1);
        for (solver, c, block) in [
            (Solver::Block, 1.0, BlockSettings::default()),
            (Solver::Block, 1e4, BlockSettings::default()),
            (Solver::Block, 30.0, little),
            (Solver::OneSlack, 30.0, little),
        ] {
            let settings = settings(solver, c, SlackNorm::Linear).passes(20).block(block);
            for regulariser in some_regularisers() {
                let trainer = Trainer::new(&task, &examples, &settings).unwrap();
                let mut trainer = trainer.with_regulariser(&regulariser).unwrap();
                let mut states = Vec::new();
                let whole = trainer.solve_keeping(&mut go, &mut |state| states.push(write(state)));
                for state in &states {
                    let mut rest =
                        restored(&task, &examples, &settings, &regulariser, state).unwrap();
                    let solution = rest.solve_keeping(&mut go, &mut |_| {});
                    assert_eq!(bits(&solution), bits(&whole), "{regulariser:?}");
                }
                let other = |other: &Regulariser, expected: &str| {
                    let error = restored(&task, &examples, &settings, other, &states[0]).err();
                    let message = error.unwrap().to_string();
                    assert!(message.contains(expected), "{message}");
                };
                let (prior, bounds) = (regulariser.prior(), regulariser.lower_bounds());
                let none = if prior.is_empty() { "lower bounds" } else { "prior weights" };
                other(&Regulariser::default(), none);
                let other_prior =
                    Regulariser::around(vec![0.5; 6]).with_lower_bounds(bounds.to_vec());
                other(&other_prior, "prior weights");
                other(&Regulariser::around(prior.to_vec()).with_nonnegative([2]), "lower bounds");
            }
        }
    }
}

#[test]
fn a_run_goes_on_with_another_c() {
    let (task, examples) = larger(EVEN);
    for solver in SOLVERS {
        for regulariser in some_regularisers() {
            let at = |c| settings(solver, c, SlackNorm::Linear);
            let trainer = Trainer::new(&task, &examples, &at(0.1)).unwrap();
            let mut trainer = trainer.with_regulariser(&regulariser).unwrap();
            for c in [0.1, 1.0, 3.0, 0.5] {
                trainer.set_c(C::Sum(c)).unwrap();
                let warm = trainer.solve(&mut go);
                check(&task, &examples, &at(c), &regulariser, &warm);
                let cold = solve(&task, &examples, &at(c), &regulariser);
                let (warm, cold) = (warm.certificate, cold.certificate);
                assert!(warm.relative_gap() <= 1e-6, "{warm:?}");
                assert!(warm.dual <= cold.primal && cold.dual <= warm.primal, "{warm:?} {cold:?}");
            }
        }
    }
}

#[test]
fn streams_and_little_memory_have_the_same_optimum() {
    let (task, examples) = larger(EVEN);
    for regulariser in some_regularisers() {
        let settings = settings(Solver::OneSlack, 3.0, SlackNorm::Linear);
        let whole = solve(&task, &examples, &settings, &regulariser).certificate;
        let oracles = Oracles::new(&task, &examples, 1).unwrap();
        let trainer = StreamTrainer::on(oracles, &settings).unwrap();
        let mut trainer = trainer.with_regulariser(&regulariser).unwrap();
        let stream = trainer.solve(&mut go).unwrap();
        check(&task, &examples, &settings, &regulariser, &stream);
        // Blocks do not fit, so the block solver hands over to the other one.
        let tight = settings.max_memory(14_000).solver(Solver::Block);
        let tight = solve(&task, &examples, &tight, &regulariser).certificate;
        assert_eq!(tight.solver, Solver::OneSlack);
        for found in [stream.certificate, tight] {
            assert!(found.relative_gap() <= 1e-6, "{found:?}");
            assert!(found.dual <= whole.primal && whole.dual <= found.primal, "{found:?}");
        }
    }
}

#[test]
fn a_prior_that_fits_the_data_is_kept_and_one_far_away_is_left() {
    let (task, examples) = larger(EVEN);
    let settings = settings(Solver::Block, 100.0, SlackNorm::Linear);
    let best = solve(&task, &examples, &settings, &Regulariser::default());
    let at = |size: f64| {
        let prior = best.w.iter().map(|weight| size * weight).collect();
        solve(&task, &examples, &settings, &Regulariser::around(prior))
    };
    // Around its own optimum w*, the objective is at most that of the slacks of w*.
    let square: f64 = best.w.iter().map(|weight| weight * weight).sum();
    assert!(at(1.0).certificate.primal <= best.certificate.primal - 0.4 * square);
    assert_eq!(at(1.0).certificate.stop, StopReason::Gap);
    assert!(at(-1.0).certificate.primal > best.certificate.primal);
}

#[test]
fn regularisers_that_do_not_fit_are_refused() {
    let (task, examples) = larger(EVEN);
    let cases = [
        (Regulariser::around(vec![1.0; 5]), "the prior must be 6 weights"),
        (Regulariser::around(vec![f64::NAN; 6]), "a prior weight must be a number between"),
        (Regulariser::around(vec![1e151; 6]), "a prior weight must be a number between"),
        (Regulariser::default().with_nonnegative([6]), "a lower bound must be of a weight below 6"),
        (
            Regulariser::default().with_lower_bounds([(2, f64::NEG_INFINITY)]),
            "a lower bound must be a number between",
        ),
    ];
    for (regulariser, expected) in cases {
        let trainer = Trainer::new(&task, &examples, &Settings::default()).unwrap();
        let error = trainer.with_regulariser(&regulariser).err().unwrap();
        assert!(matches!(error, SolveError::Regulariser(_)));
        assert!(error.to_string().contains(expected), "{error}");
    }
    // The largest numbers overflow nothing but the objective.
    for size in [1e150, -1e150] {
        let regulariser = Regulariser::around(vec![size; 6]).with_nonnegative([0, 1]);
        for solver in SOLVERS {
            let trainer =
                Trainer::new(&task, &examples, &settings(solver, 1.0, SlackNorm::Squared));
            let mut trainer = trainer.unwrap().with_regulariser(&regulariser).unwrap();
            let solution = trainer.solve(&mut go);
            assert!(solution.certificate.dual <= solution.certificate.primal);
            assert!(solution.w.iter().all(|weight| weight.is_finite()));
        }
    }
}
