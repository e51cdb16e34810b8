//! [`NoneKnown`]: whether a model knows any of the features that it is to predict with.

use std::sync::atomic::{AtomicBool, Ordering};

/// Whether files to predict have features, but none that the model knows.
#[derive(Debug, Default)]
pub struct NoneKnown {
    any: AtomicBool,
    known: AtomicBool,
}

impl NoneKnown {
    /// A line with this many features, of which the model knows so many.
    pub fn see(&self, features: usize, known: usize) {
        if features > 0 {
            self.any.store(true, Ordering::Relaxed);
        }
        if known > 0 {
            self.known.store(true, Ordering::Relaxed);
        }
    }

    /// Whether a feature is known.
    pub fn is_any(&self) -> bool {
        self.known.load(Ordering::Relaxed)
    }

    /// Adds what was seen of a piece of the same file.
    pub fn add(&self, piece: Self) {
        let [any, known] = [piece.any, piece.known].map(AtomicBool::into_inner);
        self.see(usize::from(any), usize::from(known));
    }

    /// A note on this file; `None` if a feature is known, or there are none at all.
    pub fn message(&self, file: &str) -> Option<String> {
        (self.any.load(Ordering::Relaxed) && !self.known.load(Ordering::Relaxed)).then(|| {
            format!(
                "{file}: the model knows none of the features, so that all scores are those of an empty line: are ids and names \
                 those of training?"
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_tells_of_features_none_of_which_is_known() {
        for (lines, noted) in [
            (&[][..], false),
            (&[(0, 0)], false),
            (&[(2, 0), (0, 0)], true),
            (&[(2, 0), (3, 1)], false),
        ] {
            let (whole, pieces) = (NoneKnown::default(), NoneKnown::default());
            for &(features, known) in lines {
                whole.see(features, known);
                let piece = NoneKnown::default();
                piece.see(features, known);
                pieces.add(piece);
            }
            for seen in [whole, pieces] {
                let message = seen.message("f");
                assert_eq!(message.is_some(), noted, "{lines:?}");
                assert!(message.is_none_or(|message| message.starts_with("f: ")));
            }
        }
    }
}
