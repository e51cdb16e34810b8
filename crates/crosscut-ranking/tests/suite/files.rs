//! What is read, written and refused.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, and so do its helpers")]

use std::fs;
use std::path::Path;

use crosscut::{Example, Feature, Model, Rescaling, Settings, Task, solve, testing};
use crosscut_app::model_file::{self, ModelFile};
use crosscut_app::{Format, Item, Monitor, Options, Outcome, Source, Training};
use crosscut_data::FeatureIds;
use crosscut_ranking::{Loss, Query, Ranking, RankingFiles, Scores, TaskError};
use proptest::prelude::*;

const TRAIN: &str = "\
# two queries
2 qid:7 1:0.5 3:-1 # a b
0 qid:7 2:0 3:4

1.5 qid:-2 1:1 2:1 3:1 #docid = c inc = 1
-1 qid:-2 1:2#docid=d
0 qid:-2 cost:2.5
";

/// `-l NUMBER` where the name is `l`, slack rescaling where it is `slack`.
fn options(values: &[(&str, &str)]) -> Options {
    let mut options = Options::default();
    for (name, value) in values {
        match *name {
            "l" => options.loss = Some(value.parse().unwrap()),
            "slack" => options.rescaling = Rescaling::Slack,
            name => options.set(name, *value),
        }
    }
    options
}

type Examples = Vec<Example<Query, Scores>>;

type Defined = (RankingFiles, Ranking, Examples);

fn define(values: &[(&str, &str)], text: &str) -> Result<Defined, String> {
    match crosscut_app::define(&options(values), Source::from_text("train", text)) {
        Ok(Training { format, task, examples }) => Ok((format, task, examples)),
        Err(error) => Err(error.to_string()),
    }
}

fn read(
    files: &RankingFiles,
    task: &Ranking,
    text: &str,
) -> Result<Vec<Item<Query, Scores>>, String> {
    crosscut_app::read(files, task, Source::from_text("test", text))
        .map_err(|error| error.to_string())
}

/// A file in a folder that lives as long as the first value.
fn file(text: &str) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file.txt");
    fs::write(&path, text).unwrap();
    let path = path.to_str().unwrap().to_owned();
    (folder, path)
}

/// The same as `define` with one option that is a file.
fn define_with(
    name: &str,
    text: &str,
    values: &[(&str, &str)],
    train: &str,
) -> Result<Defined, String> {
    let (_folder, path) = file(text);
    define(&[values, &[(name, &path)]].concat(), train).map_err(|error| error.replace(&path, name))
}

/// The features of each document, all `d` of them, as scores of unit vectors.
fn rows(x: &Query, d: usize) -> Vec<Vec<f64>> {
    let column = |feature: usize| {
        let w: Vec<f64> = (0..d).map(|other| f64::from(other == feature)).collect();
        let mut scores = Vec::new();
        x.score(&w, &mut scores);
        scores
    };
    let columns: Vec<Vec<f64>> = (0..d).map(column).collect();
    (0..x.len()).map(|document| columns.iter().map(|column| column[document]).collect()).collect()
}

fn all_rows(task: &Ranking, examples: &Examples) -> Vec<Vec<Vec<f64>>> {
    examples.iter().map(|example| rows(&example.x, task.dim())).collect()
}

fn grades(examples: &Examples) -> Vec<&[f64]> {
    examples.iter().map(|example| example.y.values()).collect()
}

#[test]
fn queries_are_read() {
    for text in [TRAIN.to_owned(), TRAIN.replace('\n', "\r\n")] {
        let (files, task, examples) = define(&[], &text).unwrap();
        assert_eq!(files.sizes(&task), [("features", 3)]);
        assert_eq!(
            (task.loss_function(), task.rescaling()),
            (Loss::SwappedPairs, Rescaling::Margin)
        );
        assert_eq!(grades(&examples), [&[2.0, 0.0][..], &[1.5, -1.0, 0.0]]);
        assert_eq!(
            all_rows(&task, &examples),
            [
                vec![vec![0.5, 0.0, -1.0], vec![0.0, 0.0, 4.0]],
                vec![vec![1.0, 1.0, 1.0], vec![2.0, 0.0, 0.0], vec![0.0; 3]]
            ]
        );
        assert_eq!(
            (examples[0].y.costs(), examples[1].y.costs()),
            (None, Some(&[1.0, 1.0, 2.5][..]))
        );
        assert!(examples.iter().all(|example| example.weight == 1.0));
        examples.iter().for_each(|example| task.validate(&example.x, &example.y).unwrap());
    }
}

