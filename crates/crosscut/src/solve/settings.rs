//! [`Settings`]: a plain struct, checked once before work starts.

use serde::{Deserialize, Serialize};

use crate::solve::block::tuning::Tuning;
use crate::solve::methods::Solver;

/// The regularisation constant C, in one of two conventions.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum C {
    /// C of ½‖w‖² + C · (1/n) Σ ξᵢ, as in SVM^struct (and λ = 1/C in the Frank–Wolfe papers).
    Mean(f64),
    /// C of ½‖w‖² + C · Σ ξᵢ, as in LIBLINEAR and SVM^light; it equals `Mean(n · C)`.
    Sum(f64),
}

impl C {
    /// C of the mean slack of `n` examples.
    pub fn mean(self, n: usize) -> f64 {
        match self {
            C::Mean(c) => c,
            C::Sum(c) => c * n as f64,
        }
    }

    /// C of the sum of the slacks of `n` examples.
    pub fn sum(self, n: usize) -> f64 {
        match self {
            C::Mean(c) => c / n as f64,
            C::Sum(c) => c,
        }
    }
}

/// How slacks enter the objective.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SlackNorm {
    /// C · (1/n) Σ ξᵢ.
    #[default]
    Linear,
    /// C · (1/n) Σ ξᵢ² (Tsochantaridis et al. 2005, section 2.2, whose C is twice this one).
    Squared,
}

/// Settings of the block-coordinate solver. The defaults were chosen by measurement. As with
/// [`Settings`], fields can be set one after the other: `BlockSettings::new().batch(1)`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct BlockSettings {
    /// Oracle calls made at one w before the updates are applied in order; threads share the calls
    /// of a batch. At least 1, and capped at an eighth of the examples, rounded up. The result
    /// depends on the batch, but not on the number of threads.
    pub batch: usize,
    /// Cap on the approximate passes (over cached planes) between two exact passes, counted in n
    /// block visits each; 0 for none. Blocks near their optimum are skipped, so there may be many
    /// more passes than this. The cap is lower after each of the first few exact passes.
    pub approximate_passes: usize,
    /// Largest number of planes kept for one example, at least 2. The least useful planes are
    /// dropped, or merged if they are in use.
    pub planes: usize,
    /// Exact passes after which an unused plane leaves the cache. With 1, the default, planes also
    /// leave between exact passes, if they are out of use in several approximate passes. If oracle
    /// calls are expensive, a larger number may save some.
    pub idle: u32,
    /// Accelerate approximate passes if they are slow (features not centred or of different scales,
    /// large C). An accelerated proximal point method surrounds them; if weights or planes are few
    /// enough, a second-order solution of the dual over all planes replaces them.
    pub acceleration: bool,
    /// Constants of the method, for measurements. Not saved in model files.
    #[doc(hidden)]
    #[serde(skip)]
    pub tuning: Tuning,
}

impl Default for BlockSettings {
    fn default() -> Self {
        let tuning = Tuning::default();
        Self { batch: 32, approximate_passes: 30, planes: 512, idle: 1, acceleration: true, tuning }
    }
}

/// Settings of a training run; the solver checks them once.
///
/// Training stops as soon as one of the stopping rules holds.
///
/// Each field has a method that sets it. Rules that may be absent take a number or an `Option`:
///
/// ```
/// use crosscut::{BlockSettings, C, Settings};
///
/// let settings = Settings::new().c(C::Sum(10.0)).relative_gap(1e-4).passes(200);
/// assert_eq!((settings.relative_gap, settings.passes), (1e-4, Some(200)));
///
/// let same = settings.passes(None).block(BlockSettings::new().batch(1));
/// assert_eq!((same.c, same.passes, same.block.batch), (C::Sum(10.0), None, 1));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Settings {
    /// The regularisation constant, finite and above 0. Default `C::Sum(1.0)`.
    pub c: C,
    /// How slacks enter the objective. Default linear.
    pub slack_norm: SlackNorm,
    /// The solver. Default `Auto`.
    pub solver: Solver,
    /// Stop when (P − D) / P is at most this. Default 1e-3. With 0, training goes on until no step
    /// raises D.
    pub relative_gap: f64,
    /// Stop when P − D ≤ C · ε, with C the constant of the mean slack and ε in units of the loss.
    /// The same rule as SVM^struct's `-e`, but certified.
    pub epsilon: Option<f64>,
    /// Stop after this many exact passes (n oracle calls each), at least 1.
    pub passes: Option<usize>,
    /// Stop after about this many seconds of wall time. A last exact pass then certifies the
    /// result.
    pub seconds: Option<f64>,
    /// Threads for oracle passes; 0 for all cores. The result does not depend on it. If training is
    /// called on a thread of a rayon pool with this many threads (0: of any size), that pool runs
    /// the oracles and the caller takes a share. This is faster if oracle calls are short, since a
    /// batch need not wake every thread.
    pub threads: usize,
    /// Seed of the order in which examples are visited.
    pub seed: u64,
    /// Limit on the bytes taken by planes, their dual variables and Gram matrices; `None` for no
    /// limit. At least [`least_memory`](Self::least_memory). A lower limit makes training slower,
    /// but the certificate is the same. The block solver keeps fewer planes for each example; if
    /// two planes for each example do not fit, it is replaced by `OneSlack`, whose planes are sums
    /// over all examples.
    ///
    /// The limit does not include the examples, w and its few copies, and the buffers of oracles.
    /// Model files do not store it.
    #[serde(skip)]
    pub max_memory: Option<usize>,
    /// Settings of the block-coordinate solver.
    pub block: BlockSettings,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            c: C::Sum(1.0),
            slack_norm: SlackNorm::Linear,
            solver: Solver::Auto,
            relative_gap: 1e-3,
            epsilon: None,
            passes: None,
            seconds: None,
            threads: 0,
            seed: 0,
            max_memory: None,
            block: BlockSettings::default(),
        }
    }
}

