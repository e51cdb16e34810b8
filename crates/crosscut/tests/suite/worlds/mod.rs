//! Tiny tasks on which the solvers are compared. `span.rs` and `interval.rs` are also the
//! programs of the tutorial.

#![allow(dead_code, reason = "every test file uses its own part of it")]

pub mod chain;
pub mod double;
pub mod interval;
pub mod ranking;
pub mod tagger;

pub mod spans {
    include!("span.rs");

    use crosscut::{Example, SparseVector, testing};

    pub const TASK: Spans = Spans { features: 3 };

    /// Sequences of 3 to 9 positions in which a span stands out a little; every fifth span is
    /// empty.
    pub fn examples(n: usize) -> Vec<Example<SparseRows, Range<usize>>> {
        let noise = testing::random_weights(n * 9 * 2, 1.0, 1);
        let example = |i: usize| {
            let len = 3 + i % 7;
            let y = if i.is_multiple_of(5) { 0..0 } else { i % 3..(i % 3 + 1 + i % 4).min(len) };
            let row = |t: usize| {
                let inside = f64::from(y.contains(&t));
                let at = 2 * (9 * i + t);
                SparseVector::from_dense(&[(noise[at] + inside) as f32, noise[at + 1] as f32, 1.0])
                    .expect("finite")
            };
            Example::new((0..len).map(row).collect(), y.clone())
        };
        (0..n).map(example).collect()
    }

    /// All spans of a sequence.
    pub fn outputs(len: usize) -> Vec<Range<usize>> {
        let proper = (0..len).flat_map(|start| (start + 1..=len).map(move |end| start..end));
        std::iter::once(0..0).chain(proper).collect()
    }
}