#[test]
fn ids_may_be_any_numbers() {
    let (files, task, examples) =
        define(&[], "1 qid:9223372036854775807 7:1\n0 qid:-9223372036854775808 4000000000:1\n")
            .unwrap();
    assert_eq!(examples.len(), 2);
    let names: Vec<String> = (0..task.dim()).map(|index| files.weight_name(&task, index)).collect();
    assert_eq!(names, ["feature 7", "feature 4000000000"]);
    // Features that training did not have are nobody's.
    let items = read(&files, &task, "? qid:1 1:5 7:2 8:1 4000000001:3\n").unwrap();
    assert_eq!(rows(&items[0].x, 2), [[2.0, 0.0]]);
}

#[test]
fn a_file_without_qid_is_one_query_and_is_told_of() {
    #[derive(Default)]
    struct Ears(Vec<String>);
    impl Monitor for Ears {
        fn note(&mut self, message: &str) {
            self.0.push(message.to_owned());
        }
    }
    let notes = |text: &str, values: &[(&str, &str)]| {
        let (_folder, path) = file(text);
        let mut ears = Ears::default();
        let source = Source::open(Path::new(&path), &mut ears).unwrap();
        let training = crosscut_app::define::<RankingFiles>(&options(values), source).unwrap();
        (
            training.examples.len(),
            ears.0.into_iter().map(|note| note.replace(&path, "f")).collect::<Vec<_>>(),
        )
    };
    let note = |text: &str| vec![format!("f: {text}")];
    assert_eq!(
        notes("1 1:1\n0 1:2\n", &[]),
        (1, note("no line has a qid, so its 2 documents are one query"))
    );
    assert_eq!(notes("1 qid:0 1:1\n0 qid:0 1:2\n", &[]), (1, vec![]));
    assert_eq!(
        notes("1 1:1\n", &[]),
        (
            1,
            note(
                "no query has two documents of different relevance, so that there is nothing to learn"
            )
        )
    );

    // What varies far more than the rest, within a query.
    let wide = |value: &str| format!("1 qid:1 1:1 2:1 3:1 5:{value} 6:1e6\n0 qid:1 1:2 6:1e6\n");
    let advice = note(
        "feature 5 varies over 10000 times as much within a query as a quarter of the features: training may be slow, and \
         C means something else for each of them; give --scale query (or standard, global)",
    );
    assert_eq!(notes(&wide("10001"), &[]), (1, advice));
    assert_eq!(notes(&wide("10000"), &[]), (1, vec![]));
    assert_eq!(notes(&wide("10001"), &[("scale", "query")]), (1, vec![]));
    let many: String = (5..15).map(|id| format!(" {id}:-1e5")).collect();
    let (_, told) = notes(&format!("1 qid:1 1:1 2:1 3:1 4:1{many}\n0 qid:1\n"), &[]);
    assert!(
        told[0]
            .starts_with("f: features 5, 6, 7, 8, 9, 10, 11, 12 and 2 more vary over 10000 times"),
        "{told:?}"
    );
}

#[test]
fn losses_and_their_k_are_chosen_by_number() {
    let table: [(&[(&str, &str)], Loss); 11] = [
        (&[("l", "1")], Loss::SwappedPairs),
        (&[("l", "2")], Loss::SwappedFraction),
        (&[("l", "3")], Loss::AveragePrecision),
        (&[("l", "4")], Loss::Ndcg(0)),
        (&[("l", "4"), ("k", "5")], Loss::Ndcg(5)),
        (&[("l", "5")], Loss::Dcg(0)),
        (&[("l", "5"), ("k", "18446744073709551615")], Loss::Dcg(usize::MAX)),
        (&[("l", "6"), ("slack", "")], Loss::ReciprocalRank),
        (&[("l", "7")], Loss::Precision(10)),
        (&[("l", "7"), ("k", "3"), ("slack", "")], Loss::Precision(3)),
        (&[("l", "8")], Loss::RankOfRelevant),
    ];
    let text = "2 qid:1 1:1\n0 qid:1 1:2\n";
    for (values, expected) in table {
        let (_, task, examples) = define(values, text).unwrap();
        assert_eq!(task.loss_function(), expected);
        assert!(task.delta(&examples[0].y, &Scores::new(vec![0.0, 1.0])).is_finite());
    }
}

