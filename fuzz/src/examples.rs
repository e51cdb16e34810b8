//! Files of examples and those beside them: read, read again, written back, and used.

use std::fmt::Write as _;
use std::io::{self, Read};

use crosscut::{Example, Model, Settings, SparseVector, Task};
use crosscut_app::{
    Encoding, Error, Examples, Format, InputOf, Item, Options, Source, Training, read_costs,
    read_in_pieces,
};
use crosscut_data::{Labels, svmlight};
use crosscut_multiclass::{Class, Multiclass, MulticlassFiles};
use crosscut_ranking::{Query, RankingFiles, Scores};
use crosscut_sequence::{Features, Sequence, SequenceFiles, Tags, Tokens};

use crate::case::{Case, blame};
use crate::{models, training};

/// Any file, packed with gzip or not: its lines are those of its text.
pub fn archive(bytes: &[u8]) {
    let home = tempfile::tempdir().expect("a folder for temporary files");
    let path = home.path().join("file");
    std::fs::write(&path, bytes).expect("temporary files can be written");
    let open = || Source::open_quietly(&path);
    let refused = |error: &Error| {
        assert!(error.to_string().starts_with(&path.display().to_string()), "{error}")
    };
    let mut lines = Vec::new();
    let read = open().and_then(|mut source| {
        source.scan_lines(
            |line| Ok(Some(line.to_owned())),
            |_, line| {
                lines.push(line);
                Ok(())
            },
        )
    });
    match (open().and_then(Source::text), read) {
        (Ok(text), Ok(())) => {
            let expected =
                text.split_terminator('\n').map(|line| line.strip_suffix('\r').unwrap_or(line));
            assert!(expected.eq(&lines), "{text}");
        }
        (Ok(text), Err(error)) => {
            refused(&error);
            assert!(text.is_empty() || text.contains('\0'), "{error}");
        }
        (Err(error), Err(_)) => refused(&error),
        (Err(error), Ok(_)) => panic!("only one way to read the file refuses it: {error}"),
    }
}

/// Bytes as a pipe gives them, packed or not, in any encoding: the lines do not depend on the sizes
/// of the pieces, and signals do not disturb.
pub fn pipe(bytes: &[u8]) {
    let case = Case::new(bytes);
    let Ok(encoding) = Encoding::of(&case.options()) else { return };
    let read = |sizes: &'static [usize]| {
        let pipe = Pipe { rest: case.text, sizes, at: 0 };
        let mut lines = Vec::new();
        let mut source = Source::from_reader("pipe", pipe)?.decode(encoding);
        source.scan_lines(
            |line| Ok(Some(line.to_owned())),
            |number, line| {
                lines.push((number, line));
                Ok(())
            },
        )?;
        Ok(lines)
    };
    let read = |sizes| read(sizes).map_err(|error: Error| error.to_string());
    let whole = read(&[usize::MAX]);
    for sizes in [&[1][..], &[2, 3], &[7, 0, 1], &[0, 4096, 1]] {
        assert_eq!(read(sizes), whole, "in pieces of {sizes:?}");
    }
}

/// Gives pieces of these sizes in turn; 0 is a signal.
struct Pipe<'b> {
    rest: &'b [u8],
    sizes: &'static [usize],
    at: usize,
}

impl Read for Pipe<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let size = self.sizes[self.at % self.sizes.len()];
        self.at += 1;
        if size == 0 {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let (piece, rest) = self.rest.split_at(size.min(buffer.len()).min(self.rest.len()));
        buffer[..piece.len()].copy_from_slice(piece);
        self.rest = rest;
        Ok(piece.len())
    }
}

