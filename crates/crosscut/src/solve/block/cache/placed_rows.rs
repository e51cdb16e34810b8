//! [`PlacedRows`]: the placed rows (rows at places) that the planes of an example are made of.

use std::collections::HashMap;

use super::append;
use super::row_products::RowProducts;
use super::scatter::Scatter;
use crate::data::{Feature, Place, Row, dot_row};
use crate::solve::bounds::FaultKind;

/// A row is swept at all offsets below its stride if the stride is at most this multiple of the
/// number of wanted offsets.
const WORTH_SWEEPING: usize = 3;
/// Largest stride at which a row is swept.
const MOST_SWEPT: usize = 64;
/// Number of features in a cache line.
const LINE: usize = 64 / size_of::<Feature>();
/// Up to this many groups, a group is found by linear search.
const FEW_GROUPS: usize = 64;

/// Rows at places. The places of one row form a group: a multiclass block is one row at several
/// classes, a sequence block has a row for each token, at several tags. A row is swept once for all
/// places in its group. With feature-major weights these places share cache lines.
#[derive(Debug, Default)]
pub(super) struct PlacedRows<'a> {
    groups: Box<[Group<'a>]>,
    /// Offsets of the placed rows, group after group.
    offsets: Box<[usize]>,
    products: RowProducts,
}

/// A row with the stride of its places and the end of its offsets.
#[derive(Clone, Copy, Debug)]
pub(super) struct Group<'a> {
    features: &'a [Feature],
    name: u32,
    /// End of its offsets, and [`ONES`] if all values of the row are known to be 1.
    end: u32,
    pub stride: usize,
}

/// The bit of [`Group::end`] that tells of a row of ones.
const ONES: u32 = 1 << 31;

/// A row at a place.
#[derive(Clone, Copy, Debug)]
pub(super) struct PlacedRow<'a> {
    pub row: Row<'a>,
    pub place: Place,
}

impl<'a> PlacedRows<'a> {
    /// Builds placed rows from groups and offsets. `None` if these do not fit together.
    pub fn new(groups: Vec<Group<'a>>, offsets: Vec<usize>) -> Option<Self> {
        let fits = groups.is_sorted_by_key(Group::end)
            && groups.last().map_or(0, Group::end) == offsets.len();
        let products = RowProducts::default();
        fits.then(|| Self { groups: groups.into(), offsets: offsets.into(), products })
    }

    /// One row, at one place.
    pub fn one(PlacedRow { row, place }: PlacedRow<'a>) -> Self {
        let group = Group::new(row, place.stride, 1);
        let products = RowProducts::default();
        Self { groups: [group].into(), offsets: [place.offset].into(), products }
    }

    /// Appends an offset to the last group.
    pub fn append(&mut self, offset: usize) {
        append(&mut self.offsets, [offset]);
        if let Some(group) = self.groups.last_mut() {
            group.end += 1;
        }
    }

    pub fn groups(&self) -> &[Group<'a>] {
        &self.groups
    }

    pub fn offsets(&self) -> &[usize] {
        &self.offsets
    }

    pub fn len(&self) -> usize {
        self.offsets.len()
    }

    pub fn bytes(&self) -> usize {
        size_of_val(&*self.groups) + size_of_val(&*self.offsets) + self.products.bytes()
    }

    /// The groups, each with its offsets.
    fn grouped(&self) -> impl Iterator<Item = (&Group<'a>, &[usize])> {
        let mut start = 0;
        self.groups.iter().map(move |group| {
            let offsets = &self.offsets[start..group.end()];
            start = group.end();
            (group, offsets)
        })
    }

