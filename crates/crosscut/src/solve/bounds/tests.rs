//! Bounds compared with exact arithmetic and closed forms.

use proptest::prelude::*;

use super::*;
use crate::solve::settings::SlackNorm;

proptest! {
    /// Compares Σα with `bound` in exact integer arithmetic.
    #[test]
    fn confined_dual_variables_are_feasible_in_exact_arithmetic(
        shares in prop::collection::vec(0.0..1.0_f64, 1..12), bound in prop_oneof![Just(1.0), Just(0.1), 1e-9..1.0],
    ) {
        let sum: f64 = shares.iter().sum();
        let mut alpha: Vec<f64> = shares.iter().map(|share| share / sum * bound).collect();
        let before = alpha.clone();
        let changed = confine(&mut alpha, bound);
        // Numbers above 1e-16 are integer multiples of 2⁻¹²⁰, so `exact` does not round them.
        prop_assume!(alpha.iter().all(|alpha| *alpha == 0.0 || *alpha > 1e-16));
        let exact = |value: f64| (value * 2_f64.powi(60)) as i128 * (1 << 60)
            + ((value * 2_f64.powi(60)).fract() * 2_f64.powi(60)) as i128;
        prop_assert!(alpha.iter().map(|&alpha| exact(alpha)).sum::<i128>() <= exact(bound));
        prop_assert_eq!(changed, alpha != before);
        for (after, before) in alpha.iter().zip(&before) {
            prop_assert!((after - before).abs() <= 16.0 * f64::EPSILON * bound);
        }
    }
}

#[test]
fn far_too_large_dual_variables_are_scaled_down() {
    let mut alpha = [3.0, 1.0, 0.0];
    assert!(confine(&mut alpha, 1.0));
    assert!(
        alpha[0] + alpha[1] <= 1.0 && alpha[0] + alpha[1] > 1.0 - 1e-14 && alpha[2] == 0.0,
        "{alpha:?}"
    );
    assert!((alpha[0] / alpha[1] - 3.0).abs() < 1e-12, "{alpha:?}");
    assert!(confine(&mut alpha, 0.0) && alpha == [0.0; 3]);
    assert!(!confine(&mut [1e300, 1e300], f64::INFINITY));
}

#[test]
fn a_slack_that_is_not_a_number_certifies_nothing() {
    for norm in [SlackNorm::Linear, SlackNorm::Squared] {
        let cost = SlackCost::new(2.0, norm);
        assert_eq!((cost.of(-1.0), cost.of(0.0), cost.of(f64::NAN)), (0.0, 0.0, f64::INFINITY));
    }
    let mut bounds = Bounds::new();
    let mut slacks = SlackSum::default();
    let answer = Answer { value: f64::NAN, missed: 0.0 };
    slacks.add(SlackCost::new(1.0, SlackNorm::Linear), 0, answer, Known::new(1.0, 1.0, 0.0));
    bounds.certify(&[1.0], &Penalty::default(), &slacks, 1);
    assert_eq!(
        bounds.best,
        Some(Certified { primal: f64::INFINITY, shown: f64::INFINITY, w: vec![0.0] })
    );
}

#[test]
fn what_an_oracle_may_have_missed_is_slack() {
    let none = Known::default();
    let (linear, squared) =
        (SlackCost::new(2.0, SlackNorm::Linear), SlackCost::new(2.0, SlackNorm::Squared));
    let sum = |cost, value, missed, known| {
        let mut slacks = SlackSum::default();
        slacks.add(cost, 0, Answer { value, missed }, known);
        (slacks.cost, slacks.missed, slacks.audit.worse)
    };
    assert_eq!(sum(linear, 3.0, 0.5, none), (6.0, 1.0, 0));
    assert_eq!(sum(squared, 3.0, 1.0, none), (18.0, 14.0, 0));
    assert_eq!(sum(linear, -1.0, 1.5, none), (0.0, 1.0, 0));
    assert_eq!(sum(linear, 3.0, f64::INFINITY, none), (6.0, f64::INFINITY, 0));
    // A known plane raises `cost` too; only a plane above `value` + `missed` shows that the oracle
    // is wrong.
    assert_eq!(sum(linear, 3.0, 0.5, Known::new(3.25, 1.0, 0.0)), (6.5, 0.5, 0));
    assert_eq!(sum(linear, 3.0, 0.5, Known::new(4.0, 1.0, 0.0)), (8.0, 0.0, 1));
}

#[test]
fn of_weights_without_a_bound_those_with_the_lowest_value_shown_are_kept() {
    let mut bounds = Bounds::new();
    for (w, cost, missed) in
        [(1.0, 5.0, f64::INFINITY), (2.0, 1.0, f64::INFINITY), (3.0, 3.0, f64::INFINITY)]
    {
        bounds.certify(
            &[w],
            &Penalty::default(),
            &SlackSum { cost, missed, ..SlackSum::default() },
            1,
        );
    }
    let best = bounds.best.as_ref().expect("certified");
    assert_eq!((best.primal, &*best.w), (f64::INFINITY, &[2.0][..]));
    // Weights with a finite primal value are better than any without.
    bounds.certify(
        &[4.0],
        &Penalty::default(),
        &SlackSum { cost: 9.0, missed: 1.0, ..SlackSum::default() },
        1,
    );
    let best = bounds.best.as_ref().expect("certified");
    assert!(
        best.primal >= 18.0 && best.primal < 18.0 + 1e-9 && best.w == [4.0] && bounds.lowest < 3.1
    );
}

#[test]
fn a_primal_value_below_the_dual_value_is_a_contradiction_only_beyond_rounding() {
    let mut bounds = Bounds::new();
    bounds.certify(&[0.0], &Penalty::default(), &SlackSum { cost: 1.0, ..SlackSum::default() }, 1);
    bounds.dual = 1.0 + 1e-12;
    assert!(!bounds.contradict() && bounds.dual() == bounds.primal());
    bounds.dual = 1.0 + 1e-6;
    assert!(bounds.contradict() && bounds.dual() > bounds.primal());
}
