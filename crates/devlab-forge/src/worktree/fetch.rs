//! Changing the refs of a cache that several processes share.
//!
//! Beside the cache is a file that whoever makes the cache or fetches into it holds by flock(2).
//! It says `fetching` from before a fetch until its good end. The git that fetches holds it too,
//! as its standard input: if its agent is killed, the next one waits for the end of that git,
//! which may still write refs.
//!
//! *Invariant:* whether a commit is there is asked only under the lock. A fetch brings all it brings
//! in one pack (`fetch.fsckObjects`), so a commit is there with what it names; loose objects would
//! come one after the other.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::thread;
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use tokio::sync::oneshot;

use crate::error::{Error, Result};
use crate::git::Git;
use crate::name::{Oid, RefName};
use crate::repo::{BareRepo, STALE_LOCK_AGE};
use crate::transfer::{FetchRef, Remote};
use crate::worktree::Cache;

/// What the file says while a fetch is under way, and after one that was cut short.
const FETCHING: &[u8] = b"fetching\n";

impl Cache {
    /// Opens the cache at `dir`, or makes it; of several processes one does. At most one process
    /// of git.
    ///
    /// # Errors
    /// The folder cannot be made.
    pub async fn ensure(git: &Git, dir: &Path) -> Result<Self> {
        if let Ok(repo) = BareRepo::open(git, dir).await {
            return Ok(Self { repo });
        }
        let parent = dir.parent().unwrap_or_else(|| Path::new("/"));
        tokio::fs::create_dir_all(parent)
            .await
            .map_err(Error::io("create", parent))?;
        let _alone = lock(dir).await?;
        let branch: RefName = "refs/heads/none".parse()?;
        Ok(Self {
            repo: BareRepo::init(git, dir, &branch).await?,
        })
    }

    /// Fetches `refs` unless every one of `needed` is here already, then makes sure that they
    /// are. Waits for whoever fetches into this cache now, in any process; dropping the future
    /// ends the wait. No process if nothing is missing, about seven otherwise.
    ///
    /// After a fetch that was cut short its locks are removed, and what seems to be here is
    /// fetched anyway: git tells what is whole.
    ///
    /// # Errors
    /// As [`BareRepo::fetch_from`]; [`Error::Missing`] if the refs do not contain what is needed.
    pub async fn fetch(&self, remote: &Remote, refs: &[FetchRef], needed: &[Oid]) -> Result<()> {
        let held = lock(self.repo.dir()).await?;
        let at = || Error::io("lock", self.repo.dir());
        let was_cut_short = held.metadata().map_err(at())?.len() > 0;
        if !was_cut_short
            && !needed.is_empty()
            && self.repo.missing_objects(needed).await?.is_empty()
        {
            return Ok(());
        }
        let lock_age = if was_cut_short {
            Duration::ZERO
        } else {
            STALE_LOCK_AGE
        };
        self.repo.clear_stale_locks(lock_age).await?;
        held.write_all_at(FETCHING, 0).map_err(at())?;
        let inherited = held.try_clone().map_err(at())?;
        self.repo.fetch_holding(remote, refs, inherited).await?;
        held.set_len(0).map_err(at())?;
        match self.repo.missing_objects(needed).await?.first() {
            None => Ok(()),
            Some(oid) => Err(Error::Missing {
                what: format!("commit {oid} in what was fetched from {}", remote.url()),
            }),
        }
    }
}

/// Waits for the lock of the cache at `dir`; it is let go of when the file is dropped.
async fn lock(dir: &Path) -> Result<File> {
    let path = dir.with_extension("fetch");
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .map_err(Error::io("lock", &path))?;
    let locked = match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(rustix::io::Errno::WOULDBLOCK) => wait_for(file).await,
        Err(error) => Err(error.into()),
    };
    locked.map_err(Error::io("lock", &path))
}

/// A thread of its own: a runtime that ends does not wait for it.
async fn wait_for(file: File) -> io::Result<File> {
    let (sender, receiver) = oneshot::channel();
    thread::Builder::new()
        .name("fetch-lock".to_owned())
        .spawn(move || {
            let locked = flock(&file, FlockOperation::LockExclusive);
            // Who waited may have gone away; then the lock goes with what was to be sent.
            let _unwanted = sender.send(locked.map(|()| file).map_err(io::Error::from));
        })?;
    receiver
        .await
        .unwrap_or_else(|_| Err(io::Error::other("the thread that waits has died")))
}
