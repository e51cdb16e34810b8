//! Tokens as SVM^hmm reads them: `TAG qid:SEQUENCE id:value …`.

use std::collections::HashSet;

use crosscut::Feature;
use crosscut_app::{Error, Source, svmlight};

use super::sequences::Sequences;

/// A line of the file.
struct Token {
    tag: Option<Box<str>>,
    sequence: i64,
    weight: f64,
    features: Vec<Feature>,
    /// What rounding took from their values.
    rest: Vec<Feature>,
}

fn parse_line(line: &str) -> Result<Option<Token>, String> {
    let Some(line) = svmlight::parse_line(line)? else { return Ok(None) };
    let Some(sequence) = line.qid else {
        return Err(
            "expected qid:N, the number of the sequence, at every token, found none".to_owned()
        );
    };
    let tag = line.target.map(Box::from);
    let svmlight::Line { cost: weight, features, rest, .. } = line;
    Ok(Some(Token { tag, sequence, weight, features, rest }))
}

/// Reads a file into `sequences`, features numbered by their ids.
///
/// # Errors
/// Bad lines; sequences that are not in one piece; costs that are not the same in a whole sequence.
pub(super) fn read(source: &mut Source<'_>, sequences: &mut Sequences<'_>) -> Result<(), Error> {
    let mut seen = HashSet::new();
    // The number and the weight of the sequence that is being read.
    let mut current = None;
    source.with_comments().scan_lines(parse_line, |number, token| {
        let Token { tag, sequence, weight, mut features, mut rest } = token;
        match current {
            Some((last, expected)) if last == sequence => {
                if weight != expected {
                    let message = format!(
                        "expected cost:{expected} at all tokens of qid:{sequence}, found {weight}"
                    );
                    return Err(sequences.refuse(number, message));
                }
            }
            _ => {
                sequences.end()?;
                if !seen.insert(sequence) {
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
    sequences.end()
}
