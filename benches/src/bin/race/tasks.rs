//! The tasks of the race: problems, who runs with which settings, and what Crosscut wants to reach.

use crosscut::C;

use crate::problem::Kind;
use crate::programs::Program::{self, *};

/// A task as data.
#[derive(Clone, Copy, Debug)]
pub struct Spec {
    /// Its name on the command line.
    pub name: &'static str,
    /// One line about it.
    pub about: &'static str,
    /// What is predicted.
    pub kind: Kind,
    /// C.
    pub c: C,
    /// Where its files come from.
    pub files: Files,
    /// Who runs, in this order: programs with their settings.
    pub runners: &'static [(Program, &'static str)],
    /// What Crosscut wants to reach.
    pub targets: &'static [Target],
}

/// Files of examples, below a folder of data; with `.gz` or without.
#[derive(Clone, Copy, Debug)]
pub enum Files {
    /// Training and test examples as all programs read them.
    Ready(&'static str, &'static str),
    /// The same, scaled so that features of the training examples lie in [0, 1].
    Unit(&'static str, &'static str),
    /// The same with so many copies of the training examples.
    Copies(&'static str, &'static str, usize),
    /// Two classes of so many examples, drawn at random.
    Rare([usize; 2]),
    /// Training and test examples for tagging, then the same for CRFsuite.
    Tagged([&'static str; 4]),
    /// Training and test examples for tagging, with the attributes of CRFsuite for all programs.
    Attributes([&'static str; 2]),
    /// Examples without qid, then the sizes of their queries.
    Grouped([&'static str; 4]),
    /// Images and labels of the training examples, then of the test examples, as MNIST has them.
    Images([&'static str; 4]),
}

/// What is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// User seconds of the whole process.
    User,
    /// Peak memory.
    Memory,
}

/// A ratio of Crosscut to a peer that should not be exceeded.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// What is compared.
    pub what: What,
    /// The setting of Crosscut.
    pub ours: &'static str,
    /// The peer with its setting.
    pub theirs: (Program, &'static str),
    /// The ratio.
    pub at_most: f64,
}

const fn time(ours: &'static str, theirs: (Program, &'static str), at_most: f64) -> Target {
    Target { what: What::User, ours, theirs, at_most }
}

const fn memory(ours: &'static str, theirs: (Program, &'static str), at_most: f64) -> Target {
    Target { what: What::Memory, ours, theirs, at_most }
}

const MULTICLASS_LOOSE: (Program, &str) = (Liblinear, "-e 0.1");
const ONE_PASS: &str = "--passes 1";
const ONE_ITERATION: (Program, &str) = (Liblinear, "-e 1e9");

/// CRFsuite with weights for all pairs of a feature and a tag and all pairs of tags, as Crosscut has
/// them. By default it has weights for the pairs that it sees.
const ALL_FEATURES: (Program, &str) =
    (Crfsuite, "-a lbfgs -p c2=1 -p feature.possible_states=1 -p feature.possible_transitions=1");

/// Every task.
pub const TASKS: &[Spec] = &[
    Spec {
        name: "news",
        about: "20 Newsgroups, tf-idf: 11,293 documents, 73,712 terms, 20 classes; C(sum) = 1, no bias",
        kind: Kind::Multiclass(None),
        c: C::Sum(1.0),
        files: Files::Ready("news.train.svm", "news.test.svm"),
        runners: &[
            (Crosscut, "--gap 1e-3"),
            (Crosscut, "--gap 1e-4"),
            (Crosscut, "--gap 1e-6"),
            MULTICLASS_LOOSE,
            (Liblinear, "-e 0.01"),
            (Liblinear, "-e 0.001"),
            (ScikitLearn, "tol=0.1"),
            (SvmMulticlass, "-e 1"),
            (Xgboost, "rounds=20 eta=0.1"),
        ],
        targets: &[
            time("--gap 1e-3", MULTICLASS_LOOSE, 0.7),
            time("--gap 1e-4", MULTICLASS_LOOSE, 1.0),
            time("--gap 1e-6", (Liblinear, "-e 0.001"), 0.5),
            memory("--gap 1e-3", MULTICLASS_LOOSE, 1.5),
        ],
    },
    Spec {
        name: "letter",
        about: "letter recognition, raw: 15,000 examples, 16 features, 26 classes; C(sum) = 1, bias 1",
        kind: Kind::Multiclass(Some(1.0)),
        c: C::Sum(1.0),
        files: Files::Ready("letter.train.svm", "letter.test.svm"),
        runners: &[
            (Crosscut, "--gap 1e-3"),
            (Liblinear, "-e 0.01"),
            (ScikitLearn, "tol=0.1"),
            (Xgboost, "rounds=100"),
        ],
        targets: &[
            time("--gap 1e-3", (Liblinear, "-e 0.01"), 0.1),
            memory("--gap 1e-3", (Liblinear, "-e 0.01"), 1.5),
        ],
    },
    Spec {
        name: "digits",
        about: "handwritten digits: 1,442 examples, 64 features, 10 classes; C(sum) = 0.001, bias 1",
        kind: Kind::Multiclass(Some(1.0)),
        c: C::Sum(0.001),
        files: Files::Ready("digits.train.svm", "digits.test.svm"),
        runners: &[
            (Crosscut, "--gap 1e-3"),
            (Crosscut, "--gap 1e-6"),
            MULTICLASS_LOOSE,
            (Liblinear, "-e 0.001"),
            (ScikitLearn, "tol=0.1"),
            (Xgboost, "rounds=100"),
        ],
        targets: &[],
    },
    Spec {
        name: "fashion",
        about: "Fashion-MNIST, pixels / 255: 60,000 images of 784 pixels, 10 classes; C(sum) = 0.01, bias 1",
        kind: Kind::Multiclass(Some(1.0)),
        c: C::Sum(0.01),
        files: Files::Images([
            "train-images-idx3-ubyte",
            "train-labels-idx1-ubyte",
            "t10k-images-idx3-ubyte",
            "t10k-labels-idx1-ubyte",
        ]),
        runners: &[
            (Crosscut, "--gap 1e-2"),
            (Crosscut, "--gap 1e-3"),
            (Crosscut, ONE_PASS),
            MULTICLASS_LOOSE,
            ONE_ITERATION,
            (ScikitLearn, "tol=0.1"),
        ],
        targets: &[
            time("--gap 1e-2", MULTICLASS_LOOSE, 0.5),
            time(ONE_PASS, ONE_ITERATION, 1.0 / 3.0),
            memory("--gap 1e-2", MULTICLASS_LOOSE, 1.5),
        ],
    },
    Spec {
        name: "letter-unit",
        about: "letter recognition in [0, 1]: 15,000 examples, 16 features, 26 classes; C(sum) = 1, bias 1",
        kind: Kind::Multiclass(Some(1.0)),
        c: C::Sum(1.0),
        files: Files::Unit("letter.train.svm", "letter.test.svm"),
        runners: &[
            (Crosscut, "--gap 1e-2"),
            (Crosscut, "--gap 1e-3"),
            (Crosscut, "--gap 1e-4"),
            (Liblinear, "-e 0.7"),
            (Liblinear, "-e 0.1"),
            (Liblinear, "-e 0.02"),
        ],
        targets: &[
            time("--gap 1e-2", (Liblinear, "-e 0.7"), 1.0),
            time("--gap 1e-3", (Liblinear, "-e 0.1"), 1.0),
            time("--gap 1e-4", (Liblinear, "-e 0.02"), 1.0),
        ],
    },
    Spec {
        name: "satimage",
        about: "Landsat pixels in [0, 1]: 4,435 examples, 36 features, 6 classes; C(sum) = 1, bias 1",
        kind: Kind::Multiclass(Some(1.0)),
        c: C::Sum(1.0),
        files: Files::Unit("satimage.train.svm", "satimage.test.svm"),
        runners: &[
            (Crosscut, "--gap 1e-2"),
            (Crosscut, "--gap 1e-3"),
            (Crosscut, "--gap 1e-4"),
            (Liblinear, "-e 0.7"),
            (Liblinear, "-e 0.1"),
            (Liblinear, "-e 0.015"),
        ],
        targets: &[
            time("--gap 1e-2", (Liblinear, "-e 0.7"), 1.0),
            time("--gap 1e-3", (Liblinear, "-e 0.1"), 1.0),
            time("--gap 1e-4", (Liblinear, "-e 0.015"), 1.0),
        ],
    },
    Spec {
        name: "dna",
        about: "splice junctions: 2,000 examples, 180 features of 0 or 1, 3 classes; C(sum) = 0.1, bias 1",
        kind: Kind::Multiclass(Some(1.0)),
        c: C::Sum(0.1),
        files: Files::Ready("dna.train.svm", "dna.test.svm"),
        runners: &[
            (Crosscut, "--gap 1e-2"),
            (Crosscut, "--gap 1e-3"),
            (Crosscut, "--gap 1e-4"),
            (Liblinear, "-e 0.05"),
            (Liblinear, "-e 0.007"),
            (Liblinear, "-e 5e-4"),
        ],
        targets: &[
            time("--gap 1e-2", (Liblinear, "-e 0.05"), 1.0),
            time("--gap 1e-3", (Liblinear, "-e 0.007"), 1.0),
            time("--gap 1e-4", (Liblinear, "-e 5e-4"), 1.0),
        ],
    },
    Spec {
        name: "copies",
        about: "handwritten digits, each a hundred times: 144,200 examples, 64 features, 10 classes; C(sum) = 1e-5, bias 1",
        kind: Kind::Multiclass(Some(1.0)),
        c: C::Sum(1e-5),
        files: Files::Copies("digits.train.svm", "digits.test.svm", 100),
        runners: &[
            (Crosscut, "--gap 1e-2"),
            (Crosscut, "--gap 1e-3"),
            (Crosscut, "--gap 1e-4"),
            (Liblinear, "-e 2"),
            (Liblinear, "-e 0.07"),
            (Liblinear, "-e 0.03"),
        ],
        targets: &[
            time("--gap 1e-2", (Liblinear, "-e 2"), 1.0),
            time("--gap 1e-3", (Liblinear, "-e 0.07"), 1.0),
            time("--gap 1e-4", (Liblinear, "-e 0.03"), 1.0),
        ],
    },
    Spec {
        name: "counts",
        about: "20 Newsgroups, term counts: 11,293 documents, 73,712 terms, 20 classes; C(sum) = 0.01, no bias",
        kind: Kind::Multiclass(None),
        c: C::Sum(0.01),
        files: Files::Ready("20newsgroups-counts.train.svm", "20newsgroups-counts.test.svm"),
        runners: &[
            (Crosscut, "--gap 1e-2"),
            (Crosscut, "--gap 1e-3"),
            (Crosscut, "--gap 1e-4"),
            (Liblinear, "-e 5"),
            (Liblinear, "-e 0.7"),
            (Liblinear, "-e 0.03"),
        ],
        targets: &[
            time("--gap 1e-2", (Liblinear, "-e 5"), 1.0),
            time("--gap 1e-3", (Liblinear, "-e 0.7"), 1.0),
            time("--gap 1e-4", (Liblinear, "-e 0.03"), 1.0),
        ],
    },
    Spec {
        name: "rare",
        about: "two classes of 20,000 and 3 examples, 10 features in [0, 1], drawn at random; C(sum) = 1, bias 1",
        kind: Kind::Multiclass(Some(1.0)),
        c: C::Sum(1.0),
        files: Files::Rare([20_000, 3]),
        runners: &[
            (Crosscut, "--gap 1e-2"),
            (Crosscut, "--gap 1e-3"),
            (Crosscut, "--gap 1e-4"),
            (Liblinear, "-e 0.01"),
            (Liblinear, "-e 0.001"),
            (Liblinear, "-e 1e-4"),
        ],
        targets: &[
            time("--gap 1e-2", (Liblinear, "-e 0.01"), 1.0),
            time("--gap 1e-3", (Liblinear, "-e 0.001"), 1.0),
            time("--gap 1e-4", (Liblinear, "-e 1e-4"), 1.0),
        ],
    },
    Spec {
        name: "rarer",
        about: "two classes of 7,000 examples and 1, 10 features in [0, 1], drawn at random; C(sum) = 1, bias 1",
        kind: Kind::Multiclass(Some(1.0)),
        c: C::Sum(1.0),
        files: Files::Rare([7_000, 1]),
        runners: &[
            (Crosscut, "--gap 1e-2"),
            (Crosscut, "--gap 1e-3"),
            (Crosscut, "--gap 1e-4"),
            (Liblinear, "-e 0.005"),
            (Liblinear, "-e 2e-4"),
            (Liblinear, "-e 2e-5"),
        ],
        targets: &[
            time("--gap 1e-2", (Liblinear, "-e 0.005"), 1.0),
            time("--gap 1e-3", (Liblinear, "-e 2e-4"), 1.0),
            time("--gap 1e-4", (Liblinear, "-e 2e-5"), 1.0),
        ],
    },
    Spec {
        name: "ocr",
        about: "OCR letters, folds 1 to 9: 6,251 words, 128 pixels and a bias, 26 letters; C = 1000, wrong letters",
        kind: Kind::Sequence,
        c: C::Mean(1000.0),
        files: Files::Tagged(["ocr.train.hmm", "ocr.test.hmm", "ocr.train.crf", "ocr.test.crf"]),
        runners: &[
            (Crosscut, "--gap 1e-3"),
            (Crosscut, "--gap 0.034"),
            (SvmHmm, "-e 0.1"),
            (Crfsuite, "-a lbfgs"),
            (Crfsuite, "-a pa"),
            (Crfsuite, "-a ap"),
            (Dlib, "eps=0.1"),
        ],
        targets: &[
            time("--gap 1e-3", (SvmHmm, "-e 0.1"), 0.03),
            time("--gap 0.034", (Dlib, "eps=0.1"), 0.01),
            memory("--gap 1e-3", (Crfsuite, "-a lbfgs"), 2.0),
        ],
    },
    Spec {
        name: "chunking",
        about: "CoNLL-2000 chunking: 8,936 sentences, 338,547 features, 22 tags; C = 1000, wrong tags",
        kind: Kind::Sequence,
        c: C::Mean(1000.0),
        files: Files::Tagged([
            "chunk.train.hmm",
            "chunk.test.hmm",
            "chunk.train.crf",
            "chunk.test.crf",
        ]),
        runners: &[
            (Crosscut, "--gap 1e-3"),
            (SvmHmm, "-e 0.5"),
            (Crfsuite, "-a lbfgs"),
            (Crfsuite, "-a pa"),
            (Crfsuite, "-a ap"),
        ],
        targets: &[
            time("--gap 1e-3", (SvmHmm, "-e 0.5"), 0.05),
            time("--gap 1e-3", (Crfsuite, "-a lbfgs"), 1.0),
            time("--gap 1e-3", (Crfsuite, "-a pa"), 1.0),
            time("--gap 1e-3", (Crfsuite, "-a ap"), 1.0),
            memory("--gap 1e-3", (Crfsuite, "-a ap"), 2.0),
        ],
    },
    Spec {
        name: "crf",
        about: "CoNLL-2000 chunking by a conditional random field: 8,936 sentences, 338,547 features, 22 tags; \
                log-loss, C(sum) = 0.5 (c2 = 1)",
        kind: Kind::Crf,
        c: C::Sum(0.5),
        files: Files::Attributes(["chunk.train.crf", "chunk.test.crf"]),
        runners: &[
            (Crosscut, "--gap 1e-3"),
            (Crosscut, "--gap 1e-2"),
            (Crfsuite, "-a lbfgs -p c2=1"),
            ALL_FEATURES,
        ],
        targets: &[
            time("--gap 1e-3", (Crfsuite, "-a lbfgs -p c2=1"), 0.25),
            time("--gap 1e-3", ALL_FEATURES, 0.25),
        ],
    },
    Spec {
        name: "mq2008",
        about: "MQ2008, S1 to S3: 471 queries, 46 features; C = 471, swapped pairs",
        kind: Kind::Ranking(1),
        c: C::Mean(471.0),
        files: Files::Ready("mq.train.dat", "mq.test.dat"),
        runners: &[
            (Crosscut, "--gap 1e-3"),
            (SvmRank, "-e 0.001"),
            (Xgboost, "rounds=100"),
            (LightGbm, "rounds=100"),
        ],
        targets: &[time("--gap 1e-3", (SvmRank, "-e 0.001"), 0.1)],
    },
    Spec {
        name: "mslr",
        about: "MSLR-WEB 5k, features in [0, 1] within a query: 43 queries, 5,000 documents; C = 43, swapped pairs",
        kind: Kind::Ranking(1),
        c: C::Mean(43.0),
        files: Files::Ready("mslr.norm.train.dat", "mslr.norm.test.dat"),
        runners: &[
            (Crosscut, "--gap 1e-3"),
            (SvmRank, "-e 0.001"),
            (Xgboost, "rounds=100"),
            (LightGbm, "rounds=100"),
        ],
        targets: &[time("--gap 1e-3", (SvmRank, "-e 0.001"), 0.02)],
    },
    Spec {
        name: "lambdarank",
        about: "example set of LightGBM: 201 queries, 300 features; C(sum) = 0.1, fraction of swapped pairs",
        kind: Kind::Ranking(2),
        c: C::Sum(0.1),
        files: Files::Grouped([
            "lambdarank.train.svm",
            "lambdarank.test.svm",
            "lambdarank.train.group",
            "lambdarank.test.group",
        ]),
        runners: &[
            (Crosscut, "--gap 1e-3"),
            (SvmRank, "-l 2 -e 0.001"),
            (Xgboost, "rounds=100"),
            (LightGbm, "rounds=100"),
        ],
        targets: &[],
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_about_those_who_run() {
        for task in TASKS {
            for target in task.targets {
                assert!(
                    task.runners.contains(&(Crosscut, target.ours)),
                    "{}: {}",
                    task.name,
                    target.ours
                );
                assert!(
                    task.runners.contains(&target.theirs),
                    "{}: {:?}",
                    task.name,
                    target.theirs
                );
            }
        }
    }
}
