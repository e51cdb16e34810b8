//! The small dual of one block or one working set: max over α ≥ 0, Σα ≤ the alpha bound of Σ αₚ Δₚ
//! − ½ ‖Σ αₚ δₚ‖², over its planes.

use nalgebra::{Cholesky, DMatrix, DVector};
use serde::{Deserialize, Serialize};

use crate::solve::vectors::dot;

/// A symmetric matrix that grows by rows. It stores the lower triangle, row by row, each up to the
/// diagonal.
///
/// A *fan*, n · (1 + I) with 1 the all-ones matrix, stores no entries. It is the Gram matrix of the
/// differences a − bₚ of one vector a and other vectors bₚ, if all of them are orthogonal and have
/// ‖·‖² = n.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(try_from = "Vec<f64>", into = "Vec<f64>")]
pub(crate) struct Gram {
    order: usize,
    values: Vec<f64>,
    fan: Option<f64>,
}

impl Gram {
    /// A fan n · (1 + I).
    pub fn fan(order: usize, n: f64) -> Self {
        Self { order, values: Vec::new(), fan: Some(n) }
    }

    pub fn is_fan(&self) -> bool {
        self.fan.is_some()
    }

    /// Appends a row to a fan.
    pub fn grow_fan(&mut self) {
        self.order += 1;
    }

    /// Stores the entries of a fan, so that any row can be appended.
    pub fn unfold(&mut self) {
        let values = (0..self.order).flat_map(|i| (0..=i).map(move |j| (i, j)));
        self.values = values.map(|(i, j)| self.get(i, j)).collect();
        self.fan = None;
    }

    #[inline]
    pub fn get(&self, i: usize, j: usize) -> f64 {
        match self.fan {
            Some(n) if i == j => 2.0 * n,
            Some(n) => n,
            None => self.values[triangle(i.max(j)) + i.min(j)],
        }
    }

    /// target += factor · row i.
    #[inline]
    pub fn add_row(&self, i: usize, factor: f64, target: &mut [f64]) {
        if let Some(n) = self.fan {
            let part = factor * n;
            target.iter_mut().for_each(|sum| *sum += part);
            target[i] += part;
            return;
        }
        let (before, after) = target.split_at_mut(i + 1);
        let start = triangle(i);
        let entries = &self.values[start..=start + i];
        before.iter_mut().zip(entries).for_each(|(sum, entry)| *sum += factor * entry);
        let mut at = start + i;
        for (sum, row) in after.iter_mut().zip(i + 1..) {
            at += row;
            *sum += factor * self.values[at];
        }
    }

    pub fn order(&self) -> usize {
        self.order
    }

    /// Appends a row, which ends with the diagonal entry.
    pub fn push(&mut self, row: impl IntoIterator<Item = f64>) {
        self.order += 1;
        // Memory is reserved exactly, since there are many matrices and most are small.
        self.values.reserve_exact(self.order);
        self.values.extend(row.into_iter().take(self.order));
        debug_assert_eq!(self.values.len(), triangle(self.order));
    }

    /// Replaces the last row.
    pub fn replace_last(&mut self, row: impl IntoIterator<Item = f64>) {
        self.order -= 1;
        self.values.truncate(triangle(self.order));
        self.push(row);
    }

    /// Bytes of the stored entries.
    pub fn bytes(&self) -> usize {
        size_of_val(self.values.as_slice())
    }

    /// Reads the first and last entry, so that the processor fetches them.
    pub fn touch(&self) -> f64 {
        self.values.first().zip(self.values.last()).map_or(0.0, |(first, last)| first + last)
    }

    /// Multiplies all entries.
    pub fn scale(&mut self, factor: f64) {
        self.values.iter_mut().for_each(|entry| *entry *= factor);
    }

