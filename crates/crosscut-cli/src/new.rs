//! `new`: a package for a structure of one's own.
//!
//! The files are those of the folder `new/` of this crate, with another name.

use std::fs;
use std::path::{Path, PathBuf};

use crosscut_app::{Error, output};

use crate::Other;

/// The command `new DIR`, for the table of a program.
pub const NEW: Other = Other {
    name: "new",
    about: "Write a package for a structure of your own: it builds, passes its tests and trains",
    arguments: &[("DIR", "The folder to write; its last part names the package and the task")],
    options: &[(
        "crates",
        "The folder with the crates crosscut, crosscut-app and so on, such as crates/ of a checkout \
         [default: where this program was built, if it is still there; else the registry]",
    )],
    run: |arguments, options| {
        let [folder] = arguments else { return Ok(String::new()) };
        new(folder, options.first().and_then(Option::as_deref))
    },
};

/// The name of the package in the files; `my_structure` is its library.
const NAME: &str = "my-structure";

/// Every file of the package: its path, and its text.
const FILES: &[(&str, &str)] = &[
    ("Cargo.toml", include_str!("../new/package.toml")),
    (".gitignore", include_str!("../new/gitignore")),
    ("README.md", include_str!("../new/README.md")),
    ("src/lib.rs", include_str!("../new/src/lib.rs")),
    ("src/task.rs", include_str!("../new/src/task.rs")),
    ("src/format.rs", include_str!("../new/src/format.rs")),
    ("src/main.rs", include_str!("../new/src/main.rs")),
    ("tests/laws.rs", include_str!("../new/tests/laws.rs")),
    ("data/train.txt", include_str!("../new/data/train.txt")),
    ("data/test.txt", include_str!("../new/data/test.txt")),
];

/// Writes the package, and returns what to do next.
///
/// # Errors
/// A folder that is not empty or cannot be written, a name that no package may have, a folder without
/// the crates.
fn new(folder: &Path, crates: Option<&Path>) -> Result<String, Error> {
    let shown = folder.display().to_string();
    let name = package_name(folder).map_err(|message| Error::file(&shown, message))?;
    let source = crates_of(crates)?;
    match fs::read_dir(folder).map(|mut entries| entries.next().is_none()) {
        Ok(true) => {}
        Ok(false) => {
            let message = "expected a new or empty folder, found one with files";
            return Err(Error::file(shown, message));
        }
        // A link to nothing is there all the same.
        Err(_) if fs::symlink_metadata(folder).is_err() => {}
        Err(source) => return Err(Error::Write { file: shown, source }),
    }
    for (path, text) in FILES {
        let mut text = text.replace(&library(NAME), &library(name)).replace(NAME, name);
        if *path == "Cargo.toml" {
            text = with_dependencies(&text, source.as_deref());
        }
        let file = folder.join(path);
        let parent = file.parent().unwrap_or(folder);
        fs::create_dir_all(parent)
            .map_err(|source| Error::Write { file: parent.display().to_string(), source })?;
        output::replace(&file, |out| out.write_all(text.as_bytes()))?;
    }
    Ok(format!(
        "Wrote the package {name}. Next: cd {shown}, cargo test, and the commands of its README.md\n"
    ))
}

/// The name of a library with this package name.
fn library(package: &str) -> String {
    package.replace('-', "_")
}

/// The last part of the folder, if a package may have this name.
fn package_name(folder: &Path) -> Result<&str, String> {
    let name = folder.file_name().and_then(|name| name.to_str()).unwrap_or("");
    let is_word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_".contains(c);
    if !name.starts_with(|c: char| c.is_ascii_lowercase()) || !name.chars().all(is_word) {
        return Err("expected a name of small letters, digits, `-` and `_` that begins with a \
                    letter as the last part, such as my-tagger"
            .to_owned());
    }
    if name.len() > 64 {
        return Err(format!("expected a name of at most 64 characters, found {}", name.len()));
    }
    let library = library(name);
    if RESERVED.split(' ').any(|word| word == library) || library.starts_with("crosscut") {
        return Err(format!(
            "`{name}` is the name of something else for Rust or cargo: choose another"
        ));
    }
    Ok(name)
}

/// Keywords, crates that every package has or this one depends on, and folders of cargo.
const RESERVED: &str = "\
    abstract alloc as async await become box break build const continue core crate deps do \
    dyn else enum examples extern false final fn for gen if impl in incremental let loop \
    macro match mod move mut override priv proc_macro pub ref return self serde static std \
    struct super test trait true try type typeof union unsafe unsized use virtual where \
    while yield";

/// The folder of the crates: the one that is given, or that of the sources of this program, or none
/// if they are no longer there.
fn crates_of(given: Option<&Path>) -> Result<Option<PathBuf>, Error> {
    let has_them = |folder: &Path| folder.join("crosscut-app").join("Cargo.toml").is_file();
    let Some(given) = given else {
        let own = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
        return Ok(own.filter(|own| has_them(own)).map(Path::to_owned));
    };
    let folders = [given.to_owned(), given.join("crates")];
    let found = folders.into_iter().find(|folder| has_them(folder));
    let absolute = found.and_then(|folder| std::path::absolute(folder).ok());
    let usable = absolute.filter(|folder| folder.to_str().is_some());
    let expected = "the folder of the crates crosscut, crosscut-app and so on (in UTF-8)";
    usable.map(Some).ok_or_else(|| Error::option("--crates", expected, given.display()))
}

/// Replaces the paths of our crates, which are those of the folder `new/`.
fn with_dependencies(manifest: &str, crates: Option<&Path>) -> String {
    let line = |line: &str| match line.split_once(" = { path = \"../../") {
        None => format!("{line}\n"),
        Some((name, _)) => match crates.and_then(|crates| crates.join(name).to_str().map(toml)) {
            Some(path) => format!("{name} = {{ path = {path} }}\n"),
            None => format!("{name} = \"{}\"\n", env!("CARGO_PKG_VERSION")),
        },
    };
    manifest.lines().map(line).collect()
}

/// A string of TOML.
fn toml(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => quoted.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => quoted.push(c),
        }
    }
    quoted + "\""
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_packages() {
        for name in ["a", "my-tagger", "x_2", "tests", "my-structure"] {
            assert_eq!(package_name(&Path::new("some where").join(name)), Ok(name));
        }
        let bad = ["", ".", "..", "/", "a b", &"a".repeat(65)];
        let more = "Tagger 2nd -x _x naïve a.b fn test core proc-macro serde crosscut crosscut-app \
                    crosscut_data deps";
        for name in bad.into_iter().chain(more.split(' ')) {
            assert!(package_name(Path::new(name)).is_err(), "{name}");
        }
    }

    #[test]
    fn dependencies_have_a_path_or_a_version() {
        let manifest =
            "[dependencies]\ncrosscut-app = { path = \"../../crosscut-app\" }\nserde = \"1\"\n";
        let version = env!("CARGO_PKG_VERSION");
        assert_eq!(
            with_dependencies(manifest, None),
            format!("[dependencies]\ncrosscut-app = \"{version}\"\nserde = \"1\"\n")
        );
        let folder = Path::new("a \"b\" \\ c\n");
        let path = "\"a \\\"b\\\" \\\\ c\\u000A/crosscut-app\"";
        assert_eq!(
            with_dependencies(manifest, Some(folder)),
            format!("[dependencies]\ncrosscut-app = {{ path = {path} }}\nserde = \"1\"\n")
        );
    }
}
