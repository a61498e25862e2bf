//! Building a candidate: the results of tasks merged, one after the other, onto a target's head.

use crate::commit::{MergeOutcome, NewCommit, Signature};
use crate::error::{Error, Result};
use crate::name::{Oid, RefName};
use crate::refs::RefUpdate;
use crate::repo::BareRepo;

/// Most tasks in one candidate.
pub const BATCH_MAX: usize = 64;
/// Longest task title in the subject of a merge, in characters.
const TITLE_CHARS_MAX: usize = 120;

/// One task's result, to be merged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// The commit to merge.
    pub head: Oid,
    /// The task's id, for the trailer.
    pub task: String,
    /// The task's title, for the subject.
    pub title: String,
    /// The number of the attempt that made it; `None` for the result of a composite.
    pub attempt: Option<u32>,
}

/// A candidate that was built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Built {
    /// The last merge; what will be published.
    pub tip: Oid,
    /// Its tree: what checks run on, and receipts name.
    pub tree: Oid,
    /// The merge of each part, in their order.
    pub merges: Vec<Oid>,
}

/// What building came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// All parts merged.
    Built(Built),
    /// A part does not merge onto those before it; nothing was kept.
    Conflict {
        /// Which part, counted from 0.
        index: usize,
        /// The commit it was merged onto.
        onto: Oid,
        /// The conflicted paths.
        paths: Vec<String>,
        /// What git says of each.
        messages: Vec<String>,
    },
    /// A part can never be merged; nothing was kept.
    Unmergeable {
        /// Which part, counted from 0.
        index: usize,
        /// Why, in words.
        why: String,
    },
}

/// Merges `parts` in order onto `target`, and keeps the result under `keep`.
///
/// Each merge has two parents (the head so far, the part's head) and is a pure function of both,
/// of the part and of `time_secs`, so that building again after a crash gives the same ids. Nothing
/// is checked out. Two processes for each part, and one for the keep-ref.
///
/// # Errors
/// No parts or more than [`BATCH_MAX`];
/// [`Error::RefMoved`] if `keep` names something else already.
pub async fn build(
    repo: &BareRepo,
    target: &Oid,
    parts: &[Part],
    time_secs: i64,
    keep: &RefName,
) -> Result<Outcome> {
    if parts.is_empty() || parts.len() > BATCH_MAX {
        return Err(Error::invalid(
            "candidate",
            keep.as_str(),
            "needs between 1 and 64 parts",
        ));
    }
    let mut built = Built {
        tip: target.clone(),
        tree: target.clone(),
        merges: Vec::with_capacity(parts.len()),
    };
    for (index, part) in parts.iter().enumerate() {
        let merged = match repo.merge_tree(&built.tip, &part.head).await {
            Err(error @ (Error::UnrelatedHistories { .. } | Error::Missing { .. })) => {
                let why = error.to_string();
                return Ok(Outcome::Unmergeable { index, why });
            }
            merged => merged?,
        };
        match merged {
            MergeOutcome::Clean { tree } => {
                built.tip = merge_commit(repo, &built.tip, part, &tree, time_secs).await?;
                built.tree = tree;
                built.merges.push(built.tip.clone());
            }
            MergeOutcome::Conflict {
                tree_with_markers: _,
                paths,
                messages,
            } => {
                return Ok(Outcome::Conflict {
                    index,
                    onto: built.tip,
                    paths,
                    messages,
                });
            }
        }
    }
    keep_commit(repo, keep, &built.tip).await?;
    Ok(Outcome::Built(built))
}

/// Makes sure that `keep` names `tip`; the same call again changes nothing.
async fn keep_commit(repo: &BareRepo, keep: &RefName, tip: &Oid) -> Result<()> {
    let update = RefUpdate {
        name: keep.clone(),
        old: None,
        new: Some(tip.clone()),
    };
    match repo.update_refs(&[update]).await {
        Err(Error::RefMoved {
            actual: Some(actual),
            ..
        }) if actual == *tip => Ok(()),
        other => other,
    }
}

async fn merge_commit(
    repo: &BareRepo,
    onto: &Oid,
    part: &Part,
    tree: &Oid,
    time_secs: i64,
) -> Result<Oid> {
    let devlab = Signature::devlab();
    let message = message(part);
    let parents = [onto, &part.head];
    let commit = NewCommit {
        tree,
        parents: &parents,
        message: &message,
        author: &devlab,
        committer: &devlab,
        time_secs,
    };
    repo.commit_tree(&commit).await
}

/// One line of the title: a title cannot add trailers of its own.
fn message(part: &Part) -> String {
    let spaced: String = part
        .title
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let title: String = words.join(" ").chars().take(TITLE_CHARS_MAX).collect();
    let task: String = part.task.chars().filter(|c| !c.is_control()).collect();
    let attempt = part
        .attempt
        .map(|number| format!("Devlab-Attempt: {number}\n"))
        .unwrap_or_default();
    format!("Merge: {title}\n\nDevlab-Task: {task}\n{attempt}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_cannot_forge_a_trailer() {
        let part = Part {
            head: "a".repeat(40).parse().unwrap(),
            task: "task_1".into(),
            title: "fix\n\nDevlab-Task: task_2".into(),
            attempt: Some(3),
        };
        assert_eq!(
            message(&part),
            "Merge: fix Devlab-Task: task_2\n\nDevlab-Task: task_1\nDevlab-Attempt: 3\n"
        );
    }
}
