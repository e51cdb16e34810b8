//! [`Interrupt`]: SIGINT and SIGTERM ask training to end soon.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

/// Listens for SIGINT and SIGTERM. The first signal is recorded, and training polls it. The next
/// one ends the program at once, with exit code 128 plus its number, as in shells.
#[derive(Clone, Debug)]
pub struct Interrupt {
    caught: Arc<AtomicUsize>,
}

impl Interrupt {
    /// Starts to listen. Until then, the signals end the program as usual.
    ///
    /// # Errors
    /// Errors of the system.
    pub fn listen() -> io::Result<Self> {
        let caught = Arc::new(AtomicUsize::new(0));
        let again = Arc::new(AtomicBool::new(false));
        // The shutdown handlers come first: on the first signal they find `again` unset, and only
        // then is it set. The next signal finds it set and ends the program.
        for signal in [SIGINT, SIGTERM] {
            flag::register_conditional_shutdown(signal, exit_code(signal), Arc::clone(&again))?;
        }
        for signal in [SIGINT, SIGTERM] {
            flag::register(signal, Arc::clone(&again))?;
            flag::register_usize(signal, Arc::clone(&caught), signal.unsigned_abs() as usize)?;
        }
        Ok(Self { caught })
    }

    /// The exit code for the recorded signal, if there is one: 130 for SIGINT, 143 for SIGTERM.
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
