//! A `.git` for the driver, made without running git.

use std::path::Path;

use crate::commit::Signature;
use crate::error::{Error, Result};
use crate::name::Oid;
use crate::worktree::{Cache, Tree};

impl Cache {
    /// Gives a tree that was just checked out a `.git` of its own at the detached commit `base`,
    /// so that the driver's git commands work: `git status` is clean there (or shows, as staged,
    /// how the tree differs from `base`), `git log` has the history, commits have an author.
    ///
    /// Its objects are its own; those of the cache are read through `alternates`. The harness
    /// never reads it again. No process.
    ///
    /// # Errors
    /// A file cannot be written, or the tree has a `.git` already.
    pub async fn driver_git_dir(&self, tree: &Tree, base: &Oid, author: &Signature) -> Result<()> {
        let dir = tree.dir.join(".git");
        tokio::fs::create_dir(&dir)
            .await
            .map_err(Error::io("create", &dir))?;
        for folder in [
            "objects/info",
            "objects/pack",
            "refs/heads",
            "refs/tags",
            "info",
        ] {
            let path = dir.join(folder);
            tokio::fs::create_dir_all(&path)
                .await
                .map_err(Error::io("create", &path))?;
        }
        let alternates = format!("{}\n", self.repo.dir().join("objects").display());
        write(&dir.join("objects/info/alternates"), &alternates).await?;
        write(&dir.join("HEAD"), &format!("{base}\n")).await?;
        write(&dir.join("config"), &config(base, author)).await?;
        let index = dir.join("index");
        tokio::fs::copy(&tree.index, &index)
            .await
            .map_err(Error::io("write", &index))?;
        Ok(())
    }
}

fn config(base: &Oid, author: &Signature) -> String {
    // Object ids of 64 digits are SHA-256, which a repository must declare.
    let (version, extension) = if base.as_str().len() == 64 {
        (1, "[extensions]\n\tobjectFormat = sha256\n")
    } else {
        (0, "")
    };
    format!(
        "[core]\n\trepositoryformatversion = {version}\n\tfilemode = true\n\tbare = false\n\tlogallrefupdates = true\n\
         {extension}[user]\n\tname = \"{}\"\n\temail = \"{}\"\n[gc]\n\tauto = 0\n[advice]\n\tdetachedHead = false\n",
        escaped(author.name()),
        escaped(author.email()),
    )
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}

async fn write(path: &Path, text: &str) -> Result<()> {
    tokio::fs::write(path, text)
        .await
        .map_err(Error::io("write", path))
}
