//! [`FeatureMap`]: the joint feature map Ψ.

use serde::{Deserialize, Serialize};

use super::Task;
use crate::data::{Dot, Scaled, Sink};

/// The joint feature map Ψ, for tasks whose oracle can name its ȳ.
///
/// Optional: in pairwise ranking, ȳ is one of 2^pairs choices, and the oracle writes δ from counts
/// instead.
pub trait FeatureMap: Task {
    /// Writes Ψ(x, y) into `sink`.
    fn psi<'a>(&'a self, x: &'a Self::Input, y: &Self::Output, sink: &mut dyn Sink<'a>);

    /// Writes δ = Ψ(x, y) − Ψ(x, ȳ) into `sink` and returns Δ(y, ȳ): the plane of margin rescaling.
    fn plane<'a>(
        &'a self,
        x: &'a Self::Input,
        y: &Self::Output,
        y_bar: &Self::Output,
        sink: &mut dyn Sink<'a>,
    ) -> f64 {
        self.psi(x, y, sink);
        self.psi(x, y_bar, &mut Scaled::new(sink, -1.0));
        self.loss(x, y, y_bar)
    }

    /// Writes Δ·δ into `sink` and returns Δ(y, ȳ): the plane of slack rescaling.
    fn rescaled_plane<'a>(
        &'a self,
        x: &'a Self::Input,
        y: &Self::Output,
        y_bar: &Self::Output,
        sink: &mut dyn Sink<'a>,
    ) -> f64 {
        let loss = self.loss(x, y, y_bar);
        self.plane(x, y, y_bar, &mut Scaled::new(sink, loss));
        loss
    }

    /// ⟨w, Ψ(x, y)⟩, without building Ψ.
    fn score(&self, w: &[f64], x: &Self::Input, y: &Self::Output) -> f64 {
        let mut dot = Dot::new(w);
        self.psi(x, y, &mut dot);
        dot.sum
    }
}

/// How the loss enters the slack: the two definitions of ξ on the [crate page](crate).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Rescaling {
    /// ξ ≥ Δ − ⟨w, δ⟩ (Taskar, Guestrin, Koller 2003).
    #[default]
    Margin,
    /// ξ ≥ Δ · (1 − ⟨w, δ⟩) (Tsochantaridis, Joachims, Hofmann, Altun 2005).
    Slack,
}
