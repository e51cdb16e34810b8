//! Tokens as SVM^hmm reads them: `TAG qid:SEQUENCE id:value …`.

use std::collections::HashSet;

use crosscut::Feature;
use crosscut_app::{Error, Source};
use crosscut_data::svmlight::{Ids, Line, Qid};

use super::sequences::Sequences;

/// A line of the file.
struct Token {
    tag: Option<Box<str>>,
    sequence: Qid,
    weight: f64,
    features: Vec<Feature>,
    /// What rounding took from their values.
    rest: Vec<Feature>,
}

fn parse_line(line: &str, ids: Ids) -> Result<Option<Token>, String> {
    let Some(line) = ids.parse_line(line)? else { return Ok(None) };
    let Some(sequence) = line.qid else {
        return Err(
            "expected qid:N, the name of the sequence, at every token, found none".to_owned()
        );
    };
    let tag = line.target.map(Box::from);
    let Line { cost: weight, features, rest, .. } = line;
    Ok(Some(Token { tag, sequence, weight, features, rest }))
}

/// Reads a file into `sequences`, features numbered by their ids.
///
/// # Errors
/// Bad lines; sequences that are not in one piece; costs that are not the same in a whole sequence.
pub(super) fn read(
    source: &mut Source<'_>,
    ids: Ids,
    sequences: &mut Sequences<'_>,
) -> Result<(), Error> {
    let mut seen: HashSet<Qid> = source.inherit();
    // The name and the weight of the sequence that is being read.
    let mut current = None;
    source.with_comments().scan_lines(|line| parse_line(line, ids), |number, token| {
        let Token { tag, sequence, weight, mut features, mut rest } = token;
        match &current {
            Some((last, expected)) if *last == sequence => {
                if weight != *expected {
                    let message = format!(
                        "expected cost:{expected} at all tokens of qid:{sequence}, found {weight}"
                    );
                    return Err(sequences.refuse(number, message));
                }
            }
            _ => {
                sequences.end();
                if !seen.insert(sequence.clone()) {
                    let message = format!(
                        "expected the tokens of qid:{sequence} one after the other, but it returns"
                    );
                    return Err(sequences.refuse(number, message));
                }
                sequences.begin(weight);
                current = Some((sequence, weight));
            }
        }
        sequences.push_with(number, tag.as_deref(), &mut features, &mut rest)
    })?;
    source.leave(seen);
    sequences.end();
    Ok(())
}
