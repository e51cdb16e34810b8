//! `--scale`: training on raw tokens is training on tokens scaled by hand, and so is prediction.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, and so do its helpers")]

use std::fmt::Write as _;
use std::path::Path;

use crate::both::{self, Both, Examples};
use crosscut::{C, Certificate, Model, Settings, SparseRows, Task, solve, testing};
use crosscut_app::{Monitor, Options, Pieces, Source};
use crosscut_sequence::{Sequence, Tags};

/// Tokens of a table: sequence, tag and values.
type Table = Vec<(usize, usize, [f64; 4])>;

/// Whole numbers from −5 to 5 that look random.
fn noise(row: usize, column: usize) -> f64 {
    (((row * 7919 + column * 104_729 + 13) * 2_654_435_761 % 1_000_003 % 11) as f64) - 5.0
}

/// Numbers of very different sizes: far from 0, tiny, rare and large, constant.
fn table(rows: std::ops::Range<usize>) -> Table {
    let row = |row: usize| {
        let rare = if row.is_multiple_of(4) { 3000.0 * noise(row, 3) } else { 0.0 };
        let values = [500.0 + noise(row, 1) / 2.0, noise(row, 2) / 512.0, rare, -2.0];
        let tag = usize::from(noise(row, 1) + noise(row, 2) > 0.0) + usize::from(rare > 0.0);
        (row / 6, if row.is_multiple_of(11) { row % 3 } else { tag }, values)
    };
    rows.map(row).collect()
}

/// Every feature is written, zeros as well, so that all files have the same ids.
fn text(table: &Table) -> String {
    table.iter().fold(String::new(), |mut text, (sequence, tag, row)| {
        let _ = write!(text, "t{tag} qid:{sequence}");
        for (id, value) in (1..).zip(row) {
            let _ = write!(text, " {id}:{value}");
        }
        text + "\n"
    })
}

/// What each value becomes, by the numbers of all tokens of the training table.
fn by_hand(scale: &str, train: &Table, table: &Table) -> Table {
    let column = |feature: usize| train.iter().map(move |(_, _, row)| row[feature]);
    let n = train.len() as f64;
    let formula = |feature: usize| {
        let (low, high) =
            (column(feature).fold(f64::MAX, f64::min), column(feature).fold(f64::MIN, f64::max));
        let mean = column(feature).sum::<f64>() / n;
        let deviation =
            (column(feature).map(|value| (value - mean).powi(2)).sum::<f64>() / n).sqrt();
        let having = column(feature).filter(|&value| value != 0.0).count() as f64;
        match scale {
            _ if low == high => (0.0, f64::INFINITY),
            "standard" => (if having >= n / 2.0 { mean } else { 0.0 }, deviation),
            _ => (0.0_f64.clamp(low, high), high - low),
        }
    };
    let formulas: Vec<(f64, f64)> = (0..4).map(formula).collect();
    let scaled = |row: &[f64; 4]| {
        std::array::from_fn(|feature| (row[feature] - formulas[feature].0) / formulas[feature].1)
    };
    table.iter().map(|(sequence, tag, row)| (*sequence, *tag, scaled(row))).collect()
}

fn options(values: &[(&str, &str)]) -> Options {
    let mut options = Options::default();
    values.iter().for_each(|(name, value)| options.set(name, *value));
    options
}

fn define(values: &[(&str, &str)], text: &str) -> (Both, Examples) {
    both::define(&options(values), Source::from_text("train", text)).unwrap()
}

/// Trains far, and sends the model through a file.
fn learn(values: &[(&str, &str)], text: &str) -> (Both, Vec<f64>, Certificate) {
    let (Both { files, task }, examples) = define(values, text);
    let settings = Settings::new().c(C::Mean(10.0)).relative_gap(1e-9);
    let solution = solve(&task, &examples, &settings).unwrap();
    testing::check_solution(&task, &examples, &settings, &solution);
    let certificate = solution.certificate;
    assert!(certificate.converged(), "{certificate:?}");
    let model = Model::new(task, solution.w, settings, solution.certificate);
    let (both, w) = both::through_a_file(files, model);
    (both, w, certificate)
}

