//! Columns: those of CoNLL-U, the column of the tag, and templates with features of pairs of tags.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, and so do its helpers")]

use std::fs;

use crate::both::{self, Both, Examples, Items};
use crosscut::testing::{random_weights, sequences};
use crosscut::{FeatureMap, Settings, Task, solve};
use crosscut_app::{Options, Pieces, Source};
use crosscut_sequence::{Features, Sequence, Tags, Tokens};
use proptest::prelude::*;

/// A range, an empty node at the beginning and one further on, comments, one of them inside a
/// sentence, and a space in a form.
const CONLLU: &str = "\
# newdoc id = a
# sent_id = 1
0.1\t_\t_\tPRON\t_\t_\t_\t_\t1:nsubj\t_
1-2\tVámonos\t_\t_\t_\t_\t_\t_\t_\tSpaceAfter=No
1\tVamos\tir\tVERB\tV\tMood=Imp\t0\troot\t0:root\t_
2\tnos\tnosotros\tPRON\tP\tCase=Acc\t1\tobj\t_\t_
# inside
3\t1 000\t1000\tNUM\tN\t_\t1\tobl\t_\tx=y

# sent_id = 2
1\tal\tal\tADP\tA\t_\t2\tcase\t_\t_
1.1\tx\tx\tX\t_\t_\t_\t_\t_\t_
2\tmar\tmar\tNOUN\tN\t_\t0\troot\t_\tSpaceAfter=No
3\t#\t#\tSYM\tS\t_\t2\tpunct\t_\t_
";

const PLUS: &str = "# global.columns = ID FORM UPOS NE\n\
                    1\tAda\tPROPN\tB_PER\n2\tsaw\tVERB\tO\n\n1\tBob\tPROPN\tB_PER\n2\tLee\tPROPN\tI_PER\n";

/// Options; `template:TEXT` stands for the path of a file with the text, which lives as long as the
/// first value.
fn options(values: &[(&str, &str)]) -> (tempfile::TempDir, Options) {
    let folder = tempfile::tempdir().unwrap();
    let mut options = Options::default();
    for (name, value) in values {
        match value.strip_prefix("template:") {
            Some(text) => {
                let path = folder.path().join("template");
                fs::write(&path, text).unwrap();
                options.set(name, path.to_str().unwrap());
            }
            None => options.set(name, *value),
        }
    }
    (folder, options)
}

fn define(values: &[(&str, &str)], text: &str) -> Result<(Both, Examples), String> {
    let (folder, options) = options(values);
    let path = folder.path().join("template").display().to_string();
    both::define(&options, Source::from_text("train", text))
        .map_err(|error| error.to_string().replace(&path, "template"))
}

fn read(task: &Both, text: &str) -> Result<Items, String> {
    task.read(Source::from_text("test", text)).map_err(|error| error.to_string())
}

fn tags(task: &Sequence, tags: &Tags) -> String {
    (0..tags.len()).map(|token| task.name(tags, token)).collect::<Vec<_>>().join(" ")
}

/// The tags of all examples, sentences separated by `|`.
fn all_tags((task, examples): &(Both, Examples)) -> String {
    examples.iter().map(|example| tags(task, &example.y)).collect::<Vec<_>>().join(" | ")
}

/// The names of a token's features, those of pairs of tags last.
fn features(task: &Sequence, x: &Tokens, token: usize) -> Vec<String> {
    let Features::Names(names) = task.features() else { panic!("features have names") };
    let single = x.rows().row(token).features().iter().map(|feature| feature.index);
    let first = if task.orders().1 > 0 { 0 } else { (names.len() - task.pair_features()) as u32 };
    let paired = x.pair_rows().into_iter().flat_map(|rows| rows.row(token).features());
    let numbers = single.chain(paired.map(|feature| first + feature.index));
    numbers.map(|index| names.name(index).to_owned()).collect()
}

/// What is written for a file if every token gets the tag that `tag` finds for it.
fn write(task: &Both, text: &str, tag: impl Fn(usize) -> usize) -> String {
    let mut written = Vec::new();
    let w = vec![0.0; task.dim()];
    for item in read(task, text).unwrap() {
        let y = Tags::from((0..item.x.len()).map(&tag).collect::<Vec<_>>());
        task.write(&w, &item.x, &y, &mut written);
    }
    String::from_utf8(written).unwrap()
}

