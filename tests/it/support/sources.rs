//! Source files, and which of them need which.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::program::files_with_ending;

/// The source files of a package.
pub struct Package {
    /// Its folder below the project.
    pub folder: String,
    /// Its files, those that run it left out.
    pub files: Vec<File>,
}

/// A source file.
pub struct File {
    /// Its path below the folder of its package.
    pub path: String,
    /// What it says.
    pub text: String,
    /// The paths that it names outside its tests, word by word: `crate`, a module, a name; `super`
    /// and `self` are spelt out.
    pub paths: BTreeSet<Vec<String>>,
}

impl Package {
    /// Reads the files of a folder.
    pub fn read(folder: &Path, name: &str) -> Self {
        let file = |path: &std::path::PathBuf| {
            let below = path.strip_prefix(folder).unwrap().to_string_lossy().replace('\\', "/");
            File::new(below, std::fs::read_to_string(path).unwrap())
        };
        let files: Vec<File> = files_with_ending(folder, "rs").iter().map(file).collect();
        Self { folder: name.to_owned(), files }
    }

    /// Groups of files that need each other. A file and those in its folder may.
    pub fn circles(&self) -> Vec<Vec<String>> {
        let places: BTreeMap<Vec<String>, usize> =
            self.files.iter().enumerate().map(|(index, file)| (file.module(), index)).collect();
        let needs: Vec<BTreeSet<usize>> = self
            .files
            .iter()
            .map(|file| {
                let own = file.module();
                let nearest = |path: &Vec<String>| {
                    (1..=path.len()).rev().find_map(|len| places.get_key_value(&path[..len]))
                };
                let is_other =
                    |module: &[String]| !module.starts_with(&own) && !own.starts_with(module);
                let found = file.paths.iter().filter(|path| path[0] == "crate").filter_map(nearest);
                found.filter(|(module, _)| is_other(module)).map(|(_, index)| *index).collect()
            })
            .collect();
        let reach: Vec<BTreeSet<usize>> =
            (0..needs.len()).map(|from| reach(from, &needs)).collect();
        let mut circles = BTreeSet::new();
        for (from, reached) in reach.iter().enumerate().filter(|(from, all)| all.contains(from)) {
            let circle = reached.iter().filter(|to| reach[**to].contains(&from));
            circles.insert(circle.map(|to| self.files[*to].path.clone()).collect::<Vec<_>>());
        }
        circles.into_iter().collect()
    }
}

/// All that can be reached from a file in one step or more.
fn reach(from: usize, needs: &[BTreeSet<usize>]) -> BTreeSet<usize> {
    let mut reached = BTreeSet::new();
    let mut open = vec![from];
    while let Some(file) = open.pop() {
        open.extend(needs[file].iter().filter(|&&next| reached.insert(next)));
    }
    reached
}

impl File {
    fn new(path: String, text: String) -> Self {
        let mut file = Self { path, text, paths: BTreeSet::new() };
        let own = file.text.split("\nmod tests {").next().unwrap();
        let lines = own.lines().filter(|line| !line.trim_start().starts_with("//"));
        let code = lines.collect::<Vec<_>>().join("\n").replace("#[cfg(test)]\nuse ", "skipped ");
        let module = file.module();
        let mut paths = vec![];
        for statement in code.split("use ").skip(1) {
            let tree = statement.split(';').next().unwrap();
            paths.extend(expand(&tree.split_whitespace().collect::<Vec<_>>().join(" ")));
        }
        paths.extend(inline(&code));
        file.paths = paths.iter().filter_map(|path| spell_out(path, &module)).collect();
        file
    }

    /// The module that the file is: `crate` and its names.
    fn module(&self) -> Vec<String> {
        let path = self.path.trim_end_matches(".rs");
        let words = path.split('/').filter(|word| !["lib", "main", "mod"].contains(word));
        std::iter::once("crate").chain(words).map(str::to_owned).collect()
    }
}

/// The paths in a tree: `a::{b, c::d}` has two.
fn expand(tree: &str) -> Vec<String> {
    let tree = tree.trim();
    let Some((before, rest)) = tree.split_once('{') else { return vec![tree.to_owned()] };
    let Some((inner, _)) = rest.rsplit_once('}') else { return vec![] };
    let mut depth = 0;
    let parts = inner.split(|c| {
        depth += i32::from(c == '{') - i32::from(c == '}');
        c == ',' && depth == 0
    });
    parts
        .filter(|part| !part.trim().is_empty())
        .flat_map(|part| expand(&format!("{before}{}", part.trim())))
        .collect()
}

/// Paths that code names where it needs them, of lower-case words: `crate::a::b`, `library::c`.
fn inline(code: &str) -> Vec<String> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
    let words = code.split(|c: char| !is_word(c)).filter(|word| word.contains("::"));
    words.filter(|word| !word.starts_with(':')).map(str::to_owned).collect()
}

/// The words of a path; `super` and `self` of a module are spelt out.
fn spell_out(path: &str, module: &[String]) -> Option<Vec<String>> {
    let path = path.split(" as ").next()?;
    let mut words: Vec<String> = path.split("::").map(|word| word.trim().to_owned()).collect();
    let mut own = module.to_vec();
    match words[0].as_str() {
        "self" => {
            words.remove(0);
        }
        "super" => {
            while words.first().is_some_and(|word| word == "super") {
                own.pop();
                words.remove(0);
            }
        }
        _ => return (words.len() > 1).then_some(words),
    }
    Some([own, words].concat())
}
