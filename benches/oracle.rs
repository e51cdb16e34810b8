//! One oracle call: scoring all classes of a sparse row, and the choice of the worst.
//!
//! 100 non-zeros of 10,000 features, so that w (0.2 to 2 MB) lies in a cache; k = 3, 20, 26
//! classes. The planes are written and forgotten. One iteration is one call, for the examples in
//! turn.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use crosscut::{Planes, Task, testing};
use crosscut_benches::{chain, multiclass};

fn oracle(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("oracle");
    group.throughput(Throughput::Elements(1));
    for classes in [3, 20, 26] {
        let problem = multiclass(1000, classes, 10_000, 100, 1);
        let w = testing::random_weights(problem.task.dim(), 1.0, 2);
        group.bench_function(format!("multiclass/{classes}"), |bencher| {
            let mut examples = problem.examples.iter().cycle();
            let (mut scratch, mut planes) = (Default::default(), Planes::default());
            bencher.iter(|| {
                let example = examples.next().expect("a cycle does not end");
                planes.clear();
                problem.task.separate(&w, &example.x, &example.y, &mut scratch, &mut planes);
            });
        });
    }
    let (task, examples) = chain(100, 20, 20, 1000, 10, 1);
    let w = testing::random_weights(task.dim(), 1.0, 2);
    group.bench_function("chain/20 tags, length 20", |bencher| {
        let mut examples = examples.iter().cycle();
        let (mut scratch, mut planes) = (Default::default(), Planes::default());
        bencher.iter(|| {
            let example = examples.next().expect("a cycle does not end");
            planes.clear();
            task.separate(&w, &example.x, &example.y, &mut scratch, &mut planes);
        });
    });
    group.finish();
}

criterion_group!(benches, oracle);
criterion_main!(benches);
