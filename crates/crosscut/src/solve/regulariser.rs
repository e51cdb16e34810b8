//! [`Regulariser`]: the prior weights and the lower bounds of the weights.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::solve::bounds::off;
use crate::solve::error::SolveError;
use crate::solve::state::{StateError, require};
use crate::solve::vectors::{squared_distance, squared_norm};

/// Largest absolute value of a prior weight or of a lower bound. Squares of larger numbers leave
/// the range of double precision.
const LARGEST: f64 = 1e150;

/// The regulariser of the objective: ½‖w − w₀‖² around prior weights w₀, with lower bounds on some
/// weights.
///
/// ```text
/// minimise over w    P(w) = ½‖w − w₀‖² + C · (1/n) Σᵢ ξᵢ     subject to  wⱼ ≥ lⱼ  for some j
///
/// dual of u = Σ αδ   w = ∇r*(u): wⱼ = max(w₀ⱼ + uⱼ, lⱼ), or w₀ⱼ + uⱼ without a bound
///                    D(α) = Σ αΔ − r*(u),   r*(u) = ⟨w, u⟩ − ½‖w − w₀‖²
/// ```
///
/// If slacks are squared, D also loses their conjugates, as always. The default has w₀ = 0 and no
/// bounds, so r*(u) = ½‖u‖².
///
/// A prior is useful if a model for similar data exists (domain adaptation): with a small C the
/// weights stay near those of the model, and with more data they move away. Lower bounds of 0 keep
/// weights nonnegative, as some oracles need (minimum cuts, greedy maximisation of coverage).
///
/// The prior need not satisfy the bounds. Every w that an oracle sees satisfies them exactly.
///
/// ```
/// use crosscut::Regulariser;
///
/// let model = Regulariser::around(vec![0.5, -1.0, 2.0]).with_lower_bounds([(2, 0.0)]);
/// assert_eq!(model.prior(), [0.5, -1.0, 2.0]);
/// assert_eq!(model.lower_bounds(), [(2, 0.0)]);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Regulariser {
    prior: Vec<f64>,
    lower: Vec<(usize, f64)>,
}

/// A regulariser that does not fit the task.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{name} must be {expected}, not {found}")]
pub struct RegulariserError {
    /// The part of the regulariser.
    pub name: &'static str,
    /// The accepted values.
    pub expected: String,
    /// The value found.
    pub found: String,
}

impl Regulariser {
    /// ½‖w − w₀‖² around the weights `prior`, without bounds. An empty `prior` stands for 0.
    pub fn around(prior: Vec<f64>) -> Self {
        Self { prior, lower: Vec::new() }
    }

    /// Adds lower bounds (j, lⱼ): wⱼ ≥ lⱼ. If a weight has several, the largest holds.
    #[must_use]
    pub fn with_lower_bounds(mut self, bounds: impl IntoIterator<Item = (usize, f64)>) -> Self {
        self.lower.extend(bounds);
        self
    }

    /// Adds the lower bound 0 for each of these weights.
    #[must_use]
    pub fn with_nonnegative(self, weights: impl IntoIterator<Item = usize>) -> Self {
        self.with_lower_bounds(weights.into_iter().map(|index| (index, 0.0)))
    }

    /// w₀; empty if it is 0.
    pub fn prior(&self) -> &[f64] {
        &self.prior
    }

    /// The lower bounds: indices and values.
    pub fn lower_bounds(&self) -> &[(usize, f64)] {
        &self.lower
    }

    /// Checks the regulariser for d weights.
    ///
    /// # Errors
    /// A prior that has not d weights; a number that is not finite or is above 1e150 in absolute
    /// value; a bound on a weight that does not exist.
    pub fn check(&self, dim: usize) -> Result<(), RegulariserError> {
        let error =
            |name, expected: String, found: String| Err(RegulariserError { name, expected, found });
        if !self.prior.is_empty() {
            check_weights(["the prior", "a prior weight"], &self.prior, dim)?;
        }
        if let Some((index, _)) = self.lower.iter().find(|(index, _)| *index >= dim) {
            let expected = format!("of a weight below {dim}");
            return error("a lower bound", expected, format!("of weight {index}"));
        }
        match self.lower.iter().find(|(_, bound)| !fits(*bound)) {
            Some((at, bound)) => error("a lower bound", range(), format!("{bound} (weight {at})")),
            None => Ok(()),
        }
    }
}

