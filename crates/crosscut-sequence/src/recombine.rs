//! Recombination: builds a tagging from tags at which cached planes have a part, by Viterbi's
//! recursion over the few such tags of each token.

use crosscut::{Example, FeatureMap, Part, Place, Recombine, Sink};

use crate::lattice::Scratch;
use crate::tags::{Tags, Tokens};
use crate::task::Sequence;

const NEVER: f64 = f64::NEG_INFINITY;

/// A candidate tag of a token.
#[derive(Clone, Copy, Debug)]
struct Choice {
    token: usize,
    tag: usize,
    /// The score of the tag itself; later the score of the best path that ends with it.
    score: f64,
    /// Index of the previous choice on that path.
    from: usize,
}

/// Buffers.
#[derive(Debug, Default)]
pub(crate) struct Recombination {
    /// Tags with a part among the planes, sorted by token and tag.
    choices: Vec<Choice>,
    /// The choices at every token from the first to the last one with a part.
    lattice: Vec<Choice>,
}

impl Recombine for Sequence {
    fn recombined<'a>(
        &'a self,
        w: &[f64],
        Example { x, y, .. }: &'a Example<Tokens, Tags>,
        seen: &[Part],
        least: f64,
        scratch: &mut Scratch,
        sink: &mut dyn Sink<'a>,
    ) -> Option<f64> {
        let y_bar = self.best_of_parts(w, (x, y), seen, least, &mut scratch.recombination)?;
        Some(self.plane(x, y, &y_bar, sink))
    }
}

impl Sequence {
    /// The most violating tags, if each token may take its true tag or a tag for which a plane has
    /// a part there. `None` unless their slack is above `least`.
    fn best_of_parts(
        &self,
        w: &[f64],
        (x, y): (&Tokens, &Tags),
        seen: &[Part],
        least: f64,
        Recombination { choices, lattice }: &mut Recombination,
    ) -> Option<Tags> {
        let pair_score = self.pair_scores(w);
        let (k, truth) = (self.tags().len(), y.as_slice());
        let scale = self.loss_function().scale(y.len());
        let cost = |token: usize, tag: usize| match self.loss_function().costs() {
            Some(costs) => scale * costs.row(truth[token].index())[tag],
            None => scale * f64::from(u8::from(tag != truth[token].index())),
        };
        choices.clear();
        choices.extend(seen.iter().filter_map(|&Part { name, place, score }| {
            let (token, tag) = (name as usize, place.class_of(k)?);
            (token < truth.len()).then(|| Choice {
                token,
                tag,
                score: score + cost(token, tag),
                from: 0,
            })
        }));
        choices.sort_unstable_by_key(|choice| (choice.token, choice.tag));

        let (first, end) = (choices.first()?.token, choices.last()?.token + 1);
        lattice.clear();
        let (mut rest, mut before, mut truth_score) = (&choices[..], 0..0, 0.0);
        for token in first..end {
            let (here, later) = rest.split_at(rest.partition_point(|choice| choice.token <= token));
            rest = later;
            let start = lattice.len();
            let true_tag = truth[token].index();
            lattice.extend_from_slice(here);
            if !here.iter().any(|choice| choice.tag == true_tag) {
                // If the token has no other choice, its score makes no difference.
                let place = Place::class(true_tag, k);
                let score = if here.is_empty() { 0.0 } else { x.rows().row(token).score(w, place) };
                lattice.push(Choice { token, tag: true_tag, score, from: 0 });
            }
            let previous = token.checked_sub(1).map(|token| truth[token].index());
            let (paths, here) = lattice.split_at_mut(start);
            for choice in here {
                if choice.tag == true_tag {
                    truth_score += choice.score + pair_score(previous, Some(true_tag));
                }
                let (mut best, mut from) = (NEVER, 0);
                for at in before.clone() {
                    let score = paths[at].score + pair_score(Some(paths[at].tag), Some(choice.tag));
                    if score > best {
                        (best, from) = (score, at);
                    }
                }
                choice.score +=
                    if token == first { pair_score(previous, Some(choice.tag)) } else { best };
                choice.from = from;
            }
            before = start..lattice.len();
        }
        let next = truth.get(end).map(|tag| tag.index());
        truth_score += pair_score(Some(truth[end - 1].index()), next);
        let (mut best, mut at) = (NEVER, before.start);
        for last in before {
            let score = lattice[last].score + pair_score(Some(lattice[last].tag), next);
            if score > best {
                (best, at) = (score, last);
            }
        }
        if best - truth_score <= least {
            return None;
        }
        let mut tags: Vec<usize> = truth.iter().map(|tag| tag.index()).collect();
        for token in (first..end).rev() {
            tags[token] = lattice[at].tag;
            at = lattice[at].from;
        }
        Some(tags.into())
    }
}
