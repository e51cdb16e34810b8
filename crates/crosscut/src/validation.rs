//! Choosing C on held-out examples: [`folds`], [`cross_validate`] and [`search`].
//!
//! ```
//! # use crosscut::{Example, FeatureMap, Place, Planes, Rescaling, Sink, SparseRows, SparseVector, Task};
//! use std::ops::ControlFlow;
//!
//! use crosscut::validation::{folds_of, search};
//! use crosscut::{C, Settings};
//! # struct Choice;
//! # impl Choice {
//! #     fn best(&self, gains: impl Iterator<Item = f64>) -> usize {
//! #         gains.enumerate().fold((0, f64::NEG_INFINITY), |best, (at, gain)| if gain > best.1 { (at, gain) } else { best }).0
//! #     }
//! # }
//! # impl Task for Choice {
//! #     type Input = SparseRows;
//! #     type Output = usize;
//! #     type Scratch = ();
//! #     fn dim(&self) -> usize { 2 }
//! #     fn loss(&self, _: &SparseRows, y: &usize, y_hat: &usize) -> f64 { f64::from(y != y_hat) }
//! #     fn predict(&self, w: &[f64], x: &SparseRows, _: &mut ()) -> usize {
//! #         self.best((0..x.len()).map(|y| self.score(w, x, &y)))
//! #     }
//! #     fn separate<'a>(&'a self, w: &[f64], x: &'a SparseRows, y: &'a usize, _: &mut (), planes: &mut Planes<'a>) {
//! #         let y_bar = self.best((0..x.len()).map(|y_bar| self.loss(x, y, &y_bar) + self.score(w, x, &y_bar)));
//! #         planes.add(|sink| self.plane(x, y, &y_bar, sink));
//! #     }
//! # }
//! # impl FeatureMap for Choice {
//! #     fn psi<'a>(&'a self, x: &'a SparseRows, y: &usize, sink: &mut dyn Sink<'a>) {
//! #         sink.add_row(x.row(*y), Place::block(0), 1.0);
//! #     }
//! # }
//! # let row = |a: usize, b: usize| SparseVector::from_dense(&[a as f32, b as f32]).expect("finite");
//! # let examples: Vec<_> = (0..12).map(|i| Example::new([row(i % 3, i % 5), row(2 - i % 3, i % 4)].into_iter().collect(), usize::from(i % 4 >= i % 5))).collect();
//! # let task = Choice;
//! let folds = folds_of(examples.len(), 4, 0)?;
//! let cs = [C::Sum(0.01), C::Sum(0.1), C::Sum(1.0)];
//! let found = search(&task, &examples, &folds, &cs, &Settings::default(), &mut |_, _| ControlFlow::Continue(()))?;
//! assert_eq!(found.points.len(), 3);
//! assert!(cs.contains(&found.best.expect("it was not interrupted")));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::collections::BTreeSet;

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_pcg::Pcg64;

use crate::model::risk;
use crate::solve::bounds::{Fault, relative_gap};
use crate::solve::error::SolveError;
use crate::solve::progress::{Flow, Progress};
use crate::solve::regulariser::Regulariser;
use crate::solve::settings::{C, Settings, SettingsError};
use crate::solve::solution::{Certificate, Solution, StopReason};
use crate::solve::trainer::Trainer;
use crate::task::{Example, Task};

/// Why examples cannot be divided into folds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
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
    parts.sort_by_key(|part| std::cmp::Reverse(part.len())); // stable: groups of one size stay shuffled
    let mut sizes = vec![0; k];
    let mut fold_of = vec![0; groups.len()];
    for part in parts {
        let smallest = (0..k).min_by_key(|&fold| sizes[fold]).unwrap_or(0);
        sizes[smallest] += part.len();
        part.iter().for_each(|&example| fold_of[example] = smallest);
    }
    Ok(fold_of)
}

/// [`folds`] of `n` examples, each a group of its own: sizes differ by at most one.
///
/// # Errors
/// `k` below 2 or above `n`.
pub fn folds_of(n: usize, k: usize, seed: u64) -> Result<Vec<usize>, FoldError> {
    folds(&(0..n as u64).collect::<Vec<_>>(), k, seed)
}

/// One training run of a cross-validation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Round {
    /// The fold held out.
    pub fold: usize,
    /// Number of non-empty folds, skipped ones included.
    pub folds: usize,
    /// C of this run; with [`C::Mean`], n is the number of examples trained on.
    pub c: C,
}

