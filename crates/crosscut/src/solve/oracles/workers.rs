//! [`WorkerPool`]: the threads that run oracles.

use crate::solve::error::SolveError;

/// The threads that run oracles.
pub(crate) struct WorkerPool {
    pool: Pool,
    threads: usize,
}

/// Whose threads they are.
enum Pool {
    /// That of the caller, alone.
    Single,
    /// Those of the pool in which the caller runs: it takes its part of the work, and nobody is
    /// waited for who still sleeps.
    Around,
    Own(rayon::ThreadPool),
}

impl WorkerPool {
    /// Starts the threads (0: as many as the pool around has, or as there are cores).
    pub fn new(threads: usize) -> Result<Self, SolveError> {
        let around = rayon::current_thread_index().map(|_| rayon::current_num_threads());
        let threads = match threads {
            0 => around
                .unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from)),
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
        Ok(Self { pool, threads })
    }

    /// How many there are.
    pub fn threads(&self) -> usize {
        self.threads
    }

    /// The number of the thread that asks.
    pub fn current() -> usize {
        rayon::current_thread_index().unwrap_or(0)
    }

    /// Runs `work` where its parallel iterators find the threads, and tells it whether there are
    /// several that are worth waking.
    pub fn run(&self, worth: bool, work: impl FnOnce(bool) + Send) {
        match &self.pool {
            Pool::Own(pool) if worth => pool.install(|| work(true)),
            Pool::Around => work(worth),
            _ => work(false),
        }
    }
}
