//! Models with probabilities as users of the program meet them: `--objective log`,
//! `--probabilities`, the measures, and what is refused.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, and so do its helpers")]

use crate::common;

use common::Home;
use serde_json::Value;

/// Sentences of three tags, in which each word could have two of them.
const TAGGED: &str = "\
the\tD\nold\tN\nman\tV\nthe\tD\nboats\tN\n\n\
old\tA\nmen\tN\nman\tV\nboats\tN\n\n\
the\tD\nold\tA\nman\tN\n\n\
man\tV\nthe\tD\nold\tA\nboats\tN\n\n\
boats\tN\nman\tV\nthe\tD\nold\tN\n";

/// A folder with a softmax model of `train.svm`, `soft`, and a random field of `tagged`, `field`.
fn home() -> Home {
    let home = Home::with_model();
    home.write("tagged", TAGGED);
    home.write("template", "U0:%x[0,0]\nB\n");
    let soft = ["learn", "multiclass", "--objective", "log", "--gap", "1e-8", "train.svm", "soft"];
    home.succeeds(&soft);
    home.succeeds(&[&LEARN_FIELD[..], &["--objective", "log", "tagged", "field"]].concat());
    home
}

const LEARN_FIELD: [&str; 6] = ["learn", "sequence", "--template", "template", "--gap", "1e-8"];

fn number(object: &Value, key: &str) -> f64 {
    object[key].as_f64().unwrap_or_else(|| panic!("{key} in {object}"))
}

fn assert_close(a: f64, b: f64, tolerance: f64) {
    assert!((a - b).abs() <= tolerance, "{a} is not {b}");
}

/// The label and the numbers of each line of predictions.
fn predictions(text: &str) -> Vec<(String, Vec<f64>)> {
    let line = |line: &str| {
        let (label, numbers) = line.split_once(' ').unwrap();
        (label.to_owned(), numbers.split(' ').map(|number| number.parse().unwrap()).collect())
    };
    text.lines().map(line).collect()
}

#[test]
fn probabilities_of_classes_are_the_softmax_of_their_scores_and_make_the_measures() {
    let home = home();
    home.succeeds(&["classify", "test.svm", "soft", "scores"]);
    home.succeeds(&["classify", "--probabilities", "test.svm", "soft", "probabilities"]);
    let scores = predictions(&home.text("scores"));
    let probabilities = predictions(&home.text("probabilities"));
    assert_eq!((scores.len(), probabilities.len()), (21, 21));
    let (mut log_likelihood, mut brier) = (0.0, 0.0);
    let classes = ["-1", "1", "sci.space"];
    for (line, ((label, scores), (same, probabilities))) in
        home.text("test.svm").lines().zip(scores.iter().zip(&probabilities))
    {
        assert_eq!(label, same);
        let sum: f64 = scores.iter().map(|score| score.exp()).sum();
        for (score, probability) in scores.iter().zip(probabilities) {
            assert_close(*probability, score.exp() / sum, 1e-12);
        }
        let Some(truth) = classes.iter().position(|&class| line.split(' ').next() == Some(class))
        else {
            continue;
        };
        log_likelihood += scores[truth] - sum.ln();
        for (class, score) in scores.iter().enumerate() {
            let miss = score.exp() / sum - f64::from(u8::from(class == truth));
            brier += miss * miss / 20.0;
        }
    }
    let report = home.json(&["evaluate", "test.svm", "soft"]);
    assert_close(number(&report, "log_likelihood"), log_likelihood, 1e-10);
    assert_close(number(&report, "log_loss"), -log_likelihood / 20.0, 1e-10);
    assert_close(number(&report, "brier_score"), brier, 1e-10);
    let text = home.succeeds(&["evaluate", "test.svm", "soft"]).out;
    assert!(text.contains("\ncalibration_error  ") && text.contains("\nreliability  "), "{text}");
    // P is ½‖w‖² + C Σ −ln P(y | x), so what `evaluate` says of the training file is part of it.
    let inspected = home.json(&["inspect", "soft"]);
    let report = home.json(&["evaluate", "train.svm", "soft"]);
    let norm = number(&inspected, "norm");
    let primal = 0.5 * norm * norm - number(&report, "log_likelihood");
    assert_close(number(&inspected, "primal"), primal, 1e-9 * primal);
}

