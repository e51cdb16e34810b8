//! [`Monitor`]: follows the verbs while they work.

use crosscut::validation::Round;
use crosscut::{Flow, Objective, Progress, Solver};

/// Receives progress of the verbs and may stop training. Every method has a default; `()` ignores
/// everything.
///
/// Methods are called from the thread that called the verb.
pub trait Monitor {
    /// Progress of reading a file; `bytes` counts its (decompressed) text read so far.
    fn reading(&mut self, file: &str, bytes: u64) {
        let _ = (file, bytes);
    }

    /// A training run begins; its examples have been read.
    fn start(&mut self, start: &Start) {
        let _ = start;
    }

    /// Called a few times a second, after each exact pass, and when training has stopped.
    fn progress(&mut self, progress: &Progress) -> Flow {
        let _ = progress;
        Flow::Continue(())
    }

    /// Something to tell the user that is not an error.
    fn note(&mut self, message: &str) {
        let _ = message;
    }
}

impl Monitor for () {}

/// The problem of a training run that begins.
#[derive(Clone, Debug, PartialEq)]
pub struct Start {
    /// The task.
    pub task: &'static str,
    /// What training minimises for an example.
    pub objective: Objective,
    /// Which run of a cross-validation, `None` outside one.
    pub round: Option<Round>,
    /// Number of training examples n.
    pub examples: usize,
    /// Number of weights d.
    pub dim: usize,
    /// The task's own sizes, such as ("classes", 26).
    pub sizes: Vec<(&'static str, usize)>,
    /// C as it multiplies the mean slack.
    pub c_mean: f64,
    /// C as it multiplies the sum of the slacks.
    pub c_sum: f64,
    /// The solver.
    pub solver: Solver,
}
