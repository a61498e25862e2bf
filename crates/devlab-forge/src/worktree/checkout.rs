//! Writing a tree to disk.

use std::path::Path;

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
