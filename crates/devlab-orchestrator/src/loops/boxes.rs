//! Boxes of a Spec-Kit feature: ticked by devlab when the feature's goal goes into its target, and by
//! nobody else. It happens to what is merged, so that the tree that is proven is the tree that lands.

use std::collections::BTreeSet;

use devlab_core::Oid;
use devlab_core::limits::PLAN_FILE_BYTES_MAX;
use devlab_core::plan::spec_kit::{tick, with_boxes_of};
use devlab_core::rules::plan::Boxes;
use devlab_forge::BareRepo;
use devlab_forge::commit::{NewCommit, Signature};

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
    let (path, what) = match boxes {
        Boxes::Tick { path, .. } => (path, "Tick what is done"),
        Boxes::Keep { path } => (path, "Leave the boxes as they are"),
    };
    let Some(text) = text(repo, head, path).await? else {
        return Ok(head.clone());
    };
    let new = match boxes {
        Boxes::Tick { done, .. } => {
            let done: BTreeSet<&str> = done.iter().map(String::as_str).collect();
            tick(&text, &done)
        }
        Boxes::Keep { path } => match self::text(repo, target, path).await? {
            Some(theirs) => with_boxes_of(&text, &theirs),
            None => return Ok(head.clone()),
        },
    };
    if new == text {
        return Ok(head.clone());
    }
    let tree = repo.tree_with_file(head, path, new.as_bytes()).await?;
    let devlab = Signature::devlab();
    let commit = NewCommit {
        tree: &tree,
        parents: &[head],
        message: &format!("{what} in {path}\n\nDevlab-Task: {task}\n"),
        author: &devlab,
        committer: &devlab,
        time_secs,
    };
    Ok(repo.commit_tree(&commit).await?)
}

/// A file, if it is there and is text of a size that a plan is made from.
async fn text(repo: &BareRepo, commit: &Oid, path: &str) -> Result<Option<String>> {
    match repo.read_file(commit, path, PLAN_FILE_BYTES_MAX).await {
        Ok(bytes) => Ok(bytes.and_then(|bytes| String::from_utf8(bytes).ok())),
        Err(error) if error.is_too_large() => Ok(None),
        Err(error) => Err(error.into()),
    }
}
