//! CSV and TSV files through every verb, `--class-weight`, and labels that are no classes.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, and so do its helpers")]

use crate::common;

use common::{Home, gzip};

/// The same numbers as a table and as svm-light lines: `t.csv`, `t.svm`, and by queries `q.tsv`,
/// `q.svm`.
fn home() -> Home {
    let home = Home::new();
    let (mut csv, mut svm) = ("length,width,kind,weight\n".to_owned(), String::new());
    let (mut tsv, mut ranked) = ("query\tgrade\tx\ty\tweight\n".to_owned(), String::new());
    for i in 0..60 {
        let (a, b) = (0.37 * (i * 7 % 11) as f64 - 1.3, 0.1 * (i * 5 % 13) as f64 + (i % 3) as f64);
        let (kind, weight) = (["A", "B", "C"][i % 3], 1.0 + 0.25 * (i % 4) as f64);
        csv += &format!("{a},\"{b}\",{kind},{weight}\n");
        svm += &format!("{kind} cost:{weight} 1:{a} 2:{b}\n");
        let (query, grade) = (i / 6, i % 4);
        tsv += &format!("query {query}\t{grade}\t{a}\t{b}\t{weight}\n");
        ranked += &format!("{grade} qid:{query} cost:{weight} 1:{a} 2:{b} # d{}\n", i + 2);
    }
    for (name, text) in [("t.csv", csv), ("t.svm", svm), ("q.tsv", tsv), ("q.svm", ranked)] {
        home.write(name, text);
    }
    home
}

const CSV: [&str; 4] = ["--label", "kind", "--weight-column", "weight"];
const TSV: [&str; 6] = ["--label", "grade", "--group-column", "query", "--weight-column", "weight"];

#[test]
fn tables_are_learned_as_svm_light_lines_of_the_same_numbers() {
    let home = home();
    for more in [&[][..], &["--scale", "standard", "--bias", "1"], &["--objective", "log"]] {
        let learn = |options: &[&str], file: &str, model: &str| {
            home.succeeds(&[&["learn", "multiclass"], options, more, &[file, model]].concat())
        };
        learn(&CSV, "t.csv", "table");
        learn(&[], "t.svm", "lines");
        home.succeeds(&["classify", "t.csv", "table", "out.table"]);
        home.succeeds(&["classify", "t.svm", "lines", "out.lines"]);
        assert_eq!(home.text("out.table"), home.text("out.lines"), "{more:?}");
        let measures = |file, model| home.json(&["evaluate", file, model]);
        assert_eq!(measures("t.csv", "table"), measures("t.svm", "lines"));
        let validate = |options: &[&str], file| {
            home.succeeds(&[&["validate", "multiclass"], options, more, &[file]].concat()).out
        };
        assert_eq!(validate(&CSV, "t.csv"), validate(&[], "t.svm"));
    }
    for more in [&[][..], &["--scale", "query"], &["--scale", "standard", "-l", "2"]] {
        let learn = |options: &[&str], file: &str, model: &str| {
            home.succeeds(&[&["learn", "ranking"], options, more, &[file, model]].concat())
        };
        learn(&TSV, "q.tsv", "table");
        learn(&[], "q.svm", "lines");
        for ranks in [&[][..], &["--ranks"]] {
            home.succeeds(&[&["classify"], ranks, &["q.tsv", "table", "out.table"]].concat());
            home.succeeds(&[&["classify"], ranks, &["q.svm", "lines", "out.lines"]].concat());
            let table = home.text("out.table").replace("query_", "");
            assert_eq!(table, home.text("out.lines"), "{more:?}");
        }
        assert_eq!(
            home.json(&["evaluate", "q.tsv", "table"]),
            home.json(&["evaluate", "q.svm", "lines"])
        );
    }
}

