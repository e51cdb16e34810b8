//! Checks that the links of the Markdown documents lead to a file, and to a heading if they name
//! one, that pages named in the code exist, and that every page of the book is in its contents.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Folders with documents, from the root of the repository.
const FOLDERS: [&str; 4] = ["", "docs", "datasets", "fuzz"];

/// The documents in a folder, sorted.
fn documents(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder of the repository");
    let paths = entries.map(|entry| entry.expect("a readable folder").path());
    let mut paths: Vec<PathBuf> =
        paths.filter(|path| path.extension().is_some_and(|ending| ending == "md")).collect();
    paths.sort();
    paths
}

/// The lines outside of fenced blocks, numbered from 1, without `code`.
fn prose(text: &str) -> impl Iterator<Item = (usize, String)> {
    let mut fenced = false;
    (1..).zip(text.lines()).filter_map(move |(number, line)| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        let outside_of_code: String = line.split('`').step_by(2).collect();
        (!fence && !fenced).then_some((number, outside_of_code))
    })
}

/// Targets of the links of a document, each with its line.
fn links(text: &str) -> Vec<(usize, String)> {
    let targets = |(number, line): (usize, String)| {
        let rest = line.split("](").skip(1);
        let target =
            |rest: &str| rest.split([')', ' ']).next().map(|target| (number, target.to_owned()));
        rest.filter_map(target).collect::<Vec<_>>()
    };
    prose(text).flat_map(targets).collect()
}

/// The names by which links address the headings of a document, as GitHub and mdBook make them.
fn anchors(text: &str) -> Vec<String> {
    let headings: Vec<usize> = prose(text)
        .filter(|(_, line)| line.trim_start_matches('#').starts_with(' ') && line.starts_with('#'))
        .map(|(number, _)| number)
        .collect();
    let lines: Vec<&str> = text.lines().collect();
    let mut seen: HashMap<String, usize> = HashMap::new();
    let name = |number: usize| {
        let heading = lines[number - 1].trim_start_matches('#').trim().to_lowercase();
        let kept = heading.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
        let name: String = kept.map(|c| if c == ' ' { '-' } else { c }).collect();
        let before = seen.entry(name.clone()).or_default();
        *before += 1;
        if *before == 1 { name } else { format!("{name}-{}", *before - 1) }
    };
    headings.into_iter().map(name).collect()
}

/// The links of a document that lead nowhere, as `FILE:LINE: TARGET`.
fn broken(file: &Path, text: &str) -> Vec<String> {
    let leads_somewhere = |target: &str| {
        if target.contains("://") || target.starts_with("mailto:") {
            return true;
        }
        let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
        let to = file.parent().expect("a file is in a folder").join(path);
        let page = match path {
            "" => Some(text.to_owned()),
            _ if anchor.is_empty() => return to.exists(),
            _ => fs::read_to_string(&to).ok(),
        };
        page.is_some_and(|page| anchors(&page).iter().any(|name| name == anchor))
    };
    let broken = links(text).into_iter().filter(|(_, target)| !leads_somewhere(target));
    broken.map(|(line, target)| format!("{}:{line}: {target}", file.display())).collect()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the root of the repository")
}

#[test]
fn every_link_leads_somewhere() {
    let files = FOLDERS.iter().flat_map(|folder| documents(&root().join(folder)));
    let found: Vec<String> =
        files.flat_map(|file| broken(&file, &fs::read_to_string(&file).expect("a text"))).collect();
    assert!(found.is_empty(), "links that lead nowhere:\n{}", found.join("\n"));
}

#[test]
fn every_page_is_in_the_contents_of_the_book_once() {
    let folder = root().join("docs");
    let contents = fs::read_to_string(folder.join("SUMMARY.md")).expect("the contents");
    let mut listed: Vec<PathBuf> =
        links(&contents).into_iter().map(|(_, page)| folder.join(page)).collect();
    listed.push(folder.join("SUMMARY.md"));
    listed.sort();
    assert_eq!(listed, documents(&folder));
}

/// The Rust files in a folder and the folders below it.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder of the repository");
    let paths = entries.map(|entry| entry.expect("a readable folder").path());
    let below = |path: PathBuf| match path.is_dir() {
        true if path.ends_with("target") => Vec::new(),
        true => sources(&path),
        false => {
            Vec::from_iter(path.extension().is_some_and(|ending| ending == "rs").then_some(path))
        }
    };
    paths.flat_map(below).collect()
}

#[test]
fn pages_that_the_code_names_exist() {
    let mut missing = Vec::new();
    for file in ["crates", "examples", "benches", "fuzz"]
        .iter()
        .flat_map(|name| sources(&root().join(name)))
    {
        let text = fs::read_to_string(&file).expect("a text");
        // The code of a backtick, so that this line names no page.
        for rest in text.split("\u{60}docs/").skip(1) {
            let page = rest.split('\u{60}').next().unwrap_or_default();
            if !root().join("docs").join(page).exists() {
                missing.push(format!("{}: docs/{page}", file.display()));
            }
        }
    }
    assert!(missing.is_empty(), "pages that do not exist:\n{}", missing.join("\n"));
}

#[test]
fn broken_links_are_found() {
    let text = "# One\n# A `b--c` (d), e_f\n# One\n[a](README.md) [b](no.md), ![p](no.svg)\n\
                [c](#one) [d](#one-1) [e](#one-2) [f](#a-b--c-d-e_f)\n`[g](no.md)`\n\
                ```text\n[h](no.md)\n# No\n```\n[i](README.md#no) [j](https://example.org/no)\n[k](#no)";
    let file = root().join("text.md");
    let found = broken(&file, text);
    let expected = ["4: no.md", "4: no.svg", "5: #one-2", "11: README.md#no", "12: #no"];
    assert_eq!(found, expected.map(|end| format!("{}:{end}", file.display())));
}
