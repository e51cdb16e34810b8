//! Images in the files of MNIST, as svm-light text.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use crosscut_benches::idx::Idx;

use crate::error::RaceError;

/// Writes the images and labels of two files as svm-light lines: pixels / 255 with 5 significant
/// digits, zeros left out, classes counted from 1 (SVM^multiclass knows no class 0).
///
/// # Errors
/// Files that are not of this kind, or do not fit together.
pub fn to_svm_light(images: &Path, labels: &Path, out: &Path) -> Result<(), RaceError> {
    let pixels = Idx::<3>::open(images).map_err(RaceError::at(images))?;
    let labels = Idx::<1>::open(labels).map_err(RaceError::at(labels))?;
    let ([count, rows, columns], [classes]) = (pixels.sizes, labels.sizes);
    if count != classes {
        return Err(RaceError::Data(format!(
            "{}: {count} images but {classes} labels",
            images.display()
        )));
    }
    let values: Vec<String> =
        (0..=255).map(|pixel: u8| significant(f64::from(pixel) / 255.0)).collect();
    let mut writer = BufWriter::new(File::create(out).map_err(RaceError::at(out))?);
    let mut write = || -> std::io::Result<()> {
        for (image, label) in pixels.bytes.chunks_exact((rows * columns).max(1)).zip(&labels.bytes)
        {
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