#[test]
fn names_of_columns_go_wherever_features_are_named() {
    let home = home();
    let names = |model: &str| home.succeeds(&["inspect", model]).out;
    home.succeeds(&[&["learn", "multiclass", "--bias", "1"], &CSV[..], &["t.csv", "m"]].concat());
    let inspected = names("m");
    assert!(
        inspected.contains("class A, feature length") && inspected.contains("class C, bias"),
        "{inspected}"
    );
    home.succeeds(&[&["learn", "ranking"], &TSV[..], &["q.tsv", "r"]].concat());
    assert!(names("r").contains("feature x\n"));
    // Sizes that are far apart, and constants.
    home.write("far.csv", "a,big,one,k\n1,20000,1,x\n-1,30000,1,y\n0.5,90000,1,y\n");
    let told = home.succeeds(&["learn", "multiclass", "--label", "k", "far.csv", "m2"]).err;
    assert!(told.contains("feature big has values over"), "{told}");
    let told = home
        .succeeds(&["learn", "multiclass", "--label", "k", "--scale", "standard", "far.csv", "m2"])
        .err;
    assert!(told.contains("feature one has one value only"), "{told}");
    // A prior is matched by names: of columns in another order, with a value more.
    home.write("old.csv", "colour,age,k\nred,1,x\nblue,2,y\nred,3,x\n");
    home.write("new.csv", "k,height,age,colour\nx,5,1,red\ny,4,2,green\nx,3,3,blue\n");
    home.succeeds(&["learn", "multiclass", "--label", "k", "old.csv", "prior"]);
    home.succeeds(&["learn", "multiclass", "--label", "k", "--prior", "prior", "new.csv", "m3"]);
    let inspected = names("m3");
    let moved = inspected.split("moved furthest").nth(1).unwrap();
    let from = |name: &str| moved.lines().find(|line| line.contains(name)).unwrap().to_owned();
    assert!(from("class x, feature height").contains("(from +0"), "{moved}");
    assert!(!from("class x, feature age").contains("(from +0)"), "{moved}");
}

#[test]
fn what_is_read_with_a_model_may_look_otherwise() {
    let home = home();
    home.write("train.csv", "colour,age,k\nred,1,x y\nblue,NA,z\nred,3,x y\n");
    home.write("packed", gzip(&home.read("train.csv")));
    home.succeeds(&["learn", "multiclass", "--label", "k", "packed", "m"]);
    home.write("test.csv", "age\tcolour\tid\n1\tgreen\t1\n\tred\t2\n");
    let run = home.succeeds(&["classify", "test.csv", "m", "-"]);
    assert_eq!(run.out.lines().count(), 2);
    for note in
        ["columns that the model does not know are passed over: id", "colour (1, no features)"]
    {
        assert!(run.err.contains(note), "{run:?}");
    }
    // From standard input, in which labels are found too.
    let run = home.run_with(&["evaluate", "-", "m"], &home.read("train.csv"));
    assert!(run.code == 0 && run.out.contains("examples         3"), "{run:?}");
    for text in ["", "age,colour\n"] {
        home.write("empty", text);
        home.succeeds(&["classify", "empty", "m", "out"]);
        assert_eq!(home.text("out"), "");
        home.refuses(&["evaluate", "empty", "m"], &["empty: expected at least one example"]);
    }
    home.write("bare.csv", "age,colour\n1,red\n");
    home.refuses(&["evaluate", "bare.csv", "m"], &["expected labelled examples"]);
    home.refuses(
        &["classify", "t.svm", "m", "out2"],
        &["t.svm: expected the columns of the training table, found no `colour`"],
    );
    home.succeeds(&["learn", "multiclass", "t.svm", "lines"]);
    home.refuses(
        &["classify", "train.csv", "lines", "out2"],
        &["train.csv: ", "the model was not trained on a table"],
    );
}

