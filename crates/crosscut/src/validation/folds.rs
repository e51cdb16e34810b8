//! Folds: [`folds()`] by groups, [`stratified_folds`] by groups and classes.

use std::collections::HashMap;

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_pcg::Pcg64;

/// Why examples cannot be divided into folds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FoldError {
    /// One fold leaves nothing to train on.
    #[error("the number of folds must be at least 2, not {folds}")]
    TooFew {
        /// The number asked for.
        folds: usize,
    },
    /// There are fewer groups than folds, and a group is never divided.
    #[error("{groups} groups of examples cannot be divided into {folds} folds")]
    TooMany {
        /// The number asked for.
        folds: usize,
        /// The number of different groups.
        groups: usize,
    },
}

/// Divides examples into `k` folds. Returns the fold of each example, a number below `k`.
///
/// Examples of the same group (a document, a patient, a query) stay in one fold. No fold is empty.
/// Groups are shuffled with `seed` and assigned in order of decreasing size, each to the fold with
/// the fewest examples so far, so that fold sizes differ little.
///
/// # Errors
/// `k` below 2 or above the number of different groups.
pub fn folds(groups: &[u64], k: usize, seed: u64) -> Result<Vec<usize>, FoldError> {
    stratified_folds(groups, &vec![0; groups.len()], k, seed)
}

/// [`folds()`] of `n` examples, each a group of its own: sizes differ by at most one.
///
/// # Errors
/// `k` below 2 or above `n`.
pub fn folds_of(n: usize, k: usize, seed: u64) -> Result<Vec<usize>, FoldError> {
    folds(&(0..n as u64).collect::<Vec<_>>(), k, seed)
}