#[test]
fn the_objective_is_told() {
    let home = home();
    let learn = ["learn", "multiclass", "--objective", "log", "train.svm", "again"];
    let told = home.succeeds(&learn).err;
    assert!(told.contains("3 features; objective log, C = 60 (--c-sum 1)\n"), "{told}");
    assert_eq!(home.json(&learn)["objective"], "log");
    for (model, objective) in [("soft", "log"), ("field", "log"), ("good", "hinge")] {
        assert_eq!(home.json(&["inspect", model])["objective"], objective);
        let text = home.succeeds(&["inspect", model]).out;
        assert!(text.contains(&format!(" examples, objective {objective}, C = ")), "{text}");
    }
    let before = ["validate", "multiclass", "--objective", "log", "--folds", "3"];
    let validate = [&before[..], &["--c-sum", "1e-4,1,1e4", "train.svm"]].concat();
    let table = home.succeeds(&validate).out;
    assert!(table.lines().next().unwrap().contains("  log_loss  passes"), "{table}");
    // The best C has the lowest log-loss.
    let answer = home.json(&validate);
    let log_loss = |point: &Value| number(&point["measures"], "log_loss");
    let losses: Vec<f64> = answer["points"].as_array().unwrap().iter().map(log_loss).collect();
    let least = losses.iter().copied().fold(f64::INFINITY, f64::min);
    assert_eq!(log_loss(&answer["best"]), least, "{losses:?}");
}

#[test]
fn both_solvers_checkpoints_and_streams_arrive_at_one_optimum() {
    let home = home();
    let optimum = number(&home.json(&["inspect", "soft"]), "primal");
    let before = ["learn", "multiclass", "--objective", "log", "--gap", "1e-6"];
    for options in [&["--solver", "block"][..], &["--solver", "one-slack"], &["--stream"]] {
        let learned = home.json(&[&before, options, &["train.svm", "model"]].concat());
        assert!(learned["converged"] == true, "{options:?}: {learned}");
        assert_close(number(&learned, "primal"), optimum, 1e-6 * optimum);
        assert!(number(&learned, "dual") <= optimum, "{options:?}: {learned}");
    }
    // Interrupted and resumed: the same file.
    let kept = ["--solver", "block", "--checkpoint", "kept"];
    home.succeeds(&[&before, &kept[..], &["train.svm", "whole"]].concat());
    home.succeeds(&[&before, &kept[..], &["--passes", "3", "train.svm", "part"]].concat());
    home.succeeds(
        &[&before, &["--solver", "block", "--resume", "kept", "train.svm", "resumed"][..]].concat(),
    );
    let weights = |model: &str| home.json(&["inspect", "--top", "99", model])["heaviest"].clone();
    assert_eq!(weights("resumed"), weights("whole"));
    // The loss is part of the problem: a checkpoint of one does not go on as the other.
    home.refuses(
        &["learn", "multiclass", "--gap", "1e-6", "--resume", "kept", "train.svm", "other"],
        &["kept"],
    );
}

#[test]
fn probabilities_of_tags_are_sums_over_taggings() {
    let home = home();
    home.succeeds(&["classify", "--probabilities", "tagged", "field", "marginals"]);
    // All taggings of the third sentence, four tags and three words.
    home.write("sentence", "the\tD\nold\tA\nman\tN\n");
    let list = ["classify", "--probabilities", "--n-best", "64", "sentence", "field", "taggings"];
    home.succeeds(&list);
    let mut sums = vec![std::collections::HashMap::<String, f64>::new(); 3];
    let (mut all, mut written) = (0.0, Vec::new());
    for (rank, tagging) in home.text("taggings").split_terminator("\n\n").enumerate() {
        let mut lines = tagging.lines();
        let head = lines.next().unwrap().strip_prefix("# ").unwrap();
        let (number, probability) = head.split_once(' ').unwrap();
        assert_eq!(number, rank.to_string());
        let probability: f64 = probability.parse().unwrap();
        all += probability;
        for (line, sums) in lines.zip(&mut sums) {
            let columns: Vec<&str> = line.split('\t').collect();
            assert_eq!(columns.len(), 4, "{line}");
            *sums.entry(columns[2].to_owned()).or_default() += probability;
            written.push((columns[2].to_owned(), columns[3].parse::<f64>().unwrap()));
        }
    }
    assert_eq!(written.len(), 64 * 3, "all taggings");
    assert_close(all, 1.0, 1e-10);
    for (at, (tag, marginal)) in written.into_iter().enumerate() {
        assert_close(marginal, sums[at % 3][&tag], 1e-10);
    }
    let marginals = home.text("marginals");
    assert_eq!(marginals.lines().filter(|line| !line.is_empty()).count(), 20);
    let report = home.json(&["evaluate", "tagged", "field"]);
    let inspected = home.json(&["inspect", "field"]);
    let norm = number(&inspected, "norm");
    let primal = 0.5 * norm * norm - number(&report, "log_likelihood");
    assert_close(number(&inspected, "primal"), primal, 1e-9 * primal);
}

