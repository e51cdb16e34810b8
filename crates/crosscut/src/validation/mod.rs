//! Choosing C on held-out examples: [`folds()`], [`cross_validate`] and [`search`].
//!
//! [`stratified_folds`] keep the proportions of classes, [`grid()`] makes values of C to try,
//! [`beyond`] extends them, and [`one_standard_error`] prefers a small C to one that is hardly
//! better.
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

mod folds;
mod grid;
mod side_by_side;

use std::collections::BTreeSet;

pub use folds::{FoldError, folds, folds_of, stratified_folds};
pub use grid::{beyond, grid};

use crate::model::risk;
use crate::solve::bounds::{Fault, relative_gap};
use crate::solve::error::SolveError;
use crate::solve::oracles::WorkerPool;
use crate::solve::progress::{Flow, Progress};
use crate::solve::regulariser::Regulariser;
use crate::solve::settings::{C, Settings, SettingsError};
use crate::solve::solution::{Certificate, Solution, StopReason};
use crate::solve::trainer::Trainer;
use crate::task::{Example, Task};
use side_by_side::{Told, side_by_side};

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
    /// The weighted mean loss over all examples, each held out once: the mean of `risks`, weighted by
    /// the weights of the folds.
    pub risk: f64,
    /// Standard error of `risk`: see [`pooled`].
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
/// variables of the one before. `settings.c` is ignored; the limits on passes, seconds and memory
/// apply to each run.
///
/// Folds are trained side by side, as many at a time as `settings.threads` says, each on one thread.
/// If there are fewer folds than threads, they share them. So there are as many [`Trainer`]s in
/// memory as threads, or folds. The result does not depend on the number of threads.
///
/// `observer` is called as in [`Trainer::solve`] and also receives the current [`Round`]. It hears of
/// the folds one after the other, on the calling thread, also while they are trained side by side:
/// then only the first unfinished fold is reported live. When it asks to stop, runs under way end,
/// and no further run begins.
///
/// `visit` receives every completed run with the indices of the held-out examples, for measures
/// other than the risk. It is called on the thread that trained, a rayon pool with the threads of
/// this fold: for different folds in any order, also at the same time.
///
/// The result is in the order of `cs` and has only the values of C that were completed on every
/// fold: all of them, unless the observer asked to stop.
///
/// # Errors
/// See [`SolveError`]. Settings and values of C are checked before the first run; an example is
/// named by its index in `examples`. It is also an error if no example has a positive weight, or if
/// an oracle fails in any run. If several folds have an error, it is that of the first one.
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
    visit: Visit<'_>,
) -> Result<Vec<Point>, SolveError> {
    let plain = Regulariser::default();
    cross_validate_with(&plain, &[], task, examples, folds, cs, settings, observer, visit)
}

/// Receives the completed runs of a [cross-validation](cross_validate), and the examples held out.
pub type Visit<'v> = &'v (dyn Fn(&Round, &Solution, &[usize]) + Sync);

/// As [`cross_validate`], with a regulariser for all runs, and weights from which the first run of
/// each fold [starts](Trainer::start_at): `starts[fold]`, or zero if there are none for a fold.
///
/// # Errors
/// As [`cross_validate`]; a regulariser or a start that does not fit the task.
///
/// # Panics
/// As [`cross_validate`].
#[allow(clippy::too_many_arguments, reason = "those of `cross_validate`, and two more")]
pub fn cross_validate_with<T: Task>(
    regulariser: &Regulariser,
    starts: &[Vec<f64>],
    task: &T,
    examples: &[Example<T::Input, T::Output>],
    folds: &[usize],
    cs: &[C],
    settings: &Settings,
    observer: &mut dyn FnMut(&Round, &Progress) -> Flow,
    visit: Visit<'_>,
) -> Result<Vec<Point>, SolveError> {
    let weights: Vec<f64> = examples.iter().map(|example| example.weight).collect();
    let trainer = |fold: usize, kept: &[usize], settings: &Settings| {
        let mut trainer = Trainer::new(task, kept.iter().map(|&at| &examples[at]), settings)?
            .with_regulariser(regulariser)?;
        if let Some(start) = starts.get(fold).filter(|start| !start.is_empty()) {
            trainer.start_at(start)?;
        }
        Ok(trainer)
    };
    let risk =
        |w: &[f64], held_out: &[usize]| risk(task, w, held_out.iter().map(|&at| &examples[at]));
    let problem = Problem { weights: &weights, trainer: &trainer, risk: &risk, visit };
    problem.cross_validate(folds, cs, settings, observer)
}

