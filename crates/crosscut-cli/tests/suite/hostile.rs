//! Broken and odd files, models and arguments: exit code 2 with one clear message, never a panic,
//! nothing left behind.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, and so do its helpers")]

use crate::common;

use std::fs;

use common::{Home, gzip};

/// A number of examples (without a line break at the end), then a bad one.
fn after(lines: usize, bad: &[u8]) -> Vec<u8> {
    let mut text: String = (0..lines).map(|line| format!("{} 1:{line}\n", line % 2)).collect();
    text.push_str("1 2:1 ");
    [text.as_bytes(), bad].concat()
}

#[test]
fn broken_examples_are_refused_by_every_verb() {
    let home = Home::with_model();
    let whole = gzip(home.text("train.svm").repeat(50).as_bytes());
    let mut damaged = whole.clone();
    damaged[whole.len() / 2] ^= 0x10;
    let long = format!("1 {}\n", "x".repeat(10_000_000));

    // The name of a file, its bytes, and what the message says about it.
    let table: &[(&str, &[u8], &str)] = &[
        ("empty", b"", "empty: expected at least one example, found an empty file"),
        (
            "comments",
            b"# 1 1:1\n\n  # 2\n",
            "comments: expected at least one example, found only blank lines and comments",
        ),
        (
            "nan",
            b"1 1:1\n2 1:nan\n",
            "nan:2: expected a value that is finite in single precision, found `1:nan`",
        ),
        ("infinite", b"1 1:-inf", "infinite:1: expected a value that is finite"),
        (
            "large",
            b"1 1:1e400",
            "large:1: expected a value that is finite in single precision, found `1:1e400`",
        ),
        (
            "order",
            b"1 2:1 1:1",
            "order:1: expected feature ids in increasing order, found 1 after 2",
        ),
        ("twice", b"1 1:1 1:1", "twice:1: expected each feature id once, found 1 again"),
        (
            "zero",
            b"1 1:1\r\n\r\n2 0:1\r\n",
            "zero:3: expected a feature id of at least 1, found `0:1` (ids from 0: learn with --zero-based)",
        ),
        (
            "wide",
            b"1 4294967296:1",
            "wide:1: expected a feature id of at most 4294967295 (ids beyond 32 bits",
        ),
        (
            "word",
            b"1 a:b",
            "word:1: expected a feature as id:value with an integer id, found `a:b`",
        ),
        ("colon", b"1 1:1:1", "colon:1: expected a number after the colon, found `1:1:1`"),
        ("no-value", b"1 1:", "no-value:1: expected a number after the colon"),
        ("spaces", b"1 1 :1", "spaces:1: expected a feature as id:value"),
        (
            "negative-cost",
            b"1 cost:-1 1:1",
            "negative-cost:1: expected cost: with a finite number of at least 0",
        ),
        ("nul", b"1 1:1\n2 1:\0\n", "nul:2: expected text, found a NUL character"),
        ("latin1", b"caf\xe9 1:1\n", "latin1:1: expected text in UTF-8"),
        ("utf16", b"\xff\xfe1\x00 \x00\n\x00\x00", "utf16:2: expected text in UTF-8"),
        ("bom", b"\xef\xbb\xbf1 1:1\n1 x\n", "bom:2: expected a feature as id:value"),
        (
            "far",
            &after(50_000, b"0:1"),
            "far:50001: expected a feature id of at least 1, found `0:1` (ids from 0: learn with --zero-based)",
        ),
        (
            "long",
            long.as_bytes(),
            "long:1: expected a feature as id:value with an integer id, found `xxxx",
        ),
        ("half.gz", &whole[..whole.len() / 2], "half.gz: the compressed data end too early"),
        ("short.gz", &whole[..5], "short.gz: the compressed data end too early"),
        ("damaged.gz", &damaged, "damaged.gz: "),
        ("garbage.gz", b"\x1f\x8bno archive at all", "garbage.gz: "),
        ("text.gz", b"no archive at all", "text.gz:1: expected a feature as id:value"),
    ];
    for (name, bytes, expected) in table {
        home.write(name, bytes);
        home.refuses(&["learn", "multiclass", name, "model"], &[expected]);
        home.refuses(&["learn", "multiclass", name, "good"], &[expected]);
        home.refuses(&["validate", "multiclass", "--folds", "2", name], &[expected]);
        if !["empty", "comments"].contains(name) {
            home.refuses(&["classify", name, "good", "predictions"], &[expected]);
            // Standard output may have the predictions for the lines before.
            let run = home.run(&["classify", name, "good", "-"]);
            assert!(run.code == 2 && run.err.contains(expected), "{name}: {}", run.err);
        }
        home.refuses(&["evaluate", name, "good"], &[expected]);
        let expected =
            if name.ends_with("half.gz") { "half.gz: the compressed data" } else { name };
        home.refuses(&["inspect", name], &[expected]);
        fs::remove_file(home.path(name)).unwrap();
    }
}

