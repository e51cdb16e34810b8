//! Values in double precision: rows in single precision, and what rounding took from their values.

use crosscut::Feature;
use serde::{Deserialize, Serialize};

use super::{Range, note::named};

/// Rounds a value to single precision. The second number is what rounding took from it, itself
/// rounded: together they have 48 bits of the value.
pub fn round(value: f64) -> (f32, f32) {
    let rounded = value as f32;
    (rounded, (value - f64::from(rounded)) as f32)
}

/// The indices and values of a row. `rest` is what rounding took from the values; it is in the same
/// order, and lacks the features of which nothing was taken.
pub fn doubles<'r>(
    row: &'r [Feature],
    rest: &'r [Feature],
) -> impl Iterator<Item = (u32, f64)> + 'r {
    let mut rest = rest.iter().peekable();
    row.iter().map(move |feature| {
        let taken = rest.next_if(|rest| rest.index == feature.index);
        let taken = taken.map_or(0.0, |rest| f64::from(rest.value));
        (feature.index, f64::from(feature.value) + taken)
    })
}

/// Finds features whose values differ by so little that single precision hardly tells them apart.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Coarse {
    /// By id: the range of the values that single precision cannot hold.
    inexact: Vec<Range>,
}

impl Coarse {
    /// Features with larger ids are not looked at: tables do not have so many columns.
    const COLUMNS: u32 = 1 << 16;
    /// The values of a column must span this part of their size, or 256 steps of single precision.
    const SPAN: f64 = 1.0 / (1 << 15) as f64;

    /// Adds a row as it is in the file. Rounding has taken `rest` from its values.
    pub fn see(&mut self, row: &[Feature], rest: &[Feature]) {
        let mut row = row.iter();
        for taken in rest.iter().take_while(|taken| taken.index < Self::COLUMNS) {
            let Some(feature) = row.find(|feature| feature.index == taken.index) else { return };
            let at = taken.index as usize;
            if at >= self.inexact.len() {
                self.inexact.resize(at + 1, Range::EMPTY);
            }
            self.inexact[at].add(f64::from(feature.value) + f64::from(taken.value));
        }
    }

    /// Adds what was found in other rows.
    pub fn merge(&mut self, other: Self) {
        if self.inexact.len() < other.inexact.len() {
            self.inexact.resize(other.inexact.len(), Range::EMPTY);
        }
        let ranges = self.inexact.iter_mut().zip(other.inexact);
        ranges.for_each(|(range, other)| range.merge(other));
    }

    /// A note on such features; `None` if there are none. `rows` has all rows as features are
    /// numbered in training, `index` gives the number of an id, and `name` the name of a number.
    pub fn note(
        &self,
        rows: impl Iterator<Item = impl AsRef<[Feature]>>,
        index: impl Fn(u32) -> Option<u32>,
        name: impl Fn(usize) -> String,
    ) -> Option<String> {
        // Most files have no candidates, and then their rows are not read.
        let mut found: Vec<(u32, Range)> = (0..)
            .zip(self.inexact.iter().copied())
            .filter(|(_, range)| range.width() > 0.0 && range.is_within(Self::SPAN))
            .filter_map(|(id, range)| Some((index(id)?, range)))
            .collect();
        if found.is_empty() {
            return None;
        }
        for row in rows {
            let row = row.as_ref();
            for (index, range) in &mut found {
                let at = row.binary_search_by_key(index, |feature| feature.index);
                range.add(at.map_or(0.0, |at| f64::from(row[at].value)));
            }
        }
        found.retain(|(_, range)| range.is_within(Self::SPAN));
        let found: Vec<usize> = found.into_iter().map(|(index, _)| index as usize).collect();
        let verb = if found.len() == 1 { "has" } else { "have" };
        Some(format!(
            "{} {verb} values so close to each other that single precision, in which features are kept, hardly tells them \
             apart; --scale standard (or global) computes with them as they are in the file",
            named(&found, name)?
        ))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::svmlight::parse_line;

    /// The note on a file of one column of these values; an empty text is a row without it.
    fn note(values: &[&str]) -> Option<String> {
        let lines: Vec<String> = values
            .iter()
            .map(|value| if value.is_empty() { "1 2:1".into() } else { format!("1 1:{value} 2:1") })
            .collect();
        let lines: Vec<_> = lines.iter().map(|line| parse_line(line).unwrap().unwrap()).collect();
        let mut coarse = Coarse::default();
        lines.iter().for_each(|line| coarse.see(&line.features, &line.rest));
        coarse.note(lines.iter().map(|line| &*line.features), Some, |id| id.to_string())
    }

    #[test]
    fn columns_that_rounding_flattens_are_named() {
        for flat in [
            &["1600000005", "1600000010", "1600000000"][..],
            &["0.10000001", "0.10000002"],
            &["-7e20", "-7.0000001e20"],
        ] {
            assert!(note(flat).unwrap().starts_with("feature 1 has values so close"), "{flat:?}");
        }
        for fine in [
            &["0.1", "0.1", "0.1"][..],
            &["1600000005", "1600000010", ""],
            &["1600000005", "1600000010", "5"],
            &["16777216", "16777217", "16780001"],
            &["0.1", "0.2"],
            &["1990", "2020"],
            &[],
        ] {
            assert_eq!(note(fine), None, "{fine:?}");
        }
    }

    proptest! {
        #[test]
        fn a_value_is_its_rounding_and_its_rest(value in -1e30..1e30_f64) {
            let (rounded, rest) = round(value);
            let error = (f64::from(rounded) + f64::from(rest) - value).abs();
            prop_assert!(error <= value.abs() * 2.0_f64.powi(-48), "{value}: {error}");
        }
    }
}
