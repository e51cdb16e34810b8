//! `--growth` and `--threads`: how training grows with the examples, and what more cores bring.

use crosscut::Settings;
use serde_json::{Value, json};

use crate::contest::Rules;
use crate::error::RaceError;
use crate::files::Prepared;
use crate::limit;
use crate::problem::Problem;
use crate::programs::Found;
use crate::statistics::{median, slope};
use crate::table::{Grid, seconds, times};
use crate::tasks::Spec;

/// One example in so many.
const EVERY: [usize; 5] = [16, 8, 4, 2, 1];

/// Tasks large enough to say something.
pub const TASKS: [&str; 3] = ["news", "chunking", "fashion"];

/// The columns of the table of growth.
pub fn grid() -> Grid {
    Grid::new([
        "task",
        "examples",
        "passes",
        "seconds",
        "µs an example",
        "of those at full size",
        "exponent",
    ])
}

/// Trains on parts of a task to a relative gap of 1e-3. The exponent is the slope of log seconds
/// over log examples: 1 is linear.
///
/// # Errors
/// Those of the solver.
pub fn rows(
    spec: &Spec,
    problem: &Problem,
    rules: &Rules<'_>,
    grid: &mut Grid,
) -> Result<Value, RaceError> {
    let settings = Settings::new().threads(rules.cores);
    let mut points = Vec::new();
    for every in EVERY {
        let (mut times, mut last) = (Vec::new(), None);
        for _ in 0..rules.rounds {
            let (n, solution) = problem.train(every, &settings)?;
            times.push(solution.seconds);
            last = Some((n, solution.certificate.passes));
        }
        if let (Some((n, passes)), Some(seconds)) = (last, median(times)) {
            points.push((n, passes, seconds));
        }
    }
    let full = points.last().map_or(f64::NAN, |&(n, _, seconds)| seconds / n as f64);
    let logs: Vec<(f64, f64)> =
        points.iter().map(|&(n, _, seconds)| ((n as f64).ln(), seconds.ln())).collect();
    let exponent = slope(&logs);
    for (at, &(n, passes, spent)) in points.iter().enumerate() {
        let each = spent / n as f64;
        let last = at + 1 == points.len();
        grid.row(vec![
            spec.name.to_owned(),
            n.to_string(),
            format!("{passes:.0}"),
            seconds(spent),
            format!("{:.1}", 1e6 * each),
            times(each / full),
            exponent.filter(|_| last).map(|exponent| format!("{exponent:.2}")).unwrap_or_default(),
        ]);
    }
    let points: Vec<Value> = points
        .iter()
        .map(|&(n, passes, seconds)| json!({ "examples": n, "passes": passes, "seconds": seconds }))
        .collect();
    Ok(json!({ "task": spec.name, "points": points, "exponent": exponent }))
}

/// The columns of the table of threads.
pub fn threads_grid() -> Grid {
    Grid::new(["task", "threads", "ms in oracles", "faster", "ms of a pass", "faster", "model"])
}

/// Exact passes on 1, 2, 4, … threads, up to `most`: how long they take, and whether the models are
/// the same to the byte.
///
/// # Errors
/// A run that fails.
pub fn threads_rows(
    spec: &Spec,
    files: &Prepared,
    problem: &Problem,
    crosscut: &Found,
    rules: &Rules<'_>,
    most: usize,
    grid: &mut Grid,
) -> Result<Value, RaceError> {
    let mut first = None;
    let mut runs = Vec::new();
    for threads in counts(most) {
        let (pass, model) = limit::measure(spec, files, problem, crosscut, rules, threads)?;
        let &mut (alone, ref one) = first.get_or_insert_with(|| (pass, model.clone()));
        let ms = |seconds: f64| format!("{:.2}", 1e3 * seconds);
        let same = model == *one;
        grid.row(vec![
            spec.name.to_owned(),
            threads.to_string(),
            ms(pass.oracles),
            times(alone.oracles / pass.oracles),
            ms(pass.whole),
            times(alone.whole / pass.whole),
            if same { "the same bytes" } else { "DIFFERENT BYTES" }.to_owned(),
        ]);
        runs.push(json!({
            "threads": threads,
            "oracle_seconds": pass.oracles,
            "pass_seconds": pass.whole,
            "same_bytes": same,
        }));
    }
    Ok(json!({ "task": spec.name, "runs": runs }))
}

/// 1, 2, 4, … and `most`.
fn counts(most: usize) -> Vec<usize> {
    let mut counts: Vec<usize> = std::iter::successors(Some(1), |&count| Some(2 * count))
        .take_while(|&count| count < most)
        .collect();
    counts.push(most.max(1));
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thread_counts_double() {
        assert_eq!(counts(1), [1]);
        assert_eq!(counts(2), [1, 2]);
        assert_eq!(counts(6), [1, 2, 4, 6]);
    }
}
