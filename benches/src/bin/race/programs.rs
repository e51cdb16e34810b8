//! The programs of the race: where they are, and which version they are of.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    /// This project's.
    Crosscut,
    /// `liblinear-train` or `train`, `-s 4`.
    Liblinear,
    /// `svm_multiclass_learn`.
    SvmMulticlass,
    /// `svm_hmm_learn`.
    SvmHmm,
    /// `svm_rank_learn`.
    SvmRank,
    /// `crfsuite`.
    Crfsuite,
    /// dlib in Python.
    Dlib,
    /// scikit-learn in Python: LIBLINEAR's code on its arrays.
    ScikitLearn,
    /// XGBoost in Python, the linear booster.
    Xgboost,
    /// LightGBM in Python: trees, as it has no linear ranker.
    LightGbm,
}

use Program::*;

impl Program {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Crosscut,
        Liblinear,
        SvmMulticlass,
        SvmHmm,
        SvmRank,
        Crfsuite,
        Dlib,
        ScikitLearn,
        Xgboost,
        LightGbm,
    ];

    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Crosscut => "Crosscut",
            Liblinear => "LIBLINEAR",
            SvmMulticlass => "SVM^multiclass",
            SvmHmm => "SVM^hmm",
            SvmRank => "SVM^rank",
            Crfsuite => "CRFsuite",
            Dlib => "dlib",
            ScikitLearn => "scikit-learn",
            Xgboost => "XGBoost",
            LightGbm => "LightGBM",
        }
    }

    /// The names of the file that is run, or of the module.
    pub fn files(self) -> &'static [&'static str] {
        match self {
            Crosscut => &["crosscut"],
            Liblinear => &["liblinear-train", "train"],
            SvmMulticlass => &["svm_multiclass_learn"],
            SvmHmm => &["svm_hmm_learn"],
            SvmRank => &["svm_rank_learn"],
            Crfsuite => &["crfsuite"],
            Dlib => &["dlib"],
            ScikitLearn => &["sklearn"],
            Xgboost => &["xgboost"],
            LightGbm => &["lightgbm"],
        }
    }

    fn in_python(self) -> bool {
        matches!(self, Dlib | ScikitLearn | Xgboost | LightGbm)
    }
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A program on this machine.
#[derive(Clone, Debug)]
pub struct Found {
    /// Which one.
    pub program: Program,
    /// The file that is run: for peers in Python that of Python.
    pub path: PathBuf,
    /// What it says about itself.
    pub version: String,
}

/// Where to look.
#[derive(Clone, Debug)]
pub struct Places {
    /// Folders before those of PATH.
    pub bin: Vec<PathBuf>,
    /// Python.
    pub python: PathBuf,
    /// The script that peers in Python are run by.
    pub script: PathBuf,
}

impl Places {
    /// The file of this name, beside this program if it is Crosscut.
    fn file(&self, program: Program) -> Option<PathBuf> {
        let beside = std::env::current_exe().ok().and_then(|path| Some(path.parent()?.to_owned()));
        let on_path: Vec<PathBuf> =
            std::env::var_os("PATH").iter().flat_map(std::env::split_paths).collect();
        let folders: Vec<PathBuf> = match program {
            Crosscut => beside.into_iter().collect(),
            _ => self.bin.iter().cloned().chain(on_path).collect(),
        };
        let suffix = std::env::consts::EXE_SUFFIX;
        let files = folders.iter().flat_map(|folder| {
            program.files().iter().map(move |name| folder.join(format!("{name}{suffix}")))
        });
        files.into_iter().find(|path| path.is_file())
    }

    /// Looks for a program.
    pub fn find(&self, program: Program) -> Option<Found> {
        let (path, version) = if program.in_python() {
            let mut check = Command::new(&self.python);
            check.arg(&self.script).args(["version", program.files()[0]]);
            (self.python.clone(), first_line(&said(&mut check)?)?)
        } else {
            let path = self.file(program)?;
            let version = version(program, &path).unwrap_or_else(|| "version unknown".to_owned());
            (path, version)
        };
        Some(Found { program, path, version })
    }
}

/// Builds the program `crosscut` beside this one, so that an old one is never measured. Without
/// cargo or the sources there stays what is there.
pub fn build_crosscut() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("Cargo.toml");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command
        .args([
            "build",
            "--quiet",
            "--release",
            "--locked",
            "-p",
            "crosscut-cli",
            "--manifest-path",
        ])
        .arg(folder);
    let _ = command.stdin(Stdio::null()).status();
}

/// What a program prints, if it ends well.
pub fn said(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

fn first_line(text: &str) -> Option<String> {
    text.lines().map(str::trim).find(|line| !line.is_empty()).map(str::to_owned)
}

fn version(program: Program, path: &Path) -> Option<String> {
    match program {
        Crosscut => first_line(&said(Command::new(path).arg("--version"))?),
        SvmMulticlass | SvmHmm | SvmRank => {
            // Without arguments they print a banner: `…, V3.10, 14.08.08`.
            let text = said(&mut Command::new(path))?;
            let word = text.split([' ', ',', '\n', ':']).find(|word| is_version(word))?;
            Some(word.to_owned())
        }
        Crfsuite => {
            let text = said(Command::new(path).arg("--help"))?;
            text.split_whitespace()
                .find(|word| word.starts_with(|first: char| first.is_ascii_digit()))
                .map(str::to_owned)
        }
        // It does not say; where a package of the system brought it, that one does.
        _ => {
            let owner = said(Command::new("dpkg-query").arg("-S").arg(path))?;
            let package = owner.split(':').next()?.to_owned();
            said(Command::new("dpkg-query").args(["-W", "-f", "${Package} ${Version}", &package]))
        }
    }
}

fn is_version(word: &str) -> bool {
    word.strip_prefix('V')
        .is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_digit()))
}