    pub fn iter(&self) -> impl Iterator<Item = PlacedRow<'a>> {
        self.grouped().flat_map(|(group, offsets)| offsets.iter().map(|&offset| group.at(offset)))
    }

    pub fn get(&self, key: usize) -> PlacedRow<'a> {
        let group = self.groups.partition_point(|group| group.end() <= key);
        self.groups[group].at(self.offsets[key])
    }

    /// Reads one feature of each cache line of the rows.
    pub fn touch(&self) -> f64 {
        let parts = self.groups.iter().flat_map(|group| group.features.iter().step_by(LINE));
        parts.map(|feature| f64::from(feature.value)).sum::<f64>()
            + self.offsets.last().map_or(0.0, |&offset| offset as f64)
    }

    /// Replaces `dots` by ⟨v, placed row⟩ of each placed row.
    pub fn dots(&self, v: &[f64], dots: &mut Vec<f64>) {
        dots.clear();
        for (group, offsets) in self.grouped() {
            let (row, stride) = (group.row(), group.stride);
            let end = |last: &Feature| (last.index as usize + 1) * stride;
            let few = offsets.len() > 1 && stride <= MOST_SWEPT.min(WORTH_SWEEPING * offsets.len());
            if few
                && offsets.iter().all(|&offset| offset < stride)
                && row.features().last().is_some_and(|last| end(last) <= v.len())
            {
                let mut all = [0.0; MOST_SWEPT];
                row.sweep(v, &mut all[..stride]);
                dots.extend(offsets.iter().map(|&offset| all[offset]));
                continue;
            }
            for offsets in offsets.chunks(6) {
                match *offsets {
                    [a] => dots.push(dot_row(v, row, Place { offset: a, stride })),
                    [a, b] => dots.extend(dot_offsets(v, row, stride, [a, b])),
                    [a, b, c] => dots.extend(dot_offsets(v, row, stride, [a, b, c])),
                    [a, b, c, d] => dots.extend(dot_offsets(v, row, stride, [a, b, c, d])),
                    [a, b, c, d, e] => dots.extend(dot_offsets(v, row, stride, [a, b, c, d, e])),
                    [a, b, c, d, e, f] => {
                        dots.extend(dot_offsets(v, row, stride, [a, b, c, d, e, f]))
                    }
                    _ => {}
                }
            }
        }
    }

    /// The same as [`dots`](Self::dots), for a vector given as a function of the index.
    pub fn dots_by(&self, v: impl Fn(usize) -> f64, dots: &mut Vec<f64>) {
        dots.clear();
        dots.extend(self.iter().map(|PlacedRow { row, place: Place { offset, stride } }| {
            let term = |feature: &Feature| {
                f64::from(feature.value) * v(offset + stride * feature.index as usize)
            };
            row.features().iter().map(term).sum::<f64>()
        }));
    }

    /// If most rows are at most places of a common stride k, such as all k classes: k. A feature then
    /// belongs to a line of k adjacent weights.
    pub fn width(&self) -> Option<usize> {
        let stride = self.groups.first()?.stride;
        let is_common = || self.groups.iter().all(|group| group.stride == stride);
        let is_dense = self.offsets.len() * WORTH_SWEEPING >= self.groups.len() * stride;
        let is_width = stride > 1
            && stride <= MOST_SWEPT
            && is_dense
            && is_common()
            && self.offsets.iter().all(|&offset| offset < stride);
        is_width.then_some(stride)
    }

    /// delta += Σ coefficient · placed row, for lines of [`width`](Self::width) k.
    pub fn add_lines(&self, delta: &mut Scatter, coefficients: &[f64], k: usize) {
        let mut start = 0;
        for (group, offsets) in self.grouped() {
            let coefficients = &coefficients[start..start + offsets.len()];
            start += offsets.len();
            if coefficients.iter().all(|coefficient| *coefficient == 0.0) {
                continue;
            }
            let mut all = [0.0; MOST_SWEPT];
            offsets.iter().zip(coefficients).for_each(|(&offset, value)| all[offset] = *value);
            for feature in group.features {
                let value = f64::from(feature.value);
                let line = delta.line_mut(feature.index as usize);
                line.iter_mut().zip(&all[..k]).for_each(|(sum, of)| *sum += value * of);
            }
        }
    }

    /// The same as [`dots`](Self::dots), for a vector in lines of [`width`](Self::width) k.
    pub fn dots_of_lines(&self, delta: &Scatter, dots: &mut Vec<f64>, k: usize) {
        dots.clear();
        for (group, offsets) in self.grouped() {
            let mut all = [0.0; MOST_SWEPT];
            for feature in group.features {
                let value = f64::from(feature.value);
                if let Some(line) = delta.line(feature.index as usize) {
                    all[..k].iter_mut().zip(line).for_each(|(sum, of)| *sum += value * of);
                }
            }
            dots.extend(offsets.iter().map(|&offset| all[offset]));
        }
    }

    /// Whether inner products of placed rows are those of their rows if both have the same offset,
    /// and 0 if not, and single weights from index `first` on belong to no row. For few groups only.
    pub fn is_in_lines(&self, first: usize) -> bool {
        let Some(stride) = self.groups.first().map(|group| group.stride) else { return false };
        let is_before = |last: &Feature| (last.index as usize + 1).saturating_mul(stride) <= first;
        self.groups.len() <= FEW_GROUPS
            && self.offsets.iter().all(|&offset| offset < stride)
            && self
                .groups
                .iter()
                .all(|group| group.stride == stride && group.features.last().is_none_or(is_before))
    }

    /// Replaces `dots` by ⟨δ, placed row⟩ of each placed row, for δ = Σ scale · placed row, given as
    /// keys in increasing order and scales. Requires [`is_in_lines`](Self::is_in_lines).
    pub fn dots_of_rows(&mut self, (keys, scales): (&[u32], &[f64]), dots: &mut Vec<f64>) {
        dots.clear();
        dots.resize(self.len(), 0.0);
        let Self { groups, offsets, products } = self;
        products.grow(groups.len());
        let mut of = 0;
        for (&key, scale) in keys.iter().zip(scales) {
            let key = key as usize;
            while groups[of].end() <= key {
                of += 1;
            }
            let mut start = 0;
            for (at, group) in groups.iter().enumerate() {
                let end = group.end();
                if let Some(place) = offsets[start..end].iter().position(|&o| o == offsets[key]) {
                    dots[start + place] += scale * products.get(groups, of, at);
                }
                start = end;
            }
        }
    }

    /// Number of groups whose inner products are kept.
    pub fn products(&self) -> usize {
        self.products.groups()
    }

    /// Makes room for the inner products of so many groups.
    pub fn keep_products(&mut self, groups: usize) {
        self.products.grow(groups.min(self.groups.len()));
    }

    /// Number of features of all placed rows.
    pub fn features(&self) -> usize {
        self.grouped().map(|(group, offsets)| group.features.len() * offsets.len()).sum()
    }

    /// target += Σ coefficient · placed row.
    pub fn add_to(&self, target: &mut [f64], coefficients: &[f64]) {
        let mut start = 0;
        for group in &self.groups {
            let (row, stride, end) = (group.row(), group.stride, group.end());
            let places = || self.offsets[start..end].iter().zip(&coefficients[start..end]);
            let end_of = |last: &Feature| (last.index as usize + 1) * stride;
            if end - start >= 4
                && stride <= MOST_SWEPT.min(WORTH_SWEEPING * (end - start))
                && places().all(|(&offset, _)| offset < stride)
                && row.features().last().is_some_and(|last| end_of(last) <= target.len())
            {
                let mut all = [0.0; MOST_SWEPT];
                places().for_each(|(&offset, coefficient)| all[offset] = *coefficient);
                add_line(target, row, &all[..stride]);
                start = end;
                continue;
            }
            let (mut waiting, mut count) = ([(0, 0.0); 4], 0);
            for (&offset, &coefficient) in
                self.offsets[start..end].iter().zip(&coefficients[start..end])
            {
                if coefficient != 0.0 {
                    waiting[count] = (offset, coefficient);
                    count += 1;
                    if count == waiting.len() {
                        add_offsets(target, row, stride, waiting);
                        count = 0;
                    }
                }
            }
            match waiting[..count] {
                [a] => add_offsets(target, row, stride, [a]),
                [a, b] => add_offsets(target, row, stride, [a, b]),
                [a, b, c] => add_offsets(target, row, stride, [a, b, c]),
                _ => {}
            }
            start = end;
        }
    }

    /// The same as [`add_to`](Self::add_to) for the weights from `start` on that fit into `window`,
    /// with the same bits.
    pub fn add_within(&self, start: usize, window: &mut [f64], coefficients: &[f64]) {
        let mut first = 0;
        for group in &self.groups {
            let places = first..group.end();
            first = places.end;
            let (mut waiting, mut count) = ([(0, 0.0); 4], 0);
            let wanted = |(&offset, &coefficient): (&usize, &f64)| (offset, coefficient);
            let places = self.offsets[places.clone()].iter().zip(&coefficients[places]);
            for place in places.map(wanted).filter(|(_, coefficient)| *coefficient != 0.0) {
                waiting[count] = place;
                count += 1;
                if count == waiting.len() {
                    add_offsets_within(start, window, group, &waiting);
                    count = 0;
                }
            }
            add_offsets_within(start, window, group, &waiting[..count]);
        }
    }

    /// Appends the indices of up to `count` features, spread over the placed rows.
    pub fn sample_indices(&self, count: usize, indices: &mut Vec<usize>) {
        let rows = self.len();
        for at in (0..count).filter(|_| rows > 0) {
            let PlacedRow { row, place } = self.get(at * rows / count);
            let features = row.features();
            // A prime, so that the positions are spread.
            if let Some(feature) = features.get(7919 * (at + 1) % features.len().max(1)) {
                indices.push(place.offset + place.stride * feature.index as usize);
            }
        }
    }

    /// A finder for `wanted` placed rows.
    pub fn finder(&self, wanted: usize) -> Finder {
        Finder::new(&self.groups, wanted)
    }

    /// The key of a placed row, `None` if it is not stored.
    #[inline]
    pub fn find(&self, finder: &mut Finder, placed: &PlacedRow<'a>) -> Option<u32> {
        let at = finder.find(&self.groups, placed)?;
        let start = at.checked_sub(1).map_or(0, |before| self.groups[before].end());
        let offsets = &self.offsets[start..self.groups[at].end()];
        // If the row is at all places below its stride, an offset is its own position.
        let wanted = placed.place.offset;
        let place = match offsets.get(wanted) {
            Some(&offset) if offset == wanted => wanted,
            _ => offsets.iter().position(|&offset| offset == wanted)?,
        };
        Some((start + place) as u32)
    }

    /// Inserts placed rows that are not stored yet; the list may have duplicates. Returns the new
    /// keys of the old placed rows, whose order stays.
    ///
    /// # Errors
    /// Two different rows have the same name. Nothing is inserted then.
    pub fn insert(&mut self, placed: &[PlacedRow<'a>]) -> Result<Vec<u32>, FaultKind> {
        let mut groups = self.groups.to_vec();
        let mut finder = Finder::new(&groups, placed.len());
        let end = self.offsets.len();
        let place = |placed: &PlacedRow<'a>| {
            let at = finder.find(&groups, placed).unwrap_or_else(|| {
                groups.push(Group::new(placed.row, placed.place.stride, end));
                finder.add(&groups)
            });
            (at, placed.place.offset)
        };
        let mut places: Vec<(usize, usize)> = placed.iter().map(place).collect();
        finder.check()?;
        places.sort_unstable();
        places.dedup();
        let mut offsets = Vec::with_capacity(end + places.len());
        let mut renamed = Vec::with_capacity(end);
        let (mut start, mut places) = (0, places.into_iter().peekable());
        for (at, group) in groups.iter_mut().enumerate() {
            renamed.extend((start..group.end()).zip(offsets.len() as u32..).map(|(_, key)| key));
            offsets.extend_from_slice(&self.offsets[start..group.end()]);
            while let Some((_, offset)) = places.next_if(|(group, _)| *group == at) {
                offsets.push(offset);
            }
            start = group.end();
            group.set_end(offsets.len());
        }
        (self.groups, self.offsets) = (groups.into(), offsets.into());
        Ok(renamed)
    }

    /// Keeps the placed rows whose `keep` is true.
    pub fn retain<'k>(&mut self, keep: impl IntoIterator<Item = &'k bool>) {
        let (mut groups, mut offsets) =
            (Vec::with_capacity(self.groups.len()), Vec::with_capacity(self.offsets.len()));
        let mut keep = keep.into_iter();
        let mut kept = Vec::with_capacity(self.groups.len());
        for (at, (&group, all)) in self.grouped().enumerate() {
            let before = offsets.len();
            offsets.extend(
                all.iter().zip(&mut keep).filter(|(_, keep)| **keep).map(|(&offset, _)| offset),
            );
            if offsets.len() > before {
                let mut group = group;
                group.set_end(offsets.len());
                groups.push(group);
                kept.push(at);
            }
        }
        if self.products.groups() > 0 {
            self.products.retain(&kept);
        }
        (self.groups, self.offsets) = (groups.into(), offsets.into());
    }
}

