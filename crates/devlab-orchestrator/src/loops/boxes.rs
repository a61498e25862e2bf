//! Boxes of a Spec-Kit feature: ticked by devlab when the feature's goal goes into its target, and by
//! nobody else. It happens to what is merged, so that the tree that is proven is the tree that lands.

use std::collections::BTreeSet;

use devlab_core::Oid;
use devlab_core::limits::PLAN_FILE_BYTES_MAX;
use devlab_core::plan::spec_kit::{tick, with_boxes_of};
use devlab_core::rules::plan::Boxes;
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
    let (path, what) = match boxes {
        Boxes::Tick { path, .. } => (path, "Tick what is done"),
        Boxes::Keep { path, .. } => (path, "Leave the boxes as they are"),
    };
    let set = match boxes {
        Boxes::Tick { done, .. } => ticked(repo, target, head, path, done).await?,
        Boxes::Keep { merges, .. } => kept(repo, target, head, path, merges.as_ref()).await?,
    };
    let Some(set) = set else {
        return Ok(head.clone());
    };
    let tree = repo
        .tree_with_file(&set.tree, path, set.text.as_bytes())
        .await?;
    let devlab = Signature::devlab();
    let mut parents = vec![head];
    parents.extend(set.with_target.then_some(target));
    let commit = NewCommit {
        tree: &tree,
        parents: &parents,
        message: &format!("{what} in {path}\n\nDevlab-Task: {task}\n"),
        author: &devlab,
        committer: &devlab,
        time_secs,
    };
    Ok(repo.commit_tree(&commit).await?)
}

/// Boxes to set.
struct Set {
    /// The commit or tree in which they are set.
    tree: Oid,
    /// The file with them.
    text: String,
    /// Whether the tree has the target in it.
    with_target: bool,
}

/// The ticks of a feature's goal. If the target has another version of the file, such as one with the
/// tasks that came with a later plan, they are set in what both come to: on the result alone they
/// would miss those tasks, or conflict with the lines beside them.
async fn ticked(
    repo: &BareRepo,
    target: &Oid,
    head: &Oid,
    path: &str,
    done: &BTreeSet<String>,
) -> Result<Option<Set>> {
    let done: BTreeSet<&str> = done.iter().map(String::as_str).collect();
    let own = text(repo, head, path).await?;
    let theirs = text(repo, target, path).await?;
    let mut tree = head.clone();
    let mut with_target = false;
    if theirs.is_some() && theirs != own {
        match repo.merge_tree(target, head).await {
            Ok(MergeOutcome::Clean { tree: both }) => {
                tree = both;
                with_target = true;
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
    let before = match with_target {
        true => text(repo, &tree, path).await?,
        false => own,
    };
    Ok(before.and_then(|before| {
        let text = tick(&before, &done);
        (text != before).then_some(Set {
            tree,
            text,
            with_target,
        })
    }))
}

/// The boxes of the result of one task of a feature: as its target has them, whatever its agent did
/// to them. What it merged besides brings its own along.
async fn kept(
    repo: &BareRepo,
    target: &Oid,
    head: &Oid,
    path: &str,
    merges: Option<&Oid>,
) -> Result<Option<Set>> {
    let own = text(repo, head, path).await?;
    let theirs = text(repo, target, path).await?;
    let (Some(own), Some(theirs)) = (own, theirs) else {
        return Ok(None);
    };
    let brought = match merges {
        Some(merged) => text(repo, merged, path).await?,
        None => None,
    };
    let text = with_boxes_of(&own, &theirs, brought.as_deref());
    Ok((text != own).then_some(Set {
        tree: head.clone(),
        text,
        with_target: false,
    }))
}

/// A file, if it is there and is text of a size that a plan is made from.
async fn text(repo: &BareRepo, commit: &Oid, path: &str) -> Result<Option<String>> {
    match repo.read_file(commit, path, PLAN_FILE_BYTES_MAX).await {
        Ok(bytes) => Ok(bytes.and_then(|bytes| String::from_utf8(bytes).ok())),
        Err(error) if error.is_too_large() => Ok(None),
        Err(error) => Err(error.into()),
    }
}
