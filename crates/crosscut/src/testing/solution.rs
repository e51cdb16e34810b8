//! [`check_solution`]: verifies the report of a training run.

use super::Entries;
use crate::solve::methods::Solver;
use crate::solve::oracles::different;
use crate::solve::settings::{Settings, SlackNorm};
use crate::solve::solution::{Solution, StopReason};
use crate::task::Planes;
use crate::task::{Example, Task};

/// Relative tolerance for P, which sums n + d numbers.
const SUMS: f64 = 1e-10;
/// Rounding error of a double-precision sum, as a fraction of the sum of the absolute values of its
/// terms.
const TERMS: f64 = 1e-13;
/// Subgradient steps in search of weights whose P is below the dual value.
const STEPS: u32 = 20;

/// Panics unless the report of a training run is true. Evaluates P independently, in about twice
/// the precision of the solvers.
///
/// * w has the length [`dim`](Task::dim), and w, P and D are finite;
/// * [`Certificate::shown`](crate::Certificate::shown) is P(w): not below it, and above it by no
///   more than the rounding of a sum in double precision;
/// * the dual value is at most P at w, at 0, at multiples of w, and along subgradients from w,
///   which lead to weights that refute a dual value above the optimum;
/// * the reason for stopping holds, and passes, oracle calls, examples and C are those of this run.
///
/// Returns P(w). It costs about 30 oracle calls per example, and keeps their planes in memory.
/// `settings` must be the settings of the run.
///
/// # Panics
/// With the claim that fails and the numbers, at the line of the caller.
#[track_caller]
pub fn check_solution<'a, T: Task>(
    task: &T,
    examples: impl IntoIterator<Item = &'a Example<T::Input, T::Output>>,
    settings: &Settings,
    solution: &Solution,
) -> f64
where
    T::Input: 'a,
    T::Output: 'a,
{
    match verify_solution(task, examples, settings, solution) {
        Ok(primal) => primal,
        Err(message) => panic!("{message}"),
    }
}

/// As [`check_solution`], without a panic: returns P(w), or the claim that fails.
///
/// # Errors
/// The first claim that fails, with the numbers and the certificate.
pub fn verify_solution<'a, T: Task>(
    task: &T,
    examples: impl IntoIterator<Item = &'a Example<T::Input, T::Output>>,
    settings: &Settings,
    solution: &Solution,
) -> Result<f64, String>
where
    T::Input: 'a,
    T::Output: 'a,
{
    let examples: Vec<_> = examples.into_iter().collect();
    falsehood(task, &examples, settings, solution)
        .map_err(|message| format!("{message}: {:?}", solution.certificate))
}

fn falsehood<T: Task>(
    task: &T,
    examples: &[&Example<T::Input, T::Output>],
    settings: &Settings,
    solution: &Solution,
) -> Result<f64, String> {
    let (w, certificate, n) = (&solution.w, solution.certificate, examples.len());
    let (primal, dual) = (certificate.shown, certificate.dual);
    let claim =
        |holds: bool, message: &dyn Fn() -> String| if holds { Ok(()) } else { Err(message()) };

    claim(w.len() == task.dim(), &|| {
        format!("there are {} weights for dimension {}", w.len(), task.dim())
    })?;
    let bad = w.iter().position(|weight| !weight.is_finite());
    claim(bad.is_none(), &|| format!("weight {bad:?} is not finite"))?;
    claim(primal.is_finite() && dual.is_finite(), &|| "P and D must be finite".to_owned())?;

    let mut judge =
        Judge { task, examples, settings, planes: examples.iter().map(|_| Vec::new()).collect() };
    let there = judge.evaluate(w);
    let rounding = there.rounding;
    claim(primal >= there.primal * (1.0 - SUMS) - f64::MIN_POSITIVE, &|| {
        format!("P is said to be {primal:e}, but P(w) is {:e}", there.primal)
    })?;
    claim(primal <= there.primal * (1.0 + SUMS) + rounding, &|| {
        format!(
            "P is said to be {primal:e}, but P(w) is only {:e} (rounding {rounding:e})",
            there.primal
        )
    })?;

    let mut below = |at: &str, w: &[f64]| {
        let other = judge.evaluate(w);
        claim(dual <= other.primal + SUMS * other.primal.abs(), &|| {
            format!("D is said to be {dual:e}, but P is {:e} {at}", other.primal)
        })
        .map(|()| other)
    };
    below("at w", w)?;
    below("at 0", &vec![0.0; w.len()])?;
    for factor in [0.5, 0.9, 0.99, 0.999, 1.001, 1.01, 1.1, 2.0] {
        let scaled: Vec<f64> = w.iter().map(|weight| factor * weight).collect();
        below(&format!("at {factor} w"), &scaled)?;
    }
    // Polyak's steps, with the dual value as their target.
    let (mut w, mut here) = (w.clone(), there);
    for step in 0..STEPS {
        let square: f64 = here.slope.iter().map(|g| g * g).sum();
        let length = (here.primal - dual).max(0.0) / square;
        if !(length.is_finite() && length > 0.0) {
            break;
        }
        w.iter_mut().zip(&here.slope).for_each(|(weight, g)| *weight -= length * g);
        here = below(&format!("after {} steps along subgradients", step + 1), &w)?;
    }

    let enough = match certificate.stop {
        StopReason::Gap => certificate.relative_gap() <= settings.relative_gap,
        StopReason::Epsilon => {
            settings.epsilon.is_some_and(|epsilon| certificate.gap() <= certificate.c * epsilon)
        }
        StopReason::Passes => {
            settings.passes.is_some_and(|passes| certificate.passes >= passes as f64)
        }
        StopReason::Seconds => settings.seconds.is_some(),
        // Not checked for `shown`: the lowest P by planes may be at other weights.
        StopReason::Oracle => certificate.relative_gap() > settings.relative_gap,
        StopReason::Interrupted | StopReason::Precision => true,
        StopReason::Inexact | StopReason::Fault => {
            return Err("the oracle was found wrong".to_owned());
        }
    };
    claim(certificate.primal >= primal, &|| "P is below what planes show".to_owned())?;
    claim(enough, &|| "the reason for stopping does not hold".to_owned())?;
    claim(certificate.examples == n && certificate.c == settings.c.mean(n), &|| {
        "n or C are others".to_owned()
    })?;
    claim(certificate.solver != Solver::Auto, &|| "auto is no solver".to_owned())?;
    // Equal examples take one call together, unless a `Stream` reads them.
    let different = different(task, examples);
    let is =
        |n: usize| (certificate.passes * n as f64 - certificate.oracle_calls as f64).abs() <= 1e-6;
    claim(is(n) || is(different), &|| format!("a pass has {n} calls, or {different}"))?;
    Ok(primal)
}

