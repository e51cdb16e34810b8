//! [`side_by_side`]: folds trained at the same time and reported one after the other.

use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{mem, sync::mpsc, thread};

use super::{FoldRun, Round};
use crate::solve::error::SolveError;
use crate::solve::progress::{Flow, Moment, Progress};

/// What is reported of a fold under way.
pub(super) enum Told {
    Progress(Round, Progress),
    /// A run is complete; the number is the index of its C.
    Done(Round, usize, FoldRun),
}

/// Trains on a fold, with as many threads, those of the current pool; ends early if the function
/// that it tells returns `Break`.
pub(super) type Train<'t> =
    dyn Fn(usize, usize, &mut dyn FnMut(Told) -> Flow) -> Result<(), SolveError> + Sync + 't;

/// Trains on folds `0..count`, as many at a time as there are threads. If there are fewer folds
/// than threads, they share them. With one thread, folds are trained on the calling thread.
///
/// `hear` is called on the calling thread, in the order of the folds, for any number of threads.
/// Reports of a fold wait until all folds before it have ended; those from within a pass are then
/// left out. If `hear` returns `Break`, no further run begins, and runs under way end at once: of
/// the fold that was reported, only the rest of the run is reported, and of later folds only the
/// runs that were complete.
///
/// # Errors
/// The error of the first fold, in their order, that has one.
pub(super) fn side_by_side(
    count: usize,
    threads: usize,
    train: &Train<'_>,
    hear: &mut dyn FnMut(Told) -> Flow,
) -> Result<(), SolveError> {
    if threads <= 1 || count <= 1 {
        for at in 0..count {
            let mut goes_on = Flow::Continue(());
            train(at, threads, &mut |told| {
                let flow = hear(told);
                goes_on = if goes_on.is_break() { goes_on } else { flow };
                flow
            })?;
            if goes_on.is_break() {
                break;
            }
        }
        return Ok(());
    }
    let next = AtomicUsize::new(0);
    let state = State { current: AtomicUsize::new(0), end: AtomicUsize::new(count) };
    let (sender, receiver) = mpsc::channel();
    let work = |sender: mpsc::Sender<(usize, Report)>| {
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            if !state.is_wanted(at) {
                return;
            }
            let ended = in_pool(share(at, count, threads), |threads| {
                train(at, threads, &mut |told| state.pass_on(at, told, &sender))
            });
            if ended.is_err() {
                state.end.fetch_min(at + 1, Ordering::Relaxed);
            }
            // Nobody listens after an error.
            let _ = sender.send((at, Report::Ended(ended)));
        }
    };
    thread::scope(|scope| {
        let work = &work;
        let spawn = |_| {
            let sender = sender.clone();
            scope.spawn(move || work(sender))
        };
        let threads: Vec<_> = (0..threads.min(count)).map(spawn).collect();
        drop(sender);
        let result = Listener::new(count, &state, hear).listen(receiver);
        for thread in threads {
            thread.join().unwrap_or_else(|panic| resume_unwind(panic));
        }
        result
    })
}

/// The number of threads for fold `at`: folds trained at the same time share them.
fn share(at: usize, count: usize, threads: usize) -> usize {
    let first = at - at % threads;
    threads / threads.min(count - first)
}

/// Runs `work` on threads of its own. All that it does in parallel stays there.
fn in_pool(
    threads: usize,
    work: impl FnOnce(usize) -> Result<(), SolveError> + Send,
) -> Result<(), SolveError> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
    pool.map_err(|error| SolveError::Threads(error.to_string()))?.install(|| work(threads))
}

/// What a fold sends.
enum Report {
    Told(Told),
    Ended(Result<(), SolveError>),
}

/// What all threads know.
struct State {
    /// The fold being reported.
    current: AtomicUsize,
    /// No fold from this one on is wanted.
    end: AtomicUsize,
}

impl State {
    fn is_wanted(&self, at: usize) -> bool {
        at < self.end.load(Ordering::Relaxed)
    }

    fn pass_on(&self, at: usize, told: Told, sender: &mpsc::Sender<(usize, Report)>) -> Flow {
        let is_within =
            matches!(&told, Told::Progress(_, progress) if progress.moment == Moment::Within);
        if !is_within || at == self.current.load(Ordering::Relaxed) {
            // Nobody listens after an error.
            let _ = sender.send((at, Report::Told(told)));
        }
        if self.is_wanted(at) { Flow::Continue(()) } else { Flow::Break(()) }
    }
}

/// Puts the reports in order.
struct Listener<'l> {
    state: &'l State,
    hear: &'l mut dyn FnMut(Told) -> Flow,
    current: usize,
    /// Reports of later folds.
    waiting: Vec<Vec<Report>>,
    /// The run whose report was answered with `Break`, and whether it had ended then.
    stopped: Option<(Round, bool)>,
}

