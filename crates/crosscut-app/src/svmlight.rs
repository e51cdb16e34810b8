//! SVM-light lines: `<target> [qid:<int>] [sid:<int>] [cost:<number>] <id>:<value> … [# <comment>]`.

use crosscut::Feature;

/// One example line.
#[derive(Clone, Debug, PartialEq)]
pub struct Line<'t> {
    /// The target as it is written; `None` for `?` or where the line begins with a feature.
    pub target: Option<&'t str>,
    /// The number after `qid:`.
    pub qid: Option<i64>,
    /// The number after `cost:`, finite and at least 0; 1 if there is none.
    pub cost: f64,
    /// The features with ids as in the file (from 1, strictly increasing), finite and not zero.
    pub features: Vec<Feature>,
    /// The text after `#`, trimmed.
    pub comment: Option<&'t str>,
}

/// Reads a line (without its line break); `None` if it is blank or a comment.
///
/// The target is any token without a colon. Features whose value is zero are dropped.
///
/// # Errors
/// What was expected and the token found instead; the caller adds file and line number.
pub fn parse_line(line: &str) -> Result<Option<Line<'_>>, String> {
    let mut rest = line.trim_ascii_start();
    if rest.is_empty() || rest.starts_with('#') {
        return Ok(None);
    }
    let mut target = None;
    let (token, after) = split_token(rest, is_space);
    if !token.contains(':') {
        target = (token != "?").then_some(token);
        rest = after;
    }
    let colons = rest.bytes().filter(|&byte| byte == b':').count();
    let mut parsed =
        Line { target, qid: None, cost: 1.0, features: Vec::with_capacity(colons), comment: None };
    let mut previous = 0;
    let mut cost = None;
    loop {
        rest = rest.trim_ascii_start();
        if let Some(comment) = rest.strip_prefix('#') {
            parsed.comment = Some(comment.trim());
            break;
        }
        let (token, after) = split_token(rest, |byte| is_space(byte) || byte == b'#');
        if token.is_empty() {
            break;
        }
        rest = after;
        if token.as_bytes()[0].is_ascii_digit() {
            let feature = parse_feature(token)?;
            if feature.index <= previous {
                return Err(out_of_order(previous, feature.index));
            }
            previous = feature.index;
            if feature.value != 0.0 {
                parsed.features.push(feature);
            }
        } else if let Some(text) = token.strip_prefix("qid:") {
            let qid = text.parse().map_err(|_| unexpected("qid: with a 64-bit integer", token))?;
            once(&mut parsed.qid, qid, token)?;
        } else if let Some(text) = token.strip_prefix("cost:") {
            match text.parse::<f64>() {
                Ok(value) if value.is_finite() && value >= 0.0 => once(&mut cost, value, token)?,
                _ => return Err(unexpected("cost: with a finite number of at least 0", token)),
            }
        } else if !token.starts_with("sid:") {
            return Err(unexpected("a feature as id:value with an integer id of at least 1", token));
        }
    }
    parsed.cost = cost.unwrap_or(1.0);
    Ok(Some(parsed))
}

fn is_space(byte: u8) -> bool {
    byte.is_ascii_whitespace()
}

/// The text up to the first byte that ends a token (an ASCII one), and the rest.
fn split_token(text: &str, ends: impl Fn(u8) -> bool) -> (&str, &str) {
    text.split_at(text.bytes().position(ends).unwrap_or(text.len()))
}

/// `id:value`, beginning with a digit.
fn parse_feature(token: &str) -> Result<Feature, String> {
    let bytes = token.as_bytes();
    let mut id = 0_u64;
    let mut at = 0;
    while let Some(digit) = bytes.get(at).filter(|byte| byte.is_ascii_digit()) {
        id = id.saturating_mul(10).saturating_add(u64::from(digit - b'0'));
        at += 1;
    }
    if bytes.get(at) != Some(&b':') {
        return Err(unexpected("a feature as id:value with an integer id of at least 1", token));
    }
    let text = &token[at + 1..];
    let Ok(index) = u32::try_from(id) else {
        return Err(unexpected("a feature id of at most 4294967295 (ids beyond 32 bits are not supported)", token));
    };
    if index == 0 {
        return Err(unexpected("a feature id of at least 1", token));
    }
    match text.parse::<f32>() {
        Ok(value) if value.is_finite() => Ok(Feature { index, value }),
        Ok(_) => Err(unexpected("a value that is finite in single precision", token)),
        Err(_) => Err(unexpected("a number after the colon", token)),
    }
}

fn once<T>(slot: &mut Option<T>, value: T, token: &str) -> Result<(), String> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(unexpected("qid: and cost: at most once a line", token)),
    }
}

#[cold]
fn out_of_order(previous: u32, next: u32) -> String {
    if previous == next {
        format!("expected each feature id once, found {next} again")
    } else {
        format!("expected feature ids in increasing order, found {next} after {previous}")
    }
}

#[cold]
fn unexpected(expected: &str, token: &str) -> String {
    const SHOWN: usize = 40;
    match token.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("expected {expected}, found `{}…`", &token[..end]),
        None => format!("expected {expected}, found `{token}`"),
    }
}