#[test]
fn tables_without_label_are_refused_with_their_columns() {
    let home = home();
    for task in ["multiclass", "ranking"] {
        let expected = [
            "t.csv: expected svm-light lines, found a table with the columns length, width, kind, weight: give --label COLUMN",
        ];
        home.refuses(&["learn", task, "t.csv", "m"], &expected);
        home.refuses(&["validate", task, "t.csv"], &expected);
        home.refuses(
            &["learn", task, "--ignore", "kind", "t.csv", "m"],
            &["--ignore expects --label COLUMN beside it"],
        );
        home.refuses(
            &["learn", task, "--stream", "--label", "kind", "t.csv", "m"],
            &["--label expects", "--stream"],
        );
        home.refuses(
            &["learn", task, "--label", "no", "t.csv", "m"],
            &["--label expects a column of the table (length, width, kind, weight)"],
        );
    }
    home.write("plain", "1,2\n3,4\n");
    home.refuses(&["learn", "multiclass", "plain", "m"], &["with --label COLUMN"]);
    home.refuses(
        &["learn", "multiclass", "--group-column", "x", "--label", "kind", "t.csv", "m"],
        &["--group-column"],
    );
}

#[test]
fn queries_of_tables_are_in_one_piece() {
    let home = home();
    let learn = ["learn", "ranking", "--label", "g", "--group-column", "q"];
    home.write("q.csv", "q,g,x\na,1,1\nb,0,2\n\"a\",2,1\n");
    home.refuses(
        &[&learn[..], &["q.csv", "m"]].concat(),
        &["q.csv:4: expected the rows of query `a` one after the other", "sort the table"],
    );
    home.write("q.csv", "q,g,x\na b,1,1\na b,0,2\na_b,2,1\na_b,1,3\n");
    home.succeeds(&[&learn[..], &["q.csv", "m"]].concat());
    home.refuses(
        &["classify", "--ranks", "q.csv", "m", "out"],
        &["q.csv:4: expected queries of different names where _"],
    );
    home.succeeds(&["classify", "q.csv", "m", "out"]);
    home.write("sizes", "4\n");
    home.refuses(
        &[&learn[..], &["--group", "sizes", "q.csv", "m2"]].concat(),
        &["from --group or from --group-column, found both"],
    );
    home.succeeds(&[
        "learn", "ranking", "--label", "g", "--ignore", "q", "--group", "sizes", "q.csv", "m2",
    ]);
    home.write("q.csv", "q,g,x\n,1,1\n");
    home.refuses(
        &[&learn[..], &["q.csv", "m2"]].concat(),
        &["q.csv:2: expected the name of a query in column `q`"],
    );
    home.write("q.csv", "g,x\nhigh,1\nlow,2\n");
    home.refuses(
        &["learn", "ranking", "--label", "g", "q.csv", "m2"],
        &["q.csv:2: expected a grade that is a finite number, found `high`"],
    );
}