/// Writes a method for each field, which sets it.
macro_rules! setters {
    ($type:ident { $($field:ident: $argument:ty),* $(,)? }) => {
        impl $type {
            /// The defaults.
            pub fn new() -> Self {
                Self::default()
            }

            $(
                #[doc = concat!("Sets [`", stringify!($field), "`](Self#structfield.", stringify!($field), ").")]
                #[must_use]
                pub fn $field(self, $field: $argument) -> Self {
                    Self { $field: $field.into(), ..self }
                }
            )*
        }
    };
}

setters!(Settings {
    c: C,
    slack_norm: SlackNorm,
    solver: Solver,
    relative_gap: f64,
    epsilon: impl Into<Option<f64>>,
    passes: impl Into<Option<usize>>,
    seconds: impl Into<Option<f64>>,
    threads: usize,
    seed: u64,
    max_memory: impl Into<Option<usize>>,
    block: BlockSettings,
});

setters!(BlockSettings {
    batch: usize,
    approximate_passes: usize,
    planes: usize,
    idle: u32,
    acceleration: bool,
});

/// A setting out of its range.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{name} must be {expected}, not {found}")]
pub struct SettingsError {
    /// The field.
    pub name: &'static str,
    /// The accepted values.
    pub expected: &'static str,
    /// The value found.
    pub found: String,
}

impl Settings {
    /// The smallest [`max_memory`](Self::max_memory) allowed for d weights: four planes of 8 bytes
    /// per weight, and 4096 bytes.
    pub fn least_memory(dim: usize) -> usize {
        dim.saturating_mul(32).saturating_add(4096)
    }

    /// The settings that affect a bit of the result, each with its value in words: runs of the same
    /// task and examples for which these are equal give the same bits. Settings that are not set
    /// are missing.
    ///
    /// C is `c_mean` or `c_sum`, and `no_acceleration` has no value; other names are those of the
    /// fields. `threads` changes nothing, and `passes` and `seconds` only decide when training ends.
    pub fn deciding(&self) -> Vec<(&'static str, String)> {
        // No `..` here: a new setting must be either listed below or left out on purpose.
        let &Self {
            c,
            slack_norm,
            solver,
            relative_gap,
            epsilon,
            passes: _,
            seconds: _,
            threads: _,
            seed,
            max_memory,
            block,
        } = self;
        // `tuning` is for measurements.
        let BlockSettings { batch, approximate_passes, planes, idle, acceleration, tuning: _ } =
            block;
        let c = match c {
            C::Mean(c) => ("c_mean", c.to_string()),
            C::Sum(c) => ("c_sum", c.to_string()),
        };
        let power = if slack_norm == SlackNorm::Squared { 2 } else { 1 };
        let mut all = vec![
            c,
            ("slack_norm", power.to_string()),
            ("solver", solver.name().to_owned()),
            ("relative_gap", relative_gap.to_string()),
            ("seed", seed.to_string()),
            ("batch", batch.to_string()),
            ("approximate_passes", approximate_passes.to_string()),
            ("planes", planes.to_string()),
            ("idle", idle.to_string()),
        ];
        all.extend(epsilon.map(|epsilon| ("epsilon", epsilon.to_string())));
        all.extend(max_memory.map(|bytes| ("max_memory", bytes.to_string())));
        all.extend((!acceleration).then(|| ("no_acceleration", String::new())));
        all
    }

    /// Checks every field.
    ///
    /// # Errors
    /// The first field out of its range.
    pub fn check(&self) -> Result<(), SettingsError> {
        fn require(
            ok: bool,
            name: &'static str,
            expected: &'static str,
            found: impl ToString,
        ) -> Result<(), SettingsError> {
            if ok {
                Ok(())
            } else {
                Err(SettingsError { name, expected, found: found.to_string() })
            }
        }
        let (C::Mean(c) | C::Sum(c)) = self.c;
        require(c.is_finite() && c > 0.0, "C", "a finite number above 0", c)?;
        let gap = self.relative_gap;
        require(
            gap.is_finite() && gap >= 0.0,
            "the relative gap",
            "a finite number of at least 0",
            gap,
        )?;
        if let Some(epsilon) = self.epsilon {
            require(
                epsilon.is_finite() && epsilon > 0.0,
                "epsilon",
                "a finite number above 0",
                epsilon,
            )?;
        }
        require(self.passes != Some(0), "the number of passes", "at least 1", 0)?;
        if let Some(seconds) = self.seconds {
            require(
                seconds.is_finite() && seconds > 0.0,
                "the number of seconds",
                "a finite number above 0",
                seconds,
            )?;
        }
        require(self.block.batch >= 1, "the batch", "at least 1", self.block.batch)?;
        require(self.block.planes >= 2, "the number of planes", "at least 2", self.block.planes)
    }
}
