//! Work divided among the threads of the current rayon pool.

use std::ops::Range;
use std::sync::Mutex;

use rayon::prelude::*;

/// Splits `0..n` into consecutive ranges of length 1 to `longest`, calls `map` for each in
/// parallel, and returns the values in order.
///
/// The parallel loop is compiled once and not for each caller, since rayon's generic code is large.
pub fn map_ranges<R: Send>(
    n: usize,
    longest: usize,
    map: impl Fn(Range<usize>) -> R + Sync,
) -> Vec<R> {
    // About eight ranges per thread, to balance the load.
    let length = n.div_ceil(8 * rayon::current_num_threads()).clamp(1, longest.max(1));
    let results: Vec<Mutex<Option<R>>> =
        (0..n.div_ceil(length)).map(|_| Mutex::new(None)).collect();
    for_each(results.len(), &|at| {
        let value = map(at * length..n.min((at + 1) * length));
        if let Ok(mut result) = results[at].lock() {
            *result = Some(value);
        }
    });
    // No value is missing: a panic in `map` would have reached this thread.
    results.into_iter().filter_map(|result| result.into_inner().ok().flatten()).collect()
}

/// Calls `work` for each of the items, in parallel.
pub fn each_mut<T: Send>(items: &mut [T], work: impl Fn(&mut T) + Sync) {
    let length = items.len().div_ceil(8 * rayon::current_num_threads()).max(1);
    let parts: Vec<Mutex<&mut [T]>> = items.chunks_mut(length).map(Mutex::new).collect();
    for_each(parts.len(), &|at| {
        if let Ok(mut part) = parts[at].lock() {
            part.iter_mut().for_each(&work);
        }
    });
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

    #[test]
    fn each_item_is_worked_on_once() {
        for n in [0, 1, 7, 1000] {
            let mut items: Vec<usize> = (0..n).collect();
            each_mut(&mut items, |item| *item += 1);
            assert!(items.into_iter().eq(1..=n));
        }
    }
}
