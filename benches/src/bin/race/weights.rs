//! The weights of peers: their model files, and where each number belongs in the layout of a task
//! of Crosscut.

use std::fs;
use std::path::Path;

use crosscut::Task;
use crosscut_data::{FeatureIds, Labels};
use crosscut_multiclass::Multiclass;
use crosscut_ranking::Ranking;
use crosscut_sequence::{Features, Sequence};

use crate::error::RaceError;

/// A text model of LIBLINEAR.
#[derive(Clone, Debug, PartialEq)]
pub struct Liblinear {
    /// Labels in the order of its columns.
    labels: Vec<String>,
    /// How many features it has, without the bias.
    features: usize,
    /// Whether a row for the bias follows those of the features.
    bias: bool,
    /// A row for each feature, a column for each label.
    w: Vec<f64>,
}

impl Liblinear {
    /// Reads the text of a model.
    ///
    /// # Errors
    /// What is missing or is no number.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (head, body) = text.split_once("\nw\n").ok_or("expected a line `w`, found none")?;
        let entry = |name: &str| {
            let line = head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
            line.ok_or_else(|| format!("expected a line `{name}`, found none"))
        };
        let number = |name: &str| {
            let text = entry(name)?.trim();
            text.parse::<f64>()
                .map_err(|_| format!("expected a number after `{name}`, found `{text}`"))
        };
        let labels: Vec<String> = entry("label")?.split_whitespace().map(str::to_owned).collect();
        let (features, bias) = (number("nr_feature")? as usize, number("bias")? >= 0.0);
        let parse = |word: &str| {
            word.parse::<f64>().map_err(|_| format!("expected a weight, found `{word}`"))
        };
        let w: Vec<f64> = body.split_whitespace().map(parse).collect::<Result<_, _>>()?;
        let expected = (features + usize::from(bias)) * labels.len();
        match w.len() == expected {
            true => Ok(Self { labels, features, bias, w }),
            false => Err(format!("expected {expected} weights, found {}", w.len())),
        }
    }

    /// The same weights where `task` has them.
    ///
    /// # Errors
    /// Labels, features or a bias that the task does not have.
    pub fn place(&self, task: &Multiclass) -> Result<Vec<f64>, String> {
        let mut w = vec![0.0; task.dim()];
        let k = task.classes().len();
        let classes = self
            .labels
            .iter()
            .map(|label| class_of(task.classes(), label))
            .collect::<Result<Vec<_>, _>>()?;
        if self.bias != task.bias().is_some() {
            return Err("the model has a bias and the task none, or the other way round".to_owned());
        }
        for (row, weights) in self.w.chunks_exact(self.labels.len().max(1)).enumerate() {
            let feature = match row < self.features {
                true => match index_of(
                    task.features(),
                    row + 1,
                    weights.iter().any(|&weight| weight != 0.0),
                )? {
                    Some(feature) => feature,
                    None => continue,
                },
                false => task.features().len(),
            };
            for (&class, &weight) in classes.iter().zip(weights) {
                w[feature * k + class] = weight;
            }
        }
        Ok(w)
    }
}

/// The position of a label: by its text, or as a number.
fn class_of(labels: &Labels, label: &str) -> Result<usize, String> {
    let number: Option<f64> = label.parse().ok();
    let same = |name: &str| number.is_some() && name.parse().ok() == number;
    let found = labels.index(label).or_else(|| labels.iter().position(same));
    found.ok_or_else(|| format!("the task has no label `{label}`"))
}

/// The index of a feature id. A feature that the task does not have is `None`, and may have no
/// weight.
fn index_of(ids: &FeatureIds, id: usize, weighs: bool) -> Result<Option<usize>, String> {
    match u32::try_from(id).ok().and_then(|id| ids.index(id)) {
        Some(index) => Ok(Some(index as usize)),
        None if !weighs => Ok(None),
        None => Err(format!("the task has no feature {id}")),
    }
}

/// A text model of one of the SVM^struct programs with a linear kernel.
#[derive(Clone, Debug, PartialEq)]
pub struct SvmStruct {
    /// Its first line: program and version.
    pub version: String,
    /// The lines of its head: what a number is called, and the number.
    head: Vec<(String, f64)>,
    /// The weights that are not zero, by the ids of the file.
    w: Vec<(usize, f64)>,
}

