//! [`Block`]: the planes one example has shown so far, their dual variables, and the small dual over them.

mod state;

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::plane::{RawPlane, RowTerm, dot};
use crate::progress::DualVariable;
use crate::qp::{self, Curvature, Gram};
use crate::settings::{SlackNorm, Step};
use crate::sink::{Place, add_row, dot_row};
use crate::sparse::Row;
pub(crate) use state::Blocks;

/// A plane of at most so many terms meets the others atom by atom; a longer one is written out first.
const FEW_TERMS: usize = 8;
/// Terms with names below this are atoms; the rest of the name of another is the index of a weight by itself.
const ENTRY: u32 = 1 << 31;
/// Among at most so many atoms one is found by looking at each.
const FEW_ATOMS: usize = 64;

/// The plane cache of one example with its part of the dual.
///
/// Planes of one example are made of few distinct rows (the truth is in all of them), so rows are kept once, as atoms,
/// and planes as combinations of atoms. Inner products with w and updates of w cost one sweep an atom.
#[derive(Debug)]
pub(crate) struct Block<'a> {
    /// The bound on the sum of the dual variables: C · weight / n, infinite where slacks are squared.
    total: f64,
    /// Where slacks are squared, what the dual charges for that sum: n / (2 · C · weight). Else 0.
    ridge: f64,
    /// Block gap at the last visit: what the best known plane would add to the slack bound beyond the planes in use.
    pub gap: f64,
    atoms: Vec<Atom<'a>>,
    planes: Vec<Plane>,
    /// The terms of all planes, one plane after the other: names in increasing order, and what they are multiplied by.
    terms: Terms,
    /// Whether any of them is a weight by itself.
    entries: bool,
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

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Plane {
    loss: f64,
    /// All of δ, where that is shorter than its terms; it has none then.
    dense: Option<Box<[f64]>>,
    /// Where its terms end.
    end: u32,
    /// The last exact pass in which the plane was in use or the best.
    used: u32,
}

/// Numbers times atoms and single weights.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Terms {
    names: Vec<u32>,
    scales: Vec<f64>,
}

/// Buffers for block steps; one serves all blocks.
#[derive(Debug, Default)]
pub(crate) struct Workspace {
    dots: Vec<f64>,
    gradient: Vec<f64>,
    /// α before the last step, then its change.
    change: Vec<f64>,
    /// A new plane written out, d numbers; zeros between its uses.
    delta: Vec<f64>,
}

