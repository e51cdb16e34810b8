// What every structure must keep: the laws of a task, the true maximum, a certified optimum.

use crosscut::{Rescaling, Settings, Structured, Task, risk, solve, testing};
use crosscut_app::{Examples, Options, Source, define};
use my_structure::{Interval, Lines};

const TRAIN: &str = include_str!("../data/train.txt");
const TEST: &str = include_str!("../data/test.txt");

fn examples(text: &str) -> Examples<Lines> {
    let source = Source::from_text("data", text);
    define::<Lines>(&Options::default(), source).expect("the data are fine").examples
}

#[test]
fn the_laws_hold() {
    testing::check(&Structured(Interval), &examples(TRAIN));
}

/// The search finds what a list of all outputs has, for predictions and in training.
#[test]
fn the_search_finds_the_maximum() {
    let task = Structured(Interval);
    let tiny = examples("1 3: 0.1 0.9 0.7 -0.3\n0 0: -0.5 0.2\n0 2: 1 1\n0 0:\n");
    for (seed, example) in (0..).zip(&tiny) {
        let len = example.x.len();
        let outputs = || (0..=len).flat_map(move |l| (l..=len).map(move |r| l..r));
        let w = testing::random_weights(task.dim(), 3.0, seed);
        testing::check_oracle(&task, &w, example, outputs(), Rescaling::Margin);
        testing::check_prediction(&task, &w, &example.x, outputs());
    }
}

#[test]
fn training_reaches_a_certified_gap() {
    let (task, settings) = (Structured(Interval), Settings::new().relative_gap(1e-3));
    let solution = solve(&task, &examples(TRAIN), &settings).expect("the data are fine");
    assert!(solution.certificate.converged(), "{:?}", solution.certificate);
    assert!(solution.certificate.relative_gap() <= 1e-3);

    let test = examples(TEST);
    let (found, guessing) = (risk(&task, &solution.w, &test), risk(&task, &[0.0, 0.0], &test));
    assert!(found < 0.5 * guessing, "{found} of {guessing}");
}

#[test]
fn bad_lines_are_refused() {
    for bad in ["0 1: 0.1 x", "0 1: nan", "0.5", ": 0.5", "1 0: 1", "0 2: 1", "0: 1", "-1 0: 1"] {
        let source = Source::from_text("data", bad);
        assert!(define::<Lines>(&Options::default(), source).is_err(), "{bad}");
    }
}