impl SvmStruct {
    /// Reads the text of a model.
    ///
    /// # Errors
    /// A kernel; a threshold; what is missing or is no number.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut lines = text.lines();
        let version = lines.next().unwrap_or_default().trim().to_owned();
        let mut head = Vec::new();
        for line in lines.by_ref() {
            let (value, name) =
                line.split_once('#').ok_or("expected `number # name` in the head of the model")?;
            let (value, name) = (value.trim(), name.trim().to_owned());
            let last = name.starts_with("threshold");
            // The parameter of a kernel of one's own is no number, and of no interest.
            head.push((name, value.parse().unwrap_or(f64::NAN)));
            if last {
                break;
            }
        }
        let mut model = Self { version, head, w: Vec::new() };
        if model.number("kernel type")? != 0.0 || model.number("threshold")? != 0.0 {
            return Err("expected a linear model without a threshold".to_owned());
        }
        for line in lines {
            model.add_support_vector(line)?;
        }
        Ok(model)
    }

    /// Adds `alpha [qid:0] id:value … #` to the weights.
    fn add_support_vector(&mut self, line: &str) -> Result<(), String> {
        let mut words = line.split('#').next().unwrap_or_default().split_whitespace();
        let Some(alpha) = words.next() else { return Ok(()) };
        let alpha: f64 =
            alpha.parse().map_err(|_| format!("expected a number, found `{alpha}`"))?;
        for word in words {
            let (id, value) =
                word.split_once(':').ok_or_else(|| format!("expected id:value, found `{word}`"))?;
            if id == "qid" {
                continue;
            }
            match (id.parse(), value.parse::<f64>()) {
                (Ok(id), Ok(value)) => self.w.push((id, alpha * value)),
                _ => return Err(format!("expected id:value, found `{word}`")),
            }
        }
        Ok(())
    }

    /// A number of the head by the beginning of its name.
    fn number(&self, name: &str) -> Result<f64, String> {
        let found = self.head.iter().find(|(known, _)| known.starts_with(name));
        found
            .map(|&(_, value)| value)
            .ok_or_else(|| format!("expected `{name}` in the head of the model"))
    }

    /// The weights of SVM^multiclass: feature f of class y has the id (y − 1) · F + f. Its loss is
    /// 100 for a mistake, so that its weights are 100 times those of a loss of 1.
    ///
    /// # Errors
    /// Labels and features that the task does not have.
    pub fn place_multiclass(&self, task: &Multiclass) -> Result<Vec<f64>, String> {
        let (mut w, k) = (vec![0.0; task.dim()], task.classes().len());
        let features = self.number("number of base features")? as usize;
        for &(id, value) in &self.w {
            let (class, row) = split(id, 1, features)?;
            let class = class_of(task.classes(), &(class + 1).to_string())?;
            let feature = match task.bias() {
                // The files for it have the bias as one more feature.
                Some(_) if row + 1 == features => Some(task.features().len()),
                _ => index_of(task.features(), row + 1, true)?,
            };
            if let Some(feature) = feature {
                w[feature * k + class] += value / 100.0;
            }
        }
        Ok(w)
    }

    /// The weights of SVM^hmm with transitions of order 1 and emissions of order 0: a before b has
    /// the id a · K + b, feature f at tag y has 1 + K + K² + y · F + f, tags counted from 1.
    ///
    /// # Errors
    /// Other orders; tags and features that the task does not have.
    pub fn place_sequence(&self, task: &Sequence) -> Result<Vec<f64>, String> {
        let (mut w, k) = (vec![0.0; task.dim()], task.tags().len());
        let Features::Ids(ids) = task.features() else {
            return Err("expected features by number".to_owned());
        };
        let orders =
            (self.number("HMM order of transitions")?, self.number("HMM order of emissions")?);
        if orders != (1.0, 0.0) || task.orders() != (1, 0) {
            return Err("expected transitions of order 1 and emissions of order 0".to_owned());
        }
        let (tags, features) = (
            self.number("number of classes")? as usize,
            self.number("number of emission")? as usize,
        );
        if tags == 0 {
            return Err("expected at least one class".to_owned());
        }
        let tag = |tag: usize| class_of(task.tags(), &tag.to_string());
        let emissions = 1 + tags + tags * tags;
        for &(id, value) in &self.w {
            if id < emissions {
                // Codes are digits from 1 to K: the last digit of a · K + K is K.
                let last = id.checked_sub(1).ok_or("there is no weight 0")? % tags + 1;
                let first = (id - last) / tags;
                w[k * ids.len() + tag(first)? * k + tag(last)?] += value;
            } else {
                let (y, row) = split(id, emissions + 1, features)?;
                if let Some(feature) = index_of(ids, row + 1, true)? {
                    w[feature * k + tag(y)?] += value;
                }
            }
        }
        Ok(w)
    }

    /// The weights of SVM^rank: a feature has its own id.
    ///
    /// # Errors
    /// Features that the task does not have.
    pub fn place_ranking(&self, task: &Ranking) -> Result<Vec<f64>, String> {
        let mut w = vec![0.0; task.dim()];
        for &(id, value) in &self.w {
            if let Some(feature) = index_of(task.features(), id, true)? {
                w[feature] += value;
            }
        }
        Ok(w)
    }
}

