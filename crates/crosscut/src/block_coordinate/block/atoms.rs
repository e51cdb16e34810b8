//! [`Atoms`]: the rows at places that the planes of an example are made of.

use std::collections::HashMap;

use super::append;
use crate::sink::{Place, dot_row};
use crate::sparse::{Feature, Row};

/// A row is swept at all offsets below its stride, next to each other, if these are at most so many times the wanted ones, …
const WORTH_SWEEPING: usize = 3;
/// … and at most so many.
const MOST_SWEPT: usize = 64;
/// Among at most so many groups one is found by looking at each.
const FEW_GROUPS: usize = 64;

/// Rows at places. Those of one row lie together in a group (a multiclass block is one row at several classes, that of a sequence a row a
/// token at several tags): it is swept once for all of them, and with feature-major weights their entries share cache lines.
#[derive(Debug, Default)]
pub(super) struct Atoms<'a> {
    groups: Box<[Group<'a>]>,
    /// Where the rows lie, group after group.
    offsets: Box<[usize]>,
}

/// A row with the stride of its places.
#[derive(Clone, Copy, Debug)]
pub(super) struct Group<'a> {
    pub row: Row<'a>,
    pub stride: usize,
    /// Where its offsets end.
    pub end: usize,
}

/// A row at a place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Atom<'a> {
    pub row: Row<'a>,
    pub place: Place,
}

impl<'a> Atoms<'a> {
    /// From their parts; `None` where these do not fit together.
    pub fn new(groups: Vec<Group<'a>>, offsets: Vec<usize>) -> Option<Self> {
        let fits =
            groups.is_sorted_by_key(|group| group.end) && groups.last().map_or(0, |group| group.end) == offsets.len();
        fits.then(|| Self { groups: groups.into(), offsets: offsets.into() })
    }

    /// One row, at one place.
    pub fn one(Atom { row, place }: Atom<'a>) -> Self {
        let group = Group { row, stride: place.stride, end: 1 };
        Self { groups: [group].into(), offsets: [place.offset].into() }
    }

