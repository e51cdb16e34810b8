//! The checks of [`Recombine`](crate::Recombine) in [`laws`](super::laws).

use super::{Entries, Measured, Probe, TOLERANCE, Violation, written};
use crate::data::{Place, Row, dot_row};
use crate::task::{Example, Part, Planes, RawPlane, RowTerm, Task};

/// Recombines, at each probe, the parts of the planes of all probes. Each probe comes with the
/// slack that the oracle finds there.
pub(super) fn check<'p, T: Task>(
    task: &T,
    probes: impl Iterator<Item = (&'p Probe, Measured)> + Clone,
    example: &Example<T::Input, T::Output>,
    index: usize,
) -> Result<(), Violation> {
    let Some(recombiner) = task.recombine() else { return Ok(()) };
    let mut scratch = T::Scratch::default();
    let mut rows: Vec<(Row<'_>, Place)> = Vec::new();
    let mut planes = Planes::default();
    for (probe, _) in probes.clone() {
        planes.clear();
        task.separate(&probe.w, &example.x, &example.y, &mut scratch, &mut planes);
        for &RowTerm { row, place, .. } in planes.as_slice().iter().flat_map(|plane| &plane.rows) {
            let of_same_row = |other: &(Row<'_>, Place)| other.0.name() == row.name();
            let end = rows.iter().rposition(of_same_row).map_or(rows.len(), |at| at + 1);
            if !rows.iter().any(|other| of_same_row(other) && other.1 == place) {
                rows.insert(end, (row, place));
            }
        }
    }
    for (probe, slack) in probes {
        let part = |&(row, place): &(Row<'_>, Place)| Part {
            name: row.name(),
            place,
            score: dot_row(&probe.w, row, place),
        };
        let parts: Vec<Part> = rows.iter().map(part).collect();
        let mut recombine = |least: f64| {
            let mut plane = RawPlane::default();
            let offset = recombiner.recombined(
                &probe.w,
                example,
                &parts,
                least,
                &mut scratch,
                &mut plane,
            )?;
            Some(RawPlane { offset, ..plane })
        };
        let Some(plane) = recombine(f64::NEG_INFINITY) else { continue };
        let fails = |what: String| {
            Err(Violation::Recombined { example: index, at: probe.name.clone(), what })
        };
        let is_part = |term: &RowTerm<'_>| {
            parts.iter().any(|part| (part.name, part.place) == (term.row.name(), term.place))
        };
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
        // A plane of zeros, that of y, is the difference of scores of this size.
        let largest = |numbers: &mut dyn Iterator<Item = f64>| numbers.fold(1.0, f64::max);
        let scores = largest(&mut parts.iter().map(|part| part.score.abs()));
        let weights = largest(&mut probe.w.iter().map(|weight| weight.abs()));
        let size = found.magnitude.max(scores).max(weights);
        let least = found.value + 2.0 * TOLERANCE * size;
        if recombine(least).is_some() {
            return fails(format!(
                "finds a slack above {least} now, but of {} before",
                found.value
            ));
        }
    }
    Ok(())
}
