//! Tests that the checks find every fault and accept correct tasks.

use super::brute_force::{best_of, dot, is_close, rescaled_slack};
use super::*;
use crate::solve::settings::{C, Settings};
use crate::task::{FeatureMap, Part, Recombine, Recombiner, Rescaling};

/// The fault of a [`Threshold`] task.
#[derive(Clone, Copy, PartialEq)]
enum Fault {
    Nothing,
    SmallestSeparates,
    LossForgotten,
    SmallestPredicted,
    NegativeLoss,
    LossAtTruth,
    NanLoss,
    WrongLossReturned,
    DeltaReversed,
    BeyondDim,
    InfiniteValue,
    WornScratch,
    AnotherTooGood,
    NoPlane,
    RecombinedTooGood,
    RecombinedTooBad,
    Refuses,
}

/// Chooses a level y among four; Ψ(x, y) = (x·y, −y²/2), Δ = |y − ŷ|.
struct Threshold {
    fault: Fault,
    rescaling: Rescaling,
}

impl Threshold {
    fn plane_of<'a>(&'a self, x: &'a f64, y: &usize, y_bar: usize, sink: &mut dyn Sink<'a>) -> f64 {
        match self.rescaling {
            Rescaling::Margin => self.plane(x, y, &y_bar, sink),
            Rescaling::Slack => self.rescaled_plane(x, y, &y_bar, sink),
        }
    }
}

impl Task for Threshold {
    type Input = f64;
    type Output = usize;
    type Scratch = usize;

    fn dim(&self) -> usize {
        2
    }

    fn loss(&self, _: &f64, y: &usize, y_hat: &usize) -> f64 {
        match self.fault {
            Fault::NegativeLoss => *y_hat as f64 - *y as f64,
            Fault::LossAtTruth => 1.0,
            Fault::NanLoss if y != y_hat => f64::NAN,
            _ => y.abs_diff(*y_hat) as f64,
        }
    }

    fn predict(&self, w: &[f64], x: &f64, _: &mut usize) -> usize {
        let sign = if self.fault == Fault::SmallestPredicted { -1.0 } else { 1.0 };
        best_of(0..4, |y| sign * self.score(w, x, y)).1
    }

    fn separate<'a>(
        &'a self,
        w: &[f64],
        x: &'a f64,
        y: &'a usize,
        scratch: &mut usize,
        planes: &mut Planes<'a>,
    ) {
        let example = Example::new(*x, *y);
        let mut y_bar = best_of(0..4, |y_bar| match self.fault {
            Fault::SmallestSeparates => -rescaled_slack(self, w, &example, y_bar, self.rescaling),
            Fault::LossForgotten => self.score(w, x, y_bar),
            _ => rescaled_slack(self, w, &example, y_bar, self.rescaling),
        })
        .1;
        if self.fault == Fault::WornScratch {
            *scratch += 1;
            y_bar = (y_bar + *scratch / 2) % 4;
        }
        if self.fault == Fault::NoPlane {
            return;
        }
        planes.add(|sink| {
            match self.fault {
                Fault::BeyondDim => sink.add(2, 1.0),
                Fault::InfiniteValue => sink.add(1, f64::INFINITY),
                _ => {}
            }
            if self.fault == Fault::DeltaReversed {
                self.plane(x, &y_bar, y, sink);
                return self.loss(x, y, &y_bar);
            }
            let loss = self.plane_of(x, y, y_bar, sink);
            if self.fault == Fault::WrongLossReturned { 0.0 } else { loss }
        });
        // All other levels, with too large a loss if that is the fault.
        for y_bar in (0..4).filter(|y_bar| y_bar != y) {
            planes.add(|sink| {
                let loss = self.plane_of(x, y, y_bar, sink);
                if self.fault == Fault::AnotherTooGood { loss + 1.0 } else { loss }
            });
        }
    }

    fn recombine(&self) -> Option<Recombiner<'_, f64, usize, usize>> {
        Some(self)
    }

    fn validate(&self, _: &f64, _: &usize) -> Result<(), String> {
        if self.fault == Fault::Refuses { Err("x must be a name".into()) } else { Ok(()) }
    }
}

