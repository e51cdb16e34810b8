//! Structural SVMs.

mod block_coordinate;
mod one_slack;
mod oracles;
mod plane;
mod qp;
mod run;
pub mod latent;
pub mod model;
pub mod progress;
pub mod settings;
pub mod sink;
pub mod sparse;
pub mod task;
pub mod testing;
pub mod trainer;
pub mod validation;

pub use model::{Model, predict_all, risk};
pub use progress::{Certificate, Flow, Moment, Progress, Solution, SolveError, StopReason};
pub use settings::{BlockSettings, C, Sampling, Settings, SettingsError, Solver, Step};
pub use sink::{Dense, Dot, Place, Scaled, Sink};
pub use sparse::{Feature, Row, RowError, SparseVector};
pub use task::{Example, FeatureMap, Latent, Rescaling, Task};
pub use trainer::{Trainer, solve};
