//! The dual over the working set if weights have lower bounds: a concave function that is quadratic
//! as long as the same weights are at their bounds.
//!
//! Two steps alternate. The first solves the quadratic dual with the weights at their bounds fixed,
//! and searches along the line to its solution (a Newton step). It ends the method if the right
//! weights are at their bounds. The second solves the quadratic dual without bounds, from the true
//! gradient. A weight moves at most as far as u, so this is a lower bound on the dual that touches
//! it at α, and the step cannot fail.

use super::OneSlack;
use crate::solve::qp::{self, Curvature, Gram};
use crate::solve::vectors::dot;

/// Limit on pairs of steps.
const MOST_ROUNDS: usize = 100;
/// Limit on halvings and secants in a line search.
const MOST_TRIES: usize = 50;

impl OneSlack {
    /// Raises the dual over the working set until its gap over the planes is at most `tolerance`, or
    /// until no step raises it.
    pub(super) fn maximise_bounded(&mut self, tolerance: f64) {
        let mut fixed = Fixed::default();
        for _ in 0..MOST_ROUNDS {
            let values = self.values();
            let highest = values.iter().copied().fold(0.0, f64::max);
            if highest - dot(&self.alpha, &values) <= tolerance {
                return;
            }
            let before = self.dual;
            self.newton_step(values, &mut fixed);
            let (start, dual) = (self.alpha.clone(), self.dual);
            let mut gradient = self.values();
            let curvature = Curvature { gram: &self.gram, damping: 1.0, ridge: 0.0 };
            qp::solve(curvature, &mut gradient, &mut self.alpha, 1.0, |_| 0.1 * tolerance);
            self.refresh();
            if self.dual < dual {
                self.alpha = start;
                self.refresh();
            }
            if self.dual - before <= 1e-15 * self.dual.abs() {
                return;
            }
        }
    }

    /// Solves the dual with the weights at their bounds fixed, given the value of each plane, and
    /// searches along the line to the solution.
    fn newton_step(&mut self, mut gradient: Vec<f64>, fixed: &mut Fixed) {
        fixed.update(self);
        let (start, dual) = (self.alpha.clone(), self.dual);
        let mut target = start.clone();
        let curvature = Curvature { gram: &fixed.gram, damping: 1.0, ridge: 0.0 };
        qp::solve(curvature, &mut gradient, &mut target, 1.0, |_| 0.0);
        let change: Vec<f64> = target.iter().zip(&start).map(|(to, from)| to - from).collect();
        let length = self.line_search(&change);
        let moved = start.iter().zip(&change).map(|(alpha, change)| alpha + length * change);
        self.alpha =
            if length == 1.0 { target } else { moved.map(|alpha| alpha.max(0.0)).collect() };
        self.refresh();
        if self.dual < dual {
            self.alpha = start;
            self.refresh();
        }
    }

    /// The t in [0, 1] with the highest dual value of α + t · change. The derivative of the dual
    /// value falls along the line.
    fn line_search(&self, change: &[f64]) -> f64 {
        let mut direction = vec![0.0; self.w.len()];
        let mut slope = 0.0;
        for (plane, &change) in self.working_set.iter().zip(change) {
            slope += change * plane.offset;
            if change != 0.0 {
                plane.delta.add_to(&mut direction, change);
            }
        }
        let derivative = |t: f64| {
            let weight = |at: usize| self.penalty.weight(at, self.u[at] + t * direction[at]);
            slope - (0..direction.len()).map(|at| weight(at) * direction[at]).sum::<f64>()
        };
        let (mut low, mut at_low, mut high, mut at_high) =
            (0.0, derivative(0.0), 1.0, derivative(1.0));
        if at_high >= 0.0 || at_low <= 0.0 {
            return if at_high >= 0.0 { 1.0 } else { 0.0 };
        }
        for _ in 0..MOST_TRIES {
            let secant = low + (high - low) * (at_low / (at_low - at_high));
            let middle = secant.clamp(0.9 * low + 0.1 * high, 0.1 * low + 0.9 * high);
            let here = derivative(middle);
            if here > 0.0 {
                (low, at_low) = (middle, here);
            } else {
                (high, at_high) = (middle, here);
            }
            if high - low <= 1e-12 * high || here == 0.0 {
                break;
            }
        }
        low
    }
}

/// The Gram matrix of the planes without the weights at their bounds.
#[derive(Default)]
struct Fixed {
    /// Whether the bound of each weight determines it.
    is_fixed: Vec<bool>,
    gram: Gram,
}

impl Fixed {
    /// Adds and removes the weights whose state has changed since the last call.
    fn update(&mut self, solver: &OneSlack) {
        let is_first = self.is_fixed.is_empty();
        if is_first {
            self.is_fixed = vec![false; solver.w.len()];
            self.gram = solver.gram.clone();
        }
        let mut moved = [Vec::new(), Vec::new()];
        for (at, is_fixed) in self.is_fixed.iter_mut().enumerate() {
            let now = solver.penalty.is_at_bound(at, solver.u[at]);
            if now != *is_fixed {
                moved[usize::from(now)].push(at);
                *is_fixed = now;
            }
        }
        for (indices, sign) in moved.iter().zip([1.0, -1.0]) {
            if indices.is_empty() {
                continue;
            }
            let parts: Vec<Vec<f64>> =
                solver.working_set.iter().map(|plane| plane.delta.gather(indices)).collect();
            self.gram.add_products(&parts, sign);
        }
    }
}
