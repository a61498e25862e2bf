//! The folder of the copies of projects, which the agents of one machine may share.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use devlab_core::ProjectId;
use rustix::fs::{FlockOperation, flock};

use super::{InUse, make_folder, open_lock};

/// Copies of projects by id, a lock beside each, and a trash on the same file system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Copies {
    root: PathBuf,
}

impl Copies {
    /// Makes the folder, or finds it.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        make_folder(path)?;
        make_folder(&path.join("trash"))?;
        let root = fs::canonicalize(path)?;
        Ok(Self { root })
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    pub(super) fn trash(&self) -> PathBuf {
        self.root.join("trash")
    }

    pub(super) fn repo(&self, project: ProjectId) -> PathBuf {
        self.root.join(format!("{project}.git"))
    }

    /// Keeps a copy from being collected, by this process or another. Blocks only while one is
    /// taken away.
    pub(super) fn hold(&self, project: ProjectId) -> io::Result<InUse> {
        let file = open_lock(&self.root.join(format!("{project}.lock")))?;
        flock(&file, FlockOperation::LockShared)?;
        // Its age is that of its last use.
        file.set_len(0)?;
        (&file).write_all(b"used\n")?;
        Ok(InUse { lock: file })
    }
}
