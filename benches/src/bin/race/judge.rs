//! [`Judge`]: a task with its examples, and what weights are worth on them.
//!
//! P(w) is computed here, from the weights in the model of a program and an oracle call for each
//! example. No program is asked how good it is.

use std::path::Path;

use crosscut::{C, Settings, Solution, Task, predict_all, primal, solve};
use crosscut_app::model_file::ModelFile;
use crosscut_app::{
    Examples, Format, InputOf, Items, Options, Outcome, OutputOf, Source, Training, define, read,
};

use crate::error::RaceError;

/// A task with its examples.
pub struct Judge<F: Format> {
    format: F,
    /// The task, as Crosscut defines it from the training file.
    pub task: F::Task,
    /// The training examples.
    pub train: Examples<F>,
    /// The test examples.
    pub test: Items<F>,
    c: C,
}

impl<F: Format> Judge<F> {
    /// Reads the files of a task.
    ///
    /// # Errors
    /// Those of Crosscut's own reader.
    pub fn open(options: &Options, c: C, train: &Path, test: &Path) -> Result<Self, RaceError> {
        let training = define::<F>(options, Source::open_quietly(train)?)?;
        let Training { format, task, examples: train } = training;
        let test = read(&format, &task, Source::open_quietly(test)?)?;
        Ok(Self { format, task, train, test, c })
    }

    /// P(w), by one oracle call for each example.
    ///
    /// # Errors
    /// An oracle that fails.
    pub fn primal(&self, w: &[f64]) -> Result<f64, RaceError> {
        let settings = Settings::new().c(self.c);
        primal(&self.task, &self.train, &settings, w)
            .map_err(|fault| RaceError::Data(fault.to_string()))
    }

    /// The weights of a model of Crosscut's.
    ///
    /// # Errors
    /// A model that cannot be read, or of another number of weights.
    pub fn own(&self, path: &Path) -> Result<Vec<f64>, RaceError> {
        let (_, model) = ModelFile::open(path)?.load::<F>()?;
        match model.w.len() == self.task.dim() {
            true => Ok(model.w),
            false => {
                Err(RaceError::Data(format!("{}: a model of another problem", path.display())))
            }
        }
    }

    /// What w predicts for the test examples.
    pub fn predictions(&self, w: &[f64]) -> Vec<OutputOf<F>> {
        let inputs: Vec<&InputOf<F>> = self.test.iter().map(|item| &item.x).collect();
        predict_all(&self.task, w, &inputs)
    }

    /// One measure of the report of the task, by its name there.
    pub fn measure(&self, name: &str, predictions: &[OutputOf<F>]) -> Option<f64> {
        let outcomes: Vec<_> = (self.test.iter().zip(predictions))
            .filter_map(|(item, y_hat)| {
                Some(Outcome { x: &item.x, y: item.y.as_ref()?, y_hat, weight: item.weight })
            })
            .collect();
        self.format.evaluate(&self.task, &outcomes).get(name)
    }

    /// Trains inside this program on one example in `every`.
    ///
    /// # Errors
    /// Settings or examples that the solver refuses.
    pub fn train(&self, every: usize, settings: &Settings) -> Result<(usize, Solution), RaceError>
    where
        InputOf<F>: Clone,
        OutputOf<F>: Clone,
    {
        let part: Vec<_> = self.train.iter().step_by(every).cloned().collect();
        let settings = settings.c(C::Sum(self.c.sum(self.train.len())));
        let solution = solve(&self.task, &part, &settings)?;
        Ok((part.len(), solution))
    }
}

#[cfg(test)]
mod tests {
    use crosscut::Rescaling;
    use crosscut_multiclass::MulticlassFiles;

    use super::*;

    /// The golden problem of the project's peers: 120 examples, 3 classes, 7 features; its optimum
    /// for C(sum) = 1 and a bias of 1 is one on which five programs agree.
    const GOLDEN: f64 = 9.512843;

    fn golden() -> Judge<MulticlassFiles> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
            .with_file_name("crates/crosscut-multiclass/tests/data");
        let mut options = Options::new(Rescaling::Margin, None);
        options.set("bias", "1");
        let file = folder.join("multiclass.train.svm");
        Judge::open(&options, C::Sum(1.0), &file, &file).unwrap()
    }

    /// P(w) without oracle, sink and sweep: plain sums over the features of every example, for
    /// every class.
    fn by_hand(judge: &Judge<MulticlassFiles>, w: &[f64]) -> f64 {
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
        let settings = Settings::new().relative_gap(1e-9);
        let (n, solution) = judge.train(1, &settings).unwrap();
        assert_eq!(n, 120);
        assert!((judge.primal(&solution.w).unwrap() - GOLDEN).abs() < 1e-6);
        for w in [solution.w, vec![0.0; judge.task.dim()]] {
            assert!((judge.primal(&w).unwrap() - by_hand(&judge, &w)).abs() < 1e-9);
        }
    }
}
