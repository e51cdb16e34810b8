//! Serialised blocks, written one by one. Rows are saved by their names.

use std::borrow::Cow;
use std::collections::HashSet;

use serde::ser::{Error, SerializeSeq};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::placed_rows::{Group, PlacedRows};
use super::terms::{Terms, keys_of_rows, split};
use super::{Block, CachedPlane, FAN};
use crate::data::Row;
use crate::solve::qp::Gram;
use crate::solve::state::{StateError, require, require_close};
use crate::task::{RowTerm, UNIT_ROW};

/// All blocks: borrowed from a solver, or read from a saved state.
pub(crate) enum Blocks<'s> {
    Borrowed { blocks: &'s [Block<'s>], row: Box<FindRow<'s>> },
    Read(Vec<BlockState<'static>>),
}

/// Finds the row of an example by the row's name.
type FindRow<'s> = dyn Fn(usize, u32) -> Option<Row<'s>> + 's;

/// Serialised form of a [`Block`].
#[derive(Serialize, Deserialize)]
pub(crate) struct BlockState<'s> {
    bound: f64,
    ridge: f64,
    /// For each group: name of the row, stride, and end of its offsets.
    groups: Vec<(u32, usize, usize)>,
    offsets: Cow<'s, [usize]>,
    planes: Cow<'s, [CachedPlane]>,
    dense: Cow<'s, [Option<Box<[f64]>>]>,
    terms: Cow<'s, Terms>,
    /// Empty for a fan.
    gram: Cow<'s, Gram>,
    fan: bool,
    /// Number of groups whose inner products are kept. They are computed again, but they count as
    /// memory.
    products: usize,
    longest: f64,
    cancelled: f64,
    written: u32,
    merges: u32,
}

impl<'s> Blocks<'s> {
    /// `row` finds the rows of the examples by their names.
    pub fn borrowed(
        blocks: &'s [Block<'s>],
        row: impl Fn(usize, u32) -> Option<Row<'s>> + 's,
    ) -> Self {
        Self::Borrowed { blocks, row: Box::new(row) }
    }

    /// Restores the blocks that were read. `fresh` has an empty block for each example.
    pub fn restore<'a>(
        self,
        fresh: &[Block<'a>],
        row: impl Fn(usize, u32) -> Option<Row<'a>>,
        dim: usize,
        most_planes: usize,
        pass: u32,
    ) -> Result<Vec<Block<'a>>, StateError> {
        let Self::Read(saved) = self else {
            return Err(StateError("it was never written".to_owned()));
        };
        require(
            saved.len() == fresh.len(),
            format!("it has {} examples, not {}", saved.len(), fresh.len()),
        )?;
        let restore = |(index, (saved, fresh)): (usize, (BlockState<'_>, &Block<'a>))| {
            let in_example =
                |StateError(message)| StateError(format!("example {index}: {message}"));
            saved
                .restore(fresh, |name| row(index, name), dim, most_planes, pass)
                .map_err(in_example)
        };
        saved.into_iter().zip(fresh).enumerate().map(restore).collect()
    }
}

impl Serialize for Blocks<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self::Borrowed { blocks, row } = self else {
            return Err(S::Error::custom("it was read, not trained"));
        };
        let mut sequence = serializer.serialize_seq(Some(blocks.len()))?;
        for (index, block) in blocks.iter().enumerate() {
            sequence.serialize_element(
                &block.save(|name| row(index, name)).map_err(S::Error::custom)?,
            )?;
        }
        sequence.end()
    }
}

impl<'de> Deserialize<'de> for Blocks<'_> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::Read(Vec::deserialize(deserializer)?))
    }
}

/// A saved block, carried over from the example at `position`.
pub(crate) struct CarriedBlock {
    pub position: usize,
    saved: BlockState<'static>,
}