    /// Appends an offset of the last group.
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
        size_of_val(&*self.groups) + size_of_val(&*self.offsets)
    }

    /// The groups, each with its offsets.
    fn grouped(&self) -> impl Iterator<Item = (&Group<'a>, &[usize])> {
        let mut start = 0;
        self.groups.iter().map(move |group| {
            let offsets = &self.offsets[start..group.end];
            start = group.end;
            (group, offsets)
        })
    }

    pub fn iter(&self) -> impl Iterator<Item = Atom<'a>> {
        self.grouped().flat_map(|(group, offsets)| offsets.iter().map(|&offset| group.at(offset)))
    }

    pub fn get(&self, name: usize) -> Atom<'a> {
        let group = self.groups.partition_point(|group| group.end <= name);
        self.groups[group].at(self.offsets[name])
    }

    /// Reads a bit of each row.
    pub fn touch(&self) -> f64 {
        let firsts = self.groups.iter().filter_map(|group| group.row.features().first());
        firsts.map(|feature| f64::from(feature.value)).sum::<f64>()
            + self.offsets.last().map_or(0.0, |&offset| offset as f64)
    }

    /// Replaces `dots` by ⟨v, atom⟩ of each atom.
    pub fn dots(&self, v: &[f64], dots: &mut Vec<f64>) {
        dots.clear();
        for (&Group { row, stride, .. }, offsets) in self.grouped() {
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
                    [a, b, c, d, e, f] => dots.extend(dot_offsets(v, row, stride, [a, b, c, d, e, f])),
                    _ => {}
                }
            }
        }
    }

    /// The same for a vector that is a function of the index.
    pub fn dots_by(&self, v: impl Fn(usize) -> f64, dots: &mut Vec<f64>) {
        dots.clear();
        dots.extend(self.iter().map(|Atom { row, place: Place { offset, stride } }| {
            let term = |feature: &Feature| f64::from(feature.value) * v(offset + stride * feature.index as usize);
            row.features().iter().map(term).sum::<f64>()
        }));
    }

    /// Features of all atoms.
    pub fn features(&self) -> usize {
        self.grouped().map(|(group, offsets)| group.row.features().len() * offsets.len()).sum()
    }

    /// target += Σ coefficient · atom.
    pub fn add_to(&self, target: &mut [f64], coefficients: &[f64]) {
        let mut start = 0;
        for &Group { row, stride, end } in &self.groups {
            let (mut waiting, mut count) = ([(0, 0.0); 4], 0);
            for (&offset, &coefficient) in self.offsets[start..end].iter().zip(&coefficients[start..end]) {
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

    /// Finds so many atoms.
    pub fn finder(&self, wanted: usize) -> Finder {
        Finder::new(&self.groups, wanted)
    }

    /// The name of an atom, `None` if it is not here.
    #[inline]
    pub fn find(&self, finder: &mut Finder, atom: &Atom<'a>) -> Option<u32> {
        let at = finder.find(&self.groups, atom)?;
        let start = at.checked_sub(1).map_or(0, |before| self.groups[before].end);
        let offsets = &self.offsets[start..self.groups[at].end];
        let place = offsets.iter().position(|&offset| offset == atom.place.offset)?;
        Some((start + place) as u32)
    }

    /// Takes in atoms that are not here, of which some may be the same; returns the new names of the old ones, whose order stays.
    pub fn insert(&mut self, atoms: &[Atom<'a>]) -> Vec<u32> {
        let mut groups = self.groups.to_vec();
        let mut finder = Finder::new(&groups, atoms.len());
        let end = self.offsets.len();
        let place = |atom: &Atom<'a>| {
            let at = finder.find(&groups, atom).unwrap_or_else(|| {
                groups.push(Group { row: atom.row, stride: atom.place.stride, end });
                finder.add(&groups)
            });
            (at, atom.place.offset)
        };
        let mut places: Vec<(usize, usize)> = atoms.iter().map(place).collect();
        places.sort_unstable();
        places.dedup();
        let mut offsets = Vec::with_capacity(end + places.len());
        let mut renamed = Vec::with_capacity(end);
        let (mut start, mut places) = (0, places.into_iter().peekable());
        for (at, group) in groups.iter_mut().enumerate() {
            renamed.extend((start..group.end).zip(offsets.len() as u32..).map(|(_, name)| name));
            offsets.extend_from_slice(&self.offsets[start..group.end]);
            while let Some((_, offset)) = places.next_if(|(group, _)| *group == at) {
                offsets.push(offset);
            }
            (start, group.end) = (group.end, offsets.len());
        }
        *self = Self { groups: groups.into(), offsets: offsets.into() };
        renamed
    }

    /// Keeps the atoms for which `keep` says so.
    pub fn retain<'k>(&mut self, keep: impl IntoIterator<Item = &'k bool>) {
        let (mut groups, mut offsets) = (Vec::with_capacity(self.groups.len()), Vec::with_capacity(self.offsets.len()));
        let mut keep = keep.into_iter();
        for (&group, all) in self.grouped() {
            let before = offsets.len();
            offsets.extend(all.iter().zip(&mut keep).filter(|(_, keep)| **keep).map(|(&offset, _)| offset));
            if offsets.len() > before {
                groups.push(Group { end: offsets.len(), ..group });
            }
        }
        *self = Self { groups: groups.into(), offsets: offsets.into() };
    }
}

impl<'a> Group<'a> {
    fn at(&self, offset: usize) -> Atom<'a> {
        Atom { row: self.row, place: Place { offset, stride: self.stride } }
    }

    /// What tells groups apart: where their rows lie in memory, and their strides.
    fn key(row: Row<'_>, stride: usize) -> (usize, usize, usize) {
        let features = row.features();
        (features.as_ptr().addr(), features.len(), stride)
    }
}

/// Finds groups.
pub(super) struct Finder {
    /// Where there are many.
    table: Option<HashMap<(usize, usize, usize), usize>>,
    /// The last one found: the rows of a plane mostly come in the order of the groups.
    last: usize,
}

