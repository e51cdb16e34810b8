//! Tagging as users of the program meet it: every kind of file, what is written, options, and what
//! is refused.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, and so do its helpers")]

use crate::common;

use std::ops::Range;

use common::{Home, gzip};
use serde_json::Value;

/// A word, its part of speech, and its tag.
type Token = (&'static str, &'static str, &'static str);

/// Noun phrases around a verb: the tag of a word depends on the one before.
fn sentence(i: usize) -> Vec<Token> {
    let phrase = |i: usize, determined: bool, adjectives: usize| {
        let determiner = determined.then_some(("the", "DT"));
        let adjectives = (0..adjectives).map(move |a| (["big", "small", "old"][(i + a) % 3], "JJ"));
        let noun = (["dog", "cat", "bird", "fish"][i % 4], "NN");
        let words: Vec<_> = determiner.into_iter().chain(adjectives).chain([noun]).collect();
        words
            .into_iter()
            .zip(["B-NP"].into_iter().chain(std::iter::repeat("I-NP")))
            .map(|((a, b), tag)| (a, b, tag))
    };
    let verb = [(["sees", "eats"][i % 2], "VB", "O")];
    let stop = (!i.is_multiple_of(4)).then_some((".", ".", "O"));
    let object = phrase(3 * i + 1, i % 5 < 3, i % 2);
    phrase(i, i.is_multiple_of(2), i % 3).chain(verb).chain(object).chain(stop).collect()
}

const TRAIN: Range<usize> = 0..24;
const TEST: Range<usize> = 24..36;
/// All tokens of [`TEST`].
const TOKENS: usize = 76;

/// A line for each token of the sentences, which are numbered; `between` stands after each
/// sentence.
fn lines(range: Range<usize>, between: &str, line: impl Fn(usize, Token) -> String) -> String {
    let sentence = |i: usize| {
        sentence(i).into_iter().map(|token| line(i, token) + "\n").collect::<String>() + between
    };
    range.map(sentence).collect()
}

fn columns((word, part, tag): Token) -> String {
    format!("{word} {part} {tag}")
}

fn crfsuite((word, part, tag): Token) -> String {
    format!("{tag}\tw={word}\tp={part}:0.5")
}

fn hmm(i: usize, (word, _, tag): Token) -> String {
    let words = [".", "the", "big", "small", "old", "dog", "cat", "bird", "fish", "sees", "eats"];
    let number =
        |names: &[&str], name: &str| names.iter().position(|&one| one == name).unwrap() + 1;
    format!("{} qid:{i} {}:1", number(&["B-NP", "I-NP", "O"], tag), number(&words, word))
}

/// A kind of file: its name, what to learn with, and how a token of a sentence is written, with and
/// without a tag.
struct Kind {
    name: &'static str,
    options: &'static [&'static str],
    /// Stands between sequences, in examples and in predictions.
    between: &'static str,
    tagged: fn(usize, Token) -> String,
    untagged: fn(usize, Token) -> String,
    /// What is written for a token with this tag.
    predicted: fn(usize, Token) -> String,
}

const KINDS: [Kind; 3] = [
    Kind {
        name: "hmm",
        options: &[],
        between: "",
        tagged: hmm,
        untagged: |i, token| hmm(i, token).split_once(' ').unwrap().1.to_owned(),
        predicted: |i, token| hmm(i, token).split_once(' ').unwrap().0.to_owned(),
    },
    Kind {
        name: "crfsuite",
        options: &[],
        between: "\n",
        tagged: |_, token| crfsuite(token),
        untagged: |_, token| "\t".to_owned() + crfsuite(token).split_once('\t').unwrap().1,
        predicted: |_, (.., tag)| tag.to_owned(),
    },
    Kind {
        name: "columns",
        options: &["--template", "chunking"],
        between: "\n",
        tagged: |_, token| columns(token),
        untagged: |_, (word, part, _)| format!("{word} {part}"),
        predicted: |_, token| format!("{} {}", columns(token), token.2),
    },
];

impl Kind {
    /// The name of a file of this kind.
    fn file(&self, what: &str) -> String {
        format!("{what}.{}", self.name)
    }

    /// Learns from the training file of this kind.
    fn learn<'a>(&self, home: &Home, options: &[&'a str], model: &'a str) -> Value {
        let (before, train) = (["learn", "sequence"], self.file("train"));
        home.json(&[&before, self.options, options, &[&train, model]].concat())
    }
}

