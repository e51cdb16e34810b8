//! Sparse [rows](row), and the [sinks](sink) that feature maps and oracles write into.

mod row;
mod sink;

pub use row::{Feature, Row, RowError, SparseRows, SparseVector};
pub use sink::{Dense, Dot, Place, Scaled, Sink};
pub(crate) use sink::{add_row, dot_row, dot_row_sized};
