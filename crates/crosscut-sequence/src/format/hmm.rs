//! Tokens as SVM^hmm reads them: `TAG qid:SEQUENCE id:value …`.

use std::collections::HashSet;

use crosscut_app::{Error, Source};
use crosscut_data::svmlight::{Ids, Line, Qid};

use super::record::{Given, Record, Token, tag};

type Take<'t> = &'t mut dyn FnMut(u64, Record) -> Result<(), Error>;

/// The name and the weight of a token's sequence, and the token.
fn parse_line(line: &str, ids: Ids) -> Result<Option<(Qid, f64, Token)>, String> {
    let Some(line) = ids.parse_line(line)? else { return Ok(None) };
    let Some(sequence) = line.qid else {
        return Err(
            "expected qid:N, the name of the sequence, at every token, found none".to_owned()
        );
    };
    let tag = line.target.map(tag).transpose()?.flatten().map(Box::from);
    let Line { cost: weight, features, rest, .. } = line;
    Ok(Some((sequence, weight, Token { line: 0, tag, features: Given::Ids(features), rest })))
}

/// Reads the sequences of a file, to learn from them or to predict.
///
/// # Errors
/// Bad lines; sequences that are not in one piece; costs that are not the same in a whole sequence.
pub(super) fn read(
    source: &mut Source<'_>,
    ids: Ids,
    learns: bool,
    take: Take<'_>,
) -> Result<(), Error> {
    let file = source.name().to_owned();
    let mut seen: HashSet<Qid> = source.inherit();
    // The sequence that is being read, and its name.
    let mut open: Option<(Qid, Record)> = None;
    let parse = |line: &str| parse_line(line, ids);
    source.with_comments().scan_lines(parse, |number, (sequence, weight, token)| {
        let refuse = |message| Error::line(file.as_str(), number, message);
        if open.as_ref().is_none_or(|(last, _)| *last != sequence) {
            if let Some((_, record)) = open.take() {
                take(record.line(), record)?;
            }
            if !seen.insert(sequence.clone()) {
                return Err(refuse(format!(
                    "expected the tokens of qid:{sequence} one after the other, but it returns"
                )));
            }
        }
        let (sequence, record) = open.get_or_insert_with(|| (sequence, Record::new(weight)));
        if weight != record.weight {
            let expected = record.weight;
            return Err(refuse(format!(
                "expected cost:{expected} at all tokens of qid:{sequence}, found {weight}"
            )));
        }
        record.push(Token { line: number, ..token }, learns).map_err(refuse)
    })?;
    source.leave(seen);
    open.map_or(Ok(()), |(_, record)| take(record.line(), record))
}
