//! [`Block`]: the planes one example has shown so far, their dual variables, and the small dual over them.

use crate::plane::{RawPlane, RowTerm, inner_entries, merge_entries};
use crate::qp::{self, Gram};
use crate::settings::Step;
use crate::sink::{Place, add_row, dot_row};
use crate::sparse::Row;

/// Planes written with more rows than this are expanded: pairs of rows are compared when planes meet.
const MOST_ROWS: usize = 48;

/// The plane cache of one example with its part of the dual.
///
/// Planes of one example are made of few distinct rows (the truth is in all of them), so rows are kept once, as atoms,
/// and planes as combinations of atoms. Inner products with w and updates of w cost one sweep an atom.
#[derive(Debug)]
pub(crate) struct Block<'a> {
    /// C · weight / n: the bound on the sum of the dual variables.
    pub total: f64,
    /// Block gap at the last visit: what the best known plane would add to the slack bound beyond the planes in use.
    pub gap: f64,
    atoms: Vec<Atom<'a>>,
    planes: Vec<Plane>,
    alpha: Vec<f64>,
    gram: Gram,
}

/// A row at a place, with what comparisons need.
#[derive(Debug)]
struct Atom<'a> {
    row: Row<'a>,
    place: Place,
    squared_norm: f64,
}

#[derive(Debug)]
struct Plane {
    loss: f64,
    delta: Delta,
    /// The last exact pass in which the plane was in use or the best.
    used: u32,
}

/// δ in one of two forms.
#[derive(Debug, PartialEq)]
enum Delta {
    /// Numbers times atoms, and entries with increasing indices.
    Sparse { atoms: Box<[(u32, f64)]>, entries: Box<[(usize, f64)]> },
    /// All of it.
    Dense(Box<[f64]>),
}

/// Buffers for block steps; one serves all blocks.
#[derive(Debug, Default)]
pub(crate) struct Workspace {
    dots: Vec<f64>,
    gradient: Vec<f64>,
    /// α before the last step, then its change.
    change: Vec<f64>,
}

/// How to visit a block.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Visiting {
    /// The kind of step.
    pub kind: Step,
    /// The block gap at which no step is worth while.
    pub enough: f64,
    /// What multiplies the curvature.
    pub damping: f64,
    /// The number of the exact pass.
    pub pass: u32,
}

/// What a visit did.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Visit {
    /// The block gap before the step.
    pub gap: f64,
    /// What the step added to the dual value.
    pub gain: f64,
}

impl<'a> Block<'a> {
    pub fn new(total: f64) -> Self {
        Self {
            total,
            gap: f64::INFINITY,
            atoms: Vec::new(),
            planes: Vec::new(),
            alpha: Vec::new(),
            gram: Gram::default(),
        }
    }

    pub fn planes(&self) -> usize {
        self.planes.len()
    }

    /// Σ αₚ Δₚ, this block's part of the linear term of the dual.
    pub fn loss(&self) -> f64 {
        self.planes.iter().zip(&self.alpha).map(|(plane, alpha)| alpha * plane.loss).sum()
    }

    /// Scales the bound and the dual variables with it.
    pub fn rescale(&mut self, factor: f64) {
        self.total *= factor;
        self.gap = f64::INFINITY;
        self.alpha.iter_mut().for_each(|alpha| *alpha *= factor);
    }

    /// w += Σ αₚ δₚ.
    pub fn add_to(&self, w: &mut [f64], workspace: &mut Workspace) {
        self.add_combination(&self.alpha, w, workspace);
    }

