//! [`Proximal`]: an accelerated proximal point method around the block steps.
//!
//! A block step optimises the dual variables of one example with all others fixed. If features are
//! not centred or C is large, the planes of many examples share a direction. Each step is then
//! short, and successive passes move w the same way.
//!
//! The proximal point method minimises P(w) + κ/2 ‖w − v‖² instead. The curvature that steps meet
//! falls by the factor 1 + κ, so steps are longer by this factor. The centre v follows w with
//! momentum (accelerated SDCA: Shalev-Shwartz and Zhang 2014; Catalyst: Lin, Mairal, Harchaoui
//! 2015). The dual variables stay feasible for the original problem, so D bounds its optimum at any
//! time.
//!
//! A run that starts from the weights of a model ([`Trainer::start_at`](crate::Trainer::start_at)) has
//! them as its first centre.
//!
//! With u = Σ αδ, the weights are w = (u + κ v) / (1 + κ). Around prior weights w₀ they are
//! w = (w₀ + u + κ v) / (1 + κ), so w₀ + u takes the place of u here.

use serde::{Deserialize, Serialize};

use crate::solve::vectors::squared_norm;

/// Acceleration starts if a pass closes less than this fraction of the gap over cached planes.
const CREEP: f64 = 1e-3;
/// The fraction of the gap that a pass should close: κ is chosen for it.
const PACE: f64 = 0.03;
/// κ of a run that starts from given weights. From 2 to 5 the number of passes hardly changes; more
/// costs steps on problems with many weights.
const AT_START: f64 = 3.0;
/// Upper bound on κ.
const LARGEST: f64 = 1e5;

/// The centre v and the factor κ of the proximal term. While κ = 0 there is no centre.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Proximal {
    kappa: f64,
    center: Vec<f64>,
    last: Vec<f64>,
    /// D at the last call of [`judge`](Self::judge).
    dual: f64,
    /// Acceleration did not help and stays off.
    failed: bool,
}

impl Proximal {
    /// Factor on the curvature: 1 / (1 + κ).
    pub fn damping(&self) -> f64 {
        1.0 / (1.0 + self.kappa)
    }

    pub fn is_active(&self) -> bool {
        self.kappa > 0.0
    }

    /// Whether a run with `dim` weights can have produced this state.
    pub fn is_sound(&self, dim: usize) -> bool {
        let Self { kappa, center, last, dual, failed } = self;
        let lengths = if self.is_active() { dim } else { 0 };
        let numbers = [kappa, dual].into_iter().chain(center).chain(last);
        (0.0..=LARGEST).contains(kappa)
            && [center.len(), last.len()] == [lengths; 2]
            && !(*failed && self.is_active())
            && numbers.copied().all(f64::is_finite)
    }

    /// Replaces w₀ + u, with u = Σ αδ, by the weights w.
    pub fn weights_from_sum(&self, u: &mut [f64]) {
        if self.is_active() {
            let damping = self.damping();
            u.iter_mut().zip(&self.center).for_each(|(u, v)| *u = damping * (*u + self.kappa * v));
        }
    }

    /// r*(u) for u = Σ αδ, given w and the prior weights w₀ (empty if they are 0).
    pub fn conjugate_of_sum(&self, w: &[f64], prior: &[f64]) -> f64 {
        let sums = w.iter().zip(&self.center).map(|(w, v)| w + self.kappa * (w - v));
        match (self.is_active(), prior.is_empty()) {
            (false, true) => 0.5 * squared_norm(w),
            (false, false) => half_difference(w.iter().copied(), prior),
            (true, true) => 0.5 * sums.map(|u| u * u).sum::<f64>(),
            (true, false) => half_difference(sums, prior),
        }
    }

    /// ½ ‖w − w₀ − u‖²: the gap of the original problem at w minus the sum of the block gaps at w.
    pub fn excess(&self, w: &[f64]) -> f64 {
        let squares = w.iter().zip(&self.center).map(|(w, v)| (w - v) * (w - v));
        0.5 * self.kappa * self.kappa * squares.sum::<f64>()
    }

    /// Moves the centre after a pass to w, and beyond it by momentum. There is no momentum if the
    /// last move of w points back to the old centre.
    pub fn advance(&mut self, w: &mut [f64]) {
        if !self.is_active() {
            return;
        }
        let turn: f64 = (w.iter().zip(&self.center).zip(&self.last))
            .map(|((w, v), last)| (v - w) * (w - last))
            .sum();
        let root = self.damping().sqrt();
        let momentum = if turn > 0.0 { 0.0 } else { (1.0 - root) / (1.0 + root) };
        let pull = self.kappa * self.damping();
        for ((w, v), last) in w.iter_mut().zip(&mut self.center).zip(&mut self.last) {
            let center = *w + momentum * (*w - *last);
            *last = *w;
            *w += pull * (center - *v);
            *v = center;
        }
    }

    /// Starts if a pass has closed only the small fraction `closed` of the gap over cached planes.
    pub fn start(&mut self, closed: f64, w: &mut [f64]) {
        if !self.is_active() && !self.failed && closed < CREEP {
            self.center = w.to_vec();
            self.last = w.to_vec();
            self.set_kappa((PACE / closed.max(1e-12)).min(LARGEST), w);
        }
    }

    /// Begins with the centre `start`, the weights that a run starts from. The dual variables of
    /// these weights are not known; near the centre, the first passes find their planes all the
    /// same. The caller computes w from u anew.
    pub fn start_at(&mut self, start: Vec<f64>) {
        (self.kappa, self.failed) = (AT_START, false);
        self.last.clone_from(&start);
        self.center = start;
    }

    /// Reduces κ if the passes between two exact passes have not raised D.
    pub fn judge(&mut self, dual: f64, w: &mut [f64]) {
        if dual <= self.dual {
            self.weaken(w);
        }
        self.dual = dual;
    }

    /// Divides κ by 4. If κ falls below 1, acceleration ends for good.
    pub fn weaken(&mut self, w: &mut [f64]) {
        if self.is_active() {
            let kappa = 0.25 * self.kappa;
            self.set_kappa(if kappa < 1.0 { 0.0 } else { kappa }, w);
        }
    }

    /// Changes κ. The dual variables and u stay, so w moves towards or away from the centre.
    fn set_kappa(&mut self, kappa: f64, w: &mut [f64]) {
        let damping = 1.0 / (1.0 + kappa);
        for (w, v) in w.iter_mut().zip(&self.center) {
            let u = *w + self.kappa * (*w - v);
            *w = damping * (u + kappa * v);
        }
        self.kappa = kappa;
        if kappa == 0.0 {
            *self = Self { failed: true, ..Self::default() };
        }
    }
}

/// ⟨w₀, u⟩ + ½‖u‖², given w₀ + u.
fn half_difference(sums: impl Iterator<Item = f64>, prior: &[f64]) -> f64 {
    sums.zip(prior).map(|(sum, prior)| (sum - prior) * (prior + 0.5 * (sum - prior))).sum()
}
