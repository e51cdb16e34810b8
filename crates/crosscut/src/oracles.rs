//! [`Oracles`]: all separation oracles of the training set, on all threads. The one seam between solvers and tasks.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use rayon::prelude::*;

use crate::block_coordinate::Block;
use crate::bounds::{Answer, Fault, Known, Sizes, SlackCost, SlackSum, off};
use crate::plane::{Planes, RawPlane};
use crate::progress::{DualVariable, SolveError};
use crate::settings::SlackNorm;
use crate::sparse::Row;
use crate::task::{Example, Part, Task};

/// Memory that the lanes of [`Oracles::sum_planes`] may take, in bytes. Part of the result: it decides how sums are grouped.
const LANE_BYTES: usize = 16 << 20;
const MOST_LANES: usize = 64;
/// Seconds of work below which a batch is done before other threads have woken up.
const WORTH_WAKING: f64 = 1e-4;

/// The threads that run oracles, with a scratch for each.
pub(crate) struct WorkerPool<T: Task> {
    pool: Pool,
    scratch: Vec<Mutex<T::Scratch>>,
}

/// Whose threads they are.
#[derive(Default)]
enum Pool {
    /// That of the caller, alone.
    #[default]
    Single,
    /// Those of the pool in which the caller runs: it takes its part of the work, and nobody is waited for who still sleeps.
    Around,
    Own(rayon::ThreadPool),
}

/// The examples, their oracles and the threads that run them; counts calls and seconds.
pub(crate) struct Oracles<'a, T: Task> {
    task: &'a T,
    examples: Vec<&'a Example<T::Input, T::Output>>,
    /// What the examples stand for, if some of those that were given are equal.
    merged: Option<Merged>,
    /// The position of the first of them among all examples.
    first: usize,
    workers: WorkerPool<T>,
    /// Wall seconds of a call, infinite before there was one.
    each: f64,
    /// Oracle calls made.
    pub calls: u64,
    /// Wall seconds spent calling.
    pub seconds: f64,
}

/// Equal examples as one, with the sum of their weights.
struct Merged {
    /// For each example that was given: the position of the one that stands for it, and its part of the weight of that.
    parts: Vec<(u32, f64)>,
    /// For each that is left: the position of the first that was given, and the weight.
    left: Vec<(usize, f64)>,
}

impl Merged {
    /// From what [`Task::first_of_equals`] says; `None` if all are different.
    fn new(first_of_equals: &[usize], weight: impl Fn(usize) -> f64) -> Option<Self> {
        let n = u32::try_from(first_of_equals.len()).ok()?;
        let mut merged = Self { parts: Vec::new(), left: Vec::new() };
        let Self { parts, left } = &mut merged;
        for (index, &first) in (0..n as usize).zip(first_of_equals) {
            let at = if first < index { parts[first].0 } else { left.len() as u32 };
            match left.get_mut(at as usize) {
                Some((_, sum)) => *sum += weight(index),
                None => left.push((index, weight(index))),
            }
            parts.push((at, weight(index)));
        }
        for (at, part) in parts.iter_mut() {
            let whole = left[*at as usize].1;
            *part = if whole > 0.0 { *part / whole } else { 0.0 };
        }
        (left.len() < parts.len()).then_some(merged)
    }
}

/// The plane that touches Σ costᵢ ξᵢ (or Σ costᵢ ξᵢ²), as a function of the weights, at one w.
pub(crate) struct PlaneSum {
    /// Σ costᵢ Δᵢ over examples with positive slack; Σ costᵢ (2ξᵢ Δᵢ − ξᵢ²) if slacks are squared.
    pub offset: f64,
    /// Σ costᵢ δᵢ over the same examples; Σ costᵢ 2ξᵢ δᵢ if slacks are squared.
    pub delta: Vec<f64>,
    /// What the slacks of all examples cost.
    pub slacks: SlackSum,
    /// The sizes that the rounding of `offset` and `delta` is measured against.
    pub sizes: Sizes,
    /// Additions that a coordinate of `delta` has seen, at most.
    additions: usize,
}

