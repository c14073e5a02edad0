//! The tables of ARCHITECTURE.md, kept true: which module uses which, where each library may be
//! named, what computes, and that no two files need each other.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::identity;
use crate::support::program::{files_with_ending, project};
use crate::support::sources::{File, Package};

/// Lines a file may have, those of its own tests not counted.
const MOST_LINES: usize = 500;

/// Files that may need each other: kernels are written for any set of instructions, and the table
/// of sets lists all kernels.
const CIRCLES: [&str; 1] = ["crates/kernels/src/set.rs"];

/// Modules of this package that compute and look at some that do not: they join the two.
const JOINS: &str = "exec";

/// A row of the table of modules.
struct Module {
    name: String,
    uses: BTreeSet<String>,
    /// Libraries with the folder below the module, if it is not all of it, that names them.
    libraries: Vec<(String, String)>,
    computes: bool,
}

/// The rows of the table below a heading, cell by cell, without its own two lines.
fn table(heading: &str) -> Vec<Vec<String>> {
    let text = std::fs::read_to_string(project().join("ARCHITECTURE.md")).unwrap();
    let below = text.split_once(&format!("\n## {heading}\n")).expect("the heading is there").1;
    let rows = below.lines().skip_while(|line| !line.starts_with('|'));
    let rows = rows.take_while(|line| line.starts_with('|')).skip(2);
    let cells = |row: &str| {
        let cells = row.trim_matches('|').split('|');
        cells.map(|cell| cell.trim().to_owned()).collect()
    };
    rows.map(cells).collect()
}

/// The words in a list with commas; a dash is an empty list.
fn list(cell: &str) -> Vec<String> {
    let words = cell.split(',').map(|word| word.trim().trim_matches('`').to_owned());
    words.filter(|word| !word.is_empty() && word != "–").collect()
}

fn modules() -> Vec<Module> {
    let row = |cells: Vec<String>| {
        let [name, _, uses, libraries, computes] = &cells[..] else { panic!("{cells:?}") };
        let library = |word: String| match word.split_once(" in ") {
            Some((library, folder)) => (library.to_owned(), folder.trim_matches('`').to_owned()),
            None => (word, String::new()),
        };
        Module {
            name: name.trim_matches('`').to_owned(),
            uses: list(uses).into_iter().collect(),
            libraries: list(libraries).into_iter().map(library).collect(),
            computes: computes == "yes",
        }
    };
    let modules: Vec<Module> = table("Modules").into_iter().map(row).collect();
    assert!(modules.len() > 10, "the table has fewer rows than modules");
    modules
}

/// The module that a file belongs to.
fn module_of(file: &File) -> &str {
    file.path.split(['/', '.']).next().unwrap()
}

/// Every package with its files.
fn packages() -> Vec<Package> {
    let mut packages = vec![Package::read(&project().join("src"), "src")];
    for cells in table("Crates") {
        let name = cells[0].trim_matches('`').to_owned();
        let folder = format!("crates/{name}/src");
        packages.push(Package::read(&project().join(&folder), &folder));
    }
    packages
}

#[test]
fn each_module_uses_only_those_it_may() {
    let modules = modules();
    for file in &Package::read(&project().join("src"), "src").files {
        let name = module_of(file);
        let Some(module) = modules.iter().find(|module| module.name == name) else {
            assert!(["lib", "main"].contains(&name), "{} is in no module of the table", file.path);
            continue;
        };
        for used in file.paths.iter().filter(|path| path[0] == "crate") {
            let is_module = modules.iter().any(|module| module.name == used[1]);
            let is_allowed = used[1] == name || module.uses.contains(&used[1]);
            assert!(!is_module || is_allowed, "{} uses `{}`, which it may not", file.path, used[1]);
        }
    }
}

#[test]
fn modules_use_only_modules_above_them_and_stand_in_that_order() {
    let modules = modules();
    for (position, module) in modules.iter().enumerate() {
        for used in &module.uses {
            let is_above = modules[..position].iter().any(|above| above.name == *used);
            assert!(is_above, "{} stands above {used}", module.name);
        }
    }
    let text = std::fs::read_to_string(project().join("src/lib.rs")).unwrap();
    let listed: Vec<&str> =
        text.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';')).collect();
    assert_eq!(listed, modules.iter().map(|module| &module.name[..]).collect::<Vec<_>>());
}

