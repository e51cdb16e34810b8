//! [`Pages`]: a long vector of numbers, in large pages of memory where the system has them.

use std::ops::{Deref, DerefMut};

use memmap2::MmapMut;

/// Vectors of fewer bytes come from the allocator.
const LEAST_BYTES: usize = 8 << 20;

/// A vector of numbers whose entries are read in no order.
///
/// With pages of 4 KiB, nearly every such read of a long vector waits for the translation of an
/// address. Linux has pages of 2 MiB for memory that asks for them
/// (`/sys/kernel/mm/transparent_hugepage/enabled` is `madvise` or `always`). Anywhere else this is
/// a plain vector.
#[derive(Debug)]
pub(crate) struct Pages(Memory);

#[derive(Debug)]
enum Memory {
    Large(MmapMut),
    Plain(Vec<f64>),
}

impl Pages {
    /// A copy of a vector.
    pub fn of(values: Vec<f64>) -> Self {
        match large(size_of_val(&*values)) {
            Some(map) => {
                let mut pages = Self(Memory::Large(map));
                pages.copy_from_slice(&values);
                pages
            }
            None => Self(Memory::Plain(values)),
        }
    }
}

/// Zeroed memory in large pages, `None` if there is none or it is not worth it.
#[cfg(target_os = "linux")]
fn large(bytes: usize) -> Option<MmapMut> {
    if bytes < LEAST_BYTES {
        return None;
    }
    let map = MmapMut::map_anon(bytes).ok()?;
    map.advise(memmap2::Advice::HugePage).ok()?;
    Some(map)
}

#[cfg(not(target_os = "linux"))]
fn large(_: usize) -> Option<MmapMut> {
    None
}

impl Deref for Pages {
    type Target = [f64];

    fn deref(&self) -> &[f64] {
        match &self.0 {
            Memory::Large(map) => bytemuck::cast_slice(map),
            Memory::Plain(values) => values,
        }
    }
}

impl DerefMut for Pages {
    fn deref_mut(&mut self) -> &mut [f64] {
        match &mut self.0 {
            Memory::Large(map) => bytemuck::cast_slice_mut(map),
            Memory::Plain(values) => values,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vector_is_the_same_wherever_it_is() {
        for length in [0, 3, LEAST_BYTES / size_of::<f64>() + 1] {
            let values: Vec<f64> = (0..length).map(|at| at as f64).collect();
            let mut pages = Pages::of(values.clone());
            assert!(*pages == *values);
            if let Some(last) = pages.last_mut() {
                *last = -1.0;
                assert_eq!(pages[length - 1], -1.0);
            }
        }
    }
}