impl Recombine for Threshold {
    /// The plane of the truth (Δ = 0) if `least` allows it. Faults: too large a loss, or `least`
    /// ignored.
    fn recombined<'a>(
        &'a self,
        _: &[f64],
        _: &'a Example<f64, usize>,
        _: &[Part],
        least: f64,
        _: &mut usize,
        _: &mut dyn Sink<'a>,
    ) -> Option<f64> {
        match self.fault {
            Fault::RecombinedTooGood => Some(10.0),
            Fault::RecombinedTooBad => Some(0.0),
            _ => (least < 0.0).then_some(0.0),
        }
    }
}

impl FeatureMap for Threshold {
    fn psi<'a>(&'a self, x: &'a f64, y: &usize, sink: &mut dyn Sink<'a>) {
        let level = *y as f64;
        sink.add(0, x * level);
        sink.add(1, -0.5 * level * level);
    }
}

fn examples() -> Vec<Example<f64, usize>> {
    vec![Example::new(1.2, 1), Example::new(-0.5, 0), Example::new(2.9, 3)]
}

fn found(fault: Fault) -> Violation {
    let task = Threshold { fault, rescaling: Rescaling::Margin };
    laws(&task, &examples()).expect_err("the fault must be found")
}

#[test]
fn correct_task_passes() {
    for rescaling in [Rescaling::Margin, Rescaling::Slack] {
        let task = Threshold { fault: Fault::Nothing, rescaling };
        check(&task, &examples());
        for (seed, example) in
            (0..50).flat_map(|seed| examples().into_iter().map(move |e| (seed, e)))
        {
            let w = random_weights(2, 3.0, seed);
            check_oracle(&task, &w, &example, 0..4, rescaling);
            check_prediction(&task, &w, &example.x, 0..4);
        }
    }
}

#[test]
fn every_fault_is_found_by_its_law() {
    use Violation as V;
    assert!(matches!(found(Fault::NegativeLoss), V::PlaneLoss { .. } | V::Loss { .. }));
    assert!(matches!(found(Fault::LossAtTruth), V::Truth { example: 0, loss: 1.0 }));
    assert!(matches!(found(Fault::NanLoss), V::Loss { .. } | V::PlaneLoss { .. }));
    assert!(matches!(found(Fault::SmallestPredicted), V::Prediction { example: 0, .. }));
    assert!(matches!(found(Fault::SmallestSeparates), V::Prediction { .. } | V::Beaten { .. }));
    assert!(matches!(found(Fault::LossForgotten), V::Beaten { .. }));
    assert!(matches!(found(Fault::WrongLossReturned), V::Prediction { .. } | V::Beaten { .. }));
    assert!(matches!(found(Fault::DeltaReversed), V::Prediction { .. } | V::Beaten { .. }));
    assert!(matches!(found(Fault::BeyondDim), V::Index { example: 0, index: 2, dim: 2 }));
    assert!(matches!(found(Fault::InfiniteValue), V::NotFinite { example: 0, index: 1, .. }));
    assert!(matches!(found(Fault::AnotherTooGood), V::Beaten { .. }));
    assert!(matches!(
        found(Fault::NoPlane),
        V::Fault(crate::Fault { kind: FaultKind::NoPlane, .. })
    ));
    assert!(matches!(found(Fault::RecombinedTooGood), V::Recombined { example: 0, .. }));
    assert!(matches!(found(Fault::RecombinedTooBad), V::Recombined { example: 0, .. }));
    assert!(matches!(found(Fault::WornScratch), V::Unsteady { what: "separate", .. }));
    assert_eq!(
        found(Fault::Refuses),
        V::Refused { example: 0, message: "x must be a name".into() }
    );
}

#[test]
fn nothing_to_check_is_a_violation() {
    let task = Threshold { fault: Fault::Nothing, rescaling: Rescaling::Margin };
    assert_eq!(laws(&task, &[]), Err(Violation::NoExamples));
}

