//! [`check_marginals`]: probabilities of parts beside sums over all outputs of a small input.

use super::brute_force::random_weights;
use super::{TOLERANCE, check_parts};
use crate::log_loss::{LogLoss, LogLossScratch, Marginals};
use crate::task::{Example, Planes, Task};

/// Draws of each sample check.
const DRAWS: usize = 4000;

/// Panics unless a structure keeps the contracts of [`Parts`](crate::Parts)
/// ([`check_parts`]) and of [`Marginals`] on this example, whose input has these `outputs` and no
/// others (y among them).
///
/// * ln Z and the probability of every part are those of the sums over all outputs, for random
///   scores, for scores of ±1e3, and for scores that all are 1e9 larger.
/// * Outputs are drawn as often as P(y) says, within five standard deviations in 4,000 draws, and
///   no others.
/// * The planes of [`LogLoss`] have the value −ln P(y | x) at their w, and are at most that at
///   other w.
///
/// # Panics
/// With what is wrong.
#[track_caller]
pub fn check_marginals<P: Marginals>(
    task: &LogLoss<P>,
    example: &Example<P::Input, P::Output>,
    outputs: &[P::Output],
) {
    let parts = &task.0;
    check_parts(parts, example, outputs);
    let Example { x, y, .. } = example;
    let (count, mut scratch) = (parts.count(x), P::Scratch::default());
    let list = |output: &P::Output| {
        let mut list = Vec::new();
        parts.visit(x, output, &mut |part| list.push(part));
        list.sort_unstable();
        list
    };
    let lists: Vec<Vec<usize>> = outputs.iter().map(list).collect();
    for (seed, (scale, shift)) in
        [(0.0, 0.0), (1.0, 0.0), (3.0, 0.0), (1e3, 0.0), (1.0, 1e9), (1.0, -1e9)]
            .into_iter()
            .enumerate()
    {
        let mut scores = random_weights(count, scale, seed as u64);
        scores.iter_mut().for_each(|score| *score += shift);
        let size = 1.0 + count as f64 * (scale + shift.abs());
        let (log_z, probabilities) = distribution(&lists, &scores);
        let mut marginals = vec![f64::NAN; count];
        let found = parts.marginals(x, &scores, &mut scratch, &mut marginals);
        assert!(
            (found - log_z).abs() <= TOLERANCE * size,
            "`marginals` finds ln Z = {found}, and the sum over all outputs is {log_z}"
        );
        // A marginal is as exact as a difference of scores.
        let tolerance = TOLERANCE.max(1e-14 * size);
        for (part, &marginal) in marginals.iter().enumerate() {
            let with = lists.iter().zip(&probabilities).filter(|(list, _)| list.contains(&part));
            let expected: f64 = with.map(|(_, probability)| probability).sum();
            assert!(
                (marginal - expected).abs() <= tolerance,
                "part {part} has the probability {expected}, and `marginals` says {marginal}"
            );
        }
        if shift != 0.0 {
            continue;
        }
        let mut uniform = random_weights(1 << 16, 0.5, 1000 + seed as u64).into_iter().cycle();
        let mut drawn = vec![0_usize; outputs.len()];
        for _ in 0..DRAWS {
            let mut draw = || uniform.next().map_or(0.0, |number| (number + 0.5).min(1.0 - 1e-16));
            let output = list(&parts.sample(x, &scores, &mut scratch, &mut draw));
            match lists.iter().position(|list| *list == output) {
                Some(at) => drawn[at] += 1,
                None => panic!("`sample` draws an output of the parts {output:?}, which is none"),
            }
        }
        for (at, (&drawn, &probability)) in drawn.iter().zip(&probabilities).enumerate() {
            let expected = DRAWS as f64 * probability;
            let deviation = (expected * (1.0 - probability)).sqrt();
            assert!(
                (drawn as f64 - expected).abs() <= 5.0 * deviation + 2.0,
                "`sample` draws output {at} {drawn} times in {DRAWS}, and its probability is {probability}"
            );
        }
    }

    let mut scratch = LogLossScratch::default();
    let of_y = list(y);
    let truth = lists.iter().position(|list| *list == of_y);
    let loss = |w: &[f64]| {
        let mut scores = Vec::new();
        parts.score(w, x, &mut scores);
        let (_, probabilities) = distribution(&lists, &scores);
        -truth.map_or(0.0, |truth| probabilities[truth]).ln()
    };
    let ws: Vec<Vec<f64>> = (0..4).map(|seed| random_weights(task.dim(), 1.0, seed)).collect();
    for w in &ws {
        let mut planes = Planes::default();
        task.separate(w, x, y, &mut scratch, &mut planes);
        let mut delta = vec![0.0; task.dim()];
        let offset = planes.write(0, &mut crate::data::Dense(&mut delta));
        for other in &ws {
            let score: f64 = other.iter().zip(&delta).map(|(a, b)| a * b).sum();
            let (value, loss) = (offset - score, loss(other));
            let tolerance = 1e3 * TOLERANCE * (1.0 + loss + offset);
            assert!(value <= loss + tolerance, "a plane has the value {value}, above {loss}");
            assert!(
                !std::ptr::eq(w, other) || (value - loss).abs() <= tolerance,
                "the plane at w has the value {value}, and −ln P(y | x) is {loss}"
            );
        }
    }
}

/// ln Z, and the probability of each output.
fn distribution(lists: &[Vec<usize>], scores: &[f64]) -> (f64, Vec<f64>) {
    let sums: Vec<f64> =
        lists.iter().map(|list| list.iter().map(|&part| scores[part]).sum()).collect();
    let top = sums.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let z: f64 = sums.iter().map(|sum| (sum - top).exp()).sum();
    (top + z.ln(), sums.iter().map(|sum| (sum - top).exp() / z).collect())
}