    /// Puts a plane into the cache unless it is there. `pass` is the number of the exact pass.
    pub fn insert(&mut self, raw: &RawPlane<'a>, dim: usize, most_planes: usize, pass: u32) {
        let mut delta = self.intern(raw, dim);
        let known = self.planes.iter_mut().find(|plane| plane.loss == raw.loss && plane.delta == delta);
        if let Some(plane) = known {
            plane.used = pass;
            return;
        }
        if self.planes.len() >= most_planes {
            self.make_room();
            // Atoms have been renamed.
            delta = self.intern(raw, dim);
        }
        let row: Vec<f64> = (self.planes.iter().map(|plane| self.inner(&plane.delta, &delta)))
            .chain([self.inner(&delta, &delta)])
            .collect();
        self.gram.push(row);
        self.planes.push(Plane { loss: raw.loss, delta, used: pass });
        self.alpha.push(0.0);
    }

    /// Visits the block: computes the gap over its planes at w, takes one step of the given kind, updates w.
    ///
    /// The step is left out where the gap is at most `enough`.
    ///
    /// With `damping` below 1 the curvature is multiplied by it, and so is the change of w (see [`super::proximal`]).
    pub fn step(&mut self, w: &mut [f64], visit: &Visiting, workspace: &mut Workspace) -> Visit {
        let &Visiting { kind, enough, damping, pass } = visit;
        if self.planes.is_empty() || self.total == 0.0 {
            self.gap = 0.0;
            return Visit::default();
        }
        self.values(w, workspace);
        let Workspace { gradient, change, .. } = workspace;
        let (best, value) = best_plane(gradient);
        let in_use: f64 = gradient.iter().zip(&self.alpha).map(|(value, alpha)| alpha * value).sum();
        let gap = self.total * value.max(0.0) - in_use;
        if let Some(best) = best {
            self.planes[best].used = pass;
        }
        self.gap = gap;
        if gap <= enough {
            return Visit { gap, gain: 0.0 };
        }
        change.clone_from(&self.alpha);
        let (pair, violation) = qp::worst_pair(gradient, &self.alpha, self.total);
        let gain = match kind {
            Step::Exact => qp::solve(&self.gram, damping, gradient, &mut self.alpha, self.total, 0.01 * violation),
            Step::Pairwise => qp::pairwise_step(&self.gram, damping, gradient, &mut self.alpha, self.total, pair),
            Step::FrankWolfe => self.frank_wolfe_step(damping, best.filter(|_| value > 0.0), gap),
        };
        change.iter_mut().zip(&self.alpha).for_each(|(change, alpha)| *change = alpha - *change);
        self.add_last_change(w, damping, workspace);
        Visit { gap, gain }
    }

    /// Forgets planes that have not been in use since the exact pass `since`.
    pub fn forget(&mut self, since: u32) {
        for (plane, alpha) in self.planes.iter_mut().zip(&self.alpha) {
            if *alpha > 0.0 {
                plane.used = plane.used.max(since);
            }
        }
        if self.planes.iter().any(|plane| plane.used < since) {
            let keep: Vec<bool> = self.planes.iter().map(|plane| plane.used >= since).collect();
            self.retain(&keep);
        }
    }

