//! [`Template`]: which features a token of a file of columns has, in the notation of CRF++ with the
//! tests of Wapiti.
//!
//! | line | |
//! |---|---|
//! | `U01:%x[-1,0]/%x[0,0]` | a feature named by the line, each macro replaced by what it finds |
//! | `B01:%x[0,0]` | the same for a feature of two tags, those of the token and of the one before |
//! | `B`, `B01` | without macros: transitions of order 1 |
//! | `# …`, blank | passed over |
//!
//! | macro | what it finds in the column, so many rows further down |
//! |---|---|
//! | `%x[row,column]` | the text |
//! | `%m[row,column,"regex"]` | what the expression matches first, nothing if it does not match |
//! | `%t[row,column,"regex"]` | `true` if the expression matches, else `false` |
//! | `%X`, `%M`, `%T` | the same in lower case |
//!
//! Before the first token and after the last one, every macro finds `_B-1`, `_B-2`, … and `_B+1`,
//! `_B+2`, …. A quote in an expression is written `\"`.

use regex::{Regex, RegexBuilder};

/// The templates that come with the program: name and text.
pub(crate) const SHIPPED: [(&str, &str); 3] = [
    ("chunking", include_str!("../../templates/chunking.txt")),
    ("pos", include_str!("../../templates/pos.txt")),
    ("ner", include_str!("../../templates/ner.txt")),
];

/// Why a text is not a template.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("line {line} of the template: {message}")]
pub(crate) struct TemplateError {
    /// The number of the line, from 1.
    pub line: u64,
    /// What was expected and what was found.
    pub message: String,
}

/// No name of a feature is longer, in bytes: with many macros in a line and long cells, a small
/// template and a small file would otherwise make a very large one.
const LONGEST_NAME: usize = 1 << 16;
/// The most expressions in a template, and the most bytes that one of them takes, for the same
/// reason.
const MOST_EXPRESSIONS: usize = 1000;
const LARGEST_EXPRESSION: usize = 1 << 20;

/// A template, ready for use.
#[derive(Clone, Debug)]
pub(crate) struct Template {
    text: Box<str>,
    features: Vec<Line>,
    transitions: bool,
}

impl PartialEq for Template {
    /// Everything follows from the text.
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

/// A line that makes a feature.
#[derive(Clone, Debug)]
struct Line {
    /// Its number, from 1.
    number: u64,
    parts: Vec<Part>,
    /// Whether the feature is one of two tags.
    of_pairs: bool,
}

/// A piece of a line.
#[derive(Clone, Debug)]
enum Part {
    Text(Box<str>),
    Macro(Macro),
}

#[derive(Clone, Debug)]
struct Macro {
    /// Relative to the token.
    row: i32,
    column: usize,
    finds: Finds,
    lower_case: bool,
}

#[derive(Clone, Debug)]
enum Finds {
    Text,
    Match(Regex),
    Test(Regex),
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// The first line that is not part of one.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        let mut template = Self { text: text.into(), features: Vec::new(), transitions: false };
        let mut expressions = 0;
        for (line, number) in text.lines().zip(1..) {
            let refuse = |message| TemplateError { line: number, message };
            let line = line.trim_ascii();
            match line.bytes().next() {
                None | Some(b'#') => {}
                Some(b'B') if !line.contains('%') => template.transitions = true,
                Some(kind @ (b'U' | b'B')) => {
                    let parts = parse_line(line).map_err(refuse)?;
                    let is_expression = |part: &&Part| match part {
                        Part::Macro(Macro { finds, .. }) => !matches!(finds, Finds::Text),
                        Part::Text(_) => false,
                    };
                    expressions += parts.iter().filter(is_expression).count();
                    if expressions > MOST_EXPRESSIONS {
                        return Err(refuse(format!(
                            "expected at most {MOST_EXPRESSIONS} regular expressions in a template, found more"
                        )));
                    }
                    template.features.push(Line { number, parts, of_pairs: kind == b'B' });
                }
                Some(_) => {
                    return Err(refuse(format!(
                        "expected U, B, # or nothing at the beginning, found `{line}`"
                    )));
                }
            }
        }
        Ok(template)
    }

    /// Its text, from which it can be made again.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it has a line `B` without macros.
    pub fn has_transitions(&self) -> bool {
        self.transitions
    }

    /// Whether it has a line `B` with macros.
    pub fn has_pairs(&self) -> bool {
        self.features.iter().any(|line| line.of_pairs)
    }

    /// Whether a feature of this name comes from a line `B`.
    pub fn is_of_pairs(name: &str) -> bool {
        name.starts_with('B')
    }

