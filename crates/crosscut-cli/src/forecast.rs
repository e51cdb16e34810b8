//! [`Forecast`]: how long training will go on, if its certificates so far tell.

use crosscut::{Progress, Settings};

/// The fewest certificates that make a trend, and the least time between the first and the last.
const LEAST: usize = 5;
const LEAST_SECONDS: f64 = 1.0;
/// A trend is steady if the speeds in its parts differ by at most this factor.
const STEADY: f64 = 1.5;
const PARTS: usize = 3;

/// Estimates the time left from the speed at which the logarithm of the gap has fallen in the second
/// half of the time so far. It tells nothing unless that speed was steady, and nothing further ahead
/// than the trend goes back.
#[derive(Clone, Debug, Default)]
pub struct Forecast {
    relative_gap: f64,
    /// C · ε, the gap at which training stops; 0 if none.
    gap: f64,
    passes: Option<usize>,
    seconds: Option<f64>,
    /// Passes at the first report: more than 0 in a run that goes on from a checkpoint.
    began: Option<f64>,
    /// Seconds, and ln(gap / gap at which training stops), at the certificates of the trend. The
    /// first increases, the second decreases.
    trend: Vec<(f64, f64)>,
}

impl Forecast {
    /// For a run with these settings and this C of the mean slack.
    pub fn new(settings: &Settings, c_mean: f64) -> Self {
        Self {
            relative_gap: settings.relative_gap,
            gap: settings.epsilon.map_or(0.0, |epsilon| c_mean * epsilon),
            passes: settings.passes,
            seconds: settings.seconds,
            began: None,
            trend: Vec::new(),
        }
    }

    /// Takes in a report. Returns the seconds that are left if the trend is steady, but at most what
    /// the limits of passes and time leave.
    pub fn seconds_left(&mut self, progress: &Progress) -> Option<f64> {
        let &Progress { shown: primal, dual, seconds: now, passes, .. } = progress;
        let done = passes - *self.began.get_or_insert(passes);
        let distance = ((primal - dual) / (self.relative_gap * primal).max(self.gap)).ln();
        if !distance.is_finite() {
            return None;
        }
        if self.trend.last().is_none_or(|&(at, last)| distance < last && now > at) {
            self.trend.push((now, distance));
        }
        let old = self.trend.partition_point(|&(at, _)| at < 0.5 * now);
        self.trend.drain(..old);
        let (&first, &last) = self.trend.first().zip(self.trend.last())?;
        let observed = last.0 - first.0;
        if self.trend.len() < LEAST || observed < LEAST_SECONDS {
            return None;
        }
        let part = |part: usize| {
            let begin = first.0 + observed * part as f64 / PARTS as f64;
            let at = self.trend.partition_point(|&(at, _)| at < begin);
            self.trend[at.min(self.trend.len() - 1)]
        };
        let speeds: [f64; PARTS] = std::array::from_fn(|at| {
            let (from, to) = (part(at), part(at + 1));
            (from.1 - to.1) / (to.0 - from.0)
        });
        let slowest = speeds.iter().copied().fold(f64::INFINITY, f64::min);
        let is_steady = |speed: &f64| *speed > 0.0 && *speed <= STEADY * slowest;
        if !speeds.iter().all(is_steady) {
            return None;
        }
        let left = last.1 / slowest - (now - last.0);
        if !(0.0..=observed).contains(&left) {
            return None;
        }
        let by_passes = self.passes.map(|most| (most as f64 - passes) * now / done.max(1e-9));
        let by_time = self.seconds.map(|most| most - now);
        let limits = by_passes.into_iter().chain(by_time).map(|limit| limit.max(0.0));
        Some(limits.fold(left, f64::min))
    }
}

#[cfg(test)]
mod tests {
    use crosscut::{Moment, OracleAudit};

    use super::*;

    /// Seconds, primal, dual.
    type Point = (f64, f64, f64);

    /// A report after so many passes: one each second or slower.
    fn report((seconds, shown, dual): Point) -> Progress {
        Progress {
            moment: Moment::Pass,
            passes: seconds.min(10.0),
            oracle_calls: 1,
            primal: shown,
            shown,
            dual,
            estimate: None,
            planes: 0,
            support: 0,
            planes_found: 0,
            plane_bytes: 0,
            relaxed: false,
            prior: false,
            oracle: OracleAudit::default(),
            seconds,
            oracle_seconds: 0.0,
        }
    }

    /// The recorded runs: name, and seconds, primal, dual of each report.
    fn traces() -> Vec<(&'static str, Vec<Point>)> {
        let mut traces: Vec<(&str, Vec<Point>)> = Vec::new();
        for line in include_str!("../tests/data/traces.txt").lines().skip(1) {
            if let Some(name) = line.strip_prefix("@ ") {
                traces.push((name, Vec::new()));
                continue;
            }
            let numbers: Vec<f64> = line.split(' ').map(|word| word.parse().unwrap()).collect();
            traces.last_mut().unwrap().1.push((numbers[0], numbers[1], numbers[2]));
        }
        traces
    }