#[test]
fn words_of_conllu_are_tokens_and_nothing_else_is() {
    let defined = define(&[("template", "pos")], CONLLU).unwrap();
    assert_eq!(all_tags(&defined), "VERB PRON NUM | ADP NOUN SYM");
    let (task, examples) = &defined;
    let first = features(task, &examples[0].x, 0);
    assert_eq!(first[..5], ["U00:Vamos", "U01:vamos", "U02:_B-2", "U03:_B-1", "U04:nos"]);
    assert!(features(task, &examples[0].x, 2).contains(&"U00:1 000".to_owned()));

    // Windows line breaks, a byte order mark, blank lines at the beginning, none at the end.
    for text in [
        CONLLU.replace('\n', "\r\n"),
        format!("\u{feff}{CONLLU}"),
        format!("\n\n{}", CONLLU.trim_end()),
        CONLLU.replace("\n\n", "\n\n\n"),
        CONLLU.replace("# newdoc id = a\n", "# alone\n\n# newdoc id = a\n"),
    ] {
        let again = define(&[("template", "pos")], &text).unwrap();
        assert!(again == defined, "{text}");
        assert!(define(&[("template", "pos"), ("format", "conllu")], &text).unwrap() == defined);
    }
    // The columns of templates of users are those of the file.
    let (task, examples) = define(&[("template", "template:U:%x[0,1]/%x[-1,4]")], CONLLU).unwrap();
    assert_eq!(features(&task, &examples[0].x, 1), ["U:nos/V"]);
    let error = define(&[("template", "pos"), ("format", "columns")], CONLLU).unwrap_err();
    assert!(error.starts_with("train:2: expected 5 columns as in the first line"), "{error}");
    assert_eq!(
        define(&[], CONLLU).unwrap_err(),
        "train: expected --template beside a file of CoNLL-U, found none: pos, ner, chunking, or a file"
    );
}

#[test]
fn the_tag_is_any_column() {
    let conllu = |column: &str| {
        define(&[("template", "pos"), ("tag-column", column)], CONLLU).map(|all| all_tags(&all))
    };
    for (column, expected) in [
        ("UPOS", "VERB PRON NUM | ADP NOUN SYM"),
        ("upos", "VERB PRON NUM | ADP NOUN SYM"),
        ("XPOS", "V P N | A N S"),
        ("5", "V P N | A N S"),
        ("-6", "V P N | A N S"),
        ("Deprel", "root obj obl | case root punct"),
        ("FEATS", "Mood=Imp Case=Acc _ | _ _ _"),
        ("-1", "_ _ x=y | _ SpaceAfter=No _"),
        ("+7", "0 1 1 | 2 0 2"),
    ] {
        assert_eq!(conllu(column).as_deref(), Ok(expected), "{column}");
    }
    let names = "ID FORM LEMMA UPOS XPOS FEATS HEAD DEPREL DEPS MISC";
    let numbers = "a number from 1 to 10, or from -10 to -1";
    for column in ["0", "-0", "11", "-11", "POS", "", "9223372036854775807", "99999999999999999999"]
    {
        let expected = format!("--tag-column expects one of {names}, {numbers}, not `{column}`");
        assert_eq!(conllu(column), Err(expected), "{column}");
    }
    for column in ["ID", "1", "-10"] {
        let expected = format!("--tag-column expects another column than ID, not `{column}`");
        assert_eq!(conllu(column), Err(expected), "{column}");
    }

    let text = "N the DT\nN dog NN\n\nV barks VBZ\n";
    let plain = |column: &str, template: &str| {
        define(&[("template", template), ("tag-column", column)], text).map(|all| all_tags(&all))
    };
    let word = "template:U:%x[0,1]";
    for (column, expected) in [("1", "N N | V"), ("-3", "N N | V"), ("3", "DT NN | VBZ")] {
        assert_eq!(plain(column, word).as_deref(), Ok(expected), "{column}");
    }
    for (column, template, expected) in [
        ("0", word, "--tag-column expects a number from 1 to 3, or from -3 to -1, not `0`"),
        ("4", word, "--tag-column expects a number from 1 to 3, or from -3 to -1, not `4`"),
        ("UPOS", word, "--tag-column expects a number from 1 to 3, or from -3 to -1, not `UPOS`"),
        ("2", word, "template:1: expected another column, since column 1 is the tag, found 1"),
        ("1", "template:\nU:%x[0,1]\nB:%x[0,3]", "template:3: expected a column below 3, found 3"),
        ("1", "pos", "template pos:7: expected another column, since column 0 is the tag, found 0"),
    ] {
        assert_eq!(plain(column, template), Err(expected.to_owned()), "{column}");
    }
    assert_eq!(
        define(&[("tag-column", "2")], "A\tb\nB\tc\td\n").unwrap_err(),
        "--tag-column expects nothing without --template, not `2`"
    );
}

