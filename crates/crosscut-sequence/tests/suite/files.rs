//! What is read, written and refused.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, and so do its helpers")]

use std::fs;

use crate::both::{self, Both, Examples, Items};
use crosscut::{Example, Feature, Model, Rescaling, Settings, SparseRows, Task, solve, testing};
use crosscut_app::{Format, Item, Options, Outcome, Source};
use crosscut_sequence::{Features, Loss, Scheme, Sequence, SequenceFiles, Tags, Tokens};
use proptest::prelude::*;

const HMM: &str =
    "# two sequences\nN qid:7 1:1 3:0.5 # a\n\nV qid:7 2:1\nN qid:-2 cost:2.5 1:1 # b\n";
const CRF: &str = "N\tw=a\tlong:0.5\nV\tw=b\n\nN\tw=a\n";
const COLUMNS: &str = "the DT B-NP\ndog NN I-NP\nbarks VBZ B-VP\n\ncats NNS B-NP\npurr VBP B-VP\n";
const WORD: &str = "U0:%x[0,0]\nB\n";

/// `-l NUMBER` where the name is `l`.
fn options(values: &[(&str, &str)]) -> Options {
    let mut options = Options::default();
    for (name, value) in values {
        match *name {
            "l" => options.loss = Some(value.parse().unwrap()),
            name => options.set(name, *value),
        }
    }
    options
}

fn define(values: &[(&str, &str)], text: &str) -> Result<(Both, Examples), String> {
    both::define(&options(values), Source::from_text("train", text))
        .map_err(|error| error.to_string())
}

fn read(task: &Both, text: &str) -> Result<Items, String> {
    task.read(Source::from_text("test", text)).map_err(|error| error.to_string())
}

/// A file in a folder that lives as long as the first value.
fn file(text: &str) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file.txt");
    fs::write(&path, text).unwrap();
    let path = path.to_str().unwrap().to_owned();
    (folder, path)
}

/// A task and examples of columns, with a template of its own.
fn columns(template: &str, text: &str) -> Result<(Both, Examples), String> {
    let (_folder, path) = file(template);
    define(&[("template", &path)], text).map_err(|error| error.replace(&path, "template"))
}

fn tags(task: &Sequence, tags: &Tags) -> String {
    (0..tags.len()).map(|token| task.name(tags, token)).collect::<Vec<_>>().join(" ")
}

/// `name` or `name:value` for each feature, tokens separated by `|`.
fn features(task: &Sequence, x: &Tokens) -> String {
    let name = |feature: &Feature| {
        let name = match task.features() {
            Features::Ids(ids) => ids.id(feature.index as usize).to_string(),
            Features::Names(names) => names.name(feature.index).to_owned(),
        };
        if feature.value == 1.0 { name } else { format!("{name}:{}", feature.value) }
    };
    let token =
        |row: crosscut::Row<'_>| row.features().iter().map(name).collect::<Vec<_>>().join(" ");
    x.rows().iter().map(token).collect::<Vec<_>>().join(" | ")
}

/// `features => tags` for each example, with its weight if that is not 1.
fn shown(task: &Sequence, examples: &Examples) -> Vec<String> {
    let show = |example: &Example<Tokens, Tags>| {
        task.validate(&example.x, &example.y).unwrap();
        let weight =
            if example.weight == 1.0 { String::new() } else { format!(" * {}", example.weight) };
        format!("{} => {}{weight}", features(task, &example.x), tags(task, &example.y))
    };
    examples.iter().map(show).collect()
}

/// `features => tags` for each item, `-` where it has no tags.
fn items(task: &Both, text: &str) -> Vec<String> {
    let show = |item: &Item<Tokens, Tags>| {
        let tags = item.y.as_ref().map_or("-".to_owned(), |y| tags(task, y));
        format!("{} => {tags}", features(task, &item.x))
    };
    read(task, text).unwrap().iter().map(show).collect()
}

#[test]
fn tokens_of_svm_hmm_are_read() {
    let (task, examples) = define(&[], HMM).unwrap();
    assert_eq!(shown(&task, &examples), ["1 3:0.5 | 2 => N V", "1 => N * 2.5"]);
    assert_eq!(task.tags().iter().collect::<Vec<_>>(), ["N", "V"]);
    assert_eq!(task.sizes(), [("tags", 2), ("features", 3), ("transitions", 4)]);
    assert_eq!(examples[0].x.text(), None);
    let (windows, examples) = define(&[("format", "hmm")], &HMM.replace('\n', "\r\n")).unwrap();
    assert_eq!((windows, shown(&task, &examples).len()), (task, 2));

    let (task, examples) =
        define(&[], "10 qid:1\n9 qid:1 4000000000:2 # no features above\n").unwrap();
    assert_eq!(shown(&task, &examples), [" | 4000000000:2 => 10 9"]);
    assert_eq!(task.tags().iter().collect::<Vec<_>>(), ["9", "10"]);
}