/// Checks that there are `dim` weights, each of a size that can be squared. The names are those of
/// the list and of one of its weights.
fn check_weights(
    [all, one]: [&'static str; 2],
    weights: &[f64],
    dim: usize,
) -> Result<(), RegulariserError> {
    if weights.len() != dim {
        let expected = format!("{dim} weights, one for each weight of the task");
        return Err(RegulariserError { name: all, expected, found: weights.len().to_string() });
    }
    match weights.iter().position(|&weight| !fits(weight)) {
        Some(at) => Err(RegulariserError {
            name: one,
            expected: range(),
            found: format!("{} (weight {at})", weights[at]),
        }),
        None => Ok(()),
    }
}

fn fits(number: f64) -> bool {
    number.abs() <= LARGEST
}

fn range() -> String {
    format!("a number between -{LARGEST:e} and {LARGEST:e}")
}

/// A [`Regulariser`] for a task with d weights, as solvers use it.
#[derive(Clone, Default)]
pub(crate) struct Penalty {
    /// w₀; empty if it is 0.
    prior: Box<[f64]>,
    /// A lower bound for each weight, −∞ if it has none; empty if no weight has one.
    lower: Box<[f64]>,
    fingerprint: Fingerprint,
}

/// r*(u), with the numbers that bound its rounding error.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Conjugate {
    pub value: f64,
    /// Upper bound on the rounding error of `value`, for the given u.
    pub rounding: f64,
    /// ‖∇r*(u)‖ = ‖w‖.
    pub slope: f64,
}

/// Checksums of the prior and of the lower bounds; 0 if there are none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Fingerprint {
    prior: u64,
    lower: u64,
}

impl Penalty {
    /// # Errors
    /// A regulariser that does not fit d weights; too little memory for the bounds.
    pub fn new(regulariser: &Regulariser, dim: usize) -> Result<Self, SolveError> {
        regulariser.check(dim)?;
        let Regulariser { prior, lower: bounds } = regulariser;
        let prior: Box<[f64]> = match prior.iter().any(|weight| *weight != 0.0) {
            true => prior.as_slice().into(),
            false => Box::default(),
        };
        let mut lower = Vec::new();
        if !bounds.is_empty() {
            let bytes = dim.saturating_mul(size_of::<f64>());
            let memory = |_| SolveError::Memory { weights: dim, bytes };
            lower.try_reserve_exact(dim).map_err(memory)?;
            lower.resize(dim, f64::NEG_INFINITY);
            bounds.iter().for_each(|&(index, bound)| lower[index] = bound.max(lower[index]));
        }
        let lower = lower.into_boxed_slice();
        let fingerprint = Fingerprint { prior: checksum(&prior), lower: checksum(&lower) };
        Ok(Self { prior, lower, fingerprint })
    }

    /// Whether it is ½‖w‖² without bounds.
    pub fn is_plain(&self) -> bool {
        self.prior.is_empty() && self.lower.is_empty()
    }

    /// Whether some weight has a lower bound.
    pub fn is_bounded(&self) -> bool {
        !self.lower.is_empty()
    }

    /// w₀; empty if it is 0.
    pub fn prior(&self) -> &[f64] {
        &self.prior
    }

    /// A lower bound for each weight, −∞ if it has none; empty if no weight has one.
    pub fn lower(&self) -> &[f64] {
        &self.lower
    }

    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// The weights at u = 0.
    pub fn start(&self, dim: usize) -> Vec<f64> {
        let mut w = match self.prior.is_empty() {
            true => vec![0.0; dim],
            false => self.prior.to_vec(),
        };
        self.clip(&mut w);
        w
    }

    /// The weights `w` as the start of a run with `dim` weights: raised to their bounds.
    ///
    /// # Errors
    /// Another number of weights; one that is not finite or is above 1e150 in absolute value.
    pub fn starting_at(&self, w: &[f64], dim: usize) -> Result<Vec<f64>, RegulariserError> {
        check_weights(["the start", "a weight to start from"], w, dim)?;
        let mut w = w.to_vec();
        self.clip(&mut w);
        Ok(w)
    }