/// A folder with training, test and untagged files of every kind.
fn home() -> Home {
    let home = Home::new();
    for kind in &KINDS {
        home.write(&kind.file("train"), lines(TRAIN, kind.between, kind.tagged));
        home.write(&kind.file("test"), lines(TEST, kind.between, kind.tagged));
        home.write(&kind.file("untagged"), lines(TEST, kind.between, kind.untagged));
    }
    home
}

fn number(object: &Value, key: &str) -> f64 {
    object[key].as_f64().unwrap_or_else(|| panic!("{key} in {object}"))
}

#[test]
fn every_kind_of_file_goes_from_tagged_text_to_measures() {
    let home = home();
    for kind in &KINDS {
        let name = kind.name;
        let (train, test) = (kind.file("train"), kind.file("test"));
        let learned = kind.learn(&home, &[], "model");
        assert_eq!(
            (&learned["task"], number(&learned, "examples")),
            (&"sequence".into(), 24.0),
            "{name}"
        );
        assert!(
            learned["converged"] == true && number(&learned, "relative_gap") <= 1e-3,
            "{name}: {learned}"
        );

        // These sentences are easy: every tag is found, and the predictions are the file that was
        // to be expected.
        let run = home.succeeds(&["classify", &test, "model", "predictions"]);
        assert_eq!(
            run.err, "12 predictions written to predictions; mean loss 0 on the 12 with a label\n",
            "{name}"
        );
        assert_eq!(home.text("predictions"), lines(TEST, kind.between, kind.predicted), "{name}");
        let report = home.json(&["evaluate", &test, "model"]);
        assert_eq!(["token_error", "loss"].map(|key| number(&report, key)), [0.0; 2], "{name}");
        assert_eq!(
            ["sequences", "tokens"].map(|key| number(&report, key)),
            [12.0, TOKENS as f64],
            "{name}"
        );
        assert_eq!(number(&report, "sequence_accuracy"), 1.0, "{name}");
        // Tags that are numbers mark no chunks.
        assert_eq!(report["chunk_f1"].as_f64(), (name != "hmm").then_some(1.0), "{name}");

        // Tags have no part in predictions.
        home.succeeds(&["classify", &kind.file("untagged"), "model", "untagged"]);
        let expected = match name {
            "columns" => lines(TEST, kind.between, |_, token| columns(token)),
            _ => home.text("predictions"),
        };
        assert_eq!(home.text("untagged"), expected, "{name}");
        home.refuses(
            &["evaluate", &kind.file("untagged"), "model"],
            &["expected labelled examples, found none"],
        );

        let inspected = home.succeeds(&["inspect", "--top", "500", "model"]).out;
        for words in [
            "task      sequence, 3 tags, ",
            "result    converged: ",
            "  tag ",
            "  tags ",
            ", feature ",
        ] {
            assert!(inspected.contains(words), "{name}: {words} in {inspected}");
        }
        let validated = home.json(
            &[&["validate", "sequence", "--folds", "3", "-c", "0.01,24"], kind.options, &[&train]]
                .concat(),
        );
        assert_eq!(number(&validated["best"], "c_mean"), 24.0, "{name}: {validated}");
        assert!(
            number(&validated["best"]["measures"], "token_error") < 0.05,
            "{name}: {validated}"
        );
    }
}

#[test]
fn standard_input_and_archives_are_files_too() {
    let home = home();
    for kind in &KINDS {
        kind.learn(&home, &[], "model");
        home.succeeds(&["classify", &kind.file("test"), "model", "predictions"]);
        let (train, test) = (home.read(&kind.file("train")), home.read(&kind.file("test")));
        home.run_with(
            &[&["learn", "sequence"], kind.options, &["-", "again"]].concat(),
            &gzip(&train),
        );
        assert!(home.read("again") == home.read("model"), "{}", kind.name);
        assert_eq!(
            home.run_with(&["classify", "-", "model", "-"], &test).out,
            home.text("predictions")
        );
    }
    // A template that ships, given as a file, is the same template.
    let shipped =
        concat!(env!("CARGO_MANIFEST_DIR"), "/../crosscut-sequence/templates/chunking.txt");
    home.succeeds(&["learn", "sequence", "--template", shipped, "train.columns", "again"]);
    assert!(home.read("again") == home.read("model"));
}