/// How to visit a block.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Visiting {
    /// The kind of step.
    pub kind: Step,
    /// The block gap at which no step is worth while.
    pub enough: f64,
    /// The fraction of its violation to which an exact step solves the small dual.
    pub accuracy: f64,
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
    /// A block whose slack costs so much. Without a cost it takes no steps.
    pub fn new(cost: f64, norm: SlackNorm) -> Self {
        let (total, ridge) = match norm {
            SlackNorm::Squared if cost > 0.0 => (f64::INFINITY, 0.5 / cost),
            _ => (cost, 0.0),
        };
        Self {
            total,
            ridge,
            gap: f64::INFINITY,
            atoms: Vec::new(),
            planes: Vec::new(),
            terms: Terms::default(),
            entries: false,
            alpha: Vec::new(),
            gram: Gram::default(),
        }
    }

    pub fn planes(&self) -> usize {
        self.planes.len()
    }

    /// The memory that what it holds takes.
    pub fn bytes(&self) -> usize {
        let Self { atoms, planes, terms, alpha, gram, .. } = self;
        let dense: usize = planes.iter().filter_map(|plane| plane.dense.as_deref()).map(size_of_val).sum();
        let lists = size_of_val(&**atoms) + size_of_val(&**planes) + size_of_val(&**alpha);
        let terms = size_of_val(&*terms.names) + size_of_val(&*terms.scales);
        size_of::<Self>() + dense + lists + terms + gram.bytes()
    }

    /// Keeps planes in use only, of these at most so many, and no memory beside them.
    pub fn shed(&mut self, most_planes: usize) {
        if self.alpha.contains(&0.0) {
            let keep: Vec<bool> = self.alpha.iter().map(|alpha| *alpha > 0.0).collect();
            self.retain(&keep);
        }
        while self.planes.len() > most_planes {
            self.make_room();
        }
        self.atoms.shrink_to_fit();
        self.planes.shrink_to_fit();
        self.terms.names.shrink_to_fit();
        self.terms.scales.shrink_to_fit();
        self.alpha.shrink_to_fit();
    }

    /// The planes with a positive dual variable.
    pub fn support(&self) -> usize {
        self.alpha.iter().filter(|alpha| **alpha > 0.0).count()
    }

    /// The planes with their dual variables.
    pub fn dual_variables(&self, example: usize) -> impl Iterator<Item = DualVariable> {
        (self.planes.iter().zip(&self.alpha).enumerate()).map(move |(p, (plane, &alpha))| DualVariable {
            example: Some(example),
            alpha,
            loss: plane.loss,
            squared_norm: self.gram.get(p, p),
        })
    }

    /// Σ αₚ Δₚ, less what squared slacks charge: this block's part of the dual beside ‖w‖².
    pub fn loss(&self) -> f64 {
        let loss: f64 = self.planes.iter().zip(&self.alpha).map(|(plane, alpha)| alpha * plane.loss).sum();
        loss - self.charge()
    }

    /// What the rounding of [`loss`](Self::loss) is a fraction of, and that of the length of Σ αₚ δₚ.
    pub fn sizes(&self) -> (f64, f64) {
        let mut sizes = (self.charge(), 0.0);
        for (p, &alpha) in self.alpha.iter().enumerate().filter(|(_, alpha)| **alpha > 0.0) {
            sizes = (sizes.0 + alpha * self.planes[p].loss, sizes.1 + alpha * self.gram.get(p, p).max(0.0).sqrt());
        }
        sizes
    }

    /// What a slack of this size adds to the primal value.
    pub fn penalty(&self, slack: f64) -> f64 {
        let slack = slack.max(0.0);
        if self.ridge > 0.0 { 0.5 * slack * slack / self.ridge } else { self.total * slack }
    }

    /// What squared slacks charge for Σα: the conjugate of [`penalty`](Self::penalty).
    fn charge(&self) -> f64 {
        if self.ridge == 0.0 {
            return 0.0;
        }
        let sum: f64 = self.alpha.iter().sum();
        0.5 * self.ridge * sum * sum
    }

    /// Scales C and the dual variables with it.
    pub fn rescale(&mut self, factor: f64) {
        self.total *= factor;
        self.ridge /= factor;
        self.gap = f64::INFINITY;
        self.alpha.iter_mut().for_each(|alpha| *alpha *= factor);
    }

    /// w += Σ αₚ δₚ.
    pub fn add_to(&self, w: &mut [f64], workspace: &mut Workspace) {
        self.add_combination(&self.alpha, w, workspace);
    }

    /// Reads a bit of everything that a visit reads. The memory of several blocks is fetched at once if they are all touched before the
    /// first is visited; visits by themselves wait for one piece after the other.
    pub fn touch(&self) -> f64 {
        let ends = |values: &[f64]| values.first().zip(values.last()).map_or(0.0, |(first, last)| first + last);
        let rows: f64 = (self.atoms.iter())
            .map(|atom| atom.row.features().first().map_or(0.0, |feature| f64::from(feature.value)))
            .sum();
        let planes = self.planes.first().zip(self.planes.last()).map_or(0.0, |(first, last)| first.loss + last.loss);
        let names = self.terms.names.first().zip(self.terms.names.last()).map_or(0, |(first, last)| first ^ last);
        rows + planes + f64::from(names) + ends(&self.terms.scales) + ends(&self.alpha)
    }

    /// Puts a plane into the cache unless it is there; returns whether it was not. `pass` is the number of the exact pass.
    pub fn insert(
        &mut self,
        raw: &RawPlane<'a>,
        dim: usize,
        most_planes: usize,
        pass: u32,
        workspace: &mut Workspace,
    ) -> bool {
        let dense = (raw.len() >= dim).then(|| {
            let mut values = vec![0.0; dim];
            raw.add_to(&mut values, 1.0);
            values.into_boxed_slice()
        });
        let mut terms = if dense.is_none() { self.intern(raw) } else { Terms::default() };
        let known = (0..self.planes.len()).find(|&p| {
            let plane = &self.planes[p];
            plane.loss == raw.loss && plane.dense == dense && self.terms(p) == terms.pair()
        });
        if let Some(known) = known {
            self.planes[known].used = pass;
            return false;
        }
        if self.planes.len() >= most_planes {
            self.make_room();
            // Atoms have been renamed.
            terms = if dense.is_none() { self.intern(raw) } else { Terms::default() };
        }
        let row = self.inner_products(dense.as_deref(), &terms, dim, workspace);
        self.gram.push(row);
        self.push(Plane { loss: raw.loss, dense, end: 0, used: pass }, &terms, 0.0);
        true
    }

    /// Visits the block: computes the gap over its planes at w, takes one step of the given kind, updates w.
    ///
    /// The step is left out where the gap is at most `enough`.
    ///
    /// With `damping` below 1 the curvature is multiplied by it, and so is the change of w (see [`super::proximal`]).
    pub fn step(&mut self, w: &mut [f64], visit: &Visiting, workspace: &mut Workspace) -> Visit {
        let &Visiting { kind, enough, accuracy, damping, pass } = visit;
        if self.planes.is_empty() || self.total == 0.0 {
            self.gap = 0.0;
            return Visit::default();
        }
        self.values(w, workspace);
        let Workspace { gradient, change, .. } = workspace;
        let (best, value) = best_plane(gradient);
        let in_use: f64 = gradient.iter().zip(&self.alpha).map(|(value, alpha)| alpha * value).sum();
        let gap = self.penalty(value) + self.charge() - in_use;
        if let Some(best) = best {
            self.planes[best].used = pass;
        }
        self.gap = gap;
        if gap <= enough {
            return Visit { gap, gain: 0.0 };
        }
        change.clone_from(&self.alpha);
        if self.ridge > 0.0 {
            let charge = self.ridge * self.alpha.iter().sum::<f64>();
            gradient.iter_mut().for_each(|value| *value -= charge);
        }
        let curvature = Curvature { gram: &self.gram, damping, ridge: self.ridge };
        let mut left = qp::left(&self.alpha, self.total);
        let (pair, violation) = qp::worst_pair(gradient, &self.alpha, left);
        let gain = match kind {
            Step::Exact => qp::solve(curvature, gradient, &mut self.alpha, self.total, accuracy * violation),
            Step::Pairwise => qp::pairwise_step(curvature, gradient, &mut self.alpha, &mut left, pair),
            Step::FrankWolfe => self.frank_wolfe_step(damping, best.filter(|_| value > 0.0), value, gradient),
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
        gradient.extend((0..self.planes.len()).map(|p| match &self.planes[p].dense {
            None => combine(self.terms(p), dots, v),
            Some(values) => dot(values, v),
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
        for (p, &coefficient) in coefficients.iter().enumerate() {
            if coefficient == 0.0 {
                continue;
            }
            match &self.planes[p].dense {
                None => {
                    let (rows, entries) = split(self.terms(p));
                    rows.for_each(|(atom, scale)| dots[atom] += coefficient * scale);
                    entries.for_each(|(index, scale)| target[index] += coefficient * scale);
                }
                Some(values) => target.iter_mut().zip(values).for_each(|(t, value)| *t += coefficient * value),
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

    /// A line search from the current point towards all weight on `best` (`None`: on the plane (0, 0)), whose value is given.
    fn frank_wolfe_step(&mut self, damping: f64, best: Option<usize>, value: f64, gradient: &[f64]) -> f64 {
        // Direction in dual variables: reach·e_best − α; its curvature is ‖reach·δ_best − Σ αₚ δₚ‖². Where slacks are squared, the
        // reach is the Σα that a slack of this value asks for.
        let m = self.alpha.len();
        let mut direction: Vec<f64> = self.alpha.iter().map(|alpha| -alpha).collect();
        if let Some(best) = best {
            direction[best] += if self.ridge > 0.0 { value / self.ridge } else { self.total };
        }
        let (gram, ridge) = (&self.gram, self.ridge);
        let curvature: f64 = (0..m)
            .flat_map(|i| (0..m).map(move |j| (i, j)))
            .map(|(i, j)| direction[i] * direction[j] * (damping * gram.get(i, j) + ridge))
            .sum();
        let slope: f64 = direction.iter().zip(gradient).map(|(direction, value)| direction * value).sum();
        let rate = if curvature > 0.0 { (slope / curvature).min(1.0) } else { 1.0 };
        for (alpha, change) in self.alpha.iter_mut().zip(&direction) {
            *alpha = (*alpha + rate * change).max(0.0);
        }
        rate * (slope - 0.5 * rate * curvature)
    }

    /// The terms of a plane: names and scales.
    fn terms(&self, plane: usize) -> (&[u32], &[f64]) {
        let start = plane.checked_sub(1).map_or(0, |before| self.planes[before].end as usize);
        let range = start..self.planes[plane].end as usize;
        (&self.terms.names[range.clone()], &self.terms.scales[range])
    }

    /// Appends a plane with its terms.
    fn push(&mut self, plane: Plane, terms: &Terms, alpha: f64) {
        self.terms.names.reserve_exact(terms.names.len());
        self.terms.scales.reserve_exact(terms.scales.len());
        self.terms.names.extend_from_slice(&terms.names);
        self.terms.scales.extend_from_slice(&terms.scales);
        self.entries |= terms.has_entries();
        self.planes.push(Plane { end: self.terms.names.len() as u32, ..plane });
        self.alpha.push(alpha);
    }

    /// Turns what the oracle wrote into terms; rows not seen before become atoms, and so do weights whose index is no name.
    fn intern(&mut self, raw: &RawPlane<'a>) -> Terms {
        let far = |entry: &&(usize, f64)| entry.0 >= ENTRY as usize;
        let singles = raw.entries.iter().filter(far).map(|&(index, scale)| (RowTerm::single(index), scale));
        let rows = raw.rows.iter().map(|&term| (term, term.scale)).chain(singles);
        let mut names: HashMap<_, u32> = HashMap::new();
        if self.atoms.len() + raw.rows.len() > FEW_ATOMS {
            names.extend(self.atoms.iter().map(Atom::key).zip(0..));
        }
        let mut terms: Vec<(u32, f64)> = Vec::with_capacity(raw.rows.len() + raw.entries.len());
        terms.extend(
            raw.entries.iter().filter(|entry| !far(entry)).map(|&(index, scale)| (ENTRY | index as u32, scale)),
        );
        for (term, scale) in rows {
            let atom = Atom { row: term.row, place: term.place, squared_norm: 0.0 };
            let known = match names.is_empty() {
                true => self.atoms.iter().position(|known| known.key() == atom.key()).map(|known| known as u32),
                false => names.get(&atom.key()).copied(),
            };
            let name = known.unwrap_or_else(|| {
                let name = self.atoms.len() as u32;
                if !names.is_empty() {
                    names.insert(atom.key(), name);
                }
                self.atoms.push(Atom { squared_norm: atom.row.squared_norm(), ..atom });
                name
            });
            terms.push((name, scale));
        }
        Terms::sum(terms)
    }

    /// ⟨δ, δ′⟩ of a new plane with each plane, and then with itself.
    fn inner_products(&self, dense: Option<&[f64]>, terms: &Terms, dim: usize, workspace: &mut Workspace) -> Vec<f64> {
        let Workspace { dots, delta, .. } = workspace;
        dots.clear();
        let (rows, entries) = split(terms.pair());
        let rows: Vec<(&Atom<'_>, f64)> = rows.map(|(atom, scale)| (&self.atoms[atom], scale)).collect();
        let entries: Vec<(usize, f64)> = entries.collect();
        let few = rows.len() <= FEW_TERMS && entries.is_empty() && !self.entries;
        let written: &[f64] = match dense {
            Some(values) => values,
            // Atoms meet atoms, and nothing else is asked for.
            None if few => &[],
            None => {
                delta.resize(dim, 0.0);
                rows.iter().for_each(|(atom, scale)| add_row(delta, atom.row, atom.place, *scale));
                entries.iter().for_each(|&(index, scale)| delta[index] += scale);
                delta
            }
        };
        match few && dense.is_none() {
            true => {
                let dot = |atom: &Atom<'_>| rows.iter().map(|(other, scale)| scale * other.inner(atom)).sum::<f64>();
                dots.extend(self.atoms.iter().map(dot));
            }
            false => dot_atoms(written, &self.atoms, dots),
        }
        let with = |p: usize| match (&self.planes[p].dense, dense) {
            (None, _) => combine(self.terms(p), dots, written),
            (Some(theirs), Some(values)) => dot(values, theirs),
            (Some(theirs), None) => {
                let sum: f64 = rows.iter().map(|(atom, scale)| scale * dot_row(theirs, atom.row, atom.place)).sum();
                sum + entries.iter().map(|&(index, scale)| scale * theirs[index]).sum::<f64>()
            }
        };
        let itself = match dense {
            Some(values) => dot(values, values),
            None => combine(terms.pair(), dots, written),
        };
        let products = (0..self.planes.len()).map(with).chain([itself]).collect();
        if dense.is_none() && !few {
            rows.iter().for_each(|(atom, _)| atom.clear(delta));
            entries.iter().for_each(|&(index, _)| delta[index] = 0.0);
        }
        products
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
        let merged = Plane {
            loss: s * self.planes[p].loss + t * self.planes[q].loss,
            dense: self.merge_dense(p, q, s, t),
            end: 0,
            used: self.planes[p].used.max(self.planes[q].used),
        };
        let term = |(&name, &scale): (&u32, &f64), factor: f64| (name, factor * scale);
        let terms = if merged.dense.is_none() {
            let ((names, scales), (more, others)) = (self.terms(p), self.terms(q));
            let first = names.iter().zip(scales).map(|pair| term(pair, s));
            Terms::sum(first.chain(more.iter().zip(others).map(|pair| term(pair, t))).collect())
        } else {
            Terms::default()
        };
        let gram = &self.gram;
        let row: Vec<f64> = (0..m)
            .filter(|&r| r != p && r != q)
            .map(|r| s * gram.get(p, r) + t * gram.get(q, r))
            .chain([s * s * gram.get(p, p) + 2.0 * s * t * gram.get(p, q) + t * t * gram.get(q, q)])
            .collect();
        // The merged plane first, so that its atoms stay.
        self.push(merged, &terms, alpha);
        self.gram.push(std::iter::repeat_n(0.0, m + 1));
        let keep: Vec<bool> = (0..=m).map(|r| r != p && r != q).collect();
        self.retain(&keep);
        self.gram.replace_last(row);
    }

    /// s · δₚ + t · δ_q where one of the two is dense.
    fn merge_dense(&self, p: usize, q: usize, s: f64, t: f64) -> Option<Box<[f64]>> {
        let dense = |plane: usize| self.planes[plane].dense.as_ref();
        let mut values = vec![0.0; dense(p).or(dense(q))?.len()];
        for (plane, factor) in [(p, s), (q, t)] {
            let (rows, entries) = split(self.terms(plane));
            for (atom, scale) in rows {
                let Atom { row, place, .. } = &self.atoms[atom];
                add_row(&mut values, *row, *place, factor * scale);
            }
            entries.for_each(|(index, scale)| values[index] += factor * scale);
            if let Some(theirs) = dense(plane) {
                values.iter_mut().zip(theirs).for_each(|(value, theirs)| *value += factor * theirs);
            }
        }
        Some(values.into_boxed_slice())
    }

    /// Keeps the planes for which `keep` says so, and the atoms they need.
    fn retain(&mut self, keep: &[bool]) {
        let mut renamed: Vec<Option<u32>> = vec![None; self.atoms.len()];
        for p in (0..self.planes.len()).filter(|&p| keep[p]) {
            split(self.terms(p)).0.for_each(|(atom, _)| renamed[atom] = Some(0));
        }
        for (next, name) in (0..).zip(renamed.iter_mut().flatten()) {
            *name = next;
        }
        let mut terms = Terms::default();
        let mut ends = Vec::new();
        for p in (0..self.planes.len()).filter(|&p| keep[p]) {
            let (names, scales) = self.terms(p);
            let rename = |&name: &u32| if name < ENTRY { renamed[name as usize] } else { Some(name) };
            terms.names.extend(names.iter().filter_map(rename));
            terms.scales.extend_from_slice(scales);
            ends.push(terms.names.len() as u32);
        }
        let mut names = renamed.iter();
        self.atoms.retain(|_| matches!(names.next(), Some(Some(_))));
        self.terms = terms;
        let mut kept = keep.iter();
        self.planes.retain(|_| kept.next() == Some(&true));
        self.planes.iter_mut().zip(ends).for_each(|(plane, end)| plane.end = end);
        let mut kept = keep.iter();
        self.alpha.retain(|_| kept.next() == Some(&true));
        self.gram.retain(keep);
    }
}

impl Terms {
    /// Brings terms in order, sums those of one name, and drops zeros.
    fn sum(mut terms: Vec<(u32, f64)>) -> Self {
        terms.sort_by_key(|&(name, _)| name);
        terms.dedup_by(|next, kept| {
            let same = next.0 == kept.0;
            if same {
                kept.1 += next.1;
            }
            same
        });
        terms.retain(|&(_, scale)| scale != 0.0);
        let (names, scales) = terms.into_iter().unzip();
        Self { names, scales }
    }

    /// Whether some are weights by themselves; they come last.
    fn has_entries(&self) -> bool {
        self.names.last().is_some_and(|&name| name >= ENTRY)
    }

    fn pair(&self) -> (&[u32], &[f64]) {
        (&self.names, &self.scales)
    }
}

/// Σ scale · dots[atom] and Σ scale · v[index].
#[inline]
fn combine(terms: (&[u32], &[f64]), dots: &[f64], v: &[f64]) -> f64 {
    let (rows, entries) = split(terms);
    let rows: f64 = rows.map(|(atom, scale)| scale * dots[atom]).sum();
    rows + entries.map(|(index, scale)| scale * v[index]).sum::<f64>()
}

/// The atoms among terms, and the weights by themselves.
#[inline]
fn split<'t>(
    (names, scales): (&'t [u32], &'t [f64]),
) -> (impl Iterator<Item = (usize, f64)> + 't, impl Iterator<Item = (usize, f64)> + 't) {
    let at = names.partition_point(|&name| name < ENTRY);
    let ((rows, entries), (row_scales, entry_scales)) = (names.split_at(at), scales.split_at(at));
    let rows = rows.iter().zip(row_scales).map(|(&atom, &scale)| (atom as usize, scale));
    (rows, entries.iter().zip(entry_scales).map(|(&entry, &scale)| ((entry & !ENTRY) as usize, scale)))
}

impl Atom<'_> {
    /// What tells atoms apart: where their rows lie in memory, and their places.
    fn key(&self) -> (usize, usize, usize, usize) {
        let features = self.row.features();
        (features.as_ptr().addr(), features.len(), self.place.offset, self.place.stride)
    }

    /// Sets to 0 all weights the atom touches.
    fn clear(&self, weights: &mut [f64]) {
        for feature in self.row.features() {
            weights[self.place.offset + self.place.stride * feature.index as usize] = 0.0;
        }
    }

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
