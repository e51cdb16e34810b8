//! The contract of the task: the three laws, brute force over all taggings, and what exactly is
//! written.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, and so do its helpers")]

use crate::small;

use crosscut::testing::{
    brute_force_planes, brute_force_slack, check, check_oracle, check_prediction, plane_of,
    random_weights, sequences, slack_of,
};
use crosscut::{
    Dense, Dot, Example, Feature, FeatureMap, Objective, Part, Place, Planes, Rescaling, Row,
    Scaled, Settings, Sink, Solver, SparseRows, Task, solve,
};
use crosscut_data::{FeatureIds, Labels};
use crosscut_sequence::{Features, Loss, Scheme, Scratch, Sequence, Tag, Tags, TaskError, Tokens};
use crosscut_testkit::cases;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{RngSeed, TestRunner};
use small::{Examples, ORDERS, choices, costs, is_allowed, problems, taggings, tokens_of};

/// More than any k of [`problems`] makes of five tokens.
const MOST_TAGGINGS: usize = 625;

/// Problems of any choice.
fn any_problem() -> impl Strategy<Value = (Sequence, Examples)> {
    prop::sample::select(choices()).prop_flat_map(|choice| problems(choice, MOST_TAGGINGS))
}

/// Weights at which losses matter or not, with ties if they are to be whole numbers.
fn weights(task: &Sequence, number: u64, whole: bool) -> Vec<f64> {
    let scale = [0.0, 0.3, 3.0, 30.0][(number % 4) as usize];
    let mut w = random_weights(task.dim(), if whole { 1.4 } else { scale }, number);
    if whole {
        w.iter_mut().for_each(|weight| *weight = weight.round());
    }
    w
}

fn is_close(a: f64, b: f64) -> bool {
    a == b || (a - b).abs() <= 1e-9 * a.abs().max(b.abs()).max(1.0)
}

fn indices(y: &Tags) -> Vec<usize> {
    y.as_slice().iter().map(|tag| tag.index()).collect()
}

