//! SVM-light lines:
//! `<target> [qid:<name>] [sid:<int>] [cost:<number>] <id>:<value> … [# <comment>]`.

use std::fmt;

use crosscut::Feature;
use serde::{Deserialize, Serialize};

use crate::scaling::round;
use crate::text::name;

/// One example line.
#[derive(Clone, Debug, PartialEq)]
pub struct Line<'t> {
    /// The target as written; `None` if it is `?` or the line begins with a feature.
    pub target: Option<&'t str>,
    /// The name after `qid:`.
    pub qid: Option<Qid>,
    /// The number after `cost:`, finite and at least 0; 1 if there is none.
    pub cost: f64,
    /// The features, finite and not zero, with ids as in the file (strictly increasing).
    pub features: Vec<Feature>,
    /// What rounding to single precision took from their values, where it took something: with the
    /// same ids, in the same order. [`Scaling`](crate::scaling::Scaling) makes use of it.
    pub rest: Vec<Feature>,
    /// The largest id, also of a feature whose value is zero; 0 without features.
    pub last_id: u32,
    /// The text after `#`, trimmed.
    pub comment: Option<&'t str>,
}

/// The name of a query or of a sequence: a whole number of at most 64 bits, however it is written
/// (`7`, `+7`, `007`), or any other text without white space and `#`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Qid {
    /// A whole number.
    Number(i64),
    /// Any other text, also a number that is not whole.
    Name(Box<str>),
}

impl Qid {
    /// The name that `text` is.
    ///
    /// # Errors
    /// An empty name, or one with invisible characters in its middle.
    pub fn parse(text: &str) -> Result<Self, String> {
        if let Ok(number) = text.parse() {
            return Ok(Self::Number(number));
        }
        match name(text)? {
            "" => Err("expected qid: with the name of a query, found none".to_owned()),
            name => Ok(name.parse().map_or_else(|_| Self::Name(name.into()), Self::Number)),
        }
    }
}

impl fmt::Display for Qid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Name(name) => name.fmt(f),
        }
    }
}

/// How the feature ids of lines are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ids {
    /// Whether 0 is an id.
    pub zero_based: bool,
    /// Whether the ids of a line may be in any order.
    pub any_order: bool,
}

impl Ids {
    /// What either of the two permits.
    pub fn or(self, other: Self) -> Self {
        Self {
            zero_based: self.zero_based || other.zero_based,
            any_order: self.any_order || other.any_order,
        }
    }

    /// As [`parse_line`]. Messages name the options `--zero-based` and `--sort-ids` if they would help.
    ///
    /// # Errors
    /// Those of [`parse_line`], but for what is permitted here.
    pub fn parse_line(self, line: &str) -> Result<Option<Line<'_>>, String> {
        parse(line, self, [" (ids from 0: learn with --zero-based)", " (--sort-ids sorts them)"])
    }
}

/// Parses a line (without its line break), whose feature ids increase and are at least 1; `None` if
/// it is blank or a comment.
///
/// The target is any token without a colon. Features whose value is zero are dropped.
///
/// # Errors
/// The expected and the found token; the caller adds file and line number.
pub fn parse_line(line: &str) -> Result<Option<Line<'_>>, String> {
    parse(line, Ids::default(), ["", ""])
}