/// P at some weights.
struct Evaluated {
    primal: f64,
    /// Bound on the rounding error of P if all sums are in double precision.
    rounding: f64,
    /// A subgradient of P.
    slope: Vec<f64>,
}

/// A plane: Δ, and δ as it was written.
type Plane = (f64, Vec<(usize, f64)>);

/// Evaluates P over all planes that the oracle has returned so far. If scores are huge, the latest
/// plane may miss the maximum by their rounding error.
struct Judge<'t, T: Task> {
    task: &'t T,
    examples: &'t [&'t Example<T::Input, T::Output>],
    settings: &'t Settings,
    planes: Vec<Vec<Plane>>,
}

impl<T: Task> Judge<'_, T> {
    fn evaluate(&mut self, w: &[f64]) -> Evaluated {
        let each = self.settings.c.sum(self.examples.len());
        let mut primal = Sum::default();
        w.iter().for_each(|&weight| primal.add(0.5 * weight, weight));
        let (mut rounding, mut slope) = (0.0, w.to_vec());
        let mut scratch = T::Scratch::default();
        for (Example { x, y, weight }, planes) in self.examples.iter().zip(&mut self.planes) {
            let mut entries = Entries(Vec::new());
            let mut shown = Planes::default();
            self.task.separate(w, x, y, &mut scratch, &mut shown);
            let loss = shown.write(0, &mut entries);
            let plane = (loss, entries.0);
            if !planes.contains(&plane) {
                planes.push(plane);
            }
            let (mut slack, mut worst, mut size) = (0.0, None, 0.0_f64);
            for plane in planes.iter() {
                let (value, value_size) = slack_of(plane, w);
                (slack, worst) = if value > slack { (value, Some(plane)) } else { (slack, worst) };
                size = size.max(value_size);
            }
            let (cost, error) = (each * weight, TERMS * size);
            let factor = match self.settings.slack_norm {
                SlackNorm::Linear => {
                    primal.add(cost, slack);
                    rounding += cost * error;
                    cost
                }
                SlackNorm::Squared => {
                    primal.add(cost * slack, slack);
                    rounding += cost * (2.0 * slack + error) * error;
                    2.0 * cost * slack
                }
            };
            worst
                .iter()
                .flat_map(|plane| &plane.1)
                .for_each(|&(index, value)| slope[index] -= factor * value);
        }
        Evaluated { primal: primal.total(), rounding, slope }
    }
}

/// Δ − ⟨w, δ⟩, and the sum of the absolute values of its terms.
fn slack_of((loss, delta): &Plane, w: &[f64]) -> (f64, f64) {
    let (mut slack, mut size) = (Sum::default(), *loss);
    slack.add(*loss, 1.0);
    for &(index, value) in delta {
        slack.add(-w[index], value);
        size += (w[index] * value).abs();
    }
    (slack.total(), size)
}

/// A sum of products in twice double precision (Ogita, Rump, Oishi 2005).
#[derive(Default)]
struct Sum {
    high: f64,
    low: f64,
}

impl Sum {
    fn add(&mut self, a: f64, b: f64) {
        let product = a * b;
        let rest = a.mul_add(b, -product);
        let sum = self.high + product;
        let back = sum - self.high;
        self.low += (self.high - (sum - back)) + (product - back) + rest;
        self.high = sum;
    }

    fn total(&self) -> f64 {
        self.high + self.low
    }
}
