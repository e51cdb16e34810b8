//! Values of C to try: [`grid`], and [`beyond`] its edges.

use crate::solve::settings::C;

/// The values `from`, `from` · `factor`, `from` · `factor`², … up to `to`, without the rounding of
/// the products: `grid(0.01, 10.0, 10.0)` is 0.01, 0.1, 1, 10.
///
/// `None` unless 0 < `from` ≤ `to`, `factor` > 1, all are finite, and there are at most `most` values.
///
/// ```
/// use crosscut::validation::grid;
///
/// assert_eq!(grid(0.1, 1.0, 3.0, 100), Some(vec![0.1, 0.3, 0.9]));
/// assert_eq!(grid(1.0, 0.1, 3.0, 100), None);
/// ```
pub fn grid(from: f64, to: f64, factor: f64, most: usize) -> Option<Vec<f64>> {
    let holds = from > 0.0 && from <= to && factor > 1.0 && to.is_finite() && factor.is_finite();
    if !holds {
        return None;
    }
    let mut values = Vec::new();
    // Rounding must not lose the last value.
    let end = to * (1.0 + 1e-9);
    let all = (0..).map(|power| from * factor.powi(power)).take_while(|value| *value <= end);
    for value in all {
        if values.len() == most {
            return None;
        }
        values.push(short(value).min(to));
    }
    values[0] = from;
    Some(values)
}

/// If `best` is the smallest or the largest of at least three different values of C, the next two on
/// that side: each is the one before times the ratio of the last two. Otherwise none. Values are
/// compared for n examples; the new ones are in the convention of `best`, in the order of growing
/// distance from it.
pub fn beyond(cs: &[C], best: C, n: usize) -> Vec<C> {
    /// How many.
    const MORE: i32 = 2;
    let mut means: Vec<f64> = cs.iter().map(|c| c.mean(n)).collect();
    means.sort_by(f64::total_cmp);
    means.dedup();
    let at = best.mean(n);
    let factor = match means[..] {
        [first, second, _, ..] if at == first => first / second,
        [_, .., before, last] if means.len() > 2 && at == last => last / before,
        _ => return Vec::new(),
    };
    let further = |power: i32| {
        let scaled = |c: f64| short(c * factor.powi(power));
        match best {
            C::Mean(c) => C::Mean(scaled(c)),
            C::Sum(c) => C::Sum(scaled(c)),
        }
    };
    let is_usable = |c: &C| c.mean(n).is_normal() && c.sum(n).is_normal();
    (1..=MORE).map(further).take_while(is_usable).collect()
}

/// The number rounded to 12 significant digits, so that 0.1 · 3 is 0.3.
fn short(number: f64) -> f64 {
    format!("{number:.11e}").parse().unwrap_or(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grids_have_short_numbers_and_both_ends() {
        let table: [(f64, f64, f64, &[f64]); 7] = [
            (0.01, 100.0, 10.0, &[0.01, 0.1, 1.0, 10.0, 100.0]),
            (1e-7, 1e-4, 10.0, &[1e-7, 1e-6, 1e-5, 1e-4]),
            (0.1, 1.0, 3.0, &[0.1, 0.3, 0.9]),
            (0.7, 0.7, 2.0, &[0.7]),
            (0.3, 2.43, 3.0, &[0.3, 0.9]),
            (1.0, 1.5, 10.0, &[1.0]),
            (1e300, 1.7e308, 1e6, &[1e300, 1e306]),
        ];
        for (from, to, factor, expected) in table {
            let found = grid(from, to, factor, 100).unwrap();
            assert_eq!(found, expected, "{from}..{to}x{factor}");
        }
        for (from, to, factor) in [
            (1.0, 0.1, 10.0),
            (0.0, 1.0, 10.0),
            (-1.0, 1.0, 10.0),
            (1.0, 2.0, 1.0),
            (1.0, 2.0, 0.5),
            (1.0, 2.0, 1.0001),
            (1.0, f64::INFINITY, 2.0),
            (1.0, 2.0, f64::INFINITY),
            (f64::NAN, 2.0, 2.0),
            (1.0, 2.0, f64::NAN),
        ] {
            assert_eq!(grid(from, to, factor, 100), None, "{from}..{to}x{factor}");
        }
        assert_eq!(grid(1.0, 100.0, 10.0, 3).unwrap().len(), 3);
        assert_eq!(grid(1.0, 100.0, 10.0, 2), None);
    }

    #[test]
    fn a_grid_is_extended_on_the_side_of_its_best_value_with_its_own_factor() {
        let sums = |cs: &[f64]| cs.iter().map(|&c| C::Sum(c)).collect::<Vec<_>>();
        let grid = sums(&[1.0, 0.01, 0.1]);
        assert_eq!(beyond(&grid, C::Sum(1.0), 7), sums(&[10.0, 100.0]));
        assert_eq!(beyond(&grid, C::Sum(0.01), 7), sums(&[0.001, 0.0001]));
        assert_eq!(beyond(&grid, C::Sum(0.1), 7), []);
        // Each side has its own ratio; equal values count once.
        let uneven = sums(&[1.0, 2.0, 2.0, 6.0]);
        assert_eq!(beyond(&uneven, C::Sum(1.0), 7), sums(&[0.5, 0.25]));
        assert_eq!(beyond(&uneven, C::Sum(6.0), 7), sums(&[18.0, 54.0]));
        for few in [&[][..], &[1.0], &[1.0, 2.0], &[1.0, 1.0, 2.0]] {
            assert_eq!(beyond(&sums(few), C::Sum(1.0), 7), []);
        }
        // Both conventions in one grid: C::Mean(70) is C::Sum(10) for 7 examples.
        let mixed = [C::Sum(1.0), C::Mean(70.0), C::Sum(0.1)];
        assert_eq!(beyond(&mixed, C::Mean(70.0), 7), [C::Mean(700.0), C::Mean(7000.0)]);
        // Beyond the range of numbers there is nothing.
        assert_eq!(beyond(&sums(&[1e100, 1e200, 1e300]), C::Sum(1e300), 1), []);
        assert_eq!(beyond(&sums(&[1e-300, 1e-200, 1e-100]), C::Sum(1e-300), 1), []);
    }
}
