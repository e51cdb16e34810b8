//! [`WorkerPool`]: the threads of a run.

use rayon::prelude::*;

use crate::solve::error::SolveError;

/// Fewer multiplications than this would be done before other threads have woken up.
const WORTH_WAKING: f64 = 2e5;

/// The threads that run oracles, and loops over the planes of all examples.
pub(crate) struct WorkerPool {
    pool: Pool,
    threads: usize,
}

/// Where they run.
enum Pool {
    /// The caller's thread alone.
    Single,
    /// The caller's rayon pool; the caller takes a share and does not wait for idle workers.
    Around,
    Own(rayon::ThreadPool),
}

impl WorkerPool {
    /// Starts the threads. `threads` = 0 means the size of the current rayon pool or, outside a
    /// pool, the number of cores.
    pub fn new(threads: usize) -> Result<Self, SolveError> {
        let (around, threads) = (Self::around(), Self::count(threads));
        let pool = match threads {
            1 => Pool::Single,
            _ if around == Some(threads) => Pool::Around,
            _ => {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
                Pool::Own(pool.map_err(|error| SolveError::Threads(error.to_string()))?)
            }
        };
        // An absurd number of threads is capped by rayon.
        let threads = match &pool {
            Pool::Own(pool) => pool.current_num_threads(),
            _ => threads,
        };
        Ok(Self { pool, threads })
    }

    /// The number of threads that a pool with this setting has.
    pub fn count(threads: usize) -> usize {
        match (threads, Self::around()) {
            (0, Some(around)) => around,
            (0, None) => std::thread::available_parallelism().map_or(1, usize::from),
            (given, _) => given,
        }
    }

    /// The size of the current rayon pool, if there is one.
    fn around() -> Option<usize> {
        rayon::current_thread_index().map(|_| rayon::current_num_threads())
    }

    /// The number of threads.
    pub fn threads(&self) -> usize {
        self.threads
    }

    /// The index of the current thread in its rayon pool; 0 outside a pool.
    pub fn current() -> usize {
        rayon::current_thread_index().unwrap_or(0)
    }

    /// Runs `work` in the pool. Its argument says whether to run in parallel: there are several
    /// threads and the work is `worth` waking them.
    pub fn run(&self, worth: bool, work: impl FnOnce(bool) + Send) {
        match &self.pool {
            Pool::Own(pool) if worth => pool.install(|| work(true)),
            Pool::Around => work(worth),
            _ => work(false),
        }
    }

    /// Calls `call` for each item, in parallel if `work`, in multiplications, is worth it.
    pub fn for_each<T: Send>(
        &self,
        work: f64,
        items: &mut [T],
        call: impl Fn(&mut T) + Sync + Send,
    ) {
        let worth = items.len() > 1 && self.are_worth_waking(work);
        self.run(worth, |parallel| match parallel {
            true => items.par_iter_mut().with_max_len(1).for_each(call),
            false => items.iter_mut().for_each(call),
        });
    }

    /// Whether there are several threads, and enough work for them, in multiplications.
    pub fn are_worth_waking(&self, work: f64) -> bool {
        self.threads > 1 && work >= WORTH_WAKING
    }
}

/// One thread: the caller's.
impl Default for WorkerPool {
    fn default() -> Self {
        Self { pool: Pool::Single, threads: 1 }
    }
}
