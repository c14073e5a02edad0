//! Names of files and directories that systems and programs create, not the owner of the images.

use std::ffi::OsStr;

/// Directories and files of systems, network storage and photo programs, in lower case.
const NAMES: [&str; 25] = [
    // Synology, QNAP
    "@eadir",
    "#recycle",
    "#snapshot",
    "@recycle",
    "@recently-snapshot",
    "@tmp",
    "@__thumb",
    "@sharebin",
    // Windows
    "$recycle.bin",
    "system volume information",
    "found.000",
    "thumbs.db",
    "ehthumbs.db",
    "ehthumbs_vista.db",
    "desktop.ini",
    // macOS, Linux
    "__macosx",
    "network trash folder",
    "temporary items",
    "thevolumesettingsfolder",
    "icon\r",
    "lost+found",
    // Picasa, Capture One, Zoombrowser, iPhoto
    "picasa.ini",
    "captureone",
    "zbthumbnail.info",
    "iphoto library",
];

/// Extensions of directories and files in which programs store their own copies, in lower case.
const ENDINGS: [&str; 8] = [
    ".lrdata",
    ".photoslibrary",
    ".photolibrary",
    ".migratedphotolibrary",
    ".aplibrary",
    ".cocatalogdb",
    "@synoeastream",
    "@synoresource",
];

/// A directory of thumbnails by older programs. Only this spelling counts, since it is also a word.
const THUMBNAILS: &str = "Thumbs";

/// Whether a file or directory of this name is skipped: hidden ones (`.DS_Store`, `._a.jpg`), and
/// those of systems and programs.
pub fn is_passed_over(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    let lower = name.to_lowercase();
    name.starts_with('.')
        || name == THUMBNAILS
        || NAMES.contains(&lower.as_str())
        || ENDINGS.iter().any(|ending| lower.ends_with(ending))
}

/// Whether a skipped directory might have been meant as a class.
pub fn may_be_meant(name: &OsStr) -> bool {
    name == THUMBNAILS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_systems_leave_is_passed_over_and_classes_are_not() {
        for name in [
            "@eaDir",
            ".@__thumb",
            "#recycle",
            "#snapshot",
            "@Recycle",
            "$RECYCLE.BIN",
            "System Volume Information",
            "__MACOSX",
            "lost+found",
            ".picasaoriginals",
            ".thumbnails",
            "Thumbs",
            ".dtrash",
            "Catalog Previews.lrdata",
            "Photos.photoslibrary",
            "iPhoto Library",
            "._a.jpg",
            "Thumbs.db",
            "desktop.ini",
            "ehthumbs.db",
            "Icon\r",
            "a.jpg@SynoEAStream",
        ] {
            assert!(is_passed_over(OsStr::new(name)), "{name}");
        }
        for name in
            ["thumbs", "recycle", "Icon", "snapshot", "lost", "@home", "#1", "tmp", "lrdata"]
        {
            assert!(!is_passed_over(OsStr::new(name)), "{name}");
        }
    }
}