#[test]
fn equal_runs_write_equal_models_on_any_number_of_threads() {
    let home = home();
    let ways: [&[&str]; 6] = [
        &[],
        &["-o", "1"],
        &["-l", "0"],
        &["--t", "2", "--e", "1", "-l", "2"],
        &["--b", "2", "--t", "2"],
        &["--solver", "one-slack", "--min-count", "2"],
    ];
    for kind in &KINDS {
        let models = ways.map(|way| {
            let models = ["1", "2", "1"].map(|threads| {
                kind.learn(&home, &[way, &["--threads", threads]].concat(), "model");
                home.read("model")
            });
            assert!(models[0] == models[1] && models[0] == models[2], "{} {way:?}", kind.name);
            models[0].clone()
        });
        // Each way is another problem.
        assert!((0..ways.len()).all(|a| (0..a).all(|b| models[a] != models[b])), "{}", kind.name);
    }
    let predictions = ["1", "2"].map(|threads| {
        home.succeeds(&[
            "classify",
            "--threads",
            threads,
            "--n-best",
            "4",
            "test.columns",
            "model",
            "predictions",
        ]);
        home.text("predictions")
    });
    assert_eq!(predictions[0], predictions[1]);
}

#[test]
fn the_n_best_outputs_come_with_their_scores() {
    let home = home();
    for kind in &KINDS {
        let (name, test) = (kind.name, kind.file("test"));
        kind.learn(&home, &[], "model");
        home.succeeds(&["classify", &test, "model", "best"]);
        let best: Vec<String> =
            home.text("best").lines().filter(|line| !line.is_empty()).map(str::to_owned).collect();
        home.succeeds(&["classify", "--n-best", "3", &test, "model", "predictions"]);

        let text = home.text("predictions");
        let outputs: Vec<(&str, f64, Vec<&str>)> =
            (text.strip_suffix("\n\n").unwrap().split("\n\n"))
                .map(|output| {
                    let mut lines = output.lines();
                    let (rank, score) =
                        lines.next().unwrap().strip_prefix("# ").unwrap().split_once(' ').unwrap();
                    (rank, score.parse().unwrap(), lines.collect())
                })
                .collect();
        assert_eq!(outputs.len(), 3 * TEST.len(), "{name}");
        for three in outputs.chunks(3) {
            assert_eq!(
                three.iter().map(|output| output.0).collect::<Vec<_>>(),
                ["0", "1", "2"],
                "{name}"
            );
            assert!(three.is_sorted_by(|a, b| a.1 >= b.1), "{name}: {three:?}");
            assert!(
                three[0].2 != three[1].2 && three[0].2 != three[2].2 && three[1].2 != three[2].2,
                "{name}"
            );
        }
        let first: Vec<&str> =
            outputs.iter().step_by(3).flat_map(|output| output.2.clone()).collect();
        assert_eq!(first, best, "{name}");
    }
    // There are no more outputs than there are.
    home.write("one", "dog NN O\n");
    home.succeeds(&["classify", "--n-best", "100", "one", "model", "predictions"]);
    assert_eq!(home.text("predictions").matches("# ").count(), 3);
}

#[test]
fn margins_say_how_far_the_second_tag_is_behind() {
    let home = home();
    for kind in &KINDS {
        let (name, test) = (kind.name, kind.file("test"));
        kind.learn(&home, &[], "model");
        home.succeeds(&["classify", &test, "model", "best"]);
        home.succeeds(&["classify", "--max-marginals", &test, "model", "max-marginals"]);
        let mut max_marginals = Vec::new();
        for (best, line) in home.text("best").lines().zip(home.text("max-marginals").lines()) {
            if best.is_empty() {
                assert_eq!(line, "", "{name}");
                continue;
            }
            let (before, margin) = line.rsplit_once([' ', '\t']).unwrap();
            assert_eq!(before, best, "{name}");
            max_marginals.push(margin.parse::<f64>().unwrap());
        }
        assert!(
            max_marginals.len() == TOKENS && max_marginals.iter().all(|&margin| margin > 0.0),
            "{name}: {max_marginals:?}"
        );

        // The least margin of a sequence is what its second output is behind the first.
        let text = home.succeeds(&["classify", "--n-best", "2", &test, "model", "-"]).out;
        let scores: Vec<f64> = (text.lines().filter_map(|line| line.strip_prefix("# ")))
            .map(|line| line.split_once(' ').unwrap().1.parse().unwrap())
            .collect();
        let mut at = 0;
        for (i, two) in TEST.zip(scores.chunks(2)) {
            let own = &max_marginals[at..at + sentence(i).len()];
            at += own.len();
            let least = own.iter().copied().fold(f64::INFINITY, f64::min);
            assert!((least - (two[0] - two[1])).abs() < 1e-5, "{name}: {least} and {two:?}");
        }
    }
}

