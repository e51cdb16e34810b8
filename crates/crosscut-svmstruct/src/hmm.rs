//! SVM^hmm: tags 1 to k, the number of wrong tags as loss, transitions before emissions among the
//! weights.

use std::io;

use crosscut::{Example, Feature, SlackNorm, SparseRows, Task};
use crosscut_app::{Error, Source};
use crosscut_data::{FeatureIds, Labels, Renumbering};
use crosscut_sequence::{Features, Loss, Sequence, Tag, Tags, Tokens};

use crate::data::{self, Line};
use crate::flags::{Classify, Learn};
use crate::model::{Layout, Model};
use crate::program::{Program, Report, Test, Training, size, unfit, zeros};

/// The most weights of a model that is read.
const MOST_WEIGHTS: u64 = 1 << 31;
const MOST_TRANSITIONS: u64 = 1 << 28;

/// The program.
pub struct SvmHmm;

impl Program for SvmHmm {
    type Task = Sequence;
    /// The tags as numbers.
    type Truth = Vec<i64>;

    const NAME: &'static str = "svm_hmm";
    const LEARNING: &'static [&'static str] = &["t", "e", "b"];
    const CLASSIFYING: &'static [&'static str] = &["b"];
    const HELP: &'static str = "  -l 0|1        loss. 1: number of wrong tags (default), 0: 1 for a wrong sequence\n  \
                                --t 0|1|2|3   order of transitions (1)\n  \
                                --e 0|1       order of emissions, at most that of transitions (0)\n  \
                                --b N         keeps N states at each token, 0 for all (0)\n  \
                                -o 1|2        1: slack rescaling, 2: margin rescaling (default)\n";
    const EPSILON: f64 = 0.1;
    const ALGORITHM: u32 = 4;
    const LAYOUT: Layout = Layout {
        version: "SVM-HMM Version V3.10",
        before: &[],
        after: &[
            "number of emission features",
            "number of classes",
            "HMM order of transitions",
            "HMM order of emissions",
            "loss function",
        ],
        documents: false,
        mark: "",
    };
    const DIMENSION: &'static str = "Dimensionality of Psi";

    fn training(flags: &Learn, source: &mut Source<'_>) -> Result<Training<Sequence>, Error> {
        let transitions =
            flags.own_count("t", "an order of transitions from 0 to 3", 3)?.unwrap_or(1);
        let expected = format!(
            "an order of emissions from 0 to {}, that of transitions and 1 at most",
            transitions.min(1)
        );
        let emissions = flags.own_count("e", &expected, transitions.min(1))?.unwrap_or(0);
        let beam = flags.own_count("b", "a number of states, 0 for all", usize::MAX)?.unwrap_or(0);
        let loss = match (flags.loss, flags.slack_norm) {
            (None | Some(1), SlackNorm::Linear) => Loss::Count,
            // Squared slacks bound the loss where the margin is its root; that of zero and one is
            // the same.
            (None | Some(1), SlackNorm::Squared) => Loss::RootCount,
            (Some(0), _) => Loss::ZeroOne,
            (Some(other), _) => {
                return Err(Error::option(
                    "-l",
                    "0 (any wrong tag) or 1 (number of wrong tags)",
                    other,
                ));
            }
        };
        let file = source.name().to_owned();
        let lines = data::read(source)?;
        let (features, tokens) = (lines.features, lines.lines.len());
        let mut k = 0;
        for line in &lines.lines {
            let tag = tag(line);
            if !(1..=Tag::MOST as i64).contains(&tag) {
                let message = format!("expected a tag from 1 to {}, found {tag}", Tag::MOST);
                return Err(Error::line(file, line.number, message));
            }
            k = k.max(tag as usize);
        }
        let groups = lines.groups(&file)?;
        let refuse = |reason: String| Error::file(file.as_str(), reason);
        let ids = FeatureIds::collect(groups.iter().flatten().map(|line| &*line.features));
        let task = define(k, ids, transitions, emissions).map_err(refuse)?;
        let task = task.with_loss(loss).and_then(|task| task.with_rescaling(flags.rescaling));
        let task = task.map_err(|error| refuse(error.to_string()))?.with_beam(beam);
        let longest = |group: &Vec<Line>| {
            if *task.loss_function() == Loss::ZeroOne { 1.0 } else { group.len() as f64 }
        };
        let largest_loss = groups.iter().map(longest).sum::<f64>() / groups.len() as f64;
        let read = format!(
            " {} examples, {tokens} tokens, {features} features, {k} classes... done",
            groups.len()
        );
        let example = |group: Vec<Line>| {
            let tags: Vec<usize> = group.iter().map(|line| tag(line) as usize - 1).collect();
            Ok(Example::new(input(&task, group, &file)?, Tags::from(tags)))
        };
        let examples = groups.into_iter().map(example).collect::<Result<Vec<_>, Error>>()?;
        Ok(Training {
            task,
            examples,
            read,
            head: Vec::new(),
            features,
            largest_loss,
            epsilon_factor: None,
        })
    }

    fn renumber(task: &Sequence, examples: &mut [Example<Tokens, Tags>]) -> Option<Renumbering> {
        task.renumber(examples)
    }

    fn dimension(task: &Sequence, features: u32) -> u64 {
        Ids::of(task, features).dim()
    }

    fn store(task: &Sequence, w: &[f64], features: u32) -> Model {
        let ids = Ids::of(task, features);
        let (transitions, emissions) = task.orders();
        let mut weights = Vec::new();
        for order in 1..=transitions {
            ids.tuples(order)
                .for_each(|(code, tags)| weights.push((code, w[task.transition_weight(&tags)])));
        }
        for order in 0..=emissions {
            for (code, tags) in ids.tuples(order) {
                let known =
                    (0..task.features().len()).map(|index| (feature_id(task, index), index));
                let weight = known.map(|(id, index)| {
                    (ids.emission(code, u64::from(id) - 1), w[task.emission_weight(index, &tags)])
                });
                weights.extend(weight.filter(|(_, weight)| *weight != 0.0));
            }
        }
        let loss = i64::from(*task.loss_function() != Loss::ZeroOne);
        let header =
            [i64::from(features), ids.k as i64, transitions as i64, emissions as i64, loss];
        Model { header: header.to_vec(), threshold: 0.0, weights }
    }

    fn load(model: &Model, flags: &Classify) -> Result<(Sequence, Vec<f64>), Error> {
        let beam = flags.own_count("b", "a number of states, 0 for all", usize::MAX)?.unwrap_or(0);
        let features = size("a number of features", model.header[0], u32::MAX as usize - 1)?;
        let loss = match model.header[4] {
            0 => Loss::ZeroOne,
            1 => Loss::Count,
            other => return Err(unfit(format!("expected the loss 0 or 1, found {other}"))),
        };
        let k = size("a number of classes", model.header[1], Tag::MOST)?;
        let transitions = size("an order of transitions", model.header[2], 3)?;
        let emissions = size("an order of emissions", model.header[3], transitions.min(1))?;
        let ids = Ids::new(features, k, transitions, emissions);
        // Only features with weights: a model may claim any number of them.
        let mut listed: Vec<u32> = model
            .weights
            .iter()
            .filter_map(|&(id, _)| Some(ids.feature(id)?.1 as u32 + 1))
            .collect();
        listed.sort_unstable();
        listed.dedup();
        let kept = Ids::new(listed.len(), k, transitions, emissions);
        if kept.dim() > MOST_WEIGHTS || kept.first() > MOST_TRANSITIONS {
            return Err(unfit(format!(
                "expected at most {MOST_WEIGHTS} weights and {MOST_TRANSITIONS} of transitions, found {} and {}",
                kept.dim(),
                kept.first()
            )));
        }
        let task = define(k, FeatureIds::Listed(listed), transitions, emissions)
            .map_err(unfit)?
            .with_beam(beam);
        let task = task.with_loss(loss).map_err(|error| unfit(error.to_string()))?;
        let Features::Ids(known) = task.features() else {
            return Err(unfit("expected numbered features"));
        };
        let mut w = zeros(task.dim(), model.weights.len())?;
        for &(id, weight) in &model.weights {
            let at = match ids.feature(id) {
                Some((code, feature)) => ids
                    .tags(code)
                    .zip(known.index(feature as u32 + 1))
                    .and_then(|(tags, feature)| {
                        (tags.len() <= emissions + 1)
                            .then(|| task.emission_weight(feature as usize, &tags))
                    }),
                None => ids.tags(id).and_then(|tags| {
                    (2..=transitions + 1)
                        .contains(&tags.len())
                        .then(|| task.transition_weight(&tags))
                }),
            };
            if let Some(at) = at {
                w[at] = weight;
            }
        }
        Ok((task, w))
    }

    fn test(task: &Sequence, source: &mut Source<'_>) -> Result<Test<Self>, Error> {
        let file = source.name().to_owned();
        let lines = data::read(source)?;
        let (features, tokens) = (lines.features, lines.lines.len());
        let groups = lines.groups(&file)?;
        let truths: Vec<Vec<i64>> =
            groups.iter().map(|group| group.iter().map(tag).collect()).collect();
        let classes = truths.iter().flatten().copied().max().unwrap_or(0).max(0);
        let read = format!(
            " {} examples, {tokens} tokens, {features} features, {classes} classes... done.",
            groups.len()
        );
        let inputs = groups
            .into_iter()
            .map(|group| input(task, group, &file))
            .collect::<Result<Vec<_>, Error>>()?;
        Ok(Test { inputs, truths, read })
    }

    fn write(
        _: &Sequence,
        _: &[f64],
        _: f64,
        _: &Tokens,
        y_hat: &Tags,
        out: &mut dyn io::Write,
    ) -> io::Result<()> {
        y_hat.as_slice().iter().try_for_each(|tag| writeln!(out, "{}", tag.index() + 1))
    }

    fn report(task: &Sequence, test: &Test<Self>, predictions: &[Tags]) -> Report {
        let wrong = |(truth, y_hat): (&Vec<i64>, &Tags)| {
            truth
                .iter()
                .zip(y_hat.as_slice())
                .filter(|(truth, tag)| **truth != tag.index() as i64 + 1)
                .count()
        };
        let wrong: Vec<usize> = test.truths.iter().zip(predictions).map(wrong).collect();
        let (total, tokens) =
            (wrong.iter().sum::<usize>() as f64, test.truths.iter().map(Vec::len).sum::<usize>());
        let incorrect = wrong.iter().filter(|wrong| **wrong > 0).count();
        let loss = if *task.loss_function() == Loss::ZeroOne { incorrect as f64 } else { total };
        let figures = Some((loss / wrong.len().max(1) as f64, incorrect));
        let tail = vec![format!("Average loss per token: {:.4}", total / tokens.max(1) as f64)];
        Report { figures, tail }
    }
}

