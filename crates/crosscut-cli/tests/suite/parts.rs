//! A training file of which ranks read parts gives the task and the examples of the whole file.

use std::fmt::Debug;
use std::fs;
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use crosscut_app::ranks::{self, Collective, Threads};
use crosscut_app::{
    Encoding, Format, InputOf, Monitor, Options, OutputOf, Pieces, Source, Training, define,
};
use crosscut_multiclass::MulticlassFiles;
use crosscut_ranking::RankingFiles;
use crosscut_sequence::SequenceFiles;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use serde_json::Value;

/// What is read of a file, in parts or not.
#[derive(Clone, Debug, PartialEq)]
struct Found {
    /// The format and the task, serialised.
    task: Value,
    examples: Vec<String>,
    digest: (u64, u32),
}

/// A format whose examples can be shown.
trait Shown: Format<Task: Debug> {
    fn show(training: &Training<Self>) -> (Value, Vec<String>);
}

impl<F: Format<Task: Debug>> Shown for F
where
    InputOf<F>: Debug,
    OutputOf<F>: Debug,
{
    fn show(Training { format, task, examples }: &Training<F>) -> (Value, Vec<String>) {
        let examples = examples.iter().map(|example| format!("{example:?}")).collect();
        (serde_json::to_value((format, task)).unwrap(), examples)
    }
}

fn options(values: &[(&str, &str)]) -> Options {
    let mut options = Options::default();
    values.iter().for_each(|(name, value)| options.set(name, *value));
    options
}

/// What is read of the whole file.
fn whole<F: Shown>(options: &Options, path: &Path) -> Result<Found, String> {
    let text = fs::read(path).unwrap();
    let source = Source::open_quietly(path).map_err(|error| error.to_string())?;
    let (task, examples) =
        F::show(&define::<F>(options, source).map_err(|error| error.to_string())?);
    let digest = (text.len() as u64, crc32fast::hash(&text));
    Ok(Found { task, examples, digest })
}

/// What some ranks read of a file, or of one each; or the error of all of them, without the rank that
/// has found it.
fn in_parts<F: Shown>(options: &Options, path: &Path, size: usize) -> Result<Found, Vec<String>> {
    in_parts_at::<F>(options, &|_| path.to_owned(), size)
}

/// As [`in_parts`], for ranks that are given different paths.
fn in_parts_at<F: Shown>(
    options: &Options,
    path: &(dyn Fn(usize) -> PathBuf + Sync),
    size: usize,
) -> Result<Found, Vec<String>> {
    let errors = Mutex::new(Vec::new());
    let read = |ranks: &dyn Collective| {
        let path = path(ranks.rank());
        match ranks::define::<F>(ranks, options, &path, Encoding::default(), &mut ()) {
            Ok(ranks::Shard { format, task, examples, first, total, digest }) => {
                let (task, examples) = F::show(&Training { format, task, examples });
                (Found { task, examples, digest }, first, total)
            }
            Err(error) => {
                errors.lock().unwrap().push(error.to_string());
                ranks.gather(Vec::new());
                ranks.abort(2)
            }
        }
    };
    let parts = catch_unwind(AssertUnwindSafe(|| Threads::run(size, read)));
    let Ok(parts) = parts else {
        let mut errors = errors.into_inner().unwrap();
        // One rank is as none.
        assert!(
            errors.len() == size && errors.iter().all(|error| *error == errors[0]),
            "{errors:?}"
        );
        errors.truncate(1);
        if size > 1 {
            let (rank, error) = errors[0].split_once(": ").unwrap();
            assert!(rank.starts_with("rank "), "{errors:?}");
            errors = vec![error.to_owned()];
        }
        return Err(errors);
    };
    assert_eq!(errors.into_inner().unwrap(), [""; 0]);
    let (mut all, ..) = parts[0].clone();
    all.examples.clear();
    let sum = parts.iter().map(|(part, ..)| part.examples.len()).sum::<usize>();
    for (part, first, total) in parts {
        // Every rank has the same task, and knows which of the examples are its own.
        assert_eq!((&part.task, part.digest), (&all.task, all.digest));
        assert_eq!((first, total), (all.examples.len(), sum));
        all.examples.extend(part.examples);
    }
    Ok(all)
}

