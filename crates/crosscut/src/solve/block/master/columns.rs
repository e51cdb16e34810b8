//! Columns of a system: planes of a block, written out around their mean.

use super::problem::Weighted;
use super::system::ColumnsPart;
use crate::solve::block::cache::{Block, Workspace};

/// Up to this many weights, a column of a system is scanned for nonzeros. With more weights, the
/// indices of its nonzeros are listed.
const LOOKED_THROUGH: usize = 4096;

/// Buffers for building columns.
#[derive(Debug, Default)]
pub(super) struct Buffers {
    /// δ of a plane. As long as w, and 0 between calls.
    delta: Vec<f64>,
    /// Mean of planes. As long as w, and 0 between calls.
    mean: Vec<f64>,
    column: Vec<f64>,
    /// Indices at which `delta` and `mean` may differ from 0.
    indices: Vec<usize>,
    coefficients: Vec<f64>,
}

impl Buffers {
    /// Appends columns e, of d entries, with Σ e eᵀ = Σ θₚ (δₚ − δ̄)(δₚ − δ̄)ᵀ + stiffness · δ̄ δ̄ᵀ over
    /// planes of a block ([`Problem::outer`](super::problem::Problem::outer)). The columns are the
    /// terms of Welford's recurrence (1962). Columns whose squared norms are below `negligible` are
    /// left out.
    pub fn push_covariance(
        &mut self,
        columns: &mut ColumnsPart,
        d: usize,
        block: &Block<'_>,
        weighted: &Weighted,
        negligible: f64,
        workspace: &mut Workspace,
    ) {
        let Self { delta, mean, column, indices, coefficients } = self;
        delta.resize(d, 0.0);
        mean.resize(d, 0.0);
        indices.clear();
        let longest = block.longest_squared();
        let mut before = weighted.stiffness;
        for &(plane, theta) in &weighted.planes {
            coefficients.clear();
            coefficients.resize(block.planes(), 0.0);
            coefficients[plane] = 1.0;
            block.add_weighted(coefficients, delta, workspace);
            if d > LOOKED_THROUGH {
                block.list_changed(coefficients, d, indices, workspace);
                indices.sort_unstable();
                indices.dedup();
            }
            let factor =
                if before.is_finite() { theta * (before / (before + theta)) } else { theta };
            let (factor, rate) = (factor.sqrt(), theta / (before + theta));
            let wanted = factor * factor * longest >= negligible && factor > 0.0;
            let differ = |delta: &mut f64, mean: &mut f64| {
                let difference = *delta - *mean;
                *mean += rate * difference;
                *delta = 0.0;
                factor * difference
            };
            if d > LOOKED_THROUGH {
                column.clear();
                column.extend(
                    indices.iter().map(|&index| differ(&mut delta[index], &mut mean[index])),
                );
            } else {
                column.resize(d, 0.0);
                let entries = delta.iter_mut().zip(&mut *mean).zip(&mut *column);
                entries.for_each(|((delta, mean), entry)| *entry = differ(delta, mean));
            }
            if wanted && d > LOOKED_THROUGH {
                columns.push(indices.iter().copied(), column);
            } else if wanted {
                columns.push(0..d, column);
            }
            before += theta;
        }
        if d > LOOKED_THROUGH {
            indices.iter().for_each(|&index| mean[index] = 0.0);
        } else {
            mean.fill(0.0);
        }
    }
}