/// The tag of a line as the family reads it.
fn tag(line: &Line) -> i64 {
    line.target as i64
}

fn define(
    k: usize,
    features: FeatureIds,
    transitions: usize,
    emissions: usize,
) -> Result<Sequence, String> {
    let names: Vec<String> = (1..=k).map(|tag| tag.to_string()).collect();
    let task = Sequence::new(Labels::from(names), Features::Ids(features));
    task.and_then(|task| task.with_orders(transitions, emissions))
        .map_err(|error| error.to_string())
}

/// The id of a feature, from 1.
fn feature_id(task: &Sequence, index: usize) -> u32 {
    match task.features() {
        Features::Ids(ids) => ids.id(index),
        Features::Names(_) => index as u32 + 1,
    }
}

fn input(task: &Sequence, group: Vec<Line>, file: &str) -> Result<Tokens, Error> {
    let mut rows = SparseRows::default();
    for line in group {
        let features: Vec<Feature> = match task.features() {
            Features::Ids(ids) => ids.map(line.features),
            Features::Names(_) => Vec::new(),
        };
        rows.push(&features).map_err(|error| Error::line(file, line.number, error.to_string()))?;
    }
    rows.shrink_to_fit();
    Ok(Tokens::new(rows))
}

/// The ids of the weights. Tags a, b, c, … from 1 have the code ((a · k + b) · k + c) …;
/// transitions have the ids of their codes, and emissions of feature f at these tags T + code ·
/// features + f, with T = Σ kⁱ for i from 0 to the order of transitions + 1.
struct Ids {
    features: u64,
    k: u64,
    transitions: u32,
    emissions: u32,
}

