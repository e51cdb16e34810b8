//! The programs of the SVM^struct family, as their scripts meet them: printed lines, files, flags,
//! errors.
//!
//! `tests/data/svmstruct` has hand-made models and examples, and what the original programs predict
//! and print for them.

#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use crate::common;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use common::{Home, Run, gzip};
use regex::Regex;

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/svmstruct");
const NAMES: [&str; 8] = [
    "svm_multiclass_learn",
    "svm_multiclass_classify",
    "svm_hmm_learn",
    "svm_hmm_classify",
    "svm_rank_learn",
    "svm_rank_classify",
    "svm_proprank_learn",
    "svm_proprank_classify",
];

/// Training data on whose optimal values independent programs agree, with a program and its flags.
const TRAINING: [(&str, &str, &str, f64); 4] = [
    // Their loss is 100, which makes the objective 10⁴ times as large; 7:1 is the bias.
    (
        "svm_multiclass",
        "../crosscut-multiclass/tests/data/multiclass.train.svm",
        "-c 12000",
        95_128.43,
    ),
    ("svm_hmm", "../crosscut-sequence/tests/data/sequence.train.hmm", "-c 60", 52.058_53),
    ("svm_rank", "../crosscut-ranking/tests/data/ranking.train.dat", "-c 30", 81.95),
    ("svm_proprank", "../crosscut-ranking/tests/data/proprank.train.dat", "-c 1", 1.984_41),
];

/// A folder with the training data and the golden files.
fn home() -> Home {
    let home = Home::new();
    for (program, file, ..) in TRAINING {
        let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap();
        let bias = |line: &str| match line.split_once('#') {
            Some((features, comment)) => format!("{} 7:1 #{comment}\n", features.trim_end()),
            None => format!("{} 7:1\n", line.trim_end()),
        };
        let text =
            if program == "svm_multiclass" { text.lines().map(bias).collect() } else { text };
        home.write(&format!("{program}.train"), text);
    }
    for entry in fs::read_dir(GOLDEN).unwrap() {
        let path = entry.unwrap().path();
        home.write(path.file_name().unwrap().to_str().unwrap(), fs::read(&path).unwrap());
    }
    home
}

/// Says what is not tested, also where the output of passing tests is hidden.
fn skip(what: &str) {
    let _ = writeln!(std::io::stderr(), "SKIPPED: {what}");
}

fn words(text: &str) -> Vec<&str> {
    text.split(' ').filter(|word| !word.is_empty()).collect()
}

/// Runs a line like `svm_rank_learn -c 3 a b`, which must succeed and say nothing on standard
/// error.
fn quiet(home: &Home, line: &str) -> Run {
    let run = home.succeeds(&words(line));
    assert_eq!(run.err, "", "{line}");
    run
}

fn figure(text: &str, pattern: &str) -> f64 {
    let found = Regex::new(pattern)
        .unwrap()
        .captures(text)
        .unwrap_or_else(|| panic!("no {pattern} in {text}"));
    found[1].parse().unwrap()
}

/// Checks text against lines in which `¤` stands for a number and `…` for anything, all lines in
/// order.
fn assert_lines(text: &str, lines: &[&str]) {
    let mut pattern = String::from("^");
    for line in lines {
        pattern += &regex::escape(line).replace('¤', r"-?\d+(?:\.\d+)?").replace('…', "[^\n]*");
        pattern += "\n";
    }
    pattern += "$";
    assert!(
        Regex::new(&pattern).unwrap().is_match(text),
        "expected\n{}\nfound\n{text}",
        lines.join("\n")
    );
}

/// The lines without those of iterations, of which there must be some.
fn without_iterations(text: &str) -> String {
    let one = Regex::new(
        r"(?m)^Iter \d+(: \.{1,9}| \(\d+ active\): [.+]+)\*?\(NumConst=\d+, SV=\d+, CEps=\d+\.\d{4}, QPEps=\d+\.\d{4}\)\n",
    )
    .unwrap();
    assert!(one.is_match(text), "{text}");
    one.replace_all(text, "").into_owned()
}

const END: [&str; 5] = [
    "Final epsilon on KKT-Conditions: ¤",
    "Upper bound on duality gap: ¤",
    "Dual objective value: dval=¤",
    "Primal objective value: pval=¤",
    "Total number of constraints in final working set: ¤ (of ¤)",
];
const CALLS: [&str; 2] =
    ["Number of iterations: ¤", "Number of calls to 'find_most_violated_constraint': ¤"];
const ONE_SLACK: [&str; 5] = [
    "Number of SV: ¤ ",
    "Norm of weight vector: |w|=¤",
    "Value of slack variable (on working set): xi=¤",
    "Value of slack variable (global): xi=¤",
    "Norm of longest difference vector: ||Psi(x,y)-Psi(x,ybar)||=¤",
];
const LAST: [&str; 2] = ["Compacting linear model...done", "Writing learned model...done"];