impl<'l> Listener<'l> {
    fn new(count: usize, state: &'l State, hear: &'l mut dyn FnMut(Told) -> Flow) -> Self {
        let waiting = (0..count).map(|_| Vec::new()).collect();
        Self { state, hear, current: 0, waiting, stopped: None }
    }

    fn listen(mut self, reports: mpsc::Receiver<(usize, Report)>) -> Result<(), SolveError> {
        for (at, report) in reports {
            self.waiting[at].push(report);
            while let Some(reports) = self.waiting.get_mut(self.current) {
                let reports = mem::take(reports);
                if reports.is_empty() || !self.report(reports)? {
                    break;
                }
                if self.stopped.is_some() {
                    break;
                }
                self.current += 1;
                self.state.current.store(self.current, Ordering::Relaxed);
            }
        }
        if self.stopped.is_some() {
            self.report_complete();
        }
        Ok(())
    }

    /// Reports the current fold; whether it has ended.
    fn report(&mut self, reports: Vec<Report>) -> Result<bool, SolveError> {
        for report in reports {
            let told = match report {
                Report::Told(told) => told,
                Report::Ended(Ok(())) => return Ok(true),
                Report::Ended(Err(error)) => {
                    self.state.end.store(0, Ordering::Relaxed);
                    return Err(error);
                }
            };
            let (round, has_ended) = match &told {
                Told::Progress(round, progress) => {
                    (*round, matches!(progress.moment, Moment::End(_)))
                }
                Told::Done(round, ..) => (*round, true),
            };
            match self.stopped {
                None => {
                    if (self.hear)(told).is_break() {
                        self.stopped = Some((round, has_ended));
                        self.state.end.store(0, Ordering::Relaxed);
                    }
                }
                // Its thread may have gone on until it knew.
                Some((last, had_ended)) => {
                    if round == last && (had_ended || matches!(told, Told::Progress(..))) {
                        let _: Flow = (self.hear)(told);
                    }
                }
            }
        }
        Ok(false)
    }

