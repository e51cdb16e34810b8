//! Files read in pieces of any size are read as they are as a whole.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, and so do its helpers")]

use crosscut_app::{Options, Source, Training, define, read, read_in_pieces};
use crosscut_multiclass::MulticlassFiles;
use crosscut_testkit::pieces_are_the_whole;

#[test]
fn pieces_hold_the_examples_of_the_file() {
    let train = Source::from_text("train", "1 1:1 2:2\n2 1:2\na 3:1\n");
    let training = define::<MulticlassFiles>(&Options::default(), train).unwrap();
    let Training { format, task, .. } = training;
    for text in [
        "",
        "\n# x\n",
        "1 1:1\n2 2:1 cost:3\n\n? 9:1\n# x\nb 1:1 # y\n3:1",
        "1 1:1\n2 2:1\nbad line\n1 1:x\n",
        "1 1:1\n2 1:x",
    ] {
        let whole = read(&format, &task, Source::from_text("test", text).may_be_empty());
        let pieces = |size| read_in_pieces(&format, &task, "test", text.as_bytes(), size);
        pieces_are_the_whole(text, (1..40).map(Some).chain([None]), whole, pieces);
    }
}
