use crosscut::{FeatureSink, Layout, SparseRows, Structure, WeightBlock};

/// Tags the positions of a sequence: a weight for each tag and feature, and one for each pair of
/// neighbouring tags. The loss is the number of wrong tags.
pub struct Tagger {
    pub tags: usize,
    pub features: usize,
}

impl Tagger {
    /// The weights, those of [tag, feature], and those of [tag, next tag].
    pub fn layout(&self) -> (Layout, WeightBlock<2>, WeightBlock<2>) {
        let mut layout = Layout::new();
        let emission = layout.block("emission", [self.tags, self.features]);
        let transition = layout.block("transition", [self.tags, self.tags]);
        (layout, emission, transition)
    }
}

impl Structure for Tagger {
    type Input = SparseRows; // a row of features for each position
    type Output = Vec<usize>; // a tag for each position

    fn dim(&self) -> usize {
        self.layout().0.dim()
    }

    fn psi(&self, x: &SparseRows, y: &Vec<usize>, sink: &mut FeatureSink<'_>) {
        let (_, emission, transition) = self.layout();
        for (row, &tag) in x.iter().zip(y) {
            sink.add_row(row, emission.row(tag), 1.0);
        }
        for pair in y.windows(2) {
            sink.add(transition.at([pair[0], pair[1]]), 1.0);
        }
    }

    fn loss(&self, y: &Vec<usize>, y_hat: &Vec<usize>) -> f64 {
        y.iter().zip(y_hat).filter(|(tag, tag_hat)| tag != tag_hat).count() as f64
    }

    /// The sequence with the largest sum of scores and losses (Viterbi's algorithm).
    fn best(&self, w: &[f64], x: &SparseRows, y: Option<&Vec<usize>>) -> Vec<usize> {
        let (_, emission, transition) = self.layout();
        let mut sums = vec![0.0; self.tags]; // of the best sequence up to here that ends in a tag
        let mut before = Vec::new(); // the tag before, on that sequence
        for (t, row) in x.iter().enumerate() {
            let from = |tag: usize| match t {
                0 => (0, 0.0),
                _ => (0..self.tags)
                    .map(|last| (last, sums[last] + w[transition.at([last, tag])]))
                    .reduce(|a, b| if b.1 > a.1 { b } else { a })
                    .expect("there are tags"),
            };
            let (last, sum): (Vec<_>, Vec<_>) = (0..self.tags)
                .map(|tag| {
                    let loss = y.map_or(0.0, |y| if y[t] == tag { 0.0 } else { 1.0 });
                    let (last, sum) = from(tag);
                    (last, sum + row.score(w, emission.row(tag)) + loss)
                })
                .unzip();
            sums = sum;
            before.push(last);
        }
        let last = (1..self.tags).fold(0, |a, b| if sums[b] > sums[a] { b } else { a });
        let mut y_hat = vec![last; x.len()];
        for t in (1..x.len()).rev() {
            y_hat[t - 1] = before[t][y_hat[t]];
        }
        y_hat
    }

    fn validate_input(&self, x: &SparseRows) -> Result<(), String> {
        match x.width() <= self.features {
            true => Ok(()),
            false => Err(format!("expected at most {} features", self.features)),
        }
    }

    fn validate(&self, x: &SparseRows, y: &Vec<usize>) -> Result<(), String> {
        match y.len() == x.len() && y.iter().all(|&tag| tag < self.tags) {
            true => Ok(()),
            false => Err(format!("expected {} tags below {}", x.len(), self.tags)),
        }
    }
}