#[test]
fn files_that_are_not_there_are_refused_by_every_verb() {
    let home = Home::with_model();
    fs::create_dir(home.path("folder")).unwrap();
    for (name, expected) in [
        ("missing", "missing: cannot be read: "),
        ("folder", "folder: expected a file, found a directory"),
    ] {
        home.refuses(&["learn", "multiclass", name, "model"], &[expected]);
        home.refuses(&["learn", "multiclass", "--cost", name, "train.svm", "model"], &[expected]);
        home.refuses(&["validate", "multiclass", name], &[expected]);
        home.refuses(&["classify", name, "good", "predictions"], &[expected]);
        home.refuses(&["classify", "test.svm", name, "predictions"], &[expected]);
        home.refuses(&["evaluate", name, "good"], &[expected]);
        home.refuses(&["evaluate", "test.svm", name], &[expected]);
        home.refuses(&["inspect", name], &[expected]);
    }
}

#[test]
fn places_that_cannot_be_written_are_refused_before_work_begins() {
    let home = Home::with_model();
    fs::create_dir(home.path("folder")).unwrap();
    // Had the examples been read, the message would be about them.
    home.write("broken", "1 x");
    let table = [
        ("folder", "folder: expected a file, found a directory"),
        ("missing/file", "missing/file: the directory "),
        ("train.svm/file", "train.svm/file: cannot be written: not a directory"),
    ];
    for (place, expected) in table {
        home.refuses(&["learn", "multiclass", "broken", place], &[expected]);
        home.refuses(&["learn", "multiclass", "--log", place, "broken", "model"], &[expected]);
        home.refuses(&["validate", "multiclass", "--log", place, "broken"], &[expected]);
        home.refuses(&["classify", "broken", "good", place], &[expected]);
    }
    assert!(fs::read_dir(home.path("folder")).unwrap().next().is_none());

    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(home.path("folder"), fs::Permissions::from_mode(0o555)).unwrap();
        // Root may write all the same.
        if fs::write(home.path("folder/probe"), "").is_err() {
            let expected = ["folder/file: cannot be written: permission denied"];
            home.refuses(&["learn", "multiclass", "broken", "folder/file"], &expected);
            home.refuses(&["classify", "broken", "good", "folder/file"], &expected);
        }
    }
}

#[test]
fn files_that_are_read_are_not_replaced() {
    let home = Home::with_model();
    let expected = ["expected another file than one that is read"];
    home.refuses(&["learn", "multiclass", "train.svm", "./train.svm"], &expected);
    home.refuses(&["learn", "multiclass", "--log", "train.svm", "train.svm", "model"], &expected);
    home.refuses(&["validate", "multiclass", "--log", "train.svm", "train.svm"], &expected);
    home.refuses(&["classify", "test.svm", "good", "test.svm"], &expected);
    home.refuses(&["classify", "test.svm", "good", "good"], &expected);
}

