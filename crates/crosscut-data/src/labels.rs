//! [`Labels`]: labels of the training file as dense numbers.

use std::cmp;
use std::collections::HashSet;

use serde::{Deserialize, Serialize};

/// Label names in a fixed order: numerical if all of them are numbers, lexicographic otherwise.
///
/// Equal numbers are one label, whose name is the shortest of them: `1`, `+1`, `1.0`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<String>", into = "Vec<String>")]
pub struct Labels {
    names: Vec<String>,
    /// Positions in `names`, sorted by name.
    by_text: Vec<u32>,
    /// The keys of those that are numbers, in increasing order, with their positions.
    by_number: Vec<(u64, u32)>,
}

impl Labels {
    /// The distinct names among `names`.
    pub fn collect<'n>(names: impl IntoIterator<Item = &'n str>) -> Self {
        let mut distinct: Vec<&str> =
            names.into_iter().collect::<HashSet<_>>().into_iter().collect();
        distinct.sort_by_key(|&name| (name.len(), name));
        let mut numbers = HashSet::new();
        distinct.retain(|name| key(name).is_none_or(|key| numbers.insert(key)));
        let mut names: Vec<String> = distinct.into_iter().map(str::to_owned).collect();
        if names.iter().all(|name| number(name).is_some()) {
            names.sort_by(|a, b| by_number(a, b));
        } else {
            names.sort();
        }
        Self::from(names)
    }

    /// Describes how the labels of a model differ from these, those of the examples; `None` if they
    /// are the same. `what` is the word for several of them.
    pub fn differ_from(&self, model: &Self, what: &str) -> Option<String> {
        let missing = |from: &Self, of: &Self| {
            of.iter().find(|name| from.index(name).is_none()).map(str::to_owned)
        };
        let found = match (missing(model, self), missing(self, model)) {
            (Some(name), _) => format!("no `{name}` in the model"),
            (None, Some(name)) => format!("`{name}`, which the examples do not have"),
            (None, None) => return None,
        };
        Some(format!("expected a model with the {what} of the examples, found {found}"))
    }

    /// The position of a name, or of another one for the same number; `None` if it is unknown.
    pub fn index(&self, name: &str) -> Option<usize> {
        let of = |&index: &u32| self.names[index as usize].as_str();
        let found = match self.by_text.binary_search_by(|index| of(index).cmp(name)) {
            Ok(at) => self.by_text[at],
            Err(_) => {
                let key = key(name)?;
                let at = self.by_number.binary_search_by_key(&key, |(number, _)| *number).ok()?;
                self.by_number[at].1
            }
        };
        Some(found as usize)
    }

    /// The name at `index < len()`.
    pub fn name(&self, index: usize) -> &str {
        &self.names[index]
    }

    /// Number of labels.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether there are no labels.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// The names in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }
}

impl From<Vec<String>> for Labels {
    /// Takes names in the order given.
    fn from(names: Vec<String>) -> Self {
        let mut by_text: Vec<u32> = (0..names.len() as u32).collect();
        by_text.sort_by(|&a, &b| names[a as usize].cmp(&names[b as usize]));
        let keys = names.iter().zip(0..).filter_map(|(name, at)| Some((key(name)?, at)));
        let mut by_number: Vec<(u64, u32)> = keys.collect();
        by_number.sort_unstable();
        Self { names, by_text, by_number }
    }
}

impl From<Labels> for Vec<String> {
    fn from(labels: Labels) -> Self {
        labels.names
    }
}

fn number(name: &str) -> Option<f64> {
    name.parse().ok().filter(|number: &f64| number.is_finite())
}

/// The same for equal numbers. `None` for other names, and for integers so large that different ones
/// could be one number in double precision.
fn key(name: &str) -> Option<u64> {
    const LARGEST: f64 = (1_u64 << 53) as f64;
    // −0 and 0 are equal.
    number(name).filter(|number| number.abs() < LARGEST).map(|number| (number + 0.0).to_bits())
}

fn by_number(a: &str, b: &str) -> cmp::Ordering {
    number(a).partial_cmp(&number(b)).unwrap_or(cmp::Ordering::Equal).then_with(|| a.cmp(b))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn labels_are_sorted_as_numbers_if_all_of_them_are() {
        let table: [(&[&str], &[&str]); 6] = [
            (&["10", "9", "-1", "9", "+1", "1", "1.0", "01", "-1e0"], &["-1", "1", "9", "10"]),
            (&["-0", "0.0", "a", "1e1000", "1e1001"], &["-0", "1e1000", "1e1001", "a"]),
            (&["9007199254740993", "9007199254740992"], &["9007199254740992", "9007199254740993"]),
            (&["10", "9", "a"], &["10", "9", "a"]),
            (&["10", "9", "nan"], &["10", "9", "nan"]),
            (&[], &[]),
        ];
        for (seen, expected) in table {
            let labels = Labels::collect(seen.iter().copied());
            assert_eq!(labels.iter().collect::<Vec<_>>(), expected);
            let found = seen.iter().all(|name| labels.index(name).is_some());
            assert!(found && labels.index("7").is_none(), "{seen:?}");
        }
        let labels = Labels::collect(["+1", "-1", "a"]);
        let index = |name| labels.index(name);
        assert_eq!(
            (index("1.0"), index("+1"), index("-01")),
            (index("1"), index("1"), index("-1"))
        );
        assert!(index("1").is_some() && index("A").is_none());
    }

    proptest! {
        #[test]
        fn labels_find_every_name_and_no_other(
            names in prop::collection::vec("[a-c0-3.+-]{0,3}", 0..20),
            other in "[a-c0-3.+-]{0,3}",
        ) {
            let labels = Labels::collect(names.iter().map(String::as_str));
            for index in 0..labels.len() {
                prop_assert_eq!(labels.index(labels.name(index)), Some(index));
            }
            let is_same = |name: &String| *name == other || key(name).is_some() && key(name) == key(&other);
            prop_assert_eq!(labels.index(&other).is_some(), names.iter().any(is_same));
            let again: Labels = serde_json::from_str(&serde_json::to_string(&labels).unwrap()).unwrap();
            prop_assert_eq!(again, labels);
        }
    }
}