#[test]
fn a_template_never_reads_the_tag() {
    for (template, column, expected) in [
        (
            "chunking",
            "UPOS",
            "template chunking:21: expected another column, since column 3 (UPOS) is the tag, found 3",
        ),
        (
            "template:U:%x[-1,3]",
            "UPOS",
            "template:1: expected another column, since column 3 (UPOS) is the tag, found 3",
        ),
        (
            "template:U:%x[0,1]\nB:%t[0,9,\"a\"]",
            "MISC",
            "template:2: expected a column below 9, since column 9 is the tag, found 9",
        ),
        (
            "pos",
            "FORM",
            "template pos:7: expected another column, since column 1 (FORM) is the tag, found 1",
        ),
        ("template:U:%x[0,10]", "UPOS", "template:1: expected a column below 10, found 10"),
    ] {
        let found = define(&[("template", template), ("tag-column", column)], CONLLU);
        let found = found.unwrap_err();
        let is_same = found == expected
            || template == "chunking" && found.ends_with(expected.split_once(": ").unwrap().1);
        assert!(is_same, "{found}");
    }
}

#[test]
fn conllu_plus_names_its_columns() {
    let values = [("template", "chunking"), ("tag-column", "NE")];
    let defined = define(&values, PLUS).unwrap();
    assert_eq!(all_tags(&defined), "B_PER O | B_PER I_PER");
    let (task, examples) = &defined;
    let names = features(task, &examples[0].x, 1);
    assert!(names.contains(&"U02:saw".to_owned()) && names.contains(&"U12:VERB".to_owned()));
    // A file without names has the columns of training.
    let bare = PLUS.split_once('\n').unwrap().1;
    assert_eq!(read(task, bare).unwrap().len(), 2);
    assert_eq!(write(task, PLUS, |_| 2), PLUS.replace("B_PER", "O").replace("I_PER", "O") + "\n");
    let without = PLUS.replace("UPOS", "XPOS");
    assert!(define(&values, &without).unwrap().1 == *examples, "XPOS takes the place of UPOS");

    let refused = |values: &[(&str, &str)], text: &str| define(values, text).unwrap_err();
    for (text, expected) in [
        (
            PLUS.replace("FORM", "WORD"),
            "template chunking: expected a column FORM, found ID WORD UPOS NE",
        ),
        (
            PLUS.replace("ID FORM UPOS NE", "ID"),
            "train:1: expected two or more different names after global.columns =, found `ID`",
        ),
        (
            PLUS.replace("FORM UPOS", "UPOS UPOS"),
            "train:1: expected two or more different names after global.columns =, found `ID UPOS UPOS NE`",
        ),
        (
            PLUS.replace("UPOS NE", "UPOS X NE"),
            "train:2: expected 5 columns separated by TABs, found 4",
        ),
        (
            PLUS.replace("\n\n", "\n\n# global.columns = ID FORM\n"),
            "train:5: expected the columns ID FORM UPOS NE, found ID FORM",
        ),
    ] {
        assert_eq!(refused(&values, &text), expected);
    }
    let missing = refused(&values, &PLUS.replace("UPOS", "POS"));
    assert!(
        missing.ends_with(": expected a column UPOS or XPOS in the file, found none"),
        "{missing}"
    );
    assert_eq!(
        refused(&[("template", "pos")], &PLUS.replace("UPOS", "POS")),
        "--tag-column expects one of ID FORM POS NE, not `none`"
    );
    let error = read(task, &PLUS.replace("UPOS", "XPOS")).unwrap_err();
    assert_eq!(error, "test:1: expected the columns ID FORM UPOS NE, found ID FORM XPOS NE");

    // No ids: a line with all columns is a word, whatever it begins with.
    let text = "# global.columns = FORM NE\n# a comment\n#\tA\nb\tB\n\n#x\tB\n";
    let defined = define(&[("template", "ner"), ("tag-column", "2")], text).unwrap();
    assert_eq!(all_tags(&defined), "A B | B");
    let expected = "# global.columns = FORM NE\n# a comment\n#\tA\nb\tA\n\n#x\tA\n\n";
    assert_eq!(write(&defined.0, text, |_| 0), expected);
}

