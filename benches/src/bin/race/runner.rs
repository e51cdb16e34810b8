//! [`Runner`]: how a program is called for a task, what it leaves behind, and what it says
//! ([`told`]).

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use crosscut::C;
use serde_json::Value;

use crate::error::RaceError;
use crate::files::{self, Prepared};
use crate::problem::{Kind, Left};
use crate::programs::Program::{self, *};
use crate::programs::{Found, said};

/// What a program is to learn.
#[derive(Clone, Debug)]
pub struct Job<'a> {
    /// What is predicted.
    pub kind: Kind,
    /// C.
    pub c: C,
    /// Number of training examples.
    pub examples: usize,
    /// The files.
    pub files: &'a Prepared,
    /// Where models and the like go.
    pub folder: &'a Path,
    /// Threads for those that can be told, 0 for all cores.
    pub cores: usize,
}

/// A program with a setting, ready to run.
#[derive(Clone, Debug)]
pub struct Runner {
    /// The program.
    pub found: Found,
    /// What is predicted.
    pub kind: Kind,
    /// How it is set.
    pub setting: String,
    /// The file that is run.
    pub path: PathBuf,
    /// Its arguments.
    pub arguments: Vec<OsString>,
    /// Where its model goes.
    pub model: PathBuf,
    /// Where Crosscut writes its passes.
    pub log: PathBuf,
}

impl Runner {
    /// Makes a program ready.
    ///
    /// # Errors
    /// Files that cannot be made for it.
    pub fn new(
        found: &Found,
        setting: &str,
        job: &Job<'_>,
        script: &Path,
    ) -> Result<Self, RaceError> {
        let Found { program, path, .. } = found;
        let Job { kind, c, examples, files, folder, cores } = *job;
        let (model, log) = (folder.join("model"), folder.join("log"));
        let (mean, sum) = (c.mean(examples), c.sum(examples));
        let bias = if let Kind::Multiclass(bias) = kind { bias } else { None };
        let mut train = files.train.clone();
        let mut line: Vec<OsString> = Vec::new();
        let mut say = |words: &[&str]| line.extend(words.iter().map(OsString::from));
        let setting_words: Vec<&str> = setting.split_whitespace().collect();
        match program {
            Crosscut => {
                say(&["learn", kind.name()]);
                match c {
                    C::Mean(c) => say(&["-c", &c.to_string()]),
                    C::Sum(c) => say(&["--c-sum", &c.to_string()]),
                }
                say(&kind.arguments().iter().map(String::as_str).collect::<Vec<_>>());
                say(&setting_words);
                say(&["--threads", &cores.to_string(), "-v", "0", "--json", "--log"]);
                line.push(log.clone().into());
            }
            Liblinear => {
                say(&["-s", "4", "-c", &sum.to_string()]);
                if let Some(bias) = bias {
                    say(&["-B", &bias.to_string()]);
                }
                say(&setting_words);
            }
            SvmMulticlass => {
                // Its loss is 100 for a mistake. It has no bias.
                if let Some(bias) = bias {
                    train = folder.join("with.bias");
                    files::with_bias(&files.train, bias, &train)?;
                }
                say(&["-c", &(100.0 * mean).to_string()]);
                say(&setting_words);
            }
            SvmHmm | SvmRank => {
                say(&["-c", &mean.to_string()]);
                say(&setting_words);
            }
            Crfsuite => {
                say(&["learn"]);
                say(&setting_words);
                say(&["-m"]);
                line.push(model.clone().into());
                line.extend(files.named.iter().map(|(train, _)| train.into()));
            }
            Dlib | ScikitLearn | Xgboost | LightGbm => {
                line.push(script.into());
                let say = &mut |words: &[&str]| line.extend(words.iter().map(OsString::from));
                say(&["learn", program.files()[0], kind.name()]);
                say(&[
                    &format!("c_mean={mean}"),
                    &format!("c_sum={sum}"),
                    &format!("cores={cores}"),
                ]);
                if let Some(bias) = bias {
                    say(&[&format!("bias={bias}")]);
                }
                say(&setting_words);
            }
        }
        if *program != Crfsuite {
            line.extend([train.into(), model.clone().into()]);
        }
        Ok(Self {
            found: found.clone(),
            kind,
            setting: setting.to_owned(),
            path: path.clone(),
            arguments: line,
            model,
            log,
        })
    }

    /// Program and setting in one line.
    pub fn label(&self) -> String {
        format!("{} {}", self.found.program, self.setting)
    }

