//! What the files of tasks have in common, for tasks and for programs without files: labels,
//! feature ids and names as dense numbers, lines of svm-light, costs of mistakes, and the scaling of
//! features.
//!
//! This crate reads no files and no options; `crosscut-app` does both. Some messages name the options
//! of the program that would help.
//!
//! | name | what it is |
//! |---|---|
//! | [`Labels`] | the labels of the training file, in a fixed order |
//! | [`FeatureIds`], [`SeenIds`] | its feature ids; what collects them |
//! | [`Words`] | names of features |
//! | [`Renumbering`], [`WeightBlock`] | numbers of features by which training is faster; the weights of features |
//! | [`CostMatrix`], [`CostError`] | the cost of each mistake; why costs are refused |
//! | [`svmlight::parse_line`], [`svmlight::Line`] | a line of svm-light |
//! | [`svmlight::Ids`], [`svmlight::Qid`] | how feature ids are written; the name of a query |
//! | [`scaling::Scaling`], [`scaling::Method`], [`scaling::Affine`] | features of comparable sizes: the maps, how they are computed, one of them |
//! | [`scaling::Columns`], [`scaling::ColumnsById`], [`scaling::Range`] | statistics of features |
//! | [`scaling::round`], [`scaling::doubles`] | values in double precision |
//! | [`scaling::Coarse`], [`scaling::Apart`], [`scaling::far_apart`], [`scaling::constants`], [`scaling::largest`], [`scaling::largest_of_dense`] | notes on features that scaling would help |
//! | [`text::name`], [`text::trim_name`], [`text::numbers`], [`text::TextError`] | names and numbers in text; why a text is refused |
//!
//! # Example
//!
//! Two lines of svm-light, and their labels and features as dense numbers:
//!
//! ```
//! use crosscut::Feature;
//! use crosscut_data::svmlight::parse_line;
//! use crosscut_data::{FeatureIds, Labels};
//!
//! let lines = ["spam 3:0.5 70000:1", "ham 12:2 # a comment"];
//! let mut examples = Vec::new();
//! for line in lines {
//!     // Neither of them is blank.
//!     examples.extend(parse_line(line)?);
//! }
//!
//! let labels = Labels::collect(examples.iter().filter_map(|example| example.target));
//! assert_eq!(labels.iter().collect::<Vec<_>>(), ["ham", "spam"]);
//! assert_eq!(labels.index("spam"), Some(1));
//!
//! let ids = FeatureIds::collect(examples.iter().map(|example| example.features.as_slice()));
//! assert_eq!((ids.len(), ids.id(2)), (3, 70000));
//! let row = ids.map(examples.swap_remove(0).features);
//! assert_eq!(row, [Feature { index: 0, value: 0.5 }, Feature { index: 2, value: 1.0 }]);
//! # Ok::<(), String>(())
//! ```

mod costs;
mod ids;
mod labels;
mod renumbering;
pub mod scaling;
pub mod svmlight;
pub mod text;
mod words;

pub use costs::{CostError, CostMatrix};
pub use ids::{FeatureIds, SeenIds};
pub use labels::Labels;
pub use renumbering::{Renumbering, WeightBlock};
pub use words::Words;