/// An id as a block and a place in it, both from 0, where the first id is `first` and blocks have
/// so many.
fn split(id: usize, first: usize, width: usize) -> Result<(usize, usize), String> {
    let at = id.checked_sub(first).filter(|_| width > 0);
    at.map(|at| (at / width, at % width)).ok_or_else(|| format!("there is no weight {id}"))
}

/// A model of CRFsuite as `crfsuite dump` prints it, with six decimals.
#[derive(Clone, Debug, PartialEq)]
pub struct Crfsuite {
    /// A tag, the tag after it, and their weight.
    transitions: Vec<(String, String, f64)>,
    /// An attribute, a tag, and their weight.
    states: Vec<(String, String, f64)>,
}

impl Crfsuite {
    /// Reads the text of a model.
    ///
    /// # Errors
    /// What is missing or is no number.
    pub fn parse(text: &str) -> Result<Self, String> {
        let section = |name: &str| -> Result<Vec<_>, String> {
            let (_, rest) = text
                .split_once(&format!("\n{name} = {{\n"))
                .ok_or_else(|| format!("expected a section `{name}`, found none"))?;
            rest.lines().take_while(|line| *line != "}").map(Self::weight).collect()
        };
        Ok(Self { transitions: section("TRANSITIONS")?, states: section("STATE_FEATURES")? })
    }

    /// Reads `  (0) NAME --> TAG: weight`.
    fn weight(line: &str) -> Result<(String, String, f64), String> {
        let parts = || {
            let (_, rest) = line.trim_start().split_once(' ')?;
            let (names, weight) = rest.rsplit_once(": ")?;
            let (from, to) = names.rsplit_once(" --> ")?;
            Some((from.to_owned(), to.to_owned(), weight.parse().ok()?))
        };
        parts().ok_or_else(|| format!("expected `(N) NAME --> TAG: weight`, found `{line}`"))
    }

    /// The same weights where `task` has them. Pairs that the model does not have are 0.
    ///
    /// # Errors
    /// Other orders than those of CRFsuite; tags and attributes that the task does not have.
    pub fn place(&self, task: &Sequence) -> Result<Vec<f64>, String> {
        let (mut w, k) = (vec![0.0; task.dim()], task.tags().len());
        let Features::Names(names) = task.features() else {
            return Err("expected features by name".to_owned());
        };
        if task.orders() != (1, 0) {
            return Err("expected transitions of order 1 and emissions of order 0".to_owned());
        }
        let tag = |tag: &str| {
            task.tags().index(tag).ok_or_else(|| format!("the task has no tag `{tag}`"))
        };
        for (from, to, weight) in &self.transitions {
            w[k * names.len() + tag(from)? * k + tag(to)?] = *weight;
        }
        for (name, to, weight) in &self.states {
            let feature =
                names.index(name).ok_or_else(|| format!("the task has no feature `{name}`"))?;
            w[feature as usize * k + tag(to)?] = *weight;
        }
        Ok(w)
    }
}

