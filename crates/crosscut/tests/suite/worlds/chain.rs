use crosscut::{
    Example, FeatureMap, Place, Planes, Rescaling, Row, Sink, SparseRows, SparseVector, Task,
    testing,
};

/// Tags the positions of a sequence: emission weights tag by tag within a feature, then transition
/// weights. The loss is the number of wrong tags.
pub struct Chain {
    pub tags: usize,
    pub features: usize,
    /// Margin rescaling is solved by Viterbi's recursion, slack rescaling by enumeration.
    pub rescaling: Rescaling,
}

/// Tables of Viterbi's recursion.
#[derive(Default)]
pub struct Tables {
    scores: Vec<f64>,
    from: Vec<usize>,
}

impl Chain {
    fn transition(&self, from: usize, to: usize) -> usize {
        self.features * self.tags + from * self.tags + to
    }

    /// The sequence with the largest sum of scores and bonuses.
    fn best(
        &self,
        w: &[f64],
        x: &SparseRows,
        bonus: impl Fn(usize, usize) -> f64,
        tables: &mut Tables,
    ) -> Vec<usize> {
        let k = self.tags;
        let Tables { scores, from } = tables;
        scores.clear();
        from.clear();
        for (t, row) in x.iter().enumerate() {
            for tag in 0..k {
                let here = row.score(w, Place::class(tag, k)) + bonus(t, tag);
                let mut best = (0, if t == 0 { 0.0 } else { f64::NEG_INFINITY });
                for previous in 0..if t == 0 { 0 } else { k } {
                    let score = scores[(t - 1) * k + previous] + w[self.transition(previous, tag)];
                    if score > best.1 {
                        best = (previous, score);
                    }
                }
                scores.push(best.1 + here);
                from.push(best.0);
            }
        }
        let mut y = vec![0; x.len()];
        for t in (0..x.len()).rev() {
            y[t] = match y.get(t + 1) {
                Some(&next) => from[(t + 1) * k + next],
                None => (0..k)
                    .reduce(|a, b| if scores[t * k + b] > scores[t * k + a] { b } else { a })
                    .unwrap_or(0),
            };
        }
        y
    }
}

impl Task for Chain {
    type Input = SparseRows;
    type Output = Vec<usize>;
    type Scratch = Tables;

    fn dim(&self) -> usize {
        self.features * self.tags + self.tags * self.tags
    }

    fn loss(&self, _: &SparseRows, y: &Vec<usize>, y_hat: &Vec<usize>) -> f64 {
        y.iter().zip(y_hat).filter(|(tag, tag_hat)| tag != tag_hat).count() as f64
    }

    fn predict(&self, w: &[f64], x: &SparseRows, tables: &mut Tables) -> Vec<usize> {
        self.best(w, x, |_, _| 0.0, tables)
    }

    fn separate<'a>(
        &'a self,
        w: &[f64],
        x: &'a SparseRows,
        y: &'a Vec<usize>,
        tables: &mut Tables,
        planes: &mut Planes<'a>,
    ) {
        match self.rescaling {
            Rescaling::Margin => {
                let y_bar = self.best(w, x, |t, tag| f64::from(y[t] != tag), tables);
                planes.add(|sink| self.plane(x, y, &y_bar, sink));
            }
            Rescaling::Slack => {
                let own = self.score(w, x, y);
                let slack = |y_bar: &Vec<usize>| {
                    self.loss(x, y, y_bar) * (1.0 - own + self.score(w, x, y_bar))
                };
                let all =
                    testing::sequences(self.tags, x.len()).map(|y_bar| (slack(&y_bar), y_bar));
                let best = all.reduce(|best, next| if next.0 > best.0 { next } else { best });
                let (_, y_bar) = best.expect("there is a tag");
                planes.add(|sink| self.rescaled_plane(x, y, &y_bar, sink));
            }
        }
    }

    fn row<'a>(&'a self, x: &'a SparseRows, name: u32) -> Option<Row<'a>> {
        x.get(name)
    }

    fn validate(&self, x: &SparseRows, y: &Vec<usize>) -> Result<(), String> {
        if x.len() == y.len() {
            Ok(())
        } else {
            Err(format!("{} tags for {} positions", y.len(), x.len()))
        }
    }
}

impl FeatureMap for Chain {
    fn psi<'a>(&'a self, x: &'a SparseRows, y: &Vec<usize>, sink: &mut dyn Sink<'a>) {
        for (row, &tag) in x.iter().zip(y) {
            sink.add_row(row, Place::class(tag, self.tags), 1.0);
        }
        for pair in y.windows(2) {
            sink.add(self.transition(pair[0], pair[1]), 1.0);
        }
    }
}

/// Noisy sequences of 1 to 4 positions in which a tag tends to repeat.
pub fn examples(n: usize, tags: usize, features: usize) -> Vec<Example<SparseRows, Vec<usize>>> {
    let noise = testing::random_weights(n * 4 * (features + 2), 1.0, 2);
    let mut noise = noise.into_iter();
    let mut next = move || noise.next().expect("enough was drawn");
    let mut example = |i: usize| {
        let mut tag = i % tags;
        let (mut x, mut y) = (SparseRows::default(), Vec::new());
        for _ in 0..1 + i % 4 {
            if next() > 0.4 {
                tag = (tag + 1) % tags;
            }
            let row: Vec<f32> =
                (0..features).map(|f| (next() + f64::from(f % tags == tag)) as f32).collect();
            x.push(SparseVector::from_dense(&row).expect("finite").features()).expect("in order");
            y.push(tag);
        }
        Example::new(x, y)
    };
    (0..n).map(&mut example).collect()
}