impl PlaneSum {
    /// Nothing yet.
    pub fn new(dim: usize) -> Self {
        let (slacks, sizes) = (SlackSum::default(), Sizes::default());
        Self { offset: 0.0, delta: vec![0.0; dim], slacks, sizes, additions: 0 }
    }

    /// Adds a sum over other examples.
    pub fn add(&mut self, other: &Self) {
        self.offset += other.offset;
        self.slacks.absorb(&other.slacks);
        self.sizes = self.sizes.plus(other.sizes);
        self.additions += other.additions + 1;
        self.delta.iter_mut().zip(&other.delta).for_each(|(sum, value)| *sum += value);
    }
}

impl PlaneSum {
    /// Adds the plane of an example, whose value is known, if its slack costs anything.
    fn add_plane(&mut self, (plane, missed): (&RawPlane<'_>, f64), cost: SlackCost, example: usize) {
        let slack = plane.value;
        self.slacks.add(cost, example, Answer { value: slack, missed }, Known::new(0.0, plane.magnitude, 0.0));
        if slack > 0.0 && cost.bound > 0.0 {
            // The tangent of the cost at the slack: of squared slacks 2ξΔ − ξ² and 2ξδ.
            let slope = cost.slope(slack);
            let less = if cost.ridge > 0.0 { cost.of(slack) } else { 0.0 };
            self.offset += slope * plane.offset - less;
            self.sizes.offset += slope * plane.offset + less;
            self.sizes.delta += slope * plane.size();
            self.additions += 1 + plane.rows.len() + plane.entries.len();
            plane.add_to(&mut self.delta, slope);
        }
    }

    /// Bounds on the rounding errors of `offset` and `delta`.
    pub fn errors(&self) -> Sizes {
        self.sizes.scaled(off(self.additions))
    }
}

impl<'a, T: Task> Oracles<'a, T> {
    /// Checks the examples and starts the threads (0: as many as there are cores).
    pub fn new(
        task: &'a T,
        examples: Vec<&'a Example<T::Input, T::Output>>,
        threads: usize,
    ) -> Result<Self, SolveError> {
        if examples.is_empty() {
            return Err(SolveError::NoExamples);
        }
        for (index, example) in examples.iter().enumerate() {
            check_example(task, index, example)?;
        }
        let workers = WorkerPool::new(threads)?;
        let Some(merged) =
            equals(task, &examples).and_then(|equals| Merged::new(&equals, |index| examples[index].weight))
        else {
            return Ok(Self::of(task, examples, 0, workers));
        };
        let left = merged.left.iter().map(|&(first, _)| examples[first]).collect();
        Ok(Self { merged: Some(merged), ..Self::of(task, left, 0, workers) })
    }

    /// For examples that are known to be right, of which the first has this position among all.
    pub fn of(
        task: &'a T,
        examples: Vec<&'a Example<T::Input, T::Output>>,
        first: usize,
        workers: WorkerPool<T>,
    ) -> Self {
        Self { task, examples, merged: None, first, workers, each: f64::INFINITY, calls: 0, seconds: 0.0 }
    }