impl<'a> Group<'a> {
    /// `end` is the exclusive end of the group's offsets.
    pub fn new(row: Row<'a>, stride: usize, end: usize) -> Self {
        let ones = if row.is_ones() { ONES } else { 0 };
        Self { features: row.features(), name: row.name(), end: end as u32 | ones, stride }
    }

    fn set_end(&mut self, end: usize) {
        self.end = self.end & ONES | end as u32;
    }

    #[inline]
    pub fn row(&self) -> Row<'a> {
        Row::from_checked(self.features, self.name, self.end & ONES > 0)
    }

    /// Exclusive end of its offsets.
    #[inline]
    pub fn end(&self) -> usize {
        (self.end & !ONES) as usize
    }

    fn at(&self, offset: usize) -> PlacedRow<'a> {
        PlacedRow { row: self.row(), place: Place { offset, stride: self.stride } }
    }
}

/// Positions of groups.
#[derive(Default)]
struct Table {
    /// By row name and stride.
    groups: HashMap<(u32, usize), usize>,
    /// The first group by row name.
    names: HashMap<u32, usize>,
}

/// Finds groups by row name and stride.
pub(super) struct Finder {
    /// `None` if there are few groups.
    table: Option<Table>,
    /// The group found last. Searches start there, since the rows of a plane mostly come in the
    /// order of the groups.
    last: usize,
    /// Whether a wanted row has the same name as a different row.
    clashes: bool,
}