/// Writes the pieces of a file into a file for each rank, the last of them packed. Returns the path
/// of all.
fn divide<F: Shown>(options: &Options, path: &Path, size: usize) -> PathBuf {
    let mut format = F::new(options).unwrap();
    format.begin(&mut Source::open_quietly(path).unwrap()).unwrap();
    let length = path.metadata().unwrap().len() as usize;
    let mut pieces = Pieces::with_size(path, length / (2 * size) + 1).unwrap();
    pieces.cut_at(format.cut().unwrap());
    let mut texts = Vec::new();
    while let Some(piece) = pieces.next_piece().unwrap() {
        texts.push(piece.text().unwrap());
    }
    // A byte order mark is no part of the text.
    let missing = length - texts.iter().map(String::len).sum::<usize>();
    texts[0].insert_str(0, &"\u{feff}"[..missing]);
    let own = |rank: &str| format!("{}.{rank}", path.display());
    for rank in 0..size {
        let at = |rank: usize| rank * texts.len() / size;
        let text = texts[at(rank)..at(rank + 1)].concat();
        let file = fs::File::create(own(&rank.to_string())).unwrap();
        if rank + 1 < size {
            (&file).write_all(text.as_bytes()).unwrap();
        } else {
            let mut packed = GzEncoder::new(file, flate2::Compression::fast());
            packed.write_all(text.as_bytes()).unwrap();
            packed.finish().unwrap();
        }
    }
    own("{rank}").into()
}

/// Asserts that the text, read by 1, 2, 3 and 7 ranks, is read as it is as a whole.
fn check<F: Shown>(values: &[(&str, &str)], text: &str) {
    let options = options(values);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("train");
    fs::write(&path, text).unwrap();
    let whole = whole::<F>(&options, &path).unwrap();
    for size in [1, 2, 3, 7] {
        let own = divide::<F>(&options, &path, size);
        for path in [&path, &own] {
            let found = in_parts::<F>(&options, path, size);
            assert!(
                found.as_ref() == Ok(&whole),
                "{size} {values:?} {}",
                difference(&whole, found)
            );
        }
    }
}

/// The first difference between what is read as a whole and in parts.
fn difference(whole: &Found, parts: Result<Found, Vec<String>>) -> String {
    let parts = match parts {
        Ok(parts) => parts,
        Err(errors) => return format!("{errors:?}"),
    };
    let different = whole.examples.iter().zip(&parts.examples).find(|(a, b)| a != b);
    let (ours, theirs) = (whole.task.to_string(), parts.task.to_string());
    let counts = (whole.examples.len(), parts.examples.len());
    format!("{different:?} {counts:?} {:?}", (ours != theirs).then_some((ours, theirs)))
}

/// The text of a file in `datasets/`.
fn dataset(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../datasets").join(name);
    Source::open_quietly(&path).unwrap().text().unwrap()
}

/// The queries of lambdarank with names.
fn lambdarank() -> String {
    let (lines, sizes) = (dataset("lambdarank.train.svm.gz"), dataset("lambdarank.train.group"));
    let mut lines = lines.lines();
    let mut text = String::new();
    for (qid, size) in sizes.lines().enumerate() {
        for line in lines.by_ref().take(size.trim().parse().unwrap()) {
            let (grade, features) = line.split_once(' ').unwrap();
            text += &format!("{grade} qid:{qid} {features}\n");
        }
    }
    text
}

/// Columns as tokens with attributes, or with ids.
fn tokens(columns: &str, token: impl Fn(usize, &str, &str) -> String) -> String {
    let mut sentence = 0;
    let mut text = String::new();
    for line in columns.lines() {
        match line.split_once('\t') {
            Some((word, tag)) => text += &token(sentence, word, tag),
            None => {
                sentence += 1;
                text += "\n";
            }
        }
    }
    text
}