/// Lines of svm-light by themselves: what was read, written and read is the same. What is read
/// strictly is read in the same way if more is permitted.
pub fn svmlight(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let all = [(false, false), (true, false), (false, true), (true, true)];
    let all = all.map(|(zero_based, any_order)| svmlight::Ids { zero_based, any_order });
    for (line, ids) in text.split('\n').flat_map(|line| all.map(|ids| (line, ids))) {
        let Ok(Some(parsed)) = ids.parse_line(line) else {
            assert!(!matches!(svmlight::parse_line(line), Ok(Some(_))), "{line}");
            continue;
        };
        if let Ok(strict) = svmlight::parse_line(line) {
            assert_eq!(strict.as_ref(), Some(&parsed));
        }
        assert!(
            SparseVector::new(parsed.features.clone()).is_ok()
                && parsed.cost.is_finite()
                && parsed.cost >= 0.0
        );
        let mut text = parsed.target.unwrap_or("?").to_owned();
        if let Some(qid) = &parsed.qid {
            let _ = write!(text, " qid:{qid}");
        }
        let _ = write!(text, " cost:{}", parsed.cost);
        text.extend(
            parsed.features.iter().map(|feature| format!(" {}:{}", feature.index, feature.value)),
        );
        let again =
            ids.parse_line(&text).expect("what was written is a line").expect("it is not blank");
        assert_eq!((again.target, again.qid, again.cost), (parsed.target, parsed.qid, parsed.cost));
        assert_eq!(again.features, parsed.features);
    }
}

/// `crosscut learn multiclass` up to the point where training would begin.
pub fn multiclass(bytes: &[u8]) {
    let case = Case::new(bytes);
    let options = case.options();
    let Some(Training { format, task, examples }) =
        read::<MulticlassFiles>(&case, &options, SparseVector::eq)
    else {
        return;
    };
    let unlabelled = |example: &Example<SparseVector, Class>| Item::new(example.x.clone(), None);
    models::use_model(&format, &task, &weights(&task), &examples.iter().map(unlabelled).collect());
    // Weights of examples are no longer those of the file either.
    if is_scaled(&case) || case.get("class-weight").is_some() {
        return;
    }
    let mut text = String::new();
    for Example { x, y, weight } in &examples {
        let _ = write!(text, "{} cost:{weight}", task.classes().name(y.index()));
        let known =
            x.features().iter().filter(|feature| (feature.index as usize) < task.features().len());
        text.extend(known.map(|feature| {
            format!(" {}:{}", task.features().id(feature.index as usize), feature.value)
        }));
        text.push('\n');
    }
    let Training { task: task_again, examples: again, .. } =
        define::<MulticlassFiles>(&options, &text);
    assert!(task_again == task && again == examples, "written back: {text}");
}

/// The same for rankings.
pub fn ranking(bytes: &[u8]) {
    let case = Case::new(bytes);
    let options = case.options();
    let Some(Training { examples, .. }) = read::<RankingFiles>(&case, &options, Query::eq) else {
        return;
    };
    // With --group there are no queries in the file.
    if !is_scaled(&case) && case.get("group").is_none() {
        let parsed = Source::from_text("examples", case.text)
            .parse_lines(|line| svmlight_owned(crosscut_app::svmlight::ids(&options), line))
            .unwrap_or_default();
        let mut lines = parsed.into_iter();
        let mut text = String::new();
        for (query, Example { y, .. }) in examples.iter().enumerate() {
            for document in 0..y.len() {
                let features = lines.next().unwrap_or_default();
                let _ = writeln!(
                    text,
                    "{} qid:{query} cost:{}{features}",
                    y.values()[document],
                    y.cost(document)
                );
            }
        }
        let Training { examples: again, .. } = define::<RankingFiles>(&options, &text);
        let same = |(a, b): (&Example<Query, Scores>, &Example<Query, Scores>)| {
            a.x == b.x
                && a.y.values() == b.y.values()
                && (0..a.y.len()).all(|at| a.y.cost(at) == b.y.cost(at))
        };
        assert!(
            again.len() == examples.len() && examples.iter().zip(&again).all(same),
            "written back: {text}"
        );
    }
}

/// The features of a line as text.
fn svmlight_owned(ids: svmlight::Ids, line: &str) -> Result<Option<String>, String> {
    let features = |line: svmlight::Line<'_>| -> String {
        line.features
            .iter()
            .map(|feature| format!(" {}:{}", feature.index, feature.value))
            .collect()
    };
    Ok(ids.parse_line(line)?.map(features))
}

/// The same for sequences of SVM^hmm.
pub fn hmm(bytes: &[u8]) {
    let case = Case::new(bytes);
    let options = with(&case, "format", "hmm");
    let Some(Training { task, examples, .. }) = read::<SequenceFiles>(&case, &options, same_tokens)
    else {
        return;
    };
    let Features::Ids(ids) = task.features() else { panic!("features of SVM^hmm have ids") };
    if is_scaled(&case) {
        return;
    }
    let mut text = String::new();
    for (sequence, Example { x, y, weight }) in examples.iter().enumerate() {
        for (token, row) in x.rows().iter().enumerate() {
            let _ = write!(text, "{} qid:{sequence} cost:{weight}", task.name(y, token));
            text.extend(
                row.features().iter().map(|f| format!(" {}:{}", ids.id(f.index as usize), f.value)),
            );
            text.push('\n');
        }
    }
    let Training { task: task_again, examples: again, .. } =
        define::<SequenceFiles>(&options, &text);
    assert!(task_again == task && again == examples, "written back: {text}");
}

