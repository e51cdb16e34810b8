use std::ops::Range;

use crosscut::{FeatureMap, Place, Planes, Row, Sink, SparseRows, Task};

/// Finds the span of a sequence that stands out: the output is a range of positions, perhaps empty.
pub struct Spans {
    /// Features of a position.
    pub features: usize,
}

impl Spans {
    /// The span with the largest sum of gains, in one sweep (Kadane's algorithm); empty if no gain
    /// is positive.
    fn best(&self, x: &SparseRows, gain: impl Fn(usize) -> f64) -> Range<usize> {
        let (mut best, mut best_sum) = (0..0, 0.0);
        let (mut start, mut sum) = (0, 0.0);
        for t in 0..x.len() {
            if sum <= 0.0 {
                (start, sum) = (t, 0.0);
            }
            sum += gain(t);
            if sum > best_sum {
                (best, best_sum) = (start..t + 1, sum);
            }
        }
        best
    }
}

impl Task for Spans {
    type Input = SparseRows; // a row of features for each position
    type Output = Range<usize>;
    type Scratch = ();

    fn dim(&self) -> usize {
        self.features
    }

    /// Δ(y, ŷ): the number of positions that are in one span and not in the other.
    fn loss(&self, _: &SparseRows, y: &Range<usize>, y_hat: &Range<usize>) -> f64 {
        let common = y.end.min(y_hat.end).saturating_sub(y.start.max(y_hat.start));
        (y.len() + y_hat.len() - 2 * common) as f64
    }

    fn predict(&self, w: &[f64], x: &SparseRows, (): &mut ()) -> Range<usize> {
        self.best(x, |t| x.row(t).score(w, Place::block(0)))
    }

    fn separate<'a>(
        &'a self,
        w: &[f64],
        x: &'a SparseRows,
        y: &'a Range<usize>,
        (): &mut (),
        planes: &mut Planes<'a>,
    ) {
        // A position outside y costs 1 when taken in, a position of y saves 1: the loss is part of
        // the gains.
        let gain = |t| x.row(t).score(w, Place::block(0)) + if y.contains(&t) { -1.0 } else { 1.0 };
        let y_bar = self.best(x, gain);
        planes.add(|sink| self.plane(x, y, &y_bar, sink));
    }

    fn row<'a>(&'a self, x: &'a SparseRows, name: u32) -> Option<Row<'a>> {
        x.get(name)
    }

    fn validate(&self, x: &SparseRows, y: &Range<usize>) -> Result<(), String> {
        if x.width() > self.features {
            return Err(format!("a row has {} features, expected at most {}", x.width(), self.features));
        }
        if y.start > y.end || y.end > x.len() {
            return Err(format!("the span {y:?} does not lie within {} positions", x.len()));
        }
        Ok(())
    }
}

impl FeatureMap for Spans {
    /// Ψ(x, y): the sum of the rows inside the span.
    fn psi<'a>(&'a self, x: &'a SparseRows, y: &Range<usize>, sink: &mut dyn Sink<'a>) {
        for t in y.clone() {
            sink.add_row(x.row(t), Place::block(0), 1.0);
        }
    }
}