/// What cross-validation found for one C.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// C, as the caller gave it.
    pub c: C,
    /// The risk on each held-out fold, in order. Folds without an example of positive weight are
    /// skipped.
    pub risks: Vec<f64>,
    /// The weighted mean loss over all examples, each held out once.
    pub risk: f64,
    /// Standard error of the mean of `risks`: their standard deviation divided by √folds. Folds
    /// share training examples, so it is somewhat too small.
    pub standard_error: f64,
    /// Exact passes made, summed over the folds.
    pub passes: f64,
    /// The largest final relative gap of the runs: infinite for a run that stopped as
    /// [`StopReason::Inexact`], computed from [`Certificate::shown`] for one that stopped as
    /// [`StopReason::Oracle`].
    pub relative_gap: f64,
}

/// Trains on all folds but one and measures the risk on that one, for every fold and every C.
///
/// `folds` has the fold of each example, as [`folds()`] returns it. For each fold, one [`Trainer`]
/// solves for the values of C in increasing order, each warm-started from the planes and dual
/// variables of the one before. `settings.c` is ignored; the limits on passes and seconds apply to
/// each run.
///
/// `observer` is called as in [`solve`](crate::solve()) and also receives the current [`Round`].
/// When it asks to stop, no further run begins. `visit` receives every completed run with the
/// indices of the held-out examples, for measures other than the risk.
///
/// The result is in the order of `cs` and has only the values of C that were completed on every
/// fold: all of them, unless the observer asked to stop. The risk is computed on the current rayon
/// pool.
///
/// # Errors
/// See [`SolveError`]. Settings and values of C are checked before the first run; an example is
/// named by its index in `examples`. It is also an error if no example has a positive weight, or if
/// an oracle fails in any run.
///
/// # Panics
/// If `folds` and `examples` differ in length.
pub fn cross_validate<T: Task>(
    task: &T,
    examples: &[Example<T::Input, T::Output>],
    folds: &[usize],
    cs: &[C],
    settings: &Settings,
    observer: &mut dyn FnMut(&Round, &Progress) -> Flow,
    visit: &mut dyn FnMut(&Round, &Solution, &[usize]),
) -> Result<Vec<Point>, SolveError> {
    let plain = Regulariser::default();
    cross_validate_with(&plain, task, examples, folds, cs, settings, observer, visit)
}

/// As [`cross_validate`], with a regulariser for all runs.
///
/// # Errors
/// As [`cross_validate`], and a regulariser that does not fit the task.
///
/// # Panics
/// As [`cross_validate`].
#[allow(clippy::too_many_arguments, reason = "those of `cross_validate`, and one more")]
pub fn cross_validate_with<T: Task>(
    regulariser: &Regulariser,
    task: &T,
    examples: &[Example<T::Input, T::Output>],
    folds: &[usize],
    cs: &[C],
    settings: &Settings,
    observer: &mut dyn FnMut(&Round, &Progress) -> Flow,
    visit: &mut dyn FnMut(&Round, &Solution, &[usize]),
) -> Result<Vec<Point>, SolveError> {
    let weights: Vec<f64> = examples.iter().map(|example| example.weight).collect();
    let trainer = |kept: &[usize], settings: &Settings| {
        Trainer::new(task, kept.iter().map(|&at| &examples[at]), settings)?
            .with_regulariser(regulariser)
    };
    let risk =
        |w: &[f64], held_out: &[usize]| risk(task, w, held_out.iter().map(|&at| &examples[at]));
    cross_validate_any(&weights, folds, cs, settings, (&trainer, &risk), observer, visit)
}

/// Creates a trainer on the examples with these indices.
type NewTrainer<'f, 'a> = &'f dyn Fn(&[usize], &Settings) -> Result<Trainer<'a>, SolveError>;
/// The risk of weights on the examples with these indices.
type Risk<'f> = &'f dyn Fn(&[f64], &[usize]) -> f64;

