//! The files of the task: what is read, written and refused, and the measures of an evaluation.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, and so do its helpers")]

use std::path::PathBuf;

use crosscut::{Feature, Rescaling, SparseVector, Task};
use crosscut_app::{Format, Options, Outcome, Source, Training, read};
use crosscut_multiclass::{Class, Loss, Multiclass, MulticlassFiles};

const TRAIN: &str =
    "# four examples\nred 1:1 3:-0.5 # first\n\nsci.space 2:2\n-1 cost:2.5 1:0 3:1\nred 1:3\n";

type Examples = Vec<crosscut::Example<SparseVector, Class>>;

fn options(values: &[(&str, &str)]) -> Options {
    let mut options = Options::default();
    values.iter().for_each(|(name, value)| options.set(name, *value));
    options
}

/// `-l number`.
fn loss(number: u32) -> Options {
    let mut options = Options::default();
    options.loss = Some(number);
    options
}

fn define(
    options: &Options,
    text: &str,
) -> Result<(MulticlassFiles, Multiclass, Examples), String> {
    let training = crosscut_app::define(options, Source::from_text("train.svm", text));
    let Training { format, task, examples } = training.map_err(|error| error.to_string())?;
    Ok((format, task, examples))
}

fn features(x: &SparseVector) -> Vec<(u32, f32)> {
    x.features().iter().map(|&Feature { index, value }| (index, value)).collect()
}

#[test]
fn examples_are_read() {
    let (files, task, examples) = define(&options(&[("bias", "0.5")]), TRAIN).unwrap();
    assert_eq!(task.classes().iter().collect::<Vec<_>>(), ["-1", "red", "sci.space"]);
    assert_eq!(files.sizes(&task), [("classes", 3), ("features", 3)]);
    assert_eq!(task.dim(), 4 * 3);
    let classes: Vec<usize> = examples.iter().map(|example| example.y.index()).collect();
    assert_eq!(classes, [1, 2, 0, 1]);
    let weights: Vec<f64> = examples.iter().map(|example| example.weight).collect();
    assert_eq!(weights, [1.0, 1.0, 2.5, 1.0]);
    assert_eq!(features(&examples[0].x), [(0, 1.0), (2, -0.5), (3, 0.5)]);
    assert_eq!(features(&examples[2].x), [(2, 1.0), (3, 0.5)], "zeros are dropped");
    examples.iter().for_each(|example| task.validate(&example.x, &example.y).unwrap());

    let (_, task, examples) = define(&Options::default(), TRAIN).unwrap();
    assert_eq!((task.dim(), task.bias()), (3 * 3, None));
    assert_eq!(features(&examples[3].x), [(0, 3.0)]);
}

#[test]
fn numbers_are_ordered_by_number() {
    let (_, task, _) = define(&Options::default(), "10 1:1\n2 1:1\n-1 1:1\n").unwrap();
    assert_eq!(task.classes().iter().collect::<Vec<_>>(), ["-1", "2", "10"]);
}

#[test]
fn weights_have_names() {
    let (files, task, _) = define(&options(&[("bias", "1")]), "a 7:1\nb 4000000000:1\n").unwrap();
    let names: Vec<String> = (0..task.dim()).map(|index| files.weight_name(&task, index)).collect();
    let expected = [
        "class a, feature 7",
        "class b, feature 7",
        "class a, feature 4000000000",
        "class b, feature 4000000000",
    ];
    assert_eq!(names[..4], expected);
    assert_eq!(names[4..], ["class a, bias", "class b, bias"]);
}

#[test]
fn a_model_reads_what_it_has_not_seen() {
    let (files, task, _) = define(&options(&[("bias", "1")]), TRAIN).unwrap();
    let text = "red 1:1 4:7\nblue cost:3 900:1\n? 2:1\n3:1\n-1\n";
    let items = read(&files, &task, Source::from_text("test.svm", text)).unwrap();
    let labels: Vec<Option<Class>> = items.iter().map(|item| item.y).collect();
    assert_eq!(
        labels,
        [Some(Class::new(1)), Some(Class::UNKNOWN), None, None, Some(Class::new(0))]
    );
    assert_eq!(items[1].weight, 3.0);
    assert_eq!(features(&items[0].x), [(0, 1.0), (3, 1.0)]);
    assert_eq!(features(&items[4].x), [(3, 1.0)]);
}

#[test]
fn a_prediction_is_a_label_and_the_scores() {
    let (files, task, examples) = define(&Options::default(), TRAIN).unwrap();
    let w: Vec<f64> = (0..9).map(f64::from).collect();
    let mut written = Vec::new();
    files.write(&task, &w, &examples[0].x, &Class::new(2), &mut written).unwrap();
    assert_eq!(String::from_utf8(written).unwrap(), "sci.space -3 -2.5 -2\n");
}

#[test]
fn a_task_survives_serialisation() {
    let (folder, path) = cost_file("a b 2\n");
    let mut options = options(&[("bias", "1"), ("cost", &path)]);
    options.rescaling = Rescaling::Slack;
    let (_, task, _) = define(&options, "a 1:1\nb 2:1\n").unwrap();
    let text = serde_json::to_string(&task).unwrap();
    assert_eq!(serde_json::from_str::<Multiclass>(&text).unwrap(), task);
    drop(folder);
}

