//! D ≤ P* ≤ P(w), in exact arithmetic: tiny random problems whose optimum is computed in
//! double-double arithmetic (some 31 digits), and bounds that may not be wrong by one unit in their
//! last place.
//!
//! `CROSSCUT_PROBLEMS=10000 cargo test --release -p crosscut --test suite certificate:: -- --nocapture`
//! tries 10,000 problems and prints a table of kinds.

use std::ops::ControlFlow;

use crosscut::{
    BlockSettings, C, Example, Feature, FeatureMap, Place, Planes, Rescaling, Scaled, Settings,
    Sink, SlackNorm, Solver, SparseRows, SparseVector, StopReason, Task, Trainer,
};
use crosscut_testkit::cases;
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;

use crate::worlds::double;

use double::Double;

/// Choice among a few outputs, each a row; x also holds the loss of each.
struct Tiny {
    dim: usize,
    rescaling: Rescaling,
    /// Rows are written as so many single numbers for each of theirs, from which this offset
    /// cancels.
    parts: Option<(usize, f64)>,
}

impl Tiny {
    fn write<'a>(&self, row: crosscut::Row<'a>, sign: f64, sink: &mut dyn Sink<'a>) {
        let Some((parts, offset)) = self.parts else {
            sink.add_row(row, Place::block(0), sign);
            return;
        };
        for feature in row.features() {
            let (index, value) = (feature.index as usize, sign * f64::from(feature.value));
            sink.add(index, offset);
            (0..parts).for_each(|_| sink.add(index, value / parts as f64));
            sink.add(index, -offset);
        }
    }
}

struct Candidates {
    rows: SparseRows,
    losses: Vec<f64>,
}

type Examples = Vec<Example<Candidates, usize>>;

impl FeatureMap for Tiny {
    fn psi<'a>(&'a self, x: &'a Candidates, y: &usize, sink: &mut dyn Sink<'a>) {
        self.write(x.rows.row(*y), 1.0, sink);
    }

    fn plane<'a>(
        &'a self,
        x: &'a Candidates,
        y: &usize,
        y_bar: &usize,
        sink: &mut dyn Sink<'a>,
    ) -> f64 {
        if y == y_bar {
            return 0.0;
        }
        let loss = x.losses[*y_bar];
        let mut scaled =
            Scaled::new(sink, if self.rescaling == Rescaling::Slack { loss } else { 1.0 });
        self.write(x.rows.row(*y), 1.0, &mut scaled);
        self.write(x.rows.row(*y_bar), -1.0, &mut scaled);
        loss
    }
}

impl Task for Tiny {
    type Input = Candidates;
    type Output = usize;
    type Scratch = ();

    fn dim(&self) -> usize {
        self.dim
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
        let loss = |y_bar: usize| if y_bar == *y { 0.0 } else { x.losses[y_bar] };
        let margin = |y_bar: usize| self.score(w, x, y) - self.score(w, x, &y_bar);
        let y_bar = best(x.rows.len(), |y_bar| match self.rescaling {
            Rescaling::Margin => loss(y_bar) - margin(y_bar),
            Rescaling::Slack => loss(y_bar) * (1.0 - margin(y_bar)),
        });
        planes.add(|sink| self.plane(x, y, &y_bar, sink));
    }
}

fn best(n: usize, value: impl Fn(usize) -> f64) -> usize {
    (0..n).reduce(|a, b| if value(b) > value(a) { b } else { a }).expect("there are candidates")
}

const KINDS: [&str; 11] = [
    "plain",
    "duplicates",
    "contradictions",
    "weights 0 and 1e-3 to 1e3",
    "features and C over 12 decades",
    "one large common offset",
    "two planes an example, merged",
    "C changed nine times",
    "slack rescaling",
    "numbers in parts that cancel",
    "a thousand numbers at each index",
];

/// The kind whose scales go to extremes.
const WIDE: usize = 4;

struct Problem {
    kind: usize,
    task: Tiny,
    examples: Examples,
    settings: Settings,
    /// The constants to train with before the last one.
    path: Vec<f64>,
}

