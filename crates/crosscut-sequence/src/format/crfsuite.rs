//! Tokens as CRFsuite reads them: `TAG<TAB>attribute[:weight]<TAB>…`, a blank line between
//! sequences.
//!
//! In names `\:` is a colon and `\\` a backslash; the first other colon is followed by the weight,
//! 1 where there is none or nothing follows. A line `@weight:W` before the tokens of a sequence is its weight.

use crosscut::Feature;
use crosscut_app::scaling::round;
use crosscut_app::{Error, Source};

use super::sequences::{Names, Sequences};
use super::template::shorten;

enum Line {
    Weight(f64),
    Token(Token),
}

struct Token {
    /// `None` where the line begins with a TAB.
    tag: Option<Box<str>>,
    /// All names, one after the other.
    names: String,
    /// Where each name ends, the weight of the attribute, and what rounding took from it.
    attributes: Vec<(usize, f32, f32)>,
}

fn parse_line(line: &str) -> Result<Option<Line>, String> {
    if line.bytes().all(|byte| byte == b' ') {
        return Ok(None);
    }
    let mut fields = line.split('\t');
    let first = fields.next().unwrap_or_default();
    if first.starts_with('@') {
        let weight = first.strip_prefix("@weight:").and_then(|text| text.parse().ok());
        return match weight {
            Some(weight)
                if f64::is_finite(weight) && weight >= 0.0 && fields.all(str::is_empty) =>
            {
                Ok(Some(Line::Weight(weight)))
            }
            _ => Err(format!(
                "expected a tag or @weight: with a finite number of at least 0 alone on its line, found `{}`",
                shorten(line)
            )),
        };
    }
    if first.len() == line.len() && first.trim_ascii().contains(' ') {
        return Err(format!("expected fields separated by TABs, found `{}`", shorten(line)));
    }
    let mut tag = String::new();
    unescape(first, &mut tag);
    let mut names = String::with_capacity(line.len() - first.len());
    let mut attributes = Vec::with_capacity(line.bytes().filter(|&byte| byte == b'\t').count());
    for field in fields.filter(|field| !field.is_empty()) {
        let (name, weight) = split_weight(field);
        if name.is_empty() {
            return Err(format!(
                "expected the name of an attribute before its weight, found `{}`",
                shorten(field)
            ));
        }
        let weight = weight.map_or(Ok((1.0, 0.0)), |weight| match weight.parse().map(round) {
            _ if weight.trim_ascii().is_empty() => Ok((1.0, 0.0)),
            Ok((weight, rest)) if weight.is_finite() => Ok((weight, rest)),
            _ => Err(format!(
                "expected a number, finite in single precision, after the colon, found `{}` (in names a colon is \
                 written `\\:`)",
                shorten(field)
            )),
        })?;
        unescape(name, &mut names);
        attributes.push((names.len(), weight.0, weight.1));
    }
    names.shrink_to_fit();
    let tag = Some(tag.into_boxed_str()).filter(|tag| !tag.is_empty());
    Ok(Some(Line::Token(Token { tag, names, attributes })))
}

/// The text before the first colon that is not escaped, and the text after it.
fn split_weight(field: &str) -> (&str, Option<&str>) {
    let mut escaped = false;
    for (at, byte) in field.bytes().enumerate() {
        match byte {
            b':' if !escaped => return (&field[..at], Some(&field[at + 1..])),
            b'\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    (field, None)
}

/// Appends `text` to `to`. A backslash before anything but a colon or a backslash is an ordinary
/// character.
fn unescape(text: &str, to: &mut String) {
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        let after = &rest[at + 1..];
        if after.starts_with([':', '\\']) {
            to.push_str(&rest[..at]);
            to.push_str(&after[..1]);
            rest = &after[1..];
        } else {
            to.push_str(&rest[..=at]);
            rest = after;
        }
    }
    to.push_str(rest);
}

/// Reads a file into `sequences`. Tokens tagged with `no_tag` have no tag.
///
/// # Errors
/// Bad lines; weights that do not stand before a sequence.
pub(super) fn read(
    source: &mut Source<'_>,
    no_tag: Option<&str>,
    names: &mut Names<'_>,
    sequences: &mut Sequences<'_>,
) -> Result<(), Error> {
    let mut last = 0;
    // A weight that waits for its sequence, and its line.
    let mut weight = None;
    let lonely = |sequences: &Sequences<'_>, line| {
        sequences
            .refuse(line, "expected the tokens of a sequence after @weight, found none".to_owned())
    };
    let (mut features, mut rests): (Vec<Feature>, Vec<Feature>) = Default::default();
    source.scan_lines(parse_line, |number, line| {
        // What was passed over in between was blank.
        if number != last + 1 {
            sequences.end()?;
            if let Some((line, _)) = weight {
                return Err(lonely(sequences, line));
            }
        }
        last = number;
        let token = match line {
            Line::Token(token) => token,
            Line::Weight(_) if sequences.is_open() || weight.is_some() => {
                let message =
                    "expected @weight once and before the tokens of its sequence".to_owned();
                return Err(sequences.refuse(number, message));
            }
            Line::Weight(value) => {
                weight = Some((number, value));
                return Ok(());
            }
        };
        if !sequences.is_open() {
            sequences.begin(weight.take().map_or(1.0, |(_, value)| value));
        }
        features.clear();
        rests.clear();
        let mut start = 0;
        for &(end, value, rest) in &token.attributes {
            let index = names
                .index(&token.names[start..end])
                .map_err(|message| sequences.refuse(number, message))?;
            features.extend(index.map(|index| Feature { index, value }));
            if rest != 0.0 {
                rests.extend(index.map(|index| Feature { index, value: rest }));
            }
            start = end;
        }
        let tag = token.tag.as_deref().filter(|tag| Some(*tag) != no_tag);
        sequences.push_with(number, tag, &mut features, &mut rests)
    })?;
    match weight {
        Some((line, _)) => Err(lonely(sequences, line)),
        None => sequences.end(),
    }
}