#[test]
fn bad_options_are_refused_before_anything_is_read() {
    let slack = "(slack rescaling is for the losses reciprocal rank and precision at k: -l 6 and 7), not `1`";
    let table: [(&[(&str, &str)], String); 10] = [
        (&[("l", "9")], "-l expects 1 to 8 for the task ranking, not `9`".to_owned()),
        (&[("k", "0"), ("l", "4")], "--k expects a whole number of at least 1, not `0`".to_owned()),
        (&[("k", "x"), ("l", "4")], "--k expects a whole number, not `x`".to_owned()),
        (
            &[("k", "5")],
            "--k expects -l 4 (NDCG), 5 (DCG) or 7 (precision) beside it, not `5`".to_owned(),
        ),
        (
            &[("k", "5"), ("l", "3")],
            "--k expects -l 4 (NDCG), 5 (DCG) or 7 (precision) beside it, not `5`".to_owned(),
        ),
        (
            &[("scale", "all")],
            "--scale expects none, query, standard or global, not `all`".to_owned(),
        ),
        (&[("slack", "")], format!("-o expects 2 with -l 1 {slack}")),
        (&[("slack", ""), ("l", "4")], format!("-o expects 2 with -l 4 {slack}")),
        (
            &[("group", "/no/such/file")],
            "/no/such/file: cannot be read: No such file or directory (os error 2)".into(),
        ),
        (
            &[("query-weights", "/no/such")],
            "/no/such: cannot be read: No such file or directory (os error 2)".into(),
        ),
    ];
    for (values, message) in table {
        assert_eq!(define(values, "not an example").unwrap_err(), message);
    }
    let (mut files, mut task, _) = define(&[], TRAIN).unwrap();
    let table: [(&[(&str, &str)], &str); 4] = [
        (&[("run-tag", "a")], "--run-tag expects --ranks beside it, not `a`"),
        (
            &[("ranks", ""), ("run-tag", "a b")],
            "--run-tag expects a name without white space, not `a b`",
        ),
        (&[("ranks", ""), ("run-tag", "")], "--run-tag expects a name without white space, not ``"),
        (
            &[("group", "/no/such/file")],
            "/no/such/file: cannot be read: No such file or directory (os error 2)",
        ),
    ];
    for (values, message) in table {
        assert_eq!(files.prepare(&mut task, &options(values)).unwrap_err().to_string(), message);
    }
}

#[test]
fn bad_lines_are_refused_by_number() {
    let returns = "expected the documents of qid:7 one after the other, but it returns";
    let none = "expected qid:N, the name of the query, as at the first document, found none";
    let no_cost =
        "expected no cost where the loss does not count pairs (-l 1, 2 and 8 do), found cost:2";
    let table = [
        ("1", "", "train: expected at least one example, found an empty file".to_owned()),
        ("1", "1 qid:7 1:1\n1 qid:8 1:1\n1 qid:7 1:1\n", format!("train:3: {returns}")),
        ("1", "\n1 qid:7 1:1\n1 1:1\n", format!("train:3: {none}")),
        (
            "1",
            "1 1:1\n1 qid:7 1:1\n",
            "train:2: expected no qid, as at the first document, found qid:7".to_owned(),
        ),
        (
            "1",
            "1 qid:1\nqid:1 1:1\n",
            "train:2: expected a grade to learn from, found none".to_owned(),
        ),
        (
            "1",
            "1 qid:1\n? qid:1 1:1\n",
            "train:2: expected a grade to learn from, found none".to_owned(),
        ),
        (
            "1",
            "a qid:1\n",
            "train:1: expected a grade that is a finite number, found `a`".to_owned(),
        ),
        (
            "1",
            "inf qid:1\n",
            "train:1: expected a grade that is a finite number, found `inf`".to_owned(),
        ),
        (
            "1",
            "nan qid:1\n",
            "train:1: expected a grade that is a finite number, found `nan`".to_owned(),
        ),
        (
            "1",
            "1e999 qid:1\n",
            "train:1: expected a grade that is a finite number, found `1e999`".to_owned(),
        ),
        (
            "4",
            "1 qid:1\n-1 qid:1\n",
            "train:2: expected a grade from 0 to 900 for a gain of 2^grade − 1, found `-1`"
                .to_owned(),
        ),
        (
            "5",
            "2000 qid:1\n",
            "train:1: expected a grade from 0 to 900 for a gain of 2^grade − 1, found `2000`"
                .to_owned(),
        ),
        ("3", "1 qid:1 cost:1\n1 qid:1 cost:2 1:1\n", format!("train:2: {no_cost}")),
        ("6", "1 qid:1 cost:2 1:1\n", format!("train:1: {no_cost}")),
        (
            "1",
            "1 qid: 1:1\n",
            "train:1: expected qid: with the name of a query, found none".to_owned(),
        ),
        (
            "1",
            "1 qid:1 1:nan\n",
            "train:1: expected a value that is finite in single precision, found `1:nan`"
                .to_owned(),
        ),
    ];
    for (loss, text, message) in table {
        assert_eq!(define(&[("l", loss)], text).unwrap_err(), message, "{text:?}");
    }
}

