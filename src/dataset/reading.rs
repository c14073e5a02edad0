//! Reads the images of a listing in parallel, without reading those that are known and unchanged.

use alpaca_kernels::give_back;
use rayon::prelude::*;

use super::decode::{self, DecodeError};
use super::known::{KnownImage, KnownImages, Look};
use super::likeness::Likeness;
use super::scan::Candidate;
use crate::base::cancel::Cancel;
use crate::base::digest::Digest;
use crate::base::stamp::Stamp;
use crate::base::tally::Tally;
use crate::spec::Alpha;

/// Number of images that are read before the next ones are looked up.
const CHUNK: usize = 8192;
/// Number of chunks after which the memory of the list is given back.
const FREED: usize = 16;

/// What reading a file has shown.
pub(super) enum Finding {
    /// It is a readable image.
    Image(KnownImage),
    /// It is an image by its name or content, but not readable.
    Bad(DecodeError),
    /// It is not an image.
    Ignored(DecodeError),
}

/// What is read, and how it is watched.
pub(super) struct Reading<'a> {
    pub(super) known: &'a KnownImages,
    pub(super) tally: &'a Tally,
    pub(super) cancel: &'a Cancel,
    /// What is done, and the unit that is counted.
    pub(super) work: (&'static str, &'static str),
}

/// The state of a file when it was read, and its look: what is recorded besides the sample. `None` if
/// its record stays.
type Seen = Option<Box<(Option<Stamp>, Option<Look>)>>;

/// Whether the records of the images must be written again, and what to write, in the order in
/// which the images were passed on.
pub(super) struct NewRecords(Option<Vec<Seen>>);

impl Reading<'_> {
    /// Finds out what each candidate is, and passes them on in the order of paths, backwards, so
    /// that their memory is released as it goes. `read` is for those that are not known; it gets the
    /// state that `init` makes for each thread. Returns `None` if it was canceled.
    pub(super) fn all<S>(
        &self,
        candidates: Vec<Candidate>,
        init: impl Fn() -> S + Sync,
        read: impl Fn(&mut S, &Candidate) -> Finding + Sync,
        is_enough: impl Fn(&KnownImage) -> bool,
        mut each: impl FnMut(Candidate, Finding),
    ) -> Option<NewRecords> {
        let counting = self.tally.begin(self.work.0, self.work.1, candidates.len());
        let mut records = self.known.records();
        let mut seen: Vec<Seen> = Vec::with_capacity(candidates.len());
        let (mut n_stamped, mut is_new) = (0, false);
        for (number, chunk) in in_chunks(candidates).enumerate() {
            if number % FREED == FREED - 1 {
                give_back();
            }
            let found = |candidate: &Candidate| {
                let found = records.find(&candidate.path);
                found.filter(|(_, image)| is_enough(image))
            };
            let known: Vec<Option<(Stamp, KnownImage)>> = chunk.iter().map(found).collect();
            let findings: Vec<Option<(Finding, Option<Stamp>, bool)>> = chunk
                .par_iter()
                .zip(known)
                .map_init(&init, |state, (candidate, known)| {
                    if self.cancel.is_set() {
                        return None;
                    }
                    let stamp = if self.known.are_kept() { candidate.stamp() } else { None };
                    let known = known.filter(|(then, _)| Some(*then) == stamp);
                    let is_known = known.is_some();
                    let finding = match known {
                        Some((_, image)) => Finding::Image(image),
                        None => read(state, candidate),
                    };
                    self.tally.add();
                    Some((finding, stamp, is_known))
                })
                .collect();
            for (candidate, found) in chunk.into_iter().zip(findings) {
                let (finding, stamp, is_known) = found?;
                if let Finding::Image(image) = &finding {
                    seen.push((!is_known).then(|| Box::new((stamp, image.look))));
                    n_stamped += usize::from(stamp.is_some());
                    is_new |= !is_known && stamp.is_some();
                }
                each(candidate, finding);
            }
        }
        drop(counting);
        let is_new = is_new || (self.known.are_kept() && records.n_read() != n_stamped);
        Some(NewRecords(is_new.then_some(seen)))
    }
}

/// The candidates backwards, in blocks of memory that are freed one by one.
fn in_chunks(mut candidates: Vec<Candidate>) -> impl Iterator<Item = Vec<Candidate>> {
    let mut chunks = vec![];
    while !candidates.is_empty() {
        let mut chunk = candidates.split_off(candidates.len().saturating_sub(CHUNK));
        chunk.reverse();
        chunks.push(chunk);
    }
    chunks.into_iter()
}

impl NewRecords {
    /// Writes the records if they have changed. `images` are in the order in which they were passed
    /// on.
    pub(super) fn keep<'a>(
        self,
        known: &KnownImages,
        images: impl Iterator<Item = (&'a str, KnownImage)>,
    ) {
        let Some(seen) = self.0 else { return };
        let mut before = known.records();
        known.replace(images.zip(seen).map(|((path, image), seen)| match seen {
            Some(seen) => {
                let (stamp, look) = *seen;
                (path, stamp, KnownImage { look, ..image })
            }
            None => match before.find(path) {
                Some((stamp, image)) => (path, Some(stamp), image),
                None => (path, None, image),
            },
        }));
    }
}

