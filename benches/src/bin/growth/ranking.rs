//! How the time of learning to rank grows: with the documents of one query, and with queries of 50
//! documents.
//!
//! Documents have 10 features, uniform in [0, 1], and one of 5 grades: the fifth of the query into
//! which a hidden linear score with noise puts them. The loss is the number of swapped pairs,
//! divided by that of all pairs where there are several queries, so that C means the same for all
//! sizes. All on one thread, the least of three runs, reading not included.
//!
//! | column | what it is |
//! |---|---|
//! | `oracle` | one separation oracle call for each query, at weights that swap some pairs |
//! | `/ m log2 m`, `/ queries` | the same divided by what it should grow with, in nanoseconds: level if it does |
//! | `train` | seconds to a relative gap of 1e-3 |
//! | `passes` | exact passes of that; what is left of the growth is that of a pass |

use std::time::Instant;

use crosscut::{C, Example, Planes, Settings, Solution, SolveError, Task, solve};
use crosscut_benches::{RankingProblem, ranking};
use crosscut_ranking::Loss;

const DOCUMENTS: [usize; 5] = [6_250, 12_500, 25_000, 50_000, 100_000];
const QUERIES: [usize; 5] = [250, 500, 1_000, 2_000, 4_000];
const ROUNDS: usize = 3;

/// Prints both tables.
///
/// # Errors
/// Those of the solver.
pub fn run() -> Result<(), SolveError> {
    println!("one query of m documents, -l 1, -c 0.001");
    println!("{:>9} {:>12} {:>14} {:>10} {:>8}", "m", "oracle", "/ m log2 m", "train", "passes");
    for m in DOCUMENTS {
        let problem = ranking(1, m, Loss::SwappedPairs, 1);
        let (oracle, train, passes) = measure(&problem, C::Mean(1e-3))?;
        let each = 1e9 * oracle / (m as f64 * (m as f64).log2());
        println!("{m:9} {:>9.2} ms {each:>11.2} ns {train:>8.3} s {passes:8.0}", 1e3 * oracle);
    }
    println!("\nn queries of 50 documents, -l 2, --c-sum 1");
    println!(
        "{:>9} {:>12} {:>14} {:>10} {:>8} {:>14}",
        "n", "oracles", "/ queries", "train", "passes", "/ pass, query"
    );
    for n in QUERIES {
        let problem = ranking(n, 50, Loss::SwappedFraction, 1);
        let (oracle, train, passes) = measure(&problem, C::Sum(1.0))?;
        let (each, pass) = (1e9 * oracle / n as f64, 1e9 * train / (n as f64 * passes));
        println!(
            "{n:9} {:>9.2} ms {each:>11.0} ns {train:>8.3} s {passes:8.0} {pass:>11.0} ns",
            1e3 * oracle
        );
    }
    Ok(())
}

/// Seconds of an oracle call for each query and of training, and the exact passes of that.
fn measure(problem: &RankingProblem, c: C) -> Result<(f64, f64, f64), SolveError> {
    let RankingProblem { task, examples } = problem;
    let settings = Settings::new().c(c).threads(1);
    let (mut oracle, mut best) = (f64::INFINITY, None::<Solution>);
    for _ in 0..ROUNDS {
        let solution = solve(task, examples, &settings)?;
        // Half of the solution: pairs on both sides of the margin.
        let w: Vec<f64> = solution.w.iter().map(|weight| 0.5 * weight).collect();
        let (mut scratch, mut planes) = (Default::default(), Planes::default());
        let began = Instant::now();
        for Example { x, y, .. } in examples {
            planes.clear();
            task.separate(&w, x, y, &mut scratch, &mut planes);
            std::hint::black_box(&planes);
        }
        oracle = oracle.min(began.elapsed().as_secs_f64());
        if best.as_ref().is_none_or(|best| solution.seconds < best.seconds) {
            best = Some(solution);
        }
    }
    let (seconds, passes) = best.map_or((0.0, 0.0), |best| (best.seconds, best.certificate.passes));
    Ok((oracle, seconds, passes))
}