#[test]
fn with_a_model_whole_queries_may_lack_grades() {
    let (files, task, _) = define(&[], TRAIN).unwrap();
    let items =
        read(&files, &task, "? qid:3 1:1\nqid:3 1:2\n0 qid:1 1:1\n+1e0 qid:1 cost:3\n").unwrap();
    assert_eq!(items[0].y, None);
    assert_eq!(items[1].y, Some(Scores::new(vec![0.0, 1.0]).with_costs(vec![1.0, 3.0])));
    let table = [
        (
            "1 qid:3\n? qid:3\n",
            "test:2: expected a grade, as at the first document of the query, found none",
        ),
        (
            "? qid:3\n\n1 qid:3\n",
            "test:3: expected no grade, as at the first document of the query, found 1",
        ),
        (
            "? qid:3\n? 1:1\n",
            "test:2: expected qid:N, the name of the query, as at the first document, found none",
        ),
        (
            "? qid:3\n? qid:2\nqid:3\n",
            "test:3: expected the documents of qid:3 one after the other, but it returns",
        ),
        ("x qid:3\n", "test:1: expected a grade that is a finite number, found `x`"),
    ];
    for (text, message) in table {
        assert_eq!(read(&files, &task, text).unwrap_err(), message);
    }
    // Costs of a test set need not be those of the loss.
    let (files, task, _) = define(&[("l", "3")], "1 qid:1 1:1\n0 qid:1\n").unwrap();
    assert_eq!(
        read(&files, &task, "1 qid:1 cost:2\n").unwrap()[0].y.as_ref().unwrap().costs(),
        Some(&[2.0][..])
    );
}

/// The same lines without `qid:N`.
fn without_qid(text: &str) -> String {
    let words = |line: &str| {
        line.split(' ').filter(|word| !word.starts_with("qid:")).collect::<Vec<_>>().join(" ")
    };
    text.lines().map(|line| words(line) + "\n").collect()
}

#[test]
fn sizes_of_queries_replace_qids() {
    let plain = without_qid(TRAIN);
    for scale in ["none", "query", "standard", "global"] {
        let (_, task, examples) = define(&[("scale", scale)], TRAIN).unwrap();
        for sizes in ["2\n3\n", "2\r\n3", "# sizes\n\n 2 \n3\n"] {
            let (_, task_again, again) =
                define_with("group", sizes, &[("scale", scale)], &plain).unwrap();
            assert_eq!((&task_again, &again), (&task, &examples), "{scale} {sizes:?}");
        }
    }
    let table = [
        ("2\n2\n", "group: expected sizes that add up to the 5 documents of train, found 4"),
        (
            "2\n\n4\n1\n",
            "group:3: expected sizes that add up to the 5 documents of train, found 6 by here",
        ),
        (
            "2\n3\n1\n",
            "group:3: expected sizes that add up to the 5 documents of train, found 6 by here",
        ),
        (
            "18446744073709551615\n1\n",
            "group:1: expected sizes that add up to the 5 documents of train, found 18446744073709551615 by here",
        ),
        (
            "2\n0\n3\n",
            "group:2: expected the size of a query, a whole number of at least 1, found `0`",
        ),
        (
            "2\n-3\n",
            "group:2: expected the size of a query, a whole number of at least 1, found `-3`",
        ),
        (
            "2 3\n",
            "group:1: expected the size of a query, a whole number of at least 1, found `2 3`",
        ),
        (
            "# none\n",
            "group: expected the size of a query, a whole number of at least 1, on each line, found none",
        ),
    ];
    for (sizes, message) in table {
        assert_eq!(define_with("group", sizes, &[], &plain).unwrap_err(), message);
    }
    assert_eq!(
        define_with("group", "2\n3\n", &[], TRAIN).unwrap_err(),
        "train:2: expected no qid where --group says what a query is, found qid:7"
    );
}

