//! [`guard`]: a panic on one rank ends all.

use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};

use crosscut_app::ranks::Collective;

/// The exit code after a panic, as that of any Rust program.
const PANIC: i32 = 101;

/// Does the work of this rank. A panic is printed on standard error with the name of the program
/// and the number of the rank, and ends the whole job with exit code 101: other ranks may be
/// waiting for this one.
///
/// Adds a line to what the panic hook of the process prints.
pub fn guard<R>(name: &'static str, ranks: &dyn Collective, work: impl FnOnce() -> R) -> R {
    let rank = ranks.rank();
    let tell = take_hook();
    set_hook(Box::new(move |panic| {
        // If standard error is closed, the panic cannot be reported anywhere.
        let line = format!("{name}: rank {rank}: panicked\n");
        let _ = io::stderr().write_all(line.as_bytes());
        tell(panic);
    }));
    // The job ends on this thread, the only one that may call MPI. A panic on another thread comes
    // here if this one waits for its result.
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| ranks.abort(PANIC))
}
