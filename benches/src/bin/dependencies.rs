//! What the workspace depends on: writes `docs/dependencies.md`, or checks that it is current.
//!
//! ```text
//! cargo run -p crosscut-benches --bin dependencies
//! cargo run -p crosscut-benches --bin dependencies -- --check
//! ```
//!
//! All of it is what `cargo metadata --locked --all-features` says, for all platforms; the reasons
//! are `[workspace.metadata.why]` in `Cargo.toml`. Both commands fail where a crate has a licence
//! that `deny.toml` does not allow, needs a newer Rust than ours, or comes from elsewhere than a
//! registry, and where a direct dependency has no reason.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::{env, fs};

use serde::Deserialize;
use spdx::{Expression, ParseMode};

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    resolve: Resolve,
    metadata: Notes,
}

#[derive(Deserialize)]
struct Notes {
    why: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Package {
    id: String,
    name: String,
    version: String,
    license: Option<String>,
    source: Option<String>,
    rust_version: Option<String>,
    dependencies: Vec<Declared>,
    targets: Vec<Target>,
}

/// A dependency as a `Cargo.toml` declares it.
#[derive(Deserialize)]
struct Declared {
    name: String,
    features: Vec<String>,
    uses_default_features: bool,
}

#[derive(Deserialize)]
struct Target {
    kind: Vec<String>,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    deps: Vec<Edge>,
}

#[derive(Deserialize)]
struct Edge {
    pkg: String,
    dep_kinds: Vec<Kind>,
}

#[derive(Deserialize)]
struct Kind {
    kind: Option<String>,
}

fn main() -> ExitCode {
    match run(&env::args().skip(1).collect::<Vec<_>>()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("dependencies: {message}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> Result<(), String> {
    let check = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => false,
        ["--check"] => true,
        _ => return Err("expected no argument or --check".to_owned()),
    };
    let root =
        Path::new(env!("CARGO_MANIFEST_DIR")).parent().ok_or("the workspace has no folder")?;
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--locked", "--all-features", "--format-version", "1"])
        .current_dir(root)
        .output()
        .map_err(|error| format!("cargo: {error}"))?;
    if !output.status.success() {
        return Err(format!("cargo metadata: {}", String::from_utf8_lossy(&output.stderr)));
    }
    let metadata = serde_json::from_slice(&output.stdout)
        .map_err(|error| format!("cargo metadata: {error}"))?;
    let crates = Crates::new(&metadata);
    let deny = fs::read_to_string(root.join("deny.toml"))
        .map_err(|error| format!("deny.toml: {error}"))?;
    let faults = crates.faults(&allowed(&deny)?);
    if !faults.is_empty() {
        return Err(faults.join("\ndependencies: "));
    }
    let page = root.join("docs/dependencies.md");
    let text = crates.page();
    if !check {
        return fs::write(&page, text).map_err(|error| format!("docs/dependencies.md: {error}"));
    }
    if fs::read_to_string(&page).is_ok_and(|old| old == text) {
        println!("docs/dependencies.md is current: {}", crates.summary());
        return Ok(());
    }
    Err("docs/dependencies.md is not what Cargo.lock and Cargo.toml say: write it with \
         `cargo run -p crosscut-benches --bin dependencies`, and look at what has changed"
        .to_owned())
}

/// The licences that `deny.toml` allows: its line `allow = […]`.
fn allowed(deny: &str) -> Result<Vec<String>, String> {
    let list = deny.lines().find_map(|line| line.strip_prefix("allow = "));
    let list = list.ok_or("deny.toml: expected a line `allow = [\"…\", …]`, found none")?;
    serde_json::from_str(list).map_err(|error| format!("deny.toml: allow: {error}"))
}

/// The crates of the lock file and their places.
struct Crates<'m> {
    metadata: &'m Metadata,
    /// Ids of what becomes part of the programs, with what builds it.
    shipped: BTreeSet<&'m str>,
    /// For each id the names of what depends on it.
    dependents: BTreeMap<&'m str, BTreeSet<&'m str>>,
}

impl<'m> Crates<'m> {
    fn new(metadata: &'m Metadata) -> Self {
        let names: BTreeMap<&str, &str> =
            metadata.packages.iter().map(|one| (&*one.id, &*one.name)).collect();
        let nodes: BTreeMap<&str, &Node> =
            metadata.resolve.nodes.iter().map(|node| (&*node.id, node)).collect();
        let mut dependents: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for node in &metadata.resolve.nodes {
            for edge in &node.deps {
                dependents.entry(&edge.pkg).or_default().extend(names.get(&*node.id));
            }
        }
        let programs = metadata
            .packages
            .iter()
            .filter(|one| ["crosscut-cli", "crosscut-mpi"].contains(&&*one.name));
        let mut open: Vec<&str> = programs.map(|one| &*one.id).collect();
        let mut shipped = BTreeSet::new();
        while let Some(id) = open.pop() {
            if shipped.insert(id) {
                let edges = nodes.get(id).into_iter().flat_map(|node| &node.deps);
                let used = edges.filter(|edge| {
                    edge.dep_kinds.iter().any(|kind| kind.kind.as_deref() != Some("dev"))
                });
                open.extend(used.map(|edge| &*edge.pkg));
            }
        }
        Self { metadata, shipped, dependents }
    }

    fn own(&self) -> impl Iterator<Item = &'m Package> {
        self.metadata.packages.iter().filter(|one| one.source.is_none())
    }

