//! Files read in pieces of any size are read as they are as a whole, and tasks without the names
//! that have no weight predict the same.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, and so do its helpers")]

use std::fs;

use crate::both::{self, Both};
use crosscut::Task;
use crosscut_app::{Format, Options, Source};
use crosscut_sequence::Scratch;
use crosscut_testkit::pieces_are_the_whole;
use proptest::prelude::*;

fn options(values: &[(&str, &str)]) -> Options {
    let mut options = Options::default();
    values.iter().for_each(|(name, value)| options.set(name, *value));
    options
}

fn define(values: &[(&str, &str)], text: &str) -> Both {
    both::define(&options(values), Source::from_text("train", text)).unwrap().0
}

/// Compares what is read of `text` in pieces and as a whole, errors included.
fn check(task: &Both, text: &str, sizes: impl IntoIterator<Item = Option<usize>>) {
    let whole = task.read(Source::from_text("test", text).may_be_empty());
    let pieces = |size| task.read_in_pieces(text, size);
    pieces_are_the_whole(text, sizes, whole, pieces);
}

fn sizes() -> impl Iterator<Item = Option<usize>> {
    (1..120).map(Some).chain([None])
}

#[test]
fn every_format_is_read_in_pieces_as_it_is_as_a_whole() {
    let folder = tempfile::tempdir().unwrap();
    let template = folder.path().join("template");
    fs::write(&template, "U0:%x[0,0]\nU1:%x[-1,1]\nB\n").unwrap();
    let hmm = define(&[], "N qid:1 1:1 3:0.5\nV qid:1 2:1\n");
    let crf = define(&[], "N\tw=a\tlong:0.5\nV\tw=b\n");
    let columns =
        define(&[("template", template.to_str().unwrap())], "the DT B\ndog NN I\n\ncats NNS B\n");
    for text in [
        "",
        "N qid:1 1:1 3:0.5 # a\nV qid:1 2:1\nN qid:-2 cost:2.5 1:1 # b\nX qid:3 9:1\n? qid:4 1:1",
        "# one\nN qid:1 1:1\n# qid:2\nV 1:1 qid:1\nN qid:2 1:1\nN 1:1#qid:2\nN qid:3 1:1\n",
        "N qid:1 1:1\nV qid:2 1:1\nN qid:1 2:1\n",
        "N qid:1 1:1\nV qid:2 1:1\nbad\nN qid:1 2:1\n",
        "N qid:1 1:1\nV qid:2 1:1\nN qid:3 cost:1 2:1\nN qid:3 cost:2 2:1\n",
        "N 1:1 2:1 3:1 4:1 5:1 6:1 qid:1\nV 1:1 2:1 3:1 4:1 5:1 6:1 qid:1\nV qid:2\n",
    ] {
        check(&hmm, text, sizes());
    }
    for text in [
        "N\tw=a\tlong:0.5\nV\tw=b\n\nN\tw=a\tw=a\tw=x\n\n\n \r\n?\tw=b\n?\tw=a\n",
        "@weight:2\nN\tw=a\\:b\tw\\\\:3\n\nV\tw=b\nN\tw=b",
        "N\tw=a\n\n@weight:2\n\nN\tw=a\n",
        "N\tw=a\n\nV\tw=b\n\nN\tw=a:x\n\nN\tw=a\n",
        "N\tw=a\n\nV\t:1\n\nN w=a:x\n",
        "N\tw=a\n\nN\tw=a\n\tw=b\n\n",
        "N\tw=a\n\n@weight:2\n",
    ] {
        check(&crf, text, sizes());
    }
    for text in [
        "the DT B\ndog NN I\n\ncats NNS X\n\n\npurr VBP B\n",
        "the DT\ndog NN\n\ncats NNS\n",
        "the DT B\n\ndog NN\n\ncats NNS\n",
        "the DT\n\ndog NN I\n\ncats NNS\n",
        "the\tDT\n\nthe dog\tNN\n\ncats NNS I\n",
        "the DT\n\ncats\tNNS I\n",
        "the DT\n\ndog\n",
        "the\n\ndog NN\n",
    ] {
        check(&columns, text, sizes());
    }
}

