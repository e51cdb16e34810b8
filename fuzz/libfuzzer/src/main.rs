//! libFuzzer around the target that the environment variable `TARGET` names. `fuzz/run` starts it.

#![no_main]

use std::alloc::System;
use std::sync::LazyLock;

use cap::Cap;
use crosscut_fuzz::{MEMORY, TARGETS, Target};
use libfuzzer_sys::fuzz_target;

/// Refuses memory beyond the limit, and what is refused memory aborts: a finding.
#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, usize::MAX);

static TARGET: LazyLock<&Target> = LazyLock::new(|| {
    let _ = rayon::ThreadPoolBuilder::new().num_threads(1).use_current_thread().build_global();
    let name = std::env::var("TARGET").unwrap_or_default();
    TARGETS.iter().find(|target| target.name == name).unwrap_or_else(|| panic!("there is no target `{name}`"))
});

fuzz_target!(|bytes: &[u8]| {
    let run = TARGET.run;
    let _ = ALLOCATOR.set_limit(ALLOCATOR.allocated() + MEMORY);
    run(bytes);
});