    /// Adds factor · ⟨aᵢ, aⱼ⟩ to each entry. A diagonal entry below 0 becomes 0. Not for a fan.
    pub fn add_products(&mut self, vectors: &[Vec<f64>], factor: f64) {
        for (i, a) in vectors.iter().enumerate() {
            for (j, b) in vectors[..=i].iter().enumerate() {
                let entry = &mut self.values[triangle(i) + j];
                *entry += factor * dot(a, b);
                if i == j {
                    *entry = entry.max(0.0);
                }
            }
        }
    }

    /// Keeps the rows and columns i with `keep[i]`.
    pub fn retain(&mut self, keep: &[bool]) {
        let kept: Vec<usize> = (0..self.order).filter(|&i| keep[i]).collect();
        if self.is_fan() {
            self.order = kept.len();
            return;
        }
        let mut values = Vec::with_capacity(triangle(kept.len()));
        for (at, &i) in kept.iter().enumerate() {
            values.extend(kept[..=at].iter().map(|&j| self.values[triangle(i) + j]));
        }
        *self = Self { order: kept.len(), values, fan: None };
    }
}

/// 0 + 1 + … + n.
pub(crate) fn triangle(n: usize) -> usize {
    n * (n + 1) / 2
}

/// The lower triangle, row by row.
impl From<Gram> for Vec<f64> {
    fn from(mut gram: Gram) -> Self {
        if gram.is_fan() {
            gram.unfold();
        }
        gram.values
    }
}

impl TryFrom<Vec<f64>> for Gram {
    type Error = &'static str;

    fn try_from(values: Vec<f64>) -> Result<Self, Self::Error> {
        let order = (0..).find(|&order| triangle(order) >= values.len()).unwrap_or(0);
        if triangle(order) != values.len() {
            return Err("the inner products of planes fill no triangle");
        }
        if values.iter().any(|value| !value.is_finite()) {
            return Err("an inner product of planes is not a finite number");
        }
        Ok(Self { order, values, fan: None })
    }
}

/// Curvature of the dual: the second derivatives damping · ⟨δₚ, δ_q⟩ + ridge, negated.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Curvature<'g> {
    pub gram: &'g Gram,
    /// Factor of the Gram matrix; 1 unless steps are damped.
    pub damping: f64,
    /// Added to every entry: the curvature of the conjugate of a squared slack's cost. 0 if slacks
    /// are not squared.
    pub ridge: f64,
}

impl Curvature<'_> {
    fn get(&self, i: usize, j: usize) -> f64 {
        self.damping * self.gram.get(i, j) + self.ridge
    }
}

/// Raises the dual over `alpha` until the largest violation of the optimality conditions is at most
/// a tolerance, or until steps no longer help. `tolerance` maps the violation at the start to that
/// tolerance; both are in units of the loss.
///
/// On entry and exit `gradient[p]` = Δₚ − ⟨w, δₚ⟩ − ridge · Σα. Here w includes the contribution of
/// this block. The plane (0, 0) has the dual variable alpha bound − Σα; the alpha bound may be
/// infinite. Returns the gain in the dual value.
///
/// With m planes, there are at most 8 (m + 8) pairwise steps of O(m), and at most m + 8 matrix
/// factorisations. A tolerance below the rounding error of the gradient is raised to it.
pub(crate) fn solve(
    curvature: Curvature<'_>,
    gradient: &mut [f64],
    alpha: &mut [f64],
    alpha_bound: f64,
    tolerance: impl FnOnce(f64) -> f64,
) -> f64 {
    let m = alpha.len();
    let mut rest = left(alpha, alpha_bound);
    let (mut pair, mut violation) = worst_pair(gradient, alpha, rest);
    let (mut gain, mut tolerance, mut factorisations) = (0.0, tolerance(violation), m + 8);
    for round in 0..8 {
        let before = gain;
        if round > 0 {
            rest = left(alpha, alpha_bound);
            (pair, violation) = worst_pair(gradient, alpha, rest);
        }
        for _step in 0..(m + 8) {
            if violation <= tolerance {
                return gain;
            }
            let step = pairwise_step(curvature, gradient, alpha, &mut rest, pair);
            if step <= 0.0 {
                return gain;
            }
            gain += step;
            (pair, violation) = worst_pair(gradient, alpha, rest);
        }
        // Most calls have converged by now.
        if round == 2 {
            tolerance = tolerance.max(noise(curvature, alpha));
        }
        if violation <= tolerance {
            return gain;
        }
        // Pairwise steps zigzag if planes are nearly parallel. Newton steps move on the face found
        // so far, and on smaller faces after a plane leaves it.
        while factorisations > 0 {
            factorisations -= 1;
            let (step, left) = newton_step(curvature, gradient, alpha, alpha_bound);
            gain += step;
            if !left {
                break;
            }
        }
        if gain - before <= 1e-15 * gain || factorisations == 0 {
            return gain;
        }
    }
    gain
}

