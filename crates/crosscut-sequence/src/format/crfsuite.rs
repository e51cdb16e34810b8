//! Tokens as CRFsuite reads them: `TAG<TAB>attribute[:weight]<TAB>…`, a blank line between
//! sequences.
//!
//! In names `\:` is a colon and `\\` a backslash; the first other colon is followed by the weight,
//! 1 where there is none or nothing follows. A line `@weight:W` before the tokens of a sequence is its weight.

use crosscut::Feature;
use crosscut_app::{Error, Source};
use crosscut_data::scaling::round;

use super::record::{Attributes, Given, Record, Token, tag};
use super::template::shorten;

enum Line {
    Weight(f64),
    Token(Token),
}

fn parse_line(line: &str, no_tag: Option<&str>) -> Result<Option<Line>, String> {
    if line.bytes().all(|byte| byte == b' ') {
        return Ok(None);
    }
    let tabs = line.bytes().filter(|&byte| byte == b'\t').count();
    let first = line.split('\t').next().unwrap_or_default();
    let mut fields = Fields(&line[first.len()..]);
    if first.starts_with('@') {
        let weight = first.strip_prefix("@weight:").and_then(|text| text.parse().ok());
        return match weight {
            Some(weight)
                if f64::is_finite(weight)
                    && weight >= 0.0
                    && fields.all(|(field, _)| field.is_empty()) =>
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
    let mut name = String::new();
    unescape(first, &mut name);
    let tag = tag(&name)?.filter(|tag| Some(*tag) != no_tag).map(Box::from);
    let mut names = Attributes::with_capacity(line.len() - first.len(), tabs);
    let mut rest = Vec::new();
    each_attribute(fields, |name, (value, taken)| {
        if taken != 0.0 {
            rest.push(Feature { index: names.len() as u32, value: taken });
        }
        names.push(name, value);
    })?;
    Ok(Some(Line::Token(Token { line: 0, tag, features: Given::Names(names), rest })))
}

/// The fields after the first one of a line, each after its TAB, and whether they have a colon or a
/// backslash.
struct Fields<'l>(&'l str);

impl<'l> Iterator for Fields<'l> {
    type Item = (&'l str, bool);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.0.strip_prefix('\t')?;
        let mut is_special = false;
        let end = rest.bytes().position(|byte| {
            is_special |= matches!(byte, b':' | b'\\');
            byte == b'\t'
        });
        let (field, rest) = rest.split_at(end.unwrap_or(rest.len()));
        self.0 = rest;
        Some((field, is_special))
    }
}

/// Passes the name and the weight of each attribute to `take`, with what rounding took from the
/// weight.
fn each_attribute(
    fields: Fields<'_>,
    mut take: impl FnMut(&str, (f32, f32)),
) -> Result<(), String> {
    let mut unescaped = String::new();
    for (field, is_special) in fields {
        if !is_special {
            if !field.is_empty() {
                take(field, (1.0, 0.0));
            }
            continue;
        }
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
        unescaped.clear();
        unescape(name, &mut unescaped);
        take(&unescaped, weight);
    }
    Ok(())
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

/// Reads the sequences of a file, to learn from them or to predict. Tokens tagged with `no_tag` have
/// no tag.
///
/// # Errors
/// Bad lines; weights that do not stand before a sequence.
pub(super) fn read(
    source: &mut Source<'_>,
    no_tag: Option<&str>,
    learns: bool,
    take: &mut dyn FnMut(u64, Record) -> Result<(), Error>,
) -> Result<(), Error> {
    let file = source.name().to_owned();
    let lonely = |line| {
        let message = "expected the tokens of a sequence after @weight, found none";
        Error::line(file.as_str(), line, message)
    };
    let mut last = 0;
    // A weight that waits for its sequence, and its line.
    let mut weight = None;
    let mut open: Option<Record> = None;
    source.scan_lines(
        |line| parse_line(line, no_tag),
        |number, line| {
            let refuse = |message| Error::line(file.as_str(), number, message);
            // What was passed over in between was blank.
            if number != last + 1 {
                if let Some(record) = open.take() {
                    take(record.line(), record)?;
                }
                if let Some((line, _)) = weight {
                    return Err(lonely(line));
                }
            }
            last = number;
            let token = match line {
                Line::Token(token) => Token { line: number, ..token },
                Line::Weight(_) if open.is_some() || weight.is_some() => {
                    let message = "expected @weight once and before the tokens of its sequence";
                    return Err(refuse(message.to_owned()));
                }
                Line::Weight(value) => {
                    weight = Some((number, value));
                    return Ok(());
                }
            };
            let begin = || Record::new(weight.take().map_or(1.0, |(_, value)| value));
            open.get_or_insert_with(begin).push(token, learns).map_err(refuse)
        },
    )?;
    match (weight, open) {
        (Some((line, _)), _) => Err(lonely(line)),
        (None, Some(record)) => take(record.line(), record),
        (None, None) => Ok(()),
    }
}