#[test]
fn queries_have_weights() {
    let weights = |text: &str| define_with("query-weights", text, &[], TRAIN);
    let (_, _, examples) = weights("0.5\n\n# the second\n2\n").unwrap();
    assert_eq!(examples.iter().map(|example| example.weight).collect::<Vec<_>>(), [0.5, 2.0]);
    let table = [
        ("1\n", "query-weights: expected a weight for each query of train, 2 in all, found 1"),
        (
            "1\n1\n1\n",
            "query-weights: expected a weight for each query of train, 2 in all, found 3",
        ),
        (
            "1\n-1\n",
            "query-weights:2: expected the weight of a query, a finite number of at least 0, found `-1`",
        ),
        (
            "nan\n1\n",
            "query-weights:1: expected the weight of a query, a finite number of at least 0, found `nan`",
        ),
        (
            "",
            "query-weights: expected the weight of a query, a finite number of at least 0, on each line, found none",
        ),
    ];
    for (text, message) in table {
        assert_eq!(weights(text).unwrap_err(), message);
    }
}

#[test]
fn features_are_scaled() {
    // Feature 1 is in every document, 2 in some, 3 has both signs, 4 is below zero, 5 is constant.
    let text = "\
1 qid:1 1:3 3:-1 4:-8 5:7
0 qid:1 1:5 2:4 3:3 4:-4 5:7
0 qid:1 1:4 2:1 4:-6 5:7
0 qid:2 1:6 4:-2 5:7
1 qid:2 1:7 3:2 4:-3 5:7
";
    let (files, task, examples) = define(&[("scale", "query")], text).unwrap();
    let first = vec![
        vec![0.0, 0.0, -0.25, -1.0, 0.0],
        vec![1.0, 1.0, 0.75, 0.0, 0.0],
        vec![0.5, 0.25, 0.0, -0.5, 0.0],
    ];
    let second = vec![vec![0.0, 0.0, 0.0, 0.0, 0.0], vec![1.0, 0.0, 1.0, -1.0, 0.0]];
    assert_eq!(all_rows(&task, &examples), [first.clone(), second]);
    // The same with the model: each query by itself.
    let again = text.lines().take(3).map(|line| line.to_owned() + "\n").collect::<String>();
    assert_eq!(rows(&read(&files, &task, &again).unwrap()[0].x, 5), first);

    let (files, task, examples) = define(&[("scale", "global")], text).unwrap();
    let sixth = f64::from((1.0_f64 / 6.0) as f32);
    let third = f64::from((1.0_f64 / 3.0) as f32);
    let two_thirds = f64::from((2.0_f64 / 3.0) as f32);
    assert_eq!(
        all_rows(&task, &examples),
        [
            vec![
                vec![0.0, 0.0, -0.25, -1.0, 0.0],
                vec![0.5, 1.0, 0.75, -third, 0.0],
                vec![0.25, 0.25, 0.0, -two_thirds, 0.0],
            ],
            vec![vec![0.75, 0.0, 0.0, 0.0, 0.0], vec![1.0, 0.0, 0.5, -sixth, 0.0]],
        ]
    );
    // What comes later is scaled by the ranges of training and not clipped; a value of zero is one
    // like others.
    let items = read(&files, &task, "? 1:11 2:-8 5:1e30 9:1\n? 4:-9\n? 1:3e38\n").unwrap();
    let far = f64::from((f64::from(3e38_f32) / 4.0) as f32);
    assert_eq!(
        rows(&items[0].x, 5),
        [
            vec![2.0, -2.0, 0.0, third, 0.0],
            vec![-0.75, 0.0, 0.0, -f64::from((7.0_f64 / 6.0) as f32), 0.0],
            vec![far, 0.0, 0.0, third, 0.0],
        ]
    );
    // Far outside a narrow range, values stay finite.
    let (files, task, _) = define(&[("scale", "global")], "1 1:1e-40\n0 1:0\n").unwrap();
    assert_eq!(rows(&read(&files, &task, "? 1:1e38\n").unwrap()[0].x, 1), [[f64::from(f32::MAX)]]);
}

