//! The folders under an agent's home.
//!
//! ```text
//! <home>/lock                     one agent process at a time
//! <home>/claim                    id of a question for work that is not answered yet
//! <home>/attempts/<attempt>/      lock, journal.json,
//!        tree/  check/            what the driver works in; the clean checkout for the checks
//!        ctx/   log/   run/       context for the driver; the log; scripts and specifications
//!        private/<run>/           HOME and TMPDIR of the driver, and of the checks
//! <home>/trash/                   being deleted
//!
//! <cache>/<project>.git           copy of a project: its objects, and used trees
//! <cache>/<project>.lock          shared by who uses the copy; a collection needs it alone
//! <cache>/<project>.fetch         held by who makes the copy or fetches, see devlab_forge::worktree
//! <cache>/trash/                  copies that are being deleted
//! ```
//!
//! The cache is `<home>/repos`, or a folder that several agents of one machine and one user share:
//! then a commit is fetched once, and a tree that one agent has used is passed on to another. That
//! needs the cache and the homes on the same file system.
//!
//! Locks are flock(2): the kernel lets go of them when their process dies, however it dies.

mod collect;
mod copies;
mod remove;

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use devlab_core::{AttemptId, ProjectId};
use rustix::fs::{FlockOperation, flock};

use copies::Copies;

pub use collect::{Collected, Limits, MAX_AGE, MAX_BYTES};
pub use remove::remove_tree;

/// How often entering an attempt's folder starts again when a collection takes it away meanwhile.
const ENTER_TRIES: u32 = 3;

/// Why a home cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum HomeError {
    /// Another agent process has it.
    #[error(
        "the agent home {path} is in use by process {holder}: stop that agent, or give this one a home of its own"
    )]
    InUse {
        /// Which home.
        path: PathBuf,
        /// Who, as it wrote itself down.
        holder: String,
    },
    /// The file system says no.
    #[error("cannot use the agent home {path}")]
    Io {
        /// Which file or folder.
        path: PathBuf,
        /// What the file system says.
        source: io::Error,
    },
}

/// An agent's home, held by this process.
#[derive(Debug)]
pub struct Home {
    root: PathBuf,
    copies: Copies,
    /// Held open for its lock.
    lock: File,
}

impl Drop for Home {
    fn drop(&mut self) {
        // By name, as that of [`InUse`]: whoever opens this home next does not wait for a child that
        // is just being started.
        flock(&self.lock, FlockOperation::Unlock).ok();
    }
}

/// The right to use an attempt's folder or a repository: it is not collected meanwhile.
#[derive(Debug)]
pub struct InUse {
    lock: File,
}

impl Drop for InUse {
    fn drop(&mut self) {
        // The age of a copy is that of its last use, which ends here: writing moves it on.
        self.lock.write_at(b"used\n", 0).ok();
        // By name: a child that is just being started has the file open too, until it is another
        // program, and a collection does not wait. If this fails, closing the file does it.
        flock(&self.lock, FlockOperation::Unlock).ok();
    }
}

/// Where the parts of one attempt are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptPaths {
    root: PathBuf,
}

impl Home {
    /// Opens a home for this process alone, with copies of its own, and makes its folders.
    ///
    /// # Errors
    /// See [`HomeError`].
    pub fn open(root: &Path) -> Result<Self, HomeError> {
        Self::open_with(root, &own_copies(root))
    }

    /// Opens a home for this process alone, with copies that it may share with other homes.
    ///
    /// # Errors
    /// See [`HomeError`].
    pub fn open_with(root: &Path, cache: &Path) -> Result<Self, HomeError> {
        let at = |path: &Path| {
            let path = path.to_owned();
            move |source| HomeError::Io { path, source }
        };
        for folder in [root.to_owned(), root.join("attempts"), root.join("trash")] {
            make_folder(&folder).map_err(at(&folder))?;
        }
        let path = root.join("lock");
        let mut file = open_lock(&path).map_err(at(&path))?;
        if !try_lock(&file).map_err(at(&path))? {
            let mut holder = String::new();
            file.read_to_string(&mut holder).ok();
            return Err(HomeError::InUse {
                path: root.to_owned(),
                holder: holder.trim().to_owned(),
            });
        }
        let own = format!("{}\n", crate::process::own_pid());
        file.set_len(0)
            .and_then(|()| file.write_all(own.as_bytes()))
            .map_err(at(&path))?;
        let copies = Copies::open(cache).map_err(at(cache))?;
        let root = fs::canonicalize(root).map_err(at(root))?;
        Ok(Self {
            root,
            copies,
            lock: file,
        })
    }

    /// The folder itself, absolute.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where a project's copy is.
    #[must_use]
    pub fn repo(&self, project: ProjectId) -> PathBuf {
        self.copies.repo(project)
    }

