//! [`Notation`] and [`chunks`]: what tags mark.

use crosscut_data::Labels;

/// A run of tokens that belong together: a noun phrase, a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Chunk<'t> {
    /// Its first token, counted from 0.
    pub start: usize,
    /// The token after its last one.
    pub end: usize,
    /// The part of its tags beside the letter; empty if they are letters alone.
    pub kind: &'t str,
}

/// How tags are written that mark chunks: a letter and a kind, `B-NP`, `B_NP`, `NP-B` or `NP_B`, or
/// a letter alone.
///
/// | letter | the token |
/// |---|---|
/// | `B` | begins a chunk |
/// | `I`, `M` | is inside a chunk |
/// | `E`, `L` | ends a chunk |
/// | `S`, `U`, `W` | is a chunk |
/// | any other | is outside of chunks |
///
/// So the schemes IOB1, IOB2, IOE1, IOE2, IOBES, BILOU, BMES and BMEWO are all read alike. The
/// default is `B-NP`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Notation {
    /// What stands between letter and kind: the first one after the letter, or the last one before
    /// it.
    separator: char,
    /// Whether the letter comes last.
    letter_last: bool,
}

impl Default for Notation {
    fn default() -> Self {
        Self { separator: '-', letter_last: false }
    }
}

/// The chunks that the tags of one sequence mark in the notation `B-NP`: see [`Notation::chunks`].
///
/// ```
/// use crosscut_sequence::{Chunk, chunks};
///
/// let found = chunks(["B-NP", "I-NP", "O", "I-VP", "B-VP"]);
/// let chunk = |start, end, kind| Chunk { start, end, kind };
/// assert_eq!(found, [chunk(0, 2, "NP"), chunk(3, 4, "VP"), chunk(4, 5, "VP")]);
/// ```
pub fn chunks<'t>(tags: impl IntoIterator<Item = &'t str>) -> Vec<Chunk<'t>> {
    Notation::default().chunks(tags)
}

impl Notation {
    /// The separators that are read.
    const SEPARATORS: [char; 2] = ['-', '_'];
    /// Others, with which tags look like those of chunks.
    const FOREIGN: [char; 6] = ['/', ':', '.', '|', '+', '='];

    /// The notation of a set of tags that mark chunks: the first of `B-NP`, `B_NP`, `NP-B`, `NP_B` in
    /// which every tag is `O`, a letter of the table, or such a letter with a kind. To tell them
    /// from tags that only look alike, more is needed:
    /// * in `B-NP` with the letters B, I, E, S, L, U alone: also `O`, or two different letters;
    /// * in the other notations, and with M or W: `B` and one of I, M, E, L with the same kind;
    /// * of letters alone: `B` and one of I, M, E, L, or `I` and `O`.
    ///
    /// `None` for other tags.
    pub fn of(tags: &Labels) -> Option<Self> {
        Self::all(&Self::SEPARATORS).find(|notation| notation.fits(tags))
    }

    /// The notation for a scheme to go by: that of the tags; else one in which some of them begin and
    /// continue a chunk; else the default.
    pub(crate) fn closest(tags: &Labels) -> Self {
        let close =
            || Self::all(&Self::SEPARATORS).find(|notation| notation.continues_a_kind(tags));
        Self::of(tags).or_else(close).unwrap_or_default()
    }

    /// Why [`of`](Self::of) finds no notation although the tags look like those of chunks.
    pub fn trouble(tags: &Labels) -> Option<String> {
        if Self::of(tags).is_some() {
            return None;
        }
        let close = Self::all(&Self::SEPARATORS).find(|notation| notation.continues_a_kind(tags));
        if let Some(notation) = close {
            let odd = tags.iter().find(|tag| *tag != "O" && !notation.marks(tag))?;
            let example = tags.iter().find(|tag| notation.split(tag).0 == 'B')?;
            return Some(format!("expected O or tags like {example} everywhere, found {odd}"));
        }
        let foreign = Self::all(&Self::FOREIGN).find(|notation| notation.fits(tags));
        if let Some(Self { separator, .. }) = foreign {
            return Some(format!(
                "expected - or _ between the letter of a tag and its kind, found {separator}"
            ));
        }
        let capitals: Vec<String> = tags.iter().map(str::to_uppercase).collect();
        if Self::of(&Labels::collect(capitals.iter().map(String::as_str))).is_some() {
            let found = tags.iter().find(|tag| tag.to_uppercase() != **tag)?;
            return Some(format!("expected capital letters, as in B-NP and O, found {found}"));
        }
        let is_kind = |tag: &str| tag.len() > 1 && tag.chars().all(char::is_alphabetic);
        let kind = tags.iter().find(|tag| *tag != "O")?;
        (tags.index("O").is_some() && tags.iter().all(|tag| tag == "O" || is_kind(tag))).then(
            || {
                format!(
                    "expected letters that say where chunks begin, as in B-{kind}, found {kind}"
                )
            },
        )
    }

