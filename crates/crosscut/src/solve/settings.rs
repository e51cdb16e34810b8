//! [`Settings`]: a plain struct, checked once before work starts.

use serde::{Deserialize, Serialize};

use crate::solve::methods::Solver;

/// The regularisation constant in one of its two conventions.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum C {
    /// C of ½‖w‖² + C · (1/n) Σ ξᵢ, as in SVM^struct (and λ = 1/C in the Frank–Wolfe papers).
    Mean(f64),
    /// C of ½‖w‖² + C · Σ ξᵢ, as in LIBLINEAR and SVM^light; it equals `Mean(n · C)`.
    Sum(f64),
}

impl C {
    /// The constant that multiplies the mean slack of `n` examples.
    pub fn mean(self, n: usize) -> f64 {
        match self {
            C::Mean(c) => c,
            C::Sum(c) => c * n as f64,
        }
    }

    /// The constant that multiplies the sum of the slacks of `n` examples.
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

/// What only the block-coordinate solver reads. The defaults are the measured ones.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct BlockSettings {
    /// Oracles called against one w before the updates are applied in order: what threads share; at
    /// most an eighth of the examples, rounded up. The result depends on it, and not on the number
    /// of threads. At least 1.
    pub batch: usize,
    /// Most visits to cached planes between two exact passes, in passes of n; 0 for none. Blocks
    /// that are near their optimum are left out, so there may be many more passes than that. After
    /// the first exact passes there are fewer.
    pub approximate_passes: usize,
    /// Largest number of planes kept for one example, at least 2. The least useful are dropped, or
    /// merged when in use.
    pub planes: usize,
    /// Exact passes after which a plane that is not in use leaves the cache.
    pub idle: u32,
    /// If approximate passes are slow (features that are not centred or of different sizes, large
    /// C): surrounds them with an accelerated proximal point method, and where weights or planes
    /// are few enough replaces them by a second-order solution of the dual over all planes.
    pub acceleration: bool,
}

impl Default for BlockSettings {
    fn default() -> Self {
        Self { batch: 32, approximate_passes: 30, planes: 512, idle: 3, acceleration: true }
    }
}

/// How to train. Public fields, a sentence and a unit each; checked once by the solver.
///
/// Training stops at whichever of the stopping rules comes first.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// The regularisation constant, finite and above 0. Default `C::Sum(1.0)`.
    pub c: C,
    /// How slacks enter the objective. Default linear.
    pub slack_norm: SlackNorm,
    /// Which solver.
    pub solver: Solver,
    /// Stop when (P − D) / P is at most this. Default 1e-3; with 0 training goes on until no step
    /// raises D any more.
    pub relative_gap: f64,
    /// Stop when P − D ≤ C · ε with C the constant of the mean slack, in units of the loss
    /// (SVM^struct's `-e`, as a certificate).
    pub epsilon: Option<f64>,
    /// Stop after this many exact passes (n oracle calls each), at least 1.
    pub passes: Option<usize>,
    /// Stop after about this many seconds of wall time; a last exact pass certifies the result.
    pub seconds: Option<f64>,
    /// Threads for oracle passes; 0 for all cores. The result does not depend on it. On a thread of
    /// a rayon pool of so many threads (0: of any pool) these do the work, and the caller takes
    /// part in it: with short oracles that is faster, since batches need not wake everybody.
    pub threads: usize,
    /// Seed of the order in which examples are visited.
    pub seed: u64,
    /// Bytes that the planes of the solver may take, with their dual variables and Gram matrices;
    /// no bound by default. With less of it training takes longer, and ends with the same
    /// certificate: example by example fewer planes are kept, and where two are too many the block
    /// solvers go on as `OneSlack`, whose planes are sums over all examples. The examples, w and
    /// its few copies, and the buffers of oracles come on top. At least
    /// [`least_memory`](Self::least_memory). It is not kept in model files.
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

/// A setting that makes no sense, by name.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{name} must be {expected}, not {found}")]
pub struct SettingsError {
    /// The field.
    pub name: &'static str,
    /// What it accepts.
    pub expected: &'static str,
    /// What it was.
    pub found: String,
}

impl Settings {
    /// The least [`max_memory`](Self::max_memory) for d weights: four planes of 8 bytes a weight.
    pub fn least_memory(dim: usize) -> usize {
        dim.saturating_mul(32).saturating_add(4096)
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
