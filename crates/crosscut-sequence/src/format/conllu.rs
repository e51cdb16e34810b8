//! [`Conllu`]: the lines of CoNLL-U and CoNLL-U Plus.
//!
//! A line is a comment (`# …`), a word, a range of words (`1-2`) or an empty node (`1.1`). Words are
//! numbered from 1 in each sentence, and a blank line ends it. TABs alone separate columns, so a
//! column may hold spaces. CoNLL-U Plus names its columns in the line `# global.columns = …`.

use std::collections::HashSet;
use std::io;

use crosscut_app::Shortest;

use super::template::shorten;

/// The columns of CoNLL-U.
const STANDARD: [&str; 10] =
    ["ID", "FORM", "LEMMA", "UPOS", "XPOS", "FEATS", "HEAD", "DEPREL", "DEPS", "MISC"];
/// Columns in which `_` is a value: none. In all others it stands for one that is not known.
const MAY_BE_NONE: [&str; 3] = ["FEATS", "DEPS", "MISC"];

/// The columns of a file.
#[derive(Clone, Debug)]
pub(super) struct Conllu {
    names: Vec<String>,
    id: Option<usize>,
}

/// The columns of a file of CoNLL-U or CoNLL-U Plus, by its beginning; `None` for other files.
///
/// # Errors
/// Bad names of columns, with the number of the line.
pub(super) fn recognise(head: &str) -> Result<Option<Vec<String>>, (u64, String)> {
    for (line, number) in head.lines().zip(1..) {
        let line = line.trim_start_matches('\u{feff}');
        if line.trim_ascii().is_empty() {
            continue;
        }
        if let Some(names) = header(line) {
            return names.map(Some).map_err(|message| (number, message));
        }
        if !line.starts_with('#') {
            let id = line.split('\t').next().unwrap_or_default();
            let is_first = id == "1" || id.starts_with("1-") || id.starts_with("0.");
            let is_standard = is_first && is_id(id) && line.split('\t').count() == STANDARD.len();
            return Ok(is_standard.then(standard));
        }
    }
    Ok(None)
}

/// The names of the columns of CoNLL-U.
pub(super) fn standard() -> Vec<String> {
    STANDARD.map(str::to_owned).to_vec()
}

/// The names in a line `# global.columns = …`.
fn header(line: &str) -> Option<Result<Vec<String>, String>> {
    let rest = line.strip_prefix('#')?.trim_ascii_start().strip_prefix("global.columns")?;
    let rest = rest.trim_ascii_start().strip_prefix('=')?;
    let names: Vec<String> = rest.split_ascii_whitespace().map(str::to_owned).collect();
    let different: HashSet<&String> = names.iter().collect();
    if names.len() < 2 || different.len() < names.len() {
        return Some(Err(format!(
            "expected two or more different names after global.columns =, found `{}`",
            shorten(rest.trim_ascii())
        )));
    }
    Some(Ok(names))
}

/// Names of columns for messages, the first of them if there are many.
pub(super) fn list(names: &[String]) -> String {
    const SHOWN: usize = 100;
    let names = names.join(" ");
    match names.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &names[..end]),
        None => names,
    }
}

/// Whether this is the id of a word, a range of words or an empty node.
fn is_id(id: &str) -> bool {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    match id.split_once(['-', '.']) {
        None => is_number(id),
        Some((first, second)) => is_number(first) && is_number(second),
    }
}

impl Conllu {
    /// Columns with these names.
    pub fn new(names: Vec<String>) -> Self {
        let id = names.iter().position(|name| name == "ID");
        Self { names, id }
    }