#[test]
fn labels_that_the_model_does_not_know_are_impossible() {
    let home = home();
    home.write("strange.svm", home.text("test.svm") + "new 1:1\n");
    let (known, strange) = (
        home.json(&["evaluate", "test.svm", "soft"]),
        home.json(&["evaluate", "strange.svm", "soft"]),
    );
    assert_eq!(number(&strange, "impossible"), 1.0);
    assert_eq!(strange["log_likelihood"], known["log_likelihood"]);
    assert!(number(&strange, "brier_score") > number(&known, "brier_score"));
    home.write("strange", format!("{TAGGED}\nold\tX\n"));
    let (known, strange) =
        (home.json(&["evaluate", "tagged", "field"]), home.json(&["evaluate", "strange", "field"]));
    assert_eq!(number(&strange, "impossible"), 1.0);
    assert_eq!(strange["log_likelihood"], known["log_likelihood"]);
}

#[test]
fn what_means_nothing_to_probabilities_is_refused() {
    let home = home();
    home.write("costs", "1 -1 2\n");
    home.succeeds(&[&LEARN_FIELD[..], &["tagged", "chain"]].concat());
    for (examples, model) in [("test.svm", "good"), ("tagged", "chain")] {
        home.refuses(
            &["classify", "--probabilities", examples, model, "out"],
            &["--probabilities expects a model trained with --objective log", "hinge"],
        );
    }
    let soft = ["learn", "multiclass", "--objective", "log"];
    for (options, expected) in [
        (&["-p", "2"][..], "-p expects 1 beside --objective log"),
        (&["-o", "1"], "-o expects no value beside --objective log"),
        (&["-l", "1"], "-l expects no value beside --objective log"),
        (&["--cost", "costs"], "--cost expects no value beside --objective log"),
        (&["--objective", "logistic"], ""),
    ] {
        home.refuses(&[&soft, options, &["train.svm", "out"]].concat(), &[expected]);
        let before = ["validate", "multiclass", "--objective", "log"];
        home.refuses(&[&before, options, &["train.svm"]].concat(), &[expected]);
    }
    home.refuses(
        &["learn", "multiclass", "--objective", "logistic", "train.svm", "out"],
        &["--objective expects hinge or log", "logistic"],
    );
    home.refuses(
        &[&LEARN_FIELD[..], &["--objective", "log", "--b", "2", "tagged", "out"]].concat(),
        &["--b expects 0 beside --objective log"],
    );
    home.refuses(&["learn", "ranking", "--objective", "log", "train.svm", "out"], &["--objective"]);
}

#[test]
fn the_limits_are_sound() {
    let home = Home::new();
    let learn = |train: &str, c: &str| {
        home.json(&["learn", "multiclass", "--objective", "log", "--c-sum", c, train, "model"])
    };
    // One label is refused, as with the hinge loss.
    home.write("one.svm", "a 1:1\na 1:2\n");
    home.write("one", "x\tA\ny\tA\n");
    home.write("template", "U0:%x[0,0]\nB\n");
    home.refuses(
        &["learn", "multiclass", "--objective", "log", "one.svm", "out"],
        &["at least two classes are needed, not 1"],
    );
    home.refuses(
        &[&LEARN_FIELD[..], &["--objective", "log", "one", "out"]].concat(),
        &["between 2 and 65535 tags are needed, not 1"],
    );
    // Nothing tells the classes apart: all are as probable, and the weights 0 are the optimum.
    home.write("equal.svm", "a 1:1\nb 1:1\nc 1:1\n");
    let learned = learn("equal.svm", "2");
    let optimum = 6.0 * 3.0_f64.ln();
    assert!(number(&learned, "dual") <= optimum && number(&learned, "primal") >= optimum);
    assert_close(number(&learned, "primal"), optimum, 1e-3 * optimum);
    // Separable, C → ∞: the weights grow without bound, as ln C; the certificate holds all along.
    home.write("apart.svm", "a 1:1\nb 1:-1\n");
    let mut norms = Vec::new();
    for c in ["1e-3", "1", "1e3", "1e6", "1e9"] {
        let learned = learn("apart.svm", c);
        assert!(learned["converged"] == true, "{c}: {learned}");
        norms.push(number(&home.json(&["inspect", "model"]), "norm"));
    }
    assert!(norms.is_sorted() && norms[4] > 9.0 && norms[4] < 18.0, "{norms:?}");
}