fn problem(number: u64) -> Problem {
    let mut random = Pcg64::seed_from_u64(number);
    let kind = (number % KINDS.len() as u64) as usize;
    let mut uniform = move |low: f64, high: f64| low + (high - low) * random.random::<f64>();
    let mut count = |low: usize, high: usize| uniform(low as f64, high as f64 + 0.999) as usize;
    let (n, k, dim) = (count(1, 6), count(2, 4), count(1, 4));
    let wide = kind == WIDE;
    let scale = 10_f64.powf(if wide { uniform(-6.0, 6.0) } else { uniform(-1.0, 1.0) });
    let c = 10_f64.powf(if wide { uniform(-6.0, 6.0) } else { uniform(-2.0, 2.0) });
    let largest = 10_f64.powf(if wide { uniform(-3.0, 3.0) } else { 0.0 });
    let offset = if kind == 5 { 10_f64.powf(uniform(2.0, 6.0)) } else { 0.0 };
    // Of whole numbers some coincide, and so do values of planes.
    let coarse = uniform(0.0, 1.0) < 0.3;
    let mut examples: Examples = (0..n)
        .map(|_| {
            let mut number = || {
                let value = uniform(-1.5, 1.5);
                (scale * (if coarse { value.round() } else { value } + offset)) as f32
            };
            let row = |_| {
                SparseVector::from_dense(&(0..dim).map(|_| number()).collect::<Vec<_>>())
                    .expect("finite")
            };
            let rows = (0..k).map(row).collect();
            let losses =
                (0..k).map(|_| largest * if coarse { 1.0 } else { uniform(0.1, 1.0) }).collect();
            let y = uniform(0.0, k as f64 - 0.001) as usize;
            let weight = match kind {
                3 if uniform(0.0, 1.0) < 0.3 => 0.0,
                3 => 10_f64.powf(uniform(-3.0, 3.0)),
                _ => 1.0,
            };
            Example { x: Candidates { rows, losses }, y, weight }
        })
        .collect();
    if kind == 1 || kind == 2 {
        let again = |example: &Example<Candidates, usize>| {
            let Candidates { rows, losses } = &example.x;
            let y = if kind == 1 { example.y } else { (example.y + 1) % k };
            Example::new(Candidates { rows: rows.clone(), losses: losses.clone() }, y)
        };
        examples.extend(examples.iter().map(again).collect::<Vec<_>>());
    }
    let planes = if kind == 6 { 2 } else { BlockSettings::default().planes };
    let settings = Settings::new()
        .c(C::Sum(c))
        .relative_gap(0.0)
        .passes(200)
        .threads(1)
        .seed(number)
        .block(BlockSettings::new().planes(planes));
    let path = if kind == 7 {
        (0..8).map(|_| 10_f64.powf(uniform(-2.0, 2.0))).collect()
    } else {
        Vec::new()
    };
    let parts = match kind {
        9 => Some((3, 10_f64.powf(uniform(1.0, 4.0)))),
        10 => Some((1000, 0.0)),
        _ => None,
    };
    // With more weights than numbers planes are kept in other ways.
    let dim = if parts.is_some() && number.is_multiple_of(2) { 5000 } else { dim };
    let rescaling = if kind == 8 { Rescaling::Slack } else { Rescaling::Margin };
    Problem { kind, task: Tiny { dim, rescaling, parts }, examples, settings, path }
}

/// A plane in double-double arithmetic.
struct Plane {
    loss: f64,
    delta: Vec<Double>,
}

/// Adds up what is written.
struct Exactly(Vec<Double>);

impl<'a> Sink<'a> for Exactly {
    fn add(&mut self, index: usize, value: f64) {
        self.0[index] += value.into();
    }

    fn add_row(&mut self, row: crosscut::Row<'a>, place: Place, scale: f64) {
        for feature in row.features() {
            let value = Double::from(scale) * f64::from(feature.value).into();
            self.0[place.offset + place.stride * feature.index as usize] += value;
        }
    }
}

/// The problem with all its planes.
struct Exact {
    dim: usize,
    /// C · weight and the planes of each example; that of y itself is left out.
    blocks: Vec<(f64, Vec<Plane>)>,
    squared: bool,
}

