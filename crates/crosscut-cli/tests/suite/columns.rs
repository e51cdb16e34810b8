//! Columns as users of the program meet them: CoNLL-U, the column of the tag, templates of their own.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, and so do its helpers")]

use crate::common;

use common::Home;

/// Sentences of CoNLL-U in which the tag of a word depends on the word and the one before.
fn conllu(from: usize, to: usize) -> String {
    let sentence = |i: usize| {
        let words = [
            (["the", "a"][i % 2], "DET", "DT"),
            (["dog", "cat", "plan"][i % 3], "NOUN", "NN"),
            (["runs", "plan", "sees"][i % 3], "VERB", "VB"),
        ];
        let word = |(at, (form, upos, xpos)): (usize, (&str, &str, &str))| {
            format!("{}\t{form}\t{form}\t{upos}\t{xpos}\t_\t0\troot\t_\t_\n", at + 1)
        };
        let skipped = usize::from(i.is_multiple_of(4));
        let words: String = words[skipped..].iter().copied().enumerate().map(word).collect();
        format!(
            "# sent_id = {i}\n1-2\tx y\t_\t_\t_\t_\t_\t_\t_\t_\n{words}2.1\t_\t_\tX\t_\t_\t_\t_\t_\t_\n\n"
        )
    };
    (from..to).map(sentence).collect()
}

fn home() -> Home {
    let home = Home::new();
    home.write("train.conllu", conllu(0, 24));
    home.write("test.conllu", conllu(24, 36));
    home.write("untagged.conllu", conllu(24, 36).replace("\tNOUN\t", "\t_\t"));
    home.write("train.txt", "DT the\nNN dog\nVB runs\n\nDT a\nNN plan\n\nNN cat\nVB plan\n");
    home.write("pairs", "U0:%x[0,1]\nB0:%x[0,1]\n");
    home
}

#[test]
fn conllu_goes_from_a_treebank_to_measures_and_back() {
    let home = home();
    let learned = home.json(&["learn", "sequence", "--template", "pos", "train.conllu", "model"]);
    assert_eq!(learned["sizes"]["tags"], 3);
    let report = home.json(&["evaluate", "test.conllu", "model"]);
    assert_eq!((&report["token_accuracy"], &report["tokens"]), (&1.0.into(), &33.0.into()));
    for file in ["test.conllu", "untagged.conllu"] {
        home.succeeds(&["classify", file, "model", "predictions"]);
        assert_eq!(home.text("predictions"), home.text("test.conllu"), "{file}");
    }
    let piped = home.run_with(&["classify", "-", "model", "-"], &home.read("untagged.conllu"));
    assert_eq!(piped.out, home.text("test.conllu"));
    // Comments alone are no sentence.
    home.write("comments", "# a\n\n# b\n");
    home.succeeds(&["classify", "comments", "model", "predictions"]);
    assert_eq!(home.text("predictions"), "");
    home.refuses(
        &["evaluate", "untagged.conllu", "model"],
        &["untagged.conllu: expected labelled examples, found none with an output"],
    );

    // Probabilities are attributes; n best taggings are sentences of CoNLL-U.
    let log =
        ["learn", "sequence", "--objective", "log", "--template", "pos", "train.conllu", "log"];
    home.succeeds(&log);
    home.succeeds(&["classify", "--probabilities", "test.conllu", "log", "predictions"]);
    let text = home.text("predictions");
    assert_eq!(text.matches("\tProbability=0.").count(), 33, "{text}");
    assert_eq!(text.lines().count(), home.text("test.conllu").lines().count());
    home.succeeds(&["classify", "--n-best", "2", "test.conllu", "log", "predictions"]);
    home.succeeds(&["classify", "predictions", "log", "again"]);
    assert_eq!(home.text("again").lines().count(), home.text("predictions").lines().count());

    // In pieces: the same task and optimum.
    let options = ["--template", "pairs", "--tag-column", "XPOS", "--gap", "1e-4"];
    let streamed = home.json(
        &[&["learn", "sequence", "--stream"], &options[..], &["train.conllu", "streamed"]].concat(),
    );
    let whole =
        home.json(&[&["learn", "sequence"], &options[..], &["train.conllu", "whole"]].concat());
    let number = |value: &serde_json::Value| value.as_f64().unwrap();
    let [a, b] = [&streamed, &whole].map(|learned| number(&learned["primal"]));
    assert!((a - b).abs() <= 1e-3 * a, "{a} {b}");
    home.json(
        &[&["validate", "sequence", "--folds", "2"], &options[..4], &["train.conllu"]].concat(),
    );
}

