//! Caches the resized pixels of images by the content of their files, in memory up to a limit and
//! in the cache directory. Later epochs, stages and runs need not decode the images again.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::likeness::Likeness;
use crate::base::digest::Digest;
use crate::base::fs::FileError;
use crate::cache::directory::{Bucket, CacheDirectory, Found};
use crate::spec::PixelSpec;

/// Version of decoding and resizing. It must be raised when their results change.
const RULES: u32 = 2;

/// How much space pixels may take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PixelRoom {
    /// Bytes of memory.
    pub memory: u64,
    /// Bytes that one run may add to the cache directory.
    pub disk: u64,
    /// Root of the cache directory. If `None`, nothing is written to disk.
    pub root: Option<PathBuf>,
}

/// The pixels of images at one size and by one set of rules.
#[derive(Debug)]
pub struct Pixels {
    spec: PixelSpec,
    room: PixelRoom,
    directory: Option<CacheDirectory>,
    held: Mutex<Held>,
}

/// Cached pixels. Written under the lock by all threads that prepare or need pixels.
#[derive(Debug, Default)]
struct Held {
    in_memory: BTreeMap<Digest, Cached>,
    memory_bytes: u64,
    /// Number of bytes that this run has added to the cache directory.
    disk_bytes: u64,
    /// Number of images in the cache directory.
    n_on_disk: usize,
    damaged: Vec<PathBuf>,
    /// Error after which nothing is written to the cache directory any more.
    refusal: Option<FileError>,
}

/// The pixels of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cached {
    /// Pixels, `[height, width, 3]`.
    pub pixels: Arc<[u8]>,
    /// Likeness of the image before it was resized.
    pub likeness: Likeness,
}

/// How much space pixels take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PixelFacts {
    /// Bytes of one image.
    pub bytes_each: u64,
    /// Images in memory.
    pub n_in_memory: usize,
    /// Images in the cache directory.
    pub n_on_disk: usize,
    /// Directory that contains them.
    pub folder: Option<PathBuf>,
}

impl Pixels {
    /// A cache for pixels that are made by the rules of `spec`.
    pub fn new(spec: PixelSpec, room: PixelRoom) -> Self {
        let directory =
            room.root.as_deref().map(|root: &Path| CacheDirectory::new(root, Bucket::Pixels));
        Self { spec, room, directory, held: Mutex::default() }
    }

    /// Everything that turns the image in a file into pixels.
    pub fn spec(&self) -> PixelSpec {
        self.spec
    }

    /// The pixels of the file with this digest, if they are cached.
    pub fn find(&self, file: Digest) -> Option<Cached> {
        if let Some(cached) = self.lock().in_memory.get(&file) {
            return Some(cached.clone());
        }
        match self.directory.as_ref()?.find(self.key(file)) {
            Found::Entry(mut pixels)
                if pixels.len() as u64 == self.bytes_each() + Likeness::BYTES as u64 =>
            {
                let likeness = pixels.split_off(pixels.len() - Likeness::BYTES);
                let cached = Cached {
                    pixels: pixels.into(),
                    likeness: Likeness::of_bytes(&likeness).unwrap_or_default(),
                };
                let mut held = self.lock();
                held.n_on_disk += 1;
                self.keep(&mut held, file, &cached);
                Some(cached)
            }
            Found::Damaged(path) => {
                self.lock().damaged.push(path);
                None
            }
            Found::Entry(_) | Found::Nothing => None,
        }
    }

    /// Caches the pixels of a file and the likeness of its image.
    pub fn insert(&self, file: Digest, pixels: Vec<u8>, likeness: Likeness) -> Arc<[u8]> {
        let cached = Cached { pixels: pixels.into(), likeness };
        let bytes = cached.pixels.len() as u64;
        let mut held = self.lock();
        let is_wanted = held.refusal.is_none() && held.disk_bytes + bytes <= self.room.disk;
        if is_wanted && let Some(directory) = &self.directory {
            held.disk_bytes += bytes;
            drop(held);
            let entry = [&cached.pixels[..], &likeness.to_bytes()].concat();
            let written = directory.write(self.key(file), &entry);
            held = self.lock();
            match written {
                Ok(()) => held.n_on_disk += 1,
                Err(error) => held.refusal = Some(error),
            }
        }
        self.keep(&mut held, file, &cached);
        cached.pixels
    }