#[test]
fn the_laws_hold_and_brute_force_agrees_for_every_choice() {
    let mut runner = TestRunner::deterministic();
    for choice in choices() {
        for _ in 0..4 {
            let (task, examples) =
                problems(choice, MOST_TAGGINGS).new_tree(&mut runner).unwrap().current();
            check(&task, &examples);
            for example in &examples {
                let outputs = taggings(&task, example.x.len());
                for number in 0..4 {
                    let w = weights(&task, number, number == 0);
                    check_oracle(&task, &w, example, outputs.iter().cloned(), task.rescaling());
                    check_prediction(&task, &w, &example.x, outputs.iter().cloned());
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(256), rng_seed: RngSeed::Fixed(2003), ..ProptestConfig::default() })]

    #[test]
    fn the_laws_hold((task, examples) in any_problem()) {
        check(&task, &examples);
    }

    #[test]
    fn the_oracle_writes_the_best_plane((task, examples) in any_problem(), seed: u64, whole: bool) {
        let w = weights(&task, seed, whole);
        for example in &examples {
            let outputs = taggings(&task, example.x.len());
            check_oracle(&task, &w, example, outputs.iter().cloned(), task.rescaling());
            let (loss, delta) = plane_of(&task, &w, example);
            let planes = brute_force_planes(&task, example, outputs, task.rescaling());
            let is_found = |(other, delta_of): &(f64, Vec<f64>)| {
                is_close(*other, loss) && delta_of.iter().zip(&delta).all(|(a, b)| is_close(*a, *b))
            };
            prop_assert!(planes.iter().any(is_found), "the plane is that of no tagging: {}, {:?}", loss, delta);
        }
    }

    /// Every token has its true tag or one with a part; one without features has no parts, and
    /// keeps its true tag. Parts of others are passed over.
    #[test]
    fn recombined_tags_are_the_best_that_parts_make(
        (task, examples) in any_problem(), seed: u64, whole: bool, chosen in prop::collection::vec(any::<bool>(), 25),
    ) {
        let (w, mut scratch, k) = (weights(&task, seed, whole), Scratch::default(), task.tags().len());
        let has_parts = |x: &Tokens, t: usize, tag: usize| chosen[t * k + tag] && !x.rows().row(t).features().is_empty();
        for example @ Example { x, y, .. } in &examples {
            let part = |(t, tag): (usize, usize)| {
                let (row, place) = (x.rows().row(t), Place::class(tag, k));
                let mut dot = Dot::new(&w);
                dot.add_row(row, place, 1.0);
                Part { name: row.name(), place, score: dot.sum }
            };
            let tokens = (0..x.len()).rev().flat_map(|t| (0..k).map(move |tag| (t, tag)));
            let mut parts: Vec<Part> = tokens.filter(|&(t, tag)| has_parts(x, t, tag)).map(part).collect();
            let any_parts = !parts.is_empty();
            // Of no tag, and of no token.
            let foreign = parts.iter().map(|part| Part { place: Place { offset: k, stride: k }, score: 1e9, ..*part });
            let foreign = foreign.chain([Part { name: x.len() as u32, place: Place::class(0, k), score: 1e9 }]);
            parts.extend(foreign.collect::<Vec<_>>());
            let mut delta = vec![0.0; task.dim()];
            let mut recombine = |least: f64| {
                task.recombine()?.recombined(&w, example, &parts, least, &mut scratch, &mut Dense(&mut delta))
            };
            let loss = recombine(f64::NEG_INFINITY);
            let may_be = |y_bar: &Tags| {
                (0..x.len()).all(|t| y_bar.as_slice()[t] == y.as_slice()[t] || has_parts(x, t, y_bar.as_slice()[t].index()))
            };
            let outputs: Vec<Tags> = taggings(&task, x.len()).into_iter().filter(may_be).collect();
            let no_pairs = task.orders().1 == 0 && task.pair_features() == 0;
            let is_offered = task.orders().0 <= 1 && no_pairs && task.rescaling() == Rescaling::Margin
                && !matches!(task.loss_function(), Loss::ZeroOne | Loss::RootCount);
            prop_assert_eq!(loss.is_some(), is_offered && any_parts);
            if let Some(loss) = loss {
                let expected = brute_force_slack(&task, &w, example, outputs, Rescaling::Margin);
                prop_assert_eq!(recombine(expected + 1e-6 * expected.abs().max(1.0)), None);
                let slack = loss - w.iter().zip(&delta).map(|(w, delta)| w * delta).sum::<f64>();
                prop_assert!(is_close(slack, expected), "{} instead of {}", slack, expected);
            }
        }
    }

    #[test]
    fn the_best_taggings_come_in_order((task, examples) in any_problem(), seed: u64, whole: bool) {
        let (w, mut scratch) = (weights(&task, seed, whole), Scratch::default());
        for Example { x, .. } in &examples {
            let outputs = taggings(&task, x.len());
            let mut scores: Vec<f64> = outputs.iter().map(|y| task.score(&w, x, y)).collect();
            scores.sort_by(|a, b| b.total_cmp(a));
            for count in [0, 1, 3, outputs.len(), outputs.len() + 7] {
                let found = task.n_best(&w, x, count, &mut scratch);
                prop_assert_eq!(found.len(), count.min(outputs.len()));
                for (at, (score, y)) in found.iter().enumerate() {
                    prop_assert!(is_close(*score, scores[at]), "place {}: {} for {}", at, score, scores[at]);
                    prop_assert!(is_close(*score, task.score(&w, x, y)), "{:?} does not score {}", y, score);
                    prop_assert!(outputs.contains(y), "{:?} is not allowed", y);
                    prop_assert!(found[..at].iter().all(|(_, other)| other != y), "{:?} comes twice", y);
                }
            }
        }
    }

    #[test]
    fn margins_are_what_the_second_best_lacks((task, examples) in any_problem(), seed: u64, whole: bool) {
        let (w, mut scratch) = (weights(&task, seed, whole), Scratch::default());
        for Example { x, .. } in &examples {
            let scored: Vec<(f64, Tags)> =
                taggings(&task, x.len()).into_iter().map(|y| (task.score(&w, x, &y), y)).collect();
            let best = scored.iter().max_by(|a, b| a.0.total_cmp(&b.0)).unwrap();
            let max_marginals = task.max_marginals(&w, x, &mut scratch);
            prop_assert_eq!(max_marginals.len(), x.len());
            for (t, margin) in max_marginals.into_iter().enumerate() {
                let others = scored.iter().filter(|(_, y)| y.as_slice()[t] != best.1.as_slice()[t]);
                let second = others.map(|(score, _)| *score).fold(f64::NEG_INFINITY, f64::max);
                prop_assert!(is_close(margin, best.0 - second), "token {}: {} for {}", t, margin, best.0 - second);
            }
        }
    }

    /// For scores of any size: products of exponentials up to a range of 300, logarithms beyond.
    #[test]
    fn probabilities_are_sums_over_all_taggings((task, examples) in any_problem(), seed: u64, scale in 0_usize..7) {
        let task = task.with_objective(Objective::Log);
        let scale = [0.0, 0.3, 3.0, 30.0, 200.0, 1e4, 1e9][scale];
        let (w, mut scratch, k) = (random_weights(task.dim(), scale, seed), Scratch::default(), task.tags().len());
        for example @ Example { x, y, .. } in &examples {
            let outputs = taggings(&task, x.len());
            let scores: Vec<f64> = outputs.iter().map(|y| task.score(&w, x, y)).collect();
            let top = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let size = 1.0 + scores.iter().map(|score| score.abs()).fold(0.0, f64::max);
            let log_z = top + scores.iter().map(|score| (score - top).exp()).sum::<f64>().ln();
            let probability = |at: usize| (scores[at] - log_z).exp();
            // A probability is as exact as the scores.
            let tolerance = 1e-11_f64.max(1e-13 * size);
            let mut tags = vec![0.0; x.len() * k];
            for (at, y) in outputs.iter().enumerate() {
                let found = task.log_probability(&w, x, y, &mut scratch);
                prop_assert!((found - (scores[at] - log_z)).abs() <= 1e-12 * size, "{} for {}", found, scores[at] - log_z);
                y.as_slice().iter().enumerate().for_each(|(t, tag)| tags[t * k + tag.index()] += probability(at));
            }
            for (found, expected) in task.marginals(&w, x, &mut scratch).iter().zip(&tags) {
                prop_assert!((found - expected).abs() <= tolerance, "{} for {}", found, expected);
            }

            let mut planes = Planes::default();
            task.separate(&w, x, y, &mut scratch, &mut planes);
            let mut delta = vec![0.0; task.dim()];
            let offset = planes.write(0, &mut Dense(&mut delta));
            let mut expected = vec![0.0; task.dim()];
            task.psi(x, y, &mut Dense(&mut expected));
            let mut entropy = 0.0;
            for (at, output) in outputs.iter().enumerate() {
                task.psi(x, output, &mut Scaled::new(&mut Dense(&mut expected), -probability(at)));
                entropy -= if probability(at) > 0.0 { probability(at) * (scores[at] - log_z) } else { 0.0 };
            }
            let features = 8.0 * (1 + x.len()) as f64;
            for (found, expected) in delta.iter().zip(&expected) {
                prop_assert!((found - expected).abs() <= features * tolerance, "{} for {}", found, expected);
            }
            prop_assert!((offset - entropy).abs() <= planes.missed() + tolerance, "{} for {}", offset, entropy);
            prop_assert!(planes.missed() <= 1e-10_f64.max(1e-13 * size * size), "{} at {}", planes.missed(), size);
            let mut chunk = [Planes::default(), Planes::default()];
            task.separate_chunk(&w, &[example, example], &mut scratch, &mut chunk);
            for planes in chunk {
                let mut again = vec![0.0; task.dim()];
                prop_assert_eq!(planes.write(0, &mut Dense(&mut again)), offset);
                prop_assert_eq!(&again, &delta);
            }
        }
    }

    #[test]
    fn the_laws_hold_for_the_log_loss((task, examples) in any_problem()) {
        check(&task.with_objective(Objective::Log), &examples);
    }

    #[test]
    fn a_beam_is_valid_and_never_better((task, examples) in any_problem(), seed: u64, beam in 1_usize..6) {
        let (w, mut scratch) = (weights(&task, seed, false), Scratch::default());
        let narrow = task.clone().with_beam(beam);
        for example in &examples {
            let x = &example.x;
            let score = |y: &Tags| task.score(&w, x, y);
            let (exact, found) = (task.predict(&w, x, &mut scratch), narrow.predict(&w, x, &mut scratch));
            prop_assert_eq!(found.len(), x.len());
            prop_assert!(is_allowed(&task, &indices(&found)), "{:?}", found);
            prop_assert!(score(&found) <= score(&exact) || is_close(score(&found), score(&exact)));
            let (exact, slack) = (slack_of(&task, &w, example), slack_of(&narrow, &w, example));
            prop_assert!(slack <= exact || is_close(slack, exact), "{} above {}", slack, exact);
            for (score_of, y) in narrow.n_best(&w, x, 3, &mut scratch) {
                prop_assert!(is_allowed(&task, &indices(&y)) && is_close(score_of, score(&y)), "{:?}", y);
            }
        }
    }

    #[test]
    fn a_wide_beam_is_exact((task, examples) in any_problem(), seed: u64, whole: bool) {
        let (w, mut scratch) = (weights(&task, seed, whole), Scratch::default());
        let states = task.tags().len().pow(task.orders().0.max(1) as u32);
        for beam in [states, states + 1, usize::MAX] {
            let wide = task.clone().with_beam(beam);
            for example in &examples {
                let x = &example.x;
                prop_assert_eq!(wide.predict(&w, x, &mut scratch), task.predict(&w, x, &mut scratch));
                prop_assert_eq!(plane_of(&wide, &w, example), plane_of(&task, &w, example));
                prop_assert_eq!(wide.n_best(&w, x, 9, &mut scratch), task.n_best(&w, x, 9, &mut scratch));
            }
        }
    }

    #[test]
    fn a_plane_is_the_difference_of_psi((task, examples) in any_problem(), pick: prop::sample::Index) {
        for Example { x, y, .. } in &examples {
            let psi = |y: &Tags, scale: f64| {
                let mut psi = vec![0.0; task.dim()];
                task.psi(x, y, &mut Dense(&mut psi));
                psi.iter_mut().for_each(|value| *value *= scale);
                psi
            };
            for y_bar in [y, pick.get(&taggings(&task, x.len()))] {
                for scale in [1.0, task.loss(x, y, y_bar)] {
                    let mut delta = vec![0.0; task.dim()];
                    let loss = match scale {
                        1.0 => task.plane(x, y, y_bar, &mut Dense(&mut delta)),
                        _ => task.rescaled_plane(x, y, y_bar, &mut Dense(&mut delta)),
                    };
                    prop_assert_eq!(loss, task.loss(x, y, y_bar));
                    let expected = psi(y, scale).into_iter().zip(psi(y_bar, scale)).map(|(a, b)| a - b);
                    prop_assert!(delta.iter().zip(expected).all(|(a, b)| is_close(*a, b)), "{:?} for {:?}", y_bar, y);
                }
            }
        }
    }

    #[test]
    fn scores_follow_the_layout_of_the_crate_page((task, examples) in any_problem(), seed: u64) {
        let w = random_weights(task.dim(), 1.0, seed);
        for Example { x, y, .. } in &examples {
            prop_assert!(is_close(task.score(&w, x, y), documented_score(&task, &w, x, &indices(y))));
        }
    }

    #[test]
    fn ties_go_to_the_first_tags((task, examples) in any_problem(), seed: u64) {
        let (w, mut scratch) = (weights(&task, seed, true), Scratch::default());
        for Example { x, .. } in &examples {
            // Whole numbers all over, so that equal sums are equal in every order of their terms.
            let whole = |row: Row<'_>| row.features().iter().map(|&Feature { index, .. }| Feature { index, value: 1.0 }).collect();
            let ones = |rows: &SparseRows| {
                Tokens::from_features(&rows.iter().map(whole).collect::<Vec<_>>()).unwrap()
            };
            let paired = x.pair_rows().map(|rows| ones(rows).rows().clone());
            let x = ones(x.rows());
            let x = &paired.into_iter().fold(x, Tokens::with_pair_rows);
            let y_hat = task.predict(&w, x, &mut scratch);
            let best = task.score(&w, x, &y_hat);
            let ties = taggings(&task, x.len()).into_iter().filter(|y| task.score(&w, x, y) == best);
            let first = ties.min_by_key(|y| order_of_ties(&task, y)).unwrap();
            prop_assert_eq!(&y_hat, &first);
            prop_assert_eq!(task.n_best(&w, x, 1, &mut scratch).pop().map(|(_, y)| y), Some(first));
        }
    }
}

/// ⟨w, Ψ(x, y)⟩ as the table and the layout of the crate page have it.
fn documented_score(task: &Sequence, w: &[f64], x: &Tokens, y: &[usize]) -> f64 {
    let (k, features, (transitions, emissions)) =
        (task.tags().len(), task.features().len(), task.orders());
    let singles = features - task.pair_features();
    // Pairs of tags have weights for all features, or for those after the others.
    let first = if emissions == 1 { 0 } else { singles };
    let mut score = 0.0;
    for t in 0..y.len() {
        for feature in x.rows().row(t).features() {
            let (f, value) = (feature.index as usize, f64::from(feature.value));
            score += value * w[f * k + y[t]];
        }
        let paired = x.pair_rows().or((emissions == 1).then_some(x.rows()));
        for feature in paired.filter(|_| t >= 1).into_iter().flat_map(|rows| rows.row(t).features())
        {
            let (f, value) = (feature.index as usize, f64::from(feature.value));
            score += value * w[singles * k + f * k * k + y[t - 1] * k + y[t]];
        }
        let mut start = singles * k + (features - first) * k * k;
        for order in 1..=transitions {
            if t >= order {
                score += w[start + y[t - order..=t].iter().fold(0, |digits, tag| digits * k + tag)];
            }
            start += k.pow(order as u32 + 1);
        }
    }
    score
}

/// The order in which tags of equal scores are preferred: the last m by themselves, those before
/// from the end.
fn order_of_ties(task: &Sequence, y: &Tags) -> Vec<usize> {
    let tags = indices(y);
    let (rest, last) = tags.split_at(tags.len().saturating_sub(task.orders().0.max(1)));
    last.iter().chain(rest.iter().rev()).copied().collect()
}

#[test]
fn the_dimension_counts_emissions_and_transitions() {
    let task = Sequence::numbered(3, 5).unwrap();
    let expected = [
        15,
        15 + 9,
        15 + 45 + 9,
        15 + 9 + 27,
        15 + 45 + 9 + 27,
        15 + 9 + 27 + 81,
        15 + 45 + 9 + 27 + 81,
    ];
    for ((t, e), dim) in ORDERS.into_iter().zip(expected) {
        assert_eq!(task.clone().with_orders(t, e).unwrap().dim(), dim, "orders {t} and {e}");
    }
    assert_eq!(task.orders(), (1, 0), "the default");
    for ((t, e), dim) in ORDERS.into_iter().zip(expected) {
        let task = task.clone().with_pair_features(2).unwrap().with_orders(t, e).unwrap();
        // Two of the features have no weights for single tags.
        assert_eq!(task.dim(), dim - 6 + if e == 0 { 18 } else { 0 }, "orders {t} and {e}");
    }
}

#[test]
fn nothing_is_written_where_the_truth_wins() {
    let x = tokens_of(&[vec![1.0, 0.0], vec![0.0, 1.0], vec![1.0, 0.0]]);
    let example = Example::new(x, Tags::from(vec![0, 1, 0]));
    for rescaling in [Rescaling::Margin, Rescaling::Slack] {
        let task = Sequence::numbered(2, 2).unwrap().with_rescaling(rescaling).unwrap();
        let mut w = vec![0.0; task.dim()];
        w[..4].copy_from_slice(&[5.0, -5.0, -5.0, 5.0]);
        assert_eq!(plane_of(&task, &w, &example), (0.0, vec![0.0; task.dim()]));
    }
}

#[test]
fn losses_are_what_they_say() {
    let costs =
        || costs(3, |y, y_hat| [0.0, 0.5, 1.5, 2.5, 0.0, 4.0, 0.0, 8.0, 0.0][y * 3 + y_hat]);
    let truth = vec![0, 1, 2, 2];
    let cases = [
        (Loss::Count, vec![0, 1, 2, 2], 0.0),
        (Loss::Count, vec![1, 1, 0, 2], 2.0),
        (Loss::Fraction, vec![1, 1, 0, 2], 0.5),
        (Loss::ZeroOne, vec![1, 1, 0, 2], 1.0),
        (Loss::ZeroOne, vec![0, 1, 2, 2], 0.0),
        (Loss::RootCount, vec![1, 1, 0, 2], 2_f64.sqrt()),
        (Loss::Costs(costs()), vec![2, 0, 0, 1], 1.5 + 2.5 + 0.0 + 8.0),
        (Loss::MeanCosts(costs()), vec![2, 0, 0, 1], 3.0),
        (Loss::MeanCosts(costs()), vec![0, 1, 2, 2], 0.0),
    ];
    for (loss, y_hat, expected) in cases {
        let task = Sequence::numbered(3, 0).unwrap().with_loss(loss.clone()).unwrap();
        let found =
            task.loss(&Tokens::default(), &Tags::from(truth.clone()), &Tags::from(y_hat.clone()));
        assert_eq!(found, expected, "{loss:?} of {y_hat:?}");
    }
    let mut stranger = Tags::from(vec![0]);
    stranger.push_unknown("z");
    for (loss, expected) in [
        (Loss::Count, 1.0),
        (Loss::Fraction, 0.5),
        (Loss::ZeroOne, 1.0),
        (Loss::Costs(costs()), 1.0),
        (Loss::MeanCosts(costs()), 0.5),
    ] {
        let task = Sequence::numbered(3, 0).unwrap().with_loss(loss.clone()).unwrap();
        assert_eq!(
            task.loss(&Tokens::default(), &stranger, &Tags::from(vec![0, 2])),
            expected,
            "{loss:?} of an unknown tag"
        );
    }
}

#[test]
fn impossible_tasks_are_refused() {
    let task = || Sequence::numbered(3, 2).unwrap();
    let error = |result: Result<Sequence, TaskError>| result.unwrap_err().to_string();
    let odd = || Loss::Costs(costs(3, |y, _| (1.0 + y as f64).sqrt()));
    assert_eq!(error(Sequence::numbered(1, 2)), "between 2 and 65535 tags are needed, not 1");
    assert!(Sequence::numbered(65_536, 0).is_err());
    assert_eq!(
        error(task().with_pair_features(3)),
        "3 of 2 features cannot be features of pairs of tags"
    );
    assert!(Sequence::numbered(60_000, 1000).unwrap().with_pair_features(1000).is_err());
    let orders = |t, e| {
        format!(
            "transitions have an order of 0 to 3, and emissions of 0 or 1 and at most that of transitions, not {t} and {e}"
        )
    };
    for (t, e) in [(4, 0), (0, 1), (1, 2), (usize::MAX, 0)] {
        assert_eq!(error(task().with_orders(t, e)), orders(t, e));
    }
    for (tags, t) in [(2000, 3), (65_535, 2)] {
        let result = Sequence::numbered(tags, 0).and_then(|task| task.with_orders(t, 0));
        assert_eq!(
            error(result),
            format!("{tags} tags and 0 features with these orders make more weights than 2^40")
        );
    }
    assert_eq!(
        error(task().with_loss(Loss::Costs(costs(2, |_, _| 1.0)))),
        "the costs are for 2 tags, not for 3"
    );
    assert!(task().with_loss(odd()).is_ok());
    assert!(task().with_loss(odd()).unwrap().with_rescaling(Rescaling::Slack).is_err());
    assert_eq!(
        error(task().with_rescaling(Rescaling::Slack).unwrap().with_loss(odd())),
        "slack rescaling needs costs that are multiples of a common unit, at most 1000 of them each"
    );
}

#[test]
fn impossible_examples_are_refused() {
    let task = Sequence::numbered(3, 2).unwrap();
    let x = tokens_of(&[vec![1.0], vec![0.0, 1.0]]);
    let wide = tokens_of(&[vec![], vec![0.0, 0.0, 1.0]]);
    let mut stranger = Tags::from(vec![0]);
    stranger.push(Tag::UNKNOWN);
    let unknown = "expected tags among the 3 of the task, not an unknown one";
    let cases = [
        (&x, Tags::from(vec![0, 2]), None),
        (&Tokens::default(), Tags::default(), None),
        (&x, Tags::from(vec![0]), Some("expected a tag for each of 2 tokens, not 1 tags")),
        (&x, Tags::from(vec![0, 1, 2]), Some("expected a tag for each of 2 tokens, not 3 tags")),
        (&x, Tags::from(vec![0, 3]), Some(unknown)),
        (&x, stranger, Some(unknown)),
        (&wide, Tags::from(vec![0, 2]), Some("expected features below 2, not feature 2")),
    ];
    for (x, y, expected) in cases {
        assert_eq!(task.validate(x, &y).err().as_deref(), expected, "{y:?}");
    }

    let task = task.with_pair_features(1).unwrap();
    let rows = |rows: &[Vec<f32>]| tokens_of(rows).rows().clone();
    let with = |pairs: &[Vec<f32>]| tokens_of(&[vec![1.0], vec![]]).with_pair_rows(rows(pairs));
    let missing = "expected rows for pairs of tags for each of 2 tokens";
    let cases = [
        (with(&[vec![], vec![1.0]]), None),
        (with(&[vec![], vec![0.0, 1.0]]), Some("expected features below 1, not feature 1")),
        (with(&[vec![1.0]]), Some(missing)),
        (x.clone(), Some("expected features below 1, not feature 1")),
        (tokens_of(&[vec![1.0], vec![]]), Some(missing)),
        (task.tokens(rows(&[vec![0.0, 1.0], vec![1.0, 1.0]])), None),
    ];
    for (x, expected) in cases {
        assert_eq!(task.validate_input(&x).err().as_deref(), expected, "{x:?}");
    }
}

#[test]
fn examples_that_break_the_constraint_are_refused() {
    let names = ["O", "B-a", "I-a", "E-a", "S-a", "I-b"].map(str::to_owned).to_vec();
    let task =
        Sequence::new(Labels::from(names), Features::Ids(FeatureIds::Contiguous(0))).unwrap();
    for scheme in [Scheme::Bio, Scheme::Bioes] {
        let task = task.clone().with_scheme(Some(scheme)).unwrap();
        for tags in (0..4).flat_map(|tokens| sequences(6, tokens)) {
            let x = tokens_of(&vec![vec![]; tags.len()]);
            let found = task.validate(&x, &Tags::from(tags.clone()));
            assert_eq!(found.is_ok(), is_allowed(&task, &tags), "{scheme:?} {tags:?}: {found:?}");
        }
    }
    let task = task.with_scheme(Some(Scheme::Bioes)).unwrap();
    let refusal = |tags: &[usize]| {
        task.validate(&tokens_of(&vec![vec![]; tags.len()]), &Tags::from(tags.to_vec()))
    };
    let expected = |tag, token| {
        Err(format!("expected tags that --constrain allows, not {tag} at token {token}"))
    };
    assert_eq!(refusal(&[0, 1, 0]), expected("O", 3));
    assert_eq!(refusal(&[2, 3]), expected("I-a", 1));
    assert_eq!(refusal(&[1, 5, 3]), expected("I-b", 2));
    assert_eq!(refusal(&[0, 1]), expected("B-a", 2), "a chunk without an end");
}

#[test]
fn sequences_too_long_to_count_errors_are_refused() {
    let plain = Sequence::numbered(2, 0).unwrap();
    let slack = plain.clone().with_rescaling(Rescaling::Slack).unwrap();
    let halves = slack.clone().with_loss(Loss::Costs(costs(2, |y, _| 0.5 + y as f64))).unwrap();
    let cubic = Sequence::numbered(32, 0)
        .unwrap()
        .with_orders(3, 0)
        .unwrap()
        .with_loss(Loss::ZeroOne)
        .unwrap();
    // Tables of tokens · states · (units of cost + 1) numbers, at most 2^27.
    let cases = [
        ("margin rescaling", &plain, 100_000, true),
        ("slack rescaling", &slack, 8191, true),
        ("slack rescaling", &slack, 8192, false),
        ("slack rescaling in units of a half", &halves, 8191, true),
        ("slack rescaling in units of a half", &halves, 8192, false),
        ("zero/one loss", &cubic, 2048, true),
        ("zero/one loss", &cubic, 2049, false),
    ];
    for (name, task, tokens, fits) in cases {
        let found = task.validate(&tokens_of(&vec![vec![]; tokens]), &Tags::from(vec![0; tokens]));
        assert_eq!(found.is_ok(), fits, "{name}, {tokens} tokens: {found:?}");
        if let Err(message) = found {
            let start = "the oracle that counts errors needs tables of ";
            assert!(message.starts_with(start), "{message}");
            assert!(
                message.contains(&format!(" numbers for {tokens} tokens, more than 2^27")),
                "{message}"
            );
        }
    }
}

/// No recursion over tokens, and no table whose size is their square: 100,000² numbers would not
/// fit.
#[test]
fn a_sequence_may_have_100_000_tokens() {
    const TOKENS: usize = 100_000;
    // Feature 2 says no more than that the tag is not the one before.
    let tags: Vec<usize> = (0..TOKENS).map(|t| (t / 3 + t % 3 / 2) % 2).collect();
    let rows: Vec<Vec<f32>> = (0..TOKENS)
        .map(|t| {
            (0..3)
                .map(|feature| f32::from(feature == if t % 5 == 4 { 2 } else { tags[t] }))
                .collect()
        })
        .collect();
    let example = Example::new(tokens_of(&rows), Tags::from(tags));
    let (x, mut scratch) = (&example.x, Scratch::default());
    for (orders, loss, scheme) in [
        ((1, 0), Loss::Count, None),
        ((3, 1), Loss::Fraction, Some(Scheme::Bio)),
        ((2, 0), Loss::ZeroOne, None),
    ] {
        let task = Sequence::numbered(2, 3).unwrap().with_orders(orders.0, orders.1).unwrap();
        let task = task.with_loss(loss).unwrap().with_scheme(scheme).unwrap();
        for solver in [Solver::Block, Solver::OneSlack] {
            let settings = Settings::new().passes(1).solver(solver);
            let solution = solve(&task, [&example], &settings).unwrap();
            assert_eq!(task.predict(&solution.w, x, &mut scratch).len(), TOKENS);
            assert_eq!(task.max_marginals(&solution.w, x, &mut scratch).len(), TOKENS);
            assert_eq!(task.n_best(&solution.w, x, 3, &mut scratch).len(), 3);
        }
    }
}

#[test]
fn a_beam_that_led_to_a_dead_end_is_dropped() {
    // After B only I and E may come, and from I only E ends the chunk: the greedy B E leaves
    // nothing for the third token.
    let tags = Labels::from(["B-a", "I-a", "E-a"].map(str::to_owned).to_vec());
    let task = Sequence::new(tags, Features::Ids(FeatureIds::Contiguous(1)))
        .unwrap()
        .with_scheme(Some(Scheme::Bioes))
        .unwrap();
    let mut w = vec![0.0; task.dim()];
    w[3 + 2] = 5.0; // the transition from B to E
    let x = Tokens::from_features(&[vec![], vec![], vec![]]).unwrap();
    for beam in [0, 1, 2] {
        let task = task.clone().with_beam(beam);
        assert_eq!(
            task.predict(&w, &x, &mut Scratch::default()),
            Tags::from(vec![0, 1, 2]),
            "beam {beam}"
        );
    }
}

/// Features of very different frequency, and whole numbers, whose sums are exact in any order.
#[test]
fn renumbered_tokens_have_the_scores_of_renumbered_weights() {
    const FEATURES: usize = 25_000;
    for ((transitions, emissions), pairs) in
        ORDERS.into_iter().flat_map(|orders| [(orders, 0), (orders, 9000), (orders, FEATURES)])
    {
        let task = Sequence::numbered(3, FEATURES).unwrap().with_pair_features(pairs).unwrap();
        let task = task.with_orders(transitions, emissions).unwrap();
        let row = |seed: usize| {
            let index =
                |at: usize| (at * at * (seed + 3) * 7919 % FEATURES / (1 + seed % at)) as u32;
            // Of both kinds.
            let both = |index: u32| [index, FEATURES as u32 - 1 - index];
            let mut indices: Vec<u32> = (1..9).map(index).flat_map(both).collect();
            indices.sort_unstable();
            indices.dedup();
            let value = |index: u32| (index as usize % (seed + 5) + 1) as f32;
            let feature = |index: u32| Feature { index, value: value(index) };
            indices.into_iter().map(feature).collect::<Vec<_>>()
        };
        let example = |seed: usize| {
            let mut rows = SparseRows::default();
            (0..6).for_each(|token| rows.push(&row(6 * seed + token)).unwrap());
            let tags = (0..6).map(|token| (seed + token * token) % 3).collect::<Vec<_>>();
            Example::new(task.tokens(rows), Tags::from(tags))
        };
        let given: Examples = (0..60).map(example).collect();
        let mut examples = given.clone();
        let new = task.renumber(&mut examples).unwrap();
        let first = FEATURES - pairs;
        assert!((0..FEATURES).all(|old| (new.number(old as u32) < first as u32) == (old < first)));
        let mut w = random_weights(task.dim(), 30.0, 7);
        w.iter_mut().for_each(|weight| *weight = weight.round());
        let moved = new.renumbered(&w);
        assert_eq!(new.restore(moved.clone()), w);
        for (before, after) in given.iter().zip(&examples) {
            assert_ne!(before.x, after.x);
            let score = |w: &[f64], Example { x, y, .. }: &Example<Tokens, Tags>| {
                let mut dot = Dot::new(w);
                task.psi(x, y, &mut dot);
                dot.sum
            };
            assert_eq!(score(&w, before), score(&moved, after));
            let best = |w: &[f64], x: &Tokens| task.predict(w, x, &mut Scratch::default());
            assert_eq!(best(&w, &before.x), best(&moved, &after.x));
        }
    }
}
