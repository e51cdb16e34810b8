//! [`Oracles`]: all separation oracles of the training set, on all threads. Solvers reach tasks
//! only through it.

mod door;
mod merged;
mod workers;

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use rayon::prelude::*;

use crate::data::Row;
use crate::solve::block::Block;
use crate::solve::bounds::{Fault, Known, SlackCost};
use crate::solve::error::SolveError;
use crate::solve::passes::{Ask, PassError, Passes, PlaneSum, Spent, UnderWay, Weights};
use crate::solve::solution::DualVariable;
use crate::task::{CHUNK, Example, Part, Planes, Task};
use door::{Behind, Door};
use merged::Merged;
pub(crate) use workers::WorkerPool;

/// Limit on the memory of the lanes of a [sum](Passes::sum), in bytes. It affects the result, since
/// it decides how sums are grouped.
pub(crate) const LANE_BYTES: usize = 16 << 20;
const MOST_LANES: usize = 64;
/// A batch with less work than this, in seconds, would be done before other threads have woken up.
pub(crate) const WORTH_WAKING: f64 = 1e-4;

/// Examples with a task's separation oracle, and the threads that run it. Counts calls and seconds.
///
/// Solvers access a task only through this type. If several machines share the examples, each one
/// sums its own through the [`Passes`] implementation.
pub struct Oracles<'a> {
    door: Box<dyn Door<'a> + 'a>,
    /// The weight of each example.
    weights: Vec<f64>,
    /// How the original examples were merged, if some of them are equal.
    merged: Option<Merged>,
    /// The position of the first example in the whole training set.
    first: usize,
    workers: Arc<WorkerPool>,
    /// Wall seconds per call; infinite before the first call.
    each: f64,
    spent: Spent,
}

impl<'a> Oracles<'a> {
    /// Checks the examples and starts the threads. `threads` = 0 means the size of the current
    /// rayon pool or, outside a pool, the number of cores.
    ///
    /// # Errors
    /// No examples, or an invalid one; threads that could not be started.
    pub fn new<T: Task>(
        task: &'a T,
        examples: impl IntoIterator<Item = &'a Example<T::Input, T::Output>>,
        threads: usize,
    ) -> Result<Self, SolveError>
    where
        T::Input: 'a,
        T::Output: 'a,
    {
        let examples: Vec<_> = examples.into_iter().collect();
        if examples.is_empty() {
            return Err(SolveError::NoExamples);
        }
        for (index, example) in examples.iter().enumerate() {
            check_example(task, index, example)?;
        }
        let workers = Arc::new(WorkerPool::new(threads)?);
        let Some(merged) = equals(task, &examples)
            .and_then(|equals| Merged::new(&equals, |index| examples[index].weight))
        else {
            return Ok(Self::of(task, examples, 0, workers));
        };
        let left = merged.left.iter().map(|&(first, _)| examples[first]).collect();
        let weights = merged.left.iter().map(|&(_, weight)| weight).collect();
        Ok(Self { merged: Some(merged), weights, ..Self::of(task, left, 0, workers) })
    }

    /// For valid examples. `first` is the position of the first one in the whole training set.
    pub(crate) fn of<T: Task>(
        task: &'a T,
        examples: Vec<&'a Example<T::Input, T::Output>>,
        first: usize,
        workers: Arc<WorkerPool>,
    ) -> Self {
        let weights = examples.iter().map(|example| example.weight).collect();
        let door = Box::new(Behind::new(task, examples, workers.threads()));
        Self {
            door,
            weights,
            merged: None,
            first,
            workers,
            each: f64::INFINITY,
            spent: Spent::default(),
        }
    }

    /// For one of several machines: its first example has position `first` among all examples.
    /// Faults and the audit name examples by their positions.
    pub fn starting_at(self, first: usize) -> Self {
        Self { first, ..self }
    }

    /// The position of an example in the whole training set; of merged examples, the position of
    /// the first.
    pub(crate) fn position(&self, index: usize) -> usize {
        self.first + self.merged.as_ref().map_or(index, |merged| merged.left[index].0)
    }