    /// What it leaves behind, if that are weights.
    pub fn left(&self) -> Option<Left<'_>> {
        match self.found.program {
            Crosscut => Some(Left::Own(&self.model)),
            Liblinear => Some(Left::Liblinear(&self.model)),
            SvmMulticlass | SvmHmm | SvmRank => Some(Left::SvmStruct(&self.model)),
            Dlib | ScikitLearn => Some(Left::Raw(&self.model)),
            Crfsuite if self.kind == Kind::Crf => Some(Left::Crfsuite(&self.path, &self.model)),
            Crfsuite | Xgboost | LightGbm => None,
        }
    }

    /// The arguments with which it predicts the test examples with its model, if predicting is
    /// compared too: where all programs read the same files.
    pub fn predicting(&self, files: &Prepared, cores: usize) -> Option<Vec<OsString>> {
        let words = |words: &[&str]| words.iter().map(OsString::from).collect::<Vec<_>>();
        let (model, test) = (self.model.clone().into(), files.test.clone().into());
        match self.found.program {
            _ if self.kind != Kind::Crf => None,
            Crosscut => {
                let begin = words(&["classify", "--threads", &cores.to_string(), "-v", "0"]);
                let out = self.model.with_extension("predictions").into();
                Some([begin, vec![test, model, out]].concat())
            }
            Crfsuite => Some([words(&["tag", "-m"]), vec![model, test]].concat()),
            _ => None,
        }
    }

    /// The predictions of a model that has no weights to compare, as text: a line for each test
    /// example.
    pub fn predictions(&self, kind: Kind, files: &Prepared, script: &Path) -> Option<String> {
        let mut command = Command::new(&self.path);
        match self.found.program {
            Crfsuite => command.args(["tag", "-m"]).arg(&self.model).arg(&files.named.as_ref()?.1),
            Xgboost | LightGbm => {
                command.arg(script).args(["predict", self.found.program.files()[0], kind.name()]);
                command.arg(&files.test).arg(&self.model)
            }
            _ => return None,
        };
        said(&mut command)
    }
}

/// What a program told about its training.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Told {
    /// Exact passes: oracle calls for each example, or what the program calls iterations over them.
    pub passes: Option<f64>,
    /// Seconds of training alone, reading not included.
    pub training: Option<f64>,
    /// Of these inside oracles.
    pub oracles: Option<f64>,
    /// The lower bound on P\* that a run of Crosscut certifies.
    pub dual: Option<f64>,
}

/// Reads what a program printed.
pub fn told(program: Program, output: &str, examples: usize) -> Told {
    let after = |text: &str| -> Option<f64> {
        let rest = output.rsplit_once(text)?.1.trim_start();
        let end =
            rest.find(|c: char| !(c.is_ascii_digit() || ".-+e".contains(c))).unwrap_or(rest.len());
        rest[..end].parse().ok()
    };
    let json = |text: &str| serde_json::from_str::<Value>(text).unwrap_or(Value::Null);
    match program {
        Crosscut => {
            let answer = json(output.find('{').map_or("", |at| &output[at..]));
            let number = |name: &str| answer[name].as_f64();
            let [passes, training] = ["passes", "seconds"].map(number);
            Told { passes, training, oracles: number("oracle_seconds"), dual: number("dual") }
        }
        Liblinear => Told { passes: after("#iter ="), ..Told::default() },
        SvmMulticlass | SvmHmm | SvmRank => Told {
            passes: after("'find_most_violated_constraint':")
                .map(|calls| calls / examples.max(1) as f64),
            training: after("Runtime in cpu-seconds:"),
            ..Told::default()
        },
        Crfsuite => Told {
            passes: after("***** Iteration #"),
            training: after("Total seconds required for training:"),
            ..Told::default()
        },
        Dlib | ScikitLearn | Xgboost | LightGbm => {
            let answer = json(output.lines().last().unwrap_or_default());
            Told {
                passes: answer["passes"].as_f64(),
                training: answer["seconds"].as_f64(),
                ..Told::default()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_programs_print_is_read() {
        let svm = "Iter 1: .\nNumber of calls to 'find_most_violated_constraint': 30\nRuntime in cpu-seconds: 1.25\n";
        let crosscut =
            "{\n \"passes\": 14.0, \"dual\": 1.5,\n \"seconds\": 2.0, \"oracle_seconds\": 1.0 }\n";
        let crf = "***** Iteration #1 *****\n***** Iteration #12 *****\nTotal seconds required for training: 3.5\n";
        let told_by = |program, text| {
            let told = told(program, text, 10);
            (told.passes, told.training)
        };
        assert_eq!(told_by(SvmRank, svm), (Some(3.0), Some(1.25)));
        assert_eq!(
            told_by(Liblinear, "..\noptimization finished, #iter = 42\n"),
            (Some(42.0), None)
        );
        assert_eq!(told_by(Crfsuite, crf), (Some(12.0), Some(3.5)));
        assert_eq!(told_by(Crosscut, crosscut), (Some(14.0), Some(2.0)));
        assert_eq!(told(Crosscut, crosscut, 1).dual, Some(1.5));
        assert_eq!(told_by(Dlib, "so\n{\"passes\": 3, \"seconds\": null}\n"), (Some(3.0), None));
        assert_eq!(told(Crosscut, "nothing", 1), Told::default());
    }
}
