//! Files of bytes as MNIST has them.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;

/// The bytes of a file of N dimensions.
#[derive(Clone, Debug)]
pub struct Idx<const N: usize> {
    /// The sizes of the dimensions.
    pub sizes: [usize; N],
    /// As many bytes as the product of the sizes.
    pub bytes: Vec<u8>,
}

impl<const N: usize> Idx<N> {
    /// Reads a file, packed or not.
    ///
    /// # Errors
    /// Those of reading, and a file that is not of this kind.
    pub fn open(path: &Path) -> io::Result<Self> {
        let mut bytes = Vec::new();
        let file = File::open(path)?;
        match path.extension().is_some_and(|extension| extension == "gz") {
            true => MultiGzDecoder::new(file).read_to_end(&mut bytes),
            false => (&file).read_to_end(&mut bytes),
        }?;
        Self::parse(&bytes).ok_or_else(|| io::Error::other("expected a file of MNIST with bytes"))
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let rest = bytes.strip_prefix(&[0, 0, 8, u8::try_from(N).ok()?])?;
        let (head, bytes) = rest.split_at_checked(4 * N)?;
        let mut sizes = [0; N];
        for (size, word) in sizes.iter_mut().zip(head.as_chunks::<4>().0) {
            *size = usize::try_from(u32::from_be_bytes(*word)).ok()?;
        }
        let expected =
            sizes.iter().try_fold(1_usize, |product, &size| product.checked_mul(size))?;
        (bytes.len() == expected).then(|| Self { sizes, bytes: bytes.to_vec() })
    }
}