#[test]
fn shipped_data_are_read_in_parts_as_they_are_as_a_whole() {
    check::<MulticlassFiles>(&[], &dataset("digits.train.svm"));
    check::<MulticlassFiles>(&[("scale", "global")], &dataset("letter.train.svm.gz"));
    let ranking = lambdarank();
    for scale in ["none", "query", "global"] {
        check::<RankingFiles>(&[("scale", scale)], &ranking);
    }
    let columns = dataset("wnut17.dev.conll.gz");
    check::<SequenceFiles>(&[("template", "ner")], &columns);
    let less = [("template", "ner"), ("format", "columns"), ("min-count", "3")];
    check::<SequenceFiles>(&less, &columns);
    let crf = tokens(&columns, |_, word, tag| {
        format!("{tag}\tw={}\tl:{}\n", word.replace(':', "\\:"), word.len())
    });
    check::<SequenceFiles>(&[("constrain", "bio"), ("scale", "global")], &crf);
    let hmm = tokens(&columns, |qid, word, tag| {
        let id = crc32fast::hash(word.as_bytes()) >> 4;
        format!("{tag} qid:{qid} {}:0.5 {}:1\n", word.len(), id.max(100))
    });
    check::<SequenceFiles>(&[("min-count", "2")], &hmm);
}

#[test]
fn odd_files_are_read_in_parts_as_they_are_as_a_whole() {
    // One line is long, and there is no final line break.
    let long: String = (1..300).map(|id| format!(" {id}:{}", 1.0 / f64::from(id))).collect();
    let svm =
        "a 1:1 # ä\r\nb 2:2 cost:0.5\n\n# none\n\n\r\nc 16777217:1 cost:0.25\nb 4000000000:1\n"
            .repeat(400);
    let svm = format!("\u{feff}{svm}z{long}\n{svm}{svm}d 3:1");
    for values in [&[][..], &[("bias", "1"), ("class-weight", "balanced")], &[("scale", "global")]]
    {
        check::<MulticlassFiles>(values, &svm);
    }
    let query = |qid: usize| match qid % 4 {
        0 => format!("1 qid:{qid} 1:1\n# qid:0\n2 qid:{qid} 2:0.1 # qid:0\n0 qid:{qid}\r\n"),
        1 => format!("1 qid:name-{qid}#x\n\n"),
        2 => format!("3 qid:{qid}{long}\n2 qid:0{qid} 4:0.3 cost:2\n"),
        _ => format!("# before\n\n0 qid:{qid} 7:1\n1 qid:{qid} 3:0.7\n1 qid:{qid} 7:2\n"),
    };
    let queries: String = (1..60).map(query).collect();
    for scale in ["none", "query", "global"] {
        check::<RankingFiles>(&[("scale", scale)], &queries);
    }
    let sequence = |qid: usize| {
        format!("N qid:{qid} 1:1 3:0.1\n\nV qid:{qid} {}:2 # x\nN qid:{qid}\n", qid % 7 + 1)
    };
    let hmm: String = (0..40).map(sequence).collect();
    check::<SequenceFiles>(&[("scale", "global")], &hmm);
    check::<SequenceFiles>(&[("min-count", "7"), ("zero-based", "")], &hmm);
    let crf = |at: usize| {
        format!("@weight:{at}\nB-X\tw={at}\tlong:0.1\nI-X\tw=b\\:{}\r\n\n  \nO\tw=b\n\n\n", at % 5)
    };
    let crf: String = (0..40).map(crf).collect();
    check::<SequenceFiles>(&[("constrain", "bio"), ("min-count", "2")], &crf);
    check::<SequenceFiles>(&[("e", "1")], &crf);
    let folder = tempfile::tempdir().unwrap();
    let template = folder.path().join("template");
    fs::write(&template, "U0:%x[0,0]\nU1:%x[-1,1]/%x[0,0]\nB0:%x[0,1]\nB\n").unwrap();
    let template = ("template", template.to_str().unwrap());
    let columns =
        |at: usize| format!("the DT B\ndog{} NN I\n\n# CC O\ncats NNS{} B\n\n\n", at % 9, at % 3);
    let columns: String = (0..40).map(columns).collect();
    check::<SequenceFiles>(&[template], &columns);
    check::<SequenceFiles>(&[template, ("min-count", "5")], &columns);
    let conllu = |at: usize| {
        let row =
            |id: &str, form: &str, tag: &str| format!("{id}\t{form}\t_\t{tag}\t_\t_\t_\t_\t_\t_\n");
        let (first, second) = (row("1", &format!("w{}", at % 11), "DET"), row("2", "dog", "NOUN"));
        format!(
            "# sent_id = {at}\n{}{first}{second}{}\n",
            row("1-2", "wdog", "_"),
            row("2.1", "x", "_")
        )
    };
    let conllu: String = (0..40).map(conllu).collect();
    check::<SequenceFiles>(&[("template", "pos")], &conllu);
}

