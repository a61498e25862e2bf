//! Boxes of a Spec-Kit feature: ticked by devlab when the feature's goal goes into its target, and by
//! nobody else. It happens to what is merged, so that the tree that is proven is the tree that lands.

use std::collections::BTreeSet;

use devlab_core::Oid;
use devlab_core::limits::PLAN_FILE_BYTES_MAX;
use devlab_core::plan::spec_kit as ticks;
use devlab_core::rules::boxes::{Boxes, Tick};
use devlab_forge::BareRepo;
use devlab_forge::commit::{MergeOutcome, NewCommit, Signature};

use crate::error::Result;

/// The commit to merge for a result: the result itself, or one commit on top of it that sets boxes.
/// It is a function of the result, the target's head and the time, so that it can be made again.
pub(super) async fn settled(
    repo: &BareRepo,
    target: &Oid,
    head: &Oid,
    boxes: &Boxes,
    task: &str,
    time_secs: i64,
) -> Result<Oid> {
    let mut set = Set {
        tree: head.clone(),
        with_target: false,
        said: Vec::new(),
    };
    if let Some(tick) = &boxes.tick {
        set.tick(repo, target, head, tick).await?;
    }
    for path in &boxes.keep {
        set.keep(repo, target, path, boxes.merges.as_ref()).await?;
    }
    if set.said.is_empty() {
        return Ok(head.clone());
    }
    let devlab = Signature::devlab();
    let mut parents = vec![head];
    parents.extend(set.with_target.then_some(target));
    let commit = NewCommit {
        tree: &set.tree,
        parents: &parents,
        message: &format!("{}\n\nDevlab-Task: {task}\n", set.said.join(", ")),
        author: &devlab,
        committer: &devlab,
        time_secs,
    };
    Ok(repo.commit_tree(&commit).await?)
}

/// Boxes that are set.
struct Set {
    /// The commit or tree with them.
    tree: Oid,
    /// Whether it has the target in it.
    with_target: bool,
    /// What was done, for people.
    said: Vec<String>,
}

impl Set {
    /// The ticks of a feature. If the target has another version of the file, such as one with the
    /// tasks that came with a later plan, they are set in what both come to: on the result alone they
    /// would miss those tasks, or conflict with the lines beside them.
    async fn tick(&mut self, repo: &BareRepo, target: &Oid, head: &Oid, tick: &Tick) -> Result<()> {
        let path = &tick.path;
        let own = text(repo, head, path).await?;
        let theirs = text(repo, target, path).await?;
        if theirs.is_none() && was_removed(repo, target, head, path).await? {
            return Ok(());
        }
        if theirs.is_some() && theirs != own {
            match repo.merge_tree(target, head).await {
                Ok(MergeOutcome::Clean { tree: both }) => {
                    self.tree = both;
                    self.with_target = true;
                }
                // What does not merge is told to whoever can do something about it, once it is tried.
                Ok(MergeOutcome::Conflict { .. })
                | Err(
                    devlab_forge::Error::UnrelatedHistories { .. }
                    | devlab_forge::Error::Missing { .. },
                ) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let before = match self.with_target {
            true => text(repo, &self.tree, path).await?,
            false => own.clone(),
        };
        let planned = match &tick.planned {
            Some(planned) if *planned != *head => planned_text(repo, planned, path).await?,
            _ => None,
        };
        let own = own.unwrap_or_default();
        let planned = planned.as_ref().unwrap_or(&own);
        let done: BTreeSet<&str> = tick.done.iter().map(String::as_str).collect();
        let after = before
            .as_ref()
            .map(|before| ticks::tick(before, &done, planned, &own));
        match after.filter(|after| before.as_ref() != Some(after)) {
            Some(after) => self.put(repo, "Tick what is done", path, &after).await,
            // Nothing is ticked, so nothing is made of both.
            None => {
                self.tree = head.clone();
                self.with_target = false;
                Ok(())
            }
        }
    }

    /// The boxes of a feature that the result is a part of: as its target has them, whatever its agent
    /// did to them. What it merged besides brings its own along.
    async fn keep(
        &mut self,
        repo: &BareRepo,
        target: &Oid,
        path: &str,
        merges: Option<&Oid>,
    ) -> Result<()> {
        let own = text(repo, &self.tree, path).await?;
        let theirs = text(repo, target, path).await?;
        let (Some(own), Some(theirs)) = (own, theirs) else {
            return Ok(());
        };
        let brought = match merges {
            Some(merged) => text(repo, merged, path).await?,
            None => None,
        };
        let after = ticks::with_boxes_of(&own, &theirs, brought.as_deref());
        if after == own {
            return Ok(());
        }
        self.put(repo, "Leave the boxes as they are", path, &after)
            .await
    }

    async fn put(&mut self, repo: &BareRepo, what: &str, path: &str, text: &str) -> Result<()> {
        self.tree = repo
            .tree_with_file(&self.tree, path, text.as_bytes())
            .await?;
        self.said.push(format!("{what} in {path}"));
        Ok(())
    }
}

/// Whether the target had a file once that it does not have now.
async fn was_removed(repo: &BareRepo, target: &Oid, head: &Oid, path: &str) -> Result<bool> {
    let Some(base) = repo.merge_base(target, head).await? else {
        return Ok(false);
    };
    Ok(text(repo, &base, path).await?.is_some())
}

/// The file that was planned, if its commit is still there: nothing keeps one that a branch has left.
async fn planned_text(repo: &BareRepo, commit: &Oid, path: &str) -> Result<Option<String>> {
    let missing = repo.missing_objects(std::slice::from_ref(commit)).await?;
    match missing.is_empty() {
        true => text(repo, commit, path).await,
        false => Ok(None),
    }
}

/// A file, if it is there and is text of a size that a plan is made from.
async fn text(repo: &BareRepo, commit: &Oid, path: &str) -> Result<Option<String>> {
    match repo.read_file(commit, path, PLAN_FILE_BYTES_MAX).await {
        Ok(bytes) => Ok(bytes.and_then(|bytes| String::from_utf8(bytes).ok())),
        Err(error) if error.is_too_large() => Ok(None),
        Err(error) => Err(error.into()),
    }
}