impl CarriedBlock {
    /// `None` if its rows cannot be named.
    pub fn carried<'a>(
        block: &Block<'a>,
        position: usize,
        row: impl Fn(u32) -> Option<Row<'a>>,
    ) -> Option<Self> {
        Some(Self { position, saved: block.save(row).ok()?.into_owned() })
    }

    /// Restores the block for an equal example whose rows have the same names. Its planes count as
    /// found in a pass before the first.
    ///
    /// # Errors
    /// The block does not fit the example.
    pub fn restore<'a>(
        self,
        fresh: &Block<'a>,
        row: impl Fn(u32) -> Option<Row<'a>>,
        dim: usize,
        most_planes: usize,
    ) -> Result<Block<'a>, StateError> {
        let mut block = self.saved.restore(fresh, row, dim, most_planes, u32::MAX)?;
        block.planes.iter_mut().for_each(|plane| plane.used = 0);
        Ok(block)
    }
}

impl<'a> Block<'a> {
    /// # Errors
    /// The task does not give back a row of the block.
    fn save(&self, row: impl Fn(u32) -> Option<Row<'a>>) -> Result<BlockState<'_>, &'static str> {
        let name = |group: &Group<'a>| {
            let name = group.row().name();
            let is_it = |row: Row<'_>| row.has_entries_of(group.row());
            match find(name, &row).is_some_and(is_it) {
                true => Ok((name, group.stride, group.end())),
                false => Err("its oracle writes rows that `Task::row` does not give back"),
            }
        };
        Ok(BlockState {
            bound: self.cost.bound,
            ridge: self.cost.ridge,
            groups: self.placed.groups().iter().map(name).collect::<Result<_, _>>()?,
            offsets: self.placed.offsets().into(),
            planes: Cow::Borrowed(&self.planes),
            dense: Cow::Borrowed(&self.dense),
            terms: Cow::Borrowed(&self.terms),
            gram: if self.is_fan() { Cow::default() } else { Cow::Borrowed(&self.gram) },
            fan: self.is_fan(),
            products: self.placed.products(),
            longest: self.longest,
            cancelled: self.cancelled,
            written: self.written,
            merges: self.merges,
        })
    }
}

impl BlockState<'_> {
    fn into_owned(self) -> BlockState<'static> {
        BlockState {
            offsets: Cow::Owned(self.offsets.into_owned()),
            planes: Cow::Owned(self.planes.into_owned()),
            dense: Cow::Owned(self.dense.into_owned()),
            terms: Cow::Owned(self.terms.into_owned()),
            gram: Cow::Owned(self.gram.into_owned()),
            ..self
        }
    }

    fn restore<'a>(
        self,
        fresh: &Block<'a>,
        row: impl Fn(u32) -> Option<Row<'a>>,
        dim: usize,
        most_planes: usize,
        pass: u32,
    ) -> Result<Block<'a>, StateError> {
        require_close("what a slack costs", self.bound, fresh.cost.bound)?;
        require_close("what a squared slack costs", self.ridge, fresh.cost.ridge)?;
        let sizes = [self.longest, self.cancelled];
        require(
            sizes.iter().all(|size| size.is_finite() && *size >= 0.0),
            "the norms of its rows are not finite",
        )?;
        let mut start = 0;
        let group = |&(name, stride, end): &(u32, usize, usize)| {
            let row = find(name, &row)
                .ok_or_else(|| StateError(format!("it has no row with the name {name}")))?;
            let offsets = self
                .offsets
                .get(start..end)
                .ok_or_else(|| StateError("its rows are miscounted".to_owned()))?;
            start = end;
            let last = row.features().last().map(|feature| feature.index as usize);
            let reach = |last: usize, offset: usize| last.checked_mul(stride)?.checked_add(offset);
            let is_inside = |offset: &usize| {
                last.is_none_or(|last| reach(last, *offset).is_some_and(|index| index < dim))
            };
            let fits = stride > 0 && offsets.iter().all(is_inside);
            require(fits, "a row lies outside of the weights")?;
            Ok(Group::new(row, stride, end))
        };
        let groups: Vec<Group<'a>> =
            self.groups.iter().map(group).collect::<Result<_, StateError>>()?;
        // The bound for rounding holds for the rows as they are now.
        let norms = groups.iter().map(|group| group.row().squared_norm().sqrt());
        let longest = norms.fold(self.longest, f64::max);
        let gram = match groups.first() {
            Some(group) if self.fan => Gram::fan(self.planes.len(), group.row().squared_norm()),
            _ => self.gram.into_owned(),
        };
        let placed = PlacedRows::new(groups, self.offsets.into_owned());
        let mut placed = placed.ok_or_else(|| StateError("its rows are miscounted".to_owned()))?;
        placed.keep_products(self.products);
        let mut block = Block {
            cost: fresh.cost,
            placed,
            planes: self.planes.into_owned().into(),
            dense: self.dense.into_owned().into(),
            terms: self.terms.into_owned(),
            gram,
            longest,
            cancelled: self.cancelled,
            written: self.written,
            merges: self.merges,
        };
        block.check(dim, most_planes, pass)?;
        block.mark_entries();
        Ok(block)
    }
}