/// Goes on beyond the optimum of the small dual, to `longer` times the distance from `old`, as far as
/// the bounds allow. `gradient` is that at `old`, and that at `alpha`. Returns the gain, which is not
/// positive.
pub(crate) fn go_on(
    old: &[f64],
    alpha: &mut [f64],
    (before, after): (&[f64], &[f64]),
    alpha_bound: f64,
    longer: f64,
) -> f64 {
    // At twice the distance nothing is gained.
    let mut rate = longer.min(1.9) - 1.0;
    let (mut slope, mut bend, mut sum, mut growth) = (0.0, 0.0, 0.0, 0.0);
    for (((old, alpha), before), after) in old.iter().zip(&*alpha).zip(before).zip(after) {
        let change = alpha - old;
        slope += change * after;
        bend += change * (before - after);
        sum += alpha;
        growth += change;
        if change < 0.0 && alpha + rate * change < 0.0 {
            rate = -alpha / change;
        }
    }
    if growth > 1e-12 * sum && sum + rate * growth > alpha_bound {
        rate = ((alpha_bound - sum) / growth).max(0.0);
    }
    if rate <= 0.0 {
        return 0.0;
    }
    rate *= 1.0 - 1e-9;
    for (old, alpha) in old.iter().zip(alpha) {
        let change = *alpha - old;
        *alpha = (*alpha + rate * change).max(0.0);
    }
    rate * (slope - 0.5 * rate * bend)
}

/// Lower estimate of the rounding error of the gradient, whose entries are sums of α · curvature.
fn noise(curvature: Curvature<'_>, alpha: &[f64]) -> f64 {
    let support = || alpha.iter().enumerate().filter(|(_, alpha)| **alpha > 0.0);
    let size =
        |p: usize| support().map(|(q, alpha)| alpha * curvature.get(p, q).abs()).sum::<f64>();
    f64::EPSILON * (0..alpha.len()).map(size).fold(0.0, f64::max)
}

/// Dual variable of the plane (0, 0): alpha bound − Σα, or 0 if the difference is within rounding.
pub(crate) fn left(alpha: &[f64], alpha_bound: f64) -> f64 {
    let sum = alpha.iter().sum::<f64>();
    let left = alpha_bound - sum;
    if left > 1e-12 * alpha_bound.min(sum) { left } else { 0.0 }
}

/// The plane to raise and the plane to lower; `None` is the plane (0, 0).
type Pair = (Option<usize>, Option<usize>);

/// The most violating pair, and the gain per unit of dual weight moved from the lowered plane to
/// the raised one. `left` is the dual variable of the plane (0, 0).
pub(crate) fn worst_pair(gradient: &[f64], alpha: &[f64], left: f64) -> (Pair, f64) {
    const NONE: usize = usize::MAX;
    let (mut up, mut best) = (NONE, 0.0);
    let (mut down, mut worst) = (NONE, if left > 0.0 { 0.0 } else { f64::INFINITY });
    for (p, (&value, &share)) in gradient.iter().zip(alpha).enumerate() {
        (up, best) = if value > best { (p, value) } else { (up, best) };
        let lower = share > 0.0 && value < worst;
        (down, worst) = if lower { (p, value) } else { (down, worst) };
    }
    let plane = |p: usize| (p != NONE).then_some(p);
    ((plane(up), plane(down)), best - worst)
}

