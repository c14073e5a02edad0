//! Watches files and directories, and reports when they change.
//!
//! Editors save in many ways: in place, by renaming another file over the old one, or in several
//! writes. So directories are watched, and a change is reported once nothing more happens.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use notify::event::ModifyKind;
use notify::{EventKind, PollWatcher, RecursiveMode, Watcher};

use crate::base::fs::{self, FolderId};

/// Time without events after which a change is reported.
const QUIET: Duration = Duration::from_millis(25);
/// Time after which a change is reported although events keep coming.
const PATIENCE: Duration = Duration::from_millis(150);

/// How often the watched directories are compared with those that exist.
const RECHECK: Duration = Duration::from_millis(200);

/// The files and directories to watch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Targets {
    /// Files, as absolute paths without `..`; they may disappear for a while.
    pub(super) files: Vec<PathBuf>,
    /// Directories with everything below them.
    pub(super) folders: Vec<PathBuf>,
}

impl Targets {
    fn concern(&self, path: &Path) -> bool {
        self.files.iter().any(|file| file == path)
            || self.folders.iter().any(|folder| path.starts_with(folder))
    }

    /// The directories to watch so that no change of a target is missed.
    fn places(&self) -> BTreeMap<PathBuf, RecursiveMode> {
        let parents = self.files.iter().filter_map(|file| file.parent());
        let mut places: BTreeMap<_, _> =
            parents.map(|folder| (folder.to_path_buf(), RecursiveMode::NonRecursive)).collect();
        places.extend(self.folders.iter().map(|folder| (folder.clone(), RecursiveMode::Recursive)));
        places
    }
}

/// How changes are detected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Means {
    /// By notifications of the operating system.
    System,
    /// By checking files at this interval, for drives without notifications.
    Polling(Duration),
}

/// Files that cannot be watched.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
pub(super) struct FollowError {
    what: String,
    /// How to fix it.
    pub(super) hints: Vec<String>,
    source: notify::Error,
}

/// Watches targets.
pub(super) struct Follower {
    watcher: Box<dyn Watcher + Send>,
    events: Receiver<notify::Result<notify::Event>>,
    targets: Targets,
    places: BTreeMap<PathBuf, Place>,
    /// When the places were last checked.
    checked: Instant,
}

/// A directory that is watched.
struct Place {
    mode: RecursiveMode,
    /// Identity of the directory when it began to be watched; `None` while it does not exist. The
    /// system watches a directory and not its path, which may refer to another one by now.
    folder: Option<FolderId>,
}

impl Follower {
    /// Creates a watcher without targets.
    ///
    /// # Errors
    /// When the system cannot watch files, or a limit is reached.
    pub(super) fn new(means: Means) -> Result<Self, FollowError> {
        let (sender, events) = mpsc::channel();
        let listen = move |event| {
            // The receiver is gone when the process is about to end.
            let _ = sender.send(event);
        };
        let watcher: notify::Result<Box<dyn Watcher + Send>> = match means {
            Means::System => match notify::recommended_watcher(listen) {
                Ok(watcher) => Ok(Box::new(watcher)),
                Err(error) => Err(error),
            },
            Means::Polling(interval) => {
                let config = notify::Config::default().with_poll_interval(interval);
                match PollWatcher::new(listen, config) {
                    Ok(watcher) => Ok(Box::new(watcher)),
                    Err(error) => Err(error),
                }
            }
        };
        let watcher = watcher.map_err(|error| limit_reached(error, "instances"))?;
        let (targets, places, checked) = (Targets::default(), BTreeMap::new(), Instant::now());
        Ok(Self { watcher, events, targets, places, checked })
    }

    /// Replaces the targets.
    ///
    /// # Errors
    /// When a directory cannot be watched.
    pub(super) fn follow(&mut self, targets: Targets) -> Result<(), FollowError> {
        let places = targets.places();
        let old: Vec<PathBuf> = self
            .places
            .iter()
            .filter(|(path, place)| places.get(*path) != Some(&place.mode))
            .map(|(path, _)| path.clone())
            .collect();
        for path in old {
            self.places.remove(&path);
            // A directory that is gone is no longer watched, whatever the result.
            let _ = self.watcher.unwatch(&path);
        }
        self.targets = targets;
        let new = places.into_iter().filter(|(path, _)| !self.places.contains_key(path));
        let new: Vec<(PathBuf, RecursiveMode)> = new.collect();
        new.into_iter().try_for_each(|(path, mode)| self.watch(path, mode))
    }

