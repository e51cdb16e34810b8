//! Insertion of planes into a block: as one more row of a fan, or as terms and a row of the Gram
//! matrix.

use super::placed_rows::{PlacedRow, PlacedRows};
use super::scatter::Scatter;
use super::terms::{ENTRY, combine_at, split, sum_terms};
use super::{Block, CachedPlane, FAN, Workspace, append};
use crate::data::dot_row;
use crate::solve::bounds::FaultKind;
use crate::solve::qp::Gram;
use crate::solve::vectors::dot;
use crate::task::{RawPlane, RowTerm};

/// For a plane with at most this many terms, inner products are computed placed row by placed row.
/// A longer plane is written out first.
const FEW_TERMS: usize = 8;

impl<'a> Block<'a> {
    /// Inserts the planes that are not in the cache yet, the last one first. Returns the number of
    /// new planes. `pass` is the number of the exact pass.
    ///
    /// # Errors
    /// Two different rows have the same name.
    pub fn insert(
        &mut self,
        planes: &[RawPlane<'a>],
        dim: usize,
        most_planes: usize,
        pass: u32,
        workspace: &mut Workspace,
    ) -> Result<usize, FaultKind> {
        let mut new = 0;
        for count in (1..=planes.len()).rev() {
            new += usize::from(self.insert_last(
                &planes[..count],
                dim,
                most_planes,
                pass,
                workspace,
            )?);
        }
        Ok(new)
    }

    /// Inserts the last of `planes`. The other planes are inserted next. Returns whether the plane
    /// is new.
    fn insert_last(
        &mut self,
        planes: &[RawPlane<'a>],
        dim: usize,
        most_planes: usize,
        pass: u32,
        workspace: &mut Workspace,
    ) -> Result<bool, FaultKind> {
        let Some(raw) = planes.last() else { return Ok(false) };
        // The plane (0, 0) is in every block implicitly.
        if raw.offset == 0.0 && raw.rows.is_empty() && raw.entries.is_empty() {
            return Ok(false);
        }
        match self.join_fan(raw, most_planes, pass) {
            Some(new) => return Ok(new),
            None => self.unfold(),
        }
        let mut dense = None;
        workspace.terms.clear();
        // A plane of as many values as weights is shorter as terms: its rows are those of the others.
        if raw.len() > dim {
            let mut values = vec![0.0; dim];
            raw.add_to(&mut values, 1.0);
            dense = Some(values.into_boxed_slice());
        } else {
            self.intern(planes, dim, &mut workspace.terms)?;
        }
        let is_it = |&p: &usize| {
            self.planes[p].offset == raw.offset && {
                let (keys, scales) = self.terms(p);
                keys.len() == workspace.terms.len()
                    && keys
                        .iter()
                        .zip(scales)
                        .zip(&workspace.terms)
                        .all(|((n, s), term)| (*n, *s) == *term)
                    && self.dense(p) == dense.as_deref()
            }
        };
        if let Some(known) = (0..self.planes.len()).find(is_it) {
            self.planes[known].used = pass;
            return Ok(false);
        }
        if self.planes.len() >= most_planes {
            self.make_room();
            // The placed rows have new keys.
            if dense.is_none() {
                self.intern(planes, dim, &mut workspace.terms)?;
            }
        }
        let (p, is_dense) = (self.planes.len(), dense.is_some());
        self.push(
            CachedPlane { offset: raw.offset, alpha: 0.0, end: 0, entries: 0, used: pass },
            dense,
            &workspace.terms,
        );
        let products = self.inner_products(p, dim, workspace);
        self.gram.push(products);
        let written = raw.rows.len() + raw.entries.len();
        self.written = self.written.max(written.min(u32::MAX as usize) as u32);
        if is_dense {
            self.longest = self.longest.max(raw.size());
        } else if workspace.terms.len() < written {
            let rows: f64 = raw.rows.iter().map(|term| term.scale.abs()).sum();
            let size =
                self.longest * rows + raw.entries.iter().map(|(_, value)| value.abs()).sum::<f64>();
            self.cancelled = self.cancelled.max(size - self.size_of(self.terms(p)));
        }
        Ok(true)
    }

    /// Inserts a plane that keeps the block a fan. Returns whether the plane is new, or `None` if
    /// the block would be no fan.
    fn join_fan(&mut self, raw: &RawPlane<'a>, most_planes: usize, pass: u32) -> Option<bool> {
        let &[truth, other] = raw.rows.as_slice() else { return None };
        let (place, elsewhere) = (truth.place, other.place);
        let same_row = truth.row.name() == other.row.name()
            && truth.row.has_entries_of(other.row)
            && place.stride == elsewhere.stride;
        let orthogonal =
            place.offset.max(elsewhere.offset) < place.stride && place.offset != elsewhere.offset;
        let plain = raw.entries.is_empty() && (truth.scale, other.scale) == (1.0, -1.0);
        if !(same_row && orthogonal && plain) {
            return None;
        }
        if self.planes.is_empty() {
            self.placed = PlacedRows::one(PlacedRow { row: truth.row, place });
            let squared_norm = truth.row.squared_norm();
            self.gram = Gram::fan(0, squared_norm);
            self.longest = self.longest.max(squared_norm.sqrt());
            self.written = self.written.max(2);
        } else if !(self.is_fan() && self.placed.get(0).is(&PlacedRow { row: truth.row, place })) {
            return None;
        }
        let others = &self.placed.offsets()[1..];
        if let Some(known) = others.iter().position(|&offset| offset == elsewhere.offset) {
            let plane = &mut self.planes[known];
            plane.used = pass;
            return (plane.offset == raw.offset).then_some(false);
        }
        if self.planes.len() >= most_planes.min(FAN.len()) {
            return None;
        }
        self.placed.append(elsewhere.offset);
        self.gram.grow_fan();
        append(
            &mut self.planes,
            [CachedPlane { offset: raw.offset, alpha: 0.0, end: 0, entries: 0, used: pass }],
        );
        Some(true)
    }

    /// Writes the terms of the last of `planes` to `terms`. If this plane has new rows, the new
    /// rows of all `planes` become placed rows. A single weight whose index is too large for a key
    /// counts as a row.
    ///
    /// # Errors
    /// Two different rows have the same name.
    fn intern(
        &mut self,
        planes: &[RawPlane<'a>],
        dim: usize,
        terms: &mut Vec<(u32, f64)>,
    ) -> Result<(), FaultKind> {
        let Some((last, others)) = planes.split_last() else { return Ok(()) };
        let mut missing = self.find_keys(last, terms)?;
        if !missing.is_empty() {
            for plane in others.iter().filter(|plane| plane.len() < dim) {
                missing.extend(self.find_keys(plane, terms)?);
            }
            let rows = missing.chunk_by(|a, b| a.row.has_entries_of(b.row));
            let longest =
                rows.map(|same| same[0].row.squared_norm().sqrt()).fold(self.longest, f64::max);
            let renamed = self.placed.insert(&missing)?;
            self.longest = longest;
            let known = self.terms.keys.iter_mut().filter(|key| **key < ENTRY);
            known.for_each(|key| *key = renamed[*key as usize]);
            self.find_keys(last, terms)?;
        }
        Ok(())
    }

    /// Replaces `terms` by the terms of a plane, except for rows that are not placed rows yet.
    /// Returns these rows.
    ///
    /// # Errors
    /// Two different rows have the same name.
    fn find_keys(
        &self,
        raw: &RawPlane<'a>,
        terms: &mut Vec<(u32, f64)>,
    ) -> Result<Vec<PlacedRow<'a>>, FaultKind> {
        terms.clear();
        let mut missing = Vec::new();
        let rows = raw.rows.chunk_by(|a, b| a.row.name() == b.row.name()).count();
        let mut finder =
            self.placed.finder(rows + raw.entries.iter().filter(|e| is_far(e)).count());
        for (placed, scale) in placed_rows_of(raw) {
            match self.placed.find(&mut finder, &placed) {
                Some(key) => terms.push((key, scale)),
                None => missing.push(placed),
            }
        }
        let near = raw.entries.iter().filter(|entry| !is_far(entry));
        finder.check()?;
        terms.extend(near.map(|&(index, scale)| (ENTRY | index as u32, scale)));
        sum_terms(terms);
        Ok(missing)
    }

    /// ⟨δ, δ′⟩ of the plane `last` with each plane up to and including itself.
    fn inner_products(&mut self, last: usize, dim: usize, workspace: &mut Workspace) -> Vec<f64> {
        let Workspace { dots, delta, .. } = workspace;
        let (rows, entries) = split(self.terms(last));
        let rows: Vec<(PlacedRow<'a>, f64)> =
            rows.map(|(placed, scale)| (self.placed.get(placed), scale)).collect();
        if let Some(values) = self.dense(last) {
            self.placed.dots(values, dots);
            return self.products(last, dots, |index| values[index]);
        }
        if rows.len() <= FEW_TERMS && !self.has_entries() {
            let dot = |placed: PlacedRow<'_>| {
                rows.iter().map(|(other, scale)| scale * other.inner(&placed)).sum::<f64>()
            };
            dots.clear();
            dots.extend(self.placed.iter().map(dot));
            // No plane has single weights, so entries of δ are not needed.
            return self.products(last, dots, |_| 0.0);
        }
        let entries: Vec<(usize, f64)> = entries.collect();
        if let Some(k) = self.placed.width() {
            let mut coefficients = vec![0.0; self.placed.len()];
            let (keys, scales) = self.terms(last);
            let rows = keys.iter().zip(scales).take(rows.len());
            rows.for_each(|(&placed, scale)| coefficients[placed as usize] = *scale);
            let lines = self.placed.groups().iter().map(|group| group.row().features().len());
            delta.begin(dim, lines.sum::<usize>() + entries.len(), k);
            self.placed.add_lines(delta, &coefficients, k);
            entries.iter().for_each(|&(index, scale)| delta.add(index, scale));
            self.placed.dots_of_lines(delta, dots, k);
            let products = self.products(last, dots, |index| delta.get(index));
            delta.clear();
            return products;
        }
        let first = self.terms.keys.iter().filter(|key| **key >= ENTRY).min();
        let first = first.map_or(dim, |key| (key & !ENTRY) as usize);
        if Scatter::is_hashed(dim) && self.placed.is_in_lines(first) {
            let start = last.checked_sub(1).map_or(0, |before| self.planes[before].end as usize);
            let range = start..start + rows.len();
            let terms = (&self.terms.keys[range.clone()], &self.terms.scales[range]);
            self.placed.dots_of_rows(terms, dots);
            return self.products(last, dots, |index| {
                let found = entries.binary_search_by_key(&index, |&(index, _)| index);
                found.map_or(0.0, |at| entries[at].1)
            });
        }
        let length = rows.iter().map(|(placed, _)| placed.row.features().len()).sum::<usize>()
            + entries.len();
        delta.begin(dim, length, 1);
        for (PlacedRow { row, place }, scale) in &rows {
            for feature in row.features() {
                delta.add(
                    place.offset + place.stride * feature.index as usize,
                    scale * f64::from(feature.value),
                );
            }
        }
        entries.iter().for_each(|&(index, scale)| delta.add(index, scale));
        let products = match delta.all() {
            Some(values) => {
                self.placed.dots(values, dots);
                self.products(last, dots, |index| values[index])
            }
            None => {
                self.placed.dots_by(|index| delta.get(index), dots);
                self.products(last, dots, |index| delta.get(index))
            }
        };
        delta.clear();
        products
    }

    /// The same, given `dots` = ⟨δ, placed row⟩ for all placed rows, and the entries `delta` of δ.
    fn products(&self, last: usize, dots: &[f64], delta: impl Fn(usize) -> f64) -> Vec<f64> {
        let with = |p: usize| match (self.dense(p), self.dense(last)) {
            (None, _) => {
                let start = p.checked_sub(1).map_or(0, |before| self.planes[before].end);
                let rows = (self.planes[p].entries - start) as usize;
                combine_at(rows, self.terms(p), dots, &delta)
            }
            (Some(theirs), Some(values)) => dot(values, theirs),
            (Some(theirs), None) => {
                let (rows, entries) = split(self.terms(last));
                let row = |(placed, scale): (usize, f64)| {
                    let PlacedRow { row, place } = self.placed.get(placed);
                    scale * dot_row(theirs, row, place)
                };
                rows.map(row).sum::<f64>()
                    + entries.map(|(index, scale)| scale * theirs[index]).sum::<f64>()
            }
        };
        (0..=last).map(with).collect()
    }

    /// Appends a plane with its terms.
    pub(super) fn push(
        &mut self,
        plane: CachedPlane,
        dense: Option<Box<[f64]>>,
        terms: &[(u32, f64)],
    ) {
        if dense.is_some() || !self.dense.is_empty() {
            let none = self.planes.len() - self.dense.len();
            append(&mut self.dense, std::iter::repeat_n(None, none));
            append(&mut self.dense, [dense]);
        }
        append(&mut self.terms.keys, terms.iter().map(|term| term.0));
        append(&mut self.terms.scales, terms.iter().map(|term| term.1));
        let end = self.terms.keys.len();
        let entries = terms.iter().rev().take_while(|term| term.0 >= ENTRY).count();
        let (end, entries) = (end as u32, (end - entries) as u32);
        append(&mut self.planes, [CachedPlane { end, entries, ..plane }]);
    }
}

/// Whether the index of an entry is too large for a key.
fn is_far(entry: &(usize, f64)) -> bool {
    entry.0 >= ENTRY as usize
}

/// The placed rows of a plane with their scales: its rows, and single weights whose index is too
/// large for a key.
fn placed_rows_of<'a>(raw: &RawPlane<'a>) -> impl Iterator<Item = (PlacedRow<'a>, f64)> {
    let singles = raw.entries.iter().filter(|entry| is_far(entry));
    let singles = singles.map(|&(index, scale)| (RowTerm::single(index), scale));
    let rows = raw.rows.iter().map(|&term| (term, term.scale));
    rows.chain(singles).map(|(RowTerm { row, place, .. }, scale)| (PlacedRow { row, place }, scale))
}