    /// The columns that macros read, each with the number of its line, in the order of lines.
    pub fn columns(&self) -> impl Iterator<Item = (u64, usize)> {
        self.features.iter().flat_map(|line| {
            line.parts.iter().filter_map(|part| match part {
                Part::Macro(Macro { column, .. }) => Some((line.number, *column)),
                Part::Text(_) => None,
            })
        })
    }

    /// The same template for files with the columns in another order: `new` is called with the column
    /// of each macro.
    pub fn with_columns(mut self, new: impl Fn(usize) -> usize) -> Self {
        for part in self.features.iter_mut().flat_map(|line| &mut line.parts) {
            if let Part::Macro(Macro { column, .. }) = part {
                *column = new(*column);
            }
        }
        self
    }

    /// Hands the names of a token's features to `each`, one for each line. Lines of pairs make none
    /// at the first token. `cells` are all columns of its sentence, row by row, `width` to each, and
    /// all [`columns`](Self::columns) are below `width`.
    ///
    /// # Errors
    /// Those of `each`, and a name that is too long.
    pub fn expand(
        &self,
        cells: &[&str],
        width: usize,
        token: usize,
        name: &mut String,
        mut each: impl FnMut(&str) -> Result<(), String>,
    ) -> Result<(), String> {
        for Line { parts, .. } in self.features.iter().filter(|line| token > 0 || !line.of_pairs) {
            name.clear();
            for part in parts {
                match part {
                    Part::Text(text) => name.push_str(text),
                    Part::Macro(part) => part.write(cells, width, token, name),
                }
                if name.len() > LONGEST_NAME {
                    return Err(format!(
                        "expected columns of which the template makes names of at most {LONGEST_NAME} bytes, found `{}`",
                        shorten(name)
                    ));
                }
            }
            each(name)?;
        }
        Ok(())
    }
}

impl Macro {
    fn write(&self, cells: &[&str], width: usize, token: usize, name: &mut String) {
        let row = token as i64 + i64::from(self.row);
        let rows = (cells.len() / width) as i64;
        if row < 0 {
            name.push_str(&format!("_B{row}"));
            return;
        }
        if row >= rows {
            name.push_str(&format!("_B+{}", row - rows + 1));
            return;
        }
        let cell = cells[row as usize * width + self.column];
        let found = match &self.finds {
            Finds::Text => cell,
            Finds::Match(regex) => regex.find(cell).map_or("", |found| found.as_str()),
            Finds::Test(regex) => {
                if regex.is_match(cell) {
                    "true"
                } else {
                    "false"
                }
            }
        };
        if self.lower_case {
            name.extend(found.chars().flat_map(char::to_lowercase));
        } else {
            name.push_str(found);
        }
    }
}

fn parse_line(line: &str) -> Result<Vec<Part>, String> {
    let mut parts = Vec::new();
    let mut rest = line;
    while let Some(at) = rest.find('%') {
        parts.push(Part::Text(rest[..at].into()));
        let (part, after) = parse_macro(&rest[at..])?;
        parts.push(Part::Macro(part));
        rest = after;
    }
    parts.push(Part::Text(rest.into()));
    parts.retain(|part| !matches!(part, Part::Text(text) if text.is_empty()));
    Ok(parts)
}

