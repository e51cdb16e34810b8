//! The measures of an evaluation.

use std::collections::BTreeMap;

use crosscut_app::{Outcome, Report, Table, mean_loss};

use crate::chunks::{Chunk, Notation};
use crate::tags::{Tag, Tags, Tokens};
use crate::task::Sequence;

/// Chunk F1, precision and recall if the tags mark chunks; errors by token and by sequence, mean
/// loss; figures by tag and by kind of chunk.
///
/// * Everything but the counts (`sequences`, `tokens`, `unknown_tags`) is weighted by the weights
///   of the sequences: a token or a chunk has the weight of its sequence. Where these are 1, the
///   figures on chunks are those of the CoNLL-2000 evaluation.
/// * A ratio whose denominator is zero is 0.
/// * A chunk is found if a predicted one has the same first and last token and the same kind
///   ([`Notation::chunks`]). Chunks do not reach across sequences. `per_chunk` lists the kinds that occur, in
///   the data or in predictions.
/// * Tags that the model does not know are errors. They lower the precision of the tag predicted,
///   and have no row in `per_tag`; the chunks they mark count as those of other tags do.
/// * [`Notation::of`] says whether the tags of the model mark chunks. If they do not but look like
///   it, a note says why.
pub(crate) fn report(task: &Sequence, outcomes: &[Outcome<'_, Tokens, Tags>]) -> Report {
    let tally = Tally::of(task.tags().len(), outcomes);
    let chunks = Notation::of(task.tags()).map(|notation| chunk_counts(task, notation, outcomes));

    let mut report = Report::new();
    if let Some(trouble) = Notation::trouble(task.tags()) {
        report = report.note(format!("no figures on chunks: {trouble}"));
    }
    if let Some((all, _)) = &chunks {
        report = report
            .measure("chunk_f1", all.f1())
            .measure("chunk_precision", all.precision())
            .measure("chunk_recall", all.recall());
    }
    report = report
        .measure(
            "token_error",
            ratio(tally.token_weight - tally.right_token_weight, tally.token_weight),
        )
        .measure("sequence_accuracy", ratio(tally.right_weight, tally.weight))
        .measure("loss", mean_loss(task, outcomes))
        .measure("token_accuracy", ratio(tally.right_token_weight, tally.token_weight))
        .count("sequences", outcomes.len() as f64)
        .count("tokens", tally.tokens as f64);
    if tally.unknown > 0 {
        report = report.count("unknown_tags", tally.unknown as f64);
    }

    report = report.table(Table {
        name: "per_tag".to_owned(),
        columns: ["precision", "recall", "f1", "support"].map(str::to_owned).to_vec(),
        counts_from: 3,
        rows: (task.tags().iter().zip(&tally.per_tag))
            .map(|(name, counts)| {
                (
                    name.to_owned(),
                    vec![counts.precision(), counts.recall(), counts.f1(), counts.gold],
                )
            })
            .collect(),
    });
    if let Some((all, per_kind)) = chunks {
        let name =
            |kind: &str| if kind.is_empty() { "(no kind)".to_owned() } else { kind.to_owned() };
        let row = |name: String, counts: &Counts| {
            let Counts { correct, predicted, gold } = *counts;
            (name, vec![counts.precision(), counts.recall(), counts.f1(), gold, predicted, correct])
        };
        report = report.table(Table {
            name: "per_chunk".to_owned(),
            columns: ["precision", "recall", "f1", "gold", "predicted", "correct"]
                .map(str::to_owned)
                .to_vec(),
            counts_from: 3,
            rows: (per_kind.iter().map(|(kind, counts)| row(name(kind), counts)))
                .chain([row("(all)".to_owned(), &all)])
                .collect(),
        });
    }
    report
}

/// The chunks of all outcomes, together and by kind.
fn chunk_counts<'a>(
    task: &'a Sequence,
    notation: Notation,
    outcomes: &[Outcome<'a, Tokens, Tags>],
) -> (Counts, BTreeMap<&'a str, Counts>) {
    let of = |tags: &'a Tags| notation.chunks((0..tags.len()).map(|token| task.name(tags, token)));
    let mut per_kind: BTreeMap<&'a str, Counts> = BTreeMap::new();
    for outcome in outcomes {
        // In order, so a chunk is quickly found.
        let (gold, predicted): (Vec<Chunk<'a>>, Vec<Chunk<'a>>) =
            (of(outcome.y), of(outcome.y_hat));
        for chunk in &gold {
            per_kind.entry(chunk.kind).or_default().gold += outcome.weight;
        }
        for chunk in &predicted {
            let counts = per_kind.entry(chunk.kind).or_default();
            counts.predicted += outcome.weight;
            if gold.binary_search(chunk).is_ok() {
                counts.correct += outcome.weight;
            }
        }
    }
    let mut all = Counts::default();
    for counts in per_kind.values() {
        all.correct += counts.correct;
        all.predicted += counts.predicted;
        all.gold += counts.gold;
    }
    (all, per_kind)
}

/// Sums over sequences and their tokens.
struct Tally {
    /// Weight of the sequences.
    weight: f64,
    /// Weight of the sequences whose tags are all right.
    right_weight: f64,
    /// Weight of the tokens.
    token_weight: f64,
    /// Weight of the tokens whose tag is right.
    right_token_weight: f64,
    /// By tag.
    per_tag: Vec<Counts>,
    /// Number of tokens.
    tokens: usize,
    /// Number of tokens whose tag the model does not know.
    unknown: usize,
}

impl Tally {
    fn of(tags: usize, outcomes: &[Outcome<'_, Tokens, Tags>]) -> Self {
        let per_tag = vec![Counts::default(); tags];
        let mut tally = Self {
            weight: 0.0,
            right_weight: 0.0,
            token_weight: 0.0,
            right_token_weight: 0.0,
            per_tag,
            tokens: 0,
            unknown: 0,
        };
        for &Outcome { y, y_hat, weight, .. } in outcomes {
            let mut right = 0;
            for (&tag, &predicted) in y.as_slice().iter().zip(y_hat.as_slice()) {
                right += usize::from(tally.token(tag, predicted, weight));
            }
            tally.tokens += y.len();
            tally.token_weight += weight * y.len() as f64;
            tally.right_token_weight += weight * right as f64;
            tally.weight += weight;
            if right == y.len() {
                tally.right_weight += weight;
            }
        }
        tally
    }

    /// Counts a token by its tags; whether they agree.
    fn token(&mut self, tag: Tag, predicted: Tag, weight: f64) -> bool {
        if let Some(counts) = self.per_tag.get_mut(predicted.index()) {
            counts.predicted += weight;
        }
        let Some(counts) = self.per_tag.get_mut(tag.index()) else {
            self.unknown += 1;
            return false;
        };
        counts.gold += weight;
        if tag == predicted {
            counts.correct += weight;
        }
        tag == predicted
    }
}

/// Weight of what was predicted and right, of what was predicted, and of what was to be found.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    correct: f64,
    predicted: f64,
    gold: f64,
}

impl Counts {
    fn precision(&self) -> f64 {
        ratio(self.correct, self.predicted)
    }

    fn recall(&self) -> f64 {
        ratio(self.correct, self.gold)
    }

    fn f1(&self) -> f64 {
        ratio(2.0 * self.correct, self.predicted + self.gold)
    }
}

fn ratio(numerator: f64, denominator: f64) -> f64 {
    if denominator > 0.0 { numerator / denominator } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use crosscut_data::{FeatureIds, Labels};

    use super::*;
    use crate::loss::Loss;
    use crate::task::Features;

    fn task(tags: &str) -> Sequence {
        let tags = Labels::collect(tags.split_whitespace());
        Sequence::new(tags, Features::Ids(FeatureIds::Contiguous(1))).unwrap()
    }

    /// The report on lines `word gold predicted`, an empty line between sequences, with the weights
    /// of the sequences.
    fn weighted(task: &Sequence, columns: &str, weights: &[f64]) -> Report {
        let tags = |sequence: &str, column: usize| {
            let mut tags = Tags::default();
            for line in sequence.lines() {
                let name = line.split_whitespace().nth(column).unwrap();
                match task.tags().index(name) {
                    Some(tag) => tags.push(Tag::new(tag)),
                    None => tags.push_unknown(name),
                }
            }
            tags
        };
        let sequences = columns.trim().split("\n\n").filter(|sequence| !sequence.is_empty());
        let pairs: Vec<(Tags, Tags)> =
            sequences.map(|sequence| (tags(sequence, 1), tags(sequence, 2))).collect();
        let weights = weights.iter().copied().chain(std::iter::repeat(1.0));
        let x = Tokens::default();
        let outcomes: Vec<Outcome<'_, Tokens, Tags>> = pairs
            .iter()
            .zip(weights)
            .map(|((y, y_hat), weight)| Outcome { x: &x, y, y_hat, weight })
            .collect();
        report(task, &outcomes)
    }

    fn evaluate(task: &Sequence, columns: &str) -> Report {
        weighted(task, columns, &[])
    }

    fn row(report: &Report, table: &str, name: &str) -> Option<Vec<f64>> {
        let table = report.tables().iter().find(|one| one.name == table)?;
        table.rows.iter().find(|(row, _)| row == name).map(|(_, values)| values.clone())
    }

    /// The last three columns of `per_chunk`: gold, predicted, correct.
    fn counts(report: &Report, kind: &str) -> Option<[f64; 3]> {
        row(report, "per_chunk", kind).map(|values| [values[3], values[4], values[5]])
    }

    const CHUNKS: &str = "O B-NP I-NP B-VP I-VP B-PP B-ADVP";

    /// Sequences 2 and 3 must not be joined: the second ends, and the third begins, with a
    /// predicted `I-NP`.
    const WORKED: &str = "\
the      B-NP    B-NP
old      I-NP    I-NP
harbour  I-NP    B-NP
was      B-VP    B-VP
closed   I-VP    I-VP
in       B-PP    B-PP
winter   B-NP    B-NP
.        O       O

boats    B-NP    I-NP
still    B-ADVP  O
leave    B-VP    B-VP
it       B-NP    I-NP

now      B-ADVP  I-NP
.        O       O

ships    B-NP    B-NP
sail     B-VP    B-VP
fast     O       B-ADVP

yes      O       O
";

    #[test]
    fn a_worked_example() {
        let report = evaluate(&task(CHUNKS), WORKED);
        let measures = [
            ("chunk_f1", 16.0 / 23.0),
            ("chunk_precision", 8.0 / 12.0),
            ("chunk_recall", 8.0 / 11.0),
            ("token_error", 6.0 / 18.0),
            ("sequence_accuracy", 1.0 / 5.0),
            ("loss", 6.0 / 5.0),
            ("token_accuracy", 12.0 / 18.0),
            ("sequences", 5.0),
            ("tokens", 18.0),
        ];
        assert_eq!(report.measures(), measures.map(|(name, value)| (name.to_owned(), value)));

        let table = &report.tables()[1];
        assert_eq!(table.columns, ["precision", "recall", "f1", "gold", "predicted", "correct"]);
        let rows = [
            ("ADVP", [0.0, 0.0, 0.0, 2.0, 1.0, 0.0]),
            ("NP", [4.0 / 7.0, 4.0 / 5.0, 8.0 / 12.0, 5.0, 7.0, 4.0]),
            ("PP", [1.0, 1.0, 1.0, 1.0, 1.0, 1.0]),
            ("VP", [1.0, 1.0, 1.0, 3.0, 3.0, 3.0]),
            ("(all)", [8.0 / 12.0, 8.0 / 11.0, 16.0 / 23.0, 11.0, 12.0, 8.0]),
        ];
        assert_eq!(table.rows, rows.map(|(name, values)| (name.to_owned(), values.to_vec())));

        let table = &report.tables()[0];
        assert_eq!(table.columns, ["precision", "recall", "f1", "support"]);
        assert_eq!(table.rows.len(), 7);
        for (tag, expected) in [
            ("B-ADVP", [0.0, 0.0, 0.0, 2.0]),
            ("B-NP", [3.0 / 4.0, 3.0 / 5.0, 6.0 / 9.0, 5.0]),
            ("I-NP", [1.0 / 4.0, 1.0 / 2.0, 2.0 / 6.0, 2.0]),
            ("O", [3.0 / 4.0, 3.0 / 4.0, 6.0 / 8.0, 4.0]),
        ] {
            assert_eq!(row(&report, "per_tag", tag).unwrap(), expected, "{tag}");
        }
    }

    #[test]
    fn chunks_are_found_or_not() {
        let cases = [
            // gold, predicted, then how many chunks in the data, predicted, found
            ("B-A I-A", "B-A I-A", [1, 1, 1]),
            ("B-A I-A", "I-A I-A", [1, 1, 1]),
            ("B-A I-A", "B-A E-A", [1, 1, 1]),
            ("S-A O", "B-A O", [1, 1, 1]),
            ("B-A I-A", "B-B I-B", [1, 1, 0]),
            ("B-A I-A", "B-A I-B", [1, 2, 0]),
            ("B-A I-A", "B-A O", [1, 1, 0]),
            ("B-A I-A", "O I-A", [1, 1, 0]),
            ("B-A I-A", "B-A B-A", [1, 2, 0]),
            ("B-A B-A", "I-A I-A", [2, 1, 0]),
            ("B-A O B-A", "B-A O I-A", [2, 2, 2]),
            ("O O", "B-A O", [0, 1, 0]),
            ("B-A O", "O O", [1, 0, 0]),
            ("O O", "O O", [0, 0, 0]),
        ];
        let task = task("O B-A I-A E-A S-A B-B I-B");
        for (gold, predicted, expected) in cases {
            let pairs = gold.split(' ').zip(predicted.split(' '));
            let columns: Vec<String> =
                pairs.map(|(gold, predicted)| format!("w {gold} {predicted}")).collect();
            let report = evaluate(&task, &columns.join("\n"));
            assert_eq!(
                counts(&report, "(all)").unwrap(),
                expected.map(f64::from),
                "{gold} against {predicted}"
            );
            let [known, found, right] = expected.map(f64::from);
            let [precision, recall] = [right / found.max(1.0), right / known.max(1.0)];
            assert_eq!(
                report.get("chunk_precision"),
                Some(precision),
                "{gold} against {predicted}"
            );
            assert_eq!(report.get("chunk_recall"), Some(recall), "{gold} against {predicted}");
            let f1 =
                if right > 0.0 { 2.0 * precision * recall / (precision + recall) } else { 0.0 };
            assert!(
                (report.get("chunk_f1").unwrap() - f1).abs() < 1e-15,
                "{gold} against {predicted}"
            );
        }
    }

    /// A chunk at the end of a sequence and another at the beginning of the next are two, found one
    /// by one.
    #[test]
    fn chunks_end_with_their_sequence() {
        let apart = evaluate(&task("O I-A B-A"), "w O O\nw I-A I-A\n\nw I-A B-A\nw I-A I-A\n");
        assert_eq!(counts(&apart, "A"), Some([2.0, 2.0, 2.0]));
        let together = evaluate(&task("O I-A B-A"), "w O O\nw I-A I-A\nw I-A B-A\nw I-A I-A\n");
        assert_eq!(counts(&together, "A"), Some([1.0, 2.0, 0.0]));
    }

    #[test]
    fn unknown_tags_are_errors_and_their_chunks_are_missed() {
        // A kind the model has never seen; a letter it has never seen, which marks a chunk that is
        // found nevertheless; a tag that marks nothing.
        let report =
            evaluate(&task("O B-A I-A"), "w B-C B-A\nw I-C I-A\nw O O\n\nw S-A B-A\nw X O\n");
        assert_eq!(counts(&report, "C"), Some([1.0, 0.0, 0.0]));
        assert_eq!(row(&report, "per_chunk", "C").unwrap()[..3], [0.0; 3]);
        assert_eq!(counts(&report, "A"), Some([1.0, 2.0, 1.0]));
        assert_eq!(counts(&report, "(all)"), Some([2.0, 2.0, 1.0]));
        assert_eq!(report.get("unknown_tags"), Some(4.0));
        assert_eq!(report.get("tokens"), Some(5.0));
        assert_eq!(report.get("token_error"), Some(4.0 / 5.0));
        assert_eq!(report.get("sequence_accuracy"), Some(0.0));
        assert_eq!(report.get("loss"), Some(2.0));
        // They have no row, but lower the precision of what was predicted.
        assert_eq!(report.tables()[0].rows.len(), 3);
        assert_eq!(row(&report, "per_tag", "B-A").unwrap(), [0.0, 0.0, 0.0, 0.0]);
        assert_eq!(row(&report, "per_tag", "O").unwrap(), [1.0 / 2.0, 1.0, 2.0 / 3.0, 1.0]);
    }

    #[test]
    fn weights_count_for_tokens_chunks_and_sequences() {
        let task = task("O B-A I-A").with_loss(Loss::Fraction).unwrap();
        // Of weight 3: one chunk found, one missed, one of 4 tokens wrong. Of weight 0.5: one chunk
        // too many, one of 2 tokens.
        let columns = "w B-A B-A\nw I-A I-A\nw O O\nw B-A O\n\nw O B-A\nw O O\n";
        let report = weighted(&task, columns, &[3.0, 0.5]);
        assert_eq!(counts(&report, "A"), Some([6.0, 3.5, 3.0]));
        for (name, expected) in [
            ("chunk_precision", 3.0 / 3.5),
            ("chunk_recall", 3.0 / 6.0),
            ("chunk_f1", 6.0 / 9.5),
            ("token_error", 3.5 / 13.0),
            ("token_accuracy", 9.5 / 13.0),
            ("sequence_accuracy", 0.0),
            ("loss", (3.0 * 0.25 + 0.5 * 0.5) / 3.5),
            ("sequences", 2.0),
            ("tokens", 6.0),
        ] {
            assert_eq!(report.get(name), Some(expected), "{name}");
        }
        assert_eq!(row(&report, "per_tag", "B-A").unwrap()[3], 6.0);
    }

    #[test]
    fn chunks_are_measured_where_tags_mark_them() {
        let cases = [
            ("O B-NP I-NP", true),
            ("O I-NP", true),
            ("B-NP I-NP", true),
            ("B I O", true),
            ("B I E S", true),
            ("O B-X I-X L-X U-X", true),
            ("B-X B I-Y-Z", true),
            ("NN VB DT", false),
            ("O PER LOC", false),
            ("O B-NP NP", false),
            ("O X-NP", false),
            ("B M E S", true),
            ("B M E S O", true),
            ("B I L U O", true),
            ("O M-X B-X E-X W-X", true),
            ("B_X I_X O", true),
            ("NN-B NN-M NN-E NN-S VB-S", true),
            ("NN_B NN_I O", true),
            ("O B_X-Y I_X-Y", true),
            ("O B-B I-B", true),
            ("I-NP I-VP B-NP", true),
            // Not enough to tell them from other tags.
            ("I-NP I-VP", false),
            ("B O", false),
            ("S U", false),
            ("B S", false),
            ("O M-X W-X", false),
            ("O B_X S_X", false),
            ("O X-B X-S", false),
            ("O X_B Y_I", false),
            ("NN NNP VB-D PRP$ B-X", false),
            ("ADJ ADP NOUN VERB X PUNCT", false),
            ("I U S", false),
            ("O o", false),
            ("1 2 3", false),
        ];
        for (tags, expected) in cases {
            let report = evaluate(&task(tags), "");
            assert_eq!(report.get("chunk_f1").is_some(), expected, "{tags}");
            assert_eq!(
                report.tables().iter().any(|table| table.name == "per_chunk"),
                expected,
                "{tags}"
            );
            assert_eq!(
                report.measures()[0].0,
                if expected { "chunk_f1" } else { "token_error" },
                "{tags}"
            );
            assert!(!expected || report.notes().is_empty(), "{tags}");
            // Nothing to evaluate: zeros.
            assert!(report.measures().iter().all(|(_, value)| *value == 0.0), "{tags}");
        }
    }

    #[test]
    fn a_note_says_why_tags_like_those_of_chunks_are_not_read() {
        let cases = [
            ("O B-NP I-NP NN", "expected O or tags like B-NP everywhere, found NN"),
            ("o B_X I_X", "expected O or tags like B_X everywhere, found o"),
            ("X-B X-M X-E Q", "expected O or tags like X-B everywhere, found Q"),
            ("O B/X I/X", "expected - or _ between the letter of a tag and its kind, found /"),
            ("O b-x i-x", "expected capital letters, as in B-NP and O, found b-x"),
            ("b m e s", "expected capital letters, as in B-NP and O, found b"),
            ("O PER LOC", "expected letters that say where chunks begin, as in B-LOC, found LOC"),
        ];
        for (tags, expected) in cases {
            let expected = format!("no figures on chunks: {expected}");
            assert_eq!(evaluate(&task(tags), "").notes(), [expected], "{tags}");
        }
        let others = [
            "NN VB DT",
            "ADJ NOUN VERB X",
            "A B C E I M O S",
            "1 2",
            "O o",
            "O X-NP",
            "NN VB-D B-X",
        ];
        for tags in others {
            assert!(evaluate(&task(tags), "").notes().is_empty(), "{tags}");
        }
    }

    /// The same chunks in every notation.
    #[test]
    fn figures_do_not_depend_on_the_notation() {
        let bioes = "w B-A B-A\nw I-A E-A\nw E-A O\nw S-B S-B\nw O B-B\nw O E-B\n";
        let known = "O B-A I-A E-A S-A B-B I-B E-B S-B";
        let report = evaluate(&task(known), bioes);
        assert_eq!(counts(&report, "(all)"), Some([2.0, 3.0, 1.0]));
        type Write = fn(&str, &str) -> String;
        let letters = |from: &str, to: &str, letter: &str| {
            from.find(letter).map_or(letter.to_owned(), |at| to[at..=at].to_owned())
        };
        let notations: [(Write, &str); 5] = [
            (|letter, kind| format!("{letter}_{kind}"), "BIES"),
            (|letter, kind| format!("{kind}-{letter}"), "BMES"),
            (|letter, kind| format!("{kind}_{letter}"), "BMEW"),
            (|letter, kind| format!("{letter}-{kind}"), "BILU"),
            (|letter, kind| format!("{letter}-{kind}"), "BMEW"),
        ];
        for (write, to) in notations {
            let rewrite = |text: &str| {
                let word = |word: &str| match word.split_once('-') {
                    Some((letter, kind)) => write(&letters("BIES", to, letter), kind),
                    None => word.to_owned(),
                };
                let line = |line: &str| line.split(' ').map(word).collect::<Vec<_>>().join(" ");
                text.lines().map(line).collect::<Vec<_>>().join("\n")
            };
            let (known, columns) = (rewrite(known), rewrite(bioes));
            let again = evaluate(&task(&known), &columns);
            assert_eq!(again.measures(), report.measures(), "{known}");
            assert_eq!(again.tables()[1], report.tables()[1], "{known}");
        }
    }

    #[test]
    fn letters_alone_have_no_kind() {
        let report = evaluate(&task("B I O"), "w B B\nw I I\nw B I\n");
        assert_eq!(counts(&report, "(no kind)"), Some([2.0, 1.0, 0.0]));
    }
}
