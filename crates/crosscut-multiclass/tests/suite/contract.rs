//! The contract of the task: the three laws, brute force over all classes, and what exactly is
//! written.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, and so do its helpers")]

use crosscut::testing::{check, check_oracle, check_prediction, random_weights};
use crosscut::{
    Example, Feature, FeatureMap, Place, Planes, Rescaling, Row, Sink, SparseVector, Task,
};
use crosscut_data::{CostError, CostMatrix};
use crosscut_multiclass::{Class, Loss, MatrixError, Multiclass, TaskError};
use crosscut_testkit::cases;
use proptest::prelude::*;

type Examples = Vec<Example<SparseVector, Class>>;

fn example(task: &Multiclass, values: &[f32], class: usize) -> Example<SparseVector, Class> {
    let features = SparseVector::from_dense(values).unwrap();
    Example::new(task.input(features.into()).unwrap(), Class::new(class))
}

/// Tasks of every loss, rescaling and group of classes in the sweep, with a few examples.
fn tasks() -> impl Strategy<Value = (Multiclass, Examples)> {
    let sizes = (2_usize..40, 1_usize..5, 1_usize..4);
    let choices = (0..4, any::<bool>(), prop::option::of(prop_oneof![Just(1.0_f32), Just(-0.5)]));
    (sizes, choices)
        .prop_flat_map(|((k, features, n), choices)| {
            let costs = prop::collection::vec(prop_oneof![Just(0.0), Just(1.0), 0.0..4.0], k * k);
            let value = prop_oneof![Just(0.0_f32), Just(1.0), -2.0_f32..2.0];
            let row = (prop::collection::vec(value, features), 0..k);
            (Just((k, features)), Just(choices), costs, prop::collection::vec(row, n))
        })
        .prop_map(|((k, features), (loss, slack, bias), costs, rows)| {
            let task = Multiclass::numbered(k, features).unwrap().with_bias(bias).unwrap();
            let task = match loss {
                0 => task,
                1 => task.with_squared_loss().unwrap(),
                2 => task.with_loss(Loss::Constant(2.5)).unwrap(),
                _ => task.with_loss(Loss::Cost(matrix(k, &costs))).unwrap(),
            };
            let task =
                task.with_rescaling(if slack { Rescaling::Slack } else { Rescaling::Margin });
            let examples =
                rows.iter().map(|(values, class)| example(&task, values, *class)).collect();
            (task, examples)
        })
}

fn matrix(k: usize, costs: &[f64]) -> CostMatrix {
    let mut matrix = CostMatrix::zero_one(k);
    for (at, &cost) in costs.iter().enumerate().filter(|(at, _)| at / k != at % k) {
        matrix.set(at / k, at % k, cost).unwrap();
    }
    matrix
}

fn classes(task: &Multiclass) -> impl Iterator<Item = Class> {
    (0..task.classes().len()).map(Class::new)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(64)))]

    #[test]
    fn the_laws_hold((task, examples) in tasks()) {
        check(&task, &examples);
    }

    #[test]
    fn the_oracle_and_prediction_agree_with_brute_force((task, examples) in tasks(), seed: u64, ties: bool) {
        for (example, scale) in examples.iter().zip([0.0, 0.3, 3.0, 30.0].into_iter().cycle()) {
            let mut w = random_weights(task.dim(), scale, seed);
            if ties {
                w.iter_mut().for_each(|weight| *weight = weight.round());
            }
            check_oracle(&task, &w, example, classes(&task), task.rescaling());
            check_prediction(&task, &w, &example.x, classes(&task));
        }
    }

    #[test]
    fn the_sweep_gives_the_scores_of_one_class_at_a_time((task, examples) in tasks(), seed: u64) {
        let w = random_weights(task.dim(), 1.0, seed);
        for example in &examples {
            let scores: Vec<f64> = classes(&task).map(|class| task.score(&w, &example.x, &class)).collect();
            for (swept, score) in task.scores(&w, &example.x).iter().zip(scores) {
                prop_assert!((swept - score).abs() <= 1e-12 * (1.0 + score.abs()), "{} {}", swept, score);
            }
        }
    }
}

/// Keeps the rows it is given.
#[derive(Default)]
struct Rows<'a>(Vec<(Row<'a>, Place, f64)>);

impl<'a> Sink<'a> for Rows<'a> {
    fn add(&mut self, _: usize, _: f64) {
        panic!("a plane is made of rows");
    }
    fn add_row(&mut self, row: Row<'a>, place: Place, scale: f64) {
        self.0.push((row, place, scale));
    }
}