impl Ids {
    fn new(features: usize, k: usize, transitions: usize, emissions: usize) -> Self {
        Self {
            features: features as u64,
            k: k as u64,
            transitions: transitions as u32,
            emissions: emissions as u32,
        }
    }

    fn of(task: &Sequence, features: u32) -> Self {
        let (transitions, emissions) = task.orders();
        Self::new(features as usize, task.tags().len(), transitions, emissions)
    }

    /// Σ kⁱ for i from 0 to `last`: one more than the largest code of `last` tags, and the smallest
    /// code of one more.
    fn sum(&self, last: u32) -> u64 {
        (0..=last).fold(0, |sum: u64, power| sum.saturating_add(self.k.saturating_pow(power)))
    }

    /// T.
    fn first(&self) -> u64 {
        self.sum(self.transitions + 1)
    }

    fn dim(&self) -> u64 {
        self.first().saturating_add(self.features.saturating_mul(self.sum(self.emissions + 1)))
    }

    /// The id of a zero-based feature at tags with a code.
    fn emission(&self, code: u64, feature: u64) -> u64 {
        self.first() + code * self.features + feature + 1
    }

    /// The code and the zero-based feature of an id; `None` for those of transitions.
    fn feature(&self, id: u64) -> Option<(u64, u64)> {
        let at = id.checked_sub(self.first() + 1)?;
        Some((at.checked_div(self.features)?, at % self.features))
    }

