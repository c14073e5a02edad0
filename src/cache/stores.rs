//! Shared caches by their URLs.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::shared::{SharedError, SharedStore};
use super::shared_directory::SharedDirectory;

/// The shared cache of a URL: `file:///shared/cache`, or `s3://bucket/cache` in builds with the
/// feature `object-store`. `options` are settings of object stores by the names of their variables.
///
/// # Errors
/// When the URL is not valid, or is for another build.
pub fn open(
    url: &str,
    options: impl IntoIterator<Item = (String, String)>,
) -> Result<Arc<dyn SharedStore>, SharedError> {
    match url.strip_prefix("file://") {
        Some(path) if path_of(path).is_absolute() => {
            Ok(Arc::new(SharedDirectory::new(&path_of(path))))
        }
        Some(_) => Err(SharedError(
            "write the path from the root, after three slashes: `file:///shared/cache`".to_owned(),
        )),
        None => open_object_store(url, options),
    }
}

/// The directory of a user's own cache as one that could be shared.
pub fn of_directory(root: &Path) -> Arc<dyn SharedStore> {
    Arc::new(SharedDirectory::new(root))
}

/// The path of a URL, in which unusual characters may be written as `%20`.
fn path_of(text: &str) -> PathBuf {
    let bytes = text.as_bytes();
    let mut decoded = vec![];
    let mut at = 0;
    while at < bytes.len() {
        let code = text.get(at + 1..at + 3).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match code {
            Some(code) if bytes[at] == b'%' => {
                decoded.push(code);
                at += 3;
            }
            _ => {
                decoded.push(bytes[at]);
                at += 1;
            }
        }
    }
    PathBuf::from(String::from_utf8_lossy(&decoded).into_owned())
}

#[cfg(feature = "object-store")]
fn open_object_store(
    url: &str,
    options: impl IntoIterator<Item = (String, String)>,
) -> Result<Arc<dyn SharedStore>, SharedError> {
    Ok(Arc::new(super::object_store::Bucket::open(url, options)?))
}

#[cfg(not(feature = "object-store"))]
fn open_object_store(
    url: &str,
    _: impl IntoIterator<Item = (String, String)>,
) -> Result<Arc<dyn SharedStore>, SharedError> {
    let known = ["s3://", "gs://", "az://", "http://", "https://"];
    Err(SharedError(if known.iter().any(|start| url.starts_with(start)) {
        "this build has no object stores; install it with `--features object-store`, or use a \
         directory that all machines see: `file:///shared/cache`"
            .to_owned()
    } else {
        "a shared cache is `file:///shared/cache` or `s3://bucket/cache`".to_owned()
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_paths_or_object_stores() {
        assert_eq!(path_of("/a%20b/%e2%82%ac/100%"), PathBuf::from("/a b/€/100%"));
        assert_eq!(open("file:///a", []).unwrap().place(), "/a");
        for url in ["", "/a", "ftp://a", "s3//a", "file://", "file://a/b"] {
            assert!(open(url, []).is_err(), "{url}");
        }
    }
}
