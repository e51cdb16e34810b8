//! [`SummedPlane`]: a sum of planes of all examples.

use serde::{Deserialize, Serialize};

use crate::solve::bounds::{Sizes, off};
use crate::solve::vectors::{dot, inner_entries, squared_norm};

/// A plane of the working set.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct SummedPlane {
    pub offset: f64,
    pub delta: Delta,
    /// The sizes of the terms summed for `offset` and `delta`.
    pub sizes: Sizes,
    /// Bounds on the rounding errors of `offset` and `delta`.
    pub errors: Sizes,
    /// Iterations since its dual variable was positive.
    pub idle: u32,
}

#[derive(Clone, Serialize, Deserialize)]
pub(super) enum Delta {
    Sparse(Box<[(usize, f64)]>),
    Dense(Box<[f64]>),
}

impl SummedPlane {
    /// Multiplies the plane by a factor.
    pub fn scale(&mut self, factor: f64) {
        self.offset *= factor;
        self.delta.scale(factor);
        self.sizes = self.sizes.scaled(factor);
        self.errors = self.errors.scaled(factor).plus(self.sizes.scaled(off(0)));
    }
}

impl Delta {
    /// From a dense vector. Stores the vector or its non-zeros, whichever is smaller.
    pub fn new(values: Vec<f64>) -> Self {
        let nonzeros = values.iter().filter(|value| **value != 0.0).count();
        if nonzeros >= values.len() / 2 {
            return Self::Dense(values.into_boxed_slice());
        }
        let mut entries = Vec::with_capacity(nonzeros);
        entries.extend(values.into_iter().enumerate().filter(|(_, value)| *value != 0.0));
        Self::Sparse(entries.into_boxed_slice())
    }

    pub fn bytes(&self) -> usize {
        match self {
            Self::Sparse(entries) => size_of_val(&**entries),
            Self::Dense(values) => size_of_val(&**values),
        }
    }

    pub fn scale(&mut self, factor: f64) {
        match self {
            Self::Dense(values) => values.iter_mut().for_each(|value| *value *= factor),
            Self::Sparse(entries) => entries.iter_mut().for_each(|(_, value)| *value *= factor),
        }
    }

    pub fn add_to(&self, target: &mut [f64], factor: f64) {
        match self {
            Self::Dense(values) => {
                target.iter_mut().zip(values).for_each(|(t, value)| *t += factor * value)
            }
            Self::Sparse(entries) => {
                entries.iter().for_each(|&(index, value)| target[index] += factor * value)
            }
        }
    }

    /// ⟨δ, v⟩.
    pub fn dot(&self, v: &[f64]) -> f64 {
        match self {
            Self::Dense(values) => dot(values, v),
            Self::Sparse(entries) => entries.iter().map(|&(index, value)| value * v[index]).sum(),
        }
    }

    /// The values of δ at these increasing indices.
    pub fn gather(&self, indices: &[usize]) -> Vec<f64> {
        match self {
            Self::Dense(values) => indices.iter().map(|&index| values[index]).collect(),
            Self::Sparse(entries) => {
                let mut rest = entries.iter().peekable();
                let value = |&index: &usize| {
                    while rest.next_if(|entry| entry.0 < index).is_some() {}
                    rest.next_if(|entry| entry.0 == index).map_or(0.0, |entry| entry.1)
                };
                indices.iter().map(value).collect()
            }
        }
    }

    /// ‖δ − v‖².
    pub fn squared_distance(&self, v: &[f64]) -> f64 {
        let square = |difference: f64| difference * difference;
        match self {
            Self::Dense(values) => values.iter().zip(v).map(|(value, v)| square(value - v)).sum(),
            Self::Sparse(entries) => {
                let apart: f64 = entries
                    .iter()
                    .map(|&(index, value)| square(value - v[index]) - square(v[index]))
                    .sum();
                (squared_norm(v) + apart).max(0.0)
            }
        }
    }

    pub fn inner(&self, other: &Self) -> f64 {
        match (self, other) {
            (Self::Dense(a), Self::Dense(b)) => dot(a, b),
            (Self::Dense(dense), Self::Sparse(entries))
            | (Self::Sparse(entries), Self::Dense(dense)) => {
                entries.iter().map(|&(index, value)| dense[index] * value).sum()
            }
            (Self::Sparse(a), Self::Sparse(b)) => inner_entries(a, b),
        }
    }
}
