//! `new`: what it writes, what it refuses, and that the package builds, passes its tests and trains.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, and so do its helpers")]

#[path = "../../new/src/lib.rs"]
mod my_structure;

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::common::Home;

/// The tests of the package, on the package as it is in the sources of the program.
mod laws {
    use super::my_structure;

    include!("../../new/tests/laws.rs");
}

/// The files of the package in the sources, and in a package.
const FILES: [(&str, &str); 10] = [
    ("package.toml", "Cargo.toml"),
    ("gitignore", ".gitignore"),
    ("README.md", "README.md"),
    ("src/lib.rs", "src/lib.rs"),
    ("src/task.rs", "src/task.rs"),
    ("src/format.rs", "src/format.rs"),
    ("src/main.rs", "src/main.rs"),
    ("tests/laws.rs", "tests/laws.rs"),
    ("data/train.txt", "data/train.txt"),
    ("data/test.txt", "data/test.txt"),
];

fn crates() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

#[test]
fn a_package_is_the_one_in_the_sources_with_another_name() {
    let home = Home::new();
    // A name that has the old one in it.
    for name in ["gene-finder", "my_structure2", "x"] {
        let out = home.succeeds(&["new", &format!("deep/er/{name}")]).out;
        assert!(out.contains(name) && out.contains("README.md"), "{out}");
        let library = name.replace('-', "_");
        for (source, written) in FILES {
            let source = crates().join("crosscut-cli/new").join(source);
            let text = fs::read_to_string(source).unwrap();
            let text = text.replace("my_structure", &library).replace("my-structure", name);
            let path = format!("\"{}/", crates().display());
            let text = text.replace("\"../../", &path);
            assert_eq!(home.text(&format!("deep/er/{name}/{written}")), text, "{written}");
        }
    }
    // The crates of another checkout, by their folder or by the one above.
    fs::create_dir_all(home.path("other/crates/crosscut-app")).unwrap();
    home.write("other/crates/crosscut-app/Cargo.toml", "");
    for (name, given) in [("one", "other"), ("two", "other/crates")] {
        home.succeeds(&["new", name, "--crates", given]);
        let manifest = home.text(&format!("{name}/Cargo.toml"));
        assert!(manifest.contains("other/crates/crosscut-cli\" }"), "{manifest}");
    }
}

#[test]
fn bad_names_and_folders_are_refused_and_nothing_is_written() {
    let home = Home::new();
    home.write("file", "");
    fs::create_dir_all(home.path("full")).unwrap();
    home.write("full/file", "");
    fs::create_dir_all(home.path("empty")).unwrap();
    let name = "expected a name of small letters, digits";
    let table: [(&[&str], &str); 12] = [
        (&["new", "Tagger"], name),
        (&["new", "1st"], name),
        (&["new", ".."], name),
        (&["new", ""], ""),
        (&["new", "two words"], name),
        (&["new", "überall"], name),
        (&["new", "fn"], "`fn` is the name of something else for Rust or cargo"),
        (&["new", "crosscut"], "`crosscut` is the name of something else"),
        (&["new", "full"], "full: expected a new or empty folder, found one with files"),
        (&["new", "file"], "file: cannot be written"),
        (&["new", "file/below"], "cannot be written"),
        (&["new", "tagger", "--crates", "full"], "--crates expects the folder of the crates"),
    ];
    for (arguments, message) in table {
        let run = home.run(arguments);
        assert_ne!(run.code, 0, "{arguments:?}");
        assert!(run.err.contains(message), "{arguments:?}: {}", run.err);
    }
    assert!(!home.path("tagger").exists() && !home.path("Tagger").exists());
    home.succeeds(&["new", "empty"]);
    assert_ne!(home.run(&["new", "empty"]).code, 0);
}

/// The package in a folder of its own, as its README says. It costs a build.
#[test]
fn a_package_builds_passes_its_tests_and_trains() {
    if std::env::var_os("CROSSCUT_SLOW_TESTS").is_none() {
        return;
    }
    let home = Home::new();
    home.succeeds(&["new", "gene-finder"]);
    // The versions of the workspace, which are there without a network.
    let lock = crates().with_file_name("Cargo.lock");
    fs::copy(lock, home.path("gene-finder/Cargo.lock")).unwrap();
    let readme = home.text("gene-finder/README.md");
    let (_, block) = readme.split_once("```sh\n").unwrap();
    let (commands, _) = block.split_once("```").unwrap();
    for command in commands.lines() {
        let words = command.replace("--release ", "");
        let mut words = words.split(' ');
        assert_eq!(words.next(), Some("cargo"));
        let verb = words.next().unwrap();
        let run = Command::new(env!("CARGO"))
            .args([verb, "--offline"])
            .args(words)
            .current_dir(home.path("gene-finder"))
            .env("CARGO_TARGET_DIR", Path::new(env!("CARGO_TARGET_TMPDIR")).join("new"))
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&run.stderr);
        assert!(run.status.success(), "{command}: {text}");
        if command.contains("learn") {
            assert!(text.contains("converged"), "{text}");
        }
    }
}
