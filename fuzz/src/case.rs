//! [`Case`]: one input as options and files; [`blame`]: what errors must say.

use std::fs;
use std::path::PathBuf;

use crosscut::Rescaling;
use crosscut_app::{Error, Options};
use tempfile::TempDir;

/// Options and files, as text in one piece:
///
/// ```text
/// -- cost=@1 o=1 l=2        the options, on a first line that may be missing; @1 is the path of the file below the first ====
/// 1 1:0.5                   the file
/// ====
/// 1 2 7.5                   the next file
/// ```
pub struct Case<'b> {
    /// Names and values.
    pub words: Vec<(String, String)>,
    /// The file itself, possibly empty.
    pub text: &'b [u8],
    files: Vec<&'b [u8]>,
    /// Where the others are. Removed with the case.
    home: Option<TempDir>,
}

/// Options whose value is a file: never one that the input names.
const FILES: [&str; 5] = ["cost", "template", "group", "query-weights", "class-weight"];

/// Options for what is written.
const WRITING: [&str; 5] = ["ranks", "run-tag", "n-best", "max-marginals", "probabilities"];

impl<'b> Case<'b> {
    pub fn new(bytes: &'b [u8]) -> Self {
        let (head, body) = match bytes.strip_prefix(b"-- ") {
            Some(rest) => rest.split_at(
                rest.iter().position(|&byte| byte == b'\n').map_or(rest.len(), |at| at + 1),
            ),
            None => (&b""[..], bytes),
        };
        let files = split(body);
        let home =
            (files.len() > 1).then(|| tempfile::tempdir().expect("a folder for temporary files"));
        for (at, file) in files.iter().enumerate().skip(1) {
            let home = home.as_ref().expect("there are files to put there");
            fs::write(home.path().join(at.to_string()), file)
                .expect("temporary files can be written");
        }
        let mut case = Self { words: Vec::new(), text: files[0], files, home };
        for word in String::from_utf8_lossy(head).split_whitespace() {
            let (name, value) = word.split_once('=').unwrap_or((word, ""));
            match (value.strip_prefix('@'), FILES.contains(&name)) {
                (Some(at), _) => match case.file(at) {
                    Some(path) => case.words.push((name.to_owned(), path)),
                    None => continue,
                },
                (None, true) if !["chunking", "pos", "ner", "balanced"].contains(&value) => {
                    continue;
                }
                _ => case.words.push((name.to_owned(), value.to_owned())),
            }
        }
        case
    }

    /// The file with the most lines.
    pub fn longest(&self) -> &'b [u8] {
        let lines = |text: &&&[u8]| text.iter().filter(|&&byte| byte == b'\n').count();
        self.files.iter().max_by_key(lines).unwrap_or(&self.text)
    }

    fn file(&self, at: &str) -> Option<String> {
        let number: usize = at.parse().ok()?;
        let path: PathBuf = self.home.as_ref()?.path().join(number.to_string());
        path.exists().then(|| path.display().to_string())
    }

    /// The value of an option, the last of several.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.words.iter().rev().find(|(word, _)| word == name).map(|(_, value)| value.as_str())
    }

    /// The options of a task; `o` and `l` are `-o` and `-l`.
    pub fn options(&self) -> Options {
        let rescaling =
            if self.get("o") == Some("1") { Rescaling::Slack } else { Rescaling::Margin };
        let mut options = Options::new(rescaling, self.get("l").and_then(|loss| loss.parse().ok()));
        let own = self.words.iter().filter(|(name, _)| !WRITING.contains(&name.as_str()));
        own.for_each(|(name, value)| options.set(name, value.as_str()));
        options
    }

    /// Those about what is written.
    pub fn writing(&self) -> Options {
        let mut options = Options::default();
        let own = self
            .words
            .iter()
            .filter(|(name, _)| [&WRITING[..], &["group", "b"]].concat().contains(&name.as_str()));
        own.for_each(|(name, value)| options.set(name, value.as_str()));
        // Who asks for a million of the best outputs waits for them.
        if let Ok(Some(count)) = options.count("n-best") {
            options.set("n-best", count.min(100).to_string());
        }
        options
    }
}

/// The pieces between lines `====`, at least one.
fn split(bytes: &[u8]) -> Vec<&[u8]> {
    const MARK: &[u8] = b"\n====\n";
    let (mut pieces, mut rest) = (Vec::new(), bytes);
    while let Some(at) = rest.windows(MARK.len()).position(|window| window == MARK) {
        pieces.push(&rest[..=at]);
        rest = &rest[at + MARK.len()..];
    }
    pieces.push(rest);
    pieces
}

/// Checks that an error is one of the input, and says where. `text` is the longest file that was
/// read.
pub fn blame(error: &Error, text: &[u8]) {
    assert!(error.is_bad_input(), "{error}");
    assert!(error.to_string().chars().count() < 1200, "{error}");
    match error {
        Error::Line { file, line, message } => {
            let lines = text.iter().filter(|&&byte| byte == b'\n').count() as u64 + 1;
            assert!(!file.is_empty() && !message.is_empty());
            // One more: what is missing after the last one.
            let shipped = file.starts_with("template ");
            assert!(
                shipped || (1..=lines + 1).contains(line),
                "{error}, but there are {lines} lines"
            );
        }
        Error::File { file, message } => assert!(!file.is_empty() && !message.is_empty()),
        Error::Option { .. } | Error::Solve(_) => {}
        other => panic!("no trouble with files was expected, found {other}"),
    }
}