#[test]
fn features_of_pairs_have_names_and_priors() {
    let home = home();
    let learn = ["learn", "sequence", "--template", "pairs", "--tag-column", "1"];
    home.write("wide", "U0:%x[0,1]\nU1:%x[-1,1]\nB0:%x[0,1]\nB\n");
    let learned = home.json(&[&learn[..], &["train.txt", "model"]].concat());
    // Six words, of which three come second or later.
    assert_eq!(
        (&learned["sizes"]["features"], &learned["sizes"]["pair_features"]),
        (&9.into(), &3.into())
    );
    assert_eq!(learned["dim"], 6 * 3 + 3 * 9);
    let shown = home.succeeds(&["inspect", "--top", "99", "model"]);
    assert!(shown.out.contains("tags DT NN, feature B0:dog"), "{shown:?}");
    let more = ["--prior", "model", "--template", "wide", "--tag-column", "1"];
    home.succeeds(&[&["learn", "sequence"], &more[..], &["train.txt", "near"]].concat());
    let (whole, column) = (["learn", "sequence", "--t", "1", "--e", "1"], ["--template", "pairs"]);
    let all = home.json(&[&whole[..], &column, &["--tag-column", "1", "train.txt", "e1"]].concat());
    assert_eq!(all["dim"], 6 * 3 + 9 * 9 + 9);
    home.succeeds(&["classify", "train.txt", "near", "predictions"]);
    assert!(home.text("predictions").starts_with("DT the DT\nNN dog NN\nVB runs VB\n\n"));

    // A checkpoint belongs to its column.
    let keep = ["--checkpoint", "check", "--passes", "1", "--every", "1"];
    let run = |column, more: &[&str]| {
        let learn = ["learn", "sequence", "--template", "pos", "--tag-column", column];
        home.run(&[&learn[..], more, &["train.conllu", "model"]].concat())
    };
    assert_eq!(run("UPOS", &keep).code, 0);
    assert_eq!(run("XPOS", &["--resume", "check"]).code, 2);
    assert_eq!(run("UPOS", &["--resume", "check"]).code, 0);
}

#[test]
fn templates_are_printed() {
    let home = home();
    home.write("words.txt", "the DT\ndog NN\n\na DT\nplan NN\n");
    for name in ["pos", "ner"] {
        let printed = home.succeeds(&["learn", "sequence", "--print-template", name]);
        assert!(printed.out.contains("\nU00:%x[0,0]\n") && printed.err.is_empty(), "{printed:?}");
        home.write("mine", &printed.out);
        home.succeeds(&["learn", "sequence", "--template", "mine", "words.txt", "a"]);
        home.succeeds(&["learn", "sequence", "--template", name, "words.txt", "b"]);
        home.succeeds(&["classify", "words.txt", "a", "of-a"]);
        home.succeeds(&["classify", "words.txt", "b", "of-b"]);
        assert_eq!(home.read("of-a"), home.read("of-b"));
    }
    let printed = home.succeeds(&["learn", "sequence", "--print-template=chunking"]).out;
    assert!(printed.contains("%x[0,1]"), "{printed}");
    for arguments in [
        &["learn", "sequence", "--print-template", "words"][..],
        &["learn", "sequence", "--print-template"],
        &["learn", "sequence", "--print-template", "pos", "words.txt", "model"],
        &["learn", "sequence", "--print-template", "pos", "--t", "1"],
        &["learn", "multiclass", "--print-template", "pos"],
        &["validate", "sequence", "--print-template", "pos"],
    ] {
        assert_eq!(home.run(arguments).code, 2, "{arguments:?}");
    }
}

#[test]
fn notes_say_why_there_are_no_figures_on_chunks() {
    let home = home();
    let figures = |tags: &str| {
        home.write(
            "tags.txt",
            tags.split(' ').map(|tag| format!("w{tag} {tag}\n")).collect::<String>(),
        );
        home.succeeds(&["learn", "sequence", "--template", "pos", "tags.txt", "model"]);
        let run = home.succeeds(&["evaluate", "tags.txt", "model"]);
        (run.out.contains("chunk_f1"), run.err.contains("no figures on chunks: "))
    };
    for (tags, expected) in [
        ("O B-X I-X", (true, false)),
        ("X_B X_M X_E Y_S", (true, false)),
        ("O B-X I-X NN", (false, true)),
        ("NN VB PRP$", (false, false)),
    ] {
        assert_eq!(figures(tags), expected, "{tags}");
    }
}

/// Comments between sentences, and after the last one, stay where they are, however the file is cut
/// into pieces.
#[test]
fn a_treebank_of_many_pieces_is_written_back_whole() {
    let home = home();
    home.succeeds(&["learn", "sequence", "-v", "0", "--template", "pos", "train.conllu", "model"]);
    // Some of these blocks of comments are at the beginning or the end of a piece.
    let block = |i: usize| format!("# block {i} {}\n\n{}", "x".repeat(i % 97), conllu(i, i + 1));
    let end = "# the end\n\n# and more\n";
    let treebank = (0..6000).map(block).collect::<String>() + end;
    home.write("many.conllu", &treebank);
    for threads in ["1", "2"] {
        home.succeeds(&["classify", "--threads", threads, "many.conllu", "model", "written"]);
        let written = home.text("written");
        // The tags may differ, the lines and their order may not.
        let bare = |text: &str| -> Vec<String> {
            let line = |line: &str| match line.split('\t').collect::<Vec<_>>().as_slice() {
                [id, form, lemma, _, rest @ ..] => {
                    format!("{id} {form} {lemma} {}", rest.join(" "))
                }
                _ => line.to_owned(),
            };
            text.trim_end().lines().map(line).collect()
        };
        assert!(bare(&written) == bare(&treebank), "with {threads} threads");
    }
    // Answered one by one, all but the comments after the last sentence.
    let answers = home.run_with(&["classify", "--flush", "-", "model", "-"], treebank.as_bytes());
    let sentences = treebank.strip_suffix(end).unwrap();
    assert_eq!(answers.out.lines().count(), sentences.lines().count());
}