#[test]
fn predictions_are_the_whole_file_with_other_tags() {
    let (mut task, examples) = define(&[("template", "pos")], CONLLU).unwrap();
    let at = |name: &str| task.tags().index(name).unwrap();
    let (noun, x) = (at("NOUN"), "\tNOUN\t");
    let expected = CONLLU
        .replace("ir\tVERB", "ir\tNOUN")
        .replace("nosotros\tPRON", "nosotros\tNOUN")
        .replace("\tNUM\t", x)
        .replace("\tADP\t", x)
        .replace("\tSYM\t", x);
    assert_eq!(write(&task, CONLLU, |_| noun), format!("{expected}\n"));
    // What is written is read again, and written as the same.
    assert_eq!(write(&task, &expected, |_| noun), format!("{expected}\n"));
    // Comments before, between and after sentences stay; blank lines become one.
    let text = format!("# a\n\n# b\n{CONLLU}\n\n\n# c\n\n# d\n");
    let expected = format!("# a\n\n# b\n{expected}\n# c\n\n# d\n\n");
    assert_eq!(write(&task, &text, |_| noun), expected);
    assert_eq!(write(&task, &text.replace('\n', "\r\n"), |_| noun), expected);
    assert_eq!(read(&task, CONLLU).unwrap().len(), 2);

    // Words without a tag: all of the sentence has none.
    let untagged = CONLLU.replace("\tNUM\t", "\t_\t");
    let items = read(&task, &untagged).unwrap();
    assert!(items[0].y.is_none() && items[1].y.is_some());
    assert_eq!(write(&task, &untagged, |_| noun), write(&task, CONLLU, |_| noun));

    // Numbers go into MISC, taggings are sentences with a comment more.
    task.prepare(&options(&[("max-marginals", "")]).1).unwrap();
    let lines = write(&task, CONLLU, |_| noun);
    let misc = |id: &str| {
        let line = lines.lines().find(|line| line.starts_with(id)).unwrap();
        line.rsplit_once('\t').unwrap().1.to_owned()
    };
    assert_eq!(misc("1\tVamos"), "MaxMargin=0");
    assert_eq!(misc("3\t1 000"), "x=y|MaxMargin=0");
    assert_eq!(misc("1-2"), "SpaceAfter=No");
    assert_eq!(write(&task, &lines, |_| noun), lines + "");
    task.prepare(&options(&[("n-best", "2")]).1).unwrap();
    let lines = write(&task, CONLLU, |_| noun);
    assert!(lines.starts_with("# 0 0\n# newdoc id = a\n"), "{lines}");
    assert_eq!(read(&task, &lines).unwrap().len(), 4);

    // A model of files without room for numbers.
    let (mut misc, _) = define(&[("template", "pos"), ("tag-column", "MISC")], CONLLU).unwrap();
    let expected = "--max-marginals expects a model of files with a column MISC, which is not the tag, not `MISC`";
    let found = misc.prepare(&options(&[("max-marginals", "")]).1).unwrap_err().to_string();
    assert_eq!(found, expected);

    // Plain columns, tagged or not, whatever column is the tag: a column more.
    drop(examples);
    let values = [("template", "template:U:%x[0,1]/%x[0,2]"), ("tag-column", "1")];
    let (task, examples) = define(&values, "N dog x\nV sees y\n").unwrap();
    assert_eq!(write(&task, "N dog x\n", |_| 1), "N dog x V\n\n");
    let items = read(&task, "dog x\nsees y\n").unwrap();
    assert!(items[0].x.rows() == examples[0].x.rows() && items[0].y.is_none());
    assert_eq!(write(&task, "dog x\n", |_| 1), "dog x V\n\n");
}

