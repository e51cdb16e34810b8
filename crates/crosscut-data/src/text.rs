//! Names and numbers in lines of text, and [`TextError`].

use std::str::FromStr;

/// Why a text is refused. The caller adds the name of the file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}{message}", .line.map(|line| format!("line {line}: ")).unwrap_or_default())]
pub struct TextError {
    /// Its line, counted from 1; `None` if the text as a whole is refused.
    pub line: Option<u64>,
    /// What was expected and what was found.
    pub message: String,
}

/// A name without spaces and invisible characters around it. Editors, web pages and other systems
/// leave these behind.
pub fn trim_name(name: &str) -> &str {
    // Control characters (Ctrl-Z ended files of DOS), zero-width spaces, byte order marks.
    let invisible = |letter: char| {
        letter.is_whitespace()
            || letter.is_control()
            || matches!(letter, '\u{200b}' | '\u{2060}' | '\u{feff}')
    };
    name.trim_matches(invisible)
}

/// The name of a label or tag as it was written: [trimmed](trim_name).
///
/// # Errors
/// A name with a control character or a byte order mark in its middle, which no screen shows.
pub fn name(text: &str) -> Result<&str, String> {
    let name = trim_name(text);
    match name.chars().find(|&letter| letter.is_control() || letter == '\u{feff}') {
        None => Ok(name),
        Some(letter) => {
            let shown: String = name.escape_default().take(40).collect();
            Err(format!(
                "expected a name that can be seen, found U+{:04X} in `{shown}`",
                letter as u32
            ))
        }
    }
}

/// Finite numbers separated by white space, for custom formats.
///
/// # Errors
/// The first word that is not a finite number.
pub fn numbers<T: FromStr>(text: &str) -> Result<Vec<T>, String> {
    let finite = |word: &&str| word.parse::<f64>().is_ok_and(f64::is_finite);
    let number = |word: &str| {
        let found = Some(word).filter(finite).and_then(|word| word.parse().ok());
        found.ok_or_else(|| format!("expected a number, found `{word}`"))
    };
    text.split_whitespace().map(number).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_finite_and_of_the_type() {
        assert_eq!(numbers::<f64>(" 1\t-2.5\n"), Ok(vec![1.0, -2.5]));
        assert_eq!(numbers::<usize>(""), Ok(vec![]));
        for text in ["1 x", "1 inf", "1 nan", "1 -1", "1 1.5"] {
            let word = &text[2..];
            assert_eq!(numbers::<u32>(text), Err(format!("expected a number, found `{word}`")));
        }
    }

    #[test]
    fn names_are_trimmed_and_can_be_seen() {
        for (text, expected) in [
            ("B-NP ", "B-NP"),
            ("\u{feff}1\u{a0}", "1"),
            ("a\u{a0}b", "a\u{a0}b"),
            ("\u{1a}", ""),
            ("é", "é"),
        ] {
            assert_eq!(name(text), Ok(expected));
        }
        for text in ["a\u{1b}b", "a\u{feff}b"] {
            assert!(
                name(text).unwrap_err().starts_with("expected a name that can be seen, found U+")
            );
        }
    }
}
