//! Messages and ends of jobs, without training.

use std::thread::available_parallelism;
use std::time::Duration;

use crate::common::Home;

#[test]
fn messages_of_any_length_arrive_and_sums_have_the_bits_of_a_loop() {
    for ranks in [1, 2, 3, 4] {
        let Some(run) = Home::new().check(ranks, &["agree"]) else { return };
        assert_eq!((run.code, &*run.out), (0, &*format!("{ranks} ranks agree\n")), "{run:?}");
    }
}

#[test]
fn ranks_on_one_machine_share_its_cores() {
    let cores = available_parallelism().unwrap().get();
    for ranks in [1, 2, 4] {
        let Some(run) = Home::new().check(ranks, &["threads"]) else { return };
        let threads: Vec<usize> = run
            .out
            .trim_matches(['[', ']', '\n'])
            .split(", ")
            .map(|threads| threads.parse().unwrap())
            .collect();
        assert_eq!(threads.len(), ranks, "{run:?}");
        // A launcher that binds each rank to a core leaves cores unused.
        assert!(threads.iter().all(|&threads| threads >= 1), "{run:?}");
        assert!(threads.iter().sum::<usize>() <= cores.max(ranks), "{run:?}");
    }
}

#[test]
fn a_panic_on_one_rank_ends_all() {
    for how in ["panic", "panic-in-threads"] {
        for (ranks, rank) in [(1, "0"), (2, "0"), (4, "2")] {
            let Some(run) = Home::new().check(ranks, &[how, rank]) else { return };
            assert_eq!(run.code, 101, "{run:?}");
            let told = format!("check_mpi: rank {rank}: panicked");
            assert_eq!(run.complaints("check_mpi"), [told], "{run:?}");
            assert!(run.err.contains("out of luck"), "{run:?}");
            assert!(run.took < Duration::from_secs(20), "{run:?}");
        }
    }
}