type NewTrainer<'f, 'a> =
    dyn Fn(usize, &[usize], &Settings) -> Result<Trainer<'a>, SolveError> + Sync + 'f;

/// [`cross_validate`] without the types of the task, compiled once.
struct Problem<'f, 'a> {
    /// The weights of the examples.
    weights: &'f [f64],
    /// Creates a trainer for a fold, on the examples with these indices.
    trainer: &'f NewTrainer<'f, 'a>,
    /// The risk of weights on the examples with these indices.
    risk: &'f (dyn Fn(&[f64], &[usize]) -> f64 + Sync),
    visit: Visit<'f>,
}

impl Problem<'_, '_> {
    fn cross_validate(
        &self,
        folds: &[usize],
        cs: &[C],
        settings: &Settings,
        observer: &mut dyn FnMut(&Round, &Progress) -> Flow,
    ) -> Result<Vec<Point>, SolveError> {
        assert_eq!(folds.len(), self.weights.len(), "every example needs a fold");
        settings.check()?;
        for &c in cs {
            Settings { c, ..*settings }.check()?;
        }
        if self.weights.is_empty() {
            return Err(SolveError::NoExamples);
        }
        let all: BTreeSet<usize> = folds.iter().copied().collect();
        let weighty = self.weights.iter().zip(folds).filter(|(weight, _)| **weight > 0.0);
        let used: BTreeSet<usize> = weighty.map(|(_, &fold)| fold).collect();
        let used: Vec<usize> = used.into_iter().collect();
        if used.is_empty() {
            let (name, expected) = ("a fold", "one with an example whose weight is above 0");
            return Err(SettingsError { name, expected, found: "of weight 0".to_owned() }.into());
        }
        let mut runs: Vec<Vec<FoldRun>> = vec![Vec::with_capacity(used.len()); cs.len()];
        let train = |at: usize, threads: usize, tell: &mut dyn FnMut(Told) -> Flow| {
            let settings = Settings { threads, ..*settings };
            self.train((used[at], all.len()), folds, cs, &settings, tell)
        };
        let threads = WorkerPool::count(settings.threads);
        side_by_side(used.len(), threads, &train, &mut |told| match told {
            Told::Progress(round, progress) => observer(&round, &progress),
            Told::Done(_, at, run) => {
                runs[at].push(run);
                Flow::Continue(())
            }
        })?;
        let complete = cs.iter().zip(&runs).filter(|(_, runs)| runs.len() == used.len());
        Ok(complete.map(|(&c, runs)| point(c, runs)).collect())
    }

    /// Makes the runs of one fold, of `count` folds.
    fn train(
        &self,
        (fold, count): (usize, usize),
        folds: &[usize],
        cs: &[C],
        settings: &Settings,
        tell: &mut dyn FnMut(Told) -> Flow,
    ) -> Result<(), SolveError> {
        let (held_out, kept): (Vec<usize>, Vec<usize>) =
            (0..folds.len()).partition(|&at| folds[at] == fold);
        let mut increasing: Vec<usize> = (0..cs.len()).collect();
        increasing.sort_by(|&a, &b| cs[a].mean(kept.len()).total_cmp(&cs[b].mean(kept.len())));
        let Some(&smallest) = increasing.first() else { return Ok(()) };

        let first = Settings { c: cs[smallest], ..*settings };
        let mut trainer = (self.trainer)(fold, &kept, &first).map_err(|error| match error {
            SolveError::Example { index, message } => {
                SolveError::Example { index: kept[index], message }
            }
            other => other,
        })?;
        let weight = held_out.iter().map(|&at| self.weights[at]).sum();
        for at in increasing {
            let round = Round { fold, folds: count, c: cs[at] };
            trainer.set_c(cs[at])?;
            let mut stop = false;
            let solution = trainer.solve(&mut |progress| {
                let flow = tell(Told::Progress(round, *progress));
                stop |= flow.is_break();
                flow
            });
            if let Some(Fault { example, kind }) = solution.certificate.oracle.fault {
                return Err(Fault { example: kept[example], kind }.into());
            }
            if solution.certificate.stop != StopReason::Interrupted {
                let risk = (self.risk)(&solution.w, &held_out);
                let Certificate { passes, stop: reason, shown, dual, .. } = solution.certificate;
                let relative_gap = match reason {
                    StopReason::Inexact => f64::INFINITY,
                    StopReason::Oracle => relative_gap(shown, dual),
                    _ => solution.certificate.relative_gap(),
                };
                (self.visit)(&round, &solution, &held_out);
                let run = FoldRun { risk, weight, passes, relative_gap };
                stop |= tell(Told::Done(round, at, run)).is_break();
            }
            if stop {
                break;
            }
        }
        Ok(())
    }
}

