//! A shared cache in an object store, such as Amazon S3.

use std::time::SystemTime;

use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload};
use tokio::runtime::Runtime;

use super::shared::{SharedEntry, SharedError, SharedStore};

/// A bucket, or a part of it.
#[derive(Debug)]
pub(super) struct Bucket {
    store: Box<dyn ObjectStore>,
    prefix: Path,
    url: String,
    runtime: Runtime,
}

impl Bucket {
    /// The bucket of a URL such as `s3://bucket/cache`. `options` are settings by their names in
    /// environment variables: `AWS_ACCESS_KEY_ID`, `AWS_ENDPOINT`.
    ///
    /// # Errors
    /// When the URL or an option is not valid.
    pub(super) fn open(
        url: &str,
        options: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, SharedError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| SharedError(error.to_string()))?;
        let parsed = url::Url::parse(url).map_err(|error| SharedError(error.to_string()))?;
        let options = options.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value));
        let (store, prefix) = object_store::parse_url_opts(&parsed, options).map_err(shown)?;
        Ok(Self { store, prefix, url: url.to_owned(), runtime })
    }

    fn path(&self, name: &str) -> Path {
        let parts = name.split('/').filter(|part| !part.is_empty());
        parts.fold(self.prefix.clone(), |path, part| path.join(part))
    }

    fn put(&self, name: &str, bytes: &[u8], mode: PutMode) -> object_store::Result<()> {
        let payload = PutPayload::from(bytes.to_vec());
        let options = PutOptions { mode, ..PutOptions::default() };
        self.runtime.block_on(self.store.put_opts(&self.path(name), payload, options)).map(drop)
    }
}

fn shown(error: object_store::Error) -> SharedError {
    SharedError(error.to_string())
}

impl SharedStore for Bucket {
    fn get(&self, name: &str) -> Result<Option<Vec<u8>>, SharedError> {
        let path = self.path(name);
        let got = self.runtime.block_on(async { self.store.get(&path).await?.bytes().await });
        match got {
            Ok(bytes) => Ok(Some(bytes.to_vec())),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(shown(error)),
        }
    }

    fn has(&self, name: &str) -> Result<bool, SharedError> {
        match self.runtime.block_on(self.store.head(&self.path(name))) {
            Ok(_) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(shown(error)),
        }
    }

    fn create(&self, name: &str, bytes: &[u8]) -> Result<bool, SharedError> {
        match self.put(name, bytes, PutMode::Create) {
            Ok(()) => Ok(true),
            Err(object_store::Error::AlreadyExists { .. }) => Ok(false),
            Err(error) => Err(shown(error)),
        }
    }

    fn replace(&self, name: &str, bytes: &[u8]) -> Result<(), SharedError> {
        self.put(name, bytes, PutMode::Overwrite).map_err(shown)
    }

    fn list(&self, folder: &str) -> Result<Vec<SharedEntry>, SharedError> {
        use futures_util::TryStreamExt as _;
        let path = self.path(folder);
        let listed = self.store.list(Some(&path)).try_collect::<Vec<_>>();
        let found = self.runtime.block_on(listed).map_err(shown)?;
        let entries = found.into_iter().filter_map(|object| {
            let name: Vec<String> = object
                .location
                .prefix_match(&self.prefix)?
                .map(|part| part.as_ref().to_owned())
                .collect();
            let written = SystemTime::from(object.last_modified);
            Some(SharedEntry { name: name.join("/"), bytes: object.size, written })
        });
        let mut entries: Vec<SharedEntry> = entries.collect();
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(entries)
    }

    fn remove(&self, name: &str) -> Result<(), SharedError> {
        match self.runtime.block_on(self.store.delete(&self.path(name))) {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(shown(error)),
        }
    }

    fn place(&self) -> String {
        self.url.clone()
    }
}
