//! `--scale`: training on raw features is training on features scaled by hand, and so is
//! prediction.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, and so do its helpers")]

use std::fmt::Write as _;

use crosscut::{C, Example, Feature, Model, Settings, SparseVector, Task, solve, testing};
use crosscut_app::model_file::{self, ModelFile};
use crosscut_app::{Format, Monitor, Options, Source, Training, read};
use crosscut_multiclass::{Class, Multiclass, MulticlassFiles};
use proptest::prelude::*;

/// Rows of a table with a label each.
type Table = Vec<(usize, [f64; 5])>;

/// Whole numbers from −5 to 5 that look random.
fn noise(row: usize, column: usize) -> f64 {
    (((row * 7919 + column * 104_729 + 13) * 2_654_435_761 % 1_000_003 % 11) as f64) - 5.0
}

/// Numbers of very different sizes: far from 0, tiny, rare, constant, large.
fn table(rows: std::ops::Range<usize>) -> Table {
    let values = |row: usize| {
        let rare = if row.is_multiple_of(5) { noise(row, 3) } else { 0.0 };
        [1000.0 + noise(row, 1) / 4.0, noise(row, 2) / 1024.0, rare, 7.0, 100_000.0 * noise(row, 5)]
    };
    let label = |[a, b, c, _, e]: [f64; 5], row: usize| {
        let scores = [a - 1000.0, 400.0 * b + 0.3 * c, e / 200_000.0 - 0.5 * c];
        let best = (0..3).max_by(|&i, &j| scores[i].total_cmp(&scores[j])).unwrap();
        if row.is_multiple_of(9) { row % 3 } else { best }
    };
    rows.map(|row| (label(values(row), row), values(row))).collect()
}

/// Every feature is written, zeros as well, so that all files have the same ids.
fn text(table: &Table) -> String {
    table.iter().fold(String::new(), |mut text, (label, row)| {
        let _ = write!(text, "c{label}");
        for (id, value) in (1..).zip(row) {
            let _ = write!(text, " {id}:{value}");
        }
        text + "\n"
    })
}

/// What each value becomes, by the numbers of the training table.
fn by_hand(scale: &str, train: &Table, table: &Table) -> Table {
    let column = |feature: usize| train.iter().map(move |(_, row)| row[feature]);
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
    let formulas: Vec<(f64, f64)> = (0..5).map(formula).collect();
    let scaled = |row: &[f64; 5]| {
        std::array::from_fn(|feature| (row[feature] - formulas[feature].0) / formulas[feature].1)
    };
    table.iter().map(|(label, row)| (*label, scaled(row))).collect()
}

fn options(values: &[(&str, &str)]) -> Options {
    let mut options = Options::default();
    values.iter().for_each(|(name, value)| options.set(name, *value));
    options
}

type Examples = Vec<Example<SparseVector, Class>>;

fn define(options: &Options, text: &str) -> (MulticlassFiles, Multiclass, Examples) {
    let source = Source::from_text("train", text);
    let Training { format, task, examples } = crosscut_app::define(options, source).unwrap();
    (format, task, examples)
}

/// Trains far, and sends the model through a file.
fn learn(options: &Options, text: &str) -> (MulticlassFiles, Model<Multiclass>) {
    let (files, task, examples) = define(options, text);
    let settings = Settings::new().c(C::Mean(10.0)).relative_gap(1e-9);
    let solution = solve(&task, &examples, &settings).unwrap();
    testing::check_solution(&task, &examples, &settings, &solution);
    assert!(solution.certificate.converged(), "{:?}", solution.certificate);
    let model = Model::new(task, solution.w, settings, solution.certificate);
    let folder = tempfile::tempdir().unwrap();
    model_file::save(&files, &model, &folder.path().join("model")).unwrap();
    ModelFile::open(&folder.path().join("model")).unwrap().load().unwrap()
}

