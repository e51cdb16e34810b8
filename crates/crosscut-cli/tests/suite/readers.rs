//! What files of examples bring: encodings, archives, ids from 0 and in any order, names of queries,
//! files of group sizes.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, and so do its helpers")]

use crate::common;

use common::{Home, gzip};

/// Examples of each task, with labels or words that are not ASCII if these can be so, and the
/// options they need.
const TASKS: [(&str, &[&str], &str); 4] = [
    ("multiclass", &[], "café 1:1 # thé\ncafé 1:2\nthé 2:1\nthé 2:3 3:1\n"),
    ("ranking", &[], "1 qid:é 1:1 # ö\n0 qid:é 2:1 # ä\n1 qid:b 1:2 # é\n0 qid:b 1:1 2:1 # x\n"),
    ("sequence", &[], "É\tw=thé\nB\tw=a\n\nB\tw=a\nÉ\tw=thé\n"),
    ("sequence", &["--template", "template"], "thé É\na B\n\na B\nthé É\n"),
];

/// A text in Latin-1.
fn latin(text: &str) -> Vec<u8> {
    text.chars().map(|letter| u8::try_from(letter as u32).unwrap()).collect()
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

fn with<'a>(verb: &[&'a str], options: &[&'a str], rest: &[&'a str]) -> Vec<&'a str> {
    [verb, options, rest].concat()
}

#[test]
fn a_text_in_another_encoding_is_the_text_in_utf_8() {
    let home = Home::new();
    home.write("template", "U0:%x[0,0]\n");
    for (task, options, text) in TASKS {
        home.write("utf8", text);
        home.succeeds(&with(&["learn", task], options, &["utf8", "expected"]));
        home.succeeds(&["classify", "utf8", "expected", "predicted"]);
        let measured = home.succeeds(&["evaluate", "utf8", "expected"]).out;
        let ways: [(&[&str], Vec<u8>); 7] = [
            (&["--encoding", "latin-1"], latin(text)),
            (&["--encoding", "ISO-8859-1"], gzip(&latin(text))),
            (&["--encoding", "windows-1252"], latin(text)),
            (&["--encoding", "utf-8"], text.into()),
            (&["--encoding", "utf-16le"], utf16(text)),
            (&[], utf16(&format!("\u{feff}{text}"))),
            (&["--encoding", "shift_jis"], format!("\u{feff}{text}").into()),
        ];
        for (encoding, bytes) in ways {
            home.write("other", &bytes);
            let options = [options, encoding].concat();
            home.succeeds(&with(&["learn", task], &options, &["other", "model"]));
            assert!(home.read("model") == home.read("expected"), "{task} {encoding:?}");
            home.succeeds(&with(&["classify"], encoding, &["other", "model", "out"]));
            assert_eq!(home.text("out"), home.text("predicted"), "{task} {encoding:?}");
            let again = home.succeeds(&with(&["evaluate"], encoding, &["other", "model"])).out;
            assert_eq!(again, measured, "{task} {encoding:?}");
            home.succeeds(&with(&["validate", task, "--folds", "2"], &options, &["other"]));
            let piped = home.run_with(&with(&["learn", task], &options, &["-", "model"]), &bytes);
            assert!(piped.code == 0 && home.read("model") == home.read("expected"), "{piped:?}");
        }
        let streamed = with(&["learn", task, "--stream"], options, &[]);
        home.succeeds(&with(&streamed, &[], &["utf8", "expected"]));
        home.write("other", latin(text));
        home.succeeds(&with(&streamed, &["--encoding", "latin1"], &["other", "model"]));
        assert!(home.read("model") == home.read("expected"), "{task}");
    }
}

#[test]
fn files_beside_examples_are_in_their_encoding() {
    let home = Home::new();
    let costs = "café thé 3\n";
    home.write("latin", latin(TASKS[0].2));
    home.write("costs", latin(costs));
    let learn = ["learn", "multiclass", "--cost", "costs", "--encoding", "latin-1"];
    home.succeeds(&with(&learn, &[], &["latin", "model"]));
    home.write("utf8", TASKS[0].2);
    home.write("costs", costs);
    home.succeeds(&["learn", "multiclass", "--cost", "costs", "utf8", "expected"]);
    assert!(home.read("model") == home.read("expected"));
    // They may be in UTF-8, too.
    home.succeeds(&with(&learn, &[], &["latin", "model"]));
    assert!(home.read("model") == home.read("expected"));
    home.write("costs", latin(costs));
    home.refuses(
        &["learn", "multiclass", "--cost", "costs", "utf8", "m"],
        &["costs:1: expected text in UTF-8, found other bytes: --encoding names another"],
    );
}