/// The same for sequences of CRFsuite.
pub fn crfsuite(bytes: &[u8]) {
    let case = Case::new(bytes);
    let options = with(&case, "format", "crfsuite");
    let Some(Training { task, examples, .. }) = read::<SequenceFiles>(&case, &options, same_tokens)
    else {
        return;
    };
    if is_scaled(&case) {
        return;
    }
    let mut text = String::new();
    for (Example { weight, .. }, tokens) in examples.iter().zip(named(&task, &examples)) {
        let _ = writeln!(text, "@weight:{weight}");
        for (tag, attributes) in tokens {
            let _ = write!(text, "{}\t", escape(&tag));
            text.extend(
                attributes.iter().map(|(name, value)| format!("{}:{value}\t", escape(name))),
            );
            text.push('\n');
        }
        text.push('\n');
    }
    let mut options = options;
    options.set("min-count", "1");
    let Training { task: task_again, examples: again, .. } =
        define::<SequenceFiles>(&options, &text);
    let weight = |example: &Example<Tokens, Tags>| example.weight;
    assert!(again.iter().map(weight).eq(examples.iter().map(weight)), "written back: {text}");
    assert_eq!(named(&task_again, &again), named(&task, &examples), "written back: {text}");
}

/// The same for tables, of either task; svm-light lines of the features have the same examples.
pub fn table(bytes: &[u8]) {
    let mut case = Case::new(bytes);
    if case.get("label").is_none() {
        case.words.push(("label".to_owned(), "1".to_owned()));
    }
    let options = case.options();
    if case.get("task") == Some("ranking") {
        read::<RankingFiles>(&case, &options, Query::eq);
        return;
    }
    let Some(Training { task, examples, .. }) =
        read::<MulticlassFiles>(&case, &options, SparseVector::eq)
    else {
        return;
    };
    let changes = ["bias", "cost", "l", "scale", "class-weight"];
    if changes.iter().any(|name| case.get(name).is_some()) {
        return;
    }
    let named = |task: &Multiclass, x: &SparseVector| -> Vec<(u32, u64)> {
        let id = |feature: &crosscut::Feature| task.features().id(feature.index as usize);
        x.features().iter().map(|f| (id(f), f64::from(f.value).to_bits())).collect()
    };
    let mut text = String::new();
    for Example { x, y, weight } in &examples {
        let _ = write!(text, "c{:09} cost:{weight}", y.index());
        for feature in x.features() {
            let _ = write!(text, " {}:{}", feature.index + 1, feature.value);
        }
        text.push('\n');
    }
    if examples.iter().all(|example| example.x.features().is_empty()) {
        return;
    }
    let Training { task: lines, examples: again, .. } =
        define::<MulticlassFiles>(&Options::default(), &text);
    assert_eq!(again.len(), examples.len());
    for (line, example) in again.iter().zip(&examples) {
        assert!(line.y == example.y && line.weight == example.weight, "written back: {text}");
        assert_eq!(named(&lines, &line.x), named(&task, &example.x), "written back: {text}");
    }
}

/// A tag and attributes by name, which are sorted.
type Named = (String, Vec<(String, f32)>);

/// Sequences, token by token.
fn named(task: &Sequence, examples: &Examples<SequenceFiles>) -> Vec<Vec<Named>> {
    let Features::Names(names) = task.features() else { panic!("attributes have names") };
    let attributes = |x: &Tokens, token: usize| {
        let features = x.rows().row(token).features().iter();
        let mut all: Vec<_> =
            features.map(|feature| (names.name(feature.index).to_owned(), feature.value)).collect();
        all.sort_by(|a, b| a.0.cmp(&b.0));
        all
    };
    let token = |Example { x, y, .. }: &Example<Tokens, Tags>, token| {
        (task.name(y, token).to_owned(), attributes(x, token))
    };
    examples
        .iter()
        .map(|example| (0..example.y.len()).map(|at| token(example, at)).collect())
        .collect()
}