/// `hints` are added to messages about the id 0 and about ids out of order.
fn parse<'t>(line: &'t str, ids: Ids, hints: [&str; 2]) -> Result<Option<Line<'t>>, String> {
    let mut rest = line.trim_ascii_start();
    if rest.is_empty() || rest.starts_with('#') {
        return Ok(None);
    }
    let mut target = None;
    let (token, after) = split_token(rest, is_space);
    if !token.contains(':') {
        target = Some(name(token)?).filter(|target| !["?", ""].contains(target));
        rest = after;
    }
    let colons = rest.bytes().filter(|&byte| byte == b':').count();
    let mut parsed = Line {
        target,
        qid: None,
        cost: 1.0,
        features: Vec::with_capacity(colons),
        rest: Vec::new(),
        last_id: 0,
        comment: None,
    };
    let mut cost = None;
    let mut order = Order { least: 0, any: ids.any_order, hint: hints[1] };
    loop {
        rest = rest.trim_ascii_start();
        if let Some(comment) = rest.strip_prefix('#') {
            parsed.comment = Some(comment.trim());
            break;
        }
        if let Some((feature, taken, length)) = plain_feature(rest.as_bytes()) {
            parsed.push(feature, taken, &mut order)?;
            rest = &rest[length..];
            continue;
        }
        let (token, after) = split_token(rest, |byte| is_space(byte) || byte == b'#');
        rest = after;
        if token.is_empty() {
            break;
        }
        if token.as_bytes()[0].is_ascii_digit() {
            let (feature, taken) = any_feature(token)?;
            if feature.index == 0 && !ids.zero_based {
                return Err(unexpected("a feature id of at least 1", token) + hints[0]);
            }
            parsed.push(feature, taken, &mut order)?;
        } else if let Some(text) = token.strip_prefix("qid:") {
            once(&mut parsed.qid, Qid::parse(text)?, token)?;
        } else if let Some(text) = token.strip_prefix("cost:") {
            match text.parse::<f64>() {
                Ok(value) if value.is_finite() && value >= 0.0 => once(&mut cost, value, token)?,
                _ => return Err(unexpected("cost: with a finite number of at least 0", token)),
            }
        } else if !token.starts_with("sid:") {
            return Err(unexpected(FEATURE, token));
        }
    }
    parsed.cost = cost.unwrap_or(1.0);
    if ids.any_order {
        parsed.sort()?;
    }
    Ok(Some(parsed))
}

fn is_space(byte: u8) -> bool {
    byte.is_ascii_whitespace()
}

/// Splits the text before the first (ASCII) byte that ends a token.
fn split_token(text: &str, ends: impl Fn(u8) -> bool) -> (&str, &str) {
    text.split_at(text.bytes().position(ends).unwrap_or(text.len()))
}

impl Line<'_> {
    /// Adds a feature, from whose value rounding has taken `taken`.
    #[inline]
    fn push(&mut self, feature: Feature, taken: f32, order: &mut Order<'_>) -> Result<(), String> {
        let id = feature.index;
        if u64::from(id) < order.least && !order.any {
            return Err(out_of_order(self.last_id, id, order.hint));
        }
        order.least = u64::from(id) + 1;
        self.last_id = self.last_id.max(id);
        // The id of a zero must not return, so it is kept until ids are sorted.
        if feature.value != 0.0 || order.any {
            self.features.push(feature);
        }
        if taken != 0.0 {
            self.rest.push(Feature { value: taken, ..feature });
        }
        Ok(())
    }

    /// Sorts the features by their ids, and drops zeros.
    fn sort(&mut self) -> Result<(), String> {
        self.features.sort_unstable_by_key(|feature| feature.index);
        self.rest.sort_unstable_by_key(|feature| feature.index);
        let twice = self.features.windows(2).find(|pair| pair[0].index == pair[1].index);
        if let Some(pair) = twice {
            return Err(out_of_order(pair[0].index, pair[1].index, ""));
        }
        self.features.retain(|feature| feature.value != 0.0);
        Ok(())
    }
}

/// The order of the ids of a line.
struct Order<'h> {
    /// The least id that may come next.
    least: u64,
    /// Whether any other may come too.
    any: bool,
    hint: &'h str,
}

const FEATURE: &str = "a feature as id:value with an integer id";

/// The fast path: parses `id:value` at the beginning of `bytes` if the id is small and the value a
/// short decimal number. Returns the feature, what rounding took from its value, and its length in
/// bytes. `None` leaves the token to [`any_feature`]; both agree on every feature that this function
/// accepts.
#[inline]
fn plain_feature(bytes: &[u8]) -> Option<(Feature, f32, usize)> {
    const LONGEST_ID: usize = 9;
    let mut at = 0;
    let mut index = 0_u32;
    while let Some(digit) = digit(bytes, at) {
        index = index.wrapping_mul(10).wrapping_add(u32::from(digit));
        at += 1;
    }
    if index == 0 || at > LONGEST_ID || bytes.get(at) != Some(&b':') {
        return None;
    }
    at += 1;
    let negative = bytes.get(at) == Some(&b'-');
    at += usize::from(negative);

    let mut mantissa = 0_u64;
    let start = at;
    while let Some(digit) = digit(bytes, at) {
        mantissa = mantissa.wrapping_mul(10).wrapping_add(u64::from(digit));
        at += 1;
    }
    let mut digits = at - start;
    let mut decimals = 0;
    if bytes.get(at) == Some(&b'.') {
        at += 1;
        let start = at;
        while let Some(digit) = digit(bytes, at) {
            mantissa = mantissa.wrapping_mul(10).wrapping_add(u64::from(digit));
            at += 1;
        }
        decimals = at - start;
        digits += decimals;
    }
    if digits == 0
        || digits > LONGEST_NUMBER
        || bytes.get(at).is_some_and(|&byte| byte != b' ' && byte != b'\t')
    {
        return None;
    }
    // `mantissa` and the power of ten are exact, so the quotient is the number rounded once, to
    // double precision. Rounding again, to single precision, can err only if the double is halfway
    // between two singles; otherwise the number lies on the same side of the midpoint as the
    // double.
    let value = mantissa as f64 / POWERS[decimals];
    const HALF: u64 = 1 << 28;
    if value.to_bits() & (2 * HALF - 1) == HALF {
        return None;
    }
    let value = if negative { -value } else { value };
    let (value, taken) = round(value);
    Some((Feature { index, value }, taken, at))
}

