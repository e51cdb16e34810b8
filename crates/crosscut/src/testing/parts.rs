//! [`check_parts`]: a structure by parts beside all outputs of a small input.

use super::brute_force::random_weights;
use super::{TOLERANCE, brute_force};
use crate::data::{Dense, Place, Row, Sink};
use crate::parts::Parts;
use crate::task::Example;

/// Panics unless a structure keeps the contract of [`Parts`] on this example, whose input has these
/// `outputs` and no others (y among them).
///
/// * Every output has parts below [`count`](Parts::count), each once.
/// * [`score`](Parts::score) gives ⟨w, ψ⟩ of each part as it is [written](Parts::write).
/// * [`add_costs`](Parts::add_costs) adds the [cost](Parts::cost) of each part.
/// * Δ(y, y) = 0, and Δ(y, ŷ) is finite and at least 0 for all outputs.
/// * [`best`](Parts::best) finds the largest sum of scores, less what it may have
///   [missed](Parts::missed): for random scores, whole numbers with many ties, and scores of which
///   a third is −∞, if there is an output without them.
/// * [`part_at`](Parts::part_at) knows no other part than the one that writes a row, and parts that
///   are [free](Parts::free) write none.
///
/// # Panics
/// With what is wrong.
#[track_caller]
pub fn check_parts<P: Parts>(
    parts: &P,
    example: &Example<P::Input, P::Output>,
    outputs: &[P::Output],
) {
    let Example { x, y, .. } = example;
    let count = parts.count(x);
    let list = |output: &P::Output| {
        let mut list = Vec::new();
        parts.visit(x, output, &mut |part| list.push(part));
        list
    };
    for output in outputs {
        let mut list = list(output);
        list.sort_unstable();
        assert!(list.iter().all(|&part| part < count), "a part is not below {count}: {list:?}");
        assert!(list.windows(2).all(|pair| pair[0] < pair[1]), "a part comes twice: {list:?}");
    }

    for seed in 0..4 {
        let w = random_weights(parts.dim(), 1.0, seed);
        let mut scores = vec![f64::NAN];
        parts.score(&w, x, &mut scores);
        assert_eq!(scores.len(), count, "`score` gives another number of scores");
        for (part, &score) in scores.iter().enumerate() {
            let mut psi = vec![0.0; parts.dim()];
            parts.write(x, part, 1.0, &mut Dense(&mut psi));
            let written = brute_force::dot(&w, &psi);
            let close = (score - written).abs() <= TOLERANCE * written.abs().max(1.0);
            assert!(close, "part {part}: `score` gives {score}, and what is written {written}");
        }
    }

    let mut costs = vec![0.0; count];
    parts.add_costs(x, y, &mut costs);
    for (part, &added) in costs.iter().enumerate() {
        let cost = parts.cost(x, y, part);
        let close = (added - cost).abs() <= TOLERANCE * cost.abs().max(1.0);
        assert!(close, "part {part}: `add_costs` adds {added}, and `cost` is {cost}");
    }

    let cost = |output| list(output).into_iter().map(|part| parts.cost(x, y, part)).sum::<f64>();
    for output in outputs {
        let loss = cost(output) - cost(y);
        assert!(loss.is_finite() && loss >= -TOLERANCE, "an output has the loss {loss}");
    }

    let mut scratch = P::Scratch::default();
    for seed in 0..24 {
        let mut scores = random_weights(count, 2.0, 100 + seed);
        if seed % 2 == 1 {
            scores.iter_mut().for_each(|score| *score = score.round());
        }
        if seed % 3 == 2 {
            let never = random_weights(count, 1.0, 200 + seed);
            let forbidden = never.iter().map(|never| *never > 1.0 / 3.0);
            scores.iter_mut().zip(forbidden).filter(|(_, f)| *f).for_each(|(s, _)| {
                *s = f64::NEG_INFINITY;
            });
        }
        let sum = |output: &P::Output| list(output).iter().map(|&part| scores[part]).sum::<f64>();
        let most = outputs.iter().map(sum).fold(f64::NEG_INFINITY, f64::max);
        if most == f64::NEG_INFINITY {
            continue;
        }
        let best = parts.best(x, &scores, &mut scratch);
        let found = sum(&best);
        let missed = parts.missed(x, &scores, &best, &mut scratch);
        assert!(
            missed == f64::INFINITY || found + missed >= most - TOLERANCE * most.abs().max(1.0),
            "`best` finds the sum {found} and may have missed {missed}, but an output has {most}"
        );
        assert!(
            found <= most + TOLERANCE * most.abs().max(1.0),
            "`best` finds the sum {found}, above the largest of all outputs, {most}"
        );
    }

    for part in 0..count {
        let mut rows = Rows(Vec::new());
        parts.write(x, part, 1.0, &mut rows);
        assert!(
            rows.0.is_empty() || !parts.free(x).contains(&part),
            "part {part} is free and writes a row"
        );
        for (name, place) in rows.0 {
            let found = parts.part_at(x, name, place);
            assert!(
                found.is_none_or(|found| found == part),
                "part {part} writes row {name} at {place:?}, which `part_at` takes for {found:?}"
            );
        }
    }
    assert_eq!(parts.validate(x, y), Ok(()), "the output of the example is refused");
}

/// The rows that are written.
struct Rows(Vec<(u32, Place)>);

impl<'a> Sink<'a> for Rows {
    fn add(&mut self, _: usize, _: f64) {}

    fn add_row(&mut self, row: Row<'a>, place: Place, _: f64) {
        self.0.push((row.name(), place));
    }
}