impl Finder {
    fn new(groups: &[Group<'_>], wanted: usize) -> Self {
        let table = (groups.len() + wanted > FEW_GROUPS).then(Default::default);
        let mut finder = Self { table, last: 0, clashes: false };
        if finder.table.is_some() {
            (1..=groups.len()).for_each(|count| _ = finder.add(&groups[..count]));
        }
        finder
    }

    fn find(&mut self, groups: &[Group<'_>], placed: &PlacedRow<'_>) -> Option<usize> {
        let (name, stride) = (placed.row.name(), placed.place.stride);
        let differs = |at: usize| !placed.row.has_entries_of(groups[at].row());
        let is_it = |group: &Group<'_>| group.name == name && group.stride == stride;
        let (found, same_name) = match &self.table {
            _ if groups.get(self.last).is_some_and(is_it) => (Some(self.last), None),
            Some(Table { groups, names }) => {
                (groups.get(&(name, stride)).copied(), names.get(&name).copied())
            }
            None => {
                let order = || (self.last..groups.len()).chain(0..self.last);
                let has_name = |at: &usize| groups[*at].name == name;
                let found = order().find(|&at| is_it(&groups[at]));
                (found, found.or_else(|| order().find(has_name)))
            }
        };
        self.last = found.unwrap_or(self.last);
        // At any stride a name stands for one row.
        self.clashes |= found.or(same_name).is_some_and(differs);
        found
    }

    /// # Errors
    /// Two different rows have the same name.
    pub fn check(&self) -> Result<(), FaultKind> {
        if self.clashes { Err(FaultKind::RowName) } else { Ok(()) }
    }

    /// Adds the last of `groups`. Returns its position.
    fn add(&mut self, groups: &[Group<'_>]) -> usize {
        self.last = groups.len() - 1;
        if let Some(Table { groups: table, names }) = &mut self.table {
            let Group { name, stride, .. } = groups[self.last];
            table.insert((name, stride), self.last);
            names.entry(name).or_insert(self.last);
        }
        self.last
    }
}

impl PlacedRow<'_> {
    /// Whether both are the same row at the same place.
    pub fn is(&self, other: &Self) -> bool {
        self.place == other.place
            && self.row.name() == other.row.name()
            && self.row.has_entries_of(other.row)
    }

    /// ⟨placed row, other⟩.
    pub fn inner(&self, other: &Self) -> f64 {
        if self.place == other.place {
            return if self.row.name() == other.row.name() {
                self.row.squared_norm()
            } else {
                self.row.dot(other.row)
            };
        }
        if self.place.stride == other.place.stride
            && !self.place.offset.abs_diff(other.place.offset).is_multiple_of(self.place.stride)
        {
            return 0.0;
        }
        (other.row.features().iter())
            .map(|feature| {
                let index = other.place.offset + other.place.stride * feature.index as usize;
                f64::from(feature.value) * self.entry(index)
            })
            .sum()
    }

    /// The entry of the placed row at index `index` of w.
    fn entry(&self, index: usize) -> f64 {
        match index.checked_sub(self.place.offset) {
            Some(distance) if distance.is_multiple_of(self.place.stride) => {
                self.row.get(distance / self.place.stride)
            }
            _ => 0.0,
        }
    }
}

/// ⟨v, row⟩ at each of several offsets.
#[inline]
fn dot_offsets<const N: usize>(
    v: &[f64],
    row: Row<'_>,
    stride: usize,
    offsets: [usize; N],
) -> [f64; N] {
    match row.is_ones() {
        true => dot_offsets_by::<N, true>(v, row, stride, offsets),
        false => dot_offsets_by::<N, false>(v, row, stride, offsets),
    }
}

#[inline]
fn dot_offsets_by<const N: usize, const ONES: bool>(
    v: &[f64],
    row: Row<'_>,
    stride: usize,
    offsets: [usize; N],
) -> [f64; N] {
    let mut sums = [0.0; N];
    if row.features().is_empty() {
        return sums;
    }
    // Slices of one length: one bounds check serves all places of a feature.
    let length = v.len() - offsets.iter().fold(0, |most, &offset| most.max(offset));
    let lines = offsets.map(|offset| &v[offset..][..length]);
    for feature in row.features() {
        let base = stride * feature.index as usize;
        let value = feature.value_or_one::<ONES>();
        for (sum, line) in sums.iter_mut().zip(&lines) {
            *sum += value * line[base];
        }
    }
    sums
}

/// target += coefficient · row at all offsets below the stride, the number of coefficients.
#[inline]
fn add_line(target: &mut [f64], row: Row<'_>, coefficients: &[f64]) {
    let stride = coefficients.len();
    for feature in row.features() {
        let value = f64::from(feature.value);
        let line = &mut target[stride * feature.index as usize..][..stride];
        line.iter_mut().zip(coefficients).for_each(|(sum, of)| *sum += of * value);
    }
}

/// target += coefficient · row at each of several offsets.
#[inline]
fn add_offsets<const N: usize>(
    target: &mut [f64],
    row: Row<'_>,
    stride: usize,
    terms: [(usize, f64); N],
) {
    match row.is_ones() {
        true => add_offsets_by::<N, true>(target, row, stride, terms),
        false => add_offsets_by::<N, false>(target, row, stride, terms),
    }
}

#[inline]
fn add_offsets_by<const N: usize, const ONES: bool>(
    target: &mut [f64],
    row: Row<'_>,
    stride: usize,
    terms: [(usize, f64); N],
) {
    // One bounds check serves all places of a feature.
    let span = 1 + terms.iter().fold(0, |most, &(offset, _)| most.max(offset));
    let terms = terms.map(|(offset, coefficient)| (offset.min(span - 1), coefficient));
    for feature in row.features() {
        let line = &mut target[stride * feature.index as usize..][..span];
        let value = feature.value_or_one::<ONES>();
        for (offset, coefficient) in terms {
            line[offset] += coefficient * value;
        }
    }
}

/// window += coefficient · row of a group at each of several offsets, for the weights from `start`
/// on. Additions to a weight come in the order of [`add_offsets`].
fn add_offsets_within(start: usize, window: &mut [f64], group: &Group<'_>, terms: &[(usize, f64)]) {
    let stride = group.stride;
    let offsets = || terms.iter().map(|(offset, _)| *offset);
    let (Some(lowest), Some(highest)) = (offsets().min(), offsets().max()) else { return };
    let base = |feature: &Feature| stride * feature.index as usize;
    let features = group.features;
    let from = features.partition_point(|feature| base(feature) + highest < start);
    let end = start + window.len();
    let to = from + features[from..].partition_point(|feature| base(feature) + lowest < end);
    for feature in &features[from..to] {
        let value = f64::from(feature.value);
        for (offset, coefficient) in terms {
            if let Some(sum) = window.get_mut((base(feature) + offset).wrapping_sub(start)) {
                *sum += coefficient * value;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::data::SparseVector;

    fn rows() -> Vec<SparseVector> {
        let row = |at: usize| {
            let features = (0..6).filter(|index| !(at + index).is_multiple_of(3_usize));
            let features = features
                .map(|index| Feature { index: index as u32, value: (at + 2 * index) as f32 - 3.0 });
            SparseVector::new(features.collect()).unwrap()
        };
        (0..5).map(row).collect()
    }

    proptest! {
        /// Compares with a plain list of placed rows: keys stay correct after insertions and
        /// removals, and all sums agree.
        #[test]
        fn placed_rows_are_a_list_of_rows_at_places(
            batches in prop::collection::vec(prop::collection::vec((0..5_usize, 0..4_usize, 1..3_usize), 0..90), 1..4),
            kept in prop::collection::vec(any::<bool>(), 400),
            v in prop::collection::vec(-2.0..2.0_f64, 20), cut in 0..20_usize,
        ) {
            let rows = rows();
            let at = |&(row, offset, stride): &(usize, usize, usize)| PlacedRow { row: rows[row].row().named(row as u32), place: Place { offset, stride } };
            let same = |a: &PlacedRow<'_>, b: &PlacedRow<'_>| a.is(b);
            let mut placed = PlacedRows::default();
            for batch in &batches {
                let batch: Vec<_> = batch.iter().map(at).collect();
                let find = |placed: &PlacedRows<'_>| {
                    let mut finder = placed.finder(batch.len());
                    batch.iter().map(|row| placed.find(&mut finder, row)).collect::<Vec<_>>()
                };
                let found = find(&placed);
                let missing: Vec<_> = batch.iter().zip(&found).filter(|(_, found)| found.is_none()).map(|(placed, _)| *placed).collect();
                let before: Vec<_> = placed.iter().collect();
                let renamed = placed.insert(&missing).unwrap();
                prop_assert!(renamed.is_sorted());
                for (old, key) in before.iter().zip(&renamed) {
                    prop_assert!(same(&placed.get(*key as usize), old));
                }
                for (row, key) in batch.iter().zip(find(&placed)) {
                    prop_assert!(same(&placed.get(key.unwrap() as usize), row));
                }
            }
            let list: Vec<_> = placed.iter().collect();
            prop_assert_eq!(list.len(), placed.len());
            let keep = &kept[..list.len()];
            placed.retain(keep);
            let list: Vec<_> = list.iter().zip(keep).filter(|(_, keep)| **keep).map(|(placed, _)| *placed).collect();
            prop_assert!(list.len() == placed.len() && list.iter().zip(placed.iter()).all(|(a, b)| same(a, &b)));

            let mut dots = vec![f64::NAN];
            placed.dots(&v, &mut dots);
            prop_assert_eq!(dots.len(), list.len());
            let mut again = Vec::new();
            placed.dots_by(|index| v[index], &mut again);
            prop_assert!(again.len() == dots.len() && again.iter().zip(&dots).all(|(a, b)| (a - b).abs() < 1e-9));
            let (mut sum, mut expected) = (v.clone(), v.clone());
            let coefficients: Vec<f64> = (0..list.len()).map(|at| (at % 3) as f64).collect();
            placed.add_to(&mut sum, &coefficients);
            for ((placed, dot), coefficient) in list.iter().zip(&dots).zip(&coefficients) {
                prop_assert!((dot - dot_row(&v, placed.row, placed.place)).abs() < 1e-9);
                crate::data::add_row(&mut expected, placed.row, placed.place, *coefficient);
            }
            let mut pieces = v.clone();
            let (before, after) = pieces.split_at_mut(cut);
            placed.add_within(0, before, &coefficients);
            placed.add_within(cut, after, &coefficients);
            prop_assert_eq!(&pieces, &sum);
            prop_assert!(sum.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-9));
        }
    }

    proptest! {
        /// Products by rows are those of the written out vectors, whatever was inserted and dropped
        /// before.
        #[test]
        fn products_of_rows_in_lines_are_inner_products(
            batches in prop::collection::vec(prop::collection::vec((0..5_usize, 0..4_usize), 1..12), 1..4),
            scales in prop::collection::vec(-2.0..2.0_f64, 60),
            kept in prop::collection::vec(any::<bool>(), 60),
        ) {
            let rows = rows();
            let mut placed = PlacedRows::default();
            let mut dots = Vec::new();
            for batch in batches {
                let at = |&(row, offset): &(usize, usize)| PlacedRow { row: rows[row].row().named(row as u32), place: Place { offset, stride: 4 } };
                let mut finder = placed.finder(batch.len());
                let missing: Vec<_> = batch.iter().map(at).filter(|row| placed.find(&mut finder, row).is_none()).collect();
                placed.insert(&missing).unwrap();
                prop_assert!(placed.is_in_lines(4 * 6) && !placed.is_in_lines(3));
                let keys: Vec<u32> = (0..placed.len() as u32).filter(|key| scales[*key as usize] > -1.0).collect();
                let scales: Vec<f64> = keys.iter().map(|&key| scales[key as usize]).collect();
                let mut delta = vec![0.0; 4 * 6];
                for (&key, scale) in keys.iter().zip(&scales) {
                    let PlacedRow { row, place } = placed.get(key as usize);
                    crate::data::add_row(&mut delta, row, place, *scale);
                }
                placed.dots_of_rows((&keys, &scales), &mut dots);
                for (dot, PlacedRow { row, place }) in dots.iter().zip(placed.iter()) {
                    prop_assert!((dot - dot_row(&delta, row, place)).abs() < 1e-9);
                }
                placed.retain(&kept[..placed.len()]);
            }
        }
    }
}
