//! [`Judge`]: a task with its examples, and what weights are worth on them.
//!
//! P(w) is computed here, from the weights in the model of a program and an oracle call for each
//! example. No program is asked how good it is.

use std::path::Path;

use crosscut::{C, Settings, Solution, predict_all, primal, solve};
use crosscut_app::model_file::ModelFile;
use crosscut_app::{Application, Examples, Items, Options, Outcome, Source};

use crate::error::RaceError;

/// A task with its examples.
pub struct Judge<A: Application> {
    /// The task, as Crosscut defines it from the training file.
    pub task: A,
    /// The training examples.
    pub train: Examples<A>,
    /// The test examples.
    pub test: Items<A>,
    c: C,
}

impl<A: Application> Judge<A> {
    /// Reads the files of a task.
    ///
    /// # Errors
    /// Those of Crosscut's own reader.
    pub fn open(options: &Options, c: C, train: &Path, test: &Path) -> Result<Self, RaceError> {
        let (task, train) = A::define(options, Source::open_quietly(train)?)?;
        let test = task.read(Source::open_quietly(test)?)?;
        Ok(Self { task, train, test, c })
    }

    /// P(w), by one oracle call for each example.
    ///
    /// # Errors
    /// An oracle that fails.
    pub fn primal(&self, w: &[f64]) -> Result<f64, RaceError> {
        let settings = Settings { c: self.c, ..Settings::default() };
        primal(&self.task, &self.train, &settings, w)
            .map_err(|fault| RaceError::Data(fault.to_string()))
    }

    /// The weights of a model of Crosscut's.
    ///
    /// # Errors
    /// A model that cannot be read, or of another number of weights.
    pub fn own(&self, path: &Path) -> Result<Vec<f64>, RaceError> {
        let model = ModelFile::open(path)?.load::<A>()?;
        match model.w.len() == self.task.dim() {
            true => Ok(model.w),
            false => {
                Err(RaceError::Data(format!("{}: a model of another problem", path.display())))
            }
        }
    }

    /// What w predicts for the test examples.
    pub fn predictions(&self, w: &[f64]) -> Vec<A::Output> {
        let inputs: Vec<&A::Input> = self.test.iter().map(|item| &item.x).collect();
        predict_all(&self.task, w, &inputs)
    }

    /// One measure of the report of the task, by its name there.
    pub fn measure(&self, name: &str, predictions: &[A::Output]) -> Option<f64> {
        let outcomes: Vec<_> = (self.test.iter().zip(predictions))
            .filter_map(|(item, y_hat)| {
                Some(Outcome { x: &item.x, y: item.y.as_ref()?, y_hat, weight: item.weight })
            })
            .collect();
        self.task.evaluate(&outcomes).get(name)
    }

    /// Trains inside this program on one example in `every`.
    ///
    /// # Errors
    /// Settings or examples that the solver refuses.
    pub fn train(&self, every: usize, settings: &Settings) -> Result<(usize, Solution), RaceError>
    where
        A::Input: Clone,
        A::Output: Clone,
    {
        let part: Vec<_> = self.train.iter().step_by(every).cloned().collect();
        let settings = Settings { c: C::Sum(self.c.sum(self.train.len())), ..*settings };
        let solution = solve(&self.task, &part, &settings)?;
        Ok((part.len(), solution))
    }
}

#[cfg(test)]
mod tests {
    use crosscut::{Rescaling, Task};
    use crosscut_multiclass::Multiclass;

    use super::*;

    /// The golden problem of the project's peers: 120 examples, 3 classes, 7 features; its optimum
    /// for C(sum) = 1 and a bias of 1 is one on which five programs agree.
    const GOLDEN: f64 = 9.512843;

    fn golden() -> Judge<Multiclass> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
            .with_file_name("crates/crosscut-multiclass/tests/data");
        let mut options = Options::new(Rescaling::Margin, None);
        options.set("bias", "1");
        let file = folder.join("multiclass.train.svm");
        Judge::open(&options, C::Sum(1.0), &file, &file).unwrap()
    }

    /// P(w) without oracle, sink and sweep: plain sums over the features of every example, for
    /// every class.
    fn by_hand(judge: &Judge<Multiclass>, w: &[f64]) -> f64 {
        let k = judge.task.classes().len();
        let slacks = judge.train.iter().map(|example| {
            let score = |class: usize| -> f64 {
                let features = example.x.features().iter();
                features
                    .map(|feature| f64::from(feature.value) * w[feature.index as usize * k + class])
                    .sum()
            };
            let truth = example.y.index();
            let violation =
                |class: usize| f64::from(u8::from(class != truth)) + score(class) - score(truth);
            (0..k).map(violation).fold(f64::NEG_INFINITY, f64::max)
        });
        0.5 * w.iter().map(|weight| weight * weight).sum::<f64>() + slacks.sum::<f64>()
    }

    #[test]
    fn the_golden_optimum_is_met() {
        let judge = golden();
        let settings = Settings { relative_gap: 1e-9, ..Settings::default() };
        let (n, solution) = judge.train(1, &settings).unwrap();
        assert_eq!(n, 120);
        assert!((judge.primal(&solution.w).unwrap() - GOLDEN).abs() < 1e-6);
        for w in [solution.w, vec![0.0; judge.task.dim()]] {
            assert!((judge.primal(&w).unwrap() - by_hand(&judge, &w)).abs() < 1e-9);
        }
    }
}
