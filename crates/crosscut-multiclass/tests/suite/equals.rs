//! Equal examples are trained as one with the sum of their weights: the problem, and all that is
//! said of it, stay those of the examples as they were given.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, and so do its helpers")]

use std::ops::ControlFlow;

use crosscut::{
    C, Certificate, Example, Settings, SlackNorm, Solution, Solver, SparseVector, State, Trainer,
    testing,
};
use crosscut_multiclass::{Class, Multiclass};
use crosscut_testkit::cases;
use proptest::prelude::*;

type Examples = Vec<Example<SparseVector, Class>>;

fn task() -> Multiclass {
    Multiclass::numbered(4, 3).unwrap().with_bias(Some(1.0)).unwrap()
}

/// Different examples, and which of them, with which weights, come in which order.
fn problems() -> impl Strategy<Value = (Examples, Vec<(usize, f64)>)> {
    let value = prop_oneof![Just(0.0_f32), -2.0_f32..2.0];
    let rows = prop::collection::hash_set(
        (prop::collection::vec(value.prop_map(f32::to_bits), 3), 0..4_usize),
        5..12,
    );
    rows.prop_flat_map(|rows| {
        let order = prop::collection::vec(
            (0..rows.len(), prop_oneof![Just(1.0), Just(0.5), Just(0.0)]),
            12..60,
        );
        (Just(rows), order)
    })
    .prop_map(|(rows, order)| {
        let example = |(bits, class): (Vec<u32>, usize)| {
            let values: Vec<f32> = bits.into_iter().map(f32::from_bits).collect();
            let features = SparseVector::from_dense(&values).unwrap();
            Example::new(task().input(features.into()).unwrap(), Class::new(class))
        };
        (rows.into_iter().map(example).collect(), order)
    })
}

/// The examples in the order given, and each that is there once, with the sum of the weights.
fn given_and_merged(rows: &Examples, order: &[(usize, f64)]) -> (Examples, Examples, Vec<usize>) {
    let given = order.iter().map(|&(row, weight)| rows[row].clone().with_weight(weight)).collect();
    let mut firsts: Vec<usize> = Vec::new();
    order.iter().for_each(|(row, _)| {
        if !firsts.contains(row) {
            firsts.push(*row);
        }
    });
    let sum = |row: usize| {
        order.iter().filter(|(other, _)| *other == row).map(|(_, weight)| weight).sum()
    };
    let merged = firsts.iter().map(|&row| rows[row].clone().with_weight(sum(row))).collect();
    (
        given,
        merged,
        order
            .iter()
            .map(|(row, _)| firsts.iter().position(|first| first == row).unwrap())
            .collect(),
    )
}

fn train(task: &Multiclass, examples: &Examples, settings: &Settings) -> Solution {
    let solution =
        Trainer::new(task, examples, settings).unwrap().solve(&mut |_| ControlFlow::Continue(()));
    testing::check_solution(task, examples, settings, &solution);
    solution
}

fn write(state: &State<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    ciborium::into_writer(state, &mut bytes).unwrap();
    bytes
}

fn bits(solution: &Solution) -> (Vec<u64>, Certificate) {
    (solution.w.iter().map(|weight| weight.to_bits()).collect(), solution.certificate)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(40)))]

    #[test]
    fn copies_are_weights((rows, order) in problems(), mean: bool, squared: bool, one_slack: bool) {
        let (task, n) = (task(), order.len() as f64);
        let (given, merged, stands_for) = given_and_merged(&rows, &order);
        let settings = |c| Settings::new().c(c).slack_norm(if squared { SlackNorm::Squared } else { SlackNorm::Linear }).solver(if one_slack { Solver::OneSlack } else { Solver::Block }).passes(1000).threads(1);
        let theirs = settings(if mean { C::Mean(0.3 * n) } else { C::Sum(0.3) });
        let mut trainer = Trainer::new(&task, &given, &theirs).unwrap();
        prop_assert_eq!(trainer.different(), merged.len());
        let solution = trainer.solve(&mut |_| ControlFlow::Continue(()));
        testing::check_solution(&task, &given, &theirs, &solution);
        prop_assert_eq!(solution.certificate.examples, given.len());

        let ours = settings(C::Sum(theirs.c.sum(given.len())));
        let mut weighted = Trainer::new(&task, &merged, &ours).unwrap();
        let same = weighted.solve(&mut |_| ControlFlow::Continue(()));
        prop_assert_eq!(&same.w, &solution.w);
        prop_assert_eq!(same.certificate.dual, solution.certificate.dual);
        prop_assert_eq!(same.certificate.passes, solution.certificate.passes);

        // Each copy has its part of the dual variables, within its own bound.
        let (parts, wholes) = (trainer.dual_variables(), weighted.dual_variables());
        let sum = |variables: &[crosscut::DualVariable], is_it: &dyn Fn(usize) -> bool| -> f64 {
            variables.iter().filter(|variable| variable.example.is_some_and(is_it)).map(|variable| variable.alpha).sum()
        };
        if !one_slack {
            for (index, example) in given.iter().enumerate().filter(|_| !squared) {
                let bound = theirs.c.sum(given.len()) * example.weight;
                prop_assert!(sum(&parts, &|other| other == index) <= bound * (1.0 + 1e-12));
            }
            for at in 0..merged.len() {
                let whole = sum(&wholes, &|other| other == at);
                let part = sum(&parts, &|other| stands_for[other] == at);
                prop_assert!((whole - part).abs() <= 1e-12 * whole, "{} is not {}", part, whole);
            }
        }
    }

    #[test]
    fn training_on_copies_goes_on_to_the_same_bits((rows, order) in problems(), at in 0..20_usize, one_slack: bool) {
        let task = task();
        let (given, ..) = given_and_merged(&rows, &order);
        let solver = if one_slack { Solver::OneSlack } else { Solver::Block };
        let settings = Settings::new().c(C::Sum(0.5)).relative_gap(1e-9).passes(40).solver(solver);
        let mut states = Vec::new();
        let mut keep = |state: &State<'_>| states.push(write(state));
        let mut trainer = Trainer::new(&task, &given, &settings).unwrap();
        let solution = trainer.solve_keeping(&mut |_| ControlFlow::Continue(()), &mut keep);
        let mut again = Trainer::new(&task, &given, &settings).unwrap();
        again.restore(ciborium::from_reader(&*states[at % states.len()]).unwrap()).unwrap();
        prop_assert_eq!(bits(&again.solve(&mut |_| ControlFlow::Continue(()))), bits(&solution));
    }

    #[test]
    fn another_c_is_that_of_the_examples_as_given((rows, order) in problems()) {
        let task = task();
        let (given, ..) = given_and_merged(&rows, &order);
        let settings = |c| Settings::new().c(c).relative_gap(1e-9).passes(10_000);
        let mut trainer = Trainer::new(&task, &given, &settings(C::Mean(1.0))).unwrap();
        trainer.solve(&mut |_| ControlFlow::Continue(()));
        trainer.set_c(C::Mean(20.0)).unwrap();
        let warm = trainer.solve(&mut |_| ControlFlow::Continue(()));
        let cold = train(&task, &given, &settings(C::Mean(20.0)));
        prop_assert!((warm.certificate.primal - cold.certificate.primal).abs() <= 1e-8 * cold.certificate.primal);
    }
}
