//! The model file, and what a model is used for once it is read.

use std::io::sink;
use std::path::Path;

use crosscut::{Model, Settings, Task, solve};
use crosscut_app::model_file::{self, ModelFile};
use crosscut_app::{
    Error, Forecasts, Format, Items, Options, Outcome, OutputOf, Source, Training, define, read,
};
use crosscut_multiclass::MulticlassFiles;
use crosscut_ranking::RankingFiles;
use crosscut_sequence::SequenceFiles;

use crate::case::{Case, blame};

/// A model file, as it is and with a length and a checksum that fit; then it is used.
///
/// Bytes that are no model file are training examples with options: the model that they make is
/// taken, with each word `at=OFFSET:BYTE` of the options written into it. Such inputs outlive
/// changes of the layout.
pub fn model(bytes: &[u8]) {
    if bytes.starts_with(b"CROSSCUT") {
        return try_both(bytes.to_vec());
    }
    let case = Case::new(bytes);
    let Some(mut made) = make_any(&case) else { return };
    for (_, change) in case.words.iter().filter(|(name, _)| name == "at") {
        if let Some((at, byte)) = change.split_once(':')
            && let (Ok(at), Ok(byte)) = (at.parse::<usize>(), byte.parse())
        {
            let length = made.len();
            made[at % length] = byte;
        }
    }
    try_both(made);
}

fn try_both(bytes: Vec<u8>) {
    if let Some(mended) = mend(bytes.clone()) {
        open(mended);
    }
    open(bytes);
}

/// The model that `model` makes of training examples; `None` if these are refused.
pub fn made(bytes: &[u8]) -> Option<Vec<u8>> {
    make_any(&Case::new(bytes))
}

fn make_any(case: &Case<'_>) -> Option<Vec<u8>> {
    match case.get("task") {
        Some("ranking") => make::<RankingFiles>(case),
        Some("sequence") => make::<SequenceFiles>(case),
        _ => make::<MulticlassFiles>(case),
    }
}

fn make<F: Format>(case: &Case<'_>) -> Option<Vec<u8>> {
    let options = case.options();
    let source = Source::from_text("examples", case.text);
    let Training { format, task, examples } = define::<F>(&options, source).ok()?;
    // The file of a larger one would be changed in places that are all weights.
    if task.dim() > 1000 {
        return None;
    }
    let settings = Settings::new().passes(1).threads(1);
    let solution = solve(&task, &examples, &settings).ok()?;
    Some(encode(&format, &Model::new(task, solution.w, settings, solution.certificate)))
}

/// The same file with a length and a checksum that fit, if its head is one.
pub fn mend(mut bytes: Vec<u8>) -> Option<Vec<u8>> {
    // The magic, the version, the length of the name.
    let name = u32::from_le_bytes(bytes.get(12..16)?.try_into().ok()?) as usize;
    let length_at = 20_usize.checked_add(name)?;
    let payload = bytes.len().checked_sub(length_at.checked_add(12)?)? as u64;
    bytes[length_at..length_at + 8].copy_from_slice(&payload.to_le_bytes());
    let end = bytes.len() - 4;
    let sum = crc32fast::hash(&bytes[..end]);
    bytes[end..].copy_from_slice(&sum.to_le_bytes());
    Some(bytes)
}

fn open(bytes: Vec<u8>) {
    let stored = match ModelFile::from_bytes(Path::new("model"), bytes) {
        Ok(stored) => stored,
        Err(error) => return refused(&error),
    };
    let task = stored.task().to_owned();
    match task.as_str() {
        MulticlassFiles::NAME => {
            load::<MulticlassFiles>(stored, &["1 1:1 2:-3 7:1e10\n? 3:1\n-1\n"])
        }
        RankingFiles::NAME => load::<RankingFiles>(
            stored,
            &["2 qid:1 1:1 2:-3\n1 qid:1 7:1e10\n0 qid:2\n", "1:1\n5:0.5\n"],
        ),
        SequenceFiles::NAME => load::<SequenceFiles>(
            stored,
            &[
                "1 qid:1 1:1 2:-3\n2 qid:1 7:1e10\n1 qid:2\n",
                "A\tx\ty:2\nB\tz\n\n\tx\n",
                "a b A\nc d B\n\ne f A\n",
                "a\n\nb\n",
            ],
        ),
        _ => {}
    }
}

fn load<F: Format>(stored: ModelFile, texts: &[&str]) {
    let (format, model) = match stored.load::<F>() {
        Ok(model) => model,
        Err(error) => return refused(&error),
    };
    again(&format, &model);
    for text in texts {
        match read(&format, &model.task, Source::from_text("examples", *text)) {
            Ok(items) => use_model(&format, &model.task, &model.w, &items),
            Err(error) => blame(&error, text.as_bytes()),
        }
    }
    let options =
        [("n-best", "3"), ("max-marginals", ""), ("probabilities", ""), ("ranks", ""), ("b", "2")];
    for (option, value) in options {
        let mut options = Options::default();
        options.set(option, value);
        let (mut format, Model { mut task, .. }) = again(&format, &model);
        if format.prepare(&mut task, &options).is_err() {
            continue;
        }
        for text in texts {
            if let Ok(items) = read(&format, &task, Source::from_text("examples", *text)) {
                use_model(&format, &task, &model.w, &items);
            }
        }
    }
}

/// Errors about models are about the file.
fn refused(error: &Error) {
    assert!(
        matches!(error, Error::File { file, message } if file == "model" && !message.is_empty()),
        "{error}"
    );
}

/// A model that is written is read again, to the bit.
pub fn again<F: Format>(format: &F, model: &Model<F::Task>) -> (F, Model<F::Task>) {
    let bytes = encode(format, model);
    let again = decode::<F>(bytes.clone());
    assert!(encode(&again.0, &again.1) == bytes, "a model changes when it is written and read");
    again
}

fn encode<F: Format>(format: &F, model: &Model<F::Task>) -> Vec<u8> {
    let mut bytes = Vec::new();
    model_file::write(format, model, &mut bytes).expect("memory can be written");
    bytes
}

fn decode<F: Format>(bytes: Vec<u8>) -> (F, Model<F::Task>) {
    let stored =
        ModelFile::from_bytes(Path::new("model"), bytes).expect("what was written is a model");
    stored.load::<F>().expect("what was written is a model of its task")
}

/// Predicts, writes and measures, and names weights.
pub fn use_model<F: Format>(format: &F, task: &F::Task, w: &[f64], items: &Items<F>) {
    let scratch = &mut <F::Task as Task>::Scratch::default();
    let predictions: Vec<OutputOf<F>> =
        items.iter().map(|item| task.predict(w, &item.x, scratch)).collect();
    let mut outcomes = Vec::new();
    for (item, y_hat) in items.iter().zip(&predictions) {
        format.write(task, w, &item.x, y_hat, &mut sink()).expect("nothing is written");
        if let Some(y) = &item.y {
            assert!(!task.loss(&item.x, y, y_hat).is_nan());
            outcomes.push(Outcome { x: &item.x, y, y_hat, weight: item.weight });
        }
    }
    let mut forecasts = Forecasts::default();
    outcomes.iter().for_each(|outcome| format.forecast(task, w, outcome, scratch, &mut forecasts));
    let _ = forecasts.report(format.evaluate(task, &outcomes)).to_string();
    let _ = format.sizes(task);
    let dim = task.dim();
    (0..dim.min(50))
        .chain(dim.saturating_sub(50)..dim)
        .for_each(|index| drop(format.weight_name(task, index)));
}