#[test]
fn what_is_no_text_in_its_encoding_is_refused_by_its_line() {
    let home = Home::with_model();
    let learn = ["learn", "multiclass"];
    home.write("latin", b"a 1:1\ncaf\xe9 2:1\n");
    let hint = "latin:2: expected text in UTF-8, found other bytes: --encoding names another encoding, such as latin-1";
    home.refuses(&with(&learn, &[], &["latin", "m"]), &[hint]);
    home.refuses(&with(&learn, &["--stream"], &["latin", "m"]), &[hint]);
    home.refuses(&["classify", "latin", "good", "out"], &[hint]);
    home.refuses(&["evaluate", "latin", "good"], &[hint]);
    home.write("japanese", b"a 1:1\nb 1:1\n\x93 2:1\n");
    for options in [&["--encoding", "shift_jis"][..], &["--encoding", "Shift-JIS", "--stream"]] {
        let expected = "japanese:3: expected text in Shift_JIS, found other bytes";
        home.refuses(&with(&learn, options, &["japanese", "m"]), &[expected]);
    }
    for name in ["", "latin", "utf-7", "replacement"] {
        let expected = "--encoding expects the name of an encoding, such as utf-8, latin-1";
        home.refuses(&with(&learn, &["--encoding", name], &["train.svm", "m"]), &[expected]);
        home.refuses(&["classify", "--encoding", name, "test.svm", "good", "out"], &[expected]);
    }
    // The original programs have no such option.
    home.write("ranked", b"1 qid:1 1:1\n\xe9 qid:1 2:1\n");
    let run = home.run(&["svm_rank_learn", "-c", "1", "ranked", "m"]);
    assert!(run.code != 0 && !(run.err + &run.out).contains("--"));
    // Another encoding is another training.
    home.write("latin", b"1 1:1 # \xe9\n2 2:1\n1 1:3\n2 2:4\n");
    let kept = ["learn", "multiclass", "--checkpoint", "kept", "--gap", "0", "--passes", "1"];
    home.succeeds(&with(&kept, &["--encoding", "latin-1"], &["latin", "m"]));
    let resumed = ["learn", "multiclass", "--resume", "kept", "--gap", "0", "--passes", "2"];
    home.refuses(&with(&resumed, &[], &["latin", "m2"]), &["--encoding latin-1"]);
    home.succeeds(&with(&resumed, &["--encoding", "latin-1"], &["latin", "m2"]));
}

/// `1 1:1`, `2 2:1`, `1 1:2`, packed by bzip2, xz, xz with another checksum, xz in the older format.
const PACKED: [(&str, &str); 4] = [
    (
        "bz2",
        "425a683931415926535990a8cab70000045800001040003010200030cd00946d0a1f44a491a617724538509090a8cab7",
    ),
    (
        "xz",
        "fd377a585a000004e6d6b4460200210116000000742fe5a30100113120313a310a3220323a310a3120313a320a0000005834aaa9c70eed5a00012a124b0854bc1fb6f37d010000000004595a",
    ),
    (
        "xz",
        "fd377a585a00000ae1fb0ca10200210116000000742fe5a30100113120313a310a3220323a310a3120313a320a0000005f0d7e8390b4b2226782e8392eca0957ab83a424b9fc15f866cc26aff907f1aa00014212e4e97011189b4b9a01000000000a595a",
    ),
    ("lzma", "5d00008000ffffffffffffffff00188802885ce58d409a0dd7c1d3a928c48c157ffff5970000"),
];

