//! Names in an archive: without `.` and `..`, and with links followed.

use std::collections::BTreeMap;

use super::Member;

/// Most links that lead to each other in turn, as in Linux.
const MOST_LINKS: usize = 40;

/// What a name in an archive stands for.
pub(super) enum Listed {
    /// A file.
    File(Member),
    /// A directory.
    Directory,
    /// A link to a path that is relative to its own directory.
    Link(Vec<u8>),
    /// A link to a path that is relative to the archive.
    HardLink(Vec<u8>),
}

/// What an archive contains.
pub(super) struct Resolved {
    /// Files and directories by their names, with what links lead to. Names of directories end with a
    /// slash.
    pub(super) found: BTreeMap<Vec<u8>, Option<Member>>,
    /// Names that lead out of the archive, and links that lead nowhere, sorted.
    pub(super) lost: Vec<Vec<u8>>,
    /// Names of several files, of which the last counts.
    pub(super) repeated: Vec<Vec<u8>>,
}

/// Follows all links.
pub(super) fn resolve(listed: Vec<(Vec<u8>, Listed)>) -> Resolved {
    let (mut found, mut links) = (BTreeMap::new(), vec![]);
    let (mut lost, mut repeated) = (vec![], vec![]);
    for (name, what) in listed {
        let Some(path) = normal(&name) else {
            lost.push(name);
            continue;
        };
        let folder = path.iter().rposition(|byte| *byte == b'/').map_or(0, |slash| slash + 1);
        match what {
            Listed::File(member) => {
                if found.insert(path.clone(), Some(member)).is_some() {
                    repeated.push(path);
                }
            }
            Listed::Directory if path.is_empty() => {}
            Listed::Directory => drop(found.insert([&path[..], b"/"].concat(), None)),
            Listed::Link(target) if target.starts_with(b"/") => lost.push(path),
            Listed::Link(target) => {
                let target = normal(&[&path[..folder], &target[..]].concat());
                links.push((path, target));
            }
            Listed::HardLink(target) => links.push((path, normal(&target))),
        }
    }
    for _ in 0..MOST_LINKS {
        let before = links.len();
        links.retain(|(name, target)| {
            let below = target.as_ref().map(|target| what_is_at(&found, target, name));
            let below = below.unwrap_or_default();
            let is_known = !below.is_empty();
            found.extend(below);
            !is_known
        });
        if links.is_empty() || links.len() == before {
            break;
        }
    }
    lost.extend(links.into_iter().map(|(name, _)| name));
    lost.sort();
    Resolved { found, lost, repeated }
}

/// The file at `target`, or all files below it, under the name of a link to it. None if there is
/// nothing, or if the link is inside of it.
fn what_is_at(
    found: &BTreeMap<Vec<u8>, Option<Member>>,
    target: &[u8],
    name: &[u8],
) -> Vec<(Vec<u8>, Option<Member>)> {
    if let Some(member) = found.get(target) {
        return vec![(name.to_vec(), *member)];
    }
    let prefix = [target, b"/"].concat();
    if target.is_empty() || name.starts_with(&prefix) {
        return vec![];
    }
    let below = found.range(prefix.clone()..).take_while(|(path, _)| path.starts_with(&prefix));
    below.map(|(path, member)| ([name, &path[target.len()..]].concat(), *member)).collect()
}

/// A name without empty and `.` steps, and with `..` resolved. `None` if it leads out of the archive.
fn normal(name: &[u8]) -> Option<Vec<u8>> {
    let mut steps: Vec<&[u8]> = vec![];
    for step in name.split(|byte| *byte == b'/') {
        match step {
            b"" | b"." => {}
            b".." => drop(steps.pop()?),
            step => steps.push(step),
        }
    }
    Some(steps.join(&b'/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_followed_and_names_stay_inside() {
        let file = |offset| Listed::File(Member::plain(offset, 1));
        let link = |target: &str| Listed::Link(target.as_bytes().to_vec());
        let listed = [
            ("./a/1", file(1)),
            ("a/../b/2", file(2)),
            ("b/3", link("../a/1")),
            ("b/4", link("3")),
            ("c", link("b")),
            ("d/", Listed::Directory),
            ("../e", file(5)),
            ("a/loop", link(".")),
            ("a/none", link("nothing")),
            ("a/out", link("/etc/passwd")),
            ("a/twice", Listed::HardLink(b"./a/1".to_vec())),
        ];
        let listed = listed.into_iter().map(|(name, what)| (name.as_bytes().to_vec(), what));
        let Resolved { found, lost, .. } = resolve(listed.collect());
        let text = |name: &[u8]| String::from_utf8(name.to_vec()).unwrap();
        let found: Vec<(String, u64)> =
            found.iter().map(|(name, at)| (text(name), at.map_or(0, |m| m.offset))).collect();
        let expected = [
            ("a/1", 1),
            ("a/twice", 1),
            ("b/2", 2),
            ("b/3", 1),
            ("b/4", 1),
            ("c/2", 2),
            ("c/3", 1),
            ("c/4", 1),
            ("d/", 0),
        ];
        let found: Vec<(&str, u64)> = found.iter().map(|(name, at)| (&name[..], *at)).collect();
        assert_eq!(found[..2], expected[..2]);
        assert!(expected[2..5].iter().all(|pair| found.contains(pair)), "{found:?}");
        assert!(found.contains(&("c/2", 2)) && found.contains(&("d/", 0)), "{found:?}");
        let lost: Vec<String> = lost.iter().map(|name| text(name)).collect();
        assert_eq!(lost, ["../e", "a/loop", "a/none", "a/out"]);
    }
}
