//! Swapped pairs: counts them and sums their documents, in O(m log m) time and O(m) memory for m
//! documents with any number of grades (after Joachims 2006, section 3.2, which treats two grades).

use crate::query::Scores;

/// The pairs of documents that count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pairs {
    /// Every document above every one of a lower grade.
    Graded,
    /// Every relevant document (grade above 0) above all others.
    RelevantAboveAll,
}

/// Buffers of one thread.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    /// Documents by decreasing score.
    order: Vec<u32>,
    window: Window,
}

/// Σ over all pairs of the cost of the upper document.
pub(crate) fn weight(pairs: Pairs, y: &Scores) -> f64 {
    let mut below = vec![0_usize; y.grades() + 1];
    y.levels().iter().for_each(|&level| below[level as usize + 1] += 1);
    for level in 1..below.len() {
        below[level] += below[level - 1];
    }
    let each = |document: usize| match pairs {
        Pairs::Graded => below[y.levels()[document] as usize],
        Pairs::RelevantAboveAll if y.values()[document] > 0.0 => y.len() - 1,
        Pairs::RelevantAboveAll => 0,
    };
    (0..y.len()).map(|document| y.cost(document) * each(document) as f64).sum()
}

/// Counts the swapped pairs: those whose upper document does not score at least `margin` more than
/// the lower one. Each pair is multiplied by the cost of its upper document. Sets `coefficients` to
/// the factor of each document's row in Σ cost · (upper − lower) over these pairs.
///
/// With a margin of 0, pairs of equal scores are not counted.
pub(crate) fn count(
    pairs: Pairs,
    y: &Scores,
    scores: &[f64],
    margin: f64,
    scratch: &mut Scratch,
    coefficients: &mut Vec<f64>,
) -> f64 {
    let m = scores.len();
    let Scratch { order, window } = scratch;
    order.clear();
    order.extend(0..m as u32);
    order.sort_unstable_by(|&a, &b| {
        scores[b as usize].total_cmp(&scores[a as usize]).then(a.cmp(&b))
    });
    coefficients.clear();
    coefficients.resize(m, 0.0);
    // Both sweeps use this expression: a pair must not be in only one of them.
    let swapped = |upper: u32, lower: u32| scores[upper as usize] < scores[lower as usize] + margin;
    let relevant = |document: usize| pairs == Pairs::Graded || y.values()[document] > 0.0;
    let level =
        |document: usize| if pairs == Pairs::Graded { y.levels()[document] as usize } else { 0 };
    let grades = if pairs == Pairs::Graded { y.grades() } else { 1 };

    // First sweep: for each document, the number of those it should be above that are not far
    // enough below it.
    let mut sum = 0.0;
    window.reset(grades);
    let mut next = 0;
    for &upper in order.iter() {
        while next < m && swapped(upper, order[next]) {
            window.add(level(order[next] as usize), 1.0);
            next += 1;
        }
        let upper = upper as usize;
        if relevant(upper) {
            let itself = f64::from(swapped(upper as u32, upper as u32));
            let lower = match pairs {
                Pairs::Graded => window.below(level(upper)),
                Pairs::RelevantAboveAll => window.total - itself,
            };
            coefficients[upper] += y.cost(upper) * lower;
            sum += y.cost(upper) * lower;
        }
    }
    // Second sweep: for each document, those it should be below that are not far enough above it.
    // The window counts grades from the highest.
    window.reset(grades);
    let level = |document: usize| grades - 1 - level(document);
    let mut next = m;
    for &lower in order.iter().rev() {
        while next > 0 && swapped(order[next - 1], lower) {
            next -= 1;
            let upper = order[next] as usize;
            if relevant(upper) {
                window.add(level(upper), y.cost(upper));
            }
        }
        let lower = lower as usize;
        coefficients[lower] -= match pairs {
            Pairs::Graded => window.below(level(lower)),
            Pairs::RelevantAboveAll if relevant(lower) && swapped(lower as u32, lower as u32) => {
                window.total - y.cost(lower)
            }
            Pairs::RelevantAboveAll => window.total,
        };
    }
    sum
}

/// Maximises √(k / unit) − Σ margins over all sets of k pairs. The margin of a pair is the score of
/// its upper document minus the score of its lower one. Returns unit · k, and the coefficients of
/// unit · Σ (upper − lower) over the set. All pairs have the same cost.
///
/// The k-th smallest margin belongs to the best set as long as it is at most
/// √(k / unit) − √((k − 1) / unit), which decreases in k. So the set consists of all margins below
/// a threshold. Bisection finds the threshold in about fifty counts of O(m log m). Only some of the
/// pairs with margins at the threshold belong to the set; the mean over all choices is taken.
pub(crate) fn count_root(
    pairs: Pairs,
    y: &Scores,
    scores: &[f64],
    unit: f64,
    scratch: &mut RootScratch,
    coefficients: &mut Vec<f64>,
) -> f64 {
    /// Number of bisections: enough to exhaust the precision of the threshold.
    const HALVINGS: usize = 52;
    let RootScratch { plain, inversions, other } = scratch;
    // `unit` already contains the costs.
    plain.clone_from(y);
    plain.forget_costs();
    let gain = |k: f64| {
        if k > 0.0 { (k / unit).sqrt() - ((k - 1.0).max(0.0) / unit).sqrt() } else { f64::INFINITY }
    };
    // Pairs with a negative margin always belong to the set; a margin above gain(1) = √(1 / unit)
    // never does.
    let (mut low, mut high) = (0.0, (1.0 / unit).sqrt());
    for _ in 0..HALVINGS {
        let middle = 0.5 * (low + high);
        let k = count(pairs, plain, scores, middle, inversions, other);
        if middle <= gain(k) { low = middle } else { high = middle }
    }
    let sure = count(pairs, plain, scores, low, inversions, coefficients);
    let most = count(pairs, plain, scores, high, inversions, other);
    // How many pairs at the threshold to take: √(k / unit) − high · k is concave, so the best
    // integer is next to the real maximiser.
    let value = |k: f64| (k / unit).sqrt() - high * k;
    let best = (0.25 / (unit * high * high)).clamp(sure, most);
    let k = [best.floor(), best.ceil()].map(|k| k.clamp(sure, most));
    let k = if value(k[1]) > value(k[0]) { k[1] } else { k[0] };
    let share = if most > sure { (k - sure) / (most - sure) } else { 0.0 };
    for (coefficient, other) in coefficients.iter_mut().zip(other.iter()) {
        *coefficient = unit * (*coefficient + share * (other - *coefficient));
    }
    unit * k
}