#[test]
fn attributes_of_crfsuite_are_read() {
    let (task, examples) = define(&[], CRF).unwrap();
    assert_eq!(shown(&task, &examples), ["w=a long:0.5 | w=b => N V", "w=a => N"]);
    assert_eq!(task.sizes(), [("tags", 2), ("features", 3), ("transitions", 4)]);
    assert_eq!(define(&[("format", "crfsuite")], &CRF.replace('\n', "\r\n")).unwrap().0, task);

    let table: [(&str, &[&str]); 9] = [
        ("A\ta\\:b\tc\\\\d:2\te\\f\\\nB", &["a:b c\\d:2 e\\f\\ |  => A B"]),
        ("A\ta\\\\:3\nB\ta\\\\\\::3", &["a\\:3 | a\\::3 => A B"]),
        // The names of tags have the same escapes, but no weights.
        ("\\:\ta\n:\ta\n\\\\\ta\nB:2\ta", &["a | a | a | a => : : \\ B:2"]),
        // Attributes given more than once, nothing between two TABs, weights of zero.
        ("A\tb\ta\tb:0.5\t\tc:0\t\nB\td:1\td:-1\t-0.25:-.25e1", &["b:1.5 a | -0.25:-2.5 => A B"]),
        ("\n\n  \nA\ta\n   \n\nB\tb\n\n", &["a => A", "b => B"]),
        (
            "@weight:2.5\nA\ta\nB\ta\n\nA\ta\n\n@weight:0\t\nB\tb",
            &["a | a => A B * 2.5", "a => A", "b => B * 0"],
        ),
        ("? x\ta b\n#\tc#d", &["a b | c#d => ? x #"]),
        ("?\ta\nA\ta", &["a | a => ? A"]),
        ("A\ta", &[]),
    ];
    for (text, expected) in table {
        match define(&[("format", "crfsuite")], text) {
            Ok((task, examples)) => assert_eq!(shown(&task, &examples), expected, "{text:?}"),
            Err(error) => {
                assert_eq!(
                    (error.as_str(), expected.len()),
                    ("train: between 2 and 65535 tags are needed, not 1", 0)
                )
            }
        }
    }
}

#[test]
fn columns_are_read() {
    let template = "# words, then parts of speech\nU0:%x[0,0]\nU1:%x[-1,1]/%x[0,1]\nB\n";
    let (task, examples) = columns(template, COLUMNS).unwrap();
    let expected = [
        "U0:the U1:_B-1/DT | U0:dog U1:DT/NN | U0:barks U1:NN/VBZ => B-NP I-NP B-VP",
        "U0:cats U1:_B-1/NNS | U0:purr U1:NNS/VBP => B-NP B-VP",
    ];
    assert_eq!(shown(&task, &examples), expected);
    assert_eq!(task.orders(), (1, 0));
    for text in [
        COLUMNS.replace('\n', "\r\n"),
        COLUMNS.replace(' ', "\t"),
        COLUMNS.replace(' ', "   ").replace("\n\n", "\n \t\n\n"),
        format!("\n\n{}", COLUMNS.trim_end()),
    ] {
        let (again, examples) = columns(template, &text).unwrap();
        assert_eq!(
            (shown(&again, &examples), again),
            (expected.map(str::to_owned).to_vec(), task.clone()),
            "{text:?}"
        );
    }
    // Nothing is a comment, cells between TABs may be empty or hold spaces, a feature may come
    // twice.
    let (task, examples) =
        columns("U%x[0,0]\nU%x[-1,0]\nU%x[0,1]\n", "#\t\tA\n#\ta b\t#\n").unwrap();
    assert_eq!(shown(&task, &examples), ["U# U_B-1 U | U#:2 Ua b => A #"]);
    assert_eq!(task.orders(), (0, 0));
}

#[test]
fn templates_have_names() {
    let (task, examples) = define(&[("template", "chunking")], COLUMNS).unwrap();
    let first = features(&task, &examples[0].x);
    let first = first.split(" | ").next().unwrap();
    assert_eq!(
        first,
        "U00:_B-2 U01:_B-1 U02:the U03:dog U04:barks U05:_B-1/the U06:the/dog U10:_B-2 U11:_B-1 U12:DT U13:NN U14:VBZ \
         U15:_B-2/_B-1 U16:_B-1/DT U17:DT/NN U18:NN/VBZ U20:_B-2/_B-1/DT U21:_B-1/DT/NN U22:DT/NN/VBZ"
    );
    for name in ["pos", "ner"] {
        let (task, examples) =
            define(&[("template", name), ("format", "columns")], "A\tX\nb\tY\n").unwrap();
        assert!(features(&task, &examples[0].x).starts_with("U00:A U01:a "), "{name}");
        assert_eq!(task.orders(), (1, 0));
    }
    let error = define(&[("template", "chunking")], "A X\nb Y\n").unwrap_err();
    assert!(error.starts_with("template chunking:"), "{error}");
    assert!(
        error.ends_with("expected a column below 1, since column 1 is the tag, found 1"),
        "{error}"
    );
}

#[test]
fn the_kind_of_a_file_is_seen_in_its_first_line() {
    let refused = "expected `TAG qid:N id:value …` (hmm) or `TAG<TAB>attribute…` (crfsuite), found neither: name the kind \
                   of file with --format, or give the --template of a file of columns";
    let ids =
        |text: &str| define(&[], text).map(|(task, _)| matches!(task.features(), Features::Ids(_)));
    let table = [
        ("A qid:1 1:1\nB qid:1\n", Ok(true)),
        ("\n# a comment\n\n A cost:1 qid:1 1:1\nB qid:1", Ok(true)),
        ("A\tqid:1\t1:1\nB\tqid:1", Ok(true)),
        ("qid:1 1:1\nB qid:1", Err("train:1: expected a tag to learn from, found none".to_owned())),
        ("A\tw=qid:1\nB\ta\tb", Ok(false)),
        ("A\ta\nB\ta\tb", Ok(false)),
        ("#\ta\n\nB\ta\tb\n", Ok(false)),
        ("@weight:2\nA\ta\nB\tb", Ok(false)),
        ("the DT A\n", Err(format!("train:1: {refused}"))),
        ("\n\nA\nB\n", Err(format!("train:3: {refused}"))),
        ("@paul\tO\n", Err(format!("train:1: {refused}"))),
        (
            "the\tA\ndog\tB\nbarks\tB\n",
            Err("train: expected more attributes than tags, found 2 and 3: if this is a file of columns, give --template; \
                 else --format crfsuite"
                .to_owned()),
        ),
        ("", Err("train: expected at least one example, found an empty file".to_owned())),
        ("\n# a\n", Err("train: expected at least one example, found only blank lines and comments".to_owned())),
    ];
    for (text, expected) in table {
        assert_eq!(ids(text), expected, "{text:?}");
    }
    assert!(define(&[("format", "crfsuite")], "the\tA\ndog\tB\nbarks\tB\n").is_ok());
}