#[test]
fn training_examples_need_labels_of_two_classes() {
    let home = Home::new();
    let table = [
        ("1 1:1\n2:1\n2 1:1\n", "bad:2: expected a label before the features, found none"),
        ("1 1:1\n? 2:1\n2 1:1\n", "bad:2: expected a label before the features, found none"),
        ("1 1:1\n1 2:1\n", "bad: at least two classes are needed, not 1"),
    ];
    for (text, expected) in table {
        home.write("bad", text);
        home.refuses(&["learn", "multiclass", "bad", "model"], &[expected]);
        home.refuses(&["validate", "multiclass", "--folds", "2", "bad"], &[expected]);
    }
    home.write("unlabelled", "1:1\n? 2:1\n");
    home.succeeds(&["learn", "multiclass", "train.svm", "good"]);
    home.refuses(
        &["evaluate", "unlabelled", "good"],
        &["unlabelled: expected labelled examples, found none"],
    );
    home.succeeds(&["classify", "unlabelled", "good", "predictions"]);
}

/// Data that is odd but legitimate: trains, certifies, and predicts.
#[test]
fn odd_data_is_trained_on() {
    let home = Home::new();
    let train = home.text("train.svm");
    let huge = "1 1:1e30\n2 1:-1e30 2:1\n3 2:1e30\n1 1:2e30\n";
    let tiny = "1 1:1e-30\n2 1:-1e-30 2:1e-38\n3 2:1e-45\n1 1:1e-50\n";
    let table = [
        ("no-final-newline", train.trim_end().to_owned()),
        ("crlf", train.replace('\n', "\r\n")),
        ("bom", format!("\u{feff}{train}")),
        ("zero-rows", "1\n2\n1 3:0\n3 1:1 # nothing above\n".to_owned()),
        ("zero-cost", "1 cost:0 1:1\n2 cost:0 2:1\n".to_owned()),
        ("duplicates", "1 1:1\n2 1:1\n".repeat(20)),
        ("one-each", "a 1:1\nb 2:1\nc 3:1\nd 4:1\n".to_owned()),
        ("two", "a 1:1\nb 1:-1\n".to_owned()),
        ("wide", "a 1:1 4294967295:1\nb 4294967294:-1\n".to_owned()),
        ("words", "π 1:1\n\"x,y\" 1:-1\nc# 2:1\n-- 3:1\n".to_owned()),
        ("huge", huge.to_owned()),
        ("tiny", tiny.to_owned()),
        ("mixed", format!("{huge}{tiny}")),
    ];
    for (name, text) in table {
        home.write(name, &text);
        for solver in ["auto", "block", "one-slack"] {
            let learned = home.json(&[
                "learn",
                "multiclass",
                "--solver",
                solver,
                "--passes",
                "2000",
                name,
                "model",
            ]);
            let number = |key: &str| {
                learned[key].as_f64().unwrap_or_else(|| panic!("{name}, {solver}: {learned}"))
            };
            assert!(
                number("primal") >= number("dual") * (1.0 - 1e-9),
                "{name}, {solver}: {learned}"
            );
            let report = home.json(&["evaluate", name, "model"]);
            assert!(report["error"].as_f64().unwrap() <= 1.0, "{name}: {report}");
            home.succeeds(&["classify", name, "model", "predictions"]);
            assert_eq!(home.text("predictions").lines().count(), text.lines().count());
            assert!(!home.text("predictions").contains("NaN"), "{name}, {solver}");
            home.succeeds(&["inspect", "model"]);
        }
    }
    // Three ways to write the same examples.
    home.succeeds(&["learn", "multiclass", "train.svm", "model"]);
    let model = home.read("model");
    for name in ["no-final-newline", "crlf", "bom"] {
        home.succeeds(&["learn", "multiclass", name, "model"]);
        assert!(home.read("model") == model, "{name}");
    }
}

#[test]
fn huge_and_tiny_constants_end_with_a_certificate() {
    let home = Home::new();
    home.write("inseparable", "1 1:1\n2 1:1\n1 2:1\n3 2:-1\n");
    for solver in ["block", "one-slack"] {
        for c in ["1e-300", "1e-30", "1e30", "1e140"] {
            for data in ["train.svm", "inseparable"] {
                let limits = ["-c", c, "--seconds", "0.2", "--passes", "300"];
                let command =
                    [&["learn", "multiclass", "--solver", solver], &limits[..], &[data, "m"]]
                        .concat();
                let learned = home.json(&command);
                let number = |key: &str| {
                    learned[key].as_f64().unwrap_or_else(|| panic!("{solver} {c}: {learned}"))
                };
                assert!(
                    number("gap") >= -1e-9 * number("primal"),
                    "{solver} {c} {data}: {learned}"
                );
                home.succeeds(&["classify", "test.svm", "m", "predictions"]);
            }
        }
    }
}