#[test]
fn a_plane_is_two_rows_the_true_one_first() {
    let costs = matrix(3, &[0.0, 1.0, 5.0, 1.0, 0.0, 1.0, 1.0, 1.0, 0.0]);
    let task = Multiclass::numbered(3, 2).unwrap().with_loss(Loss::Cost(costs)).unwrap();
    for (rescaling, scale) in [(Rescaling::Margin, 1.0), (Rescaling::Slack, 5.0)] {
        let task = task.clone().with_rescaling(rescaling);
        let example = example(&task, &[1.0, 2.0], 0);
        let (mut planes, mut rows) = (Planes::default(), Rows::default());
        task.separate(&[0.0; 6], &example.x, &example.y, &mut Vec::new(), &mut planes);
        assert_eq!(planes.write(0, &mut rows), 5.0);
        let found: Vec<_> = rows.0.iter().map(|(_, place, scale)| (*place, *scale)).collect();
        assert_eq!(found, [(Place::class(0, 3), scale), (Place::class(2, 3), -scale)]);
        assert!(
            rows.0
                .iter()
                .all(|(row, ..)| row.features() == example.x.features() && row.name() == 0)
        );
    }
}

#[test]
fn nothing_is_written_where_the_truth_wins() {
    let task = Multiclass::numbered(2, 1).unwrap();
    for rescaling in [Rescaling::Margin, Rescaling::Slack] {
        let task = task.clone().with_rescaling(rescaling);
        let example = example(&task, &[1.0], 1);
        let (mut planes, mut rows) = (Planes::default(), Rows::default());
        task.separate(&[-2.0, 2.0], &example.x, &example.y, &mut Vec::new(), &mut planes);
        assert_eq!((planes.len(), planes.write(0, &mut rows)), (1, 0.0));
        assert!(rows.0.is_empty());
    }
}

#[test]
fn ties_go_to_the_first_class() {
    let task = Multiclass::numbered(3, 1).unwrap();
    let Example { x, y, .. } = example(&task, &[1.0], 1);
    assert_eq!(task.predict(&[0.0; 3], &x, &mut Vec::new()), Class::new(0));
    assert_eq!(task.predict(&[0.0, 1.0, 1.0], &x, &mut Vec::new()), Class::new(1));
    let (mut planes, mut rows) = (Planes::default(), Rows::default());
    task.separate(&[0.0; 3], &x, &y, &mut Vec::new(), &mut planes);
    planes.write(0, &mut rows);
    assert_eq!(rows.0[1].1, Place::class(0, 3));
}

#[test]
fn losses_are_what_they_say() {
    let zero_one = Multiclass::numbered(3, 1).unwrap();
    let squared = zero_one.clone().with_squared_loss().unwrap();
    let costs = matrix(3, &[0.0, 2.0, 3.0, 4.0, 0.0, 5.0, 6.0, 7.0, 0.0]);
    let cost = zero_one.clone().with_loss(Loss::Cost(costs)).unwrap();
    for (task, expected) in [(zero_one, [1.0, 1.0]), (squared, [4.0, 4.0]), (cost, [3.0, 6.0])] {
        let (x, first, last) = (SparseVector::default(), Class::new(0), Class::new(2));
        assert_eq!([task.loss(&x, &first, &last), task.loss(&x, &last, &first)], expected);
        assert_eq!(task.loss(&x, &last, &last), 0.0);
        assert_eq!(task.loss(&x, &Class::UNKNOWN, &last), 1.0);
    }
}

#[test]
fn impossible_tasks_are_refused() {
    let task = || Multiclass::numbered(3, 2).unwrap();
    let error = |result: Result<Multiclass, TaskError>| result.unwrap_err().to_string();
    assert_eq!(error(Multiclass::numbered(1, 2)), "at least two classes are needed, not 1");
    assert_eq!(
        error(Multiclass::numbered(1 << 10, 1 << 31)),
        "1024 classes times 2147483648 features are more weights than 2^40"
    );
    assert_eq!(
        error(task().with_bias(Some(0.0))),
        "the bias must be a finite number other than 0, not 0"
    );
    assert!(task().with_bias(Some(f32::NAN)).is_err());
    assert_eq!(
        error(task().with_loss(Loss::Cost(CostMatrix::zero_one(2)))),
        "the loss is for 2 classes, not for 3"
    );
    let mut costs = CostMatrix::zero_one(2);
    assert_eq!(costs.set(0, 1, -1.0), Err(CostError::Cost(-1.0)));
    assert_eq!(costs.set(0, 1, f64::INFINITY), Err(CostError::Cost(f64::INFINITY)));
    assert_eq!(costs.set(1, 1, 2.0), Err(CostError::Diagonal(2.0)));
}