    /// ⟨v, δ⟩ of each plane.
    pub fn scores<'w>(&self, v: &[f64], workspace: &'w mut Workspace) -> &'w [f64] {
        let Workspace { dots, gradient, .. } = workspace;
        dots.clear();
        dot_atoms(v, &self.atoms, dots);
        gradient.clear();
        gradient.extend(self.planes.iter().map(|plane| match &plane.delta {
            Delta::Sparse { atoms, entries } => {
                atoms.iter().map(|&(atom, scale)| scale * dots[atom as usize]).sum::<f64>()
                    + entries.iter().map(|&(index, value)| value * v[index]).sum::<f64>()
            }
            Delta::Dense(values) => values.iter().zip(v).map(|(value, weight)| value * weight).sum(),
        }));
        gradient
    }

    /// target += factor · (the change of w in the last step taken with this workspace).
    pub fn add_last_change(&self, target: &mut [f64], factor: f64, workspace: &mut Workspace) {
        let mut change = std::mem::take(&mut workspace.change);
        change.iter_mut().for_each(|change| *change *= factor);
        self.add_combination(&change, target, workspace);
        workspace.change = change;
    }

    /// target += Σ cₚ δₚ.
    pub fn add_combination(&self, coefficients: &[f64], target: &mut [f64], workspace: &mut Workspace) {
        let dots = &mut workspace.dots;
        dots.clear();
        dots.resize(self.atoms.len(), 0.0);
        for (plane, &coefficient) in self.planes.iter().zip(coefficients) {
            if coefficient == 0.0 {
                continue;
            }
            match &plane.delta {
                Delta::Sparse { atoms, entries } => {
                    atoms.iter().for_each(|&(atom, scale)| dots[atom as usize] += coefficient * scale);
                    entries.iter().for_each(|&(index, value)| target[index] += coefficient * value);
                }
                Delta::Dense(values) => target.iter_mut().zip(values).for_each(|(t, value)| *t += coefficient * value),
            }
        }
        for (atom, &coefficient) in self.atoms.iter().zip(dots.iter()) {
            if coefficient != 0.0 {
                add_row(target, atom.row, atom.place, coefficient);
            }
        }
    }

    /// Δ − ⟨w, δ⟩ of each plane.
    pub fn values<'w>(&self, w: &[f64], workspace: &'w mut Workspace) -> &'w [f64] {
        self.scores(w, workspace);
        workspace.gradient.iter_mut().zip(&self.planes).for_each(|(value, plane)| *value = plane.loss - *value);
        &workspace.gradient
    }

    /// A line search from the current point towards all weight on `best` (`None`: on the plane (0, 0)).
    fn frank_wolfe_step(&mut self, damping: f64, best: Option<usize>, gap: f64) -> f64 {
        // Direction in dual variables: total·e_best − α; its curvature is ‖total·δ_best − Σ αₚ δₚ‖².
        let m = self.alpha.len();
        let mut direction: Vec<f64> = self.alpha.iter().map(|alpha| -alpha).collect();
        if let Some(best) = best {
            direction[best] += self.total;
        }
        let gram = &self.gram;
        let curvature: f64 = (0..m)
            .flat_map(|i| (0..m).map(move |j| (i, j)))
            .map(|(i, j)| damping * direction[i] * direction[j] * gram.get(i, j))
            .sum();
        let rate = if curvature > 0.0 { (gap / curvature).min(1.0) } else { 1.0 };
        for (alpha, change) in self.alpha.iter_mut().zip(&direction) {
            *alpha = (*alpha + rate * change).max(0.0);
        }
        rate * (gap - 0.5 * rate * curvature)
    }

    /// Turns what the oracle wrote into this block's form; new rows become atoms.
    fn intern(&mut self, raw: &RawPlane<'a>, dim: usize) -> Delta {
        if raw.len() >= dim {
            let mut values = vec![0.0; dim];
            raw.add_to(&mut values, 1.0);
            return Delta::Dense(values.into_boxed_slice());
        }
        if raw.rows.len() > MOST_ROWS {
            return Delta::Sparse { atoms: Box::default(), entries: raw.expand().into_boxed_slice() };
        }
        let mut atoms: Vec<(u32, f64)> = Vec::with_capacity(raw.rows.len());
        for term in &raw.rows {
            let atom = self.atom(term);
            match atoms.iter_mut().find(|(known, _)| *known == atom) {
                Some((_, scale)) => *scale += term.scale,
                None => atoms.push((atom, term.scale)),
            }
        }
        atoms.retain(|&(_, scale)| scale != 0.0);
        atoms.sort_by_key(|&(atom, _)| atom);
        let mut entries = raw.entries.clone();
        merge_entries(&mut entries);
        Delta::Sparse { atoms: atoms.into_boxed_slice(), entries: entries.into_boxed_slice() }
    }

    fn atom(&mut self, term: &RowTerm<'a>) -> u32 {
        let same = |atom: &Atom<'a>| atom.row.is_same_row(term.row) && atom.place == term.place;
        let known = self.atoms.iter().position(same).unwrap_or_else(|| {
            let squared_norm = term.row.squared_norm();
            self.atoms.push(Atom { row: term.row, place: term.place, squared_norm });
            self.atoms.len() - 1
        });
        known as u32
    }

    /// ⟨δ, δ′⟩.
    fn inner(&self, a: &Delta, b: &Delta) -> f64 {
        match (a, b) {
            (Delta::Dense(a), Delta::Dense(b)) => a.iter().zip(b).map(|(a, b)| a * b).sum(),
            (Delta::Dense(dense), Delta::Sparse { atoms, entries })
            | (Delta::Sparse { atoms, entries }, Delta::Dense(dense)) => {
                let rows = atoms.iter().map(|&(atom, scale)| {
                    let Atom { row, place, .. } = &self.atoms[atom as usize];
                    scale * dot_row(dense, *row, *place)
                });
                rows.sum::<f64>() + entries.iter().map(|&(index, value)| dense[index] * value).sum::<f64>()
            }
            (Delta::Sparse { atoms: a, entries: e }, Delta::Sparse { atoms: b, entries: f }) => {
                let mut sum = inner_entries(e, f);
                for &(i, s) in a {
                    let atom = &self.atoms[i as usize];
                    sum += b.iter().map(|&(j, t)| s * t * atom.inner(&self.atoms[j as usize])).sum::<f64>();
                    sum += s * f.iter().map(|&(index, value)| value * atom.get(index)).sum::<f64>();
                }
                for &(j, t) in b {
                    let atom = &self.atoms[j as usize];
                    sum += t * e.iter().map(|&(index, value)| value * atom.get(index)).sum::<f64>();
                }
                sum
            }
        }
    }

    /// Drops the plane not in use for longest; if all are in use, merges the two with the smallest dual variables
    /// into their convex combination, which is a valid plane itself.
    fn make_room(&mut self) {
        let m = self.planes.len();
        let idle = (0..m).filter(|&p| self.alpha[p] == 0.0).min_by_key(|&p| self.planes[p].used);
        if let Some(idle) = idle {
            let keep: Vec<bool> = (0..m).map(|p| p != idle).collect();
            self.retain(&keep);
            return;
        }
        let mut order: Vec<usize> = (0..m).collect();
        order.sort_by(|&p, &q| self.alpha[p].total_cmp(&self.alpha[q]));
        let (p, q) = (order[0], order[1]);
        let alpha = self.alpha[p] + self.alpha[q];
        let (s, t) = (self.alpha[p] / alpha, self.alpha[q] / alpha);
        let loss = s * self.planes[p].loss + t * self.planes[q].loss;
        let used = self.planes[p].used.max(self.planes[q].used);
        let mut entries = self.expand(&self.planes[p].delta, s);
        entries.extend(self.expand(&self.planes[q].delta, t));
        merge_entries(&mut entries);
        let keep: Vec<bool> = (0..m).map(|r| r != p && r != q).collect();
        self.retain(&keep);
        let delta = Delta::Sparse { atoms: Box::default(), entries: entries.into_boxed_slice() };
        let row: Vec<f64> = (self.planes.iter().map(|plane| self.inner(&plane.delta, &delta)))
            .chain([self.inner(&delta, &delta)])
            .collect();
        self.gram.push(row);
        self.planes.push(Plane { loss, delta, used });
        self.alpha.push(alpha);
    }

    fn expand(&self, delta: &Delta, factor: f64) -> Vec<(usize, f64)> {
        match delta {
            Delta::Dense(values) => values.iter().enumerate().map(|(index, value)| (index, factor * value)).collect(),
            Delta::Sparse { atoms, entries } => {
                let rows = atoms.iter().flat_map(|&(atom, scale)| {
                    let Atom { row, place, .. } = &self.atoms[atom as usize];
                    row.features().iter().map(move |feature| {
                        let index = place.offset + place.stride * feature.index as usize;
                        (index, factor * scale * f64::from(feature.value))
                    })
                });
                rows.chain(entries.iter().map(|&(index, value)| (index, factor * value))).collect()
            }
        }
    }

    /// Keeps the planes for which `keep` says so, and the atoms they need.
    fn retain(&mut self, keep: &[bool]) {
        let mut kept = keep.iter();
        self.planes.retain(|_| kept.next() == Some(&true));
        let mut kept = keep.iter();
        self.alpha.retain(|_| kept.next() == Some(&true));
        self.gram.retain(keep);

        let mut renamed: Vec<Option<u32>> = vec![None; self.atoms.len()];
        for plane in &self.planes {
            if let Delta::Sparse { atoms, .. } = &plane.delta {
                atoms.iter().for_each(|&(atom, _)| renamed[atom as usize] = Some(0));
            }
        }
        for (next, name) in (0..).zip(renamed.iter_mut().flatten()) {
            *name = next;
        }
        let mut names = renamed.iter();
        self.atoms.retain(|_| matches!(names.next(), Some(Some(_))));
        for plane in &mut self.planes {
            if let Delta::Sparse { atoms, .. } = &mut plane.delta {
                for (atom, _) in atoms.iter_mut() {
                    *atom = renamed[*atom as usize].unwrap_or_default();
                }
            }
        }
    }
}

