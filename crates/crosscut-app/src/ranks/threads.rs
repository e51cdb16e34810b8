//! [`Threads`]: ranks that are threads of one process, for tests.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use super::{Collective, check_parts};

/// Ranks that are threads of one process, for tests.
///
/// A rank that panics, aborts or ends early ends all ranks that wait for it, and ranks that call
/// different methods panic: no test waits for ever.
#[derive(Clone, Copy, Debug)]
pub struct Threads;

impl Threads {
    /// Runs `each` on this number of ranks. Returns their results in the order of ranks.
    ///
    /// # Panics
    /// If a rank panics or [aborts](Collective::abort), with the payload of the lowest such
    /// rank; if a rank ends while another one waits for it; if `ranks` is 0.
    pub fn run<R: Send>(ranks: usize, each: impl Fn(&dyn Collective) -> R + Sync) -> Vec<R> {
        assert!(ranks > 0, "at least one rank");
        let each = &each;
        let ended: Vec<Result<R, Panic>> = thread::scope(|scope| {
            let threads: Vec<_> = mesh(ranks)
                .into_iter()
                .map(|rank| {
                    // The rank is dropped at the end of its thread, which the others notice.
                    scope.spawn(move || {
                        let result = catch_unwind(AssertUnwindSafe(|| each(&rank)));
                        drop(rank);
                        result
                    })
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap_or_else(Err)).collect()
        });
        let (mut results, mut gone) = (Vec::new(), None);
        for result in ended {
            match result {
                Ok(result) => results.push(result),
                Err(panic) => match panic.downcast::<Gone>() {
                    Ok(one) => gone = gone.or(Some(*one)),
                    // What the others say follows from this.
                    Err(cause) => resume_unwind(cause),
                },
            }
        }
        if let Some(Gone(rank)) = gone {
            panic!("rank {rank} has ended while another rank waits for it");
        }
        results
    }
}

type Panic = Box<dyn Any + Send>;

/// The payload of a panic that follows from the end of a rank, whose number it holds.
struct Gone(usize);

/// A message, with the method that was called.
type Message = (&'static str, Vec<u8>);

/// One rank, with a channel to and from each rank.
struct Thread {
    rank: usize,
    to: Vec<Sender<Message>>,
    from: Vec<Receiver<Message>>,
}

/// Ranks that are connected each with each.
fn mesh(ranks: usize) -> Vec<Thread> {
    let mut all: Vec<Thread> =
        (0..ranks).map(|rank| Thread { rank, to: Vec::new(), from: Vec::new() }).collect();
    for sender in 0..ranks {
        for receiver in 0..ranks {
            let (to, from) = channel();
            all[sender].to.push(to);
            all[receiver].from.push(from);
        }
    }
    all
}

impl Thread {
    /// Every method is an exchange, so that each rank notices if another one calls something else.
    fn meet(&self, method: &'static str, parts: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
        // Not `panic!`: the cause has been told already.
        let gone = |rank| -> ! { resume_unwind(Box::new(Gone(rank))) };
        for (rank, (to, part)) in self.to.iter().zip(parts).enumerate() {
            to.send((method, part)).unwrap_or_else(|_| gone(rank));
        }
        let receive = |(rank, from): (usize, &Receiver<Message>)| {
            let (called, part) = from.recv().unwrap_or_else(|_| gone(rank));
            assert_eq!(
                called, method,
                "rank {rank} calls the first, rank {} the second",
                self.rank
            );
            part
        };
        self.from.iter().enumerate().map(receive).collect()
    }
}

impl Collective for Thread {
    fn rank(&self) -> usize {
        self.rank
    }

    fn size(&self) -> usize {
        self.to.len()
    }

    fn broadcast(&self, bytes: &mut Vec<u8>) {
        let parts = match self.rank {
            0 => vec![bytes.clone(); self.size()],
            _ => vec![Vec::new(); self.size()],
        };
        *bytes = self.meet("broadcast", parts).swap_remove(0);
    }

    fn gather(&self, bytes: Vec<u8>) -> Vec<Vec<u8>> {
        let mut parts = vec![Vec::new(); self.size()];
        parts[0] = bytes;
        let parts = self.meet("gather", parts);
        if self.rank == 0 { parts } else { Vec::new() }
    }

    fn exchange(&self, parts: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
        check_parts(self, &parts);
        self.meet("exchange", parts)
    }

    fn abort(&self, code: i32) -> ! {
        panic!("rank {} ends the job with exit code {code}", self.rank)
    }
}