/// Moves dual weight from one plane to another by exact line search; returns the gain.
fn pairwise_step(
    curvature: Curvature<'_>,
    gradient: &mut [f64],
    alpha: &mut [f64],
    left: &mut f64,
    (up, down): Pair,
) -> f64 {
    let entry = |i: Option<usize>, j: Option<usize>| match (i, j) {
        (Some(i), Some(j)) => curvature.get(i, j),
        _ => 0.0,
    };
    let value = |p: Option<usize>| p.map_or(0.0, |p| gradient[p]);
    let slope = value(up) - value(down);
    if slope <= 0.0 {
        return 0.0;
    }
    let bend = entry(up, up) + entry(down, down) - 2.0 * entry(up, down);
    let room = match down {
        Some(p) => alpha[p],
        None => *left,
    };
    let step = if bend > 0.0 { (slope / bend).min(room) } else { room };
    if !step.is_finite() || step <= 0.0 {
        return 0.0;
    }
    let rest = if step == room { 0.0 } else { room - step };
    match up {
        Some(p) => alpha[p] += step,
        None => *left += step,
    }
    match down {
        Some(p) => alpha[p] = rest,
        None => *left = rest,
    }
    let Curvature { gram, damping, ridge } = curvature;
    let length = step * damping;
    if let Some(up) = up {
        gram.add_row(up, -length, gradient);
    }
    if let Some(down) = down {
        gram.add_row(down, length, gradient);
    }
    if ridge > 0.0 && up.is_some() != down.is_some() {
        let slack_cost = if up.is_some() { step * ridge } else { -step * ridge };
        gradient.iter_mut().for_each(|value| *value -= slack_cost);
    }
    step * (slope - 0.5 * step * bend)
}

