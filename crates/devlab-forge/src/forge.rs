//! What a forge does with a patch, for plain git and for forges to come.
//!
//! Title, state, comments and verdicts of a patch are the lab's records. A forge is told of each
//! change so that it can carry it: plain git carries the head under a ref that anyone may fetch; a
//! forge with records of its own (Radicle) also carries the words.

use async_trait::async_trait;

use crate::error::{Error, Result};
use crate::inspect::{CommitInfo, FileStat};
use crate::name::{Oid, RefName};
use crate::refs::RefUpdate;
use crate::repo::BareRepo;

/// Most commits shown of a patch.
pub const PATCH_COMMITS_MAX: usize = 250;

/// A patch, as a forge needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PatchSpec {
    /// The lab's id of it.
    pub id: String,
    /// Its title.
    pub title: String,
    /// Its description, Markdown.
    pub description: String,
    /// The head of the target it is for.
    pub base: Oid,
    /// What it would merge.
    pub head: Oid,
}

/// A patch, as its repository shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PatchView {
    /// The ref that holds its head.
    pub head_ref: RefName,
    /// Where the patch leaves its target's history; the left side of its diff.
    pub merge_base: Oid,
    /// Its commits, newest first.
    pub commits: Vec<CommitInfo>,
    /// What it changes.
    pub stat: Vec<FileStat>,
}

/// What a reviewer decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It may be merged.
    Accept,
    /// It may not.
    Reject,
}

/// A place where patches live. Every call may be repeated: a second one changes nothing.
#[async_trait]
pub trait Forge: Send + Sync {
    /// Its name in configuration: `git`, `radicle`.
    fn kind(&self) -> &'static str;

    /// Makes a patch known, or gives a known one a new head.
    async fn put(&self, repo: &BareRepo, patch: &PatchSpec) -> Result<PatchView>;

    /// Carries a comment by `author`.
    async fn comment(&self, repo: &BareRepo, id: &str, author: &str, text: &str) -> Result<()>;

    /// Carries a verdict of `reviewer` on `head`.
    async fn review(
        &self,
        repo: &BareRepo,
        id: &str,
        reviewer: &str,
        head: &Oid,
        verdict: Verdict,
    ) -> Result<()>;

    /// The patch was merged by commit `merge`.
    async fn merged(&self, repo: &BareRepo, id: &str, merge: &Oid) -> Result<()>;

    /// The patch was closed without a merge.
    async fn closed(&self, repo: &BareRepo, id: &str) -> Result<()>;
}

/// Plain git: `refs/devlab/patches/<id>/head`, and `/merge` once merged.
///
/// Both stay after the patch ended, so that its diff can be shown for as long as the lab keeps it.
#[derive(Debug, Clone, Copy, Default)]
pub struct GitForge;

fn patch_ref(id: &str, leaf: &str) -> Result<RefName> {
    if id.is_empty()
        || !id
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
    {
        return Err(Error::invalid(
            "patch id",
            id,
            "letters, digits, _ and - only",
        ));
    }
    Ok(format!("refs/devlab/patches/{id}/{leaf}").parse()?)
}

/// Points a ref at a commit wherever it was. No process if it is there, else one.
async fn point(repo: &BareRepo, name: &RefName, to: &Oid) -> Result<()> {
    let old = repo.resolve(name).await?;
    if old.as_ref() == Some(to) {
        return Ok(());
    }
    repo.update_refs(&[RefUpdate {
        name: name.clone(),
        old,
        new: Some(to.clone()),
    }])
    .await
}

#[async_trait]
impl Forge for GitForge {
    fn kind(&self) -> &'static str {
        "git"
    }

    /// Four processes, three if the head is known.
    async fn put(&self, repo: &BareRepo, patch: &PatchSpec) -> Result<PatchView> {
        let head_ref = patch_ref(&patch.id, "head")?;
        point(repo, &head_ref, &patch.head).await?;
        let base = repo.merge_base(&patch.base, &patch.head).await?;
        let merge_base = base.ok_or_else(|| Error::UnrelatedHistories {
            ours: patch.base.clone(),
            theirs: patch.head.clone(),
        })?;
        let (commits, stat) = tokio::try_join!(
            repo.log(Some(&merge_base), &patch.head, PATCH_COMMITS_MAX),
            repo.diff_stat(&merge_base, &patch.head)
        )?;
        Ok(PatchView {
            head_ref,
            merge_base,
            commits,
            stat,
        })
    }

    /// Plain git has no place for words: the lab's records are the only copy.
    async fn comment(&self, _repo: &BareRepo, id: &str, _author: &str, _text: &str) -> Result<()> {
        patch_ref(id, "head").map(drop)
    }

    /// Plain git has no place for verdicts: the lab's records are the only copy.
    async fn review(
        &self,
        _repo: &BareRepo,
        id: &str,
        _reviewer: &str,
        _head: &Oid,
        _verdict: Verdict,
    ) -> Result<()> {
        patch_ref(id, "head").map(drop)
    }

    async fn merged(&self, repo: &BareRepo, id: &str, merge: &Oid) -> Result<()> {
        point(repo, &patch_ref(id, "merge")?, merge).await
    }

    /// The head stays, so that a closed patch can still be shown and opened again.
    async fn closed(&self, _repo: &BareRepo, id: &str) -> Result<()> {
        patch_ref(id, "head").map(drop)
    }
}
