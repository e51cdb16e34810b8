use crosscut_testkit::cases;
use proptest::prelude::*;

use super::*;

/// A row as stored: without its zeros if `sparse`.
fn row(values: &[f32], sparse: bool) -> Vec<Feature> {
    let features = (0..).zip(values).map(|(index, &value)| Feature { index, value });
    features.filter(|feature| !sparse || feature.value != 0.0).collect()
}

fn columns(table: &[Vec<f32>]) -> Columns {
    let mut columns = Columns::new(table.first().map_or(0, Vec::len));
    table.iter().for_each(|values| columns.add(&row(values, true), &[]));
    columns
}

/// The scaled row, zeros included.
fn scaled(scaling: &Scaling, values: &[f32]) -> Vec<f32> {
    let mut features = Vec::new();
    scaling.apply(&row(values, true), &[], &mut features);
    let mut dense = vec![0.0; values.len()];
    features.iter().for_each(|feature| dense[feature.index as usize] = feature.value);
    dense
}

/// The scaled values of one feature.
fn column(method: Method, values: &[f32]) -> Vec<f32> {
    let table: Vec<Vec<f32>> = values.iter().map(|&value| vec![value]).collect();
    let scaling = columns(&table).scaling(method);
    table.iter().map(|row| scaled(&scaling, row)[0]).collect()
}

#[test]
fn standard_centres_what_half_of_the_rows_have_and_divides_the_rest() {
    let table: [(&[f32], &[f32]); 6] = [
        (&[1.0, 3.0], &[-1.0, 1.0]),
        (&[0.0, 2.0], &[-1.0, 1.0]),
        (&[-4.0, 0.0, 0.0, 4.0], &[-2.0_f32.sqrt(), 0.0, 0.0, 2.0_f32.sqrt()]),
        // Mean 1, variance (9 + 3) / 4. One row of four has the feature, so it is not centred.
        (&[4.0, 0.0, 0.0, 0.0], &[(16.0_f32 / 3.0).sqrt(), 0.0, 0.0, 0.0]),
        (&[7.0, 7.0, 7.0], &[0.0, 0.0, 0.0]),
        (&[0.0, 0.0], &[0.0, 0.0]),
    ];
    for (values, expected) in table {
        let found = column(Method::Standard, values);
        let near = |(a, b): (&f32, &f32)| (a - b).abs() <= 1e-6;
        assert!(found.iter().zip(expected).all(near), "{values:?}: {found:?}");
    }
}

#[test]
fn global_keeps_zeros_and_brings_ranges_to_a_width_of_one() {
    let table: [(&[f32], &[f32]); 7] = [
        (&[1.0, 0.0, 0.25], &[1.0, 0.0, 0.25]),
        (&[-1.0, 0.0, 3.0], &[-0.25, 0.0, 0.75]),
        (&[10.0, 12.0, 14.0], &[0.0, 0.5, 1.0]),
        (&[-10.0, -12.0, -14.0], &[0.0, -0.5, -1.0]),
        (&[0.0, 8.0], &[0.0, 1.0]),
        (&[f32::MIN, f32::MAX], &[-0.5, 0.5]),
        (&[5.0, 5.0], &[0.0, 0.0]),
    ];
    for (values, expected) in table {
        assert_eq!(column(Method::Global, values), expected, "{values:?}");
    }
}

#[test]
fn large_values_with_a_small_spread_have_their_exact_deviation() {
    // Whole numbers around 2^23, exact in single precision; the sums of their squares need more
    // than 53 bits.
    let values: Vec<f32> = (0..100_000).map(|at| 8_388_608.0 + f32::from(at % 2 == 0)).collect();
    let found = column(Method::Standard, &values);
    assert!(found.iter().zip(&values).all(|(found, value)| {
        let expected = if *value > 8_388_608.0 { 1.0 } else { -1.0 };
        (found - expected).abs() < 1e-6
    }));
    // Equal values have deviation exactly 0, however many there are.
    for value in [0.1, 1e10, -1e30, f32::MAX, f32::from_bits(1)] {
        assert!(
            column(Method::Standard, &vec![value; 1000]).iter().all(|&scaled| scaled == 0.0),
            "{value}"
        );
    }
}