#[test]
fn learning_prints_the_lines_of_the_family() {
    let home = home();
    let cases: [(&str, &str, &[&str], &[&str]); 4] = [
        (
            "svm_multiclass",
            "-c 12000",
            &[
                "Reading training examples... (120 examples) done",
                "Training set properties: 7 features, 3 classes",
            ],
            &["Runtime in cpu-seconds: ¤", "Final number of constraints in cache: ¤"],
        ),
        (
            "svm_hmm",
            "-c 60 -w 4",
            &["Reading training examples... 60 examples, ¤ tokens, 9 features, 3 classes... done"],
            &[
                "Runtime in cpu-seconds: ¤",
                "Final number of constraints in cache: ¤",
                "Viterbi timing: CreateTransEmitMatrix=¤ Viterbi=¤",
            ],
        ),
        (
            "svm_rank",
            "-c 30",
            &[
                "Reading training examples...done",
                "Training set properties: ¤ features, 30 rankings, 240 examples",
                "NOTE: Adjusted stopping criterion relative to maximum loss: eps=¤",
            ],
            &["Runtime in cpu-seconds: ¤"],
        ),
        (
            "svm_proprank",
            "-c 1",
            &[
                "Reading training examples...done",
                "Training set properties: ¤ features, 3 rankings, ¤ examples",
                "NOTE: Adjusted stopping criterion relative to maximum loss: eps=¤",
            ],
            &["Runtime in cpu-seconds: ¤"],
        ),
    ];
    for (program, flags, head, cache) in cases {
        let run = quiet(&home, &format!("{program}_learn {flags} {program}.train m"));
        let lines = [head, &END, &CALLS, &ONE_SLACK, cache, &LAST].concat();
        assert_lines(&without_iterations(&run.out), &lines);
        // The numbers fit together.
        let (primal, dual) = (figure(&run.out, r"pval=(\S+)"), figure(&run.out, r"dval=(\S+)"));
        let c: f64 = words(flags)[1].parse().unwrap();
        let (norm, slack) =
            (figure(&run.out, r"\|w\|=(\S+)"), figure(&run.out, r"\(global\): xi=(\S+)"));
        let gap = figure(&run.out, "Upper bound on duality gap: (.+)");
        assert!((primal - dual - gap).abs() <= 2e-5, "{}", run.out);
        let rounding = 1e-5 * (c + norm + 1.0);
        assert!((0.5 * norm * norm + c * slack - primal).abs() <= rounding, "{}", run.out);
        assert!(
            (c * figure(&run.out, "KKT-Conditions: (.+)") - gap).abs() <= c * 1e-5 + 1e-5,
            "{}",
            run.out
        );
    }

    let run =
        quiet(&home, "svm_multiclass_learn -w 0 -c 12000 -v 2 -q 20 -n 5 svm_multiclass.train m");
    assert_lines(
        &without_iterations(&run.out),
        &[
            "Reading training examples... (120 examples) done",
            "Training set properties: 7 features, 3 classes",
            "Size of Phi: 21",
            "NOTE: Flags of another optimiser, without effect here: -q 20 -n 5",
            "Setting current working precision to 0.1.",
            END[0],
            END[1],
            END[2],
            END[4],
            CALLS[0],
            CALLS[1],
            ONE_SLACK[0],
            "Number of non-zero slack variables: ¤ (out of 120)",
            ONE_SLACK[1],
            "Norm. sum of slack variables (on working set): sum(xi_i)/n=¤",
            ONE_SLACK[4],
            "Runtime in cpu-seconds: ¤ (¤% for QP, ¤% for Argmax, ¤% for Psi, ¤% for init)",
            LAST[0],
            LAST[1],
        ],
    );
    for (program, _, flags, _) in TRAINING {
        let run = quiet(&home, &format!("{program}_learn {flags} -p 2 {program}.train m"));
        // The last iteration and the end say the same.
        let last = run.out.lines().rfind(|line| line.starts_with("Iter ")).unwrap();
        let (shown, end) =
            (figure(last, r"CEps=([^,]+)"), figure(&run.out, "KKT-Conditions: (.+)"));
        assert!((shown - end).abs() <= 1e-4, "{program}: {last}, {end}");
    }
    let run = quiet(&home, "svm_rank_learn -c 30 -p 2 svm_rank.train m");
    assert!(run.out.contains("\nNorm of weight vector (including L2-loss): |w|="), "{}", run.out);
    assert!(
        Regex::new(r"\nNumber of SV: \d+ \(including 0 at upper bound\)\n")
            .unwrap()
            .is_match(&run.out)
    );
    assert_eq!(quiet(&home, "svm_rank_learn -v 0 -c 30 svm_rank.train m").out, "");
}

#[test]
fn optima_are_those_on_which_programs_agree_whatever_the_algorithm() {
    let home = home();
    for (program, _, flags, optimum) in TRAINING {
        for algorithm in 0..=4 {
            for epsilon in ["1e-3", "1e-5"] {
                let line = format!(
                    "{program}_learn {flags} -w {algorithm} -e {epsilon} {program}.train m"
                );
                let out = quiet(&home, &line).out;
                let (dual, gap) =
                    (figure(&out, r"dval=(\S+)"), figure(&out, "Upper bound on duality gap: (.+)"));
                // -e is kept, in units of the loss; for pairs it is multiplied by their mean
                // number.
                let scale = if out.contains("eps=") {
                    figure(&out, "eps=(.+)")
                } else {
                    epsilon.parse().unwrap()
                };
                let c: f64 = words(flags)[1].parse().unwrap();
                assert!(gap <= c * scale * 1.001 + 1e-5, "{line}: {out}");
                let known = if program == "svm_rank" { 0.02 } else { 1e-6 * optimum + 1e-5 };
                assert!(
                    dual <= optimum + known && optimum <= dual + gap + known,
                    "{line}: {dual} {gap}"
                );
            }
        }
    }
}

