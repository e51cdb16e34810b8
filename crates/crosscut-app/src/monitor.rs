//! [`Monitor`]: who watches while the verbs work.

use crosscut::validation::Round;
use crosscut::{Flow, Progress, Solver};

/// Is told what is going on and may stop training. Every method may be left out; `()` ignores
/// everything.
///
/// Methods are called from the thread that called the verb.
pub trait Monitor {
    /// A file is being read; `bytes` of its (decompressed) text have been so far.
    fn reading(&mut self, file: &str, bytes: u64) {
        let _ = (file, bytes);
    }

    /// Examples are read, a training run begins.
    fn start(&mut self, start: &Start) {
        let _ = start;
    }

    /// A few times a second, after each exact pass, and when training has stopped.
    fn progress(&mut self, progress: &Progress) -> Flow {
        let _ = progress;
        Flow::Continue(())
    }

    /// Something a user should know that is not an error.
    fn note(&mut self, message: &str) {
        let _ = message;
    }
}

impl Monitor for () {}

/// What a training run is about to solve.
#[derive(Clone, Debug, PartialEq)]
pub struct Start {
    /// The task.
    pub task: &'static str,
    /// Which run of a cross-validation, `None` outside one.
    pub round: Option<Round>,
    /// Number of examples n that are trained on.
    pub examples: usize,
    /// Number of weights d.
    pub dim: usize,
    /// The task's own sizes, such as ("classes", 26).
    pub sizes: Vec<(&'static str, usize)>,
    /// C as it multiplies the mean slack.
    pub c_mean: f64,
    /// C as it multiplies the sum of the slacks.
    pub c_sum: f64,
    /// The solver that runs.
    pub solver: Solver,
}
