//! What a driver has changed by now, seen without being in its way.

use std::path::Path;
use std::time::Duration;

use crate::error::{Error, Result};
use crate::name::Oid;
use crate::worktree::{Cache, Tree, drop_index_lock, remove_file};

/// A look takes no longer.
const LOOK_TIMEOUT: Duration = Duration::from_secs(20);
/// Most that a look reads of git's list.
const LIST_BYTES_MAX: usize = 1 << 20;

/// Git reads a file anew that was written when its index was, or later: so the copy is as old as the
/// index, or a change in the same tick would be missed.
fn copy_with_time(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::copy(from, to)?;
    let written = std::fs::metadata(from)?.modified()?;
    let copy = std::fs::File::options().write(true).open(to)?;
    copy.set_modified(written)
}

impl Cache {
    /// The paths that differ from `base` now: tracked files, and what is new and not ignored, a folder
    /// that is wholly new as one path with a slash at its end. The driver may be at work: what it
    /// changes meanwhile may be missing. Git gets a copy of the index, so that neither the harness nor
    /// a snapshot finds anything changed or locked. Two processes, at the same time.
    ///
    /// # Errors
    /// A tree that was not checked out; git's failure; more than 1 MiB of paths.
    pub async fn touched(&self, tree: &Tree, base: &Oid) -> Result<Vec<String>> {
        let mut name = tree.index.clone().into_os_string();
        name.push(".look");
        let copy = Tree {
            dir: tree.dir.clone(),
            index: name.into(),
        };
        // A look that was cut short has left its own.
        drop_index_lock(&copy).await?;
        let (from, to) = (tree.index.clone(), copy.index.clone());
        let copied = tokio::task::spawn_blocking(move || copy_with_time(&from, &to)).await;
        copied
            .map_err(std::io::Error::other)
            .flatten()
            .map_err(Error::io("copy", &tree.index))?;
        let looked = self.differing(&copy, base).await;
        remove_file(&copy.index).await?;
        looked
    }

    async fn differing(&self, copy: &Tree, base: &Oid) -> Result<Vec<String>> {
        let list = |name, args: &[&str]| {
            let cmd = self.tree_cmd(copy, name).args(args);
            let cmd = cmd.timeout(LOOK_TIMEOUT).stdout_bytes_max(LIST_BYTES_MAX);
            async move {
                let out = cmd.ok().await?;
                let paths = out.split(|byte| *byte == 0).filter(|path| !path.is_empty());
                let text = |path| String::from_utf8_lossy(path).into_owned();
                Ok::<Vec<String>, Error>(paths.map(text).collect())
            }
        };
        // Nothing of a repository below is looked at: its configuration is the driver's.
        let diff = [
            "--name-only",
            "-z",
            "--no-renames",
            "--no-ext-diff",
            "--no-textconv",
            "--ignore-submodules=all",
            base.as_str(),
            "--",
        ];
        let others = [
            "--others",
            "--exclude-standard",
            "--directory",
            "--no-empty-directory",
            "-z",
        ];
        let (mut changed, new) = tokio::try_join!(list("diff", &diff), list("ls-files", &others))?;
        changed.extend(new);
        changed.sort_unstable();
        changed.dedup();
        Ok(changed)
    }
}