/// Weights as the scripts for Python write them: 64-bit numbers, little-endian, where the task has
/// them.
///
/// # Errors
/// Another number of weights.
pub fn raw(bytes: &[u8], dim: usize) -> Result<Vec<f64>, String> {
    let (words, rest) = bytes.as_chunks::<8>();
    match rest.is_empty() && words.len() == dim {
        true => Ok(words.iter().map(|&word| f64::from_le_bytes(word)).collect()),
        false => Err(format!("expected {dim} weights, found {} bytes", bytes.len())),
    }
}

/// The text of a model file, with its name before what is wrong with it.
///
/// # Errors
/// A file that cannot be read, and those of `parse`.
pub fn open<T>(path: &Path, parse: impl Fn(&str) -> Result<T, String>) -> Result<T, RaceError> {
    let text = fs::read_to_string(path).map_err(RaceError::at(path))?;
    parse(&text).map_err(|message| RaceError::Data(format!("{}: {message}", path.display())))
}

#[cfg(test)]
mod tests {
    use crosscut::Rescaling;
    use crosscut_app::{Options, Source, define};
    use crosscut_sequence::SequenceFiles;

    use super::*;

    #[test]
    fn models_of_liblinear_are_read_and_placed() {
        let text = "solver_type MCSVM_CS\nnr_class 3\nlabel 3 1 2\nnr_feature 2\nbias 1\nw\n1 2 3 \n4 5 -6e-1 \n7 8 9 \n";
        let model = Liblinear::parse(text).unwrap();
        let labels = Labels::collect(["1", "2", "3"]);
        let task = Multiclass::new(labels.clone(), FeatureIds::Contiguous(2)).unwrap();
        let with_bias = task.clone().with_bias(Some(1.0)).unwrap();
        assert_eq!(
            model.place(&with_bias).unwrap(),
            [2.0, 3.0, 1.0, 5.0, -0.6, 4.0, 8.0, 9.0, 7.0]
        );
        assert!(model.place(&task).unwrap_err().contains("bias"));
        let fewer = Multiclass::new(labels, FeatureIds::Contiguous(1))
            .unwrap()
            .with_bias(Some(1.0))
            .unwrap();
        assert_eq!(model.place(&fewer).unwrap_err(), "the task has no feature 2");
    }

    #[test]
    fn bad_models_of_liblinear_are_refused() {
        let table = [
            ("", "a line `w`"),
            ("label 1\nw\n1", "a line `nr_feature`"),
            ("label 1 2\nnr_feature 2\nbias -1\nw\n1 2 3", "expected 4 weights, found 3"),
            ("label 1 2\nnr_feature 1\nbias -1\nw\n1 x", "expected a weight, found `x`"),
            (
                "label 1 2\nnr_feature x\nbias -1\nw\n1 2",
                "expected a number after `nr_feature`, found `x`",
            ),
        ];
        for (text, expected) in table {
            let message = Liblinear::parse(text).unwrap_err();
            assert!(message.contains(expected), "{message}");
        }
    }

    fn model(kind: &str, line: &str) -> SvmStruct {
        let kernel = "0 # kernel type\n3 # kernel parameter -d \nempty# kernel parameter -u \n";
        let end = "2 # number of support vectors plus 1 \n0 # threshold b, each following line is a SV (starting with \
                   alpha*y)\n";
        SvmStruct::parse(&format!("SVM Version V1\n{kind}{kernel}{end}{line}\n")).unwrap()
    }