#[test]
fn archives_of_other_programs_are_read() {
    let bytes = |hex: &str| -> Vec<u8> {
        (0..hex.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
            .collect()
    };
    let home = Home::new();
    home.write("plain", "1 1:1\n2 2:1\n1 1:2\n");
    home.succeeds(&["learn", "multiclass", "plain", "expected"]);
    home.succeeds(&["learn", "multiclass", "--stream", "plain", "streamed"]);
    for (extension, hex) in PACKED {
        let packed = bytes(hex);
        // The name does not matter.
        for name in [&format!("train.{extension}"), "train"] {
            home.write(name, &packed);
            home.succeeds(&["learn", "multiclass", name, "model"]);
            assert!(home.read("model") == home.read("expected"), "{name}");
            home.succeeds(&["learn", "multiclass", "--stream", name, "model"]);
            assert!(home.read("model") == home.read("streamed"), "{name}");
        }
        let piped = home.run_with(&["learn", "multiclass", "-", "model"], &packed);
        assert!(piped.code == 0 && home.read("model") == home.read("expected"), "{piped:?}");
        home.write("cut", &packed[..packed.len() - 3]);
        home.refuses(&["learn", "multiclass", "cut", "m"], &["cut: ", "the file is truncated"]);
        home.write("more", [&packed[..], b"1 1:1\n"].concat());
        home.refuses(&["learn", "multiclass", "more", "m"], &["more: the file is damaged"]);
        // They are not written.
        for arguments in [
            &["learn", "multiclass", "plain", &format!("m.{extension}")][..],
            &["classify", "plain", "expected", &format!("m.{}", extension.to_uppercase())],
        ] {
            home.refuses(arguments, &["archives are read, not written: expected a name that"]);
        }
    }
}

/// Examples with ids from 1, a file to predict, and options.
const NUMBERED: [(&str, &str); 3] = [
    ("multiclass", "a 1:1 3:0.1\nb 2:1 3:2\na 1:3 2:0.5\nb 2:4\n"),
    ("ranking", "1 qid:1 1:1 3:0.1\n0 qid:1 2:1 3:2\n1 qid:2 1:3 2:0.5\n0 qid:2 2:4\n"),
    ("sequence", "A qid:1 1:1 3:0.1\nB qid:1 2:1 3:2\nA qid:2 1:3 2:0.5\nB qid:2 2:4\n"),
];

/// The lines with other features, each of which is (id, value).
fn rewrite(text: &str, change: impl Fn(&mut Vec<(u32, String)>)) -> String {
    let line = |line: &str| {
        let (features, head): (Vec<&str>, Vec<&str>) = line
            .split(' ')
            .partition(|word| word.as_bytes()[0].is_ascii_digit() && word.contains(':'));
        let pair = |word: &&str| {
            word.split_once(':').map(|(id, value)| (id.parse().unwrap(), value.to_owned()))
        };
        let mut features: Vec<(u32, String)> = features.iter().filter_map(pair).collect();
        change(&mut features);
        let features = features.iter().map(|(id, value)| format!(" {id}:{value}"));
        head.join(" ") + &features.collect::<String>() + "\n"
    };
    text.lines().map(line).collect()
}

#[test]
fn ids_from_zero_are_those_of_the_file() {
    let home = Home::new();
    for (task, text) in NUMBERED {
        for far in [0, 1_000_000] {
            let spread = move |id: u32| if id == 3 { id + far } else { id };
            let ones = rewrite(text, |all| all.iter_mut().for_each(|(id, _)| *id = spread(*id)));
            let zeros = rewrite(&ones, |all| all.iter_mut().for_each(|(id, _)| *id -= 1));
            home.write("ones", ones);
            home.write("zeros", zeros);
            for options in [&[][..], &["--stream"], &["--scale", "standard"]] {
                let options = [&["learn", task][..], options].concat();
                home.succeeds(&with(&options, &[], &["ones", "expected"]));
                home.succeeds(&with(&options, &["--zero-based"], &["zeros", "model"]));
                home.succeeds(&["classify", "ones", "expected", "predicted"]);
                home.succeeds(&["classify", "zeros", "model", "out"]);
                assert_eq!(home.text("out"), home.text("predicted"), "{options:?}");
                let measured = home.succeeds(&["evaluate", "ones", "expected"]).out;
                assert_eq!(home.succeeds(&["evaluate", "zeros", "model"]).out, measured);
            }
            let shown = home.succeeds(&["inspect", "model"]).out;
            assert!(shown.contains("feature 0") && shown.contains("feature 1"), "{shown}");
            assert!(shown.contains(&format!("feature {}", 2 + far)), "{shown}");
            assert!(!shown.contains(&format!("feature {}\n", 3 + far)), "{shown}");
            home.succeeds(&["validate", task, "--zero-based", "--folds", "2", "zeros"]);
            // A model of ids from 1 must not be used for others.
            let hint = "expected a feature id of at least 1, found `0:1` (ids from 0: learn with --zero-based)";
            home.refuses(&["learn", task, "zeros", "m"], &["zeros:1: ", hint]);
            home.refuses(&["learn", task, "--stream", "zeros", "m"], &["zeros:1: ", hint]);
            home.refuses(&["classify", "zeros", "expected", "out2"], &["zeros:1: ", hint]);
        }
        // As a prior, it is matched by the ids of files.
        home.succeeds(&["learn", task, "--zero-based", "zeros", "model"]);
        home.succeeds(&["learn", task, "--zero-based", "--prior", "model", "zeros", "m"]);
    }
    let files = ["learn", "sequence", "--zero-based"];
    home.write("crf", "A\tx\nB\ty\n");
    let expected = "--zero-based expects features that have ids (hmm), not `attributes or columns`";
    home.refuses(&with(&files, &[], &["crf", "m"]), &[expected]);
    home.refuses(&with(&files, &["--stream"], &["crf", "m"]), &[expected]);
    home.write("zeros", "1 qid:1 0:1\n2 qid:1 1:1\n");
    let run = home.run(&["svm_rank_learn", "-c", "1", "zeros", "m"]);
    assert!(run.code != 0 && !(run.err + &run.out).contains("--"));
}

#[test]
fn ids_in_any_order_are_sorted() {
    let home = Home::new();
    for (task, text) in NUMBERED {
        home.write("sorted", text);
        home.write("mixed", rewrite(text, |all| all.reverse()));
        let hint =
            "expected feature ids in increasing order, found 1 after 3 (--sort-ids sorts them)";
        home.refuses(&["learn", task, "mixed", "m"], &["mixed:1: ", hint]);
        for options in [&[][..], &["--stream"], &["--scale", "global"]] {
            let options = [&["learn", task][..], options].concat();
            home.succeeds(&with(&options, &[], &["sorted", "expected"]));
            home.succeeds(&with(&options, &["--sort-ids"], &["mixed", "model"]));
            home.succeeds(&["classify", "sorted", "expected", "predicted"]);
            home.succeeds(&["classify", "mixed", "model", "out"]);
            assert_eq!(home.text("out"), home.text("predicted"), "{options:?}");
            home.succeeds(&["classify", "--sort-ids", "mixed", "expected", "out"]);
            assert_eq!(home.text("out"), home.text("predicted"), "{options:?}");
            home.succeeds(&["evaluate", "--sort-ids", "mixed", "expected"]);
            home.refuses(&["classify", "mixed", "expected", "out"], &["mixed:1: ", hint]);
        }
        home.succeeds(&["validate", task, "--sort-ids", "--folds", "2", "mixed"]);
        home.write("twice", rewrite(text, |all| all.extend([(7, "0".into()), (7, "1".into())])));
        let twice = "twice:1: expected each feature id once, found 7 again";
        home.refuses(&["learn", task, "--sort-ids", "twice", "m"], &[twice]);
    }
    home.write("crf", "A\tx\nB\ty\n");
    home.succeeds(&["learn", "sequence", "crf", "tagger"]);
    let expected = "--sort-ids expects features that have ids (hmm)";
    home.refuses(&["classify", "--sort-ids", "crf", "tagger", "out"], &[expected]);
}

#[test]
fn any_word_names_a_query() {
    let home = Home::new();
    let names =
        ["alpha", "Q12", "1.5", "123e4567-e89b-12d3-a456-426614174000", "99999999999999999999"];
    let file = |names: &[&str], target: fn(usize) -> String| -> String {
        let line = |(at, name): (usize, &&str)| {
            format!(
                "{} qid:{name} 1:{at} # a{at}\n{} qid:{name} 2:1 # b{at}\n",
                target(1),
                target(2)
            )
        };
        names.iter().enumerate().map(line).collect()
    };
    let numbers = ["1", "2", "3", "4", "5"];
    for (task, target) in [
        ("ranking", (|at| (2 - at).to_string()) as fn(usize) -> String),
        ("sequence", |at| ["A", "B"][at - 1].to_owned()),
    ] {
        home.write("numbers", file(&numbers, target));
        home.write("names", file(&names, target));
        for options in [&[][..], &["--stream"]] {
            let learn = [&["learn", task][..], options].concat();
            home.succeeds(&with(&learn, &[], &["numbers", "expected"]));
            home.succeeds(&with(&learn, &[], &["names", "model"]));
            assert!(home.read("model") == home.read("expected"), "{task} {options:?}");
        }
        home.succeeds(&["validate", task, "--folds", "5", "names"]);
        home.write("back", file(&["a", "b", "a"], target));
        for options in [&[][..], &["--stream"]] {
            let learn = [&["learn", task][..], options].concat();
            let expected = "back:5: expected the ";
            home.refuses(
                &with(&learn, &[], &["back", "m"]),
                &[expected, "qid:a one after the other"],
            );
        }
        // Equal numbers are one query.
        home.write("equal", file(&["1", "01"], target).replace("qid:01 1:1", "qid:+1 1:1"));
        let told = home.succeeds(&["learn", task, "equal", "m"]).err;
        assert!(told.contains("1 examples"), "{told}");
    }
    home.write("names", file(&names, |at| (2 - at).to_string()));
    home.succeeds(&["learn", "ranking", "names", "ranker"]);
    home.succeeds(&["classify", "--ranks", "names", "ranker", "run"]);
    let run = home.text("run");
    for (line, name) in run.lines().zip(names.iter().flat_map(|name| [name; 2])) {
        let words: Vec<&str> = line.split(' ').collect();
        assert_eq!((words.len(), words[0], words[1]), (6, *name, "Q0"), "{run}");
    }
    // SVM^rank's programs read numbers.
    let run = home.run(&["svm_rank_learn", "-c", "1", "names", "m"]);
    assert!(run.code != 0 && (run.err + &run.out).contains("expected qid: with a 64-bit integer"));
}

#[test]
fn sizes_of_queries_beside_the_examples_are_used() {
    let home = Home::new();
    let text = "1 1:1\n0 2:1\n2 1:3\n1 1:2\n0 2:2\n";
    home.write("x.svm", text);
    home.write("sizes", "2\n3\n");
    home.succeeds(&["learn", "ranking", "--group", "sizes", "x.svm", "expected"]);
    home.succeeds(&["learn", "ranking", "x.svm", "single"]);
    home.succeeds(&["classify", "--ranks", "--group", "sizes", "x.svm", "expected", "ranks"]);
    let measured = home.succeeds(&["evaluate", "--group", "sizes", "x.svm", "expected"]).out;
    home.write("x.svm.gz", gzip(text.as_bytes()));
    for (examples, beside) in [
        ("x.svm", "x.svm.query"),
        ("x.svm", "x.svm.group"),
        ("x.svm.gz", "x.svm.gz.query"),
        ("x.svm.gz", "x.svm.query"),
        ("x.svm.gz", "x.svm.group"),
    ] {
        home.write(beside, "2\n3\n");
        let told = home.succeeds(&["learn", "ranking", examples, "model"]).err;
        assert!(
            told.contains(&format!("{examples}: the sizes of its queries are in {beside}")),
            "{told}"
        );
        assert!(home.read("model") == home.read("expected"), "{beside}");
        home.succeeds(&["classify", "--ranks", examples, "model", "out"]);
        assert_eq!(home.text("out"), home.text("ranks"));
        assert_eq!(home.succeeds(&["evaluate", examples, "model"]).out, measured);
        home.succeeds(&["validate", "ranking", "--folds", "2", examples]);
        // It can be left out, or replaced.
        home.succeeds(&["learn", "ranking", "--no-group", examples, "model"]);
        assert!(home.read("model") == home.read("single"), "{beside}");
        home.refuses(
            &["learn", "ranking", "--stream", examples, "m"],
            &["expected qid at each line, since --stream and ranks do not read", beside],
        );
        home.succeeds(&["learn", "ranking", "--stream", "--no-group", examples, "model"]);
        // No output replaces it.
        for arguments in [
            &["learn", "ranking", examples, beside][..],
            &["learn", "ranking", "--log", beside, examples, "m"],
            &["learn", "ranking", "--checkpoint", beside, examples, "m"],
            &["validate", "ranking", "--log", beside, examples],
            &["validate", "ranking", "--refit", beside, examples],
            &["classify", examples, "expected", beside],
        ] {
            home.refuses(arguments, &["expected another file than one that is read"]);
        }
        home.write(beside, "2\n4\n");
        home.refuses(
            &["learn", "ranking", examples, "m"],
            &[&format!("{beside}:2: expected sizes that add up to the 5 documents"), "--no-group"],
        );
        home.write(beside, "SELECT 1\n");
        home.refuses(&["learn", "ranking", examples, "m"], &[beside, ":1: ", "--no-group"]);
        home.succeeds(&["learn", "ranking", "--group", "sizes", examples, "model"]);
        assert!(home.read("model") == home.read("expected"), "{beside}");
        std::fs::remove_file(home.path(beside)).unwrap();
    }
    // Lines with a qid need none, and standard input has none.
    home.write("q.svm", "1 qid:1 1:1\n0 qid:1 2:1\n");
    home.write("q.svm.query", "SELECT 1\n");
    home.write("-.query", "1\n1\n");
    let told = home.succeeds(&["learn", "ranking", "q.svm", "model"]).err;
    assert!(told.contains("q.svm: lines have a qid, so q.svm.query is not read"), "{told}");
    home.succeeds(&["learn", "ranking", "--stream", "q.svm", "model"]);
    let told = home.run_with(&["learn", "ranking", "-", "model"], text.as_bytes());
    assert!(told.code == 0 && told.err.contains("5 documents are one query"), "{told:?}");
}
