//! Writing a tree to disk.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::git::LONG_TIMEOUT;
use crate::name::Oid;
use crate::worktree::index::Entry;
use crate::worktree::{Cache, Tree, drop_index, drop_index_lock};

impl Cache {
    /// Writes the files of a commit or tree into an empty (or absent) folder, and their state into
    /// the index. No filter runs; git refuses entries named `.git` in any spelling, and does not
    /// write through links. One process.
    ///
    /// # Errors
    /// [`Error::NotEmpty`] if the folder has content or is a link; git's failure.
    pub async fn checkout_tree(&self, what: &Oid, tree: &Tree) -> Result<()> {
        make_empty_dir(&tree.dir).await?;
        if let Some(parent) = tree.index.parent() {
            tokio::fs::create_dir_all(parent)
                .await
                .map_err(Error::io("create", parent))?;
        }
        drop_index_lock(tree).await?;
        drop_index(tree).await?;
        self.tree_cmd(tree, "read-tree")
            .args(["--reset", "-u", what.as_str()])
            .timeout(LONG_TIMEOUT)
            .ok()
            .await?;
        Ok(())
    }

    /// Makes a tree that was used before hold exactly the files of a commit or tree, as
    /// [`Cache::checkout_tree`] would, but writes only what differs. First everything goes that the
    /// tree's index does not name, ignored files, nested repositories and the driver's `.git`
    /// included; then git turns what the index names into what is wanted. One process; for a
    /// thousand files a fraction of a new checkout.
    ///
    /// A changed file is noticed by its inode and its change time, which a driver cannot set. What
    /// is not undone: modes and attributes that git does not store. All processes that used the
    /// tree must have ended. If anything stands in the way, the tree is made anew.
    ///
    /// # Errors
    /// As [`Cache::checkout_tree`].
    pub async fn reset_tree(&self, what: &Oid, tree: &Tree) -> Result<()> {
        if let Err(error) = self.reset_in_place(what, tree).await {
            tracing::debug!(%error, dir = %tree.dir.display(), "a used tree is made anew");
            remove_any(&tree.dir).await?;
            return self.checkout_tree(what, tree).await;
        }
        Ok(())
    }

    async fn reset_in_place(&self, what: &Oid, tree: &Tree) -> Result<()> {
        let meta = tokio::fs::symlink_metadata(&tree.dir)
            .await
            .map_err(Error::io("read", &tree.dir))?;
        if !meta.is_dir() {
            return Err(Error::NotEmpty {
                path: tree.dir.clone(),
            });
        }
        drop_index_lock(tree).await?;
        let listed = self.listed(tree, what).await?;
        let root = tree.dir.clone();
        let swept =
            tokio::task::spawn_blocking(move || sweep(&root, &Tracked::of(&listed.entries())));
        let swept = swept
            .await
            .unwrap_or_else(|join| Err(std::io::Error::other(join)));
        if let Some(path) = swept.map_err(Error::io("clear", &tree.dir))? {
            return Err(Error::NotEmpty { path });
        }
        self.tree_cmd(tree, "read-tree")
            .args(["--reset", "-u", what.as_str()])
            .timeout(LONG_TIMEOUT)
            .ok()
            .await?;
        Ok(())
    }
}

/// What an index names, as paths from the tree's root.
#[derive(Default)]
struct Tracked<'a> {
    files: HashSet<&'a Path>,
    folders: HashSet<&'a Path>,
}

impl<'a> Tracked<'a> {
    /// A submodule is a folder of which nothing is named.
    fn of(entries: &[Entry<'a>]) -> Self {
        let mut tracked = Self::default();
        for entry in entries {
            let path = Path::new(OsStr::from_bytes(entry.path));
            if entry.is_submodule {
                tracked.folders.insert(path);
            } else {
                tracked.files.insert(path);
            }
            for folder in path.ancestors().skip(1) {
                if !tracked.folders.insert(folder) {
                    break;
                }
            }
        }
        tracked
    }
}

/// Whether git reads attributes of files from this one.
pub(super) fn has_attributes(path: &Path) -> bool {
    path.file_name()
        .is_some_and(|name| name.eq_ignore_ascii_case(".gitattributes"))
}

/// Removes everything that is not tracked, and every `.git`, below tracked folders too: git passes
/// over both in places. Returns the first tracked file of attributes, if there is one: their change
/// rewrites no file that has not changed itself, so such a tree is of no use.
fn sweep(root: &Path, tracked: &Tracked<'_>) -> std::io::Result<Option<PathBuf>> {
    if let Some(path) = tracked.files.iter().find(|path| has_attributes(path)) {
        return Ok(Some(root.join(path)));
    }
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(root.join(&folder))? {
            let entry = entry?;
            let (name, is_dir) = (entry.file_name(), entry.file_type()?.is_dir());
            let path = folder.join(&name);
            // File systems that fold case would let `.GIT` through.
            let is_git = name.eq_ignore_ascii_case(".git");
            match is_dir {
                true if !is_git && tracked.folders.contains(path.as_path()) => folders.push(path),
                true => std::fs::remove_dir_all(entry.path())?,
                false if is_git || !tracked.files.contains(path.as_path()) => {
                    std::fs::remove_file(entry.path())?;
                }
                false => {}
            }
        }
    }
    Ok(None)
}

/// Removes a folder, a file or a link (not what it leads to); absent is fine.
async fn remove_any(path: &Path) -> Result<()> {
    let removed = match tokio::fs::symlink_metadata(path).await {
        Ok(meta) if meta.is_dir() => tokio::fs::remove_dir_all(path).await,
        Ok(_) => tokio::fs::remove_file(path).await,
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::io("remove", path)(error))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

async fn make_empty_dir(dir: &Path) -> Result<()> {
    tokio::fs::create_dir_all(dir)
        .await
        .map_err(Error::io("create", dir))?;
    let meta = tokio::fs::symlink_metadata(dir)
        .await
        .map_err(Error::io("read", dir))?;
    let mut entries = tokio::fs::read_dir(dir)
        .await
        .map_err(Error::io("read", dir))?;
    let first = entries.next_entry().await.map_err(Error::io("read", dir))?;
    if meta.is_dir() && first.is_none() {
        Ok(())
    } else {
        Err(Error::NotEmpty {
            path: dir.to_owned(),
        })
    }
}