#[test]
fn bad_training_files_are_refused() {
    let cases = [
        ("", "train.svm: expected at least one example, found an empty file"),
        ("a 1:1\n1:1\nb 1:1\n", "train.svm:2: expected a label before the features, found none"),
        ("a 1:1\n? 1:1\n", "train.svm:2: expected a label before the features, found none"),
        ("a 1:1\na 2:1\n", "train.svm: at least two classes are needed, not 1"),
        (
            "a 1:nan\n",
            "train.svm:1: expected a value that is finite in single precision, found `1:nan`",
        ),
        (
            "a 2:1 1:1\n",
            "train.svm:1: expected feature ids in increasing order, found 1 after 2 (--sort-ids sorts them)",
        ),
    ];
    for (text, message) in cases {
        assert_eq!(define(&Options::default(), text).unwrap_err(), message);
    }
}

#[test]
fn bad_files_to_classify_are_refused() {
    let (files, task, _) = define(&Options::default(), TRAIN).unwrap();
    let error = read(&files, &task, Source::from_text("test.svm", "red 1:1\nred 0:1\n"))
        .unwrap_err()
        .to_string();
    assert_eq!(
        error,
        "test.svm:2: expected a feature id of at least 1, found `0:1` (ids from 0: learn with --zero-based)"
    );
}

#[test]
fn bad_options_are_refused() {
    for value in ["0", "1e-50", "1e39"] {
        let error = define(&options(&[("bias", value)]), TRAIN).unwrap_err();
        assert!(error.starts_with("--bias expects a number other than 0"), "{error}");
    }
    assert_eq!(
        define(&options(&[("bias", "x")]), TRAIN).unwrap_err(),
        "--bias expects a number, not `x`"
    );
    assert_eq!(
        define(&loss(2), TRAIN).unwrap_err(),
        "-l expects 0 (zero/one) or 1 (squared difference of labels that are numbers), not `2`"
    );
    assert_eq!(
        define(&loss(1), TRAIN).unwrap_err(),
        "train.svm:2: expected a label that is a number (for -l 1), found `red`"
    );
    let mut both = options(&[("cost", "costs.txt")]);
    both.loss = Some(1);
    assert_eq!(
        define(&both, TRAIN).unwrap_err(),
        "-l expects nothing where --cost is the loss, not `1`"
    );
    assert!(
        define(&options(&[("cost", "/no/such/file")]), TRAIN)
            .unwrap_err()
            .contains("/no/such/file")
    );
}

#[test]
fn the_squared_loss_takes_labels_as_numbers() {
    let (_, task, _) = define(&loss(1), "1 1:1\n2.5 1:1\n-1 1:1\n").unwrap();
    assert_eq!(task.loss_function(), &Loss::Squared(vec![-1.0, 1.0, 2.5]));
    assert_eq!(task.loss(&SparseVector::default(), &Class::new(0), &Class::new(2)), 12.25);
}

/// A cost file in a folder that lives as long as the first value.
fn cost_file(text: &str) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path: PathBuf = folder.path().join("costs.txt");
    std::fs::write(&path, text).unwrap();
    let path = path.to_str().unwrap().to_owned();
    (folder, path)
}

#[test]
fn costs_are_read() {
    let text = "# true predicted cost\r\nred -1 2.5 # dear\n\nsci.space red 0\n-1 -1 0\n";
    let (_folder, path) = cost_file(text);
    let (_, task, _) = define(&options(&[("cost", &path)]), TRAIN).unwrap();
    let Loss::Cost(costs) = task.loss_function() else { panic!("{:?}", task.loss_function()) };
    assert_eq!(costs.row(0), [0.0, 1.0, 1.0]);
    assert_eq!(costs.row(1), [2.5, 0.0, 1.0]);
    assert_eq!(costs.row(2), [1.0, 0.0, 0.0]);
}

#[test]
fn bad_costs_are_refused() {
    let cases = [
        ("red -1\n", ":1: expected `true-label predicted-label cost`, found less"),
        ("red -1 1 1\n", ":1: expected nothing after the cost, found `1`"),
        ("\nred blue 1\n", ":2: expected a label of the training examples, found `blue`"),
        ("red -1 x\n", ":1: expected a number for the cost, found `x`"),
        ("red -1 -2\n", ":1: a cost must be a finite number of at least 0, not -2"),
        ("red -1 inf\n", ":1: a cost must be a finite number of at least 0, not inf"),
        ("red -1 nan\n", ":1: a cost must be a finite number of at least 0, not NaN"),
        ("red red 1\n", ":1: the cost of a right prediction must be 0, not 1"),
        ("red -1 1\nred -1 2\n", ":2: expected each pair of labels once, found one again"),
        ("", ": expected lines `true-label predicted-label cost`, found none"),
    ];
    for (text, message) in cases {
        let (_folder, path) = cost_file(text);
        let error = define(&options(&[("cost", &path)]), TRAIN).unwrap_err();
        assert_eq!(error, format!("{path}{message}"));
    }
}

