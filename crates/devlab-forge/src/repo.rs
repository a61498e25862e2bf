//! A bare repository that is ours.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::error::{Error, Result};
use crate::git::{Cmd, Git, LONG_TIMEOUT};
use crate::name::RefName;
use crate::objects::Object;

/// Largest pack that a push may bring, in bytes.
pub const PUSH_BYTES_MAX: u64 = 2 << 30;
/// A lock this old belongs to a process that died: git itself waits three seconds for one.
pub const STALE_LOCK_AGE: Duration = Duration::from_secs(10);
/// Loose objects in one of 256 folders from which git packs by itself.
const LOOSE_OF_256_MAX: usize = 27;
/// Packs from which git packs by itself.
const PACKS_MAX: usize = 50;
/// Most folders and files looked at while clearing stale locks.
const LOCK_SCAN_MAX: usize = 1_000_000;

/// A bare repository on disk. Cheap to clone; it holds no lock.
#[derive(Debug, Clone)]
pub struct BareRepo {
    git: Git,
    dir: PathBuf,
}

impl BareRepo {
    /// Opens a repository that [`BareRepo::init`] or an import made. No process.
    ///
    /// # Errors
    /// [`Error::Missing`] if there is none at `dir`.
    pub async fn open(git: &Git, dir: &Path) -> Result<Self> {
        let head = dir.join("HEAD");
        let objects = dir.join("objects");
        let there = tokio::fs::metadata(&head)
            .await
            .is_ok_and(|meta| meta.is_file())
            && tokio::fs::metadata(&objects)
                .await
                .is_ok_and(|meta| meta.is_dir());
        if there {
            Ok(Self {
                git: git.clone(),
                dir: dir.to_owned(),
            })
        } else {
            Err(Error::Missing {
                what: format!("a git repository at {}", dir.display()),
            })
        }
    }

    /// Makes an empty repository whose `HEAD` is `branch`. It appears at `dir` complete or not at
    /// all; if one is there already, it is opened unchanged. One process.
    ///
    /// # Errors
    /// A branch that is not in `refs/heads/`, a folder that cannot be made, or git's failure.
    pub async fn init(git: &Git, dir: &Path, branch: &RefName) -> Result<Self> {
        if let Ok(there) = Self::open(git, dir).await {
            return Ok(there);
        }
        let name = branch.branch_name().ok_or_else(|| {
            Error::invalid(
                "default branch",
                branch.as_str(),
                "must begin with refs/heads/",
            )
        })?;
        let parent = dir.parent().unwrap_or_else(|| Path::new("/"));
        tokio::fs::create_dir_all(parent)
            .await
            .map_err(Error::io("create", parent))?;
        let fresh = sibling(dir, "new");
        remove_dir(&fresh).await?;
        git.cmd("init")
            .args([
                "init",
                "--quiet",
                "--bare",
                "--template=",
                "--initial-branch",
                name,
                "--",
            ])
            .arg(&fresh)
            .ok()
            .await?;
        finish(&fresh, dir).await?;
        Self::open(git, dir).await
    }