#[test]
fn bad_files_of_conllu_are_refused_at_their_line() {
    let id = |found: &str, next: usize| {
        format!(
            "expected the id {next}, or that of a range or an empty node, found `{found}`: ids begin at 1 in each sentence, \
             and a blank line ends it"
        )
    };
    let columns = |found: usize| format!("expected 10 columns separated by TABs, found {found}");
    let unknown = "expected a tag in the column UPOS, found `_`, which is none".to_owned();
    let table = [
        (CONLLU.replace("\n\n", "\n"), 10, id("1", 4)),
        (CONLLU.replace("2\tnos", "4\tnos"), 6, id("4", 2)),
        (CONLLU.replace("2\tnos", "1\tnos"), 6, id("1", 2)),
        (CONLLU.replace("2\tnos", "x\tnos"), 6, id("x", 2)),
        (CONLLU.replace("2\tnos", "\tnos"), 6, id("", 2)),
        (CONLLU.replace("1-2\t", "1-\t"), 4, id("1-", 1)),
        (CONLLU.replace("1.1\t", "1.1.1\t"), 12, id("1.1.1", 2)),
        (CONLLU.replace("\tx=y", ""), 8, columns(9)),
        (CONLLU.replace("\tx=y", "\tx=y\t"), 8, columns(11)),
        (CONLLU.replace("3\t1 000\t", "3 1 000 "), 8, columns(8)),
        (CONLLU.replace("\tSpaceAfter=No\n1\t", "\n1\t"), 4, columns(9)),
        (CONLLU.replace("\tNUM\t", "\t_\t"), 8, unknown),
        (
            CONLLU.replace("\tNUM\t", "\t\t"),
            8,
            "expected a tag in the column UPOS, found nothing".to_owned(),
        ),
        (CONLLU.replace("# inside", "inside"), 7, columns(1)),
    ];
    for (text, line, message) in table {
        let expected = format!("train:{line}: {message}");
        assert_eq!(define(&[("template", "pos")], &text).unwrap_err(), expected, "{text}");
    }
    let (task, _) = define(&[("template", "pos")], CONLLU).unwrap();
    assert_eq!(
        read(&task, "the D\n").unwrap_err(),
        "test:1: expected 10 columns separated by TABs, found 1"
    );
    let none = define(&[("template", "pos"), ("format", "conllu")], "# only\n\n# comments\n");
    assert!(none.is_err());
    let untagged = CONLLU.replace("\t", " ");
    assert!(define(&[("template", "pos"), ("format", "conllu")], &untagged).is_err());
}