#[test]
fn a_beam_claims_no_more_than_it_may() {
    let home = home();
    let exact = KINDS[1].learn(&home, &["--t", "2"], "exact");
    let learned = KINDS[1].learn(&home, &["--t", "2", "--b", "2"], "beam");
    assert!(exact["converged"] == true && exact["shown"] == exact["primal"], "{exact}");
    // Nothing is known of what the beam misses: there is no bound on P.
    assert!(
        learned["converged"] == false && learned["primal"].is_null() && learned["gap"].is_null(),
        "{learned}"
    );
    assert_eq!(learned["stop"], "oracle");
    // The dual value is a bound even so.
    assert!(number(&learned, "dual") <= number(&exact, "primal"), "{learned} {exact}");
    let verdict = "solved as far as the oracle can tell: primal at least ";
    let inspected = home.json(&["inspect", "beam"]);
    assert_eq!(
        (&inspected["shown"], &inspected["verdict"]),
        (&learned["shown"], &learned["verdict"])
    );
    assert!(home.succeeds(&["inspect", "beam"]).out.contains(&format!("\nresult    {verdict}")));

    let run =
        home.succeeds(&["learn", "sequence", "--t", "2", "--b", "2", "train.crfsuite", "model"]);
    let line = run.err.lines().find(|line| line.starts_with(verdict)).expect("a verdict");
    assert!(line.contains(", gap at least "), "{run:?}");
    // As many states as there are make no beam.
    assert!(KINDS[1].learn(&home, &["--t", "2", "--b", "9"], "wide")["converged"] == true);
    let run = home.succeeds(&[
        "validate",
        "sequence",
        "--folds",
        "2",
        "-c",
        "24",
        "--b",
        "2",
        "train.crfsuite",
    ]);
    assert!(!run.err.contains("gap"), "{run:?}");

    // A model can be used with another beam than it was trained with. One of all 9 states, or none,
    // is exact.
    let predictions = |model: &str, options: &[&str]| {
        let run = home.succeeds(&[&["classify"], options, &["test.crfsuite", model, "-"]].concat());
        (
            run.out,
            number(
                &home.json(&[&["evaluate"], options, &["test.crfsuite", model]].concat()),
                "token_error",
            ),
        )
    };
    let all = predictions("exact", &[]);
    assert_eq!(all.1, 0.0);
    for beam in ["0", "9", "1000", "18446744073709551615"] {
        assert_eq!(predictions("exact", &["--b", beam]), all, "{beam}");
    }
    assert_eq!(predictions("beam", &[]), predictions("beam", &["--b", "2"]));
    let narrow = predictions("exact", &["--b", "1"]);
    assert_eq!(narrow.0.lines().filter(|line| !line.is_empty()).count(), TOKENS);
    // The model itself is as it was.
    assert_eq!(home.json(&["inspect", "exact"])["converged"], true);
}

