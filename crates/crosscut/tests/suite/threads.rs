//! Any number of threads gives the same bits, in every part of a run that threads divide; and
//! expensive oracles do run on several threads.

use std::collections::HashSet;
use std::hint::black_box;
use std::ops::ControlFlow;
use std::sync::Mutex;
use std::thread::{self, ThreadId};

use crosscut::{
    C, Example, LogLoss, Place, Planes, Progress, Regulariser, Row, Settings, SlackNorm, Solution,
    Solver, SparseVector, Task, Trainer, testing,
};

use super::parts::Chain;
use super::worlds::{chain, ranking};

/// Multiclass with all planes that violate a margin, for weights in the order of features.
struct Classes {
    classes: usize,
    features: usize,
    /// Steps of an idle loop in each oracle call.
    delay: u64,
    seen: Mutex<HashSet<ThreadId>>,
}

impl Classes {
    fn new(classes: usize, features: usize) -> Self {
        Self { classes, features, delay: 0, seen: Mutex::default() }
    }

    fn scores(&self, w: &[f64], x: &SparseVector) -> Vec<f64> {
        let mut scores = vec![0.0; self.classes];
        x.row().sweep(w, &mut scores);
        scores
    }
}

impl Task for Classes {
    type Input = SparseVector;
    type Output = usize;
    type Scratch = ();

    fn dim(&self) -> usize {
        self.classes * self.features
    }

    fn loss(&self, _: &SparseVector, y: &usize, y_hat: &usize) -> f64 {
        f64::from(u8::from(y != y_hat))
    }

    fn predict(&self, w: &[f64], x: &SparseVector, (): &mut ()) -> usize {
        let scores = self.scores(w, x);
        (0..self.classes)
            .fold(0, |best, class| if scores[class] > scores[best] { class } else { best })
    }

    fn separate<'a>(
        &'a self,
        w: &[f64],
        x: &'a SparseVector,
        y: &'a usize,
        (): &mut (),
        planes: &mut Planes<'a>,
    ) {
        if self.delay > 0 {
            black_box((0..self.delay).fold(1_u64, |a, b| black_box(a.wrapping_mul(31) ^ b)));
            self.seen.lock().unwrap().insert(thread::current().id());
        }
        let mut scores = self.scores(w, x);
        scores.iter_mut().enumerate().for_each(|(class, score)| {
            *score += self.loss(x, y, &class);
        });
        let mut order: Vec<usize> = (0..self.classes).collect();
        order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
        for &class in order.iter().take(3).filter(|&&class| class == order[0] || class != *y) {
            planes.add(|sink| {
                if class != *y {
                    sink.add_row(x.row(), Place::class(*y, self.classes), 1.0);
                    sink.add_row(x.row(), Place::class(class, self.classes), -1.0);
                }
                self.loss(x, y, &class)
            });
        }
    }

    fn row<'a>(&'a self, x: &'a SparseVector, _: u32) -> Option<Row<'a>> {
        Some(x.row())
    }
}

/// Examples whose features have the scales 1, 10, 100, …, so that block steps are slow and the dual
/// is solved as a whole; their classes are noisy.
fn dense(task: &Classes, n: usize) -> Vec<Example<SparseVector, usize>> {
    let noise = testing::random_weights(n * task.features, 1.0, 5);
    let row = |i: usize| -> Vec<f32> {
        let of = |f: usize| noise[i * task.features + f] as f32 * 10_f32.powi(f as i32 % 4) + 1.0;
        (0..task.features).map(of).collect()
    };
    let class = |row: &[f32]| ((row[0] + 0.1 * row[1]).abs() * 3.0) as usize % task.classes;
    (0..n)
        .map(|i| {
            let row = row(i);
            Example::new(
                SparseVector::from_dense(&row).unwrap(),
                (class(&row) + i % 7 / 6) % task.classes,
            )
        })
        .collect()
}

/// Examples with few of very many features.
fn sparse(task: &Classes, n: usize, nonzeros: usize) -> Vec<Example<SparseVector, usize>> {
    let example = |i: usize| {
        let index = |k: usize| (i * 7919 + k * k * 104_729 + k) % task.features;
        let mut indices: Vec<usize> = (0..nonzeros).map(index).collect();
        indices.sort_unstable();
        indices.dedup();
        let feature = |index: usize| crosscut::Feature {
            index: index as u32,
            value: (index % 5) as f32 - 1.5,
        };
        let x = SparseVector::new(indices.into_iter().map(feature).collect()).unwrap();
        Example::new(x, i * i % task.classes)
    };
    (0..n).map(example).collect()
}