fn escape(name: &str) -> String {
    name.replace('\\', "\\\\").replace(':', "\\:")
}

/// The same for columns and their template, which is the second file.
pub fn columns(bytes: &[u8]) {
    let mut case = Case::new(bytes);
    if case.get("template").is_none() {
        let head = b"-- template=@1\n";
        let whole = [&head[..], bytes].concat();
        if !bytes.starts_with(b"-- ") {
            return columns(&whole);
        }
        case.words.push(("template".to_owned(), "pos".to_owned()));
    }
    let options = with(&case, "format", "columns");
    let Some(Training { format, task, examples }) =
        read::<SequenceFiles>(&case, &options, same_tokens)
    else {
        return;
    };
    // Predictions are the lines of the file with one column more.
    let items = crosscut_app::read(&format, &task, Source::from_text("examples", case.text))
        .expect("it was read before");
    let w = weights(&task);
    for (Item { x, .. }, Example { y, .. }) in items.iter().zip(&examples) {
        let mut written = Vec::new();
        format.write(&task, &w, x, y, &mut written).expect("memory can be written");
        let written = String::from_utf8(written).expect("predictions are text");
        let lines: Vec<&str> = x.text().unwrap_or_default().split('\n').collect();
        assert_eq!(written.split('\n').count(), lines.len() + 2, "{written}");
        for (token, (line, written)) in lines.iter().zip(written.split('\n')).enumerate() {
            assert!(
                written.starts_with(line) && written.ends_with(task.name(y, token)),
                "{written}"
            );
        }
    }
}

/// The same for CoNLL-U and a template, `pos` if there is none.
pub fn conllu(bytes: &[u8]) {
    let mut case = Case::new(bytes);
    if case.get("template").is_none() {
        case.words.push(("template".to_owned(), "pos".to_owned()));
    }
    let options = with(&case, "format", "conllu");
    let Some(Training { format, task, examples }) =
        read::<SequenceFiles>(&case, &options, same_tokens)
    else {
        return;
    };
    let w = weights(&task);
    // Tags that are not those of the file: the last first.
    let other = |y: &Tags| {
        let tags = y.as_slice().iter().map(|tag| task.tags().len() - 1 - tag.index());
        Tags::from(tags.collect::<Vec<_>>())
    };
    let write = |text: &[u8]| {
        let items = crosscut_app::read(&format, &task, Source::from_text("examples", text))
            .expect("it is a file to read");
        assert_eq!(items.len(), examples.len());
        let mut written = Vec::new();
        for (Item { x, .. }, Example { y, .. }) in items.iter().zip(&examples) {
            format.write(&task, &w, x, &other(y), &mut written).expect("memory can be written");
        }
        (items, written)
    };
    let (_, written) = write(case.text);
    let lines = |text: &[u8]| {
        let text = String::from_utf8_lossy(text).replace('\u{feff}', "");
        text.lines().filter(|line| !line.trim_ascii().is_empty()).count()
    };
    assert_eq!(lines(&written), lines(case.text));
    let (items, again) = write(&written);
    assert!(again == written, "written again: {}", String::from_utf8_lossy(&written));
    for (Item { x, y, .. }, example) in items.iter().zip(&examples) {
        assert!(same_tokens(x, &example.x));
        // A tag like `_` is none.
        assert!(y.as_ref().is_none_or(|y| *y == other(&example.y)));
    }
}