#[test]
fn constraints_hold_for_any_input() {
    let home = home();
    // Words in an order that was never seen.
    let all: Vec<Token> = TEST.flat_map(sentence).collect();
    let odd: String = (0..200)
        .map(|i| crfsuite(all[i * 31 % TOKENS]) + if i % 9 == 8 { "\n\n" } else { "\n" })
        .collect();
    home.write("odd", odd);
    // The training tags are bio; for bioes the last tag of each phrase gets another letter.
    let renamed = |text: String| {
        let lines: Vec<&str> = text.lines().collect();
        let goes_on = |at: usize| lines.get(at + 1).is_some_and(|next| next.starts_with('I'));
        let line = |at: usize| match lines[at].split_at_checked(1) {
            Some(("B", rest)) if !goes_on(at) => format!("S{rest}\n"),
            Some(("I", rest)) if !goes_on(at) => format!("E{rest}\n"),
            _ => format!("{}\n", lines[at]),
        };
        (0..lines.len()).map(line).collect::<String>()
    };
    home.write("train.bio", home.text("train.crfsuite"));
    home.write("train.bioes", renamed(home.text("train.crfsuite")));
    for scheme in ["bio", "bioes"] {
        let train = format!("train.{scheme}");
        for options in
            [&[][..], &["-o", "1"], &["-l", "0"], &["--t", "2"], &["--b", "1"], &["--t", "0"]]
        {
            // So weak that only the constraints keep tags apart.
            let weak = ["learn", "sequence", "--c-sum", "0.001", "--constrain", scheme];
            home.succeeds(&[&weak, options, &[&train, "model"]].concat());
            for writing in [&[][..], &["--n-best", "4"]] {
                let text =
                    home.succeeds(&[&["classify"], writing, &["odd", "model", "-"]].concat()).out;
                let tags: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
                assert!(
                    tags.iter().filter(|tag| !tag.is_empty()).count() >= 200,
                    "{scheme} {options:?}"
                );
                for pair in [""].iter().chain(&tags).zip(tags.iter().chain(&[""])) {
                    let begun = pair.0.starts_with(['B', 'I']);
                    let goes_on = pair.1.starts_with(['I', 'E']);
                    let fits = if scheme == "bio" { begun || !goes_on } else { begun == goes_on };
                    assert!(fits, "{scheme} {options:?} {writing:?}: {pair:?}");
                }
            }
        }
    }
}

#[test]
fn losses_costs_and_rare_features_change_the_problem() {
    let home = home();
    home.write("costs", "B-NP O 3 # dear\nO I-NP 0.5\n");
    let ways: [&[&str]; 7] = [
        &[],
        &["-l", "0"],
        &["-l", "2"],
        &["-o", "1"],
        &["--cost", "costs"],
        &["-l", "2", "--cost", "costs"],
        &["--min-count", "20"],
    ];
    let optima = ways.map(|way| {
        // Solvers agree. With a small C there are slacks: without, slack rescaling and zero/one
        // loss are the same.
        let bounds = ["block", "one-slack"].map(|solver| {
            let learned = KINDS[1].learn(
                &home,
                &[way, &["--c-sum", "0.05", "--gap", "1e-5", "--solver", solver]].concat(),
                "model",
            );
            assert_eq!(learned["stop"], "gap", "{way:?}: {learned}");
            (number(&learned, "dual"), number(&learned, "primal"))
        });
        assert!(bounds[0].0 <= bounds[1].1 && bounds[1].0 <= bounds[0].1, "{way:?}: {bounds:?}");
        bounds[0].1
    });
    assert!(
        (0..ways.len()).all(|a| (0..a).all(|b| (optima[a] - optima[b]).abs() > 1e-3)),
        "{optima:?}"
    );
}

#[test]
fn what_a_model_has_not_seen_is_no_error_of_the_file() {
    let home = home();
    KINDS[2].learn(&home, &[], "model");
    home.write("strange", "a XX B-NP\nzebra NN B-VP\n\nthe DT B-NP\ndog NN I-NP\n");
    home.succeeds(&["classify", "strange", "model", "predictions"]);
    assert_eq!(home.text("predictions").lines().count(), 6);
    let report = home.json(&["evaluate", "strange", "model"]);
    assert_eq!((number(&report, "unknown_tags"), number(&report, "tokens")), (1.0, 4.0));
    assert!(number(&report, "token_error") >= 0.25, "{report}");
}

#[test]
fn options_of_another_task_are_refused() {
    let home = home();
    home.succeeds(&["learn", "multiclass", "train.svm", "good"]);
    // Had the examples been read, the message would be about them.
    home.write("broken", "1 x");
    let table: [(&[&str], &str); 3] = [
        (&["--n-best", "3"], "n-best"),
        (&["--max-marginals"], "max-marginals"),
        (&["--b", "2"], "b"),
    ];
    for (options, name) in table {
        let expected = format!("crosscut: --{name} is not an option of the task multiclass");
        home.refuses(
            &[&["classify"], options, &["broken", "good", "predictions"]].concat(),
            &[&expected],
        );
    }
    home.refuses(
        &["evaluate", "--b", "2", "broken", "good"],
        &["--b is not an option of the task multiclass"],
    );
    // What is only about writing is no option of evaluate, and none of these one of learn.
    KINDS[0].learn(&home, &[], "model");
    home.refuses(&["evaluate", "--n-best", "2", "test.hmm", "model"], &["'--n-best'"]);
    home.refuses(&["evaluate", "--max-marginals", "test.hmm", "model"], &["'--max-marginals'"]);
    home.refuses(
        &["learn", "sequence", "--max-marginals", "train.hmm", "model"],
        &["'--max-marginals'"],
    );
    home.refuses(&["learn", "multiclass", "--b", "2", "train.svm", "good"], &["'--b'"]);
    let help = home.succeeds(&["classify", "--help"]).out;
    assert!(
        ["--n-best <N>", "--max-marginals", "--b <N>"].iter().all(|name| help.contains(name)),
        "{help}"
    );
    assert_eq!(help.matches("(sequence) ").count(), 3, "{help}");
}