/// Asserts that two values have the same numbers, but for rounding, and that all else is equal.
fn assert_close(ours: &Value, theirs: &Value) {
    match (ours, theirs) {
        (Value::Array(ours), Value::Array(theirs)) if ours.len() == theirs.len() => {
            ours.iter().zip(theirs).for_each(|(ours, theirs)| assert_close(ours, theirs));
        }
        (Value::Object(ours), Value::Object(theirs)) if ours.len() == theirs.len() => {
            ours.iter().for_each(|(key, ours)| assert_close(ours, &theirs[key]));
        }
        (Value::Number(a), Value::Number(b)) => {
            let (a, b) = (a.as_f64().unwrap(), b.as_f64().unwrap());
            assert!((a - b).abs() <= 1e-13 * b.abs(), "{a} {b}");
        }
        (ours, theirs) => assert_eq!(ours, theirs),
    }
}

#[test]
fn means_and_deviations_are_those_of_the_whole_but_for_rounding() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("train");
    let options = options(&[("scale", "standard")]);
    fs::write(&path, dataset("digits.train.svm")).unwrap();
    let of_whole = whole::<MulticlassFiles>(&options, &path).unwrap();
    for size in [2, 3, 7] {
        let found = in_parts::<MulticlassFiles>(&options, &path, size).unwrap();
        assert_close(&found.task, &of_whole.task);
        assert_eq!(found.examples.len(), of_whole.examples.len());
        let again = in_parts::<MulticlassFiles>(&options, &path, size).unwrap();
        assert!(again == found, "the same bits for the same number of ranks");
    }
    fs::write(&path, lambdarank()).unwrap();
    let of_whole = whole::<RankingFiles>(&options, &path).unwrap();
    assert_close(&in_parts::<RankingFiles>(&options, &path, 3).unwrap().task, &of_whole.task);
}

/// The errors of all ranks that have one, reading this text.
fn errors<F: Shown>(values: &[(&str, &str)], text: &str, size: usize) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("train");
    fs::write(&path, text).unwrap();
    let name = path.display().to_string();
    let errors = in_parts::<F>(&options(values), &path, size).unwrap_err();
    errors.into_iter().map(|error| error.replace(&name, "train")).collect()
}