#[test]
fn bad_training_files_are_refused() {
    let table = [
        (
            "hmm",
            "A qid:1 1:1\nB 1:1\n",
            "train:2: expected qid:N, the name of the sequence, at every token, found none",
        ),
        (
            "hmm",
            "A qid:1\nB qid:2\nA qid:1\n",
            "train:3: expected the tokens of qid:1 one after the other, but it returns",
        ),
        ("hmm", "A qid:1\n? qid:1 1:1\n", "train:2: expected a tag to learn from, found none"),
        (
            "hmm",
            "A qid:1 cost:2\nB qid:1\n",
            "train:2: expected cost:2 at all tokens of qid:1, found 1",
        ),
        ("hmm", "A qid:1 1:x\n", "train:1: expected a number after the colon, found `1:x`"),
        ("hmm", "A qid:1 1:1\nA qid:1 1:1\n", "train: between 2 and 65535 tags are needed, not 1"),
        ("hmm", "", "train: expected at least one example, found an empty file"),
        ("crfsuite", "", "train: expected at least one example, found an empty file"),
        (
            "crfsuite",
            "\n \n",
            "train: expected at least one example, found only blank lines and comments",
        ),
        ("crfsuite", "A\ta\n\ta\n", "train:2: expected a tag to learn from, found none"),
        ("crfsuite", "A\ta\n\t\nB\ta", "train:2: expected a tag to learn from, found none"),
        (
            "crfsuite",
            "A\ta:x\n",
            "train:1: expected a number, finite in single precision, after the colon, found `a:x` (in names a colon is \
             written `\\:`)",
        ),
        (
            "crfsuite",
            "A\ta:1e39\n",
            "train:1: expected a number, finite in single precision, after the colon, found `a:1e39` (in names a colon is \
             written `\\:`)",
        ),
        (
            "crfsuite",
            "A\ta:1:2\n",
            "train:1: expected a number, finite in single precision, after the colon, found `a:1:2` (in names a colon is \
             written `\\:`)",
        ),
        (
            "crfsuite",
            "A\t:1\n",
            "train:1: expected the name of an attribute before its weight, found `:1`",
        ),
        (
            "crfsuite",
            "A\ta:3e38\ta:3e38\n",
            "train:1: expected weights of an attribute that add up to a number finite in single precision at token 1",
        ),
        (
            "crfsuite",
            "@type:2\nA\ta\n",
            "train:1: expected a tag or @weight: with a finite number of at least 0 alone on its line, found `@type:2`",
        ),
        (
            "crfsuite",
            "@weight:-1\n",
            "train:1: expected a tag or @weight: with a finite number of at least 0 alone on its line, found `@weight:-1`",
        ),
        (
            "crfsuite",
            "@weight:1\ta\n",
            "train:1: expected a tag or @weight: with a finite number of at least 0 alone on its line, found `@weight:1\ta`",
        ),
        (
            "crfsuite",
            "A\ta\n@weight:1\n",
            "train:2: expected @weight once and before the tokens of its sequence",
        ),
        (
            "crfsuite",
            "@weight:1\n@weight:1\nA\ta",
            "train:2: expected @weight once and before the tokens of its sequence",
        ),
        (
            "crfsuite",
            "@weight:1\n\nA\ta\n",
            "train:1: expected the tokens of a sequence after @weight, found none",
        ),
        (
            "crfsuite",
            "A\ta\n\n@weight:1\n",
            "train:3: expected the tokens of a sequence after @weight, found none",
        ),
    ];
    for (format, text, message) in table {
        assert_eq!(define(&[("format", format)], text).unwrap_err(), message, "{text:?}");
    }
    let table = [
        (WORD, "a A\nb\n", "train:2: expected 2 columns as in the first line, found 1"),
        (WORD, "a A\n\nb c B\n", "train:3: expected 2 columns as in the first line, found 3"),
        (WORD, "a\n", "train:1: expected at least 2 columns, the last one being the tag, found 1"),
        (WORD, "a\tA\nb\t\n", "train:2: expected a tag in the last column, found nothing"),
        (WORD, "\n\n", "train: expected at least one example, found only blank lines and comments"),
        (
            "\nU0:%x[0,1]",
            "a A\n",
            "template:2: expected a column below 1, since column 1 is the tag, found 1",
        ),
        (
            "U0:%x[0,0]\nU1:%z\n",
            "",
            "template:2: expected a macro %x, %m or %t, or one of these in capitals, found `%z`",
        ),
    ];
    for (template, text, message) in table {
        assert_eq!(columns(template, text).unwrap_err(), message, "{text:?}");
    }
}