/// Buffers of [`count_root`].
#[derive(Debug, Default)]
pub(crate) struct RootScratch {
    plain: Scores,
    inversions: Scratch,
    other: Vec<f64>,
}

/// Sums by grade with prefix sums over all lower grades (a Fenwick tree).
#[derive(Debug, Default)]
struct Window {
    tree: Vec<f64>,
    total: f64,
}

impl Window {
    fn reset(&mut self, grades: usize) {
        self.tree.clear();
        self.tree.resize(grades + 1, 0.0);
        self.total = 0.0;
    }

    fn add(&mut self, grade: usize, amount: f64) {
        self.total += amount;
        let mut at = grade + 1;
        while at < self.tree.len() {
            self.tree[at] += amount;
            at += at & at.wrapping_neg();
        }
    }

    fn below(&self, grade: usize) -> f64 {
        let (mut at, mut sum) = (grade, 0.0);
        while at > 0 {
            sum += self.tree[at];
            at &= at - 1;
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(pairs: Pairs, y: &Scores, scores: &[f64], margin: f64) -> (f64, Vec<f64>) {
        let mut coefficients = vec![f64::NAN; 3];
        let sum = count(pairs, y, scores, margin, &mut Scratch::default(), &mut coefficients);
        (sum, coefficients)
    }

    #[test]
    fn a_margin_of_0_leaves_out_equal_scores_and_pairs_at_the_margin_are_right() {
        let y = Scores::new(vec![-1.0, 0.0, 1.0]);
        let cases = [
            (Pairs::Graded, [1.0, 1.0, 2.0], 0.0, (0.0, [0.0, 0.0, 0.0])),
            (Pairs::Graded, [1.0, 1.0, 2.0], 0.5, (1.0, [-1.0, 1.0, 0.0])),
            (Pairs::Graded, [1.0, 1.0, 2.0], 1.0, (1.0, [-1.0, 1.0, 0.0])),
            (Pairs::Graded, [1.0, 1.0, 2.0], 1.5, (3.0, [-2.0, 0.0, 2.0])),
            (Pairs::Graded, [3.0, 2.0, 1.0], 0.0, (3.0, [-2.0, 0.0, 2.0])),
            (Pairs::RelevantAboveAll, [1.0, 1.0, 2.0], 1.0, (0.0, [0.0, 0.0, 0.0])),
            (Pairs::RelevantAboveAll, [1.0, 3.0, 2.0], 0.0, (1.0, [0.0, -1.0, 1.0])),
            (Pairs::RelevantAboveAll, [1.0, 3.0, 2.0], 1.5, (2.0, [-1.0, -1.0, 2.0])),
        ];
        for (pairs, scores, margin, (sum, coefficients)) in cases {
            let expected = (sum, coefficients.to_vec());
            assert_eq!(
                run(pairs, &y, &scores, margin),
                expected,
                "{pairs:?} of {scores:?}, margin {margin}"
            );
        }
    }

    /// The costs of documents that are the better one of no pair, however large, do not reduce the
    /// precision of the others.
    #[test]
    fn costs_that_do_not_count_do_not_matter() {
        let y = Scores::new(vec![0.0, 1.0, 0.0]);
        let found =
            run(Pairs::Graded, &y.clone().with_costs(vec![1e18, 0.1, 1e18]), &[0.0; 3], 1.0);
        assert_eq!(found, run(Pairs::Graded, &y.with_costs(vec![0.0, 0.1, 0.0]), &[0.0; 3], 1.0));
    }

    #[test]
    fn the_weight_is_that_of_all_pairs_swapped() {
        let y =
            Scores::new(vec![2.0, 0.0, 1.0, 2.0, 0.0]).with_costs(vec![1.0, 5.0, 0.5, 2.0, 9.0]);
        for (pairs, expected) in
            [(Pairs::Graded, 3.0 * (1.0 + 2.0) + 2.0 * 0.5), (Pairs::RelevantAboveAll, 4.0 * 3.5)]
        {
            assert_eq!(weight(pairs, &y), expected);
            assert_eq!(run(pairs, &y, &[0.0; 5], 1.0).0, expected);
        }
    }

    /// At most two numbers a document, whatever its grade.
    #[test]
    fn buffers_grow_with_the_documents() {
        let (m, mut scratch, mut coefficients) = (50_000, Scratch::default(), Vec::new());
        let y = Scores::new((0..m).map(f64::from).collect());
        let scores: Vec<f64> = (0..m).map(|document| f64::from(document % 977)).collect();
        count(Pairs::Graded, &y, &scores, 1.0, &mut scratch, &mut coefficients);
        assert!(scratch.order.capacity() <= 2 * m as usize);
        assert!(scratch.window.tree.capacity() <= 2 * m as usize);
        assert!(coefficients.capacity() <= 2 * m as usize);
    }
}