#[test]
fn bad_options_are_refused_by_name() {
    let home = home();
    KINDS[1].learn(&home, &[], "model");
    let training: &[(&[&str], &str)] = &[
        (&["--t", "4"], "--t expects 0, 1, 2 or 3, not `4`"),
        (&["--t", "-1"], "--t expects"),
        (&["--t", "x"], "--t expects"),
        (&["--e", "2"], "--e expects"),
        (&["--t", "0", "--e", "1"], "--e expects"),
        (&["--b", "-1"], "--b expects"),
        (&["--b", "1.5"], "--b expects"),
        (&["--min-count", "0"], "--min-count expects"),
        (&["--min-count", "x"], "--min-count expects"),
        (
            &["--constrain", "iob"],
            "--constrain expects bio, bioes, bilou, bmes or bmewo, not `iob`",
        ),
        (
            &["--format", "conll"],
            "--format expects auto, hmm, crfsuite, columns or conllu, not `conll`",
        ),
        (&["--format", "columns"], "--format expects"),
        (&["--format", "hmm", "--template", "pos"], "--format expects"),
        (&["--template", "missing"], "missing: cannot be read: "),
        (&["--template", "."], ".: expected a file, found a directory"),
        (&["--cost", "missing"], "missing: cannot be read: "),
        (&["-l", "3"], "-l expects"),
        (&["-l", "0", "--cost", "train.svm"], "-l expects"),
        (&["--bias", "1"], "'--bias'"),
    ];
    for (options, expected) in training {
        home.refuses(
            &[&["learn", "sequence"], *options, &["train.crfsuite", "model"]].concat(),
            &[expected],
        );
        home.refuses(
            &[&["validate", "sequence"], *options, &["train.crfsuite"]].concat(),
            &[expected],
        );
    }
    let table: &[(&[&str], &str)] = &[
        (&["--n-best", "0"], "--n-best expects a whole number of at least 1, not `0`"),
        (&["--n-best", "-1"], "--n-best expects"),
        (&["--n-best", "x"], "--n-best expects"),
        (
            &["--n-best", "2", "--max-marginals"],
            "--n-best expects nothing where --max-marginals is given",
        ),
        (&["--b", "x"], "--b expects"),
        (&["--max-marginals=1"], "'--max-marginals'"),
    ];
    for (options, expected) in table {
        home.refuses(
            &[&["classify"], *options, &["test.crfsuite", "model", "predictions"]].concat(),
            &[expected],
        );
    }
    home.refuses(&["evaluate", "--b", "x", "test.crfsuite", "model"], &["--b expects"]);
}

