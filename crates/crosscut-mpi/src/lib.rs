//! Training on several machines that talk by MPI: the program `crosscut-mpi`.
//!
//! The program is behind the feature `mpi`, since it needs an MPI library (Open MPI, MPICH or
//! another one) with its compiler wrapper `mpicc`, and libclang, with which the bindings to MPI are
//! made:
//!
//! ```text
//! cargo install --path crates/crosscut-mpi --features mpi
//! mpirun -n 4 crosscut-mpi learn multiclass --c-sum 0.1 train.txt my.model
//! ```
//!
//! Each process is a rank; rank 0 is the root. All ranks get the same arguments. The root prints
//! and writes the model; the other ranks print nothing but errors. Without `mpirun`, the program is
//! one rank. The other verbs are those of the program `crosscut`.
//!
//! * **Results.** The same number of ranks gives the same model, bit for bit, with any number of
//!   threads. Another number gives other bits, and the same optimum within the certificate. One
//!   rank is as the program `crosscut`.
//! * **Checkpoints** are written and read by the root. `--resume` needs as many ranks as the run
//!   that wrote the checkpoint. If a rank dies, the launcher ends the job, and the last checkpoint
//!   is left.
//! * **Waiting** ranks sleep most of the time, and leave their cores to others.
//! * **Errors.** An error or a panic on any rank is printed with the number of the rank, and ends
//!   the whole job with the exit code of the program (see [`crosscut_cli::run`]); after a panic,
//!   101. MPI libraries and launchers add lines of their own.
//! * **Signals** that reach the root end training with the best model so far, as in `crosscut`; the
//!   other ranks go on until the root has ended. Send SIGUSR1 to Open MPI's `mpirun`, which
//!   forwards it. After SIGINT and SIGTERM, that launcher kills all ranks in about two seconds.
//! * **Threads.** Unless `--threads` is given, ranks that may use the same cores of a machine share
//!   them. Open MPI binds each of one or two ranks to one core; `mpirun --bind-to none` gives all
//!   cores of the machine to its ranks.
//!
//! A program for your own tasks calls `run` with another table than `src/main.rs` does.

mod guard;
#[cfg(feature = "mpi")]
mod mpi;
#[cfg(any(feature = "mpi", test))]
mod share;

pub use guard::guard;
#[cfg(feature = "mpi")]
pub use mpi::{Mpi, run};