#[test]
fn what_is_wrong_is_told_with_the_line_of_the_file() {
    let svm: String = (0..100).map(|i| format!("{} 1:1\n# {i}\n", i % 3)).collect();
    let (start, end) = svm.split_at(svm.find("# 77").unwrap());
    let bad = format!("{start}1 2:x\n{end}");
    let message = "train:156: expected a number after the colon, found `x`".to_owned();
    for size in [2, 3, 7] {
        assert!(errors::<MulticlassFiles>(&[], &bad, size)[0].starts_with(&message[..10]));
    }
    let one_class = "1 1:1\n".repeat(10);
    assert_eq!(
        errors::<MulticlassFiles>(&[], &one_class, 3),
        ["train: at least two classes are needed, not 1"]
    );
    for blank in ["", "\n \n", "# none\n\n# none\n"] {
        for error in errors::<MulticlassFiles>(&[], blank, 3) {
            assert!(error.starts_with("train: expected at least one example, found "), "{error}");
        }
    }
    let few = errors::<MulticlassFiles>(&[], "1 1:1\n2 1:2\n", 4);
    assert!(few.iter().any(|error| error.contains("(of 4, counted from 0) has no examples")));

    let queries: String = (0..50).map(|qid| format!("1 qid:{qid}\n2 qid:{qid} 1:1\n")).collect();
    for (returns, line) in
        [("1 qid:3 1:2\n", 101), ("1 qid:0047 1:2\n", 101), ("\n1 qid:48\n", 102)]
    {
        for size in [2, 3, 7] {
            let found = errors::<RankingFiles>(&[], &(queries.clone() + returns), size);
            assert!(found[0].starts_with(&format!("train:{line}: expected the")), "{found:?}");
            assert!(found[0].ends_with("one after the other, but it returns"), "{found:?}");
        }
    }
    let sequences: String =
        (0..50).map(|qid| format!("N qid:{qid} 1:1\nV qid:{qid} 2:1\n")).collect();
    let found = errors::<SequenceFiles>(&[], &(sequences + "N qid:1\n"), 3);
    assert!(found[0].starts_with("train:101: expected the lines of qid:1 one after"), "{found:?}");
    // The line of the first tag that may not stand where it does.
    let crf = "B\tx\nI\tx\n\n".repeat(30) + &"O\ty\nI\tx\n\n".repeat(30);
    let found = errors::<SequenceFiles>(&[("constrain", "bio")], &crf, 7);
    assert_eq!(found.len(), 1);
    assert!(found[0].starts_with("train:92: --constrain bio allows no tag I after O"), "{found:?}");
}

#[test]
fn options_that_need_all_examples_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let sizes = folder.path().join("sizes");
    fs::write(&sizes, "1\n").unwrap();
    let sizes = sizes.to_str().unwrap();
    let found = errors::<MulticlassFiles>(&[("label", "y")], "y,a\n1,2\n2,3\n", 2);
    assert!(
        found[0].starts_with("--label expects neither --stream nor several ranks"),
        "{found:?}"
    );
    for (option, value) in [("group", sizes), ("query-weights", sizes), ("label", "y")] {
        let found = errors::<RankingFiles>(&[(option, value)], "1 1:1\n2 1:1\n", 2);
        let message = format!("--{option} expects neither --stream nor several ranks");
        assert!(found[0].starts_with(&message), "{found:?}");
    }
    // All lines are one query, and so one part.
    let found = errors::<RankingFiles>(&[("no-group", "")], "1 1:1\n2 1:1\n", 2);
    assert!(found.iter().any(|error| error.contains("rank 1 (of 2")), "{found:?}");
}