    /// Converts dual variables of the merged examples, in their order, to dual variables of the
    /// original examples.
    pub(crate) fn divide(&self, variables: Vec<DualVariable>) -> Vec<DualVariable> {
        match &self.merged {
            Some(merged) => merged.divide(variables),
            None => variables,
        }
    }

    /// The weight of each example.
    pub(crate) fn each_weight(&self) -> &[f64] {
        &self.weights
    }

    /// The threads of the run.
    pub(crate) fn workers(&self) -> &Arc<WorkerPool> {
        &self.workers
    }

    /// The row of an example with the given name.
    pub(crate) fn row(&self, index: usize, name: u32) -> Option<Row<'a>> {
        self.door.row(index, name)
    }

    /// Calls the oracles of a batch of examples at w; the j-th answer goes to `planes[j]`.
    ///
    /// # Errors
    /// The first answer of the batch that is not a plane.
    pub(crate) fn separate(
        &mut self,
        w: &[f64],
        batch: &[usize],
        planes: &mut [Planes<'a>],
    ) -> Result<(), Fault> {
        self.call_batch(w, batch, planes, &|_, _| {})
    }

    /// Like [`separate`](Self::separate), and evaluates at w the answers and the planes of `cache`.
    /// Both read the same rows, which are then still in the processor's cache. `length` is ‖w‖.
    ///
    /// # Errors
    /// As [`separate`](Self::separate).
    pub(crate) fn compare(
        &mut self,
        w: &[f64],
        batch: &[usize],
        planes: &mut [Planes<'a>],
        (cache, length): (&[Block<'a>], f64),
    ) -> Result<(), Fault> {
        self.call_batch(w, batch, planes, &|planes, index| {
            planes.as_mut_slice().iter_mut().for_each(|plane| plane.evaluate(w));
            let answer =
                planes.highest().map_or((f64::NAN, 0.0), |plane| (plane.value, plane.magnitude));
            let highest = cache[index].highest(w, &mut planes.dots);
            planes.known = match highest > answer.0 {
                true => cache[index].known(highest, length),
                false => Known::new(0.0, answer.1, 0.0),
            };
        })
    }

    fn call_batch(
        &mut self,
        w: &[f64],
        batch: &[usize],
        planes: &mut [Planes<'a>],
        then: &(dyn Fn(&mut Planes<'a>, usize) + Sync),
    ) -> Result<(), Fault> {
        let began = Instant::now();
        let this = &*self;
        let faulty = AtomicBool::new(false);
        let answer = |planes: &mut [Planes<'a>], chunk: &[usize]| {
            this.door.separate(w, WorkerPool::current(), chunk, planes);
            for (planes, &index) in planes.iter_mut().zip(chunk) {
                match planes.fault(w.len()) {
                    Some(_) => faulty.store(true, Ordering::Relaxed),
                    None => then(planes, index),
                }
            }
        };
        // The first two calls of all are timed: the first warms up, the second measures.
        let timed = if self.each.is_finite() { 0 } else { batch.len().min(2) };
        let answers = &mut planes[..batch.len()];
        let (first, planes) = answers.split_at_mut(timed);
        let (probes, batch_left) = batch.split_at(timed);
        let mut each = self.each;
        for (planes, index) in first.chunks_mut(1).zip(probes.chunks(1)) {
            let began = Instant::now();
            answer(planes, index);
            each = began.elapsed().as_secs_f64();
        }
        // The choice of threads does not change the answers.
        let worth = batch_left.len() > 1 && each * batch_left.len() as f64 >= WORTH_WAKING;
        let chunk = self.door.chunk();
        self.workers.run(worth, |parallel| match parallel {
            true => {
                // Every thread gets several shares, and slow threads take fewer. If calls are
                // expensive, each thread gets one share.
                let shares =
                    if chunk > CHUNK { self.workers.threads() } else { 8 * self.workers.threads() };
                let share = batch_left.len().div_ceil(shares).min(chunk);
                let work = planes.par_chunks_mut(share).zip(batch_left.par_chunks(share));
                work.for_each(|(planes, chunk)| answer(planes, chunk));
            }
            false => planes
                .chunks_mut(chunk)
                .zip(batch_left.chunks(chunk))
                .for_each(|(p, chunk)| answer(p, chunk)),
        });
        self.each = each;
        self.spent.seconds += began.elapsed().as_secs_f64();
        self.spent.calls += batch.len() as u64;
        if !faulty.into_inner() {
            return Ok(());
        }
        let fault = |(&index, planes): (&usize, &Planes<'a>)| {
            Some(Fault { example: self.position(index), kind: planes.fault(w.len())? })
        };
        batch.iter().zip(&*answers).find_map(fault).map_or(Ok(()), Err)
    }

    /// Whether planes are tangents of a smooth loss.
    pub(crate) fn is_smooth(&self) -> bool {
        self.door.is_smooth()
    }

    /// Whether the task can recombine planes from parts.
    pub(crate) fn recombines(&self) -> bool {
        self.door.recombines()
    }

    /// Replaces `planes` by the plane recombined from the parts `seen` of an example. If no plane
    /// has a slack above `least`, `planes` is empty afterwards.
    ///
    /// # Errors
    /// The recombined answer is not a plane.
    pub(crate) fn recombine(
        &self,
        w: &[f64],
        index: usize,
        seen: &[Part],
        least: f64,
        planes: &mut Planes<'a>,
    ) -> Result<(), Fault> {
        planes.clear();
        let mut found = false;
        planes.add(|sink| {
            let offset = self.door.recombine(w, index, seen, least, sink);
            found = offset.is_some();
            offset.unwrap_or(0.0)
        });
        if !found {
            planes.clear();
            return Ok(());
        }
        let fault = planes.fault(w.len());
        fault.map_or(Ok(()), |kind| Err(Fault { example: self.position(index), kind }))
    }
}

/// A range of examples, whose planes are summed in order.
struct Lane<'a> {
    next: usize,
    end: usize,
    planes: Vec<Planes<'a>>,
    sum: PlaneSum,
    fault: Option<Fault>,
}

impl<'a> Passes for Oracles<'a> {
    type Error = Infallible;

    fn len(&self) -> usize {
        self.weights.len()
    }

    fn examples(&self) -> usize {
        self.merged.as_ref().map_or(self.weights.len(), Merged::given)
    }

    fn weights(&self) -> Weights {
        let mut weights = Weights::default();
        self.weights.iter().for_each(|&weight| weights.add(weight));
        weights
    }

    fn dim(&self) -> usize {
        self.door.dim()
    }

    fn is_relaxed(&self) -> bool {
        self.door.is_relaxed()
    }

    fn spent(&self) -> Spent {
        self.spent
    }

    fn go_on_from(&mut self, calls: u64) {
        self.spent.calls = calls;
    }

    /// Each lane has a fixed range of examples, and the lanes are added in order, so the bits do
    /// not depend on the number of threads.
    fn sum(
        &mut self,
        Ask { w, each, norm }: Ask<'_>,
        tick: &mut dyn FnMut(UnderWay),
    ) -> Result<PlaneSum, PassError<Infallible>> {
        let (n, dim, calls) = (self.weights.len(), w.len(), self.spent.calls);
        let lanes = (LANE_BYTES / (8 * dim.max(1))).clamp(1, MOST_LANES).min(n);
        let chunk = self.door.chunk();
        let mut lanes: Vec<Lane<'a>> = (0..lanes)
            .map(|lane| Lane {
                next: n * lane / lanes,
                end: n * (lane + 1) / lanes,
                planes: Vec::new(),
                sum: PlaneSum::new(dim),
                fault: None,
            })
            .collect();
        let least = if chunk > CHUNK { chunk } else { 1 };
        let mut slice = least;
        while lanes.iter().any(|lane| lane.next < lane.end) {
            let began = Instant::now();
            let this = &*self;
            let run = |lane: &mut Lane<'a>| {
                let end = lane.end.min(lane.next + slice);
                while lane.next < end && lane.fault.is_none() {
                    this.add_chunk(lane, end.min(lane.next + chunk), w, |weight| {
                        SlackCost::new(each * weight, norm)
                    });
                }
            };
            let before: usize = lanes.iter().map(|lane| lane.next).sum();
            self.workers.run(true, |parallel| match parallel {
                true => lanes.par_iter_mut().for_each(run),
                false => lanes.iter_mut().for_each(run),
            });
            let after: usize = lanes.iter().map(|lane| lane.next).sum();
            self.spent.calls += (after - before) as u64;
            let seconds = began.elapsed().as_secs_f64();
            self.spent.seconds += seconds;
            // Slices only set the interval between ticks, about 0.05 to 0.2 seconds.
            if seconds < 0.05 {
                slice *= 2;
            } else if seconds > 0.2 {
                slice = (slice / 2).max(least);
            }
            let cost = lanes.iter().map(|lane| lane.sum.slacks.cost).sum();
            tick(UnderWay { spent: self.spent, cost });
            // The first fault is known once all lanes before it have ended.
            let mut ended = lanes.iter().take_while(|lane| lane.next == lane.end);
            if let Some((fault, index)) = ended.find_map(|lane| Some((lane.fault?, lane.next))) {
                // The progress of the other lanes depends on timing, so their calls are not
                // counted.
                self.spent.calls = calls + index as u64 + 1;
                return Err(fault.into());
            }
        }
        let mut lanes = lanes.into_iter();
        let mut total = lanes.next().map_or_else(|| PlaneSum::new(dim), |lane| lane.sum);
        lanes.for_each(|lane| total.add(&lane.sum));
        Ok(total)
    }
}

impl<'a> Oracles<'a> {
    /// Calls the oracles of the next examples of a lane, up to `end`, and adds their planes. A
    /// fault ends the lane.
    fn add_chunk(
        &self,
        lane: &mut Lane<'a>,
        end: usize,
        w: &[f64],
        cost: impl Fn(f64) -> SlackCost,
    ) {
        let examples: Vec<usize> = (lane.next..end).collect();
        lane.planes.resize_with(lane.planes.len().max(examples.len()), Planes::only_first);
        let planes = &mut lane.planes[..examples.len()];
        self.door.separate(w, WorkerPool::current(), &examples, planes);
        for (planes, index) in planes.iter_mut().zip(examples) {
            if let Some(kind) = planes.fault(w.len()) {
                lane.fault = Some(Fault { example: self.position(index), kind });
                (lane.next, lane.end) = (index, index);
                return;
            }
            let (missed, cost) = (planes.missed(), cost(self.weights[index]));
            // An oracle may have replaced what it was given to fill, and shown several planes.
            if let Some(plane) = planes.as_mut_slice().first_mut() {
                plane.evaluate(w);
                lane.sum.add_plane((plane, missed), cost, self.position(index));
            }
        }
        lane.next = end;
    }
}

/// The result of [`Task::first_of_equals`], if it has one entry for each example.
fn equals<T: Task>(task: &T, examples: &[&Example<T::Input, T::Output>]) -> Option<Vec<usize>> {
    task.first_of_equals(examples).filter(|equals| equals.len() == examples.len())
}

/// Number of examples that training sees, with equal examples counted once.
pub(crate) fn different<T: Task>(task: &T, examples: &[&Example<T::Input, T::Output>]) -> usize {
    equals(task, examples).map_or(examples.len(), |equals| {
        equals.iter().enumerate().filter(|(index, first)| *first >= index).count()
    })
}

/// Checks one example.
pub(crate) fn check_example<T: Task>(
    task: &T,
    index: usize,
    example: &Example<T::Input, T::Output>,
) -> Result<(), SolveError> {
    let refuse = |message| SolveError::Example { index, message };
    if !(example.weight.is_finite() && example.weight >= 0.0) {
        return Err(refuse(format!(
            "its weight must be a finite number of at least 0, not {}",
            example.weight
        )));
    }
    let Example { x, y, .. } = example;
    task.validate_input(x).and_then(|()| task.validate(x, y)).map_err(refuse)
}
