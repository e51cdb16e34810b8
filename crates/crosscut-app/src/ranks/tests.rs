use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};

use proptest::prelude::*;

use super::*;
use crate::error::Error;

/// The sum of vectors in order, as a plain loop adds them.
fn plain_sum(vectors: &[Vec<f64>]) -> Vec<f64> {
    let mut sum = vectors[0].clone();
    for vector in &vectors[1..] {
        sum.iter_mut().zip(vector).for_each(|(sum, value)| *sum += value);
    }
    sum
}

/// Bits of a vector; any NaN is the same NaN.
fn bits(vector: &[f64]) -> Vec<u64> {
    let bits = |value: &f64| if value.is_nan() { u64::MAX } else { value.to_bits() };
    vector.iter().map(bits).collect()
}

/// The sum on the root, and the bytes that each rank has sent.
fn summed(vectors: &[Vec<f64>]) -> (Vec<f64>, Vec<u64>) {
    let mut results = Threads::run(vectors.len(), |ranks| {
        let ranks = Counted::new(ranks);
        let mut vector = vectors[ranks.rank()].clone();
        sum(&ranks, &mut vector);
        (vector, ranks.sent())
    });
    let sent = results.iter().map(|(_, sent)| *sent).collect();
    (results.swap_remove(0).0, sent)
}

fn entry() -> impl Strategy<Value = f64> {
    prop_oneof![
        8 => Just(0.0),
        4 => -1e3..1e3,
        1 => Just(-0.0),
        1 => Just(f64::NAN),
        1 => Just(f64::INFINITY),
        1 => any::<f64>(),
    ]
}

/// Vectors of some ranks; those of a rank are nearly all 0, mixed or without a 0.
fn vectors() -> impl Strategy<Value = Vec<Vec<f64>>> {
    (1_usize..7, 0_usize..40).prop_flat_map(|(ranks, dim)| {
        let sparse = prop_oneof![20 => Just(0.0), 1 => entry()].boxed();
        let dense = (-1.0..1.0).boxed();
        let vector = prop_oneof![Just(sparse), Just(entry().boxed()), Just(dense)]
            .prop_flat_map(move |entry| prop::collection::vec(entry, dim));
        prop::collection::vec(vector, ranks)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(crosscut_testkit::cases(2000)))]

    #[test]
    fn a_sum_has_the_bits_of_a_loop_over_the_ranks(vectors in vectors()) {
        let (sum, sent) = summed(&vectors);
        prop_assert_eq!(bits(&sum), bits(&plain_sum(&vectors)));
        let (ranks, dim) = (vectors.len(), vectors[0].len());
        for sent in sent {
            // The contents, and a byte for each message.
            prop_assert!(sent <= (16 * dim + ranks) as u64, "{} bytes for {} entries", sent, dim);
        }
    }
}

#[test]
fn zeros_with_a_sign_and_nan_survive_in_both_forms() {
    let mut sparse = vec![0.0; 1000];
    (sparse[3], sparse[500], sparse[999]) = (-0.0, f64::NAN, 1.5);
    let mut minus = vec![-0.0; 1000];
    minus[7] = f64::NAN;
    let zeros = vec![0.0; 1000];
    for vectors in [
        vec![sparse.clone(), sparse.clone()],
        vec![minus.clone(), minus.clone(), minus.clone()],
        vec![minus.clone(), sparse.clone()],
        vec![zeros.clone(), minus, zeros.clone()],
        vec![zeros.clone(), sparse, zeros],
    ] {
        let (sum, _) = summed(&vectors);
        assert_eq!(bits(&sum), bits(&plain_sum(&vectors)));
    }
    // One rank keeps what it has.
    let mut alone = [-0.0, f64::NAN];
    sum(&Local, &mut alone);
    assert_eq!(bits(&alone), bits(&[-0.0, f64::NAN]));
}

#[test]
fn zeros_cost_little() {
    let (ranks, dim) = (4, 40_000);
    let vectors: Vec<Vec<f64>> = (0..ranks)
        .map(|rank| {
            let mut vector = vec![0.0; dim];
            (0..100).for_each(|i| vector[rank + i * 397] = 1.0);
            vector
        })
        .collect();
    let (sum, sent) = summed(&vectors);
    assert_eq!(sum, plain_sum(&vectors));
    // Its own entries, and those of all ranks in a slice.
    assert!(sent.iter().all(|&sent| sent < (100 + 4 * 100) * 12 + 8), "{sent:?}");
}

#[test]
fn vectors_of_different_lengths_are_refused() {
    let run = || {
        Threads::run(3, |ranks| sum(ranks, &mut vec![1.0; 10 + ranks.rank() / 2]));
    };
    assert!(catch_unwind(run).is_err());
}

/// A message of `from` for `to`, whose length depends on both.
fn message(from: usize, to: usize) -> Vec<u8> {
    (0..from * 100 + to * 7).map(|i| (i + from + to) as u8).collect()
}

#[test]
fn messages_arrive_in_the_order_of_ranks() {
    for size in 1..6 {
        Threads::run(size, |ranks| check_messages(ranks, size));
    }
    check_messages(&Local, 1);
}

fn check_messages(ranks: &dyn Collective, size: usize) {
    assert_eq!(ranks.size(), size);
    let me = ranks.rank();
    for round in 0..3 {
        let mut bytes = message(me, round);
        ranks.broadcast(&mut bytes);
        assert_eq!(bytes, message(0, round));
        let expected = |from: usize| message(from, round);
        let gathered = ranks.gather(message(me, round));
        let all: Vec<_> = (0..size).map(expected).collect();
        assert_eq!(gathered, if me == 0 { all } else { Vec::new() });
        let parts = (0..size).map(|to| message(me, to)).collect();
        let all: Vec<_> = (0..size).map(|from| message(from, me)).collect();
        assert_eq!(ranks.exchange(parts), all);
    }
}