/// With squared slacks the margin is the root of the loss: one example, two classes, a loss of 100
/// and so a margin of 10. With w₁ = −w₂ = v / 2, P = v² / 4 + C (10 − v)² is least at v = 40 C / (1
/// + 4 C).
#[test]
fn squared_slacks_have_the_root_of_the_loss_for_margin() {
    let home = home();
    home.write("two", "1 1:1\n2 1:-1\n");
    for (flags, margin) in [("-l 0", 10.0), ("-l 1", 1.0)] {
        let run = quiet(&home, &format!("svm_multiclass_learn -c 2 -p 2 -e 1e-7 {flags} two m"));
        let v = 8.0 * margin / 9.0;
        let expected = v * v / 4.0 + 2.0 * (margin - v) * (margin - v);
        assert!(
            (figure(&run.out, r"dval=(\S+)") - expected).abs() <= 1e-4,
            "{flags}: {expected} {}",
            run.out
        );
        let weights = home.text("m").lines().last().unwrap().to_owned();
        assert!((figure(&weights, r"^1 qid:0 1:(\S+) 2:-") - v / 2.0).abs() <= 1e-3, "{weights}");
    }
}

#[test]
fn models_of_the_originals_give_their_predictions_and_lines() {
    let home = home();
    for program in ["multiclass", "hmm", "rank", "proprank"] {
        let model = if program == "proprank" { "rank" } else { program };
        let line = format!("svm_{program}_classify {program}.test.dat {model}.model p");
        assert_eq!(
            quiet(&home, &line).out,
            home.text(&format!("{program}.classify.txt")),
            "{line}"
        );
        assert_eq!(home.text("p"), home.text(&format!("{program}.predictions")), "{line}");
    }
    // Packed files, Windows line ends, standard input.
    let dos = |name: &str| home.text(name).replace('\n', "\r\n");
    home.write("dos.model", dos("rank.model"));
    home.write("dos.gz", gzip(dos("rank.test.dat").as_bytes()));
    quiet(&home, "svm_rank_classify dos.gz dos.model p");
    assert_eq!(home.text("p"), home.text("rank.predictions"));
    let run = home.run_with(
        &words("svm_rank_classify - rank.model p"),
        home.text("rank.test.dat").as_bytes(),
    );
    assert_eq!((run.code, home.text("p")), (0, home.text("rank.predictions")));
}

#[test]
fn models_have_the_layout_of_the_family_and_are_read_again() {
    let home = home();
    let kernel = [
        "0 # kernel type",
        "3 # kernel parameter -d ",
        "1 # kernel parameter -g ",
        "1 # kernel parameter -s ",
        "1 # kernel parameter -r ",
        "empty# kernel parameter -u ",
    ];
    let vectors = [
        "2 # number of support vectors plus 1 ",
        "0 # threshold b, each following line is a SV (starting with alpha*y)",
    ];
    /// A program, its flags, the lines of its models before the kernel's and after the highest
    /// feature, the last one.
    type Case = (
        &'static str,
        &'static str,
        &'static [&'static str],
        &'static [&'static str],
        &'static str,
    );
    const DOCUMENTS: [&str; 1] = ["¤ # number of training documents "];
    let cases: [Case; 4] = [
        (
            "svm_multiclass",
            "-c 12000",
            &[
                "SVM-multiclass Version V2.20",
                "3 # number of classes",
                "7 # number of base features",
                "0 # loss function",
            ],
            &DOCUMENTS,
            "1 qid:0 1:… #",
        ),
        (
            "svm_hmm",
            "-c 60 --t 2 --e 1",
            &["SVM-HMM Version V3.10"],
            &[
                "9 # number of emission features ",
                "3 # number of classes ",
                "2 # HMM order of transitions ",
                "1 # HMM order of emissions ",
                "1 # loss function ",
            ],
            "1 4:… #",
        ),
        ("svm_rank", "-c 30", &["SVM-light Version V6.20"], &DOCUMENTS, "1 1:… #"),
        ("svm_proprank", "-c 1", &["SVM-light Version V6.20"], &DOCUMENTS, "1 1:… #"),
    ];
    for (program, flags, before, after, vector) in cases {
        quiet(&home, &format!("{program}_learn {flags} {program}.train m"));
        let lines =
            [before, &kernel, &["¤ # highest feature index "], after, &vectors, &[vector]].concat();
        assert_lines(&home.text("m"), &lines);
        let run = quiet(&home, &format!("{program}_classify {program}.train m p"));
        assert!(run.out.contains("Zero/one-error on test set: "), "{}", run.out);
        let lines = home
            .text(&format!("{program}.train"))
            .lines()
            .filter(|line| !line.starts_with('#'))
            .count();
        assert_eq!(home.text("p").lines().count(), lines, "{program}");
    }
}

