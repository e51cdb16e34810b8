//! Tokens as CRFsuite reads them: `TAG<TAB>attribute[:weight]<TAB>…`, a blank line between
//! sequences.
//!
//! In names `\:` is a colon and `\\` a backslash; the first other colon is followed by the weight,
//! 1 where there is none or nothing follows. A line `@weight:W` before the tokens of a sequence is its weight.

use crosscut::Feature;
use crosscut_app::{Error, Source};
use crosscut_data::Words;
use crosscut_data::scaling::round;

use super::sequences::{Names, Sequences};
use super::template::shorten;

enum Line {
    Weight(f64),
    Token(Token),
}

struct Token {
    /// `None` where the line begins with a TAB.
    tag: Option<Box<str>>,
    attributes: Attributes,
}

/// The attributes of a token.
enum Attributes {
    /// New names may be among them.
    Named {
        /// All names, one after the other.
        names: String,
        /// Where each name ends, the weight of the attribute, and what rounding took from it.
        ends: Vec<(usize, f32, f32)>,
    },
    /// Those that the model knows.
    Known {
        features: Vec<Feature>,
        /// What rounding took from their values, where it took something.
        rests: Vec<Feature>,
    },
}

fn parse_line(line: &str, known: Option<&Words>) -> Result<Option<Line>, String> {
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
    let mut tag = String::new();
    unescape(first, &mut tag);
    let tag = Some(tag.into_boxed_str()).filter(|tag| !tag.is_empty());
    let attributes = match known {
        Some(words) => {
            let (mut features, mut rests) = (Vec::with_capacity(tabs), Vec::new());
            each_attribute(fields, |name, (value, rest)| {
                let Some(index) = words.index(name) else { return };
                features.push(Feature { index, value });
                if rest != 0.0 {
                    rests.push(Feature { index, value: rest });
                }
            })?;
            Attributes::Known { features, rests }
        }
        None => {
            let mut names = String::with_capacity(line.len() - first.len());
            let mut ends = Vec::with_capacity(tabs);
            each_attribute(fields, |name, (value, rest)| {
                names.push_str(name);
                ends.push((names.len(), value, rest));
            })?;
            names.shrink_to_fit();
            Attributes::Named { names, ends }
        }
    };
    Ok(Some(Line::Token(Token { tag, attributes })))
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
    let known = match names {
        Names::Known(words) => Some(*words),
        Names::Learn(_) => None,
    };
    source.scan_lines(
        |line| parse_line(line, known),
        |number, line| {
            // What was passed over in between was blank.
            if number != last + 1 {
                sequences.end();
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
            let Token { tag, attributes } = token;
            let (mut features, mut rests) = match attributes {
                Attributes::Known { features, rests } => (features, rests),
                Attributes::Named { names: texts, ends } => {
                    let (mut features, mut rests) = (Vec::with_capacity(ends.len()), Vec::new());
                    let mut start = 0;
                    for (end, value, rest) in ends {
                        let index = names
                            .index(&texts[start..end])
                            .map_err(|message| sequences.refuse(number, message))?;
                        features.extend(index.map(|index| Feature { index, value }));
                        if rest != 0.0 {
                            rests.extend(index.map(|index| Feature { index, value: rest }));
                        }
                        start = end;
                    }
                    (features, rests)
                }
            };
            let tag = tag.as_deref().filter(|tag| Some(*tag) != no_tag);
            sequences.push_with(number, tag, &mut features, &mut rests)
        },
    )?;
    match weight {
        Some((line, _)) => Err(lonely(sequences, line)),
        None => {
            sequences.end();
            Ok(())
        }
    }
}
