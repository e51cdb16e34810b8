//! Images in the files of MNIST, as svm-light text.

use std::fs::File;
use std::io::{BufWriter, Read, Write};
use std::path::Path;

use flate2::read::MultiGzDecoder;

use crate::error::RaceError;

/// Writes the images and labels of two files as svm-light lines: pixels / 255 with 5 significant digits, zeros left out, classes
/// counted from 1 (SVM^multiclass knows no class 0).
///
/// # Errors
/// Files that are not of this kind, or do not fit together.
pub fn to_svm_light(images: &Path, labels: &Path, out: &Path) -> Result<(), RaceError> {
    let (pixels, labels) = (open::<3>(images)?, open::<1>(labels)?);
    let ([count, rows, columns], [classes]) = (pixels.sizes, labels.sizes);
    if count != classes {
        return Err(RaceError::Data(format!("{}: {count} images but {classes} labels", images.display())));
    }
    let values: Vec<String> = (0..=255).map(|pixel: u8| significant(f64::from(pixel) / 255.0)).collect();
    let mut writer = BufWriter::new(File::create(out).map_err(RaceError::at(out))?);
    let mut write = || -> std::io::Result<()> {
        for (image, label) in pixels.bytes.chunks_exact((rows * columns).max(1)).zip(&labels.bytes) {
            write!(writer, "{}", u32::from(*label) + 1)?;
            for (at, &pixel) in image.iter().enumerate().filter(|(_, pixel)| **pixel != 0) {
                write!(writer, " {}:{}", at + 1, values[usize::from(pixel)])?;
            }
            writeln!(writer)?;
        }
        writer.flush()
    };
    write().map_err(RaceError::at(out))
}

/// A number below 10 with 5 significant digits.
fn significant(value: f64) -> String {
    let leading = if value > 0.0 { (-value.log10().floor()).max(0.0) as usize } else { 0 };
    let text = format!("{value:.*}", 4 + leading);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// The bytes of a file of so many dimensions.
struct Idx<const N: usize> {
    sizes: [usize; N],
    bytes: Vec<u8>,
}

fn open<const N: usize>(path: &Path) -> Result<Idx<N>, RaceError> {
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(RaceError::at(path))?;
    match path.extension().is_some_and(|extension| extension == "gz") {
        true => MultiGzDecoder::new(file).read_to_end(&mut bytes),
        false => (&file).read_to_end(&mut bytes),
    }
    .map_err(RaceError::at(path))?;
    parse(&bytes).ok_or_else(|| RaceError::Data(format!("{}: expected a file of MNIST with bytes", path.display())))
}

fn parse<const N: usize>(bytes: &[u8]) -> Option<Idx<N>> {
    let rest = bytes.strip_prefix(&[0, 0, 8, u8::try_from(N).ok()?])?;
    let (head, bytes) = rest.split_at_checked(4 * N)?;
    let mut sizes = [0; N];
    for (size, word) in sizes.iter_mut().zip(head.as_chunks::<4>().0) {
        *size = usize::try_from(u32::from_be_bytes(*word)).ok()?;
    }
    let expected = sizes.iter().try_fold(1_usize, |product, &size| product.checked_mul(size))?;
    (bytes.len() == expected).then(|| Idx { sizes, bytes: bytes.to_vec() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_become_lines() {
        let home = tempfile::tempdir().unwrap();
        let [images, labels, out] = ["images", "labels", "out"].map(|name| home.path().join(name));
        let head = [0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 3];
        std::fs::write(&images, [&head[..], &[0, 255, 1, 51, 0, 0]].concat()).unwrap();
        std::fs::write(&labels, [0, 0, 8, 1, 0, 0, 0, 2, 9, 0]).unwrap();
        to_svm_light(&images, &labels, &out).unwrap();
        assert_eq!(std::fs::read_to_string(&out).unwrap(), "10 2:1 3:0.0039216\n1 1:0.2\n");
        std::fs::write(&labels, [0, 0, 8, 1, 0, 0, 0, 1, 9]).unwrap();
        assert!(to_svm_light(&images, &labels, &out).is_err());
        std::fs::write(&images, head).unwrap();
        assert!(to_svm_light(&images, &labels, &out).is_err());
    }
}