/// Reads a candidate. It is decoded unless it is drawn, or `cached` has its likeness. `make` gets the
/// decoded image, and `keep` what was made of it.
pub(super) fn find<T>(
    candidate: &Candidate,
    alpha: Alpha,
    cached: impl FnOnce(Digest) -> Option<Likeness>,
    make: impl FnOnce(&decode::RgbImage) -> T,
    keep: impl FnOnce(Digest, T, Likeness),
) -> Finding {
    if let Some((generator, number)) = candidate.drawn() {
        let digest = generator.digest(candidate.label, number);
        return Finding::Image(KnownImage { digest, likeness: Likeness::default(), look: None });
    }
    let bytes = match candidate.read() {
        Ok(bytes) => bytes,
        Err(reason) => return Finding::Bad(reason),
    };
    let digest = Digest::of(&bytes);
    if let Some(likeness) = cached(digest) {
        return Finding::Image(KnownImage { digest, likeness, look: None });
    }
    let decoded = decode::decode_then(&candidate.path, &bytes, alpha, |image| {
        (make(&image), Likeness::of(&image), look(&image, &bytes))
    });
    match decoded {
        Ok((made, likeness, look)) => {
            keep(digest, made, likeness);
            Finding::Image(KnownImage { digest, likeness, look })
        }
        Err(reason) if !candidate.is_named && reason.is_no_image(&candidate.path) => {
            Finding::Ignored(reason)
        }
        Err(reason) => Finding::Bad(reason),
    }
}

/// How an image looks that was decoded from `bytes`.
fn look(image: &decode::RgbImage, bytes: &[u8]) -> Option<Look> {
    let format = decode::format_of(bytes)?;
    Some(Look { size: [image.width(), image.height()], bytes: bytes.len() as u32, format })
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;
    use std::time::Duration;

    use super::super::scan;
    use super::*;
    use crate::base::fs;
    use crate::spec::{DatasetSource, Location, TargetSpec};

    /// Reads the files of a directory, and returns how many were read and the digests of all.
    fn read(root: &Path, cache: &Path) -> (usize, Vec<Digest>) {
        let directory = Location { written: String::new(), path: root.to_path_buf() };
        let known = KnownImages::of(&DatasetSource::Directory { directory }, Some(cache));
        let (tally, cancel, n_read) = (Tally::default(), Cancel::new(), AtomicUsize::new(0));
        let reading = Reading { known: &known, tally: &tally, cancel: &cancel, work: ("", "") };
        let candidates = scan::scan_some(root, None, TargetSpec::Class, None).unwrap().candidates;
        let (mut paths, mut images) = (vec![], vec![]);
        let records = reading.all(
            candidates,
            || (),
            |(), candidate| {
                n_read.fetch_add(1, Ordering::Relaxed);
                let digest = Digest::of(&candidate.read().unwrap());
                Finding::Image(KnownImage { digest, likeness: Likeness::default(), look: None })
            },
            |_| true,
            |candidate, finding| {
                let Finding::Image(image) = finding else { panic!("it is an image") };
                paths.push(candidate.path);
                images.push(image);
            },
        );
        assert!(paths.is_sorted_by(|a, b| a > b), "{paths:?}");
        let named = paths.iter().zip(&images).map(|(path, image)| (&**path, *image));
        records.unwrap().keep(&known, named);
        (n_read.into_inner(), images.iter().map(|image| image.digest).collect())
    }

    #[test]
    fn only_new_and_changed_files_are_read() {
        let (root, cache) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let write = |name: &str, content: &str| {
            let path = root.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write_atomic(&path, content.as_bytes()).unwrap();
        };
        for i in 0..10 {
            write(&format!("a/{i}"), &format!("{i}"));
        }
        // A file that has just been written may be written again without a trace.
        assert_eq!(read(root.path(), cache.path()).0, 10);
        assert_eq!(read(root.path(), cache.path()).0, 10);
        thread::sleep(Duration::from_millis(2100));
        let (n_read, before) = read(root.path(), cache.path());
        assert_eq!(n_read, 10);
        assert_eq!(read(root.path(), cache.path()), (0, before.clone()));
        write("a/3", "x");
        write("a/new", "y");
        fs::remove_any(&root.path().join("a/7")).unwrap();
        let (n_read, after) = read(root.path(), cache.path());
        assert_eq!((n_read, after.len()), (2, 10));
        assert_eq!(after.iter().filter(|digest| before.contains(digest)).count(), 8);
        assert_eq!(read(root.path(), tempfile::tempdir().unwrap().path()), (10, after));
    }
}