proptest! {
    /// Scaling within queries is where shifts and scales of a whole query do not matter.
    #[test]
    fn scaled_queries_have_ranges_of_one(values in prop::collection::vec(prop::collection::vec(-1e3..1e3_f32, 3), 2..6)) {
        let line = |row: &Vec<f32>| format!("0 qid:1 1:{} 2:{} 3:{}\n", row[0], row[1], row[2].max(0.0));
        let (_, task, examples) = define(&[("scale", "query")], &values.iter().map(line).collect::<String>()).unwrap();
        let rows = rows(&examples[0].x, task.dim());
        for feature in 0..task.dim() {
            let column = || rows.iter().map(|row| row[feature]);
            let (low, high) = (column().fold(f64::MAX, f64::min), column().fold(f64::MIN, f64::max));
            prop_assert!(low <= 0.0 && high >= 0.0);
            prop_assert!(high - low == 0.0 || (high - low - 1.0).abs() < 1e-6, "{low} {high}");
        }
    }
}

/// Trains a little, and sends the model through a file.
fn learn((files, task, examples): &Defined) -> (RankingFiles, Model<Ranking>) {
    let settings = Settings::new().passes(20);
    let solution = solve(task, examples, &settings).unwrap();
    testing::check_solution(task, examples, &settings, &solution);
    let model = Model::new(task.clone(), solution.w, settings, solution.certificate);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model");
    model_file::save(files, &model, &path).unwrap();
    let (files, again) = ModelFile::open(&path).unwrap().load::<RankingFiles>().unwrap();
    assert_eq!((&again.task, &again.w), (&model.task, &model.w));
    (files, again)
}

/// What is written for a file with these options.
fn classify(
    (files, model): &mut (RankingFiles, Model<Ranking>),
    values: &[(&str, &str)],
    text: &str,
) -> Result<String, String> {
    files.prepare(&mut model.task, &options(values)).map_err(|error| error.to_string())?;
    let mut written = Vec::new();
    for item in read(files, &model.task, text)? {
        let y_hat = model.predict(&item.x);
        files.write(&model.task, &model.w, &item.x, &y_hat, &mut written).unwrap();
    }
    Ok(String::from_utf8(written).unwrap())
}

#[test]
fn models_predict_after_a_round_trip_as_before() {
    let plain = without_qid(TRAIN);
    let (_folder, sizes) = file("2\n3\n");
    for scale in ["none", "query", "standard", "global"] {
        for loss in ["1", "2", "8"] {
            let defined = define(&[("scale", scale), ("l", loss)], TRAIN).unwrap();
            let mut model = learn(&defined);
            let before: String = (defined.2.iter())
                .flat_map(|example| model.1.predict(&example.x).values().to_vec())
                .map(|score| format!("{}\n", crosscut_app::Shortest(score)))
                .collect();
            let text = classify(&mut model, &[], TRAIN).unwrap();
            assert_eq!(text, before);
            assert_eq!(classify(&mut model, &[("group", &sizes)], &plain).unwrap(), text);
            let error = classify(&mut model, &[("group", &sizes)], TRAIN).unwrap_err();
            assert_eq!(
                error,
                "test:2: expected no qid where --group says what a query is, found qid:7"
            );
            let error = classify(&mut model, &[("group", &sizes)], "? 1:1\n").unwrap_err();
            assert!(error.ends_with(
                ":1: expected sizes that add up to the 1 documents of test, found 2 by here"
            ));
            // What stood beside the model is no part of it.
            let (files, task) = (&mut model.0, &mut model.1.task);
            let stored = serde_json::to_string(&files).unwrap();
            files.prepare(task, &Options::default()).unwrap();
            assert_eq!(*files, serde_json::from_str(&stored).unwrap());
        }
    }
}

