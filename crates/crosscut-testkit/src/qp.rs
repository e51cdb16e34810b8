//! Optima by Clarabel, a general interior point solver that knows nothing of structural SVMs.

use clarabel::algebra::CscMatrix;
use clarabel::solver::{DefaultSettings, DefaultSolver, IPSolver, NonnegativeConeT, SolverStatus};

/// min over z of ½ zᵀ H z + qᵀ z, with A z ≤ b.
pub struct Qp {
    /// H, symmetric and positive semidefinite, row by row.
    pub hessian: Vec<Vec<f64>>,
    /// q.
    pub linear: Vec<f64>,
    /// A, row by row.
    pub rows: Vec<Vec<f64>>,
    /// b.
    pub right: Vec<f64>,
}

impl Qp {
    /// The minimum, to a relative and absolute gap and infeasibility of `tolerance`; 1e-8 is the
    /// usual one of the solver. Panics if the solver does not find it.
    pub fn minimum(&self, tolerance: f64) -> f64 {
        let hessian = CscMatrix::from(&self.hessian).to_triu();
        let rows = CscMatrix::from(&self.rows);
        let settings = DefaultSettings {
            verbose: false,
            tol_gap_abs: tolerance,
            tol_gap_rel: tolerance,
            tol_feas: tolerance,
            ..DefaultSettings::default()
        };
        let cones = [NonnegativeConeT(self.rows.len())];
        let solver =
            DefaultSolver::new(&hessian, &self.linear, &rows, &self.right, &cones, settings);
        let mut solver = solver.expect("a QP whose parts fit together");
        solver.solve();
        let status = solver.solution.status;
        assert!(matches!(status, SolverStatus::Solved | SolverStatus::AlmostSolved), "{status:?}");
        solver.solution.obj_val
    }
}

/// The planes of one example.
pub struct Block {
    /// C of this example: the bound of the sum of its dual variables.
    pub limit: f64,
    /// Δ and δ of each plane.
    pub planes: Vec<(f64, Vec<f64>)>,
}

/// max over α ≥ 0 of Σ αΔ − ½‖Σ αδ‖², with Σ α ≤ the limit for each block; if slacks are
/// `squared`, less (Σ α)² / (4 · limit) for each block instead.
pub fn dual_optimum(blocks: &[Block], squared: bool) -> f64 {
    let planes: Vec<(usize, &(f64, Vec<f64>))> = blocks
        .iter()
        .enumerate()
        .flat_map(|(block, all)| all.planes.iter().map(move |plane| (block, plane)))
        .collect();
    if planes.is_empty() {
        return 0.0;
    }
    let dot = |a: &[f64], b: &[f64]| -> f64 { a.iter().zip(b).map(|(a, b)| a * b).sum() };
    let ridge = |block: usize, other: usize| match squared && block == other {
        true => 0.5 / blocks[block].limit,
        false => 0.0,
    };
    let n = planes.len();
    let hessian = planes.iter().map(|(block, (_, a))| {
        planes.iter().map(|(other, (_, b))| dot(a, b) + ridge(*block, *other)).collect()
    });
    let mut rows: Vec<Vec<f64>> =
        (0..n).map(|at| (0..n).map(|other| -f64::from(at == other)).collect()).collect();
    let mut right = vec![0.0; n];
    if !squared {
        for (at, block) in blocks.iter().enumerate().filter(|(_, block)| !block.planes.is_empty()) {
            rows.push(planes.iter().map(|(of, _)| f64::from(*of == at)).collect());
            right.push(block.limit);
        }
    }
    let linear = planes.iter().map(|(_, (loss, _))| -loss).collect();
    -Qp { hessian: hessian.collect(), linear, rows, right }.minimum(1e-8)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_near(a: f64, b: f64) -> bool {
        (a - b).abs() <= 1e-7
    }

    /// ½z² − z is least at z = 1, where z ≤ 1/2 does not let it arrive.
    #[test]
    fn a_bound_holds() {
        let qp = |right| Qp {
            hessian: vec![vec![1.0]],
            linear: vec![-1.0],
            rows: vec![vec![1.0]],
            right: vec![right],
        };
        assert!(is_near(qp(0.5).minimum(1e-8), -0.375));
        assert!(is_near(qp(2.0).minimum(1e-8), -0.5));
    }

    /// One plane: αΔ − ½α²‖δ‖² at α = min(limit, Δ / ‖δ‖²); if slacks are squared, Δ² / 2 over
    /// ‖δ‖² + 1 / (2 · limit). Blocks on different weights add up, and one without planes adds 0.
    #[test]
    fn one_plane_of_a_block_has_a_closed_form() {
        let block = |limit, delta: [f64; 3]| Block { limit, planes: vec![(2.0, delta.to_vec())] };
        let blocks = [
            block(0.25, [2.0, 0.0, 0.0]),
            Block { limit: 1.0, planes: Vec::new() },
            block(3.0, [0.0, 2.0, 0.0]),
        ];
        assert!(is_near(dual_optimum(&blocks, false), (0.5 - 0.125) + 0.5));
        assert!(is_near(dual_optimum(&blocks, true), 2.0 / 6.0 + 2.0 / (4.0 + 1.0 / 6.0)));
        assert_eq!(dual_optimum(&blocks[1..2], false), 0.0);
    }
}