/// Costs, sizes and weights of queries, beside examples that are in order; the bytes are each of
/// them in turn.
pub fn side_files(bytes: &[u8]) {
    let labels = Labels::collect(["1", "2", "a", "B-x", "?"]);
    match read_costs(Source::from_text("costs", bytes), &labels) {
        Err(error) => blame(&error, bytes),
        Ok(costs) => {
            let mut text = String::new();
            for (truth, name) in labels.iter().enumerate() {
                for (prediction, cost) in costs.row(truth).iter().enumerate() {
                    let _ = writeln!(text, "{name} {} {cost}", labels.name(prediction));
                }
            }
            assert_eq!(
                read_costs(Source::from_text("costs", text), &labels).expect("it was written"),
                costs
            );
        }
    }
    let home = tempfile::tempdir().expect("a folder for temporary files");
    let path = home.path().join("side").display().to_string();
    std::fs::write(&path, bytes).expect("temporary files can be written");
    let documents = "2 1:1\n1 2:1\n1 1:3\n0 3:1\n";
    let queries = "2 qid:1 1:1\n1 qid:1 2:1\n1 qid:2 1:3\n0 qid:2 3:1\n";
    for (name, text) in [("group", documents), ("query-weights", queries)] {
        let mut options = Options::default();
        options.set(name, path.as_str());
        match crosscut_app::define::<RankingFiles>(&options, Source::from_text("examples", text)) {
            Ok(Training { task, examples, .. }) => {
                assert!(examples.iter().all(|Example { x, y, .. }| task.validate(x, y).is_ok()));
            }
            Err(error) => blame(&error, &[bytes, text.as_bytes()].concat()),
        }
    }
    let mut options = Options::default();
    options.set("cost", path);
    let (points, tokens) = ("1 1:1\n2 2:1\na\n", "1 qid:1 1:1\n2 qid:1 2:1\na qid:2\n");
    for error in [
        try_define::<MulticlassFiles>(&options, points).err(),
        try_define::<SequenceFiles>(&options, tokens).err(),
    ] {
        error.iter().for_each(|error| blame(error, &[bytes, tokens.as_bytes()].concat()));
    }
}

/// Whether numbers are no longer those of the file.
fn is_scaled(case: &Case<'_>) -> bool {
    case.get("scale").is_some_and(|scale| scale != "none")
}

fn with(case: &Case<'_>, name: &str, value: &str) -> Options {
    let mut options = case.options();
    options.set(name, value);
    options
}

fn same_tokens(a: &Tokens, b: &Tokens) -> bool {
    a.rows() == b.rows() && a.pair_rows() == b.pair_rows()
}

fn try_define<F: Format>(options: &Options, text: &str) -> Result<Training<F>, Error> {
    crosscut_app::define(options, Source::from_text("examples", text))
}

fn define<F: Format>(options: &Options, text: &str) -> Training<F> {
    try_define(options, text).unwrap_or_else(|error| panic!("{error}\nwritten back: {text}"))
}

/// Reads examples to learn from, writes a model of them, and reads the examples again with it,
/// which must be the same; then predicts.
fn read<F: Format<Task: Task<Output: PartialEq>>>(
    case: &Case<'_>,
    options: &Options,
    same: impl Fn(&InputOf<F>, &InputOf<F>) -> bool,
) -> Option<Training<F>> {
    let source = || Source::from_text("examples", case.text);
    let Training { format, task, examples } = match crosscut_app::define::<F>(options, source()) {
        Ok(defined) => defined,
        Err(error) => {
            blame(&error, case.longest());
            return None;
        }
    };
    if task.dim() > training::MOST_WEIGHTS {
        return None;
    }
    let w = weights(&task);
    let model = Model::new(task, w, Settings::default(), training::certificate());
    let (mut files, Model { task: mut other, .. }) = models::again(&format, &model);
    files.prepare(&mut other, options).ok()?;
    let items = crosscut_app::read(&files, &other, source())
        .expect("what was learned from can be predicted");
    assert_eq!(items.len(), examples.len());
    for (item, example) in items.iter().zip(&examples) {
        assert!(same(&item.x, &example.x) && item.y.as_ref() == Some(&example.y));
        // Weights from a file of their own are for training.
        let is_own =
            ["query-weights", "class-weight"].iter().any(|name| options.text(name).is_some());
        assert!(item.weight == example.weight || is_own);
    }
    for size in [1, 17, 300] {
        let pieces = read_in_pieces(&files, &other, "examples", case.text, Some(size));
        let pieces = pieces.expect("what is read as a whole is read in pieces");
        assert_eq!(pieces.len(), items.len(), "pieces of {size}");
        for (piece, item) in pieces.iter().zip(&items) {
            assert!(same(&piece.x, &item.x) && piece.y == item.y && piece.weight == item.weight);
        }
    }
    models::use_model(&files, &other, &model.w, &items);
    if files.prepare(&mut other, &case.writing()).is_ok()
        && let Ok(items) = crosscut_app::read(&files, &other, source())
    {
        models::use_model(&files, &other, &model.w, &items);
    }
    Some(Training { format, task: model.task, examples })
}

/// Some numbers.
fn weights(task: &impl Task) -> Vec<f64> {
    (0..task.dim()).map(|index| ((index * 7919) % 23) as f64 - 11.0).collect()
}
