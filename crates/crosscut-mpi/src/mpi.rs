//! [`Mpi`]: ranks that are processes of MPI.

use std::env::args_os;
use std::fmt;
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use crosscut_app::ranks::{Collective, Local};
use crosscut_cli::{Program, Ranks};
use mpi::Threading;
use mpi::collective::{CommunicatorCollectives, Root};
use mpi::environment::Universe;
use mpi::point_to_point::{Destination, Source};
use mpi::request::{Request, Scope};
use mpi::topology::{Communicator, SimpleCommunicator};

use crate::guard::guard;
use crate::share;

/// Length of the longest message in bytes: longer ones are sent in parts, since MPI counts with 32
/// bits.
const CHUNK: usize = 4 << 20;

/// The ranks of an MPI job. MPI is finalised when this value is dropped.
///
/// All methods must be called on the thread that called [`start`](Self::start). A failure of MPI
/// ends the whole job.
pub struct Mpi {
    world: SimpleCommunicator,
    _universe: Universe,
}

impl Mpi {
    /// Starts MPI; a process without a launcher becomes a job of one rank. `None` if MPI has been
    /// started before.
    pub fn start() -> Option<Self> {
        // Other threads do not call MPI.
        let (universe, _) = mpi::initialize_with_threading(Threading::Funneled)?;
        Some(Self { world: universe.world(), _universe: universe })
    }

    /// Number of threads for this rank, at least 1: the cores that it may use, shared among the
    /// ranks of the machine that may use the same ones. All ranks must call it together.
    pub fn threads(&self) -> usize {
        let machine = self.world.split_shared(self.world.rank());
        let own = share::allowed_cores();
        let all = exchange(&machine, vec![own.clone().into_bytes(); count(machine.size())]);
        share::threads(&all, &own)
    }
}

/// Runs a program on the ranks of the MPI job, of which this process is one. `alone` is the name of
/// the program for one machine, which has the other verbs.
///
/// The exit codes are those of [`crosscut_cli::run`], and 101 after a panic.
pub fn run(program: &Program<'_>, alone: &str) -> ExitCode {
    let Some(mpi) = Mpi::start() else {
        // This cannot be `main`: MPI belongs to somebody else.
        let ranks = Ranks { collective: &Local, threads: 0, alone };
        return program.run_on(args_os(), &ranks);
    };
    guard(program.name, &mpi, || {
        let ranks = Ranks { collective: &mpi, threads: mpi.threads(), alone };
        program.run_on(args_os(), &ranks)
    })
}

impl Collective for Mpi {
    fn rank(&self) -> usize {
        count(self.world.rank())
    }

    fn size(&self) -> usize {
        count(self.world.size())
    }

    fn broadcast(&self, bytes: &mut Vec<u8>) {
        let root = self.world.process_at_rank(0);
        let mut length = bytes.len();
        mpi::request::scope(|scope| wait(root.immediate_broadcast_into(scope, &mut length)));
        bytes.resize(length, 0);
        bytes.chunks_mut(CHUNK).for_each(|chunk| root.broadcast_into(chunk));
    }

    fn gather(&self, bytes: Vec<u8>) -> Vec<Vec<u8>> {
        let root = self.world.process_at_rank(0);
        if self.rank() > 0 {
            let length = bytes.len();
            mpi::request::scope(|scope| wait(root.immediate_gather_into(scope, &length)));
            bytes.chunks(CHUNK).for_each(|chunk| root.send(chunk));
            return Vec::new();
        }
        let mut lengths = vec![0; self.size()];
        let length = bytes.len();
        mpi::request::scope(|scope| {
            wait(root.immediate_gather_into_root(scope, &length, &mut lengths[..]));
        });
        let mut all = vec![bytes];
        for (rank, &length) in (0..).zip(&lengths).skip(1) {
            all.push(receive(&self.world, rank, length));
        }
        all
    }

    fn exchange(&self, parts: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
        exchange(&self.world, parts)
    }

    fn abort(&self, code: i32) -> ! {
        self.world.abort(code)
    }
}

impl fmt::Debug for Mpi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MPI rank {} of {}", self.rank(), self.size())
    }
}

/// Waits for other ranks, and leaves the core to others meanwhile: MPI libraries ask for messages
/// all the time. Every method of [`Mpi`] begins with the lengths of its messages, so ranks wait
/// here for those that work longer.
fn wait<'a, D: ?Sized, S: Scope<'a>>(mut request: Request<'a, D, S>) {
    /// Most messages come within this time.
    const SOON: Duration = Duration::from_micros(100);
    const LONGEST_SLEEP: Duration = Duration::from_millis(1);
    let start = Instant::now();
    loop {
        match request.test() {
            Ok(_) => return,
            Err(unfinished) => request = unfinished,
        }
        let waited = start.elapsed();
        if waited < SOON {
            thread::yield_now();
        } else {
            // Adds a twentieth to the time at most.
            thread::sleep((waited / 20).min(LONGEST_SLEEP));
        }
    }
}

/// Sends a part to each rank of `ranks`, and returns what each has sent to this one.
fn exchange(ranks: &SimpleCommunicator, mut parts: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    let (size, me) = (ranks.size(), ranks.rank());
    assert_eq!(parts.len(), count(size), "an exchange has one part for each rank");
    let lengths: Vec<usize> = parts.iter().map(Vec::len).collect();
    let mut coming = vec![0; lengths.len()];
    mpi::request::scope(|scope| {
        wait(ranks.immediate_all_to_all_into(scope, &lengths[..], &mut coming[..]));
    });
    let mut received = vec![Vec::new(); lengths.len()];
    received[count(me)] = std::mem::take(&mut parts[count(me)]);
    // In each step, every rank sends to one rank and receives from one.
    for step in 1..size {
        let (to, from) = ((me + step) % size, (me - step).rem_euclid(size));
        let part = std::mem::take(&mut parts[count(to)]);
        received[count(from)] = mpi::request::scope(|scope| {
            let receiver = ranks.process_at_rank(to);
            let sending: Vec<_> =
                part.chunks(CHUNK).map(|chunk| receiver.immediate_send(scope, chunk)).collect();
            let received = receive(ranks, from, coming[count(from)]);
            for request in sending {
                request.wait();
            }
            received
        });
    }
    received
}

/// Receives a message of a known length.
fn receive(ranks: &SimpleCommunicator, from: i32, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    let sender = ranks.process_at_rank(from);
    for chunk in bytes.chunks_mut(CHUNK) {
        sender.receive_into(chunk);
    }
    bytes
}

/// A number of MPI, none of which is negative here.
fn count(number: i32) -> usize {
    usize::try_from(number).expect("MPI numbers ranks from 0")
}
