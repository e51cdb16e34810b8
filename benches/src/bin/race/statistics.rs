//! Medians, of rounds and of pairs of rounds.

/// The middle of some numbers, the mean of the two middle ones if there is an even number; `None`
/// of none.
pub fn median(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.into_iter().filter(|value| value.is_finite()).collect();
    values.sort_by(f64::total_cmp);
    let (low, high) = (values.len().checked_sub(1)? / 2, values.len() / 2);
    Some(0.5 * (values[low] + values[high]))
}

/// The median of ours / theirs, round by round: what disturbs the machine for a while disturbs both
/// of a pair. Rounds that lack one of the two are passed over.
pub fn ratio(ours: &[Option<f64>], theirs: &[Option<f64>]) -> Option<f64> {
    let pairs = ours.iter().zip(theirs).filter_map(|(&ours, &theirs)| Some((ours?, theirs?)));
    median(pairs.filter(|&(_, theirs)| theirs > 0.0).map(|(ours, theirs)| ours / theirs))
}

/// The slope of the straight line through points, by least squares; `None` for fewer than two
/// different x.
pub fn slope(points: &[(f64, f64)]) -> Option<f64> {
    let n = points.len() as f64;
    let mean = |each: fn(&(f64, f64)) -> f64| points.iter().map(each).sum::<f64>() / n;
    let (x, y) = (mean(|point| point.0), mean(|point| point.1));
    let across: f64 = points.iter().map(|point| (point.0 - x) * (point.1 - y)).sum();
    let along: f64 = points.iter().map(|point| (point.0 - x).powi(2)).sum();
    (along > 0.0).then(|| across / along)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians() {
        let table: [(&[f64], Option<f64>); 5] = [
            (&[], None),
            (&[3.0], Some(3.0)),
            (&[3.0, 1.0], Some(2.0)),
            (&[9.0, 1.0, 2.0], Some(2.0)),
            (&[f64::NAN, 1.0], Some(1.0)),
        ];
        for (values, expected) in table {
            assert_eq!(median(values.iter().copied()), expected, "{values:?}");
        }
    }

    #[test]
    fn ratios_are_taken_in_pairs() {
        // The machine was twice as slow in the second round: the ratio does not see it.
        let (ours, theirs) = ([Some(1.0), Some(2.0), Some(1.1)], [Some(2.0), Some(4.0), Some(2.0)]);
        assert_eq!(ratio(&ours, &theirs), Some(0.5));
        assert_eq!(ratio(&ours, &[None, Some(8.0), None]), Some(0.25));
        assert_eq!(ratio(&ours, &[]), None);
    }

    #[test]
    fn slopes() {
        assert_eq!(slope(&[(0.0, 1.0), (1.0, 3.0), (2.0, 5.0)]), Some(2.0));
        assert_eq!(slope(&[(1.0, 1.0), (1.0, 2.0)]), None);
    }
}