#[test]
fn an_objective_that_overflows_is_refused() {
    let home = Home::new();
    home.refuses(
        &["learn", "multiclass", "-c", "1e300", "train.svm", "m"],
        &["C must be below 1e150"],
    );
    home.write("heavy", "1 cost:1e300 1:1\n2 1:-1\n");
    home.refuses(&["learn", "multiclass", "heavy", "m"], &["C must be below 1e150"]);
}

#[test]
fn broken_models_are_refused_by_every_verb() {
    let home = Home::with_model();
    let good = home.read("good");
    let other = forge(&good, b"sequential");
    let mut newer = good.clone();
    newer[8] = 200;
    let table: &[(&[u8], &str)] = &[
        (b"", "bad: expected a Crosscut model, found something else"),
        (b"1 1:1\n", "bad: expected a Crosscut model, found something else"),
        (&gzip(b"1 1:1\n"), "bad: expected a Crosscut model, found something else"),
        (&good[..good.len() / 2], "bad: the model is truncated or damaged"),
        (&good[..good.len() - 1], "bad: the model is truncated or damaged"),
        (&[&good[..], b"\n"].concat(), "bad: the model is damaged: 1 bytes follow its end"),
        (&gzip(&good)[..good.len() / 4], "bad: the compressed data end too early"),
        (&newer, "bad: the model was written by a newer program (layout 200"),
        (
            &other,
            "bad: expected a model of one of the tasks multiclass, sequence, ranking, found `sequential`",
        ),
    ];
    for (bytes, expected) in table {
        home.write("bad", bytes);
        home.refuses(&["classify", "test.svm", "bad", "predictions"], &[expected]);
        home.refuses(&["evaluate", "test.svm", "bad"], &[expected]);
        home.refuses(&["inspect", "bad"], &[expected]);
    }
    // What is compressed is a model all the same, and a model is no example.
    home.write("packed", gzip(&good));
    home.succeeds(&["inspect", "packed"]);
    home.refuses(&["learn", "multiclass", "good", "model"], &["good:1: expected text"]);
    home.refuses(&["evaluate", "good", "good"], &["good:1: expected text"]);
}

#[test]
fn any_flipped_bit_and_any_cut_is_noticed() {
    let home = Home::with_model();
    let good = home.read("good");
    for at in (0..good.len()).step_by(7).chain(good.len() - 5..good.len()) {
        let mut bad = good.clone();
        bad[at] ^= 1 << (at % 8);
        home.write("bad", &bad);
        home.refuses(&["inspect", "bad"], &["bad: "]);
        home.write("bad", &good[..at]);
        home.refuses(&["inspect", "bad"], &["bad: "]);
    }
}

/// A model of another task whose name is as long, with a checksum that fits.
fn forge(model: &[u8], task: &[u8; 10]) -> Vec<u8> {
    assert_eq!(&model[16..26], b"multiclass");
    let mut forged = [&model[..16], task, &model[26..model.len() - 4]].concat();
    forged.extend(crc32fast::hash(&forged).to_le_bytes());
    forged
}

#[test]
fn bad_cost_files_are_refused() {
    let home = Home::new();
    let table = [
        ("", "costs: expected lines"),
        ("1 -1\n", "costs:1: expected `true-label predicted-label cost`, found less"),
        ("# fine\n1 -1 -2\n", "costs:2: a cost must be a finite number of at least 0, not -2"),
        ("1 1 1\n", "costs:1: the cost of a right prediction must be 0"),
        ("1 blue 1\n", "costs:1: expected a label of the training examples, found `blue`"),
    ];
    for (text, expected) in table {
        home.write("costs", text);
        home.refuses(
            &["learn", "multiclass", "--cost", "costs", "train.svm", "model"],
            &[expected],
        );
        home.refuses(&["validate", "multiclass", "--cost", "costs", "train.svm"], &[expected]);
    }
}