/// Options to learn with, the text of a file `bad`, and what the message says about it.
const BROKEN: &[(&[&str], &str, &str)] = &[
    (&[], "", "bad: expected at least one example, found"),
    (&[], "\n# nothing\n\n", "bad: expected at least one example, found"),
    (
        &[],
        "1 qid:1 1:1\n2 qid:2 1:1\n1 qid:1 2:1\n",
        "bad:3: expected the tokens of qid:1 one after the other",
    ),
    (&[], "1 qid:1 1:1\n2 2:1\n", "bad:2: expected qid:N"),
    (&[], "1 qid:1 1:1\n2 qid: 2:1\n", "bad:2: expected qid: with the name"),
    (&[], "1 qid:1 1:1\nqid:1 2:1\n", "bad:2: expected a tag"),
    (&[], "1 qid:1 1:1\n? qid:2 2:1\n", "bad:2: expected a tag"),
    (&[], "1 qid:1 1:1\n2 qid:1 1:nan\n", "bad:2: expected a value that is finite"),
    (&[], "1 qid:1 2:1\n2 qid:1 2:1 1:1\n", "bad:2: expected feature ids in increasing order"),
    (&[], "1 qid:1 cost:2 1:1\n2 qid:1 cost:3 1:1\n", "bad:2: expected cost:2"),
    (&[], "1 qid:1 1:1\n1 qid:2 2:1\n", "bad: between 2 and "),
    (&[], "A\ta\nB\tb:x\n", "bad:2: expected a number"),
    (&[], "A\ta\nB\tb:inf\n", "bad:2: expected a number"),
    (&[], "A\ta:3e38\ta:3e38\nB\tb\n", "bad:1: expected weights of an attribute that add up"),
    (&[], "A\ta\nB\t:2\n", "bad:2: expected the name of an attribute"),
    (&[], "A\ta\n\tb\n", "bad:2: expected a tag"),
    (&["--format", "crfsuite"], "@weight:x\nA\ta\n", "bad:1: expected a tag or @weight:"),
    (
        &["--format", "crfsuite"],
        "@weight:2\n\nA\ta\n",
        "bad:1: expected the tokens of a sequence after @weight",
    ),
    (
        &["--format", "crfsuite"],
        "A\ta\n@weight:2\nB\tb\n",
        "bad:2: expected @weight once and before",
    ),
    (&[], "1 1:1\n2 2:1\n", "bad:1: expected `TAG qid:N id:value …` (hmm) or `TAG<TAB>attribute…`"),
    (
        &[],
        "the DT B-NP\ndog NN I-NP\n",
        "bad:1: expected `TAG qid:N id:value …` (hmm) or `TAG<TAB>attribute…`",
    ),
    (
        &["--template", "pos"],
        "a b X\nc Y\n",
        "bad:2: expected 3 columns as in the first line, found 2",
    ),
    (
        &["--template", "pos"],
        "a X\n\nc d Y\n",
        "bad:3: expected 2 columns as in the first line, found 3",
    ),
    (&["--template", "pos"], "X\nY\n", "bad:1: expected at least 2 columns"),
    (
        &["--template", "pos"],
        "a\tX\nb\t\n",
        "bad:2: expected a tag in the last column, found nothing",
    ),
    (&["--template", "chunking"], "a X\nb Y\n", "template chunking:19: expected a column below 1"),
    (
        &["--constrain", "bio"],
        "I-X\ta\nO\tb\n",
        "bad:1: --constrain bio allows no tag I-X at the beginning",
    ),
    (
        &["--constrain", "bio"],
        "O\ta\nB-X\tb\nI-Y\tb\n",
        "bad:3: --constrain bio allows no tag I-Y after B-X",
    ),
    (
        &["--constrain", "bioes"],
        "O\ta\nB-X\tb\n\nO\ta\n",
        "bad:2: --constrain bioes allows no tag B-X at the end",
    ),
    (
        &["--constrain", "bioes"],
        "O\ta\n\nB-X\ta\nO\tb\n",
        "bad:4: --constrain bioes allows no tag O after B-X",
    ),
];

#[test]
fn broken_examples_are_refused_by_line() {
    let home = home();
    for (options, text, expected) in BROKEN {
        home.write("bad", text);
        home.refuses(&[&["learn", "sequence"], *options, &["bad", "model"]].concat(), &[expected]);
        home.refuses(
            &[&["validate", "sequence", "--folds", "2"], *options, &["bad"]].concat(),
            &[expected],
        );
    }
    home.write("latin1", b"A\ta\nB\tcaf\xe9\n");
    home.refuses(&["learn", "sequence", "latin1", "model"], &["latin1:2: expected text in UTF-8"]);
    home.write("nul", "A\ta\nB\t\0\n");
    home.refuses(&["learn", "sequence", "nul", "model"], &["nul:2: expected text, found a NUL"]);
    let long = "A\ta\nB\tb\n".repeat(20_000);
    home.write("long", &long);
    home.refuses(
        &["learn", "sequence", "-o", "1", "long", "model"],
        &["long: example 0 (counted from 0): the oracle"],
    );
    home.succeeds(&["learn", "sequence", "long", "model"]);
}

