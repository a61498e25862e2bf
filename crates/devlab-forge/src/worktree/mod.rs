//! The agent's side: a cache repository, which the agents of one machine may share, and trees for
//! drivers made from it.
//!
//! A driver may do what it wants in its tree, its `.git` included. The harness reads that tree
//! with its own repository and its own index, so no configuration, hook, filter or attribute
//! driver of theirs is ever in force.
//!
//! *Invariant:* no command of this module runs with a `GIT_DIR` that a driver was given.

mod checkout;
mod driver;
mod fetch;
mod index;
mod look;
mod snapshot;

use std::path::{Path, PathBuf};

use crate::commit::MergeOutcome;
use crate::error::{Error, Result};
use crate::git::Cmd;
use crate::name::{Oid, RefName};
use crate::repo::BareRepo;
use crate::transfer::Remote;

pub use snapshot::{Snapshot, SnapshotRequest};

/// A bare repository of the harness with what it fetched, for any number of trees of one project.
#[derive(Debug, Clone)]
pub struct Cache {
    repo: BareRepo,
}

/// Earlier work on a task, merged onto its base.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PriorMerge {
    /// The tree to work on, with conflict markers where both sides changed the same lines.
    pub tree: Oid,
    /// The conflicted paths; empty if all merged.
    pub conflicts: Vec<String>,
    /// What git says of each.
    pub messages: Vec<String>,
}

/// A tree on disk and the harness's own index of it. The index lies outside of the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tree {
    /// The folder that the driver works in.
    pub dir: PathBuf,
    /// The index file.
    pub index: PathBuf,
}

impl Cache {
    /// The repository itself.
    #[must_use]
    pub fn repo(&self) -> &BareRepo {
        &self.repo
    }

    /// Pushes one commit to one ref; see [`BareRepo::push_to`].
    ///
    /// # Errors
    /// As there.
    pub async fn push(&self, remote: &Remote, oid: &Oid, name: &RefName) -> Result<()> {
        self.repo.push_to(remote, oid, name).await
    }

    /// Merges earlier work onto a base, markers left in. One process.
    ///
    /// # Errors
    /// As [`BareRepo::merge_tree`].
    pub async fn prior_merge(&self, base: &Oid, prior: &Oid) -> Result<PriorMerge> {
        Ok(match self.repo.merge_tree(base, prior).await? {
            MergeOutcome::Clean { tree } => PriorMerge {
                tree,
                conflicts: Vec::new(),
                messages: Vec::new(),
            },
            MergeOutcome::Conflict {
                tree_with_markers,
                paths,
                messages,
            } => PriorMerge {
                tree: tree_with_markers,
                conflicts: paths,
                messages,
            },
        })
    }

    /// A command on a tree, with the cache as repository and the harness's index.
    fn tree_cmd(&self, tree: &Tree, name: &'static str) -> Cmd {
        self.repo
            .cmd(name)
            .cwd(&tree.dir)
            .env("GIT_WORK_TREE", &tree.dir)
            .env("GIT_INDEX_FILE", &tree.index)
    }
}

/// Removes the index lock that a killed git left; one harness owns the index, and it calls this
/// before each command that writes it.
async fn drop_index_lock(tree: &Tree) -> Result<()> {
    let mut lock = tree.index.clone().into_os_string();
    lock.push(".lock");
    remove_file(Path::new(&lock)).await
}

/// Removes the index. A tree without one is not used again.
async fn drop_index(tree: &Tree) -> Result<()> {
    remove_file(&tree.index).await
}

/// Absent is fine.
async fn remove_file(path: &Path) -> Result<()> {
    match tokio::fs::remove_file(path).await {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::io("remove", path)(error))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}
