//! Files read in pieces of any size are read as they are as a whole.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, and so do its helpers")]

use std::fs;

use crosscut_app::{Format, Item, Options, Source, Training, read_in_pieces};
use crosscut_ranking::{Query, Ranking, RankingFiles, Scores};
use crosscut_testkit::pieces_are_the_whole;

const TRAIN: &str = "2 qid:1 1:1 2:2\n1 qid:1 1:2\n0 qid:2 3:1\n1 qid:2 1:1\n";

fn define(options: &Options) -> (RankingFiles, Ranking) {
    let source = Source::from_text("train", TRAIN);
    let Training { mut format, mut task, .. } =
        crosscut_app::define::<RankingFiles>(&Options::default(), source).unwrap();
    format.prepare(&mut task, options).unwrap();
    (format, task)
}

fn read(
    (files, task): &(RankingFiles, Ranking),
    text: &str,
    size: Option<Option<usize>>,
) -> Result<Vec<Item<Query, Scores>>, String> {
    let items = match size {
        None => crosscut_app::read(files, task, Source::from_text("test", text).may_be_empty()),
        Some(size) => read_in_pieces(files, task, "test", text.as_bytes(), size),
    };
    items.map_err(|error| error.to_string())
}

#[test]
fn pieces_hold_the_queries_of_the_file() {
    let mut ranks = Options::default();
    ranks.set("ranks", "");
    for options in [Options::default(), ranks] {
        let model = define(&options);
        for text in [
            "",
            "2 qid:1 1:1 # d\n1 qid:1 1:2\n? qid:-2 3:1\n1 qid:4 9:1 cost:2\n# qid:7\n1 qid:4",
            "2 qid:1 1:1\n1 qid:2 1:2\n0 qid:1 3:1\n",
            "2 qid:1 1:1\n1 qid:2 1:2\n0 3:1\n1 qid:3 1:1\n",
            "2 1:1\n1 qid:2 1:2\n0 qid:3 3:1\n1 qid:4\n",
            "2 1:1\n1 1:2\n0 3:1\n",
            "2 1:1#qid:1\n1 1:2 # qid:2\n",
            "2 qid:1 1:1\nbad\n0 qid:2 3:1\nworse\n",
            "2 qid:1 1:1 # d\n1 qid:1 # d\n0 qid:2 # d\n",
        ] {
            let whole = read(&model, text, None);
            let pieces = |size| read(&model, text, Some(size));
            pieces_are_the_whole(text, (1..80).map(Some).chain([None]), whole, pieces);
        }
    }
}

/// With `--flush`, an empty line ends a query, so that qids are not needed.
#[test]
fn a_blank_line_ends_a_query_if_pieces_are_examples() {
    let model = define(&Options::default());
    let text = "2 1:1\n1 1:2\n\n1 3:1\n";
    let queries = read(&model, text, Some(None)).unwrap();
    assert_eq!(queries.iter().map(|query| query.x.len()).collect::<Vec<_>>(), [2, 1]);
    let returns = "2 qid:1 1:1\n\n1 qid:1 1:2\n";
    assert!(read(&model, returns, Some(None)).unwrap_err().starts_with("test:3: "));
}

#[test]
fn a_file_with_sizes_is_read_as_a_whole() {
    let folder = tempfile::tempdir().unwrap();
    let sizes = folder.path().join("sizes");
    fs::write(&sizes, "1\n2\n").unwrap();
    let mut options = Options::default();
    options.set("group", sizes.to_str().unwrap());
    let model = define(&options);
    assert_eq!(model.0.cut(), None);
    assert_eq!(read(&model, "2 1:1\n1 1:2\n0 3:1\n", Some(Some(1))).unwrap().len(), 2);
}
