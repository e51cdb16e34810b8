//! [`Scaling`]: scales features to comparable sizes, by their values in the training rows.
//!
//! A row is an example of multiclass, a token of a sequence, a document of a query. If a row lacks
//! a feature, the value there is 0. Each row counts once, whatever the weight of its example. The
//! training rows are those of the whole file, also in a cross-validation.
//!
//! | `--scale` | a value x becomes | for |
//! |---|---|---|
//! | `none` | x | features of one kind: text, pixels, symbols |
//! | `standard` | (x − mean) / σ, or x / σ if most rows lack the feature | tables of numbers with different units |
//! | `global` | (x − origin) / (high − low) | sparse rows; values with limits |
//!
//! σ is the standard deviation over all n training rows (divisor n, not n − 1); low and high are
//! the least and the largest value.
//!
//! **Sparse rows stay sparse.** Subtracting a mean turns every missing value into one that must be
//! stored. `standard` therefore centres a feature only if at least half of the training rows have
//! it (a value other than 0). This at most doubles the number of stored values. The origin of
//! `global` is 0 if 0 lies in the range of the feature, so zeros stay zeros. Otherwise no training
//! row lacks the feature, and the origin is the end of the range nearest to 0.
//!
//! **Effect of a shift.** Shifting a feature changes no ranking, and a task with a bias can absorb
//! it in the weights of the bias. For a task without a bias, a shift changes the problem: the mean
//! of the feature acted as a bias and is removed. The same holds for constants: a feature with a
//! single value becomes 0.
//!
//! **Rare features** become large by `standard`: if one row of n has a feature, its value becomes
//! about √n. `global` keeps values of 0 and 1 as they are.
//!
//! **Precision.** Statistics and scaled values are computed in double precision, of the values as
//! they are in files: a column such as 1600000005, 1600000010, which single precision cannot tell
//! apart, is scaled without loss. Only the results are rounded to single precision.
//!
//! Values read later may lie outside the range of the training rows. They are scaled likewise and
//! not clipped, except that they stay finite in single precision.

mod columns;
mod double;
mod note;

use std::borrow::Cow;

use crosscut::{Feature, SparseRows};
use serde::{Deserialize, Serialize, Serializer};

pub use columns::{Columns, ColumnsById, Range};
pub use double::{Coarse, doubles, round};
pub use note::{Apart, constants, far_apart, largest, largest_of_dense};

/// The values of `--scale` for a scaling computed from all training rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Method {
    /// Values stay as they are.
    #[default]
    None,
    /// By mean and standard deviation.
    Standard,
    /// By the range.
    Global,
}

impl Method {
    /// The method with this name.
    pub fn named(name: &str) -> Option<Self> {
        [Self::None, Self::Standard, Self::Global].into_iter().find(|method| method.name() == name)
    }

    /// The name, as a value of `--scale`.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Standard => "standard",
            Self::Global => "global",
        }
    }
}

/// The affine map of each feature (see the [module](self)). By default values stay as they are.
///
/// ```
/// use crosscut::Feature;
/// use crosscut_data::scaling::{Columns, Method};
///
/// let row = |value| [Feature { index: 0, value }];
/// let mut columns = Columns::new(1);
/// [10.0, 20.0, 60.0].iter().for_each(|&value| columns.add(&row(value), &[]));
/// let scaling = columns.scaling(Method::Global);
///
/// let mut scaled = Vec::new();
/// scaling.apply(&row(35.0), &[], &mut scaled);
/// assert_eq!(scaled, row(0.5));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "UncheckedScaling", into = "UncheckedScaling")]
pub struct Scaling {
    method: Method,
    /// One map for each feature; empty for [`Method::None`].
    features: Vec<Affine>,
    /// Derived: the features for which 0 is not mapped to 0, in order.
    shifted: Vec<u32>,
}

/// The serialised form of a [`Scaling`], not checked yet.
#[derive(Serialize, Deserialize)]
struct UncheckedScaling {
    method: Method,
    features: Vec<Affine>,
}

impl TryFrom<UncheckedScaling> for Scaling {
    type Error = String;

    fn try_from(UncheckedScaling { method, features }: UncheckedScaling) -> Result<Self, String> {
        if method == Method::None && !features.is_empty() {
            return Err("expected no numbers to scale by where features are not scaled".to_owned());
        }
        match features.iter().position(|affine| !affine.is_sound()) {
            Some(at) => Err(format!("expected finite numbers to scale feature {at} by")),
            None => Ok(Self::new(method, features)),
        }
    }
}