#[test]
fn values_that_come_later_are_scaled_alike_and_stay_finite() {
    for (method, values, later, expected) in [
        (Method::Global, [1.0, 3.0], 7.0, 3.0),
        (Method::Global, [1.0, 3.0], 0.0, -0.5),
        (Method::Standard, [1.0, 3.0], 7.0, 5.0),
        (Method::Standard, [1.0, 3.0], 0.0, -2.0),
        (Method::Global, [0.0, 1e-40], 3e38, f32::MAX),
        (Method::Standard, [-1e-40, 1e-40], -3e38, f32::MIN),
        (Method::Global, [5.0, 5.0], 1e30, 0.0),
        (Method::Standard, [0.0, 0.0], 1e30, 0.0),
    ] {
        let scaling = columns(&values.map(|value| vec![value])).scaling(method);
        assert_eq!(scaled(&scaling, &[later]), [expected], "{method:?} {values:?}");
    }
}

#[test]
fn only_numbers_that_scale_are_read_from_a_model() {
    let scaling = columns(&[vec![1.0, 0.0], vec![3.0, 1.0]]).scaling(Method::Standard);
    let text = serde_json::to_string(&scaling).unwrap();
    assert_eq!(serde_json::from_str::<Scaling>(&text).unwrap(), scaling);
    assert!(scaling.fits(2) && !scaling.fits(1) && !scaling.fits(3) && Scaling::default().fits(7));
    for (from, to) in [
        (r#""width":1.0"#, r#""width":-1.0"#),
        (r#""width":1.0"#, r#""width":null"#),
        (r#""origin":2.0"#, r#""origin":null"#),
        (r#""Standard""#, r#""None""#),
        (r#""Standard""#, r#""Other""#),
    ] {
        assert!(text.contains(from), "{from} in {text}");
        assert!(serde_json::from_str::<Scaling>(&text.replacen(from, to, 1)).is_err(), "{to}");
    }
    let is_sound = |origin, width| Affine { origin, width }.is_sound();
    assert!(is_sound(-1.0, 0.0) && is_sound(f64::MAX, f64::MIN_POSITIVE));
    assert!(!is_sound(f64::NAN, 1.0) && !is_sound(f64::NEG_INFINITY, 1.0));
    assert!(!is_sound(0.0, f64::NAN) && !is_sound(0.0, f64::INFINITY) && !is_sound(0.0, -1.0));
}

#[test]
fn what_lies_far_apart_is_named() {
    let note = |sizes: &[f64]| far_apart(sizes, Apart::ROWS, |index| format!("f{index}"));
    assert_eq!(note(&[]), None);
    assert_eq!(note(&[0.0, 0.0]), None);
    assert_eq!(note(&[1.0, 0.0, 1e4]), None);
    let text = note(&[1.0, 0.0, 1.1e4]).unwrap();
    assert!(
        text.starts_with(
            "feature f2 has values over 10000 times as large as a quarter of the features: "
        ),
        "{text}"
    );
    let text = note(&[vec![1.0; 9], vec![2e4; 10]].concat()).unwrap();
    assert!(
        text.starts_with(
            "features f9, f10, f11, f12, f13, f14, f15, f16 and 2 more have values over"
        ),
        "{text}"
    );
    // A single tiny feature does not move the lower quartile.
    assert_eq!(note(&[1e-9, 1.0, 1.0, 1.0, 1.0]), None);

    let table = columns(&[vec![1.0, 0.0, 2.0, 3.0], vec![1.0, 0.0, 2.5, 3.0]]);
    let text = constants(&table, |index| index.to_string()).unwrap();
    assert_eq!(text, "features 0, 3 have one value only and become 0 by --scale");
    assert_eq!(
        constants(&columns(&[vec![0.0, 1.0], vec![0.0, 0.0]]), |index| index.to_string()),
        None
    );
}

/// Numbers of every size, with many zeros.
fn any_value() -> impl Strategy<Value = f32> {
    let odd = prop::sample::select(vec![
        -0.0,
        1e30,
        -1e30,
        f32::MAX,
        f32::MIN,
        f32::MIN_POSITIVE,
        f32::from_bits(1),
        1e10,
    ]);
    prop_oneof![3 => Just(0.0), 3 => -10.0..10.0_f32, 2 => odd, 1 => prop::num::f32::NORMAL]
}

fn table(value: impl Strategy<Value = f32>) -> impl Strategy<Value = Vec<Vec<f32>>> {
    prop::collection::vec(prop::collection::vec(value, 4), 1..12)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(1000)))]

    /// Means and deviations computed directly, in two passes.
    #[test]
    fn standard_is_what_the_formula_says(table in table(prop_oneof![Just(0.0_f32), -9.0..9.0_f32])) {
        let scaling = columns(&table).scaling(Method::Standard);
        let n = table.len() as f64;
        for index in 0..4 {
            let values: Vec<f64> = table.iter().map(|row| f64::from(row[index])).collect();
            let mean = values.iter().sum::<f64>() / n;
            let deviation = (values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / n).sqrt();
            let having = values.iter().filter(|&&value| value != 0.0).count();
            let origin = if 2 * having >= values.len() { mean } else { 0.0 };
            let equal = values.iter().all(|value| *value == values[0]);
            for (row, value) in table.iter().zip(&values) {
                let expected = if equal { 0.0 } else { (value - origin) / deviation };
                let found = f64::from(scaled(&scaling, row)[index]);
                prop_assert!((found - expected).abs() <= 1e-5 * expected.abs().max(1.0), "{} is not {}", found, expected);
            }
        }
    }

    #[test]
    fn rows_stay_rows_whatever_the_values(train in table(any_value()), later in table(any_value())) {
        for method in [Method::None, Method::Standard, Method::Global] {
            let scaling = columns(&train).scaling(method);
            prop_assert!(scaling.fits(4));
            let again: Scaling = serde_json::from_str(&serde_json::to_string(&scaling).unwrap()).unwrap();
            // JSON may lose the last bit of a number.
            prop_assert!(again.method() == method && again.fits(4));
            for values in train.iter().chain(&later) {
                let mut found = Vec::new();
                scaling.apply(&row(values, true), &[], &mut found);
                // Explicit zeros count as missing ones.
                let mut dense = Vec::new();
                scaling.apply(&row(values, false), &[], &mut dense);
                prop_assert!(dense.iter().filter(|feature| feature.value != 0.0).eq(&found));
                prop_assert!(found.iter().all(|feature| feature.value.is_finite() && feature.value != 0.0));
                prop_assert!(found.is_sorted_by(|a, b| a.index < b.index));
            }
        }
    }

    #[test]
    fn sparse_rows_stay_sparse(table in table(any_value())) {
        let stored = |method| -> usize {
            let scaling = columns(&table).scaling(method);
            table.iter().map(|values| scaled(&scaling, values).iter().filter(|value| **value != 0.0).count()).sum()
        };
        let before = stored(Method::None);
        prop_assert!(stored(Method::Global) <= before);
        prop_assert!(stored(Method::Standard) <= 2 * before);
    }

    /// After scaling, the training range has width 1, or the deviation is 1.
    #[test]
    fn units_do_not_matter(values in prop::collection::vec(-100..100_i16, 1..12), unit in -20..20_i32) {
        let of = |unit: f32| values.iter().map(|&value| f32::from(value) * unit).collect::<Vec<_>>();
        for method in [Method::Standard, Method::Global] {
            // Exact, since the unit is a power of two.
            prop_assert_eq!(column(method, &of(1.0)), column(method, &of(2.0_f32.powi(unit))));
        }
    }
}