    /// The space that pixels take.
    pub fn facts(&self) -> PixelFacts {
        let held = self.lock();
        PixelFacts {
            bytes_each: self.bytes_each(),
            n_in_memory: held.in_memory.len(),
            n_on_disk: held.n_on_disk,
            folder: self.directory.as_ref().map(|directory| directory.folder().to_path_buf()),
        }
    }

    /// Warnings about problems with the cache directory. Each is returned once.
    pub fn warnings(&self) -> Vec<String> {
        let mut held = self.lock();
        let damaged = std::mem::take(&mut held.damaged);
        let mut warnings: Vec<String> = damaged
            .iter()
            .map(|path| {
                format!("the cache entry `{}` was damaged and will be rebuilt", path.display())
            })
            .collect();
        warnings.extend(held.refusal.take().map(|error| {
            // Nothing more is written: the disk is full, or the directory is not writable.
            held.disk_bytes = u64::MAX / 2;
            format!("decoded images are not cached on disk: {error}: {}", error.source)
        }));
        warnings
    }

    fn keep(&self, held: &mut Held, file: Digest, cached: &Cached) {
        let bytes = cached.pixels.len() as u64;
        if held.memory_bytes + bytes <= self.room.memory
            && held.in_memory.insert(file, cached.clone()).is_none()
        {
            held.memory_bytes += bytes;
        }
    }

    fn bytes_each(&self) -> u64 {
        (self.spec.image_size.height * self.spec.image_size.width * 3) as u64
    }

    /// Everything that determines pixels in addition to the file: the rules, and the architecture
    /// whose decoders were used.
    fn key(&self, file: Digest) -> Digest {
        let parts = (RULES, std::env::consts::ARCH, self.spec, file);
        Digest::of(&serde_json::to_vec(&parts).expect("keys are plain data"))
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::{Alpha, Fit, ImageSize, Interpolation, ResizeSpec};

    const SPEC: PixelSpec = PixelSpec {
        image_size: ImageSize { height: 2, width: 2 },
        resize: ResizeSpec {
            interpolation: Interpolation::Bilinear,
            antialias: true,
            fit: Fit::Stretch,
        },
        alpha: Alpha::Drop,
    };

    fn room(root: Option<&Path>, memory: u64, disk: u64) -> PixelRoom {
        PixelRoom { memory, disk, root: root.map(Path::to_path_buf) }
    }

    fn fill(pixels: &Pixels) -> Vec<bool> {
        let files: Vec<Digest> = (0u8..4).map(|i| Digest::of(&[i])).collect();
        files.iter().for_each(|file| drop(pixels.insert(*file, vec![7; 12], Likeness::default())));
        files.iter().map(|file| pixels.find(*file).is_some()).collect()
    }

    #[test]
    fn both_bounds_are_held() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(fill(&Pixels::new(SPEC, room(None, 30, 0))), [true, true, false, false]);
        let pixels = Pixels::new(SPEC, room(Some(root.path()), 12, 24));
        assert_eq!(fill(&pixels), [true, true, false, false]);
        assert_eq!(pixels.facts().n_in_memory, 1);
    }

    #[test]
    fn a_later_run_finds_them_and_other_rules_do_not() {
        let root = tempfile::tempdir().unwrap();
        fill(&Pixels::new(SPEC, room(Some(root.path()), 0, 1000)));
        let found = |spec| {
            let pixels = Pixels::new(spec, room(Some(root.path()), 0, 0));
            pixels.find(Digest::of(&[1])).is_some()
        };
        assert!(found(SPEC));
        assert!(!found(PixelSpec { image_size: ImageSize { height: 1, width: 4 }, ..SPEC }));
        assert!(!found(PixelSpec { alpha: Alpha::White, ..SPEC }));
        assert!(!found(PixelSpec { alpha: Alpha::Black, ..SPEC }));
    }

    #[test]
    fn a_directory_that_cannot_be_written_is_said_once() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("file");
        crate::base::fs::write_atomic(&file, b"in the way").unwrap();
        let pixels = Pixels::new(SPEC, room(Some(&file), 100, 1000));
        assert_eq!(fill(&pixels), [true; 4]);
        assert_eq!(pixels.warnings().len(), 1);
        assert_eq!(pixels.warnings().len(), 0);
    }
}