    /// Watches a directory, or waits until it exists.
    fn watch(&mut self, path: PathBuf, mode: RecursiveMode) -> Result<(), FollowError> {
        let folder = fs::folder_id(&path);
        let watched = match folder {
            Some(_) => self.watcher.watch(&path, mode),
            None => Ok(()),
        };
        let watched = match watched {
            // It disappeared between the two lines above.
            Err(error) if fs::folder_id(&path).is_none() => {
                drop(error);
                self.places.insert(path, Place { mode, folder: None });
                return Ok(());
            }
            watched => watched,
        };
        self.places.insert(path, Place { mode, folder });
        watched.map_err(|error| limit_reached(error, "watches"))
    }

    /// Watches directories that replaced others: moved there, recreated, or reached by a link that
    /// was changed. Returns whether there are any.
    fn watch_replaced(&mut self) -> bool {
        if self.checked.elapsed() < RECHECK {
            return false;
        }
        self.checked = Instant::now();
        let replaced: Vec<(PathBuf, RecursiveMode)> = self
            .places
            .iter()
            .filter(|(path, place)| fs::folder_id(path) != place.folder)
            .map(|(path, place)| (path.clone(), place.mode))
            .collect();
        for (path, mode) in &replaced {
            let _ = self.watcher.unwatch(path);
            // A directory that cannot be watched now is tried again at its next change.
            let _ = self.watch(path.clone(), *mode);
        }
        !replaced.is_empty()
    }

    /// Waits for a change, and then until nothing more happens. Returns when the change began, or
    /// `None` after `timeout`.
    pub(super) fn wait(&mut self, timeout: Duration) -> Option<Instant> {
        let deadline = Instant::now() + timeout;
        loop {
            match self.events.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(event) => {
                    self.forget_removed(&event);
                    if self.concerns(&event) {
                        break;
                    }
                }
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    return self.watch_replaced().then(Instant::now);
                }
            }
        }
        let start = Instant::now();
        while start.elapsed() < PATIENCE
            && let Ok(event) = self.events.recv_timeout(QUIET)
        {
            self.forget_removed(&event);
        }
        Some(start)
    }

    /// Forgets directories that were removed, since another one may get the same inode number. A
    /// link in the place of one, or below it, leads to directories that are not watched yet.
    fn forget_removed(&mut self, event: &notify::Result<notify::Event>) {
        let Ok(event) = event else { return };
        if matches!(event.kind, EventKind::Access(_)) {
            return;
        }
        for path in &event.paths {
            for (place, of) in &mut self.places {
                let is_itself = path == place
                    && !matches!(event.kind, EventKind::Modify(ModifyKind::Metadata(_)));
                let is_new_link = of.mode == RecursiveMode::Recursive
                    && path.starts_with(place)
                    && path.is_symlink();
                if is_itself || is_new_link {
                    of.folder = None;
                }
            }
        }
    }

    /// Whether an event means that a target may have changed. If events were lost, anything may
    /// have changed.
    fn concerns(&self, event: &notify::Result<notify::Event>) -> bool {
        match event {
            Ok(event) if event.need_rescan() => true,
            Ok(event) if matches!(event.kind, EventKind::Access(_)) => false,
            Ok(event) => event.paths.iter().any(|path| self.targets.concern(path)),
            Err(_) => true,
        }
    }
}