#[test]
fn broken_examples_beside_a_model_are_refused_by_line() {
    let home = home();
    // A kind of file, the text of a file `bad`, and what the message says about it.
    let table = [
        (
            0,
            "1 qid:1 1:1\nqid:1 1:1\n",
            "bad:2: expected a tag, as at the first token of the sequence, found none",
        ),
        (
            0,
            "qid:1 1:1\n2 qid:1 1:1\n",
            "bad:2: expected no tag, as at the first token of the sequence, found `2`",
        ),
        (
            0,
            "1 qid:1 1:1\n1 qid:2 1:1\n1 qid:1 1:1\n",
            "bad:3: expected the tokens of qid:1 one after the other",
        ),
        (0, "1 1:1\n", "bad:1: expected qid:N"),
        (0, "O\tw=the\n", "bad:1: expected a feature as id:value"),
        (1, "O\tw=the\n\tw=dog\n", "bad:2: expected a tag, as at the first token"),
        (1, "O\tw=the:x\n", "bad:1: expected a number"),
        (2, "the DT B-NP\n\ndog NN\n", "bad:3: expected 3 columns as in the first line, found 2"),
        (
            2,
            "the DT B-NP x\n",
            "bad:1: expected 3 columns as in training, or 2 without the tag, found 4",
        ),
        (2, "the\n", "bad:1: expected 3 columns as in training, or 2 without the tag, found 1"),
    ];
    for (kind, text, expected) in table {
        KINDS[kind].learn(&home, &[], "model");
        home.write("bad", text);
        home.refuses(&["classify", "bad", "model", "predictions"], &[expected]);
        home.refuses(&["classify", "--n-best", "2", "bad", "model", "-"], &[expected]);
        home.refuses(&["evaluate", "bad", "model"], &[expected]);
    }
}

#[test]
fn bad_templates_are_refused_by_line() {
    let home = home();
    let table = [
        ("U:%x[0]", "expected a row and a column in the macro, found `%x[0]`"),
        ("U:%y[0,0]", "expected a macro %x, %m or %t"),
        ("U:%", "expected a macro %x, %m or %t"),
        ("U:%x0,0]", "expected [ after the letter of a macro"),
        ("U:%x[a,0]", "expected an integer for the row"),
        ("U:%x[99999999999,0]", "expected an integer for the row"),
        ("U:%x[0,-1]", "expected a whole number for the column"),
        ("U:%x[0,99999999999999999999]", "expected a whole number for the column"),
        ("U:%x[0,0", "expected ] at the end"),
        ("U:%m[0,0]", "expected a regular expression in double quotes"),
        ("U:%m[0,0,\"a]", "expected a quote at the end of the expression"),
        ("U:%t[0,0,\"(\"]", "expected a regular expression, found `(`"),
        ("U:%x[0,9]", "expected a column below 2, since column 2 is the tag, found 9"),
        ("B:%x[0]", "expected a row and a column in the macro, found `%x[0]`"),
        ("B:%x[0,2]", "expected a column below 2, since column 2 is the tag, found 2"),
        ("T:%x[0,0]", "expected U, B, # or nothing at the beginning, found `T:%x[0,0]`"),
    ];
    for (line, expected) in table {
        home.write("template", format!("# words\n\nU00:%x[0,0]\n{line}\nB\n"));
        let expected = format!("crosscut: template:4: {expected}");
        home.refuses(
            &["learn", "sequence", "--template", "template", "train.columns", "model"],
            &[&expected],
        );
        home.refuses(
            &["validate", "sequence", "--template", "template", "train.columns"],
            &[&expected],
        );
    }
    // Odd, but a template: rows far away.
    let learn = ["learn", "sequence", "--template", "template", "train.columns", "model"];
    home.write("template", "U:%x[-2147483648,0]/%x[2147483647,1]\n");
    home.succeeds(&learn);
    home.succeeds(&["classify", "test.columns", "model", "predictions"]);
    // Without features there is nothing to learn from.
    for text in ["B\n", ""] {
        home.write("template", text);
        home.refuses(&learn, &["train.columns: expected features in at least one line"]);
    }
}

#[test]
fn models_of_sequences_are_checked_like_all_models() {
    let home = home();
    KINDS[2].learn(&home, &[], "good");
    let good = home.read("good");
    for at in (0..good.len()).step_by(good.len() / 100).chain(good.len() - 5..good.len()) {
        let mut bad = good.clone();
        bad[at] ^= 1 << (at % 8);
        home.write("bad", &bad);
        home.refuses(&["inspect", "bad"], &["bad: "]);
        home.write("bad", &good[..at]);
        home.refuses(&["classify", "test.columns", "bad", "predictions"], &["bad: "]);
    }
}