    /// The chunks that the tags of one sequence mark, in order, by the rules of the CoNLL-2000
    /// evaluation. A token inside begins a chunk
    /// * after a token outside, and at the beginning of the sequence;
    /// * after a token of another kind;
    /// * if its letter begins a chunk or is a chunk;
    /// * after a letter that ends a chunk or is one.
    ///
    /// Otherwise it continues the chunk of the token before it. So every sequence of tags has chunks,
    /// also one that breaks the rules of its scheme.
    ///
    /// For tags of B, I, E and O they are those of `conlleval`, except that it begins no chunk with B
    /// after E of the same kind. The other letters are additions. Letters that are not in the table
    /// are outside here; `conlleval` does not expect them, and begins a chunk wherever the kind
    /// changes.
    pub fn chunks<'t>(self, tags: impl IntoIterator<Item = &'t str>) -> Vec<Chunk<'t>> {
        let mut chunks: Vec<Chunk<'t>> = Vec::new();
        let mut before = ('O', "");
        for (token, tag) in tags.into_iter().enumerate() {
            let (letter, kind) = self.split(tag);
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

    /// A tag as B, I, E, S or O, and its kind, which is empty for a letter alone and for O.
    pub(crate) fn split(self, tag: &str) -> (char, &str) {
        let (letter, kind) = self.parts(tag);
        let meaning = match letter {
            "B" => 'B',
            "I" | "M" => 'I',
            "E" | "L" => 'E',
            "S" | "U" | "W" => 'S',
            _ => return ('O', ""),
        };
        (meaning, kind)
    }

    /// Whether the tag is one of a token in a chunk.
    pub(crate) fn marks(self, tag: &str) -> bool {
        self.split(tag).0 != 'O'
    }

    fn all(separators: &'static [char]) -> impl Iterator<Item = Self> {
        [false, true].into_iter().flat_map(move |letter_last| {
            separators.iter().map(move |&separator| Self { separator, letter_last })
        })
    }

    /// The letter and the kind as they are written.
    fn parts(self, tag: &str) -> (&str, &str) {
        match self.letter_last {
            false => tag.split_once(self.separator).unwrap_or((tag, "")),
            true => {
                tag.rsplit_once(self.separator).map_or((tag, ""), |(kind, letter)| (letter, kind))
            }
        }
    }

    /// See [`of`](Self::of).
    fn fits(self, tags: &Labels) -> bool {
        if !tags.iter().all(|tag| tag == "O" || self.marks(tag)) {
            return false;
        }
        let marked = || tags.iter().filter(|tag| self.marks(tag));
        let has = |meanings: &str| marked().any(|tag| meanings.contains(self.split(tag).0));
        let has_o = tags.index("O").is_some();
        if marked().all(|tag| self.split(tag).1.is_empty()) {
            return has("B") && has("IE") || has("I") && has_o;
        }
        let is_usual = |tag: &str| !matches!(self.parts(tag).0, "M" | "W");
        if self == Self::default() && marked().all(is_usual) {
            let several =
                ["B", "I", "E", "S"].into_iter().filter(|meaning| has(meaning)).count() > 1;
            return has_o || several;
        }
        self.continues_a_kind(tags)
    }

    /// Whether some kind has both a tag that begins a chunk and one that continues it.
    fn continues_a_kind(self, tags: &Labels) -> bool {
        let split = || tags.iter().map(|tag| self.split(tag)).filter(|(_, kind)| !kind.is_empty());
        let begun: std::collections::BTreeSet<&str> =
            split().filter(|(letter, _)| *letter == 'B').map(|(_, kind)| kind).collect();
        split().any(|(letter, kind)| matches!(letter, 'I' | 'E') && begun.contains(kind))
    }
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