    /// Raises weights to their bounds.
    pub fn clip(&self, w: &mut [f64]) {
        w.iter_mut().zip(&self.lower).for_each(|(w, &lower)| *w = w.max(lower));
    }

    /// The weight at `index`, given u at `index`.
    pub fn weight(&self, index: usize, u: f64) -> f64 {
        let free = self.prior.get(index).map_or(u, |prior| prior + u);
        self.lower.get(index).map_or(free, |&lower| free.max(lower))
    }

    /// Whether the bound of the weight at `index` determines it, given u at `index`.
    pub fn is_at_bound(&self, index: usize, u: f64) -> bool {
        let free = self.prior.get(index).map_or(u, |prior| prior + u);
        self.lower.get(index).is_some_and(|&lower| free < lower)
    }

    /// w = ∇r*(u).
    pub fn write_weights(&self, u: &[f64], w: &mut [f64]) {
        match self.prior.is_empty() {
            true => w.copy_from_slice(u),
            false => {
                w.iter_mut().zip(u).zip(&self.prior).for_each(|((w, u), prior)| *w = prior + u);
            }
        }
        self.clip(w);
    }

    /// ½‖w − w₀‖².
    pub fn half_square(&self, w: &[f64]) -> f64 {
        match self.prior.is_empty() {
            true => 0.5 * squared_norm(w),
            false => 0.5 * squared_distance(w, &self.prior),
        }
    }

    /// r*(u).
    ///
    /// The term of a weight at its bound is used only if the rounded w₀ + u is below the bound.
    /// Rounding is monotone, so the exact sum is then below the bound too. Otherwise the term of a
    /// weight without a bound is used, which is never smaller. So the choice of terms cannot lower
    /// r*(u), which D loses.
    pub fn conjugate(&self, u: &[f64]) -> Conjugate {
        let eighths = u.len() / 8;
        if self.is_plain() {
            let square = squared_norm(u);
            let rounding = 0.5 * (off(eighths) * square);
            return Conjugate { value: 0.5 * square, rounding, slope: square.sqrt() };
        }
        let (mut values, mut sizes, mut squares) = ([0.0; 8], [0.0; 8], [0.0; 8]);
        for (at, &u) in u.iter().enumerate() {
            let prior = self.prior.get(at).copied().unwrap_or(0.0);
            let lower = self.lower.get(at).copied().unwrap_or(f64::NEG_INFINITY);
            let (free, lane) = (prior + u, at % 8);
            let (linear, square, weight) = match free < lower {
                true => (lower * u, -0.5 * (lower - prior) * (lower - prior), lower),
                false => (prior * u, 0.5 * u * u, free),
            };
            values[lane] += linear + square;
            sizes[lane] += linear.abs() + square.abs();
            squares[lane] += weight * weight;
        }
        let sum = |lanes: [f64; 8]| lanes.iter().sum::<f64>();
        // The additions of a term and of its size round too.
        let off = off(eighths + 8);
        Conjugate {
            value: sum(values),
            rounding: off * sum(sizes),
            slope: sum(squares).sqrt() * (1.0 + off),
        }
    }
}

impl fmt::Debug for Penalty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (prior, bounded) = (!self.prior.is_empty(), self.is_bounded());
        f.debug_struct("Penalty").field("prior", &prior).field("bounded", &bounded).finish()
    }
}

impl Fingerprint {
    /// Requires the regulariser with which a saved run was trained.
    pub fn check(self, expected: Self) -> Result<(), StateError> {
        let differ = |what: &str, saved: u64, given: u64| {
            let which = match (saved, given) {
                (_, 0) => format!("it was trained with {what}, and this run has none"),
                (0, _) => format!("it was trained without {what}, and this run has them"),
                _ => format!("it was trained with other {what}"),
            };
            require(saved == given, which)
        };
        differ("prior weights", self.prior, expected.prior)?;
        differ("lower bounds of weights", self.lower, expected.lower)
    }
}

/// A checksum of numbers, FNV-1a over their bits; 0 if there are none.
fn checksum(numbers: &[f64]) -> u64 {
    let mix = |hash: u64, number: &f64| {
        let bytes = number.to_bits().to_le_bytes();
        bytes
            .iter()
            .fold(hash, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
    };
    match numbers.is_empty() {
        true => 0,
        false => numbers.iter().fold(0xcbf2_9ce4_8422_2325, mix).max(1),
    }
}