/// What [`search`] found.
#[derive(Clone, Debug, PartialEq)]
pub struct Search {
    /// The C of lowest risk, the smallest among equals. `None` if no C was completed.
    pub best: Option<C>,
    /// The smallest C whose risk is within one standard error of the lowest; see
    /// [`one_standard_error`].
    pub one_standard_error: Option<C>,
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
    let points = cross_validate(task, examples, folds, cs, settings, observer, &|_, _, _| {})?;
    let n = examples.len();
    let (best, one_standard_error) = (best(&points, n), one_standard_error(&points, n));
    Ok(Search { best, one_standard_error, points })
}

/// The C of lowest risk; among equals the smallest, [`C::Mean`] and [`C::Sum`] compared for `n`
/// examples.
pub fn best(points: &[Point], n: usize) -> Option<C> {
    let order = |a: &&Point, b: &&Point| {
        a.risk.total_cmp(&b.risk).then_with(|| a.c.mean(n).total_cmp(&b.c.mean(n)))
    };
    points.iter().min_by(order).map(|point| point.c)
}

/// The smallest C whose risk is at most that of the [`best`] C plus its standard error: the most
/// regularised model that is not clearly worse (Breiman, Friedman, Olshen, Stone 1984).
pub fn one_standard_error(points: &[Point], n: usize) -> Option<C> {
    let best = best(points, n)?;
    let best = points.iter().find(|point| point.c == best)?;
    let near = points.iter().filter(|point| point.risk <= best.risk + best.standard_error);
    near.min_by(|a, b| a.c.mean(n).total_cmp(&b.c.mean(n))).map(|point| point.c)
}