    /// All codes of the tags of one more token than an order, with these tags.
    fn tuples(&self, order: usize) -> impl Iterator<Item = (u64, Vec<Tag>)> {
        let (from, to) = (self.sum(order as u32), self.sum(order as u32 + 1));
        (from..to).filter_map(|code| Some((code, self.tags(code)?)))
    }

    /// The tags of a code, at most four.
    fn tags(&self, mut code: u64) -> Option<Vec<Tag>> {
        let mut tags = Vec::new();
        while code > 0 {
            // Digits from 1 to k.
            let digit = (code - 1) % self.k.max(1);
            tags.push(Tag::new(digit as usize));
            code = (code - 1 - digit) / self.k.max(1);
            if tags.len() > 4 || self.k == 0 {
                return None;
            }
        }
        tags.reverse();
        (!tags.is_empty()).then_some(tags)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(tags: &[usize]) -> Vec<Tag> {
        tags.iter().map(|tag| Tag::new(tag - 1)).collect()
    }

    /// Ids found by setting one weight at a time in models for the original program.
    #[test]
    fn ids_are_those_of_the_family() {
        let transitions: [(usize, &[usize], u64); 5] = [
            (1, &[1, 2], 5),
            (1, &[3, 1], 10),
            (2, &[1, 2], 5),
            (2, &[2, 3, 1], 28),
            (3, &[2, 3, 1, 3], 87),
        ];
        for (order, gram, id) in transitions {
            let ids = Ids::new(2, 3, order, 0);
            assert_eq!(ids.tags(id), Some(tags(gram)));
            assert!(
                ids.tuples(gram.len() - 1).any(|(code, found)| code == id && found == tags(gram))
            );
            assert_eq!(ids.feature(id), None);
        }
        let emissions: [(usize, usize, &[usize], u64, u64); 6] = [
            (1, 0, &[1], 1, 16),
            (1, 0, &[3], 2, 21),
            (1, 1, &[1, 2], 2, 25),
            (2, 0, &[1], 1, 43),
            (3, 0, &[1], 1, 124),
            (0, 0, &[1], 1, 7),
        ];
        for (t, e, gram, feature, id) in emissions {
            let ids = Ids::new(2, 3, t, e);
            let (code, found) = ids.feature(id).unwrap();
            assert_eq!((ids.tags(code), found + 1), (Some(tags(gram)), feature), "{id}");
            assert_eq!(ids.emission(code, feature - 1), id);
        }
        let dims = [(1, 0, 21), (1, 1, 39), (2, 0, 48), (3, 0, 129), (0, 0, 12)];
        assert!(dims.iter().all(|&(t, e, dim)| Ids::new(2, 3, t, e).dim() == dim));
    }
}