#[test]
fn rank_lists_are_trec_runs() {
    let mut model = learn(&define(&[], "1 1:1\n0 1:2\n").unwrap());
    model.1.w = vec![1.0];
    // Scores that are equal keep the order of the file.
    let text = "\
# a comment
0 qid:7 1:0.5 # a b
0 qid:7 1:2 #docid = GX1-2 inc = 1

0 qid:7 1:0.5
1 qid:7 1:0.75 #
? qid:-2 1:-1 #docid=x
? qid:-2 1:-0.5 # docid y
";
    let expected = "\
7 Q0 GX1-2 1 2 crosscut
7 Q0 d6 2 0.75 crosscut
7 Q0 a 3 0.5 crosscut
7 Q0 d5 4 0.5 crosscut
-2 Q0 docid 1 -0.5 crosscut
-2 Q0 x 2 -1 crosscut
";
    assert_eq!(classify(&mut model, &[("ranks", "")], text).unwrap(), expected);
    let tagged =
        classify(&mut model, &[("ranks", ""), ("run-tag", "mine")], &text.replace('\n', "\r\n"))
            .unwrap();
    assert_eq!(tagged, expected.replace("crosscut", "mine"));
    let scores = "0.5\n2\n0.5\n0.75\n-1\n-0.5\n";
    assert_eq!(classify(&mut model, &[], text).unwrap(), scores);

    // Without qid, queries are counted from 1.
    let (_folder, sizes) = file("1\n2\n");
    let plain = "? 1:1\n? 1:2 # z\n? 1:3 # d1\n";
    let run = classify(&mut model, &[("ranks", ""), ("group", &sizes)], plain).unwrap();
    assert_eq!(run, "1 Q0 d1 1 1 crosscut\n2 Q0 d1 1 3 crosscut\n2 Q0 z 2 2 crosscut\n");
    let error = classify(&mut model, &[("ranks", "")], plain).unwrap_err();
    assert_eq!(
        error,
        "test:3: expected documents of different names after # in a query (for --ranks), found `d1` again"
    );
    assert!(classify(&mut model, &[], plain).is_ok());
}