#[test]
fn files_have_default_names_and_alphas_are_written() {
    let home = home();
    quiet(&home, "svm_rank_learn -c 30 -a alphas svm_rank.train");
    quiet(&home, "svm_rank_classify svm_rank.train svm_struct_model");
    assert_eq!(home.text("svm_predictions").lines().count(), 240);
    let alphas = |home: &Home| {
        home.text("alphas").lines().map(|line| line.parse::<f64>().unwrap()).collect::<Vec<_>>()
    };
    let found = alphas(&home);
    assert!(
        found.iter().all(|alpha| (0.0..=1.0 + 1e-9).contains(alpha))
            && found.iter().any(|alpha| *alpha > 0.0)
    );
    // With one slack for all examples they add up to C.
    home.write("one", home.text("svm_rank.train").lines().take(8).collect::<Vec<_>>().join("\n"));
    quiet(&home, "svm_rank_learn -c 0.01 -a alphas one m");
    assert!((alphas(&home).iter().sum::<f64>() - 0.01).abs() < 1e-9);
}

#[test]
fn labels_may_be_missing_where_nothing_is_learned() {
    let home = home();
    home.write("unlabelled", "0 1:1\n2 2:1\n");
    let run = quiet(&home, "svm_multiclass_classify unlabelled multiclass.model p");
    assert!(!run.out.contains("error"), "{}", run.out);
    assert_eq!(home.text("p").lines().count(), 2);
}