/// Converts an error; if a limit was reached, names it and how to raise it.
fn limit_reached(error: notify::Error, of: &str) -> FollowError {
    let is_limit = match &error.kind {
        notify::ErrorKind::MaxFilesWatch => true,
        notify::ErrorKind::Io(io) => {
            // The errors of inotify are EMFILE and ENOSPC.
            cfg!(target_os = "linux") && matches!(io.raw_os_error(), Some(24 | 28))
        }
        _ => false,
    };
    if !is_limit {
        let what = "files cannot be watched".to_owned();
        let hints = vec!["use `--poll 2` to check them every two seconds instead".to_owned()];
        return FollowError { what, hints, source: error };
    }
    let setting = format!("fs.inotify.max_user_{of}");
    let enough = if of == "instances" { 1024 } else { 1_048_576 };
    FollowError {
        what: format!("the system limit on inotify {of} is reached ({setting})"),
        hints: vec![
            format!("raise it: `sudo sysctl {setting}={enough}`"),
            "or use `--poll 2` to check the files every two seconds".to_owned(),
        ],
        source: error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_secs(5);
    const NEVER: Duration = Duration::from_millis(200);

    #[test]
    fn every_way_to_save_is_one_change() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        let [file, other] = ["pipeline.yaml", "other.yaml"].map(|name| root.join(name));
        fs::write_atomic(&file, b"a").unwrap();
        let mut follower = Follower::new(Means::System).unwrap();
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
            assert!(follower.wait(NEVER).is_none(), "one save is reported once");
        }
        fs::write_atomic(&other, b"a").unwrap();
        assert!(fs::read(&file).is_ok());
        assert!(follower.wait(NEVER).is_none(), "neither other files nor reads matter");
    }

    #[test]
    fn folders_are_followed_to_their_depths() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        let class = root.join("pictures/disc");
        fs::create_dir_all(&class).unwrap();
        let mut follower = Follower::new(Means::System).unwrap();
        let targets = Targets { files: vec![], folders: vec![root.join("pictures")] };
        follower.follow(targets).unwrap();
        fs::write_atomic(&class.join("a.png"), b"a").unwrap();
        assert!(follower.wait(SOON).is_some());
        follower.follow(Targets::default()).unwrap();
        fs::write_atomic(&class.join("b.png"), b"b").unwrap();
        assert!(follower.wait(NEVER).is_none());
    }

    #[cfg(unix)]
    #[test]
    fn a_folder_in_the_place_of_another_is_followed() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        let [place, other, link] = ["pictures", "other", "link"].map(|name| root.join(name));
        let fill = |folder: &Path| {
            fs::create_dir_all(&folder.join("disc")).unwrap();
            fs::write_atomic(&folder.join("disc/a.png"), b"a").unwrap();
        };
        let replace: [&dyn Fn(); 3] = [
            &|| {
                fill(&other);
                fs::rename(&place, &root.join("old")).unwrap();
                fs::rename(&other, &place).unwrap();
            },
            &|| {
                fs::remove_dir_all(&place).unwrap();
                fill(&place);
            },
            &|| {
                fill(&root.join("second"));
                fs::remove_if_there(&link).unwrap();
                std::os::unix::fs::symlink(root.join("second"), &link).unwrap();
            },
        ];
        for means in [Means::System, Means::Polling(Duration::from_millis(50))] {
            for (i, replace) in replace.iter().enumerate() {
                for old in ["old", "pictures", "second", "first"] {
                    let _ = fs::remove_dir_all(&root.join(old));
                }
                fill(&place);
                fill(&root.join("first"));
                fs::remove_if_there(&link).unwrap();
                std::os::unix::fs::symlink(root.join("first"), &link).unwrap();
                let target = if i == 2 { &link } else { &place };
                let mut follower = Follower::new(means).unwrap();
                let targets = Targets { files: vec![], folders: vec![target.clone()] };
                follower.follow(targets).unwrap();
                std::thread::sleep(Duration::from_millis(100));
                replace();
                assert!(follower.wait(SOON).is_some(), "replaced, {means:?} {i}");
                while follower.wait(Duration::from_millis(600)).is_some() {}
                fs::write_atomic(&target.join("disc/b.png"), b"b").unwrap();
                assert!(follower.wait(SOON).is_some(), "an edit afterwards, {means:?} {i}");
            }
        }
    }

    #[test]
    fn a_limit_is_named_with_what_raises_it() {
        let error = limit_reached(notify::Error::new(notify::ErrorKind::MaxFilesWatch), "watches");
        assert!(error.to_string().contains("fs.inotify.max_user_watches"), "{error}");
        assert!(error.hints[0].contains("sysctl") && error.hints[1].contains("--poll"));
    }
}