impl Block<'_> {
    /// Finds where single weights begin in each plane.
    fn mark_entries(&mut self) {
        if self.is_fan() {
            return;
        }
        let mut start = 0;
        for plane in &mut self.planes {
            let keys = &self.terms.keys[start..plane.end as usize];
            plane.entries = (start + keys_of_rows(keys)) as u32;
            start = plane.end as usize;
        }
    }

    /// Checks that the parts of the block fit together, so that no step can meet an index out of
    /// range.
    fn check(&self, dim: usize, most_planes: usize, pass: u32) -> Result<(), StateError> {
        let Self { placed, planes, dense, terms: Terms { keys, scales }, gram, .. } = self;
        let m = planes.len();
        require(gram.order() == m && m <= most_planes, "its planes are miscounted")?;
        require(dense.is_empty() || dense.len() == m, "its planes are miscounted")?;
        require(keys.len() == scales.len(), "its terms are miscounted")?;
        if self.is_fan() {
            let (groups, offsets) = (placed.groups(), placed.offsets());
            let fits = m <= FAN.len()
                && dense.is_empty()
                && keys.is_empty()
                && groups.len() == 1
                && offsets.len() == m + 1;
            let distinct = HashSet::<&usize>::from_iter(offsets).len() == offsets.len();
            let inside =
                groups.iter().all(|group| offsets.iter().all(|&offset| offset < group.stride));
            require(fits && distinct && inside, "its planes are not of one row")?;
        }
        require(
            planes.last().map_or(0, |plane| plane.end as usize) == keys.len(),
            "its terms are miscounted",
        )?;
        require(planes.is_sorted_by_key(|plane| plane.end), "its planes are not in order")?;
        require(
            scales.iter().copied().chain(self.alphas()).all(f64::is_finite),
            "a number is not finite",
        )?;
        require(self.alphas().all(|alpha| alpha >= 0.0), "a dual variable is negative")?;
        require(
            self.alphas().sum::<f64>() <= self.cost.bound * (1.0 + 1e-9),
            "its dual variables are too large",
        )?;
        for (p, plane) in planes.iter().enumerate() {
            let (keys, scales) = self.terms(p);
            require(
                plane.offset.is_finite() && plane.used <= pass,
                "a plane is not one of this run",
            )?;
            if let Some(values) = self.dense(p) {
                let fits = values.len() == dim && values.iter().all(|value| value.is_finite());
                require(fits && keys.is_empty(), "a plane does not fit the weights")?;
            }
            let (rows, mut entries) = split((keys, scales));
            require(keys.is_sorted_by(|a, b| a < b), "the terms of a plane are not in order")?;
            require(
                rows.into_iter().all(|(row, _)| row < placed.len()),
                "a plane has a row too many",
            )?;
            require(entries.all(|(index, _)| index < dim), "a plane has a weight too many")?;
        }
        Ok(())
    }
}

/// The row with a name: one of the example, or the unit row that stands for a single weight.
fn find<'a>(name: u32, row: &impl Fn(u32) -> Option<Row<'a>>) -> Option<Row<'a>> {
    if name == UNIT_ROW { Some(RowTerm::single(0).row) } else { row(name) }
}