fn predictions((task, w, _): &(Both, Vec<f64>, Certificate), text: &str) -> Vec<Tags> {
    let items = task.read(Source::from_text("test", text)).unwrap();
    items.iter().map(|item| task.predict(w, &item.x, &mut Default::default())).collect()
}

#[test]
fn training_and_prediction_are_those_of_files_scaled_by_hand() {
    let (train, test) = (table(0..180), table(180..420));
    for scale in ["standard", "global"] {
        let [train_by_hand, test_by_hand] =
            [&train, &test].map(|table| text(&by_hand(scale, &train, table)));
        for more in [&[][..], &[("e", "1")]] {
            let scaled = learn(&[&[("scale", scale)], more].concat(), &text(&train));
            let plain = learn(more, &train_by_hand);
            let (a, b) = (&scaled.2, &plain.2);
            let near = |x: f64, y: f64| (x - y).abs() <= 1e-6 * y.abs();
            assert!(
                near(a.primal, b.primal) && near(a.dual, b.dual),
                "{scale} {more:?}: {a:?} {b:?}"
            );
            assert_eq!(
                predictions(&scaled, &text(&test)),
                predictions(&plain, &test_by_hand),
                "{scale} {more:?}"
            );
            assert_eq!((scaled.0.scale(), plain.0.scale()), (Some(scale), None));
        }
    }
}

#[test]
fn symbols_stay_as_they_are_by_global_and_only_weights_change() {
    let rows = |values: &[(&str, &str)], text: &str| -> Vec<SparseRows> {
        define(values, text).1.iter().map(|example| example.x.rows().clone()).collect()
    };
    let text = "N\tw=a\tlong\nV\tw=b\n\nN\tw=a\nV\tlong\tw=c\n";
    assert_eq!(rows(&[("scale", "global")], text), rows(&[], text));
    let weighted = text.replace("long", "long:4");
    assert_eq!(rows(&[("scale", "global")], &weighted), rows(&[], text));
    // By standard too, rows have no features that they did not have, if half of the rows or more
    // lack each.
    let of = |rows: &[SparseRows]| {
        rows.iter().flat_map(SparseRows::iter).map(|row| row.features().len()).collect::<Vec<_>>()
    };
    let sparse = text.to_owned() + "V\tw=d\n";
    assert_eq!(of(&rows(&[("scale", "standard")], &sparse)), of(&rows(&[], &sparse)));

    let columns = "the DT B-NP\ndog NN I-NP\nbarks VBZ B-VP\n\ncats NNS B-NP\npurr VBP B-VP\n";
    let (task, examples) = define(&[("template", "pos"), ("scale", "global")], columns);
    let again = task.read(Source::from_text("test", columns)).unwrap();
    assert!(
        again.iter().map(|item| item.x.rows()).eq(examples.iter().map(|example| example.x.rows()))
    );
}

#[test]
fn a_stream_has_the_same_scaling() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("train");
    std::fs::write(&path, text(&table(0..90))).unwrap();
    for scale in ["none", "standard", "global"] {
        for more in [&[][..], &[("min-count", "30")]] {
            let options = options(&[&[("scale", scale)], more].concat());
            let (task, _) = both::define(&options, Source::open(&path, &mut ()).unwrap()).unwrap();
            for size in [1, 200, 1 << 20] {
                let surveyed =
                    both::survey(&options, &mut Pieces::with_size(&path, size).unwrap()).unwrap();
                assert_eq!(surveyed, task, "{scale} {more:?}");
            }
        }
    }
}