impl Exact {
    fn new(problem: &Problem, settings: &Settings) -> Self {
        let each = settings.c.sum(problem.examples.len());
        let dim = problem.task.dim;
        let block = |Example { x, y, weight }: &Example<Candidates, usize>| {
            let plane = |y_bar: usize| {
                let mut delta = Exactly(vec![0.0.into(); dim]);
                let loss = problem.task.plane(x, y, &y_bar, &mut delta);
                Plane { loss, delta: delta.0 }
            };
            (each * weight, (0..x.rows.len()).filter(|y_bar| y_bar != y).map(plane).collect())
        };
        Self {
            dim,
            blocks: problem.examples.iter().map(block).collect(),
            squared: settings.slack_norm == SlackNorm::Squared,
        }
    }

    /// By how much the rounding of the scores that the oracle compares may make P(w) too small: it
    /// may take one output for another. Nobody outside of an oracle knows that.
    fn rounding_of_oracle(&self, w: &[f64], Problem { task, examples, .. }: &Problem) -> f64 {
        let (parts, offset) = task.parts.unwrap_or((1, 0.0));
        let size = |x: &Candidates, y: usize| -> f64 {
            let term =
                |f: &Feature| w[f.index as usize].abs() * (f64::from(f.value).abs() + 2.0 * offset);
            x.rows.row(y).features().iter().map(term).sum::<f64>() + x.losses[y]
        };
        let error = |Example { x, .. }: &Example<Candidates, usize>| {
            let sizes = (0..x.rows.len()).map(|y| size(x, y));
            // Scores of two outputs, each a sum for at most four features.
            let terms = 2 * (4 * (parts + 2) + 1);
            terms as f64 * f64::EPSILON * sizes.fold(0.0, f64::max)
        };
        let slack = |planes: &[Plane]| {
            let w = exactly(w);
            f64::from(planes.iter().map(|plane| value(plane, &w)).fold(Double::from(0.0), max))
        };
        let blocks = self.blocks.iter().zip(examples);
        let cost = |((cost, planes), example): (&(f64, Vec<Plane>), _)| match self.squared {
            true => cost * error(example) * (2.0 * slack(planes) + error(example)),
            false => cost * error(example),
        };
        blocks.map(cost).sum()
    }

    fn primal(&self, w: &[Double]) -> Double {
        let mut sum = dot(w, w) * 0.5.into();
        for (cost, planes) in &self.blocks {
            let slack = planes.iter().map(|plane| value(plane, w)).fold(Double::from(0.0), max);
            sum +=
                if self.squared { slack * slack * (*cost).into() } else { slack * (*cost).into() };
        }
        sum
    }

    /// The optimum if the planes that are highest at w, up to a tolerance, are those that decide
    /// it; w as the combination of them that satisfies the optimality conditions. Any w is as good
    /// a bound.
    fn polish(&self, w: &[Double], tolerance: f64) -> Vec<Double> {
        // Unknowns: α of each plane that decides, then ξ of each example whose slack is positive.
        let (mut active, mut slacks) = (Vec::new(), Vec::new());
        for (index, (cost, planes)) in
            self.blocks.iter().enumerate().filter(|(_, (cost, _))| *cost > 0.0)
        {
            let size = |plane: &Plane| {
                plane.loss
                    + f64::from(dot(w, w)).sqrt()
                        * f64::from(dot(&plane.delta, &plane.delta)).sqrt()
            };
            let size = planes.iter().map(size).fold(0.0, f64::max);
            let highest = planes.iter().map(|plane| value(plane, w)).fold(Double::from(0.0), max);
            let is_highest =
                |plane: &&Plane| f64::from(highest - value(plane, w)) <= tolerance * size;
            let touches_zero = f64::from(highest) <= tolerance * size;
            if touches_zero && self.squared {
                continue;
            }
            let slack = (!touches_zero).then(|| {
                slacks.push(*cost);
                slacks.len() - 1
            });
            active.extend(planes.iter().filter(is_highest).map(|plane| (index, plane, slack)));
        }
        let (m, size) = (active.len(), active.len() + slacks.len());
        let mut system = vec![vec![Double::from(0.0); size + 1]; size];
        for (p, (_, plane, slack)) in active.iter().enumerate() {
            for (q, (_, other, _)) in active.iter().enumerate() {
                system[p][q] = dot(&plane.delta, &other.delta);
            }
            if let Some(slack) = slack {
                system[p][m + slack] = 1.0.into();
                system[m + slack][p] = 1.0.into();
            }
            system[p][size] = plane.loss.into();
        }
        for (slack, &cost) in slacks.iter().enumerate() {
            if self.squared {
                system[m + slack][m + slack] = (-2.0 * cost).into();
            } else {
                system[m + slack][size] = cost.into();
            }
        }
        let solution = eliminate(system);
        let mut w = vec![Double::from(0.0); self.dim];
        for ((_, plane, _), alpha) in active.iter().zip(&solution) {
            w.iter_mut().zip(&plane.delta).for_each(|(weight, value)| *weight += *alpha * *value);
        }
        w
    }
}