/// The score of a tagging is that of `--e 1` if the weights of pairs are those of the features with
/// the same names.
#[test]
fn lines_of_pairs_are_features_of_pairs_alone() {
    let text = "a x A\nb y B\na y B\n\nc x A\na x B\n\na z C\n";
    let both = "template:U0:%x[0,0]\nU1:%x[-1,1]\nB0:%x[0,0]\nB1:%x[-1,1]\nB\n";
    let (every, its) =
        define(&[("template", "template:U0:%x[0,0]\nU1:%x[-1,1]\nB\n"), ("e", "1")], text).unwrap();
    let (task, examples) = define(&[("template", both)], text).unwrap();
    assert_eq!((task.orders(), every.orders()), ((1, 0), (1, 1)));
    // No pair ends at a first token, so what only first tokens have makes no feature.
    assert_eq!((task.features().len(), task.pair_features()), (6 + 4, 4));
    assert_eq!(task.sizes()[1..3], [("features", 10), ("pair_features", 4)]);
    assert_eq!(features(&task, &examples[0].x, 0), ["U0:a", "U1:_B-1"]);
    assert_eq!(features(&task, &examples[0].x, 1), ["U0:b", "U1:x", "B0:b", "B1:x"]);

    let names = |task: &Both| -> Vec<String> {
        (0..task.dim()).map(|index| task.weight_name(index)).collect()
    };
    let known = names(&every);
    let same: Vec<usize> = names(&task)
        .iter()
        .map(|name| name.replace("feature B", "feature U"))
        .map(|name| known.iter().position(|other| *other == name).unwrap())
        .collect();
    for seed in 0..9 {
        let w = random_weights(every.dim(), 1.0, seed);
        let ours: Vec<f64> = same.iter().map(|&index| w[index]).collect();
        for (a, b) in its.iter().zip(&examples) {
            for y in sequences(3, a.x.len()).map(Tags::from) {
                let (a, b) = (every.score(&w, &a.x, &y), task.score(&ours, &b.x, &y));
                assert!((a - b).abs() < 1e-12, "{a} {b}");
            }
        }
    }
    // The same optimum, for both objectives.
    for objective in ["hinge", "log"] {
        let optimum = |values: &[(&str, &str)]| {
            let values = [values, &[("objective", objective)]].concat();
            let (task, examples) = define(&values, text).unwrap();
            let settings = Settings::new().relative_gap(1e-6);
            let run = solve(&task.task, &examples, &settings);
            let certificate = run.unwrap().certificate;
            (certificate.dual, certificate.primal)
        };
        let all = optimum(&[("template", "template:U0:%x[0,0]\nU1:%x[-1,1]\nB\n"), ("e", "1")]);
        let some = optimum(&[("template", both)]);
        assert!(some.0 <= all.1 && all.0 <= some.1, "{objective}: {some:?} {all:?}");
    }
    // Pairs alone: no transitions, and with --e 1 the features of single tags too.
    let alone = "template:U0:%x[0,0]\nB0:%x[0,1]\n";
    let (task, _) = define(&[("template", alone)], text).unwrap();
    assert_eq!((task.orders(), task.dim()), ((0, 0), 3 * 3 + 2 * 9));
    let (task, examples) = define(&[("template", alone), ("t", "1"), ("e", "1")], text).unwrap();
    assert_eq!(task.dim(), 3 * 3 + 5 * 9 + 9);
    assert_eq!(features(&task, &examples[0].x, 1), ["U0:b", "U0:b", "B0:y"]);
    let (task, _) = define(&[("template", "template:B0:%x[0,1]")], text).unwrap();
    assert_eq!((task.features().len(), task.pair_features()), (2, 2));
    let (task, _) = define(&[("template", both), ("min-count", "3")], text).unwrap();
    let names = names(&task).join("\n");
    assert!(names.contains("tag A, feature U0:a") && !names.contains("B0:a"), "{names}");
}

/// `--stream` defines the task and the examples that a whole reading does.
#[test]
fn pieces_of_a_file_make_the_same_task() {
    let pairs = "template:U0:%x[0,1]\nB0:%x[0,1]\nU1:%x[0,0]\nB1:%x[-1,0]\n";
    let plain = "a x A\nb y B\n\nc x A\na x B\n\na z C\nb x A\nb x B\n".repeat(3);
    let conllu = format!("# a\n\n{CONLLU}\n").repeat(5);
    let mine = "template:U0:%x[0,1]\nB0:%x[0,1]\n";
    let cases: [(&str, Vec<(&str, &str)>); 6] = [
        (&plain, vec![("template", pairs)]),
        (&plain, vec![("template", pairs), ("min-count", "4"), ("scale", "standard")]),
        (&plain, vec![("template", pairs), ("t", "1"), ("e", "1"), ("scale", "global")]),
        (&conllu, vec![("template", "pos")]),
        (&conllu, vec![("template", mine), ("tag-column", "XPOS"), ("scale", "standard")]),
        (PLUS, vec![("template", "ner"), ("tag-column", "4"), ("constrain", "bio")]),
    ];
    for (text, values) in &cases {
        let (folder, options) = options(values);
        let path = folder.path().join("examples");
        fs::write(&path, text).unwrap();
        let (task, examples) =
            both::define(&options, Source::open_quietly(&path).unwrap()).unwrap();
        for size in [1, 50, 1 << 20] {
            let mut pieces = Pieces::with_size(&path, size).unwrap();
            assert!(both::survey(&options, &mut pieces).unwrap() == task, "{values:?} {size}");
            pieces.begin_again().unwrap();
            let mut read = Vec::new();
            while let Some(piece) = pieces.next_piece().unwrap() {
                read.extend(task.read(piece).unwrap());
            }
            let rows = |x: &Tokens| (x.rows().clone(), x.pair_rows().cloned());
            assert!(
                read.iter()
                    .map(|item| (rows(&item.x), item.y.clone().unwrap()))
                    .eq(examples.iter().map(|example| (rows(&example.x), example.y.clone()))),
                "{values:?} {size}"
            );
        }
    }
}

