//! Removal of planes from a block: planes long out of use are dropped, and planes are merged if
//! there is no room.

use super::placed_rows::PlacedRow;
use super::terms::{ENTRY, Terms, keys_of_rows, split, sum_terms};
use super::{Block, CachedPlane};
use crate::data::add_row;

impl Block<'_> {
    /// Drops planes that have not been in use since the exact pass `since`.
    pub fn forget(&mut self, since: u32) {
        for plane in &mut self.planes {
            if plane.alpha > 0.0 {
                plane.used = plane.used.max(since);
            }
        }
        if self.planes.iter().any(|plane| plane.used < since) {
            let keep: Vec<bool> = self.planes.iter().map(|plane| plane.used >= since).collect();
            self.retain(&keep);
        }
    }

    /// Drops planes that have not been in use since `since`, neither by their own dual variables nor
    /// by `others`, one for each plane. Those of dropped planes are removed too.
    pub fn forget_unless_in(&mut self, since: u32, others: &mut Vec<f64>) {
        for (plane, other) in self.planes.iter_mut().zip(&*others) {
            if *other > 0.0 {
                plane.used = plane.used.max(since);
            }
        }
        let mut planes = self.planes.iter();
        others.retain(|_| planes.next().is_some_and(|p| p.alpha > 0.0 || p.used >= since));
        self.forget(since);
    }

    /// Drops planes not in use, then merges planes until at most `most_planes` are left.
    pub fn shed(&mut self, most_planes: usize) {
        if self.alphas().any(|alpha| alpha == 0.0) {
            let keep: Vec<bool> = self.alphas().map(|alpha| alpha > 0.0).collect();
            self.retain(&keep);
        }
        while self.planes.len() > most_planes {
            self.make_room();
        }
    }

    /// Removes one plane. Drops the plane that has been out of use longest. If all planes are in
    /// use, merges the two with the smallest dual variables into their convex combination, which is
    /// itself a valid plane.
    pub(super) fn make_room(&mut self) {
        self.unfold();
        let m = self.planes.len();
        let idle =
            (0..m).filter(|&p| self.planes[p].alpha == 0.0).min_by_key(|&p| self.planes[p].used);
        if let Some(idle) = idle {
            let keep: Vec<bool> = (0..m).map(|p| p != idle).collect();
            self.retain(&keep);
            return;
        }
        let mut order: Vec<usize> = (0..m).collect();
        order.sort_by(|&p, &q| self.planes[p].alpha.total_cmp(&self.planes[q].alpha));
        let (p, q) = (order[0], order[1]);
        let (first, second) = (self.planes[p], self.planes[q]);
        let alpha = first.alpha + second.alpha;
        let (s, t) = (first.alpha / alpha, second.alpha / alpha);
        let offset = s * first.offset + t * second.offset;
        let merged =
            CachedPlane { offset, alpha, end: 0, entries: 0, used: first.used.max(second.used) };
        let dense = self.merge_dense(p, q, s, t);
        let term = |(&key, &scale): (&u32, &f64), factor: f64| (key, factor * scale);
        let terms = if dense.is_none() {
            let ((keys, scales), (more, others)) = (self.terms(p), self.terms(q));
            let first = keys.iter().zip(scales).map(|pair| term(pair, s));
            let mut terms: Vec<(u32, f64)> =
                first.chain(more.iter().zip(others).map(|pair| term(pair, t))).collect();
            sum_terms(&mut terms);
            terms
        } else {
            Vec::new()
        };
        let gram = &self.gram;
        let row: Vec<f64> = (0..m)
            .filter(|&r| r != p && r != q)
            .map(|r| s * gram.get(p, r) + t * gram.get(q, r))
            .chain([s * s * gram.get(p, p) + 2.0 * s * t * gram.get(p, q) + t * t * gram.get(q, q)])
            .collect();
        self.merges = self.merges.saturating_add(1);
        if dense.is_some() {
            let size = [p, q].map(|plane| self.size(plane)).into_iter().fold(0.0, f64::max);
            let written = self.terms(p).0.len() + self.terms(q).0.len();
            self.longest = self.longest.max(size);
            self.written = self.written.max(written.min(u32::MAX as usize) as u32);
        }
        // The merged plane is appended before the two are dropped, so that its placed rows are
        // kept.
        self.push(merged, dense, &terms);
        self.gram.push(std::iter::repeat_n(0.0, m + 1));
        let keep: Vec<bool> = (0..=m).map(|r| r != p && r != q).collect();
        self.retain(&keep);
        self.gram.replace_last(row);
    }

    /// s · δₚ + t · δ_q if one of the two is dense.
    fn merge_dense(&self, p: usize, q: usize, s: f64, t: f64) -> Option<Box<[f64]>> {
        let mut values = vec![0.0; self.dense(p).or(self.dense(q))?.len()];
        for (plane, factor) in [(p, s), (q, t)] {
            let (rows, entries) = split(self.terms(plane));
            for (placed, scale) in rows {
                let PlacedRow { row, place } = self.placed.get(placed);
                add_row(&mut values, row, place, factor * scale);
            }
            entries.for_each(|(index, scale)| values[index] += factor * scale);
            if let Some(theirs) = self.dense(plane) {
                values.iter_mut().zip(theirs).for_each(|(value, theirs)| *value += factor * theirs);
            }
        }
        Some(values.into_boxed_slice())
    }

    /// Keeps the planes whose `keep` is true, and the placed rows that they use.
    pub(super) fn retain(&mut self, keep: &[bool]) {
        if self.is_fan() {
            let mut keeps = keep.iter();
            self.planes = std::mem::take(&mut self.planes)
                .into_iter()
                .filter(|_| keeps.next() == Some(&true))
                .collect();
            self.placed.retain(std::iter::once(&true).chain(keep));
            self.gram.retain(keep);
            return;
        }
        let kept = || (0..self.planes.len()).filter(|&p| keep[p]);
        let mut needed = vec![false; self.placed.len()];
        kept().for_each(|p| split(self.terms(p)).0.for_each(|(placed, _)| needed[placed] = true));
        let mut next = 0;
        let renamed: Vec<u32> = (needed.iter())
            .map(|needed| {
                next += u32::from(*needed);
                next.saturating_sub(1)
            })
            .collect();
        let terms = kept().map(|p| self.terms(p).0.len()).sum();
        let (mut keys, mut scales) = (Vec::with_capacity(terms), Vec::with_capacity(terms));
        let mut planes = Vec::with_capacity(kept().count());
        for p in kept() {
            let (theirs, factors) = self.terms(p);
            keys.extend(
                theirs.iter().map(|&key| if key < ENTRY { renamed[key as usize] } else { key }),
            );
            scales.extend_from_slice(factors);
            let entries = keys.len() - theirs.len() + keys_of_rows(theirs);
            planes.push(CachedPlane {
                end: keys.len() as u32,
                entries: entries as u32,
                ..self.planes[p]
            });
        }
        let mut keeps = keep.iter();
        self.dense = std::mem::take(&mut self.dense)
            .into_iter()
            .filter(|_| keeps.next() == Some(&true))
            .collect();
        self.planes = planes.into();
        self.terms = Terms { keys: keys.into(), scales: scales.into() };
        self.placed.retain(&needed);
        self.gram.retain(keep);
    }
}
