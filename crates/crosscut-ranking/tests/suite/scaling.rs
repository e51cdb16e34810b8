//! `--scale standard` and `global`: training on raw documents is training on documents scaled by
//! hand, and so is prediction.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, and so do its helpers")]

use std::fmt::Write as _;

use crosscut::{C, Model, Settings, solve, testing};
use crosscut_app::model_file::{self, ModelFile};
use crosscut_app::{Format, Options, Pieces, Source, Training};
use crosscut_ranking::{Ranking, RankingFiles};

/// Documents of a table: query, grade and values.
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
        let grade = usize::from(noise(row, 1) + noise(row, 2) > 0.0) + usize::from(rare > 0.0);
        (row / 8, if row.is_multiple_of(11) { row % 3 } else { grade }, values)
    };
    rows.map(row).collect()
}

/// Every feature is written, zeros as well, so that all files have the same ids.
fn text(table: &Table) -> String {
    table.iter().fold(String::new(), |mut text, (query, grade, row)| {
        let _ = write!(text, "{grade} qid:{query}");
        for (id, value) in (1..).zip(row) {
            let _ = write!(text, " {id}:{value}");
        }
        text + "\n"
    })
}

/// The table with each feature shifted and multiplied.
fn changed(table: &Table, by: [(f64, f64); 4]) -> Table {
    let value = |row: &[f64; 4]| {
        std::array::from_fn(|feature| by[feature].1 * (row[feature] + by[feature].0))
    };
    table.iter().map(|(query, grade, row)| (*query, *grade, value(row))).collect()
}

/// What each value becomes, by the numbers of all documents of the training table.
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
            _ if low == high => (0.0, 0.0),
            "standard" => (if having >= n / 2.0 { -mean } else { 0.0 }, deviation.recip()),
            _ => (-0.0_f64.clamp(low, high), (high - low).recip()),
        }
    };
    changed(table, std::array::from_fn(formula))
}

fn options(scale: &str) -> Options {
    let mut options = Options::default();
    options.set("scale", scale);
    options
}

fn define(scale: &str, text: &str) -> Training<RankingFiles> {
    crosscut_app::define(&options(scale), Source::from_text("train", text)).unwrap()
}

/// A model and its files.
type Learned = (RankingFiles, Model<Ranking>);

/// Trains far, and sends the model through a file.
fn learn(scale: &str, text: &str) -> Learned {
    let Training { format, task, examples } = define(scale, text);
    let settings = Settings::new().c(C::Mean(10.0)).relative_gap(1e-9);
    let solution = solve(&task, &examples, &settings).unwrap();
    testing::check_solution(&task, &examples, &settings, &solution);
    assert!(solution.certificate.converged(), "{:?}", solution.certificate);
    let model = Model::new(task, solution.w, settings, solution.certificate);
    let folder = tempfile::tempdir().unwrap();
    model_file::save(&format, &model, &folder.path().join("model")).unwrap();
    ModelFile::open(&folder.path().join("model")).unwrap().load().unwrap()
}

/// The scores of the documents of each query.
fn scores((files, model): &Learned, text: &str) -> Vec<Vec<f64>> {
    let items = crosscut_app::read(files, &model.task, Source::from_text("test", text)).unwrap();
    items.iter().map(|item| model.predict(&item.x).values().to_vec()).collect()
}

/// Two models of the same optimum, which order the documents of two files alike.
fn assert_same(a: (&Learned, &str), b: (&Learned, &str), at: &str) {
    let ((a, text_a), (b, text_b)) = (a, b);
    let near = |x: f64, y: f64, size: f64| (x - y).abs() <= 1e-4 * size;
    let [primal, other] = [a, b].map(|(_, model)| model.certificate.primal);
    assert!(near(primal, other, 0.01 * other), "{at}");
    for (a, b) in scores(a, text_a).iter().zip(&scores(b, text_b)) {
        // Up to what all documents of a query have.
        let differences =
            |scores: &[f64]| scores.iter().map(|score| score - scores[0]).collect::<Vec<_>>();
        assert!(
            differences(a).iter().zip(&differences(b)).all(|(a, b)| near(*a, *b, 1.0)),
            "{at}: {a:?} {b:?}"
        );
    }
}

#[test]
fn training_and_prediction_are_those_of_files_scaled_by_hand() {
    let (train, test) = (table(0..120), table(120..300));
    for scale in ["standard", "global"] {
        let [train_by_hand, test_by_hand] =
            [&train, &test].map(|table| text(&by_hand(scale, &train, table)));
        let (scaled, plain) = (learn(scale, &text(&train)), learn("none", &train_by_hand));
        assert_same((&scaled, &text(&test)), (&plain, &test_by_hand), scale);
        let names = [scaled, plain].map(|(files, model)| files.scale(&model.task));
        assert_eq!(names, [Some(scale), None]);
    }
}

#[test]
fn units_do_not_matter_nor_shifts_of_what_all_documents_have() {
    let (train, test) = (table(0..120), table(120..200));
    // Shifts that leave a feature dense; for `global`, which need not centre, also of the rare one.
    for (scale, shift) in [("standard", 0.0), ("global", 20_000.0)] {
        let by = [(-490.0, 4.0), (8.0, 1024.0), (shift, 0.125), (9.0, 3.0)];
        let [other_train, other_test] = [&train, &test].map(|table| text(&changed(table, by)));
        let (raw, other) = (learn(scale, &text(&train)), learn(scale, &other_train));
        assert_same((&raw, &text(&test)), (&other, &other_test), scale);
    }
}

#[test]
fn a_stream_has_the_same_scaling() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("train");
    std::fs::write(&path, text(&table(0..90))).unwrap();
    for scale in ["none", "query", "standard", "global"] {
        let source = Source::open_quietly(&path).unwrap();
        let task = crosscut_app::define::<RankingFiles>(&options(scale), source).unwrap().task;
        for size in [1, 200, 1 << 20] {
            let mut pieces = Pieces::with_size(&path, size).unwrap();
            let (_, surveyed) =
                crosscut_app::survey::<RankingFiles>(&options(scale), &mut pieces).unwrap();
            assert_eq!(surveyed, task, "{scale}");
        }
    }
}