/// A macro at the beginning of `text`, and what follows it.
fn parse_macro(text: &str) -> Result<(Macro, &str), String> {
    let unexpected = |expected: &str| format!("expected {expected}, found `{}`", shorten(text));
    let mut chars = text.chars();
    let letter = chars.nth(1).filter(|letter| "xmtXMT".contains(*letter));
    let letter =
        letter.ok_or_else(|| unexpected("a macro %x, %m or %t, or one of these in capitals"))?;
    let rest = chars
        .as_str()
        .strip_prefix('[')
        .ok_or_else(|| unexpected("[ after the letter of a macro"))?;
    let (row, rest) =
        rest.split_once(',').ok_or_else(|| unexpected("a row and a column in the macro"))?;
    let row = row.trim().parse().map_err(|_| unexpected("an integer for the row of the macro"))?;
    let end = rest.find([',', ']']).ok_or_else(|| unexpected("] at the end of the macro"))?;
    let column = rest[..end]
        .trim()
        .parse()
        .map_err(|_| unexpected("a whole number for the column of the macro"))?;
    let rest = &rest[end..];

    let lower_case = letter.is_ascii_uppercase();
    if letter.eq_ignore_ascii_case(&'x') {
        let rest = rest.strip_prefix(']').ok_or_else(|| unexpected("] after the column of %x"))?;
        return Ok((Macro { row, column, finds: Finds::Text, lower_case }, rest));
    }
    let opening = rest.strip_prefix(',').and_then(|rest| rest.trim_ascii_start().strip_prefix('"'));
    let opening = opening
        .ok_or_else(|| unexpected("a regular expression in double quotes after the column"))?;
    let (regex, rest) =
        parse_quoted(opening).ok_or_else(|| unexpected("a quote at the end of the expression"))?;
    let rest = rest
        .trim_ascii_start()
        .strip_prefix(']')
        .ok_or_else(|| unexpected("] after the expression"))?;
    if let Some((class, here)) = class_of_wapiti(&regex) {
        return Err(format!(
            "expected a regular expression, found `{}`: Wapiti's {class} is written {here} here",
            shorten(&regex)
        ));
    }
    let built = RegexBuilder::new(&regex)
        .size_limit(LARGEST_EXPRESSION)
        .dfa_size_limit(LARGEST_EXPRESSION)
        .build();
    let regex = built.map_err(|error| {
        // It is shown with a marker below it; the last line says what is wrong.
        let error = error.to_string();
        let reason = error.lines().last().unwrap_or_default();
        format!(
            "expected a regular expression, found `{}`: {}",
            shorten(&regex),
            reason.trim_start_matches("error: ")
        )
    })?;
    let finds =
        if letter.eq_ignore_ascii_case(&'m') { Finds::Match(regex) } else { Finds::Test(regex) };
    Ok((Macro { row, column, finds, lower_case }, rest))
}

/// A character class of Wapiti that is none here or means something else, and how it is written
/// here.
fn class_of_wapiti(regex: &str) -> Option<(&'static str, &'static str)> {
    const CLASSES: [(&str, &str); 8] = [
        (r"\a", r"[[:alpha:]], or \p{L} for all alphabets"),
        (r"\A", r"[[:^alpha:]], or \P{L} for all alphabets"),
        (r"\l", r"[[:lower:]], or \p{Ll} for all alphabets"),
        (r"\L", r"[[:^lower:]], or \P{Ll} for all alphabets"),
        (r"\u", r"[[:upper:]], or \p{Lu} for all alphabets"),
        (r"\U", r"[[:^upper:]], or \P{Lu} for all alphabets"),
        (r"\p", r"[[:punct:]], or \p{P} for all alphabets"),
        (r"\P", r"[[:^punct:]], or \P{P} for all alphabets"),
    ];
    let mut rest = regex;
    while let Some(at) = rest.find('\\') {
        rest = &rest[at..];
        let after = rest.get(2..).unwrap_or_default();
        // \p{L}, \pL and \u{e9}, \u00e9 are classes and characters of Unicode.
        let unicode = match rest.as_bytes().get(1) {
            Some(b'p' | b'P') => after.starts_with(|c: char| "{LMNPSZC".contains(c)),
            Some(b'u' | b'U') => after.starts_with(|c: char| c == '{' || c.is_ascii_hexdigit()),
            _ => false,
        };
        let class = CLASSES.into_iter().find(|(class, _)| rest.starts_with(class));
        if class.is_some() && !unicode {
            return class;
        }
        let skipped = rest.chars().take(2).map(char::len_utf8).sum();
        rest = &rest[skipped..];
    }
    None
}

/// The text up to a quote that is not escaped, and what follows it. Other escapes are left to the
/// expression.
fn parse_quoted(text: &str) -> Option<(String, &str)> {
    let mut quoted = String::new();
    let mut chars = text.chars();
    loop {
        match chars.next()? {
            '"' => return Some((quoted, chars.as_str())),
            '\\' => match chars.next()? {
                '"' => quoted.push('"'),
                other => quoted.extend(['\\', other]),
            },
            other => quoted.push(other),
        }
    }
}

