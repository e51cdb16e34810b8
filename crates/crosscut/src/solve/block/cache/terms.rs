//! [`Terms`]: planes as linear combinations of placed rows and single weights.

use serde::{Deserialize, Serialize};

/// A key below this is the number of a placed row. Any other key is this bit plus the index of a
/// single weight.
pub(super) const ENTRY: u32 = 1 << 31;

/// Linear combinations of placed rows and single weights: keys, in increasing order within each
/// plane, and their scales.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Terms {
    pub keys: Box<[u32]>,
    pub scales: Box<[f64]>,
}

/// Whether some keys of a plane are single weights. These keys come last.
pub(super) fn has_entries(keys: &[u32]) -> bool {
    keys.last().is_some_and(|&key| key >= ENTRY)
}

/// Sorts terms by key, sums terms with equal keys, and drops zeros.
pub(super) fn sum_terms(terms: &mut Vec<(u32, f64)>) {
    if !terms.is_sorted_by_key(|&(key, _)| key) {
        terms.sort_by_key(|&(key, _)| key);
    }
    terms.dedup_by(|next, kept| {
        let same = next.0 == kept.0;
        if same {
            kept.1 += next.1;
        }
        same
    });
    terms.retain(|&(_, scale)| scale != 0.0);
}

/// Σ scale · dots[placed row] and Σ scale · v(index).
#[inline]
pub(super) fn combine(terms: (&[u32], &[f64]), dots: &[f64], v: impl Fn(usize) -> f64) -> f64 {
    combine_at(keys_of_rows(terms.0), terms, dots, v)
}

/// The same, given the number of keys that are placed rows.
#[inline]
pub(super) fn combine_at(
    at: usize,
    terms: (&[u32], &[f64]),
    dots: &[f64],
    v: impl Fn(usize) -> f64,
) -> f64 {
    let ((rows, entries), (row_scales, entry_scales)) =
        (terms.0.split_at(at), terms.1.split_at(at));
    // If a plane has all of the first placed rows, no key needs to be read.
    let of_rows = match rows.last() {
        Some(&last) if last as usize + 1 == rows.len() => {
            let (fours, rest) = row_scales.as_chunks::<4>();
            let (dot_fours, dots) = dots[..rows.len()].as_chunks::<4>();
            let rest: f64 = rest.iter().zip(dots).map(|(scale, dot)| scale * dot).sum();
            let mut sums = [0.0; 4];
            for (scales, dots) in fours.iter().zip(dot_fours) {
                for ((sum, scale), dot) in sums.iter_mut().zip(scales).zip(dots) {
                    *sum += scale * dot;
                }
            }
            if fours.is_empty() { rest } else { (sums[0] + sums[1]) + (sums[2] + sums[3]) + rest }
        }
        _ => gather(rows, row_scales, |key| dots[key as usize]),
    };
    of_rows + gather(entries, entry_scales, |key| v((key & !ENTRY) as usize))
}

/// Σ scale · value(key). Four or more terms are added in four partial sums, so that additions do
/// not wait for each other.
#[inline]
pub(super) fn gather(keys: &[u32], scales: &[f64], value: impl Fn(u32) -> f64) -> f64 {
    let ((fours, keys), (scale_fours, scales)) = (keys.as_chunks::<4>(), scales.as_chunks::<4>());
    let rest: f64 = keys.iter().zip(scales).map(|(&key, scale)| scale * value(key)).sum();
    if fours.is_empty() {
        return rest;
    }
    let mut sums = [0.0; 4];
    for (keys, scales) in fours.iter().zip(scale_fours) {
        for ((sum, &key), scale) in sums.iter_mut().zip(keys).zip(scales) {
            *sum += scale * value(key);
        }
    }
    (sums[0] + sums[1]) + (sums[2] + sums[3]) + rest
}

/// Number of keys of a plane that are placed rows. These keys come first.
#[inline]
pub(super) fn keys_of_rows(keys: &[u32]) -> usize {
    match has_entries(keys) {
        true => keys.partition_point(|&key| key < ENTRY),
        false => keys.len(),
    }
}

/// Splits terms into placed rows and single weights, each with its scale.
#[inline]
pub(super) fn split<'t>(
    (keys, scales): (&'t [u32], &'t [f64]),
) -> (impl Iterator<Item = (usize, f64)> + 't, impl Iterator<Item = (usize, f64)> + 't) {
    let at = keys_of_rows(keys);
    let ((rows, entries), (row_scales, entry_scales)) = (keys.split_at(at), scales.split_at(at));
    let rows = rows.iter().zip(row_scales).map(|(&placed, &scale)| (placed as usize, scale));
    (
        rows,
        entries.iter().zip(entry_scales).map(|(&entry, &scale)| ((entry & !ENTRY) as usize, scale)),
    )
}