    /// Reports the complete runs of the folds after the current one.
    fn report_complete(&mut self) {
        for mut reports in self.waiting.drain(..).skip(self.current + 1) {
            let is_done = |report: &Report| matches!(report, Report::Told(Told::Done(..)));
            reports.truncate(reports.iter().rposition(is_done).map_or(0, |last| last + 1));
            for report in reports {
                if let Report::Told(told) = report {
                    let _: Flow = (self.hear)(told);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::Mutex;
    use std::thread::{ThreadId, sleep};
    use std::time::Duration;

    use super::*;
    use crate::solve::settings::C;
    use crate::solve::solution::StopReason;

    const FOLDS: usize = 5;
    const RUNS: usize = 3;

    fn progress(moment: Moment) -> Progress {
        Progress {
            moment,
            passes: 1.0,
            oracle_calls: 0,
            primal: 1.0,
            shown: 1.0,
            dual: 0.0,
            estimate: None,
            planes: 0,
            support: 0,
            planes_found: 0,
            plane_bytes: 0,
            relaxed: false,
            prior: false,
            oracle: Default::default(),
            seconds: 0.0,
            oracle_seconds: 0.0,
        }
    }

    /// Three runs of one pass, told as `Problem::train` tells them. Early folds are slow.
    fn train(at: usize, tell: &mut dyn FnMut(Told) -> Flow) {
        for run in 0..RUNS {
            let round = Round { fold: at, folds: FOLDS, c: C::Sum(run as f64 + 1.0) };
            let mut stops = false;
            for moment in [Moment::Within, Moment::Within, Moment::Pass] {
                sleep(Duration::from_millis(2 * (FOLDS - at) as u64));
                stops |= tell(Told::Progress(round, progress(moment))).is_break();
            }
            let reason = if stops { StopReason::Interrupted } else { StopReason::Gap };
            stops |= tell(Told::Progress(round, progress(Moment::End(reason)))).is_break();
            if reason == StopReason::Gap {
                let run = FoldRun { risk: 0.5, weight: 1.0, passes: 1.0, relative_gap: 0.0 };
                stops |= tell(Told::Done(round, at, run)).is_break();
            }
            if stops {
                return;
            }
        }
    }

    /// Fold, run, and what was told.
    type Heard = (usize, usize, String);

    fn heard(told: &Told) -> Heard {
        let (round, text) = match told {
            Told::Progress(round, progress) => (round, format!("{:?}", progress.moment)),
            Told::Done(round, ..) => (round, "done".to_owned()),
        };
        let C::Sum(c) = round.c else { unreachable!("see `train`") };
        (round.fold, c as usize - 1, text)
    }

    /// What is heard if it is answered with `Break` from the moment on for which `stops` holds;
    /// without what comes from within passes.
    fn listen(
        threads: usize,
        train: &Train<'_>,
        stops: impl Fn(&Heard) -> bool,
    ) -> (Vec<Heard>, Result<(), SolveError>, Vec<ThreadId>) {
        let (mut all, mut has_stopped, mut ids) = (Vec::new(), false, Vec::new());
        let result = side_by_side(FOLDS, threads, train, &mut |told| {
            let one = heard(&told);
            has_stopped |= stops(&one);
            if one.2 != "Within" {
                all.push(one);
            }
            ids.push(thread::current().id());
            if has_stopped { Flow::Break(()) } else { Flow::Continue(()) }
        });
        (all, result, ids)
    }

    #[test]
    fn reports_do_not_depend_on_threads() {
        let sound = |at: usize, _: usize, tell: &mut dyn FnMut(Told) -> Flow| {
            train(at, tell);
            Ok(())
        };
        let (expected, ..) = listen(1, &sound, |_| false);
        assert_eq!(expected.len(), FOLDS * RUNS * 3);
        for threads in [2, 3, 5, 16] {
            let (all, result, ids) = listen(threads, &sound, |_| false);
            assert!(all == expected && result.is_ok(), "{threads}: {all:?}");
            assert!(ids.iter().all(|&id| id == thread::current().id()));
        }
    }

    #[test]
    fn the_error_is_that_of_the_first_fold_that_has_one() {
        let fails = |at: usize, _: usize, tell: &mut dyn FnMut(Told) -> Flow| {
            // The later one fails at once.
            if at != 3 {
                train(at, tell);
            }
            match at {
                1 | 3 => Err(SolveError::Threads(at.to_string())),
                _ => Ok(()),
            }
        };
        let (expected, ..) = listen(1, &fails, |_| false);
        for threads in [1, 2, 4, 16] {
            let (all, result, _) = listen(threads, &fails, |_| false);
            assert_eq!(result, Err(SolveError::Threads("1".to_owned())), "{threads}");
            assert_eq!(all, expected, "{threads}");
        }
    }

    #[test]
    fn a_stop_ends_the_run_and_leaves_complete_runs_of_later_folds() {
        let sound = |at: usize, _: usize, tell: &mut dyn FnMut(Told) -> Flow| {
            train(at, tell);
            Ok(())
        };
        for (run, text) in
            [(0, "Within"), (1, "Within"), (1, "Pass"), (1, "End(Gap)"), (2, "End(Gap)")]
        {
            for fold in [0, 2, FOLDS - 1] {
                if text == "Within" && fold > 0 {
                    // Not heard if the fold was ahead.
                    continue;
                }
                let stops = |one: &Heard| (one.0, one.1, &*one.2) == (fold, run, text);
                let (expected, ..) = listen(1, &sound, stops);
                for threads in [2, 3, 16] {
                    let (all, result, _) = listen(threads, &sound, stops);
                    let (known, later): (Vec<Heard>, Vec<Heard>) =
                        all.into_iter().partition(|one| one.0 <= fold);
                    // The run may have ended before it was known that it should not.
                    let texts = |all: &[Heard]| -> Vec<String> {
                        let text = |one: &Heard| one.2.replace("Interrupted", "Gap");
                        all.iter().map(text).collect()
                    };
                    let (known, expected) = (texts(&known), texts(&expected));
                    assert_eq!(known, expected, "{threads}, fold {fold}, run {run}: {text}");
                    assert!(result.is_ok());
                    let runs = later.chunks(3).collect::<Vec<_>>();
                    let is_complete = |run: &&[Heard]| run.len() == 3 && run[2].2 == "done";
                    assert!(runs.iter().all(is_complete), "{threads}: {later:?}");
                    assert!(later.is_sorted_by_key(|one| (one.0, one.1)), "{later:?}");
                }
            }
        }
    }

    #[test]
    fn threads_are_shared_and_never_too_many() {
        for threads in 2..20 {
            for count in 2..20 {
                for first in (0..count).step_by(threads) {
                    let wave = first..count.min(first + threads);
                    let all: usize = wave.clone().map(|at| share(at, count, threads)).sum();
                    assert!(all <= threads && 2 * all > threads, "{threads}, {count}: {all}");
                    assert!(wave.clone().all(|at| share(at, count, threads) > 0));
                }
            }
        }
        let sizes = Mutex::new(Vec::new());
        let pools = |_: usize, threads: usize, _: &mut dyn FnMut(Told) -> Flow| {
            assert_eq!(rayon::current_num_threads(), threads);
            sizes.lock().unwrap().push(threads);
            Ok(())
        };
        side_by_side(3, 6, &pools, &mut |_| Flow::Continue(())).unwrap();
        assert_eq!(sizes.into_inner().unwrap(), [2, 2, 2]);
    }

    #[test]
    fn a_panic_reaches_the_caller() {
        let panics = |at: usize, _: usize, _: &mut dyn FnMut(Told) -> Flow| {
            assert!(at != 1, "a broken task");
            Ok(())
        };
        let hear = &mut |_| Flow::Continue(());
        let result = catch_unwind(AssertUnwindSafe(|| side_by_side(3, 2, &panics, hear)));
        let panic = result.unwrap_err();
        assert!(panic.downcast_ref::<&str>().is_some_and(|text| text.contains("a broken task")));
    }
}
