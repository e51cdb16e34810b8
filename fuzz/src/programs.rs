//! The programs of SVM^struct: their text models, their files, their flags.

use std::ffi::OsString;
use std::fs;
use std::path::Path;

use crosscut_app::Error;

use crate::case::{Case, blame};

const PROGRAMS: [&str; 4] = ["svm_multiclass", "svm_hmm", "svm_rank", "svm_proprank"];

/// A text model, for each of the programs.
pub fn model(bytes: &[u8]) {
    let home = tempfile::tempdir().expect("a folder for temporary files");
    let path = |name: &str| home.path().join(name);
    fs::write(path("model"), bytes).expect("temporary files can be written");
    fs::write(path("test"), "1 qid:1 1:1 2:-3\n2 qid:1 7:1e10\n1 qid:2\n")
        .expect("temporary files can be written");
    for program in PROGRAMS {
        if let Err(error) = call(
            &format!("{program}_classify"),
            &[],
            &[&path("test"), &path("model"), &path("out")],
        ) {
            assert!(matches!(error, Error::Line { .. } | Error::File { .. }), "{error}");
            blame(&error, bytes);
        }
    }
}

/// A file of examples and flags: what is learned must be of use.
pub fn learn(bytes: &[u8]) {
    let case = Case::new(bytes);
    // As many classes as the largest label says, and no limit to passes: with many of them that
    // takes long.
    let label = |line: &[u8]| {
        String::from_utf8_lossy(line)
            .split_whitespace()
            .next()
            .and_then(|word| word.parse::<f64>().ok())
    };
    if case
        .text
        .split(|&byte| byte == b'\n')
        .filter_map(label)
        .any(|label| label > 100.0 && label < 1e9)
    {
        return;
    }
    let program = PROGRAMS
        .into_iter()
        .find(|name| case.get("program") == name.strip_prefix("svm_"))
        .unwrap_or(PROGRAMS[0]);
    let home = tempfile::tempdir().expect("a folder for temporary files");
    let path = |name: &str| home.path().join(name);
    fs::write(path("train"), case.text).expect("temporary files can be written");
    let mut flags: Vec<OsString> = Vec::new();
    for (name, value) in case.words.iter().filter(|(name, _)| name != "program") {
        // Never a file that the input names, and always a flag.
        let flag = format!("-{name}");
        let value = if flag == "-a" { path("alphas").into_os_string() } else { value.into() };
        if flag != "-" {
            flags.extend([flag.into(), value]);
        }
    }
    match call(&format!("{program}_learn"), &flags, &[&path("train"), &path("model")]) {
        Err(error) => blame(&error, case.text),
        // With -? nothing is learned.
        Ok(()) if !path("model").exists() => {}
        Ok(()) => {
            let classified = call(
                &format!("{program}_classify"),
                &[],
                &[&path("train"), &path("model"), &path("out")],
            );
            classified
                .unwrap_or_else(|error| panic!("the model that was written is refused: {error}"));
            let lines =
                fs::read_to_string(path("out")).expect("predictions are text").lines().count();
            assert!(lines > 0, "there are predictions");
        }
    }
}

fn call(program: &str, flags: &[OsString], files: &[&Path]) -> Result<(), Error> {
    let mut words: Vec<OsString> = vec![program.into(), "-v".into(), "0".into()];
    if !flags.is_empty() {
        words.extend(flags.iter().cloned());
        words.extend(["-v".into(), "0".into()]);
    } else if program.ends_with("learn") {
        words.extend(["-c".into(), "1".into()]);
    }
    words.extend(files.iter().map(|file| file.as_os_str().to_owned()));
    let (name, result) = crosscut_svmstruct::call(&words, || None).expect("the program is known");
    assert_eq!(name, program);
    result.map(drop)
}