#[test]
fn class_weights_multiply_the_weights_of_examples() {
    let home = home();
    // 30 of A, 20 of B, 10 of C.
    let kinds = |i: usize| {
        if i.is_multiple_of(2) {
            "A"
        } else if i % 6 == 1 {
            "C"
        } else {
            "B"
        }
    };
    let points =
        |i: usize| format!("1:{} 2:{}", (i * 7 % 11) as f64 - 3.5, (i * 5 % 13) as f64 - 6.0);
    let file = |weight: &dyn Fn(&str) -> Option<f64>| -> String {
        let line = |i| {
            let cost = weight(kinds(i)).map_or(String::new(), |weight| format!(" cost:{weight}"));
            format!("{}{cost} {}\n", kinds(i), points(i))
        };
        (0..60).map(line).collect()
    };
    home.write("plain", file(&|_| None));
    let balanced = |kind: &str| {
        Some(
            20.0 / match kind {
                "A" => 30.0,
                "B" => 20.0,
                _ => 10.0,
            },
        )
    };
    home.write("balanced.svm", file(&balanced));
    home.write(
        "listed.svm",
        file(&|kind| {
            Some(match kind {
                "A" => 0.5,
                "B" => 1.0,
                _ => 4.0,
            })
        }),
    );
    home.write("weights", "# weights\nA 0.5\n\nC\t4\n");
    let learn = |options: &[&str], file: &str| {
        home.succeeds(&[&["learn", "multiclass", "--bias", "1"], options, &[file, "m"]].concat());
        home.succeeds(&["classify", "plain", "m", "out"]);
        // Measures are those of the examples as they stand in the file.
        (home.text("out"), home.json(&["evaluate", "plain", "m"])["support"].clone())
    };
    for stream in [&[][..], &["--stream"]] {
        let with = |weight: &'static str| [&["--class-weight", weight], stream].concat();
        assert_eq!(learn(&with("balanced"), "plain"), learn(stream, "balanced.svm"));
        assert_eq!(learn(&with("weights"), "plain"), learn(stream, "listed.svm"));
        assert_ne!(learn(stream, "plain"), learn(stream, "balanced.svm"));
    }
    let plain = home.json(&["evaluate", "plain", "m"]);
    assert_eq!(plain["examples"], 60.0);
    home.succeeds(&["validate", "multiclass", "--class-weight", "balanced", "plain"]);
    for (text, expected) in [
        ("A 1\nD 2\n", "bad:2: expected a label of the training examples, found `D`"),
        ("A\n", "bad:1: expected `label weight`, found `A`"),
        ("A x\n", "bad:1: expected a weight, a finite number of at least 0, found `x`"),
        ("A -1\n", "found `-1`"),
        ("A 1\nA 2\n", "bad:2: expected each label once, found `A` again"),
        ("# A 1\n", "bad: expected lines `label weight`, found none"),
    ] {
        home.write("bad", text);
        home.refuses(&["learn", "multiclass", "--class-weight", "bad", "plain", "m2"], &[expected]);
    }
    home.refuses(
        &["learn", "multiclass", "--class-weight", "missing", "plain", "m2"],
        &["missing: cannot be read"],
    );
    home.refuses(
        &["learn", "multiclass", "--class-weight", "weights", "plain", "weights"],
        &["weights"],
    );
    home.refuses(
        &["learn", "ranking", "--class-weight", "balanced", "q.svm", "m2"],
        &["--class-weight"],
    );
    // A model may have the name of the word.
    home.succeeds(&["learn", "multiclass", "--class-weight", "balanced", "plain", "balanced"]);
    // Training goes on with the same weights only.
    let learn = ["learn", "multiclass", "--class-weight"];
    home.succeeds(
        &[&learn[..], &["weights", "--passes", "2", "--checkpoint", "kept", "plain", "m3"]]
            .concat(),
    );
    home.write("weights", "A 0.25\n");
    for weight in ["weights", "balanced"] {
        home.refuses(
            &[&learn[..], &[weight, "--resume", "kept", "plain", "m4"]].concat(),
            &["the checkpoint was made with --class-weight"],
        );
    }
}

#[test]
fn lists_of_labels_and_measurements_are_refused() {
    let home = home();
    home.write("lists", "1,3 1:1\n2 1:2\n2,3 2:1\n");
    for more in [&[][..], &["--stream"]] {
        home.refuses(
            &[&["learn", "multiclass"], more, &["lists", "m"]].concat(),
            &["lists: expected one label an example, found lists of labels such as `1,3`"],
        );
    }
    home.write("lists.csv", "x,y\n1,\"red, blue\"\n2,red\n3,blue\n");
    home.refuses(
        &["learn", "multiclass", "--label", "y", "lists.csv", "m"],
        &["such as `red, blue`", "a model for each label"],
    );
    let prices: String = (0..30).map(|i| format!("{i},{}.5\n", i * i)).collect();
    home.write("prices.csv", format!("x,price\n{prices}"));
    home.refuses(
        &["learn", "multiclass", "--label", "price", "prices.csv", "m"],
        &["prices.csv: expected classes, found 30 different labels of 30 examples, real numbers"],
    );
    home.write("cities", "Portland,OR 1:1\nSalem,OR 1:2\nWashington,D.C. 2:1\n");
    home.succeeds(&["learn", "multiclass", "cities", "m"]);
}
