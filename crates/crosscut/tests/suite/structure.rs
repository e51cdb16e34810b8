//! Structures as tasks, and borrowed tasks: they keep the laws, train to the optimum of the same
//! problem written as a task, and a wrong search is found.

use std::ops::{ControlFlow, Range};

use crate::worlds::{chain, interval::Interval, spans, tagger::Tagger};
use crosscut::{
    C, Dot, Example, FeatureMap, FeatureSink, Rescaling, Settings, SolveError, SparseRows,
    SparseVector, State, StopReason, Structure, Structured, Task, Trainer, solve, testing,
};

/// The first feature of each position of the spans, and their outputs.
fn intervals(n: usize) -> Vec<Example<Vec<f64>, Range<usize>>> {
    let numbers = |x: &SparseRows| x.iter().map(|row| row.get(0)).collect();
    spans::examples(n).iter().map(|e| Example::new(numbers(&e.x), e.y.clone())).collect()
}

const TAGGER: Tagger = Tagger { tags: 3, features: 4 };

#[test]
fn structures_keep_the_laws_and_find_the_maximum() {
    let examples = intervals(12);
    testing::check(&Structured(Interval), &examples);
    for (seed, example) in (0..).zip(&examples) {
        let outputs = spans::outputs(example.x.len());
        let w = testing::random_weights(2, 3.0, seed);
        testing::check_oracle(
            &Structured(Interval),
            &w,
            example,
            outputs.clone(),
            Rescaling::Margin,
        );
        testing::check_prediction(&Structured(Interval), &w, &example.x, outputs);
    }

    let (task, examples) = (Structured(&TAGGER), chain::examples(12, 3, 4));
    testing::check(&task, &examples);
    for (seed, example) in (0..).zip(&examples) {
        let outputs = || testing::sequences(3, example.x.len());
        let w = testing::random_weights(task.dim(), 3.0, seed);
        testing::check_oracle(&task, &w, example, outputs(), Rescaling::Margin);
        testing::check_prediction(&task, &w, &example.x, outputs());
    }
}

/// The tagger has the weights of the chain in another order, so the optima are equal.
#[test]
fn a_structure_trains_to_the_optimum_of_the_same_task() {
    let examples = chain::examples(30, 3, 4);
    let chain = chain::Chain { tags: 3, features: 4, rescaling: Rescaling::Margin };
    let settings = Settings::new().relative_gap(1e-6);
    let structure = solve(&Structured(&TAGGER), &examples, &settings).unwrap();
    let task = solve(&chain, &examples, &settings).unwrap();
    for (one, other) in [(&structure, &task), (&task, &structure)] {
        assert!(one.certificate.converged(), "{:?}", one.certificate);
        assert!(one.certificate.dual <= other.certificate.primal);
    }
    testing::check_solution(&Structured(&TAGGER), &examples, &settings, &structure);

    let (layout, emission, transition) = TAGGER.layout();
    let moved = |index: usize| match layout.name(index).expect("a weight") {
        ("emission", at) => (emission.at([at[0], at[1]]), at[1] * 3 + at[0]),
        (_, at) => (transition.at([at[0], at[1]]), 12 + at[0] * 3 + at[1]),
    };
    for index in 0..layout.dim() {
        let (own, other) = moved(index);
        assert_eq!(own, index);
        assert!((structure.w[own] - task.w[other]).abs() < 2e-2, "{index}");
    }
}

/// Training is saved and resumed although a structure names no rows.
#[test]
fn training_of_a_structure_resumes_to_the_same_bits() {
    let examples = chain::examples(20, 3, 4);
    let task = Structured(&TAGGER);
    let settings = Settings::new().relative_gap(1e-5);
    let mut states = Vec::new();
    let mut keep = |state: &State<'_>| {
        let mut bytes = Vec::new();
        ciborium::into_writer(state, &mut bytes).unwrap();
        states.push(bytes);
    };
    let mut trainer = Trainer::new(&task, &examples, &settings).unwrap();
    let whole = trainer.solve_keeping(&mut |_| ControlFlow::Continue(()), &mut keep);
    let state = &states[states.len() / 2];
    let mut trainer = Trainer::new(&task, &examples, &settings).unwrap();
    trainer.restore(ciborium::from_reader(&state[..]).unwrap()).unwrap();
    let rest = trainer.solve(&mut |_| ControlFlow::Continue(()));
    assert_eq!((rest.w, rest.certificate), (whole.w, whole.certificate));
}

