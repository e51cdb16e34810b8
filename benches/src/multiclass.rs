//! Multiclass problems: a cheap oracle.

use crosscut::{Example, SparseVector};
use crosscut_multiclass::{Class, Multiclass};
use rand::RngExt;
use rand_pcg::Pcg64;

use crate::{row, stream};

/// A task with its examples.
#[derive(Clone, Debug)]
pub struct MulticlassProblem {
    /// The task.
    pub task: Multiclass,
    /// The examples.
    pub examples: Vec<Example<SparseVector, Class>>,
}

/// A multiclass problem with sparse rows of length 1. The class of a row is the best under hidden
/// weights, and wrong for one row in ten: no weights separate the classes.
pub fn multiclass(
    n: usize,
    classes: usize,
    features: usize,
    nonzeros: usize,
    seed: u64,
) -> MulticlassProblem {
    let task = Multiclass::numbered(classes, features).expect("at least two classes");
    let mut random = stream(seed);
    let hidden: Vec<f64> = (0..classes * features).map(|_| random.random::<f64>() - 0.5).collect();
    let truth = |x: &SparseVector, random: &mut Pcg64| {
        if random.random_range(0..10) == 0 {
            return Class::new(random.random_range(0..classes));
        }
        let scores = task.scores(&hidden, x);
        let best = (0..classes).max_by(|&a, &b| scores[a].total_cmp(&scores[b]));
        Class::new(best.unwrap_or(0))
    };
    let examples = (0..n)
        .map(|_| {
            let x = row(&mut random, features, nonzeros);
            let y = truth(&x, &mut random);
            Example::new(x, y)
        })
        .collect();
    MulticlassProblem { task, examples }
}
