//! Parsing of svm-light lines: `line` is one line on one thread, `lines` a text of 10,000 lines in
//! memory on all threads, with the vocabulary and the examples made from it (everything `learn`
//! does before training).
//!
//! A line has 100 features with ids up to 10,000 and values of six digits, as tf-idf files have.

use std::fmt::Write;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use crosscut_app::{Options, Source, define};
use crosscut_benches::multiclass;
use crosscut_data::svmlight::parse_line;
use crosscut_multiclass::MulticlassFiles;

const LINES: usize = 10_000;

fn text() -> String {
    let problem = multiclass(LINES, 20, 10_000, 100, 1);
    let mut text = String::new();
    for example in &problem.examples {
        let _ = write!(text, "{}", example.y.index());
        for feature in example.x.features() {
            let _ = write!(text, " {}:{:.6}", feature.index + 1, feature.value);
        }
        text.push('\n');
    }
    text
}

fn parsing(criterion: &mut Criterion) {
    let text = text();
    let line = text.lines().next().unwrap_or_default();
    let mut group = criterion.benchmark_group("parsing");
    group.throughput(Throughput::Elements(1));
    group.bench_function("line", |bencher| bencher.iter(|| parse_line(line)));
    group.throughput(Throughput::Elements(LINES as u64)).sample_size(10);
    group.bench_function("lines", |bencher| {
        bencher.iter_batched(
            || Source::from_text("text", text.as_str()),
            |source| define::<MulticlassFiles>(&Options::default(), source),
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

criterion_group!(benches, parsing);
criterion_main!(benches);
