//! Notes: text that belongs to a commit and is no part of it (`git-notes(1)`).

use crate::commit::{Signature, parse_oid};
use crate::error::Result;
use crate::name::{Oid, RefName};
use crate::repo::BareRepo;

impl BareRepo {
    /// Attaches a text to a commit, in the place of another one. The bytes are kept as they are. Two
    /// processes.
    ///
    /// # Errors
    /// [`crate::Error::Failed`] if there is no such commit, or git's failure.
    pub async fn attach(
        &self,
        notes: &RefName,
        commit: &Oid,
        text: &str,
        time_secs: i64,
    ) -> Result<()> {
        let hash = self
            .cmd("hash-object")
            .args(["-w", "--no-filters", "--stdin"]);
        let blob = parse_oid("hash-object", &hash.stdin(text).ok().await?)?;
        let devlab = Signature::devlab();
        let date = format!("@{} +0000", time_secs.max(0));
        self.cmd("notes")
            .args([
                "--ref",
                notes.as_str(),
                "add",
                "--force",
                "-C",
                blob.as_str(),
            ])
            .arg(commit.as_str())
            .env("GIT_AUTHOR_NAME", devlab.name())
            .env("GIT_AUTHOR_EMAIL", devlab.email())
            .env("GIT_AUTHOR_DATE", &date)
            .env("GIT_COMMITTER_NAME", devlab.name())
            .env("GIT_COMMITTER_EMAIL", devlab.email())
            .env("GIT_COMMITTER_DATE", &date)
            .ok()
            .await?;
        Ok(())
    }

    /// The blob of the text that is attached to a commit. One process.
    ///
    /// # Errors
    /// git cannot be run.
    pub async fn attached(&self, notes: &RefName, commit: &Oid) -> Result<Option<Oid>> {
        let list = self.cmd("notes").args(["--ref", notes.as_str(), "list"]);
        let done = list.arg(commit.as_str()).run().await?;
        match done.code {
            Some(0) => parse_oid("notes", &done.stdout).map(Some),
            _ => Ok(None),
        }
    }
}