    /// (seconds, time told, truth) for all reports before a gap was reached.
    fn told(trace: &[Point], settings: &Settings, c: f64) -> Vec<(f64, f64, f64)> {
        let goal = |primal: f64| {
            (settings.relative_gap * primal).max(settings.epsilon.map_or(0.0, |e| e * c))
        };
        let reached = |&&(_, primal, dual): &&Point| primal - dual <= goal(primal);
        let Some(&(end, ..)) = trace.iter().find(reached) else { return Vec::new() };
        let mut forecast = Forecast::new(settings, c);
        let before = trace.iter().filter(|(seconds, ..)| *seconds < end);
        before
            .filter_map(|&one| Some((one.0, forecast.seconds_left(&report(one))?, end - one.0)))
            .collect()
    }

    #[test]
    fn a_time_that_is_told_is_near_the_truth_on_recorded_runs() {
        let mut count = 0;
        for (name, trace) in traces() {
            let gap = |(_, primal, dual): Point| (primal - dual) / primal;
            // Every gap that was reached may have been the goal.
            for &goal in trace.iter().skip(3) {
                let settings = Settings::new().relative_gap(gap(goal));
                for (seconds, left, truth) in told(&trace, &settings, 1.0) {
                    let near = (truth / 4.0..=4.0 * truth).contains(&left);
                    assert!(
                        near || (left - truth).abs() <= seconds / 8.0,
                        "{name}, gap {:e}: at {seconds} s, {left} s are told, and {truth} s are left",
                        gap(goal)
                    );
                    count += 1;
                }
            }
        }
        assert!(count > 100, "{count} times were told");
    }

    /// P = 1 and a gap that falls by a factor of e each `every` seconds.
    fn steady(every: f64, seconds: f64) -> Point {
        (seconds, 1.0, 1.0 - (-seconds / every).exp())
    }

    #[test]
    fn a_steady_trend_is_told_exactly_whatever_ends_training_and_within_the_limits() {
        let trace: Vec<_> = (0..=70).map(|second| steady(10.0, f64::from(second))).collect();
        let by_gap = Settings::new().relative_gap(1e-3);
        let by_epsilon = Settings::new().relative_gap(0.0).epsilon(1e-4);
        for (settings, c) in [(by_gap, 1.0), (by_epsilon, 10.0)] {
            let told = told(&trace, &settings, c);
            assert!(!told.is_empty());
            for (seconds, left, _) in told {
                let truth = 10.0 * 1e3_f64.ln() - seconds;
                assert!((left - truth).abs() < 1e-6 && left <= seconds, "{seconds}: {left}");
            }
        }
        let limited = by_gap.seconds(55.0);
        assert!(
            told(&trace, &limited, 1.0).iter().all(|(at, left, _)| *left <= (55.0 - at).max(0.0))
        );
        let limited = by_gap.passes(11);
        assert!(told(&trace, &limited, 1.0).iter().all(|(at, left, _)| *left <= 0.1 * at + 1e-9));
    }

    #[test]
    fn nothing_is_told_of_what_is_not_steady() {
        let settings = Settings::new().relative_gap(1e-3);
        let silent = |trace: Vec<Point>, settings: &Settings| {
            let mut forecast = Forecast::new(settings, 1.0);
            assert!(trace.iter().all(|&one| forecast.seconds_left(&report(one)).is_none()));
        };
        let seconds = || (0..200).map(f64::from);
        // Ever slower; at rest; without a certificate; too few; without a goal.
        let slower = |at: f64| (at, 1.0, 1.0 - 1.0 / (2.0 + at).ln());
        silent(seconds().map(slower).collect(), &settings);
        silent(seconds().map(|at| (at, 1.0, 0.5)).collect(), &settings);
        silent(seconds().map(|at| (at, f64::INFINITY, at)).collect(), &settings);
        silent(seconds().take(4).map(|at| steady(10.0, at)).collect(), &settings);
        let never = settings.relative_gap(0.0);
        silent(seconds().map(|at| steady(10.0, at)).collect(), &never);
        // The trend has ended: the last improvement is long ago.
        let ended = |at: f64| steady(10.0, at.min(40.0));
        let mut forecast = Forecast::new(&settings, 1.0);
        let told: Vec<_> =
            seconds().map(|at| forecast.seconds_left(&report((at, 1.0, ended(at).2)))).collect();
        assert!(told[60].is_some() && told[80..].iter().all(Option::is_none), "{told:?}");
    }
}