#[test]
fn schemes_go_by_the_notation_of_the_tags() {
    let column = |tags: &str| -> String {
        tags.split(' ')
            .map(|tag| if tag.is_empty() { "\n".to_owned() } else { format!("w {tag}\n") })
            .collect()
    };
    let constrained = |scheme: &str, tags: &str| {
        define(&[("template", "pos"), ("constrain", scheme)], &column(tags)).map(|(task, _)| task)
    };
    for (scheme, tags) in [
        ("bio", "B_X I_X O B_Y"),
        ("bio", "X-B X-I O Y-B"),
        ("bioes", "NN_B NN_M NN_E VB_S"),
        ("bmes", "B M E S S B E"),
        ("bilou", "B-X I-X L-X U-Y O"),
        ("bmewo", "B-X M-X E-X W-Y O"),
    ] {
        assert!(constrained(scheme, tags).is_ok(), "{scheme} {tags}");
    }
    for (scheme, tags, expected) in [
        ("bio", "B_X I_X  O I_X", "train:5: --constrain bio allows no tag I_X after O"),
        ("bio", "X-B Y-I O X-I", "train:2: --constrain bio allows no tag Y-I after X-B"),
        ("bmes", "B E M S", "train:3: --constrain bioes allows no tag M after E"),
        ("bio", "B M E S", "train:3: --constrain bio allows no tag E after M"),
        (
            "bio",
            "NN VB",
            "train: expected tags that mark chunks, as B-NP, beside --constrain, found NN",
        ),
    ] {
        let found = constrained(scheme, tags).unwrap_err();
        assert!(found.starts_with(expected), "{found}");
    }
    // Predictions keep to the scheme too.
    let task = constrained("bmes", "B M E S S B E").unwrap();
    let mut scratch = Default::default();
    let x = Tokens::from_features(&vec![vec![]; 4]).unwrap();
    for seed in 0..50 {
        let y = task.predict(&random_weights(task.dim(), 1.0, seed), &x, &mut scratch);
        let found = format!(" {} ", tags(&task, &y));
        for bad in [
            " B B ", " B S ", " M S ", " M B ", " E E ", " E M ", " S M ", " S E ", "^ M", "^ E",
            "B $", "M $",
        ] {
            assert!(!format!("^{found}$").contains(bad), "{found}");
        }
    }
}

proptest! {
    /// Whatever pieces of lines a file is made of: it is refused, or all its words are learned and
    /// written back beside everything else.
    #[test]
    fn no_line_is_lost(
        pieces in prop::collection::vec(prop::sample::select(vec![
            "1\ta\tA\n", "2\tb c\tB\n", "3\t#\tA\n", "1-2\tab\t_\n", "0.1\t_\t_\n", "1.1\tx\t_\n", "\n", "\n", "# c\n", "#\n",
            "2\t\u{a0}\tA\r\n", "1\ta\t_\n",
        ]), 0..30),
    ) {
        let text = format!("# global.columns = ID FORM T\n{}", pieces.concat());
        let values = [("template", "ner"), ("tag-column", "T")];
        if let Ok((task, examples)) = define(&values, &text) {
            let written = write(&task, &text, |_| 0);
            let kept = |text: &str| -> Vec<String> {
                let line = |line: &str| line.trim_end_matches(['A', 'B', '_', '\r']).to_owned();
                text.lines().filter(|line| !line.trim().is_empty()).map(line).collect()
            };
            prop_assert_eq!(kept(&written), kept(&text));
            prop_assert_eq!(read(&task, &written).unwrap().len(), examples.len());
            prop_assert_eq!(write(&task, &written, |_| 0), written);
        }
    }
}