    /// The position of a column.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.names.iter().position(|known| known == name)
    }

    /// The name of a column.
    pub fn name(&self, column: usize) -> &str {
        self.names.get(column).map_or("", String::as_str)
    }

    /// Where numbers about a tag are written: the column MISC, unless it is the tag.
    pub fn misc(&self, tag: usize) -> Option<usize> {
        self.position("MISC").filter(|&column| column != tag)
    }

    /// Whether a tag is not known.
    pub fn is_unknown(&self, column: usize, tag: &str) -> bool {
        tag == "_" && !MAY_BE_NONE.contains(&self.name(column))
    }

    /// Whether a line is a word, number `next` of its sentence (from 1).
    ///
    /// # Errors
    /// Another number of columns or another id; other names of columns.
    pub fn check(&self, line: &str, next: usize) -> Result<bool, String> {
        if self.is_comment(line) {
            return match header(line).transpose()? {
                Some(names) if names != self.names => Err(format!(
                    "expected the columns {}, found {}",
                    list(&self.names),
                    list(&names)
                )),
                _ => Ok(false),
            };
        }
        let found = line.split('\t').count();
        if found != self.names.len() {
            return Err(format!(
                "expected {} columns separated by TABs, found {found}",
                self.names.len()
            ));
        }
        let Some(id) = self.id.and_then(|id| line.split('\t').nth(id)) else { return Ok(true) };
        if self.is_word(line) && id.parse() == Ok(next) {
            return Ok(true);
        }
        if is_id(id) && !self.is_word(line) {
            return Ok(false);
        }
        Err(format!(
            "expected the id {next}, or that of a range or an empty node, found `{}`: ids begin at 1 in each sentence, \
             and a blank line ends it",
            shorten(id)
        ))
    }

    /// Writes the lines of a sentence with other tags in the column `tag`; `numbers` and their name
    /// go into the column MISC.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write<'t>(
        &self,
        text: &str,
        tag: usize,
        mut tags: impl Iterator<Item = &'t str>,
        (name, numbers): (&str, &[f64]),
        out: &mut dyn io::Write,
    ) -> io::Result<()> {
        let (misc, mut numbers) = (self.misc(tag), numbers.iter());
        for line in text.split('\n') {
            let found = if self.is_word(line) { tags.next() } else { None };
            let Some(found) = found else {
                writeln!(out, "{line}")?;
                continue;
            };
            let number = numbers.next();
            for (column, cell) in line.split('\t').enumerate() {
                let separator = if column > 0 { "\t" } else { "" };
                match number {
                    _ if column == tag => write!(out, "{separator}{found}")?,
                    Some(number) if Some(column) == misc => {
                        write!(out, "{separator}{}", with_attribute(cell, name, *number))?;
                    }
                    _ => write!(out, "{separator}{cell}")?,
                }
            }
            writeln!(out)?;
        }
        Ok(())
    }

    /// Without a column ID, a comment is a line that has not all columns.
    fn is_comment(&self, line: &str) -> bool {
        let is_whole = || line.split('\t').count() == self.names.len();
        line.starts_with('#') && (self.id == Some(0) || !is_whole())
    }

    /// Whether a line that is not blank is neither a comment, nor a range, nor an empty node.
    fn is_word(&self, line: &str) -> bool {
        let id = self.id.and_then(|id| line.split('\t').nth(id));
        let is_number = |id: &str| is_id(id) && !id.contains(['-', '.']);
        !line.is_empty()
            && !self.is_comment(line)
            && (self.id.is_none() || id.is_some_and(is_number))
    }
}