#[test]
fn what_is_told_while_training() {
    #[derive(Default)]
    struct Ears(Vec<String>);
    impl Monitor for Ears {
        fn note(&mut self, message: &str) {
            self.0.push(message.to_owned());
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("f");
    let notes = |text: &str, values: &[(&str, &str)]| {
        std::fs::write(&path, text).unwrap();
        let mut ears = Ears::default();
        both::define(&options(values), Source::open(Path::new(&path), &mut ears).unwrap()).unwrap();
        ears.0.into_iter().map(|note| note.replace(path.to_str().unwrap(), "f")).collect::<Vec<_>>()
    };
    let far = |name: &str| {
        format!(
            "f: feature {name} has values over 10000 times as large as a quarter of the features: training may be slow, \
             and C means something else for each of them; give --scale standard (or global)"
        )
    };
    let hmm = "N qid:1 1:1 2:1 9:-20000\nV qid:1 1:1\n";
    assert_eq!(notes(hmm, &[]), [far("9")]);
    assert_eq!(
        notes(hmm, &[("scale", "standard")]),
        ["f: feature 1 has one value only and becomes 0 by --scale"]
    );
    let long = "x".repeat(100);
    let crf = format!("N\ta\tb\t{long}:20000\nV\ta\n");
    assert_eq!(notes(&crf, &[]), [far(&(long[..40].to_owned() + "…"))]);
    assert!(notes(&crf.replace(":20000", ":10000"), &[]).is_empty());
}

#[test]
fn broken_scalings_and_words_are_refused() {
    let error = both::define(
        &options(&[("scale", "query")]),
        Source::from_text("train", "A qid:1 1:1\nB qid:1\n"),
    );
    assert_eq!(
        error.unwrap_err().to_string(),
        "--scale expects none, standard or global, not `query`"
    );

    let (task, _) = define(&[("scale", "global")], "A qid:1 1:1 2:1\nB qid:1 1:3\n");
    let text = serde_json::to_string(&task.task).unwrap();
    assert_eq!(serde_json::from_str::<Sequence>(&text).unwrap(), task.task);
    let table = [
        (r#"{"origin":1.0,"width":2.0},"#, "", "the scaling is not for the 2 features of the task"),
        (
            r#""Contiguous":2"#,
            r#""Contiguous":1"#,
            "the scaling is not for the 1 features of the task",
        ),
        (r#""width":2.0"#, r#""width":-2.0"#, "expected finite numbers to scale feature 0 by"),
        (r#""Global""#, r#""None""#, "expected no numbers to scale by"),
    ];
    for (from, to, message) in table {
        assert!(text.contains(from), "{from} in {text}");
        let error =
            serde_json::from_str::<Sequence>(&text.replace(from, to)).unwrap_err().to_string();
        assert!(error.contains(message), "{to}: {error}");
    }
}

#[test]
fn values_at_the_edges_stay_finite() {
    let train = "A qid:1 1:1e30 2:1e-45 3:5 4:-1e30\nB qid:1 1:-0 2:2e-45 3:5\nA qid:1 1:3e38 2:1e-45 3:5 6:1\n";
    let test = "? qid:1 1:-3e38 2:3e38 3:-3e38 4:3e38 5:1 6:3e38 7:1\n? qid:1\n";
    for scale in ["standard", "global"] {
        let (task, examples) = define(&[("scale", scale)], train);
        let items = task.read(Source::from_text("test", test)).unwrap();
        for x in examples.iter().map(|example| &example.x).chain(items.iter().map(|item| &item.x)) {
            assert!(x.rows().width() <= task.features().len(), "{scale}");
            assert!(
                x.rows()
                    .iter()
                    .flat_map(|row| row.features())
                    .all(|feature| feature.value.is_finite()),
                "{scale}"
            );
        }
        // What training held always is nothing later either.
        assert_eq!(items[0].x.rows().row(0).get(2), 0.0, "{scale}");
        assert_eq!(task.dim(), 6 * 2 + 4);
    }
}
