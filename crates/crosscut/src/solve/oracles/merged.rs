//! [`Merged`]: equal examples as one.

use crate::solve::solution::DualVariable;

/// Equal examples as one, with the sum of their weights.
pub(super) struct Merged {
    /// For each example that was given: the position of the one that stands for it, and its part of
    /// the weight of that.
    parts: Vec<(u32, f64)>,
    /// For each that is left: the position of the first that was given, and the weight.
    pub left: Vec<(usize, f64)>,
}

impl Merged {
    /// From what [`Task::first_of_equals`](crate::Task::first_of_equals) says; `None` if all are
    /// different.
    pub fn new(first_of_equals: &[usize], weight: impl Fn(usize) -> f64) -> Option<Self> {
        let n = u32::try_from(first_of_equals.len()).ok()?;
        let mut merged = Self { parts: Vec::new(), left: Vec::new() };
        let Self { parts, left } = &mut merged;
        for (index, &first) in (0..n as usize).zip(first_of_equals) {
            let at = if first < index { parts[first].0 } else { left.len() as u32 };
            match left.get_mut(at as usize) {
                Some((_, sum)) => *sum += weight(index),
                None => left.push((index, weight(index))),
            }
            parts.push((at, weight(index)));
        }
        for (at, part) in parts.iter_mut() {
            let whole = left[*at as usize].1;
            *part = if whole > 0.0 { *part / whole } else { 0.0 };
        }
        (left.len() < parts.len()).then_some(merged)
    }

    /// Number of examples that were given.
    pub fn given(&self) -> usize {
        self.parts.len()
    }

    /// Dual variables of the examples that are left, in their order, as dual variables of those
    /// that were given.
    pub fn divide(&self, variables: Vec<DualVariable>) -> Vec<DualVariable> {
        let start = |at: u32| {
            variables.partition_point(|variable| variable.example.is_some_and(|e| e < at as usize))
        };
        let part = |(given, &(at, part)): (usize, &(u32, f64))| {
            let its = &variables[start(at)..start(at + 1)];
            let of = move |variable: &DualVariable| DualVariable {
                alpha: part * variable.alpha,
                ..*variable
            };
            its.iter()
                .map(of)
                .map(move |variable| DualVariable { example: Some(given), ..variable })
        };
        match variables.first() {
            Some(DualVariable { example: Some(_), .. }) => {
                self.parts.iter().enumerate().flat_map(part).collect()
            }
            _ => variables,
        }
    }
}