    /// Gives back the threads.
    pub fn into_workers(self) -> WorkerPool<T> {
        self.workers
    }
}

/// What the task says of equal examples, if it says it of all.
fn equals<T: Task>(task: &T, examples: &[&Example<T::Input, T::Output>]) -> Option<Vec<usize>> {
    task.first_of_equals(examples).filter(|equals| equals.len() == examples.len())
}

/// How many of the examples training sees: of equal ones, one.
pub(crate) fn different<T: Task>(task: &T, examples: &[&Example<T::Input, T::Output>]) -> usize {
    equals(task, examples)
        .map_or(examples.len(), |equals| equals.iter().enumerate().filter(|(index, first)| *first >= index).count())
}

/// Checks one example.
pub(crate) fn check_example<T: Task>(
    task: &T,
    index: usize,
    example: &Example<T::Input, T::Output>,
) -> Result<(), SolveError> {
    let refuse = |message| SolveError::Example { index, message };
    if !(example.weight.is_finite() && example.weight >= 0.0) {
        return Err(refuse(format!("its weight must be a finite number of at least 0, not {}", example.weight)));
    }
    task.validate(&example.x, &example.y).map_err(refuse)
}

impl<T: Task> WorkerPool<T> {
    /// Starts the threads (0: as many as the pool around has, or as there are cores).
    pub fn new(threads: usize) -> Result<Self, SolveError> {
        let around = rayon::current_thread_index().map(|_| rayon::current_num_threads());
        let threads = match threads {
            0 => around.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from)),
            given => given,
        };
        let pool = match threads {
            1 => Pool::Single,
            _ if around == Some(threads) => Pool::Around,
            _ => {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
                Pool::Own(pool.map_err(|error| SolveError::Threads(error.to_string()))?)
            }
        };
        let scratch = (0..threads).map(|_| Mutex::default()).collect();
        Ok(Self { pool, scratch })
    }
}

impl Pool {
    /// Runs `work` where its parallel iterators find the threads, and tells it whether there are several that are worth waking.
    fn run(&self, worth: bool, work: impl FnOnce(bool) + Send) {
        match self {
            Self::Own(pool) if worth => pool.install(|| work(true)),
            Self::Around => work(worth),
            _ => work(false),
        }
    }
}

impl<'a, T: Task> Oracles<'a, T> {
    /// Hands itself over to another solver; nothing is left.
    pub fn take(&mut self) -> Self {
        let workers = WorkerPool {
            pool: std::mem::take(&mut self.workers.pool),
            scratch: std::mem::take(&mut self.workers.scratch),
        };
        Self { examples: std::mem::take(&mut self.examples), merged: self.merged.take(), workers, ..*self }
    }

    /// Number of examples: of equal ones there is one here.
    pub fn len(&self) -> usize {
        self.examples.len()
    }

    /// Number of examples as they were given.
    pub fn given(&self) -> usize {
        self.merged.as_ref().map_or(self.len(), |merged| merged.parts.len())
    }

    /// The position of an example among those that were given; the first of equal ones.
    pub fn name(&self, index: usize) -> usize {
        self.first + self.merged.as_ref().map_or(index, |merged| merged.left[index].0)
    }

    /// Dual variables of these examples, in their order, as dual variables of those that were given.
    pub fn divide(&self, variables: Vec<DualVariable>) -> Vec<DualVariable> {
        let Some(Merged { parts, .. }) = &self.merged else { return variables };
        let start = |at: u32| variables.partition_point(|variable| variable.example.is_some_and(|e| e < at as usize));
        let part = |(given, &(at, part)): (usize, &(u32, f64))| {
            let its = &variables[start(at)..start(at + 1)];
            let of = move |variable: &DualVariable| DualVariable { alpha: part * variable.alpha, ..*variable };
            its.iter().map(of).map(move |variable| DualVariable { example: Some(given), ..variable })
        };
        match variables.first() {
            Some(DualVariable { example: Some(_), .. }) => parts.iter().enumerate().flat_map(part).collect(),
            _ => variables,
        }
    }

    pub fn dim(&self) -> usize {
        self.task.dim()
    }

    /// The weight of each example.
    pub fn weights(&self) -> impl Iterator<Item = f64> {
        (0..self.len()).map(|index| self.weight(index))
    }

    fn weight(&self, index: usize) -> f64 {
        self.merged.as_ref().map_or(self.examples[index].weight, |merged| merged.left[index].1)
    }