#[test]
fn hostile_models_are_refused() {
    let (_, task, _) = define(&[("scale", "global"), ("l", "7")], "1 1:1 2:1\n0 1:2\n").unwrap();
    let text = serde_json::to_string(&task).unwrap();
    assert_eq!(serde_json::from_str::<Ranking>(&text).unwrap(), task);
    let ranges = r#"[{"origin":1.0,"width":1.0},{"origin":0.0,"width":1.0}]"#;
    assert!(text.contains(ranges), "{text}");
    let size = "the scaling is not for the 2 features of the task";
    let table = [
        (ranges, r#"[{"origin":1.0,"width":1.0}]"#, size),
        (ranges, "[]", size),
        (
            r#""origin":1.0,"width":1.0"#,
            r#""origin":1.0,"width":-1.0"#,
            "expected finite numbers to scale feature 0 by",
        ),
        (
            r#""Contiguous":2"#,
            r#""Contiguous":3"#,
            "the scaling is not for the 3 features of the task",
        ),
        (r#"{"Precision":10}"#, r#"{"Precision":0}"#, "precision at k needs a k of at least 1"),
    ];
    for (from, to, message) in table {
        assert!(text.contains(from), "{from} in {text}");
        let error =
            serde_json::from_str::<Ranking>(&text.replace(from, to)).unwrap_err().to_string();
        assert!(error.contains(message), "{to}: {error}");
    }
    let slack = text.replace(r#"{"Precision":10}"#, r#""SwappedPairs""#).replace("Margin", "Slack");
    assert!(
        serde_json::from_str::<Ranking>(&slack)
            .unwrap_err()
            .to_string()
            .contains("slack rescaling is for")
    );
}

#[test]
fn an_evaluation_has_the_loss() {
    let (files, task, examples) = define(&[], TRAIN).unwrap();
    let y_hat = [Scores::new(vec![0.0, 1.0]), Scores::new(vec![2.0, 0.0, 1.0])];
    let outcomes: Vec<_> = (examples.iter().zip(&y_hat))
        .map(|(example, y_hat)| Outcome {
            x: &example.x,
            y: &example.y,
            y_hat,
            weight: example.weight,
        })
        .collect();
    assert_eq!(files.evaluate(&task, &outcomes).get("loss"), Some(0.5));
}

#[test]
fn a_table_belongs_to_the_features_of_its_task() {
    let text = "grade,q,age\n1,x,1\n0,x,2\n";
    let (files, task, _) = define(&[("label", "grade"), ("group-column", "q")], text).unwrap();
    assert_eq!(task.features().name(0), "age");
    files.check(&task).unwrap();
    let stored = serde_json::to_string(&(&files, &task)).unwrap();
    for (from, to) in [
        (r#""name":"age""#, r#""name":"size""#),
        (r#""text":"age","ends":[3]"#, r#""text":"agel","ends":[3,4]"#),
        (r#"{"Named":{"text":"age","ends":[3]}}"#, r#"{"Contiguous":1}"#),
    ] {
        assert!(stored.contains(from), "{from} in {stored}");
        let (files, task): (RankingFiles, Ranking) =
            serde_json::from_str(&stored.replace(from, to)).unwrap();
        let expected = "the columns of the table are not the features of the task";
        assert_eq!(files.check(&task).unwrap_err(), expected, "{to}");
    }
}

#[test]
fn files_belong_to_the_loss_and_the_scaling_of_their_task() {
    let all = [("1", "none"), ("2", "none"), ("1", "query"), ("1", "global")]
        .map(|(loss, scale)| define(&[("l", loss), ("scale", scale)], TRAIN).unwrap());
    for (at, (files, ..)) in all.iter().enumerate() {
        for (other, (_, task, _)) in all.iter().enumerate() {
            assert_eq!(files.check(task).is_ok(), at == other, "{at} {other}");
        }
    }
}

#[test]
fn a_missing_label_of_a_table_is_refused_in_training_alone() {
    let table = [("label", "grade"), ("group-column", "q")];
    let text = "grade,q,age\n1,x,1\n0,x,2\n,y,3\n";
    let message = "train:4: expected a label in column `grade`, found a missing value";
    assert_eq!(define(&table, text).unwrap_err(), message);
    let (files, task, _) = define(&table, "grade,q,age\n1,x,1\n0,x,2\n").unwrap();
    let labels: Vec<bool> =
        read(&files, &task, text).unwrap().iter().map(|item| item.y.is_some()).collect();
    assert_eq!(labels, [true, false]);
}

/// Whoever has no files gets the same inputs, by the ids of the training data.
#[test]
fn inputs_are_those_of_files() {
    let train =
        "2 qid:1 3:0.5 4000000000:8\n0 qid:1 3:2 70:-1\n1 qid:2 3:4 70:2\n0 qid:2 4000000000:2\n";
    let documents =
        [vec![(3, 0.25), (5, 7.0), (70, 3.0)], vec![], vec![(70, -1.0), (4_000_000_000, 0.5)]];
    let line = |document: &Vec<(u32, f32)>| {
        let features = document.iter().map(|(id, value)| format!(" {id}:{value}"));
        format!("? qid:1{}\n", features.collect::<String>())
    };
    let text: String = documents.iter().map(line).collect();
    let features = |document: Vec<(u32, f32)>| {
        document.into_iter().map(|(index, value)| Feature { index, value }).collect()
    };
    let input: Vec<Vec<Feature>> = documents.map(features).into();
    for scale in ["none", "query", "standard", "global"] {
        let (files, task, _) = define(&[("scale", scale)], train).unwrap();
        let items = read(&files, &task, &text).unwrap();
        assert_eq!(task.input(&input).unwrap(), items[0].x, "{scale}");
        // The same task, made without files.
        let plain = Ranking::new(task.features().clone()).with_scaling(task.scaling().clone());
        assert_eq!(plain.unwrap(), task, "{scale}");
    }
    let (_, task, _) = define(&[("scale", "global")], train).unwrap();
    let other = Ranking::new(FeatureIds::Contiguous(9)).with_scaling(task.scaling().clone());
    assert_eq!(other.unwrap_err(), TaskError::Scaling(9));
    let unsorted = vec![Feature { index: 70, value: 1.0 }, Feature { index: 3, value: 1.0 }];
    assert!(task.input(&[unsorted]).is_err());
}
