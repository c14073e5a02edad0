//! Gives the build a name of its own: a digest of its sources and of the versions of its libraries,
//! so that results of another build are not taken for its own.

use std::fs;
use std::path::{Path, PathBuf};

fn main() {
    println!("cargo:rerun-if-changed=src");
    println!("cargo:rerun-if-changed=Cargo.lock");
    let mut files = vec![PathBuf::from("Cargo.lock")];
    collect(Path::new("src"), &mut files);
    files.sort();
    // Names an absent lock file as well: a package may come without one.
    let contents = files.iter().map(|path| fs::read(path).unwrap_or_default());
    let digest = files.iter().zip(contents).fold(OFFSET, |digest, (path, bytes)| {
        let name = path.to_string_lossy().replace('\\', "/");
        add(add(digest, name.as_bytes()), &bytes)
    });
    println!("cargo:rustc-env=ALPACA_RUN_BUILD={digest:016x}");
}

#[expect(clippy::disallowed_methods, reason = "the list is sorted afterwards")]
fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, files);
        } else {
            files.push(path);
        }
    }
}

/// FNV-1a with 64 bits: a build script should need no library.
const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;

fn add(digest: u64, bytes: &[u8]) -> u64 {
    let step = |digest: u64, byte: &u8| (digest ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
    bytes.iter().fold(digest, step)
}
