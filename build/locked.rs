//! Reads the versions of libraries from a lock file.

use std::collections::{BTreeMap, BTreeSet};

/// A package of a lock file.
#[derive(Default)]
struct Package<'a> {
    name: &'a str,
    version: &'a str,
    checksum: &'a str,
    /// As written: a name, with a version if there are several packages of that name.
    dependencies: Vec<&'a str>,
}

fn packages(lock: &str) -> Vec<Package<'_>> {
    lock.split("[[package]]").skip(1).map(package).collect()
}

fn package(text: &str) -> Package<'_> {
    let mut package = Package::default();
    for line in text.lines() {
        let line = line.trim();
        if let Some((key, value)) = line.split_once(" = ") {
            let value = value.trim_matches('"');
            match key {
                "name" => package.name = value,
                "version" => package.version = value,
                "checksum" => package.checksum = value,
                _ => {}
            }
        } else if let Some(dependency) = line.strip_prefix('"') {
            package.dependencies.push(dependency.trim_end_matches(['"', ',']));
        }
    }
    package
}

/// The version of the library called `name`.
pub(crate) fn version<'a>(lock: &'a str, name: &str) -> Option<&'a str> {
    packages(lock).into_iter().find(|package| package.name == name).map(|package| package.version)
}

/// Name, version and checksum of all direct and indirect dependencies of `root`, except those that
/// it needs only through one of `others`.
pub(crate) fn used(lock: &str, root: &str, others: &[&str]) -> Vec<String> {
    let all = packages(lock);
    let mut by_name: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (index, package) in all.iter().enumerate() {
        by_name.entry(package.name).or_default().push(index);
    }
    let mut seen = BTreeSet::new();
    let mut open: Vec<usize> = by_name.get(root).into_iter().flatten().copied().collect();
    while let Some(index) = open.pop() {
        if !seen.insert(index) {
            continue;
        }
        let package = &all[index];
        for dependency in &package.dependencies {
            let mut words = dependency.split(' ');
            let (name, version) = (words.next().unwrap_or_default(), words.next());
            // A library of tests is listed with those of the package that tests with it.
            let is_own = package.checksum.is_empty();
            if is_own && others.contains(&name) {
                continue;
            }
            let candidates = by_name.get(name).into_iter().flatten();
            open.extend(
                candidates.filter(|&&i| version.is_none_or(|version| all[i].version == version)),
            );
        }
    }
    let line = |&index: &usize| {
        let Package { name, version, checksum, .. } = &all[index];
        format!("{name} {version} {checksum}")
    };
    // Packages of the project have no checksum; the digest covers their sources.
    let is_library = |index: &&usize| !all[**index].checksum.is_empty();
    let mut lines: Vec<String> = seen.iter().filter(is_library).map(line).collect();
    lines.sort();
    lines
}

/// The lines of a package's manifest that declare its libraries and their features, except those of
/// tests and `others`.
pub(crate) fn declared(manifest: &str, others: &[&str]) -> Vec<String> {
    let mut is_list = false;
    let mut kept = vec![];
    for line in manifest.lines() {
        if let Some(section) = line.strip_prefix('[') {
            is_list = section.contains("dependencies") && !section.contains("dev-");
        } else if is_list {
            let name = line.split(['=', '.']).next().unwrap_or_default().trim();
            let is_own = line.contains("path = ");
            if !(name.is_empty() || name.starts_with('#') || is_own || others.contains(&name)) {
                kept.push(line.to_owned());
            }
        }
    }
    kept
}