/// Gaussian elimination with pivots from anywhere; what has no pivot is 0.
fn eliminate(mut system: Vec<Vec<Double>>) -> Vec<Double> {
    let size = system.len();
    let size_of = |value: Double| f64::from(value).abs();
    let largest = system
        .iter()
        .flat_map(|row| row[..size].iter())
        .map(|value| size_of(*value))
        .fold(0.0, f64::max);
    let mut pivots: Vec<(usize, usize)> = Vec::new();
    for _ in 0..size {
        let free = |at: usize, taken: &dyn Fn(&(usize, usize)) -> usize| {
            pivots.iter().all(|pivot| taken(pivot) != at)
        };
        let rows = (0..size).filter(|&row| free(row, &|pivot| pivot.0));
        let places = rows.flat_map(|row| (0..size).map(move |column| (row, column)));
        let places = places.filter(|&(_, column)| free(column, &|pivot| pivot.1));
        let pivot =
            places.max_by(|a, b| size_of(system[a.0][a.1]).total_cmp(&size_of(system[b.0][b.1])));
        let Some((row, column)) =
            pivot.filter(|&(row, column)| size_of(system[row][column]) > 1e-24 * largest)
        else {
            break;
        };
        pivots.push((row, column));
        let pivot_row = system[row].clone();
        for (at, other) in system.iter_mut().enumerate().filter(|(at, _)| *at != row) {
            let factor = other[column] / pivot_row[column];
            if size_of(factor) > 0.0 {
                other
                    .iter_mut()
                    .zip(&pivot_row)
                    .for_each(|(value, pivot)| *value -= factor * *pivot);
            }
            debug_assert_ne!(at, row);
        }
    }
    let mut solution = vec![Double::from(0.0); size];
    pivots
        .iter()
        .for_each(|&(row, column)| solution[column] = system[row][size] / system[row][column]);
    solution
}

fn dot(a: &[Double], b: &[Double]) -> Double {
    a.iter().zip(b).fold(0.0.into(), |sum, (a, b)| sum + *a * *b)
}

fn value(plane: &Plane, w: &[Double]) -> Double {
    Double::from(plane.loss) - dot(w, &plane.delta)
}

fn max(a: Double, b: Double) -> Double {
    if b > a { b } else { a }
}

fn exactly(w: &[f64]) -> Vec<Double> {
    w.iter().map(|&weight| weight.into()).collect()
}

#[derive(Clone, Copy)]
struct Row {
    runs: usize,
    /// The largest (D − P*) / P*, and the largest (P(w) − P) / P* beyond the rounding of the
    /// oracle. Neither may be positive.
    above: (f64, f64),
    /// How often D is within 1e-12 of P*, and P(w) within 1e-6.
    sharp: usize,
    arrived: usize,
}