/// [`Interval`] with another search.
struct Wrong(Search);

type Search = fn(&[f64], &Vec<f64>, Option<&Range<usize>>) -> Range<usize>;

impl Structure for Wrong {
    type Input = Vec<f64>;
    type Output = Range<usize>;

    fn dim(&self) -> usize {
        2
    }

    fn psi(&self, x: &Vec<f64>, y: &Range<usize>, sink: &mut FeatureSink<'_>) {
        Interval.psi(x, y, sink);
    }

    fn loss(&self, y: &Range<usize>, y_hat: &Range<usize>) -> f64 {
        Interval.loss(y, y_hat)
    }

    fn best(&self, w: &[f64], x: &Vec<f64>, y: Option<&Range<usize>>) -> Range<usize> {
        self.0(w, x, y)
    }
}

#[test]
fn a_wrong_search_is_found() {
    let examples = intervals(12);
    let table: [(&str, Wrong); 4] = [
        ("forgets the loss", Wrong(|w, x, _| Interval.best(w, x, None))),
        ("returns y", Wrong(|w, x, y| y.cloned().unwrap_or_else(|| Interval.best(w, x, None)))),
        ("returns nothing", Wrong(|_, _, _| 0..0)),
        ("subtracts the score", Wrong(|w, x, y| Interval.best(&[-w[0], -w[1]], x, y))),
    ];
    for (name, wrong) in table {
        assert!(testing::laws(&Structured(&wrong), &examples).is_err(), "{name}");
    }

    // Training counts planes that an earlier one beats, and does not say that it converged.
    let wrong = Wrong(|w, x, y| match y {
        Some(_) => Interval.best(&[-w[0], -w[1]], x, y),
        None => Interval.best(w, x, None),
    });
    let settings = Settings::new().c(C::Sum(10.0)).passes(50);
    let certificate = solve(&Structured(&wrong), &examples, &settings).unwrap().certificate;
    assert!(!certificate.converged() && !certificate.oracle.is_clean(), "{certificate:?}");
}

/// The laws say little of predictions; brute force does.
#[test]
#[should_panic(expected = "predict")]
fn a_prediction_with_the_loss_is_found() {
    let wrong = Wrong(|w, x, y| Interval.best(w, x, Some(y.unwrap_or(&(0..0)))));
    let x = vec![-0.4, -0.4];
    testing::check_prediction(&Structured(&wrong), &[1.0, 0.0], &x, spans::outputs(2));
}

#[test]
fn examples_that_do_not_fit_are_refused_before_training() {
    let bad = Example::new(vec![1.0, 2.0], 1..3);
    let error = solve(&Structured(Interval), [&bad], &Settings::new()).unwrap_err();
    let message = "the interval 1..3 does not lie within 2 positions".to_owned();
    assert_eq!(error, SolveError::Example { index: 0, message });
    let row = SparseVector::from_dense(&[0.0, 0.0, 0.0, 0.0, 1.0]).unwrap();
    let error = Structured(&TAGGER).validate_input(&[row].into_iter().collect()).unwrap_err();
    assert_eq!(error, "expected at most 4 features");
}

/// A borrowed task, a task borrowed twice, and the task itself give the same bits, with all
/// optional abilities: recombined planes need `recombine`, saved states need `row`.
#[test]
fn a_borrowed_task_trains_to_the_same_bits() {
    let examples = spans::examples(40);
    let task = &spans::TASK;
    let settings = Settings::new().relative_gap(1e-5);
    let own = solve(task, &examples, &settings).unwrap();
    let borrowed = solve(&task, &examples, &settings).unwrap();
    let twice = solve(&&task, &examples, &settings).unwrap();
    assert_eq!(own.certificate.stop, StopReason::Gap);
    for other in [borrowed, twice] {
        assert_eq!((&other.w, other.certificate), (&own.w, own.certificate));
    }
    testing::check(&task, &examples);

    let example = &examples[2];
    let w = testing::random_weights(3, 1.0, 5);
    let mut dot = Dot::new(&w);
    FeatureMap::psi(&task, &example.x, &example.y, &mut dot);
    assert_eq!(dot.sum, FeatureMap::score(&task, &w, &example.x, &example.y));
    assert_eq!(
        Task::row(&task, &example.x, 1).map(|row| row.features()),
        Some(example.x.row(1).features())
    );
    assert!(Task::row(&task, &example.x, 1000).is_none());
}