    /// The rows that the oracle of an example may write, in their order.
    pub fn rows(&self, index: usize) -> Vec<Row<'a>> {
        let mut rows = Vec::new();
        let Example { x, y, .. } = self.examples[index];
        self.task.rows(x, y, &mut |row| rows.push(row));
        rows
    }

    /// Calls the oracles of a batch of examples at w; the j-th answer goes to `planes[j]`.
    ///
    /// # Errors
    /// The first answer of the batch that is no plane.
    pub fn separate(&mut self, w: &[f64], batch: &[usize], planes: &mut [Planes<'a>]) -> Result<(), Fault> {
        self.call_batch(w, batch, planes, |_, _| {})
    }

    /// The same with the values of the planes at w, beside the largest value of the planes of `cache`:
    /// the rows that both read are in the processor's cache then. `length` is ‖w‖.
    ///
    /// # Errors
    /// As [`separate`](Self::separate).
    pub fn compare(
        &mut self,
        w: &[f64],
        batch: &[usize],
        planes: &mut [Planes<'a>],
        (cache, length): (&[Block<'a>], f64),
    ) -> Result<(), Fault> {
        self.call_batch(w, batch, planes, |planes, index| {
            planes.as_mut_slice().iter_mut().for_each(|plane| plane.evaluate(w));
            let answer = planes.highest().map_or((f64::NAN, 0.0), |plane| (plane.value, plane.magnitude));
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
        then: impl Fn(&mut Planes<'a>, usize) + Sync,
    ) -> Result<(), Fault> {
        let began = Instant::now();
        let this = &*self;
        let faulty = AtomicBool::new(false);
        let answer = |planes: &mut Planes<'a>, &index: &usize| {
            this.call(w, index, planes);
            match planes.fault(w.len()) {
                Some(_) => faulty.store(true, Ordering::Relaxed),
                None => then(planes, index),
            }
        };
        // The first calls ever are timed: one to warm up, one to tell what a call takes.
        let timed = if self.each.is_finite() { 0 } else { batch.len().min(2) };
        let answers = &mut planes[..batch.len()];
        let (first, planes) = answers.split_at_mut(timed);
        let (probes, batch_left) = batch.split_at(timed);
        let mut each = self.each;
        for (planes, index) in first.iter_mut().zip(probes) {
            let began = Instant::now();
            answer(planes, index);
            each = began.elapsed().as_secs_f64();
        }
        // Who runs them does not change what they answer.
        let worth = batch_left.len() > 1 && each * batch_left.len() as f64 >= WORTH_WAKING;
        let share = batch_left.len().div_ceil(8 * self.workers.scratch.len());
        self.workers.pool.run(worth, |parallel| match parallel {
            true => {
                let work = planes.par_iter_mut().zip(batch_left).with_min_len(share);
                work.for_each(|(planes, index)| answer(planes, index));
            }
            false => planes.iter_mut().zip(batch_left).for_each(|(planes, index)| answer(planes, index)),
        });
        self.each = each;
        self.seconds += began.elapsed().as_secs_f64();
        self.calls += batch.len() as u64;
        if !faulty.into_inner() {
            return Ok(());
        }
        let fault = |(&index, planes): (&usize, &Planes<'a>)| {
            Some(Fault { example: self.name(index), kind: planes.fault(w.len())? })
        };
        batch.iter().zip(&*answers).find_map(fault).map_or(Ok(()), Err)
    }

    /// Calls every oracle at w and sums the planes; what a slack costs is `each` times the weight of its example.
    ///
    /// Examples are summed in fixed lanes and the lanes in order, so the bits do not depend on the number of threads.
    /// `tick` is called between slices of the work.
    ///
    /// # Errors
    /// The first example whose answer is no plane; the oracles of some that follow are not called then.
    pub fn sum_planes(
        &mut self,
        w: &[f64],
        each: f64,
        norm: SlackNorm,
        tick: &mut dyn FnMut(u64, f64),
    ) -> Result<PlaneSum, Fault> {
        struct Lane<'a> {
            next: usize,
            end: usize,
            planes: Planes<'a>,
            sum: PlaneSum,
            fault: Option<Fault>,
        }
        let (n, dim, calls) = (self.len(), w.len(), self.calls);
        let lanes = (LANE_BYTES / (8 * dim.max(1))).clamp(1, MOST_LANES).min(n);
        let mut lanes: Vec<Lane<'a>> = (0..lanes)
            .map(|lane| Lane {
                next: n * lane / lanes,
                end: n * (lane + 1) / lanes,
                planes: Planes::only_first(),
                sum: PlaneSum::new(dim),
                fault: None,
            })
            .collect();
        let mut slice = 1;
        while lanes.iter().any(|lane| lane.next < lane.end) {
            let began = Instant::now();
            let this = &*self;
            let run = |lane: &mut Lane<'a>| {
                let end = lane.end.min(lane.next + slice);
                for index in lane.next..end {
                    let cost = SlackCost::new(each * this.weight(index), norm);
                    this.call(w, index, &mut lane.planes);
                    if let Some(kind) = lane.planes.fault(dim) {
                        lane.fault = Some(Fault { example: this.name(index), kind });
                        lane.end = index;
                        lane.next = index;
                        return;
                    }
                    let missed = lane.planes.missed();
                    for plane in lane.planes.as_mut_slice() {
                        plane.evaluate(w);
                        lane.sum.add_plane((plane, missed), cost, this.name(index));
                    }
                }
                lane.next = end;
            };
            let before: usize = lanes.iter().map(|lane| lane.next).sum();
            self.workers.pool.run(true, |parallel| match parallel {
                true => lanes.par_iter_mut().for_each(run),
                false => lanes.iter_mut().for_each(run),
            });
            let after: usize = lanes.iter().map(|lane| lane.next).sum();
            self.calls += (after - before) as u64;
            let seconds = began.elapsed().as_secs_f64();
            self.seconds += seconds;
            // The slices only serve the ticks: about twenty a second, whatever an oracle costs.
            if seconds < 0.05 {
                slice *= 2;
            } else if seconds > 0.2 {
                slice = (slice / 2).max(1);
            }
            tick(self.calls, self.seconds);
            // The first fault is known when the lanes before its own have ended.
            let mut ended = lanes.iter().take_while(|lane| lane.next == lane.end);
            if let Some((fault, index)) = ended.find_map(|lane| Some((lane.fault?, lane.next))) {
                // How far the other lanes have come depends on the clock.
                self.calls = calls + index as u64 + 1;
                return Err(fault);
            }
        }
        let mut lanes = lanes.into_iter();
        let mut total = lanes.next().map_or_else(|| unreachable!("there are examples"), |lane| lane.sum);
        lanes.for_each(|lane| total.add(&lane.sum));
        Ok(total)
    }

    /// Replaces `planes` by the plane put together from parts of an example's, if its slack is above `least`.
    ///
    /// # Errors
    /// What is put together is no plane.
    pub fn recombine(
        &self,
        w: &[f64],
        index: usize,
        parts: &mut dyn Iterator<Item = Part<'a>>,
        least: f64,
        planes: &mut Planes<'a>,
    ) -> Result<(), Fault> {
        let Example { x, y, .. } = self.examples[index];
        planes.clear();
        planes.add_if(|sink| match self.workers.scratch[0].try_lock() {
            Ok(mut scratch) => self.task.recombine(w, (x, y), parts, least, &mut scratch, sink),
            Err(_) => self.task.recombine(w, (x, y), parts, least, &mut T::Scratch::default(), sink),
        });
        let fault = planes.as_slice().iter().find_map(|plane| plane.fault(w.len()));
        fault.map_or(Ok(()), |kind| Err(Fault { example: self.name(index), kind }))
    }

    fn call(&self, w: &[f64], index: usize, planes: &mut Planes<'a>) {
        let thread = rayon::current_thread_index().unwrap_or(0) % self.workers.scratch.len();
        let Example { x, y, .. } = self.examples[index];
        planes.clear();
        match self.workers.scratch[thread].try_lock() {
            Ok(mut scratch) => self.task.separate(w, x, y, &mut scratch, planes),
            // An oracle that runs threads of its own may find itself called again on this one.
            Err(_) => self.task.separate(w, x, y, &mut T::Scratch::default(), planes),
        }
    }
}
