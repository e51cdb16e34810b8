//! [`Probes`]: the weights at which the laws are tested.

use std::ops::Range;

use super::brute_force::random_weights;
use super::{Violation, separate};
use crate::solve::bounds::OracleAudit;
use crate::solve::methods::Solver;
use crate::solve::settings::{C, Settings};
use crate::solve::trainer::solve;
use crate::task::{Example, Task};

/// A w at which the laws are tested, and its description for messages.
#[derive(Clone)]
pub(super) struct Probe {
    pub name: String,
    pub w: Vec<f64>,
}

/// The probes of [`laws`](super::laws) that all examples share.
pub(super) struct Probes {
    pub all: Vec<Probe>,
    /// Neighbours, between which [`laws`](super::laws) looks for ties: one other w, zero and the
    /// trained ones.
    pub trained: Range<usize>,
    /// What training has noticed about the oracle.
    pub audit: OracleAudit,
}

/// The set of w described at [`laws`](super::laws).
pub(super) fn probes<T: Task>(
    task: &T,
    examples: &[Example<T::Input, T::Output>],
) -> Result<Probes, Violation> {
    let dim = task.dim();
    let mut scratch = T::Scratch::default();

    // Passive-aggressive updates lead to weights of the size that training finds, and give the
    // typical sizes of δ and Δ.
    let (mut w, mut length, mut loss, mut trained) = (vec![0.0; dim], 0.0_f64, 0.0_f64, Vec::new());
    for round in 0..2 {
        for (index, example) in examples.iter().enumerate() {
            let plane = &separate(task, &w, example, index, &mut scratch)?.planes[0];
            let square: f64 = plane.delta.iter().map(|(_, value)| value * value).sum();
            loss = loss.max(plane.loss);
            if square > 0.0 {
                length = length.max(square.sqrt());
                let step = plane.slack(&w).value / square;
                plane.delta.iter().for_each(|&(at, value)| w[at] += step * value);
            }
        }
        trained.push(Probe {
            name: format!("w after {} passes of training", round + 1),
            w: w.clone(),
        });
    }
    let unit = if length > 0.0 { 1.0 / length } else { 1.0 };

    let mut audit = OracleAudit::default();
    // At C = Δ / ‖δ‖² one example alone just reaches its margin.
    for factor in [1e-2, 1.0, 1e2, 1e4] {
        let c = factor * loss * unit * unit;
        if !(c.is_finite() && c > 0.0) {
            break;
        }
        let settings = Settings {
            c: C::Sum(c),
            solver: Solver::Block,
            passes: Some(8),
            threads: 1,
            ..Settings::default()
        };
        let Ok(solution) = solve(task, examples, &settings) else {
            break;
        };
        let OracleAudit { worse, first_worse, fault } = solution.certificate.oracle;
        if let Some(fault) = fault {
            return Err(Violation::Fault(fault));
        }
        audit.worse += worse;
        audit.first_worse = audit.first_worse.or(first_worse);
        trained.push(Probe { name: format!("w trained with C::Sum({c:e})"), w: solution.w });
    }

    let mut all = Vec::new();
    for factor in [1e3, 1e6] {
        let Some(Probe { name, w }) = trained.last() else { break };
        all.push(Probe {
            name: format!("{factor:e} · ({name})"),
            w: w.iter().map(|weight| factor * weight).collect(),
        });
    }
    for (number, factor) in [0.03, 0.3, 3.0, 30.0, 300.0].into_iter().enumerate() {
        let scale = factor * unit;
        for draw in 0..2 {
            let seed = 2 * number as u64 + draw;
            all.push(Probe {
                name: format!("random_weights({dim}, {scale:e}, {seed})"),
                w: random_weights(dim, scale, seed),
            });
        }
    }
    for (number, scale) in [unit, 1.0].into_iter().enumerate() {
        let seed = 100 + number as u64;
        let coarse =
            random_weights(dim, 1.5, seed).into_iter().map(|value| value.round() * scale).collect();
        all.push(Probe {
            name: format!("random weights of −{scale:e}, 0 and {scale:e} (seed {seed})"),
            w: coarse,
        });
    }
    // Ties are looked for between neighbours: a random w, zero, and the trained ones in order.
    let first = all.len();
    all.push(Probe { name: "w = 0".into(), w: vec![0.0; dim] });
    all.extend(trained);
    let trained = first - 1..all.len();
    Ok(Probes { all, trained, audit })
}
