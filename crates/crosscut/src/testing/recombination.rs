//! What [`laws`](super::laws) asks of [`Task::recombine`].

use super::{Entries, Measured, Probe, TOLERANCE, Violation, written};
use crate::plane::{Planes, RawPlane, RowTerm};
use crate::sink::dot_row;
use crate::task::{Example, Part, Task};

/// Recombines the parts of the planes of all probes at each of them, where the oracle finds these slacks.
pub(super) fn check<'p, T: Task>(
    task: &T,
    probes: impl Iterator<Item = (&'p Probe, Measured)> + Clone,
    example: &Example<T::Input, T::Output>,
    index: usize,
) -> Result<(), Violation> {
    let (Example { x, y, .. }, mut scratch) = (example, T::Scratch::default());
    let mut rows: Vec<RowTerm<'_>> = Vec::new();
    let mut planes = Planes::default();
    for (probe, _) in probes.clone() {
        planes.clear();
        task.separate(&probe.w, x, y, &mut scratch, &mut planes);
        for &term in planes.as_slice().iter().flat_map(|plane| &plane.rows) {
            let of_same_row = |other: &RowTerm<'_>| other.row.is_same_row(term.row);
            let end = rows.iter().rposition(of_same_row).map_or(rows.len(), |at| at + 1);
            if !rows.iter().any(|other| of_same_row(other) && other.place == term.place) {
                rows.insert(end, term);
            }
        }
    }
    for (probe, slack) in probes {
        let mut recombine = |least: f64| {
            let mut plane = RawPlane::default();
            let mut parts = (rows.iter()).map(|&RowTerm { row, place, .. }| Part {
                row,
                place,
                score: dot_row(&probe.w, row, place),
            });
            let offset = task.recombine(&probe.w, (x, y), &mut parts, least, &mut scratch, &mut plane)?;
            Some(RawPlane { offset, ..plane })
        };
        let Some(plane) = recombine(f64::NEG_INFINITY) else { continue };
        let fails = |what: String| Err(Violation::Recombined { example: index, at: probe.name.clone(), what });
        let is_part =
            |term: &RowTerm<'_>| rows.iter().any(|other| other.row.is_same_row(term.row) && other.place == term.place);
        if !plane.rows.iter().all(is_part) {
            return fails("writes a row at a place that is not among its parts".into());
        }
        let mut entries = Entries(Vec::new());
        plane.write(&mut entries);
        let found = written(task, index, plane.offset, entries.0)?.slack(&probe.w);
        if slack.is_below(found, 1.0) {
            let (most, found) = (slack.value, found.value);
            return fails(format!("finds a slack of {found}, but the largest is {most}"));
        }
        let least = found.value + 2.0 * TOLERANCE * found.magnitude.max(1.0);
        if recombine(least).is_some() {
            return fails(format!("finds a slack above {least} now, but of {} before", found.value));
        }
    }
    Ok(())
}