fn predictions((files, model): &(MulticlassFiles, Model<Multiclass>), text: &str) -> Vec<Class> {
    let items = read(files, &model.task, Source::from_text("test", text)).unwrap();
    items.iter().map(|item| model.predict(&item.x)).collect()
}

#[test]
fn training_and_prediction_are_those_of_files_scaled_by_hand() {
    let (train, test) = (table(0..120), table(120..300));
    for scale in ["standard", "global"] {
        let [train_by_hand, test_by_hand] =
            [&train, &test].map(|table| text(&by_hand(scale, &train, table)));
        for bias in [&[][..], &[("bias", "1")]] {
            let scaled = learn(&options(&[&[("scale", scale)], bias].concat()), &text(&train));
            let plain = learn(&options(bias), &train_by_hand);
            let (a, b) = (scaled.1.certificate, plain.1.certificate);
            let near = |x: f64, y: f64| (x - y).abs() <= 1e-6 * y.abs();
            assert!(
                near(a.primal, b.primal) && near(a.dual, b.dual),
                "{scale} {bias:?}: {a:?} {b:?}"
            );
            assert_eq!(
                predictions(&scaled, &text(&test)),
                predictions(&plain, &test_by_hand),
                "{scale} {bias:?}"
            );
            assert_eq!(
                (scaled.0.scale(&scaled.1.task), plain.0.scale(&plain.1.task)),
                (Some(scale), None)
            );
        }
    }
}

#[test]
fn units_and_the_origin_of_a_dense_feature_do_not_matter() {
    let train = table(0..90);
    // Exact changes of unit and origin.
    let other: Table = train
        .iter()
        .map(|&(label, [a, b, c, d, e])| (label, [1024.0 * (a - 990.0), b / 256.0, 8.0 * c, d, e]))
        .collect();
    let options = options(&[("scale", "standard"), ("bias", "1")]);
    let rows = |table: &Table| {
        define(&options, &text(table)).2.into_iter().map(|example| example.x).collect::<Vec<_>>()
    };
    for (x, other) in rows(&train).iter().zip(&rows(&other)) {
        assert_eq!(x.features().len(), other.features().len());
        for (a, b) in x.features().iter().zip(other.features()) {
            assert!(
                a.index == b.index && (a.value - b.value).abs() <= 1e-5 * a.value.abs(),
                "{a:?} {b:?}"
            );
        }
    }
}

#[test]
fn the_bias_is_not_scaled_and_no_feature() {
    for scale in ["none", "standard", "global"] {
        let (_, task, examples) =
            define(&options(&[("bias", "0.5"), ("scale", scale)]), "a 1:3 2:1\nb 1:5\nc 1:4\n");
        for example in &examples {
            assert_eq!(
                example.x.features().last(),
                Some(&Feature { index: 2, value: 0.5 }),
                "{scale}"
            );
        }
        // Of the two features only the first is dense enough to be centred.
        let stored: Vec<usize> =
            examples.iter().map(|example| example.x.features().len()).collect();
        assert_eq!(
            stored,
            match scale {
                "none" => [3, 2, 2],
                "standard" => [3, 2, 1],
                _ => [2, 2, 2],
            }
        );
        // Matrices are scaled as files are.
        let input = task.input(vec![Feature { index: 0, value: 5.0 }]).unwrap();
        assert_eq!(input, examples[1].x);
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
        let source = Source::open(&path, &mut ears).unwrap();
        crosscut_app::define::<MulticlassFiles>(&options(values), source).unwrap();
        ears.0.into_iter().map(|note| note.replace(path.to_str().unwrap(), "f")).collect::<Vec<_>>()
    };
    let far = "f: feature 9 has values over 10000 times as large as a quarter of the features: training may be slow, and C \
               means something else for each of them; give --scale standard (or global)";
    let text = |value: &str| format!("a 1:1 2:-1 7:0.5 9:{value}\nb 1:1 2:1 7:1\n");
    assert_eq!(notes(&text("-10001"), &[]), [far]);
    assert!(notes(&text("10000"), &[]).is_empty());
    // In a table, whose rows have all features, less is far.
    let table = "f: feature 2 has values over 100 times as large as a quarter of the features: C means something else for \
                 each of them; give --scale standard (or global)";
    assert_eq!(notes("a 1:1 2:101\nb 1:0.5 2:3\n", &[]), [table]);
    assert!(notes("a 1:1 2:100\nb 1:0.5 2:3\n", &[]).is_empty());
    let constant =
        "f: feature 1 has one value only and becomes 0 by --scale; --bias adds a constant";
    assert_eq!(notes(&text("-10001"), &[("scale", "global")]), [constant]);
    assert!(notes(&text("-10001"), &[("scale", "standard"), ("bias", "1")]).is_empty());
}