#[test]
fn libraries_are_named_in_their_home_alone() {
    let modules = modules();
    let mut homes: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
    for Module { name, libraries, .. } in &modules {
        for (library, folder) in libraries {
            let home = Path::new(name).join(folder);
            homes.entry(library.replace('-', "_")).or_default().push(home);
        }
    }
    for file in &Package::read(&project().join("src"), "src").files {
        for path in &file.paths {
            let Some(homes) = homes.get(&path[0]) else { continue };
            let is_home = homes.iter().any(|home| Path::new(&file.path).starts_with(home));
            assert!(is_home, "{} names `{}`, at home in {homes:?}", file.path, path[0]);
        }
    }
}

/// What changes no number may change without making results stale: so nothing that computes may
/// look at it.
#[test]
fn what_computes_is_what_names_the_build_and_looks_at_nothing_else() {
    let modules = modules();
    let computing: BTreeSet<String> = identity::COMPUTING
        .iter()
        .filter_map(|place| place.strip_prefix("src/")?.split(['/', '.']).next())
        .map(str::to_owned)
        .collect();
    let marked = modules.iter().filter(|module| module.computes);
    assert_eq!(computing, marked.map(|module| module.name.clone()).collect());
    for module in modules.iter().filter(|module| module.computes && module.name != JOINS) {
        for used in &module.uses {
            assert!(computing.contains(used), "{} computes and uses {used}", module.name);
        }
    }
    for place in identity::COMPUTING {
        assert!(project().join(place).exists(), "{place} is not there");
    }
    let showing = identity::SHOWING.map(|library| library.replace('-', "_"));
    for package in packages() {
        for file in &package.files {
            let below = format!("{}/{}", package.folder, file.path);
            let computes = identity::COMPUTING.iter().any(|place| below.starts_with(place));
            let named = file.paths.iter().find(|path| showing.contains(&path[0]));
            assert!(!computes || named.is_none(), "{below} computes and names {named:?}");
        }
    }
}

#[test]
fn no_two_files_need_each_other() {
    for package in packages() {
        let circles = package.circles();
        let is_known =
            |file: &&String| CIRCLES.contains(&format!("{}/{file}", package.folder).as_str());
        let is_new = |circle: &&Vec<String>| !circle.iter().any(|file| is_known(&file));
        let circles: Vec<&Vec<String>> = circles.iter().filter(is_new).collect();
        assert!(circles.is_empty(), "files of {} need each other: {circles:?}", package.folder);
    }
}

#[test]
fn only_kernels_are_unsafe() {
    for package in packages() {
        let root = package.files.iter().find(|file| file.path == "lib.rs").unwrap();
        let forbids = root.text.contains("#![forbid(unsafe_code)]");
        assert_eq!(forbids, package.folder != "crates/kernels/src", "{}", package.folder);
    }
}

#[test]
fn files_stay_short_and_say_what_they_are_for() {
    let mut files = files_with_ending(&project().join("src"), "rs");
    files.extend(files_with_ending(&project().join("crates"), "rs"));
    files.extend(files_with_ending(&project().join("build"), "rs"));
    for path in files {
        let text = std::fs::read_to_string(&path).unwrap();
        let own = text.split("\nmod tests {").next().unwrap();
        let n_lines = own.lines().count();
        let path = path.display();
        assert!(n_lines <= MOST_LINES, "{path} has {n_lines} lines");
        assert!(text.starts_with("//! "), "{path} does not begin with what it is for");
        // What follows its tests would be no part of the name of a build.
        let tests = text.split("\nmod tests {").nth(1).unwrap_or("}");
        let outermost: Vec<&str> =
            tests.lines().filter(|line| !line.is_empty() && !line.starts_with(' ')).collect();
        assert_eq!(outermost, ["}"], "{path} goes on after its tests");
    }
}