#[test]
fn tags_that_a_scheme_forbids_are_refused_where_they_stand() {
    let crf = |tags: &str| {
        tags.split(' ')
            .map(|tag| format!("{tag}{}\n", if tag.is_empty() { "" } else { "\tf" }))
            .collect()
    };
    let table: [(&str, &str, Option<&str>); 7] = [
        ("bio", "O B-X I-X B-Y  B-X O", None),
        ("bioes", "O B-X I-X E-X S-Y O", None),
        (
            "bio",
            "O B-X  I-X O",
            Some("train:4: --constrain bio allows no tag I-X at the beginning of a sequence"),
        ),
        ("bio", "O B-Y B-X I-Y", Some("train:4: --constrain bio allows no tag I-Y after B-X")),
        ("bio", "O S-Y", Some("train:2: --constrain bio allows no tag S-Y after O")),
        (
            "bioes",
            "O B-Y  O",
            Some("train:2: --constrain bioes allows no tag B-Y at the end of a sequence"),
        ),
        ("bioes", "B-Y B-X", Some("train:2: --constrain bioes allows no tag B-X after B-Y")),
    ];
    for (scheme, tags, message) in table {
        let text: String = crf(tags);
        let message =
            message.map(|message| format!("{message}: mend the tags, or leave the option out"));
        let result = define(&[("constrain", scheme), ("format", "crfsuite")], &text);
        if let Ok((task, _)) = &result {
            assert_eq!(
                task.scheme(),
                Some(if scheme == "bio" { Scheme::Bio } else { Scheme::Bioes })
            );
        }
        assert_eq!(result.err(), message, "{scheme} {tags}");
    }
    // Lines that are passed over count.
    let error = define(&[("constrain", "bio")], "O qid:1\n\n# x\nI qid:1\n").unwrap_err();
    assert!(error.starts_with("train:4: "), "{error}");
}

#[test]
fn options_define_the_task() {
    let (task, _) = define(&[("t", "2"), ("e", "1"), ("b", "3")], HMM).unwrap();
    assert_eq!((task.orders(), task.dim()), ((2, 1), 3 * 2 + 3 * 4 + 4 + 8));
    let (task, _) = define(&[], HMM).unwrap();
    assert_eq!((task.orders(), task.loss_function(), task.scheme()), ((1, 0), &Loss::Count, None));
    assert_eq!(task.rescaling(), Rescaling::Margin);
    let mut slack = options(&[]);
    slack.rescaling = Rescaling::Slack;
    assert_eq!(
        both::define(&slack, Source::from_text("f", HMM)).unwrap().0.rescaling(),
        Rescaling::Slack
    );

    for (number, loss) in [("0", Loss::ZeroOne), ("1", Loss::Count), ("2", Loss::Fraction)] {
        assert_eq!(define(&[("l", number)], HMM).unwrap().0.loss_function(), &loss);
    }
    let (_folder, path) = file("N V 3\n");
    for number in [None, Some("1"), Some("2")] {
        let mut values = vec![("cost", path.as_str())];
        values.extend(number.map(|number| ("l", number)));
        let (task, _) = define(&values, HMM).unwrap();
        let (Loss::Costs(costs) | Loss::MeanCosts(costs)) = task.loss_function() else {
            panic!("no costs")
        };
        assert_eq!(matches!(task.loss_function(), Loss::MeanCosts(_)), number == Some("2"));
        assert_eq!((costs.row(0), costs.row(1)), (&[0.0, 3.0][..], &[1.0, 0.0][..]));
    }

    // Transitions where the template has a B, unless --t says otherwise.
    for (template, t, expected) in
        [("U", None, 0), ("U\nB", None, 1), ("U", Some("2"), 2), ("U\nB", Some("0"), 0)]
    {
        let (_folder, path) = file(template);
        let mut values = vec![("template", path.as_str())];
        values.extend(t.map(|t| ("t", t)));
        assert_eq!(define(&values, COLUMNS).unwrap().0.orders(), (expected, 0));
    }
}

#[test]
fn bad_options_are_refused() {
    let (_folder, costs) = file("N X 3\n");
    let table: [(&[(&str, &str)], &str); 17] = [
        (&[("t", "4")], "--t expects 0, 1, 2 or 3, not `4`"),
        (&[("t", "x")], "--t expects a whole number, not `x`"),
        (
            &[("e", "2")],
            "--e expects 0, or 1 where the order of transitions (--t) is at least 1, not `2`",
        ),
        (
            &[("t", "0"), ("e", "1")],
            "--e expects 0, or 1 where the order of transitions (--t) is at least 1, not `1`",
        ),
        (&[("b", "-1")], "--b expects a whole number, not `-1`"),
        (&[("min-count", "0")], "--min-count expects a whole number of at least 1, not `0`"),
        (
            &[("constrain", "iob")],
            "--constrain expects bio, bioes, bilou, bmes or bmewo, not `iob`",
        ),
        (
            &[("format", "conll")],
            "--format expects auto, hmm, crfsuite, columns or conllu, not `conll`",
        ),
        (
            &[("format", "conll"), ("template", "ner")],
            "--format expects auto, hmm, crfsuite, columns or conllu, not `conll`",
        ),
        (
            &[("format", "hmm"), ("template", "ner")],
            "--format expects columns or conllu where --template is given, not `hmm`",
        ),
        (
            &[("format", "columns")],
            "--format expects --template with a file, or one of chunking, pos, ner, beside columns, not `columns`",
        ),
        (
            &[("template", "/no/such/file")],
            "/no/such/file: cannot be read: No such file or directory (os error 2)",
        ),
        (
            &[("cost", "/no/such/file")],
            "/no/such/file: cannot be read: No such file or directory (os error 2)",
        ),
        (&[("cost", &costs), ("l", "0")], "-l expects 1 or 2 where --cost is given, not `0`"),
        (&[("cost", &costs)], "FILE:1: expected a label of the training examples, found `X`"),
        (&[("l", "3")], "-l expects 0, 1 or 2 for the task sequence, not `3`"),
        (&[("t", "3")], ""),
    ];
    for (values, message) in table {
        let error = define(values, HMM).err().unwrap_or_default();
        assert_eq!(error.replace(&costs, "FILE"), message, "{values:?}");
    }

    let (mut task, _) = define(&[], HMM).unwrap();
    let mut prepare = |values| task.prepare(&options(values)).map_err(|error| error.to_string());
    assert_eq!(
        prepare(&[("n-best", "0")]).unwrap_err(),
        "--n-best expects a whole number of at least 1, not `0`"
    );
    assert_eq!(prepare(&[("b", "x")]).unwrap_err(), "--b expects a whole number, not `x`");
    let both = prepare(&[("n-best", "2"), ("max-marginals", "")]);
    assert_eq!(
        both.unwrap_err(),
        "--n-best expects nothing where --max-marginals is given, not `2`"
    );
}