#[test]
fn broken_scalings_and_words_are_refused() {
    let error = |values: &[(&str, &str)]| {
        let source = Source::from_text("train", "a 1:1\nb 1:2\n");
        crosscut_app::define::<MulticlassFiles>(&options(values), source).unwrap_err().to_string()
    };
    assert_eq!(
        error(&[("scale", "query")]),
        "--scale expects none, standard or global, not `query`"
    );

    let (_, task, _) = define(&options(&[("scale", "global")]), "a 1:1 2:1\nb 1:3 2:0\n");
    let text = serde_json::to_string(&task).unwrap();
    assert_eq!(serde_json::from_str::<Multiclass>(&text).unwrap(), task);
    let size = "the scaling is not for the 2 features of the task";
    let table = [
        (r#"{"origin":1.0,"width":2.0},"#, "", size),
        (
            r#""Contiguous":2"#,
            r#""Contiguous":3"#,
            "the scaling is not for the 3 features of the task",
        ),
        (r#""width":2.0"#, r#""width":-2.0"#, "expected finite numbers to scale feature 0 by"),
        (r#""Global""#, r#""None""#, "expected no numbers to scale by"),
    ];
    for (from, to, message) in table {
        assert!(text.contains(from), "{from} in {text}");
        let error =
            serde_json::from_str::<Multiclass>(&text.replace(from, to)).unwrap_err().to_string();
        assert!(error.contains(message), "{to}: {error}");
    }
}

proptest! {
    /// Files with values of any size are learned from and predicted, with features that the other
    /// file has not.
    #[test]
    fn any_numbers_give_finite_rows(
        rows in prop::collection::vec(prop::collection::btree_map(1..6_u32, prop::num::f32::NORMAL | prop::num::f32::ZERO | prop::num::f32::SUBNORMAL, 0..4), 2..8),
        scale in prop::sample::select(vec!["standard", "global"]),
        trained in 1..7_usize,
    ) {
        let line = |(at, row): (usize, &std::collections::BTreeMap<u32, f32>)| {
            row.iter().fold(format!("c{}", at % 2), |line, (id, value)| format!("{line} {id}:{value}")) + "\n"
        };
        let lines: Vec<String> = rows.iter().enumerate().map(line).collect();
        let trained = trained.clamp(2, lines.len());
        // Without features there is nothing to learn from.
        prop_assume!(rows[..trained].iter().flat_map(|row| row.values()).any(|value| *value != 0.0));
        let (files, task, examples) = define(&options(&[("scale", scale)]), &lines[..trained].concat());
        for item in read(&files, &task, Source::from_text("test", lines.concat())).unwrap() {
            prop_assert!(item.x.features().iter().all(|feature| feature.value.is_finite() && feature.value != 0.0));
            prop_assert!(task.validate(&item.x, &item.y.unwrap()).is_ok());
        }
        let again = read(&files, &task, Source::from_text("train", lines[..trained].concat())).unwrap();
        prop_assert!(again.iter().map(|item| &item.x).eq(examples.iter().map(|example| &example.x)));
    }
}
