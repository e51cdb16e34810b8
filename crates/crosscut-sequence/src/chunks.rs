//! [`chunks`]: what tags mark.

use crate::constraint::split;

/// A run of tokens that belong together: a noun phrase, a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Chunk<'t> {
    /// Its first token, counted from 0.
    pub start: usize,
    /// The token after its last one.
    pub end: usize,
    /// What stands after the hyphen of its tags; empty where they are letters alone.
    pub kind: &'t str,
}

/// The chunks that the tags of one sequence mark, in order, by the rules of the CoNLL-2000
/// evaluation.
///
/// A tag is a letter, or a letter and a kind with a hyphen between them (the first one, kinds may
/// have more). Tags without one of the letters B, I, E, S are outside of chunks; L and U, as BILOU
/// has them, are E and S. A token inside begins a chunk
/// * after a token outside, and at the beginning of the sequence;
/// * after a token of another kind;
/// * where its letter is B or S;
/// * after E or S.
///
/// Otherwise it continues the chunk of the token before it. So every sequence of tags has chunks,
/// also one that breaks the rules of its scheme, and no scheme need be named: IOB1, IOB2, IOE1,
/// IOE2, IOBES and BILOU are all read by these rules.
///
/// For tags of B, I, E and O they are those of `conlleval`, except that it begins no chunk with B
/// after E of the same kind. S, L and U are additions. Other letters are outside here; `conlleval`
/// does not expect them, and begins a chunk wherever the kind changes.
///
/// ```
/// use crosscut_sequence::{Chunk, chunks};
///
/// let found = chunks(["B-NP", "I-NP", "O", "I-VP", "B-VP"]);
/// let chunk = |start, end, kind| Chunk { start, end, kind };
/// assert_eq!(found, [chunk(0, 2, "NP"), chunk(3, 4, "VP"), chunk(4, 5, "VP")]);
/// ```
pub fn chunks<'t>(tags: impl IntoIterator<Item = &'t str>) -> Vec<Chunk<'t>> {
    let mut chunks: Vec<Chunk<'t>> = Vec::new();
    let mut before = ('O', "");
    for (token, tag) in tags.into_iter().enumerate() {
        let (letter, kind) = split(tag);
        let continues =
            matches!(before.0, 'B' | 'I') && matches!(letter, 'I' | 'E') && before.1 == kind;
        match chunks.last_mut() {
            Some(chunk) if continues => chunk.end = token + 1,
            _ if letter != 'O' => chunks.push(Chunk { start: token, end: token + 1, kind }),
            _ => {}
        }
        before = (letter, kind);
    }
    chunks
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `START-END KIND, …` with the last token instead of the one after it, and a kind if there is
    /// one.
    fn show(tags: &str) -> String {
        let shown = chunks(tags.split_whitespace()).into_iter();
        let shown: Vec<String> = shown
            .map(|Chunk { start, end, kind }| {
                format!("{start}-{} {kind}", end - 1).trim_end().to_owned()
            })
            .collect();
        shown.join(", ")
    }

    #[test]
    fn tags_mark_chunks() {
        let cases = [
            ("nothing", "", ""),
            ("outside", "O O O", ""),
            // One sentence of two adjacent chunks and a single token, in every scheme.
            ("IOB1", "I-A I-A B-A I-A O I-B", "0-1 A, 2-3 A, 5-5 B"),
            ("IOB2", "B-A I-A B-A I-A O B-B", "0-1 A, 2-3 A, 5-5 B"),
            ("IOE1", "I-A E-A I-A I-A O I-B", "0-1 A, 2-3 A, 5-5 B"),
            ("IOE2", "I-A E-A I-A E-A O E-B", "0-1 A, 2-3 A, 5-5 B"),
            ("IOBES", "B-A E-A B-A E-A O S-B", "0-1 A, 2-3 A, 5-5 B"),
            ("BILOU", "B-A L-A B-A L-A O U-B", "0-1 A, 2-3 A, 5-5 B"),
            ("IO", "I-A I-A I-B I-A O I-B", "0-1 A, 2-2 B, 3-3 A, 5-5 B"),
            ("longer IOBES", "B-A I-A I-A E-A S-A S-A B-A E-A", "0-3 A, 4-4 A, 5-5 A, 6-7 A"),
            ("longer BILOU", "B-A I-A I-A L-A U-A U-A B-A L-A", "0-3 A, 4-4 A, 5-5 A, 6-7 A"),
            // One token.
            ("one token", "B-A", "0-0 A"),
            ("one token", "I-A", "0-0 A"),
            ("one token", "E-A", "0-0 A"),
            ("one token", "S-A", "0-0 A"),
            ("all single", "B-A B-A B-B B-B", "0-0 A, 1-1 A, 2-2 B, 3-3 B"),
            // Sequences that break the rules of their scheme.
            ("I after O", "O I-A I-A O", "1-2 A"),
            ("I of another kind", "B-A I-B I-B", "0-0 A, 1-2 B"),
            ("I of another kind and back", "B-A I-B I-A", "0-0 A, 1-1 B, 2-2 A"),
            ("E alone", "O E-A O", "1-1 A"),
            ("E after E", "E-A E-A", "0-0 A, 1-1 A"),
            ("I after E", "B-A E-A I-A", "0-1 A, 2-2 A"),
            ("E of another kind", "B-A E-B", "0-0 A, 1-1 B"),
            ("B without E", "B-A O B-A I-A", "0-0 A, 2-3 A"),
            ("S within", "B-A S-A I-A E-A", "0-0 A, 1-1 A, 2-3 A"),
            ("I and E after S", "S-A I-A S-A E-A", "0-0 A, 1-1 A, 2-2 A, 3-3 A"),
            ("schemes mixed", "B-A L-A U-A I-A B-A I-A E-A", "0-1 A, 2-2 A, 3-3 A, 4-6 A"),
            // Letters and kinds.
            ("letters alone", "B I O I B E S", "0-1, 3-3, 4-5, 6-6"),
            ("a letter alone beside a kind", "B I-A I", "0-0, 1-1 A, 2-2"),
            ("a hyphen and no kind", "B- I-", "0-1"),
            ("hyphens in a kind", "B-A-1 I-A-1 I-A-2", "0-1 A-1, 2-2 A-2"),
            ("case matters", "B-A I-a b-A", "0-0 A, 1-1 a"),
            ("other tags are outside", "B-A X-A I-A NN I-A A - -A", "0-0 A, 2-2 A, 4-4 A"),
        ];
        for (name, tags, expected) in cases {
            assert_eq!(show(tags), expected, "{name}: {tags}");
        }
    }
}
