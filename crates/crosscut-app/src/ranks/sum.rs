//! [`sum`]: the sum of a vector of each rank.
//!
//! Rank j adds slice j of all ranks. Each slice is packed in the shorter one of two forms:
//!
//! | first byte | then |
//! |---|---|
//! | 0 | each entry: 8 bytes |
//! | 1 | each entry whose bits are not all 0: its index in 4 bytes, then its 8 bytes |
//!
//! Numbers are little-endian.

use std::ops::Range;

use super::Collective;

const DENSE: u8 = 0;
const SPARSE: u8 = 1;
/// Bytes of an index, of a number.
const INDEX: usize = size_of::<u32>();
const NUMBER: usize = size_of::<f64>();

/// Adds the vectors of all ranks on the root, in the order of ranks: the same bits for the same
/// number of ranks. Contents elsewhere are unspecified afterwards.
///
/// The bits are those of ((v₀ + v₁) + v₂) + …, whatever library carries the messages. A rank sends
/// at most 16 bytes for each of the d entries, and less if many entries are 0. All ranks must have
/// the same d.
///
/// # Panics
/// If ranks have vectors of different lengths.
pub fn sum(ranks: &dyn Collective, vector: &mut [f64]) {
    let (size, dim) = (ranks.size(), vector.len());
    if size == 1 {
        return;
    }
    let parts = (0..size).map(|rank| pack(&vector[slice(rank, size, dim)])).collect();
    let parts = ranks.exchange(parts);
    // The own slice is large enough for the sum.
    let own = &mut vector[slice(ranks.rank(), size, dim)];
    for (rank, part) in parts.iter().enumerate() {
        match rank {
            0 => unpack(part, own, |entry, value| *entry = value),
            _ => unpack(part, own, |entry, value| *entry += value),
        }
    }
    let sums = ranks.gather(pack(own));
    for (rank, part) in sums.iter().enumerate() {
        unpack(part, &mut vector[slice(rank, size, dim)], |entry, value| *entry = value);
    }
}

/// The entries that this rank adds, of `dim` ones.
fn slice(rank: usize, size: usize, dim: usize) -> Range<usize> {
    // As many for each rank as possible; the first ranks have one more.
    let start = |rank: usize| rank * (dim / size) + rank.min(dim % size);
    start(rank)..start(rank + 1)
}

/// The shorter form of a slice.
fn pack(values: &[f64]) -> Vec<u8> {
    // −0.0 has a bit, and so has each NaN.
    let others = values.iter().filter(|value| value.to_bits() != 0).count();
    let is_sparse =
        others * (INDEX + NUMBER) < values.len() * NUMBER && u32::try_from(values.len()).is_ok();
    if !is_sparse {
        let mut bytes = vec![DENSE; 1 + values.len() * NUMBER];
        for (to, value) in bytes[1..].chunks_exact_mut(NUMBER).zip(values) {
            to.copy_from_slice(&value.to_le_bytes());
        }
        return bytes;
    }
    let mut bytes = Vec::with_capacity(1 + others * (INDEX + NUMBER));
    bytes.push(SPARSE);
    for (index, value) in (0_u32..).zip(values) {
        if value.to_bits() != 0 {
            bytes.extend(index.to_le_bytes());
            bytes.extend(value.to_le_bytes());
        }
    }
    bytes
}

/// Calls `put` with each entry of `values` and its value in `bytes`, in order. Zeros are no
/// exception: −0.0 + 0.0 has other bits than −0.0.
fn unpack(bytes: &[u8], values: &mut [f64], put: impl Fn(&mut f64, f64)) {
    /// Why the bytes must be right.
    const SAME: &str = "all ranks sum vectors of one length";
    let (&form, mut rest) = bytes.split_first().expect(SAME);
    if form == DENSE {
        assert_eq!(rest.len(), values.len() * NUMBER, "{SAME}");
        for (entry, bytes) in values.iter_mut().zip(rest.chunks_exact(NUMBER)) {
            put(entry, f64::from_le_bytes(bytes.try_into().expect("a chunk has this length")));
        }
        return;
    }
    let mut at = 0;
    while let Some((index, tail)) = rest.split_first_chunk() {
        let (value, tail) = tail.split_first_chunk().expect("an index has a value");
        let index = u32::from_le_bytes(*index) as usize;
        assert!((at..values.len()).contains(&index), "{SAME}");
        values[at..index].iter_mut().for_each(|entry| put(entry, 0.0));
        put(&mut values[index], f64::from_le_bytes(*value));
        (at, rest) = (index + 1, tail);
    }
    values[at..].iter_mut().for_each(|entry| put(entry, 0.0));
}