#[test]
fn bad_options_are_refused_by_name() {
    let home = Home::with_model();
    // Options, and what the message must name.
    let both: &[(&[&str], &str)] = &[
        (&["-c", "0"], "'-c <"),
        (&["-c", "-1"], "'-c <"),
        (&["-c", "nan"], "'-c <"),
        (&["-c", "inf"], "'-c <"),
        (&["-c", "x"], "'-c <"),
        (&["--c-sum", "0"], "'--c-sum <"),
        (&["--c-sum", "-1e3"], "'--c-sum <"),
        (&["--c-sum", ""], "'--c-sum <"),
        (&["-c", "1", "--c-sum", "1"], "'-c <"),
        (&["--gap", "-1"], "'--gap <"),
        (&["--gap", "NaN"], "'--gap <"),
        (&["-e", "0"], "'-e <"),
        (&["-e", "-0.1"], "'-e <"),
        (&["--seconds", "0"], "'--seconds <"),
        (&["--seconds", "inf"], "'--seconds <"),
        (&["--passes", "0"], "'--passes <"),
        (&["--passes", "-1"], "'--passes <"),
        (&["--passes", "1.5"], "'--passes <"),
        (&["--batch", "0"], "'--batch <"),
        (&["--planes", "1"], "'--planes <"),
        (&["--planes", "-1"], "'--planes <"),
        (&["--approximate-passes", "-1"], "'--approximate-passes <"),
        (&["--threads", "-1"], "'--threads <"),
        (&["--threads", "18446744073709551615"], "'--threads <"),
        (&["--seed", "-1"], "'--seed <"),
        (&["--solver", "magic"], "'--solver <"),
        (&["-o", "3"], "'-o <"),
        (&["-o", "0"], "'-o <"),
        (&["-l", "-1"], "'-l <"),
        (&["-l", "x"], "'-l <"),
        (&["-l", "7"], "-l expects"),
        (&["-l", "1"], "(for -l 1)"),
        (&["-v", "4"], "'-v <"),
        (&["--bias", "0"], "--bias expects"),
        (&["--bias", "inf"], "--bias expects"),
        (&["--bias", "x"], "--bias expects"),
        (&["-l", "0", "--cost", "test.svm"], "-l expects"),
        (&["--unknown"], "'--unknown'"),
        (&["-x"], "'-x'"),
        (&["--C", "1"], "'--C'"),
    ];
    for (options, expected) in both {
        home.refuses(
            &[&["learn", "multiclass"], *options, &["train.svm", "model"]].concat(),
            &[expected],
        );
        home.refuses(
            &[&["validate", "multiclass"], *options, &["train.svm"]].concat(),
            &[expected],
        );
    }
    let table: &[(&[&str], &str)] = &[
        (&["validate", "multiclass", "--folds", "1", "train.svm"], "'--folds <"),
        (&["validate", "multiclass", "--folds", "-2", "train.svm"], "'--folds <"),
        (&["validate", "multiclass", "--folds", "61", "train.svm"], "--folds expects"),
        (&["validate", "multiclass", "--c-sum", "1,0", "train.svm"], "'--c-sum <"),
        (&["validate", "multiclass", "-c", "1,,2", "train.svm"], "'-c <"),
        (&["learn", "multiclass", "--folds", "3", "train.svm", "model"], "'--folds'"),
        (&["classify", "--bias", "1", "test.svm", "good", "predictions"], "'--bias'"),
        (&["classify", "--threads", "x", "test.svm", "good", "predictions"], "'--threads <"),
        (&["evaluate", "-v", "9", "test.svm", "good"], "'-v <"),
        (&["inspect", "--top", "-1", "good"], "'--top <"),
        (&["learn", "nothing", "train.svm", "model"], "'nothing'"),
        (&["learn", "multiclass", "train.svm"], "<MODEL>"),
        (&["learn", "multiclass", "train.svm", "model", "more"], "'more'"),
        (&["classify", "test.svm", "good"], "<PREDICTIONS>"),
        (&["nothing"], "'nothing'"),
        (
            &["learn", "multiclass", "--json", "train.svm", "-"],
            "MODEL and --json cannot all use standard output",
        ),
        (
            &["learn", "multiclass", "--log", "-", "train.svm", "-"],
            "MODEL and --log cannot all use standard output",
        ),
        (
            &["validate", "multiclass", "--log", "-", "train.svm"],
            "--log and the table cannot all use standard output",
        ),
        (
            &["classify", "--json", "test.svm", "good", "-"],
            "PREDICTIONS and --json cannot all use standard output",
        ),
        (
            &["classify", "-", "-", "predictions"],
            "EXAMPLES and MODEL cannot all use standard input",
        ),
        (&["evaluate", "-", "-"], "EXAMPLES and MODEL cannot all use standard input"),
    ];
    for (arguments, expected) in table {
        home.refuses(arguments, &[expected]);
    }
}