/// The beginning of a text, for messages.
pub(super) fn shorten(text: &str) -> String {
    const SHOWN: usize = 40;
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The features of a token in a sentence of rows, columns separated by spaces.
    fn expand(template: &str, sentence: &[&str], token: usize) -> Vec<String> {
        let template = Template::parse(template).unwrap();
        let width = sentence[0].split(' ').count();
        assert!(template.columns().all(|(_, column)| column < width));
        let cells: Vec<&str> = sentence.iter().flat_map(|row| row.split(' ')).collect();
        let mut features = Vec::new();
        let each = |name: &str| {
            features.push(name.to_owned());
            Ok(())
        };
        template.expand(&cells, width, token, &mut String::new(), each).unwrap();
        features
    }

    #[test]
    fn lines_expand_to_names() {
        let sentence = ["He PRP", "reckons VBZ", "Über-Maß NN", "say\"s\"\\ VB", "42% CD"];
        let table: [(&str, usize, &[&str]); 25] = [
            ("U01:%x[0,0]/%x[1,0]", 0, &["U01:He/reckons"]),
            ("U01:%x[-1,1]|%x[+1,1]|", 1, &["U01:PRP|NN|"]),
            ("U%x[ 0 , 1 ]", 4, &["UCD"]),
            ("U0:%x[-1,0]/%x[-2,0]/%x[-3,1]", 1, &["U0:He/_B-1/_B-2"]),
            ("U0:%x[1,0]/%x[2,0]/%x[3,1]", 3, &["U0:42%/_B+1/_B+2"]),
            ("U0:%x[2147483647,0]%x[-2147483648,0]", 0, &["U0:_B+2147483643_B-2147483648"]),
            ("U0:%X[0,0]", 2, &["U0:über-maß"]),
            ("U0:%X[-1,0]", 0, &["U0:_B-1"]),
            (r#"U0:%m[0,0,"^.."]"#, 2, &["U0:Üb"]),
            (r#"U0:%M[0,0,"^.."]"#, 2, &["U0:üb"]),
            (r#"U0:%m[0,0,"...$"]/%m[0,0,"....$"]"#, 4, &["U0:42%/"]),
            (r#"U0:%m[0,0,"[a-z]+"]"#, 2, &["U0:ber"]),
            (r#"U0:%m[-1,0,"x"]"#, 0, &["U0:_B-1"]),
            (r#"U0:%t[0,0,"\d"]%t[-1,0,"\d"]%t[1,0,"\d"]"#, 4, &["U0:truefalse_B+1"]),
            (r#"U0:%T[0,0,"\p{Lu}"]"#, 2, &["U0:true"]),
            (r#"U0:%m[0,0,".\".\""]"#, 3, &["U0:y\"s\""]),
            (r#"U0:%m[0,0,"\".\""]"#, 3, &["U0:\"s\""]),
            (r#"U0:%m[0, 0, "\\$" ]/"#, 3, &["U0:\\/"]),
            (r#"U0:%m[0,0,"\\"]"#, 3, &["U0:\\"]),
            ("U:bias", 0, &["U:bias"]),
            ("# U9:%x[0,0]\n\n \t\nU1:%x[0,0]\r\n  U2:%x[0,1] \nB\n", 0, &["U1:He", "U2:PRP"]),
            ("B", 0, &[]),
            ("B", 1, &[]),
            ("B01:%x[0,0]\nU1:%x[0,1]\nB2%t[-1,0,\"H\"]", 1, &["B01:reckons", "U1:VBZ", "B2true"]),
            ("B01:%x[0,0]\nU1:%x[0,1]\nB2%t[-1,0,\"H\"]", 0, &["U1:PRP"]),
        ];
        for (template, token, expected) in table {
            assert_eq!(expand(template, &sentence, token), expected, "{template}");
        }
    }

    #[test]
    fn transitions_are_a_line_b() {
        for (text, expected) in
            [("U0:%x[0,0]", false), ("B", true), ("U0\nB01\n", true), ("# B", false), ("", false)]
        {
            assert_eq!(Template::parse(text).unwrap().has_transitions(), expected, "{text}");
        }
        let template = Template::parse("U0\nB01:%x[0,0]\n").unwrap();
        assert!(template.has_pairs() && !template.has_transitions());
    }

    #[test]
    fn bad_lines_are_refused() {
        let table = [
            ("X", 1, "expected U, B, # or nothing at the beginning, found `X`"),
            (
                "U\nu0:%x[0,0]",
                2,
                "expected U, B, # or nothing at the beginning, found `u0:%x[0,0]`",
            ),
            ("\n\n*", 3, "expected U, B, # or nothing at the beginning, found `*`"),
            (
                "B0:%y[0,0]",
                1,
                "expected a macro %x, %m or %t, or one of these in capitals, found `%y[0,0]`",
            ),
            ("U%", 1, "expected a macro %x, %m or %t, or one of these in capitals, found `%`"),
            (
                "U%y[0,0]",
                1,
                "expected a macro %x, %m or %t, or one of these in capitals, found `%y[0,0]`",
            ),
            ("U%x(0,0)", 1, "expected [ after the letter of a macro, found `%x(0,0)`"),
            ("U%x[0]", 1, "expected a row and a column in the macro, found `%x[0]`"),
            ("U%x[a,0]", 1, "expected an integer for the row of the macro, found `%x[a,0]`"),
            (
                "U%x[9999999999,0]",
                1,
                "expected an integer for the row of the macro, found `%x[9999999999,0]`",
            ),
            (
                "U%x[0,-1]",
                1,
                "expected a whole number for the column of the macro, found `%x[0,-1]`",
            ),
            ("U%x[0,0", 1, "expected ] at the end of the macro, found `%x[0,0`"),
            ("U%x[0,0,\"a\"]", 1, "expected ] after the column of %x, found `%x[0,0,\"a\"]`"),
            (
                "U%m[0,0]",
                1,
                "expected a regular expression in double quotes after the column, found `%m[0,0]`",
            ),
            (
                "U%m[0,0,a]",
                1,
                "expected a regular expression in double quotes after the column, found `%m[0,0,a]`",
            ),
            (
                "U%t[0,0,\"a]",
                1,
                "expected a quote at the end of the expression, found `%t[0,0,\"a]`",
            ),
            (
                "U%t[0,0,\"a\\\"]",
                1,
                "expected a quote at the end of the expression, found `%t[0,0,\"a\\\"]`",
            ),
            ("U%t[0,0,\"a\"", 1, "expected ] after the expression, found `%t[0,0,\"a\"`"),
            ("U%t[0,0,\"(a\"]", 1, "expected a regular expression, found `(a`: unclosed group"),
            (
                "U%t[0,0,\"a{9999}{9999}\"]",
                1,
                "expected a regular expression, found `a{9999}{9999}`: ",
            ),
        ];
        for (text, line, message) in table {
            let error = Template::parse(text).unwrap_err();
            assert_eq!(error.line, line, "{text}");
            let complete = !message.ends_with(": ");
            assert!(
                error.message == message || !complete && error.message.starts_with(message),
                "{text}: {error}"
            );
        }
    }

    #[test]
    fn a_small_template_and_a_small_file_make_no_large_names() {
        let template = Template::parse(&format!("U{}\n", "%x[0,0]".repeat(1000))).unwrap();
        let (cell, mut names) = ("x".repeat(100), Vec::new());
        let mut expand = |cell: &str| {
            template.expand(&[cell], 1, 0, &mut String::new(), |name| {
                names.push(name.len());
                Ok(())
            })
        };
        assert_eq!(expand(&cell[..65]), Ok(()));
        let message = expand(&cell).unwrap_err();
        assert!(message.starts_with(
            "expected columns of which the template makes names of at most 65536 bytes, found `Uxx"
        ));
        assert_eq!(names, [65_001]);

        let many = "U%t[0,0,\"a\"]\n".repeat(1001);
        assert_eq!(Template::parse(&many).unwrap_err().line, 1001);
    }

    #[test]
    fn columns_are_those_of_macros() {
        let template = Template::parse("U0:%x[0,0]\n\nU1:%x[0,2]/%x[0,1]\nB2:%x[0,2]\n").unwrap();
        assert!(template.columns().eq([(1, 0), (3, 2), (3, 1), (4, 2)]));
        assert!(template.with_columns(|column| 9 - column).columns().eq([
            (1, 9),
            (3, 7),
            (3, 8),
            (4, 7)
        ]));
    }

    #[test]
    fn templates_that_are_shipped_say_what_they_expect() {
        for ((name, text), (columns, features)) in
            SHIPPED.into_iter().zip([(2, 19), (1, 22), (1, 32)])
        {
            let template = Template::parse(text).unwrap();
            let highest = template.columns().map(|(_, column)| column).max();
            assert_eq!(highest, Some(columns - 1), "{name}");
            assert!(template.has_transitions() && !template.has_pairs(), "{name}");
            assert!(text.starts_with("# ") && text.contains("\n# Columns: 0 the word"), "{name}");
            assert_eq!(template.features.len(), features, "{name}");
        }
        let text = SHIPPED[2].1;
        let tests = |word| -> Vec<String> {
            expand(text, &[word], 0).into_iter().filter(|name| name.ends_with(":true")).collect()
        };
        assert_eq!(tests("1984"), ["U40:true", "U41:true", "U42:true"]);
        assert_eq!(tests("U.S."), ["U20:true", "U32:true"]);
        assert_eq!(tests("iPhone-7"), ["U31:true", "U33:true", "U40:true"]);
        assert_eq!(tests("NATO"), ["U20:true", "U30:true"]);
        assert_eq!(tests("..."), ["U43:true"]);
        assert_eq!(tests("https://a.b"), ["U32:true", "U51:true"]);
        assert!(expand(text, &["@paul"], 0).contains(&"U50:@".to_owned()));
    }
}