impl Finder {
    fn new(groups: &[Group<'_>], wanted: usize) -> Self {
        let table = || groups.iter().map(|group| Group::key(group.row, group.stride)).zip(0..).collect();
        Self { table: (groups.len() + wanted > FEW_GROUPS).then(table), last: 0 }
    }

    fn find(&mut self, groups: &[Group<'_>], atom: &Atom<'_>) -> Option<usize> {
        let found = match &self.table {
            Some(table) => table.get(&Group::key(atom.row, atom.place.stride)).copied(),
            None => {
                let is_it =
                    |&at: &usize| groups[at].stride == atom.place.stride && groups[at].row.is_same_row(atom.row);
                (self.last..groups.len()).chain(0..self.last).find(is_it)
            }
        };
        self.last = found.unwrap_or(self.last);
        found
    }

    /// Takes in the last group.
    fn add(&mut self, groups: &[Group<'_>]) -> usize {
        self.last = groups.len() - 1;
        if let Some(table) = &mut self.table {
            table.insert(Group::key(groups[self.last].row, groups[self.last].stride), self.last);
        }
        self.last
    }
}

impl Atom<'_> {
    /// Whether it is the same row at the same place.
    pub fn is(&self, other: &Self) -> bool {
        self.place == other.place && self.row.is_same_row(other.row)
    }

    /// ⟨atom, other⟩.
    pub fn inner(&self, other: &Self) -> f64 {
        if self.place == other.place {
            return if self.row.is_same_row(other.row) { self.row.squared_norm() } else { self.row.dot(other.row) };
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

    /// The entry at `index` of the weights.
    fn entry(&self, index: usize) -> f64 {
        match index.checked_sub(self.place.offset) {
            Some(distance) if distance.is_multiple_of(self.place.stride) => self.row.get(distance / self.place.stride),
            _ => 0.0,
        }
    }
}

/// ⟨v, row⟩ at each of several offsets.
#[inline]
fn dot_offsets<const N: usize>(v: &[f64], row: Row<'_>, stride: usize, offsets: [usize; N]) -> [f64; N] {
    let mut sums = [0.0; N];
    for feature in row.features() {
        let base = stride * feature.index as usize;
        let value = f64::from(feature.value);
        for (sum, offset) in sums.iter_mut().zip(&offsets) {
            *sum += value * v[base + offset];
        }
    }
    sums
}

/// target += coefficient · row at each of several offsets.
#[inline]
fn add_offsets<const N: usize>(target: &mut [f64], row: Row<'_>, stride: usize, terms: [(usize, f64); N]) {
    for feature in row.features() {
        let base = stride * feature.index as usize;
        let value = f64::from(feature.value);
        for (offset, coefficient) in terms {
            target[base + offset] += coefficient * value;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::sparse::SparseVector;

    fn rows() -> Vec<SparseVector> {
        let row = |at: usize| {
            let features = (0..6).filter(|index| !(at + index).is_multiple_of(3_usize));
            let features = features.map(|index| Feature { index: index as u32, value: (at + 2 * index) as f32 - 3.0 });
            SparseVector::new(features.collect()).unwrap()
        };
        (0..5).map(row).collect()
    }

    proptest! {
        /// Against atoms written out, in a list: names stay true whatever comes and goes, and all sums are those of the list.
        #[test]
        fn atoms_are_a_list_of_rows_at_places(
            batches in prop::collection::vec(prop::collection::vec((0..5_usize, 0..4_usize, 1..3_usize), 0..90), 1..4),
            kept in prop::collection::vec(any::<bool>(), 400),
            v in prop::collection::vec(-2.0..2.0_f64, 20),
        ) {
            let rows = rows();
            let atom = |&(row, offset, stride): &(usize, usize, usize)| Atom { row: rows[row].row(), place: Place { offset, stride } };
            let same = |a: &Atom<'_>, b: &Atom<'_>| a.row.is_same_row(b.row) && a.place == b.place;
            let mut atoms = Atoms::default();
            for batch in &batches {
                let batch: Vec<_> = batch.iter().map(atom).collect();
                let find = |atoms: &Atoms<'_>| {
                    let mut finder = atoms.finder(batch.len());
                    batch.iter().map(|atom| atoms.find(&mut finder, atom)).collect::<Vec<_>>()
                };
                let found = find(&atoms);
                let missing: Vec<_> = batch.iter().zip(&found).filter(|(_, found)| found.is_none()).map(|(atom, _)| *atom).collect();
                let before: Vec<_> = atoms.iter().collect();
                let renamed = atoms.insert(&missing);
                prop_assert!(renamed.is_sorted());
                for (old, name) in before.iter().zip(&renamed) {
                    prop_assert!(same(&atoms.get(*name as usize), old));
                }
                for (atom, name) in batch.iter().zip(find(&atoms)) {
                    prop_assert!(same(&atoms.get(name.unwrap() as usize), atom));
                }
            }
            let list: Vec<_> = atoms.iter().collect();
            prop_assert_eq!(list.len(), atoms.len());
            let keep = &kept[..list.len()];
            atoms.retain(keep);
            let list: Vec<_> = list.iter().zip(keep).filter(|(_, keep)| **keep).map(|(atom, _)| *atom).collect();
            prop_assert!(list.len() == atoms.len() && list.iter().zip(atoms.iter()).all(|(a, b)| same(a, &b)));

            let mut dots = vec![f64::NAN];
            atoms.dots(&v, &mut dots);
            prop_assert_eq!(dots.len(), list.len());
            let mut again = Vec::new();
            atoms.dots_by(|index| v[index], &mut again);
            prop_assert!(again.len() == dots.len() && again.iter().zip(&dots).all(|(a, b)| (a - b).abs() < 1e-9));
            let (mut sum, mut expected) = (v.clone(), v.clone());
            let coefficients: Vec<f64> = (0..list.len()).map(|at| (at % 3) as f64).collect();
            atoms.add_to(&mut sum, &coefficients);
            for ((atom, dot), coefficient) in list.iter().zip(&dots).zip(&coefficients) {
                prop_assert!((dot - dot_row(&v, atom.row, atom.place)).abs() < 1e-9);
                crate::sink::add_row(&mut expected, atom.row, atom.place, *coefficient);
            }
            prop_assert!(sum.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-9));
        }
    }
}
