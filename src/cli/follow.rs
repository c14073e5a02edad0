//! Follows files and folders, and says when something about them changed.
//!
//! Editors save in many ways: in place, by renaming another file over the old one, in several
//! writes. So it is folders that are followed, and a change is told once nothing more happens.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};

/// How long nothing more must happen.
const QUIET: Duration = Duration::from_millis(25);
/// After how long a change is told although more is happening.
const PATIENCE: Duration = Duration::from_millis(150);

/// What is followed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Targets {
    /// Files, by absolute paths without `..`; they may be gone for a while.
    pub(super) files: Vec<PathBuf>,
    /// Folders with everything below them.
    pub(super) folders: Vec<PathBuf>,
}

impl Targets {
    fn concern(&self, path: &Path) -> bool {
        self.files.iter().any(|file| file == path)
            || self.folders.iter().any(|folder| path.starts_with(folder))
    }

    /// The folders to watch so that nothing about the targets is missed.
    fn places(&self) -> BTreeMap<PathBuf, RecursiveMode> {
        let parents = self.files.iter().filter_map(|file| file.parent());
        let mut places: BTreeMap<_, _> =
            parents.map(|folder| (folder.to_path_buf(), RecursiveMode::NonRecursive)).collect();
        places.extend(self.folders.iter().map(|folder| (folder.clone(), RecursiveMode::Recursive)));
        places
    }
}

/// Follows targets.
pub(super) struct Follower {
    watcher: RecommendedWatcher,
    events: Receiver<notify::Result<notify::Event>>,
    targets: Targets,
    places: BTreeMap<PathBuf, RecursiveMode>,
}

impl Follower {
    /// Follows nothing yet.
    ///
    /// # Errors
    /// When the system has no way to follow files, or no more of it.
    pub(super) fn new() -> notify::Result<Self> {
        let (sender, events) = mpsc::channel();
        let watcher = notify::recommended_watcher(move |event| {
            // Nobody listens any more once the process is about to end.
            let _ = sender.send(event);
        })?;
        let (targets, places) = (Targets::default(), BTreeMap::new());
        Ok(Self { watcher, events, targets, places })
    }

    /// Follows these targets instead of others.
    ///
    /// # Errors
    /// When a folder cannot be followed.
    pub(super) fn follow(&mut self, targets: Targets) -> notify::Result<()> {
        let places = targets.places();
        for old in self.places.keys().filter(|old| places.get(*old) != self.places.get(*old)) {
            // A folder that is gone is not followed any more, whatever is said about it.
            let _ = self.watcher.unwatch(old);
        }
        for (new, mode) in &places {
            if self.places.get(new) != Some(mode) {
                self.watcher.watch(new, *mode)?;
            }
        }
        (self.targets, self.places) = (targets, places);
        Ok(())
    }

    /// Waits for a change, and then until nothing more happens; when it began, or `None` after
    /// `timeout`.
    pub(super) fn wait(&mut self, timeout: Duration) -> Option<Instant> {
        let deadline = Instant::now() + timeout;
        loop {
            match self.events.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(event) if self.concerns(&event) => break,
                Ok(_) => {}
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return None,
            }
        }
        let start = Instant::now();
        while start.elapsed() < PATIENCE && self.events.recv_timeout(QUIET).is_ok() {}
        Some(start)
    }

    /// Whether an event says that a target may be another than before. Where events were lost,
    /// anything may have changed.
    fn concerns(&self, event: &notify::Result<notify::Event>) -> bool {
        match event {
            Ok(event) if event.need_rescan() => true,
            Ok(event) if matches!(event.kind, EventKind::Access(_)) => false,
            Ok(event) => event.paths.iter().any(|path| self.targets.concern(path)),
            Err(_) => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::fs;

    const SOON: Duration = Duration::from_secs(5);
    const NEVER: Duration = Duration::from_millis(200);

    #[test]
    fn every_way_to_save_is_one_change() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        let [file, other] = ["pipeline.yaml", "other.yaml"].map(|name| root.join(name));
        fs::write_atomic(&file, b"a").unwrap();
        let mut follower = Follower::new().unwrap();
        let targets = Targets { files: vec![file.clone()], folders: vec![] };
        follower.follow(targets).unwrap();
        let by_rename = || fs::write_atomic(&file, b"b").unwrap();
        let in_place = || drop(fs::create(&file).unwrap());
        let removed = || fs::remove_if_there(&file).unwrap();
        let burst = || (0..5).for_each(|_| fs::write_atomic(&file, b"c").unwrap());
        let saves: [&dyn Fn(); 4] = [&by_rename, &in_place, &removed, &burst];
        for save in saves {
            save();
            assert!(follower.wait(SOON).is_some());
            assert!(follower.wait(NEVER).is_none(), "one save is told once");
        }
        fs::write_atomic(&other, b"a").unwrap();
        assert!(fs::read(&file).is_ok());
        assert!(follower.wait(NEVER).is_none(), "neither others nor reading matter");
    }

    #[test]
    fn folders_are_followed_to_their_depths() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        let class = root.join("pictures/disc");
        fs::create_dir_all(&class).unwrap();
        let mut follower = Follower::new().unwrap();
        let targets = Targets { files: vec![], folders: vec![root.join("pictures")] };
        follower.follow(targets).unwrap();
        fs::write_atomic(&class.join("a.png"), b"a").unwrap();
        assert!(follower.wait(SOON).is_some());
        follower.follow(Targets::default()).unwrap();
        fs::write_atomic(&class.join("b.png"), b"b").unwrap();
        assert!(follower.wait(NEVER).is_none());
    }
}
