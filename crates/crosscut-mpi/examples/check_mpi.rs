//! Not for users: what the tests of this crate start with mpirun.
//!
//! ```text
//! mpirun -n 4 check_mpi agree
//! mpirun -n 4 check_mpi threads
//! mpirun -n 4 check_mpi panic 2
//! mpirun -n 4 check_mpi panic-in-threads 2
//! ```

#![allow(clippy::print_stdout, reason = "a program")]

use crosscut_app::ranks::{Collective, broadcast_value, gather_values, sum};
use crosscut_mpi::{Mpi, guard};

fn main() {
    let mpi = Mpi::start().expect("MPI starts once");
    guard("check_mpi", &mpi, || {
        let words: Vec<String> = std::env::args().skip(1).collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        match words[..] {
            ["agree"] => agree(&mpi),
            ["threads"] => threads(&mpi),
            ["panic", rank] => wait_for(&mpi, rank, || panic!("out of luck")),
            ["panic-in-threads", rank] => {
                wait_for(&mpi, rank, || {
                    rayon::join(|| (), || panic!("out of luck"));
                });
            }
            _ => panic!("unknown words {words:?}"),
        }
    });
}

/// Prints how many threads each rank would have.
fn threads(mpi: &Mpi) {
    let all = gather_values(mpi, mpi.threads()).expect("they are sent");
    if mpi.rank() == 0 {
        println!("{all:?}");
    }
}

/// One rank ends while the others wait for it.
fn wait_for(mpi: &Mpi, rank: &str, end: impl FnOnce()) {
    if mpi.rank().to_string() == rank {
        end();
    }
    mpi.exchange(vec![vec![1]; mpi.size()]);
}

/// A message that depends on both ranks and on the round. Those of round 2 are longer than what MPI
/// is given at once.
fn message(from: usize, to: usize, round: usize) -> Vec<u8> {
    let length = [0, from * 1000 + to * 7, (9 << 20) + from * 100 + to][round];
    (0..length).map(|i| (i + (i >> 8) + 3 * from + 5 * to + round) as u8).collect()
}

/// Every kind of message arrives, and sums have the bits of a plain loop.
fn agree(mpi: &Mpi) {
    let (me, size) = (mpi.rank(), mpi.size());
    for round in 0..3 {
        let mut bytes = message(me, 0, round);
        mpi.broadcast(&mut bytes);
        assert!(bytes == message(0, 0, round), "broadcast, round {round}");
        let gathered = mpi.gather(message(me, 0, round));
        let all = if me == 0 { size } else { 0 };
        assert_eq!(gathered.len(), all);
        let right = |(from, bytes): (usize, &Vec<u8>)| *bytes == message(from, 0, round);
        assert!(gathered.iter().enumerate().all(right), "gather, round {round}");
        let received = mpi.exchange((0..size).map(|to| message(me, to, round)).collect());
        assert_eq!(received.len(), size);
        let right = |(from, bytes): (usize, &Vec<u8>)| *bytes == message(from, me, round);
        assert!(received.iter().enumerate().all(right), "exchange, round {round}");
    }
    for dim in [0, 1, 3, 1000, 100_003] {
        for step in [1, 50] {
            // Every step-th entry is not 0.
            let entry = |rank: usize, i: usize| match (i * 7 + rank) % step {
                0 => 1.0 / (1 + i + 31 * rank) as f64 - 0.1,
                _ => 0.0,
            };
            let mut vector: Vec<f64> = (0..dim).map(|i| entry(me, i)).collect();
            sum(mpi, &mut vector);
            let plain = |i| (1..size).fold(entry(0, i), |sum, rank| sum + entry(rank, i));
            if me == 0 {
                let right = |(i, value): (usize, &f64)| value.to_bits() == f64::to_bits(plain(i));
                assert!(vector.iter().enumerate().all(right), "sum of {dim} entries");
            }
        }
    }
    let word = broadcast_value(mpi, (me == 0).then(|| "word".to_owned())).expect("it is sent");
    let all = gather_values(mpi, format!("{word} {me}")).expect("they are sent");
    if me == 0 {
        let expected: Vec<String> = (0..size).map(|rank| format!("word {rank}")).collect();
        assert_eq!(all, expected);
        println!("{size} ranks agree");
    }
}