#[test]
fn an_evaluation_by_hand() {
    // Class 3 has no examples, class 2 is never predicted, one label is unknown: five classes in the
    // macro averages. Weight 2 for the first example.
    let (files, task, _) = define(&Options::default(), "0 1:1\n1 1:1\n2 1:1\n3 1:1\n").unwrap();
    let pairs = [(0, 0), (0, 1), (1, 1), (1, 3), (2, 0), (9, 1)];
    let classes: Vec<(Class, Class)> = pairs
        .iter()
        .map(|(y, y_hat)| (task.class(&y.to_string()), task.class(&y_hat.to_string())))
        .collect();
    let weights = [2.0, 1.0, 1.0, 1.0, 1.0, 1.0];
    let x = SparseVector::default();
    let outcomes: Vec<Outcome<'_, SparseVector, Class>> = classes
        .iter()
        .zip(weights)
        .map(|((y, y_hat), weight)| Outcome { x: &x, y, y_hat, weight })
        .collect();
    let report = files.evaluate(&task, &outcomes);

    assert_eq!(report.measures()[0].0, "error");
    // Precision 2/3, 1/3, 0, 0; recall 2/3, 1/2, 0, 0; F1 2/3, 2/5, 0, 0.
    let expected = [
        ("error", 4.0 / 7.0),
        ("accuracy", 3.0 / 7.0),
        ("loss", 4.0 / 7.0),
        ("macro_precision", 1.0 / 5.0),
        ("macro_recall", (2.0 / 3.0 + 0.5) / 5.0),
        ("macro_f1", (2.0 / 3.0 + 0.4) / 5.0),
        ("micro_precision", 3.0 / 7.0),
        ("micro_recall", 3.0 / 7.0),
        ("micro_f1", 3.0 / 7.0),
        ("examples", 6.0),
        ("correct", 2.0),
        ("incorrect", 4.0),
        ("unknown_labels", 1.0),
    ];
    let names: Vec<&str> = report.measures().iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, expected.map(|(name, _)| name));
    for (name, value) in expected {
        let found = report.get(name).unwrap();
        assert!((found - value).abs() < 1e-12, "{name}: {found}, not {value}");
    }
    let [per_class, confusion] = report.tables() else { panic!("two tables") };
    assert_eq!(per_class.columns, ["precision", "recall", "f1", "support"]);
    assert_eq!(per_class.rows[1], ("1".to_owned(), vec![1.0 / 3.0, 0.5, 0.4, 2.0]));
    assert_eq!(per_class.rows[2], ("2".to_owned(), vec![0.0, 0.0, 0.0, 1.0]));
    assert_eq!(confusion.columns, ["0", "1", "2", "3"]);
    let rows: Vec<(&str, &[f64])> =
        confusion.rows.iter().map(|(name, row)| (name.as_str(), row.as_slice())).collect();
    let expected: [(&str, &[f64]); 5] = [
        ("0", &[2.0, 1.0, 0.0, 0.0]),
        ("1", &[0.0, 1.0, 0.0, 1.0]),
        ("2", &[1.0, 0.0, 0.0, 0.0]),
        ("3", &[0.0, 0.0, 0.0, 0.0]),
        ("(unknown)", &[0.0, 1.0, 0.0, 0.0]),
    ];
    assert_eq!(rows, expected);
}

#[test]
fn an_evaluation_of_nothing_has_no_nan() {
    let (files, task, _) = define(&Options::default(), TRAIN).unwrap();
    let report = files.evaluate(&task, &[]);
    assert!(report.measures().iter().all(|(_, value)| *value == 0.0));
}

#[test]
fn many_classes_have_no_confusion_matrix() {
    let task = Multiclass::numbered(1001, 1).unwrap();
    let class = Class::new(1000);
    let report = MulticlassFiles::default().evaluate(
        &task,
        &[Outcome { x: &SparseVector::default(), y: &class, y_hat: &class, weight: 1.0 }],
    );
    assert_eq!(report.tables().len(), 1);
    assert_eq!(report.get("accuracy"), Some(1.0));
}

#[test]
fn a_table_belongs_to_the_features_of_its_task() {
    let text = "class,age\na,1\nb,2\n";
    let (files, task, _) = define(&options(&[("label", "class")]), text).unwrap();
    assert_eq!(task.features().name(0), "age");
    let stored = serde_json::to_string(&(files, task)).unwrap();
    let check = |stored: &str| {
        let (files, task) = serde_json::from_str::<(MulticlassFiles, Multiclass)>(stored).unwrap();
        files.check(&task)
    };
    assert_eq!(check(&stored), Ok(()));
    for (from, to) in [
        (r#""name":"age""#, r#""name":"size""#),
        (r#""text":"age","ends":[3]"#, r#""text":"agel","ends":[3,4]"#),
        (r#"{"Named":{"text":"age","ends":[3]}}"#, r#"{"Contiguous":1}"#),
    ] {
        assert!(stored.contains(from), "{from} in {stored}");
        let error = check(&stored.replace(from, to)).unwrap_err();
        assert_eq!(error, "the columns of the table are not the features of the task", "{to}");
    }
}