impl From<Scaling> for UncheckedScaling {
    fn from(Scaling { method, features, .. }: Scaling) -> Self {
        Self { method, features }
    }
}

impl Scaling {
    fn new(method: Method, features: Vec<Affine>) -> Self {
        let shifted = (0..).zip(&features).filter(|(_, affine)| affine.apply(0.0) != 0.0);
        Self { method, shifted: shifted.map(|(index, _)| index).collect(), features }
    }

    /// The method it was computed by.
    pub fn method(&self) -> Method {
        self.method
    }

    /// Whether values stay as they are.
    pub fn is_none(&self) -> bool {
        self.method == Method::None
    }

    /// Whether it applies to this number of features.
    pub fn fits(&self, features: usize) -> bool {
        self.is_none() || self.features.len() == features
    }

    /// Appends the scaled features of a row, in order and without zeros. Rounding has taken `rest`
    /// from the values of the row (see [`doubles`]).
    ///
    /// The results are finite if the values of the row are. The time is proportional to the number
    /// of features of the row plus the number of shifted features.
    ///
    /// # Panics
    /// If the row has a feature beyond the number that it [`fits`](Self::fits).
    pub fn apply(&self, row: &[Feature], rest: &[Feature], to: &mut Vec<Feature>) {
        if self.is_none() {
            return to.extend_from_slice(row);
        }
        let mut push = |index: u32, value: f64| {
            let value = self.features[index as usize].apply(value);
            if value != 0.0 {
                to.push(Feature { index, value });
            }
        };
        let mut missing = self.shifted.iter().copied().peekable();
        for (index, value) in doubles(row, rest) {
            while let Some(index) = missing.next_if(|&missing| missing < index) {
                push(index, 0.0);
            }
            missing.next_if_eq(&index);
            push(index, value);
        }
        missing.for_each(|index| push(index, 0.0));
    }

    /// What `export` writes: the method and, by name, the map of each feature; `None` if values stay as
    /// they are.
    pub fn exported<'s>(
        &'s self,
        name: &'s dyn Fn(usize) -> Cow<'s, str>,
    ) -> Option<impl Serialize + 's> {
        let features = Named { features: &self.features, name };
        (!self.is_none()).then(|| Exported { method: self.method.name(), features })
    }

    /// Scales several rows with [`apply`](Self::apply). `rests` has a row for each of them, or none
    /// at all.
    ///
    /// # Panics
    /// As for [`apply`](Self::apply).
    pub fn apply_all(&self, rows: SparseRows, rests: &SparseRows) -> SparseRows {
        if self.is_none() {
            return rows;
        }
        let (mut scaled, mut buffer) = (SparseRows::default(), Vec::new());
        for (at, row) in rows.iter().enumerate() {
            let rest = if rests.is_empty() { &[] } else { rests.row(at).features() };
            buffer.clear();
            self.apply(row.features(), rest, &mut buffer);
            scaled.push(&buffer).expect("order and finite values are kept");
        }
        scaled.shrink_to_fit();
        scaled
    }
}

/// A scaling in an exported model.
#[derive(Serialize)]
struct Exported<'s> {
    method: &'static str,
    features: Named<'s>,
}

/// The maps of features by the names of these.
struct Named<'s> {
    features: &'s [Affine],
    name: &'s dyn Fn(usize) -> Cow<'s, str>,
}

impl Serialize for Named<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let features = self.features.iter().enumerate();
        serializer.collect_map(features.map(|(index, affine)| ((self.name)(index), affine)))
    }
}

/// x becomes (x − origin) / width, or 0 if the width is 0.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Affine {
    origin: f64,
    width: f64,
}

impl Affine {
    /// Maps every value to 0.
    pub const ZERO: Self = Self { origin: 0.0, width: 0.0 };

    fn is_sound(&self) -> bool {
        self.origin.is_finite() && self.width.is_finite() && self.width >= 0.0
    }

    /// The scaled value, finite if the value is.
    pub fn apply(self, value: f64) -> f32 {
        if self.width == 0.0 {
            return 0.0;
        }
        let scaled = (value - self.origin) / self.width;
        scaled.clamp(f64::from(f32::MIN), f64::from(f32::MAX)) as f32
    }
}

#[cfg(test)]
mod tests;