/// [`folds()`] that also keep the proportions of strata, such as the classes of the examples.
///
/// If each example is a group of its own, the numbers of examples of one stratum in two folds differ
/// by at most one, and so do the sizes of folds. Otherwise each group goes to the fold that has the
/// fewest examples of its strata so far, and proportions are kept as far as that goes. Every example
/// counts as one, whatever its weight.
///
/// # Errors
/// `k` below 2 or above the number of different groups.
///
/// # Panics
/// If `groups` and `strata` differ in length.
pub fn stratified_folds(
    groups: &[u64],
    strata: &[u64],
    k: usize,
    seed: u64,
) -> Result<Vec<usize>, FoldError> {
    assert_eq!(groups.len(), strata.len(), "every example needs a group and a stratum");
    if k < 2 {
        return Err(FoldError::TooFew { folds: k });
    }
    let mut members: Vec<usize> = (0..groups.len()).collect();
    members.sort_by_key(|&example| groups[example]);
    let mut parts: Vec<&[usize]> = members.chunk_by(|&a, &b| groups[a] == groups[b]).collect();
    if k > parts.len() {
        return Err(FoldError::TooMany { folds: k, groups: parts.len() });
    }
    parts.shuffle(&mut Pcg64::seed_from_u64(seed));
    // A stable sort: groups of one size and stratum stay shuffled.
    parts.sort_by_key(|part| (std::cmp::Reverse(part.len()), strata[part[0]]));
    let (mut sizes, mut fold_of) = (vec![0; k], vec![0; groups.len()]);
    // The number of examples of a stratum in each fold that has some.
    let mut counts: HashMap<u64, HashMap<usize, usize>> = HashMap::new();
    let mut alike = vec![0; k];
    for part in parts {
        alike.fill(0);
        for example in part {
            for (&fold, count) in counts.get(&strata[*example]).into_iter().flatten() {
                alike[fold] += count;
            }
        }
        let chosen = (0..k).min_by_key(|&fold| (alike[fold], sizes[fold])).unwrap_or(0);
        sizes[chosen] += part.len();
        for &example in part {
            *counts.entry(strata[example]).or_default().entry(chosen).or_default() += 1;
            fold_of[example] = chosen;
        }
    }
    Ok(fold_of)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folds_are_balanced_seeded_and_never_empty() {
        for (n, k) in [(10, 3), (7, 7), (100, 8), (2, 2)] {
            let fold_of = folds_of(n, k, 5).unwrap();
            let mut sizes = vec![0; k];
            fold_of.iter().for_each(|&fold| sizes[fold] += 1);
            assert!(sizes.iter().all(|&size| size == n / k || size == n / k + 1), "{sizes:?}");
            assert_eq!(fold_of, folds_of(n, k, 5).unwrap());
        }
        assert_ne!(folds_of(100, 5, 1), folds_of(100, 5, 2));
    }

    #[test]
    fn groups_stay_together() {
        let groups: Vec<u64> = (0..200).map(|i| (i * i) % 37).collect();
        let fold_of = folds(&groups, 4, 9).unwrap();
        let mut seen = HashMap::new();
        for (group, fold) in groups.iter().zip(&fold_of) {
            assert_eq!(seen.entry(group).or_insert(fold), &fold);
        }
        let sizes: Vec<usize> =
            (0..4).map(|k| fold_of.iter().filter(|&&fold| fold == k).count()).collect();
        assert!(sizes.iter().max().unwrap() - sizes.iter().min().unwrap() <= 10, "{sizes:?}");
    }

    #[test]
    fn impossible_folds_are_refused() {
        assert_eq!(folds_of(5, 1, 0), Err(FoldError::TooFew { folds: 1 }));
        assert_eq!(folds_of(5, 0, 0), Err(FoldError::TooFew { folds: 0 }));
        assert_eq!(folds_of(5, 6, 0), Err(FoldError::TooMany { folds: 6, groups: 5 }));
        assert_eq!(folds(&[3, 3, 3], 2, 0), Err(FoldError::TooMany { folds: 2, groups: 1 }));
        assert_eq!(
            folds(&[3, 3, 3], 2, 0).unwrap_err().to_string(),
            "1 groups of examples cannot be divided into 2 folds"
        );
    }

    #[test]
    fn strata_are_dealt_evenly() {
        for (n, k, classes, seed) in
            [(100, 3, 7, 0), (60, 5, 60, 1), (17, 4, 2, 2), (999, 10, 13, 3)]
        {
            // Classes of very different sizes.
            let strata: Vec<u64> = (0..n as u64).map(|i| (i * i * 7919 % 101) % classes).collect();
            let groups: Vec<u64> = (0..n as u64).collect();
            let fold_of = stratified_folds(&groups, &strata, k, seed).unwrap();
            let range = |of: &dyn Fn(usize) -> bool| {
                let mut sizes = vec![0; k];
                (0..n).filter(|&at| of(at)).for_each(|at| sizes[fold_of[at]] += 1);
                sizes.iter().max().unwrap() - sizes.iter().min().unwrap()
            };
            for class in 0..classes {
                assert!(range(&|at| strata[at] == class) <= 1, "class {class} of {n}");
            }
            assert!(range(&|_| true) <= 1, "sizes of {n}");
            assert_eq!(Ok(fold_of.clone()), stratified_folds(&groups, &strata, k, seed));
            assert_ne!(Ok(fold_of), stratified_folds(&groups, &strata, k, seed + 1));
        }
    }

    #[test]
    fn groups_win_over_strata() {
        let groups: Vec<u64> = (0..300).map(|i| (i * i) % 41).collect();
        let strata: Vec<u64> = groups.iter().map(|group| group % 3).collect();
        let fold_of = stratified_folds(&groups, &strata, 4, 9).unwrap();
        let mut seen = HashMap::new();
        for (group, fold) in groups.iter().zip(&fold_of) {
            assert_eq!(seen.entry(group).or_insert(fold), &fold);
        }
        assert!((0..4).all(|fold| fold_of.contains(&fold)));
        // One stratum in each group, in groups of one size: they too are dealt evenly.
        let groups: Vec<u64> = (0..120).map(|i| i / 3).collect();
        let strata: Vec<u64> = groups.iter().map(|group| group % 5).collect();
        let fold_of = stratified_folds(&groups, &strata, 4, 9).unwrap();
        for (class, fold) in (0..5).flat_map(|class| (0..4).map(move |fold| (class, fold))) {
            let count = (0..120).filter(|&at| strata[at] == class && fold_of[at] == fold).count();
            assert_eq!(count, 6, "class {class}, fold {fold}");
        }
    }
}