#[test]
fn what_cannot_be_is_refused_with_code_2() {
    let home = home();
    home.write("unsorted", "1 qid:1 2:1 1:1\n");
    home.write("text", "one qid:1 2:1\n");
    home.write("zero", "0 qid:1 2:1\n");
    home.write("back", "1 qid:1 1:1\n2 qid:2 1:1\n2 qid:1 1:1\n");
    home.write("unclicked", "0 qid:1 1:1\n0 qid:1 2:1\n");
    home.write("empty", "");
    home.write("kernel", home.text("rank.model").replace("0 # kernel", "2 # kernel"));
    home.write("short", home.text("rank.model").lines().take(12).collect::<Vec<_>>().join("\n"));
    home.write(
        "huge",
        home.text("multiclass.model").replace("4 # number of base", "9e14 # number of base"),
    );
    home.write("infinite", home.text("rank.model").replace("2 1:0.76", "1e300 1:1e38 2:0.76"));
    home.write(
        "wide",
        home.text("hmm.model").replace("3 # number of classes", "60000 # number of classes"),
    );
    home.write("lossy", home.text("hmm.model").replace("1 # loss function", "7 # loss function"));
    let dense = home.text("multiclass.model");
    let dense = dense.replace("3 # number of classes", "1048576 # number of classes");
    let dense: String = dense
        .lines()
        .filter(|line| !line.starts_with("1 qid"))
        .map(|line| format!("{line}\n"))
        .collect();
    home.write(
        "dense",
        dense
            .replace("4 # number of base", "100 # number of base")
            .replace("13 # highest", "100 # highest")
            + &{ (1..=20).fold("1 ".to_owned(), |line, id| line + &format!("{id}:1 ")) + "\n" },
    );
    home.write("deep", home.text("hmm.model").replace("2 # HMM order", "7 # HMM order"));
    let table = [
        ("svm_rank_learn -c 1", "expects a file of training examples"),
        ("svm_rank_learn svm_rank.train", "expects -c C"),
        ("svm_rank_learn -c", "-c expects a value after it"),
        ("svm_rank_learn -c 0 svm_rank.train", "-c expects a number above 0, not `0`"),
        ("svm_rank_learn -c -1 svm_rank.train", "-c expects a number above 0, not `-1`"),
        ("svm_rank_learn -c nan svm_rank.train", "-c expects a number above 0, not `nan`"),
        (
            "svm_rank_learn -c 1 -Z 2 svm_rank.train",
            "a flag that the program knows (-? lists them), not `-Z`",
        ),
        ("svm_rank_learn -c 1 --x 2 svm_rank.train", "not `--x`"),
        (
            "svm_rank_learn -c 1 -w 5 svm_rank.train",
            "-w expects 0 or 1 (n-slack) or 2, 3 or 4 (1-slack), not `5`",
        ),
        ("svm_rank_learn -c 1 -w 9 svm_rank.train", "not `9`"),
        (
            "svm_rank_learn -c 1 -p 3 svm_rank.train",
            "-p expects 1 (slacks) or 2 (squared slacks), not `3`",
        ),
        ("svm_rank_learn -c 1 -p 2 -w 3 svm_rank.train", "-p expects 1 where -w is 2, 3 or 4"),
        (
            "svm_rank_learn -c 1 -o 3 svm_rank.train",
            "-o expects 1 (slack rescaling) or 2 (margin rescaling), not `3`",
        ),
        (
            "svm_rank_learn -c 1 -o 1 svm_rank.train",
            "-o expects 2: each pair of documents has a slack",
        ),
        ("svm_rank_learn -c 1 -e 0 svm_rank.train", "-e expects a number above 0, not `0`"),
        ("svm_rank_learn -c 1 -l 7 svm_rank.train", "-l expects 1 (swapped pairs) or 2"),
        (
            "svm_rank_learn -c 1 -t 2 svm_rank.train",
            "-t expects 0: kernels are not offered. Put the features",
        ),
        (
            "svm_rank_learn -c 1 -f 0 svm_rank.train",
            "-f expects a whole number of at least 1, not `0`",
        ),
        (
            "svm_rank_learn -c 1 -b 101 svm_rank.train",
            "-b expects a number above 0 and at most 100, not `101`",
        ),
        (
            "svm_multiclass_learn -c 1 -l 7 svm_multiclass.train",
            "-l expects 0 (100 for a mistake) or 1",
        ),
        (
            "svm_hmm_learn -c 1 --t 4 svm_hmm.train",
            "--t expects an order of transitions from 0 to 3, not `4`",
        ),
        (
            "svm_hmm_learn -c 1 --t 0 --e 1 svm_hmm.train",
            "--e expects an order of emissions from 0 to 0",
        ),
        (
            "svm_hmm_learn -c 1 --b -1 svm_hmm.train",
            "--b expects a number of states, 0 for all, not `-1`",
        ),
        ("svm_hmm_learn -c 1 -l 2 svm_hmm.train", "-l expects 0 (any wrong tag) or 1"),
        ("svm_rank_learn -c 1 nowhere", "nowhere: cannot be read"),
        ("svm_rank_learn -c 1 svm_rank.train no/where", "the directory no does not exist"),
        ("svm_rank_learn -c 1 -a no/where svm_rank.train m", "the directory no does not exist"),
        (
            "svm_rank_learn -c 1 svm_rank.train svm_rank.train",
            "expected another file than one that is read",
        ),
        ("svm_rank_learn -c 1 empty", "empty: expected at least one example"),
        ("svm_rank_learn -c 1 unsorted", "unsorted:1: "),
        (
            "svm_rank_learn -c 1 text",
            "text:1: expected a line that begins with a number, found `one`",
        ),
        (
            "svm_rank_learn -c 1 back",
            "back:3: expected the lines of qid:1 one after the other, but it returns",
        ),
        ("svm_multiclass_learn -c 1 zero", "zero:1: expected a class from 1 to 1048576, found 0"),
        ("svm_hmm_learn -c 1 zero", "zero:1: expected a tag from 1 to 65535, found 0"),
        ("svm_proprank_learn -c 1 unclicked", "unclicked:1: expected a clicked document"),
        ("svm_rank_classify -v 1", "expects a file of examples"),
        ("svm_rank_classify rank.test.dat", "expects the file of a model"),
        ("svm_rank_classify --b 3 rank.test.dat rank.model p", "not `--b`"),
        (
            "svm_rank_classify -v rank.test.dat rank.model",
            "-v expects a whole number, not `rank.test.dat`",
        ),
        ("svm_rank_classify rank.test.dat nowhere p", "nowhere: cannot be read"),
        ("svm_rank_classify nowhere rank.model p", "nowhere: cannot be read"),
        (
            "svm_rank_classify rank.test.dat rank.model rank.model",
            "expected another file than one that is read",
        ),
        (
            "svm_rank_classify rank.test.dat hmm.model p",
            "hmm.model:1: expected a model that begins with `SVM-light",
        ),
        (
            "svm_hmm_classify hmm.test.dat rank.model p",
            "rank.model:1: expected a model that begins with `SVM-HMM",
        ),
        ("svm_rank_classify rank.test.dat kernel p", "kernel:2: expected a linear model"),
        (
            "svm_rank_classify rank.test.dat short p",
            "short:13: expected a support vector, found the end of the file",
        ),
        (
            "svm_multiclass_classify multiclass.test.dat huge p",
            "huge: expected a number of features of at most",
        ),
        (
            "svm_multiclass_classify multiclass.test.dat dense p",
            "expected at most 16777216 weights where 20 are listed, found sizes",
        ),
        (
            "svm_hmm_classify hmm.test.dat deep p",
            "deep: expected an order of transitions of at most 3, found 7",
        ),
        ("svm_rank_learn -c 1 -r x svm_rank.train", "-r expects a number, not `x`"),
        (
            "svm_rank_classify rank.test.dat infinite p",
            "infinite:12: expected a weight as id:value, found `1:1e38`",
        ),
        ("svm_hmm_classify hmm.test.dat wide p", "wide: expected at most"),
        ("svm_hmm_classify hmm.test.dat lossy p", "lossy: expected the loss 0 or 1, found 7"),
        ("link rank.model", "rank.model: cannot be written"),
    ];
    for (line, expected) in table {
        let before = home.files();
        let run = home.run(&words(line));
        let machine = line.starts_with("link r");
        assert_eq!(run.code, if machine { 1 } else { 2 }, "{line}: {run:?}");
        assert!(
            run.err.contains(expected) && run.err.lines().count() == 1,
            "{line}: expected `{expected}` in {run:?}"
        );
        assert!(before == home.files(), "{line} left files behind");
    }
    // What the originals pass over is passed over, and told at -v 2.
    let surplus = "--x 3 svm_multiclass.train m -c 5";
    let run = home.succeeds(&words(&format!("svm_multiclass_learn -c 1 {surplus}")));
    assert!(run.err.is_empty() && !run.out.contains("NOTE"), "{run:?}");
    let run = home.succeeds(&words(&format!("svm_multiclass_learn -v 2 -c 1 {surplus}")));
    assert!(
        run.out.contains("NOTE: `--x 3` has no effect")
            && run.out.contains("NOTE: `-c` has no effect"),
        "{run:?}"
    );
    for name in NAMES {
        let run = home.succeeds(&[name]);
        assert!(run.out.starts_with("usage: ") && run.err.is_empty(), "{run:?}");
        let run = home.succeeds(&[name, "-?"]);
        assert!(
            run.out.starts_with(&format!("usage: {name} [flags] EXAMPLES")) && run.err.is_empty(),
            "{run:?}"
        );
    }
}

