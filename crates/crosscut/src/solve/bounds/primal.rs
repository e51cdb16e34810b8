//! [`primal`] and [`slacks`] at any weights.

use super::audit::Fault;
use super::rounded_up;
use super::slack::SlackCost;
use crate::parallel::map_ranges;
use crate::solve::regulariser::Regulariser;
use crate::solve::settings::Settings;
use crate::solve::vectors::{squared_distance, squared_norm};
use crate::task::{Example, Planes, Task};

/// P(w) for the C and the slack norm of `settings`. It takes one oracle call for each example at
/// `w`, on the current rayon pool, and no solver.
///
/// Rounded up like the primal value of a [`Certificate`](crate::Certificate), by at most a few
/// units in the last place for each number summed. The amount that an oracle reports it [may have
/// missed](crate::Planes::may_miss) is counted as slack. The bits do not depend on the number of
/// threads.
///
/// # Errors
/// The first example whose oracle returns an answer that is not a plane.
///
/// # Panics
/// If `w` is shorter than [`Task::dim`].
pub fn primal<'e, T: Task>(
    task: &T,
    examples: impl IntoIterator<Item = &'e Example<T::Input, T::Output>>,
    settings: &Settings,
    w: &[f64],
) -> Result<f64, Fault>
where
    T::Input: 'e,
    T::Output: 'e,
{
    primal_with(task, examples, settings, &Regulariser::default(), w)
}

/// As [`primal`], with a regulariser. Infinite if w violates one of its lower bounds.
///
/// # Errors
/// As [`primal`].
///
/// # Panics
/// If `w` is shorter than [`Task::dim`], or the regulariser has a prior of another length than w
/// or a bound of a weight that does not exist.
pub fn primal_with<'e, T: Task>(
    task: &T,
    examples: impl IntoIterator<Item = &'e Example<T::Input, T::Output>>,
    settings: &Settings,
    regulariser: &Regulariser,
    w: &[f64],
) -> Result<f64, Fault>
where
    T::Input: 'e,
    T::Output: 'e,
{
    let prior = regulariser.prior();
    assert!(prior.is_empty() || prior.len() == w.len(), "a prior has a number for each weight");
    let square = if prior.is_empty() { squared_norm(w) } else { squared_distance(w, prior) };
    let examples: Vec<_> = examples.into_iter().collect();
    let each = settings.c.sum(examples.len());
    let slacks = slacks(task, examples.iter().copied(), w)?;
    let cost = |(example, &slack): (&&Example<_, _>, &f64)| {
        SlackCost::new(each * example.weight, settings.slack_norm).of(slack)
    };
    let cost: f64 = examples.iter().zip(&slacks).map(cost).sum();
    if regulariser.lower_bounds().iter().any(|&(index, bound)| w[index] < bound) {
        return Ok(f64::INFINITY);
    }
    Ok(rounded_up(0.5 * square + cost, examples.len(), w.len()))
}

/// The slack ξ ≥ 0 of each example at `w`, in order, rounded up. It takes one oracle call for each
/// example, on the current rayon pool.
///
/// # Errors
/// As [`primal`].
///
/// # Panics
/// As [`primal`].
pub fn slacks<'e, T: Task>(
    task: &T,
    examples: impl IntoIterator<Item = &'e Example<T::Input, T::Output>>,
    w: &[f64],
) -> Result<Vec<f64>, Fault>
where
    T::Input: 'e,
    T::Output: 'e,
{
    let examples: Vec<_> = examples.into_iter().collect();
    let slack = |scratch: &mut T::Scratch, index: usize| {
        let (example, mut planes) = (examples[index], Planes::default());
        task.separate(w, &example.x, &example.y, scratch, &mut planes);
        if let Some(kind) = planes.fault(w.len()) {
            return Err(Fault { example: index, kind });
        }
        planes.as_mut_slice().iter_mut().for_each(|plane| plane.evaluate(w));
        // A value that overflows certifies nothing, so its slack is infinite.
        let highest = planes.highest().map_or(f64::NAN, |plane| plane.value) + planes.missed();
        Ok(if highest.is_nan() { f64::INFINITY } else { highest.max(0.0) })
    };
    let slacks = map_ranges(examples.len(), 64, |range| {
        let mut scratch = T::Scratch::default();
        range.map(|index| slack(&mut scratch, index)).collect::<Result<Vec<f64>, Fault>>()
    });
    Ok(slacks.into_iter().collect::<Result<Vec<_>, _>>()?.concat())
}