    #[test]
    fn models_of_svm_struct_are_read_and_placed() {
        let task =
            Multiclass::new(Labels::collect(["1", "2", "3"]), FeatureIds::Contiguous(2)).unwrap();
        let found = model(
            "3 # number of classes\n2 # number of base features\n",
            "1 qid:0 1:50 4:200 5:-300 #",
        );
        assert_eq!(found.version, "SVM Version V1");
        assert_eq!(found.place_multiclass(&task).unwrap(), [0.5, 0.0, -3.0, 0.0, 2.0, 0.0]);

        // The bias is the last base feature.
        let found =
            model("3 # number of classes\n3 # number of base features\n", "200 3:0.5 4:1 #");
        let task = task.with_bias(Some(1.0)).unwrap();
        assert_eq!(
            found.place_multiclass(&task).unwrap(),
            [0.0, 2.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0]
        );

        // K = 3, F = 2: (1, 2) is 5, (3, 1) is 10, tag 1 with feature 1 is 16, tag 3 with feature 2
        // is 21.
        let task = Sequence::new(
            Labels::collect(["1", "2", "3"]),
            Features::Ids(FeatureIds::Contiguous(2)),
        )
        .unwrap();
        let head = "2 # number of emission features \n3 # number of classes \n1 # HMM order of transitions \n0 # HMM order \
                    of emissions \n";
        let w = model(head, "1 4:9 5:1 10:2 16:3 21:4 #").place_sequence(&task).unwrap();
        let mut expected = vec![3.0, 0.0, 0.0, 0.0, 0.0, 4.0];
        expected.extend([9.0, 1.0, 0.0, 0.0, 0.0, 0.0, 2.0, 0.0, 0.0]);
        assert_eq!(w, expected);

        let task = Ranking::new(FeatureIds::Contiguous(3));
        assert_eq!(model("", "1 3:-1 #").place_ranking(&task).unwrap(), [0.0, 0.0, -1.0]);
        assert_eq!(model("", "1 #").place_ranking(&task).unwrap(), [0.0; 3]);
        assert!(model("", "1 4:1 #").place_ranking(&task).is_err());
    }

    #[test]
    fn bad_models_of_svm_struct_are_refused() {
        let good = "V\n0 # kernel type\n0 # threshold b\n";
        let table = [
            ("V\n2 # kernel type\n0 # threshold b\n".to_owned(), "linear"),
            ("V\n0 # kernel type\n1 # threshold b\n".to_owned(), "threshold"),
            ("V\nwhat\n".to_owned(), "number # name"),
            (format!("{good}x 1:1 #"), "expected a number, found `x`"),
            (format!("{good}1 1:x #"), "expected id:value, found `1:x`"),
        ];
        for (text, expected) in table {
            let message = SvmStruct::parse(&text).unwrap_err();
            assert!(message.contains(expected), "{message}");
        }
    }

    #[test]
    fn models_of_crfsuite_are_read_and_placed() {
        let text = |states: &str| {
            format!(
                "LABELS = {{\n      0: b\n}}\n\nTRANSITIONS = {{\n  (1) b --> a: 0.500000\n}}\n\n\
                 STATE_FEATURES = {{\n{states}}}\n\n"
            )
        };
        let file = "a\tw=x\nb\tw\\: --> y\n";
        let mut options = Options::new(Rescaling::Margin, None);
        options.set("format", "crfsuite");
        let source = Source::from_text("file", file.to_owned());
        let task = define::<SequenceFiles>(&options, source).map(|training| training.task);
        let task = task.unwrap();
        let placed = |states: &str| Crfsuite::parse(&text(states))?.place(&task);
        // Two features at two tags, then transitions: from a, from b.
        let w = placed("  (0) w=x --> a: -1.000000\n  (0) w: --> y --> b: 2.000000\n");
        assert_eq!(w.unwrap(), [-1.0, 0.0, 0.0, 2.0, 0.0, 0.0, 0.5, 0.0]);
        let table = [
            ("  (0) w=z --> a: 1.0\n", "no feature `w=z`"),
            ("  (0) w=x --> c: 1.0\n", "no tag `c`"),
            ("  (0) w=x --> a: x\n", "NAME --> TAG: weight"),
        ];
        for (states, expected) in table {
            let message = placed(states).unwrap_err();
            assert!(message.contains(expected), "{message}");
        }
        assert!(Crfsuite::parse("").unwrap_err().contains("`TRANSITIONS`"));
    }

    #[test]
    fn raw_weights_must_be_as_many_as_the_task_has() {
        let bytes: Vec<u8> =
            [1.0, -2.0].iter().flat_map(|value: &f64| value.to_le_bytes()).collect();
        assert_eq!(raw(&bytes, 2).unwrap(), [1.0, -2.0]);
        assert!(raw(&bytes, 3).is_err() && raw(&bytes[..15], 2).is_err());
    }
}