#[test]
fn links_are_made_once_and_again_and_nothing_of_others_is_replaced() {
    let home = home();
    for _ in 0..2 {
        let run = quiet(&home, "link bin");
        assert!(NAMES.iter().all(|name| run.out.contains(name)), "{}", run.out);
    }
    let program = home.path("bin").join("svm_rank_classify");
    let output = Command::new(&program)
        .args(["rank.test.dat", "rank.model", "p"])
        .current_dir(home.path("."))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(home.text("p"), home.text("rank.predictions"));
    fs::create_dir(home.path("other")).unwrap();
    home.write("other/svm_hmm_learn", "mine");
    home.refuses(
        &["link", "other"],
        &["svm_hmm_learn: expected no such file, or a link of this command"],
    );
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(home.path("rank.model"), home.path("other/svm_rank_learn"))
            .unwrap();
        fs::remove_file(home.path("other/svm_hmm_learn")).unwrap();
        home.refuses(
            &["link", "other"],
            &["svm_rank_learn: expected no such file, or a link of this command"],
        );
        home.write("other/svm_hmm_learn", "mine");
    }
    assert_eq!(home.text("other/svm_hmm_learn"), "mine");
}

/// Scripts in the style of those that were written for the originals, in a folder with links.
#[test]
fn scripts_keep_working() {
    let home = home();
    quiet(&home, "link bin");
    let learn = "svm_multiclass_learn -c 12000 svm_multiclass.train m > log && \
                 svm_multiclass_classify multiclass.test.dat multiclass.model p > out";
    home.write(
        "evaluate.py",
        r#"
import re, subprocess
run = lambda *words: subprocess.run(words, stdout=subprocess.PIPE, universal_newlines=True, check=True).stdout
log = run('svm_rank_learn', '-c', '30', 'svm_rank.train', 'm')
print(float(re.search(r'Final epsilon on KKT-Conditions: ([0-9.]+)', log).group(1)) <= 0.1)
print(max(int(n) for n in re.findall(r'^Iter (\d+): ', log, re.M)) == int(re.search(r'Number of iterations: (\d+)', log).group(1)))
out = run('svm_rank_classify', 'rank.test.dat', 'rank.model', 'p')
print(re.search(r'Zero/one-error on test set: (\S+)%', out).group(1), re.search(r'Swappedpairs Percent: +(\S+)', out).group(1))
scores = [float(line) for line in open('p')]
print(len(scores), scores[0])
weights = open('m').read().splitlines()[-1].split('#')[0].split()[1:]
print(all(float(w) == float(w) for _, w in (pair.split(':') for pair in weights)), len(weights) > 0)
"#,
    );
    home.write(
        "evaluate.rb",
        "out = `svm_hmm_classify hmm.test.dat hmm.model p`\n\
         puts out[/Average loss per token: (\\S+)/, 1]\nputs File.readlines('p').map(&:to_i).tally.size\n",
    );
    home.write(
        "evaluate.pl",
        "my $out = `svm_multiclass_classify multiclass.test.dat multiclass.model p`;\n\
         $out =~ /Zero\\/one-error on test set: ([\\d.]+)% \\((\\d+) correct, (\\d+) incorrect, (\\d+) total\\)/ or die $out;\n\
         print \"$1 $2 $3 $4\\n\"; open F, 'p'; my @l = <F>; print scalar(@l), ' ', (split ' ', $l[1])[0], \"\\n\";\n",
    );
    home.write(
        "Makefile",
        "all: m\n\t@svm_rank_classify rank.test.dat rank.model p | grep -c 'Total Num Swappedpairs  :      1'\n\
         m: svm_rank.train\n\t@svm_rank_learn -c 20 $< $@ > $@.log\n",
    );
    let shell = |script: &str| vec!["sh".to_owned(), "-ec".to_owned(), script.to_owned()];
    let file = |program: &str, name: &str| vec![program.to_owned(), name.to_owned()];
    let table = [
        (shell(&format!("{learn}; grep 'Zero/one' out | sed 's/.*: //; s/%.*//'")), "42.86\n"),
        (
            shell(
                "svm_multiclass_classify multiclass.test.dat multiclass.model p | awk '/Average loss/ {print $NF}'",
            ),
            "42.8571\n",
        ),
        (
            shell(
                "tail -n 1 rank.model | cut -d' ' -f2 | cut -d: -f2; tail -n +13 rank.model | wc -l | tr -d ' '",
            ),
            "0.25\n1\n",
        ),
        (file("python3", "evaluate.py"), "True\nTrue\n33.33 11.11\n9 1.48726173\nTrue True\n"),
        (file("ruby", "evaluate.rb"), "0.6667\n3\n"),
        (file("perl", "evaluate.pl"), "42.86 4 3 7\n7 3\n"),
        (vec!["make".to_owned()], "1\n"),
    ];
    let path =
        format!("{}:{}", home.path("bin").display(), std::env::var("PATH").unwrap_or_default());
    for (words, expected) in table {
        let run = Command::new(&words[0])
            .args(&words[1..])
            .current_dir(home.path("."))
            .env("PATH", &path)
            .stdin(Stdio::null())
            .output();
        match run {
            Ok(output) => {
                let (out, err) = (
                    String::from_utf8_lossy(&output.stdout),
                    String::from_utf8_lossy(&output.stderr),
                );
                assert!(output.status.success(), "{words:?}: {out} {err}");
                assert_eq!(out, expected, "{words:?}: {err}");
            }
            Err(error) => skip(&format!("{} is not here ({error})", words[0])),
        }
    }
}