#[test]
fn rare_features_are_dropped() {
    let text = "A\ta\tb\ta\nB\tc\tb\n\nA\tc\td\tb\n";
    let (task, examples) = define(&[("min-count", "2")], text).unwrap();
    assert_eq!(shown(&task, &examples), ["b | b c => A B", "b c => A"]);
    assert_eq!(items(&task, "A\ta\tc:2\td\n"), ["c:2 => A"]);
    assert_eq!(define(&[("min-count", "3")], text).unwrap().0.sizes()[1], ("features", 1));

    let text = "A qid:1 1:1 2:1\nB qid:1 3:2 2:1\n".replace("3:2 2:1", "2:1 3:2")
        + "A qid:2 2:1 3:1 9:1\n";
    let (task, examples) = define(&[("min-count", "2")], &text).unwrap();
    assert_eq!(shown(&task, &examples), ["2 | 2 3:2 => A B", "2 3 => A"]);
    assert_eq!(task.sizes()[1], ("features", 2));
    assert_eq!(items(&task, "A qid:1 1:1 3:1 9:1 10:1\n"), ["3 => A"]);
    let none = define(&[("min-count", "9")], &text).unwrap_err();
    assert!(none.contains("expected features in at least one line"), "{none}");
}

#[test]
fn a_model_reads_what_it_has_not_seen() {
    let (task, _) = define(&[], HMM).unwrap();
    let text = "V qid:1 3:1 4:7\nX qid:1 9:1\n? qid:2 2:1\nqid:2\n";
    assert_eq!(items(&task, text), ["3 |  => V X", "2 |  => -"]);
    assert_eq!(read(&task, "N qid:1 cost:3\n").unwrap()[0].weight, 3.0);

    let (task, _) = define(&[], CRF).unwrap();
    let text = "V\tw=a\tw=x\r\nX\r\n\r\n?\tw=b\r\n\tlong\r\n\t\r\n\r\n@weight:4\r\nN\r\n";
    assert_eq!(items(&task, text), ["w=a |  => V X", "w=b | long |  => -", " => N"]);
    assert_eq!(read(&task, text).unwrap()[2].weight, 4.0);
    let (task, _) = define(&[], "?\ta\tb\nA\tc\n").unwrap();
    assert_eq!(items(&task, "?\ta\nA\n"), ["a |  => ? A"]);

    let (task, _) = columns(WORD, COLUMNS).unwrap();
    let text = "the dog DT X\n";
    assert_eq!(
        read(&task, text).unwrap_err(),
        "test:1: expected 3 columns as in training, or 2 without the tag, found 4"
    );
    assert_eq!(
        items(&task, "the DT B-XX\nfish NN B-NP\n\n\ncats NNS O\n"),
        ["U0:the |  => B-XX B-NP", "U0:cats => O"]
    );
    assert_eq!(items(&task, "the\tDT\r\nfish\tNN\r\n"), ["U0:the |  => -"]);
    assert_eq!(read(&task, "the DT\n\nfish NN\n").unwrap()[0].x.text(), Some("the DT"));
}

#[test]
fn bad_files_to_classify_are_refused() {
    let hmm = || define(&[], HMM).unwrap().0;
    let crf = || define(&[], CRF).unwrap().0;
    let column = || columns(WORD, COLUMNS).unwrap().0;
    let table = [
        (
            hmm(),
            "N 1:1\n",
            "test:1: expected qid:N, the name of the sequence, at every token, found none",
        ),
        (
            hmm(),
            "N qid:1\nqid:1\n",
            "test:2: expected a tag, as at the first token of the sequence, found none",
        ),
        (
            hmm(),
            "? qid:1\nN qid:1\n",
            "test:2: expected no tag, as at the first token of the sequence, found `N`",
        ),
        (hmm(), "", "test: expected at least one example, found an empty file"),
        (
            crf(),
            "N\n?\n",
            "test:2: expected a tag, as at the first token of the sequence, found none",
        ),
        (
            crf(),
            "\tw=a\nN\n",
            "test:2: expected no tag, as at the first token of the sequence, found `N`",
        ),
        (column(), "a b\n\na b C\n", "test:3: expected 2 columns as in the first line, found 3"),
        (
            column(),
            "a\n",
            "test:1: expected 3 columns as in training, or 2 without the tag, found 1",
        ),
    ];
    for (task, text, message) in table {
        assert_eq!(read(&task, text).unwrap_err(), message, "{text:?}");
    }
}

