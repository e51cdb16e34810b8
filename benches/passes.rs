//! Passes of the solvers over 2,000 examples of 20 classes (100 non-zeros of 10,000 features), on
//! one thread.
//!
//! The parts of a solver are not public, so each bench runs a fresh solver for a fixed number of
//! exact passes. Building the solver is not measured. Read as time for each example (the
//! throughput), and subtract:
//!
//! | bench | what runs |
//! |---|---|
//! | `certifying pass` | the block solver for one pass: n oracle calls at one w, their planes cached, P(w) |
//! | `exact pass and certifying pass` | for two passes without approximate ones: in the first, n oracle calls with a block step after each |
//! | `block steps` | the same with at most 10 approximate passes between the two: block steps over cached planes |
//! | `one-slack iterations` | the 1-slack solver for two passes: n oracle calls summed into one plane, twice, and a small dual |

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use crosscut::{BlockSettings, Settings, Solver, Trainer};
use crosscut_benches::multiclass;
use std::ops::ControlFlow;

fn passes(criterion: &mut Criterion) {
    let problem = multiclass(2000, 20, 10_000, 100, 1);
    let mut group = criterion.benchmark_group("passes");
    group.throughput(Throughput::Elements(problem.examples.len() as u64)).sample_size(20);
    for (name, solver, passes, approximate_passes) in [
        ("certifying pass", Solver::Block, 1, 0),
        ("exact pass and certifying pass", Solver::Block, 2, 0),
        ("block steps", Solver::Block, 2, 10),
        ("one-slack iterations", Solver::OneSlack, 2, 0),
    ] {
        let settings = Settings::new()
            .solver(solver)
            .relative_gap(0.0)
            .passes(passes)
            .threads(1)
            .block(BlockSettings::new().approximate_passes(approximate_passes));
        group.bench_function(name, |bencher| {
            bencher.iter_batched(
                || {
                    Trainer::new(&problem.task, &problem.examples, &settings)
                        .expect("settings and examples are good")
                },
                |mut trainer| trainer.solve(&mut |_| ControlFlow::Continue(())),
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, passes);
criterion_main!(benches);
