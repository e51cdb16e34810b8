//! [`Interrupt`]: SIGINT and SIGTERM ask training to end soon.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

/// Listens for SIGINT and SIGTERM. The first one is remembered, for work that looks at it now and
/// then; the next one ends the program at once, with 128 plus its number, as shells count.
#[derive(Clone, Debug)]
pub struct Interrupt {
    caught: Arc<AtomicUsize>,
}

impl Interrupt {
    /// Starts to listen. Until then, signals end the program as they do any other.
    ///
    /// # Errors
    /// Those of the system.
    pub fn listen() -> io::Result<Self> {
        let caught = Arc::new(AtomicUsize::new(0));
        let again = Arc::new(AtomicBool::new(false));
        // In this order: the first signal finds nothing to end for, and arms the next.
        for signal in [SIGINT, SIGTERM] {
            flag::register_conditional_shutdown(signal, exit_code(signal), Arc::clone(&again))?;
        }
        for signal in [SIGINT, SIGTERM] {
            flag::register(signal, Arc::clone(&again))?;
            flag::register_usize(signal, Arc::clone(&caught), signal.unsigned_abs() as usize)?;
        }
        Ok(Self { caught })
    }

    /// The exit code for the signal that was caught, if one was: 130 for SIGINT, 143 for SIGTERM.
    pub fn exit_code(&self) -> Option<u8> {
        match self.caught.load(Ordering::Relaxed) {
            0 => None,
            signal => u8::try_from(128 + signal).ok(),
        }
    }
}

fn exit_code(signal: i32) -> i32 {
    128 + signal
}
