//! Work divided among the threads of the current rayon pool.

use std::ops::Range;
use std::sync::Mutex;

use rayon::prelude::*;

/// The values of `map` at consecutive ranges that make up `0..n`, in their order. A range has at
/// most `longest` numbers, at least 1.
///
/// What runs in parallel is compiled once, and not for each caller: tasks are many, and the
/// machinery of rayon is large.
pub fn map_ranges<R: Send>(
    n: usize,
    longest: usize,
    map: impl Fn(Range<usize>) -> R + Sync,
) -> Vec<R> {
    // Every thread is to get some, and the slow ones fewer.
    let length = n.div_ceil(8 * rayon::current_num_threads()).clamp(1, longest.max(1));
    let results: Vec<Mutex<Option<R>>> =
        (0..n.div_ceil(length)).map(|_| Mutex::new(None)).collect();
    for_each(results.len(), &|at| {
        let value = map(at * length..n.min((at + 1) * length));
        if let Ok(mut result) = results[at].lock() {
            *result = Some(value);
        }
    });
    // All are there: if one had panicked, so would this thread have.
    results.into_iter().filter_map(|result| result.into_inner().ok().flatten()).collect()
}

fn for_each(n: usize, work: &(dyn Fn(usize) + Sync)) {
    (0..n).into_par_iter().with_max_len(1).for_each(work);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_come_in_order_and_make_up_the_whole() {
        for (n, longest) in [(0, 5), (1, 1), (7, 0), (1000, 3), (1000, 10_000)] {
            let ranges = map_ranges(n, longest, |range| range);
            assert!(ranges.iter().cloned().flatten().eq(0..n), "{ranges:?}");
            assert!(ranges.iter().all(|range| range.len() <= longest.max(1)), "{ranges:?}");
        }
    }
}