proptest! {
    #[test]
    fn any_lines_are_read_in_pieces_as_they_are_as_a_whole(
        lines in prop::collection::vec(0..12_usize, 0..12),
        size in 1..60_usize,
    ) {
        let hmm = define(&[], "N qid:1 1:1 3:0.5\nV qid:1 2:1\n");
        let crf = define(&[], "N\tw=a\tlong:0.5\nV\tw=b\n");
        let of_hmm = [
            "N qid:1 1:1", "V qid:1 2:1", "N qid:2", "V qid:3 3:1", "# qid:7", "", "N 1:1 qid:2",
            "V 1:1", "V qid:x", "? qid:4 1:1", "c# qid:4#qid:5", "N 1:1#x qid:1",
        ];
        let of_crf = [
            "N\tw=a", "", "V\tw=b:2", "", "@weight:3", "", "?\tw=a", "  ", "\tw=a", "N", "\\:\tw", "x y",
        ];
        let join = |all: [&str; 12]| lines.iter().map(|&at| all[at].to_owned() + "\n").collect::<String>();
        check(&hmm, &join(of_hmm), [Some(size)]);
        // If several lines are bad, pieces are refused for the first of them.
        let text = join(of_crf);
        match crf.read(Source::from_text("test", text.as_str())) {
            Ok(_) => check(&crf, &text, [Some(size), None]),
            Err(_) => {
                let pieces = [Some(size), None]
                    .map(|size| crf.read_in_pieces(&text, size).ok());
                prop_assert!(pieces.iter().all(Option::is_none) || text.trim().is_empty());
            }
        }
    }

    #[test]
    fn a_reduced_task_predicts_the_same_to_the_bit(
        weights in prop::collection::vec(prop_oneof![3 => Just(0.0), 1 => -2.0..2.0_f64, 1 => Just(-0.0)], 5 * 3 + 5 * 9 + 9),
        words in prop::collection::vec(0..7_usize, 1..12),
        orders in prop_oneof![Just(("1", "0")), Just(("1", "1")), Just(("0", "0"))],
    ) {
        let train = "A\ta\tb\nB\tb:0.5\tc\nC\td\te\n";
        let task = define(&[("t", orders.0), ("e", orders.1)], train);
        let w = &weights[..task.dim()];
        let nonzero: Vec<u32> =
            (0..w.len() as u32).filter(|&at| w[at as usize].to_bits() != 0).collect();
        let mut reduced = task.clone();
        let kept = reduced.files.reduce(&mut reduced.task, &nonzero).unwrap();
        let less: Vec<f64> = kept.into_iter().flat_map(|range| w[range].iter().copied()).collect();
        prop_assert_eq!(less.len(), reduced.dim());
        prop_assert!(less.iter().filter(|weight| weight.to_bits() != 0).count() == nonzero.len());
        let names = ["a", "b:-3", "c", "d:0.1", "e", "x", "a\tb\te"];
        let text: String = words.iter().map(|&at| format!("?\t{}\tc\n", names[at])).collect();
        let read = |task: &Both| task.read(Source::from_text("test", text.as_str())).unwrap();
        let (all, few) = (read(&task), read(&reduced));
        let written = |task: &Both, w: &[f64], x| {
            let mut task = task.clone();
            task.prepare(&options(&[("n-best", "3")])).unwrap();
            let y = task.predict(w, x, &mut Scratch::default());
            let mut text = Vec::new();
            task.write(w, x, &y, &mut text);
            (y, String::from_utf8(text).unwrap())
        };
        prop_assert_eq!(written(&task, w, &all[0].x), written(&reduced, &less, &few[0].x));
    }
}