/// A small file may ask for any number of weights: with many tags and a high order, or with many
/// classes.
#[cfg(unix)]
#[test]
fn weights_for_which_there_is_no_memory_are_refused_with_their_number() {
    let home = Home::new();
    let tags =
        |count: usize| (1..=count).map(|tag| format!("{tag} qid:{tag} 1:1\n")).collect::<String>();
    home.write("few", tags(20));
    home.write("many", tags(200));
    // In so many KiB of address space, which is what machines have too little of somewhere else.
    let limited = |words: &[&str]| {
        let program = assert_cmd::cargo::cargo_bin!("crosscut");
        let script = "ulimit -v 4000000 && exec \"$0\" \"$@\"";
        let mut command = std::process::Command::new("sh");
        let output = command
            .arg("-c")
            .arg(script)
            .arg(program)
            .args(words)
            .current_dir(home.path("."))
            .output()
            .unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    // 200 + 200² + 200³ + 200⁴ weights.
    let found = "many: expected weights for which there is memory, found 1608040200 of them: 12864321600 bytes, and training needs \
                 about 4 times as much";
    let sizes = " (200 tags, 1 features, 1608040000 transitions)";
    let before = home.files();
    for (words, expected) in [
        (
            &["learn", "sequence", "--threads", "1", "--t", "3", "many", "model"][..],
            format!("{found}{sizes}\n"),
        ),
        (
            &["validate", "sequence", "--threads", "1", "--folds", "2", "--t", "3", "many"],
            format!("{found}{sizes}\n"),
        ),
        (&["svm_hmm_learn", "-c", "1", "--t", "3", "many", "model"], format!("{found}\n")),
    ] {
        let (code, err) = limited(words);
        assert!(code == Some(2) && err.ends_with(&expected), "{words:?}: {code:?} {err}");
    }
    assert!(home.files() == before);
    let (code, err) = limited(&[
        "learn",
        "sequence",
        "--threads",
        "1",
        "--t",
        "3",
        "--passes",
        "3",
        "few",
        "model",
    ]);
    assert!(code == Some(0), "{err}");
}

#[test]
fn tables_for_tags_are_not_made_beyond_all_measure() {
    let home = Home::new();
    let tags = (1..=4097).map(|tag| format!("B-{tag} qid:{tag} 1:1\n")).collect::<String>();
    home.write("tags", &tags);
    let expected = "tags: tags are constrained if there are at most 4096 of them, not 4097";
    home.refuses(
        &["learn", "sequence", "--t", "0", "--constrain", "bio", "tags", "model"],
        &[expected],
    );

    // 100 tags and order 3 make 10^6 states.
    let line = |qid: usize, tag: usize| format!("{tag} qid:{qid} 1:1\n");
    let long: String = (0..1074).map(|token| line(1, token % 100)).collect();
    home.write("long", &long);
    let expected = "expected a sequence of at most 1073 tokens, since its table has 1000000 numbers for each of them, and 2^30 in all";
    home.refuses(&["learn", "sequence", "--t", "3", "long", "model"], &["long:1: ", expected]);
    home.write("few", (0..6).map(|token| line(1 + token / 3, token % 3)).collect::<String>());
    home.succeeds(&["learn", "sequence", "--t", "3", "--passes", "2", "few", "small"]);
    home.succeeds(&["classify", "long", "small", "predictions"]);
}