    /// The others in order.
    fn foreign(&self) -> Vec<&'m Package> {
        let mut foreign: Vec<_> =
            self.metadata.packages.iter().filter(|one| one.source.is_some()).collect();
        foreign.sort_by_key(|one| (&one.name, &one.version));
        foreign
    }

    fn is_direct(&self, package: &Package) -> bool {
        let own: BTreeSet<&str> = self.own().map(|one| &*one.name).collect();
        self.dependents
            .get(&*package.id)
            .is_some_and(|names| names.iter().any(|name| own.contains(name)))
    }

    /// What must not be.
    fn faults(&self, allowed: &[String]) -> Vec<String> {
        let mut faults = Vec::new();
        let ours = self
            .own()
            .filter_map(|one| one.rust_version.as_deref())
            .max()
            .map(rust_version)
            .unwrap_or_default();
        for package in self.foreign() {
            let Package { name, version, .. } = package;
            let mut fault = |words: String| faults.push(format!("{name} {version}: {words}"));
            let license = package.license.as_deref().unwrap_or_default();
            let expression = Expression::parse_mode(license, ParseMode::LAX);
            let fits = |needed: &spdx::LicenseReq| allowed.contains(&needed.to_string());
            if !expression.is_ok_and(|expression| expression.evaluate(fits)) {
                fault(format!("the licence `{license}` is not allowed by deny.toml"));
            }
            if package.rust_version.as_deref().is_some_and(|needed| rust_version(needed) > ours) {
                fault(format!(
                    "needs Rust {}, which is newer than ours",
                    package.rust_version.as_deref().unwrap_or("")
                ));
            }
            if !package.source.as_deref().is_some_and(|source| source.starts_with("registry+")) {
                fault("is not from a registry".to_owned());
            }
            if self.is_direct(package) && !self.metadata.metadata.why.contains_key(name) {
                fault("has no reason in [workspace.metadata.why] of Cargo.toml".to_owned());
            }
        }
        for name in self.metadata.metadata.why.keys() {
            if !self.foreign().iter().any(|one| one.name == *name && self.is_direct(one)) {
                faults.push(format!(
                    "{name}: has a reason in Cargo.toml and is no direct dependency"
                ));
            }
        }
        faults
    }

    fn summary(&self) -> String {
        let foreign = self.foreign();
        let shipped = foreign.iter().filter(|one| self.shipped.contains(&*one.id)).count();
        format!(
            "{} crates, {shipped} of them for the programs on all platforms with all features",
            foreign.len()
        )
    }

    fn page(&self) -> String {
        let (direct, others): (Vec<_>, Vec<_>) =
            self.foreign().into_iter().partition(|one| self.is_direct(one));
        let mut page = format!(
            "# Dependencies\n\n\
             Written by `cargo run -p crosscut-benches --bin dependencies` from `Cargo.lock` and `Cargo.toml`, and checked by `.ci/run`;\n\
             do not edit it. {}; the rest is for tests, benches and this list.\n\
             Each has a licence that [deny.toml](../deny.toml) allows, comes from a registry with its checksum in `Cargo.lock`, and\n\
             asks for no newer Rust than `rust-version` in `Cargo.toml`.\n\n\
             *At build* says what runs while the crate is compiled: a build script, or a procedural macro.\n\n\
             ## Chosen\n\n\
             | crate | version | licence | for | at build | features | used by | why |\n\
             |---|---|---|---|---|---|---|---|\n",
            self.summary()
        );
        let line = |page: &mut String, package: &Package, rest: &[&str]| {
            let place = if self.shipped.contains(&*package.id) { "program" } else { "tests" };
            let license = package.license.as_deref().unwrap_or_default();
            let cells = [&package.name, &*package.version, license, place, at_build(package)];
            let _ = writeln!(page, "| {} | {} |", cells.join(" | "), rest.join(" | "));
        };
        for package in direct {
            let why = self.metadata.metadata.why.get(&package.name).map_or("", String::as_str);
            let own: BTreeSet<&str> = self.own().map(|one| &*one.name).collect();
            line(
                &mut page,
                package,
                &[&self.features(package), &self.users(package, |name| own.contains(name)), why],
            );
        }
        page.push_str("\n## Brought in by them\n\n| crate | version | licence | for | at build | needed by |\n|---|---|---|---|---|---|\n");
        for package in others {
            line(&mut page, package, &[&self.users(package, |_| true)]);
        }
        page
    }

    fn users(&self, package: &Package, counts: impl Fn(&str) -> bool) -> String {
        let users = self.dependents.get(&*package.id).into_iter().flatten();
        users.copied().filter(|name| counts(name)).collect::<Vec<_>>().join(", ")
    }

    /// The features that our `Cargo.toml`s ask for.
    fn features(&self, package: &Package) -> String {
        let declared =
            self.own().flat_map(|one| &one.dependencies).filter(|one| one.name == package.name);
        let mut features = BTreeSet::new();
        for one in declared {
            features.extend(one.uses_default_features.then_some("default"));
            features.extend(one.features.iter().map(String::as_str));
        }
        features.into_iter().collect::<Vec<_>>().join(", ")
    }
}

fn at_build(package: &Package) -> &'static str {
    let has =
        |kind: &str| package.targets.iter().any(|target| target.kind.iter().any(|one| one == kind));
    match (has("proc-macro"), has("custom-build")) {
        (true, true) => "macro, script",
        (true, false) => "macro",
        (false, true) => "script",
        (false, false) => "",
    }
}

/// `1.89` and `1.89.0` as numbers.
fn rust_version(text: &str) -> [u32; 3] {
    let mut parts = text.split('.').map(|part| part.parse().unwrap_or(u32::MAX));
    [(); 3].map(|()| parts.next().unwrap_or(0))
}