/// Bits of w, and the certificate, with what the observer saw of the planes.
fn run<T: Task>(
    task: &T,
    examples: &[Example<T::Input, T::Output>],
    (settings, regulariser): (Settings, &Regulariser),
    threads: usize,
) -> (Vec<u64>, String, Solution) {
    let mut seen = Vec::new();
    let mut watch = |progress: &Progress| {
        seen.push((progress.planes, progress.plane_bytes));
        ControlFlow::Continue(())
    };
    let settings = settings.threads(threads);
    let mut trainer = Trainer::new(task, examples, &settings).unwrap();
    trainer = trainer.with_regulariser(regulariser).unwrap();
    let solution = trainer.solve(&mut watch);
    let bits = solution.w.iter().map(|weight| weight.to_bits()).collect();
    let told = format!("{:?} {:?}", solution.certificate, (seen.last(), solution.plane_bytes));
    (bits, told, solution)
}

fn check<T: Task>(
    name: &str,
    task: &T,
    examples: &[Example<T::Input, T::Output>],
    settings: Settings,
    regulariser: &Regulariser,
) {
    let (bits, told, solution) = run(task, examples, (settings, regulariser), 1);
    for threads in [2, 3] {
        let (others, also, _) = run(task, examples, (settings, regulariser), threads);
        assert_eq!(told, also, "{name}: {threads} threads");
        assert!(bits == others, "{name}: {threads} threads give other weights");
    }
    let certificate = solution.certificate;
    assert!(certificate.dual <= certificate.primal, "{name}: {certificate:?}");
}

#[test]
fn few_weights_on_any_threads_give_the_same_bits() {
    let task = Classes::new(6, 9);
    let examples = dense(&task, 1500);
    let plain = Regulariser::default();
    let block = Settings::new().solver(Solver::Block).c(C::Sum(10.0)).relative_gap(1e-3).passes(14);
    let squared = block.slack_norm(SlackNorm::Squared);
    let prior = Regulariser::around(testing::random_weights(task.dim(), 0.1, 3));
    let bounded = Regulariser::default().with_lower_bounds((0..20).map(|at| (at, -0.01)));
    let both = prior.clone().with_nonnegative([0, 7]);
    for (name, settings, regulariser) in [
        ("hinge", block, &plain),
        ("squared", squared, &plain),
        ("prior", block, &prior),
        ("bounded", block, &bounded),
        ("bounded around a prior", squared, &both),
        ("little memory", block.max_memory(1 << 20), &plain),
    ] {
        check(name, &task, &examples, settings, regulariser);
    }
}

#[test]
fn many_weights_on_any_threads_give_the_same_bits() {
    let task = Classes::new(4, 60_000);
    let examples = sparse(&task, 2500, 30);
    let block = Settings::new().solver(Solver::Block).c(C::Sum(30.0)).relative_gap(1e-2).passes(8);
    let bounded = Regulariser::default().with_nonnegative((0..task.dim()).step_by(3));
    check("hinge", &task, &examples, block, &Regulariser::default());
    check(
        "squared",
        &task,
        &examples,
        block.slack_norm(SlackNorm::Squared),
        &Regulariser::default(),
    );
    check("bounded", &task, &examples, block, &bounded);
}

#[test]
fn general_planes_on_any_threads_give_the_same_bits() {
    let block = Settings::new().solver(Solver::Block).relative_gap(1e-5).passes(30);
    let plain = Regulariser::default();
    let (task, examples) = (ranking::Ranking { features: 12 }, ranking::examples(120, 12));
    check("ranking", &task, &examples, block.c(C::Sum(1000.0)), &plain);
    let task = LogLoss(Chain { tags: 3, features: 4 });
    let examples = chain::examples(200, 3, 4);
    check("log-loss", &task, &examples, block.c(C::Sum(20.0)).relative_gap(1e-3), &plain);
}

#[test]
fn expensive_oracles_run_on_several_threads() {
    let mut task = Classes::new(4, 5);
    task.delay = 20_000;
    let examples = dense(&task, 150);
    let settings =
        Settings::new().solver(Solver::Block).c(C::Sum(1.0)).relative_gap(1e-2).passes(6);
    let plain = Regulariser::default();
    let mut all = Vec::new();
    for threads in [1, 2, 3] {
        task.seen.lock().unwrap().clear();
        let (bits, told, _) = run(&task, &examples, (settings, &plain), threads);
        let seen = task.seen.lock().unwrap().len();
        // With one thread, only the caller's. Otherwise the caller times the first calls, and a
        // pool of `threads` makes the others.
        match threads {
            1 => assert_eq!(seen, 1),
            _ => assert!((2..=threads + 1).contains(&seen), "{seen} of {threads} threads"),
        }
        all.push((bits, told));
    }
    assert!(all.iter().all(|one| *one == all[0]));
}