#[test]
fn files_of_ranks_must_be_of_one_kind_and_have_different_queries() {
    let folder = tempfile::tempdir().unwrap();
    let own = |name: &str| folder.path().join(format!("{name}.{{rank}}"));
    let errors = |found: Result<Found, Vec<String>>| {
        let name = folder.path().join("").display().to_string();
        let errors = found.unwrap_err().into_iter();
        errors.map(|error| error.replace(&name, "")).collect::<Vec<_>>()
    };
    let write = |name: &str, texts: [&str; 2]| {
        for (rank, text) in texts.iter().enumerate() {
            fs::write(folder.path().join(format!("{name}.{rank}")), text).unwrap();
        }
    };
    let none = Options::default();
    write("kinds", ["N qid:1 1:1\n", "N\tw=a\n"]);
    let found = errors(in_parts::<SequenceFiles>(&none, &own("kinds"), 2));
    assert_eq!(
        found,
        ["kinds.1: expected a file of the same kind as that of rank 0, found another"]
    );
    write("guess", ["N qid:1 1:1\n", "\nwhat is this\n"]);
    let found = errors(in_parts::<SequenceFiles>(&none, &own("guess"), 2));
    assert!(found[0].starts_with("guess.1:2: expected `TAG qid:N"), "{found:?}");
    write("queries", ["1 qid:1 1:1\n2 qid:2 1:1\n", "# x\n1 qid:2 1:1\n"]);
    let found = errors(in_parts::<RankingFiles>(&none, &own("queries"), 2));
    assert_eq!(
        found,
        ["queries.1:2: expected the lines of qid:2 one after the other, but it returns"]
    );
    // The first wrong tag is in the second file.
    write("tags", ["B\tx\nI\tx\n\nB\tx\nO\ty\n", "\nB\tx\n\nI\tx\n"]);
    let constrained = options(&[("constrain", "bio")]);
    let found = errors(in_parts::<SequenceFiles>(&constrained, &own("tags"), 2));
    assert!(
        found[0].starts_with("tags.1:4: --constrain bio allows no tag I at the beg"),
        "{found:?}"
    );
    let found = errors(in_parts::<SequenceFiles>(&none, &own("tags"), 3));
    assert!(found.iter().any(|error| error.starts_with("tags.2: cannot be read")), "{found:?}");
    write("empty", ["1 1:1\n2 1:1\n", "\n# x\n"]);
    let found = errors(in_parts::<MulticlassFiles>(&none, &own("empty"), 2));
    assert!(found[0].starts_with("empty.1: rank 1 (of 2"), "{found:?}");
}

/// Compares what is read of a text in parts and as a whole, errors included.
fn compare<F: Shown>(
    values: &[(&str, &str)],
    text: &str,
    size: usize,
) -> Result<(), TestCaseError> {
    let options = options(values);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("train");
    fs::write(&path, text).unwrap();
    let parts = in_parts::<F>(&options, &path, size);
    match (whole::<F>(&options, &path), parts) {
        (Ok(whole), Ok(parts)) => prop_assert_eq!(whole, parts),
        (Ok(_), Err(errors)) => {
            let is_empty = |error: &String| error.contains("has no examples");
            prop_assert!(errors.iter().all(is_empty), "{:?}: {}", errors, text);
        }
        (Err(error), Err(errors)) => {
            let is_line = error.starts_with(&format!("{}:", path.display()));
            // A qid that returns on another rank is refused in other words, and only if nothing
            // else is wrong on any rank.
            let returns = error.ends_with("but it returns");
            let place: String = error.chars().take_while(|letter| *letter != ' ').collect();
            let is_told = errors.iter().any(|told| {
                returns || told.starts_with(&place) || told.contains("has no examples")
            });
            prop_assert!(!is_line || is_told, "{}, {:?}: {}", error, errors, text);
        }
        (Err(error), Ok(_)) => prop_assert!(false, "{} is not found: {}", error, text),
    }
    Ok(())
}