/// A model and its files.
struct Learned {
    both: Both,
    w: Vec<f64>,
}

/// Trains a little, and sends the model through a file.
fn learn(Both { files, task }: Both, examples: &Examples) -> Learned {
    let settings = Settings::new().passes(20);
    let solution = solve(&task, examples, &settings).unwrap();
    testing::check_solution(&task, examples, &settings, &solution);
    let model = Model::new(task, solution.w, settings, solution.certificate);
    let (both, w) = both::through_a_file(files, model);
    Learned { both, w }
}

/// What is written for a file with these options.
fn classify(model: &mut Learned, values: &[(&str, &str)], text: &str) -> String {
    let Learned { both, w } = model;
    both.prepare(&options(values)).unwrap();
    let mut written = Vec::new();
    for item in read(both, text).unwrap() {
        let y_hat = both.predict(w, &item.x, &mut Default::default());
        both.write(w, &item.x, &y_hat, &mut written);
    }
    String::from_utf8(written).unwrap()
}

/// Rows without the last column, which is a number; and these numbers.
fn split_numbers(text: &str) -> (String, Vec<f64>) {
    let mut numbers = Vec::new();
    let mut rest = String::new();
    for line in text.lines() {
        match line
            .rsplit_once(['\t', ' '])
            .and_then(|(before, number)| Some((before, number.parse().ok()?)))
        {
            Some((before, number)) => {
                numbers.push(number);
                rest += before;
            }
            None => rest += line,
        }
        rest.push('\n');
    }
    (rest, numbers)
}

/// The best weights of these examples are far from ties, and the same for all three kinds of files.
#[test]
fn each_kind_of_file_is_learned_and_its_predictions_written() {
    let hmm = "D qid:1 1:1\nN qid:1 2:1\nV qid:1 3:1\nN qid:2 2:1\nV qid:2 3:1\n";
    let crf = "D\tthe\nN\tdog\nV\tbarks\n\nN\tdog\nV\tbarks\n";
    let cols = "the D\ndog N\nbarks V\n\ndog N\nbarks V\n";
    let (hmm_task, hmm_examples) = define(&[], hmm).unwrap();
    let (crf_task, crf_examples) = define(&[], crf).unwrap();
    let (cols_task, cols_examples) = columns(WORD, cols).unwrap();
    let mut hmm = learn(hmm_task, &hmm_examples);
    let mut crf = learn(crf_task, &crf_examples);
    let mut cols = learn(cols_task, &cols_examples);
    assert!(hmm.w == crf.w && crf.w == cols.w);

    // A token that was never seen, between two that were, in a sequence with tags and in one
    // without.
    let hmm_text = "D qid:1 1:1\nX qid:1 9:1\nV qid:1 3:1\n? qid:2 2:1\n";
    let crf_text = "D\tthe\nX\tcat\nV\tbarks\n\n?\tdog\n";
    assert_eq!(classify(&mut hmm, &[], hmm_text), "D\nN\nV\nN\n");
    assert_eq!(classify(&mut crf, &[], crf_text), "D\nN\nV\n\nN\n\n");
    assert_eq!(
        classify(&mut cols, &[], "the D\ncat X\nbarks V\n\ndog N\n"),
        "the D D\ncat X N\nbarks V V\n\ndog N N\n\n"
    );
    assert_eq!(
        classify(&mut cols, &[], "the\tD\r\ncat\tX\r\nbarks  V\r\n"),
        "the\tD\tD\ncat\tX\tN\nbarks  V V\n\n"
    );
    assert_eq!(classify(&mut cols, &[], "the\ncat\nbarks\n"), "the D\ncat N\nbarks V\n\n");

    // A column more.
    let max_marginals: &[(&str, &str)] = &[("max-marginals", "")];
    let (tags, numbers) = split_numbers(&classify(&mut hmm, max_marginals, hmm_text));
    assert_eq!(tags, "D\nN\nV\nN\n");
    let x = &read(&hmm.both, hmm_text).unwrap()[0].x;
    let expected = hmm.both.max_marginals(&hmm.w, x, &mut Default::default());
    assert!(
        numbers[..3].iter().zip(&expected).all(|(a, b)| (a - b).abs() <= 5e-7 && *a > 0.0),
        "{numbers:?} {expected:?}"
    );
    assert_eq!(
        split_numbers(&classify(&mut crf, max_marginals, crf_text)),
        ("D\nN\nV\n\nN\n\n".to_owned(), numbers.clone())
    );
    let written = classify(&mut cols, max_marginals, "the\ncat\nbarks\n\ndog\n");
    assert_eq!(split_numbers(&written), ("the D\ncat N\nbarks V\n\ndog N\n\n".to_owned(), numbers));
    assert!(classify(&mut cols, max_marginals, "the\tD\n").starts_with("the\tD\tD\t"));

    // Taggings with their scores.
    let best: &[(&str, &str)] = &[("n-best", "2")];
    let (text, scores) =
        split_numbers(&classify(&mut hmm, best, "D qid:1 1:1\nN qid:1 2:1\n? qid:2 2:1\n"));
    let taggings: Vec<&str> = text.split("\n\n").collect();
    let [first, second, third, fourth, ""] = taggings[..] else { panic!("{text:?}") };
    assert_eq!((first, third), ("# 0\nD\nN", "# 0\nN"));
    assert!(
        second.starts_with("# 1\n") && second != "# 1\nD\nN" && second.lines().count() == 3,
        "{second}"
    );
    assert!(fourth.starts_with("# 1\n") && fourth.lines().count() == 2, "{fourth}");
    assert!(scores.len() == 4 && scores[0] >= scores[1] && scores[2] >= scores[3]);
    assert_eq!(
        split_numbers(&classify(&mut crf, best, "D\tthe\nN\tdog\n\n?\tdog\n")),
        (text.clone(), scores.clone())
    );
    let written = split_numbers(&classify(&mut cols, best, "the D\ndog N\n\ndog N\n"));
    assert!(written.0.starts_with("# 0\nthe D D\ndog N N\n\n# 1\nthe D "), "{}", written.0);
    assert_eq!(written.1, scores);
    // More than there are.
    assert_eq!(classify(&mut hmm, &[("n-best", "100")], "D qid:1 1:1\n").matches('#').count(), 3);

    // What was asked for once does not stay.
    assert_eq!(classify(&mut hmm, &[], hmm_text), "D\nN\nV\nN\n");
    assert_eq!(classify(&mut hmm, &[("b", "1")], hmm_text).lines().count(), 4);
}