/// [`cross_validate`] without the types of the task, compiled once; `weights` are the weights of
/// the examples.
fn cross_validate_any(
    weights: &[f64],
    folds: &[usize],
    cs: &[C],
    settings: &Settings,
    (trainer, risk): (NewTrainer<'_, '_>, Risk<'_>),
    observer: &mut dyn FnMut(&Round, &Progress) -> Flow,
    visit: &mut dyn FnMut(&Round, &Solution, &[usize]),
) -> Result<Vec<Point>, SolveError> {
    assert_eq!(folds.len(), weights.len(), "every example needs a fold");
    settings.check()?;
    for &c in cs {
        Settings { c, ..*settings }.check()?;
    }
    if weights.is_empty() {
        return Err(SolveError::NoExamples);
    }
    let all: BTreeSet<usize> = folds.iter().copied().collect();
    let weighty = weights.iter().zip(folds).filter(|(weight, _)| **weight > 0.0);
    let used: BTreeSet<usize> = weighty.map(|(_, &fold)| fold).collect();
    let count = used.len();
    if count == 0 {
        let (name, expected) = ("a fold", "one with an example whose weight is above 0");
        return Err(SettingsError { name, expected, found: "of weight 0".to_owned() }.into());
    }
    let mut runs: Vec<Vec<FoldRun>> = vec![Vec::with_capacity(count); cs.len()];
    'folds: for fold in used {
        let (held_out, kept): (Vec<usize>, Vec<usize>) =
            (0..weights.len()).partition(|&at| folds[at] == fold);
        let mut increasing: Vec<usize> = (0..cs.len()).collect();
        increasing.sort_by(|&a, &b| cs[a].mean(kept.len()).total_cmp(&cs[b].mean(kept.len())));
        let Some(&smallest) = increasing.first() else { break };

        let first = Settings { c: cs[smallest], ..*settings };
        let mut trainer = trainer(&kept, &first).map_err(|error| match error {
            SolveError::Example { index, message } => {
                SolveError::Example { index: kept[index], message }
            }
            other => other,
        })?;
        let weight = held_out.iter().map(|&at| weights[at]).sum();
        for at in increasing {
            let round = Round { fold, folds: all.len(), c: cs[at] };
            trainer.set_c(cs[at])?;
            let mut stop = false;
            let solution = trainer.solve(&mut |progress| {
                let flow = observer(&round, progress);
                stop |= flow.is_break();
                flow
            });
            if let Some(Fault { example, kind }) = solution.certificate.oracle.fault {
                return Err(Fault { example: kept[example], kind }.into());
            }
            if solution.certificate.stop != StopReason::Interrupted {
                let risk = risk(&solution.w, &held_out);
                let Certificate { passes, stop, shown, dual, .. } = solution.certificate;
                let relative_gap = match stop {
                    StopReason::Inexact => f64::INFINITY,
                    StopReason::Oracle => relative_gap(shown, dual),
                    _ => solution.certificate.relative_gap(),
                };
                runs[at].push(FoldRun { risk, weight, passes, relative_gap });
                visit(&round, &solution, &held_out);
            }
            if stop {
                break 'folds;
            }
        }
    }
    let complete = cs.iter().zip(&runs).filter(|(_, runs)| runs.len() == count);
    Ok(complete.map(|(&c, runs)| point(c, runs)).collect())
}

/// What [`search`] found.
#[derive(Clone, Debug, PartialEq)]
pub struct Search {
    /// The C of lowest risk, the smallest among equals. `None` if no C was completed.
    pub best: Option<C>,
    /// All completed values of C, in the order given.
    pub points: Vec<Point>,
}

/// Finds the C of lowest risk by [`cross_validate`]: among equals the smallest, which regularises
/// most.
///
/// # Errors
/// As [`cross_validate`].
///
/// # Panics
/// As [`cross_validate`].
pub fn search<T: Task>(
    task: &T,
    examples: &[Example<T::Input, T::Output>],
    folds: &[usize],
    cs: &[C],
    settings: &Settings,
    observer: &mut dyn FnMut(&Round, &Progress) -> Flow,
) -> Result<Search, SolveError> {
    let points = cross_validate(task, examples, folds, cs, settings, observer, &mut |_, _, _| {})?;
    Ok(Search { best: best(&points, examples.len()), points })
}

/// The C of lowest risk; among equals the smallest, [`C::Mean`] and [`C::Sum`] compared for `n`
/// examples.
pub fn best(points: &[Point], n: usize) -> Option<C> {
    let order = |a: &&Point, b: &&Point| {
        a.risk.total_cmp(&b.risk).then_with(|| a.c.mean(n).total_cmp(&b.c.mean(n)))
    };
    points.iter().min_by(order).map(|point| point.c)
}

/// Result of one training run.
#[derive(Clone, Copy)]
struct FoldRun {
    risk: f64,
    /// Σ weightᵢ of the examples held out.
    weight: f64,
    passes: f64,
    relative_gap: f64,
}

