//! Brute-force checks over all outputs of a tiny input, and enumerations of such outputs.

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;

use super::TOLERANCE;
use crate::data::Dense;
use crate::task::{Example, FeatureMap, Planes, Rescaling, Task};

/// Panics unless the oracle's slack at `w` is the maximum over all `outputs` (every output of x, y
/// included), to a relative [`TOLERANCE`].
///
/// # Panics
/// With both numbers.
#[track_caller]
pub fn check_oracle<T: FeatureMap>(
    task: &T,
    w: &[f64],
    example: &Example<T::Input, T::Output>,
    outputs: impl IntoIterator<Item = T::Output>,
    rescaling: Rescaling,
) {
    let found = slack_of(task, w, example);
    let (best, at) = best_of(outputs, |y_bar| rescaled_slack(task, w, example, y_bar, rescaling));
    assert!(
        is_close(found, best),
        "the oracle finds slack {found}, but the maximum over all outputs is {best} (output number {at}; {rescaling:?} rescaling)"
    );
}

/// Panics unless the score of the prediction at `w` is the maximum over all `outputs`, to a
/// relative [`TOLERANCE`].
///
/// # Panics
/// With both numbers.
#[track_caller]
pub fn check_prediction<T: FeatureMap>(
    task: &T,
    w: &[f64],
    x: &T::Input,
    outputs: impl IntoIterator<Item = T::Output>,
) {
    let found = task.score(w, x, &task.predict(w, x, &mut T::Scratch::default()));
    let (best, at) = best_of(outputs, |y| task.score(w, x, y));
    assert!(
        is_close(found, best),
        "the prediction scores {found}, but the best score over all outputs is {best} (output number {at})"
    );
}

/// The plane (Δ, δ) that the oracle finds at `w`, with δ as a dense vector.
///
/// # Panics
/// If it finds none.
pub fn plane_of<T: Task>(
    task: &T,
    w: &[f64],
    example: &Example<T::Input, T::Output>,
) -> (f64, Vec<f64>) {
    let (mut delta, mut planes) = (vec![0.0; task.dim()], Planes::default());
    task.separate(w, &example.x, &example.y, &mut T::Scratch::default(), &mut planes);
    let loss = planes.write(0, &mut Dense(&mut delta));
    (loss, delta)
}

/// The slack Δ − ⟨w, δ⟩ of the plane that the oracle finds at `w`.
pub fn slack_of<T: Task>(task: &T, w: &[f64], example: &Example<T::Input, T::Output>) -> f64 {
    let (loss, delta) = plane_of(task, w, example);
    loss - dot(w, &delta)
}

/// The slack by definition: the maximum over `outputs` of Δ − ⟨w, δ⟩ or of Δ · (1 − ⟨w, δ⟩).
///
/// # Panics
/// If there are no outputs.
#[track_caller]
pub fn brute_force_slack<T: FeatureMap>(
    task: &T,
    w: &[f64],
    example: &Example<T::Input, T::Output>,
    outputs: impl IntoIterator<Item = T::Output>,
    rescaling: Rescaling,
) -> f64 {
    best_of(outputs, |y_bar| rescaled_slack(task, w, example, y_bar, rescaling)).0
}

/// The planes (Δ, δ), or (Δ, Δ·δ) for slack rescaling, of all `outputs`: every constraint of one
/// example, for a reference solver.
pub fn brute_force_planes<T: FeatureMap>(
    task: &T,
    example: &Example<T::Input, T::Output>,
    outputs: impl IntoIterator<Item = T::Output>,
    rescaling: Rescaling,
) -> Vec<(f64, Vec<f64>)> {
    let plane = |y_bar: T::Output| {
        let mut delta = vec![0.0; task.dim()];
        let sink = &mut Dense(&mut delta);
        let loss = match rescaling {
            Rescaling::Margin => task.plane(&example.x, &example.y, &y_bar, sink),
            Rescaling::Slack => task.rescaled_plane(&example.x, &example.y, &y_bar, sink),
        };
        (loss, delta)
    };
    outputs.into_iter().map(plane).collect()
}

/// Weights drawn uniformly between −`scale` and `scale`; the same for the same seed.
pub fn random_weights(dim: usize, scale: f64, seed: u64) -> Vec<f64> {
    let mut rng = Pcg64::seed_from_u64(seed);
    (0..dim).map(|_| scale * (2.0 * rng.random::<f64>() - 1.0)).collect()
}

/// All k^len sequences of `len` tags below `k`, the last tag changing fastest.
pub fn sequences(k: usize, len: usize) -> impl Iterator<Item = Vec<usize>> {
    let first = (k > 0 || len == 0).then(|| vec![0; len]);
    std::iter::successors(first, move |tags| {
        let at = tags.iter().rposition(|&tag| tag + 1 < k)?;
        let mut next = tags.clone();
        next[at] += 1;
        next[at + 1..].fill(0);
        Some(next)
    })
}

/// All n! permutations of 0, …, n − 1 in lexicographic order.
pub fn permutations(n: usize) -> impl Iterator<Item = Vec<usize>> {
    std::iter::successors(Some((0..n).collect::<Vec<_>>()), |order| {
        let at = order.windows(2).rposition(|pair| pair[0] < pair[1])?;
        let mut next = order.clone();
        let larger = next.iter().rposition(|&item| item > next[at])?;
        next.swap(at, larger);
        next[at + 1..].reverse();
        Some(next)
    })
}

/// Δ − ⟨w, δ⟩ or Δ · (1 − ⟨w, δ⟩) of one ȳ, from scores.
pub(super) fn rescaled_slack<T: FeatureMap>(
    task: &T,
    w: &[f64],
    example: &Example<T::Input, T::Output>,
    y_bar: &T::Output,
    rescaling: Rescaling,
) -> f64 {
    let loss = task.loss(&example.x, &example.y, y_bar);
    let margin = task.score(w, &example.x, &example.y) - task.score(w, &example.x, y_bar);
    match rescaling {
        Rescaling::Margin => loss - margin,
        Rescaling::Slack => loss * (1.0 - margin),
    }
}

/// The largest value, and the index of its output.
#[track_caller]
pub(super) fn best_of<Y>(
    outputs: impl IntoIterator<Item = Y>,
    mut value: impl FnMut(&Y) -> f64,
) -> (f64, usize) {
    let values = outputs.into_iter().enumerate().map(|(at, output)| (value(&output), at));
    let best = values.reduce(|best, next| if next.0 > best.0 { next } else { best });
    best.expect("brute force needs at least one output")
}

pub(super) fn is_close(a: f64, b: f64) -> bool {
    (a - b).abs() <= TOLERANCE * a.abs().max(b.abs()).max(1.0)
}

pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