/// Integers of at most this number of digits are exact in double precision, and so are the powers
/// of ten below.
const LONGEST_NUMBER: usize = 15;
const POWERS: [f64; LONGEST_NUMBER + 1] =
    [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];

#[inline]
fn digit(bytes: &[u8], at: usize) -> Option<u8> {
    bytes.get(at).map(|byte| byte.wrapping_sub(b'0')).filter(|&digit| digit < 10)
}

/// Parses `id:value`, which begins with a digit; the id may be 0. Returns the feature, and what rounding took from
/// its value.
fn any_feature(token: &str) -> Result<(Feature, f32), String> {
    let bytes = token.as_bytes();
    let mut id = 0_u64;
    let mut at = 0;
    while let Some(digit) = bytes.get(at).filter(|byte| byte.is_ascii_digit()) {
        id = id.saturating_mul(10).saturating_add(u64::from(digit - b'0'));
        at += 1;
    }
    if bytes.get(at) != Some(&b':') {
        return Err(unexpected(FEATURE, token));
    }
    let text = &token[at + 1..];
    let Ok(index) = u32::try_from(id) else {
        return Err(unexpected(
            "a feature id of at most 4294967295 (ids beyond 32 bits are not supported)",
            token,
        ));
    };
    match text.parse::<f32>() {
        Ok(value) if value.is_finite() => {
            // A double rounded again may differ from a text rounded once, by the last bit.
            let taken = text.parse().map_or(0.0, |exact: f64| (exact - f64::from(value)) as f32);
            Ok((Feature { index, value }, taken))
        }
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
fn out_of_order(previous: u32, next: u32, hint: &str) -> String {
    if previous == next {
        format!("expected each feature id once, found {next} again")
    } else {
        format!("expected feature ids in increasing order, found {next} after {previous}{hint}")
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn features(pairs: &[(u32, f32)]) -> Vec<Feature> {
        pairs.iter().map(|&(index, value)| Feature { index, value }).collect()
    }

    fn line(text: &str) -> Line<'_> {
        parse_line(text).unwrap().unwrap()
    }

    #[test]
    fn every_part_of_the_grammar_is_read() {
        let full =
            line("\t+1 qid:-3 sid:7 cost:2.5  1:0.5 3:-1e-2 4:0 4294967295:.25 # doc 1A: x ");
        assert_eq!(full.target, Some("+1"));
        assert_eq!((full.qid, full.cost), (Some(Qid::Number(-3)), 2.5));
        assert_eq!(full.features, features(&[(1, 0.5), (3, -0.01), (u32::MAX, 0.25)]));
        assert_eq!(full.comment, Some("doc 1A: x"));
        assert_eq!(line("sci.space").features, []);
        assert_eq!(line("c# 1:2#note").target, Some("c#"));
        assert_eq!(line("c# 1:2#note").comment, Some("note"));
        assert_eq!(line("π 1:2").target, Some("π"));
    }

    #[test]
    fn unlabelled_lines_have_no_target() {
        for text in ["? 2:1", "2:1", "? qid:1 2:1", "qid:1 2:1"] {
            assert_eq!(
                (line(text).target, line(text).features),
                (None, features(&[(2, 1.0)])),
                "{text}"
            );
        }
        assert_eq!(line("?").target, None);
    }

    #[test]
    fn blank_lines_and_comments_are_passed_over() {
        for text in ["", "  \t ", "# 1:1", "  # 1:1"] {
            assert_eq!(parse_line(text), Ok(None));
        }
    }

    #[test]
    fn bad_lines_are_refused_with_what_was_expected_and_found() {
        let long = format!("1 {}:1", "9".repeat(100));
        let table = [
            ("1 1:nan", "finite in single precision, found `1:nan`"),
            ("1 1:-inf", "finite in single precision"),
            ("1 1:1e400", "finite in single precision, found `1:1e400`"),
            ("1 1:1e39", "finite in single precision"),
            ("1 0:1", "a feature id of at least 1, found `0:1`"),
            ("1 2:1 1:1", "in increasing order, found 1 after 2"),
            ("1 2:0 2:1", "each feature id once, found 2 again"),
            (
                "1 4294967296:1",
                "at most 4294967295 (ids beyond 32 bits are not supported), found `4294967296:1`",
            ),
            (
                &long,
                "ids beyond 32 bits are not supported), found `9999999999999999999999999999999999999999…`",
            ),
            ("1 -1:1", "integer id, found `-1:1`"),
            ("1 1:", "a number after the colon"),
            ("1 1:0x10", "a number after the colon"),
            ("1 1:1:1", "a number after the colon"),
            ("1 1", "a feature as id:value"),
            ("1 1.5:1", "a feature as id:value"),
            ("1 x:1", "a feature as id:value"),
            ("1 1 :1", "a feature as id:value"),
            ("x:y 1:1", "a feature as id:value"),
            ("1 cost:-1 1:1", "cost: with a finite number of at least 0, found `cost:-1`"),
            ("1 cost:inf 1:1", "cost: with a finite number"),
            ("1 cost:nan 1:1", "cost: with a finite number"),
            ("1 cost:1 cost:1", "at most once"),
            ("1 qid:1 qid:1", "at most once"),
            ("1 qid: 1:1", "qid: with the name of a query, found none"),
            ("1 qid:\u{feff} 1:1", "qid: with the name of a query, found none"),
            ("1 qid:a\u{1b}b 1:1", "expected a name that can be seen, found U+001B"),
        ];
        for (text, expected) in table {
            let message = parse_line(text).unwrap_err();
            assert!(
                message.starts_with("expected ") && message.contains(expected),
                "{text}: {message}"
            );
        }
    }

    #[test]
    fn qids_are_names_and_equal_numbers_are_one() {
        let qid = |text: &str| line(&format!("1 qid:{text} 1:1")).qid.unwrap();
        for text in ["7", "+7", "007", "7\u{a0}"] {
            assert_eq!(qid(text), Qid::Number(7), "{text}");
        }
        assert_eq!(qid("-0"), qid("0"));
        let uuid = "123e4567-e89b-12d3-a456-426614174000";
        // Not whole, or of more than 64 bits: these are names, and may be anything.
        let names = ["a", "A", "1.5", "1.0", "1e2", "10e1", "a:b", uuid, "9223372036854775808"];
        for (at, text) in names.iter().enumerate() {
            assert_eq!(qid(text).to_string(), *text);
            assert!(names[..at].iter().all(|other| qid(other) != qid(text)), "{text}");
        }
        assert_eq!(line("1 qid:a#b 1:1").qid, Some(Qid::Name("a".into())));
        assert_eq!(line("1 qid:9223372036854775807").qid, Some(Qid::Number(i64::MAX)));
    }

    #[test]
    fn ids_may_count_from_zero_and_be_in_any_order() {
        let [plain, zero, any, both] = [(false, false), (true, false), (false, true), (true, true)]
            .map(|(zero_based, any_order)| Ids { zero_based, any_order });
        let all = [plain, zero, any, both];
        let twice = "expected each feature id once, found";
        let zeros = "expected a feature id of at least 1, found `0:1` (ids from 0: learn with --zero-based)";
        let order =
            "expected feature ids in increasing order, found 1 after 3 (--sort-ids sorts them)";
        type Row<'r> = (&'r str, &'r [Ids], Result<&'r [(u32, f32)], String>);
        let table: [Row<'_>; 9] = [
            ("a 0:1 2:3", &[zero, both], Ok(&[(0, 1.0), (2, 3.0)])),
            ("a 0:1 2:3", &[plain, any], Err(zeros.to_owned())),
            ("a 3:1 1:0 2:4", &[any, both], Ok(&[(2, 4.0), (3, 1.0)])),
            ("a 3:1 1:2", &[plain, zero], Err(order.to_owned())),
            ("a 3:1 0:2", &[both], Ok(&[(0, 2.0), (3, 1.0)])),
            ("a 4294967295:1 0:2 00:1", &[both], Err(format!("{twice} 0 again"))),
            ("a 0:0 0:1", &[zero], Err(format!("{twice} 0 again"))),
            ("a 5:0 3:1 5:2", &[any, both], Err(format!("{twice} 5 again"))),
            ("a 1:1 4294967295:2", &all, Ok(&[(1, 1.0), (u32::MAX, 2.0)])),
        ];
        for (text, styles, expected) in table {
            for ids in styles {
                let found = ids.parse_line(text).map(|line| line.unwrap());
                let found = found.map(|line| (line.last_id, line.features));
                let expected = expected.clone();
                let expected = expected.map(|pairs| {
                    (if text.contains("4294967295") { u32::MAX } else { 3 }, features(pairs))
                });
                let found = found.map(|(last, all)| (if last == 2 { 3 } else { last }, all));
                assert_eq!(found, expected, "{text} {ids:?}");
            }
        }
        // What rounding took goes with its feature.
        let line = any.parse_line("a 2:0.1 1:0.3").unwrap().unwrap();
        assert_eq!(line.rest.iter().map(|rest| rest.index).collect::<Vec<_>>(), [1, 2]);
    }

    proptest! {
        #[test]
        fn ids_in_any_order_are_those_in_order(
            values in prop::collection::btree_map(0..200_u32, -5..5_i32, 0..30),
            seed in any::<u64>(),
        ) {
            let ids = Ids { zero_based: true, any_order: true };
            let mut pairs: Vec<_> = values.into_iter().collect();
            let text = |pairs: &[(u32, i32)]| {
                pairs.iter().map(|(id, value)| format!(" {id}:{value}.1")).collect::<String>()
            };
            let sorted = text(&pairs);
            pairs.sort_by_key(|(id, _)| u64::from(*id).wrapping_mul(seed | 1));
            let mixed = text(&pairs);
            let strict = Ids { any_order: false, ..ids };
            prop_assert_eq!(ids.parse_line(&mixed), strict.parse_line(&sorted));
        }

        #[test]
        fn what_is_printed_is_read(
            ids in prop::collection::btree_set(1..=u32::MAX, 0..30),
            values in prop::collection::vec(prop::num::f32::NORMAL | prop::num::f32::SUBNORMAL, 30),
        ) {
            let features: Vec<_> = ids.into_iter().zip(values).map(|(index, value)| Feature { index, value }).collect();
            let printed: Vec<_> = features.iter().map(|feature| format!("{}:{}", feature.index, feature.value)).collect();
            let text = format!("a {}", printed.join(" "));
            prop_assert_eq!(&line(&text).features, &features);
        }

        #[test]
        fn the_fast_path_agrees_with_the_general_one(
            token in "[0-9]{1,11}:-?([0-9]{0,12}[.]?[0-9]{0,12}|167772(17|19|21)[.]?0{0,4}1?)",
        ) {
            if let Some((fast, taken, length)) = plain_feature(token.as_bytes()) {
                let (general, taken_in_general) = any_feature(&token).unwrap();
                prop_assert_eq!(length, token.len());
                prop_assert_eq!((fast.index, fast.value.to_bits()), (general.index, general.value.to_bits()));
                prop_assert_eq!(taken, taken_in_general);
            }
        }

        #[test]
        fn values_are_rounded_correctly(mantissa in -99_999_999_i64..99_999_999, exponent in -12..12_i32) {
            prop_assume!(mantissa != 0);
            let number = format!("{mantissa}e{exponent}");
            let expected: f32 = number.parse().unwrap();
            let text = format!("1 1:{number}");
            prop_assert_eq!(line(&text).features[0].value.to_bits(), expected.to_bits());
        }

        #[test]
        fn nothing_panics(text in "[-+0-9a-z:.?# \t]{0,40}|\\PC{0,40}") {
            if let Ok(Some(line)) = parse_line(&text) {
                prop_assert!(crosscut::SparseVector::new(line.features).is_ok());
                prop_assert!(line.cost.is_finite() && line.cost >= 0.0);
            }
        }
    }
}