/// Figures of the originals on their own examples, as their runs printed them: flags, dval, and
/// pval or dval plus gap.
const FIGURES: [(&str, &str, &str, f64, f64); 22] = [
    ("svm_multiclass", "svm_multiclass_example4/train.dat", "-c 5000", 336_877.489, 337_321.903),
    (
        "svm_multiclass",
        "svm_multiclass_example4/train.dat",
        "-c 5000 -e 0.01",
        336_973.566,
        337_028.023,
    ),
    (
        "svm_multiclass",
        "svm_multiclass_example4/train.dat",
        "-c 5000 -e 0.001",
        336_978.335,
        336_982.393,
    ),
    ("svm_multiclass", "svm_multiclass_example4/train.dat", "-c 1 -e 0.001 -w 0", 99.8892, 99.8901),
    (
        "svm_multiclass",
        "svm_multiclass_example4/train.dat",
        "-c 1 -e 0.001 -w 4",
        99.888_86,
        99.889_75,
    ),
    ("svm_multiclass", "svm_multiclass_example4/train.dat", "-c 1 -w 0", 99.886_33, 99.9757),
    ("svm_multiclass", "svm_multiclass_example4/train.dat", "-c 1 -w 1", 99.886_33, 99.9757),
    ("svm_multiclass", "svm_multiclass_example4/train.dat", "-c 1 -w 2", 99.828_82, 100.282_25),
    ("svm_multiclass", "svm_multiclass_example4/train.dat", "-c 1 -w 3", 99.849_05, 100.061_35),
    ("svm_multiclass", "svm_multiclass_example4/train.dat", "-c 1 -w 4", 99.859_86, 100.108_19),
    ("svm_multiclass", "svm_multiclass_example4/train.dat", "-c 1 -o 1 -w 0", 63.110_89, 63.113_11),
    ("svm_multiclass", "svm_multiclass_example4/train.dat", "-c 1 -o 1 -w 3", 63.098_26, 63.1974),
    ("svm_multiclass", "svm_multiclass_example4/train.dat", "-c 1 -o 1 -w 4", 63.097_93, 63.1848),
    ("svm_multiclass", "svm_multiclass_example4/train.dat", "-c 1 -p 2 -w 0", 92.281_33, 101.5709),
    ("svm_multiclass", "svm_multiclass_example4/train.dat", "-c 1 -p 2 -w 1", 92.279_87, 101.5375),
    (
        "svm_hmm",
        "svm_hmm_example7/declaration_of_independence.dat",
        "-c 5 -e 0.5",
        34.193_54,
        36.6883,
    ),
    (
        "svm_hmm",
        "svm_hmm_example7/declaration_of_independence.dat",
        "-c 5 -e 0.1",
        34.609_87,
        35.000_93,
    ),
    (
        "svm_hmm",
        "svm_hmm_example7/declaration_of_independence.dat",
        "-c 5 -e 0.01",
        34.660_04,
        34.712_22,
    ),
    (
        "svm_hmm",
        "svm_hmm_example7/gettysburg_address.dat",
        "-c 5 -e 2 --t 2 --e 1 --b 20",
        6.639_14,
        15.6594,
    ),
    ("svm_rank", "svm_rank_example3/train.dat", "-c 3", 2.232_57, 2.237_56),
    ("svm_rank", "svm_rank_example3/train.dat", "-c 3 -l 2", 1.138_33, 1.138_34),
    ("svm_rank", "svm_rank_example3/train.dat", "-c 3 -e 0.00001", 2.232_57, 2.237_56),
];

/// Where the examples of the originals are at hand.
fn originals_examples() -> Option<PathBuf> {
    let folder =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/svmstruct-examples");
    if folder.is_dir() {
        return Some(folder);
    }
    skip(&format!("the examples of the original programs are not at {}", folder.display()));
    None
}