    /// Keeps a project's copy from being collected, by any agent. Any number may hold it. Blocks
    /// for a moment at most.
    ///
    /// # Errors
    /// What the file system says.
    pub fn hold_repo(&self, project: ProjectId) -> io::Result<InUse> {
        self.copies.hold(project)
    }

    /// Where an attempt's parts are, whether they exist or not.
    #[must_use]
    pub fn attempt(&self, attempt: AttemptId) -> AttemptPaths {
        AttemptPaths {
            root: self.root.join("attempts").join(attempt.to_string()),
        }
    }

    /// Makes an attempt's folders, or finds them, and keeps them from being collected.
    ///
    /// # Errors
    /// What the file system says; [`io::ErrorKind::WouldBlock`] if the attempt is in use already.
    pub fn enter(&self, attempt: AttemptId) -> io::Result<(AttemptPaths, InUse)> {
        let paths = self.attempt(attempt);
        for _ in 0..ENTER_TRIES {
            make_folder(&paths.root)?;
            let file = open_lock(&paths.lock())?;
            if !try_lock(&file)? {
                break;
            }
            // A collection may have taken the folder away between the last two lines; the lock is
            // then on a file that is gone.
            let (mine, now) = (file.metadata()?, fs::metadata(paths.lock()));
            if now.is_ok_and(|now| (now.dev(), now.ino()) == (mine.dev(), mine.ino())) {
                for folder in [paths.context(), paths.log(), paths.run()] {
                    make_folder(&folder)?;
                }
                return Ok((paths, InUse { lock: file }));
            }
        }
        let problem = format!("attempt {attempt} is in use already");
        Err(io::Error::new(io::ErrorKind::WouldBlock, problem))
    }

    /// Takes a finished attempt's folder out of the way in one step, and returns where it is now,
    /// for [`remove_tree`]. What is not removed is removed by the next collection.
    ///
    /// # Errors
    /// What the file system says.
    pub fn discard(&self, attempt: AttemptId, _held: &InUse) -> io::Result<PathBuf> {
        let trash = self.root.join("trash").join(attempt.to_string());
        remove_tree(&trash)?;
        fs::rename(self.attempt(attempt).root, &trash)?;
        Ok(trash)
    }

    /// The attempts that have a folder. Anything else in there is not ours, and left alone.
    ///
    /// # Errors
    /// What the file system says.
    pub fn attempts(&self) -> io::Result<Vec<AttemptId>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(self.root.join("attempts"))? {
            if let Some(id) = entry?
                .file_name()
                .to_str()
                .and_then(|name| name.parse().ok())
            {
                found.push(id);
            }
        }
        Ok(found)
    }
}

impl AttemptPaths {
    /// What the driver works in.
    #[must_use]
    pub fn tree(&self) -> PathBuf {
        self.root.join("tree")
    }

    /// The clean checkout that checks run in.
    #[must_use]
    pub fn check(&self) -> PathBuf {
        self.root.join("check")
    }

    /// Context for the driver: the goal, logs of failed checks, prior work.
    #[must_use]
    pub fn context(&self) -> PathBuf {
        self.root.join("ctx")
    }

    /// What the driver and people say to each other while it runs.
    #[must_use]
    pub fn talk(&self) -> PathBuf {
        self.root.join("talk")
    }

    /// Folder of the [`crate::log::LogFile`].
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.root.join("log")
    }

    /// Scripts, specifications and outcomes of runs: [`crate::driver::DriverSpec::scratch`].
    #[must_use]
    pub fn run(&self) -> PathBuf {
        self.root.join("run")
    }

    /// `HOME` and `TMPDIR` of a run, by its name: a check must not find what the driver left there.
    #[must_use]
    pub fn private(&self, run: &str) -> (PathBuf, PathBuf) {
        let folder = self.root.join("private").join(run);
        (folder.join("home"), folder.join("tmp"))
    }

    /// The harness's index of the tree or the clean checkout, out of a driver's reach.
    #[must_use]
    pub fn index(&self, name: &str) -> PathBuf {
        self.run().join(format!("{name}.index"))
    }

    /// The attempt's journal.
    #[must_use]
    pub fn journal(&self) -> PathBuf {
        self.root.join("journal.json")
    }

    fn lock(&self) -> PathBuf {
        self.root.join("lock")
    }
}

/// Where an agent has its copies of projects unless it shares them.
fn own_copies(root: &Path) -> PathBuf {
    root.join("repos")
}

fn make_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

fn open_lock(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
}

/// `false` if somebody else has it.
fn try_lock(file: &File) -> io::Result<bool> {
    match flock(file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(true),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(false),
        Err(error) => Err(error.into()),
    }
}
