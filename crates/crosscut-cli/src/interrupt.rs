//! [`Interrupt`]: SIGINT, SIGTERM and the signals of batch systems ask training to end soon.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

#[cfg(unix)]
use signal_hook::consts::{SIGHUP, SIGUSR1, SIGXCPU};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

/// The signals that ask a program to end: from a terminal, from its window that closes, from `kill`,
/// from a batch system whose time is almost up.
#[cfg(unix)]
const SIGNALS: [i32; 5] = [SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGXCPU];
#[cfg(not(unix))]
const SIGNALS: [i32; 2] = [SIGINT, SIGTERM];

/// Listens for SIGINT, SIGTERM, SIGHUP, SIGUSR1 and SIGXCPU. The first signal is recorded, and
/// training polls it. The next one ends the program at once, with exit code 128 plus its number, as
/// in shells; not SIGXCPU, which the system repeats each second.
///
/// A signal that was ignored when the program began (`nohup`, a job in the background of a script)
/// stays ignored; that is known on Linux only.
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
        let ignored = ignored();
        let signals = || SIGNALS.into_iter().filter(|signal| ignored >> (signal - 1) & 1 == 0);
        // The shutdown handlers come first: on the first signal they find `again` unset, and only
        // then is it set. The next signal finds it set and ends the program.
        for signal in signals().filter(|signal| !is_repeated(*signal)) {
            flag::register_conditional_shutdown(signal, exit_code(signal), Arc::clone(&again))?;
        }
        for signal in signals() {
            flag::register(signal, Arc::clone(&again))?;
            flag::register_usize(signal, Arc::clone(&caught), signal.unsigned_abs() as usize)?;
        }
        Ok(Self { caught })
    }

    /// The exit code for the recorded signal, if there is one: 128 and its number, as 130 for SIGINT.
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

#[cfg(unix)]
fn is_repeated(signal: i32) -> bool {
    signal == SIGXCPU
}

#[cfg(not(unix))]
fn is_repeated(_: i32) -> bool {
    false
}

/// The signals that this process ignores: bit n − 1 is signal n.
fn ignored() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}