#[test]
fn certificates_hold_in_exact_arithmetic() {
    let problems = std::env::var("CROSSCUT_PROBLEMS").map_or_else(
        |_| u64::from(cases(320)),
        |count| count.parse().expect("a number of problems"),
    );
    let mut table =
        [Row { runs: 0, above: (f64::NEG_INFINITY, f64::NEG_INFINITY), sharp: 0, arrived: 0 };
            KINDS.len()];
    let mut broken = Vec::new();
    let mut late = Vec::new();
    for number in 0..problems {
        let problem = problem(number);
        for slack_norm in [SlackNorm::Linear, SlackNorm::Squared] {
            let mut found = Vec::new();
            for solver in [Solver::Block, Solver::OneSlack, Solver::Auto] {
                let settings = problem.settings.slack_norm(slack_norm).solver(solver);
                let first = problem.path.first().map_or(settings.c, |&c| C::Sum(c));
                let first = settings.c(first);
                let mut trainer =
                    Trainer::new(&problem.task, &problem.examples, &first).expect("sound problems");
                for &c in problem.path.iter().skip(1).chain([&problem.settings.c.sum(1)]) {
                    let _ = trainer.solve(&mut |progress| match progress.passes >= 5.0 {
                        true => ControlFlow::Break(()),
                        false => ControlFlow::Continue(()),
                    });
                    trainer.set_c(C::Sum(c)).expect("constants are positive");
                }
                found.push((settings, trainer.solve(&mut |_| ControlFlow::Continue(()))));
            }
            let exact = Exact::new(&problem, &problem.settings.slack_norm(slack_norm));
            let candidates =
                found.iter().map(|(_, solution)| exactly(&solution.w)).collect::<Vec<_>>();
            let lowest = candidates
                .iter()
                .min_by(|a, b| exact.primal(a).partial_cmp(&exact.primal(b)).expect("numbers"));
            let polished = [1e-12, 1e-9, 1e-6, 1e-3]
                .map(|tolerance| exact.polish(lowest.expect("some"), tolerance));
            let values = candidates
                .iter()
                .chain(&polished)
                .map(|w| exact.primal(w))
                .filter(|value| value.is_finite());
            let optimum = values.reduce(|a, b| if b < a { b } else { a }).expect("some");
            for (settings, solution) in &found {
                let certificate = solution.certificate;
                let row = &mut table[problem.kind];
                let primal = exact.primal(&exactly(&solution.w));
                let share = |difference: Double| match f64::from(difference) {
                    0.0 => 0.0,
                    difference => difference / f64::from(optimum),
                };
                let rounding = exact.rounding_of_oracle(&solution.w, &problem);
                let above = (
                    share(Double::from(certificate.dual) - optimum),
                    share(primal - rounding.into() - certificate.primal.into()),
                );
                row.runs += 1;
                row.above = (row.above.0.max(above.0), row.above.1.max(above.1));
                row.sharp += usize::from(above.0 > -1e-12);
                let arrived = share(primal - optimum) <= 1e-6;
                row.arrived += usize::from(arrived);
                // If C‖δ‖² is beyond 1e12 the rounding of slacks alone may cost more than P*. The
                // others may need more passes.
                if !arrived && settings.solver == Solver::OneSlack && problem.kind != WIDE {
                    late.push(format!(
                        "problem {number}, {slack_norm:?}: {certificate:?}, P* = {optimum:?}"
                    ));
                }
                // Double-double arithmetic is off by some 1e-30 of the sizes of what is summed.
                let sound = above.0 <= 0.0 && above.1 <= 0.0 && certificate.gap() >= 0.0;
                if !sound
                    || certificate.stop == StopReason::Inexact
                    || !certificate.oracle.is_clean()
                {
                    broken.push(format!(
                        "problem {number} ({}), {}, {slack_norm:?}: {certificate:?}, {above:?}",
                        KINDS[problem.kind],
                        settings.solver.name()
                    ));
                }
            }
        }
    }
    let head = ["kind", "runs", "(D-P*)/P*", "(P(w)-P)/P*", "D to 1e-12", "P to 1e-6"];
    println!(
        "{:32} {:>8} {:>14} {:>14} {:>12} {:>12}",
        head[0], head[1], head[2], head[3], head[4], head[5]
    );
    for (name, Row { runs, above, sharp, arrived }) in KINDS.iter().zip(table) {
        let percent = |count: usize| 100.0 * count as f64 / runs as f64;
        let (sharp, arrived) = (percent(sharp), percent(arrived));
        println!(
            "{name:32} {runs:>8} {:>14.1e} {:>14.1e} {sharp:>11.1}% {arrived:>11.1}%",
            above.0, above.1
        );
    }
    let shown: Vec<_> = broken.iter().take(10).collect();
    assert!(late.is_empty(), "the one-slack method did not arrive: {late:#?}");
    assert!(broken.is_empty(), "{} certificates are broken: {shown:#?}", broken.len());
}