/// A Newton step on the planes in use, cut at the first dual variable that would leave its bounds.
/// Returns the gain, and whether the step was cut.
fn newton_step(
    curvature: Curvature<'_>,
    gradient: &mut [f64],
    alpha: &mut [f64],
    alpha_bound: f64,
) -> (f64, bool) {
    let support: Vec<usize> = (0..alpha.len()).filter(|&p| alpha[p] > 0.0).collect();
    let m = support.len();
    let slack = left(alpha, alpha_bound);
    let sum: f64 = alpha.iter().sum();
    let free = slack > 0.0;
    if m == 0 {
        return (0.0, false);
    }
    let mut matrix = DMatrix::from_fn(m, m, |i, j| curvature.get(support[i], support[j]));
    let ridge = 1e-12 * matrix.trace() / m as f64;
    for i in 0..m {
        matrix[(i, i)] += ridge;
    }
    let Some(factor) = Cholesky::new(matrix) else { return (0.0, false) };
    let mut direction = factor.solve(&DVector::from_fn(m, |i, _| gradient[support[i]]));
    if !free {
        let ones = factor.solve(&DVector::from_element(m, 1.0));
        let lambda = direction.sum() / ones.sum();
        direction -= ones * lambda;
        // Stay exactly on the face with Σα at its bound, even if the matrix is ill-conditioned.
        direction.add_scalar_mut(-direction.sum() / m as f64);
    }
    let (mut longest, mut leaving) = (1.0, None);
    for (i, &p) in support.iter().enumerate() {
        if direction[i] < 0.0 && -alpha[p] / direction[i] < longest {
            (longest, leaving) = (-alpha[p] / direction[i], Some(p));
        }
    }
    let mut left = leaving.is_some();
    if free && direction.sum() > 0.0 && slack / direction.sum() < longest {
        (longest, leaving, left) = (slack / direction.sum(), None, true);
    }
    let slope: f64 = support.iter().zip(direction.iter()).map(|(&p, d)| gradient[p] * d).sum();
    let Curvature { gram, damping, ridge } = curvature;
    let mut image = vec![ridge * direction.sum(); alpha.len()];
    for (&q, d) in support.iter().zip(direction.iter()) {
        gram.add_row(q, damping * d, &mut image);
    }
    let bend: f64 = support.iter().zip(direction.iter()).map(|(&p, d)| image[p] * d).sum();
    let gain = longest * (slope - 0.5 * longest * bend);
    if gain.is_nan() || gain < 0.0 {
        return (0.0, false);
    }
    for (i, &p) in support.iter().enumerate() {
        let moved = alpha[p] + longest * direction[i];
        alpha[p] =
            if moved > 1e-15 * alpha_bound.min(sum) && leaving != Some(p) { moved } else { 0.0 };
    }
    for (value, change) in gradient.iter_mut().zip(&image) {
        *value -= longest * change;
    }
    (gain, left)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn dot(a: &[f64], b: &[f64]) -> f64 {
        a.iter().zip(b).map(|(a, b)| a * b).sum()
    }

    /// Σ αₚ Δₚ − ½ ‖Σ αₚ δₚ‖² and its gradient, from the definition.
    fn dual(
        planes: &[(f64, Vec<f64>)],
        alpha: &[f64],
        damping: f64,
        ridge: f64,
    ) -> (f64, Vec<f64>) {
        let sum: Vec<f64> = (0..3)
            .map(|at| planes.iter().zip(alpha).map(|((_, delta), alpha)| alpha * delta[at]).sum())
            .collect();
        let loss: f64 = planes.iter().zip(alpha).map(|((loss, _), alpha)| alpha * loss).sum();
        let slack_cost = ridge * alpha.iter().sum::<f64>();
        let gradient = planes
            .iter()
            .map(|(loss, delta)| loss - damping * dot(&sum, delta) - slack_cost)
            .collect();
        (
            loss - 0.5 * damping * dot(&sum, &sum) - 0.5 * slack_cost * alpha.iter().sum::<f64>(),
            gradient,
        )
    }

    fn gram(planes: &[(f64, Vec<f64>)]) -> Gram {
        let mut gram = Gram::default();
        for (at, (_, a)) in planes.iter().enumerate() {
            gram.push(planes[..=at].iter().map(|(_, b)| dot(a, b)));
        }
        gram
    }

    fn problems() -> impl Strategy<Value = (Vec<(f64, Vec<f64>)>, f64, f64, f64)> {
        // Few distinct values, so that planes repeat, are collinear or vanish.
        let number = prop_oneof![Just(0.0), Just(1.0), Just(-1.0), -2.0..2.0];
        let plane = (prop_oneof![Just(0.0), Just(1.0), 0.0..3.0], prop::collection::vec(number, 3));
        let damping = prop_oneof![Just(1.0), Just(0.1)];
        // A finite bound with linear or squared slacks, and squared slacks without a bound.
        let (bound, ridge) =
            (prop_oneof![Just(1e-3), Just(1.0), Just(1e3)], prop_oneof![Just(0.0), 0.01..2.0]);
        let bounds = prop_oneof![(bound, ridge), (Just(f64::INFINITY), 1e-3..10.0)];
        (prop::collection::vec(plane, 1..9), bounds, damping).prop_map(
            |(planes, (alpha_bound, ridge), damping)| (planes, alpha_bound, damping, ridge),
        )
    }

    proptest! {
        #[test]
        fn the_solution_satisfies_the_optimality_conditions((planes, alpha_bound, damping, ridge) in problems()) {
            let mut alpha = vec![0.0; planes.len()];
            let (_, mut gradient) = dual(&planes, &alpha, damping, ridge);
            let gram = gram(&planes);
            let curvature = Curvature { gram: &gram, damping, ridge };
            let gain = solve(curvature, &mut gradient, &mut alpha, alpha_bound, |_| 1e-9);
            let (value, exact) = dual(&planes, &alpha, damping, ridge);
            let size = 1.0 + value.abs();
            prop_assert!((value - gain).abs() <= 1e-9 * size, "gain {} of {}", gain, value);
            prop_assert!(alpha.iter().all(|&alpha| alpha >= 0.0));
            prop_assert!(alpha.iter().sum::<f64>() <= alpha_bound * (1.0 + 1e-12));
            for (kept, exact) in gradient.iter().zip(&exact) {
                prop_assert!((kept - exact).abs() <= 1e-8 * size, "{:?} {:?}", gradient, exact);
            }
            // The violation bounds the gain that is still possible, by alpha_bound · violation.
            let (_, violation) = worst_pair(&exact, &alpha, left(&alpha, alpha_bound));
            let reach = alpha_bound.min(1.0 + alpha.iter().sum::<f64>());
            prop_assert!(violation * reach <= 1e-4 * size, "violation {} at {:?}", violation, alpha);
        }
    }

    proptest! {
        /// A longer step stays within the bounds, and its gain is the change of the dual.
        #[test]
        fn a_longer_step_is_feasible_and_tells_its_gain((planes, alpha_bound, damping, ridge) in problems(), longer in 1.1..1.9_f64) {
            let old = vec![alpha_bound.min(1.0) / (2.0 * planes.len() as f64); planes.len()];
            let (start, before) = dual(&planes, &old, damping, ridge);
            let (mut alpha, mut gradient) = (old.clone(), before.clone());
            let gram = gram(&planes);
            let curvature = Curvature { gram: &gram, damping, ridge };
            solve(curvature, &mut gradient, &mut alpha, alpha_bound, |violation| 0.3 * violation);
            let (short, after) = dual(&planes, &alpha, damping, ridge);
            let gain = go_on(&old, &mut alpha, (&before, &after), alpha_bound, longer);
            let (long, _) = dual(&planes, &alpha, damping, ridge);
            let size = 1.0 + start.abs() + short.abs();
            prop_assert!((long - short - gain).abs() <= 1e-8 * size, "{} and {}", long - short, gain);
            prop_assert!(alpha.iter().all(|&alpha| alpha >= 0.0));
            prop_assert!(alpha.iter().sum::<f64>() <= alpha_bound * (1.0 + 1e-9));
        }
    }

    #[test]
    fn one_plane_moves_to_its_own_optimum_or_bound() {
        let planes = [(1.0, vec![2.0, 0.0, 0.0])];
        for (alpha_bound, expected) in [(10.0, 0.25), (0.1, 0.1)] {
            let (mut alpha, mut gradient) = (vec![0.0], vec![1.0]);
            let gram = gram(&planes);
            solve(
                Curvature { gram: &gram, damping: 1.0, ridge: 0.0 },
                &mut gradient,
                &mut alpha,
                alpha_bound,
                |_| 1e-12,
            );
            assert!((alpha[0] - expected).abs() < 1e-12, "{alpha:?}");
        }
    }

    #[test]
    fn retained_rows_keep_their_products() {
        let planes: Vec<_> =
            (0..4).map(|at| (0.0, vec![f64::from(at), 1.0, -2.0 * f64::from(at)])).collect();
        let mut kept = gram(&planes);
        kept.retain(&[true, false, true, true]);
        let expected = gram(&[planes[0].clone(), planes[2].clone(), planes[3].clone()]);
        assert_eq!(kept.order, expected.order);
        assert_eq!(kept.values, expected.values);
        for i in 0..3 {
            let mut row = [1.0; 3];
            kept.add_row(i, 2.0, &mut row);
            assert_eq!(row, [0, 1, 2].map(|j| 1.0 + 2.0 * kept.get(i, j)));
        }
    }
}
