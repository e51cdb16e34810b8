//! Notes to the user: features of very different sizes, and constants that scaling removes.

use std::sync::atomic::{AtomicU32, Ordering};

use crosscut::Feature;
use crosscut::parallel::map_ranges;

use super::Columns;

/// Largest number of features that a note names.
const NAMED: usize = 8;

/// The words of a task for features that are far apart in size.
#[derive(Clone, Copy, Debug)]
pub struct Apart {
    /// The predicate, for one feature and for several, up to "over 10000 times as …".
    pub verbs: [&'static str; 2],
    /// The comparison: "large as …", "much as …".
    pub than: &'static str,
    /// The values of `--scale` that help.
    pub remedy: &'static str,
    /// How many times as large a feature must be.
    pub spread: f64,
    /// What differences of sizes do.
    pub effect: &'static str,
}

impl Apart {
    /// For sizes computed by [`largest`].
    pub const ROWS: Self = Self {
        verbs: ["has values", "have values"],
        than: "large as a quarter of the features",
        remedy: "--scale standard (or global)",
        spread: 1e4,
        effect: "training may be slow, and C",
    };
    /// For sizes computed by [`largest_of_dense`]. In a table, units of measurement are arbitrary, and a
    /// feature in small ones is hardly regularised.
    pub const TABLE: Self = Self { spread: 100.0, effect: "C", ..Self::ROWS };
}

/// Of `sizes`, as [`largest`] computes them, those of the features that more than half of the rows
/// have; 0 for the others.
pub fn largest_of_dense<'r>(
    mut sizes: Vec<f64>,
    rows: impl Iterator<Item = &'r [Feature]>,
) -> Vec<f64> {
    let (mut counts, mut total) = (vec![0_usize; sizes.len()], 0);
    for row in rows {
        total += 1;
        for feature in row {
            if let Some(count) = counts.get_mut(feature.index as usize) {
                *count += 1;
            }
        }
    }
    for (size, count) in sizes.iter_mut().zip(counts) {
        *size = if 2 * count > total { *size } else { 0.0 };
    }
    sizes
}

/// The largest absolute value of each feature over all rows of the examples, for features with
/// indices below `features`.
///
/// If a row is not compared with other rows, the size of values matters, not only their range.
pub fn largest<'r, E: Sync, R: Iterator<Item = &'r [Feature]>>(
    features: usize,
    examples: &'r [E],
    rows: impl Fn(&'r E) -> R + Sync,
) -> Vec<f64> {
    /// Examples that one thread looks at.
    const AT_ONCE: usize = 1024;
    // Numbers of at least 0 are in the order of their bits, and the largest one does not depend on
    // the order in which threads find it.
    let sizes: Vec<AtomicU32> = (0..features).map(|_| AtomicU32::new(0)).collect();
    map_ranges(examples.len(), AT_ONCE, |range| {
        for feature in examples[range].iter().flat_map(&rows).flatten() {
            let (size, bits) = (&sizes[feature.index as usize], feature.value.abs().to_bits());
            if size.load(Ordering::Relaxed) < bits {
                size.fetch_max(bits, Ordering::Relaxed);
            }
        }
    });
    sizes.into_iter().map(|bits| f64::from(f32::from_bits(bits.into_inner()))).collect()
}

/// A note on the features of more than [`Apart::spread`] times the size of the lower quartile; `None`
/// if there are none.
///
/// Features of size 0 are ignored. Counts, frequencies and symbols of ordinary text are far below
/// this threshold.
pub fn far_apart(sizes: &[f64], words: Apart, name: impl Fn(usize) -> String) -> Option<String> {
    let mut varying: Vec<f64> = sizes.iter().copied().filter(|&size| size > 0.0).collect();
    if varying.is_empty() {
        return None;
    }
    let quarter = (varying.len() - 1) / 4;
    let (_, &mut quarter, _) = varying.select_nth_unstable_by(quarter, f64::total_cmp);
    let large: Vec<usize> =
        (0..sizes.len()).filter(|&index| sizes[index] > words.spread * quarter).collect();
    let verb = words.verbs[usize::from(large.len() > 1)];
    Some(format!(
        "{} {verb} over {} times as {}: {} means something else for each of them; give {}",
        named(&large, name)?,
        words.spread,
        words.than,
        words.effect,
        words.remedy
    ))
}

/// A note on constant features, which scaling turns into 0; `None` if there are none. For tasks in
/// which a constant feature has an effect.
pub fn constants(columns: &Columns, name: impl Fn(usize) -> String) -> Option<String> {
    let constants: Vec<usize> = columns.constants().collect();
    let verbs = if constants.len() == 1 {
        "has one value only and becomes"
    } else {
        "have one value only and become"
    };
    Some(format!("{} {verbs} 0 by --scale", named(&constants, name)?))
}

/// `feature 5` or `features 5, 6 and 2 more`; `None` for no features.
pub(super) fn named(features: &[usize], name: impl Fn(usize) -> String) -> Option<String> {
    let names: Vec<String> = features.iter().take(NAMED).map(|&index| name(index)).collect();
    let more = if features.len() > NAMED {
        format!(" and {} more", features.len() - NAMED)
    } else {
        String::new()
    };
    match features.len() {
        0 => None,
        1 => Some(format!("feature {}", names.concat())),
        _ => Some(format!("features {}{more}", names.join(", "))),
    }
}