#[test]
fn values_arrive_whole() {
    let value = |rank: usize| (format!("rank {rank}"), vec![rank as u64; rank], Some(-0.5));
    for size in 1..5 {
        Threads::run(size, |ranks| {
            let me = ranks.rank();
            let sent = broadcast_value(ranks, (me == 0).then(|| value(7))).unwrap();
            assert_eq!(sent, value(7));
            let all: Vec<_> = (0..size).map(value).collect();
            let gathered = gather_values(ranks, value(me)).unwrap();
            assert_eq!(gathered, if me == 0 { all } else { Vec::new() });
        });
    }
}

#[test]
fn damaged_messages_are_errors() {
    // The root sends a text, and the other rank expects something else.
    let errors = Threads::run(2, |ranks| match ranks.rank() {
        0 => broadcast_value(ranks, Some("some words".to_owned())).map(drop),
        _ => broadcast_value::<[u64; 5]>(ranks, None).map(drop),
    });
    assert!(errors[0].is_ok());
    let error = errors[1].as_ref().unwrap_err();
    assert!(matches!(error, Error::Ranks(_)), "{error:?}");
    assert!(error.to_string().starts_with("the message of rank 0 is damaged: "), "{error}");
    // Bytes are left; and a text claims more bytes than there are.
    let errors = Threads::run(3, |ranks| match ranks.rank() {
        0 => gather_values(ranks, 0_u8).map(drop),
        1 => gather_values(ranks, 5_u8).map(drop),
        _ => gather_values(ranks, [u64::MAX; 2]).map(drop),
    });
    let error = errors[0].as_ref().unwrap_err();
    assert!(error.to_string().starts_with("the message of rank 2 is damaged: "), "{error}");
    assert!(broadcast_value::<u8>(&Local, None).is_err());
}

#[test]
fn all_ranks_fail_with_the_first_that_has_failed() {
    let outcome = |rank: usize, failing: &[usize]| match failing.contains(&rank) {
        true if rank == 2 => Err(Error::file("f", format!("no luck for {rank}"))),
        true => Err(Error::Ranks(format!("no luck for {rank}"))),
        false => Ok(rank),
    };
    for (size, failing) in [(4, &[2, 3][..]), (4, &[0, 2]), (3, &[1]), (1, &[0]), (4, &[])] {
        let results = Threads::run(size, |ranks| agree(ranks, outcome(ranks.rank(), failing)));
        for (rank, result) in results.into_iter().enumerate() {
            match (failing.first(), result) {
                (None, result) => assert_eq!(result.unwrap(), rank),
                (Some(first), Ok(_)) => panic!("rank {rank} does not know that {first} has failed"),
                (Some(first), Err(error)) => {
                    let own = outcome(*first, failing).unwrap_err();
                    assert_eq!(error.to_string(), format!("rank {first}: {own}"));
                    assert_eq!(error.is_bad_input(), own.is_bad_input());
                }
            }
        }
    }
}

/// The message of the panic that ends a run of `size` ranks.
fn panic_of(size: usize, each: impl Fn(&dyn Collective) + Sync) -> String {
    let run = AssertUnwindSafe(|| {
        Threads::run(size, each);
    });
    let panic = catch_unwind(run).unwrap_err();
    match panic.downcast::<String>() {
        Ok(message) => *message,
        Err(other) => other.downcast_ref::<&str>().copied().unwrap().to_owned(),
    }
}

#[test]
fn a_rank_that_ends_ends_those_that_wait_for_it() {
    let reached = AtomicUsize::new(0);
    let fails = |how: fn(&dyn Collective)| {
        panic_of(4, |ranks| {
            ranks.broadcast(&mut vec![1]);
            if ranks.rank() == 2 {
                how(ranks);
            } else {
                ranks.gather(vec![1]);
                reached.fetch_add(1, Ordering::Relaxed);
            }
        })
    };
    assert_eq!(fails(|_| panic!("out of luck")), "out of luck");
    assert_eq!(fails(|ranks| ranks.abort(130)), "rank 2 ends the job with exit code 130");
    assert_eq!(fails(|_| ()), "rank 2 has ended while another rank waits for it");
    assert_eq!(reached.into_inner(), 0);
}

#[test]
fn ranks_that_call_different_methods_do_not_wait_for_each_other() {
    let message = panic_of(3, |ranks| match ranks.rank() {
        1 => ranks.broadcast(&mut Vec::new()),
        _ => drop(ranks.gather(Vec::new())),
    });
    assert!(message.contains("broadcast") && message.contains("gather"), "{message}");
    let message = panic_of(2, |ranks| drop(ranks.exchange(vec![Vec::new(); 3])));
    assert!(message.contains("one part for each rank"), "{message}");
}

#[test]
fn only_bytes_for_other_ranks_count() {
    let sent = Threads::run(3, |ranks| {
        let ranks = Counted::new(ranks);
        ranks.broadcast(&mut vec![0; 10]);
        ranks.gather(vec![0; 100]);
        ranks.exchange(vec![vec![0; 1000]; 3]);
        ranks.sent()
    });
    assert_eq!(sent, [20 + 2000, 100 + 2000, 100 + 2000]);
}
