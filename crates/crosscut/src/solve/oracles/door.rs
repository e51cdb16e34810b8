//! [`Door`]: the interface through which solvers call a task and its examples, with the task's type
//! erased.
//!
//! Solvers are compiled once, for this trait; only its implementation is compiled for each task.
//! One call serves a chunk of examples, so dynamic dispatch costs almost nothing compared with the
//! oracles.

use std::sync::Mutex;

use crate::data::{Row, Sink};
use crate::task::{Example, Objective, Part, Planes, Recombiner, Task};

/// The oracles of examples, addressed by position, at weights of length [`dim`](Self::dim).
pub(crate) trait Door<'a>: Send + Sync {
    fn dim(&self) -> usize;

    /// See [`Task::is_relaxed`].
    fn is_relaxed(&self) -> bool;

    /// Whether planes are tangents of a smooth loss. See [`Task::objective`].
    fn is_smooth(&self) -> bool;

    /// Largest number of examples per call of [`separate`](Self::separate).
    fn chunk(&self) -> usize;

    /// Writes the planes of `examples[j]` into `planes[j]`, with the buffers of thread `thread`.
    fn separate(&self, w: &[f64], thread: usize, examples: &[usize], planes: &mut [Planes<'a>]);

    /// See [`Task::row`].
    fn row(&self, example: usize, name: u32) -> Option<Row<'a>>;

    /// Whether the task can recombine planes; if not, [`recombine`](Self::recombine) returns
    /// `None`.
    fn recombines(&self) -> bool;

    /// See [`Recombine::recombined`](crate::Recombine::recombined).
    fn recombine(
        &self,
        w: &[f64],
        example: usize,
        seen: &[Part],
        least: f64,
        sink: &mut dyn Sink<'a>,
    ) -> Option<f64>;
}

/// A task and its examples, with buffers for each thread.
pub(crate) struct Behind<'a, T: Task> {
    task: &'a T,
    examples: Vec<&'a Example<T::Input, T::Output>>,
    recombiner: Option<Recombiner<'a, T::Input, T::Output, T::Scratch>>,
    threads: Vec<Mutex<Thread<'a, T>>>,
}

/// The buffers of a thread.
struct Thread<'a, T: Task> {
    scratch: T::Scratch,
    chunk: Vec<&'a Example<T::Input, T::Output>>,
}

impl<T: Task> Default for Thread<'_, T> {
    fn default() -> Self {
        Self { scratch: T::Scratch::default(), chunk: Vec::new() }
    }
}

impl<'a, T: Task> Behind<'a, T> {
    pub fn new(
        task: &'a T,
        examples: Vec<&'a Example<T::Input, T::Output>>,
        threads: usize,
    ) -> Self {
        let threads = (0..threads).map(|_| Mutex::default()).collect();
        Self { task, examples, recombiner: task.recombine(), threads }
    }

    /// Runs `work` with the buffers of a thread.
    fn with<R>(&self, thread: usize, work: impl FnOnce(&mut Thread<'a, T>) -> R) -> R {
        match self.threads[thread % self.threads.len()].try_lock() {
            Ok(mut thread) => work(&mut thread),
            // The lock is taken if an oracle with threads of its own is called again on this
            // thread.
            Err(_) => work(&mut Thread::default()),
        }
    }
}

impl<'a, T: Task> Door<'a> for Behind<'a, T> {
    fn dim(&self) -> usize {
        self.task.dim()
    }

    fn is_relaxed(&self) -> bool {
        self.task.is_relaxed()
    }

    fn is_smooth(&self) -> bool {
        self.task.objective() == Objective::Log
    }

    fn chunk(&self) -> usize {
        self.task.chunk().max(1)
    }

    fn separate(&self, w: &[f64], thread: usize, examples: &[usize], planes: &mut [Planes<'a>]) {
        planes.iter_mut().for_each(Planes::clear);
        self.with(thread, |Thread { scratch, chunk }| {
            chunk.clear();
            chunk.extend(examples.iter().map(|&example| self.examples[example]));
            self.task.separate_chunk(w, chunk, scratch, planes);
        });
    }

    fn row(&self, example: usize, name: u32) -> Option<Row<'a>> {
        Some(self.task.row(&self.examples[example].x, name)?.named(name))
    }

    fn recombines(&self) -> bool {
        self.recombiner.is_some()
    }

    fn recombine(
        &self,
        w: &[f64],
        example: usize,
        seen: &[Part],
        least: f64,
        sink: &mut dyn Sink<'a>,
    ) -> Option<f64> {
        let (recombiner, example) = (self.recombiner?, self.examples[example]);
        self.with(0, |Thread { scratch, .. }| {
            recombiner.recombined(w, example, seen, least, scratch, sink)
        })
    }
}