impl Atom<'_> {
    /// ⟨atom, other⟩.
    fn inner(&self, other: &Self) -> f64 {
        if self.place == other.place {
            return if self.row.is_same_row(other.row) { self.squared_norm } else { self.row.dot(other.row) };
        }
        if self.place.stride == other.place.stride
            && !self.place.offset.abs_diff(other.place.offset).is_multiple_of(self.place.stride)
        {
            return 0.0;
        }
        (other.row.features().iter())
            .map(|feature| {
                let index = other.place.offset + other.place.stride * feature.index as usize;
                f64::from(feature.value) * self.get(index)
            })
            .sum()
    }

    /// The entry at `index` of the weights.
    fn get(&self, index: usize) -> f64 {
        match index.checked_sub(self.place.offset) {
            Some(distance) if distance.is_multiple_of(self.place.stride) => self.row.get(distance / self.place.stride),
            _ => 0.0,
        }
    }
}

/// ⟨v, atom⟩ of each atom. Neighbours of one row (a multiclass block is one row at several classes) are swept together:
/// with feature-major weights their entries share cache lines.
fn dot_atoms(v: &[f64], atoms: &[Atom<'_>], dots: &mut Vec<f64>) {
    let mut rest = atoms;
    while let Some(Atom { row, place: Place { stride, .. }, .. }) = rest.first() {
        let together = |atom: &&Atom<'_>| atom.row.is_same_row(*row) && atom.place.stride == *stride;
        let (group, next) = rest.split_at(rest.iter().take(4).take_while(together).count());
        match group {
            [a, b, c, d] => dots.extend(dot_offsets(v, *row, *stride, [a, b, c, d].map(|atom| atom.place.offset))),
            [a, b, c] => dots.extend(dot_offsets(v, *row, *stride, [a, b, c].map(|atom| atom.place.offset))),
            [a, b] => dots.extend(dot_offsets(v, *row, *stride, [a, b].map(|atom| atom.place.offset))),
            one => dots.extend(one.iter().map(|atom| dot_row(v, atom.row, atom.place))),
        }
        rest = next;
    }
}

/// ⟨v, row⟩ at each of several offsets.
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

/// The plane with the largest value and that value; the first of equals.
fn best_plane(gradient: &[f64]) -> (Option<usize>, f64) {
    let mut best = (None, f64::NEG_INFINITY);
    for (p, &value) in gradient.iter().enumerate() {
        if value > best.1 {
            best = (Some(p), value);
        }
    }
    best
}