    /// Where it is.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    pub(crate) fn objects(&self) -> PathBuf {
        self.dir.join("objects")
    }

    /// The git it is used with.
    #[must_use]
    pub fn git(&self) -> &Git {
        &self.git
    }

    pub(crate) fn cmd(&self, name: &'static str) -> Cmd {
        self.git.in_dir(&self.dir, name)
    }

    /// Looks up an object by any name that git knows it by, with its content if it has at most so
    /// many bytes. No process of its own.
    pub(crate) async fn object(
        &self,
        name: &str,
        content_bytes_max: usize,
    ) -> Result<Option<Object>> {
        let cmd = || self.cmd("cat-file");
        let readers = self.git.readers();
        readers
            .ask(&self.dir, name, content_bytes_max as u64, cmd)
            .await
    }

    /// Makes `branch` the one that a clone checks out. One process.
    ///
    /// # Errors
    /// A ref outside `refs/heads/`, or git's failure.
    pub async fn set_head(&self, branch: &RefName) -> Result<()> {
        if branch.branch_name().is_none() {
            return Err(Error::invalid(
                "default branch",
                branch.as_str(),
                "must begin with refs/heads/",
            ));
        }
        self.cmd("symbolic-ref")
            .args(["HEAD", branch.as_str()])
            .ok()
            .await?;
        Ok(())
    }

    /// The branch that `HEAD` names, whether it exists yet or not. No process.
    ///
    /// # Errors
    /// `HEAD` cannot be read or does not name a branch.
    pub async fn head_branch(&self) -> Result<RefName> {
        let path = self.dir.join("HEAD");
        let text = tokio::fs::read_to_string(&path)
            .await
            .map_err(Error::io("read", &path))?;
        let target = text.strip_prefix("ref:").unwrap_or(&text);
        Ok(target.trim().parse()?)
    }

    /// Verifies every object and that all that refs need is there, while others write. Three
    /// processes, which read everything.
    ///
    /// # Errors
    /// [`Error::Failed`] with what is broken.
    pub async fn fsck(&self) -> Result<()> {
        // Refs come first. Left to itself `git fsck` reads them after the objects, and takes what was
        // written in between for missing.
        let refs = self.all_refs().await?;
        let mut heads: Vec<&str> = refs.iter().map(|(_, oid)| oid.as_str()).collect();
        heads.sort_unstable();
        heads.dedup();
        let done = self
            .cmd("fsck")
            .args(["--full", "--no-dangling", "--no-progress", "--no-reflogs"])
            .args(heads.first())
            .timeout(LONG_TIMEOUT)
            .run()
            .await?;
        if done.code != Some(0) {
            let said = [done.stderr, done.stdout].concat();
            return Err(Error::failed("fsck", done.code, &said));
        }
        if heads.is_empty() {
            return Ok(());
        }
        let all = heads.join("\n");
        let reach = self
            .cmd("rev-list")
            .args(["--objects", "--quiet", "--stdin"]);
        let reach = reach.stdin(all.into_bytes()).timeout(LONG_TIMEOUT);
        reach.ok().await.map(drop)
    }

    /// Packs loose objects and refs; `prune` also drops objects that nothing names and that are older
    /// than two weeks, so that none goes that a push or a merge is just about to name. Never run by
    /// git on its own here: only by this call. A few processes; those that may take long are asked
    /// to end once `stop` is: then nothing but time is lost. Packing refs is short and goes to its
    /// end, for a git that is asked to end right after it made a lock leaves that lock behind.
    ///
    /// # Errors
    /// git's failure, that it was stopped among them.
    pub async fn maintain(&self, prune: bool, stop: impl Future<Output = ()>) -> Result<()> {
        let prune = match prune {
            true => "--prune=2.weeks.ago",
            false => "--no-prune",
        };
        let refs = self.cmd("pack-refs").args(["--all", "--prune"]);
        refs.timeout(LONG_TIMEOUT).ok().await?;
        let gc = self.cmd("gc").config("gc.packRefs", "false");
        let gc = gc.args(["--quiet", prune]);
        let done = gc.timeout(LONG_TIMEOUT).run_until(stop).await?;
        match done.code {
            Some(0) => Ok(()),
            code => Err(Error::failed("gc", code, &done.stderr)),
        }
    }

    /// Whether there are so many loose objects or packs that [`BareRepo::maintain`] would make the
    /// repository faster: git's own measure, more than about 6,700 objects (guessed from those of one
    /// of 256 folders) or 50 packs. No process.
    ///
    /// # Errors
    /// A folder cannot be read.
    pub async fn needs_packing(&self) -> Result<bool> {
        let objects = self.objects();
        let look = tokio::task::spawn_blocking(move || {
            let loose = count_files(&objects.join("17"), "")?;
            let packs = count_files(&objects.join("pack"), ".pack")?;
            Ok(loose > LOOSE_OF_256_MAX || packs > PACKS_MAX)
        });
        look.await
            .unwrap_or_else(|join| Err(std::io::Error::other(join)))
            .map_err(Error::io("look into", &self.dir))
    }

    /// Removes lock files of git processes that were killed, if older than `min_age` by the file
    /// system's own clock. Call it at start, before anything else uses the repository; returns
    /// how many were removed. No process.
    ///
    /// # Errors
    /// The folder cannot be read or written.
    pub async fn clear_stale_locks(&self, min_age: Duration) -> Result<usize> {
        let dir = self.dir.clone();
        let sweep = tokio::task::spawn_blocking(move || clear_locks(&dir, min_age));
        sweep
            .await
            .unwrap_or_else(|join| Err(std::io::Error::other(join)))
            .map_err(Error::io("clear locks in", &self.dir))
    }
}

