//! Writing a tree to disk.

use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::git::LONG_TIMEOUT;
use crate::name::Oid;
use crate::worktree::{Cache, Tree, drop_index_lock};

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
        match tokio::fs::remove_file(&tree.index).await {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(Error::io("remove", &tree.index)(error));
            }
            Ok(()) | Err(_) => {}
        }
        self.tree_cmd(tree, "read-tree")
            .args(["--reset", "-u", what.as_str()])
            .timeout(LONG_TIMEOUT)
            .ok()
            .await?;
        Ok(())
    }

    /// Makes a tree that was used before hold exactly the files of a commit or tree, as
    /// [`Cache::checkout_tree`] would, but writes only what differs. Everything else goes, ignored
    /// files, nested repositories and the driver's `.git` included. Three processes; for a
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
        end_hidden_state(&tree.dir).await?;
        self.refuse_populated_submodules(tree).await?;
        self.tree_cmd(tree, "read-tree")
            .args(["--reset", "-u", what.as_str()])
            .timeout(LONG_TIMEOUT)
            .ok()
            .await?;
        self.tree_cmd(tree, "clean")
            .args(["-ffdx", "--quiet"])
            .timeout(LONG_TIMEOUT)
            .ok()
            .await?;
        Ok(())
    }
}

/// Removes every `.git` of a tree, which git passes over and would leave where it is, below tracked
/// folders too. A tree with attributes is refused: their change rewrites no file that has not
/// changed itself.
async fn end_hidden_state(dir: &Path) -> Result<()> {
    let root = dir.to_owned();
    let found = tokio::task::spawn_blocking(move || remove_git_dirs(&root)).await;
    let found = found.unwrap_or_else(|join| Err(std::io::Error::other(join)));
    match found.map_err(Error::io("clear", dir))? {
        Some(path) => Err(Error::NotEmpty { path }),
        None => Ok(()),
    }
}

/// Returns the first file of attributes, if there is one.
fn remove_git_dirs(root: &Path) -> std::io::Result<Option<PathBuf>> {
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder)? {
            let entry = entry?;
            let (name, kind) = (entry.file_name(), entry.file_type()?);
            if name.eq_ignore_ascii_case(".gitattributes") {
                return Ok(Some(entry.path()));
            }
            // File systems that fold case would let `.GIT` through.
            match (name.eq_ignore_ascii_case(".git"), kind.is_dir()) {
                (true, true) => std::fs::remove_dir_all(entry.path())?,
                (true, false) => std::fs::remove_file(entry.path())?,
                (false, true) => folders.push(entry.path()),
                (false, false) => {}
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