/// The mean R of values rₖ of K folds with weights Wₖ, and its standard error:
///
/// ```text
/// R = Σₖ Wₖ rₖ / W,   W = Σₖ Wₖ
/// standard error = √( K / (K − 1) · Σₖ (Wₖ / W)² (rₖ − R)² )
/// ```
///
/// With folds of one weight it is the standard deviation of the rₖ divided by √K. Folds share
/// training examples, so it is somewhat too small. Of one fold it is 0.
pub fn pooled(folds: &[(f64, f64)]) -> (f64, f64) {
    let all: f64 = folds.iter().map(|(weight, _)| weight).sum();
    if all <= 0.0 {
        return (0.0, 0.0);
    }
    let mean = folds.iter().map(|(weight, value)| weight * value).sum::<f64>() / all;
    let squares = folds.iter().map(|(weight, value)| (weight / all * (value - mean)).powi(2));
    let k = folds.len() as f64;
    (mean, (k / (k - 1.0).max(1.0) * squares.sum::<f64>()).sqrt())
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
    let folds: Vec<(f64, f64)> = runs.iter().map(|run| (run.weight, run.risk)).collect();
    let (risk, standard_error) = pooled(&folds);
    Point {
        c,
        risks: runs.iter().map(|run| run.risk).collect(),
        risk,
        standard_error,
        passes: runs.iter().map(|run| run.passes).sum(),
        relative_gap: runs.iter().map(|run| run.relative_gap).fold(0.0, f64::max),
    }
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;
    use std::sync::Mutex;

    use super::*;
    use crate::data::Sink;
    use crate::solve::progress::Moment;
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
    fn points_are_in_the_order_given_and_equal_cold_training() {
        let examples = examples(60);
        let fold_of = folds_of(60, 3, 1).unwrap();
        let cs = [C::Sum(1.0), C::Mean(0.5), C::Sum(0.1)];
        let settings =
            Settings { relative_gap: 1e-6, passes: Some(100_000), ..Settings::default() };
        let rounds = Mutex::new(Vec::new());
        let points = cross_validate(
            &Side,
            &examples,
            &fold_of,
            &cs,
            &settings,
            &mut go,
            &|round, solution, held_out| {
                assert!(held_out.iter().all(|&at| fold_of[at] == round.fold));
                assert_eq!(held_out.len() + solution.certificate.examples, 60);
                assert_eq!(solution.certificate.c, round.c.mean(40));
                rounds.lock().unwrap().push((*round, solution.certificate));
            },
        )
        .unwrap();
        assert_eq!(points.iter().map(|point| point.c).collect::<Vec<_>>(), cs);
        let mut rounds = rounds.into_inner().unwrap();
        assert_eq!(rounds.len(), 9);
        rounds.sort_by_key(|(round, _)| round.fold);
        assert!(rounds[..3].windows(2).all(|pair| pair[0].1.c < pair[1].1.c));
        for (round, warm) in rounds {
            let kept = examples
                .iter()
                .zip(&fold_of)
                .filter(|(_, fold)| **fold != round.fold)
                .map(|(e, _)| e);
            let settings = Settings { c: round.c, ..settings };
            let cold = crate::solve(&Side, kept, &settings).unwrap().certificate;
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
    fn nothing_depends_on_threads() {
        let examples = examples(60);
        let fold_of = folds_of(60, 5, 3).unwrap();
        let cs = [C::Sum(0.1), C::Sum(1.0), C::Mean(0.5)];
        let run = |threads: usize| {
            let settings = Settings::default().threads(threads);
            let (mut heard, visits) = (Vec::new(), Mutex::new(Vec::new()));
            let points = cross_validate(
                &Side,
                &examples,
                &fold_of,
                &cs,
                &settings,
                &mut |round, progress| {
                    if progress.moment != Moment::Within {
                        let told = Progress { seconds: 0.0, oracle_seconds: 0.0, ..*progress };
                        heard.push((*round, told));
                    }
                    Flow::Continue(())
                },
                &|round, solution, held_out| {
                    let visit = (*round, solution.w.clone(), held_out.to_vec());
                    visits.lock().unwrap().push(visit);
                },
            );
            let mut visits = visits.into_inner().unwrap();
            visits.sort_by_key(|(round, ..)| round.fold);
            (points.unwrap(), heard, visits)
        };
        let expected = run(1);
        for threads in [2, 3, 4, 11] {
            assert!(run(threads) == expected, "{threads}");
        }
    }

    #[test]
    fn risk_is_pooled_by_weight() {
        let run = |risk, weight| FoldRun { risk, weight, passes: 2.0, relative_gap: 1e-4 * risk };
        let point = point(C::Sum(1.0), &[run(0.5, 1.0), run(0.1, 3.0)]);
        assert_eq!(point.risks, [0.5, 0.1]);
        assert!((point.risk - 0.2).abs() < 1e-15);
        // √(2 · ((1/4)² · 0.3² + (3/4)² · 0.1²))
        assert!((point.standard_error - 0.15).abs() < 1e-15);
        // The textbook formula for folds of one weight; one fold; nothing.
        let (mean, error) = pooled(&[(2.0, 0.1), (2.0, 0.2), (2.0, 0.6)]);
        assert!((mean - 0.3).abs() < 1e-15 && (error - (0.07_f64 / 3.0).sqrt()).abs() < 1e-15);
        assert_eq!((pooled(&[(2.0, 0.5)]), pooled(&[])), ((0.5, 0.0), (0.0, 0.0)));
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
        assert_eq!((best(&[], 10), one_standard_error(&[], 10)), (None, None));
        let wide = |c, risk, standard_error| Point { standard_error, ..point(C::Sum(c), risk) };
        let points = [wide(1.0, 0.1, 0.03), wide(0.1, 0.13, 0.0), wide(0.01, 0.131, 9.0)];
        assert_eq!(
            (best(&points, 9), one_standard_error(&points, 9)),
            (Some(C::Sum(1.0)), Some(C::Sum(0.1)))
        );
        // The standard error is that of the best C, and larger values of C do not count.
        let points = [wide(1.0, 0.2, 9.0), wide(2.0, 0.1, 0.0), wide(4.0, 0.1, 0.0)];
        assert_eq!(one_standard_error(&points, 9), Some(C::Sum(2.0)));

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

        let mut observer = |_: &Round, _: &Progress| ControlFlow::Break(());
        let visit = |_: &Round, _: &Solution, _: &[usize]| panic!("nothing is complete");
        let settings = settings.threads(1);
        let points =
            cross_validate(&Side, &examples, &fold_of, &cs, &settings, &mut observer, &visit);
        assert_eq!(points, Ok(vec![]));
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
                &Settings::default().threads(1),
                &mut go,
                &|_, _, _| panic!("nothing is trained"),
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
            &|_, _, _| {},
        );
        assert_eq!(none, Err(SolveError::NoExamples));
        let one_fold = cross_validate(
            &Side,
            &examples,
            &[0; 6],
            &[C::Sum(1.0)],
            &Settings::default(),
            &mut go,
            &|_, _, _| {},
        );
        assert_eq!(one_fold, Err(SolveError::NoExamples));
    }
}
