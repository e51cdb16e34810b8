//! An augmented Lagrangian method with semismooth Newton steps. It needs few steps if the active
//! planes are soon known.

use super::problem::{LARGEST_SIGMA, Outer, Problem, Weighted};
use crate::solve::block::cache::Block;
use crate::solve::block::crew::Crew;
use crate::solve::vectors::{dot, squared_norm};

/// Limit on Newton steps in one solve.
const MOST_STEPS: usize = 400;
/// Limit on Newton steps in one subproblem.
const MOST_INNER: usize = 30;
/// Limit on subproblems in one solve.
const MOST_OUTER: usize = 200;
/// Number of consecutive subproblems without a Newton step after which a solve ends.
const IDLE: u32 = 12;
/// A subproblem is solved when ½‖w − Σaδ‖² is at most this fraction of the proximal term.
const INNER: f64 = 0.1;
/// At the start of a solve the smoothing is at least about the gap divided by this.
const SMOOTHING: f64 = 10.0;

impl Problem {
    /// Continues from α and w for at most about `most_work` multiplications. Returns whether the
    /// goal was reached, or no step helps any more.
    pub fn newton(
        &mut self,
        blocks: &[Block<'_>],
        tau: &mut f64,
        most_work: f64,
        stop: &dyn Fn() -> bool,
        crew: &Crew,
    ) -> bool {
        let mut w = self.w.clone();
        let mut u = vec![0.0; w.len()];
        if self.dual_of(&self.alpha, blocks, &mut u, crew) < 0.0 {
            // α = 0 has the dual value 0, which is better.
            self.alpha.fill(0.0);
        }
        self.a.copy_from_slice(&self.alpha);
        self.evaluate(blocks, &w, crew);
        let (_, mut gap) = self.look(blocks, &w, &mut u, crew);
        let at_zero = self.at_zero();
        if self.primal > at_zero {
            w.fill(0.0);
            gap = at_zero - self.dual;
        }
        // Bounds τ, so that the smoothing is not much smaller than the gap at first.
        let reach: f64 =
            self.most.iter().map(|most| most / LARGEST_SIGMA).sum::<f64>() * self.scale;
        let units: f64 = self.unit.iter().sum();
        *tau = tau.min(SMOOTHING * reach * reach / (gap * units).max(f64::MIN_POSITIVE)).max(1e-9);
        let (mut steps, mut idle) = (0, 0);
        let most_work = self.work + most_work;
        for outer in 0..MOST_OUTER {
            for (sigma, (unit, most)) in self.sigma.iter_mut().zip(self.unit.iter().zip(&self.most))
            {
                *sigma = (*tau * unit).min(*most);
            }
            // Recomputes v, because updates along directions accumulate rounding errors.
            self.evaluate(blocks, &w, crew);
            let mut inner = 0;
            let solvable = loop {
                self.respond(0.0, crew);
                let (excess, gap) = self.look(blocks, &w, &mut u, crew);
                let near = gap <= self.tolerance() || (outer > 0 && self.is_solved());
                let floor = 1e-15 * self.dual.abs();
                if near
                    || excess <= (INNER * self.proximal_term()).max(floor)
                    || inner >= MOST_INNER
                    || steps >= MOST_STEPS
                    || stop()
                {
                    break true;
                }
                (inner, steps) = (inner + 1, steps + 1);
                let gradient: Vec<f64> = w.iter().zip(&u).map(|(w, u)| u - w).collect();
                let mut outer = self.hessian(blocks, crew);
                self.work += outer.shape(w.len()).work() + 2.0 * self.sweep;
                let system = self.system(&mut outer, blocks, &[], crew);
                let direction = system.and_then(|system| system.solve(&gradient));
                self.reuse(outer);
                let Some(direction) = direction else { break false };
                self.move_along(blocks, &direction, crew);
                let first = -dot(&gradient, &direction).abs();
                let length = self.line_search(&w, &direction, first, crew);
                w.iter_mut().zip(&direction).for_each(|(w, change)| *w += length * change);
                self.value
                    .iter_mut()
                    .zip(&self.change)
                    .for_each(|(value, change)| *value += length * change);
            };
            if inner < MOST_INNER {
                self.alpha.copy_from_slice(&self.a);
            }
            idle = if inner == 0 { idle + 1 } else { 0 };
            if self.is_solved() || idle >= IDLE {
                return true;
            }
            if !solvable || steps >= MOST_STEPS || self.work > most_work || stop() {
                return false;
            }
            if inner <= 6 {
                *tau *= 10.0;
            } else if inner >= MOST_INNER {
                *tau /= 30.0;
                w.copy_from_slice(&self.w);
            } else if inner >= 15 {
                *tau *= 0.5;
            }
            *tau = tau.clamp(1e-12, 1e20);
        }
        false
    }

    /// Step length along a direction. The derivative along it is piecewise linear and increasing,
    /// and starts at `first` < 0.
    fn line_search(&mut self, w: &[f64], direction: &[f64], first: f64, crew: &Crew) -> f64 {
        let (square, cross) = (squared_norm(direction), dot(w, direction));
        let (mut low, mut at_low, mut high, mut at_high) =
            (0.0, first, f64::INFINITY, f64::INFINITY);
        let mut t = 1.0;
        for _ in 0..40 {
            let slope = cross + t * square + self.respond(t, crew);
            if slope.abs() <= 0.3 * first.abs() {
                break;
            }
            if slope < 0.0 {
                (low, at_low) = (t, slope);
            } else {
                (high, at_high) = (t, slope);
            }
            t = match high.is_finite() {
                true => {
                    let secant = low + (high - low) * (-at_low / (at_high - at_low));
                    secant.clamp(low + 0.1 * (high - low), high - 0.1 * (high - low))
                }
                false => 2.0 * t,
            };
        }
        t
    }

    /// A generalised Hessian at a.
    ///
    /// Block i adds σ δδᵀ for each plane with a > 0 if Σa is below its bound. If Σa is at its
    /// bound, the mean of these planes is subtracted from each plane first. For squared slacks the
    /// mean includes the zero plane with weight 1/ρ.
    fn hessian(&mut self, blocks: &[Block<'_>], crew: &Crew) -> Outer {
        let list = |this: &Self, i: usize, weighted: &mut Weighted| {
            let a = &this.a[this.range(i)];
            let (sigma, cost, sum) = (this.sigma[i], this.costs[i], a.iter().sum::<f64>());
            let active = (0..a.len()).filter(|&p| a[p] > 0.0 && sigma != 0.0);
            weighted.planes.extend(active.map(|p| (p, sigma)));
            weighted.stiffness = match sum >= cost.bound * (1.0 - 1e-12) {
                true => 0.0,
                false if cost.ridge > 0.0 => 1.0 / cost.ridge,
                false => f64::INFINITY,
            };
            // The planes are their mean.
            if weighted.stiffness == 0.0 && weighted.planes.len() == 1 {
                weighted.planes.clear();
            }
        };
        self.outer(blocks, list, 0.0, crew)
    }
}