#[test]
fn the_originals_examples_have_their_optima() {
    let Some(folder) = originals_examples() else { return };
    let home = home();
    for (program, file, flags, dual, primal) in FIGURES {
        let file = folder.join(file);
        let line = format!("{program}_learn {flags}");
        let run = home.succeeds(&[&words(&line)[..], &[file.to_str().unwrap(), "m"]].concat());
        let (our_dual, gap) =
            (figure(&run.out, r"dval=(\S+)"), figure(&run.out, "Upper bound on duality gap: (.+)"));
        // The optimum lies between theirs, and between ours.
        assert!(
            our_dual <= primal && our_dual + gap >= dual,
            "{line}: {our_dual} + {gap} for {dual} to {primal}"
        );
    }
    // Clicks that all cost 1 are relevant documents.
    home.write(
        "clicks",
        Regex::new(r"cost:\S+")
            .unwrap()
            .replace_all(&home.text("svm_proprank.train"), "cost:1")
            .as_ref(),
    );
    let run = quiet(&home, "svm_proprank_learn -c 3 clicks m");
    let (dual, gap) =
        (figure(&run.out, r"dval=(\S+)"), figure(&run.out, "Upper bound on duality gap: (.+)"));
    assert!(dual <= 2.855_01 && dual + gap >= 2.854_99, "{}", run.out);
    // On test files, as far as the gap lets them differ.
    let tests = [
        (
            "svm_multiclass",
            "svm_multiclass_example4/train.dat",
            "svm_multiclass_example4/test.dat",
            "-c 5000 -e 0.001",
            32.55,
            0.3,
        ),
        (
            "svm_multiclass",
            "svm_multiclass_example4/train.dat",
            "svm_multiclass_example4/test.dat",
            "-c 1 -e 0.001",
            49.65,
            0.1,
        ),
        (
            "svm_hmm",
            "svm_hmm_example7/declaration_of_independence.dat",
            "svm_hmm_example7/gettysburg_address.dat",
            "-c 5 -e 0.01",
            8.2,
            0.3,
        ),
    ];
    for (program, train, test, flags, loss, tolerance) in tests {
        let (train, test) = (folder.join(train), folder.join(test));
        let learn = format!("{program}_learn {flags}");
        home.succeeds(&[&words(&learn)[..], &[train.to_str().unwrap(), "m"]].concat());
        let run =
            home.succeeds(&[&format!("{program}_classify"), test.to_str().unwrap(), "m", "p"]);
        let found = figure(&run.out, "Average loss on test set: (.+)");
        assert!((found - loss).abs() <= tolerance, "{learn}: {found} for {loss}");
    }
    let (train, test) =
        (folder.join("svm_rank_example3/train.dat"), folder.join("svm_rank_example3/test.dat"));
    home.succeeds(&["svm_rank_learn", "-c", "3", "-e", "1e-5", train.to_str().unwrap(), "m"]);
    let run = home.succeeds(&["svm_rank_classify", test.to_str().unwrap(), "m", "p"]);
    assert!(run.out.contains("Total Num Swappedpairs  :      0\n"), "{}", run.out);
    let scores: Vec<f64> = home.text("p").lines().map(|line| line.parse().unwrap()).collect();
    for (score, theirs) in scores.iter().zip([2.451_276_74, 1.412_639_53, 0.929_764_71]) {
        assert!((score - theirs).abs() <= 1e-2, "{scores:?}");
    }
}

/// The original programs, where they are on PATH (links of ours are none).
fn original(name: &str) -> Option<PathBuf> {
    let found = std::env::split_paths(&std::env::var_os("PATH")?)
        .map(|folder| folder.join(name))
        .find(|path| path.is_file())?;
    let help = Command::new(&found).arg("-?").stdin(Stdio::null()).output().ok()?;
    (!String::from_utf8_lossy(&help.stdout).contains("Crosscut")).then_some(found)
}

#[test]
fn originals_and_these_programs_read_each_others_models() {
    let home = home();
    let clock = Regex::new("cpu-seconds: .*").unwrap();
    for (program, _, flags, _) in TRAINING {
        let (Some(learn), Some(classify)) =
            (original(&format!("{program}_learn")), original(&format!("{program}_classify")))
        else {
            skip(&format!("the original {program} is not on PATH"));
            continue;
        };
        let theirs = |program: &Path, line: &str| {
            let run = Command::new(program)
                .args(words(line))
                .current_dir(home.path("."))
                .stdin(Stdio::null())
                .output();
            let output = run.unwrap();
            assert!(output.status.success(), "{line}: {output:?}");
            String::from_utf8(output.stdout).unwrap()
        };
        let data = format!("{program}.train");
        let bounds = |out: &str| {
            let dual = figure(out, r"dval=(\S+)");
            (dual, dual + figure(out, "Upper bound on duality gap: (.+)"))
        };
        let flags = format!("{flags} -e 0.0005");
        let a = bounds(&theirs(&learn, &format!("{flags} {data} theirs")));
        let b = bounds(&quiet(&home, &format!("{program}_learn {flags} {data} ours")).out);
        assert!(a.0 <= b.1 + 1e-4 && b.0 <= a.1 + 1e-4, "{program}: {a:?} {b:?}");
        let timeless = |out: String| clock.replace(&out, "").into_owned();
        for model in ["theirs", "ours"] {
            let out = timeless(theirs(&classify, &format!("{data} {model} p")));
            let predictions = home.text("p");
            let run = quiet(&home, &format!("{program}_classify {data} {model} q"));
            assert_eq!(
                (timeless(run.out), home.text("q")),
                (out, predictions),
                "{program} on the model {model}"
            );
        }
    }
}
