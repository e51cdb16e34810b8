//! Every target on every one of its seeds, with the memory that a fuzzer would allow.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, and so do its helpers")]

use std::alloc::System;
use std::fs;
use std::panic::catch_unwind;
use std::path::Path;

use cap::Cap;
use crosscut_fuzz::{MEMORY, TARGETS, made, mend};

#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, usize::MAX);

/// The one test here: the limit is that of the whole process.
#[test]
fn seeds_break_no_promise() {
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds");
    let mut failed = Vec::new();
    for target in TARGETS {
        let mut files: Vec<_> = fs::read_dir(seeds.join(target.name))
            .unwrap()
            .map(|file| file.unwrap().path())
            .collect();
        files.sort();
        assert!(files.len() >= 10, "{} has {} seeds", target.name, files.len());
        for file in files {
            let bytes = fs::read(&file).unwrap();
            ALLOCATOR.set_limit(ALLOCATOR.allocated() + MEMORY).unwrap();
            if catch_unwind(|| (target.run)(&bytes)).is_err() {
                failed.push(format!(
                    "{}/{}",
                    target.name,
                    file.file_name().unwrap().to_string_lossy()
                ));
            }
        }
    }
    // Models: any eight bytes may be no number, or a length beyond memory.
    let open = TARGETS.iter().find(|target| target.name == "model").unwrap().run;
    for file in fs::read_dir(seeds.join("model")).unwrap() {
        let name = file.unwrap().path();
        let model =
            made(&fs::read(&name).unwrap()).unwrap_or_else(|| panic!("{name:?} is refused"));
        ALLOCATOR.set_limit(ALLOCATOR.allocated() + MEMORY).unwrap();
        for at in 0..model.len() - 8 {
            let number = if at % 2 == 0 { f64::NAN.to_bits() } else { 1 << 36 };
            let mut changed = model.clone();
            changed[at..at + 8].copy_from_slice(&number.to_le_bytes());
            let changed = mend(changed.clone()).unwrap_or(changed);
            if catch_unwind(|| open(&changed)).is_err() {
                failed.push(format!("{} with {number:x} at {at}", name.display()));
            }
        }
    }
    assert!(failed.is_empty(), "{failed:?}");
    // Folders without a target would never be looked at.
    for folder in fs::read_dir(seeds).unwrap() {
        let name = folder.unwrap().file_name();
        assert!(
            TARGETS.iter().any(|target| target.name == name.to_str().unwrap()),
            "{name:?} is no target"
        );
    }
}