fn lines(all: &[&str], chosen: &[(usize, bool)]) -> String {
    let line = |&(at, returns): &(usize, bool)| {
        let end = if returns { "\r\n" } else { "\n" };
        all[at % all.len()].to_owned() + end
    };
    chosen.iter().map(line).collect()
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: crosscut_testkit::cases(800),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn any_lines_are_read_in_parts_as_they_are_as_a_whole(
        chosen in prop::collection::vec((any::<prop::sample::Index>(), any::<bool>()), 0..60),
        bad in prop::option::of(0..60_usize),
        ends in any::<bool>(),
        size in 2..6_usize,
    ) {
        let choose = |all: &[&str], bad_line: &str| {
            let chosen: Vec<_> =
                chosen.iter().map(|(at, returns)| (at.index(all.len()), *returns)).collect();
            let mut text = lines(all, &chosen);
            if let Some(at) = bad.filter(|at| *at < 10) {
                let place = text.match_indices('\n').nth(at).map_or(0, |(place, _)| place + 1);
                text.insert_str(place, bad_line);
            }
            if !ends {
                text.pop();
            }
            text
        };
        let svm = [
            "a 1:1", "b 2:0.5 7:1", "c 16777300:2", "", "# x", "a cost:0.5 3:1", "b#y 1:1", " ",
            "long 1:1 2:1 3:1 4:1 5:1 6:1 7:1 8:1 9:1",
        ];
        compare::<MulticlassFiles>(&[], &choose(&svm, "a 1:x\n"), size)?;
        let crf = [
            "N\tw=a", "", "V\tw=b:2", "", "", "V\tw=c\tw=d\tw=a:0.5", "  ", "?\tw=a", "\\:\tw",
        ];
        compare::<SequenceFiles>(&[("format", "crfsuite")], &choose(&crf, "N\t:1\n"), size)?;
        // Names of queries increase, but now and then one returns.
        let mut qid = 0;
        let mut numbered = |text: &str| {
            let line = |line: &str| {
                qid += usize::from(line.contains("qid:+"));
                line.replace("qid:+", "qid:=").replace("qid:=", &format!("qid:{qid}")) + "\n"
            };
            let mut text: String = text.split_terminator('\n').map(line).collect();
            if !ends {
                text.pop();
            }
            text
        };
        let queries = [
            "1 qid:+ 1:1", "2 qid:= 3:1", "0 qid:= 1:1 2:1", "# qid:1", "", "1 qid:+",
            "2 qid:=#x", "1 2:1 qid:=",
        ];
        let text = numbered(&choose(&queries, "1 qid:0 1:1\n"));
        compare::<RankingFiles>(&[], &text, size)?;
        let hmm = [
            "N qid:+ 1:1", "V qid:= 3:1", "N qid:= 1:1 2:1", "# qid:1", "", "V qid:+",
            "N 2:1 qid:=",
        ];
        let text = numbered(&choose(&hmm, "N 1:1\n"));
        compare::<SequenceFiles>(&[("format", "hmm")], &text, size)?;
    }
}

#[test]
fn a_file_that_ranks_see_differently_is_refused() {
    // Each rank reads a path of its own, as on machines whose disks are not shared.
    let folder = tempfile::tempdir().unwrap();
    let path = |rank: usize| folder.path().join(rank.to_string());
    fs::write(path(0), "1 1:1\n2 1:1\n").unwrap();
    fs::write(path(1), "1 1:1\n2 1:1\n1 1:1\n").unwrap();
    let found = in_parts_at::<MulticlassFiles>(&Options::default(), &path, 2).unwrap_err();
    let message = "1: expected the file of rank 0, which has 12 bytes, found one of 18 bytes";
    assert!(found.len() == 1 && found[0].ends_with(message), "{found:?}");
}

/// Changes the first value of a file once its first part has been read.
struct Changes(PathBuf);

impl Monitor for Changes {
    fn reading(&mut self, _: &str, _: u64) {
        let mut file = fs::OpenOptions::new().write(true).open(&self.0).unwrap();
        file.write_all(b"1 1:7").unwrap();
    }
}

#[test]
fn a_file_that_changes_between_the_two_readings_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("train");
    fs::write(&path, "1 1:1\n2 1:2\n".repeat(20)).unwrap();
    let errors = Mutex::new(Vec::new());
    let read = |ranks: &dyn Collective| {
        let mut changes = Changes(path.clone());
        let monitor: &mut dyn Monitor = if ranks.rank() == 0 { &mut changes } else { &mut () };
        let define = ranks::define::<MulticlassFiles>;
        let found = define(ranks, &Options::default(), &path, Encoding::default(), monitor);
        errors.lock().unwrap().extend(found.err().map(|error| error.to_string()));
    };
    Threads::run(2, read);
    let errors = errors.into_inner().unwrap();
    assert!(errors.len() == 2 && errors[0] == errors[1], "{errors:?}");
    assert!(errors[0].contains("the file has changed"), "{errors:?}");
}
