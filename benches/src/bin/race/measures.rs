//! Test measures, the same for all programs: of what weights predict, or of predictions that a
//! program wrote.

use std::collections::HashMap;
use std::path::Path;

use crosscut_app::Source;
use crosscut_data::text::numbers;
use crosscut_multiclass::{Class, MulticlassFiles};
use crosscut_ranking::{RankingFiles, Scores};
use crosscut_sequence::{Sequence, SequenceFiles, Tags, chunks};

use crate::error::RaceError;
use crate::judge::Judge;

/// Test measures by name.
pub type Measures = Vec<(&'static str, f64)>;

/// What the tags of the training file are called in a file with names for them.
pub type TagNames = HashMap<String, String>;

/// The fraction of wrong classes.
pub fn of_classes(judge: &Judge<MulticlassFiles>, found: &[Class]) -> Measures {
    listed([("error", judge.measure("error", found))])
}

/// How well the test queries are ranked.
pub fn of_orders(judge: &Judge<RankingFiles>, found: &[Scores]) -> Measures {
    let measure = |name| judge.measure(name, found);
    listed([
        ("NDCG@10", measure("ndcg@10")),
        ("MAP", measure("map")),
        ("swapped", measure("swapped_fraction")),
    ])
}

/// The fraction of wrong tags, and F1 of chunks where tags mark chunks.
pub fn of_tags(truth: &[Vec<String>], found: &[Vec<String>]) -> Measures {
    let (mut tokens, mut wrong) = (0, 0);
    let (mut marked, mut predicted, mut right) = (0, 0, 0);
    for (truth, found) in truth.iter().zip(found) {
        tokens += truth.len();
        wrong += truth.iter().zip(found).filter(|(truth, found)| truth != found).count();
        let of = |tags: &'_ [String]| tags.len();
        debug_assert_eq!(of(truth), of(found));
        let (marks, finds) =
            (chunks(truth.iter().map(String::as_str)), chunks(found.iter().map(String::as_str)));
        right += marks.iter().filter(|&mark| finds.binary_search(mark).is_ok()).count();
        marked += marks.len();
        predicted += finds.len();
    }
    let ratio =
        |part: usize, whole: usize| if whole > 0 { part as f64 / whole as f64 } else { 0.0 };
    let mark = |tag: &String| tag == "O" || tag.starts_with("B-") || tag.starts_with("I-");
    let marks = truth.iter().flatten().all(mark);
    listed([
        ("token error", Some(ratio(wrong, tokens))),
        ("F1", marks.then(|| ratio(2 * right, marked + predicted))),
    ])
}

/// Those that there are.
fn listed<const N: usize>(measures: [(&'static str, Option<f64>); N]) -> Measures {
    measures.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

/// What tags are called.
pub fn named(task: &Sequence, names: &TagNames, tags: &Tags) -> Vec<String> {
    let name = |token| {
        let number = task.name(tags, token);
        names.get(number).map_or(number, String::as_str).to_owned()
    };
    (0..tags.len()).map(name).collect()
}

/// The tags of the test examples.
pub fn truth(judge: &Judge<SequenceFiles>, names: &TagNames) -> Vec<Vec<String>> {
    let tags = judge.test.iter().filter_map(|item| item.y.as_ref());
    tags.map(|tags| named(&judge.task, names, tags)).collect()
}

/// Measures of classes, one a line.
///
/// # Errors
/// Another number of lines than test examples.
pub fn read_classes(judge: &Judge<MulticlassFiles>, text: &str) -> Result<Measures, String> {
    let class = |label: &str| judge.task.classes().index(label).map_or(Class::UNKNOWN, Class::new);
    let found: Vec<Class> =
        text.lines().map(str::trim).filter(|line| !line.is_empty()).map(class).collect();
    same_number(found.len(), judge.test.len())?;
    Ok(of_classes(judge, &found))
}

/// Measures of scores, one a line.
///
/// # Errors
/// What is no number; another number of lines than test documents.
pub fn read_scores(judge: &Judge<RankingFiles>, text: &str) -> Result<Measures, String> {
    let scores: Vec<f64> = numbers(text)?;
    let documents = judge.test.iter().map(|item| item.y.as_ref().map_or(0, Scores::len));
    same_number(scores.len(), documents.clone().sum())?;
    let mut rest = scores.as_slice();
    let mut take = |count| {
        let (head, tail) = rest.split_at(count);
        rest = tail;
        Scores::new(head.to_vec())
    };
    let found: Vec<Scores> = documents.map(&mut take).collect();
    Ok(of_orders(judge, &found))
}

/// Measures of tags, one a line with blank lines between sequences.
///
/// # Errors
/// Other sequences than those of the test examples.
pub fn read_tags(
    judge: &Judge<SequenceFiles>,
    names: &TagNames,
    text: &str,
) -> Result<Measures, String> {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let sequences = lines.split(|line| line.is_empty()).filter(|tags| !tags.is_empty());
    let found: Vec<Vec<String>> =
        sequences.map(|tags| tags.iter().map(|&tag| tag.to_owned()).collect()).collect();
    let truth = truth(judge, names);
    same_number(found.len(), truth.len())?;
    for (found, truth) in found.iter().zip(&truth) {
        same_number(found.len(), truth.len())?;
    }
    Ok(of_tags(&truth, &found))
}

fn same_number(found: usize, expected: usize) -> Result<(), String> {
    match found == expected {
        true => Ok(()),
        false => Err(format!("expected {expected} predictions, found {found}")),
    }
}

/// The name of each tag, from two files of the same tokens: the first word of a line is a number in
/// one, a name in the other.
///
/// # Errors
/// Files that cannot be read.
pub fn tag_names(numbered: &Path, named: &Path) -> Result<TagNames, RaceError> {
    let first_words = |path: &Path| -> Result<Vec<String>, RaceError> {
        let word = |line: &str| Ok(line.split_whitespace().next().map(str::to_owned));
        Ok(Source::open_quietly(path)?.parse_lines(word)?)
    };
    Ok(first_words(numbered)?.into_iter().zip(first_words(named)?).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(text: &str) -> Vec<Vec<String>> {
        text.split('/').map(|tags| tags.split_whitespace().map(str::to_owned).collect()).collect()
    }

    #[test]
    fn tags_are_counted_by_token_and_by_chunk() {
        let truth = tags("B-NP I-NP O/B-VP");
        assert_eq!(of_tags(&truth, &truth), [("token error", 0.0), ("F1", 1.0)]);
        // One of two chunks is found, and one that is none.
        assert_eq!(of_tags(&truth, &tags("B-NP O O/B-VP")), [("token error", 0.25), ("F1", 0.5)]);
        assert_eq!(of_tags(&tags("a b"), &tags("a a")), [("token error", 0.5)]);
    }

    #[test]
    fn tags_are_named_after_the_other_file() {
        let home = tempfile::tempdir().unwrap();
        let (numbered, named) = (home.path().join("hmm"), home.path().join("crf"));
        std::fs::write(&numbered, "1 qid:1 1:1\n2 qid:1 1:1\n1 qid:2 1:1\n").unwrap();
        std::fs::write(&named, "B-NP\tw=a\nO\tw=b\n\nB-NP\tw=c\n").unwrap();
        let names = tag_names(&numbered, &named).unwrap();
        assert_eq!((names.len(), names["1"].as_str(), names["2"].as_str()), (2, "B-NP", "O"));
    }
}