/// The attributes of the column MISC with another one, in the place of one with the same name.
fn with_attribute(cell: &str, name: &str, number: f64) -> String {
    let is_other = |attribute: &&str| {
        *attribute != "_" && attribute.split_once('=').is_none_or(|(known, _)| known != name)
    };
    let mut attributes: Vec<&str> = cell.split('|').filter(is_other).collect();
    let added = format!("{name}={}", Shortest(number));
    attributes.push(&added);
    attributes.join("|")
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORD: &str = "1\tin\tin\tADP\tIN\t_\t3\tcase\t_\t_";

    #[test]
    fn files_are_recognised_by_their_beginning() {
        let cases = [
            (WORD.to_owned(), true),
            (format!("\n\n# sent_id = 1\n# text = in\n{WORD}\n"), true),
            (WORD.replace("1\t", "1-2\t"), true),
            (WORD.replace("1\t", "0.1\t"), true),
            (WORD.replace("1\t", "2\t"), false),
            (WORD.replace("1\t", "1-\t"), false),
            (WORD.replace("1\t", "1.1\t"), false),
            (WORD.replace("1\t", "in\t"), false),
            (WORD.replace('\t', " "), false),
            (format!("{WORD}\t_"), false),
            (WORD.replace("\t_\t_", "\t_"), false),
            ("# O\nis O\n".to_owned(), false),
            ("#\n".to_owned(), false),
            (String::new(), false),
        ];
        for (text, expected) in cases {
            let found = recognise(&text).unwrap();
            assert_eq!(found, expected.then(standard), "{text:?}");
        }
        let plus = |text: &str| recognise(text);
        for text in ["# global.columns = ID FORM NE\n1\ta\tO", "#a\n#global.columns=ID\tFORM  NE"] {
            assert_eq!(plus(text).unwrap().unwrap(), ["ID", "FORM", "NE"], "{text:?}");
        }
        for (text, line) in [("# global.columns = ID", 1), ("\n# global.columns = A B A", 2)] {
            assert_eq!(plus(text).unwrap_err().0, line, "{text:?}");
        }
    }

    #[test]
    fn lines_are_words_or_something_else() {
        let columns = |names: &str| Conllu::new(names.split(' ').map(str::to_owned).collect());
        let [usual, late, none] = ["ID FORM TAG", "FORM ID TAG", "FORM TAG MISC"].map(columns);
        let id = "expected the id 2, or that of a range";
        let cases = [
            (&usual, "2\ta b\tA", Ok(true)),
            (&usual, "2\t\u{a0}\t", Ok(true)),
            (&usual, "02\ta\tA", Ok(true)),
            (&usual, "2-3\tab\t_", Ok(false)),
            (&usual, "9.12\tab\t_", Ok(false)),
            (&usual, "# text = a", Ok(false)),
            (&usual, "#\ta\tb", Ok(false)),
            (&usual, "# global.columns = ID FORM TAG", Ok(false)),
            (&usual, "1\ta\tA", Err(id)),
            (&usual, "3\ta\tA", Err(id)),
            (&usual, "2-\ta\tA", Err(id)),
            (&usual, "2.1.1\ta\tA", Err(id)),
            (&usual, "-2\ta\tA", Err(id)),
            (&usual, "\ta\tA", Err(id)),
            (&usual, "99999999999999999999999\ta\tA", Err(id)),
            (&usual, "2\ta", Err("expected 3 columns separated by TABs, found 2")),
            (&usual, "2 a A", Err("expected 3 columns separated by TABs, found 1")),
            (&usual, "2\ta\tA\t", Err("expected 3 columns separated by TABs, found 4")),
            (
                &usual,
                "# global.columns = ID FORM",
                Err("expected the columns ID FORM TAG, found ID FORM"),
            ),
            (&late, "#\t2\tA", Ok(true)),
            (&late, "# 2 A", Ok(false)),
            (&none, "#\tA\t_", Ok(true)),
            (&none, "#\tA", Ok(false)),
            (&none, "1-2\tA\t_", Ok(true)),
        ];
        for (columns, line, expected) in cases {
            match (columns.check(line, 2), expected) {
                (Err(message), Err(start)) => assert!(message.starts_with(start), "{message}"),
                (found, expected) => assert_eq!(found, expected.map_err(str::to_owned), "{line:?}"),
            }
        }
    }

    #[test]
    fn tags_and_attributes_are_replaced() {
        let columns = Conllu::new(standard());
        let text = "# 1\ta\n1-2\tdu\t_\t_\t_\t_\t_\t_\t_\t_\n1\tde\t_\tX\t_\t_\t_\t_\t_\tP=1|Q=2\n\
                    1.1\t_\t_\tX\t_\t_\t_\t_\t_\t_\n2\tle\t_\t_\t_\t_\t_\t_\t_\t_\n\n# end";
        let write = |tag, numbers: &[f64]| {
            let mut out = Vec::new();
            columns.write(text, tag, ["A", "B"].into_iter(), ("P", numbers), &mut out).unwrap();
            String::from_utf8(out).unwrap()
        };
        let expected = format!("{text}\n")
            .replace("1\tde\t_\tX", "1\tde\t_\tA")
            .replace("2\tle\t_\t_", "2\tle\t_\tB");
        assert_eq!(write(3, &[]), expected);
        let expected = expected
            .replace("P=1|Q=2", "Q=2|P=0.5")
            .replace("2\tle\t_\tB\t_\t_\t_\t_\t_\t_", "2\tle\t_\tB\t_\t_\t_\t_\t_\tP=inf");
        assert_eq!(write(3, &[0.5, f64::INFINITY]), expected);
        assert_eq!(columns.misc(9), None);
    }
}
