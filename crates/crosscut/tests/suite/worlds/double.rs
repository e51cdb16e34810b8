//! Numbers as unevaluated sums of two `f64`: some 31 digits (Dekker 1971; Knuth 1997, 4.2.2,
//! theorems B and C).

use std::ops::{Add, AddAssign, Div, Mul, Sub, SubAssign};

/// The sum of `high` and `low`, where `high` is the sum rounded to an `f64`.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Double {
    high: f64,
    low: f64,
}

impl Double {
    /// a + b, exactly.
    fn sum(a: f64, b: f64) -> Self {
        let high = a + b;
        let back = high - a;
        Self { high, low: (a - (high - back)) + (b - back) }
    }

    /// a · b, exactly unless it underflows.
    fn product(a: f64, b: f64) -> Self {
        let high = a * b;
        Self { high, low: a.mul_add(b, -high) }
    }

    pub fn is_finite(self) -> bool {
        self.high.is_finite() && self.low.is_finite()
    }
}

impl From<f64> for Double {
    fn from(high: f64) -> Self {
        Self { high, low: 0.0 }
    }
}

impl From<Double> for f64 {
    fn from(double: Double) -> Self {
        double.high
    }
}

impl Add for Double {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        let (high, low) = (Self::sum(self.high, other.high), Self::sum(self.low, other.low));
        let middle = Self::sum(high.high, high.low + low.high);
        Self::sum(middle.high, middle.low + low.low)
    }
}

impl Sub for Double {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        self + Self { high: -other.high, low: -other.low }
    }
}

impl Mul for Double {
    type Output = Self;

    fn mul(self, other: Self) -> Self {
        let high = Self::product(self.high, other.high);
        Self::sum(high.high, high.low + (self.high * other.low + self.low * other.high))
    }
}

impl Div for Double {
    type Output = Self;

    fn div(self, other: Self) -> Self {
        let mut quotient = Self::from(self.high / other.high);
        // Each step of Newton's doubles the digits.
        for _ in 0..2 {
            let rest = self - quotient * other;
            quotient += (rest.high / other.high).into();
        }
        quotient
    }
}

impl AddAssign for Double {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl SubAssign for Double {
    fn sub_assign(&mut self, other: Self) {
        *self = *self - other;
    }
}