#[test]
fn predictions_without_a_file_are_written() {
    let (task, _) = columns(WORD, COLUMNS).unwrap();
    let w = vec![0.0; task.dim()];
    let write = |x: Tokens, y_hat: Vec<usize>| {
        let mut written = Vec::new();
        task.write(&w, &x, &Tags::from(y_hat), &mut written);
        String::from_utf8(written).unwrap()
    };
    let rows = || {
        let mut rows = SparseRows::default();
        (0..3).for_each(|_| rows.push(&[]).unwrap());
        rows
    };
    assert_eq!(write(Tokens::new(rows()), vec![0, 1, 2]), "B-NP\nB-VP\nI-NP\n\n");
    assert_eq!(
        write(Tokens::new(rows()).with_text("a b"), vec![0, 1, 2]),
        "a b B-NP\nB-VP\nI-NP\n\n"
    );
    assert_eq!(write(Tokens::default(), vec![]), "\n");
    // Tags beyond those of the task.
    assert_eq!(write(Tokens::new(rows()), vec![0, 70_000, 1]), "B-NP\n?\nB-VP\n\n");
}

#[test]
fn weights_have_names() {
    let names =
        |task: &Both| (0..task.dim()).map(|index| task.weight_name(index)).collect::<Vec<_>>();
    let (task, _) =
        define(&[("t", "2"), ("e", "1"), ("format", "crfsuite")], "A\tw=a\nB\n").unwrap();
    let expected = [
        "tag A, feature w=a",
        "tag B, feature w=a",
        "tags A A, feature w=a",
        "tags A B, feature w=a",
        "tags B A, feature w=a",
        "tags B B, feature w=a",
        "tags A A",
        "tags A B",
        "tags B A",
        "tags B B",
        "tags A A A",
        "tags A A B",
        "tags A B A",
        "tags A B B",
        "tags B A A",
        "tags B A B",
        "tags B B A",
        "tags B B B",
    ];
    assert_eq!(names(&task), expected);
    let (task, _) = define(&[("t", "0")], "A qid:1 7:1\nB qid:1 4000000000:1\n").unwrap();
    assert_eq!(
        names(&task),
        [
            "tag A, feature 7",
            "tag B, feature 7",
            "tag A, feature 4000000000",
            "tag B, feature 4000000000"
        ]
    );
}

/// The names say where the feature map writes.
#[test]
fn names_of_weights_agree_with_the_feature_map() {
    use crosscut::{Dense, FeatureMap};
    let (task, examples) =
        define(&[("t", "2"), ("e", "1")], "A\tx\ty\nB\ty\nB\tz\nC\tx\n").unwrap();
    let mut psi = vec![0.0; task.dim()];
    task.psi(&examples[0].x, &examples[0].y, &mut Dense(&mut psi));
    let mut found: Vec<String> = (0..psi.len())
        .filter(|&index| psi[index] != 0.0)
        .map(|index| task.weight_name(index))
        .collect();
    found.sort();
    let mut expected = [
        "tag A, feature x",
        "tag A, feature y",
        "tag B, feature y",
        "tag B, feature z",
        "tag C, feature x",
        "tags A B, feature y",
        "tags B B, feature z",
        "tags B C, feature x",
        "tags A B",
        "tags B B",
        "tags B C",
        "tags A B B",
        "tags B B C",
    ];
    expected.sort();
    assert_eq!(found, expected);
}