fn point(c: C, runs: &[FoldRun]) -> Point {
    let folds = runs.len() as f64;
    let weight: f64 = runs.iter().map(|run| run.weight).sum();
    let loss: f64 = runs.iter().map(|run| run.weight * run.risk).sum();
    let mean = runs.iter().map(|run| run.risk).sum::<f64>() / folds;
    let squares: f64 = runs.iter().map(|run| (run.risk - mean).powi(2)).sum();
    Point {
        c,
        risks: runs.iter().map(|run| run.risk).collect(),
        risk: if weight > 0.0 { loss / weight } else { 0.0 },
        standard_error: (squares / (folds - 1.0).max(1.0) / folds).sqrt(),
        passes: runs.iter().map(|run| run.passes).sum(),
        relative_gap: runs.iter().map(|run| run.relative_gap).fold(0.0, f64::max),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::ops::ControlFlow;

    use super::*;
    use crate::data::Sink;
    use crate::task::FeatureMap;
    use crate::task::Planes;

    /// Which side of a threshold a number is on: Ψ(x, y) = y · (x, 1) for y = ±1.
    struct Side;

    impl Task for Side {
        type Input = f64;
        type Output = f64;
        type Scratch = ();

        fn dim(&self) -> usize {
            2
        }

        fn loss(&self, _: &f64, y: &f64, y_hat: &f64) -> f64 {
            f64::from(y != y_hat)
        }

        fn predict(&self, w: &[f64], x: &f64, (): &mut ()) -> f64 {
            if self.score(w, x, &1.0) >= 0.0 { 1.0 } else { -1.0 }
        }

        fn separate<'a>(
            &'a self,
            w: &[f64],
            x: &'a f64,
            y: &'a f64,
            (): &mut (),
            planes: &mut Planes<'a>,
        ) {
            let y_bar = if 1.0 + self.score(w, x, &-y) > self.score(w, x, y) { -y } else { *y };
            planes.add(|sink| self.plane(x, y, &y_bar, sink));
        }

        fn validate(&self, x: &f64, _: &f64) -> Result<(), String> {
            if x.is_nan() { Err("x must be a number".into()) } else { Ok(()) }
        }
    }

    impl FeatureMap for Side {
        fn psi<'a>(&'a self, x: &'a f64, y: &f64, sink: &mut dyn Sink<'a>) {
            sink.add(0, x * y);
            sink.add(1, *y);
        }
    }

    fn examples(n: usize) -> Vec<Example<f64, f64>> {
        let xs = (0..n).map(|i| ((i * 7919) % 101) as f64 / 50.0 - 1.0);
        xs.enumerate()
            .map(|(i, x)| Example::new(x, if (x > 0.2) != (i % 13 == 0) { 1.0 } else { -1.0 }))
            .collect()
    }

    fn go(_: &Round, _: &Progress) -> Flow {
        ControlFlow::Continue(())
    }

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
    fn points_are_in_the_order_given_and_equal_cold_training() {
        let examples = examples(60);
        let fold_of = folds_of(60, 3, 1).unwrap();
        let cs = [C::Sum(1.0), C::Mean(0.5), C::Sum(0.1)];
        let settings =
            Settings { relative_gap: 1e-6, passes: Some(100_000), ..Settings::default() };
        let mut rounds = Vec::new();
        let points = cross_validate(
            &Side,
            &examples,
            &fold_of,
            &cs,
            &settings,
            &mut go,
            &mut |round, solution, held_out| {
                assert!(held_out.iter().all(|&at| fold_of[at] == round.fold));
                assert_eq!(held_out.len() + solution.certificate.examples, 60);
                assert_eq!(solution.certificate.c, round.c.mean(40));
                rounds.push((*round, solution.certificate));
            },
        )
        .unwrap();
        assert_eq!(points.iter().map(|point| point.c).collect::<Vec<_>>(), cs);
        assert_eq!(rounds.len(), 9);
        assert!(rounds[..3].windows(2).all(|pair| pair[0].1.c < pair[1].1.c));
        for (round, warm) in rounds {
            let kept = examples
                .iter()
                .zip(&fold_of)
                .filter(|(_, fold)| **fold != round.fold)
                .map(|(e, _)| e);
            let settings = Settings { c: round.c, ..settings };
            let cold = crate::solve(&Side, kept, &settings, &mut |_| ControlFlow::Continue(()))
                .unwrap()
                .certificate;
            let slack = 1e-9 * cold.primal;
            assert!(
                warm.dual <= cold.primal + slack && cold.dual <= warm.primal + slack,
                "{warm:?} {cold:?}"
            );
        }
        for point in &points {
            assert_eq!(point.risks.len(), 3);
            assert!((point.risk - point.risks.iter().sum::<f64>() / 3.0).abs() < 1e-12);
            assert!(point.relative_gap <= 1e-6 && point.passes >= 3.0);
        }
    }

    #[test]
    fn risk_is_pooled_by_weight() {
        let run = |risk, weight| FoldRun { risk, weight, passes: 2.0, relative_gap: 1e-4 * risk };
        let point = point(C::Sum(1.0), &[run(0.5, 1.0), run(0.1, 3.0)]);
        assert_eq!(point.risks, [0.5, 0.1]);
        assert!((point.risk - 0.2).abs() < 1e-15);
        assert!((point.standard_error - 0.2).abs() < 1e-15);
        assert_eq!((point.passes, point.relative_gap), (4.0, 0.5e-4));
    }

    #[test]
    fn search_prefers_low_risk_then_small_c() {
        let point = |c, risk| Point {
            c,
            risks: vec![],
            risk,
            standard_error: 0.0,
            passes: 0.0,
            relative_gap: 0.0,
        };
        let points = [point(C::Sum(1.0), 0.2), point(C::Mean(5.0), 0.1), point(C::Sum(0.1), 0.1)];
        assert_eq!(best(&points, 10), Some(C::Sum(0.1)));
        assert_eq!(best(&points, 100), Some(C::Mean(5.0)));
        assert_eq!(best(&[], 10), None);

        let examples = examples(40);
        let fold_of = folds_of(40, 4, 0).unwrap();
        let found = search(
            &Side,
            &examples,
            &fold_of,
            &[C::Sum(1e-6), C::Sum(1.0)],
            &Settings::default(),
            &mut go,
        )
        .unwrap();
        assert_eq!(found.points.len(), 2);
        assert_eq!(found.best, best(&found.points, 40));
    }

    #[test]
    fn an_interrupted_search_returns_only_what_is_complete() {
        let examples = examples(40);
        let fold_of = folds_of(40, 2, 0).unwrap();
        let cs = [C::Sum(1.0), C::Sum(0.1)];
        let settings = Settings { relative_gap: 1e-6, ..Settings::default() };
        // Stops in the last fold at the larger C, when the smaller one is complete.
        let mut observer = |round: &Round, _: &Progress| {
            if round.fold == 1 && round.c == C::Sum(1.0) {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        };
        let found = search(&Side, &examples, &fold_of, &cs, &settings, &mut observer).unwrap();
        assert_eq!(found.points.iter().map(|point| point.c).collect::<Vec<_>>(), [C::Sum(0.1)]);
        assert_eq!(found.best, Some(C::Sum(0.1)));

        let mut runs = 0;
        let mut observer = |_: &Round, _: &Progress| ControlFlow::Break(());
        let visit = &mut |_: &Round, _: &Solution, _: &[usize]| runs += 1;
        let points =
            cross_validate(&Side, &examples, &fold_of, &cs, &settings, &mut observer, visit)
                .unwrap();
        assert_eq!((points, runs), (vec![], 0));
    }

    #[test]
    fn errors_come_before_training_and_name_the_example() {
        let mut examples = examples(6);
        let validate = |examples: &[_], cs: &[C]| {
            cross_validate(
                &Side,
                examples,
                &[0, 0, 0, 1, 1, 1],
                cs,
                &Settings::default(),
                &mut go,
                &mut |_, _, _| panic!("nothing is trained"),
            )
        };
        let error = validate(&examples, &[C::Sum(1.0), C::Sum(-1.0)]).unwrap_err();
        assert!(matches!(error, SolveError::Settings(SettingsError { name: "C", .. })));
        assert_eq!(validate(&examples, &[]), Ok(vec![]));
        examples[4].x = f64::NAN;
        let error = validate(&examples, &[C::Sum(1.0)]).unwrap_err();
        assert_eq!(error, SolveError::Example { index: 4, message: "x must be a number".into() });

        let none = cross_validate(
            &Side,
            &[],
            &[],
            &[C::Sum(1.0)],
            &Settings::default(),
            &mut go,
            &mut |_, _, _| {},
        );
        assert_eq!(none, Err(SolveError::NoExamples));
        let one_fold = cross_validate(
            &Side,
            &examples,
            &[0; 6],
            &[C::Sum(1.0)],
            &Settings::default(),
            &mut go,
            &mut |_, _, _| {},
        );
        assert_eq!(one_fold, Err(SolveError::NoExamples));
    }
}