#[test]
fn a_later_example_is_named() {
    let task = Threshold { fault: Fault::NegativeLoss, rescaling: Rescaling::Margin };
    // A prediction can never fall below level 0, so the loss is not negative on the first example.
    let violation =
        laws(&task, &[Example::new(-0.5, 0), Example::new(2.9, 3)]).expect_err("negative");
    assert!(violation.to_string().contains("example 1"), "{violation}");
}

#[test]
#[should_panic(expected = "law 2, example 0")]
fn check_panics_with_the_law_and_the_example() {
    check(
        &Threshold { fault: Fault::SmallestPredicted, rescaling: Rescaling::Margin },
        &examples(),
    );
}

#[test]
#[should_panic(expected = "but the maximum over all outputs is")]
fn brute_force_catches_a_forgotten_loss() {
    let task = Threshold { fault: Fault::LossForgotten, rescaling: Rescaling::Margin };
    check_oracle(&task, &[0.1, 0.1], &examples()[0], 0..4, Rescaling::Margin);
}

#[test]
#[should_panic(expected = "but the best score over all outputs is")]
fn brute_force_catches_a_wrong_prediction() {
    let task = Threshold { fault: Fault::SmallestPredicted, rescaling: Rescaling::Margin };
    check_prediction(&task, &[1.0, 0.5], &1.2, 0..4);
}

#[test]
#[should_panic(expected = "Slack rescaling")]
fn brute_force_tells_the_rescalings_apart() {
    let task = Threshold { fault: Fault::Nothing, rescaling: Rescaling::Margin };
    check_oracle(&task, &[-1.0, -1.0], &examples()[0], 0..4, Rescaling::Slack);
}

#[test]
fn planes_slack_and_primal_agree() {
    let examples = examples();
    for rescaling in [Rescaling::Margin, Rescaling::Slack] {
        let task = Threshold { fault: Fault::Nothing, rescaling };
        let w = random_weights(2, 2.0, 7);
        let (mut sum, mut squares) = (0.0, 0.0);
        for example in &examples {
            let planes = brute_force_planes(&task, example, 0..4, rescaling);
            let slack =
                planes.iter().map(|(loss, delta)| loss - dot(&w, delta)).fold(f64::MIN, f64::max);
            assert!(is_close(slack, slack_of(&task, &w, example)));
            assert!(is_close(slack, brute_force_slack(&task, &w, example, 0..4, rescaling)));
            sum += slack;
            squares += slack * slack;
        }
        for (norm, sum) in [(crate::SlackNorm::Linear, sum), (crate::SlackNorm::Squared, squares)] {
            let expected = 0.5 * dot(&w, &w) + 2.0 * sum;
            for c in [C::Sum(2.0), C::Mean(6.0)] {
                let settings = Settings { c, slack_norm: norm, ..Settings::default() };
                assert!(is_close(
                    crate::primal(&task, &examples, &settings, &w).unwrap(),
                    expected
                ));
            }
        }
    }
}

#[test]
fn enumerations_are_complete_and_in_order() {
    let all: Vec<_> = sequences(2, 3).collect();
    assert_eq!(all.len(), 8);
    assert_eq!(
        (&all[0][..], &all[1][..], &all[7][..]),
        (&[0, 0, 0][..], &[0, 0, 1][..], &[1, 1, 1][..])
    );
    assert!(all.is_sorted());
    assert_eq!(sequences(3, 0).collect::<Vec<_>>(), [Vec::<usize>::new()]);
    assert_eq!(sequences(0, 2).count(), 0);

    let all: Vec<_> = permutations(4).collect();
    assert_eq!(all.len(), 24);
    assert!(all.windows(2).all(|pair| pair[0] < pair[1]));
    assert!(all.iter().all(|order| (0..4).all(|item| order.contains(&item))));
    assert_eq!(permutations(0).count(), 1);
}

#[test]
fn random_weights_repeat() {
    assert_eq!(random_weights(5, 2.0, 3), random_weights(5, 2.0, 3));
    assert_ne!(random_weights(5, 2.0, 3), random_weights(5, 2.0, 4));
    assert!(random_weights(1000, 2.0, 3).iter().all(|value| value.abs() <= 2.0));
}