/// Files of a folder whose names end with something; none of one that is not there.
fn count_files(dir: &Path, end: &str) -> std::io::Result<usize> {
    let entries = match std::fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(error),
    };
    let mut count = 0;
    for entry in entries {
        let name = entry?.file_name();
        count += usize::from(name.to_string_lossy().ends_with(end));
    }
    Ok(count)
}

fn clear_locks(dir: &Path, min_age: Duration) -> std::io::Result<usize> {
    // A file written now tells the file system's time, which is what the locks' ages are in.
    let probe = dir.join("devlab-clock");
    std::fs::write(&probe, b"")?;
    let now = std::fs::metadata(&probe)?.modified()?;
    std::fs::remove_file(&probe)?;
    let mut folders = vec![dir.join("refs")];
    let mut locks: Vec<PathBuf> = [
        "packed-refs.lock",
        "HEAD.lock",
        "config.lock",
        "shallow.lock",
    ]
    .map(|name| dir.join(name))
    .into();
    let mut seen = 0_usize;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?;
            seen += 1;
            if seen > LOCK_SCAN_MAX {
                return Err(std::io::Error::other(
                    "too many refs; run maintenance on this repository",
                ));
            }
            if entry.file_type()?.is_dir() {
                folders.push(entry.path());
            } else if entry.path().extension().is_some_and(|ext| ext == "lock") {
                locks.push(entry.path());
            }
        }
    }
    let mut removed = 0;
    for lock in locks {
        let Ok(meta) = std::fs::symlink_metadata(&lock) else {
            continue;
        };
        if now.duration_since(meta.modified()?).unwrap_or_default() >= min_age {
            std::fs::remove_file(&lock)?;
            removed += 1;
        }
    }
    Ok(removed)
}

/// A name beside `dir` for what is not finished.
pub(crate) fn sibling(dir: &Path, suffix: &str) -> PathBuf {
    let name = dir.file_name().unwrap_or_default().to_string_lossy();
    dir.with_file_name(format!(".{name}.{suffix}"))
}

pub(crate) async fn remove_dir(dir: &Path) -> Result<()> {
    match tokio::fs::remove_dir_all(dir).await {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::io("remove", dir)(error))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Gives a new repository its configuration and its final name.
///
/// The file is for people who use plain git on it: every command of ours sets the same values.
pub(crate) async fn finish(fresh: &Path, dir: &Path) -> Result<()> {
    let config = format!(
        "[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = true\n\tlogallrefupdates = false\n\
         [gc]\n\tauto = 0\n[maintenance]\n\tauto = false\n\
         [receive]\n\tfsckObjects = true\n\tdenyNonFastForwards = true\n\tdenyDeletes = true\n\tautogc = false\n\tmaxInputSize = {PUSH_BYTES_MAX}\n\
         [transfer]\n\tfsckObjects = true\n[http]\n\treceivepack = false\n\tgetanyfile = false\n"
    );
    let path = fresh.join("config");
    tokio::fs::write(&path, config)
        .await
        .map_err(Error::io("write", &path))?;
    tokio::fs::rename(fresh, dir)
        .await
        .map_err(Error::io("create", dir))
}