#[test]
fn damaged_tasks_are_refused() {
    let (Both { files, task }, _) = columns("U0:%t[0,1,\"a\"]\n", COLUMNS).unwrap();
    let text = serde_json::to_string(&files).unwrap();
    let load =
        |text: &str| serde_json::from_str::<SequenceFiles>(text).map_err(|error| error.to_string());
    assert_eq!(serde_json::to_string(&load(&text).unwrap()).unwrap(), text);
    let table = [
        (
            r#"%t[0,1"#,
            "%t[0,2",
            "line 1 of the template: expected a column below 2, since column 2 is the tag, found 2",
        ),
        (
            r#"%t[0,1"#,
            "%t[",
            "line 1 of the template: expected an integer for the row of the macro",
        ),
        (
            r#"\"a\""#,
            r#"\"(\""#,
            "line 1 of the template: expected a regular expression, found `(`: unclosed group",
        ),
        (
            r#""tag":2"#,
            r#""tag":1"#,
            "line 1 of the template: expected another column, since column 1 is the tag, found 1",
        ),
        (r#""width":3"#, r#""width":2"#, "expected columns that a file can have"),
        (r#""names":[]"#, r#""names":["A"]"#, "expected columns that a file can have"),
        (r#""reads":[]"#, r#""reads":[0,3]"#, "expected columns that a file can have"),
        (
            r#""reads":[]"#,
            r#""reads":[0]"#,
            "expected a column UPOS or XPOS in the file, found none",
        ),
    ];
    for (part, damaged, message) in table {
        assert!(text.contains(part), "{text}");
        let error = load(&text.replace(part, damaged)).unwrap_err();
        assert!(error.contains(message), "{error}");
    }
    // As many columns as no file has.
    let files = load(&text.replace(r#""width":3"#, &format!(r#""width":{}"#, u64::MAX))).unwrap();
    let odd = Both { files, task };
    assert!(read(&odd, COLUMNS).unwrap_err().contains("columns as in training"));

    let text = serde_json::to_string(&odd.task).unwrap();
    let load =
        |text: &str| serde_json::from_str::<Sequence>(text).map_err(|error| error.to_string());
    assert_eq!(load(&text).unwrap(), odd.task);
    let damaged = text.replace(r#""pairs":0"#, r#""pairs":9"#);
    let error = load(&damaged).unwrap_err();
    assert!(error.contains("9 of 1 features cannot be features of pairs of tags"), "{error}");
}

#[test]
fn files_that_are_not_those_of_the_task_are_refused() {
    let (hmm, _) = define(&[], HMM).unwrap();
    let (crf, _) = define(&[], CRF).unwrap();
    let (column, _) = columns(WORD, COLUMNS).unwrap();
    let (asked, _) = define(&[], "?\ta\tb\nA\tc\n").unwrap();
    let ids = "the features of the model are not those of its files";
    let made = "the model has no names for the features that its template makes";
    let tag = "the model has a tag `?`, which stands for none in its files";
    for (files, expected) in [
        (&hmm, [Ok(()), Err(ids), Err(ids), Err(ids)]),
        (&crf, [Err(ids), Ok(()), Ok(()), Err(tag)]),
        (&column, [Err(made), Ok(()), Ok(()), Ok(())]),
        (&asked, [Err(ids), Ok(()), Ok(()), Ok(())]),
    ] {
        let found = [&hmm, &crf, &column, &asked].map(|other| files.files.check(&other.task));
        assert_eq!(found, expected.map(|result| result.map_err(str::to_owned)));
    }
}

#[test]
fn a_model_is_evaluated_with_tags_it_does_not_know() {
    let (task, examples) = define(&[], CRF).unwrap();
    let model = learn(task, &examples);
    let items = read(&model.both, "N\tw=a\nX\tw=b\n\n?\tw=a\n").unwrap();
    let y_hat = model.both.predict(&model.w, &items[0].x, &mut Default::default());
    let outcome =
        Outcome { x: &items[0].x, y: items[0].y.as_ref().unwrap(), y_hat: &y_hat, weight: 1.0 };
    let report = model.both.evaluate(&[outcome]);
    assert_eq!(report.get("token_accuracy"), Some(0.5));
    assert_eq!(items[1].y, None);
}

proptest! {
    #[test]
    fn nothing_panics_and_what_is_learned_is_read(
        pieces in prop::collection::vec(
            prop::sample::select(vec![
                "A", "B", "?", "\t", "\t", " ", "\n", "\n", "\n\n", "a", "b", ":", "\\", "#", "@weight:", "2", "1:1", "qid:1 ",
                "A qid:1 1:1\n", "B qid:2 3:2\n", "A\ta\tb:2\n", "B\tb\n", "\r\n", "é", "1e38",
            ]),
            0..40,
        ),
        format in prop::sample::select(vec!["auto", "hmm", "crfsuite", "columns"]),
    ) {
        let text = pieces.concat();
        let template: Option<(&str, &str)> = (format == "columns").then_some(("template", "ner"));
        let values: Vec<(&str, &str)> = [("format", format)].into_iter().chain(template).collect();
        if let Ok((task, examples)) = define(&values, &text) {
            let again = read(&task, &text).unwrap();
            prop_assert_eq!(again.len(), examples.len());
            let w = vec![0.0; task.dim()];
            for (item, example) in again.iter().zip(&examples) {
                prop_assert!(task.validate(&example.x, &example.y).is_ok());
                prop_assert_eq!((item.x.rows(), item.y.as_ref(), item.weight), (example.x.rows(), Some(&example.y), example.weight));
                let mut written = Vec::new();
                task.write(&w, &item.x, &example.y, &mut written);
                let written = String::from_utf8(written).unwrap();
                prop_assert_eq!(written.lines().filter(|line| !line.is_empty()).count(), example.y.len());
            }
        }
        for (learned_from, format) in [(HMM, "hmm"), (CRF, "crfsuite")] {
            let (task, _) = define(&[("format", format)], learned_from).unwrap();
            let _ = read(&task, &text);
        }
    }
}

#[test]
fn sequences_longer_than_a_table_is_made_for_are_refused() {
    // 60,000 numbers a token, and 2^30 in all.
    let (mut task, _) = define(&[], HMM).unwrap();
    task.task = Sequence::numbered(60_000, 1).unwrap().with_orders(0, 0).unwrap();
    let text = |tokens: usize| "? qid:1 1:1\n".repeat(tokens) + "? qid:2 1:1\n";
    assert_eq!(task.read(Source::from_text("test", text(17_895))).unwrap().len(), 2);
    let error = task.read(Source::from_text("test", text(17_896))).unwrap_err().to_string();
    assert!(
        error.starts_with(
            "test:1: expected a sequence of at most 17895 tokens, since its table has 60000"
        ),
        "{error}"
    );
}
