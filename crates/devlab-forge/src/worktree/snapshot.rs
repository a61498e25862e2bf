//! Making one commit of whatever the driver left in its tree.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::commit::{NewCommit, Signature, parse_oid};
use crate::error::{Error, Result};
use crate::git::LONG_TIMEOUT;
use crate::inspect::{Change, EntryKind};
use crate::name::Oid;
use crate::worktree::checkout::has_attributes;
use crate::worktree::{Cache, Tree, drop_index, drop_index_lock};

/// Most patterns that may be left out of a snapshot.
const EXCLUDES_MAX: usize = 1_000;

/// What to commit, and how.
#[derive(Debug, Clone)]
pub struct SnapshotRequest<'a> {
    /// First parent, and what changes are counted against.
    pub base: &'a Oid,
    /// Further parents: the prior work that was merged in.
    pub extra_parents: &'a [&'a Oid],
    /// The message.
    pub message: &'a str,
    /// The agent.
    pub author: &'a Signature,
    /// devlab.
    pub committer: &'a Signature,
    /// Both dates, in seconds since 1970.
    pub time_secs: i64,
    /// Patterns as in `.gitignore` of files that the harness put there. They hold for files that
    /// the base does not track.
    pub excludes: &'a [String],
}

/// The commit that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// Its id.
    pub commit: Oid,
    /// Its tree.
    pub tree: Oid,
    /// How it differs from the base; empty if the driver changed nothing.
    pub changes: Vec<Change>,
}

impl Cache {
    /// Commits all files of the tree that its `.gitignore` does not name, in place of whatever the
    /// driver committed itself. Four processes, two of them at the same time.
    ///
    /// # Errors
    /// [`Error::NestedRepository`] if the driver left a repository inside the tree, which git
    /// would store as a bare reference to a commit that nobody else has.
    pub async fn snapshot(&self, tree: &Tree, request: &SnapshotRequest<'_>) -> Result<Snapshot> {
        drop_index_lock(tree).await?;
        self.refuse_populated_submodules(tree, request.base).await?;
        self.add_all(tree, request.excludes).await?;
        let written = parse_oid("write-tree", &self.tree_cmd(tree, "write-tree").ok().await?)?;
        let parents: Vec<&Oid> = std::iter::once(request.base)
            .chain(request.extra_parents.iter().copied())
            .collect();
        let commit = NewCommit {
            tree: &written,
            parents: &parents,
            message: request.message,
            author: request.author,
            committer: request.committer,
            time_secs: request.time_secs,
        };
        let (changes, oid) = tokio::try_join!(
            self.repo.changes(request.base, &written),
            self.repo.commit_tree(&commit)
        )?;
        let nested: Vec<String> = changes
            .iter()
            .filter(|change| change.kind == Some(EntryKind::Submodule))
            .map(|change| change.path.clone())
            .collect();
        if !nested.is_empty() {
            return Err(Error::NestedRepository { paths: nested });
        }
        // The index does not say any more which attributes the files were written with.
        if changes
            .iter()
            .any(|change| has_attributes(Path::new(&change.path)))
        {
            drop_index(tree).await?;
        }
        Ok(Snapshot {
            commit: oid,
            tree: written,
            changes,
        })
    }

    /// For a submodule of the base that has a repository in it, `git add` would run `git status`
    /// inside that repository, with its configuration: the driver's. So it is never let there.
    async fn refuse_populated_submodules(&self, tree: &Tree, base: &Oid) -> Result<()> {
        let listed = self.listed(tree, base).await?;
        let mut paths = Vec::new();
        for entry in listed.entries() {
            if !entry.is_submodule {
                continue;
            }
            let path = Path::new(OsStr::from_bytes(entry.path));
            if tokio::fs::symlink_metadata(tree.dir.join(path).join(".git"))
                .await
                .is_ok()
            {
                paths.push(path.to_string_lossy().into_owned());
            }
        }
        if paths.is_empty() {
            Ok(())
        } else {
            Err(Error::NestedRepository { paths })
        }
    }

    async fn add_all(&self, tree: &Tree, excludes: &[String]) -> Result<()> {
        if excludes.len() > EXCLUDES_MAX {
            return Err(Error::invalid("excludes", "", "more than 1000 patterns"));
        }
        let file = excludes_file(tree);
        let text: String = excludes
            .iter()
            .map(|pattern| format!("{}\n", pattern.replace(['\n', '\r', '\0'], "")))
            .collect();
        tokio::fs::write(&file, text)
            .await
            .map_err(Error::io("write", &file))?;
        let done = self
            .tree_cmd(tree, "add")
            .arg("--all")
            .config("core.excludesFile", file.to_string_lossy())
            .config("advice.addEmbeddedRepo", "false")
            .timeout(LONG_TIMEOUT)
            .run()
            .await?;
        if done.code == Some(0) {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&done.stderr);
        let empty = said
            .lines()
            .filter_map(|line| line.strip_suffix("' does not have a commit checked out"));
        let paths: Vec<String> = empty
            .filter_map(|line| line.split_once('\''))
            .map(|(_, path)| path.to_owned())
            .collect();
        if paths.is_empty() {
            Err(Error::failed("add", done.code, &done.stderr))
        } else {
            Err(Error::NestedRepository { paths })
        }
    }
}

fn excludes_file(tree: &Tree) -> PathBuf {
    let mut name = tree.index.clone().into_os_string();
    name.push(".excludes");
    name.into()
}