#[test]
fn impossible_examples_are_refused() {
    let task = Multiclass::numbered(3, 2).unwrap();
    let narrow = example(&task, &[1.0], 0).x;
    let wide = SparseVector::from_dense(&[0.0, 0.0, 1.0]).unwrap();
    assert_eq!(task.validate(&narrow, &Class::new(2)), Ok(()));
    assert_eq!(
        task.validate(&narrow, &Class::new(3)),
        Err("expected one of 3 classes, not class 3".to_owned())
    );
    assert_eq!(
        task.validate(&narrow, &Class::UNKNOWN),
        Err("expected a known class, not an unknown label".to_owned())
    );
    assert_eq!(
        task.validate(&wide, &Class::new(0)),
        Err("expected features below 2, not feature 2".to_owned())
    );
}

#[test]
fn examples_come_from_the_rows_of_a_matrix() {
    let task = Multiclass::numbered(2, 2).unwrap().with_bias(Some(0.5)).unwrap();
    let (starts, columns, values) = ([0_u32, 2, 3], [0_u32, 2, 1], [1.0, 9.0, -2.0]);
    let matrix = sprs::CsMatViewI::new((2, 3), &starts[..], &columns[..], &values[..]);
    let examples = task.examples(matrix, &[1, 0]).unwrap();
    let feature = |index, value| Feature { index, value };
    assert_eq!(
        examples[0].x.features(),
        [feature(0, 1.0), feature(2, 0.5)],
        "column 2 is unknown, 2 is the bias"
    );
    assert_eq!(examples[1].x.features(), [feature(1, -2.0), feature(2, 0.5)]);
    assert_eq!((examples[0].y, examples[1].y), (Class::new(1), Class::new(0)));

    assert_eq!(task.examples(matrix, &[1]), Err(MatrixError::Lengths { rows: 2, classes: 1 }));
    assert_eq!(task.examples(matrix.transpose_view(), &[1, 0, 0]), Err(MatrixError::Columns));
    let values = [1.0, 9.0, 1e300];
    let matrix = sprs::CsMatViewI::new((2, 3), &starts[..], &columns[..], &values[..]);
    let error = task.examples(matrix, &[1, 0]).unwrap_err();
    assert_eq!(error.to_string(), "row 1: the value of feature 1 is not a finite number");
}

/// Features of very different frequency, and whole numbers, whose sums are exact in any order.
#[test]
fn renumbered_examples_have_the_scores_of_renumbered_weights() {
    const FEATURES: usize = 5000;
    for bias in [None, Some(2.0)] {
        let task = Multiclass::numbered(20, FEATURES).unwrap().with_bias(bias).unwrap();
        let row = |seed: usize| {
            let index =
                |at: usize| (at * at * (seed + 3) * 7919 % FEATURES / (1 + seed % at)) as u32;
            let mut indices: Vec<u32> = (1..40).map(index).collect();
            indices.sort_unstable();
            indices.dedup();
            let value = |index: u32| (index as usize % (seed + 5) + 1) as f32;
            indices.into_iter().map(|index| Feature { index, value: value(index) }).collect()
        };
        let x = |seed: usize| task.input(row(seed)).unwrap();
        let given: Examples = (0..300).map(|i| Example::new(x(i), Class::new(i % 20))).collect();
        let mut examples = given.clone();
        let new = task.renumber(&mut examples).unwrap();
        assert!(bias.is_none() || new.number(FEATURES as u32) < 10, "all rows have the bias");
        let mut w = random_weights(task.dim(), 30.0, 7);
        w.iter_mut().for_each(|weight| *weight = weight.round());
        let moved = new.renumbered(&w);
        for (before, after) in given.iter().zip(&examples) {
            assert_ne!(before.x, after.x);
            assert_eq!(task.scores(&w, &before.x), task.scores(&moved, &after.x));
        }
        // Once is enough.
        assert_eq!(task.renumber(&mut examples), None);
    }
    let mut dense = vec![example(&Multiclass::numbered(2, 40_000).unwrap(), &[1.0; 40_000], 0)];
    let before = dense.clone();
    assert_eq!(Multiclass::numbered(2, 40_000).unwrap().renumber(&mut dense), None);
    assert_eq!(dense, before);
}
