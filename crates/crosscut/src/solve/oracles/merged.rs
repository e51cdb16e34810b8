//! [`Merged`]: equal examples merged into one.

use crate::solve::solution::DualVariable;

/// Equal examples merged into one, with the sum of their weights.
pub(super) struct Merged {
    /// For each original example: the position of its merged example, and its fraction of the
    /// merged weight.
    parts: Vec<(u32, f64)>,
    /// For each merged example: the position of its first original example, and the merged weight.
    pub left: Vec<(usize, f64)>,
}

impl Merged {
    /// From the result of [`Task::first_of_equals`](crate::Task::first_of_equals); `None` if all
    /// examples are different.
    pub fn new(first_of_equals: &[usize], weight: impl Fn(usize) -> f64) -> Option<Self> {
        let n = u32::try_from(first_of_equals.len()).ok()?;
        let mut merged = Self { parts: Vec::new(), left: Vec::new() };
        let Self { parts, left } = &mut merged;
        // Sums with the rounding errors of all additions: C times a sum bounds dual variables.
        let mut errors: Vec<f64> = Vec::new();
        for (index, &first) in (0..n as usize).zip(first_of_equals) {
            let at = if first < index { parts[first].0 } else { left.len() as u32 };
            let weight = weight(index);
            match left.get_mut(at as usize) {
                Some((_, sum)) => {
                    // Neither weight nor sum is negative (Knuth 1997, 4.2.2, theorem B).
                    let next = *sum + weight;
                    let added = next - *sum;
                    errors[at as usize] += (*sum - (next - added)) + (weight - added);
                    *sum = next;
                }
                None => {
                    left.push((index, weight));
                    errors.push(0.0);
                }
            }
            parts.push((at, weight));
        }
        left.iter_mut().zip(errors).for_each(|((_, sum), error)| *sum += error);
        for (at, part) in parts.iter_mut() {
            let whole = left[*at as usize].1;
            *part = if whole > 0.0 { *part / whole } else { 0.0 };
        }
        (left.len() < parts.len()).then_some(merged)
    }

    /// Number of original examples.
    pub fn given(&self) -> usize {
        self.parts.len()
    }

    /// Converts dual variables of the merged examples, in their order, to dual variables of the
    /// original examples.
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
