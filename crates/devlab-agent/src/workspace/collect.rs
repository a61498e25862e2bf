//! Making room.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use devlab_core::{AttemptId, Timestamp};

use super::copies::Copies;
use super::{Home, open_lock, own_copies, remove_tree, try_lock};
use crate::journal::{self, Step};

/// How long something unused is kept by default.
pub const MAX_AGE: Duration = Duration::from_secs(7 * 24 * 3600);
/// How much a home and its copies of projects hold by default.
pub const MAX_BYTES: u64 = 20 * 1024 * 1024 * 1024;
/// Unit of `st_blocks` (stat(2)).
const BLOCK_BYTES: u64 = 512;

/// When something is collected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Not used for so long.
    pub max_age: Duration,
    /// Together more than this: the oldest go first, attempts before repositories.
    pub max_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_age: MAX_AGE,
            max_bytes: MAX_BYTES,
        }
    }
}

/// What a collection did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Collected {
    /// Attempts that are gone.
    pub attempts: u32,
    /// Repositories that are gone.
    pub repos: u32,
    /// Disk space that they held.
    pub bytes: u64,
    /// Left alone because they are in use, or have something to tell the server.
    pub kept_in_use: u32,
    /// Could not be removed; each is in the log, and tried again next time.
    pub failed: u32,
    /// What the home and its copies hold now.
    pub bytes_left: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Attempt(AttemptId),
    Repo,
}

struct Item {
    kind: Kind,
    path: PathBuf,
    lock: PathBuf,
    /// On the same file system.
    trash: PathBuf,
    used: Timestamp,
    bytes: u64,
}

impl Home {
    /// Removes what is too old, then what is too much; never what is in use, here or by another
    /// agent that shares the copies. Reads the whole home and all copies, and blocks.
    ///
    /// # Errors
    /// If the home cannot be read.
    pub fn collect(&self, limits: Limits, now: Timestamp) -> io::Result<Collected> {
        self.empty_trash();
        let mut items = self.items()?;
        items.sort_by_key(|item| (item.kind == Kind::Repo, item.used));
        let mut done = Collected {
            bytes_left: items.iter().map(|item| item.bytes).sum(),
            ..Default::default()
        };
        for item in &items {
            let old = now.since(item.used) > limits.max_age;
            if !old && done.bytes_left <= limits.max_bytes {
                continue;
            }
            match self.take(item, old) {
                Ok(true) => {
                    match item.kind {
                        Kind::Attempt(_) => done.attempts += 1,
                        Kind::Repo => done.repos += 1,
                    }
                    done.bytes += item.bytes;
                    done.bytes_left = done.bytes_left.saturating_sub(item.bytes);
                }
                Ok(false) => done.kept_in_use += 1,
                Err(error) => {
                    tracing::warn!(path = %item.path.display(), %error, "cannot collect this");
                    done.failed += 1;
                }
            }
        }
        Ok(done)
    }

    /// `false` if it is in use.
    fn take(&self, item: &Item, old: bool) -> io::Result<bool> {
        let lock: File = open_lock(&item.lock)?;
        if !try_lock(&lock)? {
            return Ok(false);
        }
        // Of copies that are shared, another agent may have used this one since it was looked at.
        // A lock that is empty was made just now, for this.
        if item.kind == Kind::Repo
            && lock.metadata()?.len() > 0
            && modified(&item.lock) != Some(item.used)
        {
            return Ok(false);
        }
        if let Kind::Attempt(attempt) = item.kind
            && !old
            && has_work_left(&item.path.join("journal.json"), attempt)
        {
            return Ok(false);
        }
        // Out of the way in one step, so that nobody ever sees half of it.
        let name = item.path.file_name().unwrap_or_default().to_string_lossy();
        let trash = item
            .trash
            .join(format!("{name}-{:016x}", rand::random::<u64>()));
        match fs::rename(&item.path, &trash) {
            // Another agent has collected it.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            renamed => renamed?,
        }
        drop(lock);
        remove_tree(&trash)?;
        Ok(true)
    }

    /// What an earlier collection did not finish.
    fn empty_trash(&self) {
        let copies = self.all_copies();
        let mut trashes: Vec<PathBuf> = copies.iter().map(Copies::trash).collect();
        trashes.push(self.root.join("trash"));
        for trash in trashes {
            let entries = fs::read_dir(trash).into_iter().flatten().flatten();
            for entry in entries {
                if let Err(error) = remove_tree(&entry.path()) {
                    tracing::warn!(path = %entry.path().display(), %error, "cannot empty the trash");
                }
            }
        }
    }

    /// The copies in use, and those from before they were shared.
    fn all_copies(&self) -> Vec<Copies> {
        let mut all = vec![self.copies.clone()];
        let own = own_copies(&self.root);
        if own != self.copies.root() && own.is_dir() {
            match Copies::open(&own) {
                Ok(own) => all.push(own),
                Err(error) => tracing::warn!(path = %own.display(), %error, "cannot collect"),
            }
        }
        all
    }

    fn items(&self) -> io::Result<Vec<Item>> {
        let mut items = Vec::new();
        for attempt in self.attempts()? {
            let paths = self.attempt(attempt);
            let (path, lock) = (paths.root.clone(), paths.lock());
            // Every step of the attempt writes its journal; without one, the folder's own time.
            let used = modified(&paths.journal()).or_else(|| modified(&path));
            items.push(Item {
                kind: Kind::Attempt(attempt),
                bytes: disk_bytes(&path),
                path,
                lock,
                trash: self.root.join("trash"),
                used: used.unwrap_or_default(),
            });
        }
        for copies in self.all_copies() {
            for entry in fs::read_dir(copies.root())?.flatten() {
                let path = entry.path();
                let name = entry.file_name();
                // One that begins with a dot is being made.
                let name = name.to_string_lossy();
                if name.starts_with('.') || !name.ends_with(".git") {
                    continue;
                }
                let lock = path.with_extension("lock");
                let used = modified(&lock).or_else(|| modified(&path));
                items.push(Item {
                    kind: Kind::Repo,
                    bytes: disk_bytes(&path),
                    path,
                    lock,
                    trash: copies.trash(),
                    used: used.unwrap_or_default(),
                });
            }
        }
        Ok(items)
    }
}

/// An attempt that was not finished is worth its room until it is too old to matter.
fn has_work_left(journal: &Path, attempt: AttemptId) -> bool {
    matches!(journal::read(journal, attempt), Ok(Some(facts)) if facts.step != Step::Acked)
}

fn modified(path: &Path) -> Option<Timestamp> {
    let metadata = fs::symlink_metadata(path).ok()?;
    let millis = metadata.mtime().saturating_mul(1000) + metadata.mtime_nsec() / 1_000_000;
    Some(Timestamp::from_millis(millis))
}

/// Disk space of a tree, links not followed. What vanishes meanwhile counts for nothing.
fn disk_bytes(root: &Path) -> u64 {
    let mut bytes = 0;
    let mut paths = vec![root.to_owned()];
    while let Some(path) = paths.pop() {
        let Ok(metadata) = fs::symlink_metadata(&path) else {
            continue;
        };
        bytes += metadata.blocks() * BLOCK_BYTES;
        if metadata.is_dir() {
            paths.extend(
                fs::read_dir(&path)
                    .into_iter()
                    .flatten()
                    .flatten()
                    .map(|e| e.path()),
            );
        }
    }
    bytes
}
